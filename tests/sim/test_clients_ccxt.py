"""ccxt with a key, over REST and over the WebSocket API: only its `urls` and its `cafile` are changed.

It places a limit, a post-only and an IOC, cancels, asks for open orders, one order, its trades and its balance, and watches
its orders, its trades, its balance and the book.  What is asserted is what it made of the answers, and that the balances are the sum of the trades.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.sim.strangers import (
    BEGIN,
    FIRST,
    MAKER_FEE,
    SECOND,
    TAKER_FEE,
    THIRD,
    TICK,
    WAIT_S,
    after,
    check_fees,
    free,
    held,
    moved,
    three_accounts,
)

ccxt = pytest.importorskip("ccxt", reason="ccxt is not installed (extra: test)")
ccxtpro = pytest.importorskip("ccxt.pro", reason="ccxt is not installed (extra: test)")

SYMBOL = "BTC/USDT"


@pytest.fixture
def ready() -> Iterator[dict[str, Any]]:
    with three_accounts() as line:
        yield line


@contextlib.asynccontextmanager
async def client(ready: dict[str, Any], key: tuple[str, str] = FIRST) -> AsyncIterator[Any]:
    exchange = ccxtpro.binance({"cafile": ready["ca"], "apiKey": key[0], "secret": key[1]})
    exchange.urls["api"] = moved(exchange.urls["api"], ready)
    try:
        yield exchange
    finally:
        await exchange.close()


async def touch(exchange: Any) -> tuple[float, float]:
    """Return best bid and best ask."""
    book = await exchange.fetch_order_book(SYMBOL)
    return book["bids"][0][0], book["asks"][0][0]


def post_only(suffix: str, side: str, amount: float, price: float) -> tuple[Any, ...]:
    """Return what ccxt wants for a post-only order; by WebSocket it would pass `postOnly` on, a parameter that the venue does not know."""
    return ("LIMIT_MAKER", side, amount, price) if suffix else ("limit", side, amount, price, {"postOnly": True})


async def until(watch: Any, *args: Any, want: Any) -> Any:
    """Watch until `want` is true of all that came; return that."""

    async def look() -> Any:
        came = [await watch(*args)]
        while not want(came):
            came.append(await watch(*args))
        return came

    return await asyncio.wait_for(look(), WAIT_S)


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("suffix", ["", "_ws"], ids=["REST", "WebSocket API"])
def test_ccxt_tells_refusals_apart(ready: dict[str, Any], suffix: str) -> None:
    async def go() -> None:
        async with client(ready) as exchange:
            create, cancel = getattr(exchange, "create_order" + suffix), getattr(exchange, "cancel_order" + suffix)
            bid, ask = await touch(exchange)
            with pytest.raises(ccxt.OrderImmediatelyFillable):
                await create(SYMBOL, *post_only(suffix, "buy", 0.01, ask))
            with pytest.raises(ccxt.InsufficientFunds):
                await create(SYMBOL, "limit", "sell", 101, ask)
            with pytest.raises(ccxt.BadRequest, match="Filter failure: NOTIONAL"):
                await create(SYMBOL, "limit", "buy", 0.00001, bid)
            with pytest.raises(ccxt.OrderNotFound):
                await cancel("999999", SYMBOL)
            assert await exchange.fetch_open_orders(SYMBOL) == []
            assert held((await exchange.fetch_balance())["info"]["balances"]) == free(BEGIN)
        async with client(ready, (FIRST[0], "not its secret")) as exchange:
            with pytest.raises(ccxt.AuthenticationError):
                await getattr(exchange, "create_order" + suffix)(SYMBOL, "limit", "buy", 0.01, bid)

    asyncio.run(go())


# ------------------------------------------------------------------------------------------------------------- path


@pytest.mark.parametrize("suffix", ["", "_ws"], ids=["REST", "WebSocket API"])
def test_ccxt_places_cancels_and_asks(ready: dict[str, Any], suffix: str) -> None:
    async def go() -> None:
        async with client(ready) as exchange:
            create, cancel, one, opened, mine, balance = (
                getattr(exchange, name + suffix)
                for name in ("create_order", "cancel_order", "fetch_order", "fetch_open_orders", "fetch_my_trades", "fetch_balance")
            )
            bid, ask = await touch(exchange)
            limit = await create(SYMBOL, "limit", "buy", 0.01, bid - 10)
            post = await create(SYMBOL, *post_only(suffix, "sell", 0.02, ask + 10))
            ioc = await create(SYMBOL, "limit", "buy", 0.03, ask + 5, {"timeInForce": "IOC"})
            none = await create(SYMBOL, "limit", "buy", 0.03, bid, {"timeInForce": "IOC"})
            assert (limit["status"], limit["filled"], limit["type"], limit["timeInForce"]) == ("open", 0, "limit", "GTC")
            assert (post["status"], post["filled"], post["postOnly"], post["price"]) == ("open", 0, True, pytest.approx(ask + 10))
            assert (ioc["status"], ioc["filled"], ioc["remaining"]) == ("closed", 0.03, 0)
            assert ask <= ioc["average"] <= ask + 5 and ioc["fees"][0]["currency"] == "BTC"
            assert sum(Decimal(fill["commission"]) for fill in ioc["info"]["fills"]) == Decimal("0.03") * TAKER_FEE
            assert (none["status"], none["filled"], none["remaining"]) == ("expired", 0, 0.03)

            assert {order["id"] for order in await opened(SYMBOL)} == {limit["id"], post["id"]}
            assert (await one(ioc["id"], SYMBOL))["status"] == "closed"
            assert (await one(limit["id"], SYMBOL))["clientOrderId"] == limit["clientOrderId"]
            trades = [trade["info"] for trade in await mine(SYMBOL)]
            assert {str(trade["orderId"]) for trade in trades} == {ioc["id"]} and not any(trade["isMaker"] for trade in trades)
            check_fees(trades)
            locked = {"BTC": Decimal("0.02"), "USDT": Decimal("0.01") * Decimal(limit["info"]["price"])}
            assert held((await balance())["info"]["balances"]) == free(after(trades), **locked)

            canceled = [await cancel(order["id"], SYMBOL) for order in (limit, post)]
            assert [(order["id"], order["status"]) for order in canceled] == [(limit["id"], "canceled"), (post["id"], "canceled")]
            assert (await one(post["id"], SYMBOL))["status"] == "canceled" and await opened(SYMBOL) == []
            assert held((await balance())["info"]["balances"]) == free(after(trades))

    asyncio.run(go())


@pytest.mark.parametrize("suffix", ["", "_ws"], ids=["REST", "WebSocket API"])
def test_ccxt_signs_with_an_ed25519_key(ready: dict[str, Any], suffix: str) -> None:
    async def go() -> None:
        async with client(ready, (THIRD, ready["pem"])) as exchange:
            bid, _ = await touch(exchange)
            placed = await getattr(exchange, "create_order" + suffix)(SYMBOL, "limit", "buy", 0.01, bid - 10)
            assert [order["id"] for order in await getattr(exchange, "fetch_open_orders" + suffix)(SYMBOL)] == [placed["id"]]
            assert (await getattr(exchange, "cancel_order" + suffix)(placed["id"], SYMBOL))["status"] == "canceled"

    asyncio.run(go())


def test_ccxt_watches_its_orders_trades_balance_and_the_book(ready: dict[str, Any]) -> None:
    async def go() -> None:
        async with client(ready) as maker, client(ready, SECOND) as taker:
            await maker.load_markets()
            _, px = await touch(maker)
            asks = (await taker.fetch_order_book(SYMBOL))["asks"]
            level = sum(qty for at, qty in asks if at <= px + float(TICK))
            swept = await taker.create_order(SYMBOL, "limit", "buy", level, px + float(TICK), {"timeInForce": "IOC"})
            assert swept["filled"] == pytest.approx(level)  # now there is room for a bid of our own at `px`
            steps: list[tuple[str, str, float]] = []  # ccxt changes its order objects in place

            async def orders() -> Any:
                got = await maker.watch_orders(SYMBOL)
                steps.extend((order["id"], order["status"], order["filled"]) for order in got)
                return got

            fills, balance, book = maker.watch_my_trades, maker.watch_balance, maker.watch_order_book
            tasks = [
                asyncio.ensure_future(until(orders, want=lambda came: came[-1][-1]["status"] == "closed")),
                asyncio.ensure_future(until(fills, SYMBOL, want=lambda came: sum(map(len, came)) >= 2)),
                asyncio.ensure_future(until(balance, want=lambda came: came[-1]["BTC"]["total"] > BEGIN["BTC"] + Decimal("0.015"))),
                asyncio.ensure_future(until(book, SYMBOL, want=lambda came: came[-1]["bids"][0][:2] == [px, 0.02])),
            ]
            await asyncio.sleep(1)  # they subscribe; nothing tells when they have
            placed = await maker.create_order_ws(SYMBOL, *post_only("_ws", "buy", 0.02, px))
            await tasks[3]  # the own order stands in the public book
            assert (await maker.fetch_balance())["USDT"]["used"] == pytest.approx(0.02 * px)
            for _ in range(2):
                sold = await taker.create_order(SYMBOL, "limit", "sell", 0.01, px, {"timeInForce": "IOC"})
                assert (sold["status"], sold["filled"], sold["average"]) == ("closed", 0.01, px)
            seen, trades, _, _ = await asyncio.gather(*tasks)
            assert steps == [(placed["id"], "open", 0), (placed["id"], "open", 0.01), (placed["id"], "closed", 0.02)]
            assert seen[-1][-1]["average"] == px
            trades = [trade for came in trades for trade in came]
            assert [trade["takerOrMaker"] for trade in trades] == ["maker", "maker"]
            assert sum(Decimal(trade["info"]["n"]) for trade in trades) == Decimal("0.02") * MAKER_FEE
            both = [[t["info"] for t in await exchange.fetch_my_trades(SYMBOL)] for exchange in (maker, taker)]
            assert len(both[0]) == 2 and [t["id"] for t in both[0]] == [t["id"] for t in both[1]][-2:]
            for exchange, rows in zip((maker, taker), both, strict=True):
                check_fees(rows)
                assert held((await exchange.fetch_balance())["info"]["balances"]) == free(after(rows))

    asyncio.run(go())
