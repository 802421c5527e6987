"""Bybit's trade and private sockets, and the events of an account (exchanges/bybit_v5.md sections 5 to 7).

A good answer says "received"; what became of the order is an event, which comes before the answer or behind it, in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from aats.sim.accounts import Account
from aats.sim.bybit.texts import code_of, coin, execution, name_of, order_row, position_row
from aats.sim.trading import Fill, Order
from aats.sim.venue import Connection, Key, Refused, VenueExchange, Wish, amount, hmac_hex

__all__ = ["BybitTrade"]

SECOND_NS = 1_000_000_000
#: A cancel that finds its order filled so short a time ago has met the fill: it is received, and told as a second "Filled" (5.4, 9).
RACE_NS = SECOND_NS // 10
_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")
_TIFS = {"GTC": ("limit", "GTC"), "IOC": ("limit", "IOC"), "FOK": ("limit", "FOK"), "PostOnly": ("post", "GTC")}
_STPS = {"None": "NONE", "CancelMaker": "EXPIRE_MAKER", "CancelTaker": "EXPIRE_TAKER", "CancelBoth": "EXPIRE_BOTH"}
_TOPICS = ("order", "execution", "wallet", "position")
_OPS = {"order.create": "create", "order.amend": "amend", "order.cancel": "cancel"}
_BATCHES = {f"{op}-batch": verb for op, verb in _OPS.items()}


class BybitTrade(VenueExchange):
    """The private half of `BybitExchange`."""

    category: str
    STP = "NONE"  # orders of one account trade with each other unless the one that comes says otherwise (5.4)
    #: Accounts in hedge mode: each of their orders must say for which of two positions it is; two positions of a symbol are not simulated.
    hedge: frozenset[int] = frozenset()

    def _begin_trade(self) -> None:
        self._by_name: dict[str, int] = {}  # an order's id as the venue writes it -> the desk's
        self._waiting: Order | None = None  # a post-only order whose "New" is not told yet: it may be canceled at once
        self._held: list[tuple[Account, str, bytes]] | None = None  # events that come behind the answer
        self._turn = 0
        self._race_told: set[int] = set()

    @property
    def spot(self) -> bool:
        return self.category == "spot"

    def other(self) -> bool:
        """Change with every call: what the venue may do in two ways, it does in both."""
        self._turn ^= 1
        return bool(self._turn)

    # -- log-on and private topics -------------------------------------------------------------------------------------

    def auth_fault(self, conn: Connection, args: Any) -> tuple[int, str] | None:
        """Judge the args of an auth; None: it holds, and the connection is its account's.  After a cut the code is 0."""
        fault = self.login_fault(conn)
        if fault == "login-cut":
            return 0, ""
        if not isinstance(args, list) or len(args) != 3:
            return 10001, "Params Error"
        key = self.keys.get(str(args[0]))
        if key is None:
            return 10003, "API key is invalid."
        if fault or args[2] != hmac_hex(key.secret, f"GET/realtime{args[1]}"):
            return 10004, "Error sign, please check your signature generation algorithm."
        if not isinstance(args[1], int) or args[1] <= self.ms:
            return 10002, "Request expired, please check your time."
        conn.account = key.account
        conn.state.key = key
        return None

    def private_message(self, conn: Connection, ask: dict[str, Any]) -> None:
        op, req_id = ask.get("op"), ask.get("req_id")
        head: dict[str, Any] = {"conn_id": conn.state.name, **({"req_id": req_id} if req_id is not None and self.other() else {})}
        if op == "ping":
            pong = {"req_id": req_id or "", "op": "pong", "args": [str(self.ms)], "conn_id": conn.state.name}
            self.send(conn, orjson.dumps(pong))
        elif op == "auth":
            wrong = self.auth_fault(conn, ask.get("args"))
            if wrong is None or wrong[0]:
                answer = {"success": wrong is None, "ret_msg": "" if wrong is None else wrong[1], "op": "auth", **head}
                self.send(conn, orjson.dumps(answer))
        elif op in ("subscribe", "unsubscribe"):
            self.send(conn, orjson.dumps({**self._private_topics(conn, op, ask.get("args")), "op": op, **head}))
        else:
            self.send(conn, orjson.dumps({"success": False, "ret_msg": "unknown op", "op": op, **head}))

    def _private_topics(self, conn: Connection, op: str, args: Any) -> dict[str, Any]:
        if conn.account is None:
            return {"success": False, "ret_msg": "Request not authorized"}
        if not isinstance(args, list) or not args:
            return {"success": False, "ret_msg": "Params Error"}
        narrow = [isinstance(one, str) and "." in one for one in args]
        for topic in args:
            base, _, category = str(topic).partition(".")
            if base not in _TOPICS or category not in ("", "spot", "linear", "inverse", "option"):
                return {"success": False, "ret_msg": f"Invalid topic: {topic}"}
        if any(narrow) and not all(narrow):
            return {"success": False, "ret_msg": "all-in-one and categorised topics must not be mixed"}
        for topic in args:
            base, _, category = topic.partition(".")
            if op == "unsubscribe":
                self.private.leave(conn, base)
            elif category in ("", self.category):
                self.private.join(conn, conn.account, base)
        return {"success": True, "ret_msg": "subscribe" if op == "subscribe" else ""}

    # -- the trade socket ----------------------------------------------------------------------------------------------

    def trade_message(self, conn: Connection, ask: dict[str, Any]) -> None:
        op, req_id = ask.get("op"), ask.get("reqId")
        if op == "ping":
            pong = {"retCode": 0, "retMsg": "OK", "op": "pong", "data": [str(self.ms)], "connId": conn.state.name}
            self.send(conn, orjson.dumps(pong))
        elif op == "auth":
            self._trade_auth(conn, req_id, ask.get("args"))
        elif op in _OPS or op in _BATCHES:
            self._trade_order(conn, op, req_id, ask)
        else:
            self._trade_answer(conn, op, req_id, 10404, "unknown op")

    def _trade_answer(
        self, conn: Connection, op: Any, req_id: Any, code: int, msg: str, data: Any = None, extra: Any = None, fault: str = ""
    ) -> None:
        answer = {
            "reqId": req_id,
            "retCode": code,
            "retMsg": msg,
            "op": op,
            "data": {} if data is None else data,
            "retExtInfo": {} if extra is None else extra,
            "header": {
                "X-Bapi-Limit": str(self.orders_per_s),
                "X-Bapi-Limit-Status": str(max(0, self.orders_per_s - 1)),
                "X-Bapi-Limit-Reset-Timestamp": str(self.ms + (1000 if code == 10006 else 0)),
                "Traceid": f"{conn.id:032x}",
                "Timenow": str(self.ms),
            },
            "connId": conn.state.name,
        }
        self.reply(conn, orjson.dumps(answer), fault)

    def _trade_auth(self, conn: Connection, req_id: Any, args: Any) -> None:
        if conn.account is not None:
            code, msg = 20001, "Repeat auth"
        else:
            code, msg = self.auth_fault(conn, args) or (0, "OK")
            if not code and conn.account is None:
                return  # the connection was cut
        self.send(conn, orjson.dumps({"reqId": req_id, "retCode": code, "retMsg": msg, "op": "auth", "connId": conn.state.name}))

    def _trade_order(self, conn: Connection, op: str, req_id: Any, ask: dict[str, Any]) -> None:
        try:
            key, rows = self._judge_order(conn, req_id, ask)
        except Refused as why:
            code = {"request id": 20006, "auth": 10003}.get(why.text, code_of(why, spot=self.spot))
            self._trade_answer(conn, op, req_id, code, why.text)
            return
        if op in _BATCHES:
            self._batch(conn, op, req_id, key, rows)
            return
        if len(rows) != 1:
            self._trade_answer(conn, op, req_id, 10001, "exactly one order")
            return
        if not self.within((key.account.number, op), self.orders_per_s, SECOND_NS):
            self._trade_answer(conn, op, req_id, 10006, "Too many visits!")
            return
        fault = self.order_fault() if op == "order.create" else ""
        behind = not fault and self.other()
        try:
            if fault == "order-5xx":
                raise Refused("busy", "Internal server error.")
            with self.behind(behind), self.around(conn, key.account, fault):
                data = self.do(key, _OPS[op], rows[0])
                if fault == "order-unsure":
                    self._trade_answer(conn, op, req_id, 10000, "Server Timeout")
                elif not fault:
                    self._trade_answer(conn, op, req_id, 0, "OK", data)
            if fault and fault != "order-unsure":
                self._trade_answer(conn, op, req_id, 0, "OK", data, fault=fault)
        except Refused as why:
            self._trade_answer(conn, op, req_id, code_of(why, spot=self.spot), why.text, fault=fault)

    def _judge_order(self, conn: Connection, req_id: Any, ask: dict[str, Any]) -> tuple[Key, list[dict[str, Any]]]:
        header, args = ask.get("header"), ask.get("args")
        if conn.account is None:
            raise Refused("key", "auth")
        if req_id is not None and (not isinstance(req_id, str) or len(req_id) > 36):
            raise Refused("param", "reqId")
        if req_id in conn.state.req_ids:
            raise Refused("param", "request id")
        if req_id is not None:
            conn.state.req_ids.add(req_id)
        stamp = header.get("X-BAPI-TIMESTAMP") if isinstance(header, dict) else None
        window = header.get("X-BAPI-RECV-WINDOW", "5000") if isinstance(header, dict) else "5000"
        if not isinstance(stamp, str) or not stamp.isdigit() or not isinstance(window, str) or not window.isdigit():
            raise Refused("param", "X-BAPI-TIMESTAMP")
        if self.stale(int(stamp), int(window)):
            raise Refused("clock", "invalid request, please check your server timestamp or recv_window param")
        key: Key = conn.state.key
        if not key.can_trade:
            raise Refused("permission", "Permission denied, please check your API key permissions.")
        if not isinstance(args, list) or not args or not all(isinstance(one, dict) for one in args):
            raise Refused("param", "args")
        return key, args

    def _batch(self, conn: Connection, op: str, req_id: Any, key: Key, args: list[dict[str, Any]]) -> None:
        rows = args[0].get("request")
        if not isinstance(rows, list) or not 0 < len(rows) <= (10 if self.spot else 20):
            self._trade_answer(conn, op, req_id, 10001, "request")
            return
        done, infos = [], []
        for row in rows:
            try:
                done.append(self.do(key, _BATCHES[op], {**row, "category": args[0].get("category")}))
                infos.append({"code": 0, "msg": "OK"})
            except Refused as why:
                done.append({"orderId": "", "orderLinkId": str(row.get("orderLinkId", ""))})
                infos.append({"code": code_of(why, spot=self.spot), "msg": why.text})
        self._trade_answer(conn, op, req_id, 0, "OK", {"list": done}, {"list": infos})

    # -- verbs, for this socket and for REST ---------------------------------------------------------------------------

    orders_per_s = 10

    def do(self, key: Key, verb: str, row: dict[str, Any]) -> dict[str, Any]:
        """Create, amend or cancel; return orderId and orderLinkId."""
        if row.get("category") != self.category:
            raise Refused("param", "category")
        order = getattr(self, f"_{verb}")(key.account, row)
        return {"orderId": self.id_of(order), "orderLinkId": order.client_id}

    def _create(self, account: Account, row: dict[str, Any]) -> Order:
        side, kind, link = row.get("side"), row.get("orderType"), row.get("orderLinkId", "")
        if side not in ("Buy", "Sell") or kind not in ("Limit", "Market"):
            raise Refused("param", "side or orderType")
        if link and (not isinstance(link, str) or not _LINK_ID.match(link)):
            raise Refused("param", "orderLinkId")
        if not self.spot and row.get("positionIdx", 0) not in ((1, 2) if account.number in self.hedge else (0,)):
            raise Refused("param", "position idx not match position mode")
        if (row.get("smpType") or "None") not in _STPS:
            raise Refused("param", "smpType")
        how = _TIFS.get(row.get("timeInForce") or "GTC")
        if how is None:
            raise Refused("param", "timeInForce")
        qty = amount(row.get("qty"))
        quote = kind == "Market" and self.spot and side == "Buy" and row.get("marketUnit", "quoteCoin") == "quoteCoin"
        wish = Wish(
            str(row.get("symbol")),
            side == "Buy",
            "market" if kind == "Market" else how[0],
            how[1],
            px=amount(row.get("price")) if kind == "Limit" else 0,
            qty=0 if quote else qty,
            quote_qty=qty if quote else 0,
            client_id=link,
            reduce_only=row.get("reduceOnly") is True,
            stp=_STPS[row.get("smpType") or "None"],
        )
        order = self.trading.place(account, wish)
        if self._is_waiting(order):
            self._tell_order(order)
        return order

    def _amend(self, account: Account, row: dict[str, Any]) -> Order:
        px, qty = row.get("price"), row.get("qty")
        if not px and not qty:
            raise Refused("param", "price or qty")
        return self.trading.amend(self.find(account, row), amount(px) if px else None, amount(qty) if qty else None)

    def _cancel(self, account: Account, row: dict[str, Any]) -> Order:
        order = self.find(account, row)
        if order.status == "FILLED" and self.now_ns - order.updated_ns < RACE_NS and order.id not in self._race_told:
            self._race_told.add(order.id)
            row = order_row(order, self.id_of(order), category=self.category)
            self._tell_row(account, "order", {**row, "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"})
            return order
        return self.trading.cancel(order)

    def find(self, account: Account, row: dict[str, Any]) -> Order:
        """Return the order that a request names, by orderId before orderLinkId, or Refused("unknown")."""
        symbol, name = str(row.get("symbol")), row.get("orderId")
        if name:
            order = self.trading.find(account, symbol, order_id=self._by_name.get(str(name), -1))
        else:
            order = self.trading.find(account, symbol, client_id=str(row.get("orderLinkId", "")))
        if order is None:
            raise Refused("unknown", "order not exists or too late to cancel")
        return order

    # -- events --------------------------------------------------------------------------------------------------------

    def id_of(self, order: Order) -> str:
        """Return an order's id as the venue writes it."""
        name = name_of(self.venue, "o", order.id, spot=self.spot)
        self._by_name[name] = order.id
        return name

    def row_of(self, order: Order) -> dict[str, Any]:
        """Return an order as events and answers have it."""
        return order_row(order, self.id_of(order), category=self.category)

    def fill_row(self, fill: Fill) -> dict[str, Any]:
        """Return a fill as events and answers have it."""
        order = fill.order
        assert isinstance(order, Order)
        before = sum(one.qty for one in order.fills[: order.fills.index(fill) + 1])
        exec_id = name_of(self.venue, "t", fill.trade_id * 2 + order.buys, spot=self.spot)
        return execution(fill, self.id_of(order), exec_id, category=self.category, leaves=max(0, order.qty - before))

    @contextmanager
    def behind(self, on: bool) -> Iterator[None]:
        """Keep events until the answer has gone out, if `on`."""
        if not on:
            yield
            return
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for account, topic, text in held:
                self.tell(account, topic, text)

    def _tell_row(self, account: Account, topic: str, row: dict[str, Any]) -> None:
        self._turn_id = getattr(self, "_turn_id", 0) + 1
        text = orjson.dumps({"id": f"{self._turn_id:x}", "topic": topic, "creationTime": self.ms, "data": [row]})
        if self._held is not None:
            self._held.append((account, topic, text))
        else:
            self.tell(account, topic, text)

    def _tell_order(self, order: Order) -> None:
        self._tell_row(order.account, "order", self.row_of(order))

    def _is_waiting(self, order: Order) -> bool:
        """Tell whether the "New" of an order is still to be told, and forget it."""
        waits, self._waiting = self._waiting is order, None
        return waits

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        if what == "new" and order.type == "LIMIT_MAKER":
            self._waiting = order
            return
        self._is_waiting(order)
        if fill is None:
            self._tell_order(order)
            return
        first = self.other()
        if first:
            self._tell_order(order)
        self._tell_row(order.account, "execution", self.fill_row(fill))
        if not first:
            self._tell_order(order)
        if not self.spot:
            row = position_row(self.position(order.account, order.symbol), category=self.category, t_ns=self.now_ns)
            self._tell_row(order.account, "position", row)

    def on_account(self, account: Account, assets: tuple[str, ...]) -> None:
        coins = [coin(account, asset) for asset in assets]
        self._tell_row(account, "wallet", {"accountType": "UNIFIED", "totalEquity": "", "coin": coins})
