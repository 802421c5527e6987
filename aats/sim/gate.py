"""Gate spot, the public half, as far as a feed wants it: order_book_update, book_ticker, trades, pairs and depth answers (exchanges/gate.md sections 1 to 4).

Not orders, nor private channels: these are refused.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import orjson

from aats.sim.answer import Answer
from aats.sim.listing import GONE, LIVE, Listing
from aats.sim.rest import OLD_IDS
from aats.sim.venue import Asked, Connection, Event, Limits, Reject, Upgrade, VenueExchange, json_answer

__all__ = ["GateExchange"]

SECOND_NS = 1_000_000_000
_DEPTH_MAX = 100
_CHANNELS = ("spot.order_book_update", "spot.book_ticker", "spot.trades")


class GateExchange(VenueExchange):
    """Gate spot."""

    LISTINGS: ClassVar = {
        "GATE": (
            Listing("BTC_USDT", "BTC", "USDT", px_dec=1, qty_dec=6, mid=610_000, size=5000, min_qty="0.00001", min_notional="3"),
            Listing("ETH_USDT", "ETH", "USDT", px_dec=2, qty_dec=4, mid=265_000, size=4000, min_qty="0.001", min_notional="3"),
        )
    }
    HOSTS = ("api.gateio.ws", "api.gate.com")
    LIMITS = Limits(
        ping_ns=20 * SECOND_NS, pong_ns=20 * SECOND_NS, life_ns=365 * 86400 * SECOND_NS, inbound_per_s=50, connects_per_5min=300
    )

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws}

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path != "/ws/v4/":
            raise Reject(404, "Not Found")
        return "public"

    # -- requests ------------------------------------------------------------------------------------------------------

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = json.loads(text)
            channel, event = ask["channel"], ask.get("event", "")
        except (ValueError, KeyError, TypeError):
            self.send(
                conn, f'{{"time":{self.ms // 1000},"channel":"","event":"","error":{{"code":1,"message":"invalid body"}},"result":null}}'
            )
            return
        if channel == "spot.ping":
            self.send(conn, f'{{"time":{self.ms // 1000},"channel":"spot.pong","event":"","error":null,"result":null}}')
            return
        self._say(conn, ask, self._subscription(conn, channel, event, ask.get("payload")))

    def _say(self, conn: Connection, ask: dict[str, Any], fault: tuple[int, str] | None) -> None:
        head = {"time": self.ms // 1000, "time_ms": self.ms, **({"id": ask["id"]} if "id" in ask else {}), "conn_id": f"{conn.id:016x}"}
        told = {"code": fault[0], "message": fault[1]} if fault else None
        result = {"status": "fail" if fault else "success"}
        tail = {"channel": ask["channel"], "event": ask.get("event"), "payload": ask.get("payload"), "error": told, "result": result}
        self.send(conn, orjson.dumps({**head, **tail}))

    def _subscription(self, conn: Connection, channel: str, event: str, payload: Any) -> tuple[int, str] | None:
        """Take a request whole or not at all: one bad pair fails it (2)."""
        if channel not in _CHANNELS or event not in ("subscribe", "unsubscribe") or not isinstance(payload, list) or not payload:
            return 2, f"invalid argument: {channel}"
        pairs = payload[:1] if channel == _CHANNELS[0] else payload
        if channel == _CHANNELS[0] and payload[1:] != ["100ms"]:
            return 2, "invalid argument: interval"
        for pair in pairs:
            listing = self.listings.get(pair)
            if listing is None or listing.status == GONE:
                return 2, f"unknown currency pair: {pair}"
        for pair in pairs:
            if event == "subscribe":
                self.topics.join(conn, (channel, pair))
            else:
                self.topics.leave(conn, (channel, pair))
        return None

    # -- market --------------------------------------------------------------------------------------------------------

    def _push(self, channel: str, result: dict[str, Any]) -> bytes:
        return orjson.dumps({"time": self.ms // 1000, "time_ms": self.ms, "channel": channel, "event": "update", "result": result})

    def on_book(self, event: Event) -> None:
        topic = (_CHANNELS[0], event.symbol)
        if self.topics.has(topic):
            head = {"t": event.t_ns // 1_000_000, "e": "depthUpdate", "E": event.t_ns // SECOND_NS, "s": event.symbol}
            result = {**head, "U": event.first_id, "u": event.last_id, "b": _levels(event.bids), "a": _levels(event.asks)}
            self.publish_depth(topic, self._push(topic[0], result))

    def on_top(self, event: Event) -> None:
        topic = (_CHANNELS[1], event.symbol)
        if self.topics.has(topic):
            (bid, bid_qty), (ask, ask_qty) = (next(iter(side), ("", "")) for side in (event.bids, event.asks))
            result = {"t": self.ms, "u": event.last_id, "s": event.symbol, "b": bid, "B": bid_qty, "a": ask, "A": ask_qty}
            self.publish(topic, self._push(topic[0], result))

    def on_trade(self, event: Event) -> None:
        topic = (_CHANNELS[2], event.symbol)
        if self.topics.has(topic):
            result = {
                "id": event.trade_id,
                "create_time": event.t_ns // SECOND_NS,
                "create_time_ms": f"{event.t_ns // 1_000_000}.{event.t_ns // 1000 % 1000:03d}",
                "side": "buy" if event.buys else "sell",
                "currency_pair": event.symbol,
                "amount": event.qty,
                "price": event.px,
            }
            self.publish(topic, self._push(topic[0], result))

    # -- REST ----------------------------------------------------------------------------------------------------------

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path == "/api/v4/spot/currency_pairs":
            return json_answer([_row(one) for one in self.listings.values() if one.status != GONE])
        if asked.path == "/api/v4/spot/order_book":
            return self._depth(asked)
        return json_answer({"label": "NOT_FOUND", "message": "no such path"}, 404)

    def _depth(self, asked: Asked) -> Answer:
        listing, limit = self.listings.get(asked.query.get("currency_pair", "")), asked.query.get("limit", "10")
        if listing is None or not limit.isdigit() or not 1 <= int(limit) <= 1000:
            return json_answer({"label": "INVALID_CURRENCY_PAIR", "message": "Invalid currency pair"}, 400)
        fault = self.snapshot_fault()
        if fault in ("snap-429", "snap-403", "snap-503", "snap-html"):
            return self.plain_fault(fault)
        book = self.book(listing.name, int(limit))
        last_id = max(1, book.last_id - OLD_IDS) if fault == "snap-old" else book.last_id
        number = {"id": last_id} if asked.query.get("with_id") == "true" else {}
        answer = json_answer({**number, "current": self.ms, "update": self.ms, "asks": _levels(book.asks), "bids": _levels(book.bids)})
        answer.cut = fault == "snap-cut"
        return answer


def _levels(levels: Any) -> list[list[str]]:
    """Write sizes as Gate does, without zeros that tell nothing."""
    return [[px, qty.rstrip("0").rstrip(".") or "0" if "." in qty else qty] for px, qty in levels]


def _row(one: Listing) -> dict[str, Any]:
    return {
        "id": one.name,
        "base": one.base,
        "quote": one.quote,
        "fee": "0.2",
        "min_base_amount": one.min_qty,
        "min_quote_amount": one.min_notional,
        "amount_precision": one.qty_dec,
        "precision": one.px_dec,
        "trade_status": "tradable" if one.status == LIVE else "untradable",
        "sell_start": 0,
        "buy_start": 0,
        "type": "normal",
    }
