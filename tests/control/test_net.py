"""What a receiver is told reaches the C side whole, and ``aats net`` and the inspector show what stands in a receiver's and a feed's segment.

Segments are written by the test itself here; real receivers are in ``tests/live/test_receive.py``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from aats import control, net, token
from aats._ffi import ffi, lib, text
from aats.cli import main as aats_main
from aats.errors import ConfigError
from aats.layout import MD, MD_OFFSET, FanCounter, MdCounter, MdHist, PathKind, PathState, Role
from tools import shm as inspector

GROUP = net.Path("multibroad", "239.1.2.3", 15004, card="lo")

# --------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("paths", [(), (GROUP, GROUP), (GROUP, GROUP, GROUP)])
def test_receiver_without_a_path_or_with_the_same_twice_is_refused(paths: tuple[net.Path, ...]) -> None:
    with pytest.raises(ConfigError, match=r"one path|the same"):
        net.ReceiverConfig(paths)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (net.Path("multibroad", "239.1.2.3", 15004, feed="x" * 48), "feed .* longer than 47 bytes"),
        (net.Path("multibroad", "239.1.2.3", 15004, source="nosuchhost.invalid"), "'nosuchhost.invalid' leads to no address"),
        (net.Path("p2p", "nosuchhost.invalid", 15004), "'nosuchhost.invalid' leads to no address"),
    ],
)
def test_what_the_c_side_has_no_room_for_or_cannot_reach_is_refused_and_never_cut(path: net.Path, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        net.ReceiverConfig((path,)).recv_opts()


@pytest.mark.parametrize(
    ("secret", "says"),
    [("short-secret", "16 characters"), ("short-secret of two\nlines", "printable"), ("short-secret with \udcff in it", "printable")],
)
def test_token_that_cannot_be_used_is_refused_without_being_shown(secret: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_TOKEN", secret)
    with pytest.raises(ConfigError, match=says) as refused:
        net.ReceiverConfig((GROUP,)).recv_opts()
    assert "short-secret" not in str(refused.value)


@pytest.mark.parametrize(
    "words",
    [
        ["multibroad", "239.1.2.3:15004", "--hold-ms", "0"],
        ["multibroad", "239.1.2.3:15004", "--linger", "-1"],
        ["multibroad", "239.1.2.3:15004", "--busy-poll", "1.5"],
        ["multibroad", "239.1.2.3:15004", "--feed-id", "xyz"],
        ["shm", "239.1.2.3:15004"],
    ],
)
def test_number_outside_its_rule_is_a_wrong_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        aats_main(["receive", *words])
    assert ended.value.code == 2
    assert words[-1] in capsys.readouterr().err or words[0] == "shm"


# ----------------------------------------------------------------------------------------------------- what C is told


@pytest.mark.parametrize(
    ("ip", "name"),
    [("239.1.2.3", "rx-239-1-2-3-15004"), ("2001:db8::1", "rx-2001-db8-1-15004"), ("::1", "rx-1-15004"), ("255.255.255.255", None)],
)
def test_name_of_an_address_can_be_a_segments(ip: str, name: str | None) -> None:
    assert net.name_of(ip, 15004) == (name or "rx-255-255-255-255-15004")
    assert net.ReceiverConfig((net.Path("p2p", ip, 15004),)).label == net.name_of(ip, 15004)
    assert net.ReceiverConfig((GROUP,), name="mine").label == "mine"


def test_options_reach_the_c_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_TOKEN", "a token of sixteen characters")
    second = net.Path("p2p", "127.0.0.1", 15005, feed="two", feed_id=2**64 - 1)
    first = net.Path("multibroad", "239.1.2.3", 15004, card="lo", source="192.0.2.7", feed="one", feed_id=7)
    config = net.ReceiverConfig((first, second), repair=False, hold_ms=2.5, busy_poll_us=50, buffer_sz=123, timestamps=True)
    opts, outside = config.recv_opts(), config.host_opts()
    a, b = opts.path
    assert (opts.path_cnt, opts.hold_ns) == (2, 2_500_000)
    assert (a.kind, a.no_repair, a.port, a.feed_id) == (PathKind.MULTIBROAD, 1, 0, 7), "by datagram the beats say where to ask"
    assert [text(field) for field in (a.addr, a.source, a.feed, a.ip)] == ["239.1.2.3:15004", "192.0.2.7", "one", ""]
    assert (b.kind, b.port, b.feed_id) == (PathKind.P2P, 15005, 2**64 - 1)
    assert [text(field) for field in (b.addr, b.source, b.feed, b.ip)] == ["127.0.0.1:15005", "", "two", "127.0.0.1"]
    assert bytes(ffi.buffer(a.proof)) == bytes(ffi.buffer(b.proof)) == token.proof("a token of sixteen characters")
    assert [text(field) for field in (outside.path[0].addr, outside.path[0].card, outside.path[1].addr)] == ["239.1.2.3", "lo", ""]
    for at, port in enumerate((15004, 15005)):
        one = outside.path[at]
        assert (one.port, one.buf_sz, one.busy_poll_us, one.timestamps) == (port, 123, 50, 1)


def test_without_a_token_the_proof_is_zero(monkeypatch: pytest.MonkeyPatch, home: object) -> None:
    monkeypatch.delenv("AATS_TOKEN", raising=False)
    assert bytes(ffi.buffer(net.ReceiverConfig((GROUP,)).recv_opts().path[0].proof)) == bytes(16)


# ------------------------------------------------------------------------------------------------------ what is shown


@pytest.fixture
def feed(home: object, namespace: str) -> Iterator[control.Member]:
    """Be a feed that sends."""
    with control.join(Role.FEED, "binance", detail="BINANCE sim wss://x:1 -> multibroad 239.1.2.3:15004: BTCUSDT.BINANCE") as me:
        segment = me.create_md(venue="BINANCE")
        counters = segment.md.md.counters
        counters[MdCounter.RECORDS], counters[MdCounter.NET_SENT], counters[MdCounter.NET_ERRORS] = 100, 60, 2
        for one in FanCounter:
            segment.md.md.fan[one] = 1000 + int(one)
        me.ready()
        yield me


@pytest.fixture
def receiver(home: object, namespace: str) -> Iterator[control.Member]:
    """Be a receiver of two paths."""
    with control.join(Role.FEED, "rx", detail="multibroad 239.1.2.3:15004 <- binance at 192.0.2.1") as me:
        segment = me.create_md(venue="BINANCE")
        rows = segment.array(MD, MD_OFFSET)[0]["paths"]
        segment.md.md.path_cnt = 2
        rows["kind"], rows["state"], rows["wins"] = (3, 1), (int(PathState.LIVE), int(PathState.SILENT)), (30, 10)
        rows["addr"], rows["source"], rows["feed"] = (b"239.1.2.3:15004", b"192.0.2.9:15004"), (b"192.0.2.1:40123", b""), (b"binance", b"b")
        rows["feed_id"], rows["heard_mono_ns"] = (0xABC, 0), (time.monotonic_ns(), 0)
        for number, name in enumerate(("lost", "repaired", "late", "given_up", "repeated", "foreign", "damaged", "kernel_drops")):
            rows[name] = (number + 1, number + 101)
        rows["offset_ns"], rows["offset_err_ns"] = (-2_500_000, 0), (40_000, 0)
        for _ in range(100):
            lib.aats_hist_record(segment.md.hists + int(MdHist.WIRE_A), 150_000)
        me.ready()
        yield me


def test_receiver_is_told_from_a_feed(feed: control.Member, receiver: control.Member) -> None:
    assert {one.name: one.received for one in control.find_feeds()} == {"binance": False, "rx": True}


def test_net_shows_what_feeds_send_and_what_became_of_every_record(
    feed: control.Member, receiver: control.Member, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aats_main(["net", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (sends,), (receives,) = said["feeds"], said["receivers"]
    assert {key: sends[key] for key in ("name", "send_type", "address", "records", "datagrams", "errors")} == {
        "name": "binance", "send_type": "multibroad", "address": "239.1.2.3:15004", "records": 100, "datagrams": 60, "errors": 2,
    }  # fmt: skip
    assert sends["fan"] == {one.name.lower(): 1000 + int(one) for one in FanCounter}
    a, b = receives["paths"]
    assert (receives["name"], receives["state"], receives["stale"]) == ("rx", "RUN", False)
    assert (a["kind"], a["state"], a["source"], a["feed_id"], b["kind"], b["state"]) == (
        "multibroad",
        "live",
        "192.0.2.1:40123",
        "0000000000000abc",
        "p2p",
        "silent",
    )
    assert [one["lost"] for one in (a, b)] == [1, 101] and [one["kernel_drops"] for one in (a, b)] == [8, 108]
    assert (a["win_rate"], b["win_rate"]) == (0.75, 0.25)
    assert a["heard_ms"] < 60_000 and b["heard_ms"] is None
    assert a["delay"]["count"] == 100 and 148_000 < a["delay"]["p50"] < 152_000 and b["delay"]["count"] == 0

    assert aats_main(["net"]) == 0
    shown = capsys.readouterr().out
    for piece in ("multibroad 239.1.2.3:15004", "p2p 192.0.2.9:15004", "75.0%", "25.0%", "-2.5 ms +-40 us", "not measured", "1004"):
        assert piece in shown, shown


def test_receiver_whose_feed_is_silent_is_shown_as_stale(receiver: control.Member) -> None:
    receiver.slot.heartbeat_mono_ns = time.monotonic_ns() - 2_000_000_000
    (row,) = net.network()["receivers"]
    assert row["stale"] and row["heartbeat_ms"] >= 2000


def test_feed_that_only_writes_shared_memory_is_no_part_of_the_network(home: object, namespace: str) -> None:
    with control.join(Role.FEED, "quiet", detail="BINANCE sim wss://x:1: BTCUSDT.BINANCE") as me:
        me.create_md(venue="BINANCE")
        me.ready()
        assert net.network() == {"feeds": [], "receivers": []}


def test_inspector_shows_fan_out_and_paths(feed: control.Member, receiver: control.Member, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspector.main(["dump", "md.rx", "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)["paths"]
    assert [(one["kind"], one["lost"], one["state"]) for one in paths] == [("multibroad", 1, "live"), ("p2p", 101, "silent")]
    assert inspector.main(["dump", "md.binance", "--json"]) == 0
    dumped = json.loads(capsys.readouterr().out)
    assert dumped["paths"] == [] and dumped["fan"]["slow"] == 1000 + int(FanCounter.SLOW)
    assert inspector.main(["check", "md.rx"]) == 0


def test_damaged_words_of_a_path_are_shown_and_never_an_error(receiver: control.Member) -> None:
    segment = control.find_feeds(name="rx")[0].attach(writable=True)
    rows = segment.array(MD, MD_OFFSET)[0]["paths"]
    rows["kind"], rows["state"], rows["source"] = (99, 2**63), (77, 2**64 - 1), (b"\xff" * 64, b"")
    segment.md.md.path_cnt = 2**40
    paths = net.network()["receivers"][0]["paths"]
    assert [one["kind"] for one in paths] == ["", ""] and paths[0]["state"] == "searching"
