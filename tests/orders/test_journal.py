"""What earlier runs left behind, as the next one finds it."""

from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from aats import journal
from aats._ffi import ffi, lib
from aats.errors import AatsError, ConfigError
from aats.journal import JournalKind
from tests.orders.journals import hold
from tools import journal as tool
from tools.fuzz import journal_check


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))
    return tmp_path


def put(writer: journal.Writer, kind: JournalKind, order_id: int, event: int = 0) -> None:
    payload, size = ffi.NULL, 0
    if kind == JournalKind.INTENT:
        payload = ffi.new("aats_order_t *", {"order_id": order_id, "symbol": b"BTCUSDT.BINANCE", "qty_i": 5})
        size = ffi.sizeof("aats_order_t")
    elif kind == JournalKind.EVENT:
        order = {"order_id": order_id, "symbol": b"BTCUSDT.BINANCE", "qty_i": 5, "cum_qty_i": event, "remote_id": b"77"}
        payload = ffi.new("aats_oev_t *", {"kind": event, "order": order})
        size = ffi.sizeof("aats_oev_t")
    assert lib.aats_journal_put(writer.handle, kind, order_id, payload, size, time.time_ns()) == lib.AATS_OK


def reopened(writer: journal.Writer) -> Any:
    """Go on with a journal that was closed."""
    why = ffi.new("char[]", 300)
    writer.handle = lib.aats_journal_resume(str(writer.path).encode(), why, 300)
    assert writer.handle != ffi.NULL, ffi.string(why)
    return writer.handle


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", ".hidden"])
def test_a_name_that_leads_elsewhere_makes_no_folder(name: str, home: Path) -> None:
    with pytest.raises(ConfigError, match="cannot name a folder"):
        journal.folder_of("binance-12345678", name)
    assert not (home / "journal").exists()


def test_a_folder_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "journal").write_text("in the way")
    with pytest.raises(ConfigError, match=r"journal/binance-1|journal"):
        journal.create("binance-12345678", "maker")


def test_what_is_no_journal_is_not_settled(tmp_path: Path) -> None:
    (tmp_path / "x.aj").write_bytes(b"x" * 500)
    with pytest.raises(AatsError, match="no journal"):
        journal.settle(tmp_path / "x.aj")
    assert (tmp_path / "x.aj").read_bytes() == b"x" * 500


# -------------------------------------------------------------------------------------------------------------- places


def test_an_account_is_named_without_its_key() -> None:
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    assert journal.account_id("BINANCE", key) == "binance-" + hashlib.sha256(key.encode()).hexdigest()[:8]
    assert key[:8] not in journal.account_id("BINANCE", key)
    assert journal.account_id("BINANCE", key, "sub/1").endswith("-sub_1")


def test_files_and_folders_are_private_and_named_by_the_instance(home: Path) -> None:
    writer = journal.create("binance-12345678", "maker")
    assert writer.path == home / "journal/binance-12345678/maker" / f"{writer.instance:016x}.aj"
    assert writer.path.stat().st_mode & 0o777 == 0o600
    for folder in writer.path.parents[:3]:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert journal.folders() == [("binance-12345678", "maker", writer.path.parent)]
    writer.close()
    writer.close()


# ------------------------------------------------------------------------------------------------------------- reading


def test_records_come_back_as_they_were_written() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 3)
    put(writer, JournalKind.EVENT, 3, lib.AATS_OEV_ACKED)
    put(writer, JournalKind.TOLD, 3)
    writer.close()
    start, intent, event, told = journal.read(writer.path)
    assert (start.kind, start.text, start.instance) == (JournalKind.START, "maker binance-12345678", writer.instance)
    assert intent.data is not None and int(intent.data["qty_i"]) == 5
    assert event.data is not None and bytes(event.data["order"]["remote_id"]) == b"77"
    assert (told.kind, told.order_id, told.data, told.number) == (JournalKind.TOLD, 3, None, 4)


def test_orders_that_are_not_known_to_be_closed_are_found() -> None:
    writer = journal.create("binance-12345678", "maker")
    for order_id in (1, 2, 3, 4):
        put(writer, JournalKind.INTENT, order_id)
    put(writer, JournalKind.EVENT, 1, lib.AATS_OEV_CLOSED)
    put(writer, JournalKind.TOLD, 1)
    put(writer, JournalKind.EVENT, 2, lib.AATS_OEV_ACKED)
    put(writer, JournalKind.EVENT, 3, lib.AATS_OEV_CLOSED)  # not delivered
    put(writer, JournalKind.EVENT, 9, lib.AATS_OEV_CLOSED)  # never went out
    writer.close()
    (run,) = journal.scan(writer.path.parent)
    assert (run.instance, run.ended, run.tail) == (writer.instance, False, 0)
    assert sorted(run.left) == [2, 3, 4]
    assert [left.order_id for left in run.open] == [2, 4]
    assert run.left[2].symbol == "BTCUSDT.BINANCE"
    assert run.left[2].client_id == f"{writer.instance:016x}{2:016x}"
    newest = run.left[2].order
    assert newest is not None and int(newest["cum_qty_i"]) == lib.AATS_OEV_ACKED


def test_a_run_that_left_in_order_has_nothing_left() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.END, 0)
    writer.close()
    (run,) = journal.scan(writer.path.parent)
    assert run.ended and run.left == {} and run.open == []


def test_an_end_that_is_not_whole_is_none() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.END, 0)
    writer.close()
    raw = writer.path.read_bytes()
    for bad in (raw[:-1], raw[:-8] + bytes(8), raw[:-48] + bytes(8) + raw[-40:]):
        writer.path.write_bytes(bad)
        (run,) = journal.scan(writer.path.parent)
        assert not run.ended
        assert [left.order_id for left in run.open] == [1]
    writer.path.write_bytes(raw + b"\1")
    (run,) = journal.scan(writer.path.parent)
    assert run.ended and run.tail == 1


@pytest.mark.parametrize("room", [0, 1, 8, 7000, 300_000])
def test_an_end_is_found_before_the_zeros_that_are_allocated_behind_it(room: int) -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.END, 0)
    writer.close()
    writer.path.write_bytes(writer.path.read_bytes() + bytes(room))
    (run,) = journal.scan(writer.path.parent)
    assert run.ended and run.tail == 0


def test_a_file_that_is_being_written_is_read_and_not_settled() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    (run,) = journal.scan(writer.path.parent)
    assert (run.ended, run.running, run.tail, len(run.open)) == (False, True, 0, 1)
    with pytest.raises(AatsError, match="lives"):
        journal.settle(writer.path)
    put(writer, JournalKind.END, 0)
    (run,) = journal.scan(writer.path.parent)
    assert run.ended and run.running
    writer.close()
    assert not run.running


def test_a_file_cut_short_shows_what_is_whole_and_is_settled_behind_it() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.INTENT, 2)
    writer.close()
    raw = writer.path.read_bytes()
    writer.path.write_bytes(raw[:-100])
    (run,) = journal.scan(writer.path.parent)
    assert [left.order_id for left in run.open] == [1] and 0 < run.tail <= 396
    journal.settle(writer.path)
    (run,) = journal.scan(writer.path.parent)
    assert run.ended
    assert [record.kind for record in journal.read(writer.path)] == [JournalKind.START, JournalKind.INTENT, JournalKind.END]


def test_an_empty_file_is_a_run_that_sent_nothing() -> None:
    folder = journal.folder_of("binance-12345678", "maker")
    (folder / "00000000000000ff.aj").write_bytes(b"")
    (folder / "notes.aj").write_bytes(b"not ours")
    (run,) = journal.scan(folder)
    assert (run.instance, run.ended, run.open) == (255, False, [])


def test_a_file_of_another_layout_still_tells_which_orders_are_open() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.INTENT, 2)
    put(writer, JournalKind.TOLD, 1)
    writer.close()
    raw = bytearray(writer.path.read_bytes())
    raw[32:40] = (12345).to_bytes(8, "little")  # the hash in START, then its checksum anew
    size = int.from_bytes(raw[:4], "little")
    raw[40:48] = journal_check(bytes(raw[:40]), bytes(raw[48:size])).to_bytes(8, "little")
    writer.path.write_bytes(raw)
    (run,) = journal.scan(writer.path.parent)
    assert [(left.order_id, left.order, left.symbol) for left in run.open] == [(2, None, "")]
    assert run.alien and run.holds == {}


def test_a_file_of_our_own_layout_is_no_alien() -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.EVENT, 1, lib.AATS_OEV_ACKED)
    put(writer, JournalKind.TOLD, 1)
    (run,) = journal.scan(writer.path.parent)
    assert not run.alien
    writer.close()


def aged(writer: journal.Writer, days: float = 8.0) -> Path:
    """Close a journal, make it look old, and return its file."""
    writer.close()
    os.utime(writer.path, (time.time() - days * 86400,) * 2)
    return writer.path


def test_only_old_files_of_runs_that_ended_go() -> None:
    gone, kept, young = (journal.create("binance-12345678", "maker") for _ in range(3))
    put(kept, JournalKind.INTENT, 1)
    for writer in (gone, young):
        put(writer, JournalKind.END, 0)
    files = [aged(gone), aged(kept), aged(young, 0)]
    assert journal.clean(kept.path.parent) == 1
    assert [path.exists() for path in files] == [False, True, True]


# ------------------------------------------------------------------------------------------------------- the checksum


@pytest.mark.parametrize("size", [0, 8, 16, 24, 32, 40, 64, 448, 768, 976])
def test_the_checksum_is_the_models_and_no_changed_word_keeps_it(size: int) -> None:
    head, payload = random.randbytes(40), random.randbytes(size)

    def check(raw: bytes) -> int:
        record = ffi.new("aats_jrec_t *")
        ffi.memmove(record, raw[:40], 40)
        return int(lib.aats_jrec_check(record, ffi.from_buffer(raw[40:]), size))

    good = check(head + payload)
    assert good == journal_check(head, payload) != 0
    for at in range(0, 40 + size, 8):
        word = bytes(a ^ b for a, b in zip((head + payload)[at : at + 8], random.choice(FLIPS)))
        assert check((head + payload)[:at] + word + (head + payload)[at + 8 :]) != good
    if size >= 64:  # the topmost bits of two words of one lane
        twice = bytearray(head + payload)
        twice[47] ^= 0x80
        twice[79] ^= 0x80
        assert check(bytes(twice)) != good


FLIPS = [bytes(7) + b"\x80", b"\x01" + bytes(7), b"\xff" * 8]


# ----------------------------------------------------------------------------------------------------------- the tool


def test_the_tool_prints_a_journal_and_says_where_it_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    writer = journal.create("binance-12345678", "maker")
    put(writer, JournalKind.INTENT, 1)
    put(writer, JournalKind.EVENT, 1, lib.AATS_OEV_ACKED)
    put(writer, JournalKind.INTENT, 2)
    put(writer, JournalKind.TOLD, 1)
    writer.close()
    assert tool.main([str(writer.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["kind=START", "kind=INTENT", "kind=EVENT", "kind=INTENT", "kind=TOLD"]
    assert f"{writer.instance:016x}" in lines[0] and "symbol=BTCUSDT.BINANCE" in lines[1] and "remote_id=77" in lines[2]

    assert tool.main([str(writer.path), "--left", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert '"order_id": 2' in line

    held = hold()
    assert lib.aats_journal_put(reopened(writer), JournalKind.HOLD, 0, held, ffi.sizeof("aats_hold_t"), 1) == lib.AATS_OK
    lib.aats_journal_close(writer.handle)
    assert tool.main([str(writer.path)]) == 0
    assert "symbol=BTCUSDT.BINANCE base_exp=-8" in capsys.readouterr().out.splitlines()[-1]

    writer.path.write_bytes(writer.path.read_bytes()[:-3])
    assert tool.main([str(writer.path)]) == 1
    assert "cannot be believed" in capsys.readouterr().err
    assert tool.main([str(writer.path) + "x"]) == 2
