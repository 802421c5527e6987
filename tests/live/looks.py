"""What a live test sees of the processes from outside: waiting with a deadline, tools run to their end, who is in the table.

For: ``tests/live`` and ``tests/test_examples.py``.  The processes themselves are in ``procs.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from aats import control

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0  # a process on a busy machine


def eventually(what: Callable[[], Any], *, within_s: float = 30.0, why: str | Callable[[], object] = "") -> Any:
    """Return what `what` returns as soon as it is true; fail after `within_s` with `why`."""
    deadline = time.monotonic() + within_s
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {within_s:g} s: {why() if callable(why) else why}")
        time.sleep(0.01)


def end_all() -> list[str]:
    """Kill every process of this namespace; return who was still there."""
    left = []
    for one in control.processes():
        if one["alive"] and one["pid"] != os.getpid():
            left.append(f"{one['role']} {one['name']} (pid {one['pid']})")
            with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process = psutil.Process(one["pid"])
                process.kill()
                process.wait(5)
    control.tidy()
    return left


def pids_of(role: str) -> list[int]:
    """Return who lives in the control table in that role."""
    return [one["pid"] for one in control.processes() if one["role"] == role and one["alive"]]


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def line_of(fd: int, within_s: float = READY_S) -> bytes:
    """Return the next line of a pipe, without waiting for ever."""
    line = b""
    deadline = time.monotonic() + within_s
    while not line.endswith(b"\n"):
        assert select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0], f"no line within {within_s:g} s, only {line!r}"
        piece = os.read(fd, 65536)
        assert piece, f"it ended without a line, only {line!r}"
        line += piece
    return line


def tool(*words: str, within_s: float = READY_S, module: str = "aats.cli") -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, timeout=within_s, stdin=subprocess.DEVNULL
    )


def tools_say(symbol: str, feed: str) -> dict[str, bool]:
    """Ask each tool that shows books whether it calls this one good; all at the same time."""
    asked = {
        "aats book": ["-m", "aats.cli", "book", symbol, "--json", "--feed", feed],
        "tools.shm": ["-m", "tools.shm", "dump", f"md.{feed}", "--json"],
    }
    running = {
        name: subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name, words in asked.items()
    }
    said = {}
    for name, process in running.items():
        out, errors = process.communicate(timeout=READY_S)
        assert "Traceback" not in errors, errors
        answer = json.loads(out) if out else {}
        books = answer.get("books", [answer])
        said[name] = any(book.get("valid") for book in books if book.get("symbol", "").partition(".")[0] == symbol)
    return said


def segments(ns: str) -> list[str]:
    """Return the files of a namespace in /dev/shm."""
    return sorted(path.name for path in Path("/dev/shm").glob(f"aats.{os.getuid()}.{ns}.*"))
