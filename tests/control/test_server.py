"""The control server and the services over it: what it refuses, and the five requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import control, control_client, control_connections, control_feeds, control_peers, control_server, shm
from aats.control_service import ControlService
from aats.errors import ConfigError, ControlError, PeerDead, SlotTaken
from aats.layout import Role
from aats.market_service import MarketService, NetWorkType

from .conftest import eventually
from .served import Served, launch

Start = Callable[..., control.Child]
SYMBOLS = {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE", 1003: "LTCUSDT.BINANCE"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Run a server in a thread, whose feeds are stand-ins, and give its port."""
    monkeypatch.setattr(control_feeds, "launch", launch)
    with Served() as served:
        yield served.port


def lines(port: int, sent: bytes) -> list[dict[str, Any]]:
    """Send bytes, end our side, and return the answers until the server ends its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock, sock.makefile("rb") as file:
        with contextlib.suppress(OSError):
            sock.sendall(sent)
            sock.shutdown(socket.SHUT_WR)
        return [json.loads(line) for line in file]


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("sent", "code", "part"),
    [
        (b"hello\n", "syntax", "one JSON object a line"),
        (b'{"op":"list"\n', "syntax", "one JSON object"),
        (b"\xff\xfe\n", "syntax", "one JSON object"),
        (b"[]\n", "request", "op"),
        (b"{}\n", "request", "op"),
        (b'{"op":7}\n', "request", "op"),
        (b'{"op":"reboot"}\n', "request", "start_market, supervise, list, state, kill, stop, restart, keep"),
        (b'{"op":"list","role":"feeds"}\n', "request", "role must be one of"),
        (b'{"op":"kill"}\n', "request", "pid must be a whole number"),
        (b'{"op":"kill","pid":true}\n', "request", "pid"),
        (b'{"op":"kill","pid":-1}\n', "request", "pid"),
        (b'{"op":"kill","pid":1}\n', "control", "pid 1 is not in the control table"),
        (b'{"op":"state","pid":99999999}\n', "control", "not in the control table"),
        (b'{"op":"start_market"}\n', "request", "config"),
        (b'{"op":"start_market","config":{"feed":{"venue":"BINANCE"}}}\n', "config", "feed.symbols is missing"),
        (b'{"op":"start_market","namespace":"other","config":{}}\n', "request", "serves namespace"),
        (b'{"op":"supervise","namespace":"other"}\n', "request", "serves namespace"),
    ],
)
def test_a_wrong_request_is_answered_and_the_connection_goes_on(server: int, sent: bytes, code: str, part: str) -> None:
    answers = lines(server, sent + b'{"id":5,"op":"state"}\n')
    assert answers[0]["ok"] is False
    assert answers[0]["error"]["code"] == code
    assert part in answers[0]["error"]["text"]
    assert answers[1]["ok"] is True and answers[1]["id"] == 5


def test_a_line_without_end_is_cut_off(server: int) -> None:
    answers = lines(server, b'{"op":"' + b"x" * (control_client.LINE_MAX + 10))
    assert answers[0]["error"]["code"] == "too_big"
    assert lines(server, b'{"op":"state"}\n')[0]["ok"]


def test_half_a_line_is_no_request(server: int) -> None:
    assert lines(server, b'{"op":"list"}') == []


def test_a_silent_connection_is_ended(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_connections, "FIRST_BYTE_S", 0.2)
    with socket.create_connection(("127.0.0.1", server), timeout=10) as sock:
        assert json.loads(sock.makefile("rb").readline())["error"]["code"] == "timeout"


def test_another_user_is_refused(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_peers, "uid_of_peer", lambda own, peer: 12345)
    answer = lines(server, b'{"op":"list"}\n')[0]
    assert answer["error"] == {"code": "refused", "text": f"only uid {os.getuid()} may ask, this connection is of uid 12345"}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_uid_of_a_loopback_peer_is_found(family: socket.AddressFamily) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"no {host} here")
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]) as sock:
            accepted, peer = listener.accept()
            with accepted:
                assert control_peers.uid_of_peer(accepted.getsockname(), peer) == os.getuid()
                assert control_peers.uid_of_peer(accepted.getsockname(), (host, 1)) is None
            del sock


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_a_server_beyond_loopback_needs_a_token_and_says_how_to_make_one(host: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AATS_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=f"`aats token --new` makes one in {home}/token"):
        asyncio.run(control_server.ControlServer(host, 0).serve())
    assert control.processes() == []
    assert control_peers.addresses("localhost") == ["127.0.0.1"], "none is needed there"


def test_a_port_in_use_is_named(server: int) -> None:
    with pytest.raises(ControlError, match=f"cannot listen on 127.0.0.1:{server}"):
        asyncio.run(control_server.ControlServer("127.0.0.1", server).serve())


def test_a_control_server_does_not_kill_itself(server: int) -> None:
    with pytest.raises(ControlError, match="control server itself"):
        control_client.ask("127.0.0.1", server, {"op": "kill", "pid": os.getpid()})


def test_nobody_there_and_strangers_are_told_apart() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with pytest.raises(ControlError, match="cannot be reached"):
            control_client.ask("127.0.0.1", port, {"op": "state"})
        listener.listen()

        def answer(text: bytes) -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(1000)
                accepted.sendall(text)

        for text, part in (
            (b"HTTP/1.1 400 Bad Request\r\n", "not a control server"),
            (b"", "without an answer"),
            (b"x" * (2 << 20), "more than|cannot be reached"),
        ):
            thread = threading.Thread(target=lambda text=text: contextlib.suppress(OSError).__enter__() or answer(text))
            thread.daemon = True
            thread.start()
            with pytest.raises(ControlError, match=part):
                control_client.ask("127.0.0.1", port, {"op": "state"}, timeout_s=5)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda m: m.set_control_server("", 8060), "set_control_server: ip"),
        (lambda m: m.set_control_server("127.0.0.1", 0), "port must be a whole number from 1 to 65535; it is 0"),
        (lambda m: m.set_network_cfg("127.0.0.1", 0), "set_network_cfg: port must be a whole number from 1 to 65535; it is 0"),
        (
            lambda m: m.set_network_cfg("203.0.113.7", 15004),
            r"ip must be an address of this host, or 0\.0\.0\.0 .*this host has .*127\.0\.0\.1",
        ),
        (lambda m: m.set_network_cfg("no-such-host.invalid", 15004), "'no-such-host.invalid' cannot be resolved"),
        (lambda m: m.set_network_cfg("239.1.1.1", 15004), "must be the address of one host with send_type P2P"),
        (lambda m: m.set_network_cfg("203.0.113.255", 15004, "broadcast"), r"255\.255\.255\.255 or the broadcast .* lo 127\.255\.255\.255"),
        (lambda m: m.set_network_cfg("203.0.113.255", 15004, 2, "lo"), "broadcast address of card lo with send_type BROADCAST"),
        (lambda m: m.set_network_cfg("255.255.255.255", 15004, 2, "nocard0"), "no network card 'nocard0'; there are .*lo"),
        (lambda m: m.set_network_cfg("10.0.0.1", 15004, NetWorkType.MULTIBROAD), "224.0.0.0 to 239.255.255.255"),
        (lambda m: m.set_network_cfg("239.1.1.1", 0, NetWorkType.MULTIBROAD), "port"),
        (lambda m: m.set_network_cfg("239.1.1.1", 5, NetWorkType.MULTIBROAD, "nocard0"), "no network card 'nocard0'; there are .*lo"),
        (lambda m: m.set_network_cfg("239.1.1.1", 5, "carrier pigeon"), "send_type is 'carrier pigeon'; known are .*MULTIBROAD"),
        (lambda m: m.add_exchange("BINANC"), "exchange must be one of BINANCE"),
        (lambda m: m.add_listen_symbol("BTCUSD", "BINANCE"), "BTCUSD.BINANCE is not in sym_cid_map .*BTCUSDT.BINANCE"),
        (
            lambda m: m.add_listen_symbol("BTCUSDT", "BINANCE", 0),
            "level_num of BTCUSDT.BINANCE must be a whole number from 1 to 1000; it is 0",
        ),
        (lambda m: m.add_listen_symbol("BTCUSDT", "BINANCE", book_level=1001), "it is 1001"),
        (lambda m: m.run(), "no symbol to listen to"),
    ],
)
def test_a_wrong_setting_is_refused_by_the_call_that_made_it(change: Callable[[MarketService], None], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        change(MarketService(SYMBOLS))


@pytest.mark.parametrize(
    ("symbols", "part"),
    [
        ({1: "BTCUSDT.BINANCE", 2: "BTCUSDT.BINANCE"}, "BTCUSDT.BINANCE has two cids .*1 and 2"),
        ({1: "BTCUSDT"}, r"sym_cid_map\[1\] must be 'SYMBOL.EXCHANGE'"),
        (["BTCUSDT.BINANCE"], "must be a dict"),
    ],
)
def test_a_wrong_map_is_refused(symbols: Any, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        MarketService(symbols)


def test_another_hosts_server_is_not_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_client, "listens", lambda host, port: False)
    with pytest.raises(ControlError, match=r"no control server listens at 192\.0\.2\.1:8060: start `aats control` there"):
        control_client.ensure("192.0.2.1", 8060)
    assert control.processes() == []


# --------------------------------------------------------------------------------------------------------- requests


def market(port: int, **symbols: int) -> MarketService:
    service = MarketService(SYMBOLS)
    service.set_control_server("127.0.0.1", port)
    for symbol, level in symbols.items():
        service.add_listen_symbol(symbol, "BINANCE", level)
    return service


def test_a_market_server_is_started_once_and_extended_afterwards(server: int, capsys: pytest.CaptureFixture[str]) -> None:
    service = market(server, BTCUSDT=20)
    service.run()
    assert "market server binance started" in capsys.readouterr().out
    first = service.servers[0]
    assert first["started"] and first["symbols"] == {"BTCUSDT.BINANCE": "live"}

    again = market(server, BTCUSDT=5, ETHUSDT=7)
    again.run()
    assert not again.servers[0]["started"]
    assert again.servers[0]["pid"] == first["pid"]
    assert again.servers[0]["changed"] == ["ETHUSDT"]
    assert set(control.find_feeds()[0].symbols) == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE"}


def test_a_deeper_book_than_the_feed_has_room_for_is_refused_with_both_numbers(server: int) -> None:
    market(server, BTCUSDT=20).run()
    with pytest.raises(ConfigError, match="at most 20 levels, ETHUSDT wants 21"):
        market(server, ETHUSDT=21).run()


def test_other_network_settings_of_a_running_feed_are_refused(server: int) -> None:
    market(server, BTCUSDT=5).run()
    service = market(server, BTCUSDT=5)
    service.set_network_cfg("239.255.0.1", 15004, NetWorkType.MULTIBROAD, "lo")
    with pytest.raises(ConfigError, match="sends to no network, wanted is port 15004"):
        service.run()


def test_the_mode_is_the_askers(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_MODE", "sim")
    market(server, BTCUSDT=5).run()
    assert [(feed.name, feed.mode.name) for feed in control.find_feeds()] == [("binance-sim", "SIM")]


def test_a_feed_that_does_not_come_up_gives_its_reason(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ControlError, match=r"not ready after 0\.5 s"):
        tables = {"feed": {"venue": "BINANCE", "symbols": ["BHANG"]}, "limits": {"feed_ready_ms": 500}}
        control_client.ask("127.0.0.1", server, {"op": "start_market", "config": tables})


def test_servers_are_shown_and_killed_by_their_pid(server: int, capsys: pytest.CaptureFixture[str], start: Start) -> None:
    market(server, BTCUSDT=5).run()
    trade = start("--role", "trade", "--name", "maker", "--port", "4711", role=Role.TRADE)
    service = ControlService()
    service.set_control_server("localhost", server)
    assert [(one["pid"], one["port"]) for one in service.show_all_trade_servers()] == [(trade.pid, 4711)]
    feeds = service.show_all_market_servers()
    assert [one["name"] for one in feeds] == ["binance"]
    assert f"'pid': {feeds[0]['pid']}" in capsys.readouterr().out
    assert service.kill_server(feeds[0]["pid"]) == {"pid": feeds[0]["pid"], "result": "stopped"}
    assert service.show_all_market_servers() == []
    with pytest.raises(ControlError, match="not in the control table"):
        service.kill_server(feeds[0]["pid"])


def test_the_state_of_the_server_and_of_one_process(server: int) -> None:
    about = control_client.ask("127.0.0.1", server, {"op": "state"})
    assert (about["pid"], about["port"], about["namespace"]) == (os.getpid(), server, shm.namespace())
    one = control_client.ask("127.0.0.1", server, {"op": "state", "pid": os.getpid()})["process"]
    assert one["role"] == "control" and one["port"] == server


def test_a_supervisor_is_started_once_started_again_after_a_kill_and_not_after_a_stop(server: int) -> None:
    def supervisors() -> list[int]:
        return [one["pid"] for one in control.processes() if one["name"] == "supervisor" and one["alive"] and one["state"] == "RUN"]

    first = control_client.ask("127.0.0.1", server, {"op": "supervise", "namespace": shm.namespace()}, timeout_s=30)
    assert first["started"] and [first["pid"]] == supervisors()
    assert control_client.ask("127.0.0.1", server, {"op": "supervise"}) == {**first, "id": None, "started": False}
    assert first["pid"] in control_client.ask("127.0.0.1", server, {"op": "state"})["children"]
    os.kill(first["pid"], signal.SIGKILL)
    others: list[int] = []
    eventually(lambda: others.extend(pid for pid in supervisors() if pid != first["pid"]) or others, within_s=30)
    (second,) = others
    assert control.kill(second) == "stopped"
    time.sleep(1.5)
    assert supervisors() == [], "it was told to end"


def test_errors_come_back_as_the_exceptions_they_were() -> None:
    for kind in (ConfigError, SlotTaken, PeerDead, ControlError):
        code = next(code for code, known in control_client.CODES.items() if issubclass(kind, known))
        assert control_client.CODES[code] is kind


def test_the_services_start_a_server_where_none_listens_and_it_ends_when_told(namespace: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    control_client.ensure("127.0.0.1", port)
    control_client.ensure("localhost", port)
    about = control_client.ask("127.0.0.1", port, {"op": "state"})
    assert [one["role"] for one in control.processes()] == ["control"]
    done = subprocess.run([sys.executable, "-m", "aats.cli", "stop", str(about["pid"])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "stopped" in done.stdout
    assert shm.names(ns=namespace, every=True) == []
