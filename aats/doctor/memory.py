"""Memory: room in /dev/shm, huge pages, swap, and what a process may have."""

from __future__ import annotations

import os

from aats import shm
from aats.doctor.host import Finding, Host, chosen

_SHM_WANTED = 64 << 20
_FILES_WANTED = 1024
_LOCK_WANTED = 64 << 20


def shared_memory(host: Host) -> Finding:
    place = host.path(str(shm.SHM_DIR))
    if not place.is_dir():
        return Finding("shared memory", "bad", f"{shm.SHM_DIR} is missing", f"mount -t tmpfs -o mode=1777 tmpfs {shm.SHM_DIR}")
    room = os.statvfs(place)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    found = f"{shm.SHM_DIR} has {free >> 20} MiB free of {total >> 20} MiB"
    if total and free < _SHM_WANTED:
        return Finding(
            "shared memory", "warn", found, "a feed of 64 symbols needs about 7 MiB: docker run --shm-size, or mount -o remount,size="
        )
    return Finding("shared memory", "ok", found)


def huge_pages(host: Host) -> Finding:
    at = "/sys/kernel/mm/transparent_hugepage"
    own, defrag, shared = (chosen(host.read(f"{at}/{name}")) for name in ("enabled", "defrag", "shmem_enabled"))
    if not own:
        return Finding("huge pages", "ok", "the kernel has none that are transparent")
    found = f"transparent {own}, defrag {defrag or 'unknown'}, shared memory {shared or 'unknown'}"
    if own == "always" and defrag == "always":
        advice = f"echo madvise > {at}/defrag: a page fault may stop to compact memory for milliseconds"
        return Finding("huge pages", "warn", found, advice)
    return Finding("huge pages", "ok", found)


def swap(host: Host) -> Finding:
    lines = host.read("/proc/swaps").splitlines()[1:]
    if not lines:
        return Finding("swap", "ok", "none")
    found = f"on {', '.join(line.split()[0] for line in lines)}, swappiness {host.read('/proc/sys/vm/swappiness') or 'unknown'}"
    limit = _limit(host, "Max locked memory")
    if limit is not None and limit < _LOCK_WANTED:
        return Finding(
            "swap",
            "warn",
            found,
            "what is swapped out costs milliseconds: swapoff, or raise the limit of locked memory so that guard.lock can work",
        )
    return Finding("swap", "info", found, 'guard lock = "all" keeps a trade process in memory')


def _limit(host: Host, name: str) -> int | None:
    """Return a soft limit of this process; None: unlimited, or not told."""
    for line in host.read("/proc/self/limits").splitlines():
        if line.startswith(name):
            word = line[len(name) :].split()[0]
            return int(word) if word.isdecimal() else None
    return None


def limits(host: Host) -> Finding:
    files, locked, priority = (_limit(host, f"Max {name}") for name in ("open files", "locked memory", "realtime priority"))
    found = (
        f"open files {'unlimited' if files is None else files}, locked memory {'unlimited' if locked is None else f'{locked >> 10} KiB'}, "
        f"realtime priority {'unlimited' if priority is None else priority}"
    )
    if files is not None and files < _FILES_WANTED:
        return Finding("limits", "warn", found, f"ulimit -n {_FILES_WANTED} gives room for the connections of several feeds")
    if locked is not None and locked < _LOCK_WANTED:
        return Finding(
            "limits", "info", found, f"ulimit -l {_LOCK_WANTED >> 10} (LimitMEMLOCK=) lets a trade process keep its segments in memory"
        )
    return Finding("limits", "ok", found)


CHECKS = (shared_memory, huge_pages, swap, limits)
