"""The jitter guard of a trade process: garbage, cores, memory, and what the loop's gaps were.

For: ``TradeService.run``; docs/guard.md is its manual, ``aats.config.guard`` has the settings.  Not for the machine: ``aats doctor`` names what is amiss there.

::

    prepare    map pages in, lock them; freeze garbage; watch for gaps        before the order session is waited for
    pin        the loop's thread to its core                                  after onStart, so that threads of the strategy are not on it
    look       in the loop's chores, idle or once a second: collect garbage, free threads that inherited the core, tell gaps
    end        everything as it was

Everything that cannot be had (locked memory, a core for 'auto') is said once, and the run goes on without; a core that was named and cannot be used is a
`ConfigError` before anything is started.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import resource
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from aats import cpus, stalls
from aats._ffi import ffi, lib
from aats.config import GuardOptions
from aats.layout import TD_OFFSET, StallCause
from aats.shm import Segment
from aats.trade_garbage import Counts, Garbage

__all__ = ["Guard"]

log = logging.getLogger("aats.trade")

_STACK = 256 << 10
_HEAP_MOST = 64 << 20
_TELL_MOST_S = 60.0


class Guard:
    """The guard of one run.

    Parameters
    ----------
    name : str
        Of the process, for the log.
    options : GuardOptions
    say : callable
        What logs lines for people.

    Attributes
    ----------
    counts : Counts
        Collections so far.
    core : int or None
        That the loop's thread is pinned to.
    locked : int
        Bytes that are kept in memory.

    Notes
    -----
    Threads: all on the loop's thread, but for `collect`.
    """

    def __init__(self, name: str, options: GuardOptions, *, say: Callable[..., None] = log.info) -> None:
        if isinstance(options.cpu, int):
            cpus.check(options.cpu, "guard.cpu")
        self._name = name
        self._options = options
        self._say = say
        self._garbage = Garbage(name, options)
        self._listening: Any = None
        self._segment: Segment | None = None
        self._complained = self._locked_all = self._prepared = False
        self._told: dict[StallCause, tuple[int, int]] = {}
        self._tick_at = 0.0
        self._threads = 0
        self._tell_at, self._tell_every_s = 0.0, 1.0
        self.core: int | None = None
        self.locked = 0

    @property
    def counts(self) -> Counts:
        return self._garbage.counts

    @property
    def wants_core(self) -> bool:
        return self._options.cpu != ""

    def collect(self) -> None:
        """Have all garbage collected in the next idle moment of the loop; any thread."""
        self._garbage.ask()

    # ---------------------------------------------------------------------------------------------------------- begin

    def prepare(self, loop: Any, segment: Segment, others: Iterable[Segment] = (), tables: Iterable[int] = ()) -> None:
        """Get memory ready, freeze garbage, and have the loop watched.

        Parameters
        ----------
        loop : Loop
        segment : Segment
            Of this process, where gaps are told.
        others : iterable of Segment
            Mapped ones of feeds.
        tables : iterable of int
            Addresses inside of what the loop works on.
        """
        self._segment = segment
        if self._options.lock == "all":
            self._locked_all = self._lock(lib.aats_pages_lock_all, _mapped(), "everything")
        for one in (segment, *others):
            self.keep(one)
        if self._options.touch:
            for begin, size in _regions(tables):
                lib.aats_pages_touch(ffi.cast("void *", begin), size, 1)
        if self._options.touch or self._options.lock != "off":
            self._lock(lambda: lib.aats_pages_stack(_STACK, self._options.lock != "off"), _STACK, "stack")
        self._garbage.begin()
        loop.guard(self.look, self._options.idle_us * 1000)
        if self._options.stall_us:
            loop.watch(segment.address + TD_OFFSET, self._options.stall_us * 1000)
            self._listening = loop.collecting
            gc.callbacks.append(self._listening)
        self._told = stalls.totals(segment)
        self._prepared = True

    def keep(self, segment: Segment) -> None:
        """Map a segment's pages in and keep them in memory: now, and for each later generation of a feed."""
        base, size = segment._base, segment.size
        if self._options.touch:
            lib.aats_pages_touch(base, size, int(segment.writable))
        if self._options.lock != "off" and (not self._locked_all or self._prepared):  # under a limit 'all' is what was there by then
            self._lock(lambda: lib.aats_pages_lock(base, size), size, str(segment.name))

    def _lock(self, act: Callable[[], int], size: int, what: str) -> bool:
        if act() == lib.AATS_OK:
            if self._options.lock != "off":
                self.locked += size
            return True
        limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
        if not self._complained:
            self._complained = True
            (log.warning if self._options.lock in ("on", "all") else self._say)(
                "%s: %s is not locked in memory: %d KiB are locked and %d KiB more were wanted, the limit is %d KiB (ulimit -l, or LimitMEMLOCK=)",
                *(self._name, what, self.locked >> 10, size >> 10, limit >> 10),
            )
        return False

    def pin(self, pids: Iterable[int] = ()) -> None:
        """Pin this thread to its core, if it is to have one; `pids`: whose cores 'auto' does not take.

        Raises
        ------
        ConfigError
            The core that was named cannot be used; the text lists those that can.
        """
        core = self._options.cpu
        if core == "":
            return
        if core == cpus.AUTO:
            spare = cpus.spare(cpus.pinned_by(pids)) if len(cpus.usable()) > 1 else None
            if spare is None:
                log.warning("%s: guard.cpu auto: no core is free: not pinned", self._name)
                return
            core = spare
        assert isinstance(core, int)
        cpus.pin(core, "guard.cpu")
        self.core = core
        cpus.release_others()
        self._say("%s: the loop's thread is pinned to core %d%s", self._name, core, " (isolated)" if core in cpus.isolated() else "")

    # ------------------------------------------------------------------------------------------------------- the run

    def look(self, idle_ns: int) -> None:
        """Do what is due; the loop calls it in idle time, and once a second."""
        now = time.monotonic()
        self._garbage.look(idle_ns, now)
        if self.core is not None and (now >= self._tick_at or threading.active_count() != self._threads):
            self._threads = threading.active_count()
            cpus.release_others()
        if now < self._tick_at:
            return
        self._tick_at = now + 1.0
        if now >= self._tell_at and self._options.stall_us:
            self._tell(now)

    def _tell(self, now: float) -> None:
        """Log the sum of the gaps since the last line; while they go on, each line is later than the one before, up to a minute."""
        assert self._segment is not None
        have = stalls.totals(self._segment)
        new = {cause: (cnt - self._told[cause][0], ns - self._told[cause][1]) for cause, (cnt, ns) in have.items()}
        parts = [f"{cause.name.lower()} {cnt} ({ns / 1e6:.1f} ms)" for cause, (cnt, ns) in new.items() if cnt]
        if not parts:
            self._tell_every_s = 1.0
            return
        self._say("%s: the loop stood still for more than %d us: %s", self._name, self._options.stall_us, ", ".join(parts))
        self._told = have
        self._tell_at = now + self._tell_every_s
        self._tell_every_s = min(_TELL_MOST_S, 2 * self._tell_every_s)

    def end(self) -> None:
        """Give core, memory and collector back; a second call does nothing."""
        if self.core is not None:
            self.core = None
            cpus.unpin()
        if self._listening is not None:
            with contextlib.suppress(ValueError):  # somebody has emptied the list
                gc.callbacks.remove(self._listening)
            self._listening = None
        if self._locked_all:
            self._locked_all = False
            lib.aats_pages_unlock_all()
        self._garbage.end()


def _mapped() -> int:
    """Return the bytes of this process's address space, which is what the limit is compared with."""
    with contextlib.suppress(OSError), open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
    return 0


def _regions(addresses: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Return begin and size of the mapped regions that these addresses lie in, and of the heap; huge ones are cut."""
    addresses = list(addresses)
    found = []
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps:
        for line in maps:
            words = line.split()
            begin, end = (int(part, 16) for part in words[0].split("-"))
            if "rw" in words[1] and (words[-1] == "[heap]" or any(begin <= one < end for one in addresses)):
                found.append((begin, min(end - begin, _HEAP_MOST)))
    return found
