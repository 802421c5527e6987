"""Traders at the simulated exchange in virtual time, with a plan of faults made from a seed.

    0 s .... traders ready .... T s: orders, cancels, cuts, lost answers, late answers, stops .... calm: cancel all, verify .... the account is settled

In the end both sides are compared: every order, every fill, every fee, position and cash, from what the strategy was told and from what the
exchange's own books say; neither may know anything that the other does not.  The same seed gives the same run.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aats._ffi import ffi, lib
from aats.sim import Exchange, Generator
from aats.sim.amounts import E16
from aats.sim.connection import Limits
from aats.sim.frames import text_frame
from aats.sim.generator import Spec
from tests.world.judge import Wrong
from tests.world.net import Net
from tests.world.options import EPOCH_NS, SECOND
from tests.world.pipes import END, Wire
from tests.world.trader import Trader
from tests.world.world import HTTP, MS, Switch

FRAME_FAULTS = ("order-lost", "order-late", "order-unsure", "order-cut", "order-5xx", "user-cut")
ACTIONS = ("cut", "mute", "refuse", "http", "shutdown", "stop", "die")
MORE_ACTIONS = ("deaf", "garble", "other", "halt", "lose")
#: A tick and lot as small, and quantities as large, as 64 bits at 1e-8 hold; and one whose notional has more than eight decimals.
PEPE = Spec("PEPEUSDT", "PEPE", "USDT", 1234, 8, 0, 90_000_000)
ETHBTC = Spec("ETHBTC", "ETH", "BTC", 4_340, 5, 4, 12_000)
#: The private key of RFC 8032, test 1.
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"


@dataclass
class OrderPlan:
    """What happens in one run."""

    traders: int = 1
    market: tuple[str | Spec, ...] = ("BTCUSDT:40",)
    faults: dict[str, int] = field(default_factory=dict)
    actions: list[tuple[int, str]] = field(default_factory=list)
    fault_ns: int = 6 * SECOND
    delay_ms: tuple[int, int] = (1, 30)
    busy: float = 1.0
    shared: bool = False  # all traders trade one account
    pem: bool = False  # keys are Ed25519
    orders_10s: int = 100
    weight: int = 6000
    deposit: int = 0  # of the quote asset, 0: plenty

    @classmethod
    def of_seed(cls, seed: int) -> OrderPlan:
        """Return a plan with everything in it, by chance."""
        rng = random.Random(f"order plan {seed}")
        plan = cls(
            traders=1 + (rng.random() < 0.4),
            market=("BTCUSDT:40", "ETHUSDT:10") if rng.random() < 0.3 else (f"BTCUSDT:{rng.choice((5, 40, 120))}",),
            fault_ns=rng.randrange(2, 8) * SECOND,
            delay_ms=rng.choice([(0, 2), (1, 30), (10, 250)]),
            busy=rng.choice((0.5, 1.0, 3.0)),
        )
        for kind in rng.sample(FRAME_FAULTS, rng.choice([0, 0, 1, 2, 3])):
            plan.faults[kind] = rng.randrange(4, 25)
        plan.actions = sorted((rng.randrange(SECOND // 2, plan.fault_ns), rng.choice(ACTIONS)) for _ in range(rng.choice((0, 0, 1, 2, 4))))
        plan._more(random.Random(f"more of order plan {seed}"))
        return plan

    def _more(self, rng: random.Random) -> None:
        """Make half of the plans stranger: other keys, markets, limits, and what others do to the account."""
        if rng.random() < 0.5:
            return
        self.pem = rng.random() < 0.3
        self.shared = rng.random() < 0.3
        if self.shared:
            self.traders = rng.choice((2, 3))
        if rng.random() < 0.4:
            self.market = rng.choice(((PEPE,), (ETHBTC,), (PEPE, *self.market)))
        self.orders_10s = rng.choice((100, 100, 3, 10))
        self.weight = rng.choice((6000, 6000, 6000, 150))
        self.deposit = rng.choice((0, 0, 20, 3000))
        self.actions += [(rng.randrange(SECOND // 2, self.fault_ns), rng.choice(MORE_ACTIONS)) for _ in range(rng.choice((0, 1, 3, 6)))]
        self.actions.sort()


class OrderWorld:
    """One run: a market, the exchange, traders, wires between them."""

    def __init__(self, seed: int, plan: OrderPlan | None = None) -> None:
        self.seed = seed
        self.plan = plan or OrderPlan.of_seed(seed)
        self.rng = random.Random(f"order world {seed}")
        self.market = Generator(seed, self.plan.market, depth=40)
        self.faults = Switch(self.plan.faults)
        keys = [(f"key{i}", f"secret{i}" if not self.plan.pem else PEM) for i in range(1 if self.plan.shared else self.plan.traders)]
        self.exchange = make_exchange(self.market, self.faults, keys, self.plan)
        self._garble = self._lose = 0
        self.exchange.users._send = self._say
        self.now_ns = SECOND
        self.net = Net(self.exchange, self.rng, self.plan.delay_ms)
        self.muted = False
        self._wake: list[tuple[int, Trader]] = []
        self._keys = dict(keys)
        self.traders = [self._born(i, list(self._keys)[i % len(self._keys)]) for i in range(self.plan.traders)]

    def _say(self, conn: Any, data: bytes) -> None:
        """Give a connection a user event, or one that nobody can read in its place, or nothing."""
        if self._lose and b'"executionReport"' in data:
            self._lose -= 1
            return
        if self._garble and b'"executionReport"' in data:
            self._garble -= 1
            data = text_frame(data[data.index(b"{") :].replace(b'"z":', b'"z":{},"zz":'))
        self.exchange.hub.send(conn, data)

    def _born(self, at: int, key: str, *earlier: int) -> Trader:
        rules = {name: rules_of(symbol) for name, symbol in self.market.symbols.items()}
        rng = random.Random(f"trader {self.seed} key{at} {len(earlier)}")
        return Trader(self.market, rules, rng, key, self._keys[key], self._connect, busy=self.plan.busy, earlier=earlier)

    def _die(self, at: int) -> None:
        """Kill a trader where it stands, and start it anew: its next life has the orders to clear away."""
        trader = self.traders[at]
        if trader.wire is not None:
            trader.wire.mute = True
            trader.wire.to_server.append((self.now_ns, END))
        self._wake = [one for one in self._wake if one[1] is not trader]
        self.traders[at] = self._born(at, trader.key, *trader.earlier, trader.instance)

    def _connect(self, trader: Trader) -> Wire:
        return self.net.connect(self.now_ns)

    # -- time ----------------------------------------------------------------------------------------------------------

    def step(self, dt_ns: int) -> None:
        """Let a little time go by for everybody."""
        self.now_ns += dt_ns
        self.exchange.advance(EPOCH_NS + self.now_ns)
        self.net.carry(self.now_ns)
        for due in [one for one in self._wake if one[0] <= self.now_ns]:
            self._wake.remove(due)
            due[1].stopped = False
        for trader in self.traders:
            trader.step(self.now_ns)
        self.net.carry(self.now_ns)

    def until(self, cond: Callable[[], bool], limit_ns: int, what: str) -> None:
        """Step until `cond` holds; raise `Wrong` when it does not within `limit_ns` of virtual time."""
        end = self.now_ns + limit_ns
        while not cond():
            if self.now_ns >= end:
                raise Wrong(f"not within {limit_ns / 1e9:g} s: {what}")
            self.step(self.rng.choice((2, 5, 10, 20, 40)) * MS)

    def act(self, kind: str) -> None:
        """Do one of `ACTIONS` to somebody."""
        rng, trader = self.rng, self.rng.choice(self.traders)
        wire = trader.wire
        if kind == "cut" and wire is not None:
            wire.cut_after = rng.randrange(3000)
        elif kind == "mute" and wire is not None and not self.muted:
            wire.mute = self.muted = True
        elif kind == "refuse":
            self.net.refuse = rng.randrange(1, 4)
        elif kind == "shutdown":
            self.exchange.shutdown(EPOCH_NS + self.now_ns, rng.choice([0, 2 * SECOND]))
        elif kind == "http":
            self.net.http = rng.choice(HTTP)
        elif kind == "die":
            self._die(self.traders.index(trader))
        elif kind == "stop" and not trader.stopped:
            trader.stopped = True
            self._wake.append((self.now_ns + rng.randrange(200, 4000) * MS, trader))
        else:
            self._act_at_venue(kind, trader)

    def _act_at_venue(self, kind: str, trader: Trader) -> None:
        rng, users, now = self.rng, self.exchange.users, EPOCH_NS + self.now_ns
        account = account_of(self, trader)
        if kind == "deaf":
            users.tell(account, {"e": "eventStreamTerminated", "E": now // 1000})
            for conn, sub_id in users.listeners(account):
                users.leave(conn, sub_id)
        elif kind == "garble":
            self._garble += rng.randrange(1, 4)
        elif kind == "lose":
            self._lose += rng.randrange(1, 4)
        elif kind == "other" and account.open:  # somebody cancels it by hand
            self.exchange.desk.cancel(rng.choice(list(account.open.values())), "", now)
        elif kind == "halt":
            rules = self.exchange.desk.filters(rng.choice(trader.names))
            rules.status = "TRADING" if rules.status == "HALT" else "HALT"

    def run(self) -> OrderWorld:
        """Live through the plan; raise `Wrong` with the seed at the first thing that is not so."""
        plan = self.plan
        try:
            self.faults.off = True
            for trader in self.traders:
                trader.quiet = True
            self.until(lambda: all(trader.ready() for trader in self.traders), 300 * SECOND, "ready at the start")
            for trader in self.traders:
                trader.quiet = False
            self.faults.off = False
            start, actions = self.now_ns, list(plan.actions)
            while self.now_ns < start + plan.fault_ns:
                while actions and actions[0][0] <= self.now_ns - start:
                    self.act(actions.pop(0)[1])
                self.step(self.rng.choice((2, 5, 10, 20, 40)) * MS)
            self.faults.off = True
            self.net.refuse, self.net.http = 0, b""
            for trader in self.traders:
                trader.quiet = True
            self.until(
                lambda: all(trader.ready() and not trader.stopped for trader in self.traders), 400 * SECOND, "ready again after the faults"
            )
            self.until(self._settled, 400 * SECOND, "every order closed")
            for trader in self.traders:
                lib.aats_trader_verify(trader.trader)
            self.until(lambda: all(lib.aats_trader_verified(trader.trader) for trader in self.traders), 300 * SECOND, "verified")
            for trader in self.traders:
                compare(self, trader)
            audit(self.exchange)
        except Wrong as wrong:
            where = f"seed {self.seed}, {self.now_ns / 1e9:.3f} s, {plan}"
            raise Wrong(f"{wrong}\n{where}\n" + "\n".join(trader.state() for trader in self.traders)) from None
        return self

    def _settled(self) -> bool:
        for trader in self.traders:
            if trader.open_cnt() and not trader.stopped:
                trader.leave()
        return all(trader.open_cnt() == 0 for trader in self.traders)


# ---------------------------------------------------------------------------------------------------- the exchange's own books


def make_exchange(market: Generator, faults: Switch, keys: list[tuple[str, str]], plan: OrderPlan) -> Exchange:
    """Return an exchange with one account for each key."""
    deposits = {symbol.quote: plan.deposit * E16 for symbol in market.symbols.values()} if plan.deposit else {}
    deposits.update({"PEPE": 10**12 * E16} if "PEPEUSDT" in market.symbols else {})
    limits = Limits(orders_10s=plan.orders_10s, weight_per_min=plan.weight)
    return Exchange(market, EPOCH_NS, faults=faults, keys=dict(keys), limits=limits, deposits=deposits)


def account_of(world: OrderWorld, trader: Trader) -> Any:
    """Return the account that a trader trades."""
    return next(key.account for key in world.exchange.keyring.names() if key.name == trader.key)


def rules_of(symbol: Any) -> Any:
    """Return the ``aats_rules_t *`` of a symbol as the exchange describes it."""
    from aats.orders import rules_of as made
    from aats.sim.instruments import symbol_info
    from aats.venue.binance import _instrument as instrument_of

    return made(instrument_of(dict(symbol_info(symbol))), "BINANCE").raw


def wide(value: Any) -> int:
    """Return an ``aats_i128_t`` as an int."""
    return (int(value.hi) << 64) + int(value.lo)


def compare(world: OrderWorld, trader: Trader) -> None:
    """Hold what a trader was told against the exchange's own books; raise `Wrong` at the first difference."""
    account = account_of(world, trader)
    others = {one for other in world.traders if other is not trader for one in (other.instance, *other.earlier)}
    theirs = {}
    for order in account.orders.values():
        instance, order_id = int(order.client_id[:16], 16), int(order.client_id[16:], 16)
        if instance in trader.earlier or instance in others:
            continue  # of an earlier life: that none of them is open is asked below; or of another trader
        if instance != trader.instance or order_id in theirs:
            raise Wrong(f"the exchange has an order {order.client_id} that was never sent, or twice")
        theirs[order_id] = order
    for order_id, told in trader.told.items():
        order = theirs.pop(order_id, None)
        lived = "A" in told.letters
        if (order is not None) != lived:
            raise Wrong(f"order {order_id}: told {told.letters} ({told.code}), the exchange has {order.status if order else 'nothing'}")
        if order is None:
            continue
        if order.status not in ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"):
            raise Wrong(f"order {order_id}: told {told.letters}, the exchange has {order.status}")
        if (order.status == "FILLED") != ("X" not in told.letters):
            raise Wrong(f"order {order_id}: told {told.letters}, the exchange has {order.status}")
        fills = {fill.trade_id: (fill.px, fill.qty, fill.fee, fill.fee_asset) for fill in order.fills}
        if fills != told.fills:
            raise Wrong(f"order {order_id}: told fills {told.fills}, the exchange has {fills}")
        if told.remote_id != str(order.id):
            raise Wrong(f"order {order_id}: told id {told.remote_id}, the exchange has {order.id}")
    if theirs:
        raise Wrong(f"orders that nobody sent: {list(theirs)}")
    if account.open:
        raise Wrong(f"open at the exchange after leaving: {list(account.open)}")
    if trader.earlier or world.plan.shared:
        return  # what its earlier lives, or others, traded meanwhile is not in its sums
    base_of: dict[str, int] = {}
    for sym in range(len(trader.names)):
        pos = trader.pos(sym)
        base, quote = ffi.string(pos.base).decode(), ffi.string(pos.quote).decode()
        base_of[base] = base_of.get(base, wide(pos.start_base) * 10**8) + (wide(pos.bought) - wide(pos.sold) - wide(pos.fee_base)) * 10**8
        cash = wide(pos.sold_notional) - wide(pos.bought_notional) - wide(pos.fee_quote) * 10**8
        base_of[quote] = base_of.get(quote, wide(pos.start_quote) * 10**8) + cash
    for asset, have in base_of.items():
        truth = sum(account.balances.get(asset, (0, 0)))
        if truth != have:
            raise Wrong(f"{asset}: told fills give {have}, the exchange holds {truth} (both at 1e-16)")


def audit(exchange: Exchange) -> None:
    """Raise `Wrong` if the exchange's own ledger does not add up."""
    wrong = exchange.ledger.audit()
    if wrong:
        raise Wrong("; ".join(wrong))
