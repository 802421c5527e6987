"""Bybit: exchanges/bybit_v5.md sections 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.tape.unseen.market import STYLES, Level, Tape, View, sides


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
