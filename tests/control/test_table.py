"""The control table: one name for one living process, nothing left of the dead, the last one out turns off the light."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from aats import control, shm
from aats._ffi import lib
from aats.errors import ConfigError, ControlError, PeerDead, SegmentMissing, ShmError, SlotTaken
from aats.layout import CTL_OFFSET, Command, Kind, Mode, Role, State
from aats.shm import SegmentName
from aats.table import Table

from .conftest import STAND_IN, eventually

Start = Callable[..., control.Child]

# --------------------------------------------------------------------------------------------------------- refusals


def test_a_second_living_process_of_a_name_is_refused_with_the_firsts_pid(start: Start) -> None:
    child = start()
    with pytest.raises(SlotTaken, match=f"'binance' is already run by pid {child.pid}"):
        control.join(Role.FEED, "binance")


def test_the_same_name_in_another_role_is_free(start: Start) -> None:
    start()
    with control.join(Role.TRADE, "binance") as me:
        assert me.state == State.BOOT


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "x" * 48])
def test_a_name_that_no_segment_could_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        control.join(Role.FEED, name)


def test_a_full_table_is_refused_in_words(namespace: str) -> None:
    with contextlib.ExitStack() as stack:
        with pytest.raises(ControlError, match="256 processes"):
            for number in range(257):
                stack.enter_context(control.join(Role.OTHER, f"one-{number}"))
        assert number == 256


def test_a_table_locked_for_long_is_refused_instead_of_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aats.table.LOCK_S", 0.2)
    with control.join(Role.OTHER, "one") as me:
        held = os.open(shm.SHM_DIR / me.table.segment.name.file, os.O_RDWR)
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ControlError, match="locked by another process"):
            control.join(Role.OTHER, "two")
        assert me.tick() == []
        os.close(held)
        with control.join(Role.OTHER, "two"):
            pass


def test_without_a_process_there_is_no_table() -> None:
    with pytest.raises(SegmentMissing):
        Table.open()
    assert control.processes() == []
    assert control.tidy() == []


# ---------------------------------------------------------------------------------------------------- life and death


def test_the_last_one_out_removes_the_table(namespace: str) -> None:
    first = control.join(Role.OTHER, "one")
    second = control.join(Role.OTHER, "two")
    first.leave()
    assert [entry.name for entry in Table.open().entries()] == ["two"]
    second.leave()
    assert shm.names(ns=namespace, every=True) == []
    assert not second.table.current
    second.leave()


def test_what_died_is_reaped_with_its_segments_within_a_second_or_two(start: Start, namespace: str) -> None:
    with control.join(Role.OTHER, "watcher") as me:
        child = start()
        assert shm.names(ns=namespace, kind=Kind.MD) != []
        child.process.kill()
        child.process.wait()
        eventually(lambda: [one.name for one in me.tick()] == ["binance"], within_s=3)
        assert shm.names(ns=namespace, kind=Kind.MD) == []
        assert [entry.name for entry in me.table.entries()] == ["watcher"]


def test_a_zombie_is_dead(start: Start) -> None:
    with control.join(Role.OTHER, "watcher"):
        child = start()
        child.process.kill()  # not waited for
        eventually(lambda: not next(one for one in control.processes() if one["name"] == "binance")["alive"])
        with control.join(Role.FEED, "binance"):
            pass


def test_a_stopped_process_keeps_its_name(start: Start) -> None:
    child = start()
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(SlotTaken):
        control.join(Role.FEED, "binance")
    eventually(lambda: control.processes()[0]["status"] == "stopped")


def test_the_next_of_a_name_tells_the_readers_of_the_dead_one(start: Start) -> None:
    with control.join(Role.OTHER, "watcher"):
        child = start()
        reader = control.find_feeds()[0].attach()
        assert reader.successor == 0
        child.process.kill()
        child.process.wait()
        with control.join(Role.FEED, "binance") as me:
            new = me.create_md(venue="BINANCE")
            assert reader.successor == new.generation > reader.generation
            with pytest.raises(SegmentMissing):
                shm.attach(reader.name)
            assert me.table.entry(me.index).generation == new.generation  # type: ignore[union-attr]


def test_generations_grow_over_the_lives_of_tables(namespace: str) -> None:
    seen = []
    for _ in range(3):
        with control.join(Role.FEED, "binance") as me:
            seen += [me.next_generation() for _ in range(5)]
        assert shm.names(ns=namespace, every=True) == []
    assert seen == sorted(set(seen))


def test_a_table_that_its_maker_left_unfinished_is_made_by_the_next(namespace: str) -> None:
    path = shm.SHM_DIR / Table.name_of().file
    for left in (b"", bytes(100), bytes(8192)):
        path.write_bytes(left)
        with control.join(Role.OTHER, "one"):
            assert len(control.processes()) == 1
        assert not path.exists()


def test_a_waiter_is_not_left_in_a_table_that_was_removed(namespace: str) -> None:
    one = control.join(Role.OTHER, "one")
    path = shm.SHM_DIR / one.table.segment.name.file
    held = os.open(path, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    joined: list[control.Member] = []
    waiter = threading.Thread(target=lambda: joined.append(control.join(Role.OTHER, "two")))
    waiter.start()
    time.sleep(0.2)  # the waiter has opened the table by now
    path.unlink()
    os.close(held)
    waiter.join(20)
    assert [entry["name"] for entry in control.processes()] == ["two"]
    joined[0].leave()
    one.leave()


def test_a_table_whose_closer_died_before_the_unlink_is_replaced(namespace: str) -> None:
    one = control.join(Role.OTHER, "one")
    one.table.segment.pointer("aats_ctl_t", CTL_OFFSET).closing = lib.aats_ident(1234567, 5)
    with control.join(Role.OTHER, "two"):
        assert [entry["name"] for entry in control.processes()] == ["two"]
        one.leave()
        assert [entry["name"] for entry in control.processes()] == ["two"], "the old table's member must not remove the new one"


def test_a_table_of_an_earlier_boot_is_replaced(namespace: str) -> None:
    one = control.join(Role.OTHER, "one")
    one.table.segment.pointer("aats_seg_t").boot_id[0] = b"z"
    with control.join(Role.OTHER, "two"):
        assert [entry["name"] for entry in control.processes()] == ["two"]


def test_a_segment_of_a_dead_maker_that_was_never_entered_goes_too(namespace: str) -> None:
    lost = shm.create_md("lost", ring_depth=64, level_max=5, dir_cap=1, owner=lib.aats_ident(4_000_000, 99))
    alive = shm.create_md("kept", ring_depth=64, level_max=5, dir_cap=1)
    with control.join(Role.OTHER, "one"):
        assert [name.label for name in shm.names(ns=namespace, kind=Kind.MD)] == ["kept"]
    shm.unlink(alive.name)
    with pytest.raises(ShmError):
        shm.attach(lost.name)


def test_another_namespace_is_left_alone(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = f"{namespace}b"
    lost = SegmentName.make(Kind.MD, "lost", 5, ns=other)
    (shm.SHM_DIR / lost.file).write_bytes(bytes(512))
    try:
        with control.join(Role.OTHER, "one"):
            assert (shm.SHM_DIR / lost.file).exists()
    finally:
        shm.unlink(lost)


def test_a_forked_child_does_not_leave_for_its_parent(namespace: str) -> None:
    with control.join(Role.OTHER, "one") as me:
        pid = os.fork()
        if pid == 0:
            me.leave()
            os._exit(0)
        os.waitpid(pid, 0)
        assert [one["name"] for one in control.processes()] == ["one"]


def test_threads_that_join_at_once_get_slots_of_their_own() -> None:
    members: list[control.Member] = []
    threads = [threading.Thread(target=lambda number=number: members.append(control.join(Role.OTHER, f"t{number}"))) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({me.index for me in members}) == 8
    for me in members:
        me.leave()


def test_random_kills_leave_nothing_behind_and_do_not_disturb_the_living(namespace: str) -> None:
    """Processes join, make segments, and are killed at a random moment, from before their first line of work to long after."""
    rng = random.Random(20240607)
    with control.join(Role.OTHER, "survivor") as me:
        for _ in range(4):
            children = [
                subprocess.Popen(
                    [sys.executable, str(STAND_IN), "--name", f"feed-{number}", "--symbols", "BTCUSDT:5"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for number in range(3)
            ]
            time.sleep(0.15)
            for child in children:
                time.sleep(rng.random() * 0.25)
                child.kill()
            for child in children:
                child.wait()
            me.tick()
        control.tidy()
        assert [entry.name for entry in me.table.entries()] == ["survivor"]
        assert [name.kind for name in shm.names(ns=namespace, every=True)] == ["ctl"]
    assert shm.names(ns=namespace, every=True) == []


# --------------------------------------------------------------------------------------------------------- commands


def test_a_command_is_answered_by_the_process_it_was_meant_for(start: Start) -> None:
    child = start("--symbols", "BTCUSDT:5")
    assert control.command(child.entry, Command.PING, "hello") == "PING hello"
    assert control.command(child.entry, Command.SUBSCRIBE, "ETHUSDT.BINANCE 20") == "SUBSCRIBE ETHUSDT.BINANCE 20"
    assert list(control.find_feeds()[0].symbols) == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
    with pytest.raises(ControlError, match=r"refused: PING NOSUCH"):
        control.command(child.entry, Command.PING, "NOSUCH")


def test_a_command_that_is_too_long_is_refused(start: Start) -> None:
    with pytest.raises(ControlError, match="longer than 167 bytes"):
        control.command(start().entry, Command.PING, "x" * 168)


def test_a_command_to_the_dead_is_refused(start: Start) -> None:
    child = start()
    with control.join(Role.OTHER, "one"):
        child.process.kill()
        child.process.wait()
        with pytest.raises(PeerDead):
            control.command(child.entry, Command.PING)


def test_a_command_to_the_deaf_times_out_and_the_next_one_says_why(start: Start) -> None:
    child = start("--behave", "deaf")
    with pytest.raises(ControlError, match="not answered in time"):
        control.command(child.entry, Command.PING, timeout_s=0.1)
    with pytest.raises(ControlError, match="has not answered an earlier command"):
        control.command(child.entry, Command.PING, timeout_s=0.1)


def test_commands_from_many_threads_are_each_answered_once(start: Start) -> None:
    child = start()
    answers: list[str] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(control.command(child.entry, Command.PING, str(n)))) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"PING {n}" for n in range(6)]


# ----------------------------------------------------------------------------------------------------------- listing


def test_feeds_are_found_by_mode_and_symbol_oldest_first(start: Start) -> None:
    start("--name", "old", "--symbols", "BTCUSDT:5", "--mode", "sim")
    start("--name", "new", "--symbols", "BTCUSDT:5,ETHUSDT:20")
    assert [feed.name for feed in control.find_feeds()] == ["old", "new"]
    assert [feed.name for feed in control.find_feeds(mode=Mode.SIM)] == ["old"]
    assert [feed.name for feed in control.find_feeds(symbol="ETHUSDT.BINANCE")] == ["new"]
    assert [feed.name for feed in control.find_feeds(name="new", mode=Mode.SIM)] == []


def test_the_list_shows_table_and_system_facts(start: Start) -> None:
    child = start("--role", "trade", "--name", "maker", "--port", "4711", role=Role.TRADE)
    one = control.processes()[0]
    assert (one["pid"], one["role"], one["name"], one["state"], one["port"], one["alive"]) == (
        child.pid,
        "trade",
        "maker",
        "RUN",
        4711,
        True,
    )
    assert one["segment"] is not None and one["segment"].endswith(f".td.maker.{one['generation']}")
    assert one["rss"] > 1_000_000 and one["heartbeat_ms"] < 5_000
    assert one["counters"]["callbacks"] == 0


def test_a_long_line_is_cut_between_characters() -> None:
    with control.join(Role.OTHER, "one") as me:
        me.describe(detail="é" * 200)
        assert control.processes()[0]["detail"] == "é" * 79


def test_a_table_that_cannot_be_used_leaves_the_descriptor_to_who_opened_it() -> None:
    """Closed twice, the number could be another file's by then."""
    with control.join(Role.OTHER, "one") as me:
        whole = me.table.segment
        cut = SimpleNamespace(pointer=whole.pointer, size=64, name=whole.name)
        fd = os.open(shm.SHM_DIR / whole.name.file, os.O_RDWR)
        with pytest.raises(ShmError):
            Table(cut, fd, me.table.namespace)  # type: ignore[arg-type]
        gc.collect()
        os.fstat(fd)
        os.close(fd)
