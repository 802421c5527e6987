"""What the demo's strategies traded, summed up exactly: counts, fills, position, cash, fees, profit.

For: the numbers that `aats demo` prints, and the two checks of them: against the trade process's own sums, and against the exchange's balances.
Not for reading shared memory (``aats.demo_reader``) nor for showing anything (``aats.demo_view``): no clock, no file, no segment here.

Everything is a Decimal and no operation rounds: one that would have to raises `decimal.Inexact`.

    position = start.position + bought - sold           - fees taken in the base asset
    cash     = start.cash     - paid   + received       - fees taken in the quote asset
    pnl      = cash + position * last_price - (start.cash + start.position * start.price)
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aats.errors import AatsError

__all__ = ["COUNTS", "Event", "Fill", "Ledger", "LedgerError", "difference", "exact", "scaled", "summary", "text"]

ZERO = Decimal(0)
_EXACT = decimal.Context(prec=400, Emin=-9999, Emax=9999, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])

#: What is counted of orders, in the order of the summary.
COUNTS = ("created", "acked", "rejected", "filled", "canceled", "closed")


class LedgerError(AatsError):
    """The order events of a process contradict the grammar of order callbacks, or its own sums; the text has both sides."""


def exact() -> Any:
    """Return a context in which Decimals are never rounded: ``with exact(): ...``."""
    return decimal.localcontext(_EXACT)


def scaled(value: int, exp: int) -> Decimal:
    """Return ``value * 10 ** exp``."""
    return Decimal((int(value < 0), tuple(map(int, str(abs(value)))), exp))


def text(value: Decimal) -> str:
    """Return the exact text of a number: no exponent, no trailing zeros, "0" for zero."""
    out = format(value, "f")
    if "." in out:
        out = out.rstrip("0").rstrip(".")
    return "0" if out in ("-0", "") else out


@dataclass(frozen=True)
class Event:
    """One order event: its kind in the words of the callbacks, and the order as it was then.

    Attributes
    ----------
    kind : str
        ``created``, ``acked``, ``rejected``, ``exec``, ``canceled``, ``closed`` and the others of the grammar, in lower case.
    code : str
        Why, for a refusal or an end.
    ns : int
        When it was queued.
    fill_price, fill_size, fee, fee_asset, liquidity
        Of an ``exec`` only.
    """

    kind: str
    order_id: int
    symbol: str = ""
    side: str = ""
    tif: str = ""
    price: Decimal = ZERO
    size: Decimal = ZERO
    cum: Decimal = ZERO
    code: str = ""
    ns: int = 0
    fill_price: Decimal = ZERO
    fill_size: Decimal = ZERO
    fee: Decimal = ZERO
    fee_asset: str = ""
    liquidity: str = ""


@dataclass(frozen=True)
class Fill:
    """One fill of one strategy; every number exact."""

    strategy: str
    order_id: int
    symbol: str
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: str
    ns: int

    @property
    def notional(self) -> Decimal:
        with exact():
            return self.size * self.price

    def as_json(self) -> dict[str, Any]:
        """Return it as the summary lists it: numbers as exact text."""
        numbers = {key: text(getattr(self, key)) for key in ("size", "price", "notional", "fee")}
        head = {"strategy": self.strategy, "order_id": self.order_id, "symbol": self.symbol, "side": self.side}
        return {**head, **numbers, "fee_asset": self.fee_asset, "liquidity": self.liquidity, "ns": self.ns}


@dataclass
class Ledger:
    """One strategy's account of itself, kept event by event.

    Attributes
    ----------
    base, quote : str
        The assets of its symbol.
    start_position, start_cash : Decimal
        What its account held of them when its orders could first go out.
    open : dict
        Orders that are not closed: the newest event of each, by order_id.
    """

    strategy: str
    symbol: str
    base: str
    quote: str
    start_position: Decimal = ZERO
    start_cash: Decimal = ZERO
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    fills: list[Fill] = field(default_factory=list)
    fees: dict[str, Decimal] = field(default_factory=dict)
    open: dict[int, Event] = field(default_factory=dict)
    _closed: set[int] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Take the next event.

        Raises
        ------
        LedgerError
            It comes for an order that is closed, or was never created, or creates one twice.
        """
        number = event.order_id
        if not number:  # of the session, not of an order
            return
        if event.kind == "cancel_rejected" and number not in self.open:
            return  # the one callback that may follow Closed, or stand alone
        if event.kind == "created":
            if number in self.open or number in self._closed:
                raise LedgerError(f"{self.strategy}: order {number} was created twice")
        elif number not in self.open:
            state = "was closed before" if number in self._closed else "was never created"
            raise LedgerError(f"{self.strategy}: order {number} {state}, and now comes {event.kind}")
        self.open[number] = event
        if event.kind == "exec":
            self._fill(event)
        elif event.kind == "closed":
            del self.open[number]
            self._closed.add(number)
            self.counts["filled"] += event.size > 0 and event.cum == event.size
        if event.kind in self.counts:
            self.counts[event.kind] += 1

    def _fill(self, event: Event) -> None:
        fill = Fill(
            self.strategy,
            event.order_id,
            event.symbol,
            event.side,
            event.fill_size,
            event.fill_price,
            event.fee,
            event.fee_asset,
            event.liquidity,
            event.ns,
        )
        self.fills.append(fill)
        if fill.fee_asset:
            with exact():
                self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, ZERO) + fill.fee

    @property
    def position(self) -> Decimal:
        """What it holds of the base asset now."""
        with exact():
            traded = sum((fill.size if fill.side == "buy" else -fill.size for fill in self.fills), ZERO)
            return self.start_position + traded - self.fees.get(self.base, ZERO)

    @property
    def cash(self) -> Decimal:
        """What it holds of the quote asset now."""
        with exact():
            traded = sum((-fill.notional if fill.side == "buy" else fill.notional for fill in self.fills), ZERO)
            return self.start_cash + traded - self.fees.get(self.quote, ZERO)

    def as_json(self) -> dict[str, Any]:
        """Return its part of the summary."""
        return {
            "orders": dict(self.counts),
            "fills": len(self.fills),
            "position": text(self.position),
            "cash": text(self.cash),
            "fees": {asset: text(amount) for asset, amount in sorted(self.fees.items())},
        }


def summary(ledgers: Sequence[Ledger], start_price: Decimal, last_price: Decimal) -> dict[str, Any]:
    """Return the order part of the summary, summed over the strategies; amounts as exact text."""
    with exact():
        start_cash = sum((one.start_cash for one in ledgers), ZERO)
        start_position = sum((one.start_position for one in ledgers), ZERO)
        cash = sum((one.cash for one in ledgers), ZERO)
        position = sum((one.position for one in ledgers), ZERO)
        fees: dict[str, Decimal] = {}
        for asset, amount in (item for one in ledgers for item in one.fees.items()):
            fees[asset] = fees.get(asset, ZERO) + amount
        pnl = cash + position * last_price - (start_cash + start_position * start_price)
    fills = sorted((fill for one in ledgers for fill in one.fills), key=lambda fill: fill.ns)
    return {
        "orders": {name: sum(one.counts[name] for one in ledgers) for name in COUNTS},
        "fills": [fill.as_json() for fill in fills],
        "start": {"cash": text(start_cash), "position": text(start_position), "price": text(start_price)},
        "last_price": text(last_price),
        "position": text(position),
        "cash": text(cash),
        "fees": {asset: text(amount) for asset, amount in sorted(fees.items())},
        "pnl": text(pnl),
        "strategies": {one.strategy: one.as_json() for one in ledgers},
    }


def difference(who: str, said: str, ours: Mapping[str, Decimal | int], theirs: Mapping[str, Decimal | int]) -> Iterable[str]:
    """Yield a sentence for each number of `ours` that `theirs` has differently; `said` names the other side."""
    for name, value in ours.items():
        other = theirs.get(name, 0)
        if value != other:
            yield f"{who}: {name} is {text(Decimal(value))} by the list of fills and orders, and {text(Decimal(other))} by {said}"
