"""GATE, KUCOIN and DERIBIT, of which only market data is traded with: their lists of instruments, snapshots, tokens, and what they ask for.

Instruments are recorded answers; the books of recorded traffic are judged in tests/tape.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from aats.config import VENUES
from aats.errors import FeedError
from aats.venue import CLIENTS, SnapshotRefused, client_class
from aats.venue.base import Endpoints, VenueClient

FILES = {"GATE": "gate__gate_v4_2021-04-22", "KUCOIN": "kucoin__kucoin_2021-04-25", "DERIBIT": "deribit__deribit_2021-07-22"}
NAMES = pytest.mark.parametrize("venue", FILES)
Answer = Callable[[httpx.Request], httpx.Response]


def client(venue: str, answer: Answer) -> VenueClient:
    """Return a venue's client whose requests are answered here."""
    made = client_class(venue)(Endpoints("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    http: Any = made
    http._http = httpx.Client(base_url="http://127.0.0.1:9", transport=httpx.MockTransport(answer))
    return made


def says(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, content=body, headers=headers)


def recorded(data: Path, venue: str) -> dict[str, Any]:
    with gzip.open(data / "_instruments" / f"{FILES[venue]}.jsonl.gz", "rt") as file:
        bodies = [json.loads(json.loads(line)["body"]) for line in file]
    if venue == "DERIBIT":  # recorded by currency
        return {"result": [row for body in bodies for row in body["result"]]}
    return bodies[0]  # type: ignore[no-any-return]


@NAMES
@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", "null", "[]x", '{"code":"200000"}', '{"result":[{}]}', "[{}]"])
def test_a_list_of_instruments_that_is_none_is_refused(venue: str, body: str) -> None:
    with pytest.raises(FeedError, match=r"127\.0\.0\.1"):
        client(venue, says(body)).listing()


@NAMES
def test_too_many_requests_are_a_wait(venue: str) -> None:
    made = client(venue, says("slow down", 429, **{"Retry-After": "100"}))
    with pytest.raises(SnapshotRefused, match="HTTP 429") as caught:
        made.listing()
    assert caught.value.retry_after_s == 100.0
    with pytest.raises(SnapshotRefused, match="used up"):
        made.listing()


@NAMES
def test_recorded_instruments_are_listed_by_name(data_dir: Path, venue: str) -> None:
    rows = recorded(data_dir, venue)
    made = client(venue, says(json.dumps(rows)))
    listed = made.listing()
    assert len(listed) > 100 and len({one.native for one in listed}) == len(listed)
    assert all(one.tick > 0 and one.lot > 0 and one.symbol.endswith(f".{venue}") for one in listed)
    expected = {
        "GATE": ("NEOBTC.GATE", "NEO_BTC", "0.0000001", "0.001", "spot"),
        "KUCOIN": ("SNXBTC.KUCOIN", "SNX-BTC", "0.00000001", "0.00000001", "spot"),
        "DERIBIT": ("BTCUSDSWAP.DERIBIT", "BTC-PERPETUAL", "0.5", "10.0", "perpetual"),
    }[venue]
    one = made.instruments([expected[0]])[expected[0]]
    assert (one.symbol, one.native, one.kind) == (expected[0], expected[1], expected[4])
    assert (one.tick, one.lot) == (Decimal(expected[2]), Decimal(expected[3]))


def test_deribit_names_options_and_says_which_contracts_are_inverse(data_dir: Path) -> None:
    made = client("DERIBIT", says(json.dumps(recorded(data_dir, "DERIBIT"))))
    found = {one.native: one for one in made.listing()}
    perpetual, option = found["BTC-PERPETUAL"], found["BTC-24SEP21-40000-P"]
    assert (perpetual.inverse, perpetual.contract_unit, perpetual.settle) == (True, "USD", "BTC")
    assert (option.inverse, option.contract_unit, option.kind, option.symbol) == (False, "BTC", "option", "BTCUSD24SEP2140000P.DERIBIT")


def test_snapshots_are_asked_for_as_deep_as_the_stream_keeps_them() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.path) + "?" + request.url.query.decode())
        return httpx.Response(200, content=b'{"code":"200000","data":{"sequence":"1","bids":[],"asks":[]}}')

    client("GATE", answer).snapshot("AB_USDT")
    client("KUCOIN", answer).snapshot("AB-USDT")
    assert asked == [
        "/api/v4/spot/order_book?currency_pair=AB_USDT&limit=100&with_id=true",
        "/api/v1/market/orderbook/level2_100?symbol=AB-USDT",
    ]
    with pytest.raises(SnapshotRefused, match="books begin in the stream"):
        client("DERIBIT", answer).snapshot("AB-PERPETUAL")
    with pytest.raises(SnapshotRefused, match="400100"):
        client("KUCOIN", says('{"code":"400100","msg":"symbol not exists"}')).snapshot("AB-USDT")


def test_kucoin_has_a_token_for_each_connection() -> None:
    good = {"code": "200000", "data": {"token": "a+b/c==", "instanceServers": [{"endpoint": "wss://ws-api-spot.kucoin.com/"}]}}
    made = client("KUCOIN", says(json.dumps(good)))
    one, two = made.token_path(0), made.token_path(0)
    assert one.startswith("/?token=a%2Bb%2Fc%3D%3D&connectId=") and one != two
    for body in ("<html></html>", '{"code":"429000","msg":"too many"}', '{"code":"200000","data":{"token":"x","instanceServers":[]}}'):
        with pytest.raises(SnapshotRefused, match="bullet-public: HTTP 200"):
            client("KUCOIN", says(body)).token_path(0)
    with pytest.raises(SnapshotRefused, match="HTTP 429") as caught:
        client("KUCOIN", says("no", 429)).token_path(0)
    assert caught.value.retry_after_s == 10.0


def test_there_is_a_test_network_only_where_the_venue_has_one() -> None:
    assert client_class("KUCOIN").endpoints_of("sandbox") is None
    gate = client_class("GATE").endpoints_of("sandbox")
    assert gate is not None
    assert client_class("GATE")(gate).token_path(0) == "/v4/ws/spot"
    assert client("GATE", says("")).token_path(0) == ""
    deribit = client_class("DERIBIT").endpoints_of("sandbox")
    assert deribit is not None and deribit.stream == "wss://test.deribit.com"


def test_every_venue_of_the_configuration_has_a_client() -> None:
    assert set(FILES) <= set(CLIENTS) <= set(VENUES)
