"""Kraken spot over REST: asset pairs (exchanges/kraken_v2.md sections 1, 4, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from aats.venue.base import Endpoints, Instrument, OrderLimits, SnapshotRefused, our_name
from aats.venue.rest import RestClient

__all__ = ["KrakenClient", "answer_of", "v2_name"]

#: REST's own names of assets, beside what WebSocket v2 and everybody else calls them.
_OTHER_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
#: Statuses in which orders of some kind are taken.
_TRADING = frozenset(("online", "limit_only", "post_only", "reduce_only"))


def v2_name(wsname: str) -> str:
    """Return the symbol of WebSocket v2 for REST's ``wsname``: "XBT/USD" is "BTC/USD"."""
    return "/".join(_OTHER_NAMES.get(part, part) for part in wsname.split("/"))


def answer_of(what: str, body: Any) -> Any:
    """Return the result of an answer, or raise: Kraken says errors with status 200 (7)."""
    errors = [str(one) for one in body["error"] if not str(one).startswith("W")]
    if errors:
        limited = any("Rate limit" in one or "lockout" in one for one in errors)
        raise SnapshotRefused(f"{what}: {', '.join(errors)}", 10.0 if limited else 0.0)
    return body["result"]


class KrakenClient(RestClient):
    """Public REST of Kraken spot; there is no test network for it (1)."""

    name = "KRAKEN"
    PER_MINUTE = 60
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://api.kraken.com", "wss://ws.kraken.com", "wss://ws-auth.kraken.com", private="wss://ws-auth.kraken.com")
    }

    def _rows(self) -> Iterable[Instrument | None]:
        path = "/0/public/AssetPairs"
        rows = answer_of(f"GET {self.endpoints.rest}{path}", self._get(path))
        return [_instrument(row) for row in rows.values()]


def _instrument(row: dict[str, Any]) -> Instrument | None:
    if not row.get("wsname"):  # dark pools have none
        return None
    native = v2_name(row["wsname"])
    base, _, quote = native.partition("/")
    px_decimals, qty_decimals = int(row["pair_decimals"]), int(row["lot_decimals"])
    status = row.get("status", "online")
    return Instrument(
        symbol=our_name("KRAKEN", base, quote),
        native=native,
        base=base,
        quote=quote,
        tick=Decimal(row.get("tick_size") or Decimal(1).scaleb(-px_decimals)),
        lot=Decimal(1).scaleb(-qty_decimals),
        trading=status in _TRADING,
        limits=OrderLimits(min_qty=Decimal(row.get("ordermin") or 0), min_notional=Decimal(row.get("costmin") or 0)),
        status=status,
        px_decimals=px_decimals,
        qty_decimals=qty_decimals,
    )
