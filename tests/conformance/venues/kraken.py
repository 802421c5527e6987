"""Kraken spot."""

from tests.conformance.rows import Row

ROWS = (Row("KRAKEN", symbols=("BTC/USD", "ETH/USD"), judged=10),)
