"""The supervisor: watches the seats of trade processes, and clears away the orders of those that are dead or hung.

For: the step function, pure of sockets and clocks.  Not for the process around it (``aats.supervisor_process``), nor for one seat's orders
(``aats.supervisor_clear``).  The seats are csrc/risk/seat.h's; docs/supervisor.md has the rules for users.

::

    LIVE, its process runs, its loop beats           nothing
    LIVE, process gone            -- grace_ms -->    claim: CLEARING        unless a restart of the name has been faster: one compare-and-swap, one wins
    LIVE, no beat for hang_ms     -- grace_ms -->    claim: CLEARING        the process finds its seat lost when it wakes, and sends nothing more
    CLEARING of a dead owner                         claim at once: its grace is over
    BOOT of a dead owner                             free
    CLEARING, ours                                   cancel, look again until the venue says that nothing is open; then PARKED, or FREE without a position

on_death keep: such a seat is left as it is, orders and reservations; the next run of the name, or `aats flatten`, sees to them.  So is one for whose account
there is no key: who has it can take the seat.  Paper orders end with their process: its seat is freed.

A stopped process may still have bytes to send when it is woken: an order that was being made when it lost its seat.  So its orders are looked at until it has
seen the fence, or is gone, and the venue's window for late requests has passed since.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import AatsError
from aats.layout import Mode
from aats.supervisor_job import Clearing, Job, Outside

__all__ = ["Supervisor", "WINDOW_NS"]

SECOND = 1_000_000_000
MS = 1_000_000
LOOK_NS = 20 * MS
#: So late may a venue still take a request: its window (recvWindow) and the margin of clocks.
WINDOW_NS = 6 * SECOND
#: Without RUN in its slot (it starts, or leaves) a process may be silent for at least so long: those ways have time-outs of their own.
SLOW_NS = 60 * SECOND
#: Of the time between two looks so much counts as silence, at most: a supervisor that was itself stopped has heard nobody.
HEARD_NS = 100 * MS
_HELD = (lib.AATS_SEAT_LIVE, lib.AATS_SEAT_CLEARING, lib.AATS_SEAT_BOOT)
_AGAIN_NS = (SECOND // 2, SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND)
_WATCH_NS = (SECOND, SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND)  # between looks at the orders of a process that is still there


@dataclass
class _Sight:
    """What was seen of a seat whose owner does not answer."""

    owner: int
    since_ns: int


@dataclass
class _Silence:
    """How long a process has not beaten, as far as we were there to hear it."""

    owner: int
    beat_ns: int
    ns: int = 0


@dataclass
class _Task:
    """A seat that is ours until it is clear."""

    job: Job
    clearing: Clearing | None = None
    tries: int = 0
    try_ns: int = 0  # the next attempt to begin, not before
    last: str = ""
    was_there: bool = False  # its process still ran, or was stopped, when the seat was claimed
    gone_ns: int = 0  # when its process was seen to be gone, or fenced
    looked_ns: int = 0  # when the venue was asked last
    looks: int = 0


class Supervisor:
    """The state of one supervisor.

    Parameters
    ----------
    view : cffi ``aats_risk_view_t *``
    me : int
        Identity of this process.
    outside : Outside
    """

    def __init__(self, view: Any, me: int, outside: Outside) -> None:
        self._view = view
        self._me = me
        self._outside = outside
        self._sights: dict[int, _Sight] = {}
        self._said: set[tuple[int, str]] = set()  # what was said of a seat by its owner word, so that it is said once
        self._lacking: dict[int, str] = {}  # seats that cannot be cleared, and why
        self._tasks: dict[int, _Task] = {}
        self._seat = ffi.new("aats_seat_t *")
        self._cell = ffi.new("aats_rcell_t *")
        self._look_ns = 0
        self._looked_ns = 0
        self._silent: dict[int, _Silence] = {}
        self.watched = 0  # living processes whose orders it would cancel
        self.cleared = 0

    # ------------------------------------------------------------------------------------------------------ the step

    def step(self, now_ns: int, mono_ns: int) -> int:
        """Make a pass; return the work done."""
        if mono_ns >= self._look_ns:
            self._look_ns = mono_ns + LOOK_NS
            self._look(mono_ns)
        work = 0
        for task in list(self._tasks.values()):
            try:
                work += self._work(task, now_ns, mono_ns)
            except Exception as exc:  # a fault of ours with one must not cost the others their watch, nor this process the keys
                self._give_up(task)
                self._put_off(task, f"{type(exc).__name__}: {exc}", mono_ns)
        return work

    @property
    def busy(self) -> bool:
        """Whether orders are being cleared."""
        return bool(self._tasks)

    @property
    def hurried(self) -> bool:
        """Whether the next pass is wanted at once: answers are awaited."""
        return any(task.clearing is not None and not task.clearing.clean for task in self._tasks.values())

    @property
    def detail(self) -> str:
        """One line for people: whom it watches, whose orders it clears, and what keeps it from that."""
        words = [f"watches {self.watched}", f"cleared {self.cleared}"] if self.cleared else [f"watches {self.watched}"]
        for task in self._tasks.values():
            words.append(f"clears {task.job}{f': {task.last}' if task.last else ''}")
        words += self._lacking.values()
        return "; ".join(words)

    def held(self) -> set[tuple[str, str]]:
        """Return (name, account) of the seats that are held: their keys are needed."""
        return {(text(seat.name), text(seat.account)) for _, seat in self._seats()}

    def renewed(self, name: str, account: str) -> None:
        """Begin anew with the orders of a strategy, or on an account, whose key or address is another by now, or was not here before."""
        for task in self._tasks.values():
            if name == task.job.name or task.job.account == account:
                self._give_up(task)
                task.try_ns = 0

    def close(self) -> None:
        """Give up what is being cleared; seats stay CLEARING, for the next supervisor."""
        for task in self._tasks.values():
            self._give_up(task)
        self._tasks.clear()

    # ------------------------------------------------------------------------------------------------------- looking

    def _seats(self) -> Iterator[tuple[int, Any]]:
        """Yield (index, copy) of each seat that somebody holds."""
        for at in range(min(int(self._view.risk.seat_cap), int(self._view.risk.seat_hi))):
            word = int(self._view.seats[at].owner)
            if lib.aats_ident_state(word) not in _HELD:
                continue
            if lib.aats_seat_read(self._view, at, self._seat) == lib.AATS_OK:
                yield at, self._seat

    def _look(self, mono_ns: int) -> None:
        self.watched = 0
        heard_ns, self._looked_ns = min(mono_ns - self._looked_ns, HEARD_NS), mono_ns
        seen = set()
        for at, seat in self._seats():
            owner, state = int(seat.owner), lib.aats_ident_state(seat.owner)
            seen.add(at)
            if at in self._tasks:
                if lib.aats_ident_bare(owner) != lib.aats_ident_bare(self._me):
                    self._lose(at, "it was taken over")
                continue
            alive = self._outside.alive(owner)
            if state == lib.AATS_SEAT_CLEARING:
                if lib.aats_ident_bare(owner) == lib.aats_ident_bare(self._me):
                    self._begin(at, seat, mono_ns)
                elif not alive and seat.on_death != lib.AATS_DEATH_KEEP:
                    self._claim(at, seat, mono_ns, "whoever cleared its orders is dead")
                else:
                    self._lacking.pop(at, None)
                continue
            if state == lib.AATS_SEAT_BOOT:  # being filled, or wiped: it holds nothing
                if not alive and lib.aats_seat_claim(self._view, at, owner, self._me) == lib.AATS_OK:
                    lib.aats_seat_move(self._view, at, self._me, lib.AATS_SEAT_FREE)
                continue
            self.watched += alive and seat.on_death != lib.AATS_DEATH_KEEP and seat.mode != Mode.PAPER
            why = self._trouble(at, seat, alive, heard_ns)
            if why is None:
                self._sights.pop(at, None)
                self._lacking.pop(at, None)
                continue
            sight = self._sights.get(at)
            if sight is None or sight.owner != owner:
                sight = self._sights[at] = _Sight(owner, mono_ns)
            if mono_ns - sight.since_ns >= int(seat.grace_ms) * MS:
                self._claim(at, seat, mono_ns, why)
        for gone in (self._sights, self._lacking, self._silent):
            for at in [at for at in gone if at not in seen]:
                del gone[at]

    def _trouble(self, at: int, seat: Any, alive: bool, heard_ns: int) -> str | None:
        """Return what is wrong with a seat that is LIVE, None if nothing is, or nothing that is ours to act on."""
        why = None
        if not alive:
            why = "its process is gone"
        elif seat.beat_mono_ns and seat.hang_ms and seat.mode != Mode.PAPER:
            limit_ns = int(seat.hang_ms) * MS
            if not self._outside.runs(int(seat.owner)):
                limit_ns = max(limit_ns, SLOW_NS)
            silence = self._silent.get(at)
            if silence is None or (silence.owner, silence.beat_ns) != (int(seat.owner), int(seat.beat_mono_ns)):
                silence = self._silent[at] = _Silence(int(seat.owner), int(seat.beat_mono_ns))
            else:
                silence.ns += heard_ns
            if silence.ns > limit_ns:
                why = f"it has hung for {silence.ns / 1e9:.1f} s"
        if why is None or seat.on_death != lib.AATS_DEATH_KEEP or seat.mode == Mode.PAPER:
            return why
        self._say_once(seat, 1, f"{text(seat.name)} on {text(seat.account)}: {why}; its orders are kept (on_death keep)")
        return None

    def _say_once(self, seat: Any, level: int, line: str) -> None:
        mark = (int(seat.owner), line.partition(":")[0])
        if mark not in self._said:
            self._said.add(mark)
            self._outside.say(level, line)

    def _claim(self, at: int, seat: Any, mono_ns: int, why: str) -> None:
        job = self._job(at, seat)
        lacks = "" if seat.mode == Mode.PAPER else self._outside.lacks(job)
        if lacks:  # whoever has what is missing may take the seat, so it is not claimed
            self._lacking[at] = f"{job} is not cleared: {lacks}"
            self._say_once(seat, 2, f"{job}: {why}, and its orders may be open: {lacks}")
            return
        self._lacking.pop(at, None)
        self._sights.pop(at, None)
        if lib.aats_seat_claim(self._view, at, seat.owner, self._me) != lib.AATS_OK:
            return  # a restart was faster
        if seat.mode == Mode.PAPER:
            self._wipe(at)
            return
        self._outside.say(1, f"{job}: {why}: its open orders are canceled")
        self._begin(at, seat, mono_ns)

    def _wipe(self, at: int) -> None:
        """Free the seat of a process that traded on paper: its orders and its position have ended with it."""
        for index, _ in list(self._cells(at)):
            lib.aats_cell_set(self._view, at, index, ffi.new("aats_rcell_t *"))
        lib.aats_seat_move(self._view, at, self._me, lib.AATS_SEAT_FREE)

    def _job(self, at: int, seat: Any) -> Job:
        symbols, opened = [], []
        for _, symbol in self._cells(at):
            symbols.append(symbol)
            if self._cell.buy_i or self._cell.sell_i or self._cell.open_cnt:
                opened.append(symbol)
        return Job(at, text(seat.name), text(seat.account), int(seat.mode), int(seat.instance), tuple(symbols), tuple(opened))

    def _begin(self, at: int, seat: Any, mono_ns: int) -> None:
        job = self._job(at, seat)
        there = self._outside.lives(job.instance) and not self._fenced(job)
        self._tasks[at] = _Task(job, was_there=there, gone_ns=0 if there else mono_ns)

    def _lose(self, at: int, why: str) -> None:
        task = self._tasks.pop(at)
        self._give_up(task)
        self._outside.say(1, f"{task.job}: {why}: not cleared any further here")

    @staticmethod
    def _give_up(task: _Task) -> None:
        if task.clearing is not None:
            clearing, task.clearing = task.clearing, None
            clearing.close()

    # ------------------------------------------------------------------------------------------------------ clearing

    def _work(self, task: _Task, now_ns: int, mono_ns: int) -> int:
        if task.clearing is None:
            if mono_ns < task.try_ns:
                return 0
            try:
                task.clearing = self._outside.clear(task.job)
                task.looked_ns = mono_ns
            except (AatsError, OSError) as exc:
                self._put_off(task, str(exc), mono_ns)
                return 1
        work = task.clearing.step(now_ns, mono_ns)
        task.last = task.clearing.last
        if task.clearing.clean:
            self._after(task, mono_ns)
        return work

    def _put_off(self, task: _Task, why: str, mono_ns: int) -> None:
        if why != task.last:
            self._outside.say(2, f"{task.job}: its orders cannot be canceled now: {why}; it goes on trying")
        task.last = why
        task.try_ns = mono_ns + _AGAIN_NS[min(task.tries, len(_AGAIN_NS) - 1)]
        task.tries += 1

    def _after(self, task: _Task, mono_ns: int) -> None:
        """The venue has said that nothing is open.  Done, if that was asked when nothing could come any more; else it is asked again."""
        clearing = task.clearing
        assert clearing is not None
        if not task.gone_ns and (self._fenced(task.job) or not self._outside.lives(task.job.instance)):
            task.gone_ns = mono_ns
        sure_ns = task.gone_ns + (WINDOW_NS if task.was_there or clearing.doubtful else 0)
        if task.gone_ns and task.looked_ns >= sure_ns:
            self._done(task)
            return
        due_ns = task.looked_ns + _WATCH_NS[min(task.looks, len(_WATCH_NS) - 1)]
        if task.gone_ns:
            due_ns = min(due_ns, max(sure_ns, task.looked_ns + MS))
            task.last = "nothing is open; the venue's window for late requests goes by"
        else:
            task.last = "nothing is open; its process is still there and may wake"
        if mono_ns >= due_ns:
            task.looked_ns = mono_ns
            task.looks += 1
            clearing.look()

    def _fenced(self, job: Job) -> bool:
        """Return whether the process has seen that the seat is not its own any more: it sends nothing after that."""
        return int(self._view.seats[job.at].fenced) == job.instance

    def _done(self, task: _Task) -> None:
        """Set the cells to what is true now, and give the seat away."""
        at, job, clearing = task.job.at, task.job, task.clearing
        assert clearing is not None
        holds = False
        for index, symbol in list(self._cells(at)):
            lib.aats_cell_read(self._view, at, index, self._cell)
            self._cell.pos_i = clearing.position(symbol, int(self._cell.pos_i))
            self._cell.buy_i = self._cell.sell_i = self._cell.open_cnt = 0
            self._cell.exposure_i = self._worth(index, abs(int(self._cell.pos_i)))
            holds = holds or self._cell.pos_i != 0
            lib.aats_cell_set(self._view, at, index, self._cell)
        if lib.aats_seat_move(self._view, at, self._me, lib.AATS_SEAT_FREE) != lib.AATS_OK:  # PARKED where something goes on counting
            self._lose(at, "it was taken over")
            return
        del self._tasks[at]
        clearing.close()
        self.cleared += 1
        self._outside.say(1, f"{job}: nothing of it is open at the venue any more{'; its position stays' if holds else ''}")

    def _cells(self, at: int) -> Iterator[tuple[int, str]]:
        """Yield (index, name) of each symbol in which a seat counts something."""
        for index in range(int(self._view.risk.sym_cap)):  # not sym_cnt, a hint
            lib.aats_cell_read(self._view, at, index, self._cell)
            if self._cell.pos_i or self._cell.buy_i or self._cell.sell_i or self._cell.open_cnt or self._cell.exposure_i:
                yield index, text(self._view.syms[index].symbol)

    def _worth(self, index: int, pos_i: int) -> int:
        """Return what a position is worth at the last price that anybody saw, at AATS_RISK_MONEY_EXP."""
        sym = self._view.syms[index]
        power = int(lib.AATS_RISK_MONEY_EXP) - int(sym.px_exp) - int(sym.qty_exp)
        whole = pos_i * int(sym.mark_px_i)
        worth: int = whole * 10**-power if power < 0 else -(-whole // 10**power)
        return min(worth, 2**63 - 1)
