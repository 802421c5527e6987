"""Market data from another process by address, as scripts name it: set_network_cfg on one side, set_md_connection on the other."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from aats import ConfigError, ControlService, MarketService, control
from aats.layout import Role
from aats.market_service import NetWorkType
from tests.live.looks import eventually, free_port, pids_of
from tests.live.procs import Script, Sim

CIDS = {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE"}
HELLO = "x" * 20

STRATEGY = """
import sys
from types import SimpleNamespace
from aats import BaseStrategy, TradeService, config

config.limits = lambda: SimpleNamespace(**{**vars(config.Limits()), "feed_ready_ms": %d})

class Told(BaseStrategy):
    def onStart(self): print("start", flush=True)
    def onQuote(self, msg): print("quote", msg["cid"], msg["bid_0_px"], flush=True)
    def onFeedDown(self, feed, reason): print("down", feed, reason, flush=True)
    def onFeedUp(self, feed): print("up", feed, flush=True)
    def close(self): pass

service = TradeService({7: "BTCUSDT.BINANCE"}, name="told", wait="sleep")
service.set_ts_connection("127.0.0.1", %d)
service.set_md_connection(%r, %d, %r, netcard_name=%r)
service.add_md_symbol("BTCUSDT", "BINANCE", 5)
service.add_strategy(Told())
service.run()
"""


def strategy(tmp_path: Path, control_port: int, ip: str, port: int, kind: str = "P2P", card: str = "", *, ready_ms: int = 30_000) -> Script:
    return Script(tmp_path, STRATEGY % (ready_ms, control_port, ip, port, kind, card))


def service(control_port: int, *symbols: str) -> MarketService:
    one = MarketService(CIDS)
    one.set_control_server("127.0.0.1", control_port)
    for symbol in symbols or ("BTCUSDT",):
        one.add_listen_symbol(symbol, "BINANCE", 5)
    return one


def receivers() -> list[str]:
    """Return the names of the receivers that live."""
    return [one["name"] for one in control.processes() if one["alive"] and one["name"].startswith("rx-")]


@pytest.fixture
def md() -> Iterator[int]:
    """Give a port for market data, free for connections and datagrams."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        break
    yield port


# --------------------------------------------------------------------------------------------------------- refusals


def test_a_market_server_for_other_hosts_takes_a_token(
    market: Sim, port: int, md: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AATS_TOKEN", raising=False)
    one = service(port)
    one.set_network_cfg("0.0.0.0", md)
    with pytest.raises(ConfigError, match=r"P2P at 0\.0\.0\.0 lets other hosts in, .*aats token --new"):
        one.run()
    assert pids_of("feed") == []

    token = Path(os.environ["AATS_HOME"]) / "token"
    token.write_text(HELLO)
    token.chmod(0o600)
    one.run()
    with strategy(tmp_path, port, "127.0.0.1", md) as good:
        assert good.line("quote").startswith("quote 7 ")
    assert all(HELLO not in json.dumps(one) for one in control.processes())


def test_a_subscriber_without_the_token_is_told_so(
    market: Sim, port: int, md: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AATS_TOKEN", HELLO)
    one = service(port)
    one.set_network_cfg("127.0.0.1", md)
    one.run()
    monkeypatch.setenv("AATS_TOKEN", HELLO + "another")
    with strategy(tmp_path, port, "127.0.0.1", md, ready_ms=4000) as script:
        assert script.process.wait(60) == 1
        said = script.said()
    assert "ConfigError" in said and f"P2P 127.0.0.1:{md} (set_md_connection)" in said and "token" in said.splitlines()[-1]
    assert HELLO not in said


def test_where_no_market_server_listens_the_script_ends_with_a_sentence(market: Sim, port: int, md: int, tmp_path: Path) -> None:
    with strategy(tmp_path, port, "localhost", md, ready_ms=3000) as script:
        assert script.process.wait(60) == 1
        last = script.said().splitlines()[-1]
    assert "ConfigError" in last and f"P2P 127.0.0.1:{md} (set_md_connection)" in last
    assert receivers() == [] and pids_of("trade") == pids_of("control") == []


def test_a_running_market_server_does_not_change_its_network(market: Sim, port: int, md: int) -> None:
    one = service(port)
    one.set_network_cfg("localhost", md)
    one.run()
    assert one.servers[0]["started"] and one.servers[0]["port"] == md
    again = service(port, "BTCUSDT", "ETHUSDT")
    again.set_network_cfg("127.0.0.1", md, NetWorkType.P2P)
    again.run()
    assert again.servers[0]["pid"] == one.servers[0]["pid"] and again.servers[0]["changed"] == ["ETHUSDT"]
    for ip, number, kind, card in (("127.0.0.1", md + 1, 1, ""), ("239.255.77.2", md, 3, "lo"), ("127.255.255.255", md, 2, "lo")):
        other = service(port)
        other.set_network_cfg(ip, number, kind, card)
        with pytest.raises(ConfigError, match=rf"runs already and sends (to port {md}|elsewhere .*p2p 127\.0\.0\.1:{md})"):
            other.run()


# ------------------------------------------------------------------------------------------------------------ ways


@pytest.mark.parametrize(
    ("kind", "ip", "card"),
    [
        ("P2P", "localhost", ""),
        pytest.param("P2P", "::1", "", marks=pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")),
        ("BROADCAST", "127.255.255.255", "lo"),
        ("MULTIBROAD", "239.255.77.3", "lo"),
    ],
)
def test_a_script_gets_by_address_what_another_script_has_started(
    market: Sim, port: int, md: int, tmp_path: Path, kind: str, ip: str, card: str
) -> None:
    one = service(port)
    one.set_network_cfg(ip, md, kind, card)
    one.run()
    with strategy(tmp_path, port, ip, md, kind, card) as script:
        assert script.line("quote").startswith("quote 7 ")
        (name,) = receivers()
        assert name.startswith("rx-") and name.endswith(f"-{md}")
        servers = ControlService()
        servers.set_control_server("127.0.0.1", port)
        assert [one["port"] for one in servers.show_all_market_servers()] == [md], "a receiver is no market server"
        assert script.end() in (0, 1, -signal.SIGINT)


def test_two_strategies_that_start_at_once_share_one_receiver(market: Sim, port: int, md: int, tmp_path: Path) -> None:
    one = service(port)
    one.set_network_cfg("127.0.0.1", md)
    one.run()
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    text = STRATEGY % (30_000, port, "127.0.0.1", md, "P2P", "")
    with (
        Script(folders[0], text.replace('name="told"', 'name="first"')) as first,
        Script(folders[1], text.replace('name="told"', 'name="second"')) as second,
    ):
        assert first.line("quote") and second.line("quote")
        assert len(receivers()) == 1


def test_a_receiver_that_is_killed_is_started_again_and_the_strategy_goes_on(market: Sim, port: int, md: int, tmp_path: Path) -> None:
    one = service(port)
    one.set_network_cfg("127.0.0.1", md)
    one.run()
    with strategy(tmp_path, port, "127.0.0.1", md) as script:
        script.line("quote")
        (name,) = receivers()
        entry = control.Table.open().find(Role.FEED, name)
        assert entry is not None
        os.kill(entry.pid, signal.SIGKILL)
        assert script.line("down").split()[1] == name
        assert script.line("up").split()[1] == name
        script.line("quote")
        eventually(lambda: receivers() == [name], why=receivers)
