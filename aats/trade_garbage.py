"""When a trade process collects garbage: while nothing comes, and before it has grown too much.

For: `aats.trade_guard.Guard`.  Not for the time that a collection takes from the loop: that is a gap like any other (``aats.stalls``).

::

    start      everything is collected and frozen: later collections do not look at it; Python's own collector is off
    warm-up    `warm_up_ms` later the young are collected, and all that the strategy has built by then is frozen too
    idle       the youngest generation, when as much was made as would have started Python's collector; the next one each tenth time
    ceiling    memory has grown by `memory_mb`: everything, frozen or not, in the next idle moment or two seconds later without one

A strategy that calls ``gc.enable()`` has Python's collector back, and is left alone.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from dataclasses import dataclass

from aats.config import GuardOptions

__all__ = ["Counts", "Garbage"]

log = logging.getLogger("aats.trade")

_TICK_S = 1.0
_PATIENCE = 2  # ticks above the ceiling without an idle moment
_WARN_S = 60.0


@dataclass
class Counts:
    """What was collected so far.

    Attributes
    ----------
    young, full : int
        Collections in idle time of the youngest one or two generations; of everything.
    forced : int
        Of the full ones, those that did not wait for an idle moment.
    freed : int
        Objects.
    worst_ns : int
        The longest collection.
    """

    young: int = 0
    full: int = 0
    forced: int = 0
    freed: int = 0
    worst_ns: int = 0


class Garbage:
    """The collections of one run.

    Parameters
    ----------
    name : str
        Of the process, for the log.
    options : GuardOptions

    Notes
    -----
    Threads: all on the loop's thread, but for `ask`.
    Cost: `look` 0.3 us where nothing is to be done; once a second it reads how much memory there is, 3 us.
    """

    def __init__(self, name: str, options: GuardOptions) -> None:
        self.counts = Counts()
        self._name = name
        self._options = options
        self._page = os.sysconf("SC_PAGESIZE")
        self._statm = -1
        self._was_enabled = gc.isenabled()
        self._begun = False
        self._left_alone = False
        self._asked = False
        self._warm_at = self._tick_at = 0.0
        self._base = self._next = 0
        self._above = 0
        self._warned = -_WARN_S

    def begin(self) -> None:
        """Freeze what exists, and switch Python's collector off."""
        self._was_enabled = gc.isenabled()
        if self._options.gc == "auto":
            return
        self._begun = True
        with contextlib.suppress(OSError):
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        gc.collect()
        gc.freeze()
        gc.disable()
        self._warm_at = time.monotonic() + self._options.warm_up_ms / 1000
        self._base = self._next = self.memory()

    def end(self) -> None:
        """Leave the collector as it was found; a second call does nothing."""
        if not self._begun:
            return
        self._begun = False
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def ask(self) -> None:
        """Have everything collected in the next idle moment; any thread."""
        self._asked = True

    def memory(self) -> int:
        """Return the bytes of this process that are in memory, 0 if the system does not tell."""
        if self._statm < 0:
            return 0
        return int(os.pread(self._statm, 128, 0).split()[1]) * self._page

    def look(self, idle_ns: int, now_s: float) -> None:
        """Collect if it is time to.

        Parameters
        ----------
        idle_ns : int
            Since when nothing came; 0: the loop is busy.
        now_s : float
            ``time.monotonic()``.
        """
        if not self._begun or self._is_left_alone():
            return
        if now_s >= self._tick_at:
            self._tick_at = now_s + _TICK_S
            self._look_at_memory(now_s)
        if self._above and (idle_ns or self._above > _PATIENCE):
            self._collect_above(now_s, forced=not idle_ns)
        elif idle_ns:
            self._idle(now_s)

    def _is_left_alone(self) -> bool:
        enabled = gc.isenabled()
        if enabled and not self._left_alone:
            log.info("%s: the strategy has switched Python's garbage collector on: collections are left to it", self._name)
        self._left_alone = enabled
        return enabled

    def _idle(self, now_s: float) -> None:
        if self._asked:
            self._asked = False
            self._collect(2)
        elif self._warm_at and now_s >= self._warm_at:
            self._warm_at = 0.0
            if self._options.gc == "idle":
                self._collect(1)  # what is older waits for the ceiling: looking at all of it takes milliseconds
            gc.freeze()
            self._base = self._next = self.memory()
        elif self._options.gc == "idle":
            (young, middle, _), (young_most, middle_most, _) = gc.get_count(), gc.get_threshold()
            if young > (young_most or 700):
                self._collect(1 if middle > middle_most else 0)

    def _look_at_memory(self, now_s: float) -> None:
        grown = self.memory() - self._base
        if grown <= self._options.memory_mb << 20 or grown + self._base <= self._next:
            self._above = 0
            return
        self._above += 1

    def _collect_above(self, now_s: float, *, forced: bool) -> None:
        """Collect everything; nothing more until memory has grown by another quarter of the ceiling."""
        self._above = 0
        before = self.memory()
        gc.unfreeze()
        freed, took_ns = self._collect(2)
        gc.freeze()
        self.counts.forced += forced
        after = self.memory()
        self._next = after + (self._options.memory_mb << 18)
        if now_s - self._warned >= _WARN_S:
            self._warned = now_s
            log.warning(
                "%s: memory has grown by %d MiB since the start (guard.memory_mb %d): collecting took %.1f ms, freed %d objects and %d MiB; "
                "the strategy makes reference cycles faster than idle time lets collect, or keeps what it gets",
                *(self._name, (before - self._base) >> 20, self._options.memory_mb, took_ns / 1e6, freed, max(0, before - after) >> 20),
            )

    def _collect(self, generation: int) -> tuple[int, int]:
        begin = time.perf_counter_ns()
        freed = gc.collect(generation)
        took_ns = time.perf_counter_ns() - begin
        counts = self.counts
        if generation == 2:
            counts.full += 1
        else:
            counts.young += 1
        counts.freed += freed
        counts.worst_ns = max(counts.worst_ns, took_ns)
        return freed, took_ns
