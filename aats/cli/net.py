"""``aats net``: who sends, who receives, and what became of every record on the way."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from aats import net
from aats.cli import output

_WATCH_S = 1.0
_FEED_HEAD = ("FEED", "SENDS TO", "DATAGRAMS", "ERRORS", "SUBSCRIBERS", "SLOW CUT", "REFUSED", "RESENT", "TOO LATE", "SNAPSHOTS", "LAPS")
_PATH_HEAD = (
    *("RECEIVER", "PATH", "STATE", "FROM", "RECORDS", "LOST", "REPAIRED", "LATE", "GIVEN UP", "REPEATED"),
    *("FOREIGN", "DAMAGED", "KERNEL DROPS", "FIRST", "DELAY p50/p99", "CLOCK THERE"),
)


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    parser = commands.add_parser(
        "net",
        help="feeds that send, receivers, losses",
        description="List the feeds that send and the receivers of this user and namespace: what was sent, lost, repaired and given up, and how long it "
        "took (docs/network.md).",
    )
    parser.add_argument("--json", action="store_true", help="all that is known, one JSON object (a line)")
    parser.add_argument("--watch", action="store_true", help="once a second until Ctrl-C")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    while True:
        found = net.network()
        if args.json:
            output.as_json(found)
            sys.stdout.flush()
        else:
            _print(found, clear=args.watch)
        if not args.watch:
            return 0
        time.sleep(_WATCH_S)


def _print(found: dict[str, list[dict[str, Any]]], *, clear: bool) -> None:
    print("\x1b[H\x1b[J" * clear, end="")
    if not found["feeds"] and not found["receivers"]:
        print("no feed of this namespace sends and nothing is received")
    if found["feeds"]:
        output.as_table(_FEED_HEAD, [_feed(one) for one in found["feeds"]])
    if found["receivers"]:
        if found["feeds"]:
            print()
        output.as_table(_PATH_HEAD, [row for one in found["receivers"] for row in _receiver(one)])
    sys.stdout.flush()


def _feed(one: dict[str, Any]) -> tuple[Any, ...]:
    fan = one["fan"]
    return (
        one["name"],
        f"{one['send_type']} {one['address']}",
        one["datagrams"],
        one["errors"] + fan["net_errors"],
        fan["subs"] + fan["compat"],
        fan["slow"],
        fan["refused"],
        fan["resent"],
        fan["too_late"],
        fan["snapshots"],
        fan["laps"],
    )


def _receiver(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return a row a path; a single one with the slot's words while no feed was heard."""
    if not one["paths"]:
        return [(one["name"], one["detail"], *[""] * (len(_PATH_HEAD) - 2))]
    return [
        (
            one["name"] if at == 0 else "",
            f"{path['kind']} {path['addr']}",
            f"{path['state']}, stale" if one["stale"] and path["state"] == "live" else path["state"],
            f"{path['feed']} {path['source'] or path['repair']}".strip() or "-",
            path["records"],
            path["lost"],
            path["repaired"],
            path["late"],
            path["given_up"],
            path["repeated"],
            path["foreign"],
            path["damaged"],
            path["kernel_drops"],
            "-" if path["win_rate"] is None else f"{path['win_rate']:.1%}",
            _delay(path["delay"]),
            _clock(path["offset_ns"], path["offset_err_ns"]),
        )
        for at, path in enumerate(one["paths"])
    ]


def _delay(delay: dict[str, Any]) -> str:
    return f"{_time(delay['p50'])} / {_time(delay['p99'])}" if delay["count"] else "-"


def _clock(offset_ns: int, error_ns: int) -> str:
    """Return how the other host's clock stands to ours; 0 where the difference is within what can be told."""
    if not error_ns:
        return "not measured"
    return f"{'+' if offset_ns > 0 else '-' if offset_ns < 0 else ''}{_time(abs(offset_ns))} +-{_time(error_ns)}"


def _time(ns: int) -> str:
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns" if ns else "0"
