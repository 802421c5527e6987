"""Everything that happens on some feeds, as an iterator: ``Books.events``.

For: scripts that follow without a strategy.  The C reader (csrc/app/reader.h) keeps the promises; this maps segments for it and dresses its events.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aats import shm
from aats._ffi import check, ffi, lib, types
from aats.books_map import LOOK_S, FeedMap, running
from aats.errors import AatsError, ShmError
from aats.layout import to_floats
from aats.shm import Segment
from aats.table import Table

__all__ = ["BookEvent", "Follower"]

KINDS = ("", "quote", "tick", "bbo", "l2", "invalid", "lap", "feed_down", "feed_up")


@dataclass(frozen=True)
class BookEvent:
    """One event of `Books.events`.

    Attributes
    ----------
    kind : str
        ``'quote', 'tick', 'bbo', 'l2', 'invalid', 'lap', 'feed_down', 'feed_up'``.
    symbol : str
        ``''`` where the event is of a feed.
    feed : str
    reason : str
        Of ``invalid`` and ``feed_down``.
    event : Event
        Everything else, exact: seq, times, flags, bids_i, asks_i, px_i, qty_i, missed ...; a copy.
    """

    kind: str
    symbol: str
    feed: str
    reason: str
    event: Any

    def levels(self, side: str) -> npt.NDArray[np.float64]:
        """Return ``'bids'`` or ``'asks'`` of a quote or bbo as float64, shape (length, 2)."""
        raw = np.array(getattr(self.event, f"{side}_i"), np.int64).reshape(-1, 2)
        return to_floats(raw, self.event.px_exp, self.event.qty_exp)

    @property
    def bids(self) -> npt.NDArray[np.float64]:
        return self.levels("bids")

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        return self.levels("asks")


class Follower:
    """A C reader over some feeds, for `Books.events`."""

    def __init__(self, feeds: list[FeedMap], symbols: list[str], level_num: int | None) -> None:
        self._names = [feed.name for feed in feeds]
        self._modes = [feed.mode for feed in feeds]
        self._symbols = symbols
        self._memory = ffi.new("uint64_t[]", lib.aats_reader_footprint(len(symbols)) // 8 + 1)
        self._reader = lib.aats_reader_init(self._memory, len(symbols))
        self._held: list[tuple[int, Segment, Table]] = []
        self._next_look = 0.0
        infos = []
        for number, symbol in enumerate(symbols):
            at = next(index for index, feed in enumerate(feeds) if lib.aats_dir_find(feed.view, symbol.encode()) >= 0)
            level = min(level_num or lib.AATS_LEVEL_MAX, int(feeds[at].view.level_max))
            check(lib.aats_reader_add(self._reader, symbol.encode(), number, level, 7), f"{symbol} cannot be followed")
            check(lib.aats_reader_bind(self._reader, number, at), f"{symbol} cannot be followed")
            infos.append(types["SymbolInfo"](number, symbol, level))
        for at, feed in enumerate(feeds):
            self._held.append((feed.generation, feed.segment, feed.table))
            self._attach(at, feed.segment, feed.slot)
        self._loop = types["Loop"](int(ffi.cast("uintptr_t", self._reader)), infos, self._names, None, (self._memory, self._held))

    def _attach(self, at: int, segment: Segment, slot: Any) -> None:
        why = ffi.new("char[]", 400)
        if lib.aats_reader_attach(self._reader, at, segment._base, segment.size, slot, why, 400) != lib.AATS_OK:
            raise ShmError(f"feed {self._names[at]!r}: {ffi.string(why).decode()}")

    def next(self) -> BookEvent | None:
        event = self._loop.next()
        if event is None:
            return None
        reason = ffi.string(lib.aats_why_name(event.why)).decode()
        return BookEvent(KINDS[event.kind], self._symbols[event.cid] if event.cid >= 0 else "", self._names[event.feed], reason, event)

    def remap(self) -> None:
        """Map what is new of the feeds that are gone."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_S
        down = [
            at
            for at in range(len(self._names))
            if lib.aats_reader_down(self._reader, at) in (lib.AATS_WHY_FEED_DOWN, lib.AATS_WHY_REPLACED)
        ]
        if not down:
            return
        for entry, table in running():
            if entry.name not in self._names or entry.segment is None:
                continue
            at = self._names.index(entry.name)
            if at in down and entry.mode == self._modes[at] and entry.generation != self._held[at][0]:
                try:
                    segment = shm.attach(entry.segment)
                    self._attach(at, segment, table.slot(entry.index))
                except AatsError:  # replaced again between the two looks
                    continue
                self._held[at] = (entry.generation, segment, table)
