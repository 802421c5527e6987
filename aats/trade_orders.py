"""The trade process, order side: rules, journal, seat, gateways and the trader; what Python does for them while the loop runs.

For: `aats.trade.Session`, which has one `Desk` where something is traded.  Not for an order's life (csrc/app/trader.h), nor for the way out
(``aats.trade_leave``).

::

    rules (REST) -> journal -> supervisor -> seat, gate -> earlier runs -> trader (C) -> gateways (C): session | paper -> loop.trade(...) -> wait until ready
                                                                               |
                                                                               +-- chores, in the loop's hook: lines for the log, addresses of hosts,
                                                                                   fresh rules once an hour, the line to the supervisor

    aats.trade_ways        where orders go: sessions and paper
    aats.trade_seat        whose orders they are, for the host
    aats.trade_restart     what earlier runs left
    aats.trade_neighbours  journals beside those that must not be, or do not count
    aats.trade_policy      what was asked for
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from aats import config, journal, orders, risk, shm
from aats._ffi import ffi, lib, text
from aats.base.const import OrderType, Side, member
from aats.base.order import Order
from aats.errors import AatsError, ConfigError, OrderError
from aats.layout import TD, TD_OFFSET, Kind
from aats.orders import Rules
from aats.shm import Segment
from aats.supervisor_link import SupervisorLink, Watched, wanted
from aats.trade_money import PositionsView
from aats.trade_neighbours import refuse_second, warn_of_other_keys
from aats.trade_policy import Policy
from aats.trade_restart import Earlier
from aats.trade_seat import Seat
from aats.trade_ways import Market, Way

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
    "onRisk",
)

RULES_EVERY_S = 3600.0
_WHY_SZ = 1024
_PASS_S = 0.0005


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
    policy : Policy
    control_at : (str, int)
        Where a supervisor is asked for.
    meanwhile : callable
        Called while something is waited for; false: it is not wanted any more.

    Attributes
    ----------
    trader : cffi ``aats_trader_t *``
    syms : dict
        The trader's index of a symbol by our name of it.
    names : dict
        Our names of traded symbols by those that the user gave: ours, or the venue's own.
    clean : bool
        Nothing of this strategy can be open at a venue: set by whoever has asked it.

    Notes
    -----
    Threads: all on the loop's thread; helper threads resolve names and ask for rules, and hand their results over.
    One journal a process, in the folder of its first account; earlier runs are looked for in the folders of all its accounts.
    """

    def __init__(
        self,
        name: str,
        segment: Segment,
        markets: Sequence[Market],
        *,
        policy: Policy | None = None,
        control_at: tuple[str, int] = ("127.0.0.1", config.DEFAULT_CONTROL_PORT),
        meanwhile: Callable[[], bool] = lambda: True,
        say: Callable[..., None] = log.info,
    ):
        self.name = name
        self.syms: dict[str, int] = {}
        self.positions: PositionsView | None = None
        self.clean = False
        self.trader: Any = None
        self._say = say
        self._segment = segment
        self._policy = policy or Policy()
        self._journal: journal.Writer | None = None
        self._seat: Seat | None = None
        self._link: SupervisorLink | None = None
        self._earlier: Earlier | None = None
        self._adopted = 0
        self._closed = False
        self._results: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._rules_at = time.monotonic() + RULES_EVERY_S
        self._ways = [Way(name, market) for market in markets]
        self.names = {given: ours for way in self._ways for given, ours in way.names.items()}
        try:
            self._open_journal()
            self._take_seat(markets, control_at, meanwhile)
            self._look_back()
            self._make_trader(markets)
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------------------------------------------------- set-up

    @property
    def _accounts(self) -> list[str]:
        """Accounts at venues; paper orders end with their process and are on none."""
        return list(dict.fromkeys(way.market.account for way in self._ways if way.market.credentials is not None))

    def _open_journal(self) -> None:
        if self._accounts:
            folders = [journal.folder_of(account, self.name) for account in self._accounts]
            refuse_second(self.name, folders, living_instances())
            self._journal = journal.create(self._accounts[0], self.name, sync=self._policy.sync)

    def _take_seat(self, markets: Sequence[Market], control_at: tuple[str, int], meanwhile: Callable[[], bool]) -> None:
        """Take the seat: from here on the orders of dead runs of this name are ours.

        The supervisor has the key before: it may be at work on the seat, and stuck without.
        """
        watched = wanted([market.mode for market in markets], self._policy.supervisor)
        if watched:
            self._link = SupervisorLink(self.name, [self._watched(way) for way in self._ways], control_at=control_at, say=self._say)
            self._link.open()
        instance = self._journal.instance if self._journal is not None else 0
        self._seat = Seat(
            self.name, markets[0].account, markets[0].mode, instance, self._policy, watched=watched, meanwhile=meanwhile
        )  # fmt: skip
        for line in risk.apply(self._seat.host, risk.settings(self._policy.risk, names=self.names), self.name, by=f"start of {self.name}"):
            self._say("%s: limits: %s", self.name, line)

    def _watched(self, way: Way) -> Watched:
        market, credentials = way.market, way.market.credentials
        assert credentials is not None  # else nothing goes out
        folder = journal.folder_of(self._accounts[0], self.name)
        return Watched(
            self.name, market.account, market.exchange, market.mode, way.endpoints.wsapi, orders.cafile(), folder, credentials.key, credentials.secret,
            way.endpoints.rest, way.endpoints.private, credentials.passphrase,
        )  # fmt: skip

    def _look_back(self) -> None:
        folders = [journal.folder_of(account, self.name) for account in self._accounts]
        for folder in folders:
            journal.clean(folder)
        own = {self._journal.instance} if self._journal is not None else set()
        warn_of_other_keys(self.name, self._accounts)
        self._earlier = Earlier(self.name, folders, living_instances() | own)
        self.clean = not any(run.left for run in self._earlier.runs)
        left = {order.symbol.rpartition(".")[2] for run in self._earlier.runs for order in run.open}
        for exchange in sorted(left - {way.market.exchange for way in self._ways} - {""}):
            log.error(
                "%s: an earlier run may have orders open at %s, where this one does not trade: nobody looks after them: `aats flatten %s`, "
                "or start it with that exchange again",
                self.name,
                exchange,
                exchange,
            )

    def _make_trader(self, markets: Sequence[Market]) -> None:
        assert self._seat is not None and self._earlier is not None
        why = ffi.new("char[]", _WHY_SZ)
        opts = ffi.new("aats_trader_opts_t *")
        opts.strict, opts.mode = self._policy.strict, int(markets[0].mode)
        opts.queue, opts.queue_ns = self._policy.on_disconnect == "hold", self._policy.hold_ms * 1_000_000
        opts.instance = self._journal.instance if self._journal is not None else 0
        handle = self._journal.handle if self._journal is not None else ffi.NULL
        trader = lib.aats_trader_new(opts, self._segment._base, self._segment.size, handle, why, _WHY_SZ)
        if trader == ffi.NULL:
            raise ConfigError(f"{self.name}: {text(why)}")
        self.trader = trader
        lib.aats_trader_risk(trader, self._seat.gate)
        for way in self._ways:
            left = self._earlier.symbols(way.market.exchange)
            self.syms.update(way.open(trader, earlier=self._earlier.instances, left=left, say=self._say))
        self._take_over({port: sym for way in self._ways for port, sym in way.open_left(trader).items()})

    def _take_over(self, others: Mapping[str, int]) -> None:
        """Go on with what earlier runs left: `on_restart` cancel asks for the cancel of each order that is open, adopt leaves it to the strategy.

        Orders of symbols that this run does not trade (`others`) are canceled either way.
        """
        assert self._earlier is not None
        taken = self._earlier.take(self.trader, self.syms | dict(others), time.time_ns())
        self._adopted = len(taken)
        self._earlier.settle(())
        if self._adopted:
            self._say("%s: takes over %d orders of earlier runs (on_restart %s)", self.name, self._adopted, self._policy.on_restart)
        if self._policy.on_restart == "cancel":
            lib.aats_trader_cancel_all(self.trader, time.time_ns(), time.monotonic_ns())
        for order_id, left in taken.items():
            if self._policy.on_restart == "adopt" and left.symbol in others and not left.closed:
                lib.aats_trader_cancel(self.trader, order_id, 0, time.time_ns(), time.monotonic_ns())

    def connect(self, loop: Any, ports: Sequence[str], cids: Mapping[str, Any]) -> None:
        """Hand the trader to the loop; `ports` are the reader's symbols in its order, `cids` the cids of all, both by the names that the user gave."""
        given = {ours: port for port, ours in self.names.items()}
        native = {port: rules.instrument.native for way in self._ways for port, rules in way.rules.items()}
        symbols = []
        for port in sorted(self.syms, key=lambda port: self.syms[port]):
            ours, _, exchange = port.rpartition(".")
            user = ours if given[port] == port else given[port].rpartition(".")[0]  # the same object: the messages' names are ours
            symbols.append((user, exchange, ours, native[port]))
        tools = (
            Order,
            OrderError,
            Decimal,
            tuple(Side),
            tuple(OrderType),
            lambda value: member(Side, value, "side"),
            lambda value: member(OrderType, value, "tif"),
            self._fitted,
            self._risk_news,
        )
        loop.trade(
            int(ffi.cast("uintptr_t", self.trader)),
            [self.syms.get(self.names.get(port, port), -1) for port in ports],
            tuple(symbols),
            tools,
            [way.mailbox for way in self._ways if way.session is not None],
        )
        self.positions = PositionsView(self._segment, {cids[given[port]]: sym for port, sym in self.syms.items()})

    def _fitted(self, symbol: str, msg: str) -> None:
        log.warning("%s: %s: %s (said once; TradeService(strict=True) refuses such numbers)", self.name, symbol, msg)

    def _risk_news(self, state: str, line: str) -> None:
        log.warning("%s: risk: %s%s", self.name, state, f" ({line})" if line else "")
        if self._seat is not None:
            self._seat.host.note()  # a limit may have thrown the switch by itself: that belongs into the audit

    # ----------------------------------------------------------------------------------------------------- the run

    def wait_ready(self, wait_s: float, meanwhile: Callable[[], bool]) -> bool:
        """Step the trader until every gateway takes orders; False when `meanwhile`, called in each pass, says that it is not wanted any more.

        Orders of earlier runs that are to be canceled are waited for, too, but no longer: what the venue cannot say yet counts in full.

        Raises
        ------
        ConfigError
            The time is over, or a session has said that somebody must act (a wrong key); the text has each session's own reason.
        """
        deadline = time.monotonic() + wait_s
        while not self._settled():
            lib.aats_trader_step(self.trader, time.time_ns(), time.monotonic_ns())
            self.chores()
            if not meanwhile():
                return False
            if self.fenced:
                raise ConfigError(f"{self.name}: another process has taken over its orders")
            late = time.monotonic() > deadline
            if late and lib.aats_trader_ready(self.trader):
                log.warning(
                    "%s: begins, but orders of earlier runs are not known to be closed: %s", self.name, ", ".join(self.open_orders()[:8])
                )
                break
            if late or any(way.hopeless for way in self._ways):
                waited = f" (waited {wait_s:g} s)" if late else ""
                raise ConfigError(f"orders cannot be sent: {self.why_not_ready()}{waited}")
            time.sleep(_PASS_S)
        return True

    def _settled(self) -> bool:
        return bool(lib.aats_trader_ready(self.trader)) and (self._policy.on_restart == "adopt" or self.open_cnt == 0)

    @property
    def host(self) -> Any:
        """The limits of this host, `aats.shm.risk.Host`."""
        assert self._seat is not None
        return self._seat.host

    def chores(self) -> None:
        """Do what the C side asked for, and what helper threads have brought."""
        for way in self._ways:
            way.take_mail()
        with contextlib.suppress(queue.Empty):
            while True:
                self._results.get_nowait()()
        if self._link is not None:
            self._link.look()
        if time.monotonic() >= self._rules_at:
            self._rules_at = time.monotonic() + RULES_EVERY_S
            for way in self._ways:
                way.renew(self._results.put, self._take_rules)

    def _take_rules(self, way: Way, fresh: Mapping[str, Rules]) -> None:
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
    def fenced(self) -> bool:
        """Whether another process has taken over the orders: this one was thought dead."""
        fenced = bool(lib.aats_trader_fenced(self.trader))
        if fenced and self._seat is not None:
            self._seat.see_fence()
        return fenced

    @property
    def open_cnt(self) -> int:
        """Orders without their Closed."""
        return int(lib.aats_trader_open_cnt(self.trader))

    @property
    def sent_cnt(self) -> int:
        """Orders of this run so far, and those that it has taken over."""
        return int(lib.aats_trader_counter(self.trader, lib.AATS_TDC_ORDERS)) + self._adopted

    def open_orders(self) -> list[str]:
        """Return a few words on each open order, oldest first."""
        cnt = int(lib.aats_trader_list(self.trader, ffi.NULL, 0))
        raw = ffi.new("aats_order_t[]", max(cnt, 1))
        lib.aats_trader_list(self.trader, raw, cnt)
        return [
            f"{one.order_id} {text(one.symbol)} (client id {one.instance:016x}{one.client_no or one.order_id:016x})" for one in raw[0:cnt]
        ]

    def why_not_ready(self) -> str:
        """Return each session's own word on why it is not ready."""
        waiting = (way for way in self._ways if lib.aats_trader_gateway_state(self.trader, way.index) != lib.AATS_GW_READY)
        return "; ".join(way.last() for way in waiting)

    def close(self) -> None:
        """Free trader, gateways and journal, and give the seat back; a second call does nothing.  The loop must have let go of the trader."""
        if self._closed:
            return
        self._closed = True
        if self.positions is not None:
            self.positions.end()
        with contextlib.ExitStack() as stack:
            for way in self._ways:
                stack.enter_context(way.closing())
            if self.trader is not None:
                lib.aats_trader_free(self.trader)
                self.trader = None
        if self._journal is not None:
            self._journal.close()
        if self._seat is not None:
            self._seat.leave(clean=self.clean)
        if self._link is not None:
            self._link.close()
