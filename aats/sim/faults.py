"""Faults that the simulated exchange makes on purpose: to depth frames, snapshots, upgrades, orders.

A fault is a kind and a number: `drop=50` drops every 50th depth frame *that would be sent to a client*, counted on each
connection from 1, so that two runs with the same frames have the same faults.  Nothing here is random.

    kind       what happens to the N-th depth frame of a connection
    drop       it is not sent
    dup        it is sent twice
    swap       it changes places with the next frame of the same stream
    close      it is the last: a close frame (1001) follows it and the connection ends
    cut        half of its bytes are sent and the connection ends there, without a close frame
    stall      from it on the connection is silent (`stall=N:SECONDS`, default 3), then everything follows at once
    corrupt    one byte of its payload is damaged, by turns to something that is not UTF-8 and not JSON
    digit      one digit of a price or a quantity in it becomes another: only a checksum can tell (dialects of venues that have one)

    kind       what happens to the N-th depth snapshot request
    snap-old   the answer's lastUpdateId lies far before anything a client can have buffered
    snap-429, snap-403, snap-503                 that status, with the body the venue sends
    snap-html  status 200 with an HTML page
    snap-cut   the body ends in its middle and the connection with it

    kind       what happens to the N-th WebSocket upgrade
    ws-403, ws-429, ws-503                       that status instead of 101

    kind       what happens to the N-th log-on (dialects that log on) and to the N-th HTTP request (dialects over venue.py)
    login-refused, login-cut                     it is refused; the connection ends in the middle of it
    http-429, http-503, http-html                that status, 429 with Retry-After; 503 and status 200 with an HTML page of maintenance

    kind          what happens to the N-th new order (order.place, POST /api/v3/order) that is well signed
    order-lost    it is taken, its answer is never sent; its events are
    order-late    it is taken, its answer comes 0.3 s later, after its events
    order-unsure  it is taken, the answer is 504 with -1007, its account's events come 0.3 s later
    order-cut     it is taken, and the connection that brought it ends before any answer
    order-5xx     it is not taken, the answer is 503
    user-cut      it is taken and answered, its first events are lost: connections that would get them end

Damage by `corrupt` is always of a kind that text alone reveals: a digit changed into another digit (`digit`) cannot be seen by
any client of a venue without checksums, and cannot happen below TLS.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from aats.errors import ConfigError

FRAME_KINDS = ("drop", "dup", "swap", "close", "cut", "stall", "corrupt", "digit")
SNAPSHOT_KINDS = ("snap-old", "snap-429", "snap-403", "snap-503", "snap-html", "snap-cut")
UPGRADE_KINDS = ("ws-403", "ws-429", "ws-503")
ORDER_KINDS = ("order-lost", "order-late", "order-unsure", "order-cut", "order-5xx", "user-cut")
LOGIN_KINDS = ("login-refused", "login-cut")
HTTP_KINDS = ("http-429", "http-503", "http-html")
KINDS = FRAME_KINDS + SNAPSHOT_KINDS + UPGRADE_KINDS + ORDER_KINDS + LOGIN_KINDS + HTTP_KINDS
_DECIMALS = re.compile(rb"[0-9]\.([0-9])")

STALL_NS = 3_000_000_000
LATE_NS = 300_000_000  # what order-late and order-unsure take


@dataclass
class Lane:
    """What the faults remember of one connection.  `end` is "", "close" or "cut"; the hub obeys it after sending."""

    sent: int = 0
    damaged: int = 0
    end: str = ""
    stalled_until_ns: int = 0
    held: dict[Hashable, bytes] = field(default_factory=dict)


class Faults:
    """The plan of faults and the count of those made.

    Parameters
    ----------
    every
        Fault kind to N: each N-th one is hit.
    stall_ns
        How long a stalled connection is silent.

    Notes
    -----
    `counts` has one entry a kind.  `next_snapshots`, `next_upgrades`, `next_orders`, `next_logins` and `next_https` are queues for tests:
    kinds (or "ok") that the coming requests get before the plan is asked.
    """

    def __init__(self, every: Mapping[str, int] | None = None, *, stall_ns: int = STALL_NS) -> None:
        self.every = dict(every or {})
        for kind, n in self.every.items():
            if kind not in KINDS or n < 1:
                raise ConfigError(f"fault {kind}={n}: expected KIND=N with N from 1 and KIND one of {', '.join(KINDS)}")
        self.stall_ns = stall_ns
        self.counts = dict.fromkeys(KINDS, 0)
        self.next_snapshots: deque[str] = deque()
        self.next_upgrades: deque[str] = deque()
        self.next_orders: deque[str] = deque()
        self.next_logins: deque[str] = deque()
        self.next_https: deque[str] = deque()
        self._logins = self._https = 0
        self._snapshots = 0
        self._upgrades = 0
        self._orders = 0
        self._frames = [(kind, self.every[kind]) for kind in FRAME_KINDS if kind in self.every]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Faults:
        """Read `--fault` arguments: `drop=50`, `stall=100:2.5`, several in one separated by commas."""
        every: dict[str, int] = {}
        stall_ns = STALL_NS
        for text in ",".join(texts).split(","):
            if not text:
                continue
            kind, _, value = text.partition("=")
            number, _, seconds = value.partition(":")
            try:
                every[kind] = int(number)
                if seconds:
                    stall_ns = round(float(seconds) * 1e9)
            except ValueError:
                every[kind] = 0
            if kind not in KINDS or every[kind] < 1 or (seconds and (kind != "stall" or stall_ns <= 0)):
                raise ConfigError(
                    f"--fault {text!r}: expected KIND=N with N a whole number from 1 (stall=N:SECONDS), KIND one of {', '.join(KINDS)}"
                )
        return cls(every, stall_ns=stall_ns)

    def pass_depth(self, lane: Lane, stream: Hashable, frame: bytes, now_ns: int) -> list[bytes]:
        """Return the frames that really go out in place of `frame`, which is one whole server frame of `stream`."""
        lane.sent += 1
        frames = [frame]
        held = lane.held.pop(stream, None)
        for kind, n in self._frames:
            if lane.sent % n:
                continue
            if kind == "swap" and (held is not None or frames != [frame]):
                continue  # nothing left to swap, or its own fault already
            self.counts[kind] += 1
            if kind == "drop":
                frames = []
            elif kind == "dup":
                frames = frames * 2
            elif kind == "swap":
                lane.held[stream] = frame
                frames = []
            elif kind == "stall":
                lane.stalled_until_ns = now_ns + self.stall_ns
            elif kind == "corrupt":
                frames = [self._damage(lane, f) for f in frames]
            elif kind == "digit":
                frames = [self._other_digit(lane, f) for f in frames]
            elif frames:  # close, cut
                lane.end = kind
                if kind == "cut":
                    frames[-1] = frames[-1][: len(frames[-1]) // 2]
        if held is not None:
            frames.append(held)
        return frames

    def snapshot(self) -> str:
        """Return the fault of this snapshot request, or "" for none."""
        self._snapshots += 1
        return self._choose(self.next_snapshots, SNAPSHOT_KINDS, self._snapshots)

    def upgrade(self) -> str:
        """Return the fault of this upgrade request, or "" for none."""
        self._upgrades += 1
        return self._choose(self.next_upgrades, UPGRADE_KINDS, self._upgrades)

    def order(self) -> str:
        """Return the fault of this new order, or "" for none."""
        self._orders += 1
        return self._choose(self.next_orders, ORDER_KINDS, self._orders)

    def login(self) -> str:
        """Return the fault of this log-on, or "" for none."""
        self._logins += 1
        return self._choose(self.next_logins, LOGIN_KINDS, self._logins)

    def http(self) -> str:
        """Return the fault of this HTTP request, or "" for none."""
        self._https += 1
        return self._choose(self.next_https, HTTP_KINDS, self._https)

    def queue(self, kind: str) -> bool:
        """Give the next request of its sort this fault; False for a kind that hits frames, or that there is not."""
        for kinds, waiting in (
            (SNAPSHOT_KINDS, self.next_snapshots),
            (UPGRADE_KINDS, self.next_upgrades),
            (ORDER_KINDS, self.next_orders),
            (LOGIN_KINDS, self.next_logins),
            (HTTP_KINDS, self.next_https),
        ):
            if kind in kinds:
                waiting.append(kind)
                return True
        return False

    def _choose(self, queue: deque[str], kinds: tuple[str, ...], count: int) -> str:
        if queue:
            kind = queue.popleft()
        else:
            kind = next((k for k in kinds if k in self.every and count % self.every[k] == 0), "ok")
        if kind == "ok":
            return ""
        self.counts[kind] += 1
        return kind

    def _other_digit(self, lane: Lane, frame: bytes) -> bytes:
        """Change one digit of a decimal number in a text frame; the frame as it is if there is none."""
        lane.damaged += 1
        start = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
        spots = [m.start(1) for m in _DECIMALS.finditer(frame, start)]
        if not spots:
            return frame
        at = spots[(lane.damaged * 7919) % len(spots)]
        return frame[:at] + b"%d" % ((frame[at] - 0x30 + 1) % 10) + frame[at + 1 :]

    def _damage(self, lane: Lane, frame: bytes) -> bytes:
        lane.damaged += 1
        start = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
        if frame[0] & 0x0F == 2:  # SBE: another schema
            return frame[: start + 4] + bytes([frame[start + 4] ^ 0x80]) + frame[start + 5 :]
        if lane.damaged % 2:
            at = start + (lane.damaged * 7919) % (len(frame) - start)
            return frame[:at] + bytes([frame[at] | 0x80]) + frame[at + 1 :]
        at = frame.index(b":", start)
        return frame[:at] + b";" + frame[at + 1 :]
