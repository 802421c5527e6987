"""udp_python: the feed's datagrams into a Python loop that spins on recv_into.

The feed is tests/bench/bench_net.c on the other core: publish in its segment, pack, sendto, one quote of 5 levels each 20 us.  A sample goes from before the
publication, as the record tells (`exch_ns`), to after recv_into.  What an idle pass of the loop costs (an exception) is part of it, as in any such loop.  The
reference is the row udp_c's: sendto and a C loop that spins on recv, measured by the same program directly before.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from aats._ffi import lib
from aats.bench.context import Context, Failed, summary
from aats.layout import REC, dtype_of

__all__ = ["run"]

GROUP = "239.255.77.3"  # as in bench_net.c
IDLE_S = 5.0


def run(ctx: Context) -> list[dict[str, Any]]:
    """Measure it once."""
    words = ["--cores", f"{ctx.cores[0]},{ctx.cores[1]}", *(["--quick"] if ctx.quick else [])]
    plain = next(one for one in ctx.c("bench_net", "--rows", "udp_c", *words) if one["who"] == "reference")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((GROUP, 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1"))
        sock.setblocking(False)
        wanted = 2000 if ctx.quick else 20000
        with ctx.start("bench_net", "--send", str(sock.getsockname()[1]), *words, core=ctx.cores[0]):
            ctx.pin()
            samples = receive(sock, wanted + wanted // 20)[wanted // 20 :]
    return [{"row": "udp_python", "who": "aats", "unit": "ns", **summary(samples)}, {**plain, "row": "udp_python"}]


def receive(sock: socket.socket, wanted: int) -> list[int]:
    """Return the ways of so many quotes in ns."""
    buffer = bytearray(2048)
    into, clock, wire = sock.recv_into, time.time_ns, dtype_of("aats_wire_t")
    stamp = struct.Struct("<q").unpack_from
    at = wire.itemsize + REC.fields["exch_ns"][1]  # type: ignore[index]
    kind, quotes = wire.fields["kind"][1], lib.AATS_WIRE_RECORDS  # type: ignore[index]
    samples: list[int] = []
    deadline = clock() + int(IDLE_S * 1e9)
    while len(samples) < wanted:
        try:
            size = into(buffer)
        except BlockingIOError:
            if clock() > deadline:
                raise Failed(f"no datagram for {IDLE_S:g} s after {len(samples)}") from None
            continue
        now = clock()
        deadline = now + int(IDLE_S * 1e9)
        if size > at and buffer[kind] == quotes:
            samples.append(now - stamp(buffer, at)[0])
    return samples
