"""``aats positions``: what living processes show, what journals of dead ones say, and the sums of both."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from aats import cli, control, journal
from aats._ffi import check, ffi, lib
from aats.cli.holdings import by_account, held_by_all
from aats.layout import Mode, Role
from aats.shm import Segment
from aats.shm.risk import open_host

ACCOUNT, OTHER = journal.account_id("BINANCE", "one"), journal.account_id("BINANCE", "two")
ONE = 10**8
NOW_NS = 1_700_000_000_000_000_000


def memory(segment: Segment) -> Any:
    return ffi.from_buffer(segment.memory, require_writable=True)


def fill(side: int, px: int, qty_i: int, *, fee_i: int = 0, fee_asset: bytes = b"USDT", trade_id: int = 1) -> Any:
    ev = ffi.new("aats_oev_t *")
    ev.ns, ev.kind, ev.trade_id = NOW_NS, lib.AATS_OEV_EXEC, trade_id
    ev.fill_px_i, ev.fill_qty_i, ev.fee_i, ev.fee_exp, ev.fee_asset = px * ONE, qty_i, fee_i, -8, fee_asset
    ev.order.symbol, ev.order.side, ev.order.order_id, ev.order.px_exp, ev.order.qty_exp = b"BTCUSDT.BINANCE", side, 1, -8, -8
    return ev


def hold(*fills: Any) -> Any:
    one = ffi.new("aats_hold_t *")
    lib.aats_hold_init(one, b"BTCUSDT.BINANCE", b"BTC", b"USDT", 0, 0, -8, -8)
    for ev in fills:
        check(lib.aats_hold_fill(one, ev), "fill")
    return one


def living(name: str, account: str | None, *fills: Any, mode: Mode = Mode.SIM) -> Iterator[Segment]:
    """Be a trade process with a holding, and a journal of its own on an account."""
    with control.join(Role.TRADE, name, mode=mode) as me:
        segment = me.create_td()
        writer = journal.create(account, name) if account is not None else None
        if writer is not None:
            segment.pointer("aats_td_t", 256).instance = writer.instance
        lib.aats_td_put_hold(memory(segment), 0, hold(*fills))
        me.ready()
        try:
            yield segment
        finally:
            if writer is not None:
                writer.close()


@pytest.fixture
def maker() -> Iterator[Segment]:
    yield from living("maker", ACCOUNT, fill(lib.AATS_SIDE_BUY, 100, 2 * ONE), fill(lib.AATS_SIDE_SELL, 130, ONE))


def dead(name: str, account: str, held: Any, *after: Any) -> journal.Writer:
    """Leave the journal of a run that was killed: a checkpoint, and fills written down after it."""
    writer = journal.create(account, name)

    def put(kind: int, of: int, what: Any) -> None:
        size = 0 if what == ffi.NULL else ffi.sizeof(ffi.typeof(what).item)
        check(lib.aats_journal_put(writer.handle, kind, of, what, size, time.time_ns()), "record")

    put(lib.AATS_JR_HOLD, 0, held)
    check(lib.aats_journal_checked(writer.handle, time.time_ns()), "checkpoint")
    for ev in after:
        ev.order.instance = writer.instance
        put(lib.AATS_JR_EVENT, 1, ev)
    writer.close()
    return writer


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(words)
    return status, *capsys.readouterr()


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    status, out, err = aats(capsys, "positions", "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.mark.usefixtures("home", "namespace")
def test_where_nothing_was_traded_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert aats(capsys, "positions") == (0, "nothing is held: no strategy of this user has traded yet\n", "")
    assert told(capsys) == {"strategies": [], "accounts": [], "assets": [], "host": []}


@pytest.mark.usefixtures("home", "namespace")
def test_a_living_process_shows_what_it_holds(maker: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = told(capsys)["strategies"]
    assert (one["source"], one["account"], one["symbol"], one["strategy"]) == ("process", ACCOUNT, "BTCUSDT.BINANCE", 0)
    assert (one["size"], one["cash"], one["cost"], one["avg_px"], one["realised"]) == ("1", "-70", "100", "100", "30")
    assert (one["price"], one["unrealised"], one["total"]) == (None, None, None)  # no feed runs here
    status, out, _ = aats(capsys, "positions")
    assert status == 0 and "maker" in out and "BTCUSDT.BINANCE" in out


@pytest.mark.usefixtures("home", "namespace")
def test_of_a_dead_process_the_journal_is_read_with_the_fills_after_its_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    dead("gone", ACCOUNT, hold(fill(lib.AATS_SIDE_BUY, 100, ONE)), fill(lib.AATS_SIDE_SELL, 110, ONE // 2, fee_i=ONE, trade_id=2))
    (one,) = told(capsys)["strategies"]
    assert (one["source"], one["owner"], one["account"]) == ("journal", "gone, process gone", ACCOUNT)
    assert (one["size"], one["cash"], one["realised"], one["fees"]["USDT"]) == ("0.5", "-46", "4", "1")


@pytest.mark.usefixtures("home", "namespace")
def test_a_living_process_is_not_counted_again_by_its_journal(maker: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    dead("maker", ACCOUNT, hold(fill(lib.AATS_SIDE_BUY, 100, 9 * ONE)))  # an earlier run: its holding was carried over already
    answer = told(capsys)
    assert [one["size"] for one in answer["strategies"]] == ["1"] and [one["size"] for one in answer["accounts"]] == ["1"]


@pytest.mark.usefixtures("home", "namespace")
def test_accounts_are_summed_over_the_living_and_the_dead_and_the_host_over_all(maker: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    dead("gone", ACCOUNT, hold(fill(lib.AATS_SIDE_SELL, 120, 3 * ONE)))
    dead("gone", OTHER, hold(fill(lib.AATS_SIDE_BUY, 90, 5 * ONE)))
    answer = told(capsys)
    assert {one["account"]: (one["size"], one["cash"]) for one in answer["accounts"]} == {ACCOUNT: ("-2", "290"), OTHER: ("5", "-450")}
    host = {one["mode"]: one for one in answer["host"]}
    assert (host["sim"]["size"], host["sim"]["cash"], host["sim"]["cost"], host["sim"]["realised"]) == ("-2", "290", "-260", "30")
    assert host["sim"]["avg_px"] is None  # of long and short together there is none
    assert (host[""]["size"], host[""]["cash"]) == ("5", "-450")  # of another mode, for all that is known: never added up


@pytest.mark.usefixtures("home", "namespace")
def test_a_contract_is_summed_by_what_it_is_worth_and_is_no_coin(capsys: pytest.CaptureFixture[str]) -> None:
    ev = fill(lib.AATS_SIDE_BUY, 100, 5 * ONE)
    ev.order.symbol = b"BTCUSDTSWAP.OKX_SWAP"
    held = ffi.new("aats_hold_t *")
    lib.aats_hold_init(held, b"BTCUSDTSWAP.OKX_SWAP", b"BTC", b"USDT", 0, 0, -8, -8)
    lib.aats_hold_contract(held, lib.AATS_MARKET_LINEAR, 1, -2)
    check(lib.aats_hold_fill(held, ev), "fill")
    dead("gone", journal.account_id("OKX_SWAP", "one"), held)
    (one,) = by_account(held_by_all([])[0])
    assert (one.position.size, one.position.cost, one.position.avg_px) == (5, 5, 100)
    assert one.position.unrealised(101) == Decimal("0.05")
    assert [(row["asset"], row["held"]) for row in told(capsys)["assets"]] == [("USDT", "0")], "five contracts are not five BTC"


@pytest.mark.usefixtures("home", "namespace")
def test_the_mode_of_a_dead_process_is_that_of_its_seat(capsys: pytest.CaptureFixture[str]) -> None:
    with control.join(Role.TRADE, "other", mode=Mode.PAPER) as me:
        assert open_host().take(me.identity, "gone", ACCOUNT, instance=1, mode=int(Mode.DIRECT)) >= 0
        dead("gone", ACCOUNT, hold(fill(lib.AATS_SIDE_BUY, 100, ONE)))
        answer = told(capsys)
    assert [one["mode"] for one in (*answer["strategies"], *answer["accounts"], *answer["host"])] == ["direct"] * 3


@pytest.mark.usefixtures("home", "namespace")
def test_paper_is_shown_and_in_no_sum(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in living("thinker", None, fill(lib.AATS_SIDE_BUY, 100, ONE), mode=Mode.PAPER):
        answer = told(capsys)
        assert [(one["account"], one["size"]) for one in answer["strategies"]] == [("paper", "1")]
        assert (answer["accounts"], answer["host"], answer["assets"]) == ([], [], [])


@pytest.mark.usefixtures("home", "namespace")
def test_what_the_venue_told_stands_beside_what_strategies_made_of_it(maker: Segment, capsys: pytest.CaptureFixture[str]) -> None:
    row = ffi.new("aats_bal_t *", {"asset": b"BTC", "exchange": b"BINANCE", "exp": -8, "recv_ns": time.time_ns()})
    row.free, row.locked = {"lo": 3 * ONE, "hi": 0}, {"lo": ONE // 2, "hi": 0}
    lib.aats_td_put_bal(memory(maker), 0, row)
    lines = {one["asset"]: one for one in told(capsys)["assets"]}
    btc = lines["BTC"]
    assert (btc["held"], btc["balance"], btc["free"], btc["locked"], btc["other"]) == ("1", "3.5", "3", "0.5", "2.5")
    assert btc["age_s"] < 60 and (lines["USDT"]["held"], lines["USDT"]["balance"]) == ("-70", None)


@pytest.mark.usefixtures("home", "namespace")
def test_a_holding_in_the_middle_of_a_write_is_said_to_be_unreadable(
    maker: Segment, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("aats.trade_money._TRIES", 2)
    td = maker.pointer("aats_td_t", 256)
    ffi.cast("aats_hold_t *", ffi.cast("char *", maker._base) + td.hold_off).stamp += 1  # its writer died inside
    status, out, err = aats(capsys, "positions", "--json")
    assert status == 1 and out == "" and "cannot be read" in err


def test_the_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["positions", "--help"])
    assert "journals are read" in " ".join(capsys.readouterr().out.split())
