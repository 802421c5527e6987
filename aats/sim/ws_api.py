"""The WebSocket API of the dialect (/ws-api/v3): requests and answers in envelopes, sessions, user-data subscriptions.

    {"id":1,"method":"order.place","params":{..}}  ->  {"id":1,"status":200,"result":{..},"rateLimits":[..]}
                                                       {"id":1,"status":400,"error":{"code":..,"msg":..},"rateLimits":[..]}

Each request is answered before the next is read, so answers come in order here; a client may not rely on that at the
venue.  A signed request carries apiKey and signature, or stands in a session that session.logon (Ed25519 keys only) has
opened; a timestamp it carries always.  A session ends with its connection, by session.logout, or when its key is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from aats.sim.auth import Key, Keyring, check_signature, check_time, ws_payload
from aats.sim.connection import Connection
from aats.sim.faults import LATE_NS, Faults
from aats.sim.frames import text_frame
from aats.sim.limits import Refusal
from aats.sim.methods import COUNTED, METHODS, TIMEOUT, Call, Methods, missing
from aats.sim.reports import stamp
from aats.sim.rest import Rest
from aats.sim.user_data import UserData

if TYPE_CHECKING:
    from aats.sim.limits import Weights

CONNECT_WEIGHT = 2
UNEXPECTED = "An unexpected response was received from the message bus. Execution status unknown."
NO_PERMISSION = "Invalid API-key, IP, or permissions for action."

PUBLIC = {
    "ping": "/api/v3/ping",
    "time": "/api/v3/time",
    "exchangeInfo": "/api/v3/exchangeInfo",
    "depth": "/api/v3/depth",
    "trades.recent": "/api/v3/trades",
    "ticker.book": "/api/v3/ticker/bookTicker",
}


@dataclass
class Session:
    """What the API knows of one connection.  `key` is set while it is logged on."""

    connected_ns: int
    limits_shown: bool
    key: Key | None = None
    authorized_ns: int = 0
    next_sub: int = 0


class _Text(str):
    """A JSON number as it was written."""


class WsApi:
    """The WebSocket API over the methods of the order side and the market data of REST.

    Parameters
    ----------
    send, close, cut
        How an answer is queued, and how a connection is ended, politely or at once.
    """

    def __init__(
        self,
        methods: Methods,
        rest: Rest,
        keyring: Keyring,
        faults: Faults,
        users: UserData,
        weights: Weights,
        *,
        send: Callable[[Connection, bytes], None],
        close: Callable[[Connection], None],
        cut: Callable[[Connection], None],
    ) -> None:
        self._methods = methods
        self._rest = rest
        self._keyring = keyring
        self._faults = faults
        self._users = users
        self._weights = weights
        self._send = send
        self._close = close
        self._cut = cut
        self.requests = 0

    def connected(self, conn: Connection, query: Mapping[str, str], now_ns: int) -> None:
        """Begin: this connection speaks the API."""
        conn.api = Session(now_ns, query.get("returnRateLimits", "true").lower() != "false")
        self._weights.move(now_ns)
        self._weights.used += CONNECT_WEIGHT

    def revoke(self, name: str, now_ns: int) -> bool:
        """Take a key back: its subscriptions end at once, its sessions at their next request."""
        key = self._keyring.remove(name)
        if key is None:
            return False
        self._users.tell(key.account, {"e": "eventStreamTerminated", "E": now_ns // 1000})
        for conn, sub_id in self._users.listeners(key.account):
            self._users.leave(conn, sub_id)
        return True

    # -- one request ---------------------------------------------------------------------------------------------------

    def message(self, conn: Connection, session: Session, data: bytes, now_ns: int) -> None:
        """Answer one message."""
        self.requests += 1
        request_id: Any = None
        shown, counted = session.limits_shown, None
        try:
            self._weights.admit(now_ns)
            method, request_id, params = _read(data)
            shown = {"true": True, "false": False}.get(params.get("returnRateLimits", ""), shown)
            if session.key is not None and self._keyring.lost(session.key):
                self._send(conn, text_frame(orjson.dumps({"id": None, "status": 401, "error": {"code": -2015, "msg": NO_PERMISSION}})))
                self._close(conn)
                return
            if method in METHODS:
                key = self._sender(session, params, now_ns)
                counted = key if method in COUNTED else None
                self._order(conn, method, request_id, Call(key.account, params, now_ns, conn.micros), shown, counted)
                return
            result = self._other(conn, session, method, params, now_ns)
            shown = session.limits_shown if method == "session.logon" else shown
            reply: dict[str, Any] = {"id": request_id, "status": 200, "result": result}
        except Refusal as refusal:
            reply = _failure(request_id, refusal)
        self._reply(conn, reply, shown, counted, now_ns)

    def _order(self, conn: Connection, method: str, request_id: Any, call: Call, shown: bool, counted: Key | None) -> None:
        """Obey a method of the order side, under the fault that may be due."""
        fault = self._faults.order() if method == "order.place" else ""
        if fault == "order-5xx":
            self._reply(conn, _failure(request_id, Refusal(503, -1006, UNEXPECTED)), shown, counted, call.now_ns)
            return
        if fault == "order-cut":
            self._cut(conn)
        with self._users.around(call.account, fault, call.now_ns):
            try:
                reply = {"id": request_id, "status": 200, "result": self._methods.call(method, call)}
                if fault == "order-lost":
                    return
                if fault == "order-unsure":
                    reply = _failure(request_id, Refusal(504, -1007, TIMEOUT))
            except Refusal as refusal:
                reply = _failure(request_id, refusal)
            self._reply(conn, reply, shown, counted, call.now_ns, late=fault == "order-late")

    def _reply(self, conn: Connection, reply: dict[str, Any], shown: bool, counted: Key | None, now_ns: int, *, late: bool = False) -> None:
        if shown:
            orders = [] if counted is None else self._methods.desk.counts(counted.account).usage(now_ns)
            reply["rateLimits"] = [*orders, self._weights.usage()]
        frame = text_frame(orjson.dumps(reply))
        if late:
            self._users.later(conn, frame, now_ns + LATE_NS)
        else:
            self._send(conn, frame)

    def _sender(self, session: Session, params: Mapping[str, str], now_ns: int) -> Key:
        """Establish who sends a signed request."""
        if session.key is not None and "apiKey" not in params and "signature" not in params:
            check_time(params, now_ns)
            return session.key
        if "apiKey" not in params:
            raise missing("apiKey")
        key = self._keyring.find(params["apiKey"])
        check_time(params, now_ns)
        check_signature(key, ws_payload(params), params.get("signature"))
        return key

    # -- sessions, subscriptions, market data --------------------------------------------------------------------------

    def _other(self, conn: Connection, session: Session, method: str, params: dict[str, str], now_ns: int) -> Any:
        if method in PUBLIC:
            query = {name: value for name, value in params.items() if name != "returnRateLimits"}
            answer = self._rest.public(PUBLIC[method], query, now_ns, micros=conn.micros)
            if answer.status != 200 or not answer.content_type.startswith("application/json"):
                raise Refusal(
                    answer.status if answer.status >= 400 else 503, -1000, "An unknown error occurred while processing the request."
                )
            return orjson.Fragment(answer.body)
        handler = _METHODS.get(method)
        if handler is None:
            raise Refusal(400, -1100, f"Unknown method '{method[:64]}'.")
        self._weights.charge(2)
        return handler(self, conn, session, params, now_ns)

    def _logon(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        if "apiKey" not in params:
            raise missing("apiKey")
        key = self._keyring.find(params["apiKey"])
        if key.is_hmac:
            raise Refusal(400, -4056, "HMAC_SHA256 API key is not supported.")
        check_time(params, now_ns)
        check_signature(key, ws_payload(params), params.get("signature"))
        session.key, session.authorized_ns = key, now_ns
        return self._session_status(conn, session, params, now_ns)

    def _logout(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        session.key, session.authorized_ns = None, 0
        return self._session_status(conn, session, params, now_ns)

    def _session_status(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        return {
            "apiKey": session.key.name if session.key else None,
            "authorizedSince": stamp(session.authorized_ns, conn.micros) if session.key else None,
            "connectedSince": stamp(session.connected_ns, conn.micros),
            "returnRateLimits": session.limits_shown,
            "serverTime": stamp(now_ns, conn.micros),
            "userDataStream": bool(self._users.of(conn)),
        }

    def _subscribe(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        if session.key is None:
            raise Refusal(401, -2015, NO_PERMISSION)
        return self._join(conn, session, session.key)

    def _subscribe_signed(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        return self._join(conn, session, self._sender(session, params, now_ns))

    def _join(self, conn: Connection, session: Session, key: Key) -> Any:
        if key.account.number in self._users.of(conn).values():
            raise Refusal(400, -2035, "User Data Stream subscription already active.")
        sub_id, session.next_sub = session.next_sub, session.next_sub + 1
        self._users.join(conn, key.account, sub_id)
        return {"subscriptionId": sub_id}

    def _unsubscribe(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        text = params.get("subscriptionId")
        if text is not None and (not text.isdigit() or int(text) not in self._users.of(conn)):
            raise Refusal(400, -2036, "User Data Stream subscription not active.")
        self._users.leave(conn, None if text is None else int(text))
        return {}

    def _subscriptions(self, conn: Connection, session: Session, params: dict[str, str], now_ns: int) -> Any:
        return [{"subscriptionId": sub_id} for sub_id in sorted(self._users.of(conn))]


def _read(data: bytes) -> tuple[str, Any, dict[str, str]]:
    """Return method, id and parameters of a request, the parameters as the texts that a signature covers."""
    try:
        request = json.loads(data, parse_float=_Text, parse_int=_Text)
        if b"\\u" in data:
            json.dumps(request, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Refusal(400, -1135, "Invalid JSON Request") from None
    if not isinstance(request, dict):
        raise Refusal(400, -1135, "Invalid JSON Request")
    request_id = request.get("id")
    if isinstance(request_id, _Text):
        request_id = int(request_id) if request_id.lstrip("-").isdigit() and len(request_id) < 20 else None
    elif not isinstance(request_id, str | None) or len(request_id or "") > 64:
        request_id = None
    try:
        method, params = request.get("method"), request.get("params", {})
        if not isinstance(method, str) or isinstance(method, _Text):
            raise Refusal(400, -1135, "Invalid 'method' in JSON request; expected a string.")
        if params is None:
            params = {}
        if not isinstance(params, dict):
            raise Refusal(400, -1135, "Invalid 'params' in JSON request; expected an object.")
    except Refusal as refusal:
        refusal.request_id = request_id
        raise
    return method.removeprefix("v3/"), request_id, {name: _text(value) for name, value in params.items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"))


def _failure(request_id: Any, refusal: Refusal) -> dict[str, Any]:
    error: dict[str, Any] = {"code": refusal.code, "msg": refusal.msg}
    if refusal.data is not None:
        error["data"] = refusal.data
    return {"id": refusal.request_id if request_id is None else request_id, "status": refusal.status, "error": error}


_METHODS: dict[str, Callable[[WsApi, Connection, Session, dict[str, str], int], Any]] = {
    "session.logon": WsApi._logon,
    "session.logout": WsApi._logout,
    "session.status": WsApi._session_status,
    "userDataStream.subscribe": WsApi._subscribe,
    "userDataStream.subscribe.signature": WsApi._subscribe_signed,
    "userDataStream.unsubscribe": WsApi._unsubscribe,
    "session.subscriptions": WsApi._subscriptions,
}
