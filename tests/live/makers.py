"""A market maker as a process of its own, and what exchange and journals say of its orders afterwards.

For: ``tests/live``, where processes are killed and interrupted while orders are open.  The maker is `aats trade` on a file, over the order session; it
writes down all that it is told, a line an event, so that nothing of it is lost with the process.

    Maker        the process: starts without waiting, what it was told, its orders by their callbacks
    Exchange     the account by signed REST: what is open, every order that ever was, the exchange's own audit
    intents      every order that some journal of this home announced, by client id
"""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson

from aats import control, journal
from aats.journal import JournalKind
from aats.sim.auth import DEFAULT_KEY
from aats.venue.binance_account import BinanceAccount
from tests.live.looks import ROOT, eventually, tool
from tests.live.procs import Reader, Sim, toml

STRATEGY = '''
import json, os, time
from decimal import Decimal
from aats import BaseStrategy, Order

class Maker(BaseStrategy):
    """Every few milliseconds an order more, the oldest canceled, now and then one that trades at once."""

    def __init__(self, out, every_ms=20, keep=4, tidy=True, arm=""):
        self.arm = arm
        self.out = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.every_ms, self.keep, self.tidy = every_ms, keep, tidy
        self.turn, self.best = 0, None

    def say(self, ev, **what):
        os.write(self.out, (json.dumps({"ev": ev, "t": time.monotonic_ns(), **what}) + "\\n").encode())

    def onStart(self):
        self.say("start", pid=os.getpid())
        if self.arm:  # "journaled 3": die the third time that the step is reached
            from aats._ffi import ffi, lib
            step, nth = self.arm.split()
            names = [ffi.string(lib.aats_step_name(number)).decode() for number in range(lib.AATS_STEP_CNT)]
            lib.aats_steps_arm(names.index(step), int(nth), ffi.NULL, ffi.NULL)
        self.set_timer("work", self.every_ms)

    def onQuote(self, msg):
        if self.best is None:
            self.say("quote")
        self.best = Decimal(str(round(msg["bid_0_px"], 2))), Decimal(str(round(msg["ask_0_px"], 2)))

    def onTimer(self, name):
        if self.best is None:
            return
        bid, ask = self.best
        self.turn += 1
        waiting = list(self.orders)
        if len(waiting) >= self.keep:
            self.send_cancel_order(waiting[0])
        away = Decimal(self.turn % 50) / 10
        buys = self.turn % 2 == 0
        if self.turn % 9 == 0:
            self.send("sell" if buys else "buy", bid - 20 if buys else ask + 20, "ioc")
        else:
            self.send("buy" if buys else "sell", bid - away if buys else ask + away, "gtc")

    def send(self, side, price, tif):
        self.send_order(Order(self.trade_exchange, self.trade_symbol, price, "0.001", side, tif))

    def tell(self, msg):
        self.say(msg["type"][2:], **msg["order"])
    onOrderCreated = onOrderAcked = onOrderRejected = onOrderExec = onOrderCancelCreated = onOrderCancelAcked = tell
    onOrderCancelRejected = onOrderCanceled = onOrderClosed = onOrderUnknown = tell

    def onBookInvalid(self, cid, reason):
        self.say("invalid", why=str(reason))
    def onFeedDown(self, feed, reason):
        self.say("down")
    def onFeedUp(self, feed):
        self.best = None
        self.say("up")
    def onDisconnect(self, exchange):
        self.say("disconnect")
    def onReconnect(self, exchange):
        self.say("reconnect")
    def onReconciled(self, exchange):
        self.say("reconciled")

    def close(self):
        self.say("closing")
        if self.tidy:
            for order_id in self.orders:
                self.send_cancel_order(order_id)

    def onStop(self, reason):
        got = self.positions[self.trade_cid]
        held = self.position(self.trade_cid)
        self.say("stop", reason=reason, size=str(got.size), cash=str(got.cash), held=[str(held.size), str(held.cash)])
'''

#: What an order may be told, once its cancels and doubts are left out.
_LIFE = re.compile(r"Created (Rejected |Acked (Exec )*(Canceled )?)Closed \Z")
_ASIDE = {"OrderCancelCreated", "OrderCancelAcked", "OrderCancelRejected", "OrderUnknown"}


class Maker(Reader):
    """`aats trade` on a file with the strategy above.

    Parameters
    ----------
    folder : Path
        For its files.
    name : str
        Of the process and its journals.
    trade : mapping, optional
        More keys of the file's table.
    **params
        Of the strategy.
    """

    def __init__(self, folder: Path, name: str = "maker", *, trade: Mapping[str, Any] | None = None, **params: Any) -> None:
        self.name = name
        (folder / "makers_strategy.py").write_text(STRATEGY)
        self.file = folder / f"{name}.jsonl"
        self.toml = folder / f"{name}.toml"
        self.trade = dict(trade or {})
        self.write(**params)
        self.told: list[dict[str, Any]] = []
        self._read = 0
        self._rest = b""
        self.start()

    def write(self, **params: Any) -> None:
        """Write its file: of the next start."""
        tables: dict[str, Mapping[str, Any]] = {
            "trade": {"name": self.name, "strategy": "makers_strategy.py:Maker", "symbols": ["BTCUSDT:5"], **self.trade},
            "exchange.BINANCE": {"mode": "sim"},
            "params": {"out": str(self.file), **params},
        }
        self.toml.write_text(toml(tables))

    def start(self) -> None:
        """Start it, without waiting; also again: it goes on with the same files."""
        with self.toml.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aats.cli", "trade", str(self.toml)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        if self.running:
            self.kill()
        control.tidy()

    def leave(self, number: int = signal.SIGTERM, within_s: float = 30.0) -> int:
        """Send a signal and return its exit status.  SIGINT may break a callback before it has written anything down."""
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def log(self) -> str:
        state = "it runs" if self.running else f"it ended with status {self.process.returncode}"
        return f"{self.toml.with_suffix('.log').read_text(errors='replace')}[{state}]"

    def wait_busy(self, *, after: int = 0, fills: int = 0) -> None:
        """Wait until it has orders and has canceled some."""
        self.wait("OrderCanceled", after=after)
        for _ in range(fills):
            after = self.wait("OrderExec", after=after)["t"]

    def wait_own(self, *, after: int = 0) -> int:
        """Wait until it has made an order of its own, which comes behind all that it is told again of earlier runs; return when that was."""
        own = eventually(lambda: [one for one in self.of("OrderCreated", after=after) if not one.get("replayed")], why=self.log)
        return int(own[0]["t"])

    def lives(self, *, after: int = 0) -> dict[str, list[dict[str, Any]]]:
        """Return what was told of each order, by client id."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.all():
            if one["ev"].startswith("Order") and one["client_id"] and one["t"] >= after:
                found.setdefault(one["client_id"], []).append(one)
        return found

    def check_lives(self, *, after: int = 0) -> dict[str, list[dict[str, Any]]]:
        """Assert that each order was told as the grammar of docs/orders.md has it, to its end, and that its fills add up; return them."""
        lives = self.lives(after=after)
        for client_id, told in lives.items():
            words = "".join(one["ev"].removeprefix("Order") + " " for one in told if one["ev"] not in _ASIDE)
            assert _LIFE.match(words), (client_id, words, told)
            fills = [Decimal(one["fill_size"]) for one in told if one["ev"] == "OrderExec"]
            closed = next(one for one in told if one["ev"] == "OrderClosed")
            assert sum(fills) == Decimal(closed["cum_size"]) <= Decimal(closed["size"]), told
        return lives


class Exchange:
    """The simulated exchange as its customer sees it, and its own audit."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self._trust = ssl.create_default_context(cafile=sim.ready["ca"])
        self.account = BinanceAccount(sim.ready["rest"], DEFAULT_KEY, DEFAULT_KEY, cafile=sim.ready["ca"])

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *exc: object) -> None:
        self.account.close()

    def open(self) -> list[str]:
        """Client ids of what is open."""
        return [one.client_id for one in self.account.open_orders("BTCUSDT")]

    def orders(self) -> list[dict[str, Any]]:
        """Every order that the account has ever had, in the order in which they came."""
        found: list[dict[str, Any]] = []
        while True:
            begin = found[-1]["orderId"] + 1 if found else 1
            page = self.account._call("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT", "orderId": str(begin), "limit": "1000"})
            found += page
            if len(page) < 1000:
                return found

    def totals(self) -> tuple[Decimal, Decimal]:
        """What the account holds of BTC and USDT; nothing of it locked."""
        held = self.account.balances()
        assert held["BTC"].locked == held["USDT"].locked == 0, held
        return held["BTC"].total, held["USDT"].total

    def check_sound(self) -> None:
        """Assert that nothing is open, that the exchange's own sums hold and that no client id came twice."""
        assert self.open() == []
        state = httpx.get(self.sim.ready["rest"] + "/sim/state", verify=self._trust).json()
        assert state["audit"] == []
        orders = self.orders()
        twice = [name for name, cnt in Counter(one["clientOrderId"] for one in orders).items() if cnt > 1]
        assert twice == [] and len(orders) == state["orders_placed"]


def runs() -> list[tuple[int, int, Path]]:
    """Return (start in epoch ns, instance, file) of every journal of this home, oldest first."""
    found = []
    for _, _, folder in journal.folders():
        for path in folder.glob("*.aj"):
            read = journal.read(path)
            if read:  # else it was killed before the first record
                assert read[0].kind == JournalKind.START
                found.append((read[0].ns, read[0].instance, path))
    return sorted(found)


def intents() -> list[str]:
    """Return the client ids of all orders that a journal announced."""
    return [
        f"{one.instance:016x}{one.order_id:016x}" for _, _, path in runs() for one in journal.read(path) if one.kind == JournalKind.INTENT
    ]


def flatten() -> tuple[int, dict[str, Any]]:
    """Run `aats flatten`; return its status and what it said."""
    done = tool("flatten", "BINANCE", "--mode", "sim", "--yes", "--json")
    return done.returncode, orjson.loads(done.stdout) if done.stdout else {"stderr": done.stderr}
