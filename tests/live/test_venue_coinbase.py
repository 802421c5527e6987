"""Coinbase over TLS on loopback, all of it in processes of their own: ``aats sim --venue``, ``aats feed``, a strategy whose orders go by HTTP."""

from __future__ import annotations

import json
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from aats.keys import SIM_KEY, SIM_SECRETS
from aats.venue.coinbase_account import CoinbaseAccount
from tests.live.looks import eventually
from tests.live.procs import FeedProc, Script, Sim

TRADER = """
import json, logging, os, sys
from aats import BaseStrategy, Order, TradeService

logging.basicConfig(level=logging.INFO, stream=sys.stderr)

def say(**what): print(json.dumps(what), flush=True)

class Mine(BaseStrategy):
    quotes = 0
    def onStop(self, reason): say(ev="stop", size=str(self.positions[1001].size), cash=str(self.positions[1001].cash))
    def tell(self, msg): say(ev=msg["type"], **msg["order"])
    onOrderCreated = onOrderAcked = onOrderRejected = onOrderExec = onOrderCanceled = onOrderClosed = onOrderUnknown = tell
    def send(self, side, price, size, tif):
        return self.send_order(Order(self.trade_exchange, self.trade_symbol, price, size, side, tif))
    def onQuote(self, msg):
        self.quotes += 1
        bid, ask = self.si[1001].bid_px, self.si[1001].ask_px
        if self.quotes == 1:
            self.send("buy", round(bid * 0.9, 2), "0.01", "gtc")
            self.send("sell", round(ask * 1.1, 2), "0.02", "pos")
        elif self.quotes <= 4:
            self.send("buy", round(ask + 5, 2), "0.003", "ioc")
        elif self.quotes == 5:
            say(ev="done")
    def close(self): [self.send_cancel_order(one) for one in self.orders]

service = TradeService({1001: "BTCUSD.COINBASE"}, name="mine")
service.set_ts_connection("127.0.0.1", PORT)
service.config_exchange("COINBASE", "sim")
service.add_trade_symbol("BTCUSD", "COINBASE")
service.add_strategy(Mine())
service.run()
"""


def test_feed_goes_live_and_heals_its_books_on_the_same_connection() -> None:
    with (
        Sim("--venue", "COINBASE", "--symbols", "BTC-USD,ETH-USD", "--fault", "drop=40") as sim,
        FeedProc(sim, ["BTCUSD", "ETHUSD"], venue="COINBASE") as feed,
    ):
        feed.wait_live()
        eventually(lambda: feed.counters()["gaps"] >= 2, why="no dropped frame was noticed")
        feed.wait_live()
        counters = feed.counters()
        assert counters["parse_errors"] == 0, counters
        assert counters["drops"] == 0, "a hole in the numbers ended a connection"
        assert all(one.symbol.endswith(".COINBASE") for one in feed.directory().values())


def test_the_strategy_and_the_exchange_end_with_the_same_books(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--venue", "COINBASE", "--symbols", "BTC-USD") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AATS_MODE", "sim")
        with CoinbaseAccount(sim.ready["rest"], SIM_KEY, SIM_SECRETS["COINBASE"], cafile=sim.ready["ca"]) as account:
            before = account.balances()
            with Script(tmp_path, TRADER.replace("PORT", str(port))) as running:
                running.line('{"ev": "done"')
                eventually(lambda: len(account.open_orders("BTC-USD")) == 2, why=lambda: account.open_orders("BTC-USD"))
                running.process.send_signal(signal.SIGTERM)
                assert running.process.wait(40) == 0, running.said()
                assert running.process.stdout is not None
                told = [
                    json.loads(line) for line in (running.rest + running.process.stdout.read()).splitlines() if line.startswith(b'{"ev"')
                ]
            after = account.balances()
            assert account.open_orders() == [] and after["BTC"].locked == after["USD"].locked == 0
        stop = told[-1]
        assert stop["ev"] == "stop" and after["BTC"].total - before["BTC"].total == Decimal(stop["size"]) == Decimal("0.009")
        fees = before["USD"].total - after["USD"].total + Decimal(stop["cash"])
        assert fees >= 0 and before["USD"].total > after["USD"].total
