"""Who is told what became of an account's orders: subscriptions to user data, and frames that go out later than now.

    desk -> tell -> each subscription of the account -> frame -> connection
                `-> held back (fault order-unsure), lost with its connection (fault user-cut)

A subscription belongs to a connection and ends with it.  Frames that wait are kept in the order in which they came.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from aats.sim.accounts import Account
from aats.sim.connection import Connection
from aats.sim.faults import LATE_NS
from aats.sim.frames import text_frame
from aats.sim.reports import Order, event_times


class UserData:
    """Subscriptions of all connections to the user data of all accounts.

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
        self._subs: dict[int, list[tuple[Connection, int]]] = {}  # account -> who is told, under which id
        self._later: list[tuple[int, int, Connection, bytes]] = []
        self._count = 0
        self._hold: dict[int, int] = {}  # account -> its events wait until then
        self._mute: int = 0  # account whose events are being lost
        self.now_ns = 0

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def join(self, conn: Connection, account: Account, sub_id: int) -> None:
        """Tell this connection about this account from now on."""
        self._subs.setdefault(account.number, []).append((conn, sub_id))

    def leave(self, conn: Connection, sub_id: int | None = None) -> None:
        """End one subscription of a connection, or all."""
        for number, subs in list(self._subs.items()):
            kept = [(c, n) for c, n in subs if c is not conn or (sub_id is not None and n != sub_id)]
            if kept:
                self._subs[number] = kept
            else:
                del self._subs[number]

    def of(self, conn: Connection) -> dict[int, int]:
        """Return a connection's subscriptions: id to account."""
        return {n: number for number, subs in self._subs.items() for c, n in subs if c is conn}

    def listeners(self, account: Account) -> list[tuple[Connection, int]]:
        """Return who is told about an account."""
        return list(self._subs.get(account.number, ()))

    # -- events --------------------------------------------------------------------------------------------------------

    def tell(self, account: Account, event: dict[str, Any], order: Order | None = None) -> None:
        """Send an event to everyone who is told about its account."""
        subs = self._subs.get(account.number)
        if not subs or account.number == self._mute:
            return
        hold_ns = self._hold.get(account.number)
        for conn, sub_id in list(subs):
            frame = text_frame(orjson.dumps({"subscriptionId": sub_id, "event": event_times(event, conn.micros)}))
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
                for conn, _ in self.listeners(account):
                    self._cut(conn)

    # -- later ---------------------------------------------------------------------------------------------------------

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
