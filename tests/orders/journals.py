"""What tests write into journals: orders, events, holdings, as a trader would."""

from __future__ import annotations

import time
from typing import Any

from aats import journal
from aats._ffi import ffi, lib, text
from aats.journal import JournalKind

SYMBOL = "BTCUSDT.BINANCE"
UNIT = 10**8
DAY_NS = 86_400 * 10**9


def order(order_id: int, **fields: Any) -> Any:
    """Return an ``aats_order_t`` of 5 BTC at 100."""
    base = {
        "order_id": order_id,
        "symbol": SYMBOL.encode(),
        "px_exp": -8,
        "qty_exp": -8,
        "qty_i": 5 * UNIT,
        "px_i": 100 * UNIT,
        "side": lib.AATS_SIDE_BUY,
    }
    return ffi.new("aats_order_t *", base | fields)


def event(kind: int, of: Any, **fields: Any) -> Any:
    """Return an ``aats_oev_t`` about an order."""
    return ffi.new("aats_oev_t *", {"kind": kind, "order": of[0], **fields})


def fill(of: Any, trade_id: int, qty: int = UNIT, **fields: Any) -> Any:
    """Return a fill of an order; the order is changed."""
    of.cum_qty_i += qty
    return event(lib.AATS_OEV_EXEC, of, fill_px_i=of.px_i, fill_qty_i=qty, trade_id=trade_id, **fields)


def hold(strategy: int = 0, symbol: str = SYMBOL, base: str = "BTC", quote: str = "USDT") -> Any:
    """Return an ``aats_hold_t`` that has never traded."""
    out = ffi.new("aats_hold_t *")
    lib.aats_hold_init(out, symbol.encode(), base.encode(), quote.encode(), strategy, 0, -8, -8)
    return out


class Pen:
    """Writes records into a journal."""

    def __init__(self, handle: Any, instance: int = 0) -> None:
        self.handle, self.instance = handle, instance

    def put(self, kind: JournalKind, order_id: int = 0, payload: Any = None, ns: int | None = None) -> None:
        """Put a record; its payload is a struct."""
        ns = time.time_ns() if ns is None else ns
        if payload is None:
            code = lib.aats_journal_put(self.handle, kind, order_id, ffi.NULL, 0, ns)
        else:
            code = lib.aats_journal_put(self.handle, kind, order_id, payload, ffi.sizeof(ffi.typeof(payload).item), ns)
        assert code == lib.AATS_OK, text(lib.aats_journal_error(self.handle))

    def intent(self, of: Any, ns: int | None = None) -> None:
        """Put an order that is about to go out."""
        self.put(JournalKind.INTENT, of.order_id, of, ns)

    def event(self, one: Any) -> None:
        """Put an event of an order."""
        self.put(JournalKind.EVENT, one.order.order_id, one)

    def told(self, order_id: int) -> None:
        """Put that the Closed of an order was delivered."""
        self.put(JournalKind.TOLD, order_id)

    def adopted(self, order_id: int, instance: int, client_no: int) -> None:
        """Put that an order of an earlier run goes on."""
        self.put(JournalKind.ADOPTED, order_id, ffi.new("aats_jadopt_t *", {"instance": instance, "client_no": client_no}))

    def day(self, day: int, orders: int, cancels: int) -> None:
        """Put the totals of a day."""
        self.put(JournalKind.DAY, 0, ffi.new("aats_jday_t *", {"day": day, "orders": orders, "cancels": cancels}))

    def rotate(self) -> None:
        """Begin the next file."""
        assert lib.aats_journal_rotate(self.handle, time.time_ns()) == lib.AATS_OK

    def checked(self) -> None:
        """Complete a checkpoint."""
        assert lib.aats_journal_checked(self.handle, time.time_ns()) == lib.AATS_OK


def pen(strategy: str = "maker") -> tuple[Pen, journal.Writer]:
    """Begin a journal."""
    writer = journal.create("binance-12345678", strategy)
    return Pen(writer.handle, writer.instance), writer


def wide(value: Any) -> int:
    """Return a 128-bit number of a numpy record."""
    return (int(value["hi"]) << 64) + int(value["lo"])
