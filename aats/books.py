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
from aats._ffi import check, ffi, lib
from aats.books_events import BookEvent, Follower
from aats.books_map import FeedMap, running
from aats.errors import ConfigError, SegmentMissing, ShmError
from aats.layout import REC, Flag, Kind, Why, rec_dtype, to_floats

__all__ = ["Book", "BookCopy", "BookEvent", "Books", "attach"]

_LOOK_EVERY = 64  # quiet polls between two looks at the clock
_NAP_S = 50e-6


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
    exch_ns, recv_ns, parsed_ns, pub_ns : int
        Venue's time, arrival, message read, publication; ns since the epoch.

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
    parsed_ns: int
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
        return to_floats(self.bids_i, self.px_exp, self.qty_exp)

    @property
    def asks(self) -> npt.NDArray[np.float64]:
        """As `bids`."""
        return to_floats(self.asks_i, self.px_exp, self.qty_exp)


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

    def __init__(self, feed: FeedMap, symbol: str) -> None:
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
        if why != Why.NONE and self._look():  # whatever is wrong with this generation, there may be another
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
        if why != Why.NONE and self._look():
            why, sides = self._copy(rec)
        if self._index < 0:
            return BookCopy(self.symbol, why, Flag(0), 0, 0, 0, 0, 0, 0, 0, sides[0], sides[1])
        return BookCopy(
            self.symbol, why, Flag(rec.flags), int(rec.seq), int(rec.exch_ns), int(rec.recv_ns), int(rec.parsed_ns), int(rec.pub_ns),
            self.px_exp, self.qty_exp, sides[0, : rec.bid_len], sides[1, : rec.ask_len],
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


class Books:
    """The live books of some feeds.  Made by `attach`.

    Attributes
    ----------
    feeds : list of str
        Names of the feeds.
    """

    def __init__(self, feeds: list[FeedMap], symbols: Iterable[str] | None) -> None:
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

    def _feed_of(self, symbol: str) -> FeedMap:
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
        follower = Follower(self._feeds, symbols, level_num)
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
    LayoutMismatch
        None runs with this build's layout, but one with another does.
    ConfigError
        A symbol is on none of them.
    """
    if isinstance(symbols, str):
        symbols = [symbols]
    there = running()
    chosen = [(entry, table) for entry, table in there if feed is None or entry.name == feed]
    if not chosen:
        shm.complain_of_foreign(Kind.MD, label=feed, ns=shm.namespace())
        names = ", ".join(entry.name for entry, _ in there)
        what = f"no feed {feed!r} runs" if feed is not None else "no feed runs"
        hint = f"running: {names}" if names else "start one with `aats feed FILE.toml` or MarketService"
        raise SegmentMissing(f"{what} in namespace {shm.namespace()!r}; {hint}")
    return Books([FeedMap(entry, table) for entry, table in chosen], symbols)
