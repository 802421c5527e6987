"""OKX's order desk: placing, amending, cancelling, by name or number, and what accounts are told of it (exchanges/okx.md, 5 and 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from aats.sim.accounts import Account
from aats.sim.amounts import text16
from aats.sim.listing import Listing, Refused
from aats.sim.okx.texts import code_of, kind_of, num, order_row, plain
from aats.sim.trading import Fill, Order, Wish
from aats.sim.venue import Connection, VenueExchange, amount

__all__ = ["BATCH", "OkxOrders"]

BATCH = 20
_TIFS = {
    "limit": ("limit", "GTC"),
    "post_only": ("post", "GTC"),
    "ioc": ("limit", "IOC"),
    "fok": ("limit", "FOK"),
    "market": ("market", "IOC"),
}


_STPS = {"cancel_maker": "EXPIRE_MAKER", "cancel_taker": "EXPIRE_TAKER", "cancel_both": "EXPIRE_BOTH"}


class OkxOrders(VenueExchange):
    """The half of the exchange that has accounts."""

    STP = "EXPIRE_MAKER"  # "cancel_maker (default)" (5.3)
    #: Accounts in long_short_mode: each of their orders must say of which side its position is; two positions of a symbol are not simulated.
    hedge: frozenset[int] = frozenset()

    def number_of(self, symbol: str) -> int:
        """Return an instrument's number (instIdCode)."""
        return 10_459 + list(self.listings).index(symbol)

    # -- one item of a request -----------------------------------------------------------------------------------------

    def instrument(self, item: Any, *, by_number: bool) -> Listing:
        """Return what an item is about: over the WebSocket only the number counts (5.1)."""
        if not by_number:
            return self.listing(str(item.get("instId", "")))
        number = item.get("instIdCode")
        if number is None:
            raise Refused("param", "Parameter instIdCode can not be empty")
        for name in self.listings:
            if str(number) == str(self.number_of(name)):
                return self.listing(name)
        raise Refused("symbol", f"instIdCode {number}")

    def place(self, account: Account, item: Any, *, by_number: bool) -> Order:
        listing = self.instrument(item, by_number=by_number)
        kind = item.get("ordType")
        client_id = str(item.get("clOrdId") or "")
        if kind not in _TIFS or item.get("side") not in ("buy", "sell") or item.get("tdMode") not in ("cash", "cross", "isolated"):
            raise Refused("param", "ordType, side or tdMode")
        if client_id and not (client_id.isascii() and client_id.isalnum() and len(client_id) <= 32):
            raise Refused("param", "Parameter clOrdId error")
        sides = ("long", "short") if account.number in self.hedge else ("net", "")
        if not listing.spot and (item.get("posSide") or "") not in sides:
            raise Refused("param", "Parameter posSide error")
        if item.get("stpMode", "cancel_maker") not in _STPS:
            raise Refused("param", "Parameter stpMode error")
        how, tif = _TIFS[kind]
        size, market = amount(item.get("sz")), how == "market"
        in_quote = market and listing.spot and item["side"] == "buy" and item.get("tgtCcy", "quote_ccy") == "quote_ccy"
        reduce = item.get("reduceOnly") in (True, "true")
        wish = Wish(
            listing.name,
            item["side"] == "buy",
            how,
            tif,
            px=0 if market else amount(item.get("px")),
            qty=0 if in_quote else size,
            quote_qty=size if in_quote else 0,
            client_id=client_id,
            reduce_only=reduce and not listing.spot,
            stp=_STPS[item["stpMode"]] if "stpMode" in item else "",
        )
        self._hold: list[bytes] | None = [] if how == "post" else None
        try:
            return self.trading.place(account, wish)
        finally:
            held, self._hold = self._hold, None
            for text in held or ():
                self.tell(account, ("orders", kind_of(listing)), text)

    def found(self, account: Account, item: Any, symbol: str | None) -> Order:
        """Return the order that an item names, or Refused("unknown")."""
        number, client_id = str(item.get("ordId") or ""), str(item.get("clOrdId") or "")
        if not number and not client_id:
            raise Refused("param", "Either parameter ordId or clOrdId is required")
        order = self.trading.find(account, symbol, int(number) if number.isdigit() else None, None if number else client_id)
        if order is None or (number and not number.isdigit()):
            raise Refused("unknown")
        return order

    def cancel(self, account: Account, item: Any, *, by_number: bool) -> Order:
        return self.trading.cancel(self.found(account, item, self.instrument(item, by_number=by_number).name))

    def amend(self, account: Account, item: Any, *, by_number: bool) -> Order:
        order = self.found(account, item, self.instrument(item, by_number=by_number).name)
        px, qty = (amount(item[name]) if item.get(name) else None for name in ("newPx", "newSz"))
        if px is None and qty is None:
            raise Refused("param", "newSz or newPx")
        order.tag = str(item.get("reqId") or " ")
        return self.trading.amend(order, px, qty)

    def act(self, verb: str, account: Account, item: Any, *, by_number: bool) -> dict[str, str]:
        """Do one item of a request, and return its row of the answer."""
        row = {"ordId": "", "clOrdId": str(item.get("clOrdId") or ""), "tag": "", "ts": str(self.ms), "sCode": "0", "sMsg": ""}
        if verb == "amend":
            row["reqId"] = str(item.get("reqId") or "")
        do: Callable[..., Order] = {"place": self.place, "cancel": self.cancel, "amend": self.amend}[verb]
        try:
            order = do(account, item, by_number=by_number)
            row["ordId"], row["clOrdId"] = str(order.id), order.client_id
        except Refused as why:
            code, text = code_of(why, verb)
            row["sCode"], row["sMsg"] = str(code), text
        return row

    def envelope(self, rows: list[dict[str, str]]) -> dict[str, Any]:
        """Return the answer to a request of several orders: 0 all done, 1 none, 2 some (5.1)."""
        bad = sum(row["sCode"] != "0" for row in rows)
        code = "0" if not bad else "1" if bad == len(rows) else "2"
        micros = str(self.now_ns // 1000)
        return {"code": code, "msg": "" if code == "0" else "All operations failed" if code == "1" else "Bulk operation partially succeeded",
                "data": rows, "inTime": micros, "outTime": micros}  # fmt: skip

    # -- what accounts are told ----------------------------------------------------------------------------------------

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        amended = ""
        if what == "amended":
            amended = str(order.tag or " ")
        if what == "canceled" and order.why == "post_only" and self._hold is not None:
            self._hold.clear()  # what would have taken is not told to live (5.3)
        kind = kind_of(order.listing)
        row = order_row(order, fill=fill, amended=amended)
        text = orjson.dumps({"arg": {"channel": "orders", "instType": kind, "uid": str(order.account.number)}, "data": [row]})
        if self._hold is not None:
            self._hold.append(text)
        else:
            self.tell(order.account, ("orders", kind), text)

    def on_account(self, account: Account, assets: tuple[str, ...]) -> None:
        self.tell(account, ("account",), self.account_text(account, assets))
        self.tell(account, ("positions",), self.positions_text(account))

    def account_row(self, account: Account, assets: tuple[str, ...] | None = None) -> dict[str, Any]:
        rows = []
        for asset, (free, locked) in sorted(account.balances.items()):
            if assets is not None and asset not in assets:
                continue
            rows.append({
                "ccy": asset, "cashBal": plain(text16(free + locked)), "availBal": plain(text16(free)), "availEq": plain(text16(free)),
                "frozenBal": plain(text16(locked)), "ordFrozen": plain(text16(locked)), "eq": plain(text16(free + locked)), "upl": "0",
                "uTime": str(self.ms),
            })  # fmt: skip
        return {"uTime": str(self.ms), "totalEq": "", "adjEq": "", "details": rows}

    def account_text(self, account: Account, assets: tuple[str, ...] | None = None) -> bytes:
        return orjson.dumps({"arg": {"channel": "account", "uid": str(account.number)}, "data": [self.account_row(account, assets)]})

    def position_rows(self, account: Account) -> list[dict[str, Any]]:
        return [
            {"instType": "SWAP", "instId": one.listing.name, "pos": num(one.qty), "posSide": "net", "avgPx": num(one.entry), "mgnMode": "cross",
             "upl": "0", "liqPx": "", "lever": "10", "ccy": one.listing.settle, "posId": "1", "cTime": str(self.ms), "uTime": str(self.ms),
             "notionalUsd": "", "markPx": "", "margin": "", "imr": "", "mmr": "", "mgnRatio": ""}
            for one in self.trading.positions(account)
        ]  # fmt: skip

    def positions_text(self, account: Account) -> bytes:
        return orjson.dumps({"arg": {"channel": "positions", "uid": str(account.number)}, "data": self.position_rows(account)})

    # -- over the private socket ---------------------------------------------------------------------------------------

    def order_op(self, conn: Connection, op: str, ask: Any) -> None:
        """Answer one of the requests about orders of the WebSocket."""
        verb = {"order": "place", "batch-orders": "place", "cancel-order": "cancel", "batch-cancel-orders": "cancel"}.get(op, "amend")
        items = ask.get("args")
        head = {"id": str(ask.get("id", "")), "op": op}
        if conn.account is None:
            self.send(conn, orjson.dumps({"event": "error", "code": "60011", "msg": "Please log in", "connId": str(conn.id)}))
            return
        if not isinstance(items, list) or not items or len(items) > (BATCH if op.startswith("batch") else 1):
            self.send(conn, orjson.dumps({**head, "code": "60013", "msg": "Invalid args", "data": []}))
            return
        key = conn.state.key
        expired = str(ask.get("expTime") or "")
        if expired and int(expired) < self.ms:
            rows = [{"ordId": "", "clOrdId": str(one.get("clOrdId") or ""), "sCode": "51149", "sMsg": "Order timed out"} for one in items]
            self.send(conn, orjson.dumps({**head, **self.envelope(rows)}))
            return
        fault = self.order_fault() if verb == "place" else ""
        if not key.can_trade:
            rows = [self._no(one, Refused("permission"), verb) for one in items]
        elif fault == "order-5xx":
            rows = [self._no(one, Refused("busy"), verb) for one in items]
        elif not self.within(("orders", conn.account.number, verb), 60 * (5 if len(items) > 1 else 1), 2_000_000_000):
            rows = [{**self._no(one, Refused("busy"), verb), "sCode": "50011", "sMsg": "Too Many Requests"} for one in items]
        else:
            with self.around(conn, conn.account, fault):
                rows = [self.act(verb, conn.account, one, by_number=True) for one in items]
        if fault == "order-unsure":
            rows = [self._no(one, Refused("unsure"), verb) for one in items]
        self.reply(conn, orjson.dumps({**head, **self.envelope(rows)}), fault)

    def _no(self, item: Any, why: Refused, verb: str) -> dict[str, str]:
        code, text = code_of(why, verb)
        return {"ordId": "", "clOrdId": str(item.get("clOrdId") or ""), "tag": "", "ts": str(self.ms), "sCode": str(code), "sMsg": text}
