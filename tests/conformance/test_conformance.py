"""Every venue by every case: passed, or declared unsupported with a reason; a declaration that is not true fails too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aats.venue.capabilities import UNSUPPORTED
from tests.conformance import cases_data, cases_orders  # noqa: F401 - they fill the list
from tests.conformance.cases import CASES
from tests.conformance.rows import rows
from tools import venue_table

#: Where passed cases are noted, one file a case and venue, for ``python -m tools.venue_table``; empty: nowhere.
RESULTS = os.environ.get("AATS_CONFORMANCE_RESULTS", "")


def test_declarations_name_venues_and_cases_that_there_are() -> None:
    for venue, declared in UNSUPPORTED.items():
        assert venue in rows(), f"{venue} has no row"
        assert set(declared) <= set(CASES), sorted(set(declared) - set(CASES))
        assert all(reason.strip() for reason in declared.values())


@pytest.mark.parametrize("number", list(CASES))
@pytest.mark.parametrize("venue", list(rows()))
def test_a_venue_does_it_or_says_that_it_cannot(venue: str, number: str) -> None:
    row, one = rows()[venue], CASES[number]
    declared = UNSUPPORTED.get(venue, {}).get(number)
    if declared is None:
        one.run(row)
    else:
        with pytest.raises((AssertionError, RuntimeError)):
            one.run(row)
    if RESULTS:
        note = {"venue": venue, "case": number, "passed": declared is None}
        Path(RESULTS, f"{venue}-{number}.json").write_text(json.dumps(note), encoding="utf-8")


def test_the_table_of_the_page_is_what_is_declared() -> None:
    text = venue_table.PAGE.read_text(encoding="utf-8")
    assert venue_table.BEGIN in text and venue_table.END in text
    wanted = venue_table.page(text, venue_table.table(venue_table.declared()))
    assert text == wanted, "python -m tools.venue_table writes it"
