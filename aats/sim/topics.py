"""Who receives what, for the dialects over venue.py: public topics, and the private events of accounts.

A topic is whatever a dialect finds handy, `("books", "BTC-USDT")`.  A subscription belongs to a connection and ends with it.  Nothing here writes a frame.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from aats.sim.accounts import Account
from aats.sim.connection import Connection
from aats.sim.faults import LATE_NS

__all__ = ["Private", "Topics"]


class Topics:
    """Subscriptions of all connections to public topics."""

    def __init__(self) -> None:
        self._subs: dict[Hashable, dict[int, Connection]] = {}
        self._of: dict[int, dict[Hashable, None]] = {}

    def join(self, conn: Connection, topic: Hashable) -> bool:
        """Subscribe a connection; False if it is already."""
        conns = self._subs.setdefault(topic, {})
        if conn.id in conns:
            return False
        conns[conn.id] = conn
        self._of.setdefault(conn.id, {})[topic] = None
        return True

    def leave(self, conn: Connection, topic: Hashable) -> bool:
        """Unsubscribe a connection; False if it was not subscribed."""
        conns = self._subs.get(topic)
        if conns is None or conns.pop(conn.id, None) is None:
            return False
        if not conns:
            del self._subs[topic]
        self._of[conn.id].pop(topic, None)
        conn.lane.held.pop(topic, None)
        return True

    def leave_all(self, conn: Connection) -> None:
        """Unsubscribe a connection from everything."""
        for topic in list(self._of.pop(conn.id, ())):
            conns = self._subs.get(topic)
            if conns is not None:
                conns.pop(conn.id, None)
                if not conns:
                    del self._subs[topic]

    def of(self, topic: Hashable) -> list[Connection]:
        """Return who receives a topic."""
        return list(self._subs.get(topic, {}).values())

    def has(self, topic: Hashable) -> bool:
        """Tell whether anybody receives a topic."""
        return topic in self._subs

    def held(self, conn: Connection) -> list[Hashable]:
        """Return what a connection receives, in the order in which it asked."""
        return list(self._of.get(conn.id, ()))

    def counts(self) -> dict[str, int]:
        """Return the number of receivers of each topic."""
        return {str(topic): len(conns) for topic, conns in self._subs.items()}


class Private:
    """Subscriptions to the events of accounts, and frames that go out later than now.

    Parameters
    ----------
    send
        Queues a frame for a connection.
    cut
        Ends a connection at once.
    """

    def __init__(self, send: Callable[[Connection, bytes], None], cut: Callable[[Connection], None]) -> None:
        self._send = send
        self._cut = cut
        self._subs: dict[int, list[tuple[Connection, Hashable]]] = {}
        self._later: list[tuple[int, int, Connection, bytes]] = []
        self._count = 0
        self._hold: dict[int, int] = {}  # account -> its events wait until then
        self._mute = 0  # account whose events are being lost

    def join(self, conn: Connection, account: Account, channel: Hashable) -> bool:
        """Tell this connection about this account from now on; False if it is told already."""
        subs = self._subs.setdefault(account.number, [])
        if (conn, channel) in subs:
            return False
        subs.append((conn, channel))
        return True

    def leave(self, conn: Connection, channel: Hashable | None = None) -> None:
        """End one subscription of a connection, or all."""
        for number, subs in list(self._subs.items()):
            self._subs[number] = [(c, name) for c, name in subs if c is not conn or (channel is not None and name != channel)]

    def joined(self, conn: Connection, channel: Hashable) -> bool:
        """Tell whether a connection receives a channel."""
        return any(c is conn and name == channel for subs in self._subs.values() for c, name in subs)

    def of(self, account: Account, channel: Hashable) -> list[Connection]:
        """Return who is told about an account."""
        return [conn for conn, name in self._subs.get(account.number, ()) if name == channel]

    def all_of(self, account: Account) -> list[Connection]:
        """Return every connection that is told anything about an account."""
        return list({conn.id: conn for conn, _ in self._subs.get(account.number, ())}.values())

    def tell(self, account: Account, conn: Connection, frame: bytes) -> None:
        """Send a frame about an account, unless its events are held back or being lost."""
        if account.number == self._mute:
            return
        hold_ns = self._hold.get(account.number)
        if hold_ns is None:
            self._send(conn, frame)
        else:
            self.later(conn, frame, hold_ns)

    @contextmanager
    def around(self, account: Account, fault: str, now_ns: int) -> Iterator[None]:
        """Take an order under a fault: hold its events back, or lose them and then the connections they were for."""
        if fault == "order-unsure":
            self._hold[account.number] = now_ns + LATE_NS
        elif fault == "user-cut":
            self._mute = account.number
        try:
            yield
        finally:
            if self._mute:
                self._mute = 0
                for conn in self.all_of(account):
                    self._cut(conn)

    def later(self, conn: Connection, frame: bytes, at_ns: int) -> None:
        """Send a frame at a later moment."""
        self._count += 1
        heapq.heappush(self._later, (at_ns, self._count, conn, frame))

    def next_ns(self) -> int | None:
        """Return when `run` has something to do next."""
        times = list(self._hold.values())
        if self._later:
            times.append(self._later[0][0])
        return min(times, default=None)

    def run(self, now_ns: int) -> None:
        """Send what has waited until now."""
        while self._later and self._later[0][0] <= now_ns:
            _, _, conn, frame = heapq.heappop(self._later)
            self._send(conn, frame)
        if self._hold:
            self._hold = {number: at_ns for number, at_ns in self._hold.items() if at_ns > now_ns}
