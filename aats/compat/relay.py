"""Orders of the published client to our order session, and its events back.

For: the one strategy of a trade session's process.  Not for the connection: ``aats.compat.line``.

    place_order   exchange, symbol, price, size, side, tif, order_id, margin, margin_source: all texts but margin.  Prices and sizes are texts of floats
                  ("99.91999100000001", "1e-05"), so they are taken as floats: off the tick they move to the passive side
    cancel_order  order_id
    events        {"type": "onOrderAcked", "order": {...}}: the document's keys; order_id is the client's own, an int; side in lower case

What the client gets wrong is refused as the venue would refuse it: onOrderCreated, onOrderRejected, onOrderClosed, so that no order of a script waits for
ever.  A request without a usable order_id has no order: it is answered with the reason, which the client prints.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.compat.wire import number
from aats.errors import OrderError

__all__ = ["HOLD_S", "Relay"]

log = logging.getLogger("aats.compat")

#: So long a request waits for the order session, and that for the first books, of a process that has just been started.
HOLD_S = 5.0
_LOOK, _LOOK_MS = "books", 5
_HELD_MAX = 1024
_CLOSED_MAX = 4096  # closed orders that are remembered: as many as in the engine's own view
_WHAT = ("exchange", "symbol", "side", "price", "size", "margin", "margin_source")


class Relay(BaseStrategy):
    """Hand orders on, and events back.

    Parameters
    ----------
    tell : callable
        Takes a frame for the client, from any thread; must not block.

    Notes
    -----
    Threads: `take` belongs to the connection's thread, the callbacks to the loop's.
    """

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell_client = tell
        self._lock = threading.Lock()
        self._begun = 0.0
        self._started = False
        self._held: deque[tuple[float, dict[str, Any]]] = deque()
        self._ours: dict[int, int] = {}  # our order_id by the client's
        self._theirs: dict[int, int] = {}
        self._closed: dict[int, dict[str, Any]] = {}  # by our order_id, oldest first: what the order was
        self.on_start: Callable[[], None] = lambda: None

    def take(self, request: dict[str, Any]) -> None:
        """Take a place_order or cancel_order of the client."""
        with self._lock:
            if not self._started:
                self._held.append((time.monotonic(), request))
                if len(self._held) > _HELD_MAX:
                    self._act(self._held.popleft()[1], late=True)
                return
            self._act(request)

    # -------------------------------------------------------------------------------------------------- its requests

    def onStart(self) -> None:
        self._begun = time.monotonic()
        self.set_timer(_LOOK, _LOOK_MS)

    def onTimer(self, name: Any) -> None:
        """Begin once the books are good, without which the risk gate lets nothing pass; after a while all the same: it has the reason then."""
        if self._started or not (self._books_good() or time.monotonic() - self._begun > HOLD_S):
            return
        self.set_timer(_LOOK, 0)
        self.on_start()
        with self._lock:
            self._started = True
            while self._held:
                at, request = self._held.popleft()
                self._act(request, late=time.monotonic() - at > HOLD_S)

    def _books_good(self) -> bool:
        return all(self.si[cid].valid for cid in self.trade_cids)

    def _act(self, request: Mapping[str, Any], *, late: bool = False) -> None:
        kind, data = str(request.get("type")), request.get("data")
        theirs = number(data.get("order_id")) if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or theirs is None or not 0 <= theirs < 2**63:
            self._answer(kind, "order_id must be a whole number, not below 0")
        elif kind == "cancel_order":
            self._cancel(theirs)
        elif theirs in self._ours:
            self._refuse(data, theirs, "duplicate_id", f"order_id {theirs} was used already")
        elif late:
            self._refuse(data, theirs, "not_ready", f"the order session was not ready within {HOLD_S:g} s")
        else:
            self._place(data, theirs)

    def _place(self, data: Mapping[str, Any], theirs: int) -> None:
        try:
            order = _order(data)
        except ValueError as exc:
            self._refuse(data, theirs, "invalid", str(exc))
            return
        self._ours[theirs], self._theirs[order.order_id] = order.order_id, theirs  # before its first event can come
        try:
            self.send_order(order)
        except (OrderError, ValueError) as exc:
            del self._ours[theirs], self._theirs[order.order_id]
            self._refuse(data, theirs, "invalid", str(exc))

    def _cancel(self, theirs: int) -> None:
        ours = self._ours.get(theirs)
        if ours is None:
            self._answer("cancel_order", f"no order has order_id {theirs}")
            return
        try:
            self.send_cancel_order(ours)
        except OrderError as exc:
            self._answer("cancel_order", str(exc))

    def _answer(self, kind: str, reason: str) -> None:
        self._tell_client({"type": kind if kind in ("place_order", "cancel_order") else "error", "result": reason})

    def _refuse(self, data: Mapping[str, Any], theirs: int, code: str, reason: str) -> None:
        order: dict[str, Any] = {key: _word(data.get(key)) for key in ("exchange", "symbol", "price", "size", "margin_source")}
        order |= dict.fromkeys(("fill_size", "fill_price", "fill_notional", "cum_size", "cum_notional", "avg_price", "leaves_size"), "0")
        order |= {
            "order_id": theirs,
            "side": _last(data.get("side")),
            "margin": data.get("margin") is True,
            "remote_id": "",
            "client_id": "",
        }
        for kind in ("onOrderCreated", "onOrderRejected", "onOrderClosed"):
            said = {"msg": "", "code": ""} if kind == "onOrderCreated" else {"msg": reason, "code": code}
            self._tell_client({"type": kind, "order": {**order, **said}})

    # ---------------------------------------------------------------------------------------------------- its events

    def _relay(self, msg: Mapping[str, Any]) -> None:
        order = msg["order"]
        ours = order["order_id"]
        theirs = self._theirs.get(ours)
        if theirs is None:
            return  # of an earlier run, which this client knows nothing of
        # The refusal of a cancel that has crossed the order's end comes without what the order was; scripts look up its side.
        self._tell_client({"type": msg["type"], "order": {**order, **self._closed.get(ours, {}), "order_id": theirs}})
        if msg["type"] == "onOrderClosed":
            self._closed[ours] = {key: order.get(key) for key in _WHAT}
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Keep closed orders' numbers for a while: a late cancel of one is answered by name."""
        if len(self._closed) > _CLOSED_MAX:
            oldest = next(iter(self._closed))
            del self._closed[oldest]
            self._ours.pop(self._theirs.pop(oldest, -1), None)

    def onOrderCreated(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderAcked(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderRejected(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderExec(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderCancelCreated(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderCancelAcked(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderCancelRejected(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderCanceled(self, msg: dict[str, Any]) -> None:
        self._relay(msg)

    def onOrderClosed(self, msg: dict[str, Any]) -> None:
        self._relay(msg)


def _order(data: Mapping[str, Any]) -> Order:
    """Return the order; ValueError names what is wrong with it."""
    return Order(
        _word(data.get("exchange")),
        _word(data.get("symbol")),
        _float(data.get("price"), "price"),
        _float(data.get("size"), "size"),
        _last(data.get("side")),
        _last(data.get("tif")),
        margin=data.get("margin") is True or str(data.get("margin")).lower() == "true",
        margin_source=_word(data.get("margin_source", "spot")) or "spot",
    )


def _float(value: Any, what: str) -> float:
    try:
        found = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{what} must be a number; it is {_word(value)!r}")
    return found


def _word(value: Any) -> str:
    """Return a value of the client as a text that can stand in a message."""
    return (value if isinstance(value, str) else "" if value is None else str(value))[:64]


def _last(value: Any) -> str:
    """Return ``buy`` for ``"BUY"``, ``"Side.BUY"`` and the like."""
    return _word(value).rpartition(".")[2].lower()
