"""Open orders, from all that knows of them: living trade processes, journals of dead ones, and the exchange itself.

For: `aats orders` and `aats flatten`.  Nothing is changed here.

    source    what is read                            says
    process   td segment of a living trade process    the order as its engine knows it now
    journal   file of a run that has not ended        the order as it was last written down: it may be open at the exchange, or not any more
    venue     signed REST of the account              what is open there; the client id says whether a run of ours sent it
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aats import control, journal, shm
from aats._ffi import ffi, lib, text
from aats.cli.book import decimal
from aats.errors import AatsError, SegmentMissing, ShmError
from aats.layout import TD, TD_OFFSET, Kind, Mode, Role, State, dtype_of
from aats.trade_orders import living_instances
from aats.venue.account import AccountOrder

__all__ = [
    "Living",
    "OpenOrder",
    "account_at",
    "dead_orders",
    "elsewhere",
    "others_of",
    "instance_of",
    "living",
    "living_client_ids",
    "living_orders",
    "venue_order",
]

_SIDES = {int(lib.AATS_SIDE_BUY): "buy", int(lib.AATS_SIDE_SELL): "sell"}
_TIFS = {int(getattr(lib, f"AATS_TIF_{name}")): name.lower() for name in ("IOC", "POS", "GTC", "FOK", "MARKET")}
_STATES = {int(getattr(lib, f"AATS_ORD_{name}")): name.lower() for name in ("NEW", "LIVE", "ENDING", "CLOSED")}


@dataclass(frozen=True)
class OpenOrder:
    """One order that is or may be open; numbers as exact text, "" where they are not known.

    Attributes
    ----------
    source : str
        ``process``, ``journal`` or ``venue``.
    owner : str
        ``name (pid)`` of the process, ``name, process gone``, or ``foreign``.
    """

    source: str
    owner: str
    account: str
    symbol: str
    client_id: str
    order_id: int | None = None
    side: str = ""
    tif: str = ""
    size: str = ""
    filled: str = ""
    price: str = ""
    state: str = ""
    created_ns: int = 0


@dataclass(frozen=True)
class Living:
    """A trade process that runs.

    Attributes
    ----------
    starts : bool
        It is not ready yet: it may have begun a journal, and cancel what its last run left.
    instance : int
        Upper half of the client ids of its orders; 0 if it has none (yet).
    account : str
        By its journal; "" if it has none: it starts, only listens, or trades on paper.
    others : tuple of str
        Its accounts at further exchanges: all its orders are in the journal of the first.
    """

    name: str
    pid: int
    mode: Mode
    starts: bool
    instance: int
    account: str
    segment: shm.Segment | None
    others: tuple[str, ...] = ()

    def account_at(self, symbol: str) -> str:
        """Return the account that its orders in a symbol are on."""
        return account_at(symbol, self.account, self.others)


def account_at(symbol: str, account: str, others: Iterable[str]) -> str:
    """Return which of a strategy's accounts a symbol is traded on: that of its exchange, else the first."""
    exchange = symbol.rpartition(".")[2]
    return next((one for one in (account, *others) if exchange and _exchange_of(one) == exchange), account)


def others_of(strategy: str, account: str) -> tuple[str, ...]:
    """Return the accounts at other exchanges where a strategy has a folder: its runs' journals are in that of the first account."""
    return tuple(one for one, name, _ in journal.folders() if name == strategy and _exchange_of(one) != _exchange_of(account))


def _exchange_of(account: str) -> str:
    return account.partition("-")[0].upper()


def living() -> list[Living]:
    """Return the trade processes that run in this namespace."""
    try:
        entries = control.Table.open().entries()
    except SegmentMissing:
        return []
    folders = journal.folders()
    found = []
    for entry in entries:
        if entry.role != Role.TRADE or not entry.alive():
            continue
        segment, instance = None, 0
        if entry.segment is not None:
            try:
                segment = shm.attach(entry.segment)
                _check(segment)
                instance = int(segment.array(TD, TD_OFFSET)[0]["instance"])
            except AatsError:  # it ends at this moment
                segment = None
        accounts = [account for account, _, folder in folders if instance and (folder / f"{instance:016x}.aj").exists()]
        account = accounts[0] if accounts else ""
        others = others_of(entry.name, account) if account and segment is not None else ()
        if others:
            assert segment is not None
            traded = {one.symbol.rpartition(".")[2] for one in shm.Trading(segment).positions()}
            others = tuple(one for one in others if _exchange_of(one) in traded)
        found.append(Living(entry.name, entry.pid, entry.mode, entry.state == State.BOOT, instance, account, segment, others))
    return found


def elsewhere(processes: list[Living]) -> set[int]:
    """Return the instances of this user's trade processes that run in other namespaces: their orders are not those of the dead."""
    return living_instances() - {one.instance for one in processes}


def _check(segment: shm.Segment) -> None:
    why = ffi.new("char[]", 400)
    if lib.aats_td_check(ffi.from_buffer(segment.memory), segment.size, why, 400) != lib.AATS_OK:
        raise ShmError(f"{segment.name}: {text(why)}")


def living_orders(processes: list[Living]) -> Iterator[OpenOrder]:
    """Yield the orders that living processes have open."""
    order = ffi.new("aats_order_t *")
    for one in processes:
        if one.segment is None:
            continue
        head = one.segment.array(TD, TD_OFFSET)[0]
        states = one.segment.array(dtype_of("aats_order_t"), int(head["order_off"]), int(head["order_cap"]))["state"]
        for slot in states.nonzero()[0]:
            if lib.aats_td_get_order(ffi.from_buffer(one.segment.memory), int(slot), order) == 1 and order.state != lib.AATS_ORD_CLOSED:
                raw = ffi.buffer(order)[:]
                yield _order("process", f"{one.name} ({one.pid})", one.account_at(text(order.symbol)), _record(raw))


def _record(raw: bytes) -> Any:
    return np.frombuffer(raw, dtype_of("aats_order_t"))[0]


def _order(source: str, owner: str, account: str, order: Any) -> OpenOrder:
    px, qty = int(order["px_exp"]), int(order["qty_exp"])
    client = ffi.new("char[33]")
    lib.aats_client_id_format(int(order["instance"]), int(order["client_no"]) or int(order["order_id"]), client)
    return OpenOrder(
        source=source,
        owner=owner,
        account=account,
        symbol=bytes(order["symbol"]).decode("utf-8", "replace"),
        client_id=text(client),
        order_id=int(order["order_id"]),
        side=_SIDES.get(int(order["side"]), ""),
        tif=_TIFS.get(int(order["tif"]), ""),
        size=decimal(int(order["qty_i"]), qty),
        filled=decimal(int(order["cum_qty_i"]), qty),
        price=decimal(int(order["px_i"]), px),
        state=_STATES.get(int(order["state"]), "") + (" unknown" if int(order["flags"]) & lib.AATS_OF_UNKNOWN else ""),
        created_ns=int(order["created_ns"]),
    )


def runs(processes: list[Living]) -> Iterator[tuple[str, str, journal.Run]]:
    """Yield (account, strategy, run) of every run that has not ended and whose process is gone."""
    alive = {one.instance for one in processes if one.instance} | elsewhere(processes)
    for account, strategy, folder in journal.folders():
        found = [run for run in journal.scan(folder) if not run.ended and run.instance not in alive]
        if any(one.name == strategy and one.starts and not one.instance for one in processes):
            found = found[:-1]  # it starts at this moment: the newest file may be its own
        for run in found:
            yield account, strategy, run


def dead_orders(processes: list[Living]) -> Iterator[tuple[Path, OpenOrder]]:
    """Yield the orders that dead processes left, with the journal that says so."""
    for account, strategy, run in runs(processes):
        for left in run.open:
            owner = f"{strategy}, process gone"
            if left.order is None:
                yield run.path, OpenOrder("journal", owner, account, "", left.client_id, left.order_id, state="unknown")
            else:
                yield run.path, _order("journal", owner, account_at(left.symbol, account, others_of(strategy, account)), left.order)


def instance_of(client_id: str) -> int:
    """Return the instance in a client id, 0 if it is none of ours."""
    out = ffi.new("uint64_t *"), ffi.new("int64_t *")
    raw = client_id.encode()
    return int(out[0][0]) if lib.aats_client_id_parse(raw, len(raw), *out) == lib.AATS_OK else 0


def living_client_ids() -> dict[str, OpenOrder]:
    """Return each order that a living trade process has open, by client id, in any namespace: also those that it took over from a dead one."""
    out: dict[str, OpenOrder] = {}
    for name in shm.names(kind=Kind.TD):
        with contextlib.suppress(AatsError):  # it may go meanwhile
            segment = shm.attach(name)
            owner = int(segment.header["owner"])
            if not shm.process_alive(owner):
                continue
            _check(segment)
            one = Living(name.label, int(lib.aats_ident_pid(owner)), Mode.NONE, False, 0, "", segment)
            foreign = name.namespace != shm.namespace()
            for order in living_orders([one]):
                out[order.client_id] = replace(order, owner=f"{name.label}, in another namespace") if foreign else order
    return out


def known_instances(account: str, processes: list[Living]) -> dict[int, str]:
    """Return the owner of each instance that has, or may have, traded on an account from here."""
    alive = {one.instance: f"{one.name} ({one.pid})" for one in processes if one.instance}
    others = elsewhere(processes)
    out = {}
    for name, strategy, folder in journal.folders():
        if name == account or account in others_of(strategy, name):
            for path in folder.glob("*.aj"):
                try:
                    instance = int(path.stem, 16)
                except ValueError:
                    continue
                where = "in another namespace" if instance in others else "process gone"
                out[instance] = alive.get(instance, f"{strategy}, {where}")
    for name, strategy, run in runs(processes):  # what it took over may be of runs whose files are gone
        if name == account or account in others_of(strategy, name):
            for left in run.left.values():
                out.setdefault(left.instance, f"{strategy}, process gone")
    return out


def venue_order(
    order: AccountOrder, exchange: str, account: str, owners: Mapping[int, str], held: Mapping[str, OpenOrder], symbol: str = ""
) -> OpenOrder:
    """Return an open order as its venue describes it; `owners` by instance, `held` by client id: that process has it now, whoever sent it."""
    mine = held.get(order.client_id)
    ours = instance_of(order.client_id) in owners
    return OpenOrder(
        source="venue",
        owner=owners.get(instance_of(order.client_id), "foreign") if mine is None else mine.owner,
        account=account,
        symbol=symbol or f"{order.native}.{exchange}",
        client_id=order.client_id,
        order_id=mine.order_id if mine is not None else int(order.client_id[16:], 16) if ours else None,
        side=order.side,
        tif=order.tif,
        size=_plain(order.size),
        filled=_plain(order.filled),
        price=_plain(order.price),
        state=order.state,
        created_ns=order.created_ms * 1_000_000,
    )


def _plain(value: Any) -> str:
    out = str(value or "0")
    return out.rstrip("0").rstrip(".") if "." in out else out
