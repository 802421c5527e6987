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
from aats._ffi import ffi, lib
from aats.layout import MD, MD_OFFSET, ORDER, SLOT, SLOT_OFFSET, TD, TD_OFFSET, Command, Kind, Role, TdHist
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
    assert {one["name"] for one in dumped["histograms"]} == {"recv_parsed", "parsed_pub", "recv_pub", "exch_recv"}  # type: ignore[attr-defined]
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
    assert [one["name"] for one in dumped["histograms"]] == [hop.name.lower() for hop in TdHist]  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", ["pos_off", "order_off", "oev_off", "stats_off", "order_cap", "oev_depth"])
def test_a_damaged_trade_segment_is_called_damaged(capsys: pytest.CaptureFixture[str], field: str) -> None:
    with control.join(Role.TRADE, "maker") as me:
        me.create_td().array(TD, TD_OFFSET)[field] = 0x7FFFFFF0
        status, checked = look(capsys, "check", "td.maker")
    assert status == 1
    assert "the segment says" in checked["faults"][0]  # type: ignore[index]


def put_order(segment: shm.Segment, slot: int, **numbers: int) -> object:
    one = ffi.new("aats_order_t *")
    one.symbol, one.px_exp, one.qty_exp, one.state, one.side, one.tif = b"BTCUSDT.BINANCE", -8, -8, lib.AATS_ORD_LIVE, 1, 3
    one.px_i, one.qty_i, one.instance, one.order_id = 6_183_764_000_000, 150_000_000, 0xABC, 1
    for name, value in numbers.items():
        setattr(one, name, value)
    lib.aats_td_put_order(segment._base, slot, one)
    return one


def put_event(segment: shm.Segment, kind: int, order: object, **numbers: int) -> None:
    one = ffi.new("aats_oev_t *", {"kind": kind})
    one.order = order[0]  # type: ignore[index]
    for name, value in numbers.items():
        setattr(one, name, value)
    lib.aats_td_put_event(segment._base, one)


def test_orders_events_positions_and_fees_of_a_trade_segment_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with control.join(Role.TRADE, "maker") as me:
        segment = me.create_td()
        order = put_order(segment, 17, cum_qty_i=50_000_000, fill_cnt=1, flags=lib.AATS_OF_UNKNOWN, created_ns=5)
        put_order(segment, 4095, order_id=2, side=2, px_i=0, tif=5, created_ns=4, state=lib.AATS_ORD_CLOSED, code=lib.AATS_OC_IOC_REST)
        put_order(segment, 3, state=lib.AATS_ORD_FREE)
        for kind in (lib.AATS_OEV_CREATED, lib.AATS_OEV_ACKED):
            put_event(segment, kind, order)
        put_event(segment, lib.AATS_OEV_EXEC, order, fill_px_i=6_183_764_000_000, fill_qty_i=50_000_000, fee_i=-12, fee_exp=-8, liquidity=1)
        position = ffi.new("aats_pos_t *", {"px_exp": -8, "qty_exp": -8, "fee_exp": -8, "fills": 2})
        position.symbol, position.bought.lo = b"BTCUSDT.BINANCE", 50_000_000
        position.sold_notional.lo, position.sold_notional.hi = 0, -1
        lib.aats_td_put_pos(segment._base, 5, position)
        fee = ffi.new("aats_fee_t *", {"asset": b"BNB", "fee_exp": -8})
        fee.amount.lo = 75_000
        lib.aats_td_put_fee(segment._base, 0, fee)
        dumped = look(capsys, "dump", "td.maker")[1]
        status, checked = look(capsys, "check", "td.maker")
    assert (status, checked["faults"]) == (0, [])
    market, first = dumped["orders"]  # type: ignore[misc]
    assert (first["order_id"], first["side"], first["tif"], first["state"], first["price"]) == (1, "buy", "gtc", "live", "61837.64")
    assert (first["size"], first["cum_size"], first["leaves_size"], first["fills"], first["flags"]) == ("1.5", "0.5", "1", 1, ["unknown"])
    assert first["client_id"] == f"{0xABC:016x}{1:016x}"
    assert (market["order_id"], market["price"], market["tif"], market["leaves_size"], market["code"]) == (
        2,
        "0",
        "market",
        "0",
        "ioc_rest",
    )
    assert [one["kind"] for one in dumped["events"]] == ["created", "acked", "exec"]  # type: ignore[attr-defined]
    last = dumped["events"][-1]  # type: ignore[index]
    assert (last["fill_price"], last["fill_size"], last["fee"], last["liquidity"], last["order_id"]) == (
        "61837.64",
        "0.5",
        "-0.00000012",
        "maker",
        1,
    )
    (row,) = dumped["positions"]  # type: ignore[misc]
    assert (row["bought"], row["position"], row["sold_notional"], row["fills"]) == ("0.5", "0.5", "-1844.6744073709551616", 2)
    assert row["cash"] == row["sold_notional"]
    assert dumped["fees"] == {"BNB": "0.00075"}


def test_what_cannot_be_in_a_trade_segment_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with control.join(Role.TRADE, "maker") as me:
        segment = me.create_td()
        order = put_order(segment, 0, cum_qty_i=150_000_001)
        put_order(segment, 1)
        for _ in range(2):
            put_event(segment, lib.AATS_OEV_CLOSED, order)
        offset = int(segment.array(TD, TD_OFFSET)[0]["order_off"]) + 2 * ORDER.itemsize
        segment.array(ORDER, offset)["stamp"] = 7  # its writer died inside
        status, checked = look(capsys, "check", "td.maker")
    assert status == 1
    said = " | ".join(checked["faults"])  # type: ignore[arg-type]
    for word in ("in more than one slot", "filled by 1.50000001 of 1.5", "closed twice", "in the middle of a write"):
        assert word in said


def test_events_that_were_overwritten_are_left_out() -> None:
    with control.join(Role.TRADE, "maker") as me:
        segment = me.create_td()
        trading = shm.Trading(shm.attach(segment.name))
        order = put_order(segment, 0)
        assert trading.events() == ([], 0)
        for _ in range(5000):
            put_event(segment, lib.AATS_OEV_ACKED, order)
        found, after = trading.events(1)
        assert (len(found), found[0].seq, found[-1].seq, after) == (4096, 904, 4999, 5000)
        assert trading.events(after) == ([], 5000)
        assert [one.seq for one in trading.events(4998)[0]] == [4998, 4999]


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
