"""The Binance Spot dialect as a step machine: its requests, its streams, its limits.

One `Exchange` serves HTTP and WebSocket on the same connections, as a host of the venue does.  It judges upgrades and hands what is said to those
who answer it; how a connection lives and ends, and what a host calls, is host.py's.

What a connection may expect follows the venue's documents; the numbers stand in `Limits` (connection.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.http11 import Request

from aats.sim import control
from aats.sim.accounts import Account, Ledger
from aats.sim.amounts import E16
from aats.sim.answer import error_body
from aats.sim.auth import DEFAULT_KEY, Keyring
from aats.sim.connection import Connection, HttpRequest, Limits
from aats.sim.faults import Faults
from aats.sim.frames import text_frame
from aats.sim.generator import Generator
from aats.sim.host import Host
from aats.sim.hub import Hub
from aats.sim.limits import Refusal, Weights
from aats.sim.market import Event, Market
from aats.sim.methods import Methods
from aats.sim.orders import Desk
from aats.sim.reports import shown
from aats.sim.rest import TIME_UNIT_MSG, Rest, strip_host
from aats.sim.rest_orders import RestOrders
from aats.sim.tape import TapeMarket
from aats.sim.user_data import UserData
from aats.sim.ws_api import WsApi

if TYPE_CHECKING:
    from aats.sim.dialects import Options

__all__ = ["Exchange"]

FEES = (100_000, 100_000)  # maker and taker, parts at 1e-8: 0.1 percent each
BASE_DEPOSIT, QUOTE_DEPOSIT = 100 * E16, 1_000_000 * E16


class Exchange(Host):
    """The simulated venue.

    Parameters
    ----------
    market
        Where prices come from.  A held market is started by the first subscription to one of its streams.
    now_ns
        The moment the exchange opens.
    faults
        What goes wrong on purpose.
    flat_errors
        Shape of stream errors: nested `{"error":{..},"id":..}` as seen live, or flat as documented.
    close_on_garbage
        Whether a stream name without the form of one ends the connection after its error, as seen live.
    keys
        API key to secret, or to the PEM text of an Ed25519 key; each is an account.  None: one account, whose key and
        secret are both `aats-sim`.
    deposits
        Asset to amount at 1e-16, in place of the default of that asset for every account.
    fees
        Maker and taker fee in parts of the notional at 1e-8.

    Notes
    -----
    Cost: an event is written once; each further subscriber costs one list append.
    Determinism: the same market, calls and times give the same bytes.
    """

    USERS: ClassVar[type[UserData]] = UserData
    API: ClassVar[type[WsApi]] = WsApi

    def __init__(
        self,
        market: Market,
        now_ns: int = 0,
        *,
        faults: Faults | None = None,
        limits: Limits | None = None,
        flat_errors: bool = False,
        close_on_garbage: bool = True,
        keys: Mapping[str, str] | None = None,
        deposits: Mapping[str, int] | None = None,
        fees: tuple[int, int] = FEES,
    ) -> None:
        super().__init__(market, now_ns, faults or Faults(), limits or Limits())
        self.flat_errors = flat_errors
        self.close_on_garbage = close_on_garbage
        self.weights = Weights(self.limits.weight_per_min)
        orders_limits = (self.limits.orders_10s, self.limits.orders_day)
        self.rest = Rest(market, self.faults, self.state, self.weights, orders_limits=orders_limits)
        self.hub = Hub(
            market,
            self.faults,
            keep_trade=self.rest.keep_trade,
            close=lambda conn: self._close(conn, 1001, "going away"),
            cut=lambda conn: self._begin_end(conn, 0),
            played=lambda event: self.desk.feed(event),
        )
        self.ledger = Ledger({**_deposits(market), **(deposits or {})}, fees)
        self.keyring = Keyring()
        for name, secret in (keys or {DEFAULT_KEY: DEFAULT_KEY}).items():
            self.keyring.add(name, secret, self.ledger.open())
        self.users = self.USERS(self.hub.send, lambda conn: self._begin_end(conn, 0))
        self.desk = Desk(market, self.ledger, tell=self.users.tell, publish=self._publish, limits=orders_limits)
        methods = Methods(self.desk, self.weights)
        self.rest.orders = RestOrders(methods, self.keyring, self.faults, self.users)
        self.ws_api = self.API(
            methods,
            self.rest,
            self.keyring,
            self.faults,
            self.users,
            self.weights,
            send=self.hub.send,
            close=lambda conn: self._close(conn, 1008, "disconnected"),
            cut=lambda conn: self._begin_end(conn, 0),
        )

    @classmethod
    def addresses(cls, venue: str, http: str, ws: str) -> dict[str, str]:
        """Return the addresses of an exchange; where several stand on one port the WebSocket API's needs its whole path."""
        alone = not urlsplit(ws).path
        return {"REST": http, "STREAM": ws, "WSAPI": ws if alone else f"{ws}/ws-api/v3"}

    @classmethod
    def make(cls, venue: str, options: Options) -> Exchange:
        """Return an exchange of this dialect as the command line describes it."""
        given = {
            "connects_per_5min": options.connects,
            "weight_per_min": options.weight,
            "out_bytes": options.out_bytes,
            "orders_10s": options.orders_limit,
        }
        market: Market
        if options.tape:
            market = TapeMarket(**options.tape)
        else:
            market = Generator(options.seed, options.symbols or ("BTCUSDT", "ETHUSDT"), depth=options.depth or 1000, rate=options.rate)
        return cls(
            market,
            faults=options.faults,
            limits=Limits(**{name: value for name, value in given.items() if value is not None}),
            flat_errors=options.flat_errors,
            keys=options.keys or None,
            deposits=options.deposits,
            fees=options.fees or FEES,
        )

    def account_of(self, key: str) -> Account:
        """Return the account behind a key."""
        return self.keyring.find(key).account

    # -- what the host asks of a dialect -------------------------------------------------------------------------------

    def _run(self, now_ns: int, *, market: bool) -> None:
        if market:
            self.hub.run(now_ns)
        self.users.run(now_ns)

    def _deadlines(self, *, market: bool) -> Iterable[int | None]:
        return (self.hub.next_ns() if market else None, self.users.next_ns())

    def _left(self, conn: Connection) -> None:
        self.hub.leave_all(conn)
        self.users.leave(conn)

    def _counted(self, conn: Connection) -> bool:
        return conn.api is None

    def _farewell(self, conn: Connection) -> None:
        data = b'{"e":"serverShutdown","E":%d}' % (self.now_ns // (1000 if conn.micros else 1_000_000))
        if conn.api is not None:
            data = b'{"event":%b}' % data
        elif conn.wrapped:
            data = b'{"stream":"!serverShutdown","data":%b}' % data
        self.hub.send(conn, text_frame(data))

    def state(self) -> Mapping[str, Any]:
        """Return counters, faults made and the ids of all books: what GET /sim/state shows."""
        return {
            **self.counters,
            "frames": self.hub.frames,
            "depth_frames": self.hub.depth_frames,
            "connections": len(self._conns),
            "subscriptions": self.hub.subscribers(),
            "used_weight": self.weights.used,
            "accounts": [shown(key.name, key.account) for key in self.keyring.names()],
            "orders_placed": self.desk.placed,
            "fills": self.desk.fill_count,
            "audit": self.ledger.audit(),
            "faults": {kind: n for kind, n in self.faults.counts.items() if n},
            "market": {"held": self.market.held, "ended": self.market.ended},
            "last_ids": {name: self.market.snapshot(name, 0).last_id for name in self.market.symbols},
        }

    def revoke(self, name: str, now_ns: int) -> bool:
        """Take an API key back, as its owner or the venue may at any time; False if there is none of that name."""
        self.now_ns = max(self.now_ns, now_ns)
        return self.ws_api.revoke(name, self.now_ns)

    def _publish(self, events: list[Event]) -> None:
        self.hub.publish(events, self.now_ns)

    def _to_now(self) -> None:
        """Bring the market to this moment, so that an order meets it as it is; one by demand has its clients' pace."""
        if not self.market.by_demand:
            self.hub.run(self.now_ns)

    # -- requests ------------------------------------------------------------------------------------------------------

    def _answer(self, conn: Connection, request: HttpRequest) -> None:
        self._to_now()
        answer = self.rest.handle(request.method, request.target, request.headers, self.now_ns, request.body)
        conn.respond(answer, self.now_ns)

    def _message(self, conn: Connection, data: bytes, *, is_text: bool) -> None:
        message = data if is_text else b""
        if conn.api is not None:
            self._to_now()
            self.ws_api.message(conn, conn.api, message, self.now_ns)
            return
        reply, garbage = control.answer(self, conn, message)
        self.hub.send(conn, text_frame(reply))
        if garbage and self.close_on_garbage:
            self._close(conn, 1008, "Invalid request")

    # -- upgrades ------------------------------------------------------------------------------------------------------

    def _judge(self, conn: Connection, request: Request) -> tuple[int, str] | None:
        binary, head, streams, query = _asked(request)
        if len(self._connects) > self.limits.connects_per_5min:
            return 429, error_body(-1003, "Too many connection attempts.").decode()
        if _unit(query) not in ("MILLISECOND", "MICROSECOND"):
            return 400, error_body(-1194, TIME_UNIT_MSG).decode()
        if binary and (denied := self._no_streams(request)):
            return denied
        if head not in ("/ws", "/stream", "/ws-api/v3") or (binary and head == "/ws-api/v3"):
            return 404, f"This simulated exchange has no WebSocket at {head}.\n"
        if len(streams) > self.limits.streams:
            return 400, f"More than {self.limits.streams} streams.\n"
        return None

    def _upgraded(self, conn: Connection, request: Request) -> None:
        binary, head, streams, query = _asked(request)
        conn.wrapped = head == "/stream" and not binary
        conn.sbe = binary
        conn.micros = _unit(query) == "MICROSECOND"
        if head == "/ws-api/v3":
            self.ws_api.connected(conn, query, self.now_ns)
        for name in streams:
            self.hub.join(conn, name, self.now_ns)

    def _no_streams(self, request: Request) -> tuple[int, str] | None:
        """Say why an upgrade to SBE streams is refused: the API key alone is asked for, no signature."""
        try:
            self.keyring.for_streams(request.headers.get("X-MBX-APIKEY"))
        except Refusal as refused:
            return refused.status, error_body(refused.code, refused.msg).decode()
        return None


def _asked(request: Request) -> tuple[bool, str, list[str], dict[str, str]]:
    """Take an upgrade's target apart: whether it is for binary streams, the path's head, the streams in it, the query."""
    path, _, query_text = request.path.partition("?")
    query = {key: values[-1] for key, values in parse_qs(query_text, keep_blank_values=True).items()}
    path = strip_host(unquote(path)).rstrip("/") or "/"
    binary = path == "/sbe" or path.startswith("/sbe/")  # another host of the venue
    head, streams = control.streams_of(path[4:] if binary else path, query)
    return binary, head, streams, query


def _unit(query: Mapping[str, str]) -> str:
    return query.get("timeUnit", "MILLISECOND").upper()


def _deposits(market: Market) -> dict[str, int]:
    """Return what every account begins with: a lot of each base asset, a larger one of what is only a quote asset."""
    deposits = {symbol.quote: QUOTE_DEPOSIT for symbol in market.symbols.values()}
    deposits.update({symbol.base: BASE_DEPOSIT for symbol in market.symbols.values()})
    return deposits
