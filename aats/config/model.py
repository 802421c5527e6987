"""What a feed is told, typed; and the words and numbers that settings may be.  Values only: rules are in ``rules.py``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VENUES = (
    "BINANCE",
    "BINANCE_SWAP",
    "BINANCE_COINM",
    "BINANCEUS",
    "OKX",
    "OKX_SWAP",
    "BYBIT",
    "BYBIT_SWAP",
    "COINBASE",
    "KRAKEN",
    "GATE",
    "KUCOIN",
    "DERIBIT",
)
MODES = ("direct", "sandbox", "sim")
STREAMS = ("depth", "trade", "bookTicker", "mark", "funding", "liquidation")
#: Of these, what a feed asks for if nothing is said; of mark, funding and liquidation it then takes what the venue has.
STREAMS_DEFAULT = STREAMS[:3]
FORMATS = ("json", "sbe")
SEND_TYPES = ("shm", "multibroad", "p2p", "broadcast")
LEVEL_NUM_MAX = 1000
DEFAULT_CONTROL_PORT = 8060
DEFAULT_PORT = 15004


@dataclass(frozen=True)
class SymbolLevel:
    """One symbol of a feed and the levels a side that it publishes."""

    symbol: str
    level_num: int


@dataclass(frozen=True)
class Net:
    """Where the records go beside shared memory.

    Attributes
    ----------
    send_type : str
        ``shm`` (nowhere), ``p2p`` (TCP, `ip`:`port` is where the feed listens), ``broadcast`` or ``multibroad`` (UDP, the receivers' address and port).
    netcard : str
        The card that sends, by name or address.
    ttl : int
        Hops of a multicast datagram; 1 does not pass a router.
    loop : bool
        Whether receivers on this host get multicast datagrams too.
    repair_ip, repair_port : str, int
        By datagram: where the feed listens (TCP) for receivers that miss records; "": the card's address, 0: `port`.
    compat : mapping
        For the published client: symbol -> ``{"cid": number, "level": depth}``; empty: it is not served.
    """

    send_type: str = "shm"
    ip: str = ""
    port: int = 0
    netcard: str = ""
    ttl: int = 1
    loop: bool = True
    repair_ip: str = ""
    repair_port: int = 0
    compat: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """Time-outs, in the unit that ends the name."""

    feed_ready_ms: int = 30_000
    close_ms: int = 5_000
    stop_ms: int = 8_000
    order_answer_ms: int = 3_000
    order_ready_ms: int = 15_000
    connect_ms: int = 5_000
    first_message_ms: int = 10_000
    snapshot_ms: int = 5_000
    feed_stale_ms: int = 500
    hang_ms: int = 10_000


@dataclass(frozen=True)
class Endpoints:
    """Hosts that replace the venue's own, "" where they do not; and the CA file that is trusted instead of the system's.

    Attributes
    ----------
    stream2, stream3 : str
        Where a venue's market data comes by several ways: the second and third; "": as `stream`.
    wsapi, private : str
        Orders, and their events where those have an address of their own.
    """

    rest: str = ""
    stream: str = ""
    stream2: str = ""
    stream3: str = ""
    wsapi: str = ""
    private: str = ""
    cafile: str = ""


@dataclass(frozen=True)
class FeedConfig:
    """All that a feed is told.

    Attributes
    ----------
    where : str
        The file, or what stands for one in messages.
    format : str
        How market data comes from the venue: ``json``, or ``sbe``, binary frames for which the venue wants an API key.
    cpu : int, 'auto' or ''
        Core that the I/O thread is pinned to; '': none.
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
    format: str
    cpu: int | str
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
        for key, value in vars(self).items():
            if key == "symbols":
                out["feed.symbols"] = [f"{one.symbol}:{one.level_num}" for one in self.symbols]
            elif key not in ("where", "origins", "net", "limits", "endpoints"):
                out[f"feed.{key}"] = list(value) if isinstance(value, tuple) else value
        for section in ("net", "limits", "endpoints"):
            out.update({f"{section}.{key}": value for key, value in vars(getattr(self, section)).items()})
        return out

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return all values as the tables of a file, what the environment has set included, paths absolute: for another process."""
        out: dict[str, dict[str, Any]] = {}
        for key, value in self.values().items():
            section, _, name = key.partition(".")
            out.setdefault(section, {})[name] = value
        cafile = out["endpoints"]["cafile"]
        out["endpoints"]["cafile"] = os.path.abspath(cafile) if cafile else ""
        return out


def limits() -> Limits:
    """Return the time-outs of processes that have no file of their own: the defaults."""
    return Limits()
