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

#: Tapes by their key in the golden file; behind the first two, those with their own addresses.
HFT = "binance-spot/hftbacktest/btcusdt_20240808.gz+binance-spot/hftbacktest/btcusdt_20240809.gz"
SPOT = tuple(f"binance-spot/cryptofeed/binance_spot_{day}.jsonl.gz" for day in ("2021-04-05", "2021-08-14", "2021-10-12"))
US = tuple(f"binance-us/cryptofeed/binance_us_{day}.jsonl.gz" for day in ("2021-04-05", "2021-10-12"))
USDM_HFT = (
    "binance-usdm/hftbacktest/btcusdt_20240808.gz",
    "binance-usdm/hftbacktest/btcusdt_20240718.gz+binance-usdm/hftbacktest/btcusdt_20240719.gz",
    "binance-usdm/hftbacktest/ethusdt_20240718.gz+binance-usdm/hftbacktest/ethusdt_20240719.gz",
)
COINM_HFT = "binance-coinm/hftbacktest/btcusd_perp_20240808.gz+binance-coinm/hftbacktest/btcusd_perp_20240809.gz"
USDM = tuple(f"binance-usdm/cryptofeed/binance_usdm_{day}.jsonl.gz" for day in ("2021-04-05", "2021-07-22"))
COINM = "binance-coinm/cryptofeed/binance_coinm_2021-07-22.jsonl.gz"
OKX = "okx/cryptofeed/okx_v5_2022-02-27.jsonl.gz"
BYBIT = ("bybit/cryptofeed/bybit_v5_2025-08-16.jsonl.gz", "bybit/cryptofeed/bybit_v5_2026-08-09_a.jsonl.gz")
COINBASE = "coinbase/cryptofeed/coinbase_advanced_2026-08-09_first60pct.jsonl.gz"
KRAKEN = "kraken/depthcharge/kraken_v2_btcusd_d10_20260816_head.ndjson"
GATE = ("gate/cryptofeed/gate_v4_2021-04-22_a.jsonl.gz", "gate/cryptofeed/gate_futures_v4_2023-05-24_a.jsonl.gz")
KUCOIN = "kucoin/cryptofeed/kucoin_2021-04-25_a.jsonl.gz"
DERIBIT = tuple(f"deribit/cryptofeed/deribit_{day}.jsonl.gz" for day in ("2021-04-17", "2021-07-22"))

#: What --venue says of the tapes that name no address.
VENUE_OF = {HFT: "BINANCE", **dict.fromkeys(USDM_HFT, "BINANCE_SWAP"), COINM_HFT: "BINANCE_COINM"}
ALL = (*VENUE_OF, *SPOT, *US, *USDM, COINM, OKX, *BYBIT, COINBASE, KRAKEN, *GATE, KUCOIN, *DERIBIT)
#: Tapes of the golden file in protocols that are no longer spoken, or of venues that are not built in.
NOT_OURS = (
    "bitfinex/",
    "bitget/",
    "bitmex/",
    "bitstamp/",
    "coinbase/cryptofeed/coinbase_exchange",
    "gate/cryptofeed/gate_v3",
    "gemini/",
    "kraken/cryptofeed/kraken_futures",
    "kraken/cryptofeed/kraken_v1",
    "okcoin/",
)

SHORT = (SPOT[2], US[1])
#: Tapes of Binance's spot rule.
SPANS = (HFT, *SPOT, *US)
LONG = (HFT, SPOT[0], SPOT[1], US[0])


def venues(tape: str) -> list[str]:
    """Return what --venue is given for a tape."""
    return [VENUE_OF[tape]] if tape in VENUE_OF else []


def ident(tape: str) -> str:
    """Return a tape's short name, for test ids."""
    return tape.split("+")[0].rpartition("/")[2].partition(".")[0]


class Event(NamedTuple):
    """One payload; `last` is u of a diff, lastUpdateId of a snapshot, 0 of anything else."""

    payload: bytes
    symbol: str
    diff: bool
    snapshot: bool
    last: int
    venue: str = "BINANCE"


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
        for row in read_rows(data / part, VENUE_OF.get(tape), lambda _: None):
            assert row.text is not None
            if not row.begins:
                found.append(_event(row.text, row.snapshot, row.symbol)._replace(venue=row.venue))
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
    """Run a tape of one of Binance's venues through the C replayer."""
    replay = None
    for event in tape:
        replay = replay or Replay(event.venue)
        assert replay.snapshot(event.symbol, event.payload) if event.snapshot else replay.frame(event.payload)
    assert replay is not None
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
