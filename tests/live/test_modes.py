"""One strategy file, unchanged, as sim, as paper, and as sandbox up to the connection that nobody answers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.live.looks import READY_S, ROOT, free_port
from tests.live.procs import FeedProc, Sim

FILE = ROOT / "examples" / "simple_taker.py"
FILL = re.compile(r"(buy|sell) [\d.]+ at [\d.]+, fee [\d.]+ (BTC|USDT)\n")


def start(mode: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(FILE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MODE": mode, "EVERY_S": "0.5", **env},
    )


@pytest.mark.parametrize("mode", ["sim", "paper"])
def test_it_trades(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sim("--symbols", "BTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name, value)
        with FeedProc(sim, ["BTCUSDT:5"]) as feed:
            feed.wait_live()
            process = start(mode)
            try:
                assert process.stdout is not None
                fills = [process.stdout.readline() for _ in range(4)]
                assert all(FILL.fullmatch(line) for line in fills), fills
                assert {line.split()[0] for line in fills} == {"buy", "sell"}
                process.send_signal(signal.SIGINT)
                out, errors = process.communicate(timeout=READY_S)
            finally:
                process.kill()
                process.wait()
    assert process.returncode == 0 and out.endswith("closing\n") and "Traceback" not in errors


def test_sandbox_goes_as_far_as_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Market data and rules come from the simulated exchange under sandbox's names; the order session's address refuses."""
    with Sim("--symbols", "BTCUSDT") as sim:
        for name, value in sim.env.items():
            monkeypatch.setenv(name.replace("_SIM_", "_SANDBOX_"), value)
        monkeypatch.setenv("AATS_MODE", "sandbox")
        refused = free_port()
        monkeypatch.setenv("AATS_ENDPOINT_BINANCE_SANDBOX_WSAPI", f"wss://localhost:{refused}")
        with FeedProc(sim, ["BTCUSDT:5"], mode="sandbox") as feed:
            feed.wait_live()
            process = start("sandbox", AATS_APIKEY_BINANCE="a-key-of-the-test", AATS_SECRET_BINANCE="its-secret")
            out, errors = process.communicate(timeout=READY_S)
    assert process.returncode != 0 and FILL.search(out) is None
    assert str(refused) in errors or "refused" in errors.lower(), errors
    assert "its-secret" not in errors and "a-key-of-the-test" not in errors
