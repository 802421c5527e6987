"""Services from host to host: a market server started on another host by its control server, its data over TCP, a strategy listed and ended there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aats import control
from aats.layout import Role
from tests.live.looks import tool
from tests.live.procs import Script, Sim
from tests.net.lab import Host, Lab, why_no_namespace

CONTROL, DATA = 8060, 15004
TOKEN = "a token of thirty-two characters"

pytestmark = pytest.mark.skipif(bool(why_no_namespace()), reason=why_no_namespace() or "namespaces")

STRATEGY = """
from aats import BaseStrategy, TradeService

class Far(BaseStrategy):
    def onQuote(self, msg): print("quote", msg["cid"], flush=True)
    def onStop(self, reason): print("stop", reason, flush=True)
    def close(self): pass

service = TradeService({{7: "BTCUSDT.BINANCE"}}, name="far", wait="sleep")
service.set_ts_connection({ip!r}, {control})
service.set_md_connection({ip!r}, {data}, "P2P")
service.add_md_symbol("BTCUSDT", "BINANCE", 5)
service.add_strategy(Far())
service.run()
"""

MARKET = """
from aats import AatsError, MarketService

service = MarketService({{1: "BTCUSDT.BINANCE"}})
service.set_control_server({ip!r}, {control})
service.set_network_cfg({ip!r}, {data})
service.add_listen_symbol("BTCUSDT", "BINANCE", 5)
try:
    service.run()
except AatsError as error:
    print(f"{{type(error).__name__}}: {{error}}", flush=True)
else:
    print("runs", service.servers[0]["port"], flush=True)
"""

ASK = """
import json
from aats import ControlService

service = ControlService()
service.set_control_server({ip!r}, {control})
found = service.show_all_trade_servers(), service.show_all_market_servers()
print("json", json.dumps(found), flush=True)
for one in found[0]:
    print("killed", service.kill_server(one["pid"])["result"], flush=True)
"""


@pytest.fixture
def hosts(namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Host, Host]]:
    """Run a simulated exchange and a control server for other hosts on the first of two hosts; both know the token."""
    monkeypatch.setenv("AATS_TOKEN", TOKEN)
    monkeypatch.setenv("AATS_MODE", "sim")
    with Lab(hosts=2) as lab, contextlib.ExitStack() as ended:
        here, there = lab.host(0), lab.host(1)
        with here:
            sim = ended.enter_context(Sim("--symbols", "BTCUSDT"))
            control.spawn(Role.CONTROL, ["control", "--host", "0.0.0.0", "--port", str(CONTROL)], name="control")
        for name, value in sim.env.items():  # the asker's; the market server that it asks for is where the exchange is
            monkeypatch.setenv(name, value)
        yield here, there
        for host in (there, here):
            with host:
                assert tool("kill", "--all").returncode == 0


def script(tmp_path: Path, text: str, host: Host, name: str) -> Script:
    return Script(tmp_path, text.format(ip=host.ip, control=CONTROL, data=DATA), name)


def test_a_host_without_the_token_gets_nothing(hosts: tuple[Host, Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = hosts
    for token in ("", TOKEN + " not"):
        monkeypatch.setenv("AATS_TOKEN", token)
        with there, script(tmp_path, MARKET, here, "market.py") as market:
            said = market.line("C")
        assert said.partition(":")[0] in ("ConfigError", "ControlError") and "token" in said and TOKEN not in said
    with here:
        assert [one["role"] for one in control.processes()] == ["control"]


def test_market_and_strategy_on_two_hosts(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    here, there = hosts
    with there, script(tmp_path, MARKET, here, "market.py") as market:
        assert market.line("runs") == f"runs {DATA}"
    with here:
        assert sorted(one["role"] for one in control.processes()) == ["control", "feed"]
    with there, script(tmp_path, STRATEGY, here, "far.py") as far:
        assert far.line("quote") == "quote 7"
        found = control.processes()
        assert sorted((one["role"], one["name"].partition("-")[0]) for one in found) == [("feed", "rx"), ("trade", "far")], (
            "nobody else is needed"
        )
        (ours,) = [one["pid"] for one in found if one["role"] == "trade"]
        with script(tmp_path, ASK, here, "ask.py") as ask:
            trade, feeds = json.loads(ask.line("json").partition(" ")[2])
            assert [(one["pid"], one["name"], one["port"], one["remote"]) for one in trade] == [(ours, "far", 0, True)]
            assert [(one["name"], one["port"]) for one in feeds] == [("binance-sim", DATA)]
            assert ask.line("killed") == "killed stopped"
        assert far.line("stop") == "stop kill_server"
        assert far.process.wait(60) == 0
