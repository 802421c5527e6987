"""The children of `aats demo`: an exchange, a feed, two strategies; started, watched, counted, checked and ended.

For: `aats.demo`, which has the command line and the view.  Each strategy has an account of its own at the exchange, with a key made for this run; keys go to
the children by their environment.  The strategies' journals go into the run's own folder and vanish with it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from aats import control, shm
from aats.config import log_dir
from aats.control import Child
from aats.demo_ledger import Ledger, difference, summary
from aats.demo_reader import Account, hops, trade_price
from aats.errors import AatsError, ControlError
from aats.layout import Kind, MdCounter, Role, TdCounter
from aats.shm import Segment, SegmentName

__all__ = ["STRATEGIES", "Demo"]

#: In the order in which they are started, and ended.
STRATEGIES = ("maker", "taker")

_SIM_READY_S = 30.0
#: A strategy that is told to end cancels its orders and asks the exchange before it goes.
_LEAVE_S = 20.0


class Demo:
    """The children, and what was read of them."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.sim: subprocess.Popen[bytes] | None = None
        self.feed: Child | None = None
        self.trades: dict[str, Child] = {}
        self.accounts: dict[str, Account] = {}
        self.symbols: list[str] = []
        self.md: Segment | None = None
        self.start_price: Decimal | None = None
        self.last_price: Decimal | None = None
        self.began = time.monotonic()
        self._keys = {name: (secrets.token_hex(16), secrets.token_hex(32)) for name in STRATEGIES}
        self._rest = self._cafile = ""

    # ------------------------------------------------------------------------------------------------------- children

    def start(self) -> None:
        """Start exchange, feed and strategies, each when the one before it is ready."""
        os.environ.update(self._start_sim())
        config = self.folder / "feed.toml"
        config.write_text(self._feed_toml())
        self.feed = control.spawn(Role.FEED, ["feed", str(config)], name="demo-feed", die_with_me=True)
        entry = control.entry_of_pid(self.feed.pid)
        self.md = shm.attach(SegmentName.make(Kind.MD, "demo", entry.generation))
        for name in STRATEGIES:
            self._start_strategy(name)
        self.began = time.monotonic()

    def _start_sim(self) -> dict[str, str]:
        args = self.args
        words = [sys.executable, "-m", "aats.cli", "sim", "--json", "--parent-pid", str(os.getpid()), "--seed", str(args.seed)]
        for tape in args.tape:
            words += ["--tape", tape, "--speed", args.speed]
        for fault in args.fault:
            words += ["--fault", fault]
        if not args.tape:
            words += ["--symbols", args.symbols]
        env = dict(os.environ)
        for name, (key, secret) in self._keys.items():
            env[f"AATS_DEMO_{name.upper()}"] = f"{key}:{secret}"
            words += ["--key", f"env:AATS_DEMO_{name.upper()}"]
        errors = open(log_dir() / "demo-sim.log", "ab")
        with errors:
            begin = errors.tell()
            self.sim = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True, env=env
            )
        assert self.sim.stdout is not None
        line = _line(self.sim.stdout.fileno(), _SIM_READY_S)
        try:
            ready = orjson.loads(line)
        except orjson.JSONDecodeError:
            said = Path(errors.name).read_bytes()[begin:].decode("utf-8", "replace").strip()
            raise ControlError(said.splitlines()[-1] if said else "the simulated exchange did not start") from None
        self.symbols = [f"{one}.BINANCE" for one in ready["symbols"]]
        self._rest, self._cafile = ready["rest"], ready["ca"]
        found: dict[str, str] = dict(ready["env"])
        return found

    def _feed_toml(self) -> str:
        names = ", ".join(f'"{one.split(".")[0]}:5"' for one in self.symbols)
        return f'[feed]\nname = "demo"\nvenue = "BINANCE"\nmode = "sim"\nsymbols = [{names}]\n'

    def _start_strategy(self, name: str) -> None:
        key, secret = self._keys[name]
        env = {"AATS_APIKEY_BINANCE": key, "AATS_SECRET_BINANCE": secret, "AATS_HOME": str(self.folder)}
        command = [sys.executable, "-m", "aats.demo_strategy"]
        # The maker listens to every book, the taker to the one it trades.
        words = [name, *(self.symbols if name == "maker" else self.symbols[:1])]
        child = control.spawn(Role.TRADE, words, name=f"demo-{name}", die_with_me=True, command_line=command, env=env)
        self.trades[name] = child
        self.accounts[name] = Account(name, shm.attach(SegmentName.make(Kind.TD, child.entry.name, child.entry.generation)))
        self.poll()

    def failed(self) -> str:
        """Return what ended by itself, or ""."""
        if self.sim is not None and self.sim.poll() is not None:
            return f"the simulated exchange ended with status {self.sim.returncode}"
        for child, what in ((self.feed, "the feed"), *((child, f"the {name}") for name, child in self.trades.items())):
            if child is not None and child.process.poll() is not None:
                return f"{what} ended with status {child.process.returncode} (log: {child.log})"
        return ""

    def end_strategies(self) -> None:
        """End the strategies; they cancel what is open and ask the exchange whether it is.  Then read what they wrote to their last word.

        Raises
        ------
        ControlError
            One did not end by itself in time, or ended with an error.
        """
        failed = ""
        for name, child in self.trades.items():
            ended = child.stop(wait_s=_LEAVE_S)
            if (ended != "stopped" or child.process.returncode) and not failed:
                failed = f"the {name} was {ended} with status {child.process.returncode} (log: {child.log})"
        if failed:
            raise ControlError(failed)
        self.poll()

    def stop(self, *, hard: bool = False) -> None:
        """End all children: strategies, feed, exchange.  `hard`: at once, by force."""
        for child in (*self.trades.values(), self.feed):
            if child is None:
                continue
            if hard:
                child.process.kill()
                child.process.wait()
            elif child.process.poll() is None:
                with contextlib.suppress(AatsError):
                    child.stop(wait_s=_LEAVE_S)
        if self.sim is not None:
            self.sim.kill() if hard else self.sim.terminate()
            try:
                self.sim.wait(timeout=8)
            except subprocess.TimeoutExpired:
                self.sim.kill()
                self.sim.wait()
        control.tidy()

    # -------------------------------------------------------------------------------------------------------- numbers

    @property
    def ledgers(self) -> list[Ledger]:
        return [one.ledger for one in self.accounts.values()]

    def poll(self) -> None:
        """Read what is new: order events of both strategies, and the price."""
        for account in self.accounts.values():
            account.poll()
        if self.md is not None and self.symbols:
            price = trade_price(self.md, self.symbols[0])
            if price is not None:
                self.last_price = price
                if self.start_price is None and self.accounts and all(one.known for one in self.accounts.values()):
                    self.start_price = price

    def check(self) -> list[str]:
        """Ask the exchange for the balances and open orders of both accounts; return a sentence for each thing that does not agree."""
        from aats.venue.binance_account import BinanceAccount  # takes a while to import, and is needed last

        wrong: list[str] = []
        for name, account in self.accounts.items():
            ledger = account.ledger
            wrong += account.check()
            wrong += [f"{name}: order {number} is not closed" for number in ledger.open]
            with BinanceAccount(self._rest, *self._keys[name], cafile=self._cafile) as venue:
                held = venue.balances()
                wrong += [f"{name}: order {one.client_id} is open at the exchange" for one in venue.open_orders()]
            ours: dict[str, Decimal | int] = {ledger.base: ledger.position, ledger.quote: ledger.cash}
            theirs: dict[str, Decimal | int] = {asset: one.total for asset, one in held.items()}
            wrong += difference(name, "the exchange's balance", ours, theirs)
        return wrong

    def summary(self) -> dict[str, Any]:
        """Return all numbers as they stand now; times in ns, amounts as exact text."""
        out: dict[str, Any] = {
            "seconds": round(time.monotonic() - self.began, 3),
            "events": 0,
            "quotes": 0,
            "ticks": 0,
            "gaps": 0,
            "laps": 0,
            "symbols": {},
        }
        zero = Decimal(0)
        out.update(summary(self.ledgers, self.start_price or zero, self.last_price or zero))
        for name, account in self.accounts.items():
            told = {key: account.counter(TdCounter[key.upper()]) for key in ("quotes", "ticks", "laps")}
            told["events"] = sum(account.counter(at) for at in (TdCounter.QUOTES, TdCounter.TICKS, TdCounter.BBOS, TdCounter.L2S))
            out["strategies"][name].update(told)
            for key, value in told.items():
                out[key] += value
        if self.md is not None:
            counters = self.md.md.md.counters
            out["gaps"] = int(counters[MdCounter.GAPS])
            out["feed"] = {one.name.lower(): int(counters[one]) for one in MdCounter}
            out["symbols"] = {one.symbol: _symbol(one) for one in shm.symbols(self.md)}
        out["hops"] = hops([*([self.md] if self.md else []), *(one.segment for one in self.accounts.values())])
        return out


def _symbol(one: shm.Symbol) -> dict[str, Any]:
    return {
        "state": one.state.name,
        "updates": one.updates,
        "quotes": one.quotes,
        "ticks": one.ticks,
        "gaps": one.gaps,
        "trade_gaps": one.trade_gaps,
        "syncs": one.syncs,
    }


def _line(fd: int, timeout_s: float) -> bytes:
    """Read one line from a pipe, or what came before its end or the time-out."""
    deadline = time.monotonic() + timeout_s
    os.set_blocking(fd, False)
    out = b""
    while not out.endswith(b"\n") and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            piece = os.read(fd, 65536)
            if not piece:
                break
            out += piece
            continue
        time.sleep(0.01)
    return out
