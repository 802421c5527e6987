"""What strategies hold, what accounts have and what was made of it: held to a model of fractions, and through whole runs on paper."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aats import shm
from aats._ffi import ffi, lib
from aats.base_strategy import BaseStrategy
from aats.errors import OrderError
from aats.money import Balance, Pnl, Position, plus, tidy
from aats.trade_money import Money, position_of

from .orders_kit import ONE, Trader, order, rules_served, trade
from .synthetic import SyntheticFeed

BTC, ETH = ("BTCUSDT.BINANCE", "BTC", "USDT"), ("ETHUSDT.BINANCE", "ETH", "USDT")


@pytest.fixture(scope="module")
def rules() -> Iterator[str]:
    with rules_served() as address:
        yield address


@pytest.fixture
def feed(make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch) -> SyntheticFeed:
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", rules)
    return make_feed()


# ------------------------------------------------------------------------------------------------------ a model of it


@dataclass(frozen=True)
class Fill:
    symbol: tuple[str, str, str]
    side: int
    px_i: int
    qty_i: int
    fee_i: int
    fee_exp: int
    fee_asset: str
    strategy: int = 0

    @property
    def event(self) -> Any:
        ev = ffi.new("aats_oev_t *")
        ev.ns, ev.kind = 1_700_000_000_000_000_000, lib.AATS_OEV_EXEC
        ev.fill_px_i, ev.fill_qty_i, ev.fee_i, ev.fee_exp, ev.fee_asset = (
            self.px_i,
            self.qty_i,
            self.fee_i,
            self.fee_exp,
            self.fee_asset.encode(),
        )
        ev.order.symbol, ev.order.side, ev.order.strategy = self.symbol[0].encode(), self.side, self.strategy
        ev.order.px_exp = ev.order.qty_exp = -8
        return ev


def fraction(value: Any, exp: int) -> Fraction:
    return Fraction((int(value.hi) << 64) | int(value.lo)) * Fraction(10) ** exp


def to_even(value: Fraction, exp: int) -> Fraction:
    return round(value / Fraction(10) ** exp) * Fraction(10) ** exp


@dataclass
class Model:
    """A holding in fractions; `cash_exp` is the engine's, by which shares of cost are rounded."""

    size: Fraction = Fraction(0)
    cash: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    fees: dict[str, Fraction] = field(default_factory=dict)

    def take(self, fill: Fill, cash_exp: int) -> None:
        _, base, quote = fill.symbol
        px, qty, fee = Fraction(fill.px_i, 10**8), Fraction(fill.qty_i, 10**8), Fraction(fill.fee_i) * Fraction(10) ** fill.fee_exp
        self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, Fraction(0)) + fee
        signed = qty if fill.side == lib.AATS_SIDE_BUY else -qty
        self.cash += -px * signed - (fee if fill.fee_asset == quote else 0)
        change = signed - (fee if fill.fee_asset == base else 0)
        was, self.size = self.size, self.size + change
        if was * change >= 0:
            self.cost += change * px
        elif was * self.size >= 0:
            self.cost -= to_even(self.cost * abs(change) / abs(was), cash_exp)
        else:
            self.cost = self.size * px


def fresh(symbol: tuple[str, str, str], strategy: int = 0) -> Any:
    hold = ffi.new("aats_hold_t *")
    lib.aats_hold_init(hold, *(name.encode() for name in symbol), strategy, 0, -8, -8)
    return hold


def same(hold: Any, model: Model) -> None:
    assert fraction(hold.size, hold.base_exp) == model.size
    assert fraction(hold.cash, hold.cash_exp) == model.cash
    assert fraction(hold.cost, hold.cash_exp) == model.cost


def fills_of(*symbols: tuple[str, str, str]) -> st.SearchStrategy[Fill]:
    def made(symbol: tuple[str, str, str]) -> st.SearchStrategy[Fill]:
        return st.builds(
            Fill,
            st.just(symbol),
            st.sampled_from([lib.AATS_SIDE_BUY, lib.AATS_SIDE_SELL]),
            st.integers(1, 10**13) | st.integers(1, 9),
            st.integers(1, 10**12) | st.integers(1, 9),
            st.integers(-(10**6), 10**9) | st.integers(-9, 9),
            st.sampled_from([-8, -8, -8, -10, -5]),
            st.sampled_from([*symbol[1:], "BNB"]),
            st.integers(0, 1),
        )

    return st.one_of([made(symbol) for symbol in symbols])


# -------------------------------------------------------------------------------------------------------- properties


@settings(max_examples=100, deadline=None)
@given(st.lists(fills_of(BTC), max_size=40))
def test_size_cash_and_cost_are_those_of_fractions(fills: list[Fill]) -> None:
    hold, model = fresh(BTC), Model()
    for number, fill in enumerate(fills):
        event = fill.event
        event.order.strategy = 0
        assert lib.aats_hold_fill(hold, event) == lib.AATS_OK
        model.take(fill, int(hold.cash_exp))
        same(hold, model)
        assert hold.fills == number + 1
    assert fraction(hold.fee_base, hold.base_exp) == model.fees.get("BTC", 0)
    assert fraction(hold.fee_quote, hold.cash_exp) == model.fees.get("USDT", 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(fills_of(BTC), max_size=25), st.integers(1, 10**14))
def test_realised_and_unrealised_are_cash_and_worth_to_the_last_digit(fills: list[Fill], px_i: int) -> None:
    hold = fresh(BTC)
    for fill in fills:
        event = fill.event
        event.order.strategy = 0
        assert lib.aats_hold_fill(hold, event) == lib.AATS_OK
    position, price = position_of(hold), Decimal(px_i).scaleb(-8)
    unrealised, total = position.unrealised(price), position.total(price)
    assert unrealised is not None and total is not None
    worth = fraction(hold.cash, hold.cash_exp) + fraction(hold.size, hold.base_exp) * Fraction(px_i, 10**8)
    assert Fraction(total) == Fraction(position.realised) + Fraction(unrealised) == worth
    if position.size:
        assert Fraction(position.avg_px) == to_even(Fraction(position.cost) / Fraction(position.size), -12)
    at_start = fraction(hold.day_cash, hold.cash_exp) + fraction(hold.day_size, hold.base_exp) * Fraction(
        fills[0].px_i if fills else 0, 10**8
    )
    day = position.day_profit(price)
    assert day is not None and Fraction(day) == worth - at_start
    limit = 2**63 - 1
    floor = (worth - at_start) * 10**8 // 1
    assert lib.aats_hold_profit(hold, px_i, -8, -8) == max(min(floor, limit), -limit - 1)


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**127), 2**127 - 1), st.integers(0, 2**127 - 1), st.integers(1, 2**127 - 1))
def test_a_share_is_that_of_integers_half_to_even(total: int, part: int, whole: int) -> None:
    part %= whole + 1

    def wide(value: int) -> Any:
        return ffi.new("aats_i128_t *", {"lo": value & (2**64 - 1), "hi": value >> 64})

    out = ffi.new("aats_i128_t *")
    assert lib.aats_wide_share(wide(total)[0], wide(part)[0], wide(whole)[0], out) == lib.AATS_OK
    assert fraction(out, 0) == round(Fraction(total * part, whole))


class Engine:
    """A trader without a journal, two symbols on paper; fills come in as those that a journal tells."""

    def __init__(self) -> None:
        why = ffi.new("char[256]")
        self.trader = lib.aats_trader_new(ffi.new("aats_trader_opts_t *", {"instance": 7}), ffi.NULL, 0, ffi.NULL, why, 256)
        assert self.trader != ffi.NULL
        options = ffi.new("aats_paper_opts_t *")
        lib.aats_paper_defaults(options)
        assert lib.aats_trader_paper(self.trader, b"BINANCE", lib.aats_paper_new(options)) == 0
        for number, (symbol, base, quote) in enumerate((BTC, ETH)):
            rules = {"symbol": symbol.encode(), "base": base.encode(), "quote": quote.encode(), "px_exp": -8, "qty_exp": -8, "fee_exp": -8}
            assert lib.aats_trader_add_symbol(self.trader, ffi.new("aats_rules_t *", rules), 0) == number

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        lib.aats_trader_free(self.trader)

    def take(self, fills: list[Fill]) -> None:
        for fill in fills:
            assert lib.aats_trader_carry_fill(self.trader, [BTC, ETH].index(fill.symbol), fill.event) == lib.AATS_OK

    def holds(self) -> list[Any]:
        found = []
        for strategy in (0, 1):
            for sym in (0, 1):
                hold = ffi.new("aats_hold_t *")
                if lib.aats_trader_hold(self.trader, strategy, sym, hold) == 1:
                    found.append(hold)
        return found

    def money(self) -> dict[tuple[str, int], tuple[Fraction, ...]]:
        return {
            (ffi.string(one.symbol).decode(), int(one.strategy)): (
                fraction(one.size, one.base_exp),
                fraction(one.cash, one.cash_exp),
                fraction(one.cost, one.cash_exp),
                fraction(one.fee_base, one.base_exp),
                fraction(one.fee_quote, one.cash_exp),
                Fraction(int(one.fills)),
            )
            for one in self.holds()
        }


@settings(max_examples=40, deadline=None)
@given(st.lists(fills_of(BTC, ETH), max_size=30), st.randoms(use_true_random=False))
def test_in_which_order_different_symbols_are_filled_does_not_matter(fills: list[Fill], random: Any) -> None:
    lanes = [[one for one in fills if one.symbol == symbol] for symbol in (BTC, ETH)]
    other = [*lanes[0], *lanes[1]]
    picks = [0] * len(lanes[0]) + [1] * len(lanes[1])
    random.shuffle(picks)
    mixed = [lanes[pick].pop(0) for pick in picks]
    with Engine() as one, Engine() as two, Engine() as three:
        one.take(fills)
        two.take(other)
        three.take(mixed)
        assert one.money() == two.money() == three.money()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(fills_of(BTC, ETH), max_size=8), min_size=1, max_size=5))
def test_carrying_over_runs_is_as_one_run(runs: list[list[Fill]]) -> None:
    with Engine() as whole:
        whole.take([fill for run in runs for fill in run])
        expected = whole.money()
    held: list[Any] = []
    for number, run in enumerate(runs):
        with Engine() as engine:
            for hold in held:
                assert lib.aats_trader_carry(engine.trader, hold) == lib.AATS_OK
            engine.take(run)
            held = engine.holds()
            assert all(int(hold.runs) <= number for hold in held)
            money = engine.money()
    assert money == expected


# ----------------------------------------------------------------------------------------------------- values alone


def test_nothing_is_added_up_across_quote_assets_and_an_unknown_price_is_said() -> None:
    held = [
        Position("BTCUSDT.BINANCE", "BTC", "USDT", Decimal(2), Decimal(-190), Decimal(200), price=Decimal(110), day_price=Decimal(100)),
        Position("ETHUSDT.BINANCE", "ETH", "USDT", Decimal(0), Decimal(5), Decimal(0)),
        Position("ETHBTC.BINANCE", "ETH", "BTC", Decimal(1), Decimal("-0.05"), Decimal("0.05")),
    ]
    pnl = Pnl.of(held, {"BNB": Decimal("0.1")})
    assert pnl.realised == {"USDT": Decimal(15), "BTC": Decimal(0)}
    assert pnl.unrealised == {"USDT": Decimal(20), "BTC": None} and pnl.total == {"USDT": Decimal(35), "BTC": None}
    assert pnl.day == {"USDT": Decimal(35), "BTC": None} and pnl.fees == {"BNB": Decimal("0.1")}


def test_a_price_is_taken_as_it_is_written() -> None:
    position = Position("BTCUSDT.BINANCE", "BTC", "USDT", Decimal(3), Decimal("-0.3"), Decimal("0.3"))
    assert position.unrealised("0.2") == position.unrealised(0.2) == position.unrealised(Decimal("0.2")) == Decimal("0.3")
    assert position.unrealised() is None and position.total(1) == Decimal("2.7")


def test_sums_are_not_cut_at_the_digits_that_python_keeps_by_default() -> None:
    tiny, great = Decimal("0.0000000000000001"), Decimal(10) ** 22
    assert great + tiny == great and str(plus((great, tiny))) == "10000000000000000000000.0000000000000001"
    assert str(tidy(Decimal("1E+3"))) == "1000" and str(tidy(Decimal("0E-16"))) == "0" and str(tidy(Decimal("1.500"))) == "1.5"


def test_a_holding_that_saw_no_beginning_of_the_day_begins_it_as_it_is() -> None:
    hold = fresh(BTC)
    assert lib.aats_hold_fill(hold, Fill(BTC, lib.AATS_SIDE_BUY, 100 * ONE, ONE, 0, -8, "BNB").event) == lib.AATS_OK
    begun = int(hold.day)
    assert position_of(hold, day=begun).day_profit(110) == 10
    left = position_of(hold, day=begun + 1)  # its process is gone since yesterday
    assert left.day_profit(110) == 0 and left.total(110) == 10


# ------------------------------------------------------------------------------------------------------ through a run


def test_money_before_run_is_refused() -> None:
    asks: list[Callable[[BaseStrategy], object]] = [lambda s: s.position(1001), lambda s: s.balance("BTC"), lambda s: s.pnl()]
    for ask in asks:
        with pytest.raises(OrderError, match=r"before run\(\)"):
            ask(BaseStrategy())


def test_each_strategy_has_its_own_position_and_profit(feed: SyntheticFeed) -> None:
    buyer = Trader(lambda one: one.send_order(order(price="60000.01", size="0.002")), lambda one: one.closed() and other.closed())
    other = Trader(lambda one: one.send_order(order("sell", price="59999.99", size="0.001")))
    trade(feed, buyer, other)
    held = buyer.position(1001)
    assert (held.size, held.cash, held.cost) == (Decimal("0.001998"), Decimal("-120.00002"), Decimal("119.88001998"))
    assert (held.avg_px, held.realised) == (Decimal("60000.01"), Decimal("-0.12000002"))  # the fee: 0.000002 BTC at that price
    assert held.price == Decimal(60000) and held.unrealised() == Decimal("119.88") - Decimal("119.88001998")
    assert held.fees == {"BTC": Decimal("0.000002"), "USDT": Decimal(0)} and (held.fills, held.runs) == (1, 0)
    assert held.total() == Decimal("-120.00002") + Decimal("0.001998") * 60000
    assert other.position(1001).size == Decimal("-0.001")
    assert plus((held.size, other.position(1001).size)) == buyer.positions[1001].size
    pnl = buyer.pnl()
    assert pnl.total == {"USDT": held.total()} and pnl.realised == {"USDT": held.realised} and pnl.fees == {"BTC": Decimal("0.000002")}
    assert set(other.pnl().fees) == {"USDT"}


def test_in_the_callback_of_a_fill_the_position_has_it(feed: SyntheticFeed) -> None:
    seen: list[Any] = []

    class Looker(Trader):
        def onOrderExec(self, msg: dict[str, Any]) -> None:
            seen.append((self.position(1001).size, self.position(1001).fills, self.pnl().realised))

    strategy = Looker(lambda one: one.send_order(order("sell", price="59999.98", size="0.003")), Trader.closed)
    trade(feed, strategy)
    by_fills = {1: Decimal("-0.001"), 2: Decimal("-0.003")}
    assert len(seen) == 2 and seen[1][1] == 2
    assert all(fills > told and size == by_fills[fills] for told, (size, fills, _) in enumerate(seen))  # never less than was told
    assert strategy.position(1001).size == Decimal("-0.003")


def test_what_was_never_traded_is_a_position_of_zeros(feed: SyntheticFeed) -> None:
    found: dict[str, Any] = {}

    def look(one: Any) -> bool:
        found.update(position=one.position(1001), pnl=one.pnl(), balance=one.balance("BTC"))
        with pytest.raises(KeyError):
            one.position(4711)
        thread = threading.Thread(target=lambda: found.update(elsewhere=one.position(1001)))  # any thread may look
        thread.start()
        thread.join()
        return True

    strategy = Trader(until=look)
    trade(feed, strategy)
    held = found["position"]
    assert (held.symbol, held.base, held.quote, held.size, held.total()) == (*BTC, Decimal(0), Decimal(0))
    nothing = {"USDT": Decimal(0)}
    assert found["pnl"] == Pnl(nothing, nothing, nothing, nothing, {}) and found["balance"] is None and found["elsewhere"] == held


# -------------------------------------------------------------------------------------------------------- balances


class Info:
    """As much of a SymbolInfo as is looked at."""

    port, px_exp = BTC[0], -8

    def levels(self, side: int) -> bytes:
        return b""


@pytest.fixture
def segment(namespace: str) -> Iterator[shm.Segment]:
    made = shm.create_td("money", positions=1, orders=1, events=2, generation=1)
    yield made
    shm.unlink(made.name)


def told(segment: shm.Segment, at: int, asset: str, exchange: str, free: int, locked: int) -> None:
    row = ffi.new("aats_bal_t *", {"asset": asset.encode(), "exchange": exchange.encode(), "gateway": at, "exp": -8, "recv_ns": 1})
    row.free, row.locked = {"lo": free, "hi": 0}, {"lo": locked, "hi": 0}
    lib.aats_td_put_bal(segment._base, at, row)


def test_an_asset_that_two_accounts_have_must_be_asked_for_by_exchange(segment: shm.Segment) -> None:
    money = Money(segment, 0, {1001: Info()})
    assert money.balance("BTC") is None
    told(segment, 0, "BTC", "BINANCE", 3 * ONE, ONE // 2)
    btc = money.balance("BTC")
    assert isinstance(btc, Balance)
    assert (btc.total, btc.free, btc.locked, btc.exchange) == (
        Decimal("3.5"),
        Decimal(3),
        Decimal("0.5"),
        "BINANCE",
    ) and btc.age_ns > 10**18
    told(segment, 1, "BTC", "BINANCEUS", 5 * ONE, 0)
    with pytest.raises(ValueError, match="BINANCE, BINANCEUS have it"):
        money.balance("BTC")
    us = money.balance("BTC", "BINANCEUS")
    assert us is not None and us.total == 5 and money.balance("BTC", "KRAKEN") is None
    money.end()  # the segment may go now
    told(segment, 0, "BTC", "BINANCE", 0, 0)
    kept = money.balance("BTC", "BINANCE")
    assert kept is not None and kept.total == Decimal("3.5")


def test_holdings_of_symbols_that_are_traded_no_more_count_in_the_profit(segment: shm.Segment) -> None:
    hold = fresh(ETH)
    assert lib.aats_hold_fill(hold, Fill(ETH, lib.AATS_SIDE_BUY, 100 * ONE, ONE, ONE, -8, "USDT").event) == lib.AATS_OK
    lib.aats_td_put_hold(segment._base, 0, hold)
    money = Money(segment, 0, {1001: Info()})
    assert money.pnl().realised == {"USDT": Decimal(-1)} and money.pnl().total == {"USDT": None}  # no price of it is known here
    assert money.position(1001).size == 0
    assert Money(segment, 1, {1001: Info()}).pnl().realised == {}
