"""What the requests of a control server do.

For: ``aats.control_server``, which reads them, lets them in and writes their answers.  Not for connections, nor for who may ask.

Each method takes a request's fields and returns those of its answer; what it raises is the answer's error.  They block, so they run on the server's
threads: the quick ones on threads of their own, so that a list is answered while starts and stops are under way.

Only two things are ever done to a process: it is told something through the control table, or ended by `control.kill`.  Only ``aats feed FILE`` and
``aats supervisor`` are ever started.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from aats import control, control_feeds, control_logs, shm
from aats.control_guests import Guests
from aats.control_keep import Keep
from aats.control_wire import Refused, choice_field, level_field, pid_field, symbol_field, text_field, whole_field, whom_field
from aats.errors import AatsError, ControlError
from aats.layout import LAYOUT_HASH, Command, Role
from aats.supervisor_keep import Keeper

__all__ = ["Requests"]

_KILL_S = 8.0
_LINES = 200
_LINES_MAX = 10_000
_TEXT_MAX = 300

Request = Mapping[str, Any]


class Requests:
    """The requests by name.

    Parameters
    ----------
    keep, keeper, guests
        What the server looks after: feeds, the supervisor, processes of other hosts.

    Attributes
    ----------
    port : int
        Where the server listens; told by it.
    QUICK : frozenset
        Those that never wait for a process.
    """

    QUICK = frozenset(("list", "state", "logs", "unkeep"))

    def __init__(self, keep: Keep, keeper: Keeper, guests: Guests) -> None:
        self.port = 0
        self._keep = keep
        self._keeper = keeper
        self._guests = guests
        self._started_ns = time.time_ns()
        self.known: dict[str, Callable[[Request], dict[str, Any]]] = {
            "start_market": self.start_market,
            "supervise": self.supervise,
            "list": self.list,
            "state": self.state,
            "kill": self.kill,
            "stop": self.kill,
            "restart": self.restart,
            "keep": self.keep,
            "unkeep": self.unkeep,
            "subscribe": self.subscribe,
            "unsubscribe": self.unsubscribe,
            "set_level": self.set_level,
            "logs": self.logs,
        }

    # ----------------------------------------------------------------------------------------------------- starting

    def start_market(self, request: Request) -> dict[str, Any]:
        """Start a feed, or extend the one of its name."""
        if not isinstance(request.get("config"), dict):
            raise Refused("request", "start_market needs 'config', the tables of a feed's file")
        keep = request.get("keep", False)
        if not isinstance(keep, bool):
            raise Refused("request", "keep must be true or false")
        _check_namespace(request)
        result = control_feeds.start_market(request["config"])
        if keep:
            self._keep.add(control_feeds.origin_of(control_feeds.find(result["name"])))
        return result

    def supervise(self, request: Request) -> dict[str, Any]:
        """Start the supervisor where none runs."""
        _check_namespace(request)
        entry, started = self._keeper.start()
        return {"pid": entry.pid, "started": started}

    def restart(self, request: Request) -> dict[str, Any]:
        """Stop a feed and start it again from its file."""
        entry = control_feeds.find(whom_field(request))
        origin = control_feeds.origin_of(entry)
        with self._keep.held(entry.name), control_feeds.alone(entry.name):
            ended = control.kill(entry.pid, wait_s=_KILL_S)
            child = control_feeds.start_again(origin)
        return {"pid": child.pid, "name": entry.name, "was": entry.pid, "result": ended}

    def keep(self, request: Request) -> dict[str, Any]:
        """Start this running feed again whenever it dies."""
        entry = control_feeds.find(whom_field(request))
        origin = control_feeds.origin_of(entry)
        self._keep.add(origin)
        return {"pid": entry.pid, "name": entry.name, "file": origin.file}

    def unkeep(self, request: Request) -> dict[str, Any]:
        """Do not start this feed again any more."""
        whom = whom_field(request)
        name = whom if isinstance(whom, str) else control_feeds.find(whom).name
        if not self._keep.remove(name):
            raise ControlError(f"feed {name!r} is not kept")
        return {"name": name}

    # ------------------------------------------------------------------------------------------------------ telling

    def subscribe(self, request: Request) -> dict[str, Any]:
        """Add a symbol to a running feed."""
        return control_feeds.tell(whom_field(request), Command.SUBSCRIBE, symbol_field(request), level_field(request, needed=False))

    def unsubscribe(self, request: Request) -> dict[str, Any]:
        """Take a symbol off a running feed."""
        return control_feeds.tell(whom_field(request), Command.UNSUBSCRIBE, symbol_field(request))

    def set_level(self, request: Request) -> dict[str, Any]:
        """Have a running feed publish more levels of a symbol."""
        return control_feeds.tell(whom_field(request), Command.SET_LEVEL, symbol_field(request), level_field(request, needed=True))

    # ------------------------------------------------------------------------------------------------------- ending

    def kill(self, request: Request) -> dict[str, Any]:
        """End a process of the control table, or ask a registered one of another host to end."""
        if "entry" in request or "host" in request:
            return self._kill_guest(request)
        whom = whom_field(request)
        if isinstance(whom, str):
            whom = _pid_of(whom)
        if whom == os.getpid():
            raise Refused("request", f"pid {whom} is the control server itself: use `aats stop {whom}`")
        local = any(one["pid"] == whom and one["alive"] for one in control.processes())
        guests = self._guests.find(pid=whom)
        if guests and (local or len(guests) > 1):
            places = [socket.gethostname()] * local + [one.host for one in guests]
            raise ControlError(f"pid {whom} is registered on several hosts ({', '.join(places)}): say which with host")
        if guests:
            return self._end_guest(guests[0])
        return {"pid": whom, "result": control.kill(whom, wait_s=_KILL_S)}

    def _kill_guest(self, request: Request) -> dict[str, Any]:
        host = text_or_none(request, "host")
        entry = text_or_none(request, "entry")
        pid = pid_field(request) if entry is None or "pid" in request else None
        if entry is None and host == socket.gethostname() and not self._guests.find(pid=pid, host=host):
            return self.kill({"pid": pid})
        found = self._guests.find(pid=pid, host=host, entry=entry)
        if len(found) != 1:
            what = f"entry {entry!r}" if entry is not None else f"pid {pid} of {host}"
            raise ControlError(
                f"{what} is not registered here" if not found else f"{what} is registered {len(found)} times: say which with entry"
            )
        return self._end_guest(found[0])

    def _end_guest(self, guest: Any) -> dict[str, Any]:
        return {"pid": guest.pid, "host": guest.host, "entry": guest.entry, "result": self._guests.kill(guest, _KILL_S + 2)}

    # ------------------------------------------------------------------------------------------------------ looking

    def list(self, request: Request) -> dict[str, Any]:
        """List the living processes, those of other hosts behind those of this one."""
        known = [one.name.lower() for one in Role if one != Role.NONE]
        role = choice_field(request, "role", known) if request.get("role") is not None else None
        here = {"host": socket.gethostname(), "address": None, "remote": False, "entry": None}
        received = _receivers()
        found = [{**one, **here, "received": one["pid"] in received} for one in control.processes() if one["alive"]]
        return {"processes": [one for one in (*found, *self._guests.facts()) if role in (None, one["role"])]}

    def state(self, request: Request) -> dict[str, Any]:
        """Tell of this server, or of one process."""
        if "pid" in request:
            pid = pid_field(request)
            control.entry_of_pid(pid)
            return {"process": next(one for one in control.processes() if one["pid"] == pid)}
        return {
            "pid": os.getpid(),
            "port": self.port,
            "namespace": shm.namespace(),
            "layout": f"{LAYOUT_HASH:016x}",
            "started_ns": self._started_ns,
            "children": self._children(),
            "kept": self._keep.facts(),
        }

    def _children(self) -> Any:
        return sorted({child.pid for child in (*control_feeds.children(), *self._keeper.children)})

    def logs(self, request: Request) -> dict[str, Any]:
        """Show the last lines of a log."""
        name = text_field(request, "name", control_logs.NAME, "the name of a process or of its log")
        path = control_logs.log_file(name)
        return {
            "name": path.stem,
            "file": str(path),
            "lines": control_logs.tail(path, whole_field(request, "lines", 1, _LINES_MAX, _LINES)),
        }


def text_or_none(request: Request, key: str) -> str | None:
    """Return a short text, None where it is missing."""
    value = request.get(key)
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX):
        raise Refused("request", f"{key} must be a text of 1 to {_TEXT_MAX} characters")
    return value


def _receivers() -> set[int]:
    """Return the pids of those in a feed's role that only bring the records of another host here."""
    with contextlib.suppress(AatsError):
        return {one.pid for one in control.find_feeds() if one.received}
    return set()


def _pid_of(name: str) -> int:
    """Return the pid of the living process of a name; several of a name (of other roles) are told apart by pid."""
    found = {one["pid"]: one["role"] for one in control.processes() if one["name"] == name and one["alive"]}
    if len(found) != 1:
        several = ", ".join(f"{pid} ({role})" for pid, role in found.items())
        raise ControlError(f"{name!r} names several processes: {several}" if found else f"no process {name!r} is in the control table")
    return int(next(iter(found)))


def _check_namespace(request: Request) -> None:
    wanted = request.get("namespace", shm.namespace())
    if wanted != shm.namespace():
        raise Refused(
            "request",
            f"this control server serves namespace {shm.namespace()!r}, the request is of {str(wanted)[:60]!r}: start another one on another port",
        )
