"""The methods of the order side by the names of the WebSocket API; REST paths lead to the same ones (rest_orders.py).

    name, parameters as text, account, time  ->  checks of syntax, weight  ->  desk (orders.py)  ->  result, or Refusal

Who asks has been established before (auth.py).  Parameters are judged as the venue judges them: what is missing, what is
malformed, what is sent though it means nothing, each has its code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aats.sim import reports
from aats.sim.accounts import Account
from aats.sim.filters import STP_MODES, decimal
from aats.sim.limits import Refusal, Weights
from aats.sim.orders import Desk, Wish
from aats.sim.reports import Order

AUTH = frozenset(("apiKey", "timestamp", "recvWindow", "signature", "returnRateLimits"))

UNKNOWN_ORDER = "Unknown order sent."
TIMEOUT = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."

_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}\Z")
_DIGITS = re.compile(r"[0-9]{1,20}\Z")

_NEW = frozenset(
    "symbol side type timeInForce quantity price quoteOrderQty newClientOrderId newOrderRespType strategyId strategyType "
    "selfTradePreventionMode stopPrice trailingDelta icebergQty pegPriceType pegOffsetType pegOffsetValue".split()
)
_MEANINGLESS = {
    "LIMIT": ("quoteOrderQty",),
    "LIMIT_MAKER": ("quoteOrderQty", "timeInForce"),
    "MARKET": ("price", "timeInForce"),
}


@dataclass(frozen=True)
class Call:
    """One request, its sender established."""

    account: Account
    params: Mapping[str, str]
    now_ns: int
    micros: bool


@dataclass(frozen=True)
class Method:
    """A method: what does it, what it weighs, what it may be sent.  `free`: it weighs nothing if it succeeds."""

    run: Callable[[Methods, Call], Any]
    weight: int
    params: frozenset[str]
    free: bool = False


class Methods:
    """All methods over one desk.

    Parameters
    ----------
    weights
        The request weight that REST and the WebSocket API share.
    """

    def __init__(self, desk: Desk, weights: Weights) -> None:
        self.desk = desk
        self._weights = weights

    def call(self, name: str, call: Call) -> Any:
        """Obey a request; `name` is one of METHODS."""
        method = METHODS[name]
        weight = method.weight
        if name == "openOrders.status" and "symbol" not in call.params:
            weight = 80
        elif name == "myTrades" and "orderId" in call.params:
            weight = 5
        self._weights.charge(weight)
        unread = call.params.keys() - AUTH - method.params
        if unread:
            sent = len(call.params)
            raise Refusal(400, -1104, f"Not all sent parameters were read; read '{sent - len(unread)}' parameter(s) but was sent '{sent}'.")
        for key, value in call.params.items():
            if not value:
                raise missing(key) if key in ("symbol", "side", "type") else Refusal(400, -1105, f"Parameter '{key}' was empty.")
        result = method.run(self, call)
        if method.free:
            self._weights.give_back(weight)
        return result

    # -- orders --------------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        order = self.desk.place(call.account, self._wish(call.params), call.now_ns)
        return reports.placed(order, call.micros)

    def _test(self, call: Call) -> Any:
        self.desk.check(call.account, self._wish(call.params))
        return {}

    def _cancel(self, call: Call) -> Any:
        order = self._open(call, call.params.get("orderId"), call.params.get("origClientOrderId"))
        cancel_id = self.desk.cancel(order, _client_id(call.params, "newClientOrderId"), call.now_ns)
        return reports.canceled(order, cancel_id, call.micros)

    def _cancel_all(self, call: Call) -> Any:
        symbol = self._symbol(call.params)
        orders = [order for order in call.account.open.values() if order.symbol == symbol]
        if not orders:
            raise Refusal(400, -2011, UNKNOWN_ORDER)
        cancel_ids = [self.desk.cancel(order, "", call.now_ns) for order in orders]
        return [reports.canceled(order, cancel_id, call.micros) for order, cancel_id in zip(orders, cancel_ids, strict=True)]

    def _amend(self, call: Call) -> Any:
        order = self._find(call, call.params.get("orderId"), call.params.get("origClientOrderId"))
        if "newQty" not in call.params:
            raise missing("newQty")
        qty = decimal(call.params, "newQty")
        if order.id not in call.account.open:
            raise Refusal(400, -2013, "Order does not exist.")
        old_id, execution_id = self.desk.amend(order, qty, _client_id(call.params, "newClientOrderId"), call.now_ns)
        return reports.amended(order, old_id, execution_id, call.micros)

    def _cancel_replace(self, call: Call) -> Any:
        params = call.params
        mode = params.get("cancelReplaceMode")
        if mode is None:
            raise missing("cancelReplaceMode")
        exceeded = params.get("orderRateLimitExceededMode", "DO_NOTHING")
        if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE") or exceeded not in ("DO_NOTHING", "CANCEL_ONLY"):
            raise Refusal(400, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
        wish = self._wish({key: value for key, value in params.items() if key in _NEW})
        cancel_id = _client_id(params, "cancelNewClientOrderId")
        self.desk.check(call.account, wish)
        answers: dict[str, Any] = {
            "cancelResult": "SUCCESS",
            "newOrderResult": "NOT_ATTEMPTED",
            "cancelResponse": None,
            "newOrderResponse": None,
        }
        if exceeded == "DO_NOTHING":
            self.desk.counts(call.account).room(call.now_ns)
        try:
            order = self._open(call, params.get("cancelOrderId"), params.get("cancelOrigClientOrderId"), "cancel")
            cancel_id = self.desk.cancel(order, cancel_id, call.now_ns)
            answers["cancelResponse"] = reports.canceled(order, cancel_id, call.micros)
        except Refusal as refusal:
            if refusal.code == -1102:
                raise
            answers["cancelResult"], answers["cancelResponse"] = "FAILURE", {"code": refusal.code, "msg": refusal.msg}
        if answers["cancelResult"] == "SUCCESS" or mode == "ALLOW_FAILURE":
            try:
                placed = self.desk.place(call.account, wish, call.now_ns)
                answers["newOrderResult"], answers["newOrderResponse"] = "SUCCESS", reports.placed(placed, call.micros)
            except Refusal as refusal:
                answers["newOrderResult"], answers["newOrderResponse"] = "FAILURE", {"code": refusal.code, "msg": refusal.msg}
        good = [answers[key] == "SUCCESS" for key in ("cancelResult", "newOrderResult")]
        if all(good):
            return answers
        if any(good):
            raise Refusal(409, -2021, "Order cancel-replace partially failed.", answers)
        raise Refusal(400, -2022, "Order cancel-replace failed.", answers)

    def _status(self, call: Call) -> Any:
        order = self._find(call, call.params.get("orderId"), call.params.get("origClientOrderId"))
        return reports.queried(order, call.micros)

    def _open_orders(self, call: Call) -> Any:
        symbol = self._symbol(call.params) if "symbol" in call.params else None
        return [reports.queried(order, call.micros) for order in call.account.open.values() if symbol in (None, order.symbol)]

    def _all_orders(self, call: Call) -> Any:
        symbol, limit = self._symbol(call.params), min(_number(call.params, "limit", 500), 1000)
        low, span = _number(call.params, "orderId", 0), _span(call.params)
        orders = [o for o in call.account.orders.values() if o.symbol == symbol and o.id >= low and span[0] <= o.created_ns <= span[1]]
        return [reports.queried(order, call.micros) for order in (orders[:limit] if low else orders[-limit:])]

    # -- the account ---------------------------------------------------------------------------------------------------

    def _account(self, call: Call) -> Any:
        omit = call.params.get("omitZeroBalances", "false").lower()
        if omit not in ("true", "false"):
            raise Refusal(400, -1100, "Illegal characters found in parameter 'omitZeroBalances'; legal range is 'true|false'.")
        return reports.account_state(call.account, call.micros, omit_zero=omit == "true")

    def _commission(self, call: Call) -> Any:
        return reports.commission(call.account, self._symbol(call.params))

    def _trades(self, call: Call) -> Any:
        symbol, limit = self._symbol(call.params), min(_number(call.params, "limit", 500), 1000)
        order_id, from_id, span = _number(call.params, "orderId", 0), call.params.get("fromId"), _span(call.params)
        first = _number(call.params, "fromId", 0)
        fills = [
            f
            for f in call.account.fills
            if f.order.symbol == symbol
            and f.trade_id >= first
            and (not order_id or f.order.id == order_id)
            and span[0] <= f.t_ns <= span[1]
        ]
        return [reports.traded(fill, call.micros) for fill in (fills[:limit] if from_id is not None else fills[-limit:])]

    def _order_limits(self, call: Call) -> Any:
        return self.desk.counts(call.account).usage(call.now_ns)

    # -- parameters ----------------------------------------------------------------------------------------------------

    def _symbol(self, params: Mapping[str, str]) -> str:
        name = params.get("symbol", "")
        if not name:
            raise missing("symbol")
        if name not in self.desk.market.symbols:
            raise Refusal(400, -1121, "Invalid symbol.")
        return name

    def _find(self, call: Call, order_id: str | None, client_id: str | None, prefix: str = "") -> Order:
        symbol = self._symbol(call.params)
        if order_id is None and client_id is None:
            names = ("cancelOrigClientOrderId", "cancelOrderId") if prefix else ("origClientOrderId", "orderId")
            raise Refusal(400, -1102, f"Param '{names[0]}' or '{names[1]}' must be sent, but both were empty/null!")
        number = None if order_id is None else _digits("orderId", order_id)
        order = self.desk.find(call.account, symbol, number, client_id)
        if order is None:
            raise Refusal(400, -2013, "Order does not exist.")
        return order

    def _open(self, call: Call, order_id: str | None, client_id: str | None, prefix: str = "") -> Order:
        """Return an order to cancel; one that is not open is -2011, whatever became of it."""
        only = call.params.get("cancelRestrictions")
        if only not in (None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"):
            raise Refusal(400, -1145, "Invalid cancelRestrictions")
        try:
            order = self._find(call, order_id, client_id, prefix)
        except Refusal as refusal:
            raise Refusal(400, -2011, UNKNOWN_ORDER) if refusal.code == -2013 else refusal from None
        if order.id not in call.account.open:
            raise Refusal(400, -2011, UNKNOWN_ORDER)
        if only is not None and order.status != only[5:]:
            raise Refusal(400, -2011, "Order was not canceled due to cancel restrictions.")
        return order

    def _wish(self, params: Mapping[str, str]) -> Wish:
        symbol = self._symbol(params)
        side, kind, tif = params.get("side"), params.get("type"), params.get("timeInForce")
        if not side:
            raise missing("side")
        if side not in ("BUY", "SELL"):
            raise Refusal(400, -1117, "Invalid side.")
        if not kind:
            raise missing("type")
        if kind not in _MEANINGLESS or kind not in self.desk.filters(symbol).types:
            raise Refusal(400, -1116, "Invalid orderType.")
        if tif is not None and tif not in ("GTC", "IOC", "FOK"):
            raise Refusal(400, -1115, "Invalid timeInForce.")
        for name in (*_MEANINGLESS[kind], "stopPrice", "trailingDelta", "pegPriceType", "pegOffsetType", "pegOffsetValue"):
            if name in params:
                raise Refusal(400, -1106, f"Parameter '{name}' sent when not required.")
        if "icebergQty" in params:
            raise Refusal(400, -2010, "Iceberg orders are not supported for this symbol.")
        if kind == "MARKET":
            given = [name for name in ("quantity", "quoteOrderQty") if name in params]
            if not given:
                raise Refusal(400, -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
            if len(given) == 2:
                raise Refusal(400, -1128, "Combination of optional parameters invalid.")
        else:
            for name in ("timeInForce", "quantity", "price"):
                if name not in params and not (name == "timeInForce" and kind == "LIMIT_MAKER"):
                    raise missing(name)
        resp = params.get("newOrderRespType", "ACK" if kind == "LIMIT_MAKER" else "FULL")
        stp = params.get("selfTradePreventionMode", "")
        if resp not in ("ACK", "RESULT", "FULL"):
            raise Refusal(400, -1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        if stp and stp not in (*STP_MODES, "TRANSFER"):
            raise Refusal(400, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
        _digits("strategyId", params.get("strategyId", "0"))
        if _digits("strategyType", params.get("strategyType", "1000000")) < 1_000_000:
            raise Refusal(400, -1130, "Data sent for parameter 'strategyType' is not valid.")
        return Wish(
            symbol,
            side == "BUY",
            kind,
            tif or "GTC",
            px=decimal(params, "price"),
            qty=decimal(params, "quantity"),
            quote_qty=decimal(params, "quoteOrderQty"),
            client_id=_client_id(params, "newClientOrderId"),
            resp=resp,
            stp=stp,
        )


def missing(name: str) -> Refusal:
    """Return the refusal of a request without one of its parameters."""
    return Refusal(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _client_id(params: Mapping[str, str], name: str) -> str:
    text = params.get(name)
    if text is None:
        return ""
    if not _CLIENT_ID.match(text):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'.")
    return text


def _digits(name: str, text: str) -> int:
    if not _DIGITS.match(text):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    value = _digits(name, params[name]) if name in params else default
    if name == "limit" and value < 1:
        raise Refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
    return value


def _span(params: Mapping[str, str]) -> tuple[int, int]:
    """Return the time span asked for in ns; times may be sent in ms or us."""
    ends = [0, 1 << 63]
    for at, name in enumerate(("startTime", "endTime")):
        if name in params:
            value = _digits(name, params[name])
            ends[at] = value * (1000 if len(params[name]) >= 16 else 1_000_000)
    if all(name in params for name in ("startTime", "endTime")) and ends[1] - ends[0] > 86_400 * 10**9:
        raise Refusal(400, -1127, "More than 24 hours between startTime and endTime.")
    return ends[0], ends[1] + 999_999


_ORDER = frozenset(("symbol", "orderId", "origClientOrderId"))
_LIST = frozenset(("symbol", "orderId", "startTime", "endTime", "limit"))

METHODS: dict[str, Method] = {
    "order.place": Method(Methods._place, 1, _NEW, free=True),
    "order.test": Method(Methods._test, 1, _NEW | {"computeCommissionRates"}),
    "order.cancel": Method(Methods._cancel, 1, _ORDER | {"newClientOrderId", "cancelRestrictions"}, free=True),
    "openOrders.cancelAll": Method(Methods._cancel_all, 1, frozenset(("symbol",)), free=True),
    "order.amend.keepPriority": Method(Methods._amend, 4, _ORDER | {"newClientOrderId", "newQty"}),
    "order.cancelReplace": Method(
        Methods._cancel_replace,
        1,
        _NEW
        | {"cancelReplaceMode", "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId"}
        | {"orderRateLimitExceededMode", "cancelRestrictions"},
        free=True,
    ),
    "order.status": Method(Methods._status, 4, _ORDER),
    "openOrders.status": Method(Methods._open_orders, 6, frozenset(("symbol",))),
    "allOrders": Method(Methods._all_orders, 20, _LIST),
    "account.status": Method(Methods._account, 20, frozenset(("omitZeroBalances",))),
    "account.commission": Method(Methods._commission, 20, frozenset(("symbol",))),
    "account.rateLimits.orders": Method(Methods._order_limits, 40, frozenset()),
    "myTrades": Method(Methods._trades, 20, _LIST | {"fromId"}),
}

#: Methods whose answers show the order count.
COUNTED = frozenset(("order.place", "order.cancelReplace"))
