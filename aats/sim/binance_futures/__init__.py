"""Binance's futures, USD-M and COIN-M: the dialect, written from the venue's documents (exchanges/binance_usdm_futures.md, section 12).

exchange.py   paths, public streams, user data streams         texts.py   rows of orders, instruments and positions, error codes
trade.py      orders: WebSocket API and signed REST
"""
