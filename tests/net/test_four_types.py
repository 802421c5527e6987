"""One strategy file runs unchanged on SHM, P2P, BROADCAST and MULTIBROAD, and sees the same sequence of messages.

One simulated exchange plays a market, generated or recorded, to two feeds.  The first sends by multicast and serves shared memory and, on its repair port,
P2P; the second sends by broadcast.  Four strategies, each in a process of its own, write down what they are told; from the first message that all four have
on, the files are the same, message by message.  For that both feeds have whole books: of books that the venue has cut each would know as many levels as its own
snapshot told, and have them anew when it has come near their end.  Everything goes over the loopback card, so this needs no right to anything.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from aats import control
from aats.layout import Role
from tests.live.looks import READY_S, ROOT, eventually, free_port, tool
from tests.live.procs import FeedProc, Proc, Sim
from tests.live.truth import DEPTH, WHOLE

SCRIPT = Path(__file__).with_name("same_strategy.py")
TAPE = "binance-spot/hftbacktest/btcusdt_20240808.gz"
GROUP, EVERYBODY = "239.255.77.9", "127.255.255.255"


class Run(Proc):
    """The strategy with one send type, and what it wrote."""

    def __init__(self, folder: Path, send_type: str, ip: str, port: int, *card: str) -> None:
        self.file = folder / f"{send_type}.jsonl"
        command = [sys.executable, str(SCRIPT)]
        words = [str(self.file), send_type, ip, str(port), *card]
        name = f"same-{send_type}"
        self.child = control.spawn(Role.TRADE, words, name=name, command_line=command, wait_s=READY_S, env={"PYTHONPATH": str(ROOT)})
        self.process = self.child.process

    def end(self) -> None:
        self.child.stop()

    def lines(self) -> list[bytes]:
        """Return the whole lines that are there by now."""
        *whole, _ = self.file.read_bytes().split(b"\n") if self.file.exists() else [b""]
        return whole

    def has_a_trade(self) -> bool:
        return any(line.startswith(b'["onTick"') for line in self.lines())


def both_ports() -> int:
    """Return a port that is free for datagrams and connections."""
    while True:
        port = free_port(socket.SOCK_DGRAM)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@pytest.fixture
def nobody_left() -> Iterator[None]:
    """End the receivers, which wait for other readers."""
    yield
    assert tool("kill", "--all").returncode == 0


def kinds(lines: list[bytes]) -> dict[str, int]:
    names = [orjson.loads(line)[0] for line in lines]
    return {name: names.count(name) for name in sorted(set(names))}


@pytest.mark.usefixtures("nobody_left")
@pytest.mark.parametrize(("market", "messages"), [("generated", 600), ("recorded, 1x", 800), ("recorded, 20x", 12_000)])
def test_one_strategy_file_sees_the_same_messages_by_every_send_type(
    request: pytest.FixtureRequest, tmp_path: Path, market: str, messages: int
) -> None:
    played = ["--symbols", "BTCUSDT"]
    if market != "generated":
        played = ["--tape", str(request.getfixturevalue("data_dir") / TAPE), "--speed", market.split()[1].rstrip("x")]
    port, other = both_ports(), both_ports()
    multicast: dict[str, Any] = {"send_type": "multibroad", "ip": GROUP, "port": port, "netcard": "lo"}
    broadcast: dict[str, Any] = {"send_type": "broadcast", "ip": EVERYBODY, "port": other, "netcard": "lo"}
    with (
        Sim(*played, "--weight", "1000000") as sim,
        FeedProc(sim, [f"BTCUSDT:{DEPTH}"], name="first", net=multicast, level_num=WHOLE) as first,
        FeedProc(sim, [f"BTCUSDT:{DEPTH}"], name="second", net=broadcast, level_num=WHOLE) as second,
    ):
        first.wait_live()
        second.wait_live()
        with (
            Run(tmp_path, "SHM", "127.0.0.1", port) as shared,
            Run(tmp_path, "P2P", "127.0.0.1", port) as p2p,
            Run(tmp_path, "BROADCAST", EVERYBODY, other, "lo") as broad,
            Run(tmp_path, "MULTIBROAD", GROUP, port, "lo") as multi,
        ):
            runs = (shared, p2p, broad, multi)
            eventually(
                lambda: all(run.has_a_trade() for run in runs), why=lambda: [kinds(run.lines()) for run in runs]
            )  # si holds the last one
            mark = next_quote(shared, len(shared.lines()))
            wanted = shared.lines().index(mark) + messages
            eventually(
                lambda: all(mark in run.lines() for run in runs) and len(shared.lines()) >= wanted,
                within_s=90,
                why=lambda: [len(run.lines()) for run in runs],
            )
            found = {run.file.stem: run.lines() for run in runs}
    told = {name: lines[lines.index(mark) :] for name, lines in found.items()}
    count = min(map(len, told.values()))
    assert count >= messages * 3 // 4, {name: len(lines) for name, lines in told.items()}
    for name, lines in told.items():
        for at, (line, same) in enumerate(zip(lines[:count], told["SHM"][:count], strict=True)):
            assert line == same, f"{name} differs from SHM at message {at} of {count}: {line!r}, not {same!r}; {kinds(lines)}"
    seen = kinds(told["SHM"][:count])
    assert set(seen) == {"onQuote", "onTick", "onBbo", "onNotify"}, seen
    assert seen["onNotify"] == seen["onQuote"] + seen["onTick"]


def next_quote(run: Run, after: int) -> bytes:
    """Return the first quote that is written from now on."""
    found: list[bytes] = eventually(lambda: [line for line in run.lines()[after:] if line.startswith(b'["onQuote"')], why="no more quotes")
    return found[0]
