"""Where the orders of a trade process go: one way an exchange, through an order session or on paper.

For: ``aats.trade_orders``, whose `Desk` holds the trader.  Not for an order's life (csrc/app/trader.h).

A session in C asks by mail for what needs a thread of its own: the address of its host.  Helper threads look it up and put the answer into its mailbox.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aats import budget, journal, orders, venue
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ConfigError
from aats.keys import Credentials
from aats.layout import Mode
from aats.orders import Rules

__all__ = ["Market", "Way"]

log = logging.getLogger("aats.trade")

_LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)


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

    @property
    def account(self) -> str:
        """The account's id, which is not the key; of paper trading a name of its own."""
        return journal.account_id(self.exchange, self.credentials.key) if self.credentials is not None else f"{self.exchange.lower()}-paper"


class Way:
    """One gateway, and what is known of it.  Making one asks the venue for its trading rules.

    Parameters
    ----------
    name : str
        Of the process, for the log.
    market : Market

    Attributes
    ----------
    index : int
        Of the gateway in the trader.
    session : cffi ``aats_session_t *`` or None
        None on paper.
    hopeless : bool
        The session has said what somebody must put right first.
    rules : dict
        Of the traded symbols, by our names.
    names : dict
        Our names by those that the user gave: ours, or the venue's own.
    looked_at : set of str
        Symbols whose open orders the session looks at when it reconciles.
    """

    def __init__(self, name: str, market: Market) -> None:
        self.market = market
        self.index = -1
        self.session: Any = None
        self.hopeless = False
        self.looked_at: set[str] = set()
        self._extra: dict[str, Rules] = {}
        self._name = name
        self._lock = threading.Lock()  # of the session's mailbox: one putter at a time, none after close
        self._closed = False
        self._mode = (market.data_mode if market.mode == Mode.PAPER else market.mode).name.lower()  # whose budget its requests count in
        if market.mode == Mode.PAPER:
            self.endpoints = orders.rest_endpoint(market.exchange, self._mode)
        else:
            self.endpoints = orders.order_endpoints(market.exchange, self._mode)
        given = orders.fetch_rules(market.exchange, self.endpoints, market.ports, mode=self._mode)
        self.names = {port: rules.port for port, rules in given.items()}
        self.rules: dict[str, Rules] = {rules.port: rules for rules in given.values()}
        if len(self.rules) < len(given):
            twice = [port for port, ours in self.names.items() if list(self.names.values()).count(ours) > 1]
            raise ConfigError(f"{' and '.join(twice)} are the same instrument ({self.names[twice[0]]}): trade it under one name")

    # ------------------------------------------------------------------------------------------------------- set-up

    def open(self, trader: Any, *, earlier: Iterable[int], left: Iterable[str], say: Callable[..., None]) -> dict[str, int]:
        """Give the trader its gateway and its symbols; return their indices in it by port.

        Parameters
        ----------
        earlier : iterable of int
            Instances of earlier runs, whose open orders nobody takes over are canceled.
        left : iterable of str
            Symbols of which they may be.
        """
        market, credentials = self.market, self.market.credentials
        what = f"{market.exchange}: one more exchange cannot be traded"
        if credentials is None:
            paper = orders.new_paper(market.taker_fee, market.maker_fee)
            self.index = _taken(lib.aats_trader_paper(trader, market.exchange.encode(), paper), what, lib.aats_paper_free, paper)
        else:
            session = self._new_session(int(lib.aats_trader_instance(trader)), list(earlier), set(left))
            self.index = _taken(lib.aats_trader_session(trader, market.exchange.encode(), session), what, lib.aats_session_free, session)
            self.session = session
        syms = orders.add_symbols(trader, self.index, self.rules)
        if credentials is None:
            for port, rules in self.rules.items():
                _taken(lib.aats_paper_symbol(paper, syms[port], rules.raw), f"{port} cannot be traded on paper")
            say("%s: orders of %s stay in this process (paper)", self._name, market.exchange)
        else:
            say("%s: orders of %s go to %s (%s), account %s, key from %s", self._name, market.exchange, self.endpoints.wsapi,
                market.mode.name.lower(), market.account, credentials.origin)  # fmt: skip
        return syms

    def open_left(self, trader: Any) -> dict[str, int]:
        """Give the trader the symbols that are not traded now, but of which orders were left: these go on to their end.  After all that are traded."""
        return orders.add_symbols(trader, self.index, self._extra)

    def _new_session(self, instance: int, earlier: list[int], left: set[str]) -> Any:
        market = self.market
        assert market.credentials is not None
        extra = self._rules_of(left - set(self.rules))
        self._extra = {rules.port: rules for rules in extra}
        self.looked_at = {*self.rules, *self._extra}
        session = orders.new_session(
            market.exchange,
            self.endpoints,
            market.credentials.key,
            market.credentials.secret,
            instance=instance,
            passphrase=market.credentials.passphrase,
            sandbox=market.mode == Mode.SANDBOX,
            earlier=earlier,
            rules=[*self.rules.values(), *extra],
        )
        try:
            budget.give(session, market.account, budget.address_of(market.exchange, market.mode.name, self.endpoints.rest))
        except BaseException:
            lib.aats_session_free(session)
            raise
        return session

    def _rules_of(self, ports: set[str]) -> list[Rules]:
        """Return rules of symbols that are not traded now, but of which an earlier run may have left orders."""
        if not ports:
            return []
        try:
            return list(orders.fetch_rules(self.market.exchange, self.endpoints, sorted(ports), mode=self._mode).values())
        except ConfigError as exc:
            log.warning("%s: orders that an earlier run left in %s are not looked for: %s", self._name, " ".join(sorted(ports)), exc)
            return []

    # ------------------------------------------------------------------------------------------------------ the run

    @property
    def mailbox(self) -> int:
        """Address of the session's outgoing mailbox, 0 on paper."""
        return int(ffi.cast("uintptr_t", lib.aats_session_out(self.session))) if self.session is not None else 0

    def last(self) -> str:
        """Return where its orders go, and the session's own word on why it is not ready."""
        said = text(lib.aats_session_last(self.session)) if self.session is not None else ""
        return f"{self.market.exchange} {self.market.mode.name.lower()} ({self.endpoints.wsapi}): {said or 'no answer'}"

    def take_mail(self) -> None:
        """Do what the session asked for."""
        mail = ffi.new("aats_mail_t **")
        while self.session is not None and lib.aats_mailbox_get(lib.aats_session_out(self.session), mail) == 1:
            try:
                self._take(mail[0])
            finally:
                lib.aats_mail_free(mail[0])

    def _take(self, mail: Any) -> None:
        if mail.kind == lib.AATS_MAIL_NOTICE:
            line = bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace")
            log.log(_LEVELS[min(int(mail.num), 2)], "%s: %s", self._name, line)
            self.hopeless = self.hopeless or mail.num >= 2
        elif mail.kind == lib.AATS_MAIL_RESOLVE:
            threading.Thread(target=self._resolve, args=(int(mail.sym),), name="aats-resolve", daemon=True).start()

    def _resolve(self, way: int) -> None:
        at = orders.outlets(self.market.exchange, self.endpoints)[way]
        try:
            kind, answer = lib.AATS_MAIL_ADDRESS, venue.resolve(at.host, at.port)
        except OSError as exc:
            kind, answer = lib.AATS_MAIL_NO_ADDRESS, str(exc)
        raw = answer.encode()
        with self._lock:
            if not self._closed:
                lib.aats_mailbox_put(lib.aats_session_in(self.session), kind, way, 0, ffi.from_buffer(raw), len(raw))

    def renew(self, hand_over: Callable[[Callable[[], None]], None], take: Callable[[Way, Mapping[str, Rules]], None]) -> None:
        """Ask for the rules anew, on a thread of its own, and hand what is to be done with them over to the loop's."""

        def ask() -> None:
            try:
                fresh = orders.fetch_rules(self.market.exchange, self.endpoints, self.market.ports, mode=self._mode)
            except AatsError as exc:
                trouble = exc
                hand_over(lambda: log.warning("%s: trading rules stay as they were: %s", self._name, trouble))
            else:
                hand_over(lambda: take(self, {rules.port: rules for rules in fresh.values()}))

        threading.Thread(target=ask, name="aats-rules", daemon=True).start()

    @contextlib.contextmanager
    def closing(self) -> Any:
        """No helper thread touches the session from inside on: the trader, which owns it, may be freed."""
        with self._lock:
            self._closed = True
            yield


def _taken(code: int, what: str, free: Any = None, one: Any = None) -> int:
    if code < 0:
        if free is not None:
            free(one)
        raise ConfigError(f"{what} ({text(lib.aats_err_name(code))})")
    return int(code)
