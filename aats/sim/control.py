"""Control messages of the Binance Spot market streams: SUBSCRIBE and its kin, and stream lists in a path.

`answer` reads one client message, changes the connection's subscriptions through the exchange, and returns the reply.
Replies are never wrapped.  A stream name is judged by its form only; whether it exists shows in what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from aats.sim.streams import well_formed

if TYPE_CHECKING:
    from aats.sim.binance import Exchange
    from aats.sim.connection import Connection

UNKNOWN_PROPERTY, WRONG_TYPE, MALFORMED, NOT_JSON = 0, 1, 2, 3

_ID_TEXT = re.compile(r"[A-Za-z0-9\-_]{1,36}\Z")
_INT64 = 1 << 63


class Refused(Exception):
    """A control message that is answered with an error.  `garbage` marks a stream name without the form of one."""

    def __init__(self, code: int, msg: str, *, garbage: bool = False) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.garbage = garbage


def streams_of(path: str, query: Mapping[str, str]) -> tuple[str, list[str]]:
    """Split a WebSocket path into its head (`/ws`, `/stream`, or the whole path if it is neither) and its stream names.

    Parts of a path without the form of a stream (the counter of `/ws/0`, a listen key) are passed over.
    """
    if path == "/ws" or path.startswith("/ws/"):
        return "/ws", [name for name in path[4:].split("/") if well_formed(name)]
    if path.rstrip("/") == "/stream":
        return "/stream", [name for name in query.get("streams", "").split("/") if well_formed(name)]
    return path, []


def answer(exchange: Exchange, conn: Connection, data: bytes) -> tuple[bytes, bool]:
    """Obey one control message.

    Returns
    -------
    The reply's payload, and whether the message held a garbage stream name (the venue closes such a connection).
    """
    request_id: Any = None
    try:
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Refused(NOT_JSON, f"Invalid JSON: {error}") from None
        if not isinstance(message, dict):
            raise Refused(MALFORMED, "Invalid request: expected an object")
        request_id = _request_id(message)
        result = _obey(exchange, conn, message)
    except Refused as refused:
        exchange.counters["control_errors"] += 1
        error_object = {"code": refused.code, "msg": refused.msg}
        reply = {**error_object, "id": request_id} if exchange.flat_errors else {"error": error_object, "id": request_id}
        return orjson.dumps(reply), refused.garbage
    return orjson.dumps({"result": result, "id": request_id}), False


def _request_id(message: Mapping[str, Any]) -> Any:
    if "id" not in message:
        raise Refused(MALFORMED, "Invalid request: missing field `id`")
    value = message["id"]
    if value is None or (isinstance(value, str) and _ID_TEXT.match(value)):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    raise Refused(MALFORMED, "Invalid request: request ID must be an integer, a string of at most 36 characters, or null")


def _obey(exchange: Exchange, conn: Connection, message: Mapping[str, Any]) -> Any:
    extra = set(message) - {"method", "params", "id"}
    if extra:
        raise Refused(MALFORMED, f"Invalid request: too many parameters: {', '.join(sorted(extra))}")
    method = message.get("method")
    if method is None:
        raise Refused(MALFORMED, "Invalid request: missing field `method`")
    handler = _METHODS.get(method) if isinstance(method, str) else None
    if handler is None:
        raise Refused(MALFORMED, f"Invalid request: unknown variant {method!r}, expected one of {', '.join(_METHODS)}")
    params = message.get("params", [])
    if not isinstance(params, list):
        raise Refused(MALFORMED, "Invalid request: params must be an array")
    return handler(exchange, conn, params)


def _names(params: list[Any]) -> list[str]:
    if not params:
        raise Refused(MALFORMED, "Invalid request: params must name at least one stream")
    if not all(well_formed(name) for name in params):
        raise Refused(MALFORMED, "Invalid request: invalid stream", garbage=True)
    return params


def _subscribe(exchange: Exchange, conn: Connection, params: list[Any]) -> None:
    names = _names(params)
    if len(conn.streams.keys() | set(names)) > exchange.limits.streams:
        raise Refused(MALFORMED, f"Invalid request: too many streams, at most {exchange.limits.streams} on one connection")
    for name in names:
        exchange.hub.join(conn, name, exchange.now_ns)


def _unsubscribe(exchange: Exchange, conn: Connection, params: list[Any]) -> None:
    for name in _names(params):
        exchange.hub.leave(conn, name)


def _list(exchange: Exchange, conn: Connection, params: list[Any]) -> list[str]:
    return list(conn.streams)


def _set_property(exchange: Exchange, conn: Connection, params: list[Any]) -> None:
    if len(params) != 2:
        raise Refused(MALFORMED, "Invalid request: SET_PROPERTY takes a name and a value")
    if params[0] != "combined":
        raise Refused(UNKNOWN_PROPERTY, "Unknown property")
    if not isinstance(params[1], bool):
        raise Refused(WRONG_TYPE, "Invalid value type: expected Boolean")
    conn.wrapped = params[1]


def _get_property(exchange: Exchange, conn: Connection, params: list[Any]) -> bool:
    if len(params) != 1:
        raise Refused(MALFORMED, "Invalid request: GET_PROPERTY takes a name")
    if params[0] != "combined":
        raise Refused(UNKNOWN_PROPERTY, "Unknown property")
    return conn.wrapped


_METHODS: dict[str, Callable[[Exchange, Connection, list[Any]], Any]] = {
    "SUBSCRIBE": _subscribe,
    "UNSUBSCRIBE": _unsubscribe,
    "LIST_SUBSCRIPTIONS": _list,
    "SET_PROPERTY": _set_property,
    "GET_PROPERTY": _get_property,
}
