"""Order truth at every venue's dialect: 200 seeded runs each, in blocks."""

from __future__ import annotations

import pytest

from aats.venue.capabilities import UNSUPPORTED
from tests.conformance.rows import rows
from tests.world.venue_orders import Run

BLOCK = 25


@pytest.mark.parametrize("first", range(1, 201, BLOCK))
@pytest.mark.parametrize("venue", [venue for venue in rows() if "VC-30" not in UNSUPPORTED.get(venue, {})])
def test_both_sides_agree_after_every_fault(venue: str, first: int) -> None:
    runs = [Run(rows()[venue], seed).play() for seed in range(first, first + BLOCK)]
    assert sum(run.faults for run in runs) > BLOCK, "too little went wrong"
    assert sum(run.fills for run in runs) > 3 * BLOCK and sum(run.orders for run in runs) > 10 * BLOCK, "too little was traded"
