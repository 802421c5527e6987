"""Binance's other houses: REST that goes wrong, instruments, and feeds live over loopback at the simulated dialects."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aats.errors import ConfigError
from aats.venue import SnapshotRefused, account_class, client_class
from tests.conformance.rows import rows, served
from tests.live.conftest import own_world  # noqa: F401 - a fixture, for every test here
from tests.live.looks import eventually
from tests.live.procs import FeedProc, Sim

HOUSES = ("BINANCEUS", "BINANCE_SWAP", "BINANCE_COINM")
ROWS = {
    "BINANCE_SWAP": {
        "symbol": "BTCUSDT",
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "filters": [
            {"minPrice": "556.72", "maxPrice": "1000000", "filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"stepSize": "0.001", "filterType": "LOT_SIZE", "maxQty": "1000", "minQty": "0.001"},
            {"notional": "100", "filterType": "MIN_NOTIONAL"},
        ],
    },
    "BINANCE_COINM": {
        "symbol": "BTCUSD_211231",
        "pair": "BTCUSD",
        "contractType": "NEXT_QUARTER",
        "contractStatus": "TRADING",
        "contractSize": 100,
        "baseAsset": "BTC",
        "quoteAsset": "USD",
        "marginAsset": "BTC",
        "filters": [
            {"minPrice": "1000", "maxPrice": "1000000", "filterType": "PRICE_FILTER", "tickSize": "0.1"},
            {"stepSize": "1", "filterType": "LOT_SIZE", "maxQty": "1000000", "minQty": "1"},
        ],
    },
}


def client(venue: str, answer: Callable[[httpx.Request], httpx.Response]) -> Any:
    kind = client_class(venue)
    endpoints = kind.endpoints_of("direct")
    assert endpoints is not None
    one = kind(endpoints)
    one._http = httpx.Client(base_url=endpoints.rest, transport=httpx.MockTransport(answer))  # type: ignore[attr-defined]
    return one


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("venue", HOUSES)
def test_maintenance_in_html_is_an_error_in_words(venue: str) -> None:
    page = httpx.Response(503, headers={"content-type": "text/html"}, text="<html><h1>Maintenance</h1></html>")
    with pytest.raises(SnapshotRefused, match="HTTP 503: <html><h1>Maintenance"):
        client(venue, lambda _: page).snapshot("BTCUSDT")


@pytest.mark.parametrize("venue", HOUSES)
def test_a_limit_that_is_reached_is_obeyed_for_as_long_as_the_venue_says(venue: str) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(429, headers={"Retry-After": "7"}, json={"code": -1003, "msg": "Too many requests."})

    one = client(venue, answer)
    with pytest.raises(SnapshotRefused, match="-1003") as refused:
        one.snapshot("BTCUSDT")
    assert refused.value.retry_after_s == 7.0
    with pytest.raises(SnapshotRefused) as again:
        one.snapshot("BTCUSDT")
    assert 0 < again.value.retry_after_s <= 7.0 and len(asked) == 1, "it asked although it was told to wait"


@pytest.mark.parametrize("venue", ["BINANCE_SWAP", "BINANCE_COINM"])
def test_an_unknown_symbol_is_named_with_near_ones(venue: str) -> None:
    one = client(venue, lambda _: httpx.Response(200, json={"symbols": [ROWS[venue]]}))
    native = ROWS[venue]["symbol"]
    with pytest.raises(ConfigError, match=f"near ones: .*{native}"):
        one.instruments([f"{native}X"])


def test_binance_us_has_no_test_network() -> None:
    assert client_class("BINANCEUS").endpoints_of("sandbox") is None
    for venue in ("BINANCE_SWAP", "BINANCE_COINM"):
        own = client_class(venue).endpoints_of("sandbox")
        assert own is not None and "demo" in own.rest and own.private


# ------------------------------------------------------------------------------------------------------ instruments


def test_contracts_are_described_in_what_the_book_counts() -> None:
    swap = client("BINANCE_SWAP", lambda _: httpx.Response(200, json={"symbols": [ROWS["BINANCE_SWAP"]]}))
    found = swap.instruments(["BTCUSDTSWAP", "BTCUSDT"])
    one = found["BTCUSDTSWAP"]
    assert found["BTCUSDT"] == one
    assert (one.symbol, one.kind, one.settle, one.inverse) == ("BTCUSDTSWAP.BINANCE_SWAP", "perpetual", "USDT", False)
    assert (one.tick, one.lot, one.contract_size, one.limits.min_notional) == (Decimal("0.10"), Decimal("0.001"), 1, 100)
    coinm = client("BINANCE_COINM", lambda _: httpx.Response(200, json={"symbols": [ROWS["BINANCE_COINM"]]}))
    one = coinm.instruments(["BTCUSD_211231"])["BTCUSD_211231"]
    assert (one.symbol, one.kind, one.settle, one.inverse) == ("BTCUSD211231.BINANCE_COINM", "future", "BTC", True)
    assert (one.contract_size, one.contract_unit, one.trading) == (100, "USD", True)


# --------------------------------------------------------------------------------------------------------- accounts


@pytest.mark.parametrize(
    ("venue", "native", "asset"),
    [("BINANCE_SWAP", "BTCUSDT", "USDT"), ("BINANCE_COINM", "BTCUSD_PERP", "BTC"), ("BINANCEUS", "BTCUSDT", "USDT")],
)
def test_an_account_is_looked_at_from_outside(venue: str, native: str, asset: str) -> None:
    with served(rows()[venue].exchange()) as port, account_class(venue)(f"http://127.0.0.1:{port}", "aats-sim", "aats-sim") as account:
        assert account.balances()[asset].total > 0 and account.open_orders() == []
        wish = {"symbol": native, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50000"}
        account._call("POST", f"{account.root}/order", wish)  # type: ignore[attr-defined]
        (one,) = account.open_orders(native)
        assert (one.native, one.side, one.tif, float(one.size), float(one.price), float(one.filled)) == (
            native,
            "buy",
            "gtc",
            1.0,
            50000.0,
            0.0,
        )
        assert account.balances()[asset].locked > 0
        assert account.cancel(native, one.order_id) and not account.cancel(native, one.order_id)
        assert account.open_orders() == []


# ------------------------------------------------------------------------------------------------------------- live


@pytest.mark.parametrize(
    ("venue", "symbols"),
    [("BINANCE_SWAP", "BTCUSDT,ETHUSDT"), ("BINANCE_COINM", "BTCUSD_PERP,ETHUSD_PERP"), ("BINANCEUS", "BTCUSDT,ETHUSDT")],
)
def test_a_feed_goes_live_and_comes_back_from_holes(venue: str, symbols: str) -> None:
    names = [name.replace("_PERP", "SWAP") for name in symbols.split(",")]
    with Sim("--venue", venue, "--symbols", symbols, "--fault", "drop=25") as sim, FeedProc(sim, names, venue=venue, name="family") as feed:
        eventually(lambda: len(feed.directory()) == 2, why=feed.log)
        eventually(lambda: feed.counters()["gaps"] >= 2, within_s=60, why=feed.log)
        feed.symbols = list(feed.directory())
        feed.wait_live()
        counters = feed.counters()
        assert counters["syncs"] > counters["gaps"] - 2 and not counters["parse_errors"] and not counters["unknown"]
        eventually(lambda: feed.counters()["ticks"] > 10, within_s=60, why="no trades: the way that serves them is silent")
        assert json.loads(json.dumps(sim.stop()))["depth_frames"] > 25


def test_mark_prices_and_funding_are_published() -> None:
    with (
        Sim("--venue", "BINANCE_SWAP", "--symbols", "BTCUSDT") as sim,
        FeedProc(sim, ["BTCUSDT"], venue="BINANCE_SWAP", name="family") as feed,
    ):
        eventually(lambda: feed.counters()["marks"] >= 2 and feed.counters()["fundings"] >= 1, within_s=30, why=feed.log)
