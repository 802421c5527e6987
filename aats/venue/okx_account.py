"""An OKX account over signed REST (exchanges/okx.md sections 5 to 8): what is open, what it holds, and cancelling.

For: looking at an account from outside a trade process, as account.py says.  Not for trading: orders go over the order session in C.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from aats.errors import ConfigError
from aats.venue.account import AccountError, AccountOrder, Balance, VenueAccount, short
from aats.venue.base import RateBudget
from aats.venue.okx import SIMULATED

__all__ = ["OkxAccount", "OkxError", "OkxSwapAccount", "signature"]

#: A refused time stamp (7): the venue's clock is asked for again.
BAD_TIMESTAMP = 50102
#: "cancel of a closed or unknown order" (5.3).
NOTHING_TO_CANCEL = frozenset((51400, 51603))
#: Rows of one page (8).
_PAGE = 100
_TIFS = {"limit": "gtc", "post_only": "pos", "ioc": "ioc", "fok": "fok", "market": "market", "optimal_limit_ioc": "ioc"}


class OkxError(AccountError):
    """OKX refused a request, or did not answer."""

    unsure_codes = frozenset((50004, 50026, 51054, 51149))


def signature(secret: str, stamp: str, method: str, target: str, body: str = "") -> str:
    """Return the signature of a request: base64 of HMAC-SHA256 over stamp, method, target and body (6)."""
    return base64.b64encode(hmac.new(secret.encode(), f"{stamp}{method}{target}{body}".encode(), hashlib.sha256).digest()).decode()


def _order(row: Mapping[str, Any]) -> AccountOrder:
    kind = str(row.get("ordType", ""))
    return AccountOrder(
        native=str(row["instId"]),
        order_id=str(row["ordId"]),
        client_id=str(row.get("clOrdId", "")),
        side=str(row.get("side", "")),
        tif=_TIFS.get(kind, kind),
        size=str(row.get("sz", "")),
        filled=str(row.get("accFillSz", "")),
        price=str(row.get("px", "")),
        state=str(row.get("state", "")),
        created_ms=int(row.get("cTime") or 0),
    )


class OkxAccount(VenueAccount):
    """Signed requests about one OKX account, as far as spot goes; see `VenueAccount`."""

    name = "OKX"
    kind = "SPOT"

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
        if not passphrase:
            raise ConfigError(f"{self.name}: a key of this venue has a passphrase, and none is given")
        super().__init__(
            rest, key, secret, passphrase=passphrase, cafile=cafile, timeout_s=timeout_s, clock=clock, transport=transport, budget=budget
        )
        self._offset_ms: int | None = None

    def on_test_network(self) -> None:
        self._http.headers.update(SIMULATED)

    # ----------------------------------------------------------------------------------------------------- questions

    def balances(self) -> dict[str, Balance]:
        found = {}
        for account in self._call("GET", "/api/v5/account/balance"):
            for row in account["details"]:
                locked = Decimal(row.get("frozenBal") or 0)
                found[str(row["ccy"])] = Balance(Decimal(row["cashBal"] or 0) - locked, locked)
        return {asset: one for asset, one in found.items() if one.total}

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        params = {"instType": self.kind, **({"instId": symbol} if symbol else {})}
        found: list[AccountOrder] = []
        while True:
            page = [_order(row) for row in self._call("GET", "/api/v5/trade/orders-pending", params)]
            found += page
            if len(page) < _PAGE:
                return found
            params["after"] = page[-1].order_id

    # ---------------------------------------------------------------------------------------------------- cancelling

    def cancel(self, symbol: str, order_id: str) -> bool:
        try:
            self._call("POST", "/api/v5/trade/cancel-order", {"instId": symbol, "ordId": order_id})
        except AccountError as exc:
            if exc.code in NOTHING_TO_CANCEL:
                return False
            raise
        return True

    # ------------------------------------------------------------------------------------------------------ requests

    def sync(self) -> int:
        """Ask for the venue's clock; return how far it is ahead of ours, in ms."""
        begin = self._clock()
        rows = self._exchange("GET", "/api/v5/public/time", None)
        middle = (begin + self._clock()) / 2
        self._offset_ms = int(rows[0]["ts"]) - round(middle * 1000)
        return self._offset_ms

    def _call(self, method: str, path: str, params: Mapping[str, str] | None = None) -> list[Any]:
        """Make a signed request.  It is made again where that is harmless: the clock was refused, or no answer came (all of them can be repeated)."""

        def ask() -> list[Any]:
            if self._offset_ms is None:
                self.sync()
            return self._exchange(method, path, params or {})

        return list(self._again(ask, self._bad_clock))

    def _bad_clock(self, exc: AccountError) -> bool:
        if exc.code != BAD_TIMESTAMP:
            return False
        self._offset_ms = None
        return True

    def _exchange(self, method: str, path: str, params: Mapping[str, str] | None) -> list[Any]:
        target, body = path, ""
        headers = {"Content-Type": "application/json"}
        if params is not None:
            if method == "POST":
                body = orjson.dumps(dict(params)).decode()
            elif params:
                target = f"{path}?{urlencode(params)}"
            now = self._clock() + (self._offset_ms or 0) / 1000
            stamp = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            headers |= {
                "OK-ACCESS-KEY": self._key,
                "OK-ACCESS-SIGN": signature(self._secret, stamp, method, target, body),
                "OK-ACCESS-TIMESTAMP": stamp,
                "OK-ACCESS-PASSPHRASE": self._passphrase,
            }
        answer = self._send(method, target, body=body, headers=headers, cancels=method == "POST")
        what = f"{method} {self.rest}{path}"
        try:
            said = orjson.loads(answer.content)
            code, text, rows = int(said["code"]), str(said.get("msg", "")), list(said["data"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):  # gateways answer with HTML or nothing (7)
            status = answer.status_code if answer.status_code != 200 else 502
            raise OkxError(f"{what}: HTTP {answer.status_code}: {short(answer)}", status=status, retry_after_s=self.wait_s()) from None
        inner = rows[0] if rows and isinstance(rows[0], dict) else {}
        if int(inner.get("sCode") or 0):  # the one inside says what (5.1)
            code, text = int(inner["sCode"]), str(inner.get("sMsg", ""))
        if code or answer.status_code != 200:
            raise OkxError(f"{what}: code {code}: {text}", code=code, status=answer.status_code, retry_after_s=self.wait_s())
        return rows


class OkxSwapAccount(OkxAccount):
    """Signed requests about one OKX account, as far as perpetuals go."""

    name = "OKX_SWAP"
    kind = "SWAP"
