"""The sums of `aats demo`: exact, once for each fill, and refusing what cannot be true."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aats.demo_ledger import Event, Ledger, LedgerError, difference, exact, scaled, summary, text


def ledger(strategy: str = "maker", position: str = "100", cash: str = "1000000") -> Ledger:
    return Ledger(strategy, "BTCUSDT.BINANCE", "BTC", "USDT", Decimal(position), Decimal(cash))


def event(kind: str, number: int = 1, **more: object) -> Event:
    return Event(kind, number, symbol="BTCUSDT.BINANCE", **more)  # type: ignore[arg-type]


def fill(side: str, size: str, price: str, fee: str, asset: str, number: int = 1, ns: int = 0) -> Event:
    numbers = {"fill_size": Decimal(size), "fill_price": Decimal(price), "fee": Decimal(fee)}
    return event("exec", number, side=side, fee_asset=asset, liquidity="taker", ns=ns, **numbers)


def closed(number: int = 1, size: str = "1", cum: str = "1") -> Event:
    return event("closed", number, size=Decimal(size), cum=Decimal(cum))


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("kind", ["acked", "exec", "canceled", "closed", "created"])
def test_nothing_comes_after_closed(kind: str) -> None:
    book = ledger()
    for one in (event("created"), closed()):
        book.take(one)
    with pytest.raises(LedgerError, match=r"order 1 was (closed before|created twice)"):
        book.take(event(kind))
    assert book.counts["closed"] == 1


@pytest.mark.parametrize("kind", ["acked", "exec", "closed"])
def test_nothing_comes_before_created(kind: str) -> None:
    with pytest.raises(LedgerError, match="order 7 was never created, and now comes"):
        ledger().take(event(kind, 7))


def test_a_number_that_would_be_rounded_is_an_error() -> None:
    with exact(), pytest.raises(decimal.Inexact):
        Decimal(1) / Decimal(3)


# ------------------------------------------------------------------------------------------------------------- path


def test_a_refused_cancel_may_follow_closed_and_may_stand_alone() -> None:
    book = ledger()
    for one in (event("created"), closed(), event("cancel_rejected"), event("cancel_rejected", 9), event("reconnect", 0)):
        book.take(one)
    assert book.open == {}


def test_each_outcome_is_counted_once_and_filled_means_whole() -> None:
    book = ledger()
    for one in (
        event("created"), event("acked"), fill("buy", "0.4", "10", "0", ""), fill("buy", "0.6", "10", "0", ""), closed(),
        event("created", 2), event("acked", 2), fill("buy", "0.4", "10", "0", "", 2), event("canceled", 2), closed(2, cum="0.4"),
        event("created", 3), event("rejected", 3), closed(3, cum="0"),
        event("created", 4), event("acked", 4),
    ):  # fmt: skip
        book.take(one)
    assert book.counts == {"created": 4, "acked": 3, "rejected": 1, "filled": 1, "canceled": 1, "closed": 3}
    assert list(book.open) == [4]


def test_profit_is_what_the_formula_says_and_fees_are_taken_once() -> None:
    maker, taker = ledger("maker"), ledger("taker", "50", "2000")
    for book, one in (
        (maker, event("created")), (maker, fill("buy", "0.5", "60000.01", "0.0005", "BTC", ns=2)), (maker, closed(size="0.5", cum="0.5")),
        (taker, event("created")), (taker, fill("sell", "0.25", "60001", "15.00025", "USDT", ns=1)), (taker, closed(size="0.25", cum="0.25")),
    ):  # fmt: skip
        book.take(one)
    said = summary([maker, taker], Decimal("60000"), Decimal("60010"))
    assert said["position"] == "150.2495"  # 150 + 0.5 - 0.25 - 0.0005
    assert said["cash"] == "986985.24475"  # 1002000 - 30000.005 + 15000.25 - 15.00025
    assert said["fees"] == {"BTC": "0.0005", "USDT": "15.00025"}
    assert said["start"] == {"cash": "1002000", "position": "150", "price": "60000"}
    assert said["pnl"] == "1457.73975"
    assert [one["strategy"] for one in said["fills"]] == ["taker", "maker"]  # in the order of time
    assert said["fills"][1] == {
        "strategy": "maker", "order_id": 1, "symbol": "BTCUSDT.BINANCE", "side": "buy", "size": "0.5", "price": "60000.01",
        "notional": "30000.005", "fee": "0.0005", "fee_asset": "BTC", "liquidity": "taker", "ns": 2,
    }  # fmt: skip


_amounts = st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False)
_fills = st.lists(st.tuples(st.sampled_from(("buy", "sell")), _amounts, _amounts, _amounts, st.sampled_from(("BTC", "USDT", "BNB"))))


@given(fills=_fills, start=_amounts, last=_amounts)
def test_the_sums_are_those_of_rational_numbers(
    fills: list[tuple[str, Decimal, Decimal, Decimal, str]], start: Decimal, last: Decimal
) -> None:
    book = ledger()
    book.take(event("created"))
    position, cash = Fraction(100), Fraction(1000000)
    for side, size, price, fee, asset in fills:
        book.take(fill(side, str(size), str(price), str(fee), asset))
        sign = 1 if side == "buy" else -1
        position += sign * Fraction(size) - (Fraction(fee) if asset == "BTC" else 0)
        cash -= sign * Fraction(size) * Fraction(price) + (Fraction(fee) if asset == "USDT" else 0)
    said = summary([book], start, last)
    assert (Fraction(said["position"]), Fraction(said["cash"])) == (position, cash)
    assert Fraction(said["pnl"]) == cash + position * Fraction(last) - (1000000 + 100 * Fraction(start))


def test_a_difference_names_both_numbers() -> None:
    (line,) = difference(
        "maker", "the exchange's balance", {"BTC": Decimal("1.50"), "USDT": Decimal(3)}, {"BTC": Decimal("1.4"), "USDT": Decimal(3)}
    )
    assert line == "maker: BTC is 1.5 by the list of fills and orders, and 1.4 by the exchange's balance"
    assert list(difference("maker", "x", {"BTC": Decimal("0.0")}, {})) == []


@given(value=st.integers(-(2**127), 2**127 - 1), exp=st.integers(-16, 3))
def test_text_is_exact_and_short(value: int, exp: int) -> None:
    out = text(scaled(value, exp))
    assert Fraction(out) == Fraction(value) * Fraction(10) ** exp
    assert "E" not in out and out not in ("", "-0") and not ("." in out and out[-1] in "0.")
