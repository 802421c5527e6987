"""A client of the published protocol, written from docs/compat.md, and a control port to talk to.

For: the tests of ``aats.compat``.  The published client itself runs in tests/live/test_published_client.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aats.compat.control import CompatControl

#: What the client reads of an answer, once.
ONE_READ = 1024


def framed(value: Mapping[str, Any] | bytes) -> bytes:
    """Return a frame from client to server."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack(">i", len(body)) + body


def ask(port: int, value: Mapping[str, Any] | bytes, *, timeout_s: float = 40.0) -> dict[str, Any]:
    """Send one request to a control port and take its answer as the client does: with one read."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as sock:
        sock.sendall(framed(value))
        return unframed(sock.recv(ONE_READ))


def unframed(data: bytes) -> dict[str, Any]:
    """Return what one read brought; it has to be a whole answer."""
    assert len(data) <= ONE_READ
    (size,) = struct.unpack_from("<i", data)
    assert len(data) == size + 4, f"{len(data)} bytes were read, the answer has {size + 4}"
    value = json.loads(data[4:])
    assert isinstance(value, dict)
    return value


@contextlib.contextmanager
def control_port(compat: CompatControl) -> Iterator[int]:
    """Serve `compat` on a free port, as a control server does, and give the port."""
    loop = asyncio.new_event_loop()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            first = await reader.read(1)
            if first:
                await compat.connection(first, reader, writer)
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(connection, "127.0.0.1", 0))
    compat.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield compat.port
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        compat.close()


class Line:
    """A connection to a trade port; answers pings by itself.

    Attributes
    ----------
    told : list of dict
        All that came, but pings.
    """

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.told: list[dict[str, Any]] = []
        self.pings = 0
        self._have = b""

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def say(self, *values: Mapping[str, Any] | bytes) -> None:
        """Send frames back to back, with one send."""
        self.sock.sendall(b"".join(map(framed, values)))

    def hear(self, within_s: float = 30.0) -> dict[str, Any]:
        """Return the next frame but pings; EOFError at the end of the stream."""
        deadline = time.monotonic() + within_s
        while True:
            if len(self._have) >= 4 and len(self._have) >= 4 + struct.unpack_from("<i", self._have)[0]:
                (size,) = struct.unpack_from("<i", self._have)
                value = json.loads(self._have[4 : 4 + size])
                self._have = self._have[4 + size :]
                if value["type"] != "ping":
                    self.told.append(value)
                    return dict(value)
                self.pings += 1
                self.say({"type": "pong", "ts": value["ts"]})
                continue
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                piece = self.sock.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no frame within {within_s:g} s; it told {self.told[-5:]}") from None
            if not piece:
                raise EOFError(f"the session ended; it told {self.told[-5:]}")
            self._have += piece

    def wait(self, kind: str, order_id: int | None = None, *, within_s: float = 30.0) -> dict[str, Any]:
        """Return the next frame of a type, of an order."""
        deadline = time.monotonic() + within_s
        while True:
            one = self.hear(max(0.01, deadline - time.monotonic()))
            if one["type"] == kind and (order_id is None or one["order"]["order_id"] == order_id):
                return one


def login(pin: object) -> dict[str, Any]:
    """Return the login frame's value."""
    return {"type": "login", "data": {"pin": pin}}


def order(order_id: object, **other: Any) -> dict[str, Any]:
    """Return a place_order as the client says it: texts throughout."""
    data = {
        "exchange": "BINANCE",
        "symbol": "BTCUSDT",
        "order_id": str(order_id),
        "price": "59000.0",
        "size": "0.001",
        "side": "buy",
        "tif": "pos",
        "margin": False,
        "margin_source": "spot",
    }
    return {"type": "place_order", "data": {**data, **other}}


def cancel(order_id: object) -> dict[str, Any]:
    """Return a cancel_order as the client says it: its own id, as it is."""
    return {"type": "cancel_order", "data": {"order_id": order_id}}
