"""The wires between a feed's host and a receiver: datagrams that get lost, and streams that do not, until they end.

For: `NetWorld`; time is what it says.  Not for the wires to an exchange: ``pipes.py``.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass

MS = 1_000_000
END = b""
RESET = None


@dataclass
class Air:
    """What a path does to what is sent over it.

    Attributes
    ----------
    delay_ms : (float, float)
    loss, dup, reorder : float
        Parts of one, of datagrams; a reordered one comes up to `reorder_ms` later.
    """

    delay_ms: tuple[float, float] = (0.2, 2.0)
    loss: float = 0.0
    dup: float = 0.0
    reorder: float = 0.0
    reorder_ms: float = 10.0

    def longest_ns(self) -> int:
        """Return the longest time that a datagram may take."""
        return int((self.delay_ms[1] + self.reorder_ms) * MS)


class Pipe:
    """Datagrams from one sender to one receiver's socket.

    Attributes
    ----------
    air : Air
        In force; the world changes it.
    down_until_ns : int
        Nothing passes before.
    """

    def __init__(self, rng: random.Random, air: Air, source: str, queue: int = 2000) -> None:
        self.rng, self.air, self.source, self.queue = rng, air, source, queue
        self.down_until_ns = 0
        self.counts: Counter[str] = Counter()
        self.kernel_drops = 0
        self.bad = 0.0  # how often something foreign or broken is thrown in
        self._way: list[tuple[int, int, str, bytes]] = []
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._numbers = 0
        self._last_ns = 0

    def send(self, now_ns: int, data: bytes) -> None:
        """Take a datagram."""
        rng, air = self.rng, self.air
        self.counts["sent"] += 1
        if self.bad and rng.random() < self.bad:
            self._throw_in(now_ns, data)
        if now_ns < self.down_until_ns or rng.random() < air.loss:
            self.counts["dropped"] += 1
            return
        due = now_ns + int(rng.uniform(*air.delay_ms) * MS)
        if rng.random() < air.reorder:
            self.counts["reordered"] += 1
            due += int(rng.random() * air.reorder_ms * MS)
        else:
            self._last_ns = due = max(due, self._last_ns)
        self._put(due, self.source, data)
        if rng.random() < air.dup:
            self.counts["duplicated"] += 1
            self._put(due + int(rng.random() * air.reorder_ms * MS), self.source, data)

    def _throw_in(self, now_ns: int, data: bytes) -> None:
        rng, source, kind = self.rng, self.source, self.rng.randrange(5)
        if kind == 0:
            source = "192.0.2.99"
        elif kind == 1:
            data = data[:8] + rng.randbytes(8) + data[16:]  # another feed
        elif kind == 2:
            data = data[:40] + rng.randbytes(8) + data[48:]  # another layout
        elif kind == 3:
            data = data[: rng.randrange(len(data))]
        else:
            data = rng.randbytes(rng.randrange(1, 1400))
        self.counts["foreign" if kind < 2 else "damaged"] += 1
        self._put(now_ns + int(rng.uniform(*self.air.delay_ms) * MS), source, data)

    def _put(self, due_ns: int, source: str, data: bytes) -> None:
        self._numbers += 1
        heapq.heappush(self._way, (due_ns, self._numbers, source, data))

    def carry(self, now_ns: int) -> None:
        """Bring what is due to the socket, whose queue has an end."""
        while self._way and self._way[0][0] <= now_ns:
            _, _, source, data = heapq.heappop(self._way)
            if len(self._waiting) >= self.queue:
                self.kernel_drops += 1
            else:
                self._waiting.append((source, data))

    def take(self) -> tuple[str, bytes] | None:
        """Return the next datagram of the socket: source, bytes."""
        return self._waiting.popleft() if self._waiting else None


class _Lane:
    """One direction of a stream: what was written arrives whole and in order, some time."""

    def __init__(self, rng: random.Random, air: Air, room: int) -> None:
        self.rng, self.air, self.room = rng, air, room
        self.chunks: deque[tuple[int, bytes | None]] = deque()
        self.size = 0
        self.last_ns = 0
        self.stalled_until_ns = 0

    def put(self, now_ns: int, data: bytes | None) -> None:
        self.last_ns = max(self.last_ns, now_ns + int(self.rng.uniform(*self.air.delay_ms) * MS))
        self.chunks.append((self.last_ns, data))
        self.size += len(data or b"")

    def take(self, now_ns: int) -> tuple[bool, bytes | None]:
        """Return (True, the next chunk) if one has arrived."""
        if not self.chunks or self.chunks[0][0] > now_ns or now_ns < self.stalled_until_ns:
            return False, None
        data = self.chunks.popleft()[1]
        self.size -= len(data or b"")
        return True, data

    def clear(self) -> None:
        self.chunks.clear()
        self.size = 0


class Stream:
    """One TCP connection: from a receiver (client) to a fan-out (server).

    Attributes
    ----------
    peer : int
        Of the fan-out; -1 before it is accepted.
    open_ns : int
        When the client knows that it is up; negative: when it is refused.
    """

    def __init__(self, rng: random.Random, air: Air, now_ns: int, *, refused: bool, room: int) -> None:
        self.up, self.down = _Lane(rng, air, 1 << 16), _Lane(rng, air, room)
        wait_ns = int(sum(rng.uniform(*air.delay_ms) for _ in "12") * MS)
        self.open_ns = -(now_ns + wait_ns) if refused else now_ns + wait_ns
        self.opened = self.closed = self.gone = False  # for the client; closed by the client; ended for the server
        self.peer = -1

    def stall(self, until_ns: int) -> None:
        """Let nothing through, either way, before."""
        self.up.stalled_until_ns = self.down.stalled_until_ns = until_ns

    def reset(self, now_ns: int) -> None:
        """The server's side is gone; what is under way is lost."""
        self.down.clear()
        self.down.stalled_until_ns = 0
        self.down.put(now_ns, RESET)
        self.gone = True

    def end(self, now_ns: int) -> None:
        """The server has closed; what it wrote arrives before."""
        self.down.put(now_ns, END)
        self.gone = True
