"""A venue's row: what the cases must know to play at its dialect.  Not a test itself."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aats.sim.dialects import Options, make
from aats.sim.host import Host
from aats.sim.server import SimServer
from aats.venue import Endpoints, Instrument, client_class


@dataclass(frozen=True, eq=False)
class Row:
    """One venue.

    Attributes
    ----------
    symbols : tuple of str
        Two of the dialect's symbols in the venue's spelling; the first is traded.
    client : str
        Venue whose control plane is asked for instruments, if another than its own.
    snapshot : callable, optional
        Native name to the target of the REST request for a book, where books begin with one.
    judged : int
        Levels a side that a lost or damaged frame cannot leave wrong unnoticed: fewer than 20 where a checksum of so many is all that vouches.
    size : str
        Of an order, in the venue's quantity.
    secret, key, passphrase : str
        Of the dialect's account.
    wrong_secret : str
        One that does not fit the key, in a form that a signer takes.
    path : str
        By which a connection of market data is opened, with its token, where one is wanted.
    options : dict
        More arguments for the dialect.
    """

    venue: str
    symbols: tuple[str, str]
    snapshot: Callable[[str], str] | None = None
    judged: int = 20
    size: str = "0.01"
    key: str = "aats-sim"
    secret: str = "aats-sim"
    passphrase: str = "aats-sim"
    wrong_secret: str = "not-the-secret"
    path: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def exchange(self, rate: int = 40, **options: Any) -> Host:
        """Return a new exchange with the row's two symbols."""
        symbols = tuple(f"{name}:{rate}" for name in self.symbols)
        return make(self.venue, Options(**{"symbols": symbols, "depth": 60, "seed": 7, **self.options, **options}))


@cache
def instruments(row: Row) -> dict[str, Instrument]:
    """Return the instruments of a row by the venue's spelling, as its own client reads them over a loopback connection."""
    with served(row.exchange(rate=0)) as port:
        where = f"localhost:{port}"
        addresses = type(row.exchange()).addresses(row.venue, f"http://{where}", f"ws://{where}")
        client = client_class(row.venue)(Endpoints(addresses["REST"], addresses["STREAM"]))
        try:
            found = client.instruments(row.symbols)
        finally:
            client.close()
    return {one.native: one for one in found.values()}


@contextmanager
def served(exchange: Host) -> Iterator[int]:
    """Serve an exchange on a port of its own, without TLS, in a thread of its own; yield the port."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), 0
    server = SimServer(exchange)

    async def serve() -> None:
        nonlocal port
        port = await server.start()
        ready.set()
        await server.run()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(10)
        loop.close()


@cache
def rows() -> dict[str, Row]:
    """Return all rows by venue, in the order of their files' names."""
    import tests.conformance.venues as folder

    out: dict[str, Row] = {}
    for found in pkgutil.iter_modules(folder.__path__):
        for row in importlib.import_module(f"{folder.__name__}.{found.name}").ROWS:
            assert row.venue not in out, f"{row.venue} has two rows"
            out[row.venue] = row
    return out
