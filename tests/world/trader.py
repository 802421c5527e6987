"""One trader with its order session over plain memory, a strategy that does anything, and a judge of all that it is told.

A step does what the trade loop does in a pass: bytes, the trader's step, market data, the strategy, order events.  The judge holds every
order to the callback grammar of docs/decisions.md at each event, and adds up what it was told, by itself.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import OrderEvent, OrderSide, OrderState, OrderTif
from aats.sim.market import Market
from tests.world.judge import Wrong
from tests.world.options import EPOCH_NS, SECOND
from tests.world.pipes import END, Wire
from tests.world.truth import scaled

CODES = {getattr(lib, name): name[8:].lower() for name in dir(lib) if name.startswith("AATS_OC_")}

#: One letter an event.  The order: Created (Rejected | Acked Exec* Canceled?) Closed.
LETTERS = {
    OrderEvent.CREATED: "C",
    OrderEvent.ACKED: "A",
    OrderEvent.REJECTED: "R",
    OrderEvent.EXEC: "E",
    OrderEvent.CANCELED: "X",
    OrderEvent.CLOSED: "Z",
}
GRAMMAR = re.compile(r"C(R|AE*X?)Z\Z")
SO_FAR = re.compile(r"(C(R|AE*X?)?Z?)?\Z")


@dataclass
class Told:
    """What was told of one order."""

    letters: str = ""
    cancels: int = 0  # CancelCreated without an answer
    fills: dict[int, tuple[int, int, int, str]] = field(default_factory=dict)  # trade id -> px, qty, fee, asset
    side: int = 0
    size: int = 0
    tif: int = 0
    sym: int = 0
    cum: int = 0
    code: str = ""
    remote_id: str = ""


def give(value: Any, keep: list[Any]) -> Any:
    """Return an ``aats_given_t`` of a float, a text or None; what it points to is kept in `keep`."""
    given = ffi.new("aats_given_t *")
    if isinstance(value, float):
        given.kind, given.f = lib.AATS_GIVEN_FLOAT, value
    elif value is not None:
        raw = str(value).encode()
        buffer = ffi.new("char[]", raw)
        keep += [buffer]
        given.kind, given.text, given.text_len = lib.AATS_GIVEN_TEXT, buffer, len(raw)
    keep += [given]
    return given[0]


class Trader:
    """A trader, its session, its strategy; `OrderWorld` gives it time and wires.

    Parameters
    ----------
    market : Market
        Whose books it sees, by `quote_ns` late at most.
    rules : dict
        native name -> ``aats_rules_t *``.
    """

    def __init__(
        self,
        market: Market,
        rules: dict[str, Any],
        rng: random.Random,
        key: str,
        secret: str,
        connect: Callable[[Trader], Wire],
        *,
        busy: float = 1.0,
        earlier: tuple[int, ...] = (),
    ) -> None:
        self.market, self.rng, self.connect, self.key = market, rng, connect, key
        self.earlier = earlier  # instances of its earlier lives
        self.names = list(rules)
        self.busy = busy
        self.now_ns = 0
        self.stopped = False
        self.quiet = False  # the strategy does nothing more
        self.closing = False
        self.wire: Wire | None = None
        self.told: dict[int, Told] = {}
        self.notices: list[str] = []
        self.session_events: list[str] = []
        self.next_id = 1
        self._sent_ids: set[int] = set()
        self._twice: list[int] = []  # ids that were sent again, not refused yet
        self._refusing: int | None = None  # the one whose refusal is being told
        self.acts_at = 0
        why = ffi.new("char[]", 512)
        opts = ffi.new("aats_session_opts_t *")
        lib.aats_session_defaults(opts)
        opts.venue, opts.host = b"BINANCE", b"world.example"
        opts.seed = rng.getrandbits(63) | 1
        opts.backoff_min_ns, opts.backoff_max_ns = SECOND // 5, 3 * SECOND
        session = lib.aats_session_new(
            opts, key.encode(), secret.encode(), ffi.new("uint64_t[]", list(earlier)), len(earlier), why, len(why)
        )
        if session == ffi.NULL:
            raise Wrong(text(why))
        self.session = session
        topts = ffi.new("aats_trader_opts_t *")
        topts.instance = rng.getrandbits(64) | 1
        self.instance = int(topts.instance)
        trader = lib.aats_trader_new(topts, ffi.NULL, 0, ffi.NULL, why, len(why))
        if trader == ffi.NULL:
            raise Wrong(text(why))
        self.trader = ffi.gc(trader, lib.aats_trader_free)  # and the session with it
        lib.aats_session_own(session, self.instance)
        gateway = lib.aats_trader_session(trader, b"BINANCE", session)
        for at, native in enumerate(self.names):
            assert lib.aats_session_symbol(session, rules[native]) == 0
            assert lib.aats_trader_add_symbol(trader, rules[native], gateway) == at
        self._at, self._sent, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")
        self._event = ffi.new("aats_oev_t *")
        self._levels = [ffi.new("aats_level_t[]", 5) for _ in "ba"]

    # -- bytes -----------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        s = self.session
        while lib.aats_mailbox_get(lib.aats_session_out(s), self._mail) == 1:
            mail = self._mail[0]
            if mail.kind == lib.AATS_MAIL_NOTICE:
                self.notices.append(bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace"))
            lib.aats_mail_free(mail)
        want = lib.aats_session_want(s, 0)
        wire = self.wire
        if want == lib.AATS_FEED_CONNECT and wire is None:
            lib.aats_session_connecting(s, 0)
            wire = self.wire = self.connect(self)
        elif want == lib.AATS_FEED_CLOSE and wire is None:
            lib.aats_session_closed(s, 0, b"closed")
        if wire is None:
            return
        if wire.up_ns < 0 and -wire.up_ns <= self.now_ns:
            self._end(b"connection refused")
            return
        if not wire.opened:
            if 0 <= wire.up_ns <= self.now_ns:
                wire.opened = True
                lib.aats_session_opened(s, 0)
            elif lib.aats_session_want(s, 0) == lib.AATS_FEED_CLOSE:
                self._end(b"gave up connecting")
                return
            else:
                return
        while (data := wire.due(wire.to_client, self.now_ns)) is not None:
            if data == END:
                self._end(b"connection reset by peer")
                return
            while data:
                room = lib.aats_session_room(s, 0, self._at)
                assert room > 0, "a connection without room can never read again"
                n = min(room, len(data))
                ffi.memmove(self._at[0], data, n)
                lib.aats_session_received(s, 0, n, EPOCH_NS + self.now_ns)
                data = data[n:]
        self._flush()
        if lib.aats_session_want(s, 0) == lib.AATS_FEED_CLOSE:
            if self.wire is not None:
                wire.to_server.append((max(self.now_ns, wire.to_server[-1][0] if wire.to_server else 0), END))
                self._end(b"closed by us")

    def _flush(self) -> None:
        wire = self.wire
        if wire is None or not wire.opened:
            return
        n = lib.aats_session_output(self.session, 0, self._sent)
        if n:
            n = self.rng.randrange(1, n + 1) if self.rng.random() < 0.2 else n
            wire.send_to_server(self.now_ns, bytes(ffi.buffer(self._sent[0], n)))
            lib.aats_session_sent(self.session, 0, n)

    def _end(self, why: bytes) -> None:
        wire, self.wire = self.wire, None
        assert wire is not None
        wire.mute = True
        if not wire.to_server or wire.to_server[-1][1] != END:
            wire.to_server.append((max(self.now_ns, wire.to_server[-1][0] if wire.to_server else 0), END))
        lib.aats_session_closed(self.session, 0, why)

    # -- a pass ----------------------------------------------------------------------------------------------------------

    def step(self, now_ns: int) -> None:
        """Make one pass, unless the thread is stopped."""
        self.now_ns = now_ns
        if self.stopped:
            return
        self._pump()
        lib.aats_trader_step(self.trader, EPOCH_NS + now_ns, now_ns)
        self._pump()
        for sym, native in enumerate(self.names):
            book = self.market.snapshot(native, 5)
            cnt = []
            for side, levels in zip(self._levels, (book.bids, book.asks)):
                for i, (px, qty) in enumerate(levels):
                    side[i].px_i, side[i].qty_i = scaled(px), scaled(qty)
                cnt.append(len(levels))
            lib.aats_trader_quote(self.trader, sym, self._levels[0], cnt[0], self._levels[1], cnt[1], 1, EPOCH_NS + now_ns)
        self.drain()
        if not self.quiet and now_ns >= self.acts_at:
            self.acts_at = now_ns + int(self.rng.expovariate(self.busy) * 300_000_000)
            for _ in range(self.rng.choice((1, 1, 1, 2, 5))):
                self.act()
        self.drain()
        self._flush()

    def drain(self) -> None:
        while lib.aats_trader_event(self.trader, self._event) == 1:
            self.take(self._event[0])

    # -- the strategy ----------------------------------------------------------------------------------------------------

    def open_ids(self) -> list[int]:
        return [order_id for order_id, told in self.told.items() if not told.letters.endswith("Z")]

    def act(self) -> None:
        """Do something: mostly sensible, sometimes not."""
        rng = self.rng
        if rng.random() < 0.35 and self.told:
            ids = self.open_ids()
            order_id = rng.choice(ids) if ids and rng.random() < 0.85 else rng.choice(list(self.told) + [10**9])
            lib.aats_trader_cancel(self.trader, order_id, 0, EPOCH_NS + self.now_ns, self.now_ns)
            return
        sym = rng.randrange(len(self.names))
        book = self.market.snapshot(self.names[sym], 5)
        if not book.bids or not book.asks:
            return
        buy = rng.random() < 0.5
        tif = rng.choice((OrderTif.IOC, OrderTif.IOC, OrderTif.POS, OrderTif.GTC, OrderTif.GTC, OrderTif.FOK, OrderTif.MARKET))
        near, far = (book.asks, book.bids) if buy else (book.bids, book.asks)
        px = Decimal(rng.choice(near + far)[0])
        price: Any = format(px, "f")
        if rng.random() < 0.3:
            price = float(px) * rng.choice((0.9999, 1.0001, 1.0))
        elif rng.random() < 0.05:
            price = format(px + Decimal("0.00000001"), "f")  # off the tick
        size: Any = rng.choice(("0.001", "0.01", "0.25", "3", 0.0123456, "0.00001", "900"))
        if px < Decimal("0.001"):  # a coin of which nobody has less than a million
            size = rng.choice(("1000000", "250000000", "9000000000", 1234567.5, "90000000000", "100000000000", "0.5"))
        self.send(sym, OrderSide.BUY if buy else OrderSide.SELL, tif, None if tif == OrderTif.MARKET else price, size)

    def send(self, sym: int, side: int, tif: int, price: Any, size: Any) -> int:
        keep: list[Any] = []
        req = ffi.new("aats_order_req_t *")
        req.order_id = order_id = self.next_id
        if self.rng.random() < 0.01 and self.told:
            req.order_id = order_id = self.rng.choice(list(self.told))  # the same Order twice
        else:
            self.next_id += 1
        req.sym, req.side, req.tif = sym, int(side), int(tif)
        req.px, req.qty = give(price, keep), give(size, keep)
        if order_id in self.told or order_id in self._sent_ids:
            self._twice.append(order_id)
        self._sent_ids.add(order_id)
        assert lib.aats_trader_send(self.trader, req, EPOCH_NS + self.now_ns, self.now_ns) == 0
        return order_id

    # -- the judge -------------------------------------------------------------------------------------------------------

    def take(self, ev: Any) -> None:
        """Hold one event to the grammar and add it up."""
        kind = OrderEvent(ev.kind)
        if kind in (OrderEvent.DISCONNECT, OrderEvent.RECONNECT, OrderEvent.RECONCILED):
            self.session_events.append(kind.name)
            return
        order_id = int(ev.order.order_id)
        code = CODES.get(int(ev.code), "?")
        if self._refusing == order_id:  # of the second send of one Order: Rejected, Closed
            if kind is OrderEvent.CLOSED:
                self._refusing = None
            elif kind is not OrderEvent.REJECTED:
                raise Wrong(f"order {order_id}: {kind.name} inside the refusal of its second send")
            return
        told = self.told.get(order_id)
        if told is None:
            if kind is OrderEvent.CANCEL_REJECTED and code == "unknown_order":
                return
            if kind is not OrderEvent.CREATED:
                raise Wrong(f"order {order_id}: {kind.name} before Created")
            told = self.told[order_id] = Told(side=ev.order.side, size=int(ev.order.qty_i), tif=ev.order.tif, sym=int(ev.order.sym))
        elif kind is OrderEvent.CREATED:
            if order_id not in self._twice:
                raise Wrong(f"order {order_id}: Created again")
            self._twice.remove(order_id)
            self._refusing = order_id
            return
        if told.letters.endswith("Z"):
            if kind is OrderEvent.CANCEL_REJECTED and code in ("unknown_order", "order_closed"):
                return
            raise Wrong(f"order {order_id}: {kind.name} ({code}) after Closed")
        if kind in LETTERS:
            told.letters += LETTERS[kind]
            if not SO_FAR.match(told.letters) or (kind is OrderEvent.CLOSED and not GRAMMAR.match(told.letters)):
                raise Wrong(f"order {order_id}: told {told.letters}")
        if kind is OrderEvent.EXEC:
            self._fill(order_id, told, ev)
        elif kind is OrderEvent.CANCEL_CREATED:
            told.cancels += 1
        elif kind in (OrderEvent.CANCEL_ACKED, OrderEvent.CANCEL_REJECTED):
            told.cancels -= 1
            if told.cancels < 0:
                raise Wrong(f"order {order_id}: {kind.name} without a request")
        elif kind is OrderEvent.CLOSED and told.cancels:
            raise Wrong(f"order {order_id}: Closed with {told.cancels} cancel requests unanswered")
        if kind in (OrderEvent.REJECTED, OrderEvent.CANCELED):
            told.code = code
        told.remote_id = text(ev.order.remote_id) or told.remote_id
        if int(ev.order.cum_qty_i) != sum(qty for _, qty, _, _ in told.fills.values()):
            raise Wrong(f"order {order_id}: cum {ev.order.cum_qty_i} at {kind.name}, told fills {told.fills}")

    def _fill(self, order_id: int, told: Told, ev: Any) -> None:
        trade_id = int(ev.trade_id)
        if trade_id in told.fills:
            raise Wrong(f"order {order_id}: trade {trade_id} told twice")
        told.fills[trade_id] = (int(ev.fill_px_i), int(ev.fill_qty_i), int(ev.fee_i), text(ev.fee_asset))
        told.cum += int(ev.fill_qty_i)
        if told.cum > told.size:
            raise Wrong(f"order {order_id}: filled {told.cum} of {told.size}")

    # -- questions -------------------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        return bool(lib.aats_trader_ready(self.trader))

    def open_cnt(self) -> int:
        return int(lib.aats_trader_open_cnt(self.trader))

    def leave(self) -> None:
        """Begin to leave: no new orders, cancel what is open."""
        self.quiet = True
        if not self.closing:
            lib.aats_trader_close(self.trader)
            self.closing = True
        lib.aats_trader_cancel_all(self.trader, EPOCH_NS + self.now_ns, self.now_ns)

    def pos(self, sym: int) -> Any:
        out = ffi.new("aats_pos_t *")
        assert lib.aats_trader_pos(self.trader, sym, out) >= 0
        return out

    def state(self) -> str:
        """Return one line for a failure."""
        open_ids = self.open_ids()
        out = ffi.new("aats_order_t *")
        lines = []
        for order_id in open_ids[:8]:
            if lib.aats_trader_find(self.trader, order_id, out) == 1:
                lines.append(f"{order_id}:{OrderState(out.state).name}/cxl{out.cancel}/flags{out.flags}/{self.told[order_id].letters}")
        return (
            f"trader {self.key}: {len(self.told)} orders, open {lines}, session {lib.aats_session_state(self.session)} "
            f"{text(lib.aats_session_last(self.session))!r}, events {self.session_events[-6:]}, last lines {self.notices[-6:]}"
        )
