"""A new journal for a run; and END behind the one of a run that is over.

The trader writes the records (csrc/app/trader.h), in the format of csrc/journal/journal.h.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ConfigError
from aats.journal.places import folder_of
from aats.journal.runs import start_after

#: When records are brought to the disk: what a power cut leaves.  kill -9 loses nothing under any of them (docs/journal.md).
SYNC = {"never": lib.AATS_SYNC_NEVER, "intent": lib.AATS_SYNC_INTENT, "all": lib.AATS_SYNC_ALL}


@dataclass
class Writer:
    """A journal that is being written; `handle` is for ``aats_trader_new``, which does not own it.

    Attributes
    ----------
    path : Path
        The run's first file; later ones stand beside it.
    instance : int
        Upper half of the run's client ids.
    """

    handle: Any
    path: Path
    instance: int

    def close(self) -> None:
        """Close the file; again is harmless.  The trader that writes to it must be gone."""
        if self.handle != ffi.NULL:
            lib.aats_journal_close(self.handle)
            self.handle = ffi.NULL


def create(account: str, strategy: str, *, sync: str = "never") -> Writer:
    """Begin the journal of a new run under a random instance.

    Parameters
    ----------
    account, strategy : str
        See `account_id`; the strategy's name.
    sync : {'never', 'intent', 'all'}
        What is waited for: nothing; that an order's intent is on the disk before its bytes are made; that all is, before it is told.

    Raises
    ------
    ConfigError
        If the file cannot be made, or `sync` is none of these; the text says why.
    """
    if sync not in SYNC:
        raise ConfigError(f"sync is {sync!r}, expected one of {', '.join(SYNC)}")
    folder, instance = folder_of(account, strategy), secrets.randbits(64) or 1
    path = folder / f"{instance:016x}.aj"
    why = ffi.new("char[512]")
    line = f"{strategy} {account}".encode()
    handle = lib.aats_journal_open(str(path).encode(), instance, line, SYNC[sync], start_after(folder, time.time_ns()), why, len(why))
    if handle == ffi.NULL:
        raise ConfigError(text(why))
    return Writer(handle, path, instance)


def settle(path: Path) -> None:
    """Append END to the newest file of a run that is over, once nothing of it is open at the venue any more, or a later run has adopted what is.

    Raises
    ------
    AatsError
        If the file cannot be written; also if the process that writes it is not gone.
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
