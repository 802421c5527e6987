"""ccxt on the simulated dialects of Binance's other houses: the list that every venue's dialect must serve."""

from __future__ import annotations

from tests.venue.ccxt_harness import Expect, run


def test_ccxt_does_the_whole_list_on_usd_m_futures() -> None:
    run(Expect("BINANCE_SWAP", "binanceusdm", "BTC/USDT:USDT", "BTCUSDT:100"))


def test_ccxt_does_the_whole_list_on_coin_m_futures() -> None:
    run(Expect("BINANCE_COINM", "binancecoinm", "BTC/USD:BTC", "BTCUSD_PERP:100", amount=2))


def test_ccxt_does_the_whole_list_on_binance_us() -> None:
    run(Expect("BINANCEUS", "binanceus", "BTC/USDT", "BTCUSDT:100"))
