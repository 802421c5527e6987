"""What a venue's control plane offers to a feed: the Python half of the venue contract.

Not for market data (C) nor for deciding when a snapshot is needed (the feed).  `snapshot` may be called by several threads at once, everything else by one.
"""

from __future__ import annotations

import abc
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlsplit

from aats.errors import ConfigError, FeedError

__all__ = ["Budget", "BudgetSpent", "Endpoints", "Instrument", "OrderLimits", "RateBudget", "SnapshotRefused", "VenueClient", "resolve"]


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
    """One symbol as its venue describes it; prices and quantities are exact decimals."""

    symbol: str
    native: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    trading: bool
    limits: OrderLimits = OrderLimits()


@dataclass(frozen=True)
class Endpoints:
    """Where a venue's services are, in one mode."""

    rest: str
    stream: str
    wsapi: str = ""

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
