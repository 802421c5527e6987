"""Signatures and signed requests, held to the exchange's fact sheet and to implementations that are not ours.

For: csrc/proto/sign.c and the requests of csrc/venue/binance_order.c, through the extension.  The vectors are those of the fact sheet's section 6; hmac of
the standard library and `cryptography` are the referees.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aats._ffi import ffi, lib
from tests.orders.dialect import NOW_MS, Asker, Refused, sign, signer

SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
HMAC_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
ED_KEY = "4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO"
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, test 1

REST = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
MIXED = ("symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC", "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559")
WS = "price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"


def pem(key: Any) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


ED_PEM = pem(Ed25519PrivateKey.from_private_bytes(SEED))

VECTORS = {
    "rest": (SECRET, f"symbol=LTCBTC&{REST}", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    "rest, a symbol that is percent-encoded": (
        SECRET,
        f"symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&{REST}",
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    "rest, query and body": (SECRET, "".join(MIXED), "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
    "ws": (SECRET, f"apiKey={HMAC_KEY}&{WS}", "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"),
    "ws, user stream": (
        SECRET,
        f"apiKey={HMAC_KEY}&timestamp=1747385641636",
        "681110a6057ad58657af22f5640fab9dd17418834cdfccdc81be8b0f7b2cde3e",
    ),
    "ed25519, ws": (
        ED_PEM,
        f"apiKey={ED_KEY}&{WS}",
        "Ws+5m/CMnpkko0uBFxGTZ2+fjqqBXsUjRiaz173fPhXTkhoDBYNZ6wcYNeWItdrGn1pvG7vkwx2fhmJdAZ3KDQ==",
    ),
    "ed25519, logon": (
        ED_PEM,
        f"apiKey={ED_KEY}&timestamp=1649729878532",
        "NBJq5sX1RkU7ta3XDctruMgnrhyBcouMvvPIxxQSCUbVWxhp3ai6W7a0Iip/3nOwmJxkVIv6n20cekYCOa5qAg==",
    ),
}


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("kind", ["rsa", "ec", "dsa", "ed448"])
def test_a_key_of_another_kind_is_refused(kind: str) -> None:
    key = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "dsa": lambda: dsa.generate_private_key(1024),
        "ed448": ed448.Ed448PrivateKey.generate,
    }[kind]()
    with pytest.raises(Refused, match="another kind") as refused:
        signer(pem(key))
    assert pem(key).decode().splitlines()[1][:20] not in str(refused.value)


def test_a_damaged_or_locked_key_is_refused_and_no_passphrase_is_asked_for() -> None:
    key = Ed25519PrivateKey.generate()
    locked = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x"))
    for text in (locked, ED_PEM[:60], ED_PEM[:-10], ED_PEM.replace(b"MC4C", b"MC5C")):
        with pytest.raises(Refused, match="no private key could be read"):
            signer(text)


# ----------------------------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("name", VECTORS)
def test_the_fact_sheets_vectors_come_out(name: str) -> None:
    secret, payload, want = VECTORS[name]
    assert sign(signer(secret), payload.encode()) == want


def test_hmac_is_the_standard_librarys() -> None:
    for size in (1, 31, 32, 63, 64, 65, 200, 5000):
        secret = b"k" + os.urandom(size) + b"k"
        made = signer(secret)
        for payload in (b"", b"x", os.urandom(55), os.urandom(64), os.urandom(10_000)):
            assert sign(made, payload) == hmac.new(secret, payload, hashlib.sha256).hexdigest()


def test_ed25519_is_taken_by_a_verifier_that_is_not_ours() -> None:
    for _ in range(20):
        key = Ed25519PrivateKey.generate()
        made = signer(pem(key))
        payload = os.urandom(200)
        signature = sign(made, payload)
        assert len(signature) == 88
        key.public_key().verify(base64.b64decode(signature, validate=True), payload)


# ---------------------------------------------------------------------------------------------------------- requests


def payload_of(params: dict[str, Any]) -> bytes:
    """Return what a venue signs again: all parameters but the signature, sorted, as the JSON prints them."""
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in params.items() if name != "signature"}
    return "&".join(f"{name}={texts[name]}" for name in sorted(texts)).encode()


SIGNED = ("LISTEN", "ACCOUNT", "OPEN", "PLACE", "CANCEL", "CANCEL_ALL", "QUERY", "FILLS")


@pytest.mark.parametrize("what", SIGNED)
@pytest.mark.parametrize("window", [0, 5000])
def test_every_signed_request_verifies_with_either_key(what: str, window: int) -> None:
    kind = getattr(lib, f"AATS_OR_{what}")
    for asker in (Asker(SECRET, HMAC_KEY, window), Asker(ED_PEM, ED_KEY, window)):
        asker.order.remote_id = b"40123456789"
        params = asker.ask(kind)["params"]
        assert params["timestamp"] == NOW_MS and params.get("recvWindow", 0) == window
        assert params["apiKey"] == ffi.string(asker.auth.key).decode()
        if lib.aats_signer_kind(asker.signer) == lib.AATS_SIGN_HMAC:
            assert params["signature"] == hmac.new(SECRET, payload_of(params), hashlib.sha256).hexdigest()
        else:
            public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
            public.verify(base64.b64decode(params["signature"], validate=True), payload_of(params))


@pytest.mark.parametrize("what", ["TIME", *SIGNED])
def test_a_logged_on_connection_sends_neither_key_nor_signature(what: str) -> None:
    asker = Asker(ED_PEM, ED_KEY)
    asker.auth.logged_on = 1
    asker.order.remote_id = b"40123456789"
    params = asker.ask(getattr(lib, f"AATS_OR_{what}")).get("params", {})
    assert not {"apiKey", "signature"} & set(params)
    assert ("timestamp" in params) == (what not in ("TIME", "LISTEN"))


@pytest.mark.parametrize(
    ("value", "exp", "want"),
    [
        (5_200_000_000_000, -8, "52000"),
        (1, -8, "0.00000001"),
        (123, 0, "123"),
        (12, 3, "12000"),
        (10**18, -18, "1"),
        (2**63 - 1, -8, "92233720368.54775807"),
    ],
)
def test_prices_and_sizes_are_sent_exactly_and_without_exponent(value: int, exp: int, want: str) -> None:
    asker = Asker(SECRET, HMAC_KEY)
    asker.order.px_i = asker.order.qty_i = value
    asker.order.px_exp = asker.order.qty_exp = exp
    params = asker.ask(lib.AATS_OR_PLACE)["params"]
    assert (params["price"], params["quantity"]) == (want, want)
    assert params["newClientOrderId"] == "fedcba98765432100000000000000007"


def test_a_symbol_of_another_alphabet_is_signed_as_its_utf8_bytes() -> None:
    asker = Asker(SECRET, HMAC_KEY)
    asker.rules.native = "币安人生USDT".encode()
    params = asker.ask(lib.AATS_OR_PLACE)["params"]
    assert params["symbol"] == "币安人生USDT"
    assert params["signature"] == hmac.new(SECRET, payload_of(params), hashlib.sha256).hexdigest()
