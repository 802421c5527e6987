"""GET of public JSON over REST, as the control planes of several venues need it: budget, waiting, pages that are no JSON, one complaint for all.

For: ``aats/venue/<venue>.py`` of venues whose answers tell success in their body.  Not for Binance, whose weights and limits come with each answer
(binance.py), nor for signed requests (account.py).
"""

from __future__ import annotations

import abc
import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import httpx
import orjson

from aats.errors import FeedError
from aats.venue.base import Budget, BudgetSpent, Endpoints, Instrument, RateBudget, SnapshotRefused, VenueClient, find_listed

__all__ = ["RestClient"]

log = logging.getLogger("aats.venue")

#: Waits after HTTP 429, and after 403 or 418 (a ban by most gateways), without a Retry-After.
_LIMITED_S = 10.0
_BAN_S = 120.0
#: A window of requests has gone by after so long: the list of instruments waits for it, where trading or a feed cannot begin without.
_WINDOW_S = 65.0
_TRIES = 4


class RestClient(VenueClient):
    """Public REST of a venue.

    Attributes
    ----------
    HOSTS : mapping
        Endpoints by mode; a mode that is absent has no network of the venue's own.
    PER_MINUTE : int
        Requests that this process alone may make in a minute, where the budget is not shared.
    """

    HOSTS: ClassVar[Mapping[str, Endpoints]] = {}
    PER_MINUTE: ClassVar[int] = 300

    def __init__(self, endpoints: Endpoints, *, cafile: str = "", timeout_s: float = 5.0, budget: RateBudget | None = None) -> None:
        super().__init__(endpoints, cafile=cafile, timeout_s=timeout_s, budget=budget)
        trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=cafile) if cafile else ssl.create_default_context()
        self._http = httpx.Client(base_url=endpoints.rest, timeout=timeout_s, verify=trust, headers={"User-Agent": "aats"})
        self._budget: RateBudget = Budget(self.PER_MINUTE) if budget is None else budget

    @classmethod
    def endpoints_of(cls, mode: str) -> Endpoints | None:
        return cls.HOSTS.get(mode)

    def close(self) -> None:
        self._http.close()

    # -------------------------------------------------------------------------------------------------- instruments

    @abc.abstractmethod
    def _rows(self) -> Iterable[Instrument | None]:
        """Ask for everything that is listed; a row that is no instrument of this name is None.  KeyError, TypeError, ValueError: not as documented."""

    def listing(self) -> list[Instrument]:
        for attempt in range(_TRIES):
            try:
                return [one for one in self._rows() if one is not None]
            except BudgetSpent as exc:
                if exc.retry_after_s > _WINDOW_S or attempt + 1 == _TRIES:
                    raise
                log.warning("%s: the list of instruments waits: %s", self.endpoints.rest, exc)
                time.sleep(exc.retry_after_s)
            except SnapshotRefused as exc:
                if exc.retry_after_s or "HTTP 4" in str(exc) or attempt + 1 == _TRIES:
                    raise
                time.sleep(0.3 * 2**attempt)
            except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
                where = f"{self.endpoints.rest}: list of instruments"
                raise FeedError(f"{where}: not the documented answer: {type(exc).__name__}: {exc}") from exc
        raise AssertionError("unreachable")

    def instruments(self, symbols: Iterable[str]) -> dict[str, Instrument]:
        return find_listed(self.name, self.endpoints.rest, symbols, self.listing())

    def snapshot(self, native: str) -> bytes:
        raise SnapshotRefused(f"{self.name}: books begin in the stream; there is no snapshot to ask for")

    # ----------------------------------------------------------------------------------------------------- requests

    def _get_bytes(self, path: str, params: Mapping[str, str] | None = None, weight: int = 1) -> bytes:
        """Return the body of an answer with status 200.

        Raises
        ------
        SnapshotRefused
            Another status, or none; `BudgetSpent` where it was not sent at all.
        """
        wait = self._budget.wait_s(weight)
        if wait > 0:
            raise BudgetSpent(f"what this host may ask the venue in a minute is used up; {wait:.1f} s to go", wait)
        what = f"GET {self.endpoints.rest}{path}"
        try:
            answer = self._http.get(path, params=dict(params or {}))
        except httpx.HTTPError as exc:
            raise SnapshotRefused(f"{what}: {type(exc).__name__}: {exc}") from exc
        if answer.status_code == 200:
            return answer.content
        after = answer.headers.get("Retry-After", "")
        retry = float(after) if after.replace(".", "", 1).isdigit() else 0.0
        if answer.status_code in (403, 418, 429):
            banned = answer.status_code != 429
            retry = retry or (_BAN_S if banned else _LIMITED_S)
            self._budget.close(retry, banned=banned)
        raise SnapshotRefused(f"{what}: HTTP {answer.status_code}: {' '.join(answer.text.split())[:120] or 'empty body'}", retry)

    def _get(self, path: str, params: Mapping[str, str] | None = None, weight: int = 1) -> Any:
        """Return the JSON of an answer; a page in HTML with status 200 (maintenance) is refused as well."""
        body = self._get_bytes(path, params, weight)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            text = " ".join(body[:2000].decode("utf-8", "replace").split())[:120]
            raise SnapshotRefused(f"GET {self.endpoints.rest}{path}: the answer is not JSON: {text or 'empty body'}") from None
