"""``aats doctor``: is this machine fit, what will cost time on it, and is anything left over from earlier?  One line a finding, one line of advice."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from aats.cli import output
from aats.doctor import examine
from aats.doctor.software import installed_version

__all__ = ["add_commands", "installed_version"]


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine and what is left over",
        description="Check this machine (cores, clocks, memory, interrupts, TLS) and what earlier runs left behind. Changes nothing.",
    )
    parser.add_argument("--json", action="store_true", help="a JSON list of findings: check, status (ok, info, warn, bad), found, advice")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    findings = list(examine())
    if args.json:
        output.as_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.status:<4}  {finding.check}: {finding.found}")
            if finding.advice:
                print(f"      {finding.advice}")
    return 1 if any(finding.status == "bad" for finding in findings) else 0
