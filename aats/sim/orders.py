"""The order desk of the simulated exchange: places, cancels, amends and replaces orders, and keeps their accounts.

    a request -> checks (filters, counts, ids, balance) -> pit, the matching engine -> its events -> balances, fills
                                                                                                 `-> user data

The desk decides what may be placed; the pit (pit.py) what is traded.  Each change of an order is told to its account's
listeners as the venue does: one executionReport, then one outboundAccountPosition with the assets that changed.  It
knows nothing of connections and signatures: those who call it (methods.py) have asked for both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aats._ffi import lib
from aats.sim.accounts import Account, Ledger
from aats.sim.amounts import E8, e8
from aats.sim.filters import Filters
from aats.sim.instruments import symbol_info
from aats.sim.limits import OrderCount, Refusal
from aats.sim.market import Event, Market
from aats.sim.pit import Pit
from aats.sim.reports import Fill, Order, execution, execution_fill, position

FIRST_ORDER_ID = 1_000_001

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_REFUSALS = {
    lib.AATS_MR_WOULD_CROSS: "Order would immediately match and take.",
    lib.AATS_MR_DUPLICATE: "Duplicate order sent.",
}


@dataclass(frozen=True)
class Wish:
    """A new order as a client wants it, syntax checked."""

    symbol: str
    buys: bool
    type: str
    tif: str
    px: int = 0
    qty: int = 0
    quote_qty: int = 0
    client_id: str = ""
    resp: str = "FULL"
    stp: str = ""


class Desk:
    """Orders of all accounts over one market.

    Parameters
    ----------
    tell
        Called with (account, event, order or None) for each user-data event.
    publish
        Called with the market events that an own order has made.
    """

    def __init__(
        self,
        market: Market,
        ledger: Ledger,
        *,
        tell: Callable[[Account, dict[str, Any], Order | None], None],
        publish: Callable[[list[Event]], None],
        limits: tuple[int, int],
    ) -> None:
        self.market = market
        self.ledger = ledger
        self._tell = tell
        self._publish = publish
        self._limits = limits
        self._pits: dict[str, Pit] = {}
        self._filters: dict[str, Filters] = {}
        self._counts: dict[int, OrderCount] = {}
        self._order_id = FIRST_ORDER_ID - 1
        self._execution_id = 0
        self._random = 0
        self._cancel_ids: dict[int, str] = {}  # orders that are being cancelled -> id of the cancel
        self._refused = ""  # why the engine refused the last order that it did
        self.placed = self.fill_count = 0

    # -- requests ------------------------------------------------------------------------------------------------------

    def filters(self, symbol: str) -> Filters:
        """Return the rules of a symbol."""
        if symbol not in self._filters:
            self._filters[symbol] = Filters(symbol_info(self.market.symbols[symbol]))
        return self._filters[symbol]

    def counts(self, account: Account) -> OrderCount:
        """Return an account's unfilled order count."""
        return self._counts.setdefault(account.number, OrderCount(*self._limits))

    def check(self, account: Account, wish: Wish) -> None:
        """Judge a wish by the symbol's filters; order.test stops here."""
        rules = self.filters(wish.symbol)
        if rules.status != "TRADING":
            raise Refusal(400, -2010, "Market is closed.")
        if wish.stp:
            rules.check_stp(wish.stp)
        reference = self.reference(wish.symbol)
        if wish.type != "MARKET":
            rules.check_limit(buys=wish.buys, px=wish.px, qty=wish.qty, reference=reference)
        elif wish.quote_qty:
            if not rules.quote_market:
                raise Refusal(400, -2010, "Quote order qty market orders are not support for this symbol.")
            rules.check_market_quote(quote=wish.quote_qty)
        else:
            rules.check_market(qty=wish.qty, reference=reference)
        if wish.type == "LIMIT_MAKER" or wish.tif == "GTC":
            rules.check_count(sum(1 for order in account.open.values() if order.symbol == wish.symbol))

    def place(self, account: Account, wish: Wish, now_ns: int) -> Order:
        """Place an order; return it as it is after everything that happened at once."""
        self.check(account, wish)
        pit = self._pit(wish.symbol, now_ns)
        client_id = wish.client_id or self.random_id()
        open_one = account.by_client.get((wish.symbol, client_id))
        if open_one is not None and open_one.id in account.open:
            raise Refusal(400, -2010, "Duplicate order sent.")
        symbol = self.market.symbols[wish.symbol]
        order = Order(
            self._order_id + 1,
            account,
            wish.symbol,
            symbol.base,
            symbol.quote,
            client_id,
            wish.buys,
            wish.type,
            wish.tif,
            wish.px,
            wish.qty,
            wish.quote_qty,
            wish.stp or self.filters(wish.symbol).stp,
            wish.resp,
            now_ns,
            updated_ns=now_ns,
        )
        need = self._need(order, pit)
        if need > account.free(order.pays):
            raise Refusal(400, -2010, "Account has insufficient balance for requested action.")
        self.counts(account).take(now_ns)
        self._order_id += 1
        order.locked = need
        account.lock(order.pays, need)
        events = pit.place(order, now_ns)
        if order.status == "REJECTED":
            self.counts(account).untake()
            raise Refusal(400, -2010, self._refused)
        self.placed += 1
        self._publish(events)
        return order

    def cancel(self, order: Order, cancel_id: str, now_ns: int) -> str:
        """Cancel an open order; return the id of the cancel."""
        cancel_id = cancel_id or self.random_id()
        events = self._pits[order.symbol].cancel(order, now_ns)
        order.status = "CANCELED"
        self._end(order, now_ns)
        self._report(order, "CANCELED", now_ns, c=cancel_id, C=order.client_id)
        self._publish(events)
        return cancel_id

    def amend(self, order: Order, qty: int, client_id: str, now_ns: int) -> tuple[str, int]:
        """Lower an order's quantity in its place; return its old client id and the execution id."""
        rules = self.filters(order.symbol)
        if not 0 < qty < order.qty or qty <= order.cum:
            raise Refusal(400, -2038, "The new quantity must be below the order's quantity and above what is executed.")
        if order.amends >= rules.max_amends:
            raise Refusal(400, -1013, "Filter failure: MAX_NUM_ORDER_AMENDS")
        rules.check_limit(buys=order.buys, px=order.px, qty=qty, reference=0)
        client_id = client_id or self.random_id()
        other = order.account.by_client.get((order.symbol, client_id))
        if other is not None and other is not order and other.id in order.account.open:
            raise Refusal(400, -2038, "Duplicate order sent.")
        old_id, order.client_id = order.client_id, client_id
        del order.account.by_client[order.symbol, old_id]
        order.account.by_client[order.symbol, client_id] = order
        order.qty = qty
        order.amends += 1
        order.updated_ns = now_ns
        events = self._pits[order.symbol].reduce(order, qty, now_ns)
        self._fit_lock(order)
        self._report(order, "REPLACED", now_ns, C=old_id)
        self._publish(events)
        return old_id, self._execution_id

    def find(self, account: Account, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """Return an account's order by its id, its client id, or both (which then must name the same one)."""
        order = account.orders.get(order_id) if order_id is not None else account.by_client.get((symbol, client_id or ""))
        if order is None or order.symbol != symbol:
            return None
        if order_id is not None and client_id is not None and order.client_id != client_id:
            raise Refusal(400, -2039, "Client order ID is not correct for this order ID.")
        return order

    def feed(self, event: Event) -> None:
        """Show a tape's event to the orders on its symbol."""
        pit = self._pits.get(event.symbol)
        if pit is not None and pit.floor is None:
            pit.feed(event)

    def reference(self, symbol: str) -> int:
        """Return the middle of a symbol's book at 1e-8, 0 if a side is empty."""
        bid, ask = self.market.touch(symbol)
        return (bid + ask) // 2 if bid and ask else 0

    def random_id(self) -> str:
        """Return a client id of 22 letters and digits, as the venue makes one; the same in every run."""
        self._random += 1
        value = int.from_bytes(hashlib.sha256(b"%d" % self._random).digest(), "big")
        text = ""
        for _ in range(22):
            value, digit = divmod(value, 62)
            text += _ALPHABET[digit]
        return text

    # -- events of the pits --------------------------------------------------------------------------------------------

    def on_new(self, order: Order, t_ns: int) -> None:
        account = order.account
        account.orders[order.id] = account.open[order.id] = order
        account.by_client[order.symbol, order.client_id] = order
        self._report(order, "NEW", t_ns)

    def on_refused(self, order: Order, why: int) -> None:
        order.status = "REJECTED"
        order.account.lock(order.pays, -order.locked)
        order.locked = 0
        self._refused = _REFUSALS.get(why, "The matching engine cannot take this order.")

    def on_trade(self, order: Order, ev: Any, trade_id: int, t_ns: int) -> None:
        account, px, qty, fee = order.account, ev.px_i, ev.qty_i, ev.fee_i
        amount = px * qty if order.buys else qty * E8
        held = min(order.locked, order.px * qty if order.buys and order.px else amount)
        order.locked -= held
        self.ledger.pay(account, order.pays, amount, held)
        gets = order.base if order.buys else order.quote
        self.ledger.receive(account, gets, qty * E8 if order.buys else px * qty, fee * E8)
        order.cum += qty
        order.cum_quote += px * qty
        order.updated_ns = t_ns
        fill = Fill(order, trade_id, px, qty, fee, gets, bool(ev.maker), t_ns)
        order.fills.append(fill)
        account.fills.append(fill)
        self.fill_count += 1
        if not order.counted:
            order.counted = True
            self.counts(account).first_fill(t_ns, maker=fill.maker)
        order.status = "PARTIALLY_FILLED" if ev.leaves_i else "FILLED"
        if order.quote_qty:
            order.qty = order.cum  # an order by amount has the quantity that it got
        if not ev.leaves_i:
            self._end(order, t_ns)
        self._report(order, "TRADE", t_ns, **execution_fill(fill))

    def on_expired(self, order: Order, ev: Any, t_ns: int) -> None:
        prevented = ev.why == lib.AATS_MR_STP
        if prevented:
            order.prevented = order.qty - order.cum
        order.status = "EXPIRED_IN_MATCH" if prevented else "EXPIRED"
        self._end(order, t_ns)
        self._report(order, "TRADE_PREVENTION" if prevented else "EXPIRED", t_ns)

    def on_prevented(self, order: Order, ev: Any, t_ns: int) -> None:
        if not order.quote_qty:
            order.prevented = order.qty - order.cum - ev.leaves_i
        order.updated_ns = t_ns
        self._fit_lock(order)
        self._report(order, "TRADE_PREVENTION", t_ns)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _end(self, order: Order, t_ns: int) -> None:
        order.updated_ns = t_ns
        order.account.open.pop(order.id, None)
        order.account.lock(order.pays, -order.locked)
        order.locked = 0

    def _fit_lock(self, order: Order) -> None:
        order.account.lock(order.pays, order.needs() - order.locked)
        order.locked = order.needs()

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _pit(self, symbol: str, now_ns: int) -> Pit:
        if symbol not in self._pits:
            lot = self.filters(symbol).lot.step or e8(self.market.symbols[symbol].lot) or 1
            self._pits[symbol] = Pit(self.market, symbol, lot, self, now_ns)
        return self._pits[symbol]

    def _need(self, order: Order, pit: Pit) -> int:
        """Return what an order must lock of the asset that it spends, at 1e-16."""
        if order.type != "MARKET":
            return order.qty * (order.px if order.buys else E8)
        if order.buys and order.quote_qty:
            return order.quote_qty * E8
        if not order.buys and order.qty:
            return order.qty * E8
        base, quote = pit.cost(buys=order.buys, qty=order.qty, quote=order.quote_qty, account=order.account.number)
        return quote if order.buys else base * E8

    def _report(self, order: Order, kind: str, t_ns: int, **also: Any) -> None:
        self._execution_id += 1
        order.account.updated_ns = t_ns
        self._tell(order.account, execution(order, kind, self._execution_id, t_ns, **also), order)
        self._position(order, t_ns)

    def _position(self, order: Order, t_ns: int) -> None:
        self._tell(order.account, position(order.account, [order.base, order.quote], t_ns), order)
