"""t2t_inline as a script with another WebSocket client does it: parse, dict book, decide, sign, send; tests/bench/wire.c on the other core measures.

The same server, frames and pace as the row t2t_inline (aats/bench/rows/t2t.py).  No journal, no risk gate, no order state: only what makes the order go out.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from aats.bench import frames
from aats.bench.context import Context, Failed, ask_snapshot, objects
from aats.bench.peers.books import DictBook
from aats.bench.peers.clients import CLIENTS, loop_of, trusting
from aats.bench.peers.orders import order_text
from aats.bench.rows.t2t import NOT_RECORDED, write_frames

__all__ = ["run"]

_SECONDS = 60.0


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure the rows that are wanted."""
    if ctx.frames is not None:
        return [{"row": row, "who": "aats", "why": NOT_RECORDED} for row in ctx.rows]
    orders = 300 if ctx.quick else 4000
    path = write_frames(ctx.folder / "t2t.frames")
    snapshot = next(one.data for one in frames.read(path) if one.kind == frames.SNAPSHOT)
    out = []
    for row in ctx.rows:
        who = row.partition("/")[2]
        ca = ctx.folder / f"{who}.pem"
        words = ["--frames", str(path), "--mode", "answer", "--orders", str(orders), "--gap-us", "200", "--ca-out", str(ca)]
        with ctx.start("wire", *words, core=ctx.cores[0]) as server:
            port = server.first()["port"]
            ask_snapshot(port, ca)
            ctx.pin()
            loop = loop_of(who)()
            try:
                loop.run_until_complete(asyncio.wait_for(_trade(who, port, ca, snapshot, server), _SECONDS))
            finally:
                loop.close()
            told = next(one for one in objects(server.text()) if "orders" in one)
        kept = {key: told[key] for key in ("p50", "p99", "p999", "max", "unanswered")}
        out.append({"row": row, "who": "aats", "unit": "ns", "value": told["p50"], **kept, "n": told["orders"]})
    return out


async def _trade(who: str, port: int, ca: Path, snapshot: bytes, server: Any) -> None:
    """Trade until the server has said what it measured."""
    import orjson

    book, number = DictBook(snapshot), 0
    out: list[asyncio.Future[None]] = []
    client, context, loop = CLIENTS[who], trusting(ca), asyncio.get_running_loop()

    def on_market(text: Any) -> None:
        nonlocal number
        data = orjson.loads(text).get("data")
        if data is None:
            return
        bids, asks = book.take(data)
        number += 1
        buy = bids[0] + asks[0] > 0  # the decision
        said = send_order(order_text(number, f"{bids[0] if buy else asks[0]:.2f}", "0.00100"))
        if said is not None:
            out.append(asyncio.ensure_future(said, loop=loop))
            del out[:-4]

    send_order, orders_end = await client(f"wss://localhost:{port}/ws-api/v3", context, lambda text: None, raw=True)
    send_market, market_end = await client(f"wss://localhost:{port}/stream", context, on_market, raw=True)
    readers = [asyncio.ensure_future(one()) for one in (orders_end, market_end)]
    for send, text in (
        (send_market, b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}'),
        (send_order, b'{"id":1,"method":"userDataStream.subscribe.signature"}'),
    ):
        said = send(text)
        if said is not None:
            await said
    while not any("orders" in one for one in objects(server.text())):
        if server.process.poll() is not None:
            raise Failed(f"wire ended: {server.last_words()}")
        await asyncio.sleep(0.2)
    for one in readers:
        one.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*readers, return_exceptions=True)
