"""A trade process's seat among all that trade on this host: taken before its first order, given back when nothing of it is open.

For: ``aats.trade_orders``.  Not for what limits mean (``aats.risk``), nor for the supervisor's side (``aats.supervisor``).

    take    the seat of this name and account: exactly one process has it.  One that the supervisor is clearing is waited for.
    gate    for the trader (csrc/risk/gate.h), over the host's limits
    leave   clean: FREE, or PARKED where a position stays.  Not clean: it stays as it is, so that what may be open goes on counting, and whoever watches
            dead owners, or the next run of the name, sees to it
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import ConfigError
from aats.layout import Mode
from aats.shm import risk
from aats.trade_policy import Policy

__all__ = ["Seat"]

_CLEARING_S = 60.0  # so long a supervisor that is at work on the seat is waited for
_PAUSE_S = 0.01
_WHY_SZ = 400


class Seat:
    """The seat of one run, with its gate.

    Parameters
    ----------
    name, account : str
        Of the process, and of the account that its orders are on.
    instance : int
        Of the run's client ids.
    watched : bool
        Whether a supervisor has been given the key; else one that runs for others leaves the seat alone.
    meanwhile : callable
        Called while the seat is waited for; false gives up.

    Attributes
    ----------
    host : aats.shm.risk.Host
        The risk segment.
    gate : cffi ``aats_gate_t *``
        Good until `leave`.

    Raises
    ------
    ConfigError
        The seat is a living process's, or there is no room.
    """

    def __init__(
        self, name: str, account: str, mode: Mode, instance: int, policy: Policy, *, watched: bool, meanwhile: Callable[[], bool]
    ) -> None:
        self.host = risk.open_host()
        self._me = int(lib.aats_ident_self())
        self._instance, self._mode = instance, mode
        self.gate: Any = None
        self._at = self._take(name, account, mode, instance, policy, watched, meanwhile)
        why = ffi.new("char[]", _WHY_SZ)
        gate = lib.aats_gate_new(self.host.memory, self.host.segment.size, self._at, self._me, why, _WHY_SZ)
        if gate == ffi.NULL:
            self.leave(clean=False)
            raise ConfigError(f"{name}: {text(why)}")
        self.gate = gate

    def _take(
        self, name: str, account: str, mode: Mode, instance: int, policy: Policy, watched: bool, meanwhile: Callable[[], bool]
    ) -> int:
        deadline = time.monotonic() + _CLEARING_S
        on_death = lib.AATS_DEATH_CANCEL if watched and policy.on_death == "cancel" else lib.AATS_DEATH_KEEP
        while True:
            dead, pid = self._owner(name, account)
            code = self.host.take(
                self._me,
                name,
                account,
                instance=instance,
                mode=int(mode),
                on_death=on_death,
                grace_ms=policy.grace_ms,
                hang_ms=policy.hang_ms,
                dead=dead,
            )
            if code >= 0:
                return int(code)
            if code != lib.AATS_E_BUSY:
                full = code == lib.AATS_E_FULL
                raise ConfigError(
                    f"{name}: no seat in the risk segment of this host ({text(lib.aats_err_name(code))})"
                    + (
                        f": all {lib.AATS_RISK_SEATS} are strategies that run, or hold a position (aats risk show); use one of their names again"
                        if full
                        else ""
                    )
                )
            if time.monotonic() > deadline or not meanwhile():
                raise ConfigError(
                    f"{name}: its orders on {account} are in the hands of pid {pid} (a supervisor that clears them, or another run)"
                )
            time.sleep(_PAUSE_S)

    def _owner(self, name: str, account: str) -> tuple[int, int]:
        """Return the seat's owner word if its process is dead, else 0; and its pid."""
        at = self.host.find(name, account)
        seat = self.host.seat(at) if at is not None else None
        if seat is None:
            return 0, 0
        word = int(seat.owner)
        return (0 if lib.aats_proc_alive(word) else word), int(lib.aats_ident_pid(word))

    def _forget(self) -> None:
        """Take what is at stake out of the own cells: orders and positions on paper end with their process."""
        for sym, _ in self.host.symbols():
            cell = self.host.cell(self._at, sym)
            cell.pos_i = cell.buy_i = cell.sell_i = cell.open_cnt = cell.exposure_i = 0
            lib.aats_cell_set(self.host.view, self._at, sym, cell)

    def see_fence(self) -> None:
        """Show whoever has taken the seat that this process has seen it, and sends nothing more."""
        if self._at >= 0:
            self.host.view.seats[self._at].fenced = self._instance

    def leave(self, *, clean: bool) -> None:
        """Free the gate, whose trader must be gone, and give the seat back if nothing may be open; a second call does nothing."""
        if self.gate is not None:
            lib.aats_gate_free(self.gate)
            self.gate = None
        if self._at >= 0 and self._mode == Mode.PAPER:
            self._forget()
        if clean and self._at >= 0:
            self.host.move(self._at, self._me, lib.AATS_SEAT_FREE)
        self._at = -1
