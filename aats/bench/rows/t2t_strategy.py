"""The trade process of the tick-to-trade rows: ``python -m aats.bench.rows.t2t_strategy --core N [--wait spin] [--inline]``.

For: t2t.py, which tells it by the environment where the venue is.  On each quote it compares the sizes at the top, as a strategy would that leans on
the book, and sends an IOC order far from the market: the venue lets every order expire at once.  Ends by SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

from aats.base.const import OrderType, Side
from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.trade_service import TradeService

__all__ = ["Leaning", "main"]

_EXCHANGE, _SYMBOL = "BINANCE", "BTCUSDT"
_BUY, _SELL, _IOC = Side.BUY, Side.SELL, OrderType.IOC  # looked up once: a member of an enum takes 80 ns in Python 3.11


class Leaning(BaseStrategy):
    """Decides on each quote."""

    def onQuote(self, msg: dict[str, Any]) -> None:
        """Buy below the market when the bids are heavier, sell above it when the asks are."""
        if msg["bid_0_qty"] > msg["ask_0_qty"]:
            order = Order(_EXCHANGE, _SYMBOL, msg["bid_0_px"] - 50.0, 0.001, _BUY, _IOC)
        else:
            order = Order(_EXCHANGE, _SYMBOL, msg["ask_0_px"] + 50.0, 0.001, _SELL, _IOC)
        self.send_order(order)

    def close(self) -> None:
        """Nothing is open."""


def main() -> None:
    """Trade until it is told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--inline", action="store_true")
    parser.add_argument("--wait", default="spin")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    service = TradeService(
        {1: f"{_SYMBOL}.{_EXCHANGE}"}, name="t2t", feed="inline" if args.inline else "t2t", wait=args.wait, guard={"cpu": args.core}
    )
    service.config_exchange(_EXCHANGE, "sim")
    service.set_apikey(_EXCHANGE, "bench-key-of-64-characters-as-the-venue-has-them-0123456789abcdef", "bench-secret")
    service.add_trade_symbol(_SYMBOL, _EXCHANGE, 5)
    service.add_strategy(Leaning())
    service.run()


if __name__ == "__main__":
    main()
