"""``aats budget``: what this host has used of what venues allow its addresses and accounts."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from aats import budget
from aats.cli import output

Commands = Any


def add_commands(commands: Commands) -> None:
    """Add the command of this module to the parser."""
    one = commands.add_parser(
        "budget",
        help="what of the venues' rate limits is used",
        description="List what all processes of this user and namespace have used of the rate limits of venues, and who had to wait (docs/limits.md).",
    )
    one.add_argument("--json", action="store_true", help="all that is known, as a JSON list")
    one.set_defaults(run=_budget)


def _budget(args: argparse.Namespace) -> int:
    rows = budget.usage()
    if args.json:
        output.as_json([dataclasses.asdict(row) for row in rows])
        return 0
    if not rows:
        print("nobody of this namespace has asked a venue for anything")
        return 0
    table = [
        (
            row.name,
            output.ago(row.span_s),
            row.used,
            row.limit,
            row.reserve or "-",
            "-" if row.told_s is None else f"{row.told} ({output.ago(row.told_s)} ago)",
            row.foreign or "-",
            " ".join(f"{lane} {count}" for lane, count in row.waits.items() if count) or "-",
            "-" if not row.hold_s else f"{'banned' if row.banned else 'asked to wait'}, {output.ago(row.hold_s)} left",
        )
        for row in rows
    ]
    output.as_table(("BUDGET", "IN", "USED", "LIMIT", "FOR CANCELS", "VENUE SAYS", "OTHERS", "HAD TO WAIT", "HOLD"), table)
    return 0
