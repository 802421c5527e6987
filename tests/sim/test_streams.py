"""The market streams of the dialect, line by line of the fact sheet's checklist for a simulated server (BS-n)."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Opcode

from aats.sim import Exchange, Faults, Generator, Limits
from aats.sim.connection import US
from tests.sim.wire import MS, SECOND, T0, Client, DictBook, World

# -- refusals --------------------------------------------------------------------------------------------------------


def test_garbage_stream_name_gets_a_nested_error_and_a_close_frame() -> None:
    """BS-2."""
    world = World()
    client = world.ws("/ws")
    reply = client.call("SUBSCRIBE", ["btcusdt@trade", "no stream at all"], 7)
    assert reply == {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 7}
    world.run(0)
    assert client.close_code == 1008
    world.run(1.1)
    assert client.closed


def test_errors_are_flat_and_garbage_is_survived_if_so_configured() -> None:
    client = World(flat_errors=True, close_on_garbage=False).ws("/ws")
    assert client.call("SUBSCRIBE", ["nonsense"], "a1") == {
        "code": 2,
        "msg": "Invalid request: invalid stream",
        "id": "a1",
    }
    assert client.call("SUBSCRIBE", ["btcusdt@trade"], 2) == {"result": None, "id": 2}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[1]", 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"]}', 2),
        ('{"params":["btcusdt@trade"],"id":1}', 2),
        ('{"method":"BUY","params":[],"id":1}', 2),
        ('{"method":["SUBSCRIBE"],"params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":{"a":1},"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1,"more":2}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1.5}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":true}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":9223372036854775808}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":"' + "x" * 37 + '"}', 2),
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
        ('{"method":"SET_PROPERTY","params":["combined"],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["colour"],"id":1}', 0),
    ],
)
def test_bad_control_message_is_answered_with_its_code(text: str, code: int) -> None:
    client = World().ws("/ws")
    client.text(text)
    assert client.messages[-1]["error"]["code"] == code
    assert not client.closed
    assert client.call("LIST_SUBSCRIPTIONS", [], None) == {"result": [], "id": None}


def test_sixth_message_in_a_second_disconnects() -> None:
    """BS-1: 5 inbound messages a second; pings and pongs count."""
    world = World()
    patient, hasty = world.ws("/ws"), world.ws("/ws")
    for n in range(12):
        patient.call("LIST_SUBSCRIPTIONS", [], n)
        world.run(0.21)
    for n in range(4):
        hasty.call("LIST_SUBSCRIPTIONS", [], n)
    hasty.protocol.send_ping(b"x")
    hasty.flush()
    assert hasty.protocol.close_rcvd is None
    hasty.protocol.send_pong(b"x")
    hasty.flush()
    world.carry()
    assert hasty.close_code == 1008
    assert patient.close_code is None
    assert world.exchange.counters["inbound_cut"] == 1


def test_stream_1025_is_refused_and_nothing_of_its_request_is_subscribed() -> None:
    client = World().ws("/ws")
    names = [f"s{n}usdt@trade" for n in range(1024)]
    assert client.call("SUBSCRIBE", names)["result"] is None
    assert client.call("SUBSCRIBE", ["btcusdt@trade"])["error"]["code"] == 2
    assert client.call("SUBSCRIBE", names[:3])["result"] is None  # known ones are no more streams
    assert len(client.call("LIST_SUBSCRIPTIONS", [])["result"]) == 1024


@pytest.mark.parametrize("path", ["/", "/ws-api", "/ws-api/v2", "/wsx", "/stream/x"])
def test_unknown_path_is_no_websocket(path: str) -> None:
    client = World().ws(path)
    assert client.status == 404


def test_wrong_time_unit_is_refused_before_the_upgrade() -> None:
    client = World().ws("/ws?timeUnit=HOURS")
    assert client.status == 400
    assert json.loads(client.body)["code"] == -1194


def test_connection_301_in_five_minutes_is_refused() -> None:
    world = World(limits=Limits(connects_per_5min=3))
    assert [world.ws("/ws").status for _ in range(4)] == [101, 101, 101, 429]
    world.run(301)
    assert world.ws("/ws").status == 101


def test_masked_nonsense_and_oversized_messages_end_the_connection() -> None:
    world = World()
    client = world.ws("/ws")
    world.exchange.receive(client.id, b"\xff\xff\xff\xff", world.now)
    world.carry()
    assert client.close_code == 1002
    big = world.ws("/ws")
    big.text(b"[" * (2 << 20))
    assert big.close_code == 1009


# -- life of a connection --------------------------------------------------------------------------------------------


def test_ping_comes_every_20_seconds_and_a_client_that_answers_lives_on() -> None:
    """BS-1."""
    world = World()
    client = world.ws("/ws")
    world.run(200)
    pings = [f for f in client.frames if f.opcode is Opcode.PING]
    assert len(pings) == 10
    assert all(f.data for f in pings)
    assert client.close_code is None


@pytest.mark.parametrize(("limits", "cut_s"), [(Limits(), 80), (US, 780)])
def test_client_without_pong_is_cut_60_seconds_after_the_ping(limits: Limits, cut_s: int) -> None:
    """BS-1, both flavours: the first ping comes after one interval, the cut one pong time later."""
    world = World(limits=limits)
    client = world.ws("/ws", answer_pings=False)
    world.run(cut_s - 1)
    assert client.close_code is None
    world.run(1)
    assert client.close_code == 1008
    assert world.exchange.counters["pong_cut"] == 1


def test_unsolicited_pong_does_not_count() -> None:
    world = World()
    client = world.ws("/ws", answer_pings=False)
    for _ in range(8):
        world.run(10)
        client.protocol.data_to_send()  # its own answers get lost
        client.protocol.send_pong(b"here I am")
        client.flush()
    world.run(1)
    assert client.close_code == 1008


def test_late_pong_to_the_newest_ping_answers_all_before() -> None:
    world = World()
    client = world.ws("/ws", answer_pings=False)
    world.run(79)
    newest = [f for f in client.frames if f.opcode is Opcode.PING][-1]
    client.protocol.data_to_send()
    client.protocol.send_pong(bytes(newest.data))
    client.flush()
    world.run(20)
    assert client.close_code is None


def test_connection_ends_after_24_hours() -> None:
    world = World(Exchange(Generator(1, ["BTCUSDT:0"], depth=10), T0))
    client = world.ws("/ws")
    world.run(24 * 3600 - 1)
    assert client.close_code is None
    world.run(1)
    assert client.close_code == 1001


def test_server_shutdown_is_announced_in_the_connections_own_shape() -> None:
    world = World()
    raw, combined = world.ws("/ws"), world.ws("/stream?timeUnit=MICROSECOND")
    world.exchange.shutdown(world.now, lead_ns=2 * SECOND)
    world.carry()
    assert raw.messages == [{"e": "serverShutdown", "E": T0 // MS}]
    assert combined.messages == [
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": T0 // 1000}},
    ]
    world.run(1.9)
    assert raw.close_code is None
    world.run(0.2)
    assert raw.close_code == combined.close_code == 1001


def test_client_that_takes_nothing_is_cut_off() -> None:
    world = World(limits=Limits(out_bytes=20_000))
    quick, slow = world.ws("/ws/btcusdt@depth@100ms"), world.ws("/ws/btcusdt@depth@100ms")
    world.clients.remove(slow)
    world.run(15)
    assert world.exchange.counters["slow_cut"] == 1
    assert world.exchange.closing(slow.id)
    assert not world.exchange.closing(quick.id)
    assert len(quick.of("depthUpdate")) > 100


def test_upgrade_works_on_a_connection_that_made_requests_before() -> None:
    """Clients with a connection pool do so."""
    world = World()
    client = Client.__new__(Client)
    plain = b"GET /api/v3/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    world.exchange.open(99, world.now)
    world.exchange.receive(99, plain, world.now)
    assert world.exchange.take(99).endswith(b"{}")
    upgrade = (
        b"GET /ws/btcusdt@depth@100ms HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for at in range(0, len(upgrade), 7):
        world.exchange.receive(99, upgrade[at : at + 7], world.now)
    out = world.exchange.take(99)
    assert out.startswith(b"HTTP/1.1 101") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in out
    assert b"extensions" not in out.lower()
    del client
    world.run(0.5)
    assert b"depthUpdate" in world.exchange.take(99)


# -- subscriptions ---------------------------------------------------------------------------------------------------


def test_every_well_formed_stream_is_acknowledged_and_only_existing_ones_speak() -> None:
    """BS-2."""
    world = World()
    client = world.ws("/stream")
    names = [
        "nosuchcoin@trade",
        "BTCUSDT@trade",
        "btcusdt@kline_1m",
        "btcusdt@avgPrice",
        "!miniTicker@arr",
        "币安人生usdt@trade",
    ]
    assert client.call("SUBSCRIBE", names) == {"result": None, "id": 1}
    world.run(3)
    assert client.messages == [{"result": None, "id": 1}]
    client.call("SUBSCRIBE", ["btcusdt@trade"])
    world.run(3)
    assert {m["stream"] for m in client.messages if "stream" in m} == {"btcusdt@trade"}


@pytest.mark.parametrize("request_id", [1, -(1 << 63), (1 << 63) - 1, "abc-1_Z", None])
def test_id_is_echoed(request_id: object) -> None:
    assert World().ws("/ws").call("LIST_SUBSCRIPTIONS", [], request_id) == {"result": [], "id": request_id}


def test_unsubscribed_stream_falls_silent_and_the_others_go_on() -> None:
    world = World()
    client = world.ws("/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms")
    world.run(1)
    assert client.call("UNSUBSCRIBE", ["btcusdt@depth@100ms", "never@joined"])["result"] is None
    assert client.call("LIST_SUBSCRIPTIONS", [])["result"] == ["ethusdt@depth@100ms"]
    client.messages.clear()
    world.run(1)
    assert {m["stream"] for m in client.messages} == {"ethusdt@depth@100ms"}


def test_combined_is_on_for_stream_paths_off_for_ws_paths_and_can_be_set() -> None:
    world = World()
    raw, combined = world.ws("/ws/btcusdt@depth@100ms"), world.ws("/stream?streams=btcusdt@depth@100ms")
    assert raw.call("GET_PROPERTY", ["combined"])["result"] is False
    assert combined.call("GET_PROPERTY", ["combined"])["result"] is True
    world.run(0.3)
    wrapped = [m["data"] for m in combined.messages if "stream" in m]
    assert wrapped and wrapped == raw.of("depthUpdate")
    raw.call("SET_PROPERTY", ["combined", True])
    raw.messages.clear()
    world.run(0.3)
    assert all(m["stream"] == "btcusdt@depth@100ms" for m in raw.messages)


@pytest.mark.parametrize(
    "path",
    [
        "/ws/btcusdt@depth@100ms/btcusdt@trade",
        "/ws/btcusdt%40depth%40100ms/btcusdt%40trade",
        "/stream?streams=btcusdt@depth@100ms/btcusdt@trade",
        "/stream?streams=btcusdt%40depth%40100ms%2Fbtcusdt%40trade",
        "/stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/btcusdt@trade",
        "/stream.binance.com%3A9443/ws/btcusdt@depth@100ms/btcusdt@trade",
    ],
)
def test_streams_of_a_path_are_subscribed(path: str) -> None:
    client = World().ws(path)
    assert client.call("LIST_SUBSCRIPTIONS", [])["result"] == ["btcusdt@depth@100ms", "btcusdt@trade"]


@pytest.mark.parametrize("path", ["/ws/0", "/ws", "/ws/", "/stream", "/ws/pqia91ma19a5s61cv6a81va65sdf19v8a65a1"])
def test_counter_or_listen_key_in_the_path_is_no_stream(path: str) -> None:
    client = World().ws(path)
    assert client.status == 101
    assert client.call("LIST_SUBSCRIPTIONS", [])["result"] == []


def test_fragmented_request_is_one_request() -> None:
    client = World().ws("/ws")
    client.protocol.send_text(b'{"method":"LIST_SUBS', fin=False)
    client.protocol.send_continuation(b'CRIPTIONS","id":5}', fin=True)
    client.flush()
    client.take()
    assert client.messages == [{"result": [], "id": 5}]


# -- data ------------------------------------------------------------------------------------------------------------


def test_depth_ids_follow_each_other_and_the_book_equals_the_snapshot_of_its_id() -> None:
    """BS-3: U = previous u + 1, snapshot ids lie between events, levels are absolute."""
    world = World()
    client = world.ws("/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms")
    books = {"BTCUSDT": DictBook(), "ETHUSDT": DictBook()}
    inside = 0
    for n in range(40):
        world.run(0.173)
        for event in client.of("depthUpdate"):
            books[event["s"]].apply(event)
        client.messages.clear()
        if n % 8 == 3:
            for name, book in books.items():
                snapshot = world.http(f"/api/v3/depth?symbol={name}&limit=5000").json
                inside += book.id is not None and snapshot["lastUpdateId"] > book.id
                book.load(snapshot)
    assert inside, "no snapshot fell between two events, so the bridge was never tried"
    world.run(0.2)
    for event in client.of("depthUpdate"):
        books[event["s"]].apply(event)
    for book in books.values():
        assert book.gaps == 0 and book.applied > 20


def test_nothing_is_sent_when_nothing_changes() -> None:
    """BS-3."""
    world = World(Exchange(Generator(3, ["BTCUSDT:0", "ETHUSDT:20"], depth=50), T0))
    client = world.ws("/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@depth@100ms")
    world.run(5)
    assert {m["stream"] for m in client.messages} == {"ethusdt@depth@100ms"}


def test_book_ticker_shows_the_best_of_the_book_with_the_same_ids() -> None:
    world = World()
    client = world.ws("/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker")
    book = DictBook()
    book.load(world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json)
    world.run(10)
    tickers: list[dict[str, str]] = []
    compared = 0
    for message in client.messages:
        data = message["data"]
        if message["stream"].endswith("bookTicker"):
            assert "e" not in data
            tickers.append(data)
            continue
        book.apply(data)
        now = [t for t in tickers if int(t["u"]) <= data["u"]]
        if now:
            assert (now[-1]["b"], now[-1]["B"], now[-1]["a"], now[-1]["A"]) == book.best()
            compared += 1
    assert compared > 50 and book.gaps == 0


def test_trade_ids_are_consecutive_and_aggregate_trades_cover_them() -> None:
    world = World()
    client = world.ws("/stream?streams=btcusdt@trade/btcusdt@aggTrade")
    world.run(30)
    trades, aggregates = client.of("trade"), client.of("aggTrade")
    ids = [t["t"] for t in trades]
    assert len(ids) > 50 and ids == list(range(ids[0], ids[0] + len(ids)))
    assert [i for a in aggregates for i in range(a["f"], a["l"] + 1)] == ids
    assert [a["a"] for a in aggregates] == list(range(aggregates[0]["a"], aggregates[0]["a"] + len(aggregates)))
    assert {t["m"] for t in trades} == {True, False}


def test_aggressor_takes_the_side_that_the_flag_says() -> None:
    """`m` true: the buyer was the maker, so the trade is at the bid that was best just before."""
    world = World()
    client = world.ws("/stream?streams=btcusdt@trade/btcusdt@bookTicker")
    world.run(30)
    best: dict[str, str] | None = None
    checked = 0
    previous = ""
    for message in client.messages:
        data = message["data"]
        if "b" in data:
            best = data
        elif best is not None and previous.endswith("bookTicker"):
            assert data["p"] == (best["b"] if data["m"] else best["a"])
            checked += 1
        previous = message["stream"]
    assert checked > 20


def test_one_second_diffs_say_the_same_as_the_fast_ones() -> None:
    world = World()
    fast, slow = world.ws("/ws/btcusdt@depth@100ms"), world.ws("/ws/btcusdt@depth")
    start = world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json
    world.run(10.05)
    books = DictBook(), DictBook()
    for client, book in zip((fast, slow), books, strict=True):
        book.load(start)
        for event in client.of("depthUpdate"):
            if event["u"] <= slow.of("depthUpdate")[-1]["u"]:
                book.apply(event)
    assert 8 <= len(slow.of("depthUpdate")) <= 11
    assert books[0].gaps == books[1].gaps == 0
    assert (books[0].bids, books[0].asks) == (books[1].bids, books[1].asks)


@pytest.mark.parametrize(("stream", "levels", "count"), [("depth5", 5, 5), ("depth20@100ms", 20, 45), ("depth10@100ms", 10, 45)])
def test_partial_depth_is_the_top_of_the_book_and_only_sent_on_change(stream: str, levels: int, count: int) -> None:
    world = World()
    client = world.ws(f"/ws/btcusdt@{stream}/ethusdt@depth@100ms")
    world.run(5.05)
    parts = [m for m in client.messages if "lastUpdateId" in m]
    assert count <= len(parts) <= count + 6
    ids = [p["lastUpdateId"] for p in parts]
    assert ids == sorted(set(ids))
    for part in parts:
        bids, asks = [float(p) for p, _ in part["bids"]], [float(p) for p, _ in part["asks"]]
        assert len(bids) == len(asks) == levels
        assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]


def test_microseconds_are_sent_to_those_who_asked() -> None:
    world = World()
    ms, us = world.ws("/ws/btcusdt@trade"), world.ws("/ws/btcusdt@trade?timeUnit=MICROSECOND")
    world.run(5)
    pairs = list(zip(ms.of("trade"), us.of("trade"), strict=True))
    assert pairs
    for one, other in pairs:
        assert other["E"] // 1000 == one["E"] and other["T"] // 1000 == one["T"]
        assert {**one, "E": 0, "T": 0} == {**other, "E": 0, "T": 0}


def test_frames_are_made_once_and_same_for_all() -> None:
    world = World()
    one, two = world.ws("/ws/btcusdt@depth@100ms"), world.ws("/ws/btcusdt@depth@100ms")
    world.run(2)
    assert one.of("depthUpdate") == two.of("depthUpdate") != []


def test_same_seed_and_times_give_the_same_bytes() -> None:
    def bytes_of(seed: int) -> list[bytes]:
        world = World(Exchange(Generator(seed, ["BTCUSDT"], depth=100), T0, faults=Faults({"drop": 7, "swap": 5})))
        client = world.ws("/stream?streams=btcusdt@depth@100ms/btcusdt@trade")
        world.run(5)
        return [bytes(f.data) for f in client.frames]

    assert bytes_of(4) == bytes_of(4) != bytes_of(5)
