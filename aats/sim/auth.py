"""Who a request is from: API keys, signatures, timestamps.

    HMAC-SHA256   the secret is shared; the signature is hex, upper or lower case
    Ed25519       the exchange knows the public half; the signature is base64, always 88 characters

A REST signature covers the query and the body as they were sent, joined without anything between; a WebSocket API
signature covers the parameters sorted by name, joined by `&`, not percent-encoded.  Secrets stay in this file: no
answer, no error and no repr shows one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from aats.errors import ConfigError
from aats.sim.accounts import Account
from aats.sim.limits import Refusal

DEFAULT_KEY = "aats-sim"  # the account of an exchange without --key; its secret is the same word and worth nothing

RECV_WINDOW_MS = 5000
RECV_WINDOW_MAX_MS = 60_000
AHEAD_NS = 1_000_000_000
MS_NS = 1_000_000

_KEY_TEXT = re.compile(r"[A-Za-z0-9_\-]{1,128}\Z")
_WINDOW_TEXT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?\Z")
_ENCODED = re.compile(r"[A-Za-z0-9\-._~!'()*%+&=]*\Z")  # what a percent-encoded parameter list consists of
_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")


class Key:
    """One API key and the account behind it."""

    def __init__(self, name: str, secret: str, account: Account) -> None:
        self.name = name
        self.account = account
        self._shared = b""
        self._public: Ed25519PublicKey | None = None
        if "-----BEGIN" in secret:
            self._public = _public_key(name, secret)
        else:
            self._shared = secret.encode()

    def __repr__(self) -> str:
        return f"Key({self.name[:8]}...)"

    @property
    def is_hmac(self) -> bool:
        return self._public is None

    def signed(self, payload: str, signature: str) -> bool:
        """Tell whether `signature` is this key's for `payload`."""
        if self._public is None:
            mine = hmac.new(self._shared, payload.encode(), hashlib.sha256).hexdigest()
            return hmac.compare_digest(mine.encode(), signature.lower().encode())
        try:
            self._public.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class Keyring:
    """The keys that this exchange knows."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}

    def add(self, name: str, secret: str, account: Account) -> None:
        """Add a key; `secret` is the shared secret, or the PEM text of an Ed25519 key (public, or private)."""
        if not _KEY_TEXT.match(name) or name in self._keys:
            raise ConfigError(f"API key {name[:8]!r}...: expected 1 to 128 letters, digits, - or _, each key once")
        self._keys[name] = Key(name, secret, account)

    def remove(self, name: str) -> Key | None:
        """Take a key back; what is signed with it from now on is refused."""
        return self._keys.pop(name, None)

    def find(self, name: str | None) -> Key:
        """Return the key of that name, or refuse."""
        if not name or not _KEY_TEXT.match(name):
            raise Refusal(401, -2014, "API-key format invalid.")
        key = self._keys.get(name)
        if key is None:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        return key

    def for_streams(self, name: str | None) -> Key:
        """Return the key of that name if it opens SBE streams: an Ed25519 key, or the default account's; or refuse."""
        key = self.find(name)
        if key.is_hmac and key.name != DEFAULT_KEY:
            raise Refusal(401, -2015, "Invalid API-key, IP, or permissions for action.")
        return key

    def lost(self, key: Key) -> bool:
        """Tell whether a key has been taken back."""
        return self._keys.get(key.name) is not key

    def names(self) -> Iterable[Key]:
        """Return all keys, in the order in which they came."""
        return self._keys.values()


def parse_keys(texts: Iterable[str]) -> dict[str, str]:
    """Return key to secret from `KEY:SECRET`, `KEY:@FILE` and `env:NAME` texts; no error repeats a secret.

    `env:NAME` is a variable with one of the others: a command line can be read by everyone on the machine.
    """
    keys: dict[str, str] = {}
    for number, text in enumerate(texts, 1):
        if text.startswith("env:"):
            text = os.environ.get(text[4:], "")
        name, colon, secret = text.partition(":")
        if not (name and colon and secret) or name in keys:
            raise ConfigError(f"--key number {number}: expected KEY:SECRET or KEY:@FILE, each key once")
        if secret.startswith("@"):
            try:
                secret = Path(secret[1:]).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"--key number {number}: its file cannot be read: {error}") from None
        keys[name] = secret
    return keys


def check_time(params: Mapping[str, str], now_ns: int) -> None:
    """Refuse a request from too far in the past or the future: the rule of timestamp and recvWindow."""
    text = params.get("timestamp", "")
    if not text:
        raise Refusal(400, -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise Refusal(400, -1100, "Illegal characters found in parameter 'timestamp'; legal range is '^[0-9]{1,20}$'.")
    sent_ns = int(text) * (1000 if len(text) >= 16 else MS_NS)
    window_text = params.get("recvWindow", str(RECV_WINDOW_MS))
    if not _WINDOW_TEXT.match(window_text):
        raise Refusal(400, -1100, "Illegal characters found in parameter 'recvWindow'; legal range is '^[0-9]{1,5}(\\.[0-9]{1,3})?$'.")
    whole, _, frac = window_text.partition(".")
    window_ns = int(whole + frac.ljust(3, "0")) * 1000
    if window_ns > RECV_WINDOW_MAX_MS * MS_NS:
        raise Refusal(400, -1131, "'recvWindow' must be less than 60000.")
    if sent_ns >= now_ns + AHEAD_NS:
        raise Refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ns - sent_ns > window_ns:
        raise Refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(key: Key, payload: str, signature: str | None) -> None:
    """Refuse a request whose signature is not the key's."""
    if not signature:
        raise Refusal(400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    if not key.signed(payload, signature):
        raise Refusal(400, -1022, "Signature for this request is not valid.")


def rest_params(query: str, body: str) -> tuple[dict[str, str], str]:
    """Read the parameters of a signed REST request; return them and the text that its signature covers.

    Values must be percent-encoded where they are not plain: the signature covers them as they were sent.
    """
    if not (_ENCODED.match(query) and _ENCODED.match(body)):
        raise Refusal(400, -1022, "Signature for this request is not valid.")
    params: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True):
        if name in params:
            raise Refusal(400, -1101, f"Duplicate values for a parameter detected: '{name}'.")
        params[name] = value
    return params, _SIGNATURE.sub("", query).lstrip("&") + _SIGNATURE.sub("", body).lstrip("&")


def ws_payload(params: Mapping[str, str]) -> str:
    """Return the text that the signature of a WebSocket API request covers."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def _public_key(name: str, pem: str) -> Ed25519PublicKey:
    try:
        if "PRIVATE" in pem:
            private = serialization.load_pem_private_key(pem.encode(), None)
            key: object = private.public_key() if isinstance(private, Ed25519PrivateKey) else private
        else:
            key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as error:
        raise ConfigError(f"API key {name[:8]!r}: its PEM file cannot be read: {type(error).__name__}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"API key {name[:8]!r}: expected an Ed25519 key, found {type(key).__name__}")
    return key
