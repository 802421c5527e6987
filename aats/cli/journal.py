"""``aats journal``: the runs that have left a journal, and what one of them says."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aats import journal
from aats.cli import output
from aats.cli.journal_text import as_dict, as_line
from aats.errors import AatsError
from aats.journal import JournalKind, Record, Run

_POLL_S = 0.2


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    top = commands.add_parser(
        "journal",
        help="what strategies meant to do, and were told: list, show FILE",
        description="The journals of trade processes: each order is written down before it is sent, and each event before it is told. A journal says what "
        "was known; what is true now, the exchange says (aats orders --venue). It holds no key and no secret.",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser(
        "show",
        help="the records of a file, in order",
        description="Print the records of a journal, a line each, oldest first; also of one that is being written. Status: 0 all of it can be believed, "
        "1 the rest of it cannot (what can be is printed, and where and why it ends, on stderr) or there is no such file, 2 wrong command line.",
    )
    show.add_argument("file", metavar="FILE", help="a file *.aj, or the first digits of a run (aats journal list): then its newest file")
    show.add_argument("--left", action="store_true", help="only orders whose end was not told to the strategy")
    show.add_argument("--follow", action="store_true", help="go on as records are written, until END or Ctrl-C (with --json: a line each)")
    show.add_argument("--json", action="store_true", help="one JSON object: file, instance, records, tail, why")
    show.set_defaults(run=_show)
    runs = verbs.add_parser(
        "list",
        help="all runs that have left a journal",
        description="List the runs of this user, oldest first in each folder. State: running; ended (in order, nothing is open); gone (killed, or it left "
        "orders: aats orders --all shows them); alien (likewise, and another version of the package wrote it); damaged (aats journal show says where). "
        "OPEN: orders that may be open at the exchange. Status: 0, or 1 if a file is damaged.",
    )
    runs.add_argument("--account", metavar="ACCOUNT", help="only of this account")
    runs.add_argument("--strategy", metavar="NAME", help="only of this strategy")
    runs.add_argument("--json", action="store_true", help="a JSON list, one object a run")
    runs.set_defaults(run=_list)


# ------------------------------------------------------------------------------------------------------------- list


def _list(args: argparse.Namespace) -> int:
    found = [
        _row(account, strategy, run)
        for account, strategy, folder in journal.folders()
        if args.account in (None, account) and args.strategy in (None, strategy)
        for run in journal.scan(folder)
    ]
    if args.json:
        output.as_json(found)
    elif not found:
        print("no journals")
    else:
        head = ("ACCOUNT", "STRATEGY", "RUN", "STARTED", "FILES", "SIZE", "STATE", "OPEN")
        output.as_table(head, [(*row[:3], _ago(row[3]), row[4], _size(row[5]), *row[6:]) for row in (_cells(one) for one in found)])
    return 1 if any(one["state"] == "damaged" for one in found) else 0


def _row(account: str, strategy: str, run: Run) -> dict[str, Any]:
    running = run.running
    state = "running" if running else "damaged" if run.tail else "ended" if run.ended else "alien" if run.alien else "gone"
    return {
        "account": account,
        "strategy": strategy,
        "run": f"{run.instance:016x}",
        "start_ns": run.start_ns,
        "files": [str(path) for path in run.parts],
        "bytes": sum(path.stat().st_size for path in run.parts if path.exists()),
        "state": state,
        "open": len(run.open),
        "tail": run.tail,
    }


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["account"], row["strategy"], row["run"], row["start_ns"], len(row["files"]), row["bytes"], row["state"], row["open"])


def _ago(ns: int) -> str:
    return output.ago(max(time.time() - ns / 1e9, 0)) if ns else "-"


def _size(count: int) -> str:
    return f"{count / 1024:.0f}K" if count < 1 << 20 else f"{count / (1 << 20):.1f}M"


# ------------------------------------------------------------------------------------------------------------- show


def _show(args: argparse.Namespace) -> int:
    path = _find(args.file)
    try:
        if args.follow:
            return _follow(path, args)
        raw = path.read_bytes()
    except OSError as exc:
        raise AatsError(f"{path} cannot be read: {exc.strerror}") from exc
    found = list(journal.records(raw))
    at, why = _end_of(raw, found)
    shown = _left(found) if args.left else found
    if args.json:
        instance = f"{found[0].instance:016x}" if found else ""
        tail = len(raw[at:].rstrip(b"\0")) if why else 0
        output.as_json({"file": str(path), "instance": instance, "records": [as_dict(one) for one in shown], "tail": tail, "why": why})
    else:
        for one in shown:
            print(as_line(one))
    if why:
        behind = f"behind record {found[-1].number}" if found else "from its first byte on"
        raise AatsError(f"{path}: {len(raw[at:].rstrip(bytes(1)))} bytes cannot be believed, at byte {at}, {behind}: {why}")
    return 0


def _find(name: str) -> Path:
    """Return the file that is meant: by its path, or the newest of the run whose instance begins with `name`."""
    path = Path(name)
    if path.exists() or "/" in name or name.endswith(".aj"):
        return path
    every = [pair for _, _, folder in journal.folders() for pair in journal.files_of(folder).items()]
    runs = [parts for instance, parts in every if f"{instance:016x}".startswith(name)]
    if len(runs) == 1:
        return runs[0][-1]
    raise AatsError(f"{name} is no file, and {'no run begins' if not runs else f'{len(runs)} runs begin'} with it: aats journal list")


def _end_of(raw: bytes, found: list[Record]) -> tuple[int, str]:
    """Return where belief ends, and why if that is not the end."""
    at = sum(journal.HEAD + len(one.payload) for one in found)
    return at, journal.why_not(raw, at, found[-1] if found else None)


def _left(found: list[Record]) -> list[Record]:
    """Return the newest record of each order whose Closed was not delivered."""
    newest: dict[int, Record] = {}
    for one in found:
        if one.kind == JournalKind.TOLD:
            newest.pop(one.order_id, None)
        elif one.kind == JournalKind.INTENT or (one.kind == JournalKind.EVENT and one.order_id in newest):
            newest[one.order_id] = one
    return list(newest.values())


def _follow(path: Path, args: argparse.Namespace) -> int:
    for one in _as_written(path):
        line = output.json_text(as_dict(one)) if args.json else as_line(one)
        print(line, flush=True)
        if one.kind == JournalKind.END:
            break
    return 0


def _as_written(path: Path) -> Iterator[Record]:
    """Yield the records of a file as they are written: of the next file of its run, too; until nobody writes any more."""
    number = 0
    while True:
        written = journal.is_written(path)
        for one in journal.read(path):
            if one.number > number:
                number = one.number
                yield one
        if not written:
            name = journal.part_of(path)
            parts = [path] if name is None else journal.files_of(path.parent).get(name[0], [])
            if path not in parts[:-1]:
                return
            path, number = parts[parts.index(path) + 1], 0
        else:
            time.sleep(_POLL_S)
