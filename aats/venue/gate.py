"""Gate spot over REST: the list of pairs and depth snapshots (exchanges/gate.md sections 1, 3 and 4).  Market data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from aats.venue.base import Endpoints, Instrument, OrderLimits, our_name
from aats.venue.rest import RestClient

__all__ = ["GateClient"]

_TESTNET = "ws-testnet.gate.com"


class GateClient(RestClient):
    """REST of Gate spot; the public half needs no key."""

    name = "GATE"
    #: Deeper answers come from a cache that lags by up to 30 s, and the stream keeps no more alive (3).
    snapshot_limit = 100
    snapshot_max = 100
    #: "200 requests / 10 s per address and endpoint" (1).
    PER_MINUTE: ClassVar[int] = 600
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://api.gateio.ws", "wss://api.gateio.ws"),
        "sandbox": Endpoints("https://api-testnet.gateapi.io", f"wss://{_TESTNET}"),
    }

    def token_path(self, way: int) -> str:
        """Return the path of the test network, whose paths are others (1)."""
        return "/v4/ws/spot" if _TESTNET in self.endpoints.stream else ""

    def snapshot(self, native: str) -> bytes:
        return self._get_bytes(
            "/api/v4/spot/order_book",
            {"currency_pair": native, "limit": str(min(self.snapshot_limit, self.snapshot_max)), "with_id": "true"},
        )

    def _rows(self) -> Iterable[Instrument | None]:
        return [self._instrument(row) for row in self._get("/api/v4/spot/currency_pairs")]

    def _instrument(self, row: Mapping[str, Any]) -> Instrument:
        return Instrument(
            symbol=our_name(self.name, row["base"], row["quote"]),
            native=row["id"],
            base=row["base"],
            quote=row["quote"],
            tick=Decimal(1).scaleb(-row["precision"]),
            lot=Decimal(1).scaleb(-row["amount_precision"]),
            trading=row["trade_status"] == "tradable",
            status=row["trade_status"],
            contract_unit=row["base"],
            limits=OrderLimits(
                min_qty=Decimal(row.get("min_base_amount") or "0"),
                min_notional=Decimal(row.get("min_quote_amount") or "0"),
                max_notional=Decimal(row.get("max_quote_amount") or "0"),
                min_notional_market=True,
            ),
        )
