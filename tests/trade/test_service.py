"""TradeService: what it refuses, and what it keeps to itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from aats import control
from aats.base.const import NetWorkType, OrderType, Side, TradeType, member
from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.errors import ConfigError, OrderError, SlotTaken
from aats.layout import DirState, Mode, State
from aats.trade import Symbol, choose
from aats.trade_service import TradeService

from .conftest import BTC, ETH
from .synthetic import SyntheticFeed

MAP = {1001: BTC, 1002: ETH}


class Quiet(BaseStrategy):
    def close(self) -> None:
        pass


def service(*, symbols: dict[Any, str] | None = None, **options: Any) -> TradeService:
    made = TradeService(symbols or MAP, **options)
    made.add_strategy(Quiet())
    return made


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: TradeService({1: BTC, 2: BTC}), "has two cids in sym_cid_map: 1 and 2"),
        (lambda: TradeService({1: "BTCUSDT"}), r"sym_cid_map\[1\] must be 'SYMBOL.EXCHANGE'"),
        (lambda: TradeService(MAP, name="a b"), "'a b' cannot be a name"),
        (lambda: TradeService(MAP, wait="often"), "wait must be 'adaptive', 'spin', 'yield' or 'sleep'; it is 'often'"),
        (
            lambda: service().add_md_symbol("BTCUSD", "BINANCE"),
            r"BTCUSD.BINANCE has no cid in sym_cid_map \(did you mean BTCUSDT.BINANCE\?\)",
        ),
        (lambda: service().add_md_symbol("BTCUSDT", "binance"), r"exchange must be one of BINANCE.*did you mean BINANCE.*it is 'binance'"),
        (lambda: service().add_trade_symbol("BTCUSDT", "BINANCE", 0), "level_num of BTCUSDT.BINANCE must be .* 1 to 1000; it is 0"),
        (lambda: service().add_md_symbol("BTCUSDT", "BINANCE", 1001), "it is 1001"),
        (lambda: service().add_md_symbol("BTCUSDT", "BINANCE", True), "it is True"),
        (lambda: service().config_exchange("BINANCE", "live"), r"trade_type is 'live'; known are DIRECT \('direct'\), SANDBOX"),
        (lambda: service().config_exchange("BINANCE", "replay"), "'replay' is not available yet"),
        (lambda: service().set_apikey("BINANCE", "k", ""), "must not be empty"),
        (lambda: service().set_apikey("BINANCE", "k", "s", "p"), "BINANCE has no password"),
        (lambda: service().set_apikey("BINANCE", "k", "s", "", "sub"), "BINANCE has no subaccount"),
        (lambda: service().set_fee("BINANCE", 7, 0.001), "taker_fee of BINANCE must be a part of the notional"),
        (lambda: service().set_fee("BINANCE", 0.001, "x"), "maker_fee of BINANCE .* it is 'x'"),
        (lambda: service().set_ts_connection("", 1), "set_ts_connection: ip"),
        (lambda: service().set_md_connection("127.0.0.1", 70000, 0), "set_md_connection: port"),
        (lambda: service().set_md_connection("127.0.0.1", 1, "TCP"), r"send_type is 'TCP'; known are SHM \(0\), P2P \(1\)"),
        (lambda: service().add_strategy(object()), "add_strategy takes an instance of a BaseStrategy class"),  # type: ignore[arg-type]
        (lambda: service().run(), "no symbol: call add_md_symbol"),
        (lambda: TradeService(MAP).run(), "no strategy: call add_strategy"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_where_it_is_made(call: Callable[[], object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        call()


def test_a_strategy_is_added_once() -> None:
    made, strategy = TradeService(MAP), Quiet()
    made.add_strategy(strategy)
    with pytest.raises(ConfigError, match="was added already"):
        made.add_strategy(strategy)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("0.0.0.0", 15004, "P2P"), "set_md_connection: ip must be the market server's own address with send_type P2P"),
        (("no-such-host.invalid", 15004, 1), "set_md_connection: 'no-such-host.invalid' cannot be resolved"),
        (("127.0.0.1", 15004, "broadcast"), r"255\.255\.255\.255 or the broadcast address of a card .* BROADCAST; it is '127\.0\.0\.1'"),
        (("127.0.0.1", 15004, NetWorkType.MULTIBROAD), r"from 224\.0\.0\.0 to 239\.255\.255\.255 with send_type MULTIBROAD"),
        (("239.1.2.3", 15004, 3, "nocard0"), "no network card 'nocard0'; there are .*lo"),
    ],
)
def test_market_data_from_an_address_that_cannot_be_is_refused(words: tuple[Any, ...], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AATS_MD", raising=False)
    with pytest.raises(ConfigError, match=text):
        service().set_md_connection(*words[:3], netcard_name="".join(words[3:]))
    monkeypatch.setenv("AATS_MD", "shm")
    service().set_md_connection(*words[:3])


@pytest.mark.parametrize("feed", ["binance", "inline"])
def test_a_named_feed_and_a_network_exclude_each_other(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AATS_MD", raising=False)
    made = service(feed=feed)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.set_md_connection("127.0.0.1", 15004, "P2P")
    with pytest.raises(ConfigError, match=rf"feed '{feed}' \(TradeService\) or from P2P 127\.0\.0\.1:15004 \(set_md_connection\)"):
        made.run()


def test_a_trade_symbol_needs_a_trade_type() -> None:
    made = service()
    made.add_trade_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match=r"BTCUSDT.BINANCE cannot be traded: call config_exchange\('BINANCE'"):
        made.run()


def test_more_levels_than_the_feed_has_is_refused_with_both_numbers(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed(level=5)
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE", 20)
    with pytest.raises(ConfigError, match="level_num 20 was asked for, feed 'binance' publishes 5 levels"):
        made.run()
    assert [one["role"] for one in control.processes()] == ["feed"], "the trade slot is given back"


def test_a_feed_that_was_named_must_have_the_symbol(make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch) -> None:
    make_feed("other", (ETH,))
    made = service(feed="other")
    made.add_md_symbol("BTCUSDT", "BINANCE")
    monkeypatch.setattr("aats.config.limits", lambda: type("Limits", (), {"feed_ready_ms": 50})())
    with pytest.raises(ConfigError, match=r"BTCUSDT.BINANCE \(direct\): no feed has it; feeds that run: other \(direct: ETHUSDT.BINANCE\)"):
        made.run()


def test_two_living_processes_of_a_name_are_refused(make_feed: Callable[..., SyntheticFeed]) -> None:
    make_feed().book(0, 1_000_000_000)
    refused: list[BaseException] = []

    class Second(Quiet):
        def onStart(self) -> None:
            again = service(name="twin")
            again.add_md_symbol("BTCUSDT", "BINANCE")
            try:
                again.run()
            except BaseException as exc:
                refused.append(exc)
            self.manager.stop()

    made = TradeService(MAP, name="twin")
    made.add_strategy(Second())
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.run()
    assert len(refused) == 1 and isinstance(refused[0], SlotTaken)


# ------------------------------------------------------------------------------------------------------------ secrets


def test_secrets_stand_in_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    made = service()
    made.set_apikey("BINANCE", "the-key", "the-secret")
    said = f"{made!r} {vars(made)!r} {caplog.text}"
    assert "the-key" not in said and "the-secret" not in said


# ------------------------------------------------------------------------------------------------------ what is chosen


def _feed(name: str, mode: Mode, started_ns: int, symbols: tuple[str, ...] = (BTC,), *, received: bool = False) -> control.Feed:
    states = dict.fromkeys(symbols, DirState.LIVE)
    return control.Feed(name, 1, 0, 1, mode, State.RUN, started_ns, 0.0, "BINANCE", 5, states, received=received)


@pytest.mark.parametrize(
    ("mode", "chosen"),
    [(Mode.DIRECT, "old"), (Mode.SANDBOX, "box"), (Mode.PAPER, "old"), (Mode.SIM, "sim")],
)
def test_the_oldest_feed_of_the_best_mode_is_taken(mode: Mode, chosen: str) -> None:
    feeds = [_feed("sim", Mode.SIM, 1), _feed("eth", Mode.DIRECT, 2, (ETH,)), _feed("old", Mode.DIRECT, 3), _feed("new", Mode.DIRECT, 4)]
    feeds.append(_feed("box", Mode.SANDBOX, 5))
    found = choose(Symbol(1, "BTCUSDT", "BINANCE", 5, False, mode), feeds)
    assert found is not None and found.name == chosen


@pytest.mark.parametrize(
    ("mode", "have", "taken"),
    [(Mode.DIRECT, Mode.SIM, False), (Mode.PAPER, Mode.SIM, True), (Mode.SANDBOX, Mode.DIRECT, True), (Mode.SIM, Mode.DIRECT, False)],
)
def test_a_sim_feed_never_serves_a_direct_strategy(mode: Mode, have: Mode, taken: bool) -> None:
    found = choose(Symbol(1, "BTCUSDT", "BINANCE", 5, False, mode), [_feed("one", have, 1)])
    assert (found is not None) == taken


@pytest.mark.parametrize("mode", [Mode.DIRECT, Mode.PAPER, Mode.SANDBOX])
def test_a_feed_of_this_host_goes_before_one_that_is_received(mode: Mode) -> None:
    symbol, there = Symbol(1, "BTCUSDT", "BINANCE", 5, False, mode), _feed("rx-192-0-2-1-15004", Mode.DIRECT, 1, received=True)
    for feeds in ([there, _feed("here", Mode.DIRECT, 2)], [_feed("here", Mode.DIRECT, 2), there]):
        found = choose(symbol, feeds)
        assert found is not None and found.name == "here"
    found = choose(symbol, [there, _feed("here", Mode.DIRECT, 2, (ETH,))])
    assert found is not None and found.received, "no feed here has the symbol"
    assert choose(symbol, [_feed("here", Mode.DIRECT, 2), there], named=there.name) is there


def test_a_missing_feed_is_asked_for(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("aats.control_client.ensure", lambda host, port: asked.append({"host": host, "port": port}))
    monkeypatch.setattr("aats.control_client.ask", lambda host, port, request, timeout_s: asked.append(request))
    made = service()
    made.set_ts_connection("127.0.0.1", 9999)
    made.add_md_symbol("BTCUSDT", "BINANCE", 7)
    with pytest.raises(ConfigError, match=r"BTCUSDT.BINANCE \(direct\): no feed has it; no feed runs"):
        made.run()
    assert asked[0] == {"host": "127.0.0.1", "port": 9999}
    assert asked[1]["op"] == "start_market" and asked[1]["namespace"] == namespace
    assert asked[1]["config"]["feed"]["venue"] == "BINANCE" and asked[1]["config"]["feed"]["mode"] == "direct"


# --------------------------------------------------------------------------------------------------------- order, const


def test_orders_count_from_one_and_are_told_apart_by_their_number() -> None:
    code = "from aats.base.order import Order as O; print([O('BINANCE', 'BTCUSDT', 1, 2, 'buy', 'ioc').order_id for _ in range(3)])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[1, 2, 3]"
    one, two = (Order("BINANCE", "BTCUSDT", 1, 2, "buy", "ioc") for _ in range(2))
    assert one != two and one in [two, one] and one.order_status == "NEW"


@pytest.mark.parametrize("side", ["BUY", "buy", Side.BUY])
@pytest.mark.parametrize("tif", ["POS", "pos", OrderType.POS])
def test_constants_are_taken_as_member_name_or_value(side: Any, tif: Any) -> None:
    order = Order("BINANCE", "BTCUSDT", "1.5", 2, side, tif)
    assert order.side == "buy" and f"{order.side}" == "buy" and str(order.tif) == "pos"


@pytest.mark.parametrize(
    ("side", "tif", "text"), [("hold", "ioc", r"side is 'hold'; known are BUY \('buy'\), SELL"), ("buy", 3, r"tif is 3; known are IOC")]
)
def test_an_unknown_side_or_tif_is_a_value_error(side: Any, tif: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Order("BINANCE", "BTCUSDT", 1, 2, side, tif)


@pytest.mark.parametrize("value", [NetWorkType.MULTIBROAD, "MULTIBROAD", "multibroad", 3, "3"])
def test_send_types_are_taken_in_every_spelling(value: Any) -> None:
    assert member(NetWorkType, value, "send_type") is NetWorkType.MULTIBROAD


@pytest.mark.parametrize("value", [None, True, 9, "", b"p2p"])
def test_what_is_no_send_type_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="send_type is"):
        member(NetWorkType, value, "send_type", error=ConfigError)


def test_an_order_before_run_is_an_order_error() -> None:
    order = Order("BINANCE", "BTCUSDT", 1, 2, "buy", "ioc")
    with pytest.raises(OrderError, match=r"before run\(\)"):
        Quiet().send_order(order)
    with pytest.raises(OrderError, match=r"before run\(\)"):
        Quiet().send_cancel_order(1)


def test_trade_types_are_what_the_document_says() -> None:
    assert [kind.value for kind in TradeType] == ["direct", "sandbox", "paper", "sim", "replay"]


def test_the_feed_at_the_named_port_is_preferred(make_feed: Callable[..., SyntheticFeed]) -> None:
    for name, port in (("old", 15004), ("new", 15005)):
        feed = make_feed(name)
        feed.member.describe(port=port)
        feed.book(0, 1_000_000_000)
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    symbols = made._checked()
    assert made._finder(symbols).chosen()[BTC].name == "old"
    made.set_md_connection("127.0.0.1", 15005, NetWorkType.SHM)
    assert made._finder(symbols).chosen()[BTC].name == "new"
    made.set_md_connection("127.0.0.1", 15006, NetWorkType.SHM)
    assert made._finder(symbols).chosen()[BTC].name == "old", "a port that nobody has leaves the choice to the rule"


def test_aats_md_overrides_a_network_type(make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch) -> None:
    make_feed().book(0, 1_000_000_000)
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.set_md_connection("239.255.0.1", 15004, NetWorkType.MULTIBROAD)
    monkeypatch.setenv("AATS_MD", "shm")
    assert made._finder(made._checked()).chosen()[BTC].name == "binance"
