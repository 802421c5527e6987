"""The command line ``aats``: one small module a group of commands, one parser over them.

For: people and scripts.  Not for logic: each command calls what Python users call.

Status: 0 done; 1 it could not be done, with one line ``aats: why`` on stderr; 2 the command line was wrong; 130 interrupted.
With ``--json`` a command prints one JSON value on stdout and nothing else there; errors stay on stderr.

``sim``, ``demo``, ``tape`` and ``bench`` have parsers of their own, in the packages they belong to, and are imported only when called.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Callable, Sequence

from aats.errors import AatsError, ConfigError

__all__ = ["main"]

#: Commands whose arguments another module reads: module, and what it is for.
PASSED_ON = {
    "sim": ("aats.sim.command", "the simulated exchange: recorded or generated markets, faults on demand"),
    "demo": ("aats.demo", "simulated exchange, feed, two strategies that trade and a live view, in one go"),
    "bench": ("aats.bench.command", "measure this machine: the rows of docs/performance.md, each beside its reference"),
    "tape": ("aats.tape", "recorded traffic: check FILE... through the same parser and book"),
}


_FEED = "Run the feeds that the files describe until they are stopped; `aats config show FILE.toml` shows all settings."


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from aats.cli import (
        book,
        budget,
        compat,
        control,
        doctor,
        feeds,
        instruments,
        journal,
        latency,
        net,
        orders,
        positions,
        processes,
        receive,
        risk,
        settings,
        trade,
    )

    top = argparse.ArgumentParser(
        prog="aats",
        description="Order books and trades of crypto exchanges in shared memory, and orders back.",
        epilog="`aats COMMAND --help` says more.",
    )
    top.add_argument("--version", action="store_true", help="version of the package and of its shared-memory layout")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _feed_arguments(commands.add_parser("feed", help="run a feed in the foreground", description=_FEED))
    for module in (
        trade,
        control,
        compat,
        processes,
        receive,
        net,
        latency,
        feeds,
        book,
        orders,
        risk,
        budget,
        positions,
        journal,
        instruments,
        doctor,
        settings,
    ):
        module.add_commands(commands)
    for name, (_, purpose) in PASSED_ON.items():
        commands.add_parser(name, help=purpose, add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        from aats.control import bind_to_parent

        bind_to_parent()
        if words and words[0] in PASSED_ON:
            return int(_entry(words[0])(words[1:]) or 0)
        if words[:1] == ["feed"]:  # it runs for days: without the modules of all other commands, which take 4 MB and half a second
            return _feed(_feed_arguments(argparse.ArgumentParser(prog="aats feed", description=_FEED)).parse_args(words[1:]))
        args = parser().parse_args(words)
        if args.version:
            return _version()
        if args.command is None:
            parser().print_help()
            return 2
        return int(args.run(args) or 0)
    except AatsError as exc:
        print(f"aats: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `aats ps | head`
        sys.stderr.close()
        return 1


def _entry(command: str) -> Callable[[list[str]], int | None]:
    """Return ``main`` of the module behind a passed-on command."""
    entry: Callable[[list[str]], int | None] = importlib.import_module(PASSED_ON[command][0]).main
    return entry


def _feed_arguments(feed: argparse.ArgumentParser) -> argparse.ArgumentParser:
    feed.add_argument("files", metavar="FILE.toml", nargs="+", help="a feed each, of one venue or of several, all in this process")
    feed.set_defaults(run=_feed)
    return feed


def _feed(args: argparse.Namespace) -> int:
    from aats import config

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings_ = [config.load(file) for file in args.files]
    names = [one.name for one in settings_]
    if len(set(names)) < len(names):
        raise ConfigError(f"two of these feeds have one name: {', '.join(names)}; give them names of their own (feed.name)")
    return int(importlib.import_module("aats.feed").main(*settings_) or 0)


def _version() -> int:
    from aats.cli.doctor import installed_version
    from aats.layout import LAYOUT_HASH

    print(f"aats {installed_version()} (layout {LAYOUT_HASH:016x})")
    return 0
