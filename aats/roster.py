"""Looking at the processes of this user and namespace, and telling them something.

For: lists, feeds, the command word.  Not for the own slot (``aats.member``) nor for starting and stopping (``aats.launch``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from aats import shm
from aats._ffi import ffi, lib, text
from aats.errors import ControlError, LayoutMismatch, PeerDead, SegmentMissing, ShmError
from aats.layout import Command, DirState, Kind, MdCounter, Mode, Role, State, TdCounter
from aats.shm import Segment
from aats.table import Entry, Table

__all__ = ["Feed", "command", "entry_of_pid", "find_feeds", "processes"]


def _entries(ns: str | None) -> list[Entry]:
    try:
        return Table.open(ns).entries()
    except (SegmentMissing, LayoutMismatch):
        return []


def entry_of_pid(pid: int, *, ns: str | None = None) -> Entry:
    """Return the living entry of a process.

    Raises
    ------
    ControlError
        The table has none of that pid, or the process that had the pid is gone.
    """
    found = [entry for entry in _entries(ns) if entry.pid == pid and entry.state != State.REAP]
    found.sort(key=lambda entry: entry.foreign)  # a container has pids of its own: ours is meant, where both have the number
    for entry in found:
        if entry.alive():
            return entry
    if found:
        raise PeerDead(
            f"pid {pid} ({found[0].role.name.lower()} {found[0].name!r}) is dead: its start time is not that of its slot", pid=pid
        )
    raise ControlError(f"pid {pid} is not in the control table of namespace {ns or shm.namespace()!r}")


def processes(*, ns: str | None = None) -> list[dict[str, Any]]:
    """List all processes of the namespace, dead ones included, as plain values.

    Returns
    -------
    list of dict
        From the table: ``pid, role, name, state, mode, alive, foreign, generation, segment, port, started_ns, heartbeat_ms`` (age; None before the first),
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
        "foreign": entry.foreign,
        "generation": entry.generation,
        "segment": str(segment) if segment is not None else None,
        "port": entry.port,
        "started_ns": entry.started_ns,
        "heartbeat_ms": max(0.0, round((now_ns - entry.heartbeat_mono_ns) / 1e6, 1)) if entry.heartbeat_mono_ns else None,
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
    natives : mapping
        Our name of each symbol by the venue's spelling, ``BTC-USDT.OKX``.
    level_max : int
        Deepest book that it can publish.
    received : bool
        Whether it is a receiver, which writes here what a feed on another host sends.
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
    received: bool = False
    natives: Mapping[str, str] = field(default_factory=dict)

    def state_of(self, symbol: str) -> DirState:
        """Return the state of a symbol by our name or the venue's, GONE for one that it does not carry."""
        return self.symbols.get(symbol, self.symbols.get(self.natives.get(symbol, ""), DirState.GONE))

    def attach(self, *, writable: bool = False) -> Segment:
        """Map its market-data segment.

        Raises
        ------
        SegmentMissing
            It has been replaced since.
        """
        return shm.attach(shm.SegmentName.make(Kind.MD, self.name, self.generation), writable=writable)

    def entry(self) -> Entry:
        """Return its entry as it is now; by its slot, because a process may hold several.

        Raises
        ------
        PeerDead
            The slot is another's by now.
        """
        found = [one for one in _entries(None) if one.index == self.slot and one.generation == self.generation and one.role == Role.FEED]
        if not found:
            raise PeerDead(f"feed {self.name!r} (pid {self.pid}) is gone", pid=self.pid)
        return found[0]


def find_feeds(*, name: str | None = None, mode: Mode | None = None, symbol: str | None = None, ns: str | None = None) -> list[Feed]:
    """List the feeds that run (state RUN, process alive), oldest first.

    Parameters
    ----------
    name, mode : optional
        Only those.
    symbol : str, optional
        Only those whose directory holds this ``SYMBOL.EXCHANGE`` in any state but GONE.

    Raises
    ------
    LayoutMismatch
        None of this build's layout is found, but a living one of another layout is.
    """
    found = []
    for entry in _entries(ns):
        if entry.role != Role.FEED or entry.state != State.RUN or not entry.alive():
            continue
        if (name is not None and entry.name != name) or (mode is not None and entry.mode != mode):
            continue
        with contextlib.suppress(ShmError):  # stopped or replaced between the two looks
            feed = _feed(entry, ns)
            if symbol is None or feed.state_of(symbol) != DirState.GONE:
                found.append(feed)
    if not found:
        shm.complain_of_foreign(Kind.MD, label=name, ns=ns or shm.namespace())
    return sorted(found, key=lambda feed: feed.started_ns)


def _feed(entry: Entry, ns: str | None) -> Feed:
    segment = shm.attach(shm.SegmentName.make(Kind.MD, entry.name, entry.generation, ns=ns))
    view = segment.md
    one = ffi.new("aats_dir_t *")
    symbols, natives = {}, {}
    for index in range(lib.aats_dir_cnt(view)):
        if lib.aats_dir_read(view, index, one) == lib.AATS_OK:
            ours = text(one.symbol)
            symbols[ours] = DirState(int(one.state))
            natives[f"{text(one.native)}.{ours.rpartition('.')[2]}"] = ours
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
        natives=natives,
        received=shm.path_cnt(segment) > 0,
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
