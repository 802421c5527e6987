"""Orders of a strategy, on paper: what send_order raises, what it refuses, what the callbacks say and when."""

from __future__ import annotations

import copy
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aats import config, control, orders, shm, stats, trade_orders
from aats.base.order import Order
from aats.errors import ConfigError, OrderError
from aats.layout import Kind, Mode
from aats.trade_service import TradeService

from .orders_kit import MAP, MID, Closing, Trader, order, rules_served, trade
from .synthetic import SyntheticFeed

#: Keys of an order message, as the API page has them.
KEYS = {
    *("exchange", "fill_notional", "fill_price", "fill_size", "margin", "margin_source", "order_id", "price", "remote_id", "side", "size"),
    *("symbol", "msg", "code", "client_id", "cum_size", "cum_notional", "avg_price", "leaves_size"),
}
FILL_KEYS = {"fee", "fee_asset", "liquidity"}


@pytest.fixture(scope="module")
def rules() -> Iterator[str]:
    with rules_served() as address:
        yield address


@pytest.fixture
def feed(make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch) -> SyntheticFeed:
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", rules)
    return make_feed()


def sends(*orders: Any) -> Callable[[Trader], object]:
    return lambda strategy: [strategy.send_order(one) for one in orders]


# --------------------------------------------------------------------------------------------------- what it raises


class Duck:
    exchange, symbol, price, size, side, tif, order_id = "BINANCE", "BTCUSDT", "1", "1", "buy", "ioc", 1


def _changed(**what: Any) -> Order:
    one = order()
    for name, value in what.items():
        setattr(one, name, value)
    return one


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ("an order", OrderError, "send_order takes an Order, this is str: 'an order'"),
        (None, OrderError, "send_order takes an Order, this is NoneType"),
        (Duck(), OrderError, "send_order takes an Order, this is Duck"),
        (order(symbol="ETHUSDT"), OrderError, "ETHUSDT.BINANCE was not added with add_trade_symbol"),
        (order(symbol="NOSUCH"), OrderError, "NOSUCH.BINANCE was not added"),
        (_changed(exchange="binance"), OrderError, "BTCUSDT.binance was not added"),
        (_changed(symbol=7), OrderError, "7.BINANCE was not added"),
        (order(price=None), OrderError, "price must be a float, int, str or Decimal; it is of type NoneType"),
        (order(price=True), OrderError, "price .* it is of type bool"),
        (order(size=[1]), OrderError, "size .* it is of type list"),
        (order(size=np.array([1.0])), OrderError, "size .* it is of type numpy.ndarray"),
        (order(size=1 + 2j), OrderError, "size .* it is of type complex"),
        (_changed(side="hold"), ValueError, "side is 'hold'; known are BUY"),
        (_changed(tif=None), ValueError, "tif is None; known are IOC"),
        (_changed(order_id="5"), OrderError, "order_id is given by Order's constructor; it is '5'"),
        (_changed(order_id=-5), OrderError, "it is -5"),
    ],
)
def test_what_is_no_order_raises_and_nothing_is_told(feed: SyntheticFeed, wrong: Any, error: type[Exception], text: str) -> None:
    raised: list[Exception] = []

    def begin(strategy: Trader) -> None:
        try:
            strategy.send_order(wrong)
        except Exception as exc:
            raised.append(exc)

    strategy = Trader(begin, lambda one: True)
    trade(feed, strategy)
    with pytest.raises(error, match=text):
        raise raised[0]
    assert type(raised[0]) is error and strategy.told == []


@pytest.mark.parametrize("wrong", ["1", 1.5, None, True, 2**70])
def test_a_cancel_of_what_is_no_id_raises(feed: SyntheticFeed, wrong: Any) -> None:
    raised: list[str] = []

    def begin(strategy: Trader) -> None:
        try:
            strategy.send_cancel_order(wrong)
        except OrderError as exc:
            raised.append(str(exc))

    trade(feed, Trader(begin, lambda one: True))
    assert len(raised) == 1 and "send_cancel_order takes an order_id, an int; this is" in raised[0]


def test_before_and_after_the_run_there_is_no_market(feed: SyntheticFeed) -> None:
    strategy = Closing(until=lambda one: True)
    with pytest.raises(OrderError, match=r"send_order before run\(\)"):
        strategy.send_order(order())
    with pytest.raises(OrderError, match=r"send_cancel_order before run\(\)"):
        strategy.send_cancel_order(1)
    service = trade(feed, strategy)
    with pytest.raises(OrderError, match=r"send_order after run\(\)"):
        strategy.send_order(order())
    strategy.send_cancel_order(1)
    strategy.close()
    service.stop()
    assert strategy.told == []


def test_a_strategys_own_send_order_is_what_its_callers_get(feed: SyntheticFeed) -> None:
    """The engine's own is put straight into the strategy while it runs; one that a class or an object has of its own stays, and nothing is left behind."""
    seen: list[str] = []

    class Counting(Trader):
        def send_order(self, one: Order) -> int:
            seen.append("class")
            return super().send_order(one)

    mine = Counting(sends(order()), Trader.closed)
    trade(feed, mine)
    assert seen == ["class"] and mine.names() == ["Created", "Acked", "Exec", "Closed"]

    wrapped, plain = Trader(sends(order()), Trader.closed), Trader(sends(order()), Trader.closed)
    inner = wrapped.send_order

    def outer(one: Order) -> int:
        seen.append("object")
        return inner(one)

    wrapped.send_order = outer  # type: ignore[method-assign]
    trade(feed, wrapped)
    trade(feed, plain)
    assert seen == ["class", "object"] and vars(wrapped)["send_order"] is outer and "send_order" not in vars(plain)
    with pytest.raises(OrderError, match="after run"):
        plain.send_order(order())


def test_a_strategy_that_trades_nothing_is_told_so(feed: SyntheticFeed) -> None:
    said: list[str] = []

    class Listener(Trader):
        def onQuote(self, msg: dict[str, Any]) -> None:
            for call in (lambda: self.send_order(order()), lambda: self.send_cancel_order(3)):
                try:
                    call()
                except OrderError as exc:
                    said.append(str(exc))
            self.manager.stop()

    feed.book(0, MID)
    service = TradeService(MAP, name="test")
    service.add_md_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(Listener())
    service.run()
    assert "BTCUSDT.BINANCE was not added with add_trade_symbol" in said[0] and "order 3 cannot be canceled" in said[1]


def test_a_key_is_asked_for_before_anything_is_started(feed: SyntheticFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AATS_APIKEY_BINANCE", "AATS_SECRET_BINANCE"):
        monkeypatch.delenv(name, raising=False)
    service = TradeService(MAP, name="test")
    service.config_exchange("BINANCE", "direct")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(Closing())
    with pytest.raises(ConfigError, match="BINANCE direct: no API key: call set_apikey"):
        service.run()


def test_without_an_exchange_the_run_ends_with_the_sessions_reason(
    make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        wsapi = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("AATS_ENDPOINT_BINANCE_SIM_REST", rules)
        monkeypatch.setenv("AATS_ENDPOINT_BINANCE_SIM_WSAPI", wsapi)
        monkeypatch.setattr(config, "limits", lambda: replace(config.Limits(), order_ready_ms=300))
        make_feed("sim", mode=Mode.SIM).book(0, MID)
        service = TradeService(MAP, name="test")
        service.config_exchange("BINANCE", "sim")
        service.add_trade_symbol("BTCUSDT", "BINANCE")
        strategy = Closing(sends(order()))
        service.add_strategy(strategy)
        with pytest.raises(ConfigError, match=rf"orders cannot be sent: BINANCE sim \({wsapi}\): .*refused.* \(waited 0.3 s\)"):
            service.run()
    assert strategy.told == [] and not strategy.begun and strategy.stopped == ""
    assert [one["role"] for one in control.processes()] == ["feed"]


def test_orders_of_a_mode_without_an_address_are_refused_with_the_variable(
    make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REST", "WSAPI"):
        monkeypatch.delenv(f"AATS_ENDPOINT_BINANCE_SIM_{name}", raising=False)
    make_feed("sim", mode=Mode.SIM)
    service = TradeService(MAP, name="test")
    service.config_exchange("BINANCE", "sim")
    service.add_trade_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(Closing())
    with pytest.raises(ConfigError, match="set AATS_ENDPOINT_BINANCE_SIM_REST and AATS_ENDPOINT_BINANCE_SIM_WSAPI; `aats sim` prints"):
        service.run()


# -------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (order(price="60000.015"), "off_tick"),
        (order(price=Decimal("60000.011")), "off_tick"),
        (order(size="0.0010001"), "off_lot"),
        (order(size=0.000001), "size_range"),
        (order(size=10_000), "size_range"),
        (order(size="0.00002"), "notional"),
        (order(price="abc"), "number"),
        (order(price=float("nan")), "number"),
        (order(size=float("inf")), "number"),
        (order(size=Decimal("NaN")), "number"),
        (order(size="0.001\udcff"), "number"),
        (order(size=10**5000), "number"),
        (order(price="2000000"), "price_range"),
        (order(price="400000"), "price_band"),
        (order(margin=True), "margin"),
        (order(margin_source="cross"), "margin"),
        (_changed(margin=None), "margin"),
    ],
)
def test_what_no_venue_would_take_is_created_rejected_and_closed(feed: SyntheticFeed, wrong: Order, code: str) -> None:
    strategy = Trader(sends(wrong), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Rejected", "Closed"]
    rejected = strategy.said("Rejected")[0]
    assert rejected["code"] == code and rejected["msg"] and rejected["order_id"] == wrong.order_id
    assert rejected["remote_id"] == "" and rejected["cum_size"] == "0"


def test_the_same_order_twice_is_a_duplicate_and_leaves_the_first_alone(feed: SyntheticFeed) -> None:
    resting = order(price="59000", tif="gtc")

    def until(strategy: Trader) -> bool:
        return strategy.closed() and "Acked" in strategy.names()

    strategy = Trader(sends(resting, resting), until)
    trade(feed, strategy)
    names = strategy.names()
    assert names.count("Created") == 2 and strategy.said("Rejected")[0]["code"] == "duplicate_id"
    assert strategy.said("Canceled")[0]["code"] == "canceled"  # at the end, by the engine: the first was open until then


def test_strict_refuses_a_float_off_the_tick_which_else_moves_to_the_passive_side(
    feed: SyntheticFeed, caplog: pytest.LogCaptureFixture
) -> None:
    floats = [
        order(price=59000.0149, tif="gtc"),
        order("sell", price=61000.0101, tif="gtc"),
        order(price=59000.0259, size=0.0010099, tif="gtc"),
    ]
    strategy = Trader(sends(*floats), lambda one: len(one.said("Acked")) == 3)
    with caplog.at_level(logging.WARNING, "aats.trade"):
        trade(feed, strategy)
    made = strategy.said("Created")
    assert [(one["price"], one["size"]) for one in made] == [("59000.01", "0.001"), ("61000.02", "0.001"), ("59000.02", "0.001")]
    assert all("59000" in one["msg"] or "61000" in one["msg"] for one in made)
    assert len([line for line in caplog.messages if "said once" in line]) == 1
    strategy = Trader(sends(order(price=59000.0149, tif="gtc")), Trader.closed)
    trade(feed, strategy, strict=True)
    assert strategy.names() == ["Created", "Rejected", "Closed"] and strategy.said("Rejected")[0]["code"] == "off_tick"


def test_a_float_that_means_a_tick_is_that_tick(feed: SyntheticFeed) -> None:
    near = order(price=60000.01 - 3 * 0.01, size=0.1 + 0.2, tif="gtc")  # 59999.98000000001 and 0.30000000000000004
    strategy = Trader(sends(near), lambda one: "Acked" in one.names())
    trade(feed, strategy)
    created = strategy.said("Created")[0]
    assert (created["price"], created["size"], created["msg"]) == ("59999.98", "0.3", "")


@pytest.mark.parametrize(
    ("price", "size"),
    [("60000.01", "0.001"), (60000.01, 0.001), (Decimal("60000.010"), Decimal("1E-3")), (np.float64(60000.01), np.float64(0.001)), (60001, 1),
     (np.int64(60001), np.int32(1))],
)  # fmt: skip
def test_numbers_may_be_of_any_of_the_documented_types(feed: SyntheticFeed, price: Any, size: Any) -> None:
    strategy = Trader(sends(order(price=price, size=size)), Trader.closed)
    trade(feed, strategy)
    created = strategy.said("Created")[0]
    assert Decimal(created["price"]) == Decimal(str(price)) and Decimal(created["size"]) == Decimal(str(size))
    assert "E" not in created["price"] + created["size"] and "Rejected" not in strategy.names()


def test_rules_are_asked_for_again_while_it_runs(feed: SyntheticFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = orders.fetch_rules, []

    def fetch(name: str, endpoints: Any, ports: Any, **more: Any) -> Any:
        asked.append(ports)
        fresh = real(name, endpoints, ports, **more)
        if len(asked) == 1:
            return fresh
        return {port: orders.rules_of(replace(one.instrument, tick=Decimal("0.5")), name) for port, one in fresh.items()}

    class Patient(Trader):
        def onTimer(self, name: Any) -> None:
            if len(asked) > 1 and self.said("Acked") and not self.said("Rejected"):
                self.send_order(order(price="59000.25", tif="gtc"))
            super().onTimer(name)

    monkeypatch.setattr(orders, "fetch_rules", fetch)
    monkeypatch.setattr(trade_orders, "RULES_EVERY_S", 0.1)
    strategy = Patient(sends(order(price="59000.25", tif="gtc")), lambda one: one.said("Rejected"))
    trade(feed, strategy)
    assert strategy.said("Rejected")[0]["code"] == "off_tick" and "0.5" in strategy.said("Rejected")[0]["msg"]


# ------------------------------------------------------------------------------------------------------- the grammar


def test_a_feed_that_counts_at_other_exponents_is_no_market_for_the_trader(
    make_feed: Callable[..., SyntheticFeed], rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_DIRECT_REST", rules)
    feed = make_feed(exps=(-9, -9))  # begun before the venue changed a tick: the same integers are a tenth of the price
    strategy = Trader(sends(order(price="60000.01", size="0.002")), Trader.closed)
    trade(feed, strategy)
    assert "Exec" not in strategy.names()
    assert strategy.names()[-1] == "Closed"


def test_an_order_that_fills_is_created_acked_executed_and_closed(feed: SyntheticFeed) -> None:
    taker = order(price="60000.01", size="0.002")  # the book holds 0.002 at the first ask
    strategy = Trader(sends(taker), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Closed"]
    created, acked, fill, closed = (one for _, one in strategy.told)
    assert acked["remote_id"] and created["remote_id"] == ""
    assert (fill["fill_size"], fill["fill_price"], fill["fill_notional"]) == ("0.002", "60000.01", "120.00002")
    assert (fill["fee"], fill["fee_asset"], fill["liquidity"]) == ("0.000002", "BTC", "taker")
    assert (closed["cum_size"], closed["cum_notional"], closed["avg_price"], closed["leaves_size"]) == (
        "0.002",
        "120.00002",
        "60000.01",
        "0",
    )
    position = strategy.positions[1001]
    assert (position.bought, position.bought_notional, position.size) == (Decimal("0.002"), Decimal("120.00002"), Decimal("0.001998"))
    assert position.cash == Decimal("-120.00002") and (position.base, position.quote) == ("BTC", "USDT")


def test_a_message_has_the_documented_keys_and_exact_texts(feed: SyntheticFeed) -> None:
    messages: list[dict[str, Any]] = []

    class Keeper(Trader):
        def _tell(self, msg: dict[str, Any]) -> None:
            messages.append(msg)
            super()._tell(msg)

        onOrderCreated = onOrderAcked = onOrderExec = onOrderCanceled = onOrderClosed = _tell

    taker = order("sell", price="59999.98", size="0.0045")  # two levels of 0.001 and 0.002; the rest of the IOC is canceled
    strategy = Keeper(sends(taker), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Exec", "Canceled", "Closed"]
    for msg in messages:
        one = msg["order"]
        assert set(msg) == {"order", "type"}
        assert set(one) == (KEYS | FILL_KEYS if msg["type"] == "onOrderExec" else KEYS)
        assert (one["exchange"], one["symbol"], one["side"], one["margin"], one["margin_source"]) == (
            "BINANCE",
            "BTCUSDT",
            "sell",
            False,
            "spot",
        )
        assert (one["order_id"], one["price"], one["size"]) == (taker.order_id, "59999.98", "0.0045")
        assert type(one["order_id"]) is int and one["margin"] is False
        rest = 0 if msg["type"] == "onOrderClosed" else Decimal(one["size"]) - Decimal(one["cum_size"])
        assert Decimal(one["leaves_size"]) == rest
        if msg["type"] != "onOrderExec":
            assert (one["fill_size"], one["fill_price"], one["fill_notional"]) == ("0", "0", "0")
        texts = [value for value in one.values() if isinstance(value, str)]
        assert len(texts) == len(one) - 2 and one["client_id"].endswith(f"{taker.order_id:016x}")
    fills = strategy.said("Exec")
    assert sum(Decimal(one["fill_notional"]) for one in fills) == Decimal(fills[-1]["cum_notional"]) == Decimal("179.99995")
    assert strategy.said("Canceled")[0]["code"] == "ioc_rest" and strategy.said("Closed")[0]["avg_price"] == "59999.983333333333"
    assert len({id(msg) for msg in messages}) == len(messages)


def test_a_resting_order_is_canceled_on_request(feed: SyntheticFeed) -> None:
    maker = order(price="59000", tif="pos")

    class Canceler(Trader):
        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            self.send_cancel_order(msg["order"]["order_id"])

    strategy = Canceler(sends(maker), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "CancelCreated", "CancelAcked", "Canceled", "Closed"]
    assert strategy.said("Canceled")[0]["code"] == "canceled"


def test_a_cancel_of_an_unknown_or_closed_order_is_rejected_alone(feed: SyntheticFeed) -> None:
    class Canceler(Closing):
        def onOrderClosed(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            self.send_cancel_order(msg["order"]["order_id"])
            self.send_cancel_order(987_654_321)

    taker = order()
    strategy = Canceler(sends(taker), lambda one: len(one.said("CancelRejected")) == 2)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Closed", "CancelRejected", "CancelRejected"]
    late, unknown = strategy.said("CancelRejected")
    assert (late["order_id"], unknown["order_id"]) == (taker.order_id, 987_654_321)
    assert late["code"] == unknown["code"] == "unknown_order" and unknown["symbol"] == ""


def test_a_post_only_order_that_would_trade_is_rejected(feed: SyntheticFeed) -> None:
    strategy = Trader(sends(order(price="60000.05", tif="pos")), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Rejected", "Closed"] and strategy.said("Rejected")[0]["code"] == "would_cross"


@pytest.mark.parametrize("price", [None, "nonsense", 1.0])
def test_a_market_order_needs_no_price(feed: SyntheticFeed, price: Any) -> None:
    strategy = Trader(sends(order(price=price, tif="market")), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Closed"] and strategy.said("Created")[0]["price"] == "0"


def test_a_resting_order_is_filled_by_the_market(feed: SyntheticFeed) -> None:
    class Market(Trader):
        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            feed.tick(0, 59_500 * 100_000_000, 50_000_000, buyer=False)  # somebody sells through our price

    strategy = Market(sends(order(price="59990", tif="gtc")), Trader.closed)
    trade(feed, strategy)
    assert strategy.names() == ["Created", "Acked", "Exec", "Closed"]
    fill = strategy.said("Exec")[0]
    assert (fill["fill_price"], fill["liquidity"], fill["fee"]) == ("59990", "maker", "0.000001")


# --------------------------------------------------------------------------------------------------- when it is told


def test_nothing_is_told_inside_send_order(feed: SyntheticFeed) -> None:
    inside: list[int] = []
    depth = [0]

    class Deep(Trader):
        def _tell(self, msg: dict[str, Any]) -> None:
            inside.append(depth[0])
            super()._tell(msg)

        onOrderCreated = onOrderRejected = onOrderClosed = onOrderAcked = _tell

        def onOrderExec(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            self.fire(order(price="1.001"))

        def fire(self, one: Order) -> None:
            depth[0] += 1
            before = len(self.told)
            self.send_order(one)
            assert len(self.told) == before
            depth[0] -= 1

    strategy = Deep(lambda one: (one.fire(order()), one.fire(order(price="0.001"))), lambda one: one.closed(3))
    trade(feed, strategy)
    assert len(inside) >= 8 and set(inside) == {0}


def test_the_order_object_is_never_written(feed: SyntheticFeed) -> None:
    mine = order(price=60000.0149, size=0.00101)
    before = copy.deepcopy(vars(mine))
    strategy = Trader(sends(mine), Trader.closed)
    trade(feed, strategy)
    assert "Exec" in strategy.names() and vars(mine) == before


def test_orders_from_another_thread_get_their_id_at_once_and_their_callbacks_on_the_loops_thread(feed: SyntheticFeed) -> None:
    here = threading.get_ident()
    ids: list[int] = []
    threads: set[int] = set()

    class Threaded(Trader):
        def _tell(self, msg: dict[str, Any]) -> None:
            threads.add(threading.get_ident())
            super()._tell(msg)

        onOrderCreated = onOrderAcked = onOrderCancelCreated = onOrderCancelAcked = onOrderCanceled = onOrderClosed = _tell

    def work(strategy: Trader) -> None:
        for _ in range(5):
            ids.append(strategy.send_order(order(price="59000", tif="gtc")))
        for one in ids:
            strategy.send_cancel_order(one)

    helpers: list[threading.Thread] = []

    def begin(strategy: Trader) -> None:
        helpers.append(threading.Thread(target=work, args=(strategy,)))
        helpers[0].start()

    strategy = Threaded(begin, lambda one: one.closed(5))
    trade(feed, strategy)
    helpers[0].join()
    assert len(ids) == 5 and threads == {here}
    assert [one["order_id"] for one in strategy.said("Created")] == ids
    assert all(strategy.names(one)[0] == "Created" and strategy.names(one)[-2:] == ["Canceled", "Closed"] for one in ids)


def test_each_strategy_is_told_of_its_own_orders(feed: SyntheticFeed) -> None:
    first, second = Trader(sends(order())), Trader(sends(order("sell", price="59999.99")))
    first.until = second.until = lambda one: first.closed() and second.closed()
    trade(feed, first, second)
    assert {one["side"] for _, one in first.told} == {"buy"} and {one["side"] for _, one in second.told} == {"sell"}
    assert len(first.told) == len(second.told) == 4


def test_a_kept_message_never_changes(feed: SyntheticFeed) -> None:
    strategy = Trader(sends(order(), order(), order(price="59000", tif="gtc")), lambda one: one.closed(2))
    trade(feed, strategy)
    created = strategy.said("Created")[0]
    assert created["cum_size"] == "0" and created["remote_id"] == "" and strategy.said("Exec")[0]["cum_size"] == "0.001"


def test_the_trade_symbol_added_last_is_the_strategys(feed: SyntheticFeed) -> None:
    feed.book(0, MID)
    strategy = Trader(sends(order()), Trader.closed)
    service = TradeService(MAP, name="test")
    service.config_exchange("BINANCE", "paper")
    service.add_md_symbol("ETHUSDT", "BINANCE")
    service.add_trade_symbol("BTCUSDT", "BINANCE", 3)
    service.add_strategy(strategy)
    service.run()
    assert (strategy.trade_cid, strategy.trade_symbol, strategy.trade_exchange) == (1001, "BTCUSDT", "BINANCE")
    assert (strategy.trade_cids, strategy.level_num, list(strategy.positions)) == ([1001], 3, [1001])
    with pytest.raises(KeyError):
        strategy.positions[1002]


# ------------------------------------------------------------------------------------------------------------- views


def test_the_view_of_an_order_follows_it_and_outlives_it(feed: SyntheticFeed) -> None:
    seen: list[Any] = []

    class Viewer(Trader):
        def onOrderAcked(self, msg: dict[str, Any]) -> None:
            self._tell(msg)
            view = self.orders[msg["order"]["order_id"]]
            seen.append(view)
            seen.append((view.state, view["tif"], view.cum_size, view.remote_id, list(self.orders), len(self.orders), view.canceling))
            self.send_cancel_order(view.order_id)
            seen.append(view.canceling)

    maker = order(price="59000", tif="gtc")
    strategy = Viewer(lambda one: one.send_order(maker), Trader.closed)
    assert strategy.orders == {} and strategy.positions == {}
    trade(feed, strategy)
    view, live, canceling = seen
    assert live[:3] == ("live", "gtc", "0") and live[3] and live[4:] == ([maker.order_id], 1, False) and canceling is True
    assert view.state == "closed" and view.code == "canceled" and list(strategy.orders) == [] and maker.order_id in strategy.orders
    assert dict(view)["price"] == "59000" and "closed: buy 0.001 BTCUSDT at 59000" in repr(view)
    assert 987_654_321 not in strategy.orders
    with pytest.raises(KeyError):
        strategy.orders[987_654_321]
    with pytest.raises(AttributeError, match="an order has no 'colour'"):
        _ = view.colour
    assert strategy.positions[1001].bought == 0


def test_a_strategy_may_have_attributes_of_these_names(feed: SyntheticFeed) -> None:
    class Own(Trader):
        orders: Any
        positions: Any

        def onStart(self) -> None:
            super().onStart()
            self.orders, self.positions = ["mine"], "mine too"

    strategy = Own(sends(order()), Trader.closed)
    trade(feed, strategy)
    assert (strategy.orders, strategy.positions) == (["mine"], "mine too") and strategy.closed()


def test_a_living_process_is_no_earlier_run_also_in_another_namespace(feed: SyntheticFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def begin(strategy: Trader) -> None:
        strategy.send_order(order())
        here = shm.namespace()
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("AATS_NS", f"{here}other")
            seen.append(trade_orders.living_instances())

    strategy = Trader(begin, Trader.closed)
    trade(feed, strategy)
    instance = int(strategy.said("Created")[0]["client_id"][:16], 16)
    assert instance in seen[0] and instance not in trade_orders.living_instances()


def test_the_hops_of_an_order_are_measured(feed: SyntheticFeed) -> None:
    seen: dict[str, int] = {}

    def until(strategy: Trader) -> bool:
        if strategy.closed():
            segment = shm.attach(shm.names(ns=shm.namespace(), kind=Kind.TD)[0])
            seen.update({hist.name: hist.count for hist in stats.merged([segment])})
        return strategy.closed()

    class Second(Trader):
        def onQuote(self, msg: dict[str, Any]) -> None:
            if not self.begun:
                feed.book(0, MID)  # the first quote is of a joiner: the record may be old
            elif not self.told:
                self.send_order(order())
            super().onQuote(msg)

    trade(feed, Second(until=until))
    assert {name for name, count in seen.items() if count} >= {"delivered_decided", "decided_sent", "sent_acked", "recv_sent"}
