"""Which feeds run, and their mappings: what ``aats.books`` stands on.

For: finding feeds in the control table and following one into its next generation, read-only.  Not for books and events themselves.
"""

from __future__ import annotations

import time

from aats import shm
from aats._ffi import ffi, lib
from aats.errors import AatsError, SegmentMissing
from aats.layout import Role, State
from aats.shm import Segment
from aats.table import Entry, Table

__all__ = ["LOOK_S", "FeedMap", "running"]

LOOK_S = 0.05  # between two looks for a feed's next generation, and at a quiet book's validity


def running() -> list[tuple[Entry, Table]]:
    """Return the feeds that run, oldest first; none where there is no control table."""
    try:
        table = Table.open()
    except SegmentMissing:
        return []
    found = [
        entry for entry in table.entries() if entry.role == Role.FEED and entry.state == State.RUN and entry.generation and entry.alive()
    ]
    return [(entry, table) for entry in sorted(found, key=lambda one: one.started_ns)]


class FeedMap:
    """The mapping of one feed's current segment; maps the next generation when told to look."""

    def __init__(self, entry: Entry, table: Table) -> None:
        self.name, self.mode = entry.name, entry.mode
        self.generation = 0
        self.segment: Segment = self._map(entry, table)
        self.next_look = time.monotonic() + LOOK_S

    def _map(self, entry: Entry, table: Table) -> Segment:
        name = entry.segment
        if name is None:
            raise SegmentMissing(f"feed {entry.name!r} has no segment yet")
        segment = shm.attach(name)
        self.table, self.slot = table, table.slot(entry.index)
        self.view = segment.md
        self.generation = entry.generation
        return segment

    def look(self) -> bool:
        """Map the next generation if there is one; True if it did.  At most every 50 ms."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + LOOK_S
        pulse = ffi.new("aats_pulse_t *")
        lib.aats_pulse_take(self.view, self.slot, pulse)
        if lib.aats_pulse_why(pulse, time.monotonic_ns()) == lib.AATS_WHY_NONE:
            return False
        for entry, table in running():
            if (entry.name, entry.mode) == (self.name, self.mode) and entry.generation != self.generation:
                try:
                    self.segment = self._map(entry, table)
                except AatsError:  # replaced again between the two looks
                    return False
                return True
        return False
