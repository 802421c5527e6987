"""Why the rest of a journal's file is not believed, in words: for people who look at one."""

from __future__ import annotations

from typing import Any

from aats._ffi import ffi, lib
from aats.journal.records import HEAD, JournalKind, Record


def why_not(raw: Any, at: int, last: Record | None) -> str:
    """Return why no record can be believed at byte `at`, behind the record `last`; "" where the file simply ends there."""
    rest = bytes(raw[at:])
    if not rest.rstrip(b"\0"):
        return ""
    if not rest[:8].strip(b"\0"):
        begun = len(rest.rstrip(b"\0")) <= lib.AATS_JOURNAL_REC_MAX
        return "" if begun else "there are zeros, and bytes behind them that no writer leaves: part of the file is lost"
    if len(rest) < HEAD:
        return f"the file ends {len(rest)} bytes behind the start of a record"
    head = ffi.new("aats_jrec_t *")
    ffi.memmove(head, rest, HEAD)
    if not HEAD <= head.size <= lib.AATS_JOURNAL_REC_MAX or head.size % 8 != 0:
        return f"a record says that it has {head.size} bytes, expected {HEAD} to {lib.AATS_JOURNAL_REC_MAX}, a multiple of 8"
    if head.size > len(rest):
        return f"the file ends {len(rest)} bytes behind the start of a record of {head.size}"
    payload = rest[HEAD : head.size]
    check = lib.aats_jrec_check(head, ffi.from_buffer(payload), len(payload))
    if check != head.check:
        return f"a record's checksum is {check:016x}, it says {head.check:016x}"
    if last is None:
        return "the first record is not a START with number 1"
    if head.instance != last.instance:
        return f"a record belongs to the run {head.instance:016x}, not to {last.instance:016x}"
    if head.number != last.number + 1:
        return f"a record has the number {head.number}, expected {last.number + 1}"
    return "there is a second START" if head.kind == JournalKind.START else "a record says nothing: its kind is 0"
