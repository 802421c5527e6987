"""Consistent copies of what a trade process publishes: its open orders, order events, positions, holdings, balances and fees.

For: the demo's view, ``aats orders``, tools and tests.  Not for the process itself, which has all of this in private memory, and not for histograms
(``look.py``).  Reads only; the seqlocks are csrc/shm/td.c.

Every amount is exact decimal text, without exponent or trailing zeros ("0" for zero): ``decimal.Decimal`` takes it as it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import ShmError
from aats.layout import TD_OFFSET, Liquidity, OrderEvent, OrderFlag, OrderSide, OrderState, OrderTif, TdCounter
from aats.shm.segment import Segment

_WHY_SZ = 400
_COUNTS = ("orders", "acked", "rejected", "filled", "canceled", "closed", "fills")


@dataclass(frozen=True)
class Order:
    """One order as it was when it was copied.

    Attributes
    ----------
    client_id : str
        By which the venue knows it: instance and order_id.
    side, tif, state : str
        In small letters: ``"buy"``, ``"gtc"``, ``"live"``.
    price : str
        "0": a market order.
    leaves_size : str
        What is still to be filled; "0" once it is closed.
    code : str
        Why it was refused or ended, ``""`` while it lives; docs/orders.md lists them.
    flags : tuple of str
        ``unknown``, ``fitted`` ...
    strategy : int
        Whose it is, in the order of add_strategy.
    """

    order_id: int
    instance: int
    client_id: str
    remote_id: str
    symbol: str
    side: str
    tif: str
    state: str
    cancel_asked: bool
    flags: tuple[str, ...]
    strategy: int
    price: str
    size: str
    cum_size: str
    leaves_size: str
    cum_notional: str
    avg_price: str
    fills: int
    code: str
    msg: str
    created_ns: int
    sent_ns: int
    acked_ns: int
    filled_ns: int
    closed_ns: int


@dataclass(frozen=True)
class Event:
    """One order event: what a callback was told.

    Attributes
    ----------
    seq : int
        Its number since the process began.
    kind : str
        ``"created"``, ``"acked"``, ``"exec"``, ``"closed"`` ...
    fill_price, fill_size, fee, fee_asset, liquidity : str
        Of an ``exec``; "0" and "" otherwise.  A rebate is a negative fee.
    order : Order or None
        After the event; None for one of the connection, whose exchange is in `exchange`, and for a change of risk limits.
    """

    seq: int
    ns: int
    venue_ns: int
    kind: str
    code: str
    msg: str
    fill_price: str
    fill_size: str
    fee: str
    fee_asset: str
    liquidity: str
    trade_id: int
    exchange: str
    order: Order | None


@dataclass(frozen=True)
class Position:
    """What was traded of one symbol since the process began.

    Attributes
    ----------
    position : str
        Bought less sold, fees aside.
    cash : str
        Earned by selling less spent by buying, in the quote asset, fees aside.
    known : bool
        Whether the venue told what the account held at the start (`start_base`, `start_quote`).
    base, quote : str
        The assets.
    fee_base, fee_quote : str
        Fees that were taken out of either.
    """

    symbol: str
    base: str
    quote: str
    known: bool
    start_base: str
    start_quote: str
    bought: str
    sold: str
    position: str
    bought_notional: str
    sold_notional: str
    cash: str
    fee_base: str
    fee_quote: str
    orders: int
    acked: int
    rejected: int
    filled: int
    canceled: int
    closed: int
    fills: int


@dataclass(frozen=True)
class Holding:
    """What one strategy holds of one symbol, through all its runs.

    Attributes
    ----------
    strategy : int
        In the order of add_strategy.
    size, cash : str
        Of the base and of the quote asset; fees in them are taken off.
    cost : str
        What the open position cost; realised profit is cash + cost.
    runs : int
        Earlier ones that it was carried over from.
    """

    symbol: str
    strategy: int
    base: str
    quote: str
    size: str
    cash: str
    cost: str
    fee_base: str
    fee_quote: str
    day_size: str
    day_cash: str
    day_price: str
    fills: int
    runs: int


@dataclass(frozen=True)
class Balance:
    """What an account has of an asset, as the venue told it last."""

    asset: str
    exchange: str
    free: str
    locked: str
    venue_ns: int
    recv_ns: int


class Trading:
    """A trade process's segment, looked at from outside.

    Parameters
    ----------
    segment : Segment
        ``td.<name>``, attached; it is held.

    Raises
    ------
    ShmError
        It is of another kind, or its geometry does not fit its size.

    Notes
    -----
    Cost: each call copies and formats; for some times a second, not for a loop.
    """

    def __init__(self, segment: Segment) -> None:
        if segment.name.kind != "td":
            raise ShmError(f"{segment.name} is no segment of a trade process")
        why = ffi.new("char[]", _WHY_SZ)
        if lib.aats_td_check(segment._base, segment.size, why, _WHY_SZ) != lib.AATS_OK:
            raise ShmError(f"{segment.name}: {text(why)}")
        self.segment = segment
        self._base = segment._base
        self._td = segment.pointer("aats_td_t", TD_OFFSET)
        #: Slots that stayed odd when they were looked at: their writer died inside, or is very busy.
        self.busy = 0

    @property
    def instance(self) -> int:
        """Upper half of its client ids; 0 until the process trades."""
        return int(self._td.instance)

    def counters(self) -> dict[str, int]:
        return {one.name.lower(): int(self._td.counters[one]) for one in TdCounter}

    def orders(self) -> list[Order]:
        """Return the orders whose Closed was not delivered yet, oldest first."""
        found = (order_of(one) for one in self._slots("aats_order_t *", lib.aats_td_get_order, int(self._td.order_cap)))
        return sorted(found, key=lambda one: (one.created_ns, one.order_id))

    def positions(self) -> list[Position]:
        return [position_of(one) for one in self._slots("aats_pos_t *", lib.aats_td_get_pos, int(self._td.pos_cap))]

    def holdings(self) -> list[Holding]:
        return [holding_of(one) for one in self._slots("aats_hold_t *", lib.aats_td_get_hold, int(self._td.hold_cap))]

    def balances(self) -> list[Balance]:
        return [balance_of(one) for one in self._slots("aats_bal_t *", lib.aats_td_get_bal, int(lib.AATS_BAL_CAP))]

    def fees(self) -> dict[str, str]:
        """Return the fees paid by all strategies, earlier runs included, by asset."""
        found: dict[str, tuple[int, int]] = {}
        for one in self._slots("aats_fee_t *", lib.aats_td_get_fee, int(lib.AATS_FEE_CAP)):
            amount, exp = found.get(text(one.asset), (0, int(one.fee_exp)))
            finest = min(exp, int(one.fee_exp))
            found[text(one.asset)] = amount * 10 ** (exp - finest) + wide(one.amount) * 10 ** (int(one.fee_exp) - finest), finest
        return {asset: plain(amount, exp) for asset, (amount, exp) in found.items()}

    @property
    def newest(self) -> int:
        """Number after the newest event: where a joiner begins."""
        return int(lib.aats_td_newest(self._base))

    def events(self, since: int = 0) -> tuple[list[Event], int]:
        """Return the events from number `since` on that the ring still has, oldest first, and the number to go on with.

        Notes
        -----
        Events that were overwritten are left out: the first one's ``seq`` is above `since` then.
        """
        one, end = ffi.new("aats_oev_t *"), self.newest
        found = []
        for number in range(max(since, end - int(self._td.oev_depth)), end):
            if lib.aats_td_get_event(self._base, number, one) == 1:
                found.append(event_of(one))
        return found, max(since, end)

    def _slots(self, ctype: str, get: Any, count: int) -> Iterator[Any]:
        one = ffi.new(ctype)
        for index in range(count):
            got = get(self._base, index, one)
            self.busy += got == lib.AATS_E_BUSY
            if got == 1:
                yield one


# ------------------------------------------------------------------------------------------------- structs to rows


def wide(value: Any) -> int:
    """Return an ``aats_i128_t`` as an int."""
    return (int(value.hi) << 64) | int(value.lo)


def plain(value: int, exp: int) -> str:
    """Return ``value * 10**exp`` as text without exponent or trailing zeros."""
    if exp >= 0 or value == 0:
        return str(value * 10 ** max(exp, 0))
    digits = str(abs(value)).rjust(1 - exp, "0")
    return ("-" if value < 0 else "") + f"{digits[:exp]}.{digits[exp:]}".rstrip("0").rstrip(".")


def named(kind: type[IntEnum], value: int) -> str:
    """Return an enum's name in small letters, the number itself where it is none."""
    try:
        return kind(value).name.lower()
    except ValueError:
        return str(value)


def client_id(instance: int, order_id: int) -> str:
    """Return the id by which a venue knows an order of ours."""
    out = ffi.new("char[]", lib.AATS_CLIENT_ID_SZ)
    lib.aats_client_id_format(instance, order_id, out)
    return text(out)


def order_of(o: Any) -> Order:
    """Make a row of an ``aats_order_t``."""
    average = ffi.new("char[]", lib.AATS_WIDE_SZ)
    lib.aats_wide_average(o.cum_notional, o.cum_qty_i, o.px_exp, o.qty_exp, average, lib.AATS_WIDE_SZ)
    closed = int(o.state) == OrderState.CLOSED
    return Order(
        order_id=int(o.order_id),
        instance=int(o.instance),
        client_id=client_id(o.instance, o.client_no or o.order_id),
        remote_id=text(o.remote_id),
        symbol=text(o.symbol),
        side=named(OrderSide, o.side),
        tif=named(OrderTif, o.tif),
        state=named(OrderState, o.state),
        cancel_asked=int(o.cancel) == lib.AATS_CXL_ASKED,
        flags=tuple(flag.name.lower() for flag in OrderFlag if int(o.flags) & flag and flag.name),
        strategy=int(o.strategy),
        price=plain(int(o.px_i), int(o.px_exp)),
        size=plain(int(o.qty_i), int(o.qty_exp)),
        cum_size=plain(int(o.cum_qty_i), int(o.qty_exp)),
        leaves_size="0" if closed else plain(int(o.qty_i) - int(o.cum_qty_i), int(o.qty_exp)),
        cum_notional=plain(wide(o.cum_notional), int(o.px_exp) + int(o.qty_exp)),
        avg_price=text(average),
        fills=int(o.fill_cnt),
        code=text(lib.aats_code_name(int(o.code))),
        msg=text(o.msg),
        **{key: int(getattr(o, key)) for key in ("created_ns", "sent_ns", "acked_ns", "filled_ns", "closed_ns")},
    )


def event_of(ev: Any) -> Event:
    """Make a row of an ``aats_oev_t``."""
    connection = int(ev.kind) in (OrderEvent.DISCONNECT, OrderEvent.RECONNECT, OrderEvent.RECONCILED, OrderEvent.RISK)
    order = ev.order
    return Event(
        seq=int(ev.seq),
        ns=int(ev.ns),
        venue_ns=int(ev.venue_ns),
        kind=named(OrderEvent, ev.kind),
        code=text(lib.aats_code_name(int(ev.code))),
        msg=text(ev.msg),
        fill_price=plain(int(ev.fill_px_i), int(order.px_exp)),
        fill_size=plain(int(ev.fill_qty_i), int(order.qty_exp)),
        fee=plain(int(ev.fee_i), int(ev.fee_exp)),
        fee_asset=text(ev.fee_asset),
        liquidity="" if int(ev.liquidity) == Liquidity.NONE else named(Liquidity, ev.liquidity),
        trade_id=int(ev.trade_id),
        exchange=text(order.symbol) if connection else "",
        order=None if connection else order_of(order),
    )


def position_of(p: Any) -> Position:
    """Make a row of an ``aats_pos_t``."""
    qty_exp, money_exp = int(p.qty_exp), int(p.px_exp) + int(p.qty_exp)
    bought, sold = wide(p.bought), wide(p.sold)
    paid, earned = wide(p.bought_notional), wide(p.sold_notional)
    return Position(
        symbol=text(p.symbol),
        base=text(p.base),
        quote=text(p.quote),
        known=bool(p.known),
        start_base=plain(wide(p.start_base), qty_exp),
        start_quote=plain(wide(p.start_quote), qty_exp),
        bought=plain(bought, qty_exp),
        sold=plain(sold, qty_exp),
        position=plain(bought - sold, qty_exp),
        bought_notional=plain(paid, money_exp),
        sold_notional=plain(earned, money_exp),
        cash=plain(earned - paid, money_exp),
        fee_base=plain(wide(p.fee_base), int(p.fee_exp)),
        fee_quote=plain(wide(p.fee_quote), int(p.fee_exp)),
        **{key: int(getattr(p, key)) for key in _COUNTS},
    )


def holding_of(h: Any) -> Holding:
    """Make a row of an ``aats_hold_t``."""
    base_exp, cash_exp = int(h.base_exp), int(h.cash_exp)
    return Holding(
        symbol=text(h.symbol),
        strategy=int(h.strategy),
        base=text(h.base),
        quote=text(h.quote),
        size=plain(wide(h.size), base_exp),
        cash=plain(wide(h.cash), cash_exp),
        cost=plain(wide(h.cost), cash_exp),
        fee_base=plain(wide(h.fee_base), base_exp),
        fee_quote=plain(wide(h.fee_quote), cash_exp),
        day_size=plain(wide(h.day_size), base_exp),
        day_cash=plain(wide(h.day_cash), cash_exp),
        day_price=plain(int(h.day_px_i), cash_exp - base_exp),
        fills=int(h.fills),
        runs=int(h.runs),
    )


def balance_of(b: Any) -> Balance:
    """Make a row of an ``aats_bal_t``."""
    exp = int(b.exp)
    return Balance(text(b.asset), text(b.exchange), plain(wide(b.free), exp), plain(wide(b.locked), exp), int(b.venue_ns), int(b.recv_ns))
