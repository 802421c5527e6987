"""A control server among strangers: bytes without sense, connections that ask nothing, requests that mean others' processes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import psutil
import pytest

from aats import control, control_connections, control_feeds, control_peers
from aats._ffi import lib
from aats.errors import ControlError
from aats.layout import Role

from .served import Served, launch, tables

HALF_OPEN = 1000


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(control_feeds, "launch", launch)
    with Served() as one:
        yield one


class GoodClient(threading.Thread):
    """Asks for the list over and over on new connections, until told to stop; whatever is not a good answer is kept."""

    def __init__(self, served: Served) -> None:
        super().__init__()
        self.served, self.answers, self.slowest_s = served, 0, 0.0
        self.wrong: list[object] = []
        self.over = threading.Event()

    def __enter__(self) -> GoodClient:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(0.02):
            begin = time.monotonic()
            try:
                answer = self.served.ask({"op": "list"})
            except ControlError as exc:
                self.wrong.append(exc)
            else:
                self.answers += 1
                if not any(one["role"] == "control" for one in answer["processes"]):
                    self.wrong.append(answer)
            self.slowest_s = max(self.slowest_s, time.monotonic() - begin)


# --------------------------------------------------------------------------------------------------------- half open


def test_a_thousand_half_open_connections_do_not_keep_a_good_client_out(served: Served) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 3 * HALF_OPEN:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 3 * HALF_OPEN), hard))
    held: list[socket.socket] = []
    with GoodClient(served) as good:
        try:
            for number in range(HALF_OPEN):
                one = socket.create_connection(("127.0.0.1", served.port), timeout=10)
                if number % 3:
                    one.sendall(b'{"op":"li'[: number % 10])
                held.append(one)
            before = good.answers
            deadline = time.monotonic() + 20
            while good.answers < before + 20 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert good.answers >= before + 20, "nobody is served beside them"
        finally:
            for one in held:
                one.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert good.wrong == []
    assert served.server._connections.dropped >= HALF_OPEN - control_connections.PER_ADDRESS_MAX - 1


def test_a_connection_that_has_asked_is_never_dropped_for_room(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as good, good.makefile("rb") as file:
        good.sendall(b'{"op":"state"}\n')
        assert json.loads(file.readline())["ok"]
        others = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(3 * control_connections.PER_ADDRESS_MAX)]
        good.sendall(b'{"op":"state"}\n')
        assert json.loads(file.readline())["ok"]
        for one in others:
            one.close()


def test_an_address_has_its_share_and_no_more_however_good_its_requests(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_connections, "PER_ADDRESS_MAX", 5)
    good = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(5)]
    for one in good:
        one.sendall(b'{"op":"state"}\n')
        assert b'"ok":true' in one.recv(65536)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as more:
        said = json.loads(more.makefile("rb").readline())
    assert said["error"] == {"code": "refused", "text": "more than 5 connections of 127.0.0.1 are open"}
    good.pop().close()
    assert eventually_listed(served)
    for one in good:
        one.close()


def eventually_listed(served: Served) -> bool:
    for _ in range(100):
        try:
            return bool(served.ask({"op": "list"})["processes"])
        except ControlError:
            time.sleep(0.02)
    return False


@pytest.mark.parametrize(("sent", "limit"), [(b"", "FIRST_BYTE_S"), (b'{"op":', "LINE_S")])
def test_a_connection_that_never_asks_is_ended(served: Served, monkeypatch: pytest.MonkeyPatch, sent: bytes, limit: str) -> None:
    monkeypatch.setattr(control_connections, limit, 0.3)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(sent)
        assert json.loads(sock.makefile("rb").readline())["error"]["code"] == "timeout"
        assert sock.recv(1) == b""


def test_a_byte_now_and_then_does_not_make_a_line_later(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_connections, "LINE_S", 0.4)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.settimeout(0.05)
        said = b""
        for letter in b'{"op":"list"' * 20:
            try:
                sock.sendall(bytes([letter]))
                said += sock.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
            if said:
                break
    assert json.loads(said)["error"]["code"] == "timeout"


def test_unfinished_lines_hold_no_more_than_they_may_together(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_connections, "HELD_MAX", 1 << 20)
    held = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(8)]
    for one in held:
        try:
            one.sendall(b'{"op":"' + b"x" * (300 << 10))
        except OSError:  # it had to go already
            continue
    deadline = time.monotonic() + 10
    while not served.server._connections.dropped and time.monotonic() < deadline:
        time.sleep(0.01)
    assert served.server._connections.dropped >= 1
    time.sleep(0.3)
    assert sum(one.held for one in served.server._connections._open) <= 1 << 20
    assert served.ask({"op": "list"})["processes"]
    for one in held:
        one.close()


def test_without_descriptors_it_neither_spins_nor_ends(namespace: str) -> None:
    """A server in a process of its own with very few files: strangers fill them, it goes on."""
    code = "import resource,sys; resource.setrlimit(resource.RLIMIT_NOFILE,(60,60)); from aats import control_server; control_server.main('127.0.0.1',0)"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    held: list[socket.socket] = []
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline().partition("127.0.0.1:")[2].partition(",")[0])
        for _ in range(120):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        process = psutil.Process(server.pid)
        time.sleep(0.5)
        cpu = sum(process.cpu_times()[:2])
        time.sleep(2.0)
        used = sum(process.cpu_times()[:2]) - cpu
        assert used < 1.0, f"it spins: {used} s of CPU in 2 s"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(b'{"op":"list"}\n')
            assert b'"ok":true' in sock.recv(65536)
    finally:
        for one in held:
            one.close()
        server.terminate()
        assert server.wait(10) == 0
        assert server.stderr is not None and "Traceback" not in server.stderr.read()


# ------------------------------------------------------------------------------------------------------------ fuzzer

_WORDS = (
    "start_market", "supervise", "list", "state", "kill", "stop", "restart", "keep", "unkeep", "subscribe", "unsubscribe", "set_level", "logs", "register",
)  # fmt: skip
_FIELDS = (
    "pid",
    "name",
    "role",
    "config",
    "namespace",
    "symbol",
    "level",
    "lines",
    "host",
    "entry",
    "token",
    "mode",
    "detail",
    "keep",
    "id",
    "op",
)


def value(rng: random.Random, sacrifice: int, depth: int = 0) -> Any:
    """Return a value of any shape; some of them are the pid that must not be touched."""
    simple = [
        None, True, False, 0, -1, 1, 2**63, 2**64 - 1, -(2**63), 1e308, 0.5, "", "x", "../../etc/passwd", "a" * 5000, "\x00\n", "BTCUSDT 5\nSTOP", "Ω" * 50,
        "feed", "trade", "binance", "; rm -rf /", sacrifice, str(sacrifice), os.getpid(), os.getppid(),
    ]  # fmt: skip
    if depth < 3 and rng.random() < 0.3:
        return [value(rng, sacrifice, depth + 1) for _ in range(rng.randrange(4))]
    if depth < 3 and rng.random() < 0.2:
        return {
            rng.choice((*_FIELDS, "feed", "net", "symbols", "venue")): value(rng, sacrifice, depth + 1) for _ in range(rng.randrange(4))
        }
    return rng.choice(simple)


def hostile(rng: random.Random, sacrifice: int) -> bytes:
    """Return the bytes of one hostile conversation."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 400)).replace(b"\x00", b"\x01", 1) + b"\n"
    if kind == 1:
        return b"[" * rng.choice((10, 2000, 100_000)) + b"\n"
    if kind == 2:
        return b'{"op":"kill","pid":' + rng.choice((b"9" * 400, b"1e999", b"-0", b"1.0", b"0x10", b'"1"', b"NaN")) + b"}\n"
    if kind == 3:
        return b"\x00" + rng.randbytes(rng.randrange(1, 200))
    request = {"op": rng.choice(_WORDS), **{rng.choice(_FIELDS): value(rng, sacrifice) for _ in range(rng.randrange(5))}}
    line = orjson.dumps(request) + b"\n"
    return line if kind == 4 else line[: rng.randrange(1, len(line))] + b"\n" + line


@pytest.mark.parametrize("seed", range(4))
def test_a_fuzzer_starts_nothing_of_others_and_signals_no_foreign_pid(served: Served, seed: int) -> None:
    rng = random.Random(seed)
    sacrifice = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    seen: set[tuple[str, ...]] = set()
    try:
        with GoodClient(served) as good:
            for _ in range(250):
                sent = hostile(rng, sacrifice.pid)
                with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
                    try:
                        for at in range(0, len(sent), step := rng.choice((1, 7, len(sent))) if len(sent) < 300 else len(sent)):
                            sock.sendall(sent[at : at + step])
                        sock.shutdown(socket.SHUT_WR)
                        said = b""
                        while piece := sock.recv(65536):
                            said += piece
                    except OSError:  # reset: it does not listen to the end of nonsense
                        continue
                for line in said.splitlines():
                    answer = json.loads(line)
                    assert answer["ok"] in (True, False)
                    assert answer["ok"] or answer["error"]["code"] != "internal", (sent, answer)
                for one in psutil.Process().children(recursive=True):
                    if one.pid not in before:
                        try:
                            seen.add(tuple(one.cmdline()))
                        except psutil.Error:
                            continue
        assert good.wrong == [] and good.answers > 0
        assert sacrifice.poll() is None, "a process that is none of ours was ended"
        for words in seen - {()}:
            assert words[:1] == (sys.executable,) and ("aats.cli" in words[:3] or "stand_in.py" in words[1]), f"a request started {words}"
    finally:
        sacrifice.kill()
        sacrifice.wait()


def test_a_pid_that_another_process_has_by_now_is_left_alone(served: Served, start: Any) -> None:
    """A slot names the pid of a living process of this user, but another start time."""
    start("--role", "view", "--name", "old", role=Role.VIEW)
    sacrifice = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    index = next(entry.index for entry in control.Table.open().entries() if entry.role == Role.VIEW)
    slot = control.Table.open(writable=True).slot(index)
    kept = slot.owner
    try:
        slot.owner = lib.aats_ident_with(lib.aats_ident(sacrifice.pid, 5), int(lib.AATS_STATE_RUN))
        with pytest.raises(ControlError, match=r"start time|not in the control table"):  # the latter once it was reaped
            served.ask({"op": "kill", "pid": sacrifice.pid})
        assert sacrifice.poll() is None
    finally:
        slot.owner = kept
        sacrifice.kill()
        sacrifice.wait()


def test_deep_tables_and_foreign_files_start_nothing(served: Served) -> None:
    bad: list[dict[str, Any]] = [
        {"feed": {"venue": "BINANCE", "name": "../x", "symbols": ["BTCUSDT"]}},
        {"feed": {"symbols": [[]]}},
        {"exec": {}},
    ]
    for wrong in bad:
        with pytest.raises(Exception, match="start_market"):
            served.ask({"op": "start_market", "config": wrong})
    assert [one["role"] for one in served.ask({"op": "list"})["processes"]] == ["control"]
    assert served.ask({"op": "start_market", "config": tables()})["started"]


def test_an_accept_that_fails_is_tried_again_after_a_pause(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    async def fail(listener: object) -> None:
        calls.append(time.monotonic())
        raise OSError(errno.EMFILE, "Too many open files")

    waiting = socket.create_connection(("127.0.0.1", served.port), timeout=10)  # this one is accepted still, or was
    monkeypatch.setattr(served._loop, "sock_accept", fail)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        deadline = time.monotonic() + 10
        while len(calls) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(calls) >= 4, "it has given up"
        assert calls[-1] - calls[0] >= (len(calls) - 1) * 0.01, "it spins"
        monkeypatch.undo()
        sock.sendall(b'{"op":"state"}\n')
        assert b'"ok":true' in sock.recv(65536), "what waited in the queue is served afterwards"
    waiting.close()


class Face:
    """Stands for the face of the published client."""

    def __init__(self) -> None:
        self.port, self.ticks, self.closed = 0, 0, False
        self.frames: list[bytes] = []

    async def connection(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.frames.append(first)
        if b"fault" in first:
            raise RuntimeError("a fault of the face")
        writer.write(b"answer")
        await writer.drain()

    def tick(self) -> None:
        self.ticks += 1
        raise RuntimeError("a fault of the face")

    def close(self) -> None:
        self.closed = True


def test_frames_of_the_published_client_reach_its_face_whole_and_its_faults_end_nothing() -> None:
    face = Face()
    frames = [len(body).to_bytes(4, "big") + body for body in (b"{}", b'{"type":"x"}' * 5000, b'{"fault":1}')]
    with Served(compat=face) as served:
        assert face.port == served.port
        for frame, step in ((frames[0], 1), (frames[1], 30_000), (frames[2], 100)):
            with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
                for at in range(0, len(frame), step):
                    sock.sendall(frame[at : at + step])
                said = sock.recv(100)
                assert said == (b"" if b"fault" in frame else b"answer")
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
            sock.sendall((8 << 20).to_bytes(4, "big") + b"x" * 100)
            assert b"too_big" in sock.recv(1000)
        assert served.ask({"op": "list"})["processes"]
    assert face.frames == frames and face.ticks > 0 and face.closed


def test_the_face_of_the_published_client_is_this_users_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_peers, "uid_of_peer", lambda own, peer: 12345)
    face = Face()
    with Served(compat=face) as served, socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(b"\x00\x00\x00\x02{}")
        assert json.loads(sock.makefile("rb").readline())["error"]["code"] == "refused"
    assert face.frames == []
