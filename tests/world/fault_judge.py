"""What the strategies believe in the end, against what the exchange's own books say: to the last decimal.

Orders are found by client id, through all lives: each that the exchange has was sent by one of them, once; each that was told as living is there, with
the same fills.  Positions, cash and fees are added up from the exchange's fills, not from ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aats import journal
from aats._ffi import ffi, lib
from tests.world.judge import Wrong
from tests.world.order_world import wide
from tests.world.trader import Told

if TYPE_CHECKING:
    from tests.world.fault_lives import Life, Strategy
    from tests.world.fault_world import FaultWorld

ENDED = ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH")


def compare(world: FaultWorld) -> None:
    """Raise `Wrong` at the first thing that one side knows and the other does not."""
    wrong = world.exchange.ledger.audit()
    if wrong:
        raise Wrong("; ".join(wrong))
    theirs = orders_there(world)
    for strategy in world.strategies:
        of_it = {no: order for no, order in theirs.items() if no[0] in strategy.instances}
        for no in of_it:
            del theirs[no]
        compare_journals(strategy)
        compare_money(strategy, of_it)
        compare_orders(strategy, of_it)
    if theirs:
        raise Wrong(f"orders that nobody sent: {[order.client_id for order in theirs.values()]}")


def orders_there(world: FaultWorld) -> dict[tuple[int, int], Any]:
    """Return all orders of the exchange by client id."""
    theirs: dict[tuple[int, int], Any] = {}
    for account in world.accounts:
        if account.open:
            raise Wrong(f"open at the exchange after leaving: {[order.client_id for order in account.open.values()]}")
        for order in account.orders.values():
            no = int(order.client_id[:16], 16), int(order.client_id[16:], 16)
            if no in theirs:
                raise Wrong(f"the exchange has two orders of the client id {order.client_id}")
            if order.status not in ENDED:
                raise Wrong(f"order {order.client_id} is {order.status} at the exchange, after leaving")
            theirs[no] = order
    return theirs


def compare_journals(strategy: Strategy) -> None:
    """Raise `Wrong` if a journal says that something is open, or that the last life has not left in order."""
    for run in journal.scan(strategy.folder):
        if run.left or (run.instance == strategy.life.instance and not run.ended):
            raise Wrong(f"{strategy.name}: the journal of {run.instance:016x} (ended: {run.ended}) has left {sorted(run.left)}")


def compare_money(strategy: Strategy, theirs: dict[tuple[int, int], Any]) -> None:
    """Hold size, cash and fees, as the last life believes them, against the exchange's fills of all lives."""
    world, life = strategy.world, strategy.life
    fees: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for sym, name in enumerate(world.names):
        size = cash = 0  # at 1e-16
        base, quote = world.market.symbols[name].base, world.market.symbols[name].quote
        cnt = 0
        for order in theirs.values():
            if order.symbol != name:
                continue
            for fill in order.fills:
                sign = 1 if order.buys else -1
                cnt += 1
                size += sign * fill.qty * 10**8 - (fill.fee * 10**8 if fill.fee_asset == base else 0)
                cash -= sign * fill.qty * fill.px + (fill.fee * 10**8 if fill.fee_asset == quote else 0)
                fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) + fill.fee
        hold = ffi.new("aats_hold_t *")
        there = lib.aats_trader_hold(life.trader, 0, sym, hold)
        believed = (wide(hold.size) * 10 ** (16 + hold.base_exp), wide(hold.cash) * 10 ** (16 + hold.cash_exp), int(hold.fills))
        if not there:
            believed = (0, 0, 0)
        if believed != (size, cash, cnt):
            raise Wrong(
                f"{strategy.name} believes size, cash, fills of {name} to be {believed}, the exchange has {(size, cash, cnt)} (at 1e-16)"
            )
        sizes[name] = size // 10**8
    paid = fees_of(life)
    if paid != {asset: fee for asset, fee in fees.items() if fee}:
        raise Wrong(f"{strategy.name} believes to have paid {paid}, the exchange has taken {fees} (at 1e-8)")
    world.risk.compare(life, sizes)


def fees_of(life: Life) -> dict[str, int]:
    """Return the fees that a life believes that its strategy has paid, at 1e-8, as its journal has them in the end."""
    found: dict[str, int] = {}
    run = next(
        run
        for run in (journal.read_run(parts) for parts in journal.files_of(life.strategy.folder).values())
        if run.instance == life.instance
    )
    for (_, asset), fee in run.fees.items():
        amount = (int(fee["amount"]["hi"]) << 64) + int(fee["amount"]["lo"])
        found[asset] = amount * 10 ** (8 + int(fee["fee_exp"]))
    return {asset: fee for asset, fee in found.items() if fee}


def compare_orders(strategy: Strategy, theirs: dict[tuple[int, int], Any]) -> None:
    """Hold every story that any life was told against the order at the exchange."""
    stories: dict[tuple[int, int], list[tuple[int, Told]]] = {}
    for life in strategy.lives:
        for order_id, told in life.told.items():
            stories.setdefault(life.client_ids[order_id], []).append((life.number, told))
    for no, told_by in stories.items():
        order = theirs.pop(no, None)
        name = f"{strategy.name}, order {no[0]:016x}{no[1]:016x}"
        ended = [(number, told) for number, told in told_by if told.letters.endswith("Z")]
        if not ended:
            if order is not None:
                raise Wrong(f"{name}: {order.status} at the exchange, and nobody was told its end: {told_by}")
            continue
        for number, told in ended:
            compare_story(f"{name}, life {number}", told, order)
        for number, told in told_by:  # a life that died in the middle was told nothing else
            if order is None and "A" in told.letters:
                raise Wrong(f"{name}, life {number}: told {told.letters}, and the exchange never had it")
            if order is not None:
                fills = fills_of(order)
                if any(fills.get(trade_id) != fill for trade_id, fill in told.fills.items()):
                    raise Wrong(f"{name}, life {number}: told fills {told.fills}, the exchange has {fills}")
    if theirs:
        raise Wrong(f"{strategy.name}: the exchange has orders of which nobody was told: {[order.client_id for order in theirs.values()]}")


def fills_of(order: Any) -> dict[int, tuple[int, int, int, str]]:
    return {fill.trade_id: (fill.px, fill.qty, fill.fee, fill.fee_asset) for fill in order.fills}


def compare_story(name: str, told: Told, order: Any) -> None:
    """Hold one whole story against the exchange's order, None if it has none."""
    if (order is not None) != ("A" in told.letters):
        raise Wrong(f"{name}: told {told.letters} ({told.code}), the exchange has {order.status if order else 'nothing'}")
    if order is None:
        return
    if (order.status == "FILLED") != ("X" not in told.letters):
        raise Wrong(f"{name}: told {told.letters} ({told.code}), the exchange has {order.status}")
    fills = fills_of(order)
    if fills != told.fills:
        raise Wrong(f"{name}: told fills {told.fills}, the exchange has {fills}")
    if told.remote_id != str(order.id):
        raise Wrong(f"{name}: told id {told.remote_id}, the exchange has {order.id}")
