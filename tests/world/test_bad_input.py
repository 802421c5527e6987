"""What a venue must not send, and what it may though nobody expects it: counted, named in one line, survived.

Each bad message is put between the good ones of a running connection; each bad answer to an upgrade comes before the good one.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aats._ffi import lib
from aats.sim import Faults
from aats.sim.faults import Lane
from tests.world.actor import Actor
from tests.world.options import SECOND, Options
from tests.world.pipes import END, Peer, accepting, frame, handshake, refusing
from tests.world.world import MS, Plan, World

LEVEL = '["61000.01000000","0.50000000"]'
QUIET = Plan(market=("BTCUSDT:40", "ETHUSDT:10"))


def depth(world: World, b: str = f"[{LEVEL}]", a: str = "[]", *, symbol: str = "BTCUSDT", extra: str = "", skip: int = 0) -> bytes:
    """Return a wrapped diff whose ids continue what was sent last."""
    last = world.truth.sent["BTCUSDT"][-1][1] + skip
    data = f'{{"e":"depthUpdate","E":1700000000000,"s":"{symbol}","U":{last + 1},"u":{last + 3},"b":{b},"a":{a}{extra}}}'
    return f'{{"stream":"btcusdt@depth@100ms","data":{data}}}'.encode()


def good_world(seed: int = 5, plan: Plan = QUIET, **options: object) -> World:
    world = World(seed, plan, **options)  # type: ignore[arg-type]
    world.until(world.all_good, 10 * SECOND, "good at the start")
    world.sleep(SECOND)
    return world


def inject(world: World, data: bytes) -> None:
    """Write into the running connection, between two frames of the exchange."""
    (wire,) = [wire for wire in world.feed.wires.values() if wire.opened]
    wire.send_to_client(world.now_ns, data)
    world.sleep(SECOND // 2)


def lines(actor: Actor, since: int) -> str:
    return "\n".join(line for _, line in actor.notices[since:])


# -- messages that cannot be read: the connection stays ------------------------------------------------------------------

UNREADABLE: dict[str, Callable[[World], bytes]] = {
    "truncated": lambda w: depth(w)[:-9],
    "truncated in a number": lambda w: depth(w)[:60],
    "not JSON": lambda w: b"<html>",
    "two texts": lambda w: depth(w) + b"{}",
    "levels that are none": lambda w: depth(w, b='"many"'),
    "a level without quantity": lambda w: depth(w, b='[["61000.01"]]'),
    "an object for a level": lambda w: depth(w, b='[{"p":"61000.01"}]'),
    "missing ids": lambda w: depth(w).replace(b'"U"', b'"V"'),
    "ids that are text": lambda w: depth(w).replace(b'"u":', b'"u":"1","v":'),
    "ids in fractions": lambda w: depth(w).replace(b'"u":', b'"u":0.5,"v":'),
    "negative id": lambda w: depth(w).replace(b'"U":', b'"U":-'),
    "first id after the last": lambda w: depth(w).replace(b'"U":', b'"U":9'),
    "30 digits": lambda w: depth(w, b='[["123456789012345678901234567890.0","1"]]'),
    "30 digits behind the point": lambda w: depth(w, b='[["1.123456789012345678901234567891","1"]]'),
    "large exponent": lambda w: depth(w, b='[["1e40","1"]]'),
    "small exponent": lambda w: depth(w, b='[["1e-40","1"]]'),
    "sign of a price": lambda w: depth(w, b='[["-61000.01","1"]]'),
    "plus": lambda w: depth(w, b='[["+61000.01","1"]]'),
    "negative quantity": lambda w: depth(w, b='[["61000.01","-1"]]'),
    "hexadecimal": lambda w: depth(w, b='[["0x10","1"]]'),
    "not a number": lambda w: depth(w, b='[["NaN","1"]]'),
    "price zero": lambda w: depth(w, b='[["0","1"]]'),
    "duplicate key": lambda w: depth(w, extra=',"b":[]'),
    "duplicate stream": lambda w: depth(w).replace(b'{"stream"', b'{"stream":"ethusdt@trade","stream"'),
    "another symbol inside": lambda w: depth(w, symbol="ETHUSDT"),
    "too many levels": lambda w: depth(w, b="[" + ",".join([LEVEL] * 65_537) + "]"),
    "nested too deep": lambda w: b"[" * 100_000,
    "control character": lambda w: depth(w, extra=',"x":"\x01"'),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_unreadable_message_is_counted_and_named_and_makes_no_wrong_book(what: str) -> None:
    world = good_world()
    feed = world.feed
    before, said = feed.count("PARSE_ERRORS"), len(feed.notices)
    inject(world, frame(UNREADABLE[what](world)))
    assert feed.count("PARSE_ERRORS") == before + 1 or "cannot be read" in lines(feed, said) or feed.count("GAPS") > 0
    assert feed.count("PARSE_ERRORS") > before
    world.until(world.all_good, 10 * SECOND, "good again")
    assert feed.count("DROPS") == 0, "the connection need not end for this"


def test_message_of_another_shape_is_passed_over_and_counted() -> None:
    world = good_world()
    others = [b"{}", b'{"result":[1,2],"id":99}', b'{"stream":"btcusdt@kline_1m","data":{"e":"kline"}}', b'{"e":"news"}']
    others += [b'{"stream":"dogeusdt@trade","data":{"e":"trade","s":"DOGEUSDT","t":1,"p":"1","q":"1","T":1,"m":true}}']
    before = world.feed.count("UNKNOWN")
    for one in others:
        inject(world, frame(one))
    assert world.feed.count("UNKNOWN") == before + 4  # the answer to a request that nobody made is no message of its own
    assert world.feed.count("PARSE_ERRORS") == world.feed.count("DROPS") == world.feed.count("GAPS") == 0
    world.until(world.all_good, 2 * SECOND, "still good")


def test_id_misprinted_upwards_does_not_freeze_the_book() -> None:
    world = good_world()
    inject(world, frame(depth(world, b="[]").replace(b'"u":', b'"u":9')))
    world.until(lambda: world.feed.count("GAPS") == 1, 15 * SECOND, "noticed that the stream stays behind the book")
    world.until(world.all_good, 5 * SECOND, "good again")


# -- what a venue may do, though it seldom does --------------------------------------------------------------------------


class Rewrite(Faults):
    """No fault, but every diff in another writing of the same."""

    def __init__(self, rewrite: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self.rewrite = rewrite

    def pass_depth(self, lane: Lane, stream: str, data: bytes, now_ns: int) -> list[bytes]:
        start = 2 if data[1] < 126 else 4 if data[1] == 126 else 10
        return [self.rewrite(data[start:])]


def reordered(payload: bytes) -> bytes:
    outer = json.loads(payload)
    data = dict(reversed(list(outer["data"].items())))
    return frame(json.dumps({"data": data, "stream": outer["stream"]}, indent=1).encode())


def with_more(payload: bytes) -> bytes:
    more = b'"new":{"a":[1,{"b":"\\u007d"}],"U":"x"},"pu":0,'
    return frame(payload.replace(b'"s":', more + b'"s":').replace(b'{"stream"', b'{"v":[[]],"stream"'))


def in_pieces(payload: bytes) -> bytes:
    a, b = len(payload) // 3, len(payload) // 2
    return (
        frame(payload[:a], 1, fin=False) + frame(b"still here", 9) + frame(payload[a:b], 0, fin=False)
        + frame(b"", 0, fin=False) + frame(payload[b:], 0)
    )  # fmt: skip


def long_lengths(payload: bytes) -> bytes:
    padded = payload.ljust(70_000)
    return frame(padded)


@pytest.mark.parametrize("rewrite", [reordered, with_more, in_pieces, long_lengths])
def test_diffs_in_another_writing_give_the_same_books(rewrite: Callable[[bytes], bytes]) -> None:
    plan = Plan(market=("BTCUSDT:4", "ETHUSDT:4")) if rewrite is in_pieces else QUIET  # each piece with a ping costs a pong: 5 a second
    world = World(6, plan, faults=Rewrite(rewrite))
    if rewrite is in_pieces:
        world.exchange.limits = Plan().limits.__class__(inbound_per_s=1000)
    world.until(world.all_good, 10 * SECOND, "good at the start")
    world.sleep(5 * SECOND)
    world.until(world.all_good, 2 * SECOND, "still good")
    assert [world.feed.count(name) for name in ("GAPS", "DROPS", "PARSE_ERRORS", "UNKNOWN")] == [0, 0, 0, 0]
    assert world.feed.view.dir[0].updates > 10


# -- frames that break the protocol: the connection is replaced ----------------------------------------------------------

BROKEN: dict[str, tuple[bytes, str]] = {
    "masked": (frame(b'{"e":1}', mask=b"\x01\x02\x03\x04"), "PROTO"),
    "reserved bit": (b"\xc1\x02{}", "PROTO"),
    "reserved opcode": (b"\x83\x02{}", "PROTO"),
    "length above the limit": (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "TOO_BIG"),
    "length just above the limit": (b"\x81\x7f" + ((16 << 20) + 1).to_bytes(8, "big"), "TOO_BIG"),
    "length in a long form": (b"\x81\x7e\x00\x02{}", "PROTO"),
    "fragments above the limit": (frame(b" " * (9 << 20), fin=False) + frame(b" " * (8 << 20), 0), "TOO_BIG"),
    "continuation of nothing": (frame(b"x", 0), "PROTO"),
    "a message inside another": (frame(b"x", 1, fin=False) + frame(b"{}"), "PROTO"),
    "fragmented ping": (frame(b"x", 9, fin=False), "PROTO"),
    "long ping": (frame(b"x" * 126, 9), "PROTO"),
    "close with one byte": (frame(b"x", 8), "PROTO"),
    "not UTF-8": (frame(b'{"stream":"\xff\xfe"}'), "UTF8"),
    "half a character at the end": (frame(b'"\xe2\x82"'), "UTF8"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_frame_ends_the_connection_with_one_line_and_a_new_one_is_made(what: str) -> None:
    data, name = BROKEN[what]
    world = good_world()
    feed = world.feed
    said = len(feed.notices)
    inject(world, data)
    world.until(lambda: feed.count("DROPS") == 1, 2 * SECOND, "the connection ended")
    assert f"link 0 down: the venue broke the WebSocket protocol ({name})" in lines(feed, said)
    assert feed.count("UTF8" if name == "UTF8" else "PROTO_ERRORS") == 1
    world.until(world.all_good, 10 * SECOND, "good again")
    assert feed.count("CONNECTS") == 2


@pytest.mark.parametrize("keep", [1, 3, 40])
def test_end_in_the_middle_of_a_frame_is_a_lost_connection(keep: int) -> None:
    world = good_world()
    (wire,) = world.feed.wires.values()
    wire.send_to_client(world.now_ns, frame(depth(world))[:keep])
    wire.end_client(world.now_ns)
    world.until(lambda: world.feed.count("DROPS") == 1, SECOND, "the connection ended")
    world.sleep(100 * MS)
    assert "link 0 down: connection reset by peer" in lines(world.feed, 0)
    world.until(world.all_good, 10 * SECOND, "good again")


def test_close_frame_names_code_and_reason() -> None:
    world = good_world()
    inject(world, frame((1008).to_bytes(2, "big") + b"Too many requests", 8))
    assert "link 0 down: the venue closed it (code 1008 Too many requests)" in lines(world.feed, 0)
    world.until(world.all_good, 10 * SECOND, "good again")


# -- bad answers to the upgrade ------------------------------------------------------------------------------------------


def wrong_key(heard: bytes) -> bytes | None:
    return handshake(b"GET / HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n") if b"\r\n\r\n" in heard else None


def answer(head: bytes) -> Callable[[], Callable[[bytes], bytes | None]]:
    return lambda: refusing(head)


UPGRADES: dict[str, tuple[Callable[[], Callable[[bytes], bytes | None]], str, float]] = {
    "403": (answer(b"HTTP/1.1 403 Forbidden\r\n\r\n<html>"), "the upgrade was answered with HTTP 403 Forbidden", 0),
    "429": (answer(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 4\r\n\r\n"), "HTTP 429 Too Many Requests", 4),
    "418": (answer(b"HTTP/1.1 418 I'm a teapot\r\n\r\n"), "HTTP 418", 120),
    "200": (answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "HTTP 200 OK", 0),
    "huge Retry-After": (answer(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX: " + b"y" * 9000 + b"\r\n\r\n"), "HTTP 503 Busy", 7),
    "another key": (lambda: wrong_key, "breaks the WebSocket handshake", 0),
    "not HTTP": (answer(b"\x16\x03\x01\x00\x00garbage\r\n\r\n"), "is not HTTP", 0),
    "endless head": (answer(b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Y: z\r\n" * 9000), "is not HTTP", 0),
    "hang-up": (lambda: lambda heard: END, "connection reset by peer", 0),
    "silence": (lambda: lambda heard: None, "no answer to the upgrade in time", 0),
    "half an answer": (lambda: accepting_half, "no answer to the upgrade in time", 0),
}


def accepting_half(heard: bytes) -> bytes | None:
    return None


@pytest.mark.parametrize("what", UPGRADES)
def test_bad_answer_to_the_upgrade_is_one_line_and_tried_again_in_time(what: str) -> None:
    script, line, wait_s = UPGRADES[what]
    world = World(7, QUIET, server=lambda attempt: Peer(script()) if attempt == 1 else None)
    world.until(lambda: world.attempts == 2, 200 * SECOND, "a second attempt")
    assert world.now_ns >= SECOND + wait_s * SECOND
    told = [text for _, text in world.feed.notices if "world.example" in text and line in text]
    assert len(told) == 1, world.feed.notices
    world.until(world.all_good, 10 * SECOND, "good after all")


def test_attempts_back_off_while_the_venue_refuses() -> None:
    world = World(8, QUIET, server=lambda attempt: Peer(refusing(b"HTTP/1.1 403 Forbidden\r\n\r\n")))
    world.sleep(60 * SECOND)
    assert 20 <= world.attempts <= 45, "0.2 s at first, 3 s at last, each with jitter"


def test_data_before_any_subscription_makes_no_book() -> None:
    frames = [frame(depth_of(n)) for n in range(50)]
    world = World(9, QUIET, server=lambda attempt: Peer(accepting(*frames)) if attempt == 1 else None)
    world.sleep(8 * SECOND)
    assert all(why != 0 for why in world.feed.why.values())
    world.until(world.all_good, 30 * SECOND, "good with the exchange, once the silent peer was given up")


def depth_of(n: int) -> bytes:
    data = f'{{"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT","U":{n * 3 + 1},"u":{n * 3 + 3},"b":[{LEVEL}],"a":[]}}'
    return f'{{"stream":"btcusdt@depth@100ms","data":{data}}}'.encode()


# -- bad snapshots and bad symbols ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"code":-1121,"msg":"Invalid symbol."}', b'{"lastUpdateId":1,"bids":[],"asks":',
     b'{"lastUpdateId":"1","bids":[],"asks":[]}', b'{"lastUpdateId":18446744073709551615,"bids":[],"asks":[]}',
     b'{"lastUpdateId":1,"bids":[["1","-1"]],"asks":[]}', b"\xff\xfe", b'{"lastUpdateId":1,"lastUpdateId":2,"bids":[],"asks":[]}'],
)  # fmt: skip
def test_snapshot_that_cannot_be_used_is_asked_for_again(body: bytes) -> None:
    world = World(10, QUIET)
    feed = world.feed
    real, bad = feed._ask_venue, [body] * 6  # the waits between grow: 0.5 s, 1 s ... 8 s

    def ask(sym: int, num: int) -> None:
        if bad and sym == 0:
            feed.put(lib.AATS_MAIL_SNAPSHOT, sym, num, bad.pop())
        else:
            real(sym, num)

    feed._ask_venue = ask  # type: ignore[method-assign]
    world.until(world.all_good, 30 * SECOND, "good with the seventh snapshot")
    assert feed.count("SNAP_FAILED") == 6
    assert any("the snapshot cannot be used" in text for _, text in feed.notices)


@pytest.mark.parametrize("native", ["", 'A"B', "A\\B", "A B", "A@B", "A,B", "\x01"])
def test_symbol_that_cannot_stand_in_a_request_is_refused(native: str) -> None:
    world = World(11, QUIET)
    world.feed.subscribe(native, 5)
    world.until(lambda: bool(world.feed.refused), SECOND, "an answer")
    assert list(world.feed.refused.values()) == [lib.AATS_E_ARG]


def test_symbol_deeper_than_the_feed_is_refused() -> None:
    world = World(11, Plan(options=[Options(symbols=())]))
    world.feed.subscribe("BTCUSDT", 21)
    world.until(lambda: bool(world.feed.refused), SECOND, "an answer")
    assert world.feed.refused == {"BTCUSDT": lib.AATS_E_TOO_BIG}
