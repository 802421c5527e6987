"""Kraken spot, WebSocket v2 and REST: the dialect, written from the venue's documents (exchanges/kraken_v2.md).

exchange.py   paths, public channels, subscriptions        texts.py    names of assets, numbers, the checksum of a book
trade.py      private requests and channels over WebSocket  rest.py     REST: public, signed
"""
