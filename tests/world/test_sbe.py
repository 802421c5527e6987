"""Lives of a feed on binary frames: whatever happens to it, and beside a feed on text, of which it tells the same record by record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aats._ffi import lib
from tests.world.actor import Actor
from tests.world.options import SECOND, Options
from tests.world.test_life import ALL, begun
from tests.world.world import Plan, World

SEEDS, A_TEST = 40, 10
MARKET_KINDS = {lib.AATS_REC_QUOTE: "quote", lib.AATS_REC_BBO: "bbo", lib.AATS_REC_TICK: "tick"}


@pytest.mark.parametrize("first", range(1, SEEDS + 1, A_TEST))
def test_no_wrong_book_from_binary_frames_is_called_good_and_every_book_recovers(first: int) -> None:
    for seed in range(first, first + A_TEST):
        plan = Plan.of_seed(seed)
        plan.options = [replace(options, format="sbe") for options in plan.options]
        World(seed, plan).run()


@pytest.mark.parametrize("delay_ms", [(0, 1), (50, 400)])
def test_rotation_between_binary_connections_leaves_no_bad_moment_and_no_hole(delay_ms: tuple[int, int]) -> None:
    world = begun(3, Options(symbols=ALL, rotate_ns=4 * SECOND, format="sbe"), delay_ms=delay_ms)
    world.sleep(25 * SECOND)
    feed = world.feed
    assert feed.moments == []
    assert feed.count("CONNECTS") >= 5 and feed.count("DROPS") == feed.count("CONNECTS") - 1
    assert feed.count("GAPS") == feed.count("TRADE_GAPS") == feed.count("UNKNOWN") == feed.trade_holes() == 0
    assert sum(map(len, feed.ticks.values())) > 20


def watch(actor: Actor) -> dict[tuple[str, int, int], tuple[Any, ...]]:
    """Have an actor remember what its ring says: (kind, symbol, id) -> time in ms, levels or trade."""
    seen: dict[tuple[str, int, int], tuple[Any, ...]] = {}
    record = actor._record

    def remember(out: Any, now_ns: int) -> None:
        rec = out.r
        kind = MARKET_KINDS.get(rec.kind)
        if kind:
            levels = [
                [(side[i].px_i, side[i].qty_i) for i in range(cnt)] for side, cnt in ((out.bids, rec.bid_len), (out.asks, rec.ask_len))
            ]
            said = (rec.px_i, rec.qty_i, rec.side) if kind == "tick" else tuple(map(tuple, levels))
            time_ms = rec.exch_ns // 1_000_000 if kind != "bbo" else 0  # text has no time there
            seen[kind, rec.sym, rec.seq] = (time_ms, *said)
        record(out, now_ns)

    actor._record = remember  # type: ignore[method-assign]
    return seen


def test_feeds_on_text_and_on_binary_frames_tell_the_same() -> None:
    world = World(5, Plan(options=[Options(symbols=ALL), Options(symbols=ALL, format="sbe")]))
    text, binary = map(watch, world.actors)
    world.until(world.all_good, 20 * SECOND, "good at the start")
    for seen in (text, binary):
        seen.clear()
    world.sleep(20 * SECOND)
    world.sleep(SECOND)
    both = text.keys() & binary.keys()
    assert {key[0] for key in both} == {"quote", "bbo", "tick"} and len(both) > 500
    assert [key for key in both if text[key] != binary[key]] == []
    for seen, other in ((text, binary), (binary, text)):  # but for what was on its way at both ends
        assert len(seen.keys() - other.keys()) < 0.05 * len(both)
    assert sorted(conn.sbe for conn in world.exchange._conns.values()) == [False, True]


def test_exchange_that_refuses_the_key_is_said_without_it() -> None:
    world = World(1, Plan(options=[Options(format="sbe")]))
    world.exchange.keyring.remove("aats-sim")
    world.sleep(5 * SECOND)
    assert world.feed.count("CONNECTS") == 0
    lines = [line for _, line in world.feed.notices]
    assert any("HTTP 401" in line for line in lines)
    assert not any("aats-sim" in line for line in lines)
