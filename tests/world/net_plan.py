"""What happens in one fault run of the network, from its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from aats._ffi import lib
from tests.world.net_pipes import Air
from tests.world.net_receiver import PathPlan
from tests.world.net_sender import Geometry
from tests.world.options import SECOND

MS = 1_000_000
SYMBOLS = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "SOLUSDT.BINANCE", "XRPUSDT.BINANCE")

#: What is done to somebody, and how often beside the others.
ACTIONS = {
    "cut": 4,  # a stream ends
    "stall": 4,  # a stream lets nothing through for a while
    "refuse": 2,  # the next attempts to connect are refused
    "nowhere": 1,  # the next attempt to connect is never answered
    "dark": 4,  # no datagram comes through for a while
    "pause_feed": 3,
    "pause_fan": 3,
    "pause_receiver": 3,
    "restart_feed": 2,  # SIGKILL, and a new generation some time later
    "end_feed": 1,  # the same, politely
    "regeometry": 1,  # a new generation with other levels
    "restart_receiver": 1,
    "link_down": 2,
    "link_mute": 2,
    "burst": 3,  # more records at once than the ring holds, or the queues
    "level": 2,
    "add": 1,
    "unsubscribe": 1,  # and again some time later
    "lag": 1,  # one feed hears of the market later than the other
}


@dataclass
class NetPlan:
    """What happens in one run.

    Attributes
    ----------
    geometry : list of Geometry
        One a feed.
    calm, faulty : list of Air
        Of each path before and after, and during the faults.
    actions : list of (when, kind)
        Counted from the beginning of the faults.
    """

    geometry: list[Geometry] = field(default_factory=lambda: [Geometry({SYMBOLS[0]: 5, SYMBOLS[1]: 5})])
    paths: list[PathPlan] = field(default_factory=lambda: [PathPlan(lib.AATS_PATH_MULTIBROAD)])
    calm: list[Air] = field(default_factory=lambda: [Air()])
    faulty: list[Air] = field(default_factory=lambda: [Air()])
    actions: list[tuple[int, str]] = field(default_factory=list)
    fault_ns: int = 2 * SECOND
    per_second: int = 150  # messages of the venue
    open_l2: bool = False
    bad: float = 0.0
    hold_ns: int = 50 * MS
    hold_max: int = 0
    stream_room: int = 1 << 18
    socket_queue: int = 2000
    step_ms: tuple[int, ...] = (1, 2, 5, 10, 20)

    @classmethod
    def of_seed(cls, seed: int) -> NetPlan:
        """Return a plan with everything in it, by chance."""
        rng = random.Random(f"net plan {seed}")
        two = rng.random() < 0.35
        level_num, level_max = rng.choice([(1, 5), (5, 5), (5, 5), (5, 20), (20, 20), (12, 60), (60, 60), (40, 100)])
        symbols = rng.sample(SYMBOLS, rng.randrange(1, 4))
        ring = rng.choice([64, 256, 1024, 4096, 8192])
        plan = cls([], [], [], [])
        for _ in range(1 + two):
            levels = dict.fromkeys(symbols, level_num)
            if two:  # the same symbols in another order, and not always all
                levels = dict(rng.sample(list(levels.items()), max(1, len(levels) - (rng.random() < 0.2))))
            stale_ns = rng.choice([300, 500, 500, 1000]) * MS
            plan.geometry.append(
                Geometry(levels, level_max, ring, 16, stale_ns, log_sz=rng.choice([0, 0, 1 << 18]), datagram=rng.choice([0, 0, 1000, 9000]))
            )
            p2p = rng.random() < 0.35
            kind = lib.AATS_PATH_P2P if p2p else rng.choice([lib.AATS_PATH_BROADCAST, lib.AATS_PATH_MULTIBROAD])
            plan.paths.append(PathPlan(kind, p2p or rng.random() < 0.8, rng.random() < 0.2, rng.random() < 0.5))
            low = rng.choice([0.0, 0.1, 1.0, 20.0])
            air = Air((low, low + rng.choice([0.0, 0.5, 3.0, 15.0])), reorder_ms=rng.choice([1.0, 5.0, 30.0]))
            plan.calm.append(air)
            plan.faulty.append(
                replace(
                    air,
                    loss=rng.choice([0.0, 0.01, 0.05, 0.05, 0.2]),
                    dup=rng.choice([0.0, 0.02, 0.1]),
                    reorder=rng.choice([0.0, 0.05, 0.2]),
                )
            )
        plan.fault_ns = rng.randrange(1500, 4000) * MS
        plan.per_second = rng.choice([20, 100, 200, 400])
        plan.open_l2 = rng.random() < 0.3
        if all(path.fixed_source or path.kind == lib.AATS_PATH_P2P for path in plan.paths):
            plan.bad = rng.choice([0.0, 0.02])
        plan.hold_ns = rng.choice([10, 50, 50, 200]) * MS
        plan.hold_max = rng.choice([0, 0, 1 << 14])
        narrow = level_num <= 5 and all(
            air.delay_ms[1] <= 5 for air in plan.calm
        )  # a stream has to carry the market, or nothing can be good
        plan.stream_room = rng.choice([1 << 14 if narrow else 1 << 16, 1 << 18])
        plan.socket_queue = rng.choice([30, 2000, 2000])
        kinds, weights = list(ACTIONS), list(ACTIONS.values())
        plan.actions = sorted((rng.randrange(plan.fault_ns), rng.choices(kinds, weights)[0]) for _ in range(rng.randrange(6)))
        return plan
