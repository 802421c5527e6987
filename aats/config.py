"""Settings: where our files live, what a feed's TOML file may say, which environment variables override what.

For: one typed, checked answer to each question of configuration, with the place it came from.  Not for instruments or venues: whether a symbol exists is
known only to the venue, and is said by the feed.  Every mistake is a `ConfigError` that names file, key, rule and value, and near matches where there are any.

    [feed]                              [net]                       [limits]               [endpoints]
    name      = "binance"               send_type = "shm"           feed_stale_ms = 500    rest   = "https://..."
    venue     = "BINANCE"               ip        = "239.1.2.3"     connect_ms    = 5000   stream = "wss://..."
    mode      = "direct"                port      = 15004           ...                    wsapi  = "wss://..."
    symbols   = ["BTCUSDT:20", {symbol = "ETHUSDT", level = 5}]     cafile        = "ca.pem"
    level_num = 5                       netcard   = "eth0"

The environment wins over the file, the file over the default: ``AATS_MODE``, ``AATS_CAFILE``, ``AATS_ENDPOINT_<VENUE>_<MODE>_<REST|STREAM|WSAPI>``.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aats.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same module under its older name
    import tomli as tomllib

__all__ = [
    "DEFAULT_CONTROL_PORT",
    "DEFAULT_PORT",
    "LEVEL_NUM_MAX",
    "MODES",
    "SEND_TYPES",
    "STREAMS",
    "VENUES",
    "Endpoints",
    "FeedConfig",
    "Limits",
    "Net",
    "SymbolLevel",
    "cache_home",
    "config_home",
    "dump",
    "environment",
    "feed_config",
    "limits",
    "load",
    "log_dir",
    "run_dir",
    "state_home",
]

VENUES = ("BINANCE",)
MODES = ("direct", "sandbox", "sim")
STREAMS = ("depth", "trade", "bookTicker")
SEND_TYPES = ("shm", "multibroad", "p2p", "broadcast")
LEVEL_NUM_MAX = 1000
DEFAULT_CONTROL_PORT = 8060
DEFAULT_PORT = 15004

# ------------------------------------------------------------------------------------------------------------- paths


def _home(xdg: str, fallback: str) -> Path:
    own = os.environ.get("AATS_HOME")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get(xdg)
    # The XDG rules say that a relative path there is to be ignored.
    return (Path(base) if base and os.path.isabs(base) else Path.home() / fallback) / "aats"


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise ConfigError(f"folder {folder} cannot be made ({exc.strerror}): set AATS_HOME to one that can") from exc
    return folder


def config_home() -> Path:
    """Return the folder of configuration files: ``$AATS_HOME``, else ``~/.config/aats``.  Not created."""
    return _home("XDG_CONFIG_HOME", ".config")


def state_home() -> Path:
    """Return the folder of logs and journals: ``$AATS_HOME``, else ``~/.local/state/aats``; created with mode 0700."""
    return _private(_home("XDG_STATE_HOME", ".local/state"))


def cache_home() -> Path:
    """Return the folder of what can be had again: ``$AATS_HOME/cache``, else ``~/.cache/aats``; created with mode 0700."""
    base = _home("XDG_CACHE_HOME", ".cache")
    return _private(base / "cache" if os.environ.get("AATS_HOME") else base)


def log_dir() -> Path:
    """Return the folder of the logs of started processes, created."""
    return _private(state_home() / "log")


def run_dir() -> Path:
    """Return the folder of files that a running process was started from, created."""
    return _private(state_home() / "run")


# ------------------------------------------------------------------------------------------------------ what is read


@dataclass(frozen=True)
class SymbolLevel:
    """One symbol of a feed and the levels a side that it publishes."""

    symbol: str
    level_num: int


@dataclass(frozen=True)
class Net:
    """Where the records go beside shared memory."""

    send_type: str = "shm"
    ip: str = ""
    port: int = 0
    netcard: str = ""


@dataclass(frozen=True)
class Limits:
    """Time-outs, in the unit that ends the name."""

    feed_ready_ms: int = 30_000
    close_ms: int = 5_000
    stop_ms: int = 8_000
    order_answer_ms: int = 3_000
    order_query_ms: int = 60_000
    connect_ms: int = 5_000
    first_message_ms: int = 10_000
    snapshot_ms: int = 5_000
    feed_stale_ms: int = 500
    hang_ms: int = 10_000
    mute_pings: int = 2


@dataclass(frozen=True)
class Endpoints:
    """Hosts that replace the venue's own, "" where they do not; and the CA file that is trusted instead of the system's."""

    rest: str = ""
    stream: str = ""
    wsapi: str = ""
    cafile: str = ""


@dataclass(frozen=True)
class FeedConfig:
    """All that a feed is told.

    Attributes
    ----------
    where : str
        The file, or what stands for one in messages.
    origins : mapping
        For each ``section.key``: ``default``, the file, or the environment variable that it came from.
    """

    where: str
    name: str
    venue: str
    mode: str
    symbols: tuple[SymbolLevel, ...]
    level_num: int
    ring_depth: int
    dir_cap: int
    open_l2: bool
    fuse_bbo: bool
    streams: tuple[str, ...]
    net: Net
    limits: Limits
    endpoints: Endpoints
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def level_max(self) -> int:
        """Deepest level_num of any symbol, and of those that may be added later."""
        return max([self.level_num, *(one.level_num for one in self.symbols)])

    def values(self) -> dict[str, Any]:
        """Return all values by ``section.key``, in the order of the file."""
        out: dict[str, Any] = {}
        for key in _FEED_KEYS:
            value = getattr(self, key)
            out[f"feed.{key}"] = [f"{one.symbol}:{one.level_num}" for one in value] if key == "symbols" else list(value) if isinstance(value, tuple) else value
        for section in ("net", "limits", "endpoints"):
            out.update({f"{section}.{key}": value for key, value in vars(getattr(self, section)).items()})
        return out


# ------------------------------------------------------------------------------------------------------------- rules
#
# A rule takes a value as TOML gives it and returns the one to use, or raises ValueError with the rule in words.

_Rule = Callable[[Any], Any]


def _near(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value), known, n=2, cutoff=0.5) or [one for one in known if one.lower() == str(value).lower()]
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def _choice(*known: str) -> _Rule:
    def rule(value: Any) -> str:
        for one in known:
            if isinstance(value, str) and one.lower() == value.lower():
                return one
        raise ValueError(f"must be one of {', '.join(known)}{_near(value, known)}")

    return rule


def _number(low: int, high: int, *, power: bool = False) -> _Rule:
    def rule(value: Any) -> int:
        if type(value) is not int or not low <= value <= high or (power and value & (value - 1)):
            raise ValueError(f"must be {'a power of two' if power else 'a whole number'} from {low} to {high}")
        return value

    return rule


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,47}", value) is None:
        raise ValueError("must be 1 to 47 letters, digits, '_' or '-'")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _url(*schemes: str) -> _Rule:
    def rule(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a text")
        if not value:
            return value
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"must be {schemes[0]}://HOST[:PORT][/PATH]" + "".join(f" (or {one}://)" for one in schemes[1:]))
        return value.rstrip("/")

    return rule


def _file(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if value and not Path(value).expanduser().is_file():
        raise ValueError("must be a file that exists")
    return str(Path(value).expanduser()) if value else ""


def _streams(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"must be a list of {', '.join(STREAMS)}")
    return tuple(dict.fromkeys(_choice(*STREAMS)(one) for one in value))


def _symbol(value: Any, level_num: int, venue: str) -> SymbolLevel:
    """Read ``"BTCUSDT"``, ``"BTCUSDT:20"``, ``"BTCUSDT.BINANCE"`` or ``{symbol =, level =}``."""
    level: Any = level_num
    if isinstance(value, Mapping):
        extra = set(value) - {"symbol", "level", "level_num"}
        if extra or "symbol" not in value:
            raise ValueError("must be 'SYMBOL', 'SYMBOL:LEVELS' or {symbol = 'SYMBOL', level = LEVELS}")
        level = value.get("level", value.get("level_num", level_num))
        value = value["symbol"]
    elif isinstance(value, str) and ":" in value:
        value, _, tail = value.partition(":")
        level = int(tail) if tail.isdecimal() and len(tail) < 6 else tail
    if isinstance(value, str) and value.endswith(f".{venue}"):
        value = value[: -len(venue) - 1]
    if not isinstance(value, str) or re.fullmatch(r"[A-Z0-9]{2,24}", value) is None:
        hint = re.sub(r"[^A-Z0-9]", "", value.upper()) if isinstance(value, str) else ""
        raise ValueError(f"must be base and quote in capitals, such as BTCUSDT{f' (did you mean {hint!r}?)' if hint and hint != value else ''}")
    if type(level) is not int or not 1 <= level <= LEVEL_NUM_MAX:
        raise ValueError(f"level of {value} must be a whole number from 1 to {LEVEL_NUM_MAX}, it is {level!r}")
    return SymbolLevel(value, level)


_FEED_KEYS: dict[str, tuple[_Rule, Any]] = {
    "name": (_name, None),
    "venue": (_choice(*VENUES), None),
    "mode": (_choice(*MODES), "direct"),
    "symbols": (lambda value: value, None),
    "level_num": (_number(1, LEVEL_NUM_MAX), 5),
    "ring_depth": (_number(64, 1 << 20, power=True), 8192),
    "dir_cap": (_number(1, 1024), 64),
    "open_l2": (_flag, False),
    "fuse_bbo": (_flag, False),
    "streams": (_streams, STREAMS),
}
_NET_KEYS: dict[str, tuple[_Rule, Any]] = {
    "send_type": (_choice(*SEND_TYPES), "shm"),
    "ip": (_text, ""),
    "port": (_number(0, 65535), 0),
    "netcard": (_text, ""),
}
_LIMIT_KEYS: dict[str, tuple[_Rule, Any]] = {
    key: (_number(1, 20) if key == "mute_pings" else _number(1, 600_000), value) for key, value in vars(Limits()).items()
}
_ENDPOINT_KEYS: dict[str, tuple[_Rule, Any]] = {
    "rest": (_url("https", "http"), ""),
    "stream": (_url("wss", "ws"), ""),
    "wsapi": (_url("wss", "ws"), ""),
    "cafile": (_file, ""),
}
_SECTIONS = {"feed": _FEED_KEYS, "net": _NET_KEYS, "limits": _LIMIT_KEYS, "endpoints": _ENDPOINT_KEYS}

# ----------------------------------------------------------------------------------------------------------- reading


def load(path: str | os.PathLike[str]) -> FeedConfig:
    """Read a feed's TOML file.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or a value breaks its rule; the text names all of it.
    """
    where = os.fspath(path)
    try:
        data = tomllib.loads(Path(where).read_bytes().decode("utf-8"))
    except OSError as exc:
        raise ConfigError(f"{where}: cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{where}: is not TOML: {exc}") from exc
    return feed_config(data, where=where)


def feed_config(data: Mapping[str, Any], *, where: str = "feed config") -> FeedConfig:
    """Check the tables of a feed's file, put defaults and the environment in, and return them typed."""
    for section in data:
        if section not in _SECTIONS:
            raise ConfigError(f"{where}: [{section}] is not a section; known: {', '.join(_SECTIONS)}{_near(section, list(_SECTIONS))}")
    origins: dict[str, str] = {}
    tables = {section: _table(data.get(section, {}), section, where, origins) for section in _SECTIONS}
    feed = tables["feed"]
    for key in ("venue", "symbols"):
        if feed[key] is None:
            raise ConfigError(f"{where}: feed.{key} is missing")
    if feed["name"] is None:
        feed["name"] = feed["venue"].lower()
    _take(feed, "feed", "mode", "AATS_MODE", _choice(*MODES), origins)
    feed["symbols"] = _symbols(feed, where)
    prefix = f"AATS_ENDPOINT_{feed['venue']}_{feed['mode'].upper()}_"
    for key in ("rest", "stream", "wsapi"):
        _take(tables["endpoints"], "endpoints", key, prefix + key.upper(), _ENDPOINT_KEYS[key][0], origins)
    _take(tables["endpoints"], "endpoints", "cafile", "AATS_CAFILE", _file, origins)
    _check_net(tables["net"], where)
    return FeedConfig(
        where=where,
        net=Net(**tables["net"]),
        limits=Limits(**tables["limits"]),
        endpoints=Endpoints(**tables["endpoints"]),
        origins=origins,
        **feed,
    )


def _table(raw: Any, section: str, where: str, origins: dict[str, str]) -> dict[str, Any]:
    keys = _SECTIONS[section]
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: [{section}] must be a table, it is {raw!r}")
    for key in raw:
        if key not in keys:
            raise ConfigError(f"{where}: {section}.{key} is not a setting; known: {', '.join(keys)}{_near(key, list(keys))}")
    out: dict[str, Any] = {}
    for key, (rule, default) in keys.items():
        origins[f"{section}.{key}"] = where if key in raw else "default"
        out[key] = _apply(rule, raw[key], f"{where}: {section}.{key}") if key in raw else default
    return out


def _apply(rule: _Rule, value: Any, what: str) -> Any:
    try:
        return rule(value)
    except ValueError as exc:
        raise ConfigError(f"{what} {exc}; it is {value!r}") from None


def _take(table: dict[str, Any], section: str, key: str, variable: str, rule: _Rule, origins: dict[str, str]) -> None:
    value = os.environ.get(variable)
    if value:
        table[key] = _apply(rule, value, f"environment: {variable}")
        origins[f"{section}.{key}"] = f"env {variable}"


def _symbols(feed: dict[str, Any], where: str) -> tuple[SymbolLevel, ...]:
    raw = feed["symbols"]
    if not isinstance(raw, (list, tuple)) or not raw:
        raise ConfigError(f"{where}: feed.symbols must be a list with at least one symbol; it is {raw!r}")
    if len(raw) > feed["dir_cap"]:
        feed["dir_cap"] = min(1024, 1 << (len(raw) - 1).bit_length())
    found: list[SymbolLevel] = []
    for at, value in enumerate(raw):
        one: SymbolLevel = _apply(lambda text: _symbol(text, feed["level_num"], feed["venue"]), value, f"{where}: feed.symbols[{at}]")
        for before, other in enumerate(found):
            if other.symbol == one.symbol:
                raise ConfigError(f"{where}: feed.symbols[{at}] {one.symbol} stands already at feed.symbols[{before}]")
        found.append(one)
    if len(found) > 1024:
        raise ConfigError(f"{where}: feed.symbols has {len(found)} symbols, a feed holds 1024: use several feeds")
    return tuple(found)


def _check_net(net: dict[str, Any], where: str) -> None:
    kind = net["send_type"]
    if kind in ("p2p", "broadcast"):
        raise ConfigError(f"{where}: net.send_type {kind!r} is not available yet: use 'shm' or 'multibroad'")
    if kind == "multibroad":
        check_multicast(net["ip"], net["port"], f"{where}: net.")


def check_multicast(ip: Any, port: Any, what: str) -> None:
    """Raise ConfigError unless `ip` is a multicast group and `port` a UDP port; `what` begins the text."""
    try:
        good = isinstance(ip, str) and ipaddress.IPv4Address(ip).is_multicast
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{what}ip must be from 224.0.0.0 to 239.255.255.255 with send_type MULTIBROAD; it is {ip!r}")
    if type(port) is not int or not 1 <= port <= 65535:
        raise ConfigError(f"{what}port must be a whole number from 1 to 65535; it is {port!r}")


def limits() -> Limits:
    """Return the time-outs of processes that have no file of their own: the defaults."""
    return Limits()


# ----------------------------------------------------------------------------------------------------------- showing


def dump(config: FeedConfig) -> str:
    """Return the TOML text that `load` reads back as the same settings."""
    lines: list[str] = []
    section = ""
    for key, value in config.values().items():
        table, _, name = key.partition(".")
        if table != section:
            lines += ["", f"[{table}]"] if section else [f"[{table}]"]
            section = table
        lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


_VARIABLES: dict[str, tuple[_Rule, str]] = {
    "AATS_HOME": (_text, ""),
    "AATS_NS": (_name, "main"),
    "AATS_MODE": (_choice(*MODES), ""),
    "AATS_MD": (_choice("shm"), ""),
    "AATS_ISA": (_choice("scalar", "sse42", "avx2", "avx512"), ""),
    "AATS_CAFILE": (_file, ""),
}


def environment() -> dict[str, tuple[Any, str]]:
    """Return every variable that is read, checked, as name -> (value, ``default`` or ``env``).

    Raises
    ------
    ConfigError
        A value breaks its rule, or an ``AATS_ENDPOINT_`` name has not the form venue, mode, kind.
    """
    out: dict[str, tuple[Any, str]] = {}
    for variable, (rule, default) in _VARIABLES.items():
        value = os.environ.get(variable)
        out[variable] = (_apply(rule, value, f"environment: {variable}"), "env") if value else (default, "default")
    kinds = "|".join(key.upper() for key in ("rest", "stream", "wsapi"))
    form = re.compile(rf"AATS_ENDPOINT_([A-Z0-9_]+)_({'|'.join(MODES).upper()})_({kinds})\Z")
    for variable in sorted(os.environ):
        if variable.startswith("AATS_ENDPOINT_"):
            match = form.match(variable)
            if match is None:
                raise ConfigError(f"environment: {variable} must be AATS_ENDPOINT_<VENUE>_<{'|'.join(MODES).upper()}>_<{kinds}>")
            rule = _ENDPOINT_KEYS[match[3].lower()][0]
            out[variable] = (_apply(rule, os.environ[variable], f"environment: {variable}"), "env")
    return out
