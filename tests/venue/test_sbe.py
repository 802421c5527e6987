"""Binance's market streams in SBE: whatever event is encoded is parsed as that event, or refused with the code that says why.

The encoder (sbe_schema.py) works from a description of the schema and shares nothing with the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aats._ffi import ffi, lib
from tests.venue.sbe_schema import Newer, encode

EXP = -8  # of prices and quantities inside
MAX = 2**63 - 1
REFUSALS = {lib.AATS_E_SYNTAX, lib.AATS_E_SHAPE, lib.AATS_E_RANGE, lib.AATS_E_INEXACT, lib.AATS_E_TOO_BIG, lib.AATS_E_UTF8}

_LEVELS = [ffi.new("aats_level_t[]", lib.AATS_MSG_LEVELS) for _ in range(2)]
_MSG = ffi.new("aats_msg_t *", {"bids": _LEVELS[0], "asks": _LEVELS[1]})
_KEPT: list[bytes] = []


def parse(data: bytes, part: int = 0) -> tuple[int, Any]:
    """Return code and message, whose symbol stands in these bytes: they are kept for as long."""
    _KEPT[:] = [data]
    code = int(lib.aats_venue_parse_binary(b"BINANCE", b"sbe", data, len(data), part, _MSG))
    assert code == lib.AATS_OK or code in REFUSALS | {lib.AATS_E_ARG}
    assert _MSG.offset <= len(data)
    return code, _MSG


def scaled(mantissa: int, exponent: int) -> tuple[int, int]:
    """Return (AATS_OK, the number at 1e-8), or the code of why there is none."""
    shift = exponent - EXP
    if shift >= 0:
        value = mantissa * 10**shift
    elif mantissa % 10**-shift:
        return lib.AATS_E_INEXACT, 0
    else:
        value = mantissa // 10**-shift
    return (lib.AATS_OK, value) if -MAX - 1 <= value <= MAX else (lib.AATS_E_RANGE, 0)


def symbol_of(msg: Any) -> bytes:
    return bytes(ffi.buffer(msg.sym, msg.sym_len)) if msg.sym else b""


def levels_of(levels: Any, count: int) -> list[tuple[int, int]]:
    return [(levels[i].px_i, levels[i].qty_i) for i in range(count)]


# ------------------------------------------------------------------------------------------------------------ events

times = st.integers(0, MAX // 1000)
ids = st.integers(0, MAX)
exponents = st.integers(-12, 3) | st.integers(-128, 127)
symbols = st.text(min_size=1, max_size=40).filter(lambda text: len(text.encode()) < 256) | st.just("BTCUSDT")
numbers = st.integers(1, 10**12) | st.integers(1, MAX) | st.integers(1, 10**6).map(lambda n: n * 10**6)
quantities = st.just(0) | numbers
level = st.fixed_dictionaries({"price": numbers, "qty": quantities})
trade = st.fixed_dictionaries({"id": ids, "price": numbers, "qty": quantities, "isBuyerMaker": st.integers(0, 1)})
newer = st.builds(
    lambda version, root, entry, tail: Newer(version, root, entry, tail) if version else Newer(),
    st.integers(0, 65535),
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
common = {"eventTime": times, "priceExponent": exponents, "qtyExponent": exponents, "symbol": symbols}
depths = st.fixed_dictionaries(
    {**common, "firstBookUpdateId": ids, "lastBookUpdateId": ids, "bids": st.lists(level, max_size=8), "asks": st.lists(level, max_size=8)}
)
books = st.fixed_dictionaries({**common, "bookUpdateId": ids, "bids": st.lists(level, max_size=8), "asks": st.lists(level, max_size=8)})
bests = st.fixed_dictionaries(
    {**common, "bookUpdateId": ids, "bidPrice": quantities, "bidQty": quantities, "askPrice": quantities, "askQty": quantities}
)
trades = st.fixed_dictionaries({**common, "transactTime": times, "trades": st.lists(trade, min_size=1, max_size=6)})


def pairs(event: Any, entries: list[Any]) -> tuple[set[int], list[tuple[int, int]]]:
    """Return the codes that prices and quantities of `entries` deserve (empty: all fit), and what they are at 1e-8."""
    codes, values = set(), []
    for one in entries:
        px = scaled(one["price"], event["priceExponent"])
        qty = scaled(one["qty"], event["qtyExponent"])
        codes |= {px[0], qty[0]} - {lib.AATS_OK}
        values.append((px[1], qty[1]))
    return codes, values


@settings(max_examples=120, deadline=None)
@given(depths | books, newer)
def test_depth_is_parsed_as_it_was_encoded(event: Any, more: Newer) -> None:
    diff = "firstBookUpdateId" in event
    code, msg = parse(encode("DepthDiffStreamEvent" if diff else "DepthSnapshotStreamEvent", event, more))
    wrong, values = pairs(event, event["bids"] + event["asks"])
    assert (code in wrong) if wrong else code == lib.AATS_OK
    assert msg.kind == (lib.AATS_MSG_DEPTH if diff else lib.AATS_MSG_PARTIAL)
    assert symbol_of(msg) == event["symbol"].encode(), "an error names its symbol, too"
    if wrong:
        return
    assert levels_of(msg.bids, msg.bid_cnt) + levels_of(msg.asks, msg.ask_cnt) == values
    assert msg.bid_cnt == len(event["bids"])
    assert msg.exch_ns == event["eventTime"] * 1000
    assert msg.last_id == event["lastBookUpdateId" if diff else "bookUpdateId"]
    assert msg.first_id == (event["firstBookUpdateId"] if diff else 0)


@settings(max_examples=100, deadline=None)
@given(bests, newer)
def test_best_bid_ask_is_parsed_as_it_was_encoded(event: Any, more: Newer) -> None:
    code, msg = parse(encode("BestBidAskStreamEvent", event, more))
    sides = [{"price": event[f"{side}Price"], "qty": event[f"{side}Qty"]} for side in ("bid", "ask")]
    wrong, values = pairs(event, sides)
    assert (code in wrong) if wrong else code == lib.AATS_OK
    assert (msg.kind, symbol_of(msg)) == (lib.AATS_MSG_BBO, event["symbol"].encode())
    if wrong:
        return
    assert levels_of(msg.bids, msg.bid_cnt) + levels_of(msg.asks, msg.ask_cnt) == values
    assert (msg.exch_ns, msg.last_id) == (event["eventTime"] * 1000, event["bookUpdateId"])


@settings(max_examples=100, deadline=None)
@given(trades, newer)
def test_trades_are_the_parts_of_their_event(event: Any, more: Newer) -> None:
    data = encode("TradesStreamEvent", event, more)
    wrong, values = pairs(event, event["trades"])
    code, msg = parse(data)
    assert (code in wrong) if wrong else code == lib.AATS_OK
    assert (msg.kind, symbol_of(msg)) == (lib.AATS_MSG_TRADE, event["symbol"].encode())
    if wrong:
        return
    assert msg.parts == len(values)
    for part, (one, value) in enumerate(zip(event["trades"], values, strict=True)):
        code, msg = parse(data, part)
        assert (code, msg.id, msg.first_id, msg.last_id) == (lib.AATS_OK, one["id"], one["id"], one["id"])
        assert (msg.px_i, msg.qty_i, msg.side) == (*value, -1 if one["isBuyerMaker"] else 1)
        assert msg.exch_ns == event["transactTime"] * 1000
    assert parse(data, len(values))[0] == lib.AATS_E_ARG


@settings(max_examples=200, deadline=None)
@given(st.integers(-MAX - 1, MAX), st.integers(-128, 127))
@example(MAX, -8)
@example(1, 10)
@example(10**18, -26)
@example(1, -27)
@example(0, 127)
def test_number_is_exact_or_refused(mantissa: int, exponent: int) -> None:
    base = {"eventTime": 1, "bookUpdateId": 1, "priceExponent": -8, "qtyExponent": exponent, "symbol": "A"}
    prices = {"bidPrice": 1, "bidQty": mantissa, "askPrice": 1, "askQty": 0}
    code, msg = parse(encode("BestBidAskStreamEvent", {**base, **prices}))
    if mantissa < 0:
        assert code == lib.AATS_E_SHAPE
        return
    assert (code, msg.bids[0].qty_i if code == lib.AATS_OK else 0) == scaled(mantissa, exponent)


# ---------------------------------------------------------------------------------------------------------- refusals

BASE: dict[str, Any] = {"eventTime": 1_785_312_000_112_345, "priceExponent": -2, "qtyExponent": -5, "symbol": "BTCUSDT"}
ENTRIES = [{"price": 6_421_001, "qty": 85_314}, {"price": 6_420_955, "qty": 0}, {"price": 6_420_900, "qty": 7}]
SAMPLES: dict[str, dict[str, Any]] = {
    "DepthDiffStreamEvent": {**BASE, "firstBookUpdateId": 11, "lastBookUpdateId": 14, "bids": ENTRIES, "asks": ENTRIES[:1]},
    "DepthSnapshotStreamEvent": {**BASE, "bookUpdateId": 14, "bids": ENTRIES[:1], "asks": ENTRIES},
    "BestBidAskStreamEvent": {**BASE, "bookUpdateId": 14, "bidPrice": 6_421_001, "bidQty": 5, "askPrice": 6_421_002, "askQty": 6},
    "TradesStreamEvent": {
        **BASE,
        "transactTime": 5,
        "trades": [{"id": n, "price": 7 + n, "qty": n, "isBuyerMaker": n % 2} for n in (8, 9)],
    },
}
each_sample = pytest.mark.parametrize("name", SAMPLES)


def changed() -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield values that no event has, with the code that they deserve."""
    for name in SAMPLES:
        yield name, {"symbol": ""}, lib.AATS_E_SHAPE
        yield name, {"symbol": b"BTC\xff"}, lib.AATS_E_UTF8
        yield name, {"transactTime" if name.startswith("Tr") else "eventTime": -1}, lib.AATS_E_RANGE
        yield name, {"transactTime" if name.startswith("Tr") else "eventTime": MAX // 1000 + 1}, lib.AATS_E_RANGE
        yield name, {"priceExponent": 20}, lib.AATS_E_RANGE
        yield name, {"priceExponent": -30}, lib.AATS_E_INEXACT
    for entry, code in (
        ({"price": 0, "qty": 1}, lib.AATS_E_SHAPE),
        ({"price": -1, "qty": 1}, lib.AATS_E_SHAPE),
        ({"price": 1, "qty": -1}, lib.AATS_E_SHAPE),
        ({"price": -MAX - 1, "qty": 1}, lib.AATS_E_SHAPE),
    ):
        yield "DepthDiffStreamEvent", {"bids": [*ENTRIES, entry]}, code
        yield "DepthDiffStreamEvent", {"asks": [entry, *ENTRIES], "priceExponent": -8, "qtyExponent": -8}, code
        yield "DepthSnapshotStreamEvent", {"asks": [entry]}, code
        yield "TradesStreamEvent", {"trades": [*SAMPLES["TradesStreamEvent"]["trades"], {"id": 1, "isBuyerMaker": 0, **entry}]}, code
    for flag in (2, 255):
        yield "TradesStreamEvent", {"trades": [{"id": 1, "isBuyerMaker": flag, "price": 1, "qty": 1}]}, lib.AATS_E_SHAPE
    yield "TradesStreamEvent", {"trades": [{"id": -1, "isBuyerMaker": 0, "price": 1, "qty": 1}]}, lib.AATS_E_RANGE
    yield "DepthDiffStreamEvent", {"firstBookUpdateId": -1}, lib.AATS_E_RANGE
    yield "DepthDiffStreamEvent", {"lastBookUpdateId": -1}, lib.AATS_E_RANGE
    yield "BestBidAskStreamEvent", {"bookUpdateId": -1}, lib.AATS_E_RANGE
    yield "BestBidAskStreamEvent", {"askPrice": -1}, lib.AATS_E_SHAPE


@pytest.mark.parametrize(("name", "values", "code"), list(changed()), ids=lambda value: str(value)[:40])
def test_value_that_no_event_has_is_refused_with_its_code(name: str, values: dict[str, Any], code: int) -> None:
    found, msg = parse(encode(name, {**SAMPLES[name], **values}))
    assert found == code
    assert symbol_of(msg) == (b"" if "symbol" in values else b"BTCUSDT")


@each_sample
def test_event_cut_off_anywhere_is_refused(name: str) -> None:
    data = encode(name, SAMPLES[name])
    assert parse(data)[0] == lib.AATS_OK
    for size in range(len(data)):
        code, msg = parse(data[:size])
        assert code == lib.AATS_E_SYNTAX and not msg.sym
        assert msg.offset <= size


@each_sample
def test_event_of_another_schema_is_refused(name: str) -> None:
    for schema in (0, 2, 3, 257, 65535):
        code, msg = parse(encode(name, SAMPLES[name], Newer(schema=schema)))
        assert (code, msg.offset, symbol_of(msg)) == (lib.AATS_E_SHAPE, 4, b"")


@each_sample
def test_bytes_behind_an_event_are_refused_but_of_a_newer_version(name: str) -> None:
    assert parse(encode(name, SAMPLES[name], Newer(tail=b"\0")))[0] == lib.AATS_E_SHAPE
    assert parse(encode(name, SAMPLES[name], Newer(version=1, tail=b"\0")))[0] == lib.AATS_OK


@each_sample
def test_block_shorter_than_its_known_fields_is_refused(name: str) -> None:
    data = bytearray(encode(name, SAMPLES[name], Newer(version=9)))
    data[0] -= 1
    assert parse(bytes(data))[0] == lib.AATS_E_SHAPE
    if "Best" not in name:
        data[0] += 1
        data[8 + data[0]] -= 1  # the block length of the first group's entries
        assert parse(bytes(data))[0] == lib.AATS_E_SHAPE


def test_group_that_claims_more_than_there_is_is_refused_at_once() -> None:
    data = bytearray(encode("TradesStreamEvent", SAMPLES["TradesStreamEvent"]))
    at = 8 + data[0]
    for count in (3, 2**31 - 1, 2**32 - 1):
        data[at + 2 : at + 6] = count.to_bytes(4, "little")
        assert parse(bytes(data))[0] == lib.AATS_E_SYNTAX


def test_unknown_template_is_passed_over() -> None:
    data = bytearray(encode("BestBidAskStreamEvent", SAMPLES["BestBidAskStreamEvent"]))
    data[2:4] = (10004).to_bytes(2, "little")
    code, msg = parse(bytes(data))
    assert (code, msg.kind) == (lib.AATS_OK, lib.AATS_MSG_OTHER)
    assert parse(bytes(data), 1)[0] == lib.AATS_E_ARG


def test_event_without_trades_is_nothing() -> None:
    code, msg = parse(encode("TradesStreamEvent", {**SAMPLES["TradesStreamEvent"], "trades": []}))
    assert (code, msg.kind) == (lib.AATS_OK, lib.AATS_MSG_OTHER)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(SAMPLES)), st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 10**6))
def test_damaged_event_is_refused_with_a_documented_code_or_read_within_itself(name: str, at: int, byte: int, cut: int) -> None:
    data = bytearray(encode(name, SAMPLES[name]))
    data[at % len(data)] = byte
    data = data[: len(data) - cut % 3]
    code, msg = parse(bytes(data))  # parse checks the code
    if code == lib.AATS_OK and msg.sym:
        assert symbol_of(msg) in bytes(data)


def test_formats_that_are_not_there_are_unknown() -> None:
    for venue, form in ((b"BINANCE", b"json"), (b"BINANCE", b"fix"), (b"NOSUCH", b"sbe")):
        assert lib.aats_venue_parse_binary(venue, form, b"", 0, 0, _MSG) == lib.AATS_E_UNKNOWN
