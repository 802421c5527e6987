"""The network as a market-data segment tells it: what a feed's fan-out has done, and the paths by which a receiver gets its records.

For: ``aats net`` and the inspector.  Not for judging a book: `aats.shm.book`, whose rule is the same for a feed's segment and a receiver's.
Written by the fan-out thread of a feed and the I/O thread of a receiver; each number is read at once, several may be of different moments.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from aats._ffi import ffi, lib
from aats.layout import HIST, MD, MD_OFFSET, FanCounter, MdHist, PathKind, PathState
from aats.shm.look import HistSummary, summary
from aats.shm.segment import Segment

__all__ = ["NetPath", "fan", "net_paths", "path_cnt"]


def path_cnt(segment: Segment) -> int:
    """Return how many paths lead to a market-data segment: 0 for a feed's own, 1 or 2 for a receiver's."""
    return min(int(segment.md.md.path_cnt), int(lib.AATS_PATH_MAX))


def fan(segment: Segment) -> dict[str, int]:
    """Return the counters of a feed's fan-out by name; all 0 where it has none."""
    counters = segment.md.md.fan
    return {one.name.lower(): int(counters[one]) for one in FanCounter}


@dataclass(frozen=True)
class NetPath:
    """One way by which records reach a receiver; docs/layout.md, ``aats_path_t``, says what each number counts.

    Attributes
    ----------
    feed_id : str
        Hexadecimal; "" while it is locked to none.
    heard_ms : float or None
        Age of the last message; None before the first.
    offset_ns, offset_err_ns : int
        Clock of the feed's host minus ours, 0 while it cannot be told from 0, and how well that is known; 0: not measured.
    delay : HistSummary
        Sent to arrived, ns, the offset taken off.
    win_rate : float or None
        Of the records that two paths brought, the part that came by this one first; None for a single path.
    """

    kind: PathKind
    state: PathState
    addr: str
    source: str
    repair: str
    feed: str
    feed_id: str
    generation: int
    heard_ms: float | None
    datagrams: int
    bytes: int
    records: int
    lost: int
    repaired: int
    late: int
    given_up: int
    repeated: int
    snapshots: int
    deep_lost: int
    foreign: int
    damaged: int
    wins: int
    win_rate: float | None
    kernel_drops: int
    invalid: int
    offset_ns: int
    offset_err_ns: int
    delay_ns: int
    delay: HistSummary


_COUNTS = (
    *("generation", "datagrams", "bytes", "records", "lost", "repaired", "late", "given_up", "repeated", "snapshots", "deep_lost"),
    *("foreign", "damaged", "wins", "kernel_drops", "invalid", "offset_ns", "offset_err_ns", "delay_ns"),
)
_TEXTS = ("addr", "source", "repair", "feed")
_HISTS = (MdHist.WIRE_A, MdHist.WIRE_B)


def net_paths(segment: Segment) -> list[NetPath]:
    """Return the paths of a receiver's segment; an empty list for a feed's."""
    count = path_cnt(segment)
    if not count:
        return []
    rows = segment.array(MD, MD_OFFSET)[0]["paths"][:count].copy()
    wins = int(rows["wins"].sum())
    return [_path(segment, at, row, wins if count > 1 else 0) for at, row in enumerate(rows)]


def _path(segment: Segment, at: int, row: Any, wins: int) -> NetPath:
    heard, feed_id = int(row["heard_mono_ns"]), int(row["feed_id"])
    counts: dict[str, Any] = {name: int(row[name]) for name in _COUNTS}
    texts: dict[str, Any] = {name: row[name].decode("utf-8", "replace") for name in _TEXTS}
    hist = ffi.new("aats_hist_t *")
    lib.aats_hist_copy(hist, segment.pointer("aats_hist_t", int(segment.md.md.stats_off) + int(_HISTS[at]) * HIST.itemsize))
    return NetPath(
        kind=_enum(PathKind, row["kind"]),
        state=_enum(PathState, row["state"]),
        feed_id=f"{feed_id:016x}" if feed_id else "",
        heard_ms=round((time.monotonic_ns() - heard) / 1e6, 1) if heard else None,
        win_rate=int(row["wins"]) / wins if wins else None,
        delay=summary(hist),
        **texts,
        **counts,
    )


def _enum(kind: Any, value: Any) -> Any:
    try:
        return kind(int(value))
    except ValueError:
        return kind(0)
