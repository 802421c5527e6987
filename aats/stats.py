"""Latencies of all hops, over all processes of a namespace.

For: tools and views that show p50 and p99 a hop while everything runs.  Not for recording: csrc/shm/stats.h, in the loops.
"""

from __future__ import annotations

from typing import Any

from aats import shm
from aats._ffi import ffi, lib, text
from aats.errors import ShmError
from aats.layout import Kind
from aats.shm import HistSummary, Segment
from aats.shm.look import hist_pointers, summary

__all__ = ["HistSummary", "hops", "merged"]


def merged(segments: list[Segment]) -> list[HistSummary]:
    """Return the histograms of several segments, those of one hop added up, in the order in which the hops first appear.

    Parameters
    ----------
    segments : list of Segment
        Market-data and trade segments.
    """
    sums: dict[str, Any] = {}
    copy = ffi.new("aats_hist_t *")
    for segment in segments:
        for pointer in hist_pointers(segment):
            lib.aats_hist_copy(copy, pointer)
            name = text(copy.name)
            if not name:
                continue
            if name not in sums:
                sums[name] = ffi.new("aats_hist_t *")
                lib.aats_hist_init(sums[name], name.encode())
            lib.aats_hist_merge(sums[name], copy)
    return [summary(one) for one in sums.values()]


def hops(ns: str | None = None) -> list[HistSummary]:
    """Return the latencies of every hop, added up over the segments of a namespace.

    Notes
    -----
    A hop is named by its two stamps: ``recv_pub`` is from the socket's read to shared memory, ``pub_delivered`` from there to the callback.
    Cost: maps each segment; for once a second, not for a loop.
    """
    found = []
    for kind in (Kind.MD, Kind.TD):
        for name in shm.names(ns=shm.namespace() if ns is None else ns, kind=kind):
            try:
                found.append(shm.attach(name))
            except ShmError:  # unlinked between the two looks
                continue
    return merged(found)
