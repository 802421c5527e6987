"""One C feed over plain memory, what stands in for its host and its control plane, and the judge of all that it publishes.

A step does what csrc/app/host.c does in a pass, in its order: begin; for each connection connect, read, write, close; end.  The judge then
reads the segment as a reader would, through the same C functions, at every step and also while the feed is stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import Kind, Role, State, Why
from aats.sim.market import Snapshot, snapshot_text
from tests.world.pipes import END, Wire
from tests.world.truth import LEVEL_SZ, WHOLE, Truth, packed, scaled

EPOCH_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
GENERATION = 7


class Wrong(AssertionError):
    """The feed said something that is not so."""


@dataclass
class Answers:
    """How the control plane answers a question for a snapshot; `World` chooses by seed, tests set what they need."""

    delay_ms: tuple[int, int] = (10, 150)
    kinds: tuple[str, ...] = ()  # of lost, late, old, broken, html, failed: what may happen
    share: float = 0.0  # how often


@dataclass
class Options:
    """What a feed is made with."""

    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    level_num: int = 5
    level_max: int = 20
    ring_depth: int = 4096
    dir_cap: int = 64
    snapshot_limit: int = 1000
    rotate_ns: int = 0
    open_l2: bool = False
    fuse_bbo: bool = False
    streams: int = 0
    stale_ns: int = 500_000_000
    out_depth: int = 0
    answers: Answers = field(default_factory=Answers)


class Actor:
    """A feed and its surroundings; `World` gives it time and wires."""

    def __init__(self, truth: Truth, rng: random.Random, options: Options, connect: Callable[[Actor, int], Wire]) -> None:
        self.truth, self.rng, self.options, self.connect = truth, rng, options, connect
        self.now_ns = 0
        self.stopped = False  # the thread does not run
        self.calm = False  # the control plane answers as it should
        self.wires: dict[int, Wire] = {}
        self.notices: list[tuple[int, str]] = []
        self.index: dict[str, int] = {}  # native -> directory index, of those wanted now
        self.refused: dict[str, int] = {}
        self.why: dict[str, int] = {}  # native -> AATS_WHY_* at the last look
        self.seq: dict[str, int] = {}
        self.shown: dict[str, tuple[bytes, bytes]] = {}  # the levels of the last good book
        self.moments: list[tuple[int, str, int]] = []  # (when, native, why) of each change of why
        self.answers_due: list[tuple[int, int, int, int, bytes]] = []  # (when, kind, sym, num, body)
        self.asked = 0
        self.ticks: dict[int, list[int]] = {}
        self.records = 0
        self.floor: dict[str, int] = {}  # after a stop: an id that a good book must have reached
        self._good: dict[int, int] = {}  # latest slots found to be right, by stamp
        self._l2: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
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
        feed = lib.aats_feed_new(opts, base, size, self.slot, why, len(why))
        assert feed != ffi.NULL, text(why)
        self.feed = ffi.gc(feed, lib.aats_feed_free)
        self.inbox, self.outbox = lib.aats_feed_in(feed), lib.aats_feed_out(feed)
        self._mail = ffi.new("aats_mail_t **")
        self._at, self._sent = ffi.new("uint8_t **"), ffi.new("uint8_t const **")
        self._rec = ffi.new("aats_rec_t *")
        self._bids, self._asks = (ffi.new("aats_level_t[]", o.level_max) for _ in "ba")
        self._out = ffi.new("aats_rec20_t *")
        self._pulse = ffi.new("aats_pulse_t *")
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

    def _native(self, sym: int) -> str:
        return text(self.view.dir[sym].native)

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

    def judge(self, now_ns: int) -> None:
        """Read all that is new as a reader would; raise `Wrong` for anything that is not so."""
        for native, sym in self.index.items():
            rec = self._rec
            why = lib.aats_valid_latest(self.view, self.slot, sym, rec, self._bids, self._asks, self.options.level_max, now_ns)
            if self.why.get(native) != why:
                self.why[native] = why
                self.moments.append((now_ns, native, why))
            if why:
                continue
            self.seq[native] = rec.seq
            if rec.seq < self.floor.get(native, 0) and not rec.flags & lib.AATS_F_FUSED:
                self._fresh(native, rec)
            if self._good.get(sym) != rec.stamp:
                self._right(native, rec, self._bids, self._asks, int(self.view.dir[sym].level_num))
                self._good[sym] = rec.stamp
                self.shown[native] = (
                    bytes(ffi.buffer(self._bids, rec.bid_len * LEVEL_SZ)),
                    bytes(ffi.buffer(self._asks, rec.ask_len * LEVEL_SZ)),
                )
        lib.aats_pulse_take(self.view, self.slot, self._pulse)
        head = int(self.view.md.head)
        self.records = max(self.records, head - self.options.ring_depth)
        while self.records < head:
            if lib.aats_ring_poll(self.view, self.records, self._out) == 1:
                self._record(self._out, now_ns)
            self.records += 1

    def _fresh(self, native: str, rec: Any) -> None:
        """A book that is good after a stop tells what was sent before it ended, even if its own last change is older."""
        for want, got, cnt in zip(self.truth.books[native][self.floor[native]], (self._bids, self._asks), (rec.bid_len, rec.ask_len)):
            if bytes(ffi.buffer(got, cnt * LEVEL_SZ)) != want[: cnt * LEVEL_SZ]:
                raise Wrong(f"{native} is called good as of {rec.seq}, but {self.floor[native]} was sent before the feed woke")

    def _right(self, native: str, rec: Any, bids: Any, asks: Any, level_num: int) -> None:
        """Compare a book with the truth; `level_num` 0: of a moment ago, when it may have been another."""
        if rec.flags & lib.AATS_F_FUSED:
            self._right_fused(native, rec, bids, asks)
            return
        truth = self.truth.books[native].get(rec.seq)
        if truth is None:
            raise Wrong(f"{native}: a good book with id {rec.seq}, which never was")
        limited = self.options.snapshot_limit < 1000
        for side, want, got, cnt in (("bids", truth[0], bids, rec.bid_len), ("asks", truth[1], asks, rec.ask_len)):
            have = bytes(ffi.buffer(got, cnt * LEVEL_SZ))
            if have != want[: cnt * LEVEL_SZ]:
                raise Wrong(f"{native} {side} at {rec.seq}: {shown(have)} but the truth is {shown(want[: cnt * LEVEL_SZ])}")
            whole = min(level_num, len(want) // LEVEL_SZ)
            if level_num and (cnt > level_num or (cnt < whole and not limited)):
                raise Wrong(f"{native} {side} at {rec.seq}: {cnt} levels, expected {whole}")

    def _right_fused(self, native: str, rec: Any, bids: Any, asks: Any) -> None:
        truth = self.truth.tickers[native].get(rec.seq)
        if truth is None:
            raise Wrong(f"{native}: fused with a best bid/ask {rec.seq}, which never was")
        have = bytes(ffi.buffer(bids, LEVEL_SZ)), bytes(ffi.buffer(asks, LEVEL_SZ))
        if have != truth:
            raise Wrong(f"{native}: fused at {rec.seq}: {shown(have[0])} {shown(have[1])}, but it was {shown(truth[0])} {shown(truth[1])}")
        for levels, cnt, sign in ((bids, rec.bid_len, -1), (asks, rec.ask_len, 1)):
            if any(sign * levels[i].px_i >= sign * levels[i + 1].px_i for i in range(cnt - 1)):
                raise Wrong(f"{native}: fused at {rec.seq}: levels out of order")

    def _record(self, out: Any, now_ns: int) -> None:
        rec = out.r
        if rec.kind == lib.AATS_REC_LINK:
            return
        native = self._native(rec.sym)
        if rec.kind == lib.AATS_REC_QUOTE:
            if not rec.flags & lib.AATS_F_DEEP:  # those are judged by the latest slot
                self._right(native, rec, out.bids, out.asks, 0)
            if self.options.open_l2 and not rec.flags & lib.AATS_F_FUSED:
                self._follow(native, rec)
        elif rec.kind == lib.AATS_REC_L2:
            side = self._l2[rec.sym][rec.side]
            side[rec.px_i] = rec.qty_i
            if not rec.qty_i:
                del side[rec.px_i]
        elif rec.kind == lib.AATS_REC_TICK:
            self._tick(native, rec)
        elif rec.kind == lib.AATS_REC_BBO:
            truth = self.truth.tickers[native].get(rec.seq)
            have = bytes(ffi.buffer(out.bids, LEVEL_SZ)), bytes(ffi.buffer(out.asks, LEVEL_SZ))
            if truth != have:
                raise Wrong(f"{native}: best bid/ask {rec.seq} is {have}, but it was {truth}")
        elif (
            rec.kind == lib.AATS_REC_STATE
            and rec.flags & lib.AATS_F_VALID
            and rec.seq not in self.truth.books[native]
            and not self.options.fuse_bbo
        ):
            raise Wrong(f"{native}: carried on with id {rec.seq}, which never was")

    def _follow(self, native: str, rec: Any) -> None:
        """Level changes, applied to the whole book as of a quote that says `snapshot`, lead to the book of every later quote."""
        truth = self.truth.books[native][rec.seq]
        if rec.flags & lib.AATS_F_SNAPSHOT:
            self._l2[rec.sym] = levels_of(truth[0]), levels_of(truth[1])
        elif self._l2[rec.sym] != (levels_of(truth[0]), levels_of(truth[1])):
            raise Wrong(f"{native} at {rec.seq}: level changes lead to another book than the quote's")

    def _tick(self, native: str, rec: Any) -> None:
        told = self.ticks.setdefault(rec.sym, [])
        truth = self.truth.trades[native].get(rec.seq)
        if truth != (rec.px_i, rec.qty_i, bool(rec.flags & lib.AATS_F_BUYER)):
            raise Wrong(f"{native}: trade {rec.seq} told as {(rec.px_i, rec.qty_i, rec.flags)}, but it was {truth}")
        if told and rec.seq <= told[-1]:
            raise Wrong(f"{native}: trade {rec.seq} after {told[-1]}")
        told.append(rec.seq)

    # -- questions of World --------------------------------------------------------------------------------------------

    def all_good(self, as_of_ns: int) -> bool:
        """Tell whether every book wanted is valid and shows what the market was at a moment, or something newer."""
        return bool(self.index) and all(self.why.get(native) == Why.NONE and self._recent(native, as_of_ns) for native in self.index)

    def _recent(self, native: str, as_of_ns: int) -> bool:
        last_id = self.truth.last_id(native, as_of_ns)
        if self.seq.get(native, 0) >= last_id:
            return True
        return all(want.startswith(have) for want, have in zip(self.truth.books[native][last_id], self.shown[native]))

    def trade_holes(self) -> int:
        """Return the holes in the trades told, over all symbols."""
        return sum(b != a + 1 for told in self.ticks.values() for a, b in zip(told, told[1:]))

    def memory(self) -> bytes:
        """Return the segment as it is."""
        return bytes(ffi.buffer(self.view.seg, self.view.size))

    def state(self) -> str:
        """Return one line for a failure."""
        good = sum(why == Why.NONE for why in self.why.values())
        bad = {native: lib_why(why) for native, why in self.why.items() if why != Why.NONE}
        return f"{good} books good, bad: {bad}; gaps {self.count('GAPS')}, drops {self.count('DROPS')}; last lines: {self.notices[-6:]}"


def lib_why(why: int) -> str:
    return text(lib.aats_why_name(why))


def levels_of(levels: bytes) -> dict[int, int]:
    return {one.px_i: one.qty_i for one in list(ffi.from_buffer("aats_level_t[]", levels))}


def shown(levels: bytes) -> list[tuple[int, int]]:
    """Return packed levels as numbers, the first few."""
    got = ffi.from_buffer("aats_level_t[]", levels)
    return [(one.px_i, one.qty_i) for one in list(got)[:6]]


__all__ = ["Actor", "Answers", "Options", "Wrong", "packed"]
