"""``aats tape check FILE... [--venue V]... [--json]``.

Status: 0 every book is valid and nothing is missing; 1 something is wrong in the tape; 2 a file cannot be read, or the command line is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import orjson

from aats.tape import venues
from aats.tape.check import Report, check
from aats.tape.read import TapeError

__all__ = ["main"]


def main(argv: Sequence[str]) -> int:
    """Run ``aats tape`` with these words and return its status."""
    args = _parser().parse_args(argv)
    progress = _Progress()
    try:
        report = check(
            args.files,
            venue=args.venue,
            warn=lambda line: _say(f"warning: {line}"),
            progress=progress.show if sys.stderr.isatty() else None,
        )
    except TapeError as exc:
        progress.clear()
        _say(str(exc))
        return 2
    progress.clear()
    if args.json:
        sys.stdout.buffer.write(orjson.dumps(report.as_dict(), option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    else:
        _print(report)
    if not report.instruments:
        _say(f"no instrument was found in {report.frames:,} frames")
    return 0 if report.good else 1


def _parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="aats tape", description="Recorded traffic of exchanges.")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    one = verbs.add_parser(
        "check",
        help="judge a capture",
        description="Read captures (hftbacktest .gz, cryptofeed .jsonl.gz) through the parser and books of the live feed and say what came of "
        "each instrument.  Status 0: all valid, nothing missing; 1: something is wrong in the tape; 2: a file cannot be read.",
    )
    one.add_argument("files", metavar="FILE", nargs="+", help="the parts of one tape, in their order")
    one.add_argument(
        "--venue",
        metavar="V",
        action="append",
        default=[],
        help=f"venue of what has no recorded address; once for all files, or once for each; known: {venues.known()}",
    )
    one.add_argument("--json", action="store_true", help="one JSON object, with the top 20 levels of each book")
    return top


def _say(line: str) -> None:
    print(f"aats: {line}", file=sys.stderr)


class _Progress:
    """A line on the terminal that is rewritten; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self.shown = False

    def show(self, frames: int) -> None:
        self.shown = True
        print(f"\r{frames:>12,} frames", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.shown:
            print("\r" + " " * 20 + "\r", end="", file=sys.stderr, flush=True)
        self.shown = False


_HEAD = ("INSTRUMENT", "VALID", "SNAPSHOTS", "UPDATES", "GAPS", "TRADE GAPS", "CROSSED", "BIDS", "ASKS", "BEST BID", "BEST ASK", "WRONG")


def _print(report: Report) -> None:
    rows = [list(_HEAD)]
    for name, one in sorted(report.instruments.items()):
        best = [side[0][0] if side else "-" for side in (one["bids"], one["asks"])]
        counts = [one[key] for key in ("snapshots", "updates_applied", "gaps", "trade_gaps", "crossed", "bid_levels", "ask_levels")]
        valid = "-" if name in report.trades_only else "yes" if one["valid"] else "NO"
        rows.append([name, valid, *map(str, counts), *best, "; ".join(report.faults(name)) or "-"])
    widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD))]
    for row in rows:
        left = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        right = [cell.rjust(width) for cell, width in zip(row[2:-1], widths[2:-1], strict=True)]
        print(*left, *right, row[-1], sep="  ")
    verdict = "good" if report.good else "something is wrong"
    print(f"{report.frames:,} frames, {report.parse_errors} that could not be read, {report.seconds:.2f} s: {verdict}")
