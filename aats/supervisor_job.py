"""What the supervisor's step function works on and with: a job, its clearing, and the world outside.

For: ``aats.supervisor`` and whoever gives it a world: ``aats.supervisor_process``, tests.  Types only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Clearing", "Job", "Outside"]


@dataclass(frozen=True)
class Job:
    """A seat whose orders are to be cleared.

    Attributes
    ----------
    at : int
        Index of the seat.
    instance : int
        Of the run that is dead or hung.
    symbols : tuple of str
        Symbols in which the seat counts something.
    open : tuple of str
        Those of them in which it counts open orders.
    """

    at: int
    name: str
    account: str
    mode: int
    instance: int
    symbols: tuple[str, ...]
    open: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} on {self.account}"


class Clearing(Protocol):
    """The orders of one seat being canceled.

    Attributes
    ----------
    clean : bool
        The venue has said, after the last `look`, that nothing of it is open.
    last : str
        Why it is not clean yet, for people.
    doubtful : bool
        An order of it may still be on its way to the venue.
    """

    clean: bool
    last: str
    doubtful: bool

    def step(self, now_ns: int, mono_ns: int) -> int:
        """Make a pass; return the work done."""

    def look(self) -> None:
        """Ask the venue once more."""

    def position(self, symbol: str, counted: int) -> int:
        """Return the true position in a symbol, at its qty_exp; `counted` is what the dead process's cell says."""

    def close(self) -> None:
        """Give up connection and memory."""


class Outside(Protocol):
    """What the step function sees of the world."""

    def alive(self, owner: int) -> bool:
        """Return whether the process of an owner word runs."""

    def runs(self, owner: int) -> bool:
        """Return whether it has said RUN, and not that it leaves."""

    def lives(self, instance: int) -> bool:
        """Return whether a process of that instance is still there, stopped or not."""

    def lacks(self, job: Job) -> str:
        """Return what is missing to clear such a seat (a key), "" if nothing is."""

    def clear(self, job: Job) -> Clearing:
        """Begin to clear; an AatsError says why it is not possible now."""

    def say(self, level: int, line: str) -> None:
        """Log a line: 0 information, 1 repaired by itself, 2 somebody must act."""
