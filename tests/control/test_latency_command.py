"""``aats latency``: each hop of every process, live and without disturbing it; an interval is the difference of two copies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from aats import control, shm, stats
from aats._ffi import lib
from aats.cli import main
from aats.layout import HIST, TD, TD_OFFSET, Hop, MdHist, Role, StallCause, TdHist


@pytest.fixture
def feed(namespace: str) -> Iterator[shm.Segment]:
    with control.join(Role.FEED, "binance") as me:
        yield me.create_md(venue="BINANCE")


@pytest.fixture
def trade(namespace: str) -> Iterator[shm.Segment]:
    with control.join(Role.TRADE, "maker") as me:
        yield me.create_td()


def record(segment: shm.Segment, hop: MdHist | TdHist, *ns: int) -> None:
    offset = int(segment.array(TD, TD_OFFSET)[0]["stats_off"]) if isinstance(hop, TdHist) else int(segment.md.md.stats_off)
    for one in ns:
        lib.aats_hist_record(segment.pointer("aats_hist_t", offset + int(hop) * HIST.itemsize), one)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, dict[str, Any]]:
    """Return the processes of ``aats latency --json`` by name, hops by name."""
    assert main(["latency", "--json", *words]) == 0
    said = json.loads(capsys.readouterr().out)
    return {one["process"]: one | {"hops": {hop["hop"]: hop for hop in one["hops"]}} for one in said["processes"]}


# --------------------------------------------------------------------------------------------------------- refusals


def test_where_nothing_runs_it_says_so(namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and namespace in said.err and "aats ps" in said.err


def test_a_process_that_is_none_is_named_with_those_that_are(
    feed: shm.Segment, trade: shm.Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["latency", "--process", "taker"]) == 1
    assert "'taker'" in (said := capsys.readouterr().err) and "binance, maker" in said


@pytest.mark.parametrize("word", ["0", "-1", "nan", "soon", "1e9"])
def test_an_interval_that_is_none_is_a_wrong_command_line(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["latency", f"--watch={word}"])
    assert ended.value.code == 2 and word in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------ what is shown


def test_every_hop_of_every_process_is_there_in_the_order_of_the_way(
    feed: shm.Segment, trade: shm.Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    record(feed, MdHist.RECV_PARSED, *range(100, 200), -7)
    record(feed, MdHist.EXCH_RECV, 1_000_000)
    record(trade, TdHist.RECV_SENT, 20_000)
    found = told(capsys)
    assert list(found) == ["binance", "maker"]
    assert [(one["role"], one["pid"] > 0) for one in found.values()] == [("feed", True), ("trade", True)]
    assert list(found["binance"]["hops"]) == ["exch_recv", "recv_parsed", "parsed_pub", "recv_pub"], "wires are a receiver's"
    hops = [hop.name.lower() for hop in Hop]
    assert list(found["maker"]["hops"]) == hops[hops.index("pub_delivered") :]
    parsed = found["binance"]["hops"]["recv_parsed"]
    assert (parsed["count"], parsed["negative"], parsed["min"], parsed["max"]) == (100, 1, 100, 199)
    assert parsed["p50"] == pytest.approx(150, rel=0.02) and parsed["p99"] == pytest.approx(199, rel=0.02)
    assert found["binance"]["hops"]["exch_recv"]["clock_dependent"] and not parsed["clock_dependent"]
    assert found["maker"]["hops"]["recv_sent"]["p999"] == pytest.approx(20_000, rel=0.01)
    assert list(told(capsys, "--process", "maker")) == ["maker"]


def test_limits_and_gaps_stand_beside_the_hops(feed: shm.Segment, trade: shm.Segment, capsys: pytest.CaptureFixture[str]) -> None:
    td = trade.pointer("aats_td_t", TD_OFFSET)
    for hop, count in ((Hop.RECV_SENT, 3), (Hop.RECV_PUB, 2)):
        td.slow_limit_ns[hop], td.slow[hop], td.slow_worst_ns[hop] = 100_000, count, 250_000
    td.stalls[StallCause.GC], td.stall_ns[StallCause.GC] = 2, 3_000_000
    found = told(capsys)["maker"]
    sent, pub = found["hops"]["recv_sent"], found["hops"]["recv_pub"]
    assert [(one["limit"], one["slow"], one["slow_worst"]) for one in (sent, pub)] == [(100_000, 3, 250_000), (100_000, 2, 250_000)]
    assert pub["count"] == 0, "its samples are the feed's"
    assert found["hops"]["sent_acked"]["limit"] is None
    assert found["stalls"]["gc"] == {"count": 2, "ns": 3_000_000} and found["stalls"]["switch"]["count"] == 0
    assert main(["latency"]) == 0
    said = capsys.readouterr().out
    assert "recv_sent" in said and "100 us" in said and "gc" in said and "1.5 ms" in said


def test_the_table_marks_what_two_clocks_show(feed: shm.Segment, capsys: pytest.CaptureFixture[str]) -> None:
    record(feed, MdHist.EXCH_RECV, 5_000_000)
    record(feed, MdHist.RECV_PUB, 700)
    assert main(["latency"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["binance", "exch_recv*", "1", "5", "ms"] == next(row[:5] for row in rows if "exch_recv*" in row)
    assert ["recv_pub", "1", "700", "ns"] == next(row[:4] for row in rows if "recv_pub" in row)


def test_a_dead_process_is_not_shown(trade: shm.Segment, capsys: pytest.CaptureFixture[str], namespace: str) -> None:
    words = "from aats import control; from aats.layout import Role; import os; control.join(Role.TRADE, 'dead').create_td(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 9
    assert list(told(capsys)) == ["maker"]
    control.tidy()


# -------------------------------------------------------------------------------------------------------- an interval


def test_an_interval_holds_the_samples_between_two_copies(trade: shm.Segment) -> None:
    record(trade, TdHist.RECV_SENT, *range(1_000, 2_000))
    (before,) = stats.latencies()
    record(trade, TdHist.RECV_SENT, *range(50_000, 50_100), -1)
    (after,) = stats.latencies()
    (one,) = [hop for hop in after.summaries(before) if hop.name == "recv_sent"]
    assert (one.count, one.negative) == (100, 1)
    assert 49_000 < one.min <= 50_000 and 50_099 <= one.max < 51_000
    assert one.p50 == pytest.approx(50_050, rel=0.01) and one.mean == pytest.approx(50_049.5)
    assert not any(hop.count for hop in after.summaries(after))
    (began_anew,) = [hop for hop in before.summaries(after) if hop.name == "recv_sent"]
    assert began_anew.count == 1000, "a histogram that has fewer samples than before is another one"


def test_watching_shows_one_interval_after_the_other_and_disturbs_nobody(trade: shm.Segment, namespace: str) -> None:
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.002):
            record(trade, TdHist.RECV_SENT, 1234)

    worker = threading.Thread(target=work)
    worker.start()
    with subprocess.Popen(
        [sys.executable, "-m", "aats.cli", "latency", "--watch", "0.1", "--json"], stdout=subprocess.PIPE, text=True
    ) as watching:
        try:
            assert watching.stdout is not None
            lines = [json.loads(watching.stdout.readline()) for _ in range(3)]
        finally:
            watching.kill()
            over.set()
            worker.join()
    counts = [hop["count"] for line in lines for hop in line["processes"][0]["hops"] if hop["hop"] == "recv_sent"]
    (now,) = stats.latencies()
    assert all(count > 0 for count in counts)
    assert sum(counts) <= int(now.hists["recv_sent"]["count"][0]), "no sample is in two intervals"
    assert all(line["interval_s"] >= 0.09 for line in lines)
