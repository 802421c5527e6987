"""A market that remembers: every book, best bid/ask and trade it ever had, by id.

The exchange trades it like any other market; the judge asks it what the truth was.  Books are kept as packed levels, the bytes of a C array
of aats_level_t, so that a comparison is one of bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping

from aats.sim.market import AGG_TRADE, BOOK_TICKER, DEPTH, TRADE, Event, Level, Market, Snapshot, Symbol, TextBook

LEVEL_SZ = 16
WHOLE = 1 << 30  # more levels than any book has


def scaled(text: str) -> int:
    """Return a decimal text at 10^-8, the scale of this venue."""
    whole, _, frac = text.partition(".")
    return int(whole) * 10**8 + int((frac + "00000000")[:8])


def packed(levels: Iterable[Level]) -> bytes:
    """Return levels as C has them."""
    return b"".join(struct.pack("<qq", scaled(px), scaled(qty)) for px, qty in levels)


class Truth(Market):
    """Another market, watched.

    Attributes
    ----------
    books : dict
        symbol -> update id -> (bids, asks), packed, best first; for every id at which a diff or a snapshot ended.
    sent : dict
        symbol -> (time, update id) of each diff, in order.
    tickers, trades : dict
        symbol -> id -> (bid, ask) packed; symbol -> id -> (px, qty, bought) scaled.
    """

    def __init__(self, inner: Market) -> None:
        self.inner = inner
        self.books: dict[str, dict[int, tuple[bytes, bytes]]] = {name: {} for name in inner.symbols}
        self.sent: dict[str, list[tuple[int, int]]] = {name: [] for name in inner.symbols}
        self.tickers: dict[str, dict[int, tuple[bytes, bytes]]] = {name: {} for name in inner.symbols}
        self.trades: dict[str, dict[int, tuple[int, int, bool]]] = {name: {} for name in inner.symbols}
        self._now: dict[str, TextBook] = {}
        for name in inner.symbols:
            book = self.snapshot(name, WHOLE)
            self._now[name] = TextBook(book.bids, book.asks)

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        return self.inner.symbols

    @property
    def held(self) -> bool:  # type: ignore[override]
        return self.inner.held

    def start(self, now_ns: int) -> None:
        self.inner.start(now_ns)

    def next_ns(self) -> int | None:
        return self.inner.next_ns()

    def advance(self, now_ns: int) -> list[Event]:
        events = self.inner.advance(now_ns)
        for event in events:
            self._note(event)
        return events

    def touch(self, symbol: str) -> tuple[int, int]:
        return self.inner.touch(symbol)

    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        whole = self.inner.snapshot(symbol, WHOLE)
        self.books[symbol].setdefault(whole.last_id, (packed(whole.bids), packed(whole.asks)))
        return Snapshot(whole.last_id, whole.bids[:limit], whole.asks[:limit])

    def _note(self, event: Event) -> None:
        name = event.symbol
        if event.kind == DEPTH:
            book = self._now[name]
            book.apply(event.bids, event.asks)
            bids, asks = book.top(WHOLE)
            self.books[name][event.last_id] = (packed(bids), packed(asks))
            self.sent[name].append((event.t_ns, event.last_id))
        elif event.kind == BOOK_TICKER:
            row = json.loads(event.data)
            self.tickers[name][event.last_id] = (packed([(row["b"], row["B"])]), packed([(row["a"], row["A"])]))
        elif event.kind in (TRADE, AGG_TRADE):
            row = json.loads(event.data)
            if event.kind == TRADE:
                self.trades[name][row["t"]] = (scaled(row["p"]), scaled(row["q"]), not row["m"])

    def last_id(self, symbol: str, before_ns: int) -> int:
        """Return the id of the last diff that was made before a moment; 0 if none was."""
        for t_ns, last_id in reversed(self.sent[symbol]):
            if t_ns < before_ns:
                return last_id
        return 0
