"""What a strategy sees of its orders and positions: ``self.orders`` and ``self.positions``.

For: looking.  Not for what changes them (csrc/app/trader.h): these are views of the engine's own records; the user's ``Order`` objects are never written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aats._ffi import check, ffi, lib, text
from aats.errors import AatsError
from aats.shm import Segment

__all__ = ["OrderView", "OrdersView", "Position", "PositionsView"]

_TRIES, _PAUSE_S = 1000, 0.001


class OrderView(Mapping[str, Any]):
    """One order as the engine knows it now: a mapping, its keys readable as attributes too.

    Keys are those of an order message's ``order``, and ``state`` ('new', 'live', 'ending', 'closed'), ``tif``, ``unknown``, ``canceling``, ``strategy``,
    ``fill_cnt``, ``created_ns``, ``sent_ns``, ``acked_ns``, ``filled_ns``, ``closed_ns``.

    Notes
    -----
    Each look takes a microsecond or two; ``dict(view)`` gives a copy that stays.
    """

    __slots__ = ("_loop", "_order_id")

    def __init__(self, loop: Any, order_id: int) -> None:
        self._loop = loop
        self._order_id = order_id

    def _now(self) -> dict[str, Any]:
        found: dict[str, Any] | None = self._loop.order(self._order_id)
        if found is None:
            raise KeyError(f"order {self._order_id} is closed and no longer kept")
        return found

    def __getitem__(self, key: str) -> Any:
        return self._now()[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._now()
        if name not in found:
            raise AttributeError(f"an order has no {name!r}; it has {', '.join(found)}")
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def __repr__(self) -> str:
        found = self._loop.order(self._order_id)
        if found is None:
            return f"<OrderView {self._order_id}: no longer kept>"
        return "<OrderView {order_id} {state}: {side} {size} {symbol} at {price}, {cum_size} filled>".format(**found)


class OrdersView(Mapping[int, OrderView]):
    """``self.orders``: the strategy's own orders by ``order_id``.

    Looking one up finds open orders and the last 4096 closed ones of this run; iterating gives the open ones, oldest first.
    """

    def __init__(self, loop: Any, strategy: int) -> None:
        self._loop = loop
        self._strategy = strategy

    def __getitem__(self, order_id: int) -> OrderView:
        found = self._loop.order(order_id)
        if found is None or found["strategy"] != self._strategy:
            raise KeyError(order_id)
        return OrderView(self._loop, order_id)

    def __contains__(self, order_id: object) -> bool:
        found = self._loop.order(order_id)
        return found is not None and bool(found["strategy"] == self._strategy)

    def __iter__(self) -> Iterator[int]:
        return iter(self._loop.open_orders(self._strategy))

    def __len__(self) -> int:
        return len(self._loop.open_orders(self._strategy))

    def __repr__(self) -> str:
        return f"<orders: {len(self)} open>"


@dataclass(frozen=True)
class Position:
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
        return self.bought - self.sold - self.fees.get(self.base, Decimal(0))

    @property
    def cash(self) -> Decimal:
        """What was gained of the quote asset likewise."""
        return self.sold_notional - self.bought_notional - self.fees.get(self.quote, Decimal(0))


class PositionsView(Mapping[Any, Position]):
    """``self.positions``: a `Position` for each traded cid, as it is at that moment."""

    def __init__(self, segment: Segment, syms: Mapping[Any, int]) -> None:
        self._segment: Segment | None = segment
        self._syms = dict(syms)
        self._last: dict[Any, Position] = {}

    def __getitem__(self, cid: Any) -> Position:
        segment = self._segment
        if segment is None:
            return self._last[cid]
        raw, sym = ffi.new("aats_pos_t *"), self._syms[cid]
        for _ in range(_TRIES):  # a seqlock: any thread may look, and its writer may have been stopped in the middle
            if lib.aats_td_get_pos(segment._base, sym, raw) == 1:
                return _position(raw)
            time.sleep(_PAUSE_S)
        raise AatsError(f"the position of {cid!r} cannot be read: it has been in the middle of a change for {_TRIES * _PAUSE_S:g} s")

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


def _position(raw: Any) -> Position:
    px_exp, qty_exp = int(raw.px_exp), int(raw.qty_exp)
    base, quote = text(raw.base), text(raw.quote)
    known = bool(raw.known)
    return Position(
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
    check(lib.aats_wide_format(value, exponent, out, lib.AATS_WIDE_SZ), "a sum of a position")
    return Decimal(text(out))
