"""What tapes of other venues than Binance's may hold: several connections, reconnects, channels of all kinds, numbers of any size.

Frames are written by hand, one maker for each venue; what the recorded tapes hold is judged in test_golden.py and test_damage_all.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson
import pytest

from aats.tape import Report, check
from tests.tape import tapes

Levels = Sequence[tuple[str, str]]


def pairs(levels: Levels) -> str:
    return "[" + ",".join(f'["{px}","{qty}"]' for px, qty in levels) + "]"


def okx(whole: bool, number: int, bids: Levels, asks: Levels, symbol: str = "AB-USDT") -> str:
    def side(levels: Levels) -> str:
        return "[" + ",".join(f'["{px}","{qty}","0","1"]' for px, qty in levels) + "]"

    return (
        f'{{"arg":{{"channel":"books","instId":"{symbol}"}},"action":"{"snapshot" if whole else "update"}","data":[{{"asks":{side(asks)},'
        f'"bids":{side(bids)},"ts":"1700000000000","checksum":0,"seqId":{number},"prevSeqId":{-1 if whole else number - 1}}}]}}'
    )


def bybit(whole: bool, number: int, bids: Levels, asks: Levels, symbol: str = "ABUSDT") -> str:
    return (
        f'{{"topic":"orderbook.50.{symbol}","type":"{"snapshot" if whole else "delta"}","ts":1700000000000,"data":{{"s":"{symbol}",'
        f'"b":{pairs(bids)},"a":{pairs(asks)},"u":{number},"seq":{number}}},"cts":1700000000000}}'
    )


def coinbase(whole: bool, number: int, bids: Levels, asks: Levels, symbol: str = "AB-USD") -> str:
    updates = [("bid", *level) for level in bids] + [("offer", *level) for level in asks]
    told = ",".join(
        f'{{"side":"{side}","event_time":"2026-08-09T21:05:48.228568Z","price_level":"{px}","new_quantity":"{qty}"}}'
        for side, px, qty in updates
    )
    return (
        f'{{"channel":"l2_data","client_id":"","timestamp":"2026-08-09T21:05:48.228568804Z","sequence_num":{number},'
        f'"events":[{{"type":"{"snapshot" if whole else "update"}","product_id":"{symbol}","updates":[{told}]}}]}}'
    )


def deribit(whole: bool, number: int, bids: Levels, asks: Levels, symbol: str = "AB-PERPETUAL") -> str:
    def side(levels: Levels) -> str:
        return "[" + ",".join(f'["new",{px},{qty}]' for px, qty in levels) + "]"

    chain = '"type":"snapshot"' if whole else f'"type":"change","prev_change_id":{number - 1}'
    return (
        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{symbol}.100ms","data":{{{chain},"timestamp":1700000000000,'
        f'"instrument_name":"{symbol}","change_id":{number},"bids":{side(bids)},"asks":{side(asks)}}}}}}}'
    )


class Maker(NamedTuple):
    """One venue: its address, its book frames, its symbol, a frame of a channel that nobody asked for, one that is refused as unreadable."""

    address: str
    book: Any
    name: str
    other: str


MAKERS = {
    "OKX": Maker(
        "wss://ws.okx.com:8443/ws/v5/public", okx, "AB-USDT", '{"arg":{"channel":"candle1D","instId":"AB-USDT"},"data":[["1","2","3"]]}'
    ),
    "BYBIT": Maker(
        "wss://stream.bybit.com/v5/public/spot",
        bybit,
        "orderbook.50.ABUSDT",
        '{"topic":"kline.1.ABUSDT","type":"snapshot","ts":1,"data":[{}]}',
    ),
    "COINBASE": Maker(
        "wss://advanced-trade-ws.coinbase.com",
        coinbase,
        "AB-USD",
        '{"channel":"candles","timestamp":"2026-08-09T21:05:48.2Z","sequence_num":%d,"events":[{"type":"snapshot","candles":[]}]}',
    ),
    "DERIBIT": Maker(
        "wss://www.deribit.com/ws/api/v2",
        deribit,
        "AB-PERPETUAL",
        '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"chart.trades.AB-PERPETUAL.1","data":{"open":1}}}',
    ),
}
VENUES = pytest.mark.parametrize("venue", MAKERS)

START = ([("9.50", "1.25"), ("9.25", "2.50")], [("10.50", "3.75")])


class Tape:
    """Rows of a cryptofeed capture of one venue, as they are added."""

    def __init__(self, venue: str) -> None:
        self.venue = MAKERS[venue]
        self.rows: list[dict[str, Any]] = []

    def connect(self, conn: str = "A") -> Tape:
        self.rows.append({"t": "connect", "conn": conn, "addr": self.venue.address})
        return self

    def recv(self, data: str, conn: str = "A") -> Tape:
        self.rows.append({"t": "recv", "conn": conn, "data": data})
        return self

    def book(self, whole: bool, number: int, bids: Levels, asks: Levels = (), conn: str = "A", **more: str) -> Tape:
        return self.recv(self.venue.book(whole, number, bids, asks, **more), conn)

    def check(self, path: Path, plain: bool = False) -> Report:
        tapes.write_cryptofeed(path, self.rows)
        if plain:
            path.write_bytes(b"\n".join(orjson.dumps({"ts": 1.7e9 + i, **row}) for i, row in enumerate(self.rows)))
        return check([path])


# -- connections


@VENUES
def test_a_diff_in_front_of_the_first_snapshot_is_passed_over(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect().book(False, 4, [("9.75", "1.00")]).book(True, 5, *START).book(False, 6, [("9.50", "0")])
    one = tape.check(tmp_path / "t.gz").instruments[MAKERS[venue].name]
    assert (one["valid"], one["gaps"], one["snapshots"], one["updates_applied"]) == (True, 0, 1, 1)
    assert one["bids"] == [["9.25", "2.50"]]


@VENUES
def test_a_book_is_not_known_after_a_reconnect_until_its_snapshot_comes(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect().book(True, 5, *START).connect()
    assert not tape.check(tmp_path / "t.gz").instruments[MAKERS[venue].name]["valid"]
    one = (
        tape.book(True, 1, [("8.00", "1.00")], [])
        .book(False, 2, [("8.25", "1.00")])
        .check(tmp_path / "t.gz")
        .instruments[MAKERS[venue].name]
    )
    assert (one["valid"], one["gaps"], one["snapshots"]) == (True, 0, 2), "numbers begin anew with a connection"
    assert one["bids"] == [["8.25", "1.00"], ["8.00", "1.00"]]


@VENUES
def test_two_connections_with_one_symbol_are_two_books_and_told_with_their_connection(tmp_path: Path, venue: str) -> None:
    name = MAKERS[venue].name
    tape = Tape(venue).connect("A").connect("B").book(True, 5, *START, conn="A").book(True, 7, *START, conn="B")
    found = tape.book(False, 9, [("9.50", "0")], conn="B").check(tmp_path / "t.gz").instruments
    assert {key: one["valid"] for key, one in found.items()} == {f"A|{name}": True, f"B|{name}": False}
    assert found[f"B|{name}"]["gaps"] == 1


@VENUES
def test_a_hole_is_a_gap_of_its_book_until_the_next_snapshot(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect().book(True, 5, *START).book(False, 7, [("9.75", "1.00")])
    one = tape.check(tmp_path / "t.gz").instruments[MAKERS[venue].name]
    assert (one["valid"], one["gaps"]) == (False, 1)
    one = tape.book(True, 8, *START).book(False, 9, []).check(tmp_path / "t.gz").instruments[MAKERS[venue].name]
    assert (one["valid"], one["gaps"], one["snapshots"]) == (True, 1, 2)


@VENUES
def test_plain_and_packed_captures_are_read_alike(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect().book(True, 5, *START).book(False, 6, [("9.50", "0")])
    assert tape.check(tmp_path / "t.gz").instruments == tape.check(tmp_path / "t.jsonl", plain=True).instruments


@VENUES
def test_channels_that_are_not_ours_are_passed_over(tmp_path: Path, venue: str) -> None:
    other = MAKERS[venue].other
    tape = (
        Tape(venue).connect().book(True, 5, *START).recv(other % 6 if "%d" in other else other).book(False, 7 if "%d" in other else 6, [])
    )
    report = tape.check(tmp_path / "t.gz")
    assert report.good and list(report.instruments) == [MAKERS[venue].name]


@VENUES
def test_an_empty_book_is_a_book(tmp_path: Path, venue: str) -> None:
    one = Tape(venue).connect().book(True, 5, []).check(tmp_path / "t.gz").instruments[MAKERS[venue].name]
    assert one["valid"] and one["bids"] == one["asks"] == []


@VENUES
def test_an_unreadable_frame_puts_the_books_of_its_connection_in_doubt(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect("A").connect("B").book(True, 5, *START, conn="A").book(True, 5, *START, conn="B").recv("{broken", "B")
    found = tape.check(tmp_path / "t.gz")
    assert {key[0]: one["valid"] for key, one in found.instruments.items()} == {"A": True, "B": False}
    assert found.parse_errors == 1


# -- numbers

TINY, HUGE = "0.000000012345", "92233720368547"  # neither fits a scale at which the other does with eight digits


@VENUES
def test_exponents_are_learned_from_the_tape(tmp_path: Path, venue: str) -> None:
    """Prices with more digits than the venue's own scale, sizes too large for it; the first message is read before the one that teaches."""
    tape = Tape(venue).connect().book(True, 5, [("0.000000012", "5")], [("0.00000002", HUGE)]).book(False, 6, [(TINY, "7")])
    report = tape.check(tmp_path / "t.gz")
    one = report.instruments[MAKERS[venue].name]
    assert report.good, report.as_dict()
    assert [[float(px), float(qty)] for px, qty in one["bids"]] == [[1.2345e-08, 7.0], [1.2e-08, 5.0]]
    assert one["asks"][0][1] == HUGE
    assert report.frames == 2, "the second reading is not counted"


@VENUES
def test_a_number_that_fits_no_exponent_is_an_error_and_no_book(tmp_path: Path, venue: str) -> None:
    tape = Tape(venue).connect().book(True, 5, *START).book(False, 6, [("1" + "0" * 18 + ".000000000001", "7")])
    report = tape.check(tmp_path / "t.gz")
    assert report.parse_errors == 1 and not report.instruments[MAKERS[venue].name]["valid"]


@VENUES
def test_one_symbol_teaches_nothing_about_another(tmp_path: Path, venue: str) -> None:
    other = {"OKX": "CD-USDT", "BYBIT": "CDUSDT", "COINBASE": "CD-USD", "DERIBIT": "CD-PERPETUAL"}[venue]
    tape = Tape(venue).connect().book(True, 5, [(TINY, "5")], []).book(True, 6, [("92233720368.5", "1")], [], symbol=other)
    report = tape.check(tmp_path / "t.gz")
    assert report.good and len(report.instruments) == 2
    assert report.instruments[MAKERS[venue].name.replace("AB", "CD")]["bids"] == [["92233720368.5", "1"]]


# -- names


def test_spot_and_swap_of_one_name_are_two_books(tmp_path: Path) -> None:
    spot, swap = "wss://stream.bybit.com/v5/public/spot", "wss://stream.bybit.com/v5/public/linear"
    rows = [{"t": "connect", "conn": "A", "addr": spot}, {"t": "connect", "conn": "B", "addr": swap}]
    rows += [
        {"t": "recv", "conn": "A", "data": bybit(True, 5, *START)},
        {"t": "recv", "conn": "B", "data": bybit(True, 5, [("8.5", "1")], [])},
    ]
    found = check([tapes.write_cryptofeed(tmp_path / "t.gz", rows)]).instruments
    assert {key: one["bid_levels"] for key, one in found.items()} == {"A|orderbook.50.ABUSDT": 2, "B|orderbook.50.ABUSDT": 1}


def test_trades_count_for_the_books_of_their_symbol(tmp_path: Path) -> None:
    one = '{"T":1,"s":"ABUSDT","S":"Buy","v":"1","p":"9.5","i":"2290000000000000001","BT":false}'
    trade = f'{{"topic":"publicTrade.ABUSDT","type":"snapshot","ts":1,"data":[{one}]}}'
    tape = Tape("BYBIT").connect().recv(trade)
    report = tape.check(tmp_path / "t.gz")
    assert report.good and report.trades_only == {"ABUSDT"}
    report = tape.book(True, 5, *START).check(tmp_path / "t.gz")
    assert report.good and list(report.instruments) == ["orderbook.50.ABUSDT"]


def test_a_missing_frame_of_any_channel_is_a_gap_of_every_book_of_a_numbered_connection(tmp_path: Path) -> None:
    tape = Tape("COINBASE").connect().book(True, 5, *START).book(True, 6, *START, symbol="CD-USD").recv(MAKERS["COINBASE"].other % 8)
    found = tape.check(tmp_path / "t.gz").instruments
    assert {key: (one["gaps"], one["valid"]) for key, one in found.items()} == {"AB-USD": (1, False), "CD-USD": (1, False)}


def test_the_depth_that_was_subscribed_is_what_is_kept(tmp_path: Path) -> None:
    """Kraken does not say what falls out of a book of ten levels."""
    path = tmp_path / "t.ndjson"
    asks = ",".join(f'{{"price":{20 + i}.0,"qty":1.00000000}}' for i in range(10))
    ack = '{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"AB/USD"},"success":true}'

    def book(kind: str, levels: str, total: int) -> str:
        data = f'{{"symbol":"AB/USD","bids":[],"asks":[{levels}],"checksum":{total},"timestamp":"2026-08-16T23:37:04.3Z"}}'
        return f'{{"channel":"book","type":"{kind}","data":[{data}]}}'

    total = crc32("".join(f"{20 + i}0100000000" for i in range(10)).encode())
    better = crc32(("190100000000" + "".join(f"{20 + i}0100000000" for i in range(9))).encode())
    frames = [ack, book("snapshot", asks, total), book("update", '{"price":19.0,"qty":1.00000000}', better)]
    lines = ['{"source":"x","url":"wss://ws.kraken.com/v2"}', *(f'{{"rx_ns": {i + 1}, "frame": {one}}}' for i, one in enumerate(frames))]
    path.write_text("\n".join(lines))
    one = check([path]).instruments["AB/USD"]
    assert (one["valid"], one["checksum_failures"], one["ask_levels"]) == (True, 0, 10)
    assert (one["asks"][0][0], one["asks"][-1][0]) == ("19.0", "28.0")
    path.write_text("\n".join(lines).replace("19.0", "18.0"))
    one = check([path]).instruments["AB/USD"]
    assert (one["valid"], one["checksum_failures"]) == (False, 1)
