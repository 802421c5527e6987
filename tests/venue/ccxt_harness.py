"""What ccxt must be able to do at every dialect of the simulated exchange, with nothing of it changed but `urls` and `cafile`.

Not a test itself: a venue's test names its ccxt class and a symbol and calls `the_list`.  Each step asserts what ccxt made of the answers:

    instruments  ->  watch the book and trades  ->  a limit order rests, is seen open, holds balance, is canceled
    ->  a post-only order rests; one that would take does not trade
    ->  an IOC order trades  ->  its fills and the balance say the same
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sim.strangers import moved
from tests.sim.wire import spawn

WAIT_S = 60


@dataclass(frozen=True)
class Expect:
    """What differs from venue to venue.

    Attributes
    ----------
    venue, ccxt, symbol : str
        Ours, the name of the class in ``ccxt.pro``, and ccxt's symbol: ``"BTC/USDT"``, ``"BTC/USDT:USDT"``.
    symbols : str
        For ``aats sim --symbols``.
    amount : float
        Size of an order, in what ccxt calls amount.
    config : dict
        apiKey, secret, password of the account.
    post, ioc : dict
        ccxt's parameters of a post-only and an IOC order.
    balance : dict
        ccxt's parameters of a question for balances: at some venues it asks for what is held only so.
    fetch_trades : str
        ccxt's method for fills.
    sim : tuple of str
        More arguments of ``aats sim``.
    """

    venue: str
    ccxt: str
    symbol: str
    symbols: str
    amount: float = 0.01
    config: Mapping[str, Any] = field(default_factory=lambda: {"apiKey": "aats-sim", "secret": "aats-sim"})
    post: Mapping[str, Any] = field(default_factory=lambda: {"postOnly": True})
    ioc: Mapping[str, Any] = field(default_factory=lambda: {"timeInForce": "IOC"})
    balance: Mapping[str, Any] = field(default_factory=dict)
    fetch_trades: str = "fetch_my_trades"
    sim: tuple[str, ...] = ()


def run(expect: Expect) -> None:
    """Start the simulated exchange and let ccxt do the whole list."""
    ccxtpro = pytest.importorskip("ccxt.pro", reason="ccxt is not installed (extra: test)")
    with spawn("--venue", expect.venue, "--symbols", expect.symbols, *expect.sim) as ready:

        async def go() -> None:
            exchange = getattr(ccxtpro, expect.ccxt)({"cafile": ready["ca"], **expect.config})
            exchange.urls["api"] = moved(exchange.urls["api"], ready)
            try:
                await asyncio.wait_for(the_list(exchange, expect), 4 * WAIT_S)
            finally:
                await exchange.close()

        asyncio.run(go())


async def the_list(exchange: Any, expect: Expect) -> None:
    """Do everything once, in order."""
    bid, ask = await sees_the_market(exchange, expect)
    before = (await exchange.fetch_balance(dict(expect.balance)))["total"]
    await rests_and_cancels(exchange, expect, bid, {})
    await rests_and_cancels(exchange, expect, bid, expect.post)
    await does_not_take(exchange, expect, ask)
    await takes(exchange, expect, ask, before)


async def sees_the_market(exchange: Any, expect: Expect) -> tuple[float, float]:
    """Instruments, book, trades; return best bid and ask."""
    markets = await exchange.load_markets()
    market = markets[expect.symbol]
    assert market["active"] is not False and market["precision"]["price"] and market["precision"]["amount"]
    assert market["swap"] == (":" in expect.symbol)
    book: Any = None
    for _ in range(5):
        book = await asyncio.wait_for(exchange.watch_order_book(expect.symbol), WAIT_S)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert [px for px, *_ in book["bids"]] == sorted((px for px, *_ in book["bids"]), reverse=True)
    trades = await asyncio.wait_for(exchange.watch_trades(expect.symbol), WAIT_S)
    assert trades[-1]["side"] in ("buy", "sell") and trades[-1]["amount"] > 0
    assert 0.9 < trades[-1]["price"] / book["bids"][0][0] < 1.1
    return book["bids"][0][0], book["asks"][0][0]


async def rests_and_cancels(exchange: Any, expect: Expect, bid: float, params: Mapping[str, Any]) -> None:
    """A limit order far below the market is open, and no more once it is canceled."""
    price = float(exchange.price_to_precision(expect.symbol, bid * 0.95))
    placed = await exchange.create_order(expect.symbol, "limit", "buy", expect.amount, price, dict(params))
    assert placed["id"]
    rows = await _eventually(lambda: exchange.fetch_open_orders(expect.symbol), lambda rows: any(row["id"] == placed["id"] for row in rows))
    row = next(row for row in rows if row["id"] == placed["id"])
    assert (
        row["side"] == "buy"
        and row["price"] == pytest.approx(price)
        and row["amount"] == pytest.approx(expect.amount)
        and not row["filled"]
    )
    if ":" not in expect.symbol:
        quote = expect.symbol.partition("/")[2]
        used = (await exchange.fetch_balance(dict(expect.balance)))[quote]["used"]
        assert used is None or used >= price * expect.amount * 0.999, "what an open order needs is held"
    await exchange.cancel_order(placed["id"], expect.symbol)
    await _eventually(lambda: exchange.fetch_open_orders(expect.symbol), lambda rows: not rows)


async def does_not_take(exchange: Any, expect: Expect, ask: float) -> None:
    """A post-only order that would take is refused, or canceled without a trade."""
    import ccxt

    price = float(exchange.price_to_precision(expect.symbol, ask * 1.01))
    try:
        await exchange.create_order(expect.symbol, "limit", "buy", expect.amount, price, dict(expect.post))
    except ccxt.BaseError as refused:
        assert isinstance(refused, (ccxt.InvalidOrder, ccxt.ExchangeError)) and not isinstance(refused, ccxt.AuthenticationError), refused
    await _eventually(lambda: exchange.fetch_open_orders(expect.symbol), lambda rows: not rows)
    assert await getattr(exchange, expect.fetch_trades)(expect.symbol) == []


async def takes(exchange: Any, expect: Expect, ask: float, before: Mapping[str, float]) -> None:
    """An IOC order through the market trades; fills and balances say so."""
    price = float(exchange.price_to_precision(expect.symbol, ask * 1.01))
    placed = await exchange.create_order(expect.symbol, "limit", "buy", expect.amount, price, dict(expect.ioc))
    fills = await _eventually(
        lambda: getattr(exchange, expect.fetch_trades)(expect.symbol),
        lambda rows: sum(row["amount"] for row in rows) >= expect.amount * 0.999,
    )
    assert {fill["order"] for fill in fills} == {placed["id"]}
    assert sum(fill["amount"] for fill in fills) == pytest.approx(expect.amount)
    assert all(fill["side"] == "buy" and fill["price"] <= price and fill["takerOrMaker"] in ("taker", None) for fill in fills)
    assert await exchange.fetch_open_orders(expect.symbol) == []
    after = (await exchange.fetch_balance(dict(expect.balance)))["total"]
    if ":" in expect.symbol:
        return
    base, _, quote = expect.symbol.partition("/")
    fee = {asset: sum(fill["fee"]["cost"] for fill in fills if fill["fee"] and fill["fee"]["currency"] == asset) for asset in (base, quote)}
    assert sum(fee.values()) > 0, "a fill has its fee"
    assert after[base] - before.get(base, 0) == pytest.approx(expect.amount - fee[base], rel=1e-6, abs=1e-9)
    assert before[quote] - after[quote] == pytest.approx(sum(fill["cost"] for fill in fills) + fee[quote], rel=1e-6)


async def _eventually(ask: Callable[[], Awaitable[Any]], want: Callable[[Any], bool]) -> Any:
    """Ask again until the answer is as wanted."""
    end = asyncio.get_running_loop().time() + WAIT_S
    while True:
        got = await ask()
        if want(got):
            return got
        assert asyncio.get_running_loop().time() < end, got
        await asyncio.sleep(0.2)
