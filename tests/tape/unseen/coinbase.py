"""Coinbase: exchanges/coinbase.md sections 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.tape.unseen.market import Level, Tape, View, sides


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
