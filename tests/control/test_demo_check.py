"""The demo's last question to the exchange: any number that differs is an error with both sides."""

from __future__ import annotations

import argparse
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from aats.demo_ledger import Event, Ledger
from aats.demo_run import Demo
from aats.venue.account import AccountOrder, Balance


class Exchange:
    """What stands behind `BinanceAccount` here."""

    held: dict[str, str] = {}
    rows: list[AccountOrder] = []

    def __init__(self, rest: str, key: str, secret: str, *, cafile: str) -> None:
        pass

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def balances(self) -> dict[str, Balance]:
        return {asset: Balance(Decimal(text), Decimal("0.5")) for asset, text in self.held.items()}

    def open_orders(self) -> list[AccountOrder]:
        return self.rows


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Demo:
    monkeypatch.setattr("aats.venue.binance_account.BinanceAccount", Exchange)
    monkeypatch.setattr(Exchange, "held", {"BTC": "1.599", "USDT": "939.48999"})
    monkeypatch.setattr(Exchange, "rows", [])
    one = Demo(argparse.Namespace(), Path())
    ledger = Ledger("maker", "BTCUSDT.BINANCE", "BTC", "USDT", Decimal(2), Decimal(1000))
    ledger.take(Event("created", 1))
    fill = {"fill_size": Decimal("0.1"), "fill_price": Decimal("600.0001"), "fee": Decimal("0.001"), "fee_asset": "BTC"}
    ledger.take(Event("exec", 1, side="buy", **fill))  # type: ignore[arg-type]
    fill = {"fill_size": Decimal(0), "fill_price": Decimal(1), "fee": Decimal("0.01"), "fee_asset": "USDT"}
    ledger.take(Event("exec", 1, side="sell", **fill))  # type: ignore[arg-type]
    ledger.take(Event("closed", 1))
    one.accounts["maker"] = SimpleNamespace(ledger=ledger, check=lambda: [])  # type: ignore[assignment]
    return one


def test_a_balance_that_differs_is_said_with_both_numbers(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "held", {"BTC": "1.599", "USDT": "939.5"})
    assert demo.check() == ["maker: USDT is 939.98999 by the list of fills and orders, and 940 by the exchange's balance"]


def test_an_asset_that_the_exchange_does_not_know_counts_as_nothing(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "held", {"USDT": "939.48999"})
    assert demo.check() == ["maker: BTC is 2.099 by the list of fills and orders, and 0 by the exchange's balance"]


def test_an_order_that_is_open_there_or_here_is_said(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Exchange, "rows", [AccountOrder("BTCUSDT", "7", "abc", "buy", "gtc", "1", "0", "2")])
    demo.accounts["maker"].ledger.take(Event("created", 2))
    assert demo.check() == ["maker: order 2 is not closed", "maker: order abc is open at the exchange"]


def test_balances_that_are_the_sums_are_silent(demo: Demo) -> None:
    assert demo.check() == []
