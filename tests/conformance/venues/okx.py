"""OKX spot and its perpetuals."""

from tests.conformance.rows import Row

ROWS = (
    Row("OKX", symbols=("BTC-USDT", "ETH-USDT")),
    Row("OKX_SWAP", symbols=("BTC-USDT-SWAP", "ETH-USDT-SWAP"), size="1"),
)
