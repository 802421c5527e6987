"""One process's own slot in the control table: entering, telling, listening, owning segments, leaving.

For: everything that runs.  Not for looking at others (``aats.roster``) nor for the table itself (``aats.table``).
Life of a slot: ``join`` (BOOT) -> ``ready`` (RUN) -> ``leave``; or ``fail`` with the reason; csrc/shm/control.h has the picture.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from aats import shm
from aats._ffi import check, ffi, lib, text
from aats.errors import ControlError, ShmError, SlotTaken
from aats.layout import CTL_OFFSET, Command, Mode, Role, State, Wait
from aats.shm import Segment, SegmentName
from aats.table import TABLE_SLOTS, Entry, Table, pid_namespace

__all__ = ["Member", "join"]

REAP_EVERY_S = 1.0


class _Clock:
    """Whose clock page this process reads (csrc/shm/clock.h): that of the table it has entered last, and is still in.

    The table that was left last stays mapped: a thread of C may be reading its page.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: list[Member] = []
        self._left: Table | None = None

    def enter(self, member: Member) -> None:
        with self._lock:
            self._members.append(member)
            self._use()

    def leave(self, member: Member) -> None:
        with self._lock:
            if member in self._members:
                self._members.remove(member)
                self._use()
                self._left = member.table

    def _use(self) -> None:
        self._members = [member for member in self._members if member._pid == os.getpid()]  # a parent's are not a child's to keep
        if not self._members:
            lib.aats_clock_use(ffi.NULL, 0)
            return
        newest = self._members[-1]
        lib.aats_clock_use(ffi.addressof(newest.table.segment.pointer("aats_ctl_t", CTL_OFFSET), "clock"), newest.identity)


_clock = _Clock()


class Member:
    """This process's slot in the control table, in one role.  Made by `join`; a context manager that leaves.

    Attributes
    ----------
    table : Table
    index : int
        Of the slot.
    slot : cffi ``aats_slot_t *``
        For the C loops, which stamp the heartbeat and count.
    identity : int
    role : Role
    name : str

    Notes
    -----
    Threads: one thread at a time; `beat` belongs to the thread whose life it tells.
    A child made by fork is no member: `leave` does nothing there.
    """

    def __init__(self, table: Table, index: int, identity: int, role: Role, name: str) -> None:
        self.table = table
        self.index = index
        self.slot = table.slot(index)
        self.identity = identity
        self.role = role
        self.name = name
        self._facts = ffi.new("aats_slot_t *")
        self._segments: list[SegmentName] = []
        self._pid = os.getpid()
        self._reap_at = time.monotonic() + REAP_EVERY_S
        self._left = False

    def __enter__(self) -> Member:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()

    def __repr__(self) -> str:
        return f"<Member {self.role.name.lower()} {self.name} slot {self.index}{', left' if self._left else ''}>"

    # -------------------------------------------------------------------------------------------- what others see

    def describe(
        self, *, mode: Mode | None = None, port: int | None = None, detail: str | None = None, generation: int | None = None
    ) -> None:
        """Enter facts into the slot; what is not given stays as it is."""
        facts = self._facts
        if mode is not None:
            facts.mode = int(mode)
        if port is not None:
            facts.port = port
        if generation is not None:
            facts.generation = generation
        if detail is not None:
            facts.detail = _cut(detail, 159)
        check(lib.aats_ctl_fill(self.slot, self.identity, facts), f"{self!r}: its slot is not its own any more")

    def move(self, state: State, detail: str | None = None) -> None:
        """Move the slot to `state`, with a new line for people first if `detail` is given."""
        if detail is not None:
            self.describe(detail=detail)
        check(lib.aats_ctl_move(self.slot, self.identity, int(state)), f"{self!r}: cannot move to {state.name}")

    def ready(self, detail: str | None = None) -> None:
        """Say that this process is up: RUN.  Whoever started it waits for this."""
        self.beat()
        self.move(State.RUN, detail)

    def fail(self, reason: str) -> None:
        """Say that this process cannot go on: FAIL, with the reason for whoever started it."""
        self.move(State.FAIL, reason)

    @property
    def state(self) -> State:
        return State(int(lib.aats_ident_state(self.slot.owner)))

    def beat(self) -> None:
        """Stamp the heartbeat with the time of now: at the start of a pass of the loop that the heartbeat speaks for."""
        lib.aats_ctl_beat(self.slot, time.monotonic_ns())

    def tick(self) -> list[Entry]:
        """Reap the dead, once a second and if nobody else is at it; return what was reaped.  Call it as often as you like.

        Keeps the clock page as well, for processes without a loop of C.
        """
        now = time.monotonic()
        if not self._left:
            lib.aats_clock_keep(time.monotonic_ns())
        if now < self._reap_at or self._left:
            return []
        self._reap_at = now + REAP_EVERY_S
        with self.table.lock(wait=False) as held:
            return self.table.reap(self.identity) if held else []

    def choose_wait(self) -> Wait:
        """Return how this role's thread waits, and show it in the slot: ``AATS_WAIT``, else spinning while this host has a core to spare for it."""
        asked = os.environ.get("AATS_WAIT", "").upper()
        if asked in Wait.__members__ and asked != "NONE":
            wait = Wait[asked]
        else:
            cores = len(os.sched_getaffinity(0))
            mine = self.slot.wait == Wait.SPIN
            spinners = lib.aats_ctl_spinners(self.table.view) + (0 if mine else 1)
            wait = Wait.SPIN if spinners <= cores - 1 else Wait.SLEEP
        lib.aats_ctl_wait(self.slot, int(wait))
        return wait

    # --------------------------------------------------------------------------------------------------- commands

    def poll_command(self) -> tuple[Command, str] | None:
        """Return the command that waits for this process, or None; answer it with `reply`."""
        arg = ffi.new("char[]", 176)
        op = lib.aats_cmd_poll(self.slot, self.identity, arg, 176)
        if op <= 0:
            return None
        try:
            return Command(op), text(arg)
        except ValueError:
            self.reply(lib.AATS_E_UNKNOWN, f"no command has number {op}")
            return None

    def reply(self, code: int = 0, answer: str = "") -> None:
        """Answer the command of the last `poll_command`: an AATS code and a line."""
        lib.aats_cmd_reply(self.slot, code, _cut(answer, 239))

    # --------------------------------------------------------------------------------------------------- segments

    def next_generation(self) -> int:
        """Return a generation that was never used before, in this table or an earlier one."""
        return int(lib.aats_ctl_next_generation(self.table.view))

    def create_md(self, **geometry: Any) -> Segment:
        """Make this feed's market-data segment in a new generation, announce it, and retire the old ones.

        Parameters
        ----------
        **geometry
            ``ring_depth, level_max, dir_cap, mode, venue, stale_ms, feed_id`` of `aats.shm.create_md`.
        """
        return self._create(
            lambda generation: shm.create_md(
                self.name, generation=generation, owner=self.identity, ctl_slot=self.index, ns=self.table.namespace, **geometry
            )
        )

    def create_td(self) -> Segment:
        """Make this trade process's segment likewise."""
        return self._create(
            lambda generation: shm.create_td(
                self.name, generation=generation, owner=self.identity, ctl_slot=self.index, ns=self.table.namespace
            )
        )

    def _create(self, make: Callable[[int], Segment]) -> Segment:
        with self.table.lock():  # whoever reaps meanwhile would take what is unfinished for a dead one's
            segment = make(self.next_generation())
        self._segments.append(segment.name)
        self.publish(segment)
        return segment

    def publish(self, segment: Segment) -> None:
        """Enter the segment's generation into the slot; tell the readers of older ones of this name, and unlink those."""
        name = segment.name
        self.describe(generation=name.generation)
        for old in shm.names(ns=name.namespace, label=name.label):
            if old.kind == name.kind and old.generation < name.generation:
                with contextlib.suppress(ShmError, ControlError):
                    shm.attach(old, writable=True).succeed(name.generation)
                shm.unlink(old)

    # ---------------------------------------------------------------------------------------------------- leaving

    def leave(self) -> None:
        """Unlink the own segments, free the slot, and remove the table if nobody else is in it.  A second call does nothing."""
        if self._left or os.getpid() != self._pid:
            return
        self._left = True
        _clock.leave(self)
        for name in self._segments:
            shm.unlink(name)
        with self.table.lock():
            lib.aats_ctl_release(self.slot, self.identity)
            self.table.reap(self.identity)
            self.table.close_if_empty(self.identity)


def _cut(line: str, size: int) -> bytes:
    """Return `line` as UTF-8 of at most `size` bytes, cut between characters."""
    return line.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode()


def join(role: Role, name: str, *, mode: Mode = Mode.NONE, ns: str | None = None, detail: str = "", port: int = 0) -> Member:
    """Enter this process into the control table, which is made where there is none.

    Parameters
    ----------
    role, name
        What it is; one living process of each role and name.
    mode, detail, port : optional
        Facts for the others.

    Returns
    -------
    Member
        In BOOT; call ``ready()`` when it works.

    Raises
    ------
    SlotTaken
        A living process has that role and name; the text says which.
    ConfigError
        The name holds characters that a segment's name cannot.
    """
    shm.label_of(name)
    identity = int(lib.aats_ident_self())
    if identity == 0:
        raise ControlError("/proc/self/stat cannot be read: AATS needs /proc to tell processes apart")
    with Table.locked_current(ns) as table:
        table.reap(identity, spare=name)
        index = lib.aats_ctl_claim(table.view, identity, int(role), name.encode(), 1)
        if index == lib.AATS_E_BUSY:
            raise SlotTaken(_taken(table, role, name))
        if index == lib.AATS_E_FULL:
            raise ControlError(f"the control table is full: {TABLE_SLOTS} processes of namespace {table.namespace!r} run already")
        check(index, f"{role.name.lower()} {name!r} cannot enter the control table")
        member = Member(table, index, identity, role, name)
        facts = member._facts
        facts.started_ns, facts.uid, facts.ns_id = time.time_ns(), os.getuid(), pid_namespace()
        member.describe(mode=mode, port=port, detail=detail)
        member.beat()
    _clock.enter(member)
    return member


def _taken(table: Table, role: Role, name: str) -> str:
    entry = table.find(role, name)
    if entry is None:
        return f"{role.name.lower()} {name!r} is taken"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.started_ns / 1e9))
    return f"{role.name.lower()} {name!r} is already run by pid {entry.pid} since {since}: stop it (aats stop {entry.pid}) or take another name"
