"""Is this machine fit, is anything left over from earlier, and what will cost time here?

For: ``aats doctor``.  Looks only; changes nothing.

    host.py       Host: files of /proc and /sys below a root, so that a test shows a tree of its own; Finding
    cores.py      cores, SMT, isolation, frequency, C-states, interrupts, NUMA, quotas, virtualisation, mitigations
    clocks.py     clock source, counter, the page of this namespace, time synchronisation
    memory.py     shared memory, huge pages, swap, limits
    software.py   kernel, Python, package, TLS, instruction set, environment, network settings
    ours.py       processes and segments of this namespace

A check is a function of a `Host` that returns one `Finding`; a check that itself fails is a finding too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aats.doctor import clocks, cores, memory, ours, software
from aats.doctor.host import Finding, Host
from aats.errors import AatsError

__all__ = ["CHECKS", "Finding", "Host", "examine"]

#: All checks, in the order of the report.
CHECKS: tuple[Callable[[Host], Finding], ...] = (
    *software.CHECKS,
    *cores.CHECKS,
    *clocks.CHECKS,
    *memory.CHECKS,
    *ours.CHECKS,
)


def examine(host: Host | None = None) -> Iterator[Finding]:
    """Yield all findings of a host, this one by default."""
    host = Host() if host is None else host
    for check in CHECKS:
        try:
            yield check(host)
        except (AatsError, OSError, ValueError) as exc:
            yield Finding(check.__name__.replace("_", " "), "bad", f"cannot be told: {exc}", "please report this line")
