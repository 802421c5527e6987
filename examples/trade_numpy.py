"""Trade from numpy, without callbacks: the script polls a book and sends orders when it likes.

    terminal 1:  aats sim
    terminal 2:  the lines that `aats sim` printed, then
                 python examples/trade_numpy.py        Ctrl-C ends it
    afterwards:  aats stop --all

Expect a line an order, such as `imbalance +0.71: bought 0.001 at 61000.02` or `imbalance -0.64: sold nothing at 61000.01`, at most one in two seconds.
MODE=paper trades on paper, MODE=sandbox on the exchange's test network (with a key of it, see docs/strategy.md); without MODE nothing leaves this host.
"""

import os
import queue
import threading
import time

import aats


class Desk(aats.BaseStrategy):
    """Carries the orders; hands what became of each to the script by a queue."""

    def __init__(self):
        self.started, self.done = threading.Event(), queue.Queue()

    def onStart(self):
        self.started.set()

    def onOrderClosed(self, msg):
        self.done.put(msg["order"])

    def close(self):  # an IOC order leaves nothing open
        pass


desk = Desk()
service = aats.TradeService({1001: "BTCUSDT.BINANCE"}, name="trade_numpy")
service.config_exchange("BINANCE", os.environ.get("MODE", "sim"))
service.add_trade_symbol("BTCUSDT", "BINANCE", level_num=5)
service.add_strategy(desk)
engine = threading.Thread(target=service.run)
engine.start()
while not desk.started.wait(0.1):
    if not engine.is_alive():
        raise SystemExit(1)  # it has said why

book = aats.attach().book("BTCUSDT.BINANCE")
try:
    while engine.is_alive():
        if not book.poll():
            time.sleep(0.001)
            continue
        now = book.copy()  # bids and asks: float64 arrays of shape (length, 2), price and quantity, best first
        if not now.valid:
            continue
        bids, asks = now.bids[:, 1].sum(), now.asks[:, 1].sum()
        imbalance = (bids - asks) / (bids + asks)
        if abs(imbalance) < 0.2:
            continue
        side, price = ("buy", now.asks[0, 0]) if imbalance > 0 else ("sell", now.bids[0, 0])
        desk.send_order(aats.Order("BINANCE", "BTCUSDT", price, "0.001", side, "ioc"))  # from this thread: queued to the engine's
        order = desk.done.get(timeout=30)
        verb, size = {"buy": "bought", "sell": "sold"}[side], order["cum_size"]
        print(f"imbalance {imbalance:+.2f}: {verb} {'nothing' if size == '0' else size} at {order['price']}", flush=True)
        time.sleep(2)
except KeyboardInterrupt:
    pass
finally:
    service.stop()
    engine.join()
