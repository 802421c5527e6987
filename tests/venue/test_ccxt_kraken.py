"""ccxt on the simulated Kraken: the list that every venue's dialect must serve."""

from __future__ import annotations

import base64

from tests.venue.ccxt_harness import Expect, run


def test_ccxt_does_the_whole_list() -> None:
    secret = base64.b64encode(b"aats-sim").decode()  # Kraken's secrets are base64
    run(Expect("KRAKEN", "kraken", "BTC/USD", "BTC/USD:100", config={"apiKey": "aats-sim", "secret": secret}))
