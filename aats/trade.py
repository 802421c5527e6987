"""The trade process, market side: which feed serves which symbol, the segment, the C loop, and what is done between its events.

For: `TradeService.run`.  Not for settings and their checks (``aats.trade_service``), nor for orders: those have a desk (``aats.trade_orders``) and a way out
(``aats.trade_leave``).

::

    choose feeds -> map segments -> reader (C) -> loop (C): events -> callbacks
                                                    |
                                                    +-- hook, once a second, at a command, at mail of an order session, and every 20 ms while a feed is
                                                        down: reap, obey STOP, look for a feed's next generation and map it, the desk's chores
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aats import control
from aats._ffi import check, ffi, lib, text, types
from aats.base.order import Order
from aats.base.symbolinfo import SymbolInfo
from aats.base_strategy import BaseStrategy
from aats.config import Limits, SlowLimit
from aats.control import Feed
from aats.errors import AatsError, ConfigError, OrderError, ShmError
from aats.layout import HIST, TD_OFFSET, Command, DirState, Mode, Role, State, TdHist, Wait
from aats.shm import Segment
from aats.trade_guard import Guard
from aats.trade_leave import Leaving, Presses
from aats.trade_money import Money
from aats.trade_orders import ORDER_CALLBACKS, Desk
from aats.trade_slow import Slow
from aats.trade_views import OrdersView

__all__ = ["CALLBACKS", "Session", "Symbol", "choose", "modes_for", "own_callbacks"]

log = logging.getLogger("aats.trade")

#: What the loop calls, in its order (csrc/py/loop.c).
CALLBACKS = (
    *("onQuote", "onTick", "onNotify", "onBbo", "onL2", "onTimer", "onBookInvalid", "onLap", "onFeedDown", "onFeedUp"),
    *("onMark", "onFunding", "onLiquidation"),
    *ORDER_CALLBACKS,
)

_TAKE = {"TICK": 1, "BBO": 2, "L2": 4, "MARK": 8, "FUNDING": 16, "LIQUIDATION": 32}
_WHY_SZ = 400
_FORCED = ("kill_server", "SIGTERM")  # who asks so kills later


@dataclass(frozen=True)
class Symbol:
    """A symbol that the process listens to."""

    cid: Any
    symbol: str
    exchange: str
    level_num: int
    trade: bool
    mode: Mode

    @property
    def port(self) -> str:
        """``SYMBOL.EXCHANGE``."""
        return f"{self.symbol}.{self.exchange}"


def modes_for(mode: Mode) -> tuple[Mode, ...]:
    """Return the modes of feeds that may serve a process of `mode`, best first.  A sim feed never serves a direct strategy."""
    return {Mode.PAPER: (Mode.DIRECT, Mode.SIM), Mode.SANDBOX: (Mode.SANDBOX, Mode.DIRECT)}.get(mode, (mode,))


def choose(symbol: Symbol, feeds: Sequence[Feed], *, named: str | None = None) -> Feed | None:
    """Return the feed that serves `symbol`: the one `named`, else the oldest of the best mode that has it; None without one.

    What is received from another host serves only a symbol that no feed of this host has.

    Parameters
    ----------
    feeds : sequence of Feed
        Those that run, oldest first.
    """
    if named is not None:
        feeds = [feed for feed in feeds if feed.name == named]
    having = [feed for feed in feeds if feed.state_of(symbol.port) != DirState.GONE]
    for received in (False, True):
        for mode in modes_for(symbol.mode):
            for feed in having:
                if feed.mode == mode and feed.received == received:
                    return feed
    return None


def own_callbacks(strategy: BaseStrategy) -> tuple[Callable[..., Any] | None, ...]:
    """Return what the loop calls: bound methods, None where the strategy has nothing of its own."""
    return tuple(getattr(strategy, name) if _has_own(strategy, name) else None for name in CALLBACKS)


def _has_own(strategy: BaseStrategy, name: str) -> bool:
    return getattr(type(strategy), name, None) is not getattr(BaseStrategy, name) or name in vars(strategy)


def _is_plain(strategy: BaseStrategy) -> bool:
    """Whether ``send_order`` is what `BaseStrategy` has."""
    return type(strategy).send_order is BaseStrategy.send_order and "send_order" not in vars(strategy)


class Link:
    """One strategy's way to the engine; its ``_link``."""

    def __init__(self, session: Session, index: int) -> None:
        self._session = session
        self._index = index
        self.send_order: Callable[[Any], int] = self._no_order
        self.send_cancel_order: Callable[[int], None] = self._no_cancel
        self.send_amend_order: Callable[[int, Any, Any], None] = self._no_amend
        self.send_cancel_all: Callable[[Any], None] = self._nothing_open
        if session.desk is not None:  # straight into C
            self.send_order = functools.partial(session.loop.send_order, index)
            self.send_cancel_order = functools.partial(session.loop.send_cancel_order, index)
            self.send_amend_order = functools.partial(session.loop.send_amend_order, index)
            self.send_cancel_all = functools.partial(session.loop.send_cancel_all, index)

    @property
    def quote_cnt(self) -> int:
        return int(self._session.loop.quote_cnt)

    @property
    def tick_cnt(self) -> int:
        return int(self._session.loop.tick_cnt)

    def set_timer(self, name: Any, every_ms: float) -> None:
        self._session.loop.set_timer(self._index, name, every_ms)

    def _no_order(self, order: Any) -> int:
        """Refuse: nothing is traded here."""
        if not isinstance(order, Order):
            raise OrderError(f"send_order takes an Order, this is {type(order).__name__}: {order!r}")
        raise OrderError(f"{order.symbol}.{order.exchange} was not added with add_trade_symbol")

    def _no_cancel(self, order_id: int) -> None:
        """Refuse likewise."""
        raise OrderError(f"order {order_id!r} cannot be canceled: no symbol was added with add_trade_symbol")

    def _no_amend(self, order_id: int, price: Any, size: Any) -> None:
        """Refuse likewise."""
        raise OrderError(f"order {order_id!r} cannot be amended: no symbol was added with add_trade_symbol")

    def _nothing_open(self, symbol: Any) -> None:
        """Do nothing: where nothing is traded nothing is open."""


class Session:
    """One run of a trade process.

    Parameters
    ----------
    name : str
        Of the process, in the control table.
    symbols : sequence of Symbol
    strategies : sequence of BaseStrategy
    hosts : sequence of int
        Addresses of ``aats_host_t`` that the loop steps itself (``feed='inline'``).
    wait : Wait
        NONE: adaptive.
    missed : callable
        Called with the name of a feed that is gone, every 20 ms as long as no other has its name.

    Attributes
    ----------
    si : dict
        SymbolInfo by cid.
    desk : Desk or None
        Its orders, where something is traded.
    stop_reason : str
        Why `run` returned.
    begun : bool
        `run` was called.

    Notes
    -----
    Threads: all on one, but for `stop`.
    """

    def __init__(
        self,
        name: str,
        symbols: Sequence[Symbol],
        strategies: Sequence[BaseStrategy],
        *,
        mode: Mode,
        hosts: Sequence[int] = (),
        wait: Wait = Wait.NONE,
        missed: Callable[[str], None] = lambda name: None,
    ) -> None:
        self.symbols = list(symbols)
        self.strategies = list(strategies)
        self.desk: Desk | None = None
        self.stop_reason = ""
        self.begun = False
        self._missed = missed
        self._leaving: Leaving | None = None
        self._guard: Guard | None = None
        self._slow: Slow | None = None
        self.si: dict[Any, SymbolInfo] = {}
        self._feeds: list[str] = []
        self._segments: list[Segment | None] = []
        self._closed = False
        self._modes: dict[str, Mode] = {}
        self._trouble: dict[str, str] = {}
        self.member = control.join(Role.TRADE, name, mode=mode, detail="starting")
        try:
            self.segment = self.member.create_td()
            self._make_reader()
            self._make_loop(hosts, wait)
        except BaseException as exc:
            self._leave(exc)
            raise

    # ------------------------------------------------------------------------------------------------------ set-up

    def _make_reader(self) -> None:
        self._memory = ffi.new("uint64_t[]", lib.aats_reader_footprint(len(self.symbols)) // 8 + 1)
        self.reader = lib.aats_reader_init(self._memory, len(self.symbols))
        take = sum(_TAKE.values())
        infos = []
        for number, symbol in enumerate(self.symbols):
            cid = symbol.cid if isinstance(symbol.cid, int) and -(2**63) <= symbol.cid < 2**63 else number
            check(lib.aats_reader_add(self.reader, symbol.port.encode(), cid, symbol.level_num, take), f"{symbol.port} cannot be followed")
            info = SymbolInfo(symbol.cid, symbol.port, symbol.level_num)
            self.si[symbol.cid] = info
            infos.append(info)
        self._infos = infos

    def _make_loop(self, hosts: Sequence[int], wait: Wait) -> None:
        td = self.segment.pointer("aats_td_t", TD_OFFSET)
        hists = [
            self.segment.address + int(td.stats_off) + int(hop) * HIST.itemsize for hop in (TdHist.PUB_DELIVERED, TdHist.RECV_DELIVERED)
        ]
        self.loop = types["Loop"](
            int(ffi.cast("uintptr_t", self.reader)),
            self._infos,
            self._feeds,
            self._hook,
            (self._memory, self.segment, self.member.table, self._segments),
            slot=int(ffi.cast("uintptr_t", self.member.slot)),
            ctl=int(ffi.cast("uintptr_t", self.member.table.view)),
            counters=self.segment.address + TD_OFFSET,
            pub_delivered=hists[0],
            recv_delivered=hists[1],
            step=int(ffi.cast("uintptr_t", ffi.addressof(lib, "aats_host_step"))) if hosts else 0,
            hosts=list(hosts),
            wait=int(wait),
            cores=len(os.sched_getaffinity(0)),
        )

    def serve_from(self, chosen: Mapping[str, Feed]) -> None:
        """Follow these feeds: `chosen` has one for each symbol's port.

        Raises
        ------
        ConfigError
            A symbol wants more levels than its feed publishes.
        """
        for number, symbol in enumerate(self.symbols):
            feed = chosen[symbol.port]
            if feed.name not in self._feeds:
                if len(self._feeds) == lib.AATS_FEED_MAX:
                    raise ConfigError(
                        f"one trade process follows at most {lib.AATS_FEED_MAX} feeds; {symbol.port} would need another one, {feed.name!r}"
                    )
                self._feeds.append(feed.name)
                self._segments.append(None)
                self._modes[feed.name] = feed.mode
            check(
                lib.aats_reader_bind(self.reader, number, self._feeds.index(feed.name)),
                f"{symbol.port} cannot be bound to feed {feed.name!r}",
            )
        for feed in {one.name: one for one in chosen.values()}.values():
            self._check_levels(feed, self._map(feed))

    def _map(self, feed: Feed) -> Segment:
        index = self._feeds.index(feed.name)
        segment = feed.attach()
        why = ffi.new("char[]", _WHY_SZ)
        code = lib.aats_reader_attach(self.reader, index, segment._base, segment.size, self.member.table.slot(feed.slot), why, _WHY_SZ)
        if code != lib.AATS_OK:
            raise ShmError(f"feed {feed.name!r}: {text(why)}")
        self._segments[index] = segment  # the old mapping may go now, not before
        if self._guard is not None:
            self._guard.keep(segment)
        return segment

    def _check_levels(self, feed: Feed, segment: Segment) -> None:
        entry = ffi.new("aats_dir_t *")
        index = self._feeds.index(feed.name)
        seen: dict[int, Symbol] = {}  # by their place in the feed's directory
        for number, symbol in enumerate(self.symbols):
            if lib.aats_reader_sub(self.reader, number).feed != index:
                continue  # another feed serves it
            at = lib.aats_dir_find(segment.md, symbol.port.encode())
            if at < 0 or lib.aats_dir_read(segment.md, at, entry) != lib.AATS_OK:
                continue
            twin = seen.setdefault(at, symbol)
            if twin is not symbol:
                raise ConfigError(f"{twin.port} and {symbol.port} are the same instrument ({text(entry.symbol)}): take one name of it")
            if symbol.level_num > entry.level_num:
                raise ConfigError(
                    f"{symbol.port}: level_num {symbol.level_num} was asked for, feed {feed.name!r} publishes {entry.level_num} levels: "
                    f"ask for at most {entry.level_num}, or start the feed with {symbol.level_num}"
                )

    def trade_with(self, desk: Desk) -> None:
        """Send orders through `desk`, which is closed with this session.  Before `connect`."""
        self.desk = desk
        desk.connect(self.loop, [symbol.port for symbol in self.symbols], {symbol.port: symbol.cid for symbol in self.symbols})

    def connect(self, manager: Any) -> None:
        """Hand every strategy what it needs: si, the trade symbols, its link and event, its orders; take its timers."""
        traded = [symbol for symbol in self.symbols if symbol.trade]
        last = traded[-1] if traded else None
        si = MappingProxyType(self.si)
        cid, symbol, exchange = (last.cid, last.symbol, last.exchange) if last is not None else (None, None, None)
        for strategy in self.strategies:
            index = self.loop.add(own_callbacks(strategy))
            link = Link(self, index)
            views: dict[str, Any] = {"money": Money(self.segment, index, si, {} if self.desk is None else self.desk.names)}
            if self.desk is not None:
                views |= {"orders": OrdersView(self.loop, index), "positions": self.desk.positions}
            strategy.__dict__["_views"] = views
            strategy.event = self.loop.event()
            strategy.trade_cids = [symbol.cid for symbol in traded]
            strategy.level_num = (last or self.symbols[-1]).level_num
            strategy.__dict__["_link"] = link
            if _is_plain(strategy):  # straight into C: one Python frame less on an order's way
                strategy.__dict__["send_order"] = link.send_order
            strategy.init_strategy(si, cid, symbol, exchange, manager)
            for name, every_ms in strategy.__dict__.pop("_timers", {}).items():
                link.set_timer(name, every_ms)

    # ------------------------------------------------------------------------------------------------------- the run

    def limit_hops(self, limits: Mapping[str, SlowLimit]) -> None:
        """Have hops above these limits counted, logged and told (``aats.trade_slow``); after `connect`."""
        if not limits:
            return
        halting = [hop for hop, limit in limits.items() if limit.action == "halt"]
        if halting and self.desk is None:
            raise ConfigError(f"{', '.join(halting)}: nothing is traded here that could be halted: take the action 'slow' or 'warn'")
        listeners = [one.onSlow for one in self.strategies if _has_own(one, "onSlow")]
        td = self.segment.pointer("aats_td_t", TD_OFFSET)
        self._slow = Slow(self.member.name, limits, td, listeners, self.desk.host if self.desk is not None else None)
        self.loop.slow(self._slow.address, self._slow.tell)
        if self.desk is not None:
            lib.aats_trader_slow(self.desk.trader, self._slow.raw)

    def guard_by(self, guard: Guard) -> None:
        """Have `guard` look after memory, garbage and the loop's gaps from here on."""
        self._guard = guard
        tables = [self._memory] + ([] if self.desk is None else [self.desk.trader])
        mapped = [one for one in self._segments if one is not None]
        guard.prepare(self.loop, self.segment, mapped, [int(ffi.cast("uintptr_t", one)) for one in tables])

    def pin(self) -> None:
        """Pin this thread, if the guard was told to; no other process takes the same core meanwhile."""
        if self._guard is not None and self._guard.wants_core:
            with self.member.table.lock():
                self._guard.pin(one.pid for one in self.member.table.entries() if one.pid != os.getpid())

    def wait_ready(self, wait_s: float) -> bool:
        """Wait until orders can be sent, if any are to be; False if `stop` came first.

        Raises
        ------
        ConfigError
            They cannot: the text has the session's reason.
        """
        return self.desk is None or self.desk.wait_ready(wait_s, self.still_wanted)

    def still_wanted(self) -> bool:
        """Show that this process lives, obey commands; return whether it goes on."""
        self.member.beat()
        self.member.tick()
        waiting = self.member.poll_command()
        if waiting is not None:
            self._obey(*waiting)
        return not self.stop_reason

    def run(self) -> None:
        """Deliver events until `stop`, or until something is raised."""
        self.begun = True
        if not self.stop_reason:
            self.loop.run()

    def stop(self, reason: str) -> None:
        """End `run` after the event in hand; any thread, any number of times.  Leaving goes on all the same."""
        self.stop_reason = self.stop_reason or reason
        if self._leaving is None:
            self.loop.stop()

    def leave_market(self, limits: Limits, presses: Presses, *, patient: bool) -> bool:
        """Close, cancel and verify all orders (``aats.trade_leave``), after the strategies' ``close()``; return whether nothing of ours is open."""
        if self.desk is None:
            return True
        self._leaving = Leaving(self.member.name, self.desk, self.loop, limits, presses)
        return self._leaving.run(patient=patient, hurried=self.stop_reason in _FORCED)

    def _hook(self) -> None:
        try:
            self._chores()
            if self.desk is not None:
                self.desk.chores()
                self._look_at_fence(self.desk)
        except (AatsError, OSError) as exc:  # housekeeping must not end a run; it comes again
            log.warning("%s: %s", self.member.name, exc)
        finally:
            if self._leaving is not None:
                self._leaving.look()

    def _look_at_fence(self, desk: Desk) -> None:
        if desk.fenced and not self.stop_reason:
            log.error(
                "%s: another process has taken over its orders: it was thought dead; it sends nothing more and ends", self.member.name
            )
            self.stop("fenced")

    def _chores(self) -> None:
        self.member.tick()
        waiting = self.member.poll_command()
        if waiting is not None:
            self._obey(*waiting)
        for index, name in enumerate(self._feeds):
            if lib.aats_reader_down(self.reader, index) in (lib.AATS_WHY_FEED_DOWN, lib.AATS_WHY_REPLACED):
                self._find_again(index, name)

    def _find_again(self, index: int, name: str) -> None:
        """Map a feed's next generation, if there is one."""
        have = self._segments[index]
        try:
            found = [feed for feed in control.find_feeds(name=name) if have is None or feed.generation != have.generation]
            if not found:
                self._missed(name)
                return
            if found[0].mode != self._modes[name]:
                was, now = self._modes[name].name.lower(), found[0].mode.name.lower()
                raise ConfigError(f"it is back with mode {now}, this process was started on {was} data: not followed")
            segment = self._map(found[0])
            log.info("feed %s: mapped generation %d", name, found[0].generation)
            self._check_levels(found[0], segment)
        except AatsError as exc:
            if str(exc) != self._trouble.get(name):  # it is tried again every 20 ms
                log.warning("feed %s: %s", name, exc)
            self._trouble[name] = str(exc)

    def _obey(self, op: Command, arg: str) -> None:
        if op == Command.STOP:
            self.member.reply(0, "stopping")
            self.stop("kill_server")
        elif op == Command.PING:
            self.member.reply(0, "here")
        else:
            self.member.reply(int(lib.AATS_E_UNKNOWN), f"a trade process has no command {op.name}")

    def ready(self, detail: str) -> None:
        """Say RUN to everybody who looks."""
        self.member.ready(detail)

    def close(self) -> None:
        """Give up segment and slot; a second call does nothing."""
        self._leave(None)

    def _leave(self, exc: BaseException | None) -> None:
        if self._closed:
            return
        self._closed = True
        for strategy in self.strategies:
            link = strategy.__dict__.pop("_link", None)
            if link is not None and strategy.__dict__.get("send_order") is link.send_order:
                del strategy.__dict__["send_order"]
            if link is not None:
                strategy.__dict__["_counts"] = {"quote_cnt": link.quote_cnt, "tick_cnt": link.tick_cnt}
                strategy.__dict__["_views"]["money"].end()
        if self._slow is not None:
            self._slow.end()
        if self.desk is not None:
            self.loop.end_trade()
            self.desk.close()
        try:
            if exc is not None:
                self.member.fail(f"{type(exc).__name__}: {exc}")
            elif self.member.state == State.RUN:
                self.member.move(State.HALT)
        except AatsError as trouble:
            log.debug("%s", trouble)
        self.member.leave()


def wait_for(find: Callable[[], Mapping[str, Feed]], symbols: Sequence[Symbol], wait_s: float) -> Mapping[str, Feed]:
    """Call `find` until it has a feed for every symbol or the time is over; return what it has."""
    deadline = time.monotonic() + wait_s
    while True:
        found = find()
        if all(symbol.port in found for symbol in symbols) or time.monotonic() >= deadline:
            return found
        time.sleep(0.02)
