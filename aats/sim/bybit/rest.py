"""Bybit's REST (exchanges/bybit_v5.md sections 3 to 8): signed by fields over stamp, key, window and the query or body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aats.sim.answer import Answer
from aats.sim.bybit.texts import code_of, coin, instrument, levels, position_row
from aats.sim.bybit.trade import BybitTrade
from aats.sim.listing import GONE, LIVE
from aats.sim.venue import Asked, Connection, Key, Refused, hmac_hex, json_answer

__all__ = ["BybitRest"]

SECOND_NS = 1_000_000_000
_REST_DEPTHS = 1000
_POSTS = {"/v5/order/create": "create", "/v5/order/amend": "amend", "/v5/order/cancel": "cancel"}


class BybitRest(BybitTrade):
    """The REST half of `BybitExchange`."""

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if not self.within("address", 600, 5 * SECOND_NS):
            return Answer(403, b"access too frequent", content_type="text/plain")
        public = _PUBLIC.get(asked.path)
        if public is not None and asked.method == "GET":
            return public(self, asked)
        signed = _SIGNED.get((asked.method, asked.path))
        if signed is not None:
            return signed(self, self._key(asked), asked)
        if asked.method == "POST" and asked.path in _POSTS:
            return self._order(conn, self._key(asked), asked)
        return json_answer({"retCode": 10404, "retMsg": "not found"}, 404)

    def refused(self, why: Refused, asked: Asked) -> Answer:
        return self._told_code(code_of(why, spot=self.spot), why.text)

    def too_many(self) -> Answer:
        answer = json_answer({"retCode": 10429, "retMsg": "system level frequency protection", "result": {}, "time": self.ms}, 429)
        answer.headers.append(("Retry-After", "2"))
        return answer

    def _told_code(self, code: int, msg: str) -> Answer:
        return json_answer({"retCode": code, "retMsg": msg, "result": {}, "retExtInfo": {}, "time": self.ms})

    def _ok(self, result: Any) -> Answer:
        return json_answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.ms})

    def _key(self, asked: Asked) -> Key:
        """Check key, signature and stamp (6)."""
        fields = asked.headers
        key = self.keys.get(fields.get("x-bapi-api-key", ""))
        stamp, window = fields.get("x-bapi-timestamp", ""), fields.get("x-bapi-recv-window", "5000")
        if key is None:
            raise Refused("key", "API key is invalid.")
        payload = asked.body.decode("latin-1") if asked.method == "POST" else asked.query_text
        if fields.get("x-bapi-sign", "") != hmac_hex(key.secret, f"{stamp}{key.name}{window}{payload}".encode("latin-1")):
            raise Refused("signature", "error sign! origin_string[...]")
        if not stamp.isdigit() or not window.isdigit() or self.stale(int(stamp), int(window)):
            raise Refused("clock", "invalid request, please check your server timestamp or recv_window param")
        return key

    # -- public --------------------------------------------------------------------------------------------------------

    def _time(self, asked: Asked) -> Answer:
        return self._ok({"timeSecond": str(self.ms // 1000), "timeNano": str(self.now_ns)})

    def _instruments(self, asked: Asked) -> Answer:
        rows, wanted = [], asked.query.get("status") or "Trading"
        for one in self.listings.values() if asked.query.get("category") == self.category else ():
            row = instrument(one)
            if row["status"] == wanted and asked.query.get("symbol", one.name) == one.name:
                rows.append(row)
        return self._page(rows, asked, 500, 1000)

    def _page(self, rows: list[dict[str, Any]], asked: Asked, usual: int, most: int) -> Answer:
        """Answer with one page of a list; the cursor, escaped as a query wants it, is where the next one begins."""
        limit, cursor = asked.query.get("limit", str(usual)), asked.query.get("cursor", "").removeprefix("row&") or "0"
        if not limit.isdigit() or not cursor.isdigit() or not 0 < int(limit) <= most:
            raise Refused("param", "limit or cursor")
        begin = int(cursor)
        end = begin + int(limit)
        after = f"row%26{end}" if end < len(rows) else ""
        return self._ok({"category": self.category, "list": rows[begin:end], "nextPageCursor": after})

    def _orderbook(self, asked: Asked) -> Answer:
        fault = self.snapshot_fault()
        if fault:
            return self.plain_fault(fault)
        listing, limit = self.listing(asked.query.get("symbol", "")), asked.query.get("limit", "25")
        if not limit.isdigit() or not 0 < int(limit) <= _REST_DEPTHS:
            raise Refused("param", "limit")
        book = self.book(listing.name, int(limit))
        text = (
            f'{{"retCode":0,"retMsg":"OK","result":{{"s":"{listing.name}","b":[{levels(book.bids)}],"a":[{levels(book.asks)}],"ts":{self.ms},'
            f'"u":{book.last_id},"seq":{book.last_id},"cts":{self.ms}}},"retExtInfo":{{}},"time":{self.ms}}}'
        )
        return Answer(200, text.encode(), content_type="application/json")

    def _tickers(self, asked: Asked) -> Answer:
        rows = [
            self.ticker_row(one) for one in self.listings.values() if one.status == LIVE and asked.query.get("symbol", one.name) == one.name
        ]
        return self._ok({"category": self.category, "list": rows if asked.query.get("category") == self.category else []})

    def ticker_row(self, listing: Any) -> dict[str, Any]:
        """Return everything that a ticker says of a symbol; exchange.py has it."""
        raise NotImplementedError

    # -- signed --------------------------------------------------------------------------------------------------------

    def _order(self, conn: Connection, key: Key, asked: Asked) -> Answer:
        row = asked.json()
        if not isinstance(row, dict):
            raise Refused("param", "body")
        if not key.can_trade:
            raise Refused("permission", "Permission denied, please check your API key permissions.")
        if not self.within((key.account.number, asked.path), self.orders_per_s, SECOND_NS):
            return self._told_code(10006, "Too many visits!")
        verb = _POSTS[asked.path]
        fault = self.order_fault() if verb == "create" else ""
        if fault == "order-5xx":
            raise Refused("busy", "Internal server error.")
        with self.around(conn, key.account, fault):
            data = self.do(key, verb, row)
        if fault == "order-unsure":
            return self._told_code(10000, "Server Timeout")
        return self.faulty(self._ok(data), fault)

    def _cancel_all(self, key: Key, asked: Asked) -> Answer:
        row = asked.json()
        if not isinstance(row, dict) or row.get("category") != self.category:
            raise Refused("param", "category")
        if not key.can_trade:
            raise Refused("permission", "Permission denied, please check your API key permissions.")
        if not self.spot and not any(row.get(name) for name in ("symbol", "baseCoin", "settleCoin")):
            raise Refused("param", "symbol, baseCoin or settleCoin")
        done = self.trading.cancel_all(key.account, row.get("symbol") or None)
        return self._ok({"list": [{"orderId": self.id_of(one), "orderLinkId": one.client_id} for one in done], "success": "1"})

    def _chosen(self, key: Key, asked: Asked) -> list[Any]:
        """Return the account's orders that a query's filters leave, newest first."""
        query = asked.query
        if query.get("category") != self.category:
            return []
        rows = self.trading.orders(key.account, query.get("symbol"))[::-1]
        if query.get("orderId"):
            rows = [one for one in rows if self.id_of(one) == query["orderId"]]
        elif query.get("orderLinkId"):
            rows = [one for one in rows if one.client_id == query["orderLinkId"]]
        return rows

    def _realtime(self, key: Key, asked: Asked) -> Answer:
        query = asked.query
        if not self.spot and not any(query.get(name) for name in ("symbol", "baseCoin", "settleCoin")):
            raise Refused("param", "symbol, baseCoin or settleCoin")
        rows, named = self._chosen(key, asked), bool(query.get("orderId") or query.get("orderLinkId"))
        if not named:
            rows = [one for one in rows if one.open]
        return self._page([self.row_of(one) for one in rows[:500] if one.open or not self.forgets], asked, 20, 50)

    def _history(self, key: Key, asked: Asked) -> Answer:
        rows = [self.row_of(one) for one in self._chosen(key, asked) if not one.open]
        return self._page(rows, asked, 20, 50)

    def _executions(self, key: Key, asked: Asked) -> Answer:
        query = asked.query
        fills = self.trading.fills(key.account, query.get("symbol"))[::-1] if query.get("category") == self.category else []
        if query.get("orderId"):
            number = self._by_name.get(query["orderId"], -1)
            fills = [one for one in fills if one.order.id == number]
        if query.get("startTime", "").isdigit():
            fills = [one for one in fills if one.t_ns // 1_000_000 >= int(query["startTime"])]
        return self._page([self.fill_row(one) for one in fills], asked, 50, 100)

    def _positions(self, key: Key, asked: Asked) -> Answer:
        query = asked.query
        if not query.get("symbol") and not query.get("settleCoin"):
            raise Refused("param", "symbol or settleCoin")
        names = [query["symbol"]] if query.get("symbol") else [one.listing.name for one in self.trading.positions(key.account)]
        if self.spot or query.get("category") != self.category:
            names = []
        if any(name not in self.listings or self.listings[name].status == GONE for name in names):
            raise Refused("symbol", "symbol invalid")
        rows = [position_row(self.position(key.account, name), category=self.category, t_ns=self.now_ns) for name in names]
        if key.account.number in self.hedge:  # one row of each side (5.2)
            rows = [{**row, "positionIdx": side, **({} if side == 1 else {"side": "", "size": "0"})} for row in rows for side in (1, 2)]
        return self._page(rows, asked, 20, 200)

    def _wallet(self, key: Key, asked: Asked) -> Answer:
        if asked.query.get("accountType") != "UNIFIED":
            raise Refused("param", "accountType only support UNIFIED.")
        account, wanted = key.account, asked.query.get("coin")
        coins = [coin(account, asset) for asset in account.balances if wanted is None or asset in wanted.split(",")]
        return self._ok({"list": [{"accountType": "UNIFIED", "totalEquity": "", "coin": coins}]})

    def _coins(self, key: Key, asked: Asked) -> Answer:
        assets = sorted({asset for one in self.listings.values() for asset in (one.base, one.quote)})
        rows = [{"name": one, "coin": one, "remainAmount": "1000000", "chains": []} for one in assets]
        return self._ok({"rows": rows})

    def _user(self, key: Key, asked: Asked) -> Answer:
        return self._ok(
            {"id": "1", "readOnly": 0 if key.can_trade else 1, "unified": 0, "uta": 1, "userID": 1, "isMaster": True, "permissions": {}}
        )

    def _account(self, key: Key, asked: Asked) -> Answer:
        return self._ok({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5, "dcpStatus": "OFF", "updatedTime": str(self.ms)})

    def _fees(self, key: Key, asked: Asked) -> Answer:
        maker, taker = (f"{rate / 1e8:.6f}" for rate in key.account.rates)
        rows = [{"symbol": one, "makerFeeRate": maker, "takerFeeRate": taker} for one in self.listings]
        return self._ok({"list": rows})

    def _dcp(self, key: Key, asked: Asked) -> Answer:
        raise Refused("permission", "disconnected-cancel-all is for institutional accounts")

    #: True: order/realtime knows only what is open, as after a restart of the venue (8).
    forgets = False


_PUBLIC: dict[str, Callable[[BybitRest, Asked], Answer]] = {
    "/v5/market/time": BybitRest._time,
    "/v5/market/instruments-info": BybitRest._instruments,
    "/v5/market/orderbook": BybitRest._orderbook,
    "/v5/market/tickers": BybitRest._tickers,
}
_SIGNED: dict[tuple[str, str], Callable[[BybitRest, Key, Asked], Answer]] = {
    ("POST", "/v5/order/cancel-all"): BybitRest._cancel_all,
    ("POST", "/v5/order/disconnected-cancel-all"): BybitRest._dcp,
    ("GET", "/v5/order/realtime"): BybitRest._realtime,
    ("GET", "/v5/order/history"): BybitRest._history,
    ("GET", "/v5/execution/list"): BybitRest._executions,
    ("GET", "/v5/position/list"): BybitRest._positions,
    ("GET", "/v5/account/wallet-balance"): BybitRest._wallet,
    ("GET", "/v5/account/info"): BybitRest._account,
    ("GET", "/v5/account/fee-rate"): BybitRest._fees,
    ("GET", "/v5/asset/coin/query-info"): BybitRest._coins,
    ("GET", "/v5/user/query-api"): BybitRest._user,
}
