"""Recorded captures as rows: three formats, gzip or plain, payloads byte for byte, every damage named by file and line.

    hftbacktest   text, a line is `<receive time> <JSON>`: a combined-stream frame, or a REST depth answer
    cryptofeed    JSON lines with `t` = connect, recv, http, ...; the payload is the text in `data`
    depthcharge   JSON lines: a head with `url`, then `rx_ns` and `frame`, whose value is the payload

Not for judging payloads: what is wrong inside them is counted by whoever reads them.  The venue of a row is that of its connection's address
(of its URL, for an answer); where there is none, the one that the caller names.  Memory: one line at a time.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from aats.errors import AatsError
from aats.tape import venues
from aats.tape.raw import RawStreams

__all__ = ["LINE_MAX", "Row", "TapeError", "read_rows"]

LINE_MAX = 64 << 20  # bytes of one line, decompressed

_NS_MAX = 2**63 - 1
_US_DIGITS, _NS_DIGITS = 16, 19  # of a receive time in hftbacktest files, by unit


class TapeError(AatsError):
    """A file cannot be read as a tape; the text names it and the line."""


class Row(NamedTuple):
    """One payload of a tape, or (`begins`) the place where a connection was opened.

    `snapshot` says that it is a REST depth answer, `symbol` whose (None: the file does not say).  `text` is None for a binary frame.
    `conn` is the connection as books are named by it; empty where the file does not say.
    """

    venue: str
    recv_ns: int
    text: bytes | None
    snapshot: bool
    symbol: str | None
    line: int
    conn: str = ""
    begins: bool = False


def read_rows(path: Path, venue: str | None, warn: Callable[[str], None]) -> Iterator[Row]:
    """Yield the rows of one file.

    Parameters
    ----------
    path : Path
    venue : str or None
        Of whatever has no address.
    warn : callable
        Gets one sentence for each connection whose address speaks against `venue`.

    Raises
    ------
    TapeError
        The file is missing, damaged, of another format, or of a venue that is not known.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise TapeError(f"{path}: it is empty")
    if first[1][:1].isdigit():
        yield from _hftbacktest(path, first, lines, venue)
    elif first[1].startswith((b'{"rx_ns"', b'{"source"')):
        yield from _depthcharge(path, first, lines, venue, warn)
    elif first[1].startswith(b"{"):
        yield from _Cryptofeed(path, venue, warn).rows(first, lines)
    else:
        raise TapeError(f"{path}: line {first[0]} is neither `<time> <JSON>` nor a JSON object: {_excerpt(first[1])}")


def _excerpt(line: bytes) -> str:
    return ascii(line[:40].decode("latin-1")) + ("..." if len(line) > 40 else "")


def _opened(path: Path) -> IO[bytes]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else open(path, "rb")  # type: ignore[return-value]


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the numbered lines that are not blank."""
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(LINE_MAX + 1):
                number += 1
                if len(line) > LINE_MAX:
                    raise TapeError(f"{path}: line {number} is longer than {LINE_MAX >> 20} MiB")
                line = line.strip()
                if line:
                    yield number, line
    except gzip.BadGzipFile as exc:
        raise TapeError(f"{path}: the gzip stream is damaged after line {number} ({exc})") from None
    except EOFError:
        raise TapeError(f"{path}: the gzip stream ends too early, after line {number}") from None
    except zlib.error as exc:
        raise TapeError(f"{path}: the gzip stream is damaged after line {number} ({exc})") from None
    except OSError as exc:
        raise TapeError(f"{path}: it cannot be read: {exc.strerror or exc}") from None


def _hftbacktest(path: Path, first: tuple[int, bytes], lines: Iterator[tuple[int, bytes]], venue: str | None) -> Iterator[Row]:
    if venue is None:
        raise TapeError(
            f"{path}: line {first[0]}: files of this form (`<time> <JSON>`) do not say where they were recorded; give --venue V; "
            f"known: {venues.known()}"
        )
    for number, line in _chain(first, lines):
        stamp, _, text = line.partition(b" ")
        if not stamp.isdigit() or len(stamp) not in (_US_DIGITS, _NS_DIGITS) or not text.startswith(b"{"):
            raise TapeError(f"{path}: line {number} is not `<time in us or ns> <JSON>`: {_excerpt(line)}")
        recv_ns = min(int(stamp) * (1000 if len(stamp) == _US_DIGITS else 1), _NS_MAX)
        # A REST answer stands among the frames; frames of a combined stream begin with their stream.
        yield Row(venue, recv_ns, text, text.startswith(b'{"lastUpdateId"'), None, number)


_DEPTHCHARGE = re.compile(rb'\{"rx_ns":\s*(\d{1,19}),\s*"frame":\s*(\{.*\})\s*\}\Z', re.DOTALL)


def _depthcharge(
    path: Path, first: tuple[int, bytes], lines: Iterator[tuple[int, bytes]], venue: str | None, warn: Callable[[str], None]
) -> Iterator[Row]:
    reader = _Cryptofeed(path, venue, warn)
    for number, line in _chain(first, lines):
        found = _DEPTHCHARGE.match(line)
        if found is not None:
            row_venue = reader.venue_of_conn("", number)
            yield Row(row_venue, min(int(found[1]), _NS_MAX), found[2], False, None, number)
            continue
        try:
            head = orjson.loads(line)
            yield reader.connect({"conn": "", "addr": head["url"]}, number)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise TapeError(f"{path}: line {number} is not a line of a depthcharge capture: {_excerpt(line)}") from None


def _chain(first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


class _Cryptofeed:
    """The rows of one cryptofeed file; it remembers which venue each connection went to."""

    def __init__(self, path: Path, venue: str | None, warn: Callable[[str], None]) -> None:
        self.path = path
        self.given = venue
        self.warn = warn
        self.conns: dict[str, str] = {}
        self.raw: dict[str, RawStreams] = {}  # of connections of Binance
        self.native = False  # recorded in this format, not converted to it: connections have numbers

    def rows(self, first: tuple[int, bytes], lines: Iterator[tuple[int, bytes]]) -> Iterator[Row]:
        for number, line in _chain(first, lines):
            try:
                row = orjson.loads(line)
                kind = row["t"]
                if kind == "recv":
                    yield self._frame(row, number)
                elif kind == "connect":
                    yield self.connect(row, number)
                elif kind == "http":
                    found = self._answer(row, number)
                    if found is not None:
                        yield found
                elif kind == "send":
                    if row["conn"] in self.raw and isinstance(row.get("data"), str):
                        self.raw[row["conn"]].sent(row["data"])
                elif kind == "header":
                    self.native = True
                elif not isinstance(kind, str):
                    raise TypeError(kind)
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, OverflowError, AttributeError):
                raise TapeError(f"{self.path}: line {number} is not a line of a cryptofeed capture: {_excerpt(line)}") from None

    def _frame(self, row: dict[str, Any], number: int) -> Row:
        conn = row["conn"]
        data = row.get("data")
        raw = self.raw.get(conn)
        if raw is not None and data is not None:
            data = raw.frame(data.encode()).decode()
        return Row(
            self.venue_of_conn(conn, number),
            _ns(row["ts"]),
            None if data is None else data.encode(),
            False,
            None,
            number,
            self._named(conn),
        )

    def venue_of_conn(self, conn: str, number: int) -> str:
        """Return the venue of a connection; one that has told no address is the given one's."""
        venue = self.conns.get(conn)
        if venue is None:
            venue = self.conns[conn] = self._unaddressed(number, f"connection {conn} has no address" if conn else "it has no address")
        return venue

    def connect(self, row: dict[str, Any], number: int) -> Row:
        """Take a row that says where a connection goes."""
        conn = row["conn"]
        venue, host = self._addressed(row.get("addr", ""), number, f"connection {conn}")
        if self.given is not None and venue != self.given and self.conns.get(conn) != venue:
            if venues.VENUES[venue].address is venues.VENUES[self.given].address:
                venue = self.given
            else:
                self.warn(f"{self.path}: line {number}: connection {conn} is of {host}, so its venue is {venue}, not {self.given}")
        self.conns[conn] = venue
        if venue.startswith("BINANCE"):
            self.raw[conn] = RawStreams(row.get("addr", ""), alike=venue in ("BINANCE_SWAP", "BINANCE_COINM"))
        return Row(venue, 0, b"", False, None, number, self._named(conn), True)

    def _named(self, conn: str) -> str:
        return conn.rpartition(".ws.")[2] if self.native else conn

    def _answer(self, row: dict[str, Any], number: int) -> Row | None:
        url = row["url"]
        if not isinstance(url, str):
            raise TypeError(url)
        venue, _ = venues.venue_of(url)
        if venue is None and "depth" not in url.partition("?")[0]:
            return None
        venue, _ = self._addressed(url, number, "an answer")
        symbol = venues.snapshot_symbol(venue, url)
        return None if symbol is None else Row(venue, _ns(row["ts"]), row["data"].encode(), True, symbol, number)

    def _addressed(self, address: object, number: int, what: str) -> tuple[str, str]:
        if not isinstance(address, str):
            raise TypeError(address)
        venue, host = venues.venue_of(address)
        if venue is None:
            other = venues.why_not(address)
            if other is not None:
                raise TapeError(f"{self.path}: line {number}: {what} is of {host}, a protocol that is not read: {other}")
            raise TapeError(f"{self.path}: line {number}: {what} is of {host}, which is none of the known venues: {venues.known()}")
        return venue or self._unaddressed(number, f"{what} is of {host}, which names no venue" if host else f"{what} has no address"), host

    def _unaddressed(self, number: int, why: str) -> str:
        if self.given is None:
            raise TapeError(f"{self.path}: line {number}: {why}; give --venue V; known: {venues.known()}")
        return self.given


def _ns(seconds: float) -> int:
    ns = round(seconds * 1e6) * 1000  # the recorder's stamps have microseconds
    if not 0 <= ns <= _NS_MAX:
        raise ValueError(seconds)
    return ns
