"""Single messages that others collected: each market frame is read as what it is, or passed over; nothing else is taken for one."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats._ffi import ffi, lib

FILES = (
    "binance-spot/crypto-msg-parser/binance_raw_messages.jsonl",
    "binance-spot/jkorf/binance.net_fixtures.jsonl",
    "binance-spot/vendor-docs/binance-spot-api-docs_json_examples.jsonl.gz",
    "binance-spot/xchange/xchange-binance.jsonl.gz",
    "binance-spot/xchange/xchange-stream-binance.jsonl.gz",
    "binance-us/vendor-docs/binance-us-api-docs_json_examples.jsonl.gz",
)
#: Kinds that carry market data of a stream.
MARKET = {lib.AATS_MSG_DEPTH, lib.AATS_MSG_PARTIAL, lib.AATS_MSG_TRADE, lib.AATS_MSG_AGG, lib.AATS_MSG_BBO}
#: Codes that a parser may answer with, besides AATS_OK.
REFUSALS = {lib.AATS_E_SYNTAX, lib.AATS_E_SHAPE, lib.AATS_E_DUPKEY, lib.AATS_E_RANGE, lib.AATS_E_INEXACT, lib.AATS_E_TOO_BIG}
#: Stream by event type, for payloads that stand in the documents without their stream.
STREAM_OF = {"depthUpdate": "depth", "trade": "trade", "aggTrade": "aggTrade"}


class Parser:
    """The venue parser over one message."""

    def __init__(self) -> None:
        self.levels = [ffi.new("aats_level_t[]", lib.AATS_MSG_LEVELS) for _ in range(2)]
        self.msg = ffi.new("aats_msg_t *", {"bids": self.levels[0], "asks": self.levels[1]})

    def __call__(self, text: str) -> int:
        """Return the kind, or the negative code."""
        data = text.encode()
        code = int(lib.aats_venue_parse(b"BINANCE", data, len(data), self.msg))
        assert code == lib.AATS_OK or code in REFUSALS, text
        assert self.msg.offset <= len(data)
        return code if code else int(self.msg.kind)


@pytest.fixture
def parse() -> Parser:
    return Parser()


def messages(data: Path, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (its line, the message); comments that authors put behind the values are cut."""
    opener = gzip.open if name.endswith(".gz") else open
    with opener(data / name, "rt") as file:
        for line in file:
            row = json.loads(line)
            text = row.get("raw", row.get("text"))
            yield row, re.sub(r"(?m)(?<=[\s,\[{])//.*$", "", text).replace("|1|", "1")


def loads(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def expected(stream: str, data: dict[str, Any]) -> int:
    """Return what a wrapped message is, by the venue's own naming of its streams."""
    symbol, _, suffix = stream.partition("@")
    base = suffix.partition("@")[0]
    if data.get("s", symbol).lower() != symbol:  # examples put together from two: the payload is not of this stream
        return int(lib.AATS_E_SHAPE) if base in ("trade", "aggTrade", "bookTicker", "depth") else int(lib.AATS_MSG_OTHER)
    by_name = {"depth": lib.AATS_MSG_DEPTH, "trade": lib.AATS_MSG_TRADE, "aggTrade": lib.AATS_MSG_AGG, "bookTicker": lib.AATS_MSG_BBO}
    if re.fullmatch(r"depth\d+", base):
        return int(lib.AATS_MSG_PARTIAL if "lastUpdateId" in data else lib.AATS_E_SHAPE)
    return int(by_name.get(base, lib.AATS_MSG_OTHER))


@pytest.mark.parametrize("name", FILES)
def test_every_message_is_read_or_refused_with_a_documented_code(data_dir: Path, parse: Parser, name: str) -> None:
    found = [parse(text) for _, text in messages(data_dir, name)]
    assert found


@pytest.mark.parametrize("name", FILES[:2])
def test_wrapped_messages_are_what_their_stream_says(data_dir: Path, parse: Parser, name: str) -> None:
    seen = set()
    for _, text in messages(data_dir, name):
        message = loads(text)
        if "stream" not in message or not isinstance(message.get("data"), (dict, list)):
            continue
        data = message["data"] if isinstance(message["data"], dict) else {}
        kind = parse(text)
        assert kind == expected(message["stream"], data), text[:200]
        seen.add(kind)
    assert len(seen) >= 2


def test_collected_messages_hold_nearly_every_market_kind(data_dir: Path, parse: Parser) -> None:
    kinds = {parse(text) for _, text in messages(data_dir, FILES[0])}
    assert MARKET - kinds == {lib.AATS_MSG_TRADE}, "single trades stand in the tapes and in the documents"


@pytest.mark.parametrize("name", FILES)
def test_bare_payloads_of_the_documents_are_read_once_their_stream_is_known(data_dir: Path, parse: Parser, name: str) -> None:
    """Raw payloads say what they are only by their stream (V-01); bare they are passed over."""
    wanted = {"depth": lib.AATS_MSG_DEPTH, "trade": lib.AATS_MSG_TRADE, "aggTrade": lib.AATS_MSG_AGG, "bookTicker": lib.AATS_MSG_BBO}
    for row, text in messages(data_dir, name):
        data = loads(text)
        suffix = STREAM_OF.get(data.get("e", ""), "bookTicker" if data.keys() == {"u", "s", "b", "B", "a", "A"} else "")
        if "stream" in data or not suffix:
            continue
        assert parse(text) == lib.AATS_MSG_OTHER, text[:200]
        kind = parse(f'{{"stream":"{data["s"].lower()}@{suffix}","data":{text}}}')
        complete = suffix != "depth" or "U" in data  # a fixture of 2017 has no U: without it there is no sequence to keep
        assert kind == (wanted[suffix] if complete else lib.AATS_E_SHAPE), row


@pytest.mark.parametrize("name", FILES)
def test_nothing_but_market_frames_is_taken_for_one(data_dir: Path, parse: Parser, name: str) -> None:
    """REST answers, requests, acks, errors and account events are never a diff, a trade or a best price."""
    for row, text in messages(data_dir, name):
        if "stream" not in loads(text):
            assert parse(text) not in MARKET, row


def test_depth_answers_are_snapshots(data_dir: Path, parse: Parser) -> None:
    for name in FILES:
        for row, text in messages(data_dir, name):
            keys = list(loads(text))
            if keys[:1] == ["lastUpdateId"] and {"bids", "asks"} <= set(keys):
                assert parse(text) == lib.AATS_MSG_SNAPSHOT, row
