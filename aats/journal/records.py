"""The records of a journal's file as Python sees them.

Believed is what csrc/journal/read.c believes; the file may be one that is being written.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from aats._ffi import ffi, lib
from aats.layout import LAYOUT_HASH, dtype_of

HEAD = ffi.sizeof("aats_jrec_t")


class JournalKind(IntEnum):
    """What a record says."""

    START = lib.AATS_JR_START
    INTENT = lib.AATS_JR_INTENT
    CANCEL = lib.AATS_JR_CANCEL
    EVENT = lib.AATS_JR_EVENT
    TOLD = lib.AATS_JR_TOLD
    END = lib.AATS_JR_END
    HOLD = lib.AATS_JR_HOLD
    FEE = lib.AATS_JR_FEE
    DAY = lib.AATS_JR_DAY
    CHECKED = lib.AATS_JR_CHECKED
    ADOPTED = lib.AATS_JR_ADOPTED
    AMEND = lib.AATS_JR_AMEND


#: Structs of payloads, by kind; those of other kinds are read by all builds.
STRUCTS = {
    int(JournalKind.INTENT): "aats_order_t",
    int(JournalKind.EVENT): "aats_oev_t",
    int(JournalKind.HOLD): "aats_hold_t",
    int(JournalKind.FEE): "aats_fee_t",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes
    ----------
    data : numpy.void or None
        The payload as ``aats_order_t`` (INTENT), ``aats_oev_t`` (EVENT), ``aats_hold_t`` (HOLD) or ``aats_fee_t`` (FEE); None of other kinds, or from a build
        of another layout.
    """

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


def records(raw: Any, tail: list[int] | None = None) -> Iterator[Record]:
    """Yield the records of a journal's bytes up to the first that cannot be believed.

    Parameters
    ----------
    raw : bytes-like
    tail : list of int, optional
        Gets the number of bytes that cannot be believed: 0 where the file ends as a writer leaves it, killed or not (zeros are allocated behind its records).
    """
    if len(raw) > 0:
        with ffi.from_buffer(raw) as whole:
            yield from _walk(whole, len(raw), tail)
    elif tail is not None:
        tail.append(0)


def _walk(whole: Any, size: int, tail: list[int] | None) -> Iterator[Record]:
    at, head, payload, payload_sz = ffi.new("size_t *"), ffi.new("aats_jrec_t *"), ffi.new("void const **"), ffi.new("size_t *")
    structs: dict[int, Any] = {}
    step, buffer, from_buffer = lib.aats_journal_next, ffi.buffer, np.frombuffer
    while (found := step(whole, size, at, head, payload, payload_sz)) == 1:
        kind = head.kind
        if kind == JournalKind.START and head.order_id & (2**64 - 1) == LAYOUT_HASH:
            structs = {one: dtype_of(name) for one, name in STRUCTS.items()}
        body = buffer(payload[0], payload_sz[0])[:]
        struct = structs.get(kind)
        data = from_buffer(body, struct)[0] if struct is not None and len(body) == struct.itemsize else None
        yield Record(kind, head.number, head.ns, head.instance, head.order_id, body, data)
    if tail is not None:
        tail.append(0 if found == 0 else len(bytes(ffi.buffer(whole, size)[at[0] :]).rstrip(b"\0")))


def read(path: Path) -> list[Record]:
    """Return all records of a file that can be believed.

    It is read, not mapped: a writer that leaves meanwhile cuts it behind its last record, and whoever had it mapped would die of SIGBUS.
    """
    return list(records(path.read_bytes()))


def is_written(path: Path) -> bool:
    """Return whether a process that lives has this file open for writing."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def has_ended(path: Path) -> bool:
    """Return whether the last record of a file is a whole END; reads its end only."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        last, end = b"", size
        while end > 0 and not last.strip(b"\0"):
            file.seek(max(end - 65536, 0))
            last, end = file.read(end - max(end - 65536, 0)), max(end - 65536, 0)
        # END has no payload: its checksum, which is never 0, is the last word that is not zero.
        behind = end + (len(last.rstrip(b"\0")) + 7) // 8 * 8
        if behind < 2 * HEAD or behind > size:
            return False
        file.seek(behind - HEAD)
        last = file.read(HEAD)
    # Laid eight bytes behind the start of a buffer it is not the first record, and its predecessor is the one it names.
    buffer = ffi.from_buffer(bytes(8) + last)
    head = ffi.new("aats_jrec_t *")
    ffi.memmove(head, last, HEAD)
    kind, head.number = head.kind, (head.number - 1) & (2**64 - 1)
    at, payload, payload_sz = ffi.new("size_t *", 8), ffi.new("void const **"), ffi.new("size_t *")
    found = lib.aats_journal_next(buffer, 8 + HEAD, at, head, payload, payload_sz)
    return bool(kind == JournalKind.END and found == 1)
