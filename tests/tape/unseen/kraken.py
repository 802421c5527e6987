"""Kraken: exchanges/kraken_v2.md sections 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from zlib import crc32

from tests.tape.unseen.market import STYLES, Level, Market, Tape, View, sides


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
