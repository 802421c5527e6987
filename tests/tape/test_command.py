"""``aats tape check``: what it prints, and its status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aats.cli import main
from aats.tape.venues import known
from tests.tape import tapes

GOOD = [tapes.diff("ABUSDT", 5, 6), tapes.snapshot(5), tapes.diff("ABUSDT", 7, 8)]
KEYS = [
    "snapshots",
    "updates_applied",
    "crossed",
    "bid_levels",
    "ask_levels",
    "bids",
    "asks",
    "checkpoints_every_200",
    "snapshot_lastUpdateId",
    "final_u",
    "gaps",
    "trade_gaps",
    "checksum_failures",
    "valid",
]


def check(*words: object) -> int:
    return main(["tape", "check", *map(str, words)])


def test_unreadable_file_is_status_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path / "none.gz", "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"aats: {tmp_path / 'none.gz'}: it cannot be read: No such file or directory\n"


@pytest.mark.parametrize("words", [[], ["check"], ["chekc", "x"], ["check", "x", "--venu"]])
def test_wrong_command_line_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tape", *words])
    assert caught.value.code == 2
    assert "usage: aats tape" in capsys.readouterr().err


def test_unknown_venue_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tapes.write_hft(tmp_path / "t.gz", GOOD), "--venue", "NYSE") == 2
    assert capsys.readouterr().err == f"aats: venue 'NYSE' is not known; known: {known()}\n"


@pytest.mark.parametrize(
    ("frames", "word"),
    [
        ([*GOOD, tapes.diff("ABUSDT", 10, 11)], "1 gaps; invalid at the end"),
        ([tapes.diff("ABUSDT", 7, 8), tapes.snapshot(5)], "1 gaps; never synchronised"),
        ([tapes.diff("ABUSDT", 7, 8)], "never synchronised"),
        ([*GOOD, tapes.diff("ABUSDT", 9, 9, '["12.00","1"]')], "1 times crossed; invalid at the end"),
        ([*GOOD, tapes.trade("ABUSDT", 5), tapes.trade("ABUSDT", 7)], "1 gaps in trade ids"),
        ([*GOOD, b"{"], "1 that could not be read"),
    ],
)
def test_something_wrong_in_the_tape_is_status_1_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], frames: list[bytes], word: str
) -> None:
    assert check(tapes.write_hft(tmp_path / "t.gz", frames), "--venue", "BINANCE") == 1
    assert word in capsys.readouterr().out


def test_tape_without_an_instrument_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tapes.write_hft(tmp_path / "t.gz", [b'{"result":null,"id":1}']), "--venue", "BINANCE") == 1
    assert "no instrument was found in 1 frames" in capsys.readouterr().err


def test_good_tape_is_status_0_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tapes.write_hft(tmp_path / "t.gz", GOOD)
    trades = tapes.write_cryptofeed(tmp_path / "c.gz", [{"t": "recv", "data": tapes.trade("CDUSDT", 1).decode()}])
    assert check(whole, "--venue", "binance") == 0
    one_book = capsys.readouterr().out
    assert check(trades, "--venue", "binance") == 0
    out, err = capsys.readouterr()
    assert err == "", "no progress where stderr is no terminal"
    head, one, last = one_book.splitlines()
    assert head.split()[:2] == ["INSTRUMENT", "VALID"]
    assert one.split() == ["ABUSDT", "yes", "1", "2", "0", "0", "0", "2", "1", "10.00", "11.00", "-"]
    assert out.splitlines()[1].split()[:2] == ["CDUSDT", "-"], "trades alone are no invalid book"
    assert last.startswith("2 frames, 0 that could not be read") and last.endswith("good")


def test_json_is_one_object_of_the_documented_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tapes.write_hft(tmp_path / "t.gz", GOOD), "--venue", "BINANCE", "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert list(report) == ["instruments", "frames", "parse_errors", "seconds"]
    assert list(report["instruments"]["ABUSDT"]) == KEYS
    assert report["frames"] == 2 and report["parse_errors"] == 0 and report["seconds"] >= 0
    assert report["instruments"]["ABUSDT"]["asks"] == [["11.00", "2.00"]]


def test_warning_about_an_address_is_on_stderr_alone(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(data_dir / tapes.US[1], "--venue", "BINANCE", "--json") == 0
    out, err = capsys.readouterr()
    assert sorted(json.loads(out)["instruments"]) == sorted(tapes.golden(data_dir)[tapes.US[1]])
    assert err.startswith("aats: warning: ") and err.count("\n") == 1 and "BINANCEUS, not BINANCE" in err
