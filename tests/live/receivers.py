"""A receiver process of the live tests, and a sender that speaks the wire by hand.

For: ``tests/live/test_receive*.py`` and whoever needs a receiver beside a feed.  Not for what receivers promise: that is in the tests.

    with FeedProc(sim, ["BTCUSDT"], net=multicast(port)) as feed, ReceiverProc("multibroad", f"{GROUP}:{port}", "--card", "lo") as receiver:
        receiver.wait_live(["BTCUSDT"])
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aats import config, control, shm
from aats.errors import ControlError, SegmentMissing
from aats.layout import Kind, Role, State, dtype_of
from tests.live.looks import ROOT, eventually, tool
from tests.live.procs import FeedProc, Proc

GROUP = "239.255.77.1"
WIRE, BEAT = dtype_of("aats_wire_t"), dtype_of("aats_wire_beat_t")


def multicast(port: int, group: str = GROUP, **more: Any) -> dict[str, Any]:
    """Return the ``[net]`` table of a feed that sends to a group on the loopback."""
    return {"send_type": "multibroad", "ip": group, "port": port, "netcard": "lo", **more}


class ReceiverProc(FeedProc):
    """``aats receive WORDS...``; does not wait for a feed.

    Parameters
    ----------
    *words : str
        Of the command line.
    name : str
        Of the receiver.
    env : dict, optional
        Added to its environment.
    """

    def __init__(self, *words: str, name: str = "rx", env: dict[str, str] | None = None) -> None:
        self.words, self.name, self.env = words, name, env or {}
        self.file = config.log_dir() / f"{name}.log"
        self.start()

    def start(self) -> None:
        """Start it; also again, after a kill."""
        with self.file.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aats.cli", "receive", *self.words, "--name", self.name],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **self.env},
                start_new_session=True,
            )

    def end(self) -> None:
        Proc.end(self)
        control.tidy()

    @property
    def entry(self) -> control.Entry:
        """Its slot; waits until it has one."""
        found: control.Entry = eventually(self._entry, why=lambda: f"it never joined: {self.log()}")
        return found

    def _entry(self) -> control.Entry | None:
        try:
            return control.entry_of_pid(self.pid)
        except (ControlError, SegmentMissing):
            return None

    def wait_run(self, *, within_s: float = 30.0) -> None:
        """Wait until it says RUN."""
        eventually(lambda: self.entry.state == State.RUN, within_s=within_s, why=lambda: f"{self.entry.detail}; {self.log()}")

    def wait_live(self, symbols: Any = (), *, within_s: float = 60.0) -> None:
        self.wait_run()
        super().wait_live(symbols, within_s=within_s)

    def path(self, at: int = 0) -> shm.NetPath:
        """Return what it counts on one path, from its segment."""
        return shm.net_paths(self.segment())[at]

    def log(self) -> str:
        return self.file.read_text(errors="replace")


def net_json() -> dict[str, Any]:
    """Return what ``aats net --json`` says."""
    done = tool("net", "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@contextmanager
def sender(group: str, port: int) -> Iterator[Any]:
    """Give a function that sends a datagram to a group on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", bytes(4), bytes(4), socket.if_nametoindex("lo")))
        yield lambda data: sock.sendto(data, (group, port))


def segment_of(name: str, generation: int) -> shm.Segment:
    return shm.attach(shm.SegmentName.make(Kind.MD, name, generation))


def living(role: Role = Role.FEED) -> list[str]:
    """Return the names in the control table whose processes live."""
    return [one["name"] for one in control.processes() if one["role"] == role.name.lower() and one["alive"]]
