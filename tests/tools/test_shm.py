"""The inspector reads every kind of segment, of the living, the dead and of other layouts, and changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aats import control, shm
from aats.layout import MD, MD_OFFSET, SLOT, SLOT_OFFSET, Command, Kind, Role
from tools import shm as inspector

STAND_IN = Path(__file__).parents[1] / "control" / "stand_in.py"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def feed(home: Path, namespace: str) -> Iterator[control.Child]:
    words = [sys.executable, str(STAND_IN), "--symbols", "BTCUSDT:5,ETHUSDT:20"]
    child = control.spawn(Role.FEED, [], command_line=words)
    yield child
    child.process.kill()
    child.process.wait()
    control.tidy()


def look(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    status = inspector.main([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


# --------------------------------------------------------------------------------------------------------- refusals


def test_a_name_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert inspector.main(["dump", "md.nosuch"]) == 2
    assert "no segment 'md.nosuch'" in capsys.readouterr().err


def test_a_foreign_layout_is_named_and_not_mapped(capsys: pytest.CaptureFixture[str], namespace: str) -> None:
    name = shm.SegmentName(os.getuid(), namespace, "0badcafe", "md", "binance", 5)
    header = shm.Header.FORMAT.pack(0, 256, 2, 0x0BADCAFE12345678, 512, 5, 99, 0)
    (shm.SHM_DIR / name.file).write_bytes(header.ljust(512, b"\0"))
    try:
        status, dumped = look(capsys, "dump", str(name))
        assert status == 1
        assert dumped["header"]["layout"] == "0badcafe12345678" and not dumped["header"]["ours"]  # type: ignore[index]
        assert set(dumped) == {"header", "note"}
        status, checked = look(capsys, "check", str(name))
        assert status == 1 and not checked["whole"]
        assert inspector.main(["list"]) == 0
        assert "FOREIGN LAYOUT 0badcafe12345678" in capsys.readouterr().out
    finally:
        shm.unlink(name)


@pytest.mark.parametrize("content", [b"", bytes(10), bytes(5000), b"\xff" * 300, b"\xff" * 9000])
def test_rubbish_under_our_name_is_reported_not_crashed_on(capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    name = shm.SegmentName.make(Kind.MD, "rubbish", 5)
    (shm.SHM_DIR / name.file).write_bytes(content)
    try:
        assert look(capsys, "dump", str(name))[0] == 1
        status, checked = look(capsys, "check", str(name))
        assert status == 1 and checked["faults"]
    finally:
        shm.unlink(name)


@pytest.mark.parametrize("field", ["ring_off", "dir_off", "slot_sz", "dir_cap"])
def test_a_damaged_segment_is_called_damaged(capsys: pytest.CaptureFixture[str], feed: control.Child, field: str) -> None:
    segment = shm.attach(feed.entry.segment, writable=True)  # type: ignore[arg-type]
    segment.array(MD, MD_OFFSET)[field] = 0x7FFFFFF0
    status, checked = look(capsys, "check", "md.binance")
    assert status == 1 and checked["faults"]


# ----------------------------------------------------------------------------------------------------------- looks


def test_all_of_a_living_feed_is_shown(capsys: pytest.CaptureFixture[str], feed: control.Child) -> None:
    status, dumped = look(capsys, "dump", "md.binance")
    assert status == 0
    assert dumped["header"]["owner_pid"] == feed.pid and dumped["header"]["owner_alive"]  # type: ignore[index]
    assert dumped["ring_position"] == dumped["head"] == 2
    assert [one["symbol"] for one in dumped["directory"]] == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]  # type: ignore[attr-defined]
    book = dumped["books"][0]  # type: ignore[index]
    assert (book["valid"], book["bids"], book["asks"]) == (True, [[61837.64, 1.5]], [[61837.65, 0.00002]])
    assert [one["rec"] for one in dumped["records"]] == [0, 1]  # type: ignore[attr-defined]
    assert {one["name"] for one in dumped["histograms"]} == {"recv_pub", "exch_recv"}  # type: ignore[attr-defined]
    assert dumped["counters"]["quotes"] == 2  # type: ignore[index]
    assert look(capsys, "check", "md.binance") == (0, {"name": str(feed.entry.segment), "whole": True, "owner_alive": True, "faults": []})


def test_a_dead_feeds_segment_is_still_readable_and_its_books_are_not_good(capsys: pytest.CaptureFixture[str], feed: control.Child) -> None:
    feed.process.kill()
    feed.process.wait()
    status, dumped = look(capsys, "dump", "md.binance")
    assert status == 0
    assert not dumped["header"]["owner_alive"]  # type: ignore[index]
    assert dumped["books"][0]["bids"] == [[61837.64, 1.5]]  # type: ignore[index]
    slots = look(capsys, "dump", "ctl")[1]["slots"]
    assert [(one["name"], one["alive"], one["state"]) for one in slots] == [("binance", False, "run")]  # type: ignore[attr-defined]
    time.sleep(0.6)  # the heartbeat grows stale; nobody has reaped the slot
    assert look(capsys, "dump", "md.binance")[1]["books"][0]["why"] == "feed_stale"  # type: ignore[index]


def test_looking_changes_nothing(capsys: pytest.CaptureFixture[str], feed: control.Child, namespace: str) -> None:
    os.kill(feed.pid, 19)  # SIGSTOP: from now on only we could write
    before = {name.file: (shm.SHM_DIR / name.file).read_bytes() for name in shm.names(ns=namespace)}
    for verb in ("dump", "check"):
        for word in ("md.binance", "ctl"):
            inspector.main([verb, word])
    inspector.main(["list"])
    assert {name.file: (shm.SHM_DIR / name.file).read_bytes() for name in shm.names(ns=namespace)} == before


def test_slots_of_a_table_say_who_was_told_what(capsys: pytest.CaptureFixture[str], feed: control.Child) -> None:
    control.command(feed.entry, Command.PING, "hello")
    slot = look(capsys, "dump", "ctl")[1]["slots"][0]  # type: ignore[index]
    assert slot["command"] == {"seq": 1, "answered": 1, "arg": "hello", "answer": "PING hello"}


def test_a_trade_segment_shows_counters_and_hops(capsys: pytest.CaptureFixture[str]) -> None:
    with control.join(Role.TRADE, "maker") as me:
        me.create_td()
        dumped = look(capsys, "dump", "td.maker")[1]
    assert dumped["counters"]["callbacks"] == 0  # type: ignore[index]
    assert {one["name"] for one in dumped["histograms"]} == {"pub_delivered", "recv_delivered"}  # type: ignore[attr-defined]


def test_watch_runs_as_a_program_and_ends_on_ctrl_c(feed: control.Child) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tools.shm", "watch", "ctl", "--json"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert "feed binance" in json.loads(process.stdout.readline())["slots"]
    process.send_signal(2)
    assert process.wait(10) == 0


def test_the_table_holds_as_many_slots_as_its_size_allows(feed: control.Child) -> None:
    table = control.Table.open().segment
    assert shm.slot_cnt(table) == 256
    assert SLOT_OFFSET + 256 * SLOT.itemsize <= table.size
