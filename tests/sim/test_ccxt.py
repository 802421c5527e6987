"""ccxt, a client of thousands of users, against the simulator: only its `urls` and its `cafile` are changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.sim.strangers import WAIT_S, moved
from tests.sim.wire import spawn

ccxtpro = pytest.importorskip("ccxt.pro", reason="ccxt is not installed (extra: test)")


async def _watch(ready: dict[str, Any], symbol: str, config: dict[str, str], *, trades: bool) -> tuple[list[Any], list[Any]]:
    exchange = ccxtpro.binance({"cafile": ready["ca"], **config})
    exchange.urls["api"] = moved(exchange.urls["api"], ready)
    try:
        books = []
        for _ in range(8):
            book = await asyncio.wait_for(exchange.watch_order_book(symbol), WAIT_S)
            books.append((book["nonce"], book["bids"][0][0], book["asks"][0][0], len(book["bids"])))
        seen = await asyncio.wait_for(exchange.watch_trades(symbol), WAIT_S) if trades else []
        return books, list(seen)
    finally:
        await exchange.close()


@pytest.mark.parametrize("config", [{}, {"apiKey": "key", "secret": "secret"}], ids=["no key", "key"])
def test_ccxt_watches_book_and_trades(config: dict[str, str]) -> None:
    with spawn("--symbols", "BTCUSDT:100") as ready:
        books, trades = asyncio.run(_watch(ready, "BTC/USDT", config, trades=True))
    assert [b[0] for b in books] == sorted({b[0] for b in books})
    assert all(bid < ask and levels >= 900 for _, bid, ask, levels in books)
    assert trades[-1]["side"] in ("buy", "sell") and trades[-1]["price"] > 60_000


def test_ccxt_watches_a_recorded_tape(data_dir: Path) -> None:
    tape = data_dir / "binance-spot/hftbacktest/btcusdt_20240808.gz"
    with spawn("--tape", str(tape)) as ready:
        books, trades = asyncio.run(_watch(ready, "BTC/USDT", {}, trades=True))
    assert all(61_000 < bid < ask < 63_000 for _, bid, ask, _ in books)
    assert int(trades[-1]["id"]) > 3_735_683_258
