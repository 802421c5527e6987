"""The same records by UDP multicast: packed, batched, numbered as in the ring, with beats between them; addresses of each kind are checked.

The receiver here is written from the offset table of docs/layout.md alone, not with the product's own: what a stranger would write.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import numpy as np
import pytest

from aats import MarketService, NetWorkType, shm
from aats.errors import ConfigError, LayoutMismatch
from aats.layout import LAYOUT_HASH, Mode, RecKind, State, dtype_of
from tests.live.looks import eventually, free_port
from tests.live.procs import FeedProc, Sim

GROUP = "239.255.77.1"
MAGIC, VERSION = 0x57544141, 2
RECORDS, BEAT, DIR = 1, 2, 3
LARGEST = 1472  # of a datagram that Ethernet does not cut
WIRE, BEATEN, ENTRY = dtype_of("aats_wire_t"), dtype_of("aats_wire_beat_t"), dtype_of("aats_wire_dir_t")
REC, LEVEL = dtype_of("aats_rec_t"), dtype_of("aats_level_t")


class Receiver:
    """The least that a receiver has to do: join the group on the card, check the head, unpack, count what is missing."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((GROUP, port))
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1"))
        self.sock.setblocking(False)
        self.records: list[tuple[Any, Any, Any]] = []
        self.heads: list[Any] = []
        self.beats: list[tuple[Any, Any, int]] = []
        self.directory: dict[int, Any] = {}
        self.largest = 0

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
        """Check one datagram and keep what is in it.

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
        self.largest = max(self.largest, len(datagram))
        payload, cnt = datagram[WIRE.itemsize :], int(head["cnt"])
        if int(head["kind"]) == BEAT:
            self.beats.append((head, np.frombuffer(payload, BEATEN, 1)[0], len(self.records)))
        elif int(head["kind"]) == DIR:
            self.directory.update({int(one["index"]): one["dir"] for one in np.frombuffer(payload, ENTRY, cnt)})
        elif int(head["kind"]) == RECORDS and int(head["stream"]) == 0:
            self.heads.append(head)
            self.unpack(payload, cnt)

    def unpack(self, payload: bytes, cnt: int) -> None:
        at = 0
        for _ in range(cnt):
            rec = np.frombuffer(payload, REC, 1, at)[0]
            at += REC.itemsize
            sides = []
            for length in (int(rec["bid_len"]), int(rec["ask_len"])):
                sides.append(np.frombuffer(payload, LEVEL, length, at))
                at += length * LEVEL.itemsize
            self.records.append((rec, *sides))
        assert at == len(payload), "bytes behind the last record"


def plain(rec: Any, bids: Any, asks: Any) -> tuple[Any, ...]:
    """Return a record as plain values, with the levels that count; the stamp is the ring's own and does not travel."""
    fields = {name: rec[name].item() for name in rec.dtype.names if name != "stamp"}
    return (*fields.values(), [level.tolist() for level in bids], [level.tolist() for level in asks])


@pytest.mark.parametrize("levels", [5, 20])
def test_datagrams_hold_the_records_of_the_ring_in_its_order_by_its_numbers(levels: int) -> None:
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

        numbers = [int(rec["rec"]) for rec, _, _ in receiver.records]
        assert numbers == list(range(count)), "out of order, or some are missing"
        first = 0
        for head in receiver.heads:
            assert int(head["seq"]) == first
            first += int(head["cnt"])
        assert first == count
        for rec, bids, asks in receiver.records:
            there = ring[int(rec["rec"])]
            assert int(rec["stamp"]) == 0
            assert plain(rec, bids, asks) == plain(there["r"], there["bids"][: int(rec["bid_len"])], there["asks"][: int(rec["ask_len"])])
        assert {RecKind(int(rec["kind"])) for rec, _, _ in receiver.records} >= {RecKind.QUOTE, RecKind.TICK, RecKind.BBO, RecKind.L2}
        assert max(int(head["cnt"]) for head in receiver.heads) > 1, "one venue message makes several records: they share a datagram"
        assert receiver.largest <= LARGEST
        assert {int(head["generation"]) for head in receiver.heads} == {feed.entry.generation}
        assert len({int(head["feed_id"]) for head in receiver.heads}) == 1
        assert feed.entry.port == port
        assert feed.counters()["net_errors"] == 0


def test_beats_tell_who_sends_what_was_sent_before_and_which_symbols_there_are() -> None:
    port = free_port(socket.SOCK_DGRAM)
    net = {"send_type": "multibroad", "ip": GROUP, "port": port, "netcard": "lo"}
    with (
        Receiver(port) as receiver,
        Sim("--symbols", "BTCUSDT,ETHUSDT", "--rate", "1") as sim,
        FeedProc(sim, ["BTCUSDT:20", "ETHUSDT"], name="quiet", net=net) as feed,
    ):
        feed.wait_live()
        receiver.take()
        begin = len(receiver.beats)
        eventually(lambda: receiver.take() >= 0 and len(receiver.beats) >= begin + 10, why=lambda: f"{len(receiver.beats)} beats")
        for head, _, records in receiver.beats:
            assert int(head["seq"]) == records, "a beat says how many records were sent before it"
        _, beat, _ = receiver.beats[-1]
        assert (beat["name"].decode(), beat["venue"].decode(), int(beat["mode"])) == ("quiet", "BINANCE", Mode.SIM)
        assert (int(beat["level_max"]), int(beat["ring_levels"]), int(beat["dir_cnt"]), int(beat["state"])) == (20, 20, 2, State.RUN)
        assert int(beat["stale_ns"]) == 500_000_000 and int(beat["links"][0]["up"]) == 1
        eventually(lambda: receiver.take() >= 0 and len(receiver.directory) == 2, why=lambda: receiver.directory)
        told = {one["symbol"].decode(): int(one["level_num"]) for one in receiver.directory.values()}
        assert told == {"BTCUSDT.BINANCE": 20, "ETHUSDT.BINANCE": 5}


def test_datagram_of_another_layout_or_version_is_named_and_not_read() -> None:
    with Receiver(free_port(socket.SOCK_DGRAM)) as receiver:
        head = np.zeros(1, WIRE)
        head["magic"], head["version"], head["layout_hash"], head["parts"] = MAGIC, VERSION, LAYOUT_HASH ^ 1, 1
        with pytest.raises(LayoutMismatch, match=f"{LAYOUT_HASH ^ 1:016x}.*{LAYOUT_HASH:016x}"):
            receiver.read(head.tobytes())
        head["version"] = VERSION + 1
        with pytest.raises(LayoutMismatch, match="version 3"):
            receiver.read(head.tobytes())
        with pytest.raises(ValueError, match="no datagram"):
            receiver.read(b"AATW")
        with pytest.raises(ValueError, match="not of aats"):
            receiver.read(struct.pack("<16Q", *range(16)))
        assert receiver.records == []


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
