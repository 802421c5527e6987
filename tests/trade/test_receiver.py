"""TradeService over the network: whom it asks and whom not, what it says when nothing comes, and what it starts again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from aats import config, control
from aats.base_strategy import BaseStrategy
from aats.errors import ConfigError, ControlError
from aats.layout import Mode, Role
from aats.trade_receiver import Receiver
from aats.trade_service import TradeService

from .conftest import BTC, ETH
from .synthetic import SyntheticFeed

NAME = "rx-127-0-0-1-15004"
NET = config.Net("p2p", "127.0.0.1", 15004)
ELSEWHERE = ("203.0.113.7", 8060)


class Once(BaseStrategy):
    """Ends the run with the first quote, or right at the start."""

    def __init__(self, *, at_start: bool = False) -> None:
        self.at_start = at_start
        self.reasons: list[str] = []

    def onStart(self) -> None:
        if self.at_start:
            self.manager.stop()

    def onQuote(self, msg: dict[str, Any]) -> None:
        self.manager.stop()

    def onStop(self, reason: str) -> None:
        self.reasons.append(reason)

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_control_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be asked: a test that does not expect it fails."""
    monkeypatch.delenv("AATS_MD", raising=False)
    monkeypatch.delenv("AATS_MODE", raising=False)
    for what in ("ensure", "ask"):
        monkeypatch.setattr(f"aats.control_client.{what}", lambda *words, **more: pytest.fail(f"a control server was asked: {words}"))


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """Note what would be started, and refuse it as a receiver that hears nothing does."""
    asked: list[list[str]] = []

    def spawn(role: Role, words: list[str], *, name: str, wait_s: float) -> None:
        assert (role, name) == (Role.FEED, NAME) and wait_s > 0
        asked.append(words)
        raise ControlError("feed (pid 7) was not ready after 30 s: p2p 127.0.0.1:15004: waiting for a feed")

    monkeypatch.setattr("aats.control.spawn", spawn)
    yield asked


def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aats.config.limits", lambda: SimpleNamespace(**{**vars(config.Limits()), "feed_ready_ms": 50}))


def service(strategy: BaseStrategy | None = None, *words: Any, **options: Any) -> TradeService:
    made = TradeService({1001: BTC, 1002: ETH}, **options)
    made.add_strategy(strategy or Once())
    ip, port, kind, *card = words or ("localhost", 15004, "P2P")
    made.set_md_connection(ip, port, kind, netcard_name="".join(card))
    return made


# --------------------------------------------------------------------------------------------------------- refusals


def test_where_nothing_comes_the_receivers_own_words_are_told(spawned: list[list[str]]) -> None:
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match=r"P2P 127\.0\.0\.1:15004 \(set_md_connection\): .*not ready after 30 s: .*waiting for a feed"):
        made.run()
    assert spawned == [["receive", "p2p", "127.0.0.1:15004", "--linger", "30"]]
    assert control.processes() == []


def test_one_that_somebody_else_started_is_waited_for(spawned: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    soon(monkeypatch)
    with control.join(Role.FEED, NAME, detail="p2p 127.0.0.1:15004: token refused"):
        made = service()
        made.add_md_symbol("BTCUSDT", "BINANCE")
        with pytest.raises(ConfigError, match=r"not receiving after 0\.05 s: p2p 127\.0\.0\.1:15004: token refused \(pid \d+\)"):
            made.run()
    assert spawned == []


def test_a_symbol_that_does_not_come_from_there_is_named_with_those_that_do(
    make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_feed(NAME, (ETH,))
    make_feed("here").book(0, 1_000_000_000)
    soon(monkeypatch)
    monkeypatch.setattr("aats.trade_feeds._MARGIN_S", 0.05)
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match=rf"{BTC} \(direct\): P2P 127\.0\.0\.1:15004 does not have it; .*{NAME} \(direct: {ETH}\)"):
        made.run()


def test_data_of_another_mode_is_not_taken(make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch) -> None:
    make_feed(NAME, mode=Mode.SIM)
    soon(monkeypatch)
    monkeypatch.setattr("aats.trade_feeds._MARGIN_S", 0.05)
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match=rf"\(direct\): P2P .* does not have it; .*{NAME} \(sim: {BTC} {ETH}\)"):
        made.run()


# ------------------------------------------------------------------------------------------------------------ ways


@pytest.mark.parametrize(
    ("words", "name", "command"),
    [
        (("127.0.0.1", 15004, "P2P"), NAME, ["receive", "p2p", "127.0.0.1:15004"]),
        (("::1", 15004, 1), "rx-1-15004", ["receive", "p2p", "[::1]:15004"]),
        (("239.1.2.3", 15004, 3, "lo"), "rx-239-1-2-3-15004", ["receive", "multibroad", "239.1.2.3:15004", "--card", "lo"]),
        (("255.255.255.255", 5, "broadcast", "lo"), "rx-255-255-255-255-5", ["receive", "broadcast", "255.255.255.255:5", "--card", "lo"]),
    ],
)
def test_each_type_starts_its_receiver_by_the_words_that_a_person_would_use(
    words: tuple[Any, ...], name: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def spawn(role: Role, args: list[str], *, name: str, wait_s: float) -> None:
        asked.append((name, args))
        raise ControlError("enough")

    monkeypatch.setattr("aats.control.spawn", spawn)
    made = service(None, *words)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match="enough"):
        made.run()
    assert asked == [(name, [*command, "--linger", "30"])]


@pytest.mark.parametrize("control_at", [("127.0.0.1", 9), ELSEWHERE])
def test_data_from_the_network_is_taken_though_a_feed_runs_here_and_nobody_is_asked_for_one(
    make_feed: Callable[..., SyntheticFeed], control_at: tuple[str, int], spawned: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aats.trade_service.Registration", Listed)
    make_feed("here")
    make_feed(NAME).book(0, 1_000_000_000)
    strategy = Once()
    made = service(strategy)
    made.set_ts_connection(*control_at)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.run()
    assert strategy.reasons == ["stop"] and spawned == []
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    assert made._finder(made._checked()).chosen()[BTC].name == NAME


# --------------------------------------------------------------------------------------------------- starting again


def test_a_receiver_that_dies_is_started_again_ever_more_rarely_and_never_beside_a_living_one(
    spawned: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("aats.trade_receiver.time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda s: None))
    one = Receiver(NET, lambda *words: None)

    def revive() -> int:
        one.revive()
        if one._helper is not None:
            one._helper.join()
        return len(spawned)

    assert [revive() for _ in range(5)] == [1] * 5
    now[0] += 1.0
    assert revive() == 2
    now[0] += 1.9
    assert revive() == 2
    now[0] += 0.2
    with control.join(Role.FEED, NAME, detail="waiting"):
        assert revive() == 2
    assert revive() == 3
    for _ in range(10):
        now[0] += 30.0
        revive()
    assert len(spawned) == 13
    now[0] += 29.9
    assert revive() == 13
    now[0] += 31.0  # it has lived so long: a new trouble
    assert revive() == 14
    now[0] += 1.0
    assert revive() == 15


def test_while_one_start_is_under_way_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, count = threading.Event(), threading.Event(), []

    def spawn(*words: Any, **more: Any) -> None:
        count.append(1)
        begun.set()
        go.wait(30)

    now = [100.0]
    monkeypatch.setattr("aats.control.spawn", spawn)
    monkeypatch.setattr("aats.trade_receiver.time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda s: None))
    one = Receiver(NET, lambda *words: None)
    one.revive()
    assert begun.wait(30)
    now[0] += 10
    one.revive()
    assert len(count) == 1
    go.set()
    assert one._helper is not None
    one._helper.join()


def test_the_loop_asks_for_the_receiver_that_is_gone_and_for_no_feed_of_this_host(
    make_feed: Callable[..., SyntheticFeed], monkeypatch: pytest.MonkeyPatch
) -> None:
    revived = []
    monkeypatch.setattr(Receiver, "revive", lambda self: revived.append(self.name))
    made = service()
    made.add_md_symbol("BTCUSDT", "BINANCE")
    finder = made._finder(made._checked())
    finder.missed("here")
    assert revived == []
    finder.missed(NAME)
    assert revived == [NAME]


# ------------------------------------------------------------------------------------------------ a control server elsewhere


class Listed:
    """Stands in for the list of another host's control server."""

    made: list[Listed] = []

    def __init__(self, host: str, port: int, *, name: str, mode: str, detail: str, on_kill: Callable[[], None]) -> None:
        self.said = (host, port, name, mode, detail)
        self.on_kill = on_kill
        self.open = False
        Listed.made.append(self)

    def __enter__(self) -> Listed:
        self.open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.open = False


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Listed]:
    monkeypatch.setattr("aats.trade_service.Registration", Listed)
    monkeypatch.setattr(Listed, "made", [])
    return Listed.made


def test_a_process_is_listed_at_the_control_server_of_another_host_and_ended_from_there(
    make_feed: Callable[..., SyntheticFeed], listed: list[Listed]
) -> None:
    make_feed().book(0, 1_000_000_000)

    class Killed(Once):
        def onQuote(self, msg: dict[str, Any]) -> None:
            assert listed[0].open
            listed[0].on_kill()

    strategy = Killed()
    made = TradeService({1001: BTC}, name="far")
    made.add_strategy(strategy)
    made.set_ts_connection(*ELSEWHERE)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.run()
    assert strategy.reasons == ["kill_server"]
    assert [one.said for one in listed] == [(*ELSEWHERE, "far", "direct", f"Killed: {BTC}")] and not listed[0].open


def test_a_process_of_this_hosts_control_server_is_in_its_table_and_in_no_list(
    make_feed: Callable[..., SyntheticFeed], listed: list[Listed]
) -> None:
    make_feed()
    made = TradeService({1001: BTC})
    made.add_strategy(Once(at_start=True))
    made.set_ts_connection("localhost", 8061)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    made.run()
    assert listed == []


def test_a_feed_for_this_host_is_asked_of_this_hosts_control_server(monkeypatch: pytest.MonkeyPatch, listed: list[Listed]) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr("aats.control_client.ensure", lambda host, port: asked.append((host, port)))
    monkeypatch.setattr("aats.control_client.ask", lambda host, port, request, timeout_s: asked.append((host, port)))
    made = TradeService({1001: BTC})
    made.add_strategy(Once())
    made.set_ts_connection(*ELSEWHERE)
    made.add_md_symbol("BTCUSDT", "BINANCE")
    with pytest.raises(ConfigError, match="no feed has it"):
        made.run()
    assert asked == [("127.0.0.1", 8060)] * 2
