"""A market that goes wrong on purpose: gaps are noticed, books come back by a new snapshot, and never differ from the recorded truth.

The witnesses: a strategy in another process (its file of lines), and numpy in this one (``aats.attach``).  At each update id that either saw, the levels must
be those of an independent reading of the tape, which itself equals ``_golden`` at every checkpoint.
"""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import aats
from tests.live import truth
from tests.live.looks import eventually
from tests.live.procs import FeedProc, Reader, Sim
from tests.live.truth import Symbol

HFT = "binance-spot/hftbacktest/btcusdt_20240808.gz"
HFT_KEY = f"{HFT}+binance-spot/hftbacktest/btcusdt_20240809.gz"
CRYPTOFEED = "binance-spot/cryptofeed/binance_spot_2021-04-05.jsonl.gz"
STARVED = ("stalled", "feed_stale")  # what a busy machine may add
SHORT = "binance-spot/cryptofeed/binance_spot_2021-08-14.jsonl.gz"


class Poller(threading.Thread):
    """Polls books with numpy, as a script would, and keeps what it saw while they were good."""

    def __init__(self, feed: str, symbols: list[str]) -> None:
        super().__init__(name="poller")
        wanted = [f"{symbol}.BINANCE" for symbol in symbols]
        # A feed is up before its venue has told it the symbols.
        eventually(lambda: set(wanted) <= set(aats.attach(feed).symbols), why="the feed never listed its symbols")
        self.books = {symbol: aats.attach(feed).book(port) for symbol, port in zip(symbols, wanted, strict=True)}
        self.seen: dict[str, dict[int, Any]] = {symbol: {} for symbol in symbols}
        self.done = threading.Event()

    def __enter__(self) -> Poller:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.done.set()
        self.join(10)

    def run(self) -> None:
        while not self.done.is_set():
            for symbol, book in self.books.items():
                if book.poll():
                    now = book.copy()
                    if now.valid:
                        self.seen[symbol][now.seq] = levels(now)
            time.sleep(0.0002)


def levels(book: Any) -> tuple[Any, Any]:
    """Return both sides of a copy as exact tuples."""
    return tuple(tuple(map(tuple, side.tolist())) for side in (book.bids_i, book.asks_i))  # type: ignore[return-value]


def told_levels(line: dict[str, Any]) -> tuple[Any, Any]:
    return tuple(map(tuple, line["bids"])), tuple(map(tuple, line["asks"]))


def last_told(reader: Reader, symbols: list[str]) -> dict[str, int]:
    """Return the id of the last quote of each symbol."""
    return {symbol: quotes[-1]["seq"] for symbol in symbols if (quotes := reader.of("quote", symbol))}


def run_to_the_end(feed: FeedProc, market: dict[str, Symbol]) -> None:
    """Wait until the tape stands still and every book is good."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(feed.counters()["records"])
        time.sleep(0.1)
        return len(seen) > 20 and seen[-1] == seen[-15] and all(book.valid for book in feed.books().values())

    eventually(still, within_s=60, why=lambda: f"{feed.counters()} {feed.log()[-2000:]}")
    for symbol, book in feed.books().items():
        assert levels(book) == market[symbol].tops[book.seq], symbol


def check_all(market: dict[str, Symbol], told: dict[str, list[dict[str, Any]]], seen: dict[str, dict[int, Any]]) -> int:
    """Compare everything that was seen with the truth at its id; return how many ids."""
    compared = 0
    for symbol, one in market.items():
        for line in told[symbol]:
            if line["ev"] == "quote":
                assert told_levels(line) == one.tops[line["seq"]], f"{symbol} at {line['seq']}, told {line}"
                assert line["valid"]
                compared += 1
        for seq, sides in seen[symbol].items():
            assert sides == one.tops[seq], f"{symbol} at {seq}, seen by numpy"
            compared += 1
    return compared


@pytest.mark.parametrize(
    ("tape", "key", "speed", "drop"), [(HFT, HFT_KEY, 30, 150), (CRYPTOFEED, CRYPTOFEED, 10, 211)], ids=["hftbacktest", "cryptofeed"]
)
def test_dropped_diff_is_a_gap_and_the_book_is_golden_again_at_the_next_checkpoint(
    data_dir: Path, tape: str, key: str, speed: int, drop: int
) -> None:
    market = truth.read(data_dir, (tape,), key)
    symbols = sorted(market)
    wanted = [f"{symbol}:{truth.DEPTH}" for symbol in symbols]
    with Sim("--tape", str(data_dir / tape), "--speed", str(speed), "--once", "--fault", f"drop={drop}", "--weight", "1000000") as sim:
        with (
            FeedProc(sim, wanted, ring_depth=65536, level_num=truth.WHOLE) as feed,
            Poller(feed.name, symbols) as poller,
            Reader(symbols) as reader,
        ):
            run_to_the_end(feed, market)
            last = {symbol: book.seq for symbol, book in feed.books().items()}
            eventually(lambda: last_told(reader, symbols) == last, why="the strategy never saw the end")
            told = {symbol: [one for one in reader.all() if one.get("sym") == symbol and one["ev"] != "tick"] for symbol in symbols}
            assert not reader.of("lap")
            counters = feed.counters()
        dropped = sim.stop()["faults"]["drop"]

    assert dropped > 6 and counters["gaps"] >= dropped // 2  # one dropped while its book is had anew is no gap of its own
    assert check_all(market, told, poller.seen) > 500
    recovered = golden = by_numpy = 0
    for symbol in symbols:
        lines, broken = told[symbol], False
        for before, after in itertools.pairwise(lines):
            if after["ev"] == "invalid":
                broken = True
                assert after["why"] in ("gap", *STARVED) and not after["valid"]
            elif before["ev"] == "invalid":
                recovered += 1
                assert after["snapshot"] or after["recovered"]
            elif broken and not after["recovered"]:  # a reader that slept on a busy host goes on with the newest book
                for point in market[symbol].checkpoints:
                    if before["seq"] <= point.seq < after["seq"]:  # nothing was published between: this is the book at the checkpoint
                        assert (tuple(before["bids"][0]), tuple(before["asks"][0])) == (point.bid, point.ask)
                        golden += 1
                        if before["seq"] in poller.seen[symbol]:
                            bids, asks = poller.seen[symbol][before["seq"]]
                            assert (bids[0], asks[0]) == (point.bid, point.ask)
                            by_numpy += 1
    assert recovered >= 3 and golden >= 3 and by_numpy >= 1, (recovered, golden, by_numpy)


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("dup=9", ()),
        ("swap=31", ("gaps",)),
        ("close=97", ("drops",)),
        ("cut=97", ("drops",)),
        ("stall=150:1", ()),
        ("corrupt=53", ("utf8", "parse_errors")),
        ("drop=61,snap-html=3,snap-cut=4,snap-503=5", ("snap_failed",)),
        ("close=131,ws-403=2", ("drops",)),
    ],
)
def test_fault_is_noticed_or_changes_nothing(data_dir: Path, fault: str, noticed: tuple[str, ...]) -> None:
    market = truth.read(data_dir, (SHORT,), SHORT)
    symbols = sorted(market)
    with Sim("--tape", str(data_dir / SHORT), "--speed", "8", "--once", "--fault", fault, "--weight", "1000000") as sim:
        with FeedProc(sim, symbols) as feed, Poller(feed.name, symbols) as poller, Reader(symbols) as reader:
            run_to_the_end(feed, market)
            told = {symbol: [one for one in reader.all() if one.get("sym") == symbol and one["ev"] != "tick"] for symbol in symbols}
            counters = feed.counters()
        made = sim.stop()["faults"]
    assert made[fault.partition("=")[0]] >= 1
    assert check_all(market, told, poller.seen) > 20
    if noticed:
        assert sum(counters[one] for one in noticed) >= 1, counters
    else:
        assert counters["gaps"] == counters["drops"] == 0, counters


def test_feed_that_is_stopped_and_killed_in_mid_market_never_shows_a_wrong_book(data_dir: Path) -> None:
    """Stopped for longer than its books may be trusted, twice; then killed and started again; with diffs missing all the while."""
    market = truth.read(data_dir, (SHORT,), SHORT)
    symbols = sorted(market)
    with Sim("--tape", str(data_dir / SHORT), "--speed", "4", "--once", "--fault", "drop=83", "--weight", "1000000") as sim:
        with FeedProc(sim, symbols) as feed, Poller(feed.name, symbols) as poller, Reader(symbols) as reader:
            for _ in range(2):
                feed.pause()
                time.sleep(1)
                feed.resume()
                feed.wait_live()
            feed.kill()
            feed.start()
            run_to_the_end(feed, market)
            last = {symbol: book.seq for symbol, book in feed.books().items()}
            eventually(lambda: last_told(reader, symbols) == last, why="the strategy never saw the end")
            told = {symbol: [one for one in reader.all() if one.get("sym") == symbol and one["ev"] != "tick"] for symbol in symbols}
        assert sim.stop()["faults"]["drop"] >= 1
    assert check_all(market, told, poller.seen) > 50
    for symbol in symbols:
        assert sum(one["ev"] == "invalid" for one in told[symbol]) >= 3
