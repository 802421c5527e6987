"""The base of the dialects, by an invented venue: refusals, books, orders of spot and perpetuals, faults, halts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aats.errors import ConfigError
from aats.sim.amounts import e8
from aats.sim.faults import Faults
from aats.sim.many import Several
from aats.sim.trading import Order
from aats.sim.venue import hmac_hex
from tests.sim.toy import ToyExchange
from tests.sim.wire import MS, SECOND, T0, Client, World


def toy(venue: str = "TOY", **kw: Any) -> World:
    return World(ToyExchange(venue, T0, seed=7, depth=100, **kw))


def logged_on(world: World, key: str = "aats-sim") -> Client:
    client = world.ws("/private")
    client.text(json.dumps({"op": "login", "key": key, "sign": hmac_hex(key, key)}))
    assert client.messages[-1] == {"login": True}
    return client


def order(client: Client, **ask: Any) -> Any:
    client.text(json.dumps({"op": "order", **ask}))
    return next(m for m in reversed(client.messages) if "ok" in m or "no" in m)


def told(client: Client, order_id: int) -> list[str]:
    return [m["what"] for m in client.messages if m.get("order") == order_id]


def audited(world: World) -> None:
    assert world.exchange.trading.audit() == []


class Book:
    """A reader's book: a snapshot, then diffs of which each names the one before."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.seq = 0

    def take(self, m: Any) -> None:
        assert "snap" in m or m["prev"] == self.seq, "a hole"
        if "snap" in m:
            self.sides = {"b": {}, "a": {}}
        self.seq = m["seq"]
        for side, levels in self.sides.items():
            for px, qty in m[side]:
                if float(qty):
                    levels[px] = qty
                else:
                    levels.pop(px, None)

    def top(self, side: str, sign: int) -> list[tuple[str, str]]:
        return sorted(self.sides[side].items(), key=lambda level: sign * float(level[0]))


# --------------------------------------------------------------------------------------------------------- refusals


def test_an_unknown_symbol_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="DOGE-USD"):
        ToyExchange("TOY", symbols=["DOGE-USD"])


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        ({"sym": "DOGE-USD", "px": "1", "qty": "1"}, "symbol"),
        ({"sym": "BTC-USD", "px": "60000.05", "qty": "0.01"}, "tick"),
        ({"sym": "BTC-USD", "px": "60000", "qty": "0.00001"}, "lot"),
        ({"sym": "BTC-USD", "px": "60000", "qty": "0"}, "lot"),
        ({"sym": "BTC-USD", "px": "60000", "qty": "1000"}, "balance"),
        ({"sym": "BTC-USD", "px": "10000", "qty": "0.0001"}, "min_notional"),
        ({"sym": "BTC-USD", "px": "90000", "qty": "0.01", "kind": "post"}, "post_only"),
        ({"sym": "BTC-USD", "px": "60000", "qty": "0.01", "reduce": True}, "reduce_only"),
        ({"sym": "BTC-USD", "px": "700000", "qty": "0.01"}, "price_band"),
    ],
)
def test_an_order_against_the_rules_is_refused_and_leaves_no_trace(ask: dict[str, Any], why: str) -> None:
    world = toy()
    client = logged_on(world)
    assert order(client, buy=True, **ask) == {"no": why}
    account = world.exchange.account_of("aats-sim")
    assert not account.open and not account.orders and all(locked == 0 for _, locked in account.balances.values())
    audited(world)


def test_a_wrong_signature_does_not_log_on() -> None:
    world = toy()
    client = world.ws("/private")
    client.text(json.dumps({"op": "login", "key": "aats-sim", "sign": "00"}))
    assert client.messages == [{"login": False}]


def test_a_path_that_there_is_not_is_refused() -> None:
    assert toy().ws("/nowhere").status == 404


def test_an_order_in_a_halted_symbol_is_refused_until_it_trades_again() -> None:
    world = toy()
    client = logged_on(world)
    world.exchange.halt("BTC-USD")
    assert order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01") == {"no": "halted"}
    world.exchange.resume("BTC-USD")
    assert "ok" in order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01")


def test_delisting_cancels_what_stands_there() -> None:
    world = toy()
    client = logged_on(world)
    made = order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01")["ok"]
    other = order(client, sym="ETH-USD", buy=True, px="2600", qty="0.01")["ok"]
    world.exchange.delist("BTC-USD")
    world.carry()
    assert told(client, made) == ["new", "canceled"] and told(client, other) == ["new"]
    assert order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01") == {"no": "symbol"}
    audited(world)


# ------------------------------------------------------------------------------------------------------------ books


def test_diffs_continue_the_snapshot_and_make_the_market_s_book() -> None:
    world = toy()
    early = world.ws("/public")
    early.text(json.dumps({"op": "book", "sym": "BTC-USD"}))
    world.run(3)
    late = world.ws("/public")
    late.text(json.dumps({"op": "book", "sym": "BTC-USD"}))
    world.run(5)
    books = []
    for client in (early, late):
        book = Book()
        for message in client.messages:
            book.take(message)
        books.append(book)
    view = world.exchange.view("BTC-USD", 20)
    for book in books:
        assert book.seq == view.seq
        assert book.top("b", -1) == view.bids and book.top("a", 1) == view.asks
    assert len(early.messages) > 40 and all(len(px.partition(".")[2]) == 1 for px, _ in view.bids)


@pytest.mark.parametrize("kind", ["drop", "swap"])
def test_a_depth_fault_makes_a_hole(kind: str) -> None:
    world = toy(faults=Faults({kind: 10}))
    client = world.ws("/public")
    client.text(json.dumps({"op": "book", "sym": "BTC-USD"}))
    world.run(3)
    book = Book()
    with pytest.raises(AssertionError, match="hole"):
        for message in client.messages:
            book.take(message)


def test_another_digit_is_still_json() -> None:
    plain, faulty = toy(), toy(faults=Faults({"digit": 5}))
    clients = [world.ws("/public") for world in (plain, faulty)]
    for client, world in zip(clients, (plain, faulty), strict=True):
        client.text(json.dumps({"op": "book", "sym": "BTC-USD"}))
        world.run(1.5)
    differ = [a != b for a, b in zip(clients[0].messages, clients[1].messages, strict=True)]
    assert [at for at, one in enumerate(differ, 1) if one] == [at for at in range(1, len(differ) + 1) if at % 5 == 0]


def test_trades_have_neutral_fields() -> None:
    world = toy()
    client = world.ws("/public")
    client.text(json.dumps({"op": "trades", "sym": "BTC-USD"}))
    world.run(10)
    ids = [m["trade"] for m in client.messages]
    assert len(ids) > 5 and ids == list(range(ids[0], ids[0] + len(ids)))
    assert {m["buys"] for m in client.messages} == {True, False} and all(float(m["qty"]) > 0 for m in client.messages)


def test_perpetuals_tell_mark_index_and_funding_each_second() -> None:
    world = toy("TOY_SWAP")
    client = world.ws("/public")
    client.text(json.dumps({"op": "marks", "sym": "BTC-USDT-SWAP"}))
    world.run(5)
    assert len(client.messages) == 5
    for mark in client.messages:
        assert 0.999 < float(mark["mark"]) / float(mark["index"]) < 1.001 and abs(float(mark["rate"])) < 0.0004
        assert mark["next"] > world.now and mark["next"] % (8 * 3600 * SECOND) == 0


# ----------------------------------------------------------------------------------------------------------- orders


def test_a_limit_order_rests_is_amended_and_canceled() -> None:
    world = toy(symbols=["BTC-USD:0"])
    client = logged_on(world)
    made = order(client, sym="BTC-USD", buy=True, px="60000", qty="0.02", cid="a")["ok"]
    assert order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01", cid="a") == {"no": "duplicate"}
    client.text(json.dumps({"op": "amend", "id": made, "qty": "0.01"}))
    audited(world)
    client.text(json.dumps({"op": "amend", "id": made, "px": "60000.5", "qty": "0.03"}))
    audited(world)
    one: Order = world.exchange.trading.find(world.exchange.account_of("aats-sim"), client_id="a")
    assert (one.id, one.px, one.qty, one.amends) == (made, e8("60000.5"), e8("0.03"), 2)
    assert one.account.balances["USD"][1] == e8("60000.5") * e8("0.03")
    client.text(json.dumps({"op": "cancel", "id": made}))
    client.text(json.dumps({"op": "cancel", "id": made}))
    assert told(client, made) == ["new", "amended", "amended", "canceled"] and client.messages[-1] == {"no": "closed"}
    audited(world)


def test_an_amended_price_trades_and_the_rest_keeps_what_was_filled() -> None:
    world = toy(symbols=["BTC-USD:0"], keys={"one": "one", "two": "two"})
    one, two = logged_on(world, "one"), logged_on(world, "two")
    bid = e8(world.exchange.book("BTC-USD", 1).bids[0][0])
    made = order(one, sym="BTC-USD", buy=True, px="61000.0", qty="0.03")
    assert order(two, sym="BTC-USD", buy=False, px="61000.0", qty="0.01", tif="IOC")["status"] in ("FILLED", "EXPIRED")
    one.text(json.dumps({"op": "amend", "id": made["ok"], "px": "61000.2", "qty": "0.05"}))
    last = [m for m in one.messages if m.get("order") == made["ok"]]
    assert bid > 0 and [m["what"] for m in last].count("amended") == 1
    assert sum(fill.qty for fill in world.exchange.account_of("one").fills) == last[-1]["cum"]
    one.text(json.dumps({"op": "amend", "id": made["ok"], "qty": "0.04"}))
    audited(world)


@pytest.mark.parametrize("fees_in", ["received", "quote"])
def test_balances_are_the_sum_of_fills_while_the_market_moves(fees_in: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyExchange, "FEE_IN", fees_in)
    world = toy()
    client = logged_on(world)
    for at in range(20):
        book = world.exchange.book("BTC-USD", 3)
        buy = at % 2 == 0
        px = (book.bids if buy else book.asks)[0][0]
        order(client, sym="BTC-USD", buy=buy, px=px, qty="0.5")
        order(client, sym="BTC-USD", buy=not buy, qty="0.3", kind="market")
        order(client, sym="BTC-USD", buy=buy, px=px, qty="0.5", tif="IOC")
        world.run(1)
        audited(world)
    account = world.exchange.account_of("aats-sim")
    assert {fill.maker for fill in account.fills} == {True, False}
    assert all((fill.fee_asset == "USD") == (fees_in == "quote" or not fill.order.buys) for fill in account.fills)
    world.exchange.trading.cancel_all(account)
    audited(world)
    assert all(locked == 0 for _, locked in account.balances.values())


@pytest.mark.parametrize("symbol", ["BTC-USDT-SWAP", "BTC-USD-SWAP"])
def test_positions_of_perpetuals_add_up(symbol: str) -> None:
    world = toy("TOY_SWAP")
    client = logged_on(world)
    for at in range(20):
        book = world.exchange.book(symbol, 1)
        buy = at % 3 != 0
        order(client, sym=symbol, buy=buy, qty="50", kind="market")
        order(client, sym=symbol, buy=buy, px=(book.bids if buy else book.asks)[0][0], qty="70")
        world.run(1)
        audited(world)
    account = world.exchange.account_of("aats-sim")
    world.exchange.trading.cancel_all(account)
    held = world.exchange.position(account, symbol)
    assert held.qty > 0 and abs(held.entry / e8(world.exchange.book(symbol, 1).bids[0][0]) - 1) < 0.01
    assert order(client, sym=symbol, buy=True, qty="1", kind="market", reduce=True) == {"no": "reduce_only"}
    while held.qty:
        assert "ok" in order(client, sym=symbol, buy=False, qty=str(min(held.qty // 10**8, 200)), kind="market", reduce=True)
        world.run(0.5)
    assert held.cost == 0
    audited(world)


def test_what_may_only_reduce_is_canceled_when_the_position_is_gone() -> None:
    world = toy("TOY_SWAP")
    client = logged_on(world)
    symbol = "BTC-USDT-SWAP"
    assert order(client, sym=symbol, buy=True, qty="5", kind="market")["status"] == "FILLED"
    made = order(client, sym=symbol, buy=False, px="70000", qty="5", reduce=True)["ok"]
    order(client, sym=symbol, buy=False, qty="5", kind="market")
    world.run(0.1)
    assert told(client, made) == ["new", "canceled"]
    assert next(m for m in client.messages if m.get("order") == made and m["what"] == "canceled")["why"] == "reduce_only"


def test_a_post_only_order_that_would_take_is_taken_and_canceled_where_the_venue_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyExchange, "POST_ONLY", "cancel")
    world = toy()
    client = logged_on(world)
    made = order(client, sym="BTC-USD", buy=True, px="62000", qty="0.01", kind="post")
    assert made["status"] == "CANCELED" and told(client, made["ok"]) == ["new", "canceled"]
    audited(world)


def test_the_dead_man_s_switch_cancels_unless_told_again() -> None:
    world = toy(symbols=["BTC-USD:0"])
    client = logged_on(world)
    made = order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01")["ok"]
    for _ in range(3):
        client.text(json.dumps({"op": "deadman", "ms": 500}))
        world.run(0.4)
    assert told(client, made) == ["new"]
    world.run(0.2)
    assert told(client, made) == ["new", "canceled"]


# ----------------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("kind", "answers", "events"),
    [
        ("order-lost", [], ["new"]),
        ("order-late", [{"ok": 1_000_001, "status": "NEW"}], ["new"]),
        ("order-unsure", [{"no": "unsure"}], ["new"]),
        ("order-5xx", [{"no": "busy"}], []),
    ],
)
def test_an_order_fault_is_what_it_says(kind: str, answers: list[Any], events: list[str]) -> None:
    world = toy(faults=Faults({kind: 1}), symbols=["BTC-USD:0"])
    client = logged_on(world)
    client.text(json.dumps({"op": "order", "sym": "BTC-USD", "buy": True, "px": "60000", "qty": "0.01"}))
    world.run(0.2)
    assert [m for m in client.messages[1:] if "ok" in m or "no" in m] == ([] if kind == "order-late" else answers)
    assert told(client, 1_000_001) == ([] if kind == "order-unsure" else events)
    world.run(0.2)
    assert [m for m in client.messages[1:] if "ok" in m or "no" in m] == answers
    assert told(client, 1_000_001) == events


@pytest.mark.parametrize("kind", ["order-cut", "user-cut"])
def test_a_cut_leaves_the_order_standing(kind: str) -> None:
    world = toy(faults=Faults({kind: 1}), symbols=["BTC-USD:0"])
    client = logged_on(world)
    client.text(json.dumps({"op": "order", "sym": "BTC-USD", "buy": True, "px": "60000", "qty": "0.01"}))
    world.run(0.1)
    assert client.closed and len(client.messages) == 1
    assert len(world.exchange.account_of("aats-sim").open) == 1


def test_log_ons_are_refused_and_cut() -> None:
    world = toy()
    world.exchange.faults.next_logins.extend(["login-refused", "login-cut"])
    client = world.ws("/private")
    ask = json.dumps({"op": "login", "key": "aats-sim", "sign": hmac_hex("aats-sim", "aats-sim")})
    client.text(ask)
    assert client.messages == [{"login": False}]
    client.text(ask)
    world.run(0.1)
    assert client.closed and len(client.messages) == 1


def test_http_faults_come_before_the_venue() -> None:
    world = toy()
    world.exchange.faults.next_https.extend(["http-429", "http-503", "http-html", "ok"])
    replies = [world.http("/time") for _ in range(4)]
    assert [reply.status for reply in replies] == [429, 503, 200, 200]
    assert replies[0].headers["retry-after"] == "2" and b"<html>" in replies[1].body and b"<html>" in replies[2].body
    assert replies[3].json == {"ms": world.now // MS}


def test_what_is_to_happen_can_be_asked_for() -> None:
    world = toy()
    assert world.http("/sim/halt/BTC-USD", method="POST").status == 200
    assert world.http("/sim/state").json["statuses"]["BTC-USD"] == "halted"
    assert world.http("/sim/halt/NOTHING", method="POST").status == 404
    assert world.http("/sim/fault/http-503", method="POST").status == 200
    assert world.http("/time").status == 503


def test_a_host_before_the_path_is_passed_over() -> None:
    world = toy()
    assert world.http("/api.toy.example/time").status == 200
    assert world.ws("/ws.toy.example/public").status == 101


def test_a_silent_client_is_cut_where_the_venue_wants_pings() -> None:
    from dataclasses import replace

    world = toy(limits=replace(ToyExchange.LIMITS, ping_ns=0, quiet_ns=30 * SECOND))
    client = world.ws("/public")
    world.run(29)
    client.text(json.dumps({"op": "book", "sym": "BTC-USD"}))
    world.run(29)
    assert not client.closed
    world.run(2)
    assert client.close_code == 1008


# --------------------------------------------------------------------------------------------------- several venues


def several() -> World:
    world = World(ToyExchange("TOY", T0))
    world.exchange = Several({"TOY": ToyExchange("TOY", T0, depth=100), "TOY_SWAP": ToyExchange("TOY_SWAP", T0, depth=100)})  # type: ignore[assignment]
    return world


def test_a_connection_goes_to_the_venue_that_its_path_names() -> None:
    world = several()
    world.http("/toy.sim/sim/halt/BTC-USD", method="POST")
    assert world.http("/toy-swap.sim/sim/state").json["venue"] == "TOY_SWAP"
    assert world.http("/toy.sim/sim/state").json["statuses"]["BTC-USD"] == "halted"
    assert world.http("/api.toy.example/sim/state").json["venue"] == "TOY", "of two with one host the first is meant"
    client = world.ws("/toy-swap.sim/public")
    client.text(json.dumps({"op": "marks", "sym": "BTC-USDT-SWAP"}))
    world.run(2)
    assert len(client.messages) == 2


def test_a_path_without_a_venue_is_refused_and_told_which_there_are() -> None:
    world = several()
    reply = world.http("/time")
    assert reply.status == 404 and "toy-swap.sim" in reply.json["error"]
    assert set(world.http("/sim/state").json) == {"TOY", "TOY_SWAP"}
    assert world.ws("/public").status == 404


@pytest.mark.parametrize("policy", ["refuse", "cancel"])
def test_an_amended_post_only_order_that_would_take_does_not_trade(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyExchange, "POST_ONLY", policy)
    world = toy(symbols=["BTC-USD:0"])
    client = logged_on(world)
    made = order(client, sym="BTC-USD", buy=True, px="60000", qty="0.01", kind="post")["ok"]
    client.text(json.dumps({"op": "amend", "id": made, "px": "62000"}))
    account = world.exchange.account_of("aats-sim")
    assert not account.fills and len(account.open) == (policy == "refuse")
    assert told(client, made) == (["new"] if policy == "refuse" else ["new", "canceled"])
    audited(world)
