"""Starting and stopping processes: reasons travel, and no signal reaches the wrong one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from aats import control, shm
from aats._ffi import ffi, lib
from aats.errors import ControlError, PeerDead
from aats.layout import Kind, Role

from .conftest import STAND_IN, eventually

Start = Callable[..., control.Child]

# -------------------------------------------------------------------------------------------------------- starting


def test_a_child_that_says_fail_gives_its_reason(start: Start) -> None:
    with pytest.raises(ControlError, match="symbol NOSUCH is unknown to BINANCE"):
        start("--behave", "fail")
    assert control.processes() == []


def test_a_child_that_ends_gives_status_and_last_line(start: Start) -> None:
    with pytest.raises(ControlError, match=r"ended with status 3: stand-in: no reason to live .*log: "):
        start("--behave", "exit")


def test_a_child_that_is_never_ready_is_ended(start: Start, namespace: str) -> None:
    with pytest.raises(ControlError, match="not ready after 1 s"):
        start("--behave", "hang", wait_s=1)
    assert shm.names(ns=namespace, every=True) == []


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ControlError, match="/nonexistent/aats cannot be started"):
        control.spawn(Role.FEED, [], command_line=["/nonexistent/aats"])


def test_a_child_has_a_session_of_its_own_and_a_private_log(start: Start) -> None:
    child = start()
    assert os.getsid(child.pid) == child.pid
    assert child.log.stat().st_mode & 0o777 == 0o600
    assert child.log.parent.stat().st_mode & 0o777 == 0o700


def test_a_child_bound_to_its_parent_ends_with_it(namespace: str) -> None:
    script = (
        "import sys, os, signal\n"
        "from aats import control\n"
        "from aats.layout import Role\n"
        f"child = control.spawn(Role.FEED, [], command_line=[sys.executable, {str(STAND_IN)!r}], die_with_me=True)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    ticks = ffi.new("uint64_t *")
    eventually(lambda: lib.aats_proc_start_ticks(int(done.stdout), ticks) != 0)
    control.tidy()
    assert shm.names(ns=namespace, every=True) == []


def test_a_child_whose_parent_died_before_it_looked_ends_at_once() -> None:
    gone = str(lib.aats_ident(4_100_000, 7))
    done = subprocess.run(
        [sys.executable, str(STAND_IN)], env={**os.environ, "AATS_PARENT": gone}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "is gone" in done.stderr


# -------------------------------------------------------------------------------------------------------- stopping


def test_a_pid_that_is_not_in_the_table_is_refused(start: Start) -> None:
    start()
    stranger = subprocess.Popen(["sleep", "30"])
    try:
        with pytest.raises(ControlError, match=f"pid {stranger.pid} is not in the control table"):
            control.kill(stranger.pid)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_pid_that_came_back_as_another_process_is_left_alone(start: Start) -> None:
    """The slot names the pid of a living process, but another start time."""
    start()
    stranger = subprocess.Popen(["sleep", "30"])
    try:
        entry = control.processes()[0]
        slot = control.Table.open(writable=True).slot(control.entry_of_pid(entry["pid"]).index)
        kept, slot.owner = slot.owner, lib.aats_ident_with(lib.aats_ident(stranger.pid, 5), int(lib.AATS_STATE_RUN))
        with pytest.raises(PeerDead, match="start time"):
            control.kill(stranger.pid)
        assert stranger.poll() is None
        slot.owner = kept
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_obeys_is_stopped_without_force(start: Start, namespace: str) -> None:
    child = start()
    assert control.kill(child.pid) == "stopped"
    assert child.process.wait(5) == 0
    assert shm.names(ns=namespace, every=True) == []


def test_a_deaf_process_is_killed_after_the_wait(start: Start) -> None:
    child = start("--behave", "deaf")
    begin = time.monotonic()
    with pytest.raises(ControlError, match="has not ended after"):
        control.kill(child.pid, wait_s=0.5, force=False)
    assert child.process.poll() is None
    assert control.kill(child.pid, wait_s=0.5) == "killed"
    assert time.monotonic() - begin >= 1.0
    assert child.process.wait(5) == -signal.SIGKILL


def test_a_stopped_process_is_killed(start: Start, namespace: str) -> None:
    child = start()
    os.kill(child.pid, signal.SIGSTOP)
    assert control.kill(child.pid, wait_s=0.5) == "killed"
    assert shm.names(ns=namespace, kind=Kind.MD) == []


def test_stopping_a_child_twice_is_harmless(start: Start) -> None:
    child = start()
    assert child.stop() == "stopped"
    assert child.stop() == "stopped"
