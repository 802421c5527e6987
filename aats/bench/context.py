"""What a row is given: cores, folders, programs, and children that end with it.

For: ``run(ctx)`` of rows/ and peers/.  Owner: child.py makes one for each invocation; nothing in it is shared with another.

Example, a row measured by a server in C and a client in this process::

    def run(ctx):
        with ctx.start("wire", "--frames", str(ctx.traffic()), core=ctx.cores[0]) as server:
            port = server.first()["port"]
            ctx.pin()                              # this thread: ctx.cores[1]
            ...
            told = server.end()                    # SIGTERM, and the objects of its lines
        return [{"row": "x", "who": "aats", "unit": "ns", "value": 1.0}, *told]
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from aats.errors import AatsError

__all__ = ["Context", "Failed", "Started", "ask_snapshot", "objects", "summary"]

_PDEATHSIG = 1


class Failed(AatsError):
    """A program of a row ended badly; the text is its last words."""


@dataclass
class Context:
    """Where and how one invocation measures.

    Attributes
    ----------
    rows : which rows of the module are wanted; it may return fewer with a ``why``, never others
    cores : (other side, measured); the same core twice where there is one only
    usable : all cores this run may use
    quick : a second or so instead of many
    frames : frames file to measure with, None: the program's own traffic
    folder : for files; removed after the run
    programs : executables by name
    """

    rows: list[str]
    cores: tuple[int, int]
    usable: list[int]
    quick: bool
    frames: Path | None
    folder: Path
    programs: dict[str, Path] = field(default_factory=dict)
    repeat: int = 0

    def pin(self, core: int | None = None) -> None:
        """Pin the calling thread, by default to the measured side's core."""
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {self.cores[1] if core is None else core})

    def c(
        self, name: str, *words: str, core: int | None = None, timeout_s: float = 120.0, env: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Run a program to its end and return the objects it printed; `Failed` if its status is not 0."""
        with self.start(name, *words, core=core, env=env) as one:
            return one.wait(timeout_s)

    @contextlib.contextmanager
    def start(self, name: str, *words: str, core: int | None = None, env: Mapping[str, str] | None = None) -> Iterator[Started]:
        """Start a program (of tests/bench, or any path; ``"python"``: this interpreter) that is killed when the block is left."""
        exe = sys.executable if name == "python" else str(self.programs.get(name, name))
        out = open(
            self.folder / f"{Path(name).name}.{time.monotonic_ns()}.out", "w+b"
        )  # closed below; the child has a descriptor of its own
        err = open(out.name + ".err", "w+b")
        process = subprocess.Popen(
            [exe, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(env or {})},
            preexec_fn=functools.partial(_in_child, core, os.getpid()),
        )
        try:
            yield Started(name, process, out, err)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            out.close()
            err.close()

    def wait_for(self, path: Path, within_s: float = 20.0) -> Path:
        """Wait until a file is there and not empty."""
        deadline = time.monotonic() + within_s
        while not (path.exists() and path.stat().st_size):
            if time.monotonic() > deadline:
                raise Failed(f"{path.name} did not come within {within_s:g} s")
            time.sleep(0.005)
        return path

    def traffic(self, *, symbols: int = 1, messages: int = 4096, depth: int = 100, bbo: int = 0) -> Path:
        """Return a frames file: the one that was given, else made by tests/bench/make_frames.c (name it in `beside`), the same for all repeats of a run."""
        if self.frames is not None:
            return self.frames
        path = self.folder.parent / f"frames-{symbols}-{messages}-{depth}-{bbo}"
        if not path.exists():
            words = {"--symbols": symbols, "--messages": messages, "--depth": depth, "--bbo": bbo}
            self.c("make_frames", "--out", f"{path}.new", *(str(word) for pair in words.items() for word in pair))
            os.rename(f"{path}.new", path)
        return path

    @staticmethod
    def symbols(count: int) -> list[str]:
        """Return the names that made traffic gives its symbols (traffic_name of traffic.h)."""
        return ["BTCUSDT", "ETHUSDT", *(f"C{number:03}USDT" for number in range(2, count))][:count]

    def to_json(self) -> str:
        """Return it as text for child.py."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Context:
        """Return what `to_json` wrote."""
        raw = json.loads(text)
        first, second = raw["cores"]
        return cls(
            rows=raw["rows"],
            cores=(first, second),
            usable=raw["usable"],
            quick=raw["quick"],
            frames=Path(raw["frames"]) if raw["frames"] else None,
            folder=Path(raw["folder"]),
            programs={name: Path(path) for name, path in raw["programs"].items()},
            repeat=raw["repeat"],
        )


@dataclass
class Started:
    """A program that runs."""

    name: str
    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]

    def wait(self, timeout_s: float = 120.0) -> list[dict[str, Any]]:
        """Wait for its end; return the objects it printed."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} had not ended after {timeout_s:g} s") from None
        if status != 0:
            raise Failed(f"{self.name} ended with status {status}: {self.last_words()}")
        return objects(self.text())

    def end(self, timeout_s: float = 10.0) -> list[dict[str, Any]]:
        """Tell it to end (SIGTERM) and return the objects it printed."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        return objects(self.text())

    def first(self, within_s: float = 20.0) -> dict[str, Any]:
        """Wait for the first object it prints: a server's port."""
        deadline = time.monotonic() + within_s
        while not (found := objects(self.text().rpartition("\n")[0])):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{self.name} said nothing within {within_s:g} s: {self.last_words()}")
            time.sleep(0.005)
        return found[0]

    def text(self) -> str:
        """Return what it has printed so far."""
        self.out.seek(0)
        return self.out.read().decode("utf-8", "replace")

    def last_words(self) -> str:
        """Return the last line that it wrote on stderr, else on stdout."""
        self.err.seek(0)
        lines = [line for line in (self.text() + "\n" + self.err.read().decode("utf-8", "replace")).splitlines() if line.strip()]
        return lines[-1][-400:] if lines else "without a word"


def ask_snapshot(port: int, ca: Path) -> None:
    """Fetch the snapshot from tests/bench/wire.c as a feed does; its replay begins soon behind that, else only after 6 s."""
    with urllib.request.urlopen(
        f"https://localhost:{port}/api/v3/depth?symbol=BTCUSDT&limit=1000", context=ssl.create_default_context(cafile=str(ca)), timeout=10
    ) as answer:
        answer.read()


def objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of a text, one a line; lines of anything else are for people."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def summary(ns: Sequence[float]) -> dict[str, float]:
    """Return value (the median), p50, p99, p999, max and n of samples; every sample counts, percentiles are exact."""
    data = sorted(ns)
    if not data:
        return {"n": 0}
    at = {key: data[round(part * (len(data) - 1))] for key, part in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))}
    return {"value": at["p50"], **at, "n": len(data)}


def _in_child(core: int | None, parent: int) -> None:
    """Between fork and exec: die with the parent, on that core."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    if core is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
