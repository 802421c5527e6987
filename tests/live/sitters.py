"""A strategy that sits on open orders under a supervisor's eyes, as a process of its own that tests may stop and kill.

For: ``tests/live/test_supervisor.py``.  Not for orders that come and go (``makers.py``).

    Sitter       the process: `orders` buys far below the market, then it waits; writes down all that it is told
    supervisor   who supervises this namespace, by the control table
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from aats import control
from aats.supervisor_link import running
from tests.live.looks import ROOT, eventually
from tests.live.procs import Reader

SCRIPT = """
import json, logging, os, sys, time
from decimal import Decimal
from aats import BaseStrategy, Order, TradeService

told = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")

class Sitter(BaseStrategy):
    def __init__(self):
        self.out = os.open(told["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.sent = 0

    def say(self, ev, **what):
        os.write(self.out, (json.dumps({"ev": ev, "t": time.monotonic_ns(), **what}) + "\\n").encode())

    def onStart(self):
        self.say("start", pid=os.getpid(), open=list(self.orders))

    def onQuote(self, msg):
        while self.sent < told["orders"]:
            self.sent += 1
            price = Decimal(str(round(msg["bid_0_px"] * 0.9, 2))) - self.sent
            self.send_order(Order(self.trade_exchange, self.trade_symbol, price, "0.001", "buy", "gtc"))

    def tell(self, msg):
        self.say(msg["type"][2:], **msg["order"])
    onOrderAcked = onOrderRejected = onOrderExec = onOrderCanceled = onOrderClosed = onOrderUnknown = tell

    def onStop(self, reason):
        self.say("stop", reason=reason)

    def close(self):
        for order_id in self.orders:
            self.send_cancel_order(order_id)

service = TradeService({1: "BTCUSDT.BINANCE"}, name=told["name"], **told["options"])
service.set_ts_connection("127.0.0.1", told["port"])
service.config_exchange("BINANCE", told["mode"])
if told["key"]:
    service.set_apikey("BINANCE", told["key"], told["key"])
service.add_trade_symbol("BTCUSDT", "BINANCE", 5)
service.add_strategy(Sitter())
service.run()
"""


class Sitter(Reader):
    """The process; ended by force at the end of the block.

    Parameters
    ----------
    folder : Path
        For its files.
    port : int
        Of the control server that it may start.
    key : str
        Key and secret, "" for the simulated exchange's own.
    mode : str
        Where orders go.
    **options
        Of TradeService.
    """

    def __init__(
        self, folder: Path, port: int, name: str = "sitter", *, orders: int = 20, key: str = "", mode: str = "sim", **options: Any
    ) -> None:
        self.name = name
        self.orders = orders
        self.script = folder / "sitter.py"
        self.script.write_text(SCRIPT)
        self.file = folder / f"{name}.jsonl"
        self.logfile = folder / f"{name}.log"
        self.given: dict[str, Any] = {
            "out": str(self.file),
            "name": name,
            "orders": orders,
            "port": port,
            "key": key,
            "mode": mode,
            "options": {"supervisor": True, **options},
        }
        self.told: list[dict[str, Any]] = []
        self._read = 0
        self._rest = b""
        self.start()

    def start(self, **change: Any) -> None:
        """Start it, without waiting; also again, with other words."""
        with self.logfile.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(self.script), json.dumps({**self.given, **change})],
                cwd=ROOT,
                env=None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_placed(self, *, after: int = 0) -> None:
        """Wait until all its orders are acknowledged."""
        eventually(lambda: len(self.of("OrderAcked", after=after)) >= self.orders, within_s=60, why=self.log)

    def end(self) -> None:
        if self.running:
            self.kill()
        control.tidy()

    def log(self) -> str:
        state = "it runs" if self.running else f"it ended with status {self.process.returncode}"
        return f"{self.logfile.read_text(errors='replace')[-3000:]}[{state}]"


def supervisor() -> control.Entry:
    """Return the supervisor of this namespace, waited for."""
    entry: control.Entry = eventually(running, why="no supervisor runs")
    return entry
