"""What perpetuals have beside a book: mark and index price, funding, liquidations; made from the generator's middle and a seed.

Each second of each perpetual: the mark is the middle of its book, the index lies near it, the funding rate stands for one interval, and now and then
somebody is liquidated.  Nothing of this is traded and nobody pays funding: it is told, for those who read it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aats.sim.listing import Listing
from aats.sim.market import Event

__all__ = ["LIQUIDATION", "Mark", "Perpetuals"]

LIQUIDATION = "liquidation"
TICK_NS = 1_000_000_000
_HOUR_NS = 3600 * TICK_NS


@dataclass(frozen=True)
class Mark:
    """One second of one perpetual; prices with the decimals of its tick, the rate with eight."""

    symbol: str
    t_ns: int
    mark: str
    index: str
    rate: str
    next_ns: int


class Perpetuals:
    """The perpetuals among some listings.

    Parameters
    ----------
    middle
        Returns the middle of a symbol's book at 1e-8.
    """

    def __init__(self, seed: int, listings: Mapping[str, Listing], middle: Callable[[str], int]) -> None:
        self._listings = [one for one in listings.values() if not one.spot]
        self._middle = middle
        self._seed = seed
        self._random = random.Random(f"{seed}/perpetuals")
        self._next_ns = 0

    def next_ns(self, now_ns: int) -> int | None:
        """Return when `run` has something to do next."""
        if not self._listings:
            return None
        return self._next_ns or now_ns - now_ns % TICK_NS + TICK_NS

    def mark(self, listing: Listing, t_ns: int) -> Mark:
        """Return the mark of this moment."""
        middle = self._middle(listing.name)
        span = listing.funding_hours * _HOUR_NS
        period = t_ns // span
        rate = random.Random(f"{self._seed}/{listing.name}/{period}").randrange(-30_000, 30_000)
        away = random.Random(f"{self._seed}/{listing.name}/{t_ns // TICK_NS}").randrange(-50, 51)
        index = middle + middle * away // 100_000
        tick, sign = listing.tick_i, "-" if rate < 0 else ""
        return Mark(
            *(listing.name, t_ns, listing.px(middle - middle % tick), listing.px(index - index % tick)),
            rate=f"{sign}0.{abs(rate):08d}",
            next_ns=(period + 1) * span,
        )

    def run(self, now_ns: int) -> list[Mark | Event]:
        """Return what has happened until now."""
        out: list[Mark | Event] = []
        if not self._listings:
            return out
        due = self.next_ns(now_ns - TICK_NS) if not self._next_ns else self._next_ns
        assert due is not None
        if due <= now_ns - 10 * TICK_NS:
            due = now_ns - now_ns % TICK_NS  # a market that begins late does not tell of what was before
        while due <= now_ns:
            for listing in self._listings:
                if listing.status == "gone":
                    continue
                out.append(self.mark(listing, due))
                if listing.rate != 0 and self._random.random() < 0.1:
                    out.append(self._liquidation(listing, due))
            due += TICK_NS
        self._next_ns = due
        return out

    def _liquidation(self, listing: Listing, t_ns: int) -> Event:
        middle, buys = self._middle(listing.name), self._random.random() < 0.5
        qty = (1 + int(self._random.random() * listing.size)) * listing.lot_i
        event = Event(t_ns, listing.name, LIQUIDATION, "", b"")
        event.px, event.qty, event.buys = listing.px(middle - middle % listing.tick_i), listing.qty(qty), buys
        return event
