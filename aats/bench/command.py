"""``aats bench``: the command line.

Status: 0 it ran, whatever was met; 1 a row that could be measured failed (named on stderr), or ``--check`` found a ratio out of bounds; 2 wrong command line;
130 interrupted, 143 told to end: nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from aats.bench import machine, show
from aats.bench.judge import absent, out_of_bounds
from aats.bench.peers import PEERS, Peer, beside, cryptofeeds_time, unmeasured
from aats.bench.run import Run, say_on_stderr
from aats.bench.table import JITTER, ROWS, Row
from aats.errors import ConfigError

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """Return the argument parser."""
    p = argparse.ArgumentParser(
        prog="aats bench",
        description="Measure the rows of docs/performance.md on this machine, each beside its reference in the same run.",
        epilog="The C rows are built from the checkout that the package lies in. Ctrl-C ends it and leaves nothing behind.",
    )
    p.add_argument("--rows", metavar="A,B", help="only these (default: the whole suite)")
    p.add_argument("--list", action="store_true", help="say what would be measured, beside what, and end")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout: machine, rows")
    p.add_argument("--peers", action="store_true", help="other libraries too: pip install '.[bench]'")
    p.add_argument("--quick", action="store_true", help="short samples, and only rows that take a second or so")
    p.add_argument("--repeats", type=int, metavar="N", help="medians of so many (default: 5, with --quick 1)")
    p.add_argument("--cores", metavar="A,B", help="pin the other side to A, what is measured to B (default: chosen)")
    p.add_argument("--frames", type=Path, metavar="FILE", help="traffic of a frames file, see aats/bench/frames.py (default: generated)")
    p.add_argument("--keep", type=Path, metavar="DIR", help="write what each repeat said, and the report, into DIR")
    p.add_argument("--check", action="store_true", help="status 1 if a ratio leaves the table's generous bounds; for CI")
    p.add_argument("--compare", type=Path, metavar="OLD.json", help="afterwards: this run beside an earlier report")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its status."""
    p = parser()
    args = p.parse_args(argv)
    repeats = args.repeats if args.repeats is not None else (1 if args.quick else 5)
    try:
        rows = chosen(args.rows, peers=args.peers)
        cores, usable = machine.cores_of(args.cores)
        old = json.loads(args.compare.read_text()) if args.compare else None
        if repeats < 1 or (args.frames is not None and not args.frames.is_file()):
            raise ConfigError(f"--frames {args.frames}: no such file" if repeats >= 1 else f"--repeats {repeats}: at least 1 is expected")
    except (ConfigError, OSError, ValueError) as exc:
        p.error(str(exc))
    if args.list:
        return _list(rows, as_json=args.json)
    before = signal.signal(signal.SIGTERM, _told_to_end)
    try:
        with Run(cores=cores, usable=usable, quick=args.quick, frames=args.frames and args.frames.resolve(), say=say_on_stderr) as run:
            report = measured(run, rows, repeats)
    finally:
        signal.signal(signal.SIGTERM, before)
    if args.keep:
        _keep(args.keep, report, run.raw)
    if args.json:
        print(json.dumps(report))
    else:
        show.table(_console(), report)
    if old is not None:
        show.compared(_console(stderr=args.json), old, report)
    for row_id, why in run.failed.items():
        print(f"aats bench: {row_id} failed: {why}", file=sys.stderr)
    wild = [out_of_bounds(row, found) for row, found in zip(rows, report["rows"], strict=True)] if args.check else []
    for sentence in filter(None, wild):
        print(f"aats bench: {sentence}", file=sys.stderr)
    return 1 if run.failed or any(wild) else 0


def chosen(words: str | None, *, peers: bool) -> list[Row]:
    """Return the rows of ``--rows``; without it the suite.

    Raises
    ------
    ConfigError
        For a row that is not there; it lists those that are.
    """
    if words is None:
        return [row for row in ROWS if not row.extra] + (list(PEERS) if peers else [])
    known = {row.id: row for row in (*ROWS, *PEERS)}
    unknown = [word for word in words.split(",") if word not in known]
    if unknown:
        raise ConfigError(f"there is no row {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
    named = [
        word for row_id in words.split(",") for word in (row_id.partition("/")[0], row_id)
    ]  # a peer's ratio is to our row of the same run
    return [known[word] for word in dict.fromkeys(named)]


def measured(run: Run, rows: Sequence[Row], repeats: int) -> dict[str, Any]:
    """Return the report of a run."""
    given = {row.id: found for row in rows if (found := unmeasured(row)) is not None}
    todo = [row for row in rows if (row.quick or not run.quick) and row.id not in given]
    about = machine.facts(run.checkout, run.cores, run.usable)
    jitter: dict[str, Any] = {}
    if run.checkout is not None:
        jitter = run.measure([JITTER], min(repeats, 3))[0]
        run.failed.pop(JITTER.id, None)
    by_id = given | {found["id"]: found for found in run.measure(todo, repeats)}
    for row in todo:
        if isinstance(row, Peer):
            by_id[row.id] = beside(row, by_id[row.id], by_id.get(row.id.partition("/")[0]))
    cryptofeeds_time(by_id.get("depth_hot"), by_id.get("depth_hot/cryptofeed"))
    if run.checkout is not None:
        about |= {"compiler": run.checkout.compiler, "flags": run.checkout.flags}
    about["jitter"] = (
        {key: jitter.get(key) for key in ("p50", "p99", "p999", "max", "gaps_20us")} if jitter.get("value") is not None else None
    )
    about["loadavg_after"] = machine.loadavg()
    return {
        "machine": about,
        "quick": run.quick,
        "repeats": repeats,
        "rows": [by_id.get(row.id) or absent(row, "left out by --quick") for row in rows],
    }


def _list(rows: Sequence[Row], *, as_json: bool) -> int:
    if not as_json:
        show.listed(_console(), rows)
        return 0
    keys = ("id", "what", "unit", "reference", "goal", "goal_of", "aim", "aim_of", "more", "cores")
    print(json.dumps([{key: getattr(row, key) for key in keys} for row in rows]))
    return 0


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=150)


def _keep(folder: Path, report: dict[str, Any], raw: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "raw.jsonl").write_text("".join(json.dumps(one) + "\n" for one in raw))


def _told_to_end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)
