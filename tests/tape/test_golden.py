"""The books of recorded tapes are those of an independent reading, with every checkpoint on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from aats.tape import check
from aats.tape.venues import VENUES
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
    "snapshot_lastUpdateId",
    "final_u",
}


def test_every_binance_tape_of_the_golden_file_is_checked_here(data_dir: Path) -> None:
    ours = [key for key in tapes.golden(data_dir) if key.startswith(("binance-spot/", "binance-us/"))]
    assert sorted(ours) == sorted(tapes.ALL)


@pytest.mark.parametrize("tape", tapes.ALL, ids=lambda key: key.split("+")[0].rpartition("/")[2].partition(".")[0])
def test_books_and_checkpoints_equal_the_independent_reading(data_dir: Path, tape: str) -> None:
    expected = tapes.golden(data_dir)[tape]
    by_address = "cryptofeed" in tape
    report = check([data_dir / part for part in tape.split("+")], venue=[] if by_address else ["BINANCE"])
    assert set(report.instruments) == set(expected)
    for name, book in expected.items():
        ours = report.instruments[name]
        assert {key: ours[key] for key in book} == book, name
        assert set(book) == KEYS, "the golden file has gained keys"
        assert set(ours) - KEYS == {"gaps", "trade_gaps", "checksum_failures", "valid"}
        assert (ours["gaps"], ours["trade_gaps"], ours["checksum_failures"], ours["valid"]) == (0, 0, 0, True), name
    assert report.good and report.parse_errors == 0
    assert report.frames == sum(not event.snapshot for event in tapes.events(data_dir, tape))


@pytest.mark.parametrize("venue", VENUES)
def test_both_venues_read_the_same_tape_alike(data_dir: Path, venue: str) -> None:
    report = check([data_dir / part for part in tapes.HFT.split("+")], venue=[venue])
    assert report.instruments["BTCUSDT"]["bids"] == tapes.golden(data_dir)[tapes.HFT]["BTCUSDT"]["bids"]


def test_the_parts_of_a_tape_in_the_wrong_order_are_no_good_book(data_dir: Path) -> None:
    first, second = tapes.HFT.split("+")
    report = check([data_dir / second, data_dir / first], venue=["BINANCE"])
    book = report.instruments["BTCUSDT"]
    assert not report.good and not book["valid"] and book["gaps"] == 1
