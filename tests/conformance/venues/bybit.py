"""Bybit spot and its linear perpetuals."""

from tests.conformance.rows import Row

ROWS = (
    Row("BYBIT", symbols=("BTCUSDT", "ETHUSDT"), size="0.01"),
    Row("BYBIT_SWAP", symbols=("BTCUSDT", "ETHUSDT"), size="0.01"),
)
