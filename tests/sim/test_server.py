"""The simulator on a real port: TLS, clients nobody here wrote (websockets, httpx, ssl), signals, slow and dying clients."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from aats.errors import ConfigError
from aats.sim import certs, command
from tests.sim.trading import sign
from tests.sim.wire import ROOT, DictBook, spawn

WAIT_S = 20


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {WAIT_S} s: {what}"
        time.sleep(0.02)


def _trust(ready: dict[str, Any]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ready["ca"])


def _state(ready: dict[str, Any], client: httpx.Client) -> dict[str, Any]:
    return dict(client.get(ready["rest"] + "/sim/state").json())


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--tape", "/no/such/file.gz"], "No such file"),
        (["--speed", "fast", "--tape", "/no/such/file.gz"], "--speed 'fast'"),
        (["--fault", "flood=1"], "--fault 'flood=1'"),
        (["--symbols", "WHAT"], "WHAT"),
        (["--port", "1", "--host", "203.0.113.7"], "cannot listen on 203.0.113.7 port 1"),
    ],
)
def test_setting_that_cannot_work_is_one_sentence_and_status_1(args: list[str], text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--plain", *args]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1 and text in err


def test_malformed_key_is_refused_without_repeating_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--key", "good:one", "--key", "topsecret"]) == 1
    err = capfd.readouterr().err
    assert "number 2" in err and "topsecret" not in err


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [("host", "doesn't match|mismatch"), ("expired", "expired"), ("self-signed", "self.signed|issuer")],
)
def test_wrong_certificate_is_refused_by_a_client_that_verifies(tmp_path: Path, wrong: str, reason: str) -> None:
    with spawn("--wrong-cert", wrong, "--certs", str(tmp_path)) as ready:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            connect_sync(ready["stream"] + "/ws", ssl=_trust(ready))


def test_unknown_certificate_fault_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="self-signed"):
        certs.make(tmp_path, wrong="upside-down")  # type: ignore[arg-type]


def test_certificates_of_an_earlier_start_are_served_again_only_if_a_client_would_take_them(tmp_path: Path) -> None:
    assert certs.kept(tmp_path) is None
    for wrong in certs.WRONGS[1:]:
        certs.make(tmp_path, wrong=wrong)
        assert certs.kept(tmp_path) is None, wrong
    files = certs.make(tmp_path)
    assert certs.kept(tmp_path) == files
    other = certs.make(tmp_path / "other")
    good = files.key.read_bytes()
    files.key.write_bytes(other.key.read_bytes())
    assert certs.kept(tmp_path) is None, "a key of another certificate"
    files.key.write_bytes(good[:-40])
    assert certs.kept(tmp_path) is None, "a key that was cut off"
    files.key.write_bytes(good)
    files.ca.write_bytes(other.ca.read_bytes())
    assert certs.kept(tmp_path) is None, "another authority"


def test_key_file_is_private(tmp_path: Path) -> None:
    files = certs.make(tmp_path / "c")
    assert (files.key.stat().st_mode & 0o777, (tmp_path / "c").stat().st_mode & 0o777) == (0o600, 0o700)


# -- the path --------------------------------------------------------------------------------------------------------


async def _follow(ready: dict[str, Any], events: int) -> DictBook:
    """Synchronise a book as the fact sheet says, with the clients of websockets and httpx."""
    book = DictBook()
    async with (
        connect(ready["stream"] + "/ws", ssl=_trust(ready)) as ws,
        httpx.AsyncClient(verify=_trust(ready), timeout=WAIT_S) as rest,
    ):
        await ws.send(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}))
        fetched = None
        while book.applied < events:
            message = json.loads(await asyncio.wait_for(ws.recv(), WAIT_S))
            if "id" in message:
                assert message == {"result": None, "id": 1}
                continue
            book.apply(message)
            if fetched is None:
                fetched = asyncio.create_task(rest.get(ready["rest"] + "/api/v3/depth?symbol=BTCUSDT&limit=5000"))
            elif fetched.done() and book.id is None:
                book.load(fetched.result().json())
    return book


def test_strangers_client_keeps_a_true_book_over_tls() -> None:
    with spawn("--seed", "5", "--symbols", "BTCUSDT:100") as ready:
        book = asyncio.run(_follow(ready, 20))
    assert book.gaps == 0
    bid, _, ask, _ = book.best()
    assert float(bid) < float(ask)
    assert len(book.bids) >= 1000


def test_recorded_tape_as_fast_as_the_client_takes_it_ends_in_the_golden_book(data_dir: Path) -> None:
    name = "binance-spot/cryptofeed/binance_spot_2021-08-14.jsonl.gz"
    with gzip.open(data_dir / "_golden" / "golden_books.json.gz") as file:
        golden = json.load(file)[name]
    with (
        spawn("--tape", str(data_dir / name), "--speed", "max", "--once") as ready,
        httpx.Client(verify=_trust(ready), timeout=WAIT_S) as rest,
    ):
        books = {symbol: DictBook() for symbol in golden}
        for symbol, book in books.items():  # the tape stands at its start until somebody subscribes
            book.load(rest.get(f"{ready['rest']}/api/v3/depth?symbol={symbol}&limit=5000").json())
        streams = "/".join(f"{symbol.lower()}@depth@100ms" for symbol in books)

        async def follow() -> None:
            async with connect(f"{ready['stream']}/stream?streams={streams}", ssl=_trust(ready)) as ws:
                while any(book.id != golden[symbol]["final_u"] for symbol, book in books.items()):
                    data = json.loads(await asyncio.wait_for(ws.recv(), WAIT_S))["data"]
                    books[data["s"]].apply(data)

        asyncio.run(follow())
        assert _state(ready, rest)["market"] == {"held": False, "ended": True}
    for symbol, book in books.items():
        assert (book.gaps, book.applied) == (0, golden[symbol]["updates_applied"])
        assert (len(book.bids), len(book.asks)) == (golden[symbol]["bid_levels"], golden[symbol]["ask_levels"])


async def _take(ready: dict[str, Any], path: str, count: int) -> list[Any]:
    """Return the first messages of a stream.

    Over TLS the client of one thread is taken: that of two (websockets.sync) reads and writes one SSL object at a time, which OpenSSL does not allow.
    """
    async with connect(ready["stream"] + path, ssl=_trust(ready)) as ws:
        return [json.loads(await asyncio.wait_for(ws.recv(), WAIT_S)) for _ in range(count)]


async def _hear_the_end(ready: dict[str, Any], end: Callable[[], None]) -> None:
    """Listen to trades, have the exchange ended, and hear it say so."""
    async with connect(ready["stream"] + "/stream?streams=btcusdt@trade", ssl=_trust(ready)) as ws:
        end()
        messages = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                messages.append(json.loads(await asyncio.wait_for(ws.recv(), WAIT_S)))
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        assert messages[-1]["data"]["e"] == "serverShutdown"


async def _read_slowly(ready: dict[str, Any], count: int) -> None:
    """Follow all diffs of the tape by a client that buffers little and begins late; demand every id."""
    path = "/stream?streams=" + "/".join(f"{s.lower()}@depth@100ms" for s in ready["symbols"])
    last: dict[str, int] = {}
    async with connect(ready["stream"] + path, ssl=_trust(ready), max_queue=4, close_timeout=0.1) as ws:
        await asyncio.sleep(0.5)  # a tape that waits for nobody would be over many times
        for _ in range(count):
            data = json.loads(await asyncio.wait_for(ws.recv(), WAIT_S))["data"]
            assert data["s"] not in last or data["U"] == last[data["s"]] + 1
            last[data["s"]] = data["u"]
        ws.transport.abort()  # a polite close would wait behind all that has not been read


def test_client_that_reads_slowly_paces_the_tape_and_loses_nothing(data_dir: Path) -> None:
    name = "binance-spot/cryptofeed/binance_spot_2021-04-05.jsonl.gz"
    with spawn("--tape", str(data_dir / name), "--speed", "max") as ready:
        asyncio.run(_read_slowly(ready, 6000))  # more than one loop of 4709 diffs
        with httpx.Client(verify=_trust(ready), timeout=WAIT_S) as rest:
            assert _state(ready, rest)["slow_cut"] == 0


def test_fault_shows_to_a_real_client_and_in_the_counters() -> None:
    args = ("--fault", "drop=3", "--symbols", "BTCUSDT:100")
    with spawn(*args) as ready:
        events = asyncio.run(_take(ready, "/ws/btcusdt@depth@100ms", 9))
        jumps = [b["U"] - a["u"] - 1 for a, b in itertools.pairwise(events)]
        assert [j > 0 for j in jumps] == [False, True] * 4
        with httpx.Client(verify=_trust(ready), timeout=WAIT_S) as rest:
            assert _state(ready, rest)["faults"]["drop"] >= 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_politely_with_status_0(number: int) -> None:
    with spawn("--symbols", "BTCUSDT") as ready:
        process = ready["process"]
        asyncio.run(_hear_the_end(ready, lambda: process.send_signal(number)))
        out, _ = process.communicate(timeout=10)
        assert process.returncode == 0
        assert json.loads(out)["upgraded"] == 1
        assert not Path(ready["ca"]).exists()


def test_vanishing_clients_leave_nothing_behind_and_the_others_live_on() -> None:
    with spawn("--symbols", "BTCUSDT:200", "--plain") as ready, httpx.Client(timeout=WAIT_S) as rest:
        with connect_sync(ready["stream"] + "/ws/btcusdt@depth@100ms") as survivor:
            for n in range(10):
                raw = socket.create_connection(("127.0.0.1", ready["port"]))
                raw.sendall(b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
                if n % 2:
                    raw.sendall(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                    assert raw.recv(12) == b"HTTP/1.1 101"
                if n % 3 == 0:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # RST
                raw.close()
            _until(lambda: _state(ready, rest)["connections"] == 2, "all vanished clients forgotten")
            assert "depthUpdate" in survivor.recv(timeout=WAIT_S)


def test_client_that_never_reads_is_cut_off_and_nobody_waits_for_it() -> None:
    args = ("--plain", "--symbols", "BTCUSDT", "--depth", "5000", "--out-bytes", "1000000")
    with spawn(*args) as ready, httpx.Client(timeout=WAIT_S) as rest:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", ready["port"]))
        request = b"GET /api/v3/depth?symbol=BTCUSDT&limit=5000 HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.sendall(request * 20)  # 8 MB of answers: more than the kernel and the limit hold together
        assert rest.get(ready["rest"] + "/api/v3/ping").json() == {}
        _until(lambda: _state(ready, rest)["slow_cut"] == 1, "the silent client cut off")
        _until(lambda: _state(ready, rest)["connections"] == 1, "the silent client forgotten")
        raw.close()


def test_ready_lines_for_people_can_be_pasted_into_a_shell() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "aats.sim", "--seconds", "0.2"],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        env=env,
        cwd=ROOT,
    )
    assert done.returncode == 0 and done.stderr == ""
    first, *exports = done.stdout.splitlines()
    assert first.startswith("aats sim ready port=")
    assert [line.partition("=")[0] for line in exports] == [
        "export AATS_MODE",
        "export AATS_ENDPOINT_BINANCE_SIM_REST",
        "export AATS_ENDPOINT_BINANCE_SIM_STREAM",
        "export AATS_ENDPOINT_BINANCE_SIM_WSAPI",
        "export AATS_CAFILE",
    ]


def test_accounts_are_made_as_the_command_line_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    options = ["--key", "one:first", "--key", f"two:@{tmp_path / 'secret'}", "--balance", "usdt=5.5", "--fees", "0,0.0005"]
    with spawn("--plain", "--mode", "sandbox", "--seconds", "60", *options) as ready:
        assert ready["env"]["AATS_MODE"] == "sandbox"
        assert ready["env"]["AATS_ENDPOINT_BINANCE_SANDBOX_WSAPI"] == ready["wsapi"] == ready["stream"]
        for key, secret in (("one", "first"), ("two", "from a file")):
            query = f"timestamp={time.time_ns() // 1_000_000}&omitZeroBalances=true"
            url = f"{ready['rest']}/api/v3/account?{query}&signature={sign(secret, query)}"
            answer = httpx.get(url, headers={"X-MBX-APIKEY": key}).json()
            assert answer["balances"][0] == {"asset": "USDT", "free": "5.50000000", "locked": "0.00000000"}
            assert answer["commissionRates"]["taker"] == "0.00050000"


def test_it_ends_with_its_parent() -> None:
    script = (
        "import subprocess,sys,os\n"
        "p=subprocess.Popen([sys.executable,'-m','aats.sim','--plain','--json','--parent-pid',str(os.getpid())],"
        "stdout=subprocess.PIPE,text=True)\n"
        "p.stdout.readline()\nprint(p.pid,flush=True)\nos._exit(0)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT_S, env=env, cwd=ROOT)
    pid = int(done.stdout)

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    _until(gone, "the orphan's end")


def test_it_stands_on_the_matching_engine_and_on_nothing_else_of_aats() -> None:
    code = (
        "import sys; import aats.sim, aats.sim.command\n"
        "print(sorted(m for m in sys.modules if m.startswith('aats.') and not m.startswith('aats.sim')))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT_S, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {"aats._core", "aats._core.lib", "aats._ffi", "aats.errors"}
