"""Fault runs by seed: what two strategies believe in the end, through all their lives, is what the exchange holds, to the last decimal.

More of the same, and one seed again: ``python -m tools.faults --runs N --seed S``, ``python -m tools.faults --one SEED -v``.
"""

from __future__ import annotations

import pytest

from tests.world.fault_plan import LEAST_FAULTS, LEAST_ORDERS
from tests.world.fault_world import FaultWorld

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
