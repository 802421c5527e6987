"""The published client itself, unmodified, with its own scripts, against this package's servers and the simulated exchange.

Client and scripts are those of the release 0.1.2, fetched from the package index at test time; the client is installed into a virtual environment of its
own.  The scripts have addresses and ports in them (8060, 15004, tc1 a control server at an address of the internet), so all of it runs in a network
namespace of its own, where loopback has that address too.  Without the right to make one: on the host's ports, one test at a time, and without tc1.

    tc2   starts the market server       tc4   a maker: post-only on both sides, canceled when the price moves away
    tc3   a taker: IOC at the ask        tc5   prints a quote or tick every 5 s
    tc1   lists the trade servers

The client takes the second bid's price for the ask where a book has more than one level (docs/compat.md), so tc3 buys nothing from the market that tc2
starts: its IOC orders are canceled.  It buys from one that the same client starts with a depth of 1.

Not asked: that the client gets every record under backlog; its splitter loses some (docs/compat.md).
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aats import config, control
from tests.live.looks import READY_S, ROOT, eventually, pids_of, segments, tool
from tests.live.own_network import own_network, why_not
from tests.live.procs import Proc, Sim
from tests.live.published import (
    LISTER,
    LISTERS_ADDRESS,
    MAKER,
    MARKET,
    MOVER,
    PORT,
    PRINTER,
    RELEASE,
    TAKER,
    Running,
    Venue,
    cannot_be_had,
    fetch_scripts,
    maker_quotes_and_is_filled,
    pip,
    port_8060_of_this_host,
    published_key,
    sim_words,
    takers_buy,
)

_CALLBACKS = re.compile(r"Created (Rejected |Acked (Exec )*(Canceled )?)Closed \Z")

#: What tc2 does, but with one level.
MARKET_OF_DEPTH_1 = """
from aats.market_service import MarketService, NetWorkType
service = MarketService({1001: "BTCUSDT.BINANCE"})
service.set_control_server(ip="127.0.0.1", port=8060)
service.set_network_cfg(ip="127.0.0.1", port=15004, send_type=NetWorkType.P2P)
service.add_exchange("BINANCE", "Exchange_Setting", "bookTicker")
service.add_listen_symbol("BTCUSDT", "BINANCE", 1)
service.open_l2_data()
service.run()
"""

#: What tc1 has in comments, said by the same client.
LIST_AND_KILL = """
import sys
from aats.control_service import ControlService
service = ControlService()
service.set_control_server(ip="127.0.0.1", port=8060)
service.show_all_market_servers()
for pid in sys.argv[1:]:
    service.kill_server(pid=int(pid))
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_scripts(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the published client into an environment of its own; return its Python."""
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    why = pip("--python", str(python), "install", "--no-deps", RELEASE)
    if why:
        cannot_be_had("the package", why)
    where = subprocess.run(
        [python, "-c", "import aats.base.manager as one; print(one.__file__)"], capture_output=True, text=True, cwd=folder
    )
    assert where.stdout.startswith(str(folder)), where
    return python


@pytest.fixture
def network() -> Iterator[bool]:
    """Give a network in which the scripts' ports are free; whether it is one of its own."""
    refused = why_not()
    if refused:
        print(f"no network namespace ({refused}): the host's ports are used, and tc1 is left out")
        with port_8060_of_this_host():
            yield False
    else:
        with own_network([LISTERS_ADDRESS]):
            yield True


class Server(Proc):
    """``aats control --compat`` on the scripts' port."""

    def __init__(self, *words: str) -> None:
        self.log = config.log_dir() / "control.log"
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aats.cli", "control", "--port", str(PORT), "--compat", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
            )
        eventually(lambda: self.pid in pids_of("control") and self._ready(), within_s=READY_S, why=self.said)

    def _ready(self) -> bool:
        assert self.running, self.said()
        return any(one["pid"] == self.pid and one["state"] == "RUN" for one in control.processes())

    def said(self) -> str:
        return "; ".join(file.name + ": " + file.read_text()[-2000:] for file in sorted(config.log_dir().iterdir()))


@pytest.fixture
def ended(namespace: str) -> Iterator[None]:
    """End whatever runs in the namespace afterwards."""
    yield
    done = tool("kill", "--all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_published_client_trades_unmodified(
    scripts: Path, client: Path, network: bool, ended: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    key = published_key((scripts / TAKER).read_text())
    running: dict[str, Running] = {}

    def start(name: str) -> Running:
        running[name] = Running.start(tmp_path, scripts / name, python=client, path=None)
        return running[name]

    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Sim(*sim_words(key, MOVER)))
        theirs, mover = (stack.enter_context(Venue(sim.ready, one)) for one in (key, MOVER))
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        server = stack.enter_context(Server())
        try:
            market = start(MARKET)
            assert market.process.wait(READY_S) == 0, market.said() + server.said()
            assert market.lines()[-1] == "require_market_data_state: ok" and len(pids_of("feed")) == 1
            for name in (TAKER, MAKER, PRINTER):
                start(name)
            maker_quotes_and_is_filled(theirs, mover, running[MAKER])
            eventually(lambda: len(_ended_iocs(theirs)) >= 2, within_s=READY_S, why=running[TAKER].said)
            eventually(lambda: len(_printed(running[PRINTER])) >= 2, within_s=READY_S, why=running[PRINTER].said)
            assert len(pids_of("trade")) == 3, control.processes()

            printer = _session_of(running[PRINTER])
            done = subprocess.run(
                [client, "-c", LIST_AND_KILL, str(printer)], capture_output=True, text=True, timeout=READY_S, cwd=tmp_path
            )
            assert done.returncode == 0, done
            listed, killed = done.stdout.splitlines()
            assert ast.literal_eval(listed.partition(": ")[2].strip()) == [{"pid": str(pids_of("feed")[0]), "port": "15004"}]
            assert ast.literal_eval(killed)["result"] == "stopped"
            eventually(lambda: printer not in pids_of("trade"))

            for one in running.values():
                if one is not market:
                    assert one.process.poll() is None, one.said()
                    one.process.send_signal(signal.SIGINT)
            status = {name: one.process.wait(READY_S) for name, one in running.items()}
            eventually(lambda: not pids_of("trade"), why=server.said)
        finally:
            for one in running.values():
                one.process.kill()
                one.process.wait()

        assert status == {MARKET: 0, TAKER: 0, PRINTER: 0, MAKER: 1}, [one.said() for one in running.values()]
        assert running[MAKER].errors.read_text().rstrip().endswith("AttributeError: 'str' object has no attribute 'order_id'")
        for name in (TAKER, PRINTER):
            assert all(part in running[name].out.read_text() for part in ("close strategy and close open orders", "trade closed"))
            assert "Traceback" not in running[name].errors.read_text(), running[name].said()
        assert theirs.ask("GET", "openOrders") == []
        assert any(" Canceled Closed " in words for words in _callbacks_as_documented(running[TAKER]))
        assert any(" Exec Closed " in words for words in _callbacks_as_documented(running[MAKER]))
        _market_data_as_the_client_has_it(_printed(running[PRINTER]))
        assert not any(".td." in name for name in segments(namespace))
        seen = server.said()
        assert key[0] not in seen and key[1] not in seen


def test_the_published_taker_buys_at_depth_1_and_the_lister_lists_it_at_its_own_address(
    scripts: Path, client: Path, network: bool, ended: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not network:
        pytest.skip("tc1 asks an address of the internet; without a network namespace it cannot be given to this host")
    monkeypatch.setenv("AATS_TOKEN", "a-token-for-our-own-clients")
    key = published_key((scripts / TAKER).read_text())
    market = tmp_path / "market.py"
    market.write_text(MARKET_OF_DEPTH_1)
    with Sim(*sim_words(key)) as sim, Venue(sim.ready, key) as theirs:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with Server("--host", "0.0.0.0", "--compat-insecure") as server:
            started = subprocess.run([client, market], capture_output=True, text=True, timeout=READY_S, cwd=tmp_path)
            assert started.stdout.endswith("require_market_data_state: ok\n"), f"{started} {server.said()}"
            taker = Running.start(tmp_path, scripts / TAKER, python=client, path=None)
            try:
                takers_buy(theirs, [taker])
                lister = Running.start(tmp_path, scripts / LISTER, python=client, path=None)
                assert lister.process.wait(READY_S) == 0, lister.said()
                [line] = lister.lines()
                [row] = ast.literal_eval(line.partition(": ")[2].strip())
                assert (int(row["pid"]), int(row["port"])) == (_session_of(taker), _port_of(taker))
                eventually(lambda: any(" Exec Closed " in words for words in _callbacks_as_documented(taker)), why=taker.said)
                # The end of a market server reaches the client as a reset: on an ordinary end its data thread would spin for ever.
                killed = subprocess.run(
                    [client, "-c", LIST_AND_KILL, *map(str, pids_of("feed"))], capture_output=True, text=True, timeout=READY_S, cwd=tmp_path
                )
                assert "'result': 'stopped'" in killed.stdout, killed
                eventually(lambda: "ConnectionResetError" in taker.errors.read_text(), why=taker.said)
            finally:
                taker.process.kill()
                taker.process.wait()
            eventually(lambda: not pids_of("trade"), why=server.said)
            assert theirs.ask("GET", "openOrders") == []


def _ended_iocs(theirs: Venue) -> list[str]:
    orders = theirs.look("allOrders", limit=1000)
    return [order["status"] for order in orders if order["timeInForce"] == "IOC" and order["status"] != "NEW"]


def _port_of(one: Running) -> int:
    """Return the port of its session, which the client prints."""
    found = re.search(r"PIN: \w+, PORT: (\d+)", one.out.read_text())
    assert found is not None, one.said()
    return int(found[1])


def _session_of(one: Running) -> int:
    """Return the pid of the process that serves a script."""
    return int(next(row["pid"] for row in control.processes() if row["role"] == "trade" and row["port"] == _port_of(one)))


def _printed(printer: Running) -> list[dict[str, Any]]:
    return [ast.literal_eval(text) for text in re.findall(r"\{'type': 'on(?:Quote|Tick)'[^}]*\}", printer.out.read_text())]


def _events(text: str) -> list[dict[str, Any]]:
    """Return what the client printed of its frames; its threads print into each other's lines."""
    found = []
    for at in re.finditer("ns recv msg: ", text):
        with contextlib.suppress(json.JSONDecodeError):  # half a line, at the end
            found.append(json.JSONDecoder().raw_decode(text, at.end())[0])
    return found


def _callbacks_as_documented(one: Running) -> list[str]:
    """Check the events that the client printed, in its own numbers; return those of each ended order, in one line each, as docs/orders.md has them."""
    events = _events(one.out.read_text())
    orders: dict[int, str] = {}
    for event in events:
        if "order" not in event:
            continue
        order = event["order"]
        assert type(order["order_id"]) is int and order["side"] in ("buy", "sell") and order["symbol"] == "BTCUSDT"
        assert all(isinstance(order[name], str) for name in ("price", "size", "fill_size", "fill_price", "fill_notional", "remote_id"))
        if "Cancel" not in event["type"] or event["type"] == "onOrderCanceled":
            orders[order["order_id"]] = orders.get(order["order_id"], "") + event["type"].removeprefix("onOrder") + " "
    assert {event["type"] for event in events} >= {"login", "init", "ping"}, one.said()
    ended = [words for words in orders.values() if words.endswith("Closed ")]
    assert all(_CALLBACKS.match(words) for words in ended), orders
    return ended


def _market_data_as_the_client_has_it(messages: list[dict[str, Any]]) -> None:
    """Check quotes and ticks as this client hands them on, of all symbols of the market: price and quantity of the bids, then of the asks, best first."""
    prices = {1001: (40_000, 90_000), 1002: (1_000, 9_000)}
    for message in messages:
        if message["type"] == "onTick":
            low, high = prices[message["cid"]]
            assert message["tradeType"] in (1, -1) and low < message["px"] < high and 0 < message["qty"]
            continue
        kind, cid, length, *levels = message["data"]
        assert (message["depth"], kind) == (length, b"\x01") and len(levels) == 4 * length and 1 <= length <= 5
        low, high = prices[cid]
        bids, asks = levels[0 : 2 * length : 2], levels[2 * length :: 2]
        assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and low < bids[-1] <= bids[0] < asks[0] <= asks[-1] < high
        assert min(levels[1::2]) > 0


def test_settings_of_the_published_scripts_are_what_the_tests_assume(scripts: Path) -> None:
    """Fail here, not by a time-out elsewhere, if the release is another one than was observed."""
    wanted: Mapping[str, str] = {LISTER: LISTERS_ADDRESS, MARKET: "15004", TAKER: "8060", MAKER: "OrderType.POS", PRINTER: "msecs=5000"}
    for name, part in wanted.items():
        assert part in (scripts / name).read_text(), name
