"""Bybit V5 over REST: the lists of instruments (exchanges/bybit_v5.md sections 1 and 4).  Books begin in the stream.

Not here: inverse contracts.  They have a socket of their own (csrc/venue/bybit.c), so they are not listed either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import unquote

from aats.venue.base import Endpoints, Instrument, OrderLimits, SnapshotRefused, our_name
from aats.venue.rest import RestClient

__all__ = ["BybitClient", "BybitSwapClient"]

#: Pages of instruments-info: "default limit 500, max 1000" (4).
_PAGE = 1000
_PAGES_MAX = 20
#: Error codes that mean "too many requests" (7), and how long they are left alone without another word.
_BUSY = (10006, 10429, 10403)
_BUSY_S = 5.0
_KINDS = {"LinearPerpetual": "perpetual", "LinearFutures": "future"}


def _number(row: Mapping[str, Any], key: str) -> Decimal:
    return Decimal(row.get(key) or "0")


class BybitClient(RestClient):
    """REST of Bybit spot; the public half needs no key."""

    name = "BYBIT"
    category = "spot"
    #: "REST: 600 requests / 5 s per IP" (1); a control plane needs a handful.
    PER_MINUTE: ClassVar[int] = 600
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints(
            "https://api.bybit.com", "wss://stream.bybit.com", wsapi="wss://stream.bybit.com", private="wss://stream.bybit.com"
        ),
        "sandbox": Endpoints(
            "https://api-testnet.bybit.com",
            "wss://stream-testnet.bybit.com",
            wsapi="wss://stream-testnet.bybit.com",
            private="wss://stream-testnet.bybit.com",
        ),
    }

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of every page; what is not Trading is not listed (4).  A cursor comes escaped as a query has it."""
        cursor = ""
        for _ in range(_PAGES_MAX):
            params = {"category": self.category, "limit": str(_PAGE), **({"cursor": unquote(cursor)} if cursor else {})}
            answer = self._get("/v5/market/instruments-info", params)
            if answer["retCode"] != 0:
                what = f"GET {self.endpoints.rest}/v5/market/instruments-info: code {answer['retCode']}: {answer.get('retMsg', '')}"
                raise SnapshotRefused(what, _BUSY_S if answer["retCode"] in _BUSY else 0.0)
            yield from answer["result"]["list"]
            cursor = answer["result"].get("nextPageCursor") or ""
            if not cursor:
                return
        raise SnapshotRefused(f"GET {self.endpoints.rest}/v5/market/instruments-info: the list has no end: {_PAGES_MAX} pages", 0.0)

    def _rows(self) -> Iterable[Instrument | None]:
        return [self._instrument(row) for row in self._pages()]

    def _instrument(self, row: Mapping[str, Any]) -> Instrument | None:
        lots = row["lotSizeFilter"]
        return Instrument(
            symbol=our_name(self.name, row["baseCoin"], row["quoteCoin"]),
            native=row["symbol"],
            base=row["baseCoin"],
            quote=row["quoteCoin"],
            tick=Decimal(row["priceFilter"]["tickSize"]),
            lot=Decimal(lots["basePrecision"]),
            trading=row["status"] == "Trading",
            status=row["status"],
            contract_unit=row["baseCoin"],
            limits=OrderLimits(
                min_qty=_number(lots, "minOrderQty"),
                max_qty=_number(lots, "maxLimitOrderQty") or _number(lots, "maxOrderQty"),
                market_max_qty=_number(lots, "maxMarketOrderQty"),
                min_notional=_number(lots, "minOrderAmt"),
                min_notional_market=True,
            ),
        )


class BybitSwapClient(BybitClient):
    """REST of Bybit's linear contracts: perpetuals and dated ones, settled in USDT or USDC."""

    name = "BYBIT_SWAP"
    category = "linear"

    def _instrument(self, row: Mapping[str, Any]) -> Instrument | None:
        kind = _KINDS.get(row["contractType"])
        if kind is None:
            return None
        lots, prices = row["lotSizeFilter"], row["priceFilter"]
        return Instrument(
            symbol=our_name(
                self.name, row["baseCoin"], row["quoteCoin"], kind, row["symbol"].rpartition("-")[2] if kind == "future" else ""
            ),
            native=row["symbol"],
            base=row["baseCoin"],
            quote=row["quoteCoin"],
            tick=Decimal(prices["tickSize"]),
            lot=Decimal(lots["qtyStep"]),
            trading=row["status"] == "Trading",
            status=row["status"],
            kind=kind,
            settle=row["settleCoin"],
            contract_unit=row["baseCoin"],
            limits=OrderLimits(
                min_px=_number(prices, "minPrice"),
                max_px=_number(prices, "maxPrice"),
                min_qty=_number(lots, "minOrderQty"),
                max_qty=_number(lots, "maxOrderQty"),
                market_max_qty=_number(lots, "maxMktOrderQty"),
                min_notional=_number(lots, "minNotionalValue"),
                min_notional_market=True,
            ),
        )
