"""Logs of started processes: kept to a size, and their ends shown.

For: ``aats.control_server``, ``aats logs``.  Not for what stands in them.

A started process writes into ``<state>/log/NAME.log`` through a descriptor of its own, opened for appending, so it goes on writing when the control server is
gone.  Nobody can tell it to open another file, so a log that has grown is shortened under it: its older part is copied to ``NAME.log.1`` (1 to 2, 2 to 3, 3
goes) and taken out of the file's front (FALLOC_FL_COLLAPSE_RANGE: ext4, xfs), a line across the border beginning in one file and ending in the next.  Where
the file system cannot do that, all of it is copied and the file cut to nothing: what is written between copy and cut is lost there.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from aats import config
from aats.errors import ControlError

__all__ = ["NAME", "Rotation", "follow", "log_file", "rotate", "tail"]

log = logging.getLogger("aats.control")

SIZE_MAX = 10 << 20
KEPT = 3
_LOOK_S = 2.0
_PIECE = 1 << 20
_BLOCK = 1 << 16
_COLLAPSE_RANGE = 0x08
_TAIL_MAX = 128 << 10
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\Z")


class Rotation:
    """Keeps all logs of the log folder to a size.  One at a time does it, whichever control server comes first."""

    def __init__(self) -> None:
        self._complained: set[Path] = set()

    def run(self) -> None:
        """Look at all logs once."""
        folder = config.log_dir()
        fd = os.open(folder / ".rotate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for path in folder.glob("*.log"):
                    self._look(path)
        finally:
            os.close(fd)

    def _look(self, path: Path) -> None:
        try:
            if path.stat().st_size > SIZE_MAX:
                rotate(path)
                self._complained.discard(path)
        except FileNotFoundError:
            pass
        except OSError as exc:
            if path not in self._complained:
                self._complained.add(path)
                log.error("control server: %s cannot be kept to its size: %s", path, exc.strerror)


def rotate(path: Path, *, kept: int = KEPT) -> None:
    """Move what a log holds into ``.1``, after 1 to 2, 2 to 3, and so on; the newest `kept` stay.  Its writer may go on writing meanwhile.

    Notes
    -----
    At most 64 KiB stay in the log; all of it goes where its front cannot be taken out.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with path.open("r+b", buffering=0) as file, open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            front = (os.fstat(file.fileno()).st_size - 1) // _BLOCK * _BLOCK
            while file.tell() < front:
                out.write(file.read(min(_PIECE, front - file.tell())))
            if front <= 0 or not take_out(file.fileno(), front):
                while piece := file.read(_PIECE):
                    out.write(piece)
                os.ftruncate(file.fileno(), 0)
        for number in range(kept, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}.{number - 1}", f"{path}.{number}")
        os.replace(part, f"{path}.1")
    finally:
        part.unlink(missing_ok=True)


def take_out(fd: int, size: int) -> bool:
    """Take this many bytes out of a file's front, a multiple of its blocks; False where the file system cannot."""
    done = ctypes.CDLL(None).fallocate(fd, _COLLAPSE_RANGE, ctypes.c_int64(0), ctypes.c_int64(size))
    return bool(done == 0)


# ----------------------------------------------------------------------------------------------------------- showing


def log_file(name: str) -> Path:
    """Return the log of a name: a log file's own (``feed-binance``, ``control-8060``, ``supervisor``) or a feed's (``binance``).

    Raises
    ------
    ControlError
        There is none; the text lists what there is.
    """
    folder = config.log_dir()
    if NAME.match(name):
        for stem in (name, f"feed-{name}"):
            if (folder / f"{stem}.log").is_file():
                return folder / f"{stem}.log"
    known = ", ".join(sorted(path.stem for path in folder.glob("*.log"))[:40]) or "none yet"
    raise ControlError(f"no log of {name[:40]!r}; there are: {known}")


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, at most 128 KiB of them, older ones taken from its predecessor where it has just begun anew."""
    text = b""
    for source in (path, Path(f"{path}.1")):
        room = _TAIL_MAX - len(text)
        with contextlib.suppress(FileNotFoundError), source.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - room))
            text = file.read(room) + text
        if text.count(b"\n") > lines:
            break
    shown = text.decode("utf-8", "replace").splitlines()[-lines:]
    return ["".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in line) for line in shown]


def follow(path: Path, *, poll_s: float = 0.2) -> Iterator[str]:
    """Yield each line that a log gets from now on, over rotations; for ever."""
    older = Path(f"{path}.1")
    rest, at, before = b"", path.stat().st_size, _inode(older)
    while True:
        if _inode(older) != before:  # rotated: what we have not seen of its older part stands there
            before = _inode(older)
            rest += _from(older, at, -1)
            at = max(0, at - older.stat().st_size)
        piece = _from(path, at)
        at += len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
        if not piece:
            time.sleep(poll_s)


def _inode(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino
    return 0


def _from(path: Path, at: int, size: int = _PIECE) -> bytes:
    """Return at most `size` bytes of a file from `at` on, all for -1."""
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)
