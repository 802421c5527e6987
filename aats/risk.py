"""Limits of this host: what users write, checked and exact; applying them to the running segment; the audit of each change; a look at all of it.

For: ``aats risk``, ``TradeService(risk=...)``, the ``[risk]`` table of a strategy's file.  Not for the checks themselves (csrc/risk/gate.h), nor for the
segment and its files (``aats.shm.risk``, ``risk_state``).  docs/risk.md has every limit with its meaning.

    [risk]                                  this strategy alone
    order_notional = "5000"
    [risk.symbols."BTCUSDT.BINANCE"]        a symbol, all strategies together
    position = "0.5"
    [risk.host]                             everything on this host
    loss_1d = "500"

Amounts are decimal texts or whole numbers in units that people use: quote asset for money, base asset for sizes; a float is refused.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from aats import instrument_store
from aats._ffi import check, ffi, lib, text
from aats.config import VENUES
from aats.config.rules import near
from aats.errors import ConfigError, ControlError
from aats.layout import Mode
from aats.shm import risk_state
from aats.shm.risk import Host

__all__ = [
    "HOST",
    "KEYS",
    "SWITCHES",
    "Scope",
    "Settings",
    "apply",
    "change",
    "limits_of",
    "look",
    "parse",
    "resume",
    "settings",
    "symbol_scope",
    "throw",
    "when",
]

_MONEY_EXP = int(lib.AATS_RISK_MONEY_EXP)
_MOST = 2**63 - 1
SWITCHES = ("active", "reduce", "halt")
_STATES = {0: "free", 1: "live", 2: "clearing", 3: "parked", 4: "boot"}
_NONE = ("none", "off")


@dataclass(frozen=True)
class Key:
    """One limit.

    Attributes
    ----------
    counts : str
        ``money`` (quote asset), ``size`` (base asset), ``number`` or ``flag``.
    scopes : tuple of str
        Where it can be set.
    """

    counts: str
    scopes: tuple[str, ...] = ("host", "symbol", "strategy")


#: Every limit; the names are those of aats_rlimits_t.
KEYS = {
    "order_notional": Key("money"),
    "order_qty": Key("size", ("symbol",)),
    "position": Key("size", ("symbol",)),
    "exposure": Key("money"),
    "open_orders": Key("number"),
    "orders_1s": Key("number"),
    "orders_1d": Key("number"),
    "cancels_1s": Key("number"),
    "cancels_1d": Key("number"),
    "collar_ppm": Key("number"),
    "loss_1d": Key("money"),
    "duplicate_ms": Key("number"),
    "any_book": Key("flag"),
}
_LARGER_IS_STRICTER = ("duplicate_ms",)


@dataclass(frozen=True)
class Scope:
    """Whose limits: ``host``, or a ``symbol`` ("BTCUSDT.BINANCE") or ``strategy`` by name."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return "the host" if self.kind == "host" else f"{self.kind} {self.name}"

    @property
    def number(self) -> int:
        return {"host": int(lib.AATS_SCOPE_HOST), "symbol": int(lib.AATS_SCOPE_SYMBOL), "strategy": int(lib.AATS_SCOPE_STRATEGY)}[self.kind]

    def row(self, host: Host, *, make: bool = False) -> int | None:
        """Return its row of the limits table; None if it has none and `make` is not set."""
        at = int(lib.aats_risk_row(host.view, self.number, self.name.encode(), int(make)))
        if at == lib.AATS_E_UNKNOWN:
            return None
        if at == lib.AATS_E_ARG:
            raise ConfigError(f"{self.name!r} cannot be a {self.kind}: 1 to 47 characters")
        return check(at, f"no room for the limits of {self}")


HOST = Scope("host")


# --------------------------------------------------------------------------------------------------------------- values


def parse(key: str, value: Any, scope: Scope) -> int:
    """Return a limit as the segment holds it; 0: none.

    Raises
    ------
    ConfigError
        The key is not known or not of that scope, or the value breaks its rule; the text says which.
    """
    if key not in KEYS:
        raise ConfigError(f"{key} is not a limit; known: {', '.join(KEYS)}{near(key, tuple(KEYS))}")
    what = KEYS[key]
    if scope.kind not in what.scopes:
        raise ConfigError(f"{key} is in units of a base asset: it can be set for a symbol only, not for {scope}")
    if isinstance(value, str) and value.strip().lower() in _NONE:
        return 0
    if what.counts == "flag":
        words = {"true": 1, "yes": 1, "on": 1, "1": 1, "false": 0, "no": 0, "0": 0}
        if str(value).strip().lower() not in words:
            raise ConfigError(f"{key} of {scope} is {value!r}: must be true or false")
        return words[str(value).strip().lower()]
    if isinstance(value, (bool, float)) or not isinstance(value, (str, int, Decimal)):
        raise ConfigError(f'{key} of {scope} is {value!r}: must be a whole number or a text, such as "0.5"; a float is not exact')
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ConfigError(f"{key} of {scope} is {value!r}: no decimal number") from None
    if not number.is_finite() or number <= 0:
        raise ConfigError(f"{key} of {scope} is {value!r}: must be above 0 (none: no limit)")
    scaled = number if what.counts == "number" else number.scaleb(-_MONEY_EXP)
    if scaled != scaled.to_integral_value():
        raise ConfigError(
            f"{key} of {scope} is {value!r}: must be a {'whole number' if what.counts == 'number' else 'multiple of 0.00000001'}"
        )
    if scaled > _MOST:
        raise ConfigError(f"{key} of {scope} is {value!r}: at most {_shown(_MOST, what)}")
    return int(scaled)


def _shown(value: int, what: Key) -> str:
    """Return a limit as people write it."""
    if what.counts == "flag":
        return "true" if value else "false"
    number = Decimal(value) if what.counts == "number" else Decimal(value).scaleb(_MONEY_EXP)
    return plain(number)


def plain(number: Decimal) -> str:
    """Return a decimal without exponent or trailing zeros."""
    words = f"{number:f}"
    return (words.rstrip("0").rstrip(".") if "." in words else words) or "0"


@dataclass(frozen=True)
class Settings:
    """A ``[risk]`` table that has been checked: for each scope its limits in the segment's integers.

    Attributes
    ----------
    own : mapping
        Of the strategy whose table it is.
    others : mapping
        Of the host and of symbols.
    """

    own: Mapping[str, int]
    others: Mapping[Scope, Mapping[str, int]]

    def __bool__(self) -> bool:
        return bool(self.own or self.others)


def settings(table: Mapping[str, Any], where: str = "[risk]", names: Mapping[str, str] = MappingProxyType({})) -> Settings:
    """Check a ``[risk]`` table, or the mapping given to ``TradeService(risk=...)``.

    Parameters
    ----------
    names : mapping, optional
        Our names of symbols by the venues' own; what is not in it is looked for among the instruments that are kept on disk.

    Raises
    ------
    ConfigError
        It names `where`, the key, the rule and the value.
    """
    own: dict[str, Any] = {}
    tables: dict[Scope, Mapping[str, Any]] = {}
    try:
        for key, value in table.items():
            if key == "host":
                tables[HOST] = _table(value, "host")
            elif key == "symbols":
                for name, inner in _table(value, "symbols").items():
                    tables[symbol_scope(name, names)] = _table(inner, f"symbols.{name}")
            else:
                own[key] = value
        me = Scope("strategy", "of this table")
        return Settings(
            {key: parse(key, value, me) for key, value in own.items()},
            {scope: {key: parse(key, value, scope) for key, value in inner.items()} for scope, inner in tables.items()},
        )
    except ConfigError as exc:
        raise ConfigError(f"{where}: {exc}") from None


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must be a table, it is {value!r}")
    return value


def _symbol(name: str) -> str:
    if name.count(".") != 1 or not all(name.split(".")):
        raise ConfigError(f"{name!r} is no symbol with its exchange, such as BTCUSDT.BINANCE")
    return name


def symbol_scope(name: str, names: Mapping[str, str] = MappingProxyType({})) -> Scope:
    """Return the scope of a symbol by our name, or by its venue's own where that is in `names` or was ever listed here.

    Raises
    ------
    ConfigError
        It is not of the form SYMBOL.EXCHANGE.
    """
    symbol, _, exchange = _symbol(name).rpartition(".")
    ours = names.get(name)
    if ours is None and exchange in VENUES:
        listed = instrument_store.look(exchange, symbol)
        ours = listed.symbol if listed is not None else None
    return Scope("symbol", ours or name)


# -------------------------------------------------------------------------------------------------------------- changing


def limits_of(host: Host, scope: Scope) -> dict[str, int]:
    """Return the limits of a scope that are set, in the segment's integers."""
    at = scope.row(host)
    if at is None:
        return {}
    row = ffi.new("aats_rlimits_t *")
    lib.aats_risk_row_read(host.view, at, row)
    return {key: int(getattr(row, key)) for key in KEYS if getattr(row, key)}


def change(host: Host, scope: Scope, limits: Mapping[str, int], *, by: str, reason: str = "") -> list[str]:
    """Set limits (0: none), each in the audit first; return a line for each that is another one now.

    Parameters
    ----------
    by : str
        The command, for the audit.

    Raises
    ------
    ControlError
        It could not be written down; the text says what is in force.
    """
    with host.lock():
        before = limits_of(host, scope)
        moved = {key: value for key, value in limits.items() if before.get(key, 0) != value}
        if not moved:
            return []
        at = scope.row(host, make=True)
        lines = []
        try:
            for key, value in moved.items():
                old, new = (_shown(one, KEYS[key]) if one else "none" for one in (before.get(key, 0), value))
                _audit(host, scope, key, old, new, by=by, reason=reason)
                lines.append(f"{key} of {scope} is {new} (was {old})")
        except OSError as exc:
            raise ControlError(f"the limits of {scope} stay as they are: the change cannot be written down ({exc})") from exc
        row = ffi.new("aats_rlimits_t *", before | moved)
        check(lib.aats_risk_row_put(host.view, at, row), f"the limits of {scope} cannot be set")
        try:
            host.save()
        except OSError as exc:
            raise ControlError(f"{'; '.join(lines)}; but that could not be saved, only audited ({exc})") from exc
        return lines


def apply(host: Host, wanted: Settings, strategy: str, *, by: str) -> list[str]:
    """Apply the settings of a strategy that starts; return what changed, and what stays stricter than they say.

    A limit that was set by ``aats risk set`` is never loosened by a file: it stays until it is set again, or to ``none``.
    """
    lines: list[str] = []
    with host.lock():
        origins = _origins(risk_state.read_audit(host.namespace))
        for scope, limits in {Scope("strategy", strategy): wanted.own, **wanted.others}.items():
            before = limits_of(host, scope)
            kept = {
                key
                for key, value in limits.items()
                if origins.get((scope.kind, scope.name, key), "").startswith("aats risk") and _stricter(key, before.get(key, 0), value)
            }
            lines += [
                f"{key} of {scope} stays {_shown(before[key], KEYS[key])} (aats risk set), {by} says {_shown(limits[key], KEYS[key])}"
                for key in kept
            ]
            lines += change(host, scope, {key: value for key, value in limits.items() if key not in kept}, by=by)
    return lines


def _stricter(key: str, one: int, than: int) -> bool:
    if key == "any_book" or one == 0:
        return False
    return than == 0 or (one > than if key in _LARGER_IS_STRICTER else one < than)


def throw(host: Host, scope: Scope, switch: str, *, by: str, reason: str = "") -> str:
    """Throw the switch of a scope (one of SWITCHES); return the line that says so.

    Raises
    ------
    ControlError
        It could not be written down.  What lets less out is in force all the same: a full disk must not keep anybody from halting.
    """
    with host.lock():
        at = scope.row(host, make=True)
        row = ffi.new("aats_rlimits_t *")
        lib.aats_risk_row_read(host.view, at, row)
        old = SWITCHES[min(int(row.swtch), 2)]
        stricter = SWITCHES.index(switch) > SWITCHES.index(old)
        line = f"{scope} is {'halted' if switch == 'halt' else 'reduce only' if switch == 'reduce' else 'active'} (was {old})"

        def act() -> None:
            lib.aats_risk_row_switch(host.view, at, SWITCHES.index(switch), reason.encode()[:95])

        if stricter:
            act()
        try:
            _audit(host, scope, "switch", old, switch, by=by, reason=reason)
            if not stricter:
                act()
            host.save()
        except OSError as exc:
            in_force = SWITCHES[int(host.view.risk.swtch if scope == HOST else host.view.limits[at].swtch)] == switch
            said = (
                f"{line}, but that could not be written down" if in_force else f"{scope} stays as it is: the change cannot be written down"
            )
            raise ControlError(f"{said} ({exc})") from exc
        return line


def resume(host: Host, scope: Scope, *, by: str, reason: str = "") -> list[str]:
    """Let orders out again; for the host also where its saved state could not be read: what there is now counts then, and is saved."""
    lines = []
    with host.lock():
        if scope == HOST and int(host.view.risk.unread) != risk_state.UNREAD_NO:
            _audit(host, scope, "unread", "halted", "none", by=by, reason=reason)
            aside = risk_state.set_aside(host.namespace)
            host.view.risk.unread = risk_state.UNREAD_NO
            lines.append("the state that could not be read is given up" + (f": see {aside}" if aside else ""))
            lines += _from_audit(host, by)
        lines.append(throw(host, scope, "active", by=by, reason=reason))
    return lines


def _from_audit(host: Host, by: str) -> list[str]:
    """Set the limits and switches that the audit says were in force, where the segment has none."""
    last = {(line["scope"], line["name"], line["key"]): str(line["new"]) for line in risk_state.read_audit(host.namespace)}
    lines = []
    for (kind, name, key), value in last.items():
        scope = Scope(kind, name)
        if key in KEYS and not limits_of(host, scope).get(key):
            lines += change(host, scope, {key: parse(key, value, scope)}, by=by, reason="as the audit says")
        elif key == "switch" and scope != HOST and value != "active":
            lines.append(throw(host, scope, value, by=by, reason="as the audit says"))
    return lines


def _audit(host: Host, scope: Scope, key: str, old: str, new: str, *, by: str, reason: str) -> None:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    who = {"uid": os.getuid(), "user": user, "pid": os.getpid(), "command": by}
    risk_state.write_audit(
        host.namespace,
        {"ns": time.time_ns(), "by": who, "scope": scope.kind, "name": scope.name, "key": key, "old": old, "new": new, "reason": reason},
    )


def _origins(audit: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Return the command that set each limit last."""
    return {(line["scope"], line["name"], line["key"]): str(line["by"].get("command", "")) for line in audit}


# --------------------------------------------------------------------------------------------------------------- looking


def look(host: Host) -> dict[str, Any]:
    """Return all that the segment holds, amounts as exact decimal texts: for ``aats risk show``."""
    host.note()
    view, head = host.view, host.view.risk
    row = ffi.new("aats_rlimits_t *")
    audit = risk_state.read_audit(host.namespace)
    origins = {(line["scope"], line["name"], line["key"]): line for line in audit}
    limits, switches = [], []
    for at in range(int(head.limits_cap)):
        lib.aats_risk_row_read(view, at, row)
        if row.scope == 0:
            break
        scope = {"scope": risk_state.SCOPES[int(row.scope)], "name": text(row.name)}
        state = SWITCHES[min(int(row.swtch), 2)]
        if at == 0 or row.swtch:
            switches.append({**scope, "switch": state, "reason": text(row.reason), "by": _by(origins, scope, "switch")})
        for key, what in KEYS.items():
            if getattr(row, key):
                limits.append({**scope, "key": key, "value": _shown(int(getattr(row, key)), what), "by": _by(origins, scope, key)})
    symbols = dict(host.symbols())
    denied = {
        text(lib.aats_code_name(lib.AATS_OC_RISK_SIZE + at)): int(head.denied[at]) for at in range(len(head.denied)) if head.denied[at]
    }
    return {
        "namespace": host.namespace,
        "state": str(risk_state.state_path(host.namespace)),
        "unread": bool(head.unread),
        "switches": switches,
        "limits": limits,
        "seats": [_seat(host, at, seat, symbols) for at, seat in host.seats()],
        "totals": [_total(host, at, sym) for at, sym in symbols.items()],
        "exposure": _exposure(host, symbols),
        "today": [
            {"mode": Mode(mode).name.lower(), "orders": _day(head.orders[mode]), "cancels": _day(head.cancels[mode])}
            for mode in range(len(Mode))
            if _day(head.orders[mode]) or _day(head.cancels[mode])
        ],
        "denied": denied,
    }


def _by(origins: Mapping[tuple[str, str, str], Mapping[str, Any]], scope: Mapping[str, str], key: str) -> str:
    line = origins.get((scope["scope"], scope["name"], key))
    return "" if line is None else f"{line['by'].get('command', '')} (pid {line['by'].get('pid', 0)}, {when(line['ns'])})"


def when(ns: int) -> str:
    """Return a moment for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(ns / 1e9)) + " UTC"


def _day(rate: Any) -> int:
    return int(lib.aats_rate_today(ffi.addressof(rate), time.time_ns() // (86_400 * 10**9)))


def _amounts(cell: Any, sym: Any) -> dict[str, Any]:
    def size(value: int) -> str:
        return plain(Decimal(int(value)).scaleb(int(sym.qty_exp)))

    return {
        "symbol": text(sym.symbol),
        "mode": Mode(int(sym.mode)).name.lower(),
        "position": size(cell.pos_i),
        "buying": size(cell.buy_i),
        "selling": size(cell.sell_i),
        "open_orders": int(cell.open_cnt),
        "exposure": plain(Decimal(int(cell.exposure_i)).scaleb(_MONEY_EXP)),
        "quote": text(sym.quote),
    }


def _seat(host: Host, at: int, seat: Any, symbols: Mapping[int, Any]) -> dict[str, Any]:
    cells = {sym: host.cell(at, sym) for sym in symbols}
    return {
        "seat": at,
        "name": text(seat.name),
        "account": text(seat.account),
        "mode": Mode(int(seat.mode)).name.lower(),
        "state": _STATES.get(int(lib.aats_ident_state(seat.owner)), "?"),
        "pid": int(lib.aats_ident_pid(seat.owner)),
        "alive": bool(lib.aats_proc_alive(seat.owner)),
        "open_orders": int(seat.open_cnt),
        "orders_today": _day(seat.orders),
        "cancels_today": _day(seat.cancels),
        "symbols": [
            _amounts(cell, symbols[sym])
            for sym, cell in cells.items()
            if any((cell.pos_i, cell.buy_i, cell.sell_i, cell.open_cnt, cell.profit_i))
        ],
    }


def _total(host: Host, at: int, sym: Any) -> dict[str, Any]:
    cell = ffi.new("aats_rcell_t *")
    lib.aats_cell_sum(host.view, at, cell)
    return _amounts(cell, sym)


def _exposure(host: Host, symbols: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Return exposure and the day's result of each quote asset, over all seats."""
    assets = {(int(sym.quote_at)): (text(sym.quote), Mode(int(sym.mode)).name.lower()) for sym in symbols.values()}
    today = time.time_ns() // (86_400 * 10**9)
    seats = [seat for _, seat in host.seats()]
    return [
        {
            "asset": asset,
            "mode": mode,
            "exposure": plain(Decimal(sum(int(seat.exposure_i[at]) for seat in seats)).scaleb(_MONEY_EXP)),
            "result_today": plain(Decimal(sum(int(seat.profit_i[at]) for seat in seats if int(seat.day) == today)).scaleb(_MONEY_EXP)),
        }
        for at, (asset, mode) in assets.items()
    ]
