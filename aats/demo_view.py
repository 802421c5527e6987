"""What `aats demo` shows: books, orders, fills, profit and latencies on a terminal, or a line a second where there is none."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aats import control, shm
from aats.demo_ledger import Ledger, scaled, text
from aats.errors import AatsError
from aats.shm import Segment

__all__ = ["summary_text", "view"]

_DEPTH = 5
_ORDERS = 4
_FILLS = 4
_LINE_EVERY_S = 1.0


@contextlib.contextmanager
def view(md: Segment, ledgers: Sequence[Ledger], *, quiet: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that shows one summary: a live screen on a terminal, a line a second elsewhere, nothing if `quiet`."""
    if quiet:
        yield lambda summary: None
    elif sys.stdout.isatty():
        with Live(console=Console(), auto_refresh=False, screen=False) as live:
            yield lambda summary: live.update(_screen(md, ledgers, summary), refresh=True)
    else:
        last = 0.0

        def line(summary: dict[str, Any]) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY_S:
                last = time.monotonic()
                print(_line(md, ledgers, summary), flush=True)

        yield line


def _books(md: Segment) -> list[shm.Book]:
    try:
        table = control.Table.open().segment
    except AatsError:
        table = None
    found = (shm.book(md, one.index, table) for one in shm.symbols(md))
    return [one for one in found if one is not None]


def _line(md: Segment, ledgers: Sequence[Ledger], summary: dict[str, Any]) -> str:
    parts = [f"{summary['seconds']:7.1f} s"]
    for book in _books(md)[:3]:
        name = book.symbol.symbol.split(".")[0]
        if book.valid and len(book.bids) and len(book.asks):
            parts.append(f"{name} {book.bids[0, 0]:.12g} / {book.asks[0, 0]:.12g}")
        else:
            parts.append(f"{name} not valid ({book.why.name.lower()})")
    parts.append(f"quotes {summary['quotes']} ticks {summary['ticks']} gaps {summary['gaps']} laps {summary['laps']}")
    orders = summary["orders"]
    parts.append(
        f"orders {orders['created']} open {sum(len(one.open) for one in ledgers)} fills {len(summary['fills'])} pnl {summary['pnl']}"
    )
    for name, what in (("pub_delivered", "shared memory to callback"), ("sent_acked", "order to ack")):
        hop = summary["hops"].get(name)
        if hop:
            parts.append(f"{what} p50 {_time(hop['p50'])} p99 {_time(hop['p99'])}")
    return "  ".join(parts)


def _time(ns: int) -> str:
    return f"{ns} ns" if ns < 10_000 else f"{ns / 1000:.1f} us" if ns < 10_000_000 else f"{ns / 1e6:.1f} ms"


def _screen(md: Segment, ledgers: Sequence[Ledger], summary: dict[str, Any]) -> Group:
    return Group(
        Text(
            f"aats demo   {summary['seconds']:.0f} s   events {summary['events']}   gaps {summary['gaps']}   laps {summary['laps']}   Ctrl-C ends it",
            style="bold",
        ),
        Columns([_book_table(book) for book in _books(md)[:4]]),
        Columns([_order_table(ledgers, summary), _fill_table(summary)]),
        Text(_account_line(ledgers, summary)),
        _hop_table(summary),
    )


def _order_table(ledgers: Sequence[Ledger], summary: dict[str, Any]) -> Table:
    counts = "  ".join(f"{name} {count}" for name, count in summary["orders"].items() if name != "closed")
    table = Table(title="open orders", caption=counts)
    for name in ("strategy", "order", "side", "size", "price", "filled"):
        table.add_column(name, justify="left" if name in ("strategy", "side") else "right")
    rows = [(one.strategy, event) for one in ledgers for event in one.open.values()][-_ORDERS:]
    for name, event in rows:
        table.add_row(name, str(event.order_id), _side(event.side), text(event.size), text(event.price), text(event.cum))
    for _ in range(_ORDERS - len(rows)):
        table.add_row(*[""] * 6)
    return table


def _fill_table(summary: dict[str, Any]) -> Table:
    table = Table(title="last fills", caption=f"{len(summary['fills'])} fills")
    for name in ("strategy", "side", "size", "price", "fee", "as"):
        table.add_column(name, justify="right" if name in ("size", "price", "fee") else "left")
    rows = summary["fills"][-_FILLS:]
    for one in reversed(rows):
        fee = f"{one['fee']} {one['fee_asset']}"
        table.add_row(one["strategy"], _side(one["side"]), one["size"], one["price"], fee, one["liquidity"])
    for _ in range(_FILLS - len(rows)):
        table.add_row(*[""] * 6)
    return table


def _side(side: str) -> str:
    return f"[{'green' if side == 'buy' else 'red'}]{side}[/]"


def _account_line(ledgers: Sequence[Ledger], summary: dict[str, Any]) -> str:
    """Return position, cash and profit; what the holdings of the start gained by the price alone is said beside it."""
    if not ledgers:
        return ""
    base, quote = ledgers[0].base, ledgers[0].quote
    held = Decimal(summary["start"]["position"]) * (Decimal(summary["last_price"]) - Decimal(summary["start"]["price"]))
    return (
        f"position {summary['position']} {base}   cash {summary['cash']} {quote}   profit {summary['pnl']} {quote} "
        f"(of it {text(held)} by the price of what was held at the start)   last price {summary['last_price']}"
    )


def _book_table(book: shm.Book) -> Table:
    state = "[green]valid[/]" if book.valid else f"[red]not valid: {book.why.name.lower()}[/]"
    table = Table(title=f"{book.symbol.symbol}  {state}", caption=f"seq {book.seq}   trades {book.symbol.ticks}")
    for name in ("bid size", "bid", "ask", "ask size"):
        table.add_column(name, justify="right", style="green" if name == "bid" else "red" if name == "ask" else "")
    px, qty = book.symbol.px_exp, book.symbol.qty_exp
    bids, asks = (
        [(text(scaled(int(level[0]), px)), text(scaled(int(level[1]), qty))) for level in side[:_DEPTH]]
        for side in (book.bids_i, book.asks_i)
    )
    for at in range(_DEPTH):
        bid = bids[at][::-1] if at < len(bids) else ("", "")
        ask = asks[at] if at < len(asks) else ("", "")
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
        f"{summary['seconds']:.1f} s: {summary['quotes']} quotes, {summary['ticks']} ticks, {summary['events']} events in the strategies; "
        f"gaps {summary['gaps']}, laps {summary['laps']}"
    ]
    for name, one in summary["symbols"].items():
        lines.append(
            f"  {name:24} {one['updates']} book updates, {one['ticks']} trades, {one['gaps']} gaps, synchronised {one['syncs']} times"
        )
    orders = summary["orders"]
    lines.append(
        "  orders                   " + ", ".join(f"{count} {name}" for name, count in orders.items()) + f"; {len(summary['fills'])} fills"
    )
    for name, one in summary["strategies"].items():
        fees = ", ".join(f"{amount} {asset}" for asset, amount in one["fees"].items()) or "none"
        lines.append(f"  {name:24} {one['fills']} fills, position {one['position']}, cash {one['cash']}, fees {fees}")
    lines.append(
        f"  account                  position {summary['position']}, cash {summary['cash']}, profit {summary['pnl']} at {summary['last_price']}; "
        "the exchange's balances say the same"
    )
    for name, hop in summary["hops"].items():
        lines.append(
            f"  {name:24} p50 {_time(hop['p50'])}, p99 {_time(hop['p99'])}, p99.9 {_time(hop['p999'])}, max {_time(hop['max'])} ({hop['count']})"
        )
    return "\n".join(lines)
