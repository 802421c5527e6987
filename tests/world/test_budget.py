"""What a venue allows one account and one address, kept by eight strategies together, in virtual time.

The simulated exchange counts as Binance does (aats/sim/limits.py): 6000 of weight a minute and address, 100 orders in ten seconds and 200,000 a day of an
account; whoever asks for more is refused with 429.  Nobody is.
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from aats._ffi import ffi, lib
from aats.budget import HostBudget, usage
from aats.layout import OrderSide, OrderTif
from aats.sim import limits
from tests.world.options import EPOCH_NS, SECOND
from tests.world.order_world import OrderPlan, OrderWorld
from tests.world.trader import Trader
from tests.world.world import MS

ACCOUNT, ADDRESS = b"binance-0123abcd", b"addr binance sim"


class Table:
    """A risk segment in plain memory, as `aats.budget` wants it."""

    def __init__(self) -> None:
        geometry = (4, 4, 4, 16)
        self.size = int(lib.aats_risk_size(*geometry))
        self.memory = ffi.new("uint64_t[]", self.size // 8 + 8)
        at = int(ffi.cast("uintptr_t", self.memory))
        self.base = ffi.cast("void *", -(-at // 64) * 64)
        self.view = ffi.new("aats_risk_view_t *")
        why = ffi.new("char[]", 400)
        seg = ffi.cast("aats_seg_t *", self.base)
        assert lib.aats_seg_init(seg, self.size, lib.AATS_KIND_RISK, b"host", 1, lib.aats_ident_self(), 1, b"boot", b"test") == 0
        assert lib.aats_risk_init(self.base, self.size, *geometry) == 0
        lib.aats_seg_ready(seg)
        assert lib.aats_risk_attach(self.base, self.size, self.view, why, len(why)) == 0, ffi.string(why)

    def find(self, name: str) -> Any:
        return lib.aats_budget_find(self.view, name.encode())


class Busy(Trader):
    """A strategy that wants far more than it may, and cancels whatever is open."""

    def __init__(self, world: BudgetWorld, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.world = world

    def act(self) -> None:
        for order_id in () if self.world.keeps else self.open_ids():
            self._cancel(order_id)
        book = self.market.snapshot(self.names[0], 5)
        for _ in range(self.rng.choice((1, 2, 6))):
            rests = format(Decimal(book.bids[0][0]) * self.rng.choice((98, 99)) // 100, "f")
            self.send(0, OrderSide.BUY, OrderTif.GTC, rests, "0.01")

    def _cancel(self, order_id: int) -> None:
        """Cancel, and hold that to the promise: it goes out at once whenever its lane has a token."""
        room = self.world.cancel_room(self.now_ns)
        waits, asked = lib.aats_session_waits(self.session), self.told[order_id].cancels
        before = lib.aats_session_output(self.session, 0, self._sent)
        lib.aats_trader_cancel(self.trader, order_id, 0, EPOCH_NS + self.now_ns, self.now_ns)
        self.drain()
        sent = lib.aats_session_output(self.session, 0, self._sent) > before
        if self.told[order_id].letters.endswith("Z") or self.told[order_id].cancels == asked or not self.ready():
            return
        assert sent == (room == 0), "a cancel waits while its lane holds a token, or goes without one"
        assert room > 0 or lib.aats_session_waits(self.session) == waits
        self.world.cancels += sent
        if not sent:
            self.world.waiting[f"{self.instance:016x}{order_id:016x}"] = 0


class BudgetWorld(OrderWorld):
    """Traders of one account behind one address, a feed that takes snapshots without end, and maybe somebody who knows of no budget."""

    def __init__(self, seed: int, plan: OrderPlan, *, foreign: int = 0, snapshots: bool = True) -> None:
        self.table = Table()
        self.foreign, self.snapshots = foreign, snapshots
        self.cancels = self.foreign_refused = self.took = 0
        self.waiting: dict[str, int] = {}  # client id of each order whose cancel found no token -> when there was one
        self.late_ns: list[int] = []  # how much later the exchange had it
        self._owed = 0.0
        self.keeps = False  # strategies cancel nothing
        self.rest = HostBudget(ADDRESS.decode(), table=self.table, clock_ns=lambda: self.now_ns)
        self.rest.limits(  # whoever starts asks for exchangeInfo first
            [
                limits.rate("REQUEST_WEIGHT", "MINUTE", 1, plan.weight),
                limits.rate("ORDERS", "SECOND", 10, plan.orders_10s),
                limits.rate("ORDERS", "DAY", 1, limits.ORDERS_DAY),
                limits.rate("RAW_REQUESTS", "MINUTE", 5, 300_000),
            ]
        )
        super().__init__(seed, plan)
        self._cancels()

    def _born(self, at: int, key: str, *earlier: int) -> Trader:
        rules = {name: rules_of(symbol) for name, symbol in self.market.symbols.items()}
        rng = random.Random(f"busy {self.seed} {at}")
        trader: Trader = Busy(self, self.market, rules, rng, key, self._keys[key], self._connect, busy=self.plan.busy, earlier=earlier)
        assert lib.aats_session_budgets(trader.session, self.table.base, self.table.size, ACCOUNT, ADDRESS) == 0
        return trader

    def cancel_room(self, now_ns: int) -> int:
        """Return how long a cancel must wait for a token, 0: not at all."""
        weight, requests = (self.table.find(f"{ADDRESS.decode()} {kind}") for kind in ("weight", "requests"))
        return max(int(lib.aats_budget_room(one, lib.AATS_LANE_CANCEL, 1, now_ns)) for one in (weight, requests))

    def _cancels(self) -> None:
        """Note when the exchange is asked for the cancels that had to wait."""
        real = self.exchange.desk.cancel

        def cancel(order: Any, cancel_id: str, now_ns: int) -> Any:
            since = self.waiting.pop(order.client_id, None)
            if since is not None:
                assert since, "a cancel was sent without a token"
                self.late_ns.append(now_ns - EPOCH_NS - since)
            return real(order, cancel_id, now_ns)

        setattr(self.exchange.desk, "cancel", cancel)  # noqa: B010

    def step(self, dt_ns: int) -> None:
        if self.waiting and self.cancel_room(self.now_ns + dt_ns) == 0:
            self.waiting = {client_id: since or self.now_ns + dt_ns for client_id, since in self.waiting.items()}
        super().step(dt_ns)
        weights, now = self.exchange.weights, EPOCH_NS + self.now_ns
        if self.foreign:
            self._owed += self.foreign * dt_ns / (60 * SECOND)
            weights.move(now)
            while self._owed >= 5:
                self._owed -= 5
                self.took += 5
                try:
                    weights.charge(5)
                except limits.Refusal:
                    self.foreign_refused += 1
        if self.snapshots and not self.rest.wait_s(50):
            weights.admit(now)
            weights.charge(50)  # raises what a feed would be refused with
            self.rest.told(weights.used)

    def live(self, span_ns: int) -> None:
        self.until(lambda: all(trader.ready() for trader in self.traders), 200 * SECOND, "ready")
        end = self.now_ns + span_ns
        while self.now_ns < end:
            self.step(self.rng.choice((20, 40, 60, 100)) * MS)


def rules_of(symbol: Any) -> Any:
    from tests.world.order_world import rules_of as made

    return made(symbol)


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what the exchange refuses because it was too much."""
    seen: list[str] = []
    made = limits.Refusal.__init__

    def init(self: limits.Refusal, status: int, code: int, msg: str, data: dict[str, Any] | None = None) -> None:
        made(self, status, code, msg, data)
        if status in (418, 429):
            seen.append(msg)

    monkeypatch.setattr(limits.Refusal, "__init__", init)
    return seen


def plan(**changes: Any) -> OrderPlan:
    return OrderPlan(traders=8, shared=True, busy=1.0, delay_ms=(1, 30), market=("BTCUSDT:20",), **changes)


def test_eight_strategies_on_one_account_are_never_refused_and_no_cancel_waits_while_its_lane_holds_a_token(refusals: list[str]) -> None:
    world = BudgetWorld(1, plan())
    world.live(100 * SECOND)
    assert refusals == []
    assert world.cancels > 500 and not world.waiting and not world.late_ns
    rows = {(row.name, row.span_s): row for row in usage(world.table, world.now_ns)}
    weight, orders = rows["addr binance sim weight", 60.0], rows["binance-0123abcd orders", 10.0]
    assert (weight.limit, orders.limit) == (6000, 100)
    assert weight.waits["bulk"] > 0 and orders.waits["order"] > 0, "neither limit was ever reached: this shows nothing"
    assert orders.taken["order"] > 8 * 100 and weight.taken["bulk"] > 6000


def test_somebody_who_knows_of_no_budget_and_eats_half_is_made_room_for(refusals: list[str]) -> None:
    world = BudgetWorld(2, plan(), foreign=3000, snapshots=False)
    world.live(70 * SECOND)  # nobody can know what it will take before it was seen to
    world.snapshots = True
    world.live(130 * SECOND)
    assert refusals == [] and world.foreign_refused == 0
    assert world.took > 2.5 * 3000 and not world.waiting and not world.late_ns
    weight = next(row for row in usage(world.table, world.now_ns) if row.name.endswith("weight"))
    assert weight.foreign > 0.8 * world.took
    assert sum(weight.taken.values()) > 2 * 2000, "what the other one left was not used"


def test_cancels_that_find_no_token_wait_and_go_out_as_soon_as_there_is_one(refusals: list[str]) -> None:
    world = BudgetWorld(4, plan())
    world.keeps = True
    world.live(5 * SECOND)
    assert sum(trader.open_cnt() for trader in world.traders) == 100
    world.exchange.weights.used = 6000  # somebody else uses up all of it: the next answer says so
    world.keeps = False
    world.live(70 * SECOND)
    assert len(refusals) <= 100 and len(refusals) + len(world.late_ns) >= 100
    assert len(world.late_ns) > 20 and not world.waiting
    assert max(world.late_ns) <= (100 + 30 + 100) * MS  # a step until the pass, the way, a step until it is read


def test_a_429_to_one_holds_all_of_them_for_as_long_as_the_venue_says(refusals: list[str]) -> None:
    world = BudgetWorld(5, plan(), snapshots=False)
    world.live(5 * SECOND)
    world.exchange.weights.used = 6000  # all at once, by somebody else
    one = world.traders[0]
    world.until(lambda: lib.aats_session_last(one.session) is not None and bool(refusals), 30 * SECOND, "a refusal")
    seen, now = len(refusals), world.now_ns
    assert 0 < seen <= 8 * 8  # those that were on their way
    for _ in range(10):
        world.step(20 * MS)  # what was on its way arrives, and its answer
    seen = len(refusals)
    weight = world.table.find("addr binance sim weight")
    left = int(lib.aats_budget_wait(weight, world.now_ns, ffi.NULL))
    assert 0 < left <= 60 * SECOND
    asked = world.exchange.ws_api.requests
    while world.now_ns < now + left - 500 * MS:
        world.step(50 * MS)
    assert world.exchange.ws_api.requests == asked and len(refusals) == seen, "somebody asked although the venue wanted nobody to"
    world.live(65 * SECOND)  # what was told counts for a whole window
    assert len(refusals) == seen
    assert world.exchange.ws_api.requests > asked
