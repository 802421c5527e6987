"""Frames of the published client, and settings and orders taken from them: refusals first."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest

from aats.compat import wire
from aats.compat.market import feed_of
from aats.compat.relay import Relay
from aats.errors import AatsError, ConfigError

from .compat_client import framed, order, unframed


@pytest.mark.parametrize("size", [0, -1, wire.FRAME_MAX + 1, 2**31 - 1, -(2**31)])
def test_a_size_that_no_frame_has_is_refused(size: int) -> None:
    frames = wire.Frames()
    frames.put(struct.pack(">i", size) + b"{}")
    with pytest.raises(wire.BadFrame, match="size"):
        list(frames.take())


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'"secret-0815"', b"\xff\xfe", b'{"a":NaN}', b"[" * 5000, b'{"key":"secret-0815"']
)
def test_a_body_that_is_no_object_is_refused_without_being_quoted(body: bytes) -> None:
    with pytest.raises(wire.BadFrame) as caught:
        wire.parse(body)
    assert "secret" not in str(caught.value)


def test_a_stream_cut_anywhere_gives_the_same_frames() -> None:
    values = [{"type": "a"}, {"type": "b", "data": ["x" * 3000]}, {"n": 1e300}]
    stream = b"".join(map(framed, values))
    rng = random.Random(5)
    for _ in range(200):
        frames, got, at = wire.Frames(), [], 0
        while at < len(stream):
            step = rng.choice((1, 2, 3, 5, 100, 4000))
            frames.put(stream[at : at + step])
            got += list(frames.take())
            at += step
        assert got == values


@pytest.mark.parametrize("result", ["", "x" * 900, "x" * 2000, "\u20ac" * 1000, '"' * 5000])
def test_every_answer_fits_into_one_read(result: str) -> None:
    answer = unframed(wire.answer("kill_process", result, {"pid": 2**31}))
    assert answer["data"] == {"pid": 2**31}
    assert answer["result"] == result or answer["result"].endswith(" ...")


def test_a_list_is_cut_to_whole_lines_from_its_front() -> None:
    lines = [f"{number} compat-{number} 40000 sandbox RUN" for number in range(300)]
    answer, left_out = wire.fitting("show_all_trade_instance", lines)
    kept = unframed(answer)["data"]["result"].split("\n")
    assert kept == lines[: len(kept)] and len(kept) + left_out == 300 and 10 < len(kept) < 60
    assert unframed(wire.fitting("x", [])[0])["data"]["result"] == ""


# ---------------------------------------------------------------------------------------------------- market settings


def cfg(**other: Any) -> dict[str, Any]:
    """Return the settings that tc2 of the published scripts sends."""
    network = {"send_type": 1, "network_card_name": "", "local_port": 15004, "send_to_ip": "127.0.0.1", "send_to_port": 15004}
    value = {
        "instance": {"log_level": 1, "name": "trader_service", "l2_change": False},
        "servers": {"redis_server": "127.0.0.1"},
        "network": {**network, **other.pop("network", {})},
        "exchanges": [],
        "symbols": [{"cid": 1001, "port": ["BTCUSDT", "BINANCE"], "book_level": 5}],
    }
    return {**value, **other}


def one(**other: Any) -> list[dict[str, Any]]:
    return [{"cid": 1, "port": ["BTCUSDT", "BINANCE"], "book_level": 5, **other}]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (None, "cfg must be an object"),
        (cfg(network={"send_type": 4}), "send_type"),
        (cfg(network={"send_type": 0}), "send_type"),
        (cfg(network={"send_to_port": 0}), "send_to_port"),
        (cfg(network={"send_to_port": "1e9"}), "send_to_port"),
        (cfg(network={"send_to_ip": 7}), "send_to_ip"),
        (cfg(network={"send_to_ip": "192.0.2.1"}), "compat-insecure"),
        (cfg(network={"send_type": 3, "send_to_ip": "239.1.2.3"}), "compat-insecure"),
        (cfg(network={"network_card_name": "x" * 99}), "network_card_name"),
        (cfg(symbols=[]), "cfg.symbols"),
        (cfg(symbols=[7]), "symbols\\[0\\]"),
        (cfg(symbols=one(port="BTCUSDT.BINANCE")), "port"),
        (cfg(symbols=one(port=["BTCUSDT", "NOWHERE"])), "exchange must be one of"),
        (cfg(symbols=one(port=["btc/usdt", "BINANCE"])), "capitals"),
        (cfg(symbols=one(cid=2**31)), "cid"),
        (cfg(symbols=one(cid=True)), "cid"),
        (cfg(symbols=one(book_level=1e300)), "book_level"),
        (cfg(symbols=one() + one(port=["ETHUSDT", "BINANCE"])), "a cid one symbol"),
        (cfg(symbols=one() + one(cid=2)), "a symbol has one cid"),
    ],
)
def test_a_market_that_cannot_run_is_refused_with_its_field(value: Any, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        feed_of(value, insecure=False, environment={})


def test_the_published_settings_become_a_feed() -> None:
    environment = {"AATS_MODE": "sandbox", "AATS_ENDPOINT_BINANCE_SANDBOX_REST": "https://localhost:1"}
    symbols = [*one(cid=1001, book_level=300), *one(cid="1002", port=["ETHUSDT", "BINANCE"])]
    feed = feed_of(cfg(symbols=symbols, instance={"l2_change": True}), insecure=False, environment=environment)
    assert (feed.name, feed.venue, feed.mode, feed.open_l2) == ("binance-15004", "BINANCE", "sandbox", True)
    assert [(symbol.symbol, symbol.level_num) for symbol in feed.symbols] == [("BTCUSDT", 300), ("ETHUSDT", 5)]
    assert (feed.net.send_type, feed.net.ip, feed.net.port) == ("p2p", "127.0.0.1", 15004)
    assert feed.net.compat == {"BTCUSDT": {"cid": 1001, "level": 100}, "ETHUSDT": {"cid": 1002, "level": 5}}
    assert feed.endpoints.rest == "https://localhost:1"


def test_any_settings_are_a_feed_or_a_refusal() -> None:
    rng = random.Random(20_240)
    seen = {True: 0, False: 0}
    for _ in range(3_000):
        try:
            feed_of(spoiled(cfg(), rng), insecure=rng.random() < 0.5, environment={})
            seen[True] += 1
        except AatsError:
            seen[False] += 1
    assert min(seen.values()) > 100


WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    1.5,
    1e308,
    "",
    "x" * 5000,
    "1e5",
    "\ud7ff\u0000",
    [],
    {},
    [[[[]]]],
    {"a": {"b": []}},
)


def spoiled(value: Any, rng: random.Random) -> Any:
    """Return the value with something in it replaced or taken away, once in a while nothing."""
    if rng.random() < 0.08:
        return rng.choice(WRONG)
    if isinstance(value, dict):
        return {key: spoiled(part, rng) for key, part in value.items() if rng.random() > 0.02}
    if isinstance(value, list):
        return [spoiled(part, rng) for part in value]
    return value


# -------------------------------------------------------------------------------------------------------------- orders


class _Engine:
    """What a strategy sends, kept."""

    def __init__(self) -> None:
        self.orders: list[Any] = []
        self.cancels: list[int] = []

    def send_order(self, order_: Any) -> int:
        self.orders.append(order_)
        return int(order_.order_id)

    def send_cancel_order(self, order_id: int) -> None:
        self.cancels.append(order_id)

    def set_timer(self, name: Any, every_ms: float) -> None:
        """Take it."""


def relay() -> tuple[Relay, _Engine, list[dict[str, Any]]]:
    """Return a relay that has begun, its engine, and what it tells."""
    told: list[dict[str, Any]] = []
    engine = _Engine()
    made = Relay(lambda value: told.append(json.loads(json.dumps(value))))
    made.__dict__["_link"] = engine
    made.onStart()
    made.onTimer("books")  # no symbol: no book to wait for
    return made, engine, told


@pytest.mark.parametrize("value", ["1e400", "-inf", "nan", "", "0x10", None, [], True, "1_000_000e", "9" * 400])
def test_a_price_that_is_no_number_is_refused_as_an_order(value: Any) -> None:
    made, engine, told = relay()
    made.take(order(1, price=value))
    assert engine.orders == []
    assert [one_["type"] for one_ in told] == ["onOrderCreated", "onOrderRejected", "onOrderClosed"]


@pytest.mark.parametrize(
    ("given", "price", "side", "tif"),
    [
        ({}, 59000.0, "buy", "pos"),
        ({"price": "99.91999100000001", "side": "SELL", "tif": "IOC"}, 99.91999100000001, "sell", "ioc"),
        ({"price": "1e-05", "side": "Side.SELL", "tif": "OrderType.IOC"}, 1e-05, "sell", "ioc"),
        ({"price": 7, "side": "Buy", "tif": "OrderType.POS"}, 7.0, "buy", "pos"),
    ],
)
def test_texts_of_the_client_become_an_order(given: dict[str, Any], price: float, side: str, tif: str) -> None:
    made, engine, told = relay()
    made.take(order(41, **given))
    assert told == []
    assert (engine.orders[0].price, engine.orders[0].side, engine.orders[0].tif) == (price, side, tif)
    made.take({"type": "cancel_order", "data": {"order_id": 41}})
    assert engine.cancels == [engine.orders[0].order_id]


def test_events_carry_the_clients_number_and_those_of_others_are_kept_back() -> None:
    made, engine, told = relay()
    made.take(order("9000000000"))
    ours = engine.orders[0].order_id
    made.onOrderAcked({"type": "onOrderAcked", "order": {"order_id": ours, "side": "buy"}})
    made.onOrderClosed({"type": "onOrderClosed", "order": {"order_id": ours + 1_000_000, "side": "buy", "replayed": True}})
    assert told == [{"type": "onOrderAcked", "order": {"order_id": 9_000_000_000, "side": "buy"}}]


def test_numbers_of_closed_orders_do_not_pile_up() -> None:
    made, engine, _ = relay()
    for number in range(5_000):
        made.take(order(number))
        made.onOrderClosed({"type": "onOrderClosed", "order": {"order_id": engine.orders[-1].order_id}})
    assert len(made._ours) == len(made._theirs) == 4096


def test_what_comes_before_the_session_is_ready_waits_in_its_order() -> None:
    told: list[Any] = []
    engine = _Engine()
    made = Relay(told.append)
    for number in range(1_030):
        made.take(order(number))
    assert [one_["order"]["order_id"] for one_ in told if one_["type"] == "onOrderClosed"] == list(range(6))  # the oldest, beyond 1,024
    made.__dict__["_link"] = engine
    made.onStart()
    made.onTimer("books")
    assert len(engine.orders) == 1_024


def test_any_request_is_an_order_a_refusal_or_an_answer() -> None:
    rng = random.Random(77)
    made, engine, told = relay()
    for number in range(4_000):
        base: dict[str, Any] = order(number) if rng.random() < 0.7 else {"type": "cancel_order", "data": {"order_id": number}}
        said = spoiled(base, rng)
        if isinstance(said, dict):
            made.take(said)
    assert len(engine.orders) > 500 and len(told) > 500
