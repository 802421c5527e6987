"""The Binance family: exchanges/binance_spot.md section 3, exchanges/binance_usdm_futures.md section 3."""

from __future__ import annotations

import json
from typing import Any

from tests.tape.unseen.market import Tape, sides
from tests.tape.unseen.rested import Ask, Log, rested, texts


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
