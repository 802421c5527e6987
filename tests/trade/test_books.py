"""aats.attach: live books without a strategy."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

import aats
from aats.errors import ConfigError, SegmentMissing, ShmError
from aats.layout import Why

from .conftest import BTC, ETH, FeedProcess, eventually
from .synthetic import SyntheticFeed

MID = 1_932_700_000_000

# ---------------------------------------------------------------------------------------------------------- refusals


def test_without_a_feed_the_text_says_how_to_start_one(namespace: str) -> None:
    with pytest.raises(SegmentMissing, match=f"no feed runs in namespace '{namespace}'.*aats feed"):
        aats.attach()


def test_an_unknown_feed_or_symbol_is_refused_with_those_there_are(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed("binance")
    with pytest.raises(SegmentMissing, match=r"no feed 'okx' runs .*running: binance"):
        aats.attach("okx")
    with pytest.raises(ConfigError, match=f"no feed of binance has 'BTCUSD.BINANCE'; there are {BTC}, {ETH}"):
        aats.attach().book("BTCUSD.BINANCE")
    with pytest.raises(ConfigError, match=r"has 'X\.Y'"):
        aats.attach(symbols=["X.Y"])


def test_views_cannot_be_written(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    view = aats.attach().book(BTC).view
    with pytest.raises(ValueError, match="read-only"):
        view["seq"] = 1


# -------------------------------------------------------------------------------------------------------------- looks


def test_a_book_is_what_the_feed_published(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed(level=20)
    feed.book(0, MID, 7)
    book = aats.attach().book(BTC)
    assert book.valid and book.why == Why.NONE and book.seq == feed.seq
    assert book.bids.dtype == np.float64 and book.bids.shape == (7, 2) and book.bids_i.dtype == np.int64
    assert book.bids[0].tolist() == [19326.99, 0.001] and book.asks[6].tolist() == [19327.07, 0.014]
    assert book.bids_i[0].tolist() == [MID - 1_000_000, 100_000]
    view = book.view
    assert view.shape == () and view["bid_len"] == 7 and view["bids"].shape == (20,) and view["asks"]["px_i"][6] == MID + 7_000_000
    copied = book.copy()
    assert (copied.valid, copied.seq, copied.px_exp, copied.qty_exp) == (True, book.seq, -8, -8)


def test_quantities_beyond_the_exact_range_of_a_double_are_rounded_once(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    for qty_i in (2**53 + 1, 2**62 + 12345, 9_223_372_036_854_775_807, 123_456_789_012_345_678):
        feed.quote(0, [(1, qty_i)], [(2, 1)])
        assert aats.attach().book(BTC).bids[0, 1] == float(f"{qty_i}e-8")


def test_a_copy_stays_and_a_read_is_fresh(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    book = aats.attach().book(BTC)
    kept, arrays = book.copy(), book.bids
    feed.book(0, MID + 100_000_000)
    assert kept.bids[0, 0] == arrays[0, 0] == 19326.99
    assert book.bids[0, 0] == 19327.99


def test_poll_tells_each_change_once(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    book = aats.attach().book(BTC)
    assert book.changed() and book.poll() and not book.changed() and not book.poll()
    feed.tick(0, 1, 1, buyer=True)
    feed.book(1, MID)
    assert not book.poll(), "another symbol and a trade are no change of this book"
    feed.book(0, MID + 1)
    assert book.changed() and book.changed() and book.poll() and not book.poll()
    feed.invalid(0)
    assert book.poll() and not book.valid and book.why == Why.GAP
    assert book.copy().bids.shape == (5, 2), "a bad book is shown as it was"


def test_a_copy_is_never_of_two_moments(make_feed: Callable[..., SyntheticFeed]) -> None:
    """The writer changes price and quantity together, in another thread; every copy must show one pair."""
    feed = make_feed(level=20)
    feed.quote(0, [(1, 1)] * 20, [(1, 1)] * 20)
    stop = threading.Event()

    def write() -> None:
        n = 1
        while not stop.is_set():
            n += 1
            feed.quote(0, [(n, n)] * 20, [(n, n)] * 20)
            if n % 64 == 0:
                feed.beat()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        book, seen = aats.attach().book(BTC), set()
        begin = time.monotonic()
        while time.monotonic() < begin + 0.5 or (len(seen) <= 10 and time.monotonic() < begin + 30):
            now = book.copy()
            if now.why == Why.NONE:
                values = {*now.bids_i.ravel().tolist(), *now.asks_i.ravel().tolist()}
                assert len(values) == 1, values
                seen |= values
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 10


# ----------------------------------------------------------------------------------------------------------- validity


def test_a_killed_feeds_books_are_bad_within_a_second(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")
    book = aats.attach().book(BTC)
    assert book.valid and book.poll()
    os.kill(feed.pid, signal.SIGKILL)
    assert eventually(lambda: not book.valid) < 1.0
    assert book.why in (Why.FEED_STALE, Why.FEED_DOWN) and not book.copy().valid
    assert eventually(book.poll) < 1.0, "polling tells that it is bad"
    assert book.bids.shape == (5, 2)


def test_a_stopped_feeds_books_are_bad_and_good_again_once_resynchronised(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")
    book = aats.attach().book(BTC)
    os.kill(feed.pid, signal.SIGSTOP)
    try:
        assert eventually(lambda: not book.valid) < 1.0
        assert book.why == Why.FEED_STALE
    finally:
        os.kill(feed.pid, signal.SIGCONT)
    for _ in range(200):  # it beats again, but has not checked its books
        assert not book.valid
        time.sleep(0.001)
    eventually(lambda: book.why == Why.SUSPECT)
    feed(f"book 0 {MID + 1}")
    assert book.valid


def test_books_follow_a_feed_into_its_next_life(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")
    books = aats.attach()
    book = books.book(BTC)
    view = book.view
    os.kill(feed.pid, signal.SIGKILL)
    eventually(lambda: not book.valid)
    feed.end()
    again = start_feed("binance", (ETH, BTC))  # another place in the directory
    again(f"book 1 {MID + 50_000_000}")
    eventually(book.poll)
    eventually(lambda: book.valid)
    assert book.bids[0, 0] == 19327.49
    assert view["bids"]["px_i"][0] == MID - 1_000_000, "a view of the old segment shows its last bytes"
    assert book.view["bids"]["px_i"][0] == MID + 49_000_000


@pytest.mark.parametrize("why", [Why.LOSS, Why.LINK_DOWN, Why.GAP], ids=lambda why: why.name)
def test_books_follow_a_feed_whose_last_word_was_that_the_book_is_bad(why: Why, make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    book, copied = (aats.attach().book(BTC) for _ in range(2))
    feed.invalid(0, why)
    assert book.why == copied.copy().why == why
    feed.generation()
    feed.book(0, MID)
    eventually(lambda: book.valid)
    eventually(lambda: copied.copy().valid)


def test_a_symbol_missing_from_the_next_life_is_no_book(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    book = aats.attach().book(BTC)
    feed.symbols = [ETH]
    feed.generation()
    eventually(lambda: book.why == Why.NO_BOOK)
    assert book.bids.shape == (0, 2) and book.seq == 0
    with pytest.raises(ShmError, match="has no book"):
        _ = book.view
    feed.add(BTC)
    feed.book(1, MID)
    eventually(lambda: book.valid)


def test_a_view_outlives_everything(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    view, floats = aats.attach().book(BTC).view, aats.attach().book(BTC).bids
    feed.close()
    del feed
    gc.collect()
    assert view["bids"]["px_i"][0] == MID - 1_000_000 and floats[0, 0] == 19326.99


# -------------------------------------------------------------------------------------------------------------- events


def test_events_begin_with_each_valid_book_and_go_on(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    events = aats.attach().events(idle_s=2.0)
    first = next(events)
    assert (first.kind, first.symbol, first.event.recovered) == ("quote", BTC, True)
    assert first.bids[0].tolist() == [19326.99, 0.001]
    feed.tick(1, 100_000_000, 5, buyer=False)
    second = next(events)
    assert (second.kind, second.symbol, second.event.px_i, second.event.qty_i) == ("tick", ETH, 100_000_000, 5)
    feed.invalid(0, Why.CROSSED)
    third = next(events)
    assert (third.kind, third.symbol, third.reason) == ("invalid", BTC, "crossed")
    assert first.event.seq == feed.seq - 2, "an event is a copy"


def test_events_tell_a_lap_and_then_each_book(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed(ring_depth=16)
    feed.book(0, MID)
    events = aats.attach().events(idle_s=2.0)
    next(events)
    feed.book(0, MID + 100_000_000)
    for _ in range(40):
        feed.tick(1, 1, 1, buyer=True)
    lap, quote = next(events), next(events)
    assert (lap.kind, lap.feed, lap.event.missed) == ("lap", "binance", 41)
    assert (quote.kind, quote.symbol, quote.bids[0, 0]) == ("quote", BTC, 19327.99)


def test_events_follow_a_new_generation(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    events = aats.attach().events(idle_s=2.0)
    next(events)
    feed.generation()
    feed.book(0, MID + 1)
    assert [next(events).kind for _ in range(4)] == ["feed_down", "invalid", "feed_up", "quote"]


def test_events_end_when_idle(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed()
    assert list(aats.attach().events(idle_s=0.02)) == []
