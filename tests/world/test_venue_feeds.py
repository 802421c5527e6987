"""Books at every venue's dialect: 100 seeded runs each, in blocks."""

from __future__ import annotations

import pytest

from tests.conformance.rows import rows
from tests.world.venue_feeds import Run

BLOCK = 25


@pytest.mark.parametrize("first", range(1, 101, BLOCK))
@pytest.mark.parametrize("venue", list(rows()))
def test_no_book_that_never_was_is_called_good(venue: str, first: int) -> None:
    runs = [Run(rows()[venue], seed).play() for seed in range(first, first + BLOCK)]
    assert sum(run.faults for run in runs) > BLOCK, "too little went wrong"
