"""The strategies that were published with the old client run on this package, unchanged, against the simulated exchange as `sandbox`.

The scripts are those of the source distribution aats 0.1.2, fetched from the package index at test time and copied to a
scratch folder; no line of them stands here.  They name the control server's address, the market data's, the venue's test network and its API key; the
environment leads `sandbox` to the simulator, whose account has that key.  Market data comes by P2P, as they say.

    tc1   lists the trade servers         tc4   a maker: post-only on both sides, canceled when the price moves away
    tc2   starts the market server        tc5   prints a quote or tick, every 5 s
    tc3   a taker: buys by IOC at the ask, every 10 s
    demo_run_market_instance, demo_main   the same taker with its market, at an address of the internet

tc1 and the demo ask a control server at an address of the internet.  So all runs in a network namespace of its own, where loopback has that address too;
without the right to make one, tc2 to tc5 run on the host's ports.

Not run: the strategies of examples/simple_*.py, which are imported by no script and are those of tc3 and tc4.

The market moves because another account of the exchange sells and buys through the book.
"""

from __future__ import annotations

import ast
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from aats import config, control
from tests.live.looks import READY_S, ROOT, eventually, pids_of, segments, tool
from tests.live.own_network import own_network, why_not
from tests.live.procs import Proc, Sim
from tests.live.published import (
    BEGIN,
    EXAMPLE,
    EXAMPLE_MARKET,
    LISTER,
    LISTERS_ADDRESS,
    MAKER,
    MARKET,
    MOVER,
    PORT,
    PRINTER,
    TAKER,
    Running,
    Venue,
    fetch_scripts,
    maker_quotes_and_is_filled,
    port_8060_of_this_host,
    published_key,
    sim_words,
    takers_buy,
)
from tests.sim.strangers import after, held

QUOTE_KEYS = [f"{side}_{level}_{what}" for side in ("bid", "ask") for level in range(5) for what in ("qty", "px")]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_scripts(tmp_path_factory.mktemp("published"))


@pytest.fixture
def network(namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Give a network in which the scripts' ports are free; whether their far address is in it.  What runs in the namespace is ended afterwards."""
    refused = why_not()
    with contextlib.ExitStack() as stack:
        if refused:
            print(f"no network namespace ({refused}): the host's ports are used, and what asks a far control server is left out")
            stack.enter_context(port_8060_of_this_host())
        else:
            stack.enter_context(own_network([LISTERS_ADDRESS]))
            monkeypatch.setenv("AATS_TOKEN", "a-token-for-far-addresses")
        yield not refused
        done = tool("kill", "--all", "--json")
        assert done.returncode == 0, done.stdout + done.stderr


class FarServer(Proc):
    """``aats control`` on every address, which the scripts do not start by themselves."""

    def __init__(self) -> None:
        log = config.log_dir() / "control.log"
        with log.open("a") as out:
            words = [sys.executable, "-m", "aats.cli", "control", "--host", "0.0.0.0", "--port", str(PORT)]
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT)
        eventually(lambda: any(one["pid"] == self.pid and one["state"] == "RUN" for one in control.processes()), why=log.read_text)


def test_the_published_strategies_trade_unchanged(
    scripts: Path, tmp_path: Path, network: bool, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    key = published_key((scripts / TAKER).read_text())
    running: dict[str, Running] = {}
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Sim(*sim_words(key, MOVER)))
        theirs, mover = (stack.enter_context(Venue(sim.ready, one)) for one in (key, MOVER))
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        if network:
            stack.enter_context(FarServer())
        market = Running.start(tmp_path, scripts / MARKET)
        assert market.process.wait(READY_S) == 0 and len(pids_of("feed")) == 1, market.said()
        try:
            for name in (TAKER, MAKER, PRINTER):
                running[name] = Running.start(tmp_path, scripts / name)
            maker_quotes_and_is_filled(theirs, mover, running[MAKER])
            takers_buy(theirs, [running[TAKER]])
            eventually(lambda: len(running[PRINTER].lines()) >= 2, within_s=READY_S, why=running[PRINTER].said)
            assert len(pids_of("feed")) == 2, "the strategies take their data by P2P, through one receiver"
            if network:
                _lister_lists(Running.start(tmp_path, scripts / LISTER))
            for one in running.values():
                assert one.process.poll() is None, one.said()
                one.process.send_signal(signal.SIGINT)
            status = {name: one.process.wait(READY_S) for name, one in running.items()}
        finally:
            for one in running.values():
                one.process.kill()
                one.process.wait()

        _ended_as_published(running, status)
        _printed_as_documented(running[PRINTER].lines())
        _nothing_left(theirs)
        assert not any(".td." in name for name in segments(namespace))


def test_the_published_demo_trades_through_a_far_control_server(
    scripts: Path, tmp_path: Path, network: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not network:
        pytest.skip("the demo asks an address of the internet; without a network namespace it cannot be given to this host")
    key = published_key((scripts / EXAMPLE).read_text())
    with Sim(*sim_words(key)) as sim, Venue(sim.ready, key) as theirs:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with FarServer():
            market = Running.start(tmp_path, scripts / EXAMPLE_MARKET)
            assert market.process.wait(READY_S) == 0 and len(pids_of("feed")) == 1, market.said()
            example = Running.start(tmp_path, scripts / EXAMPLE)
            try:
                takers_buy(theirs, [example])
                example.process.send_signal(signal.SIGINT)
                assert example.process.wait(READY_S) == 0, example.said()
            finally:
                example.process.kill()
                example.process.wait()
            assert example.lines()[-2:] == ["close strategy and close open orders", "trade server closed"]
            assert "Traceback" not in example.errors.read_text(), example.said()
            _nothing_left(theirs)


def _lister_lists(lister: Running) -> None:
    assert lister.process.wait(READY_S) == 0, lister.said()
    rows = ast.literal_eval(lister.lines()[-1].partition(": ")[2].strip())
    assert {row["pid"] for row in rows} == set(pids_of("trade")), lister.said()


def _nothing_left(theirs: Venue) -> None:
    """Check that no order is open and that the account holds what its trades make of what it began with."""
    assert theirs.ask("GET", "openOrders") == []
    trades = theirs.look("myTrades", limit=1000)
    now = held(theirs.ask("GET", "account")["balances"])
    assert {asset: now[asset] for asset in BEGIN} == {asset: (amount, 0) for asset, amount in after(trades, BEGIN).items()}
    assert pids_of("trade") == []


def _ended_as_published(running: Mapping[str, Running], status: Mapping[str, int]) -> None:
    """Check how each ended on Ctrl-C: by its own handler, which in the maker's case runs into a fault of its own."""
    assert status == {TAKER: 0, PRINTER: 0, MAKER: 1}, [one.said() for one in running.values()]
    for name in (TAKER, PRINTER):
        assert running[name].lines()[-2:] == ["close strategy and close open orders", "trade closed"]
        assert "Traceback" not in running[name].errors.read_text(), running[name].said()
    assert running[MAKER].lines()[-1] == "close strategy and close open orders"
    assert running[MAKER].errors.read_text().rstrip().endswith("AttributeError: 'str' object has no attribute 'order_id'")


def _printed_as_documented(lines: list[str]) -> None:
    messages = [ast.literal_eval(line) for line in lines[:-2]]
    assert len(messages) >= 2
    for message in messages:
        if message["type"] == "onTick":
            assert sorted(message) == ["cid", "px", "qty", "tradeType", "type"] and message["tradeType"] in (1, -1)
            continue
        assert (message["type"], message["cid"]) == ("onQuote", 1001)
        assert list(message) == ["type", "cid", "length", *[key for key in QUOTE_KEYS if key in message]]
        assert message["length"] == max(sum(f"{side}_{level}_px" in message for level in range(5)) for side in ("bid", "ask"))
        assert message["bid_0_px"] < message["ask_0_px"]
