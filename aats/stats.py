"""Latencies of all hops, over all processes of a namespace or of each alone, since it began or in an interval.

For: tools and views that show p50 and p99 a hop while everything runs.  Not for recording: csrc/shm/stats.h, in the loops.  Reads only: copies of live
segments, which notice nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aats import shm
from aats._ffi import ffi, lib, text
from aats.errors import ShmError
from aats.layout import HIST, TD_OFFSET, Hop, Kind
from aats.shm import HistSummary, Segment
from aats.shm.look import hist_pointers, summary

__all__ = ["HistSummary", "Latencies", "Slow", "hops", "latencies", "merged"]


@dataclass(frozen=True)
class Slow:
    """A hop's limit in a trade process, and what was above it."""

    limit_ns: int
    count: int
    worst_ns: int


@dataclass(frozen=True)
class Latencies:
    """What one process has measured, at one moment.

    Attributes
    ----------
    process, role : str
        Name, and ``feed``, ``receiver`` or ``trade``.
    pid, generation : int
        Of the segment's maker, and the segment's own: another one begins at zero.
    hists : mapping
        By hop, a copy of its histogram: ``aats.layout.HIST``.
    slow : mapping
        By hop, where a limit is set.
    segment : Segment
    """

    process: str
    role: str
    pid: int
    generation: int
    hists: Mapping[str, npt.NDArray[Any]]
    slow: Mapping[str, Slow]
    segment: Segment

    def summaries(self, since: Latencies | None = None) -> list[HistSummary]:
        """Return p50, p99 ... of each hop, in their order on the way; with `since`, an earlier copy, of the samples in between."""
        order = [hop.name.lower() for hop in Hop]
        names = sorted(self.hists, key=lambda name: (order.index(name) if name in order else len(order), name))
        return [
            summary(ffi.from_buffer("aats_hist_t *", _between(self.hists[name], since.hists.get(name) if since else None)))
            for name in names
        ]


def _between(now: npt.NDArray[Any], before: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return a histogram of the samples between two copies; its smallest and largest are as exact as a bucket."""
    if before is None or before["count"][0] > now["count"][0]:
        return now
    out: npt.NDArray[Any] = now.copy()
    for field in ("count", "sum_ns", "negative"):
        out[field] = np.maximum(now[field].astype(np.int64) - before[field].astype(np.int64), 0)
    out["bucket"] = np.maximum(now["bucket"].astype(np.int64) - before["bucket"].astype(np.int64), 0)
    used = np.flatnonzero(out["bucket"][0])
    out["min_ns"] = max(int(now["min_ns"][0]), lib.aats_hist_bucket_low(int(used[0]))) if used.size else 0
    out["max_ns"] = min(int(now["max_ns"][0]), lib.aats_hist_bucket_low(int(used[-1]) + 1) - 1) if used.size else 0
    return out


def latencies(ns: str | None = None) -> list[Latencies]:
    """Return what every living process of a namespace has measured: feeds, receivers, then trade processes, by name.

    Notes
    -----
    Cost: maps each segment and copies its histograms, some hundred microseconds a process.
    """
    found = []
    for segment in _segments(ns):
        owner = int(segment.header["owner"])
        if not shm.process_alive(owner) or segment.successor:
            continue
        role = "trade" if segment.name.kind == "td" else "receiver" if int(segment.md.md.path_cnt) else "feed"
        pid, _, _ = shm.process_word(owner)
        found.append(Latencies(segment.name.label, role, pid, segment.name.generation, _copies(segment), _slow(segment), segment))
    return sorted(found, key=lambda one: (one.role == "trade", one.role, one.process))


def _copies(segment: Segment) -> dict[str, npt.NDArray[Any]]:
    found = {}
    for pointer in hist_pointers(segment):
        copy = np.zeros(1, HIST)
        raw = ffi.from_buffer("aats_hist_t *", copy)
        lib.aats_hist_copy(raw, pointer)
        name = text(raw.name)
        if name:
            found[name] = copy
    return found


def _slow(segment: Segment) -> dict[str, Slow]:
    if segment.name.kind != "td":
        return {}
    td = segment.pointer("aats_td_t", TD_OFFSET)
    return {
        hop.name.lower(): Slow(int(td.slow_limit_ns[hop]), int(td.slow[hop]), int(td.slow_worst_ns[hop]))
        for hop in Hop
        if td.slow_limit_ns[hop] or td.slow[hop]
    }


def _segments(ns: str | None) -> list[Segment]:
    found = []
    for kind in (Kind.MD, Kind.TD):
        for name in shm.names(ns=shm.namespace() if ns is None else ns, kind=kind):
            try:
                found.append(shm.attach(name))
            except ShmError:  # unlinked between the two looks
                continue
    return found


def merged(segments: list[Segment]) -> list[HistSummary]:
    """Return the histograms of several segments, those of one hop added up, in the order in which the hops first appear.

    Parameters
    ----------
    segments : list of Segment
        Market-data and trade segments.
    """
    sums: dict[str, Any] = {}
    for segment in segments:
        for name, copy in _copies(segment).items():
            if name not in sums:
                sums[name] = ffi.new("aats_hist_t *")
                lib.aats_hist_init(sums[name], name.encode())
            lib.aats_hist_merge(sums[name], ffi.from_buffer("aats_hist_t *", copy))
    return [summary(one) for one in sums.values()]


def hops(ns: str | None = None) -> list[HistSummary]:
    """Return the latencies of every hop, added up over the segments of a namespace.

    Notes
    -----
    A hop is named by its two stamps: ``recv_pub`` is from the socket's read to shared memory, ``pub_delivered`` from there to the callback.
    Cost: maps each segment; for once a second, not for a loop.
    """
    return merged(_segments(ns))
