"""Requests of the published client on the control port: every one is answered, in one read, and none ends the server."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from aats import config, control
from aats.compat import market, start
from aats.compat.control import CompatControl
from aats.errors import ConfigError
from aats.layout import Role

from .compat_client import ask, control_port, framed, unframed
from .conftest import STAND_IN, eventually
from .test_compat_wire import cfg, one, spoiled

Start = Callable[..., control.Child]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, namespace: str) -> Iterator[int]:
    """Serve a control port whose feeds are stand-ins."""

    def start_feed(wanted: config.FeedConfig) -> control.Child:
        (config.run_dir() / f"feed-{wanted.name}.toml").write_text(config.dump(wanted))
        symbols = ",".join(f"{symbol.symbol}:{symbol.level_num}" for symbol in wanted.symbols)
        words = [sys.executable, str(STAND_IN), "--name", wanted.name, "--mode", wanted.mode, "--port", str(wanted.net.port)]
        behave = "fail" if "FAIL" in symbols else "serve"
        words += ["--symbols", "" if "LATE" in symbols else symbols, "--behave", behave]
        return control.spawn(Role.FEED, [], command_line=words, wait_s=20)

    monkeypatch.setattr(market, "start_feed", start_feed)
    with control_port(CompatControl(environment={"AATS_MODE": "sandbox"})) as number:
        yield number
    _end_sessions()
    for row in control.processes():
        if row["role"] == "feed" and row["alive"]:
            control.kill(row["pid"])
    control.tidy()


def state(port: int, pid: object) -> str:
    """Ask how a market server does."""
    return str(ask(port, {"type": "require_market_data_state", "pid": pid})["data"]["output"])


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("pid", [None, 0, -1, 2**63, "x", True, [], {}, 1, 10**30, "99999999"])
def test_every_pid_that_is_no_market_server_is_a_bind_error(port: int, pid: object) -> None:
    assert state(port, pid) == "bind error!"


def test_a_trade_server_is_no_market_server(port: int, start: Start) -> None:
    assert state(port, start("--role", "trade", role=Role.TRADE).pid) == "bind error!"


@pytest.mark.parametrize(
    "value", [None, {}, cfg(symbols=[]), cfg(network={"send_to_ip": "192.0.2.1"}), cfg(symbols=one(port=["NOSUCH", "NOWHERE"]))]
)
def test_a_market_that_cannot_run_has_no_pid_and_the_reason(port: int, value: Any) -> None:
    answer = ask(port, {"type": "new_market_instance", "cfg": value})
    assert answer["type"] == "market_instance" and answer["result"] != "ok" and answer["data"] == {"pid": None}
    assert state(port, answer["data"]["pid"]) == "bind error!"


def test_a_market_server_that_fails_at_its_start_says_why(port: int) -> None:
    answer = ask(port, {"type": "new_market_instance", "cfg": cfg(symbols=one(port=["FAILUSDT", "BINANCE"]))})
    assert "NOSUCH is unknown" in answer["result"] and answer["data"]["pid"] is None


@pytest.mark.parametrize("pid", [None, 1, True, "1", 2**70, [1]])
def test_a_pid_outside_the_table_is_never_signalled(port: int, pid: object) -> None:
    answer = ask(port, {"type": "kill_process", "pid": pid})
    assert answer["type"] == "kill_process" and answer["result"] not in ("stopped", "killed")


def test_only_servers_are_killed(port: int, start: Start) -> None:
    other = start("--role", "control", "--name", "other", role=Role.CONTROL)
    assert "neither a market server nor a trade server" in ask(port, {"type": "kill_process", "pid": other.pid})["result"]
    assert other.process.poll() is None


def test_beyond_loopback_only_when_told() -> None:
    with pytest.raises(ConfigError, match="API secrets in clear"):
        CompatControl("0.0.0.0")
    CompatControl("0.0.0.0", insecure=True)


def test_sessions_that_nobody_logs_in_to_are_limited(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "WAITING_MAX", 2)
    answers = [ask(port, {"type": "new_trade_instance"}) for _ in range(3)]
    assert [answer["result"] == "ok" for answer in answers] == [True, True, False]
    assert answers[2]["data"]["port"] == 0 and "wait for their login" in answers[2]["data"]["pin"]


# ---------------------------------------------------------------------------------------------------------- answers


def test_a_market_is_started_watched_listed_and_killed(port: int) -> None:
    answer = ask(port, {"type": "new_market_instance", "cfg": cfg()})
    assert answer["result"] == "ok"
    pid = answer["data"]["pid"]
    assert state(port, pid) == "ok" and state(port, str(pid)) == "ok"
    line = ask(port, {"type": "show_all_market_instance"})["data"]["result"].split("\n")[0].split()
    assert (int(line[0]), line[3]) == (pid, "15004")
    again = ask(port, {"type": "new_market_instance", "cfg": cfg()})
    assert again["data"]["pid"] == pid
    other = ask(port, {"type": "new_market_instance", "cfg": cfg(symbols=one(cid=7))})
    assert other["data"]["pid"] is None and "other symbols, cids or network" in other["result"]
    assert ask(port, {"type": "kill_process", "pid": str(pid)}) == {"type": "kill_process", "result": "stopped", "data": {"pid": pid}}
    assert state(port, pid) == "bind error!"


def test_a_market_that_is_not_synchronised_in_time_is_a_bind_error(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = ask(port, {"type": "new_market_instance", "cfg": cfg(symbols=one(port=["LATEUSDT", "BINANCE"]))})["data"]["pid"]
    assert state(port, pid) == "starting"
    now = time.monotonic
    monkeypatch.setattr(market.time, "monotonic", lambda: now() + 3_600)
    assert state(port, pid) == "bind error!"


def test_a_list_longer_than_one_read_shows_the_newest(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"pid": 10_000 + n, "role": "trade", "name": f"compat-{n}", "port": 4_000 + n, "mode": "sandbox", "state": "RUN"} for n in range(90)
    ]
    monkeypatch.setattr(control, "processes", lambda: [{**row, "alive": True, "started_ns": row["pid"]} for row in rows])
    lines = ask(port, {"type": "show_all_trade_instance"})["data"]["result"].split("\n")
    assert lines[0].split()[0] == "10089" and lines[0].split()[2] == "4089" and 20 < len(lines) < 60
    assert all(len(line.split()) >= 3 for line in lines)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 20])
def test_a_request_in_pieces_is_answered_all_the_same(port: int, cut: int) -> None:
    data = framed({"type": "show_all_trade_instance"})
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (data[:cut], data[cut:]):
            sock.sendall(piece)
            time.sleep(0.02)
        assert unframed(sock.recv(1024))["data"]["result"] == ""


def test_whatever_comes_the_port_goes_on(port: int) -> None:
    """Random bytes, frames of wrong sizes, requests with something wrong in them: an answer that can be read, or the end; and a good client is served."""
    rng = random.Random(4711)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    kinds = ("new_market_instance", "require_market_data_state", "show_all_trade_instance", "show_all_market_instance", "kill_process")
    for turn in range(300):
        value: Any = {"type": rng.choice(kinds), "cfg": cfg(network={"send_to_ip": "192.0.2.1"}), "pid": rng.choice((1, 2, "7", None))}
        data = rng.choice(
            (
                rng.randbytes(rng.randrange(1, 60)),
                struct.pack(">i", rng.choice((0, -5, 2**31 - 1, 5, 1 << 20))) + rng.randbytes(rng.randrange(40)),
                framed(json.dumps(spoiled(value, rng)).encode()),
                framed(json.dumps(value).encode()[: rng.randrange(1, 60)]),
                framed(b"[" * 100_000),
            )
        )
        with socket.create_connection(("127.0.0.1", port), timeout=20) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            answer = sock.recv(1024)
            if answer:
                unframed(answer)
        if turn % 50 == 0:
            assert ask(port, {"type": "show_all_market_instance"})["type"] == "show_all_market_instance"
    assert ask(port, {"type": "show_all_trade_instance"})["result"] == "ok"
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_whatever_comes_to_a_trade_port_its_client_is_let_in(port: int) -> None:
    rng = random.Random(815)
    told = ask(port, {"type": "new_trade_instance"})["data"]
    for _ in range(40):  # no login frames among them: those are counted as guesses
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", told["port"]), timeout=20) as sock:
            sock.sendall(rng.choice((rng.randbytes(30), struct.pack(">i", rng.choice((0, -1, 2**31 - 1))), framed(b"{"), b"")))
    with socket.create_connection(("127.0.0.1", told["port"]), timeout=20) as sock:
        sock.sendall(framed({"type": "login", "data": {"pin": told["pin"]}}))
        assert unframed(sock.recv(1024)) == {"type": "login", "result": "ok"}


def test_a_session_that_is_guessed_at_ends(port: int) -> None:
    told = ask(port, {"type": "new_trade_instance"})["data"]
    sessions = _sessions()
    for turn in range(8):
        with socket.create_connection(("127.0.0.1", told["port"]), timeout=20) as sock:
            sock.sendall(framed({"type": "login", "data": {"pin": f"{turn:032x}"}}))
            assert unframed(sock.recv(1024))["result"] != "ok"
    assert sessions
    eventually(lambda: not _sessions())


def _sessions() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it has ended
            found += [child] if "compat-trade" in child.cmdline() else []
    return found


def _end_sessions() -> None:
    for one_ in _sessions():
        with contextlib.suppress(psutil.Error):
            one_.kill()
