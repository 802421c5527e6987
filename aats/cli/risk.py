"""``aats risk``: the limits of this host, shown and changed while everything runs."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from aats import risk
from aats._ffi import lib
from aats.cli import output
from aats.errors import ConfigError
from aats.risk import HOST, Scope
from aats.shm import risk_state
from aats.shm.names import namespace
from aats.shm.risk import Host, open_host
from aats.table import Table

__all__ = ["add_commands"]

_SWITCH = {
    "halt": ("halt", "let nothing out", "Let no order out any more. Cancels pass; nothing is canceled by itself (aats flatten does)."),
    "reduce": ("reduce", "let positions shrink only", "Let only orders out that make a strategy's position smaller, open orders counted."),
}


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    top = commands.add_parser(
        "risk",
        help="limits of this host: show, set, halt, reduce, resume",
        description="Show and change the limits that hold over all trade processes of this host together. Changes are in force with the next order; each is "
        "in the audit. docs/risk.md says what each limit means.",
    )
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    show = verbs.add_parser(
        "show",
        help="limits, switches, what is at stake",
        description="Show limits with their origin, switches, and what each strategy has at stake.",
    )
    show.add_argument("--json", action="store_true", help="one JSON object with everything")
    show.set_defaults(run=_show)

    change = verbs.add_parser(
        "set",
        help="set limits",
        description="Set limits, or remove them with the value none. Money is in units of the quote asset, sizes in units of the base asset. "
        f"Limits: {', '.join(risk.KEYS)}.",
    )
    _whose(change)
    change.add_argument("pairs", metavar="KEY VALUE", nargs="+", help="such as: order_notional 5000 open_orders 20")
    change.set_defaults(run=_set)

    for verb, (switch, purpose, words) in _SWITCH.items():
        one = verbs.add_parser(verb, help=purpose, description=words)
        _whose(one)
        one.set_defaults(run=_throw, switch=switch)
    again = verbs.add_parser(
        "resume",
        help="let orders out again",
        description="Let orders out again. For the host also after a state that could not be read: look at `aats risk show` first.",
    )
    _whose(again)
    again.set_defaults(run=_resume)

    audit = verbs.add_parser("audit", help="who changed what, and when", description="List each change of a limit or switch, oldest first.")
    audit.add_argument("--json", action="store_true", help="a JSON list")
    audit.set_defaults(run=_audit)


def _whose(parser: argparse.ArgumentParser) -> None:
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--symbol", metavar="SYMBOL.EXCHANGE", help="of one symbol, all strategies together; default: of the host")
    one.add_argument("--strategy", metavar="NAME", help="of one strategy")
    parser.add_argument("--reason", metavar="TEXT", default="", help="for the audit, and for the strategies' onRisk")


def _scope(args: argparse.Namespace) -> Scope:
    if args.symbol is not None:
        return risk.symbol_scope(args.symbol)
    return HOST if args.strategy is None else Scope("strategy", args.strategy)


@contextlib.contextmanager
def _host() -> Iterator[Host]:
    """Give the risk segment; where nothing runs it is made from the state file, and put away again."""
    with Table.locked_current() as table:
        try:
            yield open_host()
        finally:
            table.close_if_empty(int(lib.aats_ident_self()))


def _change(act: Callable[[Host], list[str]]) -> int:
    with _host() as host:
        for line in act(host) or ["nothing changed"]:
            print(line)
    return 0


def _set(args: argparse.Namespace) -> int:
    if len(args.pairs) % 2:
        raise ConfigError(f"aats risk set takes pairs of KEY VALUE: {args.pairs[-1]} has no value")
    scope = _scope(args)
    limits = {key: risk.parse(key, value, scope) for key, value in zip(args.pairs[::2], args.pairs[1::2], strict=True)}
    return _change(lambda host: risk.change(host, scope, limits, by="aats risk set", reason=args.reason))


def _throw(args: argparse.Namespace) -> int:
    return _change(lambda host: [risk.throw(host, _scope(args), args.switch, by=f"aats risk {args.verb}", reason=args.reason)])


def _resume(args: argparse.Namespace) -> int:
    return _change(lambda host: risk.resume(host, _scope(args), by="aats risk resume", reason=args.reason))


def _audit(args: argparse.Namespace) -> int:
    lines = risk_state.read_audit(namespace())
    if args.json:
        output.as_json(lines)
        return 0
    rows = [
        (
            risk.when(line["ns"]),
            f"{line['by'].get('user') or line['by'].get('uid', '-')} (pid {line['by'].get('pid', '-')})",
            line["by"].get("command", ""),
            f"{line['scope']} {line['name']}".strip(),
            line["key"],
            line["old"],
            line["new"],
            line["reason"],
        )
        for line in lines
    ]
    output.as_table(("WHEN", "WHO", "COMMAND", "SCOPE", "KEY", "OLD", "NEW", "REASON"), rows)
    return 0


def _show(args: argparse.Namespace) -> int:
    with _host() as host:
        seen = risk.look(host)
    if args.json:
        output.as_json(seen)
        return 0
    if seen["unread"]:
        print(f"HALTED: the saved state could not be read ({seen['state']}). Look at it, set the limits anew, then say aats risk resume.\n")
    for one in seen["switches"]:
        whose = "the host" if one["scope"] == "host" else f"{one['scope']} {one['name']}"
        print(f"{whose}: {one['switch']}" + (f" - {one['reason']}" if one["reason"] else "") + (f"  [{one['by']}]" if one["by"] else ""))
    print()
    if seen["limits"]:
        output.as_table(
            ("LIMIT", "VALUE", "SCOPE", "SET BY"),
            [(one["key"], one["value"], f"{one['scope']} {one['name']}".strip(), one["by"] or "-") for one in seen["limits"]],
        )
    else:
        print("no limits are set (aats risk set)")
    if seen["seats"]:
        print()
        _show_seats(seen)
    for one in seen["exposure"]:
        print(f"{one['asset']} ({one['mode']}): exposure {one['exposure']}, result today {one['result_today']}")
    for one in seen["today"]:
        print(f"{one['mode']}: {one['orders']} orders, {one['cancels']} cancels today")
    if seen["denied"]:
        print("denied: " + ", ".join(f"{code} {cnt}" for code, cnt in seen["denied"].items()))
    return 0


def _show_seats(seen: dict[str, Any]) -> None:
    def row(name: str, account: str, state: str, pid: object, one: dict[str, Any]) -> tuple[object, ...]:
        return (
            name,
            account,
            state,
            pid,
            one["symbol"],
            one["position"],
            one["buying"],
            one["selling"],
            one["open_orders"],
            one["exposure"],
        )

    rows: list[tuple[object, ...]] = []
    for seat in seen["seats"]:
        who = (seat["name"], f"{seat['account']} {seat['mode']}", seat["state"], seat["pid"] if seat["alive"] else "-")
        rows += [row(*who, one) for one in seat["symbols"]] or [(*who, "-", "0", "0", "0", 0, "0")]
    rows += [row("all", one["mode"], "", "", one) for one in seen["totals"]]
    output.as_table(("STRATEGY", "ACCOUNT", "STATE", "PID", "SYMBOL", "POSITION", "BUYING", "SELLING", "OPEN", "EXPOSURE"), rows)
    print()
