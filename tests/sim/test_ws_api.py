"""The WebSocket API: envelopes, subscriptions, limits, market data, and what goes wrong with orders on purpose."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from aats.sim import Faults, Limits
from tests.sim.trading import Trader, sign, still, wish
from tests.sim.wire import MS, T0, World

ORDER = wish("BUY", "0.00500", "60000.00", newClientOrderId="mine")


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "request_id", "code"),
    [
        ("", None, -1135),
        ("nothing", None, -1135),
        ("[1]", None, -1135),
        ("[" * 5000, None, -1135),
        ('{"id":7}', 7, -1135),
        ('{"id":7,"method":8}', 7, -1135),
        ('{"id":"a","method":"ping","params":[]}', "a", -1135),
        ('{"id":7,"method":"order.wish"}', 7, -1100),
        ('{"id":7,"method":"order.place"}', 7, -1102),
        ('{"id":1.5,"method":"order.wish"}', None, -1100),
        ('{"method":"order.wish"}', None, -1100),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_goes_on(text: str, request_id: Any, code: int) -> None:
    client = World().ws("/ws-api/v3")
    client.text(text)
    (reply,) = client.messages
    assert (reply["id"], reply["status"], reply["error"]["code"]) == (request_id, 400, code)
    client.text('{"id":1,"method":"ping"}')
    assert client.messages[-1]["status"] == 200 and not client.closed


def test_subscriptions_are_one_an_account_and_connection() -> None:
    trader = Trader(still())
    assert trader.error("userDataStream.subscribe.signature")[1] == -2035
    assert trader.raw("session.subscriptions")["result"] == [{"subscriptionId": 0}]
    assert trader.raw("userDataStream.unsubscribe", {"subscriptionId": 5})["error"]["code"] == -2036
    assert trader.raw("userDataStream.unsubscribe", {"subscriptionId": 0})["status"] == 200
    trader.ok("order.place", **ORDER)
    assert trader.events() == [] and trader.raw("session.subscriptions")["result"] == []
    assert trader.ok("userDataStream.subscribe.signature") == {"subscriptionId": 1}
    trader.ok("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
    assert trader.steps() == [("CANCELED", "CANCELED")]
    assert {m["subscriptionId"] for m in trader.ws.messages if "event" in m} == {1}


# -- envelopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_id", [0, 12345678901234567, -1, "x-1", None])
def test_the_id_comes_back(request_id: Any) -> None:
    client = World().ws("/ws-api/v3")
    client.text(json.dumps({"id": request_id, "method": "v3/time", "params": {}}))
    assert client.messages == [
        {
            "id": request_id,
            "status": 200,
            "result": {"serverTime": T0 // MS},
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}],
        }
    ]


def test_rate_limits_may_be_switched_off_by_the_url_or_by_a_request() -> None:
    world = World()
    silent = world.ws("/ws-api/v3?returnRateLimits=false")
    silent.text('{"id":1,"method":"ping"}')
    silent.text('{"id":2,"method":"ping","params":{"returnRateLimits":true}}')
    assert ["rateLimits" in m for m in silent.messages] == [False, True]


def test_requests_may_be_sent_without_waiting() -> None:
    client = World().ws("/ws-api/v3")
    for n in range(50):
        client.protocol.send_text(b'{"id":%d,"method":"ping"}' % n)
    client.flush()
    client.world.carry()
    assert [m["id"] for m in client.messages] == list(range(50)) and not client.closed


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        ("exchangeInfo", {"symbols": ["BTCUSDT"]}, "exchangeInfo?symbols=[%22BTCUSDT%22]"),
        ("depth", {"symbol": "BTCUSDT", "limit": 5}, "depth?symbol=BTCUSDT&limit=5"),
        ("trades.recent", {"symbol": "BTCUSDT", "limit": 5}, "trades?symbol=BTCUSDT&limit=5"),
        ("ticker.book", {"symbol": "ETHUSDT"}, "ticker/bookTicker?symbol=ETHUSDT"),
    ],
)
def test_market_data_is_that_of_rest(method: str, params: dict[str, Any], path: str) -> None:
    world = World()
    world.run(3)
    client = world.ws("/ws-api/v3")
    client.text(json.dumps({"id": 1, "method": method, "params": params}))
    assert client.messages[-1]["result"] == world.http(f"/api/v3/{path}").json
    client.text(json.dumps({"id": 1, "method": method, "params": {"symbol": "NOPE"}}))
    assert client.messages[-1]["error"]["code"] == -1121


def test_weight_is_shared_with_rest_and_a_good_order_weighs_nothing() -> None:
    world = still(limits=Limits(weight_per_min=60))
    trader = Trader(world)
    used = int(world.http("/api/v3/ping").headers["x-mbx-used-weight-1m"])
    assert used == 2 + 2 + 1  # connecting, subscribing, ping
    trader.ok("order.place", **ORDER)
    assert int(world.http("/api/v3/ping").headers["x-mbx-used-weight-1m"]) == used + 1
    trader.ok("account.status")
    trader.ok("account.status")
    reply = trader.call("account.status")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    assert reply["error"]["data"]["retryAfter"] % 60_000 == 0
    assert world.http("/api/v3/ping").status == 429


def test_connections_of_the_api_are_pinged_and_live_by_pongs() -> None:
    world = still()
    quiet, good = world.ws("/ws-api/v3", answer_pings=False), world.ws("/ws-api/v3")
    world.run(85)
    assert quiet.close_code == 1008 and not good.closed


def test_the_end_is_announced() -> None:
    world = still()
    trader = Trader(world)
    world.exchange.shutdown(world.now)
    world.carry()
    assert trader.ws.messages[-1] == {"event": {"e": "serverShutdown", "E": world.now // MS}}


# -- two transports, one account -------------------------------------------------------------------------------------


def test_rest_and_the_api_are_one_account() -> None:
    world = still()
    trader, other = Trader(world), Trader(world)
    answer = trader.rest("POST", "/api/v3/order", body=True, **ORDER)
    assert answer.status == 200 and answer.json["status"] == "NEW"
    assert trader.steps() == other.steps() == [("NEW", "NEW")]
    assert trader.rest("POST", "/api/v3/order/test", **wish("BUY", "0.00500", "60000.00")).json == {}
    order_id = answer.json["orderId"]
    row = trader.rest("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine").json
    assert row == trader.ok("order.status", symbol="BTCUSDT", orderId=str(order_id))
    assert trader.rest("GET", "/api/v3/openOrders").json == [row]
    assert trader.rest("GET", "/api/v3/allOrders", symbol="BTCUSDT").json == [row]
    amended = trader.rest("PUT", "/api/v3/order/amend/keepPriority", symbol="BTCUSDT", orderId=order_id, newQty="0.00400")
    assert amended.json["amendedOrder"]["qty"] == "0.00400000"
    assert trader.rest("GET", "/api/v3/rateLimit/order").json[0]["count"] == 1
    assert trader.rest("GET", "/api/v3/account/commission", symbol="BTCUSDT").json["symbol"] == "BTCUSDT"
    assert trader.rest("GET", "/api/v3/myTrades", symbol="BTCUSDT").json == []
    assert trader.rest("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").json[0]["status"] == "CANCELED"
    assert trader.rest("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=order_id).json == {"code": -2011, "msg": "Unknown order sent."}
    assert trader.steps() == [("NEW", "NEW"), ("REPLACED", "NEW"), ("CANCELED", "CANCELED")]
    state = world.http("/sim/state").json
    assert state["orders_placed"] == 1 and state["audit"] == [] and state["accounts"][0]["key"] == "aats-sim"


# -- faults ----------------------------------------------------------------------------------------------------------


def _faulty(kind: str) -> Trader:
    world = still(faults=Faults({kind: 2}))
    trader = Trader(world)
    trader.place("BUY", "0.00100", "50000.00")  # the first is well
    trader.ws.messages.clear()
    return trader


def _kinds(trader: Trader) -> list[str]:
    return ["event" if "event" in m else str(m["status"]) for m in trader.ws.messages]


def test_order_lost() -> None:
    trader = _faulty("order-lost")
    assert trader.call("order.place", **ORDER) is None
    trader.world.run(5)
    assert trader.steps() == [("NEW", "NEW")] and "200" not in _kinds(trader)
    assert trader.ok("order.status", symbol="BTCUSDT", origClientOrderId="mine")["status"] == "NEW"


def test_order_late() -> None:
    trader = _faulty("order-late")
    assert trader.call("order.place", **ORDER) is None
    trader.world.run(0.299)
    assert _kinds(trader) == ["event", "event"]
    trader.world.run(0.001)
    assert _kinds(trader) == ["event", "event", "200"]


def test_order_unsure() -> None:
    trader = _faulty("order-unsure")
    assert trader.error("order.place", **ORDER)[:2] == (504, -1007)
    trader.ok("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
    assert trader.events() == []
    trader.world.run(0.3)
    assert trader.steps() == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
    trader.ok("order.place", **ORDER)
    assert trader.steps()[-1] == ("NEW", "NEW")


def test_order_cut() -> None:
    trader = _faulty("order-cut")
    other = Trader(trader.world)
    assert trader.call("order.place", **ORDER) is None
    assert trader.ws.closed and trader.ws.messages == []
    assert other.steps() == [("NEW", "NEW")]


def test_order_5xx() -> None:
    trader = _faulty("order-5xx")
    assert trader.error("order.place", **ORDER)[0] == 503
    assert trader.error("order.status", symbol="BTCUSDT", origClientOrderId="mine")[1] == -2013
    assert trader.steps() == []


def test_user_cut() -> None:
    trader = _faulty("user-cut")
    other = Trader(trader.world, subscribe=False)
    assert other.ok("order.place", **ORDER)["status"] == "NEW"
    trader.world.carry()
    assert trader.ws.closed and trader.events() == [] and not other.ws.closed


@pytest.mark.parametrize(("kind", "shown"), [("order-lost", b""), ("order-cut", b""), ("order-unsure", b"504"), ("order-5xx", b"503")])
def test_faults_of_orders_over_rest(kind: str, shown: bytes) -> None:
    trader = _faulty(kind)
    world = trader.world
    payload = "&".join(f"{k}={v}" for k, v in trader.params(**ORDER).items() if k not in ("apiKey", "signature"))
    target = f"/api/v3/order?{payload}&signature={sign('aats-sim', payload)}"
    out, closing = world.raw(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: aats-sim\r\n\r\n".encode())
    assert out[9:12] == shown and closing == (kind == "order-cut")
    world.run(1)
    assert len(trader.ok("openOrders.status")) == (1 if kind == "order-5xx" else 2)
    assert trader.steps() == ([] if kind == "order-5xx" else [("NEW", "NEW")])


def test_a_late_answer_over_rest_comes_later() -> None:
    trader = _faulty("order-late")
    world = trader.world
    conn = world.new_id()
    world.exchange.open(conn, world.now)
    payload = "&".join(f"{k}={v}" for k, v in trader.params(**ORDER).items() if k not in ("apiKey", "signature"))
    request = (
        f"POST /api/v3/order?{payload}&signature={sign('aats-sim', payload)} HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: aats-sim\r\n\r\n"
    )
    world.exchange.receive(conn, request.encode(), world.now)
    world.run(0.2)
    assert world.exchange.take(conn) == b"" and trader.steps() == [("NEW", "NEW")]
    world.run(0.1)
    assert world.exchange.take(conn).startswith(b"HTTP/1.1 200")


# -- damage ----------------------------------------------------------------------------------------------------------


def _damaged(rng: random.Random, data: bytes) -> bytes:
    """Return a request with a few bytes changed, cut out, doubled, or replaced by what parsers stumble over."""
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randrange(6))
        piece = rng.choice(
            [b"", b'"', b"{", b"\\ud800", b"\xff", b"null", b"1e999", b"-", b"0" * 30, b"NaN", b"[]", bytes([rng.randrange(256)])]
        )
        data = data[:at] + piece + data[end:]
    return data


def test_damaged_requests_are_answered_and_never_believed() -> None:
    rng, world = random.Random(11), still()
    trader, refused = Trader(world), 0
    for n in range(1500):
        method, params = rng.choice(
            [
                ("order.place", wish("BUY", "0.00100", "60000.00")),
                ("order.cancel", {"symbol": "BTCUSDT", "orderId": 1000001}),
                ("order.cancelReplace", {**ORDER, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": 5}),
                ("myTrades", {"symbol": "BTCUSDT", "startTime": 5, "fromId": 7}),
                ("session.logon", {}),
                ("depth", {"symbol": "BTCUSDT", "limit": 5}),
            ]
        )
        good = json.dumps({"id": n, "method": method, "params": trader.params(**params)}).encode()
        bad = _damaged(rng, good)
        before = len(trader.ws.messages)
        trader.ws.protocol.send_text(bad)
        trader.ws.flush()
        world.carry()
        if trader.ws.closed or trader.ws.protocol.close_rcvd is not None:  # a text frame that is not UTF-8 ends a connection
            trader = Trader(world)
            continue
        replies = [m for m in trader.ws.messages[before:] if "status" in m]
        assert len(replies) == 1, bad
        refused += replies[0]["status"] >= 400
        world.now += 50 * MS
    assert refused > 1000
    assert world.exchange.ledger.audit() == []


def test_damaged_rest_requests_are_answered() -> None:
    rng, world, whole = random.Random(12), still(), 0
    for _ in range(500):
        payload = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=60000&timestamp={world.now // MS}"
        target = f"/api/v3/order?{payload}&signature={sign('aats-sim', payload)}".encode()
        bad = _damaged(rng, target)
        whole += bad == target
        out, _ = world.raw(b"POST %b HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: aats-sim\r\n\r\n" % bad)
        assert out.startswith(b"HTTP/1.1 ") and out[9:10] in b"24"
        world.now += 50 * MS
    assert world.exchange.desk.placed == whole
