"""The risk segment of a namespace: made or attached, written under its lock, put away by the last one out.

For: every trade process, the supervisor, ``aats risk``.  Not for what limits mean to users (``aats.risk``) nor for checking orders (csrc/risk/gate.h);
what is kept across reboots is ``risk_state.py``'s.

There is one segment a namespace, ``risk.host``, of a fixed generation.  It lives as long as the control table: whoever finds none makes it from the state
file; the last process to leave the table writes that file and unlinks it (``aats.table``).  After a kill -9 of everybody it stays as it was, for the next one
to attach.  Making, limits, switches and the state file are written under an flock on the segment itself; seats, cells and budgets need no lock.
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
from typing import Any

import numpy as np

from aats._ffi import check, ffi, lib, text
from aats.errors import SegmentMissing, ShmError
from aats.layout import SEG, SEG_MAGIC, Kind, dtype_of
from aats.shm import risk_state
from aats.shm.create import open_fd, reserve, stamp
from aats.shm.names import SHM_DIR, SegmentName, boot_id, unlink
from aats.shm.segment import Segment, attach, map_fd

__all__ = ["Host", "name_of", "open_host", "put_away", "supervisor"]

log = logging.getLogger("aats.risk")

LABEL = "host"
LOCK_S = 5.0
_WHY_SZ = 400


class Host:
    """A mapping of the risk segment.  Made by `open_host`.

    Attributes
    ----------
    segment : Segment
        Its `address` and `size` are what ``aats_gate_new`` and ``aats_session_budgets`` take; hold it as long as they are in use.
    view : cffi ``aats_risk_view_t *``
    namespace : str

    Notes
    -----
    Lifetime: pointers taken from `view` do not hold the mapping; hold the Host as long as they are used.
    Threads: `lock` is for one thread at a time; the rest is as csrc/risk/seat.h says.
    """

    def __init__(self, segment: Segment, fd: int) -> None:
        self.segment = segment
        self.namespace = segment.name.namespace
        self.view = ffi.new("aats_risk_view_t *")
        self._mutex = threading.RLock()
        self._depth = 0
        self._fd = os.dup(fd)
        why = ffi.new("char[]", _WHY_SZ)
        code = lib.aats_risk_attach(segment.pointer("aats_seg_t"), segment.size, self.view, why, _WHY_SZ)
        if code != lib.AATS_OK:
            raise ShmError(f"{segment.name}: {text(why)}")

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._fd)

    @property
    def memory(self) -> Any:
        """``void *`` of the segment, for C."""
        return ffi.cast("void *", self.segment.address)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the segment's lock; the same thread may nest it."""
        with self._mutex:
            if self._depth == 0:
                _lock(self._fd, self.segment.name)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)

    @property
    def current(self) -> bool:
        """Whether the name still leads to this segment."""
        return os.fstat(self._fd).st_nlink > 0

    # -------------------------------------------------------------------------------------------------------- seats

    def take(
        self,
        identity: int,
        name: str,
        account: str,
        *,
        instance: int,
        mode: int,
        on_death: int = 0,
        grace_ms: int = 0,
        hang_ms: int = 10_000,
        dead: int = 0,
        clearing: bool = False,
    ) -> int:
        """Take the seat of a strategy; return its index, or a negative code (``AATS_E_BUSY``, ``AATS_E_FULL``): see ``aats_seat_take``.

        Parameters
        ----------
        dead : int
            Owner word, as read, of a former owner that is known to be dead.
        """
        wanted = ffi.new("aats_seat_t *")
        wanted.instance, wanted.mode, wanted.on_death, wanted.grace_ms, wanted.hang_ms = instance, mode, on_death, grace_ms, hang_ms
        wanted.beat_mono_ns = time.monotonic_ns()
        wanted.name, wanted.account = name.encode(), account.encode()
        return int(lib.aats_seat_take(self.view, identity, wanted, dead, int(clearing)))

    def find(self, name: str, account: str) -> int | None:
        """Return the seat of a strategy on an account, None if it has none."""
        at = int(lib.aats_seat_find(self.view, name.encode(), account.encode()))
        return at if at >= 0 else None

    def move(self, at: int, identity: int, state: int) -> bool:
        """Move an own seat to a state (``AATS_SEAT_*``); return False if it is not one's own any more.

        One that is given back is brought to the state file, so that a power cut forgets no position that nobody looks after.
        """
        if lib.aats_seat_move(self.view, at, identity, state) != lib.AATS_OK:
            return False
        if state in (lib.AATS_SEAT_PARKED, lib.AATS_SEAT_FREE):
            try:
                self.save()
            except (OSError, ShmError) as exc:
                log.warning("the state of the risk limits cannot be saved: %s", exc)
        return True

    def seat(self, at: int) -> Any:
        """Return a copy of a seat (cffi ``aats_seat_t *``), None if it is free."""
        out = ffi.new("aats_seat_t *")
        return out if lib.aats_seat_read(self.view, at, out) == lib.AATS_OK else None

    def seats(self) -> Iterator[tuple[int, Any]]:
        """Yield (index, copy) of each seat that is not free."""
        for at in range(int(self.view.risk.seat_hi)):
            seat = self.seat(at)
            if seat is not None:
                yield at, seat

    def cell(self, at: int, sym: int) -> Any:
        """Return a copy of a seat's cell of a symbol (cffi ``aats_rcell_t *``)."""
        out = ffi.new("aats_rcell_t *")
        lib.aats_cell_read(self.view, at, sym, out)
        return out

    def symbols(self) -> Iterator[tuple[int, Any]]:
        """Yield (index, ``aats_rsym_t &``) of each symbol that is entered."""
        for at in range(int(self.view.risk.sym_cap)):
            word = int(self.view.syms[at].state)
            if word == 0:
                return
            if lib.aats_ident_state(word) == 1:
                yield at, self.view.syms[at]

    def cells(self) -> Any:
        """Return all cells as a numpy view, shape (seats, symbols)."""
        head = self.view.risk
        cells = self.segment.array(dtype_of("aats_rcell_t"), int(head.cell_off), int(head.seat_cap) * int(head.sym_cap))
        return cells.reshape(int(head.seat_cap), int(head.sym_cap))

    # -------------------------------------------------------------------------------------------------------- state

    def note(self) -> None:
        """Write into the audit what limits have thrown by themselves; two loads where there is nothing.

        It waits for no lock and raises nothing, because trade loops call it: what cannot be written now is written by the next `save`.
        """
        if int(self.view.risk.trips) == int(self.view.risk.audited) or not self._mutex.acquire(blocking=False):
            return
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                risk_state.note_trips(self)
            finally:
                if self._depth == 0:
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError as exc:
            log.warning("a switch thrown by a limit is not in the audit yet: %s", exc)
        finally:
            self._mutex.release()

    def save(self) -> None:
        """Write the state file: limits, switches, day totals, and what every seat has at stake.

        Raises
        ------
        OSError
            It cannot be written; the one before it is untouched.
        """
        with self.lock():
            risk_state.note_trips(self)
            risk_state.save(self)


def name_of(ns: str | None = None) -> SegmentName:
    """Return the name of a namespace's risk segment."""
    return SegmentName.make(Kind.RISK, LABEL, 1, ns=ns)


def open_host(ns: str | None = None, *, create: bool = True) -> Host:
    """Return the risk segment of a namespace, made from the state file where there is none and `create` is set.

    Raises
    ------
    SegmentMissing
        There is none, and `create` is not set.
    ShmError
        No room, no permission, somebody has held its lock for 5 s.

    Notes
    -----
    The caller is a member of the control table (``aats.member``), or holds its lock: the last one out of the table unlinks the segment.
    """
    name = name_of(ns)
    while True:
        try:
            fd = open_fd(name, exclusive=False) if create else os.open(SHM_DIR / name.file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SegmentMissing(f"no risk segment {name}: nothing of namespace {name.namespace!r} runs") from None
        try:
            _lock(fd, name)
            try:
                host = _take(fd, name, create=create)
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            os.close(fd)
        if host is not None:
            return host


def _take(fd: int, name: SegmentName, *, create: bool) -> Host | None:
    """Return the segment in a locked descriptor, made if it is empty; None if the name leads to another one by now."""
    if os.fstat(fd).st_nlink == 0:
        return None
    head = np.frombuffer(os.pread(fd, SEG.itemsize, 0).ljust(SEG.itemsize, b"\0"), SEG)[0]
    if int(head["magic"]) == SEG_MAGIC:
        if head["boot_id"].decode() != boot_id():
            unlink(name)
            return None
        host = Host(attach(name, writable=True), fd)
        if int(host.view.risk.unread) != risk_state.RESTORING:
            return host
    if not create:
        unlink(name)
        raise SegmentMissing(f"no risk segment {name}: its maker has not finished")
    os.ftruncate(fd, 0)  # what a maker that died has written
    try:
        return _make(fd, name)
    except BaseException:
        unlink(name)
        raise


def _make(fd: int, name: SegmentName) -> Host:
    geometry = (int(lib.AATS_RISK_SEATS), int(lib.AATS_RISK_SYMS), int(lib.AATS_RISK_LIMITS), int(lib.AATS_RISK_BUDGETS))
    size = check(lib.aats_risk_size(*geometry), "size of the risk segment")
    size = -(-size // 64) * 64
    reserve(name, fd, size)
    segment = map_fd(name, fd, size, writable=True)
    stamp(segment, Kind.RISK, owner=0, made_ns=time.time_ns())
    check(lib.aats_risk_init(segment.pointer("aats_seg_t"), size, *geometry), f"{name}: the risk segment cannot be laid out")
    segment.pointer("aats_risk_t", SEG.itemsize).unread = risk_state.RESTORING  # who is killed in the middle leaves one that is made again
    lib.aats_seg_ready(segment.pointer("aats_seg_t"))
    host = Host(segment, fd)
    risk_state.restore(host)
    return host


def put_away(ns: str | None = None) -> bool:
    """Save and unlink the segment; for the last one out of the control table, who holds the table's lock.  Return whether there was one.

    Raises
    ------
    OSError
        The state file cannot be written: then the segment stays where it is.
    """
    name = name_of(ns)
    try:
        fd = os.open(SHM_DIR / name.file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        _lock(fd, name)
        host = _take(fd, name, create=False)
        if host is None:
            return False
        fcntl.flock(fd, fcntl.LOCK_UN)  # an flock belongs to the open file: host has a descriptor of the same one
        with host.lock():
            host.save()
            unlink(name)
        return True
    except SegmentMissing:
        return False
    finally:
        os.close(fd)


def supervisor(ns: str | None = None) -> int:
    """Return the identity of the supervisor that the segment names, 0 if it names none or there is no segment."""
    try:
        segment = attach(name_of(ns))
    except SegmentMissing:
        return 0
    return int(segment.pointer("aats_risk_t", SEG.itemsize).supervisor)


def _lock(fd: int, name: SegmentName) -> None:
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as exc:
            if exc.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                raise
        if time.monotonic() >= deadline:
            raise ShmError(f"{name} has been locked by another process for {LOCK_S:.0f} s: is one of them stopped?")
        time.sleep(0.002)
