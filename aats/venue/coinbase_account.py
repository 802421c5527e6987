"""A Coinbase account over signed REST (exchanges/coinbase.md sections 5 to 8): what is open, what it holds, and cancelling.

For: looking at an account from outside a trade process.  Not for trading: orders go over the order session in C.

Secrets: the key stands in no repr, no exception and no log line; each request carries a token of its own, good for two minutes and for its address alone.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from aats.errors import ConfigError
from aats.venue.account import AccountError, AccountOrder, Balance, VenueAccount, short
from aats.venue.base import RateBudget

__all__ = ["CoinbaseAccount", "token"]

_API = "/api/v3/brokerage"
_LIFE_S = 120
#: A token begins to be good so long before our clock's time, which may be ahead of the venue's.
_EARLY_S = 5
_PAGE = "250"
_TIFS = {"GOOD_UNTIL_CANCELLED": "gtc", "IMMEDIATE_OR_CANCEL": "ioc", "FILL_OR_KILL": "fok"}

_Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def private_key(secret: str) -> _Key:
    """Return the key in a PEM text: EC on P-256, or Ed25519; line ends may be spelled ``\\n``, as environments have them (6).

    Raises
    ------
    ConfigError
        It is none; the text does not show it.
    """
    try:
        key = serialization.load_pem_private_key(secret.replace("\\n", "\n").encode(), None)
    except (ValueError, TypeError):
        raise ConfigError('the secret is no PEM text of a private key without a passphrase ("-----BEGIN EC PRIVATE KEY-----")') from None
    if isinstance(key, ed25519.Ed25519PrivateKey) or (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"):
        return key
    raise ConfigError("the secret is a private key of another kind than EC on P-256 or Ed25519")


def token(key: _Key, name: str, now_s: int, uri: str = "", *, nonce: str = "") -> str:
    """Return a token for one request (6): ``uri`` is ``GET api.coinbase.com/path``, "" for a subscription."""
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"
    head = {"alg": algorithm, "typ": "JWT", "kid": name, "nonce": nonce or secrets.token_hex(16)}
    payload = {"sub": name, "iss": "cdp", "nbf": now_s, "exp": now_s + _LIFE_S, **({"uri": uri} if uri else {})}
    text = b".".join(_url64(orjson.dumps(part)) for part in (head, payload))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = key.sign(text)
    return (text + b"." + _url64(signature)).decode()


def _url64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class CoinbaseAccount(VenueAccount):
    """Signed requests about one account; see `VenueAccount`."""

    name = "COINBASE"

    def __init__(
        self,
        rest: str,
        key: str,
        secret: str,
        *,
        passphrase: str = "",
        cafile: str = "",
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        self._private = private_key(secret)
        super().__init__(rest, key, "", cafile=cafile, timeout_s=timeout_s, clock=clock, transport=transport, budget=budget)

    def balances(self) -> dict[str, Balance]:
        found: dict[str, Balance] = {}
        for row in self._pages("/accounts", {"limit": _PAGE}, "accounts"):
            free, held = (Decimal((row.get(part) or {}).get("value") or 0) for part in ("available_balance", "hold"))
            other = found.get(row["currency"], Balance(Decimal(0), Decimal(0)))
            found[row["currency"]] = Balance(other.free + free, other.locked + held)
        return {asset: one for asset, one in found.items() if one.total}

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        params = {"order_status": "OPEN", **({"product_ids": symbol} if symbol else {}), "limit": _PAGE}
        return [_order(row) for row in self._pages("/orders/historical/batch", params, "orders")]

    def cancel(self, symbol: str, order_id: str) -> bool:
        told = self._call("POST", "/orders/batch_cancel", body=orjson.dumps({"order_ids": [order_id]}).decode(), cancels=True)
        row = told["results"][0]
        if row["success"]:
            return True
        why = str(row.get("failure_reason", ""))
        if why in ("UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST"):  # already gone (9)
            return False
        raise AccountError(f"POST {self.rest}{_API}/orders/batch_cancel: {why or 'refused without a reason'}", status=400)

    def _pages(self, path: str, params: Mapping[str, str], name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            told = self._call("GET", path, {**params, **({"cursor": cursor} if cursor else {})})
            rows += told[name]
            cursor = told.get("cursor") or ""
            if not told.get("has_next") or not cursor:
                return rows

    def _call(self, method: str, path: str, params: Mapping[str, str] | None = None, *, body: str = "", cancels: bool = False) -> Any:
        return self._again(lambda: self._exchange(method, path, params or {}, body, cancels))

    def _exchange(self, method: str, path: str, params: Mapping[str, str], body: str, cancels: bool) -> Any:
        host = httpx.URL(self.rest).netloc.decode()
        signed = token(self._private, self._key, int(self._clock()) - _EARLY_S, f"{method} {host}{_API}{path}")
        target = f"{_API}{path}" + (f"?{urlencode(params)}" if params else "")
        headers = {"Authorization": f"Bearer {signed}", "Content-Type": "application/json"}
        answer, what = self._send(method, target, body=body, headers=headers, cancels=cancels), f"{method} {self.rest}{_API}{path}"
        if answer.status_code != 200:
            raise AccountError(
                f"{what}: HTTP {answer.status_code}: {short(answer)}", status=answer.status_code, retry_after_s=self.wait_s()
            )
        return self._json(what, answer)


def _order(row: Mapping[str, Any]) -> AccountOrder:
    shapes: Mapping[str, Any] = row.get("order_configuration") or {}
    shape: Mapping[str, Any] = next(iter(shapes.values()), {})
    market = str(row.get("order_type", "")).upper() == "MARKET"
    tif = "market" if market else "pos" if shape.get("post_only") else _TIFS.get(str(row.get("time_in_force", "")), "gtc")
    return AccountOrder(
        native=str(row["product_id"]),
        order_id=str(row["order_id"]),
        client_id=str(row.get("client_order_id") or ""),
        side=str(row.get("side", "")).lower(),
        tif=tif,
        size=str(shape.get("base_size") or ""),
        filled=str(row.get("filled_size") or "0"),
        price=str(shape.get("limit_price") or ""),
        state=str(row.get("status", "")),
        created_ms=_ms(str(row.get("created_time") or "")),
    )


def _ms(text: str) -> int:
    try:
        whole, _, frac = text.removesuffix("Z").partition(".")
        seconds = datetime.fromisoformat(whole + "+00:00").timestamp()
    except ValueError:
        return 0
    return int(seconds) * 1000 + int((frac + "000")[:3] or 0)
