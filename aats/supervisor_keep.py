"""The control server's child: starting the supervisor, and starting it again when it was killed.

For: ``aats.control_server``.  Not for what it does (``aats.supervisor``).

A supervisor outlives the control server that has started it; the next server finds it in the control table and starts no second one.  It is started again
where it ended by force, whoever's child it was: its identity then stands in the risk segment, because only one that leaves in order takes it out.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from aats import control, shm
from aats.control import Child, Entry
from aats.errors import AatsError, ControlError, ShmError
from aats.layout import Role
from aats.supervisor_link import NAME, running

__all__ = ["Keeper"]

_READY_S = 20.0
_LOOK_S = 0.5
_AGAIN_S = (0.0, 1.0, 5.0, 15.0)  # between starts of one that does not stay
_STAYED_S = 60.0


class Keeper:
    """Keeps a supervisor running where one is needed.

    Parameters
    ----------
    keys_from : int, optional
        Descriptor that was inherited for it: the other end has keys.

    Notes
    -----
    Threads: `tick` on the server's; `start` on any, one at a time.
    """

    def __init__(self, keys_from: int | None = None) -> None:
        self._fd = keys_from
        self._child: Child | None = None
        self._lock = threading.Lock()
        self._starter: threading.Thread | None = None
        self._look_at = 0.0
        self._started_at = 0.0
        self._tries = 0

    @property
    def children(self) -> list[Child]:
        return [self._child] if self._child is not None else []

    def tick(self) -> None:
        """Start one where it is needed, on a thread of its own; call it as often as you like."""
        now = time.monotonic()
        if now < self._look_at or (self._starter is not None and self._starter.is_alive()):
            return
        self._look_at = now + _LOOK_S
        fell = False
        if self._child is not None and self._child.process.poll() is not None:
            fell = self._child.process.returncode != 0
            self._child = None
        if self._fd is None and not fell and not fallen():
            return
        if now - self._started_at > _STAYED_S:
            self._tries = 0
        if now < self._started_at + _AGAIN_S[min(self._tries, len(_AGAIN_S) - 1)]:
            return
        self._tries += 1
        self._starter = threading.Thread(target=self._try, name="aats-supervisor", daemon=True)
        self._starter.start()

    def _try(self) -> None:
        try:
            entry, started = self.start()
        except (AatsError, OSError) as exc:
            print(f"aats control: the supervisor cannot be started: {exc}", file=sys.stderr, flush=True)
        else:
            if started:
                print(f"aats control: supervisor started, pid {entry.pid}", flush=True)

    def start(self) -> tuple[Entry, bool]:
        """Return the supervisor that runs, started if there was none, and whether it was.

        Raises
        ------
        ControlError
            It cannot be started; the text has its own reason.
        """
        with self._lock:
            entry = running()
            fd, self._fd = self._fd, None
            try:
                if entry is not None:
                    return entry, False
                self._started_at = time.monotonic()
                words = ["--keys-from", str(fd)] if fd is not None else []
                try:
                    child = control.spawn(
                        Role.OTHER, ["supervisor", *words], name=NAME, wait_s=_READY_S, pass_fds=[fd] if fd is not None else []
                    )
                except ControlError:
                    entry = _wait_running(2.0)  # somebody else may have been faster
                    if entry is None:
                        raise
                    return entry, False
                self._child = child
                return child.entry, True
            finally:
                if fd is not None:
                    os.close(fd)


def _wait_running(wait_s: float) -> Entry | None:
    deadline = time.monotonic() + wait_s
    while (entry := running()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return entry


def fallen() -> bool:
    """Return whether the last supervisor of this namespace ended by force, and none has taken its place."""
    with contextlib.suppress(ShmError, ImportError):
        from aats.shm import risk

        word = risk.supervisor()
        return word != 0 and not shm.process_alive(word)
    return False
