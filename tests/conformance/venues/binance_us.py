"""Binance US."""

from tests.conformance.rows import Row

ROWS = (Row("BINANCEUS", symbols=("BTCUSDT", "ETHUSDT"), snapshot=lambda native: f"/api/v3/depth?symbol={native}&limit=1000"),)
