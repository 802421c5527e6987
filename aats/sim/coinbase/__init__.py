"""Coinbase Advanced Trade, simulated: written from its documents, knows nothing of our client.

auth.py      who a request is from: tokens signed with a key, made for one address
texts.py     orders, fills, products, errors as the venue writes them
desk.py      orders and what accounts are told of them
rest.py      REST
exchange.py  WebSocket: market data and the user channel
"""
