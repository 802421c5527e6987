"""The judge: reads a feed's segment as any reader would, and compares all that it says with the truth.

Through the product's own C functions: aats_valid_latest for books, aats_ring_poll for every record.  `Wrong` is raised for anything that is
not so: a good book that differs from the market's at that update id, a trade told twice or otherwise than it was, level changes that lead
elsewhere.
"""

from __future__ import annotations

import itertools
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import Why
from tests.world.options import Options
from tests.world.truth import LEVEL_SZ, Truth


class Wrong(AssertionError):
    """The feed said something that is not so."""


class Judge:
    """What has been seen of one feed.

    Attributes
    ----------
    index : dict
        native name -> directory index, of the symbols wanted now.
    why, seq, shown : dict
        native name -> AATS_WHY_* at the last look; update id and levels of the last good book.
    moments : list
        (when, native name, why) of each change of why.
    ticks : dict
        directory index -> trade ids, as told.
    floor : dict
        native name -> an update id that a good book must have reached; set after a stop.
    """

    view: Any  # aats_md_view_t *
    slot: Any  # aats_slot_t *

    def __init__(self, truth: Truth, options: Options) -> None:
        self.truth, self.options = truth, options
        self.index: dict[str, int] = {}
        self.why: dict[str, int] = {}
        self.seq: dict[str, int] = {}
        self.shown: dict[str, tuple[bytes, bytes]] = {}
        self.moments: list[tuple[int, str, int]] = []
        self.ticks: dict[int, list[int]] = {}
        self.floor: dict[str, int] = {}
        self.records = 0  # of the ring, read so far
        self._good: dict[int, int] = {}  # latest slots found to be right, by stamp
        self._l2: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self._rec = ffi.new("aats_rec_t *")
        self._bids, self._asks = (ffi.new("aats_level_t[]", options.level_max) for _ in "ba")
        self._out = ffi.new("aats_rec20_t *")
        self._pulse = ffi.new("aats_pulse_t *")

    def _native(self, sym: int) -> str:
        return text(self.view.dir[sym].native)

    def judge(self, now_ns: int) -> None:
        """Read all that is new as a reader would; raise `Wrong` for anything that is not so."""
        for native, sym in self.index.items():
            rec = self._rec
            why = lib.aats_valid_latest(self.view, self.slot, sym, rec, self._bids, self._asks, self.options.level_max, now_ns)
            if self.why.get(native) != why:
                self.why[native] = why
                self.moments.append((now_ns, native, why))
            if why:
                continue
            self.seq[native] = rec.seq
            if rec.seq < self.floor.get(native, 0) and not rec.flags & lib.AATS_F_FUSED:
                self._fresh(native, rec)
            if self._good.get(sym) != rec.stamp:
                self._right(native, rec, self._bids, self._asks, int(self.view.dir[sym].level_num))
                self._good[sym] = rec.stamp
                self.shown[native] = (
                    bytes(ffi.buffer(self._bids, rec.bid_len * LEVEL_SZ)),
                    bytes(ffi.buffer(self._asks, rec.ask_len * LEVEL_SZ)),
                )
        lib.aats_pulse_take(self.view, self.slot, self._pulse)
        head = int(self.view.md.head)
        self.records = max(self.records, head - self.options.ring_depth)
        while self.records < head:
            if lib.aats_ring_poll(self.view, self.records, self._out) == 1:
                self._record(self._out, now_ns)
            self.records += 1

    def _fresh(self, native: str, rec: Any) -> None:
        """A book that is good after a stop tells what was sent before it ended, even if its own last change is older."""
        for want, got, cnt in zip(self.truth.books[native][self.floor[native]], (self._bids, self._asks), (rec.bid_len, rec.ask_len)):
            if bytes(ffi.buffer(got, cnt * LEVEL_SZ)) != want[: cnt * LEVEL_SZ]:
                raise Wrong(f"{native} is called good as of {rec.seq}, but {self.floor[native]} was sent before the feed woke")

    def _right(self, native: str, rec: Any, bids: Any, asks: Any, level_num: int) -> None:
        """Compare a book with the truth; `level_num` 0: of a moment ago, when it may have been another."""
        if rec.flags & lib.AATS_F_FUSED:
            self._right_fused(native, rec, bids, asks)
            return
        truth = self.truth.books[native].get(rec.seq)
        if truth is None:
            raise Wrong(f"{native}: a good book with id {rec.seq}, which never was")
        limited = self.options.snapshot_limit < 1000
        for side, want, got, cnt in (("bids", truth[0], bids, rec.bid_len), ("asks", truth[1], asks, rec.ask_len)):
            have = bytes(ffi.buffer(got, cnt * LEVEL_SZ))
            if have != want[: cnt * LEVEL_SZ]:
                raise Wrong(f"{native} {side} at {rec.seq}: {shown(have)} but the truth is {shown(want[: cnt * LEVEL_SZ])}")
            whole = min(level_num, len(want) // LEVEL_SZ)
            if level_num and (cnt > level_num or (cnt < whole and not limited)):
                raise Wrong(f"{native} {side} at {rec.seq}: {cnt} levels, expected {whole}")

    def _right_fused(self, native: str, rec: Any, bids: Any, asks: Any) -> None:
        truth = self.truth.tickers[native].get(rec.seq)
        if truth is None:
            raise Wrong(f"{native}: fused with a best bid/ask {rec.seq}, which never was")
        have = bytes(ffi.buffer(bids, LEVEL_SZ)), bytes(ffi.buffer(asks, LEVEL_SZ))
        if have != truth:
            raise Wrong(f"{native}: fused at {rec.seq}: {shown(have[0])} {shown(have[1])}, but it was {shown(truth[0])} {shown(truth[1])}")
        for levels, cnt, sign in ((bids, rec.bid_len, -1), (asks, rec.ask_len, 1)):
            if any(sign * levels[i].px_i >= sign * levels[i + 1].px_i for i in range(cnt - 1)):
                raise Wrong(f"{native}: fused at {rec.seq}: levels out of order")

    def _record(self, out: Any, now_ns: int) -> None:
        rec = out.r
        if rec.kind == lib.AATS_REC_LINK:
            return
        native = self._native(rec.sym)
        if rec.kind == lib.AATS_REC_QUOTE:
            if not rec.flags & lib.AATS_F_DEEP:  # those are judged by the latest slot
                self._right(native, rec, out.bids, out.asks, 0)
            if self.options.open_l2 and not rec.flags & lib.AATS_F_FUSED:
                self._follow(native, rec)
        elif rec.kind == lib.AATS_REC_L2:
            side = self._l2[rec.sym][rec.side]
            side[rec.px_i] = rec.qty_i
            if not rec.qty_i:
                del side[rec.px_i]
        elif rec.kind == lib.AATS_REC_TICK:
            self._tick(native, rec)
        elif rec.kind == lib.AATS_REC_BBO:
            truth = self.truth.tickers[native].get(rec.seq)
            have = bytes(ffi.buffer(out.bids, LEVEL_SZ)), bytes(ffi.buffer(out.asks, LEVEL_SZ))
            if truth != have:
                raise Wrong(f"{native}: best bid/ask {rec.seq} is {have}, but it was {truth}")
        elif (
            rec.kind == lib.AATS_REC_STATE
            and rec.flags & lib.AATS_F_VALID
            and rec.seq not in self.truth.books[native]
            and not self.options.fuse_bbo
        ):
            raise Wrong(f"{native}: carried on with id {rec.seq}, which never was")

    def _follow(self, native: str, rec: Any) -> None:
        """Level changes, applied to the whole book as of a quote that says `snapshot`, lead to the book of every later quote."""
        truth = self.truth.books[native][rec.seq]
        if rec.flags & lib.AATS_F_SNAPSHOT:
            self._l2[rec.sym] = levels_of(truth[0]), levels_of(truth[1])
        elif self._l2[rec.sym] != (levels_of(truth[0]), levels_of(truth[1])):
            raise Wrong(f"{native} at {rec.seq}: level changes lead to another book than the quote's")

    def _tick(self, native: str, rec: Any) -> None:
        told = self.ticks.setdefault(rec.sym, [])
        truth = self.truth.trades[native].get(rec.seq)
        if truth != (rec.px_i, rec.qty_i, bool(rec.flags & lib.AATS_F_BUYER)):
            raise Wrong(f"{native}: trade {rec.seq} told as {(rec.px_i, rec.qty_i, rec.flags)}, but it was {truth}")
        if told and rec.seq <= told[-1]:
            raise Wrong(f"{native}: trade {rec.seq} after {told[-1]}")
        told.append(rec.seq)

    # -- questions ---------------------------------------------------------------------------------------------------------

    def all_good(self, as_of_ns: int) -> bool:
        """Tell whether every book wanted is valid and shows what the market was at a moment, or something newer."""
        return bool(self.index) and all(self.why.get(native) == Why.NONE and self._recent(native, as_of_ns) for native in self.index)

    def _recent(self, native: str, as_of_ns: int) -> bool:
        last_id = self.truth.last_id(native, as_of_ns)
        if self.seq.get(native, 0) >= last_id:
            return True
        return all(want.startswith(have) for want, have in zip(self.truth.books[native][last_id], self.shown[native]))

    def trade_holes(self) -> int:
        """Return the holes in the trades told, over all symbols."""
        return sum(b != a + 1 for told in self.ticks.values() for a, b in itertools.pairwise(told))


def why_name(why: int) -> str:
    return text(lib.aats_why_name(why))


def levels_of(levels: bytes) -> dict[int, int]:
    return {one.px_i: one.qty_i for one in list(ffi.from_buffer("aats_level_t[]", levels))}


def shown(levels: bytes) -> list[tuple[int, int]]:
    """Return packed levels as numbers, the first few."""
    got = ffi.from_buffer("aats_level_t[]", levels)
    return [(one.px_i, one.qty_i) for one in list(got)[:6]]
