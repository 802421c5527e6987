"""``TradeService``: settings of a trade process, and its run.

    from aats.trade_service import TradeService

    service = TradeService({1001: "BTCUSDT.BINANCE"})
    service.add_md_symbol("BTCUSDT", "BINANCE", 5)
    service.add_strategy(MyStrategy())
    service.run()                            # blocks; Ctrl-C calls close() and raises KeyboardInterrupt

Each call checks what it is given; what can only be known together is checked by ``run()``, before anything is started.  A breach is a `ConfigError` that
names the value and the rule.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aats import config, control_client, keys, shm
from aats.base.const import NetWorkType, TradeType, member
from aats.base_strategy import BaseStrategy
from aats.control import Feed
from aats.control_address import check_address, check_receiving, check_symbol_map
from aats.control_remote import Registration
from aats.errors import ConfigError, OrderError
from aats.layout import Mode, Wait
from aats.trade import Session, Symbol
from aats.trade_feeds import FeedFinder
from aats.trade_guard import Guard
from aats.trade_leave import Presses
from aats.trade_orders import Desk, Market
from aats.trade_policy import policy_of
from aats.trade_receiver import Receiver

__all__ = ["TradeService"]

log = logging.getLogger("aats.trade")

_LOOPBACK = "127.0.0.1"
_STRATEGIES_MAX = 255  # an order's record has a byte for whose it is


@dataclass
class _Exchange:
    """What was said of one exchange.  Secrets never stand in a repr."""

    trade_type: TradeType | None = None
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    subaccount: str = field(default="", repr=False)
    taker_fee: float | None = None
    maker_fee: float | None = None


class TradeService:
    """A trade process.

    Parameters
    ----------
    sym_cid_map : mapping
        cid -> ``SYMBOL.EXCHANGE``; every symbol that is added must be in it.
    verbose : bool, default True
        Log what is chosen and started at INFO; else at DEBUG.
    name : str, optional
        Of the process, unique among the living; default: the script's file name.
    feed : str, optional
        Name of the feed that serves all symbols, or ``'inline'``: the feed runs inside this process.  Default: chosen for each symbol.
    wait : str, default 'adaptive'
        How the loop waits: ``'adaptive'``, ``'spin'``, ``'yield'``, ``'sleep'``.
    strict : bool, default False
        Refuse a float price or size that is no multiple of tick or lot, instead of moving it to the passive side.
    on_restart, on_death, grace_ms, hang_ms, on_disconnect, hold_ms, supervisor, sync, risk : optional
        What becomes of orders when something goes wrong: `aats.trade_policy.Policy` has each with its values and defaults.

    guard : mapping or bool, optional
        What keeps the loop from standing still, by the names of `aats.config.GuardOptions`: ``{"cpu": "auto"}``; False: nothing.  ``AATS_GUARD`` wins.
    slow : mapping, optional
        Limits of hops: ``{"recv_sent": ("100us", "halt"), "pub_delivered": 50_000}``, a time (a number is ns) and what follows: ``warn`` a line in the log,
        ``slow`` (default) that and ``onSlow``, ``halt`` both and the strategy's switch.  ``AATS_SLOW`` adds and replaces.

    Attributes
    ----------
    guard : Guard or None
        Of the run: ``guard.counts``, ``guard.collect()``; None before it.

    Notes
    -----
    Threads: everything but `stop` belongs to the thread that calls ``run()``.
    While it runs, garbage is collected in idle time only, or when memory has grown too much (docs/guard.md); a strategy that calls ``gc.enable()`` has
    Python's own collector back.
    """

    def __init__(
        self,
        sym_cid_map: Mapping[Any, str],
        verbose: bool = True,
        *,
        name: str | None = None,
        feed: str | None = None,
        wait: str = "adaptive",
        strict: bool = False,
        on_restart: str | None = None,
        on_death: str | None = None,
        grace_ms: int | None = None,
        hang_ms: int | None = None,
        on_disconnect: str | None = None,
        hold_ms: int | None = None,
        supervisor: bool | None = None,
        sync: str | None = None,
        risk: Mapping[str, Any] | None = None,
        guard: Mapping[str, Any] | bool | None = None,
        slow: Mapping[str, Any] | None = None,
    ) -> None:
        self.sym_cid_map = check_symbol_map(sym_cid_map, "TradeService")
        self.verbose = verbose
        self.name = shm.label_of(name) if name is not None else _script_name()
        self.strategies: list[BaseStrategy] = []
        self._feed = feed
        self.policy = policy_of(
            "TradeService",
            {
                "strict": bool(strict),
                "on_restart": on_restart,
                "on_death": on_death,
                "grace_ms": grace_ms,
                "hang_ms": hang_ms,
                "on_disconnect": on_disconnect,
                "hold_ms": hold_ms,
                "supervisor": supervisor,
                "sync": sync,
                "risk": risk,
            },
        )
        if wait != "adaptive" and wait.upper() not in Wait.__members__:
            raise ConfigError(f"TradeService: wait must be 'adaptive', 'spin', 'yield' or 'sleep'; it is {wait!r}")
        self._wait = Wait.NONE if wait == "adaptive" else Wait[wait.upper()]
        self.guard: Guard | None = None
        self._guard_options, _ = config.guard_options("TradeService: guard", guard)
        self._slow_limits, _ = config.slow_limits("TradeService: slow", slow)
        self._control = (_LOOPBACK, config.DEFAULT_CONTROL_PORT)
        self._md: config.Net | None = None
        self._md_port: int | None = None
        self._exchanges: dict[str, _Exchange] = {}
        self._symbols: dict[str, tuple[str, str, int, bool]] = {}
        self._session: Session | None = None
        self._feeds: FeedFinder | None = None

    def __repr__(self) -> str:
        return f"<TradeService {self.name}: {len(self._symbols)} symbols, {len(self.strategies)} strategies{', running' if self._session else ''}>"

    # ------------------------------------------------------------------------------------------------------ settings

    def set_ts_connection(self, ip: str, port: int) -> None:
        """Name the control server; default: 127.0.0.1, port 8060.

        One on another host lists this process and may end it.  What has to be done here (a feed to start, a supervisor) is asked of this host's own.
        """
        self._control = check_address(ip, port, "set_ts_connection")

    def set_md_connection(self, ip: str, port: int, send_type: NetWorkType | str | int, *, netcard_name: str = "") -> None:
        """Say where market data comes from; not called: shared memory of this host.

        Parameters
        ----------
        ip, port
            P2P: where the market server listens.  BROADCAST, MULTIBROAD: the address that it sends to, and our port.  SHM: of the feeds of this
            host the one that serves this port is preferred.
        send_type : NetWorkType
            A member, its name or its value.  ``AATS_MD=shm`` in the environment makes SHM of any other.
        netcard_name : str
            The card that datagrams come in by, by name or address; default: the system's choice.

        Raises
        ------
        ConfigError
            The address is not of its kind's range, its name cannot be resolved, or there is no such card.
        """
        call = "set_md_connection"
        host, self._md_port = check_address(ip, port, call)
        kind = member(NetWorkType, send_type, f"{call}: send_type", error=ConfigError)
        self._md = None if kind == NetWorkType.SHM or _shared() else check_receiving(host, port, kind, netcard_name, call)

    def config_exchange(self, exchange: str, trade_type: TradeType | str) -> None:
        """Say where the orders of an exchange go: ``'direct'``, ``'sandbox'``, ``'paper'`` or ``'sim'``."""
        kind = member(TradeType, trade_type, "config_exchange: trade_type", error=ConfigError)
        if kind is TradeType.REPLAY:
            raise ConfigError("config_exchange: trade_type 'replay' is not available yet: use 'sim' with a tape (aats sim --tape FILE)")
        self._exchange(exchange, "config_exchange").trade_type = kind

    def set_apikey(self, exchange: str, key: str, secret: str, password: str = "", subaccount: str = "") -> None:
        """Give the API key of an exchange; it is never printed.  Not called: the environment, then the key file (``aats.keys``)."""
        one = self._exchange(exchange, "set_apikey")
        for what, value in (("key", key), ("secret", secret), ("password", password), ("subaccount", subaccount)):
            if not isinstance(value, str):
                raise ConfigError(f"set_apikey: {what} of {exchange} must be a str; it is of type {type(value).__name__}")
        if not key or not secret:
            raise ConfigError(f"set_apikey: key and secret of {exchange} must not be empty")
        if password and exchange not in keys.WITH_PASSPHRASE:
            raise ConfigError(f"set_apikey: {exchange} has no password: leave it out")
        if subaccount:
            raise ConfigError(
                f"set_apikey: {exchange} has no subaccount that a key could name (a subaccount's key is its own): leave it out"
            )
        one.key, one.secret, one.password, one.subaccount = key, secret, password, subaccount

    def set_fee(self, exchange: str, taker_fee: float, maker_fee: float) -> None:
        """Give the commissions of an exchange as parts of the notional, such as 0.001."""
        one = self._exchange(exchange, "set_fee")
        for what, value in (("taker_fee", taker_fee), ("maker_fee", maker_fee)):
            try:
                number = float(value)
            except (TypeError, ValueError):
                number = float("nan")
            if not -1 < number < 1:
                raise ConfigError(
                    f"set_fee: {what} of {exchange} must be a part of the notional between -1 and 1, such as 0.001; it is {value!r}"
                )
        one.taker_fee, one.maker_fee = float(taker_fee), float(maker_fee)

    def add_md_symbol(self, symbol: str, exchange: str, level_num: int = 5) -> None:
        """Add a symbol to listen to, with so many levels a side."""
        self._add(symbol, exchange, level_num, False, "add_md_symbol")

    def add_trade_symbol(self, symbol: str, exchange: str, level_num: int = 5) -> None:
        """Add a symbol to trade, which listens to it too."""
        self._add(symbol, exchange, level_num, True, "add_trade_symbol")

    def add_strategy(self, strategy: BaseStrategy) -> None:
        """Add a strategy; each gets every event."""
        if not isinstance(strategy, BaseStrategy):
            raise ConfigError(f"add_strategy takes an instance of a BaseStrategy class; this is {strategy!r}")
        if any(one is strategy for one in self.strategies):
            raise ConfigError(f"add_strategy: {strategy!r} was added already")
        if type(strategy).close is BaseStrategy.close:
            log.warning("%s does not override close(): on Ctrl-C its orders are cancelled, its position stays", type(strategy).__name__)
        self.strategies.append(strategy)

    def _exchange(self, exchange: Any, call: str) -> _Exchange:
        if exchange not in config.VENUES:
            near = difflib.get_close_matches(str(exchange).upper(), config.VENUES, n=1)
            raise ConfigError(
                f"{call}: exchange must be one of {', '.join(config.VENUES)}{f' (did you mean {near[0]}?)' if near else ''}; it is {exchange!r}"
            )
        return self._exchanges.setdefault(exchange, _Exchange())

    def _add(self, symbol: str, exchange: str, level_num: int, trade: bool, call: str) -> None:
        self._exchange(exchange, call)
        port = f"{symbol}.{exchange}"
        if port not in self.sym_cid_map.values():
            near = difflib.get_close_matches(port, self.sym_cid_map.values(), n=2)
            have = ", ".join(f"{cid!r}: {one}" for cid, one in list(self.sym_cid_map.items())[:8])
            raise ConfigError(
                f"{call}: {port} has no cid in sym_cid_map{f' (did you mean {near[0]}?)' if near else ''}; it holds {have or 'nothing'}"
            )
        if type(level_num) is not int or not 1 <= level_num <= config.LEVEL_NUM_MAX:
            raise ConfigError(f"{call}: level_num of {port} must be a whole number from 1 to {config.LEVEL_NUM_MAX}; it is {level_num!r}")
        before = self._symbols.pop(port, (symbol, exchange, 0, False))  # the one added last stands last
        self._symbols[port] = (symbol, exchange, max(level_num, before[2]), trade or before[3])

    # ------------------------------------------------------------------------------------------------------- the run

    def run(self) -> None:
        """Listen and trade until stopped.

        Raises
        ------
        ConfigError
            The settings cannot work, or no feed could be had.
        SlotTaken
            A living trade process has this name.
        KeyboardInterrupt
            On Ctrl-C, after our own close.
        Exception
            What a callback raised, after it was logged and everything was closed.
        OrderError
            The run has ended, and the venue has not confirmed that none of its orders is open.
        """
        if self._session is not None:
            raise RuntimeError(f"{self!r}: run() was called already")
        symbols = self._checked()
        about = f"{', '.join(type(one).__name__ for one in self.strategies)}: {' '.join(symbol.port for symbol in symbols)}"
        elsewhere = self._control_here() != self._control
        credentials = self._credentials(symbols)
        guard = self.guard = Guard(self.name, self._guard_options, say=self._say)
        session = self._session = self._open(symbols)
        reason, started, clean = "", False, False
        failure: BaseException | None = None
        with self._terminated_by_signal(session), self._listed(session, about) if elsewhere else contextlib.nullcontext():
            try:
                assert self._feeds is not None
                chosen = self._feeds.find()
                session.serve_from(chosen)
                self._open_desk(session, symbols, chosen, credentials)
                session.connect(self)
                session.limit_hops(self._slow_limits)
                session.guard_by(guard)
                if session.wait_ready(config.limits().order_ready_ms / 1000):
                    started = True
                    for strategy in self.strategies:
                        strategy.onStart()
                    session.pin()
                    session.ready(about)
                    session.run()
                reason = session.stop_reason or "stop"
            except (KeyboardInterrupt, SystemExit) as exc:  # asked for, not a fault
                reason, failure = "interrupt" if isinstance(exc, KeyboardInterrupt) else "exit", exc
            except BaseException as exc:
                reason, failure = f"{type(exc).__name__}: {exc}", exc
                if started:  # before that it is a setting, which the caller is told
                    log.exception("%s: an exception ends the run", self.name)
            finally:
                clean = self._shut(session, reason, self.strategies if started else [])
                guard.end()
        if failure is not None:
            raise failure
        if reason == "fenced":
            raise OrderError(f"{self.name}: another process has taken over its orders: it was thought dead (hung for more than hang_ms?)")
        if not clean:
            raise OrderError(
                f"{self.name}: ended, but orders may still be open at the venue (the log has them): the next start of this name, or `aats flatten`, "
                "cancels them"
            )

    def stop(self) -> None:
        """End ``run()``; any thread, any number of times."""
        session = self._session
        if session is not None:
            session.stop("stop")

    def _finder(self, symbols: Sequence[Symbol]) -> FeedFinder:
        return FeedFinder(
            self.name,
            symbols,
            named=self._feed,
            control_at=self._control_here(),
            data_port=self._md_port,
            receiver=Receiver(self._md, self._say) if self._md is not None and not _shared() else None,
            say=self._say,
        )

    def _control_here(self) -> tuple[str, int]:
        """Return the control server of this host: what has to be done here is not asked of another one."""
        return self._control if control_client.on_this_host(self._control[0]) else (_LOOPBACK, config.DEFAULT_CONTROL_PORT)

    def _open(self, symbols: Sequence[Symbol]) -> Session:
        feeds = self._finder(symbols)
        hosts = feeds.hosts()
        try:
            session = Session(self.name, symbols, self.strategies, mode=symbols[0].mode, hosts=hosts, wait=self._wait, missed=feeds.missed)
        except BaseException:
            feeds.close()
            raise
        self._feeds = feeds
        return session

    def _shut(self, session: Session, reason: str, strategies: Sequence[BaseStrategy]) -> bool:
        """Let every strategy close, leave the market, tell the strategies, and give everything back, whatever they raise.

        Returns whether nothing of ours is open at a venue, by its own word.
        """
        presses, clean = Presses(), False
        session.begun = True  # SIGTERM has nothing to break off any more
        with presses.counted():
            self._say("%s: ends: %s", self.name, reason)
            closed = [self._call(presses, strategy, "close") for strategy in strategies]
            own = [type(strategy).close is not BaseStrategy.close for strategy in strategies]
            try:
                clean = session.leave_market(config.limits(), presses, patient=any(own) and all(closed))
            except BaseException:  # the rest is given back all the same
                log.exception("%s: leaving the market failed", self.name)
            for strategy in strategies:
                self._call(presses, strategy, "onStop", reason)
            session.close()
            assert self._feeds is not None
            self._feeds.close()
        self._session = None
        return clean

    def _call(self, presses: Presses, strategy: BaseStrategy, what: str, *args: Any) -> bool:
        """Call a method of the user's at the end; return whether it went well."""
        try:
            with presses.breakable():
                getattr(strategy, what)(*args)
        except BaseException:
            log.exception("%s: %s.%s failed", self.name, type(strategy).__name__, what)
            return False
        return True

    @property
    def _say(self) -> Callable[..., None]:
        return log.info if self.verbose else log.debug

    # --------------------------------------------------------------------------------------------------------- orders

    def _credentials(self, symbols: Sequence[Symbol]) -> dict[str, keys.Credentials]:
        """Return the key of each exchange where orders go to a venue; asked for before anything is started."""
        out = {}
        for exchange in dict.fromkeys(symbol.exchange for symbol in symbols if symbol.trade and symbol.mode != Mode.PAPER):
            one = self._exchanges[exchange]
            assert one.trade_type is not None  # else it could not be traded
            out[exchange] = keys.find(exchange, one.trade_type.value, given=(one.key, one.secret, one.password) if one.key else None)
        return out

    def _open_desk(
        self, session: Session, symbols: Sequence[Symbol], chosen: Mapping[str, Feed], credentials: Mapping[str, keys.Credentials]
    ) -> None:
        markets = []
        for exchange in dict.fromkeys(symbol.exchange for symbol in symbols if symbol.trade):
            traded = [symbol for symbol in symbols if symbol.trade and symbol.exchange == exchange]
            one = self._exchanges[exchange]
            markets.append(
                Market(
                    exchange,
                    traded[0].mode,
                    chosen[traded[0].port].mode if traded[0].mode == Mode.PAPER else traded[0].mode,
                    [symbol.port for symbol in traded],
                    credentials.get(exchange),
                    one.taker_fee,
                    one.maker_fee,
                )
            )
        if markets:
            session.trade_with(
                Desk(
                    self.name,
                    session.segment,
                    markets,
                    policy=self.policy,
                    control_at=self._control_here(),
                    meanwhile=session.still_wanted,
                    say=self._say,
                )
            )

    @contextlib.contextmanager
    def _terminated_by_signal(self, session: Session) -> Iterator[None]:
        """Make SIGTERM end the run, where nobody else has taken it; before the loop runs it is a SystemExit."""
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield
            return

        def terminate(*_: object) -> None:
            session.stop("SIGTERM")
            if not session.begun:
                sys.exit(128 + signal.SIGTERM)

        signal.signal(signal.SIGTERM, terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _listed(self, session: Session, about: str) -> Registration:
        """Stand in the list of another host's control server, which may end us."""
        mode = session.symbols[0].mode.name.lower()
        return Registration(*self._control, name=self.name, mode=mode, detail=about, on_kill=lambda: session.stop("kill_server"))

    # --------------------------------------------------------------------------------------------------- whole checks

    def _checked(self) -> list[Symbol]:
        """Return what is listened to, after all that can only be checked together."""
        if not self.strategies:
            raise ConfigError("run: no strategy: call add_strategy first")
        if not self._symbols:
            raise ConfigError("run: no symbol: call add_md_symbol or add_trade_symbol first")
        if len(self.strategies) > _STRATEGIES_MAX:
            raise ConfigError(f"run: {len(self.strategies)} strategies; one process runs at most {_STRATEGIES_MAX}")
        if self._md is not None and self._feed is not None and not _shared():
            raise ConfigError(
                f"run: all symbols come from feed {self._feed!r} (TradeService) or from {self._md.send_type.upper()} {self._md.ip}:{self._md.port} "
                "(set_md_connection): leave one of them out"
            )
        default = config.environment()["AATS_MODE"][0] or "direct"
        cids = {port: cid for cid, port in self.sym_cid_map.items()}
        out = []
        for port, (symbol, exchange, level_num, trade) in self._symbols.items():
            kind = self._exchanges[exchange].trade_type
            if trade and kind is None:
                raise ConfigError(
                    f"add_trade_symbol: {port} cannot be traded: call config_exchange({exchange!r}, 'paper') or another trade type first"
                )
            mode = Mode[(kind.value if kind is not None else default).upper()]
            out.append(Symbol(cids[port], symbol, exchange, level_num, trade, mode))
        traded = {one.mode: one.exchange for one in reversed(out) if one.trade}
        if len(traded) > 1:
            told = ", ".join(f"{exchange} in {mode.name.lower()}" for mode, exchange in reversed(traded.items()))
            raise ConfigError(
                f"run: one process trades in one mode, because its limits, positions and orders after a crash are those of one: this one has {told}; "
                "make it two processes, or listen only (add_md_symbol) at one of them"
            )
        return out


def _shared() -> bool:
    """Whether the environment overrides the network by this host's shared memory."""
    return bool(config.environment()["AATS_MD"][0] == "shm")


def _script_name() -> str:
    """Return the script's file name as far as it can stand in a segment's name."""
    stem = Path(sys.argv[0] if sys.argv else "").stem
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:40] or "strategy"
