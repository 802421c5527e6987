"""What `aats demo` shows: books, trades and latencies on a terminal, or a line a second where there is none."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aats import control, shm
from aats.errors import AatsError
from aats.shm import Segment

__all__ = ["summary_text", "view"]

_DEPTH = 5
_LINE_EVERY_S = 1.0


@contextlib.contextmanager
def view(md: Segment, *, quiet: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that shows one summary: a live screen on a terminal, a line a second elsewhere, nothing if `quiet`."""
    if quiet:
        yield lambda summary: None
    elif sys.stdout.isatty():
        with Live(console=Console(), auto_refresh=False, screen=False) as live:
            yield lambda summary: live.update(_screen(md, summary), refresh=True)
    else:
        last = 0.0

        def line(summary: dict[str, Any]) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY_S:
                last = time.monotonic()
                print(_line(md, summary), flush=True)

        yield line


def _books(md: Segment) -> list[shm.Book]:
    try:
        table = control.Table.open().segment
    except AatsError:
        table = None
    found = (shm.book(md, one.index, table) for one in shm.symbols(md))
    return [one for one in found if one is not None]


def _line(md: Segment, summary: dict[str, Any]) -> str:
    parts = [f"{summary['seconds']:7.1f} s"]
    for book in _books(md)[:3]:
        name = book.symbol.symbol.split(".")[0]
        if book.valid and len(book.bids) and len(book.asks):
            parts.append(f"{name} {book.bids[0, 0]:.12g} / {book.asks[0, 0]:.12g}")
        else:
            parts.append(f"{name} not valid ({book.why.name.lower()})")
    parts.append(f"quotes {summary['quotes']} ticks {summary['ticks']} gaps {summary['gaps']} laps {summary['laps']}")
    hop = summary["hops"].get("pub_delivered")
    if hop:
        parts.append(f"shared memory to callback p50 {_time(hop['p50'])} p99 {_time(hop['p99'])}")
    return "  ".join(parts)


def _time(ns: int) -> str:
    return f"{ns} ns" if ns < 10_000 else f"{ns / 1000:.1f} us" if ns < 10_000_000 else f"{ns / 1e6:.1f} ms"


def _screen(md: Segment, summary: dict[str, Any]) -> Group:
    return Group(
        Text(
            f"aats demo   {summary['seconds']:.0f} s   events {summary['events']}   gaps {summary['gaps']}   laps {summary['laps']}   Ctrl-C ends it",
            style="bold",
        ),
        Columns([_book_table(book) for book in _books(md)[:4]]),
        _hop_table(summary),
    )


def _book_table(book: shm.Book) -> Table:
    state = "[green]valid[/]" if book.valid else f"[red]not valid: {book.why.name.lower()}[/]"
    table = Table(title=f"{book.symbol.symbol}  {state}", caption=f"seq {book.seq}   trades {book.symbol.ticks}")
    for name in ("bid size", "bid", "ask", "ask size"):
        table.add_column(name, justify="right", style="green" if name == "bid" else "red" if name == "ask" else "")
    bids, asks = book.bids, book.asks
    for at in range(_DEPTH):
        bid = (f"{bids[at, 1]:.12g}", f"{bids[at, 0]:.12g}") if at < len(bids) else ("", "")
        ask = (f"{asks[at, 0]:.12g}", f"{asks[at, 1]:.12g}") if at < len(asks) else ("", "")
        table.add_row(*bid, *ask)
    return table


def _hop_table(summary: dict[str, Any]) -> Table:
    table = Table(title="latency by hop")
    for name in ("hop", "p50", "p99", "p99.9", "max", "count"):
        table.add_column(name, justify="left" if name == "hop" else "right")
    for name, hop in summary["hops"].items():
        table.add_row(name, *(_time(hop[key]) for key in ("p50", "p99", "p999", "max")), str(hop["count"]))
    return table


def summary_text(summary: dict[str, Any]) -> str:
    """Return the closing lines for people."""
    lines = [
        f"{summary['seconds']:.1f} s: {summary['quotes']} quotes, {summary['ticks']} ticks, {summary['events']} events in the strategy; "
        f"gaps {summary['gaps']}, laps {summary['laps']}"
    ]
    for name, one in summary["symbols"].items():
        lines.append(
            f"  {name:24} {one['updates']} book updates, {one['ticks']} trades, {one['gaps']} gaps, synchronised {one['syncs']} times"
        )
    for name, hop in summary["hops"].items():
        lines.append(
            f"  {name:24} p50 {_time(hop['p50'])}, p99 {_time(hop['p99'])}, p99.9 {_time(hop['p999'])}, max {_time(hop['max'])} ({hop['count']})"
        )
    return "\n".join(lines)
