"""The scripts of the published client, fetched at test time, and what their account has at the simulated exchange.

For: ``test_published.py``, which runs them on this package, and ``test_published_client.py``, which runs them on the client that they were written for.
No line of the client or of its scripts stands here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
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
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.live.looks import READY_S, ROOT, eventually
from tests.sim.trading import sign

RELEASE = "aats==0.1.2"
PORT = 8060  # the scripts' control server
LISTER, MARKET, TAKER, MAKER, PRINTER = (
    "tc1_control_service.py",
    "tc2_start_market_server.py",
    "tc3_run_simple_taker_strategy.py",
    "tc4_run_simple_maker_strategy.py",
    "tc5_run_simple_data_printer_strategy.py",
)
EXAMPLE, EXAMPLE_MARKET = "demo_main.py", "demo_run_market_instance.py"
LISTERS_ADDRESS = "54.199.162.238"  # a far control server that tc1 and the demo have in them
MOVER = ("published-mover", "published-mover")
BEGIN = {"BTC": Decimal(100_000), "ETH": Decimal(100_000), "USDT": Decimal(10_000_000_000)}
FAR = Decimal(7)  # further than the maker quotes: 0.0001 of the price of 61,000


def pip(*words: str) -> str:
    """Run pip; return "" if it did what it was told, else why not."""
    command = [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "pip did not answer within 120 s"
    return "" if done.returncode == 0 else done.stderr.strip()[-400:] or f"pip ended with status {done.returncode}"


def cannot_be_had(what: str, why: str) -> NoReturn:
    """Skip the test, but fail it under ``CI=true``."""
    reason = f"{what} of {RELEASE} cannot be had: {why}"
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(reason)
    pytest.skip(reason)


def fetch_scripts(folder: Path) -> Path:
    """Put the published scripts into a folder."""
    why = pip("download", "--no-deps", "--no-binary", ":all:", RELEASE, "-d", str(folder))
    found = sorted(folder.glob("aats-*.tar.gz"))
    if not found:
        cannot_be_had("the source distribution", why)
    with tarfile.open(found[0]) as archive:
        for one in archive.getmembers():
            path = Path(one.name)
            if one.isfile() and path.suffix == ".py" and path.parts[1] in ("tests", "examples"):
                text = archive.extractfile(one)
                assert text is not None
                (folder / path.name).write_bytes(text.read())
    return folder


@contextlib.contextmanager
def port_8060_of_this_host() -> Iterator[None]:
    """Have the scripts' control port for one test of this user at a time."""
    with (Path(tempfile.gettempdir()) / f"aats-tests-{os.getuid()}-{PORT}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        eventually(_port_free, within_s=60, why=f"port {PORT}, which the published scripts name, is used by another program")
        yield


def _port_free() -> bool:
    with socket.socket() as one, contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", PORT))
        return True
    return False


def sim_words(*keys: tuple[str, str]) -> list[str]:
    """Return the arguments of `aats sim` that give each key an account with plenty of everything."""
    words = ["--mode", "sandbox", "--symbols", "BTCUSDT,ETHUSDT:5"]
    words += [word for one in keys for word in ("--key", ":".join(one))]
    return words + [word for asset, amount in BEGIN.items() for word in ("--balance", f"{asset}={amount}")]


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
    def start(cls, folder: Path, script: Path, *, python: str | Path = sys.executable, path: Path | None = ROOT) -> Running:
        """Run a copy of `script` in `folder`; `path` is where the package is, None for that of `python`'s own environment."""
        target = folder / script.name
        target.write_bytes(script.read_bytes())
        out, errors = target.with_suffix(".out"), target.with_suffix(".err")
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONUNBUFFERED": "1"}
        if path is not None:
            env["PYTHONPATH"] = str(path)
        with out.open("w") as to, errors.open("w") as to_errors:
            process = subprocess.Popen(
                [str(python), str(target)], stdin=subprocess.DEVNULL, stdout=to, stderr=to_errors, text=True, env=env, cwd=folder
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


def maker_quotes_and_is_filled(theirs: Venue, mover: Venue, maker: Running) -> None:
    """Move the market until the maker has been filled on both sides and has moved a quote that was too far away."""

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


def takers_buy(theirs: Venue, takers: list[Running]) -> None:
    """Wait until each taker has bought by IOC."""

    def bought() -> set[str]:
        """Return the processes, by the half of the client id that names one, that have bought."""
        assert all(one.process.poll() is None for one in takers), [one.said() for one in takers]
        orders = [order for order in theirs.look("allOrders", limit=1000) if (order["type"], order["timeInForce"]) == ("LIMIT", "IOC")]
        assert all(order["side"] == "BUY" and order["origQty"] == "0.00100000" for order in orders)
        return {order["clientOrderId"][:16] for order in orders if order["status"] == "FILLED"}

    eventually(lambda: len(bought()) == len(takers), within_s=READY_S, why=lambda: [one.said() for one in takers])
    for one in takers:
        assert any(line.startswith("send order Order(exchange='BINANCE', symbol='BTCUSDT'") for line in one.lines()), one.said()
