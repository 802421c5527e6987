"""``aats feeds``: each feed's books, whether they are good, and what every integrity rule has found."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from aats import shm
from aats.cli import output
from aats.cli.book import control_table, running
from aats.control import Feed
from aats.layout import DirState, MdCounter

_WATCH_S = 1.0
#: Of a symbol: what its directory entry counts, and the word for it.
_OF_SYMBOL = {
    "quotes": "QUOTES",
    "ticks": "TRADES",
    "gaps": "GAPS",
    "trade_gaps": "TRADE GAPS",
    "crossed": "CROSSED",
    "bad_frames": "UNREADABLE",
    "syncs": "BEGUN",
}
#: Of a feed: what is in nobody's book alone, or has no column above.
_FAULTS = (
    *(MdCounter.CHECKSUMS, MdCounter.LINK_HOLES, MdCounter.PARSE_ERRORS, MdCounter.PROTO_ERRORS, MdCounter.VENUE_ERRORS, MdCounter.REFUSED),
    *(MdCounter.DROPS, MdCounter.RESUBSCRIBED, MdCounter.SNAP_FAILED, MdCounter.ENDED, MdCounter.STALLS),
)
_TOLD = (MdCounter.MARKS, MdCounter.FUNDINGS, MdCounter.LIQUIDATIONS)


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    parser = commands.add_parser(
        "feeds",
        help="feeds, their books and what was wrong with them",
        description="Print each feed of this user and namespace, whether each of its books is good, and how often each rule (sequence, checksum, crossed book, "
        "unreadable frames, ended streams) has found a fault since the feed began (docs/venues.md).",
        epilog="Status 0: every book is good; 1: some book is not, or no feed runs.",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="this feed only")
    parser.add_argument("--watch", action="store_true", help="once a second until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object (a line): every counter")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    while True:
        found = [_facts(feed) for feed in running(args.name)]
        if args.json:
            output.as_json({"feeds": found})
            sys.stdout.flush()
        else:
            _print(found, clear=args.watch)
        if not args.watch:
            return 0 if all(one["valid"] for feed in found for one in feed["symbols"]) else 1
        time.sleep(_WATCH_S)


def _facts(feed: Feed) -> dict[str, Any]:
    segment, table = feed.attach(), control_table()
    counters = segment.md.md.counters
    return {
        "feed": feed.name,
        "pid": feed.pid,
        "mode": feed.mode.name.lower(),
        "symbols": [_symbol(segment, one, table) for one in shm.symbols(segment) if one.state != DirState.GONE],
        "counters": {one.name.lower(): int(counters[one]) for one in MdCounter},
    }


def _symbol(segment: shm.Segment, one: shm.Symbol, table: shm.Segment | None) -> dict[str, Any]:
    book = shm.book(segment, one.index, table)
    return {
        "symbol": one.symbol,
        "native": one.native,
        "state": one.state.name.lower(),
        "valid": book is not None and book.valid,
        "why": "no_book" if book is None else "" if book.valid else book.why.name.lower(),
        "recv_ns": book.recv_ns if book is not None else 0,
        "level_num": one.level_num,
        "updates": one.updates,
        **{key: getattr(one, key) for key in _OF_SYMBOL},
    }


def _print(found: list[dict[str, Any]], *, clear: bool) -> None:
    print("\x1b[H\x1b[J" * clear, end="")
    for at, feed in enumerate(found):
        faults = ", ".join(_said(feed["counters"], _FAULTS)) or "none"
        print(
            "\n" * (at > 0)
            + "  ".join([feed["feed"], f"pid {feed['pid']}", feed["mode"], f"faults: {faults}", *_said(feed["counters"], _TOLD)])
        )
        rows = [(one["symbol"], one["why"] or "good", _age(one["recv_ns"]), *(one[key] for key in _OF_SYMBOL)) for one in feed["symbols"]]
        output.as_table(("SYMBOL", "BOOK", "RECEIVED", *_OF_SYMBOL.values()), rows)
    sys.stdout.flush()


def _said(counters: dict[str, int], which: tuple[MdCounter, ...]) -> list[str]:
    return [f"{one.name.lower()} {counters[one.name.lower()]}" for one in which if counters[one.name.lower()]]


def _age(recv_ns: int) -> str:
    return f"{max(0.0, (time.time_ns() - recv_ns) / 1e6):.0f} ms ago" if recv_ns else "-"
