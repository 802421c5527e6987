"""Fault runs of the network: feeds, fan-outs, a receiver, and what can happen between hosts; at every step no reader may be told anything false.

For: a developer, and whoever wants to see seeds that nobody has seen before.  Not for order flow (``python -m tools.faults``), nor for a feed and its exchange
(``python -m tests.world``).

    python -m tools.netfaults --runs 1000 --seed 1           seeds 1 to 1000 on all cores; a failing one is printed with its story
    python -m tools.netfaults --one 4711 -v                  one seed, the same run again, every fault as it happens
    python -m tools.netfaults --runs 10000 --seed 1 --json   totals as one JSON object

The runs are made by tests/world/net_world.py, where the promises stand.  Exit status: 0 none was broken, 1 one was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

CHUNK = 20


def live(seed: int, verbose: bool = False) -> tuple[Counter[str], str]:
    """Live through one run; return what happened, and what went wrong: "" if nothing did."""
    from tests.world.judge import Wrong
    from tests.world.net_world import NetWorld

    world = NetWorld(seed, verbose=verbose)
    try:
        world.run()
    except Wrong as wrong:
        return Counter(), str(wrong)
    except Exception as exc:  # a run that breaks has failed, too, and its seed must be known
        return Counter(), f"{type(exc).__name__}: {exc}\nseed {seed}"
    return world.counts(), ""


def live_some(seeds: range) -> tuple[Counter[str], dict[int, str]]:
    """Live through some runs one after the other; return the sums, and the failures by seed."""
    total: Counter[str] = Counter()
    failed: dict[int, str] = {}
    for seed in seeds:
        counts, wrong = live(seed)
        total.update(counts)
        if wrong:
            failed[seed] = wrong
    return total, failed


def all_runs(seeds: range, jobs: int) -> Iterator[tuple[Counter[str], dict[int, str]]]:
    """Yield what chunks of runs gave, as they come."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    if jobs <= 1:
        yield from map(live_some, chunks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(live_some, chunk) for chunk in chunks]):
            yield future.result()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.netfaults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at once (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the totals as one JSON object, and nothing else on stdout")
    parser.add_argument("--one", type=int, metavar="SEED", help="this run alone")
    parser.add_argument("-v", "--verbose", action="store_true", help="with --one: every fault as it happens")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    began = time.monotonic()
    total: Counter[str] = Counter()
    failed: dict[int, str] = {}
    out = sys.stderr if options.json else sys.stdout
    if options.one is not None:
        counts, wrong = live(options.one, options.verbose)
        runs, gives = 1, iter([(counts, {options.one: wrong} if wrong else {})])
    else:
        runs, gives = options.runs, all_runs(range(options.seed, options.seed + options.runs), options.jobs)
    for some, wrongs in gives:
        total.update(some)
        failed.update(wrongs)
        for seed, wrong in wrongs.items():
            print(f"seed {seed}: {wrong}\n", file=out, flush=True)
    virtual_ns = total.pop("virtual_ns", 0)
    said = {
        "runs": runs,
        "virtual_hours": round(virtual_ns / 3.6e12, 3),
        "seconds": round(time.monotonic() - began, 1),
        **dict(sorted(total.items())),
        "failing_seeds": sorted(failed),
    }
    if options.json:
        print(json.dumps(said))
    else:
        for name, value in said.items():
            print(f"{name:18} {value}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
