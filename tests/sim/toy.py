"""A small venue for the tests of the dialects' base: an invented protocol, as plain as can be.  Not a test itself.

/public   {"op": "book", "sym"}  {"op": "trades", "sym"}  {"op": "marks", "sym"}          snapshots and diffs with seq and prev
/private  {"op": "login", "key", "sign"}  {"op": "order", ...}  {"op": "cancel", "id"}  {"op": "amend", "id", "px", "qty"}
HTTP      GET /open?key=...  GET /time
"""

from __future__ import annotations

from typing import Any

import orjson

from aats.sim.amounts import e8
from aats.sim.answer import Answer
from aats.sim.venue import (
    Asked,
    Connection,
    Event,
    Fill,
    Listing,
    Mark,
    Order,
    Refused,
    Reject,
    Upgrade,
    VenueExchange,
    Wish,
    hmac_hex,
    json_answer,
)


class ToyExchange(VenueExchange):
    LISTINGS = {
        "TOY": (
            Listing("BTC-USD", "BTC", "USD", px_dec=1, qty_dec=4, mid=610_000, size=2000, min_notional="5"),
            Listing("ETH-USD", "ETH", "USD", px_dec=2, qty_dec=3, mid=265_000, size=2000),
        ),
        "TOY_SWAP": (
            Listing("BTC-USDT-SWAP", "BTC", "USDT", px_dec=1, qty_dec=0, mid=610_000, size=300, kind="linear", contract="0.01"),
            Listing("BTC-USD-SWAP", "BTC", "USD", px_dec=1, qty_dec=0, mid=610_000, size=300, kind="inverse", contract="100"),
        ),
    }
    HOSTS = ("ws.toy.example", "api.toy.example")

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path not in ("/public", "/private"):
            raise Reject(404, "no such path")
        return up.path[1:]

    def message(self, conn: Connection, text: str) -> None:
        ask = orjson.loads(text)
        getattr(self, "_" + ask["op"])(conn, ask)

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path == "/time":
            return json_answer({"ms": self.ms})
        key = self.keys.get(asked.query.get("key", ""))
        if key is None:
            raise Refused("key")
        return json_answer([order.id for order in self.trading.open(key.account)])

    def _book(self, conn: Connection, ask: Any) -> None:
        view, topic = self.view(ask["sym"], 20), ("book", ask["sym"])
        if self.topics.join(conn, topic):
            self.send_depth(conn, topic, orjson.dumps({"snap": ask["sym"], "seq": view.seq, "b": view.bids, "a": view.asks}))

    def _trades(self, conn: Connection, ask: Any) -> None:
        self.topics.join(conn, ("trades", ask["sym"]))

    def _marks(self, conn: Connection, ask: Any) -> None:
        self.topics.join(conn, ("marks", ask["sym"]))

    def _login(self, conn: Connection, ask: Any) -> None:
        fault, key = self.login_fault(conn), self.keys.get(ask["key"])
        if fault == "login-cut":
            return
        if fault or key is None or ask["sign"] != hmac_hex(key.secret, ask["key"]):
            self.send(conn, b'{"login":false}')
            return
        conn.account = key.account
        self.private.join(conn, key.account, "orders")
        self.send(conn, b'{"login":true}')

    def _order(self, conn: Connection, ask: Any) -> None:
        assert conn.account is not None
        fault = self.order_fault()
        try:
            if fault == "order-5xx":
                raise Refused("busy")
            with self.around(conn, conn.account, fault):
                order = self.trading.place(conn.account, wish(**ask))
            text = orjson.dumps({"ok": order.id, "status": order.status})
        except Refused as why:
            text = orjson.dumps({"no": why.why})
        if fault == "order-unsure":
            text = b'{"no":"unsure"}'
        self.reply(conn, text, fault)

    def _cancel(self, conn: Connection, ask: Any) -> None:
        self._change(conn, ask, lambda order: self.trading.cancel(order))

    def _amend(self, conn: Connection, ask: Any) -> None:
        px, qty = (e8(ask[name]) if name in ask else None for name in ("px", "qty"))
        self._change(conn, ask, lambda order: self.trading.amend(order, px, qty))

    def _deadman(self, conn: Connection, ask: Any) -> None:
        assert conn.account is not None
        self.deadman(conn.account, ask["ms"] * 1_000_000)

    def _change(self, conn: Connection, ask: Any, verb: Any) -> None:
        assert conn.account is not None
        order = self.trading.find(conn.account, order_id=ask["id"])
        try:
            if order is None:
                raise Refused("unknown")
            self.send(conn, orjson.dumps({"ok": verb(order).id}))
        except Refused as why:
            self.send(conn, orjson.dumps({"no": why.why}))

    def on_book(self, event: Event) -> None:
        view = self.view(event.symbol, 20)
        bids, asks = view.feed()
        if bids or asks:
            self.publish_depth(
                ("book", event.symbol), orjson.dumps({"diff": event.symbol, "seq": view.seq, "prev": view.prev, "b": bids, "a": asks})
            )

    def on_trade(self, event: Event) -> None:
        self.publish(
            ("trades", event.symbol), orjson.dumps({"trade": event.trade_id, "px": event.px, "qty": event.qty, "buys": event.buys})
        )

    def on_mark(self, mark: Mark) -> None:
        self.publish(
            ("marks", mark.symbol), orjson.dumps({"mark": mark.mark, "index": mark.index, "rate": mark.rate, "next": mark.next_ns})
        )

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        row = {"order": order.id, "what": what, "why": order.why, "cum": order.cum, "qty": order.qty, "status": order.status}
        self.tell(order.account, "orders", orjson.dumps(row))


def wish(
    *,
    sym: str,
    buy: bool,
    px: str = "0",
    qty: str = "0",
    cid: str = "",
    kind: str = "limit",
    tif: str = "GTC",
    reduce: bool = False,
    **_: Any,
) -> Wish:
    return Wish(sym, buy, kind, tif, px=e8(px), qty=e8(qty), client_id=cid, reduce_only=reduce)
