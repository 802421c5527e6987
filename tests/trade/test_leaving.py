"""Leaving the market: what happens to open orders, whatever the strategy does, and what it is still told."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from aats import config, control, trade_leave
from aats import trade as trade_module
from aats.base.order import Order
from aats.errors import OrderError

from .orders_kit import Closing, Trader, order, rules_served, trade
from .synthetic import SyntheticFeed


@pytest.fixture(scope="module")
def rules() -> Iterator[str]:
    with rules_served() as address:
        yield address


@pytest.fixture
def feed(make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch) -> SyntheticFeed:
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", rules)
    return make_feed()


@pytest.fixture
def close_ms(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give a function that sets the time that a close() has."""

    def set_to(ms: int) -> None:
        monkeypatch.setattr(config, "limits", lambda: replace(config.Limits(), close_ms=ms))

    return set_to


class Spied:
    """The C core with its calls written down."""

    def __init__(self, lib: Any) -> None:
        self.calls: list[str] = []
        self._lib = lib

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._lib, name)
        if name in ("aats_trader_close", "aats_trader_cancel_all", "aats_trader_verify", "aats_trader_leave"):
            self.calls.append(name.removeprefix("aats_trader_"))
        return value


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the steps of leaving, as they are called."""
    spied = Spied(trade_leave.lib)
    monkeypatch.setattr(trade_leave, "lib", spied)
    return spied.calls


def resting(*prices: str) -> Callable[[Trader], object]:
    return lambda strategy: [strategy.send_order(order(price=price, tif="gtc")) for price in prices]


def acked(count: int) -> Callable[[Trader], bool]:
    return lambda strategy: len(strategy.said("Acked")) == count


def ended(strategy: Trader, count: int) -> bool:
    return strategy.names().count("Canceled") == strategy.names().count("Closed") == count


def test_what_close_cancels_is_told_before_on_stop(feed: SyntheticFeed, calls: list[str]) -> None:
    class Tidy(Trader):
        def close(self) -> None:
            for order_id in self.orders:
                self.send_cancel_order(order_id)

        def onStop(self, reason: str) -> None:
            self.told.append(("Stop", {"order_id": 0}))

    strategy = Tidy(resting("59000", "59001"), acked(2))
    begin = time.monotonic()
    trade(feed, strategy)
    assert time.monotonic() - begin < 5, "it does not wait longer than it must"
    assert ended(strategy, 2) and strategy.names()[-1] == "Stop" and strategy.names().count("CancelAcked") == 2
    assert calls == ["close", "verify", "leave"]


def test_what_is_left_open_is_canceled_and_the_venue_is_asked(
    feed: SyntheticFeed, calls: list[str], close_ms: Callable[[int], None]
) -> None:
    close_ms(300)
    strategy = Closing(resting("59000", "59001", "59002"), acked(3))
    begin = time.monotonic()
    trade(feed, strategy)
    assert time.monotonic() - begin > 0.3, "the strategy has its time"
    assert ended(strategy, 3) and strategy.stopped == "stop"
    assert calls == ["close", "cancel_all", "verify", "leave"]


def test_a_strategy_without_a_close_of_its_own_is_not_waited_for(feed: SyntheticFeed, calls: list[str]) -> None:
    strategy = Trader(resting("59000"), acked(1))
    begin = time.monotonic()
    trade(feed, strategy)
    assert time.monotonic() - begin < 4 and ended(strategy, 1) and calls == ["close", "cancel_all", "verify", "leave"]


def test_a_close_that_raises_changes_nothing_of_it(feed: SyntheticFeed, calls: list[str], caplog: pytest.LogCaptureFixture) -> None:
    class Careless(Trader):
        def close(self) -> None:
            raise AttributeError("'str' object has no attribute 'order_id'")

    strategy = Careless(resting("59000", "59001"), acked(2))
    begin = time.monotonic()
    trade(feed, strategy)
    assert time.monotonic() - begin < 4, "nobody waits for what a close() that failed has not done"
    assert ended(strategy, 2) and calls == ["close", "cancel_all", "verify", "leave"]
    assert "Careless.close failed" in caplog.text and strategy.stopped == "stop"


def test_new_orders_are_refused_once_it_closes_and_cancels_pass(feed: SyntheticFeed) -> None:
    class Late(Trader):
        def close(self) -> None:
            for order_id in self.orders:
                self.send_cancel_order(order_id)

        def onOrderCanceled(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            self.send_order(order())

    strategy = Late(resting("59000"), acked(1))
    trade(feed, strategy)
    last = strategy.said("Created")[-1]["order_id"]
    assert strategy.names(last) == ["Created", "Rejected", "Closed"] and strategy.said("Rejected")[0]["code"] == "closing"


def test_an_order_that_close_sends_still_goes_out(feed: SyntheticFeed) -> None:
    class Flattens(Trader):
        def close(self) -> None:
            size = self.positions[1001].bought
            self.send_order(order("sell", price="59999.99", size=size))

    strategy = Flattens(lambda one: one.send_order(order()), Trader.closed)
    trade(feed, strategy)
    assert [one["side"] for one in strategy.said("Exec")] == ["buy", "sell"]
    assert strategy.positions[1001].sold == strategy.positions[1001].bought > 0


def test_an_order_in_flight_may_end_by_itself(feed: SyntheticFeed, calls: list[str]) -> None:
    strategy = Closing(lambda one: (one.send_order(order()), one.manager.stop()))
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Closed"] and calls == ["close", "verify", "leave"]


def test_the_market_is_not_told_any_more_but_orders_are(feed: SyntheticFeed, close_ms: Callable[[int], None]) -> None:
    close_ms(200)

    class Quiet(Closing):
        closed_at = 0
        late: list[str] = []

        def close(self) -> None:
            self.closed_at = 1
            feed.book(0, 60_001 * 100_000_000)

        def onQuote(self, msg: dict[str, Any]) -> None:
            super().onQuote(msg)
            if self.closed_at:
                self.late.append("quote")

        def onTimer(self, name: Any) -> None:
            super().onTimer(name)
            if self.closed_at:
                self.late.append("timer")

    strategy = Quiet(resting("59000"), acked(1))
    trade(feed, strategy)
    assert strategy.late == [] and ended(strategy, 1) and strategy.si[1001].bid_px == 60000.99


def test_an_exception_in_an_order_callback_closes_all_and_leaves_run(feed: SyntheticFeed, calls: list[str]) -> None:
    class Faulty(Closing):
        def close(self) -> None:
            self.told.append(("close", {"order_id": 0}))
            for order_id in self.orders:
                self.send_cancel_order(order_id)

        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            if len(self.said("Acked")) == 2:
                raise LookupError("mine")

    strategy = Faulty(resting("59000", "59001"))
    with pytest.raises(LookupError, match="mine"):
        trade(feed, strategy)
    assert ended(strategy, 2) and strategy.names().count("close") == 1 and calls[-2:] == ["verify", "leave"]
    assert [one["role"] for one in control.processes()] == ["feed"]


def test_an_exception_while_leaving_is_logged_and_leaving_goes_on(feed: SyntheticFeed, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Trader):
        def onOrderCanceled(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            raise LookupError("while leaving")

    strategy = Faulty(resting("59000", "59001", "59002"), acked(3))
    trade(feed, strategy)
    assert ended(strategy, 3) and caplog.text.count("an exception while leaving") == 3 and strategy.stopped == "stop"


def test_a_second_ctrl_c_cancels_at_once(feed: SyntheticFeed, calls: list[str]) -> None:
    class Slow(Closing):
        def close(self) -> None:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    strategy = Slow(resting("59000"))
    strategy.until = lambda one: acked(1)(one) and os.kill(os.getpid(), signal.SIGINT)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        trade(feed, strategy)
    assert time.monotonic() - begin < 4 and ended(strategy, 1) and calls == ["close", "cancel_all", "verify", "leave"]
    assert strategy.stopped == "interrupt" and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_before_anything_was_done_still_cancels(feed: SyntheticFeed, calls: list[str]) -> None:
    class Impatient(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "ends: interrupt" in record.getMessage():
                os.kill(os.getpid(), signal.SIGINT)

    strategy = Closing(resting("59000"))
    strategy.until = lambda one: acked(1)(one) and os.kill(os.getpid(), signal.SIGINT)
    handler, log = Impatient(logging.INFO), logging.getLogger("aats.trade")
    log.addHandler(handler)
    before = log.level
    log.setLevel(logging.INFO)
    try:
        with pytest.raises(KeyboardInterrupt):
            trade(feed, strategy)
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
    assert ended(strategy, 1) and calls == ["close", "cancel_all", "verify", "leave"] and strategy.stopped == "interrupt"


def test_ctrl_c_breaks_a_close_that_hangs(feed: SyntheticFeed, caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(Closing):
        def close(self) -> None:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            time.sleep(30)

    strategy = Hanging(resting("59000"), acked(1))
    begin = time.monotonic()
    trade(feed, strategy)
    assert time.monotonic() - begin < 5 and ended(strategy, 1) and "Hanging.close failed" in caplog.text


def test_sigterm_leaves_as_ctrl_c_does_and_again_changes_nothing(
    feed: SyntheticFeed, calls: list[str], close_ms: Callable[[int], None]
) -> None:
    close_ms(400)

    class Told(Closing):
        def close(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    strategy = Told(resting("59000"))
    strategy.until = lambda one: acked(1)(one) and os.kill(os.getpid(), signal.SIGTERM)
    trade(feed, strategy)
    assert strategy.stopped == "SIGTERM" and ended(strategy, 1) and calls == ["close", "cancel_all", "verify", "leave"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_on_the_way_out_of_a_start_that_failed_breaks_nothing(feed: SyntheticFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(Closing):
        def onStart(self) -> None:
            raise LookupError("in onStart")

    close = trade_module.Session.close

    def terminated(session: trade_module.Session) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        close(session)

    monkeypatch.setattr(trade_module.Session, "close", terminated)
    with pytest.raises(LookupError, match="in onStart"):
        trade(feed, Faulty())
    assert [one["role"] for one in control.processes()] == ["feed"]


def test_an_order_of_another_thread_that_the_end_overtakes_is_refused(feed: SyntheticFeed) -> None:
    class Slow(Order):
        @property
        def symbol(self) -> str:
            if threading.current_thread() is not threading.main_thread():
                began.set()
                over.wait(10)
            return "BTCUSDT"

        @symbol.setter
        def symbol(self, value: str) -> None:
            pass

    began, over = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def send() -> None:
        try:
            strategy.send_order(Slow("BINANCE", "BTCUSDT", "60000.01", "0.001", "buy", "ioc"))
        except BaseException as exc:
            raised.append(exc)

    sender = threading.Thread(target=send)
    strategy = Closing(lambda one: sender.start(), lambda one: began.is_set())
    trade(feed, strategy)
    over.set()
    sender.join(10)
    assert [type(exc) for exc in raised] == [OrderError] and strategy.told == []


def test_what_a_script_does_after_the_run_is_harmless(feed: SyntheticFeed) -> None:
    class Tidy(Trader):
        def close(self) -> None:
            for order_id in [one["order_id"] for one in self.said("Created")]:
                self.send_cancel_order(order_id)

    strategy = Tidy(resting("59000", "59001"), acked(2))
    service = trade(feed, strategy)
    told = len(strategy.told)
    strategy.close()
    service.stop()
    strategy.send_cancel_order(1)
    assert len(strategy.told) == told
    with pytest.raises(OrderError, match="after run"):
        strategy.send_order(order())


def test_a_run_that_sent_nothing_leaves_at_once(feed: SyntheticFeed, calls: list[str], caplog: pytest.LogCaptureFixture) -> None:
    strategy = Closing(until=lambda one: True)
    with caplog.at_level(logging.ERROR, "aats.trade"):
        trade(feed, strategy)
    assert calls == ["close", "leave"] and caplog.text == ""
