"""Measure what stands between a strategy's wish and its order's bytes: journal write, risk check, state transition.

    python -m tools.bench_orders [--json] [--dir DIR] [--orders N] [--synced N]

Builds tests/bench/bench_journal.c and bench_orders.c as the product is built (gcc -O3) and runs them, one after the other.  Each operation is timed alone;
p50, p99, p99.9 and max in ns, less what two readings of the clock take (a row of its own).  References of the same run stand between them: a copy of the same
bytes, an atomic add.  ``--dir``: where the journals lie that are measured; default the state folder's file system (AATS_HOME), because that is where they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.cbuild import _COMMON, ROOT, VARIANTS, Build, BuildError

#: Targets of the rows that have one: p50 in ns.
TARGETS = {"journal: intent": 1000, "risk check: reserve": 200}


def measure(source: str, *words: str) -> tuple[str, list[dict[str, Any]]]:
    """Build and run one bench; return its line about the machine and its rows."""
    exe = Build("plain").executable(ROOT / "tests/bench" / source)
    done = subprocess.run([str(exe), *words], text=True, stdout=subprocess.PIPE, check=True)
    head, rows = "", []
    for line in done.stdout.splitlines():
        if line.startswith("#"):
            head = line[1:].strip() or head
            continue
        name, *numbers = line.split("\t")
        rows.append(dict(zip(("row", "p50", "p99", "p99_9", "max", "count"), (name, *map(int, numbers)), strict=True)))
    return head, rows


def file_system(folder: Path) -> str:
    """Return the type of the file system that a folder lies on."""
    best, kind = "", "?"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        inside = folder.resolve().is_relative_to(mount)
        if inside and len(mount) >= len(best):
            best, kind = mount, found
    return kind


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench_orders", description="Measure journal write, risk check and state transition."
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--dir", type=Path, help="folder for the journals that are written (default: where AATS keeps its own)")
    parser.add_argument("--orders", type=int, default=20000, help="orders written down (default 20000)")
    parser.add_argument("--synced", type=int, default=200, help="orders under each policy that waits for the disk (default 200; 0: none)")
    options = parser.parse_args(argv)
    base = options.dir or Path(os.environ.get("AATS_HOME") or os.environ.get("XDG_STATE_HOME") or Path.home())
    try:
        with tempfile.TemporaryDirectory(dir=base, prefix="aats-bench-") as folder:
            head, rows = measure("bench_journal.c", folder, str(options.orders), str(options.synced))
        rows += [row for row in measure("bench_orders.c")[1] if not row["row"].startswith("clock")]
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    flags = shlex.join([*(flag for flag in _COMMON if not flag.startswith("-W")), *VARIANTS["plain"].flags])
    about = {"machine": head, "cpu": cpu(), "flags": flags, "journal_dir": str(base), "file_system": file_system(base)}
    about["command"] = shlex.join(["python", "-m", "tools.bench_orders", *(argv if argv is not None else sys.argv[1:])])
    for row in rows:
        if row["row"] in TARGETS:
            row["target_p50"], row["met"] = TARGETS[row["row"]], row["p50"] < TARGETS[row["row"]]
    if options.json:
        print(json.dumps({**about, "unit": "ns", "rows": rows}))
        return 0
    for key, value in about.items():
        print(f"{key + ':':13} {value}")
    print(f"\n{'ns':42}{'p50':>9}{'p99':>9}{'p99.9':>10}{'max':>11}{'count':>9}")
    for row in rows:
        target = f"  p50 < {row['target_p50']}: {'yes' if row['met'] else 'NO'}" if "met" in row else ""
        print(f"{row['row']:42}{row['p50']:9}{row['p99']:9}{row['p99_9']:10}{row['max']:11}{row['count']:9}{target}")
    return 0


def cpu() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "?"


if __name__ == "__main__":
    sys.exit(main())
