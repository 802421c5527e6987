"""Every example does what its first comment promises, on a simulated exchange as `aats demo` starts it; and uses public names only."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import aats
from tests.live.conftest import own_world  # noqa: F401  (a fixture)
from tests.live.looks import READY_S, ROOT, eventually, free_port, tool
from tests.live.procs import FeedProc, Sim

NUMBER = r"[0-9]+(?:\.[0-9]+)?"

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def demo() -> Iterator[FeedProc]:
    """Run an exchange and a feed with the demo's names."""
    with Sim("--symbols", "BTCUSDT,ETHUSDT") as sim, FeedProc(sim, ["BTCUSDT:5", "ETHUSDT:5"], name="demo") as feed:
        feed.wait_live()
        yield feed


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """Run an exchange whose printed lines were pasted, and a feed on it."""
    with Sim("--symbols", "BTCUSDT,ETHUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with FeedProc(sim, ["BTCUSDT:5"]) as feed:
            feed.wait_live()
            yield sim


class Example:
    """An example in a process of its own."""

    def __init__(self, name: str, *words: str, **env_: str) -> None:
        command = [sys.executable, str(ROOT / "examples" / name), *words]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **env_}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def __enter__(self) -> Example:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def lines(self, count: int) -> list[str]:
        assert self.process.stdout is not None
        return [self.process.stdout.readline().rstrip("\n") for _ in range(count)]

    def end(self, number: int | None = None) -> str:
        """Send a signal if one is given, and return the rest of its output; it must have ended well."""
        if number is not None:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=READY_S)
        assert self.process.returncode == 0, errors
        assert "Traceback" not in errors
        return out


def test_every_example_is_tested_here() -> None:
    assert [path.stem for path in EXAMPLES] == [
        "market_service",
        "poll_numpy",
        "print_book",
        "simple_maker",
        "simple_taker",
        "strategy",
        "trade_numpy",
        "two_hosts_market",
        "two_hosts_strategy",
        "venue_spread",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_what_to_open_and_what_to_expect_and_uses_public_names(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    assert "terminal 1:" in text and f"python examples/{path.name}" in text and "Expect" in text
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all("." not in one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("aats"):
            assert node.module == "aats" and {one.name for one in node.names} <= set(aats.__all__)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "aats":
            assert node.attr in aats.__all__


@pytest.mark.parametrize("name", ["print_book.py", "poll_numpy.py"])
def test_without_a_feed_a_sentence_says_what_to_start(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=READY_S,
    )
    assert done.returncode == 1
    assert "no feed runs" in done.stderr and "aats feed" in done.stderr and "Traceback" not in done.stderr


def test_print_book(demo: FeedProc) -> None:
    with Example("print_book.py") as one:
        head, *levels = one.end().splitlines()
    assert re.fullmatch(r"BTCUSDT\.BINANCE  good  update \d+", head)
    assert len(levels) == 5
    for line in levels:
        assert re.fullmatch(r" *[\d.]+ +[\d.]+ \| [\d.]+ +[\d.]+", line)
    with Example("print_book.py", "ETHUSDT.BINANCE") as one:
        assert one.end().startswith("ETHUSDT.BINANCE  good")


def test_poll_numpy(demo: FeedProc) -> None:
    with Example("poll_numpy.py") as one:
        form = r"BTCUSDT\.BINANCE  (good|not good: \w+)  bid ([\d.]+) x [\d.]+  ask ([\d.]+) x [\d.]+  \d+ changes/s  (\d+) polls/s"
        for line in one.lines(2):
            found = re.fullmatch(form, line)
            assert found is not None, line
            assert found[1] == "good" and float(found[2]) < float(found[3]) and int(found[4]) > 1000
        demo.kill()
        deadline = time.monotonic() + READY_S
        while "not good: feed_" not in one.lines(1)[0]:
            assert time.monotonic() < deadline
        one.end(signal.SIGINT)


def test_strategy(demo: FeedProc) -> None:
    source = (ROOT / "examples" / "strategy.py").read_text(encoding="utf-8")
    body = [line for line in source.partition('"""\n\n')[2].splitlines() if line.strip()]
    assert len(body) <= 30
    with Example("strategy.py") as one:
        lines = one.lines(30)
        assert all(re.fullmatch(r"quote [\d.]+ [\d.]+|trade (buy|sell) [\d.]+ at [\d.]+", line) for line in lines), lines
        assert {line.split()[0] for line in lines} == {"quote", "trade"}
        assert one.end(signal.SIGINT).splitlines()[-1] == "closing"


def test_simple_taker(exchange: Sim) -> None:
    with Example("simple_taker.py", EVERY_S="0.5") as one:
        lines = one.lines(4)
        for line in lines:
            assert re.fullmatch(rf"(buy|sell) {NUMBER} at {NUMBER}, fee {NUMBER} (BTC|USDT)", line), lines
        assert {line.split()[0] for line in lines} == {"buy", "sell"}
        assert "closing" in one.end(signal.SIGINT).splitlines()  # a fill may still follow it
    assert open_at(exchange) == []


def test_venue_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Sim("--venue", "BINANCE", "--venue", "OKX") as sim,
        FeedProc(sim, ["BTCUSDT:5"], name="here") as here,
        FeedProc(sim, ["BTCUSDT:5"], name="there", venue="OKX") as there,
    ):
        here.wait_live()
        there.wait_live()
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with Example("venue_spread.py") as one:
            lines = one.lines(6)
            crossing = rf"(BINANCE|OKX) bid ({NUMBER}) over (BINANCE|OKX) ask ({NUMBER}): {NUMBER}"
            found = [match for line in lines if (match := re.fullmatch(crossing, line))]
            assert found and all(float(one[2]) > float(one[4]) and one[1] != one[3] for one in found), lines
            ended = {line.partition(":")[0] for line in lines if re.match(r"(buy|sell) 0.001 at (BINANCE|OKX): ", line)}
            assert len({line.split()[-1] for line in ended}) == 2, "orders at both venues"
            assert "closing" in one.end(signal.SIGINT).splitlines()


def test_simple_maker(exchange: Sim) -> None:
    with Example("simple_maker.py") as one:
        seen: set[str] = set()
        deadline = time.monotonic() + READY_S
        while not {"buy stands", "sell stands", "buy canceled"} <= seen and time.monotonic() < deadline:
            (line,) = one.lines(1)
            found = re.fullmatch(rf"(buy|sell) 0\.001 at {NUMBER} (stands|filled|canceled|filled in part|rejected: .*)", line)
            assert found is not None, line
            seen.add(f"{found[1]} {found[2]}")
        assert {"buy stands", "sell stands", "buy canceled"} <= seen
        assert len(open_at(exchange)) <= 2
        rest = one.end(signal.SIGINT).splitlines()
        assert "closing" in rest
    assert open_at(exchange) == []


def test_simple_maker_by_its_file(exchange: Sim) -> None:
    command = [sys.executable, "-m", "aats.cli", "trade", str(ROOT / "examples" / "simple_maker.toml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        assert re.fullmatch(rf"(buy|sell) 0\.001 at {NUMBER} stands", process.stdout.readline().strip())
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=READY_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0 and "closing" in out and "Traceback" not in errors
    assert open_at(exchange) == []


def test_trade_numpy(exchange: Sim) -> None:
    with Example("trade_numpy.py") as one:
        for line in one.lines(2):
            assert re.fullmatch(rf"imbalance [+-]\d\.\d\d: (bought|sold) (nothing|{NUMBER}) at {NUMBER}", line), line
        one.end(signal.SIGINT)
    assert open_at(exchange) == []


def test_the_readmes_first_strategy_that_trades(exchange: Sim, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    (block,) = [one for one in blocks if "class Taker" in one]
    file = tmp_path / "readme.py"
    file.write_text(block)
    with Example(str(file), PYTHONUNBUFFERED="1") as one:
        lines: list[str] = []
        while "closed: filled" not in lines and len(lines) < 12:  # an order in three seconds; one that comes too late ends as ioc_rest
            lines += one.lines(1)
        assert lines[-1] == "closed: filled"
        assert re.fullmatch(rf"{NUMBER} at {NUMBER} fee {NUMBER} BTC", lines[-2]), lines
        one.process.send_signal(signal.SIGINT)
        one.process.communicate(timeout=READY_S)
    assert open_at(exchange) == []


def open_at(exchange: Sim) -> list[str]:
    """Ask the exchange what is open on the account that the examples use."""
    done = tool("orders", "--venue", "BINANCE", "--mode", "sim", "--json")
    assert done.returncode == 0, done.stderr
    return [one["client_id"] for one in json.loads(done.stdout)]


def test_market_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--symbols", "BTCUSDT,ETHUSDT") as sim:
        for name, value in {**sim.env, "AATS_MODE": "sim"}.items():
            monkeypatch.setenv(name, value)
        port = str(free_port())
        try:
            with Example("market_service.py", port) as one:
                first, second = one.end().splitlines()
            assert re.fullmatch(r"market server binance-sim started: pid \d+, 2 symbols, books synchronised", first)
            pid = first.split()[5].rstrip(",")
            assert second == f"active market server list:  [{{'pid': {pid}, 'port': 15004}}]"
            eventually(lambda: aats.attach().book("ETHUSDT.BINANCE").valid, why="the server does not go on")
        finally:
            assert tool("kill", "--all").returncode == 0


def test_two_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--symbols", "BTCUSDT") as sim:
        for name, value in {**sim.env, "AATS_MODE": "sim"}.items():
            monkeypatch.setenv(name, value)
        words = ("127.0.0.1", str(free_port()), str(free_port()))
        try:
            with Example("two_hosts_market.py", *words) as market:
                assert re.fullmatch(r"market server binance-sim started: pid \d+, 1 symbols, books synchronised", market.end().strip())
            with Example("two_hosts_strategy.py", *words) as far:
                for line in far.lines(5):
                    assert re.fullmatch(r"quote [\d.]+ [\d.]+", line), line
                shown = json.loads(tool("net", "--json").stdout)
                assert f"rx-127-0-0-1-{words[2]}" in json.dumps(shown)
                assert far.end(signal.SIGINT).splitlines()[-1] == "closing"
        finally:
            assert tool("kill", "--all").returncode == 0
