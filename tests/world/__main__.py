"""python -m tests.world [--orders] --runs N --seed S: more of the same; a failing seed is printed, and gives the same run again."""

from __future__ import annotations

import argparse
import sys
import time

from tests.world.judge import Wrong
from tests.world.order_world import OrderWorld
from tests.world.world import World


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the others follow")
    parser.add_argument("--orders", action="store_true", help="traders and their orders instead of feeds and their books")
    options = parser.parse_args()
    kind = OrderWorld if options.orders else World
    failed, began, virtual_s = [], time.monotonic(), 0.0
    for seed in range(options.seed, options.seed + options.runs):
        try:
            virtual_s += kind(seed).run().now_ns / 1e9
        except Wrong as wrong:
            failed.append(seed)
            print(f"seed {seed}: {wrong}\n", flush=True)
    spent = time.monotonic() - began
    print(f"{options.runs} runs, {virtual_s / 3600:.1f} h of virtual time in {spent:.0f} s; failing seeds: {failed or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
