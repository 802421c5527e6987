"""The market streams of the dialect in binary frames: who is let in, what is said there, and that it is what the text streams say.

Read with the tests' own description of the schema (tests/venue/sbe_schema.py), which the exchange's encoder does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.frames import Opcode

from aats.sim import Exchange, Faults, Generator
from tests.sim.wire import T0, Client, World
from tests.venue.sbe_schema import decode

KEY = {"X-MBX-APIKEY": "aats-sim"}
PEM = (
    Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def binary(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """Return the events that a client got, decoded."""
    return [decode(bytes(frame.data)) for frame in client.frames if frame.opcode is Opcode.BINARY]


def levels(event: dict[str, Any], side: str) -> list[list[Decimal]]:
    return [[number(event, "price", one["price"]), number(event, "qty", one["qty"])] for one in event[side]]


def number(event: dict[str, Any], kind: str, mantissa: int) -> Decimal:
    return Decimal(mantissa).scaleb(event[f"{kind}Exponent"])


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sbe/stream", "/sbe/ws", "/sbe/ws/btcusdt@trade", "/sbe"])
def test_upgrade_without_a_known_key_is_refused(path: str) -> None:
    world = World(keys={"one": "its secret", "two": PEM})
    for headers, code in (
        ({}, -2014),
        ({"X-MBX-APIKEY": "no key"}, -2014),
        ({"X-MBX-APIKEY": "three"}, -2015),
        ({"X-MBX-APIKEY": "one"}, -2015),
    ):
        client = world.ws(path, headers=headers)
        assert client.status == 401 and str(code).encode() in client.body, headers
    assert world.ws("/sbe/stream", headers={"X-MBX-APIKEY": "two"}).status == 101, "an Ed25519 key"


def test_there_are_no_orders_on_the_host_of_binary_streams() -> None:
    world = World()
    assert world.ws("/sbe/ws-api/v3", headers=KEY).status == 404
    assert world.ws("/sbe", headers=KEY).status == 404
    assert world.ws("/sbestream", headers=KEY).status == 404
    assert world.http("/sbe/api/v3/time").status == 404


def test_streams_of_text_are_silent_there() -> None:
    world = World()
    client = world.ws("/sbe/stream", headers=KEY)
    assert client.call("SUBSCRIBE", ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@aggTrade"], 1) == {"result": None, "id": 1}
    world.run(3)
    assert binary(client) == [] and len(client.messages) == 1


# -- the path ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[World, Client, Client]]:
    """Give a world with a client of the text streams (in us) and one of the binary streams, subscribed to the same."""
    world = World()
    text, sbe = world.ws("/ws?timeUnit=MICROSECOND"), world.ws("/sbe/stream", headers=KEY)
    text.call("SUBSCRIBE", ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@depth20@100ms"], 1)
    assert sbe.call("SUBSCRIBE", ["btcusdt@trade", "btcusdt@bestBidAsk", "btcusdt@depth", "btcusdt@depth20"], 1) == {
        "result": None,
        "id": 1,
    }
    world.run(6)
    yield world, text, sbe


def test_binary_events_say_what_text_events_say(pair: tuple[World, Client, Client]) -> None:
    _, text, sbe = pair
    events = binary(sbe)
    assert {name for name, _ in events} == {
        "TradesStreamEvent",
        "BestBidAskStreamEvent",
        "DepthSnapshotStreamEvent",
        "DepthDiffStreamEvent",
    }
    said = [message for message in text.messages if "result" not in message]
    assert len(events) == len(said) > 100
    for (name, event), message in zip(events, said, strict=True):
        assert event["symbol"] == "BTCUSDT"
        if name == "TradesStreamEvent":
            (one,) = event["trades"]
            assert (event["eventTime"], event["transactTime"], one["id"]) == (message["E"], message["T"], message["t"])
            assert (number(event, "price", one["price"]), number(event, "qty", one["qty"])) == (
                Decimal(message["p"]),
                Decimal(message["q"]),
            )
            assert one["isBuyerMaker"] == message["m"]
        elif name == "BestBidAskStreamEvent":
            assert event["bookUpdateId"] == message["u"] and event["eventTime"] > T0 // 1000
            for field, kind, key in (
                ("bidPrice", "price", "b"),
                ("bidQty", "qty", "B"),
                ("askPrice", "price", "a"),
                ("askQty", "qty", "A"),
            ):
                assert number(event, kind, event[field]) == Decimal(message[key])
        else:
            ids = ("firstBookUpdateId", "U"), ("lastBookUpdateId", "u"), ("eventTime", "E")
            bids, asks = ("b", "a") if name == "DepthDiffStreamEvent" else ("bids", "asks")
            assert all(event[ours] == message[theirs] for ours, theirs in ids if theirs in message)
            assert event.get("bookUpdateId") == message.get("lastUpdateId")
            assert levels(event, "bids") == [[Decimal(part) for part in one] for one in message[bids]]
            assert levels(event, "asks") == [[Decimal(part) for part in one] for one in message[asks]]


def test_binary_subscriptions_keep_their_names_and_end(pair: tuple[World, Client, Client]) -> None:
    world, _, sbe = pair
    names = ["btcusdt@trade", "btcusdt@bestBidAsk", "btcusdt@depth", "btcusdt@depth20"]
    assert sbe.call("LIST_SUBSCRIPTIONS", [], 2) == {"result": names, "id": 2}
    assert sbe.call("UNSUBSCRIBE", names, 3) == {"result": None, "id": 3}
    before = len(sbe.frames)
    world.run(3)
    assert len(sbe.frames) == before


def test_good_bye_comes_as_text_and_bare() -> None:
    world = World()
    client = world.ws("/sbe/stream", headers=KEY)
    world.exchange.shutdown(world.now, 10**9)
    world.carry()
    assert client.messages[-1]["e"] == "serverShutdown"


def test_damaged_binary_frame_is_of_another_schema() -> None:
    world = World(Exchange(Generator(7, ["BTCUSDT"], depth=200), T0, faults=Faults({"corrupt": 1})))
    client = world.ws("/sbe/ws/btcusdt@depth", headers=KEY)
    world.run(2)
    frames = [bytes(frame.data) for frame in client.frames if frame.opcode is Opcode.BINARY]
    assert frames and all(data[4:6] != b"\x01\x00" for data in frames)
