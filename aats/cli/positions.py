"""``aats positions``: what the strategies of this user hold, by strategy, by account, and in all."""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aats.cli import output

if TYPE_CHECKING:
    from aats.cli.holdings import AssetLine, Held


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    positions = commands.add_parser(
        "positions",
        help="list what strategies hold and have made",
        description="List what each strategy holds of each symbol through all its runs, the sums by account and over this host, and what the exchange "
        "said last of each asset beside it. Living processes are asked through shared memory, the others' journals are read. Prices are those of the feeds "
        "that run here; profits that need one are '-' without. Paper holdings are in no sum.",
    )
    positions.add_argument(
        "--json", action="store_true", help="one JSON object; amounts are exact decimal text, null where a price is not known"
    )
    positions.set_defaults(run=_positions)


def _positions(args: argparse.Namespace) -> int:
    from aats.cli import holdings
    from aats.cli.open_orders import living

    found, told = holdings.held_by_all(living())
    found = holdings.priced(found, holdings.mids({one.position.symbol for one in found if one.position.size}))
    accounts, host, assets = holdings.by_account(found), holdings.by_host(found), holdings.assets(found, told)
    if args.json:
        output.as_json(
            {
                "strategies": [_row(one) for one in found],
                "accounts": [_row(one) for one in accounts],
                "assets": [_asset(one) for one in assets],
                "host": [_row(one) for one in host],
            }
        )
    elif not found and not assets:
        print("nothing is held: no strategy of this user has traded yet")
    else:
        _show(found, accounts, assets, host)
    return 0


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _average(one: Held) -> Decimal | None:
    """Return the average price of what is open; a sum of long and short ones has none that means anything."""
    return one.position.avg_px if one.position.size and one.source != "sum" else None


def _row(one: Held) -> dict[str, Any]:
    held = one.position
    who = {"source": one.source, "owner": one.owner, "strategy": one.strategy} if one.source != "sum" else {}
    return {
        **who,
        **({"account": one.account} if one.account else {}),
        "mode": one.mode,
        "symbol": held.symbol,
        "base": held.base,
        "quote": held.quote,
        "size": _text(held.size),
        "avg_px": _text(_average(one)),
        "price": _text(held.price),
        "cash": _text(held.cash),
        "cost": _text(held.cost),
        "realised": _text(held.realised),
        "unrealised": _text(held.unrealised()),
        "total": _text(held.total()),
        "fees": {asset: _text(amount) for asset, amount in held.fees.items()},
        "fills": held.fills,
        **({"runs": held.runs, "day_profit": _text(held.day_profit())} if one.source != "sum" else {}),
    }


def _asset(one: AssetLine) -> dict[str, Any]:
    told = one.balance
    return {
        "account": one.account,
        "asset": one.asset,
        "held": _text(one.held),
        "balance": _text(told.total) if told else None,
        "free": _text(told.free) if told else None,
        "locked": _text(told.locked) if told else None,
        "age_s": round(told.age_ns / 1e9, 3) if told else None,
        "other": _text(one.other),
    }


def _show(found: list[Held], accounts: list[Held], assets: list[AssetLine], host: list[Held]) -> None:
    numbers = ("SIZE", "AVERAGE", "PRICE", "REALISED", "UNREALISED", "TOTAL")
    if found:
        output.as_table(
            ("OWNER", "ACCOUNT", "MODE", "STRATEGY", "SYMBOL", *numbers, "DAY", "IN"),
            [
                (
                    one.owner,
                    one.account or "-",
                    one.mode or "-",
                    one.strategy,
                    one.position.symbol,
                    *_cells(one),
                    _cell(one.position.day_profit()),
                    one.position.quote,
                )
                for one in found
            ],
        )
    for head, rows in (("ACCOUNT", accounts), ("ALL ACCOUNTS", host)):
        if rows:
            print()
            output.as_table(
                (head, "MODE", "SYMBOL", *numbers, "IN"),
                [(one.account, one.mode or "-", one.position.symbol, *_cells(one), one.position.quote) for one in rows],
            )
    if assets:
        print()
        output.as_table(
            ("ACCOUNT", "ASSET", "BY STRATEGIES", "BALANCE", "FREE", "LOCKED", "OTHER", "TOLD"),
            [_asset_cells(one) for one in assets],
        )


def _cell(value: Decimal | None) -> str:
    return _text(value) or "-"


def _cells(one: Held) -> tuple[str, ...]:
    held = one.position
    return tuple(_cell(value) for value in (held.size, _average(one), held.price, held.realised, held.unrealised(), held.total()))


def _asset_cells(one: AssetLine) -> tuple[str, ...]:
    told = one.balance
    if told is None:
        return one.account or "-", one.asset, _cell(one.held), "-", "-", "-", "-", "-"
    ago = f"{output.ago(told.age_ns / 1e9)} ago"
    return one.account or "-", one.asset, _cell(one.held), _cell(told.total), _cell(told.free), _cell(told.locked), _cell(one.other), ago
