"""The connection of a trade session: whose end it notices, and that nobody waits for a client that does not read."""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aats.compat import line as module
from aats.compat.door import admit
from aats.compat.line import Line
from aats.compat.wire import Frames

from .compat_client import framed, login, unframed


class _Session:
    """A `Line`, the other end of it, and what it calls."""

    def __init__(self) -> None:
        ours, self.theirs = _pair()
        self.frames: queue.Queue[dict[str, Any]] = queue.Queue()
        self.gone: queue.Queue[str] = queue.Queue()
        self.line = Line(ours, Frames(), self.frames.put, self.gone.put)
        self.line.start()


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname(), timeout=20)
        return listener.accept()[0], theirs


@pytest.fixture
def session() -> Iterator[_Session]:
    one = _Session()
    yield one
    one.line.close()
    one.theirs.close()
    assert one.gone.qsize() <= 1


@pytest.mark.parametrize("data", [struct.pack(">i", -1), struct.pack(">i", 0), struct.pack(">i", 2**31 - 1), b"GET / HTTP/1.1"])
def test_what_is_no_frame_ends_the_session(session: _Session, data: bytes) -> None:
    session.theirs.sendall(framed({"type": "a"}) + data)
    assert session.frames.get(timeout=20) == {"type": "a"}
    assert "frame" in session.gone.get(timeout=20)


@pytest.mark.parametrize("body", [b"{", b"[7]", b'{"order_id":1%s}' % (b"0" * 400), b"[" * 70_000])
def test_a_frame_without_an_object_is_answered_and_the_next_one_taken(session: _Session, body: bytes) -> None:
    session.theirs.sendall(framed({"type": "a"}) + framed(body) + framed({"type": "b"}))
    assert [session.frames.get(timeout=20)["type"] for _ in range(2)] == ["a", "b"]
    head = session.theirs.recv(4)
    assert unframed(head + session.theirs.recv(struct.unpack("<i", head)[0]))["type"] == "error"


def test_a_client_that_goes_is_noticed_after_its_last_words(session: _Session) -> None:
    session.theirs.sendall(framed({"type": "place_order"}) + framed({"type": "cancel_order"})[:7])
    session.theirs.close()
    assert session.frames.get(timeout=20) == {"type": "place_order"}
    assert session.gone.get(timeout=20) == "it has gone"


def test_a_client_that_answers_no_ping_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MUTE_S", 0.3)
    monkeypatch.setattr(module, "PING_S", 0.1)
    session = _Session()
    try:
        assert "answers no ping" in session.gone.get(timeout=20)
        head = session.theirs.recv(4)
        assert unframed(head + session.theirs.recv(struct.unpack("<i", head)[0]))["type"] == "ping"
    finally:
        session.line.close()
        session.theirs.close()


def test_a_client_that_reads_nothing_holds_up_nobody_and_is_cut_off(session: _Session) -> None:
    event = {"type": "onOrderAcked", "order": {"msg": "x" * 60_000}}
    told = 0
    while session.gone.empty() and told < 2_000:  # 120 MB: more than any buffer here
        session.line.tell(event)
        told += 1
        time.sleep(0.001)
    assert "unread" in session.gone.get(timeout=20)


def test_what_was_told_before_the_end_is_written() -> None:
    session = _Session()
    for number in range(500):
        session.line.tell({"type": "onOrderClosed", "order": {"order_id": number}})
    closing = threading.Thread(target=session.line.close)
    closing.start()
    data = b""
    while piece := session.theirs.recv(65536):
        data += piece
    closing.join()
    seen = []
    while data:
        size = 4 + struct.unpack_from("<i", data)[0]
        seen.append(unframed(data[:size]))
        data = data[size:]
    assert [one["order"]["order_id"] for one in seen if "order" in one] == list(range(500))
    session.theirs.close()


def test_frames_behind_the_login_are_not_lost() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname(), timeout=20) as sock:
        sock.sendall(framed(login("right")) + framed({"type": "init", "data": {}})[:9])
        found = admit(listener, "right", wait_s=20)
        assert found is not None
        connection, frames = found
        with connection:
            sock.sendall(framed({"type": "init", "data": {}})[9:])
            connection.settimeout(20)
            got: list[Any] = []
            while not got:
                frames.put(connection.recv(4096))
                got = list(frames.take())
            assert got == [{"type": "init", "data": {}}]


def test_nobody_in_time_is_nobody() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(listener.getsockname(), timeout=20) as sock:
        sock.sendall(framed(login("right"))[:-1])
        assert admit(listener, "right", wait_s=0.3) is None
        assert sock.recv(1) == b""
