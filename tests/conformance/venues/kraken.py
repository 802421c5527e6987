"""Kraken spot."""

from tests.conformance.rows import Row

ROWS = (Row("KRAKEN", symbols=("BTC/USD", "ETH/USD"), judged=10, secret="YWF0cy1zaW0=", wrong_secret="d3Jvbmc="),)
