"""One simulated exchange, one feed, one order session with its trader, in virtual time and without a wire: what is written is there with the next step.

Not a test itself.  The exchange is any class of `aats.sim` with the host's face; feed and session are the product's, in C.  At every step each good
book is compared with the market's books, as its diffs left them: a book that never was is `Wrong`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import h11

from aats._ffi import ffi, lib, text
from aats.instruments import feed_symbol
from aats.layout import Kind, OrderEvent, OrderSide, Role, State
from aats.orders import rules_of
from aats.sim.host import Host
from aats.sim.market import DEPTH, Event, Level, Snapshot, TextBook
from aats.venue import Instrument
from tests.conformance.rows import Row, instruments

MS, SECOND = 1_000_000, 1_000_000_000
EPOCH_NS = 1_700_000_000_000_000_000
LEVELS = 20
QUOTE_EVERY = 4  # passes of a desk between two looks at the market
STREAM = {
    "depth": 1,
    "trade": 2,
    "bbo": 4,
    "agg": 8,
    "mark": 16,
    "funding": 32,
    "liquidation": 64,
    "status": 128,
}  # AATS_STREAM_*, venue/venue.h
CODES = {getattr(lib, name): name[8:].lower() for name in dir(lib) if name.startswith("AATS_OC_")}
Top = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


class Wrong(AssertionError):
    """Something was said that is not so, or was not said in time."""


class Rig:
    """An exchange and what is connected to it; time goes by in `step`.

    Parameters
    ----------
    clock_off_ns
        How far the exchange's clock is off ours.
    """

    def __init__(self, row: Row, *, rate: int = 40, clock_off_ns: int = 0, **options: Any) -> None:
        self.row = row
        self.exchange: Host = row.exchange(rate, **options)
        self.off_ns = clock_off_ns
        self.now_ns = SECOND
        self.truth: Truth
        self.feed: Feed | None = None
        self.desk: Desk | None = None
        self.storm: Storm | None = None
        self._conns = 0

    @property
    def venue_ns(self) -> int:
        return EPOCH_NS + self.now_ns + self.off_ns

    def connect(self) -> int:
        """Open a connection to the exchange and return its number."""
        self._conns += 1
        self.exchange.open(self._conns, self.venue_ns)
        return self._conns

    def http(self, target: str, method: str = "GET") -> tuple[int, bytes]:
        """Make one request on a connection of its own; return status and body."""
        client, conn = h11.Connection(h11.CLIENT), self.connect()
        head = client.send(h11.Request(method=method, target=target, headers=[("Host", "localhost"), ("Content-Length", "0")])) or b""
        self.exchange.receive(conn, head + (client.send(h11.EndOfMessage()) or b""), self.venue_ns)
        client.receive_data(self.exchange.take(conn))
        self.exchange.drop(conn)
        response, body = client.next_event(), b""
        if not isinstance(response, h11.Response):
            return 0, b""
        while isinstance(event := client.next_event(), h11.Data):
            body += bytes(event.data)
        return response.status_code, body

    def step(self, ms: float = 5) -> None:
        """Let a little time go by for everybody."""
        self.now_ns += round(ms * MS)
        self.exchange.advance(self.venue_ns)
        if self.feed is not None:
            self.feed.step()
        if self.desk is not None:
            self.desk.step()

    def until(self, cond: Callable[[], Any], what: str, seconds: float = 10, ms: float = 5) -> None:
        """Step until `cond` holds; `Wrong` when it does not within so many seconds of virtual time."""
        end = self.now_ns + round(seconds * SECOND)
        while not cond():
            if self.now_ns >= end:
                raise Wrong(f"{self.row.venue}: not within {seconds:g} s: {what}\n{self.say()}")
            self.step(ms)

    def run(self, seconds: float, ms: float = 5) -> None:
        """Step for so long."""
        end = self.now_ns + round(seconds * SECOND)
        while self.now_ns < end:
            self.step(ms)

    def say(self) -> str:
        """Return where everybody stands, for a failure."""
        return "\n".join(one.say() for one in (self.feed, self.desk) if one is not None)


class Truth:
    """The books of an exchange, as each diff of its market left them: the best levels, scaled as the feed scales them."""

    def __init__(self, exchange: Host, known: dict[str, Instrument], venue: str) -> None:
        self.tops: dict[str, dict[Top, int]] = {}
        self.last: dict[str, Top] = {}
        self.trades: dict[str, list[tuple[str, str, bool]]] = {}
        self._scales = {}
        for native, instrument in known.items():
            raw = feed_symbol(instrument, venue, LEVELS)
            self._scales[native] = int(raw.px_exp), int(raw.qty_exp)
        market = exchange.market
        self._books = {name: TextBook(*_sides(market, name)) for name in self._scales}
        for name in self._books:
            self._note(name)
        advance = market.advance

        def watched(now_ns: int) -> list[Event]:
            events = advance(now_ns)
            for event in events:
                if event.kind == DEPTH and event.symbol in self._books:
                    self._books[event.symbol].apply(event.bids, event.asks)
                    self._note(event.symbol)
                elif event.kind == "trade":
                    self.trades.setdefault(event.symbol, []).append((event.px, event.qty, event.buys))
            return events

        snapshot = market.snapshot

        def shown(symbol: str, limit: int) -> Snapshot:
            book = snapshot(symbol, limit)
            if limit >= 5 and symbol in self._books:  # a book may begin between two diffs
                self._add(symbol, book.bids[:LEVELS], book.asks[:LEVELS])
            return book

        market.advance, market.snapshot = watched, shown  # type: ignore[method-assign]

    def was(self, native: str, top: Top) -> bool:
        """Tell whether the book ever was so, as deep as `top` is."""
        if top in self.tops[native]:
            return True
        bids, asks = top
        return any(bids == b[: len(bids)] and asks == a[: len(asks)] for b, a in self.tops[native])

    def _note(self, native: str) -> None:
        self.last[native] = self._add(native, *self._books[native].top(LEVELS))

    def _add(self, native: str, *sides: list[Level]) -> Top:
        px_exp, qty_exp = self._scales[native]
        bids, asks = (tuple((_scaled(px, px_exp), _scaled(qty, qty_exp)) for px, qty in side) for side in sides)
        self.tops.setdefault(native, {})[bids, asks] = 1
        return bids, asks


class Storm:
    """What goes wrong between two ends: a connection that ends at any byte, either way, or holds back what it carries for a while."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.cut_in: dict[int, int] = {}  # connection -> bytes that still come through to the client, then it ends
        self.cut_out: dict[int, int] = {}  # the same to the exchange
        self.held: dict[int, tuple[int, bytes]] = {}  # connection -> until when, and what waits
        self.met = 0  # cuts and holds that a connection has felt

    def hold(self, conn: int, seconds: float) -> None:
        """Let nothing through to the client for so long."""
        self.held[conn] = self.rig.now_ns + round(seconds * SECOND), self.held.get(conn, (0, b""))[1]

    def holds(self, conn: int) -> bool:
        return conn in self.held

    def calm(self) -> None:
        """Stop; what was held comes with the next step."""
        self.cut_in.clear()
        self.cut_out.clear()
        self.held = {conn: (0, data) for conn, (_, data) in self.held.items()}

    def inward(self, conn: int, data: bytes) -> tuple[bytes, bool]:
        """Return what reaches the client, and whether the connection ends behind it."""
        if conn in self.held:
            until_ns, waiting = self.held.pop(conn)
            data = waiting + data
            if self.rig.now_ns < until_ns:
                self.met += bool(data) and not waiting
                self.held[conn] = until_ns, data
                return b"", False
        return self._short(self.cut_in, conn, data)

    def outward(self, conn: int, data: bytes) -> tuple[bytes, bool]:
        """Return what reaches the exchange, and whether the connection ends behind it."""
        return self._short(self.cut_out, conn, data)

    def _short(self, cuts: dict[int, int], conn: int, data: bytes) -> tuple[bytes, bool]:
        left = cuts.get(conn)
        if left is None or not data:
            return data, False
        if len(data) < left:
            cuts[conn] = left - len(data)
            return data, False
        del cuts[conn]
        self.met += 1
        return data[:left], True


class Links:
    """The connections of a feed or a session: bytes to and from the exchange."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.conns: dict[int, int] = {}  # link -> number of its connection
        self.attempts = 0
        self.refuse = False  # nobody listens
        self.notices: list[str] = []
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")

    def pump(self, link: int, call: Callable[..., Any]) -> None:
        """Carry a link's bytes; `call` is the feed's or session's verb by name."""
        want, conn = call("want", link), self.conns.get(link)
        if want == lib.AATS_FEED_CONNECT and conn is None:
            call("connecting", link)
            self.attempts += 1
            if self.refuse:
                call("closed", link, b"connection refused")
                return
            conn = self.conns[link] = self.rig.connect()
            call("opened", link)
        elif want == lib.AATS_FEED_CLOSE:
            self.end(link, call, b"closed by us")
            return
        if conn is None:
            return
        exchange, storm = self.rig.exchange, self.rig.storm
        data, cut = exchange.take(conn), False
        if storm is not None:
            data, cut = storm.inward(conn, data)
        while data and self.conns.get(link) == conn:
            room = call("room", link, self._at)
            part, data = data[:room], data[room:]
            ffi.memmove(self._at[0], part, len(part))
            call("received", link, len(part), EPOCH_NS + self.rig.now_ns)
        if cut or (exchange.closing(conn) and not (storm and storm.holds(conn))):
            self.end(link, call, b"connection reset by peer")
            return
        size = call("output", link, self._sent)
        if size:
            said = bytes(ffi.buffer(self._sent[0], size))
            call("sent", link, size)
            if storm is not None:
                said, cut = storm.outward(conn, said)
            if said:
                exchange.receive(conn, said, self.rig.venue_ns)
            if cut:
                self.end(link, call, b"connection reset by peer")
                return
        if call("want", link) == lib.AATS_FEED_CLOSE:
            self.end(link, call, b"closed by us")

    def end(self, link: int, call: Callable[..., Any], why: bytes) -> None:
        conn = self.conns.pop(link, None)
        if conn is not None:
            self.rig.exchange.receive(conn, b"", self.rig.venue_ns)
            self.rig.exchange.drop(conn)
        call("closed", link, why)

    def notice(self, mail: Any) -> None:
        self.notices.append(bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace"))


#: AATS_STREAM_* of aats/feed_options.py: depth, trades and best prices, which are the default, and statuses, which are always asked for.
_USUAL, _STATUS = 1 | 2 | 4, 128


def _usual(venue: str) -> int:
    """Return the streams that a feed asks for where none are named."""
    return int(lib.aats_venue_streams(venue.encode(), b"")) & (_USUAL | _STATUS)


class Feed(Links):
    """A feed of the row's symbols; `books` has what is good now, `trades`, `bbos`, `marks` what was told."""

    def __init__(self, rig: Rig, symbols: tuple[str, ...] | None = None, streams: int = 0) -> None:
        super().__init__(rig)
        rig.feed = self
        rig.truth = Truth(rig.exchange, instruments(rig.row), rig.row.venue)
        self.index: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self.why: dict[str, int] = {}
        self.books: dict[str, Top] = {}
        self.records: dict[int, list[Any]] = {}
        self.asked = 0
        self._read = 0
        why = ffi.new("char[]", 512)
        size = lib.aats_md_size(4096, LEVELS, 64)
        self._memory = ffi.new("char[]", size + 64)
        base = ffi.cast("void *", (int(ffi.cast("uintptr_t", self._memory)) + 63) // 64 * 64)
        assert lib.aats_seg_init(base, size, int(Kind.MD), b"rig", 7, 1 << 42, EPOCH_NS, b"rig", b"1") == 0
        params = ffi.new("aats_md_params_t *")
        params.ring_depth, params.level_max, params.dir_cap = 4096, LEVELS, 64
        params.stale_ns, params.venue = SECOND // 2, rig.row.venue.encode()
        assert lib.aats_md_init(base, params) == 0
        lib.aats_seg_ready(base)
        self.slot = ffi.new("aats_slot_t *")
        self.slot.owner, self.slot.role, self.slot.generation = int(State.RUN), int(Role.FEED), 7
        self.view = ffi.new("aats_md_view_t *")
        assert lib.aats_md_attach(base, size, self.view, why, len(why)) == 0, text(why)
        opts = ffi.new("aats_feed_opts_t *")
        lib.aats_feed_defaults(opts)
        opts.venue, opts.host, opts.seed = rig.row.venue.encode(), b"rig.example", 7
        opts.streams = streams | (int(lib.aats_venue_streams(rig.row.venue.encode(), b"")) & _STATUS) if streams else _usual(rig.row.venue)
        opts.stale_ns, opts.snapshot_limit, opts.book_window, opts.fuse_bbo = SECOND // 2, 1000, 1024, 0
        opts.backoff_min_ns, opts.backoff_max_ns = SECOND // 10, SECOND
        feed = lib.aats_feed_new(opts, base, size, self.slot, why, len(why))
        assert feed != ffi.NULL, text(why)
        self._feed = ffi.gc(feed, lib.aats_feed_free)
        self._inbox, self._outbox = lib.aats_feed_in(feed), lib.aats_feed_out(feed)
        self._rec, self._out = ffi.new("aats_rec_t *"), ffi.new("aats_rec20_t *")
        self._bids, self._asks = (ffi.new("aats_level_t[]", LEVELS) for _ in "ba")
        self._address(0)
        for native in symbols or rig.row.symbols:
            self.subscribe(instruments(rig.row)[native])

    def subscribe(self, instrument: Instrument) -> None:
        """Ask the feed for an instrument."""
        raw = feed_symbol(instrument, self.rig.row.venue, LEVELS)
        self._put(lib.AATS_MAIL_SUBSCRIBE, body=bytes(ffi.buffer(raw)))

    def count(self, name: str) -> int:
        """Return a counter by its name in layout.h, without AATS_MDC_."""
        return int(self.view.md.counters[getattr(lib, f"AATS_MDC_{name}")])

    def good(self, *natives: str) -> bool:
        """Tell whether these books (all) are good."""
        return all(self.why.get(native) == 0 for native in natives or self.rig.row.symbols)

    def newest(self, *natives: str) -> bool:
        """Tell whether these books (all) are good and what the market was at its last diff."""
        for native in natives or self.rig.row.symbols:
            if not self.good(native):
                return False
            have, want = self.books[native], self.rig.truth.last[native]
            if any(h != w[: len(h)] for h, w in zip(have, want, strict=True)):
                return False
        return True

    def step(self) -> None:
        """Make one pass, and judge each book."""
        lib.aats_feed_begin(self._feed, EPOCH_NS + self.rig.now_ns, self.rig.now_ns)
        self._serve()
        for link in range(lib.AATS_LINK_MAX):
            self.pump(link, self._call)
        lib.aats_feed_end(self._feed)
        self._judge()

    def say(self) -> str:
        gaps = {name: self.count(name) for name in ("GAPS", "DROPS")}
        return f"feed: why {self.why}, attempts {self.attempts}, {gaps}, refused {self.refused}; {self.notices[-6:]}"

    def _call(self, verb: str, link: int, *args: Any) -> Any:
        return getattr(lib, f"aats_feed_{verb}")(self._feed, link, *args)

    def _put(self, kind: int, sym: int = 0, num: int = 0, body: bytes = b"") -> None:
        data = ffi.from_buffer(body) if body else ffi.NULL
        lib.aats_mailbox_put(self._inbox, kind, sym, num & (2**64 - 1), data, len(body))

    def _serve(self) -> None:
        while lib.aats_mailbox_get(self._outbox, self._mail) == 1:
            mail = self._mail[0]
            if mail.kind == lib.AATS_MAIL_NOTICE:
                self.notice(mail)
            elif mail.kind == lib.AATS_MAIL_ADDED:
                name, code = bytes(ffi.buffer(mail.bytes, mail.size)).decode(), int(ffi.cast("int64_t", mail.num))
                native = next((one.native for one in instruments(self.rig.row).values() if one.symbol == name), name)
                if code:
                    self.refused[native] = code
                else:
                    self.index[native] = int(mail.sym)
            elif mail.kind == lib.AATS_MAIL_ASK:
                self._snapshot(int(mail.sym), int(mail.num))
            elif mail.kind == lib.AATS_MAIL_RESOLVE:
                self._address(int(mail.sym))
            lib.aats_mail_free(mail)

    def _address(self, way: int) -> None:
        if self.rig.row.path:
            self._put(lib.AATS_MAIL_ADDRESS, way, body=f"192.0.2.1 {self.rig.row.path}".encode())

    def _snapshot(self, sym: int, num: int) -> None:
        self.asked += 1
        assert self.rig.row.snapshot is not None, "a snapshot is asked for, the row does not say where"
        status, body = self.rig.http(self.rig.row.snapshot(text(self.view.dir[sym].native)))
        if status == 200:
            self._put(lib.AATS_MAIL_SNAPSHOT, sym, num, body)
        else:
            self._put(lib.AATS_MAIL_SNAP_FAILED, sym, SECOND // 10)

    def _judge(self) -> None:
        for native, sym in self.index.items():
            rec = self._rec
            why = lib.aats_valid_latest(self.view, self.slot, sym, rec, self._bids, self._asks, LEVELS, self.rig.now_ns)
            self.why[native] = why
            if why:
                continue
            bids, asks = (
                tuple((one.px_i, one.qty_i) for one in side[0 : min(cnt, self.rig.row.judged)])
                for side, cnt in ((self._bids, rec.bid_len), (self._asks, rec.ask_len))
            )
            top: Top = bids, asks
            if self.books.get(native) != top and not self.rig.truth.was(native, top):
                raise Wrong(f"{self.rig.row.venue} {native}: called good, but the market never was so: {top[0][:3]} {top[1][:3]}")
            self.books[native] = top
        head = int(self.view.md.head)
        while self._read < head:
            if lib.aats_ring_poll(self.view, self._read, self._out) == 1:
                kept = ffi.new("aats_rec20_t *")
                ffi.memmove(kept, self._out, ffi.sizeof("aats_rec20_t"))
                self.records.setdefault(int(self._out.r.kind), []).append(kept)
            self._read += 1

    def told(self, kind: int, native: str) -> list[Any]:
        """Return the records of a kind that were told of a symbol."""
        return [one.r for one in self.records.get(kind, ()) if one.r.sym == self.index.get(native, -1)]


@dataclass
class Said:
    """One order event as a strategy gets it."""

    kind: str
    order_id: int
    code: str
    cum: int
    qty: int
    px: int
    fill: tuple[int, int, int, str]  # px, qty, fee, asset
    trade_id: int


class Desk(Links):
    """An order session and its trader; `said` is all that a strategy would be told."""

    def __init__(
        self,
        rig: Rig,
        *,
        key: str = "",
        secret: str = "",
        earlier: tuple[int, ...] = (),
        deadman_ns: int = 0,
        answer_ns: int = SECOND,
        orders_max: int = 0,
    ) -> None:
        super().__init__(rig)
        rig.desk = self
        row = rig.row
        self.said: list[Said] = []
        self.next_id = 1
        self.mute = False
        self._passes = 0
        self._first = len(earlier) + 1
        why, opts = ffi.new("char[]", 1024), ffi.new("aats_session_opts_t *")
        lib.aats_session_defaults(opts)
        opts.venue, opts.host, opts.seed = row.venue.encode(), b"rig.example", 7
        for place in opts.more:
            place.host = b"rig.example"
        opts.backoff_min_ns, opts.backoff_max_ns, opts.answer_ns = SECOND // 10, SECOND, answer_ns
        session = lib.aats_session_new(
            opts,
            (key or row.key).encode(),
            (secret or row.secret).encode(),
            ffi.new("uint64_t[]", list(earlier)),
            len(earlier),
            why,
            len(why),
        )
        assert session != ffi.NULL, text(why)
        lib.aats_session_passphrase(session, row.passphrase.encode())
        topts = ffi.new("aats_trader_opts_t *")
        topts.instance = self.instance = 0x5EED_0000_0000_0000 + self._first
        topts.orders_max = orders_max
        trader = lib.aats_trader_new(topts, ffi.NULL, 0, ffi.NULL, why, len(why))
        assert trader != ffi.NULL, text(why)
        self.session, self.trader = session, ffi.gc(trader, lib.aats_trader_free)
        lib.aats_session_own(session, self.instance)
        gateway = lib.aats_trader_session(trader, row.venue.encode(), session)
        self._rules = [rules_of(instruments(row)[native], row.venue) for native in row.symbols]
        for one in self._rules:
            assert lib.aats_session_symbol(session, one.raw) == 0
            assert lib.aats_trader_add_symbol(trader, one.raw, gateway) >= 0
        if deadman_ns:
            assert lib.aats_session_deadman(session, deadman_ns) == 0
        self._event = ffi.new("aats_oev_t *")
        self._levels = [ffi.new("aats_level_t[]", 5) for _ in "ba"]

    def ready(self) -> bool:
        return bool(lib.aats_trader_ready(self.trader))

    def last(self) -> str:
        """Return why the session is not ready."""
        return text(lib.aats_session_last(self.session))

    def send(self, side: str, price: str | None, size: str, tif: str = "GTC", *, sym: int = 0, reduce_only: bool = False) -> int:
        """Send an order; return its id."""
        req = ffi.new("aats_order_req_t *")
        req.order_id = order_id = self.next_id
        self.next_id += 1
        req.sym, req.side = sym, int(OrderSide.BUY if side == "buy" else OrderSide.SELL)
        req.tif = getattr(lib, f"AATS_TIF_{tif}")
        req.reduce = reduce_only
        kept = _give(req, price, size)
        assert lib.aats_trader_send(self.trader, req, EPOCH_NS + self.rig.now_ns, self.rig.now_ns) == 0
        del kept
        self._drain()
        return order_id

    def cancel(self, order_id: int) -> None:
        """Ask for a cancel."""
        lib.aats_trader_cancel(self.trader, order_id, 0, EPOCH_NS + self.rig.now_ns, self.rig.now_ns)
        self._drain()

    def amend(self, order_id: int, price: str | None = None, size: str | None = None) -> None:
        """Ask for another price or size."""
        req = ffi.new("aats_amend_req_t *")
        req.order_id = order_id
        kept = _give(req, price, size)
        assert lib.aats_trader_amend(self.trader, req, EPOCH_NS + self.rig.now_ns, self.rig.now_ns) == 0
        del kept
        self._drain()

    def cancel_all(self) -> None:
        """Ask for all orders to be canceled."""
        lib.aats_trader_cancel_of(self.trader, 0, -1, EPOCH_NS + self.rig.now_ns, self.rig.now_ns)
        self._drain()

    def of(self, order_id: int) -> list[str]:
        """Return the names of all events of an order so far."""
        return [one.kind for one in self.said if one.order_id == order_id]

    def codes(self, order_id: int) -> list[str]:
        """Return the codes of its events that have one."""
        return [one.code for one in self.said if one.order_id == order_id and one.code not in ("?", "none", "ok")]

    def closed(self, order_id: int) -> bool:
        return "CLOSED" in self.of(order_id)

    def fills(self, order_id: int) -> list[Said]:
        return [one for one in self.said if one.order_id == order_id and one.kind == "EXEC"]

    def filled(self, order_id: int) -> int:
        return sum(one.fill[1] for one in self.fills(order_id))

    def step(self) -> None:
        """Make one pass."""
        if self.mute:
            return
        while lib.aats_mailbox_get(lib.aats_session_out(self.session), self._mail) == 1:
            if self._mail[0].kind == lib.AATS_MAIL_NOTICE:
                self.notice(self._mail[0])
            lib.aats_mail_free(self._mail[0])
        self._pump()
        lib.aats_trader_step(self.trader, EPOCH_NS + self.rig.now_ns, self.rig.now_ns)
        self._pump()
        self._passes += 1
        if self._passes % QUOTE_EVERY == 1:
            self._quote()
        self._drain()

    def cut(self) -> None:
        """End all connections, as the network does."""
        for link in list(self.conns):
            self.end(link, self._call, b"connection reset by peer")

    def say(self) -> str:
        said = [(one.order_id, one.kind, one.code) for one in self.said[-8:]]
        return f"desk: state {lib.aats_session_state(self.session)} {self.last()!r}, attempts {self.attempts}, {said}; {self.notices[-6:]}"

    def _call(self, verb: str, link: int, *args: Any) -> Any:
        return getattr(lib, f"aats_session_{verb}")(self.session, link, *args)

    def _pump(self) -> None:
        for link in range(lib.aats_session_links(self.session)):
            self.pump(link, self._call)

    def _quote(self) -> None:
        for sym, native in enumerate(self.rig.row.symbols):
            book = self.rig.exchange.market.snapshot(native, 5)
            rules, counts = self._rules[sym].raw, []
            for side, levels in zip(self._levels, (book.bids, book.asks), strict=True):
                for at, (px, qty) in enumerate(levels):
                    side[at].px_i, side[at].qty_i = _scaled(px, rules.px_exp), _scaled(qty, rules.qty_exp)
                counts.append(len(levels))
            lib.aats_trader_quote(self.trader, sym, self._levels[0], counts[0], self._levels[1], counts[1], 1, EPOCH_NS + self.rig.now_ns)

    def _drain(self) -> None:
        while lib.aats_trader_event(self.trader, self._event) == 1:
            ev = self._event[0]
            self.said.append(
                Said(
                    OrderEvent(ev.kind).name,
                    int(ev.order.order_id),
                    CODES.get(int(ev.code), "?"),
                    int(ev.order.cum_qty_i),
                    int(ev.order.qty_i),
                    int(ev.order.px_i),
                    (int(ev.fill_px_i), int(ev.fill_qty_i), int(ev.fee_i), text(ev.fee_asset)),
                    int(ev.trade_id),
                )
            )


def _give(req: Any, price: str | None, size: str | None) -> list[Any]:
    """Write price and size into a request as texts; return what must live until it was taken."""
    kept = []
    for name, value in (("px", price), ("qty", size)):
        if value is not None:
            buffer = ffi.new("char[]", value.encode())
            kept.append(buffer)
            given = getattr(req, name)
            given.kind, given.text, given.text_len = lib.AATS_GIVEN_TEXT, buffer, len(value)
    return kept


def _sides(market: Any, name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    book = market.snapshot(name, 1_000_000)
    return book.bids, book.asks


@lru_cache(maxsize=1 << 16)
def _scaled(value: str, exponent: int) -> int:
    """Return a decimal text as an integer at an exponent of ten."""
    whole, _, frac = value.partition(".")
    digits, have = int(whole + frac), -len(frac)
    up, down = int(10 ** max(have - exponent, 0)), int(10 ** max(exponent - have, 0))
    return digits * up // down
