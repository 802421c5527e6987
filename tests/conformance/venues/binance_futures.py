"""Binance's futures: USD-M and COIN-M."""

from tests.conformance.rows import Row

ROWS = (
    Row("BINANCE_SWAP", symbols=("BTCUSDT", "ETHUSDT"), snapshot=lambda native: f"/fapi/v1/depth?symbol={native}&limit=1000"),
    Row(
        "BINANCE_COINM",
        symbols=("BTCUSD_PERP", "ETHUSD_PERP"),
        snapshot=lambda native: f"/dapi/v1/depth?symbol={native}&limit=1000",
        size="2",
    ),
)
