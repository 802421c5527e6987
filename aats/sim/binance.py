"""The Binance Spot dialect as a step machine: bytes in, bytes out, now_ns.

One `Exchange` serves HTTP and WebSocket on the same connections, as a host of the venue does.  It owns the connections,
judges upgrades, keeps them alive and ends them; it opens no socket and reads no clock.  Its host (server.py with
asyncio, or a test's virtual world) does, each round:

    exchange.open(id, now)                       a client connected
    exchange.receive(id, data, now)              bytes came; b"" is the client's end of file
    exchange.advance(now)                        at exchange.next_deadline() or later
    bytes = exchange.take(id)                    what to send; take less often from a slow client, it will pile up here
    exchange.closing(id) and not bytes           then close the connection and call exchange.drop(id)

What a connection may expect follows the venue's documents; the numbers stand in `Limits` (connection.py).  Server
frames are not masked and no extension is negotiated, so a frame is made once and shared by all who receive it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote

import h11
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from aats.sim import control
from aats.sim.accounts import Ledger
from aats.sim.amounts import E16
from aats.sim.answer import error_body
from aats.sim.auth import DEFAULT_KEY, Keyring
from aats.sim.connection import MESSAGE_MAX, SECOND_NS, Connection, HttpRequest, Limits
from aats.sim.faults import Faults
from aats.sim.frames import text_frame
from aats.sim.hub import Hub
from aats.sim.limits import Refusal, Weights
from aats.sim.market import Event, Market
from aats.sim.methods import Methods
from aats.sim.orders import Desk
from aats.sim.reports import shown
from aats.sim.rest import TIME_UNIT_MSG, Rest, strip_host
from aats.sim.rest_orders import RestOrders
from aats.sim.user_data import UserData
from aats.sim.ws_api import WsApi

__all__ = ["Exchange"]

_COUNTERS = ("opened", "upgraded", "http_requests", "control_errors", "bytes_out")
FEES = (100_000, 100_000)  # maker and taker, parts at 1e-8: 0.1 percent each
BASE_DEPOSIT, QUOTE_DEPOSIT = 100 * E16, 1_000_000 * E16

_CUTS = ("inbound_cut", "pong_cut", "life_cut", "slow_cut")


class Exchange:
    """The simulated venue.

    Parameters
    ----------
    market
        Where prices come from.  A held market is started by the first subscription to one of its streams.
    now_ns
        The moment the exchange opens.
    faults
        What goes wrong on purpose.
    flat_errors
        Shape of stream errors: nested `{"error":{..},"id":..}` as seen live, or flat as documented.
    close_on_garbage
        Whether a stream name without the form of one ends the connection after its error, as seen live.
    keys
        API key to secret, or to the PEM text of an Ed25519 key; each is an account.  None: one account, whose key and
        secret are both `aats-sim`.
    deposits
        Asset to amount at 1e-16, in place of the default of that asset for every account.
    fees
        Maker and taker fee in parts of the notional at 1e-8.

    Notes
    -----
    Cost: an event is written once; each further subscriber costs one list append.
    Determinism: the same market, calls and times give the same bytes.
    """

    def __init__(
        self,
        market: Market,
        now_ns: int = 0,
        *,
        faults: Faults | None = None,
        limits: Limits | None = None,
        flat_errors: bool = False,
        close_on_garbage: bool = True,
        keys: Mapping[str, str] | None = None,
        deposits: Mapping[str, int] | None = None,
        fees: tuple[int, int] = FEES,
    ) -> None:
        self.market = market
        self.faults = faults or Faults()
        self.limits = limits or Limits()
        self.flat_errors = flat_errors
        self.close_on_garbage = close_on_garbage
        self.now_ns = now_ns
        self.counters: dict[str, int] = dict.fromkeys(_COUNTERS + _CUTS, 0)
        self.weights = Weights(self.limits.weight_per_min)
        orders_limits = (self.limits.orders_10s, self.limits.orders_day)
        self.rest = Rest(market, self.faults, self.state, self.weights, orders_limits=orders_limits)
        self.hub = Hub(
            market,
            self.faults,
            keep_trade=self.rest.keep_trade,
            close=lambda conn: self._close(conn, 1001, "going away"),
            cut=lambda conn: self._begin_end(conn, 0),
            played=lambda event: self.desk.feed(event),
        )
        self.ledger = Ledger({**_deposits(market), **(deposits or {})}, fees)
        self.keyring = Keyring()
        for name, secret in (keys or {DEFAULT_KEY: DEFAULT_KEY}).items():
            self.keyring.add(name, secret, self.ledger.open())
        self.users = UserData(self.hub.send, lambda conn: self._begin_end(conn, 0))
        self.desk = Desk(market, self.ledger, tell=self.users.tell, publish=self._publish, limits=orders_limits)
        methods = Methods(self.desk, self.weights)
        self.rest.orders = RestOrders(methods, self.keyring, self.faults, self.users)
        self.ws_api = WsApi(
            methods,
            self.rest,
            self.keyring,
            self.faults,
            self.users,
            self.weights,
            send=self.hub.send,
            close=lambda conn: self._close(conn, 1008, "disconnected"),
            cut=lambda conn: self._begin_end(conn, 0),
        )
        self._conns: dict[int, Connection] = {}
        self._connects: deque[int] = deque()

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
        if market:
            self.hub.run(now_ns)
        self.users.run(now_ns)
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
            self.hub.leave_all(conn)
            self.users.leave(conn)

    def next_deadline(self, *, market: bool = True) -> int | None:
        """Return the next moment at which `advance` or `take` has something to do, or None."""
        market_ns = self.hub.next_ns() if market else None
        times = [time_ns for time_ns in (market_ns, self.users.next_ns()) if time_ns is not None]
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
        """Announce the end to every WebSocket client (serverShutdown) and close them `lead_ns` later."""
        self.now_ns = max(self.now_ns, now_ns)
        for conn in self._conns.values():
            if conn.live:
                data = b'{"e":"serverShutdown","E":%d}' % (self.now_ns // (1000 if conn.micros else 1_000_000))
                if conn.api is not None:
                    data = b'{"event":%b}' % data
                elif conn.wrapped:
                    data = b'{"stream":"!serverShutdown","data":%b}' % data
                self.hub.send(conn, text_frame(data))
                if lead_ns:
                    conn.opened_ns = self.now_ns + lead_ns - self.limits.life_ns
                else:
                    self._close(conn, 1001, "going away")
            elif conn.ws is None:
                conn.end_ns = self.now_ns

    def state(self) -> Mapping[str, Any]:
        """Return counters, faults made and the ids of all books: what GET /sim/state shows."""
        return {
            **self.counters,
            "frames": self.hub.frames,
            "depth_frames": self.hub.depth_frames,
            "connections": len(self._conns),
            "subscriptions": self.hub.subscribers(),
            "used_weight": self.weights.used,
            "accounts": [shown(key.name, key.account) for key in self.keyring.names()],
            "orders_placed": self.desk.placed,
            "fills": self.desk.fill_count,
            "audit": self.ledger.audit(),
            "faults": {kind: n for kind, n in self.faults.counts.items() if n},
            "market": {"held": self.market.held, "ended": self.market.ended},
            "last_ids": {name: self.market.snapshot(name, 0).last_id for name in self.market.symbols},
        }

    def revoke(self, name: str, now_ns: int) -> bool:
        """Take an API key back, as its owner or the venue may at any time; False if there is none of that name."""
        self.now_ns = max(self.now_ns, now_ns)
        return self.ws_api.revoke(name, self.now_ns)

    def _publish(self, events: list[Event]) -> None:
        self.hub.publish(events, self.now_ns)

    def _to_now(self) -> None:
        """Bring the market to this moment, so that an order meets it as it is; one by demand has its clients' pace."""
        if not self.market.by_demand:
            self.hub.run(self.now_ns)

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def _receive_http(self, conn: Connection, data: bytes) -> None:
        try:
            for request in conn.requests(data):
                if request.upgrade:
                    conn.ws = ServerProtocol(max_size=MESSAGE_MAX)
                    self._receive_ws(conn, conn.ws, request.upgrade)
                else:
                    self._answer(conn, request)
        except h11.RemoteProtocolError as error:
            conn.refuse_http(error.error_status_hint, self.now_ns)

    def _answer(self, conn: Connection, request: HttpRequest) -> None:
        self.counters["http_requests"] += 1
        self._to_now()
        answer = self.rest.handle(request.method, request.target, request.headers, self.now_ns, request.body)
        conn.respond(answer, self.now_ns)

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
        """Judge an upgrade: faults and limits first, then the path, then the handshake itself."""
        path, _, query_text = request.path.partition("?")
        query = {key: values[-1] for key, values in parse_qs(query_text, keep_blank_values=True).items()}
        path = strip_host(unquote(path)).rstrip("/") or "/"
        binary = path == "/sbe" or path.startswith("/sbe/")  # another host of the venue
        path = path[4:] if binary else path
        head, streams = control.streams_of(path, query)
        unit = query.get("timeUnit", "MILLISECOND").upper()
        connects = self._connects
        while connects and connects[0] <= self.now_ns - 300 * SECOND_NS:
            connects.popleft()
        connects.append(self.now_ns)
        fault = self.faults.upgrade()
        refusal: tuple[int, str] | None = None
        if fault:
            refusal = int(fault[-3:]), ""
        elif len(connects) > self.limits.connects_per_5min:
            refusal = 429, error_body(-1003, "Too many connection attempts.").decode()
        elif unit not in ("MILLISECOND", "MICROSECOND"):
            refusal = 400, error_body(-1194, TIME_UNIT_MSG).decode()
        elif binary and (denied := self._no_streams(request)):
            refusal = denied
        elif head not in ("/ws", "/stream", "/ws-api/v3") or (binary and head == "/ws-api/v3"):
            refusal = 404, f"This simulated exchange has no WebSocket at {head}.\n"
        elif len(streams) > self.limits.streams:
            refusal = 400, f"More than {self.limits.streams} streams.\n"
        response = ws.accept(request) if refusal is None else ws.reject(HTTPStatus(refusal[0]), refusal[1])
        ws.send_response(response)
        conn.flush_ws()
        if response.status_code != 101:
            conn.end_ns = self.now_ns
            return
        self.counters["upgraded"] += 1
        conn.live = True
        conn.wrapped = head == "/stream" and not binary
        conn.sbe = binary
        conn.micros = unit == "MICROSECOND"
        conn.opened_ns = self.now_ns
        conn.ping_ns = self.now_ns + self.limits.ping_ns
        if head == "/ws-api/v3":
            self.ws_api.connected(conn, query, self.now_ns)
        for name in streams:
            self.hub.join(conn, name, self.now_ns)

    def _no_streams(self, request: Request) -> tuple[int, str] | None:
        """Say why an upgrade to SBE streams is refused: the API key alone is asked for, no signature."""
        try:
            self.keyring.for_streams(request.headers.get("X-MBX-APIKEY"))
        except Refusal as refused:
            return refused.status, error_body(refused.code, refused.msg).decode()
        return None

    def _frame(self, conn: Connection, frame: Frame) -> None:
        """Take one client frame; the protocol has answered pings and close frames already."""
        if frame.opcode is Opcode.CLOSE:
            conn.live = False
            return
        recent = conn.inbound
        while recent and recent[0] <= self.now_ns - SECOND_NS:
            recent.popleft()
        recent.append(self.now_ns)
        if len(recent) > self.limits.inbound_per_s and conn.api is None:
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
        if conn.api is not None:
            conn.flush_ws()
            self._to_now()
            self.ws_api.message(conn, conn.api, message if conn.is_text else b"", self.now_ns)
            return
        reply, garbage = control.answer(self, conn, message if conn.is_text else b"")
        conn.flush_ws()
        self.hub.send(conn, text_frame(reply))
        if garbage and self.close_on_garbage:
            self._close(conn, 1008, "Invalid request")

    def _client_ended(self, conn: Connection) -> None:
        if conn.ws is not None:
            conn.ws.receive_eof()
            conn.flush_ws()
        self._begin_end(conn, 0)

    # -- WebSocket: life and end ---------------------------------------------------------------------------------------

    def _keep_alive(self, conn: Connection, now_ns: int) -> None:
        limits = self.limits
        if now_ns >= conn.opened_ns + limits.life_ns:
            self._cut_off(conn, "life_cut", 1001, "24 h")
        elif conn.pings and now_ns >= next(iter(conn.pings.values())) + limits.pong_ns:
            self._cut_off(conn, "pong_cut", 1008, "Pong timeout")
        elif now_ns >= conn.ping_ns and conn.ws is not None:
            payload = b"%d" % (now_ns // 1_000_000)
            conn.pings[payload] = now_ns
            conn.ping_ns = now_ns + limits.ping_ns
            conn.ws.send_ping(payload)
            conn.flush_ws()

    def _alive_ns(self, conn: Connection) -> int:
        first = min(conn.ping_ns, conn.opened_ns + self.limits.life_ns)
        return min(first, next(iter(conn.pings.values())) + self.limits.pong_ns) if conn.pings else first

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
        self.hub.leave_all(conn)
        self.users.leave(conn)
        end_ns = self.now_ns + after_ns
        conn.end_ns = end_ns if conn.end_ns is None else min(conn.end_ns, end_ns)


def _deposits(market: Market) -> dict[str, int]:
    """Return what every account begins with: a lot of each base asset, a larger one of what is only a quote asset."""
    deposits = {symbol.quote: QUOTE_DEPOSIT for symbol in market.symbols.values()}
    deposits.update({symbol.base: BASE_DEPOSIT for symbol in market.symbols.values()})
    return deposits
