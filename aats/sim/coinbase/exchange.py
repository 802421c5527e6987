"""Coinbase's WebSocket: books, trades, statuses, heartbeats and the user channel (exchanges/coinbase.md sections 1 to 3 and 5).

Every frame of a connection, of whatever channel, carries the next number of that connection.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from aats.sim.accounts import Account
from aats.sim.auth import DEFAULT_KEY
from aats.sim.coinbase.auth import check, known_pem
from aats.sim.coinbase.rest import SECOND_NS, CoinbaseRest
from aats.sim.coinbase.texts import user_row
from aats.sim.frames import text_frame
from aats.sim.listing import GONE, HALTED, Listing, Refused
from aats.sim.venue import Connection, Event, Limits, Reject, Upgrade, iso

__all__ = ["CoinbaseExchange"]

#: Channels of products, and their names in messages.
CHANNELS = {"level2": "l2_data", "market_trades": "market_trades", "status": "status", "ticker": "ticker"}
BATCH_NS = 250_000_000
FIRST_NS = 5 * SECOND_NS
YEAR_NS = 365 * 86400 * SECOND_NS
USER_BATCH = 50
PER_SECOND = 8


@dataclass
class State:
    """What is kept of a connection."""

    number: int = 0  # of the next frame
    asked: bool = False
    beats: int = 0
    channels: dict[str, list[str]] = field(default_factory=dict)


class CoinbaseExchange(CoinbaseRest):
    """Coinbase Advanced Trade, spot."""

    LISTINGS: ClassVar = {
        "COINBASE": (
            Listing("BTC-USD", "BTC", "USD", px_dec=2, qty_dec=8, mid=6_100_000, size=5_000_000, min_notional="1"),
            Listing("ETH-USD", "ETH", "USD", px_dec=2, qty_dec=8, mid=265_000, size=40_000_000, min_notional="1"),
            Listing("ETH-BTC", "ETH", "BTC", px_dec=5, qty_dec=8, mid=4_344, size=40_000_000, min_notional="0.000016"),
        )
    }
    HOSTS = ("advanced-trade-ws.coinbase.com", "advanced-trade-ws-user.coinbase.com", "api.coinbase.com")
    FEES = (600_000, 1_200_000)  # entry tier (5)
    FEE_IN = "quote"
    POST_ONLY = "refuse"
    CLIENT_IDS = "ever"
    LIMITS = Limits(ping_ns=0, life_ns=YEAR_NS, inbound_per_s=100)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._trades: dict[str, deque[str]] = {}
        self._recent: dict[str, deque[str]] = {}

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws, "WSAPI": ws, "PRIVATE": ws}

    @classmethod
    def default_keys(cls) -> dict[str, str]:
        return {DEFAULT_KEY: known_pem(DEFAULT_KEY)}

    # -- connections ---------------------------------------------------------------------------------------------------

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path not in ("", "/"):
            raise Reject(404, "Not Found")
        return "stream"

    def opened(self, conn: Connection) -> None:
        conn.state = State()
        self.at(
            self.now_ns + FIRST_NS, lambda: None if conn.state.asked or not conn.live else self.close(conn, 1008, "no subscription in 5 s")
        )

    def envelope(self, conn: Connection, channel: str, events: str) -> bytes:
        """Return a frame's text; its number is taken."""
        number = conn.state.number
        conn.state.number += 1
        return (
            f'{{"channel":"{channel}","client_id":"","timestamp":"{iso(self.now_ns, 9)}","sequence_num":{number},"events":[{events}]}}'
        ).encode()

    def _error(self, conn: Connection, text: str) -> None:
        self.send(conn, orjson.dumps({"type": "error", "message": text}))

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = orjson.loads(text)
            verb, channel = ask["type"], ask["channel"]
            names = [str(one) for one in ask.get("product_ids") or ()]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            self._error(conn, "failed to parse message")
            return
        conn.state.asked = True
        if "jwt" not in ask and not self.within(("unsigned", conn.id), PER_SECOND, SECOND_NS):
            self._error(conn, "rate limit exceeded")
        elif verb not in ("subscribe", "unsubscribe"):
            self._error(conn, f"unknown type {verb}")
        elif channel == "user":
            self._user(conn, verb, ask)
        elif channel == "heartbeats":
            self._heartbeats(conn, verb)
        elif channel not in CHANNELS:
            self._error(conn, f"channel {channel} is not supported")
        elif not names or not all(self._known(name, channel) for name in names):
            self._error(conn, "product_ids are missing or not valid")
        else:
            self._market(conn, verb, channel, names)

    def _known(self, name: str, channel: str) -> bool:
        """Tell whether a channel has a product: that it is gone is what `status` tells of it."""
        return name in self.listings and (channel == "status" or self.listings[name].status != GONE)

    def _acknowledge(self, conn: Connection) -> None:
        """Send the whole set of subscriptions: there is no other answer."""
        shown = {channel: names for channel, names in conn.state.channels.items() if names}
        self.send(conn, self.envelope(conn, "subscriptions", orjson.dumps({"subscriptions": shown}).decode()))

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def _market(self, conn: Connection, verb: str, channel: str, names: list[str]) -> None:
        held = conn.state.channels.setdefault(channel, [])
        for name in names:
            topic = (channel, name)
            if verb == "unsubscribe":
                if self.topics.leave(conn, topic):
                    held.remove(name)
            elif self.topics.join(conn, topic):
                held.append(name)
                self._first(conn, channel, name)
        self._acknowledge(conn)

    def _first(self, conn: Connection, channel: str, name: str) -> None:
        """Send what a channel begins with: it comes before the acknowledgement."""
        if channel == "level2":
            view = self.view(name, self.BOOK_DEPTH)
            rows = self._levels(view.bids, view.asks, 0)
            text = self.envelope(conn, "l2_data", f'{{"type":"snapshot","product_id":"{name}","updates":[{rows}]}}')
            self.send_depth(conn, (channel, name), text)
        elif channel == "market_trades":
            rows = ",".join(reversed(self._recent.get(name, ())))
            self.send(conn, self.envelope(conn, channel, f'{{"type":"snapshot","trades":[{rows}]}}'))
        elif channel == "status":
            self.send(conn, self.envelope(conn, channel, _status("snapshot", self.listings[name])))

    def _heartbeats(self, conn: Connection, verb: str) -> None:
        held = conn.state.channels
        on = verb == "subscribe" and "heartbeats" not in held
        if verb == "subscribe":
            held["heartbeats"] = ["heartbeats"]
        else:
            held.pop("heartbeats", None)
        self._acknowledge(conn)
        if on:
            self.at(self.now_ns + SECOND_NS, lambda: self._beat(conn))

    def _beat(self, conn: Connection) -> None:
        if not conn.live or "heartbeats" not in conn.state.channels:
            return
        conn.state.beats += 1
        when = iso(self.now_ns).replace("T", " ").rstrip("Z")
        event = f'{{"current_time":"{when} +0000 UTC m=+{conn.state.beats}.5","heartbeat_counter":{conn.state.beats}}}'
        self.send(conn, self.envelope(conn, "heartbeats", event))
        self.at(self.now_ns + SECOND_NS, lambda: self._beat(conn))

    def _user(self, conn: Connection, verb: str, ask: Any) -> None:
        fault = self.login_fault(conn)
        if fault == "login-cut":
            return
        try:
            if fault:
                raise Refused("key")
            key = check(self.keys, str(ask.get("jwt", "")), self.now_ns)
        except Refused:
            self._error(conn, "authentication failure")
            return
        if verb == "unsubscribe":
            self.private.leave(conn, "user")
            conn.state.channels.pop("user", None)
        elif self.private.join(conn, key.account, "user"):
            conn.account = key.account
            conn.state.channels["user"] = ["*"]
            rows = [user_row(one, "OPEN", ended=False) for one in self.trading.open(key.account)]
            for at in range(0, len(rows) + 1, USER_BATCH):  # the first batch with fewer ends it
                self.send(conn, self.envelope(conn, "user", _user_event("snapshot", rows[at : at + USER_BATCH])))
        self._acknowledge(conn)

    # -- market data ---------------------------------------------------------------------------------------------------

    def _levels(self, bids: Any, asks: Any, t_ns: int) -> str:
        when = iso(t_ns) if t_ns else "1970-01-01T00:00:00Z"
        return ",".join(
            f'{{"side":"{side}","event_time":"{when}","price_level":"{px}","new_quantity":"{qty}"}}'
            for side, rows in (("bid", bids), ("offer", asks))
            for px, qty in rows
        )

    def on_book(self, event: Event) -> None:
        topic = ("level2", event.symbol)
        bids, asks = self.view(event.symbol, self.BOOK_DEPTH).feed()
        conns = self.topics.of(topic) if bids or asks else []
        if conns:
            rows = f'{{"type":"update","product_id":"{event.symbol}","updates":[{self._levels(bids, asks, event.t_ns)}]}}'
            for conn in list(conns):
                self.send_depth(conn, topic, self.envelope(conn, "l2_data", rows))

    def on_trade(self, event: Event) -> None:
        """Gather the trades of 250 ms; the side that is told is the maker's."""
        row = (
            f'{{"product_id":"{event.symbol}","trade_id":"{event.trade_id}","price":"{event.px}","size":"{event.qty}",'
            f'"time":"{iso(event.t_ns)}","side":"{"SELL" if event.buys else "BUY"}"}}'
        )
        self._recent.setdefault(event.symbol, deque(maxlen=100)).append(row)
        waiting = self._trades.setdefault(event.symbol, deque())
        waiting.append(row)
        if len(waiting) == 1:
            self.at(self.now_ns + BATCH_NS, lambda: self._flush(event.symbol))

    def _flush(self, symbol: str) -> None:
        rows = ",".join(reversed(self._trades[symbol]))
        self._trades[symbol].clear()
        for conn in list(self.topics.of(("market_trades", symbol))):
            self.send(conn, self.envelope(conn, "market_trades", f'{{"type":"update","trades":[{rows}]}}'))

    def on_status(self, listing: Listing) -> None:
        for conn in list(self.topics.of(("status", listing.name))):
            self.send(conn, self.envelope(conn, "status", _status("update", listing)))

    # -- what accounts are told ----------------------------------------------------------------------------------------

    def tell_order(self, account: Account, row: dict[str, Any]) -> None:
        for conn in self.private.of(account, "user"):
            self.private.tell(account, conn, text_frame(self.envelope(conn, "user", _user_event("update", [row]))))


def _user_event(kind: str, rows: list[dict[str, Any]]) -> str:
    positions: dict[str, list[Any]] = {"perpetual_futures_positions": [], "expiring_futures_positions": []}
    return orjson.dumps({"type": kind, "orders": rows, "positions": positions}).decode()


def _status(kind: str, one: Listing) -> str:
    word = {HALTED: "offline", GONE: "delisted"}.get(one.status, "online")
    row = {"product_type": "SPOT", "id": one.name, "base_currency": one.base, "quote_currency": one.quote, "base_increment": one.lot,
           "quote_increment": one.tick, "display_name": f"{one.base}/{one.quote}", "status": word, "status_message": "",
           "min_market_funds": one.min_notional}  # fmt: skip
    return orjson.dumps({"type": kind, "products": [row]}).decode()
