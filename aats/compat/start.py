"""Starting trade sessions of the published client: a port that listens, a pin, and the process behind them.

For: ``aats.compat.control``.  Not for what the process does: ``aats.compat.trade``.

The listening socket is made here, so that the port is open before its number is told, and inherited by the process.  The pin goes over an inherited
socketpair: never into a command line or an environment.  The process closes its end of the pair at the login; until then it counts as waiting.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from aats import config
from aats.errors import ControlError

__all__ = ["WAITING_MAX", "Sessions"]

#: Sessions that nobody has logged in to yet, at most.
WAITING_MAX = 16
_BACKLOG = 8
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where a server that listens everywhere is asked from this host
_KEYS = ("AATS_APIKEY_", "AATS_SECRET_")  # of this user's own strategies: a client of the network brings its own


@dataclass
class _Started:
    process: subprocess.Popen[bytes]
    pair: socket.socket | None

    def waits(self) -> bool:
        """Whether nobody has logged in: its end of the pair is open."""
        if self.pair is None:
            return False
        try:
            over = self.pair.recv(1, socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            over = False
        except OSError:
            over = True
        if over:
            self.forget()
        return not over

    def forget(self) -> None:
        if self.pair is not None:
            self.pair.close()
            self.pair = None


class Sessions:
    """The sessions that were started here.

    Parameters
    ----------
    host : str
        Where the control server listens.
    environment : mapping
        Added to the environment of each.

    Notes
    -----
    Threads: any.
    """

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        self._host = host
        self._environment = dict(environment)
        self._started: list[_Started] = []
        self._lock = threading.Lock()

    def start(self, control_port: int) -> tuple[str, int]:
        """Start one and return its pin and its port, which listens.

        Raises
        ------
        ControlError
            Too many wait for their login already, or the system has no room for one more.
        """
        self.reap()
        with self._lock:
            if sum(one.waits() for one in self._started) >= WAITING_MAX:
                raise ControlError(f"{WAITING_MAX} trade sessions wait for their login already")
        pin = secrets.token_hex(16)
        with contextlib.ExitStack() as stack:
            try:
                listener = stack.enter_context(_listen(self._host))
                ours, theirs = socket.socketpair()
                stack.callback(theirs.close)
                process = self._spawn(listener, theirs)
            except OSError as exc:
                raise ControlError(f"no trade session can be started: {exc.strerror or exc}") from exc
            with self._lock:
                self._started.append(_Started(process, ours))
            with contextlib.suppress(OSError):  # it has ended already: the client will find nobody at its port
                ours.sendall(orjson.dumps({"pin": pin, "control": [_ANY.get(self._host, self._host), control_port]}))
            return pin, int(listener.getsockname()[1])

    def close(self) -> None:
        """Forget them; those that are logged in go on, the others end by their time limit."""
        with self._lock:
            for one in self._started:
                one.forget()
        self.reap()

    def _spawn(self, listener: socket.socket, theirs: socket.socket) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS)}
        numbers = (listener.fileno(), theirs.fileno())
        log = config.log_dir() / "compat-trade.log"
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "aats.cli", "compat-trade", *map(str, numbers)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**environment, **self._environment},
                pass_fds=numbers,
            )

    def reap(self) -> None:
        """Let go of those that have ended."""
        with self._lock:
            for one in [one for one in self._started if one.process.poll() is not None]:
                one.forget()
                self._started.remove(one)


def _listen(host: str) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
