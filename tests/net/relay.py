"""A network between hosts in one process: the frames of all cards pass through here, and a seed decides what becomes of each.

For: ``tests/net/lab.py``, which starts it as a program of its own, reads its answers and ends it.  The fates are in ``medium.py``.

    lab     one network namespace a host, a TAP card `eth0` in each (10.77.0.1, .2, ...), and a switch between them; needs the right to make namespaces
    udp     without it: the datagrams of one multicast group on lo, sent again to another group by way of the medium; one relay a receiver, datagrams only

Talk: one JSON object a line.  First line out: ``{"ready": true, ...}``.  In: ``{"do": "counts"}``, ``{"do": "faults", "loss": 0.05, ...}``,
``{"do": "plug", "host": 1, "in": false}``, ``{"do": "lost", "host": 1}``; each is answered by one line.  End of input ends it, and the namespaces with it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # a program of its own
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.net.medium import Faults, Medium

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFBRDADDR, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFTXQLEN, SIOCSIFHWADDR = (
    *(0x8916, 0x891C, 0x891A),
    *(0x8913, 0x8914, 0x8943, 0x8924),
)
IFF_UP = 1
PR_SET_PDEATHSIG, SIGKILL = 1, 9
NET = "10.77.0"
CARD = "eth0"
QUEUE = 10_000  # frames that a card may have waiting for the relay
BURST = 64  # frames taken from one card before the next one's turn
ETH_IP, IP_UDP = b"\x08\x00", 17
HEAD = 64  # bytes kept of a dropped datagram: the head of a message of ours

libc = ctypes.CDLL(None, use_errno=True)


def unshare(what: int) -> None:
    """Leave a namespace for a new one.

    Raises
    ------
    OSError
        It is not allowed here.
    """
    if libc.unshare(what) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")


def own_namespaces() -> str:
    """Make the right to have network namespaces; return how: ``root`` or ``user``."""
    if os.geteuid() == 0:
        try:
            unshare(CLONE_NEWNET)
            return "root"
        except OSError:
            pass  # root of a container that may not; it may have users of its own
    uid, gid = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    unshare(CLONE_NEWNET)
    return "user"


# ---------------------------------------------------------------------------------------------------------- cards


def _request(sock: socket.socket, what: int, card: str, told: bytes = b"") -> bytes:
    return fcntl.ioctl(sock, what, struct.pack("16s24s", card.encode(), told))


def _address(text: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))


def _up(sock: socket.socket, card: str) -> None:
    flags = struct.unpack_from("=H", _request(sock, SIOCGIFFLAGS, card), 16)[0]
    _request(sock, SIOCSIFFLAGS, card, struct.pack("=H", flags | IFF_UP))


def make_host(number: int) -> tuple[int, int]:
    """Make a namespace with lo and a card; this thread stays in it.  Return its descriptor and the card's."""
    unshare(CLONE_NEWNET)
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    card = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(card, TUNSETIFF, struct.pack("16sH22x", CARD.encode(), IFF_TAP | IFF_NO_PI))
    Path(f"/proc/sys/net/ipv6/conf/{CARD}/disable_ipv6").write_text("1")  # nobody asked for its chatter
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _request(sock, SIOCSIFHWADDR, CARD, struct.pack("=H6B", 1, 2, 0, 10, 77, 0, number + 1))
        _request(sock, SIOCSIFADDR, CARD, _address(f"{NET}.{number + 1}"))
        _request(sock, SIOCSIFNETMASK, CARD, _address("255.255.255.0"))
        _request(sock, SIOCSIFBRDADDR, CARD, _address(f"{NET}.255"))
        with contextlib.suppress(
            PermissionError
        ):  # the kernel asks for root itself here; without it 500 frames wait, and what is lost is counted as unseen
            _request(sock, SIOCSIFTXQLEN, CARD, struct.pack("=i", QUEUE))
        _up(sock, CARD)
        _up(sock, "lo")
    return here, card


def unseen(namespace: int) -> int:
    """Return the frames that a card has thrown away because the relay did not come for them."""
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    for line in Path("/proc/thread-self/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == CARD:
            return int(numbers.split()[11])
    raise ValueError(f"no card {CARD}")


# ------------------------------------------------------------------------------------------------------- relays


class Relay:
    """What both kinds share: the talk and the clock."""

    medium: Medium

    def __init__(self) -> None:
        self.poll = select.poll()
        self.poll.register(0, select.POLLIN | select.POLLHUP)
        self._rest = b""

    def more(self) -> dict[str, Any]:
        """Return what only this kind can tell, for ``counts``."""
        return {}

    def deliver(self, to: int, frame: bytes) -> bool:
        """Hand a frame over; False if it was not taken."""
        raise NotImplementedError

    def readable(self, fd: int, now_ns: int) -> None:
        """Take what a card or socket has."""
        raise NotImplementedError

    def run(self) -> None:
        """Relay until the end of input."""
        while True:
            next_ns = self.medium.next_ns()
            wait_ms = None if next_ns is None else -(min(0, time.monotonic_ns() - next_ns) // 1_000_000)
            for fd, _ in self.poll.poll(wait_ms):
                if fd != 0:
                    self.readable(fd, time.monotonic_ns())
                elif not self._listen():
                    return
            for to, frame in self.medium.due(time.monotonic_ns()):
                if not self.deliver(to, frame):
                    self.medium.refused(to)

    def _listen(self) -> bool:
        piece = os.read(0, 65536)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            say(self._obey(json.loads(line)))
        return bool(piece)

    def _obey(self, told: dict[str, Any]) -> Any:
        what = told.pop("do")
        if what == "counts":
            return {"ways": self.medium.report(), **self.more()}
        if what == "faults":
            self.medium.faults = replace(self.medium.faults, **told)
        elif what == "plug":
            self.medium.ways[told["host"]].plugged = told["in"]
        elif what == "lost":
            return [one.hex() for one in self.medium.ways[told["host"]].lost]
        return {"done": what}


class Switch(Relay):
    """A switch with one card a host; learns nothing, because the cards' addresses name the hosts."""

    def __init__(self, hosts: int, faults: Faults, seed: int) -> None:
        super().__init__()
        self.right = own_namespaces()
        self.medium = Medium(hosts, faults, seed)
        made = [make_host(number) for number in range(hosts)]
        self.namespaces = [namespace for namespace, _ in made]
        self.cards = [card for _, card in made]
        self._number = {card: number for number, card in enumerate(self.cards)}
        for card in self.cards:
            self.poll.register(card, select.POLLIN)

    def more(self) -> dict[str, Any]:
        return {"unseen": [unseen(namespace) for namespace in self.namespaces]}

    def deliver(self, to: int, frame: bytes) -> bool:
        try:
            return os.write(self.cards[to], frame) == len(frame)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENOBUFS, errno.EIO):
                return False
            raise

    def readable(self, fd: int, now_ns: int) -> None:
        came_from = self._number[fd]
        for _ in range(BURST):
            try:
                frame = os.read(fd, 65536)
            except BlockingIOError:
                return
            if not self.medium.ways[came_from].plugged:
                self.medium.ways[came_from].counts.cut += 1
                continue
            udp = frame[12:14] == ETH_IP and frame[23] == IP_UDP
            head = frame[14 + 4 * (frame[14] & 15) + 8 :][:HEAD] if udp else b""
            if frame[0] & 1:  # multicast and broadcast
                hosts = [to for to in range(len(self.cards)) if to != came_from]
            else:
                hosts = [frame[5] - 1] if frame[:5] == b"\x02\x00\x0a\x4d\x00" and 0 < frame[5] <= len(self.cards) else []
            for to in hosts:
                self.medium.put(to, frame, now_ns, udp=udp, head=head)


class Again(Relay):
    """Sends the datagrams of one group on lo to another one."""

    def __init__(self, come: tuple[str, int], go: tuple[str, int], faults: Faults, seed: int) -> None:
        super().__init__()
        self.medium = Medium(1, faults, seed)
        self.go = go
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind(come)
        lo = socket.inet_aton("127.0.0.1")
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(come[0]) + lo)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
        self.out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        for one in (self.sock, self.out):
            one.setblocking(False)
        self.poll.register(self.sock, select.POLLIN)

    def deliver(self, to: int, frame: bytes) -> bool:
        try:
            return self.out.sendto(frame, self.go) == len(frame)
        except BlockingIOError:
            return False

    def readable(self, fd: int, now_ns: int) -> None:
        for _ in range(BURST):
            try:
                datagram = self.sock.recv(65536)
            except BlockingIOError:
                return
            self.medium.put(0, datagram, now_ns, udp=True, head=datagram[:HEAD])


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("lab", "udp"))
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--come", default="", metavar="GROUP:PORT")
    parser.add_argument("--go", default="", metavar="GROUP:PORT")
    parser.add_argument("--seed", type=int, default=1)
    kinds: dict[str, Callable[[str], Any]] = {"float": float, "str": str}
    for one in fields(Faults):
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=kinds[str(one.type)], default=one.default)
    args = parser.parse_args()
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    faults = Faults(**{one.name: getattr(args, one.name) for one in fields(Faults)})
    relay: Relay
    try:
        if args.kind == "lab":
            relay = Switch(args.hosts, faults, args.seed)
            say({"ready": True, "right": relay.right, "fds": relay.namespaces})
        else:
            ends = [(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in (args.come, args.go)]
            relay = Again(ends[0], ends[1], faults, args.seed)
            say({"ready": True})
    except OSError as error:
        say({"ready": False, "why": str(error)})
        return 1
    relay.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
