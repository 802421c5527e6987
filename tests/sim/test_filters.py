"""What may be ordered: parameters and filters, each refusal with the venue's code; and that the edge itself passes."""

from __future__ import annotations

from typing import Any

import pytest

from aats.sim.filters import Filters, decimal
from aats.sim.limits import Refusal
from tests.sim.trading import Trader, still, wish

GOOD = wish("BUY", "0.01000", "60000.00")


@pytest.fixture(scope="module")
def trader() -> Trader:
    return Trader(still())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": None}, -1102),
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": "btcusdt"}, -1121),
        ({"side": None}, -1102),
        ({"side": "HOLD"}, -1117),
        ({"type": None}, -1102),
        ({"type": "STOP_LOSS"}, -1116),
        ({"type": "WISH"}, -1116),
        ({"timeInForce": None}, -1102),
        ({"timeInForce": "GTX"}, -1115),
        ({"quantity": None}, -1102),
        ({"price": None}, -1102),
        ({"price": "abc"}, -1100),
        ({"price": "-1"}, -1100),
        ({"price": "6e4"}, -1100),
        ({"price": "60000.000000001"}, -1111),
        ({"price": "0"}, -1013),
        ({"quantity": "0"}, -1013),
        ({"quantity": "99999999999999999999"}, -1013),
        ({"quoteOrderQty": "100"}, -1106),
        ({"stopPrice": "1"}, -1106),
        ({"icebergQty": "0.005"}, -2010),
        ({"newClientOrderId": "a b"}, -1100),
        ({"newClientOrderId": "x" * 37}, -1100),
        ({"newClientOrderId": ""}, -1105),
        ({"newOrderRespType": "SOME"}, -1130),
        ({"selfTradePreventionMode": "MAYBE"}, -1130),
        ({"selfTradePreventionMode": "DECREMENT"}, -1013),
        ({"strategyType": "999999"}, -1130),
        ({"type": "LIMIT_MAKER"}, -1106),
        ({"type": "MARKET", "timeInForce": None}, -1106),
        ({"type": "MARKET", "price": None}, -1106),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": None}, -1102),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quoteOrderQty": "100"}, -1128),
        ({"unknown": "1"}, -1104),
    ],
)
def test_a_malformed_order_is_refused_with_the_venues_code(trader: Trader, change: dict[str, Any], code: int) -> None:
    params = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    assert trader.error("order.place", **params)[:2] == (400, code)
    assert trader.error("order.test", **params)[:2] == (400, code)
    assert trader.world.exchange.desk.placed == 0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price": "60000.001"}, "PRICE_FILTER"),
        ({"price": "1000000.01"}, "PRICE_FILTER"),
        ({"quantity": "0.000001"}, "LOT_SIZE"),
        ({"quantity": "0.010001"}, "LOT_SIZE"),
        ({"quantity": "9000000.00001"}, "LOT_SIZE"),
        ({"quantity": "0.00008"}, "NOTIONAL"),
        ({"quantity": "151"}, "NOTIONAL"),
        ({"price": "12000.00"}, "PERCENT_PRICE_BY_SIDE"),
        ({"price": "305000.03"}, "PERCENT_PRICE_BY_SIDE"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "100000.00001"}, "MARKET_LOT_SIZE"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "0.00008"}, "NOTIONAL"),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": None, "quoteOrderQty": "4.99"}, "NOTIONAL"),
    ],
)
def test_an_order_off_its_filter_is_refused_by_name(trader: Trader, change: dict[str, Any], name: str) -> None:
    params = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    assert trader.error("order.test", **params) == (400, -1013, f"Filter failure: {name}")


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "0.00009", "price": "60000"},
        {"quantity": "1.5000", "price": "61000.0100000000"},
        {"newClientOrderId": "-_aZ9" + "x" * 31},
    ],
)
def test_what_is_just_inside_passes(trader: Trader, change: dict[str, Any]) -> None:
    assert trader.ok("order.test", **{**GOOD, **change}) == {}


def test_the_largest_number_of_open_orders_is_a_filter() -> None:
    world = still()
    trader = Trader(world)
    for n in range(200):
        world.now += 100_000_000
        trader.place("BUY", "0.00100", f"{50000 + n}.00")
    world.now += 100_000_000
    assert trader.error("order.place", **GOOD) == (400, -1013, "Filter failure: MAX_NUM_ORDERS")
    trader.place("BUY", "0.00100", "70000.00", tif="IOC")  # it will not be open
    trader.ok("openOrders.cancelAll", symbol="BTCUSDT")
    trader.place("BUY", "0.01000", "60000.00")


def test_old_filters_of_recorded_instruments_are_obeyed() -> None:
    old = Filters(
        {
            "filters": [
                {"filterType": "PERCENT_PRICE", "multiplierUp": "2", "multiplierDown": "0.5", "avgPriceMins": 5},
                {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": False, "avgPriceMins": 5},
                {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": "0"},
            ]
        }
    )
    e8 = 10**8

    def failed(px: int, qty: int) -> str:
        with pytest.raises(Refusal) as caught:
            old.check_limit(buys=True, px=px, qty=qty, reference=100 * e8)
        return caught.value.msg

    old.check_limit(buys=True, px=200 * e8, qty=e8, reference=100 * e8)
    assert failed(200 * e8 + 1, e8) == failed(50 * e8 - 1, e8) == "Filter failure: PERCENT_PRICE"
    assert failed(100 * e8, e8 // 10 - 1) == "Filter failure: MIN_NOTIONAL"
    old.check_market(qty=1, reference=100 * e8)


def test_decimals_are_exact() -> None:
    assert decimal({"price": "0.1"}, "price") == 10_000_000
    assert decimal({"price": "00012.3400000000"}, "price") == 1_234_000_000
    assert decimal({}, "price") == 0
