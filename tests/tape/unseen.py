"""Made-up traffic of each venue, as nasty as its documents allow, and the books that it ought to give.

For: test_unseen.py.  Written from exchanges/*.md alone and from nothing in csrc/: a market here knows its own book, a venue writes what it would
send of it, and what a reader ought to hold is what the venue has told.  Not a simulated exchange: no orders, no clock, no socket.

A tape of a seed is always the same.  Prices have up to twelve decimals and sizes up to thirteen digits, sides run empty, levels that nobody knows are
deleted, one price comes twice in a message; connections end and begin again, books are had anew, and other channels, errors and heartbeats lie between.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from zlib import crc32

Level = tuple[Decimal, Decimal]
Change = tuple[int, Decimal, Decimal]  # side, price, size; side 0 is bids


class Style(NamedTuple):
    """How a symbol's numbers are written: decimals of prices and sizes, whether zeros at the end are written, the size of its numbers."""

    px_dec: int
    qty_dec: int
    fixed: bool
    mid: int  # in ticks
    most: int  # size in lots


STYLES = (
    Style(2, 8, True, 6_421_020, 10**9),
    Style(1, 3, False, 642_102, 10**6),
    Style(12, 0, True, 71_312, 4 * 10**12),
    Style(8, 0, False, 1_713, 9 * 10**11),
    Style(0, 4, False, 31, 10**5),
    Style(10, 2, True, 98_765_432, 10**13),
)


class Market:
    """One symbol's book at the venue, best first, and its changes."""

    def __init__(self, draw: random.Random, style: Style, levels: int) -> None:
        self.draw, self.style, self.levels = draw, style, levels
        self.mid = style.mid
        self.sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})
        for side in (0, 1):
            for _ in range(levels):
                self.sides[side][self._price(side)] = self._size()

    def _price(self, side: int) -> Decimal:
        off = int(self.draw.expovariate(1 / (self.levels * 2))) + 1
        return Decimal(max(1, self.mid - off if side == 0 else self.mid + off)).scaleb(-self.style.px_dec)

    def _size(self) -> Decimal:
        return Decimal(self.draw.randint(1, self.style.most)).scaleb(-self.style.qty_dec)

    def px(self, value: Decimal) -> str:
        return self._text(value, self.style.px_dec)

    def qty(self, value: Decimal) -> str:
        return (
            self._text(value, self.style.qty_dec) if value else self.draw.choice(("0", "0.00", "0.00000000")) if self.style.fixed else "0"
        )

    def _text(self, value: Decimal, dec: int) -> str:
        text = f"{value:.{dec}f}"
        return text if self.style.fixed or "." not in text else text.rstrip("0").rstrip(".")

    def top(self, depth: int = 0) -> tuple[list[Level], list[Level]]:
        bids, asks = sorted(self.sides[0].items(), reverse=True), sorted(self.sides[1].items())
        return (bids[:depth], asks[:depth]) if depth else (bids, asks)

    def move(self) -> list[Change]:
        """Change the book and return the changes, some of them idle; now and then a side runs empty or the price jumps."""
        changes: list[Change] = []
        kind = self.draw.random()
        if kind < 0.02:
            changes = [(side, px, Decimal(0)) for side in (self.draw.randint(0, 1),) for px in self.sides[side]]
        elif kind < 0.1 and self.mid > 20:
            self.mid += self.draw.choice((-1, 1)) * self.draw.randint(1, min(10, self.mid // 3))
            at = Decimal(self.mid).scaleb(-self.style.px_dec)
            changes = [(0, px, Decimal(0)) for px in self.sides[0] if px >= at] + [(1, px, Decimal(0)) for px in self.sides[1] if px <= at]
        for _ in range(self.draw.randint(0, 5)):
            side = self.draw.randint(0, 1)
            if self.mid < 2 and side == 0:
                continue
            have = list(self.sides[side])
            gone = self.draw.random() < 0.5
            px = self.draw.choice(have) if gone and have and self.draw.random() < 0.8 else self._price(side)
            if self.draw.random() < 0.1:
                changes.append((side, px, self._size()))
            changes.append((side, px, Decimal(0) if gone else self._size()))
        for side, px, qty in changes:
            if qty:
                self.sides[side][px] = qty
            else:
                self.sides[side].pop(px, None)
        return changes


class Want(NamedTuple):
    """What a reader ought to tell of one book; `updates` None: not judged."""

    bids: list[Level]
    asks: list[Level]
    snapshots: int
    updates: int


class View:
    """A market as one subscription sees it, cut at `depth` levels a side (0: never); `silent`: what falls behind is not deleted."""

    def __init__(self, market: Market, depth: int = 0, *, silent: bool = False) -> None:
        self.market, self.depth, self.silent = market, depth, silent
        self.shown = market.top(depth)
        self.snapshots = self.updates = 0

    def whole(self) -> tuple[list[Level], list[Level]]:
        self.shown = self.market.top(self.depth)
        self.snapshots += 1
        return self.shown

    def diff(self) -> list[Change]:
        told = self.market.move()
        self.updates += 1
        if self.depth:
            told = self._cut()
        self.shown = self.market.top(self.depth)
        return told

    def _cut(self) -> list[Change]:
        now, out = self.market.top(self.depth), []
        for side in (0, 1):
            had, has = dict(self.shown[side]), dict(now[side])
            out += [(side, px, Decimal(0)) for px in had if px not in has and not (self.silent and px in self.market.sides[side])]
            out += [(side, px, qty) for px, qty in has.items() if had.get(px) != qty]
        self.market.draw.shuffle(out)
        return out

    def want(self) -> Want:
        return Want(*self.shown, self.snapshots, self.updates)


class Tape:
    """Rows of a cryptofeed capture and the books that it ought to give, by name."""

    def __init__(self, seed: str) -> None:
        self.draw = random.Random(seed)
        self.rows: list[dict[str, Any]] = []
        self.wants: dict[str, Callable[[], Want]] = {}

    def market(self, levels: int, style: Style | None = None) -> Market:
        return Market(self.draw, style or self.draw.choice(STYLES), levels)

    def connect(self, conn: str, address: str) -> None:
        self.rows.append({"t": "connect", "conn": conn, "addr": address})

    def recv(self, conn: str, data: object) -> None:
        self.rows.append({"t": "recv", "conn": conn, "data": data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))})

    def http(self, url: str, data: object) -> None:
        self.rows.append({"t": "http", "conn": "http", "url": url, "data": json.dumps(data)})


def sides(changes: Sequence[Change]) -> tuple[list[Level], list[Level]]:
    return [(px, qty) for side, px, qty in changes if side == 0], [(px, qty) for side, px, qty in changes if side == 1]


# -- OKX: exchanges/okx.md sections 2 and 3


def okx(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw, address = tape.draw, "wss://wseea.okx.com:8443/ws/v5/public"
    books = {name: View(tape.market(draw.choice((3, 9, 30, 120))), 400) for name in ("BTC-USDT", "PEPE-USDT", "BTC-USD-260925-70000-C")}
    numbers = dict.fromkeys(books, draw.randint(10, 10**12))

    def rows(view: View, levels: Sequence[Level]) -> list[list[str]]:
        return [[view.market.px(px), view.market.qty(qty), "0", str(draw.randint(0, 99))] for px, qty in levels]

    def book(name: str, view: View, action: str, bids: Sequence[Level], asks: Sequence[Level], prev: int) -> None:
        one = {
            "asks": rows(view, asks),
            "bids": rows(view, bids),
            "ts": "1785312000130",
            "checksum": 0,
            "prevSeqId": prev,
            "seqId": numbers[name],
        }
        tape.recv("A", {"arg": {"channel": "books", "instId": name}, "action": action, "data": [one]})

    def begin(name: str) -> None:
        tape.recv("A", {"event": "subscribe", "arg": {"channel": "books", "instId": name}, "connId": "a4d3ae55"})
        numbers[name] += draw.randint(0, 50)
        book(name, books[name], "snapshot", *books[name].whole(), -1)

    tape.connect("A", address)
    for name in books:
        begin(name)
    for _ in range(frames):
        name = draw.choice(list(books))
        view, prev, kind = books[name], numbers[name], draw.random()
        if kind < 0.03:
            tape.recv("A", {"event": "unsubscribe", "arg": {"channel": "books", "instId": name}, "connId": "a4d3ae55"})
            begin(name)
        elif kind < 0.04:
            tape.connect("A", address)
            for each in books:
                begin(each)
        elif kind < 0.08:  # nothing new for a minute
            view.updates += 1
            book(name, view, "update", [], [], prev)
        elif kind < 0.25:
            level = [["1.5", "2", "0", "1"]]
            tape.recv(
                "A",
                draw.choice(
                    [
                        "pong",
                        {"event": "error", "code": "60012", "msg": "Invalid request: {}", "connId": "x"},
                        {
                            "event": "error",
                            "code": "60018",
                            "msg": "Wrong URL or channel:books,instId:NO-SUCH doesn't exist.",
                            "connId": "x",
                        },
                        {
                            "event": "notice",
                            "code": "64008",
                            "msg": "The connection will soon be closed for a service upgrade.",
                            "connId": "x",
                        },
                        {"event": "channel-conn-count", "channel": "orders", "connCount": "2", "connId": "x"},
                        {
                            "arg": {"channel": "books5", "instId": name},
                            "data": [{"asks": level, "bids": [], "instId": name, "ts": "1", "seqId": 3}],
                        },
                        {
                            "arg": {"channel": "bbo-tbt", "instId": name},
                            "data": [{"asks": [], "bids": level, "ts": "1785312000131", "seqId": 7}],
                        },
                        {
                            "arg": {"channel": "books-rpi", "instId": name},
                            "action": "update",
                            "data": [{"asks": [["9", "1", "1", "1"]], "bids": []}],
                        },
                        {"arg": {"channel": "candle1D", "instId": name}, "data": [["1", "2", "3"]]},
                        {"arg": {"channel": "tickers", "instId": name}, "data": [{"instId": name, "last": "", "askPx": "", "ts": "1"}]},
                    ]
                ),
            )
        else:
            bids, asks = sides(view.diff())
            numbers[name] = draw.randint(1, prev - 1) if kind > 0.97 and prev > 9 else prev + draw.randint(1, 40)
            book(name, view, "update", bids, asks, prev)
    tape.wants = {name: view.want for name, view in books.items()}
    return tape


# -- Bybit: exchanges/bybit_v5.md sections 2 and 3


def bybit(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw = tape.draw
    hosts = {"A": "wss://stream.bybit.eu/v5/public/spot", "B": "wss://stream.bybit.com/v5/public/linear"}
    books: dict[tuple[str, str], View] = {}
    styles = {conn: draw.choice(STYLES) for conn in hosts}  # of the symbol that has two books
    for conn, depth, name in (
        ("A", 50, "BTCUSDT"),
        ("A", 1, "BTCUSDT"),
        ("A", 200, "PEPEUSDT"),
        ("B", 50, "BTCUSDT"),
        ("B", 1000, "1000BONKUSDT"),
    ):
        books[conn, f"orderbook.{depth}.{name}"] = View(
            tape.market(draw.choice((3, 40, 130)), styles[conn] if name == "BTCUSDT" else None), depth
        )
    numbers = dict.fromkeys(books, 0)

    def send(key: tuple[str, str], kind: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        market = books[key].market
        data = {
            "s": key[1].rpartition(".")[2],
            "b": [[market.px(px), market.qty(qty)] for px, qty in bids],
            "a": [[market.px(px), market.qty(qty)] for px, qty in asks],
            "u": numbers[key],
            "seq": draw.randint(1, 10**12),
        }
        frame: dict[str, Any] = {"topic": key[1], "type": kind, "ts": 1785312000131, "data": data, "cts": 1785312000127}
        if draw.random() < 0.4:  # the order of keys varies
            frame = {"topic": key[1], "ts": 1785312000131, "type": kind, "data": data}
        tape.recv(key[0], frame)

    def begin(key: tuple[str, str]) -> None:
        numbers[key] = draw.choice((1, draw.randint(2, 10**9)))
        send(key, "snapshot", *books[key].whole())

    for conn, host in hosts.items():
        tape.connect(conn, host)
    for key in books:
        begin(key)
    for _ in range(frames):
        key = draw.choice(list(books))
        kind, small = draw.random(), key[1].startswith("orderbook.1.")
        if kind < 0.02:
            tape.connect(key[0], hosts[key[0]])
            for each in books:
                if each[0] == key[0]:
                    begin(each)
        elif kind < 0.06:
            begin(key)
        elif kind < 0.2:
            tape.recv(
                key[0],
                draw.choice(
                    [
                        {"success": True, "ret_msg": "pong", "conn_id": "x", "req_id": "7", "op": "ping"},
                        {"success": False, "ret_msg": "Invalid topic: orderbook.7.X", "conn_id": "x", "req_id": "", "op": "subscribe"},
                        {"success": True, "ret_msg": "", "conn_id": "x", "req_id": "s1", "op": "subscribe"},
                        {"topic": "kline.1.BTCUSDT", "type": "snapshot", "ts": 1, "data": [{"open": "1e9"}]},
                        {
                            "topic": "orderbook.rpi.BTCUSDT",
                            "type": "delta",
                            "ts": 1,
                            "data": {"s": "BTCUSDT", "b": [["1", "2", "3"]], "a": [], "u": 9},
                        },
                        {
                            "topic": "tickers.BTCUSDT",
                            "type": "delta",
                            "ts": 1,
                            "cs": 2,
                            "data": {"symbol": "BTCUSDT", "nextFundingTime": ""},
                        },
                    ]
                ),
            )
        elif small:
            view = books[key]
            same = draw.random() < 0.2
            if not same:
                view.market.move()
                numbers[key] += draw.randint(1, 9)
            send(key, "snapshot", *view.whole())
        else:
            view = books[key]
            bids, asks = sides(view.diff())
            numbers[key] += 1
            if kind > 0.98:  # the service was started anew: the whole book, whatever it is called
                view.updates -= 1
                numbers[key] = 1
                send(key, "delta", *view.whole())
            else:
                send(key, "delta", bids, asks)
    tape.wants = {f"{conn}|{topic}" if topic == "orderbook.50.BTCUSDT" else topic: view.want for (conn, topic), view in books.items()}
    return tape


# -- Coinbase: exchanges/coinbase.md sections 2 and 3


def coinbase(seed: str, frames: int = 120) -> Tape:
    tape = Tape(seed)
    draw, address = tape.draw, "wss://advanced-trade-ws.coinbase.com"
    books = {name: View(tape.market(draw.choice((2, 60, 400)))) for name in ("BTC-USD", "SHIB-USD", "ETH-BTC")}
    number = 0

    def frame(channel: str, events: list[dict[str, Any]]) -> None:
        nonlocal number
        stamp = draw.choice(("2026-04-07T14:30:00.123456Z", "2026-04-07T14:30:00.123456789Z", "2026-04-07T14:30:00.1234567Z"))
        tape.recv("A", {"channel": channel, "client_id": "", "timestamp": stamp, "sequence_num": number, "events": events})
        number += 1

    def event(name: str, kind: str, bids: Sequence[Level], asks: Sequence[Level]) -> dict[str, Any]:
        market, when = books[name].market, "1970-01-01T00:00:00Z" if kind == "snapshot" else "2026-04-07T14:30:01.456789Z"
        told = [("bid", level) for level in bids] + [("offer", level) for level in asks]
        rows = [{"side": s, "event_time": when, "price_level": market.px(px), "new_quantity": market.qty(qty)} for s, (px, qty) in told]
        return {"type": kind, "product_id": name, "updates": rows}

    def begin() -> None:
        nonlocal number
        tape.connect("A", address)
        number = 0
        frame("subscriptions", [{"subscriptions": {"level2": list(books)}}])
        for name, view in books.items():
            frame("l2_data", [event(name, "snapshot", *view.whole())])

    begin()
    for _ in range(frames):
        kind, name = draw.random(), draw.choice(list(books))
        if kind < 0.02:
            begin()
        elif kind < 0.05:  # given up and taken again
            frame("subscriptions", [{"subscriptions": {}}])
            frame("l2_data", [event(name, "snapshot", *books[name].whole())])
        elif kind < 0.25:
            trade = {"trade_id": "9", "product_id": name, "price": "1.5", "size": "2", "side": "BUY", "time": "2026-04-07T14:30:02.789012Z"}
            channel, events = draw.choice(
                [
                    ("heartbeats", [{"current_time": "2026-04-07 14:30:00.1 +0000 UTC m=+1", "heartbeat_counter": draw.choice((3, "3"))}]),
                    ("market_trades", [{"type": "snapshot", "trades": [trade]}]),
                    ("ticker_batch", [{"type": "update", "tickers": [{"type": "ticker", "product_id": "", "price": ""}]}]),
                    ("candles", [{"type": "update", "candles": [{"start": "1688998200", "product_id": name}]}]),
                    ("brand_new", []),
                ]
            )
            frame(channel, events)  # type: ignore[arg-type]
        elif kind < 0.27:
            tape.recv("A", {"type": "error", "message": "channel is not supported"})
        else:  # several books in one frame
            frame(
                "l2_data",
                [event(each, "update", *sides(books[each].diff())) for each in draw.sample(list(books), draw.choice((1, 1, 2, 3)))],
            )
    tape.wants = {name: view.want for name, view in books.items()}
    return tape


# -- Kraken: exchanges/kraken_v2.md sections 2 and 3


def kraken(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw, address = tape.draw, "wss://ws.kraken.com/v2"
    fixed = [style for style in STYLES if style.fixed]
    names = ("BTC/USD", "SHIB/EUR", "DOGE/BTC")
    books = {
        name: View(tape.market(draw.choice((4, 30, 150)), draw.choice(fixed)), draw.choice((10, 25, 100, 500)), silent=True)
        for name in names
    }

    def level(market: Market, px: Decimal, qty: Decimal) -> str:
        size = f"{qty:.{market.style.qty_dec}f}" if qty else draw.choice(("0", "0.00000000"))
        return f'{{"price":{market.px(px)},"qty":{size}}}'

    def total(view: View) -> int:
        def digits(value: Decimal, dec: int) -> str:
            return f"{value:.{dec}f}".replace(".", "").lstrip("0")

        style, text = view.market.style, ""
        for levels in (view.shown[1], view.shown[0]):
            text += "".join(digits(px, style.px_dec) + digits(qty, style.qty_dec) for px, qty in levels[:10])
        return crc32(text.encode())

    def one(name: str, bids: Sequence[Level], asks: Sequence[Level]) -> str:
        view = books[name]
        told = [",".join(level(view.market, px, qty) for px, qty in levels) for levels in (bids, asks)]
        return f'{{"symbol":"{name}","bids":[{told[0]}],"asks":[{told[1]}],"checksum":{total(view)},"timestamp":"2023-10-06T17:35:55.440295Z"}}'

    def begin(name: str, *, anew: bool = False) -> None:
        view = books[name]
        ask = {"channel": "book", "symbol": name, "depth": view.depth, "snapshot": True}
        if anew:
            tape.recv("A", {"method": "unsubscribe", "req_id": 4, "result": ask, "success": True, "time_in": "x", "time_out": "x"})
            ask = {**ask, "depth": draw.choice((10, 25, 100, 500))}
            view.depth = int(str(ask["depth"]))
        tape.recv("A", {"method": "subscribe", "req_id": 1, "success": True, "result": ask, "time_in": "2023-09-25T09:04:31.742599Z"})
        tape.recv("A", f'{{"channel":"book","type":"snapshot","data":[{one(name, *view.whole())}]}}')

    def connect() -> None:
        tape.connect("A", address)
        tape.recv(
            "A", '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","connection_id":6447481662169813000}]}'
        )
        for name in books:
            begin(name)

    connect()
    for _ in range(frames):
        kind, name = draw.random(), draw.choice(names)
        if kind < 0.02:
            connect()
        elif kind < 0.05:
            begin(name, anew=True)
        elif kind < 0.2:
            trade = f'{{"symbol":"{name}","side":"buy","price":1e-8,"qty":2.50,"ord_type":"limit","trade_id":7,"timestamp":"2023-10-06T17:35:55.440295Z"}}'
            tape.recv(
                "A",
                draw.choice(
                    [
                        '{"channel":"heartbeat"}',
                        '{"method":"pong","req_id":42,"time_in":"x","time_out":"y"}',
                        '{"method":"subscribe","req_id":1,"success":false,"error":"Currency pair not supported FOO/BAR","symbol":"FOO/BAR"}',
                        '{"Error":"Exceeded msg rate"}',
                        f'{{"channel":"trade","type":"snapshot","data":[{trade}]}}',
                        f'{{"channel":"ohlc","type":"update","data":[{{"symbol":"{name}","open":1e5}}]}}',
                        f'{{"channel":"level3","type":"update","data":[{{"symbol":"{name}","bids":[],"asks":[],"checksum":1}}]}}',
                        '{"channel":"instrument","type":"update","data":{"assets":[{"id":"USD","precision":4}],"pairs":[]}}',
                        f'{{"method":"subscribe","req_id":9,"success":true,"result":{{"channel":"level3","symbol":"{name}","depth":1000}}}}',
                    ]
                ),
            )
        else:
            each = draw.sample(names, draw.choice((1, 1, 1, 2)))
            told = ",".join(one(n, *sides(books[n].diff())) for n in each)
            tape.recv("A", f'{{"channel":"book","type":"update","data":[{told}]}}')
    tape.wants = {name: view.want for name, view in books.items()}
    return tape


# -- Deribit: exchanges/deribit.md sections 2 and 3


def deribit(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw, address = tape.draw, "wss://streams.deribit.com/ws/api/v2"
    names = ("BTC-PERPETUAL", "ETH-30APR26-2560-P", "XRP_USDC-30JUN23-0d625-C")
    books = {name: View(tape.market(draw.choice((2, 25, 200)))) for name in names}
    numbers = dict.fromkeys(books, draw.randint(10, 10**11))

    def number(value: Decimal, style: Style) -> str:
        text = f"{value.normalize():f}"
        if value and value < Decimal("0.001"):
            digits, exp = f"{value.normalize():E}".split("E")
            return f"{digits if '.' in digits else digits + '.0'}e{int(exp)}"
        return text if "." in text else f"{text}.0"

    def send(name: str, head: str, told: list[tuple[str, int, Decimal, Decimal]]) -> None:
        style = books[name].market.style
        rows = [",".join(f'["{a}",{number(px, style)},{number(q, style)}]' for a, s, px, q in told if s == side) for side in (0, 1)]
        data = f'{{{head},"timestamp":1699999999000,"instrument_name":"{name}","change_id":{numbers[name]},"bids":[{rows[0]}],"asks":[{rows[1]}]}}'
        tape.recv("A", f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{name}.100ms","data":{data}}}}}')

    def begin(name: str) -> None:
        bids, asks = books[name].whole()
        numbers[name] += draw.randint(0, 9)
        head = draw.choice(('"type":"snapshot"', '"type":"snapshot","prev_change_id":null'))
        send(name, head, [("new", 0, *level) for level in bids] + [("new", 1, *level) for level in asks])

    tape.connect("A", address)
    tape.recv(
        "A",
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": [f"book.{name}.100ms" for name in names],
            "usIn": 1,
            "usOut": 2,
            "usDiff": 1,
            "testnet": False,
        },
    )
    for name in names:
        begin(name)
    for _ in range(frames):
        kind, name = draw.random(), draw.choice(names)
        if kind < 0.02:
            tape.connect("A", address)
            for each in names:
                begin(each)
        elif kind < 0.05:
            begin(name)
        elif kind < 0.2:
            tape.recv(
                "A",
                draw.choice(
                    [
                        '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
                        '{"jsonrpc":"2.0","id":7,"result":{"version":"1.2.26"},"usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
                        '{"jsonrpc":"2.0","id":8,"error":{"code":11050,"message":"bad_request"},"testnet":false}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"chart.trades.{name}.1","data":{{"open":1}}}}}}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{name}.none.10.100ms","data":{{"timestamp":1,'
                        f'"instrument_name":"{name}","change_id":5,"bids":[[1.5,2.0]],"asks":[]}}}}}}',
                        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"quote.{name}","data":{{"timestamp":1,"instrument_name":"{name}",'
                        '"best_bid_price":null,"best_bid_amount":0.0,"best_ask_price":0.0,"best_ask_amount":0.0}}}',
                    ]
                ),
            )
        else:
            prev, told = numbers[name], books[name].diff()
            numbers[name] = prev + draw.randint(1, 5)
            words = [("delete" if not q else draw.choice(("new", "change")), s, px, q) for s, px, q in told]
            send(name, f'"type":"change","prev_change_id":{prev}', words)
    tape.wants = {name: view.want for name, view in books.items()}
    return tape


# -- venues whose books begin with an answer over REST


class Log(NamedTuple):
    """One diff of a symbol that was sent: its numbers, and the book behind it."""

    first: int
    last: int
    prev: int
    book: tuple[list[Level], list[Level]]


class Ask:
    """A symbol whose snapshot is asked for: its diffs so far, and what a reader holds since the newest snapshot."""

    def __init__(self, view: View, number: int) -> None:
        self.view, self.number = view, number
        self.log: list[Log] = []
        self.counted = 0  # the diffs in front of this place are counted
        self.live = False

    def diff(self, first: int, last: int) -> list[Change]:
        told = self.view.diff()
        self.view.updates -= not self.live
        self.log.append(Log(first, last, self.number, self.view.shown))
        self.number = last
        return told

    def answer(self, at: int, *, again: bool) -> Log:
        """The answer that holds everything up to log entry `at`; `again`: the diff at its end is applied over it."""
        self.view.snapshots += 1
        self.view.updates += len(self.log) - at - (0 if again else 1) if not self.live else 0
        self.live = True
        return self.log[at]


def rested(
    tape: Tape,
    names: Sequence[str],
    frames: int,
    send: Callable[[str, Ask], None],
    answer: Callable[[str, Ask, Log], None],
    noise: Callable[[str], None],
    *,
    again: bool = False,
    cut: int = 0,
) -> None:
    """Diffs of several symbols; each has its answer in the midst of them, most a second one later, and some one that is too old."""
    draw = tape.draw
    asks = {name: Ask(View(tape.market(draw.choice((3, 20, 80))), cut), draw.randint(1, 10**12)) for name in names}
    begin = {name: draw.randint(2, frames // 3) for name in names}
    for at in range(frames):
        name = draw.choice(names)
        one, kind = asks[name], draw.random()
        if kind < 0.15:
            noise(name)
        if kind < 0.85 or not one.log:
            send(name, one)
        elif at > begin[name] and (not one.live or kind > 0.97):
            answer(name, one, one.answer(len(one.log) - 1 if one.live else draw.randrange(len(one.log)), again=again))
    for name, one in asks.items():
        if not one.live:
            send(name, one)
            answer(name, one, one.answer(len(one.log) - 1, again=again))
    tape.wants = {name: one.view.want for name, one in asks.items()}


def texts(market: Market, levels: Sequence[Level]) -> list[list[str]]:
    return [[market.px(px), market.qty(qty)] for px, qty in levels]


# -- Binance: exchanges/binance_spot.md section 3, exchanges/binance_usdm_futures.md section 3


def binance(seed: str, frames: int = 150, host: str = "binance.com", api: str = "api.binance.com") -> Tape:
    tape = Tape(seed)
    draw = tape.draw
    names = ("BTCUSDT", "ETHBTC", "1INCHUSDT")
    raw, asked = (
        draw.random() < 0.4,
        [f"{name.lower()}@{stream}" for name in names for stream in ("depth@100ms", "depth20@100ms", "bookTicker")],
    )
    path = "/".join(asked) if draw.random() < 0.5 else ""
    tape.connect("A", f"wss://stream.{host}:9443/{'ws/' + path if raw else 'stream'}")
    if raw and not path:
        tape.rows.append({"t": "send", "conn": "A", "data": json.dumps({"method": "SUBSCRIBE", "params": asked, "id": 1})})

    def send(name: str, one: Ask) -> None:
        first = one.number + 1
        last = first + draw.choice((0, 0, 1, 30))
        bids, asks = (texts(one.view.market, levels) for levels in sides(one.diff(first, last)))
        data = {"e": "depthUpdate", "E": 1785312000112, "s": name, "U": first, "u": last, "b": bids, "a": asks}
        wrapped = {"stream": f"{name.lower()}@depth@100ms", "data": data}
        tape.recv("A", data if raw else dict(reversed(wrapped.items())) if draw.random() < 0.1 else wrapped)

    def answer(name: str, one: Ask, at: Log) -> None:
        bids, asks = (texts(one.view.market, levels) for levels in at.book)
        tape.http(f"https://{api}/api/v3/depth?symbol={name}&limit=5000", {"lastUpdateId": at.last, "bids": bids, "asks": asks})

    def noise(name: str) -> None:
        low = name.lower()
        frame: dict[str, Any] = draw.choice(
            [
                {"result": None, "id": 1},
                {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 1},
                {"code": 2, "msg": "x", "id": "a"},
                {"stream": f"{low}@depth20@100ms", "data": {"lastUpdateId": 9, "bids": [["1.5", "2.5"]], "asks": []}},
                {"stream": f"{low}@bookTicker", "data": {"u": 5, "s": name, "b": "1.5", "B": "2", "a": "1.6", "A": "3"}},
                {"stream": f"{low}@kline_1m", "data": {"e": "kline", "s": name, "k": {"o": "1e5"}}},
            ]
        )
        tape.recv("A", frame["data"] if raw and "data" in frame else frame)

    rested(tape, names, frames, send, answer, noise)
    return tape


def binance_us(seed: str) -> Tape:
    return binance(seed, host="binance.us", api="api.binance.us")


def binance_swap(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw = tape.draw
    coin = draw.random() < 0.5
    stream, api = ("dstream.binance.com", "dapi.binance.com/dapi") if coin else ("fstream.binance.com/public", "fapi.binance.com/fapi")
    names = ("BTCUSD_PERP", "ETHUSD_260925") if coin else ("BTCUSDT", "1000SHIBUSDT")
    tape.connect("A", f"wss://{stream}/stream?streams=x")

    def send(name: str, one: Ask) -> None:
        prev, first = one.number, one.number + draw.randint(1, 90)
        last = first + draw.choice((0, 1, 500))
        bids, asks = (texts(one.view.market, levels) for levels in sides(one.diff(first, last)))
        data: dict[str, Any] = {
            "e": "depthUpdate",
            "E": 3,
            "T": 2,
            "s": name,
            "ps": name,
            "U": first,
            "u": last,
            "pu": prev,
            "b": bids,
            "a": asks,
        }
        if coin:
            data = dict(sorted(data.items(), key=lambda item: item[0] != "u"))
        tape.recv("A", {"stream": f"{name.lower()}@depth@0ms", "data": data})

    def answer(name: str, one: Ask, at: Log) -> None:
        bids, asks = (texts(one.view.market, levels) for levels in at.book)
        body = {"lastUpdateId": at.last, "E": 3, "T": 2, "symbol": name, "pair": name, "bids": bids, "asks": asks}
        tape.http(f"https://{api}/v1/depth?symbol={name}&limit=1000", body)

    def noise(name: str) -> None:
        low, top = name.lower(), {"e": "depthUpdate", "E": 3, "T": 2, "s": name, "U": 4, "u": 9, "pu": 3, "b": [["1.5", "2.5"]], "a": []}
        tape.recv(
            "A",
            draw.choice(
                [
                    {"result": None, "id": 1},
                    {"stream": f"{low}@depth20@100ms", "data": top},
                    {"stream": f"{low}@depth5", "data": top},
                    {"stream": f"{low}@rpiDepth@500ms", "data": top},
                    {
                        "stream": f"{low}@forceOrder",
                        "data": {"e": "forceOrder", "E": 1, "o": {"s": name, "S": "SELL", "p": "1", "q": "1", "T": 3}},
                    },
                    {
                        "stream": "!bookTicker",
                        "data": {"e": "bookTicker", "u": 5, "s": "X", "b": "1", "B": "2", "a": "3", "A": "3", "T": 1, "E": 1},
                    },
                ]
            ),
        )

    rested(tape, names, frames, send, answer, noise, again=True)
    return tape


# -- Gate and KuCoin: exchanges/gate.md section 3, exchanges/kucoin.md section 3


def gate(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw = tape.draw
    tape.connect("A", "wss://ws-testnet.gate.com/v4/ws/spot")

    def send(name: str, one: Ask) -> None:
        first = one.number + 1
        last = first + draw.choice((0, 0, 1, 30))
        bids, asks = (texts(one.view.market, levels) for levels in sides(one.diff(first, last)))
        result = {"t": 1606294781123, "e": "depthUpdate", "E": 1606294781, "s": name, "U": first, "u": last, "b": bids, "a": asks}
        if one.live and draw.random() < 0.1:  # the whole book in place of a diff
            bids, asks = (texts(one.view.market, levels) for levels in one.view.shown)
            result = {**result, "full": True, "l": "100", "b": bids, "a": asks}
            one.view.updates -= 1
            one.view.snapshots += 1
        tape.recv(
            "A", {"time": 1606294781, "time_ms": 1606294781236, "channel": "spot.order_book_update", "event": "update", "result": result}
        )

    def answer(name: str, one: Ask, at: Log) -> None:
        bids, asks = (texts(one.view.market, levels) for levels in at.book)
        url = f"https://api-testnet.gateapi.io/api/v4/spot/order_book?currency_pair={name}&limit=100&with_id=true"
        tape.http(url, {"id": at.last, "current": 1606294781236, "update": 1606294781230, "asks": asks, "bids": bids})

    def noise(name: str) -> None:
        head = {"time": 1606294781, "time_ms": 1606294781236, "event": "update"}
        tape.recv(
            "A",
            draw.choice(
                [
                    {"time": 1, "channel": "spot.pong", "event": "", "error": None, "result": None},
                    {"type": "upgrade", "msg": "The connection will soon be closed for a service upgrade. Please reconnect."},
                    {
                        **head,
                        "channel": "spot.book_ticker",
                        "result": {"t": 1, "u": 4, "s": name, "b": "", "B": "", "a": "19179.38", "A": "0.09"},
                    },
                    {
                        **head,
                        "channel": "spot.order_book",
                        "result": {"t": 1, "lastUpdateId": 4, "s": name, "bids": [["1", "2"]], "asks": []},
                    },
                    {
                        **head,
                        "channel": "spot.obu",
                        "result": {"t": 1, "full": True, "s": f"ob.{name}.50", "u": 9, "b": [["1.4", "1"]], "a": []},
                    },
                    {
                        **head,
                        "event": "subscribe",
                        "channel": "spot.trades",
                        "error": {"code": 2, "message": "x"},
                        "result": {"status": "fail"},
                    },
                ]
            ),
        )

    rested(tape, ("BTC_USDT", "NEO_BTC", "PEPE_USDT"), frames, send, answer, noise, cut=draw.choice((0, 100)))
    return tape


def kucoin(seed: str, frames: int = 150) -> Tape:
    tape = Tape(seed)
    draw = tape.draw
    tape.connect("A", "wss://ws-api-spot.kucoin.com/?token=x&connectId=y")
    tape.recv("A", {"id": "y", "type": "welcome"})

    def send(name: str, one: Ask) -> None:
        first = one.number + 1
        last = first + draw.choice((0, 0, 1, 30))
        told = one.diff(first, last)
        rows = [[[*level, str(draw.randint(first, last))] for level in texts(one.view.market, levels)] for levels in sides(told)]
        if draw.random() < 0.1:  # nothing but the number moves on
            rows[draw.randint(0, 1)].append(["0", "0", str(last)])
        data = {
            "changes": {"asks": rows[1], "bids": rows[0]},
            "sequenceEnd": last,
            "sequenceStart": first,
            "symbol": name,
            "time": 1729816425625,
        }
        frame = {"topic": f"/market/level2:{name}", "type": "message", "subject": "trade.l2update", "data": data}
        tape.recv("A", dict(sorted(frame.items())) if draw.random() < 0.3 else frame)

    def answer(name: str, one: Ask, at: Log) -> None:
        bids, asks = (texts(one.view.market, levels) or None for levels in at.book)
        url = f"https://api.kucoin.com/api/v3/market/orderbook/level2?symbol={name}"
        tape.http(url, {"code": "200000", "data": {"time": 1729176273859, "sequence": str(at.last), "bids": bids, "asks": asks}})

    def noise(name: str) -> None:
        tape.recv(
            "A",
            draw.choice(
                [
                    {"id": "1", "type": "ack"},
                    {"id": "1", "type": "pong"},
                    {"id": "1", "type": "error", "code": 401, "data": "token is expired"},
                    {
                        "topic": f"/spotMarket/level2Depth5:{name}",
                        "type": "message",
                        "subject": "level2",
                        "data": {"asks": [["1", "2"]], "bids": []},
                    },
                    {
                        "topic": f"/spotMarket/level1:{name}",
                        "type": "message",
                        "subject": "level1",
                        "data": {"asks": None, "bids": ["1", "2"], "timestamp": 1},
                    },
                    {
                        "topic": f"/market/ticker:{name}",
                        "type": "message",
                        "subject": "trade.ticker",
                        "data": {"sequence": "1", "price": "2"},
                    },
                ]
            ),
        )

    rested(tape, ("BTC-USDT", "SNX-BTC", "PEPE-USDT"), frames, send, answer, noise)
    return tape


VENUES: dict[str, Callable[[str], Tape]] = {
    "OKX": okx,
    "BYBIT": bybit,
    "COINBASE": coinbase,
    "KRAKEN": kraken,
    "DERIBIT": deribit,
    "BINANCE": binance,
    "BINANCEUS": binance_us,
    "BINANCE_SWAP": binance_swap,
    "GATE": gate,
    "KUCOIN": kucoin,
}
