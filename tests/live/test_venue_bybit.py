"""Bybit over TLS on loopback, all of it in processes of their own: ``aats sim --venue``, ``aats feed``."""

from __future__ import annotations

import pytest

from tests.live.looks import eventually
from tests.live.procs import FeedProc, Sim


@pytest.mark.parametrize("venue", ["BYBIT", "BYBIT_SWAP"])
def test_feed_goes_live_and_heals_each_symbol_by_itself(venue: str) -> None:
    symbols = ["BTCUSDT", "ETHUSDT"] if venue == "BYBIT" else ["BTCUSDTSWAP", "ETHUSDTSWAP"]
    with Sim("--venue", venue, "--symbols", "BTCUSDT,ETHUSDT", "--fault", "drop=40") as sim, FeedProc(sim, symbols, venue=venue) as feed:
        feed.wait_live()
        eventually(lambda: feed.counters()["gaps"] >= 2, why="no dropped frame was noticed")
        feed.wait_live()
        counters = feed.counters()
        assert counters["parse_errors"] == 0, counters
        assert counters["drops"] == 0, "a gap of one symbol ended a connection"
        assert all(name.endswith(f".{venue}") for name in (one.symbol for one in feed.directory().values()))
