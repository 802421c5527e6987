"""The strategies that were published with the old client run on this package, unchanged, against the simulated exchange as `sandbox`.

The scripts are those of the source distribution aats 0.1.2, fetched from the package index at test time and copied to a
scratch folder; no line of them stands here.  They name the control server's port (8060), the venue's test network and its API
key; the environment leads `sandbox` to the simulator, whose account has that key, and AATS_MD=shm replaces their network
market data.

    tc2   starts the market server                     tc4   a maker: post-only on both sides, canceled when the price moves away
    tc3   a taker: buys by IOC at the ask, every 10 s  tc5   prints a quote or tick, every 5 s
    demo_main   the taker of the examples folder; its control server is elsewhere, so it finds the market that tc2 started

Not run: tc1 and demo_run_market_instance, which have to ask a control server at an address outside of this host; the
strategies of examples/simple_*.py, which are imported by no script and are those of tc3 and tc4.

The market moves because another account of the exchange sells and buys through the book.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.live.looks import READY_S, ROOT, eventually, pids_of, segments, tool
from tests.live.procs import Sim
from tests.sim.strangers import after, held
from tests.sim.trading import sign

RELEASE = "aats==0.1.2"
PORT = 8060  # the scripts' control server
MARKET, TAKER, MAKER, PRINTER = (
    "tc2_start_market_server.py",
    "tc3_run_simple_taker_strategy.py",
    "tc4_run_simple_maker_strategy.py",
    "tc5_run_simple_data_printer_strategy.py",
)
EXAMPLE = "demo_main.py"
MOVER = ("published-mover", "published-mover")
BEGIN = {"BTC": Decimal(100_000), "ETH": Decimal(100_000), "USDT": Decimal(10_000_000_000)}
FAR = Decimal(7)  # further than the maker quotes: 0.0001 of the price of 61,000
QUOTE_KEYS = [f"{side}_{level}_{what}" for side in ("bid", "ask") for level in range(5) for what in ("qty", "px")]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch the published scripts; without a package index skip, but fail under ``CI=true``."""
    folder = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", RELEASE, "-d", str(folder)]
    try:
        done = subprocess.run([*command, "--quiet", "--disable-pip-version-check"], capture_output=True, text=True, timeout=120)
        why = done.stderr.strip()[-400:]
    except subprocess.TimeoutExpired:
        why = "pip did not answer within 120 s"
    found = sorted(folder.glob("aats-*.tar.gz"))
    if not found:
        reason = f"the source distribution of {RELEASE} cannot be had: {why}"
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(reason)
        pytest.skip(reason)
    with tarfile.open(found[0]) as archive:
        for one in archive.getmembers():
            path = Path(one.name)
            if one.isfile() and path.suffix == ".py" and path.parts[1] in ("tests", "examples"):
                text = archive.extractfile(one)
                assert text is not None
                (folder / path.name).write_bytes(text.read())
    return folder


@pytest.fixture
def port_8060() -> Iterator[None]:
    """Have the scripts' control port for one test of this user at a time; whatever runs in the namespace is ended afterwards."""
    with (Path(tempfile.gettempdir()) / f"aats-tests-{os.getuid()}-{PORT}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        eventually(_port_free, within_s=60, why=f"port {PORT}, which the published scripts name, is used by another program")
        yield
        done = tool("kill", "--all", "--json")
        assert done.returncode == 0, done.stdout + done.stderr


def _port_free() -> bool:
    with socket.socket() as one, contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", PORT))
        return True
    return False


class Venue:
    """One account of the exchange, over REST: to look at what the strategies have there, or to move the market."""

    def __init__(self, ready: Mapping[str, Any], key: tuple[str, str]) -> None:
        self.key, self.secret = key
        self.http = httpx.Client(base_url=ready["rest"], verify=ssl.create_default_context(cafile=ready["ca"]), timeout=READY_S)

    def __enter__(self) -> Venue:
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.close()

    def ask(self, method: str, path: str, **params: Any) -> Any:
        payload = urlencode({**params, "timestamp": time.time_ns() // 1_000_000})
        query = f"{payload}&signature={quote(sign(self.secret, payload), safe='')}"
        answer = self.http.request(method, f"/api/v3/{path}?{query}", headers={"X-MBX-APIKEY": self.key})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look(self, path: str, **params: Any) -> Any:
        """Ask about BTCUSDT no oftener than the venue's request weight allows to a test that waits."""
        time.sleep(0.25)
        return self.ask("GET", path, symbol="BTCUSDT", **params)

    def push(self, side: str) -> None:
        """Trade through the book, as far as `FAR` from the touch."""
        top = self.http.get("/api/v3/ticker/bookTicker", params={"symbol": "BTCUSDT"}).json()
        px = Decimal(top["askPrice"]) + FAR if side == "BUY" else Decimal(top["bidPrice"]) - FAR
        done = {"status": "FILLED"}
        while done["status"] == "FILLED":
            done = self.ask("POST", "order", symbol="BTCUSDT", side=side, type="LIMIT", timeInForce="IOC", quantity="100", price=str(px))

    def lean(self) -> None:
        """Make the best ask a price close above the bid."""
        top = self.http.get("/api/v3/ticker/bookTicker", params={"symbol": "BTCUSDT"}).json()
        px = Decimal(top["bidPrice"]) + Decimal("0.05")
        self.ask("POST", "order", symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="50", price=str(px))


@dataclass
class Running:
    """One of the published scripts."""

    process: subprocess.Popen[str]
    out: Path
    errors: Path

    @classmethod
    def start(cls, folder: Path, script: Path) -> Running:
        target = folder / script.name
        target.write_bytes(script.read_bytes())
        out, errors = target.with_suffix(".out"), target.with_suffix(".err")
        with out.open("w") as to, errors.open("w") as to_errors:
            env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
            process = subprocess.Popen(
                [sys.executable, str(target)], stdin=subprocess.DEVNULL, stdout=to, stderr=to_errors, text=True, env=env, cwd=folder
            )
        return cls(process, out, errors)

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()

    def said(self) -> str:
        return f"{self.process.args}: {self.process.poll()}; {self.lines()[-5:]}; {self.errors.read_text()[-1500:]}"


def published_key(text: str) -> tuple[str, str]:
    """Return the API key that a script gives, to which the exchange has an account."""
    key, secret = (re.search(rf'{name}="(\w+)"', text) for name in ("key", "secret"))
    assert key is not None and secret is not None
    return key[1], secret[1]


def test_the_published_strategies_trade_unchanged(
    scripts: Path, tmp_path: Path, port_8060: None, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    key = published_key((scripts / TAKER).read_text())
    words = [word for one in (key, MOVER) for word in ("--key", ":".join(one))]
    words += [word for asset, amount in BEGIN.items() for word in ("--balance", f"{asset}={amount}")]
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Sim("--mode", "sandbox", "--symbols", "BTCUSDT,ETHUSDT:5", *words))
        theirs, mover = (stack.enter_context(Venue(sim.ready, one)) for one in (key, MOVER))
        for name, value in {**sim.env, "AATS_MD": "shm"}.items():
            monkeypatch.setenv(name, value)
        market = Running.start(tmp_path, scripts / MARKET)
        assert market.process.wait(READY_S) == 0 and len(pids_of("feed")) == 1, market.said()
        try:
            for name in (TAKER, MAKER, PRINTER, EXAMPLE):
                running[name] = Running.start(tmp_path, scripts / name)
            _maker_quotes_and_is_filled(theirs, mover, running[MAKER])
            _takers_buy(theirs, [running[TAKER], running[EXAMPLE]])
            eventually(lambda: len(running[PRINTER].lines()) >= 2, within_s=READY_S, why=running[PRINTER].said)
            for one in running.values():
                assert one.process.poll() is None, one.said()
                one.process.send_signal(signal.SIGINT)
            status = {name: one.process.wait(READY_S) for name, one in running.items()}
        finally:
            for one in running.values():
                one.process.kill()
                one.process.wait()

        _ended_as_published(running, status)
        _printed_as_documented(running[PRINTER].lines())
        assert theirs.ask("GET", "openOrders") == []
        trades = theirs.look("myTrades", limit=1000)
        now = held(theirs.ask("GET", "account")["balances"])
        assert {asset: now[asset] for asset in BEGIN} == {asset: (amount, 0) for asset, amount in after(trades, BEGIN).items()}
        assert pids_of("trade") == [] and not any(".td." in name for name in segments(namespace))


def _maker_quotes_and_is_filled(theirs: Venue, mover: Venue, maker: Running) -> None:
    def quotes() -> dict[str, Any]:
        """Return what it has in the book, by side."""
        assert maker.process.poll() is None, maker.said()
        return {order["side"]: order for order in theirs.look("openOrders") if order["type"] == "LIMIT_MAKER"}

    def quoted() -> dict[str, Any]:
        return dict(eventually(lambda: len(found := quotes()) == 2 and found, within_s=READY_S, why=maker.said))

    def ended(order: Mapping[str, Any]) -> tuple[str, str]:
        one = eventually(lambda: _closed(theirs, order["orderId"]), why=maker.said)
        return one["status"], one["executedQty"]

    first = quoted()
    mover.push("SELL")
    assert ended(first["BUY"]) == ("FILLED", "0.00100000")
    mover.lean()  # the best ask comes down after the bid: its own is too far away now, so it cancels and quotes again
    assert ended(first["SELL"]) == ("CANCELED", "0.00000000")
    second = quoted()
    assert Decimal(second["SELL"]["price"]) < Decimal(first["SELL"]["price"])
    mover.push("BUY")
    assert ended(second["SELL"]) == ("FILLED", "0.00100000")
    ids = {first["BUY"]["orderId"], second["SELL"]["orderId"]}
    mine = [trade for trade in theirs.look("myTrades", limit=1000) if trade["orderId"] in ids]
    assert [trade["isBuyer"] for trade in mine] == [True, False] and all(trade["isMaker"] for trade in mine)
    assert second["SELL"]["orderId"] != quoted()["SELL"]["orderId"]


def _closed(theirs: Venue, order_id: int) -> dict[str, Any] | None:
    order: dict[str, Any] = theirs.look("order", orderId=order_id)
    return None if order["status"] in ("NEW", "PARTIALLY_FILLED") else order


def _takers_buy(theirs: Venue, takers: list[Running]) -> None:
    def bought() -> set[str]:
        """Return the processes, by the half of the client id that names one, that have bought."""
        assert all(one.process.poll() is None for one in takers), [one.said() for one in takers]
        orders = [order for order in theirs.look("allOrders", limit=1000) if (order["type"], order["timeInForce"]) == ("LIMIT", "IOC")]
        assert all(order["side"] == "BUY" and order["origQty"] == "0.00100000" for order in orders)
        return {order["clientOrderId"][:16] for order in orders if order["status"] == "FILLED"}

    eventually(lambda: len(bought()) == len(takers), within_s=READY_S, why=lambda: [one.said() for one in takers])
    for one in takers:
        assert any(line.startswith("send order Order(exchange='BINANCE', symbol='BTCUSDT'") for line in one.lines()), one.said()


def _ended_as_published(running: Mapping[str, Running], status: Mapping[str, int]) -> None:
    """Check how each ended on Ctrl-C: by its own handler, which in the maker's case runs into a fault of its own."""
    assert status == {TAKER: 0, PRINTER: 0, EXAMPLE: 0, MAKER: 1}, [one.said() for one in running.values()]
    for name, last in ((TAKER, "trade closed"), (PRINTER, "trade closed"), (EXAMPLE, "trade server closed")):
        assert running[name].lines()[-2:] == ["close strategy and close open orders", last]
        assert "Traceback" not in running[name].errors.read_text(), running[name].said()
    assert running[MAKER].lines()[-1] == "close strategy and close open orders"
    assert running[MAKER].errors.read_text().rstrip().endswith("AttributeError: 'str' object has no attribute 'order_id'")


def _printed_as_documented(lines: list[str]) -> None:
    messages = [ast.literal_eval(line) for line in lines[:-2]]
    assert len(messages) >= 2
    for message in messages:
        if message["type"] == "onTick":
            assert sorted(message) == ["cid", "px", "qty", "tradeType", "type"] and message["tradeType"] in (1, -1)
            continue
        assert (message["type"], message["cid"]) == ("onQuote", 1001)
        assert list(message) == ["type", "cid", "length", *[key for key in QUOTE_KEYS if key in message]]
        assert message["length"] == max(sum(f"{side}_{level}_px" in message for level in range(5)) for side in ("bid", "ask"))
        assert message["bid_0_px"] < message["ask_0_px"]
