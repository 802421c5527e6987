"""KuCoin: exchanges/kucoin.md section 3."""

from __future__ import annotations

from tests.tape.unseen.market import Tape, sides
from tests.tape.unseen.rested import Ask, Log, rested, texts


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
