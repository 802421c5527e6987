"""What happens in one fault run, made from its seed.

    0 s .. ready .. |------------------- orders, cancels, faults: ACTIVE_NS -------------------| calm: close, verify, leave .. >= 60 s

Each strategy has its account, or both trade one.  Faults are planned at random moments; those that wait for traffic may meet none, so `World` adds
more until at least `LEAST_FAULTS` have happened and the exchange
has taken at least `LEAST_ORDERS`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from aats._ffi import lib
from aats.sim.generator import Spec
from tests.world.options import SECOND

LEAST_FAULTS, LEAST_ORDERS = 5, 30
ACTIVE_NS, WHOLE_NS = 45 * SECOND, 60 * SECOND

#: Kinds of faults, and how often each is drawn.
WIRE_KINDS = {
    "drop_request": 3,
    "drop_answer": 3,
    "drop_event": 3,
    "delay": 3,
    "duplicate": 3,
    "reorder": 3,
    "close_request": 2,
    "close_before": 2,
    "close_after": 2,
    "refuse": 1,
    "http": 1,
}
VENUE_KINDS = {
    "busy": 2,
    "clock": 2,
    "venue_crash": 2,
    "unsure": 1,
    "late": 1,
    "server_error": 1,
    "deaf": 1,
    "garble": 1,
    "by_hand": 1,
    "halt": 1,
}
OUR_KINDS = {"crash": 8, "hang": 2, "no_data": 1}
KINDS = {**WIRE_KINDS, **VENUE_KINDS, **OUR_KINDS}

#: Where a life may die: the steps of csrc/base/steps.h, and one in Python (fault_lives.TAKEN_OVER).
STEPS = (*range(1, lib.AATS_STEP_CNT), lib.AATS_STEP_CNT)

#: A tick of 1e-8 and a lot of a whole coin; and one whose notional has more than eight decimals.
DOGE = Spec("DOGEUSDT", "DOGE", "USDT", 12_340_000, 8, 0, 50_000, 2)
ETHBTC = Spec("ETHBTC", "ETH", "BTC", 4_340, 5, 4, 12_000, 2)


@dataclass(frozen=True)
class Fault:
    """One fault: when, what, and of which step of whom, where that says anything."""

    at_ns: int
    kind: str
    who: int = -1
    step: int = 0
    nth: int = 1
    wait_ns: int = 0


@dataclass
class FaultPlan:
    """What happens in one run."""

    market: tuple[str | Spec, ...] = ("BTCUSDT:2",)
    shared: bool = False  # both strategies trade one account
    pem: bool = False  # keys are Ed25519
    delay_ms: tuple[float, float] = (1, 30)
    gap_ns: tuple[int, int] = (SECOND, SECOND)  # between a strategy's actions, on average
    adopts: tuple[bool, bool] = (False, False)  # on_restart: adopt; else cancel
    orders_10s: int = 100
    weight: int = 6000
    poor: bool = False  # the accounts hold so little of the quote asset that some orders are refused
    tight: bool = False  # limits of the host that some orders pass
    budgets: bool = False  # rate budgets of the host
    hold_ns: int = 0  # orders wait so long for a session that is not ready, 0: they are refused
    journal_bytes: int = 0  # size at which the journal goes on in a new file, 0: its own
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of_seed(cls, seed: int) -> FaultPlan:
        """Return a plan with everything in it, by chance."""
        rng = random.Random(f"fault plan {seed}")
        plan = cls(
            market=rng.choice((("BTCUSDT:2",), ("BTCUSDT:2",), ("BTCUSDT:2", "ETHUSDT:2"), (DOGE,), (ETHBTC,))),
            shared=rng.random() < 0.4,
            pem=rng.random() < 0.1,
            delay_ms=rng.choice(((0.05, 2), (1, 30), (10, 250))),
            gap_ns=(rng.randrange(700, 1800) * SECOND // 1000, rng.randrange(700, 1800) * SECOND // 1000),
            adopts=(rng.random() < 0.6, rng.random() < 0.6),
            orders_10s=rng.choice((100, 100, 100, 10)),
            poor=rng.random() < 0.2,
            tight=rng.random() < 0.5,
            budgets=rng.random() < 0.5,
            hold_ns=rng.choice((0, 0, SECOND // 2, 5 * SECOND)),
            journal_bytes=rng.choice((0, 0, 24_000, 60_000)),
        )
        plan.faults = [plan.fault(rng, rng.randrange(ACTIVE_NS)) for _ in range(rng.randrange(9, 17))]
        if rng.random() < 0.1:  # a storm
            plan.faults += [plan.fault(rng, rng.randrange(ACTIVE_NS)) for _ in range(25)]
        if rng.random() < 0.1:
            plan.weight = rng.choice((150, 600))
        plan.faults.sort(key=lambda fault: fault.at_ns)
        return plan

    @staticmethod
    def fault(rng: random.Random, at_ns: int, kinds: dict[str, int] = KINDS) -> Fault:
        """Return a fault of any kind."""
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        wait_ns = int(SECOND * rng.choice((0.02, 0.2, 1, 3.2, 6)) * rng.uniform(0.5, 1.5))
        return Fault(at_ns, kind, rng.randrange(2), rng.choice(STEPS), rng.choice((1, 1, 2, 3, 5)), wait_ns)
