"""Subscribers by the hundred, in a process of their own; the first of them never reads.

For: ``tools.bench_net``.  Not for what arrives: it is thrown away.

    with Crowd("127.0.0.1:15004", 100):   # all are connected and have said their hello
        ...
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import time
from typing import Any

from aats._ffi import ffi, lib
from tests.live.looks import ROOT

PASS_S = 0.05  # one pass of all rather than a wake-up for each: it is the feed that is measured


def main(where: str, cnt: int) -> None:
    """Be so many subscribers, until killed or left."""
    host, _, port = where.rpartition(":")
    hello = ffi.new("aats_hello_t *", {"magic": lib.AATS_HELLO_MAGIC, "version": lib.AATS_WIRE_VERSION, "flags": lib.AATS_HELLO_STREAM})
    hello.layout_hash = lib.aats_seg_layout_hash()
    ready = selectors.DefaultSelector()
    kept = []
    for number in range(cnt):
        one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if number == 0:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the one that never reads
        one.connect((host, int(port)))
        one.sendall(bytes(ffi.buffer(hello)))
        kept.append(one)
        if number:
            one.setblocking(False)
            ready.register(one, selectors.EVENT_READ)
    print("ready", flush=True)
    os.nice(5)
    room = bytearray(1 << 20)
    while True:
        for key, _ in ready.select(1):
            one = key.fileobj  # type: ignore[assignment]
            with contextlib.suppress(BlockingIOError):
                if not one.recv_into(room):
                    return
        time.sleep(PASS_S)


class Crowd:
    """The process."""

    def __init__(self, where: str, cnt: int) -> None:
        self.command = [sys.executable, "-m", "tests.live.crowd", where, str(cnt)]

    def __enter__(self) -> Crowd:
        self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != b"ready":
            self.__exit__()
            raise RuntimeError("the subscribers did not get in")
        return self

    def __exit__(self, *exc: Any) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
