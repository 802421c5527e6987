"""A first strategy: it prints best prices and trades as they come.

    terminal 1:  aats demo
    terminal 2:  python examples/strategy.py        Ctrl-C ends it

Expect many lines such as `quote 61000.01 61000.02` and `trade buy 0.01500 at 61000.02`, and `closing` at the end.
"""

from aats import BaseStrategy, TradeService


class First(BaseStrategy):
    def onQuote(self, msg):  # a valid book's published depth changed
        print("quote", msg["bid_0_px"], msg["ask_0_px"], flush=True)

    def onTick(self, msg):  # a public trade; tradeType is the aggressor: 1 bought, -1 sold
        print("trade", "buy" if msg["tradeType"] == 1 else "sell", f"{msg['qty']:.5f} at {msg['px']}", flush=True)

    def close(self):  # your way to leave the market
        print("closing", flush=True)


service = TradeService({1001: "BTCUSDT.BINANCE"})
service.config_exchange("BINANCE", "sim")  # the demo's market; "direct" is the live venue
service.add_md_symbol("BTCUSDT", "BINANCE", level_num=5)
service.add_strategy(First())
try:
    service.run()
except KeyboardInterrupt:
    pass
