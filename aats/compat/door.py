"""The port of a trade session: whoever says the pin first, within the time limit, is the client; everybody else is turned away.

For: ``aats.compat.trade``.  Not for the connection afterwards: ``aats.compat.line``.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import selectors
import socket
import time
from typing import Any

from aats.compat.wire import BadFrame, Frames, frame

__all__ = ["LOGIN_S", "admit"]

log = logging.getLogger("aats.compat")

#: So long a session waits for its client.
LOGIN_S = 30.0
_SPEAK_S = 5.0  # so long a connection may take to say its login
_GUESSES = 8  # wrong pins, after which the session ends
_AT_ONCE = 8


class _Caller:
    """A connection that has not logged in yet."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.sock = sock
        self.until = until
        self.frames = Frames()


def admit(listener: socket.socket, pin: str, *, wait_s: float = LOGIN_S) -> tuple[socket.socket, Frames] | None:
    """Return the client's connection, and the stream of its frames after the login; None if nobody came in time, or too many guessed.

    Notes
    -----
    The client sends its settings right behind the login, without waiting: what came with it is in the returned `Frames`.
    The listener is closed; the other connections are too.
    """
    end = time.monotonic() + wait_s
    callers: dict[socket.socket, _Caller] = {}
    guesses = 0
    chosen: _Caller | None = None
    listener.setblocking(False)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while chosen is None and guesses < _GUESSES and time.monotonic() < end:
                for key, _ in selector.select(0.2):
                    if key.fileobj is listener:
                        _accept(listener, selector, callers)
                        continue
                    caller = callers[key.fileobj]  # type: ignore[index]
                    said = _hear(caller)
                    if said is None:
                        continue
                    if _right(said, pin):
                        chosen = caller
                        break
                    guesses += said != {}
                    _drop(caller, selector, callers)
                for caller in [one for one in callers.values() if one is not chosen and time.monotonic() > one.until]:
                    _drop(caller, selector, callers)
    finally:
        listener.close()
        for sock in list(callers):
            if chosen is None or sock is not chosen.sock:
                sock.close()
    if guesses >= _GUESSES:
        log.warning("trade session: %d wrong logins: it ends", guesses)
    return None if chosen is None else (chosen.sock, chosen.frames)


def _accept(listener: socket.socket, selector: selectors.BaseSelector, callers: dict[socket.socket, _Caller]) -> None:
    with contextlib.suppress(OSError):
        sock, _ = listener.accept()
        if len(callers) >= _AT_ONCE:
            _drop(min(callers.values(), key=lambda one: one.until), selector, callers)
        sock.setblocking(False)
        callers[sock] = _Caller(sock, time.monotonic() + _SPEAK_S)
        selector.register(sock, selectors.EVENT_READ)


def _hear(caller: _Caller) -> dict[str, Any] | None:
    """Return the caller's first frame, None while it is not whole, ``{}`` for none at all."""
    try:
        piece = caller.sock.recv(65536)
    except BlockingIOError:
        return None
    except OSError:
        return {}
    if not piece:
        return {}
    caller.frames.put(piece)
    try:
        return next(caller.frames.take(), None)
    except BadFrame:
        return {}


def _right(said: dict[str, Any], pin: str) -> bool:
    data = said.get("data")
    given = data.get("pin") if isinstance(data, dict) else None
    return said.get("type") == "login" and isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), pin.encode())


def _drop(caller: _Caller, selector: selectors.BaseSelector, callers: dict[socket.socket, _Caller]) -> None:
    with contextlib.suppress(OSError):
        caller.sock.send(frame({"type": "login", "result": "the pin is not this session's"}))
    selector.unregister(caller.sock)
    callers.pop(caller.sock)
    caller.frames.clear()
    caller.sock.close()
