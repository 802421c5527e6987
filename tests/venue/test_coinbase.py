"""What Coinbase alone does, played by its simulated dialect: to strangers (is it what the fact sheet says?), and to our feed, session and control plane.

For what every venue must do see tests/conformance; section numbers are those of exchanges/coinbase.md.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from aats import keys
from aats.errors import ConfigError
from aats.instruments import feed_symbol
from aats.keys import SIM_SECRETS
from aats.sim.dialects import Options, make
from aats.venue import Endpoints, SnapshotRefused
from aats.venue.account import AccountError
from aats.venue.coinbase import CoinbaseClient, _instrument
from aats.venue.coinbase_account import CoinbaseAccount, private_key, token
from tests.conformance.cases_orders import Market, settle, trading
from tests.conformance.rig import Feed, Rig
from tests.conformance.rows import instruments, rows, served
from tests.sim.wire import Client, World

ROW = rows()["COINBASE"]
SECRET = SIM_SECRETS["COINBASE"]
NAME = "organizations/org-1/apiKeys/key-1"


def world(rate: int = 40, **options: Any) -> World:
    """Return the dialect in a world of its own, where strangers connect."""
    exchange: Any = ROW.exchange(rate, **options)
    return World(exchange)


def subscribe(client: Client, channel: str, *names: str, verb: str = "subscribe", **more: Any) -> None:
    client.text(json.dumps({"type": verb, "channel": channel, **({"product_ids": names} if names else {}), **more}))


def channels(client: Client) -> list[str]:
    return [one.get("channel") or one["type"] for one in client.messages]


# ------------------------------------------------------------------------------------------ the dialect (2, 3)


def test_every_frame_of_a_connection_has_the_next_number_whatever_its_channel() -> None:
    place = world()
    client = place.ws("/")
    subscribe(client, "heartbeats")
    subscribe(client, "level2", "BTC-USD", "ETH-USD")
    subscribe(client, "market_trades", "BTC-USD")
    place.run(5)
    assert [one["sequence_num"] for one in client.messages] == list(range(len(client.messages)))
    assert {"heartbeats", "l2_data", "market_trades", "subscriptions"} == set(channels(client))
    assert channels(client)[:4] == ["subscriptions", "l2_data", "l2_data", "subscriptions"]  # what begins comes before what acknowledges


def test_an_answer_to_a_subscription_is_the_whole_set_and_a_bad_product_is_an_error() -> None:
    client = world().ws("/")
    subscribe(client, "level2", "BTC-USD")
    subscribe(client, "market_trades", "ETH-USD")
    assert client.messages[-1]["events"] == [{"subscriptions": {"level2": ["BTC-USD"], "market_trades": ["ETH-USD"]}}]
    subscribe(client, "level2", "BTC-USD", verb="unsubscribe")
    subscribe(client, "market_trades", "ETH-USD", verb="unsubscribe")
    assert client.messages[-1]["events"] == [{"subscriptions": {}}]
    subscribe(client, "level2", "BTC-NONE")
    subscribe(client, "level3", "BTC-USD")
    assert channels(client)[-2:] == ["error", "error"]


def test_who_subscribes_to_nothing_in_five_seconds_is_sent_away() -> None:
    place = world()
    client = place.ws("/")
    place.run(4.9)
    assert client.close_code is None
    place.run(0.2)
    assert client.close_code is not None


def test_the_side_of_a_trade_is_the_makers_and_the_newest_comes_first() -> None:
    place = world(rate=400)
    client = place.ws("/")
    subscribe(client, "market_trades", "BTC-USD")
    buys: dict[str, bool] = {}
    exchange: Any = place.exchange
    tell = exchange.on_trade

    def on_trade(event: Any) -> None:
        buys[str(event.trade_id)] = event.buys
        tell(event)

    exchange.on_trade = on_trade
    place.run(20)
    batches = [one["events"][0]["trades"] for one in client.messages if one["channel"] == "market_trades"][1:]
    rows_ = [row for batch in batches for row in batch]
    assert len(rows_) > 10 and any(len(batch) > 1 for batch in batches)
    assert all(row["side"] == ("SELL" if buys[row["trade_id"]] else "BUY") for row in rows_)
    assert all(
        [int(row["trade_id"]) for row in batch] == sorted((int(row["trade_id"]) for row in batch), reverse=True) for batch in batches
    )


def test_the_user_channel_wants_a_token_and_begins_with_what_is_open() -> None:
    place = world()
    client = place.ws("/")
    subscribe(client, "user")
    subscribe(client, "user", jwt=token(private_key(ROW.wrong_secret), "aats-sim", place.now // 10**9))
    subscribe(client, "user", jwt=token(private_key(SECRET), "aats-sim", place.now // 10**9 - 121))
    assert channels(client) == ["error"] * 3
    subscribe(client, "user", jwt=token(private_key(SECRET), "aats-sim", place.now // 10**9))
    assert channels(client)[3:] == ["user", "subscriptions"]
    assert client.messages[3]["events"][0]["type"] == "snapshot" and client.messages[3]["events"][0]["orders"] == []


# ------------------------------------------------------------------------------------------ tokens (6)


def test_tokens_equal_the_fact_sheets_vectors() -> None:
    uri, nonce = "GET api.coinbase.com/api/v3/brokerage/accounts", "00112233445566778899aabbccddeeff"
    payload = (
        "eyJzdWIiOiJvcmdhbml6YXRpb25zL29yZy0xL2FwaUtleXMva2V5LTEiLCJpc3MiOiJjZHAiLCJuYmYiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMDEyMCwidXJpIjoi"
        "R0VUIGFwaS5jb2luYmFzZS5jb20vYXBpL3YzL2Jyb2tlcmFnZS9hY2NvdW50cyJ9"
    )
    ed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    made = token(ed, NAME, 1_700_000_000, uri, nonce=nonce).split(".")
    assert made[1:] == [payload, "7dDQ9rZAqcAOfpGgAcF9vAsZJ699iJvCTfT3wme2KKEQXD5ME_atLTgqWy9DwNH4lAMeLIxysKGTerCqbfQbBg"]
    elliptic = private_key(ROW.wrong_secret)  # the sheet's scalar
    assert isinstance(elliptic, ec.EllipticCurvePrivateKey)
    made = token(elliptic, NAME, 1_700_000_000, uri, nonce=nonce).split(".")
    for signature in (made[2], "9pGO841qmofiaCZt3BjQM330dkIRiiw6ioreCflFYPvwWdym7in2_PALOPC2g4vf1pswb5G5hFhp4BNKGSbGaA"):
        verify(elliptic, f"{made[0]}.{payload}", signature)
    with pytest.raises(InvalidSignature):
        verify(elliptic, f"{made[0]}.{payload}x", made[2])


def verify(key: ec.EllipticCurvePrivateKey, text: str, signature: str) -> None:
    raw = base64.urlsafe_b64decode(signature + "==")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public_key().verify(der, text.encode(), ec.ECDSA(hashes.SHA256()))


def test_keys_that_cannot_sign_here_are_refused_without_being_shown() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for secret in ("plain-secret-text", "-----BEGIN EC PRIVATE KEY-----\nshown\n-----END EC PRIVATE KEY-----\n", other.decode()):
        with pytest.raises(ConfigError) as caught:
            CoinbaseAccount("http://localhost:1", "k", secret)
        assert "shown" not in str(caught.value) and "plain-secret-text" not in str(caught.value)
    assert private_key(SECRET.replace("\n", "\\n")).private_numbers() == private_key(SECRET).private_numbers()  # type: ignore[union-attr]


# ------------------------------------------------------------------------------------------ our feed (3)


def test_a_hole_has_all_books_of_the_connection_had_anew_and_the_connection_stays() -> None:
    rig = Rig(ROW)
    feed = Feed(rig)
    rig.until(lambda: feed.good("BTC-USD", "ETH-USD"), "both books", 20)
    drops = feed.count("DROPS")
    exchange: Any = rig.exchange
    for conn in exchange._conns.values():
        if conn.state and conn.state.channels.get("level2"):
            conn.state.number += 1  # a frame of nobody knows whom is lost
    rig.until(lambda: feed.count("GAPS") >= 2, "noticed", 20)
    rig.until(lambda: feed.newest("BTC-USD", "ETH-USD"), "both books anew", 20)
    assert feed.count("DROPS") == drops and feed.count("PARSE_ERRORS") == 0


# ------------------------------------------------------------------------------------------ our session (5)


def test_fills_are_asked_for_when_a_sum_grows_and_balances_after_them() -> None:
    rig, desk = trading(ROW)
    exchange: Any = rig.exchange
    asked: list[int] = []
    answer = exchange._accounts

    def accounts(account: Any, request: Any) -> Any:
        asked.append(len(account.fills))
        return answer(account, request)

    exchange._accounts = accounts
    rig.run(2)
    assert asked == []
    order = desk.send("buy", Market(rig).ask(20), ROW.size, "IOC")
    rig.until(lambda: desk.closed(order), "filled", 20)
    assert desk.filled(order) > 0 and all(one.fill[3] == "USD" for one in desk.fills(order))
    rig.until(lambda: asked, "the account is asked for", 10)
    assert asked[-1] == len(exchange.account_of("aats-sim").fills)
    settle(rig, desk)


def test_an_id_used_twice_is_the_order_that_has_it() -> None:
    exchange: Any = ROW.exchange()
    account = exchange.account_of("aats-sim")
    ask = {"client_order_id": "a", "product_id": "BTC-USD", "side": "BUY",
           "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000.00", "post_only": True}}}  # fmt: skip
    first, second = exchange.place(account, ask), exchange.place(account, ask)
    assert first["success"] and second["success"] and first["order_id"] == second["order_id"] and len(account.open) == 1


# ------------------------------------------------------------------------------------------ our control plane (1, 4, 7, 8)


@pytest.fixture
def spot() -> Iterator[tuple[Any, str]]:
    """Serve the dialect; give it and its address."""
    exchange = make("COINBASE", Options(symbols=("BTC-USD", "ETH-USD"), readonly={"look": ROW.wrong_secret}))
    with served(exchange) as port:
        yield exchange, f"http://localhost:{port}"


def test_instruments_are_read_and_errors_say_what_happened(spot: tuple[Any, str]) -> None:
    exchange, rest = spot
    client = CoinbaseClient(Endpoints(rest, "ws://localhost:1"))
    found = client.instruments(["btc-usd", "BTCUSD.COINBASE", "ETHUSD"])
    assert {name: one.native for name, one in found.items()} == {"btc-usd": "BTC-USD", "BTCUSD.COINBASE": "BTC-USD", "ETHUSD": "ETH-USD"}
    assert found["ETHUSD"].tick == Decimal("0.01") and found["ETHUSD"].limits.min_notional == 1 and found["ETHUSD"].trading
    with pytest.raises(ConfigError, match="'BTCEUR' is not listed on COINBASE"):
        client.instruments(["BTCEUR"])
    exchange.faults.next_https.append("http-html")
    with pytest.raises(SnapshotRefused, match="not JSON"):
        client._get("/api/v3/brokerage/time")
    exchange.faults.next_https.append("http-429")
    with pytest.raises(SnapshotRefused, match="HTTP 429") as caught:
        client._get("/api/v3/brokerage/time")
    assert caught.value.retry_after_s == 1
    client.close()
    assert CoinbaseClient.endpoints_of("sandbox") is None


def test_another_name_of_a_market_cannot_be_subscribed_to() -> None:
    row = {"product_id": "BTC-USDC", "base_currency_id": "BTC", "quote_currency_id": "USDC", "quote_increment": "0.01", "price_increment": "0.01",
           "base_increment": "0.00000001", "quote_min_size": "1", "status": "online", "product_type": "SPOT", "alias": "BTC-USD"}  # fmt: skip
    found = _instrument(row)
    assert found is not None and found.trading and found.alias == "BTC-USD"
    with pytest.raises(ConfigError, match="BTC-USDC is another name of BTC-USD"):
        feed_symbol(found, "COINBASE", 20)
    for word in ("is_disabled", "trading_disabled", "view_only", "cancel_only"):
        closed = _instrument({**row, word: True})
        assert closed is not None and not closed.trading and closed.status == word
    assert _instrument({**row, "product_type": "FUTURE"}) is None


def test_the_recorded_list_of_products_is_read(data_dir: Path) -> None:
    tape = data_dir / "coinbase/cryptofeed/coinbase_advanced_2026-08-09_first60pct.jsonl.gz"
    with gzip.open(tape, "rt") as lines:
        (body,) = (json.loads(row["data"]) for row in map(json.loads, lines) if row["t"] == "http")
    found = {one.native: one for one in map(_instrument, body["products"]) if one is not None}
    assert len(found) > 100 and found["BTC-USD"].symbol == "BTCUSD.COINBASE" and found["BTC-USD"].tick == Decimal("0.01")
    assert found["BTC-USDC"].alias == "BTC-USD" and all(one.tick > 0 and one.lot > 0 for one in found.values())
    for one in found.values():
        if not one.alias:
            feed_symbol(one, "COINBASE", 20)


def test_the_account_is_looked_at_and_its_orders_canceled(spot: tuple[Any, str]) -> None:
    _, rest = spot
    with CoinbaseAccount(rest, "aats-sim", SECRET) as account:
        before = account.balances()
        assert before["USD"].locked == 0 and before["USD"].total > 0
        shape = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000.00", "post_only": True}}
        ask = {"client_order_id": "web-1", "product_id": "BTC-USD", "side": "BUY", "order_configuration": shape}
        order_id = account._call("POST", "/orders", body=json.dumps(ask))["order_id"]
        (seen,) = account.open_orders()
        assert (seen.order_id, seen.native, seen.side, seen.tif, seen.size, seen.price) == (
            order_id,
            "BTC-USD",
            "buy",
            "pos",
            "0.01000000",
            "50000.00",
        )
        assert seen.created_ms > 0 and account.balances()["USD"].locked > 500
        assert account.cancel("BTC-USD", order_id) is True
        assert account.cancel("BTC-USD", order_id) is False and account.open_orders("BTC-USD") == []
    with CoinbaseAccount(rest, "look", ROW.wrong_secret) as reader, pytest.raises(AccountError, match="PERMISSION_DENIED"):
        reader.cancel("BTC-USD", "1")
    with CoinbaseAccount(rest, "aats-sim", ROW.wrong_secret) as stranger, pytest.raises(AccountError, match="HTTP 401") as caught:
        stranger.balances()
    assert "BEGIN" not in str(caught.value) and "BEGIN" not in repr(stranger) and "Bearer" not in str(caught.value)


def test_all_pages_of_a_list_are_had() -> None:
    pages = {"": {"orders": [], "has_next": True, "cursor": "2"}, "2": {"orders": [], "has_next": False, "cursor": ""}}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor", ""))
        return httpx.Response(200, json=pages[asked[-1]])

    with CoinbaseAccount("http://localhost", "k", SECRET, transport=httpx.MockTransport(answer)) as account:
        assert account.open_orders() == [] and asked == ["", "2"]


def test_line_ends_of_a_key_in_the_environment_may_be_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_APIKEY_COINBASE", NAME)
    monkeypatch.setenv("AATS_SECRET_COINBASE", SECRET.replace("\n", "\\n"))
    assert keys.find("COINBASE", "direct").secret == SECRET


def test_the_keys_that_both_sides_know_are_one() -> None:
    exchange: Any = ROW.exchange()
    assert exchange.keys["aats-sim"].secret == SECRET
    assert instruments(ROW)["BTC-USD"].symbol == "BTCUSD.COINBASE"
