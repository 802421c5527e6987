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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aats import control
from tests.live.looks import READY_S, ROOT, eventually, segments, tool

SHORT = "binance-spot/cryptofeed/binance_spot_2021-08-14.jsonl.gz"


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
        """Wait until exchange, feed and strategy run and quotes are delivered."""
        eventually(
            lambda: {"feed", "trade", "other"} <= {one["role"] for one in control.processes() if one["state"] == "RUN"},
            within_s=READY_S,
            why=self.said,
        )
        eventually(lambda: any(one["role"] == "trade" and one["passes"] > 100 for one in control.processes()), why=self.said)
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        assert len(self.children) >= 3

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
    return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def check_summary(out: str, symbols: int) -> dict[str, Any]:
    """Return the one object on stdout after what must hold of any run without faults."""
    (line,) = out.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert len(said["symbols"]) == symbols
    assert all(one["state"] == "LIVE" and one["syncs"] >= 1 and one["updates"] > 0 for one in said["symbols"].values())
    assert said["gaps"] == said["laps"] == 0
    assert said["feed"]["parse_errors"] == said["feed"]["unknown"] == said["feed"]["proto_errors"] == 0
    assert said["feed"]["quotes"] >= said["quotes"] > 0 and said["feed"]["ticks"] >= said["ticks"]
    assert said["events"] >= said["quotes"] + said["ticks"]
    for name in ("recv_pub", "pub_delivered", "recv_delivered"):
        hop = said["hops"][name]
        assert hop["count"] > 0 and 0 < hop["p50"] <= hop["p99"] <= hop["max"] < 10_000_000_000, name
    return said


def test_demo_runs_and_its_numbers_are_sane(namespace: str) -> None:
    done = tool("demo", "--seconds", "4", "--json")
    assert done.returncode == 0 and done.stderr == ""
    said = check_summary(done.stdout, symbols=2)
    assert 4 <= said["seconds"] < 30 and said["ticks"] > 0
    assert segments(namespace) == [] and control.processes() == []


def test_demo_for_people_ends_with_a_summary(namespace: str) -> None:
    done = tool("demo", "--seconds", "2")
    assert done.returncode == 0 and done.stderr == ""
    for word in ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "recv_pub", "p99"):
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
        (trade,) = [one["pid"] for one in control.processes() if one["role"] == "trade"]
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
        eventually(lambda: gone(demo.children), within_s=10, why=lambda: f"left: {demo.children}")
        assert tool("ps", "--json").returncode == 0
        tool("ps")
        assert segments(namespace) == []
