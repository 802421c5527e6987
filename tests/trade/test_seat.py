"""A trade process among others: its seat, the host's limits and switches, and losing it all to somebody who thought it dead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aats import control
from aats._ffi import ffi, lib
from aats.errors import ConfigError, OrderError
from aats.layout import Mode, Role
from aats.shm import risk
from aats.trade_service import TradeService

from .orders_kit import MAP, Closing, Trader, order, rules_served, trade
from .synthetic import SyntheticFeed

NOBODY = 4194303 << 42 | 5 << 8  # a pid that no process has


@pytest.fixture(scope="module")
def rules() -> Iterator[str]:
    with rules_served() as address:
        yield address


@pytest.fixture
def feed(make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch) -> SyntheticFeed:
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", rules)
    return make_feed()


def own_seat(host: risk.Host) -> Any:
    """Return the index and copy of the seat of the run."""
    ((at, seat),) = host.seats()
    return at, seat


def claim(host: risk.Host) -> None:
    """Do what a supervisor does that thinks the run dead."""
    at, seat = own_seat(host)
    assert lib.aats_seat_claim(host.view, at, seat.owner, NOBODY) == lib.AATS_OK


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("on_restart", "resend", "on_restart must be one of cancel, adopt"),
        ("on_death", "forget", "on_death must be one of cancel, keep"),
        ("grace_ms", -1, "grace_ms must be a whole number from 0"),
        ("grace_ms", True, "grace_ms must be a whole number"),
        ("hang_ms", 99, "hang_ms must be a whole number from 100"),
        ("on_disconnect", "send", "on_disconnect must be one of refuse, hold"),
        ("hold_ms", 0, "hold_ms must be a whole number from 1"),
        ("supervisor", "yes", "supervisor must be true or false"),
        ("sync", True, "sync must be one of never, intent, all"),
        ("risk", ["position"], "risk must be a table"),
        ("risk", {"posision": "1"}, "posision"),
    ],
)
def test_an_option_that_is_none_is_refused_with_its_rule(option: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TradeService(MAP, name="test", **{option: value})
    assert says in str(caught.value) and "TradeService: " in str(caught.value)


def test_a_limit_of_the_service_refuses_an_order_beyond_it(feed: SyntheticFeed) -> None:
    strategy = Trader(lambda one: one.send_order(order(size="0.002")), lambda one: one.closed())
    trade(feed, strategy, risk={"symbols": {"BTCUSDT.BINANCE": {"position": "0.001"}}})
    assert strategy.names() == ["Created", "Rejected", "Closed"]
    (refused,) = strategy.said("Rejected")
    assert refused["code"] == "risk_position" and "0.001" in refused["msg"]


def test_no_order_goes_out_on_a_book_that_has_turned_bad(feed: SyntheticFeed) -> None:
    class Blind(Trader):
        def onBookInvalid(self, cid: Any, reason: str) -> None:
            self.send_order(order())

    strategy = Blind(lambda one: feed.invalid(0), lambda one: one.closed())
    trade(feed, strategy)
    assert strategy.said("Rejected")[0]["code"] == "risk_book"


# ---------------------------------------------------------------------------------------------------------- the seat


def test_a_run_has_a_seat_and_gives_it_back(feed: SyntheticFeed) -> None:
    seen: list[Any] = []

    def look(strategy: Trader) -> None:
        host = risk.open_host()
        seen.append((host, *own_seat(host)))
        strategy.send_order(order())

    strategy = Trader(look, lambda one: one.closed())
    trade(feed, strategy, grace_ms=700, hang_ms=5_000)
    host, at, seat = seen[0]
    assert lib.aats_ident_bare(seat.owner) == lib.aats_ident_self() and lib.aats_ident_state(seat.owner) == lib.AATS_SEAT_LIVE
    assert (ffi.string(seat.name), seat.grace_ms, seat.hang_ms) == (b"test", 700, 5_000)
    assert seat.on_death == lib.AATS_DEATH_KEEP, "nobody watches it: another's supervisor leaves it alone"
    after = host.seat(at)
    assert after is None or lib.aats_ident_state(after.owner) == lib.AATS_SEAT_PARKED
    for sym, _ in host.symbols():
        cell = host.cell(at, sym)
        assert (cell.pos_i, cell.buy_i, cell.open_cnt) == (0, 0, 0), "what was traded on paper is gone with its process"


def test_the_beat_of_the_seat_goes_on_while_nothing_happens(feed: SyntheticFeed) -> None:
    beats: list[int] = []

    def note(strategy: Trader) -> bool:
        host = risk.open_host()
        beats.append(int(own_seat(host)[1].beat_mono_ns))
        return len(beats) >= 5

    trade(feed, Trader(None, note))
    assert len(set(beats)) >= 4 and beats == sorted(beats)


def test_who_has_lost_the_seat_sends_nothing_and_ends(feed: SyntheticFeed, caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Any] = []

    class Thought(Closing):
        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            kept.append(risk.open_host())
            claim(kept[0])
            self.send_order(order(price="50000"))  # before any pass has looked

    strategy = Thought(lambda one: one.send_order(order(price="50000", tif="gtc")))
    with pytest.raises(OrderError, match="taken over"), caplog.at_level(logging.ERROR, "aats.trade"):
        trade(feed, strategy)
    assert [one["code"] for one in strategy.said("Rejected")] == ["fenced"]
    assert not strategy.said("CancelCreated"), "the orders are the other one's"
    assert strategy.stopped == "fenced"
    at, seat = own_seat(kept[0])
    assert lib.aats_ident_bare(seat.owner) == NOBODY, "the seat was moved by who had lost it"
    assert kept[0].view.seats[at].fenced == seat.instance
    assert any("taken over" in line.getMessage() for line in caplog.records)


def test_a_seat_of_a_dead_process_is_taken(feed: SyntheticFeed) -> None:
    other = control.join(Role.OTHER, "beside", mode=Mode.NONE, detail="")  # so that the segment stays
    try:
        host = risk.open_host()
        assert host.take(NOBODY, "test", "binance-paper", instance=9, mode=int(Mode.PAPER)) >= 0
        strategy = Trader(lambda one: one.send_order(order()), lambda one: one.closed())
        trade(feed, strategy)
        assert strategy.said("Closed")[0]["code"] == "filled"
    finally:
        other.leave()


# ------------------------------------------------------------------------------------------------------- the switch


def test_the_kill_switch_is_told_and_obeyed_and_resumed(feed: SyntheticFeed) -> None:
    states: list[str] = []

    class Watcher(Trader):
        def onRisk(self, state: str) -> None:
            states.append(state)
            self.send_order(order())
            if state == "halted":
                host = risk.open_host()
                assert lib.aats_risk_row_switch(host.view, 0, lib.AATS_SWITCH_ACTIVE, b"seen") == lib.AATS_OK

    def halt(strategy: Trader) -> None:
        host = risk.open_host()
        assert lib.aats_risk_row_switch(host.view, 0, lib.AATS_SWITCH_HALT, b"a test") == lib.AATS_OK

    strategy = Watcher(halt, lambda one: one.closed(2))
    trade(feed, strategy)
    assert states == ["halted", "active"]
    assert [one["code"] for one in strategy.said("Closed")] == ["risk_halted", "filled"]
