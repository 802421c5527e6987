"""Coinbase over TLS on loopback, all of it in processes of their own: ``aats sim --venue``, ``aats feed``."""

from __future__ import annotations

from tests.live.looks import eventually
from tests.live.procs import FeedProc, Sim


def test_feed_goes_live_and_heals_its_books_on_the_same_connection() -> None:
    with (
        Sim("--venue", "COINBASE", "--symbols", "BTC-USD,ETH-USD", "--fault", "drop=40") as sim,
        FeedProc(sim, ["BTCUSD", "ETHUSD"], venue="COINBASE") as feed,
    ):
        feed.wait_live()
        eventually(lambda: feed.counters()["gaps"] >= 2, why="no dropped frame was noticed")
        feed.wait_live()
        counters = feed.counters()
        assert counters["parse_errors"] == 0, counters
        assert counters["drops"] == 0, "a hole in the numbers ended a connection"
        assert all(one.symbol.endswith(".COINBASE") for one in feed.directory().values())
