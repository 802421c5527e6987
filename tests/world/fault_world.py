"""Two strategies at the simulated exchange for a minute of virtual time, with faults of every kind by seed; in the end both sides must agree.

Time goes from one due moment to the next: of the wires, of the sessions, of the strategies, of the plan, of the market.  The same seed gives the same run.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter, deque
from pathlib import Path
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import OrderEvent
from aats.sim import Exchange, Faults, Generator
from aats.sim.amounts import E16, e8
from aats.sim.connection import Limits
from aats.sim.frames import text_frame
from aats.sim.limits import Refusal
from tests.world.fault_judge import compare
from tests.world.fault_lives import Life, Strategy
from tests.world.fault_mind import Died
from tests.world.fault_net import NEVER, FaultNet, Link
from tests.world.fault_plan import ACTIVE_NS, LEAST_FAULTS, LEAST_ORDERS, WHOLE_NS, FaultPlan
from tests.world.fault_risk import RiskSegment
from tests.world.fault_strikes import Strikes
from tests.world.judge import Wrong
from tests.world.options import EPOCH_NS, SECOND
from tests.world.order_world import PEM, rules_of

MS = 1_000_000
LEAST_NS = 100_000  # time never goes on by less
FOLDER = Path("/dev/shm")
LAST_EVENTS = 40


class FaultWorld(Strikes):
    """One run.

    Parameters
    ----------
    plan : FaultPlan, optional
        Default: made from the seed.
    folder : Path, optional
        For the journals; default: one in memory, removed at the end.
    verbose : bool
        Print every order event and fault as it happens.

    Attributes
    ----------
    last : deque of str
        The last order events and faults.
    wrongs : list of str
        What was found where nothing can be raised.
    """

    def __init__(self, seed: int, plan: FaultPlan | None = None, *, folder: Path | None = None, verbose: bool = False) -> None:
        super().__init__()
        self.seed, self.plan, self.verbose = seed, plan or FaultPlan.of_seed(seed), verbose
        plan = self.plan
        self.rng = random.Random(f"fault world {seed}")
        self.client_ids: set[str] = set()  # of orders that have come to the exchange
        self.wrongs: list[str] = []
        self.last: deque[str] = deque(maxlen=LAST_EVENTS)
        self.market = Generator(seed, plan.market, depth=12)
        self.names = list(self.market.symbols)
        self.ticks = {name: e8(symbol.tick) for name, symbol in self.market.symbols.items()}
        self.rules = {name: rules_of(symbol) for name, symbol in self.market.symbols.items()}
        self._lots = {name: e8(symbol.lot) for name, symbol in self.market.symbols.items()}
        self.typicals = {name: maker.size * maker.qty_unit for name, maker in self.market._makers.items()}
        keys = [(f"key{i}", PEM if plan.pem else f"secret{i}") for i in range(1 if plan.shared else 2)]
        self.exchange = self._exchange(dict(keys))
        self.accounts = [key.account for key in self.exchange.keyring.names()]
        self.now_ns = SECOND
        self._placed = (0, 0)
        self.changes = 0  # times that the market may have moved
        self.net = FaultNet(self.exchange, self.rng, plan.delay_ms, self.happened)
        self.folder = folder or FOLDER / f"aats-faults-{seed}-{random.SystemRandom().getrandbits(48):012x}"
        self.folder.mkdir(mode=0o700)
        self.risk = RiskSegment(self)
        self.calm = False  # nobody sends orders any more, nothing goes wrong any more
        self.running: Life | None = None
        self.strategies = [Strategy(self, i, *keys[i % len(keys)], self.folder / f"s{i}") for i in range(2)]

    def _exchange(self, keys: dict[str, str]) -> Exchange:
        plan = self.plan
        deposits = {}
        if plan.poor:
            for name, symbol in self.market.symbols.items():
                deposits[symbol.quote] = 3 * self.typical(name) * self.market.touch(name)[1]
        deposits.update({"DOGE": 10**9 * E16} if "DOGEUSDT" in self.market.symbols else {})
        limits = Limits(orders_10s=plan.orders_10s, weight_per_min=plan.weight)
        exchange = Exchange(self.market, EPOCH_NS, faults=Faults(), keys=keys, limits=limits, deposits=deposits)
        exchange.users._send = self._say
        self._place = exchange.desk.place
        exchange.desk.place = self._placed_once  # type: ignore[method-assign, assignment]
        self._admit = exchange.weights.admit
        exchange.weights.admit = self._admitted  # type: ignore[method-assign, assignment]
        return exchange

    # -- what the traders and the exchange ask of the world ----------------------------------------------------------------

    def connect(self, life: Life) -> Link:
        return self.net.connect(self.now_ns, self.venue_ns, life.strategy.number)

    def lots(self, name: str, share: float) -> str:
        """Return a share of the market's typical size as a text on the lot."""
        lot = self._lots[name]
        qty = max(lot, int(self.typicals[name] * share) // lot * lot)
        return f"{qty // 10**8}.{qty % 10**8:08d}"

    def typical(self, name: str) -> int:
        """Return the market's typical size of an order at 1e-8."""
        return self.typicals[name]

    def note(self, name: str, number: int, ev: Any) -> None:
        """Remember an order event for who looks at a failed run."""
        kind, code = OrderEvent(ev.kind).name, text(lib.aats_code_name(int(ev.code)))
        self.say(f"{name}.{number} {kind} order {ev.order.order_id} {code} cum {ev.order.cum_qty_i} flags {ev.order.flags}")

    def say(self, line: str) -> None:
        line = f"{self.now_ns / 1e9:8.3f} {line}"
        self.last.append(line)
        if self.verbose:
            print(line)

    def _say(self, conn: Any, data: bytes) -> None:
        """Give a connection a user event, or one that nobody can read in its place."""
        if self._garble and b'"executionReport"' in data:
            self._garble -= 1
            self.happened["garble"] += 1
            data = text_frame(data[data.index(b"{") :].replace(b'"z":', b'"z":{},"zz":'))
        self.exchange.hub.send(conn, data)

    def _admitted(self, venue_ns: int) -> None:
        """Refuse every request while the venue is busy."""
        status, until_ns, free_ns = self.busy
        if status and self.now_ns < until_ns:
            self.happened["banned" if status == 418 else "busy"] += 1
            until_ms = (venue_ns + free_ns) // MS
            raise Refusal(status, -1003, "Too much request weight used.", {"serverTime": venue_ns // MS, "retryAfter": until_ms})
        self._admit(venue_ns)

    def _placed_once(self, account: Any, wish: Any, venue_ns: int) -> Any:
        """Take an order, and notice one that was sent again."""
        if wish.client_id in self.client_ids:
            self.wrong(f"order {wish.client_id} was sent twice")
        self.client_ids.add(wish.client_id)
        return self._place(account, wish, venue_ns)

    def wrong(self, what: str) -> None:
        """Remember what was found where nothing can be raised: inside of C, or of the exchange."""
        self.wrongs.append(what)

    # -- time ------------------------------------------------------------------------------------------------------------------

    def step(self, limit_ns: int) -> None:
        """Go to the next moment at which something is due, at most to `limit_ns`."""
        exchange, net = self.exchange, self.net
        due = net.next_ns()
        venue_due = self._venue_due_ns()
        if venue_due < due:
            due = venue_due
        for strategy in self.strategies:
            at = strategy.due_ns()
            if at < due:
                due = at
        now = self.now_ns = max(min(due, limit_ns), self.now_ns + LEAST_NS)
        venue_ns = EPOCH_NS + now + self.venue_skew_ns
        touched = False
        if venue_due <= now:
            exchange.advance(venue_ns)
            touched = True
        if net.carry(now, venue_ns, touched) or touched:
            self._deadline = -1
            self.changes += 1
            if self._placed != (placed := (exchange.desk.placed, exchange.desk.fill_count)):
                self._placed = placed
                self.risk.watch()
        for strategy in self.strategies:
            if strategy.due_ns() <= now:
                self._step_one(strategy)
        if self.wrongs:
            raise Wrong("; ".join(self.wrongs))

    def _venue_due_ns(self) -> int:
        """Return when the venue has something to do: nothing while it is down."""
        if self._deadline < 0:
            self._deadline = self.exchange.next_deadline() or NEVER
        at = self._deadline - EPOCH_NS - self.venue_skew_ns
        return at if at > self.net.down_ns else self.net.down_ns

    def _step_one(self, strategy: Strategy) -> None:
        if strategy.born_ns:
            strategy.born_ns = 0
            self.run_in(None, strategy.begin, self.now_ns)
        else:
            self.run_in(strategy.life, strategy.life.step, self.now_ns)

    def run_in(self, life: Life | None, what: Any, *args: Any) -> None:
        """Run something of a life, and bury it if it dies of that."""
        Strikes.now, self.running = self, life
        try:
            what(*args)
        except Died:
            dead = self.running
            assert dead is not None
            self.running = None
            dead.strategy.bury(self.now_ns)
        finally:
            self.running = Strikes.now = None

    def until(self, cond: Any, limit_ns: int, what: str) -> None:
        """Step until `cond` holds; raise `Wrong` when it does not within `limit_ns` of virtual time."""
        end = self.now_ns + limit_ns
        while not cond():
            if self.now_ns >= end:
                raise Wrong(f"not within {limit_ns / 1e9:g} s: {what}")
            self.step(end)

    # -- the run -----------------------------------------------------------------------------------------------------------------

    def run(self) -> FaultWorld:
        """Live through the plan; raise `Wrong` with the seed at the first thing that is not so."""
        try:
            self._live()
            compare(self)
        except Wrong as wrong:
            raise Wrong(f"{wrong}\n{self.state()}") from None
        finally:
            lib.aats_steps_arm(0, 0, ffi.NULL, ffi.NULL)
            for strategy in self.strategies:
                for life in strategy.lives:
                    life.free()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self

    def _live(self) -> None:
        for strategy in self.strategies:
            self.run_in(None, strategy.begin, self.now_ns)
        start, faults = self.now_ns, list(self.plan.faults)
        while self.now_ns < start + ACTIVE_NS:
            while faults and faults[0].at_ns <= self.now_ns - start:
                self.strike(faults.pop(0))
            self.step(min(start + (faults[0].at_ns if faults else ACTIVE_NS), start + ACTIVE_NS))
        while (few := sum(self.happened.values()) < LEAST_FAULTS) or self.orders_sent() < LEAST_ORDERS:
            if self.now_ns > start + 10 * ACTIVE_NS:
                raise Wrong(f"only {dict(self.happened)} happened, {self.orders_sent()} orders were sent")
            if few:
                self.strike(self.plan.fault(self.rng, self.now_ns - start))
            else:
                self._trading()
            end = self.now_ns + 3 * SECOND // 2
            while self.now_ns < end:
                self.step(end)
        self._calm()
        self.until(lambda: all(s.runs() for s in self.strategies), 400 * SECOND, "ready again")
        self.until(self._settled, 400 * SECOND, "every order closed")
        for strategy in self.strategies:
            lib.aats_trader_verify(strategy.life.trader)
        self.until(lambda: all(lib.aats_trader_verified(s.life.trader) for s in self.strategies), 300 * SECOND, "verified")
        for strategy in self.strategies:
            lib.aats_trader_leave(strategy.life.trader)
        self.until(lambda: all(lib.aats_trader_left(s.life.trader) for s in self.strategies), 60 * SECOND, "left")
        while self.now_ns < start + WHOLE_NS:
            self.step(start + WHOLE_NS)

    def _calm(self) -> None:
        """No more faults; those that still lie in wait are taken back."""
        lib.aats_steps_arm(0, 0, ffi.NULL, ffi.NULL)
        self.armed, self.calm = None, True
        self.births.clear()
        self.net.spells.clear()
        self.net.refuse, self.net.http, self._garble, self.no_data_ns = 0, b"", 0, 0
        self.busy = (0, 0, 0)
        self.exchange.faults.next_orders.clear()
        self._trading()
        for strategy in self.strategies:
            strategy.life.quiet = True

    def _trading(self) -> None:
        for name in self.names:
            self.exchange.desk.filters(name).status = "TRADING"

    def _settled(self) -> bool:
        for strategy in self.strategies:
            life = strategy.life
            if life.open_cnt() and not life.closing:
                self.run_in(life, life.leave)
        return all(s.life.open_cnt() == 0 and not lib.aats_trader_has_event(s.life.trader) for s in self.strategies)

    def orders_sent(self) -> int:
        """Return how many orders the exchange has taken."""
        return int(self.exchange.desk.placed)

    def counts(self) -> Counter[str]:
        """Return what happened to orders, and the virtual time in ns."""
        found: Counter[str] = Counter(virtual_ns=self.now_ns, faults=sum(self.happened.values()))
        for strategy in self.strategies:
            found["restarts"] += len(strategy.lives) - 1
            for life in strategy.lives:
                found.update(life.totals())
            found.update({f"crash_{name}": n for name, n in strategy.crashes.items()})
        found.update({f"fault_{kind}": n for kind, n in self.happened.items()})
        return found

    def state(self) -> str:
        """Return all that somebody needs who looks at a failed run."""
        lives = [s.life.state() if s.lives and s.life.trader is not None else f"{s.name} has no process" for s in self.strategies]
        return "\n".join(
            [
                f"seed {self.seed}, at {self.now_ns / 1e9:.3f} s; again: python -m tools.faults --one {self.seed} -v",
                f"{self.plan}",
                f"happened: {dict(self.happened)}; crashes {[dict(s.crashes) for s in self.strategies]}",
                *lives,
                "last events:",
                *self.last,
            ]
        )
