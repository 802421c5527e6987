"""What a strategy of a fault run does and is told: orders of every kind at what it sees of the books, cancels, now and then nonsense.

A part of one process of a strategy (fault_lives.py).  All that it is told is held to the grammar at each event (trader.py), and replayed events to what
a restart may tell again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aats._ffi import ffi, lib, text
from aats.layout import OrderEvent, OrderSide, OrderTif
from tests.world.judge import Wrong
from tests.world.options import EPOCH_NS
from tests.world.trader import Trader, give

if TYPE_CHECKING:
    from tests.world.fault_lives import Strategy
    from tests.world.fault_world import FaultWorld


class Died(Exception):
    """The life that was running is over."""


def check(code: int, what: str) -> None:
    """Raise `Wrong` if a call that must succeed has not."""
    if code < 0:
        raise Wrong(f"{what} ({text(lib.aats_err_name(code))})")


class Mind(Trader):
    """Its eyes, its hands and its memory; what holds it alive is `Life`."""

    strategy: Strategy
    world: FaultWorld
    number: int
    instance: int
    dead: bool
    begun: bool  # its strategy is called
    sending: int  # order that send was called for and has not returned from
    unknown: int  # times that onOrderUnknown was told
    replayed: set[int]  # ids of orders that were told again
    client_ids: dict[int, tuple[int, int]]

    def remember_nothing(self) -> None:
        """Begin with an empty memory."""
        self.told, self.replayed, self.client_ids = {}, set(), {}
        self.notices, self.session_events = [], []
        self.next_id, self.sending, self.unknown = 1, 0, 0
        self.closing = self.stopped = self.begun = False
        self._sent_ids, self._twice, self._refusing = set(), [], None
        self._event = ffi.new("aats_oev_t *")
        self._level = ffi.new("aats_level_t[2]")
        self._shown: dict[int, tuple[int, int, bool]] = {}
        self._seen = -1  # changes of the market at the last look

    @property
    def epoch_ns(self) -> int:
        """Our own clock, which may be wrong."""
        return EPOCH_NS + self.now_ns + self.world.skew_ns

    def _alive(self) -> None:
        if self.dead:
            raise Died

    def look(self) -> None:
        """See the books as they are now."""
        seen = self.world.changes
        if seen == self._seen and self.world.no_data_ns == 0:
            return
        self._seen = seen
        for sym, native in enumerate(self.names):
            bid, ask = self.world.market.touch(native)
            shown = (bid, ask, self.world.no_data_ns > self.now_ns)
            if self._shown.get(sym) == shown:
                continue
            self._shown[sym] = shown
            level = self._level
            level[0].px_i, level[0].qty_i, level[1].px_i, level[1].qty_i = bid, 10**8, ask, 10**8
            lib.aats_trader_quote(self.trader, sym, level, 1, level + 1, 1, not shown[2], self.epoch_ns)

    def drain(self) -> None:
        while lib.aats_trader_event(self.trader, self._event) == 1:
            self._alive()
            self.take(self._event[0])
        self._alive()

    # -- the strategy ----------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Do something: mostly sensible, sometimes not."""
        rng = self.rng
        if rng.random() < 0.33 and self.told:
            ids = self.open_ids()
            if ids or rng.random() < 0.2:
                order_id = rng.choice(ids) if ids and rng.random() < 0.9 else rng.choice([*self.told, 10**9])
                lib.aats_trader_cancel(self.trader, order_id, 0, self.epoch_ns, self.now_ns)
                self._alive()
                self._flush()
                return
        sym = rng.randrange(len(self.names))
        symbol = self.world.market.symbols[self.names[sym]]
        bid, ask = self.world.market.touch(symbol.name)
        tick = self.world.ticks[symbol.name]
        buy = rng.random() < 0.5
        tif = rng.choice((OrderTif.IOC, OrderTif.POS, OrderTif.GTC, OrderTif.GTC, OrderTif.GTC, OrderTif.FOK, OrderTif.MARKET))
        away = rng.choice((0, 0, 1, 2, 5, 30)) if tif in (OrderTif.POS, OrderTif.GTC) else -rng.choice((0, 0, 1, 3))
        near = (bid if buy else ask) if away > 0 or tif == OrderTif.POS else (ask if buy else bid)
        px = near - away * tick if buy else near + away * tick
        price: Any = f"{px // 10**8}.{px % 10**8:08d}"
        strange = rng.random()
        if strange < 0.08:
            price = px / 1e8 * rng.choice((0.9999, 1.0001, 1.0))
        elif strange < 0.1:
            price = f"{px // 10**8}.{px % 10**8 + 1:08d}"
        size = self.world.lots(symbol.name, rng.choice((0.02, 0.1, 0.4, 1.5)) * rng.uniform(0.5, 1.5))
        if strange > 0.97:
            size = rng.choice(("0.00001", "900", "90000000000"))
        self.send(sym, OrderSide.BUY if buy else OrderSide.SELL, tif, None if tif == OrderTif.MARKET else price, size)

    def send(self, sym: int, side: int, tif: int, price: Any, size: Any) -> int:
        keep: list[Any] = []
        req = ffi.new("aats_order_req_t *")
        req.order_id = order_id = self.next_id
        if self.told and self.rng.random() < 0.01:
            req.order_id = order_id = self.rng.choice(list(self.told))  # the same Order twice
        else:
            self.next_id += 1
        req.sym, req.side, req.tif = sym, int(side), int(tif)
        req.px, req.qty = give(price, keep), give(size, keep)
        if order_id in self.told or order_id in self._sent_ids:
            self._twice.append(order_id)
        self._sent_ids.add(order_id)
        self.sending = order_id
        code = lib.aats_trader_send(self.trader, req, self.epoch_ns, self.now_ns)
        self._alive()
        self.sending = 0
        check(code, "an order is not taken")
        self._flush()
        return order_id

    def take(self, ev: Any) -> None:
        kind, order_id = int(ev.kind), int(ev.order.order_id)
        if order_id:
            again = bool(ev.order.flags & lib.AATS_OF_REPLAYED)
            if again and kind == OrderEvent.CREATED:
                self.replayed.add(order_id)
            if again and (order_id not in self.replayed or self.number == 0):
                raise Wrong(f"order {order_id}: told as replayed, and this process has adopted no such order")
            if not again and kind == OrderEvent.CREATED and ev.order.instance != self.instance:
                raise Wrong(f"order {order_id} of an earlier life: Created without the word that it is told again")
            if order_id not in self.client_ids:
                self.client_ids[order_id] = (int(ev.order.instance), int(ev.order.client_no) or order_id)
        self.world.note(self.strategy.name, self.number, ev)
        if kind == OrderEvent.UNKNOWN:
            self.unknown += 1
        super().take(ev)

    def totals(self) -> Counter[str]:
        """Return what was told to this life of its own orders, by kind."""
        found: Counter[str] = Counter()
        for order_id, told in self.told.items():
            if order_id in self.replayed:
                found["adopted"] += 1
                continue
            found["orders"] += 1
            found["acked"] += "A" in told.letters
            found["rejected"] += "R" in told.letters
            found["canceled"] += "X" in told.letters
            found["filled"] += told.cum == told.size > 0
            found["fills"] += len(told.fills)
        found["unknown"] = self.unknown
        return found
