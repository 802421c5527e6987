"""Every transcript, by every runner: paper trading, the simulated exchange and the order session say the same of the same."""

from __future__ import annotations

import pytest

from tests.orders.transcripts import Case, cases
from tests.orders.venues import RUNNERS, rules

CASES = cases()


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", CASES)
def test_transcript_is_reproduced(name: str, runner: str) -> None:
    case: Case = CASES[name]
    if case.only and runner not in case.only:
        pytest.skip(case.head["why"])
    RUNNERS[runner](case, rules()).play()
