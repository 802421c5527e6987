"""Stream names of the Binance Spot dialect, their frames, and the streams that are made from others.

A market makes four kinds: depth@100ms, bookTicker, trade, aggTrade.  This file makes the rest from them: `@depth` (the
diffs of a second as one), `@depth5`, `@depth10`, `@depth20` (the best levels, each second or with `@100ms` each 100 ms,
only if something changed).  Every other well-formed name is a stream without data.  Nothing here knows of connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from aats.sim.frames import text_frame
from aats.sim.market import DEPTH, DEPTH_NS, KINDS, Event, Level, Market, depth_text, snapshot_text

SECOND_NS = 1_000_000_000

_WELL_FORMED = re.compile(r"(?:[^\s@!/,\"\\]+(?:@[A-Za-z0-9_.:+\-]+){1,3}|![A-Za-z]+(?:@[A-Za-z0-9_.:+\-]+){0,3})\Z")
_PARTIAL = re.compile(r"depth(5|10|20)(@100ms|@1000ms)?\Z")


def well_formed(name: object) -> bool:
    """Tell whether `name` is a stream name by its syntax; the venue acknowledges every one of those."""
    return isinstance(name, str) and len(name) <= 256 and _WELL_FORMED.match(name) is not None


def event_frame(event: Event, wrapped: bool, micros: bool) -> bytes:
    """Return the frame of `event` for a connection; made once for each variant."""
    key = (wrapped, micros)
    frame = event.frames.get(key)
    if frame is None:
        data = event.data_us() if micros else event.data
        if wrapped:
            data = b'{"stream":"%b","data":%b}' % (event.stream.encode(), data)
        frame = event.frames[key] = text_frame(data)
    return frame


class Derived:
    """One derived stream of one symbol.  It exists while somebody has subscribed to it.

    `feed` is given every depth event of the symbol; `due` returns the event of a finished interval, or None.
    """

    def __init__(self, market: Market, symbol: str, stream: str, every_ns: int, levels: int) -> None:
        self._market = market
        self._symbol = symbol
        self._stream = stream
        self._every_ns = every_ns
        self._levels = levels  # 0: a diff stream
        self._bids: dict[str, Level] = {}
        self._asks: dict[str, Level] = {}
        self._first_id = 0
        self._last_id = 0
        self.due_ns: int | None = None  # None: nothing has changed

    def feed(self, event: Event) -> None:
        """Take in one depth@100ms event."""
        if self.due_ns is None:
            self.due_ns = event.t_ns - event.t_ns % self._every_ns + self._every_ns
            self._first_id = event.first_id
        self._last_id = event.last_id
        if not self._levels:
            self._bids.update((level[0], level) for level in event.bids)
            self._asks.update((level[0], level) for level in event.asks)

    def due(self, now_ns: int) -> Event | None:
        """Return the event of the interval that ended by `now_ns`, if something changed in it."""
        if self.due_ns is None or now_ns < self.due_ns:
            return None
        t_ns, self.due_ns = self.due_ns, None
        if self._levels:
            top = self._market.snapshot(self._symbol, self._levels)
            return Event(t_ns, self._symbol, "partial", self._stream, snapshot_text(top), last_id=top.last_id)
        bids, asks = list(self._bids.values()), list(self._asks.values())
        self._bids, self._asks = {}, {}
        text = depth_text(t_ns, self._symbol, self._first_id, self._last_id, bids, asks)
        return Event(
            t_ns,
            self._symbol,
            "depth",
            self._stream,
            text,
            first_id=self._first_id,
            last_id=self._last_id,
            bids=bids,
            asks=asks,
        )


def resolve(market: Market, name: str) -> tuple[str, Callable[[], Derived] | None] | None:
    """Find what a stream name means to this market.

    Returns
    -------
    None for a stream that will never say anything; (symbol, None) for a stream of the market itself; (symbol, make) for
    a derived one, `make()` being its maker.
    """
    lower, _, kind = name.partition("@")
    symbol = lower.upper()
    if symbol not in market.symbols or lower != lower.lower():
        return None
    if kind in KINDS:
        return symbol, None
    if kind in ("depth", "depth@1000ms"):
        return symbol, lambda: Derived(market, symbol, name, SECOND_NS, 0)
    partial = _PARTIAL.match(kind)
    if partial:
        every = DEPTH_NS if partial[2] == "@100ms" else SECOND_NS
        return symbol, lambda: Derived(market, symbol, name, every, int(partial[1]))
    return None


def depth_stream(symbol: str) -> str:
    """Return the name of a symbol's 100 ms diff stream."""
    return f"{symbol.lower()}@{DEPTH}"
