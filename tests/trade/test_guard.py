"""The jitter guard: each cause of a gap is named, waiting is none, and garbage is collected while nothing comes."""

from __future__ import annotations

import contextlib
import gc
import logging
import mmap
import os
import resource
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import cpus, stalls
from aats.base_strategy import BaseStrategy
from aats.config import GuardOptions, guard_options
from aats.errors import ConfigError
from aats.layout import StallCause
from aats.trade_garbage import Garbage
from aats.trade_guard import Guard
from aats.trade_service import TradeService

from .conftest import BTC
from .synthetic import SyntheticFeed

MID = 2_000_000_000_000
#: Long enough that nothing else is half of it.
LONG_S = 0.02


class Stopper(BaseStrategy):
    """Calls `act` at each quote, and ends the run when `enough` says so, or by a timer after 60 s: on a busy host most gaps have another cause too."""

    def __init__(self, act: Callable[[Stopper], object], enough: Callable[[Stopper], object]) -> None:
        self.act, self.enough = act, enough
        self.turns = 0
        self.late = False

    def onStart(self) -> None:
        self.set_timer("late", 60_000)
        self.set_timer("look", 20)

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.turns += 1
        self.act(self)

    def onTimer(self, name: str) -> None:
        self.late = name == "late"
        if self.late or self.enough(self):
            self.manager.stop()

    def close(self) -> None:
        pass

    def counts(self) -> dict[StallCause, int]:
        return {cause: cnt for cause, (cnt, _) in stalls.totals(self.manager._session.segment).items()}

    def kept(self) -> list[stalls.Stall]:
        return stalls.stalls(self.manager._session.segment)


def run(strategy: BaseStrategy, *, wait: str = "sleep", **guard: Any) -> TradeService:
    service = TradeService({1: BTC}, name="guarded", wait=wait, guard={"stall_us": 2_000, **guard})
    service.add_md_symbol("BTCUSDT", "BINANCE")
    service.add_strategy(strategy)
    service.run()
    return service


@contextlib.contextmanager
def quoting(feed: SyntheticFeed) -> Iterator[None]:
    """Publish a book every few milliseconds from a thread of this process."""
    over = threading.Event()

    def publish() -> None:
        mid = MID
        while not over.wait(0.005):
            mid += 1_000_000
            feed.book(0, mid)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def forced(feed: SyntheticFeed, act: Callable[[Stopper], object], cause: StallCause, **options: Any) -> Stopper:
    """Run until a gap of `cause` was told."""
    seen: list[stalls.Stall] = []

    def enough(strategy: Stopper) -> bool:
        seen[:] = [one for one in strategy.kept() if one.cause == cause]
        return bool(seen)

    strategy = Stopper(act, enough)
    strategy.seen = seen  # type: ignore[attr-defined]
    with quoting(feed):
        run(strategy, **options)
    assert seen, f"no gap was put down to {cause.name}"
    return strategy


# ------------------------------------------------------------------------------------------------------------- gaps


def test_a_callback_that_works_or_sleeps_is_named(make_feed: Callable[..., SyntheticFeed]) -> None:
    strategy = forced(make_feed(), lambda self: time.sleep(LONG_S), StallCause.CALLBACK)
    gap = strategy.seen[0]  # type: ignore[attr-defined]
    assert gap.gap_ns >= LONG_S * 1e9 and gap.ns > 1e18


def test_collecting_a_large_graph_is_named_with_its_generation(make_feed: Callable[..., SyntheticFeed]) -> None:
    graph = [[i] for i in range(200_000)]

    def collect(self: Stopper) -> None:
        if self.turns % 4 == 0:
            graph.append([0])
            gc.unfreeze()
            gc.collect()

    gap = forced(make_feed(), collect, StallCause.GC).seen[0]  # type: ignore[attr-defined]
    assert gap.generation == 2 and 2 * gap.gc_ns >= gap.gap_ns and graph


def test_pages_mapped_in_are_named(make_feed: Callable[..., SyntheticFeed]) -> None:
    def touch(self: Stopper) -> None:
        if self.turns % 4 == 0:
            with mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:
                fresh.madvise(mmap.MADV_NOHUGEPAGE)
                fresh[:: mmap.PAGESIZE] = bytes(len(fresh) // mmap.PAGESIZE)

    gap = forced(make_feed(), touch, StallCause.FAULT).seen[0]  # type: ignore[attr-defined]
    assert gap.minor >= 1000 or gap.major > 0


def test_pages_read_from_a_file_are_named(make_feed: Callable[..., SyntheticFeed], tmp_path: Path) -> None:
    path = tmp_path / "cold"
    path.write_bytes(os.urandom(8 << 20))

    def read(self: Stopper) -> None:
        if self.turns % 4:
            return
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as cold:
                cold.madvise(mmap.MADV_RANDOM)
                assert len(cold[:: mmap.PAGESIZE]) == (8 << 20) // mmap.PAGESIZE

    gap = forced(make_feed(), read, StallCause.FAULT).seen[0]  # type: ignore[attr-defined]
    assert gap.major > 0 or gap.minor > 0


def test_a_core_that_somebody_else_has_is_named(make_feed: Callable[..., SyntheticFeed]) -> None:
    core = cpus.usable()[-1]
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])  # on the core of the loop, and never asleep
    os.sched_setaffinity(burner.pid, {core})
    try:
        gap = forced(make_feed(), lambda self: sum(range(300_000)), StallCause.SWITCH, cpu=core).seen[0]  # type: ignore[attr-defined]
    finally:
        burner.kill()
        burner.wait()
    assert gap.involuntary > 0


def test_a_thread_that_holds_the_interpreter_is_named(make_feed: Callable[..., SyntheticFeed]) -> None:
    feed, over = make_feed(), threading.Event()
    was = sys.getswitchinterval()

    def hold() -> None:
        while not over.is_set():
            sum(range(200_000))

    holder = threading.Thread(target=hold)
    sys.setswitchinterval(0.01)
    holder.start()
    try:
        forced(feed, lambda self: None, StallCause.GIL)
    finally:
        over.set()
        sys.setswitchinterval(was)
        holder.join()


@pytest.mark.parametrize("wait", ["sleep", "yield"])
def test_waiting_is_no_gap(make_feed: Callable[..., SyntheticFeed], wait: str) -> None:
    """Nothing comes for a second and a half, in which the loop sleeps 50 us at a time: that time is in no gap."""
    begin = time.monotonic()
    told: dict[StallCause, tuple[int, int]] = {}

    def look(self: Stopper) -> bool:
        told.update(stalls.totals(self.manager._session.segment))
        return time.monotonic() - begin > 1.5

    make_feed()
    run(Stopper(lambda self: None, look), wait=wait, stall_us=20)
    assert told[StallCause.HOST][1] + told[StallCause.SWITCH][1] < 0.5e9, told


def test_gaps_are_told_in_one_line_with_their_causes(make_feed: Callable[..., SyntheticFeed], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aats.trade"), quoting(make_feed()):
        run(Stopper(lambda self: time.sleep(LONG_S), lambda self: "stood still" in caplog.text))
    line = next(one.getMessage() for one in caplog.records if "stood still" in one.getMessage())
    assert line.startswith("guarded: the loop stood still for more than 2000 us: ") and "callback" in line


def test_no_limit_no_gaps(make_feed: Callable[..., SyntheticFeed]) -> None:
    heads: list[int] = []

    def look(self: Stopper) -> bool:
        heads.append(sum(self.counts().values()))
        return self.turns > 3

    with quoting(make_feed()):
        run(Stopper(lambda self: time.sleep(LONG_S), look), stall_us=0)
    assert heads and not any(heads)


# ---------------------------------------------------------------------------------------------------------- garbage


class Ring:
    """Refers to itself: only a collection ends it."""

    def __init__(self) -> None:
        self.me = self


def test_cycles_of_a_strategy_end_in_idle_time(make_feed: Callable[..., SyntheticFeed]) -> None:
    alive: weakref.WeakSet[Ring] = weakref.WeakSet()
    made = 0

    def make(self: Stopper) -> None:
        nonlocal made
        for _ in range(400):
            alive.add(Ring())
            made += 1

    enabled: list[bool] = []
    callbacks = list(gc.callbacks)
    with quoting(make_feed()):
        service = run(Stopper(make, lambda self: enabled.append(gc.isenabled()) or made - len(alive) > 2_000))
    assert service.guard is not None
    assert not any(enabled), "Python's own collector stays off"
    assert service.guard.counts.young > 0 and service.guard.counts.freed >= 2_000 and service.guard.counts.forced == 0
    assert gc.isenabled() and gc.get_freeze_count() == 0 and gc.callbacks == callbacks, "afterwards everything is as it was"


def test_a_strategy_that_switches_collection_on_is_left_alone(make_feed: Callable[..., SyntheticFeed]) -> None:
    def make(self: Stopper) -> None:
        gc.enable()
        for _ in range(400):
            Ring()

    with quoting(make_feed()):
        service = run(Stopper(make, lambda self: self.turns > 20))
    assert service.guard is not None and service.guard.counts.young == 0
    assert gc.isenabled()


@pytest.fixture
def garbage() -> Iterator[Callable[..., Garbage]]:
    made: list[Garbage] = []

    def make(memory: Callable[[], int] | None = None, **options: Any) -> Garbage:
        made.append(Garbage("test", GuardOptions(**options)))
        if memory is not None:
            made[-1].memory = memory  # type: ignore[method-assign]
        made[-1].begin()
        return made[-1]

    yield make
    for one in made:
        one.end()


def test_nothing_is_collected_while_events_come(garbage: Callable[..., Garbage]) -> None:
    one = garbage(warm_up_ms=0)
    rings = [Ring() for _ in range(5_000)]
    for second in range(100):
        one.look(0, 1_000.0 + second)
    assert (one.counts.young, one.counts.full) == (0, 0) and rings
    one.look(1_000_000, 2_000.0)
    one.look(1_000_000, 2_000.1)
    assert one.counts.young + one.counts.full > 0


def test_above_the_ceiling_all_is_collected_even_while_events_come_and_said_once_a_minute(
    garbage: Callable[..., Garbage], caplog: pytest.LogCaptureFixture
) -> None:
    used = 100 << 20
    one = garbage(lambda: used, memory_mb=16)
    lost = weakref.ref(Ring())
    used += 17 << 20
    with caplog.at_level(logging.WARNING, "aats.trade"):
        for second in range(1, 60):
            one.look(0, 1_000.0 + second)
            used += 1 << 20  # and it goes on growing: once each 4 MiB, not at each look
    assert lost() is None
    assert 1 < one.counts.forced <= 59 // 4
    assert caplog.text.count("memory has grown by") == 1 and "guard.memory_mb 16" in caplog.text


def test_a_collection_that_was_asked_for_waits_for_idle_time(garbage: Callable[..., Garbage]) -> None:
    one = garbage(warm_up_ms=600_000)
    lost = weakref.ref(Ring())
    one.ask()
    one.look(0, 1_000.0)
    assert lost() is not None
    one.look(1_000_000, 1_000.1)
    assert lost() is None and one.counts.full == 1


def test_after_warm_up_what_the_strategy_has_built_is_frozen(garbage: Callable[..., Garbage]) -> None:
    one = garbage(warm_up_ms=1_000)
    before = gc.get_freeze_count()
    kept = [[i] for i in range(3_000)]
    one.look(1_000_000, time.monotonic() + 2.0)
    assert gc.get_freeze_count() >= before + len(kept)


# --------------------------------------------------------------------------------------------------- cores, memory


def test_a_core_that_cannot_be_used_is_refused_with_those_that_can() -> None:
    with pytest.raises(ConfigError, match=r"guard.cpu: core 4000 cannot be used; usable here: \d"):
        Guard("test", GuardOptions(cpu=4_000))
    with pytest.raises(ConfigError, match="core 4001 cannot be used"):
        cpus.pin(4_001)


def test_the_loops_thread_is_pinned_and_no_other(make_feed: Callable[..., SyntheticFeed]) -> None:
    core, all_ = cpus.usable()[0], os.sched_getaffinity(0)
    seen: dict[str, set[int]] = {}
    over = threading.Event()

    def wait() -> None:
        over.wait(20)

    def act(self: Stopper) -> None:
        seen["loop"] = os.sched_getaffinity(0)
        if self.turns == 1:
            self.helper = threading.Thread(target=wait)
            self.helper.start()

    def enough(self: Stopper) -> bool:
        if hasattr(self, "helper"):
            seen["helper"] = os.sched_getaffinity(self.helper.native_id)
        return seen.get("helper") == all_

    with quoting(make_feed()):
        run(Stopper(act, enough), cpu=core)
    over.set()
    assert seen == {"loop": {core}, "helper": all_}
    assert os.sched_getaffinity(0) == all_, "and after the run nobody is"


def test_auto_takes_a_core_that_nobody_has() -> None:
    usable = cpus.usable()
    if len(usable) < 2:
        pytest.skip("one core only")
    taken = set(usable[1:])
    assert cpus.spare(taken) == usable[0]
    assert cpus.spare(usable) is None
    assert cpus.spare(()) != 0, "core 0 comes last"


def test_the_core_of_another_process_is_seen() -> None:
    if len(cpus.usable()) < 2:
        pytest.skip("one core only")
    core = cpus.usable()[-1]
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        os.sched_setaffinity(child.pid, {core})
        assert cpus.pinned_by([child.pid]) == {core: child.pid}
        assert cpus.pinned_by([os.getpid()]) == {}
    finally:
        child.kill()
        child.wait()


def test_a_small_limit_of_locked_memory_is_said_once_with_the_numbers(
    make_feed: Callable[..., SyntheticFeed], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aats import trade_guard

    class Refusing:
        """The C verbs, but that nothing can be locked."""

        def __getattr__(self, name: str) -> Any:
            if name == "aats_pages_lock":
                return lambda base, size: real.AATS_E_FULL
            return getattr(real, name)

    real = trade_guard.lib
    monkeypatch.setattr(trade_guard, "lib", Refusing())
    monkeypatch.setattr(resource, "getrlimit", lambda what: (65_536, 65_536))
    with caplog.at_level(logging.WARNING, "aats.trade"), quoting(make_feed()):
        run(Stopper(lambda self: None, lambda self: self.turns > 1), lock="on")
    lines = [one.getMessage() for one in caplog.records if "locked" in one.getMessage()]
    assert len(lines) == 1 and "the limit is 64 KiB" in lines[0] and "KiB more were wanted" in lines[0]


_LOCKS_ALL = """
#include <stdlib.h>
#include <unistd.h>
#include "shm/pages.h"
int main(void)
{
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 77;
    if (aats_pages_lock_all() != 0) return 77;
    return malloc(1u << 30) != NULL ? 0 : 1;
}
"""


def test_memory_can_be_had_after_everything_was_locked_under_a_limit(tmp_path: Path) -> None:
    source, program, root = tmp_path / "locks.c", tmp_path / "locks", Path(__file__).parents[2]
    source.write_text(_LOCKS_ALL)
    pages = root / "csrc" / "shm" / "pages.c"
    subprocess.run(
        [os.environ.get("CC", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", f"-I{root / 'csrc'}", source, pages, "-o", program], check=True
    )
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    most = 64 << 20 if limit == resource.RLIM_INFINITY else min(limit, 64 << 20)
    done = subprocess.run([program], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most)))
    if done.returncode == 77:
        pytest.skip(f"a small program cannot be locked whole under a limit of {most >> 10} KiB")
    assert done.returncode == 0


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cpus": 1}, r"cpus is not a setting; known: gc, .*did you mean 'cpu'"),
        ({"gc": "never"}, "gc must be one of idle, off, auto"),
        ({"cpu": -1}, "cpu must be the number of a core, 'auto', or '' for none"),
        ({"stall_us": 1.5}, "stall_us must be a whole number"),
        (7, "must be a table of gc"),
    ],
)
def test_a_wrong_setting_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TradeService({1: BTC}, guard=given)


def test_the_environment_wins_over_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_GUARD", "cpu=3 lock=off touch=false")
    options, origins = guard_options("guard", {"cpu": "auto", "idle_us": 900})
    assert options == GuardOptions(cpu=3, lock="off", touch=False, idle_us=900)
    assert (origins["cpu"], origins["idle_us"], origins["gc"]) == ("env AATS_GUARD", "given", "default")
    monkeypatch.setenv("AATS_GUARD", "off")
    assert guard_options("guard")[0] == guard_options("guard", False)[0] == GuardOptions(gc="auto", lock="off", touch=False, stall_us=0)
    monkeypatch.setenv("AATS_GUARD", "lock")
    with pytest.raises(ConfigError, match="AATS_GUARD must be off, or words such as"):
        guard_options("guard")
