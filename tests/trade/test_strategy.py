"""A strategy's life: what is called, when, and with what; one feed in this process or another."""

from __future__ import annotations

import gc
import inspect
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aats import control, shm
from aats.base.symbolinfo import SymbolInfo
from aats.base_strategy import BaseStrategy
from aats.layout import Command, Flag, Mode, RecKind, Why
from aats.shm import histograms
from aats.trade import CALLBACKS
from aats.trade_service import TradeService

from .conftest import BTC, ETH, FeedProcess
from .synthetic import SyntheticFeed

MID = 1_932_700_000_000
MAP = {1001: BTC, 1002: ETH}


class Recorder(BaseStrategy):
    """Writes down what it is told, and stops after `enough` of it, or when `until` says so; gives up after 10 s."""

    def __init__(self, enough: int = 0, until: Callable[[Recorder], object] | None = None) -> None:  # no super().__init__(): none is needed
        self.said: list[Any] = []
        self.enough, self.until = enough, until

    def note(self, *what: Any) -> None:
        self.said.append(what if len(what) > 1 else what[0])
        if (self.enough and len(self.said) >= self.enough) or (self.until and self.until(self)):
            self.manager.stop()

    def onStart(self) -> None:
        self.set_timer("patience", 10_000)

    def onTimer(self, name: str) -> None:
        if name == "patience":
            self.said.append("out of patience")
            self.manager.stop()

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.note("quote", msg["cid"], msg["bid_0_px"])

    def onTick(self, msg: dict[str, Any]) -> None:
        self.note("tick", msg["cid"], msg["px"])

    def onBookInvalid(self, cid: Any, reason: str) -> None:
        self.note("invalid", cid, reason)

    def onLap(self, feed: str, missed: int) -> None:
        self.note("lap", feed, missed)

    def onFeedDown(self, feed: str, reason: str) -> None:
        self.note("down", feed, reason)

    def onFeedUp(self, feed: str) -> None:
        self.note("up", feed)

    def close(self) -> None:
        self.said.append("close")

    def onStop(self, reason: str) -> None:
        self.said.append(f"stop: {reason}")


def run(*strategies: BaseStrategy, symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"), level_num: int = 5, **options: Any) -> TradeService:
    """Run strategies to their end, beating for the feeds of this process is the test's business."""
    service = TradeService(MAP, name="test", **options)
    for symbol in symbols:
        service.add_md_symbol(symbol, "BINANCE", level_num)
    for strategy in strategies:
        service.add_strategy(strategy)
    service.run()
    return service


# ------------------------------------------------------------------------------------------------------ the manual


def _documented() -> dict[str, list[str]]:
    """Return name and parameters of each callback in the tables of docs/strategy.md."""
    page = Path(__file__).resolve().parents[2] / "docs" / "strategy.md"
    rows = [line.split("|")[1] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `on")]
    calls = re.findall(r"(on\w+)\(([^)]*)\)", " ".join(rows))
    return {name: [one.strip() for one in arguments.split(",") if one.strip()] for name, arguments in calls}


def test_every_callback_that_the_loop_knows_is_in_the_base_class() -> None:
    for name in CALLBACKS:
        assert callable(getattr(BaseStrategy, name))
    assert all(inspect.getdoc(value) for name, value in vars(BaseStrategy).items() if name.startswith("on"))


def test_the_guide_and_the_base_class_tell_the_same() -> None:
    documented = _documented()
    made = {name: list(inspect.signature(getattr(BaseStrategy, name)).parameters)[1:] for name in documented}
    assert made == documented
    assert {*CALLBACKS, "onStart", "onStop"} <= set(documented)


def test_symbol_info_has_what_its_typing_says() -> None:
    source = (Path(__file__).resolve().parents[2] / "aats" / "base" / "symbolinfo.py").read_text(encoding="utf-8")
    typed = set(re.findall(r"^        (\w+): ", source, re.M))
    made = {name for name in dir(SymbolInfo) if not name.startswith("_")}
    assert typed == made - {"levels"} and "mid_px" in typed


# ------------------------------------------------------------------------------------------------------- market data


def test_a_strategy_gets_the_documented_messages(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.quote(0, [(MID - i, 100_000 + i) for i in range(5)], [(MID + 1 + i, 200_000 + i) for i in range(3)])
    got: list[Any] = []

    class Mine(BaseStrategy):
        def onStart(self) -> None:
            got.append(("start", self.si[1001].valid, self.trade_cid, list(self.si)))

        def onQuote(self, msg: dict[str, Any]) -> None:
            info, event = self.si[1001], self.event
            got.append(dict(msg))
            got.append((info.bid_px, info.mid_px, info.depth, len(info.bids), len(info.asks), info.valid, info.ticksize, info.lotsize))
            got.append((event.seq, event.bid_len, event.ask_len, event.recovered, event.asks_i[2], event.delivered_ns > event.pub_ns > 0))
            book = self.book(1001)
            got.append((book.bids.shape, book.asks.shape, book.bids[4].tolist(), book.asks_i[0].tolist(), book.valid))

        def onNotify(self, NoType: int) -> None:
            got.append((NoType, self.quote_cnt, self.tick_cnt))
            if NoType == 1:
                feed.tick(1, 163_893_000_000, 2_490_000, buyer=False)

        def onTick(self, msg: dict[str, Any]) -> None:
            got.append(dict(msg))
            got.append((self.si[1002].trade_px, self.si[1002].trade_type, self.si[1001].trade_type))
            self.manager.stop()

    run(Mine())
    bids = {f"bid_{i}_{k}": v / 1e8 for i in range(5) for k, v in (("qty", 100_000 + i), ("px", MID - i))}
    asks = {f"ask_{i}_{k}": v / 1e8 for i in range(3) for k, v in (("qty", 200_000 + i), ("px", MID + 1 + i))}
    quote = {"type": "onQuote", "cid": 1001, "length": 5, **bids, **asks}
    assert got[0] == ("start", False, None, [1001, 1002])
    assert got[1] == quote and list(got[1]) == list(quote)
    assert got[2] == (19327.0, (19327.0 + 19327.00000001) / 2, 5, 5, 3, True, 0.01, 0.00001)
    assert got[3] == (101, 5, 3, True, (MID + 3, 200_002), True)
    assert got[4] == ((5, 2), (3, 2), [(MID - 4) / 1e8, 100_004 / 1e8], [MID + 1, 200_000], True)
    assert got[5:8] == [(1, 1, 0), {"type": "onTick", "cid": 1002, "tradeType": -1, "qty": 0.0249, "px": 1638.93}, (1638.93, -1, 0)]
    assert got[8] == (0, 1, 1)


def test_bbo_and_level_changes_have_callbacks_of_their_own(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    got: list[Any] = []

    class Mine(BaseStrategy):
        def onStart(self) -> None:
            self.set_timer("go", 1)

        def onTimer(self, name: str) -> None:
            self.set_timer("go", 0)
            feed.book(0, MID)
            feed.bbo(0, (100, 1), (200, 2))
            feed.l2(0, 1, 300, 0, last=True)

        def onBbo(self, msg: dict[str, Any]) -> None:
            info = self.si[1001]
            got.append([*msg][:6])
            got.append((msg["bid_px"], msg["ask_qty"], msg["recv_ns"] == info.bbo_recv_ns, info.bbo_bid_px, info.bid_px))

        def onL2(self, msg: dict[str, Any]) -> None:
            got.append((msg["side"], msg["px"], msg["qty"], msg["last"], msg["seq"] == feed.seq))
            self.manager.stop()

        def onNotify(self, NoType: int) -> None:
            got.append(NoType)

    run(Mine())
    assert got[0] == 1, "onNotify follows onQuote and onTick alone"
    assert got[1:3] == [["type", "cid", "bid_px", "bid_qty", "ask_px", "ask_qty"], (1e-6, 2e-8, True, 1e-6, 19326.99)]
    assert got[3:] == [("ask", 3e-6, 0.0, True, True)]


def test_what_is_told_of_perpetuals_has_callbacks_of_its_own(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    got: list[Any] = []

    class Mine(BaseStrategy):
        def onStart(self) -> None:
            self.set_timer("go", 1)

        def onTimer(self, name: str) -> None:
            self.set_timer("go", 0)
            feed.perp(RecKind.MARK, 0, px_i=MID, qty_i=MID + 100, exch_ns=7)
            feed.perp(RecKind.MARK, 1, qty_i=MID)
            feed.perp(RecKind.FUNDING, 0, px_i=-(10**14), aux=1_785_312_000_000_000_000)
            feed.perp(RecKind.FUNDING, 1, px_i=10**13)
            feed.perp(RecKind.LIQUIDATION, 0, px_i=MID, qty_i=5, flags=int(Flag.VALID | Flag.BUYER))
            feed.perp(RecKind.LIQUIDATION, 0, px_i=MID, qty_i=6, flags=int(Flag.VALID))

        def onMark(self, msg: dict[str, Any]) -> None:
            got.append(msg)

        def onFunding(self, msg: dict[str, Any]) -> None:
            got.append(msg)

        def onLiquidation(self, msg: dict[str, Any]) -> None:
            got.append(msg)
            if msg["side"] == "sell":
                self.manager.stop()

        def onNotify(self, NoType: int) -> None:
            got.append(NoType)

    run(Mine())
    for one in got:
        assert one.pop("recv_ns") >= 0 and one.pop("pub_ns") > 0
    exch_ns = [one.pop("exch_ns") for one in got]  # each message is its own: it may be kept, and changed
    assert exch_ns[0] == 7
    px = MID / 1e8
    assert got == [
        {"type": "onMark", "cid": 1001, "mark_px": px, "index_px": (MID + 100) / 1e8},
        {"type": "onMark", "cid": 1002, "index_px": px},
        {"type": "onFunding", "cid": 1001, "rate": -0.0001, "next_ns": 1_785_312_000_000_000_000},
        {"type": "onFunding", "cid": 1002, "rate": 0.00001},
        {"type": "onLiquidation", "cid": 1001, "side": "buy", "px": px, "qty": 5e-8},
        {"type": "onLiquidation", "cid": 1001, "side": "sell", "px": px, "qty": 6e-8},
    ]


def test_each_strategy_has_its_own_messages_and_counts(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)

    class Vandal(BaseStrategy):
        def onQuote(self, msg: dict[str, Any]) -> None:
            msg.clear()

    witness, late = Recorder(1), Recorder()
    run(Vandal(), witness, Vandal(), late)
    assert witness.said[0] == late.said[0] == ("quote", 1001, 19326.99)
    assert witness.si is late.si and witness.event is not late.event


def test_what_a_strategy_does_not_override_is_not_called(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)
    silent = BaseStrategy()
    stopper = Recorder(1)
    service = TradeService(MAP, name="test")
    service.add_md_symbol("BTCUSDT", "BINANCE")
    for strategy in (silent, stopper):
        service.add_strategy(strategy)
    calls: list[int] = []
    stopper.onStop = lambda reason: calls.append(int(service._session.segment.pointer("aats_td_t", 256).counters[10]))  # type: ignore[union-attr,method-assign]
    service.run()
    assert calls == [1], "one callback in all: the stopper's onQuote"


def test_a_callback_set_on_the_instance_is_called(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)
    strategy = BaseStrategy()
    got: list[Any] = []

    def on_quote(msg: dict[str, Any]) -> None:
        got.append(msg["cid"])
        strategy.manager.stop()

    strategy.onQuote = on_quote  # type: ignore[method-assign]
    run(strategy)
    assert got == [1001]


def test_super_calls_neither_harm_nor_notify_twice(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)
    notes: list[int] = []

    class Polite(BaseStrategy):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)

        def onNotify(self, NoType: int) -> None:
            super().onNotify(NoType)
            notes.append(NoType)
            self.manager.stop()

    run(Polite())
    assert notes == [1]


def test_a_strategy_may_count_for_itself(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)

    class Counting(Recorder):
        def __init__(self) -> None:
            super().__init__(1)
            self.quote_cnt = 40

        def onQuote(self, msg: dict[str, Any]) -> None:
            self.quote_cnt += 2
            super().onQuote(msg)

    strategy = Counting()
    run(strategy)
    assert strategy.quote_cnt == 42 and strategy.tick_cnt == 0


# ------------------------------------------------------------------------------------------- truth: laps, feeds, ends


def test_a_lapped_strategy_gets_a_quiet_book_as_the_feed_has_it(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed("binance", (BTC, ETH), 5, 64)
    feed(f"book 0 {MID}")

    class Slow(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            if len(self.said) == 1:
                feed(f"book 0 {MID + 100_000_000}")  # BTC moves once, then ETH laps the ring while BTC is quiet
                feed("ticks 1 500")

    strategy = Slow(3)
    run(strategy)
    assert strategy.said[:3] == [("quote", 1001, 19326.99), ("lap", "binance", 501), ("quote", 1001, 19327.99)]
    assert strategy.si[1001].bid_px == 19327.99


def test_a_killed_feed_is_told_and_its_next_life_is_followed(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")
    times: list[float] = []

    class Watcher(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            if len(self.said) == 1:
                os.kill(feed.pid, signal.SIGKILL)
                times.append(time.monotonic())

        def onBookInvalid(self, cid: Any, reason: str) -> None:
            times.append(time.monotonic())
            super().onBookInvalid(cid, reason)
            feed.end()
            again = start_feed("binance", (ETH, BTC))
            again(f"book 1 {MID + 100_000_000}")

    strategy = Watcher(5)
    run(strategy)
    told = strategy.said[:5]
    assert told[0] == ("quote", 1001, 19326.99) and told[1][0] == "down" and told[2][:2] == ("invalid", 1001)
    assert told[3:] == [("up", "binance"), ("quote", 1001, 19327.99)]
    assert times[1] - times[0] < 1.0


def test_a_feed_that_comes_back_in_another_mode_is_not_followed(
    make_feed: Callable[..., SyntheticFeed], caplog: pytest.LogCaptureFixture
) -> None:
    feed = make_feed()
    feed.book(0, MID)

    class Watcher(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            feed.close()
            make_feed(mode=Mode.SIM).book(0, MID)
            self.set_timer("enough", 150)

        def onTimer(self, name: str) -> None:
            super().onTimer(name)
            self.manager.stop()

    strategy = Watcher()
    run(strategy)
    assert [what[0] for what in strategy.said[:-2]] == ["quote", "down", "invalid"]
    assert caplog.text.count("it is back with mode sim, this process was started on direct data: not followed") == 1


def test_a_stopped_feed_is_told_and_its_books_come_back_when_checked(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")

    class Watcher(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            if len(self.said) == 1:
                os.kill(feed.pid, signal.SIGSTOP)

        def onBookInvalid(self, cid: Any, reason: str) -> None:
            super().onBookInvalid(cid, reason)
            os.kill(feed.pid, signal.SIGCONT)

        def onFeedUp(self, name: str) -> None:
            super().onFeedUp(name)
            self.set_timer("resynchronised", 100)

        def onTimer(self, name: str) -> None:
            super().onTimer(name)
            if name == "resynchronised":
                self.set_timer(name, 0)
                feed(f"book 0 {MID + 100_000_000}")

    strategy = Watcher(5)
    run(strategy)
    assert strategy.said[:5] == [
        ("quote", 1001, 19326.99),
        ("down", "binance", "feed_stale"),
        ("invalid", 1001, "feed_stale"),
        ("up", "binance"),
        ("quote", 1001, 19327.99),
    ]


def test_an_invalid_book_is_told_once_and_shown_in_si(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)

    class Watcher(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            assert self.si[1001].valid
            super().onQuote(msg)
            if len(self.said) == 1:
                feed.invalid(0, Why.GAP)
                feed.invalid(0, Why.SYNCING)
                feed.tick(0, 1, 1, buyer=True)

        def onTick(self, msg: dict[str, Any]) -> None:
            assert not self.si[1001].valid
            feed.book(0, MID)
            super().onTick(msg)

    strategy = Watcher(4)
    run(strategy)
    assert [what[0] for what in strategy.said[:4]] == ["quote", "invalid", "tick", "quote"]


def test_two_feeds_serve_one_strategy(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed("one", (BTC,)).book(0, MID)
    make_feed("two", (ETH,)).book(0, MID + 100_000_000)
    strategy = Recorder(2)
    run(strategy)
    assert sorted(strategy.said[:2]) == [("quote", 1001, 19326.99), ("quote", 1002, 19327.99)]


def test_levels_count_only_on_the_feed_that_serves_the_symbol(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed("deep", (BTC,), level=20).book(0, MID)
    make_feed("flat", (BTC, ETH), level=5).book(1, MID)
    service = TradeService(MAP, name="test")
    service.add_md_symbol("BTCUSDT", "BINANCE", 20)  # the older feed has so many; the other one, which serves ETHUSDT, has not
    service.add_md_symbol("ETHUSDT", "BINANCE", 5)
    strategy = Recorder(2)
    service.add_strategy(strategy)
    service.run()
    assert sorted(one[1] for one in strategy.said[:2]) == [1001, 1002]


def test_si_is_read_only_and_counts_outlive_the_run(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)
    strategy = Recorder(1)
    run(strategy)
    assert strategy.quote_cnt == 1
    with pytest.raises(TypeError):
        strategy.si[7] = strategy.si[1001]  # type: ignore[index]
    with pytest.raises(AttributeError):
        strategy.si[1001].bid_px = 1.0


# ------------------------------------------------------------------------------------------------------------- timers


def test_timers_come_when_due_and_can_be_changed_and_ended(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed()
    calls: list[tuple[str, float]] = []

    class Timed(BaseStrategy):
        def onTimer(self, name: str) -> None:
            calls.append((name, time.monotonic()))
            if name == "fast" and len(calls) == 3:
                self.set_timer("fast", 0)
                self.set_timer("end", 20)
            if name == "end":
                self.manager.stop()

    strategy = Timed()
    strategy.set_timer("fast", 5)  # before run(): noted
    begin = time.monotonic()
    run(strategy)
    assert [name for name, _ in calls] == ["fast", "fast", "fast", "end"]
    assert calls[2][1] - begin >= 0.015 and calls[3][1] - calls[2][1] >= 0.020


def test_a_late_timer_is_not_made_up_for(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed()

    class Lazy(BaseStrategy):
        calls = 0

        def onTimer(self, name: str) -> None:
            self.calls += 1
            if self.calls == 1:
                time.sleep(0.05)
                self.set_timer("end", 4)
            if name == "end":
                self.manager.stop()

    strategy = Lazy()
    strategy.set_timer("every", 2)
    run(strategy)
    assert strategy.calls <= 6


# -------------------------------------------------------------------------------------------------------- other threads


def test_other_threads_run_while_the_loop_is_busy_and_while_it_is_idle(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed(ring_depth=1024)
    turns = [0]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            turns[0] += 1
            time.sleep(0)

    class Busy(Recorder):
        """Each phase lasts until the other thread has had 20 turns (or a minute without them is over)."""

        busy = False
        seen = 0
        phase_ends = 0.0

        def onTimer(self, name: str) -> None:
            if turns[0] < 20 and time.monotonic() < self.phase_ends:
                return
            self.said.append(turns[0])
            if self.busy:
                self.manager.stop()
                return
            self.begin_phase()
            self.busy = True
            feed.book(0, MID)  # from here on every quote makes the next one: the loop is never idle

        def begin_phase(self) -> None:
            turns[0] = 0
            self.phase_ends = time.monotonic() + 60.0

        def onQuote(self, msg: dict[str, Any]) -> None:
            self.seen += 1
            feed.book(0, MID + self.seen)
            if self.seen % 100 == 0:
                feed.beat()

    strategy = Busy()
    strategy.set_timer("phase", 100)
    strategy.begin_phase()
    thread = threading.Thread(target=count)
    thread.start()
    try:
        run(strategy)
    finally:
        stop.set()
        thread.join()
    assert strategy.said[0] >= 20 and strategy.said[1] >= 20, strategy.said
    assert strategy.seen > 0


def test_stop_from_another_thread_ends_an_idle_run(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed()
    strategy = Recorder()
    service = TradeService(MAP, name="test")
    service.add_md_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    timer = threading.Timer(0.1, service.stop)
    timer.start()
    service.run()
    timer.join()
    assert strategy.said == ["close", "stop: stop"]
    service.stop()  # harmless


# ------------------------------------------------------------------------------------------------------------- the end


def test_an_exception_is_logged_closes_all_and_leaves_run(
    make_feed: Callable[..., SyntheticFeed], caplog: pytest.LogCaptureFixture
) -> None:
    feed = make_feed()
    feed.book(0, MID)

    class Faulty(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            raise LookupError("mine")

        def close(self) -> None:
            super().close()
            raise ValueError("in close too")

    faulty, other = Faulty(), Recorder()
    with caplog.at_level(logging.ERROR, "aats.trade"), pytest.raises(LookupError, match="mine"):
        run(faulty, other)
    assert faulty.said == other.said == ["close", "stop: LookupError: mine"]
    assert "LookupError: mine" in caplog.text and "onQuote" in caplog.text and "in close too" in caplog.text
    assert [one["role"] for one in control.processes()] == ["feed"], "slot and segment are given back"
    assert gc.isenabled()


def test_sys_exit_in_a_callback_is_an_end_not_a_fault(make_feed: Callable[..., SyntheticFeed], caplog: pytest.LogCaptureFixture) -> None:
    make_feed().book(0, MID)

    class Leaver(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            sys.exit(3)

    leaver = Leaver()
    with pytest.raises(SystemExit, match="3"):
        run(leaver)
    assert leaver.said == ["close", "stop: exit"] and "Traceback" not in caplog.text


def test_a_service_can_run_again(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, MID)
    strategy = Recorder(until=lambda self: self.said[-1][0] == "quote")
    service = run(strategy)
    service.run()
    assert strategy.said == [("quote", 1001, 19326.99), "close", "stop: stop"] * 2


SCRIPT = """
import logging, sys
from aats.base_strategy import BaseStrategy
from aats.trade_service import TradeService

logging.basicConfig(level=logging.INFO, stream=sys.stderr)

class Mine(BaseStrategy):
    def onQuote(self, msg): print("quote", flush=True); {body}
    def close(self): print("close", flush=True)
    def onStop(self, reason): print("stop:", reason, flush=True)

service = TradeService({{1001: "BTCUSDT.BINANCE"}}, name="script")
service.add_md_symbol("BTCUSDT", "BINANCE")
service.add_strategy(Mine())
try:
    service.run()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    service.stop()
print("end", flush=True)
"""


def script(body: str = "pass") -> subprocess.Popen[str]:
    started = subprocess.Popen([sys.executable, "-c", SCRIPT.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout is not None and started.stdout.readline() == "quote\n"
    return started


def rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what it still says until it ends.  Not by communicate(), which does not know what the first readline has read ahead."""
    assert process.stdout is not None and process.stderr is not None
    out, err = process.stdout.read(), process.stderr.read()
    process.wait(20)
    return out, err


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (signal.SIGINT, ["close", "stop: interrupt", "interrupted", "end"]),
        (signal.SIGTERM, ["close", "stop: SIGTERM", "end"]),
        ("command", ["close", "stop: kill_server", "end"]),
    ],
)
def test_a_script_ends_cleanly_however_it_is_told(start_feed: Callable[..., FeedProcess], how: Any, said: list[str]) -> None:
    start_feed()(f"book 0 {MID}")
    process = script()
    if how == "command":
        assert control.command(control.entry_of_pid(process.pid), Command.STOP) == "stopping"
    else:
        process.send_signal(how)
    out, err = rest(process)
    assert out.splitlines() == said and process.returncode == 0, err
    assert [one["role"] for one in control.processes()] == ["feed"]


def test_a_script_whose_callback_raises_ends_with_a_traceback_and_a_bad_status(start_feed: Callable[..., FeedProcess]) -> None:
    feed = start_feed()
    feed(f"book 0 {MID}")
    process = script("raise LookupError('mine')")
    out, err = rest(process)
    assert out.splitlines() == ["close", "stop: LookupError: mine"] and process.returncode == 1
    assert "LookupError: mine" in err
    assert feed(f"book 0 {MID}") > 0, "the feed goes on"


def test_a_killed_script_leaves_nothing_for_long(start_feed: Callable[..., FeedProcess], namespace: str) -> None:
    start_feed()(f"book 0 {MID}")
    process = script()
    process.kill()
    process.communicate()
    make = TradeService(MAP, name="script")  # the same name again
    make.add_md_symbol("BTCUSDT", "BINANCE")
    strategy = Recorder(1)
    make.add_strategy(strategy)
    make.run()
    assert strategy.said[0][0] == "quote"
    assert [name.kind for name in shm.names(ns=namespace)] == ["ctl", "md"]


# -------------------------------------------------------------------------------------------------------------- measure


def test_a_quote_that_waited_behind_a_slow_callback_is_judged_by_the_time_it_is_given(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed(stale_ms=1000)
    feed.book(0, MID)

    class Slow(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            feed.beat = lambda: None  # type: ignore[method-assign]
            feed.book(0, MID + 1)
            time.sleep(1.2)

    strategy = Slow(until=lambda one: one.said[-1][0] == "invalid")
    run(strategy)
    assert [what[0] for what in strategy.said[:-2]] == ["quote", "down", "invalid"]


def test_latencies_and_counters_stand_in_the_segment(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed = make_feed()
    feed.book(0, MID)
    hops: dict[str, Any] = {}

    class Measured(Recorder):
        def onQuote(self, msg: dict[str, Any]) -> None:
            if self.quote_cnt < 50:
                feed.book(0, MID + self.quote_cnt)
            else:
                self.manager.stop()

        def close(self) -> None:  # a sample is counted after its callback
            session = self.manager._session
            hops.update({one.name: one for one in histograms(session.segment)})
            hops["counters"] = list(session.segment.pointer("aats_td_t", 256).counters)

    run(Measured())
    assert hops["pub_delivered"].count == 49, "the first came from the latest slot: its age is no latency"
    assert 0 < hops["pub_delivered"].p50 < hops["recv_delivered"].p50
    assert hops["counters"][0] == 50 and hops["counters"][11] == 1, "fifty quotes, one message made"
