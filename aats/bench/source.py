"""A feed without a venue, for rows whose subject begins at shared memory: slot, segment and one symbol; somebody else publishes.

For: rows/hop.py, rows/callbacks.py.  Not a feed: it has no connection, and its books are valid as long as `beat` or bench_producer keeps it fresh.
Owner: the thread that made it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from aats import control
from aats._ffi import check, ffi, lib
from aats.base_strategy import BaseStrategy
from aats.layout import Flag, Mode, RecKind, Role, Wait
from aats.shm.names import SHM_DIR
from aats.trade import Session, Symbol, choose
from aats.trade_service import TradeService

__all__ = ["PORT", "Source", "open_session", "open_source", "trade"]

PORT = "BTCUSDT.BINANCE"
_STALE_MS = 20_000  # a record's pulse may be as old as a filled ring takes
_MID_I, _TICK_I = 1_932_700_000_000, 1_000_000


class Source:
    """One feed, one symbol of 5 levels, a ring of the product's own size unless told otherwise."""

    def __init__(self, name: str = "bench", *, ring_depth: int = 8192) -> None:
        self.ring_depth = ring_depth
        self.member = control.join(Role.FEED, name, mode=Mode.DIRECT)
        self.segment = self.member.create_md(
            ring_depth=ring_depth, level_max=5, dir_cap=1, mode=Mode.DIRECT, venue="BINANCE", stale_ms=_STALE_MS
        )
        self.view = self.segment.md
        entry = ffi.new("aats_dir_t *")
        entry.symbol, entry.native = PORT.encode(), b"BTCUSDT"
        entry.tick_i, entry.lot_i, entry.px_exp, entry.qty_exp = _TICK_I, 1_000, -8, -8
        entry.level_num, entry.state = 5, lib.AATS_DIR_LIVE
        check(lib.aats_dir_add(self.view, entry), f"directory: {PORT}")
        link = self.view.md.links[0]
        link.heard_mono_ns, link.limit_ns, link.up = time.monotonic_ns(), 60_000_000_000, 1
        self._writer: Any = None
        self._rec, self._bids, self._asks = ffi.new("aats_rec_t *"), ffi.new("aats_level_t[5]"), ffi.new("aats_level_t[5]")
        self.beat()
        self.member.ready("bench")

    def files(self) -> list[str]:
        """Return the options by which bench_producer finds segment and slot."""
        table = self.member.table.segment.name.file
        return [
            *("--md", str(SHM_DIR / self.segment.name.file)),
            *("--ctl", str(SHM_DIR / table)),
            *("--slot", str(self.member.index)),
        ]

    def beat(self) -> None:
        """Pulse of now."""
        now = time.monotonic_ns()
        self.view.md.links[0].heard_mono_ns = now
        lib.aats_ctl_beat(self.member.slot, now)

    def fill(self) -> int:
        """Publish as many quotes as the ring holds; return how many."""
        if self._writer is None:
            self._writer = ffi.new("aats_ring_writer_t *")
            check(lib.aats_ring_open(self._writer, self.view), "ring")
        self.beat()
        rec, bids, asks = self._rec, self._bids, self._asks
        rec.kind, rec.flags, rec.bid_len, rec.ask_len = int(RecKind.QUOTE), int(Flag.VALID), 5, 5
        publish, writer = lib.aats_md_publish, self._writer
        rec.recv_ns = rec.pub_ns = time.time_ns()
        for i in range(self.ring_depth):
            mid = _MID_I + i % 64 * _TICK_I
            if i < 64:
                for k in range(5):
                    bids[k].px_i, bids[k].qty_i = mid - (k + 1) * _TICK_I, 100_000 * (k + 1) + i
                    asks[k].px_i, asks[k].qty_i = mid + (k + 1) * _TICK_I, 200_000 * (k + 1) + i
            rec.bid_len = rec.ask_len = 5
            rec.seq += 1
            publish(writer, rec, bids, asks)
        return self.ring_depth


@contextlib.contextmanager
def open_source(**options: Any) -> Iterator[Source]:
    """Give a source that has left the table when the block is left."""
    source = Source(**options)
    try:
        yield source
    finally:
        source.member.leave()


def trade(strategy: BaseStrategy) -> TradeService:
    """Return a trade process, not yet running, whose strategy listens to the source and spins while it waits."""
    service = TradeService({1001: PORT}, False, name="bench", wait="spin")
    service.add_md_symbol("BTCUSDT", "BINANCE", 5)
    service.add_strategy(strategy)
    return service


@contextlib.contextmanager
def open_session(strategy: BaseStrategy) -> Iterator[Session]:
    """Give the trade side of a process without the service round it: for rows that run the loop piece by piece."""
    symbol = Symbol(1001, "BTCUSDT", "BINANCE", 5, False, Mode.DIRECT)
    session = Session("bench", [symbol], [strategy], mode=Mode.DIRECT, wait=Wait.SPIN)
    try:
        feed = choose(symbol, control.find_feeds())
        assert feed is not None
        session.serve_from({symbol.port: feed})
        session.connect(None)
        session.ready("bench")
        yield session
    finally:
        session.close()
