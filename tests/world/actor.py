"""One C feed over plain memory, and what stands in for its host and its control plane.

A step does what csrc/app/host.c does in a pass, in its order: begin; for each connection connect, read, write, close; end.  What it then says
is the judge's business (judge.py), at every step and also while the feed is stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import Kind, Role, State, Why
from aats.sim.market import Snapshot, snapshot_text
from tests.world.judge import Judge, why_name
from tests.world.options import EPOCH_NS, SECOND, Options
from tests.world.pipes import END, Wire
from tests.world.truth import WHOLE, Truth, scaled

GENERATION = 7


class Actor(Judge):
    """A feed and its surroundings; `World` gives it time and wires."""

    def __init__(self, truth: Truth, rng: random.Random, options: Options, connect: Callable[[Actor, int], Wire]) -> None:
        super().__init__(truth, options)
        self.rng, self.connect = rng, connect
        self.now_ns = 0
        self.stopped = False  # the thread does not run
        self.calm = False  # the control plane answers as it should
        self.wires: dict[int, Wire] = {}
        self.notices: list[tuple[int, str]] = []
        self.refused: dict[str, int] = {}
        self.answers_due: list[tuple[int, int, int, int, bytes]] = []  # (when, kind, sym, num, body)
        self.asked = 0
        self._history: dict[str, list[Snapshot]] = {}
        self._make(options)

    # -- life ----------------------------------------------------------------------------------------------------------

    def _make(self, o: Options) -> None:
        why = ffi.new("char[]", 512)
        size = lib.aats_md_size(o.ring_depth, o.level_max, o.dir_cap)
        assert size > 0
        self._memory = ffi.new("char[]", size + 64)
        address = int(ffi.cast("uintptr_t", self._memory))
        base = ffi.cast("void *", (address + 63) // 64 * 64)
        assert lib.aats_seg_init(base, size, int(Kind.MD), b"world", GENERATION, 1 << 42, EPOCH_NS, b"world", b"1") == 0
        params = ffi.new("aats_md_params_t *")
        params.ring_depth, params.level_max, params.dir_cap = o.ring_depth, o.level_max, o.dir_cap
        params.stale_ns, params.venue = o.stale_ns, b"BINANCE"
        assert lib.aats_md_init(base, params) == 0
        lib.aats_seg_ready(base)
        self.slot = ffi.new("aats_slot_t *")
        self.slot.owner, self.slot.role, self.slot.generation = int(State.RUN), int(Role.FEED), GENERATION
        self.view = ffi.new("aats_md_view_t *")
        assert lib.aats_md_attach(base, size, self.view, why, len(why)) == 0, text(why)

        opts = ffi.new("aats_feed_opts_t *")
        lib.aats_feed_defaults(opts)
        opts.host = b"world.example"
        opts.seed = self.rng.getrandbits(63) | 1
        opts.stale_ns, opts.rotate_ns, opts.snapshot_limit = o.stale_ns, o.rotate_ns, o.snapshot_limit
        opts.open_l2, opts.fuse_bbo, opts.streams, opts.book_window = o.open_l2, o.fuse_bbo, o.streams, 1024
        opts.backoff_min_ns, opts.backoff_max_ns = SECOND // 5, 3 * SECOND
        opts.format = o.format.encode()
        opts.path = b"/sbe/stream" if o.format == "sbe" else b""
        feed = lib.aats_feed_new(opts, base, size, self.slot, why, len(why))
        assert feed != ffi.NULL, text(why)
        if o.format == "sbe":
            assert lib.aats_feed_set_key(feed, b"aats-sim") == 0
        self.feed = ffi.gc(feed, lib.aats_feed_free)
        self.inbox, self.outbox = lib.aats_feed_in(feed), lib.aats_feed_out(feed)
        self._mail = ffi.new("aats_mail_t **")
        self._at, self._sent = ffi.new("uint8_t **"), ffi.new("uint8_t const **")
        for name in o.symbols:
            self.subscribe(name, o.level_num)

    @property
    def counters(self) -> Any:
        return self.view.md.counters

    def count(self, name: str) -> int:
        """Return a counter by its name in layout.h, without AATS_MDC_."""
        return int(self.counters[getattr(lib, f"AATS_MDC_{name}")])

    def entry(self, native: str) -> Any:
        return self.view.dir[self.index[native]]

    # -- control plane -------------------------------------------------------------------------------------------------

    def put(self, kind: int, sym: int = 0, num: int = 0, body: bytes = b"") -> int:
        data = ffi.from_buffer(body) if body else ffi.NULL
        return int(lib.aats_mailbox_put(self.inbox, kind, sym, num & (2**64 - 1), data, len(body)))

    def subscribe(self, native: str, level_num: int) -> None:
        raw = ffi.new("aats_feed_symbol_t *")
        raw.symbol, raw.native, raw.level_num = f"{native}.BINANCE".encode(), native.encode(), level_num
        known = self.truth.symbols.get(native)
        if known is not None:
            raw.tick_i, raw.lot_i = scaled(known.tick), scaled(known.lot)
        self.put(lib.AATS_MAIL_SUBSCRIBE, body=bytes(ffi.buffer(raw)))

    def unsubscribe(self, native: str) -> None:
        self.put(lib.AATS_MAIL_UNSUBSCRIBE, self.index.pop(native))
        self.why.pop(native, None)

    def set_level(self, native: str, level_num: int) -> None:
        self.put(lib.AATS_MAIL_SET_LEVEL, self.index[native], level_num)

    def _serve(self) -> None:
        """Take the feed's mail, and put what answers are due."""
        while lib.aats_mailbox_get(self.outbox, self._mail) == 1:
            mail = self._mail[0]
            body = bytes(ffi.buffer(mail.bytes, mail.size))
            if mail.kind == lib.AATS_MAIL_NOTICE:
                self.notices.append((int(mail.num), body.decode("utf-8", "replace")))
            elif mail.kind == lib.AATS_MAIL_ADDED:
                native = body.decode().split(".")[0]
                code = int(ffi.cast("int64_t", mail.num))
                if code:
                    self.refused[native] = code
                else:
                    self.index[native] = int(mail.sym)
            elif mail.kind == lib.AATS_MAIL_ASK:
                self.asked += 1
                self._answer(int(mail.sym), int(mail.num))
            lib.aats_mail_free(mail)
        for due in [one for one in self.answers_due if one[0] <= self.now_ns]:
            self.answers_due.remove(due)
            if due[1] == 0:  # the question has reached the venue only now
                self._ask_venue(*due[2:4])
            else:
                self.put(*due[1:])

    def _later(self, low_ms: float, high_ms: float) -> int:
        return self.now_ns + int(self.rng.uniform(low_ms, high_ms) * 1_000_000)

    def _answer(self, sym: int, num: int) -> None:
        self.answers_due.append((self._later(*self.options.answers.delay_ms), 0, sym, num, b""))

    def _ask_venue(self, sym: int, num: int) -> None:
        answers, native = self.options.answers, self._native(sym)
        book = self.truth.snapshot(native, WHOLE)
        history = self._history.setdefault(native, [])
        history.append(book)
        kind = self.rng.choice(answers.kinds) if answers.kinds and not self.calm and self.rng.random() < answers.share else "good"
        if kind == "old":
            book = self.rng.choice(history)
        limit = self.options.snapshot_limit
        body = snapshot_text(Snapshot(book.last_id, book.bids[:limit], book.asks[:limit]))
        low, high = answers.delay_ms
        if kind == "late":
            low, high = 1500, 4000
        if kind == "lost":
            self.answers_due.append((self._later(4000, 5000), lib.AATS_MAIL_SNAP_FAILED, sym, 0, b""))
        elif kind == "failed":
            self.answers_due.append((self._later(low, high), lib.AATS_MAIL_SNAP_FAILED, sym, 2 * SECOND, b""))
        else:
            if kind == "broken":
                body = body[: self.rng.randrange(len(body))]
            elif kind == "html":
                body = b"<html><body>gateway</body></html>"
            self.answers_due.append((self._later(low, high), lib.AATS_MAIL_SNAPSHOT, sym, num, body))

    # -- host ----------------------------------------------------------------------------------------------------------

    def step(self, now_ns: int) -> None:
        """Make one pass, unless the thread is stopped."""
        self.now_ns = now_ns
        if self.stopped:
            return
        self._serve()
        lib.aats_feed_begin(self.feed, EPOCH_NS + now_ns, now_ns)
        for link in range(lib.AATS_LINK_MAX):
            want = lib.aats_feed_want(self.feed, link)
            wire = self.wires.get(link)
            if want == lib.AATS_FEED_CONNECT and wire is None:
                lib.aats_feed_connecting(self.feed, link)
                wire = self.wires[link] = self.connect(self, link)
            elif want == lib.AATS_FEED_CLOSE and wire is None:
                lib.aats_feed_closed(self.feed, link, b"closed")
            if wire is not None:
                self._pump(link, wire)
        lib.aats_feed_end(self.feed)

    def _pump(self, link: int, wire: Wire) -> None:
        if wire.up_ns < 0 and -wire.up_ns <= self.now_ns:
            self._end(link, wire, b"connection refused")
            return
        if not wire.opened:
            if 0 <= wire.up_ns <= self.now_ns:
                wire.opened = True
                lib.aats_feed_opened(self.feed, link)
            elif lib.aats_feed_want(self.feed, link) == lib.AATS_FEED_CLOSE:
                self._end(link, wire, b"gave up connecting")
                return
            else:
                return
        while (data := wire.due(wire.to_client, self.now_ns)) is not None:
            if data == END:
                self._end(link, wire, b"connection reset by peer")
                return
            while data:
                room = lib.aats_feed_room(self.feed, link, self._at)
                assert room > 0, "a connection without room can never read again"
                n = min(room, len(data))
                ffi.memmove(self._at[0], data, n)
                lib.aats_feed_received(self.feed, link, n, EPOCH_NS + self.now_ns)
                data = data[n:]
        n = lib.aats_feed_output(self.feed, link, self._sent)
        if n:
            n = self.rng.randrange(1, n + 1) if self.rng.random() < 0.2 else n
            wire.send_to_server(self.now_ns, bytes(ffi.buffer(self._sent[0], n)))
            lib.aats_feed_sent(self.feed, link, n)
        if lib.aats_feed_want(self.feed, link) == lib.AATS_FEED_CLOSE:
            wire.to_server.append((max(self.now_ns, wire.to_server[-1][0] if wire.to_server else 0), END))
            self._end(link, wire, b"closed by us")

    def _end(self, link: int, wire: Wire, why: bytes) -> None:
        del self.wires[link]
        wire.mute = True
        if not wire.to_server or wire.to_server[-1][1] != END:
            wire.to_server.append((self.now_ns, END))
        lib.aats_feed_closed(self.feed, link, why)

    # -- the judge -----------------------------------------------------------------------------------------------------

    def memory(self) -> bytes:
        """Return the segment as it is."""
        return bytes(ffi.buffer(self.view.seg, self.view.size))

    def state(self) -> str:
        """Return one line for a failure."""
        good = sum(why == Why.NONE for why in self.why.values())
        bad = {native: why_name(why) for native, why in self.why.items() if why != Why.NONE}
        return f"{good} books good, bad: {bad}; gaps {self.count('GAPS')}, drops {self.count('DROPS')}; last lines: {self.notices[-6:]}"
