"""Feeds that are kept: started again when they die, left alone when they were stopped, and watched on by the next server."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from aats import config, control, control_feeds, control_keep, shm
from aats.errors import ControlError
from aats.layout import Command

from .conftest import eventually
from .served import Served, launch, tables


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_feeds, "launch", launch)
    monkeypatch.setattr(control_keep, "AGAIN_MIN_S", 0.1)
    monkeypatch.setattr(control_keep, "LOOK_S", 0.05)


@pytest.fixture
def served() -> Iterator[Served]:
    with Served() as one:
        yield one


def feed_pid(name: str = "binance") -> int:
    """Return the pid of the feed that runs, 0 if there is none."""
    found = [feed.pid for feed in control.find_feeds(name=name)]
    return found[0] if found else 0


def kept(served: Served) -> dict[str, Any]:
    (one,) = served.ask({"op": "state"})["kept"]
    return dict(one)


def die(pid: int) -> None:
    """Kill it, and wait until nobody takes it for a living one."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: gone(pid))


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def stays_away(seconds: float = 1.0) -> bool:
    """Whether no feed comes up for a while that is ten times the wait before a restart."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if feed_pid():
            return False
        time.sleep(0.02)
    return True


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        ({"op": "keep", "name": "nobody"}, "no feed 'nobody' runs"),
        ({"op": "keep"}, "pid must be a whole number"),
        ({"op": "keep", "pid": 1}, "not in the control table"),
        ({"op": "keep", "pid": 5, "name": "x"}, "not by both"),
        ({"op": "unkeep", "name": "binance"}, "is not kept"),
        ({"op": "start_market", "config": {}, "keep": 1}, "keep must be true or false"),
    ],
)
def test_what_cannot_be_kept_is_refused(served: Served, request_: dict[str, Any], part: str) -> None:
    with pytest.raises(ControlError, match=part):
        served.ask(request_)
    assert served.ask({"op": "state"})["kept"] == []


def test_a_feed_that_was_not_started_from_a_file_is_refused(served: Served, start: Callable[..., control.Child]) -> None:
    start("--name", "own")
    for word in ("keep", "restart"):
        with pytest.raises(ControlError, match="was not started as `aats feed FILE`"):
            served.ask({"op": word, "name": "own"})


# --------------------------------------------------------------------------------------------------- stopped or dead


@pytest.mark.parametrize("how", ["kill request", "stop request", "control.kill", "deaf", "command word"])
def test_a_feed_that_was_stopped_on_purpose_is_never_started_again(served: Served, how: str) -> None:
    symbol = "BDEAF" if how == "deaf" else "BTCUSDT:5"
    pid = served.ask({"op": "start_market", "config": tables(symbol), "keep": True})["pid"]
    assert kept(served)["state"] == "running"
    if how == "control.kill":
        control.kill(pid)
    elif how == "deaf":
        assert control.kill(pid, wait_s=0.5) == "killed", "by force, but on purpose"
    elif how == "command word":
        control.command(control.entry_of_pid(pid), Command.STOP)
    else:
        served.ask({"op": how.partition(" ")[0], "name": "binance"})
    eventually(lambda: served.ask({"op": "state"})["kept"] == [])
    assert stays_away()


def test_a_feed_that_dies_is_started_again_with_all_it_carried(served: Served) -> None:
    first = served.ask({"op": "start_market", "config": tables("BTCUSDT:5"), "keep": True})["pid"]
    served.ask({"op": "subscribe", "name": "binance", "symbol": "ethusdt", "level": 7})
    served.ask({"op": "start_market", "config": tables("LTCUSDT:3")})
    die(first)
    eventually(lambda: feed_pid() not in (0, first))
    assert set(control.find_feeds()[0].symbols) == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "LTCUSDT.BINANCE"}
    eventually(lambda: kept(served)["state"] == "running")
    assert kept(served)["deaths"] == 1


def test_a_feed_that_is_not_kept_stays_dead(served: Served) -> None:
    pid = served.ask({"op": "start_market", "config": tables()})["pid"]
    die(pid)
    assert stays_away()


def test_unkeep_ends_the_keeping_and_not_the_feed(served: Served) -> None:
    pid = served.ask({"op": "start_market", "config": tables()})["pid"]
    assert served.ask({"op": "keep", "pid": pid})["name"] == "binance"
    assert served.ask({"op": "unkeep", "name": "binance"})["name"] == "binance"
    assert feed_pid() == pid
    die(pid)
    assert stays_away()


def wait_for_another(served: Served, dead: int) -> int:
    """Return the pid of the feed that has taken the place of `dead`, 0 if it was given up."""
    eventually(lambda: feed_pid() not in (0, dead) or "given up" in kept(served)["state"])
    return feed_pid()


def test_one_that_dies_again_and_again_is_given_up_loudly(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control_keep, "AGAIN_MAX_S", 0.1)
    pid = served.ask({"op": "start_market", "config": tables(), "keep": True})["pid"]
    for _ in range(control_keep.DEATHS_MAX):
        die(pid)
        pid = wait_for_another(served, pid)
    assert kept(served)["state"].startswith("given up: 5 deaths within 60 s")
    assert [one.levelname for one in caplog.records if "is not kept up any more" in one.message] == ["ERROR"]
    assert stays_away()
    again = served.ask({"op": "start_market", "config": tables()})["pid"]
    eventually(lambda: kept(served)["state"] == "running")
    die(again)
    eventually(lambda: feed_pid() not in (0, again))


def test_a_start_that_fails_counts_as_a_death_and_gives_its_reason(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = served.ask({"op": "start_market", "config": tables(), "keep": True})["pid"]
    Path(kept(served)["file"]).write_text("[feed]\nvenue = 'BINANCE'\nname = 'another'\nsymbols = ['BTCUSDT']\n")
    die(pid)
    monkeypatch.setattr(control_keep, "AGAIN_MAX_S", 0.1)
    eventually(lambda: "given up" in kept(served)["state"])
    assert "is of feed 'another' now" in kept(served)["state"]


def test_the_wait_before_a_restart_doubles_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits alone, without processes: 1, 2, 4 .. 60 s."""
    monkeypatch.setattr(control_keep, "AGAIN_MIN_S", 1.0)
    monkeypatch.setattr(control_keep, "DEATHS_WITHIN_S", 0.0)
    keep = control_keep.Keep(lambda origin: pytest.fail("nothing is started here"))
    one = control_keep._Kept(control_feeds.Origin("x", "/x"))
    waits = []
    for tries in range(9):
        one.tries = tries
        keep._died("x", one, 1000.0 + 100 * tries, "it died")
        waits.append(one.next_at - 1000.0 - 100 * tries)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


# ------------------------------------------------------------------------------------------------ the server's own life


def test_the_next_server_watches_what_is_kept_and_starts_nothing_twice() -> None:
    with Served() as first:
        pid = first.ask({"op": "start_market", "config": tables(), "keep": True})["pid"]
        first.stop()
        file = config.run_dir() / f"keep-{shm.namespace()}.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert list(orjson.loads(file.read_bytes())["feeds"]) == ["binance"]
        with Served() as second:
            eventually(lambda: kept(second)["state"] == "running")
            assert feed_pid() == pid and kept(second)["deaths"] == 0
            die(pid)
            eventually(lambda: feed_pid() not in (0, pid))


def test_what_died_while_no_server_ran_is_started_by_the_next_one_and_what_was_stopped_is_not() -> None:
    with Served() as first:
        dead = first.ask({"op": "start_market", "config": tables(name="dead"), "keep": True})["pid"]
        told = first.ask({"op": "start_market", "config": tables(name="told"), "keep": True})["pid"]
        left = first.ask({"op": "start_market", "config": tables(name="left"), "keep": True})["pid"]
        first.stop()
        die(dead)
        control.kill(told)
        os.kill(left, signal.SIGTERM)
        eventually(lambda: not feed_pid("left"))
        with Served() as second:
            eventually(lambda: feed_pid("dead") not in (0, dead))
            states = {"dead": "running", "left": "rests: it was ended by a signal"}
            eventually(lambda: {one["name"]: one["state"] for one in second.ask({"op": "state"})["kept"]} == states)
            time.sleep(1.0)
            assert not feed_pid("told") and not feed_pid("left")


def test_after_the_next_boot_everything_that_was_kept_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    with Served() as first:
        left = first.ask({"op": "start_market", "config": tables(), "keep": True})["pid"]
        os.kill(left, signal.SIGTERM)
        eventually(lambda: "rests" in kept(first)["state"])
        assert stays_away(0.5)
        first.stop()
        file = config.run_dir() / f"keep-{shm.namespace()}.json"
        file.write_bytes(file.read_bytes().replace(shm.boot_id().encode(), b"another-boot"))
        with Served() as second:
            eventually(lambda: feed_pid() not in (0, left))
            eventually(lambda: kept(second)["state"] == "running")


def test_a_second_server_of_the_namespace_keeps_nothing_until_the_first_has_ended() -> None:
    with Served() as first:
        pid = first.ask({"op": "start_market", "config": tables(), "keep": True})["pid"]
        second = Served()
        second._thread.start()
        eventually(lambda: len([one for one in control.processes() if one["role"] == "control" and one["state"] == "RUN"]) == 2)
        try:
            with pytest.raises(ControlError, match="another control server keeps"):
                second.ask({"op": "keep", "pid": pid})
            first.stop()
            die(pid)
            eventually(lambda: feed_pid() not in (0, pid))
        finally:
            second.stop()


def test_a_file_that_is_damaged_is_named_and_keeps_nothing(caplog: pytest.LogCaptureFixture) -> None:
    file = config.run_dir() / f"keep-{shm.namespace()}.json"
    file.write_text('{"feeds": [1]}')
    with Served() as served:
        assert served.ask({"op": "state"})["kept"] == []
        eventually(lambda: any(str(file) in one.getMessage() for one in caplog.records if one.levelname == "ERROR"))


def test_restart_brings_a_kept_feed_back_once_and_goes_on_keeping_it(served: Served) -> None:
    pid = served.ask({"op": "start_market", "config": tables("BTCUSDT:5"), "keep": True})["pid"]
    again = served.ask({"op": "restart", "name": "binance"})
    assert (again["was"], again["result"], again["name"]) == (pid, "stopped", "binance")
    assert feed_pid() == again["pid"] != pid
    assert kept(served)["state"] == "running" and kept(served)["deaths"] == 0
    die(again["pid"])
    eventually(lambda: feed_pid() not in (0, again["pid"]))
