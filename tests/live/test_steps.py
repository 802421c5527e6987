"""kill -9 at each named step between send_order and an order's last event (csrc/base/steps.h): the next start finds the truth; nothing is resent, nothing
forgotten, nothing counted twice.

One exchange and one account for all: every strategy is armed with another step, dies there, and is started again under the same name.
"""

from __future__ import annotations

import concurrent.futures
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from aats._ffi import ffi, lib
from tests.live.makers import Exchange, Maker, intents
from tests.live.procs import FeedProc, Sim

#: Of a checkpoint the seeded runs make sure (tests/world/fault_world.py): a journal that is full takes thousands of orders.
STEPS = [ffi.string(lib.aats_step_name(step)).decode() for step in range(1, lib.AATS_STEP_CHECKPOINT)]


def two_lives(folder: Path, step: str, policy: str) -> tuple[Maker, int]:
    """Let a maker die at a step and live again; return it, ended in order, and when the second life began."""
    name = f"at_{step}_{policy}"
    folder = folder / name
    folder.mkdir()
    with Maker(folder, name, trade={"on_restart": policy}, arm=f"{step} {3 if step != 'money' else 2}") as maker:
        assert maker.process.wait(60) == -signal.SIGKILL, maker.log()
        maker.write()
        again = time.monotonic_ns()
        maker.start()
        maker.wait_own(after=again)
        assert maker.leave() == 0, maker.log()
        return maker, again


@pytest.mark.parametrize("policy", ["cancel", "adopt"])
def test_killed_at_any_step_its_next_life_finds_the_truth(sim: Sim, tmp_path: Path, policy: str) -> None:
    with FeedProc(sim, ["BTCUSDT:5"]) as feed, Exchange(sim) as exchange:
        feed.wait_live()
        before = exchange.totals()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda step: two_lives(tmp_path, step, policy), STEPS))
        orders, written = exchange.orders(), intents()
        exchange.check_sound()  # nothing open, no client id twice, its own sums
        assert {one["clientOrderId"] for one in orders} <= set(written), "an order that no journal announced"
        size = cash = Decimal(0)
        told_again = 0
        for maker, again in done:
            lives = maker.check_lives(after=again)
            own = {one["clientOrderId"]: one for one in orders}
            for client_id, told in lives.items():
                closed = told[-1]
                if client_id in own:  # else it was refused, or never arrived
                    assert Decimal(own[client_id]["executedQty"]) == Decimal(closed["cum_size"]), (maker.name, told)
                else:
                    assert Decimal(closed["cum_size"]) == 0, (maker.name, told)
                told_again += bool(told[0].get("replayed"))
            end = maker.of("stop")[-1]
            size, cash = size + Decimal(end["held"][0]), cash + Decimal(end["held"][1])
        assert told_again >= len(STEPS) / 2, "the second lives were told of nothing that the first had left"
        after = exchange.totals()
        assert (after[0] - before[0], after[1] - before[1]) == (size, cash), "what they believe to hold is not what the account has gained"
