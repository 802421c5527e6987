"""Fixtures of the live tests: a home of their own, sleeping waits, and nobody left behind.

For: ``tests/live`` and ``tests/test_examples.py``.  The processes themselves are in ``procs.py``, what is seen of them from outside in ``looks.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.looks import end_all, free_port, tool
from tests.live.makers import Exchange
from tests.live.procs import FeedProc, Sim


@pytest.fixture(autouse=True)
def own_world(namespace: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep logs out of the user's folders and settings out of the test; fail it if a process of its namespace is left."""
    for name in [name for name in os.environ if name.startswith("AATS_ENDPOINT_")]:
        monkeypatch.delenv(name)
    for name in ("AATS_MODE", "AATS_FORMAT", "AATS_CAFILE", "AATS_MD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AATS_WAIT", "sleep")  # a few processes on few cores
    monkeypatch.setenv("AATS_SUPERVISOR", "off")  # it would outlive the test; those of the supervisor ask for one
    yield home
    left = end_all()
    if left:
        pytest.fail(f"left running: {', '.join(left)}", pytrace=False)


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """Run a simulated exchange and let the environment lead to it, as the lines that `aats sim` prints do."""
    with Sim("--symbols", "BTCUSDT,ETHUSDT,LTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AATS_MODE", "sim")
        yield sim


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sim]:
    """Run a simulated exchange that lets much be asked and keeps its certificates over a restart; the environment leads to it."""
    words = ("--orders-limit", "1000000", "--weight", "10000000", "--connects", "100000", "--certs", str(tmp_path / "certs"))
    with Sim("--symbols", "BTCUSDT", *words) as one:
        for name, value in one.env.items():
            monkeypatch.setenv(name, value)
        yield one


@pytest.fixture
def feed(sim: Sim) -> Iterator[FeedProc]:
    """Run a feed on `sim`, its book good."""
    with FeedProc(sim, ["BTCUSDT:5"]) as one:
        one.wait_live()
        yield one


@pytest.fixture
def exchange(sim: Sim) -> Iterator[Exchange]:
    """Give the account on `sim` as its customer sees it."""
    with Exchange(sim) as one:
        yield one


@pytest.fixture
def port() -> Iterator[int]:
    """Give a port for a control server; whatever runs in the namespace is ended afterwards."""
    yield free_port()
    done = tool("kill", "--all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
