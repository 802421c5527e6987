"""Venues with market data alone: Gate spot, KuCoin spot and Deribit."""

from aats.sim.kucoin import KucoinExchange
from tests.conformance.rows import Row

ROWS = (
    Row(
        "GATE",
        symbols=("BTC_USDT", "ETH_USDT"),
        snapshot=lambda native: f"/api/v4/spot/order_book?currency_pair={native}&limit=100&with_id=true",
    ),
    Row(
        "KUCOIN",
        symbols=("BTC-USDT", "ETH-USDT"),
        snapshot=lambda native: f"/api/v1/market/orderbook/level2_100?symbol={native}",
        path=f"/?token={KucoinExchange.TOKEN}&connectId=rig",
    ),
    Row("DERIBIT", symbols=("BTC-PERPETUAL", "ETH-PERPETUAL")),
)
