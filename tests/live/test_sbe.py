"""A feed on binary frames beside one on text, both processes on one simulated exchange over TLS: the same books, and the key nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from aats import control, keys
from aats.layout import Mode, Role
from tests.live.looks import eventually
from tests.live.procs import FeedProc, Reader, Sim

KEY = "KeyOfNobodyButThisTest"


class SbeFeed(FeedProc):
    """A feed on the binary streams of a `Sim`."""

    def __init__(self, sim: Sim, symbols: list[str]) -> None:
        there = Sim.__new__(Sim)
        there.ready = {**sim.ready, "stream": sim.ready["stream"] + "/sbe"}
        there.env = {name: value + "/sbe" if name.endswith("_STREAM") else value for name, value in sim.env.items()}
        super().__init__(there, symbols, name="binary", format="sbe")


@pytest.fixture
def sim(tmp_path: Path, home: Path) -> Any:
    """Run a simulated exchange with one Ed25519 key, which stands in the key file: variables with keys are not handed to feeds."""
    pem = tmp_path / "key.pem"
    pem.write_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n")
    pem.chmod(0o600)
    file = keys.key_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[BINANCE.sim]\nkey = "{KEY}"\nsecret = "@{pem}"\n')
    file.chmod(0o600)
    with Sim("--symbols", "BTCUSDT,ETHUSDT", "--key", f"{KEY}:@{pem}") as one:
        yield one


def same_ids(text: FeedProc, binary: FeedProc, seen: dict[tuple[str, str, int], Any]) -> int:
    """Look at both; return at how many update ids both have been seen, after comparing them."""
    for name, feed in (("text", text), ("binary", binary)):
        for symbol, book in feed.books().items():
            if book.valid:
                seen[name, symbol, book.seq] = (book.bids_i.tolist(), book.asks_i.tolist())
    both = [(symbol, seq) for name, symbol, seq in seen if name == "text" and ("binary", symbol, seq) in seen]
    for symbol, seq in both:
        assert seen["text", symbol, seq] == seen["binary", symbol, seq], (symbol, seq)
    return len(both)


def test_feeds_on_text_and_on_binary_frames_have_the_same_books(sim: Sim) -> None:
    with FeedProc(sim, ["BTCUSDT:20", "ETHUSDT:20"], name="text") as text, SbeFeed(sim, ["BTCUSDT:20", "ETHUSDT:20"]) as binary:
        text.wait_live()
        binary.wait_live()
        seen: dict[tuple[str, str, int], Any] = {}
        eventually(lambda: same_ids(text, binary, seen) >= 20, why="the two never had the same update id")
        eventually(lambda: all(one.ticks for one in binary.directory().values()), why="no trade came in binary")
        counters = binary.counters()
        assert counters["parse_errors"] == counters["unknown"] == counters["gaps"] == counters["trade_gaps"] == 0
        assert binary.entry.mode == Mode.SIM and f"BINANCE sim sbe {sim.ready['stream']}/sbe: " in binary.entry.detail
        assert " sbe " not in text.entry.detail

        process = psutil.Process(binary.pid)
        shown = [binary.log(), binary.entry.detail, " ".join(process.cmdline()), binary.file.read_text()]
        assert not any(KEY in one for one in shown)
        segment = binary.segment()
        assert KEY.encode() not in segment.array("u1", 0, segment.size).tobytes()


def test_feed_inside_a_strategy_takes_binary_frames_when_the_environment_says_so(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**sim.env, "AATS_FORMAT": "sbe"}.items():
        monkeypatch.setenv(name, value + "/sbe" if name.endswith("_STREAM") else value)
    with Reader(["BTCUSDT"], feed="inline") as reader:
        reader.wait("quote", "BTCUSDT")
        (entry,) = [one for one in control.Table.open().entries() if one.role == Role.FEED]
        assert entry.pid == reader.pid and f"BINANCE sim sbe {sim.ready['stream']}/sbe" in entry.detail
