"""VC-30 to VC-69: orders, from the log-on to what the exchange's own books say in the end."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

from aats._ffi import lib
from aats.sim.faults import Faults
from tests.conformance.cases import case
from tests.conformance.cases_data import faults_made, put_faults
from tests.conformance.rig import Desk, Rig, Wrong
from tests.conformance.rows import Row, instruments

LETTERS = {"CREATED": "C", "ACKED": "A", "REJECTED": "R", "EXEC": "E", "CANCELED": "X", "CLOSED": "Z"}
GRAMMAR = re.compile(r"C(R|AE*X?)Z\Z")


def trading(row: Row, *, rate: int = 0, off_ns: int = 0, **options: Any) -> tuple[Rig, Desk]:
    """Return a rig whose desk is ready; the market stands still unless `rate` moves it."""
    rig = Rig(row, rate=rate, clock_off_ns=off_ns, **options)
    desk = Desk(rig)
    rig.until(desk.ready, "ready to trade", 30)
    return rig, desk


def faulty(rig: Rig, **every: int) -> Faults:
    """Begin with faults of these kinds."""
    return put_faults(rig, Faults({kind.replace("_", "-"): n for kind, n in every.items()}))


class Market:
    """Prices of the traded symbol as texts, and another account that trades there."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.native = rig.row.symbols[0]
        self.tick = instruments(rig.row)[self.native].tick
        self.lot = instruments(rig.row)[self.native].lot
        exchange: Any = rig.exchange
        self._account = exchange.ledger.open()

    def touch(self) -> tuple[Decimal, Decimal]:
        """Return best bid and best ask."""
        book = self.rig.exchange.market.snapshot(self.native, 1)
        return Decimal(book.bids[0][0]), Decimal(book.asks[0][0])

    def bid(self, ticks: int = 0) -> str:
        """Return the best bid and so many ticks more, as text."""
        return format(self.touch()[0] + ticks * self.tick, "f")

    def ask(self, ticks: int = 0) -> str:
        """Return the best ask and so many ticks more, as text."""
        return format(self.touch()[1] + ticks * self.tick, "f")

    def other(self, side: str, price: str, qty: str) -> None:
        """Let another account trade, IOC."""
        exchange: Any = self.rig.exchange
        px, size = (int(Decimal(value).scaleb(8)) for value in (price, qty))
        exchange.now_ns = max(exchange.now_ns, self.rig.venue_ns)
        if hasattr(exchange, "trading"):
            from aats.sim.trading import Wish

            exchange.trading.place(self._account, Wish(self.native, side == "buy", tif="IOC", px=px, qty=size))
            return
        from aats.sim.orders import Wish as SpotWish

        exchange.desk.place(self._account, SpotWish(self.native, side == "buy", "LIMIT", "IOC", px, size), exchange.now_ns)

    def widen(self, ticks: int = 5) -> str:
        """Make the spread `ticks` wide by buying what is offered nearer; return a price inside it."""
        _, ask = self.touch()
        self.other("buy", format(ask + ticks * self.tick, "f"), format(1000 * self.lot if self.lot >= 1 else Decimal(9), "f"))
        return format(ask + self.tick, "f")


def letters(desk: Desk, order_id: int) -> str:
    return "".join(LETTERS[kind] for kind in desk.of(order_id) if kind in LETTERS)


def agree(rig: Rig, desk: Desk) -> None:
    """Compare what the strategy was told with the exchange's own books."""
    exchange: Any = rig.exchange
    account = exchange.account_of(rig.row.key)
    wrong = exchange.trading.audit() if hasattr(exchange, "trading") else exchange.ledger.audit()
    if wrong:
        raise Wrong("; ".join(wrong))
    ids = {one.order_id for one in desk.said if one.order_id}
    for order_id in ids:
        if not GRAMMAR.match(letters(desk, order_id)):
            raise Wrong(f"order {order_id}: told {letters(desk, order_id)}\n{rig.say()}")
    rules = desk._rules[0].raw
    px_unit, qty_unit = 10 ** (8 + rules.px_exp), 10 ** (8 + rules.qty_exp)
    told = Counter((one.fill[0] * px_unit, one.fill[1] * qty_unit, one.fill[2], one.fill[3]) for one in desk.said if one.kind == "EXEC")
    made = Counter((fill.px, fill.qty, fill.fee, fill.fee_asset) for fill in account.fills)
    if told != made:
        raise Wrong(f"told fills {told - made} that were not made, made {made - told} that were not told\n{rig.say()}")
    taken = sum("A" in letters(desk, order_id) for order_id in ids)
    lived = sum(getattr(order, "why", "") != "post_only" for order in account.orders.values())
    if not taken >= lived:
        raise Wrong(f"{lived} orders lived at the exchange, {taken} were told as living\n{rig.say()}")
    if account.open:
        raise Wrong(f"open at the exchange: {list(account.open)}")


def settle(rig: Rig, desk: Desk, seconds: float = 120) -> None:
    """Cancel what is open, wait until everything is closed, and compare."""

    def done() -> bool:
        ids = {one.order_id for one in desk.said if one.order_id}
        return all(desk.closed(order_id) for order_id in ids) and desk.ready()

    lib.aats_trader_close(desk.trader)
    end = rig.now_ns + round(seconds * 1e9)
    while not done():
        if rig.now_ns >= end:
            raise Wrong(f"not closed within {seconds:g} s\n{rig.say()}")
        lib.aats_trader_cancel_all(desk.trader, 1_700_000_000_000_000_000 + rig.now_ns, rig.now_ns)
        rig.run(0.3, ms=20)
    agree(rig, desk)


# ---------------------------------------------------------------------------------------------------------- log-on


@case("VC-30", "a key logs on, what is open and what the account holds is asked for, and orders may go")
def logs_on(row: Row) -> None:
    rig, desk = trading(row)
    rig.run(5)
    assert desk.ready() and desk.last() == "", desk.say()


@case("VC-31", "a secret that is wrong is said, and not tried again at once; no order leaves")
def wrong_secret(row: Row) -> None:
    rig = Rig(row, rate=0)
    desk = Desk(rig, secret=row.wrong_secret)
    rig.run(20, ms=20)
    assert not desk.ready() and desk.last(), desk.say()
    order = desk.send("buy", Market(rig).bid(-100), row.size)
    rig.run(1)
    assert letters(desk, order) == "CRZ", desk.say()
    assert not rig.exchange.account_of(row.key).orders  # type: ignore[attr-defined]
    assert all(row.wrong_secret not in line and row.secret not in line for line in desk.notices if len(row.secret) > 10)


@case("VC-32", "a log-on that is refused is said, and tried again later")
def login_refused(row: Row) -> None:
    rig = Rig(row, rate=0)
    rig.exchange.faults.next_logins.append("login-refused")
    desk = Desk(rig)
    rig.until(desk.ready, "ready after a refusal", 600, ms=50)
    assert rig.exchange.faults.counts["login-refused"] == 1, "nobody logged on"


@case("VC-33", "a connection that ends during the log-on is made again")
def login_cut(row: Row) -> None:
    rig = Rig(row, rate=0)
    rig.exchange.faults.next_logins.append("login-cut")
    desk = Desk(rig)
    rig.until(desk.ready, "ready after a cut", 60, ms=10)
    assert rig.exchange.faults.counts["login-cut"] == 1, "nobody logged on"


# ---------------------------------------------------------------------------------------------------------- orders


@case("VC-34", "a GTC order rests and is canceled")
def gtc_rests(row: Row) -> None:
    rig, desk = trading(row)
    order = desk.send("buy", Market(rig).bid(-50), row.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    rig.run(2)
    assert letters(desk, order) == "CA" and len(rig.exchange.account_of(row.key).open) == 1  # type: ignore[attr-defined]
    desk.cancel(order)
    rig.until(lambda: desk.closed(order), "canceled and closed")
    assert letters(desk, order) == "CAXZ" and "CANCEL_CREATED" in desk.of(order)
    agree(rig, desk)


@case("VC-35", "an IOC order through the market is filled at once; price, size and fee are told")
def ioc_filled(row: Row) -> None:
    rig, desk = trading(row)
    order = desk.send("buy", Market(rig).ask(20), row.size, "IOC")
    rig.until(lambda: desk.closed(order), "closed")
    assert re.match(r"CAE+Z", letters(desk, order)), desk.say()
    assert desk.filled(order) == desk.fills(order)[-1].qty and all(one.fill[2] > 0 and one.fill[3] for one in desk.fills(order))
    agree(rig, desk)


@case("VC-36", "what an IOC order does not find is canceled by the venue")
def ioc_part(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    none = desk.send("buy", market.bid(-50), row.size, "IOC")
    rig.until(lambda: desk.closed(none), "closed")
    assert letters(desk, none) == "CAXZ", desk.say()
    there = Decimal(rig.exchange.market.snapshot(market.native, 1).asks[0][1])
    part = desk.send("buy", market.ask(), format(there + 10 * Decimal(row.size), "f"), "IOC")
    rig.until(lambda: desk.closed(part), "closed")
    assert re.match(r"CAE+XZ", letters(desk, part)) and 0 < desk.filled(part) < desk.fills(part)[-1].qty, desk.say()
    agree(rig, desk)


@case("VC-37", "a FOK order is filled whole or not at all")
def fok(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    good = desk.send("buy", market.ask(20), row.size, "FOK")
    rig.until(lambda: desk.closed(good), "closed")
    assert desk.filled(good) == desk.fills(good)[-1].qty
    there = Decimal(rig.exchange.market.snapshot(market.native, 1).asks[0][1])
    bad = desk.send("buy", market.ask(), format(there + 10 * Decimal(row.size), "f"), "FOK")
    rig.until(lambda: desk.closed(bad), "closed")
    assert letters(desk, bad) in ("CAXZ", "CRZ"), desk.say()
    agree(rig, desk)


@case("VC-38", "a post-only order rests, and is filled as a maker when others come")
def pos_filled(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    price = market.widen()
    order = desk.send("buy", price, row.size, "POS")
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    half = format((Decimal(row.size) / 2).quantize(market.lot), "f")
    market.other("sell", price, half)
    rig.until(lambda: desk.fills(order), "a first fill")
    assert not desk.closed(order)
    market.other("sell", price, row.size)
    rig.until(lambda: desk.closed(order), "closed")
    assert letters(desk, order) == "CAEEZ", desk.say()
    agree(rig, desk)


@case("VC-39", "a post-only order that would take is refused, and nothing is traded")
def pos_would_take(row: Row) -> None:
    rig, desk = trading(row)
    order = desk.send("buy", Market(rig).ask(20), row.size, "POS")
    rig.until(lambda: desk.closed(order), "closed")
    assert letters(desk, order) in ("CRZ", "CAXZ") and "would_cross" in desk.codes(order), desk.say()
    agree(rig, desk)


@case("VC-40", "a market order is filled")
def market_filled(row: Row) -> None:
    rig, desk = trading(row)
    for side in ("buy", "sell"):
        order = desk.send(side, None, row.size, "MARKET")
        rig.until(partial(desk.closed, order), "closed")
        assert re.match(r"CAE+Z", letters(desk, order)), desk.say()
    agree(rig, desk)


@case("VC-41", "an order that the account cannot pay is refused with that reason")
def too_large(row: Row) -> None:
    rig, desk = trading(row, deposits=_poor(row))
    order = desk.send("buy", Market(rig).bid(-10), row.size)
    rig.until(lambda: desk.closed(order), "closed")
    assert letters(desk, order) == "CRZ" and set(desk.codes(order)) & {"insufficient_balance", "balance", "margin"}, desk.say()


@case("VC-42", "an order in a symbol that the venue has halted is refused")
def halted(row: Row) -> None:
    rig, desk = trading(row)
    exchange: Any = rig.exchange
    if hasattr(exchange, "halt"):
        exchange.halt(row.symbols[0])
    else:
        exchange.desk.filters(row.symbols[0]).status = "HALT"
    order = desk.send("buy", Market(rig).bid(-10), row.size)
    rig.until(lambda: desk.closed(order), "closed")
    assert letters(desk, order) == "CRZ", desk.say()


@case("VC-43", "a key that may not trade: its orders are refused, and the reason told")
def no_permission(row: Row) -> None:
    rig = Rig(row, rate=0, readonly={"reader": row.secret})
    assert "reader" in getattr(rig.exchange, "keys", {}), "the dialect has no keys that may not trade"
    desk = Desk(rig, key="reader")
    rig.until(lambda: desk.ready() or desk.last(), "ready, or why not", 30)
    order = desk.send("buy", Market(rig).bid(-10), row.size)
    rig.until(lambda: desk.closed(order), "closed")
    assert letters(desk, order) == "CRZ", desk.say()
    assert not rig.exchange.account_of(row.key).orders, "it traded"  # type: ignore[attr-defined]


@case("VC-44", "an order that may only reduce a position does so, and is refused without one")
def reduce_only(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    bad = desk.send("sell", market.bid(-20), row.size, "IOC", reduce_only=True)
    rig.until(lambda: desk.closed(bad), "closed")
    assert letters(desk, bad) in ("CRZ", "CAXZ") and not desk.fills(bad), desk.say()
    for side, price, reduce in (("buy", market.ask(20), False), ("sell", market.bid(-20), True)):
        order = desk.send(side, price, row.size, "IOC", reduce_only=reduce)
        rig.until(partial(desk.closed, order), "closed")
        assert re.match(r"CAE+Z", letters(desk, order)), desk.say()
    agree(rig, desk)


@case("VC-45", "the size of an open order is lowered")
def amend_size(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    size = format(Decimal(row.size) * 2, "f")
    order = desk.send("buy", market.bid(-50), size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    _amended(rig, desk, order, None, row.size)
    desk.cancel(order)
    rig.until(lambda: desk.closed(order), "closed")
    agree(rig, desk)


@case("VC-46", "the price of an open order is changed, and it is filled at the new one")
def amend_price(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    inside = market.widen()
    order = desk.send("buy", market.bid(-50), row.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    _amended(rig, desk, order, inside, None)
    market.other("sell", inside, row.size)
    rig.until(lambda: desk.closed(order), "filled at the new price")
    assert Decimal(desk.fills(order)[0].fill[0]).scaleb(desk._rules[0].raw.px_exp) == Decimal(inside)
    agree(rig, desk)


def _amended(rig: Rig, desk: Desk, order: int, price: str | None, size: str | None) -> None:
    """Amend, and hold the exchange's order against what was asked for."""
    desk.amend(order, price, size)
    rig.until(lambda: "AMENDED" in desk.of(order) or "AMEND_REJECTED" in desk.of(order), "amended", 30)
    assert "AMENDED" in desk.of(order), f"refused: {desk.codes(order)} {desk.say()}"
    (there,) = rig.exchange.account_of(rig.row.key).open.values()  # type: ignore[attr-defined]
    if price is not None:
        assert Decimal(there.px).scaleb(-8) == Decimal(price)
    if size is not None:
        assert Decimal(there.qty).scaleb(-8) == Decimal(size)


@case("VC-47", "all open orders are canceled by one word")
def cancels_all(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    orders = [desk.send("buy", market.bid(-50 - at), row.size) for at in range(3)]
    rig.until(lambda: all("ACKED" in desk.of(one) for one in orders), "acknowledged")
    desk.cancel_all()
    rig.until(lambda: all(desk.closed(one) for one in orders), "all closed")
    assert all(letters(desk, one) == "CAXZ" for one in orders)
    agree(rig, desk)


# ------------------------------------------------------------------------------------------------------ what is lost


@case("VC-50", "an order whose answer is lost is asked for, and told as what became of it")
def answer_lost(row: Row) -> None:
    _order_fault(row, "order-lost")


@case("VC-51", "an answer that comes after its events changes nothing")
def answer_late(row: Row) -> None:
    _order_fault(row, "order-late")


@case("VC-52", "an order of which the venue itself does not know is asked for")
def unsure(row: Row) -> None:
    _order_fault(row, "order-unsure")


@case("VC-53", "a connection that ends between an order and its answer: the order is found again")
def cut_before_answer(row: Row) -> None:
    _order_fault(row, "order-cut")


@case("VC-54", "an error of the venue's own is told apart from an order that lives")
def server_error(row: Row) -> None:
    _order_fault(row, "order-5xx")


@case("VC-55", "events that are lost with their connection are fetched")
def events_lost(row: Row) -> None:
    _order_fault(row, "user-cut")


def _order_fault(row: Row, kind: str) -> None:
    rig, desk = trading(row, rate=20)
    market = Market(rig)
    faulty(rig, **{kind: 3})
    for at in range(9):
        side = "buy" if at % 2 == 0 else "sell"
        price = (market.ask(20), market.bid(-30), market.bid(-20), market.ask(30))[at % 4]
        desk.send(side if at % 4 in (0, 2) else ("buy" if at % 4 == 1 else "sell"), price, row.size, "IOC" if at % 4 in (0, 2) else "GTC")
        rig.run(1.5, ms=10)
        rig.until(desk.ready, "ready again", 60, ms=10)
    assert faults_made(rig) >= 2, f"{kind} was never made"
    rig.exchange.faults.every.clear()
    settle(rig, desk)


@case("VC-56", "an order that is filled while the connection is down is told when it is up again")
def filled_while_away(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    price = market.widen()
    order = desk.send("buy", price, row.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    desk.refuse = True
    desk.cut()
    rig.run(0.2)
    market.other("sell", price, row.size)
    rig.run(1)
    assert not desk.fills(order)
    desk.refuse = False
    rig.until(lambda: desk.closed(order), "closed after the gap", 60, ms=10)
    assert desk.filled(order) > 0
    rig.until(desk.ready, "ready again", 60, ms=10)
    agree(rig, desk)


@case("VC-57", "what an earlier life of ours left open is canceled; what somebody else has placed is left alone")
def earlier_life(row: Row) -> None:
    rig, desk = trading(row)
    market = Market(rig)
    order = desk.send("buy", market.bid(-50), row.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    account: Any = rig.exchange.account_of(row.key)  # type: ignore[attr-defined]
    mine = next(iter(account.open))
    foreign = _by_hand(rig, market)
    desk.cut()
    rig.desk = None
    later = Desk(rig, earlier=(desk.instance,))
    rig.until(later.ready, "the next life is ready", 60)
    assert list(account.open) == [foreign], f"open: {list(account.open)}, ours was {mine}, the other's {foreign}"


@case("VC-58", "a clock of the venue that is 5 s off is asked for, and orders go")
def clock_off(row: Row) -> None:
    for off_s in (-5, 5):
        rig, desk = trading(row, off_ns=off_s * 1_000_000_000)
        order = desk.send("buy", Market(rig).ask(20), row.size, "IOC")
        rig.until(partial(desk.closed, order), "closed")
        assert desk.filled(order) > 0, desk.say()
        agree(rig, desk)


@case("VC-59", "a 429 with Retry-After, and a page of maintenance in HTML, are waited for")
def http_faults(row: Row) -> None:
    for kind in ("http-429", "http-503", "http-html"):
        rig = Rig(row, rate=0)
        rig.exchange.faults.next_https.append(kind)
        desk = Desk(rig)
        rig.until(desk.ready, f"ready after {kind}", 120, ms=10)
        assert rig.exchange.faults.counts[kind] == 1, "nothing goes over HTTP"


@case("VC-60", "every order is canceled by the venue when we fall silent, where it has such a switch")
def dead_man(row: Row) -> None:
    rig = Rig(row, rate=0)
    desk = Desk(rig, deadman_ns=60_000_000_000)
    rig.until(desk.ready, "ready", 30)
    order = desk.send("buy", Market(rig).bid(-50), row.size)
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    account: Any = rig.exchange.account_of(row.key)  # type: ignore[attr-defined]
    rig.run(100, ms=50)
    assert len(account.open) == 1, "canceled although we were there"
    desk.mute = True
    rig.run(150, ms=100)
    assert not account.open, "open though nobody is there"


@case("VC-62", "an account of two-sided positions (hedge mode) is noticed at the log-on, and no order leaves")
def hedge_mode(row: Row) -> None:
    rig = Rig(row, rate=0)
    exchange: Any = rig.exchange
    assert hasattr(exchange, "hedge"), "the dialect has no such mode"
    account = exchange.account_of(row.key)
    exchange.hedge = frozenset({account.number})
    desk = Desk(rig)
    rig.run(10, ms=20)
    assert not desk.ready() and "hedge mode" in desk.last(), desk.say()
    order = desk.send("buy", Market(rig).bid(-10), row.size)
    rig.run(1)
    assert letters(desk, order) == "CRZ" and not account.orders, desk.say()
    exchange.hedge = frozenset()
    rig.until(desk.ready, "ready in one-way mode", 120, ms=50)


@case("VC-61", "in a moving market, orders of every kind: what was told is what the exchange's own books say")
def everything_agrees(row: Row) -> None:
    rig, desk = trading(row, rate=60)
    market = Market(rig)
    for at in range(24):
        side = "buy" if at % 3 else "sell"
        tif = ("IOC", "GTC", "POS", "FOK", "MARKET", "GTC")[at % 6]
        ticks = {"IOC": 3, "FOK": 10, "GTC": 0, "POS": -1, "MARKET": 0}[tif]
        price = market.ask(ticks) if side == "buy" else market.bid(-ticks)
        if tif in ("GTC", "POS"):
            price = market.bid(ticks) if side == "buy" else market.ask(-ticks)
        desk.send(side, None if tif == "MARKET" else price, row.size, tif)
        rig.run(0.4)
        if at % 5 == 4:
            for order_id in {one.order_id for one in desk.said if one.order_id}:
                if not desk.closed(order_id):
                    desk.cancel(order_id)
    settle(rig, desk)
    assert sum(len(desk.fills(order_id)) for order_id in range(1, 25)) > 5


def _poor(row: Row) -> dict[str, int]:
    exchange: Any = row.exchange()
    return dict.fromkeys(exchange.ledger.deposits, 1)


def _by_hand(rig: Rig, market: Market) -> int:
    """Place an order on our account as its owner would by hand; return its number."""
    exchange: Any = rig.exchange
    account = exchange.account_of(rig.row.key)
    px, qty = (int(Decimal(value).scaleb(8)) for value in (market.bid(-60), rig.row.size))
    if hasattr(exchange, "trading"):
        from aats.sim.trading import Wish

        return int(exchange.trading.place(account, Wish(market.native, True, px=px, qty=qty, client_id="web-1")).id)
    from aats.sim.orders import Wish as SpotWish

    return int(exchange.desk.place(account, SpotWish(market.native, True, "LIMIT", "GTC", px, qty, client_id="web-1"), exchange.now_ns).id)
