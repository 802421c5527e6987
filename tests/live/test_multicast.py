"""The same records by UDP multicast: each as it stands in the ring, in order, one a datagram; other send types are refused with a sentence."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aats import MarketService, NetWorkType, shm
from aats.errors import ConfigError, LayoutMismatch
from aats.layout import LAYOUT_HASH, RecKind, dtype_of, rec_dtype
from tests.live.looks import eventually, free_port, tool
from tests.live.procs import FeedProc, Sim

GROUP = "239.255.77.1"
MAGIC, VERSION = 0x57544141, 1
WIRE = dtype_of("aats_wire_t")


class Receiver:
    """The least that a receiver has to do: join the group on the card, check the head, count what is missing."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((GROUP, port))
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1"))
        self.sock.setblocking(False)
        self.records: list[Any] = []
        self.heads: list[Any] = []

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def take(self) -> int:
        """Take what waits; return how many records there are by now."""
        while True:
            try:
                datagram = self.sock.recv(65536)
            except BlockingIOError:
                return len(self.records)
            self.read(datagram)

    def read(self, datagram: bytes) -> None:
        """Check one datagram and keep its record.

        Raises
        ------
        LayoutMismatch
            It is of another version or layout.
        """
        if len(datagram) < WIRE.itemsize:
            raise ValueError(f"{len(datagram)} bytes are no datagram of aats")
        head = np.frombuffer(datagram, WIRE, 1)[0]
        if int(head["magic"]) != MAGIC:
            raise ValueError(f"magic {int(head['magic']):x} is not of aats")
        if int(head["version"]) != VERSION:
            raise LayoutMismatch(
                f"the sender speaks version {int(head['version'])} of the wire, this receiver {VERSION}",
                ours=VERSION,
                theirs=int(head["version"]),
            )
        if int(head["layout_hash"]) != LAYOUT_HASH:
            theirs = int(head["layout_hash"])
            raise LayoutMismatch(f"the sender has layout {theirs:016x}, this receiver {LAYOUT_HASH:016x}", ours=LAYOUT_HASH, theirs=theirs)
        assert int(head["payload_sz"]) == len(datagram) - WIRE.itemsize and (int(head["part"]), int(head["parts"])) == (0, 1)
        cap = int(head["rec_cap"])
        dtype = rec_dtype(cap, 256 if cap == 5 else 768)
        raw = datagram[WIRE.itemsize :].ljust(dtype.itemsize, b"\0")
        self.heads.append(head)
        self.records.append(np.frombuffer(raw, dtype, 1)[0])


def plain(rec: Any) -> tuple[Any, ...]:
    """Return a record as plain values, with the levels that count."""
    head = rec["r"]
    sides = [
        [tuple(level.tolist()) for level in rec[side][: int(head[count])]] for side, count in (("bids", "bid_len"), ("asks", "ask_len"))
    ]
    return (*(head[name].item() for name in head.dtype.names), *sides)


@pytest.mark.parametrize("levels", [5, 20])
def test_datagrams_are_the_records_of_the_ring_in_its_order(levels: int) -> None:
    port = free_port(socket.SOCK_DGRAM)
    net = {"send_type": "multibroad", "ip": GROUP, "port": port, "netcard": "lo"}
    with (
        Receiver(port) as receiver,
        Sim("--symbols", "BTCUSDT,ETHUSDT", "--rate", "15") as sim,
        FeedProc(sim, [f"BTCUSDT:{levels}", "ETHUSDT"], net=net, open_l2=True) as feed,
    ):
        eventually(lambda: receiver.take() >= 300, why=lambda: f"{len(receiver.records)} records: {feed.counters()}")
        feed.pause()
        time.sleep(0.2)
        receiver.take()
        feed.resume()
        count = len(receiver.records)
        ring = {int(one["r"]["rec"]): one for one in shm.records(feed.segment(), 8192)}

        numbers = [int(one["r"]["rec"]) for one in receiver.records]
        assert numbers == list(range(numbers[0], numbers[0] + count)), "out of order, or some are missing"
        assert [int(head["seq"]) for head in receiver.heads] == list(range(1, count + 1))
        for one in receiver.records:
            number = int(one["r"]["rec"])
            assert plain(one) == plain(ring[number])
        assert {RecKind(int(one["r"]["kind"])) for one in receiver.records} >= {RecKind.QUOTE, RecKind.TICK, RecKind.BBO, RecKind.L2}
        assert {int(head["generation"]) for head in receiver.heads} == {feed.entry.generation}
        assert len({int(head["feed_id"]) for head in receiver.heads}) == 1
        assert feed.entry.port == port
        assert feed.counters()["net_errors"] == 0


def test_datagram_of_another_layout_or_version_is_named_and_not_read() -> None:
    with Receiver(free_port(socket.SOCK_DGRAM)) as receiver:
        head = np.zeros(1, WIRE)
        head["magic"], head["version"], head["layout_hash"], head["parts"] = MAGIC, VERSION, LAYOUT_HASH ^ 1, 1
        with pytest.raises(LayoutMismatch, match=f"{LAYOUT_HASH ^ 1:016x}.*{LAYOUT_HASH:016x}"):
            receiver.read(head.tobytes())
        head["version"] = VERSION + 1
        with pytest.raises(LayoutMismatch, match="version 2"):
            receiver.read(head.tobytes())
        with pytest.raises(ValueError, match="no datagram"):
            receiver.read(b"AATW")
        with pytest.raises(ValueError, match="not of aats"):
            receiver.read(struct.pack("<16Q", *range(16)))
        assert receiver.records == []


@pytest.mark.parametrize("kind", [NetWorkType.P2P, NetWorkType.BROADCAST])
def test_other_send_types_are_refused_with_a_sentence(kind: NetWorkType, tmp_path: Path) -> None:
    service = MarketService({1001: "BTCUSDT.BINANCE"})
    with pytest.raises(ConfigError, match=f"{kind.name}.*not available yet.*MULTIBROAD"):
        service.set_network_cfg("255.255.255.255", 15004, kind)
    file = tmp_path / "feed.toml"
    file.write_text(f'[feed]\nname = "a"\nvenue = "BINANCE"\nsymbols = ["BTCUSDT"]\n[net]\nsend_type = "{kind.name.lower()}"\n')
    done = tool("feed", str(file))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"'{kind.name.lower()}' is not available yet" in done.stderr


@pytest.mark.parametrize(
    ("ip", "port", "card", "says"),
    [
        ("10.1.2.3", 15004, "lo", "224.0.0.0 to 239.255.255.255"),
        ("not an address", 15004, "lo", "224.0.0.0 to 239.255.255.255"),
        (GROUP, 0, "lo", "1 to 65535"),
        (GROUP, 70000, "lo", "1 to 65535"),
        (GROUP, 15004, "nosuchcard0", "there are .*lo"),
    ],
)
def test_impossible_network_is_refused_with_its_rule(ip: str, port: int, card: str, says: str) -> None:
    service = MarketService({1001: "BTCUSDT.BINANCE"})
    with pytest.raises(ConfigError, match=says):
        service.set_network_cfg(ip, port, NetWorkType.MULTIBROAD, card)
