"""Binance Spot and Binance US over REST: exchangeInfo and depth snapshots (exchanges/binance_spot.md sections 1, 3, 4, 7, 9).

What all of Binance's houses have in common is `BinanceRest`: binance_futures.py has the others.
"""

from __future__ import annotations

import logging
import ssl
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

import httpx
import orjson

from aats.errors import FeedError
from aats.venue.base import Budget, BudgetSpent, Endpoints, Instrument, OrderLimits, RateBudget, SnapshotRefused, VenueClient, find_listed

__all__ = ["BinanceClient", "BinanceRest", "BinanceUSClient"]

log = logging.getLogger("aats.venue")

#: A window of weight has gone by after so long: exchangeInfo waits for it, where trading or a feed cannot begin without.
WINDOW_S = 65.0
#: Wait after HTTP 418 without a Retry-After: bans last 2 minutes to 3 days (7).
BAN_S = 120.0


class BinanceRest(VenueClient):
    """REST of one of Binance's houses; the public half needs no key.

    Attributes
    ----------
    ROOT : str
        Of its paths: ``"/api/v3"``.
    DEPTH_WEIGHT : tuple of (limit, weight)
        Of a depth snapshot.
    INFO_WEIGHT : int
    WEIGHT_PER_MINUTE : int
        Of what an address may spend, where the budget is not shared: the rest is for other programs on this host.
    """

    _HOSTS: ClassVar[Mapping[str, Endpoints]]
    ROOT: ClassVar[str]
    DEPTH_WEIGHT: ClassVar[tuple[tuple[int, int], ...]]
    INFO_WEIGHT: ClassVar[int]
    WEIGHT_PER_MINUTE: ClassVar[int]

    def __init__(self, endpoints: Endpoints, *, cafile: str = "", timeout_s: float = 5.0, budget: RateBudget | None = None) -> None:
        super().__init__(endpoints, cafile=cafile, timeout_s=timeout_s, budget=budget)
        trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=cafile) if cafile else ssl.create_default_context()
        self._http = httpx.Client(base_url=endpoints.rest, timeout=timeout_s, verify=trust, headers={"User-Agent": "aats"})
        self._budget: RateBudget = Budget(self.WEIGHT_PER_MINUTE) if budget is None else budget

    @classmethod
    def endpoints_of(cls, mode: str) -> Endpoints | None:
        return cls._HOSTS.get(mode)

    def close(self) -> None:
        self._http.close()

    # ---------------------------------------------------------------------------------------------------- snapshots

    def snapshot(self, native: str) -> bytes:
        weight = next(weight for limit, weight in self.DEPTH_WEIGHT if self.snapshot_limit <= limit)
        return self._get(f"{self.ROOT}/depth", {"symbol": native, "limit": str(self.snapshot_limit)}, weight)

    def _get(self, path: str, params: dict[str, str], weight: int) -> bytes:
        wait = self._budget.wait_s(weight)
        if wait > 0:
            raise BudgetSpent(f"what this host may ask the venue in a minute is used up; {wait:.1f} s to go", wait)
        try:
            answer = self._http.get(path, params=params)
        except httpx.HTTPError as exc:
            raise SnapshotRefused(f"GET {self.endpoints.rest}{path}: {type(exc).__name__}: {exc}") from exc
        used = answer.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isdigit():
            self._budget.told(int(used))
        if answer.status_code == 200:
            return answer.content
        text = self._complaint(answer)
        after = answer.headers.get("Retry-After", "")
        retry = float(after) if after.replace(".", "", 1).isdigit() else 0.0
        if answer.status_code in (418, 429):
            retry = retry or (BAN_S if answer.status_code == 418 else 10.0)
            self._budget.close(retry, banned=answer.status_code == 418)
        raise SnapshotRefused(f"GET {self.endpoints.rest}{path}: HTTP {answer.status_code}: {text}", retry)

    @staticmethod
    def _complaint(answer: httpx.Response) -> str:
        """Return code and msg of an error body; gateways answer with HTML or nothing (7)."""
        try:
            body = orjson.loads(answer.content)
            return f"code {body['code']}: {body['msg']}"
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return " ".join(answer.text.split())[:120] or "empty body"

    # -------------------------------------------------------------------------------------------------- instruments

    def instruments(self, symbols: Iterable[str]) -> dict[str, Instrument]:
        return find_listed(self.name, self.endpoints.rest, symbols, self.listing())

    def listing(self) -> list[Instrument]:
        return [self._describe(row) for row in self._info({}).values()]

    @abstractmethod
    def _describe(self, row: dict[str, Any]) -> Instrument:
        """Return one row of exchangeInfo."""

    def _info(self, params: dict[str, str]) -> dict[str, dict[str, Any]]:
        for attempt in range(4):
            try:
                body = orjson.loads(self._get(f"{self.ROOT}/exchangeInfo", params, self.INFO_WEIGHT))
                self._budget.limits(body.get("rateLimits", ()))
                return {row["symbol"]: row for row in body["symbols"]}
            except BudgetSpent as exc:
                if exc.retry_after_s > WINDOW_S or attempt == 3:
                    raise
                log.warning("%s: exchangeInfo waits: %s", self.endpoints.rest, exc)
                time.sleep(exc.retry_after_s)
            except SnapshotRefused as exc:
                if "HTTP 4" in str(exc) or attempt == 3:
                    raise
                time.sleep(0.3 * 2**attempt)
            except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
                raise FeedError(
                    f"{self.endpoints.rest}{self.ROOT}/exchangeInfo: not the documented answer: {type(exc).__name__}: {exc}"
                ) from exc
        raise AssertionError("unreachable")


class BinanceClient(BinanceRest):
    """REST of Binance Spot."""

    name = "BINANCE"
    _HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443"),
        "sandbox": Endpoints(
            "https://testnet.binance.vision", "wss://stream.testnet.binance.vision", "wss://ws-api.testnet.binance.vision"
        ),
    }

    #: Hosts of the SBE streams, where an API key is asked for (the venue's page "SBE Market Data Streams", July 2026).
    _SBE: ClassVar[Mapping[str, str]] = {
        "direct": "wss://stream-sbe.binance.com:9443",
        "sandbox": "wss://stream-sbe.testnet.binance.vision",
    }

    ROOT = "/api/v3"
    DEPTH_WEIGHT = ((100, 5), (500, 25), (1000, 50), (5000, 250))  # (3)
    INFO_WEIGHT = 20
    WEIGHT_PER_MINUTE = 5000  # of 6000 (1)

    @classmethod
    def stream_of(cls, mode: str, form: str) -> str:
        return cls._SBE.get(mode, "") if form == "sbe" else super().stream_of(mode, form)

    def instruments(self, symbols: Iterable[str]) -> dict[str, Instrument]:
        wanted = list(symbols)
        try:
            listed = self._info({"symbols": orjson.dumps([native_of(one) for one in wanted]).decode()})
        except SnapshotRefused as exc:
            if "HTTP 400" not in str(exc):
                raise
            listed = self._info({})  # one name is wrong, and the answer does not say which: look it up in the whole list
        return find_listed(self.name, self.endpoints.rest, wanted, [self._describe(row) for row in listed.values()])

    def _describe(self, row: dict[str, Any]) -> Instrument:
        return _instrument(row, self.name)


class BinanceUSClient(BinanceClient):
    """REST of Binance US: the same paths and payloads, older and smaller weights; there is no test network (9)."""

    name = "BINANCEUS"
    _HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints(
            "https://api.binance.us", "wss://stream.binance.us:9443", "wss://ws-api.binance.us:443", private="wss://stream.binance.us:9443"
        ),
    }
    _SBE: ClassVar[Mapping[str, str]] = {}
    DEPTH_WEIGHT = ((100, 1), (500, 5), (1000, 10), (5000, 50))  # (9)
    INFO_WEIGHT = 10
    WEIGHT_PER_MINUTE = 1000  # of 1200 (9)


def native_of(symbol: str) -> str:
    """Return Binance's spelling: ours and Binance's are the same on spot, but for case and an ``.EXCHANGE`` behind."""
    return symbol.split(".", 1)[0].upper()


def _instrument(row: dict[str, Any], venue: str = "BINANCE") -> Instrument:
    filters = filters_of(row)
    return Instrument(
        symbol=f"{row['symbol']}.{venue}",
        native=row["symbol"],
        base=row.get("baseAsset", ""),
        quote=row.get("quoteAsset", ""),
        tick=Decimal(filters.get("PRICE_FILTER", {}).get("tickSize", "0")),
        lot=Decimal(filters.get("LOT_SIZE", {}).get("stepSize", "0")),
        trading=row.get("status") == "TRADING",
        limits=limits_of(filters),
        status=row.get("status", ""),
        contract_unit=row.get("baseAsset", ""),
    )


def filters_of(row: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """Return a symbol's filters by their kind."""
    return {one.get("filterType"): one for one in row.get("filters", [])}


def limits_of(filters: dict[Any, dict[str, Any]]) -> OrderLimits:
    """Read the filters of orders (4); one that is absent demands nothing."""

    def number(kind: str, key: str) -> Decimal:
        return Decimal(filters.get(kind, {}).get(key) or "0")

    notional = filters.get("NOTIONAL", {})
    older = filters.get("MIN_NOTIONAL", {})
    band = "PERCENT_PRICE_BY_SIDE" if "PERCENT_PRICE_BY_SIDE" in filters else "PERCENT_PRICE"
    up, down = ("{}MultiplierUp", "{}MultiplierDown") if band == "PERCENT_PRICE_BY_SIDE" else ("multiplierUp", "multiplierDown")
    return OrderLimits(
        min_px=number("PRICE_FILTER", "minPrice"),
        max_px=number("PRICE_FILTER", "maxPrice"),
        min_qty=number("LOT_SIZE", "minQty"),
        max_qty=number("LOT_SIZE", "maxQty"),
        market_lot=number("MARKET_LOT_SIZE", "stepSize"),
        market_min_qty=number("MARKET_LOT_SIZE", "minQty"),
        market_max_qty=number("MARKET_LOT_SIZE", "maxQty"),
        min_notional=number("NOTIONAL", "minNotional")
        if notional
        else number("MIN_NOTIONAL", "minNotional") or number("MIN_NOTIONAL", "notional"),
        max_notional=number("NOTIONAL", "maxNotional"),
        min_notional_market=bool(notional.get("applyMinToMarket", older.get("applyToMarket", False))),
        max_notional_market=bool(notional.get("applyMaxToMarket", False)),
        bid_up=number(band, up.format("bid")),
        bid_down=number(band, down.format("bid")),
        ask_up=number(band, up.format("ask")),
        ask_down=number(band, down.format("ask")),
    )
