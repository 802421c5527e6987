"""Where the own orders of one symbol meet the market and each other: the matching engine, bound to both.

    generator   own orders are part of the market: what they show stands in its book, what they take is taken from it, its
                takers hit them at their place in the queue, and every such trade is a public trade with a public id
    tape        what was recorded is played unaltered; own orders see it and are filled by it, and nobody sees them; their
                trade ids come from a range of their own, OWN_TRADE_IDS upward

The engine (csrc/match/match.h) decides every fill; this file feeds it what the market does, takes its events in their
order, and hands each to the desk (orders.py).  One pit a symbol, made by the first order on it.
"""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from aats._ffi import ffi, lib
from aats.sim.amounts import e8
from aats.sim.market import BOOK_TICKER, DEPTH, DEPTH_NS, TRADE, Event, Market
from aats.sim.reports import Order

OWN_TRADE_IDS = 9_000_000_000_000  # above every recorded id, shifted ones of later loops included; exact in a double

STPS = {
    "NONE": lib.AATS_STP_NONE,
    "EXPIRE_TAKER": lib.AATS_STP_EXPIRE_TAKER,
    "EXPIRE_MAKER": lib.AATS_STP_EXPIRE_MAKER,
    "EXPIRE_BOTH": lib.AATS_STP_EXPIRE_BOTH,
    "DECREMENT": lib.AATS_STP_DECREMENT,
}
TIFS = {"GTC": lib.AATS_TIF_GTC, "IOC": lib.AATS_TIF_IOC, "FOK": lib.AATS_TIF_FOK}

_PX_LEVELS = 5000


class Rules(Protocol):
    """What a pit tells its desk; each call is one event of the engine."""

    def on_new(self, order: Order, t_ns: int) -> None: ...
    def on_refused(self, order: Order, why: int) -> None: ...
    def on_trade(self, order: Order, ev: Any, trade_id: int, t_ns: int) -> None: ...
    def on_expired(self, order: Order, ev: Any, t_ns: int) -> None: ...
    def on_prevented(self, order: Order, ev: Any, t_ns: int) -> None: ...


class Pit:
    """The engine of one symbol.

    Parameters
    ----------
    lot
        Step of quantities at 1e-8, for market orders by quote amount.
    """

    def __init__(self, market: Market, symbol: str, lot: int, desk: Rules, now_ns: int) -> None:
        self.symbol = symbol
        self.orders: dict[int, Order] = {}  # those that the engine knows
        self._market = market
        self._lot = lot
        self._desk = desk
        self._m = ffi.gc(lib.aats_match_new(-8, -8, -8), lib.aats_match_free)
        self._ev = ffi.new("aats_match_ev_t *")
        self._top = ffi.new("aats_level_t[2]")
        self._out: list[Event] = []
        self._draining = False
        self._trade_ids = OWN_TRADE_IDS
        self._numbers: dict[int, int] = {}  # trade_no -> id, of trades between own orders
        self._touched: dict[tuple[bool, int], None] = {}
        self._ticker_id = 0
        self._ticker: tuple[int, int, int, int] = (0, 0, 0, 0)
        self.floor = market.floor(symbol)
        if self.floor is not None:
            self.floor.attach(self)
        else:
            lib.aats_match_late(self._m, DEPTH_NS)  # best prices are told at once, a trade that made them may follow
            book = market.snapshot(symbol, _PX_LEVELS)
            for side, levels in ((lib.AATS_BID, book.bids), (lib.AATS_ASK, book.asks)):
                for px, qty in levels:
                    lib.aats_match_level(self._m, side, e8(px), e8(qty), now_ns)

    # -- own orders ----------------------------------------------------------------------------------------------------

    def place(self, order: Order, now_ns: int, qty: int | None = None) -> list[Event]:
        """Give an order to the engine, or `qty` that is left of it; return what the public sees of it."""
        maker, taker = order.account.rates
        quote = order.quote_qty
        tif = lib.AATS_TIF_MARKET if order.type == "MARKET" else lib.AATS_TIF_POS if order.type == "LIMIT_MAKER" else TIFS[order.tif]
        self.orders[order.id] = order
        given = ffi.new(
            "aats_match_order_t *",
            {
                "id": order.id,
                "owner": order.account.number,
                "side": lib.AATS_SIDE_BUY if order.buys else lib.AATS_SIDE_SELL,
                "tif": tif,
                "stp": STPS.get(order.stp, lib.AATS_STP_DECREMENT),
                "px_i": order.px,
                "qty_i": 0 if quote else order.qty if qty is None else qty,
                "quote_i": quote,
                "lot_i": self._lot,
                "maker_rate_i": maker,
                "taker_rate_i": taker,
            },
        )
        self._begin(order)
        if lib.aats_match_place(self._m, given, now_ns) != lib.AATS_OK:
            raise MemoryError("the matching engine has no memory for an order")
        return self._finish(now_ns)

    def cancel(self, order: Order, now_ns: int) -> list[Event]:
        """Take a resting order out."""
        self._begin(order)
        lib.aats_match_cancel(self._m, order.id, now_ns)
        return self._finish(now_ns)

    def reduce(self, order: Order, qty: int, now_ns: int) -> list[Event]:
        """Lower the quantity of a resting order; its place stays."""
        self._begin(order)
        lib.aats_match_reduce(self._m, order.id, qty, now_ns)
        self._touched[not order.buys, order.px] = None
        return self._finish(now_ns)

    def cost(self, *, buys: bool, qty: int, quote: int, account: int) -> tuple[int, int]:
        """Walk the other side: return what a market order would trade, (base at 1e-8, quote at 1e-16)."""
        book = self._market.snapshot(self.symbol, _PX_LEVELS)
        side = lib.AATS_ASK if buys else lib.AATS_BID
        there: dict[int, int] = {}
        for px_text, _ in book.asks if buys else book.bids:
            px = e8(px_text)
            there[px] = lib.aats_match_public(self._m, side, px)
        for order in self.orders.values():
            if order.buys != buys and order.account.number != account:
                there[order.px] = there.get(order.px, 0) + order.leaves
        base = spent = 0
        for px in sorted((px for px, qty in there.items() if qty > 0), reverse=not buys):
            left = min((quote * 10**8 - spent) // px // self._lot * self._lot if quote else qty - base, there[px])
            if left <= 0:
                break
            base += left
            spent += left * px
        return base, spent

    # -- the market: a tape tells by its events, a generator by these calls -----------------------------------------------

    def feed(self, event: Event) -> None:
        """Show the engine what a tape has just played."""
        t_ns = event.t_ns
        if event.kind == DEPTH:
            older = event.last_id < self._ticker_id  # than the best prices known: what it says of those is not told
            bid, _, ask, _ = self._ticker
            for px, qty in event.bids:
                if not older or e8(px) < bid:
                    lib.aats_match_level(self._m, lib.AATS_BID, e8(px), e8(qty), t_ns)
            for px, qty in event.asks:
                if not older or e8(px) > ask:
                    lib.aats_match_level(self._m, lib.AATS_ASK, e8(px), e8(qty), t_ns)
        elif event.kind == BOOK_TICKER:
            data = orjson.loads(event.data)
            if data["u"] >= self._ticker_id:
                self._ticker_id = data["u"]
                self._ticker = e8(data["b"]), e8(data["B"]), e8(data["a"]), e8(data["A"])
                self._show_top(t_ns)
        elif event.kind == TRADE:
            data = orjson.loads(event.data)
            lib.aats_match_trade(self._m, lib.AATS_SIDE_SELL if data["m"] else lib.AATS_SIDE_BUY, e8(data["p"]), e8(data["q"]), t_ns)
        self._drain(t_ns)

    def level(self, is_ask: bool, px: int, qty: int, t_ns: int) -> None:
        """Tell the engine the public quantity at a price."""
        lib.aats_match_level(self._m, lib.AATS_ASK if is_ask else lib.AATS_BID, px, qty, t_ns)

    def hit(self, buys: bool, px: int, qty: int, t_ns: int, out: list[Event]) -> int:
        """Let a taker of the market trade at a price where own orders stand; return what those gave."""
        self._out = out
        gave: int = lib.aats_match_trade(self._m, lib.AATS_SIDE_BUY if buys else lib.AATS_SIDE_SELL, px, qty, t_ns)
        self._drain(t_ns)
        self._show()
        self._out = []
        return gave

    def _show_top(self, t_ns: int) -> None:
        bid, bid_qty, ask, ask_qty = self._ticker
        top = self._top
        top[0].px_i, top[0].qty_i, top[1].px_i, top[1].qty_i = bid, bid_qty, ask, ask_qty
        lib.aats_match_book(self._m, top, 1 if bid_qty else 0, top + 1, 1 if ask_qty else 0, t_ns)

    # -- events of the engine ------------------------------------------------------------------------------------------

    def _begin(self, order: Order) -> None:
        self._out = []
        if self.floor is not None:
            self.floor.before(order.buys, order.px)

    def _finish(self, t_ns: int) -> list[Event]:
        self._drain(t_ns)
        self._show()
        out, self._out = self._out, []
        if self.floor is not None:
            self.floor.after(t_ns, out)
        return out

    def _drain(self, t_ns: int) -> None:
        if self._draining:
            return  # the call that is under way goes on until there is nothing left
        self._draining = True
        ev = self._ev
        while lib.aats_match_next(self._m, ev):
            order = self.orders[ev.id]
            if ev.kind == lib.AATS_ME_NEW:
                self._desk.on_new(order, t_ns)
            elif ev.kind == lib.AATS_ME_TRADE:
                self._trade(order, ev, t_ns)
            elif ev.kind == lib.AATS_ME_EXPIRED:
                self._desk.on_expired(order, ev, t_ns)
            elif ev.kind == lib.AATS_ME_REJECTED:
                self._desk.on_refused(order, ev.why)
            elif ev.kind == lib.AATS_ME_REDUCED and ev.why == lib.AATS_MR_STP:
                self._desk.on_prevented(order, ev, t_ns)
            if order.px:
                self._touched[not order.buys, order.px] = None
            if order.status not in ("NEW", "PARTIALLY_FILLED") or ev.kind == lib.AATS_ME_CANCELED:
                self.orders.pop(order.id, None)
        self._draining = False

    def _trade(self, order: Order, ev: Any, t_ns: int) -> None:
        px, qty, maker, other, number = ev.px_i, ev.qty_i, ev.maker, ev.other, ev.trade_no
        trade_id = self._numbers.pop(number, 0) if other else 0
        if not trade_id:
            trade_id = self._number(px, qty, order.buys != bool(maker), t_ns)
            if other:
                self._numbers[number] = trade_id
        self._desk.on_trade(order, ev, trade_id, t_ns)
        if not other and not maker and self.floor is not None:
            self.floor.taken(order.buys, px, qty, t_ns)

    def _number(self, px: int, qty: int, taker_buys: bool, t_ns: int) -> int:
        if self.floor is not None:
            return self.floor.own_trade(t_ns, px, qty, taker_buys, self._out)
        self._trade_ids += 1
        return self._trade_ids

    def _show(self) -> None:
        """Make the floor show what own orders stand at the prices that changed."""
        touched, self._touched = self._touched, {}
        if self.floor is not None:
            for is_ask, px in touched:
                self.floor.show(is_ask, px, lib.aats_match_own(self._m, lib.AATS_ASK if is_ask else lib.AATS_BID, px))
