"""A feed's host without a venue: a segment that is written as a feed writes it, its datagrams and its fan-out.

For: `NetWorld`.  Not for how a feed comes by its books (``actor.py``): here they are the market's, and what matters is that they are published as
``app/feed_pub.c`` does: books turn invalid before a heartbeat or a link comes back, quotes only when the depth published has changed.
The C code that is tried here is out.c and fan.c; host and I/O threads are this file.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import Kind, Role, State, Why
from tests.world.net_market import Event, NetMarket
from tests.world.net_pipes import END, Pipe, Stream
from tests.world.options import EPOCH_NS, SECOND
from tests.world.truth import LEVEL_SZ

PORT = 15004


@dataclass
class Geometry:
    """How a feed's segment is made.

    Attributes
    ----------
    levels : dict
        symbol -> level_num, in the order of the directory.
    """

    levels: dict[str, int]
    level_max: int = 5
    ring_depth: int = 4096
    dir_cap: int = 16
    stale_ns: int = 500_000_000
    log_sz: int = 0
    datagram: int = 0


@dataclass
class Told:
    """What one generation has published.

    Attributes
    ----------
    books : dict
        symbol -> seq -> every (bids, asks) that a quote showed under that number.
    numbers : dict
        exch_ns (see `Event`) -> (number in the ring, kind, symbol).
    seen : dict
        symbol -> (when, seq) of each pass behind which the feed's own readers called the book good.
    invalid : int
        Books that turned invalid.
    """

    feed_id: int
    books: dict[str, dict[int, list[tuple[bytes, bytes]]]] = field(default_factory=dict)
    numbers: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    seen: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    invalid: int = 0


def make_segment(geometry: Geometry, generation: int, feed_id: int, name: bytes = b"world") -> tuple[Any, Any, int, Any]:
    """Return (owner of the memory, base, size, view) of a fresh md segment."""
    why = ffi.new("char[]", 512)
    size = lib.aats_md_size(geometry.ring_depth, geometry.level_max, geometry.dir_cap)
    assert size > 0
    memory = ffi.new("char[]", size + 64)
    base = ffi.cast("void *", (int(ffi.cast("uintptr_t", memory)) + 63) // 64 * 64)
    assert lib.aats_seg_init(base, size, int(Kind.MD), name, generation, 1 << 42, EPOCH_NS, b"world", b"1") == 0
    params = ffi.new("aats_md_params_t *")
    params.ring_depth, params.level_max, params.dir_cap = geometry.ring_depth, geometry.level_max, geometry.dir_cap
    params.stale_ns, params.venue, params.feed_id = geometry.stale_ns, b"BINANCE", feed_id
    assert lib.aats_md_init(base, params) == 0
    lib.aats_seg_ready(base)
    view = ffi.new("aats_md_view_t *")
    assert lib.aats_md_attach(base, size, view, why, len(why)) == 0, text(why)
    return memory, base, size, view


class Sender:
    """A feed and its fan-out; `NetWorld` gives it time, pipes and streams.

    Attributes
    ----------
    up : bool
        The process lives.
    paused_until_ns, fan_paused_until_ns : int
        Neither thread (SIGSTOP), or the fan-out's alone, runs before.
    link_up, link_mute : bool
        The venue's connection is there; nothing is heard on it.
    lag_ns : int
        How much later than the market this feed hears of an event.
    """

    def __init__(self, rng: random.Random, number: int, market: NetMarket, geometry: Geometry, *, datagrams: bool, repair: bool) -> None:
        self.rng, self.number, self.market, self.geometry = rng, number, market, geometry
        self.datagrams, self.repair = datagrams, repair
        self.ip = f"192.0.2.{number + 1}"
        self.clock_ns = rng.randrange(-80_000_000, 80_000_000) if rng.random() < 0.7 else 0  # of this host, against true time
        self.mono_ns = rng.randrange(1, 10**6) * SECOND
        self.pipes: list[Pipe] = []
        self.streams: list[Stream] = []
        self.generations: list[Told] = []
        self.paused_until_ns = self.fan_paused_until_ns = 0
        self.link_up, self.link_mute = True, False
        self.up = False
        self.lag_ns = 0
        self.due: deque[tuple[int, Event]] = deque()
        self._taken = 0
        self._now_ns = 0
        self._at = ffi.new("uint8_t const **")
        self._rec = ffi.new("aats_rec_t *")
        self._look = ffi.new("aats_rec_t *")
        self._feed_send = ffi.callback("int(void *, void const *, size_t)", self._send)

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        """Begin a generation."""
        geometry, why = self.geometry, ffi.new("char[]", 512)
        self.told = Told(self.rng.getrandbits(63) | 1)
        self.generations.append(self.told)
        made = make_segment(geometry, 100 * self.number + len(self.generations), self.told.feed_id)
        self._memory, _, _, self.view = made
        self.slot = ffi.new("aats_slot_t *")
        self.slot.owner, self.slot.role, self.slot.generation = int(State.RUN), int(Role.FEED), self.view.generation
        self.writer = ffi.new("aats_ring_writer_t *")
        assert lib.aats_ring_open(self.writer, self.view) == 0
        link = self.view.md.links[0]
        link.up, link.limit_ns, link.heard_mono_ns = 1, SECOND, now_ns + self.mono_ns
        self.link_up, self.link_mute = True, False
        self.due.clear()
        self.index: dict[str, int] = {}
        self.valid: dict[str, bool] = {}
        self.last: dict[str, tuple[bytes, bytes]] = {}
        self.epoch: dict[str, int] = {}
        self.gone: set[str] = set()  # unsubscribed
        for symbol, level_num in geometry.levels.items():
            self.add(symbol, level_num)
        opts = ffi.new("aats_fan_opts_t *")
        opts.out.name, opts.out.datagram = f"feed{self.number}".encode(), geometry.datagram
        opts.out.repair_port = PORT if self.repair else 0
        opts.log_sz, opts.datagrams = geometry.log_sz, self.datagrams
        self.fan = ffi.gc(lib.aats_fan_new(opts, self.view, self.slot, why, len(why)), lib.aats_fan_free)
        assert self.fan != ffi.NULL, text(why)
        if self.datagrams:
            lib.aats_fan_set_datagrams(self.fan, self._feed_send, ffi.NULL)
        self.out = ffi.new("aats_out_t *")
        code = lib.aats_out_init(
            self.out, ffi.addressof(opts, "out"), self.view, self.slot, lib.aats_seg_layout_hash(), self._feed_send, ffi.NULL
        )
        assert code == 0, code
        self.up = True
        self.paused_until_ns = self.fan_paused_until_ns = 0
        self._beat(now_ns)

    def add(self, symbol: str, level_num: int) -> None:
        """Subscribe to a symbol."""
        entry = ffi.new("aats_dir_t *")
        entry.symbol, entry.native, entry.state = symbol.encode(), symbol.partition(".")[0].encode(), lib.AATS_DIR_SYNCING
        entry.px_exp = entry.qty_exp = -8
        entry.tick_i, entry.lot_i, entry.level_num = 1, 1, level_num
        self.index[symbol] = lib.aats_dir_add(self.view, entry)
        assert self.index[symbol] >= 0
        self.valid[symbol] = False
        self.epoch[symbol] = 0

    def kill(self, now_ns: int) -> None:
        """SIGKILL: whoever is connected hears of it."""
        self.up = False
        for stream in self.streams:
            stream.reset(now_ns)
        self.streams.clear()

    def end(self, now_ns: int) -> None:
        """A polite end: books turn invalid, subscribers are told."""
        self._now_ns = now_ns
        self._doubt(now_ns, Why.LINK_DOWN)
        self.slot.owner = int(State.HALT)
        self._beat(now_ns)
        if self.datagrams:
            lib.aats_out_flush(self.out, EPOCH_NS + self.clock_ns + now_ns)
        lib.aats_fan_stop(self.fan, EPOCH_NS + self.clock_ns + now_ns)
        self._fan_pass(now_ns)
        self.kill(now_ns)

    # -- what the feed thread does -------------------------------------------------------------------------------------

    def _send(self, arg: Any, data: Any, n: int) -> int:
        datagram = bytes(ffi.buffer(data, n))
        for pipe in self.pipes:
            pipe.send(self._now_ns, datagram)
        return 0

    def hear(self, now_ns: int) -> None:
        """Take from the market what this feed will hear of."""
        events = self.market.events
        if self.up and self.link_up:
            self.due.extend((now_ns + self.lag_ns, event) for event in events[self._taken :])
        else:
            self.due.clear()
        self._taken = len(events)

    def step(self, now_ns: int) -> None:
        """Let both threads make a pass, those that run."""
        self._now_ns = now_ns
        if not self.up or now_ns < self.paused_until_ns:
            return
        mono_ns = now_ns + self.mono_ns
        if mono_ns - self.slot.heartbeat_mono_ns > self.geometry.stale_ns:
            self._doubt(now_ns, Why.STALLED)
        if self.link_up:
            if not self.link_mute:
                self.view.md.links[0].heard_mono_ns = mono_ns
                while self.due and self.due[0][0] <= now_ns:
                    self._publish_event(self.due.popleft()[1], now_ns)
                for symbol in self.index:
                    if self.valid[symbol] and self.rng.random() < 0.01:  # another connection carries it from now on: pub_carrier
                        self._publish(symbol, lib.AATS_REC_STATE, max(self.told.books[symbol]), 0, now_ns)
                    if not self.valid[symbol] and symbol not in self.gone and self.rng.random() < 0.3:
                        self.quote_again(symbol, now_ns)
        self._beat(now_ns)
        if self.datagrams:
            lib.aats_out_flush(self.out, EPOCH_NS + self.clock_ns + now_ns)
            lib.aats_out_tick(self.out, EPOCH_NS + self.clock_ns + now_ns, mono_ns)
        if now_ns >= self.fan_paused_until_ns:
            self._fan_pass(now_ns)

    def _beat(self, now_ns: int) -> None:
        """End a pass: heartbeat, and what this host's own readers would say now."""
        mono_ns = now_ns + self.mono_ns
        self.slot.heartbeat_mono_ns = mono_ns
        self._now_ns = now_ns
        for symbol, sym in self.index.items():
            why = lib.aats_valid_latest(self.view, self.slot, sym, self._look, ffi.NULL, ffi.NULL, 0, mono_ns)
            if why == 0:
                self.told.seen.setdefault(symbol, deque(maxlen=4000)).append((now_ns, self._look.seq))

    def _publish_event(self, event: Event, now_ns: int) -> None:
        sym = self.index.get(event.symbol)
        if sym is None or event.symbol in self.gone:
            return
        if event.kind == lib.AATS_REC_QUOTE:
            if not self.valid[event.symbol]:
                return  # what has queued up meanwhile proves nothing: see quote_again
            level_num = self.view.dir[sym].level_num
            sides = event.bids[: level_num * LEVEL_SZ], event.asks[: level_num * LEVEL_SZ]
            if self.last.get(event.symbol) == sides:
                return
            self._quote(event.symbol, event.seq, sides, event.number, now_ns)
        else:
            self._publish(event.symbol, event.kind, event.seq, event.number, now_ns, event)

    def quote_again(self, symbol: str, now_ns: int) -> None:
        """Publish a book as it is now: after it was invalid, or with another depth."""
        book = self.market.books[symbol]
        seq = max(self.told.books.get(symbol, {book.seq: []}))
        pending = [event for _, event in self.due if event.symbol == symbol and event.kind == lib.AATS_REC_QUOTE]
        if pending:
            return  # what this feed has heard so far is not the market's book: the next quote will do
        level_num = self.view.dir[self.index[symbol]].level_num
        sides = book.levels(0)[: level_num * LEVEL_SZ], book.levels(1)[: level_num * LEVEL_SZ]
        self._quote(symbol, max(seq, book.seq), sides, 0, now_ns)

    def _quote(self, symbol: str, seq: int, sides: tuple[bytes, bytes], number: int, now_ns: int) -> None:
        first = not self.valid[symbol]
        self.valid[symbol], self.last[symbol] = True, sides
        self.epoch[symbol] += first
        shown = self.told.books.setdefault(symbol, {}).setdefault(seq, [])
        if sides not in shown:
            shown.append(sides)
        flags = lib.AATS_F_SNAPSHOT if first else 0
        event = Event(number, symbol, lib.AATS_REC_QUOTE, seq, flags=flags, bids=sides[0], asks=sides[1])
        self._publish(symbol, lib.AATS_REC_QUOTE, seq, number, now_ns, event)
        if first:
            lib.aats_dir_set_state(self.view, self.index[symbol], lib.AATS_DIR_LIVE)

    def _publish(self, symbol: str, kind: int, seq: int, number: int, now_ns: int, event: Event | None = None, why: int = 0) -> None:
        rec, sym = self._rec, self.index.get(symbol, lib.AATS_SYM_NONE)
        valid = self.valid.get(symbol, not why)
        rec.exch_ns, rec.seq, rec.sym, rec.kind, rec.why, rec.link = number, seq, sym, kind, why, 0
        rec.recv_ns = rec.pub_ns = EPOCH_NS + self.clock_ns + now_ns
        rec.flags, rec.epoch = lib.AATS_F_VALID if valid else 0, self.epoch.get(symbol, 0)
        rec.bid_len = rec.ask_len = rec.side = rec.px_i = rec.qty_i = 0
        bids = asks = ffi.NULL
        if event is not None:
            rec.flags |= event.flags
            rec.px_i, rec.qty_i, rec.side = event.px_i, event.qty_i, event.side
            rec.bid_len, rec.ask_len = len(event.bids) // LEVEL_SZ, len(event.asks) // LEVEL_SZ
            if event.bids or event.asks:
                bids, asks = ffi.from_buffer("aats_level_t[]", event.bids), ffi.from_buffer("aats_level_t[]", event.asks)
        rec.aux = 1 if kind == lib.AATS_REC_TICK else 0
        code = lib.aats_md_publish(self.writer, rec, bids, asks)
        assert code == 0, (code, symbol, kind)
        if number:
            self.told.numbers[number] = (int(rec.rec), kind, symbol)
        if self.datagrams:
            lib.aats_out_record(self.out, rec, bids, asks)

    def _doubt(self, now_ns: int, why: int) -> None:
        for symbol, valid in self.valid.items():
            if valid:
                self.valid[symbol] = False
                self.told.invalid += 1
                seq = max(self.told.books.get(symbol, {0: []}))
                self._publish(symbol, lib.AATS_REC_STATE, seq, 0, now_ns, why=why)
                lib.aats_dir_set_state(self.view, self.index[symbol], lib.AATS_DIR_SYNCING)

    def unsubscribe(self, symbol: str, now_ns: int) -> None:
        """Publish a symbol no more; `subscribe_again` undoes it."""
        if self.up and now_ns >= self.paused_until_ns:
            self._now_ns = now_ns
            self.gone.add(symbol)
            self.valid[symbol] = False
            self._publish(symbol, lib.AATS_REC_STATE, max(self.told.books.get(symbol, {0: []})), 0, now_ns, why=Why.GONE)
            lib.aats_dir_set_state(self.view, self.index[symbol], lib.AATS_DIR_GONE)

    def subscribe_again(self, symbol: str) -> None:
        """Take a symbol up again that was given up."""
        if self.up and symbol in self.gone:
            self.gone.discard(symbol)
            lib.aats_dir_set_state(self.view, self.index[symbol], lib.AATS_DIR_SYNCING)

    def link(self, up: bool, now_ns: int) -> None:
        """The venue's connection falls, or comes back."""
        if self.link_up == up or not self.up or now_ns < self.paused_until_ns:
            return
        self._now_ns = now_ns
        if not up:
            self._doubt(now_ns, Why.LINK_DOWN)
        self.link_up = up
        self.view.md.links[0].up = up
        self._publish("", lib.AATS_REC_LINK, 0, 0, now_ns, why=0 if up else Why.LINK_DOWN)

    def set_level(self, symbol: str, level_num: int, now_ns: int) -> None:
        """Publish another depth from now on."""
        if self.up and now_ns >= self.paused_until_ns and symbol in self.index:
            self._now_ns = now_ns
            lib.aats_dir_set_level(self.view, self.index[symbol], level_num)
            self.geometry.levels[symbol] = level_num
            if self.valid[symbol] and self.link_up:
                self.quote_again(symbol, now_ns)

    # -- what the fan-out's thread does --------------------------------------------------------------------------------

    def _fan_pass(self, now_ns: int) -> None:
        epoch_ns, mono_ns = EPOCH_NS + self.clock_ns + now_ns, now_ns + self.mono_ns
        lib.aats_fan_step(self.fan, epoch_ns, mono_ns)
        for stream in self.streams[:]:
            if stream.peer < 0:
                if stream.open_ns < 0 or now_ns < stream.open_ns:
                    continue
                stream.peer = lib.aats_fan_join(self.fan, mono_ns)
                if stream.peer < 0:
                    self._leave(stream, now_ns, reset=True)
                    continue
            if self._read(stream, now_ns, epoch_ns, mono_ns):
                self._write(stream, now_ns)

    def _read(self, stream: Stream, now_ns: int, epoch_ns: int, mono_ns: int) -> bool:
        while lib.aats_fan_hears(self.fan, stream.peer):
            there, data = stream.up.take(now_ns)
            if not there:
                return True
            if not data:
                self._leave(stream, now_ns, reset=True)
                return False
            lib.aats_fan_received(self.fan, stream.peer, data, len(data), epoch_ns, mono_ns)
            if lib.aats_fan_want(self.fan, stream.peer) == lib.AATS_FAN_CUT:
                break
        return True

    def _write(self, stream: Stream, now_ns: int) -> None:
        if lib.aats_fan_want(self.fan, stream.peer) == lib.AATS_FAN_CUT:
            self._leave(stream, now_ns, reset=True)
            return
        left = 0
        while room := max(0, stream.down.room - stream.down.size):
            n = lib.aats_fan_output(self.fan, stream.peer, self._at)
            left = n
            if not n:
                break
            n = min(n, room)
            if self.rng.random() < 0.1:
                n = self.rng.randrange(1, n + 1)
            stream.down.put(now_ns, bytes(ffi.buffer(self._at[0], n)))
            lib.aats_fan_sent(self.fan, stream.peer, n)
        want = lib.aats_fan_want(self.fan, stream.peer)
        if want == lib.AATS_FAN_CUT:
            self._leave(stream, now_ns, reset=True)
        elif want == lib.AATS_FAN_LAST and not left:
            self._leave(stream, now_ns, reset=False)

    def _leave(self, stream: Stream, now_ns: int, *, reset: bool) -> None:
        if stream.peer >= 0:
            lib.aats_fan_leave(self.fan, stream.peer)
        if reset:
            stream.reset(now_ns)
        else:
            stream.end(now_ns)
        self.streams.remove(stream)

    def fan_count(self, name: str) -> int:
        """Return a counter of the fan-out by its name in layout.h, without AATS_FAN_."""
        return int(self.view.md.fan[getattr(lib, f"AATS_FAN_{name}")])


__all__ = ["END", "PORT", "Geometry", "Sender", "Told", "make_segment"]
