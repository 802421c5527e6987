"""ccxt at the simulated Bybit, with only its URLs and its CA changed."""

from __future__ import annotations

import pytest

from tests.venue.ccxt_harness import Expect, run


@pytest.mark.parametrize(
    "expect",
    [
        Expect("BYBIT", "bybit", "BTC/USDT", "BTCUSDT"),
        Expect("BYBIT_SWAP", "bybit", "BTC/USDT:USDT", "BTCUSDT"),
    ],
    ids=lambda one: one.venue,
)
def test_ccxt_does_the_whole_list(expect: Expect) -> None:
    run(expect)
