"""The base of the dialects: what every simulated venue shares, so that a dialect is its paths, its texts and its codes.

    connections (host.py) -> a path's role -> messages, HTTP requests -> the dialect's hooks -> trading.py, views.py, topics.py -> texts
    market, perpetuals -> events -> the dialect's hooks -> publish, tell -> frames, through the faults -> connections

A dialect is a class over `VenueExchange` in a package of its own (`aats/sim/okx`), written from the venue's documents and never from our client, and
named in dialects.py.  It fills in the hooks that stand first below; everything else is there to be called.  It is as pure as its base: no socket, no
clock, the same calls give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, unquote

import orjson
from websockets.http11 import Request

from aats.errors import ConfigError
from aats.sim.accounts import Account, Ledger
from aats.sim.amounts import E8_MAX, E16, e8, is_decimal
from aats.sim.answer import Answer
from aats.sim.auth import DEFAULT_KEY
from aats.sim.connection import Connection, HttpRequest, Limits
from aats.sim.faults import LATE_NS, Faults
from aats.sim.frames import text_frame
from aats.sim.generator import Generator
from aats.sim.host import Host
from aats.sim.listing import GONE, HALTED, LIVE, Listing, Refused, trim
from aats.sim.market import BOOK_TICKER, DEPTH, TRADE, Event, Snapshot
from aats.sim.perpetual import LIQUIDATION, Mark, Perpetuals
from aats.sim.reports import shown
from aats.sim.rest import strip_host
from aats.sim.topics import Private, Topics
from aats.sim.trading import Fill, Order, Position, Trading, Wish
from aats.sim.views import View

if TYPE_CHECKING:
    from aats.sim.dialects import Options

__all__ = [
    "Answer",
    "Asked",
    "Connection",
    "Event",
    "Faults",
    "Fill",
    "Key",
    "Limits",
    "Listing",
    "Mark",
    "Order",
    "Position",
    "Refused",
    "Reject",
    "Timer",
    "Upgrade",
    "VenueExchange",
    "View",
    "Wish",
    "amount",
    "hmac_b64",
    "hmac_hex",
    "iso",
    "json_answer",
    "trim",
]

MS_NS = 1_000_000
FEES = (100_000, 100_000)
RETRY_AFTER_S = 2
_MAINTENANCE = b"<html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>\n"


class Reject(Exception):
    """An upgrade that is refused with a status and a body."""

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Upgrade:
    """A request for a WebSocket; the path without a host before it."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """One HTTP request; the path without a host before it, header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    query_text: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; Refused("param") if it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Refused("param", "the body is no JSON") from None

    def form(self) -> dict[str, str]:
        """Return a form-encoded body."""
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))


@dataclass(eq=False)
class Key:
    """One API key, and the account behind it."""

    name: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    account: Account = field(repr=False)
    can_trade: bool = True


@dataclass(order=True)
class Timer:
    """A call at a later moment."""

    at_ns: int
    number: int
    run: Callable[[], None] = field(compare=False)
    off: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do not call."""
        self.off = True


class VenueExchange(Host):
    """One simulated venue.

    Parameters
    ----------
    venue
        One of the names in `LISTINGS`.
    symbols
        What it lists: names of `LISTINGS`, `NAME:RATE` for order events a second, or Listing objects.  None: all of them.
    seed, depth, rate
        Of the generated market.
    keys
        API key to secret; each is an account.  None: `default_keys`.
    readonly
        Keys that may not trade, on the account of the first key.
    passphrase
        Of every key, where the venue wants one.
    deposits
        Asset to amount at 1e-16, in place of the default of that asset for every account.
    fees
        Maker and taker, parts at 1e-8, in place of the dialect's.
    """

    LISTINGS: ClassVar[Mapping[str, tuple[Listing, ...]]] = {}
    FEES: ClassVar[tuple[int, int]] = FEES
    FEE_IN: ClassVar[str] = "received"  # or "quote"
    POST_ONLY: ClassVar[str] = "refuse"  # or "cancel"
    CLIENT_IDS: ClassVar[str] = "open"  # or "ever"
    STP: ClassVar[str] = "EXPIRE_TAKER"
    LIMITS: ClassVar[Limits] = Limits(inbound_per_s=100)
    BOOK_DEPTH: ClassVar[int] = 400

    def __init__(
        self,
        venue: str,
        now_ns: int = 0,
        *,
        symbols: Iterable[str | Listing] | None = None,
        seed: int = 1,
        depth: int | None = None,
        rate: int = 40,
        faults: Faults | None = None,
        limits: Limits | None = None,
        keys: Mapping[str, str] | None = None,
        readonly: Mapping[str, str] | None = None,
        passphrase: str = DEFAULT_KEY,
        deposits: Mapping[str, int] | None = None,
        fees: tuple[int, int] | None = None,
    ) -> None:
        self.venue = venue
        self.listings = {one.name: one for one in self._listed(venue, symbols)}
        market = Generator(seed, [one.spec for one in self.listings.values()], depth=depth or self.BOOK_DEPTH, rate=rate, padded=False)
        super().__init__(market, now_ns, faults or Faults(), limits or self.LIMITS)
        self.ledger = Ledger({**_deposits(self.listings.values()), **(deposits or {})}, fees or self.FEES)
        self.keys: dict[str, Key] = {}
        for name, secret in (keys or self.default_keys()).items():
            self.keys[name] = Key(name, secret, passphrase, self.ledger.open())
        first = next(iter(self.keys.values())).account
        for name, secret in (readonly or {}).items():
            self.keys[name] = Key(name, secret, passphrase, first, can_trade=False)
        self.topics = Topics()
        self.private = Private(self._put, lambda conn: self.cut(conn))
        self.trading = Trading(
            market,
            self.listings,
            self.ledger,
            now=lambda: self.now_ns,
            told=self._told,
            moved=lambda account, assets: self.on_account(account, assets),
            publish=self._publish,
            fee_in=self.FEE_IN,
            post_only=self.POST_ONLY,
            ids=self.CLIENT_IDS,
            stp=self.STP,
        )
        self.perpetuals = Perpetuals(seed, self.listings, self.trading.middle)
        self.frames = self.depth_frames = 0
        self._views: dict[tuple[str, int, int, bool], View] = {}
        self._timers: list[Timer] = []
        self._timer_count = 0
        self._rates: dict[Hashable, deque[int]] = {}
        self._deadmen: dict[tuple[int, str | None], Timer] = {}
        self._in_market = False

    # -- the hooks of a dialect ----------------------------------------------------------------------------------------

    @abstractmethod
    def upgrade(self, conn: Connection, up: Upgrade) -> str:
        """Return the role of a connection by its path, or raise Reject."""

    @abstractmethod
    def message(self, conn: Connection, text: str) -> None:
        """Take one whole text message."""

    @abstractmethod
    def http(self, conn: Connection, asked: Asked) -> Answer:
        """Answer an HTTP request; a Refused that leaves it goes to `refused`."""

    def refused(self, why: Refused, asked: Asked) -> Answer:
        """Return the answer to an HTTP request that was refused."""
        return json_answer({"error": why.why, "message": why.text}, 400)

    def opened(self, conn: Connection) -> None:
        """Greet a WebSocket client."""

    def binary(self, conn: Connection, data: bytes) -> None:
        """Take one whole binary message."""
        self.close(conn, 1003, "text only")

    def farewell(self, conn: Connection) -> None:
        """Announce the end of the exchange to a client."""

    def left(self, conn: Connection) -> None:
        """Forget what the dialect keeps of a connection elsewhere than in `conn.state`; it may be called more than once."""

    def on_book(self, event: Event) -> None:
        """Tell of a diff: at most one each 100 ms and symbol; the views have moved already."""

    def on_top(self, event: Event) -> None:
        """Tell of a new best bid or ask: `event.bids[0]`, `event.asks[0]`, `event.last_id`."""

    def on_trade(self, event: Event) -> None:
        """Tell of a trade: `event.trade_id`, `px`, `qty`, `buys`."""

    def on_agg(self, event: Event) -> None:
        """Tell of the trades of one order at one price: `event.trade_id` is the aggregate's, `first_id` and `last_id` its trades'."""

    def on_mark(self, mark: Mark) -> None:
        """Tell of a second of a perpetual."""

    def on_liquidation(self, event: Event) -> None:
        """Tell of a position that was closed by force: `event.px`, `qty`, `buys` of the closing order."""

    def on_order(self, order: Order, what: str, fill: Fill | None = None) -> None:
        """Tell an account of its order: "new", "fill", "amended", "canceled", "expired"."""

    def on_account(self, account: Account, assets: tuple[str, ...]) -> None:
        """Tell an account of its balances, after the order that moved them."""

    def on_status(self, listing: Listing) -> None:
        """Tell that a symbol is halted, trades again, or is gone."""

    def too_many(self) -> Answer:
        """Return the venue's 429."""
        answer = json_answer({"error": "too many requests"}, 429)
        answer.headers.append(("Retry-After", str(RETRY_AFTER_S)))
        return answer

    @classmethod
    def default_keys(cls) -> dict[str, str]:
        """Return the keys of an exchange that was given none: one account that everybody knows."""
        return {DEFAULT_KEY: DEFAULT_KEY}

    @classmethod
    def make(cls, venue: str, options: Options) -> VenueExchange:
        """Return an exchange of this dialect as the command line describes it."""
        if options.tape:
            raise ConfigError(f"{venue}: the simulated exchange has no recorded market, only a generated one")
        limits = cls.LIMITS
        if options.connects is not None:
            limits = replace(limits, connects_per_5min=options.connects)
        if options.out_bytes is not None:
            limits = replace(limits, out_bytes=options.out_bytes)
        return cls(
            venue,
            symbols=options.symbols or None,
            seed=options.seed,
            depth=options.depth,
            rate=options.rate,
            faults=options.faults,
            limits=limits,
            keys=options.keys or None,
            readonly=options.readonly,
            passphrase=options.passphrase or DEFAULT_KEY,
            deposits=options.deposits,
            fees=options.fees,
        )

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, conn: Connection, text: str | bytes) -> None:
        """Send a text message to a connection that is still open."""
        self._put(conn, text_frame(text.encode() if isinstance(text, str) else text))

    def publish(self, topic: Hashable, text: str | bytes) -> None:
        """Send a text message to everyone who receives a topic."""
        conns = self.topics.of(topic)
        if conns:
            frame = text_frame(text.encode() if isinstance(text, str) else text)
            for conn in conns:
                self._put(conn, frame)

    def publish_depth(self, topic: Hashable, text: str | bytes) -> None:
        """Send a message of a depth stream to everyone who receives it, through the faults of depth frames."""
        conns = self.topics.of(topic)
        if conns:
            frame = text_frame(text.encode() if isinstance(text, str) else text)
            for conn in conns:
                self._put_depth(conn, topic, frame)

    def send_depth(self, conn: Connection, topic: Hashable, text: str | bytes) -> None:
        """Send a message of a depth stream to one connection, through the faults of depth frames."""
        self._put_depth(conn, topic, text_frame(text.encode() if isinstance(text, str) else text))

    def tell(self, account: Account, channel: Hashable, text: str | bytes) -> None:
        """Send a text message to everyone who receives this channel of an account."""
        conns = self.private.of(account, channel)
        if conns:
            frame = text_frame(text.encode() if isinstance(text, str) else text)
            for conn in conns:
                self.private.tell(account, conn, frame)

    def close(self, conn: Connection, code: int, reason: str) -> None:
        """End a WebSocket connection with a close frame."""
        self._close(conn, code, reason)

    def cut(self, conn: Connection) -> None:
        """End a connection at once."""
        self._begin_end(conn, 0)

    # -- books and symbols ---------------------------------------------------------------------------------------------

    def view(self, symbol: str, depth: int, step: int = 1, *, silent_out: bool = False) -> View:
        """Return a depth stream's window on a book, made when it is first asked for."""
        key = (symbol, depth, step, silent_out)
        if key not in self._views:
            zero = trim(0, self.listings[symbol].qty_dec)
            self._views[key] = View(lambda: self.market.snapshot(symbol, depth), depth, zero, step=step, silent_out=silent_out)
        return self._views[key]

    def book(self, symbol: str, depth: int) -> Snapshot:
        """Return the best levels of this very moment."""
        return self.market.snapshot(symbol, depth)

    def listing(self, symbol: str) -> Listing:
        """Return a listing that is not gone, or Refused("symbol")."""
        one = self.listings.get(symbol)
        if one is None or one.status == GONE:
            raise Refused("symbol", f"{symbol!r} is not listed")
        return one

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol; its orders stay."""
        self._set_status(symbol, HALTED)

    def resume(self, symbol: str) -> None:
        """Go on trading in a symbol."""
        self._set_status(symbol, LIVE)

    def delist(self, symbol: str) -> None:
        """Take a symbol off the list: its orders are canceled, its streams fall silent."""
        for account in self.ledger.accounts:
            self.trading.cancel_all(account, symbol, "gone")
        self._set_status(symbol, GONE)

    # -- accounts and orders -------------------------------------------------------------------------------------------

    def account_of(self, key: str) -> Account:
        """Return the account behind a key."""
        return self.keys[key].account

    def position(self, account: Account, symbol: str) -> Position:
        """Return what an account holds of a perpetual."""
        return self.trading.position(account, symbol)

    def order_fault(self) -> str:
        """Return the fault of a request that places orders, "" for none; to be asked once for each."""
        return self.faults.order()

    @contextmanager
    def around(self, conn: Connection, account: Account, fault: str) -> Iterator[None]:
        """Take an order under a fault: events held back or lost, the connection cut before any answer."""
        if fault == "order-cut" and conn.ws is not None:
            self.cut(conn)
        with self.private.around(account, fault, self.now_ns):
            yield

    def reply(self, conn: Connection, text: str | bytes, fault: str = "") -> None:
        """Answer a WebSocket request that may have had a fault."""
        if fault == "order-lost":
            return
        if fault == "order-late":
            frame = text_frame(text.encode() if isinstance(text, str) else text)
            self.private.later(conn, frame, self.now_ns + LATE_NS)
            return
        self.send(conn, text)

    def faulty(self, answer: Answer, fault: str) -> Answer:
        """Do to the answer of an HTTP request what its fault wants."""
        answer.lost = fault == "order-lost"
        answer.dropped = fault == "order-cut"
        answer.late_ns = LATE_NS if fault == "order-late" else 0
        return answer

    def login_fault(self, conn: Connection) -> str:
        """Return the fault of a log-on: "", "login-refused", or "login-cut" after the connection was cut."""
        fault = self.faults.login()
        if fault == "login-cut":
            self.cut(conn)
        return fault

    def snapshot_fault(self) -> str:
        """Return the fault of a request for a book, "" for none."""
        return self.faults.snapshot()

    def plain_fault(self, fault: str) -> Answer:
        """Return the answer that a fault's name says: a 429, a status with a page in HTML, or a page in HTML."""
        if fault.endswith("-429"):
            return self.too_many()
        status = int(fault[-3:]) if fault[-3:].isdigit() else 200
        return Answer(status, _MAINTENANCE, content_type="text/html")

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def ms(self) -> int:
        """The exchange's clock in epoch milliseconds."""
        return self.now_ns // MS_NS

    def stale(self, sent_ms: int, window_ms: int, ahead_ms: int = 1000) -> bool:
        """Tell whether a request's stamp is older than its window, or too far ahead."""
        return sent_ms < self.ms - window_ms or sent_ms > self.ms + ahead_ms

    def within(self, key: Hashable, most: int, span_ns: int) -> bool:
        """Count one more of something, and tell whether it is among the first `most` within a span of time."""
        recent = self._rates.setdefault(key, deque())
        while recent and recent[0] <= self.now_ns - span_ns:
            recent.popleft()
        if len(recent) >= most:
            return False
        recent.append(self.now_ns)
        return True

    def at(self, time_ns: int, run: Callable[[], None]) -> Timer:
        """Call something at a later moment, unless the timer that is returned was canceled."""
        self._timer_count += 1
        timer = Timer(time_ns, self._timer_count, run)
        heapq.heappush(self._timers, timer)
        return timer

    def deadman(self, account: Account, after_ns: int, symbol: str | None = None) -> None:
        """Cancel an account's orders after a while unless told again; 0 disarms."""
        old = self._deadmen.pop((account.number, symbol), None)
        if old is not None:
            old.cancel()
        if after_ns:
            timer = self.at(self.now_ns + after_ns, lambda: self._dead(account, symbol))
            self._deadmen[account.number, symbol] = timer

    # -- what the host asks of a dialect -------------------------------------------------------------------------------

    def _run(self, now_ns: int, *, market: bool) -> None:
        self._to_now(market=market)
        while self._timers and self._timers[0].at_ns <= now_ns:
            timer = heapq.heappop(self._timers)
            if not timer.off:
                timer.run()
        self.private.run(now_ns)

    def _deadlines(self, *, market: bool) -> Iterable[int | None]:
        times: list[int | None] = [self.private.next_ns(), self._timers[0].at_ns if self._timers else None]
        if market:
            times += [self.market.next_ns(), self.perpetuals.next_ns(self.now_ns)]
        return times

    def _answer(self, conn: Connection, request: HttpRequest) -> None:
        path, _, query_text = request.target.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        asked = Asked(request.method, strip_host(unquote(path)), query, query_text, request.headers, request.body)
        conn.respond(self._handle(conn, asked), self.now_ns)

    def _handle(self, conn: Connection, asked: Asked) -> Answer:
        if asked.path.startswith("/sim/"):
            return self._own(asked)
        fault = self.faults.http()
        if fault:
            return self.plain_fault(fault)
        self._to_now()
        try:
            return self.http(conn, asked)
        except Refused as why:
            return self.refused(why, asked)

    def _own(self, asked: Asked) -> Answer:
        """Answer what is the simulator's own: its state, and what is to happen."""
        what, _, name = asked.path[5:].partition("/")
        if what == "state" and asked.method == "GET":
            return Answer(200, orjson.dumps(dict(self.state()), option=orjson.OPT_INDENT_2))
        acts = {"halt": self.halt, "resume": self.resume, "delist": self.delist}
        if asked.method == "POST" and what in acts and name in self.listings:
            self._to_now()
            acts[what](name)
            return json_answer({"done": f"{what} {name}"})
        if asked.method == "POST" and what == "fault" and self.faults.queue(name):
            return json_answer({"done": f"fault {name}"})
        return json_answer({"error": f"{asked.method} {asked.path}: the simulated exchange cannot do that"}, 404)

    def _judge(self, conn: Connection, request: Request) -> tuple[int, str] | None:
        if len(self._connects) > self.limits.connects_per_5min:
            return 429, "Too many connection attempts.\n"
        path, _, query_text = request.path.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        try:
            conn.role = self.upgrade(conn, Upgrade(strip_host(unquote(path)), query, headers))
        except Reject as reject:
            return reject.status, reject.body
        return None

    def _upgraded(self, conn: Connection, request: Request) -> None:
        self._to_now()
        self.opened(conn)

    def _message(self, conn: Connection, data: bytes, *, is_text: bool) -> None:
        self._to_now()
        if not is_text:
            self.binary(conn, data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.close(conn, 1007, "not UTF-8")
            return
        self.message(conn, text)

    def _left(self, conn: Connection) -> None:
        self.topics.leave_all(conn)
        self.private.leave(conn)
        self.left(conn)

    def _farewell(self, conn: Connection) -> None:
        self.farewell(conn)

    def state(self) -> Mapping[str, Any]:
        return {
            "venue": self.venue,
            **self.counters,
            "frames": self.frames,
            "depth_frames": self.depth_frames,
            "connections": len(self._conns),
            "subscriptions": self.topics.counts(),
            "accounts": [shown(key.name, key.account) for key in self.keys.values() if key.can_trade],
            "positions": [
                {"account": account.number, "symbol": one.listing.name, "qty": one.listing.qty(one.qty), "entry": one.listing.px(one.entry)}
                for account in self.ledger.accounts
                for one in self.trading.positions(account)
            ],
            "orders_placed": self.trading.placed,
            "fills": self.trading.fill_count,
            "audit": self.trading.audit(),
            "faults": {kind: n for kind, n in self.faults.counts.items() if n},
            "statuses": {one.name: one.status for one in self.listings.values()},
            "last_ids": {name: self.market.snapshot(name, 0).last_id for name in self.market.symbols},
        }

    # -- inside --------------------------------------------------------------------------------------------------------

    @classmethod
    def _listed(cls, venue: str, symbols: Iterable[str | Listing] | None) -> list[Listing]:
        own = {one.name: one for one in cls.LISTINGS.get(venue, ())}
        if symbols is None:
            return [replace(one) for one in own.values()]
        out = []
        for symbol in symbols:
            if isinstance(symbol, Listing):
                out.append(replace(symbol))
                continue
            name, _, rate = symbol.partition(":")
            if name not in own or (rate and not rate.isdigit()):
                raise ConfigError(
                    f"{venue}: the simulated exchange has no symbol {symbol!r}; it has {', '.join(own)}, each as NAME or NAME:RATE"
                )
            out.append(replace(own[name], rate=int(rate)) if rate else replace(own[name]))
        return out

    def _put(self, conn: Connection, frame: bytes) -> None:
        if conn.live:
            self.frames += 1
            conn.put(frame)

    def _put_depth(self, conn: Connection, topic: Hashable, frame: bytes) -> None:
        if not conn.live:
            return
        self.depth_frames += 1
        for faulty in self.faults.pass_depth(conn.lane, topic, frame, self.now_ns):
            self._put(conn, faulty)
        if conn.lane.end:
            if conn.lane.end == "close":
                self.close(conn, 1001, "going away")
            else:
                self.cut(conn)

    def _to_now(self, *, market: bool = True) -> None:
        """Bring the market to this moment, so that a request meets it as it is."""
        if not market or self._in_market:
            return
        self._in_market = True
        try:
            self._publish(self.market.advance(self.now_ns))
            for told in self.perpetuals.run(self.now_ns):
                if isinstance(told, Mark):
                    self.on_mark(told)
                else:
                    self._event(told)
        finally:
            self._in_market = False
        self.trading.sweep()

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self._event(event)

    def _event(self, event: Event) -> None:
        if self.listings[event.symbol].status == GONE:
            return
        if event.kind == DEPTH:
            for (symbol, _, _, _), view in self._views.items():
                if symbol == event.symbol:
                    view.move(event.t_ns)
            self.on_book(event)
        elif event.kind == BOOK_TICKER:
            self.on_top(event)
        elif event.kind == TRADE:
            self.on_trade(event)
        elif event.kind == LIQUIDATION:
            self.on_liquidation(event)
        else:
            self.on_agg(event)

    def _told(self, order: Order, what: str, fill: Fill | None) -> None:
        self.on_order(order, what, fill)

    def _set_status(self, symbol: str, status: str) -> None:
        self.listings[symbol].status = status
        self.on_status(self.listings[symbol])

    def _dead(self, account: Account, symbol: str | None) -> None:
        self._deadmen.pop((account.number, symbol), None)
        self.trading.cancel_all(account, symbol, "deadman")


def amount(text: Any, why: str = "param") -> int:
    """Return a decimal text at 1e-8, or Refused(why): no number, below zero, finer than 1e-8, too large."""
    if not isinstance(text, str) or not is_decimal(text):
        raise Refused(why, f"{text!r} is no decimal number")
    try:
        value = e8(text)
    except ValueError as error:
        raise Refused(why, str(error)) from None
    if value > E8_MAX // 2:
        raise Refused(why, f"{text} is too large")
    return value


def json_answer(data: Any, status: int = 200) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, orjson.dumps(data), content_type="application/json")


def iso(t_ns: int, digits: int = 6) -> str:
    """Write a time as `2026-01-01T00:00:00.000000Z`."""
    seconds, frac = divmod(t_ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{frac:09d}"[: len(text) + 1 + digits] + "Z" if digits else text + "Z"


def hmac_hex(secret: str | bytes, payload: str | bytes, how: str = "sha256") -> str:
    """Return an HMAC as hex digits."""
    return hmac.new(_bytes(secret), _bytes(payload), getattr(hashlib, how)).hexdigest()


def hmac_b64(secret: str | bytes, payload: str | bytes, how: str = "sha256") -> str:
    """Return an HMAC in base64."""
    return base64.b64encode(hmac.new(_bytes(secret), _bytes(payload), getattr(hashlib, how)).digest()).decode()


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _deposits(listings: Iterable[Listing]) -> dict[str, int]:
    """Return what every account begins with: a lot of each base asset, a larger one of what is only a quote asset."""
    rows = list(listings)
    deposits = {one.quote: 1_000_000 * E16 for one in rows}
    deposits.update({one.settle: 1_000_000 * E16 for one in rows if one.settle})
    deposits.update({one.base: 100 * E16 for one in rows})
    return deposits
