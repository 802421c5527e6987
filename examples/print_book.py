"""Print one live order book: the shortest look into shared memory.

    terminal 1:  aats demo
    terminal 2:  python examples/print_book.py [SYMBOL.EXCHANGE]

Expect a head line and five lines of levels, best first, such as

    BTCUSDT.BINANCE  good  update 5127
          0.23400     61000.01 | 61000.02     0.11900
"""

import sys

import aats

symbol = sys.argv[1] if len(sys.argv) > 1 else "BTCUSDT.BINANCE"

try:
    book = aats.attach().book(symbol).copy()  # both sides of one moment, yours to keep
except aats.AatsError as error:
    raise SystemExit(str(error)) from None  # no feed runs, or none has the symbol: it says which there are

print(symbol, "good" if book.valid else f"not good: {book.why.name.lower()}", f"update {book.seq}", sep="  ")
for (bid_px, bid_qty), (ask_px, ask_qty) in zip(book.bids, book.asks):
    print(f"{bid_qty:13.5f} {bid_px:12.2f} | {ask_px:<12.2f} {ask_qty:.5f}")
