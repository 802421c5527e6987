"""Books at any venue's dialect: one seed is one run of a feed through faults, in virtual time; no book that never was may be called good.

    books good .... frames lost, doubled, swapped, damaged; connections that end at any byte, hold back, are refused; answers over REST that are none; halts
    .... calm: every book good again, and the market's

Not a test itself: test_venue_feeds.py plays the seeds.  Every good book is judged at every step (tests/conformance/rig.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from aats.sim.faults import SNAPSHOT_KINDS, Faults
from aats.venue.capabilities import UNSUPPORTED
from tests.conformance.cases_data import damage_one, heals, put_faults
from tests.conformance.rig import SECOND, Feed, Rig, Storm, Wrong
from tests.conformance.rows import Row

FRAMES = ("drop", "dup", "swap", "corrupt", "close", "cut", "stall")
ACTIONS = ("cut_in", "cut_in", "cut_out", "hold", "refuse", "upgrade", "snapshot", "digit")
STEP_MS = 10


@dataclass
class Run:
    """One seed at one venue; `faults` counts those that have met something."""

    row: Row
    seed: int
    faults: int = 0
    actions: list[tuple[int, str]] = field(default_factory=list)

    def play(self) -> Run:
        """Live through it; raise `Wrong` with venue and seed at the first thing that is not so."""
        rng = self.rng = random.Random(f"{self.row.venue} books {self.seed}")
        rig = Rig(self.row, rate=rng.choice((10, 40)), seed=self.seed, depth=40)
        rig.storm = self.storm = Storm(rig)
        feed = Feed(rig)
        try:
            rig.until(feed.good, "good at the start", 30, ms=STEP_MS)
            put_faults(rig, Faults({kind: rng.randrange(7, 40) for kind in rng.sample(FRAMES, rng.choice((0, 1, 1, 2, 3)))}))
            self._trouble(rig, feed)
            self.storm.calm()
            feed.refuse = False
            rig.exchange.faults.next_upgrades.clear()
            rig.exchange.faults.next_snapshots.clear()
            heals(rig, feed, 200)
        except (Wrong, AssertionError) as wrong:
            raise Wrong(f"{self.row.venue} seed {self.seed}, {rig.now_ns / 1e9:.2f} s, {self.actions}: {wrong}\n{rig.say()}") from None
        self.faults = self.storm.met + sum(rig.exchange.faults.counts.values())
        return self

    def _trouble(self, rig: Rig, feed: Feed) -> None:
        rng, end = self.rng, rig.now_ns + self.rng.randrange(2, 5) * SECOND
        self.actions = sorted((rng.randrange(rig.now_ns, end), rng.choice(ACTIONS)) for _ in range(rng.choice((0, 1, 2, 4))))
        due = list(self.actions)
        while rig.now_ns < end:
            while due and due[0][0] <= rig.now_ns:
                self._act(rig, feed, due.pop(0)[1])
            rig.step(STEP_MS)

    def _act(self, rig: Rig, feed: Feed, kind: str) -> None:
        rng, conns = self.rng, list(feed.conns.values())
        faults: Any = rig.exchange.faults
        if kind in ("cut_in", "cut_out") and conns:
            getattr(self.storm, kind)[rng.choice(conns)] = rng.randrange(1, 3000 if kind == "cut_in" else 200)
        elif kind == "hold" and conns:
            self.storm.hold(rng.choice(conns), rng.choice((0.1, 0.5, 2.0)))
        elif kind == "refuse":
            feed.refuse = not feed.refuse
        elif kind == "upgrade":
            faults.next_upgrades.append(rng.choice(("ws-503", "ws-429", "ws-403")))
        elif kind == "snapshot":
            faults.next_snapshots.append(rng.choice(SNAPSHOT_KINDS))
        elif kind == "digit" and "VC-06" not in UNSUPPORTED.get(self.row.venue, {}):
            damage_one(rig, rng.randrange(1, 5))
