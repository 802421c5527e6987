"""VC-01 to VC-29: market data, from the list of instruments to a symbol that is delisted while it is subscribed."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from aats._ffi import lib
from aats.sim.faults import Faults
from aats.venue import Instrument
from tests.conformance.cases import case
from tests.conformance.rig import STREAM, Feed, Rig, Wrong, _scaled
from tests.conformance.rows import Row, instruments


def watched(row: Row, *, faults: dict[str, int] | None = None, rate: int = 40, streams: int = 0, off_ns: int = 0) -> tuple[Rig, Feed]:
    """Return a rig whose feed has good books; faults begin with it."""
    rig = Rig(row, rate=rate, clock_off_ns=off_ns)
    feed = Feed(rig, streams=streams)
    rig.until(feed.good, "good books at the start", 20)
    put_faults(rig, Faults(faults or {}))
    return rig, feed


def put_faults(rig: Rig, faults: Faults) -> Faults:
    """Give the exchange other faults."""
    rig.exchange.faults = faults
    for part in ("ws_api", "hub", "rest"):  # the first dialect keeps them in its parts
        if hasattr(rig.exchange, part):
            getattr(rig.exchange, part)._faults = faults
    orders = getattr(getattr(rig.exchange, "rest", None), "orders", None)
    if orders is not None:
        orders._faults = faults
    return faults


def faults_made(rig: Rig) -> int:
    return sum(rig.exchange.faults.counts.values())


def heals(rig: Rig, feed: Feed, seconds: float = 90) -> None:
    """Stop the faults; every book is good again, and the market's."""
    rig.exchange.faults.every.clear()
    rig.exchange.faults._frames.clear()
    rig.until(feed.newest, "good and right again after the faults", seconds, ms=20)


@case("VC-01", "its instruments are listed with tick, lot, kind and contract size, under our names and the venue's")
def lists_instruments(row: Row) -> None:
    known, exchange = instruments(row), row.exchange()
    for native in row.symbols:
        one: Instrument = known[native]
        assert one.native == native and one.symbol.endswith(f".{row.venue}") and one.trading
        symbol = exchange.market.symbols[native]
        assert (one.tick, one.lot) == (Decimal(symbol.tick), Decimal(symbol.lot)), (one.tick, one.lot)
        assert (one.base, one.quote) == (symbol.base, symbol.quote)
        listing: Any = getattr(exchange, "listings", {}).get(native)
        if listing is not None:
            assert (one.kind == "spot") == listing.spot and one.inverse == (listing.kind == "inverse")
            assert one.contract_size == Decimal(listing.contract) and (listing.spot or one.settle == listing.settle)


@case("VC-02", "a book is good soon after it is subscribed, and from then on the market's, diff by diff")
def follows_the_book(row: Row) -> None:
    rig, feed = watched(row)
    seen = 0
    for _ in range(10):
        rig.run(0.5)
        seen += feed.newest()
        assert feed.good(), feed.say()
    rig.until(feed.newest, "the newest book", 3)
    assert seen >= 3 and feed.count("GAPS") == 0 and feed.count("PARSE_ERRORS") == 0 and feed.count("CHECKSUMS") == 0


@case("VC-03", "a depth frame that is lost is noticed, and the book had anew")
def lost_frame(row: Row) -> None:
    rig, feed = watched(row, faults={"drop": 17})
    rig.run(6)
    assert faults_made(rig) > 0
    heals(rig, feed)
    assert feed.count("GAPS") + feed.count("CHECKSUMS") + feed.count("LINK_HOLES") > 0, feed.say()


@case("VC-04", "a gap of one symbol leaves the books of others alone")
def one_symbol_alone(row: Row) -> None:
    rig, feed = watched(row)
    rig.run(1)  # a diff that the first snapshot holds already may be lost
    other, lost = row.symbols[1], row.symbols[0]
    passed, dropped = rig.exchange.faults.pass_depth, 0

    def drop_one(lane: Any, stream: Any, frame: bytes, now_ns: int) -> list[bytes]:
        nonlocal dropped
        about = lost.encode() in frame or lost.lower() in str(stream) or lost in str(stream)
        if about and not dropped:
            dropped += 1
            return []
        return passed(lane, stream, frame, now_ns)

    rig.exchange.faults.pass_depth = drop_one  # type: ignore[method-assign]
    rig.until(lambda: dropped and not feed.good(lost), "the gap is noticed", 10)
    for _ in range(400):
        rig.step()
        assert feed.good(other), f"{other} suffers for {lost}: {feed.say()}"
    rig.until(feed.newest, "both books good and right", 20)


@case("VC-05", "a depth frame that comes twice, or after the next one, never makes a wrong book")
def doubled_and_swapped(row: Row) -> None:
    for kind in ("dup", "swap"):
        rig, feed = watched(row, faults={kind: 13})
        rig.run(5)
        assert faults_made(rig) > 0
        heals(rig, feed)


@case("VC-06", "one changed digit in a depth frame is noticed by its checksum, and the book had anew")
def changed_digit(row: Row) -> None:
    for every in (7, 11):
        rig, feed = watched(row)
        damage_one(rig, every)
        made = rig.exchange.faults.counts
        rig.until(partial(made.__getitem__, "digit"), "a damaged frame", 10)
        heals(rig, feed)
        assert feed.count("CHECKSUMS") > 0 or feed.count("PARSE_ERRORS") > 0, "it passed for good"


def damage_one(rig: Rig, number: int) -> None:
    """Change one digit of a quantity near the touch, where every checksum looks, in the `number`-th depth frame from now or soon after it."""
    faults, frames = rig.exchange.faults, 0
    plain = faults.pass_depth

    def digit(lane: Any, stream: Any, frame: bytes, now_ns: int) -> list[bytes]:
        nonlocal frames
        frames += 1
        at = _quantity_near_touch(rig, frame) if frames >= number and not faults.counts["digit"] else -1
        if at < 0:
            return plain(lane, stream, frame, now_ns)
        faults.counts["digit"] += 1
        return [frame[:at] + b"%d" % ((frame[at] - 0x30 + 1) % 10) + frame[at + 1 :]]

    faults.pass_depth = digit  # type: ignore[method-assign]


def _quantity_near_touch(rig: Rig, frame: bytes) -> int:
    """Return where the last digit of a quantity stands whose price is one of the best five of a side, -1 for none."""
    for native in rig.row.symbols:
        book = rig.exchange.market.snapshot(native, 5)
        for px, _ in book.bids + book.asks:
            texts = {px, px.rstrip("0").rstrip(".")} if "." in px else {px}
            for text in texts:
                found = re.search(rb"[^0-9.]" + re.escape(text.encode()) + rb"[^0-9.][^0-9]*([0-9]+\.?[0-9]*)", frame)
                if found:
                    return found.end(1) - 1
    return -1


@case("VC-07", "a depth frame that cannot be read makes its books suspect, and they are had anew")
def broken_frame(row: Row) -> None:
    rig, feed = watched(row, faults={"corrupt": 23})
    rig.run(6)
    assert faults_made(rig) > 0
    heals(rig, feed)
    assert feed.count("PARSE_ERRORS") + feed.count("UTF8") > 0, feed.say()


@case("VC-08", "books are bad from the moment their connection ends, and good again after the next one begins")
def connection_lost(row: Row) -> None:
    rig, feed = watched(row)
    before = feed.attempts
    for link in list(feed.conns):
        feed.end(link, feed._call, b"connection reset by peer")
    feed.refuse = True
    rig.run(1)
    assert not any(feed.good(native) for native in row.symbols), "good without a connection"
    feed.refuse = False
    rig.until(feed.newest, "good and right again", 30)
    assert feed.attempts > before


@case("VC-09", "a connection that falls silent is found dead, and replaced")
def silent_connection(row: Row) -> None:
    rig, feed = watched(row)
    before = feed.attempts
    stuck = list(feed.conns.values())
    for conn in stuck:
        rig.exchange._conns[conn].lane.stalled_until_ns = 1 << 62
    rig.until(lambda: not any(feed.good(native) for native in row.symbols), "a mute venue's books are bad", 700, ms=500)
    rig.until(feed.newest, "good and right again", 60, ms=20)
    assert feed.attempts > before


@case("VC-10", "a quiet connection is kept alive as the venue wants it, for ten minutes")
def kept_alive(row: Row) -> None:
    rig, feed = watched(row, rate=0)
    before = feed.attempts
    rig.run(600, ms=250)
    assert feed.attempts == before and feed.good(), feed.say()


@case("VC-11", "trades are told once, in order, with price, size and the side of the aggressor")
def tells_trades(row: Row) -> None:
    rig, feed = watched(row, rate=120)
    rig.truth.trades.clear()
    first = {native: len(feed.told(lib.AATS_REC_TICK, native)) for native in row.symbols}
    rig.run(8)
    for native in row.symbols:
        scales = rig.truth._scales[native]
        told = [(one.px_i, one.qty_i, bool(one.flags & lib.AATS_F_BUYER)) for one in feed.told(lib.AATS_REC_TICK, native)[first[native] :]]
        made = [(_scaled(px, scales[0]), _scaled(qty, scales[1]), buys) for px, qty, buys in rig.truth.trades.get(native, [])]
        assert len(told) > 10, f"{native}: {len(told)} trades told of {len(made)}"
        assert {buys for _, _, buys in told} == {True, False}
        assert _within(told, made), f"{native}: told {told[:5]}, made {made[:5]}"
    assert feed.count("TRADE_GAPS") == 0


@case("VC-12", "best bid and ask are told where there is such a stream, and are the market's")
def tells_best(row: Row) -> None:
    rig, feed = watched(row, streams=STREAM["depth"] | STREAM["bbo"])
    rig.run(4)
    told = feed.told(lib.AATS_REC_BBO, row.symbols[0])
    assert len(told) > 3, "no best bid and ask was told"


@case("VC-13", "mark and index price of a perpetual are told")
def tells_mark(row: Row) -> None:
    rig, feed = watched(row, streams=STREAM["depth"] | STREAM["mark"])
    rig.run(6)
    told = feed.told(lib.AATS_REC_MARK, row.symbols[0])
    assert told, "no mark price was told"
    bid = feed.books[row.symbols[0]][0][0][0]
    assert all(abs(one.px_i / bid - 1) < 0.01 for one in told if one.px_i), "a mark far from the market"


@case("VC-14", "the funding rate of a perpetual is told, and when it falls due")
def tells_funding(row: Row) -> None:
    rig, feed = watched(row, streams=STREAM["depth"] | STREAM["funding"])
    rig.until(lambda: feed.told(lib.AATS_REC_FUNDING, row.symbols[0]), "a funding rate", 70, ms=20)


@case("VC-15", "liquidations of a perpetual are told, with the side of the closing order")
def tells_liquidations(row: Row) -> None:
    rig, feed = watched(row, streams=STREAM["depth"] | STREAM["liquidation"])
    rig.until(lambda: feed.told(lib.AATS_REC_LIQUIDATION, row.symbols[0]), "a liquidation", 120, ms=20)


@case("VC-16", "a symbol that the venue does not have is refused by name, and leaves the others alone")
def unknown_symbol(row: Row) -> None:
    rig, feed = watched(row)
    known = instruments(row)[row.symbols[0]]
    native = known.native.replace(known.base, "NOSUCH")
    feed.subscribe(replace(known, native=native, symbol=known.symbol.replace(known.base, "NOSUCH", 1)))
    rig.run(8, ms=10)
    assert all(feed.good(one) for one in row.symbols), feed.say()
    new = [sym for name, sym in feed.index.items() if name not in row.symbols]
    assert all(feed.why.get(name) != 0 for name in feed.index if name not in row.symbols), "a book of nothing is good"
    assert new or feed.refused


@case("VC-17", "a symbol that the venue delists while it is subscribed leaves the others alone")
def delisted(row: Row) -> None:
    rig, feed = watched(row)
    gone, other = row.symbols
    exchange: Any = rig.exchange
    if not hasattr(exchange, "delist"):
        raise Wrong("the dialect cannot delist")
    exchange.delist(gone)
    for _ in range(600):
        rig.step(10)
        assert feed.good(other), feed.say()


@case("VC-18", "a clock of the venue that is 5 s off does not make its books bad")
def clock_off(row: Row) -> None:
    for off_s in (-5, 5):
        rig, feed = watched(row, off_ns=off_s * 1_000_000_000)
        rig.run(3)
        assert feed.good(), feed.say()


@case("VC-19", "connections that are refused by the venue are tried again, with pauses")
def upgrades_refused(row: Row) -> None:
    rig = Rig(row)
    feed = Feed(rig)
    rig.exchange.faults.next_upgrades.extend(["ws-503", "ws-429", "ws-403"])
    rig.until(feed.newest, "good books after three refusals", 400, ms=20)
    assert feed.attempts >= 4


@case("VC-20", "an answer too old, none, a 429 and a page in HTML in place of a book over REST are survived")
def snapshot_faults(row: Row) -> None:
    rig = Rig(row)
    rig.exchange.faults.next_snapshots.extend(["snap-old", "snap-429", "snap-503", "snap-html"])
    feed = Feed(rig)
    rig.until(feed.newest, "good books in the end", 60)
    assert feed.asked > 2


@case("VC-21", "a symbol that the venue halts is told as halted, and its book is good again when it trades again")
def halted(row: Row) -> None:
    rig, feed = watched(row)
    exchange: Any = rig.exchange
    if not hasattr(exchange, "halt"):
        raise Wrong("the dialect cannot halt")
    stopped, other = row.symbols
    exchange.halt(stopped)
    rig.until(lambda: feed.why.get(stopped) == lib.AATS_WHY_HALTED, "told as halted", 5)
    assert feed.good(other)
    exchange.resume(stopped)
    rig.until(lambda: feed.good(stopped), "good again", 5)


@case("VC-22", "a symbol that the venue delists is told: its book is not called good any more")
def delisted_is_told(row: Row) -> None:
    rig, feed = watched(row)
    exchange: Any = rig.exchange
    if not hasattr(exchange, "delist"):
        raise Wrong("the dialect cannot delist")
    exchange.delist(row.symbols[0])
    rig.until(lambda: not feed.good(row.symbols[0]), "the book is bad", 60, ms=20)


def _within(told: list[Any], made: list[Any]) -> bool:
    """Tell whether what was told stands in what was made, in its order; trades of one order may be told as one."""
    if not told:
        return False
    at = 0
    for px, qty, buys in told:
        while at < len(made) and (made[at][0], made[at][2]) != (px, buys):
            at += 1
        left = qty
        while left > 0 and at < len(made) and (made[at][0], made[at][2]) == (px, buys) and made[at][1] <= left:
            left -= made[at][1]
            at += 1
        if left:
            return False
    return True
