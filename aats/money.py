"""What a strategy holds, what an account has, and what was made of it: values, exact decimals.

For: what ``self.position(cid)``, ``self.balance(asset)`` and ``self.pnl()`` return, and ``aats positions``.  Not for where they are read (``aats.trade_money``)
nor for what a fill changes (csrc/order/hold.h).  Pure; nothing here is rounded but `Position.avg_px`.

Attributes
----------
EXACT : decimal.Context
    Wide enough for any sum of 128-bit amounts times a price; the default one of Python rounds at 28 digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

__all__ = ["EXACT", "Balance", "Pnl", "Position", "Price", "minus", "plus", "tidy", "times"]

#: What a price may be given as; a float counts as its shortest decimal.
Price = Decimal | int | str | float

EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
_ZERO = Decimal(0)
_ONE = Decimal(1)


def tidy(value: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent where it is whole."""
    short = EXACT.normalize(value)
    return EXACT.quantize(short, Decimal(1)) if short == EXACT.to_integral_value(short) else short


def plus(values: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    total = _ZERO
    for value in values:
        total = EXACT.add(total, value)
    return tidy(total)


def minus(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a - b`` exactly."""
    return tidy(EXACT.subtract(a, b))


def times(a: Decimal, b: Decimal) -> Decimal:
    """Return ``a * b`` exactly."""
    return tidy(EXACT.multiply(a, b))


def _price(value: Price) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


@dataclass(frozen=True)
class Position:
    """What one strategy holds of one symbol, through all its runs.

    Attributes
    ----------
    symbol : str
        ``BTCUSDT.BINANCE``.
    base, quote : str
        Its assets; ``""`` of a symbol that this process only listens to and never traded.
    size : Decimal
        Bought less sold, and less fees that were taken in `base`; negative: short.
    cash : Decimal
        Got by selling less paid for buying, and less fees in `quote`.
    cost : Decimal
        What the open position cost, by average cost; of a short one, the negative of what it brought.
    fees : dict
        Paid in `base` and in `quote`, by asset; they are in `size` and `cash` already.  A rebate is negative.
    fills, runs : int
        Executions in all; earlier runs that it was carried over from.
    price : Decimal or None
        Middle of the last book that was seen; None before the first.
    day_cash, day_size, day_price
        As the UTC day began; the price is None while none has been known.
    contract : Decimal
        What one unit of `size` is worth in `base`; 1 on spot.  0 of an inverse contract: its value in `quote` is not counted, and what it makes is not either.
    """

    symbol: str
    base: str = ""
    quote: str = ""
    size: Decimal = _ZERO
    cash: Decimal = _ZERO
    cost: Decimal = _ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)
    fills: int = 0
    runs: int = 0
    price: Decimal | None = None
    px_exp: int = 0
    day_cash: Decimal = _ZERO
    day_size: Decimal = _ZERO
    day_price: Decimal | None = None
    contract: Decimal = _ONE

    @property
    def avg_px(self) -> Decimal:
        """Average price of what is open, half-even at four digits more than the venue's prices; 0 while nothing is."""
        if self.size == 0 or self.contract == 0:
            return _ZERO
        exp = self.px_exp - 4
        units = round(Fraction(self.cost) / Fraction(self.size) / Fraction(self.contract) / Fraction(10) ** exp)  # to even
        return tidy(EXACT.scaleb(Decimal(units), exp))

    @property
    def realised(self) -> Decimal:
        """What closed parts and fees have made: ``cash + cost``."""
        return plus((self.cash, self.cost))

    def unrealised(self, price: Price | None = None) -> Decimal | None:
        """Return what closing at `price` would make: ``size * price - cost``.

        Parameters
        ----------
        price : Decimal, int, str or float, optional
            Default: `price` of the position; None is returned where that is not known and something is open.
        """
        at = self.price if price is None else _price(price)
        if self.size == 0:
            return _ZERO
        return None if at is None else minus(times(self.size, times(self.contract, at)), self.cost)

    def total(self, price: Price | None = None) -> Decimal | None:
        """Return realised and unrealised together: ``cash + size * price``, to the last digit."""
        open_part = self.unrealised(price)
        return None if open_part is None else plus((self.realised, open_part))

    def day_profit(self, price: Price | None = None) -> Decimal | None:
        """Return what was made since the UTC day began; None where a price is needed and none is known.

        Notes
        -----
        A day that no run saw begin is counted from the first price that one knew.
        """
        known = self.price if price is None else _price(price)
        at = self.day_price if known is None else known
        then = at if self.day_price is None else self.day_price
        made = minus(self.cash, self.day_cash)
        if at is None or then is None:
            return made if self.size == self.day_size else None
        return plus((made, times(self.size, times(self.contract, at)), -times(self.day_size, times(self.contract, then))))


@dataclass(frozen=True)
class Balance:
    """What an account has of an asset, as the venue told it last.

    Attributes
    ----------
    free, locked, total : Decimal
        To be used, in open orders, both together.
    age_ns : int
        How long ago it was told; it is told after each change, so a great age is no fault.
    """

    asset: str
    exchange: str
    total: Decimal
    free: Decimal
    locked: Decimal
    age_ns: int


@dataclass(frozen=True)
class Pnl:
    """What one strategy has made through all its runs, by quote asset: different assets are never added up.

    Attributes
    ----------
    realised, unrealised, total, day : mapping of str to Decimal or None
        By quote asset; None where something is open whose price is not known.  `realised` is always known.  Fees in base and quote assets are in them.
    fees : mapping of str to Decimal
        All fees by the asset they were paid in.  Those in a third asset (BNB) are in here alone: they are in no other number.
    """

    realised: Mapping[str, Decimal]
    unrealised: Mapping[str, Decimal | None]
    total: Mapping[str, Decimal | None]
    day: Mapping[str, Decimal | None]
    fees: Mapping[str, Decimal]

    @classmethod
    def of(cls, positions: Iterable[Position], fees: Mapping[str, Decimal]) -> Pnl:
        """Add up positions by their quote assets."""
        by_quote: dict[str, list[Position]] = {}
        for one in positions:
            by_quote.setdefault(one.quote, []).append(one)
        return cls(
            realised={quote: plus(one.realised for one in held) for quote, held in by_quote.items()},
            unrealised={quote: _known(one.unrealised() for one in held) for quote, held in by_quote.items()},
            total={quote: _known(one.total() for one in held) for quote, held in by_quote.items()},
            day={quote: _known(one.day_profit() for one in held) for quote, held in by_quote.items()},
            fees=fees,
        )


def _known(values: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum, None if a part of it is."""
    total = _ZERO
    for value in values:
        if value is None:
            return None
        total = EXACT.add(total, value)
    return tidy(total)
