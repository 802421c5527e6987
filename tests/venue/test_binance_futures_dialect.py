"""What the simulated dialect of Binance's futures does to strangers: is it what the fact sheet says (exchanges/binance_usdm_futures.md, 12)?

For what every venue must do see tests/conformance.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from aats.sim.dialects import Options, make
from tests.sim.wire import Client, World

BOTH = pytest.mark.parametrize("venue", ["BINANCE_SWAP", "BINANCE_COINM"])
SYMBOL = {"BINANCE_SWAP": "BTCUSDT", "BINANCE_COINM": "BTCUSD_PERP"}
SIZE = {"BINANCE_SWAP": "0.010", "BINANCE_COINM": "2"}
ROOT = {"BINANCE_SWAP": "/fapi/v1", "BINANCE_COINM": "/dapi/v1"}
API = {"BINANCE_SWAP": "/ws-fapi/v1", "BINANCE_COINM": "/ws-dapi/v1"}
USER = {"BINANCE_SWAP": "/private/ws", "BINANCE_COINM": "/ws"}


class Place:
    """A dialect in a world of its own, and a stranger who knows its documents."""

    def __init__(self, venue: str = "BINANCE_SWAP", rate: int = 40, **options: Any) -> None:
        self.venue, self.symbol, self.size = venue, SYMBOL[venue], SIZE[venue]
        self.world = World(make(venue, Options(symbols=(f"{self.symbol}:{rate}",), depth=60, seed=7, **options)))
        self.exchange: Any = self.world.exchange
        self.api = self.world.ws(API[venue])
        self.count = 0

    @property
    def ms(self) -> int:
        return self.world.now // 1_000_000

    def ask(self, method: str, **params: Any) -> Any:
        """Make a signed request over the WebSocket API; return its answer."""
        self.count += 1
        params = {"apiKey": "aats-sim", "timestamp": self.ms, **params}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.new(b"aats-sim", payload.encode(), hashlib.sha256).hexdigest()
        self.api.text(json.dumps({"id": self.count, "method": method, "params": params}))
        return next(one for one in reversed(self.api.messages) if one.get("id") == self.count)

    def place(self, **params: Any) -> Any:
        """Place a buy far below the market, unless `params` say otherwise."""
        order = {
            "symbol": self.symbol,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": self.size,
            "price": self.price(0.97),
        }
        return self.ask("order.place", **{name: value for name, value in {**order, **params}.items() if value is not None})

    def price(self, part: float) -> str:
        bid, _ = self.exchange.market.touch(self.symbol)
        return f"{round(bid * part / 1e8, 1):.1f}"

    def rest(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """Make a signed REST request."""
        query = urlencode({**params, "timestamp": self.ms})
        signature = hmac.new(b"aats-sim", query.encode(), hashlib.sha256).hexdigest()
        status, body = self.http(method, f"{ROOT[self.venue]}{path}?{query}&signature={signature}")
        return status, json.loads(body)

    def http(self, method: str, target: str) -> tuple[int, bytes]:
        answer = self.world.http(target, method=method, headers={"X-MBX-APIKEY": "aats-sim"})
        self.world.carry()
        return answer.status, answer.body

    def user(self) -> Client:
        """Open a user data stream."""
        _, body = self.http("POST", f"{ROOT[self.venue]}/listenKey")
        return self.world.ws(f"{USER[self.venue]}/{json.loads(body)['listenKey']}")


def events(client: Client, name: str) -> list[Any]:
    return [one for one in client.messages if one.get("e") == name]


# ---------------------------------------------------------------------------------------------- routes and streams (1, 2, 3)


def test_a_stream_on_the_wrong_route_is_acknowledged_and_silent() -> None:
    place = Place()
    public, market, old = place.world.ws("/public/ws"), place.world.ws("/market/ws"), place.world.ws("/ws")
    for client in (public, market, old):
        assert client.call("SUBSCRIBE", ["btcusdt@aggTrade", "btcusdt@depth@0ms", "btcusdt@markPrice@1s"]) == {"result": None, "id": 1}
    place.world.run(20)
    assert {one["e"] for one in public.messages if "e" in one} == {one["e"] for one in old.messages if "e" in one} == {"depthUpdate"}
    assert {one["e"] for one in market.messages if "e" in one} == {"aggTrade", "markPriceUpdate"}


def test_unknown_streams_and_methods_are_refused() -> None:
    client = Place().world.ws("/public/stream")
    assert client.call("SUBSCRIBE", ["btcusdt@nothing"])["error"]["code"] == 2
    assert client.call("SUBSCRIBE", ["nosuch@depth"])["error"]["code"] == 2
    assert client.call("SING")["error"]["code"] == 2
    assert client.call("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


@BOTH
@pytest.mark.parametrize("speed", ["@0ms", "", "@500ms"])
def test_diffs_hang_together_by_pu_at_every_speed_and_lead_from_the_snapshot_to_the_market(venue: str, speed: str) -> None:
    place = Place(venue)
    name = f"{place.symbol.lower()}@depth{speed}"
    client = place.world.ws(("/public" if venue == "BINANCE_SWAP" else "") + f"/stream?streams={name}")
    place.world.run(2)
    _, body = place.http("GET", f"{ROOT[venue]}/depth?symbol={place.symbol}&limit=1000")
    snapshot = json.loads(body)
    place.world.run(4)
    diffs = [one["data"] for one in client.messages]
    assert all(after["pu"] == before["u"] for before, after in zip(diffs, diffs[1:], strict=False)) and len(diffs) > 4
    assert any(after["U"] != before["u"] + 1 for before, after in zip(diffs, diffs[1:], strict=False)), "ids have no holes"
    last = snapshot["lastUpdateId"]
    rest = [one for one in diffs if one["u"] >= last]
    assert rest[0]["U"] <= last <= rest[0]["u"] or rest[0]["pu"] == last
    sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
    for one in rest:
        for side, levels in sides.items():
            levels.update(one[side])
    place.world.run(0)
    if speed == "@0ms":
        book = place.exchange.market.snapshot(place.symbol, 1000)
        want = {"b": dict(book.bids), "a": dict(book.asks)}
        for side, levels in sides.items():
            changed = {px: qty for px, qty in levels.items() if float(qty)}.items() ^ want[side].items()
            assert len(changed) < 20, "far from the market"  # what has happened since the last flush


def test_a_depth_snapshot_is_cut_at_the_listed_limits_only() -> None:
    place = Place()
    status, body = place.http("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=7")
    assert (status, json.loads(body)["code"]) == (400, -4021)
    status, body = place.http("GET", "/fapi/v1/depth?symbol=NOSUCH&limit=5")
    assert (status, json.loads(body)["code"]) == (400, -1121)
    status, body = place.http("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert status == 200 and len(json.loads(body)["bids"]) == 5


# ------------------------------------------------------------------------------------------------ orders (5.1, 5.3, 7, 12)


@BOTH
def test_an_order_is_acknowledged_before_it_is_matched_and_its_events_say_the_rest(venue: str) -> None:
    place = Place(venue)
    user = place.user()
    done = place.place(price=place.price(1.01), timeInForce="IOC", newClientOrderId="mine-1")
    assert (done["status"], done["result"]["status"], done["result"]["executedQty"].strip("0.")) == (200, "NEW", "")
    assert "avgPrice" not in done["result"]
    place.world.run(0.2)
    told = [one["o"] for one in events(user, "ORDER_TRADE_UPDATE")]
    assert [one["x"] for one in told][:1] == ["NEW"] and told[-1]["X"] == "FILLED" and {one["c"] for one in told} == {"mine-1"}
    fills = [one for one in told if one["x"] == "TRADE"]
    lites = events(user, "TRADE_LITE")
    assert [one["t"] for one in lites] == [one["t"] for one in fills] and "n" not in lites[0] and "z" not in lites[0]
    update = events(user, "ACCOUNT_UPDATE")[-1]["a"]
    assert float(update["P"][0]["pa"]) == float(place.size)


REFUSED = [
    ({"timeInForce": "GTX", "price": 1.01}, -5022),
    ({"timeInForce": "FOK", "price": 1.01, "quantity": "90000"}, -5021),
    ({"type": "STOP_MARKET"}, -4120),
    ({"quantity": "0.0105"}, -4023),
    ({"price": "50000.05"}, -4014),
    ({"quantity": "0.001"}, -4164),
    ({"reduceOnly": "true"}, -2022),
    ({"positionSide": "LONG"}, -4061),
    ({"symbol": "NOSUCH"}, -1121),
    ({"quantity": "9000", "price": 0.97}, -2019),
    ({"newClientOrderId": "?"}, -1102),
]


@pytest.mark.parametrize(("wish", "code"), REFUSED, ids=[str(code) for _, code in REFUSED])
def test_what_is_wrong_with_an_order_is_said_by_number(wish: dict[str, Any], code: int) -> None:
    place = Place(rate=0)
    user = place.user()
    wish = {name: place.price(value) if isinstance(value, float) else value for name, value in wish.items()}
    answer = place.place(**wish)
    assert answer.get("error", {}).get("code") == code, answer
    assert not events(user, "ORDER_TRADE_UPDATE") and not place.exchange.account_of("aats-sim").orders


def test_a_client_id_is_used_once_while_its_order_is_open() -> None:
    place = Place(rate=0)
    assert place.place(newClientOrderId="one")["status"] == 200
    assert place.place(newClientOrderId="one")["error"]["code"] == -4116
    assert place.ask("order.cancel", symbol="BTCUSDT", origClientOrderId="one")["result"]["clientOrderId"] == "one"
    assert place.place(newClientOrderId="one")["status"] == 200


def test_a_modification_keeps_the_ids_and_ends_the_order_where_it_must() -> None:
    place = Place(rate=0)
    user = place.user()
    number = place.place(newClientOrderId="m")["result"]["orderId"]
    same = place.ask("order.modify", symbol="BTCUSDT", orderId=number, side="BUY", price=place.price(0.97), quantity="0.010")
    assert same["error"]["code"] == -5027
    changed = place.ask("order.modify", symbol="BTCUSDT", orderId=number, side="BUY", price=place.price(0.96), quantity="0.020")
    assert (changed["result"]["orderId"], changed["result"]["clientOrderId"], changed["result"]["origQty"]) == (number, "m", "0.020")
    assert events(user, "ORDER_TRADE_UPDATE")[-1]["o"]["x"] == "AMENDMENT"
    post = place.place(timeInForce="GTX")["result"]["orderId"]
    ended = place.ask("order.modify", symbol="BTCUSDT", orderId=post, side="BUY", price=place.price(1.01), quantity="0.010")
    assert ended["result"]["status"] == "CANCELED"


def test_cancel_all_and_the_dead_man_switch_go_over_rest_and_cancel_by_events() -> None:
    place = Place(rate=0)
    user = place.user()
    place.place()
    assert place.rest("DELETE", "/allOpenOrders", symbol="BTCUSDT") == (
        200,
        {"code": 200, "msg": "The operation of cancel all open order is done."},
    )
    assert events(user, "ORDER_TRADE_UPDATE")[-1]["o"]["X"] == "CANCELED"
    place.place()
    assert place.rest("POST", "/countdownCancelAll", symbol="BTCUSDT", countdownTime=5000)[1] == {
        "symbol": "BTCUSDT",
        "countdownTime": "5000",
    }
    place.world.run(4)
    assert len(place.rest("GET", "/openOrders", symbol="BTCUSDT")[1]) == 1
    place.world.run(2)
    assert place.rest("GET", "/openOrders", symbol="BTCUSDT") == (200, [])
    assert place.ask("order.cancel", symbol="BTCUSDT", orderId=1)["error"]["code"] == -2011
    assert place.ask("order.status", symbol="BTCUSDT", orderId=1)["error"]["code"] == -2013


def test_a_batch_says_of_each_order_what_became_of_it() -> None:
    place = Place(rate=0)
    rows = [
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": place.price(0.97)},
        {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.0105", "price": place.price(0.97)},
    ]
    status, body = place.rest("POST", "/batchOrders", batchOrders=json.dumps(rows))
    assert status == 200 and body[0]["status"] == "NEW" and body[1]["code"] == -4023
    status, body = place.rest("DELETE", "/batchOrders", symbol="BTCUSDT", orderIdList=json.dumps([body[0]["orderId"], 1]))
    assert body[0]["status"] == "CANCELED" and body[1]["code"] == -2011
    assert place.rest("POST", "/batchOrders", batchOrders=json.dumps(rows * 3))[1]["code"] == -1102


# ---------------------------------------------------------------------------------------------- keys and user data (5.2, 6)


def test_stamps_and_signatures_are_judged() -> None:
    place = Place(rate=0)
    place.exchange.keys["aats-sim"].secret = "another"
    assert place.place()["error"]["code"] == -1022
    place.exchange.keys["aats-sim"].secret = "aats-sim"
    assert place.ask("order.status", symbol="BTCUSDT", orderId=1, timestamp=place.ms - 9000)["error"]["code"] == -1021
    assert place.http("GET", "/fapi/v1/openOrders?symbol=BTCUSDT&timestamp=1")[0] == 400


def test_a_listen_key_expires_on_a_socket_that_stays_open_and_silent() -> None:
    place = Place(rate=0)
    user = place.user()
    place.world.run(3590)
    assert place.http("PUT", "/fapi/v1/listenKey")[0] == 200
    place.world.run(3590)
    assert not events(user, "listenKeyExpired")
    place.world.run(20)
    assert len(events(user, "listenKeyExpired")) == 1 and not user.closed
    place.api = place.world.ws(API["BINANCE_SWAP"])
    place.place()
    assert not events(user, "ORDER_TRADE_UPDATE")
    status, body = place.http("PUT", "/fapi/v1/listenKey")
    assert (status, json.loads(body)["code"]) == (400, -1125)


def test_an_unknown_listen_key_opens_a_silent_socket() -> None:
    place = Place(rate=0)
    user = place.world.ws("/private/ws/nosuchkey")
    place.place()
    assert user.status == 101 and user.messages == []


# ------------------------------------------------------------------------------------------------------------- Binance US


def test_binance_us_tells_its_events_bare_to_whoever_has_the_listen_key() -> None:
    world = World(make("BINANCEUS", Options(symbols=("BTCUSDT",), seed=7)))
    api = world.ws("/ws-api/v3")
    assert api.call("userDataStream.start", {"apiKey": "nobody"})["error"]["code"] == -2015
    assert api.call("session.logon", {"apiKey": "aats-sim"})["error"]["code"] == -1100
    key = api.call("userDataStream.start", {"apiKey": "aats-sim"})["result"]["listenKey"]
    user, other = world.ws(f"/ws/{key}"), world.ws("/ws/nosuchkey")
    params = {"apiKey": "aats-sim", "timestamp": world.now // 1_000_000, "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"}
    bid = world.exchange.market.touch("BTCUSDT")[0]
    params |= {"timeInForce": "GTC", "quantity": "0.01", "price": f"{bid * 97 // 100 // 10**6 / 100:.2f}"}
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = hmac.new(b"aats-sim", payload.encode(), hashlib.sha256).hexdigest()
    assert api.call("order.place", params)["status"] == 200
    assert user.messages[0]["e"] == "executionReport" and not other.messages
    assert api.call("userDataStream.ping", {"apiKey": "aats-sim", "listenKey": key})["result"] == {}
    world.run(3601)
    assert user.messages[-1]["e"] == "listenKeyExpired" and not user.closed
    api = world.ws("/ws-api/v3")
    assert api.call("userDataStream.ping", {"apiKey": "aats-sim", "listenKey": key})["error"]["code"] == -1125
