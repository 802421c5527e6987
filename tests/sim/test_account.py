"""Balances that add up, fees in the received asset, fills, and the venue's count of unfilled orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from aats.errors import ConfigError
from aats.sim import Exchange, Generator, Limits
from aats.sim.accounts import Ledger
from aats.sim.amounts import E16, e8, text8, text16
from aats.sim.command import parse_deposits, parse_fees
from tests.sim.trading import Trader, still, wish
from tests.sim.wire import T0, World

POOR = "Account has insufficient balance for requested action."


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["BTC", "BTC=", "=1", "BTC=-1", "BTC=1e3", "BTC=0.000000001", "B C=1"])
def test_an_amount_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_deposits([text])


@pytest.mark.parametrize("text", ["", "0.001", "0.001,0.001,0", "1,0.1", "-0.1,0", "a,b", "0.000000001,0"])
def test_fees_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_fees(text)


def test_an_order_that_the_balance_does_not_cover_is_refused() -> None:
    trader = Trader(still(deposits={"USDT": 600 * E16, "BTC": E16 // 100}))
    assert trader.error("order.place", **wish("BUY", "0.01001", "60000.00")) == (400, -2010, POOR)
    assert trader.error("order.place", **wish("SELL", "0.01001", "62000.00")) == (400, -2010, POOR)
    assert trader.error("order.place", **wish("BUY", "0.01000")) == (400, -2010, POOR)
    assert trader.error("order.place", **wish("SELL", "0.01001")) == (400, -2010, POOR)
    params = {"symbol": "BTCUSDT", "type": "MARKET"}
    assert trader.error("order.place", **params, side="BUY", quoteOrderQty="600.01") == (400, -2010, POOR)
    assert trader.error("order.place", **params, side="SELL", quoteOrderQty="620") == (400, -2010, POOR)
    trader.place("BUY", "0.01000", "60000.00")
    assert trader.error("order.place", **wish("BUY", "0.00010", "60000.00")) == (400, -2010, POOR)  # all of it is locked
    trader.place("SELL", "0.01000")


# -- balances --------------------------------------------------------------------------------------------------------


def test_every_account_begins_with_its_deposits() -> None:
    world = World(Exchange(Generator(7, ["BTCUSDT:0", "ETHBTC:0"]), T0, keys={"one": "one", "two": "two"}, deposits={"BTC": E16 // 2}))
    begin = {"USDT": ("1000000.00000000", "0.00000000"), "BTC": ("0.50000000", "0.00000000"), "ETH": ("100.00000000", "0.00000000")}
    assert Trader(world, "one", "one").balances() == Trader(world, "two", "two").balances() == begin


def test_an_order_locks_what_it_may_spend_and_its_end_gives_it_back() -> None:
    trader = Trader(still())
    buy = trader.place("BUY", "0.01000", "60000.00")["orderId"]
    assert trader.balances()["USDT"] == ("999400.00000000", "600.00000000")
    sell = trader.place("SELL", "2.00000", "62000.00")["orderId"]
    assert trader.balances()["BTC"] == ("98.00000000", "2.00000000")
    for order in (buy, sell):
        trader.ok("order.cancel", symbol="BTCUSDT", orderId=order)
    assert trader.balances()["USDT"] == ("1000000.00000000", "0.00000000")
    assert trader.balances()["BTC"] == ("100.00000000", "0.00000000")


def test_a_fill_below_the_limit_gives_the_difference_back() -> None:
    trader = Trader(still())
    fill = trader.place("BUY", "0.00500", "65000.00")["fills"][0]
    assert fill["price"] == "61000.01000000"
    free, locked = trader.balances()["USDT"]
    assert Decimal(free) == Decimal("1000000") - Decimal("0.005") * Decimal("61000.01") and Decimal(locked) == 0


@pytest.mark.parametrize(("maker", "taker"), [(100_000, 100_000), (0, 50_000), (12_345, 99_999_999)])
def test_fees_are_taken_once_in_the_received_asset(maker: int, taker: int) -> None:
    world = still(keys={"one": "one", "two": "two"}, fees=(maker, taker))
    one, two = Trader(world, "one", "one"), Trader(world, "two", "two")
    one.place("BUY", "0.10000", "61000.00")
    two.place("SELL", "5.00000", "61000.00", tif="IOC")
    bought = [e for e in one.events() if e["x"] == "TRADE"]
    sold = [e for e in two.events() if e["x"] == "TRADE"]
    assert sum(Decimal(e["l"]) for e in bought) == Decimal("0.1")
    for event in bought:
        assert (event["N"], event["n"]) == ("BTC", text8(e8(event["l"]) * maker // 10**8))
    for event in sold:
        assert (event["N"], event["n"]) == ("USDT", text8(e8(event["L"]) * e8(event["l"]) * taker // 10**16))
    got = sum(Decimal(e["l"]) - Decimal(e["n"]) for e in bought)
    assert Decimal(one.balances()["BTC"][0]) == 100 + got
    earned = sum(Decimal(e["L"]) * Decimal(e["l"]) - Decimal(e["n"]) for e in sold)
    assert Decimal(two.balances()["USDT"][0]) == 1_000_000 + earned
    assert world.exchange.ledger.audit() == []
    assert one.ok("account.commission", symbol="BTCUSDT")["standardCommission"]["taker"] == text8(taker)
    assert one.ok("account.status")["commissionRates"]["maker"] == text8(maker)


def test_each_change_is_told_as_it_is_then() -> None:
    trader = Trader(still())
    trader.place("BUY", "0.50000", "61000.02", tif="IOC")
    kinds = [m["event"]["e"] for m in trader.ws.messages if "event" in m]
    assert kinds == ["executionReport", "outboundAccountPosition"] * (len(kinds) // 2)
    last = {b["a"]: (b["f"], b["l"]) for b in trader.events("outboundAccountPosition")[-1]["B"]}
    now = trader.balances()
    assert last == {asset: now[asset] for asset in ("BTC", "USDT")}


def test_an_amount_below_the_eighth_decimal_is_kept_and_shown() -> None:
    """A price of five decimals times a quantity of four has nine."""
    world = World(Exchange(Generator(7, ["ETHBTC:0"]), T0, fees=(0, 0)))
    trader = Trader(world)
    trader.place("SELL", "0.01230", symbol="ETHBTC")
    assert Decimal(trader.balances()["BTC"][0]) == 1_000_000 + Decimal("0.0123") * Decimal("0.0434")
    assert text16(1) == "0.0000000000000001" and text16(-E16) == "-1.00000000"


def test_zero_balances_may_be_left_out() -> None:
    trader = Trader(still(deposits={"ETH": 0}))
    assert [row["asset"] for row in trader.ok("account.status", omitZeroBalances="true")["balances"]] == ["USDT", "BTC"]
    assert len(trader.ok("account.status")["balances"]) == 3
    assert trader.error("account.status", omitZeroBalances="maybe")[1] == -1100


@pytest.mark.parametrize("harm", ["free", "lock", "fee", "outside"])
def test_the_audit_finds_what_does_not_add_up(harm: str) -> None:
    world = still()
    trader = Trader(world)
    trader.place("BUY", "0.00500")
    trader.place("BUY", "0.00500", "60000.00")
    ledger: Ledger = world.exchange.ledger
    assert ledger.audit() == []
    account = ledger.accounts[0]
    match harm:
        case "free":
            account.balances["BTC"][0] += 1
        case "lock":
            account.lock("USDT", 1)
        case "fee":
            ledger.fees["BTC"] += 1
        case "outside":
            ledger.outside["ETH"] -= 1
    assert ledger.audit()


# -- queries ---------------------------------------------------------------------------------------------------------


def test_fills_and_orders_are_found_again() -> None:
    trader = Trader(still())
    first = trader.place("BUY", "0.50000", "61000.02", tif="IOC")
    trader.world.run(1)
    second = trader.place("SELL", "0.00100", "61000.00")
    trades = trader.ok("myTrades", symbol="BTCUSDT")
    assert [t["id"] for t in trades] == [f["tradeId"] for f in first["fills"] + second["fills"]]
    assert [t["commission"] for t in trades] == [f["commission"] for f in first["fills"] + second["fills"]]
    assert [t["isBuyer"] for t in trades] == [True, True, False] and not any(t["isMaker"] for t in trades)
    assert trader.ok("myTrades", symbol="BTCUSDT", orderId=second["orderId"]) == trades[2:]
    assert trader.ok("myTrades", symbol="BTCUSDT", fromId=trades[1]["id"], limit=1) == trades[1:2]
    assert trader.ok("myTrades", symbol="BTCUSDT", startTime=second["transactTime"]) == trades[2:]
    assert trader.ok("myTrades", symbol="ETHUSDT") == []
    assert trader.error("myTrades", symbol="BTCUSDT", limit=0)[1] == -1130
    assert trader.error("myTrades", symbol="BTCUSDT", startTime=0, endTime=86_400_001)[1] == -1127
    orders = trader.ok("allOrders", symbol="BTCUSDT")
    assert [(o["orderId"], o["status"]) for o in orders] == [(first["orderId"], "FILLED"), (second["orderId"], "FILLED")]
    assert trader.ok("allOrders", symbol="BTCUSDT", orderId=second["orderId"]) == orders[1:]
    assert trader.ok("allOrders", symbol="BTCUSDT", limit=1) == orders[1:]


# -- the count of unfilled orders --------------------------------------------------------------------------------------


def test_too_many_unfilled_orders_are_refused_until_the_window_rolls() -> None:
    world = still(limits=Limits(orders_10s=3))
    trader = Trader(world)
    for n in range(3):
        trader.place("BUY", "0.00100", f"{50000 + n}.00")
    reply = trader.call("order.place", **wish("BUY", "0.00100", "50003.00"))
    assert (reply["status"], reply["error"]["code"]) == (429, -1015)
    assert reply["error"]["data"]["retryAfter"] == (T0 // 10**10 + 1) * 10_000
    answer = trader.rest("POST", "/api/v3/order", **wish("BUY", "0.00100", "50003.00"))
    assert (answer.status, answer.json["code"]) == (429, -1015) and int(answer.headers["retry-after"]) >= 1
    world.run(10)
    trader.place("BUY", "0.00100", "50003.00")


def test_the_first_fill_gives_the_count_back_and_a_cancel_does_not() -> None:
    world = still(keys={"one": "one", "two": "two"})
    one, two = Trader(world, "one", "one"), Trader(world, "two", "two")

    def counts(trader: Trader) -> list[int]:
        return [row["count"] for row in trader.ok("account.rateLimits.orders")]

    placed = one.call("order.place", **wish("BUY", "0.10000", "61000.00"))
    assert [row["count"] for row in placed["rateLimits"] if row["rateLimitType"] == "ORDERS"] == counts(one) == [1, 1]
    for n in range(7):
        order = one.place("BUY", "0.00100", f"{50000 + n}.00")["orderId"]
        one.ok("order.cancel", symbol="BTCUSDT", orderId=order)
    assert counts(one) == [8, 8]
    reply = two.call("order.place", **wish("SELL", "1.00000", "61000.00", tif="IOC"))
    assert counts(two) == [0, 0] and reply["rateLimits"][0]["count"] == 0
    assert counts(one) == [3, 3]
    headers = one.rest("POST", "/api/v3/order", **wish("BUY", "0.00100", "50000.00")).headers
    assert (headers["x-mbx-order-count-10s"], headers["x-mbx-order-count-1d"]) == ("4", "4")


def test_a_refused_order_is_not_counted() -> None:
    trader = Trader(still())
    trader.error("order.place", **wish("BUY", "0.01000", "62000.00", kind="LIMIT_MAKER"))
    trader.error("order.place", **wish("BUY", "0.01000", "60000.001"))
    assert [row["count"] for row in trader.ok("account.rateLimits.orders")] == [0, 0]
