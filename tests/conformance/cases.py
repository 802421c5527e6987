"""The list of cases: each has a number that is never used again, a sentence, and a function that plays it with a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.rows import Row

__all__ = ["CASES", "Case", "case"]


@dataclass(frozen=True)
class Case:
    """One behaviour.

    Attributes
    ----------
    id : str
        ``"VC-01"``.
    sentence : str
        What a venue that passes does.
    run : callable
        Plays it; raises AssertionError where the sentence is not true.
    """

    id: str
    sentence: str
    run: Callable[[Row], None]


CASES: dict[str, Case] = {}


def case(number: str, sentence: str) -> Callable[[Callable[[Row], None]], Callable[[Row], None]]:
    """Add a function to the list."""

    def add(run: Callable[[Row], None]) -> Callable[[Row], None]:
        assert number not in CASES, number
        CASES[number] = Case(number, sentence, run)
        return run

    return add
