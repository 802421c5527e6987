"""KuCoin spot, the public half, as far as a feed wants it: tokens, level2, match, level1, symbols and depth answers (exchanges/kucoin.md sections 1 to 4).

Not orders, nor private topics: these are refused.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import orjson

from aats.sim.answer import Answer
from aats.sim.listing import GONE, LIVE, Listing
from aats.sim.rest import OLD_IDS
from aats.sim.venue import Asked, Connection, Event, Limits, Reject, Upgrade, VenueExchange, json_answer

__all__ = ["KucoinExchange"]

SECOND_NS = 1_000_000_000
#: Topic to the most symbols of one request (1).
_TOPICS = ("/market/level2", "/market/match", "/spotMarket/level1")
_SYMBOLS_MAX = 100


class KucoinExchange(VenueExchange):
    """KuCoin spot.  A connection wants a token that was asked for over REST; ``TOKEN`` is one that always holds, for worlds without REST."""

    LISTINGS: ClassVar = {
        "KUCOIN": (
            Listing("BTC-USDT", "BTC", "USDT", px_dec=1, qty_dec=8, mid=610_000, size=5_000_000, min_qty="0.00001", min_notional="0.1"),
            Listing("ETH-USDT", "ETH", "USDT", px_dec=2, qty_dec=7, mid=265_000, size=4_000_000, min_qty="0.0001", min_notional="0.1"),
        )
    }
    TOKEN: ClassVar = "2neAiuYvAU61ZDXANAGAsiL4"
    HOSTS = ("api.kucoin.com", "ws-api-spot.kucoin.com")
    LIMITS = Limits(ping_ns=0, life_ns=24 * 3600 * SECOND_NS, quiet_ns=28 * SECOND_NS, inbound_per_s=100, connects_per_5min=150)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._tokens = {self.TOKEN}

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws}

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path not in ("/", "", "/endpoint"):
            raise Reject(404, "Not Found")
        conn.state = up.query.get("connectId", ""), up.query.get("token", "") in self._tokens
        return "public"

    def opened(self, conn: Connection) -> None:
        name, good = conn.state
        if good:
            self.send(conn, orjson.dumps({"id": name, "type": "welcome"}))
            return
        self.send(conn, orjson.dumps({"id": name, "type": "error", "code": 401, "data": "token is invalid"}))
        self.close(conn, 1000, "")

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = json.loads(text)
            number, kind = str(ask["id"]), ask["type"]
        except (ValueError, KeyError, TypeError):
            self._error(conn, "", 400, "invalid message")
            return
        if kind == "ping":
            self.send(conn, orjson.dumps({"id": number, "type": "pong"}))
        elif kind in ("subscribe", "unsubscribe"):
            self._subscription(conn, number, kind == "subscribe", ask)
        else:
            self._error(conn, number, 404, "type is not supported")

    def _error(self, conn: Connection, number: str, code: int, text: str) -> None:
        self.send(conn, orjson.dumps({"id": number, "type": "error", "code": code, "data": text}))

    def _subscription(self, conn: Connection, number: str, wanted: bool, ask: dict[str, Any]) -> None:
        topic, _, names = str(ask.get("topic", "")).partition(":")
        symbols = names.split(",")
        if topic not in _TOPICS or len(symbols) > _SYMBOLS_MAX:
            self._error(conn, number, 404, f"topic {ask.get('topic')} is not found")
            return
        for symbol in symbols:
            listing = self.listings.get(symbol)
            if listing is None or listing.status == GONE:
                self._error(conn, number, 404, f"topic {topic}:{symbol} is not found")
                return
        for symbol in symbols:
            if wanted:
                self.topics.join(conn, (topic, symbol))
            else:
                self.topics.leave(conn, (topic, symbol))
        if ask.get("response"):
            self.send(conn, orjson.dumps({"id": number, "type": "ack"}))

    # -- market --------------------------------------------------------------------------------------------------------

    def _push(self, topic: str, symbol: str, subject: str, data: dict[str, Any]) -> bytes:
        return orjson.dumps({"topic": f"{topic}:{symbol}", "type": "message", "subject": subject, "data": data})

    def on_book(self, event: Event) -> None:
        topic = (_TOPICS[0], event.symbol)
        if self.topics.has(topic):
            changes = {
                side: [[px, qty, str(event.last_id)] for px, qty in levels] for side, levels in (("asks", event.asks), ("bids", event.bids))
            }
            data = {"changes": changes, "sequenceEnd": event.last_id, "sequenceStart": event.first_id}
            self.publish_depth(
                topic, self._push(*topic, "trade.l2update", {**data, "symbol": event.symbol, "time": event.t_ns // 1_000_000})
            )

    def on_top(self, event: Event) -> None:
        topic = (_TOPICS[2], event.symbol)
        if self.topics.has(topic):
            bids, asks = ([*one] if (one := next(iter(side), None)) else None for side in (event.bids, event.asks))
            self.publish(topic, self._push(*topic, "level1", {"asks": asks, "bids": bids, "timestamp": self.ms}))

    def on_trade(self, event: Event) -> None:
        topic = (_TOPICS[1], event.symbol)
        if self.topics.has(topic):
            number = str(event.trade_id)
            data = {
                "makerOrderId": "671b5007389355000701b1d3",
                "price": event.px,
                "sequence": number,
                "side": "buy" if event.buys else "sell",
            }
            tail = {"size": event.qty, "symbol": event.symbol, "takerOrderId": "671b50161777ff00074c168d", "time": str(event.t_ns)}
            self.publish(topic, self._push(*topic, "trade.l3match", {**data, **tail, "tradeId": number, "type": "match"}))

    # -- REST ----------------------------------------------------------------------------------------------------------

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path == "/api/v1/bullet-public" and asked.method == "POST":
            return self._bullet()
        if asked.path == "/api/v2/symbols":
            return json_answer({"code": "200000", "data": [_row(one) for one in self.listings.values() if one.status != GONE]})
        if asked.path == "/api/v1/market/orderbook/level2_100":
            return self._depth(asked)
        return json_answer({"code": "404", "msg": "Not Found"}, 404)

    def _bullet(self) -> Answer:
        token = f"{self.TOKEN}-{len(self._tokens)}=="
        self._tokens.add(token)
        server = {"endpoint": "wss://ws-api-spot.kucoin.com/", "encrypt": True, "protocol": "websocket"}
        return json_answer(
            {"code": "200000", "data": {"token": token, "instanceServers": [{**server, "pingInterval": 18000, "pingTimeout": 10000}]}}
        )

    def _depth(self, asked: Asked) -> Answer:
        listing = self.listings.get(asked.query.get("symbol", ""))
        if listing is None:
            return json_answer({"code": "400100", "msg": "symbol not exists"}, 400)
        fault = self.snapshot_fault()
        if fault in ("snap-429", "snap-403", "snap-503", "snap-html"):
            return self.plain_fault(fault)
        book = self.book(listing.name, 100)
        number = max(1, book.last_id - OLD_IDS) if fault == "snap-old" else book.last_id
        answer = json_answer(
            {"code": "200000", "data": {"time": self.ms, "sequence": str(number), "bids": book.bids or None, "asks": book.asks or None}}
        )
        answer.cut = fault == "snap-cut"
        return answer


def _row(one: Listing) -> dict[str, Any]:
    return {
        "symbol": one.name,
        "name": one.name,
        "baseCurrency": one.base,
        "quoteCurrency": one.quote,
        "feeCurrency": one.quote,
        "market": "USDS",
        "baseMinSize": one.min_qty,
        "quoteMinSize": "0.1",
        "baseMaxSize": one.max_qty,
        "quoteMaxSize": "99999999",
        "baseIncrement": one.lot,
        "quoteIncrement": "0.000001",
        "priceIncrement": one.tick,
        "priceLimitRate": "0.1",
        "minFunds": one.min_notional,
        "enableTrading": one.status == LIVE,
    }
