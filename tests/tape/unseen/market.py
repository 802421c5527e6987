"""A symbol's book at a venue that nobody has seen: how its numbers are written, how it moves, what a subscriber is told of it; and the tape they go to."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

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
