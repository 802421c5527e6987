"""Several simulated venues behind one port: a connection goes to the one whose host its first path begins with.

    GET /okx.sim/api/v5/public/time  ->  OKX          `<venue in lower case, - for _>.sim`, or one of the venue's own host names
    GET /sim/state                   ->  all of them

A connection stays with its venue: clients that keep connections alive keep them for one host, and here a host is a venue.  Shows the same face as host.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from aats.errors import ConfigError
from aats.sim.host import Host

__all__ = ["Several", "prefix"]

_FIRST = re.compile(rb"[A-Z]+ /([^/ ?]*)")
_HEAD_MAX = 65_536


def prefix(venue: str) -> str:
    """Return the host name by which a venue is meant among several."""
    return f"{venue.lower().replace('_', '-')}.sim"


class _Markets:
    """What the server asks of a market, of all of them."""

    by_demand = False

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.symbols: dict[str, Any] = {name: symbol for host in hosts for name, symbol in host.market.symbols.items()}


class Several:
    """The exchanges of several venues.

    Parameters
    ----------
    exchanges
        Venue to exchange; of two that share a host name the first is meant by it.
    """

    def __init__(self, exchanges: Mapping[str, Host]) -> None:
        self.exchanges = dict(exchanges)
        if any(one.market.by_demand for one in exchanges.values()):
            raise ConfigError("a tape at speed max cannot share its port with another venue")
        self.market = _Markets(list(exchanges.values()))
        self.counters: dict[str, int] = {}
        self._by_host: dict[str, Host] = {}
        for venue, exchange in exchanges.items():
            for host in (prefix(venue), *exchange.HOSTS):
                self._by_host.setdefault(host, exchange)
        self._at: dict[int, Host] = {}
        self._waiting: dict[int, bytes] = {}
        self._said: dict[int, bytes] = {}
        self._ended: set[int] = set()

    def open(self, conn_id: int, now_ns: int) -> None:
        """Begin a connection; whose it is shows in its first bytes."""
        self._waiting[conn_id] = b""

    def receive(self, conn_id: int, data: bytes, now_ns: int) -> None:
        """Take bytes from a client."""
        if conn_id in self._at:
            self._at[conn_id].receive(conn_id, data, now_ns)
            return
        if conn_id not in self._waiting:
            return
        if not data:
            self._ended.add(conn_id)
            return
        head = self._waiting[conn_id] = self._waiting[conn_id] + data
        if b"\r\n" not in head and len(head) < _HEAD_MAX:
            return
        found = _FIRST.match(head)
        name = found[1].decode("latin-1").partition(":")[0].lower() if found else ""
        exchange = self._by_host.get(name)
        if exchange is None:
            self._refuse(conn_id, head, name)
            return
        del self._waiting[conn_id]
        self._at[conn_id] = exchange
        exchange.open(conn_id, now_ns)
        exchange.receive(conn_id, head, now_ns)

    def advance(self, now_ns: int, *, market: bool = True) -> None:
        """Move all of them to `now_ns`."""
        for exchange in self.exchanges.values():
            exchange.advance(now_ns, market=market)

    def take(self, conn_id: int, most: int | None = None) -> bytes:
        """Return the bytes that may be sent to this client now."""
        exchange = self._at.get(conn_id)
        return exchange.take(conn_id, most) if exchange is not None else self._said.pop(conn_id, b"")

    def pending(self, conn_id: int) -> int:
        """Return how many bytes wait to be taken."""
        exchange = self._at.get(conn_id)
        return exchange.pending(conn_id) if exchange is not None else len(self._said.get(conn_id, b""))

    def closing(self, conn_id: int) -> bool:
        """Tell whether the host is to close this connection once `take` gives nothing more."""
        exchange = self._at.get(conn_id)
        return exchange.closing(conn_id) if exchange is not None else conn_id in self._ended or conn_id not in self._waiting

    def drop(self, conn_id: int) -> None:
        """Forget a connection."""
        exchange = self._at.pop(conn_id, None)
        if exchange is not None:
            exchange.drop(conn_id)
        self._waiting.pop(conn_id, None)
        self._said.pop(conn_id, None)
        self._ended.discard(conn_id)

    def next_deadline(self, *, market: bool = True) -> int | None:
        """Return the next moment at which one of them has something to do."""
        times: Iterable[int | None] = (exchange.next_deadline(market=market) for exchange in self.exchanges.values())
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    @property
    def connections(self) -> list[int]:
        """The ids of all connections."""
        return [*self._waiting, *self._at]

    def shutdown(self, now_ns: int, lead_ns: int = 0) -> None:
        """Announce the end to every client."""
        self._ended.update(self._waiting)
        for exchange in self.exchanges.values():
            exchange.shutdown(now_ns, lead_ns)

    def state(self) -> Mapping[str, Any]:
        """Return the state of each venue by its name."""
        return {venue: dict(exchange.state()) for venue, exchange in self.exchanges.items()}

    def _refuse(self, conn_id: int, head: bytes, name: str) -> None:
        """Answer a request that names no venue: the state of all, or what there is."""
        state = head.startswith(b"GET /sim/state ")
        told = dict(self.state()) if state else {"error": f"no venue at {name!r}; the path begins with one of {', '.join(self._by_host)}"}
        body = orjson.dumps(told)
        status = b"200 OK" if state else b"404 Not Found"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body))
        self._said[conn_id] = head + body
        self._ended.add(conn_id)
