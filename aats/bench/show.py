"""The report for people: one line a row, then why; two runs beside each other; the list of rows.

For: command.py.  The JSON has everything; these tables have what fits a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from aats.bench.table import Module, Row

__all__ = ["compared", "limit", "listed", "quantity", "table"]

_MARK = {True: "[green]yes[/]", False: "[red]NO[/]", None: "-"}


def quantity(value: float | None, unit: str) -> str:
    """Return a figure as people read it: ``612 ns``, ``20.4 us``, ``6.4 M/s``, ``58 MB``."""
    if value is None:
        return "-"
    if unit == "1/s":
        for size, name in ((1e6, "M/s"), (1e3, "k/s")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} /s"
    if unit == "ns":
        for size, name in ((1e9, "s"), (1e6, "ms"), (1e4, "us")):
            if value >= size:
                return f"{value / (1e3 if size == 1e4 else size):.3g} {name}"
        return f"{value:.0f} ns" if value >= 100 else f"{value:.3g} ns"
    return f"{value:.4g} {unit}"


def table(console: Console, report: Mapping[str, Any]) -> None:
    """Print the report."""
    machine = report["machine"]
    console.print(
        f"{machine['cpu']}, cores {machine['usable']} (pinned: {machine['pinned']}), Linux {machine['kernel']}, Python {machine['python']}"
    )
    console.print(
        f"{machine['compiler'] or 'no compiler'} {machine['flags'] or ''}; load {machine['loadavg_before']} before, {machine['loadavg_after']} after"
    )
    if machine.get("jitter"):
        spin = machine["jitter"]
        console.print(
            f"a pinned loop in C that only spins: p99.9 {quantity(spin['p999'], 'ns')}, {spin['gaps_20us']:g} gaps over 20 us a second"
        )
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("row", "value", "p99", "reference", "ratio", "goal", "aim", "met"):
        rows.add_column(head, justify="left" if head == "row" else "right", no_wrap=True)
    for row in report["rows"]:
        unit = row["unit"]
        rows.add_row(
            row["id"],
            quantity(row["value"], unit),
            quantity(row["p99"], unit) if unit == "ns" else "-",
            quantity(row["reference"], unit),
            "-" if row["ratio"] is None else f"{row['ratio']:.2f}",
            limit(row["goal"], row["goal_of"], unit),
            limit(row["aim"], row["aim_of"], unit),
            _MARK[row["met"]],
        )
    console.print(rows)
    for row in report["rows"]:
        if row["why"] and not ("/" in row["id"] and row["value"] is not None):
            console.print(f"{row['id']}: {row['why']}", markup=False, highlight=False)


def listed(console: Console, rows: Sequence[Row]) -> None:
    """Print what is measured, and where."""
    out = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("row", "what", "beside", "goal", "aim", "measured by"):
        out.add_column(head, no_wrap=head in ("row", "goal", "aim"))
    for row in rows:
        source = row.source
        where = f"aats/bench/{source.package}/{source.name}.py" if isinstance(source, Module) else f"tests/bench/{source.name}.c"
        out.add_row(row.id, row.what, row.reference, limit(row.goal, row.goal_of, row.unit), limit(row.aim, row.aim_of, row.unit), where)
    console.print(out)


def compared(console: Console, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Print the rows of two reports side by side; a change of the ratio says more than one of the value, where the machines differ."""
    before = {row["id"]: row for row in old["rows"]}
    out = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("row", "before", "now", "change", "ratio before", "ratio now"):
        out.add_column(head, justify="left" if head == "row" else "right")
    for row in new["rows"]:
        was = before.get(row["id"])
        if was is None or was["value"] is None or row["value"] is None:
            continue
        change = f"{(row['value'] / was['value'] - 1) * 100:+.1f} %" if was["value"] else "-"
        ratios = ["-" if one["ratio"] is None else f"{one['ratio']:.2f}" for one in (was, row)]
        out.add_row(row["id"], quantity(was["value"], was["unit"]), quantity(row["value"], row["unit"]), change, *ratios)
    console.print(out)
    if old["machine"]["cpu"] != new["machine"]["cpu"]:
        console.print(f"another machine: {old['machine']['cpu']}")


def limit(bound: float | None, of: str, unit: str) -> str:
    """Return a goal or an aim: a quantity, or so many times the reference."""
    if bound is None:
        return "-"
    return f"{bound:g} x" if of == "ratio" else quantity(bound, unit)
