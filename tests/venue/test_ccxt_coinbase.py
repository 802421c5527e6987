"""ccxt on the simulated Coinbase: the list that every venue's dialect must serve."""

from __future__ import annotations

from aats.keys import SIM_SECRETS
from tests.venue.ccxt_harness import Expect, run


def test_ccxt_does_the_whole_list() -> None:
    key = {"apiKey": "organizations/aats/apiKeys/aats-sim", "secret": SIM_SECRETS["COINBASE"]}
    run(Expect("COINBASE", "coinbase", "BTC/USD", "BTC-USD:100", config=key, balance={"v3": True}))
