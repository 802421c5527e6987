"""Made-up tapes of every venue, as nasty as its documents allow: ``aats tape check`` tells the books that the venue told, or that it does not know them.

The traffic is that of the package `unseen`.  Its seeds were chosen by nobody: more of them pass as well, and take longer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from aats.tape import Report, check
from tests.tape import unseen

SEEDS = 2
DAMAGED = 4  # rows of one tape
TOP = 20  # levels that a report shows
#: A lost diff that changes nothing among the levels of its checksum is nobody's to notice (docs/tape.md).
COVERED = {"KRAKEN": 10}

every_venue = pytest.mark.parametrize("venue", unseen.VENUES)


def report_of(path: Path, rows: Sequence[dict[str, Any]]) -> Report:
    path.write_bytes(b"\n".join(orjson.dumps({"ts": 1.7e9 + i, "conn": "X", **row}) for i, row in enumerate(rows)))
    return check([path])


def differs(told: dict[str, Any], want: unseen.Want, top: int = TOP) -> bool:
    """Whether the first levels are others than those wanted."""
    levels = [[(Decimal(px), Decimal(qty)) for px, qty in told[side][:top]] for side in ("bids", "asks")]
    return levels != [want.bids[:top], want.asks[:top]]


@every_venue
def test_the_books_of_a_tape_nobody_has_seen_are_those_the_venue_told(tmp_path: Path, venue: str) -> None:
    for seed in range(SEEDS):
        tape = unseen.VENUES[venue](f"{venue}{seed}")
        report = report_of(tmp_path / "t.jsonl", tape.rows)
        assert report.good and set(report.instruments) == set(tape.wants), (seed, report.parse_errors)
        for name, ask in tape.wants.items():
            told, want = report.instruments[name], ask()
            assert not differs(told, want), (seed, name)
            assert (told["bid_levels"], told["ask_levels"]) == (len(want.bids), len(want.asks)), (seed, name)
            assert (told["snapshots"], told["updates_applied"]) == (want.snapshots, want.updates), (seed, name)


def damages(rows: Sequence[dict[str, Any]], at: int) -> list[Sequence[dict[str, Any]]]:
    """A row missing, twice, and behind the next one of its connection."""
    behind = next(i for i in range(at + 1, len(rows)) if rows[i]["t"] == "recv")
    swapped = list(rows)
    swapped[at], swapped[behind] = rows[behind], rows[at]
    return [[*rows[:at], *rows[at + 1 :]], [*rows[: at + 1], *rows[at:]], swapped]


@every_venue
def test_one_row_of_it_removed_doubled_or_misplaced_is_noticed_or_makes_no_difference(tmp_path: Path, venue: str) -> None:
    tape = unseen.VENUES[venue](f"damaged {venue}")
    wants = {name: ask() for name, ask in tape.wants.items()}
    early = [i for i, row in enumerate(tape.rows[: len(tape.rows) * 4 // 5]) if i > 3 and row["t"] in ("recv", "http")]
    noticed = 0
    for at in random.Random(venue).sample(early, DAMAGED):
        for rows in damages(tape.rows, at):
            report = report_of(tmp_path / "t.jsonl", rows)
            noticed += not report.good
            for name, told in report.instruments.items():
                assert not told["valid"] or not differs(told, wants[name], COVERED.get(venue, TOP)), (at, name)
    assert noticed, "the damage is none"


# -- what the made-up tapes taught


def okx_book(kind: str, number: int, prev: int, asks: Sequence[tuple[str, str]]) -> dict[str, Any]:
    data = {"asks": [[px, qty, "0", "1"] for px, qty in asks], "bids": [], "ts": "1785312000130", "prevSeqId": prev, "seqId": number}
    frame = {"arg": {"channel": "books", "instId": "AB-USDT"}, "action": kind, "data": [data]}
    return {"t": "recv", "data": orjson.dumps(frame).decode()}


def test_a_book_that_began_small_may_grow(tmp_path: Path) -> None:
    """What falls out of OKX's window is deleted by the venue, so nothing is cut: a thin book of three levels is no subscription of ten."""
    rows: list[dict[str, Any]] = [{"t": "connect", "addr": "wss://ws.okx.com:8443/ws/v5/public"}]
    rows.append(okx_book("snapshot", 1, -1, [("1", "1"), ("2", "1"), ("3", "1")]))
    rows.append(okx_book("update", 2, 1, [(str(px), "1") for px in range(4, 30)]))
    told = report_of(tmp_path / "t.jsonl", rows).instruments["AB-USDT"]
    assert (told["valid"], told["ask_levels"]) == (True, 29)


def test_each_of_a_hundred_symbols_may_need_exponents_of_its_own(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"t": "connect", "addr": "wss://stream.bybit.com/v5/public/spot"}]
    for i in range(100):
        data = {"s": f"A{i}USDT", "b": [["0.0000000012", "9000000000000"]], "a": [], "u": 7, "seq": 1}
        frame = {"topic": f"orderbook.50.A{i}USDT", "type": "snapshot", "ts": 1, "data": data}
        rows.append({"t": "recv", "data": orjson.dumps(frame).decode()})
    report = report_of(tmp_path / "t.jsonl", rows)
    assert report.good and len(report.instruments) == 100


def test_a_raw_stream_that_fits_two_of_its_connections_streams_is_taken_for_neither(tmp_path: Path) -> None:
    """A partial book of futures has the shape of a diff: only the name of its stream tells them apart."""
    top = {"e": "depthUpdate", "E": 3, "T": 2, "s": "BTCUSDT", "U": 4, "u": 9, "pu": 3, "b": [["1.5", "2.5"]], "a": []}
    frame = {"t": "recv", "data": orjson.dumps(top).decode()}
    address = "wss://fstream.binance.com/public/ws/btcusdt@depth@100ms"
    one = report_of(tmp_path / "t.jsonl", [{"t": "connect", "addr": address}, frame])
    two = report_of(tmp_path / "t.jsonl", [{"t": "connect", "addr": f"{address}/btcusdt@depth20@100ms"}, frame])
    assert list(one.instruments) == ["BTCUSDT"] and not two.instruments
