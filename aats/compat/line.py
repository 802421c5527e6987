"""A trade session's connection: frames of the client in, frames to it out, pings; in a thread of its own.

For: ``aats.compat.trade``.  Not for what the frames mean.

Nobody waits for the client: what is told is queued and written when the socket takes it.  The connection is over when the client has gone, says no word for
`MUTE_S` (it answers pings), sends what can be no frame, or leaves `_BEHIND_MAX` bytes unread; `on_gone` is then called once, with the reason.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from aats.compat.wire import BadBody, BadFrame, Frames, frame

__all__ = ["MUTE_S", "Line"]

log = logging.getLogger("aats.compat")

PING_S = 1.0
MUTE_S = 30.0
_BEHIND_MAX = 4 << 20
_LAST_WORDS_S = 2.0


class Line:
    """One connection.

    Parameters
    ----------
    sock : socket.socket
        Connected; closed by `close`.
    frames : Frames
        What was read of it already.
    on_frame : callable
        Takes each frame but pongs; on this object's thread.
    on_gone : callable
        Takes the reason; on this object's thread.

    Notes
    -----
    Threads: `tell` and `close` from any.
    """

    def __init__(
        self, sock: socket.socket, frames: Frames, on_frame: Callable[[dict[str, Any]], None], on_gone: Callable[[str], None]
    ) -> None:
        self._sock = sock
        self._frames = frames
        self._on_frame = on_frame
        self._on_gone = on_gone
        self._lock = threading.Lock()
        self._out = bytearray()
        self._ending = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._run, name="aats-compat", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def tell(self, value: Mapping[str, Any]) -> None:
        """Queue a frame for the client."""
        data = frame(value)
        with self._lock:
            self._out += data
        self._rouse()

    def close(self) -> None:
        """Write what is queued, if the client takes it within two seconds, and close."""
        self._ending.set()
        self._rouse()
        if self._thread.ident is not None:
            self._thread.join()
        self._frames.clear()
        self._sock.close()
        os.close(self._wake)

    def _rouse(self) -> None:
        try:
            os.eventfd_write(self._wake, 1)
        except BlockingIOError:
            pass

    # ------------------------------------------------------------------------------------------------- its thread

    def _run(self) -> None:
        try:
            reason = self._serve()
        except OSError as exc:
            reason = f"its connection broke: {exc.strerror or exc}"
        except BadFrame as exc:
            reason = str(exc)
        except Exception:  # a fault of ours: the session must end, not hang
            log.exception("trade session: its connection's thread failed")
            reason = "internal"
        if reason:
            self._on_gone(reason)

    def _serve(self) -> str:
        """Read and write until the end; return why, "" if `close` asked for it."""
        now = time.monotonic()
        ping_at, heard, end = now + PING_S, now, 0.0
        self._drain()
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now >= ping_at:
                    ping_at = now + PING_S
                    self.tell({"type": "ping", "ts": time.time_ns()})
                left = self._write()
                if self._ending.is_set():
                    end = end or now + _LAST_WORDS_S
                    if not left or now > end:
                        return ""
                if left > _BEHIND_MAX:
                    return f"it leaves {left} bytes unread"
                if now - heard > MUTE_S:
                    return f"it says nothing and answers no ping since {MUTE_S:g} s"
                selector.modify(self._sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if left else 0))
                for key, mask in selector.select(max(0.0, ping_at - now)):
                    if key.fd == self._wake:
                        os.eventfd_read(self._wake)
                    elif mask & selectors.EVENT_READ:
                        heard = now
                        if not self._read():
                            return "" if self._ending.is_set() else "it has gone"

    def _read(self) -> bool:
        """Take what came; False at its end."""
        try:
            piece = self._sock.recv(65536)
        except BlockingIOError:
            return True
        self._frames.put(piece)
        self._drain()
        return bool(piece)

    def _drain(self) -> None:
        """Hand on the whole frames; one that holds no object is answered."""
        while True:
            try:
                for one in self._frames.take():
                    self._hear(one)
                return
            except BadBody as exc:
                self.tell({"type": "error", "result": str(exc)})

    def _hear(self, one: dict[str, Any]) -> None:
        if one.get("type") == "ping":
            self.tell({"type": "pong", "ts": one.get("ts")})
        elif one.get("type") != "pong":
            self._on_frame(one)

    def _write(self) -> int:
        """Write what the socket takes; return the bytes that are left."""
        with self._lock:
            if self._out:
                try:
                    del self._out[: self._sock.send(self._out)]
                except BlockingIOError:
                    pass
            return len(self._out)
