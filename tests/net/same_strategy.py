"""One strategy file for every send type: it writes down each message as it was given, one JSON object a line.

    python same_strategy.py OUT SEND_TYPE IP PORT [CARD]

For: ``test_four_types.py``.  What differs from run to run is the one call of set_md_connection, as in a user's script.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson

from aats import BaseStrategy, TradeService
from aats.control import bind_to_parent


class Writer(BaseStrategy):
    """Writes down every message with its update id and the venue's time."""

    def __init__(self, out: str) -> None:
        self.out = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *what: Any) -> None:
        os.write(self.out, orjson.dumps(what) + b"\n")

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.note("onQuote", self.event.seq, self.event.exch_ns, msg)

    def onTick(self, msg: dict[str, Any]) -> None:
        self.note("onTick", self.event.seq, self.event.exch_ns, msg)

    def onBbo(self, msg: dict[str, Any]) -> None:
        venue = {key: value for key, value in msg.items() if not key.endswith("_ns")}  # the other times are ours
        self.note("onBbo", self.event.seq, self.event.exch_ns, venue)

    def onNotify(self, kind: Any) -> None:
        info = self.si[1001]
        self.note("onNotify", int(kind), info.bid_px, info.ask_px, info.trade_px)

    def onBookInvalid(self, cid: int, reason: str) -> None:
        self.note("onBookInvalid", cid, reason)

    def onLap(self, feed: str, missed: int) -> None:
        self.note("onLap", feed, missed)

    def close(self) -> None:
        os.close(self.out)


def main(out: str, send_type: str, ip: str, port: str, card: str = "") -> None:
    """Listen until told to stop."""
    bind_to_parent()
    service = TradeService({1001: "BTCUSDT.BINANCE"}, name=f"same-{send_type}", wait="sleep")
    service.config_exchange("BINANCE", "sim")
    service.set_md_connection(ip, int(port), send_type, netcard_name=card)
    service.add_md_symbol("BTCUSDT", "BINANCE", 5)
    service.add_strategy(Writer(out))
    service.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
