"""What Binance's futures write: rows of orders, fills, positions, instruments, numbers of errors (exchanges/binance_usdm_futures.md, 4, 5, 7, 11)."""

from __future__ import annotations

from typing import Any

from aats.sim.amounts import text16
from aats.sim.listing import LIVE, Listing, Refused, trim
from aats.sim.trading import Fill, Order, Position

__all__ = ["CODES", "error_of", "info_row", "order_event", "order_row", "position_row", "tif_of", "trade_row", "type_of"]

#: Neutral reasons to status, code and text.
CODES: dict[str, tuple[int, int, str]] = {
    "symbol": (400, -1121, "Invalid symbol."),
    "halted": (400, -4108, "Symbol is not trading."),
    "tick": (400, -4014, "Price not increased by tick size."),
    "lot": (400, -4023, "Qty not increased by step size."),
    "min_qty": (400, -4004, "Quantity less than min quantity."),
    "max": (400, -4005, "Quantity greater than max quantity."),
    "min_notional": (400, -4164, "Order's notional must be no smaller than the minimum (unless you choose reduce only)."),
    "price_band": (400, -4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    "balance": (400, -2019, "Margin is insufficient."),
    "margin": (400, -2019, "Margin is insufficient."),
    "duplicate": (400, -4116, "ClientOrderId is duplicated."),
    "post_only": (
        400,
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    "fok": (400, -5021, "Due to the order could not be filled immediately, the FOK order has been rejected."),
    "reduce_only": (400, -2022, "ReduceOnly Order is rejected."),
    "unknown": (400, -2011, "Unknown order sent."),
    "closed": (400, -2011, "Unknown order sent."),
    "absent": (400, -2013, "Order does not exist."),
    "same": (400, -5027, "No need to modify the order."),
    "amend": (400, -4028, "Order cannot be modified."),
    "conditional": (400, -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."),
    "hedge": (400, -4061, "Order's position side does not match user's setting."),
    "limit": (400, -4021, "depth limit is not valid."),
    "param": (400, -1102, "A mandatory parameter was not sent, was empty/null, or malformed."),
    "permission": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "busy": (503, -1008, "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."),
    "unsure": (503, -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    "orders": (429, -1015, "Too many new orders."),
    "clock": (400, -1021, "Timestamp for this request is outside of the recvWindow."),
    "signature": (400, -1022, "Signature for this request is not valid."),
    "key": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "no_listen_key": (400, -1125, "This listenKey does not exist."),
    "path": (404, -5000, "Path not found."),
}

#: Our kinds of orders to the venue's timeInForce.
_POST = "GTX"


def error_of(why: Refused) -> tuple[int, int, str]:
    """Return status, code and text of a refusal."""
    return CODES.get(why.why, (400, -1000, "An unknown error occurred while processing the request."))


def type_of(order: Order) -> str:
    return "MARKET" if order.type == "MARKET" else "LIMIT"


def tif_of(order: Order) -> str:
    return _POST if order.type == "LIMIT_MAKER" else "GTC" if order.type == "MARKET" else order.tif


def _status(order: Order) -> str:
    return order.status


def order_row(order: Order, *, inverse: bool, ack: bool = False) -> dict[str, Any]:
    """Return an order as answers have it; an acknowledgement (`ack`) has no average price and no worth (5.1)."""
    one = order.listing
    row: dict[str, Any] = {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": _status(order),
        "clientOrderId": order.client_id,
        "price": one.px(order.px),
        "origQty": one.qty(order.qty),
        "executedQty": one.qty(order.cum),
        "timeInForce": tif_of(order),
        "type": type_of(order),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": "BUY" if order.buys else "SELL",
        "positionSide": "BOTH",
        "stopPrice": one.px(0),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": type_of(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": order.updated_ns // 1_000_000,
    }
    if inverse:
        row["pair"] = one.base + one.quote
    if ack:
        row["cumQty"] = one.qty(order.cum)
    else:
        row["avgPrice"] = trim(order.average, one.px_dec)
        row["cumBase" if inverse else "cumQuote"] = text16(_worth(order))
        row["time"] = order.created_ns // 1_000_000
    return row


def _worth(order: Order) -> int:
    return sum(order.listing.value(fill.px, fill.qty) for fill in order.fills)


def order_event(order: Order, what: str, fill: Fill | None, now_ms: int) -> dict[str, Any]:
    """Return the `o` of an ORDER_TRADE_UPDATE (5.2)."""
    one = order.listing
    row: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": "BUY" if order.buys else "SELL",
        "o": type_of(order),
        "f": tif_of(order),
        "q": one.qty(order.qty),
        "p": one.px(order.px),
        "ap": trim(order.average, one.px_dec),
        "sp": one.px(0),
        "x": {"new": "NEW", "fill": "TRADE", "amended": "AMENDMENT", "canceled": "CANCELED", "expired": "EXPIRED"}[what],
        "X": _status(order),
        "i": order.id,
        "l": one.qty(fill.qty if fill else 0),
        "z": one.qty(order.cum),
        "L": one.px(fill.px if fill else 0),
    }
    if fill is not None:
        row["N"] = fill.fee_asset
        row["n"] = trim(fill.fee, 8)
    row |= {
        "T": now_ms,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": type_of(order),
        "ps": "BOTH",
        "cp": False,
        "rp": text16(fill.gain or 0) if fill else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
        "er": "0",
    }
    return row


def trade_row(fill: Fill, *, inverse: bool) -> dict[str, Any]:
    """Return a row of userTrades."""
    order, one = fill.order, fill.order.listing  # type: ignore[attr-defined]
    row = {
        "symbol": order.symbol,
        "id": fill.trade_id,
        "orderId": order.id,
        "side": "BUY" if order.buys else "SELL",
        "positionSide": "BOTH",
        "price": one.px(fill.px),
        "qty": one.qty(fill.qty),
        "realizedPnl": text16(fill.gain or 0),
        "marginAsset": one.settle,
        "commission": trim(fill.fee, 8),
        "commissionAsset": fill.fee_asset,
        "time": fill.t_ns // 1_000_000,
        "buyer": order.buys,
        "maker": fill.maker,
    }
    row["baseQty" if inverse else "quoteQty"] = text16(one.value(fill.px, fill.qty))
    return row


def position_row(position: Position, mark: str) -> dict[str, Any]:
    """Return a row of positionRisk (8)."""
    one = position.listing
    return {
        "symbol": one.name,
        "positionSide": "BOTH",
        "positionAmt": one.qty(position.qty),
        "entryPrice": trim(position.entry, 8),
        "breakEvenPrice": trim(position.entry, 8),
        "markPrice": mark,
        "unRealizedProfit": "0.00000000",
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": "0",
        "marginAsset": one.settle,
        "isolatedWallet": "0",
        "initialMargin": "0",
        "maintMargin": "0",
        "adl": 2,
        "leverage": "10",
        "marginType": "cross",
        "updateTime": 0,
    }


def info_row(one: Listing, *, inverse: bool) -> dict[str, Any]:
    """Return a row of exchangeInfo (4)."""
    status = "TRADING" if one.status == LIVE else "TRADING_HALT"
    row: dict[str, Any] = {
        "symbol": one.name,
        "pair": one.base + one.quote,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "contractStatus" if inverse else "status": status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.base,
        "quoteAsset": one.quote,
        "marginAsset": one.settle,
        "pricePrecision": one.px_dec,
        "quantityPrecision": one.qty_dec,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": one.tick, "maxPrice": "4529764", "tickSize": one.tick},
            {"filterType": "LOT_SIZE", "minQty": one.min_qty or one.lot, "maxQty": "100000", "stepSize": one.lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": one.min_qty or one.lot, "maxQty": "100000", "stepSize": one.lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "10", "multiplierDown": "0.1", "multiplierDecimal": "4"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }
    if inverse:
        row["contractSize"] = int(one.contract)
    else:
        row["filters"].append({"filterType": "MIN_NOTIONAL", "notional": one.min_notional})
    return row
