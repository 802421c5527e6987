"""``aats demo``: the whole engine on one host, with nothing to set up and no account.

::

    simulated exchange  ==TLS/WebSocket==>  feed  --shared memory-->  strategy (a process of its own)
                                              \\------ shared memory -->  this process: the live view and the summary

Every arrow is the real one: certificates are verified, sequences checked, snapshots fetched over REST.  The exchange is `aats sim` (a generated
market, or a recorded tape), the feed is `aats feed`, the strategy is `aats.demo_strategy`.

Ending: Ctrl-C ends the children in the order strategy, feed, exchange, and the status is 0; a second Ctrl-C kills them; if this process is killed, the
kernel ends them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from aats import control, demo_view, shm
from aats.config import log_dir
from aats.control import Child
from aats.errors import AatsError, ControlError
from aats.layout import TD, TD_OFFSET, Kind, MdCounter, Mode, Role, TdCounter
from aats.shm import Segment, SegmentName

__all__ = ["main"]

_SIM_READY_S = 30.0
_REFRESH_S = 0.25


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of `aats demo`."""
    p = argparse.ArgumentParser(
        prog="aats demo",
        description="Run a simulated exchange, a feed and a strategy in three processes, and show live what they do. Ctrl-C ends it.",
    )
    p.add_argument("--seconds", type=float, default=0.0, metavar="N", help="end by itself after N seconds (default: at Ctrl-C)")
    p.add_argument(
        "--tape",
        action="append",
        default=[],
        metavar="FILE",
        help="play a recorded capture instead of a generated market; repeat for its further parts",
    )
    p.add_argument("--speed", default="1", metavar="X|max", help="factor on the tape's pace (default %(default)s)")
    p.add_argument("--symbols", default="BTCUSDT,ETHUSDT", metavar="A,B", help="symbols of the generated market (default %(default)s)")
    p.add_argument("--seed", type=int, default=1, help="seed of the generated market (default %(default)s)")
    p.add_argument("--fault", action="append", default=[], metavar="KIND=N", help="let the exchange make mistakes, see `aats sim --help`")
    p.add_argument("--json", action="store_true", help="no view; one JSON object with the summary at the end")
    return p


class Demo:
    """The three children and what was read of them."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.sim: subprocess.Popen[bytes] | None = None
        self.feed: Child | None = None
        self.trade: Child | None = None
        self.symbols: list[str] = []
        self.md: Segment | None = None
        self.td: Segment | None = None
        self.began = time.monotonic()

    # ------------------------------------------------------------------------------------------------------- children

    def start(self) -> None:
        """Start exchange, feed and strategy, each when the one before it is ready."""
        env = self._start_sim()
        config = self.folder / "feed.toml"
        config.write_text(self._feed_toml())
        os.environ.update(env)
        self.feed = control.spawn(Role.FEED, ["feed", str(config)], name="demo-feed", die_with_me=True)
        command = [sys.executable, "-m", "aats.demo_strategy"]
        self.trade = control.spawn(Role.TRADE, self.symbols, name="demo-strategy", die_with_me=True, command_line=command)
        self._attach()
        self.began = time.monotonic()

    def _start_sim(self) -> dict[str, str]:
        args = self.args
        words = [sys.executable, "-m", "aats.cli", "sim", "--json", "--parent-pid", str(os.getpid()), "--seed", str(args.seed)]
        for tape in args.tape:
            words += ["--tape", tape, "--speed", args.speed]
        for fault in args.fault:
            words += ["--fault", fault]
        if not args.tape:
            words += ["--symbols", args.symbols]
        errors = open(log_dir() / "demo-sim.log", "ab")
        with errors:
            begin = errors.tell()
            self.sim = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        assert self.sim.stdout is not None
        line = _line(self.sim.stdout.fileno(), _SIM_READY_S)
        try:
            ready = orjson.loads(line)
        except orjson.JSONDecodeError:
            said = Path(errors.name).read_bytes()[begin:].decode("utf-8", "replace").strip()
            raise ControlError(said.splitlines()[-1] if said else "the simulated exchange did not start") from None
        self.symbols = [f"{one}.BINANCE" for one in ready["symbols"]]
        env: dict[str, str] = dict(ready["env"])
        return env

    def _feed_toml(self) -> str:
        names = ", ".join(f'"{one.split(".")[0]}:5"' for one in self.symbols)
        return f'[feed]\nname = "demo"\nvenue = "BINANCE"\nmode = "sim"\nsymbols = [{names}]\n'

    def _attach(self) -> None:
        assert self.feed is not None and self.trade is not None
        entry = control.entry_of_pid(self.feed.pid)
        self.md = shm.attach(SegmentName.make(Kind.MD, "demo", entry.generation))
        for entry in control.Table.open().entries():
            if entry.pid == self.trade.pid and entry.role == Role.TRADE and entry.generation:
                self.td = shm.attach(SegmentName.make(Kind.TD, entry.name, entry.generation))

    def failed(self) -> str:
        """Return what ended by itself, or ""."""
        if self.sim is not None and self.sim.poll() is not None:
            return f"the simulated exchange ended with status {self.sim.returncode}"
        for child, what in ((self.feed, "the feed"), (self.trade, "the strategy")):
            if child is not None and child.process.poll() is not None:
                return f"{what} ended with status {child.process.returncode} (log: {child.log})"
        return ""

    def stop(self, *, hard: bool = False) -> None:
        """End the children: strategy, feed, exchange.  `hard`: at once, by force."""
        for child in (self.trade, self.feed):
            if child is None:
                continue
            if hard:
                child.process.kill()
                child.process.wait()
            else:
                with contextlib.suppress(AatsError):
                    child.stop()
        if self.sim is not None:
            self.sim.kill() if hard else self.sim.terminate()
            try:
                self.sim.wait(timeout=8)
            except subprocess.TimeoutExpired:
                self.sim.kill()
                self.sim.wait()
        control.tidy()

    # -------------------------------------------------------------------------------------------------------- numbers

    def summary(self) -> dict[str, Any]:
        """Return the counters and hops as they stand now; times in ns."""
        out: dict[str, Any] = {
            "seconds": round(time.monotonic() - self.began, 3),
            "events": 0,
            "quotes": 0,
            "ticks": 0,
            "gaps": 0,
            "laps": 0,
            "symbols": {},
            "hops": {},
        }
        if self.md is not None:
            counters = self.md.md.md.counters
            out["gaps"] = int(counters[MdCounter.GAPS])
            out["feed"] = {one.name.lower(): int(counters[one]) for one in MdCounter}
            out["symbols"] = {one.symbol: _symbol(one) for one in shm.symbols(self.md)}
            out["hops"].update(_hops(self.md))
        if self.td is not None:
            counters = self.td.array(TD, TD_OFFSET)[0]["counters"]
            for key, at in (("quotes", TdCounter.QUOTES), ("ticks", TdCounter.TICKS), ("laps", TdCounter.LAPS)):
                out[key] = int(counters[at])
            out["events"] = sum(int(counters[at]) for at in (TdCounter.QUOTES, TdCounter.TICKS, TdCounter.BBOS, TdCounter.L2S))
            out["hops"].update(_hops(self.td))
        return out


def _symbol(one: shm.Symbol) -> dict[str, Any]:
    return {
        "state": one.state.name,
        "updates": one.updates,
        "quotes": one.quotes,
        "ticks": one.ticks,
        "gaps": one.gaps,
        "trade_gaps": one.trade_gaps,
        "syncs": one.syncs,
    }


def _hops(segment: Segment) -> dict[str, dict[str, int]]:
    found = {one.name: one for one in shm.histograms(segment) if one.count}
    return {name: {"p50": one.p50, "p99": one.p99, "p999": one.p999, "max": one.max, "count": one.count} for name, one in found.items()}


def _line(fd: int, timeout_s: float) -> bytes:
    """Read one line from a pipe, or what came before its end or the time-out."""
    deadline = time.monotonic() + timeout_s
    os.set_blocking(fd, False)
    out = b""
    while not out.endswith(b"\n") and time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            piece = os.read(fd, 65536)
            if not piece:
                break
            out += piece
            continue
        time.sleep(0.01)
    return out


class _Interrupts:
    """Ctrl-C once: end in order; twice: by force."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 2:
            raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run `aats demo`; 0: ended as asked, 1: something failed, 130: killed by a second Ctrl-C."""
    args = parser().parse_args(argv)
    interrupts = _Interrupts()
    with (
        tempfile.TemporaryDirectory(prefix="aats-demo-") as folder,
        control.join(Role.OTHER, "demo", mode=Mode.SIM, detail="aats demo") as member,
    ):
        member.ready()
        demo = Demo(args, Path(folder))
        why = ""
        try:
            demo.start()
            why = _watch(demo, member, interrupts)
            result = demo.summary()
            demo.stop()
        except KeyboardInterrupt:
            demo.stop(hard=True)
            return 130
        except AatsError as exc:
            demo.stop(hard=True)
            print(f"aats demo: {exc}", file=sys.stderr)
            return 1
        except BaseException:
            demo.stop(hard=True)
            raise
    if why:
        print(f"aats demo: {why}", file=sys.stderr)
        return 1
    print(json.dumps(result) if args.json else demo_view.summary_text(result))
    return 0


def _watch(demo: Demo, member: control.Member, interrupts: _Interrupts) -> str:
    """Show the view until the time is over or somebody interrupts; return what went wrong, or ""."""
    end = time.monotonic() + demo.args.seconds if demo.args.seconds > 0 else float("inf")
    assert demo.md is not None
    with demo_view.view(demo.md, quiet=demo.args.json) as show:
        while not interrupts.count and time.monotonic() < end:
            why = demo.failed()
            if why:
                return why
            member.beat()
            member.tick()
            show(demo.summary())
            time.sleep(min(_REFRESH_S, max(0.0, end - time.monotonic())))
    return ""
