"""A damaged tape never gives a different book that is called valid.

Every diff of two short tapes, and a seeded sample of the others, is removed, doubled, and swapped with what follows it: the next diff of the same
symbol, and the next row of the tape.  Diffs that the venue's rule drops (u <= lastUpdateId) must not matter at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aats.tape.replay import Replay
from tests.tape import tapes
from tests.tape.tapes import Event

Events = Sequence[Event]
SAMPLE = 40  # diffs of a long tape
SEED = 20240808


def removed(tape: Events, at: int) -> list[Event]:
    return [*tape[:at], *tape[at + 1 :]]


def doubled(tape: Events, at: int) -> list[Event]:
    return [*tape[: at + 1], *tape[at:]]


def swapped(tape: Events, at: int, other: int) -> list[Event]:
    out = list(tape)
    out[at], out[other] = out[other], out[at]
    return out


def next_diff(tape: Events, at: int) -> int | None:
    symbol = tape[at].symbol
    return next((i for i in range(at + 1, len(tape)) if tape[i].diff and tape[i].symbol == symbol), None)


def shuffles(tape: Events, at: int) -> Iterator[tuple[str, list[Event]]]:
    """Yield the tapes in which nothing is missing, but a frame comes twice or at the wrong time."""
    yield "doubled", doubled(tape, at)
    following = next_diff(tape, at)
    if following is not None:
        yield "swapped with the next of its symbol", swapped(tape, at, following)
        yield "doubled behind the next of its symbol", [*tape[: following + 1], tape[at], *tape[following + 1 :]]
    if at + 1 < len(tape) and at + 1 != following:
        yield "swapped with its neighbour", swapped(tape, at, at + 1)


class Judge:
    """Compares damaged runs of one tape with the whole one."""

    def __init__(self, tape: Events) -> None:
        self.tape = tape
        self.whole = tapes.run(tape).instruments()
        self.books = {name: tapes.run(tape).book(name) for name in self.whole}
        ids = {event.symbol: event.last for event in tape if event.snapshot}
        self.applied = [i for i, event in enumerate(tape) if event.diff and event.last > ids[event.symbol]]
        self.dropped = [i for i, event in enumerate(tape) if event.diff and event.last <= ids[event.symbol]]
        assert all(one["valid"] for one in self.whole.values())
        assert len(ids) == sum(event.snapshot for event in tape), "one snapshot a symbol"

    def same(self, run: Replay, symbol: str, what: str) -> None:
        ours = run.instruments()[symbol]
        assert ours == self.whole[symbol], what
        for mine, theirs in zip(run.book(symbol), self.books[symbol]):
            assert np.array_equal(mine, theirs), what

    def others_untouched(self, run: Replay, symbol: str, what: str) -> None:
        now = run.instruments()
        assert {k: v for k, v in now.items() if k != symbol} == {k: v for k, v in self.whole.items() if k != symbol}, what

    def missing(self, at: int) -> None:
        """One removed: one gap, invalid to the end."""
        symbol = self.tape[at].symbol
        run = tapes.run(removed(self.tape, at))
        ours = run.instruments()[symbol]
        what = f"row {at} removed"
        assert (ours["gaps"], ours["valid"]) == (1, False), what
        self.others_untouched(run, symbol, what)

    def shuffled(self, at: int) -> int:
        """Doubled or out of its place: noticed, or the same book.  Returns how many were noticed."""
        symbol = self.tape[at].symbol
        noticed = 0
        for how, damaged in shuffles(self.tape, at):
            run = tapes.run(damaged)
            what = f"row {at} {how}"
            if run.instruments()[symbol]["valid"]:
                self.same(run, symbol, what)
            else:
                assert run.instruments()[symbol]["gaps"] == 1, what
                noticed += 1
            self.others_untouched(run, symbol, what)
        return noticed

    def harmless(self, at: int) -> None:
        """One that the rule drops: the same book whatever happens to it."""
        symbol = self.tape[at].symbol
        for how, damaged in [("removed", removed(self.tape, at)), *shuffles(self.tape, at)]:
            run = tapes.run(damaged)
            self.same(run, symbol, f"row {at}, dropped by the rule, {how}")
            self.others_untouched(run, symbol, f"row {at} {how}")


def but_the_last(judge: Judge, rows: Sequence[int]) -> list[int]:
    return [at for at in rows if next_diff(judge.tape, at) is not None]


def sampled(rows: Sequence[int], tape: str) -> list[int]:
    return sorted(random.Random(f"{SEED}{tape}").sample(list(rows), min(SAMPLE, len(rows))))


def judges(tape_names: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("tape", tape_names, ids=tapes.ident)


@judges(tapes.SHORT)
def test_each_missing_diff_of_a_short_tape_is_one_gap_of_its_symbol(data_dir: Path, tape: str) -> None:
    judge = Judge(tapes.events(data_dir, tape))
    rows = but_the_last(judge, judge.applied)
    assert len(rows) == len(judge.applied) - len(judge.whole)
    for at in rows:
        judge.missing(at)


@judges(tapes.SHORT)
def test_each_diff_of_a_short_tape_twice_or_misplaced_gives_the_same_book_or_none(data_dir: Path, tape: str) -> None:
    judge = Judge(tapes.events(data_dir, tape))
    noticed = sum(judge.shuffled(at) for at in judge.applied)
    assert noticed > len(judge.applied) // 2, "most swaps cannot be mended"


@judges(tapes.LONG)
def test_missing_diffs_of_a_long_tape_are_one_gap_of_their_symbol(data_dir: Path, tape: str) -> None:
    judge = Judge(tapes.book_events(data_dir, tape))
    for at in sampled(but_the_last(judge, judge.applied), tape):
        judge.missing(at)


@judges(tapes.LONG)
def test_diffs_of_a_long_tape_twice_or_misplaced_give_the_same_book_or_none(data_dir: Path, tape: str) -> None:
    judge = Judge(tapes.book_events(data_dir, tape))
    assert sum(judge.shuffled(at) for at in sampled(judge.applied, tape)[: SAMPLE // 2]) > 0


@judges(tapes.SPANS)
def test_diffs_older_than_the_snapshot_do_not_matter(data_dir: Path, tape: str) -> None:
    judge = Judge(tapes.book_events(data_dir, tape))
    assert judge.dropped
    for at in judge.dropped:
        judge.harmless(at)


@judges((*tapes.SHORT, tapes.LONG[2]))
def test_a_later_snapshot_of_the_tape_mends_a_gap(data_dir: Path, tape: str) -> None:
    """The snapshot is made from the whole tape's own book at a later diff; from there on both runs are one."""
    judge = Judge(tapes.book_events(data_dir, tape))
    draw = random.Random(f"{SEED}{tape}")
    for _ in range(12):
        at = draw.choice(but_the_last(judge, judge.applied))
        symbol = judge.tape[at].symbol
        later = draw.choice([i for i in range(at + 1, len(judge.tape)) if judge.tape[i].diff and judge.tape[i].symbol == symbol])
        before = [i for i, event in enumerate(judge.tape) if event.snapshot and event.symbol == symbol]
        later = max(later, before[0])
        answer = answer_of(tapes.run(judge.tape[: later + 1]), symbol)
        run = tapes.run(removed([*judge.tape[: later + 1], answer, *judge.tape[later + 1 :]], at))
        ours = run.instruments()[symbol]
        assert (ours["gaps"], ours["valid"], ours["snapshots"]) in ((1, True, 2), (0, True, 1)), f"row {at}, snapshot behind {later}"
        for mine, theirs in zip(run.book(symbol), judge.books[symbol]):
            assert np.array_equal(mine, theirs)


def answer_of(run: Replay, symbol: str) -> Event:
    """Return the depth answer that the venue would give for a book."""
    bids, asks = (",".join(f'["{decimal(px)}","{decimal(qty)}"]' for px, qty in side) for side in run.book(symbol))
    last = run.instruments()[symbol]["final_u"]
    return Event(f'{{"lastUpdateId":{last},"bids":[{bids}],"asks":[{asks}]}}'.encode(), symbol, False, True, last)


def decimal(value: int) -> str:
    return f"{value // 10**8}.{value % 10**8:08d}"
