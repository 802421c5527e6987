"""How the faults of a plan happen: laid on the wires, done to the venue, or to a strategy's process at the step where it is to die.

A part of `FaultWorld`.  Each is counted in `happened` when it has met somebody, not when it was planned.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from aats._ffi import ffi, lib
from aats.sim import Exchange
from tests.world.fault_lives import STEP_NAMES, TAKEN_OVER, Life, Strategy
from tests.world.fault_net import FRAME_SPELLS, FaultNet, Spell
from tests.world.fault_plan import Fault
from tests.world.options import EPOCH_NS, SECOND
from tests.world.world import HTTP

MS = 1_000_000
AT_VENUE = {"unsure": "order-unsure", "late": "order-late", "server_error": "order-5xx"}


@ffi.callback("void(int, void *)")  # type: ignore[untyped-decorator, unused-ignore]
def _hit(step: int, arg: Any) -> None:
    """The armed step was reached, inside C."""
    if Strikes.now is not None:
        Strikes.now.hit(step)


class Strikes:
    """What goes wrong.

    Attributes
    ----------
    happened : Counter
        Faults by kind that really happened.
    busy : tuple of int
        Status with which the venue refuses every request, until when, and what it says of waiting.
    births : set of int
        Strategies whose next life dies when it has taken over what was left.
    """

    now: Strikes | None = None  # the one whose C code runs

    rng: random.Random
    net: FaultNet
    exchange: Exchange
    strategies: list[Strategy]
    accounts: list[Any]
    names: list[str]
    now_ns: int
    running: Life | None

    def __init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self.armed: Fault | None = None
        self.births: set[int] = set()
        self.busy: tuple[int, int, int] = (0, 0, 0)
        self.skew_ns = 0  # of our own clock
        self.venue_skew_ns = 0
        self.no_data_ns = 0  # the books are not good until then
        self._garble = 0
        self._deadline = -1  # when the exchange has something to do; -1: to be asked for

    @property
    def venue_ns(self) -> int:
        """The venue's clock, which may be wrong, too."""
        return EPOCH_NS + self.now_ns + self.venue_skew_ns

    def say(self, line: str) -> None:
        raise NotImplementedError

    def strike(self, fault: Fault) -> None:
        """Make a fault happen, or lay it in wait."""
        rng, net, kind = self.rng, self.net, fault.kind
        self.say(f"fault {fault}")
        self._deadline = -1
        if kind in FRAME_SPELLS or kind == "delay":
            net.spells.append(Spell(kind, rng.choice((1, 1, 2, 4)), rng.choice((0, 0, 1, 3)), fault.wait_ns, fault.who))
        elif kind == "refuse":
            net.refuse = rng.randrange(1, 4)
            self._cut(fault.who)
        elif kind == "http":
            net.http = rng.choice(HTTP)
            self._cut(fault.who)
        elif kind == "crash":
            if fault.step == TAKEN_OVER:
                self.births.add(fault.who)
            elif self.armed is None:
                self.armed = fault
                lib.aats_steps_arm(fault.step, fault.nth, _hit, ffi.NULL)
        elif kind == "hang":
            life = self.strategies[fault.who].life
            if not life.dead and not life.wake_ns:
                life.wake_ns = self.now_ns + fault.wait_ns
                self.happened["hang"] += 1
        elif kind == "no_data":
            self.no_data_ns = self.now_ns + fault.wait_ns
            self.happened["no_data"] += 1
        else:
            self._strike_venue(fault)

    def _cut(self, who: int) -> None:
        """End a connection that there must be a new one for."""
        for link in list(self.net.links.values()):
            if link.who == who:
                link.end_client(self.now_ns)
                link.end_server(self.now_ns)

    def _strike_venue(self, fault: Fault) -> None:
        rng, kind, users = self.rng, fault.kind, self.exchange.users
        if kind in AT_VENUE:
            self.exchange.faults.next_orders.append(AT_VENUE[kind])
        elif kind == "busy":
            self.busy = (rng.choice((429, 418)), self.now_ns + fault.wait_ns, rng.choice((fault.wait_ns, 300 * MS)))
        elif kind == "clock":
            self._set_clock(rng.choice((-1, 1)) * rng.choice((2, 7, 40)) * SECOND)
        elif kind == "venue_crash":
            if self.net.cut_all(self.now_ns):
                self.happened["venue_crash"] += 1
            self.net.down_ns = self.now_ns + fault.wait_ns
        elif kind == "garble":
            self._garble += rng.randrange(1, 4)
        elif kind == "halt":
            rules = self.exchange.desk.filters(rng.choice(self.names))
            rules.status = "TRADING" if rules.status == "HALT" else "HALT"
            self.happened["halt"] += 1
        else:
            account = self.accounts[fault.who % len(self.accounts)]
            if kind == "deaf" and users.listeners(account):
                users.tell(account, {"e": "eventStreamTerminated", "E": self.venue_ns // 1000})
                for conn, sub_id in users.listeners(account):
                    users.leave(conn, sub_id)
                self.happened["deaf"] += 1
            elif kind == "by_hand" and account.open:
                self.exchange.desk.cancel(rng.choice(list(account.open.values())), "", self.venue_ns)
                self.happened["by_hand"] += 1

    def _set_clock(self, by_ns: int) -> None:
        """The venue's clock jumps, or ours was wrong all the time and is put right."""
        if self.rng.random() < 0.7:
            self.venue_skew_ns += by_ns
            self.exchange.now_ns = self.venue_ns
            self._deadline = -1
        else:
            self.skew_ns += by_ns
        self.happened["clock"] += 1

    def hit(self, step: int) -> None:
        """An armed step was reached."""
        life, armed = self.running, self.armed
        if armed is None:
            return
        if life is None or life.strategy.number != armed.who or life.dead:
            lib.aats_steps_arm(step, 1, _hit, ffi.NULL)  # somebody else's: the next time
            return
        self.armed = None
        self._end(life, step)

    def _end(self, life: Life, step: int) -> None:
        self.happened["crash"] += 1
        self.say(f"{life.strategy.name}.{life.number} dies at {STEP_NAMES[step]}")
        life.die(step)

    def at_step(self, life: Life, step: int) -> None:
        """A step in Python was reached: let the life die if it was to die there."""
        if life.strategy.number in self.births:
            self.births.discard(life.strategy.number)
            self._end(life, step)
