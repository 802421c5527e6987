"""Gaps of a trade loop: when it stood still, for how long, and why.

For: ``aats latency``, tools, the guard's log line.  Not for finding them (csrc/py/stall.h), nor for how long a hop took (``aats.stats``).
Reads only; any process that has mapped the td segment may.
"""

from __future__ import annotations

from dataclasses import dataclass

from aats._ffi import ffi, lib
from aats.layout import TD_OFFSET, StallCause
from aats.shm import Segment

__all__ = ["Stall", "stalls", "totals"]


@dataclass(frozen=True)
class Stall:
    """One gap.

    Attributes
    ----------
    number : int
        Of the gap, from 0.
    ns : int
        When it ended, epoch.
    gap_ns : int
    cause : StallCause
    gc_ns, generation : int
        Of it spent collecting garbage, and the oldest generation that was collected.
    minor, major, involuntary, voluntary : int
        Page faults and switches of the thread; those of up to a millisecond before are among them.
    """

    number: int
    ns: int
    gap_ns: int
    cause: StallCause
    gc_ns: int
    generation: int
    minor: int
    major: int
    involuntary: int
    voluntary: int


def stalls(segment: Segment) -> list[Stall]:
    """Return the last gaps that a trade process's segment holds, the newest last."""
    td = segment.pointer("aats_td_t", TD_OFFSET)
    copy = ffi.new("aats_stall_t *")
    head = int(lib.aats_stall_head(td))
    found = []
    for number in range(max(0, head - lib.AATS_STALLS_KEPT), head):
        if lib.aats_stall_get(td, number, copy) != 1:
            continue  # overwritten meanwhile
        rest = {
            name: int(getattr(copy, name)) for name in ("ns", "gap_ns", "gc_ns", "generation", "minor", "major", "involuntary", "voluntary")
        }
        found.append(Stall(number, cause=StallCause(copy.cause), **rest))
    return found


def totals(segment: Segment) -> dict[StallCause, tuple[int, int]]:
    """Return for each cause how many gaps there were since the process began, and their nanoseconds; every cause is there."""
    td = segment.pointer("aats_td_t", TD_OFFSET)
    return {cause: (int(td.stalls[cause]), int(td.stall_ns[cause])) for cause in StallCause if cause != StallCause.NONE}
