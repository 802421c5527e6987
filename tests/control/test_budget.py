"""The host's rate budgets as REST meets them: what is taken, told, held and waited for, and what `aats budget` shows of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from aats import budget, control
from aats._ffi import ffi, lib
from aats.budget import MINUTE_NS, HostBudget, address_of, budgets_of, usage
from aats.layout import Role
from aats.venue import Endpoints, SnapshotRefused
from aats.venue.account import AccountError
from aats.venue.base import BudgetSpent
from aats.venue.binance import BinanceClient
from aats.venue.binance_account import BinanceAccount

SECOND = 1_000_000_000
INFO: dict[str, Any] = {
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 77},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 7700},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 6100},
        {"rateLimitType": "SOMETHING_NEW", "interval": "MINUTE", "intervalNum": 5, "limit": 1},
        {"rateLimitType": "ORDERS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 1},
    ],
    "symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": []}],
}


@pytest.fixture
def member(namespace: str, home: Any) -> Any:
    """Make this process one of the control table, so that it may have a risk segment."""
    joined = control.join(Role.OTHER, "budget")
    yield joined
    joined.leave()


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1000 * SECOND

    def __call__(self) -> int:
        return self.now_ns


class Alone:
    """Budgets in memory of this test."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def find(self, name: str) -> Any:
        return self.made.setdefault(name, ffi.new("aats_budget_t *"))


class Venue:
    """Answers requests, and notes them."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def answer(status: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def client(venue: Venue, shared: HostBudget) -> BinanceClient:
    made = BinanceClient(Endpoints("https://venue.example", ""), budget=shared)
    made._http = httpx.Client(base_url="https://venue.example", transport=httpx.MockTransport(venue))
    return made


def used(table: Any, kind: str, span_ns: int, clock: Clock) -> int:
    return int(lib.aats_budget_used(table.find(f"addr x {kind}"), span_ns, clock.now_ns))


def test_an_address_is_one_for_each_mode_and_for_each_simulated_exchange() -> None:
    assert address_of("BINANCE", "DIRECT", "https://api.binance.com") == "addr binance direct"
    assert address_of("BINANCE", "direct", "https://api1.binance.com") == "addr binance direct"
    one, other = (address_of("BINANCE", "sim", f"https://127.0.0.1:{port}") for port in (45001, 45002))
    assert one != other
    assert one == address_of("BINANCE", "sim", "wss://127.0.0.1:45001")
    assert len(f"{address_of('BINANCE', 'sim', 'https://a-very-long-name-of-a-host.example:45001')} connects") <= 47


def test_limits_of_exchange_info_are_taken_and_the_request_counts() -> None:
    table, clock = Alone(), Clock()
    shared = HostBudget("addr x", table=table, clock_ns=clock)
    venue = Venue(answer(200, INFO, X_MBX_USED_WEIGHT_1M="333"))
    assert list(client(venue, shared).instruments(["BTCUSDT"])) == ["BTCUSDT"]
    assert used(table, "weight", MINUTE_NS, clock) == 333
    assert used(table, "requests", 5 * MINUTE_NS, clock) == 1
    spans = {int(span.span_ns): int(span.limit) for span in table.find("addr x orders").spans if span.span_ns}
    assert spans == {10 * SECOND: 77, 86400 * SECOND: 7700}
    weight = table.find("addr x weight")
    assert (weight.spans[0].limit, weight.spans[0].reserve) == (1200, 60)


def test_a_snapshot_waits_instead_of_being_refused_by_the_venue() -> None:
    table, clock = Alone(), Clock()
    shared = HostBudget("addr x", table=table, clock_ns=clock)
    venue = Venue(answer(200, {"lastUpdateId": 1}))
    one = client(venue, shared)
    with pytest.raises(BudgetSpent) as caught:
        while True:
            one.snapshot("BTCUSDT")
    wait_s = caught.value.retry_after_s
    assert 60 < wait_s < 64
    assert len(venue.asked) == (6000 - 300) * 3 // 4 // 50, "bulk leaves a quarter to orders"
    clock.now_ns += int(wait_s * SECOND) + 1
    one.snapshot("BTCUSDT")


@pytest.mark.parametrize(
    ("status", "headers", "hold_s"), [(429, {"Retry_After": "7"}, 7), (429, {}, 10), (418, {"Retry_After": "300"}, 300), (418, {}, 120)]
)
def test_a_word_of_the_venue_on_waiting_holds_everybody(status: int, headers: dict[str, str], hold_s: int) -> None:
    table, clock = Alone(), Clock()
    ours, theirs = (HostBudget("addr x", table=table, clock_ns=clock) for _ in "ab")
    venue = Venue(answer(status, {"code": -1003, "msg": "Too much"}, **headers))
    with pytest.raises(SnapshotRefused, match=f"HTTP {status}"):
        client(venue, ours).snapshot("BTCUSDT")
    banned = ffi.new("int *")
    assert lib.aats_budget_wait(table.find("addr x weight"), clock.now_ns, banned) == hold_s * SECOND
    assert banned[0] == (status == 418)
    with pytest.raises(BudgetSpent):
        client(venue, theirs).snapshot("BTCUSDT")
    assert len(venue.asked) == 1


def test_exchange_info_waits_for_a_window_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    table, clock = Alone(), Clock()
    shared = HostBudget("addr x", table=table, clock_ns=clock)
    venue, slept = Venue(answer(200, INFO)), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now_ns += int(seconds * SECOND) + 1

    monkeypatch.setattr("aats.venue.binance.time.sleep", sleep)
    assert shared.wait_s(4270) == 0
    client(venue, shared).instruments(["BTCUSDT"])
    assert len(slept) == 1 and 60 < slept[0] < 64
    shared.close(300)
    with pytest.raises(SnapshotRefused, match="300"):
        client(venue, shared).instruments(["BTCUSDT"])
    assert len(slept) == 1 and len(venue.asked) == 1


def test_account_commands_take_their_weight_and_cancels_have_their_lane() -> None:
    table, clock = Alone(), Clock()
    shared = HostBudget("addr x", table=table, clock_ns=clock)
    venue = Venue(answer(200, {"serverTime": 1}), answer(200, [], X_MBX_USED_WEIGHT_1M="500"), answer(200, {}))
    with BinanceAccount("https://venue.example", "key", "secret", transport=httpx.MockTransport(venue), budget=shared) as account:
        account.open_orders()
        assert used(table, "weight", MINUTE_NS, clock) == 500
        weight = table.find("addr x weight")
        while lib.aats_budget_take(weight, lib.AATS_LANE_ORDER, 1, clock.now_ns) == 0:
            pass
        assert account.cancel("BTCUSDT", "7") is True
        assert (weight.taken[lib.AATS_LANE_CANCEL], weight.taken[lib.AATS_LANE_BULK]) == (1, 81)
        shared.close(600)
        with pytest.raises(AccountError, match="used up"):
            account.cancel("BTCUSDT", "8")
    assert venue.asked == ["GET /api/v3/time", "GET /api/v3/openOrders", "DELETE /api/v3/order"]


def test_processes_of_a_namespace_share_their_budgets_and_others_see_them(member: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from aats.cli import main

    one, other = budgets_of("BINANCE", "direct", ""), budgets_of("BINANCE", "direct", "")
    assert one.wait_s(1000) == 0 and other.wait_s(500) == 0
    one.told(1700)
    row = next(row for row in usage() if row.name == "addr binance direct weight")
    assert (row.used, row.limit, row.reserve, row.told, row.foreign) == (1700, 6000, 300, 1700, 200)
    assert row.taken["bulk"] == 1500 and row.told_s is not None and row.hold_s == 0
    one.close(100, banned=True)
    assert main(["budget", "--json"]) == 0
    shown = {(row["name"], row["span_s"]): row for row in json.loads(capsys.readouterr().out)}
    assert shown["addr binance direct weight", 60]["banned"] is True
    assert main(["budget"]) == 0
    table = capsys.readouterr().out
    assert "addr binance direct weight" in table and "banned" in table


def test_a_full_table_is_said_and_the_process_counts_for_itself(member: Any, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(int(lib.AATS_RISK_BUDGETS)):
        budgets_of("BINANCE", "sim", f"https://127.0.0.1:{10000 + number}").limits(INFO["rateLimits"][:1])
    caplog.clear()
    late = budgets_of("BINANCE", "direct", "")
    assert late.wait_s(4000) == 0 and late.wait_s(4000) > 0
    assert len(caplog.records) == 1 and "no room" in caplog.text
    why = ffi.new("char[]", 400)
    opts = ffi.new("aats_session_opts_t *")
    lib.aats_session_defaults(opts)
    session = ffi.gc(lib.aats_session_new(opts, b"key", b"secret", ffi.NULL, 0, why, len(why)), lib.aats_session_free)
    assert session != ffi.NULL
    assert budget.give(session, "binance-01234567", "addr binance direct") is False


def test_without_a_control_table_a_command_counts_for_itself(namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    from aats.cli import main

    outside = budgets_of("BINANCE", "direct", "", member=False)
    assert outside.wait_s(4000) == 0 and outside.wait_s(4000) > 0
    assert usage() == []
    assert main(["budget"]) == 0 and "nobody" in capsys.readouterr().out
    assert budget.budgets_of("BINANCE", "direct", "", member=False).wait_s(4000) == 0
