"""Orders, fills, products and refusals as Coinbase writes them (exchanges/coinbase.md sections 4, 5, 7)."""

from __future__ import annotations

import uuid
from typing import Any

from aats.sim.amounts import text8, text16
from aats.sim.listing import HALTED, LIVE, Listing, Refused, trim
from aats.sim.trading import Fill, Order
from aats.sim.venue import iso

__all__ = [
    "configuration",
    "edit_reason",
    "fill_row",
    "order_id",
    "order_number",
    "order_row",
    "product",
    "reason",
    "status_of",
    "trade_id",
    "user_row",
]

_SPACE = uuid.UUID("52cfe5e2-0000-4000-8000-000000000000")
_TIFS = {"GTC": "GOOD_UNTIL_CANCELLED", "IOC": "IMMEDIATE_OR_CANCEL", "FOK": "FILL_OR_KILL"}

#: Neutral words to the venue's; what is not here is refused as a bad request.
_REASONS = {
    "balance": ("INSUFFICIENT_FUND", "Insufficient balance in source account", "PREVIEW_INSUFFICIENT_FUND"),
    "post_only": ("INVALID_LIMIT_PRICE_POST_ONLY", "", "PREVIEW_INVALID_LIMIT_PRICE_POSTONLY"),
    "symbol": ("INVALID_PRODUCT_ID", "", "UNKNOWN_PREVIEW_FAILURE_REASON"),
    "halted": ("UNSUPPORTED_ORDER_CONFIGURATION", "trading is disabled", "UNKNOWN_PREVIEW_FAILURE_REASON"),
    "tick": ("INVALID_PRICE_PRECISION", "", "PREVIEW_INVALID_PRICE_PRECISION"),
    "lot": ("INVALID_SIZE_PRECISION", "", "PREVIEW_INVALID_SIZE_PRECISION"),
    "min_qty": ("UNKNOWN_FAILURE_REASON", "", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
    "min_notional": ("UNKNOWN_FAILURE_REASON", "", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
    "max": ("UNKNOWN_FAILURE_REASON", "", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
}
_EDITS = {
    "unknown": "ORDER_NOT_FOUND",
    "closed": "ORDER_ALREADY_FILLED",
    "amend": "INVALID_EDITED_SIZE",
    "post_only": "INVALID_EDITED_PRICE",
}


def order_id(number: int) -> str:
    """Return the venue's name of an order: a UUID that holds its number."""
    return str(uuid.UUID(int=_SPACE.int + number))


def order_number(name: str) -> int:
    """Return the number in an order's name, -1 where it has none of ours."""
    try:
        number = uuid.UUID(name).int - _SPACE.int
    except ValueError:
        return -1
    return number if 0 < number < 2**48 else -1


def trade_id(number: int) -> str:
    """Return the venue's name of a trade."""
    return str(uuid.uuid5(_SPACE, str(number)))


def status_of(order: Order) -> str:
    """Return the venue's word for where an order stands."""
    if order.open:
        return "OPEN"
    return "FILLED" if order.status == "FILLED" else "CANCELLED"


def _average(order: Order) -> str:
    return trim(order.average, 8) if order.cum else "0"


def _fees(order: Order) -> int:
    return sum(fill.fee for fill in order.fills)


def user_row(order: Order, status: str, *, ended: bool, why: str = "") -> dict[str, Any]:
    """Return an order as the user channel tells it: only sums, never a trade."""
    listing = order.listing
    return {
        "order_id": order_id(order.id), "client_order_id": order.client_id, "product_id": listing.name, "order_side": "BUY" if order.buys else "SELL",
        "order_type": "Market" if order.type == "MARKET" else "Limit", "status": status, "cumulative_quantity": listing.qty(order.cum) if order.cum else "0",
        "leaves_quantity": "0" if ended else listing.qty(order.leaves), "avg_price": _average(order), "total_fees": text8(_fees(order)),
        "filled_value": text16(order.cum_quote), "number_of_fills": str(len(order.fills)), "completion_percentage": "0",
        "limit_price": listing.px(order.px) if order.px else "", "stop_price": "", "post_only": order.type == "LIMIT_MAKER", "outstanding_hold_amount": "0",
        "total_value_after_fees": "0", "creation_time": iso(order.created_ns), "end_time": "0001-01-01T00:00:00Z", "start_time": "0001-01-01T00:00:00Z",
        "time_in_force": _TIFS[order.tif], "trigger_status": "INVALID_ORDER_TYPE", "product_type": "SPOT",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE", "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE", "cancel_reason": why, "reject_reason": "",
        "retail_portfolio_id": "",
    }  # fmt: skip


def configuration(order: Order) -> dict[str, Any]:
    """Return how an order was asked for, with the price and size that it has now."""
    listing = order.listing
    if order.type == "MARKET":
        return {"market_market_ioc": {"base_size": listing.qty(order.qty)} if order.qty else {"quote_size": text8(order.quote_qty)}}
    shape = {"IOC": "sor_limit_ioc", "FOK": "limit_limit_fok"}.get(order.tif, "limit_limit_gtc")
    rest = {"post_only": order.type == "LIMIT_MAKER"} if shape == "limit_limit_gtc" else {}
    return {shape: {"base_size": listing.qty(order.qty), "limit_price": listing.px(order.px), **rest}}


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as REST tells it."""
    listing, status = order.listing, status_of(order)
    blank = "" if status == "CANCELLED" and not order.cum else "0"  # numbers of a cancelled order may be empty (9)
    return {
        "order_id": order_id(order.id), "product_id": listing.name, "user_id": "u", "order_configuration": configuration(order),
        "side": "BUY" if order.buys else "SELL", "client_order_id": order.client_id, "status": status, "time_in_force": _TIFS[order.tif],
        "created_time": iso(order.created_ns), "completion_percentage": "0", "filled_size": listing.qty(order.cum) if order.cum else blank,
        "average_filled_price": _average(order) if order.cum else blank, "fee": "", "number_of_fills": str(len(order.fills)),
        "filled_value": text16(order.cum_quote) if order.cum else blank, "pending_cancel": False, "size_in_quote": False,
        "total_fees": text8(_fees(order)), "size_inclusive_of_fees": False, "total_value_after_fees": "0", "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "MARKET" if order.type == "MARKET" else "LIMIT", "reject_reason": "REJECT_REASON_UNSPECIFIED", "settled": not order.open,
        "product_type": "SPOT", "reject_message": "", "cancel_message": "", "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": "0", "last_fill_time": iso(order.fills[-1].t_ns) if order.fills else None, "edit_history": [],
    }  # fmt: skip


def fill_row(fill: Fill) -> dict[str, Any]:
    """Return a fill as REST tells it."""
    order: Any = fill.order
    listing = order.listing
    return {
        "entry_id": str(uuid.uuid5(_SPACE, f"entry {fill.trade_id} {order.id}")), "trade_id": trade_id(fill.trade_id), "order_id": order_id(order.id),
        "trade_time": iso(fill.t_ns), "trade_type": "FILL", "price": listing.px(fill.px), "size": listing.qty(fill.qty), "commission": text8(fill.fee),
        "product_id": listing.name, "sequence_timestamp": iso(fill.t_ns), "liquidity_indicator": "MAKER" if fill.maker else "TAKER",
        "size_in_quote": False, "user_id": "u", "side": "BUY" if order.buys else "SELL", "retail_portfolio_id": "",
    }  # fmt: skip


def product(listing: Listing, price: str) -> dict[str, Any]:
    """Return a product as the list of them has it."""
    live = listing.status == LIVE
    return {
        "product_id": listing.name, "price": price, "price_percentage_change_24h": "0", "volume_24h": "0", "volume_percentage_change_24h": "0",
        "base_increment": listing.lot, "quote_increment": listing.tick, "quote_min_size": listing.min_notional, "quote_max_size": "150000000",
        "base_min_size": listing.min_qty or listing.lot, "base_max_size": "3400000", "base_name": listing.base, "quote_name": listing.quote,
        "watched": False, "is_disabled": False, "new": False, "status": "online", "cancel_only": False, "limit_only": False, "post_only": False,
        "trading_disabled": listing.status == HALTED, "auction_mode": False, "product_type": "SPOT", "quote_currency_id": listing.quote,
        "base_currency_id": listing.base, "fcm_trading_session_details": None, "mid_market_price": "", "alias": "", "alias_to": [],
        "base_display_symbol": listing.base, "quote_display_symbol": listing.quote, "view_only": not live and listing.status != HALTED,
        "price_increment": listing.tick, "display_name": listing.name, "product_venue": "CBE",
    }  # fmt: skip


def reason(why: Refused) -> tuple[str, str, str] | None:
    """Return error, message and preview's reason of an order that was refused; None where that is no answer of the order desk."""
    return _REASONS.get(why.why)


def edit_reason(why: Refused) -> str:
    """Return why an edit was refused."""
    return _EDITS.get(why.why, "COULD_NOT_CREATE_ORDER_PREVIEW" if why.why == "balance" else "INVALID_EDITED_PRICE")
