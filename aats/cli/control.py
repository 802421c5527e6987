"""``aats control``, and what is said to one: ``restart``, ``keep``, ``subscribe``, ``unsubscribe``, ``set-level``, ``logs``; and ``aats token``."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from typing import Any

from aats import config, control, control_client, control_feeds, control_logs, token
from aats.cli import output
from aats.errors import ConfigError, ControlError
from aats.layout import Command, Role

__all__ = ["add_commands", "add_server", "asked", "place"]

_REQUEST_S = 60.0


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    _add_servers(commands)
    restart = commands.add_parser(
        "restart", help="end a feed and start it again", description="End a feed and start it again from the file that it was started from."
    )
    restart.add_argument("feed", metavar="PID|NAME", help="as `aats ps` shows it")
    _finish(restart, _restart)

    keep = commands.add_parser(
        "keep",
        help="have a feed started again whenever it dies",
        description="Have the control server start a running feed again whenever it dies; not when it is stopped. Survives a restart of the server.",
    )
    keep.add_argument("feed", metavar="PID|NAME", nargs="?", help="without one: list what is kept")
    keep.add_argument("--off", action="store_true", help="keep it no longer")
    _finish(keep, _keep)

    for word, purpose in (
        ("subscribe", "add a symbol to"),
        ("unsubscribe", "take a symbol off"),
        ("set-level", "have more levels published by"),
    ):
        one = commands.add_parser(
            word,
            help=f"{purpose} a running feed",
            description=f"{purpose.capitalize()} a running feed. One that a control server has started goes on so after a restart.",
        )
        one.add_argument("feed", metavar="FEED", help="its pid or name")
        one.add_argument("symbol", metavar={"subscribe": "SYMBOL[:LEVELS]", "unsubscribe": "SYMBOL", "set-level": "SYMBOL:LEVELS"}[word])
        _finish(one, _tell, word=word.replace("-", "_"))

    logs = commands.add_parser(
        "logs", help="show the end of a log", description="Show the last lines of the log of a process that a server has started."
    )
    logs.add_argument("name", metavar="NAME", help="of the process, or of its log: binance, feed-binance, control-8060, supervisor")
    logs.add_argument("-n", "--lines", metavar="N", type=int, default=20, help="how many (default: %(default)s)")
    logs.add_argument("--follow", action="store_true", help="go on with what is written from now on, until Ctrl-C; this host's logs only")
    _finish(logs, _logs)

    secret = commands.add_parser(
        "token",
        help="where the token for other hosts is, and a new one",
        description="Tell where the token is that control servers and P2P feeds ask of other hosts. It is not shown.",
    )
    secret.add_argument(
        "--new",
        action="store_true",
        help="make a new one, in place of the old: control servers ask for it at once, feeds from their next start",
    )
    secret.add_argument("--show", action="store_true", help="show it")
    secret.add_argument("--json", action="store_true", help='{"file": ..., "set": true, "from": ...}')
    secret.set_defaults(run=_token)


def _add_servers(commands: Any) -> None:
    server = commands.add_parser(
        "control",
        help="run the control server in the foreground",
        description="Run the control server: it starts, keeps, lists and stops feeds for scripts of this user. Feeds outlive it.",
    )
    server.add_argument(
        "--host", default="127.0.0.1", help="an address of this host; one that other hosts reach needs a token (default: %(default)s)"
    )
    server.add_argument("--port", type=int, default=config.DEFAULT_CONTROL_PORT, help="TCP port, 0 for any free one (default: %(default)s)")
    server.add_argument("--compat", action="store_true", help="serve clients of aats 0.1 on the same port as well")
    server.add_argument(
        "--compat-insecure", action="store_true", help="and let other hosts do so: their API keys then cross the network in clear"
    )
    server.add_argument("--keys-from", type=int, default=None, help=argparse.SUPPRESS)  # a descriptor for the supervisor
    server.set_defaults(run=_control)

    supervisor = commands.add_parser(  # without help: it is not for people to start
        "supervisor", description="Watch trade processes and cancel the orders of those that are dead or hung. `aats control` starts it."
    )
    supervisor.add_argument("--keys-from", type=int, default=None, help=argparse.SUPPRESS)
    supervisor.set_defaults(run=_supervisor)


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a control server."""
    parser.add_argument("--control", metavar="HOST:PORT", type=place, help="ask that control server; default: this host and namespace")


def _finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], **more: Any) -> None:
    add_server(parser)
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(run=run, **more)


def place(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``HOST``, ``[IPv6]:PORT``."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(config.DEFAULT_CONTROL_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"a control server is HOST:PORT, such as 10.0.0.5:8060; it is {text!r}")
    return host, int(port)


def asked(server: tuple[str, int], request: dict[str, Any], *, timeout_s: float = _REQUEST_S) -> dict[str, Any]:
    """Return a control server's answer to a request, without what belongs to the wire."""
    answer = control_client.ask(*server, request, timeout_s=timeout_s)
    return {key: value for key, value in answer.items() if key not in ("id", "ok")}


def own_server() -> tuple[str, int] | None:
    """Return where the control server of this namespace listens on this host, None if none runs."""
    found = [
        one["port"] for one in control.processes() if one["role"] == Role.CONTROL.name.lower() and one["alive"] and one["state"] == "RUN"
    ]
    return ("127.0.0.1", found[0]) if found else None


# ---------------------------------------------------------------------------------------------------------- servers


def _control(args: argparse.Namespace) -> int:
    from aats import control_server

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    if args.compat_insecure and not args.compat:
        raise ConfigError("--compat-insecure says how --compat may be reached: say --compat as well")
    compat = None
    if args.compat:
        from aats.compat.control import CompatControl

        if args.compat_insecure:
            os.environ["AATS_COMPAT_INSECURE"] = "1"
        environment = {key: value for key, value in os.environ.items() if key.startswith(("AATS_MODE", "AATS_CAFILE", "AATS_ENDPOINT_"))}
        compat = CompatControl(args.host, insecure=args.compat_insecure, environment=environment)
    return control_server.main(args.host, args.port, keys_from=args.keys_from, compat=compat, compat_insecure=args.compat_insecure)


def _supervisor(args: argparse.Namespace) -> int:
    from aats import supervisor_process

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s")
    return supervisor_process.main(args.keys_from)


# ----------------------------------------------------------------------------------------------------------- feeds


def _whom(word: str) -> dict[str, Any]:
    return {"pid": int(word)} if word.isascii() and word.isdecimal() else {"name": word}


def _told(args: argparse.Namespace, result: dict[str, Any], line: str) -> int:
    if args.json:
        output.as_json(result)
    else:
        print(line)
    return 0


def _restart(args: argparse.Namespace) -> int:
    server = args.control or own_server()
    if server is not None:  # it knows what it keeps
        result = asked(server, {"op": "restart", **_whom(args.feed)})
    else:
        entry = control_feeds.find(next(iter(_whom(args.feed).values())))
        origin = control_feeds.origin_of(entry)
        ended = control.kill(entry.pid, wait_s=config.limits().stop_ms / 1000)
        result = {"pid": control_feeds.start_again(origin).pid, "name": entry.name, "was": entry.pid, "result": ended}
    return _told(args, result, f"feed {result['name']} (pid {result['was']}): {result['result']}, started again as pid {result['pid']}")


def _keep(args: argparse.Namespace) -> int:
    server = args.control or own_server()
    if server is None:
        raise ControlError("no control server runs in this namespace to keep anything: start `aats control`")
    if args.feed is None:
        return _list_kept(args, asked(server, {"op": "state"})["kept"])
    result = asked(server, {"op": "unkeep" if args.off else "keep", **_whom(args.feed)})
    return _told(args, result, f"feed {result['name']} is {'not kept any more' if args.off else 'kept'}")


def _list_kept(args: argparse.Namespace, kept: list[dict[str, Any]]) -> int:
    if args.json:
        output.as_json(kept)
    elif not kept:
        print("no feed is kept")
    else:
        rows = [(one["name"], one["deaths"], "-" if one["next_s"] is None else one["next_s"], one["file"], one["state"]) for one in kept]
        output.as_table(("FEED", "DEATHS", "NEXT s", "FILE", "STATE"), rows)
    return 0


def _tell(args: argparse.Namespace) -> int:
    symbol, colon, number = args.symbol.partition(":")
    level = int(number) if number.isascii() and number.isdecimal() else None
    if (colon and level is None) or (args.word == "set_level" and level is None) or (args.word == "unsubscribe" and colon):
        raise ConfigError(f"{args.symbol!r}: a symbol is SYMBOL{'' if args.word == 'unsubscribe' else ':LEVELS'}, LEVELS a whole number")
    if args.control is not None:
        request = {"op": args.word, **_whom(args.feed), "symbol": symbol, **({} if level is None else {"level": level})}
        result = asked(args.control, request)
    else:
        result = control_feeds.tell(next(iter(_whom(args.feed).values())), Command[args.word.upper()], symbol.upper(), level)
    return _told(args, result, f"feed {result['name']} (pid {result['pid']}): {result['text']}")


def _logs(args: argparse.Namespace) -> int:
    if args.lines < 1:
        raise ConfigError(f"-n {args.lines}: show at least one line")
    if args.control is not None:
        if args.follow:
            raise ConfigError("--follow shows logs of this host only")
        result = asked(args.control, {"op": "logs", "name": args.name, "lines": args.lines})
    else:
        path = control_logs.log_file(args.name)
        result = {"name": path.stem, "file": str(path), "lines": control_logs.tail(path, args.lines)}
    if args.json:
        output.as_json(result)
    else:
        print(*result["lines"], sep="\n", flush=True)
    if args.follow:
        for line in control_logs.follow(path):
            print(line, flush=True)
    return 0


def _token(args: argparse.Namespace) -> int:
    made = token.make() if args.new else ""
    value, source = token.token(), "AATS_TOKEN" if os.environ.get("AATS_TOKEN", "").strip() else str(token.token_file())
    if args.json:
        facts = {"file": str(token.token_file()), "set": bool(value), "from": source if value else None}
        output.as_json({**facts, "token": value} if args.show else facts)
        return 0
    if made:
        print(f"a new token is in {token.token_file()}: copy that file to the hosts that may ask, readable by their user alone")
    elif value:
        print(f"the token is in {source}")
    else:
        print(f"there is no token: `aats token --new` makes one in {token.token_file()}")
    if made and made != value:
        print("but AATS_TOKEN is set in this environment, and goes before it")
    if args.show and value:
        print(value)
    return 0
