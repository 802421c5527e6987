"""The trade process, order side: rules, journal, gateways and the trader; what Python does for them while the loop runs.

For: `aats.trade.Session`, which has one `Desk` where something is traded.  Not for an order's life (csrc/app/trader.h), nor for the way out
(``aats.trade_leave``).

::

    rules (REST) -> journal -> trader (C) -> gateways (C): session | paper -> loop.trade(...) -> wait until they are ready
                                                 |
                                                 +-- chores, in the loop's hook: lines for the log, addresses of hosts, fresh rules once an hour
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aats import journal, orders, shm, venue
from aats._ffi import ffi, lib, text
from aats.base.const import OrderType, Side, member
from aats.base.order import Order
from aats.errors import AatsError, ConfigError, OrderError
from aats.keys import Credentials
from aats.layout import TD, TD_OFFSET, Kind, Mode
from aats.orders import Rules
from aats.shm import Segment
from aats.trade_views import PositionsView

__all__ = ["ORDER_CALLBACKS", "Desk", "Market"]

log = logging.getLogger("aats.trade")

#: What the loop calls for order events, in the order of AATS_OEV_* (csrc/layout/layout.h).
ORDER_CALLBACKS = (
    "onOrderCreated",
    "onOrderAcked",
    "onOrderRejected",
    "onOrderExec",
    "onOrderCancelCreated",
    "onOrderCancelAcked",
    "onOrderCancelRejected",
    "onOrderCanceled",
    "onOrderClosed",
    "onOrderUnknown",
    "onOrderAmended",
    "onOrderAmendRejected",
    "onDisconnect",
    "onReconnect",
    "onReconciled",
)

RULES_EVERY_S = 3600.0
_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
_WHY_SZ = 1024
_PASS_S = 0.0005


@dataclass(frozen=True)
class Market:
    """An exchange whose symbols are traded.

    Attributes
    ----------
    mode : Mode
        DIRECT, SANDBOX, SIM: through an order session; PAPER.
    data_mode : Mode
        Where its trading rules are asked for: that of the feed, for PAPER.
    ports : sequence of str
    credentials : Credentials or None
        None for PAPER.
    """

    exchange: str
    mode: Mode
    data_mode: Mode
    ports: Sequence[str]
    credentials: Credentials | None = field(default=None, repr=False)
    taker_fee: float | None = None
    maker_fee: float | None = None


@dataclass
class _Way:
    """One gateway, and what is known of it."""

    market: Market
    endpoints: venue.Endpoints
    rules: dict[str, Rules]
    account: str = ""
    index: int = -1
    session: Any = None  # aats_session_t *, None for paper
    earlier: list[journal.Run] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)  # symbols whose open orders the session looks at


def living_instances() -> set[int]:
    """Return the instances of this user's trade processes that run, in any namespace: their orders are nobody else's to cancel."""
    found = set()
    for name in shm.names(kind=Kind.TD):
        with contextlib.suppress(AatsError):  # it may go meanwhile
            segment = shm.attach(name)
            if shm.process_alive(int(segment.header["owner"])):
                found.add(int(segment.array(TD, TD_OFFSET)[0]["instance"]))
    return found


class Desk:
    """The orders of one run of a trade process.

    Parameters
    ----------
    name : str
        Of the process; journals are kept by it.
    segment : Segment
        ``td.<name>``.
    markets : sequence of Market
    strict : bool
        Floats are taken exactly or refused.

    Attributes
    ----------
    trader : cffi ``aats_trader_t *``
    syms : dict
        The trader's index of a symbol by its port.

    Notes
    -----
    Threads: all on the loop's thread; helper threads resolve names and ask for rules, and hand their results over.
    """

    def __init__(
        self, name: str, segment: Segment, markets: Sequence[Market], *, strict: bool = False, say: Callable[..., None] = log.info
    ):
        self.name = name
        self.syms: dict[str, int] = {}
        self.positions: PositionsView | None = None
        self._say = say
        self._segment = segment
        self._journal: journal.Writer | None = None
        self._lock = threading.Lock()  # of the sessions' mailboxes: one putter at a time, none after close
        self._closed = False
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._rules_at = time.monotonic() + RULES_EVERY_S
        self.trader: Any = None
        self._hopeless = False  # a session has said what somebody must put right first
        self._ways = [self._ask_rules(market) for market in markets]
        try:
            self._open_journal()
            self._make_trader(strict)
            for way in self._ways:
                self._open_way(way)
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------------------------------------------- set-up

    @staticmethod
    def _ask_rules(market: Market) -> _Way:
        mode = market.data_mode.name.lower()
        if market.mode == Mode.PAPER:
            endpoints = orders.rest_endpoint(market.exchange, mode)
        else:
            endpoints = orders.order_endpoints(market.exchange, market.mode.name.lower())
        return _Way(market, endpoints, orders.fetch_rules(market.exchange, endpoints, market.ports))

    def _open_journal(self) -> None:
        """Begin this run's journal and look what earlier runs left; paper orders end with their process and need none."""
        for way in self._ways:
            credentials = way.market.credentials
            if credentials is None:
                continue
            way.account = journal.account_id(way.market.exchange, credentials.key)
            folder = journal.folder_of(way.account, self.name)
            journal.clean(folder)
            living = living_instances()
            way.earlier = [run for run in journal.scan(folder) if not run.ended and run.instance not in living]
            if self._journal is None:
                self._journal = journal.create(way.account, self.name)

    def _make_trader(self, strict: bool) -> None:
        why = ffi.new("char[]", _WHY_SZ)
        opts = ffi.new("aats_trader_opts_t *")
        opts.strict = strict
        opts.instance = self._journal.instance if self._journal is not None else 0
        handle = self._journal.handle if self._journal is not None else ffi.NULL
        trader = lib.aats_trader_new(opts, self._segment._base, self._segment.size, handle, why, _WHY_SZ)
        if trader == ffi.NULL:
            raise ConfigError(f"{self.name}: {text(why)}")
        self.trader = trader

    def _open_way(self, way: _Way) -> None:
        market = way.market
        what = f"{market.exchange}: one more exchange cannot be traded"
        if market.credentials is None:
            paper = orders.new_paper(market.taker_fee, market.maker_fee)
            way.index = self._taken(lib.aats_trader_paper(self.trader, market.exchange.encode(), paper), what, lib.aats_paper_free, paper)
        else:
            extra = self._rules_of_earlier(way)
            way.looked_at = {*way.rules, *(rules.port for rules in extra)}
            instance = int(lib.aats_trader_instance(self.trader))
            session = orders.new_session(
                market.exchange,
                way.endpoints,
                market.credentials.key,
                market.credentials.secret,
                instance=instance,
                earlier=[run.instance for run in way.earlier],
                rules=[*way.rules.values(), *extra],
            )
            way.index = self._taken(
                lib.aats_trader_session(self.trader, market.exchange.encode(), session), what, lib.aats_session_free, session
            )
            way.session = session
        self.syms.update(orders.add_symbols(self.trader, way.index, way.rules))
        if market.credentials is None:
            for port, rules in way.rules.items():
                self._taken(lib.aats_paper_symbol(paper, self.syms[port], rules.raw), f"{port} cannot be traded on paper")
            self._say("%s: orders of %s stay in this process (paper)", self.name, market.exchange)
        else:
            self._say("%s: orders of %s go to %s (%s), account %s, key from %s", self.name, market.exchange, way.endpoints.wsapi,
                      market.mode.name.lower(), way.account, market.credentials.origin)  # fmt: skip

    @staticmethod
    def _taken(code: int, what: str, free: Any = None, one: Any = None) -> int:
        if code < 0:
            if free is not None:
                free(one)
            raise ConfigError(f"{what} ({text(lib.aats_err_name(code))})")
        return int(code)

    def _rules_of_earlier(self, way: _Way) -> list[Rules]:
        """Return rules of symbols that are not traded now, but of which an earlier run may have left orders."""
        left = {order.symbol for run in way.earlier for order in run.open}
        more = sorted(port for port in left if port and port not in way.rules and port.endswith(f".{way.market.exchange}"))
        if not more:
            return []
        try:
            return list(orders.fetch_rules(way.market.exchange, way.endpoints, more).values())
        except ConfigError as exc:
            log.warning("%s: orders that an earlier run left in %s are not looked for: %s", self.name, " ".join(more), exc)
            return []

    def connect(self, loop: Any, ports: Sequence[str], cids: Mapping[str, Any]) -> None:
        """Hand the trader to the loop; `ports` are the reader's symbols in its order, `cids` the traded ones' cids."""
        by_index = sorted(self.syms, key=lambda port: self.syms[port])
        tools = (
            Order,
            OrderError,
            Decimal,
            tuple(Side),
            tuple(OrderType),
            lambda value: member(Side, value, "side"),
            lambda value: member(OrderType, value, "tif"),
            self._fitted,
        )
        mails = [int(ffi.cast("uintptr_t", lib.aats_session_out(way.session))) for way in self._ways if way.session is not None]
        loop.trade(
            int(ffi.cast("uintptr_t", self.trader)),
            [self.syms.get(port, -1) for port in ports],
            tuple(tuple(port.split(".", 1)) for port in by_index),
            tools,
            mails,
        )
        self.positions = PositionsView(self._segment, {cids[port]: sym for port, sym in self.syms.items()})

    def _fitted(self, symbol: str, msg: str) -> None:
        log.warning("%s: %s: %s (said once; TradeService(strict=True) refuses such numbers)", self.name, symbol, msg)

    # ----------------------------------------------------------------------------------------------------- the run

    def wait_ready(self, wait_s: float, meanwhile: Callable[[], bool]) -> bool:
        """Step the trader until every gateway takes orders; False when `meanwhile`, called in each pass, says that it is not wanted any more.

        Raises
        ------
        ConfigError
            The time is over, or a session has said that somebody must act (a wrong key); the text has each session's own reason.
        """
        deadline = time.monotonic() + wait_s
        while not lib.aats_trader_ready(self.trader):
            lib.aats_trader_step(self.trader, time.time_ns(), time.monotonic_ns())
            self.chores()
            if not meanwhile():
                return False
            if self._hopeless or time.monotonic() > deadline:
                waited = "" if self._hopeless else f" (waited {wait_s:g} s)"
                raise ConfigError(f"orders cannot be sent: {self.why_not_ready()}{waited}")
            time.sleep(_PASS_S)
        self._settle()
        return True

    def _not_ready(self) -> Iterator[str]:
        for way in self._ways:
            if lib.aats_trader_gateway_state(self.trader, way.index) != lib.AATS_GW_READY:
                last = text(lib.aats_session_last(way.session)) if way.session is not None else ""
                yield f"{way.market.exchange} {way.market.mode.name.lower()} ({way.endpoints.wsapi}): {last or 'no answer'}"

    def _settle(self) -> None:
        """Close the books of earlier runs: the session has canceled what they left open and has asked whether anything is."""
        for way in self._ways:
            for run in way.earlier:
                if all(order.symbol in way.looked_at for order in run.open):
                    with contextlib.suppress(AatsError):
                        journal.settle(run.path)
            way.earlier = []

    def chores(self) -> None:
        """Do what the C side asked for, and what helper threads have brought."""
        mail = ffi.new("aats_mail_t **")
        for way in self._ways:
            if way.session is None:
                continue
            while lib.aats_mailbox_get(lib.aats_session_out(way.session), mail) == 1:
                try:
                    self._take(way, mail[0])
                finally:
                    lib.aats_mail_free(mail[0])
        with contextlib.suppress(queue.Empty):
            while True:
                self._results.get_nowait()()
        if time.monotonic() >= self._rules_at:
            self._rules_at = time.monotonic() + RULES_EVERY_S
            for way in self._ways:
                threading.Thread(target=self._renew, args=(way,), name="aats-rules", daemon=True).start()

    def _take(self, way: _Way, mail: Any) -> None:
        if mail.kind == lib.AATS_MAIL_NOTICE:
            line = bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace")
            log.log(_LEVELS[min(int(mail.num), 2)], "%s: %s", self.name, line)
            self._hopeless = self._hopeless or mail.num >= 2
        elif mail.kind == lib.AATS_MAIL_RESOLVE:
            threading.Thread(target=self._resolve, args=(way,), name="aats-resolve", daemon=True).start()

    def _resolve(self, way: _Way) -> None:
        _, host, port, _ = way.endpoints.wsapi_parts()
        try:
            kind, answer = lib.AATS_MAIL_ADDRESS, venue.resolve(host, port)
        except OSError as exc:
            kind, answer = lib.AATS_MAIL_NO_ADDRESS, str(exc)
        raw = answer.encode()
        with self._lock:
            if not self._closed:
                lib.aats_mailbox_put(lib.aats_session_in(way.session), kind, 0, 0, ffi.from_buffer(raw), len(raw))

    def _renew(self, way: _Way) -> None:
        """Ask for the rules anew, on a thread of its own; the loop's thread takes them."""
        try:
            fresh = orders.fetch_rules(way.market.exchange, way.endpoints, way.market.ports)
        except AatsError as exc:
            trouble = exc
            self._results.put(lambda: log.warning("%s: trading rules stay as they were: %s", self.name, trouble))
        else:
            self._results.put(lambda: self._take_rules(way, fresh))

    def _take_rules(self, way: _Way, fresh: Mapping[str, Rules]) -> None:
        for port, rules in fresh.items():
            if rules.instrument == way.rules[port].instrument:
                continue
            code = lib.aats_trader_set_rules(self.trader, self.syms[port], rules.raw)
            if code != lib.AATS_OK:
                log.warning("%s: new trading rules of %s are not taken (%s)", self.name, port, text(lib.aats_err_name(code)))
                continue
            way.rules[port] = rules
            log.info("%s: new trading rules of %s: tick %s, lot %s", self.name, port, rules.instrument.tick, rules.instrument.lot)

    # --------------------------------------------------------------------------------------------------- looking

    @property
    def open_cnt(self) -> int:
        """Orders without their Closed."""
        return int(lib.aats_trader_open_cnt(self.trader))

    @property
    def sent_cnt(self) -> int:
        """Orders of this run so far."""
        return int(lib.aats_trader_counter(self.trader, lib.AATS_TDC_ORDERS))

    def open_orders(self) -> list[str]:
        """Return a few words on each open order, oldest first."""
        cnt = int(lib.aats_trader_list(self.trader, ffi.NULL, 0))
        raw = ffi.new("aats_order_t[]", max(cnt, 1))
        lib.aats_trader_list(self.trader, raw, cnt)
        words = []
        for one in raw[0:cnt]:
            words.append(f"{one.order_id} {text(one.symbol)} (client id {one.instance:016x}{one.order_id:016x})")
        return words

    def why_not_ready(self) -> str:
        """Return each session's own word on why it is not ready."""
        return "; ".join(self._not_ready())

    def close(self) -> None:
        """Free trader, gateways and journal; a second call does nothing.  The loop must have let go of the trader."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self.positions is not None:
            self.positions.end()
        if self.trader is not None:
            lib.aats_trader_free(self.trader)
            self.trader = None
        if self._journal is not None:
            self._journal.close()
