"""python -m tests.world [--orders] --runs N --seed S: more of the same; a failing seed is printed, and gives the same run again."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.world.judge import Wrong
from tests.world.order_world import OrderWorld
from tests.world.world import World


def live(orders: bool, seed: int) -> tuple[int, float, str]:
    """Live through one run; return its seed, its virtual seconds and what went wrong, "" if nothing did."""
    try:
        world = OrderWorld(seed).run() if orders else World(seed).run()
    except Wrong as wrong:
        return seed, 0.0, str(wrong)
    return seed, world.now_ns / 1e9, ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--orders", action="store_true", help="traders and their orders instead of feeds and their books")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at once (default: %(default)s)")
    options = parser.parse_args()
    failed, began, virtual_s = [], time.monotonic(), 0.0
    seeds = range(options.seed, options.seed + options.runs)
    with ProcessPoolExecutor(options.jobs) as pool:
        for seed, spent_s, wrong in pool.map(partial(live, options.orders), seeds, chunksize=5):
            virtual_s += spent_s
            if wrong:
                failed.append(seed)
                print(f"seed {seed}: {wrong}\n", flush=True)
    spent = time.monotonic() - began
    print(f"{options.runs} runs, {virtual_s / 3600:.1f} h of virtual time in {spent:.0f} s; failing seeds: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
