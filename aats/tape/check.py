"""A whole tape, one file or several, through the replayers: what came of each instrument.

For: ``aats tape check`` and tests.  Not for printing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aats.tape import venues
from aats.tape.read import Row, TapeError, read_rows
from aats.tape.replay import Replay
from aats.tape.venues import VENUES

__all__ = ["Report", "check"]

_PROGRESS_FRAMES = 4096
_RUNS_MAX = 16  # of a tape whose numbers teach new exponents each time


@dataclass
class Report:
    """What a tape holds.

    Attributes
    ----------
    instruments : dict
        By name: the keys that ``aats tape check --json`` prints.
    frames : int
        Messages of the stream; REST answers are not among them.
    parse_errors : int
        Frames and snapshots that could not be read.
    seconds : float
        That the check took.
    trades_only : set of str
        Instruments of which no diff and no snapshot has come: they have no book that could be wrong.
    """

    instruments: dict[str, dict[str, Any]]
    frames: int
    parse_errors: int
    seconds: float
    trades_only: set[str]

    @property
    def good(self) -> bool:
        """Whether every frame was read, every book is valid, and no sequence has a hole."""
        return bool(self.instruments) and not self.parse_errors and not any(self.faults(name) for name in self.instruments)

    def faults(self, name: str) -> list[str]:
        """Return what is wrong with one instrument, in words."""
        one = self.instruments[name]
        found = [f"{one[key]} {word}" for key, word in _FAULTS.items() if one[key]]
        if not one["valid"] and name not in self.trades_only:
            found.append("invalid at the end" if one["snapshots"] else "never synchronised")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "instruments": self.instruments,
            "frames": self.frames,
            "parse_errors": self.parse_errors,
            "seconds": round(self.seconds, 3),
        }


_FAULTS = {"gaps": "gaps", "trade_gaps": "gaps in trade ids", "crossed": "times crossed", "checksum_failures": "wrong checksums"}


def check(
    files: Sequence[str | Path],
    *,
    venue: Sequence[str] = (),
    warn: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Read the parts of one tape, in the order given, through the parser and books of the live feed.

    Parameters
    ----------
    files : sequence of paths
    venue : sequence of str
        Venue of what has no address: the n-th for the n-th file, the last for the rest.
    warn : callable
        Gets sentences about addresses that speak against `venue`.
    progress : callable, optional
        Gets the frames so far, every few thousand.

    Returns
    -------
    Report

    Raises
    ------
    TapeError
        A file cannot be read as a tape, or `venue` is wrong.
    """
    begin = time.monotonic()
    named = _venue_of_each(files, venue)
    tape = _Tape()
    for told in [warn, *[lambda _: None] * _RUNS_MAX]:
        for path, given in zip(map(Path, files), named, strict=True):
            for row in read_rows(path, given, told):
                tape.take(path, row)
                if progress is not None and tape.frames % _PROGRESS_FRAMES == 0:
                    progress(tape.frames)
        tape.finish()
        if not tape.again():
            break
    instruments, trades_only = tape.instruments()
    return Report(instruments, tape.frames, tape.parse_errors, time.monotonic() - begin, trades_only)


def _venue_of_each(files: Sequence[str | Path], venue: Sequence[str]) -> list[str | None]:
    if not files:
        raise TapeError("no tape file given")
    wanted = [name.upper() for name in venue]
    for name, given in zip(wanted, venue, strict=True):
        if name not in venues.VENUES:
            raise TapeError(f"venue {given!r} is not known; known: {venues.known()}")
    if len(wanted) > len(files):
        raise TapeError(f"{len(wanted)} venues for {len(files)} files: the n-th --venue is for the n-th file, the last one for the rest")
    return [*wanted, *[wanted[-1] if wanted else None] * (len(files) - len(wanted))]


class _Tape:
    """The replayers of a tape, one a venue, and what is counted beside them."""

    def __init__(self) -> None:
        self.replays: dict[str, Replay] = {}
        self._begin()

    def _begin(self) -> None:
        self.frames = 0
        self.parse_errors = 0
        self._unnamed: dict[str, tuple[Path, Row]] = {}  # by venue: the first snapshot that does not say whose it is
        self._waiting: list[tuple[Replay, bytes]] = []  # such snapshots that came before any symbol

    def take(self, path: Path, row: Row) -> None:
        replay = self.replays.get(row.venue)
        if replay is None:
            replay = self.replays[row.venue] = Replay(row.venue)
        if row.begins:
            replay.connect(row.conn)
            return
        if row.snapshot:
            self._snapshot(path, row, replay)
            return
        self.frames += 1
        if row.text is None or not replay.frame(row.text, row.recv_ns, row.conn):
            self.parse_errors += 1
        if self._waiting and len(replay):
            for early in [one for one in self._waiting if one[0] is replay]:
                self._waiting.remove(early)
                self.parse_errors += not replay.snapshot(None, early[1])

    def _snapshot(self, path: Path, row: Row, replay: Replay) -> None:
        assert row.text is not None, "answers are text"
        if row.symbol is None:
            self._unnamed.setdefault(row.venue, (path, row))
            self._one_symbol_only()
            if not len(replay):
                self._waiting.append((replay, row.text))
                return
        self.parse_errors += not replay.snapshot(row.symbol, row.text)

    def _one_symbol_only(self) -> None:
        for venue, (path, row) in self._unnamed.items():
            if len(self.replays[venue]) > 1:
                raise TapeError(f"{path}: line {row.line} is a snapshot that does not say whose it is, in a tape of several symbols")

    def finish(self) -> None:
        """Judge what only the end of a tape can tell."""
        self._one_symbol_only()
        self.parse_errors += len(self._waiting)  # snapshots of a tape that names no symbol

    def again(self) -> bool:
        """Forget everything but what was learned, if the tape has to be read once more."""
        if not any(replay.taught for replay in self.replays.values()):
            return False
        for replay in self.replays.values():
            replay.restart()
        self._begin()
        return True

    def instruments(self) -> tuple[dict[str, dict[str, Any]], set[str]]:
        """Return the instruments by name, and those that have trades alone.

        A name that is not unique in the tape is told with its connection in front or its venue behind; so are all names of a capture whose
        connections have numbers, where books go by their topics.
        """
        books = [(venue, book) for venue, replay in self.replays.items() for book in replay.books()]
        found: dict[str, dict[str, Any]] = {}
        trades_only = set()
        for venue, book in books:
            others = [(name, one) for name, one in books if one.name == book.name and one is not book]
            key = book.name
            if book.conn and (others or (VENUES[venue].by_topic and book.has_book and book.conn.isdigit())):
                key = f"{book.conn}|{book.name}"
            elif others:
                key = f"{book.name}.{venue}"
            found[key] = book.values
            if not book.has_book:
                trades_only.add(key)
        return found, trades_only
