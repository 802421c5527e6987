"""One promise of a feed's life at a time: rotation, stops, silence, horizons, subscriptions, full mailboxes, a venue that starts anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aats._ffi import lib
from aats.layout import DirState, Why
from aats.sim import Exchange, Faults, Generator, Limits
from aats.sim import control as sim_control
from aats.sim.faults import Lane
from aats.sim.generator import Spec
from tests.world.options import EPOCH_NS, SECOND, Answers, Options
from tests.world.test_bad_input import depth, frame, inject
from tests.world.truth import Truth
from tests.world.world import MS, Plan, World

ALL = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
MARKET = ("BTCUSDT:40", "ETHUSDT:10", "SOLUSDT:1", "XRPUSDT:0")


def begun(seed: int, options: Options, **plan: object) -> World:
    """Return a world whose books are good."""
    world = World(seed, Plan(options=[options], **plan))  # type: ignore[arg-type]
    world.until(world.all_good, 20 * SECOND, "good at the start")
    for actor in world.actors:
        actor.moments.clear()
    return world


# -- rotation ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay_ms", [(0, 1), (5, 60), (50, 400)])
@pytest.mark.parametrize("seed", range(4))
def test_rotation_leaves_no_bad_moment_and_no_hole(seed: int, delay_ms: tuple[int, int]) -> None:
    world = begun(seed, Options(symbols=ALL, rotate_ns=4 * SECOND), delay_ms=delay_ms)
    world.sleep(25 * SECOND)
    feed = world.feed
    assert feed.moments == []
    assert feed.count("CONNECTS") >= 5 and feed.count("DROPS") == feed.count("CONNECTS") - 1
    assert feed.count("GAPS") == feed.count("TRADE_GAPS") == feed.trade_holes() == 0
    assert sum(map(len, feed.ticks.values())) > 20


@pytest.mark.parametrize("seed", range(20))
def test_old_connection_that_dies_while_it_is_replaced_costs_no_wrong_book(seed: int) -> None:
    world = begun(seed, Options(symbols=ALL), delay_ms=(5, 100))
    feed = world.feed
    feed.put(lib.AATS_MAIL_RECONNECT)
    world.until(lambda: len(feed.wires) == 2, SECOND, "a second connection")
    world.sleep(world.rng.randrange(1, 400) * MS)
    for wire in [w for w in feed.wires.values() if w.opened][:1]:
        wire.cut_after = world.rng.randrange(3000)
    world.until(lambda: feed.count("DROPS") >= 1, 10 * SECOND, "the old one is gone")
    world.until(world.all_good, 20 * SECOND, "good again")
    world.sleep(3 * SECOND)
    assert feed.trade_holes() == feed.count("TRADE_GAPS")
    assert len([wire for wire in feed.wires.values() if wire.opened]) == 1, "one connection carries it all"


def test_connection_that_died_before_its_successor_was_there_does_not_come_back_beside_it() -> None:
    world = begun(2, Options(symbols=ALL), delay_ms=(1, 4))
    feed = world.feed
    (old,) = feed.wires.values()
    feed.put(lib.AATS_MAIL_RECONNECT)
    world.until(lambda: len(feed.wires) == 2, SECOND, "a second connection")
    old.end_client(world.now_ns)
    world.until(world.all_good, 10 * SECOND, "good again")
    world.sleep(5 * SECOND)
    assert len(feed.wires) == 1 and feed.count("CONNECTS") == 2 and len(world.exchange.connections) == 1


def test_announced_shutdown_is_answered_with_a_new_connection_in_time() -> None:
    world = begun(3, Options(symbols=ALL))
    world.exchange.shutdown(EPOCH_NS + world.now_ns, 3 * SECOND)
    world.sleep(6 * SECOND)
    assert world.feed.moments == [] and world.feed.count("CONNECTS") == 2


def test_refused_successor_does_not_disturb_the_connection_that_lives() -> None:
    world = begun(4, Options(symbols=ALL))
    world.net.refuse = 5
    world.feed.put(lib.AATS_MAIL_RECONNECT)
    world.sleep(20 * SECOND)
    assert world.attempts >= 7 and world.feed.moments == [] and world.feed.count("DROPS") == 1


# -- stops and silence ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_stopped_feed_has_no_good_book_until_each_was_checked(seed: int) -> None:
    world = begun(seed, Options(symbols=ALL, answers=Answers(delay_ms=(20, 600))), delay_ms=(1, 80))
    for _ in range(3):
        if world.rng.random() < 0.5:
            world.feed.put(lib.AATS_MAIL_RECONNECT)  # also in the middle of a rotation
            world.sleep(world.rng.randrange(1, 300) * MS)
        world.stop(world.feed, world.rng.randrange(600, 4000) * MS)  # World looks at each step, and at what is good when
        world.sleep(6 * SECOND)
    assert world.feed.count("STALLS") == 3 and world.feed.floor
    world.until(world.all_good, 10 * SECOND, "good again")


def test_short_pause_is_no_stop() -> None:
    world = begun(1, Options(symbols=ALL))
    for _ in range(20):
        world.stop(world.feed, 400 * MS)
        world.sleep(SECOND)
    assert world.feed.count("STALLS") == 0 and world.feed.moments == []


def test_mute_connection_is_given_up_after_two_pings_and_no_book_of_it_is_good() -> None:
    world = begun(2, Options(symbols=ALL))
    (wire,) = world.feed.wires.values()
    wire.mute = True
    began = world.now_ns
    world.until(lambda: world.feed.count("DROPS") == 1, 60 * SECOND, "given up")
    assert 39 * SECOND < world.now_ns - began < 42 * SECOND
    assert all(why == Why.LINK_DOWN for why in world.feed.why.values())
    world.until(world.all_good, 20 * SECOND, "good again")
    assert any("mute" in line for _, line in world.feed.notices)


def test_venue_that_pings_and_says_nothing_else_is_alive() -> None:
    world = begun(3, Options(symbols=("XRPUSDT",)))
    world.sleep(120 * SECOND)
    assert world.feed.moments == [] and world.feed.count("CONNECTS") == 1 and world.exchange.counters["pong_cut"] == 0


def test_goodbye_makes_every_book_bad_and_ends() -> None:
    world = begun(5, Options(symbols=ALL))
    lib.aats_feed_stop(world.feed.feed)
    world.feed.judge(world.now_ns)
    assert {why for _, _, why in world.feed.moments} == {Why.LINK_DOWN}
    world.until(lambda: bool(lib.aats_feed_stopped(world.feed.feed)), 3 * SECOND, "stopped")
    assert world.feed.wires == {}
    world.feed.subscribe("BTCUSDT", 5)
    world.sleep(SECOND)
    assert world.feed.refused == {"BTCUSDT": lib.AATS_E_CLOSED} and lib.aats_feed_stopped(world.feed.feed)


# -- gaps, crossed books, horizons ---------------------------------------------------------------------------------------


class DropOne(Faults):
    """Drops one diff of one stream."""

    def __init__(self, stream: str, at: int) -> None:
        super().__init__()
        self.stream, self.left = stream, at

    def pass_depth(self, lane: Lane, stream: str, data: bytes, now_ns: int) -> list[bytes]:
        self.left -= stream == self.stream
        return [] if stream == self.stream and self.left == 0 else [data]


def test_missing_diff_is_one_gap_of_one_symbol() -> None:
    world = World(6, Plan(options=[Options(symbols=ALL)]), faults=DropOne("btcusdt@depth@100ms", 40))
    feed = world.feed
    world.until(world.all_good, 10 * SECOND, "good at the start")
    feed.moments.clear()
    world.sleep(10 * SECOND)
    assert [(native, why) for _, native, why in feed.moments] == [("BTCUSDT", Why.GAP), ("BTCUSDT", Why.NONE)]
    assert feed.count("GAPS") == 1 and feed.entry("BTCUSDT").gaps == 1 and feed.entry("ETHUSDT").gaps == 0
    assert any(line.startswith("BTCUSDT.BINANCE: gap in the venue's sequence") for _, line in feed.notices)


def test_crossed_book_is_never_called_good() -> None:
    world = begun(7, Options(symbols=ALL))
    inject(world, frame(depth(world, b='[["99999.00000000","1.00000000"]]')))
    assert ("BTCUSDT", Why.CROSSED) in [(native, why) for _, native, why in world.feed.moments]
    assert world.feed.count("CROSSED") == 1 and {native for _, native, _ in world.feed.moments} == {"BTCUSDT"}
    world.until(world.all_good, 10 * SECOND, "good again")


@pytest.mark.parametrize("levels", [(1, 8), (4, 20), (8, 60)])
def test_thin_book_does_not_ask_for_snapshots_for_ever(levels: tuple[int, int]) -> None:
    there, wanted = levels
    world = begun(8, Options(symbols=ALL, level_num=wanted, level_max=60), depth=there)
    world.sleep(30 * SECOND)
    assert world.feed.count("SNAP_ASKED") == len(ALL) and world.feed.moments == []


@pytest.mark.parametrize("limit", [20, 23, 30])
def test_horizon_is_respected_and_snapshots_are_asked_for_with_measure(limit: int) -> None:
    world = begun(9, Options(symbols=ALL, level_num=20, snapshot_limit=limit))
    world.sleep(60 * SECOND)
    feed = world.feed
    assert feed.count("SNAP_ASKED") <= len(ALL) * (1 + 6 + 1), "once in 10 s at the most, while there are certain levels"
    assert [why for _, _, why in feed.moments if why not in (Why.NONE, Why.HORIZON)] == []


def test_horizon_that_is_reached_makes_the_book_bad_until_a_new_snapshot() -> None:
    world = begun(10, Options(symbols=("BTCUSDT",), level_num=5, snapshot_limit=2), market=("BTCUSDT:200",))
    world.sleep(30 * SECOND)
    whys = {why for _, _, why in world.feed.moments}
    assert whys == {Why.HORIZON, Why.NONE}
    assert world.feed.count("SNAP_ASKED") <= 2 * 31 and world.feed.count("GAPS") == 0


def test_book_of_1000_levels_is_whole_in_the_latest_slot() -> None:
    options = Options(symbols=("BTCUSDT",), level_num=1000, level_max=1000, snapshot_limit=5000)
    world = begun(11, options, depth=1100)
    world.sleep(2 * SECOND)
    assert world.feed._rec.bid_len == world.feed._rec.ask_len == 1000
    world.feed.set_level("BTCUSDT", 700)
    world.sleep(50 * MS)
    assert world.feed._rec.bid_len == 700 and world.feed.count("SNAP_ASKED") == 1


# -- levels, best bid/ask, level changes ---------------------------------------------------------------------------------


def test_level_is_changed_at_once_and_the_book_stays_good() -> None:
    world = begun(12, Options(symbols=("XRPUSDT",), level_num=5, level_max=60), depth=60)
    for level_num in (60, 1, 20, 3, 60):
        world.feed.set_level("XRPUSDT", level_num)
        world.sleep(60 * MS)
        assert (world.feed._rec.bid_len, world.feed._rec.ask_len) == (level_num, level_num)
    world.feed.subscribe("XRPUSDT", 5)  # a second wish for less does not take from the first
    world.sleep(60 * MS)
    assert world.feed._rec.bid_len == 60 and world.feed.moments == []


def test_level_changes_lead_from_snapshot_to_quote() -> None:
    world = begun(13, Options(symbols=ALL, level_num=20, level_max=20, open_l2=True), depth=30)
    world.sleep(10 * SECOND)  # the judge compares at each quote
    assert world.feed.count("L2S") > 300 and world.feed._l2
    world.feed.put(lib.AATS_MAIL_RECONNECT)
    world.sleep(5 * SECOND)
    inject(world, frame(b"<html>"))
    world.sleep(5 * SECOND)


@pytest.mark.parametrize("seed", range(3))
def test_best_bid_and_ask_are_fused_where_they_are_newer(seed: int) -> None:
    world = begun(seed, Options(symbols=("BTCUSDT", "ETHUSDT"), fuse_bbo=True), market=("BTCUSDT:60", "ETHUSDT:20"))
    fused = 0

    def look() -> bool:
        nonlocal fused
        fused += bool(world.feed._rec.flags & lib.AATS_F_FUSED)
        return world.now_ns > 15 * SECOND

    world.until(look, 20 * SECOND, "")
    assert fused > 50 and world.feed.moments == []
    world.feed.put(lib.AATS_MAIL_RECONNECT)
    world.sleep(3 * SECOND)
    assert world.feed.moments == []


# -- subscriptions -------------------------------------------------------------------------------------------------------


def test_symbol_given_up_and_taken_again_is_good_again() -> None:
    world = begun(14, Options(symbols=ALL))
    feed, index = world.feed, world.feed.index["BTCUSDT"]
    for pause_ms in (0, 30, 500, 3000):
        feed.unsubscribe("BTCUSDT")
        world.sleep(pause_ms * MS)
        if pause_ms > 100:
            assert feed.view.dir[index].state == DirState.GONE
        feed.subscribe("BTCUSDT", 5)
        world.until(lambda: "BTCUSDT" in feed.index and world.all_good(), 10 * SECOND, "good again")
        assert feed.index["BTCUSDT"] == index and feed.entry("BTCUSDT").state == DirState.LIVE
    assert {native for _, native, why in feed.moments} == {"BTCUSDT"}
    (streams,) = [len(conn.streams) for conn in world.exchange._conns.values()]
    assert streams == 3 * len(ALL)


def test_halted_symbol_is_bad_until_it_trades_again() -> None:
    world = begun(15, Options(symbols=ALL))
    feed = world.feed
    feed.put(lib.AATS_MAIL_HALT, feed.index["ETHUSDT"], 1)
    world.sleep(SECOND)
    assert feed.why["ETHUSDT"] == Why.HALTED and feed.entry("ETHUSDT").state == DirState.HALTED
    feed.put(lib.AATS_MAIL_HALT, feed.index["ETHUSDT"], 0)
    world.sleep(50 * MS)
    assert feed.why["ETHUSDT"] == 0 and {native for _, native, _ in feed.moments} == {"ETHUSDT"}


def many(cnt: int) -> tuple[Spec, ...]:
    return tuple(Spec(f"S{n:03}USDT", f"S{n:03}", "USDT", 10_000 + n, 2, 3, 1000, 1 if n % 10 == 0 else 0) for n in range(cnt))


def test_more_symbols_than_one_connection_takes_go_over_two() -> None:
    specs = many(350)
    names = tuple(spec.name for spec in specs)
    world = World(16, Plan(options=[Options(symbols=names, dir_cap=400)], market=specs, depth=3))  # type: ignore[arg-type]
    feed = world.feed
    world.until(world.all_good, 60 * SECOND, "all good")
    assert len(feed.index) == 350 and feed.count("CONNECTS") == 2 and feed.count("VENUE_ERRORS") == 0
    assert sorted(len(conn.streams) for conn in world.exchange._conns.values()) == [30, 1020]
    feed.moments.clear()
    next(iter(feed.wires.values())).cut_after = 10
    world.until(lambda: feed.count("DROPS") == 1, 10 * SECOND, "one cut")
    world.sleep(50 * MS)
    assert len([why for why in feed.why.values() if why == Why.LINK_DOWN]) in (340, 10), "only the books of that connection"
    world.until(world.all_good, 60 * SECOND, "all good again")
    for name in names[:40]:
        feed.unsubscribe(name)
    world.sleep(2 * SECOND)
    for name in names[:40]:
        feed.subscribe(name, 5)
    world.until(lambda: len(feed.index) == 350 and world.all_good(), 60 * SECOND, "all good again")
    assert feed.count("VENUE_ERRORS") == 0


@pytest.mark.parametrize("close", [True, False])
def test_refused_symbol_is_found_and_the_others_get_their_books(close: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: Callable[[object], bool] = sim_control.well_formed
    monkeypatch.setattr(sim_control, "well_formed", lambda name: judged(name) and not str(name).startswith("bad"))
    names = ("BTCUSDT", "ETHUSDT", "BADUSDT", "SOLUSDT", "XRPUSDT", "LTCUSDT", "BNBUSDT")
    world = World(17, Plan(options=[Options(symbols=names)], market=tuple(n for n in names if n != "BADUSDT")))
    world.exchange.close_on_garbage = close
    feed = world.feed
    world.until(lambda: feed.count("REFUSED") == 1, 60 * SECOND, "the culprit is found")
    assert feed.view.dir[feed.index.pop("BADUSDT")].state == DirState.GONE
    world.until(world.all_good, 30 * SECOND, "all others good")
    world.sleep(SECOND)
    assert ("BADUSDT.BINANCE: the venue refuses to stream it") in [line for _, line in feed.notices]
    world.sleep(20 * SECOND)
    assert feed.count("REFUSED") == 1 and feed.count("DROPS") <= 4


def test_symbol_that_the_venue_does_not_know_is_told_after_ten_seconds() -> None:
    world = World(18, Plan(options=[Options(symbols=("BTCUSDT", "NOSUCHUSDT"))]))
    world.feed._ask_venue, real = lambda sym, num: real(sym, num) if sym == 0 else None, world.feed._ask_venue  # type: ignore[method-assign]
    world.sleep(15 * SECOND)
    assert "NOSUCHUSDT.BINANCE: subscribed, but no message within 10 s" in [line for _, line in world.feed.notices]
    assert world.feed.why["BTCUSDT"] == 0 and world.feed.count("DROPS") == 0


# -- the control plane ---------------------------------------------------------------------------------------------------


def test_full_mailbox_loses_lines_and_nothing_else() -> None:
    world = begun(19, Options(symbols=("BTCUSDT",)))
    feed = world.feed
    while lib.aats_mailbox_put(feed.outbox, lib.AATS_MAIL_NOTICE, 0, 0, b"x", 1) == 0:
        pass
    serve, feed._serve = feed._serve, lambda: None  # type: ignore[method-assign]
    feed.subscribe("ETHUSDT", 5)
    world.sleep(2 * SECOND)
    assert lib.aats_mailbox_full(feed.outbox) > 0
    feed._serve = serve  # type: ignore[method-assign]
    world.until(lambda: "ETHUSDT" in feed.index and world.all_good(), 10 * SECOND, "good, late")


def test_failed_snapshot_is_asked_for_when_the_venue_said_and_not_before() -> None:
    world = World(20, Plan(options=[Options(symbols=("BTCUSDT",))]))
    feed, asked = world.feed, []
    feed._ask_venue = lambda sym, num: (
        asked.append(world.now_ns)
        or feed.put(  # type: ignore[method-assign, func-returns-value]
            lib.AATS_MAIL_SNAP_FAILED, sym, 7 * SECOND
        )
    )
    world.sleep(40 * SECOND)
    waits = [b - a for a, b in zip(asked, asked[1:])]
    assert len(waits) >= 4 and min(waits) >= 7 * SECOND and max(waits) < 8 * SECOND


@pytest.mark.parametrize("wait", [-1, 2**63 - 1, -(2**63)])
def test_absurd_wait_is_no_overflow(wait: int) -> None:
    world = World(21, Plan(options=[Options(symbols=("BTCUSDT",))]))
    feed, real = world.feed, world.feed._ask_venue
    first = [True]
    feed._ask_venue = lambda sym, num: (  # type: ignore[method-assign]
        feed.put(lib.AATS_MAIL_SNAP_FAILED, sym, wait) if first and first.pop() else real(sym, num)  # type: ignore[func-returns-value]
    )
    if wait < 0:
        world.until(world.all_good, 10 * SECOND, "backed off, then good")
    else:
        world.sleep(20 * SECOND)
        assert feed.asked == 1


# -- a venue that starts anew --------------------------------------------------------------------------------------------


def test_venue_that_counts_anew_is_followed() -> None:
    seeds = sorted(range(40), key=lambda seed: Generator(seed, ("BTCUSDT",), depth=5)._makers["BTCUSDT"].last_id)
    by_trade = {seed: Generator(seed, ("BTCUSDT",), depth=5)._makers["BTCUSDT"].trade_id for seed in seeds}
    high, low = next((a, b) for a in reversed(seeds) for b in seeds if by_trade[b] < by_trade[a])
    world = begun(high, Options(symbols=("BTCUSDT",), fuse_bbo=True), market=("BTCUSDT:60",))
    feed = world.feed
    world.sleep(3 * SECOND)
    for wire in list(world.net.wires.values()):
        wire.end_client(world.now_ns)
    world.net.wires.clear()
    world.until(lambda: feed.why["BTCUSDT"] != 0, SECOND, "down")
    told = len(feed.ticks[0])
    feed.truth = world.truth = Truth(Generator(low, ("BTCUSDT:60",), depth=40))
    world.exchange = world.net.exchange = Exchange(world.truth, EPOCH_NS + world.now_ns, limits=Limits())
    feed.ticks.clear()
    feed.seq.clear()
    feed.floor.clear()
    feed.records = int(feed.view.md.head)
    world.until(world.all_good, 20 * SECOND, "good again, with smaller ids")
    world.sleep(3 * SECOND)
    assert told and len(feed.ticks[0]) > 5, "trades go on, though their ids are smaller"
    assert feed.trade_holes() == 0
