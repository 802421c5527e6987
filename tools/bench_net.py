"""Measure the network: one way by each type of sending, and what a hundred subscribers do to the feed that serves them.

    python -m tools.bench_net latency [--samples N] [--ordinary] [--json]
    python -m tools.bench_net subscribers [--tape FILE ...] [--subscribers 100] [--window 3] [--pairs 20] [--ordinary] [--json]

``latency``: tests/bench/bench_net.c, built as the product is (gcc -O3): a quote from before its publication in a feed's segment to after its publication in a
receiver's, beside a plain C loop of the same size in the same run (tests/bench/ref/net_plain.c).  Its two threads spin, a second or so for each type, with
SCHED_FIFO where that is allowed and not ``--ordinary``: on a busy host the scheduler is measured otherwise.

``subscribers``: real processes. ``aats sim`` plays a tape at its recorded pace, ``aats feed`` sends P2P, and a process of N subscribers comes and goes, one of
which never reads (tests/live/crowd.py).  Short windows with and without them take turns in the one run, so that whatever else the host does falls on both;
received -> published (the feed's own histogram) of both is compared, and the feed's memory.  The first window with subscribers lasts until the one that does
not read has been cut.  The feed's threads, the fan-out's excepted, have a core of their own where that is allowed and not ``--ordinary``: what
is asked is what the subscribers cost a feed, not who else uses its core.

Needs the repository; ``subscribers`` also recorded traffic (AATS_DATA).  Exit status: 0, or 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tools.bench_orders import cpu
from tools.cbuild import _COMMON, ROOT, VARIANTS, Build, BuildError

#: How much of the plain loop's median one way may take; how much of the median and p99 without subscribers a hundred may cost.
WAY_RATIO, FAN_RATIO = 1.3, 1.1
TYPES = ("multibroad", "broadcast", "p2p")
TAPE = ("binance-spot/hftbacktest/btcusdt_20240808.gz", "binance-spot/hftbacktest/btcusdt_20240809.gz")
CUT_S = 300.0


# ------------------------------------------------------------------------------------------------------- one way


def _fifo() -> list[str]:
    """Return what puts a command under SCHED_FIFO, [] where this user may not."""
    words = ["chrt", "-f", "10"]
    with contextlib.suppress(OSError):
        if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
            return words
    return []


def latency(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Return what was measured, and whether every type met its target."""
    words = [] if options.ordinary else _fifo()
    exe = Build("plain").executable(ROOT / "tests/bench/bench_net.c")
    done = subprocess.run([*words, str(exe), str(options.samples)], text=True, stdout=subprocess.PIPE, check=True)
    head, rows = "", {}
    for line in done.stdout.splitlines():
        if line.startswith("#"):
            head = line[1:].strip()
            continue
        name, *numbers = line.split("\t")
        rows[name] = dict(zip(("p50", "p99", "p99_9", "max", "count"), map(int, numbers), strict=True))
    ratios = {name: round(rows[name]["p50"] / max(1, rows[f"{name} plain"]["p50"]), 3) for name in TYPES}
    flags = shlex.join([*(flag for flag in _COMMON if not flag.startswith("-W")), *VARIANTS["plain"].flags])
    about = {"machine": head, "cpu": cpu(), "flags": flags, "scheduling": "SCHED_FIFO" if words else "ordinary"}
    return {**about, "unit": "ns", "rows": rows, "ratio_p50": ratios, "target": WAY_RATIO}, max(ratios.values()) <= WAY_RATIO


def print_latency(found: dict[str, Any]) -> None:
    """Print it as a table."""
    print(f"\n{'one way over lo, ns':30}{'p50':>9}{'p99':>9}{'p99.9':>10}{'max':>11}{'count':>9}")
    for name, row in found["rows"].items():
        print(f"{name:30}{row['p50']:9}{row['p99']:9}{row['p99_9']:10}{row['max']:11}{row['count']:9}")
    for name, ratio in found["ratio_p50"].items():
        print(f"{name + ': p50 over plain':30}{ratio:9.2f}  <= {WAY_RATIO}: {'yes' if ratio <= WAY_RATIO else 'NO'}")


# -------------------------------------------------------------------------------------------------- subscribers


def bucket_low(bucket: int) -> int:
    """Return the smallest value of a histogram's bucket (csrc/shm/stats.h)."""
    return bucket if bucket < 64 else (64 + bucket % 64) << (bucket // 64 - 1)


class Window:
    """Sums of one histogram over the windows of one kind."""

    def __init__(self) -> None:
        self.buckets: Any = 0
        self.rss = 0

    def add(self, before: Any, after: Any, rss: int) -> None:
        """Take what came between two copies of the histogram."""
        self.buckets = self.buckets + (after - before)
        self.rss = max(self.rss, rss)

    def at(self, part: float) -> int:
        """Return a percentile in ns: the middle of its bucket."""
        seen = np.cumsum(self.buckets)
        bucket = int(np.searchsorted(seen, max(1, math.ceil(part * int(seen[-1])))))
        return (bucket_low(bucket) + bucket_low(bucket + 1)) // 2

    def row(self) -> dict[str, int]:
        """Return its figures."""
        return {"p50": self.at(0.5), "p99": self.at(0.99), "p99_9": self.at(0.999), "count": int(np.sum(self.buckets)), "rss": self.rss}


class FeedLook:
    """What is looked at in a running feed."""

    def __init__(self, feed: Any) -> None:
        self.segment = feed.segment()
        self.process = psutil.Process(feed.pid)

    def buckets(self) -> Any:
        """Copy the buckets of received -> published, the first histogram."""
        from aats.layout import HIST

        return self.segment.array(HIST, int(self.segment.md.md.stats_off))[0]["bucket"].astype(np.int64)

    def fan(self, counter: int) -> int:
        """Return a counter of the fan-out."""
        return int(self.segment.md.md.fan[counter])

    def rss(self) -> int:
        """Return the memory of the feed's process."""
        return int(self.process.memory_info().rss)


def watch(look: FeedLook, into: Window, seconds: float) -> None:
    """Let a window pass."""
    before = look.buckets()
    time.sleep(seconds)
    into.add(before, look.buckets(), look.rss())


def first_of_all(pid: int) -> bool:
    """Give a feed's threads, but for the fan-out's (the one with a raised nice value), the last core and SCHED_FIFO, and all other work of this run the other
    cores; False where that is not allowed or there is one core only."""
    *others, own = sorted(os.sched_getaffinity(0))
    if not others:
        return False
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        for thread in process.threads():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                os.sched_setaffinity(thread.id, others)
    for task in Path(f"/proc/{pid}/task").iterdir():
        nice = int((task / "stat").read_text().rpartition(")")[2].split()[16])
        try:
            if nice <= 0:
                os.sched_setaffinity(int(task.name), {own})
                os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(10))
        except OSError:
            return False
    return True


def measure(look: FeedLook, where: str, options: argparse.Namespace) -> dict[str, Any]:
    """Let windows with and without subscribers take turns."""
    from aats.layout import FanCounter
    from tests.live.crowd import Crowd

    without, with_them, slow_s = Window(), Window(), 0.0
    for pair in range(options.pairs):
        watch(look, without, options.window)
        with Crowd(where, options.subscribers):
            time.sleep(1)  # their snapshots
            watch(look, with_them, options.window)
            began = time.monotonic()
            while pair == 0 and look.fan(FanCounter.SLOW) == 0 and time.monotonic() - began < CUT_S:
                time.sleep(0.5)
                slow_s = time.monotonic() - began + options.window + 1
            if pair == 0:
                others = look.fan(FanCounter.SUBS)
        time.sleep(0.5)
    found = {"none": without.row(), "all": with_them.row()}
    fan = {one.name.lower(): look.fan(one) for one in FanCounter}
    grown = with_them.rss - without.rss
    ratios = {key: round(found["all"][key] / max(1, found["none"][key]), 3) for key in ("p50", "p99", "p99_9")}
    return {"rows": found, "ratio": ratios, "slow_cut_after_s": round(slow_s, 1), "others_then": others, "memory_grown": grown, "fan": fan}


def run_subscribers(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Return what was measured, and whether the targets were met."""
    data = Path(os.environ.get("AATS_DATA") or ROOT.parent / "shared" / "data")
    tapes = options.tape or [data / name for name in TAPE]
    missing = [str(tape) for tape in tapes if not Path(tape).is_file()]
    if missing:
        raise FileNotFoundError(f"no recorded traffic at {', '.join(missing)}: set AATS_DATA, or name files with --tape")
    with tempfile.TemporaryDirectory(prefix="aats-bench-") as home:
        os.environ.update(AATS_HOME=home, AATS_NS=f"bench{os.getpid()}", AATS_SUPERVISOR="off")
        if not options.ordinary:
            os.environ["AATS_WAIT"] = "sleep"  # a thread that goes first must not spin
        from tests.live.looks import end_all, free_port
        from tests.live.procs import FeedProc, Sim

        port = free_port()
        words = [word for tape in tapes for word in ("--tape", str(tape))]
        try:
            with Sim(*words) as sim:
                symbols = [symbol.split(".")[0] for symbol in sim.ready["symbols"]]
                with FeedProc(sim, symbols, net={"send_type": "p2p", "ip": "127.0.0.1", "port": port}) as feed:
                    feed.wait_live()
                    fifo = not options.ordinary and first_of_all(feed.pid)
                    found = measure(FeedLook(feed), f"127.0.0.1:{port}", options)
        finally:
            end_all()
    about = {"cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "wait": os.environ.get("AATS_WAIT", "by itself")}
    about |= {
        "scheduling": "the feed alone on a core, SCHED_FIFO" if fifo else "ordinary",
        "tape": [str(tape) for tape in tapes],
        "subscribers": options.subscribers,
        "target": FAN_RATIO,
    }
    met = found["ratio"]["p50"] <= FAN_RATIO and found["ratio"]["p99"] <= FAN_RATIO and found["fan"]["slow"] >= 1
    return {**about, **found}, met


def print_subscribers(found: dict[str, Any]) -> None:
    """Print it as a table."""
    print(f"\n{'received -> published, ns':30}{'p50':>9}{'p99':>9}{'p99.9':>10}{'count':>9}{'memory':>12}")
    for name, row in (("no subscribers", found["rows"]["none"]), (f"{found['subscribers']}, one never reads", found["rows"]["all"])):
        print(f"{name:30}{row['p50']:9}{row['p99']:9}{row['p99_9']:10}{row['count']:9}{row['rss'] >> 20:8} MiB")
    for key in ("p50", "p99"):
        print(f"{key + ' ratio':30}{found['ratio'][key]:9.2f}  <= {FAN_RATIO}: {'yes' if found['ratio'][key] <= FAN_RATIO else 'NO'}")
    print(f"the slow one: {found['fan']['slow']} cut, the first after {found['slow_cut_after_s']} s; {found['others_then']} others stayed")


# --------------------------------------------------------------------------------------------------- command line


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_net", description="Measure the network.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("latency", help="one way by each type, beside a plain loop")
    one.add_argument("--samples", type=int, default=10000, help="of each (default 10000)")
    one.add_argument("--ordinary", action="store_true", help="no SCHED_FIFO")
    one.add_argument("--json", action="store_true", help="one JSON object")
    many = verbs.add_parser("subscribers", help="what subscribers cost the feed")
    many.add_argument("--tape", action="append", help="parts of one tape (default: BTCUSDT of August 2024)")
    many.add_argument("--subscribers", type=int, default=100)
    many.add_argument("--window", type=float, default=3.0, help="seconds (default 3)")
    many.add_argument("--pairs", type=int, default=20, help="windows of each kind (default 20)")
    many.add_argument("--ordinary", action="store_true", help="no SCHED_FIFO")
    many.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(argv)
    try:
        found, met = latency(options) if options.verb == "latency" else run_subscribers(options)
    except (BuildError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    found["command"] = shlex.join(["python", "-m", "tools.bench_net", *(argv if argv is not None else sys.argv[1:])])
    if options.json:
        print(json.dumps({**found, "met": met}))
    else:
        for key, value in found.items():
            if not isinstance(value, dict):
                print(f"{key + ':':18} {value}")
        (print_latency if options.verb == "latency" else print_subscribers)(found)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
