"""The strategy of `aats demo`: an ordinary one, in a process of its own; prints a line a second to its log."""

from __future__ import annotations

import sys
import time
from typing import Any

from aats.base_strategy import BaseStrategy
from aats.control import bind_to_parent
from aats.trade_service import TradeService

__all__ = ["Printer", "main"]


class Printer(BaseStrategy):
    """Prints the best bid and ask of each symbol once a second, and each loss of trust at once."""

    def onStart(self) -> None:
        self.set_timer("print", 1000)

    def onTimer(self, name: str) -> None:
        for info in self.si.values():
            state = "" if info.valid else "  (not valid)"
            print(
                f"{time.strftime('%H:%M:%S')}  {info.sym:10} bid {info.bid_px} x {info.bid_qty}   ask {info.ask_px} x {info.ask_qty}{state}",
                flush=True,
            )

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.best = msg.get("bid_0_px"), msg.get("ask_0_px")

    def onTick(self, msg: dict[str, Any]) -> None:
        self.last_px = msg["px"]

    def onBookInvalid(self, cid: int, reason: str) -> None:
        print(f"book of {self.si[cid].sym} is not valid: {reason}", flush=True)

    def close(self) -> None:
        print("closing: nothing to leave", flush=True)


def main(symbols: list[str]) -> int:
    """Listen to `symbols` (``SYMBOL.EXCHANGE``) in sim mode until told to stop."""
    bind_to_parent()
    service = TradeService({1001 + at: symbol for at, symbol in enumerate(symbols)}, name="demo")
    for exchange in sorted({symbol.rsplit(".", 1)[1] for symbol in symbols}):
        service.config_exchange(exchange, "sim")
    for symbol in symbols:
        name, exchange = symbol.rsplit(".", 1)
        service.add_md_symbol(name, exchange)
    service.add_strategy(Printer())
    try:
        service.run()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
