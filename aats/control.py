"""Who runs here: joining the table, listing, commanding, starting and stopping processes.

For: services, tools and the command line.  Not for the table's mechanism (`aats.table`) nor for the network face of it (`aats.control_server`).

    with control.join(Role.FEED, "binance", mode=Mode.DIRECT) as me:    # BOOT; SlotTaken if a living one has the name
        segment = me.create_md(level_max=20, venue="BINANCE")           # a new generation, announced; the old one retired
        me.ready("stream.binance.com, 3 symbols")                       # RUN
        while running:
            me.beat()                                                   # or the C loop: aats_ctl_beat(me.slot, now)
            me.tick()                                                   # reaps the dead, once a second
            command = me.poll_command()                                 # then me.reply(code, text)

    control.processes()                     what `aats ps` shows
    control.find_feeds(mode=Mode.SIM)       feeds that live, oldest first
    control.command(entry, Command.STOP)    the command word of another process
    control.spawn(Role.FEED, ["feed", f])   a process of its own, waited for until it says RUN
    control.kill(pid)                       politely, then by force; only what is in the table
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from aats import config, shm
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ControlError, PeerDead, SegmentMissing, ShmError
from aats.layout import Command, DirState, Kind, MdCounter, Mode, Role, State, TdCounter
from aats.shm import Segment
from aats.table import Entry, Member, Table, join, tidy

__all__ = [
    "Child",
    "Entry",
    "Feed",
    "Member",
    "Table",
    "bind_to_parent",
    "command",
    "entry_of_pid",
    "find_feeds",
    "join",
    "kill",
    "processes",
    "spawn",
    "tidy",
]

_STOP_ANSWER_S = 1.0
_KILL_S = 2.0
_PARENT = "AATS_PARENT"

# ----------------------------------------------------------------------------------------------------------- listing


def _entries(ns: str | None) -> list[Entry]:
    try:
        return Table.open(ns).entries()
    except SegmentMissing:
        return []


def entry_of_pid(pid: int, *, ns: str | None = None) -> Entry:
    """Return the living entry of a process.

    Raises
    ------
    ControlError
        The table has none of that pid, or the process that had the pid is gone.
    """
    found = [entry for entry in _entries(ns) if entry.pid == pid and entry.state != State.REAP]
    for entry in found:
        if entry.alive():
            return entry
    if found:
        raise PeerDead(f"pid {pid} ({found[0].role.name.lower()} {found[0].name!r}) is dead: its start time is not that of its slot", pid=pid)
    raise ControlError(f"pid {pid} is not in the control table of namespace {ns or shm.namespace()!r}")


def processes(*, ns: str | None = None) -> list[dict[str, Any]]:
    """List all processes of the namespace, dead ones included, as plain values.

    Returns
    -------
    list of dict
        From the table: ``pid, role, name, state, mode, alive, generation, segment, port, started_ns, heartbeat_ms`` (age; None before the first),
        ``passes, wait, detail, counters``.  From the operating system, None where it does not say: ``cpu_s, rss, threads, status, cmdline``.
    """
    now_ns = time.monotonic_ns()
    return [_facts(entry, now_ns) for entry in _entries(ns)]


def _facts(entry: Entry, now_ns: int) -> dict[str, Any]:
    alive = entry.alive()
    segment = entry.segment
    names: list[str] = []
    if entry.role in (Role.FEED, Role.TRADE):
        names = [one.name.lower() for one in (MdCounter if entry.role == Role.FEED else TdCounter)]
    return {
        "pid": entry.pid,
        "role": entry.role.name.lower(),
        "name": entry.name,
        "state": entry.state.name if alive else "DEAD",
        "mode": entry.mode.name.lower(),
        "alive": alive,
        "generation": entry.generation,
        "segment": str(segment) if segment is not None else None,
        "port": entry.port,
        "started_ns": entry.started_ns,
        "heartbeat_ms": round((now_ns - entry.heartbeat_mono_ns) / 1e6, 1) if entry.heartbeat_mono_ns else None,
        "passes": entry.passes,
        "wait": entry.wait.name.lower(),
        "detail": entry.detail,
        "counters": dict(zip(names, entry.counters, strict=False)),
        **_system(entry, alive),
    }


def _system(entry: Entry, alive: bool) -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(("cpu_s", "rss", "threads", "status", "cmdline"))
    if alive and not entry.foreign:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(entry.pid)
            with process.oneshot():
                cpu = process.cpu_times()
                facts.update(cpu_s=round(cpu.user + cpu.system, 2), rss=process.memory_info().rss, threads=process.num_threads())
                facts.update(status=process.status(), cmdline=process.cmdline())
    return facts


@dataclass(frozen=True)
class Feed:
    """A feed that lives.

    Attributes
    ----------
    slot : int
        Its slot in the control table.
    generation : int
        Of its segment.
    symbols : mapping
        State of each symbol by ``SYMBOL.EXCHANGE``.
    level_max : int
        Deepest book that it can publish.
    """

    name: str
    pid: int
    slot: int
    generation: int
    mode: Mode
    state: State
    started_ns: int
    heartbeat_ms: float
    venue: str
    level_max: int
    symbols: Mapping[str, DirState] = field(default_factory=dict)

    def attach(self, *, writable: bool = False) -> Segment:
        """Map its market-data segment.

        Raises
        ------
        SegmentMissing
            It has been replaced since.
        """
        return shm.attach(shm.SegmentName.make(Kind.MD, self.name, self.generation), writable=writable)


def find_feeds(*, name: str | None = None, mode: Mode | None = None, symbol: str | None = None, ns: str | None = None) -> list[Feed]:
    """List the feeds that run (state RUN, process alive), oldest first.

    Parameters
    ----------
    name, mode : optional
        Only those.
    symbol : str, optional
        Only those whose directory holds this ``SYMBOL.EXCHANGE`` in any state but GONE.
    """
    found = []
    for entry in _entries(ns):
        if entry.role != Role.FEED or entry.state != State.RUN or not entry.alive():
            continue
        if (name is not None and entry.name != name) or (mode is not None and entry.mode != mode):
            continue
        with contextlib.suppress(ShmError):  # stopped or replaced between the two looks
            feed = _feed(entry, ns)
            if symbol is None or feed.symbols.get(symbol, DirState.GONE) != DirState.GONE:
                found.append(feed)
    return sorted(found, key=lambda feed: feed.started_ns)


def _feed(entry: Entry, ns: str | None) -> Feed:
    segment = shm.attach(shm.SegmentName.make(Kind.MD, entry.name, entry.generation, ns=ns))
    view = segment.md
    one = ffi.new("aats_dir_t *")
    symbols = {}
    for index in range(lib.aats_dir_cnt(view)):
        if lib.aats_dir_read(view, index, one) == lib.AATS_OK:
            symbols[text(one.symbol)] = DirState(int(one.state))
    return Feed(
        name=entry.name,
        pid=entry.pid,
        slot=entry.index,
        generation=entry.generation,
        mode=entry.mode,
        state=entry.state,
        started_ns=entry.started_ns,
        heartbeat_ms=(time.monotonic_ns() - entry.heartbeat_mono_ns) / 1e6,
        venue=text(view.md.venue),
        level_max=int(view.level_max),
        symbols=symbols,
    )


# ---------------------------------------------------------------------------------------------------------- commands


def command(entry: Entry, op: Command, arg: str = "", *, timeout_s: float = 5.0, ns: str | None = None) -> str:
    """Send a command to another process and wait for its answer.

    Parameters
    ----------
    entry : Entry
        Whom; a slot that has changed hands since refuses it.
    op, arg
        ``SUBSCRIBE "BTCUSDT.BINANCE 20"``, ``STOP ""`` ...

    Returns
    -------
    str
        The text of the answer.

    Raises
    ------
    PeerDead
        The process is gone.
    ControlError
        It refused (its own words), did not answer in time, or another commander holds its command word.
    """
    table = Table.open(ns, writable=True)
    slot, me, to = table.slot(entry.index), int(lib.aats_ident_self()), entry.identity
    whom = f"{entry.role.name.lower()} {entry.name!r} (pid {entry.pid})"
    deadline = time.monotonic() + timeout_s
    _take_command_word(slot, me, whom, deadline)
    try:
        seq = ffi.new("uint64_t *")
        code = lib.aats_cmd_send(slot, me, to, int(op), arg.encode(), seq)
        if code == lib.AATS_E_ARG:
            raise ControlError(f"the argument of {op.name} is longer than 167 bytes: {arg[:40]!r}...")
        if code != lib.AATS_OK:
            raise PeerDead(f"{whom} is gone", pid=entry.pid)
        return _wait_answer(slot, entry, int(seq[0]), f"{whom}: {op.name}", deadline)
    finally:
        lib.aats_cmd_unlock(slot, me)


def _take_command_word(slot: Any, me: int, whom: str, deadline: float) -> None:
    while True:
        holder = int(lib.aats_cmd_holder(slot))
        dead = holder if holder and not lib.aats_proc_alive(holder) else 0
        if lib.aats_cmd_lock(slot, me, dead) == lib.AATS_OK:
            return
        if time.monotonic() >= deadline:
            by = f"pid {lib.aats_ident_pid(holder)} is commanding it" if holder and not dead else "it has not answered an earlier command"
            raise ControlError(f"{whom} takes no command: {by}")
        time.sleep(0.002)


def _wait_answer(slot: Any, entry: Entry, seq: int, what: str, deadline: float) -> str:
    code, answer = ffi.new("int64_t *"), ffi.new("char[]", 240)
    while True:
        got = lib.aats_cmd_answer(slot, entry.identity, seq, code, answer, 240)
        if got == 1:
            if code[0] < 0:
                raise ControlError(f"{what} refused: {text(answer) or text(lib.aats_err_name(int(code[0])))}")
            return text(answer)
        if got < 0 or not entry.alive():
            raise PeerDead(f"{what}: it ended without an answer", pid=entry.pid)
        if time.monotonic() >= deadline:
            raise ControlError(f"{what} was not answered in time: is it stopped or hung?")
        time.sleep(0.001)


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
        uid = os.stat(f"/proc/{pid}").st_uid
        if uid != entry.uid or uid != os.getuid():
            raise ControlError(f"pid {pid} belongs to uid {uid}, not to uid {os.getuid()}: left alone")
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
        raise ControlError(f"pid {entry.pid} ({entry.role.name.lower()} {entry.name!r}) has not ended after {wait_s:g} s (aats kill {entry.pid} forces it)")
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    if not _ended(pidfd, _KILL_S):
        raise ControlError(f"pid {entry.pid} does not end, not even by SIGKILL: it waits inside the kernel")
    return "killed"


def _ended(pidfd: int, timeout_s: float) -> bool:
    return bool(select.select([pidfd], [], [], timeout_s)[0])


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

    Raises
    ------
    ControlError
        It ended, said FAIL, or was not ready in time; the text has its own reason.
    """
    log = config.log_dir() / f"{name or role.name.lower()}.log"
    environment = {**os.environ, **(env or {})}
    environment.pop(_PARENT, None)
    if die_with_me:
        environment[_PARENT] = str(lib.aats_ident_self())
    words = [*(command_line or (sys.executable, "-m", "aats.cli")), *args]
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
        begin = out.tell()
        try:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env=environment)
        except OSError as exc:
            raise ControlError(f"{words[0]} cannot be started: {exc.strerror}") from exc
    try:
        entry = _wait_ready(process, role, log, begin, wait_s)
    except BaseException:
        process.kill()
        process.wait()
        tidy()
        raise
    return Child(process, entry, log)


def _wait_ready(process: subprocess.Popen[bytes], role: Role, log: Path, begin: int, wait_s: float) -> Entry:
    deadline = time.monotonic() + wait_s
    what = f"{role.name.lower()} (pid {process.pid})"
    detail = ""
    while True:
        for entry in _entries(None):
            if entry.pid == process.pid and entry.role == role:
                detail = entry.detail
                if entry.state == State.RUN:
                    return entry
                if entry.state == State.FAIL:
                    raise ControlError(f"{what} failed: {detail or _last_line(log, begin)}")
        if process.poll() is not None:
            raise ControlError(f"{what} ended with status {process.returncode}: {_last_line(log, begin) or detail or 'no reason given'} (log: {log})")
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
