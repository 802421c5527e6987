"""Kraken's WebSocket v2, the public half: greeting, subscriptions, book, trade, ticker, instrument, heartbeat (exchanges/kraken_v2.md sections 1 to 4)."""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import Any, ClassVar

import orjson

from aats.sim.auth import DEFAULT_KEY
from aats.sim.kraken.rest import KrakenRest
from aats.sim.kraken.talk import SECOND_NS, State
from aats.sim.kraken.texts import checksum, levels
from aats.sim.listing import GONE, HALTED, Listing
from aats.sim.venue import Connection, Event, Limits, Reject, Upgrade, iso

__all__ = ["KrakenExchange"]

DEPTHS = (10, 25, 100, 500, 1000)
#: Channels that anybody may subscribe to; those of an account want a token.
PUBLIC = ("book", "trade", "ticker", "instrument")
PRIVATE = ("executions", "balances")


class KrakenExchange(KrakenRest):
    """Kraken spot."""

    LISTINGS: ClassVar = {
        "KRAKEN": (
            Listing("BTC/USD", "BTC", "USD", px_dec=1, qty_dec=8, mid=610_000, size=5_000_000, min_qty="0.00005", min_notional="0.5"),
            Listing("ETH/USD", "ETH", "USD", px_dec=2, qty_dec=8, mid=265_000, size=40_000_000, min_qty="0.001", min_notional="0.5"),
            Listing("ETH/BTC", "ETH", "BTC", px_dec=5, qty_dec=8, mid=4_344, size=40_000_000, min_qty="0.001", min_notional="0.00002"),
            Listing("BTC/USDT", "BTC", "USDT", px_dec=1, qty_dec=8, mid=610_000, size=5_000_000, min_qty="0.00005", min_notional="0.5"),
        )
    }
    HOSTS = ("ws.kraken.com", "ws-auth.kraken.com", "api.kraken.com")
    FEES = (250_000, 400_000)  # maker 0.25, taker 0.40 percent (4)
    FEE_IN = "quote"
    POST_ONLY = "cancel"  # the reject comes by the executions channel (5)
    LIMITS = Limits(ping_ns=0, life_ns=365 * 86400 * SECOND_NS, quiet_ns=60 * SECOND_NS, inbound_per_s=200, connects_per_5min=150)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._trades: dict[str, deque[Event]] = {}
        self._tops: dict[str, Event] = {}
        self._born_ns = self.now_ns

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws, "WSAPI": ws, "PRIVATE": ws}

    @classmethod
    def default_keys(cls) -> dict[str, str]:
        return {DEFAULT_KEY: base64.b64encode(DEFAULT_KEY.encode()).decode()}  # secrets are base64 (6)

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path != "/v2":
            raise Reject(404, "Not Found")
        return "v2"

    def opened(self, conn: Connection) -> None:
        conn.state = State()
        row = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 6_447_481_662_169_813_000 + conn.id}
        self.send(conn, orjson.dumps({"channel": "status", "type": "update", "data": [row]}))

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = json.loads(text, parse_float=str)  # numbers keep their digits
            method, params, req_id = ask["method"], ask.get("params") or {}, ask.get("req_id")
        except (ValueError, KeyError, TypeError, AttributeError):
            self.send(conn, '{"error":"Malformed request","success":false}')
            return
        begun = iso(self.now_ns)
        if method == "ping":
            answer = {"method": "pong", "time_in": begun, "time_out": iso(self.now_ns)}
            self.send(conn, orjson.dumps({**answer, **({"req_id": req_id} if req_id is not None else {})}))
        elif method in ("subscribe", "unsubscribe"):
            self._subscription(conn, method, params, req_id)
        else:
            self.private_request(conn, method, params, req_id)

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def _subscription(self, conn: Connection, method: str, params: dict[str, Any], req_id: Any) -> None:
        channel = params.get("channel")
        if channel in PRIVATE:
            self.private_subscription(conn, method, params, req_id)
            return
        if channel not in PUBLIC:
            self.answer(conn, method, req_id, error=f"Subscription channel {channel} not supported")
            return
        if channel == "instrument":
            self._instruments(conn, method, req_id, snapshot=params.get("snapshot", True))
            return
        symbols = params.get("symbol")
        if not isinstance(symbols, list) or not symbols:
            self.answer(conn, method, req_id, error="Symbol is missing")
            return
        for symbol in symbols:
            self._one(conn, method, channel, symbol, params, req_id)
        self.beat(conn)

    def _one(self, conn: Connection, method: str, channel: str, symbol: str, params: dict[str, Any], req_id: Any) -> None:
        listing = self.listings.get(symbol)
        if listing is None or listing.status == GONE:
            self.answer(conn, method, req_id, error=f"Currency pair not supported {symbol}", symbol=str(symbol))
            return
        depth = params.get("depth", 10)
        if channel == "book" and depth not in DEPTHS:
            self.answer(conn, method, req_id, error="Depth not supported", symbol=symbol)
            return
        topic = (channel, symbol, depth) if channel == "book" else (channel, symbol)
        result: dict[str, Any] = {"channel": channel, "symbol": symbol}
        if channel == "book":
            result["depth"] = depth
        if method == "unsubscribe":
            if not self.topics.leave(conn, topic):
                self.answer(conn, method, req_id, error="Subscription Not Found", symbol=symbol)
                return
            self.answer(conn, method, req_id, result=result)
            return
        if not self.topics.join(conn, topic):
            self.answer(conn, method, req_id, error="Already subscribed", symbol=symbol)
            return
        snapshot = params.get("snapshot", channel != "trade")
        self.answer(conn, method, req_id, result={**result, "snapshot": snapshot})
        if channel == "book" and snapshot:
            self.send_depth(conn, topic, self._book_text(symbol, depth, "snapshot"))
        elif channel == "ticker":
            conn.state.triggers[symbol] = params.get("event_trigger", "trades")
            if snapshot:
                self.send(conn, self._ticker_text(listing, "snapshot"))
        elif channel == "trade" and snapshot:
            rows = ",".join(self._trade_row(listing, one) for one in self._trades.get(symbol, ()))
            self.send(conn, f'{{"channel":"trade","type":"snapshot","data":[{rows}]}}')

    def _instruments(self, conn: Connection, method: str, req_id: Any, *, snapshot: bool) -> None:
        known = self.topics.leave(conn, "instrument") if method == "unsubscribe" else self.topics.join(conn, "instrument")
        if not known:
            self.answer(conn, method, req_id, error="Already subscribed" if method == "subscribe" else "Subscription Not Found")
            return
        self.answer(conn, method, req_id, result={"channel": "instrument", "snapshot": snapshot})
        if method == "subscribe" and snapshot:
            pairs = ",".join(_pair(one) for one in self.listings.values() if one.status != GONE)
            self.send(
                conn,
                f'{{"channel":"instrument","type":"snapshot","data":{{"assets":{_assets(self.listings.values())},"pairs":[{pairs}]}}}}',
            )
        self.beat(conn)

    # -- market --------------------------------------------------------------------------------------------------------

    def _book_text(self, symbol: str, depth: int, kind: str) -> str:
        view = self.view(symbol, depth, silent_out=True)
        bids, asks = (view.bids, view.asks) if kind == "snapshot" else view.feed()
        when = iso(view.t_ns or self.now_ns)
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{levels(bids)}],"asks":[{levels(asks)}],'
            f'"checksum":{checksum(view.bids, view.asks)},"timestamp":"{when}"}}]}}'
        )

    def on_book(self, event: Event) -> None:
        for depth in DEPTHS:
            topic = ("book", event.symbol, depth)
            if self.topics.has(topic):
                bids, asks = self.view(event.symbol, depth, silent_out=True).feed()
                if bids or asks:
                    self.publish_depth(topic, self._book_text(event.symbol, depth, "update"))

    def on_top(self, event: Event) -> None:
        self._tops[event.symbol] = event
        self._tell_ticker(event.symbol, "bbo")

    def on_trade(self, event: Event) -> None:
        self._trades.setdefault(event.symbol, deque(maxlen=50)).append(event)
        listing = self.listings[event.symbol]
        if self.topics.has(("trade", event.symbol)):
            self.publish(("trade", event.symbol), f'{{"channel":"trade","type":"update","data":[{self._trade_row(listing, event)}]}}')
        self._tell_ticker(event.symbol, "trades")

    def _tell_ticker(self, symbol: str, trigger: str) -> None:
        conns = [one for one in self.topics.of(("ticker", symbol)) if one.state.triggers.get(symbol) == trigger]
        if conns:
            text = self._ticker_text(self.listings[symbol], "update")
            for conn in conns:
                self.send(conn, text)

    def _ticker_text(self, listing: Listing, kind: str) -> str:
        book, trades = self.book(listing.name, 1), self._trades.get(listing.name)
        (bid, bid_qty), (ask, ask_qty) = (side[0] if side else ("0", "0") for side in (book.bids, book.asks))
        last = trades[-1].px if trades else bid
        return (
            f'{{"channel":"ticker","type":"{kind}","data":[{{"symbol":"{listing.name}","bid":{bid},"bid_qty":{bid_qty},"ask":{ask},'
            f'"ask_qty":{ask_qty},"last":{last},"volume":0.00000000,"vwap":{last},"low":{last},"high":{last},"change":0.0,"change_pct":0.0,'
            f'"timestamp":"{iso(self.now_ns)}"}}]}}'
        )

    def _trade_row(self, listing: Listing, event: Event) -> str:
        return (
            f'{{"symbol":"{listing.name}","side":"{"buy" if event.buys else "sell"}","price":{event.px},"qty":{event.qty},"ord_type":"limit",'
            f'"trade_id":{event.trade_id},"timestamp":"{iso(event.t_ns)}"}}'
        )

    def on_status(self, listing: Listing) -> None:
        text = f'{{"channel":"instrument","type":"update","data":{{"assets":[],"pairs":[{_pair(listing)}]}}}}'
        self.publish("instrument", text)


def _status(listing: Listing) -> str:
    return {HALTED: "cancel_only", GONE: "delisted"}.get(listing.status, "online")


def _pair(one: Listing) -> str:
    return (
        f'{{"symbol":"{one.name}","base":"{one.base}","quote":"{one.quote}","status":"{_status(one)}","qty_precision":{one.qty_dec},'
        f'"qty_increment":{one.lot},"price_precision":{one.px_dec},"price_increment":{one.tick},"cost_precision":5,"qty_min":{one.min_qty or one.lot},'
        f'"cost_min":{one.min_notional},"marginable":false,"has_index":true}}'
    )


def _assets(listings: Any) -> str:
    names = sorted({asset for one in listings for asset in (one.base, one.quote)})
    return orjson.dumps([{"id": one, "status": "enabled", "precision": 10, "precision_display": 5} for one in names]).decode()
