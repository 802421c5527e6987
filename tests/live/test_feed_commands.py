"""The control plane of a feed goes on while one of its commands waits for the venue."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from decimal import Decimal

import pytest

from aats import control, cpus
from aats.config import feed_config
from aats.errors import ConfigError, ControlError
from aats.feed import Feed
from aats.layout import Command
from aats.venue import Endpoints, Instrument, VenueClient


class SlowVenue(VenueClient):
    """Knows every symbol but NOSUCH; answers when `gate` is open."""

    name = "BINANCE"

    def __init__(self) -> None:
        super().__init__(Endpoints("http://127.0.0.1:9", "ws://127.0.0.1:9"))
        self.gate = threading.Event()

    @classmethod
    def endpoints_of(cls, mode: str) -> Endpoints | None:
        return None

    def instruments(self, symbols: Iterable[str]) -> dict[str, Instrument]:
        assert self.gate.wait(20)
        wanted = [one.split(".")[0] for one in symbols]
        if "NOSUCH" in wanted:
            raise ConfigError("symbol 'NOSUCH' is not listed")
        return {one: Instrument(f"{one}.BINANCE", one, one[:3], one[3:], Decimal("0.01"), Decimal("0.00001"), True) for one in wanted}

    def snapshot(self, native: str) -> bytes:
        raise AssertionError("no stream is up, so no snapshot is wanted")

    def close(self) -> None:
        pass


def make(**settings: object) -> Feed:
    data = {"feed": {"name": "slow", "venue": "BINANCE", "mode": "sim", "symbols": ["BTCUSDT"], **settings}}
    data["endpoints"] = {"rest": "http://127.0.0.1:9", "stream": "ws://127.0.0.1:9"}
    made = Feed(feed_config(data), inline="cpu" not in settings)
    made.client = SlowVenue()
    made.client.gate.set()
    made.start()
    return made


@pytest.fixture
def feed(namespace: str, home: object) -> Iterable[Feed]:
    made = make()
    yield made
    made.client.gate.set()
    made.close()


def ask(symbol: str, out: list[str]) -> threading.Thread:
    def run() -> None:
        [entry] = [one for one in control.Table.open().entries() if one.name == "slow"]
        try:
            out.append(control.command(entry, Command.SUBSCRIBE, f"{symbol} 5", timeout_s=20))
        except ControlError as exc:
            out.append(str(exc))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def serve_until(feed: Feed, what: object, deadline_s: float = 10.0) -> int:
    passes, deadline = 0, time.monotonic() + deadline_s
    while not what() and time.monotonic() < deadline:  # type: ignore[operator]
        feed.serve(0.001)
        passes += 1
    return passes


def test_a_look_up_that_hangs_holds_nothing_else_up(feed: Feed) -> None:
    feed.client.gate.clear()  # type: ignore[attr-defined]
    answer: list[str] = []
    thread = ask("ETHUSDT", answer)
    serve_until(feed, lambda: feed._lookup is not None)
    assert feed._lookup is not None
    for _ in range(50):
        feed.serve(0.001)  # each pass ends at once: mails are still taken
    assert not answer
    feed.client.gate.set()  # type: ignore[attr-defined]
    serve_until(feed, lambda: bool(answer))
    thread.join()
    assert answer == ["ETHUSDT.BINANCE subscribed with 5 levels"]


def test_a_look_up_that_fails_is_answered_with_its_reason(feed: Feed) -> None:
    answer: list[str] = []
    thread = ask("NOSUCH", answer)
    serve_until(feed, lambda: bool(answer))
    thread.join()
    assert len(answer) == 1 and "symbol 'NOSUCH' is not listed" in answer[0]
    assert "NOSUCH.BINANCE" not in feed._levels


@pytest.mark.parametrize("cpu", ["auto", cpus.usable()[0]])
def test_the_io_thread_alone_is_pinned(namespace: str, home: object, cpu: str | int) -> None:
    if len(cpus.usable()) < 2:
        pytest.skip("one core only")
    everywhere = os.sched_getaffinity(0)
    made = make(cpu=cpu)
    try:
        assert made._thread is not None
        thread = made._thread.native_id
        serve_until(made, lambda: len(os.sched_getaffinity(thread)) == 1)
        assert os.sched_getaffinity(thread) == ({cpu} if isinstance(cpu, int) else {max(everywhere)})
        assert os.sched_getaffinity(0) == everywhere
    finally:
        made.close()


def test_a_core_that_is_not_there_is_refused_before_anything_is_started(namespace: str, home: object) -> None:
    with pytest.raises(ConfigError, match=r"feed.cpu: core 4000 cannot be used; usable here: \d"):
        make(cpu=4_000)
    assert control.processes() == []
