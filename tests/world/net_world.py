"""Fault runs of the network: feeds, what is between, a receiver and its readers, in virtual time and from a seed.

    ..... calm, until every book is good ..... | faults, each at a random moment | ..... calm again: good again, and everything is counted

What is tried is out.c, fan.c and recv.c, one and two paths, by stream and by datagram, with repair and without.  At every step, for every book here:

    good here     it is a book that a feed has shown under that number, whole, and some feed's own readers had it so within the time allowed (`allowed_ns`)
    in order      each event of the market is told at most once, in its order by symbol and kind, exactly as it was

and at rest:

    whole         every book is good, and as new as the feeds' newest
    counted       lost = repaired + late + given up; trades and level changes that were never told are no more than were given up
    unasked       the feeds never heard of it: books turned invalid there by what happened there, and by nothing else

The same seed gives the same run.  `NetWorld.run` raises `Wrong` with the seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from aats._ffi import lib
from tests.world.judge import Wrong
from tests.world.net_market import NetMarket
from tests.world.net_pipes import Pipe, Stream
from tests.world.net_plan import MS, SYMBOLS, NetPlan
from tests.world.net_receiver import Receiver
from tests.world.net_sender import PORT, Sender
from tests.world.options import SECOND

HEAL_NS = 20 * SECOND
NEVER = 1 << 62


class NetWorld:
    """One run.

    Attributes
    ----------
    happened : Counter
        Actions by kind, and what the pipes did.
    """

    def __init__(self, seed: int, plan: NetPlan | None = None, *, verbose: bool = False) -> None:
        self.seed, self.plan, self.verbose = seed, plan or NetPlan.of_seed(seed), verbose
        self.rng = random.Random(f"net world {seed}")
        self.now_ns = SECOND
        self.refuse = self.nowhere = 0
        self.calm = True
        self.trading = True
        self.happened: Counter[str] = Counter()
        plan = self.plan
        depth = max(max(one.levels.values()) for one in plan.geometry) + 10
        self.market = NetMarket(random.Random(f"net market {seed}"), list(SYMBOLS), depth, open_l2=plan.open_l2)
        self.senders = [
            Sender(
                random.Random(f"net feed {seed} {number}"),
                number,
                self.market,
                geometry,
                datagrams=path.kind != lib.AATS_PATH_P2P,
                repair=path.repair,
            )
            for number, (geometry, path) in enumerate(zip(plan.geometry, plan.paths))
        ]
        self.receiver = Receiver(
            random.Random(f"net receiver {seed}"),
            self.senders,
            plan.paths,
            self.market.events,
            self._connect,
            hold_ns=plan.hold_ns,
            hold_max=plan.hold_max,
        )
        self.streams: list[Stream] = []
        for number, sender in enumerate(self.senders):
            if sender.datagrams:
                pipe = Pipe(random.Random(f"net pipe {seed} {number}"), plan.calm[number], sender.ip, plan.socket_queue)
                sender.pipes.append(pipe)
                self.receiver.pipes[number] = pipe
        longest = max(max(calm.longest_ns(), faulty.longest_ns()) for calm, faulty in zip(plan.calm, plan.faulty))
        stale_ns = max(one.stale_ns for one in plan.geometry)
        self.under_way_ns = longest + plan.hold_ns + 3 * max(plan.step_ms) * MS
        self.receiver.allowed_ns = stale_ns + plan.hold_ns + longest + 3 * max(plan.step_ms) * MS
        self._later: list[tuple[int, Callable[[], None]]] = []

    # -- connections ---------------------------------------------------------------------------------------------------

    def _connect(self, ip: str, port: int, now_ns: int) -> Stream:
        """Answer an attempt to connect."""
        found = [sender for sender in self.senders if sender.ip == ip and port == PORT]
        sender = found[0] if found else None
        self.happened["connects"] += 1
        air = self.plan.calm[sender.number] if sender else self.plan.calm[0]
        refused = sender is None or not sender.up or self.refuse > 0
        self.refuse = max(0, self.refuse - 1)
        stream = Stream(self.rng, air, now_ns, refused=refused, room=self.plan.stream_room)
        if self.nowhere and not refused:
            self.nowhere -= 1
            stream.open_ns = NEVER
        elif not refused and sender is not None:
            sender.streams.append(stream)
        self.streams.append(stream)
        return stream

    # -- time ----------------------------------------------------------------------------------------------------------

    def step(self, dt_ns: int) -> None:
        """Let a little time go by for everybody, and judge what can be seen then."""
        self.now_ns += dt_ns
        for due in [one for one in self._later if one[0] <= self.now_ns]:
            self._later.remove(due)
            due[1]()
        if self.trading:
            wanted = self.plan.per_second * dt_ns / SECOND
            for _ in range(int(wanted) + (self.rng.random() < wanted % 1)):
                self.market.trade()
        for sender in self.senders:
            sender.hear(self.now_ns)
            sender.step(self.now_ns)
        self.receiver.step(self.now_ns)
        self.receiver.judge(self.now_ns, self._shown())

    def _shown(self) -> dict[str, dict[int, list[tuple[bytes, bytes]]]]:
        """Return what all feeds have shown, by symbol and number."""
        if len(self.senders) == 1 and len(self.senders[0].generations) == 1:
            return self.senders[0].told.books
        return Shown([told.books for sender in self.senders for told in sender.generations])

    def until(self, cond: Callable[[], bool], limit_ns: int, what: str) -> None:
        """Step until `cond` holds; raise `Wrong` when it does not within `limit_ns` of virtual time."""
        end = self.now_ns + limit_ns
        while not cond():
            if self.now_ns >= end:
                raise Wrong(f"not within {limit_ns / 1e9:g} s: {what}: {self._behind()}")
            self.step(self.rng.choice(self.plan.step_ms) * MS)

    def sleep(self, ns: int) -> None:
        """Step for so long."""
        end = self.now_ns + ns
        while self.now_ns < end:
            self.step(self.rng.choice(self.plan.step_ms) * MS)

    def _behind(self) -> list[str]:
        """Return what is not as good here as at some feed."""
        told = []
        as_of_ns = self.now_ns - self.under_way_ns if self.trading else self.now_ns
        for sender in self.senders:
            for symbol in sender.index:
                why = self.receiver.good.get(symbol, -1)
                newest = next((seq for when_ns, seq in reversed(sender.told.seen.get(symbol, ())) if when_ns <= as_of_ns), 0)
                if not sender.valid[symbol]:
                    told.append(f"{symbol} of feed {sender.number} is not good itself")
                elif why:
                    told.append(f"{symbol} is not good here: {why}")
                elif self.receiver.seqs.get(symbol, 0) < newest:
                    told.append(f"{symbol} is at {self.receiver.seqs.get(symbol)}, feed {sender.number} at {newest}")
        return told

    def all_good(self) -> bool:
        """Tell whether every book of every feed is good here, and as new as there."""
        return not self._behind()

    # -- faults --------------------------------------------------------------------------------------------------------

    def after(self, ns: int, what: Callable[[], None]) -> None:
        """Do something later."""
        self._later.append((self.now_ns + ns, what))

    def act(self, kind: str) -> None:
        """Do one of `net_plan.ACTIONS` to somebody."""
        rng, now_ns, receiver = self.rng, self.now_ns, self.receiver
        sender = rng.choice(self.senders)
        streams = [stream for stream in receiver.streams if stream is not None]
        pipes = [pipe for pipe in receiver.pipes if pipe is not None]
        some_ns = rng.choice([rng.randrange(5, 200), rng.randrange(100, 2500)]) * MS
        if self.verbose:
            print(f"{now_ns / 1e9:.3f} {kind} ({some_ns / 1e9:g} s) feed {sender.number}")
        if kind == "cut" and streams:
            stream = rng.choice(streams)
            for one in self.senders:
                if stream in one.streams:
                    one._leave(stream, now_ns, reset=True)
        elif kind == "stall" and streams:
            rng.choice(streams).stall(now_ns + some_ns)
        elif kind == "refuse":
            self.refuse = rng.randrange(1, 4)
        elif kind == "nowhere":
            self.nowhere = 1
        elif kind == "dark" and pipes:
            rng.choice(pipes).down_until_ns = now_ns + some_ns
        elif kind == "pause_feed":
            sender.paused_until_ns = now_ns + some_ns
        elif kind == "pause_fan":
            sender.fan_paused_until_ns = now_ns + some_ns
        elif kind == "pause_receiver":
            receiver.paused_until_ns = now_ns + some_ns
        elif kind in ("restart_feed", "regeometry") and sender.up:
            sender.kill(now_ns)
            if kind == "regeometry":
                self._regeometry(sender)
            self.after(some_ns, lambda: sender.start(self.now_ns))
        elif kind == "end_feed" and sender.up and now_ns >= sender.paused_until_ns:
            sender.end(now_ns)
            self.after(some_ns, lambda: sender.start(self.now_ns))
        elif kind == "unsubscribe" and sender.up and now_ns >= sender.paused_until_ns:
            symbol = rng.choice(list(sender.index))
            sender.unsubscribe(symbol, now_ns)
            self.after(some_ns, lambda: sender.subscribe_again(symbol))
        elif kind == "restart_receiver" and receiver.up:
            receiver.kill(now_ns)
            self.after(some_ns, lambda: receiver.start(self.now_ns))
        elif kind == "link_down":
            sender.link(False, now_ns)
            self.after(some_ns, lambda: sender.link(True, self.now_ns))
        elif kind == "link_mute":
            sender.link_mute = True
            self.after(some_ns, lambda: setattr(sender, "link_mute", False))
        elif kind == "burst":
            for _ in range(rng.choice([50, 300, 1500])):
                self.market.trade()
        elif kind == "level" and sender.up:
            symbol = rng.choice(list(sender.index))
            for one in self.senders:  # of two feeds with other depths none is the book
                one.set_level(symbol, rng.randrange(1, one.geometry.level_max + 1), now_ns)
        elif kind == "add" and sender.up and now_ns >= sender.paused_until_ns:
            missing = [symbol for symbol in SYMBOLS if symbol not in sender.index]
            if missing:
                level_num = max(sender.geometry.levels.values())
                sender.geometry.levels[missing[0]] = level_num
                sender.add(missing[0], level_num)
        elif kind == "lag":
            sender.lag_ns = rng.randrange(0, 30) * MS
        else:
            return
        self.happened[kind] += 1

    def _regeometry(self, sender: Sender) -> None:
        level_max = self.rng.choice([5, 20, 60])
        level_max = max(level_max, 5)
        sender.geometry.level_max = level_max
        for symbol, level_num in sender.geometry.levels.items():
            sender.geometry.levels[symbol] = min(level_num, level_max)

    def _set_air(self, faulty: bool) -> None:
        for pipe, air in zip(self.receiver.pipes, self.plan.faulty if faulty else self.plan.calm):
            if pipe is not None:
                pipe.air = air
                pipe.bad = self.plan.bad if faulty else 0.0
                if not faulty:
                    pipe.down_until_ns = 0

    def heal(self) -> None:
        """End every fault."""
        self._set_air(False)
        self.refuse = self.nowhere = 0
        for stream in self.streams:
            stream.stall(0)
        for _, what in self._later:
            what()
        self._later.clear()
        self.receiver.paused_until_ns = 0
        for sender in self.senders:
            sender.paused_until_ns = sender.fan_paused_until_ns = 0
            sender.lag_ns = 0
            sender.link(True, self.now_ns)

    # -- a run ---------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everybody, and wait until every book is good."""
        first: list[Sender | Receiver] = [*self.senders, self.receiver]
        self.rng.shuffle(first)
        for one in first:
            one.start(self.now_ns)
            if self.rng.random() < 0.5:
                self.sleep(200 * MS)
        self.until(self.all_good, HEAL_NS, "good at the start")

    def rest(self) -> None:
        """End the faults; wait until everything is good again, then look at what was counted."""
        self.heal()
        self.sleep(self.under_way_ns + SECOND // 4)  # by now the last hole is known
        self.until(self.all_good, HEAL_NS, "good again after the faults")
        self.trading = False
        self.until(self.all_good, HEAL_NS, "good in silence")
        self.sleep(SECOND)
        if not self.all_good():
            raise Wrong(f"not good any more in silence: {self._behind()}")
        self._counted()

    def _counted(self) -> None:
        receiver = self.receiver
        given_up = 0
        for number in range(len(self.plan.paths)):
            counts = receiver.counts(number)
            if counts["lost"] != counts["repaired"] + counts["late"] + counts["given_up"]:
                raise Wrong(f"path {number}: lost {counts['lost']} is not repaired + late + given up: {counts}")
            given_up += counts["given_up"]
            self._clock(number)
        led_astray = self.plan.bad and any(
            "another one than before" in line for line in receiver.notices
        )  # what it then missed it cannot know
        if len(self.senders) == 1 and receiver.lives == 1 and not led_astray:
            missing = sum(self._missing(told.numbers) for told in self.senders[0].generations)
            if missing > given_up:
                raise Wrong(f"{missing} trades and level changes were never told, {given_up} records given up")

    def _clock(self, number: int) -> None:
        """The offset of the clocks is what it is said to be, as well as is said."""
        path = self.receiver.path(number)
        offset_ns, err_ns = int(path.offset_ns), int(path.offset_err_ns)
        true_ns = self.senders[number].clock_ns - self.receiver.clock_ns
        if err_ns and abs(offset_ns - true_ns) > err_ns and (offset_ns or abs(true_ns) > 2 * err_ns):
            raise Wrong(f"path {number}: the clock there is said to be {offset_ns} ns ahead, give or take {err_ns}; it is {true_ns}")
        if not err_ns and (self.plan.paths[number].repair and int(path.snapshots)):
            raise Wrong(f"path {number}: has a side channel, and no clock")

    def _missing(self, numbers: dict[int, tuple[int, int, str]]) -> int:
        """Return the trades and level changes of a generation that were not told, of each symbol between the first and the last that were."""
        kinds = (lib.AATS_REC_TICK, lib.AATS_REC_L2)  # books and bests may come from a snapshot, whose records before are not told
        missing = 0
        for symbol in {symbol for _, _, symbol in numbers.values()}:  # one that is not in the directory yet cannot be told of
            flow = [number for number, (_, kind, name) in numbers.items() if kind in kinds and name == symbol]
            told = [number for number in flow if number in self.receiver.told]
            missing += sum(min(told) < number < max(told) for number in flow if number not in self.receiver.told) if told else 0
        return missing

    def run(self) -> NetWorld:
        """Live through the plan; raise `Wrong` with the seed at the first thing that is not so."""
        try:
            self.begin()
            self._set_air(True)
            start, actions = self.now_ns, list(self.plan.actions)
            while self.now_ns < start + self.plan.fault_ns:
                while actions and actions[0][0] <= self.now_ns - start:
                    self.act(actions.pop(0)[1])
                self.step(self.rng.choice(self.plan.step_ms) * MS)
            self.rest()
        except Wrong as wrong:
            raise Wrong(f"{wrong}\n{self.state()}\nagain: python -m tools.netfaults --one {self.seed} -v") from None
        return self

    def counts(self) -> Counter[str]:
        """Return what happened."""
        counts = Counter(self.happened)
        for pipe in self.receiver.pipes:
            if pipe is not None:
                counts.update(pipe.counts)
                counts["kernel_drops"] += pipe.kernel_drops
        for number in range(len(self.plan.paths)):
            counts.update({f"path_{name}": n for name, n in self.receiver.counts(number).items()})
        for sender in self.senders:
            for name in ("SLOW", "LAPS", "RESENT", "TOO_LATE", "SNAPSHOTS", "DEEP"):
                counts[f"fan_{name.lower()}"] += sender.fan_count(name)
        counts["events"] = len(self.market.events)
        counts["told"] = len(self.receiver.told)
        counts["flips"] = self.receiver.flips
        counts["virtual_ns"] = self.now_ns
        return counts

    def state(self) -> str:
        """Return some lines for a failure."""
        feeds = [
            f"feed {one.number}: up {one.up}, generation {len(one.generations)}, valid {one.valid}, fan {[int(n) for n in one.view.md.fan]}"
            for one in self.senders
            if one.generations
        ]
        return f"seed {self.seed}, {self.now_ns / 1e9:.3f} s, {self.plan}\n" + "\n".join(feeds) + f"\n{self.receiver.state()}"


class Shown(dict[str, dict[int, list[tuple[bytes, bytes]]]]):
    """Books by symbol and number, of several generations."""

    def __init__(self, parts: list[dict[str, dict[int, list[tuple[bytes, bytes]]]]]) -> None:
        super().__init__()
        self._parts = parts

    def get(self, symbol: str, default: object = None) -> dict[int, list[tuple[bytes, bytes]]]:
        return ByNumber([part[symbol] for part in self._parts if symbol in part])


class ByNumber(dict[int, list[tuple[bytes, bytes]]]):
    """Books by number, of several generations."""

    def __init__(self, parts: list[dict[int, list[tuple[bytes, bytes]]]]) -> None:
        super().__init__()
        self._parts = parts

    def get(self, seq: int, default: object = None) -> list[tuple[bytes, bytes]] | None:  # type: ignore[override]
        found = [one for part in self._parts for one in part.get(seq, ())]
        return found or None
