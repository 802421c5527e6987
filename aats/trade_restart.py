"""What earlier runs of a strategy left, and how this one goes on with it: holdings, fees, day totals, and every order whose Closed was not delivered.

For: ``aats.trade_orders``.  Not for reading journals (``aats.journal``), nor for what becomes of an order that was taken over (csrc/app/trader.h).

    look    the folders of all accounts that this run trades on: what runs left that did not end in order
    take    holdings -> orders, told again -> the journal's first checkpoint: from then on they are ours, before it the earlier run's
    settle  END behind the files of the runs of which everything was taken over

Orders of symbols that this run does not trade are taken over, too, where the venue still lists them, and canceled; others the session cancels if they are
open, by the instance in their client ids.  Nothing is ever sent again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aats import journal
from aats._ffi import ffi, lib, text
from aats.base.order import take_id
from aats.errors import AatsError, ConfigError

__all__ = ["Earlier"]

log = logging.getLogger("aats.trade")


class Earlier:
    """The earlier runs of one strategy on the accounts of this one.

    Parameters
    ----------
    name : str
        Of the process, for the log.
    folders : sequence of Path
        Of the strategy's journals, one an account.
    living : collection of int
        Instances of processes that run: theirs is nobody else's.

    Attributes
    ----------
    runs : list of journal.Run
        Those that did not end in order, oldest first.

    Raises
    ------
    ConfigError
        One of them was written by another version of aats.
    """

    def __init__(self, name: str, folders: Sequence[Path], living: Collection[int]) -> None:
        self._name = name
        found = [run for folder in folders for run in journal.scan(folder) if run.instance not in living]
        self.runs = [run for run in found if not run.ended]
        self._carried = journal.carried(found)
        self._adopted: set[str] = set()
        self._refuse_another_layout()

    def _refuse_another_layout(self) -> None:
        """Refuse to begin where another version of aats has written what is held or open: it would count as nothing, for this run and all that follow."""
        runs = self.runs if self._carried is None else [*self.runs, self._carried]
        alien = next((run for run in runs if run.alien), None)
        if alien is not None:
            raise ConfigError(
                f"{self._name}: {alien.path} was written by another version of aats, and what the strategy holds or has open cannot be read by this one: "
                "go on with that version; or let it close what is open and held (its `aats positions` shows it), then move the file away, and the strategy "
                "begins with nothing"
            )

    @property
    def instances(self) -> list[int]:
        """Instances under which orders may be open that nobody takes over: of the runs, and of those whose orders they had adopted."""
        return sorted({run.instance for run in self.runs} | {left.instance for run in self.runs for left in run.left.values()})

    def symbols(self, exchange: str) -> set[str]:
        """Return the symbols of an exchange of which orders may be open."""
        return {order.symbol for run in self.runs for order in run.open if order.symbol.endswith(f".{exchange}")}

    # ---------------------------------------------------------------------------------------------------- taking over

    def take(self, trader: Any, syms: Mapping[str, int], now_ns: int) -> dict[int, journal.Left]:
        """Hand everything to a trader, whose symbols `syms` has; return the orders that it has taken over, by their ids in this process.

        Raises
        ------
        AatsError
            The journal's first checkpoint cannot be written.
        ConfigError
            A holding cannot be carried over: a start would lose it.
        """
        if self._carried is not None:
            self._carry(trader, syms, self._carried)
            now_ns = max(now_ns, self._carried.checked_ns + 1)  # the newest run is known by it, also where the clock has gone back
        taken = {}
        for run in self.runs:
            for left in run.left.values():
                order_id = self._adopt(trader, left, now_ns)
                if order_id:
                    taken[order_id] = left
        code = lib.aats_trader_carried(trader, now_ns)
        if code != lib.AATS_OK:
            raise AatsError(
                f"{self._name}: the journal does not take what earlier runs left ({text(lib.aats_err_name(code))}): is the disk full?"
            )
        return taken

    def _carry(self, trader: Any, syms: Mapping[str, int], run: journal.Run) -> None:
        for hold in run.holds.values():
            self._carried_over(lib.aats_trader_carry(trader, _struct("aats_hold_t", hold)), "a holding")
        for fee in run.fees.values():
            self._carried_over(lib.aats_trader_carry_fee(trader, _struct("aats_fee_t", fee)), "fees")
        for fill in run.fills:
            symbol = bytes(fill["order"]["symbol"]).decode("utf-8", "replace")
            self._carried_over(lib.aats_trader_carry_fill(trader, syms.get(symbol, -1), _struct("aats_oev_t", fill)), f"a fill of {symbol}")
        if run.days:
            day = max(run.days)
            totals = run.days[day]
            lib.aats_trader_carry_day(trader, ffi.new("aats_jday_t *", {"day": day, "orders": totals.orders, "cancels": totals.cancels}))

    def _carried_over(self, code: int, what: str) -> None:
        if code != lib.AATS_OK:
            raise ConfigError(
                f"{self._name}: {what} of earlier runs cannot be carried over ({text(lib.aats_err_name(code))}); nothing was begun"
            )

    def _adopt(self, trader: Any, left: journal.Left, now_ns: int) -> int:
        """Have an order taken over; return its id here, 0 if it was not."""
        if left.intent is None:
            return 0  # another build wrote it: the session cancels it by its client id
        story = ffi.new("aats_oev_t[]", max(1, len(left.events)))
        for at, event in enumerate(left.events):
            _copy(ffi.addressof(story, at), event)
        intent = _struct("aats_order_t", left.intent)
        order_id = take_id()
        code = lib.aats_trader_adopt(trader, order_id, intent, story, len(left.events), now_ns)
        if code == lib.AATS_OK:
            self._adopted.add(left.client_id)
            if left.amend is not None:
                lib.aats_trader_adopt_amend(trader, order_id, *left.amend)
            return order_id
        if code != lib.AATS_E_UNKNOWN:  # that is a symbol that is not traded here
            log.error("%s: order %s of an earlier run cannot be taken over (%s)", self._name, left.client_id, text(lib.aats_err_name(code)))
        return 0

    # -------------------------------------------------------------------------------------------------------- after it

    def settle(self, looked_at: Collection[str]) -> None:
        """Write END behind each run of which nothing can be open: it was taken over, or its symbol was `looked_at` by a session that is ready."""
        rest = []
        for run in self.runs:
            if not all(left.client_id in self._adopted or left.closed or left.symbol in looked_at for left in run.left.values()):
                rest.append(run)
                continue
            with contextlib.suppress(AatsError):  # the next start does it
                journal.settle(run.path)
        self.runs = rest


def _copy(out: Any, one: np.void) -> None:
    raw = one.tobytes()
    ffi.memmove(out, raw, len(raw))


def _struct(name: str, one: np.void) -> Any:
    out = ffi.new(f"{name} *")
    _copy(out, one)
    return out
