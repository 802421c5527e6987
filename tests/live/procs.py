"""The processes of a live test, each a context manager that ends its process whatever happens.

For: ``tests/live`` and ``tests/test_examples.py``.  Not for what is tested: every process here is the one that users start.

    with Sim("--symbols", "BTCUSDT") as sim, FeedProc(sim, ["BTCUSDT"]) as feed, Reader(["BTCUSDT"]) as reader:
        reader.wait("quote", "BTCUSDT")

    Sim        aats sim            on a free port of the loopback, with TLS unless told otherwise
    FeedProc   aats feed           from a file that is written for it
    Reader     tests/live/teller   a strategy that writes down all it is told
    Script     any Python text     as a user's script; its output line by line
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from aats import config, control, shm
from aats.control import Child
from aats.layout import DirState, Kind, MdCounter, Role
from tests.live.looks import READY_S, ROOT, eventually, line_of

TELLER = Path(__file__).with_name("teller.py")
_numbers = itertools.count()


class Proc:
    """A process: kill, pause, resume; ended at the end of the block."""

    process: subprocess.Popen[Any]

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> int:
        """SIGKILL; return when it was sent, on CLOCK_MONOTONIC in ns."""
        self.process.kill()
        now = time.monotonic_ns()
        self.process.wait(10)
        return now

    def pause(self) -> int:
        """SIGSTOP, as `kill`."""
        self.process.send_signal(signal.SIGSTOP)
        now = time.monotonic_ns()
        eventually(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED, why="SIGSTOP does not stop it")
        return now

    def resume(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End it, politely if it listens."""
        if self.running:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


class Sim(Proc):
    """``aats sim`` with its ready line.

    Attributes
    ----------
    ready : dict
        The line: port, rest, stream, ca, symbols, env.
    """

    def __init__(self, *words: str) -> None:
        self.words = words
        self.start()

    def start(self, *more: str) -> None:
        """Start it; also again, after a kill: `more` then holds ``--port``."""
        command = [sys.executable, "-m", "aats.cli", "sim", "--json", "--parent-pid", str(os.getpid()), *self.words, *more]
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT, start_new_session=True
        )
        assert self.process.stdout is not None
        try:
            self.ready: dict[str, Any] = json.loads(line_of(self.process.stdout.fileno()))
        except AssertionError as wrong:
            self.kill()
            self._log.seek(0)
            raise AssertionError(f"{wrong}; {self._log.read().decode(errors='replace')[-1000:]}") from None
        self.env: dict[str, str] = self.ready["env"]

    def restart(self) -> None:
        """Start it again on the port that it had."""
        port = self.ready["port"]
        eventually(lambda: self._try_start(port), why=f"port {port} is not free again")

    def _try_start(self, port: int) -> bool:
        try:
            self.start("--port", str(port))
        except AssertionError:
            return False
        return True

    def stop(self) -> dict[str, Any]:
        """End it and return its counters."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return dict(json.loads(out.splitlines()[-1]))


class FeedProc(Proc):
    """``aats feed`` on the market of a `Sim`.

    Parameters
    ----------
    symbols : sequence of str
        ``"BTCUSDT"`` or ``"BTCUSDT:20"``.
    **feed
        Keys of the ``[feed]`` table.
    """

    def __init__(
        self,
        sim: Sim,
        symbols: Sequence[str],
        *,
        name: str = "live",
        net: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        **feed: Any,
    ) -> None:
        self.name = name
        self.symbols = [symbol.partition(":")[0] for symbol in symbols]
        said = f"AATS_ENDPOINT_{feed.get('venue', 'BINANCE')}_SIM_"  # several venues may stand on one port
        endpoints = {kind: sim.env.get(said + kind.upper(), sim.ready[kind]) for kind in ("rest", "stream")}
        endpoints["cafile"] = sim.ready["ca"]
        tables = {"feed": {"name": name, "venue": "BINANCE", "mode": "sim", "symbols": list(symbols), **feed}, "endpoints": endpoints}
        tables.update({key: dict(table) for key, table in (("net", net), ("limits", limits)) if table})
        self.file = config.run_dir() / f"{name}-{next(_numbers)}.toml"
        self.file.write_text(toml(tables))
        self.start()

    def start(self) -> None:
        """Start it; also again, after a kill."""
        self.child: Child = control.spawn(Role.FEED, ["feed", str(self.file)], name=self.name, wait_s=READY_S)
        self.process = self.child.process

    def end(self) -> None:
        if self.running:
            self.resume()
            self.child.stop()
        control.tidy()

    # what it says itself; only while it runs

    @property
    def entry(self) -> control.Entry:
        return control.entry_of_pid(self.pid)

    def segment(self) -> shm.Segment:
        """Map what it writes."""
        return shm.attach(shm.SegmentName.make(Kind.MD, self.name, self.entry.generation))

    def counters(self) -> dict[str, int]:
        segment = self.segment()
        counters = segment.md.md.counters
        return {one.name.lower(): int(counters[one]) for one in MdCounter}

    def directory(self) -> dict[str, shm.Symbol]:
        """Its symbols by their short names."""
        return {one.symbol.partition(".")[0]: one for one in shm.symbols(self.segment())}

    def books(self) -> dict[str, shm.Book]:
        """A copy of each of its books, judged, by short name."""
        segment, table = self.segment(), control.Table.open().segment
        found = {one.symbol.partition(".")[0]: shm.book(segment, one.index, table) for one in shm.symbols(segment)}
        return {symbol: book for symbol, book in found.items() if book is not None}

    def wait_live(self, symbols: Iterable[str] = (), *, within_s: float = 60.0) -> None:
        """Wait until these books, default all, are good."""
        wanted = list(symbols) or self.symbols
        eventually(lambda: self._live(wanted), within_s=within_s, why=lambda: f"{self.directory()} log: {self.log()}")

    def _live(self, wanted: list[str]) -> bool:
        books = self.books()
        return all(symbol in books and books[symbol].valid and books[symbol].symbol.state == DirState.LIVE for symbol in wanted)

    def log(self) -> str:
        return self.child.log.read_text(errors="replace")


class Reader(Proc):
    """The teller, and what it told."""

    def __init__(self, symbols: Sequence[str], *, name: str = "teller", **options: Any) -> None:
        self.name = name
        self.file = config.run_dir() / f"{name}-{next(_numbers)}.jsonl"
        self.words = ["--out", str(self.file), "--symbols", ",".join(symbols), "--name", name]
        for key, value in options.items():
            self.words += [f"--{key.replace('_', '-')}", str(value)]
        self.told: list[dict[str, Any]] = []
        self._read = 0
        self._rest = b""
        self.start()

    def start(self) -> None:
        """Start it; also again, after a kill: it goes on with the same file."""
        self.child = control.spawn(
            Role.TRADE,
            self.words,
            name=self.name,
            command_line=[sys.executable, str(TELLER)],
            wait_s=READY_S,
            env={"PYTHONPATH": str(ROOT)},
        )
        self.process = self.child.process

    def end(self) -> None:
        if self.running:
            self.resume()
            self.child.stop()
        control.tidy()

    def all(self) -> list[dict[str, Any]]:
        """Return all that was told so far."""
        with contextlib.suppress(FileNotFoundError), self.file.open("rb") as file:
            file.seek(self._read)
            new = file.read()
            self._read += len(new)
            *lines, self._rest = (self._rest + new).split(b"\n")
            self.told += [orjson.loads(line) for line in lines]
        return self.told

    def of(self, ev: str, sym: str | None = None, *, after: int = 0) -> list[dict[str, Any]]:
        """Return the lines of a kind, of a symbol, told after `after` (CLOCK_MONOTONIC, ns)."""
        return [one for one in self.all() if one["ev"] == ev and one["t"] > after and sym in (None, one.get("sym"))]

    def wait(self, ev: str, sym: str | None = None, *, after: int = 0, within_s: float = 30.0) -> dict[str, Any]:
        """Wait for such a line and return the first."""
        found: list[dict[str, Any]] = eventually(
            lambda: self.of(ev, sym, after=after),
            within_s=within_s,
            why=lambda: f"no {ev} {sym or ''}; the last lines: {self.all()[-5:]}; log: {self.log()}",
        )
        return found[0]

    def log(self) -> str:
        return self.child.log.read_text(errors="replace")


class Script:
    """A user's script in a process of its own; its output line by line."""

    def __init__(self, tmp_path: Path, text: str, name: str = "script.py") -> None:
        file = tmp_path / name
        file.write_text(text)
        self.errors = (tmp_path / "errors").open("w+")
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=self.errors, stdin=subprocess.DEVNULL, env=env
        )
        self.rest = b""

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()

    def line(self, starts: str) -> str:
        """Return the next line that starts so."""
        assert self.process.stdout is not None
        seen: list[str] = []
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            while b"\n" in self.rest:
                line, _, self.rest = self.rest.partition(b"\n")
                seen.append(line.decode())
                if seen[-1].startswith(starts):
                    return seen[-1]
            try:
                self.rest += line_of(self.process.stdout.fileno())
            except AssertionError:
                break
        pytest.fail(f"no line {starts!r}; it said {seen[-10:]}; {self.said()}")

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return its exit status."""
        self.process.send_signal(number)
        self.process.communicate(timeout=READY_S)
        return self.process.returncode

    def said(self) -> str:
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()


def toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return tables of plain values as TOML; JSON spells those alike."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()) for name, table in tables.items()
    )
