"""What looking at an account from outside a trade process needs of a venue: the face that each ``aats/venue/<venue>_account.py`` fills in.

For: `aats orders --venue`, `aats flatten`, the demo's check of balances.  Not for trading: orders go over the order session in C.

Secrets: a key and what belongs to it stand in no repr, no exception, no address that is logged and no log line.
"""

from __future__ import annotations

import abc
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import orjson

from aats.errors import AatsError
from aats.venue.base import RateBudget

__all__ = ["AccountError", "AccountOrder", "Balance", "VenueAccount", "retry_after", "short"]

#: Waits after HTTP 418 and 429 without a Retry-After.
_BAN_S = 120.0
_LIMITED_S = 10.0
_TRIES = 3
#: A window of weight has gone by after so long.
_WINDOW_S = 65.0

_A = TypeVar("_A", bound="VenueAccount")


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

    #: Codes with which a venue says that it does not know itself whether a request was executed.
    unsure_codes: frozenset[int] = frozenset()

    def __init__(self, text: str, *, code: int = 0, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def unsure(self) -> bool:
        """Whether the request may have been executed all the same."""
        return self.status == 0 or self.status >= 500 or self.code in self.unsure_codes


@dataclass(frozen=True)
class Balance:
    """What an account holds of one asset."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass(frozen=True)
class AccountOrder:
    """One open order as a venue describes it, in one form for all venues; numbers are exact text.

    Attributes
    ----------
    native : str
        The symbol in the venue's spelling.
    order_id : str
        The venue's own.
    client_id : str
        As its sender gave it; "" if it gave none.
    side : str
        ``"buy"`` or ``"sell"``.
    tif : str
        ``"gtc"``, ``"ioc"``, ``"fok"``, ``"pos"``, ``"market"``, or the venue's own word.
    state : str
        The venue's own word.
    created_ms : int
        Epoch ms, 0 if it is not told.
    """

    native: str
    order_id: str
    client_id: str
    side: str
    tif: str
    size: str
    filled: str
    price: str
    state: str = ""
    created_ms: int = 0


class VenueAccount(abc.ABC):
    """Signed requests about one account.

    Parameters
    ----------
    rest : str
        ``https://HOST[:PORT]``.
    passphrase : str
        Where the venue wants one beside key and secret.
    clock : callable
        Epoch seconds.
    budget : RateBudget, optional
        What this host may ask the venue; a call waits for it, up to a minute.

    Notes
    -----
    Threads: one.  Cost: a round trip a call; what the venue says of waiting is obeyed: until then every call is refused here, without a byte.
    """

    name: str

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
        trust = ssl.create_default_context(cafile=cafile or None)
        self.rest = rest
        self._key, self._secret, self._passphrase = key, secret, passphrase
        self._http = httpx.Client(base_url=rest, timeout=timeout_s, verify=trust, headers={"User-Agent": "aats"}, transport=transport)
        self._clock = clock
        self._closed_until = 0.0
        self._budget = budget

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.rest}>"

    def __enter__(self: _A) -> _A:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def on_test_network(self) -> None:  # noqa: B027 -- a hook that most venues need not fill in
        """Say in each request that the venue's test network is meant, where the address does not say it; before the first one."""

    # ----------------------------------------------------------------------------------------------------- questions

    @abc.abstractmethod
    def balances(self) -> dict[str, Balance]:
        """Return what the account holds, by asset; assets of which it holds nothing are left out."""

    @abc.abstractmethod
    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        """Return the open orders, of all symbols or of one (the venue's spelling): all of them, also where the venue gives them in pages."""

    @abc.abstractmethod
    def cancel(self, symbol: str, order_id: str) -> bool:
        """Cancel one order by the venue's own id: True if this did it, False if there was nothing to cancel (any more)."""

    # ------------------------------------------------------------------------------------------------------ requests

    def _send(
        self, method: str, target: str, *, body: str = "", headers: Mapping[str, str] | None = None, weight: int = 1, cancels: bool = False
    ) -> httpx.Response:
        """Make one request, signed by the caller, and return the answer, whatever its status: wait for the budget, obey the venue's word on waiting
        (a 418 or 429 begins it).

        Raises
        ------
        AccountError
            No answer, or none may be asked for now.  The text names the path alone: an address may hold a signature.
        """
        what = f"{method} {self.rest}{target.partition('?')[0]}"
        wait = self.wait_s()
        if wait > 0:
            raise AccountError(f"{what}: {self.rest} asked to wait, {wait:.0f} s to go", status=429, retry_after_s=wait)
        self._take(what, weight, cancels)
        try:
            answer = self._http.request(method, target, content=body or None, headers=dict(headers or {}))
        except httpx.HTTPError as exc:
            raise AccountError(f"{what}: {type(exc).__name__}: {exc}") from None  # `exc` would show the signed address
        if answer.status_code in (418, 429):
            retry = retry_after(answer) or (_BAN_S if answer.status_code == 418 else _LIMITED_S)
            self.hold(retry, banned=answer.status_code == 418)
        return answer

    def wait_s(self) -> float:
        """Return for how long nothing may be sent, 0 if it may."""
        return max(0.0, self._closed_until - self._clock())

    def hold(self, seconds: float, *, banned: bool = False) -> None:
        """Send nothing for so long: the venue said so."""
        self._closed_until = self._clock() + seconds
        if self._budget is not None:
            self._budget.close(seconds, banned=banned)

    def _take(self, what: str, weight: int, cancels: bool) -> None:
        """Wait until the budget has room for a request; refuse it where that takes longer than a window."""
        if self._budget is None:
            return
        deadline = time.monotonic() + _WINDOW_S
        while (wait := self._budget.wait_s(weight, cancels=cancels)) > 0:
            if time.monotonic() + wait > deadline:
                raise AccountError(f"{what}: what this host may ask is used up, {wait:.0f} s to go", status=429, retry_after_s=wait)
            time.sleep(wait)

    def _again(self, ask: Callable[[], Any], resync: Callable[[AccountError], bool] = lambda exc: False) -> Any:
        """Call `ask`, and again where that is harmless: no answer came, or `resync` has put our clock right after a refused time stamp."""
        for attempt in range(_TRIES):
            try:
                return ask()
            except AccountError as exc:
                if attempt + 1 == _TRIES or not (resync(exc) or exc.unsure):
                    raise
                if exc.unsure:
                    time.sleep(0.3 * 2**attempt)
        raise AssertionError("unreachable")

    @staticmethod
    def _json(what: str, answer: httpx.Response) -> Any:
        """Return the answer's JSON; gateways answer with pages in HTML or with nothing: an error that says so."""
        try:
            return orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            status = answer.status_code if answer.status_code != 200 else 502
            raise AccountError(f"{what}: HTTP {answer.status_code}, not JSON: {short(answer)}", status=status) from None


def retry_after(answer: httpx.Response) -> float:
    """Return the seconds of an answer's Retry-After, 0 if it has none."""
    after = answer.headers.get("Retry-After", "")
    return float(after) if after.replace(".", "", 1).isdigit() else 0.0


def short(answer: httpx.Response) -> str:
    """Return the beginning of an answer's text on one line."""
    return " ".join(answer.text.split())[:120] or "empty body"
