"""``aats latency``: how long each hop takes, in every process, while it runs; what was too slow, and why a loop stood still."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from aats import stalls
from aats._ffi import lib, text
from aats.cli import output
from aats.errors import AatsError
from aats.layout import CTL_OFFSET
from aats.shm import HistSummary, namespace
from aats.stats import Latencies, latencies
from aats.table import Table

#: Hops whose two stamps come from two clocks: what they show is also the difference of those.
CLOCK_DEPENDENT = ("exch_recv", "wire_a", "wire_b")

_HEAD = ("PROCESS", "HOP", "COUNT", "p50", "p99", "p99.9", "MAX", "NEGATIVE", "LIMIT", "SLOW", "WORST")
_STALL_HEAD = ("PROCESS", "STOOD STILL FOR", "TIMES", "TOTAL", "MEAN")


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    parser = commands.add_parser(
        "latency",
        help="how long each hop takes, live",
        description="Print p50, p99, p99.9 and the largest sample of each hop in every process of this user and namespace, read from shared memory while "
        "they run; limits that were passed, and gaps of trade loops by their cause (docs/performance.md).",
    )
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        const=1.0,
        type=_seconds,
        help="again and again, each time the samples since the last (default: 1)",
    )
    parser.add_argument("--process", metavar="NAME", help="of this one only")
    parser.add_argument("--json", action="store_true", help="one JSON object (a line); all times in ns")
    parser.set_defaults(run=_run)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not 0.05 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{word!r}: seconds, from 0.05 to 86400")
    return seconds


def _run(args: argparse.Namespace) -> int:
    before: dict[tuple[str, str, int], tuple[Latencies, dict[str, Any]]] = {}
    began = time.monotonic()
    if args.watch:
        before = {_key(one): (one, _stalls(one)) for one in _look(args.process)}
        time.sleep(args.watch)
    while True:
        found = _look(args.process)
        facts = [_facts(one, *before.get(_key(one), (None, None))) for one in found]
        now = time.monotonic()
        shown = {"ns": time.time_ns(), "interval_s": round(now - began, 3) if args.watch else None, "clock": _clock(), "processes": facts}
        if args.json:
            output.as_json(shown)
            sys.stdout.flush()
        else:
            _print(shown, clear=bool(args.watch))
        if not args.watch:
            return 0
        before, began = {_key(one): (one, _stalls(one)) for one in found}, now
        time.sleep(args.watch)


def _look(name: str | None) -> list[Latencies]:
    found = latencies()
    if not found:
        raise AatsError(f"no feed, receiver or trade process runs in namespace {namespace()!r} (aats ps lists what does)")
    chosen = [one for one in found if name is None or one.process == name]
    if not chosen:
        raise AatsError(f"no process {name!r} measures anything here; there are: {', '.join(one.process for one in found)}")
    return chosen


def _key(one: Latencies) -> tuple[str, str, int]:
    return one.role, one.process, one.generation


def _stalls(one: Latencies) -> dict[str, Any]:
    if one.role != "trade":
        return {}
    return {cause.name.lower(): {"count": count, "ns": ns} for cause, (count, ns) in stalls.totals(one.segment).items()}


def _facts(one: Latencies, before: Latencies | None, stalls_before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is printed of a process: since it began, or since `before`."""
    measured = [_hop(hop, one, before) for hop in one.summaries(before)]
    known = {hop["hop"] for hop in measured}
    limited = [_hop(_nothing(name), one, before) for name in one.slow if name not in known]  # told by another process's stamps
    stood = {
        cause: {key: value - (stalls_before or {}).get(cause, {}).get(key, 0) for key, value in numbers.items()}
        for cause, numbers in _stalls(one).items()
    }
    return {"process": one.process, "role": one.role, "pid": one.pid, "hops": measured + limited, "stalls": stood}


def _nothing(name: str) -> HistSummary:
    return HistSummary(name=name, count=0, negative=0, min=0, p50=0, p90=0, p99=0, p999=0, max=0, mean=0.0)


def _hop(hop: HistSummary, one: Latencies, before: Latencies | None) -> dict[str, Any]:
    slow, earlier = one.slow.get(hop.name), before.slow.get(hop.name) if before else None
    return {
        "hop": hop.name,
        "clock_dependent": hop.name in CLOCK_DEPENDENT,
        **{key: getattr(hop, key) for key in ("count", "negative", "min", "p50", "p90", "p99", "p999", "max", "mean")},
        "limit": slow.limit_ns if slow else None,
        "slow": slow.count - (earlier.count if earlier else 0) if slow else None,
        "slow_worst": slow.worst_ns if slow else None,
    }


def _clock() -> dict[str, Any]:
    """Return what the processes of this namespace read time from."""
    counter = lib.aats_clock_counter()
    about: dict[str, Any] = {"source": "system", "error_ns": None, "keeper": None}
    try:
        segment = Table.open().segment
    except AatsError:
        return about
    page = segment.pointer("aats_ctl_t", CTL_OFFSET).clock  # which does not hold it
    if page.seq and page.good_ticks and lib.aats_clock_good():
        about = {"source": text(counter), "error_ns": int(page.err_ns), "keeper": int(lib.aats_ident_pid(page.keeper)) or None}
    return about


# ------------------------------------------------------------------------------------------------------------- for people


def _print(shown: dict[str, Any], *, clear: bool) -> None:
    print("\x1b[H\x1b[J" * clear, end="")
    rows = [row for one in shown["processes"] for row in _rows(one)]
    if rows:
        output.as_table(_HEAD, rows)
    else:
        print("nothing was measured" + (f" in {shown['interval_s']:g} s" if shown["interval_s"] else " yet"))
    stood = [row for one in shown["processes"] for row in _stall_rows(one)]
    if stood:
        print()
        output.as_table(_STALL_HEAD, stood)
    clock = shown["clock"]
    said = f"{clock['source']}, within {clock['error_ns']} ns" if clock["error_ns"] is not None else "the kernel's"
    span = f"the last {shown['interval_s']:g} s; " if shown["interval_s"] else ""
    print(f"\n{span}clock: {said}.  * also shows the difference of two machines' clocks", flush=True)


def _rows(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    shown = [hop for hop in one["hops"] if hop["count"] or hop["negative"] or hop["limit"]]
    return [
        (
            one["process"] if at == 0 else "",
            hop["hop"] + "*" * hop["clock_dependent"],
            hop["count"],
            *([_time(hop[key]) for key in ("p50", "p99", "p999", "max")] if hop["count"] else ["-"] * 4),
            hop["negative"] or "",
            _time(hop["limit"]) if hop["limit"] else "",
            hop["slow"] if hop["slow"] is not None else "",
            _time(hop["slow_worst"]) if hop["slow_worst"] else "",
        )
        for at, hop in enumerate(shown)
    ]


def _stall_rows(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    told = {cause: numbers for cause, numbers in one["stalls"].items() if numbers["count"]}
    return [
        (one["process"] if at == 0 else "", cause, numbers["count"], _time(numbers["ns"]), _time(numbers["ns"] // numbers["count"]))
        for at, (cause, numbers) in enumerate(told.items())
    ]


def _time(ns: int) -> str:
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
