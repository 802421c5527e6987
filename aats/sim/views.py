"""The top of a book as a venue's depth stream shows it: so many levels, so often, with numbers that hang together.

    market: a diff each 100 ms  ->  every `step`-th of them: the window as it is now, against the window as it was told  ->  the changes

A level that leaves the window because better ones came is told with quantity zero, unless `silent_out`: then its clients cut their books themselves.
A new subscriber begins with the window as it was last told; what `feed` gives next continues it.
"""

from __future__ import annotations

from collections.abc import Callable

from aats.sim.market import Level, Snapshot, px_rank

__all__ = ["View"]


class View:
    """One depth stream of one symbol.

    Attributes
    ----------
    bids, asks
        The window as it was last told, best first.
    seq, prev
        Id of the last update in it, and that of the window before.
    n
        How often it was told, from 1; the first window counts.
    t_ns
        When it was told last.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], depth: int, zero: str, *, step: int = 1, silent_out: bool = False) -> None:
        self._snapshot = snapshot
        self._depth = depth
        self._zero = zero
        self._step = step
        self._silent_out = silent_out
        self._skipped = 0
        book = snapshot()
        self.bids: list[Level] = book.bids[:depth]
        self.asks: list[Level] = book.asks[:depth]
        self.seq = self.prev = book.last_id
        self.n = 1
        self.t_ns = 0
        self.changed: tuple[list[Level], list[Level]] = ([], [])

    def move(self, t_ns: int) -> None:
        """Go on to the book of this moment, at every `step`-th call; the exchange calls it for each diff of the market."""
        self._skipped += 1
        self.changed = ([], [])
        if self._skipped < self._step:
            return
        self._skipped = 0
        book = self._snapshot()
        bids, asks = book.bids[: self._depth], book.asks[: self._depth]
        self.changed = self._diff(self.bids, bids, best=-1), self._diff(self.asks, asks, best=1)
        self.bids, self.asks = bids, asks
        if self.changed[0] or self.changed[1]:
            self.prev, self.seq, self.t_ns = self.seq, book.last_id, t_ns
            self.n += 1

    def feed(self) -> tuple[list[Level], list[Level]]:
        """Return what the last move changed in the window, or two empty lists."""
        return self.changed

    def _diff(self, old: list[Level], new: list[Level], *, best: int) -> list[Level]:
        before, after = dict(old), dict(new)
        worst = px_rank(new[-1][0]) * best if new else 0
        out: list[Level] = []
        for px, _ in old:
            if px not in after and not (self._silent_out and len(new) == self._depth and px_rank(px) * best > worst):
                out.append((px, self._zero))
        out += [level for level in new if before.get(level[0]) != level[1]]
        return out
