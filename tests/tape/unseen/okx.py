"""OKX: exchanges/okx.md sections 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence

from tests.tape.unseen.market import Level, Tape, View, sides


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
