"""Binance Spot over REST: exchangeInfo and depth snapshots (exchanges/binance_spot.md sections 1, 3, 4, 7)."""

from __future__ import annotations

import difflib
import logging
import ssl
import time
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import httpx
import orjson

from aats.errors import ConfigError, FeedError
from aats.venue.base import Budget, BudgetSpent, Endpoints, Instrument, OrderLimits, RateBudget, SnapshotRefused, VenueClient

__all__ = ["BinanceClient"]

log = logging.getLogger("aats.venue")

#: Weight of GET /api/v3/depth by limit (3).
DEPTH_WEIGHT = ((100, 5), (500, 25), (1000, 50), (5000, 250))
INFO_WEIGHT = 20
#: Of 6000 a minute and address (1), where the budget is not shared: the rest is for other programs on this host.
WEIGHT_PER_MINUTE = 5000
#: A window of weight has gone by after so long: exchangeInfo waits for it, where trading or a feed cannot begin without.
WINDOW_S = 65.0
#: Wait after HTTP 418 without a Retry-After: bans last 2 minutes to 3 days (7).
BAN_S = 120.0


class BinanceClient(VenueClient):
    """REST of Binance Spot; the public half needs no key."""

    name = "BINANCE"
    _HOSTS = {
        "direct": Endpoints("https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443"),
        "sandbox": Endpoints(
            "https://testnet.binance.vision", "wss://stream.testnet.binance.vision", "wss://ws-api.testnet.binance.vision"
        ),
    }

    #: Hosts of the SBE streams, where an API key is asked for (the venue's page "SBE Market Data Streams", July 2026).
    _SBE = {"direct": "wss://stream-sbe.binance.com:9443", "sandbox": "wss://stream-sbe.testnet.binance.vision"}

    def __init__(self, endpoints: Endpoints, *, cafile: str = "", timeout_s: float = 5.0, budget: RateBudget | None = None) -> None:
        super().__init__(endpoints, cafile=cafile, timeout_s=timeout_s, budget=budget)
        trust: ssl.SSLContext | bool = ssl.create_default_context(cafile=cafile) if cafile else ssl.create_default_context()
        self._http = httpx.Client(base_url=endpoints.rest, timeout=timeout_s, verify=trust, headers={"User-Agent": "aats"})
        self._budget: RateBudget = Budget(WEIGHT_PER_MINUTE) if budget is None else budget

    @classmethod
    def endpoints_of(cls, mode: str) -> Endpoints | None:
        return cls._HOSTS.get(mode)

    @classmethod
    def stream_of(cls, mode: str, form: str) -> str:
        return cls._SBE.get(mode, "") if form == "sbe" else super().stream_of(mode, form)

    def close(self) -> None:
        self._http.close()

    # ---------------------------------------------------------------------------------------------------- snapshots

    def snapshot(self, native: str) -> bytes:
        weight = next(weight for limit, weight in DEPTH_WEIGHT if self.snapshot_limit <= limit)
        return self._get("/api/v3/depth", {"symbol": native, "limit": str(self.snapshot_limit)}, weight)

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
        wanted = list(symbols)
        try:
            listed = self._info({"symbols": orjson.dumps([native_of(one) for one in wanted]).decode()})
        except SnapshotRefused as exc:
            if "HTTP 400" not in str(exc):
                raise
            listed = self._info({})  # one name is wrong, and the answer does not say which: look it up in the whole list
        out = {}
        for one in wanted:
            row = listed.get(native_of(one))
            if row is None:
                near = difflib.get_close_matches(native_of(one), list(listed), n=3)
                hint = f" (near ones: {', '.join(near)})" if near else ""
                raise ConfigError(f"symbol {one!r} is not listed on {self.name} at {self.endpoints.rest}{hint}")
            out[one] = _instrument(row)
        return out

    def _info(self, params: dict[str, str]) -> dict[str, dict[str, Any]]:
        for attempt in range(4):
            try:
                body = orjson.loads(self._get("/api/v3/exchangeInfo", params, INFO_WEIGHT))
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
                    f"{self.endpoints.rest}/api/v3/exchangeInfo: not the documented answer: {type(exc).__name__}: {exc}"
                ) from exc
        raise AssertionError("unreachable")


def native_of(symbol: str) -> str:
    """Return Binance's spelling: ours and Binance's are the same on spot, but for case and an ``.EXCHANGE`` behind."""
    return symbol.split(".", 1)[0].upper()


def _instrument(row: dict[str, Any]) -> Instrument:
    filters = {one.get("filterType"): one for one in row.get("filters", [])}
    return Instrument(
        symbol=f"{row['symbol']}.BINANCE",
        native=row["symbol"],
        base=row.get("baseAsset", ""),
        quote=row.get("quoteAsset", ""),
        tick=Decimal(filters.get("PRICE_FILTER", {}).get("tickSize", "0")),
        lot=Decimal(filters.get("LOT_SIZE", {}).get("stepSize", "0")),
        trading=row.get("status") == "TRADING",
        limits=_limits(filters),
    )


def _limits(filters: dict[Any, dict[str, Any]]) -> OrderLimits:
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
        min_notional=number("NOTIONAL", "minNotional") if notional else number("MIN_NOTIONAL", "minNotional"),
        max_notional=number("NOTIONAL", "maxNotional"),
        min_notional_market=bool(notional.get("applyMinToMarket", older.get("applyToMarket", False))),
        max_notional_market=bool(notional.get("applyMaxToMarket", False)),
        bid_up=number(band, up.format("bid")),
        bid_down=number(band, down.format("bid")),
        ask_up=number(band, up.format("ask")),
        ask_down=number(band, down.format("ask")),
    )
