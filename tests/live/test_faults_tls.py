"""Fault runs over real TLS: what two strategies believe after kills, stops and lost answers is what the exchange holds.

More of them: ``python -m tools.faults --tls 50 --seed 1``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.live.faults_tls import LEAST_FAULTS, LEAST_ORDERS, tls_runs

RUNS = 5


def test_killed_and_stopped_strategies_agree_with_the_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_MODE", "sim")
    total: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    for counts, failed in tls_runs(range(1, RUNS + 1), tmp_path):
        total += counts
        wrong |= failed
    assert wrong == {}
    assert total["orders"] >= RUNS * LEAST_ORDERS and total["faults"] >= RUNS * LEAST_FAULTS and total["restarts"] >= RUNS, total
