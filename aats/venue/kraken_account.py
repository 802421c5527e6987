"""A Kraken account over signed REST (exchanges/kraken_v2.md sections 5 to 8): what is open, what it holds, and cancelling.

For: looking at an account from outside a trade process.  Not for trading: orders go over the order session in C.

Secrets: key and secret stand in no repr, no exception and no log line; signatures travel in fields, not in addresses.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from aats.errors import ConfigError
from aats.venue.account import AccountError, AccountOrder, Balance, VenueAccount, short
from aats.venue.base import RateBudget
from aats.venue.kraken import v2_name

__all__ = ["KrakenAccount", "KrakenError", "asset_name"]

#: Waits after "too many requests" and after a lockout (7).
_LIMITED_S = 10.0
_LOCKOUT_S = 900.0
_TIFS = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTD": "gtd"}


class KrakenError(AccountError):
    """Kraken refused a request, or did not answer."""

    #: Whether the venue does not know itself what became of it (EService, internal errors).
    unknown = False

    @property
    def unsure(self) -> bool:
        return self.unknown or super().unsure


def asset_name(rest: str) -> str:
    """Return an asset's name as the streams have it: "XXBT" is BTC, "ZUSD" is USD."""
    bare = rest[1:] if len(rest) == 4 and rest[0] in "XZ" else rest
    return v2_name(bare)


class KrakenAccount(VenueAccount):
    """Signed requests about one account; see `VenueAccount`."""

    name = "KRAKEN"

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
        try:
            self._raw = base64.b64decode(secret, validate=True)
        except ValueError:
            raise ConfigError("the secret is no base64: Kraken's secrets are") from None
        super().__init__(rest, key, secret, cafile=cafile, timeout_s=timeout_s, clock=clock, transport=transport, budget=budget)
        self._nonce = 0
        self._names: dict[str, str] = {}

    def balances(self) -> dict[str, Balance]:
        rows = self._call("BalanceEx", {})
        found = {}
        for asset, row in rows.items():
            total, held = Decimal(row["balance"]), Decimal(row.get("hold_trade", "0"))
            found[asset_name(asset)] = Balance(total - held, held)
        return {asset: one for asset, one in found.items() if one.total}

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        rows = self._call("OpenOrders", {})["open"]
        found = [self._order(number, row) for number, row in rows.items()]
        return [one for one in found if symbol is None or one.native == symbol]

    def cancel(self, symbol: str, order_id: str) -> bool:
        try:
            self._call("CancelOrder", {"txid": order_id}, cancels=True)
        except KrakenError as exc:
            if "EOrder:Unknown order" in str(exc):
                return False
            raise
        return True

    def _order(self, number: str, row: Mapping[str, Any]) -> AccountOrder:
        descr = row["descr"]
        tif = "market" if descr.get("ordertype") == "market" else _TIFS.get(str(row.get("timeinforce", "GTC")), "gtc")
        return AccountOrder(
            native=self._native(str(descr["pair"])),
            order_id=number,
            client_id=str(row.get("cl_ord_id") or ""),
            side=str(descr.get("type", "")),
            tif="pos" if "post" in str(row.get("oflags", "")).split(",") else tif,
            size=str(row.get("vol", "")),
            filled=str(row.get("vol_exec", "")),
            price=str(descr.get("price", "")),
            state=str(row.get("status", "")),
            created_ms=int(float(row.get("opentm") or 0) * 1000),
        )

    def _native(self, pair: str) -> str:
        """Return the streams' name of a pair that REST calls "XBTUSD"."""
        if pair not in self._names:
            what = "GET /0/public/AssetPairs"
            body = self._json(what, self._send("GET", "/0/public/AssetPairs"))
            rows = body.get("result") or {}
            self._names = {name: v2_name(row["wsname"]) for key, row in rows.items() if row.get("wsname") for name in (key, row["altname"])}
        return self._names.get(pair, pair)

    def _call(self, method: str, params: Mapping[str, str], *, cancels: bool = False) -> Any:
        return self._again(lambda: self._exchange(method, params, cancels), lambda exc: "EAPI:Invalid nonce" in str(exc))

    def _exchange(self, method: str, params: Mapping[str, str], cancels: bool) -> Any:
        self._nonce = max(self._nonce + 1, round(self._clock() * 1_000_000_000))
        path, body = f"/0/private/{method}", urlencode({"nonce": str(self._nonce), **params})
        digest = hashlib.sha256(f"{self._nonce}{body}".encode()).digest()
        sign = base64.b64encode(hmac.new(self._raw, path.encode() + digest, hashlib.sha512).digest()).decode()
        headers = {"API-Key": self._key, "API-Sign": sign, "Content-Type": "application/x-www-form-urlencoded"}
        answer, what = self._send("POST", path, body=body, headers=headers, cancels=cancels), f"POST {self.rest}{path}"
        if answer.status_code != 200:
            raise KrakenError(f"{what}: HTTP {answer.status_code}: {short(answer)}", status=answer.status_code, retry_after_s=self.wait_s())
        told = self._json(what, answer)
        errors = [str(one) for one in told.get("error", []) if not str(one).startswith("W")]
        if not errors:
            return told["result"]
        said = ", ".join(errors)
        if "Rate limit" in said or "lockout" in said:
            self.hold(_LOCKOUT_S if "lockout" in said else _LIMITED_S)
        refused = KrakenError(f"{what}: {said}", status=400, retry_after_s=self.wait_s())
        refused.unknown = "EService:" in said or "Internal error" in said
        raise refused
