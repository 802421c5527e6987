"""What the books of a recorded Binance Spot tape are after each applied update, by dicts and sorted lists.

For: comparing what a reader saw at an update id with what was there.  Not from our client and not from the simulated exchange: the tape's files are
read here once more, and the result is compared with ``_golden`` before it is used.
"""

from __future__ import annotations

import bisect
import functools
import gzip
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

DEPTH = 5
SCALE = 8
WHOLE = 501  # level_num of a feed whose snapshots have 5000 levels, more than a tape's books: without a horizon, all levels are known

Level = tuple[int, int]


@functools.cache
def scaled(text: str) -> int:
    """Return a decimal text as the integer of shared memory: Binance's exponent is -8."""
    number = Decimal(text).scaleb(SCALE)
    assert number == int(number)
    return int(number)


class Side:
    """One side of a book: quantities by price, and the prices in order, best first."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.qty: dict[int, int] = {}
        self.keys: list[int] = []  # sign * price, so that the best one is the least

    def set(self, px: str, qty: str) -> None:
        key, amount = self.sign * scaled(px), scaled(qty)
        if amount and key not in self.qty:
            bisect.insort(self.keys, key)
        elif not amount and key in self.qty:
            del self.keys[bisect.bisect_left(self.keys, key)]
        if amount:
            self.qty[key] = amount
        else:
            self.qty.pop(key, None)

    def top(self, depth: int) -> tuple[Level, ...]:
        return tuple((self.sign * key, self.qty[key]) for key in self.keys[:depth])


@dataclass
class Checkpoint:
    """A line of ``_golden``: after so many applied updates, the last of them `seq`, this was best."""

    applied: int
    seq: int
    bid: Level
    ask: Level


@dataclass
class Symbol:
    """One symbol of the tape.

    Attributes
    ----------
    tops : dict
        By update id: (bids, asks), up to 5 levels each, exact, best first; the snapshot's id included.
    seqs : list
        The ids in order.
    """

    tops: dict[int, tuple[tuple[Level, ...], tuple[Level, ...]]] = field(default_factory=dict)
    seqs: list[int] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)


def read(data: Path, names: tuple[str, ...], golden_key: str) -> dict[str, Symbol]:
    """Return the truth of a tape by symbol; `names` may be the first parts of what `golden_key` names."""
    golden = _golden(data, golden_key)
    snapshots: dict[str, Any] = {}
    diffs: dict[str, list[Any]] = {}
    for name in names:
        for frame in _frames(data / name):
            if "lastUpdateId" in frame:
                snapshots.setdefault(frame["symbol"], frame)
            elif frame.get("e") == "depthUpdate":
                diffs.setdefault(frame["s"], []).append(frame)
    return {symbol: _replay(snapshots[symbol], diffs[symbol], golden[symbol]) for symbol in golden}


@functools.cache
def _golden(data: Path, key: str) -> dict[str, Any]:
    with gzip.open(data / "_golden" / "golden_books.json.gz") as file:
        return dict(json.load(file)[key])


def _frames(path: Path) -> Any:
    with gzip.open(path, "rb") as file:
        for line in file:
            if path.name.endswith(".jsonl.gz"):
                row = orjson.loads(line)
                if row["t"] == "http" and "/depth" in row["url"]:
                    yield {**orjson.loads(row["data"]), "symbol": parse_qs(urlsplit(row["url"]).query)["symbol"][0]}
                elif row["t"] == "recv" and b"depthUpdate" in line:
                    frame = orjson.loads(row["data"])
                    yield frame.get("data", frame)
            elif b"depthUpdate" in line:
                yield orjson.loads(line.partition(b" ")[2])["data"]
            elif b"lastUpdateId" in line:
                yield {**orjson.loads(line.partition(b" ")[2]), "symbol": path.name.partition("_")[0].upper()}


def _replay(snapshot: Any, diffs: list[Any], golden: Any) -> Symbol:
    out, last, applied = Symbol(), snapshot["lastUpdateId"], 0
    sides = Side(-1), Side(1)
    for side, key in zip(sides, ("bids", "asks")):
        for px, qty, *_ in snapshot[key]:
            side.set(px, qty)
    bests = {line[0]: line[1:] for line in golden["checkpoints_every_200"]}

    def note(seq: int) -> None:
        out.tops[seq] = sides[0].top(DEPTH), sides[1].top(DEPTH)
        out.seqs.append(seq)

    note(last)
    for diff in diffs:
        if diff["u"] <= last:
            continue
        last, applied = diff["u"], applied + 1
        for side, key in zip(sides, ("b", "a")):
            for px, qty, *_ in diff[key]:
                side.set(px, qty)
        note(last)
        if applied in bests:
            best = [scaled(text) for text in bests[applied]]
            point = Checkpoint(applied, last, (best[0], best[1]), (best[2], best[3]))
            assert (sides[0].top(1), sides[1].top(1)) == ((point.bid,), (point.ask,)), (
                f"this reading is not _golden's after update {applied}"
            )
            out.checkpoints.append(point)
    return out
