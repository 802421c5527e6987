"""Public REST of a venue: waiting, pages that are no JSON, and answers of another shape are said; nothing of them is taken for a list."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aats.errors import ConfigError, FeedError
from aats.venue import Endpoints, SnapshotRefused
from aats.venue.base import BudgetSpent
from aats.venue.kraken import KrakenClient, v2_name

PAIR = {
    "altname": "XBTUSDT", "wsname": "XBT/USDT", "base": "XXBT", "quote": "USDT", "pair_decimals": 1, "lot_decimals": 8, "costmin": "0.5",
    "tick_size": "0.1", "ordermin": "0.00005", "status": "online",
}  # fmt: skip


def client(answer: Callable[[httpx.Request], httpx.Response]) -> KrakenClient:
    one = KrakenClient(Endpoints("https://venue.example", ""))
    one._http = httpx.Client(base_url="https://venue.example", transport=httpx.MockTransport(answer))
    return one


def listed(*rows: dict[str, Any], error: list[str] | None = None) -> Callable[[httpx.Request], httpx.Response]:
    body = {"error": error or [], "result": {str(at): row for at, row in enumerate(rows)}}
    return lambda request: httpx.Response(200, json=body)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(200, text="<html><body>We will be back soon</body></html>"), "the answer is not JSON: <html><body>We will be back"),
        (httpx.Response(200, text=""), "the answer is not JSON: empty body"),
        (httpx.Response(404, text="no such page"), "HTTP 404: no such page"),
        (httpx.Response(200, json={"error": []}), "not the documented answer: KeyError: 'result'"),
        (httpx.Response(200, json=[1]), "not the documented answer: TypeError"),
        (httpx.Response(200, json={"error": [], "result": {"X": {**PAIR, "tick_size": "cheap"}}}), "not the documented answer: InvalidOperation"),
        (httpx.Response(200, json={"error": ["EGeneral:Unknown method"]}), "EGeneral:Unknown method"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_list_is_said(answer: httpx.Response, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(FeedError) as raised:
        client(lambda request: answer).listing()
    assert says in str(raised.value) and "venue.example" in str(raised.value)


def test_what_the_venue_says_of_waiting_is_obeyed_without_a_byte() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(429, headers={"Retry-After": "200"}, text="slow down")

    one = client(answer)
    with pytest.raises(SnapshotRefused, match="HTTP 429: slow down") as raised:
        one.listing()
    assert raised.value.retry_after_s == 200
    with pytest.raises(BudgetSpent):
        one.listing()
    assert len(asked) == 1


def test_a_venue_that_does_not_answer_is_asked_again_and_then_said(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(SnapshotRefused, match="ConnectError: refused"):
        client(answer).listing()
    assert len(waits) == 3


def test_pairs_are_named_as_the_stream_names_them() -> None:
    assert [v2_name(one) for one in ("XBT/USDT", "XDG/XBT", "ETH/EUR")] == ["BTC/USDT", "DOGE/BTC", "ETH/EUR"]
    found = client(
        listed(PAIR, {"altname": "XBTUSD.d", "pair_decimals": 1}, {**PAIR, "wsname": "ETH/USDT", "status": "cancel_only"})
    ).listing()
    btc, eth = found
    assert (btc.symbol, btc.native, btc.tick, btc.lot, btc.trading) == (
        "BTCUSDT.KRAKEN",
        "BTC/USDT",
        Decimal("0.1"),
        Decimal("0.00000001"),
        True,
    )
    assert (btc.limits.min_qty, btc.limits.min_notional, btc.px_decimals, btc.qty_decimals) == (Decimal("0.00005"), Decimal("0.5"), 1, 8)
    assert not eth.trading and eth.status == "cancel_only"
    assert set(client(listed(PAIR)).instruments(["btcusdt", "BTC/USDT.KRAKEN"])) == {"btcusdt", "BTC/USDT.KRAKEN"}
    with pytest.raises(ConfigError, match="near ones: BTCUSDT"):
        client(listed(PAIR)).instruments(["BTCUSD"])


def test_there_is_no_snapshot_where_books_begin_in_the_stream() -> None:
    with pytest.raises(SnapshotRefused, match="books begin in the stream"):
        client(listed()).snapshot("BTC/USDT")
