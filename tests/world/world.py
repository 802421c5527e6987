"""Time, and a plan of faults made from a seed.

    0 s ........ calm ........ 2 s ...... faults, each at a random moment ...... T s ........ calm again, until every book is good ....

`World` is deterministic: the same seed gives the same run, byte for byte.  `World.run` raises `Wrong` with the seed and the feeds' states.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from aats._ffi import lib
from aats.layout import Why
from aats.sim import Exchange, Faults, Generator, Limits
from aats.sim.faults import Lane
from tests.world.actor import Actor
from tests.world.judge import Wrong
from tests.world.net import Net
from tests.world.options import EPOCH_NS, SECOND, Answers, Options
from tests.world.pipes import Peer, Wire
from tests.world.truth import Truth

MS = 1_000_000
FRAME_FAULTS = ("drop", "dup", "swap", "corrupt", "close", "cut", "stall")
ACTIONS = ("cut", "mute", "refuse", "http", "shutdown", "stop", "subscribe", "level", "reconnect", "halt")
SNAPSHOT_FAULTS = ("lost", "late", "old", "broken", "html", "failed")
HEAL_NS = 90 * SECOND  # a mute connection is found after two pings, 40 s
HTTP = (b"403 Forbidden", b"429 Too Many Requests\r\nRetry-After: 2", b"418 I'm a teapot\r\nRetry-After: 3", b"503 Service Unavailable")


class Switch(Faults):
    """Faults that end at once when they are switched off."""

    off = False

    def pass_depth(self, lane: Lane, stream: Hashable, frame: bytes, now_ns: int) -> list[bytes]:
        if not self.off:
            return super().pass_depth(lane, stream, frame, now_ns)
        held = lane.held.pop(stream, None)
        return [frame] if held is None else [held, frame]


@dataclass
class Plan:
    """What happens in one run."""

    options: list[Options] = field(default_factory=lambda: [Options()])
    market: tuple[str, ...] = ("BTCUSDT:40", "ETHUSDT:10", "SOLUSDT:1", "XRPUSDT:0")
    depth: int = 40
    faults: dict[str, int] = field(default_factory=dict)
    actions: list[tuple[int, str]] = field(default_factory=list)  # (when, kind)
    fault_ns: int = 2 * SECOND
    calm_ns: int = 2 * SECOND
    delay_ms: tuple[int, int] = (1, 30)
    limits: Limits = field(default_factory=Limits)
    heal_ns: int = HEAL_NS

    @classmethod
    def of_seed(cls, seed: int) -> Plan:
        """Return a plan with everything in it, by chance."""
        rng = random.Random(f"plan {seed}")
        answers = Answers(delay_ms=rng.choice([(5, 50), (50, 400)]))
        if rng.random() < 0.5:
            answers.kinds, answers.share = tuple(rng.sample(SNAPSHOT_FAULTS, rng.randrange(1, 5))), rng.uniform(0.1, 0.5)
        level_num, level_max = rng.choice([(1, 5), (5, 5), (5, 20), (20, 20), (12, 60), (60, 60)])
        symbols = ("BTCUSDT", "ETHUSDT", *rng.sample(("SOLUSDT", "XRPUSDT"), rng.randrange(3)))
        options = Options(
            symbols=symbols,
            level_num=level_num,
            level_max=level_max,
            snapshot_limit=rng.choice([1000, 1000, 30, level_num + 8]),
            rotate_ns=rng.choice([0, 0, 3 * SECOND]),
            fuse_bbo=rng.random() < 0.25,
            open_l2=rng.random() < 0.3,
            answers=answers,
        )
        plan = cls(
            options=[replace(options) for _ in range(1 + (rng.random() < 0.25))],
            fault_ns=rng.randrange(2, 10) * SECOND,
            delay_ms=rng.choice([(0, 2), (1, 30), (10, 250)]),
        )
        for kind in rng.sample(FRAME_FAULTS, rng.choice([0, 0, 1, 2, 3])):
            plan.faults[kind] = rng.randrange(7, 90)
        end = plan.calm_ns + plan.fault_ns
        plan.actions = sorted((rng.randrange(plan.calm_ns // 2, end), rng.choice(ACTIONS)) for _ in range(rng.randrange(7)))
        return plan


class World:
    """One run: a market, the exchange, feeds, wires between them.

    Parameters
    ----------
    seed : int
    plan : Plan, optional
        Default: made from the seed.
    server : callable, optional
        Given the number of the attempt to connect, returns a `Peer` that takes it, or None for the exchange.
    faults : Faults, optional
        In place of those that the plan names; `run` wants a `Switch`.
    """

    def __init__(
        self, seed: int, plan: Plan | None = None, *, server: Callable[[int], Peer | None] | None = None, faults: Faults | None = None
    ) -> None:
        self.seed = seed
        self.plan = plan or Plan.of_seed(seed)
        self.rng = random.Random(f"world {seed}")
        self.truth = Truth(Generator(seed, self.plan.market, depth=self.plan.depth))
        self.faults = faults or Switch(self.plan.faults)
        self.exchange = Exchange(self.truth, EPOCH_NS, faults=self.faults, limits=self.plan.limits, flat_errors=bool(seed & 1))
        self.now_ns = SECOND  # of the monotonic clock; 0 would mean "never" to the feed
        self.server = server
        self.net = Net(self.exchange, self.rng, self.plan.delay_ms)
        self.muted = False
        self._wake: list[tuple[int, Actor]] = []
        self.actors = [
            Actor(self.truth, random.Random(f"feed {seed} {i}"), options, self._connect) for i, options in enumerate(self.plan.options)
        ]

    @property
    def feed(self) -> Actor:
        return self.actors[0]

    # -- connections ---------------------------------------------------------------------------------------------------

    def _connect(self, actor: Actor, link: int) -> Wire:
        peer = self.server(self.attempts + 1) if self.server and not self.net.refuse else None
        return self.net.connect(self.now_ns, peer)

    @property
    def attempts(self) -> int:
        """Attempts to connect, so far."""
        return self.net.attempts

    # -- time ----------------------------------------------------------------------------------------------------------

    def step(self, dt_ns: int) -> None:
        """Let a little time go by for everybody, and judge what can be seen then."""
        self.now_ns += dt_ns
        self.exchange.advance(EPOCH_NS + self.now_ns)
        self.net.carry(self.now_ns)
        for due in [one for one in self._wake if one[0] <= self.now_ns]:
            self._wake.remove(due)
            due[1].stopped = False
            slept_ns = self.now_ns - due[1].slot.heartbeat_mono_ns
            due[1].step(self.now_ns)
            due[1].judge(self.now_ns)
            if slept_ns > due[1].options.stale_ns:
                self._awake(due[1])
        for actor in self.actors:
            actor.step(self.now_ns)
        self.net.carry(self.now_ns)
        for actor in self.actors:
            actor.judge(self.now_ns)
            if actor.stopped and self.now_ns - actor.slot.heartbeat_mono_ns > actor.options.stale_ns:
                self._demand(not any(why == 0 for why in actor.why.values()), "a stopped feed's book is called good")

    def _awake(self, actor: Actor) -> None:
        good = [native for native, why in actor.why.items() if why == 0 and native in actor.index]
        self._demand(not good, f"good right after a stop, before anything was checked: {good}")
        if not self.plan.faults and not {"old", "late"} & set(actor.options.answers.kinds):
            sent_ns = EPOCH_NS + self.now_ns - 2 * self.plan.delay_ms[1] * MS
            actor.floor = {native: self.truth.last_id(native, sent_ns) for native in self.truth.symbols}

    def _demand(self, cond: bool, what: str) -> None:
        if not cond:
            raise Wrong(what)

    def until(self, cond: Callable[[], bool], limit_ns: int, what: str = "") -> None:
        """Step until `cond` holds; raise `Wrong` when it does not within `limit_ns` of virtual time."""
        end = self.now_ns + limit_ns
        while not cond():
            if self.now_ns >= end:
                raise Wrong(f"not within {limit_ns / 1e9:g} s: {what}; {[actor.state() for actor in self.actors]}")
            self.step(self.rng.choice((2, 5, 10, 20, 40)) * MS)

    def sleep(self, ns: int) -> None:
        """Step for so long."""
        end = self.now_ns + ns
        self.until(lambda: self.now_ns >= end, ns + SECOND)

    def all_good(self) -> bool:
        """Tell whether every feed's books are good, and as far as the market was half a second (and the wire) ago."""
        as_of = EPOCH_NS + self.now_ns - SECOND // 2 - 2 * self.plan.delay_ms[1] * MS
        return all(not actor.stopped and actor.all_good(as_of) for actor in self.actors)

    # -- faults --------------------------------------------------------------------------------------------------------

    def stop(self, actor: Actor, ns: int) -> None:
        """Stop a feed's thread for so long."""
        if not actor.stopped:
            actor.stopped = True
            self._wake.append((self.now_ns + ns, actor))

    def act(self, kind: str) -> None:
        """Do one of `ACTIONS` to somebody."""
        rng, actor = self.rng, self.rng.choice(self.actors)
        live = [wire for wire in actor.wires.values() if wire.opened]
        native = rng.choice(list(actor.index)) if actor.index else ""
        if kind == "cut" and live:
            rng.choice(live).cut_after = rng.randrange(4000)
        elif kind == "mute" and live and not self.muted:
            rng.choice(live).mute = self.muted = True
        elif kind == "refuse":
            self.net.refuse = rng.randrange(1, 4)
        elif kind == "http":
            self.net.http = rng.choice(HTTP)
        elif kind == "shutdown":
            self.exchange.shutdown(EPOCH_NS + self.now_ns, rng.choice([0, 2 * SECOND]))
        elif kind == "stop":
            self.stop(actor, rng.randrange(600, 3000) * MS)
        elif kind == "level" and native:
            actor.set_level(native, rng.randrange(1, actor.options.level_max + 1))
        elif kind == "reconnect":
            actor.put(lib.AATS_MAIL_RECONNECT)
        elif kind == "halt" and native:
            actor.put(lib.AATS_MAIL_HALT, actor.index[native], 1)
            actor.put(lib.AATS_MAIL_HALT, actor.index[native], 0)
        elif kind == "subscribe":
            if len(actor.index) > 1 and rng.random() < 0.5:
                actor.unsubscribe(native)
                if rng.random() < 0.5:
                    actor.subscribe(native, rng.randrange(1, actor.options.level_max + 1))
            else:
                name = rng.choice(list(self.truth.symbols))
                if name not in actor.index:
                    actor.subscribe(name, rng.randrange(1, actor.options.level_max + 1))

    def _calm(self, calm: bool) -> None:
        assert isinstance(self.faults, Switch)
        self.faults.off = calm
        for actor in self.actors:
            actor.calm = calm

    def run(self) -> World:
        """Live through the plan; raise `Wrong` with the seed at the first thing that is not so."""
        plan = self.plan
        try:
            self._calm(True)
            self.until(self.all_good, 30 * SECOND, "good at the start")
            start, actions = self.now_ns, list(plan.actions)
            self._calm(False)
            while self.now_ns < start + plan.calm_ns + plan.fault_ns:
                while actions and actions[0][0] <= self.now_ns - start:
                    self.act(actions.pop(0)[1])
                self.step(self.rng.choice((2, 5, 10, 20, 40)) * MS)
            self._calm(True)
            self.net.refuse, self.net.http = 0, b""
            self.sleep(SECOND)
            self.until(self.all_good, plan.heal_ns, "good again after the faults")
            for actor in self.actors:
                holes, counted = actor.trade_holes(), actor.count("TRADE_GAPS")
                self._demand(holes == counted, f"{holes} holes in the trades, {counted} counted")
                self._demand(lib.aats_mailbox_full(actor.outbox) == 0, "the mailbox was full")
        except Wrong as wrong:
            where = f"seed {self.seed}, {self.now_ns / 1e9:.3f} s, {plan}"
            raise Wrong(f"{wrong}\n{where}\n" + "\n".join(actor.state() for actor in self.actors)) from None
        return self


__all__ = ["ACTIONS", "Plan", "Why", "World", "Wrong"]
