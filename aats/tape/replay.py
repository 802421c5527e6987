"""One venue's recorded traffic through the C replayer, and its books as plain values.

For: check.py, and tests that damage a tape.  Not for reading files.  The rules are those of csrc/app/replay.h.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aats._ffi import ffi, lib, text
from aats.errors import AatsError
from aats.tape.venues import VENUES

__all__ = ["Book", "Replay"]

IntArray = npt.NDArray[np.int64]


class Book(NamedTuple):
    """One book, or the trades of a symbol: its name, its symbol, its connection ("" where a book is of all), whether it is a book, its values."""

    name: str
    symbol: str
    conn: str
    has_book: bool
    values: dict[str, Any]


class Replay:
    """Books of one venue while a tape runs.

    Notes
    -----
    Threads: one.  Lifetime: the C memory goes with the object.
    Cost: 1 to 3 microseconds a frame.
    """

    def __init__(self, venue: str) -> None:
        self.venue = venue
        handle = lib.aats_replay_open(VENUES[venue].dialect.encode())
        if handle == ffi.NULL:
            raise AatsError(f"venue {venue}: no parser of that name is built in")
        self._replay = ffi.gc(handle, lib.aats_replay_close)
        self._conns: dict[str, int] = {}
        if VENUES[venue].by_topic:
            lib.aats_replay_by_topic(self._replay)

    @property
    def taught(self) -> bool:
        """Whether messages have taught exponents that earlier ones were read without: the tape is to be given again, after `restart`."""
        return bool(lib.aats_replay_taught(self._replay))

    def restart(self) -> None:
        """Forget everything but what was learned."""
        lib.aats_replay_restart(self._replay)

    def connect(self, conn: str) -> None:
        """Take note that a connection is opened, perhaps once more."""
        self._good(lib.aats_replay_connect(self._replay, self._conn(conn)))

    def frame(self, payload: bytes, recv_ns: int = 0, conn: str = "") -> bool:
        """Take the next frame of a connection; False if it cannot be read."""
        return self._good(lib.aats_replay_frame(self._replay, self._conn(conn), payload, len(payload), recv_ns))

    def _conn(self, name: str) -> int:
        return self._conns.setdefault(name, len(self._conns))

    def snapshot(self, symbol: str | None, payload: bytes) -> bool:
        """Take a REST depth answer of `symbol`, None for the only one of the tape; False if it cannot be read.

        One that is older than what is known of the stream is readable, and changes nothing.
        """
        name = ffi.NULL if symbol is None else symbol.encode()
        return self._good(lib.aats_replay_snapshot(self._replay, name, payload, len(payload)))

    @staticmethod
    def _good(code: int) -> bool:
        if code == lib.AATS_E_NOMEM:
            raise MemoryError("the books of the tape")
        return code >= 0

    def __len__(self) -> int:
        """Return the number of books and symbols that the tape has named."""
        return int(lib.aats_replay_count(self._replay))

    def books(self) -> list[Book]:
        """Return what became of each book, and of each symbol that has trades alone, as if the tape ended now."""
        conns = list(self._conns)
        by_topic = VENUES[self.venue].by_topic
        found = ffi.new("aats_replay_symbol_t *")
        books: list[Book] = []
        for index in range(len(self)):
            lib.aats_replay_look(self._replay, index, found)
            conn = conns[found.conn] if VENUES[self.venue].in_stream else ""
            books.append(Book(text(found.native), text(found.symbol), conn, bool(found.has_book), self._instrument(index, found)))
        if not by_topic:
            return books
        # Trades go by their symbol there, and count for the books of it.
        beside = {(one.symbol, one.conn): one for one in books if not one.has_book}
        mine = [one for one in books if one.has_book]
        for one in mine:
            trades = beside.get((one.symbol, one.conn))
            one.values["trade_gaps"] += trades.values["trade_gaps"] if trades is not None else 0
        whose = {(one.symbol, one.conn) for one in mine}
        return mine + [one for key, one in beside.items() if key not in whose]

    def instruments(self) -> dict[str, dict[str, Any]]:
        """Return what became of each symbol, by the venue's spelling, as if the tape ended now.

        Prices and quantities are texts with as many decimals as the venue wrote for this symbol.  The book of an invalid symbol is the one
        that it had when it was lost.  Of a symbol with books on two connections the last one is told.
        """
        return {book.name: book.values for book in self.books()}

    def _instrument(self, index: int, s: Any) -> dict[str, Any]:
        def levels(array: Any, cnt: int) -> list[list[str]]:
            return [
                [decimal(array[i].px_i, s.px_exp, s.px_decimals), decimal(array[i].qty_i, s.qty_exp, s.qty_decimals)] for i in range(cnt)
            ]

        def best(level: Any) -> list[str | None]:
            return [*levels([level], 1)[0]] if level.qty_i else [None, None]

        marks = ffi.new("aats_replay_mark_t[]", max(1, s.mark_cnt))
        lib.aats_replay_mark(self._replay, index, 0, marks, s.mark_cnt)
        return {
            "snapshots": s.snapshots,
            "updates_applied": s.updates,
            "crossed": s.crossed,
            "bid_levels": s.bid_cnt,
            "ask_levels": s.ask_cnt,
            "bids": levels(s.bids, s.bid_top_cnt),
            "asks": levels(s.asks, s.ask_top_cnt),
            "checkpoints_every_200": [[mark.updates, *best(mark.bid), *best(mark.ask)] for mark in marks[0 : s.mark_cnt]],
            "snapshot_lastUpdateId": s.snapshot_id,
            "final_u": s.final_id,
            "gaps": s.gaps,
            "trade_gaps": s.trade_gaps,
            "checksum_failures": s.checksum_failures,
            "valid": bool(s.valid),
        }

    def counts(self, name: str) -> dict[str, int]:
        """Return the counters of one symbol that are no part of a report: has_book, olds, trades, trades_again."""
        _, found = self._find(name)
        return {key: int(getattr(found, key)) for key in ("has_book", "olds", "trades", "trades_again")}

    def book(self, name: str) -> tuple[IntArray, IntArray]:
        """Return copies of the whole bid and ask sides of one symbol: shape (levels, 2), price and quantity as scaled integers, best first."""
        index, found = self._find(name)
        bids, asks = np.empty((found.bid_cnt, 2), np.int64), np.empty((found.ask_cnt, 2), np.int64)
        for side, out in ((lib.AATS_BID, bids), (lib.AATS_ASK, asks)):
            lib.aats_replay_levels(self._replay, index, side, ffi.cast("aats_level_t *", ffi.from_buffer(out)), len(out))
        return bids, asks

    def _find(self, name: str) -> tuple[int, Any]:
        found = ffi.new("aats_replay_symbol_t *")
        for index in range(len(self)):
            lib.aats_replay_look(self._replay, index, found)
            if text(found.native) == name:
                return index, found
        raise KeyError(name)


def decimal(value_i: int, exp: int, digits: int) -> str:
    """Write value_i * 10^exp (exp < 0, value_i >= 0) with `digits` decimals, and with more where it needs more."""
    whole, part = divmod(value_i, 10**-exp)
    shown = str(part).zfill(-exp).rstrip("0").ljust(digits, "0")
    return f"{whole}.{shown}" if shown else str(whole)
