"""``aats instruments``: what a venue lists, as orders and books need it."""

from __future__ import annotations

import argparse
import difflib
import time
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aats import config
from aats.cli import output
from aats.errors import ConfigError

if TYPE_CHECKING:
    from aats.venue import Instrument

_MODES = ("direct", "sandbox", "sim")
_HEAD = ("SYMBOL", "VENUE'S NAME", "KIND", "TICK", "LOT", "CONTRACT", "MIN", "STATUS")


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    listed = commands.add_parser(
        "instruments",
        help="list what a venue trades",
        description="List the instruments of a venue: our name and the venue's, kind, tick, lot, contract, smallest order, status. Both names are taken "
        "wherever a symbol is asked for. What it was told is kept on disk (--cached shows that, without asking). Status: 0 found, 1 the venue did not "
        "answer, or a symbol is not listed.",
    )
    listed.add_argument("venue", metavar="VENUE", choices=config.VENUES, help=f"one of {', '.join(config.VENUES)}")
    listed.add_argument("symbols", metavar="SYMBOL", nargs="*", help="only these: our name or the venue's; with * or ? all that match")
    listed.add_argument(
        "--mode", choices=_MODES, help="whose list; default: that of AATS_MODE, else direct, which needs no key and trades nothing"
    )
    listed.add_argument("--cached", action="store_true", help="as it was last told, without asking the venue")
    listed.add_argument("--json", action="store_true", help="a JSON list, one object an instrument; numbers are exact texts")
    listed.set_defaults(run=_instruments)


def _instruments(args: argparse.Namespace) -> int:
    from aats import instrument_store

    asked = config.environment()["AATS_MODE"][0]
    args.mode = args.mode or (asked if asked in _MODES else _MODES[0])
    if args.cached:
        rows = instrument_store.kept(args.venue, args.mode)
        if not rows:
            raise ConfigError(f"nothing is kept of {args.venue} {args.mode}: ask without --cached")
        oldest = min(one.asked_ms for one in rows.values())
        found = [one.instrument for one in rows.values()]
    else:
        found, oldest = _ask(args.venue, args.mode), 0
    found = _chosen(args.venue, found, args.symbols)
    if args.json:
        output.as_json([_plain(one) for one in found])
        return 0
    output.as_table(_HEAD, [_row(one) for one in found])
    if oldest:
        print(f"as told up to {output.ago(time.time() - oldest / 1000)} ago")
    return 0


def _ask(venue: str, mode: str) -> list[Instrument]:
    from aats import budget, instrument_store
    from aats.venue import client_class
    from aats.venue.base import Endpoints

    environment = config.environment()
    variable = f"AATS_ENDPOINT_{venue}_{mode.upper()}_REST"
    own = client_class(venue).endpoints_of(mode)
    rest = environment[variable][0] if variable in environment else own.rest if own is not None else ""
    if not rest:
        hint = "`aats sim` prints it" if mode == "sim" else f"{venue} has no {mode} network of its own"
        raise ConfigError(f"{venue} {mode}: no address: set {variable} ({hint})")
    shared = budget.budgets_of(venue, mode, rest, member=False)
    client = client_class(venue)(Endpoints(rest, ""), cafile=environment["AATS_CAFILE"][0], budget=shared)
    try:
        found = client.listing()
    finally:
        client.close()
    instrument_store.remember(venue, mode, rest, found, whole=True)
    return found


def _chosen(venue: str, listed: list[Instrument], symbols: list[str]) -> list[Instrument]:
    """Return those that were asked for, by our name; all if none was."""
    from fnmatch import fnmatchcase

    from aats.venue import wanted_name

    listed = sorted(listed, key=lambda one: one.symbol)
    if not symbols:
        return listed
    out: dict[str, Instrument] = {}
    for symbol in symbols:
        name = wanted_name(symbol).upper()
        hits = [one for one in listed if fnmatchcase(one.native.upper(), name) or fnmatchcase(one.symbol.rpartition(".")[0], name)]
        if not hits:
            near = difflib.get_close_matches(name, [one.native for one in listed], n=3)
            raise ConfigError(f"symbol {symbol!r} is not listed on {venue}{f' (near ones: {chr(44).join(near)})' if near else ''}")
        out.update({one.native: one for one in hits})
    return sorted(out.values(), key=lambda one: one.symbol)


def _text(value: Decimal) -> str:
    out = format(value, "f")
    return out.rstrip("0").rstrip(".") if "." in out else out


def _row(one: Instrument) -> tuple[str, ...]:
    contract = "" if one.kind == "spot" else f"{_text(one.contract_size)} {one.contract_unit}{' inverse' if one.inverse else ''}"
    least = " ".join(
        part
        for part in (
            _text(one.limits.min_qty) if one.limits.min_qty else "",
            f"({_text(one.limits.min_notional)} {one.quote})" if one.limits.min_notional else "",
        )
        if part
    )
    status = one.status or ("trading" if one.trading else "halted")
    return (
        one.symbol,
        one.native,
        one.kind,
        _text(one.tick),
        _text(one.lot),
        contract,
        least,
        status if one.trading else f"{status} (no orders)",
    )


def _plain(one: Instrument) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return _text(value) if isinstance(value, Decimal) else value

    out: dict[str, Any] = plain(asdict(one))
    return out
