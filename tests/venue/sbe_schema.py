"""Simple Binary Encoding by a description: an encoder and a decoder that know no message, and the description of Binance's market streams.

For: bytes that neither the feed's decoder (csrc/venue/binance_sbe.c) nor the simulated exchange's encoder (aats/sim/sbe.py) has made: the offsets and block
lengths that those two have written down as numbers are worked out here from types.  Not for other schemas' features (optional fields, arrays, nested groups).

The description says in our own words what the venue's ``stream_1_0.xml`` (id 1, version 0) says; a field with a constant value takes no byte and is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA_ID = 1

_CODES = {"int8": "b", "uint8": "B", "uint16": "H", "uint32": "I", "int64": "q"}
_HEAD = (("blockLength", "uint16"), ("templateId", "uint16"), ("schemaId", "uint16"), ("version", "uint16"))

Fields = Sequence[tuple[str, str]]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Group:
    """Entries of fixed fields behind their block length (uint16) and their number (`count`)."""

    name: str
    fields: Fields
    count: str


@dataclass(frozen=True)
class Message:
    """Root fields, then groups, then texts with a length of one byte."""

    name: str
    template: int
    fields: Fields
    groups: Sequence[Group] = ()
    texts: Sequence[str] = ("symbol",)


@dataclass
class Newer:
    """What a later version of the schema has put behind the known fields of the root, of each entry, and behind the message."""

    version: int = 0
    root: bytes = b""
    entry: bytes = b""
    tail: bytes = b""
    schema: int = SCHEMA_ID


_EXPONENTS: Fields = (("priceExponent", "int8"), ("qtyExponent", "int8"))
_LEVEL: Fields = (("price", "int64"), ("qty", "int64"))
_SIDES = (Group("bids", _LEVEL, "uint16"), Group("asks", _LEVEL, "uint16"))
_TRADE: Fields = (("id", "int64"), *_LEVEL, ("isBuyerMaker", "uint8"))

MESSAGES = {
    one.name: one
    for one in (
        Message(
            "TradesStreamEvent",
            10000,
            (("eventTime", "int64"), ("transactTime", "int64"), *_EXPONENTS),
            (Group("trades", _TRADE, "uint32"),),
        ),
        Message(
            "BestBidAskStreamEvent",
            10001,
            (
                ("eventTime", "int64"),
                ("bookUpdateId", "int64"),
                *_EXPONENTS,
                ("bidPrice", "int64"),
                ("bidQty", "int64"),
                ("askPrice", "int64"),
                ("askQty", "int64"),
            ),
        ),
        Message("DepthSnapshotStreamEvent", 10002, (("eventTime", "int64"), ("bookUpdateId", "int64"), *_EXPONENTS), _SIDES),
        Message(
            "DepthDiffStreamEvent",
            10003,
            (("eventTime", "int64"), ("firstBookUpdateId", "int64"), ("lastBookUpdateId", "int64"), *_EXPONENTS),
            _SIDES,
        ),
    )
}


def _pack(fields: Fields, values: Values) -> bytes:
    return b"".join(struct.pack("<" + _CODES[kind], values[name]) for name, kind in fields)


def encode(name: str, values: Values, newer: Newer | None = None) -> bytes:
    """Return a message: root fields and texts by name, groups as lists of entries by name."""
    message, newer = MESSAGES[name], newer or Newer()
    root = _pack(message.fields, values) + newer.root
    head = {"blockLength": len(root), "templateId": message.template, "schemaId": newer.schema, "version": newer.version}
    out = _pack(_HEAD, head) + root
    for group in message.groups:
        entries = [_pack(group.fields, entry) + newer.entry for entry in values[group.name]]
        size = len(_pack(group.fields, dict.fromkeys(dict(group.fields), 0))) + len(newer.entry)
        out += _pack((("size", "uint16"), ("count", group.count)), {"size": size, "count": len(entries)}) + b"".join(entries)
    for text in message.texts:
        raw = values[text].encode() if isinstance(values[text], str) else values[text]
        out += bytes([len(raw)]) + raw
    return out + newer.tail


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def bytes(self, size: int) -> bytes:
        found = self.data[self.at : self.at + size]
        assert len(found) == size, "the message ends too early"
        self.at += size
        return found

    def fields(self, fields: Fields, size: int | None = None) -> dict[str, int]:
        begin, values = self.at, {}
        for name, kind in fields:
            form = "<" + _CODES[kind]
            (values[name],) = struct.unpack(form, self.bytes(struct.calcsize(form)))
        self.at = self.at if size is None else begin + size
        return values


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return a message's name and its values, as `encode` takes them."""
    reader = _Reader(data)
    head = reader.fields(_HEAD)
    assert head["schemaId"] == SCHEMA_ID
    message = next(one for one in MESSAGES.values() if one.template == head["templateId"])
    values: dict[str, Any] = reader.fields(message.fields, head["blockLength"])
    for group in message.groups:
        sizes = reader.fields((("size", "uint16"), ("count", group.count)))
        values[group.name] = [reader.fields(group.fields, sizes["size"]) for _ in range(sizes["count"])]
    for text in message.texts:
        values[text] = reader.bytes(reader.bytes(1)[0]).decode()
    assert reader.at == len(data), "bytes behind the message"
    return message.name, values
