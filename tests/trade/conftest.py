"""Fixtures of the trade side's tests: feeds without a venue, in this process and in others."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import table

from .synthetic import SyntheticFeed

HERE = Path(__file__).parent
#: A feed in the test's own process sleeps whenever the test does, on a busy machine for long; those of `start_feed` have the real limit.
PATIENT_MS = 20_000

BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> Path:
    """Keep logs and run files out of the user's folders."""
    return home


@pytest.fixture
def make_feed(namespace: str) -> Iterator[Callable[..., SyntheticFeed]]:
    """Give a function that makes a feed in this process, which a thread keeps fresh; all are closed when the test is over."""
    made: list[SyntheticFeed] = []
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            for feed in list(made):
                feed.beat()

    def make(name: str = "binance", symbols: tuple[str, ...] = (BTC, ETH), **options: Any) -> SyntheticFeed:
        made.append(SyntheticFeed(name, symbols, **{"stale_ms": PATIENT_MS, **options}))
        return made[-1]

    heart = threading.Thread(target=beat)
    heart.start()
    yield make
    over.set()
    heart.join()
    for feed in made:
        feed.close()


class FeedProcess:
    """A feed in a process of its own; `__call__` sends a command and waits for its answer."""

    def __init__(self, name: str, symbols: tuple[str, ...], *sizes: int) -> None:
        words = [sys.executable, HERE / "feed_process.py", name, ",".join(symbols), *map(str, sizes)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.answer()

    @property
    def pid(self) -> int:
        return self.process.pid

    def answer(self) -> int:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()
        assert said[:1] == ["ok"], f"the feed process said {said}"
        return int(said[1])

    def __call__(self, command: str) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        return self.answer()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start_feed(namespace: str) -> Iterator[Callable[..., FeedProcess]]:
    """Give a function that starts a feed process; all are killed, and the table tidied, when the test is over."""
    started: list[FeedProcess] = []

    def start(name: str = "binance", symbols: tuple[str, ...] = (BTC, ETH), *sizes: int) -> FeedProcess:
        started.append(FeedProcess(name, symbols, *sizes))
        return started[-1]

    yield start
    for one in started:
        one.end()
    table.tidy()


def eventually(what: Callable[[], object], *, within_s: float = 10.0) -> float:
    """Wait until `what` is true; return the seconds that it took, fail after `within_s`."""
    begin = time.monotonic()
    while not what():
        if time.monotonic() - begin > within_s:
            pytest.fail(f"not true within {within_s} s")
        time.sleep(0.002)
    return time.monotonic() - begin
