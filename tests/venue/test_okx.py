"""OKX's control plane and account over REST, and what its streams do beside diffs: through our own client and feed, at the simulated dialect."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from aats._ffi import lib
from aats.errors import ConfigError
from aats.sim.dialects import Options, make
from aats.sim.host import Host
from aats.venue import Endpoints, SnapshotRefused, account_class, client_class
from aats.venue.account import AccountError
from aats.venue.okx import OkxClient, is_simulated
from aats.venue.okx_account import OkxAccount, signature
from tests.conformance.cases_data import watched
from tests.conformance.rows import Row, rows, served

SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"


@pytest.fixture
def exchange() -> Host:
    return make("OKX_SWAP", Options(seed=7, depth=60, rate=0))


@pytest.fixture
def port(exchange: Host) -> Iterator[int]:
    with served(exchange) as number:
        yield number


@pytest.fixture
def row() -> Row:
    return rows()["OKX_SWAP"]


def client_at(port: int, venue: str = "OKX_SWAP") -> Any:
    return client_class(venue)(Endpoints(f"http://localhost:{port}", f"ws://localhost:{port}"))


def account_at(port: int, **other: str) -> Any:
    given = {"key": "aats-sim", "secret": "aats-sim", "passphrase": "aats-sim", **other}
    return account_class("OKX_SWAP")(f"http://localhost:{port}", **given)


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(("fault", "said"), [("http-429", "HTTP 429"), ("http-503", "HTTP 503"), ("http-html", "not JSON")])
def test_an_answer_that_is_none_is_said_and_the_venues_word_on_waiting_kept(exchange: Host, port: int, fault: str, said: str) -> None:
    assert exchange.faults.queue(fault)
    client = client_at(port)
    with pytest.raises(SnapshotRefused, match=said) as refused:
        client.snapshot("BTC-USDT-SWAP") if fault != "http-html" else client._get("/api/v5/public/time")
    assert (refused.value.retry_after_s == 2) == (fault == "http-429")
    client.close()


def test_an_error_with_status_200_is_an_error(port: int) -> None:
    client = client_at(port)
    client.KIND = ""
    with pytest.raises(SnapshotRefused, match=r"code 51000: .*instType"):
        client.listing()
    client.close()


def test_a_symbol_that_is_not_listed_is_named_with_near_ones(port: int) -> None:
    client = client_at(port)
    with pytest.raises(ConfigError, match=r"BTCUSDCSWAP.*near ones: .*BTC"):
        client.instruments(["BTCUSDCSWAP.OKX_SWAP"])
    client.close()


def test_a_key_without_its_passphrase_is_refused_here() -> None:
    with pytest.raises(ConfigError, match="passphrase"):
        OkxAccount("http://localhost:1", "key", "secret")


@pytest.mark.parametrize(("other", "code"), [({"key": "x"}, 50111), ({"secret": "x"}, 50113), ({"passphrase": "x"}, 50105)])
def test_what_does_not_fit_a_key_is_refused_by_its_number_and_shown_nowhere(port: int, other: dict[str, str], code: int) -> None:
    with account_at(port, **other) as account, pytest.raises(AccountError) as refused:
        account.balances()
    assert refused.value.code == code and "aats-sim" not in str(refused.value) + repr(account)


# ------------------------------------------------------------------------------------------------------ control plane


def test_signatures_are_those_of_the_fact_sheet() -> None:
    stamp = "2020-12-08T09:08:57.715Z"
    body = '{"instId":"BTC-USD-200925","tdMode":"isolated","side":"buy","ordType":"limit","px":"432.11","sz":"2"}'
    assert signature(SECRET, stamp, "GET", "/api/v5/account/balance") == "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k="
    assert signature(SECRET, stamp, "GET", "/api/v5/account/balance?ccy=BTC") == "ebNz0sDoc3LoFm1hqjP8LDT0fnRlDERj5C+I4ZqB4Cw="
    assert signature(SECRET, stamp, "POST", "/api/v5/trade/order", body) == "nEpHMx6gZYYjWVfzXtwccJAPmWrrmDHvV4cNsi10d6o="
    assert signature(SECRET, "1704876947", "GET", "/users/self/verify") == "h40uJnu4QWNKOXDPW/QiOVwtFDAmLKh7ThzSboYPqrk="


def test_perpetuals_have_contracts_a_number_and_names_of_ours(port: int) -> None:
    client = client_at(port)
    found = client.instruments(["BTCUSDTSWAP.OKX_SWAP", "btc-usd-swap"])
    client.close()
    linear, inverse = found["BTCUSDTSWAP.OKX_SWAP"], found["btc-usd-swap"]
    assert (linear.native, linear.kind, linear.settle, linear.inverse) == ("BTC-USDT-SWAP", "perpetual", "USDT", False)
    assert (linear.contract_size, linear.contract_unit, linear.number) == (Decimal("0.01"), "BTC", 10_459)
    assert (inverse.symbol, inverse.settle, inverse.inverse) == ("BTCUSDSWAP.OKX_SWAP", "BTC", True)
    assert (inverse.contract_size, inverse.contract_unit, inverse.number) == (Decimal(100), "USD", 10_461)


def test_a_book_over_rest_is_what_the_c_parser_reads(port: int) -> None:
    from aats._ffi import ffi

    client = client_at(port)
    body = client.snapshot("BTC-USDT-SWAP")
    client.close()
    message = ffi.new("aats_msg_t *")
    levels = [ffi.new("aats_level_t[]", lib.AATS_MSG_LEVELS) for _ in range(2)]
    message.bids, message.asks = levels
    assert lib.aats_venue_parse(b"OKX_SWAP", body, len(body), message) == 0
    assert message.kind == lib.AATS_MSG_SNAPSHOT and message.last_id > 0 and message.bid_cnt > 20


def test_the_test_network_is_the_same_host_and_each_request_says_so() -> None:
    own = OkxClient.endpoints_of("sandbox")
    assert own is not None and is_simulated(own) and own.rest == OkxClient.HOSTS["direct"].rest
    assert not is_simulated(OkxClient.HOSTS["direct"])
    client = OkxClient(own)
    assert client._http.headers["x-simulated-trading"] == "1"
    client.close()
    client = OkxClient(OkxClient.HOSTS["direct"])
    assert "x-simulated-trading" not in client._http.headers
    client.close()
    with OkxAccount(own.rest, "key", "secret", passphrase="word") as account:
        assert "x-simulated-trading" not in account._http.headers
        account.on_test_network()
        assert account._http.headers["x-simulated-trading"] == "1"


def test_an_account_is_looked_at_and_emptied_of_orders(exchange: Any, port: int) -> None:
    from aats.sim.trading import Wish

    mine = exchange.account_of("aats-sim")
    for number in range(130):  # two pages
        exchange.trading.place(mine, Wish("BTC-USDT-SWAP", True, px=(60_000 - number) * 10**8, qty=10**6, client_id=f"c{number}"))
    with account_at(port) as account:
        orders = account.open_orders("BTC-USDT-SWAP")
        assert len(orders) == 130 and {one.tif for one in orders} == {"gtc"} and orders[0].size == "0.01"
        assert account.cancel("BTC-USDT-SWAP", orders[0].order_id) and not account.cancel("BTC-USDT-SWAP", orders[0].order_id)
        held = account.balances()["USDT"]
        assert held.locked > 0 and held.total == 1_000_000
        assert len(account.open_orders()) == 129


# ----------------------------------------------------------------------------------------------------------- streams


def test_signs_of_life_and_a_new_count_are_no_gaps(row: Row) -> None:
    rig, feed = watched(row)
    exchange: Any = rig.exchange
    for _ in range(3):
        exchange.beat(row.symbols[0])
        exchange.restart_numbers(row.symbols[1])
        rig.run(1)
        assert feed.good(), feed.say()
    rig.until(feed.newest, "the newest book", 3)
    assert feed.count("GAPS") == 0 and feed.count("PARSE_ERRORS") == 0


def test_a_service_upgrade_that_is_announced_costs_no_book(row: Row) -> None:
    rig, feed = watched(row)
    before = feed.attempts
    rig.exchange.shutdown(rig.venue_ns, lead_ns=60 * 1_000_000_000)
    for _ in range(400):
        rig.step()
        assert feed.good(), feed.say()
    assert feed.attempts > before, "no successor was opened"


def test_a_halted_symbol_is_told_and_trades_again(row: Row) -> None:
    rig, feed = watched(row)
    exchange: Any = rig.exchange
    exchange.halt(row.symbols[0])
    rig.run(2)
    assert feed.good(row.symbols[1]) and feed.count("PARSE_ERRORS") == 0
    exchange.resume(row.symbols[0])
    rig.until(feed.newest, "good and right again", 10)
