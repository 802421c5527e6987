"""Feeds that a control server was told to keep: started again when they die, never when they were stopped on purpose.

For: ``aats.control_server``.  Not for the supervisor (``aats.supervisor_keep``), nor for how a feed is started (``aats.control_feeds``).

What is kept stands in ``<state>/run/keep-NAMESPACE.json``; who is alive stands in the control table.  Nothing else is remembered, so a server that is
killed and started again goes on where it was: a feed that lives is watched, one that died meanwhile is started.

::

                    dies                     1, 2, 4 .. 60 s
    running ----------------------> waiting -----------------> started ---> running
       |                               |
       | told to stop                  | 5 deaths within a minute
       v                               v
    not kept any more               given up: one ERROR line; `keep`, `restart` or a start by hand makes it kept again

A feed that ended by a signal (Ctrl-C, a machine that shuts down) rests: it is started again by the first server after the next boot.  How an end on
purpose is told from a death: ``aats.launch.note_end``.

One server of a namespace keeps; it holds an flock on ``keep-NAMESPACE.lock``.  Another one of the namespace takes over when it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from aats import config, control, shm
from aats.control_feeds import Origin, alone, start_again
from aats.errors import AatsError, ControlError
from aats.layout import Role, State

__all__ = ["Keep"]

log = logging.getLogger("aats.control")

LOOK_S = 0.5
DEATHS_MAX = 5
DEATHS_WITHIN_S = 60.0
AGAIN_MIN_S, AGAIN_MAX_S = 1.0, 60.0
_STAYED_S = 60.0


@dataclass
class _Kept:
    """One feed that is kept.

    Attributes
    ----------
    identity : int
        Of the process that ran last, 0 before the first.
    why : str
        Why it is not started, "" if nothing keeps it from it: ``given up: ...``, ``rests ...``.
    """

    origin: Origin
    identity: int = 0
    boot: str = ""
    why: str = ""
    deaths: deque[float] = field(default_factory=deque)
    tries: int = 0
    seen_at: float = 0.0
    next_at: float = 0.0
    running: bool = False
    starter: threading.Thread | None = None


class Keep:
    """Keeps feeds running.

    Parameters
    ----------
    start : callable, optional
        Stands for `start_again`.

    Notes
    -----
    Threads: any; `tick` on the server's.  Starts run on threads of their own.
    """

    def __init__(self, start: Callable[[Origin], control.Child] | None = None) -> None:
        self._start = start or start_again
        self._kept: dict[str, _Kept] = {}
        self._held: dict[str, int] = {}
        self._lock = threading.RLock()
        self._look_at = 0.0
        self._fd = -1

    # ------------------------------------------------------------------------------------------------------ telling

    def add(self, origin: Origin) -> None:
        """Keep this feed from now on.

        Raises
        ------
        ControlError
            Another control server keeps the feeds of this namespace.
        """
        with self._lock:
            if not self._mine():
                raise ControlError(
                    f"another control server keeps the feeds of namespace {shm.namespace()!r}: ask that one (aats ps lists both)"
                )
            self._kept[origin.name] = _Kept(origin)
            self._look(origin.name, self._kept[origin.name], time.monotonic())
            self._save()

    def remove(self, name: str) -> bool:
        """Keep this feed no longer; return whether it was kept."""
        with self._lock:
            if self._kept.pop(name, None) is None:
                return False
            self._save()
            return True

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Leave this feed alone meanwhile: it is being stopped and started on purpose."""
        with self._lock:
            self._held[name] = self._held.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]
                one = self._kept.get(name)
                if one is not None:  # whatever runs now is what is kept
                    self._kept[name] = _Kept(one.origin)
                    self._look(name, self._kept[name], time.monotonic())
                    self._save()

    def facts(self) -> list[dict[str, Any]]:
        """Return what is kept and how it stands, as plain values: ``name, file, state, deaths, next_s``."""
        now = time.monotonic()
        with self._lock:
            return [
                {
                    "name": name,
                    "file": one.origin.file,
                    "state": "running" if one.running else one.why or "waiting",
                    "deaths": len(one.deaths),
                    "next_s": None if one.running or one.why else round(max(0.0, one.next_at - now), 1),
                }
                for name, one in self._kept.items()
            ]

    # ----------------------------------------------------------------------------------------------------- watching

    def tick(self) -> None:
        """Look after all of them; call it as often as you like."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        with self._lock:
            if not self._mine():
                return
            before = self._text()
            for name, one in list(self._kept.items()):
                if name not in self._held:
                    self._look(name, one, now)
            if self._text() != before:
                self._save()

    def close(self) -> None:
        """Let another server keep them; the feeds go on."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _look(self, name: str, one: _Kept, now: float) -> None:
        if one.starter is not None and one.starter.is_alive():
            return
        entry = _living(name)
        if entry is not None:
            self._lives(one, entry, now)
            return
        if one.running or (one.identity and one.boot):
            self._gone(name, one, now)
        if name in self._kept and not one.why and now >= one.next_at:
            one.tries += 1
            one.starter = threading.Thread(target=self._try, args=(name, one), name=f"aats-keep-{name}", daemon=True)
            one.starter.start()

    @staticmethod
    def _lives(one: _Kept, entry: control.Entry, now: float) -> None:
        if entry.identity != one.identity:
            one.identity, one.boot, one.seen_at = entry.identity, shm.boot_id(), now
        if one.why or now - one.seen_at > _STAYED_S:
            one.why, one.tries = "", 0
            one.deaths.clear()
        one.running = True

    def _gone(self, name: str, one: _Kept, now: float) -> None:
        """Judge the end of the process that ran last."""
        ended = control.end_of(name, one.identity)
        same_boot = one.boot == shm.boot_id()
        one.running, one.identity = False, 0 if not (ended == "signal" and same_boot) else one.identity
        if ended == "told":
            del self._kept[name]
            log.info("control server: feed %s was told to stop and is not kept any more", name)
        elif ended == "signal" and same_boot:
            if not one.why:
                one.why = "rests: it was ended by a signal"
                log.info("control server: feed %s was ended by a signal and rests until it is started again", name)
        elif same_boot:
            self._died(name, one, now, "it died")

    def _died(self, name: str, one: _Kept, now: float, how: str) -> None:
        one.deaths.append(now)
        while one.deaths and now - one.deaths[0] > DEATHS_WITHIN_S:
            one.deaths.popleft()
        if len(one.deaths) >= DEATHS_MAX:
            one.why = f"given up: {len(one.deaths)} deaths within {DEATHS_WITHIN_S:.0f} s, the last: {how}"
            log.error("control server: feed %s is not kept up any more: %s", name, one.why)
            return
        wait_s = min(AGAIN_MAX_S, AGAIN_MIN_S * 2.0 ** min(one.tries, 10))
        one.next_at = now + wait_s
        log.warning("control server: feed %s: %s; it is started again in %g s", name, how, wait_s)

    def _try(self, name: str, one: _Kept) -> None:
        try:
            with alone(name):
                with self._lock:
                    if self._kept.get(name) is not one or name in self._held or _living(name) is not None:
                        return
                child = self._start(one.origin)
        except (AatsError, OSError) as exc:
            with self._lock:
                if self._kept.get(name) is one and _living(name) is None:
                    one.identity = 0
                    self._died(name, one, time.monotonic(), str(exc))
            return
        log.info("control server: feed %s is started again, pid %d", name, child.pid)
        with self._lock:
            self._lives(one, child.entry, time.monotonic())
            self._save()

    # ----------------------------------------------------------------------------------------------------- the file

    def _mine(self) -> bool:
        """Whether this server keeps the feeds of the namespace; take the job if nobody has it."""
        if self._fd >= 0:
            return True
        with contextlib.suppress(OSError, AatsError):
            fd = os.open(_file().with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                return False
            self._fd = fd
            self._load()
            return True
        return False

    def _text(self) -> bytes:
        feeds = {
            name: {"file": one.origin.file, "env": dict(one.origin.env), "identity": f"{one.identity:x}", "boot": one.boot, "why": one.why}
            for name, one in self._kept.items()
        }
        return orjson.dumps({"version": 1, "feeds": feeds}, option=orjson.OPT_INDENT_2)

    def _save(self) -> None:
        file = _file()
        part = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(self._text())
                out.flush()
                os.fsync(out.fileno())
            part.replace(file)
        except OSError as exc:
            log.error("control server: what is kept cannot be written into %s: %s", file, exc.strerror)

    def _load(self) -> None:
        try:
            read = orjson.loads(_file().read_bytes())
            for name, one in read["feeds"].items():
                origin = Origin(name, str(one["file"]), {str(key): str(value) for key, value in one["env"].items()})
                self._kept[name] = _Kept(origin, int(one["identity"], 16), str(one["boot"]), str(one["why"]))
        except FileNotFoundError:
            pass
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as exc:
            log.error("control server: %s cannot be read, nothing is kept: %s", _file(), exc)
        for one in self._kept.values():
            if one.boot != shm.boot_id():
                one.why = ""  # a machine that was shut down has ended them all by signals


def _file() -> Path:
    return config.run_dir() / f"keep-{shm.namespace()}.json"


def _living(name: str) -> control.Entry | None:
    """Return the entry of a feed that lives, starting ones included."""
    with contextlib.suppress(AatsError):
        entry = control.Table.open().find(Role.FEED, name)
        return entry if entry is not None and entry.state != State.FAIL else None
    return None
