"""What tests of orders stand on: a place that tells trading rules, and strategies that write down all they are told of orders.

For: tests/trade/test_orders.py and test_leaving.py.  Orders are on paper: a `SyntheticFeed` in the test's process is the market.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.trade_service import TradeService

from .synthetic import SyntheticFeed

MAP = {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE"}
#: Scaled integers of price and quantity: 1 at 10**-8.
ONE = 100_000_000
#: Middle of the book that tests begin with; the touch is a tick (0.01) away: bid 59999.99, ask 60000.01.
MID = 60_000 * ONE

LIFE_S = 10.0  # of a run that a test does not end


def listed(symbol: str) -> dict[str, Any]:
    """Return a symbol as exchangeInfo has it."""
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "80.00000000", "stepSize": "0.00000000"},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                **{
                    "bidMultiplierUp": "5",
                    "bidMultiplierDown": "0.2",
                    "askMultiplierUp": "5",
                    "askMultiplierDown": "0.2",
                    "avgPriceMins": 5,
                },
            },
            {
                "filterType": "NOTIONAL",
                **{"minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000", "applyMaxToMarket": False},
            },
        ],
    }


class _Rules(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"symbols": [listed(name) for name in ("BTCUSDT", "ETHUSDT")]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def rules_served() -> Iterator[str]:
    """Serve exchangeInfo on the loopback; gives the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Rules)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Trader(BaseStrategy):
    """Writes down order callbacks as (name without "onOrder", order), and stops when `until` says so.

    Parameters
    ----------
    begin : callable, optional
        Called with the strategy at the first valid quote.
    until : callable, optional
        Called with the strategy after each event and timer; true ends the run.
    """

    def __init__(self, begin: Callable[[Any], object] | None = None, until: Callable[[Any], object] | None = None) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.begin, self.until = begin, until
        self.begun = False
        self.stopped = ""

    def onStart(self) -> None:
        self.over_at = time.monotonic() + LIFE_S
        self.set_timer("look", 2)

    def onQuote(self, msg: dict[str, Any]) -> None:
        if not self.begun:
            self.begun = True
            if self.begin is not None:
                self.begin(self)

    def onTimer(self, name: Any) -> None:
        self.look()

    def look(self) -> None:
        if time.monotonic() > self.over_at:
            self.manager.stop()
        elif self.begun and self.until is not None and self.until(self):
            self.manager.stop()

    def onStop(self, reason: str) -> None:
        self.stopped = reason

    def _tell(self, msg: dict[str, Any]) -> None:
        self.told.append((msg["type"].removeprefix("onOrder"), msg["order"]))

    onOrderCreated = onOrderAcked = onOrderRejected = onOrderExec = onOrderCancelCreated = onOrderCancelAcked = _tell
    onOrderCancelRejected = onOrderCanceled = onOrderClosed = onOrderUnknown = _tell

    # what was told

    def names(self, order_id: int | None = None) -> list[str]:
        return [name for name, order in self.told if order_id is None or order["order_id"] == order_id]

    def said(self, name: str) -> list[dict[str, Any]]:
        return [order for told, order in self.told if told == name]

    def closed(self, count: int = 1) -> bool:
        return len(self.said("Closed")) >= count


class Closing(Trader):
    """The same with a ``close()`` of its own, so that leaving is patient."""

    def close(self) -> None:
        pass


def order(side: str = "buy", price: Any = "60000.01", size: Any = "0.001", tif: str = "ioc", symbol: str = "BTCUSDT", **more: Any) -> Order:
    return Order("BINANCE", symbol, price, size, side, tif, **more)


def trade(
    feed: SyntheticFeed, *strategies: BaseStrategy, symbols: tuple[str, ...] = ("BTCUSDT",), mid: int = MID, **options: Any
) -> TradeService:
    """Run strategies on paper until one of them stops it."""
    feed.book(0, mid)
    service = TradeService(MAP, name="test", **options)
    service.config_exchange("BINANCE", "paper")
    for symbol in symbols:
        service.add_trade_symbol(symbol, "BINANCE")
    for strategy in strategies:
        service.add_strategy(strategy)
    service.run()
    return service
