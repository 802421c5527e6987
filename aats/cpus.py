"""Cores of this host: which may be used, which stand apart, and pinning a thread to one.

For: the trade loop's thread, a feed's I/O thread, ``aats doctor``.  Not for deciding how a loop waits (csrc/app/wait.h).

A thread inherits the cores of the one that starts it.  What is pinned here is remembered, and `release_others` gives every other thread of this process
its freedom back; a child process gets it by `release`.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from aats.errors import ConfigError

__all__ = [
    "AUTO",
    "check",
    "isolated",
    "parse",
    "pin",
    "pinned",
    "pinned_by",
    "release",
    "release_others",
    "siblings",
    "spare",
    "unpin",
    "usable",
]

AUTO = "auto"

_SYS = Path("/sys/devices/system/cpu")
#: What this process may use when it starts, before anything is pinned.
_ALL = frozenset(os.sched_getaffinity(0))
_pinned: dict[int, int] = {}  # thread -> core
_lock = threading.Lock()


def parse(text: str) -> tuple[int, ...]:
    """Read a list of cores as the kernel writes it: ``"0-2,5"``; nothing or ``"(null)"`` is none."""
    found: list[int] = []
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        if low.isdecimal():
            found += range(int(low), int(high if high.isdecimal() else low) + 1)
    return tuple(found)


def isolated(sys: Path = _SYS) -> tuple[int, ...]:
    """Return the cores that the kernel gives to nobody who does not ask for them (``isolcpus``)."""
    with contextlib.suppress(OSError):
        return parse((sys / "isolated").read_text())
    return ()


def siblings(core: int, sys: Path = _SYS) -> tuple[int, ...]:
    """Return the hardware threads of the same core, this one among them."""
    with contextlib.suppress(OSError):
        return parse((sys / f"cpu{core}" / "topology" / "thread_siblings_list").read_text()) or (core,)
    return (core,)


def usable() -> tuple[int, ...]:
    """Return the cores that this process may be pinned to: those it was started with, and the isolated ones that its cpuset has."""
    return tuple(sorted(_ALL | {core for core in isolated() if core in _ALL or _permitted(core)}))


def _permitted(core: int) -> bool:
    """Whether the calling thread may go there; tried, because nothing else tells."""
    was = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        return False
    os.sched_setaffinity(0, was)
    return True


def pinned_by(pids: Iterable[int]) -> dict[int, int]:
    """Return core -> pid of each thread of these processes that is pinned to one core."""
    found: dict[int, int] = {}
    if len(_ALL) < 2:
        return found  # everybody has one
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    cores = os.sched_getaffinity(int(thread))
                    if len(cores) == 1:
                        found[next(iter(cores))] = pid
    return found


def spare(taken: Iterable[int]) -> int | None:
    """Return the core to take: an isolated one, else one whose siblings are free too, the highest first; None without a free one.

    Core 0, where most interrupts go, comes last.
    """
    taken = set(taken)
    free = [core for core in usable() if core not in taken]
    apart = set(isolated())
    return max(free, key=lambda core: (core in apart, not taken & set(siblings(core)), core), default=None)


def pin(core: int, what: str = "cpu") -> None:
    """Pin the calling thread to one core.

    Raises
    ------
    ConfigError
        It cannot be used; the text lists those that can.
    """
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        raise ConfigError(f"{what}: core {core} cannot be used; usable here: {', '.join(map(str, usable()))}") from None
    with _lock:
        _pinned[threading.get_native_id()] = core


def check(core: int, what: str) -> None:
    """Raise what `pin` would raise, and stay where we are."""
    if core not in usable():
        raise ConfigError(f"{what}: core {core} cannot be used; usable here: {', '.join(map(str, usable()))}")


def unpin() -> None:
    """Give the calling thread all cores back."""
    with _lock:
        if _pinned.pop(threading.get_native_id(), None) is not None:
            os.sched_setaffinity(0, _ALL)


def pinned() -> dict[int, int]:
    """Return thread -> core of what was pinned here."""
    with _lock:
        return dict(_pinned)


def release(pid: int) -> None:
    """Give a thread or child process that was started by a pinned thread all cores."""
    if pinned():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, _ALL)


def release_others() -> int:
    """Give every thread of this process that has inherited a pin all cores; return how many there were."""
    with _lock:
        own = dict(_pinned)
        cores = set(own.values())
        found = 0
        for name in os.listdir("/proc/self/task") if own and len(_ALL) > 1 else ():
            with contextlib.suppress(OSError):
                thread = int(name)
                has = os.sched_getaffinity(thread)
                if thread not in own and len(has) == 1 and has <= cores:
                    os.sched_setaffinity(thread, _ALL)
                    found += 1
        return found
