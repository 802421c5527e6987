"""Settings: where our files live, what a feed's TOML file may say, which environment variables override what.

For: one typed, checked answer to each question of configuration, with the place it came from.  Not for instruments or venues: whether a symbol exists is
known only to the venue, and is said by the feed.  Every mistake is a `ConfigError` that names file, key, rule and value, and near matches where there are any.

    [feed]                              [net]                       [limits]               [endpoints]
    name      = "binance"               send_type = "shm"           feed_stale_ms = 500    rest   = "https://..."
    venue     = "BINANCE"               ip        = "239.1.2.3"     connect_ms    = 5000   stream = "wss://..."
    mode      = "direct"                port      = 15004           ...                    wsapi  = "wss://..."
    symbols   = ["BTCUSDT:20", {symbol = "ETHUSDT", level = 5}]     cafile        = "ca.pem"
    level_num = 5                       netcard   = "eth0"

The environment wins over the file, the file over the default: ``AATS_MODE``, ``AATS_FORMAT``, ``AATS_CAFILE``,
``AATS_ENDPOINT_<VENUE>_<MODE>_<REST|STREAM|STREAM2|STREAM3|WSAPI|PRIVATE>``.
The jitter guard of a trade process has a table of its own, ``[guard]`` (``guard.py``), so have limits of hops, ``[latency]`` (``latency.py``).
"""

from __future__ import annotations

from aats.config.environment import environment
from aats.config.guard import GuardOptions, guard_options
from aats.config.latency import SlowLimit, slow_limits
from aats.config.model import (
    DEFAULT_CONTROL_PORT,
    DEFAULT_PORT,
    FORMATS,
    LEVEL_NUM_MAX,
    MODES,
    SEND_TYPES,
    STREAMS,
    VENUES,
    Endpoints,
    FeedConfig,
    Limits,
    Net,
    SymbolLevel,
    limits,
)
from aats.config.network import check_network
from aats.config.paths import cache_home, config_home, log_dir, run_dir, state_home
from aats.config.read import dump, feed_config, load

__all__ = [
    "DEFAULT_CONTROL_PORT",
    "DEFAULT_PORT",
    "FORMATS",
    "LEVEL_NUM_MAX",
    "MODES",
    "SEND_TYPES",
    "STREAMS",
    "VENUES",
    "Endpoints",
    "FeedConfig",
    "GuardOptions",
    "Limits",
    "Net",
    "SlowLimit",
    "SymbolLevel",
    "cache_home",
    "check_network",
    "config_home",
    "dump",
    "environment",
    "feed_config",
    "guard_options",
    "limits",
    "load",
    "log_dir",
    "run_dir",
    "state_home",
    "slow_limits",
]
