"""Live books without a strategy: ``aats.attach()``.

    import aats

    books = aats.attach()                        # every feed that runs; aats.attach("binance") only that one
    book = books.book("BTCUSDT.BINANCE")
    while True:
        if book.poll():                          # a fraction of a microsecond when there is nothing new
            now = book.copy()                    # both sides of one moment
            print(now.valid, now.bids[0], now.asks[0])

For: scripts, notebooks, monitors; anything that looks.  Not for callbacks (``aats.TradeService``) and not for writing: every mapping is read-only.
Nothing here joins the control table, so a reader that dies leaves nothing behind.

A feed that ends and starts again is a new generation of its segment; books find it by themselves.  In between they are not valid.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aats import shm
from aats._ffi import check, ffi, lib, types
from aats.errors import AatsError, ConfigError, SegmentMissing, ShmError
from aats.layout import REC, Flag, Role, State, Why, rec_dtype
from aats.shm import Segment
from aats.table import Entry, Table

__all__ = ["Book", "BookCopy", "BookEvent", "Books", "attach"]

_LOOK_S = 0.05  # between two looks for a feed's next generation, and at a quiet book's validity
_LOOK_EVERY = 64  # quiet polls between two looks at the clock
_NAP_S = 50e-6
#: Reasons after which there may be another generation of the segment to look at.
_GONE = (Why.FEED_DOWN, Why.FEED_STALE, Why.REPLACED, Why.NO_BOOK)
KINDS = ("", "quote", "tick", "bbo", "l2", "invalid", "lap", "feed_down", "feed_up")


# ------------------------------------------------------------------------------------------------------------- feeds


def _running() -> list[tuple[Entry, Table]]:
    """Return the feeds that run, oldest first; none where there is no control table."""
    try:
        table = Table.open()
    except SegmentMissing:
        return []
    found = [
        entry for entry in table.entries() if entry.role == Role.FEED and entry.state == State.RUN and entry.generation and entry.alive()
    ]
    return [(entry, table) for entry in sorted(found, key=lambda one: one.started_ns)]


class _Feed:
    """The mapping of one feed's current segment; maps the next generation when told to look."""

    def __init__(self, entry: Entry, table: Table) -> None:
        self.name, self.mode = entry.name, entry.mode
        self.generation = 0
        self.segment: Segment = self._map(entry, table)
        self.next_look = time.monotonic() + _LOOK_S

    def _map(self, entry: Entry, table: Table) -> Segment:
        name = entry.segment
        if name is None:
            raise SegmentMissing(f"feed {entry.name!r} has no segment yet")
        segment = shm.attach(name)
        self.table, self.slot = table, table.slot(entry.index)
        self.view = segment.md
        self.generation = entry.generation
        return segment

    def look(self) -> bool:
        """Map the next generation if there is one; True if it did.  At most every 50 ms."""
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + _LOOK_S
        pulse = ffi.new("aats_pulse_t *")
        lib.aats_pulse_take(self.view, self.slot, pulse)
        if lib.aats_pulse_why(pulse, time.monotonic_ns()) == lib.AATS_WHY_NONE:
            return False
        for entry, table in _running():
            if (entry.name, entry.mode) == (self.name, self.mode) and entry.generation != self.generation:
                try:
                    self.segment = self._map(entry, table)
                except AatsError:  # replaced again between the two looks
                    return False
                return True
        return False


# ------------------------------------------------------------------------------------------------------------- books


@dataclass(frozen=True)
class BookCopy:
    """One book at one moment.

    Attributes
    ----------
    valid : bool
        Whether it may be called good: the feed's word, the feed alive, the venue heard from.
    why : Why
        NONE if valid, else the reason.
    bids_i, asks_i : int64 arrays, shape (length, 2)
        Scaled price and quantity, best first: ``px_i * 10**px_exp``, ``qty_i * 10**qty_exp``.
    seq : int
        The venue's last update id.
    exch_ns, recv_ns, pub_ns : int
        Venue's time, arrival, publication; ns since the epoch.

    Notes
    -----
    Lifetime: copies, yours to keep.
    """

    symbol: str
    why: Why
    flags: Flag
    seq: int
    exch_ns: int
    recv_ns: int
    pub_ns: int
    px_exp: int
    qty_exp: int
    bids_i: npt.NDArray[np.int64]
    asks_i: npt.NDArray[np.int64]

    @property
    def valid(self) -> bool:
        return self.why == Why.NONE

    @property
    def bids(self) -> npt.NDArray[np.float64]:
        """Price, quantity; float64, shape (length, 2), best first."""
        return _floats(self.bids_i, self.px_exp, self.qty_exp)

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        """As `bids`."""
        return _floats(self.asks_i, self.px_exp, self.qty_exp)


def _floats(levels: npt.NDArray[np.int64], px_exp: int, qty_exp: int) -> npt.NDArray[np.float64]:
    out = np.empty(levels.shape, np.float64)
    source, target = ffi.from_buffer("int64_t *", levels), ffi.from_buffer("double *", out)
    for column, exp in enumerate((px_exp, qty_exp)):
        lib.aats_scale_array(source + column, 2, target + column, 2, len(levels), exp)
    return out


@functools.cache
def _slot_dtype(cap: int) -> np.dtype[Any]:
    """Return the dtype of a latest-book slot with the fields of its head beside ``bids`` and ``asks``."""
    slot, fields = rec_dtype(cap), dict(REC.fields or {})
    for side in ("bids", "asks"):
        fields[side] = slot.fields[side]  # type: ignore[index]
    names = list(fields)
    return np.dtype(
        {"names": names, "formats": [fields[n][0] for n in names], "offsets": [fields[n][1] for n in names], "itemsize": slot.itemsize}
    )


class Book:
    """One live book.  Made by `Books.book`.

    Attributes
    ----------
    symbol : str
    px_exp, qty_exp : int
        Exponents of the scaled integers.
    tick_i, lot_i : int
        Price and quantity step, scaled; 0 if unknown.

    Notes
    -----
    Lifetime: follows the feed through restarts.  ``bids``, ``asks``, ``bids_i``, ``asks_i`` are fresh copies at each read, each of its own
    moment: `copy` gives both sides of one.  ``view`` is no copy.
    Threads: one thread a Book.
    Cost: `poll` and `changed` with nothing new 0.1 us; `copy` 3 us and 10 ns a level; ``valid`` 0.5 us.
    """

    def __init__(self, feed: _Feed, symbol: str) -> None:
        self.symbol = symbol
        self._feed = feed
        self._rec = ffi.new("aats_rec_t *")
        self._quiet = 0
        self._seen = 0
        self._told: Why | None = None
        self._bind()

    def __repr__(self) -> str:
        why = self.why
        return f"<Book {self.symbol} of feed {self._feed.name}: {'valid' if why == Why.NONE else why.name.lower()}, seq {self.seq}>"

    def _bind(self) -> None:
        """Find the symbol in the feed's segment; a new generation may not have it yet."""
        feed = self._feed
        self._generation = feed.generation
        self._segment, self._view_ptr, self._slot = feed.segment, feed.view, feed.slot
        self._index = lib.aats_dir_find(self._view_ptr, self.symbol.encode())
        self._seen = 0
        if self._index < 0:
            self._stamp = memoryview(bytes(8)).cast("Q")
            return
        entry = ffi.new("aats_dir_t *")
        check(lib.aats_dir_read(self._view_ptr, self._index, entry), self.symbol)
        self.px_exp, self.qty_exp = int(entry.px_exp), int(entry.qty_exp)
        self.tick_i, self.lot_i = int(entry.tick_i), int(entry.lot_i)
        self._cap = int(self._view_ptr.level_max)
        at = self._offset()
        self._stamp = memoryview(self._segment.memory)[at : at + 8].cast("Q")

    def _offset(self) -> int:
        return int(self._view_ptr.md.latest_off) + int(self._index) * int(self._view_ptr.latest_sz)

    def _look(self) -> bool:
        """Follow the feed into its next generation, and look for a symbol that was not there yet; True if there is something new."""
        self._feed.look()
        if self._generation == self._feed.generation and self._index >= 0:
            return False
        self._bind()
        return bool(self._index >= 0)

    def _judge(self, rec: Any, bids: Any, asks: Any, cap: int) -> Why:
        """Copy the latest slot into `rec` and the two sides, and say whether it may be called good."""
        if self._index < 0:
            return Why.NO_BOOK
        return Why(lib.aats_valid_latest(self._view_ptr, self._slot, self._index, rec, bids, asks, cap, time.monotonic_ns()))

    # --------------------------------------------------------------------------------------------------------- news

    def changed(self) -> bool:
        """Return whether the book was written since the last `poll` that said so."""
        return bool(self._stamp[0] != self._seen)

    def poll(self) -> bool:
        """Return whether there is something new: the book was written, its validity changed, or its feed was replaced.

        Notes
        -----
        A validity that changes without a record (the feed was killed or stopped) is seen within 0.1 s of busy polling, at the latest at the 64th quiet poll.
        Cost: 0.1 us when quiet.
        """
        stamp = self._stamp[0]
        if stamp != self._seen:
            self._seen = stamp
            self._quiet = 0
            return True
        self._quiet += 1
        return self._quiet >= _LOOK_EVERY and self._poll_slowly()

    def _poll_slowly(self) -> bool:
        self._quiet = 0
        self._look()
        why = self.why
        if why == self._told and self._stamp[0] == self._seen:
            return False
        first, self._told, self._seen = self._told is None, why, self._stamp[0]
        return not (first and why == Why.NONE)

    # -------------------------------------------------------------------------------------------------------- looks

    @property
    def why(self) -> Why:
        """Why the book may not be called good; NONE if it may."""
        why = self._judge(self._rec, ffi.NULL, ffi.NULL, 0)
        if why in _GONE and self._look():
            why = self._judge(self._rec, ffi.NULL, ffi.NULL, 0)
        return why

    @property
    def valid(self) -> bool:
        """Whether the book may be called good, now."""
        return self.why == Why.NONE

    @property
    def seq(self) -> int:
        """The venue's last update id; 0 without a book."""
        if self._index < 0 or lib.aats_latest_read(self._view_ptr, self._index, self._rec, ffi.NULL, ffi.NULL, 0) != lib.AATS_OK:
            return 0
        return int(self._rec.seq)

    def copy(self) -> BookCopy:
        """Return both sides, validity and times of one moment.

        Notes
        -----
        A book that is not valid is shown as it was when it turned bad; look at ``valid``.
        """
        rec = ffi.new("aats_rec_t *")
        why, sides = self._copy(rec)
        if why in _GONE and self._look():
            why, sides = self._copy(rec)
        if self._index < 0:
            return BookCopy(self.symbol, why, Flag(0), 0, 0, 0, 0, 0, 0, sides[0], sides[1])
        return BookCopy(
            self.symbol, why, Flag(rec.flags), int(rec.seq), int(rec.exch_ns), int(rec.recv_ns), int(rec.pub_ns), self.px_exp, self.qty_exp,
            sides[0, : rec.bid_len], sides[1, : rec.ask_len],
        )  # fmt: skip

    def _copy(self, rec: Any) -> tuple[Why, npt.NDArray[np.int64]]:
        sides = np.empty((2, self._cap if self._index >= 0 else 0, 2), np.int64)
        bids, asks = (ffi.from_buffer("aats_level_t[]", side) for side in sides) if sides.size else (ffi.NULL, ffi.NULL)
        return self._judge(rec, bids, asks, sides.shape[1]), sides

    @property
    def bids(self) -> npt.NDArray[np.float64]:
        """Price, quantity; float64, shape (length, 2), best first; a fresh copy."""
        return self.copy().bids

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        """As `bids`."""
        return self.copy().asks

    @property
    def bids_i(self) -> npt.NDArray[np.int64]:
        """The scaled integers of `bids`; int64, shape (length, 2)."""
        return self.copy().bids_i

    @property
    def asks_i(self) -> npt.NDArray[np.int64]:
        """As `bids_i`."""
        return self.copy().asks_i

    @property
    def view(self) -> npt.NDArray[np.void]:
        """The latest-book slot itself: a structured array of shape (), read-only, no copy.

        Fields: stamp, exch_ns, recv_ns, pub_ns, seq, rec, flags, bid_len, ask_len, ..., and ``bids``, ``asks`` of shape (level_max,) with px_i
        and qty_i, of which the first bid_len and ask_len count.

        Notes
        -----
        Lifetime: the array holds the mapping, so it is safe after the feed has ended or restarted; it then shows the last bytes of the old segment for ever.
        Threads: the feed writes while you read.  What you took belongs together only if ``stamp`` was even and the same before and after; `copy` does this
        for you.

        Raises
        ------
        ShmError
            The feed does not have the symbol (yet).
        """
        if self._index < 0:
            raise ShmError(f"feed {self._feed.name!r} has no book of {self.symbol}")
        return self._segment.array(_slot_dtype(self._cap), self._offset()).reshape(())


# ------------------------------------------------------------------------------------------------------------ events


@dataclass(frozen=True)
class BookEvent:
    """One event of `Books.events`.

    Attributes
    ----------
    kind : str
        ``'quote', 'tick', 'bbo', 'l2', 'invalid', 'lap', 'feed_down', 'feed_up'``.
    symbol : str
        ``''`` where the event is of a feed.
    feed : str
    reason : str
        Of ``invalid`` and ``feed_down``.
    event : Event
        Everything else, exact: seq, times, flags, bids_i, asks_i, px_i, qty_i, missed ...; a copy.
    """

    kind: str
    symbol: str
    feed: str
    reason: str
    event: Any

    def levels(self, side: str) -> npt.NDArray[np.float64]:
        """Return ``'bids'`` or ``'asks'`` of a quote or bbo as float64, shape (length, 2)."""
        raw = np.array(getattr(self.event, f"{side}_i"), np.int64).reshape(-1, 2)
        return _floats(raw, self.event.px_exp, self.event.qty_exp)

    @property
    def bids(self) -> npt.NDArray[np.float64]:
        return self.levels("bids")

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        return self.levels("asks")


class Books:
    """The live books of some feeds.  Made by `attach`.

    Attributes
    ----------
    feeds : list of str
        Names of the feeds.
    """

    def __init__(self, feeds: list[_Feed], symbols: Iterable[str] | None) -> None:
        self._feeds = feeds
        self.feeds = [feed.name for feed in feeds]
        self._wanted = list(symbols) if symbols is not None else None
        for symbol in self._wanted or ():
            self._feed_of(symbol)

    def __repr__(self) -> str:
        return f"<Books of {', '.join(self.feeds)}: {', '.join(self.symbols)}>"

    @property
    def symbols(self) -> list[str]:
        """The symbols there are, as ``SYMBOL.EXCHANGE``."""
        if self._wanted is not None:
            return list(self._wanted)
        return list(dict.fromkeys(one.symbol for feed in self._feeds for one in shm.symbols(feed.segment)))

    def _feed_of(self, symbol: str) -> _Feed:
        for feed in self._feeds:
            if lib.aats_dir_find(feed.view, symbol.encode()) >= 0:
                return feed
        have = ", ".join(one.symbol for feed in self._feeds for one in shm.symbols(feed.segment))
        raise ConfigError(f"no feed of {', '.join(self.feeds)} has {symbol!r}; there are {have or 'no symbols yet'}")

    def book(self, symbol: str) -> Book:
        """Return the live book of ``SYMBOL.EXCHANGE``.

        Raises
        ------
        ConfigError
            No feed has it; the text lists what there is.
        """
        return Book(self._feed_of(symbol), symbol)

    def events(self, *, idle_s: float | None = None, level_num: int | None = None) -> Iterator[BookEvent]:
        """Iterate over everything that happens, beginning with each valid book as it is.

        Parameters
        ----------
        idle_s : float, optional
            End after so long without an event; default: never.
        level_num : int, optional
            Levels a side at most; default: what each feed publishes.

        Notes
        -----
        What is promised is what a strategy gets: quotes of valid books only, one ``invalid`` when a book turns, ``lap`` when this iterator was too
        slow, then each book whole.
        Lifetime: each event is a copy.
        Cost: some microseconds an event; an idle iterator sleeps 50 us between looks.
        """
        symbols = self.symbols
        if not symbols:
            return
        follower = _Follower(self._feeds, symbols, level_num)
        quiet_at = time.monotonic()
        while True:
            event = follower.next()
            if event is not None:
                yield event
                quiet_at = time.monotonic()
                continue
            if idle_s is not None and time.monotonic() - quiet_at >= idle_s:
                return
            follower.remap()
            time.sleep(_NAP_S)


class _Follower:
    """A C reader over some feeds, for `Books.events`."""

    def __init__(self, feeds: list[_Feed], symbols: list[str], level_num: int | None) -> None:
        self._names = [feed.name for feed in feeds]
        self._modes = [feed.mode for feed in feeds]
        self._symbols = symbols
        self._memory = ffi.new("uint64_t[]", lib.aats_reader_footprint(len(symbols)) // 8 + 1)
        self._reader = lib.aats_reader_init(self._memory, len(symbols))
        self._held: list[tuple[int, Segment, Table]] = []
        self._next_look = 0.0
        infos = []
        for number, symbol in enumerate(symbols):
            at = next(index for index, feed in enumerate(feeds) if lib.aats_dir_find(feed.view, symbol.encode()) >= 0)
            level = min(level_num or lib.AATS_LEVEL_MAX, int(feeds[at].view.level_max))
            check(lib.aats_reader_add(self._reader, symbol.encode(), number, level, 7), f"{symbol} cannot be followed")
            check(lib.aats_reader_bind(self._reader, number, at), f"{symbol} cannot be followed")
            infos.append(types["SymbolInfo"](number, symbol, level))
        for at, feed in enumerate(feeds):
            self._held.append((feed.generation, feed.segment, feed.table))
            self._attach(at, feed.segment, feed.slot)
        self._loop = types["Loop"](int(ffi.cast("uintptr_t", self._reader)), infos, self._names, None, (self._memory, self._held))

    def _attach(self, at: int, segment: Segment, slot: Any) -> None:
        why = ffi.new("char[]", 400)
        if lib.aats_reader_attach(self._reader, at, segment._base, segment.size, slot, why, 400) != lib.AATS_OK:
            raise ShmError(f"feed {self._names[at]!r}: {ffi.string(why).decode()}")

    def next(self) -> BookEvent | None:
        event = self._loop.next()
        if event is None:
            return None
        reason = ffi.string(lib.aats_why_name(event.why)).decode()
        return BookEvent(KINDS[event.kind], self._symbols[event.cid] if event.cid >= 0 else "", self._names[event.feed], reason, event)

    def remap(self) -> None:
        """Map what is new of the feeds that are gone."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_S
        down = [
            at
            for at in range(len(self._names))
            if lib.aats_reader_down(self._reader, at) in (lib.AATS_WHY_FEED_DOWN, lib.AATS_WHY_REPLACED)
        ]
        if not down:
            return
        for entry, table in _running():
            if entry.name not in self._names or entry.segment is None:
                continue
            at = self._names.index(entry.name)
            if at in down and entry.mode == self._modes[at] and entry.generation != self._held[at][0]:
                try:
                    segment = shm.attach(entry.segment)
                    self._attach(at, segment, table.slot(entry.index))
                except AatsError:  # replaced again between the two looks
                    continue
                self._held[at] = (entry.generation, segment, table)


def attach(feed: str | None = None, symbols: Iterable[str] | None = None) -> Books:
    """Attach to the books of running feeds, read-only.

    Parameters
    ----------
    feed : str, optional
        Name of a feed; default: all that run.
    symbols : str or iterable of str, optional
        Only these, as ``SYMBOL.EXCHANGE``; default: all.

    Raises
    ------
    SegmentMissing
        No such feed runs in this namespace (``AATS_NS``); the text lists those that do.
    ConfigError
        A symbol is on none of them.
    """
    if isinstance(symbols, str):
        symbols = [symbols]
    running = _running()
    chosen = [(entry, table) for entry, table in running if feed is None or entry.name == feed]
    if not chosen:
        names = ", ".join(entry.name for entry, _ in running)
        what = f"no feed {feed!r} runs" if feed is not None else "no feed runs"
        hint = f"running: {names}" if names else "start one with `aats feed FILE.toml` or MarketService"
        raise SegmentMissing(f"{what} in namespace {shm.namespace()!r}; {hint}")
    return Books([_Feed(entry, table) for entry, table in chosen], symbols)
