"""A small venue that speaks Binance's WebSocket API, written from the fact sheet alone: nothing of ours is in it, neither the exchange nor the engine.

For: the third runner of transcripts (venues.py).  One symbol, one account, any signature.  It answers before it sends the events of what it has done
(the simulated exchange does it the other way round; the sheet promises neither), numbers orders and trades in its own way, and has fields that nobody knows.
Own orders queue behind the quantity that is displayed when they come; fees are 0.1 % of what is received.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.world.pipes import handshake

FEE = Decimal("0.001")
STEP = Decimal("0.00000001")
KNOWN_KEY = "key"


@dataclass(eq=False)
class Order:
    """An order as this venue remembers it."""

    number: int
    client_id: str
    side: str
    type: str
    tif: str
    price: Decimal
    size: Decimal
    status: str = "NEW"
    cum: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    ahead: Decimal = Decimal(0)  # of the public, before it at its price
    fills: list[dict[str, Any]] = field(default_factory=list)
    name: str = ""  # that a cancel has given it: by the client id of its sender it is not found any more

    @property
    def left(self) -> Decimal:
        return self.size - self.cum

    @property
    def open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


class Scripted:
    """The venue.

    Parameters
    ----------
    deposits
        Asset to amount, as texts.
    """

    def __init__(self, deposits: dict[str, str]) -> None:
        self.free = {asset: Decimal(amount) for asset, amount in deposits.items()}
        self.orders: dict[str, Order] = {}
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.now_ms = 0
        self._listening = False
        self._out: list[bytes] = []
        self._events: list[dict[str, Any]] = []
        self._trade = 880_000

    # -- the connection

    def upgrade(self, head: bytes) -> bytes:
        assert head.startswith(b"GET /ws-api/v3 HTTP/1.1\r\n"), head
        return handshake(head)

    def closed(self) -> None:
        self._listening = False
        self._out.clear()

    def take(self) -> list[bytes]:
        """Return the texts that the client is to get."""
        self._flush()
        out, self._out = self._out, []
        return out

    def request(self, request: dict[str, Any], now_ns: int) -> None:
        """Do what is asked and answer; then tell the events of it."""
        self.now_ms = now_ns // 1_000_000
        params, reply = request.get("params", {}), {"id": request["id"], "status": 200}
        try:
            if "timestamp" in params:
                assert abs(params["timestamp"] - self.now_ms) < 5000 and params["apiKey"] and params["signature"]
                if params["apiKey"] != KNOWN_KEY:
                    raise Refused(401, -2015, "Invalid API-key, IP, or permissions for action.")
            reply["result"] = _METHODS[request["method"]](self, params)
        except Refused as refused:
            reply = {"id": request["id"], "status": refused.status, "error": {"code": refused.code, "msg": refused.msg}}
        self._say(reply | {"rateLimits": [], "aFieldThatNobodyKnows": {"of": [1, None, "x"]}})
        self._flush()

    def _say(self, what: dict[str, Any]) -> None:
        self._out.append(json.dumps(what, separators=(",", ":")).encode())

    def _flush(self) -> None:
        events, self._events = self._events, []
        for event in events if self._listening else ():
            self._say({"subscriptionId": 0, "event": event})

    # -- methods

    def _time(self, params: dict[str, Any]) -> Any:
        return {"serverTime": self.now_ms}

    def _listen(self, params: dict[str, Any]) -> Any:
        self._listening = True
        return {"subscriptionId": 0}

    def _account(self, params: dict[str, Any]) -> Any:
        return {"balances": [{"asset": asset, "free": _text(amount), "locked": "0.00000000"} for asset, amount in self.free.items()]}

    def _open_orders(self, params: dict[str, Any]) -> Any:
        return [self._row(order) for order in self.orders.values() if order.open]

    def _place(self, params: dict[str, Any]) -> Any:
        order = Order(
            40_000_000_000 + len(self.orders),
            params["newClientOrderId"],
            params["side"],
            params["type"],
            params.get("timeInForce", "GTC"),
            Decimal(params.get("price", "0")),
            Decimal(params["quantity"]),
        )
        need = ("USDT", order.price * order.size) if order.side == "BUY" else ("BTC", order.size)
        if need[1] > self.free.get(need[0], Decimal(0)):
            raise Refused(400, -2010, "Account has insufficient balance for requested action.")
        if order.type == "LIMIT_MAKER" and self._reach(order):
            raise Refused(400, -2010, "Order would immediately match and take.")
        assert order.client_id not in self.orders, "an order that was sent twice"
        self.orders[order.client_id] = order
        self._event(order, "NEW")
        self._take(order)
        return {**self._row(order), "transactTime": self.now_ms, "fills": [_in_full(fill) for fill in order.fills]}

    def _cancel(self, params: dict[str, Any]) -> Any:
        order = self._named(params)
        if order is None or not order.open:
            raise Refused(400, -2011, "Unknown order sent.")
        order.name = params.get("newClientOrderId") or f"cancel-of-{order.number}"
        self._end(order, "CANCELED")
        return {**self._row(order), "origClientOrderId": order.client_id, "transactTime": self.now_ms}

    def _status(self, params: dict[str, Any]) -> Any:
        order = self._named(params)
        if order is None:
            raise Refused(400, -2013, "Order does not exist.")
        return self._row(order) | {"time": self.now_ms, "updateTime": self.now_ms, "isWorking": True}

    def _trades(self, params: dict[str, Any]) -> Any:
        orders = [order for order in self.orders.values() if order.number == params.get("orderId", order.number)]
        rows = [_in_my_trades(order, fill) for order in orders for fill in order.fills if fill["t"] >= params.get("fromId", 0)]
        rows.sort(key=lambda row: row["id"])
        return rows[: params["limit"]] if "fromId" in params else rows[-params["limit"] :]

    def _named(self, params: dict[str, Any]) -> Order | None:
        if "origClientOrderId" in params:
            name = params["origClientOrderId"]
            return next((order for order in self.orders.values() if name == (order.name or order.client_id)), None)
        return next((order for order in self.orders.values() if order.number == params["orderId"]), None)

    # -- the market

    def book(self, bids: list[list[str]], asks: list[list[str]], now_ns: int) -> None:
        """Take a new public book: what crosses an own order would have traded with it."""
        self.now_ms = now_ns // 1_000_000
        self.bids, self.asks = ({Decimal(px): Decimal(qty) for px, qty in side} for side in (bids, asks))
        for order in [order for order in self.orders.values() if order.open]:
            mine, theirs = (self.bids, self.asks) if order.side == "BUY" else (self.asks, self.bids)
            order.ahead = min(order.ahead, mine.get(order.price, Decimal(0)))
            for px in self._reach(order):
                got = min(order.left, theirs[px])
                if got:
                    theirs[px] -= got
                    self._fill(order, order.price, got, maker=True)

    def trade(self, side: str, price: str, size: str, now_ns: int) -> None:
        """Let the public trade: own orders at better prices are hit first, then the public before them, then they."""
        self.now_ms = now_ns // 1_000_000
        px, left, hit = Decimal(price), Decimal(size), "SELL" if side == "buy" else "BUY"
        resting = [order for order in self.orders.values() if order.open and order.side == hit]
        better = [order for order in resting if (order.price > px if hit == "BUY" else order.price < px)]
        for order in sorted(better, key=lambda order: order.price, reverse=hit == "BUY"):
            got = min(order.left, left)
            left -= got
            if got:
                self._fill(order, order.price, got, maker=True)
        for order in [order for order in resting if order.price == px]:
            passed = min(order.ahead, left)
            order.ahead -= passed
            left -= passed
            got = min(order.left, left)
            left -= got
            if got:
                self._fill(order, px, got, maker=True)

    def end(self, order_id: int, status: str, now_ns: int) -> None:
        """End an open order though its owner did not ask for it."""
        self.now_ms = now_ns // 1_000_000
        self._end(next(order for order in self.orders.values() if int(order.client_id[16:], 16) == order_id), status)

    def _reach(self, order: Order) -> list[Decimal]:
        """Return the public prices that an order would trade at, the best first."""
        if order.side == "BUY":
            return sorted(px for px, qty in self.asks.items() if qty and (px <= order.price or order.type == "MARKET"))
        return sorted((px for px, qty in self.bids.items() if qty and (px >= order.price or order.type == "MARKET")), reverse=True)

    def _take(self, order: Order) -> None:
        """Let a new order trade with the public as far as it may; then it rests, or ends."""
        theirs = self.asks if order.side == "BUY" else self.bids
        prices = self._reach(order)
        for other in [other for other in self.orders.values() if other.open and other.side != order.side and _crosses(order, other)]:
            self._end(other, "EXPIRED_IN_MATCH")
        if order.tif == "FOK" and sum(theirs[px] for px in prices) < order.size:
            prices = []
        for px in prices:
            got = min(order.left, theirs[px])
            theirs[px] -= got
            if got:
                self._fill(order, px, got, maker=False)
        if order.open and (order.type == "MARKET" or order.tif in ("IOC", "FOK")):
            self._end(order, "EXPIRED")
        elif order.open:
            order.ahead = (self.bids if order.side == "BUY" else self.asks).get(order.price, Decimal(0))

    def _fill(self, order: Order, px: Decimal, qty: Decimal, *, maker: bool) -> None:
        self._trade += 1
        fee, asset = (qty * FEE, "BTC") if order.side == "BUY" else (qty * px * FEE, "USDT")
        order.cum += qty
        order.quote += px * qty
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        fill = {"t": self._trade, "L": px, "l": qty, "n": fee.quantize(STEP, ROUND_DOWN), "N": asset, "m": maker}
        order.fills.append(fill)
        self._event(order, "TRADE", **{key: _text(value) if isinstance(value, Decimal) else value for key, value in fill.items()})

    def _end(self, order: Order, status: str) -> None:
        order.status = status
        if status == "CANCELED":
            self._event(order, "CANCELED", c=order.name or f"cancel-of-{order.number}", C=order.client_id)
        else:
            self._event(order, "TRADE_PREVENTION" if status == "EXPIRED_IN_MATCH" else "EXPIRED")

    # -- texts

    def _row(self, order: Order) -> dict[str, Any]:
        return {
            "symbol": "BTCUSDT",
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.name or order.client_id,
            "price": _text(order.price),
            "origQty": _text(order.size),
            "executedQty": _text(order.cum),
            "cummulativeQuoteQty": _text(order.quote),
            "status": order.status,
            "timeInForce": order.tif,
            "type": order.type,
            "side": order.side,
        }

    def _event(self, order: Order, what: str, **also: Any) -> None:
        event = {
            "e": "executionReport",
            "E": self.now_ms,
            "s": "BTCUSDT",
            "c": order.client_id,
            "S": order.side,
            "o": order.type,
            "f": order.tif,
        }
        event |= {
            "q": _text(order.size),
            "p": _text(order.price),
            "g": -1,
            "C": "",
            "x": what,
            "X": order.status,
            "r": "NONE",
            "i": order.number,
        }
        event |= {
            "l": "0.00000000",
            "z": _text(order.cum),
            "L": "0.00000000",
            "n": "0",
            "N": None,
            "T": self.now_ms,
            "t": -1,
            "w": order.open,
            "m": False,
        }
        self._events.append(event | {"Z": _text(order.quote), "zzNew": {"unknown": True}} | also)


class Refused(Exception):
    """An answer that is no 200."""

    def __init__(self, status: int, code: int, msg: str) -> None:
        super().__init__(msg)
        self.status, self.code, self.msg = status, code, msg


def _crosses(taker: Order, other: Order) -> bool:
    return taker.type == "MARKET" or (other.price <= taker.price if taker.side == "BUY" else other.price >= taker.price)


def _text(value: Decimal) -> str:
    return f"{value:.8f}"


def _in_full(fill: dict[str, Any]) -> dict[str, Any]:
    return {
        "price": _text(fill["L"]),
        "qty": _text(fill["l"]),
        "commission": _text(fill["n"]),
        "commissionAsset": fill["N"],
        "tradeId": fill["t"],
    }


def _in_my_trades(order: Order, fill: dict[str, Any]) -> dict[str, Any]:
    row = {"symbol": "BTCUSDT", "id": fill["t"], "orderId": order.number, "price": _text(fill["L"]), "qty": _text(fill["l"])}
    row |= {"commission": _text(fill["n"]), "commissionAsset": fill["N"], "time": 1, "isBuyer": order.side == "BUY", "isMaker": fill["m"]}
    return row


_METHODS = {
    "time": Scripted._time,
    "userDataStream.subscribe.signature": Scripted._listen,
    "account.status": Scripted._account,
    "openOrders.status": Scripted._open_orders,
    "order.place": Scripted._place,
    "order.cancel": Scripted._cancel,
    "order.status": Scripted._status,
    "myTrades": Scripted._trades,
}
