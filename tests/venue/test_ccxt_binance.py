"""ccxt on the simulated Binance Spot: the list that every venue's dialect must serve (tests/sim has more of Binance)."""

from __future__ import annotations

from tests.venue.ccxt_harness import Expect, run


def test_ccxt_does_the_whole_list() -> None:
    run(Expect("BINANCE", "binance", "BTC/USDT", "BTCUSDT:100"))
