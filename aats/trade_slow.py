"""What follows when a hop of a trade process was slower than its limit: a line in the log, ``onSlow``, the strategy's switch.

For: `TradeService.run`.  Not for the limits themselves (``aats.config.latency``), nor for finding out: csrc/app/slow.h compares each sample in the loop, and
the loop calls `Slow.tell` after the pass, outside every callback.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aats import risk
from aats._ffi import check, ffi, lib, text
from aats.config import SlowLimit
from aats.errors import AatsError
from aats.layout import Hop
from aats.risk import Scope
from aats.shm.risk import Host

__all__ = ["Slow"]

log = logging.getLogger("aats.trade")

_WARN_EVERY_S = 1.0
_ACTIONS = {"warn": lib.AATS_SLOW_WARN, "slow": lib.AATS_SLOW_TELL, "halt": lib.AATS_SLOW_HALT}


class Slow:
    """The limits of one run.

    Parameters
    ----------
    name : str
        Of the process: whose switch ``halt`` throws.
    limits : mapping
        By hop.
    td : cffi ``aats_td_t *``
        Counts what was slow.
    listeners : sequence of callable
        ``onSlow`` of each strategy that has its own.
    host : Host or None
        The host's limits; None: nothing is traded, ``halt`` throws nothing.

    Notes
    -----
    Threads: the loop's.  The loop owns it by `tell`, and it owns what the loop compares with.
    """

    def __init__(
        self, name: str, limits: Mapping[str, SlowLimit], td: Any, listeners: Sequence[Callable[[str, int], None]], host: Host | None
    ) -> None:
        self.raw = ffi.new("aats_slow_t *")
        self._name = name
        self._listeners = list(listeners)
        self._host = host
        self._told = ffi.new("aats_slow_told_t *")
        self._unsaid: dict[str, tuple[int, int]] = {}
        self._said_at: dict[str, float] = {}
        lib.aats_slow_init(self.raw, td)
        for hop, limit in limits.items():
            check(
                lib.aats_slow_limit(self.raw, int(Hop[hop.upper()]), limit.ns, _ACTIONS[limit.action]),
                f"the limit of {hop} cannot be set",
            )

    @property
    def address(self) -> int:
        return int(ffi.cast("uintptr_t", self.raw))

    def tell(self, leaving: int = 0) -> None:
        """Tell all that was passed since the last time; what a listener raises ends the run as that of any callback."""
        passed = []
        while lib.aats_slow_take(self.raw, self._told):
            one = self._told
            passed.append((text(lib.aats_slow_hop_name(one.hop)), int(one.action), int(one.cnt), int(one.worst_ns), int(one.limit_ns)))
        for hop, action, count, worst_ns, limit_ns in passed:
            self._warn(hop, count, worst_ns, limit_ns)
            if action == lib.AATS_SLOW_HALT:
                self._halt(hop, worst_ns, limit_ns)
        for hop, action, _, worst_ns, _ in passed:
            if action >= lib.AATS_SLOW_TELL and not leaving:
                for listener in self._listeners:
                    listener(hop, worst_ns)

    def _warn(self, hop: str, count: int, worst_ns: int, limit_ns: int) -> None:
        """Log at most once a second a hop; what is not said now is said with the next."""
        before, before_ns = self._unsaid.pop(hop, (0, 0))
        count, worst_ns = before + count, max(before_ns, worst_ns)
        now = time.monotonic()
        if now - self._said_at.get(hop, -_WARN_EVERY_S) < _WARN_EVERY_S:
            self._unsaid[hop] = count, worst_ns
            return
        self._said_at[hop] = now
        log.warning("%s: %s was above its limit of %d ns %d times; the worst: %d ns", self._name, hop, limit_ns, count, worst_ns)

    def _halt(self, hop: str, ns: int, limit_ns: int) -> None:
        if self._host is None:
            return
        scope = Scope("strategy", self._name)
        try:
            row = scope.row(self._host, make=True)
            if self._host.view.limits[row].swtch == lib.AATS_SWITCH_HALT:
                return
            log.error("%s", risk.throw(self._host, scope, "halt", by="latency limit", reason=f"{hop} took {ns} ns, limit {limit_ns} ns"))
        except AatsError as exc:
            log.error("%s: %s took %d ns, and the strategy is to be halted: %s", self._name, hop, ns, exc)

    def end(self) -> None:
        """Say what was not said yet."""
        for hop, (count, worst_ns) in self._unsaid.items():
            log.warning("%s: %s was above its limit %d more times; the worst: %d ns", self._name, hop, count, worst_ns)
        self._unsaid.clear()
