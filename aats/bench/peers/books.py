"""depth_hot, bbo_hot as peers do them: a message's bytes -> its book, back to back, one message timed alone.

Each gets the texts of one frames file in a loop over its messages, after the snapshot; every sample is kept after the first tenth.  Logs are off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from aats.bench import frames
from aats.bench.context import Context, summary

__all__ = ["run"]

Take = Callable[[bytes], object]
_SYMBOL = "BTCUSDT"


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure the rows that are wanted."""
    ctx.pin()
    logging.disable(logging.CRITICAL)
    messages = 500 if ctx.quick else 4000
    out = []
    for row in ctx.rows:
        ours, _, who = row.partition("/")
        kind = {"depth": 100, "bbo": 0} if ours == "depth_hot" else {"depth": 0, "bbo": 100}
        path = ctx.traffic(messages=messages, **kind)
        snapshot = next(one.data for one in frames.read(path) if one.kind == frames.SNAPSHOT)
        texts = [one.data for one in frames.read(path) if one.kind == frames.TEXT]
        samples = asyncio.run(_MAKERS[ours, who](snapshot, texts))
        out.append({"row": row, "who": "aats", "unit": "ns", **summary(samples[len(samples) // 10 :])})
    return out


def timed(take: Take, texts: list[bytes]) -> list[int]:
    """Return what each text took."""
    clock, samples = time.perf_counter_ns, []
    for text in texts:
        begin = clock()
        take(text)
        samples.append(clock() - begin)
    return samples


async def ccxt_pro(snapshot: bytes, texts: list[bytes]) -> list[int]:
    """ccxt.pro: orjson (its own parser is slower), then handle_order_book."""
    import ccxt.pro

    class Client:
        url = "wss://stream.binance.com:9443/ws/0"
        subscriptions: dict[str, object] = {}
        resolved = 0

        def resolve(self, result: object, key: str) -> None:
            self.resolved += 1

        def reject(self, error: Exception, key: str) -> None:
            raise error

    exchange, client = ccxt.pro.binance(), Client()
    market = exchange.safe_market(_SYMBOL, None, None, "spot") | {"id": _SYMBOL, "symbol": "BTC/USDT", "spot": True, "type": "spot"}
    exchange.set_markets({"BTC/USDT": {**market, "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT", "active": True}})
    raw = orjson.loads(snapshot)
    book = exchange.order_book({}, 1000)
    parsed = exchange.parse_order_book(raw, "BTC/USDT")
    parsed["nonce"] = raw["lastUpdateId"]
    book.reset(parsed)
    exchange.orderbooks["BTC/USDT"] = book
    samples = timed(lambda text: exchange.handle_order_book(client, orjson.loads(text)["data"]), texts)
    await exchange.close()
    assert client.resolved == len(texts), f"{client.resolved} of {len(texts)} were applied"
    return samples


async def cryptofeed(snapshot: bytes, texts: list[bytes]) -> list[int]:
    """cryptofeed: BINANCE.message_handler with a callback that counts."""
    from cryptofeed.defines import L2_BOOK, TICKER
    from cryptofeed.exchanges import Binance
    from cryptofeed.symbols import Symbols
    from cryptofeed.types import OrderBook

    seen = 0

    async def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    Symbols.set(Binance.id, {"BTC-USDT": _SYMBOL}, {"tick_size": {}, "instrument_type": {"BTC-USDT": "spot"}})
    feed = Binance(symbols=["BTC-USDT"], channels=[L2_BOOK, TICKER], callbacks={L2_BOOK: count, TICKER: count})
    raw = orjson.loads(snapshot)
    sides = [{Decimal(price): Decimal(size) for price, size in raw[side]} for side in ("bids", "asks")]
    feed.last_update_id = {"BTC-USDT": raw["lastUpdateId"]}
    feed._l2_book = {"BTC-USDT": OrderBook(feed.id, "BTC-USDT", bids=sides[0], asks=sides[1])}
    feed._open_interest_cache = {}
    handle, clock, samples = feed.message_handler, time.perf_counter_ns, []
    for text in [text.decode() for text in texts]:
        begin = clock()
        await handle(text, None, 1.0)
        samples.append(clock() - begin)
    assert seen == len(texts), f"{seen} of {len(texts)} were called back"
    return samples


async def nautilus(snapshot: bytes, texts: list[bytes]) -> list[int]:
    """nautilus_trader: its decoder and deltas as its Binance data client uses them, and its L2 book; neither DataEngine nor strategy."""
    import msgspec
    from nautilus_trader.adapters.binance.common.schemas.market import BinanceOrderBookMsg
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.enums import BookType
    from nautilus_trader.model.identifiers import InstrumentId

    name = InstrumentId.from_str(f"{_SYMBOL}.BINANCE")
    decoder, book = msgspec.json.Decoder(BinanceOrderBookMsg), OrderBook(name, BookType.L2_MBP)
    raw = orjson.loads(snapshot)
    first = {"e": "depthUpdate", "E": 1, "s": _SYMBOL, "U": 1, "u": raw["lastUpdateId"], "b": raw["bids"], "a": raw["asks"]}
    start = decoder.decode(orjson.dumps({"stream": "s", "data": first}))
    book.apply_deltas(start.data.parse_to_order_book_deltas(name, 0, snapshot=True))

    def take(text: bytes) -> None:
        book.apply_deltas(decoder.decode(text).data.parse_to_order_book_deltas(instrument_id=name, ts_init=0))

    samples = timed(take, texts)
    assert book.best_bid_price() is not None
    return samples


async def orjson_depth(snapshot: bytes, texts: list[bytes]) -> list[int]:
    """What a script without any of them does."""
    book = DictBook(snapshot)
    return timed(lambda text: book.take(orjson.loads(text)["data"]), texts)


async def orjson_bbo(snapshot: bytes, texts: list[bytes]) -> list[int]:
    """The same for a bookTicker."""

    def take(text: bytes) -> tuple[float, ...]:
        data = orjson.loads(text)["data"]
        return float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])

    return timed(take, texts)


class DictBook:
    """Two dicts price -> size; the best five by sorting the prices."""

    def __init__(self, snapshot: bytes) -> None:
        raw = orjson.loads(snapshot)
        self.bids = {float(price): float(size) for price, size in raw["bids"]}
        self.asks = {float(price): float(size) for price, size in raw["asks"]}

    def take(self, data: dict[str, Any]) -> tuple[list[float], list[float]]:
        """Apply a depthUpdate and return the five best prices of each side."""
        for side, changes in ((self.bids, data["b"]), (self.asks, data["a"])):
            for price, size in changes:
                amount = float(size)
                if amount:
                    side[float(price)] = amount
                else:
                    side.pop(float(price), None)
        return sorted(self.bids, reverse=True)[:5], sorted(self.asks)[:5]


_MAKERS = {
    ("depth_hot", "ccxt_pro"): ccxt_pro,
    ("depth_hot", "cryptofeed"): cryptofeed,
    ("depth_hot", "nautilus_trader"): nautilus,
    ("depth_hot", "orjson_dict"): orjson_depth,
    ("bbo_hot", "cryptofeed"): cryptofeed,
    ("bbo_hot", "orjson_dict"): orjson_bbo,
}
