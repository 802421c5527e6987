"""What a run leaves and the next one goes on with (aats.trade_restart): real traders, real journals in a folder, the venue on paper.

Orders of the dead process are unknown to the next one's paper venue, which says so: they end.  What a venue does that still has them is
tested with the session (tests/c/test_trader_adopt.c, tests/world/test_faults.py) and with real processes (tests/live/test_steps.py).
"""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aats import journal
from aats._ffi import ffi, lib, text
from aats.base.order import take_id
from aats.errors import AatsError, ConfigError
from aats.journal import JournalKind
from aats.trade_restart import Earlier

UNIT = 10**8
MS = 1_000_000
BTC, ETH = "BTCUSDT.BINANCE", "ETHUSDT.BINANCE"
_clock = itertools.count(1_700_000_000_000_000_000, 1000 * MS)


class Life:
    """One process of a strategy: trader, paper venue, journal."""

    def __init__(self, folder: Path, instance: int, symbols: tuple[str, ...] = (BTC,)) -> None:
        self.now = next(_clock)
        self.folder, self.instance = folder, instance
        self.path = folder / f"{instance:016x}.aj"
        why = ffi.new("char[256]")
        self.journal = lib.aats_journal_open(str(self.path).encode(), instance, b"life", 0, self.now, why, 256)
        assert self.journal != ffi.NULL, text(why)
        self.trader = lib.aats_trader_new(ffi.new("aats_trader_opts_t *", {"instance": instance}), ffi.NULL, 0, self.journal, why, 256)
        opts = ffi.new("aats_paper_opts_t *")
        lib.aats_paper_defaults(opts)
        opts.latency_ns = MS
        paper = lib.aats_paper_new(opts)
        assert lib.aats_trader_paper(self.trader, b"BINANCE", paper) == 0
        self.syms = {}
        for at, symbol in enumerate(symbols):
            numbers = {"px_exp": -8, "qty_exp": -8, "fee_exp": -8, "tick_i": UNIT // 100, "lot_i": 1000, "min_qty_i": 1000}
            names = {"symbol": symbol.encode(), "native": symbol[:7].encode(), "base": symbol[:3].encode(), "quote": b"USDT"}
            rules = ffi.new("aats_rules_t *", names | numbers)
            assert lib.aats_trader_add_symbol(self.trader, rules, 0) == at
            assert lib.aats_paper_symbol(paper, at, rules) == lib.AATS_OK
            self.syms[symbol] = at
        self.ended = False
        self.told: list[tuple[int, int, bool, str]] = []  # kind, order_id, replayed, client id

    def begin(self, earlier: Earlier) -> int:
        cnt = len(earlier.take(self.trader, self.syms, self.now))
        self.pass_time()
        for at in self.syms.values():
            levels = [ffi.new("aats_level_t[1]", [(px * UNIT, 50 * UNIT)]) for px in (99, 101)]
            lib.aats_trader_quote(self.trader, at, levels[0], 1, levels[1], 1, 1, self.now)
        return cnt

    def send(self, side: str, px: str, symbol: str = BTC, tif: int = lib.AATS_TIF_GTC) -> int:
        number = take_id()
        texts = [ffi.new("char[]", value.encode()) for value in (px, "1")]
        given = [{"kind": lib.AATS_GIVEN_TEXT, "text": raw, "text_len": len(raw) - 1} for raw in texts]
        req = ffi.new("aats_order_req_t *", {"order_id": number, "px": given[0], "qty": given[1], "sym": self.syms[symbol], "tif": tif})
        req.side = lib.AATS_SIDE_BUY if side == "buy" else lib.AATS_SIDE_SELL
        assert lib.aats_trader_send(self.trader, req, self.now, self.now) == lib.AATS_OK
        return number

    def pass_time(self, ms: int = 10) -> None:
        for _ in range(ms):
            self.now += MS
            lib.aats_trader_step(self.trader, self.now, self.now)
            event = ffi.new("aats_oev_t *")
            while lib.aats_trader_event(self.trader, event) == 1:
                order = event.order
                if order.order_id:
                    client_id = f"{order.instance:016x}{order.client_no or order.order_id:016x}"
                    self.told.append((event.kind, order.order_id, bool(order.flags & lib.AATS_OF_REPLAYED), client_id))

    def kinds(self, order_id: int, *, replayed: bool) -> list[int]:
        return [kind for kind, number, again, _ in self.told if number == order_id and again is replayed]

    def size(self, symbol: str = BTC) -> int:
        hold = ffi.new("aats_hold_t *")
        return int(hold.size.lo) if lib.aats_trader_hold(self.trader, 0, self.syms[symbol], hold) == 1 else 0

    def leave(self) -> None:
        """Leave in order: END is written."""
        lib.aats_trader_verify(self.trader)
        lib.aats_trader_leave(self.trader)
        self.pass_time()
        self.kill()

    def kill(self) -> None:
        """End as a process that is killed: whatever freeing it writes is undone."""
        if not self.ended:
            self.ended = True
            files = {path: path.read_bytes() for path in self.folder.glob(f"{self.instance:016x}*.aj")}
            lib.aats_trader_free(self.trader)
            lib.aats_journal_close(self.journal)
            for path, data in files.items():
                path.write_bytes(data)


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Any]:
    """Give a function that begins the next life in a folder; all are freed in the end."""
    made: list[Life] = []

    def begin(symbols: tuple[str, ...] = (BTC,)) -> tuple[Life, Earlier, int]:
        earlier = Earlier("life", [tmp_path], {one.instance for one in made if not one.ended})
        made.append(Life(tmp_path, len(made) + 1, symbols))
        return made[-1], earlier, made[-1].begin(earlier)

    yield begin
    for one in made:
        one.kill()


def left_in(folder: Path) -> list[str]:
    """Return the client ids of all orders that the journals of a folder have as open or untold."""
    return sorted(left.client_id for run in journal.scan(folder) for left in run.left.values())


# ---------------------------------------------------------------------------------------------------------- refusals


def test_a_journal_that_cannot_take_it_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path, 1)

    class Full:
        def __getattr__(self, name: str) -> Any:
            return (lambda *_: lib.AATS_E_IO) if name == "aats_trader_carried" else getattr(lib, name)

    monkeypatch.setattr("aats.trade_restart.lib", Full())
    with pytest.raises(AatsError, match="disk full"):
        life.begin(Earlier("life", [tmp_path], set()))
    life.kill()


def test_the_orders_of_a_living_run_are_left_alone(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    first.send("buy", "50")
    first.pass_time()
    before = left_in(tmp_path)
    second, earlier, taken = lives()
    assert (taken, earlier.instances, left_in(tmp_path)) == (0, [], before)
    assert not second.told


# ------------------------------------------------------------------------------------------------------------ orders


def test_an_open_order_is_told_again_and_asked_for_under_its_client_id(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    number = first.send("buy", "50")
    first.pass_time()
    client_id = f"{1:016x}{number:016x}"
    first.kill()
    second, earlier, taken = lives()
    assert taken == 1 and earlier.instances == [1]
    (order_id,) = {one for _, one, _, _ in second.told}
    assert order_id > number and {one for _, _, _, one in second.told} == {client_id}
    assert second.kinds(order_id, replayed=True) == [lib.AATS_OEV_CREATED, lib.AATS_OEV_ACKED]
    assert second.kinds(order_id, replayed=False)[0] == lib.AATS_OEV_UNKNOWN
    assert take_id() > order_id, "the next Order would have had its id"
    assert second.kinds(order_id, replayed=False)[1:] == [lib.AATS_OEV_CANCELED, lib.AATS_OEV_CLOSED]
    assert left_in(tmp_path) == [], "its end was told"


def test_an_order_whose_closed_was_told_is_not_told_again(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    first.send("buy", "101")
    first.pass_time()
    assert first.told[-1][0] == lib.AATS_OEV_CLOSED and left_in(tmp_path) == []
    first.kill()
    second, _, taken = lives()
    assert taken == 0 and second.told == []


def test_an_order_of_a_symbol_that_is_not_traded_is_left_to_the_session(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives((BTC, ETH))
    first.send("buy", "50", ETH)
    first.send("buy", "50", BTC)
    first.pass_time()
    first.kill()
    second, earlier, taken = lives((BTC,))
    assert taken == 1 and earlier.symbols("BINANCE") == {BTC, ETH}
    earlier.settle({BTC})
    assert not journal.read_run([first.path]).ended, "ETH was not looked at"
    second.kill()
    _, earlier, _ = lives((BTC,))
    assert 1 in earlier.instances
    earlier.settle({BTC, ETH})
    assert journal.read_run([first.path]).ended


def test_a_run_that_was_taken_over_is_settled_and_never_looked_at_again(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    first.send("buy", "50")
    first.pass_time()
    first.kill()
    second, earlier, _ = lives()
    earlier.settle(())
    assert journal.read_run([first.path]).ended
    second.kill()
    _, earlier, _ = lives()
    assert earlier.instances == [2]


# --------------------------------------------------------------------------------------------------- killed meanwhile


def test_killed_at_any_record_of_taking_over_each_order_belongs_to_exactly_one_run(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    for px in ("50", "51", "101"):
        first.send("buy", px)
    first.pass_time()
    first.kill()
    expected = left_in(tmp_path)
    assert len(expected) == 2
    second, _, _ = lives()
    second.kill()
    records = journal.read(second.path)
    assert records[0].kind == JournalKind.START and JournalKind.CHECKED in [one.kind for one in records]
    whole, end = second.path.read_bytes(), 0
    for record in records:
        end += _size(whole, end)
        folder = tmp_path / f"cut{record.number}"
        folder.mkdir()
        shutil.copy(first.path, folder)
        (folder / second.path.name).write_bytes(whole[:end])
        left = left_in(folder)
        checked = any(one.kind == JournalKind.CHECKED for one in records[: record.number])
        told = {one.order_id for one in records[: record.number] if one.kind == JournalKind.TOLD}
        assert len(left) == len(set(left)), "an order belongs to two runs"
        if not checked:
            assert left == expected, f"cut behind record {record.number}"
        elif not told:
            assert left == expected


def _size(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


# ------------------------------------------------------------------------------------------------------------- money


@pytest.mark.parametrize("ends", ["leave", "kill"])
def test_holdings_go_on_through_all_lives_however_they_end(lives: Any, tmp_path: Path, ends: str) -> None:
    size = 0
    for _ in range(4):
        life, _, _ = lives()
        assert life.size() == size
        life.send("buy", "101", tif=lib.AATS_TIF_IOC)
        life.pass_time()
        assert life.size() > size
        size = life.size()
        getattr(life, ends)()


def test_a_start_that_was_killed_before_it_took_over_changes_nothing(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    first.send("buy", "101", tif=lib.AATS_TIF_IOC)
    first.pass_time()
    size = first.size()
    first.leave()
    begun = Life(tmp_path, 77)  # START, and nothing else
    begun.kill()
    second, _, _ = lives()
    assert second.size() == size != 0


def test_day_totals_go_on(lives: Any, tmp_path: Path) -> None:
    first, _, _ = lives()
    for _ in range(3):
        number = first.send("buy", "50")
    assert lib.aats_trader_cancel(first.trader, number, 0, first.now, first.now) == lib.AATS_OK
    first.pass_time()
    first.kill()
    second, _, _ = lives()
    second.send("buy", "50")
    second.pass_time()
    second.kill()
    run = journal.carried(journal.scan(tmp_path))
    assert run is not None
    (totals,) = run.days.values()
    assert (totals.orders, totals.cancels) == (4, 1)


@pytest.mark.parametrize("ends", ["leave", "kill"])
def test_what_another_version_wrote_is_never_taken_for_nothing(lives: Any, tmp_path: Path, ends: str) -> None:
    first, _, _ = lives()
    first.send("buy", "101", tif=lib.AATS_TIF_IOC)
    first.pass_time()
    getattr(first, ends)()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules["aats.journal.records"], "LAYOUT_HASH", 1)  # as if this were another version
        with pytest.raises(ConfigError, match=f"{first.path.name} was written by another version"):
            Earlier("life", [tmp_path], set())
    second, _, _ = lives()
    assert second.size() == first.size() != 0
