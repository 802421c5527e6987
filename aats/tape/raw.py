"""Frames of Binance's raw streams (``/ws/btcusdt@depth``), put into the envelope of a combined stream.

For: read.py.  Not for judging payloads.  A raw payload does not say which stream it is of, and a partial book of futures looks like a diff to the last
key (exchanges/binance_usdm_futures.md section 2): only what the connection asked for tells them apart, in its address or in what it sent.  A
frame that fits none of its streams, or more than one, is left as it came, and is then nothing that was asked for.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import orjson

__all__ = ["RawStreams"]

#: How the names of streams end, by the event that their payloads tell; a payload without one is told by its keys.
_ENDS = {
    "depthUpdate": re.compile(r"depth(?:@\d+ms)?\Z"),
    "trade": re.compile(r"trade\Z"),
    "aggTrade": re.compile(r"aggTrade\Z"),
    "bookTicker": re.compile(r"bookTicker\Z"),
    "markPriceUpdate": re.compile(r"markPrice(?:@1s)?\Z"),
}
_PARTIAL = re.compile(r"depth\d+(?:@\d+ms)?\Z")
_ANY_DEPTH = re.compile(r"(?:rpiD|d)epth[@\dms]*\Z")


class RawStreams:
    """The streams of one raw connection; none: frames go as they come.  `alike`: partial books look like diffs."""

    def __init__(self, address: str, *, alike: bool) -> None:
        self._alike = alike
        self._names: set[str] = set()
        head, _, names = unquote(urlsplit(address).path).partition("/ws/")
        if names and "/stream" not in head:
            self._names.update(name for name in names.split("/") if "@" in name)

    def sent(self, text: str) -> None:
        """Take note of a request that the connection made."""
        if '"SUBSCRIBE"' not in text:
            return
        try:
            self._names.update(name for name in orjson.loads(text)["params"] if "@" in name)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return

    def frame(self, payload: bytes) -> bytes:
        """Return a frame of a raw stream in its envelope, and any other frame as it is."""
        if not self._names or payload.startswith((b'{"stream"', b'{"result"', b'{"error"', b'{"code"', b'{"id"')):
            return payload
        try:
            message = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return payload
        if not isinstance(message, dict) or "stream" in message or "id" in message:
            return payload
        end, symbol = self._end(message), message.get("s")
        if end is None:
            return payload
        heads = {name.partition("@")[0] for name in self._names} if symbol is None else {str(symbol).lower()}
        fits = [name for name in self._names for head, _, tail in [name.partition("@")] if head in heads and end.match(tail)]
        return b'{"stream":%b,"data":%b}' % (orjson.dumps(fits[0]), payload) if len(fits) == 1 else payload

    def _end(self, message: dict[str, object]) -> re.Pattern[str] | None:
        event = message.get("e")
        if isinstance(event, str):
            return _ANY_DEPTH if self._alike and event == "depthUpdate" else _ENDS.get(event)
        if "lastUpdateId" in message:
            return _PARTIAL
        return _ENDS["bookTicker"] if {"b", "B", "a", "A"} <= message.keys() else None
