"""A symbol's trading rules, read from its exchangeInfo object, and the refusals they lead to.

The object that a client is shown is the object that its orders are judged by.  A field that is zero or missing switches
its part of the rule off, as at the venue.  Where the venue takes an average price of some minutes, this exchange takes
the middle of its book.  All numbers are integers at 1e-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aats.sim.amounts import E8, E8_MAX, e8, is_decimal
from aats.sim.limits import Refusal

STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
DECIMAL_RANGE = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"


@dataclass(frozen=True)
class Grid:
    """Smallest, largest and step of a price or a quantity; 0 is off."""

    low: int = 0
    high: int = 0
    step: int = 0

    def holds(self, value: int) -> bool:
        """Tell whether a value is in range and on the step, which is counted from zero as the venue does."""
        return value >= self.low and (not self.high or value <= self.high) and (not self.step or value % self.step == 0)


class Filters:
    """The rules of one symbol.

    Parameters
    ----------
    info
        The symbol's exchangeInfo object.
    """

    def __init__(self, info: Mapping[str, Any]) -> None:
        by_type = {f["filterType"]: f for f in info.get("filters", ())}
        self.price = _grid(by_type.get("PRICE_FILTER", {}), "minPrice", "maxPrice", "tickSize")
        self.lot = _grid(by_type.get("LOT_SIZE", {}), "minQty", "maxQty", "stepSize")
        self.market_lot = _grid(by_type.get("MARKET_LOT_SIZE", {}), "minQty", "maxQty", "stepSize")
        self.max_orders = int(by_type.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 0))
        self.max_amends = int(by_type.get("MAX_NUM_ORDER_AMENDS", {}).get("maxNumOrderAmends", 10))
        self.status = info.get("status", "TRADING")
        self.quote_market = bool(info.get("quoteOrderQtyMarketAllowed", True))
        self.types = tuple(info.get("orderTypes", ("LIMIT", "LIMIT_MAKER", "MARKET")))
        self.stp_modes = tuple(info.get("allowedSelfTradePreventionModes", STP_MODES))
        self.stp = info.get("defaultSelfTradePreventionMode", "EXPIRE_MAKER")
        band = by_type.get("PERCENT_PRICE_BY_SIDE")
        both = by_type.get("PERCENT_PRICE", {})
        self.band = "PERCENT_PRICE_BY_SIDE" if band else "PERCENT_PRICE"
        self.bands: dict[bool, tuple[int, int]] = {}
        for buys, side in ((True, "bid"), (False, "ask")):
            low, high = (f"{side}MultiplierDown", f"{side}MultiplierUp") if band else ("multiplierDown", "multiplierUp")
            self.bands[buys] = _number(band or both, low), _number(band or both, high)
        notional = by_type.get("NOTIONAL")
        self.notional = "NOTIONAL" if notional else "MIN_NOTIONAL"
        rule = notional or by_type.get("MIN_NOTIONAL", {})
        self.notional_low, self.notional_high = _number(rule, "minNotional"), _number(rule, "maxNotional")
        self.low_for_market = bool(rule.get("applyMinToMarket" if notional else "applyToMarket", True))
        self.high_for_market = bool(rule.get("applyMaxToMarket", False))

    def check_limit(self, *, buys: bool, px: int, qty: int, reference: int) -> None:
        """Judge a limit order; `reference` is the middle of the book, 0 if there is none."""
        if not self.price.holds(px):
            raise failure("PRICE_FILTER")
        if not self.lot.holds(qty):
            raise failure("LOT_SIZE")
        down, up = self.bands[buys]
        if reference and ((down and px * E8 < reference * down) or (up and px * E8 > reference * up)):
            raise failure(self.band)
        self._check_notional(px * qty, for_market=False)

    def check_market(self, *, qty: int, reference: int) -> None:
        """Judge a market order by quantity."""
        if not self.lot.holds(qty):
            raise failure("LOT_SIZE")
        if not self.market_lot.holds(qty):
            raise failure("MARKET_LOT_SIZE")
        if reference:
            self._check_notional(qty * reference, for_market=True)

    def check_market_quote(self, *, quote: int) -> None:
        """Judge a market order by the amount of the quote asset."""
        self._check_notional(quote * E8, for_market=True)

    def check_count(self, open_orders: int) -> None:
        """Judge one more open order of an account on this symbol."""
        if self.max_orders and open_orders >= self.max_orders:
            raise failure("MAX_NUM_ORDERS")

    def check_stp(self, mode: str) -> None:
        """Judge a self-trade prevention mode."""
        if mode not in self.stp_modes:
            raise Refusal(400, -1013, "This symbol does not allow the specified self-trade prevention mode.")

    def _check_notional(self, notional: int, *, for_market: bool) -> None:
        """Judge price x quantity, an integer at 1e-16."""
        if self.notional_low and notional < self.notional_low * E8 and (self.low_for_market or not for_market):
            raise failure(self.notional)
        if self.notional_high and notional > self.notional_high * E8 and (self.high_for_market or not for_market):
            raise failure(self.notional)


def failure(name: str) -> Refusal:
    """Return the refusal of a filter."""
    return Refusal(400, -1013, f"Filter failure: {name}")


def decimal(params: Mapping[str, str], name: str) -> int:
    """Return a decimal parameter at 1e-8, 0 if it was not sent; refuse what is no decimal, too fine, or not above zero."""
    text = params.get(name)
    if text is None:
        return 0
    if not is_decimal(text):
        raise Refusal(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '{DECIMAL_RANGE}'.")
    try:
        value = e8(text)
    except ValueError:
        raise Refusal(400, -1111, f"Parameter '{name}' has too much precision.") from None
    if value <= 0 or value > E8_MAX // 2:
        what = {"price": "price", "quantity": "quantity", "quoteOrderQty": "quote order quantity", "newQty": "quantity"}
        raise Refusal(400, -1013, f"Invalid {what.get(name, name)}.")
    return value


def _number(rule: Mapping[str, Any], name: str) -> int:
    return e8(str(rule.get(name, "0")))


def _grid(rule: Mapping[str, Any], low: str, high: str, step: str) -> Grid:
    return Grid(_number(rule, low), _number(rule, high), _number(rule, step))
