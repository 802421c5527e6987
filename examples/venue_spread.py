"""Two venues at once: sell where the bid is higher, buy where the ask is lower, by IOC orders of the same size.

    terminal 1:  aats sim --venue BINANCE --venue OKX
    terminal 2:  the lines that `aats sim` printed, then
                 python examples/venue_spread.py        Ctrl-C ends it
    afterwards:  aats stop --all

Both books, both accounts' orders and everything else come to one strategy in one order of time.  Expect lines such as

    OKX bid 61012.4 over BINANCE ask 61003.12: 9.28
    sell 0.001 at OKX: filled 0.001 at 61012.4
    buy 0.001 at BINANCE: filled 0.001 at 61003.12

The two simulated markets know nothing of each other, so such moments are many; real ones are few and short, and fees eat small ones.
Without MODE nothing leaves this host; MODE=paper trades on paper.
"""

import os

from aats import BaseStrategy, Order, TradeService

VENUES = ("BINANCE", "OKX")
EDGE = 0.5  # what the difference must be at least: with real fees more than both of them
SIZE = "0.001"


class Spread(BaseStrategy):
    def __init__(self):
        self.open = set()  # orders that have not ended: one pair at a time

    def onQuote(self, msg):
        here, there = self.trade_cids
        for sell, buy in ((here, there), (there, here)):
            bid, ask = self.si[sell], self.si[buy]
            if self.open or not (bid.valid and ask.valid) or bid.bid_px - ask.ask_px < EDGE:
                continue  # a book that is not good is no price
            print(f"{bid.exch} bid {bid.bid_px} over {ask.exch} ask {ask.ask_px}: {bid.bid_px - ask.ask_px:.2f}", flush=True)
            for info, price, side in ((bid, bid.bid_px, "sell"), (ask, ask.ask_px, "buy")):
                self.open.add(self.send_order(Order(info.exch, info.sym, price, SIZE, side, "ioc")))

    def onOrderClosed(self, msg):
        order = msg["order"]
        self.open.discard(order["order_id"])
        got = f"filled {order['cum_size']} at {order['avg_price']}" if order["cum_size"] != "0" else order["msg"] or "not filled"
        print(f"{order['side']} {order['size']} at {order['exchange']}: {got}", flush=True)

    def close(self):
        print("closing", flush=True)  # IOC orders rest nowhere: there is nothing to cancel


if __name__ == "__main__":
    service = TradeService({1001: "BTCUSDT.BINANCE", 1002: "BTCUSDT.OKX"})
    for venue in VENUES:
        service.config_exchange(venue, os.environ.get("MODE", "sim"))
        service.add_trade_symbol("BTCUSDT", venue, level_num=5)
    service.add_strategy(Spread())
    try:
        service.run()
    except KeyboardInterrupt:
        pass
