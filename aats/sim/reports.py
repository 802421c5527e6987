"""Orders and fills of the simulated exchange, and every text in which the venue shows them.

`Order` and `Fill` are the records; the functions write them as order answers, query rows, trade rows and user-data
events.  Nothing here decides anything.  Times are kept in ns and written in ms, or in us for a client that asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aats.sim.accounts import FREE, LOCKED, Account
from aats.sim.amounts import text8, text16

ZERO = "0.00000000"
FILLS_SHOWN = 100

_TIMES = {"executionReport": ("E", "T", "O", "W"), "outboundAccountPosition": ("E", "u"), "eventStreamTerminated": ("E",)}


@dataclass(eq=False)
class Order:
    """One order of an account.  Prices and quantities at 1e-8, notionals at 1e-16."""

    id: int
    account: Account
    symbol: str
    base: str
    quote: str
    client_id: str
    buys: bool
    type: str
    tif: str
    px: int
    qty: int
    quote_qty: int
    stp: str
    resp: str
    created_ns: int
    cum: int = 0
    cum_quote: int = 0
    prevented: int = 0
    status: str = "NEW"
    expiry: str = ""
    updated_ns: int = 0
    amends: int = 0
    locked: int = 0  # at 1e-16, of `pays`
    fills: list[Fill] = field(default_factory=list)
    counted: bool = False  # its first fill has given back the order count

    @property
    def pays(self) -> str:
        """The asset that it spends."""
        return self.quote if self.buys else self.base

    @property
    def leaves(self) -> int:
        return self.qty - self.cum - self.prevented

    def needs(self) -> int:
        """Return what must be locked for what is left of it."""
        if self.type == "MARKET":
            return self.locked  # it never rests
        return self.leaves * (self.px if self.buys else 10**8)


@dataclass(frozen=True)
class Fill:
    """One trade of one order; `fee` at 1e-8 of `fee_asset`."""

    order: Order
    trade_id: int
    px: int
    qty: int
    fee: int
    fee_asset: str
    maker: bool
    t_ns: int
    gain: int | None = None  # of a contract: what it realized in the fee's asset, at 1e-16; None on spot

    def flows(self) -> tuple[tuple[str, int], ...]:
        """Return what it moved: asset and amount at 1e-16."""
        fee = (self.fee_asset, -self.fee * 10**8)
        if self.gain is not None:
            return (self.fee_asset, self.gain), fee
        sign = 1 if self.order.buys else -1
        return (self.order.base, sign * self.qty * 10**8), (self.order.quote, -sign * self.qty * self.px), fee


def stamp(t_ns: int, micros: bool) -> int:
    """Return a time as the client wants it."""
    return t_ns // (1000 if micros else 1_000_000)


# -- answers -----------------------------------------------------------------------------------------------------------


def placed(order: Order, micros: bool) -> dict[str, Any]:
    """Return the answer to a new order in its response type: ACK, RESULT or FULL."""
    row: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": stamp(order.updated_ns, micros),
    }
    if order.resp == "ACK":
        return row
    row.update(_state(order))
    row["workingTime"] = stamp(order.created_ns, micros)
    if order.resp == "FULL":
        row["fills"] = [
            {
                "price": text8(f.px),
                "qty": text8(f.qty),
                "commission": text8(f.fee),
                "commissionAsset": f.fee_asset,
                "tradeId": f.trade_id,
            }
            for f in order.fills
        ]
    row["selfTradePreventionMode"] = order.stp
    if order.expiry:
        row["expiryReason"] = order.expiry
    return row


def canceled(order: Order, cancel_id: str, micros: bool) -> dict[str, Any]:
    """Return the answer to a cancel: the order's id stands in origClientOrderId, the cancel's own in clientOrderId."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": stamp(order.updated_ns, micros),
        **_state(order),
        "selfTradePreventionMode": order.stp,
    }


def amended(order: Order, old_id: str, execution_id: int, micros: bool) -> dict[str, Any]:
    """Return the answer to order.amend.keepPriority."""
    return {
        "transactTime": stamp(order.updated_ns, micros),
        "executionId": execution_id,
        "amendedOrder": {
            "symbol": order.symbol,
            "orderId": order.id,
            "orderListId": -1,
            "origClientOrderId": old_id,
            "clientOrderId": order.client_id,
            "price": text8(order.px),
            "qty": text8(order.qty),
            "executedQty": text8(order.cum),
            "preventedQty": text8(order.prevented),
            "quoteOrderQty": text8(order.quote_qty),
            "cumulativeQuoteQty": text16(order.cum_quote),
            "status": order.status,
            "timeInForce": order.tif,
            "type": order.type,
            "side": _side(order),
            "workingTime": stamp(order.created_ns, micros),
            "selfTradePreventionMode": order.stp,
        },
    }


def queried(order: Order, micros: bool) -> dict[str, Any]:
    """Return an order as order.status, openOrders.status and allOrders show it."""
    row: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_state(order),
        "stopPrice": ZERO,
        "icebergQty": ZERO,
        "time": stamp(order.created_ns, micros),
        "updateTime": stamp(order.updated_ns, micros),
        "isWorking": True,
        "workingTime": stamp(order.created_ns, micros),
        "selfTradePreventionMode": order.stp,
    }
    if order.prevented:
        row["preventedQuantity"] = text8(order.prevented)
    if order.expiry:
        row["expiryReason"] = order.expiry
    return row


def traded(fill: Fill, micros: bool) -> dict[str, Any]:
    """Return one row of myTrades."""
    return {
        "symbol": fill.order.symbol,
        "id": fill.trade_id,
        "orderId": fill.order.id,
        "orderListId": -1,
        "price": text8(fill.px),
        "qty": text8(fill.qty),
        "quoteQty": text16(fill.px * fill.qty),
        "commission": text8(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": stamp(fill.t_ns, micros),
        "isBuyer": fill.order.buys,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def account_state(account: Account, micros: bool, *, omit_zero: bool) -> dict[str, Any]:
    """Return account.status."""
    maker, taker = account.rates
    return {
        "makerCommission": maker // 10_000,
        "takerCommission": taker // 10_000,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": text8(maker), "taker": text8(taker), "buyer": ZERO, "seller": ZERO},
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": stamp(account.updated_ns, micros),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": text16(row[FREE]), "locked": text16(row[LOCKED])}
            for asset, row in account.balances.items()
            if not omit_zero or row[FREE] or row[LOCKED]
        ],
        "permissions": ["SPOT"],
        "uid": account.number,
    }


def commission(account: Account, symbol: str) -> dict[str, Any]:
    """Return account.commission."""
    maker, taker = account.rates
    none = {"maker": ZERO, "taker": ZERO, "buyer": ZERO, "seller": ZERO}
    return {
        "symbol": symbol,
        "standardCommission": {**none, "maker": text8(maker), "taker": text8(taker)},
        "specialCommission": none,
        "taxCommission": none,
        "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": ZERO},
    }


def shown(name: str, account: Account) -> dict[str, Any]:
    """Return an account as GET /sim/state shows it; of its key only the beginning."""
    return {
        "key": name[:8],
        "balances": {asset: [text16(free), text16(locked)] for asset, (free, locked) in account.balances.items()},
        "open_orders": [
            {
                "orderId": order.id,
                "clientOrderId": order.client_id,
                "symbol": order.symbol,
                "side": _side(order),
                "price": text8(order.px),
                "origQty": text8(order.qty),
                "executedQty": text8(order.cum),
                "status": order.status,
            }
            for order in account.open.values()
        ],
        "orders": len(account.orders),
        "fills": len(account.fills),
        "last_fills": [traded(fill, micros=False) for fill in account.fills[-FILLS_SHOWN:]],
    }


# -- user data ---------------------------------------------------------------------------------------------------------


def execution(order: Order, kind: str, execution_id: int, t_ns: int, **also: Any) -> dict[str, Any]:
    """Return an executionReport; `kind` is its `x`, `also` replaces fields.  Its times are in us until `event_times`."""
    return {
        "e": "executionReport",
        "E": t_ns // 1000,
        "s": order.symbol,
        "c": order.client_id,
        "S": _side(order),
        "o": order.type,
        "f": order.tif,
        "q": text8(order.qty),
        "p": text8(order.px),
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": "",
        "x": kind,
        "X": order.status,
        "r": "NONE",
        "i": order.id,
        "l": ZERO,
        "z": text8(order.cum),
        "L": ZERO,
        "n": "0",
        "N": None,
        "T": t_ns // 1000,
        "t": -1,
        "I": execution_id,
        "w": order.id in order.account.open,
        "m": False,
        "M": False,
        "O": order.created_ns // 1000,
        "Z": text16(order.cum_quote),
        "Y": ZERO,
        "Q": text8(order.quote_qty),
        "W": order.created_ns // 1000,
        "V": order.stp,
        **also,
    }


def execution_fill(fill: Fill) -> dict[str, Any]:
    """Return what an executionReport of kind TRADE says besides."""
    return {
        "l": text8(fill.qty),
        "L": text8(fill.px),
        "n": text8(fill.fee),
        "N": fill.fee_asset,
        "t": fill.trade_id,
        "m": fill.maker,
        "Y": text16(fill.px * fill.qty),
    }


def position(account: Account, assets: list[str], t_ns: int) -> dict[str, Any]:
    """Return an outboundAccountPosition with these assets; times in us."""
    return {
        "e": "outboundAccountPosition",
        "E": t_ns // 1000,
        "u": account.updated_ns // 1000,
        "B": [{"a": a, "f": text16(account.balances[a][FREE]), "l": text16(account.balances[a][LOCKED])} for a in assets],
    }


def event_times(event: dict[str, Any], micros: bool) -> dict[str, Any]:
    """Return an event with its times in the client's unit."""
    if micros:
        return event
    return {**event, **{name: event[name] // 1000 for name in _TIMES[event["e"]]}}


def _side(order: Order) -> str:
    return "BUY" if order.buys else "SELL"


def _state(order: Order) -> dict[str, Any]:
    return {
        "price": text8(order.px),
        "origQty": text8(order.qty),
        "executedQty": text8(order.cum),
        "origQuoteOrderQty": text8(order.quote_qty),
        "cummulativeQuoteQty": text16(order.cum_quote),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.type,
        "side": _side(order),
    }
