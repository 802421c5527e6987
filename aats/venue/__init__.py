"""The control plane of each venue: instruments and snapshots over REST, a handful of requests a minute.

The data plane of the same venue is csrc/venue/<venue>.c.  `connect` gives the client by name.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from aats.errors import ConfigError
from aats.venue.base import Endpoints, Instrument, OrderLimits, SnapshotRefused, VenueClient, find_listed, our_name, resolve, wanted_name
from aats.venue.binance import BinanceClient, BinanceUSClient
from aats.venue.binance_futures import BinanceCoinmClient, BinanceSwapClient
from aats.venue.bybit import BybitClient, BybitSwapClient
from aats.venue.coinbase import CoinbaseClient
from aats.venue.deribit import DeribitClient
from aats.venue.gate import GateClient
from aats.venue.kraken import KrakenClient
from aats.venue.kucoin import KucoinClient
from aats.venue.okx import OkxClient, OkxSwapClient

if TYPE_CHECKING:
    from aats.venue.account import VenueAccount

__all__ = [
    "ACCOUNTS",
    "CLIENTS",
    "Endpoints",
    "Instrument",
    "OrderLimits",
    "SnapshotRefused",
    "VenueClient",
    "account_class",
    "client_class",
    "find_listed",
    "our_name",
    "resolve",
    "wanted_name",
]

CLIENTS: dict[str, type[VenueClient]] = {
    "BINANCE": BinanceClient,
    "BINANCEUS": BinanceUSClient,
    "BINANCE_SWAP": BinanceSwapClient,
    "BINANCE_COINM": BinanceCoinmClient,
    "BYBIT": BybitClient,
    "BYBIT_SWAP": BybitSwapClient,
    "COINBASE": CoinbaseClient,
    "DERIBIT": DeribitClient,
    "GATE": GateClient,
    "KRAKEN": KrakenClient,
    "KUCOIN": KucoinClient,
    "OKX": OkxClient,
    "OKX_SWAP": OkxSwapClient,
}
#: Where each venue's account is looked at from outside: module and class, imported when asked for.
ACCOUNTS: dict[str, tuple[str, str]] = {
    "BINANCE": ("aats.venue.binance_account", "BinanceAccount"),
    "BINANCEUS": ("aats.venue.binance_account", "BinanceUSAccount"),
    "BINANCE_SWAP": ("aats.venue.binance_account", "BinanceSwapAccount"),
    "BINANCE_COINM": ("aats.venue.binance_account", "BinanceCoinmAccount"),
    "BYBIT": ("aats.venue.bybit_account", "BybitAccount"),
    "BYBIT_SWAP": ("aats.venue.bybit_account", "BybitSwapAccount"),
    "OKX": ("aats.venue.okx_account", "OkxAccount"),
    "OKX_SWAP": ("aats.venue.okx_account", "OkxSwapAccount"),
    "KRAKEN": ("aats.venue.kraken_account", "KrakenAccount"),
    "COINBASE": ("aats.venue.coinbase_account", "CoinbaseAccount"),
}


def client_class(venue: str) -> type[VenueClient]:
    """Return the client of a venue, or raise `ConfigError` with the ones that there are."""
    try:
        return CLIENTS[venue]
    except KeyError:
        raise ConfigError(f"venue {venue!r} is not known; known: {', '.join(sorted(CLIENTS))}") from None


def account_class(venue: str) -> type[VenueAccount]:
    """Return what looks at an account of a venue, or raise `ConfigError` with the venues that have one."""
    try:
        module, name = ACCOUNTS[venue]
    except KeyError:
        raise ConfigError(f"accounts of {venue!r} cannot be looked at; those of {', '.join(sorted(ACCOUNTS))} can") from None
    found: type[VenueAccount] = getattr(importlib.import_module(module), name)
    return found
