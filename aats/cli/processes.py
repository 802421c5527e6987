"""``aats ps``, ``stop``, ``kill``: the processes of this user and namespace, or those that a control server elsewhere lists."""

from __future__ import annotations

import argparse
import time
from typing import Any

from aats import config, control
from aats.cli import output
from aats.cli.control import add_server, asked
from aats.errors import ControlError

Commands = Any  # argparse keeps the type of its sub-parsers to itself


def add_commands(commands: Commands) -> None:
    """Add the commands of this module to the parser."""
    ps = commands.add_parser(
        "ps", help="list the processes", description="List feeds, trade processes and tools of this user and namespace."
    )
    add_server(ps)
    ps.add_argument("--json", action="store_true", help="all that is known, as a JSON list")
    ps.set_defaults(run=_ps)

    stop = commands.add_parser(
        "stop", help="ask processes to end", description="Ask processes to end and wait until they have. Nothing is forced."
    )
    _whom(stop)
    stop.set_defaults(run=_stop, force=False)

    kill = commands.add_parser(
        "kill",
        help="end processes, by force if they do not obey",
        description="As stop, and SIGKILL for what is still there after the wait.",
    )
    _whom(kill)
    kill.set_defaults(run=_stop, force=True)


def _whom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("whom", metavar="PID|NAME", nargs="*", help="as `aats ps` shows it")
    parser.add_argument("--all", action="store_true", help="all of them: trade processes first, then feeds, then the rest")
    parser.add_argument(
        "--wait", metavar="S", type=float, default=config.limits().stop_ms / 1000, help="seconds that each has (default: %(default)g)"
    )
    add_server(parser)
    parser.add_argument("--json", action="store_true", help="a JSON list of what became of each")


def _ps(args: argparse.Namespace) -> int:
    found = control.processes() if args.control is None else asked(args.control, {"op": "list"})["processes"]
    if args.json:
        output.as_json(found)
        return 0
    if not found:
        print("no process of aats runs in this namespace")
        return 0
    rows = [
        (
            one["pid"],
            one["role"],
            one["name"] if not one.get("remote") else f"{one['name']}@{one['host']}",
            one["state"],
            one["mode"],
            output.ago(time.time() - one["started_ns"] / 1e9),
            "-" if one["heartbeat_ms"] is None else f"{one['heartbeat_ms']:.0f}",
            one["wait"],
            "-" if one["cpu_s"] is None else f"{one['cpu_s']:.1f}",
            "-" if one["rss"] is None else f"{one['rss'] / 1e6:.0f}",
            one["detail"],
        )
        for one in sorted(found, key=lambda one: one["started_ns"])
    ]
    output.as_table(("PID", "ROLE", "NAME", "STATE", "MODE", "UP", "BEAT ms", "WAIT", "CPU s", "MB", "DETAIL"), rows)
    if args.control is None:
        control.tidy()
    return 0


#: Who is stopped first: whoever uses something goes before what it uses.
_ORDER = ("view", "trade", "other", "feed", "control", "sim")


def _stop(args: argparse.Namespace) -> int:
    if not args.whom and not args.all:
        raise ControlError("name what to stop: a pid, a name, or --all (aats ps lists them)")
    if args.control is not None:
        return _stop_there(args)
    living = [one for one in control.processes() if one["alive"] and one["state"] != "REAP"]
    chosen = living if args.all else [_find(living, word) for word in args.whom]
    chosen.sort(key=lambda one: _ORDER.index(one["role"]) if one["role"] in _ORDER else 0)
    results = []
    for pid in dict.fromkeys(one["pid"] for one in chosen):
        who = next(one for one in chosen if one["pid"] == pid)
        try:
            ended = control.kill(pid, wait_s=args.wait, force=args.force)
        except ControlError as exc:
            ended = f"failed: {exc}"
        results.append({"pid": pid, "role": who["role"], "name": who["name"], "result": ended})
        if not args.json:
            print(f"{who['role']} {who['name']} (pid {pid}): {ended}")
    if args.json:
        output.as_json(results)
    control.tidy()
    return 1 if any(one["result"].startswith("failed") for one in results) else 0


def _stop_there(args: argparse.Namespace) -> int:
    """Have a control server elsewhere end them; it forces what does not obey."""
    if args.all or not args.force:
        raise ControlError(
            "another host's control server ends one process after the other, by force if need be: aats kill PID|NAME --control HOST:PORT"
        )
    living = asked(args.control, {"op": "list"})["processes"]
    results = []
    for one in [_find(living, word) for word in args.whom]:
        who = {"entry": one["entry"]} if one.get("remote") else {"pid": one["pid"]}
        ended = asked(args.control, {"op": "kill", **who})["result"]
        results.append({"pid": one["pid"], "role": one["role"], "name": one["name"], "result": ended})
        if not args.json:
            print(f"{one['role']} {one['name']} (pid {one['pid']}): {ended}")
    if args.json:
        output.as_json(results)
    return 0


def _find(living: list[dict[str, Any]], word: str) -> dict[str, Any]:
    found = [one for one in living if str(one["pid"]) == word or one["name"] == word]
    if len({one["pid"] for one in found}) > 1:
        raise ControlError(f"{word!r} names several processes: " + ", ".join(f"{one['pid']} ({one['role']})" for one in found))
    if not found:
        raise ControlError(f"{word!r} is neither a pid nor a name in the control table (aats ps lists them)")
    return found[0]
