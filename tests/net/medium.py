"""What a bad network does to frames, from a seed: loss, delay, reordering, duplicates; counted, each by receiver.

For: the relays of ``tests/net`` (real frames, real time) and nothing else: no socket and no clock in here.  Virtual time has its own pipes (``tests/world``).

A frame to several receivers has a fate for each of them.  What happens to it is counted here and nowhere else: what was configured is no evidence.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

MS = 1_000_000


@dataclass
class Faults:
    """What goes wrong, as parts of one; the times in ms.

    Attributes
    ----------
    delay_ms, jitter_ms : float
        Each frame takes `delay_ms` and up to `jitter_ms` more; frames keep their order.
    reorder, reorder_ms : float
        A frame that is chosen takes up to `reorder_ms` more, and others may overtake it.
    dup : float
        A frame that is chosen comes twice, the second time up to `reorder_ms` later.
    only : str
        ``udp``: other frames only take `delay_ms`; ``all``: every frame, also those of TCP and ARP.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    reorder: float = 0.0
    reorder_ms: float = 5.0
    dup: float = 0.0
    only: str = "udp"


@dataclass
class Counts:
    """What happened to the frames for one receiver.

    Attributes
    ----------
    udp, other : int
        Frames that were to go there.
    delivered : int
        Copies handed over, duplicates included.
    dropped, delayed, duplicated : int
        By the seed; `delayed` are those chosen by `reorder`.
    overtaken : int
        Copies that came behind a frame that had been sent later.
    refused : int
        Copies that the receiver's card did not take: lost, but not by the seed.
    cut : int
        Lost because the cable was out.
    dropped_bytes : int
        Of the dropped ones.
    """

    udp: int = 0
    other: int = 0
    delivered: int = 0
    dropped: int = 0
    delayed: int = 0
    duplicated: int = 0
    overtaken: int = 0
    refused: int = 0
    cut: int = 0
    dropped_bytes: int = 0


@dataclass
class Way:
    """The way to one receiver."""

    rng: random.Random
    counts: Counts = field(default_factory=Counts)
    last_due_ns: int = 0
    newest: int = 0  # number of the newest frame delivered
    plugged: bool = True
    lost: list[bytes] = field(default_factory=list)  # the beginnings of dropped payloads


class Medium:
    """Decides on frames and hands them out when they are due.

    Parameters
    ----------
    ways : int
        Receivers.
    seed : int
        Frames to the same receiver in the same order meet the same fates.
    """

    def __init__(self, ways: int, faults: Faults, seed: int) -> None:
        self.faults = faults
        self.ways = [Way(random.Random(f"way {seed} {number}")) for number in range(ways)]
        self._heap: list[tuple[int, int, int, bytes]] = []  # (due, number of the copy, way, frame)
        self._numbers = 0

    def put(self, to: int, frame: bytes, now_ns: int, *, udp: bool, head: bytes = b"") -> None:
        """Take a frame for one receiver; `head` is kept if it is dropped (see `Way.lost`)."""
        way, faults, counts = self.ways[to], self.faults, self.ways[to].counts
        if udp:
            counts.udp += 1
        else:
            counts.other += 1
        if not way.plugged:
            counts.cut += 1
            return
        delay_ns = int(faults.delay_ms * MS)
        if not udp and faults.only == "udp":
            self._keep_order(way, to, frame, now_ns + delay_ns)
            return
        if way.rng.random() < faults.loss:
            counts.dropped += 1
            counts.dropped_bytes += len(frame)
            if head:
                way.lost.append(head)
            return
        delay_ns += int(way.rng.random() * faults.jitter_ms * MS)
        if way.rng.random() < faults.reorder:
            counts.delayed += 1
            self._push(to, frame, now_ns + delay_ns + int(way.rng.random() * faults.reorder_ms * MS))
        else:
            self._keep_order(way, to, frame, now_ns + delay_ns)
        if way.rng.random() < faults.dup:
            counts.duplicated += 1
            self._push(to, frame, now_ns + delay_ns + int(way.rng.random() * faults.reorder_ms * MS), again=True)

    def _keep_order(self, way: Way, to: int, frame: bytes, due_ns: int) -> None:
        way.last_due_ns = max(way.last_due_ns, due_ns)
        self._push(to, frame, way.last_due_ns)

    def _push(self, to: int, frame: bytes, due_ns: int, *, again: bool = False) -> None:
        self._numbers += not again
        heapq.heappush(self._heap, (due_ns, self._numbers, to, frame))

    def due(self, now_ns: int) -> Iterator[tuple[int, bytes]]:
        """Yield (receiver, frame) of all that is due, in its order."""
        while self._heap and self._heap[0][0] <= now_ns:
            _, number, to, frame = heapq.heappop(self._heap)
            way = self.ways[to]
            if not way.plugged:
                way.counts.cut += 1
                continue
            if number < way.newest:
                way.counts.overtaken += 1
            way.newest = max(way.newest, number)
            way.counts.delivered += 1
            yield to, frame

    def next_ns(self) -> int | None:
        """Return when the next frame is due."""
        return self._heap[0][0] if self._heap else None

    def refused(self, to: int) -> None:
        """Note that the receiver's card did not take what `due` yielded last."""
        counts = self.ways[to].counts
        counts.delivered -= 1
        counts.refused += 1

    def report(self) -> list[dict[str, Any]]:
        """Return the counts of each receiver."""
        return [asdict(way.counts) for way in self.ways]
