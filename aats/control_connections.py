"""Connections of the control server: how many, how long each may take, and which one goes when there are too many.

For: ``aats.control_server``.  Not for what is said on them (``aats.control_wire``) nor for who may say it (``aats.control_peers``).

::

    accepted ---- first byte ---- whole line ---- first good request ----> proven
       |  <= 10 s       |   <= 30 s   |                                       |  <= 60 s of silence between requests
       +----------------+-------------+ may be dropped, oldest first          +  never dropped for room

A connection that has not proven itself costs its sender nothing, so it costs others nothing either: when the table is full, when one address has its share,
when what they hold unread grows too large or descriptors run out, the oldest of these is dropped (RST, no farewell) and counted.  Not within its first
quarter of a second: until then the newcomer waits in the kernel's queue, so that a client that asks at once is never pushed out by a flood behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
import time
from typing import Any

from aats.control_client import LINE_MAX
from aats.control_peers import is_loopback, plain
from aats.control_wire import Refused, error

__all__ = ["Connection", "Connections"]

log = logging.getLogger("aats.control")

CONNECTIONS_MAX = 256
PER_ADDRESS_MAX = 64
FIRST_BYTE_S = 10.0
LINE_S = 30.0
IDLE_S = 60.0
#: Bytes of unfinished lines that connections without a good request may hold together.
HELD_MAX = 16 << 20
#: A connection this young is not dropped for another one.
GRACE_S = 0.25
_PIECE = 1 << 16
_GOODBYE_S = 1.0
_TELL_EVERY_S = 60.0
#: Descriptors that the server wants, and those that are for other things than connections.
_FILES_WANTED = 4096
_FILES_ELSE = 128


class Connection:
    """One accepted connection.

    Attributes
    ----------
    own, peer : tuple
        Socket addresses of both ends.
    proven : bool
        Whether a good request has come on it.
    held : int
        Bytes of a line that is not whole yet.
    """

    def __init__(self, sock: socket.socket, own: Any, peer: Any) -> None:
        self.own, self.peer = own, peer
        self.proven = False
        self.since = time.monotonic()
        self._sock: socket.socket | None = sock
        self._raw = bytearray()
        self._seen = 0
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.opened = False
        self._dropped = False

    @property
    def address(self) -> str:
        return plain(self.peer[0])

    @property
    def held(self) -> int:
        return len(self._raw)

    async def open(self) -> None:
        """Make the streams."""
        loop = asyncio.get_running_loop()
        if self._sock is None:
            raise ConnectionAbortedError("dropped before it was opened")
        sock, self._sock = self._sock, None
        self.reader = asyncio.StreamReader(limit=_PIECE, loop=loop)
        protocol = asyncio.StreamReaderProtocol(self.reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
        self.writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)
        self.opened = True
        if self._dropped:
            transport.abort()

    def drop(self) -> None:
        """End it at once, without a word; whoever reads it sees its end."""
        self._dropped = True
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        elif self.opened:
            self.writer.transport.abort()

    # ------------------------------------------------------------------------------------------------------ reading

    async def line(self) -> bytes | None:
        """Return the next line, None where the other side has ended, in the middle of one included.

        Raises
        ------
        Refused
            ``timeout`` or ``too_big``.
        """
        if not self._raw and not await self._begin():
            return None
        deadline = time.monotonic() + LINE_S
        while (at := self._raw.find(b"\n", self._seen)) < 0:
            self._seen = len(self._raw)
            if self._seen > LINE_MAX:
                raise Refused("too_big", f"a request may have {LINE_MAX} bytes")
            if not await self._more(deadline - time.monotonic(), f"no whole request within {LINE_S:g} s"):
                return None
        return self._take(at + 1)

    async def first_byte(self) -> int | None:
        """Return the first byte of the connection, which stays where it is; None where the other side has ended."""
        return self._raw[0] if self._raw or await self._begin() else None

    async def frame(self) -> bytes:
        """Return a frame, header included: a 4-byte big-endian length, then as many bytes; `Refused` if it is too big or does not come."""
        deadline = time.monotonic() + LINE_S
        size = 0
        while not size or len(self._raw) < size:
            if not size and len(self._raw) >= 4:
                size = 4 + int.from_bytes(self._raw[:4], "big")
                if size > LINE_MAX:
                    raise Refused("too_big", f"a request may have {LINE_MAX} bytes")
            elif not await self._more(deadline - time.monotonic(), f"no whole request within {LINE_S:g} s"):
                raise ConnectionResetError("it left in the middle of a frame")
        return self._take(size)

    async def _begin(self) -> bool:
        wait_s = IDLE_S if self.proven else min(FIRST_BYTE_S, IDLE_S)
        return await self._more(wait_s, f"no request within {wait_s:g} s")

    async def _more(self, wait_s: float, otherwise: str) -> bool:
        try:
            piece = await asyncio.wait_for(self.reader.read(_PIECE), max(0.001, wait_s))
        except asyncio.TimeoutError:
            raise Refused("timeout", otherwise) from None
        self._raw += piece
        return bool(piece)

    def _take(self, size: int) -> bytes:
        out = bytes(self._raw[:size])
        del self._raw[:size]
        self._seen = 0
        return out

    # ------------------------------------------------------------------------------------------------------ writing

    async def send(self, line: bytes) -> None:
        """Send a line; a peer that does not take it within the time of a request is an error."""
        self.writer.write(line)
        try:
            await asyncio.wait_for(self.writer.drain(), LINE_S)
        except asyncio.TimeoutError:
            raise ConnectionAbortedError("it does not read its answers") from None

    async def goodbye(self, last: bytes) -> None:
        """Send a last line and take what still comes for a moment: closing over unread bytes would reset the connection and the line be lost."""
        self._raw.clear()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            self.writer.write(last)
            self.writer.write_eof()
            await asyncio.wait_for(self._drain_in(), _GOODBYE_S)

    async def _drain_in(self) -> None:
        while await self.reader.read(_PIECE):
            pass

    async def close(self) -> None:
        """Close it; a second call does nothing."""
        if not self.opened:
            self.drop()
            return
        self.writer.close()
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), _GOODBYE_S)
        self.writer.transport.abort()  # what has not left by now never will


class Connections:
    """The table of open connections.

    Attributes
    ----------
    dropped : int
        Connections that had to make room.
    room : int
        How many there may be; fewer than `CONNECTIONS_MAX` where the process may open few files.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.room = min(CONNECTIONS_MAX, max(16, raise_file_limit() - _FILES_ELSE))
        self._open: dict[Connection, None] = {}
        self._told = 0
        self._tell_at = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, one: Connection) -> bool | None:
        """Take a new connection in and return True; None while it has to wait for room; False if there is none: then it was told so.

        Notes
        -----
        The share of an address counts for loopback, too, but there it waits: a good client of this host should not suffer for a bad one.
        """
        of_address = [other for other in self._open if other.address == one.address]
        if len(of_address) >= PER_ADDRESS_MAX and not self._drop_first(of_address):
            if is_loopback(one.address) and not all(other.proven for other in of_address):
                return None
            return self._turn_away(one, f"more than {PER_ADDRESS_MAX} connections of {one.address} are open")
        if len(self._open) >= self.room and not self._drop_first(list(self._open)):
            if not all(other.proven for other in self._open):
                return None
            return self._turn_away(one, f"more than {self.room} connections are open")
        self._open[one] = None
        return True

    def remove(self, one: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.pop(one, None)

    def drop_oldest(self, *, grace_s: float = GRACE_S) -> bool:
        """Drop the oldest connection without a good request; False if there is none of that age."""
        return self._drop_first(list(self._open), grace_s)

    def drop_all(self) -> None:
        """End all of them."""
        for one in list(self._open):
            one.drop()

    def tick(self) -> None:
        """Keep what unfinished lines hold within bounds, and tell of dropped connections at most once a minute."""
        while sum(one.held for one in self._open if not one.proven) > HELD_MAX and self.drop_oldest(grace_s=0):
            pass
        now = time.monotonic()
        if self.dropped != self._told and now >= self._tell_at:
            self._tell_at = now + _TELL_EVERY_S
            log.warning("control server: %d connections without a request had to make room", self.dropped - self._told)
            self._told = self.dropped

    def _drop_first(self, among: list[Connection], grace_s: float = GRACE_S) -> bool:
        old = time.monotonic() - grace_s
        for one in among:
            if not one.proven and one.since <= old:
                one.drop()
                self.remove(one)
                self.dropped += 1
                return True
        return False

    @staticmethod
    def _turn_away(one: Connection, why: str) -> bool:
        if one._sock is not None:
            with contextlib.suppress(OSError):
                one._sock.setblocking(False)
                one._sock.send(error("refused", why))
        one.drop()
        return False


def raise_file_limit() -> int:
    """Raise this process's limit of open files as far as it may and we need it; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _FILES_WANTED if soft == resource.RLIM_INFINITY else soft
