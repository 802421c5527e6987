"""Bybit V5: paths, and the public topics of one category (exchanges/bybit_v5.md sections 1 to 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from aats.sim.bybit.rest import BybitRest
from aats.sim.bybit.texts import levels, name_of
from aats.sim.listing import GONE, LIVE, Listing
from aats.sim.market import Event
from aats.sim.venue import Connection, Key, Limits, Mark, Reject, Upgrade

__all__ = ["BybitExchange"]

SECOND_NS = 1_000_000_000
DEPTHS = {"50": 1, "200": 1, "1000": 2}  # depth to 100 ms steps between two messages
#: Of u: a number of 1 means that the service was started anew (3).
FIRST_U = 48_211_000
ARGS_MAX = {"spot": 10, "linear": 2000}
LENGTH_MAX = 21_000
#: A best bid and ask that did not change are told again after so long (2).
AGAIN_NS = 3 * SECOND_NS
_MARKS = ("markPrice", "indexPrice", "fundingRate", "nextFundingTime")


@dataclass
class State:
    """What the exchange remembers of a connection."""

    name: str
    key: Key | None = None
    req_ids: set[str] = field(default_factory=set)


class BybitExchange(BybitRest):
    """Bybit spot, or its linear perpetuals."""

    LISTINGS: ClassVar = {
        "BYBIT": (
            Listing("BTCUSDT", "BTC", "USDT", px_dec=1, qty_dec=6, mid=610_000, size=50_000, min_qty="0.000001", min_notional="5"),
            Listing("ETHUSDT", "ETH", "USDT", px_dec=2, qty_dec=5, mid=265_000, size=40_000, min_qty="0.00001", min_notional="5"),
            Listing("ETHBTC", "ETH", "BTC", px_dec=6, qty_dec=4, mid=43_440, size=4_000, min_qty="0.0001", min_notional="0.0001"),
            Listing("BTCUSDC", "BTC", "USDC", px_dec=2, qty_dec=6, mid=6_100_000, size=50_000, min_qty="0.000001", min_notional="5"),
        ),
        "BYBIT_SWAP": (
            Listing("BTCUSDT", "BTC", "USDT", px_dec=1, qty_dec=3, mid=610_000, size=50, kind="linear", min_qty="0.001", min_notional="5"),
            Listing("ETHUSDT", "ETH", "USDT", px_dec=2, qty_dec=2, mid=265_000, size=100, kind="linear", min_qty="0.01", min_notional="5"),
            Listing("SOLUSDT", "SOL", "USDT", px_dec=2, qty_dec=1, mid=15_000, size=200, kind="linear", min_qty="0.1", min_notional="5"),
            Listing("BTCPERP", "BTC", "USDC", px_dec=1, qty_dec=3, mid=610_000, size=50, kind="linear", min_qty="0.001", min_notional="5"),
        ),
    }
    HOSTS = ("api.bybit.com", "stream.bybit.com")
    POST_ONLY = "cancel"
    CLIENT_IDS = "ever"
    LIMITS = Limits(ping_ns=0, life_ns=365 * 86_400 * SECOND_NS, quiet_ns=600 * SECOND_NS, inbound_per_s=3000, connects_per_5min=500)

    def __init__(self, venue: str, *args: Any, **named: Any) -> None:
        self.category = "spot" if venue == "BYBIT" else "linear"
        self.orders_per_s = 20 if venue == "BYBIT" else 10
        self.FEES = (100_000, 100_000) if venue == "BYBIT" else (20_000, 55_000)  # type: ignore[misc]
        super().__init__(venue, *args, **named)
        self._begin_trade()
        self._u0: dict[tuple[str, str], int] = {}  # what is added to a view's count
        self._tops: dict[str, tuple[int, str, int]] = {}  # symbol -> u, data, when it was told
        self._beats: set[str] = set()
        self._rows: dict[str, list[str]] = {}  # trades that go out together
        self._tickers_told: dict[str, dict[str, Any]] = {}
        self._marks: dict[str, Mark] = {}

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws, "WSAPI": ws, "PRIVATE": ws}

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        roles = {f"/v5/public/{self.category}": "public", "/v5/private": "private", "/v5/trade": "trade"}
        if up.path not in roles:
            raise Reject(404, "404 page not found")
        conn.state = State(f"d9avt8shteepr00gfc1g-{conn.id:x}")
        return roles[up.path]

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = orjson.loads(text)
        except orjson.JSONDecodeError:
            ask = None
        if not isinstance(ask, dict):
            self.send(conn, orjson.dumps({"success": False, "ret_msg": "Invalid JSON", "conn_id": conn.state.name, "op": ""}))
        elif conn.role == "public":
            self._public_message(conn, ask)
        elif conn.role == "private":
            self.private_message(conn, ask)
        else:
            self.trade_message(conn, ask)

    def _public_message(self, conn: Connection, ask: dict[str, Any]) -> None:
        op, args, req_id = ask.get("op"), ask.get("args"), ask.get("req_id")
        tail = {"conn_id": conn.state.name, **({} if req_id is None else {"req_id": req_id}), "op": op}
        if op == "ping":
            self.send(conn, orjson.dumps({"success": True, "ret_msg": "pong", **tail}))
            return
        wrong = "unknown op" if op not in ("subscribe", "unsubscribe") else self._wrong_args(conn, args)
        if wrong or not isinstance(args, list):
            self.send(conn, orjson.dumps({"success": False, "ret_msg": wrong, **tail}))
            return
        ack = orjson.dumps({"success": True, "ret_msg": "subscribe" if self.spot else "", **tail})
        if op == "unsubscribe":
            for topic in args:
                self.topics.leave(conn, topic)
            self.send(conn, ack)
            return
        first = self.other()  # data may come before the answer (2)
        if first:
            self.send(conn, ack)
        for topic in args:
            if self.topics.join(conn, topic):
                self._begin(conn, topic)
        if not first:
            self.send(conn, ack)

    def _wrong_args(self, conn: Connection, args: Any) -> str:
        """Return what is wrong with the topics of a request, "" if nothing: one that is bad fails them all."""
        if not isinstance(args, list) or not args:
            return "Params Error"
        if len(args) > ARGS_MAX[self.category]:
            return f"args size >{ARGS_MAX[self.category]}"
        for topic in args:
            head, _, symbol = str(topic).rpartition(".")
            heads = {"orderbook.1", *(f"orderbook.{depth}" for depth in DEPTHS), "publicTrade", "tickers"}
            if not self.spot:
                heads.add("allLiquidation")
            one = self.listings.get(symbol)
            if head not in heads:
                return f"Invalid topic: {topic}"
            if one is None or one.status == GONE:
                return f"Invalid symbol :[{topic}]"
        if sum(len(str(topic)) for topic in (*args, *self.topics.held(conn))) > LENGTH_MAX:
            return "args length exceeds the limit"
        return ""

    def _begin(self, conn: Connection, topic: str) -> None:
        """Send what a new subscriber begins with."""
        head, _, symbol = topic.rpartition(".")
        if head == "orderbook.1":
            if symbol not in self._tops:
                book = self.book(symbol, 1)
                self._set_top(symbol, book.bids, book.asks, book.last_id)
            self.send(conn, self._top_text(symbol))
            self._beat(symbol)
        elif head.startswith("orderbook."):
            self.send_depth(conn, topic, self._book_text(symbol, head.partition(".")[2], "snapshot"))
        elif head == "tickers":
            row = self.ticker_row(self.listings[symbol])
            self._tickers_told[symbol] = row
            self.send(conn, self._ticker_text(symbol, "snapshot", row))

    # -- books ---------------------------------------------------------------------------------------------------------

    def _book_text(self, symbol: str, depth: str, kind: str) -> str:
        view = self.view(symbol, int(depth), DEPTHS[depth])
        bids, asks = (view.bids, view.asks) if kind == "snapshot" else view.feed()
        u = view.n + self._u0.get((symbol, depth), FIRST_U)
        data = f'"data":{{"s":"{symbol}","b":[{levels(bids)}],"a":[{levels(asks)}],"u":{u},"seq":{view.seq}}}'
        when, topic = (view.t_ns or self.now_ns) // 1_000_000, f"orderbook.{depth}.{symbol}"
        head = f'"ts":{self.ms},"type":"{kind}"' if self.spot else f'"type":"{kind}","ts":{self.ms}'  # the order of keys varies (2)
        return f'{{"topic":"{topic}",{head},{data},"cts":{when}}}'

    def on_book(self, event: Event) -> None:
        for depth, step in DEPTHS.items():
            topic = f"orderbook.{depth}.{event.symbol}"
            if self.topics.has(topic):
                bids, asks = self.view(event.symbol, int(depth), step).feed()
                if bids or asks:
                    self.publish_depth(topic, self._book_text(event.symbol, depth, "delta"))
        self._tell_ticker(self.listings[event.symbol])

    def restart(self, symbol: str) -> None:
        """Start the service of a symbol's books anew: a snapshot with u = 1 to everybody (3)."""
        if symbol in self._tops:
            self._tops[symbol] = (0, *self._tops[symbol][1:])
            book = self.book(symbol, 1)
            self._set_top(symbol, book.bids, book.asks, book.last_id)
            self.publish(f"orderbook.1.{symbol}", self._top_text(symbol))
        for depth, step in DEPTHS.items():
            topic = f"orderbook.{depth}.{symbol}"
            self._u0[symbol, depth] = 1 - self.view(symbol, int(depth), step).n
            if self.topics.has(topic):
                self.publish_depth(topic, self._book_text(symbol, depth, "snapshot"))

    def again(self, symbol: str) -> None:
        """Send a snapshot that nobody asked for, as the venue does after trouble of its own (3)."""
        for depth in DEPTHS:
            topic = f"orderbook.{depth}.{symbol}"
            if self.topics.has(topic):
                self.publish_depth(topic, self._book_text(symbol, depth, "snapshot"))

    def _set_top(self, symbol: str, bids: Any, asks: Any, last_id: int) -> None:
        u = self._tops[symbol][0] + 1 if symbol in self._tops else FIRST_U
        data = f'{{"s":"{symbol}","b":[{levels(bids[:1])}],"a":[{levels(asks[:1])}],"u":{u},"seq":{last_id}}}'
        self._tops[symbol] = (u, data, self.now_ns)

    def _top_text(self, symbol: str) -> str:
        return f'{{"topic":"orderbook.1.{symbol}","ts":{self.ms},"type":"snapshot","data":{self._tops[symbol][1]},"cts":{self.ms}}}'

    def on_top(self, event: Event) -> None:
        topic = f"orderbook.1.{event.symbol}"
        if not self.topics.has(topic):
            self._tops.pop(event.symbol, None)
            return
        bids, asks = ([one for one in side if one[1].strip("0.")] for side in (event.bids, event.asks))
        self._set_top(event.symbol, bids, asks, event.last_id)
        self.publish(topic, self._top_text(event.symbol))

    def _beat(self, symbol: str) -> None:
        """Tell an unchanged best bid and ask again, with the same u, as long as somebody listens (2)."""
        if symbol in self._beats:
            return
        self._beats.add(symbol)

        def look() -> None:
            topic = f"orderbook.1.{symbol}"
            if not self.topics.has(topic) or symbol not in self._tops:
                self._beats.discard(symbol)
                return
            u, data, told_ns = self._tops[symbol]
            if self.now_ns - told_ns >= AGAIN_NS and self.listings[symbol].status == LIVE:
                self._tops[symbol] = (u, data, self.now_ns)
                self.publish(topic, self._top_text(symbol))
            self.at(self.now_ns + SECOND_NS, look)

        self.at(self.now_ns + SECOND_NS, look)

    # -- trades, tickers, liquidations ---------------------------------------------------------------------------------

    def on_trade(self, event: Event) -> None:
        if not self.topics.has(f"publicTrade.{event.symbol}"):
            return
        row = (
            f'{{"T":{event.t_ns // 1_000_000},"s":"{event.symbol}","S":"{"Buy" if event.buys else "Sell"}","v":"{event.qty}","p":"{event.px}",'
            f'"L":"{"PlusTick" if event.buys else "MinusTick"}","i":"{name_of(self.venue, "t", event.trade_id, spot=self.spot)}","BT":false,"RPI":false,'
            f'"seq":{event.trade_id}}}'
        )
        rows = self._rows.setdefault(event.symbol, [])
        rows.append(row)
        if len(rows) == 1:
            self.at(event.t_ns, lambda: self._tell_trades(event.symbol))

    def _tell_trades(self, symbol: str) -> None:
        rows = ",".join(self._rows.pop(symbol, ()))
        topic = f"publicTrade.{symbol}"
        if rows:
            self.publish(topic, f'{{"topic":"{topic}","type":"snapshot","ts":{self.ms},"data":[{rows}]}}')

    def ticker_row(self, listing: Listing) -> dict[str, Any]:
        book = self.book(listing.name, 1)
        (bid, bid_qty), (ask, ask_qty) = (side[0] if side else ("", "") for side in (book.bids, book.asks))
        row = {"symbol": listing.name, "lastPrice": bid, "highPrice24h": ask, "lowPrice24h": bid, "prevPrice24h": bid, "price24hPcnt": "0"}
        row |= {"volume24h": "0", "turnover24h": "0"}
        if listing.spot:
            return row | {"usdIndexPrice": ""}
        mark = self._marks.get(listing.name) or self.perpetuals.mark(listing, self.now_ns)
        row |= {
            "markPrice": mark.mark,
            "indexPrice": mark.index,
            "fundingRate": mark.rate,
            "nextFundingTime": str(mark.next_ns // 1_000_000),
        }
        return row | {
            "bid1Price": bid,
            "bid1Size": bid_qty,
            "ask1Price": ask,
            "ask1Size": ask_qty,
            "fundingIntervalHour": str(listing.funding_hours),
        }

    def _ticker_text(self, symbol: str, kind: str, row: dict[str, Any]) -> bytes:
        head = {"topic": f"tickers.{symbol}", "type": kind}
        if self.spot:
            return orjson.dumps({**head, "ts": self.ms, "cs": self.ms, "data": row})
        return orjson.dumps({**head, "data": row, "cs": self.ms, "ts": self.ms})

    def _tell_ticker(self, listing: Listing) -> None:
        """Tell a ticker: what changed, and nothing else, of a contract; all of it on spot (2)."""
        topic = f"tickers.{listing.name}"
        if not self.topics.has(topic):
            return
        row, old = self.ticker_row(listing), self._tickers_told.get(listing.name, {})
        self._tickers_told[listing.name] = row
        changed = {name: value for name, value in row.items() if name == "symbol" or old.get(name) != value}
        if len(changed) > 1:
            self.publish(topic, self._ticker_text(listing.name, "snapshot" if self.spot else "delta", row if self.spot else changed))

    def on_mark(self, mark: Mark) -> None:
        self._marks[mark.symbol] = mark
        self._tell_ticker(self.listings[mark.symbol])

    def on_liquidation(self, event: Event) -> None:
        topic = f"allLiquidation.{event.symbol}"
        side = "Sell" if event.buys else "Buy"  # the position's: a long one is closed by selling (2)
        row = f'{{"T":{event.t_ns // 1_000_000},"s":"{event.symbol}","S":"{side}","v":"{event.qty}","p":"{event.px}"}}'
        self.publish(topic, f'{{"topic":"{topic}","type":"snapshot","ts":{self.ms},"data":[{row}]}}')
