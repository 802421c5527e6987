"""``aats journal``: what it shows, and what it says of files that cannot be believed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aats import cli, journal
from aats._ffi import ffi, lib
from aats.journal import JournalKind
from tests.orders.journals import Pen, event, fill, hold, order, pen


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))
    return tmp_path


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(["journal", *words])
    out, err = capsys.readouterr()
    return status, out, err


def told_story() -> tuple[Pen, journal.Writer]:
    """Write a journal with a record of every kind."""
    write, writer = pen()
    write.put(JournalKind.HOLD, 0, hold())
    write.put(JournalKind.FEE, 0, ffi.new("aats_fee_t *", {"asset": b"BNB", "fee_exp": -8, "amount": {"lo": 350}}))
    write.day(20_000, 3, 1)
    write.adopted(9, 0x77, 5)
    write.checked()
    one = order(1, instance=writer.instance, tif=lib.AATS_TIF_GTC)
    write.intent(one)
    write.event(event(lib.AATS_OEV_ACKED, one))
    write.event(fill(one, 99, fee_i=123, fee_exp=-8, fee_asset=b"BNB", liquidity=lib.AATS_LIQ_MAKER))
    write.put(JournalKind.CANCEL, 1)
    write.event(event(lib.AATS_OEV_CANCEL_REJECTED, one, code=lib.AATS_OC_UNKNOWN_ORDER, msg=b"not there"))
    write.intent(order(2))
    write.told(2)
    return write, writer


# ------------------------------------------------------------------------------------------------------------ refusals


def test_a_file_that_is_not_there_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, why in ((str(tmp_path / "x.aj"), "cannot be read"), ("0123", "no run begins with it")):
        status, out, err = aats(capsys, "show", name)
        assert status == 1 and out == "" and why in err and err.count("\n") == 1


def test_without_a_verb_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["show"], ["shove", "x"]):
        with pytest.raises(SystemExit) as left:
            cli.main(["journal", *words])
        assert left.value.code == 2
    assert "VERB" in capsys.readouterr().err


DAMAGES = [
    (lambda raw: raw[:-20], "the file ends"),
    (lambda raw: raw[:300] + b"\1" + raw[301:], "checksum"),
    (lambda raw: raw[:72] + bytes(2000) + raw[2072:], "part of the file is lost"),
    (lambda raw: raw + b"\x09\0\0\0\1\0\0\0" + bytes(60), "9 bytes, expected 48 to 1024"),
    (lambda raw: raw + raw[:80], "a record has the number 1|a second START"),
    (lambda raw: b"hello, this is a letter and no journal, and it is long enough to have a head", "says that it has"),
]


@pytest.mark.parametrize(("damage", "why"), DAMAGES, ids=[why for _, why in DAMAGES])
def test_a_damaged_file_shows_what_can_be_believed_and_where_and_why_the_rest_is_not(
    damage: Callable[[bytes], bytes], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = told_story()
    writer.close()
    raw = writer.path.read_bytes()
    whole = aats(capsys, "show", str(writer.path))[1].splitlines()
    writer.path.write_bytes(damage(raw))
    believed = journal.read(writer.path)
    at = sum(48 + len(one.payload) for one in believed)
    status, out, err = aats(capsys, "show", str(writer.path))
    assert status == 1
    assert out.splitlines() == whole[: len(believed)]
    assert any(part in err for part in why.split("|")) and f"at byte {at}," in err
    status, out, _ = aats(capsys, "show", "--json", str(writer.path))
    said = json.loads(out)
    assert status == 1 and len(said["records"]) == len(believed) and said["tail"] > 0
    assert any(part in said["why"] for part in why.split("|"))
    assert aats(capsys, "list")[0] == 1
    assert json.loads(aats(capsys, "list", "--json")[1])[0]["state"] == "damaged"


# ---------------------------------------------------------------------------------------------------------------- show


def test_each_record_is_a_line_that_says_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    _, writer = told_story()
    status, out, err = aats(capsys, "show", str(writer.path))
    lines = out.splitlines()
    assert (status, err) == (0, "")
    kinds = ["START", "HOLD", "FEE", "DAY", "ADOPTED", "CHECKED", "INTENT", "EVENT", "EVENT", "CANCEL", "EVENT", "INTENT", "TOLD"]
    assert [line.split()[2] for line in lines] == kinds
    for at, words in {
        0: ("maker binance-12345678", f"{writer.instance:016x}"),
        1: ("BTCUSDT.BINANCE", "size 0"),
        2: ("BNB", "0.0000035"),
        3: ("2024-10-04", "orders 3", "cancels 1"),
        4: ("#9", f"{0x77:016x}{5:016x}"),
        6: ("#1", "buy 5 BTCUSDT.BINANCE @ 100 gtc", f"{writer.instance:016x}{1:016x}"),
        7: ("#1", "acked"),
        8: ("exec 1 @ 100 maker fee 0.00000123 BNB trade 99", "1 of 5 filled"),
        10: ("cancel_rejected", "unknown_order", ": not there"),
    }.items():
        assert all(word in lines[at] for word in words), (lines[at], words)
    writer.close()


def test_the_json_is_one_object_with_every_record(capsys: pytest.CaptureFixture[str]) -> None:
    _, writer = told_story()
    status, out, _ = aats(capsys, "show", "--json", str(writer.path))
    said = json.loads(out)
    assert status == 0 and out.count("\n") == 1
    assert (said["file"], said["instance"], said["tail"], said["why"]) == (str(writer.path), f"{writer.instance:016x}", 0, "")
    assert [one["number"] for one in said["records"]] == list(range(1, 14))
    filled = said["records"][8]
    want = {"event": "exec", "fill_size": "1", "fill_price": "100", "fee": "0.00000123", "trade_id": 99}
    assert {name: filled[name] for name in want} == want
    writer.close()


def test_only_orders_that_were_left_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, writer = told_story()
    said = json.loads(aats(capsys, "show", "--left", "--json", str(writer.path))[1])
    assert [(one["order_id"], one["event"]) for one in said["records"]] == [(1, "cancel_rejected")]
    writer.close()


def test_a_run_is_named_by_its_first_digits_and_its_newest_file_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    write, writer = told_story()
    write.rotate()
    write.checked()
    status, out, _ = aats(capsys, "show", f"{writer.instance:016x}"[:6])
    assert status == 0 and [line.split()[2] for line in out.splitlines()] == ["START", "CHECKED"]
    writer.close()


def test_a_file_is_followed_into_the_next_until_its_run_has_ended(home: Path) -> None:
    write, writer = told_story()
    command = [sys.executable, "-m", "aats.cli", "journal", "show", "--follow", "--json", str(writer.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [json.loads(child.stdout.readline()) for _ in range(13)]
        write.intent(order(3))
        lines.append(json.loads(child.stdout.readline()))
        write.rotate()
        write.intent(order(3))
        write.checked()
        write.put(JournalKind.END)
        writer.close()
        lines += [json.loads(line) for line in child.stdout]
        assert child.wait(10) == 0
    assert [line["kind"] for line in lines[12:]] == ["TOLD", "INTENT", "START", "INTENT", "CHECKED", "END"]


def test_following_ends_when_nobody_writes_any_more() -> None:
    _, writer = told_story()
    command = [sys.executable, "-m", "aats.cli", "journal", "show", "--follow", str(writer.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.3)
        assert child.poll() is None
        writer.close()
        assert child.wait(10) == 0
    _, writer = told_story()
    with subprocess.Popen([*command[:-1], str(writer.path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130
    writer.close()


# ---------------------------------------------------------------------------------------------------------------- list


def test_each_run_is_listed_with_what_it_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert aats(capsys, "list")[:2] == (0, "no journals\n")
    _, gone = told_story()
    gone.close()
    write, ended = pen()
    write.put(JournalKind.END)
    ended.close()
    _, running = pen("taker")
    status, out, _ = aats(capsys, "list")
    rows = [line.split() for line in out.splitlines()[1:]]
    assert status == 0
    assert [(row[1], row[2], row[6], row[7]) for row in rows] == [
        ("maker", f"{gone.instance:016x}", "gone", "1"),
        ("maker", f"{ended.instance:016x}", "ended", "0"),
        ("taker", f"{running.instance:016x}", "running", "0"),
    ]
    said = json.loads(aats(capsys, "list", "--json", "--strategy", "maker", "--account", "binance-12345678")[1])
    assert [one["run"] for one in said] == [f"{gone.instance:016x}", f"{ended.instance:016x}"]
    assert said[0]["files"] == [str(gone.path)] and said[0]["bytes"] == gone.path.stat().st_size
    assert json.loads(aats(capsys, "list", "--json", "--account", "other")[1]) == []
    running.close()
