"""Where a feed may listen and whom it serves: the network part of a feed, with the fan-out's own sockets and a segment of the test's own.

Refusals first.  What goes over the wire is checked in ``tests/c/test_fan*.c``; whole feeds and receivers are in ``tests/live``.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from aats import config, control, control_address, token
from aats._ffi import ffi, lib
from aats.errors import ConfigError
from aats.feed_net import FeedNet
from aats.layout import FanCounter, Mode, Role

HEAD = struct.Struct("<IHHQQQqQIHHHHI")
GROUP = {"send_type": "multibroad", "ip": "239.77.0.1", "netcard": "lo"}


@pytest.fixture
def member(namespace: str) -> Iterator[control.Member]:
    """Give a feed's slot and segment, without a feed."""
    one = control.join(Role.FEED, "test", mode=Mode.SIM)
    one.md = one.create_md(ring_depth=64, level_max=5, dir_cap=4, mode=Mode.SIM, venue="BINANCE")  # type: ignore[attr-defined]
    yield one
    del one.md  # type: ignore[attr-defined]
    one.leave()


def feed_of(**net: Any) -> config.FeedConfig:
    feed = {"name": "test", "venue": "BINANCE", "mode": "sim", "symbols": ["BTCUSDT"]}
    return config.feed_config({"feed": feed, "net": net})


@contextlib.contextmanager
def opened(member: Any, **net: Any) -> Iterator[FeedNet]:
    made = FeedNet(feed_of(**net), member.md, member.slot)
    try:
        made.start()
        yield made
    finally:
        made.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def kinds_of(stream: bytes) -> list[int]:
    """Return the kinds of the messages of a stream, which must be whole."""
    kinds, at = [], 0
    while at < len(stream):
        head = HEAD.unpack_from(stream, at)
        kinds.append(head[2])
        at += HEAD.size + head[8]
    assert at == len(stream)
    return kinds


def talk(port: int, hello: bytes, ends: Any) -> bytes:
    """Connect, say hello, and read until `ends` or the other side has had enough."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(hello)
        while not ends(got):
            more = peer.recv(65536)
            if not more:
                break
            got += more
    return got


def hello(value: str = "", flags: int = 1) -> bytes:
    return struct.pack("<IHHQ16s", lib.AATS_HELLO_MAGIC, lib.AATS_WIRE_VERSION, flags, lib.aats_seg_layout_hash(), token.proof(value))


# ------------------------------------------------------------------------------------------------------- refusals


@pytest.fixture
def beyond(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give an address of this host that is not loopback."""
    for found in control_address.own_addresses().values():
        for one in found:
            if ":" not in one and not one.startswith("127."):
                return one
    pytest.skip("this host has no address but loopback's")


def test_listening_beyond_loopback_without_a_token_is_refused(member: Any, beyond: str) -> None:
    for ip in (beyond, "0.0.0.0"):
        with pytest.raises(ConfigError, match="aats token --new"):
            FeedNet(feed_of(send_type="p2p", ip=ip, port=free_port()), member.md, member.slot)
    with pytest.raises(ConfigError, match="aats token --new"):
        FeedNet(feed_of(**{**GROUP, "repair_ip": beyond}, port=free_port()), member.md, member.slot)


def test_datagrams_beyond_loopback_without_a_token_go_out_and_nobody_listens(
    member: Any, beyond: str, caplog: pytest.LogCaptureFixture
) -> None:
    card = next(card for card, addresses in control_address.own_addresses().items() if beyond in addresses)
    with opened(member, **{**GROUP, "netcard": card}, port=free_port()) as made:
        outside = ffi.new("aats_host_opts_t *")
        made.tell(outside)
        assert (made.port, outside.repair_port, outside.net_port) == (0, 0, made.net.port)
        assert made.about == f" -> multibroad {made.net.ip}:{made.net.port}"
    assert "aats token --new" in caplog.text


def test_published_client_beyond_loopback_is_refused_unless_it_is_allowed(
    member: Any, beyond: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AATS_TOKEN", "0123456789abcdef0123")
    net = {"send_type": "p2p", "ip": beyond, "port": free_port(), "compat": {"BTCUSDT": {"cid": 1, "level": 5}}}
    with pytest.raises(ConfigError, match="compat-insecure"):
        FeedNet(feed_of(**net), member.md, member.slot)
    monkeypatch.setenv("AATS_COMPAT_INSECURE", "1")
    with opened(member, **net) as made:
        assert made.port == net["port"]


def test_port_that_is_taken_is_refused_with_p2p(member: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="in use"):
        FeedNet(feed_of(send_type="p2p", ip="127.0.0.1", port=taken.getsockname()[1]), member.md, member.slot)


def test_subscriber_without_the_token_is_told_so_and_one_with_it_is_served(member: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AATS_TOKEN", "0123456789abcdef0123")
    with opened(member, send_type="p2p", ip="127.0.0.1", port=free_port()) as made:
        refused = talk(made.port, hello("another token, longer"), lambda got: False)
        assert kinds_of(refused) == [lib.AATS_WIRE_BYE] and b"token" in refused
        served = talk(made.port, hello("0123456789abcdef0123"), lambda got: len(got) >= HEAD.size)
        assert HEAD.unpack_from(served)[2] == lib.AATS_WIRE_SNAP
    assert int(member.md.md.md.fan[FanCounter.REFUSED]) == 1


# ------------------------------------------------------------------------------------------------------ what is served


def test_subscriber_gets_a_snapshot_then_beats_and_at_the_end_a_bye(member: Any) -> None:
    with opened(member, send_type="p2p", ip="localhost", port=free_port()) as made:
        assert made.about == f" -> p2p 127.0.0.1:{made.port}"
        with socket.create_connection(("127.0.0.1", made.port), timeout=10) as peer:
            peer.sendall(hello())
            got = b""
            while got.count(b"BINANCE") < 3:  # a beat in the snapshot, and two that followed
                got += peer.recv(65536)
            made.close()
            while more := peer.recv(65536):
                got += more
    kinds = kinds_of(got)
    assert kinds[0] == lib.AATS_WIRE_SNAP and lib.AATS_WIRE_SNAP_END in kinds
    assert kinds.count(lib.AATS_WIRE_BEAT) >= 3 and kinds[-1] == lib.AATS_WIRE_BYE


def test_datagrams_have_a_repair_port_of_their_own_where_theirs_is_taken(member: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "aats.feed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        with opened(member, **GROUP, port=port) as made:
            assert made.port not in (0, port)
            assert made.about == f" -> multibroad 239.77.0.1:{port}, repair 127.0.0.1:{made.port}"
            assert f"port {port} of 127.0.0.1 is taken" in caplog.text
            outside = ffi.new("aats_host_opts_t *")
            made.tell(outside)
            assert (ffi.string(outside.repair_ip), outside.repair_port) == (b"127.0.0.1", made.port)
            assert (ffi.string(outside.net_addr), outside.net_port) == (b"239.77.0.1", port)
    caplog.clear()
    with opened(member, **GROUP, port=port) as made:
        assert made.port == port and made.about == f" -> multibroad 239.77.0.1:{port}"
    assert caplog.text == ""


def test_feed_that_sends_datagrams_to_the_published_client_sends_no_others(member: Any) -> None:
    with opened(member, **GROUP, port=free_port(), compat={"BTCUSDT": {"cid": 1, "level": 300}}) as made:
        outside = ffi.new("aats_host_opts_t *")
        made.tell(outside)
        assert ffi.string(outside.net_addr) == b"" and made.port == 0


def test_closing_twice_is_harmless(member: Any) -> None:
    with opened(member, send_type="p2p", ip="127.0.0.1", port=free_port()) as made:
        made.close()
        made.close()
