"""A strategy in a process of its own that writes down all it is told, one JSON object a line.

    python teller.py --out FILE --symbols BTCUSDT,ETHUSDT [--name teller] [--levels 5] [--feed NAME] [--say-ms N] [--slow-ms N]

For: the live tests, whose witness it is.  Each line is one write, so that a reader of the file sees whole lines of a teller that was killed.

    ev       what it holds beside ``t`` (CLOCK_MONOTONIC, ns)
    quote    sym, seq, epoch, rec, recovered, snapshot, deep, bids, asks (exact integers, best first), valid (``si``)
    tick     sym, seq, px_i, qty_i
    invalid  sym, why           lap   feed, missed       down  feed, why       up  feed
    say      valid: ``si[...].valid`` by symbol, every N ms     start, close, stop: the life of it
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import orjson

from aats import BaseStrategy, TradeService
from aats.control import bind_to_parent


class Teller(BaseStrategy):
    """Tells."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.out = os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def tell(self, ev: str, **facts: Any) -> None:
        os.write(self.out, orjson.dumps({"ev": ev, "t": time.monotonic_ns(), **facts}) + b"\n")

    def onStart(self) -> None:
        if self.args.say_ms:
            self.set_timer("say", self.args.say_ms)
        self.tell("start")

    def onTimer(self, name: str) -> None:
        self.tell("say", valid={info.sym: info.valid for info in self.si.values()})

    def onQuote(self, msg: dict[str, Any]) -> None:
        info, event = self.si[msg["cid"]], self.event
        flags = {"recovered": event.recovered, "snapshot": event.snapshot, "deep": event.deep}
        sides = {"bids": event.bids_i, "asks": event.asks_i}
        self.tell("quote", sym=info.sym, seq=event.seq, epoch=event.epoch, rec=event.rec, valid=info.valid, **flags, **sides)
        if self.args.slow_ms:
            time.sleep(self.args.slow_ms / 1000)

    def onTick(self, msg: dict[str, Any]) -> None:
        self.tell("tick", sym=self.si[msg["cid"]].sym, seq=self.event.seq, px_i=self.event.px_i, qty_i=self.event.qty_i)

    def onBookInvalid(self, cid: int, reason: str) -> None:
        self.tell("invalid", sym=self.si[cid].sym, why=reason, valid=self.si[cid].valid)

    def onLap(self, feed: str, missed: int) -> None:
        self.tell("lap", feed=feed, missed=missed)

    def onFeedDown(self, feed: str, reason: str) -> None:
        self.tell("down", feed=feed, why=reason)

    def onFeedUp(self, feed: str) -> None:
        self.tell("up", feed=feed)

    def close(self) -> None:
        self.tell("close")

    def onStop(self, reason: str) -> None:
        self.tell("stop", reason=reason)


def main() -> None:
    """Listen until told to stop."""
    bind_to_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--name", default="teller")
    parser.add_argument("--levels", type=int, default=5)
    parser.add_argument("--feed")
    parser.add_argument("--mode", default="sim")
    parser.add_argument("--say-ms", type=float, default=0)
    parser.add_argument("--slow-ms", type=float, default=0)
    args = parser.parse_args()
    symbols = args.symbols.split(",")
    service = TradeService(
        {at: f"{symbol}.BINANCE" for at, symbol in enumerate(symbols, 1001)}, name=args.name, feed=args.feed, wait="sleep"
    )
    service.config_exchange("BINANCE", args.mode)
    for symbol in symbols:
        service.add_md_symbol(symbol, "BINANCE", args.levels)
    service.add_strategy(Teller(args))
    service.run()


if __name__ == "__main__":
    main()
