"""Coinbase Advanced Trade over REST: products (exchanges/coinbase.md sections 1, 4, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from aats.venue.base import Endpoints, Instrument, OrderLimits, our_name
from aats.venue.rest import RestClient

__all__ = ["CoinbaseClient"]

#: What a product says of itself when no order of any kind is taken.
_CLOSED = ("is_disabled", "trading_disabled", "view_only", "cancel_only")


class CoinbaseClient(RestClient):
    """Public REST of Coinbase's spot market; the venue's sandbox gives canned answers and has no market (1), so there is none to trade on."""

    name = "COINBASE"
    PER_MINUTE = 300  # 10 a second and address (1)
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints(
            "https://api.coinbase.com",
            "wss://advanced-trade-ws.coinbase.com",
            "wss://advanced-trade-ws-user.coinbase.com",  # where a session listens; orders themselves go by REST
            private="wss://advanced-trade-ws-user.coinbase.com",
        )
    }

    def _rows(self) -> Iterable[Instrument | None]:
        body = self._get("/api/v3/brokerage/market/products", {"product_type": "SPOT"})
        return [_instrument(row) for row in body["products"]]


def _instrument(row: Mapping[str, Any]) -> Instrument | None:
    if row.get("product_type", "SPOT") != "SPOT":
        return None
    status = row.get("status", "")
    closed = [word for word in _CLOSED if row.get(word)]
    return Instrument(
        symbol=our_name("COINBASE", row["base_currency_id"], row["quote_currency_id"]),
        native=row["product_id"],
        base=row["base_currency_id"],
        quote=row["quote_currency_id"],
        tick=Decimal(row.get("price_increment") or row["quote_increment"]),
        lot=Decimal(row["base_increment"]),
        trading=status == "online" and not closed,
        limits=OrderLimits(
            min_qty=Decimal(row.get("base_min_size") or 0),
            max_qty=Decimal(row.get("base_max_size") or 0),
            min_notional=Decimal(row.get("quote_min_size") or 0),
            max_notional=Decimal(row.get("quote_max_size") or 0),
            min_notional_market=True,
            max_notional_market=True,
        ),
        status=closed[0] if closed else status,
        alias=row.get("alias") or "",
    )
