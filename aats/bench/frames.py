"""Frames files: what servers, parsers and peers are fed with, the same bytes for all.

For: ``aats bench --frames``, peers/, tests/bench/*.c (traffic.h reads the same).  A record is a head of 8 bytes (u32 length, u8 kind, u16 symbol by first
appearance behind it, u8 0; little endian) and its bytes; kind 0 is a WebSocket text, 1 the body of a REST snapshot, 2 binary.

    python -m aats.bench.frames --out FILE [--limit N] TAPE...       a recorded Binance tape as a frames file
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from aats.tape.read import read_rows

__all__ = ["BINARY", "SNAPSHOT", "TEXT", "Frame", "from_tape", "main", "read", "write"]

TEXT, SNAPSHOT, BINARY = 0, 1, 2
_HEAD = struct.Struct("<IBHx")


class Frame(NamedTuple):
    """One record."""

    kind: int
    symbol: int
    data: bytes


def read(path: Path) -> Iterator[Frame]:
    """Yield the records of a file; `ValueError` for one that ends inside a record."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ValueError(f"{path}: ends inside a head at {at}")
        size, kind, symbol = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + size > len(data):
            raise ValueError(f"{path}: ends inside a record of {size} bytes at {at}")
        yield Frame(kind, symbol, data[at : at + size])
        at += size


def write(path: Path, frames: Iterable[Frame]) -> int:
    """Write a file; return how many records."""
    count = 0
    with path.open("wb") as out:
        for one in frames:
            out.write(_HEAD.pack(len(one.data), one.kind, one.symbol) + one.data)
            count += 1
    return count


def from_tape(tapes: Iterable[Path], limit: int | None = None) -> Iterator[Frame]:
    """Yield a recorded Binance tape as frames: of each symbol its first snapshot, then its texts, without depth messages that the snapshot contains.

    A snapshot whose symbol the tape does not say is of the symbol that was heard last.  One snapshot carries a book as far as the price stays among its
    levels; rows that follow it farther say so, and `limit` is what keeps a long tape within it.
    """
    numbers: dict[str, int] = {}
    waiting: dict[str, list[bytes]] = {}  # texts before the snapshot of their symbol
    held: dict[str, int] = {}  # the last update id of each snapshot
    last = ""
    out: list[Frame] = []
    count = 0
    for tape in tapes:
        for row in read_rows(tape, "BINANCE", lambda sentence: print(sentence, file=sys.stderr)):
            if row.text is None or row.begins or row.venue != "BINANCE":
                continue
            body = orjson.loads(row.text)
            if row.snapshot:
                name = (row.symbol or last).lower()
                if not name or name in held:
                    continue
                held[name] = int(body["lastUpdateId"])
                number = numbers.setdefault(name, len(numbers))
                texts = [text for text in waiting.pop(name, []) if _newer(orjson.loads(text), held[name])]
                out = [Frame(SNAPSHOT, number, row.text), *(Frame(TEXT, number, text) for text in texts)]
            else:
                last = name = str(body.get("stream", "")).partition("@")[0]
                if name and name not in held:
                    waiting.setdefault(name, []).append(row.text)
                elif name and _newer(body, held[name]):
                    out = [Frame(TEXT, numbers[name], row.text)]
            for one in out:
                yield one
                count += 1
                if count == limit:
                    return
            out = []


def _newer(body: dict[str, Any], last_id: int) -> bool:
    """Return whether a message is no depth message, or one that the snapshot does not contain."""
    return body["data"].get("e") != "depthUpdate" or int(body["data"]["u"]) > last_id


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m aats.bench.frames", description="Turn a recorded Binance tape into a frames file.")
    parser.add_argument("tapes", metavar="TAPE", type=Path, nargs="+", help="parts of one tape, in order")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True)
    parser.add_argument("--limit", metavar="N", type=int, help="records at most")
    args = parser.parse_args(argv)
    print(f"{write(args.out, from_tape(args.tapes, args.limit))} records in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
