"""Trade ids must be consecutive: the recorded stream has no hole, the one that its author damaged does."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest

from aats.tape.replay import Replay
from tests.tape import tapes

FOLDER = "binance-spot/lasota"


def replay(data: Path, which: str) -> dict[str, int]:
    (path,) = (data / FOLDER).glob(f"test_{which}_binance_trade_stream_spot_*.csv.gz")
    run = Replay("BINANCE")
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            assert run.frame(tapes.trade(row["Symbol"], int(row["TradeId"]), row["Price"], row["Quantity"]))
    counts = run.counts("TRXUSDT")
    return {"trade_gaps": run.instruments()["TRXUSDT"]["trade_gaps"], "trades": counts["trades"], "again": counts["trades_again"]}


def test_recorded_trades_have_no_gap(data_dir: Path) -> None:
    assert replay(data_dir, "positive") == {"trade_gaps": 0, "trades": 10_000, "again": 0}


def test_a_wrong_trade_id_is_noticed_at_both_of_its_neighbours(data_dir: Path) -> None:
    """One id was set to the one before it: it repeats, and the next one jumps."""
    assert replay(data_dir, "negative") == {"trade_gaps": 1, "trades": 9_999, "again": 1}


@pytest.mark.parametrize("tape", tapes.LONG)
def test_a_lost_trade_is_a_trade_gap_and_leaves_the_book_alone(data_dir: Path, tape: str) -> None:
    whole = list(tapes.events(data_dir, tape))
    kinds = (b'@trade"', b'@aggTrade"')
    trades = [i for i, event in enumerate(whole) if any(kind in event.payload[:60] for kind in kinds)]
    (symbol, count), *_ = Counter(whole[i].symbol for i in trades).most_common(1)
    assert count > 2
    lost = [i for i in trades if whole[i].symbol == symbol][1]
    before, after = (tapes.run(tape_).instruments()[symbol] for tape_ in (whole, [*whole[:lost], *whole[lost + 1 :]]))
    assert before["trade_gaps"] == 0
    assert after == {**before, "trade_gaps": 1}
