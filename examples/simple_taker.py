"""A taker: every three seconds an order that crosses the spread, to buy and to sell in turn.

    terminal 1:  aats sim
    terminal 2:  the lines that `aats sim` printed, then
                 python examples/simple_taker.py        Ctrl-C ends it
    afterwards:  aats stop --all

Expect a line a fill, such as `buy 0.001 at 61000.02, fee 0.000001 BTC`, and `closing` at the end.
MODE=paper trades on paper, MODE=sandbox on the exchange's test network (with a key of it, see docs/strategy.md); without MODE nothing leaves this host.
"""

import os

from aats import BaseStrategy, Order, TradeService


class Taker(BaseStrategy):
    def __init__(self, size="0.001", every_s=3):
        self.size, self.every_s = size, every_s
        self.side = "buy"

    def onStart(self):
        self.set_timer("cross", self.every_s * 1000)

    def onTimer(self, name):
        info = self.si[self.trade_cid]
        if info.valid:  # never trade on a book that is not good
            price = info.ask_px if self.side == "buy" else info.bid_px
            self.send_order(Order(self.trade_exchange, self.trade_symbol, price, self.size, self.side, "ioc"))

    def onOrderExec(self, msg):
        fill = msg["order"]
        print(f"{fill['side']} {fill['fill_size']} at {fill['fill_price']}, fee {fill['fee']} {fill['fee_asset']}", flush=True)
        self.side = "sell" if fill["side"] == "buy" else "buy"

    def onOrderRejected(self, msg):
        print("rejected:", msg["order"]["msg"], flush=True)

    def close(self):  # an IOC order leaves nothing open
        print("closing", flush=True)


if __name__ == "__main__":
    service = TradeService({1001: "BTCUSDT.BINANCE"})
    service.config_exchange("BINANCE", os.environ.get("MODE", "sim"))
    service.add_trade_symbol("BTCUSDT", "BINANCE", level_num=5)
    service.add_strategy(Taker(every_s=float(os.environ.get("EVERY_S", "3"))))
    try:
        service.run()
    except KeyboardInterrupt:
        pass
