"""Reading recorded Binance Spot captures into one tape: two formats, every refusal with its reason.

    hftbacktest   gzip text, a line is `<receive time> <JSON>`: a combined-stream frame, or a REST depth answer
    cryptofeed    gzip JSON lines with `t` = connect, config, recv, http, ...; the payload is the text in `data`

Files given together are the parts of one tape, in that order.  What is read: depth@100ms, bookTicker, trade and
aggTrade frames (others, such as kline, are passed over and counted), the first depth snapshot of each symbol,
exchangeInfo if it was recorded.  Payload texts are kept byte for byte.  Frames that a symbol's snapshot contains
(u <= lastUpdateId) are left out.  A symbol without a snapshot starts at its first depth frame after which both sides
have a level: its book then holds only what the frames told, and `notes` says so.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from aats.errors import ConfigError
from aats.sim.generator import QUOTES
from aats.sim.market import AGG_TRADE, BOOK_TICKER, DEPTH, KINDS, TRADE, Level, Symbol, TextBook, px_rank

PAUSE_MAX_NS = 60_000_000_000  # between the parts of one tape
RULE = "a tape is a Binance Spot capture in hftbacktest (.gz) or cryptofeed (.jsonl.gz) form"

_COMBINED = re.compile(rb'\{"stream":"([^"@]+)@([^"]+)","data":(\{.*\})\}\Z', re.DOTALL)
_HFT_LINE = re.compile(rb"(\d{16,19}) (\{.*\})\s*\Z", re.DOTALL)
_SPOT_HOST = re.compile(r"(?:[a-z0-9\-]+\.)*binance\.com\Z")


class TapeFrame(NamedTuple):
    """One recorded frame; `first`, `last`: U, u of depth; u of bookTicker; t of trade; f, l of aggTrade (`own`: a)."""

    t_ns: int
    symbol: str
    kind: str
    payload: bytes
    first: int
    last: int
    own: int = 0


@dataclass
class Tape:
    """A recorded market: its instruments, each book at its start (with the id of that moment), the frames after it."""

    symbols: dict[str, Symbol]
    books: dict[str, TextBook]
    start_ids: dict[str, int]
    frames: list[TapeFrame]
    passed_over: int = 0
    notes: list[str] = field(default_factory=list)


def refuse(path: Path | str, found: str) -> ConfigError:
    """Return the error that names a file, the rule and what was found."""
    return ConfigError(f"tape {path}: {RULE}; {found}")


def read_tape(paths: Sequence[str | Path]) -> Tape:
    """Read the parts of one tape.

    Raises
    ------
    ConfigError
        A file is missing, of another format or venue, damaged, or does not follow the part before it.
    """
    if not paths:
        raise ConfigError(f"no tape file given: {RULE}")
    raw = _Raw()
    for path in map(Path, paths):
        _read_file(path, raw)
    return _assemble(raw)


@dataclass
class _Raw:
    """What is collected line by line before books are known."""

    frames: list[TapeFrame] = field(default_factory=list)
    snapshots: dict[str, tuple[int, list[Level], list[Level]]] = field(default_factory=dict)
    infos: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    assets: dict[str, tuple[str, str]] = field(default_factory=dict)
    format: str = ""
    end_ns: int = 0
    passed_over: int = 0

    def frame(self, path: Path, number: int, t_ns: int, text: bytes) -> None:
        """Take one combined-stream frame."""
        m = _COMBINED.match(text)
        if m is None:
            if text.startswith((b'{"result":', b'{"id":', b'{"error":', b'{"code":')):
                return
            raise refuse(path, f"line {number} is no combined-stream frame: {text[:60]!r}")
        kind = m[2].decode()
        try:
            data = orjson.loads(m[3])
        except orjson.JSONDecodeError as error:
            raise refuse(path, f"line {number} is not JSON: {error}") from None
        if kind not in KINDS:
            if kind.startswith("depth@") and "pu" in data:
                raise refuse(path, f"line {number} is a futures frame (stream {kind}, key pu)")
            self.passed_over += 1
            return
        if "pu" in data or "ps" in data or (kind == BOOK_TICKER and "T" in data):
            raise refuse(path, f"line {number} is a futures frame")
        try:
            name = data["s"]
            if kind == DEPTH:
                frame = TapeFrame(t_ns, name, kind, m[3], data["U"], data["u"])
            elif kind == BOOK_TICKER:
                frame = TapeFrame(t_ns, name, kind, m[3], data["u"], data["u"])
            elif kind == TRADE:
                frame = TapeFrame(t_ns, name, kind, m[3], data["t"], data["t"])
            else:
                frame = TapeFrame(t_ns, name, kind, m[3], data["f"], data["l"], data["a"])
        except KeyError as key:
            raise refuse(path, f"line {number} is a {kind} frame without key {key}") from None
        self.frames.append(frame)

    def snapshot(self, path: Path, number: int, symbol: str, data: Mapping[str, Any]) -> None:
        """Take a REST depth answer; only the first of a symbol matters."""
        if "E" in data or "pair" in data:
            raise refuse(path, f"line {number} is a futures snapshot (key E)")
        if symbol not in self.snapshots:
            bids = [(px, qty) for px, qty, *_ in data["bids"]]
            asks = [(px, qty) for px, qty, *_ in data["asks"]]
            self.snapshots[symbol] = (data["lastUpdateId"], bids, asks)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield numbered lines of a gzip file, every trouble with it a refusal."""
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except gzip.BadGzipFile:
        raise refuse(path, "it is not gzip") from None
    except (EOFError, zlib.error):
        raise refuse(path, f"the gzip stream ends or breaks after line {number}") from None
    except OSError as error:
        raise refuse(path, f"it cannot be read: {error.strerror or error}") from None


def _read_file(path: Path, raw: _Raw) -> None:
    before = len(raw.frames)
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise refuse(path, "it is empty")
    form = "hftbacktest" if _HFT_LINE.match(first[1]) else "cryptofeed"
    if raw.format and form != raw.format:
        raise refuse(path, f"it is in {form} form while the part before it is in {raw.format} form")
    raw.format = form
    read = _read_hft if form == "hftbacktest" else _read_cryptofeed
    try:
        read(path, raw, _chain(first, lines))
    except (KeyError, TypeError, ValueError) as error:
        raise refuse(path, f"a line has not the shape it should have: {error!r}") from None
    if len(raw.frames) == before:
        raise refuse(path, f"it holds no {', '.join(KINDS)} frame")
    begin_ns = raw.frames[before].t_ns
    if before and not 0 <= begin_ns - raw.end_ns <= PAUSE_MAX_NS:
        gap = (begin_ns - raw.end_ns) / 1e9
        raise refuse(
            path,
            f"it does not follow the part before it: {gap:+.1f} s between them, allowed 0 to {PAUSE_MAX_NS // 10**9}",
        )
    raw.end_ns = raw.frames[-1].t_ns


def _chain(first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def _read_hft(path: Path, raw: _Raw, lines: Iterable[tuple[int, bytes]]) -> None:
    unnamed: list[tuple[int, bytes]] = []
    for number, line in lines:
        m = _HFT_LINE.match(line)
        if m is None:
            raise refuse(path, f"line {number} is not `<time> <JSON>`: {line[:60]!r}")
        t_ns = int(m[1]) * (1000 if len(m[1]) == 16 else 1)
        if m[2].startswith(b'{"lastUpdateId"'):
            unnamed.append((number, m[2]))
        else:
            raw.frame(path, number, t_ns, m[2])
    if unnamed:  # the format does not say whose snapshot it is: there may be one symbol only
        names = {frame.symbol for frame in raw.frames}
        if len(names) != 1:
            raise refuse(path, f"line {unnamed[0][0]} is a snapshot without a symbol among {len(names)} symbols")
        raw.snapshot(path, unnamed[0][0], names.pop(), orjson.loads(unnamed[0][1]))


def _read_cryptofeed(path: Path, raw: _Raw, lines: Iterable[tuple[int, bytes]]) -> None:
    for number, line in lines:
        try:
            row = orjson.loads(line)
            what = row["t"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise refuse(path, f"line {number} has neither form: {line[:60]!r}") from None
        if what == "connect":
            host = urlsplit(row["addr"]).hostname or ""
            if not _SPOT_HOST.match(host) or host.startswith(("fstream", "dstream")):
                raise refuse(path, f"it was recorded from {host}")
        elif what == "config":
            for pairs in row["config"].values():
                for pair in pairs if isinstance(pairs, list) else []:
                    base, dash, quote = str(pair).partition("-")
                    if dash:
                        raw.assets[base + quote] = (base, quote)
        elif what == "recv":
            if "data" not in row:
                raise refuse(path, f"line {number} is a binary frame")
            raw.frame(path, number, round(row["ts"] * 1e6) * 1000, row["data"].encode())
        elif what == "http":
            url = urlsplit(row["url"])
            if not _SPOT_HOST.match(url.hostname or "") or url.path.startswith(("/fapi", "/dapi")):
                raise refuse(path, f"line {number} was recorded from {url.hostname}{url.path}")
            if url.path.endswith("/depth"):
                raw.snapshot(path, number, parse_qs(url.query)["symbol"][0], orjson.loads(row["data"]))
            elif url.path.endswith("/exchangeInfo"):
                raw.infos.update((info["symbol"], info) for info in orjson.loads(row["data"])["symbols"])


def _assemble(raw: _Raw) -> Tape:
    tape = Tape({}, {}, {}, [], raw.passed_over)
    by_symbol: dict[str, list[TapeFrame]] = {}
    for frame in raw.frames:
        by_symbol.setdefault(frame.symbol, []).append(frame)
    for name, frames in by_symbol.items():
        if name in raw.snapshots:
            start_id, bids, asks = raw.snapshots[name]
            tape.books[name], tape.start_ids[name] = TextBook(bids, asks), start_id
        elif not _start_from_frames(tape, name, frames):
            tape.notes.append(f"{name}: no snapshot and no two-sided book in the tape; left out")
            continue
        tape.symbols[name] = _symbol(name, raw, tape.books[name], frames)
    if not tape.symbols:
        raise ConfigError(f"this tape has no symbol with a book: {'; '.join(tape.notes)}")
    for frame in raw.frames:
        if frame.symbol in tape.symbols and (frame.kind in (TRADE, AGG_TRADE) or frame.last > tape.start_ids[frame.symbol]):
            tape.frames.append(frame)
    return tape


def _start_from_frames(tape: Tape, name: str, frames: Iterable[TapeFrame]) -> bool:
    """Begin a book that has no snapshot: with the first frame that leaves a level on both sides."""
    book = TextBook()
    for frame in frames:
        if frame.kind != DEPTH:
            continue
        data = orjson.loads(frame.payload)
        book.apply(data["b"], data["a"])
        if book.bids and book.asks:
            tape.books[name], tape.start_ids[name] = book, frame.last
            tape.notes.append(f"{name}: no snapshot in the tape; its book begins at update {frame.last} with what the frames told")
            return True
    return False


def _symbol(name: str, raw: _Raw, book: TextBook, frames: Iterable[TapeFrame]) -> Symbol:
    """Describe an instrument: as recorded, else by the grid that its prices and quantities lie on."""
    info = raw.infos.get(name)
    if info is not None:
        filters = {f["filterType"]: f for f in info["filters"]}
        tick, lot = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
        return Symbol(name, info["baseAsset"], info["quoteAsset"], tick, lot, info)
    levels = [*book.bids.values(), *book.asks.values()]
    for frame in frames:
        if frame.kind == DEPTH:
            data = orjson.loads(frame.payload)
            levels += data["b"] + data["a"]
    base, quote = raw.assets.get(name) or _split(name)
    return Symbol(name, base, quote, _grid(level[0] for level in levels), _grid(level[1] for level in levels))


def _split(name: str) -> tuple[str, str]:
    quote = next((q for q in QUOTES if name.endswith(q) and len(name) > len(q)), name[-3:])
    return name[: -len(quote)], quote


def _grid(texts: Iterable[str]) -> str:
    """Return the coarsest power of ten, at most 1, on whose multiples 99 of 100 values lie, as text with 8 decimals.

    Not all: recorded books hold levels from times when the venue's grid was finer.
    """
    values = {px_rank(text) for text in texts}
    step = 10**12
    while step > 10**4 and sum(1 for value in values if value % step) * 100 > len(values):
        step //= 10
    return f"{step // 10**12}.{step % 10**12 // 10**4:08d}"
