"""docs/deployments.md can be followed: its commands parse, its files are accepted, its scripts run up to where they would connect."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from aats import MarketService, NetWorkType, TradeService, config
from aats.cli import parser

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "deployments.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.S | re.M)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("aats ")]
SERVICES = re.findall(r"^    command: (aats .*)$", "".join(blocks("yaml")), re.M)
NETWORKS = {"p2p", "broadcast", "multibroad"}


def test_the_page_has_its_three_pictures_with_commands_files_and_scripts() -> None:
    assert len(COMMANDS) >= 10 and len(SERVICES) == 3 and len(blocks("toml")) == 3 and len(blocks("python")) == 2
    assert {tomllib.loads(block)["net"]["send_type"] for block in blocks("toml")} == NETWORKS
    received = {command.split()[2] for command in COMMANDS if command.startswith("aats receive ")}
    assert received == NETWORKS


@pytest.mark.parametrize("command", [*COMMANDS, *SERVICES, *re.findall(r"`(aats [^`]*)`", PAGE)])
def test_a_command_of_the_page_is_one_that_the_command_line_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        args = parser().parse_args(shlex.split(command)[1:])
    except SystemExit as end:
        pytest.fail(f"{command}: status {end.code}, {capsys.readouterr().err}")
    assert args.command or args.version


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("aats receive ")])
def test_an_address_that_is_received_is_one_that_a_feed_of_the_page_sends_to(command: str) -> None:
    nets = [tomllib.loads(block)["net"] for block in blocks("toml")]
    words = command.split()
    wanted = [(words[2], words[3])] + ([(words[words.index("--b") + 1], words[words.index("--b") + 2])] if "--b" in words else [])
    sent = {(net["send_type"], f"{net['ip']}:{net['port']}") for net in nets}
    sent |= {("multibroad", f"{other}:15004") for other in re.findall(r'the same with `ip = "([0-9.]+)"`', PAGE)}
    assert set(wanted) <= sent
    for kind, address in wanted:
        ip, _, port = address.rpartition(":")
        assert config.check_network(kind, ip, int(port), command, receive=True) == ip


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: tomllib.loads(block)["net"]["send_type"])
def test_a_file_of_the_page_is_accepted_as_a_feeds(block: str) -> None:
    feed = config.feed_config(tomllib.loads(block), where="docs/deployments.md")
    assert feed.net.port == 15004 and feed.net.send_type in NETWORKS


@pytest.mark.parametrize("block", blocks("python"), ids=["market", "trade"])
def test_a_script_of_the_page_runs_up_to_its_run(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    for service in (MarketService, TradeService):
        monkeypatch.setattr(service, "run", lambda self: ran.append(self))
    monkeypatch.setenv("AATS_TOKEN", "sixteen letters and more")
    exec(compile(ast.parse(block), "docs/deployments.md", "exec"), {})
    assert len(ran) == 1


def test_the_compose_file_knows_the_network_that_the_feed_broadcasts_to() -> None:
    compose = "".join(blocks("yaml"))
    subnet = re.search(r"subnet: ([0-9.]+)/24", compose)
    net = next(tomllib.loads(block)["net"] for block in blocks("toml") if '"broadcast"' in block)
    assert subnet and net["ip"] == subnet.group(1).rpartition(".")[0] + ".255"
    assert f'set_md_connection("{net["ip"]}", {net["port"]}, NetWorkType.{NetWorkType.BROADCAST.name})' in PAGE
    assert compose.count("ipc: ") == 2 and "ipc: shareable" in compose and "shm_size: 256m" in compose
    assert not [line for line in compose.splitlines() if "\t" in line or (len(line) - len(line.lstrip())) % 2]


def test_every_anchor_of_the_page_is_a_heading_of_it() -> None:
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in re.findall(r"^#+ .*$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


def test_a_segment_takes_what_the_page_says() -> None:
    from aats._ffi import lib

    said = re.search(r"takes (\d+) MiB for 64 symbols of 5 levels, and (\d+) MiB at most with 1000 levels", PAGE)
    assert said is not None
    small, large = (lib.aats_md_size(8192, levels, symbols) / 2**20 for levels, symbols in ((5, 64), (1000, 1024)))
    assert abs(small - int(said.group(1))) < 1 and abs(large - int(said.group(2))) < 1
