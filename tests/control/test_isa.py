"""A word in ``AATS_ISA`` that the C core does not know ends a feed at its start, with the list of those that it knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start(tmp_path: Path, level: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "feed.toml"
    file.write_text('[feed]\nvenue = "BINANCE"\nsymbols = ["BTCUSDT"]\n')
    nowhere = {"AATS_ENDPOINT_BINANCE_DIRECT_REST": "https://127.0.0.1:9"}
    env = {**os.environ, **nowhere, "AATS_ISA": level, "AATS_NS": f"isa{os.getpid()}", "AATS_HOME": str(tmp_path)}
    return subprocess.run([sys.executable, "-m", "aats.cli", "feed", str(file)], env=env, capture_output=True, text=True, timeout=60)


def test_unknown_instructions_are_refused_with_the_list(tmp_path: Path) -> None:
    done = start(tmp_path, "mmx")
    assert done.returncode != 0
    assert '"mmx"' in done.stderr and "scalar, sse42, avx2, avx512" in done.stderr, done.stderr


def test_known_instructions_are_no_reason(tmp_path: Path) -> None:
    done = start(tmp_path, "scalar")  # it ends all the same: there is no venue at that address
    assert done.returncode != 0 and "AATS_ISA" not in done.stderr, done.stderr
