"""Fault runs with a supervisor that clears between two lives, and is killed itself now and then: the judge of the fault runs finds nothing wrong."""

from __future__ import annotations

import pytest

from tests.world.supervised import SupervisedWorld

RUNS, A_TEST = 60, 20


@pytest.mark.parametrize("first", range(1, RUNS + 1, A_TEST))
def test_whoever_clears_between_two_lives_both_sides_know_the_same_in_the_end(first: int) -> None:
    cleared = killed = fenced = 0
    for seed in range(first, first + A_TEST):
        world = SupervisedWorld(seed)
        world.run()
        cleared, killed, fenced = cleared + world.cleared, killed + world.killed, fenced + world.fenced
    print(f"{cleared} seats cleared, {killed} supervisors killed while they did, {fenced} processes woke without their seat")
    assert cleared >= A_TEST // 4 and killed >= A_TEST // 4, "too little happened to tell anything"
