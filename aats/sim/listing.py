"""What a dialect lists: one instrument in neutral words, and the rules that every order on it is judged by.

Spot and perpetuals alike.  A quantity counts what the venue's book counts: the base asset, or contracts of which each is worth `contract` of the base
asset (linear) or of the quote asset (inverse).  How a venue writes all this down is its dialect's.  Status alone changes, by the exchange (venue.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from aats.sim.amounts import E8, e8
from aats.sim.generator import Spec

__all__ = ["Listing", "Refused", "trim"]

LIVE, HALTED, GONE = "live", "halted", "gone"


class Refused(Exception):
    """A request that the venue refuses, in neutral words; a dialect turns `why` into its own code.

    Attributes
    ----------
    why : str
        ``"symbol" "halted" "tick" "lot" "min_qty" "max" "min_notional" "price_band" "balance" "margin" "duplicate" "post_only" "reduce_only" "unknown"
        "closed" "amend" "param" "permission" "busy" "clock" "signature" "key"``
    order
        The order in question, where there is one: the older one of a duplicate id, the one that is closed already.
    """

    def __init__(self, why: str, text: str = "", order: object = None) -> None:
        super().__init__(text or why)
        self.why = why
        self.text = text or why
        self.order = order


@dataclass
class Listing:
    """One instrument.

    Attributes
    ----------
    name : str
        The venue's spelling.
    px_dec, qty_dec : int
        A tick is 10^-px_dec, a lot 10^-qty_dec; at most eight of each.
    mid : int
        First price, in ticks.
    size : int
        A typical quantity, in lots.
    kind : str
        ``"spot"``, ``"linear"`` or ``"inverse"``.
    settle : str
        The asset that a perpetual's money is in; "" : the quote asset of a linear one, the base asset of an inverse one.
    contract : str
        What one of a quantity is worth.
    rate : int, optional
        Order events a second; None: the exchange's own.
    funding_hours : int
        How often a perpetual's funding falls due.
    extra : dict
        The dialect's own.
    """

    name: str
    base: str
    quote: str
    px_dec: int
    qty_dec: int
    mid: int
    size: int = 1000
    kind: str = "spot"
    settle: str = ""
    contract: str = "1"
    min_qty: str = ""
    max_qty: str = "1000000000"
    min_notional: str = "0"
    status: str = LIVE
    rate: int | None = None
    funding_hours: int = 8
    extra: dict[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.settle and self.kind != "spot":
            self.settle = self.quote if self.kind == "linear" else self.base

    @cached_property
    def tick_i(self) -> int:
        """The tick at 1e-8."""
        return int(10 ** (8 - self.px_dec))

    @cached_property
    def lot_i(self) -> int:
        """The lot at 1e-8."""
        return int(10 ** (8 - self.qty_dec))

    @cached_property
    def contract_i(self) -> int:
        """What one of a quantity is worth, at 1e-8."""
        return e8(self.contract)

    @property
    def tick(self) -> str:
        """The tick as text."""
        return trim(self.tick_i, self.px_dec)

    @property
    def lot(self) -> str:
        """The lot as text."""
        return trim(self.lot_i, self.qty_dec)

    @property
    def spot(self) -> bool:
        return self.kind == "spot"

    @property
    def spec(self) -> Spec:
        """What the generator needs to know of it."""
        return Spec(self.name, self.base, self.quote, self.mid, self.px_dec, self.qty_dec, self.size, self.rate)

    def px(self, value: int) -> str:
        """Write a price at 1e-8 with the tick's decimals."""
        return trim(value, self.px_dec)

    def qty(self, value: int) -> str:
        """Write a quantity at 1e-8 with the lot's decimals."""
        return trim(value, self.qty_dec)

    def value(self, px: int, qty: int) -> int:
        """Return what a quantity is worth at a price, at 1e-16: of the quote asset, or of the base asset of an inverse contract."""
        if self.kind == "spot":
            return px * qty
        if self.kind == "linear":
            return px * qty * self.contract_i // E8
        return qty * self.contract_i * E8 // px if px else 0

    def check(self, *, px: int, qty: int, market_px: int) -> None:
        """Judge price (0: a market order) and quantity; `market_px` is the middle of the book."""
        if self.status != LIVE:
            raise Refused("halted" if self.status == HALTED else "symbol", f"{self.name} does not trade")
        if px % self.tick_i:
            raise Refused("tick", f"{trim(px, 8)} is no multiple of {self.tick}")
        if qty % self.lot_i or not qty:
            raise Refused("lot", f"{trim(qty, 8)} is no multiple of {self.lot} above zero")
        if self.min_qty and qty < e8(self.min_qty):
            raise Refused("min_qty", f"{self.qty(qty)} is below {self.min_qty}")
        if qty > e8(self.max_qty):
            raise Refused("max", f"{self.qty(qty)} is above {self.max_qty}")
        at = px or market_px
        if self.kind != "inverse" and self.value(at, qty) < e8(self.min_notional) * E8:
            raise Refused("min_notional", f"an order must be worth {self.min_notional} {self.quote}")
        if px and market_px and not market_px // 10 <= px <= market_px * 10:
            raise Refused("price_band", f"{self.px(px)} is too far from {self.px(market_px)}")


def trim(value: int, decimals: int) -> str:
    """Write an integer at 1e-8 with so many decimals; digits behind them are cut off."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, frac = divmod(value, E8)
    return f"{sign}{whole}.{frac:08d}"[: len(sign) + len(str(whole)) + 1 + decimals] if decimals else f"{sign}{whole}"
