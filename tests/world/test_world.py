"""Lives of a feed by seed: everything that may happen, at random; no wrong book is ever called good, and all are good in the end.

More of the same: ``python -m tests.world --runs N --seed S``.
"""

from __future__ import annotations

import pytest

from tests.world.world import World

RUNS, A_TEST = 300, 10


@pytest.mark.parametrize("first", range(1, RUNS + 1, A_TEST))
def test_no_wrong_book_is_called_good_and_every_book_recovers(first: int) -> None:
    for seed in range(first, first + A_TEST):
        World(seed).run()


@pytest.mark.parametrize("seed", [3, 17])
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    runs = [World(seed).run() for _ in range(2)]
    first, second = ([(a.moments, a.notices, a.memory()) for a in run.actors] for run in runs)
    assert first == second
