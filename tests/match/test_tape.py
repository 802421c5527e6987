"""Own orders in a recorded market: they get what the tape's trades and levels could have given them, and no more."""

from __future__ import annotations

import gzip
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aats._ffi import lib
from tests.match import model as m
from tests.match.engine import Engine

TAPE = "binance-spot/hftbacktest/btcusdt_20240808.gz"
LINES = 40_000
DEPTH = 20
PUT_EVERY = 40  # books; and after twice as many they are cancelled
LATE_NS = 200_000_000


def scaled(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 10**8 + int(part.ljust(8, "0"))


class Tape:
    """The published book (`DEPTH` levels) and the trades of the tape, in their order: ("book", ns) or ("trade", ns, side, px, qty)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.levels: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def __iter__(self) -> Any:
        ready = False
        waiting: list[dict[str, Any]] = []
        with gzip.open(self.path, "rt") as file:
            for line in itertools.islice(file, LINES):
                stamp, _, text = line.partition(" ")
                if '"bookTicker' in text or "@bookTicker" in text:
                    continue
                ns, message = int(stamp), json.loads(text)
                if "lastUpdateId" in message:
                    for side, name in enumerate(("bids", "asks")):
                        self.levels[side].update((scaled(px), scaled(qty)) for px, qty in message[name])
                    for diff in waiting:
                        if diff["u"] > message["lastUpdateId"]:
                            self._apply(diff)
                    ready = True
                    continue
                data = message["data"]
                if data["e"] == "depthUpdate":
                    if not ready:
                        waiting.append(data)
                        continue
                    self._apply(data)
                    yield ("book", ns)
                elif ready and data["e"] == "trade":
                    yield ("trade", ns, m.SELL if data["m"] else m.BUY, scaled(data["p"]), scaled(data["q"]))

    def _apply(self, diff: dict[str, Any]) -> None:
        for side, name in enumerate(("b", "a")):
            for px, qty in diff[name]:
                if scaled(qty):
                    self.levels[side][scaled(px)] = scaled(qty)
                else:
                    self.levels[side].pop(scaled(px), None)

    def top(self, side: int) -> list[tuple[int, int]]:
        return [(px, self.levels[side][px]) for px in sorted(self.levels[side], reverse=side == m.BID)[:DEPTH]]


@dataclass
class Watched:
    """An own order, and what could have filled it since it rests."""

    side: int
    px: int
    qty: int
    could: int = 0
    got: int = 0
    crossed: dict[int, int] = field(default_factory=dict)  # levels of the other side at or through its price, as last shown

    def sees(self, other: list[tuple[int, int]]) -> None:
        """Count what the other side shows at or through its price: each quantity once, until it has gone."""
        now = {px: qty for px, qty in other if (px <= self.px if self.side == m.BUY else px >= self.px)}
        self.could += sum(max(0, qty - self.crossed.get(px, 0)) for px, qty in now.items())
        self.crossed = now


def test_an_own_order_never_gets_more_than_traded_at_its_price_or_crossed_it(data_dir: Path) -> None:
    path = data_dir / TAPE
    if not path.exists():
        pytest.fail(f"the recorded traffic has no {TAPE}")
    engine = Engine((-8, -8, -8))
    lib.aats_match_late(engine.c, LATE_NS)
    orders: dict[int, Watched] = {}
    put_at: dict[int, int] = {}
    books = fills = traded = 0
    tape = Tape(path)
    ids = itertools.count(1)
    for what, ns, *rest in tape:
        engine.now = ns
        given = None
        if what == "trade":
            aggressor, px, qty = rest
            for o in orders.values():
                if o.side != aggressor and (o.px >= px if o.side == m.BUY else o.px <= px):
                    o.could += qty
            given = engine.trade(aggressor, px, qty)
            assert 0 <= given <= qty
            traded += qty
        else:
            top = (tape.top(m.BID), tape.top(m.ASK))
            for o in orders.values():
                o.sees(top[m.ASK if o.side == m.BUY else m.BID])
            assert engine.book(*top) == m.OK
            books += 1
        got = 0
        for ev in engine.events():
            assert ev.kind == m.TRADE and ev.maker and ev.other == 0
            o = orders[ev.id]
            o.got += ev.qty
            got += ev.qty
            fills += 1
            assert ev.px == o.px
            assert o.got <= o.could, f"order {ev.id} {o} at {ns}"
            if ev.leaves == 0:
                del orders[ev.id], put_at[ev.id]
        if given is not None:
            assert got == given

        if what == "book" and books % PUT_EVERY == 0:
            for order_id in [i for i, at in put_at.items() if books - at >= 2 * PUT_EVERY]:
                assert engine.cancel(order_id) == m.OK
                engine.events()
                del orders[order_id], put_at[order_id]
            bid, ask = top[m.BID][0][0], top[m.ASK][0][0]
            wanted = [(m.BUY, bid), (m.SELL, ask), (m.BUY, top[m.BID][5][0]), (m.SELL, top[m.ASK][5][0])]
            if ask - bid > 2_000_000:
                wanted += [(m.BUY, bid + 1_000_000), (m.SELL, ask - 1_000_000)]
            for side, px in wanted:
                order_id = next(ids)
                qty = 100_000 * (1 + order_id % 700)
                order = {"id": order_id, "owner": 1, "side": side, "tif": m.POS, "px": px, "qty": qty}
                ahead = tape.levels[side - 1].get(px, 0)
                assert engine.place(order) == m.OK
                first = engine.events()[0]
                if first.kind == m.NEW:
                    orders[order_id], put_at[order_id] = Watched(side, px, qty), books
                    assert lib.aats_match_ahead(engine.c, order_id) >= min(ahead, lib.aats_match_public(engine.c, side - 1, px))
    assert books > 500 and traded > 0
    assert fills > 20, "the tape has not moved the queue: nothing was tested"
