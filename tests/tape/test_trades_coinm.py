"""COIN-M diffs and trades from CSV files, good and damaged on purpose by their author: a hole in their ids is noticed, and nothing is where there is none."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aats.tape.replay import Replay

FOLDER = "binance-coinm/lasota"
SYMBOL = "TRXUSD_PERP"


def rows(data: Path, which: str, what: str) -> Iterator[dict[str, str]]:
    (path,) = (data / FOLDER).glob(f"test_{which}_binance_{what}_stream_coin_m_futures_*.csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def frame(stream: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"stream": f"{SYMBOL.lower()}@{stream}", "data": data})


def diffs(data: Path, which: str) -> Iterator[tuple[int, bytes]]:
    """Yield (pu, frame) of each diff: the rows of a diff stand together."""
    ids = ("FirstUpdateId", "FinalUpdateId", "FinalUpdateIdInLastStream")
    for (first, last, before), part in itertools.groupby(
        rows(data, which, "difference_depth"), lambda row: tuple(int(row[one]) for one in ids)
    ):
        sides: dict[str, list[list[str]]] = {"0": [], "1": []}
        for row in part:
            sides["1" if row["IsAsk"] == "1" else "0"].append([row["Price"], row["Quantity"]])
        body = {"e": "depthUpdate", "E": 1, "T": 1, "s": SYMBOL, "U": first, "u": last, "pu": before, "b": sides["0"], "a": sides["1"]}
        yield before, frame("depth@100ms", body)


def faults(data: Path, which: str) -> tuple[int, int]:
    """Return how often the diffs do not hang together, and how many cannot be read; after each hole the book begins again, as at the venue."""
    run = Replay("BINANCE_COINM")
    known = unread = 0
    for before, text in diffs(data, which):
        unread += not run.frame(text)
        one = run.instruments().get(SYMBOL, {"gaps": 0, "snapshots": 0})  # none yet: its first diff cannot be read
        now = one["gaps"]
        if now > known or not one["snapshots"]:
            run.snapshot(SYMBOL, orjson.dumps({"lastUpdateId": before, "E": 1, "T": 1, "bids": [], "asks": []}))
        known = now
    return known, unread


@pytest.mark.parametrize(("which", "found"), [("positive", (0, 0)), ("negative", (1, 2))])
def test_a_hole_between_diffs_is_noticed(data_dir: Path, which: str, found: tuple[int, int]) -> None:
    """Damaged: a price of 0; ids that run backwards, and so the next diff has nothing before it."""
    assert faults(data_dir, which) == found


@pytest.mark.parametrize(("which", "gaps"), [("positive", 0), ("negative", 2)])
def test_a_wrong_trade_id_is_noticed_at_both_of_its_neighbours(data_dir: Path, which: str, gaps: int) -> None:
    run = Replay("BINANCE_COINM")
    for row in rows(data_dir, which, "trade"):
        body = {
            "e": "trade",
            "E": 1,
            "T": 1,
            "s": SYMBOL,
            "t": int(row["TradeId"]),
            "p": row["Price"],
            "q": row["Quantity"],
            "X": "MARKET",
            "m": True,
        }
        run.frame(frame("trade", body))
    assert run.instruments()[SYMBOL]["trade_gaps"] + run.counts(SYMBOL)["trades_again"] == gaps
