"""REST of the Binance Spot dialect: a request in, an answer out.

    GET /api/v3/ ping time exchangeInfo depth trades ticker/bookTicker
    orders and accounts                                               signed: rest_orders.py
    GET /sapi/... /fapi/v1/exchangeInfo /dapi/v1/exchangeInfo        what ccxt asks at its start, answered empty
    GET /sim/state                                                    the simulator's own: counters as JSON, weight 0

No sockets, no HTTP syntax: binary framing and keep-alive are the connection's (binance.py).  A first path segment that
looks like a host name is dropped, so that one server stands for several hosts: /api.binance.com/api/v3/ping.

Weights are charged as the venue charges them (all clients together: they share one address) and shown in
X-MBX-USED-WEIGHT-1M.  Above the limit: 429 with Retry-After; a client that goes on: 418.  What the venue has and this
exchange has not is refused with one clear sentence.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import orjson

from aats.sim.answer import Answer, error_body
from aats.sim.faults import Faults
from aats.sim.instruments import symbol_info
from aats.sim.limits import ORDERS_10S, ORDERS_DAY, Refusal, Weights, rate
from aats.sim.market import Event, Market, Symbol, snapshot_text

if TYPE_CHECKING:
    from aats.sim.rest_orders import RestOrders

TRADES_KEPT = 1000
DEPTH_MAX = 5000
TIME_UNIT_MSG = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
OLD_IDS = 1 << 20  # how far back a snapshot of the fault snap-old lies

_HOST_SEGMENT = re.compile(r"/(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{2,}(?::\d+)?(?=/|\Z)")
_UNSERVED = re.compile(
    r"/(?:api/v3/(?:order|allOrderList|openOrderList|myFilters|myAllocations|myPreventedMatches|sor|userDataStream)|sapi)"
)
_EMPTY: dict[str, bytes] = {
    "/sapi/v1/capital/config/getall": b"[]",
    "/sapi/v1/margin/allPairs": b"[]",
    "/sapi/v1/margin/isolated/allPairs": b"[]",
    "/fapi/v1/exchangeInfo": b'{"symbols":[]}',
    "/dapi/v1/exchangeInfo": b'{"symbols":[]}',
}
_HTML = b"<html><head><title>%b</title></head><body><center><h1>%b</h1></center></body></html>\n"


def strip_host(path: str) -> str:
    """Drop a first path segment that looks like a host name."""
    m = _HOST_SEGMENT.match(path)
    return (path[m.end() :] or "/") if m else path


class Rest:
    """The REST half of the exchange.

    Parameters
    ----------
    state
        Called for GET /sim/state; returns what is shown.
    """

    def __init__(
        self,
        market: Market,
        faults: Faults,
        state: Callable[[], Mapping[str, Any]],
        weights: Weights,
        *,
        orders_limits: tuple[int, int] = (ORDERS_10S, ORDERS_DAY),
    ) -> None:
        self._market = market
        self._faults = faults
        self._state = state
        self._weights = weights
        self._orders_limits = orders_limits
        self.orders: RestOrders | None = None  # the signed half, set by the exchange
        self._now_ns = 0
        self._micros = False
        self._trades: dict[str, deque[Event]] = {name: deque(maxlen=TRADES_KEPT) for name in market.symbols}
        self._paths: dict[str, tuple[int | None, Callable[[dict[str, str]], Answer]]] = {
            "/api/v3/ping": (1, lambda query: Answer(200, b"{}")),
            "/api/v3/time": (1, self._time),
            "/api/v3/exchangeInfo": (20, self._exchange_info),
            "/api/v3/depth": (None, self._depth),  # weight depends on the limit
            "/api/v3/trades": (25, self._trade_list),
            "/api/v3/ticker/bookTicker": (None, self._book_ticker),
        }

    def keep_trade(self, event: Event) -> None:
        """Remember a trade event for GET /trades."""
        self._trades[event.symbol].append(event)

    def handle(self, method: str, target: str, headers: Mapping[str, str], now_ns: int, body: bytes = b"") -> Answer:
        """Answer one request.  `headers` has lower-case names."""
        path, _, query_text = target.partition("?")
        path = strip_host(unquote(path))
        if path == "/sim/state":
            return Answer(200, orjson.dumps(dict(self._state()), option=orjson.OPT_INDENT_2))
        if path in _EMPTY and method == "GET":
            return Answer(200, _EMPTY[path])
        weights = self._weights
        try:
            weights.admit(now_ns)
            unit = headers.get("x-mbx-time-unit", "MILLISECOND").upper()
            if unit not in ("MILLISECOND", "MICROSECOND"):
                raise Refusal(400, -1194, TIME_UNIT_MSG)
            micros = unit == "MICROSECOND"
            name = self.orders.method_of(method, path) if self.orders is not None else None
            if name is not None and self.orders is not None:
                answer = self.orders.answer(name, query_text, body.decode("latin-1"), headers, now_ns, micros=micros)
            elif path in self._paths and method == "GET":
                answer = self.public(path, dict(parse_qsl(query_text, keep_blank_values=True)), now_ns, micros=micros)
            else:
                answer = self._unknown(method, path)
        except Refusal as refusal:
            data = refusal.data if refusal.code in (-2021, -2022) else None
            answer = Answer(refusal.status, error_body(refusal.code, refusal.msg, data))
        answer.headers.append(("X-MBX-USED-WEIGHT", str(weights.used)))
        answer.headers.append(("X-MBX-USED-WEIGHT-1M", str(weights.used)))
        if answer.status in (418, 429):
            answer.headers.append(("Retry-After", str(weights.retry_after_s(answer.status))))
        return answer

    def public(self, path: str, query: dict[str, str], now_ns: int, *, micros: bool) -> Answer:
        """Answer a request for market data; `path` is one of those above.  Refusal for what the venue refuses."""
        self._now_ns, self._micros = now_ns, micros
        weight, answer = self._paths[path]
        if weight is not None:
            self._weights.charge(weight)
        return answer(query)

    # -- paths ---------------------------------------------------------------------------------------------------------

    def _unknown(self, method: str, path: str) -> Answer:
        if _UNSERVED.match(path):
            return Answer(
                404,
                error_body(-1100, f"This simulated exchange does not serve {method} {path}."),
            )
        return Answer(404, error_body(-5000, f"Path {path}, Method {method} is invalid"))

    def _time(self, query: dict[str, str]) -> Answer:
        return Answer(200, b'{"serverTime":%d}' % self._stamp())

    def _depth(self, query: dict[str, str]) -> Answer:
        symbol = self._symbol(query)
        limit = min(_int(query, "limit", 100), DEPTH_MAX)
        self._weights.charge(5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250)
        fault = self._faults.snapshot()
        if fault == "snap-429":
            raise Refusal(429, -1003, "Too many requests queued.")
        if fault in ("snap-403", "snap-503"):
            title = b"403 Forbidden" if fault == "snap-403" else b"503 Service Unavailable"
            return Answer(int(fault[-3:]), _HTML % (title, title), content_type="text/html")
        if fault == "snap-html":
            return Answer(200, _HTML % (b"Maintenance", b"Maintenance"), content_type="text/html")
        book = self._market.snapshot(symbol.name, limit)
        last_id = max(1, book.last_id - OLD_IDS) if fault == "snap-old" else None
        return Answer(200, snapshot_text(book, last_id), cut=fault == "snap-cut")

    def _trade_list(self, query: dict[str, str]) -> Answer:
        symbol = self._symbol(query)
        limit = min(max(_int(query, "limit", 500), 1), TRADES_KEPT)
        rows = []
        for event in list(self._trades[symbol.name])[-limit:]:
            trade = orjson.loads(event.data_us() if self._micros else event.data)
            rows.append(
                {
                    "id": trade["t"],
                    "price": trade["p"],
                    "qty": trade["q"],
                    "time": trade["T"],
                    "isBuyerMaker": trade["m"],
                    "isBestMatch": trade["M"],
                }
            )
        return Answer(200, orjson.dumps(rows))

    def _book_ticker(self, query: dict[str, str]) -> Answer:
        names, single = self._names(query)
        self._weights.charge(2 if single else 4)
        rows = []
        for name in names:
            top = self._market.snapshot(name, 1)
            bid = top.bids[0] if top.bids else ("0.00000000", "0.00000000")
            ask = top.asks[0] if top.asks else ("0.00000000", "0.00000000")
            rows.append({"symbol": name, "bidPrice": bid[0], "bidQty": bid[1], "askPrice": ask[0], "askQty": ask[1]})
        return Answer(200, orjson.dumps(rows[0] if single else rows))

    def _exchange_info(self, query: dict[str, str]) -> Answer:
        names, _ = self._names(query)
        return Answer(
            200,
            orjson.dumps(
                {
                    "timezone": "UTC",
                    "serverTime": self._stamp(),
                    "rateLimits": [
                        rate("REQUEST_WEIGHT", "MINUTE", 1, self._weights.limit),
                        rate("ORDERS", "SECOND", 10, self._orders_limits[0]),
                        rate("ORDERS", "DAY", 1, self._orders_limits[1]),
                        rate("RAW_REQUESTS", "MINUTE", 5, 300_000),
                    ],
                    "exchangeFilters": [],
                    "symbols": [symbol_info(self._market.symbols[name]) for name in names],
                }
            ),
        )

    # -- parameters ----------------------------------------------------------------------------------------------------

    def _stamp(self) -> int:
        return self._now_ns // (1000 if self._micros else 1_000_000)

    def _symbol(self, query: dict[str, str]) -> Symbol:
        name = query.get("symbol", "")
        if not name:
            raise Refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        symbol = self._market.symbols.get(name)
        if symbol is None:
            raise Refusal(400, -1121, "Invalid symbol.")
        return symbol

    def _names(self, query: dict[str, str]) -> tuple[list[str], bool]:
        """Return the symbols asked for (all without `symbol` and `symbols`), and whether `symbol` named the one."""
        if "symbol" in query and "symbols" in query:
            raise Refusal(400, -1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            return [self._symbol(query).name], True
        if "symbols" not in query:
            return list(self._market.symbols), False
        try:
            names = orjson.loads(query["symbols"])
            valid = isinstance(names, list) and bool(names) and all(isinstance(n, str) for n in names)
        except orjson.JSONDecodeError:
            valid = False
        if not valid:
            raise Refusal(
                400,
                -1100,
                "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[\\w\\-._&&[^a-z]]{1,50}\""
                '(,"[\\w\\-._&&[^a-z]]{1,50}"){0,}){0,1}\\]$\'.',
            )
        if any(n not in self._market.symbols for n in names):
            raise Refusal(400, -1121, "Invalid symbol.")
        return names, False


def _int(query: Mapping[str, str], key: str, default: int) -> int:
    text = query.get(key)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{key}'; legal range is '^[0-9]{{1,20}}$'.")
    value = int(text)
    if value < 1:
        raise Refusal(400, -1130, f"Data sent for parameter '{key}' is not valid.")
    return value
