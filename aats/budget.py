"""The host's rate budgets as Python sees them: REST requests take from the same ones as order sessions, and their answers count for all.

For: whoever asks a venue over REST (feeds, trade processes, account commands), whoever opens an order session, and ``aats budget``.  Not for the counting
itself (csrc/risk/budget.h) nor for the user's own limits (``aats.risk``).

A budget lies in the segment ``risk.host`` and is found by its name, which is that of an address or an account and what is counted:

========================================  ==========================================================================================
``addr binance direct weight``            request weight of this host's address, over REST and WebSocket, of all processes
``addr binance direct requests``          requests of any weight
``addr binance direct connects``          attempts to open a WebSocket
``addr binance direct orders``            counts nothing: what exchangeInfo said that each account may send
``binance-1a2b3c4d orders``               new orders of one account, of all strategies
========================================  ==========================================================================================
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ConfigError, SegmentMissing, ShmError
from aats.shm.risk import Host, name_of, open_host

__all__ = ["HostBudget", "Usage", "address_of", "budgets_of", "give", "usage"]

log = logging.getLogger("aats.budget")

MINUTE_NS = 60_000_000_000
#: Of an address's limits so much is for cancels alone; as in csrc/app/session_budget.c.
RESERVE_PART = 20
#: What is counted until the venue's exchangeInfo has said so itself: kind, span in ns, limit (exchanges/binance_spot.md section 1).
EXPECTED = (("weight", MINUTE_NS, 6000), ("requests", 5 * MINUTE_NS, 300_000))

_UNITS_NS = {"SECOND": 1_000_000_000, "MINUTE": MINUTE_NS, "HOUR": 60 * MINUTE_NS, "DAY": 1440 * MINUTE_NS}
_KINDS = {"REQUEST_WEIGHT": "weight", "RAW_REQUESTS": "requests", "CONNECTIONS": "connects", "ORDERS": "orders"}
_LANES = ("order", "cancel", "query", "bulk")


def address_of(exchange: str, mode: str, rest: str) -> str:
    """Return the name of this host's address at a venue: one for each mode, and for a simulated exchange one for each place.

    Parameters
    ----------
    exchange : str
        ``"BINANCE"``.
    mode : str
        ``"direct"``, ``"sandbox"``, ``"sim"``, in any case.
    rest : str
        Where its REST is; told apart by it are simulated exchanges alone.
    """
    name = f"addr {exchange.lower()} {mode.lower()}"
    return f"{name} {urlsplit(rest).netloc}"[:38].rstrip() if mode.lower() == "sim" else name


class _Table:
    """The budgets of a risk segment, which stays mapped for good: sessions in C keep pointers into it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.view = host.view

    def find(self, name: str) -> Any:
        found = lib.aats_budget_find(self.view, name.encode())
        if found == ffi.NULL:
            raise ShmError(f"{self.host.segment.name}: no room for the budget {name!r}")
        return found


class _Alone:
    """Budgets of this process alone."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def find(self, name: str) -> Any:
        return self._made.setdefault(name, ffi.new("aats_budget_t *"))


_kept: list[_Table] = []
_keeping = threading.Lock()


def _open(*, create: bool = True) -> _Table:
    """Map the risk segment of the namespace in force, once; the caller is of its control table, or says create=False."""
    name = name_of()
    with _keeping:
        for table in _kept:
            if table.host.segment.name == name and table.host.current:
                return table
        table = _Table(open_host(create=create))
        _kept.append(table)
        return table


class HostBudget:
    """What this host may ask one address of, shared with all its processes; where there is no risk segment, with nobody.

    Parameters
    ----------
    address : str
        Of `address_of`.
    member : bool
        Whether this process is of the control table; else it uses a segment that is there, and makes none.

    Notes
    -----
    Threads: any.  The segment is opened at the first request.
    """

    def __init__(self, address: str, *, member: bool = True, table: Any = None, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.address = address
        self._member = member
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._found: dict[str, Any] = {}
        self._table = table

    def _of(self, kind: str) -> Any:
        with self._lock:
            if self._table is None:
                self._table = self._opened()
            found = self._found.get(kind)
            if found is None:
                found = self._found[kind] = self._find(f"{self.address} {kind}")
                for expected, span_ns, limit in EXPECTED:
                    if expected == kind:
                        lib.aats_budget_expect(found, span_ns, limit, limit // RESERVE_PART)
            return found

    def _find(self, name: str) -> Any:
        try:
            return self._table.find(name)
        except ShmError as exc:
            log.warning("%s; this process counts for itself alone", exc)
            self._table = _Alone()
            return self._table.find(name)

    def _opened(self) -> Any:
        try:
            return _open(create=self._member)
        except SegmentMissing:
            return _Alone()
        except AatsError as exc:
            log.warning("%s: no host-wide budget: %s; this process counts for itself alone", self.address, exc)
            return _Alone()

    def wait_s(self, weight: int, *, cancels: bool = False) -> float:
        """Take `weight`: 0, or how many seconds to wait before it is worth asking again; then nothing was taken."""
        lane = lib.AATS_LANE_CANCEL if cancels else lib.AATS_LANE_BULK
        now = self._clock_ns()
        requests, weights = self._of("requests"), self._of("weight")
        wait = lib.aats_budget_room(requests, lane, 1, now)
        wait = wait or lib.aats_budget_take(weights, lane, weight, now)
        if not wait:
            lib.aats_budget_take(requests, lane, 1, now)
        return float(wait) / 1e9

    def told(self, used: int) -> None:
        """Take the venue's own count of weight in its present minute (X-MBX-USED-WEIGHT-1M)."""
        lib.aats_budget_told(self._of("weight"), MINUTE_NS, used, 0, self._clock_ns())

    def limits(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the limits of an exchangeInfo; rows that say nothing to us are left out."""
        for row in rows:
            kind = _KINDS.get(str(row.get("rateLimitType")))
            unit = _UNITS_NS.get(str(row.get("interval")), 0)
            num, limit = row.get("intervalNum"), row.get("limit")
            if kind is None or not unit or not isinstance(num, int) or not isinstance(limit, int):
                continue
            reserve = limit // RESERVE_PART if kind in ("weight", "requests") else 0
            lib.aats_budget_limit(self._of(kind), unit * num, limit, reserve)

    def close(self, seconds: float, *, banned: bool = False) -> None:
        """Let nobody of this host ask for so long: the venue said so."""
        lib.aats_budget_hold(self._of("weight"), self._clock_ns() + int(seconds * 1e9), banned)


def budgets_of(exchange: str, mode: str, rest: str, *, member: bool = True) -> HostBudget:
    """Return what REST requests to a venue take from; `member` is False for commands that look at an account from outside."""
    return HostBudget(address_of(exchange, mode, rest), member=member)


def give(session: Any, account: str, address: str) -> bool:
    """Give an ``aats_session_t *`` the budgets of its account and address; before its first pass.

    Returns
    -------
    bool
        False, with a warning, where the table has no room for their names: then the session counts for itself alone.

    Raises
    ------
    AatsError
        There is no risk segment.
    """
    segment = _open().host.segment
    code = lib.aats_session_budgets(session, segment._base, segment.size, account.encode(), address.encode())
    if code == lib.AATS_E_FULL:
        log.warning("%s: no room for the budgets of %s at %s; its orders count for themselves alone", segment.name, account, address)
        return False
    if code != lib.AATS_OK:
        raise ConfigError(f"{segment.name}: no budgets for {account} at {address} ({text(lib.aats_err_name(code))})")
    return True


# ------------------------------------------------------------------------------------------------------------- usage


@dataclass(frozen=True)
class Usage:
    """One interval of one budget, now.

    Attributes
    ----------
    used : int
        Counted in the last `span_s` (and the slack): taken here, and what the venue told of others.
    told, told_s : int, float or None
        The venue's own count, and how long ago it was told; None: never.
    waits : dict
        Times that somebody had to wait, by lane, since the segment was made.
    hold_s : float
        So long nobody may ask; `banned`: because the address is banned.
    """

    name: str
    span_s: float
    limit: int
    reserve: int
    used: int
    told: int
    told_s: float | None
    foreign: int
    taken: dict[str, int]
    waits: dict[str, int]
    hold_s: float
    banned: bool
    holds: int


def usage(table: Any = None, now_ns: int | None = None) -> list[Usage]:
    """Return all intervals of all budgets of this namespace, by name."""
    try:
        table = _open(create=False) if table is None else table
    except SegmentMissing:
        return []
    now = time.monotonic_ns() if now_ns is None else now_ns
    out = []
    banned = ffi.new("int *")
    for at in range(table.view.risk.budget_cap):
        one = table.view.budgets[at]
        if not lib.aats_ident_state(one.state):
            continue
        hold_ns = lib.aats_budget_wait(ffi.addressof(one), now, banned)
        by_lane = ({lane: int(words[i]) for i, lane in enumerate(_LANES)} for words in (one.taken, one.waits))
        taken, waits = by_lane
        for span in one.spans:
            if not span.span_ns or not span.limit:
                continue
            out.append(
                Usage(
                    name=text(one.name),
                    span_s=span.span_ns / 1e9,
                    limit=int(span.limit),
                    reserve=int(span.reserve),
                    used=int(lib.aats_budget_used(ffi.addressof(one), span.span_ns, now)),
                    told=int(span.told),
                    told_s=(now - int(span.told_mono_ns)) / 1e9 if span.told_mono_ns else None,
                    foreign=int(span.foreign),
                    taken=taken,
                    waits=waits,
                    hold_s=hold_ns / 1e9,
                    banned=bool(banned[0]),
                    holds=int(one.holds),
                )
            )
    return sorted(out, key=lambda row: (row.name, row.span_s))
