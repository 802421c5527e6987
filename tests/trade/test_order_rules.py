"""A venue's filters as the core wants them, and where orders and rules are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from aats import orders
from aats._ffi import text
from aats.errors import ConfigError
from aats.venue import Endpoints
from aats.venue.binance import _instrument

from .orders_kit import ONE, listed, rules_served


def rules(change: Callable[[dict[str, dict[str, Any]]], object] = lambda filters: None, **row: Any) -> Any:
    """Return the C rules of the kit's BTCUSDT after `change` was made to its filters."""
    raw = {**listed("BTCUSDT"), **row}
    by_type = {one["filterType"]: one for one in raw["filters"]}
    change(by_type)
    raw["filters"] = list(by_type.values())
    return orders.rules_of(_instrument(raw), "BINANCE").raw


# ---------------------------------------------------------------------------------------------------------- refusals


def test_a_tick_finer_than_the_scale_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tick size of BTCUSDT.BINANCE 1E-9 is not a multiple of 1e-8"):
        rules(lambda filters: filters["PRICE_FILTER"].update(tickSize="0.000000001"))


def test_a_symbol_that_is_not_listed_is_refused_with_near_ones(home: object) -> None:
    with rules_served() as address, pytest.raises(ConfigError, match=r"'BTCUSD.BINANCE' is not listed .*near ones: BTCUSDT"):
        orders.fetch_rules("BINANCE", Endpoints(address, ""), ["BTCUSD.BINANCE"])


def test_a_venue_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aats.venue.binance.time.sleep", lambda _: None)
    with pytest.raises(ConfigError, match=r"no trading rules for BTCUSDT.BINANCE: GET http://127.0.0.1:1/api/v3/exchangeInfo"):
        orders.fetch_rules("BINANCE", Endpoints("http://127.0.0.1:1", ""), ["BTCUSDT.BINANCE"])


@pytest.mark.parametrize("kind", ["REST", "WSAPI"])
def test_half_an_address_is_refused_with_the_other_half(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AATS_ENDPOINT_")]:
        monkeypatch.delenv(name)
    have, lack = ("REST", "WSAPI") if kind == "REST" else ("WSAPI", "REST")
    monkeypatch.setenv(f"AATS_ENDPOINT_BINANCE_SIM_{have}", "https://localhost:1" if have == "REST" else "wss://localhost:1")
    with pytest.raises(ConfigError, match=f"BINANCE sim: .* set AATS_ENDPOINT_BINANCE_SIM_{lack}; `aats sim`"):
        orders.order_endpoints("BINANCE", "sim")


@pytest.mark.parametrize("address", ["https://localhost:1", "localhost:1", "wss://"])
def test_an_order_address_that_is_no_websocket_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"order endpoint .* must look like wss://HOST:PORT"):
        Endpoints("", "", address).wsapi_parts()


# ----------------------------------------------------------------------------------------------------------- the path


def test_every_filter_of_the_venue_arrives() -> None:
    raw = rules()
    names = [text(one) for one in (raw.symbol, raw.native, raw.base, raw.quote)]
    assert names == ["BTCUSDT.BINANCE", "BTCUSDT", "BTC", "USDT"] and not raw.halted
    assert (raw.tick_i, raw.min_px_i, raw.max_px_i) == (ONE // 100, ONE // 100, 1_000_000 * ONE)
    assert (raw.lot_i, raw.min_qty_i, raw.max_qty_i) == (ONE // 100_000, ONE // 100_000, 9_000 * ONE)
    assert (raw.market_lot_i, raw.market_min_qty_i, raw.market_max_qty_i) == (0, 0, 80 * ONE)
    assert (raw.min_notional_i, raw.max_notional_i) == (5 * ONE, 9_000_000 * ONE)
    assert (raw.min_notional_market, raw.max_notional_market) == (1, 0)
    assert (raw.bid_up_i, raw.bid_down_i, raw.ask_up_i, raw.ask_down_i) == (5 * ONE, ONE // 5, 5 * ONE, ONE // 5)


def test_older_filters_and_absent_ones_are_read_too() -> None:
    def change(filters: dict[str, dict[str, Any]]) -> None:
        filters.pop("NOTIONAL"), filters.pop("PERCENT_PRICE_BY_SIDE"), filters.pop("MARKET_LOT_SIZE")
        filters["MIN_NOTIONAL"] = {"filterType": "MIN_NOTIONAL", "minNotional": "10.0", "applyToMarket": True}
        filters["PERCENT_PRICE"] = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.3", "multiplierDown": "0.7"}

    raw = rules(change)
    assert (raw.min_notional_i, raw.max_notional_i, raw.min_notional_market) == (10 * ONE, 0, 1)
    assert raw.bid_up_i == raw.ask_up_i == 13 * ONE // 10 and raw.bid_down_i == raw.ask_down_i == 7 * ONE // 10
    assert (raw.market_max_qty_i, raw.market_lot_i) == (0, 0)


def test_a_bound_that_no_number_can_break_is_none() -> None:
    raw = rules(lambda filters: filters["LOT_SIZE"].update(maxQty="922337203686.00000000"))
    assert raw.max_qty_i == 0 and raw.min_qty_i > 0


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
def test_a_symbol_that_does_not_trade_is_halted(status: str) -> None:
    assert rules(status=status).halted


def test_the_environment_replaces_the_venues_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AATS_ENDPOINT_")]:
        monkeypatch.delenv(name)
    own = orders.order_endpoints("BINANCE", "sandbox")
    assert (own.rest, own.wsapi) == ("https://testnet.binance.vision", "wss://ws-api.testnet.binance.vision")
    assert own.wsapi_parts() == (True, "ws-api.testnet.binance.vision", 443, "")
    assert orders.order_endpoints("BINANCE", "direct").wsapi_parts() == (True, "ws-api.binance.com", 443, "")
    monkeypatch.setenv("AATS_ENDPOINT_BINANCE_SANDBOX_WSAPI", "ws://localhost:7001/somewhere/v3")
    assert orders.order_endpoints("BINANCE", "sandbox").wsapi_parts() == (False, "localhost", 7001, "/somewhere/v3")
    assert orders.order_endpoints("BINANCE", "direct").wsapi == "wss://ws-api.binance.com:443"
