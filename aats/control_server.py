"""The control server: starts, keeps, lists, tells and stops the processes of this user, for scripts on this host and on others.

For: ``aats control``, and the services that ask it.  Not for the data plane: records never pass here, and a feed goes on when the server ends.

The wire is in docs/control.md: one JSON object a line each way, over TCP.  This file joins the parts:

    control_connections   how many connections, and how long each may take
    control_peers         who may ask
    control_wire          lines and fields
    control_requests      what the requests do
    control_feeds         starting feeds and telling them something
    control_keep          feeds that are started again when they die
    control_guests        trade processes of other hosts
    control_logs          logs of the children

Its one child of its own kind is the supervisor (docs/supervisor.md).  What begins with a byte 0 is no request of ours: the face for the published client
takes it, if there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aats import control, control_feeds, control_peers
from aats._ffi import lib
from aats.control_connections import Connection, Connections
from aats.control_feeds import extend, start_feed, start_market, wait_books
from aats.control_guests import Guests
from aats.control_keep import Keep
from aats.control_logs import Rotation
from aats.control_peers import Doorkeeper, addresses
from aats.control_requests import Requests
from aats.control_wire import Refused, answer, error_of, parse, tag_of
from aats.errors import AatsError, ControlError
from aats.layout import Command, Role
from aats.supervisor_keep import Keeper

__all__ = ["ControlServer", "extend", "main", "start_feed", "start_market", "wait_books"]

log = logging.getLogger("aats.control")

_TICK_S = 0.1
_LOGS_EVERY_S = 2.0
_QUICK_THREADS, _SLOW_THREADS = 4, 12
_BACKLOG = 512
_END_S = 5.0
_NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_COMPAT_OFF = "this is the request of a client of aats 0.1: start the server as `aats control --compat` for it"


class ControlServer:
    """The server's state; `serve` runs it until `stop`.

    Parameters
    ----------
    host, port
        A loopback address; or any other, and then a token is needed (``aats.token``).  Port 0 is any free one.
    keys_from : int, optional
        Descriptor to pass on to a supervisor, which is then started at once.
    compat : object, optional
        Face for the published client: ``port`` is set on it, ``connection(first, reader, writer)`` awaited for each of its requests, ``tick()`` and
        ``close()`` called.
    compat_insecure : bool
        Whether it may be reached by other users and from other hosts.
    """

    def __init__(self, host: str, port: int, *, keys_from: int | None = None, compat: Any = None, compat_insecure: bool = False) -> None:
        self.host = host
        self.port = port
        self._compat = compat
        self._compat_insecure = compat_insecure
        self._keeper = Keeper(keys_from)
        self._keep = Keep()
        self._guests = Guests()
        self._requests = Requests(self._keep, self._keeper, self._guests)
        self._door = Doorkeeper()
        self._connections: Connections
        self._quick = ThreadPoolExecutor(_QUICK_THREADS, thread_name_prefix="aats-look")
        self._slow = ThreadPoolExecutor(_SLOW_THREADS, thread_name_prefix="aats-do")
        self._tasks: set[asyncio.Task[None]] = set()
        self._rotation = Rotation()
        self._logs_at = 0.0
        self._stopped = asyncio.Event()

    # ------------------------------------------------------------------------------------------------------ running

    async def serve(self) -> None:
        """Listen, enter the control table, and answer until `stop` is called."""
        manager = os.environ.pop("NOTIFY_SOCKET", "")  # ours alone: a child that found it there could speak for us
        places = addresses(self.host)
        if self._compat is not None and not self._compat_insecure and not all(map(control_peers.is_loopback, places)):
            raise ControlError(
                f"--compat on {self.host}: the published client sends its API keys in clear and knows no token; use a loopback address, "
                "or say --compat-insecure"
            )
        listeners = self._listen(places)
        self._connections = Connections()
        where = " and ".join(f"{place}:{self.port}" for place in places)
        try:
            with control.join(Role.CONTROL, f"control-{self.port}", port=self.port) as me:
                self._requests.port = self.port
                if self._compat is not None:
                    self._compat.port = self.port
                accepting = [asyncio.create_task(self._accept(one)) for one in listeners]
                me.ready(f"listens on {where}")
                print(f"aats control: listens on {where}, namespace {me.table.namespace}", flush=True)
                notify(manager, "READY=1")
                try:
                    while not self._stopped.is_set():
                        await self._tick(me)
                        with contextlib.suppress(asyncio.TimeoutError):
                            await asyncio.wait_for(self._stopped.wait(), _TICK_S)
                finally:
                    notify(manager, "STOPPING=1")
                    await self._end(accepting)
        finally:
            for one in listeners:
                one.close()

    def stop(self) -> None:
        """End `serve`; feeds and the supervisor go on."""
        self._stopped.set()

    def _listen(self, places: list[str]) -> list[socket.socket]:
        listeners: list[socket.socket] = []
        try:
            for place in places:
                family = socket.AF_INET6 if ":" in place else socket.AF_INET
                one = socket.socket(family, socket.SOCK_STREAM)
                listeners.append(one)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if place == "::":
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                one.bind((place, self.port))
                one.listen(_BACKLOG)
                one.setblocking(False)
                self.port = one.getsockname()[1]
        except (OSError, OverflowError) as exc:
            for one in listeners:
                one.close()
            why = getattr(exc, "strerror", None) or "a port is a whole number from 0 to 65535"
            raise ControlError(f"the control server cannot listen on {self.host}:{self.port}: {why}") from exc
        return listeners

    async def _end(self, accepting: list[asyncio.Task[None]]) -> None:
        for task in accepting:
            task.cancel()
        self._connections.drop_all()
        deadline = time.monotonic() + _END_S
        while (left := [task for task in (*accepting, *self._tasks) if not task.done()]) and time.monotonic() < deadline:
            for task in left:
                task.cancel()  # again and again: wait_for of Python 3.10 and 3.11 loses one that comes together with what it waits for
            await asyncio.wait(left, timeout=0.1)
        self._keep.close()
        if self._compat is not None:
            closed = self._compat.close()
            if inspect.isawaitable(closed):
                await closed
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _tick(self, me: control.Member) -> None:
        me.beat()
        me.tick()
        control_feeds.children()  # takes note of those that have ended
        self._connections.tick()
        self._door.tick()
        if not self._stopped.is_set():
            self._keeper.tick()
            self._keep.tick()
        if self._compat is not None:
            try:
                self._compat.tick()
            except Exception as exc:  # nor may one of its faults end the server
                sys.excepthook(type(exc), exc, exc.__traceback__)
        now = asyncio.get_running_loop().time()
        if now >= self._logs_at:
            self._logs_at = now + _LOGS_EVERY_S
            self._quick.submit(self._rotate)
        waiting = me.poll_command()
        if waiting is None:
            return
        if waiting[0] == Command.STOP:
            me.reply(0, "stopping")
            self.stop()
        elif waiting[0] == Command.PING:
            me.reply(0, "here")
        else:
            me.reply(int(lib.AATS_E_UNKNOWN), f"a control server has no command {waiting[0].name}")

    def _rotate(self) -> None:
        with contextlib.suppress(OSError, AatsError):
            self._rotation.run()

    # ------------------------------------------------------------------------------------------------- connections

    async def _accept(self, listener: socket.socket) -> None:
        """Accept connections one at a time, for ever.  Out of descriptors, one that has asked nothing makes room; else there is a pause, not a spin."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, peer = await loop.sock_accept(listener)
            except OSError as exc:
                made_room = exc.errno in _NO_FILES and self._connections.drop_oldest()
                await asyncio.sleep(0.01 if made_room else 0.1)
                continue
            sock.setblocking(False)
            try:
                connection = Connection(sock, sock.getsockname(), peer)
            except OSError:  # it is gone again
                sock.close()
                continue
            while (admitted := self._connections.admit(connection)) is None:
                await asyncio.sleep(0.01)
            if admitted:
                task = asyncio.create_task(self._connection(connection))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _connection(self, connection: Connection) -> None:
        try:
            await connection.open()
            try:
                if await connection.first_byte() == 0:
                    await self._published(connection)
                else:
                    await self._converse(connection)
            except Refused as exc:
                await connection.goodbye(error_of(exc))
        except (OSError, asyncio.CancelledError):
            pass
        except Exception as exc:  # a fault of ours must not pass unseen, and must not end the server
            sys.excepthook(type(exc), exc, exc.__traceback__)
        finally:
            self._connections.remove(connection)
            with contextlib.suppress(asyncio.CancelledError):
                await connection.close()

    async def _published(self, connection: Connection) -> None:
        if self._compat is None:
            raise Refused("refused", _COMPAT_OFF)
        if not self._compat_insecure:
            self._door.check_user(connection.own, connection.peer)
        first = await connection.frame()
        connection.proven = True
        await self._compat.connection(first, connection.reader, connection.writer)

    async def _converse(self, connection: Connection) -> None:
        """Answer request after request, until the other side ends."""
        known_user = False
        while (line := await connection.line()) is not None:
            if not known_user:
                self._door.check_user(connection.own, connection.peer)
                known_user = True
            tag = None
            try:
                request = self._request(connection, line)
                tag = tag_of(request)
                if request.get("op") == "register":
                    connection.proven = True
                    await self._guests.stay(connection, self._guests.enter(connection, request), tag)
                    return
                out = await self._obey(connection, request, tag)
            except Refused as exc:
                if exc.code == "refused":
                    raise
                out = error_of(exc, tag)
            except AatsError as exc:
                out = error_of(exc, tag)
            except (OSError, asyncio.CancelledError):
                raise
            except Exception as exc:  # as above; here the asker is told, too
                sys.excepthook(type(exc), exc, exc.__traceback__)
                out = error_of(exc, tag)
            await connection.send(out)

    def _request(self, connection: Connection, line: bytes) -> dict[str, Any]:
        """Return the request in a line, its token compared before anything else in it is looked at, and taken out."""
        try:
            request = parse(line)
        except Refused:
            self._door.check_token(connection.peer, None)  # a stranger does not learn what is wrong with it
            raise
        self._door.check_token(connection.peer, request.pop("token", None))
        return request

    async def _obey(self, connection: Connection, request: Mapping[str, Any], tag: Any) -> bytes:
        op = request.get("op")
        if not isinstance(op, str):
            raise Refused("request", 'a request is an object with "op"')
        if op not in self._requests.known:
            raise Refused("request", f"op must be one of {', '.join(self._requests.known)}, register; it is {op[:40]!r}")
        connection.proven = True
        pool = self._quick if op in self._requests.QUICK else self._slow
        result = await asyncio.get_running_loop().run_in_executor(pool, self._requests.known[op], request)
        return answer(tag, result)


# --------------------------------------------------------------------------------------------------------------- run


def notify(where: str, state: str) -> None:
    """Tell the service manager that listens at this socket, where there is one (sd_notify)."""
    if where:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.sendto(state.encode(), "\0" + where[1:] if where.startswith("@") else where)


def main(host: str, port: int, *, keys_from: int | None = None, compat: Any = None, compat_insecure: bool = False) -> int:
    """Run the server until SIGINT, SIGTERM or a stop command; return 0."""
    # What the asker has put into the configuration that it sends: what the server was started with must not overrule that.
    for variable in [one for one in os.environ if one.startswith(("AATS_MODE", "AATS_FORMAT", "AATS_CAFILE", "AATS_ENDPOINT_"))]:
        del os.environ[variable]

    async def run() -> None:
        server = ControlServer(host, port, keys_from=keys_from, compat=compat, compat_insecure=compat_insecure)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve()

    asyncio.run(run())
    return 0
