"""``aats orders`` and ``aats flatten``: what is open, and cancelling what nobody looks after any more."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aats import config
from aats.cli import output
from aats.errors import ConfigError

if TYPE_CHECKING:
    from aats.cli.open_orders import OpenOrder

_MODES = ("sim", "sandbox", "direct")


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    orders = commands.add_parser(
        "orders",
        help="list open orders",
        description="List the open orders of the trade processes that run here; and with --all, those that dead ones left by their journals.",
    )
    orders.add_argument("--all", action="store_true", help="also orders of processes that are gone")
    orders.add_argument(
        "--venue", metavar="EXCHANGE", choices=config.VENUES, help="ask this exchange what is open there, ours or not; needs --mode"
    )
    orders.add_argument("--mode", choices=_MODES, help="which account: its key as a trade process of that mode finds it (docs/cli.md)")
    orders.add_argument("--json", action="store_true", help="a JSON list, one object an order")
    orders.set_defaults(run=_orders)

    flat = commands.add_parser(
        "flatten",
        help="cancel orders that dead processes left",
        description="Cancel the open orders that our dead runs left at an exchange, and ask it afterwards whether they are gone. It cancels orders; it "
        "does not sell what is held. Status: 0 nothing of it is open any more, 1 something is, or the exchange did not answer, 2 wrong command line.",
    )
    flat.add_argument("exchange", metavar="EXCHANGE", choices=config.VENUES, help=f"one of {', '.join(config.VENUES)}")
    flat.add_argument("--mode", required=True, choices=_MODES, help="which account; direct is the live one, and has to be spelled out")
    flat.add_argument("--all", action="store_true", help="every open order of the account, whoever sent it")
    flat.add_argument(
        "--yes",
        action="store_true",
        help="do not ask for the account's name to be typed; with --all: also while a trade process of the account runs",
    )
    flat.add_argument("--json", action="store_true", help="one JSON object with what became of each")
    flat.set_defaults(run=_flatten)


def _flatten(args: argparse.Namespace) -> int:
    from aats.cli.flatten import flatten  # REST takes a while to import

    return flatten(args)


def _orders(args: argparse.Namespace) -> int:
    from aats.cli.open_orders import dead_orders, living, living_orders

    if (args.venue is None) != (args.mode is None):
        raise ConfigError("--venue and --mode belong together: aats orders --venue BINANCE --mode sim")
    processes = living()
    found = list(living_orders(processes))
    if args.all:
        found += [one for _, one in dead_orders(processes)]
    if args.venue:
        found = _at_venue(args.venue, args.mode, processes)
    if args.json:
        output.as_json([asdict(one) for one in found])
    elif not found:
        print("no open orders" + ("" if args.venue or args.all else " of the processes that run here (--all: and of dead ones)"))
    else:
        show(found)
        if any(one.source == "journal" for one in found):
            print("process gone: as last written down, perhaps not open any more (--venue asks); named until the strategy starts again")
    return 0


def _at_venue(exchange: str, mode: str, processes: list[Any]) -> list[OpenOrder]:
    from aats.cli.account import open_account
    from aats.cli.open_orders import known_instances, living_client_ids, venue_order

    with open_account(exchange, mode) as (venue, account):
        rows = venue.open_orders()
    owners = known_instances(account, processes)
    held = living_client_ids()
    return [venue_order(row, exchange, account, owners, held) for row in rows]


def show(found: list[OpenOrder]) -> None:
    """Print orders as a table."""
    head = ("OWNER", "ACCOUNT", "ORDER", "SYMBOL", "SIDE", "TIF", "SIZE", "FILLED", "PRICE", "STATE", "AGE", "CLIENT ID")
    rows = [
        (
            one.owner,
            one.account or "-",
            "-" if one.order_id is None else one.order_id,
            one.symbol or "-",
            one.side or "-",
            one.tif or "-",
            one.size or "-",
            one.filled or "-",
            one.price or "-",
            one.state or "-",
            output.ago(time.time() - one.created_ns / 1e9) if one.created_ns else "-",
            one.client_id,
        )
        for one in found
    ]
    output.as_table(head, rows)
