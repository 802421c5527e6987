"""Gate: exchanges/gate.md section 3."""

from __future__ import annotations

from tests.tape.unseen.market import Tape, sides
from tests.tape.unseen.rested import Ask, Log, rested, texts


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
