"""ccxt on the simulated OKX: the list that every venue's dialect must serve, on spot and on a perpetual."""

from __future__ import annotations

from tests.venue.ccxt_harness import Expect, run

CONFIG = {"apiKey": "aats-sim", "secret": "aats-sim", "password": "aats-sim"}


def test_ccxt_does_the_whole_list_on_spot() -> None:
    run(Expect("OKX", "okx", "BTC/USDT", "BTC-USDT:100", config=CONFIG))


def test_ccxt_does_the_whole_list_on_a_perpetual() -> None:
    run(Expect("OKX_SWAP", "okx", "BTC/USDT:USDT", "BTC-USDT-SWAP:100", amount=1, config=CONFIG))
