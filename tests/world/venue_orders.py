"""Order truth at any venue's dialect: one seed is one run of an order session through faults, in virtual time; in the end both sides must agree.

    ready .... orders and cancels of every kind in a moving market, while answers are lost, late or unsure, connections end at any byte, requests are
    refused, symbols halt and somebody cancels by hand .... calm: cancel all .... every fill, fee, and order that lived was told once, and nothing else

Not a test itself: test_venue_orders.py plays 200 seeds at each venue.  The deaths of processes are the business of the fault runs (fault_world.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aats.sim.faults import ORDER_KINDS
from tests.conformance.cases_orders import Market, faulty, settle
from tests.conformance.rig import SECOND, Desk, Rig, Storm, Wrong
from tests.conformance.rows import Row

ACTIONS = ("cut_in", "cut_out", "cut_out", "hold", "refuse", "upgrade", "http", "login", "halt", "by_hand")
STEP_MS = 10


@dataclass
class Run:
    """One seed at one venue.

    Attributes
    ----------
    faults : int
        Those that have met something.
    orders : int
        Sent by the strategy.
    """

    row: Row
    seed: int
    faults: int = 0
    orders: int = 0
    fills: int = 0
    actions: list[tuple[int, str]] = field(default_factory=list)

    def play(self) -> Run:
        """Live through it; raise `Wrong` with venue and seed at the first thing that is not so."""
        rng = self.rng = random.Random(f"{self.row.venue} orders {self.seed}")
        rig = Rig(self.row, rate=rng.choice((10, 40)), seed=self.seed, depth=40)
        rig.storm = self.storm = Storm(rig)
        desk = Desk(rig)
        try:
            rig.until(desk.ready, "ready at the start", 60, ms=STEP_MS)
            self._trouble(rig, desk)
            self._calm(rig)
            rig.until(desk.ready, "ready after the faults", 200, ms=20)
            settle(rig, desk, 200)
        except (Wrong, AssertionError) as wrong:
            raise Wrong(f"{self.row.venue} seed {self.seed}, {rig.now_ns / 1e9:.2f} s, {self.actions}: {wrong}\n{rig.say()}") from None
        self.fills = sum(one.kind == "EXEC" for one in desk.said)
        self.faults = self.storm.met + sum(rig.exchange.faults.counts.values())
        return self

    def _trouble(self, rig: Rig, desk: Desk) -> None:
        rng, market = self.rng, Market(rig)
        kinds = rng.sample(ORDER_KINDS, rng.choice((0, 1, 2, 3)))
        faulty(rig, **{kind: rng.randrange(3, 9) for kind in kinds})
        end = rig.now_ns + rng.randrange(2, 4) * SECOND
        self.actions = sorted((rng.randrange(rig.now_ns, end), rng.choice(ACTIONS)) for _ in range(rng.choice((1, 2, 4, 6))))
        due, acts_ns = list(self.actions), rig.now_ns
        while rig.now_ns < end:
            while due and due[0][0] <= rig.now_ns:
                self._act(rig, desk, due.pop(0)[1])
            if rig.now_ns >= acts_ns:
                acts_ns = rig.now_ns + rng.randrange(20, 250) * 1_000_000
                self._trade(desk, market)
            rig.step(STEP_MS)

    def _trade(self, desk: Desk, market: Market) -> None:
        rng = self.rng
        open_ids = [one for one in range(1, desk.next_id) if not desk.closed(one)]
        if open_ids and rng.random() < 0.3:
            desk.cancel(rng.choice(open_ids))
            return
        if open_ids and rng.random() < 0.2:
            self._amend(desk, market, rng.choice(open_ids))
            return
        if rng.random() < 0.02:
            desk.cancel_all()
            return
        side, tif = rng.choice(("buy", "sell")), rng.choice(("IOC", "IOC", "GTC", "GTC", "POS", "FOK", "MARKET"))
        away = {"IOC": 5, "FOK": 10, "GTC": rng.choice((3, 0, -5)), "POS": -1, "MARKET": 0}[tif]
        price = market.ask(away) if side == "buy" else market.bid(-away)
        size = format(Decimal(self.row.size) * rng.choice((1, 2, 5)), "f")
        desk.send(side, None if tif == "MARKET" else price, size, tif)
        self.orders += 1

    def _amend(self, desk: Desk, market: Market, order_id: int) -> None:
        rng = self.rng
        price = rng.choice((market.bid(-3), market.ask(3), market.bid(0), None))
        size = format(Decimal(self.row.size) * rng.choice((1, 2, 3)), "f")
        desk.amend(order_id, price, size if price is None or rng.random() < 0.5 else None)

    def _act(self, rig: Rig, desk: Desk, kind: str) -> None:
        rng, exchange = self.rng, rig.exchange
        faults: Any = exchange.faults
        conns = list(desk.conns.values())
        if kind in ("cut_in", "cut_out") and conns:
            getattr(self.storm, kind)[rng.choice(conns)] = rng.randrange(1, 700)
        elif kind == "hold" and conns:
            self.storm.hold(rng.choice(conns), rng.choice((0.1, 0.5, 2.0)))
        elif kind == "refuse":
            desk.refuse = not desk.refuse
        elif kind == "upgrade":
            faults.next_upgrades.append(rng.choice(("ws-503", "ws-429", "ws-403")))
        elif kind == "http":
            faults.next_https.append(rng.choice(("http-429", "http-503", "http-html")))
        elif kind == "login":
            faults.next_logins.append("login-cut")
        elif kind == "halt":
            self._halt(exchange)
        elif kind == "by_hand":
            self._by_hand(rig)

    def _halt(self, exchange: Any) -> None:
        native = self.row.symbols[0]
        if hasattr(exchange, "listings"):
            (exchange.resume if exchange.listings[native].status == "halted" else exchange.halt)(native)
        else:
            rules = exchange.desk.filters(native)
            rules.status = "TRADING" if rules.status == "HALT" else "HALT"

    def _by_hand(self, rig: Rig) -> None:
        """Somebody cancels one of our orders at the venue's own page."""
        exchange: Any = rig.exchange
        account = exchange.account_of(self.row.key)
        if not account.open:
            return
        order = self.rng.choice(list(account.open.values()))
        if hasattr(exchange, "trading"):
            exchange.trading.cancel(order)
        else:
            exchange.desk.cancel(order, "", exchange.now_ns)

    def _calm(self, rig: Rig) -> None:
        self.storm.calm()
        faults = rig.exchange.faults
        faults.every.clear()
        for waiting in (faults.next_upgrades, faults.next_https, faults.next_logins, faults.next_orders):
            waiting.clear()
        assert rig.desk is not None
        rig.desk.refuse = False
        exchange: Any = rig.exchange
        if hasattr(exchange, "listings"):
            for native in self.row.symbols:
                if exchange.listings[native].status == "halted":
                    exchange.resume(native)
        else:
            exchange.desk.filters(self.row.symbols[0]).status = "TRADING"
