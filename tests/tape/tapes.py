"""Tapes for tests: the recorded ones, read once into memory, and small ones written by hand.

For: tests/tape.  `Events` are what a tape holds in its order; a test damages the list and runs it again.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from aats.tape.read import read_rows
from aats.tape.replay import Replay

GOLDEN = "_golden/golden_books.json.gz"

#: Tapes by their key in the golden file.
HFT = "binance-spot/hftbacktest/btcusdt_20240808.gz+binance-spot/hftbacktest/btcusdt_20240809.gz"
SPOT = tuple(f"binance-spot/cryptofeed/binance_spot_{day}.jsonl.gz" for day in ("2021-04-05", "2021-08-14", "2021-10-12"))
US = tuple(f"binance-us/cryptofeed/binance_us_{day}.jsonl.gz" for day in ("2021-04-05", "2021-10-12"))
ALL = (HFT, *SPOT, *US)

SHORT = (SPOT[2], US[1])
LONG = (HFT, SPOT[0], SPOT[1], US[0])


class Event(NamedTuple):
    """One payload; `last` is u of a diff, lastUpdateId of a snapshot, 0 of anything else."""

    payload: bytes
    symbol: str
    diff: bool
    snapshot: bool
    last: int


@functools.cache
def golden(data: Path) -> dict[str, dict[str, Any]]:
    """Return the golden file: tape -> instrument -> values."""
    with gzip.open(data / GOLDEN) as file:
        return json.load(file)  # type: ignore[no-any-return]


@functools.cache
def events(data: Path, tape: str) -> tuple[Event, ...]:
    """Return a recorded tape."""
    found = []
    for part in tape.split("+"):
        for row in read_rows(data / part, "BINANCE", lambda _: None):
            assert row.text is not None
            found.append(_event(row.text, row.snapshot, row.symbol))
    symbols = {event.symbol for event in found if event.diff}
    if len(symbols) == 1:
        found = [event if event.symbol else event._replace(symbol=min(symbols)) for event in found]
    return tuple(found)


@functools.cache
def book_events(data: Path, tape: str) -> tuple[Event, ...]:
    """Return the diffs and snapshots of a recorded tape."""
    return tuple(event for event in events(data, tape) if event.diff or event.snapshot)


def _event(payload: bytes, snapshot: bool, symbol: str | None) -> Event:
    message = orjson.loads(payload)
    if snapshot:
        return Event(payload, symbol or "", False, True, message["lastUpdateId"])
    data = message.get("data", {})
    diff = data.get("e") == "depthUpdate"
    return Event(payload, data.get("s", ""), diff, False, data["u"] if diff else 0)


def run(tape: Iterable[Event]) -> Replay:
    """Run a tape through the C replayer."""
    replay = Replay("BINANCE")
    for event in tape:
        assert replay.snapshot(event.symbol, event.payload) if event.snapshot else replay.frame(event.payload)
    return replay


def write_hft(path: Path, frames: Sequence[bytes]) -> Path:
    """Write frames as an hftbacktest capture, a millisecond apart."""
    start = 1_700_000_000_000_000_000
    path.write_bytes(gzip.compress(b"".join(b"%d %s\n" % (start + i * 1_000_000, frame) for i, frame in enumerate(frames))))
    return path


def write_cryptofeed(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as a cryptofeed capture; `ts` and `conn` are filled in."""
    lines = [orjson.dumps({"ts": 1_700_000_000.0 + i, "conn": "X.ws.1.0", **row}) for i, row in enumerate(rows)]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    return path


def diff(symbol: str, first: int, last: int, bids: str = '["9.50","1.00"]', asks: str = "") -> bytes:
    """Return a depth frame."""
    return (
        f'{{"stream":"{symbol.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":1700000000000,"s":"{symbol}",'
        f'"U":{first},"u":{last},"b":[{bids}],"a":[{asks}]}}}}'
    ).encode()


def trade(symbol: str, trade_id: int, px: str = "10", qty: str = "1") -> bytes:
    """Return a trade frame."""
    return (
        f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":1700000000000,"s":"{symbol}","t":{trade_id},'
        f'"p":"{px}","q":"{qty}","T":1700000000000,"m":false,"M":true}}}}'
    ).encode()


def snapshot(last: int) -> bytes:
    """Return a depth answer."""
    return f'{{"lastUpdateId":{last},"bids":[["10.00","1.00"]],"asks":[["11.00","2.00"]]}}'.encode()
