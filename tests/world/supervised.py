"""A fault run with a supervisor in it: between a strategy's death and its next life somebody else has its orders, sometimes in the middle of a fault.

For: ``tests/world/test_supervisor_lives.py``.  The run, its faults and its judge are those of ``fault_world.py``; what is held to account here besides is what
the supervisor leaves in the seat's cells: nothing reserved, and the position that the exchange's own books show.
"""

from __future__ import annotations

import random
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import ConfigError
from aats.supervisor import Supervisor
from aats.supervisor_clear import Clearance, remains
from aats.supervisor_job import Job
from tests.world.fault_lives import Life, Strategy
from tests.world.fault_plan import FaultPlan
from tests.world.fault_strikes import Strikes
from tests.world.fault_world import FaultWorld
from tests.world.judge import Wrong
from tests.world.options import EPOCH_NS, SECOND

MS = 1_000_000
FIRST = 900  # pid of the first supervisor; each next one has the next
PASS_NS = 20 * MS


class Wires(Life):
    """The bytes of a supervisor's session: a life's wire, and nothing of its strategy."""

    def __init__(self, strategy: Strategy, session: Any, rng: random.Random) -> None:
        self.strategy, self.world, self.session, self.rng = strategy, strategy.world, session, rng
        self.wire, self.now_ns, self.notices, self.dead = None, 0, [], False
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")

    def carry(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._pump()

    def cut(self) -> None:
        """Its process is gone."""
        self.dead = True
        if self.wire is not None:
            self.wire.mute = True
            self.wire.end_server(self.world.now_ns)


class Cleared(Clearance):
    """A clearing over such wires."""

    wires: Wires

    def step(self, now_ns: int, mono_ns: int) -> int:
        self.wires.carry(mono_ns)
        work = super().step(now_ns, mono_ns)
        if self.session is not None:
            self.wires.carry(mono_ns)
        return work

    def close(self) -> None:
        self.wires.cut()
        super().close()


class SupervisedWorld(FaultWorld):
    """One run.

    Attributes
    ----------
    cleared : int
        Seats that a supervisor has cleared.
    killed : int
        Supervisors that were killed while they did.
    fenced : int
        Processes that hung, woke, and found their seat lost.
    """

    def __init__(self, seed: int, plan: FaultPlan | None = None) -> None:
        super().__init__(seed, plan)
        self.supervisor_dice = random.Random(f"supervised {seed}")
        self.cleared = self.killed = self.fenced = 0
        self._supervisor_pid = FIRST
        self._in_our_hands: dict[int, Strategy] = {}  # seats in our hands
        self._sit_down, self.risk.sit = self.risk.sit, self._seated  # type: ignore[method-assign]
        self.supervisor = self._supervisor()

    def _supervisor(self) -> Supervisor:
        return Supervisor(self.risk.view, int(lib.aats_ident(self._supervisor_pid, 1)), self)

    def _seated(self, life: Life) -> Any:
        gate = self._sit_down(life)
        seat = self.risk.view.seats[life.seat]
        seat.grace_ms = self.supervisor_dice.choice((0, 0, 300, 2000))
        seat.hang_ms = 1000
        return gate

    # -- time --------------------------------------------------------------------------------------------------------------

    def step(self, limit_ns: int) -> None:
        idle = not self._in_our_hands and all(
            strategy.born_ns == 0 and not strategy.life.wake_ns for strategy in self.strategies if strategy.lives
        )
        super().step(limit_ns if idle else min(limit_ns, self.now_ns + PASS_NS))
        Strikes.now, self.running = self, None  # an armed step that C reaches here is nobody's who dies
        try:
            self.supervisor.step(EPOCH_NS + self.now_ns + self.skew_ns, self.now_ns)
        finally:
            Strikes.now = None
        self._look_at_seats()
        if self._in_our_hands and self.supervisor_dice.random() < 0.002:
            self._kill_supervisor()

    def _step_one(self, strategy: Strategy) -> None:
        at = strategy.lives[-1].seat if strategy.lives else -1
        if strategy.born_ns and at >= 0 and self._seat_state(at) == lib.AATS_SEAT_CLEARING:
            strategy.born_ns = self.now_ns + PASS_NS  # a restart waits for whoever clears
            return
        super()._step_one(strategy)
        life = strategy.lives[-1]
        if not strategy.born_ns and life.trader is not None and lib.aats_trader_fenced(life.trader):
            self._end_fenced(strategy, life)

    def _end_fenced(self, strategy: Strategy, life: Life) -> None:
        """A process that wakes and finds its seat lost says so and ends, as a trade process does."""
        self.risk.view.seats[life.seat].fenced = life.instance
        self.fenced += 1
        life.die(int(lib.AATS_STEP_NONE))
        strategy.bury(self.now_ns)

    def _seat_state(self, at: int) -> int:
        return int(lib.aats_ident_state(self.risk.view.seats[at].owner))

    def _kill_supervisor(self) -> None:
        """SIGKILL for the supervisor; the next one comes soon."""
        for task in self.supervisor._tasks.values():
            if task.clearing is not None:
                task.clearing.wires.cut()  # type: ignore[attr-defined]
        self.supervisor.close()
        self.killed += 1
        self._supervisor_pid += 1
        self.supervisor = self._supervisor()

    def _look_at_seats(self) -> None:
        """Look at what the supervisor leaves behind."""
        for strategy in self.strategies:
            at = strategy.lives[-1].seat if strategy.lives else -1
            if at < 0:
                continue
            if self._seat_state(at) == lib.AATS_SEAT_CLEARING:
                self._in_our_hands[at] = strategy
            elif self._in_our_hands.pop(at, None) is not None:
                self.cleared += 1
                self._check_cells(strategy, at)

    def _check_cells(self, strategy: Strategy, at: int) -> None:
        for order in [order for account in self.accounts for order in account.open.values()]:
            if int(order.client_id[:16], 16) in strategy.instances:
                raise Wrong(f"order {order.client_id} of {strategy.name} is open, and its seat was given away as clear")
        cell = ffi.new("aats_rcell_t *")
        for index in range(int(self.risk.view.risk.sym_cnt)):
            name = text(self.risk.view.syms[index].symbol).partition(".")[0]
            lib.aats_cell_read(self.risk.view, at, index, cell)
            size = self._size_of(strategy, name)
            if (cell.buy_i, cell.sell_i, cell.open_cnt) != (0, 0, 0) or cell.pos_i != size:
                raise Wrong(
                    f"{strategy.name}: its cleared cell of {name} has {cell.buy_i}, {cell.sell_i} in {cell.open_cnt} orders and a position of "
                    f"{cell.pos_i}; the exchange has {size}"
                )

    def _size_of(self, strategy: Strategy, name: str) -> int:
        """Return what a strategy holds of a symbol by the exchange's books, at 1e-8."""
        base, size = self.market.symbols[name].base, 0
        for account in self.accounts:
            for order in account.orders.values():
                if order.symbol == name and int(order.client_id[:16], 16) in strategy.instances:
                    for fill in order.fills:
                        size += (fill.qty if order.buys else -fill.qty) * 10**8 - (fill.fee * 10**8 if fill.fee_asset == base else 0)
        return size // 10**8

    # -- what a supervisor sees --------------------------------------------------------------------------------------------

    def _life_of(self, owner: int) -> Life | None:
        pid, number = int(lib.aats_ident_pid(owner)) - 1000, int(lib.aats_ident_start_ticks(owner)) - 1
        return self.strategies[pid].lives[number] if 0 <= pid < len(self.strategies) else None

    def alive(self, owner: int) -> bool:
        life = self._life_of(owner)
        return not life.dead if life is not None else int(lib.aats_ident_pid(owner)) == self._supervisor_pid

    def runs(self, owner: int) -> bool:
        return True

    def lives(self, instance: int) -> bool:
        return any(life.instance == instance and not life.dead for strategy in self.strategies for life in strategy.lives)

    def lacks(self, job: Job) -> str:
        return ""

    def clear(self, job: Job) -> Clearance:
        strategy = next(one for one in self.strategies if one.name == job.name)
        left = remains(strategy.folder, job.instance)
        opts = ffi.new("aats_session_opts_t *")
        lib.aats_session_defaults(opts)
        opts.venue, opts.host, opts.seed = b"BINANCE", b"world.example", self.supervisor_dice.getrandbits(63) | 1
        opts.backoff_min_ns, opts.backoff_max_ns = SECOND // 5, 3 * SECOND
        why = ffi.new("char[]", 512)
        earlier = left.instances
        session = lib.aats_session_new(
            opts, strategy.key.encode(), strategy.secret.encode(), ffi.new("uint64_t[]", earlier), len(earlier), why, len(why)
        )
        if session == ffi.NULL:
            raise ConfigError(text(why))
        if self.plan.budgets and self.risk.share(session, strategy.key) < 0:
            raise Wrong("the budgets cannot be shared")
        one = Cleared(job, "BINANCE", session, job.symbols, left, say=self._supervisor_says)
        one.wires = Wires(strategy, session, self.supervisor_dice)
        return one

    def _supervisor_says(self, level: int, line: str) -> None:
        super().say(f"supervisor {self._supervisor_pid}: {line}")

    def say(self, level: Any, line: str = "") -> None:  # type: ignore[override]
        """Take a line of the world's (one word) or of a supervisor's (a level first)."""
        super().say(line or str(level))
