"""REST of the dialect: refusals with the venue's codes, weights, snapshots, instruments, and what ccxt asks at its start."""

from __future__ import annotations

import json

import pytest

from aats.sim import Exchange, Faults, Generator, Limits
from tests.sim.wire import T0, World

# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/depth?symbol=", 400, -1102),
        ("/api/v3/depth?symbol=NOPE", 400, -1121),
        ("/api/v3/depth?symbol=btcusdt", 400, -1121),
        ("/api/v3/depth?symbol=BTCUSDT&limit=ten", 400, -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=-5", 400, -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=0", 400, -1130),
        ("/api/v3/exchangeInfo?symbol=NOPE", 400, -1121),
        ("/api/v3/exchangeInfo?symbols=BTCUSDT", 400, -1100),
        ("/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22,%22NOPE%22]", 400, -1121),
        ("/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=[%22BTCUSDT%22]", 400, -1128),
        ("/api/v3/nothing", 404, -5000),
        ("/api/v3/account?timestamp=1", 401, -2014),
        ("/api/v3/orderList?timestamp=1", 404, -1100),
    ],
)
def test_bad_request_is_refused_with_the_venues_code(target: str, status: int, code: int) -> None:
    reply = World().http(target)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert reply.json["msg"]


def test_what_the_venue_has_and_this_exchange_has_not_is_refused_with_one_clear_sentence() -> None:
    reply = World().http("/api/v3/orderList/oco", method="POST")
    assert reply.status == 404
    assert reply.json["msg"] == "This simulated exchange does not serve POST /api/v3/orderList/oco."


def test_wrong_time_unit_is_refused() -> None:
    assert World().http("/api/v3/time", headers={"X-MBX-TIME-UNIT": "WEEKS"}).json["code"] == -1194


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"A" * 80_000,
    ],
)
def test_what_is_no_http_is_answered_with_an_error_and_closed(data: bytes) -> None:
    out, closing = World().raw(data)
    assert out.startswith(b"HTTP/1.1 4")
    assert closing


@pytest.mark.parametrize(("limit", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (9999, 250)])
def test_depth_charges_its_weight(limit: int, weight: int) -> None:
    """BS-3."""
    reply = World().http(f"/api/v3/depth?symbol=BTCUSDT&limit={limit}")
    assert reply.headers["x-mbx-used-weight-1m"] == str(weight)


def test_too_much_weight_is_429_until_the_next_minute_and_418_for_who_goes_on() -> None:
    world = World(limits=Limits(weight_per_min=600))
    assert [world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").status for _ in range(3)] == [200, 200, 429]
    refused = world.http("/api/v3/ping")
    assert refused.json["code"] == -1003
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    world.run(wait)
    assert world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").status == 200
    for _ in range(60):
        world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000")
    banned = world.http("/api/v3/ping")
    assert banned.status == 418
    world.run(61)
    assert world.http("/api/v3/ping").status == 418
    world.run(int(banned.headers["retry-after"]) - 61)
    assert world.http("/api/v3/ping").status == 200


# -- answers ---------------------------------------------------------------------------------------------------------


def test_limit_is_100_by_default_and_at_most_5000() -> None:
    """BS-3."""
    world = World(Exchange(Generator(7, ["BTCUSDT"], depth=5200), T0))

    def count(query: str) -> int:
        return len(world.http("/api/v3/depth?symbol=BTCUSDT" + query).json["bids"])

    assert [count(q) for q in ("", "&limit=7", "&limit=1000", "&limit=5000", "&limit=100000")] == [
        100,
        7,
        1000,
        5000,
        5000,
    ]


def test_snapshot_is_sorted_best_first_and_has_decimal_texts() -> None:
    book = World().http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json
    assert set(book) == {"lastUpdateId", "bids", "asks"}
    bids, asks = [float(p) for p, _ in book["bids"]], [float(p) for p, _ in book["asks"]]
    assert bids == sorted(set(bids), reverse=True) and asks == sorted(set(asks))
    assert bids[0] < asks[0]
    assert all(len(text.partition(".")[2]) == 8 and float(text) > 0 for level in book["bids"] for text in level)


def test_time_is_the_hosts_in_the_unit_asked_for() -> None:
    world = World()
    world.run(1.5)
    assert world.http("/api/v3/time").json == {"serverTime": world.now // 1_000_000}
    micros = world.http("/api/v3/time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    assert micros.json == {"serverTime": world.now // 1000}


def test_exchange_info_lists_the_markets_symbols_with_their_grid() -> None:
    world = World()
    info = world.http("/api/v3/exchangeInfo").json
    assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert {r["rateLimitType"] for r in info["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS", "RAW_REQUESTS"}
    one = world.http("/api/v3/exchangeInfo?symbols=[%22ETHUSDT%22]").json["symbols"]
    assert one == [s for s in info["symbols"] if s["symbol"] == "ETHUSDT"]
    filters = {f["filterType"]: f for f in one[0]["filters"]}
    assert (one[0]["baseAsset"], one[0]["quoteAsset"], one[0]["status"]) == ("ETH", "USDT", "TRADING")
    tick, lot = float(filters["PRICE_FILTER"]["tickSize"]), float(filters["LOT_SIZE"]["stepSize"])
    for px, qty in world.http("/api/v3/depth?symbol=ETHUSDT").json["bids"]:
        assert abs(float(px) / tick - round(float(px) / tick)) < 1e-6
        assert abs(float(qty) / lot - round(float(qty) / lot)) < 1e-6


def test_trades_are_those_of_the_stream() -> None:
    world = World()
    client = world.ws("/ws/btcusdt@trade")
    world.run(20)
    rows = world.http("/api/v3/trades?symbol=BTCUSDT&limit=10").json
    assert [(r["id"], r["price"], r["qty"], r["time"], r["isBuyerMaker"]) for r in rows] == [
        (t["t"], t["p"], t["q"], t["T"], t["m"]) for t in client.of("trade")[-10:]
    ]


def test_book_ticker_answers_for_one_some_and_all() -> None:
    world = World()
    one = world.http("/api/v3/ticker/bookTicker?symbol=BTCUSDT").json
    top = world.http("/api/v3/depth?symbol=BTCUSDT&limit=1").json
    assert [one["bidPrice"], one["bidQty"]] == top["bids"][0] and [one["askPrice"], one["askQty"]] == top["asks"][0]
    assert world.http("/api/v3/ticker/bookTicker").json[0] == one
    assert world.http("/api/v3/ticker/bookTicker?symbols=[%22BTCUSDT%22]").json == [one]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/sapi/v1/capital/config/getall?timestamp=1&signature=x", []),
        ("/sapi/v1/margin/allPairs", []),
        ("/sapi/v1/margin/isolated/allPairs", []),
        ("/fapi/v1/exchangeInfo", {"symbols": []}),
        ("/dapi/v1/exchangeInfo", {"symbols": []}),
        ("/fapi.binance.com/fapi/v1/exchangeInfo", {"symbols": []}),
        ("/api.binance.com/api/v3/ping", {}),
        ("/api.binance.com:443/api/v3/ping", {}),
    ],
)
def test_what_ccxt_asks_at_its_start_is_answered(target: str, body: object) -> None:
    reply = World().http(target)
    assert (reply.status, reply.json) == (200, body)


def test_connection_is_kept_alive_pipelined_and_split_anywhere() -> None:
    world = World()
    request = b"GET /api/v3/ping HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2
    last = b"GET /api/v3/time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    whole, closing = world.raw(request + last)
    assert whole.count(b"HTTP/1.1 200") == 3 and closing
    world.exchange.open(50, world.now)
    pieces = b""
    data = request + last
    for at in range(len(data)):
        world.exchange.receive(50, data[at : at + 1], world.now)
        pieces += world.exchange.take(50)
    assert pieces.count(b"HTTP/1.1 200") == 3 and world.exchange.closing(50)


def test_state_shows_counters_and_costs_nothing() -> None:
    world = World(faults=Faults({"drop": 2}))
    world.ws("/ws/btcusdt@depth@100ms")
    world.run(2)
    state = world.http("/sim/state").json
    assert state["faults"]["drop"] == state["depth_frames"] // 2 > 5
    assert state["subscriptions"] == {"btcusdt@depth@100ms": 1}
    assert state["used_weight"] == 0


# -- snapshot faults -------------------------------------------------------------------------------------------------


def test_snapshot_faults_come_as_ordered() -> None:
    """BS-4: an old snapshot, error statuses, HTML bodies, a cut body."""
    faults = Faults()
    faults.next_snapshots.extend(["snap-old", "snap-429", "snap-403", "snap-503", "snap-html", "ok"])
    world = World(faults=faults)
    good_id = world.http("/api/v3/ping") and world.exchange.market.snapshot("BTCUSDT", 1).last_id
    replies = [world.http("/api/v3/depth?symbol=BTCUSDT&limit=5") for _ in range(6)]
    assert [r.status for r in replies] == [200, 429, 403, 503, 200, 200]
    assert replies[0].json["lastUpdateId"] < good_id - 1000
    assert "retry-after" in replies[1].headers
    for reply in replies[2:5]:
        assert reply.headers["content-type"] == "text/html"
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.body)
    assert replies[5].json["lastUpdateId"] == good_id
    assert faults.counts["snap-old"] == faults.counts["snap-html"] == 1


def test_cut_snapshot_ends_in_its_middle() -> None:
    world = World(faults=Faults({"snap-cut": 2}))
    request = b"GET /api/v3/depth?symbol=BTCUSDT HTTP/1.1\r\nHost: localhost\r\n\r\n"
    whole, open_still = world.raw(request)
    cut, closing = world.raw(request)
    assert not open_still and closing
    assert len(whole) * 0.4 < len(cut) < len(whole) * 0.6
