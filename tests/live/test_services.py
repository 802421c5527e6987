"""MarketService, TradeService and ControlService as scripts use them, on a simulated exchange; and what they say when something cannot work."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import aats
from aats import BaseStrategy, ConfigError, ControlService, MarketService, TradeService, control, shm
from aats._ffi import lib
from aats.control_client import listens
from aats.errors import ControlError, LayoutMismatch, ShmError
from aats.layout import LAYOUT_HASH, Command, DirState, Kind, hash8
from aats.market_service import NetWorkType
from tests.live.procs import READY_S, ROOT, FeedProc, Reader, Sim, eventually, line_of, tool

CIDS = {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE", 1004: "LTCUSDT.BINANCE"}


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    """Run a simulated exchange and let the environment lead to it, as the lines that `aats sim` prints do."""
    with Sim("--symbols", "BTCUSDT,ETHUSDT,LTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AATS_MODE", "sim")
        yield sim


@pytest.fixture
def port() -> Iterator[int]:
    """Give a port for a control server; whatever runs in the namespace is ended afterwards."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number = int(one.getsockname()[1])
    yield number
    done = tool("kill", "--all", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def service(port: int, *symbols: str, cids: dict[int, str] = CIDS) -> MarketService:
    one = MarketService(cids)
    one.set_control_server("127.0.0.1", port)
    for symbol in symbols:
        one.add_listen_symbol(symbol, "BINANCE", 5)
    return one


def pid_of(role: str) -> list[int]:
    return [one["pid"] for one in control.processes() if one["role"] == role and one["alive"]]


class Script:
    """A user's script in a process of its own; its output line by line."""

    def __init__(self, tmp_path: Path, text: str, name: str = "script.py") -> None:
        file = tmp_path / name
        file.write_text(text)
        self.errors = (tmp_path / "errors").open("w+")
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=self.errors, stdin=subprocess.DEVNULL, env=env
        )
        self.rest = b""

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.close()

    def line(self, starts: str) -> str:
        """Return the next line that starts so."""
        assert self.process.stdout is not None
        seen: list[str] = []
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            while b"\n" in self.rest:
                line, _, self.rest = self.rest.partition(b"\n")
                seen.append(line.decode())
                if seen[-1].startswith(starts):
                    return seen[-1]
            try:
                self.rest += line_of(self.process.stdout.fileno())
            except AssertionError:
                break
        pytest.fail(f"no line {starts!r}; it said {seen[-10:]}; {self.said()}")

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return its exit status."""
        self.process.send_signal(number)
        self.process.communicate(timeout=READY_S)
        return self.process.returncode

    def said(self) -> str:
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()


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
    assert all(books.book(symbol).valid and len(books.book(symbol).bids) == 5 for symbol in books.symbols)
    servers = ControlService()
    servers.set_control_server("127.0.0.1", port)
    listed = servers.show_all_market_servers()
    assert [one["pid"] for one in listed] == pid_of("feed")
    assert [one["port"] for one in listed] == [15004 if net == "multibroad" else 0]
    assert servers.show_all_trade_servers() == []
    printed = capsys.readouterr().out
    assert "active market server list: " in printed and "active trade server list: " in printed

    again = service(port, "BTCUSDT", "LTCUSDT")
    if net == "multibroad":
        again.set_network_cfg("239.255.77.2", 15004, NetWorkType.MULTIBROAD, "lo")
    again.run()
    assert pid_of("feed") == [listed[0]["pid"]], "the running server takes the new symbol"
    assert aats.attach().book("LTCUSDT.BINANCE").valid

    assert servers.kill_server(listed[0]["pid"]) == {"pid": listed[0]["pid"], "result": "stopped"}
    assert pid_of("feed") == [] and servers.show_all_market_servers() == []


def test_kill_server_refuses_what_is_not_in_the_table(market: Sim, port: int) -> None:
    service(port, "BTCUSDT").run()
    servers = ControlService()
    servers.set_control_server("127.0.0.1", port)
    for pid in (os.getpid(), 1, market.pid):
        with pytest.raises(ControlError, match=f"pid {pid} is not in the control table"):
            servers.kill_server(pid)
    assert market.running and len(pid_of("feed")) == 1


def test_unknown_symbol_is_named_by_the_error(market: Sim, port: int) -> None:
    with pytest.raises(ConfigError, match=r"NOSUCHUSDT\.BINANCE"):
        service(port, "NOSUCHUSDT")
    with pytest.raises(aats.AatsError, match="NOSUCHUSDT"):
        service(port, "BTCUSDT", "NOSUCHUSDT", cids={**CIDS, 1009: "NOSUCHUSDT.BINANCE"}).run()
    assert pid_of("feed") == []


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
    assert len(pid_of("feed")) == 1, "the market server goes on"


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
    (server,) = pid_of("control")
    (feed,) = pid_of("feed")
    os.kill(server, signal.SIGKILL)
    eventually(lambda: not listens("127.0.0.1", port), why="a killed server still listens")
    assert aats.attach().book("BTCUSDT.BINANCE").valid, "feeds do not need it"
    with Script(tmp_path, STRATEGY.replace("PORT", str(port))) as script:  # wants ETHUSDT too
        script.line("quote 1002")
        assert pid_of("control") != [server] and len(pid_of("control")) == 1
        assert pid_of("feed") == [feed], "the feed that ran was extended"
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
        assert pid_of("feed") == pid_of("trade") == [reader.pid]
        books = aats.attach()
        assert books.book("BTCUSDT.BINANCE").valid, "others may read it"
        reader.kill()
        eventually(lambda: not books.book("BTCUSDT.BINANCE").valid, within_s=5, why="its books outlive it")


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


# --------------------------------------------------------------------------------------------------- a running feed


def test_running_feed_takes_symbols_and_gives_them_up(market: Sim) -> None:
    def tell(op: Command, arg: str) -> str:
        return control.command(feed.entry, op, arg, timeout_s=20)

    with FeedProc(market, ["BTCUSDT:5"], level_num=20) as feed:
        feed.wait_live()
        with pytest.raises(ControlError, match="NOSUCHUSDT"):
            tell(Command.SUBSCRIBE, "NOSUCHUSDT.BINANCE 5")
        with pytest.raises(ControlError, match=r"21.*1 to 20"):
            tell(Command.SUBSCRIBE, "ETHUSDT.BINANCE 21")
        with pytest.raises(ControlError, match="ETHUSDT"):
            tell(Command.UNSUBSCRIBE, "ETHUSDT.BINANCE")
        assert list(feed.directory()) == ["BTCUSDT"]

        assert "subscribed" in tell(Command.SUBSCRIBE, "ETHUSDT.BINANCE 7")
        feed.wait_live(["BTCUSDT", "ETHUSDT"])
        assert len(feed.books()["ETHUSDT"].bids_i) == 7
        with Reader(["BTCUSDT", "ETHUSDT"], levels=5, feed=feed.name) as reader:
            reader.wait("quote", "ETHUSDT")
            tell(Command.SET_LEVEL, "BTCUSDT.BINANCE 20")
            eventually(lambda: len(feed.books()["BTCUSDT"].bids_i) == 20, why="no more levels")
            tell(Command.UNSUBSCRIBE, "ETHUSDT.BINANCE")
            assert reader.wait("invalid", "ETHUSDT")["why"] == "gone"
            eventually(lambda: feed.directory()["ETHUSDT"].state == DirState.GONE, why="not gone")
            before = time.monotonic_ns()
            reader.wait("quote", "BTCUSDT", after=before)
            tell(Command.SUBSCRIBE, "ETHUSDT.BINANCE 5")
            reader.wait("quote", "ETHUSDT", after=before)
        assert feed.counters()["connects"] == 1 and feed.counters()["gaps"] == 0


# --------------------------------------------------------------------------------------------- /dev/shm, other layouts


@pytest.mark.skipif(os.getuid() != 0, reason="a /dev/shm of 1 MB can only be mounted by root")
def test_full_shared_memory_is_one_sentence_with_the_sizes(market: Sim, tmp_path: Path) -> None:
    feed = tmp_path / "feed.toml"
    feed.write_text('[feed]\nname = "big"\nvenue = "BINANCE"\nmode = "sim"\nsymbols = ["BTCUSDT:1000"]\nring_depth = 65536\n')
    mounted = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec"
    probe = subprocess.run(["unshare", "-m", "sh", "-c", f"{mounted} true"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no mount namespace to be had here: {probe.stderr.strip()}")
    words = f"{mounted} {sys.executable} -m aats.cli feed {feed}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", words], cwd=ROOT, capture_output=True, text=True, timeout=READY_S)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert ".md.big." in last and "bytes" in last and "/dev/shm has" in last and "--shm-size" in last, last


def foreign(path: Path, layout: int, size: int = 65536) -> None:
    """Write a header of another layout, made by this process: its first 64 bytes keep their place in every version."""
    head = struct.pack("<QIIQQQqQQ", 0x3130475353544141, 256, int(Kind.MD), layout, size, 1, time.time_ns(), int(lib.aats_ident_self()), 0)
    path.write_bytes(head.ljust(size, b"\xff"))


@pytest.mark.leaves_segments
def test_segment_of_another_layout_is_named_and_never_mapped(namespace: str) -> None:
    stem = f"aats.{os.getuid()}.{namespace}"
    theirs = LAYOUT_HASH ^ 0xFFFF_FFFF_0000_0000
    foreign(Path(f"/dev/shm/{stem}.{hash8(theirs)}.md.live.1"), theirs)
    with pytest.raises(LayoutMismatch, match=f"{hash8(theirs)}.*{hash8()}"):
        shm.attach(shm.SegmentName.make(Kind.MD, "live", 1))
    with pytest.raises(ShmError, match=hash8(theirs)):
        aats.attach("live")
    done = tool("book", "BTCUSDT")
    assert done.returncode == 1 and hash8(theirs) in done.stderr
    listed = json.loads(tool("list", "--json", module="tools.shm").stdout)
    (row,) = [row for row in listed if f".{namespace}." in row["name"]]
    assert row["ours"] is False and row["layout"] == f"{theirs:016x}"
    done = tool("dump", "md.live", "--json", module="tools.shm")
    assert done.returncode == 1 and "another layout" in json.loads(done.stdout)["note"]

    foreign(Path(f"/dev/shm/{stem}.{hash8()}.md.liar.1"), theirs)  # a name that promises what the header does not keep
    with pytest.raises(LayoutMismatch, match=f"{theirs:016x}"):
        shm.attach(shm.SegmentName.make(Kind.MD, "liar", 1))


def test_feed_beside_a_segment_of_another_layout_is_found(market: Sim, namespace: str) -> None:
    path = Path(f"/dev/shm/aats.{os.getuid()}.{namespace}.{hash8(LAYOUT_HASH ^ 1 << 40)}.md.live.1")
    foreign(path, LAYOUT_HASH ^ 1 << 40)
    try:
        with FeedProc(market, ["BTCUSDT"]) as feed:
            feed.wait_live()
            assert aats.attach().book("BTCUSDT.BINANCE").valid
    finally:
        path.unlink()


# ---------------------------------------------------------------------------------------------- a venue not to be trusted


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("host", "certificate.*(mismatch|not valid for)"), ("expired", "expired"), ("self-signed", "self-signed|unable to get")],
)
def test_wrong_certificate_is_refused_and_named(wrong: str, says: str) -> None:
    with Sim("--wrong-cert", wrong) as sim:
        with pytest.raises(ControlError, match=says) as caught:
            FeedProc(sim, ["BTCUSDT"])
        assert f"localhost:{sim.ready['port']}" in str(caught.value)
        assert sim.stop()["connections"] == 0


def test_feed_without_its_exchange_fails_with_the_address() -> None:
    with Sim("--plain") as sim:
        sim.stop()
        with pytest.raises(ControlError, match=rf"localhost:{sim.ready['port']}.*(refused|connect)"):
            FeedProc(sim, ["BTCUSDT"])


# --------------------------------------------------------------------------------------------------- config mistakes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"symbols": ["BTC-USDT"]}, "did you mean 'BTCUSDT'"),
        ({"symbols": []}, "at least one symbol"),
        ({"symbols": ["BTCUSDT:0"]}, "1 to 1000"),
        ({"symbols": ["BTCUSDT:1001"]}, "1 to 1000"),
        ({"symbols": ["NOSUCHUSDT"]}, "NOSUCHUSDT"),
        ({"venue": "BINANC"}, "did you mean 'BINANCE'"),
        ({"ring_depth": 100}, "power of two"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_mistake_in_a_feeds_file_is_one_sentence(market: Sim, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    table = {"name": "live", "venue": "BINANCE", "mode": "sim", "symbols": ["BTCUSDT"], **change}
    file = tmp_path / "feed.toml"
    file.write_text("[feed]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    done = tool("feed", str(file))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and says in done.stderr.strip().splitlines()[-1]
    assert pid_of("feed") == []
