"""The market streams in Simple Binary Encoding: which streams there are, and an event's frame.

Written from the venue's page "SBE Market Data Streams" and its schema (``sbe/schemas/stream_1_0.xml``, id 1, version 0), as one writes with `struct`; the
feed's decoder, csrc/venue/binance_sbe.c, is not looked at.  Nothing here knows of connections.

An SBE connection gets events in binary frames that are never wrapped, answers in text.  The venue sends depth each 20 ms; the simulated one sends its
100 ms diffs, so that a client of both sees the same update ids.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from aats.sim.frames import binary_frame
from aats.sim.market import BOOK_TICKER, DEPTH, TRADE, Event

SCHEMA, VERSION = 1, 0
TRADES, BEST_BID_ASK, DEPTH_SNAPSHOT, DEPTH_DIFF = range(10000, 10004)

#: Streams by what stands behind "@"; the value is the text stream with the same content.
STREAMS = {"trade": TRADE, "bestBidAsk": BOOK_TICKER, "depth": DEPTH, "depth20": "depth20@100ms"}


def text_stream(name: str) -> str:
    """Return the text stream that has the content of an SBE stream; a name that never says anything if there is none."""
    symbol, _, kind = name.partition("@")
    return f"{symbol}@{STREAMS.get(kind, 'none')}"


def event_frame(event: Event) -> bytes:
    """Return the whole binary frame of `event`, made once."""
    frame = event.frames.get("sbe")
    if frame is None:
        frame = event.frames["sbe"] = binary_frame(message(event.symbol, event.kind, event.t_ns // 1000, orjson.loads(event.data_us())))
    return frame


def message(symbol: str, kind: str, t_us: int, said: dict[str, Any]) -> bytes:
    """Return the SBE message that says what the text message `said` does, with times in microseconds; `t_us` is the time of one that has none."""
    if kind == TRADE:
        (px_exp, (px,)), (qty_exp, (qty,)) = _scaled([said["p"]]), _scaled([said["q"]])
        root = struct.pack("<qqbb", said["E"], said["T"], px_exp, qty_exp)
        body = struct.pack("<HI", 25, 1) + struct.pack("<qqqB", said["t"], px, qty, said["m"])
        return _message(TRADES, root, body, symbol)
    if kind == BOOK_TICKER:
        (px_exp, (bid, ask)), (qty_exp, (bid_qty, ask_qty)) = _scaled([said["b"], said["a"]]), _scaled([said["B"], said["A"]])
        root = struct.pack("<qqbbqqqq", t_us, said["u"], px_exp, qty_exp, bid, bid_qty, ask, ask_qty)
        return _message(BEST_BID_ASK, root, b"", symbol)
    if kind == "partial":
        exps, body = _levels(said["bids"], said["asks"])
        return _message(DEPTH_SNAPSHOT, struct.pack("<qqbb", t_us, said["lastUpdateId"], *exps), body, symbol)
    exps, body = _levels(said["b"], said["a"])
    return _message(DEPTH_DIFF, struct.pack("<qqqbb", said["E"], said["U"], said["u"], *exps), body, symbol)


def _message(template: int, root: bytes, groups: bytes, symbol: str) -> bytes:
    name = symbol.encode()
    return struct.pack("<HHHH", len(root), template, SCHEMA, VERSION) + root + groups + bytes([len(name)]) + name


def _scaled(texts: Iterable[str]) -> tuple[int, list[int]]:
    """Return decimal texts as mantissas at the coarsest exponent that holds them all."""
    numbers = [Decimal(text).normalize() for text in texts]
    exponent = min((int(n.as_tuple().exponent) for n in numbers), default=0)
    return exponent, [int(n.scaleb(-exponent)) for n in numbers]


def _levels(*sides: Sequence[Sequence[str]]) -> tuple[tuple[int, int], bytes]:
    """Return the two exponents of a book's levels, and its groups."""
    px_exp, px = _scaled(level[0] for side in sides for level in side)
    qty_exp, qty = _scaled(level[1] for side in sides for level in side)
    body, at = b"", 0
    for side in sides:
        body += struct.pack("<HH", 16, len(side))
        for _ in side:
            body += struct.pack("<qq", px[at], qty[at])
            at += 1
    return (px_exp, qty_exp), body
