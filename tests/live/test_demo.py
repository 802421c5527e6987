"""``aats demo``: sane numbers, and every way of ending it leaves nothing behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest

from aats import control
from tests.live.looks import READY_S, ROOT, eventually, segments, tool

SHORT = "binance-spot/cryptofeed/binance_spot_2021-08-14.jsonl.gz"
BTCUSDT = "binance-spot/hftbacktest/btcusdt_20240808.gz"


class Running:
    """A demo that goes on until it is told."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aats.cli", "demo", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.children: list[psutil.Process] = []

    def wait_up(self) -> None:
        """Wait until exchange, feed and both strategies run and quotes are delivered."""
        eventually(
            lambda: (
                self.process.poll() is not None
                or {"feed", "trade", "other"} <= {one["role"] for one in control.processes() if one["state"] == "RUN"}
            ),
            within_s=READY_S,
            why=self.said,
        )
        eventually(
            lambda: (
                self.process.poll() is not None or sum(one["role"] == "trade" and one["passes"] > 100 for one in control.processes()) == 2
            ),
            why=self.said,
        )
        if self.process.poll() is not None:
            pytest.fail(f"it ended with status {self.process.returncode}: {self.process.communicate()}")
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.children) >= 4

    def said(self) -> str:
        return f"{control.processes()}"

    def interrupt(self) -> None:
        """What a terminal does at Ctrl-C: SIGINT to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, within_s: float = READY_S) -> tuple[int, str, str]:
        out, errors = self.process.communicate(timeout=within_s)
        return self.process.returncode, out, errors


@contextlib.contextmanager
def running(*words: str) -> Iterator[Running]:
    demo = Running(*words)
    try:
        yield demo
    finally:
        for child in demo.children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.communicate(timeout=10)


def gone(children: list[psutil.Process]) -> bool:
    def lives(child: psutil.Process) -> bool:
        try:
            return bool(child.is_running() and child.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:  # it has gone between the two questions
            return False

    return not any(lives(child) for child in children)


def check_summary(out: str, symbols: int) -> dict[str, Any]:
    """Return the one object on stdout after what must hold of any run without faults."""
    (line,) = out.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert len(said["symbols"]) == symbols
    assert all(one["state"] == "LIVE" and one["syncs"] >= 1 and one["updates"] > 0 for one in said["symbols"].values())
    assert said["gaps"] == said["laps"] == 0
    assert said["feed"]["parse_errors"] == said["feed"]["unknown"] == said["feed"]["proto_errors"] == 0
    for one in said["strategies"].values():
        assert said["feed"]["quotes"] >= one["quotes"] > 0 and said["feed"]["ticks"] >= one["ticks"]
    assert said["quotes"] == sum(one["quotes"] for one in said["strategies"].values())
    assert said["events"] >= said["quotes"] + said["ticks"]
    for name in ("recv_pub", "pub_delivered", "recv_delivered"):
        hop = said["hops"][name]
        assert hop["count"] > 0 and 0 < hop["p50"] <= hop["p99"] <= hop["max"] < 10_000_000_000, name
    check_money(said)
    return said


def check_money(said: dict[str, Any]) -> None:
    """Compute the sums again from the list of fills, to the last digit, and compare."""
    position, cash = (Fraction(said["start"][name]) for name in ("position", "cash"))
    fees: Counter[str] = Counter()
    for fill in said["fills"]:
        size, price, sign = Fraction(fill["size"]), Fraction(fill["price"]), {"buy": 1, "sell": -1}[fill["side"]]
        assert Fraction(fill["notional"]) == size * price and fill["liquidity"] in ("maker", "taker")
        position += sign * size
        cash -= sign * size * price
        fees[fill["fee_asset"]] += Fraction(fill["fee"])  # type: ignore[assignment]
    base, quote = assets(said)
    assert {name: Fraction(amount) for name, amount in said["fees"].items()} == dict(fees) and set(fees) <= {base, quote}
    assert Fraction(said["position"]) == position - fees[base]
    assert Fraction(said["cash"]) == cash - fees[quote]
    start, last = Fraction(said["start"]["price"]), Fraction(said["last_price"])
    worth = Fraction(said["start"]["cash"]) + Fraction(said["start"]["position"]) * start
    assert Fraction(said["pnl"]) == Fraction(said["cash"]) + Fraction(said["position"]) * last - worth
    assert start > 0 and last > 0
    orders = said["orders"]
    assert orders["created"] == orders["closed"] == sum(one["orders"]["closed"] for one in said["strategies"].values())
    assert orders["acked"] + orders["rejected"] == orders["created"]
    assert len({(fill["strategy"], fill["order_id"]) for fill in said["fills"]}) >= orders["filled"]
    for text in (said["pnl"], said["cash"], said["position"], *said["fees"].values()):
        assert isinstance(text, str) and "e" not in text.lower()


def assets(said: dict[str, Any]) -> tuple[str, str]:
    """Return base and quote of the symbol that is traded: the first one."""
    name = next(iter(said["symbols"])).partition(".")[0]
    assert all(fill["symbol"].partition(".")[0] == name for fill in said["fills"])
    return next((name[: -len(quote)], quote) for quote in ("USDT", "BTC", "ETH", "BNB") if name.endswith(quote))


def check_every_outcome(said: dict[str, Any]) -> None:
    """Orders were accepted, filled, canceled; both strategies traded; each hop from tick to ack was measured."""
    for outcome in ("acked", "filled", "canceled", "closed"):
        assert said["orders"][outcome] > 0, (outcome, said["orders"])
    assert {fill["strategy"] for fill in said["fills"]} >= {"taker"}
    for name in ("delivered_decided", "decided_sent", "sent_acked", "recv_sent"):
        assert said["hops"][name]["count"] > 0, name


def test_demo_runs_and_its_numbers_are_sane(namespace: str) -> None:
    done = tool("demo", "--seconds", "4", "--json")
    assert done.returncode == 0 and done.stderr == ""
    said = check_summary(done.stdout, symbols=2)
    assert 4 <= said["seconds"] < 40 and said["ticks"] > 0
    assert segments(namespace) == [] and control.processes() == []


def test_demo_on_the_generator_shows_every_outcome_of_an_order(namespace: str) -> None:
    done = tool("demo", "--seconds", "12", "--json")
    assert done.returncode == 0, done.stderr
    check_every_outcome(check_summary(done.stdout, symbols=2))
    assert segments(namespace) == [] and control.processes() == []


def test_demo_on_the_recorded_tape_shows_every_outcome_of_an_order(data_dir: Path, namespace: str) -> None:
    done = tool("demo", "--seconds", "15", "--tape", str(data_dir / BTCUSDT), "--json")
    assert done.returncode == 0, done.stderr
    check_every_outcome(check_summary(done.stdout, symbols=1))
    assert segments(namespace) == [] and control.processes() == []


def test_demo_shows_its_keys_to_nobody(home: Path) -> None:
    """They are in the children's environment only: on no command line, in no log, in no file of the run."""
    with running("--json") as demo:
        demo.wait_up()
        keys = [
            value for child in demo.children for name, value in child.environ().items() if name.startswith(("AATS_APIKEY", "AATS_SECRET"))
        ]
        lines = [" ".join(one.cmdline()) for one in (psutil.Process(demo.process.pid), *demo.children)]
        assert len(keys) == 4 and not any(key in line for key in keys for line in lines)
        demo.interrupt()
        status, out, errors = demo.end()
        assert status == 0
        written = out + errors + "".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())
        assert not any(key in written for key in keys)


def test_demo_for_people_ends_with_a_summary(namespace: str) -> None:
    done = tool("demo", "--seconds", "2")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "recv_pub", "p99", "maker", "taker", "profit"):
        assert word in done.stdout
    assert segments(namespace) == []


def test_demo_plays_a_tape(data_dir: Path, namespace: str) -> None:
    done = tool("demo", "--seconds", "3", "--tape", str(data_dir / SHORT), "--speed", "4", "--json")
    assert done.returncode == 0, done.stderr
    assert set(check_summary(done.stdout, symbols=4)["symbols"]) >= {"FTMUSDT.BINANCE", "XMRBTC.BINANCE"}
    assert segments(namespace) == []


def test_demo_with_faults_shows_the_gaps_and_live_books() -> None:
    done = tool("demo", "--seconds", "4", "--fault", "drop=15", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["gaps"] >= 1 and said["feed"]["syncs"] > 2


@pytest.mark.parametrize("fault", ["order-lost=4", "order-cut=5", "user-cut=9"])
def test_demo_with_faults_of_orders_ends_with_sums_that_are_the_exchanges(fault: str, namespace: str) -> None:
    """Lost answers, lost connections and lost events cost time, never a fill: the demo itself compares with the exchange's balances."""
    done = tool("demo", "--seconds", "7", "--fault", fault, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    check_money(said)
    assert said["orders"]["filled"] > 0
    assert segments(namespace) == [] and control.processes() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tape", "no/such/file.gz"), "no/such/file.gz"),
        (("--fault", "nonsense=3"), "nonsense=3"),
        (("--symbols", "NOT A SYMBOL"), "NOT A SYMBOL"),
    ],
)
def test_demo_that_cannot_start_says_why_in_a_sentence(words: tuple[str, ...], says: str, namespace: str) -> None:
    done = tool("demo", "--seconds", "3", "--json", *words)
    assert done.returncode == 1 and done.stdout == ""
    assert says in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1
    assert segments(namespace) == []


def test_interrupt_ends_it_with_status_0_and_a_summary(namespace: str) -> None:
    with running("--json") as demo:
        demo.wait_up()
        demo.interrupt()
        status, out, errors = demo.end()
        assert (status, errors) == (0, "")
        assert json.loads(out)["quotes"] > 0
        assert gone(demo.children)
    assert segments(namespace) == []


def test_ctrl_c_in_a_terminal_ends_the_view_with_a_summary(namespace: str) -> None:
    """The keys themselves: the terminal sends the signal, to whoever is in its foreground."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "aats.cli", "demo"],
        cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(terminal)
    seen = b""
    try:
        pressed = False
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and select.select([screen], [], [], READY_S)[0]:
            try:
                seen += os.read(screen, 65536)
            except OSError:  # the last one that had the terminal open is gone
                break
            if not pressed and b"recv_pub" in seen:
                os.write(screen, b"\x03")
                pressed, seen = True, b""
        assert process.wait(READY_S) == 0
        assert pressed and b"BTCUSDT" in seen and b"Traceback" not in seen, seen[-2000:]
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    assert segments(namespace) == [] and control.processes() == []


def test_interrupt_while_it_starts_leaves_nothing(namespace: str) -> None:
    for after_s in (0.2, 0.9, 1.6):
        with running("--json") as demo:
            time.sleep(after_s)
            begun = psutil.Process(demo.process.pid).children(recursive=True) if demo.process.poll() is None else []
            demo.interrupt()
            _, _, errors = demo.end()
            assert errors.count("Traceback") == 0 or after_s < 0.5, errors  # Python itself is still starting
            eventually(lambda: gone(begun), why="a child is left")  # noqa: B023
        tool("ps")
        assert segments(namespace) == []


def test_second_interrupt_ends_it_at_once(namespace: str) -> None:
    with running("--json") as demo:
        demo.wait_up()
        trade = next(one["pid"] for one in control.processes() if one["role"] == "trade")
        os.kill(trade, signal.SIGSTOP)  # it cannot obey: the polite end would take 8 s
        demo.interrupt()
        time.sleep(0.5)
        assert demo.process.poll() is None
        begin = time.monotonic()
        demo.interrupt()
        status, _, errors = demo.end()
        assert status == 130 and "Traceback" not in errors
        assert time.monotonic() - begin < 7
        assert gone(demo.children)
    assert segments(namespace) == []


def test_killed_demo_takes_its_children_along(namespace: str) -> None:
    with running("--json") as demo:
        demo.wait_up()
        demo.process.kill()
        # All at once: the strategies ask an exchange that is gone whether their orders are, for as long as close_ms and stop_ms allow.
        eventually(lambda: gone(demo.children), within_s=40, why=lambda: f"left: {demo.children}")
        assert tool("ps", "--json").returncode == 0
        tool("ps")
        assert segments(namespace) == []
