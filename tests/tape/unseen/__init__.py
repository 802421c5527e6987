"""Made-up traffic of each venue, as nasty as its documents allow, and the books that it ought to give.

For: test_unseen.py.  Written from exchanges/*.md alone and from nothing in csrc/: a market here knows its own book, a venue writes what it would
send of it, and what a reader ought to hold is what the venue has told.  Not a simulated exchange: no orders, no clock, no socket.

A tape of a seed is always the same.  Prices have up to twelve decimals and sizes up to thirteen digits, sides run empty, levels that nobody knows are
deleted, one price comes twice in a message; connections end and begin again, books are had anew, and other channels, errors and heartbeats lie between.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.tape.unseen.binance import binance, binance_swap, binance_us
from tests.tape.unseen.bybit import bybit
from tests.tape.unseen.coinbase import coinbase
from tests.tape.unseen.deribit import deribit
from tests.tape.unseen.gate import gate
from tests.tape.unseen.kraken import kraken
from tests.tape.unseen.kucoin import kucoin
from tests.tape.unseen.market import Tape, Want
from tests.tape.unseen.okx import okx

__all__ = ["VENUES", "Tape", "Want"]

VENUES: dict[str, Callable[[str], Tape]] = {
    "OKX": okx,
    "BYBIT": bybit,
    "COINBASE": coinbase,
    "KRAKEN": kraken,
    "DERIBIT": deribit,
    "BINANCE": binance,
    "BINANCEUS": binance_us,
    "BINANCE_SWAP": binance_swap,
    "GATE": gate,
    "KUCOIN": kucoin,
}
