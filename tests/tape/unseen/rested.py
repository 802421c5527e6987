"""Venues whose books begin with an answer over REST: diffs of several symbols, and their answers in the midst of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.tape.unseen.market import Change, Level, Market, Tape, View


class Log(NamedTuple):
    """One diff of a symbol that was sent: its numbers, and the book behind it."""

    first: int
    last: int
    prev: int
    book: tuple[list[Level], list[Level]]


class Ask:
    """A symbol whose snapshot is asked for: its diffs so far, and what a reader holds since the newest snapshot."""

    def __init__(self, view: View, number: int) -> None:
        self.view, self.number = view, number
        self.log: list[Log] = []
        self.counted = 0  # the diffs in front of this place are counted
        self.live = False

    def diff(self, first: int, last: int) -> list[Change]:
        told = self.view.diff()
        self.view.updates -= not self.live
        self.log.append(Log(first, last, self.number, self.view.shown))
        self.number = last
        return told

    def answer(self, at: int, *, again: bool) -> Log:
        """The answer that holds everything up to log entry `at`; `again`: the diff at its end is applied over it."""
        self.view.snapshots += 1
        self.view.updates += len(self.log) - at - (0 if again else 1) if not self.live else 0
        self.live = True
        return self.log[at]


def rested(
    tape: Tape,
    names: Sequence[str],
    frames: int,
    send: Callable[[str, Ask], None],
    answer: Callable[[str, Ask, Log], None],
    noise: Callable[[str], None],
    *,
    again: bool = False,
    cut: int = 0,
) -> None:
    """Diffs of several symbols; each has its answer in the midst of them, most a second one later, and some one that is too old."""
    draw = tape.draw
    asks = {name: Ask(View(tape.market(draw.choice((3, 20, 80))), cut), draw.randint(1, 10**12)) for name in names}
    begin = {name: draw.randint(2, frames // 3) for name in names}
    for at in range(frames):
        name = draw.choice(names)
        one, kind = asks[name], draw.random()
        if kind < 0.15:
            noise(name)
        if kind < 0.85 or not one.log:
            send(name, one)
        elif at > begin[name] and (not one.live or kind > 0.97):
            answer(name, one, one.answer(len(one.log) - 1 if one.live else draw.randrange(len(one.log)), again=again))
    for name, one in asks.items():
        if not one.live:
            send(name, one)
            answer(name, one, one.answer(len(one.log) - 1, again=again))
    tape.wants = {name: one.view.want for name, one in asks.items()}


def texts(market: Market, levels: Sequence[Level]) -> list[list[str]]:
    return [[market.px(px), market.qty(qty)] for px, qty in levels]
