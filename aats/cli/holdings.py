"""What all strategies of this user hold, from all that knows of it: living trade processes, and the journals of those that are gone.

For: ``aats positions``.  Nothing is changed here, and nothing is asked of an exchange.

    source    what is read                              says
    process   td segment of a living trade process      holdings and balances as they are now
    journal   newest run of a strategy on an account    holdings as they were last written down, each fill entered: of a process that is gone, of one that only
                                                        starts, and of one that runs in another namespace

Paper holdings are of their process alone: they are shown, but in no sum.  Modes are never added up: a simulated coin is none.  The mode of a process that is
gone is that of its seat in the risk segment, or of a neighbour on its account; "" where nothing says it any more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from aats import control, journal, shm
from aats._ffi import ffi, text
from aats.cli.open_orders import Living, account_at, others_of
from aats.errors import AatsError
from aats.layout import Mode
from aats.money import EXACT, Balance, Position, minus, plus, tidy
from aats.shm import Segment
from aats.shm.risk import open_host
from aats.trade_money import balances_of, holdings_of, position_of, utc_day

#: Exchanges whose symbols are contracts, also where one unit is worth one of the base asset.
_CONTRACTS = (".BINANCE_SWAP", ".BYBIT_SWAP", ".OKX_SWAP")

__all__ = ["AssetLine", "Held", "by_account", "by_host", "held_by_all", "mids"]


@dataclass(frozen=True)
class Held:
    """What one strategy, one account or the host holds of one symbol.

    Attributes
    ----------
    owner : str
        ``maker (4711)``, ``maker, process gone``, ``maker, elsewhere``; of sums ``""``.
    account : str
        Its id; ``paper``; of the host's sums ``""``.
    strategy : int
        In the order of add_strategy; of sums -1.
    mode : str
        ``direct``, ``sandbox``, ``sim``, ``paper``; "" where it is not known.
    """

    source: str
    owner: str
    account: str
    strategy: int
    position: Position
    mode: str = ""


@dataclass(frozen=True)
class AssetLine:
    """One asset of an account: what strategies of ours have made of it beside what the venue says is there.

    Attributes
    ----------
    held : Decimal
        Sum of the sizes and cash of all strategies in this asset.
    balance : Balance or None
        As the venue told a living process; None where it has told none.
    """

    account: str
    asset: str
    held: Decimal
    balance: Balance | None

    @property
    def other(self) -> Decimal | None:
        """What of the balance no strategy of ours has traded in: deposits, other programs."""
        return None if self.balance is None else minus(self.balance.total, self.held)


def held_by_all(processes: list[Living]) -> tuple[list[Held], list[tuple[str, Balance]]]:
    """Return all holdings, of the living and of the dead, and the balances that the living were told, with their accounts."""
    found: list[Held] = []
    told: list[tuple[str, Balance]] = []
    seen: set[tuple[str, str]] = set()
    for one in processes:
        if one.segment is None or one.starts:
            continue
        seen.add((one.account, one.name))
        owner, mode = f"{one.name} ({one.pid})", one.mode.name.lower()
        paper = one.mode == Mode.PAPER
        for strategy, held in holdings_of(one.segment):
            found.append(Held("process", owner, "paper" if paper else one.account_at(held.symbol), strategy, held, mode))
        told += [("paper" if paper else one.account_at(f".{balance.exchange}"), balance) for balance in balances_of(one.segment)]
    found += _from_journals(seen)
    known = {one.account: one.mode for one in found if one.mode}  # a key is of one mode
    found = [replace(one, mode=one.mode or known.get(one.account, "")) for one in found]
    return sorted(found, key=lambda one: (one.account, one.owner, one.position.symbol, one.strategy)), told


def _from_journals(seen: set[tuple[str, str]]) -> Iterator[Held]:
    modes = _modes_of_seats()
    for account, strategy, folder in journal.folders():
        if (account, strategy) in seen:
            continue
        run = journal.carried(journal.scan(folder))
        if run is None:
            continue
        owner = f"{strategy}, {'elsewhere' if run.running else 'process gone'}"
        others = others_of(strategy, account)
        for (number, _), hold in run.holds.items():
            held = _position(hold)
            yield Held("journal", owner, account_at(held.symbol, account, others), number, held, modes.get((account, strategy), ""))


def _modes_of_seats() -> dict[tuple[str, str], str]:
    """Return the mode of each account and strategy that has a seat in this namespace."""
    found = {}
    with contextlib.suppress(AatsError):  # nobody has traded here since the last one went
        for _, seat in open_host(create=False).seats():
            found[text(seat.account), text(seat.name)] = Mode(int(seat.mode)).name.lower()
    return found


def _position(record: Any) -> Position:
    raw = ffi.new("aats_hold_t *")
    ffi.memmove(raw, record.tobytes(), ffi.sizeof("aats_hold_t"))
    return position_of(raw, day=utc_day())


# --------------------------------------------------------------------------------------------------------------- sums


def _sum(found: Iterable[Position]) -> Position:
    """Add up holdings of one symbol; averages and days are of each alone."""
    held = list(found)
    fees: dict[str, Decimal] = {}
    for one in held:
        for asset, amount in one.fees.items():
            fees[asset] = plus((fees.get(asset, Decimal(0)), amount))
    return Position(
        held[0].symbol,
        held[0].base,
        held[0].quote,
        size=plus(one.size for one in held),
        cash=plus(one.cash for one in held),
        cost=plus(one.cost for one in held),
        fees=fees,
        fills=sum(one.fills for one in held),
        runs=max(one.runs for one in held),
        price=held[0].price,
        px_exp=min(one.px_exp for one in held),
        contract=held[0].contract,
    )


def _sums(found: Iterable[Held], account_of: Callable[[Held], str]) -> list[Held]:
    groups: dict[tuple[str, str, str], list[Position]] = {}
    for one in found:
        if one.account != "paper":
            groups.setdefault((account_of(one), one.position.symbol, one.mode), []).append(one.position)
    return [Held("sum", "", account, -1, _sum(held), mode) for (account, _, mode), held in sorted(groups.items())]


def by_account(found: Iterable[Held]) -> list[Held]:
    """Return one sum an account and symbol."""
    return _sums(found, lambda one: one.account)


def by_host(found: Iterable[Held]) -> list[Held]:
    """Return one sum a symbol and mode, over all accounts."""
    return _sums(found, lambda one: "")


def _moved(one: Position) -> list[tuple[str, Decimal]]:
    """Return by how much a strategy's trades in a symbol have moved the account's assets: of a contract only what is realised, in what it settles in."""
    if one.contract == 1 and not one.symbol.endswith(_CONTRACTS):
        return [(one.base, one.size), (one.quote, one.cash)]
    return [(one.quote, one.realised)] if one.contract else []


def assets(found: Iterable[Held], told: Iterable[tuple[str, Balance]]) -> list[AssetLine]:
    """Return one line an account and asset: what strategies made of it, and the newest balance."""
    sums: dict[tuple[str, str], Decimal] = {}
    for one in found:
        if one.account != "paper":
            for asset, amount in _moved(one.position):
                sums[one.account, asset] = plus((sums.get((one.account, asset), Decimal(0)), amount))
    newest: dict[tuple[str, str], Balance] = {}
    for account, balance in told:
        have = newest.get((account, balance.asset))
        if account and (have is None or balance.age_ns < have.age_ns):
            newest[account, balance.asset] = balance
    keys = sorted({*sums, *newest})
    return [AssetLine(account, asset, sums.get((account, asset), Decimal(0)), newest.get((account, asset))) for account, asset in keys]


# ------------------------------------------------------------------------------------------------------------- prices


def mids(symbols: Iterable[str]) -> dict[str, Decimal]:
    """Return the middle of each symbol's book where a feed of this namespace has a good one."""
    wanted, found = set(symbols), dict[str, Decimal]()
    try:
        feeds = control.find_feeds() if wanted else []
    except AatsError:
        return {}
    for feed in feeds:
        try:
            segment, table = feed.attach(), control.Table.open().segment
        except AatsError:  # it ends at this moment
            continue
        for symbol in shm.symbols(segment):
            if symbol.symbol in wanted - set(found):
                price = _mid(segment, symbol.index, table)
                if price is not None:
                    found[symbol.symbol] = price
    return found


def _mid(segment: Segment, index: int, table: Segment) -> Decimal | None:
    book = shm.book(segment, index, table)
    if book is None or not book.valid or not len(book.bids_i) or not len(book.asks_i):
        return None
    both = int(book.bids_i[0][0]) + int(book.asks_i[0][0])
    return tidy(EXACT.scaleb(EXACT.multiply(Decimal(both), Decimal("0.5")), book.symbol.px_exp))


def priced(found: Iterable[Held], prices: dict[str, Decimal]) -> list[Held]:
    """Return the same with the prices that are known."""
    return [replace(one, position=replace(one.position, price=prices.get(one.position.symbol))) for one in found]
