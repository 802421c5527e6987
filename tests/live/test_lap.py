"""A reader that is overrun: it is told by how much, and every book of its is the feed's again, the quiet ones too."""

from __future__ import annotations

from typing import Any

import pytest

from aats import control, shm
from aats.layout import TD, TD_OFFSET, Kind, TdCounter
from tests.live.looks import eventually
from tests.live.procs import FeedProc, Reader, Sim

BUSY, QUIET = ("BTCUSDT", "ETHUSDT"), "LTCUSDT"
MARKET = "BTCUSDT:400,ETHUSDT:400,LTCUSDT:1"


def equal(reader: Reader, feed: FeedProc) -> bool:
    """Whether the last that the reader was told of the quiet book is what the feed has."""
    book, told = feed.books()[QUIET], reader.of("quote", QUIET)[-1]
    return bool(told["seq"] == book.seq and told["bids"] == book.bids_i.tolist() and told["asks"] == book.asks_i.tolist())


def check_counts(reader: Reader, feed: FeedProc) -> None:
    """What onLap said is what was skipped: no more than lies between the records around it, no less than the ring."""
    lines = [one for one in reader.all() if one["ev"] in ("quote", "tick", "lap")]
    for at, lap in enumerate(lines):
        if lap["ev"] != "lap":
            continue
        before = [one["rec"] for one in lines[:at] if one["ev"] == "quote" and not one["recovered"]]
        after = [one["rec"] for one in lines[at:] if one["ev"] == "quote" and not one["recovered"]]
        assert lap["feed"] == feed.name and lap["missed"] >= 64
        if before and after:
            assert lap["missed"] < after[0] - before[-1]
    entry = control.entry_of_pid(reader.pid)
    counters = shm.attach(shm.SegmentName.make(Kind.TD, entry.name, entry.generation)).array(TD, TD_OFFSET)[0]["counters"]
    eventually(lambda: int(counters[TdCounter.LAPS]) == len(reader.of("lap")), why="the counter of laps differs from the callbacks")
    assert int(counters[TdCounter.MISSED]) >= sum(one["missed"] for one in reader.of("lap"))


def wait_for_a_change(feed: FeedProc, told: dict[str, Any]) -> int:
    """Wait until the quiet book has moved on from what was told; return its id then."""
    return int(eventually(lambda: feed.books()[QUIET].seq > told["seq"] and feed.books()[QUIET].seq, why="the quiet book never changed"))


@pytest.mark.parametrize("levels", [5, 30], ids=["in the ring", "deeper than the ring"])
def test_stopped_reader_has_every_book_again_when_it_goes_on(levels: int) -> None:
    symbols = [f"{symbol}:{levels}" for symbol in (*BUSY, QUIET)]
    with Sim("--symbols", MARKET) as sim, FeedProc(sim, symbols, ring_depth=64) as feed:
        feed.wait_live()
        with Reader([*BUSY, QUIET], levels=levels) as reader:
            reader.wait("quote", QUIET)
            begin = reader.pause()
            head = feed.counters()["records"]
            seq = wait_for_a_change(feed, reader.of("quote", QUIET)[-1])
            eventually(lambda: feed.counters()["records"] > head + 200, why="too few records to overrun a ring of 64")
            reader.resume()
            lap = reader.wait("lap", after=begin)
            first = reader.wait("quote", QUIET, after=lap["t"] - 1)
            assert first["recovered"] and first["seq"] >= seq
            eventually(lambda: equal(reader, feed), why="the quiet book differs from the feed's")
            for symbol in BUSY:
                assert reader.wait("quote", symbol, after=lap["t"])["recovered"]
            check_counts(reader, feed)


def test_slow_reader_is_lapped_and_still_has_the_quiet_book() -> None:
    with Sim("--symbols", MARKET) as sim, FeedProc(sim, [*BUSY, QUIET], ring_depth=64) as feed:
        feed.wait_live()
        with Reader([*BUSY, QUIET], slow_ms=150) as reader:  # shorter than what the reader itself calls a sleep
            eventually(lambda: len(reader.of("lap")) >= 5, why="it was not overrun")
            seq = feed.books()[QUIET].seq
            eventually(lambda: reader.of("quote", QUIET)[-1]["seq"] >= seq, why="the quiet book stays behind")
            assert all(one["valid"] for one in reader.of("quote"))
            check_counts(reader, feed)
