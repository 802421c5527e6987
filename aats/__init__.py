"""AATS: order books and trades from an exchange's socket to a Python callback through shared memory, and orders back.

The names below are the public face; each is also importable from its own module.  They are imported when first used, so that a part that needs no C core
(the simulated exchange, ``aats.errors``) works without one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__all__ = [
    "AatsError",
    "BaseStrategy",
    "Book",
    "Books",
    "ConfigError",
    "ControlError",
    "ControlService",
    "FeedError",
    "MarketService",
    "NetWorkType",
    "Order",
    "OrderError",
    "OrderStatus",
    "OrderType",
    "ShmError",
    "Side",
    "SymbolInfo",
    "TradeService",
    "TradeType",
    "attach",
]

_WHERE = {
    "AatsError": "aats.errors",
    "BaseStrategy": "aats.base_strategy",
    "Book": "aats.books",
    "Books": "aats.books",
    "ConfigError": "aats.errors",
    "ControlError": "aats.errors",
    "ControlService": "aats.control_service",
    "FeedError": "aats.errors",
    "MarketService": "aats.market_service",
    "NetWorkType": "aats.base.const",
    "Order": "aats.base.order",
    "OrderError": "aats.errors",
    "OrderStatus": "aats.base.const",
    "OrderType": "aats.base.const",
    "ShmError": "aats.errors",
    "Side": "aats.base.const",
    "SymbolInfo": "aats.base.symbolinfo",
    "TradeService": "aats.trade_service",
    "TradeType": "aats.base.const",
    "attach": "aats.books",
}

if TYPE_CHECKING:
    from aats.base.const import NetWorkType, OrderStatus, OrderType, Side, TradeType
    from aats.base.order import Order
    from aats.base.symbolinfo import SymbolInfo
    from aats.base_strategy import BaseStrategy
    from aats.books import Book, Books, attach
    from aats.control_service import ControlService
    from aats.errors import AatsError, ConfigError, ControlError, FeedError, OrderError, ShmError
    from aats.market_service import MarketService
    from aats.trade_service import TradeService


def __getattr__(name: str) -> Any:
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"module 'aats' has no attribute {name!r}")
    value = getattr(importlib.import_module(where), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
