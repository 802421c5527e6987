"""hop_callback: published in one process -> the callback of another one entered, with its dict.

What is measured, sample by sample: from the stamp that bench_producer takes just before ``aats_md_publish`` (``pub_ns``) to the first thing that
``onQuote`` does, which is to read the same clock through a builtin.  So it holds: latest slot and ring written, the record seen by the trade loop, copied
and checked, SymbolInfo and the dict of 5 levels filled, the call of the bound method, its frame set up, and the call of the builtin up to its reading of
the counter.  Every sample is kept.
The trade process is `TradeService`, as a user runs it, with wait='spin'.  Reference: ref/hop_plain.c, C to C.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from aats._ffi import types
from aats.base_strategy import BaseStrategy
from aats.bench.context import Context, Failed, summary
from aats.bench.source import open_source, trade

__all__ = ["Timed", "run"]

_PACE_NS = 100_000
_WARM = 8400  # once round the ring, quickly: its lines then lie where they do in a feed that has run for a while


class Timed(BaseStrategy):
    """Notes each callback's entry and the record's stamps, and stops after `cnt` of them; has the producer started once the feed is followed."""

    def __init__(self, cnt: int, start: Callable[[], object]) -> None:
        self.cnt, self.start = cnt, start
        self.now = types["now_ns"]
        self.entered: list[int] = []
        self.published: list[int] = []
        self.delivered: list[int] = []

    def onStart(self) -> None:
        self.start()

    def onQuote(self, msg: dict[str, Any]) -> None:
        entered = self.now()
        event = self.event
        if event.recovered:
            return
        self.entered.append(entered)
        self.published.append(event.pub_ns)
        self.delivered.append(event.delivered_ns)
        if len(self.entered) == self.cnt:
            self.manager.stop()

    def onLap(self, feed: str, missed: int) -> None:
        raise Failed(f"{missed} records were overrun: this process was not running for most of a second")

    def onFeedDown(self, feed: str, reason: str) -> None:
        raise Failed(f"the producer has gone: {reason}")

    def close(self) -> None:
        pass


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure one repeat: the reference, then the trade loop."""
    cnt = 500 if ctx.quick else 2000
    pair = ",".join(map(str, ctx.cores))
    reference = ctx.c("bench_hop", "--rows", "hop", "--cnt", str(cnt), "--warm", str(_WARM), "--pace-ns", str(_PACE_NS), "--cores", pair)
    with open_source() as source, contextlib.ExitStack() as started:
        words = [*source.files(), "--cnt", str(cnt), "--warm", str(_WARM), "--pace-ns", str(_PACE_NS), "--core", str(ctx.cores[0])]
        strategy = Timed(cnt + _WARM, lambda: started.enter_context(ctx.start("bench_producer", *words, core=ctx.cores[0])))
        ctx.pin()
        trade(strategy).run()
    took = [entered - published for entered, published in zip(strategy.entered, strategy.published, strict=True)][_WARM:]
    seen = [delivered - published for delivered, published in zip(strategy.delivered, strategy.published, strict=True)][_WARM:]
    delivered_p50 = summary(seen)["p50"]
    return [{"row": "hop_callback", "who": "aats", "unit": "ns", **summary(took), "pub_delivered_p50": delivered_p50}, *reference]
