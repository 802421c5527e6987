"""Who a request is from: the fact sheet's vectors, refusals with the venue's codes, sessions, keys taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aats.errors import ConfigError
from aats.sim import Exchange, Generator
from aats.sim.accounts import Account
from aats.sim.auth import Key, parse_keys, rest_params, ws_payload
from tests.sim.trading import KEY, Trader, http, pem_of, sign, still, wish
from tests.sim.wire import MS, T0

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
TWO_SIDES = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC", "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
WS_PARAMS = {
    "type": "LIMIT",
    "timestamp": "1645423376532",
    "timeInForce": "GTC",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "recvWindow": "100",
    "quantity": "0.01000000",
    "price": "52000.00",
}
ED_SEED = Ed25519PrivateKey.from_private_bytes(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
ED_KEY = "4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO"


def _key(secret: str) -> Key:
    return Key("k", secret, Account(1, (0, 0)))


# -- vectors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        ("&".join(TWO_SIDES), "", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (TWO_SIDES[0], TWO_SIDES[1], "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
        (
            "&".join(TWO_SIDES).replace("LTCBTC", "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"),
            "",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
    ids=["query", "query and body", "percent-encoded"],
)
def test_rest_signatures_are_those_of_the_fact_sheet(query: str, body: str, signature: str) -> None:
    in_query = rest_params(f"{query}&signature={signature}", body)
    in_body = rest_params(query, f"{body}&signature={signature}" if body else f"signature={signature}")
    assert in_query[1] == in_body[1] == query + body
    assert in_query[0]["signature"] == in_body[0]["signature"] == signature
    for text in (signature, signature.upper()):
        assert _key(SECRET).signed(query + body, text)
    assert not _key(SECRET + "x").signed(query + body, signature)
    assert not _key(SECRET).signed(query + body + "&", signature)


def test_ws_signatures_are_those_of_the_fact_sheet() -> None:
    params = {**WS_PARAMS, "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "signature": "not covered"}
    assert _key(SECRET).signed(ws_payload(params), "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24")
    subscribe = {"apiKey": params["apiKey"], "timestamp": "1747385641636"}
    assert _key(SECRET).signed(ws_payload(subscribe), "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e")


def test_ed25519_signatures_are_those_of_the_fact_sheet() -> None:
    key = _key(pem_of(ED_SEED))
    order = "Ws+5m/CMnpkko0uBFxGTZ2+fjqqBXsUjRiaz173fPhXTkhoDBYNZ6wcYNeWItdrGn1pvG7vkwx2fhmJdAZ3KDQ=="
    logon = "NBJq5sX1RkU7ta3XDctruMgnrhyBcouMvvPIxxQSCUbVWxhp3ai6W7a0Iip/3nOwmJxkVIv6n20cekYCOa5qAg=="
    assert key.signed(ws_payload({**WS_PARAMS, "apiKey": ED_KEY}), order)
    assert key.signed(ws_payload({"apiKey": ED_KEY, "timestamp": "1649729878532"}), logon)
    assert not key.signed(ws_payload({"apiKey": ED_KEY, "timestamp": "1649729878533"}), logon)
    assert not key.signed(ws_payload({"apiKey": ED_KEY, "timestamp": "1649729878532"}), "no base64")


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [["nocolon"], [":secret"], ["key:"], ["k:one", "k:two"], ["k:@/no/such/file"], ["env:AATS_NO_SUCH"]])
def test_malformed_keys_are_refused_without_showing_a_secret(texts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_keys(texts)
    assert "two" not in str(caught.value)


def test_a_key_that_is_not_ed25519_is_refused() -> None:
    pem = generate_private_key(SECP256R1()).public_key()
    text = pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ConfigError, match="expected an Ed25519 key"):
        Exchange(Generator(1), keys={"k": text})


def test_rest_refusals_have_the_venues_codes() -> None:
    world = still()
    trader = Trader(world)
    now = world.now // MS
    headers = {"X-MBX-APIKEY": KEY}

    def code(query: str, fields: dict[str, str] | None = None, *, signed: bool = True) -> tuple[int, int]:
        if signed:
            query += f"&signature={sign(KEY, query)}"
        reply = http(world, "GET", f"/api/v3/account?{query}", headers=headers if fields is None else fields)
        return reply.status, reply.json["code"]

    assert trader.rest("GET", "/api/v3/account").status == 200
    assert code(f"timestamp={now}", {}) == (401, -2014)
    assert code(f"timestamp={now}", {"X-MBX-APIKEY": "a b"}) == (401, -2014)
    assert code(f"timestamp={now}", {"X-MBX-APIKEY": "stranger"}) == (401, -2015)
    assert code(f"timestamp={now}", signed=False) == (400, -1102)
    assert code(f"timestamp={now}&signature=00", signed=False) == (400, -1022)
    assert code("omitZeroBalances=true") == (400, -1102)
    assert code("timestamp=soon") == (400, -1100)
    assert code(f"timestamp={now}&recvWindow=60001") == (400, -1131)
    assert code(f"timestamp={now}&recvWindow=wide") == (400, -1100)
    assert code(f"timestamp={now}&unknown=1") == (400, -1104)
    assert code(f"timestamp={now}&omitZeroBalances=") == (400, -1105)
    assert code(f"timestamp={now}&timestamp={now}") == (400, -1101)


def test_a_value_that_is_not_percent_encoded_is_refused_as_a_wrong_signature() -> None:
    world = still()
    for value in ("a/b", "a@b", "ä"):
        query = f"symbol={value}&timestamp={world.now // MS}"
        target = f"/api/v3/openOrders?{query}&signature={sign(KEY, query)}".encode()
        out, _ = world.raw(b"GET %b HTTP/1.1\r\nHost: localhost\r\nX-MBX-APIKEY: %b\r\n\r\n" % (target, KEY.encode()))
        assert b"-1022" in out or out.startswith(b"HTTP/1.1 400"), out


@pytest.mark.parametrize(
    ("age_ms", "window", "code"),
    [(0, None, 0), (5000, None, 0), (5001, None, -1021), (-999, None, 0), (-1000, None, -1021)]
    + [(100, "100", 0), (101, "100", -1021), (1, "0.5", -1021), (60_000, "60000", 0), (60_001, "60000", -1021)],
)
def test_timestamp_and_window_decide_as_the_venue_says(age_ms: int, window: str | None, code: int) -> None:
    trader = Trader(still())
    also = {} if window is None else {"recvWindow": window}
    reply = trader.call("account.status", timestamp=trader.world.now // MS - age_ms, **also)
    assert reply.get("error", {}).get("code", 0) == code


def test_a_timestamp_may_be_in_microseconds() -> None:
    trader = Trader(still())
    trader.ok("account.status", timestamp=trader.world.now // 1000 - 4_999_999)
    assert trader.error("account.status", timestamp=trader.world.now // 1000 - 5_000_001)[1] == -1021


@pytest.mark.parametrize(
    "change", [{"signature": "00" * 32}, {"quantity": "0.02000"}, {"apiKey": "stranger"}, {"signature": None}, {"apiKey": None}]
)
def test_an_order_that_its_key_did_not_sign_is_not_taken(change: dict[str, str | None]) -> None:
    trader = Trader(still())
    params = {**trader.params(**wish("BUY", "0.01000", "60000.00")), **change}
    reply = trader.raw("order.place", {name: value for name, value in params.items() if value is not None})
    assert reply["status"] in (400, 401) and reply["error"]["code"] in (-1022, -2015, -1102)
    assert trader.world.exchange.desk.placed == 0


# -- numbers in JSON, sessions ---------------------------------------------------------------------------------------


def test_a_number_in_json_is_signed_as_it_is_written() -> None:
    trader = Trader(still())
    params = trader.params(**wish("BUY", "0.01000", "60000.00"))
    body = ",".join(f'"{k}":{v}' if k in ("quantity", "price", "timestamp") else f'"{k}":"{v}"' for k, v in params.items())
    trader.ws.text('{"id":"n","method":"order.place","params":{' + body + "}}")
    reply = next(m for m in trader.ws.messages if m.get("id") == "n")
    assert reply["status"] == 200 and reply["result"]["price"] == "60000.00000000"


def _ed_world() -> tuple[Trader, Trader]:
    world = still(keys={"hmac": "hmac", "ed": pem_of(ED_SEED)})
    return Trader(world, "hmac", "hmac", subscribe=False), Trader(world, "ed", ED_SEED, subscribe=False)


def test_only_an_ed25519_key_may_log_on() -> None:
    hmac_trader, ed = _ed_world()
    assert hmac_trader.error("session.logon")[:2] == (400, -4056)
    result = ed.ok("session.logon")
    assert result["apiKey"] == "ed" and result["authorizedSince"] == T0 // MS and result["userDataStream"] is False


def test_a_session_needs_no_signature_but_a_timestamp_until_it_is_logged_out() -> None:
    _, ed = _ed_world()
    order = wish("BUY", "0.01000", "60000.00")
    assert ed.raw("order.place", {**order, "timestamp": ed.world.now // MS})["error"]["code"] == -1102
    assert ed.raw("userDataStream.subscribe")["status"] == 401
    ed.ok("session.logon")
    assert ed.raw("userDataStream.subscribe")["result"] == {"subscriptionId": 0}
    assert ed.raw("order.place", {**order, "timestamp": ed.world.now // MS})["status"] == 200
    assert ed.raw("order.place", order)["error"]["code"] == -1102
    assert ed.steps() == [("NEW", "NEW")]
    assert ed.raw("session.status")["result"]["apiKey"] == "ed"
    assert ed.raw("session.logout")["result"]["apiKey"] is None
    assert ed.raw("order.place", {**order, "timestamp": ed.world.now // MS})["error"]["code"] == -1102


def test_an_ed25519_key_signs_rest_too() -> None:
    _, ed = _ed_world()
    assert ed.rest("POST", "/api/v3/order", body=True, **wish("BUY", "0.01000", "60000.00")).json["status"] == "NEW"


def test_a_key_taken_back_ends_its_session_and_its_events() -> None:
    _, ed = _ed_world()
    ed.ok("session.logon")
    ed.raw("userDataStream.subscribe")
    assert ed.world.exchange.revoke("ed", ed.world.now) and not ed.world.exchange.revoke("ed", ed.world.now)
    ed.world.carry()
    assert [e["e"] for e in (m["event"] for m in ed.ws.messages if "event" in m)] == ["eventStreamTerminated"]
    reply = ed.raw("account.status", {"timestamp": ed.world.now // MS})
    assert (reply["id"], reply["status"], reply["error"]["code"]) == (None, 401, -2015)
    ed.world.run(1.1)
    assert ed.ws.closed
    assert ed.rest("GET", "/api/v3/account").status == 401


def test_no_secret_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("deep-secret-of-a-file\n")
    keys = parse_keys(["abcdefghijkl:deep-secret", f"file:@{file}"])
    assert keys["file"] == "deep-secret-of-a-file"
    world = still(keys=keys)
    shown = world.http("/sim/state").body.decode() + repr(list(world.exchange.keyring.names()))
    assert "abcdefgh" in shown and "abcdefghi" not in shown and "deep-secret" not in shown
