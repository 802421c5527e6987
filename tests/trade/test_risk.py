"""Limits of the host from outside: values that are refused, changes in the audit before they are in force, a state that survives, and the commands.

(The checks of orders themselves: tests/c/test_gate.c; races: tests/race/test_gate.c and tests/live/test_risk_race.py.)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aats import control, risk, shm
from aats._ffi import ffi, lib, text
from aats.cli import main
from aats.errors import ConfigError, ControlError, SegmentMissing
from aats.layout import Kind, Mode, Role
from aats.risk import HOST, KEYS, Scope
from aats.shm import risk_state
from aats.shm.risk import Host, name_of, open_host, put_away

BTC = Scope("symbol", "BTCUSDT.BINANCE")
MAKER = Scope("strategy", "maker")
ONE = 10**8
DAY_NS = 86_400 * 10**9


@pytest.fixture(autouse=True)
def own_home(namespace: str, home: Path) -> Iterator[None]:
    yield
    assert not [name for name in shm.names(ns=namespace) if name.kind in ("risk", "ctl")], "something is left in /dev/shm"


@pytest.fixture
def member(own_home: None) -> Iterator[control.Member]:
    with control.join(Role.TRADE, "maker", mode=Mode.SIM) as me:
        yield me


@pytest.fixture
def host(member: control.Member) -> Host:
    return open_host()


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def audit() -> list[dict[str, Any]]:
    return risk_state.read_audit(shm.namespace())


def sit(host: Host, identity: int, name: str = "maker") -> int:
    """Take a seat and put a position, an open order and a result of today into it."""
    at = host.take(identity, name, "BINANCE-1", instance=2**63 + 5, mode=Mode.SIM, on_death=1, grace_ms=2000, hang_ms=900)
    sym = lib.aats_risk_symbol(host.view, b"BTCUSDT.BINANCE", b"USDT", int(Mode.SIM), -8, -6)
    host.view.syms[sym].mark_px_i = 100 * ONE
    cell = ffi.new(
        "aats_rcell_t *",
        {"pos_i": -5, "buy_i": 7, "sell_i": 2**63 - 1, "open_cnt": 2, "exposure_i": 9 * ONE, "profit_i": -3, "day": today()},
    )
    lib.aats_cell_set(host.view, at, sym, cell)
    return at


def today() -> int:
    import time

    return time.time_ns() // DAY_NS


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("scope", "key", "value", "says"),
    [
        (HOST, "order_notinal", "5", "did you mean 'order_notional'"),
        (HOST, "position", "5", "for a symbol only"),
        (MAKER, "order_qty", "5", "for a symbol only"),
        (HOST, "exposure", 1.5, "a float is not exact"),
        (HOST, "exposure", True, "a float is not exact"),
        (HOST, "exposure", "many", "no decimal number"),
        (HOST, "exposure", "-1", "above 0"),
        (HOST, "exposure", "0", "above 0"),
        (HOST, "exposure", "nan", "above 0"),
        (HOST, "exposure", "0.000000001", "multiple of 0.00000001"),
        (HOST, "exposure", "92233720368.54775808", "at most 92233720368.54775807"),
        (HOST, "open_orders", "1.5", "whole number"),
        (HOST, "any_book", "maybe", "true or false"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(scope: Scope, key: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("(", r"\(")):
        risk.parse(key, value, scope)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"exposur": "1"}, "exposur is not a limit"),
        ({"host": 5}, "host must be a table"),
        ({"symbols": {"BTCUSDT": {"position": "1"}}}, "no symbol with its exchange"),
        ({"symbols": {"BTCUSDT.BINANCE": "1"}}, "must be a table"),
        ({"position": "1"}, "for a symbol only"),
        ({"loss_1d": 0.1}, "a float is not exact"),
    ],
)
def test_a_risk_table_that_is_wrong_is_refused_with_its_place(table: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=f"^maker.toml: .*{says}"):
        risk.settings(table, "maker.toml")


def test_nothing_is_attached_where_nothing_runs() -> None:
    with pytest.raises(SegmentMissing):
        open_host(create=False)
    assert put_away() is False


@pytest.mark.parametrize(
    "words",
    [("risk",), ("risk", "set"), ("risk", "halt", "--symbol", "A.B", "--strategy", "x"), ("risk", "stop"), ("risk", "show", "more")],
)
def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "exposure"), "has no value"),
        (("set", "exposure", "x"), "no decimal number"),
        (("set", "--symbol", "BTCUSDT", "position", "1"), "no symbol with its exchange"),
        (("set", "--strategy", "x" * 60, "exposure", "1"), "1 to 47 characters"),
    ],
)
def test_a_change_that_cannot_be_is_one_line_and_changes_nothing(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    status, out, err = aats(capsys, "risk", *words)
    assert (status, out) == (1, "") and says in err and err.count("\n") == 1
    assert audit() == []


# -------------------------------------------------------------------------------------------------------------- values


@given(value=st.integers(1, 2**63 - 1), key=st.sampled_from(sorted(set(KEYS) - {"any_book"})))
def test_a_limit_is_exact_in_both_directions(value: int, key: str) -> None:
    shown = risk._shown(value, KEYS[key])
    assert risk.parse(key, shown, BTC) == value
    assert "E" not in shown and Decimal(shown) == (Decimal(value) if KEYS[key].counts == "number" else Decimal(value).scaleb(-8))


def test_none_takes_a_limit_away() -> None:
    assert risk.parse("exposure", "none", HOST) == 0 and risk.parse("any_book", "true", HOST) == 1


# ------------------------------------------------------------------------------------------------------------- changes


def test_each_change_is_in_the_audit_with_who_when_and_what_it_was(host: Host) -> None:
    assert risk.change(host, BTC, {"position": ONE // 2}, by="test", reason="first") == [
        "position of symbol BTCUSDT.BINANCE is 0.5 (was none)"
    ]
    risk.change(host, BTC, {"position": ONE, "exposure": 5 * ONE}, by="test")
    risk.change(host, BTC, {"position": ONE}, by="test")  # nothing that changes
    risk.throw(host, MAKER, "halt", by="test", reason="night")
    lines = [(line["scope"], line["name"], line["key"], line["old"], line["new"], line["reason"]) for line in audit()]
    assert lines == [
        ("symbol", "BTCUSDT.BINANCE", "position", "none", "0.5", "first"),
        ("symbol", "BTCUSDT.BINANCE", "position", "0.5", "1", ""),
        ("symbol", "BTCUSDT.BINANCE", "exposure", "none", "5", ""),
        ("strategy", "maker", "switch", "active", "halt", "night"),
    ]
    folder = risk_state.audit_path(shm.namespace()).parent
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]
    who = audit()[0]["by"]
    assert who["uid"] == os.getuid() and who["pid"] == os.getpid() and who["command"] == "test"
    assert (
        risk_state.audit_path(shm.namespace()).stat().st_mode & 0o777,
        risk_state.state_path(shm.namespace()).stat().st_mode & 0o777,
    ) == (0o600, 0o600)


def test_a_change_stands_in_the_audit_before_it_is_in_force(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    risk.throw(host, MAKER, "halt", by="test")
    monkeypatch.setattr(risk_state, "write_audit", full)
    with pytest.raises(ControlError, match=r"stay as they are.*disk full"):
        risk.change(host, HOST, {"exposure": ONE}, by="test")
    with pytest.raises(ControlError, match=r"stays as it is.*disk full"):
        risk.throw(host, MAKER, "active", by="test")
    assert risk.limits_of(host, HOST) == {} and host.view.limits[1].swtch == lib.AATS_SWITCH_HALT


@pytest.mark.parametrize("part", ["write_audit", "save"])
def test_a_full_disk_keeps_nobody_from_halting(host: Host, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken, pytest.raises(ControlError, match=r"the host is halted .*could not be written down.*disk full"):
        broken.setattr(risk_state, part, full)
        risk.throw(host, HOST, "halt", by="test")
    assert host.view.risk.swtch == lib.AATS_SWITCH_HALT


def test_a_note_for_the_audit_waits_for_nobody_and_raises_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("disk full")

    trip = host.view.risk.trip[1]
    trip.ns, trip.owner, trip.seq = 5, lib.aats_ident(77, 1), 1
    host.view.risk.trips = 1
    other = open_host()
    with other.lock():
        host.note()  # at once, though somebody holds the lock
    assert audit() == []
    with monkeypatch.context() as broken:
        broken.setattr(risk_state, "write_audit", full)
        host.note()
    assert host.view.risk.audited == 0
    host.note()
    assert [line["new"] for line in audit()] == ["reduce"]


def test_a_gate_is_told_of_a_change_at_once(host: Host, member: control.Member) -> None:
    at = host.take(member.identity, "maker", "BINANCE-1", instance=1, mode=Mode.SIM)
    gate = ffi.gc(lib.aats_gate_new(host.memory, host.segment.size, at, member.identity, ffi.new("char[]", 400), 400), lib.aats_gate_free)
    state, line = ffi.new("uint32_t *"), ffi.new("char[]", 300)
    risk.change(host, MAKER, {"open_orders": 3}, by="test")
    assert lib.aats_gate_news(gate, state, line, 300) == 1 and text(line) == "open_orders of strategy maker is 3 (was none)"
    risk.throw(host, HOST, "halt", by="test", reason="night")
    assert (
        lib.aats_gate_news(gate, state, line, 300) == 1 and state[0] == lib.AATS_SWITCH_HALT and text(line) == "the host is halted: night"
    )
    host.move(at, member.identity, lib.AATS_SEAT_FREE)


def test_a_file_sets_limits_and_never_loosens_what_was_set_by_hand(host: Host) -> None:
    wanted = risk.settings({"exposure": "500", "host": {"open_orders": 10, "duplicate_ms": 5}, "symbols": {BTC.name: {"position": "2"}}})
    lines = risk.apply(host, wanted, "maker", by="start of maker")
    assert len(lines) == 4 and risk.limits_of(host, MAKER) == {"exposure": 500 * ONE}
    risk.change(host, MAKER, {"exposure": 100 * ONE}, by="aats risk set")
    risk.change(host, HOST, {"open_orders": 50, "duplicate_ms": 100}, by="aats risk set")
    lines = risk.apply(host, wanted, "maker", by="start of maker")
    assert "exposure of strategy maker stays 100 (aats risk set), start of maker says 500" in lines
    assert risk.limits_of(host, MAKER) == {"exposure": 100 * ONE}
    assert risk.limits_of(host, HOST) == {"open_orders": 10, "duplicate_ms": 100}  # tightened by the file; a longer time is stricter
    risk.change(host, MAKER, {"exposure": 0}, by="aats risk set")
    risk.apply(host, wanted, "maker", by="start of maker")
    assert risk.limits_of(host, MAKER) == {"exposure": 500 * ONE}


def test_a_switch_that_a_limit_has_thrown_is_in_the_audit(host: Host) -> None:
    trip = host.view.risk.trip[1]
    trip.ns, trip.row, trip.owner, trip.seq = 5, 0, lib.aats_ident(77, 1), 1
    host.view.limits[0].reason = b"the day's result is -5 USDT, loss_1d is 5"
    host.view.risk.trips = 1
    host.note()
    host.note()
    (line,) = audit()
    assert (line["key"], line["new"], line["by"]) == ("switch", "reduce", {"pid": 77, "command": "loss_1d"}) and "-5 USDT" in line["reason"]


# --------------------------------------------------------------------------------------------------------------- state


def _everything(host: Host) -> dict[str, Any]:
    state = risk_state._body(host)
    del state["written_ns"]
    return state


def test_limits_switches_day_totals_and_seats_survive_the_segment(member: control.Member) -> None:
    host = open_host()
    risk.change(host, HOST, {"exposure": 123, "any_book": 1}, by="test")
    risk.change(host, BTC, {"position": 5}, by="test")
    risk.throw(host, MAKER, "reduce", by="test", reason="because")
    at = sit(host, member.identity)
    lib.aats_rate_carry(ffi.addressof(host.view.risk.orders[4]), today(), 41)
    lib.aats_rate_carry(ffi.addressof(host.view.seats[at].cancels), today(), 6)
    before = _everything(host)
    host.move(at, member.identity, lib.AATS_SEAT_PARKED)
    before["seats"][0]["state"] = lib.AATS_SEAT_PARKED
    del host
    assert put_away()
    again = open_host()
    assert again.view.risk.unread == 0
    assert _everything(again) == before
    seat = again.seat(0)
    assert not lib.aats_proc_alive(seat.owner) and seat.exposure_i[again.view.syms[0].quote_at] == 9 * ONE and seat.open_cnt == 2
    assert again.take(member.identity, "maker", "BINANCE-1", instance=9, mode=Mode.SIM) == 0  # the next run of the name has it
    lib.aats_cell_set(again.view, 0, 0, ffi.new("aats_rcell_t *"))


def test_a_dead_process_s_orders_go_on_counting_after_a_reboot(member: control.Member) -> None:
    host = open_host()
    sit(host, member.identity)  # LIVE, and never given back
    del host
    assert put_away()
    again = open_host()
    seat = again.seat(0)
    assert lib.aats_ident_state(seat.owner) == lib.AATS_SEAT_LIVE and not lib.aats_proc_alive(seat.owner)
    assert again.cell(0, 0).buy_i == 7 and seat.instance == 2**63 + 5
    assert lib.aats_seat_claim(again.view, 0, seat.owner, member.identity) == lib.AATS_OK  # as a supervisor does
    lib.aats_cell_set(again.view, 0, 0, ffi.new("aats_rcell_t *"))


def test_what_a_flat_strategy_did_on_another_day_is_forgotten(member: control.Member, monkeypatch: pytest.MonkeyPatch) -> None:
    host = open_host()
    at = host.take(member.identity, "maker", "BINANCE-1", instance=1, mode=Mode.SIM)
    lib.aats_rate_carry(ffi.addressof(host.view.seats[at].orders), today() - 1, 6)
    lib.aats_rate_carry(ffi.addressof(host.view.risk.orders[4]), today() - 1, 6)
    host.move(at, member.identity, lib.AATS_SEAT_PARKED)
    del host
    put_away()
    host = open_host()
    assert list(host.seats()) == []


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "another", "number", "version", "gone"])
def test_a_state_that_cannot_be_read_halts_until_somebody_resumes(member: control.Member, damage: str) -> None:
    host = open_host()
    risk.change(host, BTC, {"position": ONE}, by="test")
    risk.throw(host, MAKER, "reduce", by="test")
    del host
    put_away()
    path = risk_state.state_path(shm.namespace())
    good = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "torn": good[: len(good) // 2],
                "changed": good.replace(b'"position":100000000', b'"position":900000000'),
                "empty": b"",
                "another": b"{}\n{}\n",
                "number": b"1\n1\n",
                "version": good.replace(b'"version":1', b'"version":2'),
            }[damage]
        )
        assert path.read_bytes() != good
    host = open_host()
    assert host.view.risk.unread == 1 and risk.limits_of(host, BTC) == {}
    at = host.take(member.identity, "maker", "BINANCE-1", instance=1, mode=Mode.SIM)
    gate = ffi.gc(lib.aats_gate_new(host.memory, host.segment.size, at, member.identity, ffi.new("char[]", 400), 400), lib.aats_gate_free)
    rules = ffi.new("aats_rules_t *", {"symbol": BTC.name.encode(), "base": b"BTC", "quote": b"USDT", "px_exp": -8, "qty_exp": -8})
    sym, order, msg = lib.aats_gate_symbol(gate, rules, int(Mode.SIM)), ffi.new("aats_order_t *"), ffi.new("char[]", 200)
    order.side, order.px_i, order.qty_i = 1, ONE, ONE
    assert lib.aats_gate_reserve(gate, sym, order, ffi.NULL, 0, 0, msg, 200) == lib.AATS_OC_RISK_HALTED and "aats risk resume" in text(msg)

    host.save()  # saving overwrites nothing that somebody should look at
    assert not path.exists() if damage == "gone" else path.read_bytes() != good
    lines = risk.resume(host, HOST, by="test")
    assert host.view.risk.unread == 0 and risk.limits_of(host, BTC) == {"position": ONE}  # as the audit says
    assert any("position of symbol BTCUSDT.BINANCE is 1" in line for line in lines)
    assert risk.limits_of(host, MAKER) == {} and host.view.limits[MAKER.row(host) or 0].swtch == lib.AATS_SWITCH_REDUCE
    assert len(list(path.parent.glob("state.unread.*.json"))) == (0 if damage == "gone" else 1)
    host.move(at, member.identity, lib.AATS_SEAT_FREE)
    del host
    put_away()
    host = open_host()
    assert host.view.risk.unread == 0


def test_a_maker_killed_half_way_leaves_a_segment_that_is_made_again(member: control.Member) -> None:
    host = open_host()
    risk.change(host, HOST, {"exposure": 5}, by="test")
    host.view.limits[0].exposure = 7
    host.view.risk.unread = risk_state.RESTORING
    del host
    again = open_host()
    assert again.view.risk.unread == 0 and risk.limits_of(again, HOST) == {"exposure": 5}


def test_the_segment_outlives_everybody_that_was_killed(namespace: str, tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom aats import control, risk\nfrom aats.layout import Mode, Role\nfrom aats.shm.risk import open_host\n"
        "me = control.join(Role.TRADE, 'maker', mode=Mode.SIM)\nhost = open_host()\nrisk.change(host, risk.HOST, {'exposure': 5}, by='x')\n"
        "host.view.risk.denied[0] = 77\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert [name.kind for name in shm.names(ns=namespace, kind=Kind.RISK)] == ["risk"]
    with control.join(Role.TRADE, "other", mode=Mode.SIM):
        host = open_host()
        assert host.view.risk.denied[0] == 77  # the same one, with all that it counted


def test_the_last_one_out_puts_it_away_and_others_do_not(namespace: str) -> None:
    with control.join(Role.TRADE, "maker", mode=Mode.SIM):
        with control.join(Role.TRADE, "taker", mode=Mode.SIM):
            host = open_host()
            risk.change(host, HOST, {"exposure": 5}, by="x")
        assert host.current
    assert risk_state.state_path(namespace).exists()
    with pytest.raises(SegmentMissing):
        open_host(create=False)


@pytest.mark.parametrize("where", ["before the save", "before the unlink", "after the unlink"])
def test_what_the_last_one_out_was_killed_in_is_finished_by_who_comes_next(where: str, namespace: str) -> None:
    at = {"before the save": "risk.put_away", "before the unlink": "risk.unlink", "after the unlink": "table.shm.unlink"}[where]
    script = (
        "import os, signal\nfrom aats import control, table\nfrom aats.layout import Mode, Role\nfrom aats.risk import HOST, change\n"
        "from aats.shm import risk\nme = control.join(Role.TRADE, 'maker', mode=Mode.SIM)\n"
        f"change(risk.open_host(), HOST, {{'exposure': 5}}, by='x')\n{at} = lambda _: os.kill(os.getpid(), signal.SIGKILL)\nme.leave()\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert shm.names(ns=namespace, kind=Kind.CTL, every=True) != []
    control.tidy()
    assert shm.names(ns=namespace, every=True) == []
    with control.join(Role.TRADE, "other", mode=Mode.SIM):
        assert risk.limits_of(open_host(), HOST) == {"exposure": 5}


def test_a_state_that_cannot_be_written_leaves_the_segment_where_it_is(namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as broken, control.join(Role.TRADE, "maker", mode=Mode.SIM):
        host = open_host()
        risk.change(host, HOST, {"exposure": 5}, by="x")
        broken.setattr(risk_state, "save", full)
    assert host.current and risk.limits_of(open_host(create=False), HOST) == {"exposure": 5}
    assert put_away()
    with pytest.raises(SegmentMissing):
        open_host(create=False)


# ------------------------------------------------------------------------------------------------------------- commands


def test_limits_are_set_shown_and_halted_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert aats(capsys, "risk", "set", "order_notional", "5000", "open_orders", "20", "--reason", "start")[0] == 0
    assert aats(capsys, "risk", "set", "--symbol", BTC.name, "position", "0.5")[0] == 0
    assert aats(capsys, "risk", "halt", "--strategy", "maker", "--reason", "odd")[1] == "strategy maker is halted (was active)\n"
    seen = json.loads(aats(capsys, "risk", "show", "--json")[1])
    assert {(one["scope"], one["name"], one["key"], one["value"]) for one in seen["limits"]} == {
        ("host", "", "order_notional", "5000"),
        ("host", "", "open_orders", "20"),
        ("symbol", BTC.name, "position", "0.5"),
    }
    assert all("aats risk set (pid" in one["by"] for one in seen["limits"])
    assert [(one["scope"], one["switch"], one["reason"]) for one in seen["switches"]] == [
        ("host", "active", ""),
        ("strategy", "halt", "odd"),
    ]
    status, out, _ = aats(capsys, "risk", "show")
    assert status == 0 and "strategy maker: halt - odd" in out and "order_notional" in out
    assert aats(capsys, "risk", "resume", "--strategy", "maker")[1] == "strategy maker is active (was halt)\n"
    assert aats(capsys, "risk", "reduce")[1] == "the host is reduce only (was active)\n"
    assert [line["key"] for line in json.loads(aats(capsys, "risk", "audit", "--json")[1])] == [
        "order_notional",
        "open_orders",
        "position",
        "switch",
        "switch",
        "switch",
    ]
    assert "aats risk reduce" in aats(capsys, "risk", "audit")[1]
    assert aats(capsys, "risk", "set", "open_orders", "20")[1] == "nothing changed\n"


def test_what_is_at_stake_is_shown_while_it_is(capsys: pytest.CaptureFixture[str], host: Host, member: control.Member) -> None:
    at = sit(host, member.identity)
    lib.aats_rate_carry(ffi.addressof(host.view.risk.orders[4]), today(), 3)
    host.view.risk.denied[2] = 4
    seen = json.loads(aats(capsys, "risk", "show", "--json")[1])
    (seat,) = seen["seats"]
    assert (seat["name"], seat["state"], seat["pid"], seat["alive"]) == ("maker", "live", os.getpid(), True)
    (cell,) = seat["symbols"]
    assert (cell["position"], cell["buying"], cell["open_orders"], cell["exposure"]) == ("-0.000005", "0.000007", 2, "9")
    assert seen["totals"] == [cell] and seen["exposure"] == [
        {"asset": "USDT", "mode": "sim", "exposure": "9", "result_today": "-0.00000003"}
    ]
    assert seen["today"] == [{"mode": "sim", "orders": 3, "cancels": 0}] and seen["denied"] == {"risk_position": 4}
    out = aats(capsys, "risk", "show")[1]
    assert "-0.000005" in out and "denied: risk_position 4" in out
    lib.aats_cell_set(host.view, at, 0, ffi.new("aats_rcell_t *"))
    host.move(at, member.identity, lib.AATS_SEAT_FREE)


def test_the_name_of_the_segment_has_one_generation() -> None:
    assert name_of("x").generation == 1 and name_of("x").file.endswith("risk.host.1")
