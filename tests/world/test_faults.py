"""Fault runs by seed: what two strategies believe in the end, through all their lives, is what the exchange holds, to the last decimal.

More of the same, and one seed again: ``python -m tools.faults --runs N --seed S``, ``python -m tools.faults --one SEED -v``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.fault_plan import LEAST_FAULTS, LEAST_ORDERS
from tests.world.fault_world import FaultWorld
from tests.world.judge import Wrong

RUNS, A_TEST = 1000, 20


@pytest.mark.parametrize("first", range(1, RUNS + 1, A_TEST))
def test_strategies_and_exchange_agree_after_whatever_went_wrong(first: int) -> None:
    for seed in range(first, first + A_TEST):
        counts = FaultWorld(seed).run().counts()
        assert counts["faults"] >= LEAST_FAULTS and counts["orders"] >= LEAST_ORDERS and counts["virtual_ns"] >= 60e9, counts


@pytest.mark.parametrize("seed", [7, 31])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    first, second = (FaultWorld(seed).run() for _ in range(2))
    assert first.counts() == second.counts()
    assert list(first.last) == list(second.last)


@pytest.mark.parametrize("seed", [1006728])
def test_an_order_under_way_is_not_given_up_while_the_venues_clock_would_still_take_it(seed: int) -> None:
    """Its bytes are delayed, the venue's clock is set back meanwhile: its stamp is younger there than the time that has gone by."""
    FaultWorld(seed).run()


def test_the_command_prints_totals_and_fails_with_a_failing_seed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.faults", "--runs", "2", "--seed", "3", "--jobs", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path(__file__).resolve().parents[2])
    said = json.loads(done.stdout)
    assert (done.returncode, said["failing_seeds"]) == (0, []), done.stderr
    assert (
        said["runs"] == 2 and said["orders"] >= 2 * LEAST_ORDERS and sum(said["fault_kinds"].values()) == said["faults"] >= 2 * LEAST_FAULTS
    )


def test_a_fill_that_nobody_was_told_of_is_found() -> None:
    world = FaultWorld(3)
    told = world.exchange.desk.on_trade

    def on_trade(order: object, ev: object, trade_id: int, t_ns: int) -> None:
        told(order, ev, trade_id, t_ns)  # type: ignore[arg-type]
        if world.calm or len(world.happened) < 2:
            return
        order.fills[-1].__dict__["qty"] += 1  # type: ignore[attr-defined]  # what the exchange's books have afterwards

    world.exchange.desk.on_trade = on_trade  # type: ignore[method-assign,assignment]
    with pytest.raises(Wrong, match=r"seed 3, .*again: python -m tools\.faults --one 3 -v"):
        world.run()
