"""``aats control`` as a process, with real feeds on a simulated exchange: kept, restarted, told, and killed itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aats
from aats import control, control_client, control_feeds, shm
from aats.errors import ControlError
from aats.layout import Role
from tests.live.looks import READY_S, ROOT, end_all, eventually, line_of, pids_of, tool
from tests.live.procs import FeedProc, Sim


class Server:
    """``aats control`` as a process of the test."""

    def __init__(self, *words: str, port: int = 0, env: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "aats.cli", "control", "--port", str(port), *words]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True, env={**os.environ, **(env or {})}
        )
        assert self.process.stdout is not None
        self.port = int(line_of(self.process.stdout.fileno()).partition(b"listens on ")[2].partition(b",")[0].rpartition(b":")[2])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(READY_S) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(READY_S)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        return control_client.ask("127.0.0.1", self.port, {"op": op, **fields}, timeout_s=READY_S)


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    end_all()


def tables(market: Sim, *symbols: str) -> dict[str, Any]:
    endpoints = {"rest": market.ready["rest"], "stream": market.ready["stream"], "cafile": market.ready["ca"]}
    return {"feed": {"venue": "BINANCE", "name": "kept", "mode": "sim", "symbols": list(symbols)}, "endpoints": endpoints}


def feed_of(other_than: int = 0) -> int:
    found = [feed.pid for feed in control.find_feeds(name="kept") if feed.pid != other_than]
    return found[0] if found else 0


def test_a_killed_control_server_finds_its_feeds_again_and_goes_on_keeping_them(market: Sim, clean: None) -> None:
    with Server() as first:
        pid = first.ask("start_market", config=tables(market, "BTCUSDT"), keep=True)["pid"]
        assert first.ask("subscribe", pid=pid, symbol="ETHUSDT.BINANCE", level=5)["name"] == "kept"
        first.kill()
        with Server() as second:
            eventually(
                lambda: [one["state"] for one in second.ask("state")["kept"]] == ["running"], why="what is kept is not known any more"
            )
            assert pids_of("feed") == [pid], "it was started twice"
            os.kill(pid, signal.SIGKILL)
            again = eventually(lambda: feed_of(other_than=pid), why="the feed that died was not started")
            books = aats.attach()
            eventually(lambda: books.book("BTCUSDT.BINANCE").valid and books.book("ETHUSDT.BINANCE").valid, why="not all came back")
            assert tool("stop", str(again)).returncode == 0
            eventually(lambda: second.ask("state")["kept"] == [], why="it was stopped on purpose")
            assert pids_of("feed") == []


def test_feeds_are_told_and_restarted_from_the_command_line(market: Sim, clean: None) -> None:
    with Server() as server:
        server.ask("start_market", config=tables(market, "BTCUSDT:5"))
        assert tool("subscribe", "kept", "ETHUSDT:3").returncode == 0
        told = tool("subscribe", "kept", "LTCUSDT", "--control", f"127.0.0.1:{server.port}", "--json")
        assert json.loads(told.stdout)["text"].startswith("LTCUSDT.BINANCE subscribed"), told.stdout + told.stderr
        assert tool("set-level", "kept", "ETHUSDT:5").returncode == 0
        assert tool("unsubscribe", "kept", "LTCUSDT").returncode == 0
        for words, part in (
            (("subscribe", "kept", "NOSUCHUSDT"), "NOSUCHUSDT"),
            (("set-level", "kept", "ETHUSDT"), "LEVELS"),
            (("set-level", "kept", "ETHUSDT:6"), "publishes 1 to 5"),
            (("unsubscribe", "kept", "LTCUSDT"), "is not on feed"),
            (("restart", "nobody"), "no feed 'nobody'"),
            (("keep", "nobody"), "no feed 'nobody'"),
            (("logs", "nobody"), "there are: "),
        ):
            done = tool(*words)
            assert done.returncode == 1 and part in done.stderr and "Traceback" not in done.stderr, done.stderr
        before = feed_of()
        assert tool("keep", "kept").stdout == "feed kept is kept\n"
        done = tool("restart", "kept", "--json")
        assert json.loads(done.stdout)["was"] == before, done.stderr
        assert feed_of() == json.loads(done.stdout)["pid"] != before
        carried = {one.symbol: one.level_num for one in shm.symbols(control.find_feeds(name="kept")[0].attach())}
        assert carried == {"BTCUSDT.BINANCE": 5, "ETHUSDT.BINANCE": 5}
        listed = json.loads(tool("keep", "--json").stdout)
        assert [(one["name"], one["state"]) for one in listed] == [("kept", "running")]
        shown = tool("logs", "kept", "-n", "3")
        assert shown.returncode == 0 and len(shown.stdout.splitlines()) == 3
        assert tool("keep", "kept", "--off").returncode == 0
        there = json.loads(tool("ps", "--json", "--control", f"127.0.0.1:{server.port}").stdout)
        assert {one["role"] for one in there} == {"control", "feed"} and not any(one["remote"] for one in there)
        assert tool("kill", "kept", "--control", f"127.0.0.1:{server.port}").returncode == 0
        assert pids_of("feed") == []


def test_a_feed_of_a_users_own_file_is_restarted_with_the_environment_it_had(
    market: Sim, clean: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FeedProc(market, ["BTCUSDT"], name="own") as feed:
        feed.wait_live()
        origin = control_feeds.origin_of(feed.entry)
        assert origin.file == str(feed.file) and not any("KEY" in one or "SECRET" in one for one in origin.env)
        done = tool("restart", "own", "--json")  # without a control server
        assert done.returncode == 0, done.stderr
        assert [one.pid for one in control.find_feeds(name="own")] == [json.loads(done.stdout)["pid"]]


def test_the_service_manager_is_told_when_it_serves_and_children_do_not_tell_it(market: Sim, clean: None, tmp_path: Path) -> None:
    where = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(where))
        manager.settimeout(READY_S)
        with Server(env={"NOTIFY_SOCKET": str(where)}) as server:
            assert manager.recv(100) == b"READY=1"
            assert server.ask("list")["processes"], "it serves when it says so"
            pid = server.ask("start_market", config=tables(market, "BTCUSDT"))["pid"]
            assert b"NOTIFY_SOCKET" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert manager.recv(100) == b"STOPPING=1"


def test_a_request_of_a_client_of_another_protocol_gets_one_line_that_names_the_option(clean: None) -> None:
    with Server() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(b"\x00\x00\x00\x02{}")
        assert "aats control --compat" in json.loads(sock.makefile("rb").readline())["error"]["text"]
        assert sock.recv(1) == b""


# ------------------------------------------------------------------------------------------------------- containers

INSIDE = """
import time
from aats import control
from aats.layout import Role
with control.join(Role.VIEW, "inside") as me:
    me.ready("in a pid namespace of its own")
    print(me.identity, flush=True)
    while True:
        me.beat()
        time.sleep(0.05)
"""


def test_a_process_of_another_pid_namespace_is_listed_and_refused_with_that_reason(clean: None) -> None:
    try:
        inside = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", INSIDE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
        )
    except FileNotFoundError:
        pytest.skip("no unshare here")
    try:
        assert inside.stdout is not None
        try:
            line_of(inside.stdout.fileno())
        except AssertionError:
            pytest.skip("no right to make a pid namespace")
        with Server() as server:
            (one,) = [one for one in server.ask("list")["processes"] if one["name"] == "inside"]
            assert one["foreign"] and one["alive"] and one["cmdline"] is None
            with pytest.raises(ControlError, match=r"runs in another pid namespace \(container\): stop it there"):
                server.ask("kill", name="inside")
            assert inside.poll() is None
    finally:
        inside.kill()
        inside.wait()
        table = control.Table.open(writable=True)
        for entry in table.entries():
            if entry.role == Role.VIEW:
                table.slot(entry.index).heartbeat_mono_ns = 1  # it is gone for a minute, for the clean-up
        del table


def test_following_a_log_shows_what_a_feed_writes(market: Sim, clean: None) -> None:
    with FeedProc(market, ["BTCUSDT"], name="own") as feed:
        follower = subprocess.Popen(
            [sys.executable, "-m", "aats.cli", "logs", "own", "-n", "1", "--follow"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        seen: list[str] = []
        assert follower.stdout is not None
        lines = follower.stdout
        threading.Thread(target=lambda: seen.extend(iter(lines.readline, "")), daemon=True).start()
        try:
            eventually(lambda: len(seen) >= 1, why="the last line is not shown")
            with feed.child.log.open("a") as file:
                file.write("a line of now\n")
            eventually(lambda: "a line of now\n" in seen, why="it does not follow")
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(READY_S) == 130
