"""Symbols by the venue's own spelling: what a user says of one has to mean it, whichever of its names is used."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from aats import instrument_store, risk
from aats.errors import ConfigError
from aats.trade_service import TradeService
from aats.venue import Instrument

from .orders_kit import Trader

SWAP = Instrument("BTCUSDTSWAP.OKX_SWAP", "BTC-USDT-SWAP", "BTC", "USDT", Decimal("0.1"), Decimal("0.01"), True, kind="perpetual")


def test_a_limit_by_the_venues_name_of_a_symbol_is_the_symbols() -> None:
    table = {"symbols": {"BTC-USDT-SWAP.OKX_SWAP": {"position": "5"}}}
    (scope,) = risk.settings(table, names={"BTC-USDT-SWAP.OKX_SWAP": "BTCUSDTSWAP.OKX_SWAP"}).others
    assert scope == risk.Scope("symbol", "BTCUSDTSWAP.OKX_SWAP")


def test_so_it_is_where_the_name_is_known_from_a_list_of_before(home: Path) -> None:
    assert risk.symbol_scope("BTC-USDT-SWAP.OKX_SWAP").name == "BTC-USDT-SWAP.OKX_SWAP", "nothing is known of it"
    instrument_store.remember("OKX_SWAP", "direct", "https://venue.example", [SWAP])
    assert risk.symbol_scope("BTC-USDT-SWAP.OKX_SWAP").name == "BTCUSDTSWAP.OKX_SWAP"
    assert risk.symbol_scope("BTCUSDTSWAP.OKX_SWAP").name == "BTCUSDTSWAP.OKX_SWAP"
    assert risk.symbol_scope("BTC-USDT-SWAP.OKX").name == "BTC-USDT-SWAP.OKX", "of another exchange"


def test_one_process_trades_in_one_mode() -> None:
    service = TradeService({1: "BTCUSDT.BINANCE", 2: "BTCUSDTSWAP.OKX_SWAP"}, name="two")
    service.config_exchange("BINANCE", "paper")
    service.config_exchange("OKX_SWAP", "sandbox")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_trade_symbol("BTCUSDTSWAP", "OKX_SWAP")
    service.add_strategy(Trader())
    with pytest.raises(ConfigError, match="BINANCE in paper, OKX_SWAP in sandbox"):
        service.run()
