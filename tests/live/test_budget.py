"""Eight strategies in eight processes on one account of a simulated exchange that counts as Binance does: none is refused, and who waits is reported."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live.looks import eventually, tool
from tests.live.makers import Maker
from tests.live.procs import FeedProc, Sim

STRATEGIES = 8
LIVE_S = 14.0  # longer than the ten seconds in which orders are counted


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with Sim("--symbols", "BTCUSDT") as one:
        for name, value in one.env.items():
            monkeypatch.setenv(name, value)
        yield one


def budgets() -> dict[tuple[str, float], dict[str, Any]]:
    """Return what `aats budget` shows, by budget and interval."""
    rows = json.loads(tool("budget", "--json").stdout)
    return {(row["name"].split()[-1], row["span_s"]): row for row in rows}


def test_eight_processes_on_one_account_are_never_refused_and_waits_are_reported(sim: Sim, tmp_path: Path) -> None:
    trust = ssl.create_default_context(cafile=sim.ready["ca"])
    with contextlib.ExitStack() as stack:
        feed = stack.enter_context(FeedProc(sim, ["BTCUSDT:5"]))
        feed.wait_live()
        makers = [stack.enter_context(Maker(tmp_path, f"maker{number}", every_ms=40, keep=2)) for number in range(STRATEGIES)]
        for maker in makers:
            maker.wait("start")
        eventually(lambda: any(row["ev"] == "OrderRejected" for row in makers[-1].all()), why="nobody reached the limit")
        end = time.monotonic() + LIVE_S
        while time.monotonic() < end:
            time.sleep(0.25)
            state = httpx.get(sim.ready["rest"] + "/sim/state", verify=trust).json()
            assert state["used_weight"] <= 6000
        rows = budgets()
        for maker in makers:
            maker.leave()
        told = [one for maker in makers for one in maker.all()]
        logs = feed.log() + "".join(maker.log() for maker in makers)
        for maker in makers:
            maker.check_lives()
    refused = [one for one in told if one["ev"] == "OrderRejected" and one["code"] == "rate_limit"]
    assert refused and all(one["msg"].startswith("this host has used up") for one in refused), refused[:3]
    assert not [one for one in told if "Too m" in str(one.get("msg"))], "the exchange refused something because it was too much"
    assert "the venue wants us to wait" not in logs and "HTTP 429" not in logs
    assert not [one for one in told if one["ev"] == "OrderCancelRejected" and one["code"] == "rate_limit"]
    orders, weight = rows["orders", 10.0], rows["weight", 60.0]
    assert orders["limit"] == 100 and weight["limit"] == 6000
    assert 50 < orders["used"] <= 100 and orders["told"] <= 100
    assert orders["waits"]["order"] > 0 and weight["waits"]["cancel"] == 0
    assert weight["taken"]["bulk"] >= 20 * (1 + STRATEGIES), "exchangeInfo of each process, and the feed's snapshot"
    assert weight["taken"]["cancel"] > 0 and rows["connects", 300.0]["used"] >= STRATEGIES


def test_a_feed_waits_for_a_snapshot_instead_of_being_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--symbols", "BTCUSDT,ETHUSDT,LTCUSDT", "--weight", "200") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with FeedProc(sim, ["BTCUSDT", "ETHUSDT", "LTCUSDT"]) as feed:
            eventually(lambda: ("weight", 60.0) in budgets() and budgets()["weight", 60.0]["waits"]["bulk"], why=feed.log)
            row = budgets()["weight", 60.0]
            time.sleep(1.0)  # it asks again only when there may be room
            again = budgets()["weight", 60.0]
            log = feed.log()
    assert row["limit"] == 200 and row["taken"]["bulk"] == 120, "instruments and two of three snapshots"
    assert again["taken"] == row["taken"] and again["waits"]["bulk"] <= row["waits"]["bulk"] + 1
    assert "used up" in log and "HTTP 4" not in log and row["told"] <= 200
