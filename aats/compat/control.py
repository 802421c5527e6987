"""Requests of the published client on the control port: start and watch market servers, start trade sessions, list, kill.

For: the control server, which hands over each connection that begins with such a frame (``aats control --compat``).  Not for sessions afterwards: each is a
process of its own (``aats.compat.trade``), so that secrets never come here.

    new_market_instance         a feed; its pid                         result: "ok", or why not; then the pid is null
    require_market_data_state   "ok" once its data flows                "bind error!" when it will not
    new_trade_instance          a trade session; its pin and port       pin: why not; then the port is 0, and the script ends with its connection refused
    show_all_market_instance    one line a server, pid first            cut to what the client reads, newest first; the rest goes into the log
    show_all_trade_instance     likewise
    kill_process                stops one of those                      result: "stopped", "killed", or why not

One request a connection, one answer, then it is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from aats import config, control
from aats.compat import wire
from aats.compat.market import Markets, is_loopback
from aats.compat.start import Sessions
from aats.errors import AatsError, ConfigError, ControlError

__all__ = ["CompatControl"]

log = logging.getLogger("aats.compat")

_REQUEST_S = 10.0
_OF_THE_ASKER = ("AATS_MODE", "AATS_CAFILE", "AATS_ENDPOINT_")
_NONE: Mapping[str, Any] = {"pid": None}


class CompatControl:
    """The published client's side of a control server.

    Parameters
    ----------
    host : str
        Where the control server listens; trade sessions are there too.
    insecure : bool
        It may be beyond loopback, where pins, orders and API secrets of this client pass in clear.
    environment : mapping, optional
        Mode, hosts and CA file of what is started; default: those variables of this process's environment, as they are now.

    Attributes
    ----------
    port : int
        Of the control server, set by it when it listens.

    Raises
    ------
    ConfigError
        `host` is not a loopback address, and `insecure` was not given.

    Notes
    -----
    Threads: the event loop's; what blocks runs in its workers, market servers and sessions one at a time each.
    """

    def __init__(self, host: str = "127.0.0.1", *, insecure: bool = False, environment: Mapping[str, str] | None = None) -> None:
        if not insecure and not is_loopback(host):
            raise ConfigError(
                f"--compat on {host}: the published client sends API secrets in clear, so it is served on loopback only; "
                "--compat-insecure serves it there all the same"
            )
        found = os.environ if environment is None else environment
        chosen = {name: value for name, value in found.items() if name.startswith(_OF_THE_ASKER)}
        self.port = config.DEFAULT_CONTROL_PORT
        self._markets = Markets(insecure=insecure, environment=chosen)
        self._sessions = Sessions(host, chosen)
        self._locks = {"market": asyncio.Lock(), "trade": asyncio.Lock()}
        self._answers: dict[str, tuple[str, Callable[[Mapping[str, Any]], bytes]]] = {
            "new_market_instance": ("market", self._new_market),
            "require_market_data_state": ("", self._market_state),
            "new_trade_instance": ("trade", self._new_trade),
            "show_all_trade_instance": ("", self._show_trade),
            "show_all_market_instance": ("", self._show_market),
            "kill_process": ("", self._kill),
        }

    def tick(self) -> None:
        """Let go of children that have ended; from the control server's own tick."""
        self._sessions.reap()

    def close(self) -> None:
        """Forget the children; they go on."""
        self._sessions.close()

    async def connection(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection.

        Parameters
        ----------
        first : bytes
            What was read of it already, at least one byte.
        """
        try:
            request = await asyncio.wait_for(_request(first, reader), _REQUEST_S)
            answer = await self._answer(request)
        except wire.BadFrame as exc:
            log.warning("published client: %s", exc)
            answer = wire.answer("error", str(exc))
        except (asyncio.IncompleteReadError, asyncio.TimeoutError):
            return  # it left, or fell silent, in the middle of a request
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()

    async def _answer(self, request: Mapping[str, Any]) -> bytes:
        kind = request.get("type")
        if not isinstance(kind, str) or kind not in self._answers:
            return wire.answer("error", f"type must be one of {', '.join(self._answers)}")
        lock, handler = self._answers[kind]
        try:
            async with self._locks[lock] if lock else contextlib.nullcontext():
                return await asyncio.to_thread(handler, request)
        except AatsError as exc:
            log.warning("published client: %s: %s", kind, exc)
            return wire.answer(kind, str(exc))
        except Exception as exc:  # a fault of ours must reach the asker too, and must not end the server
            sys.excepthook(type(exc), exc, exc.__traceback__)
            return wire.answer(kind, f"internal: {type(exc).__name__}")

    # ---------------------------------------------------------------------------------------------------- requests

    def _new_market(self, request: Mapping[str, Any]) -> bytes:
        try:
            pid = self._markets.start(request.get("cfg"))
        except AatsError as exc:
            log.warning("new_market_instance: %s", exc)
            return wire.answer("market_instance", str(exc), _NONE)
        return wire.answer("market_instance", "ok", {"pid": pid})

    def _market_state(self, request: Mapping[str, Any]) -> bytes:
        return wire.answer("require_market_data_state", "ok", {"output": self._markets.state(request.get("pid"))})

    def _new_trade(self, request: Mapping[str, Any]) -> bytes:
        try:
            pin, port = self._sessions.start(self.port)
        except (AatsError, OSError) as exc:
            log.warning("new_trade_instance: %s", exc)
            return wire.answer("trade_instance", str(exc)[:400], {"pin": str(exc)[:200], "port": 0})
        return wire.answer("trade_instance", "ok", {"pin": pin, "port": port})

    def _show_trade(self, request: Mapping[str, Any]) -> bytes:
        return self._show(
            "show_all_trade_instance", "trade", lambda one: f"{one['pid']} {one['name']} {one['port']} {one['mode']} {one['state']}"
        )

    def _show_market(self, request: Mapping[str, Any]) -> bytes:
        return self._show(
            "show_all_market_instance", "feed", lambda one: f"{one['pid']} {one['name']} {one['mode']} {one['port']} {one['state']}"
        )

    @staticmethod
    def _show(kind: str, role: str, line: Callable[[Mapping[str, Any]], str]) -> bytes:
        receivers = [feed.pid for feed in control.find_feeds() if feed.received] if role == "feed" else []
        found = [one for one in control.processes() if one["alive"] and one["role"] == role and one["pid"] not in receivers]
        lines = [line(one) for one in sorted(found, key=lambda one: -one["started_ns"])]
        answer, left_out = wire.fitting(kind, lines)
        if left_out:
            log.warning("%s: %d of %d do not fit into the client's one read: %s", kind, left_out, len(lines), "; ".join(lines[-left_out:]))
        return answer

    def _kill(self, request: Mapping[str, Any]) -> bytes:
        pid = wire.number(request.get("pid"))
        if pid is None or pid < 1:
            raise ControlError("kill_process: pid must be a whole number above 0")
        role = control.entry_of_pid(pid).role.name.lower()
        if role not in ("feed", "trade"):
            raise ControlError(f"kill_process: pid {pid} is neither a market server nor a trade server, but {role!r}: left alone")
        return wire.answer("kill_process", control.kill(pid), {"pid": pid})


async def _request(first: bytes, reader: asyncio.StreamReader) -> dict[str, Any]:
    head = first if len(first) >= wire.HEAD else first + await reader.readexactly(wire.HEAD - len(first))
    size = wire.size_of(head)
    body = head[wire.HEAD :]
    if len(body) < size:
        body += await reader.readexactly(size - len(body))
    return wire.parse(body[:size])
