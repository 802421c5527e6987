"""A market that plays a recorded tape: its frames at their moments, its books as they were.

The books start as the tape's own snapshots, so the first frame of each symbol continues its book.  In the first loop
ids and texts are as recorded, byte for byte, except that `retime` (the default) writes the moment of sending into `E`
and keeps the distance of `T` to it, so that a client's latency figures mean something.

Later loops continue the ids: at the seam one diff a symbol turns the end book into the start book (U = last u + 1), and
every id after it is the recorded one plus a constant, so `U = previous u + 1` and consecutive trade ids go on holding.

    loop 1   [snapshot L] U..u U..u ... U..u | seam diff | U..u U..u ...   loop 2: ids + (seam id - L)

Pace: real time (`speed=1`), a factor, or `speed="max"`: no pace of its own, a batch at each `advance`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import orjson

from aats.errors import ConfigError
from aats.sim.market import (
    AGG_TRADE,
    BOOK_TICKER,
    DEPTH,
    DEPTH_NS,
    TRADE,
    Event,
    Level,
    Market,
    Snapshot,
    Symbol,
    TextBook,
    book_ticker_text,
    depth_text,
    is_zero,
)
from aats.sim.tape_files import Tape, TapeFrame, read_tape

BATCH = 64
SEAM_LEVELS = 5000  # most levels in one seam diff

_NUMBER = re.compile(rb'"(E|T|U|u|t|a|f|l)":(\d+)(?=[,}])')


class TapeMarket(Market):
    """The market of `aats sim --tape`.

    Parameters
    ----------
    files
        The parts of one tape in order; see tape_files.py for what is accepted.
    speed
        Factor on the recorded pace, or "max": as fast as clients take it.
    loop
        Begin again at the end; otherwise the books stand still and `ended` is true.
    retime
        Write the moment of sending into the events' times.
    hold
        Wait for `start` (the dialect starts it at the first subscription); otherwise the first `advance` starts it.
    batch
        Frames handed out by one `advance` at speed "max".
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        *,
        speed: float | Literal["max"] = 1.0,
        loop: bool = True,
        retime: bool = True,
        hold: bool = True,
        batch: int = BATCH,
    ) -> None:
        if speed != "max" and not (isinstance(speed, (int, float)) and 0 < speed < 1e6):
            raise ConfigError(f'speed {speed!r}: expected a factor above 0 (1 is real time), or "max"')
        self.tape: Tape = read_tape(files)
        self.by_demand = speed == "max"
        self.held = True
        self.loops = 0
        self.notes = self.tape.notes
        self._hold = hold
        self._per_mille = 1000 if speed == "max" else max(1, round(float(speed) * 1000))
        self._loop = loop
        self._retime = retime
        self._batch = batch
        self._frames = self.tape.frames
        self._begin_ns = self._frames[0].t_ns if self._frames else 0
        self._at = 0  # next frame
        self._zero_ns = 0  # when this loop's first frame is due
        self._now_ns = 0
        self._books = {name: book.copy() for name, book in self.tape.books.items()}
        self._ids = dict(self.tape.start_ids)  # u of each book
        self._top_ids = dict(self._ids)  # largest id seen, a bookTicker's included
        self._shift = dict.fromkeys(self._ids, 0)  # loop's addend to update ids
        self._resumed: set[str] = set()  # symbols whose first diff of this loop has been sent
        self._trade_shift = dict.fromkeys(self._ids, 0)
        self._agg_shift = dict.fromkeys(self._ids, 0)
        self._trade_spans = _spans((f.symbol, f.first, f.last) for f in self._frames if f.kind in (TRADE, AGG_TRADE))
        self._agg_spans = _spans((f.symbol, f.own, f.own) for f in self._frames if f.kind == AGG_TRADE)
        self._time_shift_ms = 0  # later loops without `retime`: the recorded times plus this

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        return self.tape.symbols

    def start(self, now_ns: int) -> None:
        if self.held:
            self.held = False
            self._zero_ns = self._now_ns = now_ns

    def next_ns(self) -> int | None:
        if self.held or self.ended:
            return None
        return self._now_ns if self.by_demand else self._due_ns()

    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        bids, asks = self._books[symbol].top(limit)
        return Snapshot(self._ids[symbol], bids, asks)

    def touch(self, symbol: str) -> tuple[int, int]:
        book = self._books[symbol]
        return max(book.bids, default=0) // 10_000, min(book.asks, default=0) // 10_000

    def advance(self, now_ns: int) -> list[Event]:
        if self.held:
            if self._hold:
                return []
            self.start(now_ns)
        self._now_ns = max(self._now_ns, now_ns)
        out: list[Event] = []
        left = self._batch if self.by_demand else 1 << 62
        while left > 0 and not self.ended:
            t_ns = self._now_ns if self.by_demand else self._due_ns()
            if t_ns > now_ns:
                break
            if self._at == len(self._frames):
                self._seam(t_ns, out)
            else:
                frame = self._frames[self._at]
                self._at += 1
                out.append(self._play(frame, t_ns))
                left -= 1
        return out

    # -- one frame -----------------------------------------------------------------------------------------------------

    def _due_ns(self) -> int:
        """When the next frame is due; after the last one, when the seam is: one depth interval later."""
        at = self._at
        recorded = self._frames[at].t_ns if at < len(self._frames) else self._frames[-1].t_ns + DEPTH_NS
        return self._zero_ns + (recorded - self._begin_ns) * 1000 // self._per_mille

    def _play(self, frame: TapeFrame, t_ns: int) -> Event:
        name, kind = frame.symbol, frame.kind
        shift = self._shift[name] if kind in (DEPTH, BOOK_TICKER) else self._trade_shift[name]
        first, last = frame.first + shift, frame.last + shift
        stream = f"{name.lower()}@{kind}"
        if kind != DEPTH:
            own_shift = self._agg_shift[name] if kind == AGG_TRADE else 0
            data = self._text(frame, t_ns, shift, own_shift, 0)
            if kind == BOOK_TICKER:
                self._top_ids[name] = max(self._top_ids[name], last)
            return Event(t_ns, name, kind, stream, data, first_id=first, last_id=last)
        if self.loops and name not in self._resumed:
            first = self._ids[name] + 1  # the recorded frame may begin before the snapshot that the seam stands for
        self._resumed.add(name)
        data = self._text(frame, t_ns, shift, 0, first)
        levels = orjson.loads(frame.payload)
        bids = [(px, qty) for px, qty, *_ in levels["b"]]
        asks = [(px, qty) for px, qty, *_ in levels["a"]]
        self._books[name].apply(bids, asks)
        self._ids[name] = last
        self._top_ids[name] = max(self._top_ids[name], last)
        return Event(t_ns, name, kind, stream, data, first_id=first, last_id=last, bids=bids, asks=asks)

    def _text(self, frame: TapeFrame, t_ns: int, shift: int, own_shift: int, first: int) -> bytes:
        """Return the payload with this loop's ids and, if asked for, this moment's times; otherwise the very bytes."""
        if not self.loops and (not self._retime or frame.kind == BOOK_TICKER):
            return frame.payload
        time_shift_ms: int | None = None if self._retime else self._time_shift_ms

        def rewrite(m: re.Match[bytes]) -> bytes:
            nonlocal time_shift_ms
            key, value = m[1], int(m[2])
            if key in (b"E", b"T"):
                if time_shift_ms is None:
                    time_shift_ms = t_ns // 1_000_000 - value
                value += time_shift_ms
            elif key == b"U":
                value = first
            else:
                value += own_shift if key == b"a" else shift
            return b'"%b":%d' % (key, value)

        return _NUMBER.sub(rewrite, frame.payload)

    # -- the seam ------------------------------------------------------------------------------------------------------

    def _seam(self, t_ns: int, out: list[Event]) -> None:
        """End a loop: turn each book into its start by diffs, and set the addends of the next loop."""
        if not self._loop or not self._frames:
            self.ended = True
            return
        seam_ns = t_ns if self._retime else self._frames[-1].t_ns + DEPTH_NS + self._time_shift_ms * 1_000_000
        for name, start in self.tape.books.items():
            stream = f"{name.lower()}@"
            for bids, asks in _parts(self._books[name], start):
                first, last = self._ids[name] + 1, self._top_ids[name] + 1
                text = depth_text(seam_ns, name, first, last, bids, asks)
                out.append(Event(t_ns, name, DEPTH, stream + DEPTH, text, first_id=first, last_id=last, bids=bids, asks=asks))
                self._ids[name] = self._top_ids[name] = last
            self._books[name] = start.copy()
            top = self.snapshot(name, 1)
            if top.bids and top.asks:
                text = book_ticker_text(name, self._ids[name], top.bids[0], top.asks[0])
                out.append(Event(t_ns, name, BOOK_TICKER, stream + BOOK_TICKER, text, last_id=self._ids[name]))
            self._shift[name] = self._ids[name] - self.tape.start_ids[name]
        for shifts, spans in ((self._trade_shift, self._trade_spans), (self._agg_shift, self._agg_spans)):
            for name, (low, high) in spans.items():
                shifts[name] += high + 1 - low
        self._resumed.clear()
        self._time_shift_ms += (self._frames[-1].t_ns - self._begin_ns + 2 * DEPTH_NS) // 1_000_000
        self._zero_ns = t_ns + DEPTH_NS * 1000 // self._per_mille
        self._at = 0
        self.loops += 1


def _spans(ids: Iterable[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
    """Return the smallest first and the largest last id of each symbol."""
    spans: dict[str, tuple[int, int]] = {}
    for name, first, last in ids:
        low, high = spans.get(name, (first, last))
        spans[name] = (min(low, first), max(high, last))
    return spans


def _parts(old: TextBook, new: TextBook) -> Iterator[tuple[list[Level], list[Level]]]:
    """Yield the diffs that turn `old` into `new`, deletions first, so that no state between them is crossed."""
    sides = old.diff_to(new)
    changes = [(side, level) for side in (0, 1) for level in sides[side]]
    changes.sort(key=lambda change: not is_zero(change[1][1]))
    for at in range(0, max(len(changes), 1), SEAM_LEVELS):
        part = changes[at : at + SEAM_LEVELS]
        yield [level for side, level in part if side == 0], [level for side, level in part if side == 1]
