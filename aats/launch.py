"""Starting processes and stopping them; no signal ever reaches one that is not meant.

For: feeds, servers, strategies as children in sessions of their own, and the end of any process of the control table.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aats import config, cpus, shm
from aats._ffi import lib
from aats.errors import AatsError, ControlError, LayoutMismatch, PeerDead, SegmentMissing
from aats.layout import Command, Role, State
from aats.roster import command, entry_of_pid
from aats.table import Entry, Table, tidy

__all__ = ["Child", "bind_to_parent", "end_of", "kill", "note_end", "spawn"]

_STOP_ANSWER_S = 1.0
_KILL_S = 2.0
_PARENT = "AATS_PARENT"
_KEYS = ("AATS_APIKEY_", "AATS_SECRET_")

# ---------------------------------------------------------------------------------------------------------- stopping


def kill(pid: int, *, wait_s: float = 8.0, force: bool = True, ns: str | None = None) -> str:
    """Stop a process of the table: the stop command, SIGTERM if that is not enough, SIGKILL after `wait_s`.

    Parameters
    ----------
    wait_s : float
        How long it may take to end by itself.
    force : bool
        False: no SIGKILL; a ControlError if it is still there.

    Returns
    -------
    str
        ``stopped`` if it ended by itself, ``killed`` if it had to be forced.

    Raises
    ------
    ControlError
        The pid is not in the table, or is another process than the one of the slot, or another user's: it is left alone.
    """
    entry = entry_of_pid(pid, ns=ns)
    if entry.foreign:
        raise ControlError(f"pid {pid} runs in another pid namespace (container): stop it there")
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        raise PeerDead(f"pid {pid} is gone", pid=pid) from None
    try:
        # From here on the descriptor names one process: if that is the slot's, no signal can reach another.
        if not entry.alive():
            raise PeerDead(f"pid {pid} is another process than the one in the table (its start time differs): left alone", pid=pid)
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            raise PeerDead(f"pid {pid} is gone", pid=pid) from None
        if uid != entry.uid or uid != os.getuid():
            raise ControlError(f"pid {pid} belongs to uid {uid}, not to uid {os.getuid()}: left alone")
        for one in _entries(ns):
            if one.identity == entry.identity and one.role == Role.FEED:
                note_end(one.name, one.identity, told=True, ns=ns)
        ended = _stop(entry, pidfd, wait_s, force, ns)
    finally:
        os.close(pidfd)
    tidy(ns)
    return ended


def _stop(entry: Entry, pidfd: int, wait_s: float, force: bool, ns: str | None) -> str:
    begin = time.monotonic()
    obeyed = False
    with contextlib.suppress(AatsError):
        command(entry, Command.STOP, timeout_s=min(_STOP_ANSWER_S, wait_s / 2), ns=ns)
        obeyed = True
    if obeyed and _ended(pidfd, wait_s / 2):
        return "stopped"
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    if _ended(pidfd, max(0.0, begin + wait_s - time.monotonic())):
        return "stopped"
    if not force:
        raise ControlError(
            f"pid {entry.pid} ({entry.role.name.lower()} {entry.name!r}) has not ended after {wait_s:g} s (aats kill {entry.pid} forces it)"
        )
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    if not _ended(pidfd, _KILL_S):
        raise ControlError(f"pid {entry.pid} does not end, not even by SIGKILL: it waits inside the kernel")
    return "killed"


def _ended(pidfd: int, timeout_s: float) -> bool:
    poll = select.poll()  # not select(): that takes no descriptor above 1023
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def note_end(name: str, identity: int, *, told: bool, ns: str | None = None) -> None:
    """Write down that this feed ends on purpose: it was told to, or (``told=False``) got a signal.  Without it, its end is a death.

    Notes
    -----
    For whoever keeps feeds running (``aats.control_keep``), which may not be there at that moment.  A folder that cannot be written is no reason to go on.
    """
    if not told and end_of(name, identity, ns=ns):
        return
    with contextlib.suppress(OSError, AatsError):
        with open(os.open(_end_file(name, ns), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
            out.write(f"{identity:x} {shm.boot_id()} {'told' if told else 'signal'}\n")


def end_of(name: str, identity: int, *, ns: str | None = None) -> str:
    """Return ``told`` or ``signal`` if the feed of this name and identity has ended on purpose, "" if nothing says so."""
    with contextlib.suppress(OSError, AatsError, ValueError):
        word, _, why = _end_file(name, ns).read_text(encoding="ascii").split()
        if int(word, 16) == identity:
            return why
    return ""


def _end_file(name: str, ns: str | None) -> Path:
    return config.run_dir() / f"feed-{name}.{ns or shm.namespace()}.end"


# ---------------------------------------------------------------------------------------------------------- starting


@dataclass
class Child:
    """A process that was started by `spawn`.

    Attributes
    ----------
    entry : Entry
        Its slot when it said RUN.
    log : pathlib.Path
        What it writes.
    """

    process: subprocess.Popen[bytes]
    entry: Entry
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self, *, wait_s: float = 8.0) -> str:
        """Stop it as `kill` does; "stopped" as well if it has ended already."""
        try:
            return kill(self.pid, wait_s=wait_s)
        except ControlError:
            if self.process.poll() is None and not isinstance(sys.exc_info()[1], PeerDead):
                raise
            return "stopped"
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_KILL_S)


def spawn(
    role: Role,
    args: Sequence[str],
    *,
    name: str | None = None,
    wait_s: float = 30.0,
    die_with_me: bool = False,
    env: Mapping[str, str] | None = None,
    command_line: Sequence[str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start ``python -m aats.cli ARGS`` in a session of its own and wait until its slot of that role says RUN.

    Parameters
    ----------
    role : Role
        The slot to wait for.
    args : sequence of str
        ``["feed", "binance.toml"]``.
    name : str, optional
        Of the log file; default: the role's name.
    wait_s : float
        After this long without RUN the child is killed.
    die_with_me : bool
        End it when this process dies.  The kernel watches the calling *thread*, so call it from one that stays.
    env : mapping, optional
        Added to the environment.
    command_line : sequence of str, optional
        Start this instead of ``python -m aats.cli``; for tests and scripts that join the table by themselves.
    pass_fds : sequence of int, optional
        Descriptors that it inherits, under the same numbers.

    Notes
    -----
    API keys that stand in this process's environment stay here, but for a trade process: nobody else needs them.

    Raises
    ------
    ControlError
        It ended, said FAIL, or was not ready in time; the text has its own reason.
    """
    log = config.log_dir() / f"{name or role.name.lower()}.log"
    environment = {**os.environ, **(env or {})}
    environment.pop(_PARENT, None)
    if role != Role.TRADE:
        for variable in [one for one in environment if one.startswith(_KEYS)]:
            del environment[variable]
    if die_with_me:
        environment[_PARENT] = str(lib.aats_ident_self())
    words = [*(command_line or (sys.executable, "-m", "aats.cli")), *args]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
        begin = out.tell()
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
                pass_fds=pass_fds,
            )
        except OSError as exc:
            raise ControlError(f"{words[0]} cannot be started: {exc.strerror}") from exc
    cpus.release(process.pid)  # it is no part of the loop that may have started it
    try:
        entry = _wait_ready(process, role, log, begin, wait_s)
    except BaseException:
        process.kill()
        process.wait()
        tidy()
        raise
    return Child(process, entry, log)


def _entries(ns: str | None = None) -> list[Entry]:
    with contextlib.suppress(SegmentMissing, LayoutMismatch):
        return Table.open(ns).entries()
    return []


def _wait_ready(process: subprocess.Popen[bytes], role: Role, log: Path, begin: int, wait_s: float) -> Entry:
    deadline = time.monotonic() + wait_s
    what = f"{role.name.lower()} (pid {process.pid})"
    detail = ""
    while True:
        for entry in _entries():
            if entry.pid == process.pid and entry.role == role:
                detail = entry.detail
                if entry.state == State.RUN:
                    return entry
                if entry.state == State.FAIL:
                    raise ControlError(f"{what} failed: {detail or _last_line(log, begin)}")
        if process.poll() is not None:
            raise ControlError(
                f"{what} ended with status {process.returncode}: {_last_line(log, begin) or detail or 'no reason given'} (log: {log})"
            )
        if time.monotonic() >= deadline:
            raise ControlError(f"{what} was not ready after {wait_s:g} s{f': {detail}' if detail else ''} (log: {log})")
        time.sleep(0.02)


def _last_line(log: Path, begin: int) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(begin)
        lines = [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
    return ""


def bind_to_parent() -> None:
    """End this process when the one that started it with ``die_with_me`` dies; first thing in a child, does nothing elsewhere.

    Notes
    -----
    PR_SET_PDEATHSIG misses a parent that died before the call, hence the second look by pid and start time.
    """
    word = os.environ.pop(_PARENT, "")
    if not word.isdigit():
        return
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM, 0, 0, 0)  # 1: PR_SET_PDEATHSIG
    if os.getppid() != lib.aats_ident_pid(int(word)) or not lib.aats_proc_alive(int(word)):
        raise SystemExit("aats: the process that started this one is gone")
