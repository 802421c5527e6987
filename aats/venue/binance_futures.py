"""Binance's futures over REST: BINANCE_SWAP (USD-M) and BINANCE_COINM (exchanges/binance_usdm_futures.md sections 1, 3, 4, 9)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from aats.venue.base import Endpoints, Instrument, our_name
from aats.venue.binance import BinanceRest, filters_of, limits_of

__all__ = ["BinanceCoinmClient", "BinanceSwapClient"]


class _Futures(BinanceRest):
    """What both houses have alike: contracts, and weights out of one pool (7)."""

    snapshot_max = 1000
    DEPTH_WEIGHT = ((50, 2), (100, 5), (500, 10), (1000, 20))  # (3)
    INFO_WEIGHT = 1
    WEIGHT_PER_MINUTE = 2000  # of 2400 (7)

    def _describe(self, row: dict[str, Any]) -> Instrument:
        filters = filters_of(row)
        native, pair = row["symbol"], row.get("pair", "")
        base, quote = row.get("baseAsset", ""), row.get("quoteAsset", "")
        kind = "perpetual" if "PERPETUAL" in row.get("contractType", "") or native == pair or native.endswith("_PERP") else "future"
        status = row.get("status", row.get("contractStatus", ""))
        size = Decimal(str(row.get("contractSize", 1)))
        inverse = "contractSize" in row and row.get("marginAsset") == base
        return Instrument(
            symbol=our_name(self.name, base, quote, kind, native.rpartition("_")[2]),
            native=native,
            base=base,
            quote=quote,
            tick=Decimal(filters.get("PRICE_FILTER", {}).get("tickSize", "0")),
            lot=Decimal(filters.get("LOT_SIZE", {}).get("stepSize", "0")),
            trading=status == "TRADING",
            limits=limits_of(filters),
            status=status,
            kind=kind,
            settle=row.get("marginAsset", ""),
            contract_size=size,
            contract_unit=quote if inverse else base,
            inverse=inverse,
        )


class BinanceSwapClient(_Futures):
    """REST of USD-M futures; quantities are in the base asset."""

    name = "BINANCE_SWAP"
    ROOT = "/fapi/v1"
    _HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints(
            "https://fapi.binance.com", "wss://fstream.binance.com", "wss://ws-fapi.binance.com", private="wss://fstream.binance.com"
        ),
        "sandbox": Endpoints(
            "https://demo-fapi.binance.com",
            "wss://demo-fstream.binance.com",
            "wss://testnet.binancefuture.com",
            private="wss://demo-fstream.binance.com",
        ),
    }


class BinanceCoinmClient(_Futures):
    """REST of COIN-M futures; quantities are contracts of so many dollars."""

    name = "BINANCE_COINM"
    ROOT = "/dapi/v1"
    _HOSTS: ClassVar[Mapping[str, Endpoints]] = {
        "direct": Endpoints(
            "https://dapi.binance.com", "wss://dstream.binance.com", "wss://ws-dapi.binance.com", private="wss://dstream.binance.com"
        ),
        "sandbox": Endpoints(
            "https://demo-dapi.binance.com",
            "wss://demo-dstream.binance.com",
            "wss://testnet.binancefuture.com",
            private="wss://demo-dstream.binance.com",
        ),
    }
