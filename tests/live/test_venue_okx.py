"""OKX over TLS on loopback, all of it in processes of their own: ``aats sim --venue``, ``aats feed``."""

from __future__ import annotations

import pytest

from tests.live.looks import eventually
from tests.live.procs import FeedProc, Sim


@pytest.mark.parametrize(("venue", "native", "ours"), [("OKX", "BTC-USDT", "BTCUSDT"), ("OKX_SWAP", "BTC-USDT-SWAP", "BTCUSDTSWAP")])
def test_feed_goes_live_and_heals_each_symbol_by_itself(venue: str, native: str, ours: str) -> None:
    symbols = [ours, ours.replace("BTC", "ETH")]
    listed = f"{native},{native.replace('BTC', 'ETH')}"
    with Sim("--venue", venue, "--symbols", listed, "--fault", "drop=40") as sim, FeedProc(sim, symbols, venue=venue) as feed:
        feed.wait_live()
        eventually(lambda: feed.counters()["gaps"] >= 2, why="no dropped frame was noticed")
        feed.wait_live()
        counters = feed.counters()
        assert counters["parse_errors"] == 0, counters
        assert counters["drops"] == 0, "a gap of one symbol ended a connection"
        assert all(name.endswith(f".{venue}") for name in (one.symbol for one in feed.directory().values()))
