"""``aats orders`` and ``aats flatten``, and the reading of trade segments they and the demo stand on: from records made by hand."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aats import cli, control, journal, shm
from aats._ffi import check, ffi, lib
from aats.demo_ledger import LedgerError
from aats.demo_reader import Account
from aats.errors import AatsError
from aats.layout import TD, TD_OFFSET, Mode, Role, TdCounter
from aats.shm import Segment
from aats.venue.account import AccountError, AccountOrder

ACCOUNT = journal.account_id("BINANCE", "aats-sim")


def order(number: int, instance: int, **more: Any) -> Any:
    """Return an ``aats_order_t *``: a post-only order to buy, half filled."""
    one = ffi.new("aats_order_t *")
    one.order_id, one.instance, one.symbol = number, instance, b"BTCUSDT.BINANCE"
    one.side, one.tif, one.state = lib.AATS_SIDE_BUY, lib.AATS_TIF_POS, lib.AATS_ORD_LIVE
    one.px_exp = one.qty_exp = -8
    one.px_i, one.qty_i, one.cum_qty_i = 6_100_001_000_000, 100_000, 50_000
    one.created_ns = time.time_ns()
    for key, value in more.items():
        setattr(one, key, value)
    return one


def event(kind: int, of: Any, **more: Any) -> Any:
    """Return an ``aats_oev_t *`` about an order."""
    one = ffi.new("aats_oev_t *")
    one.kind, one.ns, one.order = kind, time.time_ns(), of[0]
    for key, value in more.items():
        setattr(one, key, value)
    return one


@pytest.fixture(autouse=True)
def _no_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AATS_ENDPOINT_BINANCE_SIM_REST", "AATS_APIKEY_BINANCE", "AATS_SECRET_BINANCE", "AATS_CAFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def trade() -> Iterator[Segment]:
    """Be a trade process named maker, with one traded symbol; give its segment."""
    with control.join(Role.TRADE, "maker", mode=Mode.SIM) as me:
        segment = me.create_td()
        pos = ffi.new("aats_pos_t *")
        pos.symbol, pos.base, pos.quote = b"BTCUSDT.BINANCE", b"BTC", b"USDT"
        pos.px_exp = pos.qty_exp = pos.fee_exp = -8
        pos.known, pos.start_base.lo, pos.start_quote.lo = 1, 2 * 10**8, 1000 * 10**8
        lib.aats_td_put_pos(memory(segment), 0, pos)
        me.ready()
        yield segment


def memory(segment: Segment) -> Any:
    return ffi.from_buffer(segment.memory, require_writable=True)


def put_event(segment: Segment, one: Any) -> None:
    lib.aats_td_put_event(memory(segment), one)


def dead_run(strategy: str, *numbers: int, closed: tuple[int, ...] = ()) -> journal.Writer:
    """Leave the journal of a run that was killed with these orders out."""
    writer = journal.create(ACCOUNT, strategy)
    for number in numbers:
        one = order(number, writer.instance)
        check(lib.aats_journal_put(writer.handle, lib.AATS_JR_INTENT, number, one, ffi.sizeof("aats_order_t"), time.time_ns()), "intent")
    for number in closed:
        check(lib.aats_journal_put(writer.handle, lib.AATS_JR_TOLD, number, ffi.NULL, 0, time.time_ns()), "told")
    writer.close()
    return writer


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        status = cli.main(words)
    except SystemExit as exc:
        status = int(exc.code or 0)
    return status, *capsys.readouterr()


class Venue:
    """An account at an exchange: its open orders, and what becomes of a cancel request."""

    def __init__(self, *client_ids: str, deaf: tuple[str, ...] = (), lag: int = 0) -> None:
        self.open = {str(at): one for at, one in enumerate(client_ids, 100)}
        self.deaf = deaf
        self.lag = lag
        self.looked = 0
        self.gone: dict[str, str] = {}
        self.fails = False
        self.refusals: list[str] = []

    def open_orders(self, symbol: str | None = None) -> list[AccountOrder]:
        if self.fails and self.gone:
            raise AccountError("GET /api/v3/openOrders: no answer")
        self.looked += 1
        seen = {**self.open, **(self.gone if self.looked <= 1 + self.lag else {})}
        return [
            AccountOrder("BTCUSDT", str(at), one, "buy", "pos", "0.00100000", "0.00000000", "61000.01000000", "new", 1_700_000_000_000)
            for at, one in seen.items()
        ]

    def cancel(self, symbol: str, order_id: str) -> bool:
        if order_id in self.refusals:
            self.refusals.remove(order_id)
            raise AccountError("DELETE /api/v3/order: HTTP 503: busy")
        if self.open.get(order_id) in self.deaf:
            return True  # it says so, and does not do it
        if order_id not in self.open:
            return False
        self.gone[order_id] = self.open.pop(order_id)
        return True


class Typed:
    """What somebody types, again and again."""

    def __init__(self, line: str) -> None:
        self.line = line

    def readline(self) -> str:
        return self.line and self.line + "\n"


@pytest.fixture
def at_venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a function that puts a venue behind the commands."""

    def put(venue: Venue) -> Venue:
        @contextlib.contextmanager
        def open_account(exchange: str, mode: str) -> Iterator[tuple[Venue, str]]:
            yield venue, ACCOUNT

        monkeypatch.setattr("aats.cli.account.open_account", open_account)
        return venue

    monkeypatch.setattr("sys.stdin", Typed(ACCOUNT))
    monkeypatch.setattr("aats.cli.flatten._LOOK_S", 0.001)
    yield put


def client_id(instance: int, number: int) -> str:
    return f"{instance:016x}{number:016x}"


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "words",
    [
        ("flatten",),
        ("flatten", "BINANCE"),
        ("flatten", "NOSUCH", "--mode", "sim"),
        ("flatten", "BINANCE", "--mode", "live"),
        ("orders", "--venue", "X"),
    ],
)
def test_flatten_needs_an_exchange_and_a_mode_spelled_out(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert aats(capsys, *words)[0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("orders", "--venue", "BINANCE"), "--venue and --mode belong together"),
        (("orders", "--venue", "BINANCE", "--mode", "sandbox"), "no API key"),
        (("flatten", "BINANCE", "--mode", "direct"), "no API key"),
        (("flatten", "BINANCE", "--mode", "sim"), "AATS_ENDPOINT_BINANCE_SIM_REST (`aats sim` prints it)"),
    ],
)
def test_what_cannot_be_asked_is_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    status, out, err = aats(capsys, *words)
    assert (status, out) == (1, "") and says in err and err.count("\n") == 1


@pytest.mark.parametrize("typed", ["", "yes", ACCOUNT[:-1]])
def test_flatten_cancels_nothing_unless_the_account_is_typed(
    capsys: pytest.CaptureFixture[str], at_venue: Any, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    run = dead_run("maker", 1)
    venue = at_venue(Venue(client_id(run.instance, 1)))
    monkeypatch.setattr("sys.stdin", Typed(typed))
    status, out, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim")
    assert (status, out) == (1, "") and f"Type {ACCOUNT} to go on" in err and "not confirmed" in err
    assert venue.open
    status, out, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--yes")
    assert status == 0 and "Type" not in err and not venue.open


def test_flatten_all_is_refused_while_a_trade_process_of_the_account_runs(
    capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any
) -> None:
    alive = journal.create(ACCOUNT, "maker")
    trade.array(TD, TD_OFFSET)[0]["instance"] = alive.instance
    alive.close()
    venue = at_venue(Venue("someone"))
    status, _, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--all")
    assert status == 1 and "maker (pid" in err and "--all --yes" in err
    assert venue.open
    assert aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--all", "--yes")[0] == 0
    assert not venue.open


def test_flatten_all_is_refused_while_a_trade_process_starts_on_whichever_account(
    capsys: pytest.CaptureFixture[str], at_venue: Any
) -> None:
    venue = at_venue(Venue("someone"))
    with control.join(Role.TRADE, "maker", mode=Mode.SIM) as me:
        assert aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--all")[0] == 1
        me.create_td()
        me.ready()  # without a journal: it only listens, or trades on paper
        assert aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--all")[0] == 0
    assert not venue.open


def test_flatten_believes_the_exchange_and_not_the_answer_to_the_cancel(capsys: pytest.CaptureFixture[str], at_venue: Any) -> None:
    run = dead_run("maker", 1, 2)
    first, second = client_id(run.instance, 1), client_id(run.instance, 2)
    at_venue(Venue(first, second, deaf=(second,)))
    status, out, _ = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--json")
    assert status == 1
    assert json.loads(out) == {"account": ACCOUNT, "canceled": 2, "ended": 0, "open": [second]}
    assert "process gone" in aats(capsys, "orders", "--all")[1]  # nothing was written into the journal


def test_a_refusal_of_the_moment_keeps_no_other_order_open(capsys: pytest.CaptureFixture[str], at_venue: Any) -> None:
    run = dead_run("maker", 1, 2)
    venue = at_venue(Venue(client_id(run.instance, 1), client_id(run.instance, 2)))
    venue.refusals = ["100"]
    status, out, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--json")
    assert (status, json.loads(out)["canceled"], json.loads(out)["open"]) == (0, 2, []) and "busy" in err
    assert not venue.open


def test_flatten_without_an_answer_is_status_1(capsys: pytest.CaptureFixture[str], at_venue: Any) -> None:
    run = dead_run("maker", 1)
    at_venue(Venue(client_id(run.instance, 1))).fails = True
    status, out, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim")
    assert (status, out) == (1, "") and "no answer" in err


# ------------------------------------------------------------------------------------------------------------- path


def test_flatten_cancels_what_dead_runs_left_and_nothing_else(capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any) -> None:
    alive = journal.create(ACCOUNT, "maker")
    trade.array(TD, TD_OFFSET)[0]["instance"] = alive.instance
    dead = dead_run("maker", 1, 2, closed=(1,))
    keep = (client_id(alive.instance, 5), "web_abc", client_id(0x1234, 7))
    venue = at_venue(Venue(*keep, client_id(dead.instance, 2), lag=2))
    status, out, _ = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--json")
    assert (status, json.loads(out)) == (0, {"account": ACCOUNT, "canceled": 1, "ended": 0, "open": []})
    assert tuple(venue.open.values()) == keep
    (run,) = [one for one in journal.scan(dead.path.parent) if one.instance == dead.instance]
    assert not run.ended, "what was filled of its orders is still to be entered by the next start"
    alive.close()


def test_flatten_ends_the_journal_of_a_dead_run_that_left_nothing(
    capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any
) -> None:
    dead = dead_run("maker")
    at_venue(Venue())
    status, _, _ = aats(capsys, "flatten", "BINANCE", "--mode", "sim")
    assert status == 0 and journal.scan(dead.path.parent)[0].ended


def test_flatten_leaves_what_a_living_process_has_taken_over(capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any) -> None:
    dead = dead_run("maker", 1, 2)
    alive = journal.create(ACCOUNT, "maker")
    trade.array(TD, TD_OFFSET)[0]["instance"] = alive.instance
    taken = order(2, dead.instance)
    taken.order_id, taken.client_no, taken.state = 9, 2, lib.AATS_ORD_LIVE
    lib.aats_td_put_order(trade._base, 0, taken)
    venue = at_venue(Venue(client_id(dead.instance, 1), client_id(dead.instance, 2)))
    (_, shown) = json.loads(aats(capsys, "orders", "--venue", "BINANCE", "--mode", "sim", "--json")[1])[-2:]
    assert shown["client_id"] == client_id(dead.instance, 2)
    assert (shown["owner"], shown["order_id"]) == (f"maker ({os.getpid()})", 9)
    status, out, _ = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--json")
    assert (status, json.loads(out)["canceled"]) == (0, 1)
    assert list(venue.open.values()) == [client_id(dead.instance, 2)]
    alive.close()


def test_flatten_says_what_had_ended_before(capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any) -> None:
    dead = dead_run("maker", 1, 2, 3, closed=(1,))
    at_venue(Venue(client_id(dead.instance, 3)))
    status, out, _ = aats(capsys, "flatten", "BINANCE", "--mode", "sim")
    assert status == 0 and "1 canceled, 0 still open" in out and "1 that dead processes left had ended before" in out
    assert "2 stay in `aats orders --all` until the next start" in out


def test_a_process_of_another_namespace_is_not_dead(
    capsys: pytest.CaptureFixture[str], trade: Segment, at_venue: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, here = journal.create(ACCOUNT, "maker"), shm.namespace()
    one = order(1, alive.instance)
    check(lib.aats_journal_put(alive.handle, lib.AATS_JR_INTENT, 1, one, ffi.sizeof("aats_order_t"), time.time_ns()), "intent")
    trade.array(TD, TD_OFFSET)[0]["instance"] = alive.instance
    lib.aats_td_put_order(memory(trade), 0, one)
    mine = client_id(alive.instance, 1)
    venue = at_venue(Venue(mine))
    with monkeypatch.context() as other:
        other.setenv("AATS_NS", f"{here}other")
        assert "no open orders" in aats(capsys, "orders", "--all")[1]
        (shown,) = json.loads(aats(capsys, "orders", "--venue", "BINANCE", "--mode", "sim", "--json")[1])
        assert shown["owner"] == "maker, in another namespace"
        assert json.loads(aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--json")[1])["canceled"] == 0
        status, _, err = aats(capsys, "flatten", "BINANCE", "--mode", "sim", "--all")
        assert status == 1 and "maker, in another namespace" in err
    assert list(venue.open.values()) == [mine]
    assert not journal.scan(alive.path.parent)[0].ended
    alive.close()


def test_orders_of_the_living_and_the_dead(capsys: pytest.CaptureFixture[str], trade: Segment) -> None:
    trade.array(TD, TD_OFFSET)[0]["instance"] = 0xABC
    lib.aats_td_put_order(memory(trade), 3, order(7, 0xABC))
    dead = dead_run("taker", 1, 2, closed=(2,))
    (mine,) = json.loads(aats(capsys, "orders", "--json")[1])
    expected = {
        "source": "process",
        "order_id": 7,
        "symbol": "BTCUSDT.BINANCE",
        "side": "buy",
        "tif": "pos",
        "size": "0.001",
        "filled": "0.0005",
    }
    assert expected.items() <= mine.items() and mine["client_id"] == client_id(0xABC, 7) and mine["owner"].startswith("maker (")
    both = json.loads(aats(capsys, "orders", "--all", "--json")[1])
    assert both[0] == mine
    assert (both[1]["source"], both[1]["owner"], both[1]["account"]) == ("journal", "taker, process gone", ACCOUNT)
    assert both[1]["client_id"] == client_id(dead.instance, 1) and len(both) == 2
    shown = aats(capsys, "orders", "--all")[1]
    assert "OWNER" in shown and "61000.01" in shown and "taker, process gone" in shown


def test_orders_at_the_venue_are_ours_or_foreign(capsys: pytest.CaptureFixture[str], at_venue: Any) -> None:
    dead = dead_run("taker", 1)
    at_venue(Venue(client_id(dead.instance, 1), "web_abc", client_id(0x1234, 7)))
    rows = json.loads(aats(capsys, "orders", "--venue", "BINANCE", "--mode", "sim", "--json")[1])
    assert [(row["owner"], row["order_id"]) for row in rows] == [("taker, process gone", 1), ("foreign", None), ("foreign", None)]
    assert rows[0]["tif"] == "pos" and rows[0]["size"] == "0.001" and rows[0]["price"] == "61000.01"


# --------------------------------------------------------------------------------------------- the demo's reading


def fill(of: Any, size_i: int, fee_i: int) -> Any:
    return event(
        lib.AATS_OEV_EXEC, of, fill_px_i=of.px_i, fill_qty_i=size_i, fee_i=fee_i, fee_exp=-8, fee_asset=b"BTC", liquidity=lib.AATS_LIQ_MAKER
    )


def count(segment: Segment, **numbers: int) -> None:
    for name, value in numbers.items():
        segment.array(TD, TD_OFFSET)[0]["counters"][TdCounter[name.upper()]] = value


def test_the_demo_reads_events_to_the_last_digit_and_checks_them_against_the_process(trade: Segment) -> None:
    account = Account("maker", trade)
    one = order(1, 1, qty_i=100_000, cum_qty_i=100_000)
    for kind in (lib.AATS_OEV_CREATED, lib.AATS_OEV_ACKED):
        put_event(trade, event(kind, one))
    put_event(trade, fill(one, 100_000, 100))
    put_event(trade, event(lib.AATS_OEV_CLOSED, one, code=lib.AATS_OC_FILLED))
    assert account.poll() == 4 and account.poll() == 0
    ledger = account.ledger
    assert (ledger.start_position, ledger.start_cash) == (2, 1000)
    assert (ledger.position, ledger.cash) == (Decimal("2.000999"), Decimal("938.99999"))
    assert ledger.fills[0].as_json()["notional"] == "61.00001" and ledger.fills[0].liquidity == "maker"

    pos = ffi.new("aats_pos_t *")
    lib.aats_td_get_pos(memory(trade), 0, pos)
    pos.bought.lo, pos.bought_notional.lo, pos.fee_base.lo = 100_000, 6_100_001_000_000 * 100_000, 100
    lib.aats_td_put_pos(memory(trade), 0, pos)
    count(trade, orders=1, acked=1, fills=1, filled=1, closed=1)
    assert account.check() == []
    count(trade, closed=2)
    assert account.check() == ["maker: closed is 1 by the list of fills and orders, and 2 by its own counts"]


def test_events_that_were_overwritten_are_an_error_and_not_a_guess(trade: Segment) -> None:
    account = Account("maker", trade)
    one = order(1, 1)
    put_event(trade, event(lib.AATS_OEV_CREATED, one))
    account.poll()
    for _ in range(lib.AATS_TD_EVENTS + 5):
        put_event(trade, event(lib.AATS_OEV_UNKNOWN, one))
    with pytest.raises(LedgerError, match="order event 1 was overwritten"):
        account.poll()


def test_a_segment_without_a_traded_symbol_is_refused() -> None:
    with control.join(Role.TRADE, "printer", mode=Mode.SIM) as me, pytest.raises(AatsError, match="no traded symbol"):
        Account("printer", me.create_td())


def test_the_journals_used_here_lie_in_the_tests_own_home(home: Path) -> None:
    run = dead_run("maker", 1)
    assert home in run.path.parents
