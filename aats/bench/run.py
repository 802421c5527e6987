"""The run: each source once a repeat, in turn, in an environment of its own, and nothing left behind.

For: command.py.  Owner of the folder, the namespace, and every process of the run.

Rows of one source are measured in one invocation, their references with them; the repeats of a row are spread over the whole run.  Whatever ends the
run (its end, Ctrl-C, SIGTERM, an exception) passes through `Run.close`: all descendants are killed (this process adopts orphans), the namespace's
segments unlinked, the folder removed.  Of a run that was killed itself the children end with it, and the next run unlinks its segments.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from aats import shm
from aats.bench.checkout import HOW, Checkout
from aats.bench.context import Context, Failed
from aats.bench.judge import absent, judge
from aats.bench.machine import KEPT
from aats.bench.table import Module, Program, Row

__all__ = ["Run"]

_NAMESPACE = "bench"
_SUBREAPER = 36
_SECONDS = {True: 90.0, False: 240.0}


class Run:
    """One run of some rows."""

    def __init__(self, *, cores: tuple[int, int], usable: list[int], quick: bool, frames: Path | None, say: Callable[[str], None]) -> None:
        self.cores, self.usable, self.quick, self.frames, self.say = cores, usable, quick, frames, say
        self.checkout = Checkout.find()
        self.raw: list[dict[str, Any]] = []
        self.failed: dict[str, str] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="aats-bench-"))
        self._strangers = set(psutil.Process().children(recursive=True))
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        self._outside = dict(os.environ)
        for name in [name for name in os.environ if name.startswith("AATS_") and name not in KEPT]:
            del os.environ[name]
        self.namespace = f"{_NAMESPACE}{os.getpid()}"
        home = self.folder / "home"
        home.mkdir(mode=0o700)
        os.environ.update(AATS_NS=self.namespace, AATS_HOME=str(home), AATS_WAIT="spin", AATS_SUPERVISOR="off")
        for namespace in {name.namespace for name in shm.names(every=True)}:
            match = re.fullmatch(rf"{_NAMESPACE}(\d+)", namespace)
            if match and not psutil.pid_exists(int(match.group(1))):
                _unlink(namespace)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what still runs and remove what the run has made."""
        for _ in range(3):  # who was killed may have started another before it knew
            family = [one for one in psutil.Process().children(recursive=True) if one not in self._strangers]
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            psutil.wait_procs(family, timeout=5)
            if not family:
                break
        ctypes.CDLL(None).prctl(_SUBREAPER, 0, 0, 0, 0)
        _unlink(self.namespace)
        os.environ.clear()
        os.environ.update(self._outside)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------------ measuring

    def prepare(self, rows: Sequence[Row]) -> dict[str, str]:
        """Build what the rows need; return why some of them cannot be measured here."""
        wanted = [name for row in rows for name in _programs(row)]
        if self.checkout is None:
            return {row.id: HOW for row in rows if _programs(row)}
        if wanted:
            self.say(f"building {', '.join(dict.fromkeys(wanted))}")
            self.checkout.build(wanted)
        reasons = {}
        for row in rows:
            broken = [self.checkout.broken[name] for name in _programs(row) if name in self.checkout.broken]
            if broken:
                reasons[row.id] = self.failed[row.id] = broken[0].strip()
        return reasons

    def measure(self, rows: Sequence[Row], repeats: int) -> list[dict[str, Any]]:
        """Measure rows; return the report's rows in their order.  What went wrong stands in `failed`, by row."""
        reasons = self.prepare(rows)
        groups: dict[Program | Module, list[Row]] = {}
        for row in rows:
            if row.id not in reasons:
                groups.setdefault(row.source, []).append(row)
        found: dict[str, list[list[dict[str, Any]]]] = {row.id: [] for row in rows}
        for repeat in range(repeats):
            for source, members in groups.items():
                wanted = [row.id for row in members if row.id not in self.failed]
                if not wanted:
                    continue
                self.say(f"[{repeat + 1}/{repeats}] {', '.join(wanted)}")
                try:
                    objects = self.once(source, wanted, repeat)
                except (Failed, OSError) as exc:
                    for row_id in wanted:
                        self.failed[row_id] = str(exc)
                    self.say(f"failed: {exc}")
                    continue
                self.raw += [{"repeat": repeat, **one} for one in objects]
                for row_id in wanted:
                    found[row_id].append([one for one in objects if one.get("row") == row_id])
        out = []
        for row in rows:
            if row.id in reasons:
                out.append(absent(row, reasons[row.id]))
            elif row.id in self.failed and not any(found[row.id]):
                out.append(absent(row, f"failed: {self.failed[row.id]}"))
            else:
                out.append(judge(row, found[row.id], cores=len(self.usable)))
        return out

    def once(self, source: Program | Module, rows: Sequence[str], repeat: int) -> list[dict[str, Any]]:
        """Measure once; return the objects."""
        folder = self.folder / f"r{repeat}"
        folder.mkdir(exist_ok=True)
        ctx = Context(list(rows), self.cores, self.usable, self.quick, self.frames, folder, repeat=repeat)
        if self.checkout is not None:
            ctx.programs = self.checkout.programs
        if isinstance(source, Program):
            return ctx.c(source.name, *self._words(source, rows), timeout_s=_SECONDS[self.quick])
        words = ("-m", "aats.bench.child", f"aats.bench.{source.package}.{source.name}", ctx.to_json())
        path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
        return ctx.c("python", *words, timeout_s=_SECONDS[self.quick], env={"PYTHONPATH": path})

    def _words(self, source: Program, rows: Sequence[str]) -> list[str]:
        words = ["--rows", ",".join(rows), *source.args]
        if "quick" in source.takes and self.quick:
            words.append("--quick")
        if "cores" in source.takes:
            words += ["--cores", f"{self.cores[0]},{self.cores[1]}"]
        if "frames" in source.takes and self.frames is not None:
            words += ["--frames", str(self.frames)]
        for name in source.beside:
            assert self.checkout is not None
            words += [f"--{name}", str(self.checkout.programs[name])]
        return words


def _programs(row: Row) -> list[str]:
    """Return the programs of tests/bench that a row needs."""
    own = [row.source.name] if isinstance(row.source, Program) else []
    return [*own, *row.source.beside]


def _unlink(namespace: str) -> None:
    for name in shm.names(every=True):
        if name.namespace == namespace:
            with contextlib.suppress(OSError):
                shm.unlink(name)


def say_on_stderr(text: str) -> None:
    """Print a line of progress."""
    print(f"aats bench: {text}", file=sys.stderr, flush=True)
