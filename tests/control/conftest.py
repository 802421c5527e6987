"""Fixtures of the control plane's tests: stand-in processes that are gone when the test ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aats import control
from aats.layout import Role

STAND_IN = Path(__file__).with_name("stand_in.py")


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> Path:
    """Keep logs and run files out of the user's folders."""
    return home


@pytest.fixture
def start(namespace: str) -> Iterator[Callable[..., control.Child]]:
    """Give a function that starts a stand-in and waits for it; all are ended, and the table tidied, when the test is over."""
    children: list[control.Child] = []

    def begin(*options: str, role: Role = Role.FEED, wait_s: float = 20.0, die_with_me: bool = False) -> control.Child:
        words = [sys.executable, str(STAND_IN), "--role", role.name.lower()]
        child = control.spawn(role, list(options), command_line=words, wait_s=wait_s, die_with_me=die_with_me)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.process.kill()
        child.process.wait()
    control.tidy()


def eventually(what: Callable[[], object], *, within_s: float = 30.0) -> None:
    """Wait until `what` is true; fail after `within_s`."""
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {within_s} s")
        time.sleep(0.01)
