"""The process of one trade session of the published client: ``aats compat-trade``, started by a control server with ``--compat``.

For: one client, from its login to its end; then the orders that it has left are cancelled, as always, and the process is over.

::

    start.py --listening socket, pin--> door.py: login --> settings.py: init --> TradeService with relay.py as its strategy
                                                                                     |  events, and back: orders
                                                                                 line.py <--> the client

Sessions are named compat-1, compat-2 ...: the lowest number that no living process has, so that orders or a position which one has left behind are its
successor's to clear.  ``init`` is answered "ok" when orders can be sent; what the client sends before waits for that (`relay.HOLD_S`).

Secrets: the client sends them to this process alone.  They stand in memory, and in no log, argument, environment or table.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

import orjson

from aats.compat.door import LOGIN_S, admit
from aats.compat.line import Line
from aats.compat.relay import Relay
from aats.compat.settings import service_of
from aats.errors import AatsError, ConfigError, SlotTaken

__all__ = ["main"]

log = logging.getLogger("aats.compat")

_INIT_S = 10.0
_NAMES = 256
_ORDERS = ("place_order", "cancel_order")


class _Client:
    """What is known of the client: its settings, whether it is still there, and where its orders go; `stop` is called when it goes."""

    def __init__(self, sock: socket.socket, frames: Any) -> None:
        self.settings: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.gone = threading.Event()
        self._asked = False
        self.stop: Callable[[], None] = lambda: None
        self.line = Line(sock, frames, self._frame, self._gone)
        self.relay = Relay(self.line.tell)

    def _frame(self, one: dict[str, Any]) -> None:
        kind = one.get("type")
        if kind == "init" and not self._asked:
            self._asked = True
            self.settings.put(one.pop("data", None))
        elif kind in _ORDERS:
            self.relay.take(one)
        else:
            text = f"type {str(kind)[:40]!r} is not known here" if kind != "init" else "init was said already"
            self.line.tell({"type": "error", "result": text})

    def _gone(self, reason: str) -> None:
        log.info("trade session: the client: %s", reason)
        self.gone.set()
        self.settings.put(None)
        self.stop()


def main(listener_fd: int, from_fd: int) -> int:
    """Serve one client; return 0, or 1 if its session could not be."""
    listener = socket.socket(fileno=listener_fd)
    with socket.socket(fileno=from_fd) as pair:
        pair.settimeout(LOGIN_S)
        brought = orjson.loads(pair.recv(4096) or b"{}")
        if "pin" not in brought:
            return 1  # who started this is gone
        port, control = int(listener.getsockname()[1]), (str(brought["control"][0]), int(brought["control"][1]))
        found = admit(listener, brought.pop("pin"))
    if found is None:
        log.info("trade session: nobody has logged in on port %d", port)
        return 1
    client = _Client(*found)
    client.line.tell({"type": "login", "result": "ok"})
    client.line.start()
    try:
        return _session(client, port, control)
    finally:
        client.line.close()


def _session(client: _Client, port: int, control: tuple[str, int]) -> int:
    try:
        settings = client.settings.get(timeout=_INIT_S)
    except queue.Empty:
        log.warning("trade session on port %d: no init within %g s", port, _INIT_S)
        client.line.tell({"type": "init", "result": f"no init within {_INIT_S:g} s"})
        return 1
    if client.gone.is_set():
        return 1
    started = threading.Event()

    def ready() -> None:
        started.set()
        client.line.tell({"type": "init", "result": "ok"})
        if client.gone.is_set():  # before there was a run that could be stopped
            client.stop()

    client.relay.on_start = ready
    try:
        _run(client, settings, port, control)
    except AatsError as exc:
        log.error("trade session on port %d: %s", port, exc)
        if not started.is_set():
            client.line.tell({"type": "init", "result": str(exc)[:1000]})
        return 1
    return 0


def _run(client: _Client, settings: Any, port: int, control: tuple[str, int]) -> None:
    """Run under the first name that is free."""
    for number in range(1, _NAMES + 1):
        service = service_of(settings, name=f"compat-{number}", port=port, control=control)
        service.add_strategy(client.relay)
        client.stop = service.stop
        try:
            service.run()
            return
        except SlotTaken:
            if client.gone.is_set():
                return
    raise ConfigError(f"{_NAMES} trade sessions run already")


def begin(listener_fd: int, from_fd: int) -> int:
    """Run `main` as a process of its own."""
    for number in (listener_fd, from_fd):
        os.set_inheritable(number, False)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return main(listener_fd, from_fd)
