"""A few hosts on one machine and a bad network between them.

For: tests of everything that goes from host to host.  Not for the network's faults themselves: ``medium.py``; nor for the frames: ``relay.py``.

    with Lab(hosts=3, loss=0.05, delay_ms=2, jitter_ms=3, reorder=0.05, dup=0.02, seed=7) as lab:
        with lab.host(0):                       # what is started here runs on that host, with an AATS_NS and AATS_HOME of its own
            feed = FeedProc(sim, ["BTCUSDT"], net={"send_type": "multibroad", "ip": "239.1.2.3", "port": 15004, "netcard": "eth0"})
        script = lab.host(1).popen([sys.executable, "-c", "..."])
        lab.counts()                            # what happened to the frames, a `Counts` as a dict by receiver

A host is a network namespace: lo, one card `eth0` (10.77.0.1 is host 0, .2 host 1, ..., broadcast 10.77.0.255), no default route, no IPv6 on it.  /dev/shm, the
files, pids and the clock are shared; a host's segments are told apart by AATS_NS, so the test itself reads the segments of any of them.
`can_namespace` says whether this machine lets us; where it does not, `Resent` gives a receiver a multicast group of its own on lo, datagrams only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import pytest

from tests.live.looks import READY_S, ROOT, end_all, line_of
from tests.live.procs import Proc

RELAY = Path(__file__).with_name("relay.py")
NET = "10.77.0"
CARD = "eth0"
T = TypeVar("T", bound=Proc)


class Talk:
    """A relay process, and questions to it."""

    def __init__(self, kind: str, *words: str, seed: int, **faults: Any) -> None:
        options = [word for name, value in faults.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, str(RELAY), kind, *words, "--seed", str(seed), *options]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)
        self.ready = self._answer()
        if not self.ready["ready"]:
            self.close()
            raise PermissionError(self.ready["why"])

    def ask(self, do: str, **more: Any) -> Any:
        """Send one request and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        try:
            return json.loads(line_of(self.process.stdout.fileno()))
        except AssertionError as wrong:
            self.process.kill()
            self.errors.seek(0)
            raise AssertionError(f"{wrong}; the relay said {self.errors.read().decode(errors='replace')[-2000:]}") from None

    def close(self) -> None:
        """End it."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(READY_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()


@functools.cache
def why_no_namespace() -> str:
    """Return why network namespaces cannot be had here, "" if they can."""
    if shutil.which("nsenter") is None:
        return "nsenter(1) is not installed"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun cannot be opened"
    try:
        Talk("lab", "--hosts", "1", seed=1).close()
    except PermissionError as error:
        return str(error)
    return ""


def can_namespace() -> bool:
    """Tell whether a `Lab` can be had here: as root, or by user namespaces."""
    return not why_no_namespace()


class Host:
    """One host of a `Lab`; as a context: what this test starts and looks at is there."""

    def __init__(self, number: int, inside: Sequence[str], folder: Path) -> None:
        self.number = number
        self.ip = f"{NET}.{number + 1}"
        self.ns = f"{os.environ.get('AATS_NS', 'lab')}h{number}"
        self.home = folder / f"host{number}"
        self.home.mkdir(mode=0o700)
        self.inside = list(inside)
        self.python = self.home / "python"
        self.python.write_text(f'#!/bin/sh\nexec {shlex.join([*inside, sys.executable])} "$@"\n')
        self.python.chmod(0o700)
        self._entered: list[contextlib.ExitStack] = []

    @property
    def env(self) -> dict[str, str]:
        """What makes a process one of this host beside its network namespace."""
        return {"AATS_NS": self.ns, "AATS_HOME": str(self.home)}

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return a command line that runs `argv` on this host."""
        return [*self.inside, *argv]

    def popen(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, **more: Any) -> subprocess.Popen[Any]:
        """Start a program on this host."""
        return subprocess.Popen(self.command(argv), env={**os.environ, **self.env, **(env or {})}, cwd=more.pop("cwd", ROOT), **more)

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, within_s: float = READY_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on this host to its end."""
        return subprocess.run(
            self.command(argv),
            env={**os.environ, **self.env, **(env or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
        )

    def __enter__(self) -> Host:
        """From here on: `sys.executable` starts there, AATS_NS and AATS_HOME are its own."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, self.env))
            stack.enter_context(mock.patch.object(sys, "executable", str(self.python)))
            self._entered.append(stack.pop_all())
        return self

    def __exit__(self, *exc: object) -> None:
        self._entered.pop().close()

    def end_all(self) -> list[str]:
        """Kill every process of its table; return who was still there."""
        with self:
            return end_all()


class Lab:
    """Hosts, and the network between them.

    Parameters
    ----------
    hosts : int
        1 to 200.
    seed : int
        Of the fates of frames.
    **faults
        As of `tests.net.medium.Faults`: loss, delay_ms, jitter_ms, reorder, reorder_ms, dup, only.

    Raises
    ------
    PermissionError
        Namespaces cannot be had here; see `can_namespace`.
    """

    def __init__(self, hosts: int = 2, *, seed: int = 1, **faults: Any) -> None:
        self._wanted, self._seed, self._faults = hosts, seed, faults

    def __enter__(self) -> Lab:
        self.relay = Talk("lab", "--hosts", str(self._wanted), seed=self._seed, **self._faults)
        self._folder = tempfile.TemporaryDirectory(prefix="lab")
        pid = self.relay.process.pid
        enter = ["nsenter"] if self.relay.ready["right"] == "root" else ["nsenter", f"--user=/proc/{pid}/ns/user", "--preserve-credentials"]
        self.hosts = [
            Host(number, [*enter, f"--net=/proc/{pid}/fd/{fd}", "--"], Path(self._folder.name))
            for number, fd in enumerate(self.relay.ready["fds"])
        ]
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        left = [one for host in self.hosts for one in host.end_all()]
        self.relay.close()
        self._folder.cleanup()
        if left and kind is None:
            pytest.fail(f"left running: {', '.join(left)}", pytrace=False)

    def host(self, number: int) -> Host:
        """Return one of the hosts."""
        return self.hosts[number]

    def faults(self, **faults: Any) -> None:
        """Change what goes wrong from now on; what is not named stays."""
        self.relay.ask("faults", **faults)

    def plug(self, number: int, plugged: bool = True) -> None:
        """Pull a host's cable out, or put it in again."""
        self.relay.ask("plug", host=number, **{"in": plugged})

    def counts(self) -> list[dict[str, int]]:
        """Return what happened to the frames for each host; `unseen`: sent by it, and lost before the relay came for them."""
        said = self.relay.ask("counts")
        return [{**way, "unseen": unseen} for way, unseen in zip(said["ways"], said["unseen"])]

    def lost(self, number: int) -> list[bytes]:
        """Return the first bytes of each UDP payload that a host was not given, by the seed."""
        return [bytes.fromhex(one) for one in self.relay.ask("lost", host=number)]


class Resent:
    """Where there are no namespaces: the datagrams of a multicast group on lo again on another one, through the same bad medium."""

    def __init__(self, come: tuple[str, int], go: tuple[str, int], *, seed: int = 1, **faults: Any) -> None:
        self._words = ("--come", f"{come[0]}:{come[1]}", "--go", f"{go[0]}:{go[1]}")
        self._seed, self._faults = seed, faults

    def __enter__(self) -> Resent:
        self.relay = Talk("udp", *self._words, seed=self._seed, **self._faults)
        return self

    def __exit__(self, *exc: object) -> None:
        self.relay.close()

    def faults(self, **faults: Any) -> None:
        """Change what goes wrong from now on; what is not named stays."""
        self.relay.ask("faults", **faults)

    def counts(self) -> dict[str, int]:
        """Return what happened to the datagrams."""
        return dict(self.relay.ask("counts")["ways"][0])

    def lost(self) -> list[bytes]:
        """Return the first bytes of each datagram that was dropped."""
        return [bytes.fromhex(one) for one in self.relay.ask("lost", host=0)]


@contextlib.contextmanager
def on(host: Host | None) -> Iterator[None]:
    """Be on a host for a while; None: on this machine."""
    with host or contextlib.nullcontext():
        yield


@contextlib.contextmanager
def living_on(host: Host | None, make: Callable[[], T]) -> Iterator[T]:
    """Start a process there, one of ``tests/live/procs.py``, and end it there."""
    with on(host):
        proc = make()
    try:
        yield proc
    finally:
        with on(host):
            proc.end()
