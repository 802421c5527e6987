"""Registering this process at the control server of another host, so that it is listed there and can be ended from there.

For: ``TradeService`` with a control server that is not this host's.  Not for processes of one host: those meet in the control table.

    me = Registration("10.0.0.5", 8060, name="maker", mode="sim", on_kill=service.stop)
    me.start()                          # returns at once
    ...
    me.stop()

The wire is drawn in ``aats.control_guests``.  A server that cannot be reached, or that refuses, costs nothing but its list: the process goes on, the log
says so once, and it is tried again after 0.5, 1, 2 .. 30 s.

Cost: one thread that wakes twice a second for some ten microseconds, and takes the interpreter's lock for that long; nothing on the trading thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson

from aats.control_client import BEAT_S, CODES, CONNECT_S, SILENT_S, line_of, shown
from aats.errors import AatsError, ControlError

__all__ = ["Registration"]

log = logging.getLogger("aats.control")

_AGAIN_MIN_S, _AGAIN_MAX_S = 0.5, 30.0
_WAKE_S = 0.5
_STOP_S = 2.0
_LINE_MAX = 65536


class Registration:
    """This process in the list of another host's control server.

    Parameters
    ----------
    host, port
        The control server.
    name, mode, detail : str
        What it lists.
    on_kill : callable
        Called once, on the helper thread, when somebody there kills this process.

    Attributes
    ----------
    state : str
        ``registered``, ``connecting: why``, ``refused: why``, ``ended``.

    Notes
    -----
    Threads: `update` and `stop` may be called from any.
    """

    def __init__(self, host: str, port: int, *, name: str, mode: str = "none", detail: str = "", on_kill: Callable[[], None]) -> None:
        self.state = "connecting: not started"
        self._where = (host, port)
        self._facts = {
            "op": "register",
            "role": "trade",
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "mode": mode,
            "detail": detail,
        }
        self._changed: dict[str, str] = {}
        self._on_kill = on_kill
        self._killed = False
        self._lock = threading.Lock()
        self._wake, self._waker = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aats-register", daemon=True)

    def __enter__(self) -> Registration:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def update(self, *, mode: str | None = None, detail: str | None = None) -> None:
        """Change what is listed, with the next beat."""
        told = {key: value for key, value in (("mode", mode), ("detail", detail)) if value is not None}
        with self._lock:
            self._facts.update(told)
            self._changed.update(told)

    def stop(self) -> None:
        """Say goodbye and end the thread, within two seconds; a second call does nothing."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._waker.send(b"x")
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_STOP_S)

    # ------------------------------------------------------------------------------------------------------- thread

    def _run(self) -> None:
        wait_s, told = _AGAIN_MIN_S, ""
        while not self._stopping.is_set():
            begin = time.monotonic()
            try:
                self._session()
            except (AatsError, OSError) as exc:
                why = str(exc) if isinstance(exc, AatsError) else f"control server {self._where[0]}:{self._where[1]}: {exc.strerror or exc}"
                self.state = f"{'refused' if isinstance(exc, AatsError) else 'connecting'}: {why}"
                if self.state != told:
                    told = self.state
                    log.warning("not listed at the control server %s:%d, which is tried again: %s", *self._where, why)
            else:
                told = ""
            if time.monotonic() - begin > SILENT_S:  # it held for a while: this is a new trouble
                wait_s = _AGAIN_MIN_S
            if self._stopping.wait(wait_s):
                break
            wait_s = min(_AGAIN_MAX_S, wait_s * 2)
        self.state = "ended"
        self._wake.close()
        self._waker.close()

    def _session(self) -> None:
        """Connect, register, and stay; returns when we stop, raises when it breaks."""
        with socket.create_connection(self._where, timeout=CONNECT_S) as sock:
            with self._lock:
                self._changed.clear()
                request: dict[str, Any] = dict(self._facts)
            sock.settimeout(SILENT_S)
            sock.sendall(line_of(sock, request))
            raw = bytearray()
            self._registered(self._line(sock, raw))
            self.state = "registered"
            log.info("listed at the control server %s:%d as %s", *self._where, self._facts["name"])
            self._stay(sock, raw)

    @staticmethod
    def _line(sock: socket.socket, raw: bytearray) -> bytes:
        while b"\n" not in raw:
            piece = sock.recv(_LINE_MAX)
            if not piece or len(raw) > _LINE_MAX:
                raise ConnectionResetError(None, "it closed the connection without an answer")
            raw += piece
        at = raw.index(b"\n") + 1
        line = bytes(raw[:at])
        del raw[:at]
        return line

    @staticmethod
    def _registered(line: bytes) -> None:
        try:
            answer = orjson.loads(line)
            if answer["ok"] is True:
                return
            code, text = answer["error"]["code"], str(answer["error"]["text"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ControlError(f"it answers {shown(line)}: it is not a control server of aats") from None
        raise CODES.get(code, ControlError)(text)

    def _stay(self, sock: socket.socket, raw: bytearray) -> None:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        number, beat_at, heard_at = 0, 0.0, time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if now - heard_at > SILENT_S:
                raise TimeoutError(None, f"nothing was heard for {SILENT_S:g} s")
            if now >= beat_at:
                number, beat_at = number + 1, now + BEAT_S
                with self._lock:
                    said, self._changed = {"beat": number, **self._changed}, {}
                sock.sendall(orjson.dumps(said) + b"\n")
            for fd, _ in poll.poll(_WAKE_S * 1000):
                if fd == sock.fileno():
                    piece = sock.recv(_LINE_MAX)
                    if not piece:
                        raise ConnectionResetError(None, "it closed the connection")
                    heard_at = time.monotonic()
                    raw += piece
                    self._take(raw)
        sock.sendall(b'{"bye":true}\n')

    def _take(self, raw: bytearray) -> None:
        *lines, rest = bytes(raw).split(b"\n")
        raw[:] = rest
        for line in lines:
            said = None
            with contextlib.suppress(orjson.JSONDecodeError):
                said = orjson.loads(line)
            if isinstance(said, dict) and isinstance(said.get("error"), dict):
                raise ControlError(str(said["error"].get("text", "it refused")))
            if isinstance(said, dict) and said.get("kill") is True and not self._killed:
                self._killed = True
                log.warning("killed from the control server %s:%d", *self._where)
                self._on_kill()
        if len(raw) > _LINE_MAX:
            raise ControlError("it sends a line without end")
