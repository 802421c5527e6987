"""Our requests to the simulated exchange, and its answers and events to our parsers, in memory and in virtual time.

For: the dialect as a whole; the exchange was written from the fact sheet, not from our client.  Not for sessions: nothing here repeats, waits or reconciles.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aats._ffi import lib
from aats.sim import Exchange, Generator
from tests.orders.dialect import UNIT, Asker, Reader, Said
from tests.sim.wire import MS, T0, World

ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_PEM = ED.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
ED_PUBLIC = ED.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
KEYS = {"hmac": ("hmac-key", "secret-of-the-test"), "ed25519": ("ed-key", ED_PUBLIC)}


class Desk:
    """One account at a market that does not move by itself; the user data stream is listened to."""

    def __init__(self, kind: str) -> None:
        self.world = World(Exchange(Generator(7, ["BTCUSDT:0"], depth=200), T0, keys=dict([KEYS[kind]])))
        self.ws = self.world.ws("/ws-api/v3")
        self.asker = Asker(ED_PEM if kind == "ed25519" else KEYS[kind][1].encode(), KEYS[kind][0])
        self.order, self.reader, self.seen = self.asker.order, Reader(), 0
        book = self.world.http("/api/v3/depth?symbol=BTCUSDT&limit=5").json
        self.bid, self.offer = (Decimal(book[side][0][0]) for side in ("bids", "asks"))

    def send(self, what: str) -> Any:
        """Send a request; return the reply's struct."""
        before = len(self.ws.messages)
        self.ws.text(self.asker.text(getattr(lib, f"AATS_OR_{what}"), time_ms=self.world.now // MS))
        (reply,) = [m for m in self.ws.messages[before:] if "status" in m]
        return self.reader.parse(json.dumps(reply))

    def ask(self, what: str) -> list[Said]:
        """Send a request; return what its answer says of orders."""
        self.send(what)
        return self.reader.result(getattr(lib, f"AATS_OR_{what}"), self.order)

    def new(self, side: str, qty: str, px: Decimal | None, tif: str) -> list[Said]:
        """Place another order."""
        self.order.order_id += 1
        self.order.remote_id = b""
        self.order.side, self.order.tif = getattr(lib, f"AATS_SIDE_{side}"), getattr(lib, f"AATS_TIF_{tif}")
        self.order.qty_i, self.order.px_i = int(Decimal(qty) * UNIT), int((px or 0) * UNIT)
        said = self.ask("PLACE")
        if said and said[0].kind == "ACK":
            self.order.remote_id = said[0].remote_id.encode()
        return said

    def heard(self) -> list[Said]:
        """Return what events said since the last call, in their order."""
        new, self.seen = self.ws.messages[self.seen :], len(self.ws.messages)
        said = []
        for message in new:
            if "event" in message:
                assert self.reader.parse(json.dumps(message)).kind == lib.AATS_OV_EVENT, message
                said += self.reader.said()
        return said


def kinds(said: list[Said]) -> list[str]:
    return [m.kind for m in said if m.kind != "BALANCE"]


@pytest.fixture(params=KEYS)
def desk(request: pytest.FixtureRequest) -> Desk:
    desk = Desk(request.param)
    assert desk.ask("TIME") == [] and desk.reader.reply.server_ms == desk.world.now // MS
    if request.param == "ed25519":
        desk.ask("LOGON")
        desk.asker.auth.logged_on = 1
    desk.ask("LISTEN")
    return desk


# ---------------------------------------------------------------------------------------------------------- refusals


def test_refusals_carry_the_code_and_the_venues_words(desk: Desk) -> None:
    (crossed,) = desk.new("BUY", "0.01", desk.offer, "POS")
    assert (crossed.kind, crossed.code) == ("REJECT", "WOULD_CROSS") and crossed.text.startswith("-2010: ")
    (poor,) = desk.new("BUY", "100", desk.bid, "GTC")
    assert (poor.kind, poor.code) == ("REJECT", "BALANCE")
    (fine,) = desk.new("BUY", "0.00000001", desk.bid, "GTC")
    assert (fine.kind, fine.code) == ("REJECT", "FILTER")
    (absent,) = desk.ask("QUERY")
    assert absent.kind == "ABSENT"
    (unknown,) = desk.ask("CANCEL")
    assert (unknown.kind, unknown.code) == ("CANCEL_REJECT", "UNKNOWN_ORDER")
    assert desk.ask("CANCEL_ALL") == [] and desk.reader.reply.oc == lib.AATS_OC_UNKNOWN_ORDER
    assert kinds(desk.heard()) == []


def test_a_stamp_of_another_time_and_a_wrong_secret_are_told_apart() -> None:
    desk = Desk("hmac")
    desk.world.now += 60_000 * MS
    text = desk.asker.text(lib.AATS_OR_ACCOUNT, time_ms=T0 // MS)
    desk.ws.text(text)
    reply = desk.reader.parse(json.dumps(desk.ws.messages[-1]))
    assert (reply.clock, reply.fatal, reply.oc) == (1, 0, lib.AATS_OC_TIMESTAMP)
    desk.asker = Asker(b"another secret", KEYS["hmac"][0])
    reply = desk.send("ACCOUNT")
    assert (reply.clock, reply.fatal, reply.oc) == (0, 1, lib.AATS_OC_AUTH)


# ------------------------------------------------------------------------------------------------------------ orders


def test_a_resting_order_is_acked_found_and_canceled(desk: Desk) -> None:
    (ack,) = desk.new("BUY", "0.01", desk.bid - 100, "GTC")
    assert ack.kind == "ACK" and ack.remote_id
    assert [(m.kind, m.remote_id) for m in desk.heard() if m.kind != "BALANCE"] == [("ACK", ack.remote_id)]
    assert [(m.kind, m.remote_id) for m in desk.ask("OPEN")] == [("OPEN", ack.remote_id)]
    assert [(m.kind, m.cum) for m in desk.ask("QUERY")] == [("OPEN", 0)]
    assert desk.ask("FILLS") == []
    assert [(m.kind, m.code) for m in desk.ask("CANCEL")] == [("CANCEL_ACK", "NONE"), ("DONE", "CANCELED")]
    (gone,) = [m for m in desk.heard() if m.kind != "BALANCE"]
    assert (gone.kind, gone.code, gone.order_id) == ("DONE", "CANCELED", desk.order.order_id)
    assert [(m.kind, m.code) for m in desk.ask("QUERY")] == [("DONE", "CANCELED")]
    assert desk.ask("OPEN") == []
    assert desk.reader.reply.orders_limit > desk.reader.reply.orders_used >= 0 or desk.reader.reply.orders_limit == -1


@pytest.mark.parametrize("how", ["IOC", "FOK", "MARKET"])
def test_answer_events_and_list_of_fills_tell_the_same_trades(desk: Desk, how: str) -> None:
    said = desk.new("BUY", "0.02", None if how == "MARKET" else desk.offer + 100, how)
    assert said[0].kind == "ACK"
    events = [m for m in desk.heard() if m.kind != "BALANCE"]
    answered, heard, listed = ([m for m in source if m.kind == "FILL"] for source in (said, events, desk.ask("FILLS")))
    assert answered, "nothing was filled"
    facts = [(m.trade_id, m.px, m.qty, m.fee, m.asset, m.maker) for m in answered]
    assert facts == [(m.trade_id, m.px, m.qty, m.fee, m.asset, m.maker) for m in heard]
    assert facts == [(m.trade_id, m.px, m.qty, m.fee, m.asset, m.maker) for m in listed]
    assert [m.cum for m in answered] == [m.cum for m in heard]
    assert sum(m.qty for m in answered) == Decimal("0.02") and not any(m.maker for m in answered)
    (end,) = desk.ask("QUERY")
    assert (end.kind, end.code, end.cum) == ("DONE", "FILLED", Decimal("0.02"))


def test_the_rest_of_an_ioc_order_is_told_as_such(desk: Desk) -> None:
    said = desk.new("BUY", "0.01", desk.bid - 100, "IOC")
    assert [(m.kind, m.code, m.cum) for m in said] == [("ACK", "NONE", 0), ("DONE", "IOC_REST", 0)]
    assert [(m.kind, m.code) for m in desk.heard() if m.kind != "BALANCE"] == [("ACK", "NONE"), ("DONE", "IOC_REST")]


def test_balances_of_the_account_and_of_events_are_the_same(desk: Desk) -> None:
    before = {m.asset for m in desk.ask("ACCOUNT")}
    assert {"BTC", "USDT"} <= before
    desk.new("BUY", "0.02", desk.offer + 100, "IOC")
    assert {m.asset for m in desk.heard() if m.kind == "BALANCE"} == {"BTC", "USDT"}


def test_cancel_of_all_ends_each(desk: Desk) -> None:
    ids = []
    for away in (100, 200):
        assert kinds(desk.new("BUY", "0.01", desk.bid - away, "GTC")) == ["ACK"]
        ids.append(desk.order.order_id)
    said = desk.ask("CANCEL_ALL")
    assert sorted((m.kind, m.code, m.order_id) for m in said) == [("DONE", "CANCELED", order_id) for order_id in ids]
