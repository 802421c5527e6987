"""What cannot be read as a tape is refused with its file and line; what can is read byte for byte."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

import orjson
import pytest

from aats.tape import TapeError, check
from aats.tape import read as reading
from aats.tape.venues import snapshot_symbol, venue_of
from tests.tape import tapes

GOOD = [tapes.diff("ABUSDT", 5, 6), tapes.snapshot(5), tapes.diff("ABUSDT", 7, 8)]
CONNECT = {"t": "connect", "addr": "wss://stream.binance.com:9443/stream?streams=abusdt@depth"}


def gz(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path


def recv(payload: bytes, **more: object) -> dict[str, object]:
    return {"t": "recv", "data": payload.decode(), **more}


def http(symbol: str, last: int, host: str = "api.binance.com") -> dict[str, object]:
    return {"t": "http", "url": f"https://{host}/api/v3/depth?symbol={symbol}&limit=1000", "data": tapes.snapshot(last).decode()}


# -- refusals


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"none\.gz: it cannot be read: No such file"):
        check([tmp_path / "none.gz"])


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="Is a directory"):
        check([tmp_path])


def test_no_file_at_all() -> None:
    with pytest.raises(TapeError, match="no tape file"):
        check([])


@pytest.mark.parametrize(
    "content", [b"not gzip at all", b"\x7fELF\x02\x01\x01" + bytes(100), b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08garbage...."]
)
def test_what_is_neither_gzip_nor_text_of_a_known_form(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(content)
    with pytest.raises(TapeError, match=r"t\.gz: .*line"):
        check([path], venue=["BINANCE"])


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TapeError, match=r"t\.gz: it is empty"):
        check([gz(tmp_path / "t.gz", content)])


def test_truncated_gzip_names_the_last_whole_line(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", GOOD)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(TapeError, match=r"t\.gz: the gzip stream ends too early, after line \d"):
        check([path], venue=["BINANCE"])


def test_gzip_with_a_wrong_checksum(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", GOOD)
    data = bytearray(path.read_bytes())
    data[-8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(TapeError, match=r"t\.gz: the gzip stream is damaged after line 3"):
        check([path], venue=["BINANCE"])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"TimestampOfReceive,Stream,EventType", "line 1 is neither"),
        (b"\x00\x01\x02\xff", "line 1 is neither"),
        (b"[1,2]", "line 1 is neither"),
        (b"{", "line 1 is not a line of a cryptofeed capture"),
        (b'{"ts":1}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":1}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":"recv","conn":[],"ts":1,"data":"{}"}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":"recv","conn":"a","ts":-5,"data":"{}"}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":"recv","conn":"a","ts":1e300,"data":"{}"}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":"recv","conn":"a","ts":1,"data":7}', "line 1 is not a line of a cryptofeed capture"),
        (b'{"t":"connect","conn":"a","addr":null}', "line 1"),
        (b'17 {"stream":"a@trade"}', "line 1 is not `<time in us or ns> <JSON>`"),
        (b"1700000000000000000 hello", "line 1 is not `<time in us or ns> <JSON>`"),
        (b"1700000000000000000", "line 1 is not `<time in us or ns> <JSON>`"),
    ],
)
def test_line_of_no_known_form(tmp_path: Path, line: bytes, why: str) -> None:
    with pytest.raises(TapeError, match=why) as caught:
        check([gz(tmp_path / "t.gz", line)], venue=["BINANCE"])
    assert str(tmp_path / "t.gz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_later_line_of_another_form(tmp_path: Path) -> None:
    path = gz(tmp_path / "t.gz", b"1700000000000000000 {}\n\n{}\n")
    with pytest.raises(TapeError, match="line 3 is not"):
        check([path], venue=["BINANCE"])


def test_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINE_MAX", 1 << 20)
    with pytest.raises(TapeError, match="line 1 is longer than 1 MiB"):
        check([gz(tmp_path / "t.gz", bytes(3 << 20))])


@pytest.mark.parametrize(
    ("row", "host"),
    [
        ({"t": "connect", "addr": "wss://vstream.binance.com/stream"}, "vstream.binance.com"),
        ({"t": "connect", "addr": "wss://stream.binance.com.evil.example/ws"}, "stream.binance.com.evil.example"),
        ({"t": "connect", "addr": "wss://stream.bybit.evil-example.com/v6"}, "stream.bybit.evil-example.com"),
        ({"t": "http", "url": "https://vapi.binance.com/vapi/v1/depth?symbol=ABUSDT", "data": "{}"}, "vapi.binance.com"),
    ],
)
def test_address_of_another_venue_lists_the_known_ones_even_if_a_venue_is_given(tmp_path: Path, row: dict[str, object], host: str) -> None:
    path = tapes.write_cryptofeed(tmp_path / "t.gz", [row])
    with pytest.raises(TapeError, match=f"line 1: .* {host}, which is none of the known venues: BINANCE, BINANCE_SWAP, "):
        check([path], venue=["BINANCE"])


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("wss://ws.kraken.com", "Kraken's WebSocket v1; of it /v2 is read"),
        ("wss://futures.kraken.com/ws/v1", "Kraken's futures"),
        ("wss://ws.gate.io/v3/", "Gate before v4"),
        ("wss://real.okex.com:8443/ws/v3", "OKX before v5"),
        ("wss://ws.okx.com:8443/ws/v3", "OKX before v5"),
        ("wss://stream.bybit.com/realtime", "Bybit before v5"),
        ("wss://stream.bybit.com/spot/public/v3", "Bybit before v5"),
        ("wss://ws-feed.exchange.coinbase.com", "Coinbase Exchange; of Coinbase Advanced Trade is read"),
        ("wss://ws-feed.pro.coinbase.com", "Coinbase Exchange"),
        ("wss://ws-api-futures.kucoin.com/?token=x", "KuCoin's futures"),
        ("wss://stream-sbe.binance.com:9443/ws/btcusdt@trade", "Binance's binary streams"),
    ],
)
def test_a_protocol_that_is_not_read_is_refused_by_its_name(tmp_path: Path, address: str, what: str) -> None:
    path = tapes.write_cryptofeed(tmp_path / "t.gz", [{"t": "connect", "addr": address}])
    with pytest.raises(TapeError, match=re.escape(f"a protocol that is not read: {what}")):
        check([path], venue=["BINANCE"])


def test_file_without_addresses_needs_a_venue(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"t\.gz: line 1: .* give --venue V; known: BINANCE, BINANCE_SWAP, "):
        check([tapes.write_hft(tmp_path / "t.gz", GOOD)])


def test_connection_without_an_address_needs_a_venue(tmp_path: Path) -> None:
    path = tapes.write_cryptofeed(tmp_path / "t.gz", [CONNECT, recv(GOOD[0]), recv(GOOD[0], conn="X.ws.2.0")])
    with pytest.raises(TapeError, match=r"line 3: connection X\.ws\.2\.0 has no address; give --venue V"):
        check([path])
    assert check([path], venue=["BINANCE"]).frames == 2


@pytest.mark.parametrize("venue", ["KRAKENS", "binance spot", ""])
def test_unknown_venue(tmp_path: Path, venue: str) -> None:
    with pytest.raises(TapeError, match="is not known; known: BINANCE, BINANCE_SWAP, "):
        check([tapes.write_hft(tmp_path / "t.gz", GOOD)], venue=[venue])


def test_more_venues_than_files(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", GOOD)
    with pytest.raises(TapeError, match="2 venues for 1 files: the n-th --venue is for the n-th file, the last one for the rest"):
        check([path], venue=["BINANCE", "BINANCEUS"])


def test_the_last_venue_is_for_the_rest_of_the_files(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", GOOD)
    later = tapes.write_hft(tmp_path / "u.gz", [tapes.diff("ABUSDT", 9, 10)])
    report = check([path, path, later], venue=["BINANCE", "BINANCEUS"])
    assert {name: one["final_u"] for name, one in report.instruments.items()} == {"ABUSDT.BINANCE": 8, "ABUSDT.BINANCEUS": 10}


def test_snapshot_of_nobody_knows_whom(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", [*GOOD, tapes.diff("CDUSDT", 1, 2)])
    with pytest.raises(TapeError, match="line 2 is a snapshot that does not say whose it is"):
        check([path], venue=["BINANCE"])


# -- what is read


ADDRESSES = {
    "wss://fstream.binance.com/stream?streams=x": "BINANCE_SWAP",
    "wss://fstream.binance.com/market/stream": "BINANCE_SWAP",
    "https://testnet.binancefuture.com/fapi/v1/depth": "BINANCE_SWAP",
    "https://testnet.binancefuture.com/dapi/v1/depth": "BINANCE_COINM",
    "wss://testnet.binancefuture.com/ws-fapi/v1": "BINANCE_SWAP",
    "wss://testnet.binancefuture.com/ws-dapi/v1": "BINANCE_COINM",
    "wss://demo-fstream.binance.com/public/stream": "BINANCE_SWAP",
    "wss://fstream.binancefuture.com/public/ws": "BINANCE_SWAP",
    "wss://dstream.binancefuture.com/ws": "BINANCE_COINM",
    "wss://ws-api.testnet.binance.vision/ws-api/v3": "BINANCE",
    "wss://stream.testnet.binance.vision:9443/ws": "BINANCE",
    "wss://demo-stream.binance.com:9443/stream": "BINANCE",
    "stream.binance.com:443/ws": "BINANCE",
    "wss://dstream.binance.com": "BINANCE_COINM",
    "wss://wsaws.okx.com:8443/ws/v5/public": "OKX",
    "wss://wseea.okx.com:8443/ws/v5/public": "OKX",
    "wss://wsuspap.okx.com:8443/ws/v5/public?brokerId=9999": "OKX",
    "wss://ws.okx.com:8443/ws/v3": None,
    "wss://stream.bybit.eu/v5/public/spot": "BYBIT",
    "wss://stream.bybitgeorgia.ge/v5/public/spot": "BYBIT",
    "wss://stream.manepa.jp/v5/public/linear": "BYBIT_SWAP",
    "wss://stream.bybit.com/v5/public/misc/status": "BYBIT",
    "wss://beta-ws.kraken.com/v2": "KRAKEN",
    "wss://ws-l3.kraken.com/v2": "KRAKEN",
    "wss://ws-testnet.gate.com/v4/ws/spot": "GATE",
    "wss://ws-testnet.gate.com/v4/ws/futures/usdt": "GATE_SWAP",
    "wss://fx-ws.gateio.ws/v4/ws/delivery/usdt": "GATE_SWAP",
    "wss://advanced-trade-ws-user-sandbox.coinbase.com": "COINBASE",
    "wss://test.deribit.com/ws/api/v2": "DERIBIT",
    "wss://ws.okx.com:8443/ws/v5/public": "OKX",
    "wss://wspap.okx.com:8443/ws/v5/business": "OKX",
    "wss://stream.bybit.com/v5/public/spot": "BYBIT",
    "wss://stream.bybit.com/v5/public/linear": "BYBIT_SWAP",
    "wss://stream-testnet.bybit.com/v5/public/inverse": "BYBIT_SWAP",
    "wss://stream.bybit.com/v5/private": "BYBIT",
    "wss://stream.bybit.com/realtime": None,
    "wss://advanced-trade-ws.coinbase.com": "COINBASE",
    "wss://ws-feed.exchange.coinbase.com": None,
    "wss://ws.kraken.com/v2": "KRAKEN",
    "wss://ws.kraken.com": None,
    "wss://futures.kraken.com/ws/v1": None,
    "wss://api.gateio.ws/ws/v4/": "GATE",
    "wss://fx-ws.gateio.ws/v4/ws/usdt": "GATE_SWAP",
    "https://api.gateio.ws/api/v4/futures/usdt/order_book": "GATE_SWAP",
    "https://api.gateio.ws/api/v4/spot/order_book": "GATE",
    "wss://ws-api-spot.kucoin.com/?token=x": "KUCOIN",
    "wss://www.deribit.com/ws/api/v2": "DERIBIT",
}


def test_venue_of_hosts() -> None:
    assert venue_of("wss://stream.binance.com:9443/stream")[0] == "BINANCE"
    assert venue_of("https://WWW.Binance.com/api/v1/depth")[0] == "BINANCE"
    assert venue_of("wss://data-stream.binance.vision/ws")[0] == "BINANCE"
    assert venue_of("wss://stream.binance.us:9443")[0] == "BINANCEUS"
    for address, venue in ADDRESSES.items():
        assert venue_of(address)[0] == venue, address
    assert venue_of("wss://[bad")[0] is None
    for nowhere in ("ws://127.0.0.1:9000/stream", "ws://localhost:1", "ws://[::1]:9", "nonsense"):
        assert venue_of(nowhere)[0] == ""


def test_whose_snapshot_a_url_asks_for() -> None:
    assert snapshot_symbol("BINANCE", "https://api.binance.com/api/v3/depth?symbol=ABUSDT&limit=5") == "ABUSDT"
    assert snapshot_symbol("BINANCE", "https://api.binance.com/api/v1/depth?symbol=ABUSDT") == "ABUSDT"
    assert snapshot_symbol("BINANCE", "https://api.binance.com/api/v3/exchangeInfo?symbol=ABUSDT") is None
    assert snapshot_symbol("BINANCE", "https://api.binance.com/api/v3/depth") is None


def test_both_forms_of_one_tape_give_one_report(tmp_path: Path) -> None:
    rows = [CONNECT, recv(GOOD[0]), http("ABUSDT", 5), recv(GOOD[2])]
    one = check([tapes.write_hft(tmp_path / "h.gz", GOOD)], venue=["binance"])
    two = check([tapes.write_cryptofeed(tmp_path / "c.gz", rows)])
    assert one.instruments == two.instruments
    assert (one.frames, two.frames) == (2, 2)
    assert one.good and one.instruments["ABUSDT"]["updates_applied"] == 2
    assert one.instruments["ABUSDT"]["bids"] == [["10.00", "1.00"], ["9.50", "1.00"]]


def test_microsecond_stamps_are_read(tmp_path: Path) -> None:
    row = next(reading.read_rows(gz(tmp_path / "t.gz", b'1700000000000001 {"a":1}'), "BINANCE", print))
    assert row.recv_ns == 1_700_000_000_000_001_000
    assert row.text == b'{"a":1}'


def test_a_snapshot_before_the_first_frame_of_a_nameless_tape_counts(tmp_path: Path) -> None:
    report = check([tapes.write_hft(tmp_path / "t.gz", [GOOD[1], tapes.diff("ABUSDT", 6, 7)])], venue=["BINANCE"])
    assert report.good and report.instruments["ABUSDT"]["snapshots"] == 1


def test_the_address_wins_over_the_given_venue_and_one_warning_says_so(tmp_path: Path) -> None:
    rows = [{**CONNECT, "addr": "wss://stream.binance.us:9443/stream"}, recv(GOOD[0]), http("ABUSDT", 5, "api.binance.us"), recv(GOOD[2])]
    warnings: list[str] = []
    report = check([tapes.write_cryptofeed(tmp_path / "t.gz", rows)], venue=["BINANCE"], warn=warnings.append)
    assert report.good
    assert len(warnings) == 1
    assert "stream.binance.us, so its venue is BINANCEUS, not BINANCE" in warnings[0]


def test_an_address_that_names_no_venue_takes_the_given_one(tmp_path: Path) -> None:
    rows = [{**CONNECT, "addr": "ws://127.0.0.1:9000/stream"}, recv(GOOD[0]), http("ABUSDT", 5, "127.0.0.1:9001"), recv(GOOD[2])]
    path = tapes.write_cryptofeed(tmp_path / "t.gz", rows)
    assert check([path], venue=["BINANCE"]).good
    with pytest.raises(TapeError, match=r"of 127\.0\.0\.1, which names no venue; give --venue V"):
        check([path])


def test_one_name_at_two_venues_is_two_instruments(tmp_path: Path) -> None:
    path = tapes.write_hft(tmp_path / "t.gz", GOOD)
    report = check([path, path], venue=["BINANCE", "BINANCEUS"])
    assert sorted(report.instruments) == ["ABUSDT.BINANCE", "ABUSDT.BINANCEUS"]
    assert report.good


def test_frames_that_cannot_be_read_are_counted_and_the_tape_goes_on(tmp_path: Path) -> None:
    bad = [b"{", b'{"stream":"abusdt@depth@100ms","data":{"e":"depthUpdate","s":"ABUSDT"}}']
    rows = [CONNECT, recv(GOOD[0]), http("ABUSDT", 5), *map(recv, bad), {"t": "recv", "b64": "AAAA"}, recv(GOOD[2])]
    rows += [{**http("ABUSDT", 5), "data": '{"code":-1003,"msg":"Too many requests"}'}, {"t": "send", "data": "x"}, {"t": "something new"}]
    report = check([tapes.write_cryptofeed(tmp_path / "t.gz", rows)])
    assert (report.frames, report.parse_errors) == (5, 4)
    assert report.instruments["ABUSDT"]["valid"], "a diff that continues the sequence clears the doubt"
    assert not report.good


def test_a_frame_that_cannot_be_read_at_the_end_leaves_its_book_in_doubt(tmp_path: Path) -> None:
    report = check([tapes.write_hft(tmp_path / "t.gz", [*GOOD, b'{"stream":"abusdt@depth","da'])], venue=["BINANCE"])
    assert report.parse_errors == 1
    assert not report.instruments["ABUSDT"]["valid"]


def test_a_capture_with_flipped_bits_is_read_or_refused_and_nothing_else(tmp_path: Path, data_dir: Path) -> None:
    whole = gzip.decompress((data_dir / tapes.SHORT[0]).read_bytes())
    draw = random.Random(20211012)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole[: draw.randrange(20_000, 400_000)])
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        try:
            report = check([gz(tmp_path / "t.gz", damaged)], venue=["BINANCE"])
        except TapeError as exc:
            refused += 1
            assert "line" in str(exc) and "\n" not in str(exc)
        else:
            assert report.parse_errors <= report.frames
    assert 0 < refused


def test_streams_that_are_not_ours_are_passed_over(tmp_path: Path) -> None:
    kline = orjson.dumps({"stream": "abusdt@kline_1m", "data": {"e": "kline", "s": "ABUSDT", "k": {}}})
    ticker = orjson.dumps({"stream": "cdusdt@bookTicker", "data": {"u": 1, "s": "CDUSDT", "b": "1", "B": "1", "a": "2", "A": "1"}})
    report = check([tapes.write_hft(tmp_path / "t.gz", [*GOOD, kline, ticker, b'{"result":null,"id":1}'])], venue=["BINANCE"])
    assert report.good and report.frames == 5
    assert list(report.instruments) == ["ABUSDT"]
