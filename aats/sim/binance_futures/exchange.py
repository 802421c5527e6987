"""Binance's futures: paths and their routes, public streams, REST without a signature (exchanges/binance_usdm_futures.md, sections 1 to 4, 12).

USD-M has three routes since 2026: /public serves books and best prices, /market everything else, /private an account; a stream that is asked for on the
wrong route is acknowledged and never fed.  COIN-M has none.  A user data stream is opened with a listen key in its path; an unknown key opens a socket
that stays silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from aats.sim.answer import Answer
from aats.sim.binance_futures.texts import error_of, info_row
from aats.sim.binance_futures.trade import FuturesTrade
from aats.sim.listing import GONE, LIVE, Listing, Refused
from aats.sim.market import Level, Snapshot
from aats.sim.perpetual import Mark
from aats.sim.venue import Asked, Connection, Event, Limits, Reject, Upgrade, VenueExchange, json_answer

__all__ = ["FuturesExchange"]

SECOND_NS = 1_000_000_000
DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
DEPTH_WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
#: Speeds of the diff streams in flushes of 100 ms; "" is the default of 250 ms.
SPEEDS = {"@0ms": 1, "@100ms": 1, "": 3, "@500ms": 5}
#: Ids of books are those of the market times this: futures share their ids among symbols, so they have holes (3).
ID_STEP = 3


@dataclass
class State:
    """What the exchange remembers of a WebSocket connection."""

    route: str  # "public", "market", "private", "api", or "" where there are no routes
    wrapped: bool = False
    streams: list[str] = field(default_factory=list)  # asked for, fed or not
    user: Any = None  # of the WebSocket API: the key that is logged on


@dataclass
class Diff:
    """What a diff stream of one symbol and speed has yet to tell."""

    step: int
    skipped: int = 0
    first: int = 0
    last: int = 0  # last id that was told
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)


class FuturesExchange(FuturesTrade, VenueExchange):
    """USD-M or COIN-M futures."""

    LISTINGS: ClassVar = {
        "BINANCE_SWAP": (
            Listing("BTCUSDT", "BTC", "USDT", px_dec=1, qty_dec=3, mid=610_000, size=200, kind="linear", min_notional="100"),
            Listing("ETHUSDT", "ETH", "USDT", px_dec=2, qty_dec=3, mid=265_000, size=4000, kind="linear", min_notional="20"),
            Listing("SOLUSDT", "SOL", "USDT", px_dec=2, qty_dec=2, mid=15_000, size=9000, kind="linear", min_notional="5"),
        ),
        "BINANCE_COINM": (
            Listing("BTCUSD_PERP", "BTC", "USD", px_dec=1, qty_dec=0, mid=610_000, size=40, kind="inverse", contract="100"),
            Listing("ETHUSD_PERP", "ETH", "USD", px_dec=2, qty_dec=0, mid=265_000, size=200, kind="inverse", contract="10"),
        ),
    }
    HOSTS = (
        "fapi.binance.com",
        "fstream.binance.com",
        "ws-fapi.binance.com",
        "dapi.binance.com",
        "dstream.binance.com",
        "ws-dapi.binance.com",
    )
    FEES = (20_000, 50_000)  # 0.02 and 0.05 percent
    POST_ONLY = "refuse"
    STP = "EXPIRE_MAKER"
    LIMITS = Limits(
        ping_ns=180 * SECOND_NS, pong_ns=600 * SECOND_NS, life_ns=24 * 3600 * SECOND_NS, inbound_per_s=10, connects_per_5min=300
    )
    BOOK_DEPTH = 1000

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.inverse = self.venue == "BINANCE_COINM"
        self.root = "/dapi" if self.inverse else "/fapi"
        self._diffs: dict[tuple[str, str], Diff] = {}
        self._olds: dict[str, tuple[int, Snapshot]] = {}
        self._spent = 0, 0  # minute, weight in it

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws, "WSAPI": ws, "PRIVATE": ws}

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        parts = up.path.strip("/").split("/")
        if up.path == ("/ws-dapi/v1" if self.inverse else "/ws-fapi/v1"):
            conn.state = State("api")
            return "api"
        route = ""
        if not self.inverse:
            route = parts.pop(0) if parts[0] in ("public", "market", "private", "pm") else "public"
        if not parts or parts[0] not in ("ws", "stream"):
            raise Reject(404, "Not Found")
        state = conn.state = State(route, wrapped=parts[0] == "stream")
        asked = "/".join(parts[1:]) if not state.wrapped else up.query.get("streams", "")
        names = [name for name in asked.split("/") if name]
        keys = [up.query["listenKey"]] if "listenKey" in up.query else names
        state.streams = names
        if route == "private" or any(key in self.listen_keys for key in keys):
            state.streams = []
            self.listen(conn, keys)
            return "user"
        return route or "streams"

    def opened(self, conn: Connection) -> None:
        for name in list(conn.state.streams) if conn.role not in ("api", "user") else ():
            self._join(conn, name)

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.send(conn, '{"error":{"code":3,"msg":"Invalid JSON"}}')
            return
        if not isinstance(ask, dict):
            self.send(conn, '{"error":{"code":2,"msg":"Invalid request: expected an object"}}')
        elif conn.role == "api":
            self.api_request(conn, ask)
        else:
            self._control(conn, ask)

    def _control(self, conn: Connection, ask: dict[str, Any]) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS (2)."""
        method, params, number = ask.get("method"), ask.get("params", []), ask.get("id")
        result: Any = None
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not isinstance(params, list) or not all(isinstance(one, str) for one in params):
                self.send(
                    conn, orjson.dumps({"error": {"code": 2, "msg": "Invalid request: params must be an array of strings"}, "id": number})
                )
                return
            bad = [name for name in params if self._topic(name) is None and conn.role != "user"]
            if bad and method == "SUBSCRIBE":
                self.send(conn, orjson.dumps({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": number}))
                return
            for name in params:
                if method == "SUBSCRIBE":
                    if name not in conn.state.streams:
                        conn.state.streams.append(name)
                    self._join(conn, name)
                else:
                    if name in conn.state.streams:
                        conn.state.streams.remove(name)
                    self.topics.leave(conn, name)
        elif method == "LIST_SUBSCRIPTIONS":
            result = conn.state.streams
        elif method not in ("SET_PROPERTY", "GET_PROPERTY"):
            self.send(conn, orjson.dumps({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number}))
            return
        self.send(conn, orjson.dumps({"result": result, "id": number}))

    def _topic(self, name: str) -> tuple[str, str] | None:
        """Return (symbol, kind) of a stream's name, None if there is no such stream."""
        low, at, suffix = name.partition("@")
        kind = suffix.partition("@")[0]
        if low in ("!markPrice", "!forceOrder", "!bookTicker", "!contractInfo"):
            return "", low[1:]
        if not at or low != low.lower() or low.upper() not in self.listings:
            return None
        known = suffix.startswith("depth") or kind in ("bookTicker", "aggTrade", "trade", "markPrice", "forceOrder", "kline_1m")
        return (low.upper(), kind) if known else None

    def _join(self, conn: Connection, name: str) -> None:
        """Feed a stream to a connection, unless its route does not serve it."""
        topic = self._topic(name)
        if topic is None or self.listings.get(topic[0], next(iter(self.listings.values()))).status == GONE:
            return
        book = topic[1].startswith("depth") or topic[1] in ("bookTicker", "trade")
        if conn.state.route in ("", "public" if book else "market"):
            self.topics.join(conn, name)

    def tell_stream(self, name: str, data: str, *, depth: bool = False) -> None:
        """Send a payload to everyone who receives a stream, wrapped for those who came by /stream."""
        for conn in self.topics.of(name):
            text = f'{{"stream":"{name}","data":{data}}}' if conn.state.wrapped else data
            if depth:
                self.send_depth(conn, name, text)
            else:
                self.send(conn, text)

    # -- streams -------------------------------------------------------------------------------------------------------

    def _tail(self, listing: Listing) -> str:
        """Return the keys that were added with the merge of both houses (2)."""
        return f'"ps":"{listing.base}{listing.quote}","st":{2 if self.inverse else 1}'

    def on_book(self, event: Event) -> None:
        low = event.symbol.lower()
        for speed, step in SPEEDS.items():
            name = f"{low}@depth{speed}"
            if (event.symbol, speed) in self._diffs or self.topics.has(name):
                self._diff(event, name, self._diffs.setdefault((event.symbol, speed), Diff(step, last=(event.first_id - 1) * ID_STEP)))
        for levels in (5, 10, 20):
            for speed in ("", "@500ms", "@100ms"):
                if self.topics.has(f"{low}@depth{levels}{speed}"):
                    book = self.book(event.symbol, levels)
                    self.tell_stream(
                        f"{low}@depth{levels}{speed}",
                        self._depth_text(event, book.bids, book.asks, event.last_id * ID_STEP - 1, event.last_id * ID_STEP, 0),
                    )

    def _diff(self, event: Event, name: str, diff: Diff) -> None:
        diff.first = diff.first or event.first_id * ID_STEP - 1
        diff.bids.update(event.bids)
        diff.asks.update(event.asks)
        diff.skipped += 1
        if diff.skipped < diff.step:
            return
        last = event.last_id * ID_STEP
        text = self._depth_text(event, list(diff.bids.items()), list(diff.asks.items()), diff.first, last, diff.last)
        diff.last, diff.first, diff.skipped = last, 0, 0
        diff.bids, diff.asks = {}, {}
        self.tell_stream(name, text, depth=True)

    def _depth_text(self, event: Event, bids: list[Level], asks: list[Level], first: int, last: int, prev: int) -> str:
        listing, ms = self.listings[event.symbol], event.t_ns // 1_000_000
        return (
            f'{{"e":"depthUpdate","E":{ms + 1},"T":{ms},"s":"{listing.name}",{self._tail(listing)},"U":{first},"u":{last},"pu":{prev},'
            f'"b":{_levels(bids)},"a":{_levels(asks)}}}'
        )

    def on_top(self, event: Event) -> None:
        listing, ms, name = self.listings[event.symbol], event.t_ns // 1_000_000, f"{event.symbol.lower()}@bookTicker"
        if not self.topics.has(name) or not event.bids or not event.asks:
            return
        (bid, bid_qty), (ask, ask_qty) = next(iter(event.bids)), next(iter(event.asks))
        self.tell_stream(
            name,
            f'{{"e":"bookTicker","u":{event.last_id * ID_STEP},"E":{ms + 1},"T":{ms},"s":"{listing.name}",{self._tail(listing)},'
            f'"b":"{bid}","B":"{bid_qty}","a":"{ask}","A":"{ask_qty}"}}',
        )

    def on_trade(self, event: Event) -> None:
        name, ms = f"{event.symbol.lower()}@trade", event.t_ns // 1_000_000
        self.tell_stream(
            name,
            f'{{"e":"trade","E":{ms + 1},"T":{ms},"s":"{event.symbol}","t":{event.trade_id},"p":"{event.px}","q":"{event.qty}","X":"MARKET",'
            f'"m":{_bool(not event.buys)}}}',
        )

    def on_agg(self, event: Event) -> None:
        name, ms, kind = f"{event.symbol.lower()}@aggTrade", event.t_ns // 1_000_000, 2 if self.inverse else 1
        self.tell_stream(
            name,
            f'{{"e":"aggTrade","E":{ms + 1},"s":"{event.symbol}","a":{event.trade_id},"p":"{event.px}","q":"{event.qty}","nq":"{event.qty}",'
            f'"f":{event.first_id},"l":{event.last_id},"T":{ms},"m":{_bool(not event.buys)},"st":{kind}}}',
        )

    def on_mark(self, mark: Mark) -> None:
        ms = mark.t_ns // 1_000_000
        text = (
            f'{{"e":"markPriceUpdate","E":{ms},"s":"{mark.symbol}","p":"{mark.mark}","ap":"{mark.mark}","i":"{mark.index}","P":"{mark.mark}",'
            f'"r":"{mark.rate}","T":{mark.next_ns // 1_000_000},"st":{2 if self.inverse else 1}}}'
        )
        self.tell_stream(f"{mark.symbol.lower()}@markPrice@1s", text)
        if mark.t_ns // SECOND_NS % 3 == 0:
            self.tell_stream(f"{mark.symbol.lower()}@markPrice", text)

    def on_liquidation(self, event: Event) -> None:
        listing, ms, side = self.listings[event.symbol], event.t_ns // 1_000_000, "BUY" if event.buys else "SELL"
        self.tell_stream(
            f"{event.symbol.lower()}@forceOrder",
            f'{{"e":"forceOrder","E":{ms + 1},"o":{{"s":"{event.symbol}","S":"{side}","o":"LIMIT","f":"IOC","q":"{event.qty}","p":"{event.px}",'
            f'"ap":"{event.px}","X":"FILLED","l":"{event.qty}","z":"{event.qty}","T":{ms}}},{self._tail(listing)}}}',
        )

    def on_status(self, listing: Listing) -> None:
        status = {LIVE: "TRADING", GONE: "CLOSE"}.get(listing.status, "TRADING_HALT")
        text = (
            f'{{"e":"contractInfo","E":{self.ms},"s":"{listing.name}","ps":"{listing.base}{listing.quote}","ct":"PERPETUAL",'
            f'"dt":4133404800000,"ot":1569398400000,"cs":"{status}"}}'
        )
        self.tell_stream("!contractInfo", text)

    # -- REST ----------------------------------------------------------------------------------------------------------

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo", "/api/v3/exchangeInfo") and not asked.path.startswith(
            self.root
        ):
            return json_answer({"symbols": []})  # of the other houses, for clients that ask them all
        if asked.path.startswith("/sapi/"):
            return json_answer([])
        version, _, path = asked.path.removeprefix(self.root + "/").partition("/")
        if not asked.path.startswith(self.root + "/v"):
            raise Refused("path")
        handler = {
            "ping": lambda _: {},
            "time": lambda _: {"serverTime": self.ms},
            "exchangeInfo": self._info,
            "premiumIndex": self._premium,
        }.get(path)
        if handler is not None:
            return self._weighed(json_answer(handler(asked)), 1)
        if path == "depth":
            return self._depth(asked)
        return self._weighed(self.signed_request(conn, asked, version, path), 1)

    def refused(self, why: Refused, asked: Asked) -> Answer:
        status, code, text = error_of(why)
        return json_answer({"code": code, "msg": text}, status)

    def too_many(self) -> Answer:
        answer = json_answer({"code": -1003, "msg": "Too many requests; current limit of IP is 2400 requests per minute."}, 429)
        answer.headers.append(("Retry-After", "1"))
        return answer

    def _weighed(self, answer: Answer, weight: int) -> Answer:
        minute = self.now_ns // (60 * SECOND_NS)
        self._spent = minute, weight + (self._spent[1] if minute == self._spent[0] else 0)
        answer.headers.append(("X-MBX-USED-WEIGHT-1M", str(self._spent[1])))
        return answer

    def _info(self, asked: Asked) -> Any:
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ]
        symbols = [info_row(one, inverse=self.inverse) for one in self.listings.values() if one.status != GONE]
        return {"timezone": "UTC", "serverTime": self.ms, "rateLimits": limits, "exchangeFilters": [], "assets": [], "symbols": symbols}

    def _premium(self, asked: Asked) -> Any:
        rows = []
        for name in [asked.query["symbol"]] if "symbol" in asked.query else list(self.listings):
            mark = self.perpetuals.mark(self.listing(name), self.now_ns)
            rows.append(
                {
                    "symbol": name,
                    "markPrice": mark.mark,
                    "indexPrice": mark.index,
                    "estimatedSettlePrice": mark.mark,
                    "lastFundingRate": mark.rate,
                    "interestRate": "0.00010000",
                    "nextFundingTime": mark.next_ns // 1_000_000,
                    "time": self.ms,
                }
            )
        return rows[0] if "symbol" in asked.query and not self.inverse else rows

    def _depth(self, asked: Asked) -> Answer:
        listing = self.listing(asked.query.get("symbol", ""))
        text = asked.query.get("limit", "500")
        limit = int(text) if text.isdigit() else 0
        if limit not in DEPTH_LIMITS:
            raise Refused("limit")
        fault = self.snapshot_fault()
        if fault in ("snap-429", "snap-403", "snap-503", "snap-html"):
            return self.plain_fault(fault)
        now, book = self.now_ns, self.book(listing.name, limit)
        before = self._olds.get(listing.name, (now, book))
        if now - before[0] > SECOND_NS or listing.name not in self._olds:
            self._olds[listing.name] = (now, book)
        if fault == "snap-old":
            book = before[1] if before[1] is not book else Snapshot(max(0, book.last_id - 5000), book.bids, book.asks)
        ms = self.ms
        names = f'"symbol":"{listing.name}","pair":"{listing.base}{listing.quote}",' if self.inverse else ""
        body = (
            f'{{"lastUpdateId":{book.last_id * ID_STEP},"E":{ms},"T":{ms},{names}"bids":{_levels(book.bids)},"asks":{_levels(book.asks)}}}'
        )
        answer = self._weighed(Answer(200, body.encode(), content_type="application/json"), DEPTH_WEIGHTS[limit])
        answer.cut = fault == "snap-cut"
        return answer


def _levels(rows: list[Level]) -> str:
    return "[" + ",".join(f'["{px}","{qty}"]' for px, qty in rows) + "]"


def _bool(value: bool) -> str:
    return "true" if value else "false"
