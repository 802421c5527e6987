"""Faults: every N-th is hit, exactly as named, and a client that follows the venue's rule notices or is right anyway."""

from __future__ import annotations

import itertools
import json

import pytest
from websockets.frames import Opcode

from aats.errors import ConfigError
from aats.sim import Faults, Limits
from aats.sim.faults import UPGRADE_KINDS
from tests.sim.wire import DictBook, World

STREAM = "/ws/btcusdt@depth@100ms"


@pytest.mark.parametrize("text", ["drop", "drop=", "drop=0", "drop=-1", "drop=x", "flood=3", "drop=3:5", "stall=3:x", "stall=3:-1"])
def test_malformed_fault_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Faults.parse([text])
    assert repr(text) in str(caught.value)


def test_unknown_kind_is_refused_in_code_too() -> None:
    with pytest.raises(ConfigError, match="flood=3"):
        Faults({"flood": 3})


def test_several_faults_are_read_from_one_text_or_many() -> None:
    assert Faults.parse(["drop=3,dup=4", "stall=5:2.5"]).every == {"drop": 3, "dup": 4, "stall": 5}
    assert Faults.parse(["stall=5:2.5"]).stall_ns == 2_500_000_000


def _two_worlds(**every: int) -> tuple[list[dict[str, int]], list[dict[str, int]], Faults]:
    """Run the same market without and with faults; return the depth events of both."""
    faults = Faults(every)
    plain, faulty = World(), World(faults=faults)
    clients = plain.ws(STREAM), faulty.ws(STREAM)
    plain.run(5)
    faulty.run(5)
    return clients[0].of("depthUpdate"), clients[1].of("depthUpdate"), faults


def test_every_nth_frame_is_dropped() -> None:
    """BS-4: a dropped event shows as a jump of U."""
    sent, got, faults = _two_worlds(drop=5)
    assert got == [e for n, e in enumerate(sent, 1) if n % 5]
    assert faults.counts["drop"] == len(sent) // 5


def test_every_nth_frame_comes_twice() -> None:
    """BS-4: a duplicate has u <= id."""
    sent, got, _ = _two_worlds(dup=4)
    assert got == [e for n, e in enumerate(sent, 1) for _ in range(2 if n % 4 == 0 else 1)]


def test_every_nth_frame_is_swapped_with_the_next() -> None:
    sent, got, _ = _two_worlds(swap=5)
    expected = list(sent)
    for n in range(4, len(expected) - 1, 5):
        expected[n], expected[n + 1] = expected[n + 1], expected[n]
    last_is_held = len(sent) % 5 == 0
    assert got == (expected[:-1] if last_is_held else expected)


def test_adjacent_swaps_do_not_lose_frames() -> None:
    sent, got, _ = _two_worlds(swap=1)
    assert sorted(e["u"] for e in got) in ([e["u"] for e in sent], [e["u"] for e in sent[:-1]])


def test_faults_hit_depth_frames_only() -> None:
    world = World(faults=Faults({"drop": 1}))
    client = world.ws("/stream?streams=btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker")
    world.run(3)
    assert {m["stream"] for m in client.messages} == {"btcusdt@trade", "btcusdt@bookTicker"}


def test_connection_ends_after_the_nth_frame() -> None:
    world = World(faults=Faults({"close": 3}))
    client, again = world.ws(STREAM), None
    world.run(2)
    assert len(client.of("depthUpdate")) == 3
    assert client.close_code == 1001 and client.closed
    again = world.ws(STREAM)
    world.run(2)
    assert len(again.of("depthUpdate")) == 3
    assert world.exchange.faults.counts["close"] == 2


def test_connection_is_cut_in_the_middle_of_the_nth_frame() -> None:
    world = World(faults=Faults({"cut": 3}))
    client = world.ws(STREAM)
    world.run(2)
    assert len(client.of("depthUpdate")) == 2
    assert client.closed and client.close_code is None


def test_stalled_connection_is_silent_and_then_gets_everything() -> None:
    faults = Faults({"stall": 10}, stall_ns=2_000_000_000)
    world = World(faults=faults)
    client, other = world.ws(STREAM), world.ws(STREAM)
    world.run(0.95)
    before = len(client.frames)
    world.run(1.5)
    assert len(client.frames) <= before + 1
    world.run(30)
    events = client.of("depthUpdate")
    assert all(b["U"] == a["u"] + 1 for a, b in itertools.pairwise(events))
    assert faults.counts["stall"] >= 2
    assert other.of("depthUpdate")[0] == events[0]


def test_corrupt_frame_is_never_readable_text() -> None:
    faults = Faults({"corrupt": 3})
    world = World(faults=faults)
    client = world.ws(STREAM)
    world.exchange._conns[client.id].wrapped = True  # the colon of a wrapped frame is another one
    bad = not_utf8 = 0
    while faults.counts["corrupt"] < 8:
        world.run(0.1)
        client.take()
    raw = [bytes(f.data) for f in client.frames if f.opcode is Opcode.TEXT]
    for n, data in enumerate(raw, 1):
        try:
            json.loads(data.decode())
            readable = True
        except UnicodeDecodeError:
            readable, not_utf8 = False, not_utf8 + 1
        except json.JSONDecodeError:
            readable = False
        assert readable == (n % 3 != 0)
        bad += not readable
    assert bad == 8 and not_utf8 == 4


@pytest.mark.parametrize("every", [{"drop": 7}, {"dup": 3}, {"swap": 4}, {"drop": 11, "dup": 5, "swap": 7}])
def test_book_that_counts_ids_is_never_wrong_while_it_has_no_gap(every: dict[str, int]) -> None:
    plain, world = World(), World(faults=Faults(every), limits=Limits(weight_per_min=10**6))
    truth = DictBook()
    truth.load(plain.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json)
    clients = plain.ws(STREAM), world.ws(STREAM)
    states = {}
    plain.run(12)
    for event in clients[0].of("depthUpdate"):
        truth.apply(event)
        states[truth.id] = dict(truth.bids), dict(truth.asks)

    book, checked = DictBook(), 0
    for _ in range(120):
        if book.id is None:
            book.load(world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json)
        world.run(0.1)
        for event in clients[1].of("depthUpdate"):
            book.apply(event)
            if book.id in states:
                assert (book.bids, book.asks) == states[book.id]
                checked += 1
        clients[1].messages.clear()
    assert checked > 20
    assert bool(book.gaps) == bool({"drop", "swap"} & set(every))


@pytest.mark.parametrize("kind", UPGRADE_KINDS)
def test_upgrade_is_refused_with_the_status_that_is_ordered(kind: str) -> None:
    faults = Faults()
    faults.next_upgrades.append(kind)
    world = World(faults=faults)
    assert [world.ws("/ws").status for _ in range(2)] == [int(kind[-3:]), 101]
