"""What a receiver is told, typed, and how the C side is told it.

For: ``aats receive`` and `Receiver`.  Values only: whether an address is of its kind's range and a card is there is asked by the command
(``aats.control_address``) and again by the sockets themselves.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aats import shm, token
from aats._ffi import ffi, lib
from aats.errors import ConfigError
from aats.layout import PathKind

__all__ = ["SEND_TYPES", "Path", "ReceiverConfig", "name_of"]

#: How records may travel, in the words of a feed's ``[net]`` table.
SEND_TYPES = ("p2p", "broadcast", "multibroad")


def name_of(ip: str, port: int) -> str:
    """Return the name of the receiver of an address: ``rx-239-1-2-3-15004``."""
    return shm.label_of(f"rx-{re.sub('[^A-Za-z0-9]+', '-', ip).strip('-')}-{port}")


@dataclass(frozen=True)
class Path:
    """One way by which records come.

    Attributes
    ----------
    send_type : str
        One of `SEND_TYPES`, as the feed sends.
    ip, port : str, int
        multibroad: the group; broadcast: the address that is sent to, 255.255.255.255 or a directed one; p2p: where the feed listens.
    card : str
        That datagrams come in by, by name or address; "": the system's choice.
    source : str
        Only datagrams from this address; "": of the first feed that fits.
    feed, feed_id : str, int
        Only a feed of that name, of that id; "" and 0: the first that comes.
    """

    send_type: str
    ip: str
    port: int
    card: str = ""
    source: str = ""
    feed: str = ""
    feed_id: int = 0

    def __str__(self) -> str:
        return f"{self.send_type} {self.where}"

    @property
    def where(self) -> str:
        """Address and port."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def kind(self) -> PathKind:
        return PathKind[self.send_type.upper()]


@dataclass(frozen=True)
class ReceiverConfig:
    """All that a receiver is told.

    Attributes
    ----------
    paths : sequence of Path
        One; or two, whose feeds carry the same symbols: the first record that comes wins.
    name : str
        Of its slot and segment; "": `name_of` the first path.
    repair : bool
        Whether what is lost is asked for again over a connection to the feed (datagrams only).
    hold_ms : float
        How long later records wait for one that is missing before it is given up.
    busy_poll_us : int
        SO_BUSY_POLL of the sockets; 0: not set.
    buffer_sz : int
        Bytes of the sockets' queues; 0: 4 MiB are asked for.
    timestamps : bool
        Take the kernel's receive stamps (SO_TIMESTAMPNS) for the time of arrival.
    linger_s : float or None
        End when no trade process and no view has been in the control table for so long; None: never.
    ring_depth : int
        Records of the local event ring, a power of two.
    """

    paths: Sequence[Path]
    name: str = ""
    repair: bool = True
    hold_ms: float = 50.0
    busy_poll_us: int = 0
    buffer_sz: int = 0
    timestamps: bool = False
    linger_s: float | None = None
    ring_depth: int = 8192

    def __post_init__(self) -> None:
        if not 1 <= len(self.paths) <= lib.AATS_PATH_MAX:
            raise ConfigError(f"a receiver has one path, or two for A and B; here are {len(self.paths)}")
        if len({(path.send_type, path.ip, path.port, path.feed, path.feed_id) for path in self.paths}) < len(self.paths):
            raise ConfigError(f"paths A and B are the same: {self.paths[0]}; name another address, or another feed for each")

    @property
    def label(self) -> str:
        """Name of the slot and of the segment."""
        return shm.label_of(self.name) if self.name else name_of(self.paths[0].ip, self.paths[0].port)

    def recv_opts(self) -> Any:
        """Return ``aats_recv_opts_t *``, names looked up and the token's proof in it.

        Raises
        ------
        ConfigError
            A host name leads nowhere, the token cannot be used, or a text is longer than its field.
        """
        opts = ffi.new("aats_recv_opts_t *")
        opts.path_cnt = len(self.paths)
        opts.hold_ns = int(self.hold_ms * 1e6)
        proof = token.proof(token.token())
        for path, out in zip(self.paths, opts.path, strict=False):
            out.kind, out.no_repair, out.feed_id = int(path.kind), not self.repair, path.feed_id
            out.port = path.port if path.kind == PathKind.P2P else 0  # by datagram: the side channel's is what the beats say
            _put(out, "addr", path.where)
            _put(out, "source", _address(path.source) if path.source else "")
            _put(out, "feed", path.feed)
            _put(out, "ip", _address(path.ip) if path.kind == PathKind.P2P else "")
            ffi.memmove(out.proof, proof, len(proof))
        return opts

    def host_opts(self) -> Any:
        """Return ``aats_recv_host_opts_t *``."""
        opts = ffi.new("aats_recv_host_opts_t *")
        for path, out in zip(self.paths, opts.path, strict=False):
            if path.kind != PathKind.P2P:
                _put(out, "addr", path.ip)
                _put(out, "card", path.card)
            out.port = path.port
            out.buf_sz, out.busy_poll_us, out.timestamps = self.buffer_sz, self.busy_poll_us, self.timestamps
        return opts


def _put(struct: Any, field: str, value: str) -> None:
    """Write text into a char array; one that does not fit is refused, not cut: it would be another address."""
    raw, room = value.encode(), ffi.sizeof(getattr(struct, field)) - 1
    if len(raw) > room:
        raise ConfigError(f"{field} {value!r} is longer than {room} bytes")
    setattr(struct, field, raw)


def _address(host: str) -> str:
    """Return the numeric address of a host name; an address as it is."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f"{host!r} leads to no address: {getattr(exc, 'strerror', None) or exc}") from None
    return str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])
