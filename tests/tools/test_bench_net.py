"""tools.bench_net: every type is measured beside its plain loop, and what cannot be measured is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aats._ffi import lib
from tools import bench_net


def test_tape_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_net.main(["subscribers", "--tape", str(tmp_path / "none.gz")]) == 1
    said = capsys.readouterr()
    assert f"no recorded traffic at {tmp_path / 'none.gz'}" in said.err and not said.out


def test_each_type_is_measured_beside_its_plain_loop(capsys: pytest.CaptureFixture[str]) -> None:
    code = bench_net.main(["latency", "--samples", "500", "--ordinary", "--json"])
    found = json.loads(capsys.readouterr().out)
    for name in bench_net.TYPES:
        for row in (found["rows"][name], found["rows"][f"{name} plain"]):
            assert row["count"] >= 500 and 0 < row["p50"] <= row["p99"] <= row["p99_9"] <= row["max"]
        assert found["ratio_p50"][name] == pytest.approx(found["rows"][name]["p50"] / found["rows"][f"{name} plain"]["p50"], abs=0.001)
    assert (code == 0) == found["met"] == (max(found["ratio_p50"].values()) <= bench_net.WAY_RATIO)
    assert found["scheduling"] == "ordinary" and found["command"].endswith("latency --samples 500 --ordinary --json")


def test_buckets_are_those_of_the_histogram() -> None:
    assert [bench_net.bucket_low(at) for at in range(2305)] == [int(lib.aats_hist_bucket_low(at)) for at in range(2305)]


def test_windows_of_one_kind_are_added_up() -> None:
    one, before, after = bench_net.Window(), np.zeros(2304, np.int64), np.zeros(2304, np.int64)
    before[40] = after[40] = 1000  # before the window
    after[50], after[60] = 98, 1
    one.add(before, after, 10)
    one.add(before, after, 5)
    row = one.row()
    assert row["count"] == 198 and row["rss"] == 10
    assert (row["p50"], one.at(0.98), row["p99"]) == (50, 50, 60)  # below 64 ns a bucket is one ns; 196 of 198 are 50
