"""Signed REST: paths of the order side, led to the same methods as the WebSocket API.

    X-MBX-APIKEY, query + body, signature -> auth.py -> methods.py -> JSON, X-MBX-ORDER-COUNT-10S and -1D where they count

A parameter may stand in the query or, for POST, PUT and DELETE, in a form-encoded body.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from aats.sim.answer import Answer
from aats.sim.auth import Keyring, check_signature, check_time, rest_params
from aats.sim.faults import LATE_NS, Faults
from aats.sim.limits import Refusal
from aats.sim.methods import COUNTED, METHODS, TIMEOUT, Call, Methods
from aats.sim.user_data import UserData

ROUTES = {
    ("POST", "/api/v3/order"): "order.place",
    ("POST", "/api/v3/order/test"): "order.test",
    ("GET", "/api/v3/order"): "order.status",
    ("DELETE", "/api/v3/order"): "order.cancel",
    ("POST", "/api/v3/order/cancelReplace"): "order.cancelReplace",
    ("PUT", "/api/v3/order/amend/keepPriority"): "order.amend.keepPriority",
    ("GET", "/api/v3/openOrders"): "openOrders.status",
    ("DELETE", "/api/v3/openOrders"): "openOrders.cancelAll",
    ("GET", "/api/v3/allOrders"): "allOrders",
    ("GET", "/api/v3/account"): "account.status",
    ("GET", "/api/v3/account/commission"): "account.commission",
    ("GET", "/api/v3/myTrades"): "myTrades",
    ("GET", "/api/v3/rateLimit/order"): "account.rateLimits.orders",
}
assert set(ROUTES.values()) == set(METHODS)


class RestOrders:
    """The signed half of REST."""

    def __init__(self, methods: Methods, keyring: Keyring, faults: Faults, users: UserData) -> None:
        self._methods = methods
        self._keyring = keyring
        self._faults = faults
        self._users = users

    def method_of(self, method: str, path: str) -> str | None:
        """Return the method that a path leads to, or None."""
        return ROUTES.get((method, path))

    def answer(self, name: str, query: str, body: str, headers: Mapping[str, str], now_ns: int, *, micros: bool) -> Answer:
        """Answer a request to the path of method `name`; Refusal for what the venue refuses."""
        key = self._keyring.find(headers.get("x-mbx-apikey"))
        params, payload = rest_params(query, body)
        check_time(params, now_ns)
        check_signature(key, payload, params.get("signature"))
        call = Call(key.account, params, now_ns, micros)
        fault = self._faults.order() if name == "order.place" else ""
        if fault == "order-5xx":
            return Answer(503, b"<html><body>503 Service Unavailable</body></html>\n", content_type="text/html")
        with self._users.around(key.account, fault, now_ns):
            result = self._methods.call(name, call)
        if fault == "order-unsure":
            raise Refusal(504, -1007, TIMEOUT)
        answer = Answer(200, orjson.dumps(result))
        if name in COUNTED:
            counts = self._methods.desk.counts(key.account).counts(now_ns)
            answer.headers += [("X-MBX-ORDER-COUNT-10S", str(counts[0])), ("X-MBX-ORDER-COUNT-1D", str(counts[1]))]
        answer.lost = fault == "order-lost"
        answer.dropped = fault == "order-cut"
        answer.late_ns = LATE_NS if fault == "order-late" else 0
        return answer
