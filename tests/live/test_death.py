"""Feeds, readers, exchanges and control servers that are killed or stopped: nobody calls a book of theirs good, nothing is left, the others live on."""

from __future__ import annotations

import concurrent.futures
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

import aats
from aats import control
from tests.live.looks import ROOT, eventually, segments, tool, tools_say
from tests.live.procs import FeedProc, Proc, Reader, Sim

SECOND = 1_000_000_000
BUSY, QUIET = "BTCUSDT", "LTCUSDT"  # QUIET never changes: the market has no event of it


def watch(books: dict[str, aats.Book], begin_ns: int, seconds: float) -> dict[str, int]:
    """Look at books for some time after `begin_ns`; return how many ns after it each was last called good."""
    last = dict.fromkeys(books, 0)
    while time.monotonic_ns() - begin_ns < seconds * SECOND:
        for symbol, book in books.items():
            before = time.monotonic_ns()
            if book.valid or book.copy().valid:
                last[symbol] = before - begin_ns  # it was asked at that time, whenever the answer came
        time.sleep(0.002)
    return last


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_within_a_second_of_a_feeds_end_nobody_calls_its_books_good(how: str) -> None:
    with Sim("--symbols", f"{BUSY},{QUIET}:0") as sim, FeedProc(sim, [BUSY, QUIET]) as feed:
        feed.wait_live()
        with Reader([BUSY, QUIET], say_ms=10) as reader:
            for symbol in (BUSY, QUIET):
                reader.wait("quote", symbol)
            books = {symbol: aats.attach(feed.name).book(f"{symbol}.BINANCE") for symbol in (BUSY, QUIET)}
            eventually(lambda: all(book.valid for book in books.values()), why="the views are not good")
            eventually(lambda: tools_say(BUSY, feed.name) == {"aats book": True, "tools.shm": True}, why="a tool does not see it")
            generation = feed.entry.generation

            begin = feed.kill() if how == "SIGKILL" else feed.pause()
            last = watch(books, begin, 1.5)
            assert max(last.values()) < SECOND, f"called good after {last}"
            for symbol in (BUSY, QUIET):
                assert not any(tools_say(symbol, feed.name).values())
                reader.wait("invalid", symbol, after=begin)
                assert not any(one["valid"][symbol] for one in reader.of("say", after=begin + SECOND))
                assert not reader.of("quote", symbol, after=begin + SECOND)
            reader.wait("down", after=begin)
            pid = reader.pid
            again = time.monotonic_ns()

            if how == "SIGKILL":
                feed.start()
                assert feed.entry.generation > generation
            else:
                feed.resume()
            for symbol in (BUSY, QUIET):
                assert reader.wait("quote", symbol, after=again)["valid"]
            eventually(lambda: all(book.valid for book in books.values()), why="the views do not come back")
            reader.wait("up", after=again)
            assert reader.pid == pid and reader.running
            assert not reader.of("lap")


def test_after_sigcont_a_book_is_good_only_once_it_was_checked() -> None:
    """The busy one by a diff that continues its sequence, the quiet one by a new snapshot."""
    with Sim("--symbols", f"{BUSY},{QUIET}:0") as sim, FeedProc(sim, [BUSY, QUIET]) as feed:
        feed.wait_live()
        with Reader([BUSY, QUIET]) as reader:
            reader.wait("quote", QUIET)
            reader.wait("quote", BUSY)
            segment = feed.segment()  # held: what it shows is live
            counters = segment.md.md.counters
            asked_before, before = int(counters[aats_counter("SNAP_ASKED")]), feed.books()
            begin = feed.pause()
            time.sleep(2)
            feed.resume()
            seen: set[str] = set()
            while len(seen) < 2:
                assert time.monotonic_ns() < begin + 60 * SECOND, f"not good again: {seen}"
                asked = int(counters[aats_counter("SNAP_ASKED")])  # read after the books below would be the wrong way round
                books = feed.books()
                if books[BUSY].valid and BUSY not in seen:
                    assert books[BUSY].seq > before[BUSY].seq and books[BUSY].epoch > before[BUSY].epoch
                    seen.add(BUSY)
                if books[QUIET].valid and QUIET not in seen:
                    asked = int(counters[aats_counter("SNAP_ASKED")])
                    assert asked > asked_before and books[QUIET].epoch > before[QUIET].epoch
                    seen.add(QUIET)
                time.sleep(0.002)
            for symbol in (BUSY, QUIET):
                first = reader.wait("quote", symbol, after=begin + SECOND)
                assert first["epoch"] > before[symbol].epoch
            assert feed.counters()["connects"] == 1


def aats_counter(name: str) -> int:
    from aats.layout import MdCounter

    return int(MdCounter[name])


# ----------------------------------------------------------------------------------------------------------- 50 kills


class Control(Proc):
    """``aats control`` on a free port."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aats.cli", "control", "--port", "0"], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=ROOT
        )
        eventually(lambda: any(one["pid"] == self.pid and one["state"] == "RUN" for one in control.processes()), why="no control server")


def kill_while_it_starts(feed: FeedProc, after_s: float) -> None:
    """Start a second life of a dead feed and end it in the middle."""
    process = subprocess.Popen([sys.executable, "-m", "aats.cli", "feed", str(feed.file)], cwd=ROOT, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def test_fifty_random_kills_leave_nothing_behind_and_the_others_live_on(namespace: str) -> None:
    dice = random.Random(20)
    with Sim("--plain", "--symbols", "BTCUSDT,ETHUSDT", "--connects", "100000", "--weight", "1000000") as sim, Control() as server:
        with FeedProc(sim, ["BTCUSDT", "ETHUSDT"]) as feed, Reader(["BTCUSDT", "ETHUSDT"], feed="live") as reader:
            all_of_them: dict[str, Proc] = {"sim": sim, "control": server, "feed": feed, "reader": reader}
            begin: dict[str, Callable[[], None]] = {"sim": sim.restart, "control": server.start, "feed": feed.start, "reader": reader.start}
            kills = dict.fromkeys(all_of_them, 0)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                while sum(kills.values()) < 50:
                    victims = dice.sample(sorted(all_of_them), dice.choice((1, 2, 3, 3)))
                    alive = {name: one.pid for name, one in all_of_them.items() if name not in victims}
                    for name in victims:
                        all_of_them[name].kill()
                        kills[name] += 1
                    if "sim" in victims:
                        sim.restart()
                    if "feed" in victims and dice.random() < 0.3:
                        kill_while_it_starts(feed, dice.uniform(0.0, 0.7))
                        kills["feed"] += 1
                    for started in [pool.submit(begin[name]) for name in victims if name != "sim"]:
                        started.result(60)
                    assert {name: one.pid for name, one in all_of_them.items() if name in alive and one.running} == alive
                    time.sleep(dice.uniform(0.0, 0.2))

            now = time.monotonic_ns()
            feed.wait_live()
            for symbol in feed.symbols:
                reader.wait("quote", symbol, after=now, within_s=60)
            kinds = sorted(
                name.split(".")[4]
                for name in eventually(lambda: len(segments(namespace)) == 4 and segments(namespace), why=lambda: segments(namespace))
            )
            assert kinds == ["ctl", "md", "risk", "td"]  # risk: the host's, made by the feed for its budgets; it goes with the table
            assert sorted(one["pid"] for one in control.processes() if one["alive"]) == sorted((server.pid, feed.pid, reader.pid))
            assert min(kills.values()) >= 5, kills
    assert segments(namespace) == []
    assert tool("ps", "--json").stdout.strip() == "[]"
    assert not [line for line in os.listdir("/dev/shm") if f".{namespace}." in line]
