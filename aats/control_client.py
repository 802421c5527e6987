"""Asking a control server, and starting one where none listens.

For: the services.  Not for processes on this host that can look into the control table themselves: ``aats.control``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections.abc import Sequence
from typing import Any

import orjson
import psutil

from aats import control, token
from aats.errors import AatsError, ConfigError, ControlError, FeedError, LayoutMismatch, PeerDead, SegmentMissing, ShmError, SlotTaken
from aats.layout import Role

__all__ = ["BEAT_S", "CODES", "LINE_MAX", "SILENT_S", "ask", "ensure", "line_of", "listens", "on_this_host", "shown"]

#: Bytes of a request or answer line.
LINE_MAX = 1 << 20
CONNECT_S = 5.0
#: A registered process of another host and its server say something this often, and call the other gone after this long.
BEAT_S = 1.0
SILENT_S = 5.0
_STARTED_S = 10.0

#: Codes of errors on the wire, special before general, and the exceptions that they are here.
CODES: dict[str, type[AatsError]] = {
    "config": ConfigError,
    "slot_taken": SlotTaken,
    "peer_dead": PeerDead,
    "control": ControlError,
    "segment_missing": SegmentMissing,
    "layout": LayoutMismatch,
    "shm": ShmError,
    "feed": FeedError,
    "aats": AatsError,
}


def ask(host: str, port: int, request: dict[str, Any], *, timeout_s: float = 10.0) -> dict[str, Any]:
    """Send one request and return its answer.

    Raises
    ------
    ControlError
        Nobody listens, no answer within `timeout_s`, or bytes that are no answer.
    AatsError
        What the server says: of the kind that its code names, with its text.
    """
    where = f"control server {host}:{port}"
    line = b""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as sock:
            sock.sendall(line_of(sock, request))
            deadline = time.monotonic() + timeout_s
            while not line.endswith(b"\n"):
                sock.settimeout(max(0.001, deadline - time.monotonic()))
                piece = sock.recv(65536)
                if not piece:
                    raise ControlError(f"{where} closed the connection without an answer")
                line += piece
                if len(line) > LINE_MAX:
                    raise ControlError(f"{where} answers with more than {LINE_MAX} bytes")
    except TimeoutError:
        raise ControlError(f"{where} has not answered {request.get('op')!r} within {timeout_s:g} s") from None
    except OSError as exc:
        raise ControlError(f"{where} cannot be reached: {exc.strerror or exc}") from exc
    return _result(line, where)


def line_of(sock: socket.socket, request: dict[str, Any]) -> bytes:
    """Return a request as a line for a connected socket: with our token, unless the other end is a loopback address.

    Notes
    -----
    On loopback the server goes by the user's id, and a token would be told to whoever happens to listen on the port.
    """
    peer = str(sock.getpeername()[0]).partition("%")[0]
    if not ipaddress.ip_address(peer).is_loopback:
        ours = token.token()
        request = {**request, "token": ours} if ours else request
    return orjson.dumps(request) + b"\n"


def _result(line: bytes, where: str) -> dict[str, Any]:
    try:
        answer = orjson.loads(line)
        if answer["ok"] is True:
            return dict(answer)
        code, text = answer["error"]["code"], answer["error"]["text"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ControlError(f"{where} answers {shown(line)}: it is not a control server of aats") from None
    raise CODES.get(code, ControlError)(text)


def shown(line: bytes) -> str:
    """Return the beginning of an answer that is none, for a message; not of one that gives back what was asked, with the token in it."""
    return "with what it was sent" if b'"token"' in line else repr(line[:60])


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=CONNECT_S):
        return True
    return False


def on_this_host(host: str) -> bool:
    """Whether an address is one of this host's.

    Raises
    ------
    ConfigError
        The name cannot be resolved.
    """
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as exc:
        raise ConfigError(f"control server address {host!r} cannot be resolved: {exc.strerror}") from exc
    own = {one.address.partition("%")[0] for card in psutil.net_if_addrs().values() for one in card}
    return any(ipaddress.ip_address(one).is_loopback or one in own for one in found)


def ensure(host: str, port: int, *, words: Sequence[str] = (), pass_fds: Sequence[int] = ()) -> bool:
    """Start a control server at an address of this host if nobody listens there; return whether it was started here.

    Parameters
    ----------
    words, pass_fds : optional
        More arguments of it, and descriptors that it inherits.

    Raises
    ------
    ControlError
        Nobody listens and it is another host's address, or the server could not be started.
    """
    if listens(host, port):
        return False
    if not on_this_host(host):
        raise ControlError(f"no control server listens at {host}:{port}: start `aats control` there")
    try:
        control.spawn(
            Role.CONTROL,
            ["control", "--host", host, "--port", str(port), *words],
            name=f"control-{port}",
            wait_s=_STARTED_S,
            pass_fds=pass_fds,
        )
    except ControlError:
        if not listens(host, port):  # somebody else may have been faster
            raise
        return False
    return True
