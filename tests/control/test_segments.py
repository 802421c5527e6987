"""Names, making, attaching and refusing segments."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aats import control, shm
from aats._ffi import lib
from aats.errors import ConfigError, LayoutMismatch, SegmentMissing, ShmError
from aats.layout import LAYOUT_HASH, MD, MD_OFFSET, SEG, SEG_MAGIC, Kind
from aats.shm import SegmentName


@pytest.fixture
def made(namespace: str) -> shm.Segment:  # type: ignore[misc]
    segment = shm.create_md("binance", ring_depth=64, level_max=5, dir_cap=4, venue="BINANCE")
    yield segment
    shm.unlink(segment.name)


# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("label", ["", "a.b", "a/b", "a b", "x" * 48, "ä"])
def test_a_label_that_would_break_the_name_is_refused(label: str) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        SegmentName.make(Kind.MD, label, 1)


def test_a_bad_namespace_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_NS", "a.b")
    with pytest.raises(ConfigError, match=r"AATS_NS is .a\.b."):
        shm.namespace()


@pytest.mark.parametrize(
    "geometry", [{"ring_depth": 100}, {"ring_depth": 0}, {"level_max": 0}, {"level_max": 1001}, {"dir_cap": 0}, {"dir_cap": 1025}]
)
def test_a_geometry_out_of_range_is_refused_with_the_numbers(geometry: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(geometry.values())))):
        shm.create_md("binance", **geometry)  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [{"positions": 0}, {"positions": 1025}, {"orders": 0}, {"orders": 65537}, {"events": 100}, {"events": 1}])
def test_a_trade_segment_out_of_range_is_refused_with_the_numbers(room: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(room.values())))):
        shm.create_td("maker", **room)


def test_a_missing_segment_is_named() -> None:
    name = SegmentName.make(Kind.MD, "binance", 7)
    with pytest.raises(SegmentMissing, match=str(name)):
        shm.attach(name)


def test_a_generation_is_never_made_twice(made: shm.Segment) -> None:
    with pytest.raises(ShmError, match="exists already"):
        shm.create_md("binance", generation=made.generation)


@pytest.fixture
def foreign(namespace: str) -> Iterator[SegmentName]:
    """A segment of another layout whose maker, this process, lives."""
    name = SegmentName(os.getuid(), namespace, "0badcafe", "md", "binance", 5)
    header = shm.Header.FORMAT.pack(SEG_MAGIC, 256, 2, 0x0BADCAFE12345678, 4096, 5, 99, lib.aats_ident_self())
    (shm.SHM_DIR / name.file).write_bytes(header.ljust(4096, b"\0"))
    yield name
    shm.unlink(name)


def test_a_segment_of_another_layout_is_named_with_both_hashes_and_its_pid(foreign: SegmentName) -> None:
    with pytest.raises(LayoutMismatch, match=f"'binance' of pid {os.getpid()} has layout 0badcafe12345678.*{LAYOUT_HASH:016x}") as caught:
        shm.attach(SegmentName.make(Kind.MD, "binance", 5))
    assert (caught.value.ours, caught.value.theirs) == (LAYOUT_HASH, 0x0BADCAFE12345678)


def test_who_looks_for_a_feed_hears_of_a_living_one_of_another_layout(foreign: SegmentName) -> None:
    with pytest.raises(LayoutMismatch, match="stop it and start it again"):
        control.find_feeds()
    with pytest.raises(LayoutMismatch):
        control.find_feeds(name="binance")
    assert control.find_feeds(name="other") == []


def test_what_a_dead_process_of_another_layout_left_disturbs_nobody(foreign: SegmentName) -> None:
    with open(shm.SHM_DIR / foreign.file, "r+b") as file:
        file.seek(48)
        file.write(lib.aats_ident(4_000_000, 9).to_bytes(8, "little"))
    assert control.find_feeds() == []
    with pytest.raises(SegmentMissing):
        shm.attach(SegmentName.make(Kind.MD, "binance", 5))


def test_a_table_of_another_layout_does_not_keep_ours_from_starting(start: Callable[..., control.Child], foreign: SegmentName) -> None:
    table = SegmentName(foreign.uid, foreign.namespace, foreign.hash8, "ctl", "table", 1)
    (shm.SHM_DIR / table.file).write_bytes((shm.SHM_DIR / foreign.file).read_bytes())
    try:
        assert control.processes() == []
        assert start().entry.name == "binance"
    finally:
        shm.unlink(table)


def test_a_header_with_another_hash_under_our_name_is_refused(made: shm.Segment) -> None:
    made.array(SEG)["layout_hash"] = 0x1234
    with pytest.raises(LayoutMismatch) as caught:
        shm.attach(made.name)
    assert (caught.value.ours, caught.value.theirs) == (LAYOUT_HASH, 0x1234)


def test_an_unfinished_segment_is_refused(namespace: str) -> None:
    name = SegmentName.make(Kind.MD, "binance", 5)
    path = shm.SHM_DIR / name.file
    try:
        path.write_bytes(b"")
        with pytest.raises(ShmError, match="has 0 bytes"):
            shm.attach(name)
        path.write_bytes(bytes(8192))
        with pytest.raises(ShmError):
            shm.attach(name)
    finally:
        path.unlink()


def test_a_segment_cut_short_is_refused(made: shm.Segment) -> None:
    os.truncate(shm.SHM_DIR / made.name.file, made.size - 4096)
    with pytest.raises(ShmError):
        shm.attach(made.name)


@pytest.mark.parametrize(
    "field", ["ring_depth", "slot_sz", "dir_off", "latest_off", "ring_off", "stats_off", "level_max", "dir_cap", "latest_sz"]
)
def test_a_damaged_geometry_is_refused_before_anything_is_read(made: shm.Segment, field: str) -> None:
    made.array(MD, MD_OFFSET)[field] = 0x7FFFFFF0
    with pytest.raises(ShmError):
        _ = shm.attach(made.name).md


def test_an_array_beyond_the_segment_is_refused(made: shm.Segment) -> None:
    with pytest.raises(ShmError, match="not inside"):
        made.array(MD, made.size - 8)
    with pytest.raises(ShmError, match="not inside"):
        made.pointer("aats_md_t", -1)


FULL = """
import sys
from aats import control, shm
from aats._ffi import lib
from aats.errors import ShmError
try:
    shm.create_md("binance", ring_depth=8192, level_max=5)
except ShmError as exc:
    print(exc)
    print(*(name.file for name in shm.names()))
"""


def test_a_full_shared_memory_is_one_sentence_with_both_sizes() -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("needs root and unshare(1) for a small /dev/shm of its own")
    line = f"mount -t tmpfs -o size=256k none /dev/shm && exec {sys.executable} -c '{FULL}'"
    done = subprocess.run([unshare, "-m", "sh", "-c", line], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2])
    if "mount" in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    sentence, left = done.stdout.splitlines()
    assert "needs" in sentence and "262144" in sentence and "free" in sentence
    assert left == "", "the name must go when the bytes cannot be had"


# --------------------------------------------------------------------------------------------------------- promises


@pytest.mark.parametrize("text", ["aats.0.main.0123abcd.md.binance.7", "/aats.1000.t-1.0123abcd.ctl.table.1"])
def test_a_name_is_the_sum_of_its_parts(text: str) -> None:
    name = SegmentName.parse(text)
    assert name is not None
    assert name.file == text.removeprefix("/")


@pytest.mark.parametrize(
    "text",
    ["", "aats", "sem.aats.0.main.0123abcd.md.b.7", "aats.x.main.0123abcd.md.b.7", "aats.0.main.0123ABCD.md.b.7", "aats.0.main.123.md.b.7"],
)
def test_what_is_not_ours_is_no_name(text: str) -> None:
    assert SegmentName.parse(text) is None


def test_a_segment_is_private_and_whole(made: shm.Segment) -> None:
    about = (shm.SHM_DIR / made.name.file).stat()
    assert about.st_mode & 0o777 == 0o600
    assert about.st_blocks * 512 >= made.size, "reserved, not only sized"
    assert int(made.header["owner"]) != 0
    assert made.header["boot_id"].decode() == shm.boot_id()


def test_a_view_outlives_segment_name_and_writer(made: shm.Segment) -> None:
    reader = shm.attach(made.name)
    depth = reader.array(MD, MD_OFFSET)["ring_depth"]
    pointer = reader.pointer("aats_md_t", MD_OFFSET)
    shm.unlink(made.name)
    del reader
    gc.collect()
    assert depth[0] == 64
    assert pointer.ring_depth == 64


def test_a_reader_cannot_write(made: shm.Segment) -> None:
    view = shm.attach(made.name).array(MD, MD_OFFSET)
    with pytest.raises(ValueError, match="read-only"):
        view["head"] = 1


def test_what_is_written_is_seen_by_the_reader(made: shm.Segment) -> None:
    reader = shm.attach(made.name).array(MD, MD_OFFSET)
    made.array(MD, MD_OFFSET)["counters"][0][3] = 99
    assert np.array_equal(reader["counters"], made.array(MD, MD_OFFSET)["counters"])
