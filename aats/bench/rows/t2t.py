"""t2t_inline, t2t_processes: a market frame leaves the venue -> the bytes of the order that it caused are back there.

The venue is tests/bench/wire.c (mode ``answer``: one frame is out at a time, the next goes 200 us after its order), TLS both ways over loopback, one
clock.  A round trip runs from the stamp before the frame's send to the return of the read that brought the order's last byte; orders are counted
after the first tenth.

Measured is a trade process as users run it (t2t_strategy.py): `TradeService` with ``wait='spin'``, journal, risk gate and event ring in force, a
strategy in Python that looks at each quote and sends an IOC order.  ``t2t_inline``: the feed runs in that process.  ``t2t_processes``: in a process
of its own, which needs a core of its own; with fewer than four the waits in force are said and nothing is judged.

Reference: ref/t2t_echo.c, which reads, deframes and at once writes an order that it had prepared; the same server, the same frames, the same cores, measured
before and after, so that a change of the host's mood falls on both.
"""

from __future__ import annotations

import contextlib
import json
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aats.bench.context import Context, Failed, Started, ask_snapshot, objects

__all__ = ["NOT_RECORDED", "run", "write_frames"]

#: Why a frames file is not taken.
NOT_RECORDED = "not measured with --frames: each frame has to lead to an order, and the last one back to the snapshot"

_GAP_US = 200
_WAIT_S = 60.0
_FIRST_ID = 50_000_000_001
_FEED = """[feed]
venue = "BINANCE"
name = "t2t"
mode = "sim"

[[feed.symbols]]
symbol = "BTCUSDT"
level = 5
"""
_MID, _TICK = 64_200_00, 1  # in cents


def write_frames(path: Path, cnt: int = 2000, *, seed: int = 7) -> Path:
    """Write a frames file: one symbol, depthUpdates of 20 + 20 levels (1.4 KB), each of which changes the best five; 30 % of the deeper ones come and go.

    The last frame leaves the book as the snapshot has it, so that it can go round for ever.
    """
    rng = random.Random(seed)
    sides = {"b": [_MID - 1 - i for i in range(400)], "a": [_MID + i for i in range(400)]}

    def size() -> str:
        return f"{rng.randrange(1, 999_999_99) / 1e6:.8f}"

    def price(cents: int) -> str:
        return f"{cents // 100}.{cents % 100:02d}000000"

    start = {side: [[price(p), size()] for p in prices] for side, prices in sides.items()}
    snapshot = {"lastUpdateId": _FIRST_ID - 1, "bids": start["b"], "asks": start["a"]}
    records = [(1, json.dumps(snapshot, separators=(",", ":")))]
    for n in range(cnt):
        levels = {}
        for side, prices in sides.items():
            changed = [*range(5), *sorted(rng.sample(range(5, 60), 15))]
            back = n == cnt - 1
            levels[side] = (
                start[side][:60]
                if back
                else [[price(prices[i]), "0.00000000" if i >= 5 and rng.random() < 0.3 else size()] for i in changed]
            )
        first = _FIRST_ID + 40 * n
        data = {
            "e": "depthUpdate",
            "E": 1785312000000 + n,
            "s": "BTCUSDT",
            "U": first,
            "u": first + 39,
            "b": levels["b"],
            "a": levels["a"],
        }
        records.append((0, json.dumps({"stream": "btcusdt@depth@100ms", "data": data}, separators=(",", ":"))))
    with path.open("wb") as out:
        for kind, text in records:
            body = text.encode()
            out.write(struct.pack("<IBBH", len(body), kind, 0, 0) + body)
    return path


@contextlib.contextmanager
def _venue(ctx: Context, frames: Path, orders: int) -> Iterator[tuple[Started, int, Path]]:
    """Start the server; yield it, its port, and the file with its certificate."""
    ca = ctx.folder / f"ca.{time.monotonic_ns()}.pem"
    words = ["--frames", str(frames), "--mode", "answer", "--orders", str(orders), "--gap-us", str(_GAP_US), "--ca-out", str(ca)]
    with ctx.start("wire", *words, core=ctx.cores[0]) as server:
        yield server, int(_told(server, "port", 10.0)["port"]), ca


def _told(one: Started, key: str, within_s: float) -> dict[str, Any]:
    """Wait for an object with `key` from a program."""
    deadline = time.monotonic() + within_s
    while True:
        for found in objects(one.text()):
            if key in found:
                return found
        if one.process.poll() is not None:
            raise Failed(f"{one.name} ended early: {one.last_words()}")
        if time.monotonic() > deadline:
            raise Failed(f"{one.name} did not say {key!r} within {within_s:g} s: {one.last_words()}")
        time.sleep(0.02)


def _told_by(server: Started, client: Started) -> dict[str, Any]:
    """Wait for the server's report; a client that ends before it is a failure."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        with contextlib.suppress(Failed):
            return _told(server, "orders", 0.2)
        if client.process.poll() is not None:
            raise Failed(f"{client.name} ended early: {client.last_words()}")
        if time.monotonic() > deadline:
            raise Failed(f"the orders did not come within {_WAIT_S:g} s: {client.last_words()}")


def _echo(ctx: Context, frames: Path, orders: int) -> dict[str, Any]:
    with _venue(ctx, frames, orders) as (server, port, ca), ctx.start("t2t_echo", "--port", str(port), core=ctx.cores[1]) as echo:
        ask_snapshot(port, ca)
        return _told_by(server, echo)


def _strategy(ctx: Context, frames: Path, orders: int, *, inline: bool) -> dict[str, Any]:
    with _venue(ctx, frames, orders) as (server, port, ca), contextlib.ExitStack() as stack:
        env = _environment(port, ca)
        wait = "spin" if inline or _spare_cores(ctx) else "adaptive"
        words = ["--core", str(ctx.cores[1]), "--wait", wait, *(["--inline"] if inline else [])]
        if not inline:
            settings = ctx.folder / "t2t.toml"
            settings.write_text(_FEED)
            stack.enter_context(ctx.start("python", "-m", "aats.cli", "feed", str(settings), env=env))
        trade = stack.enter_context(ctx.start("python", "-m", "aats.bench.rows.t2t_strategy", *words, env=env))
        told = _told_by(server, trade)
        trade.end()
        return {**told, "wait": wait}


def _spare_cores(ctx: Context) -> bool:
    """Whether feed and strategy have a core each beside the server's."""
    return len(ctx.usable) >= 4


def _environment(port: int, ca: Path) -> dict[str, str]:
    at = f"localhost:{port}"
    return {
        "AATS_ENDPOINT_BINANCE_SIM_REST": f"https://{at}",
        "AATS_ENDPOINT_BINANCE_SIM_STREAM": f"wss://{at}/stream",
        "AATS_ENDPOINT_BINANCE_SIM_WSAPI": f"wss://{at}/ws-api/v3",
        "AATS_CAFILE": str(ca),
        "AATS_SUPERVISOR": "off",
    }


def _object(row: str, who: str, told: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: told[key] for key in ("p50", "p99", "p999", "max", "unanswered", "plain_p50", "wait") if key in told}
    return {"row": row, "who": who, "unit": "ns", "value": told["p50"], **kept, "n": told["orders"]}


def _mean(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Join two runs of the reference: of each figure the mean, of the counts the sum."""
    out = {key: (first[key] + second[key]) / 2 for key in ("p50", "p99", "p999", "plain_p50")}
    return {**out, "max": max(first["max"], second["max"]), "orders": first["orders"] + second["orders"]}


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure one repeat."""
    if ctx.frames is not None:
        return [{"row": row, "who": "aats", "why": NOT_RECORDED} for row in ctx.rows]
    orders = 400 if ctx.quick else 4000
    frames = write_frames(ctx.folder / "t2t.frames")
    out = []
    before = _echo(ctx, frames, orders // 2)
    measured = {row: _strategy(ctx, frames, orders, inline=row == "t2t_inline") for row in ctx.rows}
    reference = _mean(before, _echo(ctx, frames, orders // 2))
    for row, told in measured.items():
        one = _object(row, "aats", told)
        if row == "t2t_processes":
            one["cores"] = len(ctx.usable)
            if not _spare_cores(ctx):
                one["unjudged"] = (
                    f"feed, strategy and the bench's server shared {len(ctx.usable)} cores; the wait in force was {told['wait']}"
                )
        out += [one, _object(row, "reference", reference)]
    return out
