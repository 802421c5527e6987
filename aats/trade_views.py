"""What a strategy sees of its orders: ``self.orders``.

For: looking.  Not for what changes them (csrc/app/trader.h): these are views of the engine's own records; the user's ``Order`` objects are never written.
Nor for money: ``aats.trade_money``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["OrderView", "OrdersView"]


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
