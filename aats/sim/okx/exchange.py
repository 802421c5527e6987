"""OKX's sockets: paths, log-on, subscriptions, public data (exchanges/okx.md, 1, 2, 3, 5.2 and 10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from aats.sim.listing import GONE, Listing
from aats.sim.okx.rest import OkxRest
from aats.sim.okx.texts import instrument_row, kind_of, levels, plain
from aats.sim.perpetual import Mark
from aats.sim.venue import Connection, Event, Key, Limits, Reject, Upgrade, hmac_b64

__all__ = ["OkxExchange"]

SECOND_NS = 1_000_000_000
QUIET_NS = 30 * SECOND_NS
YEAR_NS = 365 * 86_400 * SECOND_NS
DEPTH = 400
ROLES = {"/ws/v5/public": "public", "/ws/v5/private": "private", "/ws/v5/business": "business"}
#: Channels of one instrument, by the path that has them; then those of a kind of instruments, and those of an account.
BY_NAME = {"books": "public", "bbo-tbt": "public", "trades": "public", "mark-price": "public", "index-tickers": "public", "funding-rate": "public",
           "trades-all": "business"}  # fmt: skip
BY_KIND = ("liquidation-orders", "instruments")
OF_ACCOUNT = ("orders", "account", "positions")
OPS = ("order", "batch-orders", "cancel-order", "batch-cancel-orders", "amend-order", "batch-amend-orders")
#: Where numbering begins again after a restart of the venue's own.
RESTART = 3


@dataclass
class State:
    """What the exchange remembers of a connection."""

    out_ns: int
    key: Key | None = None
    channels: set[tuple[str, ...]] = field(default_factory=set)


class OkxExchange(OkxRest):
    """OKX, spot or perpetuals by its name."""

    LISTINGS: ClassVar = {
        "OKX": (
            Listing("BTC-USDT", "BTC", "USDT", px_dec=1, qty_dec=8, mid=610_000, size=5_000_000, min_qty="0.00001"),
            Listing("ETH-USDT", "ETH", "USDT", px_dec=2, qty_dec=6, mid=265_000, size=400_000, min_qty="0.0001"),
            Listing("ETH-BTC", "ETH", "BTC", px_dec=5, qty_dec=6, mid=4_344, size=400_000, min_qty="0.0001"),
        ),
        "OKX_SWAP": (
            Listing(
                "BTC-USDT-SWAP", "BTC", "USDT", px_dec=1, qty_dec=2, mid=610_000, size=3_000, kind="linear", contract="0.01", min_qty="0.01"
            ),
            Listing(
                "ETH-USDT-SWAP", "ETH", "USDT", px_dec=2, qty_dec=2, mid=265_000, size=9_000, kind="linear", contract="0.1", min_qty="0.01"
            ),
            Listing("BTC-USD-SWAP", "BTC", "USD", px_dec=1, qty_dec=0, mid=610_000, size=300, kind="inverse", contract="100", min_qty="1"),
        ),
    }
    HOSTS = ("ws.okx.com", "wspap.okx.com", "www.okx.com")
    FEES = (80_000, 100_000)
    POST_ONLY = "cancel"
    BOOK_DEPTH = DEPTH
    LIMITS = Limits(ping_ns=0, quiet_ns=0, life_ns=YEAR_NS, inbound_per_s=200)

    def __init__(self, *args: Any, **named: Any) -> None:
        self._hold: list[bytes] | None = None
        self._behind: dict[str, int] = {}
        super().__init__(*args, **named)

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path not in ROLES:
            raise Reject(404, "no such path")
        return ROLES[up.path]

    def opened(self, conn: Connection) -> None:
        conn.state = State(self.now_ns)
        self._watch(conn)

    def _watch(self, conn: Connection) -> None:
        """End a connection to which nothing was sent for 30 s (1)."""

        def look() -> None:
            if not conn.live:
                return
            if self.now_ns - conn.state.out_ns >= QUIET_NS:
                self.close(conn, 4004, "No data received in 30s")
            else:
                self._watch(conn)

        self.at(conn.state.out_ns + QUIET_NS, look)

    def _put(self, conn: Connection, frame: bytes) -> None:
        super()._put(conn, frame)
        if isinstance(conn.state, State):
            conn.state.out_ns = self.now_ns

    def farewell(self, conn: Connection) -> None:
        self._say(conn, "notice", code="64008", msg="The connection will soon be closed for a service upgrade. Please reconnect.")

    def _say(self, conn: Connection, event: str, *, ask_id: str = "", **more: Any) -> None:
        head = {"id": ask_id} if ask_id else {}
        self.send(conn, orjson.dumps({**head, "event": event, **more, "connId": f"{0xA4D30000 + conn.id:x}"}))

    def message(self, conn: Connection, text: str) -> None:
        if text == "ping":
            self.send(conn, "pong")
            return
        try:
            ask = orjson.loads(text)
            op, args = ask["op"], ask.get("args")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            self._say(conn, "error", code="60012", msg=f"Invalid request: {text[:100]}")
            return
        ask_id = str(ask.get("id") or "")
        if op in ("subscribe", "unsubscribe", "login") and not self.within(("ops", conn.id), 480, 3600 * SECOND_NS):
            self._say(conn, "error", ask_id=ask_id, code="60014", msg="Requests too frequent")
        elif op == "login" and isinstance(args, list) and len(args) == 1 and conn.role != "public":
            self._login(conn, args[0])
        elif op in ("subscribe", "unsubscribe") and isinstance(args, list):
            for arg in args:
                self._subscribe(conn, op, ask_id, arg)
        elif op in OPS and conn.role == "private":
            self.order_op(conn, op, ask)
        else:
            self._say(conn, "error", ask_id=ask_id, code="60012", msg=f"Invalid request: {text[:100]}")

    def _login(self, conn: Connection, arg: Any) -> None:
        fault = self.login_fault(conn)
        if fault == "login-cut":
            return
        key, stamp = self.keys.get(str(arg.get("apiKey"))), str(arg.get("timestamp", ""))
        if fault or key is None:
            code, msg = ("60032", "API key doesn't exist") if fault else ("60005", "Invalid apiKey")
        elif not stamp.isdigit() or self.stale(int(stamp) * 1000, 30_000, 30_000):
            code, msg = "60006", "Timestamp request expired"
        elif arg.get("passphrase") != key.passphrase:
            code, msg = "60024", "Wrong passphrase"
        elif arg.get("sign") != hmac_b64(key.secret, f"{stamp}GET/users/self/verify"):
            code, msg = "60007", "Invalid sign"
        else:
            conn.account, conn.state.key = key.account, key
            self._say(conn, "login", code="0", msg="")
            return
        self._say(conn, "error", code=code, msg=msg)

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def _subscribe(self, conn: Connection, op: str, ask_id: str, arg: Any) -> None:
        channel, name, kind = (str(arg.get(field) or "") for field in ("channel", "instId", "instType"))
        if channel in OF_ACCOUNT:
            if conn.role != "private" or conn.account is None:
                self._say(conn, "error", ask_id=ask_id, code="60011", msg="Please log in")
                return
            self._say(conn, op, ask_id=ask_id, arg=arg)
            self._private(conn, op, channel, kind)
            return
        topic: tuple[str, str] | None = None
        if conn.role == BY_NAME.get(channel) and (name in self._indices() if channel == "index-tickers" else self._listed_now(name)):
            topic = (channel, name)
        elif conn.role == "public" and channel in BY_KIND and kind:
            topic = (channel, kind)
        if topic is None:
            text = f"Wrong URL or channel:{channel},instId:{name} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
            self._say(conn, "error", ask_id=ask_id, code="60018", msg=text)
            return
        self._say(conn, op, ask_id=ask_id, arg=arg)
        if op == "unsubscribe":
            self.topics.leave(conn, topic)
        elif self.topics.join(conn, topic):
            self._first(conn, topic)

    def _private(self, conn: Connection, op: str, channel: str, kind: str) -> None:
        assert conn.account is not None
        kinds = ("SPOT", "SWAP") if kind in ("", "ANY") else (kind,)
        topics: list[tuple[str, ...]] = [("orders", one) for one in kinds] if channel == "orders" else [(channel,)]
        for topic in topics:
            if op == "unsubscribe":
                self.private.leave(conn, topic)
            else:
                self.private.join(conn, conn.account, topic)
        if op == "subscribe" and channel == "account":
            self.send(conn, self.account_text(conn.account))
        elif op == "subscribe" and channel == "positions":
            self.send(conn, self.positions_text(conn.account))

    def _listed_now(self, name: str) -> bool:
        return name in self.listings and self.listings[name].status != GONE

    def _indices(self) -> set[str]:
        return {f"{one.base}-{one.quote}" for one in self.listings.values()}

    def _first(self, conn: Connection, topic: tuple[str, str]) -> None:
        """Send what a subscription begins with."""
        channel, name = topic
        if channel == "books":
            view = self.view(name, DEPTH)
            self.send_depth(conn, topic, self._book_text(name, "snapshot", view.bids, view.asks, -1, view.seq))
        elif channel == "bbo-tbt":
            book = self.book(name, 1)
            self.send(conn, self._top_text(name, book.bids, book.asks, book.last_id, self.now_ns))
        elif channel in ("mark-price", "funding-rate"):
            self._mark(self.perpetuals.mark(self.listings[name], self.now_ns), only=conn, channel=channel)

    # -- public data ---------------------------------------------------------------------------------------------------

    def shown(self, symbol: str, number: int) -> int:
        return number - self._behind.get(symbol, 0)

    def _book_text(self, name: str, action: str, bids: Any, asks: Any, prev: int, seq: int) -> bytes:
        row = {"asks": levels(asks), "bids": levels(bids), "ts": str(self.ms), "checksum": 0,
               "prevSeqId": prev if prev < 0 else self.shown(name, prev), "seqId": self.shown(name, seq)}  # fmt: skip
        return orjson.dumps({"arg": {"channel": "books", "instId": name}, "action": action, "data": [row]})

    def _top_text(self, name: str, bids: Any, asks: Any, seq: int, t_ns: int) -> bytes:
        row = {"asks": levels(asks[:1]), "bids": levels(bids[:1]), "ts": str(t_ns // 1_000_000), "seqId": self.shown(name, seq)}
        return orjson.dumps({"arg": {"channel": "bbo-tbt", "instId": name}, "data": [row]})

    def on_book(self, event: Event) -> None:
        topic = ("books", event.symbol)
        view = self.view(event.symbol, DEPTH)
        bids, asks = view.feed()
        if (bids or asks) and self.topics.has(topic):
            self.publish_depth(topic, self._book_text(event.symbol, "update", bids, asks, view.prev, view.seq))

    def beat(self, symbol: str) -> None:
        """Send the update without a change that comes about every 60 s of silence (3)."""
        view = self.view(symbol, DEPTH)
        self.publish_depth(("books", symbol), self._book_text(symbol, "update", [], [], view.seq, view.seq))

    def restart_numbers(self, symbol: str) -> None:
        """Begin to count anew, as maintenance does: the chain holds, the number goes back (3)."""
        view = self.view(symbol, DEPTH)
        last = self.shown(symbol, view.seq)
        self._behind[symbol] = view.seq - RESTART
        row = {"asks": [], "bids": [], "ts": str(self.ms), "checksum": 0, "prevSeqId": last, "seqId": RESTART}
        text = orjson.dumps({"arg": {"channel": "books", "instId": symbol}, "action": "update", "data": [row]})
        self.publish_depth(("books", symbol), text)

    def on_top(self, event: Event) -> None:
        topic = ("bbo-tbt", event.symbol)
        if self.topics.has(topic):
            self.publish(topic, self._top_text(event.symbol, event.bids, event.asks, event.last_id, event.t_ns))

    def on_agg(self, event: Event) -> None:
        self._trade("trades", event, event.last_id, event.last_id - event.first_id + 1)

    def on_trade(self, event: Event) -> None:
        self._trade("trades-all", event, event.trade_id, 1)

    def _trade(self, channel: str, event: Event, number: int, count: int) -> None:
        topic = (channel, event.symbol)
        if not self.topics.has(topic):
            return
        row = {"instId": event.symbol, "tradeId": str(number), "px": plain(event.px), "sz": plain(event.qty), "side": "buy" if event.buys else "sell",
               "ts": str(event.t_ns // 1_000_000), "count": str(count), "source": "0"}  # fmt: skip
        self.publish(topic, orjson.dumps({"arg": {"channel": channel, "instId": event.symbol}, "data": [row]}))

    def on_mark(self, mark: Mark) -> None:
        self._mark(mark)

    def _mark(self, mark: Mark, only: Connection | None = None, channel: str = "") -> None:
        one = self.listings[mark.symbol]
        ts, kind, pair = str(mark.t_ns // 1_000_000), kind_of(one), f"{one.base}-{one.quote}"
        rows = (
            ("mark-price", mark.symbol, {"instType": kind, "instId": mark.symbol, "markPx": plain(mark.mark), "ts": ts}),
            ("index-tickers", pair, {"instId": pair, "idxPx": plain(mark.index), "ts": ts}),
            ("funding-rate", mark.symbol, {"instType": kind, "instId": mark.symbol, "fundingRate": plain(mark.rate), "nextFundingRate": "",
                                           "fundingTime": str(mark.next_ns // 1_000_000), "method": "current_period", "ts": ts}),
        )  # fmt: skip
        for name, inst, row in rows:
            text = orjson.dumps({"arg": {"channel": name, "instId": inst}, "data": [row]})
            if only is None:
                self.publish((name, inst), text)
            elif name == channel:
                self.send(only, text)

    def on_liquidation(self, event: Event) -> None:
        one = self.listings[event.symbol]
        side, held = ("buy", "short") if event.buys else ("sell", "long")
        detail = {
            "side": side,
            "posSide": held,
            "bkPx": plain(event.px),
            "sz": plain(event.qty),
            "bkLoss": "0",
            "ccy": "",
            "ts": str(event.t_ns // 1_000_000),
        }
        pair = f"{one.base}-{one.quote}"
        row = {"instType": kind_of(one), "instId": one.name, "instFamily": pair, "uly": pair, "details": [detail]}
        topic = ("liquidation-orders", kind_of(one))
        self.publish(topic, orjson.dumps({"arg": {"channel": "liquidation-orders", "instType": kind_of(one)}, "data": [row]}))

    def on_status(self, listing: Listing) -> None:
        row = instrument_row(listing, self.number_of(listing.name))
        if listing.status == GONE:
            row["state"] = "expired"
        kind = kind_of(listing)
        self.publish(("instruments", kind), orjson.dumps({"arg": {"channel": "instruments", "instType": kind}, "data": [row]}))
