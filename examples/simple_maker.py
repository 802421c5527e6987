"""A maker: one post-only order a side at the best price, canceled and replaced when the best price has moved.

    terminal 1:  aats sim
    terminal 2:  the lines that `aats sim` printed, then
                 python examples/simple_maker.py        Ctrl-C ends it
    afterwards:  aats stop --all

Expect lines such as `buy 0.001 at 61000.01 stands`, `buy 0.001 at 61000.01 canceled`, now and then `sell 0.001 at 61000.02 filled`, and `closing`
at the end: its orders are canceled, and the exchange is asked whether they are.
MODE=paper trades on paper, MODE=sandbox on the exchange's test network (with a key of it, see docs/strategy.md); without MODE nothing leaves this host.
The same by a file: aats trade examples/simple_maker.toml
"""

import os
import time

from aats import BaseStrategy, Order, TradeService


class Maker(BaseStrategy):
    def __init__(self, size="0.001", rest_s=1.0):
        self.size, self.rest_s = size, rest_s
        self.quotes = {}  # side -> (order_id, price, when); an order is in here from send_order until onOrderClosed
        self.asked = set()  # those that we want canceled

    def onQuote(self, msg):
        if msg["cid"] == self.trade_cid and msg["length"]:
            self.quote("buy", msg.get("bid_0_px"))
            self.quote("sell", msg.get("ask_0_px"))

    def quote(self, side, price):
        if side not in self.quotes:
            if price is not None:
                order = Order(self.trade_exchange, self.trade_symbol, price, self.size, side, "pos")
                self.quotes[side] = self.send_order(order), price, time.monotonic()
            return
        order_id, at, since = self.quotes[side]
        if price != at and order_id not in self.asked and time.monotonic() - since > self.rest_s:
            self.asked.add(order_id)
            self.send_cancel_order(order_id)  # onOrderClosed makes room for the next one

    def onOrderAcked(self, msg):
        self.say(msg, "stands")

    def onOrderExec(self, msg):
        self.say(msg, "filled" if msg["order"]["leaves_size"] == "0" else "filled in part")

    def onOrderCanceled(self, msg):
        self.say(msg, "canceled")

    def onOrderRejected(self, msg):  # a post-only order that would have traded at once is one
        self.say(msg, "rejected: " + msg["order"]["msg"])

    def onOrderClosed(self, msg):  # the last word on an order, exactly once
        order = msg["order"]
        self.asked.discard(order["order_id"])
        if self.quotes.get(order["side"], (0,))[0] == order["order_id"]:
            del self.quotes[order["side"]]

    def say(self, msg, what):
        order = msg["order"]
        print(order["side"], order["size"], "at", order["price"], what, flush=True)

    def close(self):
        print("closing", flush=True)
        for order_id, _, _ in self.quotes.values():
            if order_id not in self.asked:
                self.send_cancel_order(order_id)


if __name__ == "__main__":
    service = TradeService({1001: "BTCUSDT.BINANCE"})
    service.config_exchange("BINANCE", os.environ.get("MODE", "sim"))
    service.add_trade_symbol("BTCUSDT", "BINANCE", level_num=5)
    service.add_strategy(Maker())
    try:
        service.run()
    except KeyboardInterrupt:
        pass
