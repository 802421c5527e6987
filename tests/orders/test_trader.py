"""Trader, journal and paper trading together, on a scripted book and in virtual time: what a strategy's callbacks would be told."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import journal
from aats._ffi import ffi, lib, text
from aats.journal import JournalKind

UNIT = 10**8
MS = 1_000_000
START_NS = 1_700_000_000_000_000_000

#: Kinds of order events as letters, so that the grammar of docs/decisions.md is a regular expression.
LETTERS = {
    lib.AATS_OEV_CREATED: "C",
    lib.AATS_OEV_REJECTED: "R",
    lib.AATS_OEV_ACKED: "a",
    lib.AATS_OEV_EXEC: "x",
    lib.AATS_OEV_CANCELED: "d",
    lib.AATS_OEV_CLOSED: ".",
    lib.AATS_OEV_UNKNOWN: "u",
    lib.AATS_OEV_CANCEL_CREATED: "c",
    lib.AATS_OEV_CANCEL_ACKED: "k",
    lib.AATS_OEV_CANCEL_REJECTED: "j",
}
LIFE = re.compile(r"C(R|ax*d?)\.")
CANCELS = re.compile(r"(c[kj])*")


class Desk:
    """One symbol, paper trading, a journal; every event given is kept in `told`."""

    def __init__(self, path: Path, *, latency_ms: int = 1) -> None:
        self.now = START_NS
        why = ffi.new("char[256]")
        self.path = path
        self.journal = lib.aats_journal_open(str(path).encode(), 0xABC, b"desk", 0, self.now, why, 256)
        assert self.journal != ffi.NULL, text(why)
        opts = ffi.new("aats_trader_opts_t *", {"instance": 0xABC})
        self.trader = lib.aats_trader_new(opts, ffi.NULL, 0, self.journal, why, 256)
        assert self.trader != ffi.NULL, text(why)
        paper_opts = ffi.new("aats_paper_opts_t *")
        lib.aats_paper_defaults(paper_opts)
        paper_opts.latency_ns = latency_ms * MS
        paper_opts.maker_rate_i, paper_opts.taker_rate_i = 75_000, 100_000
        paper = lib.aats_paper_new(paper_opts)
        assert lib.aats_trader_paper(self.trader, b"BINANCE", paper) == 0
        rules = ffi.new(
            "aats_rules_t *",
            {
                "symbol": b"BTCUSDT.BINANCE",
                "native": b"BTCUSDT",
                "base": b"BTC",
                "quote": b"USDT",
                "px_exp": -8,
                "qty_exp": -8,
                "fee_exp": -8,
                "tick_i": UNIT // 100,
                "lot_i": 1000,
                "min_qty_i": 1000,
                "min_notional_i": 5 * UNIT,
            },
        )
        assert lib.aats_trader_add_symbol(self.trader, rules, 0) == 0
        assert lib.aats_paper_symbol(paper, 0, rules) == lib.AATS_OK
        self.told: list[Any] = []
        self.number = 0
        self.step()
        assert lib.aats_trader_ready(self.trader) == 1
        assert [event.kind for event in self.take()] == [lib.AATS_OEV_RECONCILED]

    def free(self) -> None:
        if self.trader != ffi.NULL:
            lib.aats_trader_free(self.trader)
            lib.aats_journal_close(self.journal)
            self.trader = ffi.NULL

    # -- what happens to it

    def step(self, ms: float = 0) -> None:
        self.now += int(ms * MS)
        lib.aats_trader_step(self.trader, self.now, self.now)

    def settle(self, ms: int = 5) -> None:
        for _ in range(ms):
            self.step(1)

    def quote(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]], valid: int = 1) -> None:
        sides = [ffi.new("aats_level_t[]", [(round(px * UNIT), round(qty * UNIT)) for px, qty in side]) for side in (bids, asks)]
        lib.aats_trader_quote(self.trader, 0, sides[0], len(bids), sides[1], len(asks), valid, self.now)

    def tick(self, aggressor: int, px: float, qty: float) -> None:
        lib.aats_trader_tick(self.trader, 0, aggressor, round(px * UNIT), round(qty * UNIT), self.now)

    def send(self, side: str, tif: str, px: str, qty: str, order_id: int = 0) -> int:
        if order_id == 0:
            self.number += 1
            order_id = self.number
        texts = [ffi.new("char[]", value.encode()) for value in (px, qty)]
        given = [{"kind": lib.AATS_GIVEN_TEXT, "text": raw, "text_len": len(raw) - 1} for raw in texts]
        req = ffi.new("aats_order_req_t *", {"order_id": order_id, "px": given[0], "qty": given[1]})
        req.side = {"buy": lib.AATS_SIDE_BUY, "sell": lib.AATS_SIDE_SELL}[side]
        req.tif = getattr(lib, f"AATS_TIF_{tif.upper()}")
        assert lib.aats_trader_send(self.trader, req, self.now, self.now) == lib.AATS_OK
        return order_id

    def cancel(self, order_id: int) -> None:
        assert lib.aats_trader_cancel(self.trader, order_id, 0, self.now, self.now) == lib.AATS_OK

    # -- what is seen of it

    def take(self) -> list[Any]:
        found: list[Any] = []
        while True:
            event = ffi.new("aats_oev_t *")
            if lib.aats_trader_event(self.trader, event) == 0:
                break
            found.append(event)
        self.told += found
        return found

    def life(self, order_id: int) -> str:
        self.take()
        return "".join(LETTERS[event.kind] for event in self.told if event.order.order_id == order_id)

    def fills(self, order_id: int) -> list[tuple[float, float]]:
        return [
            (event.fill_px_i / UNIT, event.fill_qty_i / UNIT)
            for event in self.told
            if event.kind == lib.AATS_OEV_EXEC and event.order.order_id == order_id
        ]

    def code(self, order_id: int) -> str:
        (closed,) = (event for event in self.told if event.kind == lib.AATS_OEV_CLOSED and event.order.order_id == order_id)
        return text(lib.aats_code_name(closed.order.code))

    def position(self) -> Any:
        pos = ffi.new("aats_pos_t *")
        assert lib.aats_trader_pos(self.trader, 0, pos) == lib.AATS_OK
        return pos


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "00000000000000ab.aj")
    made.quote([(99.0, 2), (98.0, 5)], [(101.0, 2), (102.0, 5)])
    yield made
    made.free()


def wide(value: Any) -> int:
    return int(value.hi) * 2**64 + int(value.lo)


# ------------------------------------------------------------------------------------------------------- one by one


def test_a_post_only_order_that_would_trade_is_rejected(desk: Desk) -> None:
    one = desk.send("buy", "pos", "101", "1")
    desk.settle()
    assert (desk.life(one), desk.code(one)) == ("CR.", "would_cross")


def test_a_fill_or_kill_order_that_cannot_be_filled_whole_trades_nothing(desk: Desk) -> None:
    one = desk.send("buy", "fok", "101", "3")
    desk.settle()
    assert (desk.life(one), desk.fills(one)) == ("Cad.", [])
    two = desk.send("buy", "fok", "102", "3")
    desk.settle()
    assert (desk.life(two), desk.fills(two)) == ("Caxx.", [(101.0, 2.0), (102.0, 1.0)])


def test_created_comes_before_anything_the_venue_says_and_acked_before_the_fill(desk: Desk) -> None:
    one = desk.send("buy", "ioc", "101", "3")
    assert desk.life(one) == "C"
    desk.settle()
    assert (desk.life(one), desk.fills(one), desk.code(one)) == ("Caxd.", [(101.0, 2.0)], "ioc_rest")


def test_a_market_order_takes_what_is_there(desk: Desk) -> None:
    one = desk.send("sell", "market", "0", "4")
    desk.settle()
    assert (desk.life(one), desk.fills(one), desk.code(one)) == ("Caxx.", [(99.0, 2.0), (98.0, 2.0)], "filled")


def test_a_resting_order_is_filled_behind_what_was_displayed_before_it(desk: Desk) -> None:
    one = desk.send("buy", "gtc", "99", "1")
    desk.settle()
    desk.tick(lib.AATS_SIDE_SELL, 99, 2)
    desk.settle()
    assert desk.life(one) == "Ca"
    desk.tick(lib.AATS_SIDE_SELL, 99, 0.25)
    desk.settle()
    assert (desk.life(one), desk.fills(one)) == ("Cax", [(99.0, 0.25)])
    desk.tick(lib.AATS_SIDE_SELL, 98.5, 5)
    desk.settle()
    assert (desk.life(one), desk.fills(one), desk.code(one)) == ("Caxx.", [(99.0, 0.25), (99.0, 0.75)], "filled")


def test_a_cancel_is_acked_before_the_canceled_that_it_caused(desk: Desk) -> None:
    one = desk.send("buy", "gtc", "90", "1")
    desk.settle()
    desk.cancel(one)
    desk.settle()
    assert (desk.life(one), desk.code(one)) == ("Cackd.", "canceled")
    desk.cancel(one)
    assert desk.life(one) == "Cackd.j"


def test_a_cancel_that_comes_too_late_is_answered_before_closed(desk: Desk) -> None:
    one = desk.send("buy", "ioc", "101", "1")
    desk.cancel(one)
    desk.settle()
    life = desk.life(one)
    assert life.startswith("Cc") and life.endswith(".") and life.count(".") == 1
    assert LIFE.fullmatch(re.sub("[ckj]", "", life)) and "j" in life and "k" not in life


def test_leaving_cancels_verifies_and_ends_the_journal(desk: Desk) -> None:
    ids = [desk.send("buy", "gtc", "90", "1") for _ in range(3)]
    desk.settle()
    lib.aats_trader_close(desk.trader)
    late = desk.send("buy", "gtc", "90", "1")
    assert lib.aats_trader_cancel_all(desk.trader, desk.now, desk.now) == 3
    desk.settle()
    assert lib.aats_trader_open_cnt(desk.trader) == 0
    assert [desk.life(one) for one in ids] == ["Cackd."] * 3
    assert (desk.life(late), desk.code(late)) == ("CR.", "closing")
    lib.aats_trader_verify(desk.trader)
    desk.settle()
    assert lib.aats_trader_verified(desk.trader) == 1
    lib.aats_trader_leave(desk.trader)
    desk.settle()
    assert lib.aats_trader_left(desk.trader) == 1
    desk.take()
    desk.free()
    (run,) = journal.scan(desk.path.parent)
    assert run.ended


# ----------------------------------------------------------------------------------------------------------- at random


def _roam(desk: Desk, rng: random.Random) -> None:
    """Let the market and a strategy do anything, a few hundred times; some events are taken late."""
    mid = 100.0
    for _ in range(300):
        action = rng.randrange(8)
        if action < 3:
            mid = max(50.0, mid + rng.randrange(-2, 3) * 0.5)
            bids = [(mid - 0.5 - 0.5 * n, rng.randrange(1, 40) / 10) for n in range(3)]
            asks = [(mid + 0.5 + 0.5 * n, rng.randrange(1, 40) / 10) for n in range(3)]
            desk.quote(bids, asks, valid=rng.random() < 0.95)
        elif action == 3:
            desk.tick(rng.choice((lib.AATS_SIDE_BUY, lib.AATS_SIDE_SELL)), mid + rng.randrange(-2, 3) * 0.5, rng.randrange(1, 30) / 10)
        elif action < 6:
            px = f"{mid + rng.randrange(-4, 5) * 0.5:.2f}"
            tif = rng.choice(("ioc", "gtc", "gtc", "pos", "fok", "market"))
            again = rng.randrange(1, desk.number + 1) if desk.number and rng.random() < 0.05 else 0
            desk.send(rng.choice(("buy", "sell")), tif, px, f"{rng.randrange(0, 25) / 10:.1f}", again)
        elif desk.number:
            desk.cancel(rng.randrange(1, desk.number + 2))
        desk.step(rng.choice((0, 0.2, 1, 3)))
        if rng.random() < 0.6:
            desk.take()


def _check_grammar(desk: Desk) -> int:
    """Check each order's events; those of a send under an id that was used before are an order of their own."""
    lives: dict[int, str] = defaultdict(str)
    cancels: dict[int, str] = defaultdict(str)
    refusals: dict[int, str] = defaultdict(str)
    doubles = set()
    for at, event in enumerate(desk.told):
        if event.kind == lib.AATS_OEV_REJECTED and event.code == lib.AATS_OC_DUPLICATE_ID:
            doubles |= {at - 1, at, at + 1}
    for at, event in enumerate(desk.told):
        number, letter = event.order.order_id, LETTERS[event.kind]
        if at in doubles:
            refusals[number] += letter
        elif letter in "ckj":
            if letter == "j" and event.code == lib.AATS_OC_UNKNOWN_ORDER and not text(event.order.symbol):
                continue  # of an id that is not open: the one event that may follow Closed
            assert "." not in lives[number], "a cancel's event after Closed"
            cancels[number] += letter
        elif letter != "u":
            lives[number] += letter
    for number in range(1, desk.number + 1):
        assert LIFE.fullmatch(lives[number]), (number, lives[number])
        assert CANCELS.fullmatch("".join(sorted_pairs(cancels[number]))), (number, cancels[number])
    assert all(re.fullmatch(r"(CR\.)+", life) for life in refusals.values())
    return len(lives)


def sorted_pairs(letters: str) -> Iterator[str]:
    """Yield each request with its answer, in the order of the requests; a second request while one is open is answered at once."""
    waiting = 0
    for at, letter in enumerate(letters):
        if letter == "c":
            waiting += 1
            assert waiting <= 2, letters
        else:
            waiting -= 1
            assert waiting >= 0, (letters, at)
            yield "c" + letter
    assert waiting == 0, letters


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_the_events_obey_the_grammar_and_the_money_is_that_of_the_fills(seed: int, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "00000000000000ab.aj", latency_ms=seed % 3)
    desk.told.clear()
    desk.quote([(99.5, 2)], [(100.5, 2)])
    _roam(desk, random.Random(seed))
    lib.aats_trader_close(desk.trader)
    desk.quote([(99.5, 2)], [(100.5, 2)])
    desk.settle(10)
    lib.aats_trader_cancel_all(desk.trader, desk.now, desk.now)
    desk.settle(10)
    assert lib.aats_trader_open_cnt(desk.trader) == 0
    desk.take()

    assert _check_grammar(desk) > 30
    bought = sold = paid = got = fee_base = fee_quote = 0
    for event in desk.told:
        if event.kind != lib.AATS_OEV_EXEC:
            continue
        assert text(event.fee_asset) == ("BTC" if event.order.side == lib.AATS_SIDE_BUY else "USDT")
        if event.order.side == lib.AATS_SIDE_BUY:
            bought, paid, fee_base = bought + event.fill_qty_i, paid + event.fill_px_i * event.fill_qty_i, fee_base + event.fee_i
        else:
            sold, got, fee_quote = sold + event.fill_qty_i, got + event.fill_px_i * event.fill_qty_i, fee_quote + event.fee_i
    pos = desk.position()
    sums = (pos.bought, pos.sold, pos.bought_notional, pos.sold_notional, pos.fee_base, pos.fee_quote)
    assert tuple(wide(value) for value in sums) == (bought, sold, paid, got, fee_base, fee_quote)
    assert bought > 0 and sold > 0
    counted = [sum(event.kind == kind for event in desk.told) for kind in (lib.AATS_OEV_CREATED, lib.AATS_OEV_ACKED, lib.AATS_OEV_CLOSED)]
    assert [pos.orders, pos.acked, pos.closed] == counted

    lib.aats_trader_verify(desk.trader)
    desk.settle()
    lib.aats_trader_leave(desk.trader)
    desk.settle()
    desk.free()
    _check_journal(desk)


def _check_journal(desk: Desk) -> None:
    """Every order that went out has intent, events and TOLD, in that order; what was given is what was written."""
    written = journal.read(desk.path)
    assert [record.kind for record in (written[0], written[-1])] == [JournalKind.START, JournalKind.END]
    given = [event for event in desk.told if event.order.order_id]
    noted = [record for record in written if record.kind == JournalKind.EVENT and record.order_id]
    doubles = sum(event.code == lib.AATS_OC_DUPLICATE_ID and event.kind == lib.AATS_OEV_REJECTED for event in given)
    assert len(noted) == len(given) - 3 * doubles
    phase: dict[int, int] = defaultdict(int)
    for record in written:
        if record.kind == JournalKind.INTENT:
            assert phase[record.order_id] == 0
            phase[record.order_id] = 1
        elif record.kind == JournalKind.EVENT and record.order_id in phase and record.data is not None:
            closed = int(record.data["kind"]) == lib.AATS_OEV_CLOSED
            assert not (closed and phase[record.order_id] != 1)
            phase[record.order_id] += closed
        elif record.kind == JournalKind.TOLD:
            assert phase[record.order_id] == 2
            phase[record.order_id] = 3
    assert phase and set(phase.values()) == {3}


# ------------------------------------------------------------------------------------------------------------ kill -9

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_trader import Desk, LETTERS, lib
desk = Desk(Path(sys.argv[2]))
desk.told.clear()
while True:
    desk.quote([(99.0, 2)], [(101.0, 2)])
    sent = desk.send("buy", ("gtc", "ioc", "pos")[desk.number % 3], ("90", "101", "101")[desk.number % 3], "1")
    sys.stdout.write(f"sent {sent}\\n")
    sys.stdout.flush()
    if sent % 5 == 0:
        desk.cancel(sent - 1)
    desk.settle(3)
    for event in desk.take():
        if LETTERS.get(event.kind) == ".":
            sys.stdout.write(f"told {event.order.order_id}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 7, 50, 120, 333])
def test_a_killed_strategys_orders_are_all_known_to_the_next_run(after: int, tmp_path: Path) -> None:
    path = tmp_path / "00000000000000ab.aj"
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(after)]
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    words = [line.split() for line in lines if line.endswith("\n")]
    sent = {int(number) for word, number in words if word == "sent"}
    told = {int(number) for word, number in words if word == "told"}
    assert sent
    (run,) = journal.scan(tmp_path)
    written = journal.read(path)
    intents = {record.order_id for record in written if record.kind == JournalKind.INTENT}
    delivered = {record.order_id for record in written if record.kind == JournalKind.TOLD}
    assert not run.ended
    assert sent <= intents, "an order went out unwritten"
    assert set(run.left) == intents - delivered
    assert told <= delivered, "a Closed that was delivered would be told again"
    assert {left.order_id for left in run.open} >= {number for number in sent - told if number % 3 == 1 and (number + 1) % 5 != 0}
