"""A matching engine that is slow and plain: what ``csrc/match/match.h`` says, written down once more, with exact fractions.

For: ``test_model.py`` compares the C engine with it, event for event.  Every look-up is a search through everything, every
order a dictionary, every price's queue is laid out anew (`Model._queue`) when somebody comes to it.  Nothing here was taken
from the C files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

BID, ASK = 0, 1
BUY, SELL = 1, 2
IOC, POS, GTC, FOK, MARKET = 1, 2, 3, 4, 5
STP_NONE, STP_TAKER, STP_MAKER, STP_BOTH, STP_DECREMENT = range(5)
NEW, REJECTED, TRADE, EXPIRED, CANCELED, REDUCED = range(1, 7)
CROSS, DUPLICATE, REST, NOT_WHOLE, DRY, SELF, BAD = range(1, 8)
UNKNOWN = 2**63 - 1
ALL, NONE = "all", "none"

OK, E_ARG, E_UNKNOWN = 0, -2, -23


class Event(NamedTuple):
    kind: int
    why: int
    id: int
    owner: int
    trade_no: int
    other: int
    now: int
    px: int
    qty: int
    cum: int
    leaves: int
    fee: int
    notional: int
    side: int
    maker: int
    fee_in_base: int


@dataclass
class Level:
    """A public quantity: what was told, what own orders have of it, what the public has of it since it was told."""

    told: int
    taken: int = 0
    traded: int = 0


@dataclass
class Order:
    id: int
    owner: int
    side: int
    tif: int
    px: int
    qty: int
    stp: int = STP_NONE
    quote: int = 0
    lot: int = 0
    maker_rate: int = 0
    taker_rate: int = 0
    left: int = 0
    cum: int = 0
    notional: int = 0
    ahead: int = 0


class Model:
    def __init__(self, px_exp: int, qty_exp: int, fee_exp: int) -> None:
        self.exps = (px_exp, qty_exp, fee_exp)
        self.levels: list[dict[int, Level]] = [{}, {}]
        self.known: list[int | str] = [ALL, ALL]
        self.singly = [False, False]  # single levels were told since the last gap
        self.own: list[Order] = []  # resting, by time
        self.events: list[Event] = []
        self.trades = 0
        self.now = 0

    # ------------------------------------------------------------------------------------------------ what is there

    def better(self, side: int, a: int, b: int) -> bool:
        """Return whether price `a` is better than `b` on a book side."""
        return a > b if side == BID else a < b

    def knows(self, side: int, px: int) -> bool:
        edge = self.known[side]
        return edge == ALL or (edge != NONE and not self.better(side, int(edge), px))

    def stands(self, side: int, px: int) -> int:
        level = self.levels[side].get(px)
        return level.told - level.taken if level else 0

    def public(self, side: int, px: int) -> int:
        level = self.levels[side].get(px)
        return level.told - level.taken - level.traded if level and self.knows(side, px) else 0

    def resting(self, side: int, px: int) -> list[Order]:
        return [o for o in self.own if o.side - 1 == side and o.px == px]

    def ahead(self, order: Order) -> int:
        if order.ahead == UNKNOWN and self.knows(order.side - 1, order.px):
            return self.stands(order.side - 1, order.px)
        return order.ahead

    def prices(self, side: int) -> list[int]:
        """Return the prices at which something can be had, the best first."""
        there = {px for px in self.levels[side] if self.public(side, px) > 0} | {o.px for o in self.own if o.side - 1 == side}
        return sorted(there, reverse=side == BID)

    def reaches(self, order_side: int, limit: int, px: int) -> bool:
        return px <= limit if order_side == BUY else px >= limit

    def would_take(self, order_side: int, limit: int) -> bool:
        return any(self.reaches(order_side, limit, px) for px in self.prices(2 - order_side))

    # ------------------------------------------------------------------------------------------------------- events

    def emit(self, kind: int, order: Order, qty: int, why: int = 0, **more: int) -> None:
        leaves = order.left if kind in (NEW, TRADE, REDUCED) else 0
        values = {"trade_no": 0, "other": 0, "px": order.px, "leaves": leaves, "fee": 0, "maker": 0, "fee_in_base": 0} | more
        self.events.append(
            Event(
                kind=kind, why=why, id=order.id, owner=order.owner, now=self.now, qty=qty, cum=order.cum, notional=order.notional,
                side=order.side, **values,
            )
        )  # fmt: skip

    def fill(self, order: Order, px: int, qty: int, maker: bool, other: int) -> None:
        px_exp, qty_exp, fee_exp = self.exps
        order.left -= qty
        order.cum += qty
        order.notional += px * qty
        received = Fraction(qty) * Fraction(10) ** qty_exp
        if order.side == SELL:
            received *= Fraction(px) * Fraction(10) ** px_exp
        exact = received * Fraction(order.maker_rate if maker else order.taker_rate, 10**8) / Fraction(10) ** fee_exp
        fee = int(exact)  # towards zero
        self.emit(
            TRADE, order, qty, px=px, trade_no=self.trades, other=other, fee=fee, maker=int(maker), fee_in_base=int(order.side == BUY)
        )  # fmt: skip

    def drop_if_filled(self, order: Order) -> None:
        if order.left == 0:
            self.own.remove(order)

    # --------------------------------------------------------------------------------------------------- the public

    def _shows(self, side: int, px: int) -> None:
        """No order stands behind more than there is at its price, if that is known."""
        for o in self.resting(side, px):
            o.ahead = min(o.ahead, self.stands(side, px))

    def _tell(self, side: int, px: int, qty: int) -> None:
        level = self.levels[side].get(px)
        if level is None:
            if qty:
                self.levels[side][px] = Level(qty)
        else:
            unexplained = max(0, level.told - qty - level.traded)
            level.taken = max(0, level.taken - unexplained)
            level.told, level.traded = qty, 0
            if not qty:
                del self.levels[side][px]
        self._shows(side, px)

    def _cross(self, side: int) -> None:
        """Levels of `side` trade with own orders of the other side that they have come to."""
        while True:
            pub = [px for px in self.prices(side) if self.public(side, px) > 0]
            own = [px for px in self.prices(1 - side) if self.resting(1 - side, px)]
            if not pub or not own:
                return
            order = self.resting(1 - side, own[0])[0]
            if not self.reaches(order.side, order.px, pub[0]):
                return
            qty = min(order.left, self.public(side, pub[0]))
            self.levels[side][pub[0]].taken += qty
            self.trades += 1
            self.fill(order, order.px, qty, True, 0)
            self.drop_if_filled(order)

    def level(self, side: int, px: int, qty: int) -> int:
        self.levels[side] = {p: level for p, level in self.levels[side].items() if self.knows(side, p)}
        self.known[side] = ALL
        self.singly[side] = True
        self._tell(side, px, qty)
        self._cross(side)
        return OK

    def book(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> int:
        for side, listed in ((BID, dict(bids)), (ASK, dict(asks))):
            self.known[side] = (min(listed) if side == BID else max(listed)) if listed else ALL
            within = {px for px in self.levels[side] if self.knows(side, px)}
            for px in within - set(listed):
                self._tell(side, px, 0)
            for px, qty in listed.items():
                level = self.levels[side].get(px)
                if level is None or level.told != qty:
                    self._tell(side, px, qty)
            if self.singly[side]:
                self.known[side] = ALL
            for px in {o.px for o in self.own if o.side - 1 == side}:
                if self.knows(side, px):
                    self._shows(side, px)
        self._cross(BID)
        self._cross(ASK)
        return OK

    def clear(self) -> None:
        self.known = [NONE, NONE]
        self.singly = [False, False]

    def trade(self, aggressor: int, px: int, qty: int) -> int:
        side = 2 - aggressor
        left = qty
        while left:
            through = [p for p in self.prices(side) if self.better(side, p, px) and self.resting(side, p)]
            if not through:
                break
            left -= self._give(self.resting(side, through[0])[0], left)
        public_gave = 0
        for item in self._queue(side, px, None):
            if not left:
                break
            if isinstance(item, Order):
                left -= self._give(item, left)
            else:
                eaten = left if item == UNKNOWN else min(left, item)
                left -= eaten
                public_gave += eaten
        given = qty - left - public_gave
        self._forward(side, px, public_gave)  # what is left goes to the public behind the last own order
        level = self.levels[side].get(px)
        if level:
            level.traded += min(public_gave + left, level.told - level.taken - level.traded)
        return given

    def _give(self, order: Order, most: int) -> int:
        qty = min(order.left, most)
        self.trades += 1
        self.fill(order, order.px, qty, True, 0)
        self.drop_if_filled(order)
        return qty

    def _queue(self, side: int, px: int, shown: int | None) -> Iterator[int | Order]:
        """Lay out a price's queue: public quantities (not above `shown` in all, then with what stands behind) and own orders."""
        orders = self.resting(side, px)
        for o in orders:
            o.ahead = self.ahead(o)
        before = 0
        items: list[int | Order] = []
        for o in orders:
            stands = o.ahead if shown is None else min(o.ahead, shown)
            if stands > before:
                items.append(UNKNOWN if stands == UNKNOWN else stands - before)
                before = stands
            items.append(o)
        if shown is not None and shown > before:
            items.append(shown - before)
        return iter(items)

    def _forward(self, side: int, px: int, eaten: int) -> None:
        for o in self.resting(side, px):
            if o.ahead != UNKNOWN:
                o.ahead = max(0, o.ahead - eaten)

    # --------------------------------------------------------------------------------------------------- own orders

    def place(self, o: Order) -> int:
        by_quote = o.tif == MARKET and o.quote != 0
        good = (o.quote > 0 and o.qty == 0 and o.lot > 0) if by_quote else o.qty > 0
        if o.side not in (BUY, SELL) or not IOC <= o.tif <= MARKET or not good or (o.tif != MARKET and o.px <= 0):
            self.emit(REJECTED, o, o.qty, BAD, leaves=0)
        elif any(other.id == o.id for other in self.own):
            self.emit(REJECTED, o, o.qty, DUPLICATE, leaves=0)
        elif o.tif == POS and self.would_take(o.side, o.px):
            self.emit(REJECTED, o, o.qty, CROSS, leaves=0)
        else:
            self._take(o, by_quote)
        return OK

    def _limit(self, o: Order, px: int) -> bool:
        return o.tif == MARKET or self.reaches(o.side, o.px, px)

    def _can_be_whole(self, o: Order) -> bool:
        side, got = 2 - o.side, 0
        for px in self.prices(side):
            if not self._limit(o, px):
                break
            for item in self._queue(side, px, self.public(side, px)):
                if isinstance(item, Order):
                    if item.owner == o.owner and o.stp == STP_MAKER:
                        continue
                    if item.owner == o.owner and o.stp != STP_NONE:
                        return got >= o.qty
                    got += item.left
                else:
                    got += item
        return got >= o.qty

    def _take(self, o: Order, by_quote: bool) -> None:
        o.left = o.qty
        if o.tif == MARKET:
            o.px = 0
        self.emit(NEW, o, o.qty)
        if o.tif == FOK and not self._can_be_whole(o):
            self.emit(EXPIRED, o, o.qty, NOT_WHOLE)
            return
        budget = Fraction(o.quote) / Fraction(10) ** self.exps[1]  # in units of price x quantity
        side = 2 - o.side
        last_trade = -1
        state = "takes"  # then: over, ended, filled

        def want(px: int) -> int:
            return int(budget / px) // o.lot * o.lot if by_quote else o.left

        for px in self.prices(side):
            if state != "takes" or not self._limit(o, px):
                break
            if want(px) == 0:
                state = "filled" if last_trade >= 0 or not by_quote else "nothing"
                break
            eaten = 0
            for item in list(self._queue(side, px, self.public(side, px))):
                qty = want(px)
                if qty == 0 or state != "takes":
                    break
                if isinstance(item, int) or item.owner != o.owner or o.stp == STP_NONE:
                    qty = min(qty, item if isinstance(item, int) else item.left)
                    self.trades += 1
                    if by_quote:
                        o.left = want(px)
                    last_trade = len(self.events)
                    self.fill(o, px, qty, False, 0 if isinstance(item, int) else item.id)
                    if by_quote:
                        budget -= px * qty
                        o.left = want(px)
                        self.events[-1] = self.events[-1]._replace(leaves=o.left)
                    if isinstance(item, int):
                        eaten += qty
                    else:
                        self.fill(item, px, qty, True, o.id)
                        self.drop_if_filled(item)
                elif o.stp == STP_DECREMENT:
                    qty = min(qty, item.left)
                    if item.left == qty:
                        self.own.remove(item)
                        self.emit(EXPIRED, item, qty, SELF)
                    else:
                        item.left -= qty
                        self.emit(REDUCED, item, qty, SELF)
                    if by_quote:
                        budget -= px * qty
                        o.left = want(px)
                    else:
                        o.left -= qty
                    state = "ended" if o.left == 0 else state
                    self.emit(EXPIRED if o.left == 0 else REDUCED, o, qty, SELF)
                else:
                    if o.stp in (STP_MAKER, STP_BOTH):
                        self.own.remove(item)
                        self.emit(EXPIRED, item, item.left, SELF)
                    if o.stp in (STP_TAKER, STP_BOTH):
                        state = "over"
            if eaten:
                self.levels[side][px].taken += eaten
            self._forward(side, px, eaten)
            if by_quote and last_trade >= 0 and o.left == 0 and state == "takes":
                state = "filled"
        if state == "over":
            self.emit(EXPIRED, o, o.left, SELF)
        elif state == "nothing":
            self.emit(EXPIRED, o, 0, REST)
        elif state == "filled" and by_quote:
            self.events[last_trade] = self.events[last_trade]._replace(leaves=0)
        elif state == "ended" or (o.left == 0 and not by_quote):
            pass
        elif o.tif in (GTC, POS):
            o.ahead = self.stands(o.side - 1, o.px) if self.knows(o.side - 1, o.px) else UNKNOWN
            for other in self.resting(o.side - 1, o.px):
                other.ahead = self.ahead(other)
                o.ahead = max(o.ahead, other.ahead)
            self.own.append(o)
        else:
            self.emit(EXPIRED, o, o.left, DRY if o.tif == MARKET else REST)

    def cancel(self, order_id: int) -> int:
        for o in self.own:
            if o.id == order_id:
                self.own.remove(o)
                self.emit(CANCELED, o, o.left)
                return OK
        return E_UNKNOWN

    def reduce(self, order_id: int, qty: int) -> int:
        for o in self.own:
            if o.id == order_id:
                less = o.cum + o.left - qty
                if qty <= o.cum or less <= 0:
                    return E_ARG
                o.left -= less
                self.emit(REDUCED, o, less)
                return OK
        return E_UNKNOWN
