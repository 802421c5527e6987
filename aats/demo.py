"""``aats demo``: the whole engine on one host, with nothing to set up and no account.

::

    simulated exchange  ==TLS/WebSocket==>  feed  --shared memory-->  maker, taker (a process each)
            ^                                 \\------ shared memory -->  this process: the live view and the summary  <-- order events
            `==========TLS/WebSocket: orders, fills==========================='

Every arrow is the real one: certificates are verified, sequences checked, snapshots fetched over REST, orders signed.  The exchange is `aats sim` (a
generated market, or a recorded tape), the feed is `aats feed`, the strategies are `aats.demo_strategy`, each on an account of its own.

At the end the sums are checked twice: the list of fills against what each trade process counted, and against the balances that the exchange reports.

Ending: Ctrl-C ends the children in the order strategies (which cancel what is open, and ask the exchange), feed, exchange, and the status is 0; a second
Ctrl-C kills them; if this process is killed, the kernel tells them to end, and the strategies ask an exchange that is gone for some seconds before they do.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from aats import control, demo_view
from aats.demo_run import Demo
from aats.errors import AatsError
from aats.layout import Mode, Role

__all__ = ["main"]

_REFRESH_S = 0.25


def parser() -> argparse.ArgumentParser:
    """Return the argument parser of `aats demo`."""
    p = argparse.ArgumentParser(
        prog="aats demo",
        description="Run a simulated exchange, a feed and two strategies that trade its first symbol, each in a process of its own, "
        "and show live what they do. Ctrl-C ends it.",
    )
    p.add_argument("--seconds", type=float, default=0.0, metavar="N", help="end by itself after N seconds (default: at Ctrl-C)")
    p.add_argument(
        "--tape",
        action="append",
        default=[],
        metavar="FILE",
        help="play a recorded capture instead of a generated market; repeat for its further parts",
    )
    p.add_argument("--speed", default="1", metavar="X|max", help="factor on the tape's pace (default %(default)s)")
    p.add_argument("--symbols", default="BTCUSDT,ETHUSDT", metavar="A,B", help="symbols of the generated market (default %(default)s)")
    p.add_argument("--seed", type=int, default=1, help="seed of the generated market (default %(default)s)")
    p.add_argument("--fault", action="append", default=[], metavar="KIND=N", help="let the exchange make mistakes, see `aats sim --help`")
    p.add_argument("--json", action="store_true", help="no view; one JSON object with the summary at the end")
    return p


class _Interrupts:
    """Ctrl-C once: end in order; twice: by force."""

    def __init__(self) -> None:
        self.count = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 2:
            raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run `aats demo`; 0: ended as asked, 1: something failed, 130: killed by a second Ctrl-C."""
    args = parser().parse_args(argv)
    interrupts = _Interrupts()
    with (
        tempfile.TemporaryDirectory(prefix="aats-demo-") as folder,
        control.join(Role.OTHER, "demo", mode=Mode.SIM, detail="aats demo") as member,
    ):
        member.ready()
        demo = Demo(args, Path(folder))
        why = ""
        try:
            demo.start()
            why = _watch(demo, member, interrupts)
            if not why:
                demo.end_strategies()
                result = demo.summary()
                why = "; ".join(demo.check())
            demo.stop()
        except KeyboardInterrupt:
            demo.stop(hard=True)
            return 130
        except AatsError as exc:
            demo.stop(hard=True)
            print(f"aats demo: {exc}", file=sys.stderr)
            return 1
        except BaseException:
            demo.stop(hard=True)
            raise
    if why:
        print(f"aats demo: {why}", file=sys.stderr)
        return 1
    print(json.dumps(result) if args.json else demo_view.summary_text(result))
    return 0


def _watch(demo: Demo, member: control.Member, interrupts: _Interrupts) -> str:
    """Show the view until the time is over or somebody interrupts; return what went wrong, or ""."""
    end = time.monotonic() + demo.args.seconds if demo.args.seconds > 0 else float("inf")
    assert demo.md is not None
    with demo_view.view(demo.md, demo.ledgers, quiet=demo.args.json) as show:
        while not interrupts.count and time.monotonic() < end:
            why = demo.failed()
            if why:
                return why
            member.beat()
            member.tick()
            demo.poll()
            show(demo.summary())
            time.sleep(min(_REFRESH_S, max(0.0, end - time.monotonic())))
    return ""
