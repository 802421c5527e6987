"""The simulated exchange on a real port: asyncio, TLS, the clock.

This is the only file of the package with sockets and a clock.  It owns the listening socket and the transports; what is
said on them is the exchange's (host.py and the dialects over it, or many.py for several venues).  One pump moves time; bytes that arrive are answered at once.

A slow client: its transport says so (pause_writing), its bytes then stay in the exchange, which cuts it off beyond
`Limits.out_bytes`.  At speed "max" the pump asks for the next batch only when every client has taken the last one.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import ssl
import time
from typing import cast

from aats.sim.host import Host
from aats.sim.many import Several

log = logging.getLogger("aats.sim")

WRITE_SZ = 256 * 1024  # bytes that a transport holds before it asks to wait

_FAREWELL_S = 0.3  # how long a clean end waits for the clients' close frames
_PARENT_S = 0.5  # how often a given parent is looked after


class Clock:
    """Epoch nanoseconds that never go back: the wall clock's at the start, `off_s` seconds wrong, the monotonic clock's from then on."""

    def __init__(self, off_s: float = 0.0) -> None:
        self._base_ns = time.time_ns() - time.monotonic_ns() + round(off_s * 1e9)

    def now_ns(self) -> int:
        return self._base_ns + time.monotonic_ns()


class _Client(asyncio.Protocol):
    """One connection: it carries bytes between a transport and the exchange."""

    def __init__(self, server: SimServer, conn_id: int) -> None:
        self._server = server
        self.id = conn_id
        self.transport: asyncio.Transport | None = None
        self.writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_SZ)
        self._server.joined(self)

    def data_received(self, data: bytes) -> None:
        self._server.received(self, data)

    def eof_received(self) -> bool:
        self._server.received(self, b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        self._server.wake()


class SimServer:
    """Hosts one exchange on one TCP port.

    Parameters
    ----------
    exchange
        The step machine; this server alone calls it.
    context
        TLS context, or None for plain TCP.
    parent_pid
        End when this process is no longer our parent.

    Examples
    --------
    >>> server = SimServer(Exchange(Generator(seed=7)), certs.make(folder).server_context())
    >>> port = await server.start()
    >>> await server.run()                 # until server.stop()
    """

    def __init__(
        self,
        exchange: Host | Several,
        context: ssl.SSLContext | None = None,
        *,
        clock: Clock | None = None,
        parent_pid: int = 0,
    ) -> None:
        self.exchange = exchange
        self.port = 0
        self._context = context
        self._clock = clock or Clock()
        self._parent_pid = parent_pid
        self._clients: dict[int, _Client] = {}
        self._ids = itertools.count(1)
        self._listener: asyncio.Server | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen and return the port; connections are served from `run` on."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Client(self, next(self._ids)), host, port, ssl=self._context, reuse_address=True)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self.port

    async def run(self) -> None:
        """Serve until `stop`, then take leave of the clients and close everything."""
        try:
            while not self._stopping and not self._orphaned():
                self.exchange.advance(self._clock.now_ns(), market=self._all_taken())
                for client in list(self._clients.values()):
                    self._flush(client)
                await self._sleep()
        finally:
            await self._close()

    def stop(self) -> None:
        """Ask `run` to end; may be called from a signal handler of the loop."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Make the pump look again."""
        self._wake.set()

    # -- what clients call ---------------------------------------------------------------------------------------------

    def joined(self, client: _Client) -> None:
        self._clients[client.id] = client
        self.exchange.open(client.id, self._clock.now_ns())

    def received(self, client: _Client, data: bytes) -> None:
        self.exchange.receive(client.id, data, self._clock.now_ns())
        self._flush(client)
        self.wake()

    def left(self, client: _Client) -> None:
        self._clients.pop(client.id, None)
        self.exchange.drop(client.id)
        self.wake()

    # -- the pump ------------------------------------------------------------------------------------------------------

    def _flush(self, client: _Client) -> None:
        transport = client.transport
        if transport is None or transport.is_closing():
            return
        while client.writable:  # write() itself calls pause_writing when the transport has enough
            data = self.exchange.take(client.id, WRITE_SZ)
            if not data:
                break
            transport.write(data)
        if self.exchange.closing(client.id):
            if client.writable:
                transport.close()
            else:
                transport.abort()  # a client that does not read would keep a polite close waiting for ever

    def _all_taken(self) -> bool:
        if not self.exchange.market.by_demand:
            return True
        return all(client.writable and not self.exchange.pending(client.id) for client in self._clients.values())

    async def _sleep(self) -> None:
        """Sleep to the exchange's next deadline, or until something wakes the pump; let the loop breathe anyway."""
        deadline = self.exchange.next_deadline(market=self._all_taken())
        seconds = _PARENT_S if deadline is None else (deadline - self._clock.now_ns()) / 1e9
        if seconds <= 0.0002:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._wake.wait(), min(seconds, _PARENT_S))
        except asyncio.TimeoutError:
            pass
        self._wake.clear()

    def _orphaned(self) -> bool:
        return bool(self._parent_pid) and os.getppid() != self._parent_pid

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self.exchange.shutdown(self._clock.now_ns())
        end = time.monotonic() + _FAREWELL_S
        while self._clients and time.monotonic() < end:
            for client in list(self._clients.values()):
                self._flush(client)
            await asyncio.sleep(0.01)
        for client in list(self._clients.values()):
            if client.transport is not None:
                client.transport.abort()
        await asyncio.sleep(0)
        log.info("sim on port %d closed: %s", self.port, self.exchange.counters)
