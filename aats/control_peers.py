"""Who may ask a control server: addresses that it listens on, the user behind a loopback connection, the token of all others.

For: ``aats.control_server``.  Not for how many may ask at once (``aats.control_connections``).

::

    the connection comes over        who may ask
    a loopback address               processes of the server's own uid; no token is asked for, and none is sent
    any other address                whoever knows the token (``aats.token``), which stands in each request

The peer of a loopback connection stands in /proc/net/tcp with its uid: the kernel's word, which is better than a secret that would go to whoever listens on
the port.  From anywhere else nothing is read out of a request before its token was compared, and the first wrong one ends the connection.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from aats import token
from aats.control_wire import Refused
from aats.errors import AatsError, ConfigError

__all__ = ["Doorkeeper", "addresses", "is_loopback", "plain", "uid_of_peer"]

log = logging.getLogger("aats.control")

_TELL_EVERY_S = 60.0
_WILDCARDS = ("0.0.0.0", "::")

Address = tuple[Any, ...]


# --------------------------------------------------------------------------------------------------------- addresses


def addresses(host: str) -> list[str]:
    """Return the addresses to listen on for `host`: one, and the loopback address beside it where it is another card's.

    Raises
    ------
    ConfigError
        It cannot be resolved; or it is reached from other hosts and there is no token.
    """
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as exc:
        raise ConfigError(f"control server address {host!r} cannot be resolved: {getattr(exc, 'strerror', None) or exc}") from exc
    found.sort(key=lambda one: (not is_loopback(one), ":" in one))
    if is_loopback(found[0]):
        return found[:1]
    if not token.token():
        raise ConfigError(
            f"a control server that listens on {host} is reached from other hosts and needs a token: "
            f"`aats token --new` makes one in {token.token_file()}, or set AATS_TOKEN"
        )
    return [found[0]] if found[0] in _WILDCARDS else [found[0], "127.0.0.1"]


def plain(address: str) -> str:
    """Return an address without its zone, an IPv4 one that came in over IPv6 as the IPv4 one that it is."""
    bare = address.partition("%")[0]
    with contextlib.suppress(ValueError):
        mapped = getattr(ipaddress.ip_address(bare), "ipv4_mapped", None)
        return str(mapped) if mapped is not None else bare
    return bare


def is_loopback(address: str) -> bool:
    """Whether an address is a loopback address."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(plain(address)).is_loopback
    return False


def uid_of_peer(own: Address, peer: Address) -> int | None:
    """Return the uid that owns the other end of a connection inside this host, None if it is not found."""
    peer, own = (plain(peer[0]), peer[1]), (plain(own[0]), own[1])
    version = ipaddress.ip_address(peer[0]).version
    want = (_proc_address(peer), _proc_address(own))
    with contextlib.suppress(OSError), open("/proc/net/tcp" if version == 4 else "/proc/net/tcp6", encoding="ascii") as file:
        for line in file:
            columns = line.split(None, 8)
            if len(columns) > 7 and (columns[1], columns[2]) == want:
                return int(columns[7])
    return None


def _proc_address(address: Address) -> str:
    """Return an address as /proc/net/tcp writes it: 32-bit words in the machine's byte order, in hex."""
    packed = ipaddress.ip_address(address[0]).packed
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"


# ---------------------------------------------------------------------------------------------------------- the door


class Doorkeeper:
    """Lets a request in or refuses it; counts the refusals, and tells of them once a minute.

    Parameters
    ----------
    uid_of : callable, optional
        Stands for `uid_of_peer`.

    Attributes
    ----------
    refused : int
        Requests that were refused since the start.

    Notes
    -----
    Threads: the server's alone.
    """

    def __init__(self, uid_of: Callable[[Address, Address], int | None] | None = None) -> None:
        self.refused = 0
        self._uid_of = uid_of
        self._since: Counter[str] = Counter()
        self._tell_at = 0.0

    def check_user(self, own: Address, peer: Address) -> None:
        """Refuse a loopback connection of another user; a connection of elsewhere passes here."""
        if not is_loopback(peer[0]):
            return
        uid = (self._uid_of or uid_of_peer)(own, peer)
        if uid != os.getuid():
            self._count(peer)
            raise Refused("refused", f"only uid {os.getuid()} may ask, this connection is of uid {'unknown' if uid is None else uid}")

    def check_token(self, peer: Address, theirs: object) -> None:
        """Refuse a request of another host whose token is not ours; a loopback connection passes here."""
        if is_loopback(peer[0]):
            return
        try:
            ours = token.token()
        except AatsError as exc:  # its file has become unreadable, or readable by others: nobody gets in
            log.error("no request of another host is answered: %s", exc)
            ours = ""
        if not (ours and token.same(ours, theirs)):
            self._count(peer)
            raise Refused("refused", "the token is wrong or missing")

    def _count(self, peer: Address) -> None:
        self.refused += 1
        self._since[plain(peer[0])] += 1

    def tick(self) -> None:
        """Tell of the refusals since the last telling, at most once a minute."""
        now = time.monotonic()
        if self._since and now >= self._tell_at:
            self._tell_at = now + _TELL_EVERY_S
            few = ", ".join(f"{address} ({count})" for address, count in self._since.most_common(5))
            log.warning("control server: %d requests refused, most of them from %s", sum(self._since.values()), few)
            self._since.clear()
