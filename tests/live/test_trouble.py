"""A running feed that is told things, venues not to be trusted, full or foreign shared memory, mistakes in settings: one clear line each, and life goes on."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import aats
from aats import control, shm
from aats._ffi import lib
from aats.errors import ControlError, LayoutMismatch, ShmError
from aats.layout import LAYOUT_HASH, Command, DirState, Kind, hash8
from tests.live.looks import READY_S, ROOT, eventually, pids_of, tool
from tests.live.procs import FeedProc, Reader, Sim

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
        with pytest.raises(ControlError, match=r"level_num many .* 1 to 20"):
            tell(Command.SUBSCRIBE, "ETHUSDT.BINANCE many")
        with pytest.raises(ControlError, match="carries BINANCE only"):
            tell(Command.SUBSCRIBE, "ETHUSDT.KRAKEN 5")
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
        ({"symbols": ["BTC-USDT"]}, "near ones: BTCUSDT"),
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
    assert pids_of("feed") == []
