"""What ``aats flatten`` does: cancel, then ask the exchange whether anything is left.

The word of the exchange counts, not that of the journals nor of the answers to the cancel requests: status 0 means that it was asked afterwards and named no
order that should be gone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable

from aats import journal
from aats.cli import output
from aats.cli.open_orders import Living, dead_orders, elsewhere, instance_of, known_instances, living, living_client_ids, runs, venue_order
from aats.errors import ControlError
from aats.venue.account import AccountError, AccountOrder, VenueAccount

__all__ = ["cancel_all", "flatten"]

#: The exchange's answers may lag its own books a little: it is asked so often, so far apart.
_LOOKS = 5
_LOOK_S = 0.3


def flatten(args: argparse.Namespace) -> int:
    """Run the command; return its status."""
    from aats.cli.account import open_account

    with open_account(args.exchange, args.mode) as (venue, account):
        processes = living()
        owners = known_instances(account, processes)
        others = elsewhere(processes)
        if args.all and not args.yes:
            _refuse_while_alive(account, processes, [owner for instance, owner in owners.items() if instance in others])
        if not args.yes:
            _confirm(account, args)
        alive = {one.instance for one in processes if one.instance} | others
        ours = {instance for instance in owners if instance not in alive}
        held = living_client_ids()  # a living process may have taken over what a dead one sent
        seen: set[str] = set()  # client ids that the exchange had open

        def wanted(order: AccountOrder) -> bool:
            seen.add(order.client_id)
            return args.all or (instance_of(order.client_id) in ours and order.client_id not in held)

        try:
            canceled, left = cancel_all(venue, wanted)
        except AccountError as exc:
            print(f"aats: {exc}", file=sys.stderr)
            return 1
        shown = [venue_order(one, args.exchange, account, owners, held) for one in left]
        dead = [one.client_id for _, one in dead_orders(processes) if one.account == account]
        ended = sum(client_id not in seen for client_id in dead)
        if not left:
            _settle(account, processes)
    if args.json:
        output.as_json({"account": account, "canceled": canceled, "ended": ended, "open": [one.client_id for one in shown]})
    else:
        print(f"{account}: {canceled} canceled, {len(left)} still open")
        if ended:
            print(f"  {ended} that dead processes left had ended before")
        if dead:
            print(f"  {len(dead)} stay in `aats orders --all` until the next start of each strategy, which enters what was filled of them")
        for one in shown:
            print(f"  {one.symbol} {one.side} {one.size} at {one.price}  {one.client_id}  ({one.owner})")
    return 1 if left else 0


def _confirm(account: str, args: argparse.Namespace) -> None:
    """Have the account's name typed; it is asked for on stderr, so that stdout stays what it is."""
    what = "every open order" if args.all else "the orders that dead processes left"
    print(f"This cancels {what} of {account} ({args.exchange} {args.mode}). Type {account} to go on: ", end="", file=sys.stderr, flush=True)
    typed = "" if sys.stdin is None else sys.stdin.readline()
    if not typed.endswith("\n"):  # the end of a pipe: nobody has ended the line of the question
        print(file=sys.stderr)
    if typed.strip() != account:
        raise ControlError(f"not confirmed: nothing was canceled (type {account}, or say --yes in a script)")


def _refuse_while_alive(account: str, processes: Iterable[Living], others: Iterable[str]) -> None:
    mine = [
        one for one in processes if account in (one.account, *one.others) or (one.starts and not one.account)
    ]  # which account is not known while it starts
    running = [*(f"{one.name} (pid {one.pid})" for one in mine), *(f"{owner}," for owner in others)]
    if running:
        raise ControlError(
            f"flatten --all: {', '.join(running)} trades on {account} and would have its orders canceled under its hands: stop it first (aats stop), "
            "or say --all --yes"
        )


def cancel_all(venue: VenueAccount, wanted: Callable[[AccountOrder], bool]) -> tuple[int, list[AccountOrder]]:
    """Cancel each open order that is `wanted`; return how many were canceled, and those that the exchange then still has open.

    Raises
    ------
    AccountError
        The exchange did not say what is open: nothing is known then.

    Notes
    -----
    What one look still finds is canceled again: a refusal may have been one of the moment, and with ``--all`` others may send orders meanwhile.
    """
    canceled: set[str] = set()
    for look in range(_LOOKS):
        left = [one for one in venue.open_orders() if wanted(one)]
        if not left or look + 1 == _LOOKS:
            break
        if look:
            time.sleep(_LOOK_S)
        for one in left:
            try:
                if venue.cancel(one.native, one.order_id):
                    canceled.add(one.order_id)
            except AccountError as exc:  # the others all the same; the next look tells what came of it
                print(f"aats: {exc}", file=sys.stderr)
    return len(canceled), left


def _settle(account: str, processes: list[Living]) -> None:
    """End the journals of the account's dead runs that left no order.

    One that did is left to the next start of its strategy: it asks what was filled, enters that into the strategy's holdings, and tells each order's end.
    """
    for name, _, run in runs(processes):
        if name == account and not run.left:
            journal.settle(run.path)
