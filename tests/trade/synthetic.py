"""A feed without a venue: writes a market-data segment through the C writers, as the feed process does.

For: tests of readers.  A `SyntheticFeed` has a slot in the control table, a segment, and verbs for records, pulses, stops and new generations.
The process that makes it is the feed, as far as the table knows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from aats import control
from aats._ffi import check, ffi, lib
from aats.layout import Flag, Mode, RecKind, Role, Why

Level = tuple[int, int]


class SyntheticFeed:
    """One feed, one link (0), symbols given as ``SYMBOL.EXCHANGE``."""

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        *,
        level: int = 5,
        ring_depth: int = 64,
        mode: Mode = Mode.DIRECT,
        exps: tuple[int, int] = (-8, -8),
        stale_ms: int = 500,
    ) -> None:
        self.symbols = list(symbols)
        self.level, self.ring_depth, self.mode = level, ring_depth, mode
        self.px_exp, self.qty_exp = exps
        self.stale_ms = stale_ms
        self.member = control.join(Role.FEED, name, mode=mode)
        self.seq = 100
        self.closed = False
        self.generation()
        self.member.ready("synthetic")

    def generation(self) -> None:
        """Make the first segment, or the next one."""
        self.segment = self.member.create_md(
            ring_depth=self.ring_depth, level_max=self.level, dir_cap=16, mode=self.mode, venue="BINANCE", stale_ms=self.stale_ms
        )
        self.view = self.segment.md
        self.writer = ffi.new("aats_ring_writer_t *")
        check(lib.aats_ring_open(self.writer, self.view), "ring")
        for symbol in self.symbols:
            self.add(symbol)
        self.link_up()
        self.beat()

    def add(self, symbol: str) -> int:
        """Append a symbol to the directory; tick 0.01, lot 0.00001."""
        entry = ffi.new("aats_dir_t *")
        entry.symbol, entry.native = symbol.encode(), symbol.partition(".")[0].encode()
        entry.tick_i, entry.lot_i = 1_000_000, 1_000
        entry.px_exp, entry.qty_exp, entry.level_num, entry.state = self.px_exp, self.qty_exp, self.level, lib.AATS_DIR_LIVE
        return check(lib.aats_dir_add(self.view, entry), f"directory: {symbol}")

    def beat(self) -> None:
        """Pulse: heartbeat and link, of now."""
        if self.closed:
            return
        now = time.monotonic_ns()
        self.view.md.links[0].heard_mono_ns = now
        lib.aats_ctl_beat(self.member.slot, now)

    def link_up(self) -> None:
        link = self.view.md.links[0]
        link.heard_mono_ns, link.limit_ns, link.up = time.monotonic_ns(), 60_000_000_000, 1

    def link_down(self) -> None:
        self.view.md.links[0].up = 0

    # -------------------------------------------------------------------------------------------------- records

    def _publish(self, kind: RecKind, sym: int, bids: Sequence[Level] = (), asks: Sequence[Level] = (), **fields: Any) -> int:
        rec = ffi.new("aats_rec_t *")
        rec.kind, rec.sym = int(kind), sym
        rec.flags = int(fields.pop("flags", Flag.VALID))
        rec.bid_len, rec.ask_len = len(bids), len(asks)
        self.seq += 1
        rec.seq = fields.pop("seq", self.seq)
        now = time.time_ns()
        rec.exch_ns, rec.recv_ns = now - 2_000_000, now - 1_000
        for name, value in fields.items():
            setattr(rec, name, value)
        rec.pub_ns = time.time_ns()
        check(lib.aats_md_publish(self.writer, rec, _levels(bids), _levels(asks)), "publish")
        return int(rec.rec)

    def quote(self, sym: int, bids: Sequence[Level], asks: Sequence[Level], **fields: Any) -> int:
        return self._publish(RecKind.QUOTE, sym, bids, asks, **fields)

    def book(self, sym: int, mid: int, depth: int | None = None, **fields: Any) -> int:
        """Publish a book round `mid` (scaled) with `depth` levels a side and quantities that tell the level."""
        n = self.level if depth is None else depth
        bids = [(mid - 1_000_000 * (i + 1), 100_000 * (i + 1)) for i in range(n)]
        asks = [(mid + 1_000_000 * (i + 1), 200_000 * (i + 1)) for i in range(n)]
        return self.quote(sym, bids, asks, **fields)

    def invalid(self, sym: int, why: Why = Why.GAP) -> int:
        return self._publish(RecKind.STATE, sym, flags=Flag(0), why=int(why))

    def tick(self, sym: int, px_i: int, qty_i: int, *, buyer: bool, seq: int | None = None) -> int:
        flags = Flag.VALID | (Flag.BUYER if buyer else Flag(0))
        return self._publish(RecKind.TICK, sym, flags=flags, px_i=px_i, qty_i=qty_i, aux=1, **({} if seq is None else {"seq": seq}))

    def bbo(self, sym: int, bid: Level, ask: Level) -> int:
        return self._publish(RecKind.BBO, sym, [bid], [ask])

    def l2(self, sym: int, side: int, px_i: int, qty_i: int, *, last: bool) -> int:
        return self._publish(RecKind.L2, sym, flags=Flag.VALID | (Flag.LAST if last else Flag(0)), px_i=px_i, qty_i=qty_i, side=side)

    def perp(self, kind: RecKind, sym: int, **fields: Any) -> int:
        """Publish MARK, FUNDING or LIQUIDATION; the fields are the record's own."""
        return self._publish(kind, sym, **fields)

    def close(self) -> None:
        """Leave the table and unlink the segment."""
        self.closed = True  # the slot may be another's from here on
        self.member.leave()


def _levels(levels: Sequence[Level]) -> Any:
    out = ffi.new("aats_level_t[]", max(1, len(levels)))
    for at, (px_i, qty_i) in enumerate(levels):
        out[at].px_i, out[at].qty_i = px_i, qty_i
    return out
