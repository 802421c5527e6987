"""Deribit's market channels over JSON-RPC, as far as a feed wants them: books, trades, quotes, tickers, heartbeats (exchanges/deribit.md sections 1 to 4).

Not orders, nor anything that wants a key: raw channels and `private/` methods are refused.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import orjson

from aats.sim.answer import Answer
from aats.sim.listing import GONE, LIVE, Listing
from aats.sim.venue import Asked, Connection, Event, Limits, Mark, Reject, Upgrade, VenueExchange, json_answer

__all__ = ["DeribitExchange"]

SECOND_NS = 1_000_000_000
_DEPTH = 400
_QUIET_NS = 600 * SECOND_NS  # "without heartbeats idle sockets are closed after about 10 min" (1)


class DeribitExchange(VenueExchange):
    """Deribit: perpetuals; `conn.state` is the connection's heartbeat interval in ns, 0: none."""

    LISTINGS: ClassVar = {
        "DERIBIT": (
            Listing("BTC-PERPETUAL", "BTC", "USD", px_dec=1, qty_dec=0, mid=610_000, size=3000, kind="inverse", settle="BTC", contract="1"),
            Listing("ETH-PERPETUAL", "ETH", "USD", px_dec=2, qty_dec=0, mid=265_000, size=2000, kind="inverse", settle="ETH", contract="1"),
        )
    }
    HOSTS = ("www.deribit.com", "test.deribit.com")
    LIMITS = Limits(ping_ns=0, life_ns=365 * 86400 * SECOND_NS, quiet_ns=_QUIET_NS, inbound_per_s=200, connects_per_5min=150)

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        return {"REST": http, "STREAM": ws}

    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        if up.path != "/ws/api/v2":
            raise Reject(404, "Not Found")
        return "public"

    def opened(self, conn: Connection) -> None:
        conn.state = 0

    # -- requests ------------------------------------------------------------------------------------------------------

    def message(self, conn: Connection, text: str) -> None:
        try:
            ask = json.loads(text)
            method, params, number = ask["method"], ask.get("params") or {}, ask.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            self._error(conn, None, -32700, "Parse error")
            return
        if method in ("public/subscribe", "public/unsubscribe"):
            self._subscription(conn, method.endswith("/subscribe"), params.get("channels"), number)
        elif method == "public/test":
            self._result(conn, number, {"version": "1.2.26"})
        elif method == "public/set_heartbeat":
            self._heartbeat(conn, params.get("interval"), number)
        elif method == "public/get_time":
            self._result(conn, number, self.ms)
        elif str(method).startswith("private/"):
            self._error(conn, number, 13009, "unauthorized")
        else:
            self._error(conn, number, -32601, "Method not found")

    def _result(self, conn: Connection, number: Any, result: Any) -> None:
        us = self.now_ns // 1000
        self.send(
            conn, orjson.dumps({"jsonrpc": "2.0", "id": number, "result": result, "usIn": us, "usOut": us, "usDiff": 0, "testnet": False})
        )

    def _error(self, conn: Connection, number: Any, code: int, message: str) -> None:
        self.send(conn, orjson.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}))

    def _heartbeat(self, conn: Connection, interval: Any, number: Any) -> None:
        if not isinstance(interval, int) or interval < 10:
            self._error(conn, number, -32602, "Invalid params")
            return
        conn.state = interval * SECOND_NS
        self._result(conn, number, "ok")
        self.at(self.now_ns + conn.state, lambda: self._beat(conn))

    def _beat(self, conn: Connection) -> None:
        if conn.state and conn.id in self._conns:
            self.send(conn, '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}')
            self.at(self.now_ns + conn.state, lambda: self._beat(conn))

    def _subscription(self, conn: Connection, wanted: bool, channels: Any, number: Any) -> None:
        """Take the channels that there are; the others are dropped without a word (2)."""
        if not isinstance(channels, list):
            self._error(conn, number, -32602, "Invalid params")
            return
        good, begun = [], []
        for channel in channels:
            listing = self._listing(channel)
            if listing is None:
                continue
            good.append(channel)
            if not wanted:
                self.topics.leave(conn, channel)
            elif self.topics.join(conn, channel) and channel.startswith("book."):
                begun.append((channel, listing))
        self._result(conn, number, good)
        for channel, listing in begun:
            view = self.view(listing.name, _DEPTH)
            self.send_depth(conn, channel, self._book(channel, listing, view.seq, None, (view.bids, view.asks)))

    def _listing(self, channel: Any) -> Listing | None:
        """Return what a channel is of: ``book.X.100ms``, ``trades.X.100ms``, ``ticker.X.100ms``, ``quote.X``."""
        parts = str(channel).split(".")
        ok = (len(parts) == 2 and parts[0] == "quote") or (
            len(parts) == 3 and parts[0] in ("book", "trades", "ticker") and parts[2] == "100ms"
        )
        listing = self.listings.get(parts[1]) if ok else None
        return listing if listing is not None and listing.status != GONE else None

    # -- market --------------------------------------------------------------------------------------------------------

    def _push(self, channel: str, data: str) -> str:
        return f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}'

    def _book(self, channel: str, listing: Listing, number: int, before: int | None, sides: tuple[Any, Any]) -> str:
        def side(levels: Any) -> str:
            if before is None:
                return ",".join(f'["new",{_float(px)},{_float(qty)}]' for px, qty in levels)
            return ",".join(f'["{"change" if float(qty) else "delete"}",{_float(px)},{_float(qty)}]' for px, qty in levels)

        kind = '"type":"snapshot"' if before is None else f'"type":"change","prev_change_id":{before}'
        return self._push(
            channel,
            f'{{{kind},"timestamp":{self.ms},"instrument_name":"{listing.name}","change_id":{number},"bids":[{side(sides[0])}],'
            f'"asks":[{side(sides[1])}]}}',
        )

    def on_book(self, event: Event) -> None:
        channel = f"book.{event.symbol}.100ms"
        view = self.view(event.symbol, _DEPTH)
        sides = view.feed()
        if self.topics.has(channel) and (sides[0] or sides[1]):
            self.publish_depth(channel, self._book(channel, self.listings[event.symbol], view.seq, view.prev, sides))

    def on_top(self, event: Event) -> None:
        channel = f"quote.{event.symbol}"
        if self.topics.has(channel):
            (bid, bid_qty), (ask, ask_qty) = (next(iter(side), ("0", "0")) for side in (event.bids, event.asks))
            self.publish(
                channel,
                self._push(
                    channel,
                    f'{{"timestamp":{self.ms},"instrument_name":"{event.symbol}","best_bid_price":{_float(bid)},"best_bid_amount":{_float(bid_qty)},'
                    f'"best_ask_price":{_float(ask)},"best_ask_amount":{_float(ask_qty)}}}',
                ),
            )

    def on_trade(self, event: Event) -> None:
        channel = f"trades.{event.symbol}.100ms"
        if self.topics.has(channel):
            side = "buy" if event.buys else "sell"
            self.publish(
                channel,
                self._push(
                    channel,
                    f'[{{"trade_seq":{event.trade_id},"trade_id":"{event.trade_id}","timestamp":{event.t_ns // 1_000_000},"tick_direction":1,'
                    f'"price":{_float(event.px)},"instrument_name":"{event.symbol}","direction":"{side}","amount":{_float(event.qty)}}}]',
                ),
            )

    def on_mark(self, mark: Mark) -> None:
        channel = f"ticker.{mark.symbol}.100ms"
        if self.topics.has(channel):
            data = f'"instrument_name":"{mark.symbol}","mark_price":{_float(mark.mark)},"index_price":{_float(mark.index)}'
            self.publish(channel, self._push(channel, f'{{"timestamp":{self.ms},"state":"open",{data}}}'))

    # -- REST ----------------------------------------------------------------------------------------------------------

    def http(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path != "/api/v2/public/get_instruments":
            return json_answer({"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}}, 400)
        rows = [_row(one) for one in self.listings.values() if one.status != GONE]
        return json_answer({"jsonrpc": "2.0", "result": rows, "usIn": 0, "usOut": 0, "usDiff": 0, "testnet": False})


def _float(text: str) -> str:
    """Write a number as Deribit's JSON does: with a point, without zeros that tell nothing (V-01 of the fact sheet's samples: 42500.0)."""
    whole, _, part = str(text).partition(".")
    return f"{whole}.{part.rstrip('0') or '0'}"


def _row(one: Listing) -> dict[str, Any]:
    return {
        "instrument_name": one.name,
        "kind": "future",
        "instrument_type": "reversed",
        "future_type": "reversed",
        "base_currency": one.base,
        "quote_currency": one.quote,
        "counter_currency": one.quote,
        "settlement_currency": one.settle,
        "settlement_period": "perpetual",
        "tick_size": float(one.tick),
        "tick_size_steps": [],
        "contract_size": 1.0,
        "min_trade_amount": float(one.lot),
        "is_active": one.status == LIVE,
    }
