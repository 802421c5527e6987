"""``BaseStrategy``: what a strategy inherits from.

For: the callbacks, all of them no-ops, and the few calls that a strategy makes.  Not for the engine's side of it: ``aats.trade`` and the loop in csrc/py.

A callback that a class does not override is not called at all.  No ``super().__init__()`` is needed, and calling ``super().onQuote(msg)`` and the like
neither harms nor notifies twice.

.. note:: **What a message is.**  ``msg`` of onQuote, onTick, onBbo and onL2 is a dict that the next event may reuse, but only if nobody has kept or
   changed it or anything in it: keep it, change it, hand it to another thread, it is yours then and never changes under your hands.
   ``self.event`` is different: it is a *view* of the current event; keep ``self.event.copy()``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from aats.errors import OrderError
from aats.layout import to_floats
from aats.money import Balance, Pnl, Position

if TYPE_CHECKING:
    from aats.base.order import Number, Order
    from aats.base.symbolinfo import SymbolInfo

__all__ = ["BaseStrategy", "Levels"]

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class _Count:
    """A count of the engine's, readable on the instance; a strategy that assigns the name has its own attribute from then on."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, strategy: BaseStrategy | None, owner: type) -> Any:
        if strategy is None:
            return self
        link = strategy.__dict__.get("_link")
        return strategy.__dict__.get("_counts", {}).get(self._name, 0) if link is None else getattr(link, self._name)


class _View:
    """A view of the engine's, readable on the instance, empty before ``run()``; a strategy that assigns the name has its own attribute from then on."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, strategy: BaseStrategy | None, owner: type) -> Any:
        return self if strategy is None else strategy.__dict__.get("_views", _NOTHING).get(self._name, _NOTHING)


@dataclass(frozen=True)
class Levels:
    """One book as arrays, best first.

    Attributes
    ----------
    bids, asks : float64 arrays, shape (length, 2)
        Price, quantity.
    bids_i, asks_i : int64 arrays, shape (length, 2)
        The same exactly: price times ``10 ** -px_exp``, quantity times ``10 ** -qty_exp``.
    valid : bool

    Notes
    -----
    Lifetime: copies, yours to keep.
    """

    bids: npt.NDArray[np.float64]
    asks: npt.NDArray[np.float64]
    bids_i: npt.NDArray[np.int64]
    asks_i: npt.NDArray[np.int64]
    px_exp: int
    qty_exp: int
    valid: bool


class BaseStrategy:
    """Base of every strategy; override what you need.

    Attributes
    ----------
    si : mapping
        ``SymbolInfo`` by cid; shared by all strategies, read-only, always up to date when a callback runs.
    trade_cid, trade_symbol, trade_exchange
        The last trade symbol added; None without one.
    trade_cids : list
        All of them.
    event : Event
        Everything else about the current event: seq, exch_ns, recv_ns, parsed_ns, pub_ns, delivered_ns, bid_len, ask_len, flags (recovered, fused, deep),
        exact integers.
    tick_cnt, quote_cnt : int
        Events so far.
    orders : mapping
        Own orders by ``order_id``, as the engine knows them now (`aats.trade_views.OrderView`): open ones, and the last 4096 closed ones.
    positions : mapping
        What this process traded since it began, by cid (`aats.trade_money.Traded`), exact decimals.
    level_num : int
        Of the last trade symbol, else of the last symbol added.
    manager : TradeService

    Notes
    -----
    Threads: every callback runs on the thread that called ``run()``.
    An exception in a callback is logged with its traceback, ``close()`` runs, and ``run()`` raises it.
    """

    si: Mapping[Any, SymbolInfo] = _NOTHING
    trade_cid: Any = None
    trade_symbol: str | None = None
    trade_exchange: str | None = None
    trade_cids: Sequence[Any] = ()
    event: Any = None
    level_num: int = 5
    manager: Any = None
    tick_cnt: ClassVar[Any] = _Count("tick_cnt")
    quote_cnt: ClassVar[Any] = _Count("quote_cnt")
    orders: ClassVar[Any] = _View("orders")
    positions: ClassVar[Any] = _View("positions")

    def init_strategy(
        self, si: Mapping[Any, SymbolInfo], trade_cid: Any, trade_symbol: str | None, trade_exchange: str | None, manager: Any
    ) -> None:
        """Take what the engine hands over before the first callback."""
        self.si = si
        self.trade_cid = trade_cid
        self.trade_symbol = trade_symbol
        self.trade_exchange = trade_exchange
        self.manager = manager

    # ------------------------------------------------------------------------------------------ what a strategy calls

    def send_order(self, order: Order) -> int:
        """Send an order and return its ``order_id``.

        What becomes of it comes by callbacks, after the running one has returned; also a refusal: onOrderRejected with ``msg`` and ``code``.
        The `Order` is read once and never written.

        Raises
        ------
        OrderError
            It is no `Order`, price or size is of a type that is no number, its symbol was not added for trading, or ``run()`` has not begun or is over.
        ValueError
            Its side or tif was set to something unknown.

        Notes
        -----
        Threads: from another thread the order is queued to the loop, and the id returned at once.
        """
        link = self.__dict__.get("_link")
        if link is None:
            link = self._engine("send_order")
        order_id: int = link.send_order(order)
        return order_id

    def send_cancel_order(self, order_id: int) -> None:
        """Ask for an order to be canceled; onOrderCancelRejected if there is no such order, or it is closed.  Harmless after ``run()``.

        Threads: as `send_order`.
        """
        if self.__dict__.get("_link") is None and "_counts" in self.__dict__:
            return  # the run is over, and nothing is open
        self._engine("send_cancel_order").send_cancel_order(order_id)

    def send_amend_order(self, order_id: int, price: Number | None = None, size: Number | None = None) -> None:
        """Ask for an open order to have another price, size (the whole size, what is filled counted in), or both.

        onOrderAmended, whose message has the new price and size, or onOrderAmendRejected with ``msg`` and ``code``: ``unsupported`` where the venue amends no
        orders (cancel it and send another), the rules' and limits' own codes, ``amend_pending`` and ``cancel_pending`` while an earlier request is open.

        Raises
        ------
        OrderError
            `order_id` is no int, price or size of a type that is no number, or both are missing.

        Notes
        -----
        Threads: as `send_order`.
        """
        if self.__dict__.get("_link") is None and "_counts" in self.__dict__:
            return  # the run is over, and nothing is open
        self._engine("send_amend_order").send_amend_order(order_id, price, size)

    def send_cancel_all(self, cid: Any = None) -> None:
        """Ask for each open order of this strategy to be canceled: of one symbol, or, without `cid`, of all.  Each is told as send_cancel_order's.

        Threads: as `send_order`.
        """
        if self.__dict__.get("_link") is None and "_counts" in self.__dict__:
            return
        symbol = None if cid is None else (self.si[cid].sym, self.si[cid].exch)
        self._engine("send_cancel_all").send_cancel_all(symbol)

    def set_timer(self, name: Any, every_ms: float) -> None:
        """Have ``onTimer(name)`` called every `every_ms` milliseconds; 0 ends it.

        Notes
        -----
        A timer that comes late by more than its period is called once, not made up for.  Before ``run()`` it is noted and starts then.
        """
        link = self.__dict__.get("_link")
        if link is None:
            self.__dict__.setdefault("_timers", {})[name] = every_ms
        else:
            link.set_timer(name, every_ms)

    def book(self, cid: Any) -> Levels:
        """Return the book of `cid` as arrays: what ``self.si[cid]`` knows now.

        Notes
        -----
        Cost: some microseconds; the message and ``self.si`` are cheaper for a few numbers.
        """
        info = self.si[cid]
        sides = [np.frombuffer(info.levels(side), np.int64).reshape(-1, 2) for side in (0, 1)]
        floats = [to_floats(side, info.px_exp, info.qty_exp) for side in sides]
        return Levels(floats[0], floats[1], sides[0], sides[1], info.px_exp, info.qty_exp, info.valid)

    def position(self, cid: Any) -> Position:
        """Return what this strategy holds of `cid`, through all its runs: size, average price, cash, profit; exact decimals.

        One of zeros where nothing was ever traded; KeyError for a cid that was not added.

        Notes
        -----
        Threads: any.  Readable after ``run()``, as it was at the end.
        Lifetime: a copy of this moment, yours to keep.
        Cost: some ten microseconds.
        """
        return self._money("position").position(cid)  # type: ignore[no-any-return]

    def balance(self, asset: str, exchange: str | None = None) -> Balance | None:
        """Return what the account has of an asset, as the venue told it last; None if it has told nothing (paper trading has no account).

        Raises
        ------
        ValueError
            Accounts at several exchanges have it, and `exchange` was not given.

        Notes
        -----
        Threads, Lifetime, Cost: as `position`.
        """
        return self._money("balance").balance(asset, exchange)  # type: ignore[no-any-return]

    def pnl(self) -> Pnl:
        """Return what this strategy has made through all its runs, by quote asset: realised, unrealised, total, of the UTC day; and its fees by asset.

        Notes
        -----
        Threads, Lifetime: as `position`.  Cost: some ten microseconds a symbol.
        """
        return self._money("pnl").pnl()  # type: ignore[no-any-return]

    def _money(self, what: str) -> Any:
        money = self.__dict__.get("_views", _NOTHING).get("money")
        if money is None:
            raise OrderError(f"{what} before run(): the strategy is not connected to a market yet")
        return money

    def _engine(self, what: str) -> Any:
        link = self.__dict__.get("_link")
        if link is None and "_counts" in self.__dict__:
            raise OrderError(f"{what} after run(): the strategy is not connected to a market any more")
        if link is None:
            raise OrderError(f"{what} before run(): the strategy is not connected to a market yet")
        return link

    # --------------------------------------------------------------------------------------------- the life of it

    def close(self) -> None:
        """Leave the market; override it.

        Called once by the engine, on Ctrl-C, SIGTERM, ``kill_server``, ``stop()`` and after an exception in a callback.  What is still open afterwards
        is cancelled whether this succeeds or not.
        """

    def onStart(self) -> None:
        """Called before the first event."""

    def onStop(self, reason: str) -> None:
        """Called after the last event."""

    # ----------------------------------------------------------------------------------------------- market data

    def onQuote(self, msg: dict[str, Any]) -> None:
        """Called when the published depth of a valid L2 book has changed."""

    def onTick(self, msg: dict[str, Any]) -> None:
        """Called for each public trade."""

    def onNotify(self, NoType: int) -> None:
        """Called after each onQuote (1) and each onTick (0)."""

    def onBbo(self, msg: dict[str, Any]) -> None:
        """Called for best bid and ask from the venue's own fast stream."""

    def onL2(self, msg: dict[str, Any]) -> None:
        """Called for each level change, after ``open_l2_data``."""

    def onTimer(self, name: Any) -> None:
        """Called by a timer of ``set_timer``."""

    def onBookInvalid(self, cid: Any, reason: str) -> None:
        """Called when a book stopped being valid; onQuote comes again when it is."""

    def onLap(self, feed: str, missed: int) -> None:
        """Called when this process was overrun by `missed` records; each book comes next, whole, by onQuote."""

    def onFeedDown(self, feed: str, reason: str) -> None:
        """Called when a feed's process or its venue link is gone."""

    def onFeedUp(self, feed: str) -> None:
        """Called when it is back."""

    def onFunding(self, msg: dict[str, Any]) -> None:
        """Called for a funding rate of a perpetual."""

    def onMark(self, msg: dict[str, Any]) -> None:
        """Called for a mark price of a perpetual."""

    def onLiquidation(self, msg: dict[str, Any]) -> None:
        """Called for a public liquidation."""

    # ---------------------------------------------------------------------------------------------------- orders

    def onOrderCreated(self, msg: dict[str, Any]) -> None:
        """Called when the order exists with us; always its first callback."""

    def onOrderAcked(self, msg: dict[str, Any]) -> None:
        """Called when the venue accepted it."""

    def onOrderRejected(self, msg: dict[str, Any]) -> None:
        """Called when it was refused, locally or by the venue."""

    def onOrderExec(self, msg: dict[str, Any]) -> None:
        """Called for each fill, partial or whole."""

    def onOrderCancelCreated(self, msg: dict[str, Any]) -> None:
        """Called when a cancel request exists with us."""

    def onOrderCancelAcked(self, msg: dict[str, Any]) -> None:
        """Called when the venue accepted a cancel request."""

    def onOrderCancelRejected(self, msg: dict[str, Any]) -> None:
        """Called when a cancel request was refused."""

    def onOrderCanceled(self, msg: dict[str, Any]) -> None:
        """Called when the venue says it is canceled or expired."""

    def onOrderClosed(self, msg: dict[str, Any]) -> None:
        """Called once for each order, when it has ended."""

    def onOrderUnknown(self, msg: dict[str, Any]) -> None:
        """Called while an order's outcome is being asked for."""

    def onOrderAmended(self, msg: dict[str, Any]) -> None:
        """Called when the venue amended it."""

    def onOrderAmendRejected(self, msg: dict[str, Any]) -> None:
        """Called when an amend request was refused."""

    # ------------------------------------------------------------------------------------------------ the engine

    def onDisconnect(self, exchange: str) -> None:
        """Called when the order session to an exchange is lost."""

    def onReconnect(self, exchange: str) -> None:
        """Called when it is back."""

    def onReconciled(self, exchange: str) -> None:
        """Called when every order's state is known again."""

    def onRisk(self, state: str) -> None:
        """Called when the kill switch or a limit changed."""

    def onSlow(self, hop: str, ns: int) -> None:
        """Called when a latency threshold was passed."""
