"""Journals beside a run's own (aats.trade_neighbours): a second process of the name, and what stays under another API key."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from aats import journal
from aats.errors import ConfigError
from aats.trade_neighbours import refuse_second, under_other_keys, warn_of_other_keys
from tests.orders.journals import SYMBOL, Pen, fill, hold, order

OLD, NEW = "binance-11111111", "binance-22222222"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_HOME", str(tmp_path))


def begun(account: str, strategy: str = "maker") -> tuple[Pen, journal.Writer]:
    writer = journal.create(account, strategy)
    pen = Pen(writer.handle, writer.instance)
    pen.put(journal.JournalKind.HOLD, 0, hold())
    pen.checked()
    return pen, writer


def test_a_second_process_of_a_name_is_refused_wherever_the_first_one_runs() -> None:
    _, writer = begun(NEW)
    folders = [journal.folder_of(NEW, "maker")]
    with pytest.raises(ConfigError, match="in another namespace"):
        refuse_second("maker", folders, {writer.instance})
    refuse_second("maker", folders, {writer.instance + 1})  # its process is gone, whoever still has its file open
    refuse_second("other", [journal.folder_of(NEW, "other")], {writer.instance})
    writer.close()
    refuse_second("maker", folders, {writer.instance})  # it has closed its journal: it only leaves


def test_what_stays_under_another_key_is_said_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    pen, writer = begun(OLD)
    one = order(1)
    pen.intent(one)
    pen.event(fill(one, 7))
    assert under_other_keys("maker", [NEW]) == [], "somebody looks after it"
    writer.close()
    assert under_other_keys("maker", [NEW]) == [(OLD, ["1 orders that may be open", f"a position in {SYMBOL}"])]
    assert under_other_keys("maker", [OLD]) == under_other_keys("taker", [NEW]) == under_other_keys("maker", ["kraken-11111111"]) == []
    with caplog.at_level(logging.WARNING):
        warn_of_other_keys("maker", [NEW])
    (said,) = caplog.records
    assert OLD in said.getMessage() and "does not count here" in said.getMessage()


def test_an_account_with_nothing_left_is_not_worth_a_word() -> None:
    pen, writer = begun(OLD)
    pen.put(journal.JournalKind.END)
    writer.close()
    assert under_other_keys("maker", [NEW]) == []
