"""Trade processes of other hosts that are registered at this control server; the server's half of ``aats.control_remote``.

For: ``aats.control_server``.  Not for processes of this host: those stand in the control table.

::

    guest                                        server
    {"op":"register", name, host, pid, ...}  ->
                                             <-  {"id":..., "ok":true, "entry":"r1", "every_s":1}
    {"beat":1}  or  {"beat":2,"detail":...}  ->                                         each second
                                             <-  {"beat":1}                             each second
                                             <-  {"kill":true}                          when it is killed
    {"bye":true}                             ->                                         when it ends

One connection is one guest: it is listed as long as the connection lives and says something every five seconds.  A guest is only ever *asked* to end;
nothing of this host is signalled for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from aats.control_client import BEAT_S, SILENT_S
from aats.control_connections import Connection
from aats.control_wire import Refused, answer, choice_field, error_of, text_field, whole_field
from aats.errors import AatsError, ControlError, PeerDead, SlotTaken
from aats.layout import Mode

__all__ = ["Guest", "Guests"]

GUESTS_MAX = 128
_LINE_MAX = 4096
_DETAIL_MAX = 159
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\Z")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}\Z")
_PID_MAX = 2**31 - 1
_MODES = [one.name.lower() for one in Mode]


@dataclass
class Guest:
    """One registered process.

    Attributes
    ----------
    entry : str
        Its id in the list.
    address : str
        Where its connection comes from.
    ended : threading.Event
        Set when its connection has ended.
    """

    entry: str
    name: str
    host: str
    pid: int
    mode: str
    detail: str
    address: str
    kill: Callable[[], None]
    drop: Callable[[], None]
    started_ns: int = field(default_factory=time.time_ns)
    heard_at: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)

    def facts(self) -> dict[str, Any]:
        """Return it as `list` shows it: the keys of a local process, None where only its own host knows."""
        return {
            "pid": self.pid,
            "role": "trade",
            "name": self.name,
            "state": "RUN",
            "mode": self.mode,
            "alive": True,
            "foreign": False,
            "generation": 0,
            "segment": None,
            "port": 0,
            "started_ns": self.started_ns,
            "heartbeat_ms": round((time.monotonic() - self.heard_at) * 1000, 1),
            "passes": 0,
            "wait": "none",
            "detail": self.detail,
            "counters": {},
            **dict.fromkeys(("cpu_s", "rss", "threads", "status", "cmdline")),
            "host": self.host,
            "address": self.address,
            "remote": True,
            "received": False,
            "entry": self.entry,
        }


class Guests:
    """All registered processes.

    Notes
    -----
    Threads: `serve` on the server's; the rest on any.
    """

    def __init__(self) -> None:
        self._all: dict[str, Guest] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def facts(self) -> list[dict[str, Any]]:
        """Return all of them, oldest first, as `list` shows them."""
        with self._lock:
            return [one.facts() for one in self._all.values()]

    def find(self, *, pid: int | None = None, host: str | None = None, entry: str | None = None) -> list[Guest]:
        """Return those that fit all that is given."""
        with self._lock:
            return [
                one
                for one in self._all.values()
                if pid in (None, one.pid) and host in (None, one.host, one.address) and entry in (None, one.entry)
            ]

    @staticmethod
    def kill(guest: Guest, wait_s: float) -> str:
        """Ask a guest to end, and wait until its connection has; blocks.

        Raises
        ------
        ControlError
            It is still there.
        """
        guest.kill()
        if not guest.ended.wait(wait_s):
            raise ControlError(
                f"{guest.name!r} (pid {guest.pid} on {guest.host}) has not ended within {wait_s:g} s: it can be forced on its host only"
            )
        return "stopped"

    async def stay(self, connection: Connection, guest: Guest, tag: Any) -> None:
        """Stay with a guest until it goes; anything but beats that comes on its connection ends it."""
        try:
            await connection.send(answer(tag, {"entry": guest.entry, "every_s": BEAT_S}))
            beats = asyncio.create_task(self._beat(connection))
            try:
                while await self._hear(connection, guest):
                    pass
            except AatsError as exc:
                await connection.goodbye(error_of(exc))
            finally:
                beats.cancel()
        finally:
            with self._lock:
                self._all.pop(guest.entry, None)
            guest.ended.set()

    def enter(self, connection: Connection, request: Mapping[str, Any]) -> Guest:
        """Enter a guest into the list.

        Raises
        ------
        SlotTaken
            Another one of its name and host is there.
        Refused
            A field is wrong.
        """
        loop = asyncio.get_running_loop()

        def kill() -> None:
            with contextlib.suppress(RuntimeError):  # the server's loop has ended
                loop.call_soon_threadsafe(lambda: connection.writer.write(b'{"kill":true}\n'))

        guest = Guest(
            entry="",
            name=text_field(request, "name", _NAME, "the name of the trade process"),
            host=text_field(request, "host", _HOST, "the name of its host"),
            pid=whole_field(request, "pid", 1, _PID_MAX),
            mode=choice_field({"mode": request.get("mode", "none")}, "mode", _MODES),
            detail=_detail(request),
            address=connection.address,
            kill=kill,
            drop=connection.drop,
        )
        choice_field(request, "role", ("trade",))
        with self._lock:
            for other in list(self._all.values()):
                if (other.name, other.host) != (guest.name, guest.host):
                    continue
                if (other.pid, other.address) != (guest.pid, guest.address):
                    raise SlotTaken(
                        f"trade {guest.name!r} of {guest.host} is registered already, by pid {other.pid} (from {other.address})"
                    )
                other.drop()  # the same one, on a new connection: the old one just has not been missed yet
                del self._all[other.entry]
            if len(self._all) >= GUESTS_MAX:
                raise ControlError(f"{GUESTS_MAX} processes of other hosts are registered already")
            guest.entry = f"r{next(self._numbers)}"
            self._all[guest.entry] = guest
        return guest

    @staticmethod
    async def _beat(connection: Connection) -> None:
        with contextlib.suppress(ConnectionError):
            for number in itertools.count(1):
                await asyncio.sleep(BEAT_S)
                await connection.send(orjson.dumps({"beat": number}) + b"\n")

    @staticmethod
    async def _hear(connection: Connection, guest: Guest) -> bool:
        """Take one line; False when it was the last."""
        try:
            line = await asyncio.wait_for(connection.line(), SILENT_S)
        except asyncio.TimeoutError:
            raise PeerDead(f"nothing was heard for {SILENT_S:g} s", pid=guest.pid) from None
        if line is None:
            return False
        said = None
        with contextlib.suppress(orjson.JSONDecodeError):
            said = orjson.loads(line) if len(line) <= _LINE_MAX else None
        if not isinstance(said, dict) or not ("beat" in said or "bye" in said):
            raise Refused("request", "a registered connection carries beats only")
        guest.heard_at = time.monotonic()
        if "detail" in said:
            guest.detail = _detail(said)
        if "mode" in said:
            guest.mode = choice_field(said, "mode", _MODES)
        return "bye" not in said


def _detail(said: Mapping[str, Any]) -> str:
    detail = said.get("detail", "")
    if not isinstance(detail, str):
        raise Refused("request", "detail must be a text")
    return "".join(letter if letter.isprintable() else "?" for letter in detail[:_DETAIL_MAX])
