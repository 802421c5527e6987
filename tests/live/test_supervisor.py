"""The supervisor over real processes: strategies killed and stopped with orders open at the simulated exchange, over TLS."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from aats import control
from aats._ffi import lib, text
from aats.shm import risk
from aats.sim.auth import DEFAULT_KEY
from tests.live.looks import eventually, pids_of, segments, tool
from tests.live.makers import Exchange
from tests.live.procs import FeedProc, Sim
from tests.live.sitters import Sitter, supervisor

ORDERS = 20
SOON_S = 10.0  # that is what is promised; the figure of each run is printed


def seat_state(name: str = "sitter") -> int:
    """Return the state of a strategy's seat, FREE where it has none."""
    host = risk.open_host(create=False)
    found = [seat for _, seat in host.seats() if text(seat.name) == name]
    return int(lib.aats_ident_state(found[0].owner)) if found else int(lib.AATS_SEAT_FREE)


def settled(name: str = "sitter") -> bool:
    """Whether nobody holds its seat any more: free, or parked with what its strategy did today."""
    return seat_state(name) in (lib.AATS_SEAT_FREE, lib.AATS_SEAT_PARKED)


def gone(exchange: Exchange, begin_ns: int) -> float:
    """Wait until nothing is open at the exchange; return how long that took from `begin_ns`."""
    eventually(
        lambda: not exchange.open(),
        within_s=SOON_S,
        why=lambda: f"{len(exchange.open())} open; {[one['detail'] for one in control.processes()]}",
    )
    return (time.monotonic_ns() - begin_ns) / 1e9


def log_of(home: Path) -> str:
    return (home / "log" / "supervisor.log").read_text()


def test_a_strategy_that_is_killed_has_its_orders_canceled(
    feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path, home: Path
) -> None:
    with Sitter(tmp_path, port) as sitter:
        sitter.wait_placed()
        watcher = supervisor()
        eventually(lambda: supervisor().detail.startswith("watches 1"), why=lambda: supervisor().detail)
        assert len(exchange.open()) == ORDERS
        took = gone(exchange, sitter.kill())
        print(f"{ORDERS} orders gone {took:.3f} s after SIGKILL")
        eventually(settled, why=lambda: log_of(home))
        sitter.start(orders=0)
        again = sitter.wait("start", after=sitter.of("OrderAcked")[-1]["t"])
        assert again["open"] == []
        # what became of the orders is told to the next life, once
        eventually(lambda: len(sitter.of("OrderClosed")) == ORDERS, why=sitter.log)
        assert len(sitter.of("OrderCanceled")) == ORDERS and not sitter.of("OrderExec")
        sitter.process.send_signal(signal.SIGTERM)
        assert sitter.process.wait(30) == 0, sitter.log()
    exchange.check_sound()
    eventually(
        lambda: not psutil.pid_exists(watcher.pid) or psutil.Process(watcher.pid).status() == psutil.STATUS_ZOMBIE,
        why="nothing is left to watch",
    )


def test_a_strategy_that_is_stopped_has_its_orders_canceled_and_sends_nothing_when_it_wakes(
    feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path, home: Path
) -> None:
    with Sitter(tmp_path, port, hang_ms=1000) as sitter:
        sitter.wait_placed()
        supervisor()
        begin = sitter.pause()
        took = gone(exchange, begin)
        print(f"{ORDERS} orders gone {took:.3f} s after SIGSTOP (hang_ms 1000)")
        assert took >= 0.9
        time.sleep(1)
        assert seat_state() == lib.AATS_SEAT_CLEARING
        sitter.resume()
        status = sitter.process.wait(30)
        assert status != 0 and "taken over" in sitter.log(), sitter.log()
        eventually(settled, within_s=20, why=lambda: log_of(home))
    exchange.check_sound()


def test_the_key_is_nowhere_but_in_memory(feed: FeedProc, port: int, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AATS_APIKEY_BINANCE", "AATS_SECRET_BINANCE"):
        monkeypatch.setenv(name, DEFAULT_KEY)
    with Sitter(tmp_path, port, orders=1) as sitter:
        sitter.wait_placed()
        watcher = supervisor()
        server = next(one["pid"] for one in control.processes() if one["role"] == "control")
        for pid in (watcher.pid, server):
            process = psutil.Process(pid)
            assert not [name for name in process.environ() if name.startswith(("AATS_APIKEY", "AATS_SECRET"))]
            assert DEFAULT_KEY not in process.environ().values() and DEFAULT_KEY not in process.cmdline()
        assert os.getsid(watcher.pid) == watcher.pid, "a session of its own"
        assert psutil.Process(watcher.pid).ppid() == server, "a child of the control server"
        (path,) = (home / "run").glob("supervisor-*.sock")
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
        for file in [one for one in home.rglob("*") if one.is_file()]:
            assert DEFAULT_KEY.encode() not in file.read_bytes().replace(b"aats-simul", b""), file


def test_sandbox_has_one_without_asking(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--symbols", "BTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name.replace("_SIM_", "_SANDBOX_"), value)
        monkeypatch.setenv("AATS_MODE", "sandbox")
        monkeypatch.delenv("AATS_SUPERVISOR")
        with FeedProc(sim, ["BTCUSDT:5"], mode="sandbox") as feed:
            feed.wait_live()
            with Exchange(sim) as exchange, Sitter(tmp_path, port, orders=3, key=DEFAULT_KEY, mode="sandbox", supervisor=None) as sitter:
                sitter.wait_placed()
                gone(exchange, sitter.kill())


def test_a_restart_inside_the_grace_has_the_orders(feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path) -> None:
    with Sitter(tmp_path, port, grace_ms=20_000, on_restart="adopt") as sitter:
        sitter.wait_placed()
        before = sorted(exchange.open())
        killed = sitter.kill()
        time.sleep(0.5)
        sitter.start(orders=0)
        again = sitter.wait("start", after=killed)
        assert len(again["open"]) == ORDERS
        assert sorted(exchange.open()) == before, "not one was canceled, none sent again"
        sitter.process.send_signal(signal.SIGTERM)
        assert sitter.process.wait(30) == 0, sitter.log()
    exchange.check_sound()


def test_a_restart_while_it_is_cleared_waits_and_has_nothing_open(feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path) -> None:
    with Sitter(tmp_path, port, on_restart="adopt") as sitter:
        sitter.wait_placed()
        killed = sitter.kill()
        sitter.start(orders=0)
        again = sitter.wait("start", after=killed)
        assert exchange.open() == [] and again["open"] == []
        sitter.process.send_signal(signal.SIGTERM)
        assert sitter.process.wait(30) == 0, sitter.log()
    exchange.check_sound()


def test_supervisor_and_control_server_that_are_killed_come_back_and_go_on(
    feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path
) -> None:
    with Sitter(tmp_path, port) as sitter:
        sitter.wait_placed()
        first = supervisor()
        (server,) = pids_of("control")
        os.kill(server, signal.SIGKILL)
        eventually(lambda: not pids_of("control"), why="killed")
        assert supervisor().pid == first.pid, "it outlives its parent"
        os.kill(first.pid, signal.SIGKILL)
        second = eventually(lambda: (one := supervisor()).pid != first.pid and one, within_s=30, why=sitter.log)
        eventually(lambda: "watches it again" in sitter.log(), why=sitter.log)
        took = gone(exchange, sitter.kill())
        print(f"{ORDERS} orders gone {took:.3f} s after SIGKILL, by the second supervisor (pid {second.pid})")
    exchange.check_sound()


def test_a_supervisor_that_is_killed_while_it_cancels_is_followed_by_one_that_goes_on(
    feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path
) -> None:
    with Sitter(tmp_path, port) as sitter, Sitter(tmp_path, port, "other", orders=1) as other:
        sitter.wait_placed()
        other.wait_placed()
        first = supervisor()
        begin = sitter.kill()
        time.sleep(0.03)  # it has some 60 ms of work
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: len(exchange.open()) == 1, within_s=20, why=lambda: str([one["detail"] for one in control.processes()]))
        print(f"{ORDERS} orders gone {(time.monotonic_ns() - begin) / 1e9:.3f} s after SIGKILL of both")
        eventually(lambda: "watches it again" in other.log(), why=other.log)
        gone(exchange, other.kill())
    exchange.check_sound()


def test_killed_in_any_order_nothing_is_left(
    feed: FeedProc, exchange: Exchange, port: int, tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(random.random())  # pytest-randomly has seeded it
    with Sitter(tmp_path, port) as sitter:
        for _ in range(6):
            begin = time.monotonic_ns()
            if not sitter.running:
                sitter.start()
            sitter.wait_placed(after=begin)
            victims = dice.sample(["strategy", "supervisor", "control"], dice.choice((1, 2, 3)))
            for victim in victims:
                if victim == "strategy":
                    sitter.kill()
                else:
                    entry = next((one for one in control.processes() if one["alive"] and victim in (one["name"], one["role"])), None)
                    if entry is not None:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(entry["pid"], signal.SIGKILL)
                time.sleep(dice.choice((0.0, 0.05, 0.5)))
            if "strategy" not in victims:
                sitter.kill()
        sitter.start(orders=0)  # whatever is left now is its to clear
        sitter.wait("start", after=time.monotonic_ns())
        eventually(lambda: not exchange.open(), within_s=20, why=sitter.log)
        sitter.process.send_signal(signal.SIGTERM)
        assert sitter.process.wait(30) == 0, sitter.log()
    exchange.check_sound()
    feed.end()
    done = tool("kill", "--all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: not pids_of("other") and not pids_of("control") and not pids_of("trade"), why=lambda: str(control.processes()))
    assert segments(namespace) == []
