"""``aats feeds``: what is wrong with a feed's books, and how often each rule has found something, read from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.live.looks import eventually
from tests.live.procs import FeedProc, Sim


def feeds(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "aats.cli", "feeds", *words], capture_output=True, text=True, timeout=60)


def told() -> dict[str, Any]:
    (feed,) = json.loads(feeds("--json").stdout)["feeds"]
    return dict(feed)


def test_without_a_feed_it_says_so(home: object) -> None:
    done = feeds("nobody")
    assert done.returncode == 1 and "no feed 'nobody' runs here" in done.stderr and not done.stdout


def test_gaps_are_counted_by_symbol_and_a_bad_book_is_status_1(home: object) -> None:
    with Sim("--symbols", "BTCUSDT,ETHUSDT", "--fault", "drop=40") as sim, FeedProc(sim, ["BTCUSDT:20", "ETHUSDT"]) as feed:
        eventually(lambda: feed.counters()["gaps"] > 0, why="no gap")
        sim.kill()
        eventually(lambda: feeds().returncode == 1, why="the books of a dead venue are good")
        facts, counters = told(), feed.counters()
        of_symbols = {one["symbol"]: one for one in facts["symbols"]}
        assert set(of_symbols) == {"BTCUSDT.BINANCE", "ETHUSDT.BINANCE"} and facts["pid"] == feed.pid
        assert sum(one["gaps"] for one in of_symbols.values()) == counters["gaps"] == facts["counters"]["gaps"]
        assert not any(one["valid"] for one in of_symbols.values()) and all(one["why"] for one in of_symbols.values())
        text = feeds("live").stdout
        assert f"drops {feed.counters()['drops']}" in text and of_symbols["BTCUSDT.BINANCE"]["why"] in text
