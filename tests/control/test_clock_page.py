"""The clock page of a namespace among whole processes: somebody keeps it, whoever is killed or stopped, and all read one time.

(Its lock and its line: tests/c/test_clock.c; every order of its writes: tests/race/test_clock.c.)
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aats import control
from aats._ffi import ffi, lib
from aats.layout import CTL_OFFSET, Role
from aats.table import Table

from .conftest import eventually

Start = Callable[..., control.Child]

pytestmark = pytest.mark.skipif(not lib.aats_clock_good(), reason="the processor's counter is not one to read time from here")

_FAR_NS = 100_000  # more than any error of the page, less than what a torn one would show


@pytest.fixture
def reading(namespace: str) -> Iterator[Callable[[Table], list[str]]]:
    """Give a function that has this process read the table's page, without keeping it, in a thread that notes each time that is wrong."""
    over = threading.Event()
    wrong: list[str] = []
    threads: list[threading.Thread] = []
    mapped: list[Table] = []

    def look() -> None:
        while not over.is_set():
            before, ours, after = lib.aats_system_mono_ns(), lib.aats_mono_ns(), lib.aats_system_mono_ns()
            if not before - _FAR_NS <= ours <= after + _FAR_NS:
                wrong.append(f"mono {ours} is not between {before} and {after}")

    def begin(table: Table) -> list[str]:
        mapped.append(table)  # until nobody reads it
        assert lib.aats_clock_use(ffi.addressof(page_of(table)), 1)
        threads.append(threading.Thread(target=look))
        threads[-1].start()
        return wrong

    yield begin
    over.set()
    for thread in threads:
        thread.join()
    lib.aats_clock_use(ffi.NULL, 0)
    mapped.clear()


def page_of(table: Table) -> Any:
    return table.segment.pointer("aats_ctl_t", CTL_OFFSET).clock


def keeper(table: Table) -> int:
    return int(lib.aats_ident_pid(page_of(table).keeper))


def kept_by(table: Table, *pids: int) -> bool:
    return keeper(table) in pids and bool(lib.aats_clock_reads())


def test_a_process_without_a_table_reads_the_kernels_clock(namespace: str) -> None:
    lib.aats_clock_keep(lib.aats_system_mono_ns())
    assert not lib.aats_clock_reads()


def test_a_member_that_is_told_not_to_use_the_counter_neither_reads_nor_keeps(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_CLOCK", "system")
    with control.join(Role.TRADE, "one") as me:
        for _ in range(60):
            me.tick()
            time.sleep(0.001)
        assert not lib.aats_clock_reads()
        assert page_of(me.table).writes == 0


def test_a_member_keeps_the_page_and_gives_the_kernels_clock_back_when_it_leaves(namespace: str) -> None:
    with control.join(Role.TRADE, "one") as me, control.join(Role.FEED, "two") as other:
        eventually(lambda: me.tick() or lib.aats_clock_reads())
        assert keeper(me.table) == os.getpid()
        other.leave()
        assert lib.aats_clock_reads(), "this process is still in the table, in another role"
        page, seen = page_of(me.table), time.monotonic_ns()
        assert abs(int(lib.aats_now_ns()) - time.time_ns()) < 10_000_000
        assert page.seq % 2 == 0 and 0 < page.err_ns < 10_000
        assert abs(page.mono_ns - seen) < 10_000_000_000
    assert not lib.aats_clock_reads()


def test_killed_and_stopped_keepers_are_replaced_and_no_time_is_wrong_meanwhile(
    start: Start, reading: Callable[[Table], list[str]]
) -> None:
    children = {child.pid: child for child in (start("--name", f"feed-{n}") for n in range(3))}
    table = Table.open()
    wrong = reading(table)
    eventually(lambda: kept_by(table, *children))

    stopped = keeper(table)
    os.kill(stopped, signal.SIGSTOP)
    others = [pid for pid in children if pid != stopped]
    eventually(lambda: kept_by(table, *others))
    killed = keeper(table)
    os.kill(killed, signal.SIGKILL)
    os.kill(stopped, signal.SIGCONT)
    living = [pid for pid in children if pid != killed]
    eventually(lambda: kept_by(table, *living))
    last = keeper(table)
    os.kill(last, signal.SIGKILL)
    children[last].process.wait()
    (left,) = (pid for pid in living if pid != last)
    eventually(lambda: kept_by(table, left))
    assert not wrong, wrong[:3]


def test_without_a_keeper_the_page_grows_old_and_the_kernels_clock_is_read(start: Start, reading: Callable[[Table], list[str]]) -> None:
    child = start()
    table = Table.open()
    wrong = reading(table)
    eventually(lambda: kept_by(table, child.pid))
    child.process.kill()
    eventually(lambda: not lib.aats_clock_reads())
    assert not wrong, wrong[:3]
