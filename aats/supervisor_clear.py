"""One seat's orders, cleared away: a trader of no strategy whose session cancels what the dead run left, and asks until the venue says that nothing is open.

For: ``aats.supervisor``.  Not for when and whether (there), nor for keys and connections (``aats.supervisor_process``).

What the journals show is adopted by that trader, so that fills that the dead process never saw are found and count; what they do not show, but is open under
the run's client ids, the session cancels as a stray.  Journals are only read: the dead run's are not ours to write (a stopped process has them open), and the
next run of the name reads the same files, asks the venue the same questions, and tells its strategy what became of the orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aats import instrument_store, journal
from aats._ffi import ffi, lib, text
from aats.errors import ConfigError
from aats.instruments import exponents
from aats.layout import Mode
from aats.orders import rules_of
from aats.supervisor_job import Job
from aats.venue import Instrument

__all__ = ["Clearance", "Remains", "known", "remains"]

_WHY_SZ = 1024
#: Exponent of sums of quantities and fees.
FINE = -24


@dataclass
class Remains:
    """What the journals of a strategy say of the runs that left something.

    Attributes
    ----------
    instances : list of int
        Of runs whose open orders are to be canceled.
    orders : list of journal.Left
        Orders that are not known to be closed.
    holds : list of numpy.void
        ``aats_hold_t``: what the strategy held when its last run wrote down its last fill; empty if no run has said.
    """

    instances: list[int] = field(default_factory=list)
    orders: list[journal.Left] = field(default_factory=list)
    holds: list[np.void] = field(default_factory=list)

    @property
    def symbols(self) -> set[str]:
        return {order.symbol for order in self.orders if order.symbol}

    def held(self, symbol: str) -> int | None:
        """Return the position that the journals show, at `FINE`; None if they do not say."""
        own = [hold for hold in self.holds if _name(hold["symbol"]) == symbol]
        return sum(_fine((int(hold["size"]["hi"]) << 64) + int(hold["size"]["lo"]), int(hold["base_exp"])) for hold in own) if own else None

    @property
    def doubtful(self) -> bool:
        """Whether the venue has not acknowledged all of them: bytes of one may still be on their way."""
        return any(order.order is None or int(order.order["state"]) == lib.AATS_ORD_NEW for order in self.orders)


def remains(folder: Path, instance: int, living: Iterable[int] = ()) -> Remains:
    """Return what is left of a run, and of earlier ones of its strategy that did not end in order.

    Parameters
    ----------
    folder : Path
        Of the strategy's journals on the account.
    instance : int
        Of the run whose seat is cleared.
    living : iterable of int
        Instances of processes that run: not to be touched, but for `instance`, which has lost its seat.
    """
    out = Remains([instance])
    spared = set(living) - {instance}
    runs = [run for run in journal.scan(folder) if run.instance not in spared]
    for run in runs:
        if run.ended:
            continue
        # What it has taken over bears the instance of a run that may have ended since.
        for one in (run.instance, *(left.instance for left in run.left.values())):
            if one not in out.instances:
                out.instances.append(one)
        out.orders += run.open
    whole = journal.carried(runs)
    if whole is not None:
        out.holds = list(whole.holds.values())
    return out


def _name(raw: Any) -> str:
    return bytes(raw).decode("utf-8", "replace")


def _fine(value: int, exp: int) -> int:
    scaled: int = value * 10 ** (exp - FINE) if exp >= FINE else value // 10 ** (FINE - exp)
    return scaled


def known(symbol: str, mode: int) -> Instrument | None:
    """Return what was listed of a symbol where the orders of a mode are: a test network has numbers of its own for the same names.  None: not kept."""
    name, _, exchange = symbol.rpartition(".")
    return instrument_store.look(exchange, name, Mode(mode).name.lower() if mode else "")


def _rules(symbol: str, mode: int) -> Any:
    """Return an ``aats_rules_t *`` that is good for questions, cancels and fills of a symbol, and for nothing else: no order is made with it."""
    name, _, exchange = symbol.rpartition(".")
    listed = known(symbol, mode)
    if listed is not None:  # a venue may want its number in a cancel, and a contract's fee is not taken from the position
        return rules_of(listed, exchange).raw
    out = ffi.new("aats_rules_t *")
    out.symbol, out.native = symbol.encode(), name.encode()
    out.px_exp, out.qty_exp = exponents(exchange)
    out.fee_exp = -8
    out.tick_i = out.lot_i = 1
    return out


class Clearance:
    """The clearing of one seat.

    Parameters
    ----------
    job : Job
    exchange : str
    session : cffi ``aats_session_t *``
        Made with the instances of `remains` as earlier ones; from here on it belongs to this object.
    symbols : iterable of str
        That the session looks at.
    say : callable
        Given a level (0, 1, 2) and a line.
    resolve : callable
        Given this object, an exchange and a way when a session asks for a host's address; puts the answer into the mailbox, now or later.
    more : mapping
        Sessions of the other exchanges that the strategy trades, by exchange: one process has one seat, whatever accounts its orders are on.
    """

    def __init__(
        self,
        job: Job,
        exchange: str,
        session: Any,
        symbols: Iterable[str],
        left: Remains,
        *,
        say: Callable[[int, str], None],
        resolve: Callable[[Clearance, str, int], None] = lambda clearance, exchange, way: None,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.job = job
        self.session = session
        self.sessions = {exchange: session, **more}
        self.clean = False
        self.last = "connects"
        self.doubtful = left.doubtful
        self._say = say
        self._resolve = resolve
        self._mail = ffi.new("aats_mail_t **")
        self._event = ffi.new("aats_oev_t *")
        self._left = left
        self._adopted = self._canceled = self._verifying = False
        self._filled: dict[str, int] = {}  # by symbol, at FINE
        self._rules: dict[str, Any] = {}  # by symbol
        self._blind: set[str] = set()  # symbols in which something may be open, and nobody can be asked
        why = ffi.new("char[]", _WHY_SZ)
        self.trader = lib.aats_trader_new(ffi.new("aats_trader_opts_t *"), ffi.NULL, 0, ffi.NULL, why, _WHY_SZ)
        if self.trader == ffi.NULL:
            for one in self.sessions.values():
                lib.aats_session_free(one)
            raise ConfigError(text(why))
        gateways = {}
        for name, one in self.sessions.items():
            lib.aats_session_own(one, lib.aats_trader_instance(self.trader))
            gateways[name] = lib.aats_trader_session(self.trader, name.encode(), one)
        for symbol in sorted({*symbols, *left.symbols}):
            name = symbol.rpartition(".")[2]
            if name not in gateways:
                if symbol in left.symbols or symbol in job.open:
                    self._blind.add(symbol)
                    say(
                        2,
                        f"{job}: orders in {symbol} cannot be looked for: no key of {name} is here: start {job.name} again, or `aats flatten {name}`",
                    )
                continue
            rules = _rules(symbol, job.mode)
            self._rules[symbol] = rules
            lib.aats_session_symbol(self.sessions[name], rules)
            lib.aats_trader_add_symbol(self.trader, rules, gateways[name])
        self._gateways = list(gateways.values())

    def __repr__(self) -> str:
        return f"<Clearance of {self.job}{', clean' if self.clean else ''}>"

    def step(self, now_ns: int, mono_ns: int) -> int:
        """Make a pass; return the work done."""
        trader = self.trader
        if not self._adopted:
            self._adopted = True
            self._adopt(now_ns)
        work = int(lib.aats_trader_step(trader, now_ns, mono_ns))
        self._take_mail()
        while lib.aats_trader_event(trader, self._event) == 1:
            work += 1
            if self._event.kind == lib.AATS_OEV_EXEC and not self._event.order.flags & lib.AATS_OF_REPLAYED:
                self._fill(self._event)
        if self.clean:
            return work
        if not self._canceled and any(lib.aats_trader_gateway_state(trader, one) == lib.AATS_GW_READY for one in self._gateways):
            self._canceled = True  # a venue that is away hears of it when it is back
            if lib.aats_trader_open_cnt(trader):
                lib.aats_trader_cancel_all(trader, now_ns, mono_ns)
        elif not lib.aats_trader_ready(trader):
            self.last = (
                "; ".join(filter(None, (text(lib.aats_session_last(one)) for one in self.sessions.values()))) or "is being reconciled"
            )
        elif lib.aats_trader_open_cnt(trader):
            self.last = f"{lib.aats_trader_open_cnt(trader)} orders are not closed yet"
        elif not self._verifying:
            self._verifying = True
            lib.aats_trader_verify(trader)
        elif lib.aats_trader_verified(trader):
            self.clean = not self._blind  # of what nobody was asked about nothing is known
            self.last = f"no key for {' '.join(sorted(self._blind))}" if self._blind else ""
        return work

    def look(self) -> None:
        """Ask the venue once more what is open."""
        self.clean = self._canceled = self._verifying = False

    def position(self, symbol: str, counted: int) -> int:
        """Return the position in a symbol, at its qty_exp: what the journals show, else what was `counted`, and the fills that the process never saw."""
        exchange = symbol.rpartition(".")[2]
        _, qty_exp = exponents(exchange, known(symbol, self.job.mode))
        held = self._left.held(symbol)
        total = (_fine(counted, qty_exp) if held is None else held) + self._filled.get(symbol, 0)
        whole: int = total // 10 ** (qty_exp - FINE)
        return whole

    def _fill(self, ev: Any) -> None:
        """Enter a fill that no run has written down; on spot a fee in the base asset takes off what was bought."""
        order = ev.order
        symbol, fee_asset = text(order.symbol), text(ev.fee_asset)
        moved = _fine(int(ev.fill_qty_i), int(order.qty_exp)) * (1 if order.side == lib.AATS_SIDE_BUY else -1)
        rules = self._rules.get(symbol)
        derivative = rules is not None and rules.derivative
        if fee_asset and symbol.startswith(fee_asset) and not derivative:  # our names begin with the base asset
            moved -= _fine(int(ev.fee_i), int(ev.fee_exp))
        self._filled[symbol] = self._filled.get(symbol, 0) + moved

    def _adopt(self, now_ns: int) -> None:
        """Let the trader know the orders that may be open.  One that it cannot take is a stray to its session, and canceled as that."""
        for number, left in enumerate(self._left.orders, 1):
            if left.intent is None:
                continue
            story = ffi.new("aats_oev_t[]", max(1, len(left.events)))
            for at, event in enumerate(left.events):
                ffi.memmove(story + at, event.tobytes(), ffi.sizeof("aats_oev_t"))
            intent = ffi.new("aats_order_t *")
            ffi.memmove(intent, left.intent.tobytes(), ffi.sizeof("aats_order_t"))
            code = lib.aats_trader_adopt(self.trader, number, intent, story, len(left.events), now_ns)
            if code != lib.AATS_OK:
                self._say(
                    1, f"{self.job}: order {left.client_id} is canceled without asking for its fills ({text(lib.aats_err_name(code))})"
                )
        lib.aats_trader_carried(self.trader, now_ns)

    def close(self) -> None:
        """Free trader and session; a second call does nothing."""
        if self.trader is not None:
            lib.aats_trader_free(self.trader)
            self.trader = self.session = None
            self.sessions = {}

    def _take_mail(self) -> None:
        for exchange, session in self.sessions.items():
            while lib.aats_mailbox_get(lib.aats_session_out(session), self._mail) == 1:
                mail = self._mail[0]
                if mail.kind == lib.AATS_MAIL_NOTICE:
                    line = bytes(ffi.buffer(mail.bytes, mail.size)).decode("utf-8", "replace")
                    self._say(min(int(mail.num), 2), f"{self.job}: {line}")
                elif mail.kind == lib.AATS_MAIL_RESOLVE:
                    self._resolve(self, exchange, int(mail.sym))
                lib.aats_mail_free(mail)
