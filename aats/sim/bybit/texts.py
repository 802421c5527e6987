"""How Bybit writes orders, executions, instruments and refusals (exchanges/bybit_v5.md sections 4, 5 and 7).  Nothing here decides anything."""

from __future__ import annotations

import uuid
from typing import Any

from aats.sim.accounts import FREE, LOCKED, Account
from aats.sim.amounts import text16
from aats.sim.listing import GONE, LIVE, Listing, Refused, trim
from aats.sim.market import Level
from aats.sim.trading import Fill, Order, Position

__all__ = ["code_of", "coin", "execution", "instrument", "levels", "name_of", "order_row", "position_row"]

MS_NS = 1_000_000
_SPACE = uuid.UUID("6f0c5a52-6a51-4f0f-9d9e-2f3f1a0b7c11")

#: Neutral refusal to code: linear, spot (7).
_CODES: dict[str, tuple[int, int]] = {
    "symbol": (10001, 10001),
    "halted": (10001, 10001),
    "tick": (10001, 170134),
    "lot": (10001, 170137),
    "min_qty": (10001, 170136),
    "max": (10001, 170136),
    "min_notional": (110094, 170140),
    "price_band": (110003, 170132),
    "balance": (110007, 170131),
    "margin": (110007, 170131),
    "duplicate": (110072, 170141),
    "reduce_only": (110017, 10001),
    "unknown": (110001, 170213),
    "amend": (10001, 10001),
    "param": (10001, 10001),
    "permission": (10005, 10005),
    "busy": (10016, 10016),
    "clock": (10002, 10002),
    "signature": (10004, 10004),
    "key": (10003, 10003),
}
#: Why an order ended: cancelType, rejectReason (5.2, 5.4).
_ENDS = {
    "user": ("CancelByUser", "EC_PerCancelRequest"),
    "fok": ("UNKNOWN", "EC_CancelForNoFullFill"),
    "no_liquidity": ("UNKNOWN", "EC_NoEnoughQtyToFill"),
    "post_only": ("UNKNOWN", "EC_PostOnlyWillTakeLiquidity"),
    "stp": ("CancelBySmp", "EC_NoError"),
    "deadman": ("CancelByDCP", "EC_NoError"),
    "reduce_only": ("CancelByReduceOnly", "EC_NoError"),
}
_TIFS = {"LIMIT_MAKER": "PostOnly"}


def code_of(refused: Refused, *, spot: bool) -> int:
    """Return the venue's code of a refusal."""
    if refused.why == "closed":
        filled = isinstance(refused.order, Order) and refused.order.status == "FILLED"
        return (170139 if filled else 170142) if spot else (110008 if filled else 110010)
    linear_code, spot_code = _CODES.get(refused.why, (10001, 10001))
    return spot_code if spot else linear_code


def name_of(venue: str, kind: str, number: int, *, spot: bool) -> str:
    """Return the id of an order ("o") or a trade ("t"): a number on spot, a UUID on contracts."""
    return str(1_900_000_000_000_000_000 + number) if spot else str(uuid.uuid5(_SPACE, f"{venue}/{kind}/{number}"))


def levels(rows: list[Level]) -> str:
    """Write price levels; a level that is gone has size "0"."""
    return ",".join(f'["{px}","{qty if qty.strip("0.") else "0"}"]' for px, qty in rows)


def _status(order: Order) -> str:
    if order.open:
        return "New" if order.status == "NEW" else "PartiallyFilled"
    if order.status == "FILLED":
        return "Filled"
    return "PartiallyFilledCanceled" if order.listing.spot and order.cum else "Cancelled"


def order_row(order: Order, order_id: str, *, category: str) -> dict[str, Any]:
    """Return an order as events and answers have it (5.3)."""
    listing, how = order.listing, ("UNKNOWN", "EC_NoError")
    if not order.open and order.status != "FILLED":
        how = _ENDS.get(order.why, ("UNKNOWN", "EC_NoError"))
        if order.why == "ioc":
            how = ("UNKNOWN", "EC_NoEnoughQtyToFill" if order.cum else "EC_NoImmediateQtyToFill")
        elif order.why not in _ENDS:
            how = ("CancelByAdmin", "EC_NoError")
    fees: dict[str, int] = {}
    for fill in order.fills:
        fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) + fill.fee
    return {
        "category": category,
        "symbol": order.symbol,
        "orderId": order_id,
        "orderLinkId": order.client_id,
        "side": "Buy" if order.buys else "Sell",
        "orderType": "Market" if order.type == "MARKET" else "Limit",
        "price": listing.px(order.px),
        "qty": listing.qty(order.qty),
        "timeInForce": _TIFS.get(order.type, order.tif),
        "orderStatus": _status(order),
        "cancelType": how[0],
        "rejectReason": how[1],
        "avgPrice": trim(order.average, 8) if order.cum else "",
        "leavesQty": listing.qty(order.leaves) if order.open else "0",
        "cumExecQty": listing.qty(order.cum),
        "cumExecValue": trim(order.cum_quote // 10**8, 8),
        "cumFeeDetail": {asset: trim(fee, 8) for asset, fee in fees.items()},
        "positionIdx": 0,
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "stopOrderType": "",
        "triggerPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createType": "CreateByUser",
        "isLeverage": "",
        "createdTime": str(order.created_ns // MS_NS),
        "updatedTime": str(order.updated_ns // MS_NS),
    }


def execution(fill: Fill, order_id: str, exec_id: str, *, category: str, leaves: int) -> dict[str, Any]:
    """Return a fill as the execution topic and execution/list have it."""
    order, listing = fill.order, fill.order.listing  # type: ignore[attr-defined]
    return {
        "category": category,
        "symbol": order.symbol,
        "orderId": order_id,
        "orderLinkId": order.client_id,
        "side": "Buy" if order.buys else "Sell",
        "orderPrice": listing.px(order.px),
        "orderQty": listing.qty(order.qty),
        "leavesQty": listing.qty(leaves),
        "orderType": "Market" if order.type == "MARKET" else "Limit",
        "execId": exec_id,
        "execPrice": listing.px(fill.px),
        "execQty": listing.qty(fill.qty),
        "execValue": trim(fill.px * fill.qty // 10**8, 8),
        "execFee": trim(fill.fee, 8),
        "feeRate": "",
        "feeCurrency": fill.fee_asset,
        "execType": "Trade",
        "isMaker": fill.maker,
        "execTime": str(fill.t_ns // MS_NS),
        "closedSize": "0",
        "seq": 512_345_000_000 + fill.trade_id,
    }


def coin(account: Account, asset: str) -> dict[str, Any]:
    """Return one coin of a wallet."""
    balance = account.balances[asset]
    total = text16(balance[FREE] + balance[LOCKED])
    return {
        "coin": asset,
        "equity": total,
        "walletBalance": total,
        "locked": text16(balance[LOCKED]),
        "spotBorrow": "0",
        "borrowAmount": "0",
        "usdValue": "",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "unrealisedPnl": "0",
    }


def position_row(one: Position, *, category: str, t_ns: int) -> dict[str, Any]:
    """Return a position; none is a row with size 0."""
    listing = one.listing
    return {
        "category": category,
        "positionIdx": 0,
        "symbol": listing.name,
        "side": "" if not one.qty else "Buy" if one.qty > 0 else "Sell",
        "size": listing.qty(abs(one.qty)),
        "avgPrice": trim(one.entry, 8),
        "entryPrice": trim(one.entry, 8),
        "curRealisedPnl": text16(one.realized),
        "leverage": "10",
        "positionStatus": "Normal",
        "updatedTime": str(t_ns // MS_NS),
    }


def instrument(one: Listing) -> dict[str, Any]:
    """Return a row of instruments-info (4)."""
    status = {LIVE: "Trading", GONE: "Closed"}.get(one.status, "PreLaunch")
    prices = {"tickSize": one.tick, "minPrice": one.tick, "maxPrice": "1999999.8"}
    lots = {"minOrderQty": one.min_qty or one.lot, "maxOrderQty": one.max_qty}
    row: dict[str, Any] = {"symbol": one.name, "baseCoin": one.base, "quoteCoin": one.quote, "status": status}
    if one.spot:
        lots |= {"basePrecision": one.lot, "quotePrecision": "0.00000001", "minOrderAmt": one.min_notional, "maxOrderAmt": "8000000"}
        lots |= {"maxLimitOrderQty": one.max_qty, "maxMarketOrderQty": one.max_qty}
        row |= {"innovation": "0", "marginTrading": "none", "lotSizeFilter": lots, "priceFilter": {"tickSize": one.tick}}
        return row
    lots |= {"qtyStep": one.lot, "maxMktOrderQty": one.max_qty, "minNotionalValue": one.min_notional, "postOnlyMaxOrderQty": one.max_qty}
    row |= {
        "contractType": "LinearPerpetual",
        "settleCoin": one.settle,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
    }
    row |= {"priceScale": str(one.px_dec), "priceFilter": prices, "lotSizeFilter": lots, "fundingInterval": one.funding_hours * 60}
    row |= {"leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"}, "unifiedMarginTrade": True}
    return row | {"upperFundingRate": "0.005", "lowerFundingRate": "-0.005", "isPreListing": False, "copyTrading": "none"}
