"""What the files of a run come to: checkpoints, holdings, day totals, orders that a later run has adopted; and which files may go."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from aats import journal
from aats._ffi import ffi, lib
from aats.journal import JournalKind
from tests.orders.journals import DAY_NS, SYMBOL, UNIT, event, fill, hold, order, pen, wide


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))
    return tmp_path


# ------------------------------------------------------------------------------------------------------------ refusals


def test_an_unknown_policy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(journal.write.ConfigError, match="never, intent, all"):
        journal.create("binance-12345678", "maker", sync="sometimes")


@pytest.mark.parametrize("sync", ["never", "intent", "all"])
def test_each_policy_makes_a_journal_that_is_read_alike(sync: str) -> None:
    writer = journal.create("binance-12345678", "maker", sync=sync)
    one = order(1)
    assert lib.aats_journal_put(writer.handle, JournalKind.INTENT, 1, one, ffi.sizeof("aats_order_t"), 1) == lib.AATS_OK
    assert len(journal.scan(writer.path.parent)[0].open) == 1
    writer.close()


# ------------------------------------------------------------------------------------------------------------ rotation


def test_the_newest_file_counts_and_what_was_told_before_it_is_gone() -> None:
    write, writer = pen()
    for order_id in (1, 2, 3):
        write.intent(order(order_id))
    write.told(1)
    write.rotate()
    for order_id in (2, 3):
        write.intent(order(order_id))
        write.event(event(lib.AATS_OEV_ACKED, order(order_id)))
    write.checked()
    write.told(2)
    (run,) = journal.scan(writer.path.parent)
    assert [path.name for path in run.parts] == [f"{writer.instance:016x}.aj", f"{writer.instance:016x}.1.aj"]
    assert run.path == run.parts[-1] and run.instance == writer.instance and run.tail == 0
    assert [left.order_id for left in run.open] == [3] and len(run.left[3].events) == 1
    journal_of_rest = journal.read(run.parts[0])
    assert [one.kind for one in journal_of_rest].count(JournalKind.INTENT) == 3
    writer.close()
    journal.settle(run.path)
    assert journal.scan(writer.path.parent)[0].ended


def test_before_its_checkpoint_is_complete_the_old_file_counts() -> None:
    write, writer = pen()
    write.intent(order(1))
    write.rotate()
    write.intent(order(9))
    (run,) = journal.scan(writer.path.parent)
    assert [left.order_id for left in run.open] == [1] and run.parts == [writer.path]
    write.checked()
    (run,) = journal.scan(writer.path.parent)
    assert [left.order_id for left in run.open] == [9] and len(run.parts) == 2
    writer.close()


def test_a_newest_file_that_a_power_cut_has_damaged_is_passed_over() -> None:
    write, writer = pen()
    write.intent(order(1))
    write.rotate()
    write.put(JournalKind.HOLD, 0, hold())
    write.checked()
    write.told(1)
    writer.close()
    (run,) = journal.scan(writer.path.parent)
    assert run.open == []
    newest = run.path
    raw = bytearray(newest.read_bytes())
    raw[100:200] = bytes(100)
    newest.write_bytes(raw)
    (run,) = journal.scan(writer.path.parent)
    assert run.path == writer.path and [left.order_id for left in run.open] == [1]


# ------------------------------------------------------------------------------------------------- holdings, fees, days


def test_fills_after_the_checkpoint_are_in_the_holdings_and_those_before_it_are_not_again() -> None:
    write, writer = pen()
    one = order(1)
    write.put(JournalKind.HOLD, 0, hold())
    write.intent(one)
    first = fill(one, 11, fee_i=3, fee_exp=-8, fee_asset=b"BNB")
    write.event(first)
    holding = hold()
    assert lib.aats_hold_fill(holding, first) == lib.AATS_OK
    write.rotate()
    write.put(JournalKind.HOLD, 0, holding)
    write.put(JournalKind.FEE, 0, ffi.new("aats_fee_t *", {"asset": b"BNB", "fee_exp": -8, "amount": {"lo": 3}}))
    write.intent(one)
    write.event(first)
    write.checked()
    write.event(fill(one, 12, 2 * UNIT, fee_i=50, fee_exp=-10, fee_asset=b"BNB"))
    run = journal.read_run([writer.path, *journal.files_of(writer.path.parent)[writer.instance]])
    held = run.holds[0, SYMBOL]
    assert (wide(held["size"]), int(held["base_exp"]), int(held["fills"])) == (3 * UNIT, -8, 2)
    assert wide(held["cash"]) == -300 * UNIT * UNIT and int(held["cash_exp"]) == -16
    paid = run.fees[0, "BNB"]
    assert (wide(paid["amount"]), int(paid["fee_exp"])) == (350, -10)
    assert run.fills == [] and [int(one["trade_id"]) for one in run.left[1].events] == [11, 12]
    writer.close()


def test_a_fill_without_a_holding_to_enter_it_is_given_as_it_is() -> None:
    write, writer = pen()
    one = order(1)
    write.intent(one)
    write.event(fill(one, 11, fee_i=3, fee_exp=-8, fee_asset=b"BNB"))
    run = journal.read_run([writer.path])
    assert [int(one["trade_id"]) for one in run.fills] == [11] and run.holds == {} and run.fees == {}
    writer.close()


def test_a_fill_that_is_written_down_twice_counts_once() -> None:
    write, writer = pen()
    one = order(1)
    write.put(JournalKind.HOLD, 0, hold())
    write.intent(one)
    same = fill(one, 11)
    write.event(same)
    write.event(same)
    run = journal.read_run([writer.path])
    assert wide(run.holds[0, SYMBOL]["size"]) == UNIT
    writer.close()


def test_a_rebate_makes_the_fees_less() -> None:
    write, writer = pen()
    one = order(1)
    write.put(JournalKind.HOLD, 0, hold())
    write.intent(one)
    write.event(fill(one, 1, fee_i=-5, fee_exp=-8, fee_asset=b"BNB"))
    paid = journal.read_run([writer.path]).fees[0, "BNB"]
    assert wide(paid["amount"]) == -5
    writer.close()


def test_orders_and_cancels_are_counted_by_day_from_the_checkpoint_on() -> None:
    write, writer = pen()
    today = time.time_ns() // DAY_NS
    write.day(today, 40, 7)
    write.checked()
    for order_id, day in ((1, today), (2, today), (3, today + 1)):
        write.intent(order(order_id), day * DAY_NS + 5)
    write.put(JournalKind.CANCEL, 2, ns=today * DAY_NS + 9)
    assert journal.read_run([writer.path]).days == {today: journal.DayTotals(42, 8), today + 1: journal.DayTotals(1, 0)}
    write.rotate()
    write.day(today + 1, 1, 0)
    write.intent(order(3), (today + 1) * DAY_NS)
    write.checked()
    write.intent(order(4), (today + 1) * DAY_NS + 6)
    (run,) = journal.scan(writer.path.parent)
    assert run.days == {today + 1: journal.DayTotals(2, 0)}
    writer.close()


# ------------------------------------------------------------------------------------------------------------ adoption


def two_lives(*, complete: bool) -> tuple[journal.Writer, journal.Writer]:
    """One run dies with an order out; the next adopts it, and dies before or after its checkpoint is complete."""
    write, first = pen()
    one = order(4, instance=write.instance)
    write.put(JournalKind.HOLD, 0, hold())
    write.checked()
    write.intent(one)
    write.event(fill(one, 11))
    first.close()

    write, second = pen()
    mine = order(1, instance=first.instance, client_no=4)
    said = fill(mine, 11)
    holding = hold()
    assert lib.aats_hold_fill(holding, said) == lib.AATS_OK
    write.event(said)  # told again
    write.put(JournalKind.HOLD, 0, holding)
    write.intent(mine)
    write.event(said)
    write.adopted(1, first.instance, 4)
    if complete:
        write.checked()
        write.event(fill(mine, 12, 2 * UNIT))
    second.close()
    return first, second


def test_an_adopted_order_is_in_the_later_run_alone() -> None:
    first, second = two_lives(complete=True)
    old, new = journal.scan(first.path.parent)
    assert (old.instance, new.instance) == (first.instance, second.instance)
    assert old.left == {} and not old.ended
    (left,) = new.open
    assert (left.order_id, left.instance, left.client_no) == (1, first.instance, 4)
    assert left.client_id == f"{first.instance:016x}{4:016x}"
    assert [int(one["trade_id"]) for one in left.events] == [11, 12]
    assert wide(new.holds[0, SYMBOL]["size"]) == 3 * UNIT and new.fills == []
    assert new.adopted == {(first.instance, 4): 1}
    carried = journal.carried([old, new])
    assert carried is not None and carried.instance == second.instance


def test_an_order_that_was_adopted_twice_is_in_the_last_run_alone() -> None:
    first, second = two_lives(complete=True)
    write, third = pen()
    mine = order(7, instance=first.instance, client_no=4)
    write.intent(mine)
    write.adopted(7, first.instance, 4)
    write.checked()
    third.close()
    old, middle, new = journal.scan(first.path.parent)
    assert (old.left, middle.left, [left.order_id for left in new.open]) == ({}, {}, [7])
    journal.settle(second.path)
    assert [sorted(run.left) for run in journal.scan(first.path.parent)] == [[], [], [7]]
    journal.settle(third.path)
    assert [sorted(run.left) for run in journal.scan(first.path.parent)] == [[], [], []]


def test_an_adoption_that_was_killed_half_way_has_not_happened() -> None:
    first, second = two_lives(complete=False)
    old, new = journal.scan(first.path.parent)
    assert [left.order_id for left in old.open] == [4] and new.open == [] and new.adopted == {}
    assert (new.instance, new.checked) == (second.instance, False) and new.fills == []
    carried = journal.carried([old, new])
    assert carried is not None and carried.instance == first.instance
    assert wide(carried.holds[0, SYMBOL]["size"]) == UNIT


def test_an_adopted_order_stays_adopted_when_the_later_run_has_rotated_and_ended() -> None:
    first, second = two_lives(complete=True)
    why = ffi.new("char[]", 300)
    handle = lib.aats_journal_resume(str(second.path).encode(), why, 300)
    assert handle != ffi.NULL, ffi.string(why)
    write = type(pen("other")[0])(handle)
    write.told(1)
    write.rotate()
    write.checked()
    write.put(JournalKind.END)
    lib.aats_journal_close(handle)
    old, new = journal.scan(first.path.parent)
    assert new.ended and new.path.name.endswith(".1.aj") and old.left == {}
    carried = journal.carried([old, new])
    assert carried is not None and carried.instance == second.instance


def test_runs_are_in_the_order_in_which_they_began_though_the_clock_went_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for now in (5000, 3000, 4000):
        monkeypatch.setattr(journal.write.time, "time_ns", lambda now=now: now)
        made.append(journal.create("binance-12345678", "maker"))
    assert [run.instance for run in journal.scan(made[0].path.parent)] == [one.instance for one in made]
    assert [run.start_ns for run in journal.scan(made[0].path.parent)] == [5000, 5001, 5002]
    for one in made:
        one.close()


def test_the_run_that_took_over_last_counts_though_it_began_first() -> None:
    waits, first = pen()
    trades, second = pen()
    trades.put(JournalKind.HOLD, 0, hold())
    trades.checked()
    trades.put(JournalKind.END)
    second.close()
    assert (found := journal.carried(journal.scan(first.path.parent))) is not None and found.instance == second.instance
    waits.put(JournalKind.HOLD, 0, hold())
    waits.checked()
    waits.put(JournalKind.END)
    first.close()
    assert (found := journal.carried(journal.scan(first.path.parent))) is not None and found.instance == first.instance
    aged(first.path)
    aged(second.path)
    assert journal.clean(first.path.parent) == 1 and first.path.exists()


def test_nobody_carries_from_runs_without_a_checkpoint() -> None:
    write, writer = pen()
    write.intent(order(1))
    assert journal.carried(journal.scan(writer.path.parent)) is None
    writer.close()


# ------------------------------------------------------------------------------------------------------------ cleaning


def aged(path: Path, days: float = 8.0) -> Path:
    """Make a file look old, and return it."""
    os.utime(path, (time.time() - days * 86400,) * 2)
    return path


def ended_run(*, checked: bool) -> Path:
    """Leave the journal of a run that ended in order long ago."""
    write, writer = pen()
    if checked:
        write.put(JournalKind.HOLD, 0, hold())
        write.checked()
    write.put(JournalKind.END)
    writer.close()
    return aged(writer.path)


def test_the_newest_holdings_stay_whatever_their_age() -> None:
    paths = [ended_run(checked=True), ended_run(checked=True), ended_run(checked=False)]
    assert journal.clean(paths[0].parent) == 1
    assert [path.exists() for path in paths] == [False, True, True]
    assert journal.clean(paths[0].parent) == 0


def test_a_run_that_may_have_adopted_orders_of_one_that_has_not_ended_stays() -> None:
    first, second = two_lives(complete=True)
    journal.settle(second.path)
    last = [ended_run(checked=True), ended_run(checked=True)]
    for path in (first.path, second.path):
        aged(path)
    assert journal.clean(first.path.parent) == 0
    journal.settle(first.path)
    aged(first.path)
    assert journal.clean(first.path.parent) == 3 and last[1].exists()


def test_of_a_run_that_has_not_ended_the_files_between_the_first_and_the_newest_go() -> None:
    write, writer = pen()
    for _ in range(3):
        write.rotate()
        write.checked()
    write.intent(order(1))
    folder, parts = writer.path.parent, journal.files_of(writer.path.parent)[writer.instance]
    for path in parts:
        aged(path)
    assert journal.clean(folder) == 2
    assert [path.exists() for path in parts] == [True, False, False, True]
    (run,) = journal.scan(folder)
    assert len(run.open) == 1
    writer.close()


def test_too_many_bytes_go_oldest_first_though_they_are_young() -> None:
    paths = [ended_run(checked=True) for _ in range(4)]
    for age, path in enumerate(reversed(paths)):
        aged(path, age / 24)
    size = paths[0].stat().st_size
    assert journal.clean(paths[0].parent, bytes_max=2 * size) == 2
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_a_rotation_that_was_killed_leaves_nothing_for_ever(home: Path) -> None:
    folder = journal.folder_of("binance-12345678", "maker")
    young, old = folder / ".00000000000000ff.1.tmp", folder / ".00000000000000ff.2.tmp"
    for path in (young, old):
        path.write_bytes(b"")
    aged(old, 2)
    assert journal.clean(folder) == 1 and young.exists() and not old.exists()


# ---------------------------------------------------------------------------------------------------------- amendments


def amended(one: Any, px: int, qty: int) -> Any:
    """Return the Amended of `one` with other numbers."""
    changed = ffi.new("aats_order_t *", one[0])
    changed.px_i, changed.qty_i = px, qty
    return event(lib.AATS_OEV_AMENDED, changed)


@pytest.mark.parametrize("code", [lib.AATS_OC_AMEND_PENDING, lib.AATS_OC_CANCEL_PENDING, lib.AATS_OC_NUMBER, lib.AATS_OC_CLOSING])
def test_a_request_that_was_refused_here_does_not_answer_the_one_that_is_under_way(code: int) -> None:
    write, writer = pen()
    one = order(1)
    write.intent(one)
    write.event(event(lib.AATS_OEV_ACKED, one))
    write.put(JournalKind.AMEND, 1, ffi.new("aats_jamend_t *", {"px_i": 90, "qty_i": 20}))
    write.event(event(lib.AATS_OEV_AMEND_REJECTED, one, code=code))
    (run,) = journal.scan(writer.path.parent)
    assert run.left[1].amend == (90, 20)
    write.event(event(lib.AATS_OEV_AMEND_REJECTED, one, code=lib.AATS_OC_VENUE))
    assert journal.scan(writer.path.parent)[0].left[1].amend is None
    writer.close()


def test_an_amendment_by_another_hand_does_not_answer_the_request_that_is_under_way() -> None:
    write, writer = pen()
    one = order(1)
    write.intent(one)
    write.put(JournalKind.AMEND, 1, ffi.new("aats_jamend_t *", {"px_i": 90, "qty_i": 20}))
    write.event(amended(one, 70, 5))
    assert journal.scan(writer.path.parent)[0].left[1].amend == (90, 20)
    write.event(amended(one, 90, 20))
    assert journal.scan(writer.path.parent)[0].left[1].amend is None
    writer.close()
