"""Each world is given back when its test ends: it is a circle of objects that hold C memory, which the interpreter cannot see the size of."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _what_stays_is_not_searched() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _worlds_are_given_back() -> Iterator[None]:
    yield
    gc.collect()
