"""Every single message that others collected of a venue: read as what its channel says, or refused; nothing is taken for something else.

For: the parsers of market data and of orders of all venues, over documentation, fixtures and recorded frames.  Binance's spot messages have a closer
look in test_messages.py.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats._ffi import ffi, lib

SOURCES = ("vendor-docs", "jkorf", "xchange", "crypto-msg-parser", "gocryptotrader")
#: Folder of the recordings -> the venues whose parsers read it.
FOLDERS = {
    "binance-spot": ("BINANCE",),
    "binance-us": ("BINANCEUS",),
    "binance-usdm": ("BINANCE_SWAP",),
    "binance-coinm": ("BINANCE_COINM",),
    "okx": ("OKX", "OKX_SWAP"),
    "bybit": ("BYBIT", "BYBIT_SWAP"),
    "coinbase": ("COINBASE",),
    "kraken": ("KRAKEN",),
    "gate": ("GATE", "GATE_SWAP"),
    "kucoin": ("KUCOIN",),
    "deribit": ("DERIBIT",),
}
CASES = [(folder, venue) for folder, venues in FOLDERS.items() for venue in venues]

DEPTH, SNAPSHOT, PARTIAL, BBO = lib.AATS_MSG_DEPTH, lib.AATS_MSG_SNAPSHOT, lib.AATS_MSG_PARTIAL, lib.AATS_MSG_BBO
TRADE, AGG = lib.AATS_MSG_TRADE, lib.AATS_MSG_AGG
MARK, FUNDING, LIQUIDATION = lib.AATS_MSG_MARK, lib.AATS_MSG_FUNDING, lib.AATS_MSG_LIQUIDATION
MARKET = {DEPTH, SNAPSHOT, PARTIAL, BBO, TRADE, AGG, MARK, FUNDING, LIQUIDATION}
BOOK = {DEPTH, SNAPSHOT}
REFUSALS = {lib.AATS_E_SYNTAX, lib.AATS_E_SHAPE, lib.AATS_E_DUPKEY, lib.AATS_E_RANGE, lib.AATS_E_INEXACT, lib.AATS_E_TOO_BIG}

#: By family: a channel, as a pattern over `channel_of`, and what its messages may be.
CHANNELS: dict[str, list[tuple[str, set[int]]]] = {
    "BINANCE": [
        (r".*@depth\d+(@.*)?", {PARTIAL}),
        (r".*@depth(@.*)?", {DEPTH}),
        (r".*@trade", {TRADE}),
        (r".*@aggTrade", {AGG}),
        (r".*@bookTicker", {BBO}),
    ],
    "BINANCE_FUTURES": [
        (r".*@depth\d+(@.*)?", {PARTIAL}),
        (r".*@depth(@.*)?", {DEPTH}),
        (r".*@trade", {TRADE}),
        (r".*@aggTrade", {AGG}),
        (r".*@bookTicker|!bookTicker", {BBO}),
        (r".*@markPrice(@.*)?", {MARK, FUNDING}),
        (r".*@forceOrder", {LIQUIDATION}),
    ],
    "OKX": [
        (r"books|books-l2-tbt|books50-l2-tbt", BOOK),
        (r"books5", {PARTIAL}),
        (r"bbo-tbt", {BBO}),
        (r"trades|trades-all", {TRADE}),
        (r"mark-price|index-tickers", {MARK}),
        (r"funding-rate", {FUNDING}),
        (r"liquidation-orders", {LIQUIDATION}),
    ],
    "BYBIT": [
        (r"orderbook\.1\..+", {BBO}),
        (r"orderbook\.\d+\..+", BOOK),
        (r"publicTrade\..+", {TRADE}),
        (r"tickers\..+", {MARK, FUNDING}),
        (r"(all)?[lL]iquidation\..+", {LIQUIDATION}),
    ],
    "COINBASE": [(r"l2_data", BOOK), (r"market_trades", {TRADE}), (r"ticker|ticker_batch", {BBO})],
    "KRAKEN": [(r"book", BOOK), (r"trade", {TRADE}), (r"ticker", {BBO})],
    "GATE": [(r"spot\.order_book_update", BOOK), (r"spot\.trades", {TRADE}), (r"spot\.book_ticker", {BBO})],
    "GATE_SWAP": [(r"futures\.order_book_update", BOOK), (r"futures\.trades", {TRADE}), (r"futures\.book_ticker", {BBO})],
    "KUCOIN": [(r"/market/level2:.+", {DEPTH}), (r"/market/match:.+", {TRADE}), (r"/spotMarket/level1:.+", {BBO})],
    "DERIBIT": [
        (r"book\..+\..+\..+\..+", {PARTIAL}),
        (r"book\..+", BOOK),
        (r"trades\..+", {TRADE}),
        (r"quote\..+", {BBO}),
        (r"ticker\..+", {MARK}),
    ],
}
#: Keys that a depth answer of REST has at its top, or in its "data".
ANSWERS = {
    **{name: {"lastUpdateId", "bids", "asks"} for name in ("BINANCE", "BINANCE_FUTURES")},
    **{name: {"id", "bids", "asks"} for name in ("GATE", "GATE_SWAP")},
    "KUCOIN": {"sequence", "bids", "asks"},
}


FAMILIES = {
    "BINANCEUS": "BINANCE",
    "BINANCE_SWAP": "BINANCE_FUTURES",
    "BINANCE_COINM": "BINANCE_FUTURES",
    "OKX_SWAP": "OKX",
    "BYBIT_SWAP": "BYBIT",
}


def family(venue: str) -> str:
    return FAMILIES.get(venue, venue)


def texts(path: Path) -> Iterator[str]:
    """Yield the messages of one file; comments that authors put behind the values are cut."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if path.name.endswith("http.json.gz"):
        yield from (json.dumps(answer) for answer in answers(json.loads(raw)))
        return
    for line in raw.decode().splitlines():
        if line.strip():
            text = line
            if path.parent.name != "gocryptotrader":
                row = json.loads(line)
                text = row.get("raw", row.get("text", ""))
            yield re.sub(r"(?m)(?<=[\s,\[{])//.*$", "", text).replace("|1|", "1")


def answers(tree: Any) -> Iterator[Any]:
    """Yield the bodies of a recorded HTTP session."""
    if isinstance(tree, dict) and "data" in tree and tree.keys() & {"queryString", "bodyParams", "headers"}:
        yield tree["data"]
    elif isinstance(tree, (dict, list)):
        for one in tree.values() if isinstance(tree, dict) else tree:
            yield from answers(one)


def files(data: Path, folder: str) -> list[Path]:
    found = [path for source in SOURCES for path in sorted((data / folder / source).glob("*"))]
    assert found, f"nothing of {folder} in the recordings"
    return found


def loads(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def channel_of(message: dict[str, Any]) -> str:
    """Return the name by which a pushed message says what it is; empty if it is none."""
    arg, params = message.get("arg"), message.get("params")
    if isinstance(arg, dict) and "data" in message:
        return str(arg.get("channel", ""))
    if isinstance(params, dict) and message.get("method") == "subscription":
        return str(params.get("channel", ""))
    if "topic" in message and "data" in message:
        return str(message["topic"])
    if "stream" in message and "data" in message:
        return str(message["stream"])
    if "channel" in message and message.get("event", "update") == "update" and message.keys() & {"data", "result", "events"}:
        return str(message["channel"])
    return ""


def allowed(venue: str, message: dict[str, Any]) -> set[int]:
    """Return the market kinds that a message may be."""
    channel = channel_of(message)
    for pattern, kinds in CHANNELS[family(venue)]:
        if channel and re.fullmatch(pattern, channel):
            return kinds
    keys = ANSWERS.get(family(venue), {""})
    inner = message.get("data", {})
    is_answer = not channel and (keys <= message.keys() or (isinstance(inner, dict) and keys <= inner.keys() and "symbol" not in inner))
    return {SNAPSHOT} if is_answer else set()


class Market:
    """A venue's market parser."""

    def __init__(self, venue: str) -> None:
        self.venue = venue.encode()
        self.levels = [ffi.new("aats_level_t[]", lib.AATS_MSG_LEVELS) for _ in range(2)]
        self.msg = ffi.new("aats_msg_t *", {"bids": self.levels[0], "asks": self.levels[1]})

    def __call__(self, text: str) -> int:
        """Return the kind, or the negative code."""
        data = text.encode()
        code = int(lib.aats_venue_parse(self.venue, data, len(data), self.msg))
        assert code == lib.AATS_OK or code in REFUSALS, text[:300]
        assert self.msg.offset <= len(data)
        return code if code else int(self.msg.kind)


class Orders:
    """A venue's order parser."""

    def __init__(self, venue: str) -> None:
        self.venue = venue.encode()
        self.msgs = ffi.new("aats_omsg_t[]", lib.AATS_OREPLY_MSGS)
        self.reply = ffi.new("aats_oreply_t *", {"msgs": self.msgs})
        self.order = ffi.new("aats_order_t *")

    def __call__(self, text: str) -> int:
        """Return how many events it holds, or the negative code; every reading of an answer is tried."""
        data = text.encode()
        code = int(lib.aats_order_parse(self.venue, data, len(data), self.reply))
        assert code == lib.AATS_OK or code in REFUSALS, text[:300]
        if code:
            return code
        kind, cnt = self.reply.kind, int(self.reply.msg_cnt)
        if kind == lib.AATS_OV_REPLY:
            for request in range(lib.AATS_OR_TIME, lib.AATS_OR_CNT):
                code = int(lib.aats_order_result(self.venue, self.reply, request, self.order))
                assert code == lib.AATS_OK or code in REFUSALS, (request, text[:300])
                assert self.reply.msg_cnt <= lib.AATS_OREPLY_MSGS
            return 0
        return cnt if kind == lib.AATS_OV_EVENT else 0


@pytest.mark.parametrize(("folder", "venue"), CASES)
def test_market_parsers_take_each_message_for_what_its_channel_says_or_refuse_it(data_dir: Path, folder: str, venue: str) -> None:
    parse = Market(venue)
    seen = 0
    for path in files(data_dir, folder):
        for text in texts(path):
            message = loads(text)
            kind, may = parse(text), allowed(venue, message)
            assert kind not in MARKET or kind in may, f"{path.name}: {text[:300]}"
            futures = venue == "BINANCE" and "pu" in message.get("data", {})  # of the futures hosts: refused is right
            if may and path.parent.name == "crypto-msg-parser" and not futures:
                assert kind in may, f"recorded, and not read: {path.name}: {text[:300]}"
            seen += kind in MARKET
    assert seen


@pytest.mark.parametrize(("folder", "venue"), CASES)
def test_parsers_of_other_venues_make_no_book_and_no_trade_of_a_message(data_dir: Path, folder: str, venue: str) -> None:
    """A connection that leads to the wrong venue brings nothing, instead of something wrong."""
    parsers = {
        other: Market(other) for other in (name for names in FOLDERS.values() for name in names) if family(other)[:4] != family(venue)[:4]
    }
    for path in files(data_dir, folder):
        for text in texts(path):
            if allowed(venue, loads(text)):
                for other, parse in parsers.items():
                    kind = parse(text)
                    assert kind not in MARKET or (kind == SNAPSHOT and not channel_of(loads(text))), f"{other}: {text[:300]}"


@pytest.mark.parametrize(("folder", "venue"), CASES)
def test_order_parsers_read_or_refuse_each_message_and_make_no_event_of_market_data(data_dir: Path, folder: str, venue: str) -> None:
    parse = Orders(venue)
    if not any(lib.aats_order_has(venue.encode(), kind) > 0 for kind in range(lib.AATS_OR_CNT)):
        pytest.skip(f"{venue} has no orders")
    for path in files(data_dir, folder):
        for text in texts(path):
            events = parse(text)
            if allowed(venue, loads(text)):
                assert events <= 0, f"{path.name}: {text[:300]}"


@pytest.mark.parametrize("venue", [venue for _, venue in CASES])
def test_what_is_no_message_is_refused(venue: str) -> None:
    parse = Market(venue)
    for text in ("", "{", "[1,2", '{"a":}', '{"stream":"x","data":', "<html><body>maintenance</body></html>", "{}{}", "\x00"):
        assert parse(text) in REFUSALS
    assert parse("{}") not in MARKET
