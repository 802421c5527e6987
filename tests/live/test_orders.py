"""Orders in real processes: a strategy over the order session, a feed, and the simulated exchange, which keeps its own books."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest

from aats.venue.binance_account import BinanceAccount
from tests.live.looks import eventually, free_port, pids_of, segments, tool
from tests.live.procs import Script, Sim

KEY, SECRET = "keyOfTheLiveTest0123456789", "secretOfTheLiveTest9876543210"

TRADER = """
import json, logging, os, sys
from aats import BaseStrategy, Order, TradeService

logging.basicConfig(level=logging.INFO, stream=sys.stderr)

def say(**what): print(json.dumps(what), flush=True)

class Mine(BaseStrategy):
    quotes = 0
    def onStart(self): say(ev="start")
    def onStop(self, reason): say(ev="stop", reason=reason, size=str(self.positions[1001].size), cash=str(self.positions[1001].cash))
    def onDisconnect(self, exchange): say(ev="disconnect", exchange=exchange)
    def onReconciled(self, exchange): say(ev="reconciled", exchange=exchange)
    def tell(self, msg): say(ev=msg["type"], **msg["order"])
    onOrderCreated = onOrderAcked = onOrderRejected = onOrderExec = onOrderCancelCreated = onOrderCancelAcked = tell
    onOrderCancelRejected = onOrderCanceled = onOrderClosed = onOrderUnknown = tell
    def send(self, side, price, size, tif):
        return self.send_order(Order(self.trade_exchange, self.trade_symbol, price, size, side, tif))
    def onQuote(self, msg):
        self.quotes += 1
        bid, ask = self.si[1001].bid_px, self.si[1001].ask_px
        if self.quotes == 1:
            self.send("buy", round(bid * 0.9, 2), "0.01", "gtc")
            self.send("sell", round(ask * 1.1, 2), "0.02", "pos")
        elif self.quotes <= 4:
            self.send("buy", ask, "0.003", "ioc")
        elif self.quotes <= 6:
            self.send("sell", bid, "0.001", "ioc")
        elif self.quotes == 7:
            say(ev="done")
    {close}

service = TradeService({{1001: "BTCUSDT.BINANCE"}}, name="mine")
service.set_ts_connection("127.0.0.1", {port})
service.set_ts_connection("127.0.0.1", int(os.environ["PORT"]))
service.config_exchange("BINANCE", "sim")
{key}
service.add_trade_symbol("BTCUSDT", "BINANCE")
service.add_strategy(Mine())
service.run()
"""
CANCELS = "def close(self): [self.send_cancel_order(one) for one in self.orders]"
RAISES = "def close(self): raise AttributeError('as a published strategy does')"


@pytest.fixture
def exchange(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """Run a simulated exchange with one account, and let the environment lead to it."""
    with Sim("--symbols", "BTCUSDT", "--key", f"{KEY}:{SECRET}") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AATS_MODE", "sim")
        monkeypatch.setenv("PORT", str(port))
        yield sim


@pytest.fixture
def account(exchange: Sim) -> Iterator[BinanceAccount]:
    with BinanceAccount(exchange.ready["rest"], KEY, SECRET, cafile=exchange.ready["ca"]) as one:
        yield one


def script(tmp_path: Path, close: str = CANCELS, key: str = f"service.set_apikey('BINANCE', {KEY!r}, {SECRET!r})") -> Script:
    return Script(tmp_path, TRADER.format(close=close, key=key, port=free_port()))


def told(running: Script, starts: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(running.line('{"ev": "' + starts))
    return found


def rest_of(running: Script) -> list[dict[str, Any]]:
    assert running.process.stdout is not None
    return [json.loads(line) for line in (running.rest + running.process.stdout.read()).splitlines() if line.startswith(b'{"ev"')]


def end(running: Script, number: int) -> tuple[int, list[dict[str, Any]], str]:
    """Send a signal; return the exit status, what it still told, and its log."""
    running.process.send_signal(number)
    status = running.process.wait(40)
    return status, rest_of(running), running.said()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 0)])
def test_the_strategy_and_the_exchange_end_with_the_same_books(
    number: int, status: int, exchange: Sim, account: BinanceAccount, tmp_path: Path, namespace: str
) -> None:
    before = account.balances()
    with script(tmp_path) as running:
        told(running, "done")
        eventually(lambda: len(account.open_orders("BTCUSDT")) == 2, why=lambda: account.open_orders("BTCUSDT"))
        done, last, log = end(running, number)
    assert done == status or (number == signal.SIGINT and "KeyboardInterrupt" in log), log
    closing = [one["ev"] for one in last]
    assert closing[-1] == "stop" and closing.count("onOrderCanceled") >= 2 and "disconnect" not in closing
    assert account.open_orders("BTCUSDT") == []
    after = account.balances()
    assert after["BTC"].total - before["BTC"].total == Decimal(last[-1]["size"]) > 0
    assert after["USDT"].total - before["USDT"].total == Decimal(last[-1]["cash"]) < 0
    assert after["BTC"].locked == after["USDT"].locked == 0
    assert pids_of("trade") == [] and not [name for name in segments(namespace) if ".td." in name]


@pytest.mark.parametrize("by", ["set_apikey", "environment", "file"])
def test_a_key_stands_in_nothing_that_a_run_writes(
    by: str, exchange: Sim, account: BinanceAccount, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ""
    if by == "set_apikey":
        key = "import mine_keys; service.set_apikey('BINANCE', *mine_keys.PAIR)"
        (tmp_path / "mine_keys.py").write_text(f"PAIR = ({KEY!r}, {SECRET!r})\n")
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    elif by == "environment":
        monkeypatch.setenv("AATS_APIKEY_BINANCE", KEY)
        monkeypatch.setenv("AATS_SECRET_BINANCE", SECRET)
    else:
        file = home / "keys.toml"
        file.write_text(f'[BINANCE.sim]\nkey = "{KEY}"\nsecret = "{SECRET}"\n')
        file.chmod(0o600)
    with script(tmp_path, RAISES, key) as running:
        told(running, "done")
        titles = [" ".join(one.cmdline()) for one in psutil.process_iter() if one.pid == running.process.pid or one.pid in pids_of("feed")]
        shared = [
            path.read_bytes() for path in Path("/dev/shm").glob(f"aats.{os.getuid()}.*") if path.name in segments(os.environ["AATS_NS"])
        ]
        _, last, log = end(running, signal.SIGINT)
    assert "Mine.close failed" in log and "go to" in log
    written = {
        str(path): path.read_bytes() for path in (*home.rglob("*"), tmp_path / "errors") if path.is_file() and path.name != "keys.toml"
    }
    written |= {
        "titles": "\n".join(titles).encode(),
        "told": json.dumps(last).encode(),
        **{f"shm {at}": raw for at, raw in enumerate(shared)},
    }
    assert any(name.endswith(".aj") for name in written) and len(shared) >= 2
    found = [(name, what) for name, raw in written.items() for what in (KEY, SECRET, SECRET[:12]) if what.encode() in raw]
    assert found == []


def test_a_wrong_key_ends_the_run_at_once_with_the_venues_words(exchange: Sim, tmp_path: Path) -> None:
    with script(tmp_path, key=f"service.set_apikey('BINANCE', {KEY!r}, 'not{SECRET}')") as running:
        status = running.process.wait(60)
        log = running.said()
        assert status == 1 and rest_of(running) == []
    assert "orders cannot be sent: BINANCE sim" in log and "-1022" in log and "(waited" not in log
    assert KEY not in log and SECRET not in log


def test_what_a_killed_strategy_left_open_is_canceled_before_its_next_start(exchange: Sim, account: BinanceAccount, tmp_path: Path) -> None:
    with script(tmp_path) as running:
        told(running, "done")
        running.process.kill()
        running.process.wait()
    left = {one.order_id for one in account.open_orders("BTCUSDT")}
    assert len(left) == 2, "the exchange knows nothing of the process's end"
    with script(tmp_path) as running:
        told(running, "start")
        assert left.isdisjoint({one.order_id for one in account.open_orders("BTCUSDT")})
        told(running, "done")
        end(running, signal.SIGINT)
    assert account.open_orders("BTCUSDT") == []
    with script(tmp_path) as running:  # and the third start finds nothing of the first
        told(running, "done")
        _, _, log = end(running, signal.SIGTERM)
    assert "earlier" not in log


def test_a_strategy_whose_close_raises_leaves_nothing_open(exchange: Sim, account: BinanceAccount, tmp_path: Path) -> None:
    with script(tmp_path, RAISES) as running:
        told(running, "done")
        _, last, log = end(running, signal.SIGINT)
    assert "Mine.close failed" in log and account.open_orders("BTCUSDT") == []
    assert [one["ev"] for one in last].count("onOrderClosed") >= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_exchange_that_is_gone_does_not_hold_the_process_for_ever(exchange: Sim, tmp_path: Path, number: int) -> None:
    with script(tmp_path) as running:
        told(running, "done")
        exchange.kill()
        told(running, "disconnect")
        begin = time.monotonic()
        status, last, log = end(running, number)
    assert time.monotonic() - begin < (30 if number == signal.SIGINT else 8)  # force follows a SIGTERM after 8 s
    assert status != 0, "a run whose orders may still be open has not ended well"
    assert "2 orders may still be open at the venue" in log and "`aats flatten`" in log
    assert last[-1]["ev"] == "stop"


def test_kill_server_leaves_nothing_open(exchange: Sim, account: BinanceAccount, tmp_path: Path) -> None:
    with script(tmp_path) as running:
        told(running, "done")
        done = tool("kill", str(running.process.pid), "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        running.process.wait(20)
        last = rest_of(running)
    assert last[-1]["ev"] == "stop" and last[-1]["reason"] == "kill_server" and account.open_orders("BTCUSDT") == []
