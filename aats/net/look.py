"""The network of this namespace as plain values: feeds that send, and receivers with their paths.

For: ``aats net`` and monitors.  Everything comes from the control table and the segments; no process is asked.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import asdict
from typing import Any

from aats import shm
from aats.control import Entry, Table
from aats.errors import LayoutMismatch, SegmentMissing, ShmError
from aats.layout import Kind, MdCounter, PathKind, Role
from aats.shm import Segment

__all__ = ["network"]

#: In the detail of a feed's slot.
_SENDS_TO = re.compile(r" -> (\w+) (\S+:\d+)")


def network(ns: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the feeds that send and the receivers of a namespace.

    Returns
    -------
    dict
        ``feeds``: ``name, pid, send_type, address, records, datagrams, errors``, and ``fan`` with the fan-out's counters by name.
        ``receivers``: ``name, pid, state, heartbeat_ms`` (age of the feed's pulse; None before the first), ``stale``, ``detail``, and ``paths``, a list of
        `aats.shm.NetPath` as dicts, empty until a feed was heard.
    """
    try:
        entries = [entry for entry in Table.open(ns).entries() if entry.role == Role.FEED and entry.alive()]
    except (SegmentMissing, LayoutMismatch):
        return {"feeds": [], "receivers": []}
    feeds, receivers = [], []
    for entry in sorted(entries, key=lambda one: one.started_ns):
        segment = _segment(entry, ns)
        if segment is not None and shm.path_cnt(segment) == 0:
            feeds += _feed(entry, segment)
        elif segment is not None or entry.generation == 0:
            receivers.append(_receiver(entry, segment))
    return {"feeds": feeds, "receivers": receivers}


def _segment(entry: Entry, ns: str | None) -> Segment | None:
    if entry.generation:
        with contextlib.suppress(ShmError):  # ended or replaced between the two looks
            return shm.attach(shm.SegmentName.make(Kind.MD, entry.name, entry.generation, ns=ns))
    return None


def _feed(entry: Entry, segment: Segment) -> list[dict[str, Any]]:
    """Return a feed that sends as a row, nothing for one that does not."""
    found = _SENDS_TO.search(entry.detail)
    if found is None:
        return []
    counters = segment.md.md.counters
    return [
        {
            "name": entry.name,
            "pid": entry.pid,
            "send_type": found[1],
            "address": found[2],
            "records": int(counters[MdCounter.RECORDS]),
            "datagrams": int(counters[MdCounter.NET_SENT]),
            "errors": int(counters[MdCounter.NET_ERRORS]),
            "fan": shm.fan(segment),
        }
    ]


def _receiver(entry: Entry, segment: Segment | None) -> dict[str, Any]:
    age_ns = time.monotonic_ns() - entry.heartbeat_mono_ns
    paths = [_path(one) for one in shm.net_paths(segment)] if segment is not None else []
    return {
        "name": entry.name,
        "pid": entry.pid,
        "state": entry.state.name,
        "heartbeat_ms": round(age_ns / 1e6, 1) if entry.heartbeat_mono_ns and segment is not None else None,
        "stale": segment is None or age_ns > int(segment.md.stale_ns),
        "detail": entry.detail,
        "paths": paths,
    }


def _path(path: shm.NetPath) -> dict[str, Any]:
    kind = path.kind.name.lower() if path.kind != PathKind.NONE else ""
    return {**asdict(path), "kind": kind, "state": path.state.name.lower()}
