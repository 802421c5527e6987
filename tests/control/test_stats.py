"""Hops of several processes add up to one line each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aats import control, shm, stats
from aats._ffi import lib
from aats.layout import HIST, TD, TD_OFFSET, Role, TdHist


@pytest.fixture
def trades() -> Iterator[list[shm.Segment]]:
    members = [control.join(Role.TRADE, name) for name in ("one", "two")]
    yield [me.create_td() for me in members]
    for me in members:
        me.leave()


def record(segment: shm.Segment, hop: int, *ns: int) -> None:
    offset = int(segment.array(TD, TD_OFFSET)[0]["stats_off"]) + hop * HIST.itemsize
    for one in ns:
        lib.aats_hist_record(segment.pointer("aats_hist_t", offset), one)


def test_a_segment_that_holds_no_histograms_adds_nothing(trades: list[shm.Segment]) -> None:
    assert stats.merged([control.Table.open().segment]) == []


def test_hops_of_all_processes_are_one_line_each(trades: list[shm.Segment]) -> None:
    record(trades[0], 0, *range(1000, 2000), -5)
    record(trades[1], 0, *range(2000, 3000))
    record(trades[1], 1, 50)
    first, second, *others = stats.hops()
    assert (first.name, first.count, first.negative, first.min, first.max) == ("pub_delivered", 2000, 1, 1000, 2999)
    assert first.p50 == pytest.approx(2000, rel=0.02) and first.p99 == pytest.approx(2980, rel=0.02)
    assert first.mean == pytest.approx(1999.5)
    assert (second.name, second.count, second.p50) == ("recv_delivered", 1, 50)
    assert [one.name for one in others] == [hop.name.lower() for hop in TdHist][2:]
    assert not any(one.count for one in others)


def test_a_segment_that_is_being_made_is_passed_over(trades: list[shm.Segment], namespace: str) -> None:
    name = shm.SegmentName(trades[0].name.uid, namespace, trades[0].name.hash8, "td", "unfinished", 1)
    (shm.SHM_DIR / name.file).write_bytes(bytes(4096))
    try:
        assert [one.name for one in stats.hops()] == [hop.name.lower() for hop in TdHist]
    finally:
        shm.unlink(name)
