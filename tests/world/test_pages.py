"""Lists that come in pages: after a gap an account is known when the last page was read, and not before.

Families whose answers hold 50 to 250 rows; Binance's hold a thousand, and go on by trade id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from aats.sim.answer import Answer
from aats.sim.listing import Refused
from aats.sim.trading import Wish
from tests.conformance.cases_orders import Market, agree, settle, trading
from tests.conformance.rig import Desk, Rig
from tests.conformance.rows import rows

#: Rows that one answer holds: fills and open orders.
PAGES = {"KRAKEN": (50, 0), "BYBIT": (100, 50), "BYBIT_SWAP": (100, 50), "OKX": (100, 100), "OKX_SWAP": (100, 100), "COINBASE": (250, 250)}
CURSORS = ("cursor", "after", "ofs")
EARLIER = 0x5EED_0000_0000_00AA


class Pages:
    """What stands before an exchange's HTTP: counts the requests for a further page, and answers some of them otherwise."""

    def __init__(self, rig: Rig, *failures: Callable[[Any], Answer]) -> None:
        self.exchange: Any = rig.exchange
        self.asked = 0
        self._failures = list(failures)
        self._http = self.exchange.http
        self.exchange.http = self.http

    def http(self, conn: Any, asked: Any) -> Any:
        said = asked.query_text + "&" + asked.body.decode("latin-1")
        if any(f"&{name}=" in f"&{said}" for name in CURSORS):
            self.asked += 1
            if self._failures:
                return self._failures.pop(0)(self.exchange)
        return self._http(conn, asked)


def gone(exchange: Any) -> Answer:
    return Answer(503, b"<html>down for maintenance</html>", content_type="text/html")


def busy(exchange: Any) -> Answer:
    answer: Answer = exchange.too_many()
    return answer


def away(rig: Rig, desk: Desk) -> None:
    desk.refuse = True
    desk.cut()
    rig.run(0.2)


def back(rig: Rig, desk: Desk) -> None:
    desk.refuse = False
    rig.until(desk.ready, "ready after the gap", 300, ms=10)


def sizes(count: int, size: str) -> list[Decimal]:
    return [Decimal(size) * (1 + at % 3) for at in range(count)]


@pytest.mark.parametrize("venue", PAGES)
def test_fills_of_several_pages_are_all_told_in_their_order_before_ready(venue: str) -> None:
    row, page = rows()[venue], PAGES[venue][0]
    rig, desk = trading(row)
    market = Market(rig)
    price, parts = market.widen(), sizes(page + 5, row.size)
    order = desk.send("buy", price, format(sum(parts) + Decimal(row.size), "f"))
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    pages = Pages(rig, gone, busy)
    away(rig, desk)
    for part in parts:
        market.other("sell", price, format(part, "f"))
    back(rig, desk)
    told = [Decimal(one.fill[1]).scaleb(desk._rules[0].raw.qty_exp) for one in desk.fills(order)]
    if venue == "KRAKEN":  # its socket tells the latest 50 by itself, before those that have to be asked for
        told.sort(), parts.sort()
    assert told == parts
    assert pages.asked > 2, "one page had it all, and nothing failed"
    settle(rig, desk)


@pytest.mark.parametrize("venue", PAGES)
def test_an_order_that_ended_with_more_fills_than_a_page_between_those_of_others_has_all_of_them(venue: str) -> None:
    row, page = rows()[venue], PAGES[venue][0]
    rig, desk = trading(row)
    market = Market(rig)
    price = market.widen()
    first = desk.send("buy", price, format(sum(sizes(20, row.size)), "f"))
    rig.until(lambda: "ACKED" in desk.of(first), "acknowledged")
    second = desk.send("buy", price, format(sum(sizes(page, row.size)), "f"))
    rig.until(lambda: "ACKED" in desk.of(second), "acknowledged")
    away(rig, desk)
    for part in sizes(20, row.size) + sizes(page, row.size):
        market.other("sell", price, format(part, "f"))
    back(rig, desk)
    rig.until(lambda: desk.closed(first) and desk.closed(second), "closed", 60, ms=10)
    assert len(desk.fills(first)) == 20 and len(desk.fills(second)) == page
    agree(rig, desk)


@pytest.mark.parametrize("venue", [venue for venue, (_, page) in PAGES.items() if page])
def test_orders_of_an_earlier_run_on_every_page_are_canceled_before_ready(venue: str) -> None:
    row, page = rows()[venue], PAGES[venue][1]
    rig = Rig(row, rate=0)
    exchange: Any = rig.exchange
    left(rig, page + 3)
    pages = Pages(rig, gone, busy)
    desk = Desk(rig, earlier=(EARLIER,))
    rig.until(desk.ready, "ready", 300, ms=10)
    assert not exchange.account_of(row.key).open, desk.say()
    assert pages.asked > 2


def left(rig: Rig, count: int) -> None:
    """Leave open orders of an earlier run at the exchange."""
    exchange: Any = rig.exchange
    row = rig.row
    exchange.now_ns = rig.venue_ns
    px = int(Decimal(Market(rig).bid(-50)).scaleb(8))
    for number in range(1, count + 1):
        wish = Wish(row.symbols[0], True, px=px, qty=int(Decimal(row.size).scaleb(8)), client_id=f"{EARLIER:016x}{number:016x}")
        exchange.trading.place(exchange.account_of(row.key), wish)


def test_a_cursor_that_is_refused_has_the_list_begun_again() -> None:
    def stale(exchange: Any) -> Answer:
        raise Refused("param", "cursor expired")

    row, page = rows()["BYBIT"], PAGES["BYBIT"][0]
    rig, desk = trading(row)
    market = Market(rig)
    price, parts = market.widen(), sizes(page + 5, row.size)
    order = desk.send("buy", price, format(sum(parts), "f"))
    rig.until(lambda: "ACKED" in desk.of(order), "acknowledged")
    pages = Pages(rig, *[stale] * 8)
    away(rig, desk)
    for part in parts:
        market.other("sell", price, format(part, "f"))
    back(rig, desk)
    rig.until(lambda: desk.closed(order), "closed", 60, ms=10)
    assert len(desk.fills(order)) == len(parts) and pages.asked > 8
    agree(rig, desk)


def test_a_list_without_an_end_is_said_and_there_is_no_ready() -> None:
    rig = Rig(rows()["BYBIT"], rate=0)
    left(rig, 60)
    exchange: Any = rig.exchange
    page = exchange._page
    exchange._page = lambda found, asked, usual, most: page(found, replace(asked, query={**asked.query, "cursor": ""}), usual, most)
    desk = Desk(rig, earlier=(EARLIER,))
    rig.run(5, ms=20)
    assert not desk.ready() and any("cannot be read to its end" in line for line in desk.notices), desk.say()
    exchange._page = page
    rig.until(desk.ready, "ready", 60, ms=10)
    assert not exchange.account_of(rig.row.key).open


def test_what_a_session_reads_is_bounded() -> None:
    rig = Rig(rows()["OKX"], rate=0)
    left(rig, 100)
    exchange: Any = rig.exchange
    rows_of, numbers = exchange._rows, iter(range(10**9, 0, -1))

    def endless(key: Any, path: str, asked: Any) -> list[Any]:
        if path != "/trade/orders-pending" or asked.query["instId"] != rig.row.symbols[0]:
            return list(rows_of(key, path, asked))
        found = rows_of(key, path, replace(asked, query={**asked.query, "after": ""}))
        return [*found[:-1], {**found[-1], "ordId": str(next(numbers))}]

    exchange._rows = endless
    desk = Desk(rig, earlier=(EARLIER,))
    rig.run(15, ms=20)
    assert not desk.ready() and any("100 pages" in line for line in desk.notices), desk.say()
