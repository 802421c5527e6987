"""A network of its own for a test: an unshared network namespace with nothing but loopback.

For: tests of programs that have addresses and ports written into them.  Not for several hosts: tests/net/lab.py.

The thread that enters it sees it, and so do the processes and threads that it starts there; all others of this process stay where they were.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str:
    """Return why a namespace cannot be made here, "" if it can."""
    try:
        with own_network():
            return ""
    except (OSError, subprocess.CalledProcessError) as exc:
        return str(exc)


@contextlib.contextmanager
def own_network(addresses: Sequence[str] = ()) -> Iterator[None]:
    """Put this thread into a network namespace of its own, where loopback is up and has these addresses too.

    Raises
    ------
    OSError
        It may not make one.
    """
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call(_libc.unshare(_CLONE_NEWNET), "unshare")
        try:
            _ip("link", "set", "lo", "up")
            for one in addresses:
                _ip("address", "add", f"{one}/32", "dev", "lo")
            yield
        finally:
            _call(_libc.setns(before, _CLONE_NEWNET), "setns")
    finally:
        os.close(before)


def _call(status: int, what: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
