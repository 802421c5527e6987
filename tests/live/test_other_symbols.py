"""A strategy is killed and started again under its name with other symbols: what it left of the old ones is ended and counted all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from aats import journal
from tests.live.makers import Exchange, Maker
from tests.live.procs import FeedProc, Sim


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sim]:
    words = ("--orders-limit", "1000000", "--weight", "10000000", "--connects", "100000", "--certs", str(tmp_path / "certs"))
    with Sim("--symbols", "BTCUSDT,ETHUSDT", *words) as one:
        for name, value in one.env.items():
            monkeypatch.setenv(name, value)
        yield one


@pytest.mark.parametrize("policy", ["cancel", "adopt"])
def test_orders_of_symbols_that_are_not_traded_any_more_are_canceled_and_their_fills_are_held(
    sim: Sim, tmp_path: Path, policy: str
) -> None:
    with FeedProc(sim, ["BTCUSDT:5", "ETHUSDT:5"]) as feed, Exchange(sim) as exchange:
        feed.wait_live()
        before = exchange.totals()
        with Maker(tmp_path, trade={"on_restart": policy}) as maker:
            maker.wait_busy(fills=2)
            maker.kill()
            left = set(exchange.open())
            assert left, "nothing was open when it was killed"
            maker.trade["symbols"] = ["ETHUSDT:5"]
            maker.write(every_ms=100_000)
            again = time.monotonic_ns()
            maker.start()
            maker.wait("start", after=again)
            maker.wait("OrderClosed", after=again)
            assert maker.leave() == 0, maker.log()
            told = maker.check_lives(after=again)
        exchange.check_sound()
        assert left <= set(told) and all(one["symbol"] == "BTCUSDT" for story in told.values() for one in story)
        run = journal.carried(journal.scan(journal.folders()[0][2]))
        assert run is not None
        hold = next(one for (_, symbol), one in run.holds.items() if symbol == "BTCUSDT.BINANCE")
        size = (int(hold["size"]["hi"]) << 64) + int(hold["size"]["lo"])
        assert Decimal(size).scaleb(int(hold["base_exp"])) == exchange.totals()[0] - before[0]
