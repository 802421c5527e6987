"""A Binance account over signed REST (exchanges/binance_spot.md sections 5 to 9, binance_usdm_futures.md 5 to 9): what is open, what it holds, and cancelling.

For: looking at an account from outside a trade process: `aats orders --venue`, `aats flatten`, the demo's check of balances.  Not for trading: orders go over
the order session in C.

Secrets: key and secret stand in no repr, no exception, no address and no log line; an address holds a signature, which is worthless after its
time window, and is cut out of what httpx logs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import httpx
import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aats.errors import ConfigError
from aats.venue.account import AccountError, AccountOrder, Balance, VenueAccount, short
from aats.venue.base import RateBudget

__all__ = ["BinanceAccount", "BinanceCoinmAccount", "BinanceError", "BinanceSwapAccount", "BinanceUSAccount", "signer"]

#: Milliseconds of the venue's clock within which a request must reach it (6).
RECV_WINDOW_MS = 5000
#: The clock of the venue is asked for again when it refuses a time stamp.
BAD_TIMESTAMP = -1021
#: "Unknown order sent.": nothing (more) to cancel.
NOTHING_TO_CANCEL = -2011
#: Weight of a request by the end of its path (7); of futures they are smaller, and this is safe.
_WEIGHTS: dict[str, Callable[[Mapping[str, str]], int]] = {
    "time": lambda params: 1,
    "account": lambda params: 20,
    "balance": lambda params: 5,
    "openOrders": lambda params: 6 if "symbol" in params else 80,
    "order": lambda params: 4,
    "allOrders": lambda params: 20,
    "myTrades": lambda params: 20,
    "userTrades": lambda params: 20,
}


class _Unsigned(logging.Filter):
    """Cuts signatures out of the addresses that httpx logs at INFO."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_SIGNATURE.sub("signature=...", str(one)) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


_SIGNATURE = re.compile(r"signature=[^&\s]*")
logging.getLogger("httpx").addFilter(_Unsigned())


class BinanceError(AccountError):
    """Binance refused a request, or did not answer."""

    unsure_codes = frozenset((-1006, -1007))


_TIFS = {"LIMIT_MAKER": "pos", "MARKET": "market", "GTX": "pos"}


def _order(row: Mapping[str, Any]) -> AccountOrder:
    kind = str(row.get("type", ""))
    return AccountOrder(
        native=str(row["symbol"]),
        order_id=str(row["orderId"]),
        client_id=str(row.get("clientOrderId", "")),
        side=str(row.get("side", "")).lower(),
        tif=_TIFS.get(kind) or _TIFS.get(str(row.get("timeInForce", "")), str(row.get("timeInForce", "")).lower()),
        size=str(row.get("origQty", "")),
        filled=str(row.get("executedQty", "")),
        price=str(row.get("price", "")),
        state=str(row.get("status", "")).lower(),
        created_ms=int(row.get("time", 0)),
    )


def signer(secret: str) -> Callable[[str], str]:
    """Return what signs a payload: HMAC-SHA256 in hex, or Ed25519 in base64 where the secret is a private key in PEM.

    Raises
    ------
    ConfigError
        The PEM cannot be read, or holds another kind of key.
    """
    if not secret.lstrip().startswith("-----BEGIN"):
        raw = secret.encode()
        return lambda payload: hmac.new(raw, payload.encode(), hashlib.sha256).hexdigest()
    try:
        key = load_pem_private_key(secret.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("the secret looks like a PEM key, and cannot be read as one without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("the secret is a PEM key of another kind than Ed25519, the one kind that is taken here")
    private = key
    return lambda payload: base64.b64encode(private.sign(payload.encode())).decode()


class BinanceAccount(VenueAccount):
    """Signed requests about one Binance account; see `VenueAccount`."""

    name = "BINANCE"
    #: Of its paths, and what fills are called there.
    root: ClassVar[str] = "/api/v3"
    fills_path: ClassVar[str] = "myTrades"

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
        self._sign = signer(secret)
        super().__init__(rest, key, secret, cafile=cafile, timeout_s=timeout_s, clock=clock, transport=transport, budget=budget)
        self._http.headers["X-MBX-APIKEY"] = key
        self._offset_ms: int | None = None

    # ----------------------------------------------------------------------------------------------------- questions

    def balances(self) -> dict[str, Balance]:
        rows = self._call("GET", "/api/v3/account", {"omitZeroBalances": "true"})["balances"]
        found = {row["asset"]: Balance(Decimal(row["free"]), Decimal(row["locked"])) for row in rows}
        return {asset: one for asset, one in found.items() if one.total}

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        return [_order(row) for row in self._call("GET", f"{self.root}/openOrders", {"symbol": symbol} if symbol else {})]

    def order(self, symbol: str, *, client_id: str) -> dict[str, Any]:
        """Return one order, open or not; AccountError with code -2013 if the venue does not know it."""
        return dict(self._call("GET", f"{self.root}/order", {"symbol": symbol, "origClientOrderId": client_id}))

    def trades(self, symbol: str, *, from_id: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the account's fills of a symbol, oldest first, from a trade id on."""
        return list(self._call("GET", f"{self.root}/{self.fills_path}", {"symbol": symbol, "fromId": str(from_id), "limit": str(limit)}))

    # ---------------------------------------------------------------------------------------------------- cancelling

    def cancel(self, symbol: str, order_id: str) -> bool:
        try:
            self._call("DELETE", f"{self.root}/order", {"symbol": symbol, "orderId": order_id})
        except AccountError as exc:
            if exc.code == NOTHING_TO_CANCEL:
                return False
            raise
        return True

    # ------------------------------------------------------------------------------------------------------ requests

    def sync(self) -> int:
        """Ask for the venue's clock; return how far it is ahead of ours, in ms."""
        begin = self._clock()
        answer = self._exchange("GET", f"{self.root}/time")
        middle = (begin + self._clock()) / 2
        self._offset_ms = int(answer["serverTime"]) - round(middle * 1000)
        return self._offset_ms

    def _call(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        """Make a signed request.  It is made again where that is harmless: the clock was refused, or no answer came (all of them can be repeated)."""

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

    def _exchange(self, method: str, path: str, params: Mapping[str, str] | None = None) -> Any:
        target = path
        if params is not None:
            now_ms = round(self._clock() * 1000) + (self._offset_ms or 0)
            query = urlencode({**params, "recvWindow": str(RECV_WINDOW_MS), "timestamp": str(now_ms)})
            target = f"{path}?{query}&signature={quote(self._sign(query), safe='')}"
        cancels = method == "DELETE"
        answer = self._send(method, target, weight=1 if cancels else _WEIGHTS[path.rpartition("/")[2]](params or {}), cancels=cancels)
        used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if self._budget is not None and used.isdigit():
            self._budget.told(int(used))
        what = f"{method} {self.rest}{path}"
        if answer.status_code == 200:
            return self._json(what, answer)
        try:
            body = orjson.loads(answer.content)
            code, said = int(body["code"]), f"code {body['code']}: {body['msg']}"
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):  # gateways answer with HTML or nothing (7)
            code, said = 0, short(answer)
        raise BinanceError(f"{what}: HTTP {answer.status_code}: {said}", code=code, status=answer.status_code, retry_after_s=self.wait_s())


class BinanceUSAccount(BinanceAccount):
    """Signed requests about a Binance US account: spot's, without the parameters that are younger than its documents."""

    name = "BINANCEUS"

    def balances(self) -> dict[str, Balance]:
        rows = self._call("GET", f"{self.root}/account", {})["balances"]
        found = {row["asset"]: Balance(Decimal(row["free"]), Decimal(row["locked"])) for row in rows}
        return {asset: one for asset, one in found.items() if one.total}


class BinanceSwapAccount(BinanceAccount):
    """Signed requests about an account of USD-M futures; what margin holds counts as locked."""

    name = "BINANCE_SWAP"
    root = "/fapi/v1"
    fills_path = "userTrades"
    balance_path: ClassVar[str] = "/fapi/v3/balance"

    def balances(self) -> dict[str, Balance]:
        found = {}
        for row in self._call("GET", self.balance_path, {}):
            total, free = Decimal(row["balance"]), Decimal(row["availableBalance"])
            found[row["asset"]] = Balance(min(free, total), max(total - free, Decimal(0)))
        return {asset: one for asset, one in found.items() if one.total}


class BinanceCoinmAccount(BinanceSwapAccount):
    """Signed requests about an account of COIN-M futures."""

    name = "BINANCE_COINM"
    root = "/dapi/v1"
    balance_path = "/dapi/v1/balance"
