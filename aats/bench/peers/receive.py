"""wss_cpu, feed_wss, wire_published as other WebSocket clients do them, against tests/bench/wire.c on the other core.

Flood: processor time of this process, and wall time, over so many messages behind a warm-up.  Paced: from the server's stamp before the frame's send
to the entry of the callback (the return of the receiving call where there is none), every sample behind the first tenth; one clock, CLOCK_MONOTONIC.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aats.bench.context import Context, ask_snapshot, summary
from aats.bench.peers.clients import CLIENTS, Take, loop_of, trusting

__all__ = ["run"]

_STAMPS, _FIRST, _SIZE = 65536, 128, 16  # tests/bench/wire.h
_ASK = b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}'
_PACE_US = 50


class _Enough(Exception):
    """The samples are there."""


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure the rows that are wanted; a client's flood gives both of its rows."""
    out = []
    floods = {row.partition("/")[2] for row in ctx.rows if not row.startswith("wire_published")}
    for who in sorted(floods):
        told = flood(ctx, who)
        out += [{"row": f"{row}/{who}", "who": "aats", **figures} for row, figures in told.items() if f"{row}/{who}" in ctx.rows]
    for row in ctx.rows:
        if row.startswith("wire_published"):
            out.append({"row": row, "who": "aats", "unit": "ns", **summary(paced(ctx, row.partition("/")[2]))})
    return out


def flood(ctx: Context, who: str) -> dict[str, dict[str, Any]]:
    """Return processor time a message, and messages a second."""
    wanted = 5000 if ctx.quick else 60000
    parse = _loads() if who.endswith("_orjson") else None
    count, began = 0, (0, 0)
    ended = began

    def take(text: Any) -> None:
        nonlocal count, began, ended
        count += 1
        if parse is not None:
            parse(text)
        if count == wanted // 5:
            began = time.process_time_ns(), time.monotonic_ns()
        elif count == wanted + wanted // 5:
            ended = time.process_time_ns(), time.monotonic_ns()
            raise _Enough

    _drive(ctx, who, take, ["--mode", "flood"])
    cpu, wall = ended[0] - began[0], ended[1] - began[1]
    return {
        "wss_cpu": {"unit": "ns", "value": cpu / wanted, "n": wanted},
        "feed_wss": {"unit": "1/s", "value": wanted / (wall / 1e9), "n": wanted},
    }


def paced(ctx: Context, who: str) -> list[int]:
    """Return the ways of so many frames in ns."""
    wanted = 2000 if ctx.quick else 20000
    clock = time.monotonic_ns
    samples: list[int] = []
    path = ctx.folder / f"stamps.{who}"
    with _stamps(path) as stamps:
        read = struct.Struct("<q").unpack_from

        def take(text: Any) -> None:
            now = clock()
            samples.append(now - read(stamps, _FIRST + len(samples) % _STAMPS * _SIZE + 8)[0])
            if len(samples) == wanted:
                raise _Enough

        _drive(ctx, who, _after_answer(take), ["--mode", "paced", "--pace-us", str(_PACE_US), "--stamps", str(path)])
    return samples[wanted // 10 :]


def _after_answer(take: Take) -> Take:
    """Return `take` without the answer to the subscription, which has no stamp."""
    answered = False

    def behind(text: Any) -> None:
        nonlocal answered
        if answered:
            take(text)
        answered = True

    return behind


@contextlib.contextmanager
def _stamps(path: Path) -> Any:
    """Make the file that the server stamps, with leave for any number of frames."""
    with path.open("w+b") as file:
        file.truncate(_FIRST + _STAMPS * _SIZE)
        with mmap.mmap(file.fileno(), 0) as stamps:
            struct.pack_into("<Q", stamps, 0, 1 << 62)
            yield stamps


def _drive(ctx: Context, who: str, take: Take, words: list[str]) -> None:
    """Start the server, connect, subscribe, and let `take` have what comes until it has enough."""
    ca = ctx.folder / f"{who}.{time.monotonic_ns()}.pem"
    with ctx.start("wire", "--frames", str(ctx.traffic()), "--ca-out", str(ca), *words, core=ctx.cores[0]) as server:
        port = server.first()["port"]
        ask_snapshot(port, ca)
        url = f"wss://localhost:{port}/stream"
        ctx.pin()
        loop = loop_of(who)()
        try:
            loop.run_until_complete(_talk(who, url, ca, take))
        finally:
            loop.close()


async def _talk(who: str, url: str, ca: Path, take: Take) -> None:
    done = asyncio.get_running_loop().create_future()

    def guarded(text: Any) -> None:
        if done.done():
            return
        try:
            take(text)
        except _Enough:
            done.set_result(None)

    send, wait = await CLIENTS[who](url, trusting(ca), guarded, raw=True)
    said = send(_ASK)
    if said is not None:
        await said
    reader = asyncio.ensure_future(wait())
    await asyncio.wait({reader, done}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    if not done.done():
        raise ConnectionError(f"{who}: the server or the client ended before enough had come")


def _loads() -> Callable[[Any], object]:
    import orjson

    return orjson.loads
