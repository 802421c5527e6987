"""What one run left behind, by its files: open orders, holdings, fees, day totals, and what it adopted from earlier runs.

The newest file of a run counts: it begins with a checkpoint of all before it.  One whose checkpoint is not complete (a power cut; a kill cannot do that) is
passed over for the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aats._ffi import ffi, lib
from aats.journal.places import part_of
from aats.journal.records import STRUCTS, JournalKind, Record, is_written, records
from aats.layout import dtype_of

_DAY_NS = 86_400 * 10**9


@dataclass
class Left:
    """An order as a run left it.

    Attributes
    ----------
    order_id : int
        In that run.
    instance, client_no : int
        The halves of its client id; of an order that was adopted those of the run that sent it.
    intent : numpy.void or None
        ``aats_order_t`` as it was before its bytes were made; None from a build of another layout.
    events : list of numpy.void
        ``aats_oev_t``, oldest first: all that was written down of it, delivered or not.
    order : numpy.void or None
        The newest ``aats_order_t`` of these.
    closed : bool
        Its Closed is known here, though it was not delivered; else it may be open at the venue.
    amend : (int, int) or None
        Price and size of an amend request that was not answered.
    """

    order_id: int
    instance: int
    order: np.void | None = None
    closed: bool = False
    client_no: int = 0
    intent: np.void | None = None
    events: list[np.void] = field(default_factory=list)
    amend: tuple[int, int] | None = None

    @property
    def client_id(self) -> str:
        """The id by which the venue knows it."""
        return f"{self.instance:016x}{(self.client_no or self.order_id) & (2**64 - 1):016x}"

    @property
    def symbol(self) -> str:
        """Symbol with exchange, "" where it cannot be read."""
        return "" if self.order is None else bytes(self.order["symbol"]).decode("utf-8", "replace")


@dataclass
class DayTotals:
    """What was sent on one UTC day."""

    orders: int = 0
    cancels: int = 0


@dataclass
class Run:
    """What the files of a run say.

    Attributes
    ----------
    path : Path
        The file that counts; `parts` are all that are there, oldest first.
    ended : bool
        Its last record is END: it left in order, nothing of it is open.  What follows is read of such a run by `read_run` only, not by `scan`.
    start_ns : int
        When it began, by its own clock; 0 if that cannot be read.
    checked_ns : int
        When its first checkpoint was complete; 0: it never was.  `holds`, `fees` and `days` go on from those of the run that was the newest then.
    left : dict of int to Left
        Orders whose Closed was not delivered, by their id in this run.
    holds : dict of (int, str) to numpy.void
        ``aats_hold_t`` by strategy and symbol, each fill that was written down entered.
    fees : dict of (int, str) to numpy.void
        ``aats_fee_t`` by strategy and asset, likewise.
    fills : list of numpy.void
        ``aats_oev_t`` of fills that are NOT in `holds`, because no record says which assets they are of: none, unless the disk was full.
    days : dict of int to DayTotals
        By UTC day since the epoch.
    adopted : dict of (int, int) to int
        Orders of earlier runs that went on in this one: their instance and client_no, and their id here.
    tail : int
        Bytes at the end that cannot be believed: a power cut, or another hand; never a kill.
    alien : bool
        A build of another layout wrote it: which orders are open is known, but neither what they are nor what is held.  Whoever takes over from such a run
        takes over nothing, and must say so.
    """

    path: Path
    instance: int
    ended: bool = False
    left: dict[int, Left] = field(default_factory=dict)
    tail: int = 0
    alien: bool = False
    parts: list[Path] = field(default_factory=list)
    start_ns: int = 0
    checked_ns: int = 0
    holds: dict[tuple[int, str], np.void] = field(default_factory=dict)
    fees: dict[tuple[int, str], np.void] = field(default_factory=dict)
    fills: list[np.void] = field(default_factory=list)
    days: dict[int, DayTotals] = field(default_factory=dict)
    adopted: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def open(self) -> list[Left]:
        """Orders that are not known to be closed: they may be open at the venue."""
        return [left for left in self.left.values() if not left.closed]

    @property
    def checked(self) -> bool:
        """Whether its first checkpoint is complete."""
        return self.checked_ns != 0

    @property
    def running(self) -> bool:
        """Whether a process that lives writes it."""
        return is_written(self.path)


# ----------------------------------------------------------------------------------------------------------- one run


def read_run(parts: Sequence[Path]) -> Run:
    """Return all that the files of one run say; `parts` in any order.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    ordered = sorted(parts, key=_part)
    for path in reversed(ordered):
        run = _read_file(path)
        if run.checked or path is ordered[0]:
            break
    run.parts = ordered
    if path is not ordered[0]:
        first = look_at(ordered[0])
        run.start_ns, run.checked_ns = first.start_ns, first.checked_ns or run.checked_ns
        run.adopted = first.adopted | run.adopted
    return run


def _part(path: Path) -> int:
    name = part_of(path)
    return 0 if name is None else name[1]


def _read_file(path: Path) -> Run:
    name = part_of(path)
    run = Run(path, 0 if name is None else name[0])
    reading = _Reading(run)
    tail: list[int] = []
    for record in records(path.read_bytes(), tail):
        reading.take(record)
    run.tail = tail[0]
    reading.finish()
    return run


@dataclass
class Beginning:
    """How a file begins, up to its first complete checkpoint; of one without it what it adopted is nothing."""

    start_ns: int = 0
    checked_ns: int = 0
    adopted: dict[tuple[int, int], int] = field(default_factory=dict)


def look_at(path: Path) -> Beginning:
    """Return how a file begins; mostly its first 64 KiB are read."""
    with path.open("rb") as file:
        found = _beginning(file.read(1 << 16))
        return found if found.checked_ns else _beginning(path.read_bytes())


def _beginning(raw: bytes) -> Beginning:
    found = Beginning()
    for record in records(raw):
        found.start_ns = found.start_ns or record.ns
        if record.kind == JournalKind.CHECKED:
            found.checked_ns = record.ns
            return found
        if record.kind == JournalKind.ADOPTED:
            found.adopted[_adoption(record)] = record.order_id
    return Beginning(found.start_ns)


def _adoption(record: Record) -> tuple[int, int]:
    which = ffi.new("aats_jadopt_t *")
    ffi.memmove(which, record.payload, min(len(record.payload), ffi.sizeof("aats_jadopt_t")))
    return int(which.instance), int(which.client_no)


_REFUSED_HERE = frozenset(  # requests that never went out: what they say of the order says nothing of one that is under way
    {
        lib.AATS_OC_AMEND_PENDING,
        lib.AATS_OC_CANCEL_PENDING,
        lib.AATS_OC_CLOSING,
        lib.AATS_OC_FENCED,
        lib.AATS_OC_HALTED,
        lib.AATS_OC_NOTIONAL,
        lib.AATS_OC_NUMBER,
        lib.AATS_OC_OFF_LOT,
        lib.AATS_OC_OFF_TICK,
        lib.AATS_OC_PRICE_BAND,
        lib.AATS_OC_PRICE_RANGE,
        lib.AATS_OC_SIZE_RANGE,
    }
)


def _answers(event: np.void, asked: tuple[int, int]) -> bool:
    """Return whether an event of an order answers the amend request that is under way.  In doubt not: then the venue is asked."""
    kind, order = int(event["kind"]), event["order"]
    if kind == lib.AATS_OEV_AMENDED:
        return int(order["px_i"]) == asked[0] and int(order["qty_i"]) in (asked[1], int(order["cum_qty_i"]))
    return kind == lib.AATS_OEV_AMEND_REJECTED and int(event["code"]) not in _REFUSED_HERE


class _Reading:
    """The state of reading one file, record by record."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.holds: dict[tuple[int, str], Any] = {}
        self.fees: dict[tuple[int, str], Any] = {}
        self.trades: dict[int, set[int]] = {}  # ids of the fills of an order
        self.aliens: set[int] = set()  # orders of other runs, before CHECKED
        self.first = _part(run.path) == 0

    def take(self, record: Record) -> None:
        self.run.ended = record.kind == JournalKind.END
        self.run.alien = self.run.alien or (record.data is None and record.kind in STRUCTS)
        verb = _VERBS.get(record.kind)
        if verb is not None:
            verb(self, record)

    def start(self, record: Record) -> None:
        self.run.instance, self.run.start_ns = record.instance, record.ns

    def counts(self, instance: int) -> bool:
        """Return whether what is said of an order is news: a checkpoint says again what was counted when it was said first."""
        return self.run.checked or (self.first and instance in (0, self.run.instance))

    def intent(self, record: Record) -> None:
        run, order = self.run, record.data
        left = Left(record.order_id, run.instance, order, client_no=record.order_id, intent=order)
        if order is not None and int(order["instance"]) != 0:
            left.instance, left.client_no = int(order["instance"]), int(order["client_no"]) or record.order_id
        run.left[record.order_id] = left
        if self.counts(left.instance):
            self.day(record.ns).orders += 1
        elif self.first:
            self.aliens.add(record.order_id)

    def cancel(self, record: Record) -> None:
        self.day(record.ns).cancels += 1

    def event(self, record: Record) -> None:
        event = record.data
        if event is None:
            return
        left = self.run.left.get(record.order_id)
        if left is not None:
            left.order = event["order"]
            left.events.append(event)
            left.closed = left.closed or int(event["kind"]) == lib.AATS_OEV_CLOSED
            if left.amend is not None and _answers(event, left.amend):
                left.amend = None
        if int(event["kind"]) == lib.AATS_OEV_EXEC:
            trades, trade = self.trades.setdefault(record.order_id, set()), int(event["trade_id"])
            if self.counts(int(event["order"]["instance"])) and trade not in trades:
                self.fill(record.payload, event)
            trades.add(trade)

    def fill(self, payload: bytes, event: np.void) -> None:
        ev = ffi.from_buffer("aats_oev_t[]", payload)
        key = int(ev[0].order.strategy), ffi.string(ev[0].order.symbol).decode("utf-8", "replace")
        hold = self.holds.get(key)
        if hold is None or lib.aats_hold_fill(hold, ev) != lib.AATS_OK:
            self.run.fills.append(event)
        elif ev[0].fee_i != 0 and ev[0].fee_asset[0] != b"\0":
            self.fee_paid(key[0], bytes(ffi.string(ev[0].fee_asset)), ev[0].fee_i, ev[0].fee_exp)

    def fee_paid(self, strategy: int, asset: bytes, amount: int, exp: int) -> None:
        key = strategy, asset.decode("utf-8", "replace")
        fee = self.fees.get(key)
        if fee is None:
            fee = self.fees[key] = ffi.new("aats_fee_t *", {"asset": asset, "fee_exp": exp, "strategy": strategy})
        finest = min(int(fee.fee_exp), exp)
        total = _wide(fee.amount) * 10 ** (int(fee.fee_exp) - finest) + amount * 10 ** (exp - finest)
        fee.fee_exp, fee.amount.lo, fee.amount.hi = finest, total & (2**64 - 1), total >> 64

    def told(self, record: Record) -> None:
        self.run.left.pop(record.order_id, None)
        self.trades.pop(record.order_id, None)

    def hold(self, record: Record) -> None:
        if record.data is not None:
            hold = ffi.new("aats_hold_t *")
            ffi.memmove(hold, record.payload, len(record.payload))
            self.holds[int(hold.strategy), ffi.string(hold.symbol).decode("utf-8", "replace")] = hold

    def fee(self, record: Record) -> None:
        if record.data is not None:
            fee = ffi.new("aats_fee_t *")
            ffi.memmove(fee, record.payload, len(record.payload))
            self.fees[int(fee.strategy), ffi.string(fee.asset).decode("utf-8", "replace")] = fee

    def day_totals(self, record: Record) -> None:
        day = ffi.new("aats_jday_t *")
        ffi.memmove(day, record.payload, min(len(record.payload), ffi.sizeof("aats_jday_t")))
        self.run.days[int(day.day)] = DayTotals(int(day.orders), int(day.cancels))

    def day(self, ns: int) -> DayTotals:
        return self.run.days.setdefault(ns // _DAY_NS, DayTotals())

    def amend(self, record: Record) -> None:
        left, asked = self.run.left.get(record.order_id), ffi.new("aats_jamend_t *")
        if left is not None:
            ffi.memmove(asked, record.payload, min(len(record.payload), ffi.sizeof("aats_jamend_t")))
            left.amend = int(asked.px_i), int(asked.qty_i)

    def adopt(self, record: Record) -> None:
        self.run.adopted[_adoption(record)] = record.order_id

    def checkpoint(self, record: Record) -> None:
        self.run.checked_ns = self.run.checked_ns or record.ns
        self.aliens.clear()

    def finish(self) -> None:
        """Drop what an adoption that was not completed said: it is the earlier run's still."""
        run = self.run
        if not run.checked:
            run.adopted.clear()
            for order_id in self.aliens:
                run.left.pop(order_id, None)
        run.holds = {key: _as_numpy(hold, "aats_hold_t") for key, hold in self.holds.items()}
        run.fees = {key: _as_numpy(fee, "aats_fee_t") for key, fee in self.fees.items()}


_VERBS = {
    int(JournalKind.START): _Reading.start,
    int(JournalKind.INTENT): _Reading.intent,
    int(JournalKind.CANCEL): _Reading.cancel,
    int(JournalKind.EVENT): _Reading.event,
    int(JournalKind.TOLD): _Reading.told,
    int(JournalKind.HOLD): _Reading.hold,
    int(JournalKind.FEE): _Reading.fee,
    int(JournalKind.DAY): _Reading.day_totals,
    int(JournalKind.CHECKED): _Reading.checkpoint,
    int(JournalKind.ADOPTED): _Reading.adopt,
    int(JournalKind.AMEND): _Reading.amend,
}


def _wide(value: Any) -> int:
    return (int(value.hi) << 64) + int(value.lo)


def _as_numpy(struct: Any, name: str) -> np.void:
    one: np.void = np.frombuffer(bytes(ffi.buffer(struct)), dtype_of(name))[0]
    return one
