"""The order desk of the dialects over venue.py, in neutral words: spot and perpetuals, all accounts, one market.

    a wish -> rules of its listing, ids, balance -> pit, the matching engine -> its events -> balances or positions, fills -> listener

It knows no signature, no text and no connection: a dialect reads a request, calls a verb here, and writes what comes back.  What happens to an
order is told to one listener as it happens: "new", "fill", "amended", "canceled" (by a request, or by the venue), "expired" (what the market did not
take), each followed by the assets that changed.

A perpetual's order locks a tenth of its worth in its settling asset.  Positions are kept at their exact cost (`Position`), so that what was realized,
what is left and what was traded always add up; funding is told by the market and charged to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aats._ffi import lib
from aats.sim.accounts import Account, Ledger
from aats.sim.amounts import E8, E8_MAX, E16
from aats.sim.listing import Listing, Refused
from aats.sim.market import Event, Market
from aats.sim.pit import Pit
from aats.sim.reports import Fill
from aats.sim.reports import Order as Base

__all__ = ["Fill", "Order", "Position", "Trading", "Wish"]

FIRST_ORDER_ID = 1_000_001
LEVERAGE = 10

Listener = Callable[["Order", str, "Fill | None"], None]
_ENDS = {
    lib.AATS_MR_REST: "ioc",
    lib.AATS_MR_FOK: "fok",
    lib.AATS_MR_NO_LIQUIDITY: "no_liquidity",
    lib.AATS_MR_STP: "stp",
}


@dataclass(frozen=True)
class Wish:
    """A new order as a client wants it: prices and quantities at 1e-8, a limit order without a price is none."""

    symbol: str
    buys: bool
    kind: str = "limit"  # or "market", "post"
    tif: str = "GTC"  # or "IOC", "FOK"
    px: int = 0
    qty: int = 0
    quote_qty: int = 0
    client_id: str = ""
    reduce_only: bool = False
    stp: str = ""  # what becomes of orders of one account that would trade with each other, "": the venue's usual
    tag: Any = None


@dataclass(eq=False)
class Order(Base):
    """An order of a dialect.  `tag` is the dialect's; `why` says why it ended."""

    listing: Listing = field(default_factory=lambda: Listing("", "", "", 0, 0, 0))
    reduce_only: bool = False
    why: str = ""
    tag: Any = None
    hold_rate: int = 0  # of a buy on spot whose fee comes on top: held besides, at 1e-8
    before: int = 0  # what was filled when the engine got it last: it counts from there

    @property
    def pays(self) -> str:
        return super().pays if self.listing.spot else self.listing.settle

    def needs(self) -> int:
        if self.type == "MARKET":
            return self.locked
        return self.need(self.leaves)

    def need(self, qty: int) -> int:
        """Return what must be locked for so much of it at its own price, at 1e-16."""
        if not self.listing.spot:
            return 0 if self.reduce_only else self.listing.value(self.px, qty) // LEVERAGE
        if not self.buys:
            return qty * E8
        worth = qty * self.px
        return worth + -(-worth * self.hold_rate // E8)

    @property
    def average(self) -> int:
        """Average price of what is filled, at 1e-8; 0 before the first fill."""
        return self.cum_quote // self.cum if self.cum else 0

    @property
    def open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


@dataclass
class Position:
    """What an account holds of a perpetual: `qty` at 1e-8, below zero sold; `cost` is its worth at entry (at 1e-16), with the sign of qty."""

    listing: Listing
    qty: int = 0
    cost: int = 0
    realized: int = 0

    @property
    def entry(self) -> int:
        """Average price of entry at 1e-8, 0 without a position."""
        if not self.qty:
            return 0
        contract = self.listing.contract_i
        if self.listing.kind == "linear":
            return self.cost * E8 // (self.qty * contract)
        return self.qty * contract * E8 // self.cost if self.cost else 0

    def trade(self, signed: int, value: int) -> int:
        """Take a trade of `signed` quantity worth `value` (at 1e-16); return what it realized."""
        worth = value if signed > 0 else -value
        gain = 0
        if self.qty and (self.qty > 0) != (signed > 0):
            part = min(abs(signed), abs(self.qty))
            paid = self.cost * part // abs(self.qty)
            got = worth * part // abs(signed)
            gain = -(paid + got) if self.listing.kind == "linear" else paid + got
            self.cost -= paid
            self.qty += part if signed > 0 else -part
            signed -= part if signed > 0 else -part
            worth -= got
        self.qty += signed
        self.cost += worth if signed else 0
        self.realized += gain
        return gain


class Trading:
    """Orders of all accounts.

    Parameters
    ----------
    told
        Called with (order, what, fill or None).
    moved
        Called with (account, assets) after it, when balances or a position changed.
    publish
        Called with the market events that an own order has made.
    fee_in
        ``"received"``: of what a trade brings; ``"quote"``: of the quote asset, on top.
    post_only
        What becomes of a post-only order that would take: ``"refuse"``, or ``"cancel"`` (taken and canceled).
    ids
        Client ids may be used again when the order is closed (``"open"``) or never (``"ever"``).
    stp
        Self-trade prevention, as in pit.py.
    """

    def __init__(
        self,
        market: Market,
        listings: Mapping[str, Listing],
        ledger: Ledger,
        *,
        now: Callable[[], int],
        told: Listener,
        moved: Callable[[Account, tuple[str, ...]], None],
        publish: Callable[[list[Event]], None],
        fee_in: str = "received",
        post_only: str = "refuse",
        ids: str = "open",
        stp: str = "EXPIRE_TAKER",
    ) -> None:
        self.market = market
        self.listings = listings
        self.ledger = ledger
        self._now = now
        self._told = told
        self._moved = moved
        self._publish = publish
        self._fee_in = fee_in
        self._post_only = post_only
        self._ids = ids
        self._stp = stp
        self._pits: dict[str, Pit] = {}
        self._order_id = FIRST_ORDER_ID - 1
        self._refused = 0  # why the engine refused the last order that it did
        self._amending: Order | None = None
        self._flat: list[tuple[Account, str]] = []
        self._positions: dict[tuple[int, str], Position] = {}
        self.placed = self.fill_count = 0

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def check(self, wish: Wish) -> Listing:
        """Judge a wish by its listing; a test order stops here."""
        listing = self.listings.get(wish.symbol)
        if listing is None or listing.status == "gone":
            raise Refused("symbol", f"{wish.symbol!r} is not listed")
        if wish.kind != "market" and not wish.px:
            raise Refused("param", "a limit order needs a price")
        if max(wish.px, wish.qty, wish.quote_qty) > E8_MAX // 2 or min(wish.px, wish.qty, wish.quote_qty) < 0:
            raise Refused("max", "price or quantity out of range")
        if not wish.quote_qty or wish.kind != "market":
            listing.check(px=wish.px if wish.kind != "market" else 0, qty=wish.qty, market_px=self.middle(wish.symbol))
        elif listing.status != "live":
            raise Refused("halted", f"{listing.name} does not trade")
        if wish.reduce_only and listing.spot:
            raise Refused("reduce_only", "spot has no positions")
        return listing

    def place(self, account: Account, wish: Wish) -> Order:
        """Place an order; return it as it is after everything that happened at once."""
        listing, now_ns = self.check(wish), self._now()
        if wish.client_id:
            older = account.by_client.get(("", wish.client_id))
            if older is not None and (self._ids == "ever" or older.id in account.open):
                raise Refused("duplicate", f"client order id {wish.client_id!r} is in use", older)
        if wish.reduce_only:
            held = self.position(account, wish.symbol).qty
            if not held or (held > 0) == wish.buys or wish.qty > abs(held):
                raise Refused("reduce_only", "it would not reduce the position")
        market = wish.kind == "market"
        order = Order(
            *(self._order_id + 1, account, wish.symbol, listing.base, listing.quote, wish.client_id, wish.buys),
            type="MARKET" if market else "LIMIT_MAKER" if wish.kind == "post" else "LIMIT",
            tif="IOC" if market else wish.tif,
            px=0 if market else wish.px,
            qty=wish.qty,
            quote_qty=wish.quote_qty if market else 0,
            stp=wish.stp or self._stp,
            resp="",
            created_ns=now_ns,
            updated_ns=now_ns,
            listing=listing,
            reduce_only=wish.reduce_only,
            tag=wish.tag,
            hold_rate=account.rates[1] if self._fee_in == "quote" else 0,
        )
        pit = self._pit(wish.symbol)
        need = self._market_need(order, pit) if market else order.need(order.qty)
        if need > account.free(order.pays):
            raise Refused("balance" if listing.spot else "margin", f"not enough {order.pays}")
        self._order_id += 1
        order.locked = need
        account.lock(order.pays, need)
        events = pit.place(order, now_ns)
        if order.status == "REJECTED":
            raise Refused("post_only" if self._refused == lib.AATS_MR_WOULD_CROSS else "param", "it would take", order)
        self.placed += 1
        self._publish(events)
        self.sweep()
        return order

    def cancel(self, order: Order, why: str = "user") -> Order:
        """Cancel an open order; Refused("closed") for one that is not open."""
        if not order.open:
            raise Refused("closed", f"order {order.id} is closed", order)
        now_ns = self._now()
        events = self._pits[order.symbol].cancel(order, now_ns)
        order.status, order.why = "CANCELED", why
        self._end(order, now_ns)
        self._tell(order, "canceled")
        self._publish(events)
        return order

    def cancel_all(self, account: Account, symbol: str | None = None, why: str = "user") -> list[Order]:
        """Cancel every open order of an account, of a symbol if given."""
        return [self.cancel(order, why) for order in self.open(account, symbol)]

    def amend(self, order: Order, px: int | None = None, qty: int | None = None, *, client_id: str | None = None) -> Order:
        """Change price or whole quantity of an open order: a lower quantity keeps its place, everything else goes to the end of the queue.

        A post-only order that would take at its new price stays as it is, or is canceled, as a new one is refused or canceled; any other may trade.
        """
        if not order.open:
            raise Refused("closed", f"order {order.id} is closed", order)
        now_ns, listing = self._now(), order.listing
        new_px, new_qty = order.px if px is None else px, order.qty if qty is None else qty
        if order.type == "MARKET" or new_qty <= order.cum:
            raise Refused("amend", "the new quantity must be above what is filled")
        listing.check(px=new_px, qty=new_qty, market_px=self.middle(order.symbol))
        if order.type == "LIMIT_MAKER" and self._post_only == "refuse" and self._would_take(order, new_px):
            raise Refused("post_only", "it would take")
        old_px, old_qty = order.px, order.qty
        order.px, order.qty = new_px, new_qty
        if order.needs() - order.locked > order.account.free(order.pays):
            order.px, order.qty = old_px, old_qty
            raise Refused("balance" if listing.spot else "margin", f"not enough {order.pays}")
        if client_id is not None:
            self._rename(order, client_id)
        order.amends += 1
        order.updated_ns = now_ns
        pit, whole = self._pits[order.symbol], new_px == old_px and new_qty <= old_qty
        self._fit_lock(order)
        if whole:
            events = pit.reduce(order, new_qty - order.before, now_ns) if new_qty < old_qty else []
            self._tell(order, "amended")
            self._publish(events)
            return order
        order.px = old_px  # the pit takes it away from where it stands
        events = pit.cancel(order, now_ns)
        order.px, order.before = new_px, order.cum
        self._amending = order
        try:
            events += pit.place(order, now_ns, order.leaves)
        finally:
            self._amending = None
        self._publish(events)
        return order

    def sweep(self) -> None:
        """Cancel what may only reduce a position that is gone; the exchange calls it after each step of the market."""
        flat, self._flat = self._flat, []
        for account, symbol in flat:
            if not self.position(account, symbol).qty:
                for order in self.open(account, symbol):
                    if order.reduce_only:
                        self.cancel(order, "reduce_only")

    # -- questions -----------------------------------------------------------------------------------------------------

    def find(self, account: Account, symbol: str | None = None, order_id: int | None = None, client_id: str | None = None) -> Order | None:
        """Return an account's order by its id or its client id, the open one if an id was used again; of a symbol if given."""
        found = account.orders.get(order_id) if order_id is not None else account.by_client.get(("", client_id or ""))
        if not isinstance(found, Order) or (symbol is not None and found.symbol != symbol):
            return None
        return found

    def orders(self, account: Account, symbol: str | None = None) -> list[Order]:
        """Return all orders of an account, oldest first."""
        return [order for order in account.orders.values() if isinstance(order, Order) and symbol in (None, order.symbol)]

    def open(self, account: Account, symbol: str | None = None) -> list[Order]:
        """Return the open orders of an account, oldest first."""
        return [order for order in account.open.values() if isinstance(order, Order) and symbol in (None, order.symbol)]

    def fills(self, account: Account, symbol: str | None = None) -> list[Fill]:
        """Return the fills of an account, oldest first."""
        return [fill for fill in account.fills if symbol in (None, fill.order.symbol)]

    def position(self, account: Account, symbol: str) -> Position:
        """Return what an account holds of a perpetual."""
        return self._positions.setdefault((account.number, symbol), Position(self.listings[symbol]))

    def positions(self, account: Account) -> list[Position]:
        """Return all positions of an account that are not zero."""
        return [one for (number, _), one in self._positions.items() if number == account.number and one.qty]

    def middle(self, symbol: str) -> int:
        """Return the middle of a symbol's book at 1e-8, 0 if a side is empty."""
        bid, ask = self.market.touch(symbol)
        return (bid + ask) // 2 if bid and ask else 0

    def audit(self) -> list[str]:
        """Return what does not add up, one sentence each: balances, what is locked, and each position against its fills."""
        wrong = self.ledger.audit()
        for (number, symbol), position in self._positions.items():
            account = self.ledger.accounts[number - 1]
            fills = self.fills(account, symbol)
            qty = sum(fill.qty if fill.order.buys else -fill.qty for fill in fills)
            gain = sum(fill.gain or 0 for fill in fills)
            worth = sum(position.listing.value(f.px, f.qty) * (1 if f.order.buys else -1) for f in fills)
            left = worth - position.cost if position.listing.kind == "inverse" else position.cost - worth
            if qty != position.qty or gain != position.realized or gain != left:
                wrong.append(
                    f"account {number}, {symbol}: position {position.qty} realized {position.realized}, its fills give {qty}, {gain}, {left}"
                )
        return wrong

    # -- events of the pits --------------------------------------------------------------------------------------------

    def on_new(self, order: Base, t_ns: int) -> None:
        assert isinstance(order, Order)
        if order is self._amending:
            self._tell(order, "amended")
            return
        account = order.account
        account.orders[order.id] = account.open[order.id] = order
        if order.client_id:
            account.by_client[order.symbol, order.client_id] = account.by_client["", order.client_id] = order
        self._tell(order, "new")

    def on_refused(self, order: Base, why: int) -> None:
        assert isinstance(order, Order)
        self._refused = why
        if order is self._amending or (why == lib.AATS_MR_WOULD_CROSS and self._post_only == "cancel"):
            if order is not self._amending:
                self.on_new(order, order.created_ns)
            order.status, order.why = "CANCELED", "post_only"
            self._end(order, order.created_ns)
            self._tell(order, "canceled")
            return
        order.status = "REJECTED"
        order.account.lock(order.pays, -order.locked)
        order.locked = 0

    def on_trade(self, order: Base, ev: Any, trade_id: int, t_ns: int) -> None:
        assert isinstance(order, Order)
        account, px, qty, listing = order.account, ev.px_i, ev.qty_i, order.listing
        value, rate = listing.value(px, qty), account.rates[0 if ev.maker else 1]
        fee, gain, asset = _part(value, rate), None, listing.settle
        if listing.spot:
            amount = px * qty if order.buys else qty * E8
            held = min(order.locked, order.px * qty if order.buys and order.px else amount)
            order.locked -= held
            self.ledger.pay(account, order.pays, amount, held)
            asset = order.base if order.buys else order.quote
            if self._fee_in == "received":
                fee = ev.fee_i
                self.ledger.receive(account, asset, qty * E8 if order.buys else px * qty, fee * E8)
            else:
                self.ledger.receive(account, asset, qty * E8 if order.buys else px * qty, 0)
                asset = order.quote
                self.ledger.receive(account, asset, 0, fee * E8)
        else:
            gain = self.position(account, order.symbol).trade(qty if order.buys else -qty, value)
            self.ledger.receive(account, asset, gain, fee * E8)
        order.cum += qty
        order.cum_quote += px * qty
        order.updated_ns = t_ns
        fill = Fill(order, trade_id, px, qty, fee, asset, bool(ev.maker), t_ns, gain)
        order.fills.append(fill)
        account.fills.append(fill)
        self.fill_count += 1
        done = not ev.leaves_i
        order.status = "FILLED" if done else "PARTIALLY_FILLED"
        if order.quote_qty:
            order.qty = order.cum
        if done:
            self._end(order, t_ns)
        elif order.type != "MARKET":
            self._fit_lock(order)
        self._tell(order, "fill", fill)
        if not listing.spot and not self.position(account, order.symbol).qty:
            self._flat.append((account, order.symbol))

    def on_expired(self, order: Base, ev: Any, t_ns: int) -> None:
        assert isinstance(order, Order)
        order.why = _ENDS.get(ev.why, "ioc")
        order.status = "EXPIRED_IN_MATCH" if order.why == "stp" else "EXPIRED"
        self._end(order, t_ns)
        self._tell(order, "expired")

    def on_prevented(self, order: Base, ev: Any, t_ns: int) -> None:
        assert isinstance(order, Order)
        order.prevented = order.qty - order.cum - ev.leaves_i
        order.updated_ns = t_ns
        self._fit_lock(order)

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _tell(self, order: Order, what: str, fill: Fill | None = None) -> None:
        order.account.updated_ns = self._now()
        self._told(order, what, fill)
        self._moved(order.account, (order.base, order.quote) if order.listing.spot else (order.listing.settle,))

    def _end(self, order: Order, t_ns: int) -> None:
        order.updated_ns = t_ns
        order.account.open.pop(order.id, None)
        order.account.lock(order.pays, -order.locked)
        order.locked = 0

    def _fit_lock(self, order: Order) -> None:
        order.account.lock(order.pays, order.needs() - order.locked)
        order.locked = order.needs()

    def _pit(self, symbol: str) -> Pit:
        if symbol not in self._pits:
            self._pits[symbol] = Pit(self.market, symbol, self.listings[symbol].lot_i, self, self._now())
        return self._pits[symbol]

    def _market_need(self, order: Order, pit: Pit) -> int:
        spot = order.listing.spot
        base, quote = pit.cost(buys=order.buys, qty=order.qty, quote=order.quote_qty, account=order.account.number)
        if not spot:
            return 0 if order.reduce_only else order.listing.value(quote // base if base else 0, base) // LEVERAGE
        if not order.buys:
            return (order.qty or base) * E8
        worth = order.quote_qty * E8 if order.quote_qty else quote
        return worth + -(-worth * order.hold_rate // E8)

    def _would_take(self, order: Order, px: int) -> bool:
        bid, ask = self.market.touch(order.symbol)
        return bool(ask and px >= ask) if order.buys else bool(bid and px <= bid)

    def _rename(self, order: Order, client_id: str) -> None:
        by_client = order.account.by_client
        for symbol in (order.symbol, ""):
            by_client.pop((symbol, order.client_id), None)
            by_client[symbol, client_id] = order
        order.client_id = client_id


def _part(value: int, rate: int) -> int:
    """Return a fee at 1e-8: `rate` (1e-8) of a value at 1e-16, cut off."""
    fee = abs(value * rate) // E16
    return fee if rate >= 0 else -fee
