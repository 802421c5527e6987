"""``aats trade``: run a strategy, from its TOML file or as the script that it is."""

from __future__ import annotations

import argparse
import logging
import runpy
import sys
from pathlib import Path
from typing import Any

from aats.errors import AatsError, ConfigError

_FORM = "%(asctime)s %(levelname)-7s %(name)s %(message)s"


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    parser = commands.add_parser(
        "trade",
        help="run a strategy in the foreground",
        description="Run the strategy that FILE.toml describes, or SCRIPT.py as `python SCRIPT.py` would, with its log on stderr. Ctrl-C ends it: it "
        "cancels its orders and asks the exchange before it goes.",
    )
    parser.add_argument("file", metavar="FILE.toml|SCRIPT.py", help="docs/cli.md describes the file")
    parser.add_argument("args", metavar="ARG", nargs=argparse.REMAINDER, help="FILE.toml: --mode, --name; SCRIPT.py: its own arguments")
    parser.add_argument("--mode", metavar="MODE", help="FILE.toml: sim, paper or sandbox instead of the file's mode; never direct")
    parser.add_argument("--name", metavar="NAME", help="FILE.toml: name of the process instead of the file's")
    parser.set_defaults(run=_run, parser=parser)


def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format=_FORM)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if Path(args.file).suffix == ".toml":
        return _file(args)
    if args.mode or args.name:
        raise ConfigError("--mode and --name are for a FILE.toml: a script says them itself, to config_exchange and TradeService")
    return _script(args.file, args.args)


def _file(args: argparse.Namespace) -> int:
    from aats.cli import trade_file

    late = argparse.ArgumentParser(prog="aats trade FILE.toml", usage="aats trade FILE.toml [--mode MODE] [--name NAME]", add_help=False)
    for option in ("--mode", "--name"):
        late.add_argument(option, default=getattr(args, option[2:]))
    said = late.parse_args(args.args)
    service = trade_file.service_of(trade_file.load(args.file), mode=said.mode, name=said.name)
    try:
        service.run()
    except KeyboardInterrupt:  # the ordinary way to end it
        return 0
    except AatsError:
        raise
    except Exception as exc:  # what a callback raised: logged by the engine, with its traceback
        print(f"aats: the strategy raised {type(exc).__name__}: {exc}", file=sys.stderr)
        return 1
    return 0


def _script(script: str, words: list[str]) -> int:
    """Run a script as ``__main__`` of this process."""
    if not Path(script).is_file():
        raise ConfigError(f"{script} is no file: give a strategy's FILE.toml or SCRIPT.py")
    sys.argv = [script, *words]
    sys.path.insert(0, str(Path(script).absolute().parent))
    runpy.run_path(script, run_name="__main__")
    return 0
