"""A Bybit account over signed REST (exchanges/bybit_v5.md sections 5 to 8): what is open, what it holds, and cancelling.

For: looking at an account from outside a trade process.  Not for trading: orders go over the order session in C.

Secrets: key and secret stand in no repr, no exception and no log line; signatures travel in fields, not in addresses.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlencode

import httpx
import orjson

from aats.errors import ConfigError
from aats.venue.account import AccountError, AccountOrder, Balance, VenueAccount, short
from aats.venue.base import RateBudget

__all__ = ["BybitAccount", "BybitError", "BybitSwapAccount"]

#: Milliseconds of the venue's clock within which a request must reach it (6).
RECV_WINDOW_MS = 5000
BAD_TIMESTAMP = 10002
#: The order is not there, or closed already (7).
NOTHING_TO_CANCEL = frozenset((110001, 110008, 110010, 170139, 170142, 170143, 170213))
#: Too many requests (7), and how long they are left alone.
_BUSY = frozenset((10006, 10403, 10429))
_BUSY_S = 2.0
_PAGE = 50
_PAGES_MAX = 100
_TIFS = {"PostOnly": "pos", "GTC": "gtc", "IOC": "ioc", "FOK": "fok"}


class BybitError(AccountError):
    """Bybit refused a request, or did not answer."""

    unsure_codes = frozenset((10000, 10016, 10019, 170146, 170147))


def _order(row: Mapping[str, Any]) -> AccountOrder:
    tif = str(row.get("timeInForce", ""))
    return AccountOrder(
        native=str(row["symbol"]),
        order_id=str(row["orderId"]),
        client_id=str(row.get("orderLinkId", "")),
        side=str(row.get("side", "")).lower(),
        tif="market" if row.get("orderType") == "Market" else _TIFS.get(tif, tif.lower()),
        size=str(row.get("qty", "")),
        filled=str(row.get("cumExecQty", "")),
        price=str(row.get("price", "")),
        state=str(row.get("orderStatus", "")).lower(),
        created_ms=int(row.get("createdTime") or 0),
    )


class BybitAccount(VenueAccount):
    """Signed requests about the spot orders of one Unified Trading Account; see `VenueAccount`."""

    name = "BYBIT"
    category = "spot"
    #: What open orders of all symbols are asked by: contracts want the coin that they settle in (8).
    wholes: tuple[dict[str, str], ...] = ({},)

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
        if secret.lstrip().startswith("-----BEGIN"):
            raise ConfigError("Bybit's RSA keys are not taken here: use a key with an HMAC secret")
        super().__init__(rest, key, secret, cafile=cafile, timeout_s=timeout_s, clock=clock, transport=transport, budget=budget)
        self._offset_ms: int | None = None

    # ----------------------------------------------------------------------------------------------------- questions

    def balances(self) -> dict[str, Balance]:
        out = {}
        for account in self._call("GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"})["list"]:
            for row in account["coin"]:
                total, locked = Decimal(row["walletBalance"] or "0"), Decimal(row.get("locked") or "0")
                if total or locked:
                    out[row["coin"]] = Balance(total - locked, locked)
        return out

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        wholes = ({"symbol": symbol},) if symbol else self.wholes
        rows = [row for whole in wholes for row in self._pages("/v5/order/realtime", {"category": self.category, **whole, "openOnly": "0"})]
        return [_order(row) for row in rows if row["orderStatus"] in ("New", "PartiallyFilled", "Untriggered", "Triggered")]

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        cursor = ""
        for _ in range(_PAGES_MAX):
            result = self._call("GET", path, {**params, "limit": str(_PAGE), **({"cursor": unquote(cursor)} if cursor else {})})
            yield from result["list"]
            cursor = result.get("nextPageCursor") or ""
            if not cursor or not result["list"]:
                return
        raise BybitError(f"GET {self.rest}{path}: the list has no end: {_PAGES_MAX} pages")

    # ---------------------------------------------------------------------------------------------------- cancelling

    def cancel(self, symbol: str, order_id: str) -> bool:
        try:
            self._call("POST", "/v5/order/cancel", {"category": self.category, "symbol": symbol, "orderId": order_id})
        except AccountError as exc:
            if exc.code in NOTHING_TO_CANCEL:
                return False
            raise
        return True

    # ------------------------------------------------------------------------------------------------------ requests

    def sync(self) -> int:
        """Ask for the venue's clock; return how far it is ahead of ours, in ms."""
        begin = self._clock()
        answer = self._json("GET /v5/market/time", self._send("GET", "/v5/market/time"))
        self._offset_ms = int(answer["time"]) - round((begin + self._clock()) / 2 * 1000)
        return self._offset_ms

    def _call(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        """Make a signed request and return its result.  It is made again where that is harmless."""

        def ask() -> Any:
            if self._offset_ms is None:
                self.sync()
            return self._exchange(method, path, params)

        return self._again(ask, self._bad_clock)

    def _bad_clock(self, exc: AccountError) -> bool:
        if exc.code != BAD_TIMESTAMP:
            return False
        self._offset_ms = None
        return True

    def _exchange(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        post = method == "POST"
        payload = orjson.dumps(dict(params)).decode() if post else urlencode(params)
        stamp = str(round(self._clock() * 1000) + (self._offset_ms or 0))
        signed = f"{stamp}{self._key}{RECV_WINDOW_MS}{payload}"  # byte for byte as it is sent (6)
        fields = {
            "X-BAPI-API-KEY": self._key,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": str(RECV_WINDOW_MS),
            "X-BAPI-SIGN": hmac.new(self._secret.encode(), signed.encode(), hashlib.sha256).hexdigest(),
        }
        if post:
            fields["Content-Type"] = "application/json"
        answer = self._send(method, path if post else f"{path}?{payload}", body=payload if post else "", headers=fields, cancels=post)
        what = f"{method} {self.rest}{path}"
        if answer.status_code != 200:
            raise BybitError(f"{what}: HTTP {answer.status_code}: {short(answer)}", status=answer.status_code, retry_after_s=self.wait_s())
        told = self._json(what, answer)
        try:
            code, said, result = int(told["retCode"]), str(told.get("retMsg", "")), told.get("result")
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BybitError(f"{what}: not the documented answer: {short(answer)}", status=502) from None
        if code == 0:
            return result
        if code in _BUSY:
            self.hold(_BUSY_S)
        raise BybitError(f"{what}: code {code}: {said}", code=code, status=400, retry_after_s=self.wait_s())


class BybitSwapAccount(BybitAccount):
    """The same for the linear contracts of the account."""

    name = "BYBIT_SWAP"
    category = "linear"
    wholes = ({"settleCoin": "USDT"}, {"settleCoin": "USDC"})
