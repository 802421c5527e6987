"""The command line of the simulated exchange: `aats sim`, `python -m aats.sim`.

It makes a market, an exchange and a certificate, prints how to reach them, and serves until SIGINT or SIGTERM; the
status is then 0.  The first line on stdout is for programs (with --json: one JSON object); the lines after it can be
pasted into a shell.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from aats.errors import AatsError, ConfigError
from aats.sim import certs
from aats.sim.amounts import E8, e8, is_decimal
from aats.sim.auth import DEFAULT_KEY, parse_keys
from aats.sim.connection import Limits
from aats.sim.dialects import DIALECTS, Options, make
from aats.sim.faults import KINDS, Faults
from aats.sim.host import Host
from aats.sim.many import Several, prefix
from aats.sim.server import Clock, SimServer


def parser() -> argparse.ArgumentParser:
    """Return the argument parser; `aats sim` shows its help."""
    p = argparse.ArgumentParser(
        prog="aats sim",
        description="A simulated exchange on localhost, with TLS: market data, orders, accounts, in the dialect of a venue.",
    )
    p.add_argument(
        "--venue",
        action="append",
        default=[],
        type=str.upper,
        metavar="NAME",
        help=f"whose dialect it speaks; repeat for several on one port (default BINANCE; there are {', '.join(DIALECTS)})",
    )
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    p.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    p.add_argument("--tape", action="append", default=[], metavar="FILE", help="recorded capture; repeat for its further parts")
    p.add_argument("--speed", default="1", metavar="X|max", help="factor on the tape's pace, or max: as fast as clients take it")
    p.add_argument("--once", action="store_true", help="stand still at the tape's end instead of beginning again")
    p.add_argument("--recorded-times", action="store_true", help="keep the tape's own event times")
    p.add_argument("--no-hold", action="store_true", help="start the tape at once, not at the first subscription")
    p.add_argument(
        "--symbols",
        action="append",
        default=[],
        metavar="A,B",
        help="generator: symbols, each NAME or NAME:RATE; the n-th for the n-th venue (default: BTCUSDT,ETHUSDT, or what a venue's dialect lists)",
    )
    p.add_argument("--seed", type=int, default=1, help="generator: seed (default %(default)s)")
    p.add_argument("--rate", type=int, default=40, help="generator: order events a second and symbol (default %(default)s)")
    p.add_argument("--depth", type=int, help="generator: levels a side (default 1000, or the dialect's own)")
    p.add_argument("--fault", action="append", default=[], metavar="KIND=N", help=f"make every N-th go wrong: {', '.join(KINDS)}")
    p.add_argument("--flat-errors", action="store_true", help="stream errors in the documented flat shape")
    p.add_argument("--clock-off", type=float, default=0.0, metavar="S", help="seconds that the exchange's clock is wrong")
    p.add_argument("--connects", type=int, help=f"connections allowed in 5 minutes ({Limits.connects_per_5min}, or the dialect's own)")
    p.add_argument("--weight", type=int, help=f"Binance: REST weight allowed in a minute ({Limits.weight_per_min})")
    p.add_argument("--out-bytes", type=int, help=f"a client that leaves more unread is cut off ({Limits.out_bytes})")
    p.add_argument("--plain", action="store_true", help="no TLS")
    p.add_argument(
        "--certs", metavar="DIR", help="folder for the certificates; those of an earlier start are served again (default: a temporary one)"
    )
    p.add_argument("--wrong-cert", choices=certs.WRONGS[1:], default="", help="serve a certificate that clients must refuse")
    p.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY:SECRET",
        help=f"an account's API key; SECRET may be @FILE: a PEM file with an Ed25519 key, or a file with the secret; or env:NAME, a "
        f"variable with all that; repeat for more accounts (default: {DEFAULT_KEY}:{DEFAULT_KEY})",
    )
    p.add_argument("--readonly", action="append", default=[], metavar="KEY:SECRET", help="a key that may not trade, on the first account")
    p.add_argument("--passphrase", default="", help=f"of every key, where the venue wants one (default {DEFAULT_KEY})")
    p.add_argument("--balance", action="append", default=[], metavar="ASSET=AMOUNT", help="what every account begins with; repeatable")
    p.add_argument("--fees", metavar="MAKER,TAKER", help="parts of the notional (default 0.001,0.001, or the dialect's own)")
    p.add_argument(
        "--orders-limit",
        type=int,
        metavar="N",
        help=f"Binance: unfilled orders of an account in 10 s (default {Limits.orders_10s})",
    )
    p.add_argument("--mode", choices=("sim", "sandbox"), default="sim", help="whose variables are printed (default %(default)s)")
    p.add_argument("--seconds", type=float, default=0, help="end after this time (default: never)")
    p.add_argument("--parent-pid", type=int, default=0, help="end when this process is no longer the parent")
    p.add_argument("--json", action="store_true", help="one JSON object when ready, one with the counters at the end")
    return p


def tape_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of a tape, {} without one."""
    if not args.tape:
        return {}
    speed: Any = "max"
    if args.speed != "max":
        try:
            speed = float(args.speed)
        except ValueError:
            raise ConfigError(f"--speed {args.speed!r}: expected a factor above 0, or max") from None
    return {"files": args.tape, "speed": speed, "loop": not args.once, "retime": not args.recorded_times, "hold": not args.no_hold}


def make_exchanges(args: argparse.Namespace) -> dict[str, Host]:
    """Return the exchanges that the arguments describe, by their venues' names."""
    venues = args.venue or ["BINANCE"]
    if len(set(venues)) != len(venues) or len(args.symbols) > len(venues):
        raise ConfigError("--venue: each venue once, and at most one --symbols for each")
    if args.tape and len(venues) > 1:
        raise ConfigError("--tape: a recorded market is for one venue alone")
    out = {}
    for at, venue in enumerate(venues):
        options = Options(
            symbols=tuple(name for name in args.symbols[at].split(",") if name) if at < len(args.symbols) else (),
            seed=args.seed,
            rate=args.rate,
            depth=args.depth,
            faults=Faults.parse(args.fault),
            keys=parse_keys(args.key),
            readonly=parse_keys(args.readonly),
            passphrase=args.passphrase,
            deposits=parse_deposits(args.balance),
            fees=parse_fees(args.fees) if args.fees else None,
            connects=args.connects,
            weight=args.weight,
            orders_limit=args.orders_limit,
            out_bytes=args.out_bytes,
            flat_errors=args.flat_errors,
            tape=tape_of(args),
        )
        out[venue] = make(venue, options)
    return out


def parse_deposits(texts: Sequence[str]) -> dict[str, int]:
    """Return asset to amount at 1e-16 of `ASSET=AMOUNT` texts."""
    deposits: dict[str, int] = {}
    for text in texts:
        asset, _, amount = text.partition("=")
        try:
            if not (asset.isalnum() and is_decimal(amount)):
                raise ValueError
            deposits[asset.upper()] = e8(amount) * E8
        except ValueError:
            raise ConfigError(f"--balance {text!r}: expected ASSET=AMOUNT, an amount with at most 8 decimals") from None
    return deposits


def parse_fees(text: str) -> tuple[int, int]:
    """Return maker and taker fee at 1e-8 of `MAKER,TAKER`."""
    parts = text.split(",")
    try:
        if len(parts) != 2 or not all(is_decimal(part) for part in parts):
            raise ValueError
        maker, taker = (e8(part) for part in parts)
    except ValueError:
        maker = taker = E8
    if maker >= E8 or taker >= E8:
        raise ConfigError(
            f"--fees {text!r}: expected MAKER,TAKER, parts of the notional below 1 with at most 8 decimals, such as 0.001,0.001"
        )
    return maker, taker


def endpoints(server: SimServer, exchanges: Mapping[str, Host], ca: str, *, plain: bool, mode: str = "sim") -> dict[str, Any]:
    """Return what a client needs to find this server: the content of the ready line."""
    where = f"localhost:{server.port}"
    rest, stream = (f"http://{where}", f"ws://{where}") if plain else (f"https://{where}", f"wss://{where}")
    env = {"AATS_MODE": mode}
    for venue, exchange in exchanges.items():
        tail = f"/{prefix(venue)}" if len(exchanges) > 1 else ""
        for kind, address in exchange.addresses(venue, rest + tail, stream + tail).items():
            env[f"AATS_ENDPOINT_{venue}_{mode.upper()}_{kind}"] = address
    if not plain:
        env["AATS_CAFILE"] = ca
    symbols = list(server.exchange.market.symbols)
    return {
        "ready": True,
        "port": server.port,
        "rest": rest,
        "stream": stream,
        "wsapi": stream,
        "ca": ca,
        "symbols": symbols,
        "venues": {venue: list(exchange.market.symbols) for venue, exchange in exchanges.items()},
        "env": env,
    }


def print_ready(ready: dict[str, Any], *, as_json: bool) -> None:
    """Print the ready line and, for people, the lines to export."""
    if as_json:
        print(json.dumps(ready), flush=True)
        return
    print(f"aats sim ready port={ready['port']} ca={ready['ca'] or '-'} symbols={','.join(ready['symbols'])}")
    for name, value in ready["env"].items():
        print(f"export {name}={value}")
    sys.stdout.flush()


async def serve(args: argparse.Namespace, folder: str) -> None:
    """Serve until a signal, --seconds or the parent's end."""
    exchanges = make_exchanges(args)
    exchange = Several(exchanges) if len(exchanges) > 1 else next(iter(exchanges.values()))
    files = None if args.plain else (None if args.wrong_cert else certs.kept(folder)) or certs.make(folder, wrong=args.wrong_cert)
    server = SimServer(exchange, files.server_context() if files else None, clock=Clock(args.clock_off), parent_pid=args.parent_pid)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.start(args.host, args.port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen on {args.host} port {args.port}: {why}") from None
    for note in getattr(exchange.market, "notes", []):
        print(f"aats sim: tape: {note}", file=sys.stderr)
    ready = endpoints(server, exchanges, str(files.ca) if files else "", plain=args.plain, mode=args.mode)
    print_ready(ready, as_json=args.json)
    if args.seconds > 0:
        loop.call_later(args.seconds, server.stop)
    await server.run()
    if args.json:
        print(json.dumps({"ready": False, **exchange.state()}), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `aats sim`; return its exit status: 0 clean end, 1 a setting that cannot work, 2 wrong usage."""
    args = parser().parse_args(argv)
    try:
        with contextlib.ExitStack() as stack:
            folder = args.certs or stack.enter_context(tempfile.TemporaryDirectory(prefix="aats-sim-"))
            asyncio.run(serve(args, folder))
    except AatsError as error:
        print(f"aats sim: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    return 0
