"""The command that prints what stands between a wish and an order's bytes: that it runs, and has every row.  The figures are nobody's promise here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import bench_orders


def test_one_command_prints_journal_write_risk_check_and_state_transition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_orders.main(["--json", "--dir", str(tmp_path), "--orders", "400", "--synced", "2"]) == 0
    said = json.loads(capsys.readouterr().out)
    rows = {row["row"]: row for row in said["rows"]}
    assert {
        "journal: intent",
        "journal: event",
        "risk check: reserve",
        "state: ack",
        "state: fill",
        "reference: atomic add, uncontended",
    } <= set(rows)
    for row in rows.values():
        assert 0 <= row["p50"] <= row["p99"] <= row["p99_9"] <= row["max"] and row["count"] > 0, row
    assert rows["journal: intent"]["max"] > 0 and rows["journal: intent"]["count"] == 400
    assert rows["journal: intent, sync all"]["p50"] >= rows["journal: intent"]["p50"]
    assert "O3" in said["flags"] and said["command"].endswith("--synced 2") and said["machine"] and said["cpu"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_orders.main(["--dir", str(tmp_path / "none")]) == 1
    assert "none" in capsys.readouterr().err
