"""One TCP connection without TCP, and the peers that are no exchange.

A wire carries bytes both ways with a delay that changes from chunk to chunk but never lets one overtake another, and may split what was
written in one piece.  It may be cut at any byte, or fall silent.  Time is what `World` says it is.
"""

from __future__ import annotations

import base64
import hashlib
import random
import struct
from collections import deque
from collections.abc import Callable

MS = 1_000_000
END = b""  # end of file, as a chunk


class Wire:
    """The connection of one link of one feed: `client` is the feed's end, `server` the peer's."""

    def __init__(self, conn_id: int, rng: random.Random, now_ns: int, delay_ms: tuple[int, int]) -> None:
        self.id = conn_id
        self.rng = rng
        self.delay_ms = delay_ms
        self.up_ns = now_ns + self._delay()
        self.opened = False
        self.mute = False  # what the server writes is lost from here on; nobody is told
        self.cut_after: int | None = None  # bytes to the client until the wire ends
        self.to_client: deque[tuple[int, bytes]] = deque()
        self.to_server: deque[tuple[int, bytes]] = deque()
        self._last = {"client": 0, "server": 0}

    def _delay(self) -> int:
        return int(self.rng.uniform(*self.delay_ms) * MS)

    def _put(self, queue: deque[tuple[int, bytes]], end: str, now_ns: int, data: bytes) -> None:
        while data:
            cut = self.rng.randrange(1, len(data)) if len(data) > 1 and self.rng.random() < 0.3 else len(data)
            chunk, data = data[:cut], data[cut:]
            self._last[end] = max(self._last[end], now_ns + self._delay())
            queue.append((self._last[end], chunk))

    def send_to_server(self, now_ns: int, data: bytes) -> None:
        self._put(self.to_server, "server", now_ns, data)

    def send_to_client(self, now_ns: int, data: bytes) -> None:
        if self.mute:
            return
        if self.cut_after is not None:
            data, left = data[: self.cut_after], self.cut_after - len(data)
            self.cut_after = max(left, 0)
            self._put(self.to_client, "client", now_ns, data)
            if left <= 0:
                self.end_client(now_ns)
            return
        self._put(self.to_client, "client", now_ns, data)

    def end_client(self, now_ns: int) -> None:
        """The peer is gone: the client reads what is under way, then the end."""
        self.mute = True
        self._last["client"] = max(self._last["client"], now_ns)
        self.to_client.append((self._last["client"], END))

    @staticmethod
    def due(queue: deque[tuple[int, bytes]], now_ns: int) -> bytes | None:
        """Return the next chunk that has arrived, None if there is none; `END` is the end of file."""
        return queue.popleft()[1] if queue and queue[0][0] <= now_ns else None


class Peer:
    """A server that is no exchange: it reads the upgrade request, and writes what its script says.

    Parameters
    ----------
    script : callable
        Given the bytes received so far, returns what to write next: bytes, `None` for "nothing yet", or `END` to hang up.
    """

    def __init__(self, script: Callable[[bytes], bytes | None]) -> None:
        self.script = script
        self.heard = b""

    def receive(self, data: bytes) -> None:
        self.heard += data

    def take(self) -> bytes | None:
        return self.script(self.heard)


def refusing(head: bytes) -> Callable[[bytes], bytes | None]:
    """Return a script that answers any upgrade with `head` and hangs up."""
    said = [head, END]
    return lambda heard: said.pop(0) if b"\r\n\r\n" in heard and said else None


def accepting(*frames: bytes, hang_up: bool = False) -> Callable[[bytes], bytes | None]:
    """Return a script that accepts the upgrade as RFC 6455 says, then writes the frames, one at each look."""
    said: list[bytes] = list(frames)
    upgraded = False

    def script(heard: bytes) -> bytes | None:
        nonlocal upgraded
        if not upgraded:
            if b"\r\n\r\n" not in heard:
                return None
            upgraded = True
            return handshake(heard)
        if said:
            return said.pop(0)
        return END if hang_up else None

    return script


def handshake(request: bytes) -> bytes:
    """Return the 101 answer to an upgrade request."""
    key = next(line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    token = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % token


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, mask: bytes = b"") -> bytes:
    """Return one server frame, well-formed unless asked otherwise (`mask`: four bytes, which a server must not use)."""
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if mask else 0
    n = len(payload)
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack("!H", n)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", n)
    return head + mask + (bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload)
