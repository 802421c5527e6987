"""``SymbolInfo``: what is known of one symbol now.

For: ``self.si[cid]`` of a strategy.  The class is made in C (csrc/py/info.c): the engine writes its members before each callback at no cost of Python, and
reading one makes a float.  What stands below for type checkers is the same list; a test compares the two.

Notes
-----
Lifetime: the object lives as long as the service; its values are always the newest.  ``bids`` and ``asks`` are built when read: ``[[px, qty], ...]``, best
first, yours to keep.  Threads: written by the loop's thread; another thread may read single members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["SymbolInfo"]

if TYPE_CHECKING:

    class SymbolInfo:
        """What is known of one symbol now; the engine writes it, strategies read it."""

        cid: Any
        sym: str
        exch: str
        port: str
        level_num: int
        depth: int
        ticksize: float
        lotsize: float
        bid_px: float
        bid_qty: float
        ask_px: float
        ask_qty: float
        mid_px: float
        bids: list[list[float]]
        asks: list[list[float]]
        trade_px: float
        trade_qty: float
        trade_type: int
        valid: bool
        exch_ns: int
        recv_ns: int
        seq: int
        trade_exch_ns: int
        trade_recv_ns: int
        trade_seq: int
        bbo_bid_px: float
        bbo_bid_qty: float
        bbo_ask_px: float
        bbo_ask_qty: float
        bbo_exch_ns: int
        bbo_recv_ns: int
        bbo_seq: int
        bid_len: int
        ask_len: int
        px_exp: int
        qty_exp: int
        tick_i: int
        lot_i: int

        def __init__(self, cid: Any, port: str, level_num: int = 5) -> None: ...

        def levels(self, side: int) -> bytes:
            """Return the exact book of a side: int64 px_i, qty_i in turn; side 0 bids, 1 asks."""
            ...

else:
    from aats._ffi import types

    SymbolInfo = types["SymbolInfo"]
