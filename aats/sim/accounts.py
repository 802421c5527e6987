"""Accounts of the simulated exchange: balances, what is locked for open orders, fees; and the ledger over them all.

    free --lock--> locked --pay--> (the other side)        a buy locks price x quantity of the quote asset, a sell locks
      ^---unlock-----'                                     its quantity of the base asset

The other side of a trade is another account or the outside, the market's nameless participants.  Nothing is made or
lost: for each asset the accounts, the fees taken and the outside add up to what was deposited, and `Ledger.audit` says
so or where not.  All amounts are integers at 1e-16.  Owned by the ledger, written by orders.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aats.sim.amounts import text16

if TYPE_CHECKING:
    from aats.sim.reports import Fill, Order

FREE, LOCKED = 0, 1


@dataclass(eq=False)
class Account:
    """One client of the venue: its balances, its orders, its fills.

    `by_client` finds an order by (symbol, client id), the open one if an id was used again; `rates` are maker and taker
    fee in parts of the notional at 1e-8.
    """

    number: int
    rates: tuple[int, int]
    balances: dict[str, list[int]] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    by_client: dict[tuple[str, str], Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    updated_ns: int = 0

    def free(self, asset: str) -> int:
        """Return what may be spent of an asset."""
        return self.balances[asset][FREE] if asset in self.balances else 0

    def lock(self, asset: str, amount: int) -> None:
        """Move `amount` from free to locked, or back if it is negative."""
        row = self.balances.setdefault(asset, [0, 0])
        row[FREE] -= amount
        row[LOCKED] += amount


class Ledger:
    """All accounts, the fees taken from them, and the outside.

    Parameters
    ----------
    deposits
        What every account begins with: asset to amount at 1e-16.
    rates
        Maker and taker fee in parts of the notional at 1e-8.
    """

    def __init__(self, deposits: Mapping[str, int], rates: tuple[int, int]) -> None:
        self.deposits = dict(deposits)
        self.rates = rates
        self.accounts: list[Account] = []
        self.outside = dict.fromkeys(deposits, 0)
        self.fees = dict.fromkeys(deposits, 0)

    def open(self) -> Account:
        """Return a new account with its deposits."""
        account = Account(len(self.accounts) + 1, self.rates, {asset: [amount, 0] for asset, amount in self.deposits.items()})
        self.accounts.append(account)
        return account

    def pay(self, account: Account, asset: str, amount: int, locked: int) -> None:
        """Take `amount` from an account, `locked` of it from what was locked for it, the rest from what is free."""
        row = account.balances.setdefault(asset, [0, 0])
        row[LOCKED] -= locked
        row[FREE] -= amount - locked
        self.outside[asset] = self.outside.get(asset, 0) + amount

    def receive(self, account: Account, asset: str, amount: int, fee: int) -> None:
        """Give an account `amount` less `fee`."""
        account.balances.setdefault(asset, [0, 0])[FREE] += amount - fee
        self.outside[asset] = self.outside.get(asset, 0) - amount
        self.fees[asset] = self.fees.get(asset, 0) + fee

    def audit(self) -> list[str]:
        """Return what does not add up, one sentence each; an empty list is the only good answer.

        Between two own accounts each half of a trade goes through the outside, which gives and takes the same.
        """
        wrong = []
        for asset, deposit in self.deposits.items():
            held = sum(sum(account.balances.get(asset, (0, 0))) for account in self.accounts)
            there = held + self.fees.get(asset, 0) + self.outside.get(asset, 0)
            if there != deposit * len(self.accounts):
                wrong.append(f"{asset}: {text16(there)} in accounts, fees and outside, {text16(deposit * len(self.accounts))} deposited")
        for account in self.accounts:
            wrong += self._audit_account(account)
        return wrong

    def _audit_account(self, account: Account) -> Iterable[str]:
        locked: dict[str, int] = {}
        for order in account.open.values():
            locked[order.pays] = locked.get(order.pays, 0) + order.locked
            if order.locked != order.needs():
                yield f"account {account.number}, order {order.id}: {text16(order.locked)} locked, {text16(order.needs())} needed"
        for asset, (free, held) in account.balances.items():
            if free < 0:
                yield f"account {account.number}: {text16(free)} free {asset}"
            if held != locked.get(asset, 0):
                yield f"account {account.number}: {text16(held)} {asset} locked, its open orders hold {text16(locked.get(asset, 0))}"
        traded: dict[str, int] = {}
        for fill in account.fills:
            for asset, amount in fill.flows():
                traded[asset] = traded.get(asset, 0) + amount
        for asset, (free, held) in account.balances.items():
            due = self.deposits.get(asset, 0) + traded.get(asset, 0)
            if free + held != due:
                yield f"account {account.number}: {text16(free + held)} {asset}, its deposits and fills give {text16(due)}"
