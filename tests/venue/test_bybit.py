"""What Bybit alone does, played by its simulated dialect: to strangers (is the dialect what the fact sheet says?), and to our feed, session and control plane.

For what every venue must do see tests/conformance; section numbers are those of exchanges/bybit_v5.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from aats._ffi import lib
from aats.errors import ConfigError, FeedError
from aats.sim.dialects import Options, make
from aats.sim.faults import Faults
from aats.venue import Endpoints, SnapshotRefused
from aats.venue.account import AccountError
from aats.venue.bybit import BybitClient, BybitSwapClient
from aats.venue.bybit_account import BybitAccount, BybitSwapAccount
from tests.conformance.cases_orders import Market, letters, settle, trading
from tests.conformance.rig import STREAM, Feed, Rig
from tests.conformance.rows import rows, served
from tests.sim.wire import Client, World

BBO = lib.AATS_REC_BBO
SPOT, SWAP = rows()["BYBIT"], rows()["BYBIT_SWAP"]
BOTH = pytest.mark.parametrize("row", [SPOT, SWAP], ids=lambda row: row.venue)


def world(row: Any = SWAP, rate: int = 40, **options: Any) -> World:
    """Return the dialect in a world of its own, where strangers connect."""
    return World(row.exchange(rate, **options))


def sign(payload: str) -> str:
    return hmac.new(b"aats-sim", payload.encode(), hashlib.sha256).hexdigest()


def logged_on(place: World, path: str) -> Client:
    """Return a client of the trade or private socket behind its auth."""
    client = place.ws(path)
    expires = place.now // 1_000_000 + 10_000
    client.text(json.dumps({"req_id": "1", "reqId": "1", "op": "auth", "args": ["aats-sim", expires, sign(f"GET/realtime{expires}")]}))
    told = client.messages[-1]
    assert told.get("retCode", 0) == 0 and told.get("success", True), told
    return client


def create(place: World, client: Client, req_id: str, **row: Any) -> Any:
    """Send order.create; return its answer."""
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000", **row}
    return trade(place, client, req_id, "order.create", order)


def trade(place: World, client: Client, req_id: str, op: str, *args: Any) -> Any:
    header = {"X-BAPI-TIMESTAMP": str(place.now // 1_000_000), "X-BAPI-RECV-WINDOW": "5000"}
    client.text(json.dumps({"reqId": req_id, "header": header, "op": op, "args": list(args)}))
    return next(one for one in reversed(client.messages) if one.get("reqId") == req_id)


def topics(client: Client, topic: str) -> list[Any]:
    return [one for one in client.messages if one.get("topic") == topic]


# ------------------------------------------------------------------------------------------ the dialect, public (2, 3, 10)


@BOTH
def test_a_topic_that_is_not_there_fails_its_whole_request(row: Any) -> None:
    client = world(row).ws(f"/v5/public/{'spot' if row is SPOT else 'linear'}")
    client.text(json.dumps({"req_id": "7", "op": "subscribe", "args": ["publicTrade.BTCUSDT", "orderbook.50.NOSUCH"]}))
    told = client.messages[-1]
    assert told["success"] is False and told["req_id"] == "7" and "NOSUCH" in told["ret_msg"]
    client.text(json.dumps({"req_id": "8", "op": "subscribe", "args": [f"tickers.X{n}" for n in range(11)]}))
    assert client.messages[-1]["success"] is False


@BOTH
def test_a_book_of_a_stranger_is_the_market_s_by_counting_u(row: Any) -> None:
    place = world(row)
    client = place.ws(f"/v5/public/{'spot' if row is SPOT else 'linear'}")
    client.text(json.dumps({"req_id": "1", "op": "subscribe", "args": ["orderbook.50.BTCUSDT"]}))
    place.run(5)
    frames = topics(client, "orderbook.50.BTCUSDT")
    assert frames[0]["type"] == "snapshot" and frames[0]["data"]["u"] != 1 and len(frames) > 20
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for before, frame in zip([None, *frames], frames, strict=False):
        assert before is None or frame["data"]["u"] == before["data"]["u"] + 1
        for side, levels in sides.items():
            levels.update(frame["data"][side])
    book = place.exchange.market.snapshot("BTCUSDT", 50)
    for side, want in (("b", book.bids), ("a", book.asks)):
        left = {px: qty for px, qty in sides[side].items() if qty != "0"}
        assert left == dict(want), side


def test_an_unchanged_top_comes_again_with_the_same_u() -> None:
    place = world(rate=0)
    client = place.ws("/v5/public/linear")
    client.text(json.dumps({"op": "subscribe", "args": ["orderbook.1.BTCUSDT"]}))
    place.run(10)
    frames = topics(client, "orderbook.1.BTCUSDT")
    assert len(frames) >= 3 and {one["type"] for one in frames} == {"snapshot"} and len({one["data"]["u"] for one in frames}) == 1


def test_a_ticker_says_what_changed_and_no_more() -> None:
    place = world()
    client = place.ws("/v5/public/linear")
    client.text(json.dumps({"op": "subscribe", "args": ["tickers.BTCUSDT"]}))
    place.run(5)
    first, *rest = topics(client, "tickers.BTCUSDT")
    assert first["type"] == "snapshot" and {"markPrice", "fundingRate", "nextFundingTime"} <= set(first["data"])
    assert rest and all(one["type"] == "delta" and set(one["data"]) < set(first["data"]) for one in rest)


# ------------------------------------------------------------------------------------------ the dialect, orders (5 to 7, 10)


def test_orders_before_the_log_on_twice_the_same_id_and_stale_stamps_are_refused() -> None:
    place = world()
    stranger = place.ws("/v5/trade")
    assert create(place, stranger, "a")["retCode"] == 10003
    client = logged_on(place, "/v5/trade")
    assert create(place, client, "b", orderLinkId="x-1")["retCode"] == 0
    assert create(place, client, "b", orderLinkId="x-2")["retCode"] == 20006
    assert create(place, client, "c", orderLinkId="x-1")["retCode"] == 110072
    client.text(json.dumps({"reqId": "d", "header": {}, "op": "order.create", "args": [{}]}))
    assert client.messages[-1]["retCode"] == 10001
    header = {"X-BAPI-TIMESTAMP": str(place.now // 1_000_000 - 6000)}
    client.text(json.dumps({"reqId": "e", "header": header, "op": "order.create", "args": [{}]}))
    assert client.messages[-1]["retCode"] == 10002
    assert create(place, client, "f", positionIdx=1)["retCode"] == 10001


def test_an_id_is_never_used_again_on_spot_and_codes_are_spot_s() -> None:
    place = world(SPOT)
    client = logged_on(place, "/v5/trade")
    row = {"category": "spot", "orderLinkId": "x-1"}
    assert create(place, client, "a", **row)["retCode"] == 0
    assert trade(place, client, "b", "order.cancel", {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "x-1"})["retCode"] == 0
    assert create(place, client, "c", **row)["retCode"] == 170141
    assert trade(place, client, "d", "order.cancel", {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "x-1"})["retCode"] == 170142
    assert trade(place, client, "e", "order.cancel", {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "no"})["retCode"] == 170213
    assert create(place, client, "f", category="spot", qty="0.00000001")["retCode"] == 170137
    assert create(place, client, "g", category="linear")["retCode"] == 10001


def test_a_post_only_order_that_would_take_is_received_and_then_canceled() -> None:
    place = world(rate=0)
    private, client = logged_on(place, "/v5/private"), logged_on(place, "/v5/trade")
    private.text(json.dumps({"req_id": "2", "op": "subscribe", "args": ["order"]}))
    assert create(place, client, "a", price="70000", timeInForce="PostOnly")["retCode"] == 0
    (told,) = (one["data"][0] for one in topics(private, "order"))
    assert told["orderStatus"] == "Cancelled" and told["rejectReason"] == "EC_PostOnlyWillTakeLiquidity" and told["cumExecQty"] == "0.000"


def test_a_cancel_that_meets_the_fill_is_received_and_told_as_a_second_filled() -> None:
    place = world(rate=0)
    private, client = logged_on(place, "/v5/private"), logged_on(place, "/v5/trade")
    private.text(json.dumps({"req_id": "2", "op": "subscribe", "args": ["order", "execution"]}))
    create(place, client, "a", price="70000", timeInForce="IOC", orderLinkId="x")
    assert trade(place, client, "b", "order.cancel", {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "x"})["retCode"] == 0
    filled = [one["data"][0] for one in topics(private, "order") if one["data"][0]["orderStatus"] == "Filled"]
    assert [one["cancelType"] for one in filled[-2:]] == ["UNKNOWN", "CancelByUser"]
    assert filled[-1]["rejectReason"] == "EC_OrigClOrdIDDoesNotExist"
    traded = sum(float(one["data"][0]["execQty"]) for one in topics(private, "execution"))
    assert traded == pytest.approx(0.01)


def test_a_batch_says_of_each_order_what_became_of_it() -> None:
    place = world()
    client = logged_on(place, "/v5/trade")
    good = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000"}
    told = trade(place, client, "a", "order.create-batch", {"category": "linear", "request": [good, {**good, "symbol": "NO"}]})
    assert told["retCode"] == 0 and [one["code"] for one in told["retExtInfo"]["list"]] == [0, 10001]
    assert [bool(one["orderId"]) for one in told["data"]["list"]] == [True, False]


def test_eleven_orders_in_a_second_are_too_many() -> None:
    place = world()
    client = logged_on(place, "/v5/trade")
    codes = [create(place, client, str(n))["retCode"] for n in range(11)]
    assert codes == [0] * 10 + [10006]


# ------------------------------------------------------------------------------------------ our feed (3)


@BOTH
def test_a_service_that_starts_anew_and_a_snapshot_that_nobody_asked_for_are_no_gap(row: Any) -> None:
    rig = Rig(row)
    feed = Feed(rig, streams=STREAM["depth"] | STREAM["bbo"])
    rig.until(feed.good, "good books at the start", 20)
    exchange: Any = rig.exchange
    for change in (exchange.restart, exchange.again, exchange.restart):
        change("BTCUSDT")
        tops = len(feed.told(BBO, "BTCUSDT"))
        rig.run(1)
        rig.until(feed.newest, "the market's book", 5)
        assert len(feed.told(BBO, "BTCUSDT")) >= tops + 3, "best bids and asks go on at once"
    assert feed.count("GAPS") == 0 and feed.count("PARSE_ERRORS") == 0


def test_a_symbol_that_the_venue_refuses_leaves_the_others_of_its_request_alone() -> None:
    rig = Rig(SPOT)
    exchange: Any = rig.exchange
    exchange.listings["ETHUSDT"].status = "gone"  # after the list of instruments was read
    feed = Feed(rig)
    rig.until(lambda: feed.good("BTCUSDT"), "the good one", 30)
    rig.until(lambda: feed.count("REFUSED") == 1, "the bad one is given up", 30)
    assert feed.good("BTCUSDT") and not feed.good("ETHUSDT")


# ------------------------------------------------------------------------------------------ our session (5, 8)


@BOTH
def test_an_order_that_realtime_forgot_is_found_in_the_history(row: Any) -> None:
    rig, desk = trading(row)
    exchange: Any = rig.exchange
    exchange.forgets = True
    rig.exchange.faults.next_orders.append("user-cut")
    order = desk.send("buy", Market(rig).ask(20), row.size, "IOC")
    rig.until(lambda: desk.closed(order), "told in the end", 120, ms=10)
    assert desk.filled(order) > 0, desk.say()
    settle(rig, desk)


@BOTH
def test_events_before_and_behind_the_answer_tell_the_same_story(row: Any) -> None:
    rig, desk = trading(row)
    market, stories = Market(rig), set()
    for _ in range(4):  # in turn before and behind
        rest = desk.send("buy", market.bid(-50), row.size)
        rig.until(lambda rest=rest: "ACKED" in desk.of(rest), "acknowledged")
        desk.cancel(rest)
        rig.until(lambda rest=rest: desk.closed(rest), "closed")
        stories.add(letters(desk, rest))
        cross = desk.send("buy", market.ask(5), row.size, "POS")
        rig.until(lambda cross=cross: desk.closed(cross), "closed")
        stories.add(letters(desk, cross))
    assert stories == {"CAXZ", "CRZ"}, desk.say()
    settle(rig, desk)


def test_events_of_the_other_category_change_nothing() -> None:
    rig, desk = trading(SWAP)
    order = desk.send("buy", Market(rig).bid(-50), SWAP.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    exchange: Any = rig.exchange
    (account,) = {key.account.number: key.account for key in exchange.keys.values()}.values()
    row = exchange.row_of(next(iter(account.open.values())))
    exchange._tell_row(account, "order", {**row, "category": "spot", "orderStatus": "Cancelled"})
    rig.run(2)
    assert not desk.closed(order)
    settle(rig, desk)


# ------------------------------------------------------------------------------------------ our control plane (1, 4, 7, 8)


@pytest.fixture
def spot() -> Iterator[tuple[Any, str]]:
    """Serve the spot dialect; give it and its address."""
    exchange = make("BYBIT", Options(symbols=("BTCUSDT", "ETHUSDT"), faults=Faults({}), readonly={"look": "only"}))
    with served(exchange) as port:
        yield exchange, f"http://localhost:{port}"


def test_instruments_come_page_by_page_and_errors_say_what_happened(spot: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    exchange, rest = spot
    monkeypatch.setattr("aats.venue.bybit._PAGE", 1)
    client = BybitClient(Endpoints(rest, "ws://localhost:1"))
    assert [one.native for one in client.listing()] == ["BTCUSDT", "ETHUSDT"]
    assert set(client.instruments(["btcusdt", "ETHUSDT.BYBIT"])) == {"btcusdt", "ETHUSDT.BYBIT"}
    with pytest.raises(ConfigError, match="'BTCUSD' is not listed on BYBIT"):
        client.instruments(["BTCUSD"])
    exchange.faults.next_https.append("http-html")
    with pytest.raises(SnapshotRefused, match="not JSON"):
        client._get("/v5/market/time")
    exchange.faults.next_https.append("http-429")
    with pytest.raises(SnapshotRefused, match="HTTP 429") as caught:
        client._get("/v5/market/time")
    assert caught.value.retry_after_s == 2
    with pytest.raises(SnapshotRefused, match="begin in the stream"):
        client.snapshot("BTCUSDT")
    client.close()


def test_an_answer_that_is_not_as_documented_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    client = BybitSwapClient(Endpoints("http://localhost:1", "ws://localhost:1"))
    row: dict[str, Any] = {"symbol": "BTCUSD", "contractType": "InversePerpetual"}
    for answer in ({"retCode": 0}, {"retCode": 0, "result": {"list": [{"symbol": "X"}]}}):
        monkeypatch.setattr(client, "_get", lambda *_, answer=answer: answer)
        with pytest.raises(FeedError, match="not the documented answer"):
            client.listing()
    monkeypatch.setattr(client, "_get", lambda *_: {"retCode": 0, "result": {"list": [row]}})
    assert client.listing() == []  # an inverse contract is none of these
    client.close()


def test_the_account_is_looked_at_and_its_orders_canceled(spot: tuple[Any, str]) -> None:
    _, rest = spot
    with BybitAccount(rest, "aats-sim", "aats-sim") as account:
        before = account.balances()
        assert before["USDT"].locked == 0 and before["USDT"].total > 0
        placed = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": "50000", "timeInForce": "PostOnly"}
        order_id = account._call("POST", "/v5/order/create", {"category": "spot", **placed})["orderId"]
        (seen,) = account.open_orders()
        assert (seen.order_id, seen.native, seen.side, seen.tif, seen.state) == (order_id, "BTCUSDT", "buy", "pos", "new")
        assert account.balances()["USDT"].locked == 500
        assert account.cancel("BTCUSDT", order_id) is True
        assert account.cancel("BTCUSDT", order_id) is False and account.open_orders("BTCUSDT") == []
    with BybitAccount(rest, "look", "only") as reader, pytest.raises(AccountError, match="10005"):
        reader.cancel("BTCUSDT", "1")
    with BybitAccount(rest, "aats-sim", "wrong") as stranger, pytest.raises(AccountError, match="10004") as caught:
        stranger.balances()
    assert "wrong" not in str(caught.value) and "wrong" not in repr(stranger)


def test_a_refused_stamp_has_the_clock_asked_for_anew(spot: tuple[Any, str]) -> None:
    _, rest = spot
    with BybitAccount(rest, "aats-sim", "aats-sim") as account:
        account._offset_ms = -60_000
        assert account.balances()
        assert abs(account._offset_ms or 0) < 5000


def test_keys_that_cannot_sign_here_are_refused() -> None:
    with pytest.raises(ConfigError, match="RSA"):
        BybitSwapAccount("http://localhost:1", "k", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----")


def test_the_fact_sheet_s_signature_is_the_account_s() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"retCode": 0, "retMsg": "OK", "result": {}, "time": 1_700_000_000_000})

    account = BybitSwapAccount(
        "http://localhost", "test_api_key", "test_secret", clock=lambda: 1_700_000_000.0, transport=httpx.MockTransport(answer)
    )
    account._call("GET", "/v5/position/list", {"category": "linear", "symbol": "BTCUSDT"})
    assert asked[-1].headers["X-BAPI-SIGN"] == "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7"
    assert asked[-1].url.query == urlencode({"category": "linear", "symbol": "BTCUSDT"}).encode()
    account.close()


def test_every_session_of_ours_is_told_apart_from_another_account_s_program() -> None:
    rig, desk = trading(SWAP)
    exchange: Any = rig.exchange
    key = exchange.keys["aats-sim"]
    row = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.01",
        "price": "50000",
        "orderLinkId": "web_1",
    }
    exchange.now_ns = rig.venue_ns
    exchange.do(key, "create", row)
    rig.run(3)
    assert desk.ready() and not [one for one in desk.said if one.order_id], desk.say()
