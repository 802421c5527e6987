"""A Binance Spot account over signed REST (exchanges/binance_spot.md sections 5 to 8): what is open, what it holds, and cancelling.

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
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aats.errors import AatsError, ConfigError
from aats.venue.base import RateBudget

__all__ = ["AccountError", "Balance", "BinanceAccount", "signer"]

#: Milliseconds of the venue's clock within which a request must reach it (6).
RECV_WINDOW_MS = 5000
#: The clock of the venue is asked for again when it refuses a time stamp.
BAD_TIMESTAMP = -1021
#: "Unknown order sent.": nothing (more) to cancel.
NOTHING_TO_CANCEL = -2011
#: Nobody knows whether the request was executed (7).
_UNSURE = (-1006, -1007)
_BAN_S = 120.0
_LIMITED_S = 10.0
_TRIES = 3
#: A window of weight has gone by after so long.
_WINDOW_S = 65.0
#: Weight of a request (7).
_WEIGHTS: dict[str, Callable[[Mapping[str, str]], int]] = {
    "/api/v3/time": lambda params: 1,
    "/api/v3/account": lambda params: 20,
    "/api/v3/openOrders": lambda params: 6 if "symbol" in params else 80,
    "/api/v3/order": lambda params: 4,
    "/api/v3/myTrades": lambda params: 20,
}


class _Unsigned(logging.Filter):
    """Cuts signatures out of the addresses that httpx logs at INFO."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_SIGNATURE.sub("signature=...", str(one)) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


_SIGNATURE = re.compile(r"signature=[^&\s]*")
logging.getLogger("httpx").addFilter(_Unsigned())


class AccountError(AatsError):
    """A venue refused a request about an account, or did not answer.

    Attributes
    ----------
    code : int
        The venue's own number; 0 if it gave none.
    status : int
        Of HTTP; 0 if there was no answer.
    retry_after_s : float
        The venue's word on when to come back; 0 if it said nothing.
    """

    def __init__(self, text: str, *, code: int = 0, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def unsure(self) -> bool:
        """Whether the request may have been executed all the same."""
        return self.status == 0 or self.status >= 500 or self.code in _UNSURE


@dataclass(frozen=True)
class Balance:
    """What an account holds of one asset."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


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


class BinanceAccount:
    """Signed requests about one account.

    Parameters
    ----------
    rest : str
        ``https://HOST[:PORT]``.
    clock : callable
        Epoch seconds.
    budget : RateBudget, optional
        What this host may ask the venue; a call waits for it, up to a minute.

    Notes
    -----
    Threads: one.  Cost: a round trip a call; what the venue says of waiting is obeyed: until then every call is refused here, without a byte.
    """

    def __init__(
        self,
        rest: str,
        key: str,
        secret: str,
        *,
        cafile: str = "",
        timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        trust = ssl.create_default_context(cafile=cafile or None)
        self.rest = rest
        self._sign = signer(secret)
        headers = {"User-Agent": "aats", "X-MBX-APIKEY": key}
        self._http = httpx.Client(base_url=rest, timeout=timeout_s, verify=trust, headers=headers, transport=transport)
        self._clock = clock
        self._offset_ms: int | None = None
        self._closed_until = 0.0
        self._budget = budget

    def __repr__(self) -> str:
        return f"<BinanceAccount at {self.rest}>"

    def __enter__(self) -> BinanceAccount:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    # ----------------------------------------------------------------------------------------------------- questions

    def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset; assets of which it holds nothing are left out."""
        rows = self._call("GET", "/api/v3/account", {"omitZeroBalances": "true"})["balances"]
        found = {row["asset"]: Balance(Decimal(row["free"]), Decimal(row["locked"])) for row in rows}
        return {asset: one for asset, one in found.items() if one.total}

    def open_orders(self, symbol: str | None = None) -> list[dict[str, Any]]:
        """Return the open orders as the venue describes them, of all symbols or of one."""
        return list(self._call("GET", "/api/v3/openOrders", {"symbol": symbol} if symbol else {}))

    def order(self, symbol: str, *, client_id: str) -> dict[str, Any]:
        """Return one order, open or not; AccountError with code -2013 if the venue does not know it."""
        return dict(self._call("GET", "/api/v3/order", {"symbol": symbol, "origClientOrderId": client_id}))

    def trades(self, symbol: str, *, from_id: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Return the account's fills of a symbol, oldest first, from a trade id on."""
        return list(self._call("GET", "/api/v3/myTrades", {"symbol": symbol, "fromId": str(from_id), "limit": str(limit)}))

    # ---------------------------------------------------------------------------------------------------- cancelling

    def cancel(self, symbol: str, order_id: int) -> bool:
        """Cancel one order by the venue's own id: True if this did it, False if there was nothing to cancel (any more)."""
        try:
            self._call("DELETE", "/api/v3/order", {"symbol": symbol, "orderId": str(order_id)})
        except AccountError as exc:
            if exc.code == NOTHING_TO_CANCEL:
                return False
            raise
        return True

    # ------------------------------------------------------------------------------------------------------ requests

    def sync(self) -> int:
        """Ask for the venue's clock; return how far it is ahead of ours, in ms."""
        begin = self._clock()
        answer = self._exchange("GET", "/api/v3/time")
        middle = (begin + self._clock()) / 2
        self._offset_ms = int(answer["serverTime"]) - round(middle * 1000)
        return self._offset_ms

    def _call(self, method: str, path: str, params: Mapping[str, str]) -> Any:
        """Make a signed request.  It is made again where that is harmless: the clock was refused, or no answer came (all of them can be repeated)."""
        for attempt in range(_TRIES):
            if self._offset_ms is None:
                self.sync()
            try:
                return self._exchange(method, path, params)
            except AccountError as exc:
                last = attempt + 1 == _TRIES
                if exc.code == BAD_TIMESTAMP and not last:
                    self._offset_ms = None
                elif exc.unsure and not last:
                    time.sleep(0.3 * 2**attempt)
                else:
                    raise
        raise AssertionError("unreachable")

    def _exchange(self, method: str, path: str, params: Mapping[str, str] | None = None) -> Any:
        wait = self._closed_until - self._clock()
        if wait > 0:
            raise AccountError(f"{method} {path}: {self.rest} asked to wait, {wait:.0f} s to go", status=429, retry_after_s=wait)
        self._take(method, path, params or {})
        address = path
        if params is not None:
            now_ms = round(self._clock() * 1000) + (self._offset_ms or 0)
            query = urlencode({**params, "recvWindow": str(RECV_WINDOW_MS), "timestamp": str(now_ms)})
            address = f"{path}?{query}&signature={quote(self._sign(query), safe='')}"
        try:
            answer = self._http.request(method, address)
        except httpx.HTTPError as exc:
            raise AccountError(f"{method} {self.rest}{path}: {type(exc).__name__}: {exc}") from None  # `exc` would show the signed address
        used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if self._budget is not None and used.isdigit():
            self._budget.told(int(used))
        if answer.status_code == 200:
            try:
                return orjson.loads(answer.content)
            except orjson.JSONDecodeError:
                raise AccountError(f"{method} {self.rest}{path}: the answer is not JSON", status=502) from None
        raise self._refused(f"{method} {self.rest}{path}", answer)

    def _take(self, method: str, path: str, params: Mapping[str, str]) -> None:
        """Wait until the budget has room for a request; refuse it where that takes longer than a window."""
        if self._budget is None:
            return
        weight = 1 if method == "DELETE" else _WEIGHTS[path](params)
        deadline = time.monotonic() + _WINDOW_S
        while (wait := self._budget.wait_s(weight, cancels=method == "DELETE")) > 0:
            if time.monotonic() + wait > deadline:
                text = f"{method} {path}: what this host may ask {self.rest} is used up, {wait:.0f} s to go"
                raise AccountError(text, status=429, retry_after_s=wait)
            time.sleep(wait)

    def _refused(self, what: str, answer: httpx.Response) -> AccountError:
        try:
            body = orjson.loads(answer.content)
            code, said = int(body["code"]), f"code {body['code']}: {body['msg']}"
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):  # gateways answer with HTML or nothing (7)
            code, said = 0, " ".join(answer.text.split())[:120] or "empty body"
        after = answer.headers.get("Retry-After", "")
        retry = float(after) if after.replace(".", "", 1).isdigit() else 0.0
        if answer.status_code in (418, 429):
            retry = retry or (_BAN_S if answer.status_code == 418 else _LIMITED_S)
            self._closed_until = self._clock() + retry
            if self._budget is not None:
                self._budget.close(retry, banned=answer.status_code == 418)
        return AccountError(f"{what}: HTTP {answer.status_code}: {said}", code=code, status=answer.status_code, retry_after_s=retry)
