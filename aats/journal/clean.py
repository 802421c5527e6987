"""What may be thrown away of old journals, and what must stay.

A file goes when it is older than `KEEP_DAYS`, or, oldest first, when the folder holds more than `KEEP_BYTES`; but these stay whatever their age:

    a run that has not ended          its newest file, which says what is open, and its first, which says what it adopted
    a run newer than one of those     it may have adopted what that one left
    the newest run with a checkpoint  and all after it: what is held stands there
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from aats.journal.places import files_of
from aats.journal.reading import Beginning, look_at
from aats.journal.records import has_ended

KEEP_DAYS = 7
KEEP_BYTES = 256 << 20


def clean(folder: Path, *, days: float = KEEP_DAYS, bytes_max: int = KEEP_BYTES) -> int:
    """Remove the files of a folder that nobody needs any more; returns how many.

    Parameters
    ----------
    days : float
        Files written to since then stay,
    bytes_max : int
        unless all files together are larger than that.
    """
    before, gone = time.time() - days * 86400, 0
    for path in folder.glob(".*.tmp"):  # a rotation that was killed: it takes milliseconds, not a day
        gone += _remove(path, time.time() - 86400)
    total = sum(size for _, size in (_look(path) for path in folder.glob("*.aj")))
    for path in _spare(folder):
        size = _look(path)[1]
        if _remove(path, before if total <= bytes_max else float("inf")):
            gone += 1
            total -= size
    return gone


def _look(path: Path) -> tuple[float, int]:
    """Return the time and the size of a file; (0, 0) if it is gone."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0.0, 0
    return stat.st_mtime, stat.st_size


def _remove(path: Path, before: float) -> bool:
    if _look(path)[0] >= before:
        return False
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def _spare(folder: Path) -> list[Path]:
    """Return the files that may go, oldest first."""
    runs = []  # (when it took over, or began; whether it has ended; its files)
    newest = 0
    for parts in files_of(folder).values():
        try:
            first, ended = look_at(parts[0]), has_ended(parts[-1])
        except FileNotFoundError:
            continue
        newest = max(newest, first.checked_ns)
        runs.append((first.checked_ns or first.start_ns, ended, parts))
    stay = min([when for when, ended, _ in runs if not ended] + ([newest] if newest else []), default=1 << 63)
    found: list[Path] = []
    for when, ended, parts in runs:
        found += parts if ended and when < stay else _overtaken(parts)
    return sorted(found, key=lambda path: (_look(path)[0], path.name))


def _overtaken(parts: list[Path]) -> Iterator[Path]:
    """Yield the parts between the first and the newest, if that one is complete."""
    newest = Beginning()
    with contextlib.suppress(FileNotFoundError):
        newest = look_at(parts[-1])
    if len(parts) > 2 and newest.checked_ns:
        yield from parts[1:-1]
