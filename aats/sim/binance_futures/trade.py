"""Binance's futures, the half of an account: WebSocket API, signed REST, listen keys, user data events (exchanges/binance_usdm_futures.md, 5 to 8, 12)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from aats.sim import auth
from aats.sim.accounts import Account
from aats.sim.amounts import E16, text16
from aats.sim.answer import Answer
from aats.sim.binance_futures.texts import CODES, error_of, order_event, order_row, position_row, tif_of, trade_row
from aats.sim.limits import Refusal
from aats.sim.listing import Refused
from aats.sim.trading import Fill, Order, Wish
from aats.sim.venue import Asked, Connection, Key, VenueExchange, amount, json_answer

__all__ = ["FuturesTrade"]

MINUTE_NS = 60_000_000_000
LISTEN_NS = 60 * MINUTE_NS
CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_CLIENT = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}\Z")
_EVENTS = "user"


class FuturesTrade(VenueExchange):
    """What an account can do."""

    inverse: bool

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.listen_keys: dict[str, tuple[Key, Any]] = {}  # listen key -> whose, and its timer
        self.hedge: set[int] = set()  # accounts in hedge mode

    # -- user data -----------------------------------------------------------------------------------------------------

    def listen(self, conn: Connection, keys: list[str]) -> None:
        """Tell a connection about the accounts of these listen keys; an unknown key is told nothing (1)."""
        for name in keys:
            if name in self.listen_keys:
                self.private.join(conn, self.listen_keys[name][0].account, _EVENTS)

    def _listen_key(self, key: Key) -> str:
        name = f"{key.name[:16]}listen{key.account.number:040d}"
        name = re.sub(r"[^A-Za-z0-9]", "0", name)
        self._extend(name, key)
        return name

    def _extend(self, name: str, key: Key) -> None:
        old = self.listen_keys.get(name)
        if old is not None:
            old[1].cancel()
        self.listen_keys[name] = key, self.at(self.now_ns + LISTEN_NS, lambda: self.expire(name))

    def expire(self, name: str) -> None:
        """End a listen key: its sockets are told, and stay open and silent (5.2)."""
        key, timer = self.listen_keys.pop(name)
        timer.cancel()
        text = orjson.dumps({"e": "listenKeyExpired", "E": self.ms, "listenKey": name})
        self.tell(key.account, _EVENTS, text)
        for conn in self.private.all_of(key.account):
            self.private.leave(conn, _EVENTS)

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        row = order_event(order, what, fill, self.ms)
        if what == "fill" and fill is not None:
            lite = {
                "e": "TRADE_LITE",
                "E": self.ms,
                "T": self.ms,
                "s": row["s"],
                "q": row["q"],
                "p": row["p"],
                "m": row["m"],
                "c": row["c"],
            }
            self.tell(
                order.account, _EVENTS, orjson.dumps({**lite, "S": row["S"], "L": row["L"], "l": row["l"], "t": row["t"], "i": row["i"]})
            )
        self.tell(order.account, _EVENTS, orjson.dumps({"e": "ORDER_TRADE_UPDATE", "E": self.ms, "T": self.ms, "o": row}))

    def on_account(self, account: Account, assets: tuple[str, ...]) -> None:
        balances = []
        for asset in assets:
            free, locked = account.balances.get(asset, [0, 0])
            wallet = text16(free + locked)
            balances.append({"a": asset, "wb": wallet, "cw": wallet, "bc": "0"})
        positions = [
            {
                "s": one.name,
                "pa": one.qty(position.qty),
                "ep": str(position.entry / 1e8),
                "bep": "0",
                "cr": text16(position.realized),
                "up": "0",
                "mt": "cross",
                "iw": "0",
                "ps": "BOTH",
            }
            for one in self.listings.values()
            if (position := self.position(account, one.name)).qty or position.realized
        ]
        body = {"e": "ACCOUNT_UPDATE", "E": self.ms, "T": self.ms, "a": {"m": "ORDER", "B": balances, "P": positions}}
        self.tell(account, _EVENTS, orjson.dumps(body))

    # -- who asks ------------------------------------------------------------------------------------------------------

    def _key(self, name: Any) -> Key:
        key = self.keys.get(str(name))
        if key is None:
            raise Refused("key")
        return key

    def _check(self, key: Key, payload: str, params: dict[str, Any]) -> None:
        """Judge stamp and signature."""
        stamp, window = str(params.get("timestamp", "")), str(params.get("recvWindow", "5000"))
        if not stamp.isdigit() or not window.isdigit():
            raise Refused("param")
        signature = params.get("signature")
        if not isinstance(signature, str) or not auth.Key(key.name, key.secret, key.account).signed(payload, signature):
            raise Refused("signature")
        if self.stale(int(stamp), int(window)):
            raise Refused("clock")

    # -- WebSocket API -------------------------------------------------------------------------------------------------

    def api_request(self, conn: Connection, ask: dict[str, Any]) -> None:
        """Answer one request of the WebSocket API (5.1)."""
        number, method, params = ask.get("id"), ask.get("method"), ask.get("params") or {}
        fault = self.order_fault() if method == "order.place" else ""
        try:
            if not isinstance(params, dict):
                raise Refused("param")
            result = self._api(conn, str(method), params, fault)
            status, error = 200, None
        except Refused as why:
            status, code, text = error_of(why)
            result, error = None, {"code": code, "msg": text}
        if fault == "order-unsure" and error is None:
            status, code, text = CODES["unsure"]
            result, error = None, {"code": code, "msg": text}
        body: dict[str, Any] = {"id": number, "status": status}
        if error is None:
            body["result"] = result
        else:
            body["error"] = error
        if params.get("returnRateLimits", True) is not False:
            body["rateLimits"] = [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400, "count": 1},
            ]
        self.reply(conn, orjson.dumps(body), fault)

    def _api(self, conn: Connection, method: str, params: dict[str, Any], fault: str) -> Any:
        if method == "session.logon":
            fault = self.login_fault(conn)
            if fault:
                raise Refused("key")
            key = self._signer(params)
            if "-----BEGIN" not in key.secret:
                raise Refused("signature")  # Ed25519 alone
            conn.state.user = key
            return {
                "apiKey": key.name,
                "authorizedSince": self.ms,
                "connectedSince": self.ms,
                "returnRateLimits": True,
                "serverTime": self.ms,
            }
        if method == "session.logout":
            conn.state.user = None
            return {"apiKey": None, "serverTime": self.ms}
        if method == "session.status":
            return {"apiKey": conn.state.user.name if conn.state.user else None, "serverTime": self.ms}
        if method.startswith("userDataStream."):
            key = self._key(params.get("apiKey"))
            return self._token(key, method.rpartition(".")[2])
        if method == "ticker.price":
            listing = self.listing(str(params.get("symbol", "")))
            return {"symbol": listing.name, "price": listing.px(self.trading.middle(listing.name)), "time": self.ms}
        key = conn.state.user if conn.state.user is not None and "signature" not in params else self._signer(params)
        acts: dict[str, Callable[[], Any]] = {
            "order.place": lambda: self._place(conn, key, params, fault),
            "order.modify": lambda: self._modify(key, params),
            "order.cancel": lambda: self._cancel(key, params),
            "order.status": lambda: self._row(self._find(key, params, "absent")),
            "account.balance": lambda: self._balances(key),
            "v2/account.balance": lambda: self._balances(key),
            "account.position": lambda: self._positions(key, params),
            "v2/account.position": lambda: self._positions(key, params),
            "account.status": lambda: self._account(key),
            "v2/account.status": lambda: self._account(key),
        }
        if method not in acts:
            raise Refused("path")
        return acts[method]()

    def _signer(self, params: dict[str, Any]) -> Key:
        key = self._key(params.get("apiKey"))
        payload = "&".join(f"{name}={_plain(params[name])}" for name in sorted(params) if name != "signature")
        self._check(key, payload, params)
        return key

    # -- REST ----------------------------------------------------------------------------------------------------------

    def signed_request(self, conn: Connection, asked: Asked, version: str, path: str) -> Answer:
        """Answer what needs a key."""
        key = self._key(asked.headers.get("x-mbx-apikey"))
        if path == "listenKey":
            verb = {"POST": "start", "PUT": "ping", "DELETE": "stop"}.get(asked.method, "")
            return json_answer(self._token(key, verb))
        try:
            params, payload = auth.rest_params(asked.query_text, asked.body.decode("latin-1"))
        except Refusal:
            raise Refused("signature") from None
        self._check(key, payload, dict(params))
        what = f"{asked.method} {path}"
        if what == "POST order":
            return self._rest_place(conn, key, params)
        if what == "POST batchOrders":
            return json_answer(
                [self._one(lambda one=one: self._place(conn, key, one, "")) for one in self._batch(params, "batchOrders", 5)]
            )
        acts: dict[str, Callable[[], Any]] = {
            "PUT order": lambda: self._modify(key, params),
            "DELETE order": lambda: self._cancel(key, params),
            "GET order": lambda: self._row(self._find(key, params, "absent")),
            "GET openOrder": lambda: self._row(self._open_one(key, params)),
            "GET openOrders": lambda: [self._row(one) for one in self.trading.open(key.account, self._symbol(params))],
            "GET openAlgoOrders": lambda: [],
            "DELETE allOpenOrders": lambda: self._cancel_all(key, params),
            "DELETE batchOrders": lambda: self._cancel_many(key, params),
            "PUT batchOrders": lambda: [self._one(lambda one=one: self._modify(key, one)) for one in self._batch(params, "batchOrders", 5)],
            "GET allOrders": lambda: [self._row(one) for one in self.trading.orders(key.account, self._symbol(params))],
            "GET userTrades": lambda: self._trades(key, params),
            "POST countdownCancelAll": lambda: self._countdown(key, params),
            "GET balance": lambda: self._balances(key),
            "GET account": lambda: self._account(key),
            "GET positionRisk": lambda: self._positions(key, params),
            "GET positionSide/dual": lambda: {"dualSidePosition": key.account.number in self.hedge},
            "GET leverageBracket": lambda: [
                {
                    "symbol": one,
                    "brackets": [
                        {"bracket": 1, "initialLeverage": 10, "notionalCap": 1e9, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0}
                    ],
                }
                for one in self.listings
            ],
            "GET accountConfig": lambda: {"canTrade": key.can_trade, "dualSidePosition": key.account.number in self.hedge},
            "GET symbolConfig": lambda: [
                {"symbol": one, "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": 10} for one in self.listings
            ],
            "POST leverage": lambda: {
                "symbol": params.get("symbol"),
                "leverage": int(params.get("leverage", "10")),
                "maxNotionalValue": "1000000",
            },
        }
        if what not in acts:
            raise Refused("path")
        return json_answer(acts[what]())

    def _rest_place(self, conn: Connection, key: Key, params: dict[str, str]) -> Answer:
        fault = self.order_fault()
        answer = json_answer(self._place(conn, key, params, fault))
        if fault == "order-unsure":
            status, code, text = CODES["unsure"]
            answer = json_answer({"code": code, "msg": text}, status)
        return self.faulty(answer, fault)

    # -- what is asked -------------------------------------------------------------------------------------------------

    def _token(self, key: Key, verb: str) -> Any:
        if verb == "start":
            return {"listenKey": self._listen_key(key)}
        name = next((name for name, (of, _) in self.listen_keys.items() if of.account is key.account), None)
        if name is None:
            raise Refused("no_listen_key")
        if verb == "stop":
            self.listen_keys.pop(name)[1].cancel()
            return {}
        self._extend(name, key)
        return {"listenKey": name}

    def _symbol(self, params: dict[str, Any]) -> str | None:
        return self.listing(str(params["symbol"])).name if "symbol" in params else None

    def _row(self, order: Order, *, ack: bool = False) -> dict[str, Any]:
        return order_row(order, inverse=self.inverse, ack=ack)

    def _place(self, conn: Connection, key: Key, params: dict[str, Any], fault: str) -> dict[str, Any]:
        """Place an order: acknowledged before it is matched, or with RESULT as it is when that is over."""
        if fault == "order-5xx":
            raise Refused("busy")
        if not key.can_trade:
            raise Refused("permission")
        kind, tif, side = params.get("type"), params.get("timeInForce", ""), params.get("side")
        if kind in CONDITIONAL:
            raise Refused("conditional")
        if kind not in ("LIMIT", "MARKET") or side not in ("BUY", "SELL") or (kind == "LIMIT" and tif not in ("GTC", "IOC", "FOK", "GTX")):
            raise Refused("param")
        if (params.get("positionSide", "BOTH") == "BOTH") == (key.account.number in self.hedge):
            raise Refused("hedge")
        listing = self.listing(str(params.get("symbol", "")))
        client = str(params.get("newClientOrderId", "") or f"web_{self.now_ns:x}_{self.trading.placed}")
        if not _CLIENT.match(client):
            raise Refused("param")
        px = amount(str(params.get("price", ""))) if kind == "LIMIT" else 0
        wish = Wish(
            listing.name,
            side == "BUY",
            "market" if kind == "MARKET" else "post" if tif == "GTX" else "limit",
            tif if tif in ("IOC", "FOK") else "GTC",
            px=px,
            qty=amount(str(params.get("quantity", ""))),
            client_id=client,
            reduce_only=str(params.get("reduceOnly", "false")).lower() == "true",
        )
        self.trading.check(wish)
        if tif == "FOK" and not self._fillable(wish):
            raise Refused("fok")
        with self.around(conn, key.account, fault):
            order = self.trading.place(key.account, wish)
        row = self._row(order, ack=True)
        if params.get("newOrderRespType", "ACK") != "RESULT":
            row |= {"status": "NEW", "executedQty": listing.qty(0), "cumQty": listing.qty(0)}
        return row

    def _fillable(self, wish: Wish) -> bool:
        listing, book = self.listings[wish.symbol], self.book(wish.symbol, 1000)
        there = 0
        for px, qty in book.asks if wish.buys else book.bids:
            if (amount(px) > wish.px) if wish.buys else (amount(px) < wish.px):
                break
            there += amount(qty)
        return there >= wish.qty and listing.status == "live"

    def _find(self, key: Key, params: dict[str, Any], why: str) -> Order:
        listing = self.listing(str(params.get("symbol", "")))
        number, client = str(params.get("orderId", "")), params.get("origClientOrderId")
        if not number.isdigit() and client is None:
            raise Refused("param")
        order = self.trading.find(
            key.account,
            listing.name,
            order_id=int(number) if number.isdigit() else None,
            client_id=None if number.isdigit() else str(client),
        )
        if order is None:
            raise Refused(why)
        return order

    def _open_one(self, key: Key, params: dict[str, Any]) -> Order:
        order = self._find(key, params, "absent")
        if not order.open:
            raise Refused("absent")
        return order

    def _cancel(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        if not key.can_trade:
            raise Refused("permission")
        return self._row(self.trading.cancel(self._find(key, params, "unknown")), ack=True)

    def _cancel_all(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        if not key.can_trade:
            raise Refused("permission")
        self.trading.cancel_all(key.account, self.listing(str(params.get("symbol", ""))).name)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _batch(self, params: dict[str, Any], name: str, most: int) -> list[Any]:
        try:
            rows = orjson.loads(params.get(name, ""))
        except orjson.JSONDecodeError:
            raise Refused("param") from None
        if not isinstance(rows, list) or not 0 < len(rows) <= most or not all(isinstance(row, dict) for row in rows):
            raise Refused("param")
        return rows

    def _one(self, act: Any) -> Any:
        """Return what one of a batch came to: its row, or its own error."""
        try:
            return act()
        except Refused as why:
            _, code, text = error_of(why)
            return {"code": code, "msg": text}

    def _cancel_many(self, key: Key, params: dict[str, Any]) -> list[Any]:
        name = "orderIdList" if "orderIdList" in params else "origClientOrderIdList"
        field = "orderId" if name == "orderIdList" else "origClientOrderId"
        try:
            numbers = orjson.loads(params.get(name, ""))
        except orjson.JSONDecodeError:
            raise Refused("param") from None
        if not isinstance(numbers, list) or not 0 < len(numbers) <= 10:
            raise Refused("param")
        return [self._one(lambda one=one: self._cancel(key, {"symbol": params.get("symbol", ""), field: str(one)})) for one in numbers]

    def _modify(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        """Change price and quantity; the order ends where nothing is left to fill, or where it must not take (5.1)."""
        if not key.can_trade:
            raise Refused("permission")
        order = self._find(key, params, "absent")
        if params.get("side") != ("BUY" if order.buys else "SELL"):
            raise Refused("param")
        px, qty = amount(str(params.get("price", ""))), amount(str(params.get("quantity", "")))
        if not order.open:
            raise Refused("closed")
        if (px, qty) == (order.px, order.qty):
            raise Refused("same")
        if order.cum and qty <= order.cum:
            return self._row(self.trading.cancel(order), ack=True)
        bid, ask = self.market.touch(order.symbol)
        if tif_of(order) == "GTX" and ((ask and px >= ask) if order.buys else (bid and px <= bid)):
            return self._row(self.trading.cancel(order), ack=True)
        return self._row(self.trading.amend(order, px, qty), ack=True)

    def _trades(self, key: Key, params: dict[str, Any]) -> list[dict[str, Any]]:
        listing = self.listing(str(params.get("symbol", "")))
        limit = min(int(params.get("limit", "500")), 1000)
        fills = self.trading.fills(key.account, listing.name)
        if "orderId" in params:
            fills = [fill for fill in fills if fill.order.id == int(params["orderId"])]
        rows = [trade_row(fill, inverse=self.inverse) for fill in fills]
        if "fromId" in params:
            return [row for row in rows if row["id"] >= int(params["fromId"])][:limit]
        return rows[-limit:]

    def _countdown(self, key: Key, params: dict[str, Any]) -> dict[str, Any]:
        listing, text = self.listing(str(params.get("symbol", ""))), str(params.get("countdownTime", ""))
        if not text.isdigit():
            raise Refused("param")
        self.deadman(key.account, int(text) * 1_000_000, listing.name)
        return {"symbol": listing.name, "countdownTime": text}

    def _balances(self, key: Key) -> list[dict[str, Any]]:
        rows = []
        settles = {one.settle for one in self.listings.values()}
        for asset, (free, locked) in key.account.balances.items():
            if asset not in settles:
                continue
            row = {"accountAlias": "SgsR", "asset": asset, "balance": text16(free + locked), "crossWalletBalance": text16(free + locked)}
            rows.append(
                {
                    **row,
                    "crossUnPnl": "0.00000000",
                    "availableBalance": text16(free),
                    "maxWithdrawAmount": text16(free),
                    "updateTime": self.ms,
                }
            )
        return rows

    def _account(self, key: Key) -> dict[str, Any]:
        assets = []
        for row in self._balances(key):
            assets.append(
                {
                    "asset": row["asset"],
                    "walletBalance": row["balance"],
                    "unrealizedProfit": "0.00000000",
                    "marginBalance": row["balance"],
                    "maintMargin": "0.00000000",
                    "initialMargin": "0.00000000",
                    "positionInitialMargin": "0.00000000",
                    "openOrderInitialMargin": "0.00000000",
                    "crossWalletBalance": row["balance"],
                    "crossUnPnl": "0.00000000",
                    "availableBalance": row["availableBalance"],
                    "maxWithdrawAmount": row["availableBalance"],
                    "marginAvailable": True,
                    "updateTime": self.ms,
                }
            )
        total = text16(sum(sum(pair) for pair in key.account.balances.values()) // E16 * E16)
        return {
            "feeTier": 0,
            "canTrade": key.can_trade,
            "totalWalletBalance": total,
            "assets": assets,
            "positions": self._positions(key, {}),
        }

    def _positions(self, key: Key, params: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = self._symbol(params)
        rows = []
        for one in self.trading.positions(key.account):
            if wanted in (None, one.listing.name):
                rows.append(position_row(one, one.listing.px(self.trading.middle(one.listing.name))))
        return rows


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
