"""Recorded traffic through the live feed's parser and books: ``aats tape check``.

For: judging a capture, and judging the parser by captures.  Not for serving one to clients (``aats sim --tape``).

    read.py      files -> rows: frames, snapshots, their venue and line
    replay.py    rows -> books, one C replayer (csrc/app/replay.h) a venue
    check.py     a whole tape -> a report
    command.py   the command line
"""

from __future__ import annotations

from aats.tape.check import Report, check
from aats.tape.command import main
from aats.tape.read import TapeError

__all__ = ["Report", "TapeError", "check", "main"]
