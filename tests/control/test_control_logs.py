"""Logs of children: kept to a size under their writers, and shown."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aats import config, control_feeds, control_logs
from aats.errors import ControlError

from .conftest import eventually
from .served import Served, launch, tables

WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
n = 0
while os.getppid() != 1:
    os.write(fd, b"line %09d %s\\n" % (n, b"x" * 80))
    n += 1
"""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(control_feeds, "launch", launch)
    with Served() as one:
        yield one


def numbers(text: bytes) -> list[int]:
    """Return the numbers of the lines of a log, which has to be whole lines but for its ends."""
    lines = text[text.index(b"line ") : text.rindex(b"\n")].split(b"\n")
    assert all(len(line) == 95 and line.endswith(b"x" * 80) for line in lines), [line for line in lines if len(line) != 95][:3]
    return [int(line[5:14]) for line in lines]


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["", "../control", "/etc/passwd", ".hidden", "no such", "x" * 100, 5, None, ["a"]])
def test_only_logs_of_the_log_folder_are_shown(served: Served, name: object) -> None:
    with pytest.raises(ControlError, match="name must be the name of a process"):
        served.ask({"op": "logs", "name": name})


def test_an_unknown_log_lists_those_there_are(served: Served) -> None:
    served.ask({"op": "start_market", "config": tables()})
    with pytest.raises(ControlError, match=r"no log of 'nobody'; there are: .*feed-binance"):
        served.ask({"op": "logs", "name": "nobody"})
    for lines in (0, -1, 10_001, "5", True):
        with pytest.raises(ControlError, match="lines must be a whole number from 1 to 10000"):
            served.ask({"op": "logs", "name": "binance", "lines": lines})


# ---------------------------------------------------------------------------------------------------------- showing


def test_the_last_lines_of_a_feeds_log_are_shown_by_its_name(served: Served) -> None:
    served.ask({"op": "start_market", "config": tables()})
    path = config.log_dir() / "feed-binance.log"
    path.write_text("".join(f"line {number}\n" for number in range(500)) + "colours \x1b[31m\x00\n")
    shown = served.ask({"op": "logs", "name": "binance", "lines": 3})
    assert (shown["name"], shown["file"]) == ("feed-binance", str(path))
    assert shown["lines"] == ["line 498", "line 499", "colours ?[31m?"]
    assert len(served.ask({"op": "logs", "name": "feed-binance"})["lines"]) == 200


def test_a_huge_line_does_not_break_the_answer(served: Served) -> None:
    path = config.log_dir() / "big.log"
    path.write_bytes(b"\x01\xff" * (1 << 20))
    (line,) = served.ask({"op": "logs", "name": "big"})["lines"]
    assert 0 < len(line) <= 128 << 10


def test_lines_before_a_rotation_are_shown_where_the_new_log_is_short() -> None:
    path = config.log_dir() / "a.log"
    path.write_text("1\n2\n3\n")
    control_logs.rotate(path)
    with path.open("a") as file:
        file.write("4\n")
    assert control_logs.tail(path, 3) == ["2", "3", "4"]


def test_following_goes_on_over_a_rotation() -> None:
    path = config.log_dir() / "a.log"
    path.write_text("old\n")
    got: list[str] = []
    follower = control_logs.follow(path, poll_s=0.01)

    def take() -> None:
        for _ in range(3):
            got.append(next(follower))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    time.sleep(0.1)
    for line in ("new", "newer"):
        with path.open("a") as file:
            file.write(line + "\n")
    eventually(lambda: got == ["new", "newer"])
    control_logs.rotate(path)
    time.sleep(0.1)
    with path.open("a") as file:
        file.write("after\n")
    eventually(lambda: got == ["new", "newer", "after"])


# --------------------------------------------------------------------------------------------------------- rotation


@pytest.fixture
def busy() -> Iterator[Path]:
    """A log whose writer never rests."""
    path = config.log_dir() / "busy.log"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    yield path
    writer.kill()
    writer.wait()


def rotations(path: Path, count: int) -> Iterator[bytes]:
    """Rotate a log whenever it has grown; yield what went into its predecessor."""
    for _ in range(count):
        eventually(lambda: path.exists() and path.stat().st_size > 300_000)
        control_logs.rotate(path)
        yield path.with_name("busy.log.1").read_bytes()


def test_no_line_is_lost_by_a_rotation_under_its_writer(busy: Path) -> None:
    with (config.log_dir() / "probe").open("wb") as probe:
        probe.write(b"x" * 200_000)
        probe.flush()
        if not control_logs.take_out(probe.fileno(), 1 << 16):
            pytest.skip("this file system cannot take out a file's front")
    found = numbers(b"".join(rotations(busy, 8)))
    assert found == list(range(len(found)))
    assert busy.stat().st_size < 5_000_000
    assert sorted(one.name for one in busy.parent.glob("busy.*")) == ["busy.log", "busy.log.1", "busy.log.2", "busy.log.3"]
    assert all(one.stat().st_mode & 0o077 == 0 for one in busy.parent.glob("busy.log.*"))


def test_where_the_front_cannot_be_taken_out_only_the_moment_of_the_cut_loses_lines(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_logs, "take_out", lambda fd, size: False)
    newest = -1
    for text in rotations(busy, 5):
        found = numbers(text)
        assert found == list(range(found[0], found[-1] + 1)), "a gap inside a file: it was cut in the wrong place"
        assert found[0] > newest, "a line stands there twice"
        newest = found[-1]


def test_the_server_rotates_the_logs_of_its_children(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_logs, "SIZE_MAX", 1000)
    path = config.log_dir() / "some.log"
    path.write_text("x" * 2000 + "\n")
    small = config.log_dir() / "small.log"
    small.write_text("x\n")
    eventually(lambda: path.with_name("some.log.1").exists(), within_s=15)
    assert path.stat().st_size == 0 and small.read_text() == "x\n"


def test_two_servers_do_not_rotate_one_log_at_once() -> None:
    folder = config.log_dir()
    import fcntl

    with (folder / ".rotate").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "a.log").write_bytes(b"x" * (control_logs.SIZE_MAX + 1))
        control_logs.Rotation().run()
        assert not (folder / "a.log.1").exists()
    control_logs.Rotation().run()
    assert (folder / "a.log.1").exists()
