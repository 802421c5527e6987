"""The journals of trade processes: where they lie, what an earlier run left behind, and a new one for this run.

For: whoever starts a strategy, shows its orders, or cancels what a dead one left.  Not for writing records: the trader does that (csrc/app/trader.h), in
the format of csrc/journal/journal.h.  One file a run, ``<state>/journal/<account>/<strategy>/<instance, 16 hex>.aj``; the instance is the upper half of the
client ids under which the venue knows the run's orders.

A file ends with END if its run left in order: nothing is open then.  Any other file is one of a run that was killed, or of one that still runs.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from aats._ffi import ffi, lib, text
from aats.config import paths
from aats.errors import AatsError, ConfigError
from aats.layout import LAYOUT_HASH, dtype_of

__all__ = [
    "JournalKind",
    "Left",
    "Record",
    "Run",
    "Writer",
    "account_id",
    "clean",
    "create",
    "folder_of",
    "folders",
    "read",
    "records",
    "scan",
    "settle",
]

#: Files of runs that left in order go after so many days.
KEEP_DAYS = 7

_WORD = re.compile(r"[A-Za-z0-9_.-]+\Z")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]")
_HEAD = ffi.sizeof("aats_jrec_t")


class JournalKind(IntEnum):
    """What a record says."""

    START = lib.AATS_JR_START
    INTENT = lib.AATS_JR_INTENT
    CANCEL = lib.AATS_JR_CANCEL
    EVENT = lib.AATS_JR_EVENT
    TOLD = lib.AATS_JR_TOLD
    END = lib.AATS_JR_END


# ------------------------------------------------------------------------------------------------------------ places


def account_id(venue: str, key: str, subaccount: str = "") -> str:
    """Return the name of an account: the venue and the first 8 hex digits of SHA-256 of its key; never the key."""
    name = f"{venue.lower()}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return f"{name}-{_NOT_PLAIN.sub('_', subaccount)}" if subaccount else name


def folder_of(account: str, strategy: str) -> Path:
    """Return the folder of a strategy's journals on an account, made with mode 0700.

    Raises
    ------
    ConfigError
        If a name cannot be one of a folder, or the folder cannot be made.
    """
    for name in (account, strategy):
        if _WORD.match(name) is None or name.startswith("."):
            raise ConfigError(f"{name!r} cannot name a folder of journals: letters, digits, '_', '-' and '.' are allowed")
    folder = paths.state_home()
    for name in ("journal", account, strategy):
        folder = folder / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"folder {folder} cannot be made ({exc.strerror}): set AATS_HOME to one that can") from exc
    return folder


def folders() -> list[tuple[str, str, Path]]:
    """Return (account, strategy, folder) of all that have ever had a journal here, by name."""
    found = [path for path in (paths.state_home() / "journal").glob("*/*") if path.is_dir()]
    return [(path.parent.name, path.name, path) for path in sorted(found)]


# ----------------------------------------------------------------------------------------------------------- writing


@dataclass
class Writer:
    """A journal that is being written; `handle` is for ``aats_trader_new``, which does not own it."""

    handle: Any
    path: Path
    instance: int

    def close(self) -> None:
        """Close the file; again is harmless.  The trader that writes to it must be gone."""
        if self.handle != ffi.NULL:
            lib.aats_journal_close(self.handle)
            self.handle = ffi.NULL


def create(account: str, strategy: str, *, sync: bool = False) -> Writer:
    """Begin the journal of a new run under a random instance.

    Parameters
    ----------
    account, strategy : str
        See `account_id`; the strategy's name.
    sync : bool, default False
        Wait for the disk with each intent: an order is then known even after a power cut.

    Raises
    ------
    ConfigError
        If the file cannot be made; the text says why.
    """
    folder, instance = folder_of(account, strategy), secrets.randbits(64) or 1
    path = folder / f"{instance:016x}.aj"
    why = ffi.new("char[512]")
    line = f"{strategy} {account}".encode()
    handle = lib.aats_journal_open(str(path).encode(), instance, line, int(sync), time.time_ns(), why, len(why))
    if handle == ffi.NULL:
        raise ConfigError(text(why))
    return Writer(handle, path, instance)


def settle(path: Path) -> None:
    """Append END to the file of a run that is over, once nothing of it is open at the venue any more.

    Raises
    ------
    AatsError
        If the file cannot be written.
    """
    why = ffi.new("char[512]")
    handle = lib.aats_journal_resume(str(path).encode(), why, len(why))
    if handle == ffi.NULL:
        raise AatsError(text(why))
    try:
        if lib.aats_journal_put(handle, lib.AATS_JR_END, 0, ffi.NULL, 0, time.time_ns()) != lib.AATS_OK:
            raise AatsError(text(lib.aats_journal_error(handle)))
    finally:
        lib.aats_journal_close(handle)


# ----------------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Record:
    """One record; `data` is a numpy record of ``aats_order_t`` (INTENT) or ``aats_oev_t`` (EVENT), None for others or from a build of another layout."""

    kind: int
    number: int
    ns: int
    instance: int
    order_id: int
    payload: bytes
    data: np.void | None

    @property
    def text(self) -> str:
        """The payload of START: strategy and account."""
        return self.payload.rstrip(b"\0").decode("utf-8", "replace")


_STRUCTS = {int(JournalKind.INTENT): "aats_order_t", int(JournalKind.EVENT): "aats_oev_t"}


def records(raw: Any, tail: list[int] | None = None) -> Iterator[Record]:
    """Yield the records of a journal's bytes up to the first that cannot be believed.

    Parameters
    ----------
    raw : bytes-like
    tail : list of int, optional
        Gets the number of bytes that are not believed.
    """
    if len(raw) > 0:
        with ffi.from_buffer(raw) as whole:
            yield from _walk(whole, len(raw), tail)
    elif tail is not None:
        tail.append(0)


def _walk(whole: Any, size: int, tail: list[int] | None) -> Iterator[Record]:
    at, head, payload, payload_sz = ffi.new("size_t *"), ffi.new("aats_jrec_t *"), ffi.new("void const **"), ffi.new("size_t *")
    readable = False
    while lib.aats_journal_next(whole, size, at, head, payload, payload_sz) == 1:
        if head.kind == JournalKind.START:
            readable = head.order_id & (2**64 - 1) == LAYOUT_HASH
        body = ffi.buffer(payload[0], payload_sz[0])[:]
        struct = _STRUCTS.get(head.kind) if readable else None
        data = None
        if struct is not None and len(body) == dtype_of(struct).itemsize:
            data = np.frombuffer(body, dtype_of(struct))[0]
        yield Record(head.kind, head.number, head.ns, head.instance, head.order_id, body, data)
    if tail is not None:
        tail.append(size - at[0])


@dataclass
class Left:
    """An order as a run left it.

    Attributes
    ----------
    order : numpy.void or None
        The newest ``aats_order_t`` that was written down; None from a build of another layout.
    closed : bool
        Its Closed is known here, though it was not delivered; else it may be open at the venue.
    """

    order_id: int
    instance: int
    order: np.void | None = None
    closed: bool = False

    @property
    def client_id(self) -> str:
        """The id by which the venue knows it."""
        return f"{self.instance:016x}{self.order_id & (2**64 - 1):016x}"

    @property
    def symbol(self) -> str:
        """Symbol with exchange, "" where it cannot be read."""
        return "" if self.order is None else bytes(self.order["symbol"]).decode("utf-8", "replace")


@dataclass
class Run:
    """What the file of a run says.

    Attributes
    ----------
    ended : bool
        It left in order; nothing of it is open.
    left : dict of int to Left
        Orders whose Closed was not delivered; read only where `ended` is False.
    tail : int
        Bytes at the end that cannot be believed, of a write that was cut short.
    """

    path: Path
    instance: int
    ended: bool = False
    left: dict[int, Left] = field(default_factory=dict)
    tail: int = 0

    @property
    def open(self) -> list[Left]:
        """Orders that are not known to be closed: they may be open at the venue."""
        return [left for left in self.left.values() if not left.closed]


def read(path: Path) -> list[Record]:
    """Return all records of a file that can be believed."""
    return list(records(path.read_bytes()))


def _ended(path: Path) -> bool:
    """Return whether the last record of a file is a whole END."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 2 * _HEAD:
            return False
        file.seek(size - _HEAD)
        last = file.read(_HEAD)
    # Laid eight bytes behind the start of a buffer it is not the first record, and its predecessor is the one it names.
    buffer = ffi.from_buffer(bytes(8) + last)
    head = ffi.new("aats_jrec_t *")
    ffi.memmove(head, last, _HEAD)
    kind, head.number = head.kind, (head.number - 1) & (2**64 - 1)
    at, payload, payload_sz = ffi.new("size_t *", 8), ffi.new("void const **"), ffi.new("size_t *")
    found = lib.aats_journal_next(buffer, 8 + _HEAD, at, head, payload, payload_sz)
    return bool(kind == JournalKind.END and found == 1)


def _run(path: Path) -> Run:
    run = Run(path, int(path.stem, 16))
    if _ended(path):
        run.ended = True
        return run
    tail: list[int] = []
    with path.open("rb") as file:
        raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.seek(0, 2) else b""
    try:
        for record in records(raw, tail):
            _note(run, record)
    finally:
        if isinstance(raw, mmap.mmap):
            raw.close()
    run.tail = tail[0]
    return run


def _note(run: Run, record: Record) -> None:
    if record.kind == JournalKind.TOLD:
        run.left.pop(record.order_id, None)
    elif record.kind == JournalKind.INTENT:
        run.left[record.order_id] = Left(record.order_id, run.instance, record.data)
    elif record.kind == JournalKind.EVENT and record.order_id in run.left and record.data is not None:
        left = run.left[record.order_id]
        left.order = record.data["order"]
        left.closed = left.closed or int(record.data["kind"]) == lib.AATS_OEV_CLOSED


def scan(folder: Path) -> list[Run]:
    """Return what the runs of a folder left behind, oldest file first.  A file that vanishes meanwhile is passed over."""
    found: list[tuple[int, Run]] = []
    for path in folder.glob("*.aj"):
        if re.fullmatch(r"[0-9a-f]{16}", path.stem) is None:
            continue
        try:
            found.append((path.stat().st_mtime_ns, _run(path)))
        except FileNotFoundError:
            continue
    return [run for _, run in sorted(found, key=lambda pair: (pair[0], pair[1].path.name))]


def clean(folder: Path, *, days: float = KEEP_DAYS) -> int:
    """Remove the files of runs that left in order more than `days` ago; returns how many."""
    before, gone = time.time() - days * 86400, 0
    for path in folder.glob("*.aj"):
        try:
            if path.stat().st_mtime < before and _ended(path):
                path.unlink()
                gone += 1
        except FileNotFoundError:
            continue
    return gone
