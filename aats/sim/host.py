"""The face that every simulated exchange shows its host, and the life of its connections: bytes in, bytes out, now_ns.

What is said on a connection is the dialect's: binance.py, or a class over venue.py.  This file owns the connections, answers HTTP and WebSocket
syntax, keeps connections alive and ends them; it opens no socket and reads no clock.  Its host (server.py with asyncio, or a test's virtual world)
does, each round:

    exchange.open(id, now)                       a client connected
    exchange.receive(id, data, now)              bytes came; b"" is the client's end of file
    exchange.advance(now)                        at exchange.next_deadline() or later
    bytes = exchange.take(id)                    what to send; take less often from a slow client, it will pile up here
    exchange.closing(id) and not bytes           then close the connection and call exchange.drop(id)

Server frames are not masked and no extension is negotiated, so a frame is made once and shared by all who receive it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import h11
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from aats.sim.connection import MESSAGE_MAX, SECOND_NS, Connection, HttpRequest, Limits
from aats.sim.faults import Faults
from aats.sim.market import Market

if TYPE_CHECKING:
    from aats.sim.dialects import Options

__all__ = ["Host"]

_COUNTERS = ("opened", "upgraded", "http_requests", "control_errors", "bytes_out")
_NEVER_NS = 1 << 62
_CUTS = ("inbound_cut", "pong_cut", "quiet_cut", "life_cut", "slow_cut")


class Host(ABC):
    """Connections of one simulated exchange.

    Parameters
    ----------
    market
        Where prices come from; the host asks it whether it goes by demand.
    now_ns
        The moment the exchange opens.
    """

    HOSTS: ClassVar[tuple[str, ...]] = ()  # the venue's own host names, by which a path may begin

    def __init__(self, market: Market, now_ns: int, faults: Faults, limits: Limits) -> None:
        self.market = market
        self.faults = faults
        self.limits = limits
        self.now_ns = now_ns
        self.counters: dict[str, int] = dict.fromkeys(_COUNTERS + _CUTS, 0)
        self._conns: dict[int, Connection] = {}
        self._connects: deque[int] = deque()

    @classmethod
    @abstractmethod
    def make(cls, venue: str, options: Options) -> Host:
        """Return an exchange of this dialect as the command line describes it."""

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        """Return what the environment's endpoint variables are to hold: suffix to address."""
        return {"REST": http, "STREAM": ws, "WSAPI": ws}

    # -- what a dialect says of itself ---------------------------------------------------------------------------------

    @abstractmethod
    def _answer(self, conn: Connection, request: HttpRequest) -> None:
        """Answer an HTTP request."""

    @abstractmethod
    def _judge(self, conn: Connection, request: Request) -> tuple[int, str] | None:
        """Judge an upgrade: None to take it, or a status and a body to refuse it with."""

    @abstractmethod
    def _upgraded(self, conn: Connection, request: Request) -> None:
        """Begin with a connection whose upgrade was taken."""

    @abstractmethod
    def _message(self, conn: Connection, data: bytes, *, is_text: bool) -> None:
        """Take one whole message."""

    @abstractmethod
    def _run(self, now_ns: int, *, market: bool) -> None:
        """Move everything but the connections to `now_ns`."""

    @abstractmethod
    def _deadlines(self, *, market: bool) -> Iterable[int | None]:
        """Return the next moments at which `_run` has something to do."""

    @abstractmethod
    def _left(self, conn: Connection) -> None:
        """Forget what a connection had subscribed to; it may be called more than once."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Return what GET /sim/state shows."""

    def _counted(self, conn: Connection) -> bool:
        """Tell whether the limit on messages a second holds for this connection."""
        return True

    @abstractmethod
    def _farewell(self, conn: Connection) -> None:
        """Announce the end of the exchange to a client."""

    # -- what a host calls ---------------------------------------------------------------------------------------------

    def open(self, conn_id: int, now_ns: int) -> None:
        """Begin a connection; ids are the host's and unique among the live ones."""
        self.now_ns = max(self.now_ns, now_ns)
        self._conns[conn_id] = Connection(conn_id, self.now_ns)
        self.counters["opened"] += 1

    def receive(self, conn_id: int, data: bytes, now_ns: int) -> None:
        """Take bytes from a client; b"" says that it will send no more.  Bytes for an ended connection are dropped."""
        self.now_ns = max(self.now_ns, now_ns)
        conn = self._conns.get(conn_id)
        if conn is None:
            return
        if not data:
            self._client_ended(conn)
        elif conn.ws is not None:
            self._receive_ws(conn, conn.ws, data)
        elif conn.end_ns is None:
            self._receive_http(conn, data)

    def advance(self, now_ns: int, *, market: bool = True) -> None:
        """Move to `now_ns`: run the market, hand out its events, send pings, cut who must be cut.

        `market=False` leaves the market where it is: a host does so while clients of a market by demand are not ready.
        """
        self.now_ns = now_ns = max(self.now_ns, now_ns)
        self._run(now_ns, market=market)
        for conn in list(self._conns.values()):
            if conn.out_sz > self.limits.out_bytes:
                self._cut_slow(conn)
            elif conn.live:
                self._keep_alive(conn, now_ns)

    def take(self, conn_id: int, most: int | None = None) -> bytes:
        """Return the bytes that may be sent to this client now, about `most` if given; a stalled connection gives none."""
        conn = self._conns.get(conn_id)
        if conn is None or not conn.out or self.now_ns < conn.lane.stalled_until_ns:
            return b""
        data = conn.take(most)
        self.counters["bytes_out"] += len(data)
        return data

    def pending(self, conn_id: int) -> int:
        """Return how many bytes wait to be taken, a stalled connection's included."""
        conn = self._conns.get(conn_id)
        return 0 if conn is None else conn.out_sz

    def closing(self, conn_id: int) -> bool:
        """Tell whether the host is to close this connection once `take` gives nothing more."""
        conn = self._conns.get(conn_id)
        if conn is None:
            return True
        return conn.end_ns is not None and max(conn.end_ns, conn.lane.stalled_until_ns) <= self.now_ns

    def drop(self, conn_id: int) -> None:
        """Forget a connection: the host closed it, or the client vanished."""
        conn = self._conns.pop(conn_id, None)
        if conn is not None:
            conn.live = False
            self._left(conn)

    def next_deadline(self, *, market: bool = True) -> int | None:
        """Return the next moment at which `advance` or `take` has something to do, or None."""
        times = [time_ns for time_ns in self._deadlines(market=market) if time_ns is not None]
        for conn in self._conns.values():
            if conn.live:
                times.append(self._alive_ns(conn))
            for time_ns in (conn.end_ns, conn.lane.stalled_until_ns):
                if time_ns is not None and time_ns > self.now_ns:
                    times.append(time_ns)
        return min(times, default=None)

    @property
    def connections(self) -> list[int]:
        """The ids of all connections, closing ones included."""
        return list(self._conns)

    def shutdown(self, now_ns: int, lead_ns: int = 0) -> None:
        """Announce the end to every WebSocket client and close them `lead_ns` later."""
        self.now_ns = max(self.now_ns, now_ns)
        for conn in self._conns.values():
            if conn.live:
                self._farewell(conn)
                if lead_ns and self.limits.life_ns:
                    conn.opened_ns = self.now_ns + lead_ns - self.limits.life_ns
                else:
                    self._close(conn, 1001, "going away")
            elif conn.ws is None:
                conn.end_ns = self.now_ns

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def _receive_http(self, conn: Connection, data: bytes) -> None:
        try:
            for request in conn.requests(data):
                if request.upgrade:
                    conn.ws = ServerProtocol(max_size=MESSAGE_MAX)
                    self._receive_ws(conn, conn.ws, request.upgrade)
                else:
                    self.counters["http_requests"] += 1
                    self._answer(conn, request)
        except h11.RemoteProtocolError as error:
            conn.refuse_http(error.error_status_hint, self.now_ns)

    # -- WebSocket: upgrade and messages -------------------------------------------------------------------------------

    def _receive_ws(self, conn: Connection, ws: ServerProtocol, data: bytes) -> None:
        try:
            ws.receive_data(data)
        except EOFError:
            return  # bytes after the end of file
        for event in ws.events_received():
            if isinstance(event, Request):
                self._upgrade(conn, ws, event)
            elif isinstance(event, Frame) and conn.live:
                self._frame(conn, event)
        conn.flush_ws()
        if ws.state in (State.CLOSING, State.CLOSED):
            self._begin_end(conn, self.limits.close_ns if ws.close_expected() and ws.close_rcvd is None else 0)

    def _upgrade(self, conn: Connection, ws: ServerProtocol, request: Request) -> None:
        """Judge an upgrade: faults first, then what the dialect says, then the handshake itself."""
        connects = self._connects
        while connects and connects[0] <= self.now_ns - 300 * SECOND_NS:
            connects.popleft()
        connects.append(self.now_ns)
        fault = self.faults.upgrade()
        refusal = (int(fault[-3:]), "") if fault else self._judge(conn, request)
        response = ws.accept(request) if refusal is None else ws.reject(HTTPStatus(refusal[0]), refusal[1])
        ws.send_response(response)
        conn.flush_ws()
        if response.status_code != 101:
            conn.end_ns = self.now_ns
            return
        self.counters["upgraded"] += 1
        conn.live = True
        conn.opened_ns = conn.heard_ns = self.now_ns
        conn.ping_ns = self.now_ns + self.limits.ping_ns
        self._upgraded(conn, request)

    def _frame(self, conn: Connection, frame: Frame) -> None:
        """Take one client frame; the protocol has answered pings and close frames already."""
        if frame.opcode is Opcode.CLOSE:
            conn.live = False
            return
        conn.heard_ns = self.now_ns
        recent = conn.inbound
        while recent and recent[0] <= self.now_ns - SECOND_NS:
            recent.popleft()
        recent.append(self.now_ns)
        if len(recent) > self.limits.inbound_per_s and self._counted(conn):
            self.counters["inbound_cut"] += 1
            self._close(conn, 1008, "Too many requests")
        elif frame.opcode is Opcode.PONG:
            sent = conn.pings.get(bytes(frame.data))
            if sent is not None:  # it answers this ping and all before it; a pong nobody asked for counts for nothing
                conn.pings = {payload: at for payload, at in conn.pings.items() if at > sent}
        elif frame.opcode is not Opcode.PING:
            self._message_part(conn, frame)

    def _message_part(self, conn: Connection, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            conn.is_text = frame.opcode is Opcode.TEXT
        conn.parts += frame.data
        if not frame.fin:
            return
        message, conn.parts = conn.parts, b""
        conn.flush_ws()
        self._message(conn, message, is_text=conn.is_text)

    def _client_ended(self, conn: Connection) -> None:
        if conn.ws is not None:
            conn.ws.receive_eof()
            conn.flush_ws()
        self._begin_end(conn, 0)

    # -- WebSocket: life and end ---------------------------------------------------------------------------------------

    def _keep_alive(self, conn: Connection, now_ns: int) -> None:
        limits = self.limits
        if limits.life_ns and now_ns >= conn.opened_ns + limits.life_ns:
            self._cut_off(conn, "life_cut", 1001, "24 h")
        elif limits.quiet_ns and now_ns >= conn.heard_ns + limits.quiet_ns:
            self._cut_off(conn, "quiet_cut", 1008, "No data received")
        elif conn.pings and now_ns >= next(iter(conn.pings.values())) + limits.pong_ns:
            self._cut_off(conn, "pong_cut", 1008, "Pong timeout")
        elif limits.ping_ns and now_ns >= conn.ping_ns and conn.ws is not None:
            payload = b"%d" % (now_ns // 1_000_000)
            conn.pings[payload] = now_ns
            conn.ping_ns = now_ns + limits.ping_ns
            conn.ws.send_ping(payload)
            conn.flush_ws()

    def _alive_ns(self, conn: Connection) -> int:
        limits = self.limits
        first = conn.opened_ns + limits.life_ns if limits.life_ns else _NEVER_NS
        if limits.ping_ns:
            first = min(first, conn.ping_ns)
        if limits.quiet_ns:
            first = min(first, conn.heard_ns + limits.quiet_ns)
        return min(first, next(iter(conn.pings.values())) + limits.pong_ns) if conn.pings else first

    def _cut_slow(self, conn: Connection) -> None:
        """Cut off a client that does not take what it asked for; a close frame behind all that would never reach it."""
        conn.take()  # all of it
        conn.lane.stalled_until_ns = 0
        self.counters["slow_cut"] += 1
        self._begin_end(conn, 0)

    def _cut_off(self, conn: Connection, counter: str, code: int, reason: str) -> None:
        self.counters[counter] += 1
        self._close(conn, code, reason)

    def _close(self, conn: Connection, code: int, reason: str) -> None:
        """Send a close frame; the connection ends when the client has answered, or a second later."""
        conn.send_close(code, reason)
        self._begin_end(conn, self.limits.close_ns)

    def _begin_end(self, conn: Connection, after_ns: int) -> None:
        conn.live = False
        self._left(conn)
        end_ns = self.now_ns + after_ns
        conn.end_ns = end_ns if conn.end_ns is None else min(conn.end_ns, end_ns)
