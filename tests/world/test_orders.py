"""Lives of traders by seed: whatever is lost, late, cut or doubled, both sides know the same orders, fills and money in the end.

More of the same: ``python -m tests.world --orders --runs N --seed S``.
"""

from __future__ import annotations

import pytest

from tests.world.order_world import OrderWorld

RUNS, A_TEST = 200, 20  # a thousand of the same kind and worse are in test_faults.py, 200 at each venue in test_venue_orders.py


@pytest.mark.parametrize("first", range(1, RUNS + 1, A_TEST))
def test_strategy_and_exchange_know_the_same_in_the_end(first: int) -> None:
    for seed in range(first, first + A_TEST):
        OrderWorld(seed).run()


@pytest.mark.parametrize("seed", [5, 23])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    runs = [OrderWorld(seed).run() for _ in range(2)]
    first, second = ([(a.told, a.notices, a.session_events) for a in run.traders] for run in runs)
    assert first == second
