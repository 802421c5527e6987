"""KuCoin spot over REST: the list of symbols, depth snapshots, and the token that opens a connection (exchanges/kucoin.md sections 1, 3 and 4).

Market data only.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import httpx
import orjson

from aats.venue.base import BudgetSpent, Endpoints, Instrument, OrderLimits, SnapshotRefused, our_name
from aats.venue.rest import RestClient

__all__ = ["KucoinClient"]

log = logging.getLogger("aats.venue")

_GOOD = "200000"
_BUSY_S = 10.0


class KucoinClient(RestClient):
    """REST of KuCoin spot; the public half needs no key.  There is no test network: it was shut down in 2023 (1)."""

    name = "KUCOIN"
    #: What is public; the whole book wants a key (2).
    snapshot_limit = 100
    snapshot_max = 100
    #: Of the public pool of 2000 in 30 s (1); a snapshot weighs 2.
    PER_MINUTE: ClassVar[int] = 1000
    HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints("https://api.kucoin.com", "wss://ws-api-spot.kucoin.com"),
    }

    def token_path(self, way: int) -> str:
        """Return ``/?token=..&connectId=..``: a token opens one connection, within 24 h (1)."""
        wait = self._budget.wait_s(1)
        if wait > 0:
            raise BudgetSpent(f"what this host may ask the venue in a minute is used up; {wait:.1f} s to go", wait)
        what = f"POST {self.endpoints.rest}/api/v1/bullet-public"
        try:
            answer = self._http.post("/api/v1/bullet-public")
            body = orjson.loads(answer.content)
            token, servers = body["data"]["token"], body["data"]["instanceServers"]
            host = urlsplit(servers[0]["endpoint"]).hostname
        except httpx.HTTPError as exc:
            raise SnapshotRefused(f"{what}: {type(exc).__name__}: {exc}") from exc
        except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
            after = answer.headers.get("Retry-After", "")
            retry = float(after) if after.replace(".", "", 1).isdigit() else _BUSY_S * (answer.status_code == 429)
            raise SnapshotRefused(
                f"{what}: HTTP {answer.status_code}: {' '.join(answer.text.split())[:120] or 'empty body'}", retry
            ) from None
        if host != urlsplit(self.endpoints.stream).hostname:
            log.info("%s: the venue names %s for market data; %s is used", self.name, host, self.endpoints.stream)
        return f"/?token={quote(token, safe='')}&connectId={secrets.token_hex(8)}"

    def snapshot(self, native: str) -> bytes:
        body = self._get_bytes("/api/v1/market/orderbook/level2_100", {"symbol": native}, weight=2)
        self._good(body[:64], "/api/v1/market/orderbook/level2_100")
        return body

    def _good(self, head: bytes, path: str) -> None:
        if f'"code":"{_GOOD}"'.encode() not in head.replace(b" ", b""):
            raise SnapshotRefused(f"GET {self.endpoints.rest}{path}: {head.decode('utf-8', 'replace')}", _BUSY_S * (b"429" in head))

    def _rows(self) -> Iterable[Instrument | None]:
        answer = self._get("/api/v2/symbols", weight=4)
        if answer["code"] != _GOOD:
            raise SnapshotRefused(f"GET {self.endpoints.rest}/api/v2/symbols: code {answer['code']}: {answer.get('msg', '')}")
        return [self._instrument(row) for row in answer["data"]]

    def _instrument(self, row: Mapping[str, Any]) -> Instrument:
        return Instrument(
            symbol=our_name(self.name, row["baseCurrency"], row["quoteCurrency"]),
            native=row["symbol"],
            base=row["baseCurrency"],
            quote=row["quoteCurrency"],
            tick=Decimal(row["priceIncrement"]),
            lot=Decimal(row["baseIncrement"]),
            trading=bool(row["enableTrading"]),
            status="enabled" if row["enableTrading"] else "disabled",
            contract_unit=row["baseCurrency"],
            limits=OrderLimits(
                min_qty=Decimal(row["baseMinSize"]),
                max_qty=Decimal(row["baseMaxSize"]),
                min_notional=Decimal(row.get("minFunds") or "0"),
                min_notional_market=True,
            ),
        )
