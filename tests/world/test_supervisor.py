"""The supervisor in virtual time: its step function and real order sessions at the simulated exchange, over wires that delay, lose and end.

For: how soon the orders of a dead or hung process are gone, and that nothing of them comes back.  Not for real processes (tests/live/test_supervisor.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from aats._ffi import ffi, lib, text
from aats.errors import ConfigError
from aats.layout import OrderSide, OrderTif
from aats.sim import Generator
from aats.supervisor import Supervisor
from aats.supervisor_clear import Clearance, Remains
from aats.supervisor_job import Job
from tests.seats import MS, SUPERVISOR, Seats
from tests.world.net import Net
from tests.world.options import EPOCH_NS, SECOND
from tests.world.order_world import OrderPlan, make_exchange, rules_of
from tests.world.pipes import END, Wire
from tests.world.trader import Trader
from tests.world.world import Switch

ORDERS = 20
ACCOUNT = "binance-0badcafe"
STEP_NS = 5 * MS


class Line(Trader):
    """The bytes of a supervisor's session: a trader's wire, and nothing of its strategy."""

    def __init__(self, session: Any, rng: random.Random, connect: Callable[[Trader], Wire]) -> None:
        self.session, self.rng, self.connect = session, rng, connect
        self.wire, self.now_ns, self.notices = None, 0, []
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")

    def carry(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._pump()


class Cleared(Clearance):
    """A clearing with a wire instead of a socket."""

    line: Line

    def step(self, now_ns: int, mono_ns: int) -> int:
        self.line.carry(mono_ns)
        work = super().step(now_ns, mono_ns)
        if self.session is not None:
            self.line.carry(mono_ns)
        return work

    def close(self) -> None:
        wire = self.line.wire
        if wire is not None:
            wire.mute = True
            wire.to_server.append((self.line.now_ns, END))
        super().close()


@dataclass
class Maker:
    """A trade process of the world: its trader, its seat, whether it lives."""

    trader: Trader
    owner: int
    seat: int
    alive: bool = True

    @property
    def instance(self) -> int:
        return self.trader.instance


@dataclass
class World:
    """An exchange, makers with open orders, supervisors over one risk segment."""

    seed: int
    key_good: bool = True
    makers: list[Maker] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    dead: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(f"supervisor {self.seed}")
        self.market = Generator(self.seed, ("BTCUSDT:5",), depth=40)
        self.exchange = make_exchange(self.market, Switch({}), [("key", "secret")], OrderPlan())
        self.net = Net(self.exchange, self.rng, (1, 30))
        self.seats = Seats()
        self.sym = self.seats.symbol()
        self.now_ns = SECOND
        self.supervisors = [Supervisor(self.seats.view, SUPERVISOR, self)]

    # -- makers ----------------------------------------------------------------------------------------------------------

    def maker(self, orders: int = ORDERS, name: str = "maker", **seat: Any) -> Maker:
        """Start a trade process and let it have so many open orders."""
        rules = {native: rules_of(symbol) for native, symbol in self.market.symbols.items()}
        trader = Trader(self.market, rules, random.Random(f"{name} {self.seed}"), "key", "secret", lambda _: self.net.connect(self.now_ns))
        trader.quiet = True
        owner = int(lib.aats_ident(5000 + len(self.makers), 1))
        at = self.seats.take(owner, name, account=ACCOUNT, instance=trader.instance, **seat)
        assert at >= 0
        maker = Maker(trader, owner, at)
        self.makers.append(maker)
        self.until(trader.ready, 30)
        for number in range(orders):
            px = self.market.snapshot("BTCUSDT", 5).bids[-1][0]
            trader.send(0, OrderSide.BUY, OrderTif.GTC, str(float(px) - 1000 - number), "0.001")
        self.until(lambda: len(self.open_of(maker)) == orders, 10)
        self.seats.cell(at, self.sym, buy_i=orders * 10**5, open_cnt=orders)
        return maker

    def kill(self, maker: Maker) -> None:
        """SIGKILL: what is in its socket goes out, then the end."""
        maker.alive = False
        wire = maker.trader.wire
        if wire is not None:
            last = wire.to_server[-1][0] if wire.to_server else 0
            wire.mute = True
            wire.to_server.append((max(last, self.now_ns + MS), END))

    def replace_supervisor(self) -> None:
        """SIGKILL for the supervisor, and another one a second later."""
        self.dead.add(SUPERVISOR)
        self.supervisors.pop().close()  # closes its wires as the kernel would
        self.run(1)
        self.supervisors.append(Supervisor(self.seats.view, int(lib.aats_ident(78, 9)), self))

    def open_of(self, maker: Maker) -> list[str]:
        """Client ids of what the exchange has open of it."""
        account = next(key.account for key in self.exchange.keyring.names() if key.name == "key")
        prefix = f"{maker.instance:016x}"
        return [order.client_id for order in account.open.values() if order.client_id.startswith(prefix)]

    # -- time ------------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        self.now_ns += STEP_NS
        self.exchange.advance(EPOCH_NS + self.now_ns)
        self.net.carry(self.now_ns)
        for maker in self.makers:
            if maker.alive and not maker.trader.stopped:
                maker.trader.step(self.now_ns)
                self.seats.beat(maker.seat, self.now_ns)
        for supervisor in self.supervisors:
            supervisor.step(EPOCH_NS + self.now_ns, self.now_ns)
        self.net.carry(self.now_ns)

    def until(self, cond: Callable[[], Any], within_s: float) -> float:
        """Step until `cond`; return how long it took."""
        begin = self.now_ns
        while not cond():
            assert self.now_ns < begin + within_s * SECOND, (within_s, self.said, [one.detail for one in self.supervisors])
            self.step()
        return (self.now_ns - begin) / SECOND

    def run(self, seconds: float) -> None:
        end = self.now_ns + int(seconds * SECOND)
        while self.now_ns < end:
            self.step()

    # -- what supervisors see ----------------------------------------------------------------------------------------------

    def alive(self, owner: int) -> bool:
        bare = int(lib.aats_ident_bare(owner))
        return bare not in self.dead and not any(maker.owner == bare and not maker.alive for maker in self.makers)

    def runs(self, owner: int) -> bool:
        return True

    def lives(self, instance: int) -> bool:
        return any(maker.instance == instance and maker.alive for maker in self.makers)

    def lacks(self, job: Job) -> str:
        return ""

    def say(self, level: int, line: str) -> None:
        self.said.append(line)

    def clear(self, job: Job) -> Clearance:
        opts = ffi.new("aats_session_opts_t *")
        lib.aats_session_defaults(opts)
        opts.venue, opts.host = b"BINANCE", b"world.example"
        opts.seed = self.rng.getrandbits(63) | 1
        why = ffi.new("char[]", 512)
        secret = b"secret" if self.key_good else b"another"
        session = lib.aats_session_new(opts, b"key", secret, ffi.new("uint64_t[]", [job.instance]), 1, why, 512)
        if session == ffi.NULL:
            raise ConfigError(text(why))
        one = Cleared(job, "BINANCE", session, ["BTCUSDT.BINANCE"], Remains([job.instance]), say=self.say)
        one.line = Line(session, self.rng, lambda _: self.net.connect(self.now_ns))
        return one


@pytest.mark.parametrize("seed", range(5))
def test_the_orders_of_a_killed_process_are_gone_within_two_seconds(seed: int) -> None:
    world = World(seed)
    maker = world.maker()
    world.kill(maker)
    took = world.until(lambda: not world.open_of(maker), 2)
    world.until(lambda: world.seats.state(maker.seat) == lib.AATS_SEAT_FREE, 2)
    print(f"seed {seed}: {ORDERS} orders gone {took:.3f} s after SIGKILL")


@pytest.mark.parametrize("seed", range(5))
def test_the_orders_of_a_stopped_process_are_gone_within_two_seconds(seed: int) -> None:
    world = World(seed)
    maker = world.maker(hang_ms=1000)
    maker.trader.stopped = True
    took = world.until(lambda: not world.open_of(maker), 2)
    assert took >= 0.9, "not before it counts as hung"
    print(f"seed {seed}: {ORDERS} orders gone {took:.3f} s after SIGSTOP (hang_ms 1000)")
    world.run(10)
    assert world.seats.state(maker.seat) == lib.AATS_SEAT_CLEARING, "it may wake"
    world.kill(maker)
    world.until(lambda: world.seats.state(maker.seat) == lib.AATS_SEAT_FREE, 20)


def test_nothing_is_canceled_while_the_process_lives_and_beats() -> None:
    world = World(1)
    maker = world.maker(hang_ms=1000)
    world.run(5)
    assert len(world.open_of(maker)) == ORDERS and not world.said


def test_inside_the_grace_nothing_is_canceled_and_a_restart_takes_the_orders_over() -> None:
    world = World(2)
    maker = world.maker(grace_ms=2000)
    world.kill(maker)
    world.run(1.8)
    assert len(world.open_of(maker)) == ORDERS
    again = int(lib.aats_ident(6000, 1))
    assert world.seats.take(again, "maker", account=ACCOUNT, instance=99, dead=world.seats.owner(maker.seat)) == maker.seat
    world.run(5)
    assert len(world.open_of(maker)) == ORDERS and not world.said


@pytest.mark.parametrize("again", [False, True], ids=["same", "next"])
def test_an_order_that_a_woken_process_still_sends_is_canceled_too(again: bool) -> None:
    """By the supervisor that has fenced it, or by the next one, if that one was killed while the process slept."""
    world = World(3)
    maker = world.maker(hang_ms=1000)
    maker.trader.stopped = True
    world.until(lambda: not world.open_of(maker), 2)
    if again:
        world.replace_supervisor()
    world.run(1.5)
    maker.trader.stopped = False  # it wakes behind its check of the seat, in the middle of an order
    px = world.market.snapshot("BTCUSDT", 5).bids[-1][0]
    maker.trader.now_ns = world.now_ns
    maker.trader._pump()
    maker.trader.send(0, OrderSide.BUY, OrderTif.GTC, str(float(px) - 5000), "0.001")
    world.until(lambda: world.open_of(maker), 5)
    world.seats.view.seats[maker.seat].fenced = maker.instance
    took = world.until(lambda: not world.open_of(maker), 9)
    world.until(lambda: world.seats.state(maker.seat) == lib.AATS_SEAT_FREE, 20)
    print(f"gone {took:.3f} s after it came")


def test_while_the_venue_is_down_it_goes_on_trying() -> None:
    world = World(4)
    maker = world.maker()
    world.net.refuse = 8
    world.kill(maker)
    world.run(3)
    assert len(world.open_of(maker)) == ORDERS and "refused" in world.supervisors[0].detail
    world.until(lambda: not world.open_of(maker), 90)
    world.until(lambda: world.seats.state(maker.seat) == lib.AATS_SEAT_FREE, 5)


def test_a_wrong_secret_is_said_and_tried_again() -> None:
    world = World(5, key_good=False)
    maker = world.maker()
    world.kill(maker)
    world.run(10)
    assert len(world.open_of(maker)) == ORDERS
    assert "signature" in world.supervisors[0].detail.lower(), world.supervisors[0].detail
    assert world.seats.state(maker.seat) == lib.AATS_SEAT_CLEARING


def test_several_that_die_at_once_are_cleared_at_once() -> None:
    world = World(6)
    makers = [world.maker(6, f"maker{number}") for number in range(3)]
    for maker in makers:
        world.kill(maker)
    took = world.until(lambda: not any(world.open_of(maker) for maker in makers), 2)
    world.until(lambda: all(world.seats.state(maker.seat) == lib.AATS_SEAT_FREE for maker in makers), 2)
    print(f"3 times 6 orders gone after {took:.3f} s")


@pytest.mark.parametrize("seed", range(10))
def test_a_supervisor_that_is_killed_in_the_middle_is_followed_by_one_that_goes_on(seed: int) -> None:
    world = World(seed)
    maker = world.maker()
    world.kill(maker)
    world.run(world.rng.uniform(0.0, 0.6))
    world.replace_supervisor()
    world.until(lambda: not world.open_of(maker), 3)
    world.until(lambda: world.seats.state(maker.seat) == lib.AATS_SEAT_FREE, 3)
