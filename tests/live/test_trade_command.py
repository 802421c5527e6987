"""``aats trade``, ``aats orders`` and ``aats flatten`` against the simulated exchange: what is open is seen, and what a dead process left is canceled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.looks import READY_S, ROOT, segments, tool
from tests.live.procs import FeedProc, Sim

STRATEGY = '''
from aats import BaseStrategy, Order

class Rests(BaseStrategy):
    """Sends two orders far from the market, and keeps them until the end."""
    def __init__(self, far=0.9):
        self.far = far
    def onQuote(self, msg):
        if not hasattr(self, "sent") and msg["cid"] == self.trade_cid:
            px = msg["bid_0_px"] * self.far
            self.sent = [self.send_order(Order("BINANCE", "BTCUSDT", px - at, "0.001", "buy", "gtc")) for at in (0, 1)]
    def onOrderAcked(self, msg):
        print("again" if msg["order"].get("replayed") else "acked", msg["order"]["client_id"], flush=True)
    def onOrderClosed(self, msg):
        print("closed", msg["order"]["client_id"], msg["order"]["code"], flush=True)
    def close(self):
        print("closing", flush=True)

class Fails(Rests):
    def onOrderAcked(self, msg):
        super().onOrderAcked(msg)
        raise ValueError("on purpose")
'''
FILE = '[trade]\nname = "rests"\nstrategy = "rests.py:{}"\nsymbols = ["BTCUSDT:5"]\n[exchange.BINANCE]\nmode = "{}"\n'


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with FeedProc(sim, ["BTCUSDT:5"]) as feed:
            feed.wait_live()
            yield sim


class Trade:
    """`aats trade` on a file with one of the strategies above."""

    def __init__(self, folder: Path, which: str = "Rests", *words: str, mode: str = "sim") -> None:
        (folder / "rests.py").write_text(STRATEGY)
        file = folder / "rests.toml"
        file.write_text(FILE.format(which, mode))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aats.cli", "trade", str(file), *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Trade:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def told(self, word: str, count: int = 2) -> list[str]:
        """Wait until so many orders were told next, all as `word`; return their client ids."""
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().split() for _ in range(count)]
        assert all(line[:1] == [word] for line in lines), (lines, self.process.poll())
        return [line[1] for line in lines]

    def acked(self) -> list[str]:
        """Wait until the orders stand; return their client ids."""
        return self.told("acked")

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=READY_S)
        return self.process.returncode, out, errors


def asked(*words: str, status: int = 0) -> Any:
    done = tool(*words, "--json")
    assert done.returncode == status, done.stderr + done.stdout
    return json.loads(done.stdout)


def at_venue() -> dict[str, str]:
    """Return the owner of each order that is open at the exchange, by client id."""
    return {one["client_id"]: one["owner"] for one in asked("orders", "--venue", "BINANCE", "--mode", "sim")}


# --------------------------------------------------------------------------------------------------------- refusals


def test_nothing_goes_anywhere_without_the_exchange_that_was_meant(tmp_path: Path) -> None:
    with Trade(tmp_path, mode="sandbox") as trade:
        out, errors = trade.process.communicate(timeout=READY_S)
    assert trade.process.returncode == 1 and out == ""
    assert "Traceback" not in errors and "key" in errors.splitlines()[-1]


def test_an_exception_in_a_callback_cancels_what_is_open_and_is_status_1(exchange: Sim, tmp_path: Path, namespace: str) -> None:
    with Trade(tmp_path, "Fails") as trade:
        out, errors = trade.process.communicate(timeout=READY_S)
    assert trade.process.returncode == 1
    assert "aats: the strategy raised ValueError: on purpose" in errors and "closing" in out
    assert out.count("closed") == 2 and at_venue() == {}


# ------------------------------------------------------------------------------------------------------------- path


def test_orders_are_seen_here_and_at_the_exchange_and_canceled_at_the_end(exchange: Sim, tmp_path: Path) -> None:
    with Trade(tmp_path) as trade:
        ids = trade.acked()
        mine = asked("orders")
        assert sorted(one["client_id"] for one in mine) == sorted(ids)
        assert all(
            (one["source"], one["state"], one["side"], one["size"], one["filled"]) == ("process", "live", "buy", "0.001", "0")
            for one in mine
        )
        owner = f"rests ({trade.process.pid})"
        assert at_venue() == dict.fromkeys(ids, owner) and {one["owner"] for one in mine} == {owner}
        status, out, errors = trade.end()
    assert status == 0 and "Traceback" not in errors
    assert out.splitlines()[0] == "closing" and sorted(line.split()[1] for line in out.splitlines()[1:]) == sorted(ids)
    assert at_venue() == {} and asked("orders", "--all") == []


def test_what_a_killed_process_left_is_flattened_and_the_exchange_is_asked(exchange: Sim, tmp_path: Path) -> None:
    with Trade(tmp_path) as trade:
        ids = trade.acked()
        os.kill(trade.process.pid, signal.SIGKILL)
        trade.process.wait()
    left = asked("orders", "--all")
    assert sorted(one["client_id"] for one in left) == sorted(ids)
    assert {(one["source"], one["owner"]) for one in left} == {("journal", "rests, process gone")}
    assert at_venue() == dict.fromkeys(ids, "rests, process gone")
    said = asked("flatten", "BINANCE", "--mode", "sim", "--yes")
    assert (said["canceled"], said["open"]) == (2, [])
    again = tool("flatten", "BINANCE", "--mode", "sim", "--yes").stdout
    assert "0 canceled, 0 still open" in again and "2 that dead processes left had ended before" in again
    assert at_venue() == {} and asked("orders", "--all") == left, "the next start is still to enter what was filled of them"
    assert "perhaps not open any more" in tool("orders", "--all").stdout
    with Trade(tmp_path) as trade:
        assert sorted(trade.told("again")) == sorted(trade.told("closed")) == sorted(ids)
        new = trade.acked()
        assert sorted(one["client_id"] for one in asked("orders", "--all")) == sorted(new)
        assert trade.end()[0] == 0
    assert at_venue() == {} and asked("orders", "--all") == []


def test_the_next_start_cancels_what_a_killed_one_left(exchange: Sim, tmp_path: Path) -> None:
    with Trade(tmp_path) as trade:
        old = trade.acked()
        os.kill(trade.process.pid, signal.SIGKILL)
        trade.process.wait()
    with Trade(tmp_path) as trade:
        assert sorted(trade.told("again")) == sorted(trade.told("closed")) == sorted(old), "it did not wait for their ends"
        assert at_venue() == dict.fromkeys(trade.acked(), f"rests ({trade.process.pid})")
        trade.end()
    assert at_venue() == {}


def test_flatten_leaves_a_living_process_alone_unless_told_all_and_yes(exchange: Sim, tmp_path: Path) -> None:
    with Trade(tmp_path) as trade:
        ids = trade.acked()
        assert asked("flatten", "BINANCE", "--mode", "sim", "--yes")["canceled"] == 0
        done = tool("flatten", "BINANCE", "--mode", "sim", "--all")
        assert done.returncode == 1 and f"rests (pid {trade.process.pid})" in done.stderr
        assert sorted(at_venue()) == sorted(ids)
        assert asked("flatten", "BINANCE", "--mode", "sim", "--all", "--yes")["canceled"] == 2
        status, out, _ = trade.end()
    assert status == 0 and out.count("closed") == 2  # it was told that they are gone


def test_flatten_of_an_exchange_that_is_gone_is_status_1(exchange: Sim) -> None:
    exchange.end()
    done = tool("flatten", "BINANCE", "--mode", "sim", "--yes")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_a_script_runs_as_it_is(exchange: Sim, tmp_path: Path, namespace: str) -> None:
    script = tmp_path / "own.py"
    script.write_text(
        STRATEGY
        + "from aats import TradeService\nservice = TradeService({1: 'BTCUSDT.BINANCE'})\nservice.config_exchange('BINANCE', 'sim')\n"
        "service.add_trade_symbol('BTCUSDT', 'BINANCE')\nservice.add_strategy(Rests())\nservice.run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "aats.cli", "trade", str(script)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("acked")
        assert {one["owner"] for one in asked("orders")} == {f"own ({process.pid})"}
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=READY_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130 and at_venue() == {}
    assert not any(".td." in name for name in segments(namespace))
