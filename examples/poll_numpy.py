"""Busy-poll one live book with numpy, without a strategy.

    terminal 1:  aats demo
    terminal 2:  python examples/poll_numpy.py [SYMBOL.EXCHANGE]        Ctrl-C ends it

Expect a line a second, such as

    BTCUSDT.BINANCE  good  bid 61000.01 x 0.23400  ask 61000.02 x 0.11900  10 changes/s  2816000 polls/s
"""

import sys
import time

import aats

symbol = sys.argv[1] if len(sys.argv) > 1 else "BTCUSDT.BINANCE"

try:
    book = aats.attach().book(symbol)
except aats.AatsError as error:
    raise SystemExit(str(error)) from None  # no feed runs, or none has the symbol: it says which there are

polls = changes = 0
begin = time.monotonic()
try:
    while True:
        for _ in range(1000):
            changes += book.poll()  # has it changed?  0.1 us when it has not
        polls += 1000
        seconds = time.monotonic() - begin
        if seconds >= 1:
            now = book.copy()  # bids and asks: float64 arrays of shape (length, 2), price and quantity, best first
            if now.valid:
                (bid_px, bid_qty), (ask_px, ask_qty) = now.bids[0], now.asks[0]
                print(f"{symbol}  good  bid {bid_px:.2f} x {bid_qty:.5f}  ask {ask_px:.2f} x {ask_qty:.5f}", end="  ")
            else:
                print(f"{symbol}  not good: {now.why.name.lower()}", end="  ")
            print(f"{changes / seconds:.0f} changes/s  {polls / seconds:.0f} polls/s", flush=True)
            polls, changes, begin = 0, 0, time.monotonic()
except KeyboardInterrupt:
    pass
