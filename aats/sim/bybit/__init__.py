"""Bybit V5 as the simulated exchange speaks it: spot and linear perpetuals, written from exchanges/bybit_v5.md (above all its section 10).

exchange.py  the class: paths, public topics         trade.py  the trade and private sockets, events
rest.py      REST                                    texts.py  rows, ids and codes
"""
