"""The life of an order: what is refused, what is traded, what its account is told; and that the market knows of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from aats.sim import Exchange, Generator, Limits, TapeMarket
from aats.sim.amounts import E16, text8
from aats.sim.pit import OWN_TRADE_IDS
from tests.sim.trading import Trader, still, wish
from tests.sim.wire import MS, T0, Client, DictBook, World

ASK, BID = "61000.01", "61000.00"  # of `still`
TWO = {"one": "one", "two": "two"}


def _two(world: World | None = None) -> tuple[Trader, Trader]:
    world = world or still(keys=TWO)
    return Trader(world, "one", "one"), Trader(world, "two", "two")


def _top(world: World, levels: int = 1) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    book = world.exchange.market.snapshot("BTCUSDT", levels)
    return book.bids, book.asks


def _take_best_ask(trader: Trader) -> None:
    """Open the spread: the best ask is gone and nothing stands there."""
    (px, qty), (second, _) = _top(trader.world, 2)[1]
    assert px == f"{ASK}000000" and second != px
    assert trader.place("BUY", qty, px, tif="FOK")["status"] == "FILLED"


def _book_of_diffs(world: World, stream: Client, snapshot: Any) -> DictBook:
    """Return the book that a snapshot and the diffs of a stream give, at a moment when the last diff has told all."""
    for _ in range(1000):
        book = DictBook()
        book.load(snapshot)
        for event in stream.of("depthUpdate"):
            book.apply(event)
        if book.id == world.exchange.market.snapshot("BTCUSDT", 1).last_id:
            break
        world.run(0.001)
    assert book.gaps == 0
    return book


# -- refusals --------------------------------------------------------------------------------------------------------


def test_post_only_that_would_cross_is_refused_and_leaves_nothing() -> None:
    trader = Trader(still())
    before = trader.balances()
    params = wish("BUY", "0.01000", ASK, kind="LIMIT_MAKER")
    assert trader.error("order.place", **params) == (400, -2010, "Order would immediately match and take.")
    assert trader.steps() == [] and trader.balances() == before
    assert trader.ok("openOrders.status") == [] and trader.ok("allOrders", symbol="BTCUSDT") == []
    trader.place("BUY", "0.01000", BID, kind="LIMIT_MAKER")


def test_an_id_that_an_open_order_has_is_refused_and_may_be_used_again_later() -> None:
    trader = Trader(still())
    first = trader.place("BUY", "0.01000", "60000.00", newClientOrderId="mine")
    assert trader.error("order.place", **wish("BUY", "0.01000", "60000.00", newClientOrderId="mine")) == (
        400,
        -2010,
        "Duplicate order sent.",
    )
    trader.place("BUY", "0.01000", "2000.00", symbol="ETHUSDT", newClientOrderId="mine")
    trader.ok("order.cancel", symbol="BTCUSDT", origClientOrderId="mine")
    second = trader.place("BUY", "0.01000", "60000.00", newClientOrderId="mine")
    assert second["orderId"] != first["orderId"]
    assert trader.ok("order.status", symbol="BTCUSDT", origClientOrderId="mine")["orderId"] == second["orderId"]


def test_cancelling_what_is_not_open_is_2011_and_asking_for_what_is_not_there_2013() -> None:
    one, two = _two()
    filled = one.place("BUY", "0.00100", ASK)["orderId"]
    resting = one.place("BUY", "0.01000", "60000.00", newClientOrderId="mine")["orderId"]
    unknown = (400, -2011, "Unknown order sent.")
    for ids in ({"orderId": 99}, {"origClientOrderId": "99"}, {"orderId": filled}):
        assert one.error("order.cancel", symbol="BTCUSDT", **ids) == unknown
    assert one.error("order.cancel", symbol="ETHUSDT", orderId=resting) == unknown
    assert two.error("order.cancel", symbol="BTCUSDT", orderId=resting) == unknown
    assert one.error("order.cancel", symbol="BTCUSDT")[1] == -1102
    assert one.error("order.cancel", symbol="BTCUSDT", orderId="x")[1] == -1100
    assert one.error("order.cancel", symbol="BTCUSDT", orderId=resting, origClientOrderId="other")[1] == -2039
    assert one.error("order.cancel", symbol="BTCUSDT", orderId=resting, cancelRestrictions="SOME")[1] == -1145
    assert one.error("order.cancel", symbol="BTCUSDT", orderId=resting, cancelRestrictions="ONLY_PARTIALLY_FILLED")[1] == -2011
    assert two.error("order.status", symbol="BTCUSDT", orderId=resting) == (400, -2013, "Order does not exist.")
    assert two.error("openOrders.cancelAll", symbol="BTCUSDT") == unknown
    assert one.ok("order.cancel", symbol="BTCUSDT", orderId=resting, cancelRestrictions="ONLY_NEW")["status"] == "CANCELED"
    assert one.error("order.cancel", symbol="BTCUSDT", orderId=resting) == unknown


# -- lives -----------------------------------------------------------------------------------------------------------


def test_a_resting_order_is_told_and_answered() -> None:
    trader = Trader(still())
    answer = trader.place("BUY", "0.01000", "60000.00", newClientOrderId="mine")
    assert answer["status"] == "NEW" and answer["fills"] == [] and answer["clientOrderId"] == "mine" and answer["orderListId"] == -1
    assert (answer["price"], answer["origQty"], answer["executedQty"]) == ("60000.00000000", "0.01000000", "0.00000000")
    (event,) = trader.events()
    assert (event["x"], event["X"], event["c"], event["C"], event["i"]) == ("NEW", "NEW", "mine", "", answer["orderId"])
    assert (event["q"], event["p"], event["w"], event["m"], event["t"], event["N"]) == (
        "0.01000000",
        "60000.00000000",
        True,
        False,
        -1,
        None,
    )
    assert set("eEscSofqpPFgCxXrilzLnNTtIwmMOZYQWV") == set(event)
    assert trader.events("outboundAccountPosition")[-1]["B"][1] == {"a": "USDT", "f": "999400.00000000", "l": "600.00000000"}


@pytest.mark.parametrize(("resp", "keys"), [("ACK", 5), ("RESULT", 16), ("FULL", 17), (None, 17)])
def test_the_answer_has_the_type_that_was_asked_for(resp: str | None, keys: int) -> None:
    trader = Trader(still())
    also = {} if resp is None else {"newOrderRespType": resp}
    assert len(trader.place("BUY", "0.01000", "60000.00", **also)) == keys


def test_a_cancel_is_told_under_its_own_id_with_the_orders_id_beside_it() -> None:
    trader = Trader(still())
    order = trader.place("SELL", "0.01000", "62000.00", newClientOrderId="mine")
    answer = trader.ok("order.cancel", symbol="BTCUSDT", orderId=order["orderId"], newClientOrderId="the-cancel")
    assert (answer["origClientOrderId"], answer["clientOrderId"], answer["status"]) == ("mine", "the-cancel", "CANCELED")
    event = trader.events()[-1]
    assert (event["x"], event["X"], event["c"], event["C"], event["w"]) == ("CANCELED", "CANCELED", "the-cancel", "mine", False)
    assert trader.ok("order.status", symbol="BTCUSDT", origClientOrderId="mine")["status"] == "CANCELED"


def test_a_taker_eats_levels_best_first_and_the_rest_of_an_ioc_expires() -> None:
    world = still()
    trader = Trader(world)
    (best, second), (px1, qty1) = _top(world, 2)[1], _top(world, 2)[1][0]
    answer = trader.place("BUY", "5.00000", second[0], tif="IOC")
    assert answer["status"] == "EXPIRED"
    assert [(f["price"], f["qty"]) for f in answer["fills"]] == [best, second]
    assert float(answer["executedQty"]) == pytest.approx(float(best[1]) + float(second[1]))
    assert trader.steps() == [("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "EXPIRED")]
    trades = [e for e in trader.events() if e["x"] == "TRADE"]
    assert [e["t"] for e in trades] == [f["tradeId"] for f in answer["fills"]]
    assert (trades[0]["L"], trades[0]["l"], trades[0]["m"], trades[0]["N"]) == (px1, qty1, False, "BTC")
    assert trades[1]["z"] == answer["executedQty"] and trades[1]["Z"] == answer["cummulativeQuoteQty"]


def test_fok_is_all_or_nothing() -> None:
    world = still()
    trader = Trader(world)
    best = _top(world)[1][0]
    nothing = trader.place("BUY", "1.00000", best[0], tif="FOK")
    assert (nothing["status"], nothing["fills"]) == ("EXPIRED", [])
    assert trader.place("BUY", best[1].rstrip("0"), best[0], tif="FOK")["status"] == "FILLED"


def test_market_orders_by_quantity_and_by_amount() -> None:
    world = still()
    trader = Trader(world)
    assert trader.place("SELL", "0.50000")["status"] == "FILLED"
    by_amount = trader.ok("order.place", symbol="BTCUSDT", side="BUY", type="MARKET", quoteOrderQty="1000")
    spent = float(by_amount["cummulativeQuoteQty"])
    assert by_amount["status"] == "FILLED" and 1000 - 0.62 < spent <= 1000
    assert by_amount["origQty"] == by_amount["executedQty"] and by_amount["origQuoteOrderQty"] == "1000.00000000"
    assert trader.steps(by_amount["orderId"])[-1] == ("TRADE", "FILLED")
    sold = trader.ok("order.place", symbol="BTCUSDT", side="SELL", type="MARKET", quoteOrderQty="1000")
    assert sold["status"] == "FILLED" and 1000 - 0.62 < float(sold["cummulativeQuoteQty"]) <= 1000
    assert world.exchange.ledger.audit() == []


def test_two_accounts_trade_with_each_other_at_the_makers_price_with_one_trade_id() -> None:
    one, two = _two()
    _take_best_ask(one)
    one.place("SELL", "0.20000", ASK, kind="LIMIT_MAKER")
    taker = two.place("BUY", "0.30000", ASK, tif="IOC")
    assert taker["status"] == "EXPIRED" and [(f["price"], f["qty"]) for f in taker["fills"]] == [(f"{ASK}000000", "0.20000000")]
    fill = one.events()[-1]
    assert (fill["x"], fill["X"], fill["m"], fill["L"], fill["t"]) == (
        "TRADE",
        "FILLED",
        True,
        f"{ASK}000000",
        taker["fills"][0]["tradeId"],
    )
    assert fill["N"] == "USDT" and taker["fills"][0]["commissionAsset"] == "BTC"
    assert one.world.exchange.ledger.audit() == []


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        ("EXPIRE_MAKER", ("TRADE_PREVENTION", "EXPIRED_IN_MATCH"), ("NEW", "NEW")),
        ("EXPIRE_TAKER", ("NEW", "NEW"), ("TRADE_PREVENTION", "EXPIRED_IN_MATCH")),
        ("EXPIRE_BOTH", ("TRADE_PREVENTION", "EXPIRED_IN_MATCH"), ("TRADE_PREVENTION", "EXPIRED_IN_MATCH")),
    ],
)
def test_an_account_does_not_trade_with_itself(mode: str, maker: tuple[str, str], taker: tuple[str, str]) -> None:
    trader = Trader(still())
    _take_best_ask(trader)
    rests = trader.place("SELL", "0.50000", ASK, kind="LIMIT_MAKER")["orderId"]
    comes = trader.place("BUY", "0.50000", ASK, selfTradePreventionMode=mode)["orderId"]
    assert trader.steps(rests)[-1] == maker
    assert trader.steps(comes)[-1] == taker
    assert all(fill["orderId"] != rests for fill in trader.ok("myTrades", symbol="BTCUSDT"))
    assert trader.world.exchange.ledger.audit() == []


def test_decrement_prevents_the_smaller_order_whole_and_the_larger_in_part() -> None:
    trader = Trader(still())
    trader.world.exchange.desk.filters("BTCUSDT").stp_modes = ("NONE", "DECREMENT")
    _take_best_ask(trader)
    rests = trader.place("SELL", "0.50000", ASK, kind="LIMIT_MAKER", selfTradePreventionMode="NONE")["orderId"]
    comes = trader.place("BUY", "0.20000", ASK, selfTradePreventionMode="DECREMENT")["orderId"]
    assert trader.steps(comes)[-1] == ("TRADE_PREVENTION", "EXPIRED_IN_MATCH")
    assert trader.steps(rests)[-1] == ("TRADE_PREVENTION", "NEW")
    assert trader.ok("order.status", symbol="BTCUSDT", orderId=rests)["preventedQuantity"] == "0.20000000"
    assert trader.balances()["BTC"][1] == "0.30000000" and trader.world.exchange.ledger.audit() == []
    both = trader.place("BUY", "0.30000", ASK, selfTradePreventionMode="NONE")["orderId"]
    assert trader.steps(rests)[-1] == trader.steps(both)[-1] == ("TRADE", "FILLED")
    assert len({e["t"] for e in trader.events() if e["x"] == "TRADE" and e["i"] in (rests, both)}) == 1
    assert trader.world.exchange.ledger.audit() == []


def test_amending_keeps_the_place_and_the_id_and_changes_the_client_id() -> None:
    trader = Trader(still())
    order = trader.place("SELL", "0.05000", "62000.00", newClientOrderId="mine")
    ids = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    for qty in ("0.05000", "0.06000"):
        assert trader.error("order.amend.keepPriority", **ids, newQty=qty)[1] == -2038
    answer = trader.ok("order.amend.keepPriority", **ids, newQty="0.02000")
    amended = answer["amendedOrder"]
    assert (amended["orderId"], amended["qty"], amended["origClientOrderId"], amended["status"]) == (
        order["orderId"],
        "0.02000000",
        "mine",
        "NEW",
    )
    assert amended["clientOrderId"] != "mine"
    event = trader.events()[-1]
    assert (event["x"], event["X"], event["c"], event["q"]) == ("REPLACED", "NEW", amended["clientOrderId"], "0.02000000")
    assert trader.balances()["BTC"] == ("99.98000000", "0.02000000")
    trader.ok("order.amend.keepPriority", **ids, newQty="0.01000", newClientOrderId=amended["clientOrderId"])
    for _ in range(8):
        qty = trader.world.exchange.desk.ledger.accounts[0].open[order["orderId"]].qty - 1000
        trader.ok("order.amend.keepPriority", **ids, newQty=f"0.{qty:08d}")
    assert trader.error("order.amend.keepPriority", **ids, newQty="0.00500")[2] == "Filter failure: MAX_NUM_ORDER_AMENDS"


def test_cancel_replace_says_what_became_of_each_half() -> None:
    trader = Trader(still())
    first = trader.place("SELL", "0.05000", "62000.00")["orderId"]
    good = {**wish("SELL", "0.05000", "62001.00"), "cancelReplaceMode": "STOP_ON_FAILURE"}
    both = trader.ok("order.cancelReplace", **good, cancelOrderId=first)
    assert (both["cancelResult"], both["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert both["cancelResponse"]["orderId"] == first and both["newOrderResponse"]["status"] == "NEW"
    none = trader.call("order.cancelReplace", **good, cancelOrderId=first)
    assert (none["status"], none["error"]["code"], none["error"]["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
    assert none["error"]["data"]["cancelResponse"]["code"] == -2011 and none["error"]["data"]["newOrderResponse"] is None
    crossing = {**good, "type": "LIMIT_MAKER", "price": "60000.00"}
    del crossing["timeInForce"]
    half = trader.call("order.cancelReplace", **crossing, cancelOrderId=both["newOrderResponse"]["orderId"])
    assert (half["status"], half["error"]["code"], half["error"]["data"]["cancelResult"]) == (409, -2021, "SUCCESS")
    assert half["error"]["data"]["newOrderResponse"]["code"] == -2010
    rest = trader.rest("POST", "/api/v3/order/cancelReplace", **{**good, "cancelReplaceMode": "ALLOW_FAILURE"}, cancelOrderId=first)
    assert rest.status == 409 and rest.json["data"]["newOrderResult"] == "SUCCESS"


def test_cancel_all_takes_one_symbol() -> None:
    trader = Trader(still())
    ids = [trader.place("SELL", "0.05000", px)["orderId"] for px in ("62000.00", "62001.00")]
    other = trader.place("SELL", "0.05000", "3000.00", symbol="ETHUSDT")["orderId"]
    assert [row["orderId"] for row in trader.ok("openOrders.cancelAll", symbol="BTCUSDT")] == ids
    assert [row["orderId"] for row in trader.ok("openOrders.status")] == [other]


# -- orders and the market -------------------------------------------------------------------------------------------


def test_own_orders_stand_in_the_generated_book() -> None:
    world = still()
    trader, quotes = Trader(world), world.ws("/ws/btcusdt@bookTicker")
    deep, start = world.ws("/ws/btcusdt@depth@100ms"), world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json
    shown = float(_top(world)[0][0][1])
    order = trader.place("BUY", "0.25000", BID)["orderId"]
    assert float(_top(world)[0][0][1]) == pytest.approx(shown + 0.25)
    assert float(quotes.messages[-1]["B"]) == pytest.approx(shown + 0.25)
    trader.place("BUY", "0.10000", "60999.99")
    trader.ok("order.cancel", symbol="BTCUSDT", orderId=order)
    books = _book_of_diffs(world, deep, start)
    assert books.equals(world.exchange.market.snapshot("BTCUSDT", 5000))
    assert books.bids["60999.99000000"] == "0.10000000"


def test_what_an_own_order_takes_is_a_public_trade_and_gone() -> None:
    world = still()
    trader, trades = Trader(world), world.ws("/ws/btcusdt@trade")
    first_id = world.exchange.market.snapshot("BTCUSDT", 1).last_id
    best = _top(world)[1][0]
    fills = trader.place("BUY", "0.50000", "61000.02", tif="IOC")["fills"]
    public = trades.of("trade")
    assert [(t["t"], t["p"], t["q"], t["m"]) for t in public] == [(f["tradeId"], f["price"], f["qty"], False) for f in fills]
    assert _top(world)[1][0] != best and world.exchange.market.snapshot("BTCUSDT", 1).last_id > first_id


def test_the_generated_flow_hits_own_orders_in_their_place() -> None:
    """An order behind a level waits until the level is gone; one inside the spread is hit first; the books stay whole."""
    world = World(Exchange(Generator(7, ["BTCUSDT:200"], depth=200), T0, limits=Limits(orders_10s=10_000)))
    trader, trades = Trader(world), world.ws("/ws/btcusdt@trade")
    deep = world.ws("/ws/btcusdt@depth@100ms")
    world.run(0.5)
    start = world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json
    for _ in range(60):
        world.run(0.25)
        bid, ask = world.exchange.market.touch("BTCUSDT")
        if trader.world.exchange.ledger.accounts[0].open:
            trader.call("openOrders.cancelAll", symbol="BTCUSDT")
        for side, px in (("BUY", bid), ("SELL", ask)):
            trader.call("order.place", **wish(side, "0.05000", f"{px / 1e8:.2f}", kind="LIMIT_MAKER"))
        assert world.exchange.ledger.audit() == []
    mine = {e["t"]: e for e in trader.events() if e["x"] == "TRADE"}
    public = {t["t"]: t for t in trades.of("trade")}
    assert len(mine) > 20 and mine.keys() <= public.keys()
    assert all((mine[n]["L"], mine[n]["l"]) == (public[n]["p"], public[n]["q"]) for n in mine)
    assert all(public[n]["m"] == (mine[n]["S"] == "BUY") for n in mine)
    ids = sorted(public)
    assert ids == list(range(ids[0], ids[-1] + 1))
    books = _book_of_diffs(world, deep, start)
    assert books.equals(world.exchange.market.snapshot("BTCUSDT", 5000))
    top = world.exchange.market.snapshot("BTCUSDT", 1)
    assert float(top.bids[0][0]) < float(top.asks[0][0])


def test_an_order_waits_for_what_stands_before_it() -> None:
    one, two = _two()
    before = float(_top(one.world)[0][0][1])
    mine = one.place("BUY", "0.10000", BID)["orderId"]
    two.place("SELL", f"{before:.5f}", BID, tif="IOC")
    assert one.steps(mine) == [("NEW", "NEW")]
    two.place("SELL", "0.04000", BID, tif="IOC")
    assert one.steps(mine)[-1] == ("TRADE", "PARTIALLY_FILLED") and one.events()[-1]["l"] == "0.04000000"


def _day(seed: int) -> tuple[list[Any], Any]:
    world = World(Exchange(Generator(seed, ["BTCUSDT:100"], depth=100), T0, keys=TWO, limits=Limits(orders_10s=10_000)))
    traders, rng = _two(world), random.Random(seed)
    for _ in range(150):
        world.run(rng.random() * 0.1)
        bid, ask = world.exchange.market.touch("BTCUSDT")
        trader = rng.choice(traders)
        px = (bid if rng.random() < 0.5 else ask) / 1e8 + rng.randrange(-5, 6) / 100
        side, tif = rng.choice(("BUY", "SELL")), rng.choice(("GTC", "GTC", "IOC", "FOK"))
        match rng.randrange(7):
            case 0:
                trader.call("openOrders.cancelAll", symbol="BTCUSDT")
            case 1:
                trader.call("order.place", **wish(side, f"{rng.randrange(1, 3000) / 1e4:.5f}"))
            case 2:
                trader.call("order.place", **wish(side, "0.30000", f"{px:.2f}", kind="LIMIT_MAKER"))
            case 3:
                amount = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quoteOrderQty": f"{rng.randrange(10, 20_000)}"}
                trader.call("order.place", **amount)
            case _:
                trader.call("order.place", **wish(side, f"{rng.randrange(1, 9000) / 1e4:.5f}", f"{px:.2f}", tif=tif))
        assert world.exchange.ledger.audit() == []
        bid, ask = world.exchange.market.touch("BTCUSDT")
        assert 0 < bid < ask
    return [t.ws.messages for t in traders], world.exchange.state()


@pytest.mark.parametrize("seed", range(1, 5))
def test_any_day_adds_up_and_the_same_calls_give_the_same_bytes(seed: int) -> None:
    messages, state = _day(seed)
    assert state["fills"] > 20 and state["audit"] == []
    assert (messages, state) == _day(seed)


@pytest.mark.parametrize("seed", range(6))
def test_orders_larger_than_a_thin_market_leave_it_whole(seed: int) -> None:
    """Never crossed, never one-sided; the diffs, the best prices and the trades that were published tell all of it."""
    rng = random.Random(seed)
    rich = dict.fromkeys(("BTC", "USDT"), 10**9 * E16)
    market = Generator(seed, ["BTCUSDT:200"], depth=rng.choice([3, 10, 30]))
    limits = Limits(orders_10s=10_000, weight_per_min=10**9)
    world = World(Exchange(market, T0, keys=TWO, deposits=rich, limits=limits))
    traders = _two(world)
    deep, trades, quotes = (world.ws(f"/ws/btcusdt@{kind}") for kind in ("depth@100ms", "trade", "bookTicker"))
    world.run(0.2)
    start = world.http("/api/v3/depth?symbol=BTCUSDT&limit=5000").json
    for _ in range(60):
        world.run(rng.random() * 0.05)
        bid, ask = market.touch("BTCUSDT")
        assert 0 < bid < ask
        trader, side, qty = rng.choice(traders), rng.choice(("BUY", "SELL")), f"{rng.choice([0.01, 1, 30, 100]) * rng.random() + 0.001:.3f}"
        px = text8((bid if rng.random() < 0.5 else ask) + rng.choice([-100, -5, -1, 0, 1, 5, 20, 300]) * 1_000_000)
        match rng.randrange(5):
            case 0:
                trader.call("openOrders.cancelAll", symbol="BTCUSDT")
            case 1:
                trader.call("order.place", **wish(side, qty))
            case _:
                trader.call("order.place", **wish(side, qty, px, tif=rng.choice(["GTC", "GTC", "IOC", "FOK"])))
        assert world.exchange.ledger.audit() == []
    book, snapshot = _book_of_diffs(world, deep, start), market.snapshot("BTCUSDT", 100_000)
    assert book.id == snapshot.last_id and book.equals(snapshot)
    last = quotes.messages[-1]
    assert (last["b"], last["B"], last["a"], last["A"]) == (*snapshot.bids[0], *snapshot.asks[0])
    public = {trade["t"]: (trade["p"], trade["q"]) for trade in trades.of("trade")}
    assert list(public) == list(range(min(public), min(public) + len(public)))
    mine = [e for trader in traders for e in trader.events() if e["x"] == "TRADE"]
    assert len(mine) > 10 and all(public[e["t"]] == (e["L"], e["l"]) for e in mine)


def test_a_tape_is_played_unaltered_and_own_trades_have_ids_of_their_own(data_dir: Path) -> None:
    def play(trading: bool) -> tuple[list[bytes], list[Any]]:
        world = World(
            Exchange(TapeMarket([data_dir / "binance-spot/hftbacktest/btcusdt_20240808.gz"]), T0, limits=Limits(orders_10s=10_000))
        )
        streams = world.ws("/stream?streams=btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker")
        trader = Trader(world)
        for n in range(100):
            world.run(0.1)
            bid, ask = world.exchange.market.touch("BTCUSDT")
            if trading and n % 4 == 0:
                trader.call("order.place", **wish("BUY", "0.01000", f"{bid / 1e8:.2f}"))
                trader.call("order.place", **wish("SELL", "0.01000", f"{ask / 1e8:.2f}"))
            elif trading and n % 4 == 3:
                trader.call("openOrders.cancelAll", symbol="BTCUSDT")
                trader.call("order.place", **wish("BUY", "0.01000", f"{ask / 1e8:.2f}", tif="IOC"))
        assert world.exchange.ledger.audit() == []
        return [bytes(frame.data) for frame in streams.frames], [e for e in trader.events() if e["x"] == "TRADE"]

    alone, nothing = play(trading=False)
    frames, mine = play(trading=True)
    assert frames == alone and not nothing
    assert len(mine) > 20 and {e["m"] for e in mine} == {True, False}
    assert [e["t"] for e in mine] == list(range(OWN_TRADE_IDS + 1, OWN_TRADE_IDS + 1 + len(mine)))


def test_times_are_in_microseconds_for_who_asks() -> None:
    world = still()
    trader = Trader(world, path="/ws-api/v3?timeUnit=MICROSECOND")
    world.now += 123_456
    answer = trader.place("BUY", "0.01000", "60000.00")
    assert answer["transactTime"] == trader.events()[0]["T"] == world.now // 1000
    reply = trader.rest("GET", "/api/v3/openOrders", headers={"X-MBX-TIME-UNIT": "MICROSECOND"})
    assert reply.json[0]["time"] == world.now // 1000
    assert trader.rest("GET", "/api/v3/openOrders").json[0]["time"] == world.now // MS
