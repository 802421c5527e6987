"""The books of recorded tapes are those of an independent reading, with every checkpoint on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from aats.tape import check
from aats.tape.read import read_rows
from tests.tape import tapes

KEYS = {
    "snapshots",
    "updates_applied",
    "crossed",
    "bid_levels",
    "ask_levels",
    "bids",
    "asks",
    "checkpoints_every_200",
}
#: Keys of some tapes: where diffs are numbered over a snapshot on request.
IDS = {"snapshot_lastUpdateId", "final_u"}


def test_every_tape_of_the_golden_file_is_checked_here_or_its_protocol_is_no_longer_spoken(data_dir: Path) -> None:
    ours = [key for key in tapes.golden(data_dir) if not key.startswith(tapes.NOT_OURS)]
    assert sorted(ours) == sorted(tapes.ALL)


@pytest.mark.parametrize("tape", tapes.ALL, ids=tapes.ident)
def test_books_and_checkpoints_equal_the_independent_reading(data_dir: Path, tape: str) -> None:
    expected = tapes.golden(data_dir)[tape]
    report = check([data_dir / part for part in tape.split("+")], venue=tapes.venues(tape))
    assert set(report.instruments) == set(expected)
    for name, book in expected.items():
        ours = report.instruments[name]
        assert {key: ours[key] for key in book} == book, name
        assert set(book) - IDS == KEYS, "the golden file has gained keys"
        assert set(ours) - KEYS - IDS == {"gaps", "trade_gaps", "checksum_failures", "valid"}
        assert (ours["gaps"], ours["trade_gaps"], ours["checksum_failures"], ours["valid"]) == (0, 0, 0, True), name
    assert report.good and report.parse_errors == 0
    frames = (row for part in tape.split("+") for row in read_rows(data_dir / part, tapes.VENUE_OF.get(tape), lambda _: None))
    assert report.frames == sum(not row.snapshot and not row.begins for row in frames)


@pytest.mark.parametrize("venue", ["BINANCE", "BINANCEUS"])
def test_both_venues_read_the_same_tape_alike(data_dir: Path, venue: str) -> None:
    report = check([data_dir / part for part in tapes.HFT.split("+")], venue=[venue])
    assert report.instruments["BTCUSDT"]["bids"] == tapes.golden(data_dir)[tapes.HFT]["BTCUSDT"]["bids"]


def test_tapes_of_several_venues_are_one_check_and_keep_their_books_apart(data_dir: Path) -> None:
    spot, swap = tapes.HFT.split("+"), tapes.USDM_HFT[0]
    report = check([data_dir / part for part in [swap, *spot]], venue=["BINANCE_SWAP", "BINANCE"])
    golden = tapes.golden(data_dir)
    assert {key: one["bids"] for key, one in report.instruments.items()} == {
        "BTCUSDT.BINANCE_SWAP": golden[swap]["BTCUSDT"]["bids"],
        "BTCUSDT.BINANCE": golden[tapes.HFT]["BTCUSDT"]["bids"],
    }
    assert report.good


def test_the_parts_of_a_tape_in_the_wrong_order_are_no_good_book(data_dir: Path) -> None:
    first, second = tapes.HFT.split("+")
    report = check([data_dir / second, data_dir / first], venue=["BINANCE"])
    book = report.instruments["BTCUSDT"]
    assert not report.good and not book["valid"] and book["gaps"] == 1
