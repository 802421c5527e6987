"""MarketService, TradeService and ControlService as scripts use them, on a simulated exchange."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

import aats
from aats import BaseStrategy, ConfigError, ControlService, MarketService, TradeService, shm
from aats.control_client import listens
from aats.errors import ControlError
from aats.market_service import NetWorkType
from tests.live.looks import READY_S, eventually, pids_of, segments, tool
from tests.live.procs import FeedProc, Reader, Script, Sim

CIDS = {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE", 1004: "LTCUSDT.BINANCE"}


def service(port: int, *symbols: str, cids: dict[int, str] = CIDS) -> MarketService:
    one = MarketService(cids)
    one.set_control_server("127.0.0.1", port)
    for symbol in symbols:
        one.add_listen_symbol(symbol, "BINANCE", 5)
    return one


# ----------------------------------------------------------------------------------------------------- MarketService


@pytest.mark.parametrize("net", ["none", "shm", "multibroad"])
def test_market_service_returns_with_good_books_and_the_server_goes_on(
    market: Sim, port: int, net: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = service(port, "BTCUSDT", "ETHUSDT")
    if net == "shm":
        one.set_network_cfg("127.0.0.1", 15004, NetWorkType.SHM)
    elif net == "multibroad":
        one.set_network_cfg("239.255.77.2", 15004, NetWorkType.MULTIBROAD, "lo")
    one.open_l2_data()
    assert not listens("127.0.0.1", port)
    one.run()

    assert listens("127.0.0.1", port), "run() starts the control server where none listens"
    books = aats.attach()
    assert sorted(books.symbols) == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
    eventually(lambda: all(books.book(symbol).valid for symbol in books.symbols), why="run() returned before the books were good")
    assert all(len(books.book(symbol).bids) == 5 for symbol in books.symbols)
    servers = ControlService()
    servers.set_control_server("127.0.0.1", port)
    listed = servers.show_all_market_servers()
    assert [one["pid"] for one in listed] == pids_of("feed")
    assert [one["port"] for one in listed] == [15004 if net == "multibroad" else 0]
    assert servers.show_all_trade_servers() == []
    printed = capsys.readouterr().out
    assert "active market server list: " in printed and "active trade server list: " in printed

    again = service(port, "BTCUSDT", "LTCUSDT")
    if net == "multibroad":
        again.set_network_cfg("239.255.77.2", 15004, NetWorkType.MULTIBROAD, "lo")
    again.run()
    assert pids_of("feed") == [listed[0]["pid"]], "the running server takes the new symbol"
    eventually(lambda: aats.attach().book("LTCUSDT.BINANCE").valid, why="run() returned before the book was good")

    assert servers.kill_server(listed[0]["pid"]) == {"pid": listed[0]["pid"], "result": "stopped"}
    assert pids_of("feed") == [] and servers.show_all_market_servers() == []


def test_kill_server_refuses_what_is_not_in_the_table(market: Sim, port: int) -> None:
    service(port, "BTCUSDT").run()
    servers = ControlService()
    servers.set_control_server("127.0.0.1", port)
    for pid in (os.getpid(), 1, market.pid):
        with pytest.raises(ControlError, match=f"pid {pid} is not in the control table"):
            servers.kill_server(pid)
    assert market.running and len(pids_of("feed")) == 1


def test_unknown_symbol_is_named_by_the_error(market: Sim, port: int) -> None:
    with pytest.raises(ConfigError, match=r"NOSUCHUSDT\.BINANCE"):
        service(port, "NOSUCHUSDT")
    with pytest.raises(aats.AatsError, match="NOSUCHUSDT"):
        service(port, "BTCUSDT", "NOSUCHUSDT", cids={**CIDS, 1009: "NOSUCHUSDT.BINANCE"}).run()
    assert pids_of("feed") == []


def test_depth_beyond_what_the_feed_publishes_gives_both_numbers(market: Sim, port: int) -> None:
    with pytest.raises(ConfigError, match="1 to 1000; it is 1001"):
        service(port).add_listen_symbol("BTCUSDT", "BINANCE", 1001)
    service(port, "BTCUSDT").run()
    deeper = service(port)
    deeper.add_listen_symbol("BTCUSDT", "BINANCE", 50)
    with pytest.raises(ConfigError, match=r"at most 5 levels.*wants 50"):
        deeper.run()


def test_port_of_somebody_else_is_named(port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = tool("control", "--port", str(port))
    assert done.returncode == 1 and f"cannot listen on 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr
    for wrong in (0, -1, 65536, "x"):
        with pytest.raises(ConfigError, match="1 to 65535"):
            MarketService(CIDS).set_control_server("127.0.0.1", wrong)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ TradeService

STRATEGY = """
from aats.trade_service import TradeService
from aats.base_strategy import BaseStrategy


class Maker(BaseStrategy):
    def __init__(self):
        self.told = set()

    def tell(self, word):
        if word not in self.told:
            self.told.add(word)
            print(word, flush=True)

    def onQuote(self, msg):
        info = self.si[msg["cid"]]
        assert msg["type"] == "onQuote" and msg["length"] <= 5 and info.bid_px == msg["bid_0_px"] < msg["ask_0_px"]
        self.tell(f"quote {msg['cid']} {info.sym} {info.exch}")

    def onTick(self, msg):
        assert msg["tradeType"] in (1, -1) and msg["px"] > 0
        self.tell(f"tick {msg['cid']}")

    def onNotify(self, NoType):
        self.tell(f"notify {NoType}")

    def close(self):
        print("close", flush=True)


service = TradeService({1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE"})
service.set_ts_connection("127.0.0.1", PORT)
service.config_exchange("BINANCE", "sim")
service.add_md_symbol("BTCUSDT", "BINANCE", 5)
service.add_trade_symbol("ETHUSDT", "BINANCE")
service.add_strategy(Maker())
try:
    service.run()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_strategy_file_runs_as_the_document_shows_it(market: Sim, port: int, tmp_path: Path) -> None:
    with Script(tmp_path, STRATEGY.replace("PORT", str(port)), "maker.py") as script:
        script.line("quote")
        assert listens("127.0.0.1", port), "run() starts the control server where none listens"
        servers = ControlService()
        servers.set_control_server("127.0.0.1", port)
        listed = servers.show_all_trade_servers()
        assert [(one["pid"], one["name"]) for one in listed] == [(script.process.pid, "maker")]
        assert "port" in listed[0]
        assert script.end() == 0
        assert "Traceback" not in script.said()
    assert len(pids_of("feed")) == 1, "the market server goes on"


def test_strategy_is_told_everything_and_closed_once(market: Sim, port: int, tmp_path: Path) -> None:
    with Script(tmp_path, STRATEGY.replace("PORT", str(port))) as script:
        wanted = {"quote 1001 BTCUSDT BINANCE", "quote 1002 ETHUSDT BINANCE", "tick 1001", "tick 1002", "notify 0", "notify 1"}
        while wanted:
            wanted.discard(script.line(""))
        script.process.send_signal(signal.SIGINT)
        assert script.line("close") == "close" and script.line("") == "interrupted"
        assert script.process.wait(READY_S) == 0


def test_killed_control_server_is_replaced_by_the_next_run(market: Sim, port: int, tmp_path: Path) -> None:
    service(port, "BTCUSDT").run()
    (server,) = pids_of("control")
    (feed,) = pids_of("feed")
    os.kill(server, signal.SIGKILL)
    eventually(lambda: not listens("127.0.0.1", port), why="a killed server still listens")
    eventually(lambda: aats.attach().book("BTCUSDT.BINANCE").valid, why="the feed needs it")
    with Script(tmp_path, STRATEGY.replace("PORT", str(port))) as script:  # wants ETHUSDT too
        script.line("quote 1002")
        assert pids_of("control") != [server] and len(pids_of("control")) == 1
        assert pids_of("feed") == [feed], "the feed that ran was extended"
        assert script.end(signal.SIGTERM) == 0


def test_strategy_without_a_feed_fails_with_one_sentence(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Script(tmp_path, STRATEGY.replace("PORT", str(port))) as script:
        assert script.process.wait(READY_S) == 1
        last = script.said().strip().splitlines()[-1]
    assert "ConfigError" in last and "AATS_ENDPOINT_BINANCE_SIM_REST" in last, last


def test_inline_feed_lives_in_the_strategy_and_ends_with_it(market: Sim) -> None:
    with Reader(["BTCUSDT", "ETHUSDT"], feed="inline") as reader:
        for symbol in ("BTCUSDT", "ETHUSDT"):
            reader.wait("quote", symbol)
            reader.wait("tick", symbol)
        assert pids_of("feed") == pids_of("trade") == [reader.pid]
        books = aats.attach()
        eventually(lambda: books.book("BTCUSDT.BINANCE").valid, why="others may not read it")
        reader.kill()
        eventually(lambda: not books.book("BTCUSDT.BINANCE").valid, within_s=5, why="its books outlive it")


def test_an_inline_feed_that_is_killed_takes_its_books_along_and_comes_back_with_its_strategy(market: Sim) -> None:
    """Others read its segments like any feed's: they are told within a second, hold no segment of a dead one, and follow the next life."""
    with Reader(["BTCUSDT"], feed="inline") as owner:
        owner.wait("quote", "BTCUSDT")
        feed = f"{owner.name}-binance"
        with Reader(["BTCUSDT"], name="other", feed=feed, say_ms=10) as other:
            other.wait("quote", "BTCUSDT")
            first = segments(shm.namespace())
            dead = owner.pid
            begin = owner.kill()
            other.wait("invalid", "BTCUSDT", after=begin)
            other.wait("down", after=begin)
            assert not any(one["valid"]["BTCUSDT"] for one in other.of("say", after=begin + 1_000_000_000))
            owner.start()
            again = other.wait("quote", "BTCUSDT", after=begin)["t"]
            other.wait("quote", "BTCUSDT", after=again)
            assert pids_of("feed") == [owner.pid] != [dead]
            eventually(
                lambda: len(segments(shm.namespace())) <= len(first),
                within_s=5,
                why=lambda: f"segments of the dead one: {segments(shm.namespace())}",
            )


SEVERAL = """
import sys
from aats import BaseStrategy, TradeService


class Counter(BaseStrategy):
    def __init__(self, name):
        self.name, self.seen = name, {}

    def onQuote(self, msg):
        self.seen[msg["cid"]] = self.seen.get(msg["cid"], 0) + 1
        if len(self.seen) == 3 and min(self.seen.values()) == 3:
            print(self.name, *sorted(self.seen), flush=True)

    def close(self):
        pass


service = TradeService({"one": "BTCUSDT.BINANCE", "two": "ETHUSDT.BINANCE", "three": "LTCUSDT.BINANCE"}, wait="sleep")
service.config_exchange("BINANCE", "sim")
for symbol in ("BTCUSDT", "ETHUSDT", "LTCUSDT"):
    service.add_md_symbol(symbol, "BINANCE")
service.add_strategy(Counter("first"))
service.add_strategy(Counter("second"))
service.run()
"""


def test_several_strategies_get_the_symbols_of_several_feeds(market: Sim, tmp_path: Path) -> None:
    with FeedProc(market, ["BTCUSDT", "ETHUSDT"], name="a") as a, FeedProc(market, ["LTCUSDT"], name="b") as b:
        a.wait_live()
        b.wait_live()
        with Script(tmp_path, SEVERAL) as script:
            assert sorted((script.line("first"), script.line("second"))) == ["first one three two", "second one three two"]
            assert script.end(signal.SIGTERM) == 0


def test_trade_service_refuses_more_levels_than_the_feed_has(market: Sim) -> None:
    class Quiet(BaseStrategy):
        def close(self) -> None:
            pass

    with FeedProc(market, ["BTCUSDT:5"]) as feed:
        feed.wait_live()
        one = TradeService(CIDS, name="deep", feed=feed.name)
        one.config_exchange("BINANCE", "sim")
        one.add_md_symbol("BTCUSDT", "BINANCE", 20)
        one.add_strategy(Quiet())
        with pytest.raises(ConfigError, match=r"level_num 20 .* publishes 5 levels"):
            one.run()
