"""Two processes race for one limit of the host, a million attempts, killed in between: it is never passed, and what a dead one held counts as long as it must.

The processes are risk_racer.c's: the product's gate, seats and journal in a C loop, over an exchange that is one word.  What is checked is what the
exchange had.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools import cbuild

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 7
ATTEMPTS = 1_000_000
WITHIN_S = 120.0


class World:
    """A risk segment and an exchange in a file, and the processes over it."""

    def __init__(self, racer: Path, folder: Path) -> None:
        self._racer = str(racer)
        self._folder = folder
        self._file = str(folder / "world")
        self._runs = 0
        self._journals: tuple[list[str], list[str]] = ([], [])  # of each, newest first
        subprocess.run([self._racer, "make", self._file, str(LIMIT)], check=True)

    def start(self, who: int, attempts: int, step: str = "") -> subprocess.Popen[bytes]:
        """Start the next run of a process; the one before is dead."""
        self._runs += 1
        self._journals[who].insert(0, str(self._folder / f"{who}.{self._runs}.aj"))
        return subprocess.Popen(
            [self._racer, "run", self._file, str(who), str(attempts), str(self._runs), step or "-", *self._journals[who]]
        )

    def run(self, who: int, attempts: int, step: str = "") -> int:
        """Run one to its end; return its status (-9: killed)."""
        with self.start(who, attempts, step) as process:
            return process.wait(WITHIN_S)

    def look(self) -> dict[str, Any]:
        done = subprocess.run([self._racer, "look", self._file], check=True, capture_output=True)
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen


@pytest.fixture(scope="module")
def racer() -> Path:
    return cbuild.Build("plain").executable(Path(__file__).with_name("risk_racer.c"))


@pytest.fixture
def world(racer: Path, tmp_path: Path) -> World:
    return World(racer, tmp_path)


# ------------------------------------------------------------------------------------------------------------ each step


@pytest.mark.parametrize(
    ("step", "counted", "kept"),
    [
        ("reserved", 1, 0),  # nothing in the journal: it never left, and comes back
        ("journaled", 1, 0),  # the journal has it: it counts until the exchange has said that it does not
        ("written", 1, 1),  # the exchange has it: it counts on
    ],
)
def test_what_a_killed_order_had_reserved_comes_back_only_if_no_byte_went_out(world: World, step: str, counted: int, kept: int) -> None:
    assert world.run(0, 1, step) == -9
    seen = world.look()
    assert seen["counted"][0] == seen["buying"][0] == counted and seen["open"][0] == kept
    assert world.run(0, 0, "adopted") == -9  # the next run is killed before it could ask
    assert world.look()["counted"][0] >= kept
    assert world.run(0, 0, "settled") == -9  # and again, after the journal has been believed
    assert world.look()["counted"][0] == (0 if step == "reserved" else 1)
    assert world.run(0, 0) == 0
    seen = world.look()
    assert seen["counted"][0] == seen["buying"][0] == seen["seats"][0] == seen["open"][0] == kept


@pytest.mark.parametrize("step", ["gone", "told", "released"])
def test_what_a_killed_cancel_had_reserved_is_not_given_back_twice(world: World, step: str) -> None:
    assert world.run(0, 60, step) == -9
    seen = world.look()
    assert seen["counted"][0] >= seen["open"][0]
    assert world.run(0, 0) == 0
    seen = world.look()
    assert seen["counted"][0] == seen["buying"][0] == seen["open"][0]


def test_a_dead_process_s_orders_hold_their_places_against_the_other(world: World) -> None:
    for _ in range(LIMIT):
        assert world.run(0, 1, "written") == -9
    assert world.look()["open"] == [LIMIT, 0]
    assert world.run(1, 1000) == 0
    seen = world.look()
    assert seen["refused"][1] == 1000 and seen["placed"][1] == 0 and seen["most"] <= LIMIT


# ------------------------------------------------------------------------------------------------------------- the race


def _race(world: World, attempts: int, kill_after: Callable[[], float | None]) -> int:
    """Let both run until each has made half of the attempts; return how often one was killed."""
    kills = 0
    ends = time.monotonic() + WITHIN_S
    running: list[subprocess.Popen[bytes] | None] = [None, None]
    try:
        while time.monotonic() < ends:
            done = world.look()["attempts"]
            for who in (0, 1):
                if running[who] is None and done[who] < attempts // 2:
                    running[who] = world.start(who, attempts // 2 - done[who])
            if running == [None, None]:
                return kills
            pause = kill_after()
            time.sleep(0.05 if pause is None else pause)
            victim = running[random.randrange(2)]
            if pause is not None and victim is not None and victim.poll() is None:
                victim.kill()
                kills += 1
            for who, process in enumerate(running):
                if process is None or process.poll() is None:
                    continue
                assert process.returncode in (0, -9), f"racer {who} ended with {process.returncode}"
                running[who] = None
                seen = world.look()  # the other one goes on meanwhile: only the dead one's numbers stand still
                assert seen["counted"][who] >= seen["open"][who], seen
        pytest.fail(f"not done within {WITHIN_S:.0f} s: {world.look()}")
    finally:
        for process in running:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


def _never_passed(world: World) -> None:
    for who in (0, 1):
        assert world.run(who, 0) == 0  # the last word: everybody asks the exchange
    seen = world.look()
    assert seen["most"] == LIMIT, f"{seen['most']} were at the exchange together, {LIMIT} may be, and would have been"
    assert seen["counted"] == seen["buying"] == seen["seats"] == seen["open"]
    assert min(seen["placed"]) > 1000 and min(seen["refused"]) > 1000


def test_a_million_attempts_of_two_never_pass_the_limit(world: World) -> None:
    _race(world, ATTEMPTS, lambda: None)
    assert sum(world.look()["attempts"]) >= ATTEMPTS
    _never_passed(world)


def test_a_million_attempts_with_kills_in_between_never_pass_the_limit(world: World) -> None:
    kills = _race(world, ATTEMPTS, lambda: random.uniform(0.0, 0.06))
    print(f"{kills} kills")
    assert kills >= 5
    _never_passed(world)
