"""OKX over REST: instruments and book snapshots, spot and perpetuals (exchanges/okx.md sections 1, 3, 4 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from aats.venue.base import Endpoints, Instrument, OrderLimits, RateBudget, SnapshotRefused, our_name
from aats.venue.rest import RestClient

__all__ = ["SIMULATED", "OkxClient", "OkxSwapClient", "answer_of", "is_simulated"]

#: The test network is the same host; each request says that it is meant (1).
SIMULATED = {"x-simulated-trading": "1"}
#: "rate limit": the window is 2 s (7).
_LIMITED = frozenset(("50011", "50061"))
_WINDOW_S = 2.0
#: Levels a side that a stream carries, and a snapshot (2, 3).
_DEPTH = 400


def is_simulated(endpoints: Endpoints) -> bool:
    """Return whether these are addresses of the test network: its streams have hosts of their own ("wspap.okx.com")."""
    host = urlsplit(endpoints.stream).hostname or ""
    return host.partition(".")[0].endswith("pap")


def answer_of(what: str, body: Any) -> list[Any]:
    """Return the rows of an answer, or raise: OKX says most errors with status 200 (7)."""
    code = str(body["code"])
    if code != "0":
        raise SnapshotRefused(f"{what}: code {code}: {body.get('msg', '')}", _WINDOW_S if code in _LIMITED else 0.0)
    return list(body["data"])


class OkxClient(RestClient):
    """Public REST of OKX spot."""

    name = "OKX"
    snapshot_max = snapshot_limit = _DEPTH
    PER_MINUTE = 600
    KIND: ClassVar[str] = "SPOT"
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://www.okx.com", "wss://ws.okx.com:8443", "wss://ws.okx.com:8443"),
        "sandbox": Endpoints("https://www.okx.com", "wss://wspap.okx.com:8443", "wss://wspap.okx.com:8443"),
    }

    def __init__(self, endpoints: Endpoints, *, cafile: str = "", timeout_s: float = 5.0, budget: RateBudget | None = None) -> None:
        super().__init__(endpoints, cafile=cafile, timeout_s=timeout_s, budget=budget)
        if is_simulated(endpoints):
            self._http.headers.update(SIMULATED)

    def _rows(self) -> Iterable[Instrument | None]:
        path = "/api/v5/public/instruments"
        rows = answer_of(f"GET {self.endpoints.rest}{path}", self._get(path, {"instType": self.KIND}))
        return [_instrument(self.name, row) for row in rows if row["instType"] == self.KIND]

    def snapshot(self, native: str) -> bytes:
        return self._get_bytes("/api/v5/market/books", {"instId": native, "sz": str(_DEPTH)})


class OkxSwapClient(OkxClient):
    """Public REST of OKX's perpetuals, linear and inverse."""

    name = "OKX_SWAP"
    KIND = "SWAP"


def _number(text: str | None) -> Decimal:
    """Return a number of the venue; an empty text is none: 0."""
    return Decimal(text) if text else Decimal(0)


def _instrument(venue: str, row: dict[str, Any]) -> Instrument | None:
    """Return an instrument, None for one that has no price yet (a listing to come has no tick)."""
    spot = row["instType"] == "SPOT"
    base, quote = (row["baseCcy"], row["quoteCcy"]) if spot else row["uly"].split("-", 1)
    if not row["tickSz"] or not row["lotSz"]:
        return None
    return Instrument(
        symbol=our_name(venue, base, quote, "spot" if spot else "perpetual"),
        native=row["instId"],
        base=base,
        quote=quote,
        tick=Decimal(row["tickSz"]),
        lot=Decimal(row["lotSz"]),
        trading=row["state"] == "live",
        limits=OrderLimits(
            min_qty=_number(row["minSz"]),
            max_qty=_number(row.get("maxLmtSz")),
            market_max_qty=Decimal(0) if spot else _number(row.get("maxMktSz")),  # of spot it is an amount of money (4)
        ),
        status=row["state"],
        kind="spot" if spot else "perpetual",
        settle="" if spot else row["settleCcy"],
        contract_size=Decimal(1) if spot else _number(row["ctVal"]) * (_number(row["ctMult"]) or Decimal(1)),
        contract_unit=base if spot else row["ctValCcy"],
        inverse=row.get("ctType") == "inverse",
        number=int(row.get("instIdCode") or 0),
    )
