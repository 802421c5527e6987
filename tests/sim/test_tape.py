"""Tapes: what is refused and why; texts as recorded; books equal to the independent reading; the seam between loops."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from aats.errors import ConfigError
from aats.sim import Exchange, TapeMarket
from aats.sim.market import AGG_TRADE, BOOK_TICKER, DEPTH, TRADE
from tests.sim.wire import MS, SECOND, T0, DictBook, World

HFT = ("binance-spot/hftbacktest/btcusdt_20240808.gz", "binance-spot/hftbacktest/btcusdt_20240809.gz")
CRYPTOFEED = tuple(f"binance-spot/cryptofeed/binance_spot_{day}.jsonl.gz" for day in ("2021-04-05", "2021-08-14", "2021-10-12"))
SHORT = CRYPTOFEED[2]

DEPTH_LINE = b'{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"ABCUSDT","U":1,"u":2,"b":[["1.0","1"]],"a":[]}}'


def _gz(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("binance-us/cryptofeed/binance_us_2021-10-12.jsonl.gz", "binance.us"),
        ("binance-us/cryptofeed/binance_us_2021-04-05.jsonl.gz", "binance.us"),
        ("binance-usdm/hftbacktest/btcusdt_20240718.gz", "futures"),
        ("binance-usdm/cryptofeed/binance_usdm_2021-04-05.jsonl.gz", "fapi|futures|fstream"),
        ("binance-coinm/hftbacktest/btcusd_perp_20240808.gz", "futures"),
        ("kraken/cryptofeed/kraken_v1_2021-04-17.jsonl.gz", "kraken"),
        ("hyperliquid/hftbacktest/btcusd_20250126.gz", "line 1 is no combined-stream frame"),
        ("binance-spot/jkorf/binance.net_fixtures.jsonl", "not gzip"),
        (
            "binance-spot/lasota/test_positive_binance_trade_stream_spot_trxusdt_04-03-2025.csv.gz",
            "line 1 has neither form",
        ),
        ("binance-spot/xchange/xchange-binance.jsonl.gz", "line 1 has neither form"),
        ("no/such/file.gz", "No such file"),
    ],
)
def test_other_file_is_refused_with_name_rule_and_finding(data_dir: Path, name: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found) as caught:
        TapeMarket([data_dir / name])
    assert Path(name).name in str(caught.value)
    assert "hftbacktest (.gz) or cryptofeed (.jsonl.gz)" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "empty"),
        (b"17231612539370857 " + b'{"stream":"btcusdt@kline_1m","data":{}}\n', "holds no"),
        (b"1723161253937085768 " + DEPTH_LINE + b"\nrubbish\n", "line 2 is not"),
        (b"1723161253937085768 " + DEPTH_LINE.replace(b'"u":2,', b"") + b"\n", "without key 'u'"),
        (b"1723161253937085768 " + DEPTH_LINE.replace(b"[[", b"{{") + b"\n", "line 1 is not JSON"),
        (b"1723161253937085768 " + DEPTH_LINE + b"\n", "no symbol with a book"),
        (b'{"t":"recv","ts":1.5,"b64":"AA=="}\n', "binary"),
        (b'{"t":"recv","data":"x"}\n', "shape"),
        (b'{"t":"connect","addr":"wss://fstream.binance.com/ws","ts":1}\n', "fstream"),
        (b'{"t":"connect","addr":"wss://stream.binance.com.evil.org/ws","ts":1}\n', "evil"),
    ],
)
def test_damaged_file_is_refused_with_its_line(tmp_path: Path, content: bytes, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        TapeMarket([_gz(tmp_path / "x.gz", content)])


def test_cut_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"%d %b\n" % (1723161253937085768 + n, DEPTH_LINE) for n in range(50)))
    path = tmp_path / "cut.gz"
    path.write_bytes(whole[:-20])
    with pytest.raises(ConfigError, match=r"breaks|ends"):
        TapeMarket([path])


def test_parts_in_the_wrong_order_or_of_different_forms_are_refused(data_dir: Path) -> None:
    with pytest.raises(ConfigError, match="does not follow the part before it"):
        TapeMarket([data_dir / HFT[1], data_dir / HFT[0]])
    with pytest.raises(ConfigError, match="form"):
        TapeMarket([data_dir / SHORT, data_dir / HFT[0]])
    with pytest.raises(ConfigError, match="does not follow"):
        TapeMarket([data_dir / CRYPTOFEED[1], data_dir / CRYPTOFEED[2]])


@pytest.mark.parametrize("speed", [0, -1, 1e9, "fast", float("nan")])
def test_impossible_speed_is_refused(data_dir: Path, speed: Any) -> None:
    with pytest.raises(ConfigError, match="speed"):
        TapeMarket([data_dir / SHORT], speed=speed)


# -- the first loop --------------------------------------------------------------------------------------------------


def _golden(data_dir: Path, key: str) -> dict[str, Any]:
    with gzip.open(data_dir / "_golden" / "golden_books.json.gz") as file:
        return dict(json.load(file)[key])


@pytest.mark.parametrize("names", [HFT, *((name,) for name in CRYPTOFEED)], ids=lambda n: Path(n[0]).stem)
def test_books_equal_the_independent_reading_at_every_checkpoint(data_dir: Path, names: tuple[str, ...]) -> None:
    golden = _golden(data_dir, "+".join(names))
    market = TapeMarket([data_dir / name for name in names], speed="max", loop=False)
    assert set(market.symbols) == set(golden)
    books = {name: DictBook() for name in golden}
    for name, book in books.items():
        start = market.snapshot(name, 10_000)
        assert start.last_id == golden[name]["snapshot_lastUpdateId"]
        book.load({"lastUpdateId": start.last_id, "bids": start.bids, "asks": start.asks})
    checkpoints: dict[str, list[list[Any]]] = {name: [] for name in golden}
    market.start(T0)
    while not market.ended:
        for event in market.advance(T0):
            if event.kind == DEPTH:
                book = books[event.symbol]
                book.apply(json.loads(event.data))
                if book.applied % 200 == 0:
                    checkpoints[event.symbol].append([book.applied, *book.best()])
    for name, want in golden.items():
        book, end = books[name], market.snapshot(name, 20)
        assert book.gaps == 0
        assert checkpoints[name] == want["checkpoints_every_200"]
        assert book.applied == want["updates_applied"] and book.id == want["final_u"] == end.last_id
        assert (len(book.bids), len(book.asks)) == (want["bid_levels"], want["ask_levels"])
        assert [list(level) for level in end.bids] == want["bids"] and [list(level) for level in end.asks] == want["asks"]


def test_texts_are_as_recorded_byte_for_byte(data_dir: Path) -> None:
    recorded = []
    with gzip.open(data_dir / SHORT) as file:
        for line in file:
            row = json.loads(line)
            if row["t"] == "recv":
                recorded.append(row["data"].encode())
    market = TapeMarket([data_dir / SHORT], speed="max", loop=False, retime=False, hold=False, batch=10_000)
    sent = [b'{"stream":"%b","data":%b}' % (e.stream.encode(), e.data) for e in market.advance(T0)]
    assert len(sent) > 200
    left = iter(recorded)
    assert all(any(text == frame for frame in left) for text in sent), "a text that was not recorded, or out of order"


def test_new_times_are_the_moment_of_sending_and_nothing_else_changes(data_dir: Path) -> None:
    kept, new = (TapeMarket([data_dir / CRYPTOFEED[1]], loop=False, hold=False, retime=r) for r in (False, True))
    for market in (kept, new):
        market.start(T0)
    pairs = zip(kept.advance(T0 + 40 * SECOND), new.advance(T0 + 40 * SECOND), strict=True)
    for old, event in pairs:
        a, b = json.loads(old.data), json.loads(event.data)
        if "E" in a:
            assert b["E"] == event.t_ns // MS
            assert b.get("T", 0) - b["E"] == (a["T"] - a["E"] if "T" in a else -b["E"])
        assert {**a, "E": 0, "T": 0} == {**b, "E": 0, "T": 0}


def test_frames_that_the_snapshot_contains_are_left_out(data_dir: Path) -> None:
    market = TapeMarket([data_dir / HFT[0]], speed="max", loop=False, hold=False, batch=100)
    start = market.snapshot("BTCUSDT", 1)
    events = [e for e in market.advance(T0) if e.kind in (DEPTH, BOOK_TICKER)]
    assert all(e.last_id > start.last_id for e in events)
    first = next(e for e in events if e.kind == DEPTH)
    assert first.first_id <= start.last_id + 1 <= first.last_id


def test_second_day_alone_begins_with_what_its_frames_tell_and_says_so(data_dir: Path) -> None:
    market = TapeMarket([data_dir / HFT[1]], speed="max", loop=False, hold=False, batch=3000)
    assert "no snapshot in the tape" in market.notes[0]
    start = market.snapshot("BTCUSDT", 5000)
    assert start.bids and start.asks
    book = DictBook()
    book.load({"lastUpdateId": start.last_id, "bids": start.bids, "asks": start.asks})
    for event in market.advance(T0):
        if event.kind == DEPTH:
            book.apply(json.loads(event.data))
            bid, _, ask, _ = book.best()
            assert float(bid) < float(ask)
    assert book.gaps == 0 and book.applied > 100


def test_instruments_are_as_recorded_or_found_from_prices(data_dir: Path) -> None:
    recorded = TapeMarket([data_dir / SHORT]).symbols["BLZETH"]
    assert recorded.info is not None and recorded.info["baseAsset"] == "BLZ"
    found = TapeMarket([data_dir / HFT[0]]).symbols["BTCUSDT"]
    assert (found.base, found.quote, found.tick, found.lot) == ("BTC", "USDT", "0.01000000", "0.00001000")
    named = TapeMarket([data_dir / CRYPTOFEED[0]]).symbols["RENBTCETH"]
    assert (named.base, named.quote) == ("RENBTC", "ETH")


# -- time ------------------------------------------------------------------------------------------------------------


def test_pace_is_the_recorded_one_times_the_factor(data_dir: Path) -> None:
    def moments(speed: float) -> list[int]:
        market = TapeMarket([data_dir / SHORT], speed=speed, loop=False, hold=False)
        market.start(T0)
        return [e.t_ns - T0 for e in market.advance(T0 + 3600 * SECOND)]

    real, fast = moments(1), moments(4)
    assert 25 * SECOND < real[-1] < 35 * SECOND
    assert all(abs(slow - 4 * quick) <= 4 for slow, quick in zip(real, fast, strict=True))


def test_tape_starts_at_the_first_subscription(data_dir: Path) -> None:
    market = TapeMarket([data_dir / SHORT], loop=False)
    world = World(Exchange(market, T0))
    start = market.snapshot("NKNUSDT", 1).last_id
    world.run(60)
    assert world.http("/api/v3/depth?symbol=NKNUSDT").json["lastUpdateId"] == start
    client = world.ws("/stream?streams=nknusdt@depth@100ms")
    world.run(31)
    events = client.of("depthUpdate")
    assert events[0]["U"] <= start + 1 <= events[0]["u"]
    assert events[-1]["u"] == _golden(data_dir, SHORT)["NKNUSDT"]["final_u"]


def test_ended_tape_stands_still_and_connections_live_on(data_dir: Path) -> None:
    market = TapeMarket([data_dir / SHORT], loop=False)
    world = World(Exchange(market, T0))
    client = world.ws("/ws/nknusdt@depth@100ms")
    world.run(40)
    assert market.ended
    count = len(client.of("depthUpdate"))
    world.run(60)
    assert len(client.of("depthUpdate")) == count
    assert client.close_code is None


def test_market_by_demand_waits_for_a_subscriber(data_dir: Path) -> None:
    world = World(Exchange(TapeMarket([data_dir / SHORT], speed="max", hold=False), T0))
    world.run(5)
    assert world.exchange.next_deadline() is None
    client = world.ws("/ws/nknusdt@depth@100ms")
    world.exchange.advance(world.now)
    world.carry()
    assert client.of("depthUpdate")


# -- the seam --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("retime", [True, False])
@pytest.mark.parametrize("name", CRYPTOFEED[1:])
def test_ids_and_books_go_on_over_the_seam(data_dir: Path, name: str, retime: bool) -> None:
    market = TapeMarket([data_dir / name], speed="max", retime=retime)
    start = {symbol: market.snapshot(symbol, 10_000) for symbol in market.symbols}
    books = {symbol: DictBook() for symbol in market.symbols}
    for symbol, book in books.items():
        s = start[symbol]
        book.load({"lastUpdateId": s.last_id, "bids": s.bids, "asks": s.asks})
    aggregates: dict[str, tuple[int, int]] = {}
    tickers = dict.fromkeys(books, 0)
    now, event_ms, equal_starts = T0, 0, 0
    market.start(now)
    while market.loops < 3:
        now += 50 * MS
        for event in market.advance(now):
            data = json.loads(event.data)
            if event.kind == DEPTH:
                books[event.symbol].apply(data)
                equal_starts += books[event.symbol].equals(start[event.symbol])
            elif event.kind == BOOK_TICKER:
                assert data["u"] >= tickers[event.symbol]
                tickers[event.symbol] = data["u"]
            elif event.kind == AGG_TRADE:
                own, last = aggregates.get(event.symbol, (data["a"] - 1, data["f"] - 1))
                assert data["a"] == own + 1 and data["f"] == last + 1
                aggregates[event.symbol] = data["a"], data["l"]
            if "E" in data and event.kind == DEPTH:
                assert data["E"] > event_ms - 2500  # recorded times of symbols differ a little; loops go forward
                event_ms = max(event_ms, data["E"])
        for symbol, book in books.items():
            assert book.gaps == 0
            assert book.id == market.snapshot(symbol, 0).last_id
    assert equal_starts >= 3 * len(books)
    assert all(book.equals(market.snapshot(symbol, 10_000)) for symbol, book in books.items())


def test_trade_ids_go_on_over_the_seam(tmp_path: Path) -> None:
    lines = []
    at = 1723161253937085768
    snapshot = b'{"lastUpdateId":10,"bids":[["1.00","5"]],"asks":[["2.00","5"]]}'
    trade = (
        b'{"stream":"abcusdt@trade","data":{"e":"trade","E":1723161253000,"s":"ABCUSDT","t":%d,'
        b'"p":"1.5","q":"1","T":1723161252999,"m":true,"M":true}}'
    )
    depth = (
        b'{"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161253000,"s":"ABCUSDT",'
        b'"U":%d,"u":%d,"b":[["1.%02d","5"]],"a":[]}}'
    )
    lines.append(b"%d %b" % (at, snapshot))
    for n in range(5):
        lines += [
            b"%d %b" % (at + n * 100 * MS, trade % (100 + n)),
            b"%d %b" % (at + n * 100 * MS, depth % (8 + 4 * n, 11 + 4 * n, n + 1)),
        ]
    market = TapeMarket([_gz(tmp_path / "t.gz", b"\n".join(lines))], speed=1, hold=False)
    market.start(T0)
    events = market.advance(T0 + 3 * SECOND)
    ids = [json.loads(e.data)["t"] for e in events if e.kind == TRADE]
    assert len(ids) > 15 and ids == list(range(100, 100 + len(ids)))
    diffs = [json.loads(e.data) for e in events if e.kind == DEPTH]
    assert all(b["U"] == a["u"] + 1 for a, b in itertools.pairwise(diffs))
    seam = diffs[5]
    assert sorted(seam["b"]) == [[f"1.{n:02d}", "0.00000000"] for n in range(1, 6)] and seam["a"] == []
