"""A strategy that trades two venues, by kill -9: whoever cleans up after it has to do so at both."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aats import control
from aats.sim.auth import DEFAULT_KEY
from aats.venue import account_class
from tests.live.looks import ROOT, eventually, tool
from tests.live.procs import Sim
from tests.live.sitters import supervisor

VENUES = {"BINANCE": ("BTCUSDT", "0.001"), "OKX_SWAP": ("BTC-USDT-SWAP", "1")}  # by a name of ours, and by the venue's own
SCRIPT = """
import json, logging, os, sys
from decimal import Decimal
from aats import BaseStrategy, Order, TradeService

told = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, stream=sys.stderr)

class Sitter(BaseStrategy):
    def __init__(self):
        self.sent = {cid: 0 for cid in told["map"]}
        self.out = open(told["out"], "a")

    def onQuote(self, msg):
        info = self.si[msg["cid"]]
        while self.sent[msg["cid"]] < told["orders"]:
            self.sent[msg["cid"]] += 1
            price = round(Decimal(str(info.bid_px)) * Decimal("0.9")) - self.sent[msg["cid"]]
            name = told["ours"][info.exch] if self.sent[msg["cid"]] == 2 else info.sym  # whichever: both are names of it
            self.send_order(Order(info.exch, name, price, told["sizes"][info.exch], "buy", "gtc"))

    def tell(self, msg):
        self.out.write(json.dumps([msg["type"], msg["order"]]) + "\\n")
        self.out.flush()
    onOrderAcked = onOrderRejected = onOrderCanceled = onOrderExec = tell

    def close(self):
        pass

service = TradeService(told["map"], name="two", feed="inline", **told["options"])
service.set_ts_connection("127.0.0.1", told["port"])
for cid, port in told["map"].items():
    symbol, _, exchange = port.rpartition(".")
    service.config_exchange(exchange, "sim")
    service.add_trade_symbol(symbol, exchange)
service.add_strategy(Sitter())
service.run()
"""


class Two:
    """The process, and what is open at both venues."""

    def __init__(self, sim: Sim, folder: Path, port: int, orders: int, **options: object) -> None:
        self.orders, self.out = orders, folder / "told.jsonl"
        (folder / "two.py").write_text(SCRIPT)
        ports = {str(cid): f"{symbol}.{venue}" for cid, (venue, (symbol, _)) in enumerate(VENUES.items(), 1)}
        sizes = {venue: size for venue, (_, size) in VENUES.items()}
        ours = {"BINANCE": "BTCUSDT", "OKX_SWAP": "BTCUSDTSWAP"}
        told = {"map": ports, "sizes": sizes, "ours": ours, "orders": orders, "out": str(self.out), "port": port, "options": options}
        self.words = [sys.executable, str(folder / "two.py"), json.dumps(told)]
        self.log = folder / "two.log"
        self.accounts = {
            venue: account_class(venue)(
                sim.env[f"AATS_ENDPOINT_{venue}_SIM_REST"], DEFAULT_KEY, DEFAULT_KEY, passphrase=DEFAULT_KEY, cafile=sim.ready["ca"]
            )
            for venue in VENUES
        }
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def open(self) -> dict[str, int]:
        return {venue: len(account.open_orders()) for venue, account in self.accounts.items()}

    def told(self, what: str) -> list[dict[str, str]]:
        lines = self.out.read_text().splitlines() if self.out.exists() else []
        return [order for kind, order in map(json.loads, lines) if kind == what]

    def wait_placed(self) -> None:
        eventually(lambda: len(self.told("onOrderAcked")) >= 2 * self.orders, within_s=60, why=self.log.read_text)
        assert self.open() == dict.fromkeys(VENUES, self.orders)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for account in self.accounts.values():
            account.close()
        control.tidy()


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """Two simulated venues on one port; the environment leads to them."""
    with Sim("--venue", "BINANCE", "--venue", "OKX_SWAP", "--weight", "10000000") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        yield sim


def test_the_supervisor_cancels_at_both_venues_also_after_a_grace(both: Sim, tmp_path: Path, home: Path, port: int) -> None:
    two = Two(both, tmp_path, port, 3, supervisor=True, grace_ms=1000)
    try:
        two.wait_placed()
        supervisor()
        asked = {order["exchange"]: order["symbol"] for order in two.told("onOrderAcked")}
        assert asked == {venue: symbol for venue, (symbol, _) in VENUES.items()}, "messages say the names of the strategy's own map"
        two.kill()
        eventually(lambda: set(two.open().values()) == {0}, within_s=20, why=lambda: (home / "log" / "supervisor.log").read_text())
        two.start()  # it is told what became of each, at both
        eventually(lambda: len(two.told("onOrderCanceled")) == 6, why=two.log.read_text)
        eventually(lambda: len(two.told("onOrderAcked")) >= 18, why=two.log.read_text)  # replayed ones, and new ones
        two.process.send_signal(signal.SIGTERM)
        assert two.process.wait(30) == 0, two.log.read_text()
        assert set(two.open().values()) == {0}
    finally:
        two.end()


def test_what_a_dead_process_left_is_known_and_canceled_at_both_venues(both: Sim, tmp_path: Path) -> None:
    two = Two(both, tmp_path, 1, 2, supervisor=False)
    try:
        two.wait_placed()
        refused = tool("flatten", "OKX_SWAP", "--mode", "sim", "--all")
        assert refused.returncode != 0 and "two (pid" in refused.stderr, refused.stderr
        two.kill()
        rows = json.loads(tool("orders", "--all", "--json").stdout)
        assert {row["symbol"].rpartition(".")[2]: row["account"].partition("-")[0] for row in rows} == {
            "BINANCE": "binance",
            "OKX_SWAP": "okx_swap",
        }
        for venue in VENUES:
            done = tool("flatten", venue, "--mode", "sim", "--yes", "--json")
            assert done.returncode == 0 and json.loads(done.stdout)["canceled"] == 2, (venue, done.stdout, done.stderr)
        assert set(two.open().values()) == {0}
    finally:
        two.end()
