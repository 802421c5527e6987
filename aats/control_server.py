"""The control server: starts, lists and stops the processes of this user for scripts on this host.

For: ``aats control``, and the services that ask it.  Not for the data plane: records never pass here, and a feed goes on when the server ends.
The wire is in docs/control.md: one JSON object a line each way, over TCP on a loopback address; requests ``start_market``, ``supervise``, ``list``, ``state``,
``kill``.  Its one child of its own kind is the supervisor (docs/supervisor.md).

Who may ask: processes of the same uid.  The peer of a loopback connection stands in /proc/net/tcp with its uid; others get one line and are cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from aats import config, control, shm
from aats._ffi import lib
from aats.config import FeedConfig
from aats.control import Child, Feed
from aats.control_client import CODES, LINE_MAX
from aats.errors import AatsError, ConfigError, ControlError, PeerDead
from aats.layout import LAYOUT_HASH, Command, DirState, Mode, Role
from aats.supervisor_keep import Keeper

__all__ = ["ControlServer", "main"]

IDLE_S = 60.0
CONNECTIONS_MAX = 64
_TICK_S = 0.1
_GOODBYE_S = 1.0
_LIVE = (DirState.LIVE, DirState.HALTED)


class _Refused(ControlError):
    """A request that is wrong in itself; `code` goes into the answer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ControlServer:
    """The server's state; `serve` runs it until `stop`.

    Parameters
    ----------
    keys_from : int, optional
        Descriptor to pass on to a supervisor, which is then started at once.
    """

    def __init__(self, host: str, port: int, *, keys_from: int | None = None) -> None:
        self.host = host
        self.port = port
        self._started_ns = time.time_ns()
        self._children: list[Child] = []
        self._keeper = Keeper(keys_from)
        self._open = 0
        self._starting = asyncio.Lock()
        self._stopped = asyncio.Event()
        self._requests: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "start_market": self._start_market,
            "supervise": self._supervise,
            "list": self._list,
            "state": self._state,
            "kill": self._kill,
        }

    async def serve(self) -> None:
        """Listen, enter the control table, and answer until `stop` is called."""
        address = loopback(self.host)
        try:
            server = await asyncio.start_server(self._connection, address, self.port, limit=LINE_MAX)
        except (OSError, OverflowError) as exc:
            why = getattr(exc, "strerror", None) or "a port is a whole number from 0 to 65535"
            raise ControlError(f"the control server cannot listen on {self.host}:{self.port}: {why}") from exc
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            with control.join(Role.CONTROL, f"control-{self.port}", port=self.port) as me:
                me.ready(f"listens on {address}:{self.port}")
                print(f"aats control: listens on {address}:{self.port}, namespace {me.table.namespace}", flush=True)
                while not self._stopped.is_set():
                    self._tick(me)
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._stopped.wait(), _TICK_S)

    def stop(self) -> None:
        """End `serve`; feeds and the supervisor go on."""
        self._stopped.set()

    def _tick(self, me: control.Member) -> None:
        me.beat()
        me.tick()
        self._children = [child for child in self._children if child.process.poll() is None]
        if not self._stopped.is_set():
            self._keeper.tick()
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

    # ------------------------------------------------------------------------------------------------- connections

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            refusal = self._refusal(writer)
            while refusal is None:
                line = await self._line(reader)
                if line is None:
                    break
                writer.write(await self._answer(line))
                await writer.drain()
            else:
                await _goodbye(reader, writer, _error("refused", refusal))
        except _Refused as exc:
            await _goodbye(reader, writer, _error(exc.code, str(exc)))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    def _refusal(self, writer: asyncio.StreamWriter) -> str | None:
        if self._open > CONNECTIONS_MAX:
            return f"more than {CONNECTIONS_MAX} connections are open"
        uid = uid_of_peer(writer.get_extra_info("sockname"), writer.get_extra_info("peername"))
        if uid != os.getuid():
            return f"only uid {os.getuid()} may ask, this connection is of uid {'unknown' if uid is None else uid}"
        return None

    async def _line(self, reader: asyncio.StreamReader) -> bytes | None:
        try:
            line = await asyncio.wait_for(reader.readline(), IDLE_S)
        except asyncio.TimeoutError:
            raise _Refused("timeout", f"no request within {IDLE_S:.0f} s") from None
        except ValueError:
            raise _Refused("too_big", f"a request may have {LINE_MAX} bytes") from None
        if line and not line.endswith(b"\n"):
            return None  # it left in the middle of a line
        return line or None

    async def _answer(self, line: bytes) -> bytes:
        tag: Any = None
        try:
            request = _parse(line)
            tag = request.get("id")
            handler = self._requests[request["op"]]
            if handler == self._start_market:
                async with self._starting:
                    result = await asyncio.to_thread(handler, request)
            else:
                result = await asyncio.to_thread(handler, request)
            return orjson.dumps({"id": tag, "ok": True, **result}) + b"\n"
        except _Refused as exc:
            return _error(exc.code, str(exc), tag)
        except AatsError as exc:
            return _error(next(code for code, kind in CODES.items() if isinstance(exc, kind)), str(exc), tag)
        except Exception as exc:  # a fault of ours must reach the asker too, and must not end the server
            sys.excepthook(type(exc), exc, exc.__traceback__)
            return _error("internal", f"{type(exc).__name__}: {exc}", tag)

    # ---------------------------------------------------------------------------------------------------- requests

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        role = request.get("role")
        known = [one.name.lower() for one in Role if one != Role.NONE]
        if role is not None and role not in known:
            raise _Refused("request", f"role must be one of {', '.join(known)}; it is {role!r}")
        return {"processes": [one for one in control.processes() if one["alive"] and role in (None, one["role"])]}

    def _state(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if "pid" in request:
            pid = _pid(request)
            control.entry_of_pid(pid)
            return {"process": next(one for one in control.processes() if one["pid"] == pid)}
        return {
            "pid": os.getpid(),
            "port": self.port,
            "namespace": shm.namespace(),
            "layout": f"{LAYOUT_HASH:016x}",
            "started_ns": self._started_ns,
            "children": [child.pid for child in (*self._children, *self._keeper.children)],
        }

    def _kill(self, request: Mapping[str, Any]) -> dict[str, Any]:
        pid = _pid(request)
        if pid == os.getpid():
            raise _Refused("request", f"pid {pid} is the control server itself: use `aats stop {pid}`")
        return {"pid": pid, "result": control.kill(pid)}

    def _start_market(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(request.get("config"), dict):
            raise _Refused("request", "start_market needs 'config', the tables of a feed's file")
        _check_namespace(request)
        wanted = config.feed_config(request["config"], where="start_market")
        deadline = time.monotonic() + wanted.limits.feed_ready_ms / 1000
        running = control.find_feeds(name=wanted.name)
        if running:
            changed = extend(running[0], wanted)
        else:
            changed = [one.symbol for one in wanted.symbols]
            self._children.append(start_feed(wanted))
        feed = wait_books(wanted, deadline)
        return {
            "pid": feed.pid,
            "name": feed.name,
            "mode": feed.mode.name.lower(),
            "port": feed.entry().port,
            "started": not running,
            "changed": changed,
            "symbols": {symbol: state.name.lower() for symbol, state in feed.symbols.items()},
        }

    def _supervise(self, request: Mapping[str, Any]) -> dict[str, Any]:
        _check_namespace(request)
        entry, started = self._keeper.start()
        return {"pid": entry.pid, "started": started}


def _check_namespace(request: Mapping[str, Any]) -> None:
    wanted = request.get("namespace", shm.namespace())
    if wanted != shm.namespace():
        raise _Refused(
            "request",
            f"this control server serves namespace {shm.namespace()!r}, the request is of {wanted!r}: start another one on another port",
        )


async def _goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: bytes) -> None:
    """Send a last line and take what still comes for a moment: closing over unread bytes would reset the connection and the line be lost."""
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        writer.write(last)
        writer.write_eof()
        await asyncio.wait_for(_drop(reader), _GOODBYE_S)


async def _drop(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise _Refused("syntax", f"a request is one JSON object a line: {exc}") from None
    if not isinstance(request, dict) or not isinstance(request.get("op"), str):
        raise _Refused("request", 'a request is an object with "op"')
    known = ("start_market", "supervise", "list", "state", "kill")
    if request["op"] not in known:
        raise _Refused("request", f"op must be one of {', '.join(known)}; it is {request['op'][:40]!r}")
    return request


def _pid(request: Mapping[str, Any]) -> int:
    pid = request.get("pid")
    if type(pid) is not int or pid < 1:
        raise _Refused("request", f"pid must be a whole number above 0; it is {pid!r}")
    return pid


def _error(code: str, line: str, tag: Any = None) -> bytes:
    return orjson.dumps({"id": tag, "ok": False, "error": {"code": code, "text": line}}) + b"\n"


# ------------------------------------------------------------------------------------------------------------- feeds

#: What the asker has put into the configuration that it sends; what the server was started with must not overrule that.
_ASKERS = ("AATS_MODE", "AATS_CAFILE", "AATS_ENDPOINT_")


def start_feed(wanted: FeedConfig) -> Child:
    """Start a feed process from a file of its own in the run folder, and wait until it says RUN."""
    file = config.run_dir() / f"feed-{wanted.name}.toml"
    _write_private(file, config.dump(wanted))
    return control.spawn(Role.FEED, ["feed", str(file)], name=f"feed-{wanted.name}", wait_s=wanted.limits.feed_ready_ms / 1000)


def _write_private(file: Path, text: str) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def extend(feed: Feed, wanted: FeedConfig) -> list[str]:
    """Bring a running feed to carry what is wanted; return the symbols that were added or deepened.

    Raises
    ------
    ConfigError
        It cannot: another venue, mode or network, or a book deeper than its segment has room for.
    """
    what = f"feed {feed.name!r} (pid {feed.pid})"
    if feed.venue != wanted.venue or feed.mode != Mode[wanted.mode.upper()]:
        raise ConfigError(
            f"{what} runs {feed.venue} {feed.mode.name.lower()}, wanted is {wanted.venue} {wanted.mode}: give the new one another name"
        )
    entry = feed.entry()
    if wanted.net.send_type != "shm" and entry.port != wanted.net.port:
        raise ConfigError(
            f"{what} runs already and sends to {f'port {entry.port}' if entry.port else 'no network'}, wanted is port {wanted.net.port}: stop it first"
        )
    if wanted.net.send_type != "shm" and " -> " in entry.detail and f" -> {wanted.net.ip}:{wanted.net.port}:" not in entry.detail:
        raise ConfigError(
            f"{what} runs already and sends elsewhere ({entry.detail}), wanted is {wanted.net.ip}:{wanted.net.port}: stop it first"
        )
    deepest = max(wanted.symbols, key=lambda one: one.level_num)
    if deepest.level_num > feed.level_max:
        raise ConfigError(f"{what} publishes at most {feed.level_max} levels, {deepest.symbol} wants {deepest.level_num}: stop it first")
    levels = {one.symbol: one.level_num for one in shm.symbols(feed.attach()) if one.state != DirState.GONE}
    changed = []
    for one in wanted.symbols:
        symbol = f"{one.symbol}.{wanted.venue}"
        if symbol not in levels:
            control.command(entry, Command.SUBSCRIBE, f"{symbol} {one.level_num}")
        elif levels[symbol] < one.level_num:
            control.command(entry, Command.SET_LEVEL, f"{symbol} {one.level_num}")
        else:
            continue
        changed.append(one.symbol)
    if wanted.open_l2:
        control.command(entry, Command.OPEN_L2)
    return changed


def wait_books(wanted: FeedConfig, deadline: float) -> Feed:
    """Wait until every wanted book is live; a ControlError names those that are not."""
    symbols = [f"{one.symbol}.{wanted.venue}" for one in wanted.symbols]
    log = config.log_dir() / f"feed-{wanted.name}.log"
    while True:
        found = control.find_feeds(name=wanted.name)
        missing = [symbol for symbol in symbols if not found or found[0].symbols.get(symbol) not in _LIVE]
        if found and not missing:
            return found[0]
        if time.monotonic() >= deadline:
            raise ControlError(
                f"feed {wanted.name!r}: not synchronised within {wanted.limits.feed_ready_ms / 1000:g} s: {', '.join(missing)} (log: {log})"
            )
        if not found and not any(one["name"] == wanted.name and one["alive"] for one in control.processes()):
            raise PeerDead(f"feed {wanted.name!r} has ended (log: {log})")
        time.sleep(0.02)


# --------------------------------------------------------------------------------------------------------- addresses


def loopback(host: str) -> str:
    """Return `host` as a loopback address, IPv4 where it has both.

    Raises
    ------
    ConfigError
        It is none: the server has no passwords, so it listens to this host alone.
    """
    try:
        found = [info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError as exc:
        raise ConfigError(f"control server address {host!r} cannot be resolved: {exc.strerror}") from exc
    good = sorted((str(one) for one in found if ipaddress.ip_address(one).is_loopback), key=lambda one: ":" in one)
    if not good:
        raise ConfigError(
            f"the control server listens on loopback addresses only, such as 127.0.0.1; {host!r} is {', '.join(map(str, dict.fromkeys(found)))}"
        )
    return good[0]


def uid_of_peer(own: tuple[Any, ...], peer: tuple[Any, ...]) -> int | None:
    """Return the uid that owns the other end of a connection inside this host, None if it is not found."""
    version = ipaddress.ip_address(peer[0]).version
    want = (_proc_address(peer), _proc_address(own))
    with contextlib.suppress(OSError), open("/proc/net/tcp" if version == 4 else "/proc/net/tcp6", encoding="ascii") as file:
        for line in file:
            columns = line.split()
            if len(columns) > 7 and (columns[1], columns[2]) == want:
                return int(columns[7])
    return None


def _proc_address(address: tuple[Any, ...]) -> str:
    """Return an address as /proc/net/tcp writes it: 32-bit words in the machine's byte order, in hex."""
    packed = ipaddress.ip_address(address[0]).packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"


# --------------------------------------------------------------------------------------------------------------- run


def main(host: str, port: int, *, keys_from: int | None = None) -> int:
    """Run the server until SIGINT, SIGTERM or a stop command; return 0."""
    for variable in [one for one in os.environ if one.startswith(_ASKERS)]:
        del os.environ[variable]

    async def run() -> None:
        server = ControlServer(host, port, keys_from=keys_from)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.serve()

    asyncio.run(run())
    return 0
