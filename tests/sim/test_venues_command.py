"""`aats sim --venue`: one process, one or more venues, and what it prints for their clients."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from aats.sim.dialects import DIALECTS, Options, dialect, make
from aats.sim.venue import VenueExchange
from tests.sim.wire import ROOT, spawn


def _get(ready: dict[str, Any], path: str, method: str = "GET") -> Any:
    context = ssl.create_default_context(cafile=ready["ca"])
    with urlopen(Request(ready["rest"] + path, method=method), timeout=20, context=context) as answer:
        return json.loads(answer.read())


def _refused(*args: str) -> str:
    done = subprocess.run([sys.executable, "-m", "aats.sim", *args], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done
    return done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--venue", "NOSUCH"), "there is no simulated exchange for 'NOSUCH'; there is one for BINANCE"),
        (("--venue", "KRAKEN", "--venue", "KRAKEN"), "each venue once"),
        (("--venue", "KRAKEN", "--symbols", "NOSUCH/USD"), "NOSUCH/USD"),
        (("--venue", "KRAKEN", "--tape", "x.gz"), "no recorded market"),
        (("--venue", "KRAKEN", "--venue", "OKX", "--tape", "x.gz"), "one venue alone"),
    ],
)
def test_a_venue_that_cannot_be_is_refused_in_words(args: tuple[str, ...], words: str) -> None:
    assert words in _refused(*args)


@pytest.mark.parametrize("venue", list(DIALECTS))
def test_every_dialect_can_be_made_and_says_where_it_is(venue: str) -> None:
    exchange = make(venue, Options())
    assert exchange.market.symbols, "it lists nothing"
    addresses = dialect(venue).addresses(venue, "https://localhost:1/x", "wss://localhost:1/x")
    assert {"REST", "STREAM"} <= set(addresses)
    assert all(address.split("://", 1)[1].startswith("localhost:1/x") for address in addresses.values())
    if isinstance(exchange, VenueExchange):
        assert exchange.trading.audit() == []


def test_a_dialect_imports_nothing_of_our_client() -> None:
    for path in (ROOT / "aats" / "sim").rglob("*.py"):
        assert "aats.venue" not in path.read_text(encoding="utf-8").replace("aats.sim.venue", ""), path


def test_two_venues_behind_one_port_are_told_apart_by_path(tmp_path: Path) -> None:
    with spawn(
        "--venue", "KRAKEN", "--venue", "OKX", "--symbols", "BTC/USD:0", "--symbols", "BTC-USDT:0", "--certs", str(tmp_path)
    ) as ready:
        assert ready["venues"] == {"KRAKEN": ["BTC/USD"], "OKX": ["BTC-USDT"]}
        assert ready["env"]["AATS_ENDPOINT_KRAKEN_SIM_REST"].endswith("/kraken.sim")
        assert ready["env"]["AATS_ENDPOINT_OKX_SIM_STREAM"].endswith("/okx.sim")
        _get(ready, "/okx.sim/sim/halt/BTC-USDT", "POST")
        state = _get(ready, "/sim/state")
        assert state["OKX"]["statuses"] == {"BTC-USDT": "halted"} and state["KRAKEN"]["statuses"] == {"BTC/USD": "live"}


def test_the_exchange_s_clock_may_be_wrong() -> None:
    with spawn("--venue", "BINANCE", "--symbols", "BTCUSDT:0", "--clock-off", "-5") as ready:
        off_ms = _get(ready, "/api/v3/time")["serverTime"] - time.time() * 1000
        assert -9000 < off_ms < -4900
