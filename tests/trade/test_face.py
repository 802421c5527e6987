"""The public face as it was promised: calls with their arguments, callbacks, messages, constants, exceptions.

For: whoever is about to rename something that a published strategy says.  The lists below are the promise, written out; a name may be added beside them,
none may go or change its meaning.  Not for what the calls do: the other files here.
"""

from __future__ import annotations

import dataclasses
import inspect
from enum import Enum
from typing import Any

import pytest

import aats
from aats import errors
from aats._ffi import lib, text
from aats.base import const, order, symbolinfo
from aats.base.const import NetWorkType, OrderStatus, OrderType, Side, TradeType
from aats.base.order import Order
from aats.base_strategy import BaseStrategy
from aats.control_service import ControlService
from aats.market_service import MarketService
from aats.trade_orders import ORDER_CALLBACKS
from aats.trade_service import TradeService

from .test_orders import FILL_KEYS, KEYS

#: Calls as they may be written: names in their order, defaults as code; `*` before those that are by name only.
CALLS: dict[type, dict[str, str]] = {
    TradeService: {
        "__init__": "sym_cid_map, verbose=True, *, name=None, feed=None",
        "set_ts_connection": "ip, port",
        "set_md_connection": "ip, port, send_type, *, netcard_name=''",
        "config_exchange": "exchange, trade_type",
        "set_apikey": "exchange, key, secret, password='', subaccount=''",
        "set_fee": "exchange, taker_fee, maker_fee",
        "add_md_symbol": "symbol, exchange, level_num=5",
        "add_trade_symbol": "symbol, exchange, level_num=5",
        "add_strategy": "strategy",
        "run": "",
        "stop": "",
    },
    MarketService: {
        "__init__": "sym_cid_map",
        "set_control_server": "ip, port",
        "set_network_cfg": "ip, port, send_type=NetWorkType.P2P, netcard_name=''",
        "open_l2_data": "",
        "add_exchange": "exchange, market_data_type='', market_data_channel=''",
        "add_listen_symbol": "symbol, exchange, level_num=5, *, book_level=None",
        "run": "",
    },
    ControlService: {
        "__init__": "",
        "set_control_server": "ip, port",
        "show_all_trade_servers": "",
        "show_all_market_servers": "",
        "kill_server": "pid",
    },
    BaseStrategy: {
        "init_strategy": "si, trade_cid, trade_symbol, trade_exchange, manager",
        "send_order": "order",
        "send_cancel_order": "order_id",
        "set_timer": "name, every_ms",
        "book": "cid",
        "close": "",
        **dict.fromkeys(("onQuote", "onTick", "onBbo", "onL2", "onFunding", "onMark", "onLiquidation"), "msg"),
        "onNotify": "NoType",
        "onStart": "",
        "onStop": "reason",
        "onTimer": "name",
        "onBookInvalid": "cid, reason",
        "onLap": "feed, missed",
        "onFeedDown": "feed, reason",
        "onFeedUp": "feed",
        **dict.fromkeys(ORDER_CALLBACKS[:12], "msg"),
        **dict.fromkeys(("onDisconnect", "onReconnect", "onReconciled"), "exchange"),
        "onRisk": "state",
        "onSlow": "hop, ns",
    },
}

ORDER_EVENTS = (
    *("onOrderCreated", "onOrderAcked", "onOrderRejected", "onOrderExec"),
    *("onOrderCancelCreated", "onOrderCancelAcked", "onOrderCancelRejected", "onOrderCanceled", "onOrderClosed"),
    *("onOrderUnknown", "onOrderAmended", "onOrderAmendRejected", "onDisconnect", "onReconnect", "onReconciled", "onRisk"),
)

ORDER_FIELDS = {
    **dict.fromkeys(("exchange", "symbol", "price", "size", "side", "tif"), dataclasses.MISSING),
    "margin": False,
    "margin_source": "spot",
    **dict.fromkeys(("fill_size", "fill_price", "fill_notional"), 0.0),
    "remote_id": "",
    "order_status": "NEW",
}

MESSAGE_KEYS = {
    *("exchange", "symbol", "side", "price", "size", "order_id", "remote_id", "margin", "margin_source"),
    *("fill_size", "fill_price", "fill_notional"),
    *("msg", "code", "client_id", "cum_size", "cum_notional", "avg_price", "leaves_size"),
}

SYMBOL_INFO = (
    *("cid", "sym", "exch", "port", "level_num", "ticksize", "lotsize", "depth"),
    *("bid_px", "bid_qty", "ask_px", "ask_qty", "mid_px", "bids", "asks"),
    *("trade_px", "trade_qty", "trade_type", "valid", "exch_ns", "recv_ns", "bbo_bid_px", "bbo_bid_qty", "bbo_ask_px", "bbo_ask_qty"),
)

CONSTANTS: dict[type[Enum], dict[str, Any]] = {
    Side: {"BUY": "buy", "SELL": "sell"},
    OrderType: {"IOC": "ioc", "POS": "pos", "GTC": "gtc", "FOK": "fok", "MARKET": "market"},
    OrderStatus: {name: name for name in "NEW ADD ACK EXE CXL CAK CXD RJD CRD CLD UNK".split()},
    NetWorkType: {"SHM": 0, "P2P": 1, "BROADCAST": 2, "MULTIBROAD": 3},
    TradeType: {"DIRECT": "direct", "SANDBOX": "sandbox", "PAPER": "paper", "SIM": "sim", "REPLAY": "replay"},
}

PARENTS = {
    "ConfigError": "AatsError",
    "ShmError": "AatsError",
    "SegmentMissing": "ShmError",
    "LayoutMismatch": "ShmError",
    "ControlError": "AatsError",
    "SlotTaken": "ControlError",
    "PeerDead": "ControlError",
    "FeedError": "AatsError",
    "ParseError": "FeedError",
    "SequenceGap": "FeedError",
    "BadChecksum": "FeedError",
    "OrderError": "AatsError",
}


def shape(call: Any) -> str:
    """Return the arguments of a method as CALLS writes them."""
    words, named_only = [], False
    for one in list(inspect.signature(call).parameters.values())[1:]:
        if one.kind is one.KEYWORD_ONLY and not named_only:
            words.append("*")
            named_only = True
        default = f"{type(one.default).__name__}.{one.default.name}" if isinstance(one.default, Enum) else repr(one.default)
        words.append(one.name if one.default is one.empty else f"{one.name}={default}")
    return ", ".join(words)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, calls in CALLS.items() for name in calls])
def test_a_call_takes_what_was_promised(kind: type, name: str) -> None:
    made, promised = shape(getattr(kind, name)).split(", "), CALLS[kind][name].split(", ")
    assert made[: len(promised)] == promised
    assert all("*" in made and "=" in word for word in made[len(promised) :]), "only options by name may stand beside what was promised"


def test_a_strategy_has_no_callback_that_is_not_promised() -> None:
    assert {name for name in vars(BaseStrategy) if name.startswith("on")} == {name for name in CALLS[BaseStrategy] if name.startswith("on")}


def test_callbacks_of_base_strategy_do_nothing() -> None:
    strategy = BaseStrategy()
    before = dict(vars(strategy))
    for name, arguments in CALLS[BaseStrategy].items():
        if name.startswith("on") or name == "close":
            assert getattr(strategy, name)(*(object() for one in arguments.split(", ") if one)) is None
    assert vars(strategy) == before


def test_order_events_of_the_core_are_the_callbacks_in_their_order() -> None:
    assert ORDER_CALLBACKS == ORDER_EVENTS
    for number, name in enumerate(ORDER_EVENTS, 1):
        word = name.removeprefix("onOrder").removeprefix("on")
        constant = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in word).lstrip("_")
        assert getattr(lib, f"AATS_OEV_{constant}") == number


def test_an_order_has_the_promised_fields_in_their_order() -> None:
    fields = {one.name: one.default for one in dataclasses.fields(Order) if one.init}
    assert list(fields)[: len(ORDER_FIELDS)] == list(ORDER_FIELDS) and fields == ORDER_FIELDS | {
        "reduce_only": False
    }  # ours, behind the published
    assert [one.name for one in dataclasses.fields(Order) if not one.init] == ["order_id"]


def test_an_order_message_has_the_promised_keys() -> None:
    assert KEYS == MESSAGE_KEYS and FILL_KEYS == {"fee", "fee_asset", "liquidity"}


@pytest.mark.parametrize("name", SYMBOL_INFO)
def test_what_is_known_of_a_symbol_has_the_promised_names(name: str) -> None:
    assert hasattr(symbolinfo.SymbolInfo(1001, "BTCUSDT.BINANCE", 5), name)


@pytest.mark.parametrize("kind", CONSTANTS, ids=lambda kind: kind.__name__)
def test_constants_have_the_promised_names_and_values(kind: type[Enum]) -> None:
    assert {one.name: one.value for one in kind} == CONSTANTS[kind]


def test_sides_and_order_types_count_as_the_core_does() -> None:
    for kind, prefix in ((Side, "AATS_SIDE_"), (OrderType, "AATS_TIF_")):
        assert [getattr(lib, prefix + one.name) for one in kind] == list(range(1, len(kind) + 1))


def test_exceptions_stand_where_they_are_caught() -> None:
    for name, parent in PARENTS.items():
        assert getattr(errors, name).__bases__[0] is getattr(errors, parent)


def test_names_are_had_from_the_published_modules() -> None:
    assert order.Order is aats.Order and symbolinfo.SymbolInfo is aats.SymbolInfo
    assert all(getattr(const, kind.__name__) is getattr(aats, kind.__name__) for kind in CONSTANTS)


def test_an_unnamed_reason_is_the_empty_text() -> None:
    assert text(lib.aats_code_name(lib.AATS_OC_NONE)) == ""
