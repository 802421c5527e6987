"""A strategy's file for `aats trade`: what is refused, and what a good one makes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from aats import cli
from aats.cli import trade_file
from aats.config import SlowLimit
from aats.errors import ConfigError
from aats.trade_policy import KEYS

STRATEGY = """
from aats import BaseStrategy
import helper_beside_it

class Maker(BaseStrategy):
    def __init__(self, size="0.1", *, deep=False):
        self.size, self.deep = size, deep
    def close(self): pass

class Other: pass
"""
GOOD = """
[trade]
strategy = "my_maker.py:Maker"
symbols = ["BTCUSDT:20", "ETHUSDT.BINANCE"]
listen = ["LTCUSDT:3"]
[exchange.BINANCE]
mode = "sim"
[params]
size = "0.002"
"""


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("my_maker", "helper_beside_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my_maker.py").write_text(STRATEGY)
    (tmp_path / "helper_beside_it.py").write_text("")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    file = folder / "maker-1.toml"
    file.write_text(text)
    return file


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('on_restart = "keep"', "trade.on_restart must be one of cancel, adopt"),
        ('on_death = "kill"', "trade.on_death must be one of cancel, keep"),
        ("grace_ms = -1", "trade.grace_ms must be a whole number from 0"),
        ("hang_ms = 0", "trade.hang_ms must be a whole number from 100"),
        ('on_disconnect = "wait"', "trade.on_disconnect must be one of refuse, hold"),
        ("hold_ms = 1.5", "trade.hold_ms must be a whole number"),
        ('supervisor = "on"', "trade.supervisor must be true or false"),
        ('sync = "sometimes"', "trade.sync must be one of never, intent, all"),
    ],
)
def test_a_policy_that_is_none_is_refused(folder: Path, line: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trade_file.load(write(folder, GOOD.replace("[exchange", line + "\n[exchange")))
    assert says in str(caught.value) and "maker-1.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[params]", "[latency]\nrecv_sant = 5\n[params]", r"\[latency\]: recv_sant is not a hop; known: .*did you mean 'recv_sent'"),
        (
            "[trade]",
            "[trades]",
            r"\[trades\] is not a section; known: trade, exchange, params, risk, latency, guard \(did you mean 'trade'",
        ),
        ("listen", "lisen", r"trade.lisen is not a setting; .*\(did you mean 'listen'\?\)"),
        ('strategy = "my_maker.py:Maker"', "", "trade.strategy is missing"),
        ("my_maker.py:Maker", "my_maker.py", "trade.strategy must be FILE.py:CLASS; it is 'my_maker.py'"),
        ("mode =", "mod =", r"exchange.BINANCE.mod is not a setting; .*\(did you mean 'mode'"),
        ('mode = "sim"', "", "exchange.BINANCE.mode is missing: direct, sandbox, paper, sim"),
        ('"sim"', '"replay"', "exchange.BINANCE.mode must be one of direct, sandbox, paper, sim"),
        ("exchange.BINANCE", "exchange.BINANSE", r"exchange.BINANSE is not known; known: BINANCE, .*\(did you mean 'BINANCE'"),
        ('[exchange.BINANCE]\nmode = "sim"', "", r"\[exchange.NAME\] is missing"),
        ('mode = "sim"', 'mode = "sim"\ntaker_fee = 0.001', "one fee of two"),
        ('mode = "sim"', 'mode = "sim"\ntaker_fee = 2', "taker_fee must be a part of the notional"),
        ("BTCUSDT:20", "BTCUSDT:0", r"trade.symbols\[0\] level of BTCUSDT must be a whole number from 1 to 1000"),
        ("BTCUSDT:20", "btcusdt", r"trade.symbols\[0\] .*did you mean 'BTCUSDT'"),
        ("LTCUSDT:3", "BTCUSDT", r"trade.listen\[0\]: BTCUSDT stands there already"),
        ("ETHUSDT.BINANCE", "ETHUSDT.OKX", r"trade.symbols\[1\]: exchange OKX has no section"),
        ('symbols = ["BTCUSDT:20", "ETHUSDT.BINANCE"]\nlisten = ["LTCUSDT:3"]', "", "trade.symbols is missing"),
        ("[trade]", "[trade", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_rule(folder: Path, before: str, after: str, says: str) -> None:
    assert before in GOOD
    with pytest.raises(ConfigError, match=says):
        trade_file.load(write(folder, GOOD.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("py:Maker", "py:Make", r"has no strategy 'Make'; it has Maker \(did you mean 'Maker'"),
        ("py:Maker", "py:Other", "has no strategy 'Other'"),
        ("my_maker.py", "none.py", "none.py is no file"),
        ("size =", "sizes =", r"\[params\] do not fit Maker: .*sizes"),
    ],
)
def test_a_strategy_that_cannot_be_made_is_named(folder: Path, before: str, after: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        trade_file.service_of(trade_file.load(write(folder, GOOD.replace(before, after))))


@pytest.mark.parametrize("words", [["--mode", "direct", "FILE"], ["FILE", "--mode", "direct"], ["FILE", "--mode", "live"]])
def test_the_command_line_never_makes_it_direct(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder, GOOD)
    assert cli.main(["trade", *[str(file) if word == "FILE" else word for word in words]]) == 1
    assert "sim, paper, sandbox only" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["direct", "replay", ""])
def test_a_service_is_made_for_a_mode_without_real_money_only(folder: Path, mode: str) -> None:
    with pytest.raises(ConfigError, match="sim, paper, sandbox only"):
        trade_file.service_of(trade_file.load(write(folder, GOOD)), mode=mode)


def test_options_of_a_file_are_refused_for_a_script(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["trade", "--mode", "sim", str(folder / "my_maker.py")]) == 1
    assert "a script says them itself" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------- path


def test_a_file_says_all_that_a_script_would(folder: Path) -> None:
    file = trade_file.load(write(folder, GOOD))
    assert file.name == "maker-1"
    assert file.symbols == (("BTCUSDT", "BINANCE", 20, True), ("ETHUSDT", "BINANCE", 5, True), ("LTCUSDT", "BINANCE", 3, False))
    service = trade_file.service_of(file, mode="paper", name="other")
    assert service.name == "other"
    assert dict(service.sym_cid_map) == {1001: "BTCUSDT.BINANCE", 1002: "ETHUSDT.BINANCE", 1003: "LTCUSDT.BINANCE"}
    (strategy,) = service.strategies
    assert type(strategy).__name__ == "Maker" and vars(strategy)["size"] == "0.002"


def test_a_script_runs_as_main_with_its_arguments_and_its_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = folder / "script.py"
    script.write_text("import sys, helper_beside_it\nprint(__name__, sys.argv[1:])\nraise SystemExit(3)\n")
    with pytest.raises(SystemExit, match="3"):
        cli.main(["trade", str(script), "one", "--two"])
    assert capsys.readouterr().out == "__main__ ['one', '--two']\n"


def test_the_policy_of_a_file_is_the_services(folder: Path) -> None:
    lines = 'on_restart = "adopt"\non_death = "keep"\ngrace_ms = 2000\nhang_ms = 1000\non_disconnect = "hold"\nhold_ms = 50\nsupervisor = false\nsync = "all"\n'
    service = trade_file.service_of(trade_file.load(write(folder, GOOD.replace("[exchange", lines + "[exchange"))))
    policy = service.policy
    assert (policy.on_restart, policy.on_death, policy.grace_ms, policy.hang_ms) == ("adopt", "keep", 2000, 1000)
    assert (policy.on_disconnect, policy.hold_ms, policy.supervisor, policy.sync) == ("hold", 50, False, "all")
    plain = trade_file.service_of(trade_file.load(write(folder, GOOD))).policy
    assert (plain.on_restart, plain.on_death, plain.on_disconnect, plain.supervisor, plain.sync) == (
        "cancel",
        "cancel",
        "refuse",
        None,
        "never",
    )


def test_limits_of_hops_in_a_file_are_the_services_and_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder, GOOD + '[latency]\nrecv_sent = ["100us", "halt"]\npub_delivered = 50_000\n')
    assert trade_file.service_of(trade_file.load(file))._slow_limits == {
        "recv_sent": SlowLimit(100_000, "halt"),
        "pub_delivered": SlowLimit(50_000, "slow"),
    }
    assert cli.main(["config", "show", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["latency.recv_sent"] == {"value": ["100us", "halt"], "from": str(file)}
    assert shown["latency.pub_delivered"]["value"] == 50_000


def test_config_show_has_every_setting_of_a_strategys_file_and_where_it_is_from(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder, GOOD.replace("[exchange", 'on_restart = "adopt"\n[exchange'))
    assert cli.main(["config", "show", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["trade.on_restart"] == {"value": "adopt", "from": str(file)}
    assert shown["trade.hold_ms"] == {"value": 5000, "from": "default"}
    assert {f"trade.{key}" for key in KEYS if key != "risk"} <= set(shown)
    assert shown["params.size"] == {"value": "0.002", "from": str(file)}
    assert cli.main(["config", "check", str(file)]) == 0
    assert "my_maker.py:Maker" in capsys.readouterr().out
