"""OKX's dialect against the checklist of its fact sheet (exchanges/okx.md section 10): sockets, log-on, books, orders, REST.  Clients are strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aats.sim.okx.exchange import OkxExchange
from aats.sim.venue import hmac_b64, iso
from tests.sim.wire import SECOND, T0, Client, World

PUBLIC, PRIVATE = "/ws/v5/public", "/ws/v5/private"


def okx(venue: str = "OKX", **kw: Any) -> World:
    return World(OkxExchange(venue, T0, seed=7, depth=100, **kw))


def ask(client: Client, **what: Any) -> list[Any]:
    """Send a request and return what came back at once."""
    before = len(client.messages)
    client.text(json.dumps(what))
    return client.messages[before:]


def login(world: World, client: Client, **other: str) -> Any:
    stamp = str(world.now // SECOND)
    arg = {
        "apiKey": "aats-sim",
        "passphrase": "aats-sim",
        "timestamp": stamp,
        "sign": hmac_b64("aats-sim", f"{stamp}GET/users/self/verify"),
        **other,
    }
    return ask(client, op="login", args=[arg])[-1]


def private(world: World) -> Client:
    client = world.ws(PRIVATE)
    assert login(world, client)["event"] == "login"
    ask(client, id="1", op="subscribe", args=[{"channel": "orders", "instType": "ANY"}, {"channel": "account"}])
    return client


def order(client: Client, op: str = "order", **arg: Any) -> Any:
    """Send one request about an order and return its row of the answer."""
    number = 10_459
    return next(m for m in ask(client, id="7", op=op, args=[{"instIdCode": number, **arg}]) if m.get("op") == op)["data"][0]


LIMIT = {"tdMode": "cash", "side": "buy", "ordType": "limit", "px": "60000", "sz": "0.01"}


def news(client: Client) -> list[Any]:
    return [m["data"][0] for m in client.messages if m.get("arg", {}).get("channel") == "orders" and "data" in m]


def signed(world: World, target: str, method: str = "GET", body: str = "", stamp_ns: int | None = None, **other: str) -> Any:
    stamp = iso(world.now if stamp_ns is None else stamp_ns, 3)
    head = {
        "OK-ACCESS-KEY": "aats-sim",
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": "aats-sim",
        "OK-ACCESS-SIGN": hmac_b64("aats-sim", f"{stamp}{method}{target}{body}"),
    }
    return world.http(target, method=method, headers={**head, **other})


# ----------------------------------------------------------------------------------------------------------- sockets


def test_a_path_that_there_is_not_is_refused() -> None:
    assert okx().ws("/ws/v5/nowhere").status == 404


def test_ping_is_answered_with_pong_and_silence_of_30_s_ends_a_connection() -> None:
    world = okx()
    quiet, kept = world.ws(PRIVATE), world.ws(PRIVATE)
    for _ in range(4):
        world.run(10)
        kept.text("ping")
    assert kept.frames[-1].data == b"pong" and kept.close_code is None
    assert quiet.close_code == 4004


@pytest.mark.parametrize(
    ("path", "arg"),
    [
        (PUBLIC, {"channel": "books", "instId": "NO-SUCH"}),
        (PUBLIC, {"channel": "nothing", "instId": "BTC-USDT"}),
        (PUBLIC, {"channel": "trades-all", "instId": "BTC-USDT"}),
        (PRIVATE, {"channel": "books", "instId": "BTC-USDT"}),
        (PUBLIC, {"channel": "orders", "instType": "ANY"}),
        (PRIVATE, {"channel": "orders", "instType": "ANY"}),
    ],
)
def test_a_channel_that_cannot_be_had_there_is_refused_and_the_others_go_on(path: str, arg: dict[str, str]) -> None:
    client = okx().ws(path)
    (answer,) = ask(client, id="a1", op="subscribe", args=[arg])
    assert answer["event"] == "error" and answer["id"] == "a1" and answer["code"] in ("60018", "60011")
    client.text("ping")
    assert client.frames[-1].data == b"pong"


def test_each_channel_is_acknowledged_by_itself_and_unsubscribing_ends_it() -> None:
    world = okx()
    client = world.ws(PUBLIC)
    args = [{"channel": "books", "instId": "BTC-USDT"}, {"channel": "trades", "instId": "ETH-USDT"}]
    acks = [m for m in ask(client, id="x", op="subscribe", args=args) if m.get("event") == "subscribe"]
    assert [m["arg"] for m in acks] == args and {m["id"] for m in acks} == {"x"}
    ask(client, op="unsubscribe", args=args)
    before = len(client.messages)
    world.run(2)
    assert len(client.messages) == before


def test_requests_of_an_hour_are_counted() -> None:
    world = okx()
    client = world.ws(PUBLIC)
    for number in range(480):
        if number % 100 == 99:
            world.run(1)
        assert ask(client, op="subscribe", args=[]) == []
    assert ask(client, op="subscribe", args=[])[-1]["code"] == "60014"


# ------------------------------------------------------------------------------------------------------------- books


def test_updates_hang_together_and_the_number_rises_by_more_than_one() -> None:
    world = okx()
    client = world.ws(PUBLIC)
    ask(client, op="subscribe", args=[{"channel": "books", "instId": "BTC-USDT"}])
    world.run(5)
    rows = [(m["action"], m["data"][0]) for m in client.messages if "action" in m]
    assert rows[0][0] == "snapshot" and rows[0][1]["prevSeqId"] == -1 and len(rows) > 20
    last = rows[0][1]["seqId"]
    for action, row in rows[1:]:
        assert action == "update" and row["prevSeqId"] == last < row["seqId"] and row["checksum"] == 0
        last = row["seqId"]
    assert any(row["seqId"] - row["prevSeqId"] > 1 for _, row in rows[1:])


def test_a_sign_of_life_and_a_new_count_continue_the_chain() -> None:
    world = okx()
    exchange: Any = world.exchange
    client = world.ws(PUBLIC)
    ask(client, op="subscribe", args=[{"channel": "books", "instId": "BTC-USDT"}])
    world.run(1)
    exchange.beat("BTC-USDT")
    exchange.restart_numbers("BTC-USDT")
    world.run(1)
    rows = [m["data"][0] for m in client.messages if m.get("action") == "update"]
    assert any(row["prevSeqId"] == row["seqId"] and not row["asks"] and not row["bids"] for row in rows)
    assert any(row["seqId"] < row["prevSeqId"] for row in rows)
    assert all(row["prevSeqId"] == before["seqId"] for before, row in zip(rows, rows[1:], strict=False))


# ------------------------------------------------------------------------------------------------------------ log-on


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"apiKey": "nobody"}, "60005"),
        ({"passphrase": "wrong"}, "60024"),
        ({"sign": "AAAA"}, "60007"),
        ({"timestamp": str(T0 // SECOND - 31)}, "60006"),
    ],
)
def test_a_log_on_that_does_not_fit_is_refused_by_its_number(other: dict[str, str], code: str) -> None:
    world = okx()
    assert login(world, world.ws(PRIVATE), **other)["code"] == code


def test_an_order_without_a_log_on_or_a_number_of_its_instrument_is_refused() -> None:
    world = okx()
    client = world.ws(PRIVATE)
    assert ask(client, id="7", op="order", args=[{"instIdCode": 10_459, **LIMIT}])[-1]["code"] == "60011"
    client = private(world)
    (answer,) = [m for m in ask(client, id="7", op="order", args=[{"instId": "BTC-USDT", **LIMIT}]) if m.get("op")]
    assert answer["code"] == "1" and answer["data"][0]["sCode"] == "51000" and "instIdCode" in answer["data"][0]["sMsg"]


# ------------------------------------------------------------------------------------------------------------ orders


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"clOrdId": "with-hyphen"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"sz": "0.000001"}, "51120"),
        ({"sz": "0.010000001"}, "51000"),
        ({"sz": "1000000"}, "51008"),
        ({"ordType": "gtd"}, "51000"),
        ({"side": "long"}, "51000"),
        ({"px": "0.01"}, "51000"),
    ],
)
def test_an_order_against_the_rules_is_refused_inside_its_row(change: dict[str, str], code: str) -> None:
    world = okx()
    assert order(private(world), **{**LIMIT, **change})["sCode"] == code
    assert not world.exchange.account_of("aats-sim").orders  # type: ignore[attr-defined]


def test_an_order_rests_is_amended_and_canceled_and_each_step_is_told() -> None:
    client = private(okx())
    row = order(client, **LIMIT, clOrdId="mine1")
    assert row["sCode"] == "0" and row["clOrdId"] == "mine1"
    assert order(client, **LIMIT, clOrdId="mine1")["sCode"] == "51016"
    assert order(client, op="amend-order", clOrdId="mine1", newPx="60001", reqId="r9")["sCode"] == "0"
    assert order(client, op="cancel-order", ordId=row["ordId"])["sCode"] == "0"
    assert order(client, op="cancel-order", ordId=row["ordId"])["sCode"] == "51400"
    assert order(client, op="amend-order", clOrdId="mine1", newPx="60002")["sCode"] == "51503"
    live, amended, canceled = news(client)
    assert (live["state"], live["px"], live["reqId"], live["amendResult"]) == ("live", "60000", "", "")
    assert (amended["state"], amended["px"], amended["reqId"], amended["amendResult"]) == ("live", "60001", "r9", "0")
    assert (canceled["state"], canceled["cancelSource"]) == ("canceled", "1")


def test_a_post_only_order_that_would_take_is_taken_and_then_canceled_for_it() -> None:
    client = private(okx())
    assert order(client, **{**LIMIT, "ordType": "post_only", "px": "62000"})["sCode"] == "0"
    (row,) = news(client)
    assert (row["state"], row["cancelSource"], row["accFillSz"]) == ("canceled", "31", "0")


@pytest.mark.parametrize(("kind", "size", "source"), [("ioc", "90", "14"), ("fok", "90", "13")])
def test_what_is_not_filled_at_once_is_canceled_with_its_reason(kind: str, size: str, source: str) -> None:
    client = private(okx(deposits={"USDT": 10**26}))
    assert order(client, **{**LIMIT, "ordType": kind, "px": "61000.1", "sz": size})["sCode"] == "0"
    rows = news(client)
    assert (rows[-1]["state"], rows[-1]["cancelSource"]) == ("canceled", source)
    fills = [row for row in rows if row["tradeId"]]
    assert bool(fills) == (kind == "ioc")
    assert all(float(row["fillFee"]) < 0 and row["feeCcy"] == "BTC" and row["execType"] == "T" for row in fills), (
        "a fee that is charged is below zero"
    )


def test_of_several_orders_some_may_fail() -> None:
    client = private(okx())
    args = [{"instIdCode": 10_459, **LIMIT}, {"instIdCode": 10_459, **LIMIT, "sz": "1000000"}]
    (answer,) = [m for m in ask(client, id="7", op="batch-orders", args=args) if m.get("op")]
    assert answer["code"] == "2" and [row["sCode"] for row in answer["data"]] == ["0", "51008"]


def test_a_market_buy_counts_its_size_in_the_quote_currency_unless_told() -> None:
    client = private(okx())
    order(client, tdMode="cash", side="buy", ordType="market", sz="610")
    order(client, tdMode="cash", side="buy", ordType="market", sz="0.01", tgtCcy="base_ccy")
    ends = [row for row in news(client) if row["state"] == "filled" or row["state"] == "canceled"]
    assert float(ends[0]["accFillSz"]) == pytest.approx(0.01, rel=0.01) and ends[1]["accFillSz"] == "0.01"


def test_the_dead_mans_switch_cancels_what_is_open() -> None:
    world = okx()
    client = private(world)
    order(client, **LIMIT)
    exchange: Any = world.exchange
    exchange.deadman(exchange.account_of("aats-sim"), 10 * SECOND)
    for _ in range(3):
        world.run(4)
        client.text("ping")
    assert (news(client)[-1]["state"], news(client)[-1]["cancelSource"]) == ("canceled", "20")


# -------------------------------------------------------------------------------------------------------------- REST


def test_a_request_that_is_not_signed_right_is_refused_by_its_number() -> None:
    world = okx()
    target = "/api/v5/account/balance?ccy=BTC"
    assert signed(world, target).json["code"] == "0"
    assert signed(world, target, **{"OK-ACCESS-KEY": "x"}).json["code"] == "50111"
    assert signed(world, target, **{"OK-ACCESS-PASSPHRASE": "x"}).json["code"] == "50105"
    wrong = signed(world, target, **{"OK-ACCESS-SIGN": "x"})
    assert wrong.json["code"] == "50113" and wrong.status == 401
    assert signed(world, target, stamp_ns=world.now - 31 * SECOND).json["code"] == "50102"


def test_instruments_are_listed_by_kind_with_their_numbers() -> None:
    rows = okx("OKX_SWAP").http("/api/v5/public/instruments?instType=SWAP").json["data"]
    first = rows[0]
    assert (first["instId"], first["instIdCode"], first["ctVal"], first["ctType"], first["settleCcy"]) == (
        "BTC-USDT-SWAP",
        10_459,
        "0.01",
        "linear",
        "USDT",
    )
    assert next(row for row in rows if row["ctType"] == "inverse")["ctValCcy"] == "USD"
    assert okx("OKX_SWAP").http("/api/v5/public/instruments?instType=SPOT").json["data"] == []


def test_a_book_over_rest_has_the_number_of_the_stream() -> None:
    world = okx()
    row = world.http("/api/v5/market/books?instId=BTC-USDT&sz=5").json["data"][0]
    assert len(row["bids"]) == len(row["asks"]) == 5 and row["seqId"] > 0 and len(row["bids"][0]) == 4


def test_what_was_placed_is_found_again_over_rest() -> None:
    world = okx()
    client = private(world)
    row = order(client, **LIMIT, clOrdId="mine1")
    order(client, **{**LIMIT, "ordType": "ioc", "px": "62000"})
    (pending,) = signed(world, "/api/v5/trade/orders-pending?instType=SPOT").json["data"]
    assert pending["ordId"] == row["ordId"] and pending["state"] == "live"
    (found,) = signed(world, "/api/v5/trade/order?instId=BTC-USDT&clOrdId=mine1").json["data"]
    assert found["ordId"] == row["ordId"]
    assert signed(world, "/api/v5/trade/order?instId=BTC-USDT&clOrdId=other").json["code"] == "51603"
    fills = signed(world, "/api/v5/trade/fills?instType=SPOT&instId=BTC-USDT").json["data"]
    assert fills and [int(one["billId"]) for one in fills] == sorted((int(one["billId"]) for one in fills), reverse=True)
