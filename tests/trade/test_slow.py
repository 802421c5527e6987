"""Limits of hops in a run: what is above is counted, logged, told and, where asked for, halts the strategy; outside every callback."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aats._ffi import lib, text
from aats.base_strategy import BaseStrategy
from aats.config import SlowLimit, slow_limits
from aats.config.latency import HOPS
from aats.errors import ConfigError
from aats.layout import TD_OFFSET, Hop
from aats.trade_service import TradeService

from .orders_kit import MAP, MID, ONE, Trader, order, rules_served
from .synthetic import SyntheticFeed

MakeFeed = Callable[..., SyntheticFeed]


class Listener(BaseStrategy):
    """Writes down quotes and what was slow; publishes the next book itself, and stops after so many."""

    def __init__(self, feed: SyntheticFeed, count: int = 5, **stamps: int) -> None:
        self.feed, self.count, self.stamps = feed, count, stamps
        self.told: list[tuple[str, int]] = []
        self.inside = False

    def onStart(self) -> None:
        self.over_at = time.monotonic() + 10
        self.set_timer("look", 2)

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.inside = True
        if self.quote_cnt < self.count:
            now = time.time_ns()
            self.feed.book(0, MID + ONE * self.quote_cnt, **{name: now + offset for name, offset in self.stamps.items()})
        self.inside = False

    def onSlow(self, hop: str, ns: int) -> None:
        assert not self.inside
        self.told.append((hop, ns))

    def onStop(self, reason: str) -> None:
        td = self.manager._session.segment.pointer("aats_td_t", TD_OFFSET)
        self.seen = [(int(td.slow_limit_ns[hop]), int(td.slow[hop]), int(td.slow_worst_ns[hop])) for hop in range(lib.AATS_HOP_CNT)]

    def onTimer(self, name: Any) -> None:
        if self.quote_cnt >= self.count or time.monotonic() > self.over_at:
            self.manager.stop()


def run(strategy: Listener, **options: Any) -> list[tuple[int, int, int]]:
    """Run on the feed of the test; return limit, count and worst of each hop at the end."""
    service = TradeService(MAP, name="slow", **options)
    service.add_md_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    service.run()
    return strategy.seen


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"recv_sant": 5}, r"slow: recv_sant is not a hop; known: exch_recv, .*recv_sent.*did you mean 'recv_sent'"),
        ({"recv_sent": ("100us", "stop")}, r"recv_sent: 'stop' is not an action; known: warn, slow, halt"),
        ({"recv_sent": ("100us", "warn", 1)}, "a time, or a time and an action"),
        ({"recv_sent": "100"}, r"whole number of ns, or a text such as '100us'"),
        ({"recv_sent": "100 min"}, "it is '100 min'"),
        ({"recv_sent": 0}, "whole number of ns"),
        ({"recv_sent": 1.5}, "whole number of ns"),
        ({"recv_sent": True}, "whole number of ns"),
        ({"recv_sent": "2000000s"}, "at most one hour"),
        (["recv_sent"], "must be a table of hops"),
    ],
)
def test_limits_that_are_none_are_refused_with_what_is_known(given: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TradeService(MAP, name="slow", slow=given)


@pytest.mark.parametrize("words", ["recv_sent", "recv_sent=", "recv_sent=5us:stop", "sent=5us"])
def test_an_environment_that_says_nothing_known_is_refused(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_SLOW", words)
    with pytest.raises(ConfigError, match="environment: AATS_SLOW"):
        slow_limits("slow")


def test_halt_where_nothing_is_traded_is_refused(make_feed: MakeFeed) -> None:
    feed = make_feed()
    feed.book(0, MID)
    with pytest.raises(ConfigError, match="recv_pub: nothing is traded here that could be halted"):
        run(Listener(feed), slow={"recv_pub": ("1us", "halt")})


# ----------------------------------------------------------------------------------------------------------- reading


def test_hops_have_the_names_of_the_layout_and_of_the_loop() -> None:
    assert [hop.name.lower() for hop in Hop] == list(HOPS)
    assert [text(lib.aats_slow_hop_name(int(hop))) for hop in Hop] == list(HOPS)


def test_a_time_is_ns_or_has_a_unit_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"recv_sent": ["1.5us", "halt"], "pub_delivered": 50_000, "sent_acked": ("2 ms", "warn"), "recv_pub": "1s"}
    limits, origins = slow_limits("slow", given)
    assert limits == {
        "recv_sent": SlowLimit(1_500, "halt"),
        "pub_delivered": SlowLimit(50_000, "slow"),
        "sent_acked": SlowLimit(2_000_000, "warn"),
        "recv_pub": SlowLimit(1_000_000_000, "slow"),
    }
    monkeypatch.setenv("AATS_SLOW", "recv_sent=7us:warn, decided_sent=900")
    limits, origins = slow_limits("slow", given)
    assert (limits["recv_sent"], limits["decided_sent"], limits["recv_pub"].ns) == (SlowLimit(7_000, "warn"), SlowLimit(900), 10**9)
    assert (origins["recv_sent"], origins["recv_pub"]) == ("env AATS_SLOW", "given")
    monkeypatch.setenv("AATS_SLOW", "off")
    assert slow_limits("slow", given) == ({}, {})


# ------------------------------------------------------------------------------------------------------------ the run


def test_without_limits_nothing_is_counted_nor_told(make_feed: MakeFeed) -> None:
    feed = make_feed()
    feed.book(0, MID)
    strategy = Listener(feed)
    assert run(strategy) == [(0, 0, 0)] * int(lib.AATS_HOP_CNT)
    assert strategy.told == []


def test_a_hop_above_its_limit_is_counted_told_and_logged_once_a_second(make_feed: MakeFeed, caplog: pytest.LogCaptureFixture) -> None:
    feed = make_feed()
    feed.book(0, MID)
    strategy = Listener(feed, recv_ns=-3_000_000_000, exch_ns=-3_000_000_000)
    with caplog.at_level(logging.WARNING):
        seen = run(strategy, slow={"recv_delivered": "2s", "exch_recv": "2s", "recv_pub": (2_900_000_000, "warn")})
    assert seen[Hop.RECV_DELIVERED][:2] == (2_000_000_000, 4), "the first came from the latest slot: its age is no latency"
    assert seen[Hop.RECV_PUB][:2] == (2_900_000_000, 4) and seen[Hop.RECV_PUB][2] >= 3_000_000_000
    assert seen[Hop.EXCH_RECV][:2] == (2_000_000_000, 0)
    assert {hop for hop, _ in strategy.told} == {"recv_delivered"}, "warn only logs"
    assert 1 <= len(strategy.told) <= 4 and all(ns >= 3_000_000_000 for _, ns in strategy.told)
    lines = [record.getMessage() for record in caplog.records if "above its limit" in record.getMessage()]
    assert any("recv_pub was above its limit of 2900000000 ns" in line for line in lines)
    of_told = [line for line in lines if "recv_delivered" in line]
    assert 1 <= len(of_told) <= 2, "one a second, and one at the end for the rest"


def test_what_onslow_raises_ends_the_run_as_that_of_any_callback(make_feed: MakeFeed) -> None:
    feed = make_feed()
    feed.book(0, MID)

    class Raising(Listener):
        def onSlow(self, hop: str, ns: int) -> None:
            raise LookupError(hop)

    with pytest.raises(LookupError, match="recv_pub"):
        run(Raising(feed, recv_ns=-3_000_000_000), slow={"recv_pub": "1s"})


# ------------------------------------------------------------------------------------------------------------- orders


@pytest.fixture
def market(make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyntheticFeed]:
    with rules_served() as url:
        monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", url)
        feed = make_feed()
        feed.book(0, MID)
        yield feed


def test_an_order_that_was_too_slow_halts_the_strategy_and_says_by_which_hop(market: SyntheticFeed) -> None:
    class Late(Trader):
        slow: tuple[Any, ...] = ()

        def onSlow(self, hop: str, ns: int) -> None:
            self.slow += ((hop, ns),)
            self.send_order(order())

        def onRisk(self, state: str) -> None:
            self.state = state

    def think(strategy: Any) -> None:
        time.sleep(0.01)
        strategy.send_order(order())

    strategy = Late(think, lambda strategy: strategy.closed(2) and hasattr(strategy, "state"))
    service = TradeService(MAP, name="slow", slow={"delivered_decided": ("5ms", "halt")})
    service.config_exchange("BINANCE", "paper")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    service.run()
    assert [hop for hop, _ in strategy.slow] == ["delivered_decided"] and strategy.slow[0][1] >= 10_000_000
    assert strategy.state == "halted"
    (refused,) = strategy.said("Rejected")
    assert refused["code"] == "risk_halted" and "delivered_decided took" in refused["msg"] and "limit 5000000 ns" in refused["msg"]


def test_a_halt_stands_before_the_next_event_of_a_burst(market: SyntheticFeed) -> None:
    class Burst(Trader):
        def onQuote(self, msg: dict[str, Any]) -> None:
            if not self.begun:
                self.begun = True
                late = time.time_ns() - 3_000_000_000
                for step in range(1, 9):
                    market.book(0, MID + ONE * step, recv_ns=late)
            elif self.quote_cnt > 2:  # the second is the first late one
                self.send_order(order())

    strategy = Burst(until=lambda strategy: strategy.closed(7))
    service = TradeService(MAP, name="slow", slow={"recv_delivered": ("1s", "halt")})
    service.config_exchange("BINANCE", "paper")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    service.run()
    assert [one["code"] for one in strategy.said("Rejected")] == ["risk_halted"] * 7


def test_an_ack_that_was_too_slow_halts_before_its_callback(market: SyntheticFeed) -> None:
    class Answering(Trader):
        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            self.send_order(order())

    strategy = Answering(lambda strategy: strategy.send_order(order()), lambda strategy: strategy.closed(2))
    service = TradeService(MAP, name="slow", slow={"sent_acked": (1, "halt")})
    service.config_exchange("BINANCE", "paper")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    service.run()
    assert len(strategy.said("Acked")) == 1
    assert [one["code"] for one in strategy.said("Rejected")] == ["risk_halted"]
