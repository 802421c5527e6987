"""The control table of this user and namespace: opening, reading, locking, reaping, closing.

For: the mechanism behind `aats.control`, which is the face for everybody else.  Not for a process's own slot (``aats.member``), nor for starting,
stopping or describing processes.

The table is one segment of a fixed name.  Its words are moved by csrc/shm/control.h alone; what has to happen as a whole (make the table, claim a name,
reap with the segments of the dead, close and unlink) is done under an flock on the segment itself: the lock needs no file, no folder that two processes could
disagree about, and it ends with its holder.  Whoever holds the lock of an empty table fills it, so a maker that dies half-way leaves nothing to repair.

Who cleans up: every process when it joins, once a second, and when it leaves (``aats.member``); the last one out puts the risk segment away
(``aats.shm.risk``) and unlinks the table.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from aats import shm
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ControlError, SegmentMissing, ShmError
from aats.layout import SEG, SEG_MAGIC, SLOT, SLOT_OFFSET, Kind, Mode, Role, State, Wait
from aats.shm import Segment, SegmentName, risk

__all__ = ["TABLE_SLOTS", "Entry", "Table", "pid_namespace", "tidy"]

log = logging.getLogger("aats.control")

TABLE_LABEL = "table"
TABLE_SLOTS = 256
LOCK_S = 5.0
_FOREIGN_S = 60.0  # a process of another pid namespace cannot be looked up; this long without a heartbeat, it is dead
_SEGMENT_OF = {Role.FEED: Kind.MD, Role.TRADE: Kind.TD}


def pid_namespace() -> int:
    """Return the inode of this process's pid namespace, 0 if it cannot be told."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


@dataclass(frozen=True)
class Entry:
    """A slot of the control table as it was at one moment.

    Attributes
    ----------
    index : int
        Of the slot.
    owner : int
        Identity word as read, state included.
    """

    index: int
    owner: int
    role: Role
    mode: Mode
    state: State
    name: str
    generation: int
    started_ns: int
    port: int
    uid: int
    ns_id: int
    detail: str
    heartbeat_mono_ns: int
    passes: int
    wait: Wait
    counters: tuple[int, ...]

    @property
    def pid(self) -> int:
        return int(lib.aats_ident_pid(self.owner))

    @property
    def identity(self) -> int:
        """The identity word without a state: pid and start time."""
        return int(lib.aats_ident_bare(self.owner))

    @property
    def foreign(self) -> bool:
        """Whether its pid belongs to another pid namespace (a container beside ours)."""
        return self.ns_id != 0 and self.ns_id != pid_namespace()

    def alive(self) -> bool:
        """Whether its process runs; the answer False is final."""
        if self.foreign:
            return time.monotonic_ns() - self.heartbeat_mono_ns < _FOREIGN_S * 1e9
        return bool(lib.aats_proc_alive(self.owner))

    @property
    def segment(self) -> SegmentName | None:
        """Name of the segment that it has announced."""
        kind = _SEGMENT_OF.get(self.role)
        return SegmentName.make(kind, self.name, self.generation) if kind is not None and self.generation else None


def _enum(kind: Any, value: int) -> Any:
    try:
        return kind(value)
    except ValueError:
        return kind(0)


class Table:
    """A mapping of the control table.

    Attributes
    ----------
    segment : Segment
    namespace : str
    view : cffi ``aats_ctl_view_t *``
    """

    def __init__(self, segment: Segment, fd: int, namespace: str) -> None:
        self.segment = segment
        self.namespace = namespace
        self.view = ffi.new("aats_ctl_view_t *")
        self._mutex = threading.Lock()
        why = ffi.new("char[]", 400)
        if lib.aats_ctl_attach(segment.pointer("aats_seg_t"), segment.size, self.view, why, 400) != lib.AATS_OK:
            raise ShmError(f"{segment.name}: {text(why)}")
        self._fd = fd  # from here on it is closed with this object, before that by whoever opened it

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._fd)

    # ------------------------------------------------------------------------------------------------------ opening

    @classmethod
    def open(cls, ns: str | None = None, *, writable: bool = False) -> Table:
        """Map the table that is there.

        Raises
        ------
        SegmentMissing
            No process of this user and namespace runs.
        """
        name = cls.name_of(ns)
        segment = shm.attach(name, writable=writable)
        try:
            fd = os.open(shm.SHM_DIR / name.file, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SegmentMissing(f"no control table {name}") from None
        try:
            return cls(segment, fd, name.namespace)
        except BaseException:
            os.close(fd)
            raise

    @staticmethod
    def name_of(ns: str | None = None) -> SegmentName:
        """Return the name of the table of a namespace; there is only one at a time, its generation in the name is always 1."""
        return SegmentName.make(Kind.CTL, TABLE_LABEL, 1, ns=ns)

    @classmethod
    @contextlib.contextmanager
    def locked_current(cls, ns: str | None = None, *, create: bool = True) -> Iterator[Table]:
        """Give the current table with its lock held; make it where there is none and `create` is set.

        Raises
        ------
        ControlError
            Somebody has held the lock for 5 s.
        SegmentMissing
            There is none, and `create` is not set.
        """
        name = cls.name_of(ns)
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fd = shm.open_fd(name, exclusive=False) if create else os.open(shm.SHM_DIR / name.file, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                raise SegmentMissing(f"no control table {name}") from None
            try:
                _lock(fd, name, deadline)
                table = cls._take(fd, name, create=create)
            except BaseException:
                os.close(fd)
                raise
            if table is not None:
                break
            os.close(fd)  # unlinked meanwhile, or thrown away: the name leads to the next one
        with table._mutex:
            try:
                yield table
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)

    @classmethod
    def _take(cls, fd: int, name: SegmentName, *, create: bool) -> Table | None:
        """Return the table in a locked descriptor, made if it is empty; None if it is not the current one."""
        about = os.fstat(fd)
        if about.st_nlink == 0:
            return None
        head = _head(fd)
        if int(head["magic"]) != SEG_MAGIC:
            if not create:
                shm.unlink(name)
                raise SegmentMissing(f"no control table {name}")
            os.ftruncate(fd, 0)  # what a maker that died has written
            try:
                segment = shm.create_ctl(fd, name, slots=TABLE_SLOTS)
            except BaseException:
                shm.unlink(name)
                raise
        elif head["boot_id"].decode() != shm.boot_id():
            shm.unlink(name)
            return None
        else:
            segment = shm.attach(name, writable=True)
        table = cls(segment, fd, name.namespace)
        if lib.aats_ctl_closing(table.view):  # its closer died before the unlink: nobody can be in it
            table._fd = os.dup(fd)
            table._remove()
            return None
        return table

    @contextlib.contextmanager
    def lock(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of this table; with ``wait=False`` give False instead of waiting for it."""
        if not self._mutex.acquire(blocking=wait):
            yield False
            return
        try:
            try:
                _lock(self._fd, self.segment.name, time.monotonic() + (LOCK_S if wait else 0))
            except ControlError:
                if wait:
                    raise
                yield False
                return
            try:
                yield True
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._mutex.release()

    # ------------------------------------------------------------------------------------------------------ reading

    @property
    def current(self) -> bool:
        """Whether this is still the table that the name leads to; False once it is being closed."""
        return not lib.aats_ctl_closing(self.view) and os.fstat(self._fd).st_nlink > 0

    def slot(self, index: int) -> Any:
        """Return ``aats_slot_t *``; it holds the mapping."""
        if not 0 <= index < self.view.slot_cnt:
            raise ControlError(f"slot {index} is not in the control table: it has {self.view.slot_cnt}")
        return self.segment.pointer("aats_slot_t", SLOT_OFFSET + index * SLOT.itemsize)

    def entry(self, index: int) -> Entry | None:
        """Return a copy of one slot, None if it is free."""
        out = ffi.new("aats_slot_t *")
        if lib.aats_ctl_read(self.view.slots + index, out) != lib.AATS_OK:
            return None
        return Entry(
            index=index,
            owner=int(out.owner),
            role=_enum(Role, out.role),
            mode=_enum(Mode, out.mode),
            state=_enum(State, lib.aats_ident_state(out.owner)),
            name=text(out.name),
            generation=int(out.generation),
            started_ns=int(out.started_ns),
            port=int(out.port),
            uid=int(out.uid),
            ns_id=int(out.ns_id),
            detail=text(out.detail),
            heartbeat_mono_ns=int(out.heartbeat_mono_ns),
            passes=int(out.passes),
            wait=_enum(Wait, out.wait),
            counters=tuple(out.counters),
        )

    def entries(self) -> list[Entry]:
        """Return copies of all slots that are not free, the dead included."""
        found = (self.entry(index) for index in range(self.view.slot_cnt) if self.view.slots[index].owner)
        return [entry for entry in found if entry is not None]

    def find(self, role: Role, name: str) -> Entry | None:
        """Return the living entry of that role and name."""
        for entry in self.entries():
            if entry.role == role and entry.name == name and entry.state not in (State.REAP, State.FREE) and entry.alive():
                return entry
        return None

    # ------------------------------------------------------------------------------------- cleaning; under the lock

    def reap(self, identity: int, *, spare: str | None = None) -> list[Entry]:
        """Free the slots of the dead and unlink their segments; return what was freed.  The caller holds the lock.

        Parameters
        ----------
        identity : int
            Of the caller.
        spare : str, optional
            Label whose segments stay: its next writer retires them and tells their readers.
        """
        reaped = []
        for entry in self.entries():
            if entry.alive() or lib.aats_ctl_reap_begin(self.slot(entry.index), entry.owner, identity) != lib.AATS_OK:
                continue
            lib.aats_ctl_reap_end(self.slot(entry.index), identity)
            reaped.append(entry)
        self._sweep(spare)
        return reaped

    def _sweep(self, spare: str | None) -> None:
        """Unlink the segments of this namespace whose maker is dead, entered in the table or not."""
        found = [name for name in shm.names(ns=self.namespace) if name.kind not in ("ctl", "risk") and name.label != spare]
        if not found:
            return
        strangers = {entry.identity for entry in self.entries() if entry.foreign}
        boot = shm.boot_id()
        for name in found:
            with contextlib.suppress(OSError):  # gone since it was listed
                fd = os.open(shm.SHM_DIR / name.file, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if self._orphan(fd, boot, strangers):
                        shm.unlink(name)
                finally:
                    os.close(fd)

    @staticmethod
    def _orphan(fd: int, boot: str, strangers: set[int]) -> bool:
        """Whether the maker of an open segment is dead."""
        head = _head(fd)
        owner = int(lib.aats_ident_bare(int(head["owner"])))
        if owner == 0:  # being made, or given up by a maker that died: a living one holds its lock (and ours, if it is a member)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return False
            return int(_head(fd)["owner"]) == 0
        return head["boot_id"].decode() != boot or (owner not in strangers and not lib.aats_proc_alive(owner))

    def close_if_empty(self, identity: int) -> bool:
        """Unlink the table if nobody is left in it; under the lock.  Return whether it was."""
        if not lib.aats_ctl_close(self.view, identity, 0):
            return False
        self._remove()
        return True

    def _remove(self) -> None:
        """Put the risk segment away and unlink the table, which is closing; under the lock."""
        try:
            risk.put_away(self.namespace)
        except (OSError, AatsError) as exc:  # it stays where it is: nothing is lost while the machine runs
            log.error("the state of the risk limits cannot be saved, %s is left in place: %s", risk.name_of(self.namespace), exc)
        shm.unlink(self.segment.name)


def _head(fd: int) -> Any:
    """Return the header of an open segment, zeros where it is not written yet."""
    return np.frombuffer(os.pread(fd, SEG.itemsize, 0).ljust(SEG.itemsize, b"\0"), SEG)[0]


def _lock(fd: int, name: SegmentName, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as exc:
            if exc.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        if time.monotonic() >= deadline:
            raise ControlError(
                f"{name} has been locked by another process for {LOCK_S:.0f} s: is one of them stopped? (aats doctor lists them)"
            )
        time.sleep(0.002)


def tidy(ns: str | None = None) -> list[Entry]:
    """Reap the dead of a namespace and remove its table if nobody is left; for tools that are no members.  Return what was reaped."""
    identity = int(lib.aats_ident_self())
    try:
        with Table.locked_current(ns, create=False) as table:
            reaped = table.reap(identity)
            table.close_if_empty(identity)
            return reaped
    except SegmentMissing:
        return []
