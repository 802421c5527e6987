"""memory_10, memory_500: what a feed's process takes with 10 and with 500 symbols, each with a book of 1000 levels a side.

A real `aats feed` against tests/bench/wire.c, 20 levels published: every symbol live, then some seconds of changes.  Value: resident memory of the
process that is not shared (anonymous and files), and the whole size of the segments it writes and shares, in MB of 1e6 bytes; `rss` is what ps shows.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from aats import control, shm
from aats.bench.context import Context, Failed
from aats.layout import DirState, Kind, Role

__all__ = ["run"]

SYMBOLS = {"memory_10": 10, "memory_500": 500}
_LEVELS = 20
_READY_S = 120.0


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure once; the second repeat would say the same, so it is not made."""
    if ctx.frames is not None:
        why = "not measured with --frames: a recording has not the symbols of the row"
        return [{"row": row, "who": "aats", "why": why} for row in ctx.rows]
    return [measure(ctx, row, SYMBOLS[row]) for row in ctx.rows]


def measure(ctx: Context, row: str, symbols: int) -> dict[str, Any]:
    """Return what a feed of so many symbols takes."""
    frames = ctx.traffic(symbols=symbols, messages=max(4096, 8 * symbols))
    ca = ctx.folder / f"{row}.pem"
    with ctx.start(
        "wire", "--frames", str(frames), "--mode", "paced", "--pace-us", "100", "--ca-out", str(ca), core=ctx.cores[0]
    ) as server:
        port = server.first()["port"]
        feed = control.spawn(Role.FEED, ["feed", str(toml(ctx, row, symbols, port, ca))], name=row.replace("_", "-"), die_with_me=True)
        try:
            all_live(row.replace("_", "-"), feed.entry.generation, symbols)
            time.sleep(0.5 if ctx.quick else 3.0)
            status = dict(
                line.split(":", 1) for line in Path(f"/proc/{feed.pid}/status").read_text(encoding="ascii").splitlines() if ":" in line
            )
            segments = sum((shm.SHM_DIR / name.file).stat().st_size for name in shm.names(ns=shm.namespace()))
        finally:
            feed.stop()
            control.tidy()
    anon, files, rss = (int(status[key].split()[0]) * 1024 for key in ("RssAnon", "RssFile", "VmRSS"))
    told = {"anonymous": anon, "files": files, "segments": segments}
    return {
        "row": row,
        "who": "aats",
        "unit": "MB",
        "value": (anon + files + segments) / 1e6,
        "rss": rss / 1e6,
        "symbols": symbols,
        "levels_a_side": 1000,
        **{key: value / 1e6 for key, value in told.items()},
    }


def toml(ctx: Context, row: str, symbols: int, port: int, ca: Path) -> Path:
    """Write the feed's file."""
    names = ctx.symbols(symbols)
    path = ctx.folder / f"{row}.toml"
    listed = ", ".join(f'"{name}:{_LEVELS}"' for name in names)
    path.write_text(
        f'[feed]\nname = "{row.replace("_", "-")}"\nvenue = "BINANCE"\nmode = "sim"\nstreams = ["depth"]\nsymbols = [{listed}]\n'
        f'[endpoints]\nrest = "https://localhost:{port}"\nstream = "wss://localhost:{port}"\ncafile = "{ca}"\n'
    )
    return path


def all_live(name: str, generation: int, symbols: int) -> None:
    """Wait until every symbol of a feed is live."""
    segment = shm.attach(shm.SegmentName.make(Kind.MD, name, generation))
    deadline = time.monotonic() + _READY_S
    while True:
        live = sum(one.state == DirState.LIVE for one in shm.symbols(segment))
        if live == symbols:
            return
        if time.monotonic() > deadline:
            raise Failed(f"{live} of {symbols} symbols were live after {_READY_S:g} s")
        time.sleep(0.05)
