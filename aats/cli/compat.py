"""``aats compat-trade``: a trade session of the published client; without help, because `aats control --compat` starts it."""

from __future__ import annotations

import argparse
from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the parser."""
    session = commands.add_parser(
        "compat-trade", description="Serve one trade session of the published client. `aats control --compat` starts it."
    )
    session.add_argument("listener", type=int, help="descriptor of the listening socket")
    session.add_argument("pair", type=int, help="descriptor of the socket that the pin comes from")
    session.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from aats.compat import trade

    return trade.begin(args.listener, args.pair)
