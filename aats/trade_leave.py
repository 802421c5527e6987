"""Leaving the market: what happens between a strategy's ``close()`` and the end of the process.

::

    close() of each strategy -> new orders are refused (closing), cancels pass
      -> order events go on until all orders are closed, or close_ms           [not waited for where close() failed or is not overridden]
      -> what is open is canceled, up to another close_ms
      -> the venue is asked what is open of ours, until it says nothing, up to stop_ms
      -> good-bye

Whoever sends a signal or a stop command follows with force after stop_ms; a run that ends by one of these (`hurried`) is through all of it half a second
earlier.  Ctrl-C, stop() and exceptions have nobody behind them and take the time that it takes.

A process whose seat was taken over (`Desk.fenced`: it was thought dead) cancels nothing: the orders are the other one's.

Nothing here depends on the user's ``close()``, and an exception in a callback is logged and passed over.  A second Ctrl-C cancels at once; a third gives up,
with a line that names the orders that may still be open.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from aats._ffi import lib
from aats.config import Limits
from aats.trade_orders import Desk

__all__ = ["Leaving", "Presses"]

log = logging.getLogger("aats.trade")

_LOOK_MS = 5
_GOODBYE_S = 1.0
_BEFORE_FORCE_S = 0.5
_CANCEL_S = 2.0  # of a hurried leave: what is left of it for cancels


class Presses:
    """Counts Ctrl-C while leaving; the handler raises KeyboardInterrupt inside `breakable`, and from the third on, elsewhere it only counts."""

    def __init__(self) -> None:
        self.cnt = 0
        self._breakable = False

    @contextlib.contextmanager
    def counted(self) -> Iterator[Presses]:
        """Take SIGINT, where it is Python's own and this is the main thread."""
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield self
            return
        signal.signal(signal.SIGINT, self._press)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _press(self, *_: Any) -> None:
        self.cnt += 1
        if self._breakable or self.cnt > 2:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def breakable(self) -> Iterator[None]:
        """Let Ctrl-C break what runs inside: the user's own code."""
        self._breakable = True
        try:
            yield
        finally:
            self._breakable = False


class Leaving:
    """The way out of one run.

    Parameters
    ----------
    name : str
    desk : Desk
    loop : Loop
    limits : Limits
    presses : Presses
    """

    def __init__(self, name: str, desk: Desk, loop: Any, limits: Limits, presses: Presses) -> None:
        self.name = name
        self._desk = desk
        self._loop = loop
        self._limits = limits
        self._presses = presses
        self._done: Callable[[], bool] = lambda: True
        self._deadline = 0.0
        self._last = float("inf")  # no waiting beyond it
        self._hurry_at = 0
        self._good_bye = False

    def run(self, *, patient: bool, hurried: bool) -> bool:
        """Leave; return whether the venue has said that nothing of ours is open.

        Parameters
        ----------
        patient : bool
            Whether orders may end by themselves first: ``close()`` has seen to them.
        hurried : bool
            Whether force follows after stop_ms.
        """
        if hurried:
            self._last = time.monotonic() + self._limits.stop_ms / 1000 - _GOODBYE_S - _BEFORE_FORCE_S
        desk, trader = self._desk, self._desk.trader
        lib.aats_trader_close(trader)
        self._loop.leaving(_LOOK_MS)
        desk.clean = clean = not desk.fenced and self._cancel_and_verify(patient=patient)
        if desk.fenced:
            log.error("%s: leaves %d orders to the process that has taken them over", self.name, desk.open_cnt)
        elif not clean:
            self._complain()
        self._loop.leaving(_LOOK_MS)
        lib.aats_trader_leave(trader)
        self._last, self._good_bye = float("inf"), True
        self._until(lambda: bool(lib.aats_trader_left(trader)), _GOODBYE_S)
        return clean

    def _cancel_and_verify(self, *, patient: bool) -> bool:
        """Return whether nothing of ours is open, by the venue's word; ended early where the orders become another process's."""
        desk, trader = self._desk, self._desk.trader
        own_s = min(self._limits.close_ms / 1000, max(0.0, self._last - _CANCEL_S - time.monotonic()))
        self._until(self._all_closed, own_s if patient else 0.0, hurry_at=1)
        if desk.open_cnt:
            log.info("%s: cancels what is open: %s", self.name, ", ".join(desk.open_orders()[:8]))
            lib.aats_trader_cancel_all(trader, time.time_ns(), time.monotonic_ns())
            self._until(self._all_closed, self._limits.close_ms / 1000)
        if desk.sent_cnt:  # a run that has sent nothing has nothing open
            lib.aats_trader_verify(trader)
            self._until(lambda: bool(lib.aats_trader_verified(trader)) and self._all_closed(), self._limits.stop_ms / 1000)
        return not desk.fenced and self._all_closed() and (not desk.sent_cnt or bool(lib.aats_trader_verified(trader)))

    def _all_closed(self) -> bool:
        return self._desk.open_cnt == 0 and not lib.aats_trader_has_event(self._desk.trader)

    def _complain(self) -> None:
        left, why = self._desk.open_orders(), self._desk.why_not_ready()
        if left:
            what = f"{len(left)} orders may still be open at the venue: {', '.join(left[:16])}"
        else:
            what = "all orders are closed as far as is known, the venue has not confirmed it"
        log.error(
            "%s: %s%s; the next start of this name, or `aats flatten`, cancels what is open", self.name, what, f" ({why})" if why else ""
        )

    # --------------------------------------------------------------------------------------------------------- waiting

    def look(self) -> None:
        """End the loop's run when what is waited for is there; called by the hook."""
        if self._over():
            self._loop.stop()

    def _over(self) -> bool:
        return (
            self._done()
            or (self._desk.fenced and not self._good_bye)
            or time.monotonic() >= self._deadline
            or self._presses.cnt >= self._hurry_at
        )

    def _until(self, done: Callable[[], bool], wait_s: float, *, hurry_at: int = 2) -> None:
        """Let the loop run until `done`, the time is over, or Ctrl-C came `hurry_at` times."""
        self._done, self._deadline, self._hurry_at = done, min(time.monotonic() + wait_s, self._last), hurry_at
        while not self._over():
            self._loop.again()
            try:
                self._loop.run()
            except BaseException as exc:
                if isinstance(exc, KeyboardInterrupt):
                    self._presses.cnt = max(self._presses.cnt, hurry_at)
                else:
                    log.exception("%s: an exception while leaving; leaving goes on", self.name)
