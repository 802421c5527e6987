"""What a venue's control plane offers to a feed: the Python half of the venue contract.

Not for market data (C) nor for deciding when a snapshot is needed (the feed).  `snapshot` may be called by several threads at once, everything else by one.
"""

from __future__ import annotations

import abc
import difflib
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

from aats.errors import ConfigError, FeedError

__all__ = [
    "Budget",
    "BudgetSpent",
    "Endpoints",
    "Instrument",
    "OrderLimits",
    "RateBudget",
    "SnapshotRefused",
    "VenueClient",
    "find_listed",
    "our_name",
    "resolve",
    "wanted_name",
]


class SnapshotRefused(FeedError):
    """A request was not answered as hoped.

    Attributes
    ----------
    retry_after_s : float
        The venue's own word on when to come back; 0 if it said nothing.
    """

    def __init__(self, text: str, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class BudgetSpent(SnapshotRefused):
    """A request was not sent: there is no room for it in the budget for `retry_after_s`."""


@dataclass(frozen=True)
class OrderLimits:
    """What a venue demands of an order beside tick and lot; 0: no such rule.

    Attributes
    ----------
    min_notional_market, max_notional_market : bool
        Whether the bound holds for market orders too.
    bid_up, bid_down, ask_up, ask_down : Decimal
        Percent price: a buy's (sell's) price must lie between reference times down and reference times up.
    """

    min_px: Decimal = Decimal(0)
    max_px: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    market_lot: Decimal = Decimal(0)
    market_min_qty: Decimal = Decimal(0)
    market_max_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)
    min_notional_market: bool = False
    max_notional_market: bool = False
    bid_up: Decimal = Decimal(0)
    bid_down: Decimal = Decimal(0)
    ask_up: Decimal = Decimal(0)
    ask_down: Decimal = Decimal(0)


@dataclass(frozen=True)
class Instrument:
    """One symbol as its venue describes it; prices and quantities are exact decimals.

    Attributes
    ----------
    symbol : str
        Our name, ``"BTCUSDTSWAP.OKX_SWAP"`` (`our_name`).
    native : str
        The venue's spelling, ``"BTC-USDT-SWAP"``.
    lot : Decimal
        Step of quantities, in what the venue's book and orders count: the base asset, or contracts.
    status : str
        The venue's own word, ``"TRADING"``; `trading` is what it means.
    kind : str
        ``"spot"``, ``"perpetual"``, ``"future"`` or ``"option"``.
    settle : str
        The asset that profit and loss come in; "" on spot.
    contract_size : Decimal
        Worth of one unit of quantity, in `contract_unit`; 1 where quantities are in the base asset.
    contract_unit : str
        The base asset, or the quote asset of an inverse contract.
    inverse : bool
        A contract is worth so much of the quote asset, and settles in the base asset.
    px_decimals, qty_decimals : int
        Digits behind the point as the venue prints them for its checksum; -1 where it has none.
    number : int
        The venue's number of the instrument, where its requests name it so; 0 where it has none.
    alias : str
        The venue's name of the instrument under which the market data of this one comes; "" where it comes under its own.
    """

    symbol: str
    native: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    trading: bool
    limits: OrderLimits = OrderLimits()
    status: str = ""
    kind: str = "spot"
    settle: str = ""
    contract_size: Decimal = Decimal(1)
    contract_unit: str = ""
    inverse: bool = False
    px_decimals: int = -1
    qty_decimals: int = -1
    number: int = 0
    alias: str = ""


def our_name(venue: str, base: str, quote: str, kind: str = "spot", tail: str = "") -> str:
    """Return our name of an instrument: base and quote, SWAP behind a perpetual's, the venue's own expiry (`tail`) behind another contract's.

    Examples
    --------
    >>> our_name("OKX_SWAP", "BTC", "USDT", "perpetual")
    'BTCUSDTSWAP.OKX_SWAP'
    """
    ending = {"spot": "", "perpetual": "SWAP"}.get(kind, tail)
    return f"{base}{quote}{ending}.{venue}".upper()


def wanted_name(symbol: str) -> str:
    """Return a symbol as a user gave it without ``.EXCHANGE`` behind: "BTCUSDTSWAP", or the venue's "BTC-USDT-SWAP"."""
    head, dot, tail = symbol.rpartition(".")
    return head if dot and tail.replace("_", "").isalpha() and tail.isupper() and len(tail) > 2 else symbol


def find_listed(venue: str, where: str, symbols: Iterable[str], listed: Iterable[Instrument]) -> dict[str, Instrument]:
    """Return the instruments of `symbols` (ours or the venue's spelling, any case) by the name that was asked for.

    Raises
    ------
    ConfigError
        One is not listed, or a name means two; the text names it and near ones.
    """
    by_name: dict[str, Instrument] = {}
    twice: dict[str, list[str]] = {}
    for one in listed:
        for name in {one.native.upper(), one.symbol.rpartition(".")[0].upper()}:
            other = by_name.setdefault(name, one)
            if other is not one:
                twice.setdefault(name, [other.native]).append(one.native)
                if one.native.upper() == name:  # the venue's own spelling goes first
                    by_name[name] = one
    out = {}
    for symbol in symbols:
        name = wanted_name(symbol).upper()
        found = by_name.get(name)
        if found is None:
            near = difflib.get_close_matches(name, list(by_name), n=3)
            hint = f" (near ones: {', '.join(near)})" if near else ""
            raise ConfigError(f"symbol {symbol!r} is not listed on {venue} at {where}{hint}")
        if name in twice and found.native.upper() != name:
            raise ConfigError(f"symbol {symbol!r} means {' and '.join(twice[name])} on {venue}: use the venue's own spelling")
        out[symbol] = found
    return out


@dataclass(frozen=True)
class Endpoints:
    """Where a venue's services are, in one mode.

    Attributes
    ----------
    rest : str
    stream : str
        Public market data, where it has one address; `ways` has the addresses of the others, in the order of the C venue's ways.
    wsapi : str
        Orders over WebSocket.
    private : str
        Order events, where they have an address of their own.
    ways : tuple of str
        Of public market data: addresses of the second and third way; "" or absent: that of `stream`.
    """

    rest: str
    stream: str
    wsapi: str = ""
    private: str = ""
    ways: tuple[str, ...] = ()

    def stream_parts(self) -> tuple[bool, str, int, str]:
        """Return (tls, host, port, path before the venue's own) of the stream address."""
        return _parts(self.stream, "stream")

    def wsapi_parts(self) -> tuple[bool, str, int, str]:
        """Return (tls, host, port, path) of the address that orders go to; path "" is the venue's own."""
        return _parts(self.wsapi, "order")


def _parts(address: str, what: str) -> tuple[bool, str, int, str]:
    parts = urlsplit(address)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ConfigError(f"{what} endpoint {address!r} must look like wss://HOST:PORT or ws://HOST:PORT")
    tls = parts.scheme == "wss"
    return tls, parts.hostname, parts.port or (443 if tls else 80), parts.path.rstrip("/")


def resolve(host: str, port: int) -> str:
    """Return one of a host's addresses as text, by chance; it may take seconds.  Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return str(found[secrets.randbelow(len(found))][4][0])


class RateBudget(Protocol):
    """What requests are taken from: `aats.budget.HostBudget` shared by all processes of the host, or `Budget`."""

    def wait_s(self, weight: int, *, cancels: bool = False) -> float:
        """Return how long to wait until `weight` may be spent; 0: now, and it counts as spent."""

    def told(self, used: int) -> None:
        """Take the venue's own count of its present minute."""

    def limits(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the rateLimits of an exchangeInfo."""

    def close(self, seconds: float, *, banned: bool = False) -> None:
        """Spend nothing for so long: the venue said so."""


class Budget:
    """Request weight of one process that shares it with nobody, in the venue's own window, aligned to the clock: for tools and tests.

    Parameters
    ----------
    limit : int
        Weight that may be spent in a window; some is left for others.
    window_s : float
    clock : callable
        Epoch seconds.
    """

    def __init__(self, limit: int, window_s: float = 60.0, *, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.window_s = window_s
        self._clock = clock
        self._window = -1
        self._used = 0
        self._closed_until = 0.0

    def wait_s(self, weight: int, *, cancels: bool = False) -> float:
        """Return how long to wait until `weight` may be spent; 0: now, and it counts as spent."""
        now = self._clock()
        if now < self._closed_until:
            return self._closed_until - now
        window = int(now // self.window_s)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used + weight > self.limit and self._used:
            return (window + 1) * self.window_s - now
        self._used += weight
        return 0.0

    def told(self, used: int) -> None:
        """Take the venue's own count of the current window, where it is higher than ours."""
        self._used = max(self._used, used)

    def limits(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Leave the limit as it is: of the venue's own something is left for others."""

    def close(self, seconds: float, *, banned: bool = False) -> None:
        """Spend nothing for so long: the venue said so."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)


class VenueClient(abc.ABC):
    """REST of one venue for the needs of a feed.

    Attributes
    ----------
    name : str
    snapshot_max : int
        Levels a side of the deepest snapshot that the venue gives.
    snapshot_limit : int
        Levels a side that `snapshot` asks for.
    """

    name: str
    snapshot_limit: int = 1000
    snapshot_max: int = 5000

    def __init__(self, endpoints: Endpoints, *, cafile: str = "", timeout_s: float = 5.0, budget: RateBudget | None = None) -> None:
        self.endpoints = endpoints
        self.budget = budget
        self.cafile = cafile
        self.timeout_s = timeout_s

    @classmethod
    @abc.abstractmethod
    def endpoints_of(cls, mode: str) -> Endpoints | None:
        """Return the venue's own addresses in a mode, None where it has none."""

    @classmethod
    def stream_of(cls, mode: str, form: str) -> str:
        """Return the venue's own address of its market data in a mode and a format, "" where it has none."""
        own = cls.endpoints_of(mode)
        return own.stream if own is not None and form == "json" else ""

    @abc.abstractmethod
    def instruments(self, symbols: Iterable[str]) -> dict[str, Instrument]:
        """Return the instruments of `symbols` (ours or the venue's spelling) by the name that was asked for.

        Raises
        ------
        ConfigError
            A symbol does not exist there; the text names it and near ones.
        FeedError
            The venue did not answer, or its budget is spent for longer than a minute.
        """

    def listing(self) -> list[Instrument]:
        """Return everything that is listed there; `aats instruments` prints and caches it.

        Raises
        ------
        FeedError
            The venue did not answer, or not as documented.
        """
        raise FeedError(f"{self.name}: the list of all instruments is not asked for by this client")

    def token_path(self, way: int) -> str:
        """Return the path, with a token had from the venue, by which a connection of market data is opened; "": the venue's own.

        Raises
        ------
        SnapshotRefused
        """
        return ""

    @abc.abstractmethod
    def snapshot(self, native: str) -> bytes:
        """Return the body of a book snapshot as the venue sent it, for the C parser.

        Raises
        ------
        SnapshotRefused
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connections."""
