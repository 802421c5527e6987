"""Three WebSocket clients behind one face: connect, say a text, and a plain function is called with each text that comes.

For: receive.py, trade.py.  `take` is called as early as the library allows: in picows' frame callback, and behind ``await`` where there is only that.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

__all__ = ["CLIENTS", "Client", "Take", "loop_of", "trusting"]

Take = Callable[[Any], object]
#: Text out, and the end of the receiving side.
Client = tuple[Callable[[bytes], Awaitable[None] | None], Callable[[], Awaitable[None]]]


def trusting(ca: Path) -> ssl.SSLContext:
    """Return the context of a client that trusts this authority."""
    return ssl.create_default_context(cafile=str(ca))


def loop_of(who: str) -> Any:
    """Return the factory of the event loop that this client is measured with."""
    if who == "websockets":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


async def picows(url: str, context: ssl.SSLContext, take: Take, *, raw: bool) -> Client:
    """picows: `take` in the frame callback; `raw` hands out a memoryview."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    class Listener(WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.TEXT:
                take(frame.get_payload_as_memoryview() if raw else frame.get_payload_as_bytes())

    transport, _ = await ws_connect(Listener, url, ssl_context=context)

    async def wait() -> None:
        await transport.wait_disconnected()

    return lambda text: transport.send(WSMsgType.TEXT, text), wait


async def aiohttp(url: str, context: ssl.SSLContext, take: Take, *, raw: bool) -> Client:
    """aiohttp: `take` behind receive()."""
    from aiohttp import ClientSession, WSMsgType

    session = ClientSession()
    ws = await session.ws_connect(url, ssl=context, compress=0, max_msg_size=0, autoping=True)

    async def wait() -> None:
        try:
            while True:
                message = await ws.receive()
                if message.type is not WSMsgType.TEXT:
                    return
                take(message.data)
        finally:
            await session.close()

    return lambda text: ws.send_str(text.decode()), wait


async def websockets(url: str, context: ssl.SSLContext, take: Take, *, raw: bool) -> Client:
    """websockets: `take` behind recv()."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    ws = await connect(url, ssl=context, compression=None, max_size=None, ping_interval=None)

    async def wait() -> None:
        try:
            while True:
                take(await ws.recv(decode=False))
        except ConnectionClosed:
            return

    return lambda text: ws.send(text, text=True), wait


CLIENTS = {"picows": picows, "picows_orjson": picows, "aiohttp": aiohttp, "websockets": websockets}
