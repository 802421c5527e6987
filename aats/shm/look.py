"""Consistent copies of what a segment holds: a book with its validity, the symbols, the histograms, who owns a slot.

For: tools and one-off looks.  Not for following a book (``aats.books``) nor for hot paths: each call here allocates.
Whether a book is good is said by the C function of csrc/shm/valid.h, as everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aats._ffi import ffi, lib, text
from aats.layout import CTL_OFFSET, HIST, LEVEL, SLOT, SLOT_OFFSET, TD, TD_OFFSET, DirState, Flag, Why, rec_dtype, to_floats
from aats.shm.segment import Segment


@dataclass(frozen=True)
class Symbol:
    """One entry of a feed's directory."""

    index: int
    symbol: str
    native: str
    state: DirState
    px_exp: int
    qty_exp: int
    tick_i: int
    lot_i: int
    level_num: int
    link: int
    updates: int
    quotes: int
    ticks: int
    gaps: int
    trade_gaps: int
    syncs: int
    crossed: int
    bad_frames: int


def symbols(segment: Segment) -> list[Symbol]:
    """Return the directory of a market-data segment, whole entries only, in the order of their indices."""
    view, one = segment.md, ffi.new("aats_dir_t *")
    found = []
    for index in range(lib.aats_dir_cnt(view)):
        if lib.aats_dir_read(view, index, one) != lib.AATS_OK:
            continue
        numbers = {key: int(getattr(one, key)) for key in Symbol.__dataclass_fields__ if key not in ("index", "symbol", "native", "state")}
        found.append(Symbol(index=index, symbol=text(one.symbol), native=text(one.native), state=DirState(int(one.state)), **numbers))
    return found


@dataclass(frozen=True)
class Book:
    """A consistent copy of one latest-book slot.

    Attributes
    ----------
    why : Why
        NONE if the book is good.
    bids_i, asks_i : int64 arrays, shape (length, 2)
        Scaled price and quantity, best first; times 10 ** px_exp and 10 ** qty_exp of the symbol.
    """

    symbol: Symbol
    why: Why
    flags: Flag
    seq: int
    rec: int
    epoch: int
    exch_ns: int
    recv_ns: int
    parsed_ns: int
    pub_ns: int
    bids_i: npt.NDArray[np.int64]
    asks_i: npt.NDArray[np.int64]

    @property
    def valid(self) -> bool:
        return self.why == Why.NONE

    @property
    def bids(self) -> npt.NDArray[np.float64]:
        """Price and quantity as float64, shape (length, 2)."""
        return to_floats(self.bids_i, self.symbol.px_exp, self.symbol.qty_exp)

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        """As `bids`."""
        return to_floats(self.asks_i, self.symbol.px_exp, self.symbol.qty_exp)


def book(segment: Segment, index: int, table: Segment | None) -> Book | None:
    """Copy the latest book of directory entry `index` and judge it.

    Parameters
    ----------
    table : Segment or None
        The control table; None where there is none: its feed is down then.

    Returns
    -------
    Book or None
        None if there is no such entry.
    """
    found = [one for one in symbols(segment) if one.index == index]
    if not found:
        return None
    view = segment.md
    cap = int(view.level_max)
    rec, levels = ffi.new("aats_rec_t *"), np.zeros((2, cap), LEVEL)
    bids, asks = (ffi.from_buffer("aats_level_t[]", side) for side in levels)
    why = lib.aats_valid_latest(view, feed_slot(segment, table), index, rec, bids, asks, cap, time.monotonic_ns())
    sides = levels.view(np.int64).reshape(2, cap, 2)
    return Book(
        symbol=found[0],
        why=Why(why),
        flags=Flag(rec.flags),
        seq=int(rec.seq),
        rec=int(rec.rec),
        epoch=int(rec.epoch),
        exch_ns=int(rec.exch_ns),
        recv_ns=int(rec.recv_ns),
        parsed_ns=int(rec.parsed_ns),
        pub_ns=int(rec.pub_ns),
        bids_i=sides[0, : min(rec.bid_len, cap)],
        asks_i=sides[1, : min(rec.ask_len, cap)],
    )


def feed_slot(segment: Segment, table: Segment | None) -> Any:
    """Return the ``aats_slot_t *`` of the feed that writes `segment`, NULL without a table; hold the table's Segment while you use it."""
    index = int(segment.md.ctl_slot)
    if table is None or SLOT_OFFSET + (index + 1) * SLOT.itemsize > table.size:
        return ffi.NULL
    return table.pointer("aats_slot_t", SLOT_OFFSET + index * SLOT.itemsize)


@dataclass(frozen=True)
class HistSummary:
    """One hop's latencies in ns; a quantile is within 1 % of the true one."""

    name: str
    count: int
    negative: int
    min: int
    p50: int
    p90: int
    p99: int
    p999: int
    max: int
    mean: float


def hist_pointers(segment: Segment) -> list[Any]:
    """Return ``aats_hist_t *`` of each histogram of a market-data or trade segment, the unused included; each holds the mapping.

    Those of the wire are a receiver's, one a path.
    """
    if segment.name.kind == "md":
        offset = int(segment.md.md.stats_off)
        wires = range(lib.AATS_HIST_MD_WIRE_A, lib.AATS_HIST_MD_WIRE_A + lib.AATS_PATH_MAX)
        idle = wires[min(int(segment.md.md.path_cnt), int(lib.AATS_PATH_MAX)) :]
        places = [at for at in range(lib.AATS_MD_HISTS) if at not in idle]
    elif segment.name.kind == "td":
        offset = int(segment.array(TD, TD_OFFSET)[0]["stats_off"])
        places = list(range(lib.AATS_TD_HISTS))
    else:
        return []
    return [segment.pointer("aats_hist_t", offset + at * HIST.itemsize) for at in places]


def histograms(segment: Segment) -> Iterator[HistSummary]:
    """Yield the histograms of a market-data or trade segment, those without a name left out."""
    copy = ffi.new("aats_hist_t *")
    for pointer in hist_pointers(segment):
        lib.aats_hist_copy(copy, pointer)
        if copy.name[0] != b"\0":
            yield summary(copy)


def summary(hist: Any) -> HistSummary:
    """Summarise an ``aats_hist_t *`` in private memory."""
    quantile = {f"p{str(part)[2:].ljust(2, '0')}": int(lib.aats_hist_percentile(hist, part)) for part in (0.5, 0.9, 0.99, 0.999)}
    count = int(hist.count)
    return HistSummary(
        name=text(hist.name),
        count=count,
        negative=int(hist.negative),
        min=int(hist.min_ns),
        max=int(hist.max_ns),
        mean=int(hist.sum_ns) / count if count else 0.0,
        **quantile,
    )


def process_word(word: int) -> tuple[int, int, int]:
    """Return pid, start time in ticks, and state byte of an identity word."""
    return int(lib.aats_ident_pid(word)), int(lib.aats_ident_start_ticks(word)), int(lib.aats_ident_state(word))


def process_alive(word: int) -> bool:
    """Whether the process of an identity word runs."""
    return bool(lib.aats_proc_alive(word))


def slot_cnt(table: Segment) -> int:
    """Return the number of slots of a control table, bounded by its size."""
    named = int(table.pointer("aats_ctl_t", CTL_OFFSET).slot_cnt)
    return min(named, (table.size - SLOT_OFFSET) // SLOT.itemsize)


def ring_position(segment: Segment) -> int:
    """Return the number after the newest record of a market-data segment's ring."""
    return int(lib.aats_ring_newest(segment.md))


def records(segment: Segment, count: int) -> Iterator[npt.NDArray[Any]]:
    """Yield up to `count` of the newest ring records, oldest first, each a stable copy with room for 20 levels a side (`aats.layout.rec_dtype`).

    Notes
    -----
    What the writer overwrites meanwhile is left out.
    """
    view, end = segment.md, ring_position(segment)
    for number in range(max(0, end - min(count, int(view.ring_depth))), end):
        out = np.zeros(1, rec_dtype(20, 768))
        if lib.aats_ring_poll(view, number, ffi.from_buffer("aats_rec20_t *", out)) == 1:
            yield out[0]
