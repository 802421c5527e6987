"""A market for the network's fault runs: cheap, and every event of it can be told from every other.

For: `NetWorld`.  Not a venue: there is no text and no sequence to check, because what is tried is the way behind the feed.  Two feeds that carry it publish
the same events under the same numbers, as two feeds of one exchange do.

An event's `exch_ns` is its number: the first event has 1, and no two are equal.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from aats._ffi import lib
from tests.world.truth import LEVEL_SZ

TICK_I = 100
_pack = struct.Struct("<qq").pack_into


@dataclass(frozen=True)
class Event:
    """One event of one symbol.

    Attributes
    ----------
    number : int
        Stands in `exch_ns`.
    seq : int
        The venue's number of that kind: rises, not always by one; the changes of one message (L2) share theirs with the quote behind them.
    bids, asks : bytes
        QUOTE: the whole book, packed, best first; BBO: the best level.
    """

    number: int
    symbol: str
    kind: int
    seq: int
    px_i: int = 0
    qty_i: int = 0
    flags: int = 0
    side: int = 0
    bids: bytes = b""
    asks: bytes = b""


class _Book:
    def __init__(self, rng: random.Random, depth: int) -> None:
        self.rng, self.depth = rng, depth
        self.mid = rng.randrange(1_000, 1_000_000) * TICK_I
        self.sides = bytearray(depth * LEVEL_SZ), bytearray(depth * LEVEL_SZ)
        self.lens = [depth, depth]
        self.seq = self.trade = rng.randrange(1_000, 1_000_000_000)
        self.shift(0)

    def shift(self, ticks: int) -> None:
        """Move all prices."""
        self.mid += ticks * TICK_I
        for sign, side in zip((-1, 1), self.sides):
            for at in range(self.depth):
                _pack(side, at * LEVEL_SZ, self.mid + sign * (at + 1) * TICK_I, self.rng.randrange(1, 1 << 40))

    def change(self) -> tuple[int, int, int]:
        """Change one level; return side, price, quantity."""
        rng = self.rng
        side, at = rng.randrange(2), min(int(rng.expovariate(0.3)), self.depth - 1)
        px_i, qty_i = self.mid + (1, -1)[side == 0] * (at + 1) * TICK_I, rng.randrange(1, 1 << 40)
        _pack(self.sides[side], at * LEVEL_SZ, px_i, qty_i)
        return side, px_i, qty_i

    def levels(self, side: int) -> bytes:
        return bytes(self.sides[side][: self.lens[side] * LEVEL_SZ])


class NetMarket:
    """Symbols that trade.

    Attributes
    ----------
    events : list of Event
        All there were, in order; number 1 is the first.
    """

    def __init__(self, rng: random.Random, symbols: list[str], depth: int, *, open_l2: bool) -> None:
        self.rng, self.open_l2 = rng, open_l2
        self.books = {symbol: _Book(rng, depth) for symbol in symbols}
        self.events: list[Event] = []

    def trade(self) -> None:
        """Let one message of the venue come about."""
        rng = self.rng
        symbol = rng.choice(list(self.books))
        book, dice = self.books[symbol], rng.random()
        if dice < 0.55:
            self.quote(symbol)
        elif dice < 0.85:
            book.trade += 1
            flags = lib.AATS_F_BUYER if rng.random() < 0.5 else 0
            self._add(symbol, lib.AATS_REC_TICK, book.trade, book.mid, rng.randrange(1, 1 << 40), flags)
        else:
            self._add(
                symbol,
                lib.AATS_REC_BBO,
                book.seq + len(self.events),
                bids=bytes(book.sides[0][:LEVEL_SZ]),
                asks=bytes(book.sides[1][:LEVEL_SZ]),
            )

    def quote(self, symbol: str) -> None:
        """Let a book change."""
        rng, book = self.rng, self.books[symbol]
        book.seq += rng.randrange(1, 4)
        if rng.random() < 0.05:
            book.lens = [rng.randrange(0 if rng.random() < 0.1 else 1, book.depth + 1) for _ in book.lens]  # a thin one
        elif rng.random() < 0.3:
            book.lens = [book.depth, book.depth]
        changes = [book.change() for _ in range(rng.randrange(1, 4))]
        if rng.random() < 0.1:
            book.shift(rng.randrange(-3, 4))
        if self.open_l2:
            for left, (side, px_i, qty_i) in enumerate(changes, 1 - len(changes)):
                self._add(symbol, lib.AATS_REC_L2, book.seq, px_i, qty_i, 0 if left else lib.AATS_F_LAST, side)
        self._add(symbol, lib.AATS_REC_QUOTE, book.seq, bids=book.levels(0), asks=book.levels(1))

    def _add(
        self,
        symbol: str,
        kind: int,
        seq: int,
        px_i: int = 0,
        qty_i: int = 0,
        flags: int = 0,
        side: int = 0,
        bids: bytes = b"",
        asks: bytes = b"",
    ) -> None:
        self.events.append(Event(len(self.events) + 1, symbol, kind, seq, px_i, qty_i, flags, side, bids, asks))
