"""A risk segment in private memory, and processes that only exist in a test: what the supervisor's step function needs to run without a host.

For: tests of the supervisor.  Not for the segment itself (tests/c/test_seat.c) nor for real processes (tests/live).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aats._ffi import ffi, lib, text
from aats.errors import AatsError
from aats.layout import Mode
from aats.supervisor_job import Clearing, Job

SUPERVISOR = int(lib.aats_ident(77, 7))
SECOND = 1_000_000_000
MS = 1_000_000


class Seats:
    """A risk segment of a few seats and symbols."""

    def __init__(self, seats: int = 4, symbols: int = 4) -> None:
        size = int(lib.aats_risk_size(seats, symbols, 4, 4))
        assert size > 0
        raw = ffi.new("uint8_t[]", size + 64)
        at = -int(ffi.cast("uintptr_t", raw)) % 64
        self.memory = raw + at
        self._raw = raw
        assert lib.aats_risk_init(self.memory, size, seats, symbols, 4, 4) == lib.AATS_OK
        self.size = size
        self.view = ffi.new("aats_risk_view_t *")
        why = ffi.new("char[]", 400)
        head = ffi.cast("aats_seg_t *", self.memory)
        code = lib.aats_seg_init(head, size, lib.AATS_KIND_RISK, b"host", 1, SUPERVISOR, 1, b"boot", b"test")
        assert code == lib.AATS_OK
        lib.aats_seg_ready(head)
        code = lib.aats_risk_attach(self.memory, size, self.view, why, 400)
        assert code == lib.AATS_OK, text(why)

    def symbol(self, name: str = "BTCUSDT.BINANCE", mark_px_i: int = 0) -> int:
        at = int(lib.aats_risk_symbol(self.view, name.encode(), b"USDT", int(Mode.SIM), -8, -8))
        assert at >= 0
        self.view.syms[at].mark_px_i = mark_px_i
        return at

    def take(
        self,
        owner: int,
        name: str = "maker",
        *,
        account: str = "binance-0badcafe",
        instance: int = 1,
        on_death: int = 0,
        grace_ms: int = 0,
        hang_ms: int = 0,
        dead: int = 0,
        mode: Mode = Mode.SIM,
    ) -> int:
        """Take a seat as a trade process does; its index, or a negative code."""
        seat = ffi.new("aats_seat_t *")
        seat.instance, seat.mode, seat.on_death, seat.grace_ms, seat.hang_ms = instance, int(mode), on_death, grace_ms, hang_ms
        seat.name, seat.account = name.encode(), account.encode()
        return int(lib.aats_seat_take(self.view, owner, seat, dead, 0))

    def owner(self, at: int) -> int:
        return int(self.view.seats[at].owner)

    def state(self, at: int) -> int:
        return int(lib.aats_ident_state(self.owner(at)))

    def beat(self, at: int, mono_ns: int) -> None:
        self.view.seats[at].beat_mono_ns = mono_ns

    def cell(self, at: int, sym: int, **values: int) -> Any:
        """Return a copy of a cell; with values, set them first."""
        cell = ffi.new("aats_rcell_t *")
        lib.aats_cell_read(self.view, at, sym, cell)
        if values:
            for key, value in values.items():
                setattr(cell, key, value)
            lib.aats_cell_set(self.view, at, sym, cell)
        return cell


@dataclass
class Canceled:
    """A clearing whose venue answers when the test says so."""

    job: Job
    clean: bool = False
    last: str = "asks"
    doubtful: bool = False
    moved: int = 0
    looks: int = 0
    closed: bool = False

    def step(self, now_ns: int, mono_ns: int) -> int:
        return 0

    def look(self) -> None:
        self.looks += 1
        self.clean = False

    def position(self, symbol: str, counted: int) -> int:
        return counted + self.moved

    def close(self) -> None:
        self.closed = True


@dataclass
class Fake:
    """The outside world of a supervisor, as the test wants it."""

    dead: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)  # owners that are not in RUN
    there: set[int] = field(default_factory=set)  # instances whose process is still there
    refuse: str = ""
    missing: str = ""
    begun: list[Canceled] = field(default_factory=list)
    said: list[tuple[int, str]] = field(default_factory=list)

    def alive(self, owner: int) -> bool:
        return int(lib.aats_ident_bare(owner)) not in self.dead

    def runs(self, owner: int) -> bool:
        return int(lib.aats_ident_bare(owner)) not in self.slow

    def lives(self, instance: int) -> bool:
        return instance in self.there

    def lacks(self, job: Job) -> str:
        return self.missing

    def clear(self, job: Job) -> Clearing:
        if self.refuse:
            raise AatsError(self.refuse)
        self.begun.append(Canceled(job))
        return self.begun[-1]

    def say(self, level: int, line: str) -> None:
        self.said.append((level, line))
