"""An order as a strategy writes it.

For: what ``send_order`` is given.  Not for what became of it: that comes by callbacks and stands in the engine's own records.  The object stays the
user's: the engine reads it once, when it is sent, and never writes it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from aats.base.const import OrderStatus, OrderType, Side, member

__all__ = ["Number", "Order", "take_id"]

#: How prices and sizes may be given.
Number: TypeAlias = "float | int | str | Decimal"

_next_id = itertools.count(1).__next__


def take_id() -> int:
    """Return the next free ``order_id``, which no `Order` will have: for one that was taken over from an earlier run."""
    return _next_id()


@dataclass
class Order:
    """An order to be sent.

    Parameters
    ----------
    exchange, symbol : str
        ``'BINANCE'``, ``'BTCUSDT'``.
    price, size : float, int, str or Decimal
        A float is fitted to the tick and lot of the symbol, a str, Decimal or int is taken exactly.
    side : Side or str
        ``'buy'`` or ``'sell'``.
    tif : OrderType or str
        ``'ioc'``, ``'pos'`` (post only), ``'gtc'``, ``'fok'`` or ``'market'``.
    reduce_only : bool
        It may shrink a position only, never open or turn one: contracts alone; on spot onOrderRejected ``unsupported``.

    Attributes
    ----------
    order_id : int
        Given here, counting from 1, unique in the process; part of equality.
    order_status, fill_size, fill_price, fill_notional, remote_id
        For the user's own bookkeeping; the engine does not touch them.

    Raises
    ------
    ValueError
        If `side` or `tif` is unknown; the text lists the known.
    """

    exchange: str
    symbol: str
    price: Number
    size: Number
    side: Side | str
    tif: OrderType | str
    margin: bool = False
    margin_source: str = "spot"
    fill_size: float = 0.0
    fill_price: float = 0.0
    fill_notional: float = 0.0
    remote_id: str = ""
    order_status: OrderStatus | str = OrderStatus.NEW
    reduce_only: bool = False
    order_id: int = field(init=False, default_factory=_next_id)

    # Written out, because it stands between a decision and its order's bytes: what dataclass makes of the same takes half as long again.
    def __init__(
        self,
        exchange: str,
        symbol: str,
        price: Number,
        size: Number,
        side: Side | str,
        tif: OrderType | str,
        margin: bool = False,
        margin_source: str = "spot",
        fill_size: float = 0.0,
        fill_price: float = 0.0,
        fill_notional: float = 0.0,
        remote_id: str = "",
        order_status: OrderStatus | str = OrderStatus.NEW,
        reduce_only: bool = False,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.price = price
        self.size = size
        self.side = side if type(side) is Side else member(Side, side, "side")
        self.tif = tif if type(tif) is OrderType else member(OrderType, tif, "tif")
        self.margin = margin
        self.margin_source = margin_source
        self.fill_size = fill_size
        self.fill_price = fill_price
        self.fill_notional = fill_notional
        self.remote_id = remote_id
        self.order_status = order_status
        self.reduce_only = reduce_only
        self.order_id = _next_id()
        if type(self) is not Order:
            self.__post_init__()

    def __post_init__(self) -> None:
        """Turn names into members, for a subclass whose ``__init__`` is its own."""
        self.side = member(Side, self.side, "side")
        self.tif = member(OrderType, self.tif, "tif")
