"""A damaged tape of any venue never gives a different book that is called valid; where a checksum covers the books, neither does a changed digit.

As test_damage.py, which is about Binance's rule alone, but for every way in which diffs hang together: a seeded sample of each tape's book frames is
removed, doubled, and swapped with what follows.  The last book frame of a symbol is left alone: that nothing came after it tells nobody that it came.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from aats._ffi import ffi, lib
from aats.tape.read import read_rows
from aats.tape.replay import Replay
from aats.tape.venues import VENUES
from tests.tape import tapes

SAMPLE = 20  # book frames of one tape
DIGITS = 6  # changed in each of them
AFTER = 40  # book frames of the same book behind the damage that are played
SEED = 20261123

TAPES = (*tapes.USDM, tapes.COINM, tapes.OKX, tapes.BYBIT[1], tapes.COINBASE, tapes.KRAKEN, *tapes.GATE, tapes.KUCOIN, *tapes.DERIBIT)
CHECKED = (tapes.OKX, tapes.KRAKEN)
#: Levels a side that a venue's checksum covers.
COVERED = {"OKX": 25, "KRAKEN": 10}
#: Diffs that hang together by their checksum alone: a recording from before OKX numbered them.  What lies deeper is nobody's to judge.
UNNUMBERED = (tapes.OKX, tapes.KRAKEN)


class Frame(NamedTuple):
    """One payload; `name` of the book that it changes, or empty; `diff`: not a whole book; `asked`: symbol of a REST answer."""

    payload: bytes
    venue: str
    conn: str
    name: str
    diff: bool
    asked: str | None


class Parser:
    """What a frame is, by the venue's parser."""

    def __init__(self) -> None:
        self.levels = [ffi.new("aats_level_t[]", lib.AATS_MSG_LEVELS) for _ in range(2)]
        self.msg = ffi.new("aats_msg_t *", {"bids": self.levels[0], "asks": self.levels[1]})

    def __call__(self, venue: str, payload: bytes) -> tuple[int, str]:
        lib.aats_venue_parse(VENUES[venue].dialect.encode(), payload, len(payload), self.msg)
        m = self.msg
        by_topic = VENUES[venue].by_topic
        text, n = (m.stream, m.stream_len) if by_topic else (m.sym, m.sym_len)
        book = m.kind in (lib.AATS_MSG_DEPTH, lib.AATS_MSG_SNAPSHOT)
        return int(m.kind), ffi.string(ffi.cast("char *", text), n).decode() if book and text != ffi.NULL else ""


@functools.cache
def frames(data: Path, tape: str) -> tuple[Frame, ...]:
    """Return a recorded tape; frames that change no book are kept only where the venue numbers all frames of a connection."""
    parse = Parser()
    found = []
    for part in tape.split("+"):
        for row in read_rows(data / part, tapes.VENUE_OF.get(tape), lambda _: None):
            assert row.text is not None
            if row.begins:
                continue
            if row.snapshot:
                found.append(Frame(row.text, row.venue, "", row.symbol or "", False, row.symbol))
                continue
            kind, name = parse(row.venue, row.text)
            if name or row.venue == "COINBASE":
                found.append(Frame(row.text, row.venue, row.conn, name, kind == lib.AATS_MSG_DEPTH, None))
    return tuple(found)


def play(tape: Sequence[Frame]) -> Replay:
    """Run frames of one venue; one that cannot be read is no failure."""
    replay = Replay(tape[0].venue)
    while True:
        for frame in tape:
            if frame.asked is not None:
                replay.snapshot(frame.asked, frame.payload)
            else:
                replay.frame(frame.payload, conn=frame.conn)
        if not replay.taught:
            return replay
        replay.restart()


class Scene(NamedTuple):
    """What is played of one book: all that may matter to it, the damaged frame's place, and the place of the book's next frame."""

    tape: list[Frame]
    at: int
    following: int


def scenes(data: Path, tape: str, sample: int = SAMPLE) -> Iterator[Scene]:
    """Yield a seeded sample of frames behind their book's first snapshot and in front of its last frame."""
    whole = frames(data, tape)
    numbered = whole[0].venue == "COINBASE"
    chances = []
    for name in sorted({frame.name for frame in whole if frame.name}):
        mine = [i for i, frame in enumerate(whole) if frame.name == name]
        first = next(i for i in mine if not whole[i].diff)
        chances += [(name, i) for i in mine[:-1] if whole[i].asked is None and i > first]
    draw = random.Random(f"{SEED}{tape}")
    for name, at in sorted(draw.sample(chances, min(sample, len(chances)))):
        mine = [i for i, frame in enumerate(whole) if frame.name == name]
        following = next(i for i in mine if i > at)
        end = mine[min(mine.index(at) + AFTER, len(mine) - 1)]
        kept = [i for i in range(end + 1) if numbered or whole[i].name == name]
        yield Scene([whole[i] for i in kept], kept.index(at), kept.index(following))


def damages(scene: Scene) -> Iterator[tuple[str, list[Frame]]]:
    """Yield the tapes in which one frame is missing, comes twice or at the wrong time."""
    tape, at, following = scene
    yield "removed", [*tape[:at], *tape[at + 1 :]]
    yield "doubled", [*tape[: at + 1], *tape[at:]]
    yield "doubled behind the next of its book", [*tape[: following + 1], tape[at], *tape[following + 1 :]]
    for other in {following, at + 1}:
        swapped = list(tape)
        swapped[at], swapped[other] = tape[other], tape[at]
        yield f"swapped with the one {other - at} behind", swapped


def judge(scene: Scene, damaged: Sequence[Frame], whole: Replay, what: str, levels: int | None = None) -> bool:
    """Demand that a book that is called valid is that of the whole run (its first levels); return whether the damage was noticed."""
    name = scene.tape[scene.at].name
    run = play(damaged)
    if not run.instruments()[name]["valid"]:
        return True
    for ours, theirs in zip(run.book(name), whole.book(name), strict=True):
        assert np.array_equal(ours[:levels], theirs[:levels]), what
    return False


@pytest.mark.parametrize("tape", TAPES, ids=tapes.ident)
def test_a_book_frame_removed_doubled_or_misplaced_is_noticed_or_makes_no_difference(data_dir: Path, tape: str) -> None:
    noticed = {"removed": 0, "doubled": 0}
    seen = 0
    levels = COVERED[frames(data_dir, tape)[0].venue] if tape in UNNUMBERED else None
    for scene in scenes(data_dir, tape, 8 if tape == tapes.COINBASE else SAMPLE):  # its books have 46,000 levels
        seen += 1
        whole = play(scene.tape)
        one = whole.instruments()[scene.tape[scene.at].name]
        assert one["valid"] and not one["gaps"] and not one["checksum_failures"]
        for how, damaged in damages(scene):
            found = judge(scene, damaged, whole, f"frame {scene.at} of {scene.tape[scene.at].name} {how}", levels)
            if how in noticed:
                noticed[how] += found
    assert seen and noticed["removed"] > seen // 3
    assert noticed["doubled"] == 0, "one frame twice in a row harms nothing and is no reason to lose a book"


@pytest.mark.parametrize("tape", CHECKED, ids=tapes.ident)
def test_a_changed_digit_in_a_book_that_has_a_checksum_is_noticed_or_makes_no_difference(data_dir: Path, tape: str) -> None:
    noticed = changed = 0
    for scene in scenes(data_dir, tape):
        frame = scene.tape[scene.at]
        whole = play(scene.tape)
        draw = random.Random(f"{SEED}{tape}{scene.at}{frame.name}")
        places = [found.start() for found in re.finditer(rb"\d", frame.payload)]
        for place in draw.sample(places, min(DIGITS, len(places))):
            digit = draw.choice([one for one in b"0123456789" if one != frame.payload[place]])
            payload = frame.payload[:place] + bytes([digit]) + frame.payload[place + 1 :]
            damaged = [*scene.tape[: scene.at], frame._replace(payload=payload), *scene.tape[scene.at + 1 :]]
            changed += 1
            noticed += judge(scene, damaged, whole, f"{frame.payload!r} became {payload!r}", COVERED[frame.venue])
    assert noticed > changed // 3


@pytest.mark.parametrize("tape", CHECKED, ids=tapes.ident)
def test_a_changed_digit_of_a_level_at_the_top_is_a_wrong_checksum(data_dir: Path, tape: str) -> None:
    """The best level that a diff sets, so that it is surely among those that the sum covers."""
    found = 0
    for scene in scenes(data_dir, tape):
        frame = scene.tape[scene.at]
        before = play(scene.tape[: scene.at + 1])
        best = [side[0] for side in (before.instruments()[frame.name][key] for key in ("bids", "asks")) if side]
        for px, qty in best:
            pair = re.search(rb'%s"?\s*,\s*"?(?:qty"\s*:\s*"?)?(%s)' % (re.escape(px.encode()), re.escape(qty.encode())), frame.payload)
            if pair is None:
                continue
            at = pair.start(1)
            payload = frame.payload[:at] + (b"7" if frame.payload[at : at + 1] != b"7" else b"8") + frame.payload[at + 1 :]
            run = play([*scene.tape[: scene.at], frame._replace(payload=payload)])
            assert run.instruments()[frame.name]["checksum_failures"] == 1
            assert not run.instruments()[frame.name]["valid"]
            found += 1
    assert found
