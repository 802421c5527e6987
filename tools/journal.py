"""Print the records of a journal as they lie in the file: integers unscaled, fields by their names in the C structs.

For: whoever works on the format.  Everybody else: ``aats journal show FILE``.

    python -m tools.journal FILE [--json]      each record, a line
    python -m tools.journal FILE --left        only the orders whose Closed was not delivered

Status 0, or 1 where the file ends with bytes that cannot be believed (their number is printed).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aats import journal
from aats.journal import JournalKind, Record

ORDER = ("symbol", "side", "tif", "state", "px_i", "qty_i", "cum_qty_i", "remote_id", "msg")
EVENT = ("kind", "code", "fill_px_i", "fill_qty_i", "trade_id")


HOLDING = ("strategy", "symbol", "base_exp", "cash_exp", "size", "cash", "cost", "fills")
PAID = ("strategy", "asset", "amount", "fee_exp")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    plain = value.item()
    return (plain[1] << 64) + plain[0] if isinstance(plain, tuple) else plain  # aats_i128_t


def describe(record: Record) -> dict[str, Any]:
    """Return what a record says, as plain values."""
    names = {int(kind): kind.name for kind in JournalKind}
    found: dict[str, Any] = {"number": record.number, "kind": names.get(record.kind, record.kind), "ns": record.ns}
    if record.kind == JournalKind.START:
        return found | {"instance": f"{record.instance:016x}", "text": record.text}
    if record.order_id != 0:
        found["order_id"] = record.order_id
    data = record.data
    if data is None:
        return found | ({"payload": record.payload.hex()} if record.payload else {})
    if record.kind == JournalKind.EVENT:
        found |= {f"event_{name}" if name in ("kind", "code") else name: _plain(data[name]) for name in EVENT}
        data = data["order"]
    fields = {JournalKind.HOLD: HOLDING, JournalKind.FEE: PAID}.get(JournalKind(record.kind), ORDER)
    return found | {name: _plain(data[name]) for name in fields}


def _rows(raw: bytes, tail: list[int]) -> Iterator[dict[str, Any]]:
    for record in journal.records(raw, tail):
        yield describe(record)


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.journal", description="Print a journal of orders.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--left", action="store_true", help="only orders whose Closed was not delivered")
    options = parser.parse_args(argv)
    tail: list[int] = []
    try:
        raw = options.file.read_bytes()
    except OSError as exc:
        print(f"{options.file} cannot be read: {exc.strerror}", file=sys.stderr)
        return 2
    rows = list(_rows(raw, tail))
    if options.left:
        told = {row["order_id"] for row in rows if row["kind"] == "TOLD"}
        sent = {row["order_id"] for row in rows if row["kind"] == "INTENT"}
        newest = {row["order_id"]: row for row in rows if row.get("order_id") in sent - told}
        rows = list(newest.values())
    for row in rows:
        print(json.dumps(row) if options.json else " ".join(f"{key}={value}" for key, value in row.items() if value not in ("", 0)))
    if tail[0]:
        print(f"{tail[0]} bytes at the end cannot be believed", file=sys.stderr)
    return 1 if tail[0] else 0


if __name__ == "__main__":
    sys.exit(main())
