"""A trade process's line to the supervisor: starting one where none runs, handing the keys over, noticing when it is gone.

For: ``TradeService.run``.  Not for what the supervisor does with it (``aats.supervisor``).

    link = SupervisorLink("maker", [Watched(...)], control_at=("127.0.0.1", 8060))
    link.open()        # after the seats are taken, before the first order: the supervisor has said that it watches, or ConfigError
    link.look()        # about once a second, from the loop's hook; never waits
    link.close()       # after the seats were given back

The line stays open as long as the process lives.  When the supervisor goes (killed, or a new version of it comes), a helper thread has another one started
and hands the keys over again; until then nobody would cancel the orders of this process if it died, and the log says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aats import config, control, control_client, shm
from aats.control import Entry
from aats.errors import AatsError, ConfigError, ControlError, SegmentMissing
from aats.layout import Mode, Role, State
from aats.supervisor_keys import reach, send_keys, take_line

__all__ = ["NAME", "SupervisorLink", "Watched", "running", "wanted"]

log = logging.getLogger("aats.trade")

#: Its name in the control table; its role there is OTHER.
NAME = "supervisor"
WAIT_S = 5.0
_PAUSE_S = 0.1
MUTE_S = 5.0  #: without a heartbeat of the supervisor, before somebody is told
_START_S = 25.0  # of a supervisor, on a busy machine
_AGAIN_S = (0.5, 1.0, 2.0, 5.0, 10.0)  # between attempts to reach one again


@dataclass(frozen=True)
class Watched:
    """One seat, and what is needed to clear its orders away.

    Attributes
    ----------
    name, account : str
        Of the seat: the process's name, and `aats.journal.account_id`.
    wsapi, rest, private : str
        Addresses that orders go to, questions, and where order events come from; "" where a venue has none of its own.
    cafile : str
        CA file to trust there, "" for the system's.
    journal : pathlib.Path
        Folder of the strategy's journals on this account.
    """

    name: str
    account: str
    venue: str
    mode: Mode
    wsapi: str
    cafile: str
    journal: Path
    key: str = field(repr=False)
    secret: str = field(repr=False)
    rest: str = ""
    private: str = ""
    passphrase: str = field(default="", repr=False)

    def head(self) -> dict[str, Any]:
        """Return what is told beside the key."""
        return {
            "op": "watch",
            "namespace": shm.namespace(),
            "name": self.name,
            "account": self.account,
            "venue": self.venue,
            "mode": self.mode.name,
            "wsapi": self.wsapi,
            "rest": self.rest,
            "private": self.private,
            "cafile": os.path.abspath(self.cafile) if self.cafile else "",
            "journal": str(self.journal.absolute()),
        }


def wanted(modes: Iterable[Mode], asked: bool | None = None) -> bool:
    """Return whether a run whose orders go out in `modes` has a supervisor.

    Parameters
    ----------
    asked : bool, optional
        What TradeService(supervisor=) says.  None: AATS_SUPERVISOR (on, off); without it yes for direct and sandbox, no for sim.

    Notes
    -----
    Paper orders end with their process and never need one.
    """
    there = {mode for mode in modes if mode != Mode.PAPER}
    if not there:
        return False
    said = config.environment()["AATS_SUPERVISOR"][0]
    if asked is None and said:
        asked = said == "on"
    return bool(there & {Mode.DIRECT, Mode.SANDBOX}) if asked is None else asked


def running(ns: str | None = None) -> Entry | None:
    """Return the supervisor that runs in a namespace, None without one."""
    with contextlib.suppress(SegmentMissing):
        entry = control.Table.open(ns).find(Role.OTHER, NAME)
        return entry if entry is not None and entry.state == State.RUN else None
    return None


class SupervisorLink:
    """The line of one run.

    Parameters
    ----------
    name : str
        Of the process, for the log.
    watched : sequence of Watched
    control_at : (str, int)
        Where the control server is asked to start a supervisor; one is started there if nobody listens.
    say : callable
        Logs lines for people.

    Notes
    -----
    Threads: `open`, `look` and `close` on one; a helper thread while the line is being made again.
    """

    def __init__(self, name: str, watched: Sequence[Watched], *, control_at: tuple[str, int], say: Callable[..., None] = log.info) -> None:
        self.name = name
        self._watched = list(watched)
        self._control = control_at
        self._say = say
        self._sock: socket.socket | None = None
        self._again: threading.Thread | None = None
        self._closed = threading.Event()
        self._mute = False

    def __repr__(self) -> str:
        return f"<SupervisorLink {self.name}: {len(self._watched)} seats{', open' if self._sock is not None else ''}>"

    @property
    def up(self) -> bool:
        """Whether a supervisor watches, as far as is known."""
        return self._sock is not None

    def open(self, wait_s: float = WAIT_S) -> None:
        """Have a supervisor watch the seats.

        Raises
        ------
        ConfigError
            None does within `wait_s`; the text says why, and how to do without.
        """
        try:
            self._sock, who = self._connect(wait_s)
        except (AatsError, OSError) as exc:
            raise ConfigError(
                f"{self.name}: no supervisor watches it, so nobody would cancel its orders if it died: {exc} "
                "(TradeService(supervisor=False) or AATS_SUPERVISOR=off trades without)"
            ) from exc
        self._say("%s: supervisor (pid %d) watches it", self.name, who)

    def look(self) -> None:
        """Notice that the supervisor is gone, and have the line made again."""
        if self._closed.is_set() or (self._again is not None and self._again.is_alive()):
            return
        if self._sock is not None:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                try:
                    gone = not self._sock.recv(4096, socket.MSG_DONTWAIT)
                except ConnectionError:
                    gone = True
                if gone:
                    self._sock.close()
                    self._sock = None
                    log.warning(
                        "%s: the supervisor is gone: until there is another, nobody would cancel the orders if this process died", self.name
                    )
        self._look_at_its_heart()
        if self._sock is None:
            self._again = threading.Thread(target=self._reconnect, name="aats-supervisor", daemon=True)
            self._again.start()

    def _look_at_its_heart(self) -> None:
        """Say once that a supervisor is there and does nothing: stopped, or hung."""
        entry = running() if self._sock is not None else None
        mute = entry is not None and time.monotonic_ns() - entry.heartbeat_mono_ns > MUTE_S * 1e9
        if mute and not self._mute and entry is not None:
            log.warning(
                "%s: the supervisor (pid %d) has been mute for %g s: nobody would cancel the orders if this process died",
                self.name,
                entry.pid,
                MUTE_S,
            )
        elif self._mute and not mute and self._sock is not None:
            log.warning("%s: the supervisor is awake again", self.name)
        self._mute = mute

    def close(self) -> None:
        """Say good-bye; a second call does nothing."""
        self._closed.set()
        if self._again is not None and self._again is not threading.current_thread():
            self._again.join(1.0)  # it sees that it is not wanted any more when its attempt is over
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    # --------------------------------------------------------------------------------------------------- making it

    def _reconnect(self) -> None:
        for number in range(1 << 30):
            try:
                sock, who = self._connect(WAIT_S)
            except (AatsError, OSError) as exc:
                if number == len(_AGAIN_S):
                    log.error("%s: no supervisor watches it: %s", self.name, exc)
            else:
                if self._closed.is_set():
                    sock.close()
                else:
                    self._sock = sock
                    log.warning("%s: supervisor (pid %d) watches it again", self.name, who)
                return
            if self._closed.wait(_AGAIN_S[min(number, len(_AGAIN_S) - 1)]):
                return

    def _connect(self, wait_s: float) -> tuple[socket.socket, int]:
        """Return a line over which the supervisor has said that it watches, and its pid; tried again until the time is over."""
        deadline = 0.0
        while True:
            try:
                sock = self._reached()
                deadline = deadline or time.monotonic() + wait_s  # a start has time of its own
                return self._told(sock, deadline)
            except (ControlError, OSError):
                deadline = deadline or time.monotonic() + wait_s
                if time.monotonic() >= deadline or self._closed.is_set():
                    raise
            time.sleep(_PAUSE_S)

    def _reached(self) -> socket.socket:
        """Return a line to the supervisor, started if there is none."""
        entry = running()
        if entry is None:
            sock = self._start()
            if sock is not None:
                return sock
            entry = running()
        if entry is None:
            raise ControlError("it was started and is not there")
        return reach(entry.pid, WAIT_S)

    def _told(self, sock: socket.socket, deadline: float) -> tuple[socket.socket, int]:
        """Hand the keys over and wait for the word that the seats are watched."""
        try:
            for one in self._watched:
                sock.settimeout(max(0.1, deadline - time.monotonic()))
                send_keys(sock, one.head(), one.key, one.secret, one.passphrase)
            who = 0
            raw = bytearray()
            for one in self._watched:
                who = self._answer(sock, raw, one, deadline)
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        return sock, who

    def _start(self) -> socket.socket | None:
        """Have the control server start one; where we start that server, too, the socket is inherited all the way down, and returned."""
        ours, theirs = socket.socketpair()
        try:
            words = ["--keys-from", str(theirs.fileno())]
            if control_client.ensure(*self._control, words=words, pass_fds=[theirs.fileno()]):
                return ours
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.close()
        control_client.ask(*self._control, {"op": "supervise", "namespace": shm.namespace()}, timeout_s=_START_S)
        return None

    @staticmethod
    def _answer(sock: socket.socket, raw: bytearray, one: Watched, deadline: float) -> int:
        while (said := take_line(raw)) is None:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                piece = sock.recv(4096)
            except TimeoutError:
                raise ControlError("it has not answered in time") from None
            if not piece:
                raise ControlError("it closed the line")
            raw += piece
        if not said.get("ok"):
            raise ControlError(f"it does not watch {one.name} on {one.account}: {said.get('text')}")
        return int(said.get("pid", 0))
