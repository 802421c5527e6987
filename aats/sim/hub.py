"""Who receives what: subscriptions, and the way of an event from the market to its subscribers.

    market.advance -> publish -> [derived streams] -> frame, made once -> faults (depth only) -> each connection's queue

The hub moves the market's time; it knows connections only as receivers.  Closing one is asked of the exchange through
`close` (politely, with a close frame) and `cut` (at once).
"""

from __future__ import annotations

from collections.abc import Callable

from aats.sim import sbe
from aats.sim.connection import Connection
from aats.sim.faults import Faults
from aats.sim.market import DEPTH, DEPTH_NS, TRADE, Event, Market
from aats.sim.streams import Derived, event_frame, resolve


class Hub:
    """Subscriptions of all connections to the streams of one market."""

    def __init__(
        self,
        market: Market,
        faults: Faults,
        *,
        keep_trade: Callable[[Event], None],
        close: Callable[[Connection], None],
        cut: Callable[[Connection], None],
        played: Callable[[Event], None],
    ) -> None:
        self.market = market
        self.frames = 0
        self.depth_frames = 0
        self._faults = faults
        self._keep_trade = keep_trade
        self._close = close
        self._cut = cut
        self._played = played
        self._subs: dict[str, dict[int, Connection]] = {}  # stream -> who receives it
        self._derived: dict[str, dict[str, Derived]] = {}  # symbol -> stream -> its maker

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def join(self, conn: Connection, name: str, now_ns: int) -> None:
        """Subscribe a connection to a stream; one that does not exist is remembered and stays silent."""
        conn.streams[name] = None
        name = _text_stream(conn, name)
        meaning = resolve(self.market, name)
        if meaning is None:
            return
        symbol, make = meaning
        self._subs.setdefault(name, {})[conn.id] = conn
        if make is not None and name not in self._derived.setdefault(symbol, {}):
            self._derived[symbol][name] = make()
        if self.market.held:
            self.market.start(now_ns)

    def leave(self, conn: Connection, name: str) -> None:
        """Unsubscribe a connection; leaving a stream it never joined is no error."""
        conn.streams.pop(name, None)
        name = _text_stream(conn, name)
        conn.lane.held.pop(name, None)
        conns = self._subs.get(name)
        if conns is None or conns.pop(conn.id, None) is None or conns:
            return
        del self._subs[name]
        symbol = name.partition("@")[0].upper()
        made = self._derived.get(symbol, {})
        if made.pop(name, None) is not None and not made:
            del self._derived[symbol]

    def leave_all(self, conn: Connection) -> None:
        """Unsubscribe a connection from everything."""
        for name in list(conn.streams):
            self.leave(conn, name)

    def subscribers(self) -> dict[str, int]:
        """Return the number of receivers of each stream that has one."""
        return {stream: len(conns) for stream, conns in self._subs.items()}

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """Return when `run` has something to do next.  A market by demand waits for a first subscriber."""
        if self.market.by_demand and not self._subs:
            return None
        times = self._due()
        market_ns = self.market.next_ns()
        if market_ns is not None:
            times.append(market_ns)
        return min(times, default=None)

    def run(self, now_ns: int) -> None:
        """Move the market to `now_ns` and deliver.

        With derived streams it goes from boundary to boundary, so that each shows the book of its own moment.
        """
        if not self._derived:
            self._step(now_ns)
            return
        step_ns = -1
        while step_ns < now_ns:
            due = self._due()
            next_ns = self.market.next_ns()
            if not due and next_ns is not None:
                due.append(next_ns - next_ns % DEPTH_NS + DEPTH_NS - 1)
            step_ns = now_ns if self.market.by_demand else min([now_ns, *due])
            self._step(step_ns)
            for made in list(self._derived.values()):
                for derived in list(made.values()):
                    event = derived.due(step_ns)
                    if event is not None:
                        self._publish(event, step_ns)

    def _due(self) -> list[int]:
        return [d.due_ns for made in self._derived.values() for d in made.values() if d.due_ns is not None]

    def _step(self, now_ns: int) -> None:
        if self.market.by_demand and not self._subs:
            return
        for event in self.market.advance(now_ns):
            self._publish(event, now_ns)
            self._played(event)

    # -- delivery ------------------------------------------------------------------------------------------------------

    def send(self, conn: Connection, frame: bytes) -> None:
        """Queue a frame for a connection that is still open."""
        if conn.live:
            self.frames += 1
            conn.put(frame)

    def publish(self, events: list[Event], now_ns: int) -> None:
        """Deliver what an own order made of the market."""
        for event in events:
            self._publish(event, now_ns)

    def _publish(self, event: Event, now_ns: int) -> None:
        if event.kind == TRADE:
            self._keep_trade(event)
        elif event.kind == DEPTH and self._derived:
            for derived in self._derived.get(event.symbol, {}).values():
                derived.feed(event)
        conns = self._subs.get(event.stream)
        if not conns:
            return
        is_depth = event.kind in (DEPTH, "depth")
        for conn in list(conns.values()):
            frame = sbe.event_frame(event) if conn.sbe else event_frame(event, conn.wrapped, conn.micros)
            if not is_depth:
                self.send(conn, frame)
                continue
            self.depth_frames += 1
            for faulty in self._faults.pass_depth(conn.lane, event.stream, frame, now_ns):
                self.send(conn, faulty)
            if conn.lane.end:
                (self._close if conn.lane.end == "close" else self._cut)(conn)


def _text_stream(conn: Connection, name: str) -> str:
    """Return the market's name of a stream that a connection calls `name`."""
    return sbe.text_stream(name) if conn.sbe else name
