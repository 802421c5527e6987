"""callbacks_4reads, callbacks_empty: how many quotes a second the trade loop gives to one strategy on one core.

The ring (8192 slots) is filled, then the trade loop takes it to its end; filling and taking alternate in one thread, and only the taking counts, from the
start of the loop's run to its end.  The loop is the product's, with its checks, SymbolInfo, counters and histograms.  Reference: ref/hop_plain.c polls and
copies the records of a filled ring, and calls nothing.  ``call_ns`` is what calling the same bound method costs by itself:
``deque(map(method, repeat(msg, n)), maxlen=0)``, Python's own loop in C over vectorcall.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import deque
from itertools import repeat
from typing import Any

from aats.base_strategy import BaseStrategy
from aats.bench.context import Context
from aats.bench.source import Source, open_session, open_source

__all__ = ["Empty", "FourReads", "run"]

_CALLS = 200_000


class Empty(BaseStrategy):
    """Does nothing with a quote."""

    def onQuote(self, msg: dict[str, Any]) -> None:
        pass


class FourReads(BaseStrategy):
    """Reads best bid and ask."""

    def onQuote(self, msg: dict[str, Any]) -> None:
        msg["bid_0_px"]
        msg["bid_0_qty"]
        msg["ask_0_px"]
        msg["ask_0_qty"]


_ROWS: dict[str, type[BaseStrategy]] = {"callbacks_4reads": FourReads, "callbacks_empty": Empty}


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure one repeat: the reference, then each row."""
    ctx.pin()
    found = ctx.c("bench_hop", "--rows", "stream", "--cores", f"{ctx.cores[0]},{ctx.cores[1]}")
    for row in ctx.rows:
        with open_source() as source:
            found.append({"row": row, "who": "aats", "unit": "1/s", **_rate(source, _ROWS[row](), 10 if ctx.quick else 60)})
    return found


def _rate(source: Source, strategy: BaseStrategy, passes: int) -> dict[str, Any]:
    """Fill and take the ring `passes` times; return the median pass's rate."""
    with open_session(strategy) as session:
        session.loop.run(drain=True)  # the joiner's book
        gc.collect()
        gc.freeze()
        gc.disable()
        rates = []
        try:
            for _ in range(passes + 3):
                before, cnt = session.loop.quote_cnt, source.fill()
                began = time.perf_counter_ns()
                session.loop.run(drain=True)
                took = time.perf_counter_ns() - began
                if session.loop.quote_cnt - before != cnt:
                    raise RuntimeError(f"{session.loop.quote_cnt - before} of {cnt} quotes were delivered")
                rates.append(cnt * 1e9 / took)
            call_ns = _call_ns(strategy)
        finally:
            gc.enable()
            gc.unfreeze()
    return {"value": statistics.median(rates[3:]), "best": max(rates), "n": passes * cnt, "call_ns": call_ns}


def _call_ns(strategy: BaseStrategy) -> float:
    """Return what a call of the strategy's method costs by itself, with a message of the same keys."""
    method, msg = strategy.onQuote, {f"{side}_{i}_{what}": 1.0 + i for side in ("bid", "ask") for i in range(5) for what in ("qty", "px")}
    found = []
    for _ in range(5):
        began = time.perf_counter_ns()
        deque(map(method, repeat(msg, _CALLS)), maxlen=0)
        found.append((time.perf_counter_ns() - began) / _CALLS)
    return min(found)
