"""What a trade process of the demo writes into its segment, read from outside: order events as they come, sums, latencies.

For: `aats demo`.  Not for arithmetic: `aats.demo_ledger`.  The ring of events is read often enough that none is overwritten unseen; if one is, that is an
error, not a guess.  A segment that is mapped can be read to its last word after its process has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from aats import shm
from aats._ffi import ffi, lib, text
from aats.demo_ledger import Event, Ledger, LedgerError, difference, scaled
from aats.errors import ShmError
from aats.layout import TD, TD_OFFSET, TdCounter
from aats.shm import Segment
from aats.shm.look import hist_pointers, summary

__all__ = ["Account", "hops", "trade_price"]

_KINDS = {
    int(getattr(lib, f"AATS_OEV_{name}")): name.lower()
    for name in (
        "CREATED", "ACKED", "REJECTED", "EXEC", "CANCEL_CREATED", "CANCEL_ACKED", "CANCEL_REJECTED", "CANCELED", "CLOSED", "UNKNOWN",
        "AMENDED", "AMEND_REJECTED", "DISCONNECT", "RECONNECT", "RECONCILED",
    )
}  # fmt: skip
_SIDES = {int(lib.AATS_SIDE_BUY): "buy", int(lib.AATS_SIDE_SELL): "sell"}
_LIQUIDITY = {int(lib.AATS_LIQ_MAKER): "maker", int(lib.AATS_LIQ_TAKER): "taker"}
_TIFS = {int(getattr(lib, f"AATS_TIF_{name}")): name.lower() for name in ("IOC", "POS", "GTC", "FOK", "MARKET")}

#: What the process counts itself, beside the ledger's name for it.
_COUNTERS = {
    "created": TdCounter.ORDERS,
    "acked": TdCounter.ACKED,
    "rejected": TdCounter.REJECTED,
    "filled": TdCounter.FILLED,
    "canceled": TdCounter.CANCELED,
    "closed": TdCounter.CLOSED,
}


def _wide(value: Any, exp: int) -> Decimal:
    return scaled(int(value.hi) * 2**64 + int(value.lo), exp)


class Account:
    """One strategy of the demo: its segment, and the ledger that is kept of it.

    Parameters
    ----------
    strategy : str
        As the summary calls it.
    segment : Segment
        Of kind td; the first symbol in it is the one that is traded.

    Raises
    ------
    ShmError
        The segment's geometry does not fit, or it has no traded symbol yet.
    """

    def __init__(self, strategy: str, segment: Segment) -> None:
        self.segment = segment
        self._mem = ffi.from_buffer(segment.memory)
        why = ffi.new("char[]", 400)
        if lib.aats_td_check(self._mem, segment.size, why, 400) != lib.AATS_OK:
            raise ShmError(f"{segment.name}: {text(why)}")
        self._next = 0
        self._event = ffi.new("aats_oev_t *")
        self._position = ffi.new("aats_pos_t *")
        pos = self._pos()
        self.ledger = Ledger(strategy, text(pos.symbol), text(pos.base), text(pos.quote))
        self.known = False

    def _pos(self) -> Any:
        if lib.aats_td_get_pos(self._mem, 0, self._position) != 1:
            raise ShmError(f"{self.segment.name}: no traded symbol in it")
        return self._position

    def counter(self, which: TdCounter) -> int:
        """Return a counter of the process."""
        return int(self.segment.array(TD, TD_OFFSET)[0]["counters"][which])

    def poll(self) -> int:
        """Enter all events that came since; return how many.

        Raises
        ------
        LedgerError
            Events were overwritten before they were read, or contradict the grammar.
        """
        if not self.known:
            self._begin()
        taken = 0
        while True:
            got = lib.aats_td_get_event(self._mem, self._next, self._event)
            if got == 0 or got == lib.AATS_E_BUSY:
                return taken
            if got != 1:
                raise LedgerError(f"{self.ledger.strategy}: order event {self._next} was overwritten before it was read")
            self._next += 1
            taken += 1
            self.ledger.take(event_of(self._event))

    def _begin(self) -> None:
        """Take what the account held when its session first was ready; told once, before the first order can go out."""
        pos = self._pos()
        if pos.known:
            self.ledger.start_position = _wide(pos.start_base, int(pos.qty_exp))
            self.ledger.start_cash = _wide(pos.start_quote, int(pos.qty_exp))
            self.known = True

    def check(self) -> Iterable[str]:
        """Yield a sentence for each sum of the ledger that the process has otherwise."""
        ledger, pos = self.ledger, self._pos()
        bought = [fill for fill in ledger.fills if fill.side == "buy"]
        sold = [fill for fill in ledger.fills if fill.side == "sell"]
        size, notional, fee = int(pos.qty_exp), int(pos.px_exp) + int(pos.qty_exp), int(pos.fee_exp)
        ours: dict[str, Decimal | int] = {
            "bought": sum((fill.size for fill in bought), Decimal(0)),
            "sold": sum((fill.size for fill in sold), Decimal(0)),
            "paid": sum((fill.notional for fill in bought), Decimal(0)),
            "received": sum((fill.notional for fill in sold), Decimal(0)),
            "fee_base": ledger.fees.get(ledger.base, Decimal(0)),
            "fee_quote": ledger.fees.get(ledger.quote, Decimal(0)),
            "fills": len(ledger.fills),
            **ledger.counts,
        }
        theirs: dict[str, Decimal | int] = {
            "bought": _wide(pos.bought, size),
            "sold": _wide(pos.sold, size),
            "paid": _wide(pos.bought_notional, notional),
            "received": _wide(pos.sold_notional, notional),
            "fee_base": _wide(pos.fee_base, fee),
            "fee_quote": _wide(pos.fee_quote, fee),
            "fills": self.counter(TdCounter.FILLS),
            **{name: self.counter(which) for name, which in _COUNTERS.items()},
        }
        return list(difference(ledger.strategy, "its own counts", ours, theirs))


def event_of(raw: Any) -> Event:
    """Return an ``aats_oev_t *`` as the ledger takes it."""
    order = raw.order
    px, qty = int(order.px_exp), int(order.qty_exp)
    fill = int(raw.kind) == lib.AATS_OEV_EXEC
    return Event(
        kind=_KINDS.get(int(raw.kind), "?"),
        order_id=int(order.order_id),
        symbol=text(order.symbol),
        side=_SIDES.get(int(order.side), ""),
        tif=_TIFS.get(int(order.tif), ""),
        price=scaled(int(order.px_i), px),
        size=scaled(int(order.qty_i), qty),
        cum=scaled(int(order.cum_qty_i), qty),
        code=text(lib.aats_code_name(int(raw.code))),
        ns=int(raw.ns),
        fill_price=scaled(int(raw.fill_px_i), px) if fill else Decimal(0),
        fill_size=scaled(int(raw.fill_qty_i), qty) if fill else Decimal(0),
        fee=scaled(int(raw.fee_i), int(raw.fee_exp)) if fill else Decimal(0),
        fee_asset=text(raw.fee_asset) if fill else "",
        liquidity=_LIQUIDITY.get(int(raw.liquidity), "") if fill else "",
    )


def trade_price(md: Segment, symbol: str) -> Decimal | None:
    """Return the price of the last public trade of a symbol, the middle of its book before the first one, None without a book."""
    for one in shm.symbols(md):
        if one.symbol == symbol:
            top = ffi.new("aats_top_t *")
            if lib.aats_top_read(md.md, one.index, top) == lib.AATS_OK and top.tick_rec:
                return scaled(int(top.tick_px_i), one.px_exp)
            book = shm.book(md, one.index, None)
            if book is not None and len(book.bids_i) and len(book.asks_i):
                return scaled((int(book.bids_i[0, 0]) + int(book.asks_i[0, 0])) * 5, one.px_exp - 1)
    return None


def hops(segments: Iterable[Segment]) -> dict[str, dict[str, int]]:
    """Return the latencies of each hop that was ever measured, those of several processes put together; ns."""
    merged: dict[str, Any] = {}
    for segment in segments:
        for pointer in hist_pointers(segment):
            copy = ffi.new("aats_hist_t *")
            lib.aats_hist_copy(copy, pointer)
            name = text(copy.name)
            if not name or not copy.count:
                continue
            if name in merged:
                lib.aats_hist_merge(merged[name], copy)
            else:
                merged[name] = copy
    out = {}
    for name, hist in merged.items():
        one = summary(hist)
        out[name] = {"p50": one.p50, "p99": one.p99, "p999": one.p999, "max": one.max, "count": one.count}
    return out
