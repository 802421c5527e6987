"""What a strategy sees of money: ``self.positions``, ``self.position(cid)``, ``self.balance(asset)``, ``self.pnl()``.

For: reading the trade process's own segment, from any thread.  Not for the values themselves (``aats.money``) nor for what changes them
(csrc/app/trader_money.c).  When the run ends the last values are kept: they can be looked at afterwards.

    positions   aats_pos_t     the process's, all its strategies together, since it began
    position    aats_hold_t    one strategy's, through all its runs
    balance     aats_bal_t     the account's, as the venue told it
    pnl         aats_hold_t, aats_fee_t
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from aats._ffi import check, ffi, lib, text
from aats.errors import AatsError
from aats.layout import TD_OFFSET
from aats.money import EXACT, Balance, Pnl, Position, minus, plus, tidy
from aats.shm import Segment

__all__ = ["Money", "PositionsView", "Traded", "balances_of", "holdings_of", "position_of", "utc_day"]

_TRIES, _PAUSE_S = 1000, 0.001


# ------------------------------------------------------------------------------------------- what the process traded


@dataclass(frozen=True)
class Traded:
    """What this process has traded of one symbol, all its strategies together; exact decimals.

    Attributes
    ----------
    base, quote : str
        Assets, such as BTC and USDT.
    bought, sold : Decimal
        Quantities.
    bought_notional, sold_notional : Decimal
        What they cost and brought, fees apart.
    fees : dict
        What was paid by asset, base and quote only.
    start_base, start_quote : Decimal or None
        The account's balances when the order session first was ready; None: not told.
    """

    symbol: str
    base: str
    quote: str
    bought: Decimal
    sold: Decimal
    bought_notional: Decimal
    sold_notional: Decimal
    fees: dict[str, Decimal] = field(default_factory=dict)
    start_base: Decimal | None = None
    start_quote: Decimal | None = None
    fills: int = 0

    @property
    def size(self) -> Decimal:
        """What was gained of the base asset since the process began: bought less sold less fees taken in it."""
        return minus(minus(self.bought, self.sold), self.fees.get(self.base, Decimal(0)))

    @property
    def cash(self) -> Decimal:
        """What was gained of the quote asset likewise."""
        return minus(minus(self.sold_notional, self.bought_notional), self.fees.get(self.quote, Decimal(0)))


class PositionsView(Mapping[Any, Traded]):
    """``self.positions``: a `Traded` for each traded cid, as it is at that moment."""

    def __init__(self, segment: Segment, syms: Mapping[Any, int]) -> None:
        self._segment: Segment | None = segment
        self._syms = dict(syms)
        self._last: dict[Any, Traded] = {}

    def __getitem__(self, cid: Any) -> Traded:
        segment = self._segment
        if segment is None:
            return self._last[cid]
        sym = self._syms[cid]
        row = _row(segment, "aats_pos_t *", lib.aats_td_get_pos, sym, f"the position of {cid!r}")
        assert row is not None  # it was written when the symbol was added
        return _traded(row)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._syms)

    def __len__(self) -> int:
        return len(self._syms)

    def __repr__(self) -> str:
        return f"<positions: {', '.join(f'{cid!r}: {one.size} {one.base}' for cid, one in self.items())}>"

    def end(self) -> None:
        """Keep the last values: the segment is about to go."""
        if self._segment is not None:
            self._last = dict(self.items())
            self._segment = None


# ------------------------------------------------------------------------------------------------- a strategy's money


class Money:
    """One strategy's face to its holdings, its account's balances and its profit.

    Parameters
    ----------
    segment : Segment
        ``td.<name>`` of this process.
    strategy : int
        In the order of add_strategy.
    si : mapping
        SymbolInfo by cid: names of symbols, and the books that prices are taken from.
    names : mapping
        Our names of traded symbols by those of `si`, where these are the venue's own.
    """

    def __init__(self, segment: Segment, strategy: int, si: Mapping[Any, Any], names: Mapping[str, str] = MappingProxyType({})) -> None:
        self._segment: Segment | None = segment
        self._strategy = strategy
        self._si = si
        self._names = names
        self._rows: dict[str, int] = {}  # of the table of holdings, by symbol: a row never moves
        self._last: tuple[dict[str, Position], dict[str, Decimal], list[tuple[Balance, int]]] = {}, {}, []

    def position(self, cid: Any) -> Position:
        """Return the holding of a symbol of `si`; one of zeros where nothing was ever traded.  KeyError for another cid."""
        info = self._si[cid]
        if self._segment is None:
            found: Position | None = self._last[0].get(self._names.get(info.port, info.port))
        else:
            found = self._look(self._segment, info)
        return found if found is not None else Position(info.port, price=mid_of(info), px_exp=int(info.px_exp))

    def pnl(self) -> Pnl:
        """Return what all holdings of the strategy have made, also those of symbols that it trades no more."""
        positions, fees, _ = self._last if self._segment is None else (self._positions(self._segment), self._fees(self._segment), [])
        return Pnl.of(positions.values(), dict(fees))

    def balance(self, asset: str, exchange: str | None = None) -> Balance | None:
        """Return what the venue told of an asset last, None if it has told nothing.

        Raises
        ------
        ValueError
            Accounts at several exchanges have it, and none was named.
        """
        told = self._last[2] if self._segment is None else self._balances(self._segment)
        found = [one for one in told if one[0].asset == asset and exchange in (None, one[0].exchange)]
        if len(found) > 1:
            names = ", ".join(one.exchange for one, _ in found)
            raise ValueError(f"balance({asset!r}): accounts at {names} have it: name one, balance({asset!r}, {found[0][0].exchange!r})")
        if not found:
            return None
        balance, recv_ns = found[0]
        return Balance(
            balance.asset, balance.exchange, balance.total, balance.free, balance.locked, max(time.time_ns() - recv_ns, 0)
        )  # its age is that of now

    def end(self) -> None:
        """Keep the last values: the segment is about to go."""
        segment = self._segment
        if segment is not None:
            self._last = self._positions(segment), self._fees(segment), self._balances(segment)
            self._segment = None

    # reading

    def _look(self, segment: Segment, info: Any) -> Position | None:
        symbol = self._names.get(info.port, info.port)
        at = self._rows.get(symbol)
        if at is None:  # not traded yet, or never looked at
            return self._positions(segment).get(symbol)
        raw = _row(segment, "aats_hold_t *", lib.aats_td_get_hold, at, f"the position of {info.port}")
        return None if raw is None else position_of(raw, mid_of(info), day=utc_day())

    def _positions(self, segment: Segment) -> dict[str, Position]:
        """Return the holdings by symbol, with one of zeros for each traded symbol that has none; note where each lies."""
        infos = {self._names.get(info.port, info.port): info for info in self._si.values()}
        found = {}
        for raw in _traded_rows(segment):
            symbol = text(raw.symbol)
            price = mid_of(infos[symbol]) if symbol in infos else None
            found[symbol] = Position(symbol, text(raw.base), text(raw.quote), price=price, px_exp=int(raw.px_exp))
        for at, raw in _holds(segment):
            if int(raw.strategy) == self._strategy:
                symbol = text(raw.symbol)
                self._rows[symbol] = at
                found[symbol] = position_of(raw, mid_of(infos[symbol]) if symbol in infos else None, day=utc_day())
        return found

    def _fees(self, segment: Segment) -> dict[str, Decimal]:
        rows = _rows(segment, "aats_fee_t *", lib.aats_td_get_fee, int(lib.AATS_FEE_CAP))
        return {text(raw.asset): _wide(raw.amount, int(raw.fee_exp)) for _, raw in rows if int(raw.strategy) == self._strategy}

    @staticmethod
    def _balances(segment: Segment) -> list[tuple[Balance, int]]:
        return [(_balance(raw), int(raw.recv_ns)) for raw in _bals(segment)]


# -------------------------------------------------------------------------------------------------- structs to values


def mid_of(info: Any) -> Decimal | None:
    """Return the middle of the last book in a SymbolInfo, exactly; None without a bid or an ask."""
    best = [struct.unpack_from("q", side)[0] for side in (info.levels(0), info.levels(1)) if len(side) >= 8]
    if len(best) < 2:
        return None
    return tidy(EXACT.scaleb(EXACT.multiply(Decimal(sum(best)), Decimal("0.5")), int(info.px_exp)))


def utc_day() -> int:
    """Return the UTC day, counted from 1970."""
    return time.time_ns() // (86_400 * 10**9)


def position_of(raw: Any, price: Decimal | None = None, *, day: int = 0) -> Position:
    """Make a `Position` of an ``aats_hold_t``.

    Parameters
    ----------
    day : int
        The UTC day: a holding that has not begun it, because its process is gone, begins it as it is.
    """
    base, quote = text(raw.base), text(raw.quote)
    base_exp, cash_exp = int(raw.base_exp), int(raw.cash_exp)
    day_px_i, begun = int(raw.day_px_i), int(raw.day) >= day
    contract = _contract(raw)
    unit_exp = cash_exp - base_exp  # of the price of one unit: of one contract
    return Position(
        symbol=text(raw.symbol),
        base=base,
        quote=quote,
        size=_wide(raw.size, base_exp),
        cash=_wide(raw.cash, cash_exp),
        cost=_wide(raw.cost, cash_exp),
        fees={base: _wide(raw.fee_base, base_exp), quote: _wide(raw.fee_quote, cash_exp)},
        fills=int(raw.fills),
        runs=int(raw.runs),
        price=price,
        px_exp=unit_exp - (int(raw.contract_exp) if raw.market == lib.AATS_MARKET_LINEAR else 0),
        day_cash=_wide(raw.day_cash if begun else raw.cash, cash_exp),
        day_size=_wide(raw.day_size if begun else raw.size, base_exp),
        day_price=tidy(EXACT.divide(EXACT.scaleb(Decimal(day_px_i), unit_exp), contract)) if day_px_i and begun and contract else None,
        contract=contract,
    )


def _contract(raw: Any) -> Decimal:
    """Return what one unit of a holding is worth in its base asset; 0 where that depends on the price."""
    if raw.market == lib.AATS_MARKET_INVERSE:
        return Decimal(0)
    return EXACT.scaleb(Decimal(int(raw.contract_i)), int(raw.contract_exp)) if raw.market == lib.AATS_MARKET_LINEAR else Decimal(1)


def holdings_of(segment: Segment) -> list[tuple[int, Position]]:
    """Return strategy and position of every holding in a trade process's segment."""
    return [(int(raw.strategy), position_of(raw, day=utc_day())) for _, raw in _holds(segment)]


def balances_of(segment: Segment) -> list[Balance]:
    """Return every balance in a trade process's segment."""
    return [_balance(raw) for raw in _bals(segment)]


def _balance(raw: Any) -> Balance:
    free, locked = _wide(raw.free, int(raw.exp)), _wide(raw.locked, int(raw.exp))
    age_ns = max(time.time_ns() - int(raw.recv_ns), 0)
    return Balance(text(raw.asset), text(raw.exchange), plus((free, locked)), free, locked, age_ns)


def _traded(raw: Any) -> Traded:
    px_exp, qty_exp = int(raw.px_exp), int(raw.qty_exp)
    base, quote = text(raw.base), text(raw.quote)
    known = bool(raw.known)
    return Traded(
        symbol=text(raw.symbol),
        base=base,
        quote=quote,
        bought=_wide(raw.bought, qty_exp),
        sold=_wide(raw.sold, qty_exp),
        bought_notional=_wide(raw.bought_notional, px_exp + qty_exp),
        sold_notional=_wide(raw.sold_notional, px_exp + qty_exp),
        fees={base: _wide(raw.fee_base, int(raw.fee_exp)), quote: _wide(raw.fee_quote, int(raw.fee_exp))},
        start_base=_wide(raw.start_base, qty_exp) if known else None,
        start_quote=_wide(raw.start_quote, qty_exp) if known else None,
        fills=int(raw.fills),
    )


def _wide(value: Any, exponent: int) -> Decimal:
    """Return a 128-bit integer at a power of ten, exactly."""
    out = ffi.new("char[]", lib.AATS_WIDE_SZ)
    check(lib.aats_wide_format(value, exponent, out, lib.AATS_WIDE_SZ), "a sum of money")
    return Decimal(text(out))


# ------------------------------------------------------------------------------------------------------------ seqlocks


def _td(segment: Segment) -> Any:
    return segment.pointer("aats_td_t", TD_OFFSET)


def _holds(segment: Segment) -> Iterator[tuple[int, Any]]:
    td = _td(segment)
    return _rows(segment, "aats_hold_t *", lib.aats_td_get_hold, min(int(td.hold_cnt), int(td.hold_cap)))


def _traded_rows(segment: Segment) -> Iterator[Any]:
    td = _td(segment)
    return (raw for _, raw in _rows(segment, "aats_pos_t *", lib.aats_td_get_pos, min(int(td.pos_cnt), int(td.pos_cap))))


def _bals(segment: Segment) -> Iterator[Any]:
    return (raw for _, raw in _rows(segment, "aats_bal_t *", lib.aats_td_get_bal, int(lib.AATS_BAL_CAP)))


def _row(segment: Segment, ctype: str, get: Callable[[Any, int, Any], int], at: int, what: str) -> Any:
    """Copy one row, None where there is none: a seqlock, any thread may look, and its writer may have been stopped in the middle."""
    raw = ffi.new(ctype)
    for _ in range(_TRIES):
        got = get(segment._base, at, raw)
        if got != lib.AATS_E_BUSY:
            return raw if got == 1 else None
        time.sleep(_PAUSE_S)
    raise AatsError(f"{what} cannot be read: it has been in the middle of a change for {_TRIES * _PAUSE_S:g} s")


def _rows(segment: Segment, ctype: str, get: Callable[[Any, int, Any], int], cnt: int) -> Iterator[tuple[int, Any]]:
    for at in range(cnt):
        raw = _row(segment, ctype, get, at, f"row {at} of {segment.name}")
        if raw is not None:
            yield at, raw
