"""What the simulated exchange trades: the interface between a market and a dialect.

A market makes events (depth diffs, best bid/ask, trades) in the time it is told and knows its books at every moment.
It knows nothing of connections, subscriptions or JSON-RPC; those belong to the dialect (binance.py), which reads
markets only through this interface.  Two markets exist: generator.py (seeded, needs no file) and tape.py (recorded).

    market.start(now) ... market.advance(now) -> [Event, ...]      written by the market
                          market.snapshot(symbol, limit)           read by the dialect, at any time between advances

All ids of one symbol come from one counter: the `U` and `u` of depth, the `u` of bookTicker and the `lastUpdateId` of a
snapshot can be compared.  Prices and quantities are the venue's decimal text everywhere outside the generator.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aats.sim.pit import Pit

Level = tuple[str, str]  # price, absolute quantity; quantity zero deletes

DEPTH = "depth@100ms"
BOOK_TICKER = "bookTicker"
TRADE = "trade"
AGG_TRADE = "aggTrade"
KINDS = (DEPTH, BOOK_TICKER, TRADE, AGG_TRADE)

DEPTH_NS = 100_000_000

_TIMES = re.compile(rb'"([ET])":(\d{13})(?=[,}])')


@dataclass(frozen=True)
class Symbol:
    """One instrument: its name, its two assets, and the grid of its prices and quantities as decimal text.

    `info` is the venue's own exchangeInfo object where one was recorded; the dialect builds one otherwise.
    """

    name: str
    base: str
    quote: str
    tick: str
    lot: str
    info: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Snapshot:
    """A book at one moment: the id of the last update it contains, and its best levels, best first."""

    last_id: int
    bids: list[Level]
    asks: list[Level]


class Event:
    """One message of one stream, written once and shared by every connection that receives it.

    `data` is the payload with times in milliseconds.  `bids`, `asks` and `first_id` are set for depth events, `bids` and `asks` with the one level for
    best bids and asks; `trade_id`, `px`, `qty` and `buys` (the aggressor bought) for trades.  Of an aggregate `first_id` and `last_id` are its trades.
    `frames` belongs to the dialect: it keeps the encoded variants there (wrapped or not, ms or us; SBE).
    """

    __slots__ = (
        "asks",
        "bids",
        "buys",
        "data",
        "first_id",
        "frames",
        "kind",
        "last_id",
        "px",
        "qty",
        "stream",
        "symbol",
        "t_ns",
        "trade_id",
    )

    def __init__(
        self,
        t_ns: int,
        symbol: str,
        kind: str,
        stream: str,
        data: bytes,
        *,
        first_id: int = 0,
        last_id: int = 0,
        bids: Iterable[Level] = (),
        asks: Iterable[Level] = (),
        trade_id: int = 0,
        px: str = "",
        qty: str = "",
        buys: bool = False,
    ) -> None:
        self.t_ns = t_ns
        self.symbol = symbol
        self.kind = kind
        self.stream = stream
        self.data = data
        self.first_id = first_id
        self.last_id = last_id
        self.bids = bids
        self.asks = asks
        self.trade_id = trade_id
        self.px = px
        self.qty = qty
        self.buys = buys
        self.frames: dict[tuple[bool, bool] | str, bytes] = {}

    def data_us(self) -> bytes:
        """Return the payload with `E` and `T` in microseconds, as a client that asked for them gets it."""
        micros = self.t_ns // 1000

        def widen(m: re.Match[bytes]) -> bytes:
            ms = int(m[2])
            return b'"%b":%d' % (m[1], micros if micros // 1000 == ms else ms * 1000)

        return _TIMES.sub(widen, self.data)


class Floor(ABC):
    """One symbol of a market that own orders are part of: what their matching (pit.py) tells it.

    Prices and quantities are integers at 1e-8, on the symbol's grid.  A pit that has attached itself is told the public
    quantity of each level that changes, and is asked to `hit` its orders when the market's flow meets them.
    """

    @abstractmethod
    def attach(self, pit: Pit) -> None:
        """Take this pit for all own orders, and tell it every level there is."""

    @abstractmethod
    def before(self, buys: bool, px: int) -> None:
        """Begin to place an own order of this side and price (0: a market order), or to change one that stands."""

    @abstractmethod
    def after(self, t_ns: int, out: list[Event]) -> None:
        """End it: add what the public sees of it beyond its trades."""

    @abstractmethod
    def own_trade(self, t_ns: int, px: int, qty: int, buys: bool, out: list[Event]) -> int:
        """Add a trade of an own order to the public's trades; return its id.  `buys`: the taker bought."""

    @abstractmethod
    def taken(self, is_ask: bool, px: int, qty: int, t_ns: int) -> None:
        """Take off the public's level what an own order has taken."""

    @abstractmethod
    def show(self, is_ask: bool, px: int, qty: int) -> None:
        """Show this quantity of own orders at a price, beside the public's."""


class Market(ABC):
    """A source of events in virtual time.  Nothing here reads a clock: time is what `start` and `advance` are told.

    `held` is true until `start` is called; a held market stands at its first moment.  `by_demand` says that the market
    has no pace of its own: each `advance` hands out a batch, and the caller asks again when its clients have taken it.
    """

    held: bool = True
    by_demand: bool = False
    ended: bool = False

    @property
    @abstractmethod
    def symbols(self) -> Mapping[str, Symbol]:
        """The market's instruments by upper-case name, in a fixed order."""

    @abstractmethod
    def start(self, now_ns: int) -> None:
        """Begin: the market's first moment is `now_ns`.  A second call does nothing."""

    @abstractmethod
    def advance(self, now_ns: int) -> list[Event]:
        """Move to `now_ns` and return what happened since the last call, in order of time."""

    @abstractmethod
    def next_ns(self) -> int | None:
        """Return when `advance` has something to do next, or None if it never will by itself."""

    @abstractmethod
    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        """Return the best `limit` levels a side of `symbol` (KeyError if unknown) as of the last advance."""

    @abstractmethod
    def touch(self, symbol: str) -> tuple[int, int]:
        """Return best bid and best ask at 1e-8, 0 for an empty side."""

    def floor(self, symbol: str) -> Floor | None:
        """Return where own orders become part of this market; None if it plays on unaltered."""
        return None


def px_rank(text: str) -> int:
    """Return a decimal text as an integer in units of 1e-12: equal texts of different length compare equal."""
    whole, _, frac = text.partition(".")
    return int(whole) * 10**12 + int((frac + "000000000000")[:12])


def is_zero(qty: str) -> bool:
    """Tell whether a quantity deletes its level."""
    return not qty.strip("0.")


class TextBook:
    """A book of decimal texts, as frames give them; a level is found by its price's value, not by its spelling."""

    def __init__(self, bids: Iterable[Level] = (), asks: Iterable[Level] = ()) -> None:
        self.bids: dict[int, Level] = {}
        self.asks: dict[int, Level] = {}
        self._ranks: dict[str, int] = {}
        self.apply(bids, asks)

    def apply(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace or delete levels; deleting an unknown level is normal."""
        ranks = self._ranks
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for px, qty in levels:
                rank = ranks.get(px)
                if rank is None:
                    rank = ranks[px] = px_rank(px)
                if is_zero(qty):
                    side.pop(rank, None)
                else:
                    side[rank] = (px, qty)

    def top(self, limit: int) -> tuple[list[Level], list[Level]]:
        """Return the best `limit` levels of both sides, best first."""
        bids = [self.bids[r] for r in sorted(self.bids, reverse=True)[:limit]]
        asks = [self.asks[r] for r in sorted(self.asks)[:limit]]
        return bids, asks

    def diff_to(self, other: TextBook) -> tuple[list[Level], list[Level]]:
        """Return the levels that turn this book into `other`: deletions (quantity zero), then what is new."""
        sides: list[list[Level]] = []
        for ours, theirs in ((self.bids, other.bids), (self.asks, other.asks)):
            gone = [(px, "0.00000000") for rank, (px, _) in ours.items() if rank not in theirs]
            new = [level for rank, level in theirs.items() if ours.get(rank, ("", ""))[1] != level[1]]
            sides.append(gone + new)
        return sides[0], sides[1]

    def copy(self) -> TextBook:
        """Return an independent copy."""
        other = TextBook()
        other.bids, other.asks, other._ranks = dict(self.bids), dict(self.asks), self._ranks
        return other


def levels_text(levels: Iterable[Level]) -> str:
    """Write levels as the JSON array of pairs that Binance uses."""
    return "[" + ",".join([f'["{px}","{qty}"]' for px, qty in levels]) + "]"


def depth_text(t_ns: int, symbol: str, first_id: int, last_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> bytes:
    """Write one depthUpdate payload."""
    return (
        f'{{"e":"depthUpdate","E":{t_ns // 1_000_000},"s":"{symbol}","U":{first_id},"u":{last_id},'
        f'"b":{levels_text(bids)},"a":{levels_text(asks)}}}'
    ).encode()


def book_ticker_text(symbol: str, update_id: int, bid: Level, ask: Level) -> bytes:
    """Write one bookTicker payload; it carries no event type and no time."""
    return f'{{"u":{update_id},"s":"{symbol}","b":"{bid[0]}","B":"{bid[1]}","a":"{ask[0]}","A":"{ask[1]}"}}'.encode()


def snapshot_text(book: Snapshot, last_id: int | None = None) -> bytes:
    """Write a snapshot (REST depth, partial depth); `last_id` replaces its own id."""
    update_id = book.last_id if last_id is None else last_id
    return (f'{{"lastUpdateId":{update_id},"bids":{levels_text(book.bids)},"asks":{levels_text(book.asks)}}}').encode()
