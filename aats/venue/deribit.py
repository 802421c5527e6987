"""Deribit over REST: the list of instruments (exchanges/deribit.md sections 1 and 4).  Market data only; books begin in the stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from aats.venue.base import Endpoints, Instrument, OrderLimits, SnapshotRefused, our_name
from aats.venue.rest import RestClient

__all__ = ["DeribitClient"]


class DeribitClient(RestClient):
    """REST of Deribit: perpetuals, futures, options and spot; combos are not listed."""

    name = "DERIBIT"
    PER_MINUTE: ClassVar[int] = 120
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://www.deribit.com", "wss://www.deribit.com"),
        "sandbox": Endpoints("https://test.deribit.com", "wss://test.deribit.com"),
    }

    def _rows(self) -> Iterable[Instrument | None]:
        answer = self._get("/api/v2/public/get_instruments", {"currency": "any", "expired": "false"})
        if "result" not in answer:
            fault = answer["error"]
            raise SnapshotRefused(f"GET {self.endpoints.rest}/api/v2/public/get_instruments: code {fault['code']}: {fault['message']}")
        return [self._instrument(row) for row in answer["result"]]

    def _instrument(self, row: Mapping[str, Any]) -> Instrument | None:
        kind = row["kind"]
        if kind not in ("spot", "future", "option"):
            return None
        if kind == "future" and row["settlement_period"] == "perpetual":
            kind = "perpetual"
        base = row["base_currency"]
        # Of options the quote is the coin that premiums are paid in; what the strike counts in is the counter currency (4).
        quote = row.get("counter_currency") or ("USD" if row["quote_currency"] == base else row["quote_currency"])
        inverse = kind in ("perpetual", "future") and row.get("instrument_type", row.get("future_type", "reversed")) == "reversed"
        native = row["instrument_name"]
        return Instrument(
            symbol=our_name(self.name, base, quote, kind, native.partition("-")[2].replace("-", "")),
            native=native,
            base=base,
            quote=quote,
            tick=Decimal(str(row["tick_size"])),
            lot=Decimal(str(row["min_trade_amount"])),
            trading=bool(row["is_active"]),
            status="active" if row["is_active"] else "inactive",
            kind=kind,
            settle="" if kind == "spot" else row.get("settlement_currency", base),
            contract_unit=quote if inverse else base,  # amounts are in the quote currency of inverse contracts, else in coins (4)
            inverse=inverse,
            limits=OrderLimits(min_qty=Decimal(str(row["min_trade_amount"]))),
        )
