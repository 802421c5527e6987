"""Fault runs of the network by seed: whatever happens between hosts, no reader is told anything false, and every loss is counted.

More of the same, and one seed again: ``python -m tools.netfaults --runs N --seed S``, ``python -m tools.netfaults --one SEED -v``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aats._ffi import lib
from tests.world.judge import Wrong
from tests.world.net_pipes import Air
from tests.world.net_plan import MS, SYMBOLS, NetPlan
from tests.world.net_receiver import PathPlan
from tests.world.net_sender import Geometry
from tests.world.net_world import NetWorld
from tests.world.options import SECOND

RUNS, A_TEST = 500, 10
DATAGRAMS, STREAM = lib.AATS_PATH_MULTIBROAD, lib.AATS_PATH_P2P


@pytest.mark.parametrize("first", range(1, RUNS + 1, A_TEST))
def test_nothing_false_is_told_whatever_happens_between_hosts(first: int) -> None:
    for seed in range(first, first + A_TEST):
        assert NetWorld(seed).run().counts()["told"] > 0


@pytest.mark.parametrize("seed", [7, 31])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    first, second = (NetWorld(seed).run() for _ in range(2))
    assert first.counts() == second.counts()
    assert first.receiver.told == second.receiver.told


@pytest.mark.parametrize("kind", [DATAGRAMS, STREAM])
@pytest.mark.parametrize("level_num", [5, 20, 60])
def test_on_a_good_network_every_event_is_told_and_nothing_is_lost(kind: int, level_num: int) -> None:
    plan = NetPlan([Geometry({SYMBOLS[0]: level_num, SYMBOLS[1]: level_num}, max(level_num, 5))], [PathPlan(kind)], open_l2=True)
    world = NetWorld(11, plan).run()
    counts = world.receiver.counts(0)
    assert counts["lost"] == counts["repeated"] == counts["invalid"] == counts["foreign"] == counts["damaged"] == 0
    assert world.receiver.flips == 0
    numbers, told = world.senders[0].told.numbers, world.receiver.told
    assert world._missing(numbers) == 0 and counts["records"] > 300
    if level_num <= 20:  # of deep books not every state travels
        first = min(number for number in told if numbers[number][1] == lib.AATS_REC_TICK)
        assert [number for number in numbers if number > first and number not in told] == []


def test_lost_datagrams_are_had_again_and_no_book_turns_invalid_for_them() -> None:
    plan = NetPlan(faulty=[Air(loss=0.05, dup=0.05, reorder=0.1)], fault_ns=6 * SECOND, step_ms=(1, 2))
    world = NetWorld(12, plan).run()
    counts, pipe = world.receiver.counts(0), world.receiver.pipes[0]
    assert pipe is not None and pipe.counts["dropped"] > 20
    assert counts["lost"] >= 20 and counts["given_up"] == 0 and counts["repaired"] > 0
    assert world.receiver.flips == 0 and world._missing(world.senders[0].told.numbers) == 0


def test_without_a_side_channel_books_come_back_with_their_next_quote() -> None:
    plan = NetPlan(paths=[PathPlan(DATAGRAMS, repair=False)], faulty=[Air(loss=0.1)], fault_ns=6 * SECOND)
    world = NetWorld(13, plan).run()
    counts = world.receiver.counts(0)
    assert counts["lost"] == counts["given_up"] + counts["late"] > 20
    assert counts["repaired"] == counts["snapshots"] == 0


def test_one_of_two_feeds_dies_and_a_reader_sees_nothing() -> None:
    geometry = [Geometry({SYMBOLS[0]: 5, SYMBOLS[1]: 5}) for _ in "ab"]
    plan = NetPlan(geometry, [PathPlan(DATAGRAMS), PathPlan(STREAM)], [Air(), Air()], [Air(), Air()])
    world = NetWorld(14, plan)
    world.begin()
    world.sleep(SECOND)
    flips = world.receiver.flips
    before = [world.receiver.counts(number)["wins"] for number in range(2)]
    assert all(before), before
    world.senders[0].kill(world.now_ns)
    world.sleep(3 * SECOND)
    after = [world.receiver.counts(number)["wins"] for number in range(2)]
    assert after[0] - before[0] < 20 < after[1] - before[1]
    assert world.receiver.flips == flips and all(why == 0 for why in world.receiver.good.values())
    assert world._missing(world.senders[1].told.numbers) == 0
    world.senders[0].start(world.now_ns)
    world.rest()
    assert world.receiver.flips == flips


def test_a_silent_feed_is_stale_here_and_good_again_when_it_speaks() -> None:
    world = NetWorld(15, NetPlan())
    world.begin()
    fell: list[int] = []
    world.receiver.after_fall = lambda symbol, why: fell.append(world.now_ns)
    stopped_ns = world.now_ns
    world.senders[0].paused_until_ns = stopped_ns + 4 * SECOND
    world.sleep(2 * SECOND)
    assert fell and max(fell) - stopped_ns < SECOND, "within a second nobody calls its books good"
    assert len(fell) >= 2 and all(world.receiver.good.values())
    world.sleep(2 * SECOND + 100 * MS)
    world.rest()


def test_a_snapshot_that_waited_for_its_receiver_does_not_look_young() -> None:
    world = NetWorld(17, NetPlan(calm=[Air((4.0, 4.0))], faulty=[Air((4.0, 4.0))], step_ms=(1,)))
    world.begin()
    receiver, sender = world.receiver, world.senders[0]
    receiver.kill(world.now_ns)
    receiver.start(world.now_ns)
    world.until(lambda: any(stream is not None and stream.down.size > 1000 for stream in receiver.streams), SECOND, "a snapshot under way")
    pipe = receiver.pipes[0]
    assert pipe is not None
    receiver.paused_until_ns = sender.fan_paused_until_ns = pipe.down_until_ns = world.now_ns + 2 * SECOND
    world.sleep(2 * SECOND + 3 * MS)  # it has read it by now, and nothing else; the world judges how old its books are
    assert int(receiver.path(0).snapshots) == 1 and all(receiver.good.values())
    world.rest()


def test_a_book_that_never_was_is_found() -> None:
    """The judge itself: a level changed on the way."""
    world = NetWorld(16, NetPlan())
    world.begin()
    pipe = world.receiver.pipes[0]
    assert pipe is not None
    send = pipe.send
    head, rec = 64, 96

    def spoil(now_ns: int, data: bytes) -> None:
        if data[6] == lib.AATS_WIRE_RECORDS and data[head + 50] == lib.AATS_REC_QUOTE:
            at = head + rec
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        send(now_ns, data)

    pipe.send = spoil  # type: ignore[method-assign]
    with pytest.raises(Wrong, match=r"the feed showed|the event had"):
        world.sleep(3 * SECOND)


def test_the_command_prints_totals() -> None:
    command = [sys.executable, "-m", "tools.netfaults", "--runs", "2", "--seed", "3", "--jobs", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).resolve().parents[2])
    said = json.loads(done.stdout)
    assert (done.returncode, said["failing_seeds"], said["runs"]) == (0, [], 2), done.stderr
    assert said["told"] > 0 and said["events"] > 0
