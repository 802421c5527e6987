"""The command line: statuses, one-line reasons, JSON, and what it shows of living and dead processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aats import cli, control, shm
from aats.cli.book import decimal
from aats.layout import LAYOUT_HASH, Role

from .conftest import eventually

Start = Callable[..., control.Child]
ROOT = Path(__file__).parents[2]


def aats(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run a command inside this process; return status, stdout and stderr."""
    try:
        status = cli.main(words)
    except SystemExit as exc:  # argparse
        status = int(exc.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("words", [["nosuch"], ["stop", "--wait"], ["config"], ["feed"], ["book"]])
def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    status, out, err = aats(capsys, *words)
    assert (status, out) == (2, "")
    assert "usage:" in err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["feed", "/nonexistent.toml"], "/nonexistent.toml: cannot be read"),
        (["config", "check", "/nonexistent.toml"], "cannot be read"),
        (["stop"], "name what to stop"),
        (["stop", "12"], "'12' is neither a pid nor a name"),
        (["kill", "binance"], "'binance' is neither a pid nor a name"),
        (["book", "BTCUSDT"], "no feed runs here"),
        (["control", "--host", "192.0.2.1"], "aats token --new"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str], words: list[str], part: str) -> None:
    status, out, err = aats(capsys, *words)
    assert (status, out) == (1, "")
    assert err.startswith("aats: ") and err.count("\n") == 1
    assert part in err


def test_a_symbol_that_no_feed_has_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str], start: Start) -> None:
    start("--symbols", "BTCUSDT:5,ETHUSDT:5")
    status, _, err = aats(capsys, "book", "LTCUSDT")
    assert status == 1
    assert "no feed has LTCUSDT; there are: BTCUSDT.BINANCE, ETHUSDT.BINANCE" in err


# ----------------------------------------------------------------------------------------------------------- shown


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = aats(capsys)
    assert status == 2
    for command in (
        "trade",
        "orders",
        "flatten",
        "control",
        "feed",
        "ps",
        "stop",
        "kill",
        "book",
        "doctor",
        "config",
        "sim",
        "demo",
        "tape",
    ):
        assert f"\n    {command} " in out


def test_the_version_names_the_layout(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"{LAYOUT_HASH:016x}" in aats(capsys, "--version")[1]


def test_ps_shows_the_living_and_clears_the_dead(capsys: pytest.CaptureFixture[str], start: Start, namespace: str) -> None:
    child = start("--symbols", "BTCUSDT:5")
    status, out, _ = aats(capsys, "ps", "--json")
    assert status == 0 and [one["pid"] for one in json.loads(out)] == [child.pid]
    child.process.kill()
    child.process.wait()
    assert "DEAD" in aats(capsys, "ps")[1]
    assert "no process" in aats(capsys, "ps")[1]
    assert shm.names(ns=namespace, every=True) == []


def test_a_book_is_shown_with_its_validity(capsys: pytest.CaptureFixture[str], start: Start) -> None:
    child = start("--symbols", "BTCUSDT:5")
    status, out, _ = aats(capsys, "book", "BTCUSDT", "--json")
    book = json.loads(out)
    assert status == 0
    assert (book["symbol"], book["valid"], book["why"], book["seq"]) == ("BTCUSDT.BINANCE", True, "", 7)
    assert (book["bids"], book["asks"]) == ([["61837.64", "1.5"]], [["61837.65", "0.00002"]])
    assert "61837.64" in aats(capsys, "book", "BTCUSDT.BINANCE", "--depth", "1")[1]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["book", "BTCUSDT", "--depth", "-1"])
    os.kill(child.pid, signal.SIGSTOP)
    eventually(lambda: aats(capsys, "book", "BTCUSDT")[0] == 1, within_s=1.5)
    assert "NOT VALID: feed_stale" in aats(capsys, "book", "BTCUSDT")[1]


@pytest.mark.parametrize(
    ("value", "exp", "text"),
    [
        (0, -8, "0"),
        (1, -8, "0.00000001"),
        (-15, -1, "-1.5"),
        (100, -2, "1"),
        (6_183_764_000_000, -8, "61837.64"),
        (5, 3, "5000"),
        (0, 0, "0"),
        (10, 0, "10"),
    ],
)
def test_decimal_text_is_exact_and_short(value: int, exp: int, text: str) -> None:
    assert decimal(value, exp) == text


def test_stop_and_kill_take_pids_and_names(capsys: pytest.CaptureFixture[str], start: Start) -> None:
    first, second = start("--name", "one"), start("--name", "two", "--behave", "deaf")
    status, out, _ = aats(capsys, "stop", "one", "--json")
    assert (status, json.loads(out)) == (0, [{"pid": first.pid, "role": "feed", "name": "one", "result": "stopped"}])
    status, out, _ = aats(capsys, "stop", str(second.pid), "--wait", "0.3")
    assert status == 1 and f"aats kill {second.pid} forces it" in out
    status, out, _ = aats(capsys, "kill", "two", "--wait", "0.3")
    assert status == 0 and "killed" in out


def test_all_are_stopped_users_before_what_they_use(capsys: pytest.CaptureFixture[str], start: Start) -> None:
    start()
    start("--role", "trade", "--name", "maker", role=Role.TRADE)
    status, out, _ = aats(capsys, "stop", "--all", "--json")
    assert status == 0
    assert [one["role"] for one in json.loads(out)] == ["trade", "feed"]


def test_config_check_and_show(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "feed.toml"
    file.write_text('[feed]\nvenue = "BINANCE"\nsymbols = ["BTCUSDT:20"]\n')
    assert "good: feed binance" in aats(capsys, "config", "check", str(file))[1]
    monkeypatch.setenv("AATS_MODE", "sandbox")
    shown = json.loads(aats(capsys, "config", "show", str(file), "--json")[1])
    assert shown["feed.mode"] == {"value": "sandbox", "from": "env AATS_MODE"}
    assert shown["feed.symbols"] == {"value": ["BTCUSDT:20"], "from": str(file)}
    assert shown["limits.feed_stale_ms"] == {"value": 500, "from": "default"}
    assert "limits.stop_ms" in aats(capsys, "config", "show")[1]
    with file.open("a") as more:
        more.write('[net]\nsend_type = "p2p"\nip = "localhost"\nport = 15004\ncompat = {BTCUSDT = {cid = 1001, level = 5}}\n')
    shown = json.loads(aats(capsys, "config", "show", str(file), "--json")[1])
    assert {
        key: shown[f"net.{key}"]["value"] for key in ("send_type", "ip", "port", "ttl", "loop", "repair_ip", "repair_port", "compat")
    } == {
        **{"send_type": "p2p", "ip": "localhost", "port": 15004, "ttl": 1, "loop": True, "repair_ip": "", "repair_port": 0},
        "compat": {"BTCUSDT": {"cid": 1001, "level": 5}},
    }
    assert '{"BTCUSDT": {"cid": 1001, "level": 5}}' in aats(capsys, "config", "show", str(file))[1]


def test_doctor_names_what_is_left_over(capsys: pytest.CaptureFixture[str], namespace: str) -> None:
    other = shm.SHM_DIR / f"aats.{os.getuid()}.{namespace}.0badcafe.md.binance.5"
    other.write_bytes(bytes(512))
    try:
        found = {one["check"]: one for one in json.loads(aats(capsys, "doctor", "--json")[1])}
    finally:
        other.unlink()
    assert found["segments"]["status"] == "warn"
    assert "another layout" in found["segments"]["advice"] and "0badcafe" in found["segments"]["advice"]
    assert {
        "python",
        "package",
        "old client",
        "cores",
        "shared memory",
        "limits",
        "clock source",
        "TLS",
        "environment",
        "processes",
        "segments",
    } <= set(found)
    assert all(one["advice"] for one in found.values() if one["status"] not in ("ok", "info"))


def test_the_command_runs_as_a_program_and_ctrl_c_ends_the_server_cleanly(namespace: str) -> None:
    process = subprocess.Popen([sys.executable, "-m", "aats.cli", "control", "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert "listens on 127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert shm.names(ns=namespace, every=True) == []
