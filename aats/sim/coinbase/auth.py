"""Who a request is from: a token (JWT) signed with the key, made for one address and good for two minutes (exchanges/coinbase.md section 6).

The exchange needs the public half of a key alone; a key is given to it as the PEM text that its owner has.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from aats.sim.listing import Refused
from aats.sim.venue import Key

__all__ = ["check", "known_pem"]

LIFE_S = 120
ISSUERS = ("cdp", "coinbase-cloud")  # the second is what older clients write
AHEAD_S = 1

_public: dict[str, Any] = {}


def known_pem(word: str) -> str:
    """Return the private key that follows from a word: worth nothing, for everybody knows it."""
    key = ec.derive_private_key(int.from_bytes(hashlib.sha256(word.encode()).digest(), "big"), ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def check(keys: Mapping[str, Key], token: str, now_ns: int, uri: str = "") -> Key:
    """Return the key that a token is of; Refused("key"), ("signature") or ("clock").

    Notes
    -----
    `uri` is the method and the path without a query; the host before the path is whoever was asked.
    """
    try:
        head_text, payload_text, signature = token.split(".")
        head, payload, raw = orjson.loads(_bytes(head_text)), orjson.loads(_bytes(payload_text)), _bytes(signature)
        key = keys.get(str(head["kid"])) or keys.get(str(head["kid"]).rpartition("/")[2])
        begins, ends = int(payload["nbf"]), int(payload["exp"])
    except (ValueError, KeyError, TypeError):
        raise Refused("signature", "the token cannot be read") from None
    if key is None or payload.get("sub") != head["kid"]:
        raise Refused("key", "no such key")
    if (
        not _signed(key, str(head.get("alg")), f"{head_text}.{payload_text}".encode(), raw)
        or payload.get("iss") not in ISSUERS
        or not head.get("nonce")
    ):
        raise Refused("signature", "the token is not signed by its key")
    if uri:
        method, _, path = uri.partition(" ")
        asked, _, where = str(payload.get("uri", "")).partition(" ")
        if asked != method or "/" not in where or not where.endswith(path):
            raise Refused("signature", "the token is for another address")
    if not begins - AHEAD_S <= now_ns // 10**9 < ends or ends - begins > LIFE_S:
        raise Refused("clock", "the token is not good at this time")
    return key


def _signed(key: Key, algorithm: str, text: bytes, raw: bytes) -> bool:
    public = _public.get(key.secret)
    if public is None:
        private = serialization.load_pem_private_key(key.secret.encode(), None)
        public = _public[key.secret] = private.public_key()
    try:
        if isinstance(public, ed25519.Ed25519PublicKey) and algorithm == "EdDSA":
            public.verify(raw, text)
        elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm == "ES256" and len(raw) == 64:
            der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
            public.verify(der, text, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
