"""Positions through a kill and a restart, in real processes: the strategy, `aats positions` and the exchange name the same amounts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aats.venue.binance_account import BinanceAccount
from tests.live.looks import eventually, tool
from tests.live.procs import Script, Sim

KEY, SECRET = "keyOfThePositionsTest0123456789", "secretOfThePositionsTest98765"

TRADER = """
import json, logging, os, sys
from aats import BaseStrategy, Order, TradeService

logging.basicConfig(level=logging.INFO, stream=sys.stderr)

def say(**what): print(json.dumps(what), flush=True)

class Mine(BaseStrategy):
    quotes = fills = 0
    def look(self, ev):
        held, btc, usdt = self.position(1001), self.balance("BTC"), self.balance("USDT")
        say(ev=ev, size=str(held.size), cash=str(held.cash), realised=str(held.realised), total=str(held.total()), fills=held.fills, runs=held.runs,
            btc=str(btc.total), usdt=str(usdt.total), locked=str(btc.locked), pnl=str(self.pnl().total["USDT"]), here=str(self.positions[1001].size))
    def onQuote(self, msg):
        self.quotes += 1
        if self.quotes == 1:
            self.look("first")
        if self.quotes <= 6:
            side = "buy" if self.quotes % 3 else "sell"
            price = self.si[1001].ask_px if side == "buy" else self.si[1001].bid_px
            self.send_order(Order(self.trade_exchange, self.trade_symbol, price, "0.003" if side == "buy" else "0.002", side, "ioc"))
    def onOrderClosed(self, msg):
        self.fills += 1
        if self.fills == 6:
            self.set_timer("balances", 300)
    def onTimer(self, name):
        self.set_timer("balances", 0)
        self.look("done")
    def onStop(self, reason):
        self.look("stop")
    def close(self): pass

service = TradeService({{1001: "BTCUSDT.BINANCE"}}, name="mine", supervisor=False)
service.set_ts_connection("127.0.0.1", {port})
service.config_exchange("BINANCE", "sim")
service.set_apikey("BINANCE", {key!r}, {secret!r})
service.add_trade_symbol("BTCUSDT", "BINANCE")
service.add_strategy(Mine())
service.run()
"""


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT", "--key", f"{KEY}:{SECRET}") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AATS_MODE", "sim")
        yield sim


@pytest.fixture
def account(exchange: Sim) -> Iterator[BinanceAccount]:
    with BinanceAccount(exchange.ready["rest"], KEY, SECRET, cafile=exchange.ready["ca"]) as one:
        yield one


def told(running: Script, starts: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(running.line('{"ev": "' + starts))
    return found


def listed() -> Any:
    return json.loads(tool("positions", "--json").stdout)


def test_a_position_is_carried_through_a_kill_to_the_last_digit(exchange: Sim, account: BinanceAccount, tmp_path: Path, port: int) -> None:
    begin = account.balances()

    def made() -> tuple[Decimal, Decimal]:
        now = account.balances()
        return now["BTC"].total - begin["BTC"].total, now["USDT"].total - begin["USDT"].total

    text = TRADER.format(port=port, key=KEY, secret=SECRET)
    with Script(tmp_path, text) as running:
        first = told(running, "first")
        assert (first["size"], first["fills"], first["runs"]) == ("0", 0, 0)
        done = told(running, "done")
        assert (Decimal(done["size"]), Decimal(done["cash"])) == made() and done["fills"] > 0
        assert (Decimal(done["btc"]), Decimal(done["usdt"])) == (account.balances()["BTC"].total, account.balances()["USDT"].total)
        (alive,) = listed()["strategies"]
        assert (alive["source"], alive["size"], alive["cash"]) == ("process", done["size"], done["cash"])
        price = Decimal(alive["price"])  # of the feed that runs
        assert Decimal(alive["total"]) == Decimal(done["cash"]) + Decimal(done["size"]) * price
        line = {one["asset"]: one for one in listed()["assets"]}["BTC"]
        assert (line["held"], Decimal(line["other"])) == (done["size"], begin["BTC"].total)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
    eventually(lambda: listed()["strategies"][0]["source"] == "journal", why=listed)
    (dead,) = listed()["strategies"]
    assert (dead["owner"], dead["size"], dead["cash"], dead["fills"]) == ("mine, process gone", done["size"], done["cash"], done["fills"])

    with Script(tmp_path, text) as running:
        again = told(running, "first")
        assert (again["size"], again["cash"], again["realised"], again["fills"]) == tuple(
            done[key] for key in ("size", "cash", "realised", "fills")
        )
        assert (again["runs"], again["here"]) == (1, "0")
        done = told(running, "done")
        assert (Decimal(done["size"]), Decimal(done["cash"])) == made() and done["pnl"] == done["total"]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(40) == 0, running.said()
    (gone,) = listed()["strategies"]
    assert (gone["source"], Decimal(gone["size"]), Decimal(gone["cash"])) == ("journal", *made())
