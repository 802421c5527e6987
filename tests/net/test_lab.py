"""The lab itself: what it says was lost was lost, the same seed gives the same fates, and the kernel's multicast, broadcast and TCP pass through it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.live.looks import READY_S, eventually, free_port, line_of
from tests.net.lab import CARD, Host, Lab, Resent, can_namespace, why_no_namespace
from tests.net.medium import MS, Faults, Medium

SENT = 400
GROUP = "239.77.0.5"
LISTEN = """
import socket, struct, sys
group, card, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
if group:
    one.bind((group, port))
    one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + struct.pack("=4si", bytes(4), socket.if_nametoindex(card)))
else:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode() + b"\\0")
    one.bind(("", port))
print("ready", flush=True)
came = []
while not came or came[-1] != b"end":
    came.append(one.recv(2000))
print(len([one for one in came if one != b"end"]), len(set(came) - {b"end"}), came != sorted(came, key=lambda one: (one == b"end", one)))
"""
SEND = """
import socket, sys, time
to, card, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode() + b"\\0")
for number in range(count):
    one.sendto(b"%06d" % number, (to, port))
    time.sleep(0.001)
time.sleep(0.5)
for _ in range(60):  # one of them comes through
    one.sendto(b"end", (to, port))
    time.sleep(0.01)
"""
SERVE = """
import socket
one = socket.create_server(("0.0.0.0", 6000))
print("ready", flush=True)
peer, where = one.accept()
got = b""
while piece := peer.recv(65536):
    got += piece
print(len(got), where[0])
"""
CALL = "import socket, sys; one = socket.create_connection((sys.argv[1], 6000), 20); one.sendall(bytes(300_000)); one.close()"


def fates(seed: int, **faults: Any) -> list[tuple[int, bytes]]:
    medium = Medium(2, Faults(**faults), seed)
    came = []
    for number in range(500):
        for to in range(2):
            medium.put(to, b"%03d" % number, number * MS, udp=True)
        came += medium.due(number * MS)
    return came + list(medium.due(10_000 * MS))


def test_the_same_seed_gives_the_same_fates_and_another_one_others() -> None:
    bad = {"loss": 0.1, "delay_ms": 2, "jitter_ms": 2, "reorder": 0.1, "dup": 0.1}
    assert fates(1, **bad) == fates(1, **bad) != fates(2, **bad)


def test_a_good_medium_changes_nothing() -> None:
    assert fates(1) == [(to, b"%03d" % number) for number in range(500) for to in range(2)]
    assert fates(1, delay_ms=3, jitter_ms=5) != fates(1)  # later, and of one receiver still in order
    for to in range(2):
        of_one = [frame for way, frame in fates(1, delay_ms=3, jitter_ms=5) if way == to]
        assert of_one == sorted(of_one)


def test_every_frame_is_counted_once() -> None:
    medium = Medium(1, Faults(loss=0.2, reorder=0.1, dup=0.1), 3)
    for number in range(1000):
        medium.put(0, b"%03d" % number, number, udp=number % 2 == 0, head=b"%03d" % number)
    delivered = list(medium.due(1 << 62))
    counts = medium.report()[0]
    assert (counts["udp"], counts["other"]) == (500, 500)
    assert counts["delivered"] == len(delivered) == 1000 - counts["dropped"] + counts["duplicated"]
    assert 50 < counts["dropped"] == len(medium.ways[0].lost) < 150, "TCP is spared unless it is asked for"
    assert counts["overtaken"] > 0


@pytest.fixture
def hosts() -> None:
    if not can_namespace():
        pytest.skip(f"no network namespaces here: {why_no_namespace()}")


def listen(where: Host, group: str, port: int) -> subprocess.Popen[Any]:
    process = where.popen([sys.executable, "-c", LISTEN, group, CARD, str(port)], stdout=subprocess.PIPE)
    assert process.stdout is not None and line_of(process.stdout.fileno()) == b"ready\n"
    return process


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize(
    ("group", "to"),
    [(GROUP, GROUP), ("", "255.255.255.255"), ("", "10.77.0.255")],
    ids=["multicast", "broadcast", "directed"],
)
def test_what_a_receiver_gets_is_what_the_relay_delivered(group: str, to: str) -> None:
    with Lab(3, loss=0.1, delay_ms=1, jitter_ms=2, reorder=0.05, dup=0.05, seed=4) as lab:
        receivers = [listen(lab.host(number), group, 5000) for number in (1, 2)]
        start = lab.counts()
        done = lab.host(0).run([sys.executable, "-c", SEND, to, CARD, "5000", str(SENT)])
        assert done.returncode == 0, done.stderr
        for number, receiver in enumerate(receivers, 1):
            assert receiver.stdout is not None
            came, different, disorder = receiver.communicate(timeout=READY_S)[0].split()
            counts = lab.counts()[number]
            lost = [one for one in lab.lost(number) if one.isdigit()]
            assert int(different) == SENT - len(lost) < SENT
            assert int(came) >= int(different) and disorder == b"True"
            assert counts["udp"] - start[number]["udp"] == SENT + 60 and counts["refused"] == counts["unseen"] == 0


@pytest.mark.usefixtures("hosts")
@pytest.mark.parametrize("only", ["udp", "all"])
def test_a_stream_arrives_whole_whatever_is_lost(only: str) -> None:
    with Lab(2, loss=0.05, delay_ms=1, jitter_ms=1, only=only, seed=6) as lab:
        server = lab.host(0).popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE)
        assert server.stdout is not None and line_of(server.stdout.fileno()) == b"ready\n"
        done = lab.host(1).run([sys.executable, "-c", CALL, lab.host(0).ip])
        assert done.returncode == 0, done.stderr
        assert server.communicate(timeout=READY_S)[0].split() == [b"300000", lab.host(1).ip.encode()]
        assert (lab.counts()[0]["dropped"] > 0) == (only == "all")


@pytest.mark.usefixtures("hosts")
def test_a_host_without_its_cable_hears_nothing_until_it_has_it_again() -> None:
    reach = "import socket, sys; socket.create_connection((sys.argv[1], 6000), 2)"
    with Lab(2) as lab:
        server = lab.host(0).popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE)
        assert server.stdout is not None and line_of(server.stdout.fileno()) == b"ready\n"
        lab.plug(0, False)
        assert b"timed out" in lab.host(1).run([sys.executable, "-c", reach, lab.host(0).ip]).stderr.encode()
        assert lab.counts()[0]["cut"] > 0
        lab.plug(0)
        eventually(
            lambda: lab.host(1).run([sys.executable, "-c", reach, lab.host(0).ip]).returncode == 0, why="no way there"
        )  # ARP takes a while
        assert server.wait(READY_S) == 0


@pytest.mark.usefixtures("hosts")
def test_hosts_see_their_own_cards_and_names() -> None:
    look = "import os, socket; print([name for _, name in socket.if_nameindex()], os.environ['AATS_NS'], os.environ['AATS_HOME'])"
    with Lab(2) as lab:
        said = []
        for number in range(2):
            with lab.host(number) as host, lab.host(number):
                said.append(subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split("] "))
                assert said[-1][1].split() == [host.ns, str(host.home)]
        assert said[0][0] == said[1][0] == "['lo', 'eth0'"
        assert said[0][1] != said[1][1]


def test_where_there_are_no_hosts_a_relay_gives_each_receiver_a_group_of_its_own() -> None:
    come, go = ("239.255.77.20", free_port()), ("239.255.77.21", free_port())
    with Resent(come, go, loss=0.1, dup=0.05, seed=8) as relay:
        receiver = subprocess.Popen([sys.executable, "-c", LISTEN, go[0], "lo", str(go[1])], stdout=subprocess.PIPE)
        assert receiver.stdout is not None and line_of(receiver.stdout.fileno()) == b"ready\n"
        done = subprocess.run([sys.executable, "-c", SEND, come[0], "lo", str(come[1]), str(SENT)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        came, different, _ = receiver.communicate(timeout=READY_S)[0].split()
        lost = [one for one in relay.lost() if one.isdigit()]
        assert int(different) == SENT - len(lost) < SENT
        assert int(came) > int(different) and relay.counts()["udp"] == SENT + 60
