"""The supervisor's rules, as a step function over seats that only exist here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aats._ffi import lib
from aats.layout import Mode
from aats.supervisor import WINDOW_NS, Supervisor
from aats.supervisor_job import Job
from tests.seats import MS, SECOND, SUPERVISOR, Fake, Seats

MAKER, AGAIN = int(lib.aats_ident(1001, 11)), int(lib.aats_ident(1002, 12))


class World:
    """A supervisor, its seats, and time."""

    def __init__(self) -> None:
        self.seats, self.fake = Seats(), Fake()
        self.mono_ns = 1000 * SECOND
        self.supervisor = Supervisor(self.seats.view, SUPERVISOR, self.fake)

    def run(self, ns: int) -> None:
        """Let time go by in steps of the supervisor's own loop."""
        end = self.mono_ns + ns
        while self.mono_ns < end:
            self.mono_ns = min(end, self.mono_ns + 20 * MS)
            self.supervisor.step(self.mono_ns, self.mono_ns)

    def die(self, owner: int = MAKER) -> None:
        self.fake.dead.add(owner)


@pytest.fixture
def world() -> World:
    return World()


# ------------------------------------------------------------------------------------------------- what it leaves alone


def test_a_process_that_runs_is_left_alone_even_if_its_loop_is_slow(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    for _ in range(20):
        world.seats.beat(at, world.mono_ns)
        world.run(900 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert world.supervisor.watched == 1 and world.supervisor.detail == "watches 1"


def test_without_a_beat_ever_or_a_limit_nobody_hangs(world: World) -> None:
    never = world.seats.take(MAKER, "never", hang_ms=1000)
    unbound = world.seats.take(AGAIN, "unbound", hang_ms=0)
    world.seats.beat(unbound, world.mono_ns)
    world.run(100 * SECOND)
    assert [world.seats.state(at) for at in (never, unbound)] == [lib.AATS_SEAT_LIVE] * 2


def test_a_process_that_starts_or_leaves_may_be_silent_longer(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.fake.slow.add(MAKER)
    world.run(59 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(2 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING


def test_orders_are_kept_where_that_is_asked_for_and_it_is_said_once(world: World) -> None:
    at = world.seats.take(MAKER, on_death=lib.AATS_DEATH_KEEP)
    sym = world.seats.symbol()
    world.seats.cell(at, sym, buy_i=5, open_cnt=1)
    world.die()
    world.run(30 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert world.seats.cell(at, sym).buy_i == 5
    assert len(world.fake.said) == 1 and "kept" in world.fake.said[0][1]


def test_a_supervisor_that_was_stopped_itself_blames_nobody_for_the_time_it_did_not_see(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.run(SECOND)
    world.seats.beat(at, world.mono_ns)
    world.mono_ns += 60 * SECOND  # the machine slept, all of it
    world.run(900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING


# ------------------------------------------------------------------------------------------------------- grace and claim


def test_a_dead_process_has_its_grace_and_not_a_moment_more(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=2000)
    world.run(SECOND)
    world.die()
    world.run(1980 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(100 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING)
    assert [one.job.name for one in world.fake.begun] == ["maker"]


def test_a_restart_inside_the_grace_has_the_seat_and_its_own_grace(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=2000)
    world.die()
    world.run(1900 * MS)
    assert world.seats.take(AGAIN, instance=2, grace_ms=2000, dead=world.seats.owner(at)) == at
    world.run(10 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(AGAIN, lib.AATS_SEAT_LIVE) and not world.fake.begun
    world.die(AGAIN)
    world.run(1900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(200 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.fake.begun[0].job.instance == 2


def test_of_a_restart_and_the_supervisor_exactly_one_has_the_seat(world: World) -> None:
    at = world.seats.take(MAKER)
    seen = world.seats.owner(at)
    world.die()
    world.run(100 * MS)  # it has claimed
    assert world.seats.take(AGAIN, instance=2, dead=seen) == lib.AATS_E_BUSY
    world.fake.begun[0].clean = True
    world.run(100 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE
    assert world.seats.take(AGAIN, instance=2) >= 0


def test_a_restart_that_comes_between_the_look_and_the_claim_has_the_seat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = world.seats.take(MAKER)
    seen = world.seats.owner(at)
    took = []

    def restarted(job: Job) -> str:
        took.append(world.seats.take(AGAIN, instance=2, dead=seen))
        return ""

    monkeypatch.setattr(world.fake, "lacks", restarted)
    world.die()
    world.run(SECOND)
    assert took == [at] and not world.fake.begun
    assert world.seats.owner(at) == lib.aats_ident_with(AGAIN, lib.AATS_SEAT_LIVE)


def test_a_hung_process_is_fenced_after_hang_and_grace(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000, grace_ms=500)
    world.seats.beat(at, world.mono_ns)
    world.fake.there.add(1)
    world.run(1400 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE
    world.run(200 * MS)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING)
    assert "hung" in world.fake.said[0][1]


def test_a_hung_process_that_goes_on_in_its_grace_keeps_its_seat(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000, grace_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.run(1500 * MS)
    world.seats.beat(at, world.mono_ns)
    world.run(900 * MS)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE and not world.fake.begun


# -------------------------------------------------------------------------------------------------------------- clearing


def test_when_nothing_is_open_the_seat_is_free_and_nothing_of_it_counts(world: World) -> None:
    at, sym = world.seats.take(MAKER), world.seats.symbol()
    world.seats.cell(at, sym, buy_i=7, sell_i=3, open_cnt=4, exposure_i=100)
    world.die()
    world.run(SECOND)
    assert world.seats.cell(at, sym).buy_i == 7, "what is reserved counts until the venue's word is in"
    assert world.fake.begun[0].job == Job(at, "maker", "binance-0badcafe", int(Mode.SIM), 1, ("BTCUSDT.BINANCE",), ("BTCUSDT.BINANCE",))
    world.fake.begun[0].clean = True
    world.run(100 * MS)
    cell = world.seats.cell(at, sym)
    assert (cell.buy_i, cell.sell_i, cell.open_cnt, cell.exposure_i, cell.pos_i) == (0, 0, 0, 0, 0)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and world.fake.begun[0].closed and not world.supervisor.busy


def test_a_position_stays_with_the_fills_that_the_process_never_saw(world: World) -> None:
    at, sym = world.seats.take(MAKER), world.seats.symbol(mark_px_i=50_000 * 10**8)
    world.seats.cell(at, sym, pos_i=2 * 10**8, buy_i=10**8, open_cnt=1)
    world.die()
    world.run(100 * MS)
    world.fake.begun[0].moved, world.fake.begun[0].clean = 10**8, True
    world.run(100 * MS)
    cell = world.seats.cell(at, sym)
    assert (cell.pos_i, cell.buy_i, cell.open_cnt) == (3 * 10**8, 0, 0)
    assert cell.exposure_i == 150_000 * 10**8
    assert world.seats.state(at) == lib.AATS_SEAT_PARKED


def test_without_a_key_it_claims_nothing_so_that_a_restart_need_not_wait(world: World) -> None:
    at = world.seats.take(MAKER)
    world.fake.missing = "no key of account binance-0badcafe is here"
    world.die()
    world.run(30 * SECOND)
    assert world.seats.owner(at) == lib.aats_ident_with(MAKER, lib.AATS_SEAT_LIVE) and not world.fake.begun
    assert "maker on binance-0badcafe is not cleared: no key" in world.supervisor.detail
    assert [level for level, _ in world.fake.said] == [2], "said once, as an error"
    world.fake.missing = ""  # another process of the account has brought it
    world.run(SECOND)
    assert len(world.fake.begun) == 1 and "no key" not in world.supervisor.detail


def test_a_seat_of_paper_is_freed_without_a_venue(world: World) -> None:
    at, sym = world.seats.take(MAKER, mode=Mode.PAPER, hang_ms=1000), world.seats.symbol()
    world.seats.cell(at, sym, pos_i=5, buy_i=7, open_cnt=1)
    world.seats.beat(at, world.mono_ns)
    world.run(10 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_LIVE, "nobody is hurt by one that hangs"
    world.die()
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and not world.fake.begun


def test_a_seat_that_was_being_taken_or_given_back_by_the_dead_is_freed(world: World) -> None:
    at = world.seats.take(MAKER)
    world.seats.view.seats[at].owner = lib.aats_ident_with(MAKER, lib.AATS_SEAT_BOOT)
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_BOOT, "it lives"
    world.die()
    world.run(SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE and not world.fake.begun


def test_a_key_that_has_changed_is_taken_up_at_once(world: World) -> None:
    world.seats.take(MAKER)
    world.die()
    world.run(SECOND)
    world.supervisor.renewed("another", "binance-another0")
    world.run(SECOND)
    assert len(world.fake.begun) == 1
    world.supervisor.renewed("another", "binance-0badcafe")
    world.run(SECOND)
    assert len(world.fake.begun) == 2 and world.fake.begun[0].closed
    world.supervisor.renewed("maker", "okx-another0")  # the same strategy's at another venue
    world.run(SECOND)
    assert len(world.fake.begun) == 3


def test_it_never_gives_up_and_says_what_keeps_it(world: World) -> None:
    world.seats.take(MAKER)
    world.fake.refuse = "no key of that account is here"
    world.die()
    world.run(60 * SECOND)
    assert "no key of that account is here" in world.supervisor.detail
    assert [level for level, _ in world.fake.said] == [1, 2], "said once, not at each attempt"
    world.fake.refuse = ""
    world.run(9 * SECOND)
    assert len(world.fake.begun) == 1


def test_a_fault_of_its_own_with_one_seat_costs_no_other_its_watch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.seats.take(MAKER)
    other = world.seats.take(AGAIN, "other", instance=2)
    world.die()
    world.run(100 * MS)
    monkeypatch.setattr(world.fake.begun[0], "step", lambda *_: 1 // 0)
    world.run(SECOND)
    assert world.fake.begun[0].closed and "ZeroDivisionError" in world.fake.said[-1][1]
    world.die(AGAIN)
    world.run(100 * MS)
    assert world.seats.state(other) == lib.AATS_SEAT_CLEARING
    assert [one.job.instance for one in world.fake.begun] == [1, 1, 2], "and it is tried again itself"


def test_several_that_die_at_once_are_cleared_side_by_side(world: World) -> None:
    owners = [int(lib.aats_ident(2000 + i, i + 1)) for i in range(4)]
    ats = [world.seats.take(owner, f"s{i}", instance=10 + i) for i, owner in enumerate(owners)]
    for owner in owners:
        world.die(owner)
    world.run(100 * MS)
    assert sorted(one.job.instance for one in world.fake.begun) == [10, 11, 12, 13]
    for one in world.fake.begun[1:]:
        one.clean = True
    world.run(100 * MS)
    first = world.fake.begun[0].job.at
    assert all(world.seats.state(at) == (lib.AATS_SEAT_CLEARING if at == first else lib.AATS_SEAT_FREE) for at in ats)


def test_the_orders_of_a_stopped_process_are_looked_at_until_it_is_fenced_and_the_window_is_over(world: World) -> None:
    at = world.seats.take(MAKER, hang_ms=1000)
    world.seats.beat(at, world.mono_ns)
    world.fake.there.add(1)
    world.run(2 * SECOND)
    clearing = world.fake.begun[0]
    for _ in range(30):
        clearing.clean = True
        world.run(SECOND)
        assert world.seats.state(at) == lib.AATS_SEAT_CLEARING
    looks = clearing.looks
    assert looks >= 4, "it goes on looking while the process may wake"
    world.seats.view.seats[at].fenced = 1
    fenced_ns = world.mono_ns
    while world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.mono_ns < fenced_ns + 20 * SECOND:
        clearing.clean = True
        world.run(20 * MS)
    assert world.mono_ns - fenced_ns >= WINDOW_NS and clearing.looks > looks, "the last look came after the window"
    assert world.seats.state(at) == lib.AATS_SEAT_FREE


def test_the_window_is_that_of_the_venue() -> None:
    source = (Path(__file__).parents[2] / "csrc/venue/binance_order.c").read_text()
    ms = {name: int(re.search(rf"\.{name}\s*= (\d+),", source)[1]) for name in ("window_ms", "clock_margin_ms")}  # type: ignore[index]
    assert sum(ms.values()) * MS <= WINDOW_NS


def test_an_order_that_may_still_be_on_its_way_is_waited_for(world: World) -> None:
    at = world.seats.take(MAKER)
    world.die()
    world.run(100 * MS)
    clearing = world.fake.begun[0]
    clearing.doubtful = True
    begin_ns = world.mono_ns
    while world.seats.state(at) == lib.AATS_SEAT_CLEARING and world.mono_ns < begin_ns + 20 * SECOND:
        clearing.clean = True
        world.run(20 * MS)
    assert world.mono_ns - begin_ns >= WINDOW_NS - 200 * MS and clearing.looks >= 2


def test_the_next_supervisor_goes_on_where_one_was_killed(world: World) -> None:
    at = world.seats.take(MAKER, grace_ms=5000)
    world.die()
    world.run(6 * SECOND)
    assert world.seats.state(at) == lib.AATS_SEAT_CLEARING
    other = int(lib.aats_ident(78, 9))
    second = Supervisor(world.seats.view, other, world.fake)
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.owner(at) == lib.aats_ident_with(SUPERVISOR, lib.AATS_SEAT_CLEARING), "the first one lives"
    world.die(SUPERVISOR)
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.owner(at) == lib.aats_ident_with(other, lib.AATS_SEAT_CLEARING), "without a second grace"
    world.fake.begun[-1].clean = True
    for _ in range(10):
        world.mono_ns += 20 * MS
        second.step(world.mono_ns, world.mono_ns)
    assert world.seats.state(at) == lib.AATS_SEAT_FREE
