"""``aats config check`` and ``aats config show``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from aats import config
from aats.cli import output, trade_file
from aats.config.read import tables_of


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    group = commands.add_parser("config", help="check and show settings", description="Settings: what they are and where each comes from.")
    verbs = group.add_subparsers(dest="verb", metavar="VERB", required=True)
    check = verbs.add_parser(
        "check", help="check a feed's or strategy's file", description="Read FILE and the environment; say the first thing that is wrong."
    )
    check.add_argument("file", metavar="FILE.toml")
    check.add_argument("--json", action="store_true", help='{"file": ..., "ok": true, "name": ...}')
    check.set_defaults(run=_check)
    show = verbs.add_parser(
        "show",
        help="show all values",
        description="Show every setting with its value and where it came from: default, file or environment.",
    )
    show.add_argument(
        "file",
        metavar="FILE.toml",
        nargs="?",
        help="a feed's or strategy's file; without it: folders, environment, time-outs and the guard",
    )
    show.add_argument("--json", action="store_true", help='{"section.key": {"value": ..., "from": ...}}')
    show.set_defaults(run=_show)


def _check(args: argparse.Namespace) -> int:
    config.environment()
    if _is_trade(args.file):
        return _check_trade(args)
    feed = config.load(args.file)
    if args.json:
        output.as_json({"file": args.file, "ok": True, "name": feed.name, "symbols": len(feed.symbols)})
    else:
        print(f"{args.file}: good: feed {feed.name}, {feed.venue} {feed.mode}, {len(feed.symbols)} symbols, up to {feed.level_max} levels")
    return 0


def _is_trade(file: str) -> bool:
    return "trade" in tables_of(file)[1]


def _check_trade(args: argparse.Namespace) -> int:
    trade = trade_file.load(args.file)
    if args.json:
        output.as_json({"file": args.file, "ok": True, "name": trade.name, "symbols": len(trade.symbols)})
    else:
        modes = ", ".join(f"{exchange} {mode}" for exchange, (mode, _, _) in trade.exchanges.items())
        print(f"{args.file}: good: strategy {trade.strategy} as {trade.name}, {modes}, {len(trade.symbols)} symbols")
    return 0


def _show(args: argparse.Namespace) -> int:
    values: dict[str, dict[str, Any]] = {}
    if args.file is not None and _is_trade(args.file):
        values.update({key: {"value": value, "from": origin} for key, (value, origin) in trade_file.load(args.file).values().items()})
    elif args.file is not None:
        feed = config.load(args.file)
        values.update({key: {"value": value, "from": feed.origins[key]} for key, value in feed.values().items()})
    else:
        values.update({f"limits.{key}": {"value": value, "from": "default"} for key, value in vars(config.limits()).items()})
        options, origins = config.guard_options("guard")
        values.update({f"guard.{key}": {"value": value, "from": origins[key]} for key, value in vars(options).items()})
    for key, folder in (("config", config.config_home), ("state", config.state_home), ("cache", config.cache_home)):
        values[f"folder.{key}"] = {"value": str(folder()), "from": "env AATS_HOME" if config.environment()["AATS_HOME"][0] else "XDG"}
    for key, (value, origin) in config.environment().items():
        values[key] = {"value": value, "from": origin}
    if args.json:
        output.as_json(values)
    else:
        output.as_table(("SETTING", "FROM", "VALUE"), ((key, one["from"], _plain(one["value"])) for key, one in values.items()))
    return 0


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return json.dumps(value) if value else "-"
    return "-" if value in ("", None) else str(value).lower() if isinstance(value, bool) else str(value)
