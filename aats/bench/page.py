"""The tables of docs/performance.md from a report: ``python -m aats.bench.page REPORT.json [--into docs/performance.md]``.

For: keeping the page's numbers those that were measured.  It replaces what stands between two marks of the page and touches nothing else; without ``--into`` it
prints.  The report is `report.json` of ``aats bench --keep``, or the output of ``--json``; with ``--peers`` in it the peers' table is made too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aats.bench.show import limit, quantity

__all__ = ["BEGIN", "END", "main", "tables"]

BEGIN, END = "<!-- figures: python -m aats.bench.page -->", "<!-- end of figures -->"
_MET = {True: "yes", False: "**no**", None: "-"}


def tables(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the machine's paragraph and of the tables."""
    machine = report["machine"]
    spin = machine.get("jitter") or {}
    load = f"load {machine['loadavg_before'][0]:g} before the run and {machine['loadavg_after'][0]:g} after it"
    yield (
        f"{machine['cpu']}{' (a virtual machine)' if machine['hypervisor'] else ''}, {len(machine['usable'])} cores, Linux {machine['kernel']}, "
        f"Python {machine['python']} ({machine['python_compiler']}{'' if machine['python_optimised']['pgo'] else ', not built with PGO'}), "
        f"{machine['compiler']}, `{machine['flags']}`, instructions `{machine['isa']}`, clock source {machine['clock_source']}; {load}; "
        f"repeats: {report['repeats']}{', `--quick`' if report['quick'] else ''}."
    )
    if machine.get("settings"):
        yield f"Settings: {', '.join(f'{name}={value}' for name, value in machine['settings'].items())}."
    if spin:
        yield (
            f"The loop that only reads the clock had p99.9 {quantity(spin['p999'], 'ns')}, {spin['gaps_20us']:.0f} gaps over 20 us a second and a longest of "
            f"{quantity(spin['max'], 'ns')}."
        )
    yield ""
    yield "| row | what | value | p99 | reference | ratio | goal | aim | met |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in report["rows"]:
        if "/" not in row["id"]:
            yield _row(row)
    missed = [row for row in report["rows"] if row["why"] and "/" not in row["id"]]
    if missed:
        yield ""
        yield from (f"- `{row['id']}`: {row['why']}" for row in missed)
    peers = [row for row in report["rows"] if "/" in row["id"]]
    if peers:
        yield ""
        yield "| peer | what it does | value | p99 | ours | times ours |"
        yield "|---|---|---|---|---|---|"
        yield from map(_peer, peers)


def _row(row: Mapping[str, Any]) -> str:
    unit = row["unit"]
    p99 = quantity(row["p99"], unit) if unit == "ns" else "-"
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
    goals = (limit(row["goal"], row["goal_of"], unit), limit(row["aim"], row["aim_of"], unit))
    cells = (
        f"`{row['id']}`",
        row["what"],
        quantity(row["value"], unit),
        p99,
        quantity(row["reference"], unit),
        ratio,
        *goals,
        _MET[row["met"]],
    )
    return f"| {' | '.join(cells)} |"


def _peer(row: Mapping[str, Any]) -> str:
    unit = row["unit"]
    if row["value"] is None:
        return f"| `{row['id']}` | {row['what']} | {row['why']} | | | |"
    p99 = quantity(row["p99"], unit) if unit == "ns" else "-"
    ratio = "-" if row["ratio"] is None else f"{row['ratio']:.3g}"
    return f"| `{row['id']}` | {row['what']} | {quantity(row['value'], unit)} | {p99} | {quantity(row['reference'], unit)} | {ratio} |"


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m aats.bench.page", description="Print a report as the tables of docs/performance.md.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--into", type=Path, metavar="PAGE.md", help="replace what stands there between the marks")
    args = parser.parse_args(argv)
    text = "\n".join(tables(json.loads(args.report.read_text())))
    if args.into is None:
        print(text)
        return 0
    page = args.into.read_text(encoding="utf-8")
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        print(f"{args.into} has not both marks: {BEGIN} and {END}", file=sys.stderr)
        return 1
    args.into.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
