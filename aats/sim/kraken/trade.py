"""Kraken's private half over WebSocket v2: orders, the executions and balances channels (exchanges/kraken_v2.md sections 5 to 7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aats.sim.accounts import Account
from aats.sim.frames import text_frame
from aats.sim.kraken.talk import SECOND_NS, KrakenTalk
from aats.sim.kraken.texts import ERRORS, error_of
from aats.sim.listing import Refused, trim
from aats.sim.venue import Connection, Fill, Key, Order, Wish, amount, iso

__all__ = ["KrakenTrade", "exec_id", "order_no", "txid"]

TOKEN_NS = 900 * SECOND_NS
_TIFS = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}
_STPS = {"cancel_newest": "EXPIRE_TAKER", "cancel_oldest": "EXPIRE_MAKER", "cancel_both": "EXPIRE_BOTH"}
_REASONS = {
    "user": "User requested", "ioc": "Immediate or cancel", "fok": "Fill or kill", "no_liquidity": "No liquidity", "post_only": "Post only order",
    "stp": "Self trade prevention", "deadman": "Cancel all orders after", "halted": "Market halted", "gone": "Market delisted",
}  # fmt: skip
_STATUS = {"NEW": "new", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled", "CANCELED": "canceled"}


def txid(number: int) -> str:
    """Return the venue's id of an order."""
    return f"O{number // 10**11 % 10**5:05d}-{number // 10**6 % 10**5:05d}-{number % 10**6:06d}"


def order_no(text: Any) -> int | None:
    """Return the order that an id of the venue means, None for what is none."""
    digits = text[1:].replace("-", "") if isinstance(text, str) and len(text) == 19 and text.startswith("O") else ""
    return int(digits) if digits.isdigit() else None


def exec_id(trade_id: int, order: Order) -> str:
    """Return the id of a fill."""
    return f"T{order.id % 10**5:05d}-{trade_id // 10**6 % 10**5:05d}-{trade_id % 10**6:06d}"


class Number(str):
    """A number that stands in JSON as it is written."""


def text_of(value: Any) -> str:
    """Write JSON in which a `Number` keeps its zeros."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{text_of(one)}' for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text_of(one) for one in value) + "]"
    return json.dumps(value)


class KrakenTrade(KrakenTalk):
    """Requests with a token, and what accounts are told."""

    _pending: Order | None = None  # a post-only order that was accepted, and whose "new" is not told yet

    # -- tokens --------------------------------------------------------------------------------------------------------

    def new_token(self, key: Key) -> str:
        """Return a token for WebSockets; it must be used within 15 minutes (6)."""
        tokens = self._tokens()
        text = f"sim{len(tokens) + 1:06d}{key.account.number:04d}"
        tokens[text] = (key, self.now_ns + TOKEN_NS)
        return text

    def _tokens(self) -> dict[str, tuple[Key, int]]:
        found: dict[str, tuple[Key, int]] = self.__dict__.setdefault("_token_table", {})
        return found

    def _key_of(self, conn: Connection, params: dict[str, Any]) -> Key:
        found = self._tokens().get(str(params.get("token", "")))
        subscribed = conn.account is not None
        if found is None or (found[1] < self.now_ns and not (subscribed and conn.account is found[0].account)):
            raise Refused("session", "the token is not known, or too old")
        return found[0]

    # -- channels ------------------------------------------------------------------------------------------------------

    def private_subscription(self, conn: Connection, method: str, params: dict[str, Any], req_id: Any) -> None:
        """Begin or end the executions or the balances of an account."""
        channel = params["channel"]
        try:
            key = self._key_of(conn, params)
        except Refused as why:
            self.answer(conn, method, req_id, error=ERRORS[why.why])
            return
        if method == "unsubscribe":
            self.private.leave(conn, channel)
            self.answer(conn, method, req_id, result={"channel": channel})
            return
        fault = self.login_fault(conn)
        if fault == "login-cut":
            return
        if fault:
            self.answer(conn, method, req_id, error=ERRORS["session"])
            return
        if not self.private.join(conn, key.account, channel):
            self.answer(conn, method, req_id, error="Already subscribed")
            return
        conn.account = key.account
        result: dict[str, Any] = {"channel": channel, "snapshot": True}
        if channel == "executions":
            result["maxratecount"] = 125
        self.answer(conn, method, req_id, result=result)
        if channel == "balances":
            self._tell_rows(key.account, conn, channel, "snapshot", self._balance_rows(key.account))
            return
        rows: list[dict[str, Any]] = []
        if params.get("snap_trades"):
            rows += [self._fill_row(one) for one in self.trading.fills(key.account)[-50:]]
        if params.get("snap_orders", True):
            rows += [self._order_row(one, "new") for one in self.trading.open(key.account)]
        self._tell_rows(key.account, conn, channel, "snapshot", rows)
        self.beat(conn)

    def _tell_rows(self, account: Account, conn: Connection, channel: str, kind: str, rows: list[dict[str, Any]]) -> None:
        conn.state.sequence += 1
        text = text_of({"channel": channel, "type": kind, "sequence": conn.state.sequence, "data": rows})
        self.tell_one(account, conn, text)

    def _tell_all(self, account: Account, channel: str, rows: list[dict[str, Any]]) -> None:
        for conn in self.private.of(account, channel):
            self._tell_rows(account, conn, channel, "update", rows)

    def tell_one(self, account: Account, conn: Connection, text: str) -> None:
        """Send a text about an account to one connection, unless its events are held back or being lost."""
        self.private.tell(account, conn, text_frame(text.encode()))

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _order_row(self, order: Order, exec_type: str) -> dict[str, Any]:
        one = order.listing
        row: dict[str, Any] = {
            "order_id": txid(order.id),
            "symbol": order.symbol,
            "order_qty": Number(trim(order.qty, one.qty_dec)),
            "cum_cost": Number(trim(order.cum_quote // 10**8, 8)),
            "cum_qty": Number(trim(order.cum, one.qty_dec)),
            "time_in_force": order.tif,
            "exec_type": exec_type,
            "side": "buy" if order.buys else "sell",
            "order_type": "market" if order.type == "MARKET" else "limit",
            "order_userref": 0,
            "order_status": exec_type if exec_type == "pending_new" else _STATUS.get(order.status, "canceled"),
            "fee_usd_equiv": Number("0.0"),
            "fee_ccy_pref": "fciq",
            "timestamp": iso(order.updated_ns or self.now_ns),
        }
        if order.client_id:
            row["cl_ord_id"] = order.client_id
        if order.px:
            row["limit_price_type"] = "static"
            row["limit_price"] = Number(trim(order.px, one.px_dec))
        if order.type == "LIMIT_MAKER":
            row["post_only"] = True
        return row

    def _fill_row(self, fill: Fill) -> dict[str, Any]:
        order, one = fill.order, fill.order.listing  # type: ignore[attr-defined]
        row = self._order_row(order, "trade")  # type: ignore[arg-type]
        for name in ("cl_ord_id", "order_qty", "time_in_force", "limit_price", "limit_price_type", "post_only"):
            row.pop(name, None)  # a trade names its order by the venue's id alone (5)
        row.update(
            exec_id=exec_id(fill.trade_id, order),  # type: ignore[arg-type]
            trade_id=fill.trade_id,
            last_qty=Number(trim(fill.qty, one.qty_dec)),
            last_price=Number(trim(fill.px, one.px_dec)),
            liquidity_ind="m" if fill.maker else "t",
            cost=Number(trim(fill.px * fill.qty // 10**8, 8)),
            avg_price=Number(trim(fill.px, one.px_dec)),
            fees=[{"asset": fill.fee_asset, "qty": Number(trim(fill.fee, 8))}],
            timestamp=iso(fill.t_ns),
            ext_ord_id="",
            ext_exec_id="",
        )
        return row

    def _delta(self, order: Order, exec_type: str, **more: Any) -> dict[str, Any]:
        """Return a follow-up frame: it says what changed, and not whose symbol it is (5)."""
        status = _STATUS.get(order.status, "canceled") if exec_type != "expired" else "expired"
        return {
            "timestamp": iso(self.now_ns), "order_status": status, "exec_type": exec_type, "order_userref": 0, "order_id": txid(order.id), **more
        }  # fmt: skip

    def _place(self, account: Account, wish: Wish) -> Order:
        order = self.trading.place(account, wish)
        pending, self._pending = self._pending, None
        if pending is order and order.open:
            self._tell_all(account, "executions", [self._delta(order, "new")])
        return order

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        if what == "new":
            self._tell_all(order.account, "executions", [self._order_row(order, "pending_new")])
            if order.type == "LIMIT_MAKER":
                self._pending = order  # accepted, and not live yet: it may be canceled as one that would take (5)
            else:
                self._tell_all(order.account, "executions", [self._delta(order, "new")])
        elif what == "fill" and fill is not None:
            self._tell_all(order.account, "executions", [self._fill_row(fill)])
            if order.status == "FILLED":
                self._tell_all(order.account, "executions", [self._delta(order, "filled")])
        elif what in ("canceled", "expired"):
            more = {"reason": _REASONS.get(order.why, order.why), "cum_qty": Number(trim(order.cum, order.listing.qty_dec))}
            self._tell_all(order.account, "executions", [self._delta(order, "canceled", **more)])
        elif what == "amended":
            one = order.listing
            numbers = {"order_qty": Number(trim(order.qty, one.qty_dec)), "limit_price": Number(trim(order.px, one.px_dec))}
            self._tell_all(order.account, "executions", [self._delta(order, "amended", **numbers)])

    def on_account(self, account: Account, assets: tuple[str, ...]) -> None:
        rows = [row for row in self._balance_rows(account, every=True) if row["asset"] in assets]
        if rows:
            self._tell_all(account, "balances", [{**row, "type": "trade", "timestamp": iso(self.now_ns)} for row in rows])

    def _balance_rows(self, account: Account, *, every: bool = False) -> list[dict[str, Any]]:
        rows = []
        for asset, (free, locked) in sorted(account.balances.items()):
            if every or free or locked:
                held = Number(trim((free + locked) // 10**8, 8))
                rows.append(
                    {
                        "asset": asset,
                        "asset_class": "currency",
                        "balance": held,
                        "wallets": [{"type": "spot", "id": "main", "balance": held}],
                    }
                )
        return rows

    # -- requests ------------------------------------------------------------------------------------------------------

    def private_request(self, conn: Connection, method: str, params: dict[str, Any], req_id: Any) -> None:
        """Answer a request about orders."""
        verbs: dict[str, Callable[..., Any]] = {
            "add_order": self._add_order,
            "amend_order": self._amend_order,
            "cancel_all": self._cancel_all,
            "cancel_all_orders_after": self._cancel_after,
            "batch_add": self._batch_add,
        }
        if method == "cancel_order":
            self._cancel_orders(conn, params, req_id)
            return
        if method not in verbs:
            self.answer(conn, method, req_id, error=f"Unsupported method {method}")
            return
        fault = self.order_fault() if method in ("add_order", "batch_add") else ""
        try:
            key = self._key_of(conn, params)
            if method != "cancel_all" and not key.can_trade:
                raise Refused("permission")
            if fault == "order-5xx":
                raise Refused("busy")
            with self.around(conn, key.account, fault):
                result = verbs[method](key.account, params)
        except Refused as why:
            self.answer(conn, method, req_id, error=error_of(why), fault=fault)
            return
        if fault == "order-unsure":
            self.answer(conn, method, req_id, error="EService:Timeout")
            return
        self.answer(conn, method, req_id, result=result, fault=fault)

    def wish(self, params: dict[str, Any]) -> Wish:
        """Return what the parameters of add_order ask for."""
        kind, tif = str(params.get("order_type", "")), str(params.get("time_in_force", "gtc")).lower()
        if kind not in ("limit", "market") or params.get("side") not in ("buy", "sell") or tif not in _TIFS:
            raise Refused("param", "order_type, side or time_in_force")
        stp = str(params.get("stp_type", "cancel_newest"))
        if stp not in _STPS:
            raise Refused("param", "stp_type")
        client_id = str(params.get("cl_ord_id", ""))
        bare = client_id.replace("-", "")
        if len(client_id) > 18 and not (len(bare) == 32 and all(c in "0123456789abcdefABCDEF" for c in bare)):
            raise Refused("param", "cl_ord_id")
        if params.get("post_only") and (kind == "market" or tif != "gtc"):
            raise Refused("param", "post_only")
        return Wish(
            str(params.get("symbol", "")),
            params["side"] == "buy",
            "post" if params.get("post_only") else kind,
            _TIFS[tif],
            px=amount(str(params.get("limit_price", "0"))) if kind == "limit" else 0,
            qty=amount(str(params.get("order_qty", "0"))),
            client_id=client_id,
            reduce_only=bool(params.get("reduce_only", False)),
            stp=_STPS[stp],
        )

    def _add_order(self, account: Account, params: dict[str, Any]) -> dict[str, Any]:
        order = self._place(account, self.wish(params))
        return {"order_id": txid(order.id), **({"cl_ord_id": order.client_id} if order.client_id else {}), "order_userref": 0}

    def _batch_add(self, account: Account, params: dict[str, Any]) -> list[dict[str, Any]]:
        rows = params.get("orders")
        if not isinstance(rows, list) or not 2 <= len(rows) <= 15:
            raise Refused("param", "orders")
        wishes = [self.wish({**row, "symbol": params.get("symbol")}) for row in rows]
        for wish in wishes:
            self.trading.check(wish)  # one that is wrong has them all refused
        return [{"order_id": txid(self._place(account, wish).id), "order_userref": 0} for wish in wishes]

    def _found(self, account: Account, params: dict[str, Any]) -> Order:
        number = order_no(params.get("order_id"))
        order = self.trading.find(account, order_id=number) if number is not None else None
        if order is None and params.get("cl_ord_id"):
            order = self.trading.find(account, client_id=str(params["cl_ord_id"]))
        if order is None:
            raise Refused("unknown")
        return order

    def _amend_order(self, account: Account, params: dict[str, Any]) -> dict[str, Any]:
        order = self._found(account, params)
        px, qty = (amount(str(params[name])) if name in params else None for name in ("limit_price", "order_qty"))
        if qty is not None and qty <= order.cum:
            self.trading.cancel(order)  # "qty below filled: the rest is canceled" (5)
        else:
            self.trading.amend(order, px, qty)
        return {"amend_id": f"T{order.amends:05d}-AMEND-{order.id % 10**6:06d}", "order_id": txid(order.id), "cl_ord_id": order.client_id}

    def _cancel_all(self, account: Account, params: dict[str, Any]) -> dict[str, Any]:
        return {"count": len(self.trading.cancel_all(account))}

    def _cancel_after(self, account: Account, params: dict[str, Any]) -> dict[str, Any]:
        seconds = params.get("timeout")
        if not isinstance(seconds, int) or not 0 <= seconds < 86400:
            raise Refused("param", "timeout")
        self.deadman(account, seconds * SECOND_NS)
        trigger = iso(self.now_ns + seconds * SECOND_NS, 0) if seconds else "0"
        return {"currentTime": iso(self.now_ns, 0), "triggerTime": trigger}

    def _cancel_orders(self, conn: Connection, params: dict[str, Any], req_id: Any) -> None:
        """One kind of id in a request, one answer for each id (5)."""
        given = [name for name in ("order_id", "cl_ord_id") if params.get(name)]
        try:
            key = self._key_of(conn, params)
            if len(given) != 1 or not isinstance(params[given[0]], list):
                raise Refused("param", "order_id or cl_ord_id")
        except Refused as why:
            self.answer(conn, "cancel_order", req_id, error=error_of(why))
            return
        for one in params[given[0]]:
            try:
                order = self.trading.cancel(self._found(key.account, {given[0]: one}))
            except Refused as why:
                self.answer(conn, "cancel_order", req_id, error=error_of(why))
                continue
            result = {"order_id": txid(order.id), **({"cl_ord_id": order.client_id} if order.client_id else {})}
            self.answer(conn, "cancel_order", req_id, result=result)
