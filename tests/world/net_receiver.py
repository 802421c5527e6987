"""A receiver of the network's fault runs, and who reads behind it.

For: `NetWorld`.  The C code that is tried here is recv.c; its sockets are pipes and streams.  The reading half looks as any reader does, by
aats_valid_latest and aats_ring_poll, and raises `Wrong` for what is not so:

    a book that is called good is one that the feed showed under that number, and no older than allowed
    a record of the feed comes once, in the feed's order, and as it was
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import Role, State
from tests.world.judge import Wrong, shown, why_name
from tests.world.net_market import Event
from tests.world.net_pipes import Pipe, Stream
from tests.world.net_sender import PORT, Geometry, Sender, make_segment
from tests.world.options import EPOCH_NS, SECOND
from tests.world.truth import LEVEL_SZ

RING = 8192
COUNTERS = (
    "records",
    "lost",
    "repaired",
    "late",
    "given_up",
    "repeated",
    "snapshots",
    "deep_lost",
    "foreign",
    "damaged",
    "wins",
    "invalid",
)


@dataclass
class PathPlan:
    """How one path is made.

    Attributes
    ----------
    kind : int
        AATS_PATH_*.
    """

    kind: int
    repair: bool = True
    told_address: bool = False  # the side channel's address is in the options, not taken from the beats
    fixed_source: bool = False


@dataclass
class Reading:
    """What has been seen of one local segment."""

    memory: Any
    view: Any
    next: int = 0
    last: dict[tuple[str, int], int] = field(default_factory=dict)  # (symbol, kind) -> number of the event told last
    newest: dict[str, int] = field(default_factory=dict)  # venue's number of the quote told last
    fallen: set[str] = field(default_factory=set)  # told to be invalid since their last quote


class Receiver:
    """A receiver; `NetWorld` gives it time, pipes and streams.

    Attributes
    ----------
    allowed_ns : int
        How much older than its feed a good book may be; set by the world.
    good : dict
        symbol -> AATS_WHY_* at the last look.
    told : dict
        event number -> times that a reader was told of it, in any segment.
    """

    def __init__(
        self,
        rng: random.Random,
        senders: list[Sender],
        paths: list[PathPlan],
        events: list[Event],
        connect: Callable[[str, int, int], Stream],
        *,
        hold_ns: int = 0,
        hold_max: int = 0,
    ) -> None:
        self.rng, self.senders, self.plans, self.events, self.connect = rng, senders, paths, events, connect
        self.clock_ns = rng.randrange(-80_000_000, 80_000_000) if rng.random() < 0.7 else 0
        self.mono_ns = rng.randrange(1, 10**6) * SECOND
        self.hold_ns, self.hold_max = hold_ns, hold_max
        self.pipes: list[Pipe | None] = [None] * len(paths)
        self.streams: list[Stream | None] = [None] * len(paths)
        self.paused_until_ns = 0
        self.allowed_ns = SECOND
        self.up = False
        self.lives = 0
        self.good: dict[str, int] = {}
        self.seqs: dict[str, int] = {}
        self.told: dict[int, int] = {}
        self.notices: deque[str] = deque(maxlen=40)
        self.flips = 0  # books that turned from good to not
        self.after_fall: Callable[[str, int], None] = lambda symbol, why: None
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")
        self._ip, self._port = ffi.new("char[]", 64), ffi.new("uint32_t *")
        self._need = ffi.new("aats_recv_need_t *")
        self._rec, self._out = ffi.new("aats_rec_t *"), ffi.new("aats_rec20_t *")
        self._bids, self._asks = (ffi.new("aats_level_t[]", 1000) for _ in "ba")

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> None:
        """Start the process, also again."""
        why = ffi.new("char[]", 512)
        opts = ffi.new("aats_recv_opts_t *")
        opts.path_cnt, opts.seed, opts.hold_ns, opts.hold_max = len(self.plans), self.rng.getrandbits(62) | 1, self.hold_ns, self.hold_max
        opts.backoff_max_ns = SECOND
        for path, plan, sender in zip(opts.path, self.plans, self.senders):
            path.kind, path.no_repair, path.addr = plan.kind, not plan.repair, b"here"
            if plan.kind == lib.AATS_PATH_P2P or plan.told_address:
                path.ip, path.port = sender.ip.encode(), PORT
            if plan.fixed_source:
                path.source = sender.ip.encode()
        self.recv = ffi.gc(lib.aats_recv_new(opts, why, len(why)), lib.aats_recv_free)
        assert self.recv != ffi.NULL, text(why)
        self.mail = lib.aats_recv_notices(self.recv)
        self.slot = ffi.new("aats_slot_t *")
        self.slot.owner, self.slot.role = int(State.RUN), int(Role.FEED)
        self.reading: Reading | None = None
        self.generation = 10_000 * (1 + self.lives)
        self.lives += 1
        self.up = True
        self.counted_before = [0] * len(self.plans)

    def kill(self, now_ns: int) -> None:
        """SIGKILL: its connections end."""
        self.up = False
        for number, stream in enumerate(self.streams):
            if stream is not None:
                self._hang_up(number, stream, now_ns)
        for pipe in self.pipes:
            while pipe is not None and pipe.take():
                pass

    def _attach(self) -> None:
        need, why = self._need, ffi.new("char[]", 512)
        self.generation += 1
        geometry = Geometry({}, int(need.level_max), RING, int(need.dir_cap), int(need.stale_ns))
        memory, base, size, view = make_segment(geometry, self.generation, self.rng.getrandbits(63) | 1)
        code = lib.aats_recv_attach(self.recv, base, size, self.slot, why, len(why))
        assert code == 0, (code, text(why))
        if self.reading is not None:
            lib.aats_seg_succeed(self.reading.view.seg, self.generation)
        self.slot.generation = self.generation
        self.reading = Reading(memory, view)
        self.good = {}

    # -- a pass --------------------------------------------------------------------------------------------------------

    def step(self, now_ns: int) -> None:
        """Make one pass, unless the thread is stopped."""
        if not self.up or now_ns < self.paused_until_ns:
            return
        epoch_ns, mono_ns = EPOCH_NS + self.clock_ns + now_ns, now_ns + self.mono_ns
        lib.aats_recv_begin(self.recv, epoch_ns, mono_ns)
        for number, pipe in enumerate(self.pipes):
            if pipe is None:
                continue
            pipe.carry(now_ns)
            for _ in range(64):
                if (came := pipe.take()) is None:
                    break
                code = lib.aats_recv_datagram(self.recv, number, came[0].encode(), came[1], len(came[1]), epoch_ns)
                assert code == 0, code
            lib.aats_recv_kernel_drops(self.recv, number, pipe.kernel_drops)
        for number in range(len(self.plans)):
            self._connection(number, now_ns, epoch_ns)
        lib.aats_recv_end(self.recv)
        if lib.aats_recv_needs(self.recv, self._need):
            self._attach()
        while lib.aats_mailbox_get(self.mail, self._mail) == 1:
            mail = self._mail[0]
            self.notices.append(f"{now_ns / 1e9:.3f} {bytes(ffi.buffer(mail.bytes, mail.size)).decode()}")
            lib.aats_mail_free(mail)

    def _connection(self, number: int, now_ns: int, epoch_ns: int) -> None:
        stream, want = self.streams[number], lib.aats_recv_want(self.recv, number)
        if stream is None:
            if want == lib.AATS_FEED_CONNECT:
                if lib.aats_recv_address(self.recv, number, self._ip, 64, self._port) == 1:
                    lib.aats_recv_connecting(self.recv, number)
                    self.streams[number] = self.connect(text(self._ip), int(self._port[0]), now_ns)
            elif want == lib.AATS_FEED_CLOSE:
                lib.aats_recv_closed(self.recv, number, b"closed")
            return
        if not stream.opened:
            if stream.open_ns < 0 and -stream.open_ns <= now_ns:
                self.streams[number] = None
                lib.aats_recv_closed(self.recv, number, b"connection refused")
                return
            if want == lib.AATS_FEED_CLOSE:
                self._hang_up(number, stream, now_ns)
                lib.aats_recv_closed(self.recv, number, b"gave up connecting")
                return
            if stream.open_ns < 0 or stream.open_ns > now_ns:
                return
            stream.opened = True
            lib.aats_recv_opened(self.recv, number)
        while True:
            there, data = stream.down.take(now_ns)
            if not there:
                break
            if not data:
                self._hang_up(number, stream, now_ns)
                lib.aats_recv_closed(self.recv, number, b"connection reset by peer" if data is None else b"closed by peer")
                return
            while data:
                room = lib.aats_recv_room(self.recv, number, self._at)
                if room == 0:
                    break
                n = min(room, len(data))
                ffi.memmove(self._at[0], data, n)
                lib.aats_recv_received(self.recv, number, n, epoch_ns)
                data = data[n:]
            if data:
                assert lib.aats_recv_want(self.recv, number) == lib.AATS_FEED_CLOSE, "a stream without room can never read again"
                break
        n = lib.aats_recv_output(self.recv, number, self._sent)
        if n:
            n = self.rng.randrange(1, n + 1) if self.rng.random() < 0.2 else n
            if not stream.gone:
                stream.up.put(now_ns, bytes(ffi.buffer(self._sent[0], n)))
            lib.aats_recv_sent(self.recv, number, n)
        if lib.aats_recv_want(self.recv, number) == lib.AATS_FEED_CLOSE:
            self._hang_up(number, stream, now_ns)
            lib.aats_recv_closed(self.recv, number, b"closed by us")

    def _hang_up(self, number: int, stream: Stream, now_ns: int) -> None:
        self.streams[number] = None
        stream.closed = True
        stream.up.put(now_ns, b"")

    def path(self, number: int) -> Any:
        """Return the counters of a path."""
        return lib.aats_recv_path(self.recv, number)

    # -- the reader ----------------------------------------------------------------------------------------------------

    def judge(self, now_ns: int, books: Mapping[str, Mapping[int, list[tuple[bytes, bytes]]]]) -> None:
        """Look at everything as a reader would; `books` is what the feeds have shown, by symbol and number.

        Raises
        ------
        Wrong
            Something is not so.
        """
        if not self.up or self.reading is None:
            return
        view, rec, mono_ns = self.reading.view, self._rec, now_ns + self.mono_ns
        for sym in range(lib.aats_dir_cnt(view)):
            symbol = text(view.dir[sym].symbol)
            why = lib.aats_valid_latest(view, self.slot, sym, rec, self._bids, self._asks, 1000, mono_ns)
            if self.good.get(symbol) == 0 and why:
                self.flips += 1
                self.after_fall(symbol, why)
            self.good[symbol] = why
            if why:
                continue
            self.seqs[symbol] = rec.seq
            sides = tuple(bytes(ffi.buffer(side, cnt * LEVEL_SZ)) for side, cnt in ((self._bids, rec.bid_len), (self._asks, rec.ask_len)))
            was = books.get(symbol, {}).get(rec.seq)
            if was is None:
                raise Wrong(f"{symbol}: a good book with number {rec.seq}, which no feed has shown")
            if sides not in was:
                told = [(len(b) // LEVEL_SZ, len(a) // LEVEL_SZ) for b, a in was]
                raise Wrong(
                    f"{symbol} at {rec.seq}: {rec.bid_len}+{rec.ask_len} levels {[shown(one)[:3] for one in sides]}, "
                    f"the feed showed {told} {[[shown(one)[:3] for one in pair] for pair in was]}"
                )
            self._fresh(symbol, rec.seq, now_ns)
        self._read_ring(now_ns)

    def _fresh(self, symbol: str, seq: int, now_ns: int) -> None:
        """Somebody's book was good within the time allowed, and this one is not older than that one was."""
        for sender in self.senders:
            for told in sender.generations[-3:]:
                for then_ns, then_seq in reversed(told.seen.get(symbol, ())):
                    if then_ns < now_ns - self.allowed_ns:
                        break
                    if then_seq <= seq:
                        return
        last = {sender.number: [list(told.seen.get(symbol, ()))[-1:] for told in sender.generations] for sender in self.senders}
        raise Wrong(f"{symbol}: called good at {now_ns / 1e9:.3f} with number {seq}; the feeds were last seen good (ns, number): {last}")

    def _read_ring(self, now_ns: int) -> None:
        reading = self.reading
        assert reading is not None
        head = int(reading.view.md.head)
        if head - reading.next > RING - 2:
            raise Wrong(f"{head - reading.next} records in one step: the reader of the world is lapped")
        while reading.next < head:
            if lib.aats_ring_poll(reading.view, reading.next, self._out) == 1:
                self._record(reading, self._out)
            reading.next += 1

    def _record(self, reading: Reading, out: Any) -> None:
        rec = out.r
        number = rec.exch_ns
        if rec.kind == lib.AATS_REC_LINK:
            return
        symbol = text(reading.view.dir[rec.sym].symbol)
        if rec.kind == lib.AATS_REC_STATE:
            if not rec.flags & lib.AATS_F_VALID:
                reading.fallen.add(symbol)
            return
        again = rec.kind == lib.AATS_REC_QUOTE and symbol in reading.fallen  # the same book once more says that it is good again
        if rec.kind == lib.AATS_REC_QUOTE:
            if rec.seq < reading.newest.get(symbol, 0):
                raise Wrong(f"{symbol}: a quote with number {rec.seq} after one with {reading.newest[symbol]}: the book goes back")
            reading.newest[symbol] = int(rec.seq)
            (reading.fallen.discard if rec.flags & lib.AATS_F_VALID else reading.fallen.add)(symbol)
        if number <= 0:
            return
        if number > len(self.events):
            raise Wrong(f"{symbol}: a record of kind {rec.kind} with number {number}, which never was")
        event = self.events[number - 1]
        if (event.symbol, event.kind, event.seq) != (symbol, rec.kind, rec.seq):
            raise Wrong(f"record {symbol} {rec.kind} {rec.seq} is not event {event}")
        if (event.px_i, event.qty_i, event.side) != (rec.px_i, rec.qty_i, rec.side):
            raise Wrong(f"{symbol}: {(rec.px_i, rec.qty_i, rec.side)} is not event {event}")
        if event.flags & ~rec.flags:
            raise Wrong(f"{symbol}: flags {rec.flags} of event {event}")
        for got, want, cnt in ((out.bids, event.bids, rec.bid_len), (out.asks, event.asks, rec.ask_len)):
            have = bytes(ffi.buffer(got, cnt * LEVEL_SZ))
            if have != want[: len(have)]:
                raise Wrong(f"{symbol} {rec.kind} {rec.seq}: levels {shown(have)}, the event had {shown(want)}")
        last = reading.last.get((symbol, rec.kind), 0)
        if number < last + (not again):
            raise Wrong(f"{symbol}: event {number} of kind {rec.kind} after event {last}, again or out of order")
        reading.last[symbol, rec.kind] = number
        self.told[number] = self.told.get(number, 0) + 1

    # -- questions -----------------------------------------------------------------------------------------------------

    def counts(self, number: int) -> dict[str, int]:
        """Return the counters of a path."""
        path = self.path(number)
        return {name: int(getattr(path, name)) for name in COUNTERS}

    def state(self) -> str:
        """Return some lines for a failure."""
        bad = {symbol: why_name(why) for symbol, why in self.good.items() if why}
        paths = [f"{int(self.path(i).state)} {self.counts(i)}" for i in range(len(self.plans))] if self.up else []
        return f"receiver (life {self.lives}): bad {bad}, paths {paths}\n  " + "\n  ".join(self.notices)
