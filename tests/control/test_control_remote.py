"""Beyond loopback: the token, and trade processes of other hosts that register."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import control, control_client, control_feeds, control_guests, control_peers, control_remote, token
from aats.control_remote import Registration
from aats.control_service import ControlService
from aats.errors import ControlError, SlotTaken

from .conftest import eventually
from .served import Served, launch, own_address

SECRET = "correct horse battery staple"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AATS_TOKEN", SECRET)
    return SECRET


@pytest.fixture
def served(secret: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that listens on an address that is not a loopback one."""
    monkeypatch.setattr(control_feeds, "launch", launch)
    with Served(own_address()) as one:
        yield one


def register(served: Served, **facts: Any) -> tuple[socket.socket, Any, dict[str, Any]]:
    """Register by hand; return socket, its lines, and the answer."""
    sock = socket.create_connection((served.host, served.port), timeout=10)
    request = {"op": "register", "name": "maker", "host": "far", "pid": 4711, "role": "trade", "token": SECRET, **facts}
    sock.sendall(json.dumps(request).encode() + b"\n")
    file = sock.makefile("rb")
    return sock, file, json.loads(file.readline())


def remote(served: Served) -> list[dict[str, Any]]:
    return [one for one in served.ask({"op": "list", "role": "trade"})["processes"] if one["remote"]]


# ------------------------------------------------------------------------------------------------------------ token


@pytest.mark.parametrize(
    "sent",
    [
        b'{"op":"list"}',
        b'{"op":"list","token":null}',
        b'{"op":"list","token":""}',
        b'{"op":"list","token":"wrong horse battery staple"}',
        b'{"op":"list","token":["correct horse battery staple"]}',
        b'{"op":"nonsense","token":"' + b"x" * 5000 + b'"}',
        b"nonsense",
        b"[]",
        b'{"op":"register","name":"x","host":"y","pid":1,"role":"trade"}',
    ],
)
def test_without_the_right_token_there_is_one_word_and_the_end(served: Served, sent: bytes) -> None:
    answers = served.lines(sent + b"\n" + b'{"op":"list","token":"' + SECRET.encode() + b'"}\n', host=served.host)
    assert answers == [{"id": None, "ok": False, "error": {"code": "refused", "text": "the token is wrong or missing"}}]


def test_a_wrong_token_starts_and_ends_nothing(served: Served, start: Any) -> None:
    child = start()
    for request in ({"op": "kill", "pid": child.pid}, {"op": "supervise"}):
        assert served.lines(json.dumps({**request, "token": "x" * 30}).encode() + b"\n", host=served.host)[0]["ok"] is False
    assert child.process.poll() is None
    assert sorted(one["role"] for one in control.processes()) == ["control", "feed"]


def test_each_request_carries_it_and_clients_put_it_in(served: Served) -> None:
    assert served.ask({"op": "list"})["processes"]
    line = b'{"op":"list"}\n'
    good = line.replace(b"}", b',"token":"' + SECRET.encode() + b'"}')
    answers = served.lines(good + line + good, host=served.host)
    assert [one["ok"] for one in answers] == [True, False], "once right is not for ever right"


def test_on_loopback_the_users_id_counts_and_no_token_is_sent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.lines(b'{"op":"list"}\n', host="127.0.0.1")[0]["ok"], "it listens on loopback as well"
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        assert SECRET.encode() not in control_client.line_of(sock, {"op": "list"})
    with socket.create_connection((served.host, served.port)) as sock:
        assert SECRET.encode() in control_client.line_of(sock, {"op": "list"})
    monkeypatch.setattr(control_peers, "uid_of_peer", lambda own, peer: 12345)
    with_token = b'{"op":"list","token":"' + SECRET.encode() + b'"}\n'
    assert served.lines(with_token, host="127.0.0.1")[0]["error"]["code"] == "refused"


def test_who_sends_the_request_back_does_not_bring_the_token_into_a_message(served: Served) -> None:
    with socket.create_server((served.host, 0)) as listener:

        def echo() -> None:
            for _ in range(2):
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(sock.recv(65536))

        thread = threading.Thread(target=echo)
        thread.start()
        with pytest.raises(ControlError, match="not a control server") as caught:
            control_client.ask(*listener.getsockname(), {"op": "list"})
        with Registration(*listener.getsockname(), name="maker", on_kill=lambda: None) as me:
            thread.join()
            eventually(lambda: me.state.startswith("refused"))
            assert SECRET[:4] not in str(caught.value) + me.state


def test_a_token_that_others_may_read_lets_nobody_in(served: Served, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("AATS_TOKEN")
    token.token_file().write_text(SECRET)
    token.token_file().chmod(0o644)
    sent = b'{"op":"list","token":"' + SECRET.encode() + b'"}\n'
    assert served.lines(sent, host=served.host)[0]["error"]["code"] == "refused"
    token.token_file().chmod(0o600)
    assert served.lines(sent, host=served.host)[0]["ok"]
    token.token_file().unlink()
    assert served.lines(b'{"op":"list","token":""}\n', host=served.host)[0]["error"]["code"] == "refused", "none is not the empty one"


def test_refusals_are_counted_and_told_once_and_the_token_stands_nowhere(
    served: Served, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "wrong but close: " + SECRET
    for _ in range(7):
        served.lines(json.dumps({"op": "list", "token": wrong}).encode() + b"\n", host=served.host)
    served.ask({"op": "list"})
    with pytest.raises(ControlError) as refused:
        served.ask({"op": "kill", "pid": 1})
    eventually(lambda: any("requests refused" in one.getMessage() for one in caplog.records))
    assert served.server._door.refused == 7
    assert len([one for one in caplog.records if "requests refused" in one.getMessage()]) == 1
    shown = capsys.readouterr()
    everything = [caplog.text, str(refused.value), shown.out, shown.err, json.dumps(control.processes())]
    assert not any(SECRET in text for text in everything)


def test_a_new_token_is_the_users_alone_and_long(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AATS_TOKEN", raising=False)
    assert token.token() == ""
    first = token.make()
    assert token.token() == first and len(first) >= 40
    assert stat.S_IMODE(token.token_file().stat().st_mode) == 0o600
    assert token.make() != first
    assert list(home.glob(".token*")) == []


# ------------------------------------------------------------------------------------------------------ registration


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"name": ""}, "name must be"),
        ({"name": "a b"}, "name must be"),
        ({"host": "x\n"}, "host must be"),
        ({"pid": 0}, "pid must be a whole number from 1"),
        ({"pid": 2**40}, "pid must be"),
        ({"role": "feed"}, "role must be one of trade"),
        ({"mode": "real"}, "mode must be one of"),
        ({"detail": 5}, "detail must be a text"),
    ],
)
def test_a_wrong_registration_is_refused_and_lists_nothing(served: Served, facts: dict[str, Any], part: str) -> None:
    sock, _, answer = register(served, **facts)
    with sock:
        assert answer["ok"] is False and part in answer["error"]["text"]
        assert remote(served) == []


def test_two_of_one_name_and_host_are_refused(served: Served) -> None:
    first, _, answer = register(served)
    assert answer["ok"] is True
    second, _, refused = register(served, pid=4712)
    assert refused["error"]["code"] == "slot_taken" and "by pid 4711" in refused["error"]["text"]
    third, _, other = register(served, pid=4712, host="farther")
    assert other["ok"] is True
    assert [(one["name"], one["host"], one["pid"], one["port"], one["remote"]) for one in remote(served)] == [
        ("maker", "far", 4711, 0, True),
        ("maker", "farther", 4712, 0, True),
    ]
    for one in (first, second, third):
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    eventually(lambda: remote(served) == [])


def test_one_that_falls_silent_is_dropped_and_one_that_beats_is_not(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_guests, "SILENT_S", 0.5)
    silent, said, _ = register(served)
    beating, _, _ = register(served, name="taker", pid=4712)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        beating.sendall(b'{"beat":1}\n')
        time.sleep(0.05)
    assert [one["name"] for one in remote(served)] == ["taker"]
    assert any("nothing was heard" in line.decode() for line in said)
    silent.close()
    beating.close()


@pytest.mark.parametrize("sent", [b'{"op":"list"}\n', b"nonsense\n", b"[]\n", b'{"beat":1,"mode":"real"}\n', b'{"beat":1,"detail":7}\n'])
def test_what_is_no_beat_ends_a_registration(served: Served, sent: bytes) -> None:
    sock, said, answer = register(served)
    with sock:
        assert answer["ok"] is True
        sock.sendall(sent)
        last = said.read().splitlines()[-1]
        assert json.loads(last)["ok"] is False
    eventually(lambda: remote(served) == [])


def test_a_kill_is_handed_over_and_the_end_of_the_connection_is_the_answer(served: Served) -> None:
    sock, said, _ = register(served)
    box: list[Any] = []
    asking = threading.Thread(target=lambda: box.append(served.ask({"op": "kill", "pid": 4711, "host": "far"})))
    asking.start()
    assert any(json.loads(line).get("kill") for line in said)
    assert remote(served), "it was only asked"
    sock.sendall(b'{"bye":true}\n')
    asking.join(10)
    assert (box[0]["result"], box[0]["pid"], box[0]["host"]) == ("stopped", 4711, "far")
    assert remote(served) == []
    sock.close()


def test_who_is_meant_by_a_kill_is_never_guessed(served: Served) -> None:
    here, _, _ = register(served, pid=os.getppid(), host="far")
    there, _, _ = register(served, pid=os.getppid(), host="farther")
    own, _, _ = register(served, name="twin", pid=os.getpid(), host="far")
    with pytest.raises(ControlError, match=r"several hosts .*far, farther.*say which"):
        served.ask({"op": "kill", "pid": os.getppid()})
    with pytest.raises(ControlError, match=r"control server itself|several hosts"):
        served.ask({"op": "kill", "pid": os.getpid()})  # in the table here (this server), registered there
    with pytest.raises(ControlError, match="is not registered here"):
        served.ask({"op": "kill", "pid": os.getppid(), "host": "nowhere"})
    with pytest.raises(ControlError, match="entry 'r99' is not registered"):
        served.ask({"op": "kill", "entry": "r99"})
    assert len(remote(served)) == 3
    for one in (here, there, own):
        one.close()


def test_a_registration_lists_updates_and_leaves(served: Served) -> None:
    killed = threading.Event()
    with Registration(served.host, served.port, name="maker", mode="sim", detail="starting", on_kill=killed.set) as one:
        eventually(lambda: one.state == "registered")
        (listed,) = remote(served)
        assert (listed["pid"], listed["host"], listed["mode"], listed["detail"]) == (os.getpid(), socket.gethostname(), "sim", "starting")
        one.update(detail="3 symbols")
        eventually(lambda: remote(served)[0]["detail"] == "3 symbols")
        assert not killed.is_set()
    assert one.state == "ended"
    eventually(lambda: remote(served) == [])


def test_a_kill_reaches_the_registered_process_through_the_service(served: Served) -> None:
    box: list[Registration] = []
    one = Registration(served.host, served.port, name="maker", on_kill=lambda: box[0].stop())
    one._facts["pid"] = 4711  # another host's: this process is the server, too
    box.append(one)
    one.start()
    eventually(lambda: one.state == "registered")
    service = ControlService()
    service.set_control_server(served.host, served.port)
    assert [server["pid"] for server in service.show_all_trade_servers()] == [4711]
    assert service.kill_server(4711) == {"pid": 4711, "result": "stopped"}
    assert service.show_all_trade_servers() == []


def test_a_registration_outlives_its_server_and_comes_back(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_remote, "_AGAIN_MAX_S", 0.2)
    host = own_address()
    with Served(host) as first:
        one = Registration(host, first.port, name="maker", on_kill=lambda: None)
        one.start()
        eventually(lambda: one.state == "registered")
        first.stop()
        eventually(lambda: one.state.startswith("connecting: "))
    second = Served(host)
    monkeypatch.setattr(one, "_where", (host, 0))
    with second:
        one._where = (host, second.port)
        eventually(lambda: one.state == "registered")
        assert len(remote(second)) == 1
        one.stop()


def test_a_server_with_guests_that_beat_ends_when_it_is_told(secret: str) -> None:
    """Over and over: an end that comes together with a beat must not be lost."""
    host = own_address()
    for _ in range(5):
        with Served(host) as served:
            guests = [register(served, name=f"maker{number}", pid=4711 + number)[0] for number in range(4)]
            over = threading.Event()
            beating = [threading.Thread(target=beat, args=(one, over), daemon=True) for one in guests]
            for thread in beating:
                thread.start()
            served.stop()
            over.set()
            for one in guests:
                one.close()


def beat(sock: socket.socket, over: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not over.wait(0.0005):
            sock.sendall(b'{"beat":1}\n')


def test_a_refused_registration_says_why_and_harms_nobody(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_remote, "_AGAIN_MIN_S", 0.05)
    monkeypatch.setattr(control_remote, "_AGAIN_MAX_S", 0.05)
    sock, _, _ = register(served, host=socket.gethostname())
    with Registration(served.host, served.port, name="maker", on_kill=lambda: None) as one:
        eventually(lambda: "registered already, by pid 4711" in one.state)
        time.sleep(0.3)
        assert len([record for record in caplog.records if "not listed" in record.getMessage()]) == 1, "it is said once"
        sock.close()
        eventually(lambda: one.state == "registered")
    assert control_client.CODES["slot_taken"] is SlotTaken


def test_a_registration_without_the_token_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_peers, "token", type("Ours", (), {"token": lambda: SECRET, "same": token.same}))
    monkeypatch.setattr(token, "token", lambda: "")
    with Registration(served.host, served.port, name="maker", on_kill=lambda: None) as one:
        eventually(lambda: one.state == "refused: the token is wrong or missing")
    with pytest.raises(ControlError, match="the token is wrong or missing"):
        served.ask({"op": "list"})


def test_a_compat_face_beyond_loopback_needs_the_word(secret: str) -> None:
    with pytest.raises(ControlError, match="--compat-insecure"), Served(own_address(), compat=object()):
        pytest.fail("it serves")
