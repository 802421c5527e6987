"""A strategy of a fault run through all its lives: one trader after the other, each with its session and its journal file, dying at any step.

A death is what kill -9 is.  At the armed step the outside is frozen as it stands there: the journal's files are copied, the own seat and cells of the
risk segment are copied, the wire takes nothing more (what it was given before still arrives).  C then returns from where it was, because it can do
nothing else; whatever it did after the step is undone from the copies, and the trader is thrown away.  The next life starts from the files alone.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from aats import journal, trade_restart
from aats._ffi import ffi, lib, text
from aats.journal.runs import start_after
from aats.trade_restart import Earlier
from tests.world.fault_mind import Mind, check
from tests.world.fault_net import Link
from tests.world.judge import Wrong
from tests.world.options import SECOND
from tests.world.pipes import END

if TYPE_CHECKING:
    from tests.world.fault_risk import RiskSegment
    from tests.world.fault_world import FaultWorld

MS = 1_000_000
WAIT_NS = 30 * SECOND  # so long a start waits for the orders of earlier lives to end
IDLE_NS = 200 * MS
#: Steps at which bytes that were made before are in the socket, as far as it took them.
WRITTEN = (lib.AATS_STEP_WRITTEN, lib.AATS_STEP_SENT, lib.AATS_STEP_CANCEL_WRITTEN)
#: A step of ours: the first checkpoint has what earlier lives left, and their files do not say yet that they are over.
TAKEN_OVER = lib.AATS_STEP_CNT
STEP_NAMES = {step: text(lib.aats_step_name(step)) for step in range(lib.AATS_STEP_CNT)} | {TAKEN_OVER: "taken_over"}


class Strategy:
    """What outlives a process: name, account, journals, seat."""

    def __init__(self, world: FaultWorld, number: int, key: str, secret: str, folder: Path) -> None:
        self.world, self.number, self.key, self.secret, self.folder = world, number, key, secret, folder
        self.name = f"strategy{number}"
        self.adopts = world.plan.adopts[number]
        self.rng = random.Random(f"strategy {world.seed} {number}")
        self.lives: list[Life] = []
        self.crashes: Counter[str] = Counter()
        self.born_ns = 0  # when the next life begins, while there is none
        folder.mkdir()

    @property
    def life(self) -> Life:
        """The newest life."""
        return self.lives[-1]

    @property
    def instances(self) -> set[int]:
        return {life.instance for life in self.lives}

    def due_ns(self) -> int:
        """Return when something is to be done: a pass, or a birth."""
        return self.born_ns or self.lives[-1].due_ns()

    def runs(self) -> bool:
        """Return whether its process lives, and its strategy is called and can send orders."""
        return self.born_ns == 0 and self.life.begun and self.life.ready() and not self.life.wake_ns

    def begin(self, now_ns: int) -> None:
        """Start a process; it may die of that."""
        Life(self, now_ns)

    def bury(self, now_ns: int) -> None:
        """Undo what the dead life did after its last step, and plan the next one."""
        life = self.life
        life.free()
        life.frozen.restore(self.folder, self.world.risk)
        self.crashes[STEP_NAMES[life.died_at]] += 1
        self.born_ns = now_ns + int(self.rng.choice((0.01, 0.3, 2, 5)) * self.rng.uniform(0.5, 1.5) * SECOND)


class Frozen:
    """What the outside has seen of a life when it died."""

    def __init__(self, life: Life) -> None:
        folder = life.strategy.folder
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        risk = life.world.risk
        self.stake = risk.stake_of(life.seat)
        self.seat = life.seat

    def restore(self, folder: Path, risk: RiskSegment) -> None:
        """Put everything back as it was."""
        risk.put_stake(self.seat, self.stake)
        for path in list(folder.iterdir()):
            if path.name not in self.files:
                path.unlink()
        for name, data in self.files.items():
            (folder / name).write_bytes(data)


class Life(Mind):
    """One process of a strategy: trader, session, journal, seat, and the strategy's own mind."""

    seat: int
    journal: Any  # aats_journal_t *
    wire: Link | None  # type: ignore[assignment]

    def __init__(self, strategy: Strategy, now_ns: int) -> None:
        world = strategy.world
        self.strategy, self.world = strategy, world
        self.key, self.rng, self.names = strategy.key, strategy.rng, world.names
        self.number = len(strategy.lives)
        self.now_ns = now_ns
        self.wire = None
        self.remember_nothing()
        self.quiet = world.calm
        self.acts_at = self.born_ns = self._due_ns = now_ns
        self._pause_ns = 2 * MS  # between two passes of a session that wants one at once; grows while nothing comes of them
        self.wake_ns = 0  # it hangs until then
        self.dead, self.died_at = False, 0
        self.frozen: Any = None
        self.gate: Any = None  # aats_gate_t *
        self.seat = -1
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")
        self.trader = self.session = self.journal = None
        strategy.lives.append(self)
        world.running = self
        self._make()

    # -- the start -------------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        world, strategy = self.world, self.strategy
        why = ffi.new("char[]", 512)
        self.instance = self.rng.getrandbits(64) | 1
        path = strategy.folder / f"{self.instance:016x}.aj"
        line = f"{strategy.name} {strategy.key}".encode()
        begin_ns = start_after(strategy.folder, self.epoch_ns)
        self.journal = lib.aats_journal_open(str(path).encode(), self.instance, line, 0, begin_ns, why, len(why))
        if self.journal == ffi.NULL:
            raise Wrong(text(why))
        if world.plan.journal_bytes:
            lib.aats_journal_limit(self.journal, world.plan.journal_bytes)
        opts = ffi.new("aats_session_opts_t *")
        lib.aats_session_defaults(opts)
        opts.venue, opts.host = b"BINANCE", b"world.example"
        opts.seed = self.rng.getrandbits(63) | 1
        opts.backoff_min_ns, opts.backoff_max_ns = SECOND // 5, 3 * SECOND
        self.gate = world.risk.sit(self)
        self.left_behind = Earlier(strategy.name, [strategy.folder], {self.instance})
        earlier = self.left_behind.instances
        session = lib.aats_session_new(
            opts, strategy.key.encode(), strategy.secret.encode(), ffi.new("uint64_t[]", earlier), len(earlier), why, len(why)
        )
        if session == ffi.NULL:
            raise Wrong(text(why))
        self.session = session
        topts = ffi.new("aats_trader_opts_t *")
        topts.instance = self.instance
        topts.orders_max, topts.mode = 64, lib.AATS_MODE_SIM
        topts.queue, topts.queue_ns = world.plan.hold_ns > 0, world.plan.hold_ns
        self.trader = lib.aats_trader_new(topts, ffi.NULL, 0, self.journal, why, len(why))
        if self.trader == ffi.NULL:
            raise Wrong(text(why))
        lib.aats_trader_risk(self.trader, self.gate)
        if world.plan.budgets:
            check(world.risk.share(session, strategy.key), "the budgets cannot be shared")
        lib.aats_session_own(session, self.instance)
        gateway = lib.aats_trader_session(self.trader, b"BINANCE", session)
        for at, native in enumerate(self.names):
            assert lib.aats_session_symbol(session, world.rules[native]) == 0
            assert lib.aats_trader_add_symbol(self.trader, world.rules[native], gateway) == at
        self._take_over()

    def _take_over(self) -> None:
        """Go on with what earlier lives left, as a trade process does (aats/trade_orders.py)."""
        left = sum(len(run.left) for run in self.left_behind.runs)
        with mock.patch.object(trade_restart, "take_id", self._take_id):  # of this process, not of the one that plays all of them
            taken = len(self.left_behind.take(self.trader, {f"{name}.BINANCE": sym for sym, name in enumerate(self.names)}, self.epoch_ns))
        self._alive()
        self.world.at_step(self, TAKEN_OVER)
        self._alive()
        if taken != left:
            raise Wrong(f"{self.strategy.name}.{self.number} has taken over {taken} of {left} orders that earlier lives left")
        self.left_behind.settle(())
        if not self.strategy.adopts:
            lib.aats_trader_cancel_all(self.trader, self.epoch_ns, self.now_ns)
            self._alive()

    def _take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def _begin(self) -> bool:
        """Return whether the strategy runs: it begins when the session is ready, and with `on_restart` cancel when nothing is open any more."""
        if not self.begun and self.ready() and (self.strategy.adopts or self.open_cnt() == 0 or self.now_ns - self.born_ns > WAIT_NS):
            self.left_behind.settle({f"{name}.BINANCE" for name in self.names})
            self.begun = True
        return self.begun

    def free(self) -> None:
        """Give everything back; what this writes is undone for one that was killed."""
        if self.trader is not None:
            lib.aats_trader_free(self.trader)  # and the session with it
        if self.journal is not None:
            lib.aats_journal_close(self.journal)
        if self.gate is not None:
            lib.aats_gate_free(self.gate)
        self.trader = self.session = self.journal = self.gate = None

    # -- death -----------------------------------------------------------------------------------------------------------

    def die(self, step: int) -> None:
        """Called inside C, at the armed step: from here on nobody outside sees anything of this life."""
        if step in WRITTEN:
            self._flush(all_of_it=self.rng.random() < 0.8)
        if step in (lib.AATS_STEP_ENCODED, lib.AATS_STEP_WRITTEN) and self.sending and not self._is_announced(self.sending):
            self.world.wrong(f"order {self.sending} of {self.strategy.name}.{self.number}: its bytes are made, and no journal announces it")
        self.dead, self.died_at = True, step
        self.frozen = Frozen(self)
        wire = self.wire
        if wire is not None:
            wire.mute = True
            if wire.to_server and self.rng.random() < 0.25:  # it had something to read: a reset overtakes what it had written
                wire.to_server.pop()
            wire.end_server(self.now_ns)

    def _is_announced(self, order_id: int) -> bool:
        parts = journal.files_of(self.strategy.folder)[self.instance]
        return any(record.kind == lib.AATS_JR_INTENT and record.order_id == order_id for path in parts for record in journal.read(path))

    # -- bytes -----------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        s = self.session
        while lib.aats_mailbox_get(lib.aats_session_out(s), self._mail) == 1:
            mail = self._mail[0]
            if mail.kind == lib.AATS_MAIL_NOTICE:
                self.notices.append(f"{self.now_ns / 1e9:.3f} " + bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace"))
            lib.aats_mail_free(mail)
        want = lib.aats_session_want(s, 0)
        wire = self.wire
        if wire is None:
            if want == lib.AATS_FEED_CONNECT:
                lib.aats_session_connecting(s, 0)
                wire = self.wire = self.world.connect(self)
            elif want == lib.AATS_FEED_CLOSE:
                lib.aats_session_closed(s, 0, b"closed")
            if wire is None:
                return
        if not wire.opened:
            if wire.up_ns < 0:
                if -wire.up_ns <= self.now_ns:
                    self._end(b"connection refused")
                return
            if wire.up_ns > self.now_ns:
                if want == lib.AATS_FEED_CLOSE:
                    self._end(b"gave up connecting")
                return
            wire.opened = True
            lib.aats_session_opened(s, 0)
        while (data := wire.due(wire.to_client, self.now_ns)) is not None:
            if data == END:
                self._end(b"connection reset by peer")
                return
            while data:
                room = lib.aats_session_room(s, 0, self._at)
                assert room > 0, "a connection without room can never read again"
                n = min(room, len(data))
                ffi.memmove(self._at[0], data, n)
                lib.aats_session_received(s, 0, n, self.epoch_ns)
                data = data[n:]
        self._flush()
        if lib.aats_session_want(s, 0) == lib.AATS_FEED_CLOSE:
            self._end(b"closed by us")

    def _flush(self, *, all_of_it: bool = True) -> None:
        wire = self.wire
        if wire is None or not wire.opened or self.dead:
            return
        n = lib.aats_session_output(self.session, 0, self._sent)
        if n:
            n = n if all_of_it else self.rng.randrange(1, n + 1)  # the socket took no more
            wire.send(self.now_ns, ffi.buffer(self._sent[0], n)[:])
            lib.aats_session_sent(self.session, 0, n)

    def _end(self, why: bytes) -> None:
        wire, self.wire = self.wire, None
        assert wire is not None
        wire.mute = True
        wire.end_server(self.now_ns)
        lib.aats_session_closed(self.session, 0, why)

    # -- a pass ----------------------------------------------------------------------------------------------------------

    def due_ns(self) -> int:
        """Return when the next pass is due."""
        if self.wake_ns:
            return self.wake_ns
        wire = self.wire
        if wire is not None and (arrives := wire.due_ns()) < self._due_ns:
            return arrives
        return self._due_ns

    def plan_ns(self) -> int:
        """Return when the next pass is due though nothing comes: at once where a session wants that, later and later while nothing comes of it."""
        due = max(int(lib.aats_trader_next_mono_ns(self.trader)), self.now_ns + self._pause_ns)
        return self.acts_at if self.begun and not self.quiet and self.acts_at < due else due

    def step(self, now_ns: int) -> None:
        """Make one pass; raise `Died` if it was the last."""
        self.now_ns = now_ns
        self.wake_ns = 0
        self._due_ns = now_ns + 2 * MS
        self._pump()
        worked = lib.aats_trader_step(self.trader, self.epoch_ns, now_ns)
        self._alive()
        self._pause_ns = 2 * MS if worked else min(2 * self._pause_ns, IDLE_NS)
        self.look()
        self._flush()
        if self._begin():
            self._work(now_ns)
        self._due_ns = self.plan_ns()

    def _work(self, now_ns: int) -> None:
        """Do what a strategy does in a pass: take its events, and act when it feels like it."""
        self.drain()
        if self.quiet or now_ns < self.acts_at:
            return
        if self.ready() or self.rng.random() < 0.2:
            self.acts_at = now_ns + int(self.rng.expovariate(1) * self.world.plan.gap_ns[self.strategy.number])
            for _ in range(self.rng.choice((1, 1, 1, 2))):
                self.act()
            self.drain()
        else:
            self.acts_at = now_ns + SECOND // 5
        self._pump()

    # -- leaving ---------------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        super().leave()
        self._alive()
        self._flush()
        self._due_ns = self.now_ns
