"""The strategies of `aats demo`: ordinary ones, each in a process of its own, on an account of its own.

    maker   one post-only order a side at the touch; canceled and replaced when the touch has moved away from it
    taker   every now and then an IOC order that crosses the spread, to buy and to sell in turn

For: showing orders at work.  Not for earning anything: the taker pays the spread and the fee each time.  Each prints a line an order to its log.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.control import bind_to_parent
from aats.errors import ConfigError
from aats.trade_service import TradeService

__all__ = ["STRATEGIES", "Maker", "Taker", "main"]

#: Notional of the first order in the quote asset; what is not listed here counts as a dollar.
_NOTIONAL = {"BTC": 0.0005, "ETH": 0.02, "BNB": 0.2}
_NOTIONAL_ELSE = 25.0


class _Trader(BaseStrategy):
    """What both have in common: the size of an order, and a log line for what becomes of one."""

    def onStart(self) -> None:
        symbol = self.trade_symbol or ""
        quote = next((asset for asset in _NOTIONAL if symbol.endswith(asset)), "")
        self.notional = _NOTIONAL.get(quote, _NOTIONAL_ELSE)

    def place(self, side: str, price: float, tif: str) -> int:
        """Send an order of the usual notional, which the engine fits to the lot, and return its id."""
        return self.send_order(Order(self.trade_exchange or "", self.trade_symbol or "", price, self.notional / price, side, tif))

    def onOrderRejected(self, msg: dict[str, Any]) -> None:
        self.say("rejected", msg)
        if msg["order"]["code"] in ("notional", "size_range"):  # this market wants larger orders
            self.notional *= 4

    def onOrderExec(self, msg: dict[str, Any]) -> None:
        self.say("fill", msg)

    def onOrderCanceled(self, msg: dict[str, Any]) -> None:
        self.say("canceled", msg)

    def say(self, what: str, msg: dict[str, Any]) -> None:
        order = msg["order"]
        detail = f"{order['fill_size']} at {order['fill_price']}" if what == "fill" else order["msg"] or order["code"]
        print(f"{time.strftime('%H:%M:%S')}  {what:9} {order['side']:4} {order['size']} at {order['price']}  {detail}", flush=True)


class Maker(_Trader):
    """Quotes both sides of the touch, each by one post-only order that rests at least `REST_S`; no more than one a side in `PAUSE_S`."""

    REST_S = 1.0
    PAUSE_S = 0.5

    def onStart(self) -> None:
        super().onStart()
        self.quotes: dict[str, tuple[int, float]] = {}  # side -> id, price
        self.sent = dict.fromkeys(("buy", "sell"), 0.0)
        self.asked: set[int] = set()
        self.leaving = False

    def onQuote(self, msg: dict[str, Any]) -> None:
        if msg["cid"] != self.trade_cid or self.leaving or "bid_0_px" not in msg or "ask_0_px" not in msg:
            return
        now = time.monotonic()
        for side, touch in (("buy", msg["bid_0_px"]), ("sell", msg["ask_0_px"])):
            if side not in self.quotes:
                if now - self.sent[side] > self.PAUSE_S:
                    self.quotes[side] = self.place(side, touch, "pos"), touch
                    self.sent[side] = now
                continue
            order_id, price = self.quotes[side]
            if price != touch and order_id not in self.asked and now - self.sent[side] > self.REST_S:
                self.asked.add(order_id)
                self.send_cancel_order(order_id)  # its onOrderClosed makes room, the next quote places the next one

    def onOrderClosed(self, msg: dict[str, Any]) -> None:
        order = msg["order"]
        self.asked.discard(order["order_id"])
        if self.quotes.get(order["side"], (0,))[0] == order["order_id"]:
            del self.quotes[order["side"]]

    def close(self) -> None:
        self.leaving = True
        for order_id, _ in self.quotes.values():
            if order_id not in self.asked:
                self.send_cancel_order(order_id)


class Taker(_Trader):
    """Crosses the spread by IOC every `EVERY_S`, to buy and to sell in turn."""

    EVERY_S = 1.2

    def onStart(self) -> None:
        super().onStart()
        self.buys = True
        self.busy = False
        self.leaving = False
        self.next = time.monotonic() + self.EVERY_S / 2

    def onQuote(self, msg: dict[str, Any]) -> None:
        if msg["cid"] != self.trade_cid or self.leaving or self.busy or time.monotonic() < self.next:
            return
        touch = msg.get("ask_0_px" if self.buys else "bid_0_px")
        if touch is not None:
            self.busy = True
            self.next = time.monotonic() + self.EVERY_S
            self.place("buy" if self.buys else "sell", touch, "ioc")

    def onOrderClosed(self, msg: dict[str, Any]) -> None:
        self.busy = False
        if float(msg["order"]["cum_size"]) > 0:
            self.buys = not self.buys

    def close(self) -> None:
        self.leaving = True


STRATEGIES: dict[str, type[_Trader]] = {"maker": Maker, "taker": Taker}


def main(words: list[str]) -> int:
    """Run ``STRATEGY SYMBOL.EXCHANGE ...`` in sim mode until told to stop: the first symbol is traded, the others are listened to."""
    bind_to_parent()
    which, *symbols = words
    if which not in STRATEGIES or not symbols:
        raise ConfigError(f"usage: python -m aats.demo_strategy {'|'.join(STRATEGIES)} SYMBOL.EXCHANGE ...")
    service = TradeService({1001 + at: symbol for at, symbol in enumerate(symbols)}, name=f"demo-{which}")
    for exchange in sorted({symbol.rsplit(".", 1)[1] for symbol in symbols}):
        service.config_exchange(exchange, "sim")
    for at, symbol in enumerate(symbols):
        add = service.add_md_symbol if at else service.add_trade_symbol
        name, exchange = symbol.rsplit(".", 1)
        add(name, exchange)
    service.add_strategy(STRATEGIES[which]())
    try:
        service.run()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
