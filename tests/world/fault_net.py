"""The wires of a fault run: whole frames between traders and the exchange, and what may happen to each of them.

A spell waits for traffic: it is counted when it has met a frame (or an attempt to connect) and done its harm, never before.

    drop_request, drop_answer, drop_event    the frame is lost, the connection stays
    delay                                    everything on the wire, this way, comes later from here on
    duplicate                                an answer or an event comes twice, the second time at once or later
    reorder                                  an answer changes places with events, or events with an answer
    close_request                            the connection ends and the request never arrives
    close_before                             the venue has obeyed, and the connection ends before its answer
    close_after                              the answer arrives, and the connection ends behind it
    refuse                                   attempts to connect are refused
    http                                     an upgrade is answered 429, 418 or 503 with Retry-After

Time is what the world says it is.  A wire never lets a frame overtake another, but for `duplicate` and `reorder`.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass

from aats.sim import Exchange
from tests.world.pipes import END, Peer, refusing

MS = 1_000_000
NEVER = 1 << 62
UP, DOWN = "up", "down"
HOLD_NS = 400 * MS  # a frame that waits for its turn by `reorder` waits no longer

#: What a frame to the client is: answers carry the number of their request, events that of their subscription.
ANSWER, EVENT, OTHER = "answer", "event", "other"

#: kind -> (way, of what)
FRAME_SPELLS = {
    "drop_request": (UP, ("request",)),
    "drop_answer": (DOWN, (ANSWER,)),
    "drop_event": (DOWN, (EVENT,)),
    "duplicate": (DOWN, (ANSWER, EVENT)),
    "reorder": (DOWN, (ANSWER, EVENT)),
    "close_request": (UP, ("request",)),
    "close_before": (UP, ("request",)),
    "close_after": (UP, ("request",)),
}


@dataclass
class Spell:
    """One fault that waits for its frames."""

    kind: str
    left: int = 1
    skip: int = 0  # frames of its kind that pass unharmed first
    wait_ns: int = 0
    who: int = -1  # whose connection; -1: anybody's


class Link:
    """One connection: `client` is the trader's end."""

    def __init__(self, net: FaultNet, conn_id: int, who: int, now_ns: int) -> None:
        self.net, self.id, self.who = net, conn_id, who
        self.up_ns = now_ns + net.delay()
        self.opened = False
        self.mute = False  # what the venue says from here on is lost
        self.ends_at_answer = ""  # "before" or "after": the next answer is the last
        self.to_client: deque[tuple[int, bytes]] = deque()
        self.to_server: deque[tuple[int, bytes]] = deque()
        self._last_down = self._last_up = 0
        self._held: deque[tuple[str, bytes]] = deque()  # of one kind, until a frame of another kind has passed

    # -- from the trader -----------------------------------------------------------------------------------------------

    def send(self, now_ns: int, data: bytes) -> None:
        """Take bytes from the trader: whole frames, but for the upgrade and for one that was cut by a death."""
        if self.mute:
            return
        if not self.net.spells:
            self._up(now_ns, data)
            return
        at = 0
        while at < len(data):
            size = frame_size(data, at) if data[at] & 0x80 else len(data) - at
            self._request(now_ns, data[at : at + size])
            at += size

    def _request(self, now_ns: int, frame: bytes) -> None:
        of = "request" if frame[0] == 0x81 else OTHER
        for spell in self.net.casting(UP, of, self):
            if spell.kind == "drop_request":
                return
            if spell.kind == "delay":
                self._last_up = max(self._last_up, now_ns) + spell.wait_ns
            elif spell.kind == "close_request":
                self.end_client(now_ns)
                self.end_server(now_ns)
                return
            elif spell.kind in ("close_before", "close_after"):
                self.ends_at_answer = spell.kind[6:]
        self._up(now_ns, frame)

    def _up(self, now_ns: int, data: bytes) -> None:
        self._last_up = max(self._last_up, now_ns + self.net.delay())
        self.to_server.append((self._last_up, data))

    def end_server(self, now_ns: int) -> None:
        """The trader's end is closed: the venue reads what is under way, then the end."""
        if not self.to_server or self.to_server[-1][1] != END:
            self.to_server.append((max(self._last_up, now_ns), END))

    # -- from the exchange ---------------------------------------------------------------------------------------------

    def say(self, now_ns: int, frame: bytes) -> None:
        """Take one whole piece that the venue writes: a frame, or the answer to the upgrade."""
        if self.mute:
            return
        of = kind_of(frame)
        if self.ends_at_answer and of == ANSWER:
            self.net.happened["close_" + self.ends_at_answer] += 1
            if self.ends_at_answer == "after":
                self._down(now_ns, frame)
            self.end_client(now_ns)
            self.end_server(now_ns)
            return
        if self._held and self._held[0][0] != of:
            self._down(now_ns, frame)
            self._release(now_ns)
            return
        if self._held:
            self._held.append((of, frame))
            return
        if self.net.spells:
            for spell in self.net.casting(DOWN, of, self):
                if spell.kind in ("drop_answer", "drop_event"):
                    return
                if spell.kind == "delay":
                    self._last_down = max(self._last_down, now_ns) + spell.wait_ns
                elif spell.kind == "duplicate":
                    self.net.later(now_ns + spell.wait_ns, self, frame)
                elif spell.kind == "reorder":
                    self._held.append((of, frame))
                    self.net.later(now_ns + HOLD_NS, self, b"")
                    return
        self._down(now_ns, frame)

    def again(self, now_ns: int, frame: bytes) -> None:
        """Do what was put off: a copy of a frame, or b"": the end of waiting for one to overtake."""
        if self.mute:
            return
        if frame:
            self._down(now_ns, frame)
        else:
            self._release(now_ns)

    def _release(self, now_ns: int) -> None:
        while self._held:
            self._down(now_ns, self._held.popleft()[1])

    def _down(self, now_ns: int, frame: bytes) -> None:
        self._last_down = max(self._last_down, now_ns + self.net.delay())
        rng = self.net.rng
        if len(frame) > 1 and rng.random() < 0.03:
            cut = rng.randrange(1, len(frame))
            self.to_client.append((self._last_down, frame[:cut]))
            frame = frame[cut:]
            self._last_down += self.net.delay()
        self.to_client.append((self._last_down, frame))

    def end_client(self, now_ns: int) -> None:
        """The venue's end is closed: the trader reads what is under way, then the end."""
        if not self.mute:
            self.mute = True
            self._last_down = max(self._last_down, now_ns)
            self.to_client.append((self._last_down, END))

    def due_ns(self) -> int:
        """Return when the trader has something to read."""
        if not self.opened:
            return abs(self.up_ns)
        return self.to_client[0][0] if self.to_client else NEVER

    @staticmethod
    def due(queue: deque[tuple[int, bytes]], now_ns: int) -> bytes | None:
        """Return the next chunk that has arrived, None if there is none; `END` is the end of file."""
        return queue.popleft()[1] if queue and queue[0][0] <= now_ns else None


class FaultNet:
    """All connections of one run.

    Attributes
    ----------
    happened : Counter
        Faults by kind that have met traffic.
    spells : list of Spell
        Those that still wait for theirs.
    refuse : int
        So many of the next attempts to connect are refused.
    down_ns : int
        Until then nobody listens at the venue.
    """

    def __init__(self, exchange: Exchange, rng: random.Random, delay_ms: tuple[float, float], happened: Counter[str]) -> None:
        self.exchange, self.rng, self.happened = exchange, rng, happened
        self._low, self._span = delay_ms[0] * MS, (delay_ms[1] - delay_ms[0]) * MS
        self.spells: list[Spell] = []
        self.refuse = 0
        self.http = b""
        self.down_ns = 0
        self.links: dict[int, Link] = {}
        self._peers: dict[int, Peer] = {}
        self._attempts = 0
        self._later: list[tuple[int, int, Link, bytes]] = []
        self._count = 0

    def delay(self) -> int:
        """Return how long a chunk is under way."""
        return int(self._low + self.rng.random() * self._span)

    def casting(self, way: str, of: str, link: Link) -> list[Spell]:
        """Return the spells that strike this frame, and count them."""
        struck = []
        for spell in list(self.spells):
            if 0 <= spell.who != link.who:
                continue
            if spell.kind == "delay":
                if of == OTHER:
                    continue
            else:
                spell_way, ofs = FRAME_SPELLS[spell.kind]
                if spell_way != way or of not in ofs:
                    continue
            if spell.skip:
                spell.skip -= 1
                continue
            spell.left -= 1
            if spell.left <= 0:
                self.spells.remove(spell)
            if spell.kind not in ("close_before", "close_after"):  # those are counted when the answer comes
                self.happened[spell.kind] += 1
            struck.append(spell)
        return struck

    def later(self, at_ns: int, link: Link, frame: bytes) -> None:
        """Have `Link.again` called at a later moment."""
        self._count += 1
        heapq.heappush(self._later, (at_ns, self._count, link, frame))

    def connect(self, now_ns: int, venue_ns: int, who: int) -> Link:
        """Return the link of a new attempt of a strategy's process."""
        self._attempts += 1
        link = Link(self, self._attempts, who, now_ns)
        if self.refuse or now_ns < self.down_ns:
            if self.refuse:
                self.refuse -= 1
                self.happened["refuse"] += 1
            link.up_ns = -link.up_ns
            return link
        if self.http:
            self._peers[link.id] = Peer(refusing(b"HTTP/1.1 " + self.http + b"\r\nContent-Length: 0\r\n\r\n"))
            self.happened["http"] += 1
            self.http = b""
        else:
            self.exchange.open(link.id, venue_ns)
        self.links[link.id] = link
        return link

    def next_ns(self) -> int:
        """Return when `carry` has something to do next."""
        due = self._later[0][0] if self._later else NEVER
        for link in self.links.values():
            if link.to_server and link.to_server[0][0] < due:
                due = link.to_server[0][0]
        return due

    def carry(self, now_ns: int, venue_ns: int, more: bool) -> bool:
        """Bring what has arrived to the venue, and take what it has to say, if it was told something or `more` says so; return whether it was."""
        while self._later and self._later[0][0] <= now_ns:
            _, _, link, frame = heapq.heappop(self._later)
            link.again(now_ns, frame)
        told = False
        for link in list(self.links.values()):
            while link.to_server and link.to_server[0][0] <= now_ns:
                data = link.to_server.popleft()[1]
                told = True
                peer = self._peers.get(link.id)
                if peer is not None:
                    peer.receive(data)
                else:
                    self.exchange.receive(link.id, data, venue_ns)
                if data == END:
                    self.forget(link.id)
                    break
        if told or more or self._peers:
            for link in list(self.links.values()):
                self._hear(link, now_ns)
        return told

    def _hear(self, link: Link, now_ns: int) -> None:
        peer = self._peers.get(link.id)
        if peer is not None:
            answer = peer.take()
            if answer == END:
                link.end_client(now_ns)
                self.forget(link.id)
            elif answer:
                link.say(now_ns, answer)
            return
        while said := self.exchange.take(link.id, 1):
            link.say(now_ns, said)
        if self.exchange.closing(link.id):
            link.end_client(now_ns)
            self.forget(link.id)

    def cut_all(self, now_ns: int) -> int:
        """The venue dies: every connection ends at once, what was under way to it is gone; return how many there were."""
        links = list(self.links.values())
        for link in links:
            if self.rng.random() < 0.5:
                link.to_client.clear()
            link.end_client(now_ns)
            link.to_server.clear()
            self.forget(link.id)
        return len(links)

    def forget(self, conn_id: int) -> None:
        """Drop a connection that has ended."""
        self.links.pop(conn_id, None)
        if self._peers.pop(conn_id, None) is None:
            self.exchange.drop(conn_id)


def frame_size(data: bytes, at: int) -> int:
    """Return the size of the masked frame that begins at `at`; of one that was cut, what is there."""
    n = data[at + 1] & 0x7F if at + 1 < len(data) else 0
    head = 6
    if n == 126:
        n, head = int.from_bytes(data[at + 2 : at + 4], "big"), 8
    elif n == 127:
        n, head = int.from_bytes(data[at + 2 : at + 10], "big"), 14
    return min(head + n, len(data) - at)


def kind_of(frame: bytes) -> str:
    """Return what a piece of the venue is."""
    if frame[0] != 0x81:
        return OTHER
    at = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
    if frame.startswith(b'{"id"', at):
        return ANSWER
    return EVENT if frame.startswith(b'{"sub', at) else OTHER
