"""Rows of ``--peers``: other libraries doing what a row of the suite does, with the same bytes, servers and cores, in the same run.

For: the peers' table of docs/performance.md.  ``depth_hot/cryptofeed`` is the row depth_hot as cryptofeed does it; ``reference`` is our value of that
row in this run, ``ratio`` how many times ours it is.  Nothing is judged.  Each is used as its own documentation shows, with what makes it fast
switched on (uvloop, orjson) where it has such a switch; what a library does not do (a book, a signature) stands in `what`, written by us around it in
the plain way.

    books.py     ccxt.pro, cryptofeed, nautilus_trader: a message's bytes -> its book
    receive.py   picows, aiohttp, websockets: from the wire, and tick to trade
    hops.py      iceoryx2, pyzmq, multiprocessing, redis: from process to process
    orders.py    orjson + hmac, ccxt: an order's text

A library that is not installed gives ``met: null`` and says how to install it.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from typing import Any

from aats.bench.judge import absent, number
from aats.bench.table import Module, Row, find

__all__ = ["HOW", "PEERS", "Peer", "beside", "cryptofeeds_time", "missing", "unmeasured"]

CRYPTOFEED_GOAL = 45  # the aim is 100
HOW = "not installed: pip install '.[bench]'"


@dataclass(frozen=True)
class Peer(Row):
    """A row of a peer; `needs` are modules that must be there, `tools` programs."""

    needs: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


BOOKS = Module("books", beside=("make_frames",), package="peers")
RECEIVE = Module("receive", beside=("make_frames", "wire"), package="peers")
T2T = Module("trade", beside=("wire",), package="peers")
HOPS = Module("hops", package="peers")
ORDERS = Module("orders", package="peers")


def _peer(row: str, who: str, what: str, source: Module, *needs: str, tools: tuple[str, ...] = ()) -> Peer:
    ours = find(row)
    assert ours is not None
    return Peer(f"{row}/{who}", what, ours.unit, source, f"aats: {row} of this run", more=ours.more, needs=needs, tools=tools)


PEERS: tuple[Peer, ...] = (
    _peer("depth_hot", "ccxt_pro", "orjson.loads, handle_order_book", BOOKS, "ccxt", "orjson"),
    _peer("depth_hot", "cryptofeed", "message_handler of BINANCE with a book callback", BOOKS, "cryptofeed"),
    _peer("depth_hot", "nautilus_trader", "decode, parse_to_order_book_deltas, OrderBook.apply; no engine", BOOKS, "nautilus_trader"),
    _peer("depth_hot", "orjson_dict", "orjson.loads, two dicts of floats, sorted for the best 5", BOOKS, "orjson"),
    _peer("bbo_hot", "cryptofeed", "message_handler of BINANCE with a ticker callback", BOOKS, "cryptofeed"),
    _peer("bbo_hot", "orjson_dict", "orjson.loads, four floats", BOOKS, "orjson"),
    _peer("wss_cpu", "picows", "receives and counts; uvloop", RECEIVE, "picows", "uvloop"),
    _peer("wss_cpu", "picows_orjson", "receives, orjson.loads, no book; uvloop", RECEIVE, "picows", "uvloop", "orjson"),
    _peer("wss_cpu", "aiohttp", "receives and counts; uvloop", RECEIVE, "aiohttp", "uvloop"),
    _peer("wss_cpu", "websockets", "receives and counts; asyncio", RECEIVE, "websockets"),
    _peer("feed_wss", "picows_orjson", "receives, orjson.loads, no book; uvloop", RECEIVE, "picows", "uvloop", "orjson"),
    _peer("wire_published", "picows", "until the callback is entered; uvloop", RECEIVE, "picows", "uvloop"),
    _peer("wire_published", "aiohttp", "until receive() has returned; uvloop", RECEIVE, "aiohttp", "uvloop"),
    _peer("wire_published", "websockets", "until recv() has returned; asyncio", RECEIVE, "websockets"),
    _peer("hop_callback", "iceoryx2", "Python to Python, 184 bytes, stamped before the loan, receiver spins", HOPS, "iceoryx2"),
    _peer("hop_callback", "zmq_inproc", "PUSH/PULL, sent and received by one thread", HOPS, "zmq"),
    _peer("hop_callback", "zmq_ipc", "PUSH/PULL between two processes, receiver spins", HOPS, "zmq"),
    _peer("hop_callback", "mp_pipe", "multiprocessing.Pipe between two processes, receiver polls", HOPS),
    _peer("hop_callback", "redis", "publish/subscribe over a Unix socket", HOPS, "redis", tools=("redis-server",)),
    _peer("callbacks_empty", "zmq_inproc", "PUSH/PULL between two threads, a call for each message", HOPS, "zmq"),
    _peer("callbacks_empty", "iceoryx2", "Python to Python, a call for each message", HOPS, "iceoryx2"),
    _peer("order_encode", "orjson_hmac", "dict, query, hmac.digest, orjson.dumps; not masked", ORDERS, "orjson"),
    _peer("order_encode", "ccxt", "binance.sign() of an order, json; not masked", ORDERS, "ccxt"),
    _peer("t2t_inline", "picows", "picows, uvloop, orjson, dict book, hmac.digest", T2T, "picows", "uvloop", "orjson"),
    _peer("t2t_inline", "aiohttp", "aiohttp, uvloop, orjson, dict book, hmac.digest", T2T, "aiohttp", "uvloop", "orjson"),
    _peer("t2t_inline", "websockets", "websockets, asyncio, orjson, dict book, hmac.digest", T2T, "websockets", "orjson"),
)


def missing(row: Row) -> str:
    """Return why a peer cannot be measured here, "" if it can."""
    if not isinstance(row, Peer):
        return ""
    absent_ = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if absent_:
        return f"{', '.join(absent_)} {HOW}"
    tools = [name for name in row.tools if shutil.which(name) is None]
    return f"{', '.join(tools)} is not installed" if tools else ""


def beside(row: Row, found: dict[str, Any], ours: dict[str, Any] | None) -> dict[str, Any]:
    """Return a peer's row of the report with our value as its reference."""
    if found["value"] is None:
        return found
    found["why"] = "a peer: nothing is judged"
    if ours is not None and ours["value"]:
        found["reference"], found["ratio"] = ours["value"], number(found["value"] / ours["value"])
    return found


def cryptofeeds_time(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> None:
    """Add to our row depth_hot how many times ours cryptofeed's time is: a condition of its own, where both were measured."""
    if ours is None or theirs is None or not ours["value"] or not theirs["value"]:
        return
    times = number(theirs["value"] / ours["value"])
    met = times >= CRYPTOFEED_GOAL
    ours["also"].append({"what": "cryptofeed's time over ours, at least", "value": times, "limit": CRYPTOFEED_GOAL, "met": met})
    if not met and ours["met"] is not None:
        ours["met"] = False
        ours["why"] = "; ".join(filter(None, [ours["why"], f"cryptofeed takes {times:g} times ours, {CRYPTOFEED_GOAL} were the goal"]))


def unmeasured(row: Row) -> dict[str, Any] | None:
    """Return the report's row of a peer that cannot be measured here, else None."""
    why = missing(row)
    return absent(row, why) if why else None
