"""``aats book``: one live book, with its validity."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from aats import control, shm
from aats.cli import output
from aats.control import Feed, Table
from aats.errors import FeedError, SegmentMissing

_WATCH_S = 0.2


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    parser = commands.add_parser(
        "book", help="print a live book", description="Print one live book as shared memory holds it, and whether it is good."
    )
    parser.add_argument(
        "symbol", metavar="SYMBOL", help="BTCUSDT.BINANCE, or BTCUSDT where only one feed has it; or the venue's own spelling"
    )
    parser.add_argument("--feed", metavar="NAME", help="take it from this feed (default: the oldest that has it)")
    parser.add_argument("--depth", metavar="N", type=_depth, default=10, help="levels a side (default: %(default)s)")
    parser.add_argument("--watch", action="store_true", help="again and again until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; prices and sizes as decimal text")
    parser.set_defaults(run=_run)


def _depth(word: str) -> int:
    if not (word.isdecimal() and 1 <= int(word) <= 1000):
        raise argparse.ArgumentTypeError(f"{word!r}: levels a side, a whole number from 1 to 1000")
    return int(word)


def _run(args: argparse.Namespace) -> int:
    while True:
        valid = _show(args)
        if not args.watch:
            return 0 if valid else 1
        time.sleep(_WATCH_S)


def _show(args: argparse.Namespace) -> bool:
    feed, symbol = _choose(args.symbol, args.feed)
    segment, table = feed.attach(), control_table()
    index = next(one.index for one in shm.symbols(segment) if one.symbol == symbol)
    book = shm.book(segment, index, table)
    assert book is not None
    if args.json:
        output.as_json(_facts(book, feed, args.depth))
        sys.stdout.flush()
    else:
        _print(book, feed, args.depth, clear=args.watch)
    return book.valid


def running(name: str | None) -> list[Feed]:
    """Return the feeds that run, or the one of a name.

    Raises
    ------
    FeedError
        There is none.
    """
    feeds = control.find_feeds(name=name)
    if not feeds:
        raise FeedError(f"no feed {f'{name!r} ' if name else ''}runs here (aats ps lists what does)")
    return feeds


def control_table() -> shm.Segment | None:
    """Return the control table, by which a book is judged; None where there is none."""
    try:
        return Table.open().segment
    except SegmentMissing:
        return None


def _choose(word: str, name: str | None) -> tuple[Feed, str]:
    """Return the feed and the full name of a symbol."""
    feeds = running(name)
    known = sorted({symbol for feed in feeds for symbol in feed.symbols})
    fitting = [symbol for symbol in known if word in (symbol, symbol.partition(".")[0])]
    if not fitting:
        natives = {name: symbol for feed in feeds for name, symbol in feed.natives.items()}
        fitting = sorted({symbol for name, symbol in natives.items() if word in (name, name.rpartition(".")[0])})
    if len(fitting) > 1:
        raise FeedError(f"{word} is ambiguous: {', '.join(fitting)}")
    if not fitting:
        raise FeedError(f"no feed has {word}; there are: {', '.join(known[:20]) or 'no symbols yet'}{' ...' if len(known) > 20 else ''}")
    return next(feed for feed in feeds if fitting[0] in feed.symbols), fitting[0]


def decimal(value: int, exp: int) -> str:
    """Return ``value * 10 ** exp`` as exact text: no exponent, no trailing zeros."""
    if exp >= 0:
        return str(value * 10**exp)
    sign, digits = "-" if value < 0 else "", str(abs(value)).rjust(1 - exp, "0")
    return (sign + digits[:exp] + "." + digits[exp:]).rstrip("0").rstrip(".")


def _levels(book: shm.Book, depth: int) -> dict[str, list[tuple[str, str]]]:
    px, qty = book.symbol.px_exp, book.symbol.qty_exp
    sides = {"bids": book.bids_i, "asks": book.asks_i}
    return {name: [(decimal(int(row[0]), px), decimal(int(row[1]), qty)) for row in side[:depth]] for name, side in sides.items()}


def _facts(book: shm.Book, feed: Feed, depth: int) -> dict[str, Any]:
    return {
        "symbol": book.symbol.symbol,
        "valid": book.valid,
        "why": book.why.name.lower() if not book.valid else "",
        "feed": feed.name,
        "mode": feed.mode.name.lower(),
        "seq": book.seq,
        "epoch": book.epoch,
        "exch_ns": book.exch_ns,
        "recv_ns": book.recv_ns,
        "parsed_ns": book.parsed_ns,
        "pub_ns": book.pub_ns,
        **_levels(book, depth),
    }


def _print(book: shm.Book, feed: Feed, depth: int, *, clear: bool) -> None:
    state = "valid" if book.valid else f"NOT VALID: {book.why.name.lower()}"
    age_ms = (time.time_ns() - book.recv_ns) / 1e6 if book.recv_ns else 0.0
    lines = [f"{book.symbol.symbol}  {state}  feed {feed.name} ({feed.mode.name.lower()})  seq {book.seq}  received {age_ms:.0f} ms ago"]
    sides = _levels(book, depth)
    lines.append(f"{'bid size':>18} {'bid':>16}   {'ask':<16} {'ask size':<18}")
    for at in range(max(len(sides["bids"]), len(sides["asks"]))):
        bid = sides["bids"][at] if at < len(sides["bids"]) else ("", "")
        ask = sides["asks"][at] if at < len(sides["asks"]) else ("", "")
        lines.append(f"{bid[1]:>18} {bid[0]:>16}   {ask[0]:<16} {ask[1]:<18}".rstrip())
    print("\x1b[H\x1b[J" * clear + "\n".join(lines), flush=True)
