"""python-binance with a key, over REST and over the WebSocket API with user data: only its addresses and its CA are changed.

It does the list that ccxt does (test_clients_ccxt.py).  The addresses are the class attributes that hold them; the CA is its
HTTP session's, and for WebSockets SSL_CERT_FILE, which Python's default TLS context reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
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
    three_accounts,
)

binance = pytest.importorskip("binance", reason="python-binance is not installed (extra: test)")
aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed (extra: test)")

SYMBOL = "BTCUSDT"

# What each request is called over REST and over the WebSocket API.
NAMES = {
    "REST": ("create_order", "cancel_order", "get_order", "get_open_orders", "get_my_trades", "get_account"),
    "WebSocket API": ("ws_create_order", "ws_cancel_order", "ws_get_order", "ws_get_open_orders", "ws_get_my_trades", "ws_get_account"),
}


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with three_accounts() as line:
        monkeypatch.setenv("SSL_CERT_FILE", line["ca"])
        yield line


@contextlib.asynccontextmanager
async def client(ready: dict[str, Any], key: tuple[str, str] = FIRST, **kw: Any) -> AsyncIterator[Any]:
    class Moved(binance.AsyncClient):  # type: ignore[name-defined,misc]
        API_URL = ready["rest"] + "/api"
        WS_API_URL = ready["wsapi"] + "/ws-api/v3"

    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ready["ca"]))
    made = await Moved.create(*key, session_params={"connector": connector}, **kw)
    try:
        yield made
    finally:
        if made.ws_api.ws is not None:  # its reader looks whether it is to end after each message, or after TIMEOUT
            made.ws_api.TIMEOUT = 0.1
            with contextlib.suppress(binance.exceptions.BinanceWebsocketUnableToConnect):
                await made.ws_ping()
        await made.close_connection()


def sockets(ready: dict[str, Any], of: Any) -> Any:
    """Return its socket manager on our address."""

    class Moved(binance.BinanceSocketManager):  # type: ignore[name-defined,misc]
        STREAM_URL = ready["stream"] + "/"

    return Moved(of)


async def touch(of: Any) -> tuple[Decimal, Decimal]:
    """Return best bid and best ask."""
    top = await of.get_orderbook_ticker(symbol=SYMBOL)
    return Decimal(top["bidPrice"]), Decimal(top["askPrice"])


def wish(side: str, qty: str, px: Decimal, kind: str = "LIMIT", tif: str = "GTC") -> dict[str, str]:
    params = {"symbol": SYMBOL, "side": side, "type": kind, "quantity": qty, "price": str(px)}
    return params if kind == "LIMIT_MAKER" else {**params, "timeInForce": tif}


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("way", NAMES)
def test_python_binance_tells_refusals_apart(ready: dict[str, Any], way: str) -> None:
    async def code(request: Any) -> tuple[int, str]:
        with pytest.raises(binance.exceptions.BinanceAPIException) as refusal:
            await request
        return refusal.value.code, refusal.value.message

    async def go() -> None:
        async with client(ready) as one:
            create, cancel, order, opened, _, account = (getattr(one, name) for name in NAMES[way])
            bid, ask = await touch(one)
            assert await code(create(**wish("BUY", "0.01", ask, "LIMIT_MAKER"))) == (-2010, "Order would immediately match and take.")
            assert await code(create(**wish("SELL", "101", ask))) == (-2010, "Account has insufficient balance for requested action.")
            assert await code(create(**wish("BUY", "0.00001", bid))) == (-1013, "Filter failure: NOTIONAL")
            assert await code(create(**wish("BUY", "0.01", bid + TICK / 10))) == (-1013, "Filter failure: PRICE_FILTER")
            assert await code(cancel(symbol=SYMBOL, orderId=999_999)) == (-2011, "Unknown order sent.")
            assert await code(order(symbol=SYMBOL, orderId=999_999)) == (-2013, "Order does not exist.")
            assert await opened(symbol=SYMBOL) == [] and held((await account())["balances"]) == free(BEGIN)
        async with client(ready, (FIRST[0], "not its secret")) as one:
            assert (await code(getattr(one, NAMES[way][0])(**wish("BUY", "0.01", bid))))[0] == -1022

    asyncio.run(go())


# ------------------------------------------------------------------------------------------------------------- path


@pytest.mark.parametrize("way", NAMES)
def test_python_binance_places_cancels_and_asks(ready: dict[str, Any], way: str) -> None:
    async def go() -> None:
        async with client(ready) as one:
            create, cancel, order, opened, mine, account = (getattr(one, name) for name in NAMES[way])
            bid, ask = await touch(one)
            limit = await create(**wish("BUY", "0.01", bid - 10), newOrderRespType="FULL")
            post = await create(**wish("SELL", "0.02", ask + 10, "LIMIT_MAKER"))
            ioc = await create(**wish("BUY", "0.03", ask + 5, tif="IOC"))
            none = await create(**wish("BUY", "0.03", bid, tif="IOC"))
            assert (limit["status"], limit["executedQty"], limit["fills"]) == ("NEW", "0.00000000", [])
            assert sorted(post) == ["clientOrderId", "orderId", "orderListId", "symbol", "transactTime"]  # ACK: the default of that type
            assert (ioc["status"], ioc["executedQty"], ioc["origQty"]) == ("FILLED", "0.03000000", "0.03000000")
            assert sum(Decimal(fill["qty"]) for fill in ioc["fills"]) == Decimal("0.03")
            assert sum(Decimal(fill["commission"]) for fill in ioc["fills"]) == Decimal("0.03") * TAKER_FEE
            assert sum(Decimal(f["price"]) * Decimal(f["qty"]) for f in ioc["fills"]) == Decimal(ioc["cummulativeQuoteQty"])
            assert (none["status"], none["executedQty"], none["fills"]) == ("EXPIRED", "0.00000000", [])

            rows = await opened(symbol=SYMBOL)
            assert [(row["orderId"], row["type"], row["status"]) for row in rows] == [
                (limit["orderId"], "LIMIT", "NEW"),
                (post["orderId"], "LIMIT_MAKER", "NEW"),
            ]
            assert (await order(symbol=SYMBOL, orderId=ioc["orderId"]))["status"] == "FILLED"
            assert (await order(symbol=SYMBOL, origClientOrderId=limit["clientOrderId"]))["orderId"] == limit["orderId"]
            trades = await mine(symbol=SYMBOL)
            assert {trade["orderId"] for trade in trades} == {ioc["orderId"]} and not any(trade["isMaker"] for trade in trades)
            assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in ioc["fills"]]
            check_fees(trades)
            locked = {"BTC": Decimal("0.02"), "USDT": Decimal("0.01") * (bid - 10)}
            assert held((await account())["balances"]) == free(after(trades), **locked)

            canceled = [await cancel(symbol=SYMBOL, orderId=it["orderId"]) for it in (limit, post)]
            assert [(row["orderId"], row["status"]) for row in canceled] == [(it["orderId"], "CANCELED") for it in (limit, post)]
            assert canceled[0]["origClientOrderId"] == limit["clientOrderId"] != canceled[0]["clientOrderId"]
            assert (await order(symbol=SYMBOL, orderId=post["orderId"]))["status"] == "CANCELED"
            assert await opened(symbol=SYMBOL) == [] and held((await account())["balances"]) == free(after(trades))

    asyncio.run(go())


@pytest.mark.parametrize("way", NAMES)
def test_python_binance_signs_with_an_ed25519_key(ready: dict[str, Any], way: str) -> None:
    async def go() -> None:
        async with client(ready, (THIRD, ""), private_key=ready["pem"]) as one:
            create, cancel, _, opened, _, _ = (getattr(one, name) for name in NAMES[way])
            bid, _ = await touch(one)
            placed = await create(**wish("BUY", "0.01", bid - 10))
            assert [row["orderId"] for row in await opened(symbol=SYMBOL)] == [placed["orderId"]]
            assert (await cancel(symbol=SYMBOL, orderId=placed["orderId"]))["status"] == "CANCELED"

    asyncio.run(go())


def test_python_binance_is_told_of_its_orders_its_balance_and_the_book(ready: dict[str, Any]) -> None:
    async def go() -> None:
        async with client(ready) as maker, client(ready, SECOND) as taker:
            bid, _ = await touch(maker)
            px = bid - 1
            manager = sockets(ready, maker)
            levels = manager.depth_socket(SYMBOL, interval=100)
            levels.TIMEOUT = 0.2  # how long its reader sleeps in a silent market before it sees that it is to end
            async with manager.user_socket() as user, levels as depth:
                placed = await maker.ws_create_order(**wish("BUY", "0.02", px, "LIMIT_MAKER"))
                first = await asyncio.wait_for(depth.recv(), WAIT_S)
                level = next(Decimal(qty) for at, qty in first["b"] if Decimal(at) == px)
                below = [row for row in (await maker.get_order_book(symbol=SYMBOL, limit=1000))["bids"] if Decimal(row[0]) >= px]
                assert Decimal(below[-1][0]) == px and Decimal(below[-1][1]) == level  # its own order is in the public book
                through = sum(Decimal(qty) for _, qty in below)
                sold = await taker.create_order(**wish("SELL", str(through), px, tif="IOC"))
                assert (sold["status"], Decimal(sold["executedQty"])) == ("FILLED", through)
                events = []
                while not events or events[-1].get("X") != "FILLED":
                    events.append(await asyncio.wait_for(user.recv(), WAIT_S))
                last = await asyncio.wait_for(user.recv(), WAIT_S)
            reports = [event for event in events if event["e"] == "executionReport"]
            assert [(event["x"], event["X"]) for event in reports] == [("NEW", "NEW"), ("TRADE", "FILLED")]
            fill = reports[-1]
            assert (fill["i"], fill["m"], fill["N"], Decimal(fill["L"])) == (placed["orderId"], True, "BTC", px)
            assert Decimal(fill["z"]) == Decimal("0.02") and Decimal(fill["n"]) == Decimal("0.02") * MAKER_FEE
            told = {row["a"]: (Decimal(row["f"]), Decimal(row["l"])) for row in last["B"]}
            both = [await of.get_my_trades(symbol=SYMBOL) for of in (maker, taker)]
            assert [trade["id"] for trade in both[0]] == [fill["t"]] and fill["t"] in {trade["id"] for trade in both[1]}
            for of, rows in zip((maker, taker), both, strict=True):
                check_fees(rows)
                assert held((await of.get_account())["balances"]) == free(after(rows))
            assert told == free(after(both[0]))

    asyncio.run(go())
