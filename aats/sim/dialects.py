"""Which venues the simulated exchange can be, and where each dialect is.

A dialect is a class with the host's face (host.py) and a classmethod `make(venue, options)`; it is loaded when it is asked for.  One class may be
several venues of a family.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aats.errors import ConfigError
from aats.sim.faults import Faults
from aats.sim.host import Host

__all__ = ["DIALECTS", "Options", "dialect", "make"]

#: Venue to module and class.
DIALECTS: dict[str, str] = {
    "BINANCE": "aats.sim.binance:Exchange",
    "BINANCEUS": "aats.sim.binance_us:USExchange",
    "BINANCE_SWAP": "aats.sim.binance_futures.exchange:FuturesExchange",
    "BINANCE_COINM": "aats.sim.binance_futures.exchange:FuturesExchange",
    "COINBASE": "aats.sim.coinbase.exchange:CoinbaseExchange",
    "DERIBIT": "aats.sim.deribit:DeribitExchange",
    "GATE": "aats.sim.gate:GateExchange",
    "KRAKEN": "aats.sim.kraken.exchange:KrakenExchange",
    "KUCOIN": "aats.sim.kucoin:KucoinExchange",
    "OKX": "aats.sim.okx.exchange:OkxExchange",
    "OKX_SWAP": "aats.sim.okx.exchange:OkxExchange",
    "BYBIT": "aats.sim.bybit.exchange:BybitExchange",
    "BYBIT_SWAP": "aats.sim.bybit.exchange:BybitExchange",
}


@dataclass(frozen=True)
class Options:
    """What a simulated exchange is started with; None or empty: the dialect's own.

    Attributes
    ----------
    connects, weight, orders_limit, out_bytes : int, optional
        The venue's limits, where a dialect has them.
    tape : dict
        Of a recorded market: files, speed, loop, retime, hold; only dialects that have recordings take it.
    """

    symbols: tuple[str, ...] = ()
    seed: int = 1
    rate: int = 40
    depth: int | None = None
    faults: Faults = field(default_factory=Faults)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    readonly: Mapping[str, str] = field(default_factory=dict, repr=False)
    passphrase: str = field(default="", repr=False)
    deposits: Mapping[str, int] = field(default_factory=dict)
    fees: tuple[int, int] | None = None
    connects: int | None = None
    weight: int | None = None
    orders_limit: int | None = None
    out_bytes: int | None = None
    flat_errors: bool = False
    tape: Mapping[str, Any] = field(default_factory=dict)


def dialect(venue: str) -> type[Host]:
    """Return the class of a venue's dialect; ConfigError for a venue that there is not."""
    if venue not in DIALECTS:
        raise ConfigError(f"there is no simulated exchange for {venue!r}; there is one for {', '.join(DIALECTS)}")
    module, _, name = DIALECTS[venue].partition(":")
    return cast("type[Host]", getattr(importlib.import_module(module), name))


def make(venue: str, options: Options) -> Host:
    """Return a simulated exchange of a venue."""
    return dialect(venue).make(venue, options)
