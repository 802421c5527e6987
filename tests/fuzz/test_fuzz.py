"""Each fuzz target runs for a moment with every test run; ``python -m tools.fuzz`` runs them for longer.

For: a target that no longer builds, or falls over at once.  Also the driver's own promise: it finds what is planted.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import cbuild, fuzz

SECONDS = float(os.environ.get("AATS_FUZZ_SECONDS", "2"))

PLANTED = """
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);
int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
    if (size > 3 && data[0] == '{') {
        if (data[1] == '"') {
            if (data[2] == 'u') return data[size] == 'x'; /* one byte beyond the end */
        }
    }
    return 0;
}
"""


@pytest.mark.parametrize("target", fuzz.targets())
def test_target_finds_nothing(target: str, tmp_path: Path) -> None:
    outcome = fuzz.run_target(target, seconds=SECONDS, findings=tmp_path)
    assert not outcome.found, outcome.text


def test_driver_finds_a_planted_read_beyond_the_end_and_repeats_it(tmp_path: Path) -> None:
    variant = cbuild.Build("fuzz")
    (tmp_path / "planted.c").write_text(PLANTED)
    driver = cbuild.ROOT / "tests/fuzz/driver.c"
    instrumented = [*variant.spec.flags, *variant.spec.only_under_test]
    subprocess.run([variant.cc, "-c", *instrumented, "planted.c"], cwd=tmp_path, check=True)
    link = [variant.cc, "-D_GNU_SOURCE", *variant.spec.flags, "planted.o", str(driver), "-o", "planted"]
    subprocess.run(link, cwd=tmp_path, check=True)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "one").write_bytes(b'{"e":"trade"}')

    command = ["./planted", "-seed=1", "-runs=500000", "seeds"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert first.returncode != 0 and "heap-buffer-overflow" in first.stderr, first.stdout + first.stderr
    (finding,) = tmp_path.glob("crash-*")

    again = subprocess.run(["./planted", finding.name], cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert again.returncode != 0 and "heap-buffer-overflow" in again.stderr
    finding.unlink()
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert [path.name for path in tmp_path.glob("crash-*")] == [finding.name], "the same seed gave another finding"


def test_seeds_fit_their_target() -> None:
    assert all(seed[0] in (0x81, 0x89, 0x01) for seed in fuzz.SEEDS["ws"]())
    assert all(seed.startswith(b"HTTP/1.1 ") for seed in fuzz.SEEDS["http"]())
    assert len(fuzz.payloads()) >= len(fuzz._WRITTEN) > 5
