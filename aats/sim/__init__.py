"""The simulated exchange: a venue for tests, demos and the sandbox.

It is a package of its own: it stands on the venue's documents and on recorded traffic, never on this project's client,
so that the two can check each other.  Of aats it imports aats.errors and, through aats._ffi, the matching engine alone.

    command.py   aats sim                          server.py    port, TLS, clock            certs.py   certificates
    host.py      connections, what a host calls    connection.py, answer.py, frames.py      many.py    several venues, one port
    dialects.py  which venues there are            venue.py     the base of a dialect       topics.py, views.py, listing.py,
                                                                                           trading.py, perpetual.py: its parts
    <venue>/     one dialect a folder

    binance.py   the dialect of Binance Spot       its parts: hub, rest, instruments, control, streams
    ws_api.py    requests in envelopes, sessions   rest_orders.py  signed REST              auth.py    keys, signatures
    methods.py   what both lead to                 user_data.py    who is told              limits.py  weights, counts
    orders.py    the order desk                    pit.py       the engine and the market   filters.py trading rules
    accounts.py  balances and the ledger           reports.py   orders and their texts      amounts.py exact money
    faults.py    what goes wrong on purpose        sbe.py      streams in binary
    market.py    the interface to a market         generator.py a seeded one                tape.py, tape_files.py
                                                                                           a recorded one
"""

from aats.sim.binance import Exchange
from aats.sim.connection import Limits
from aats.sim.faults import Faults
from aats.sim.generator import Generator, Spec
from aats.sim.market import Event, Market, Snapshot, Symbol
from aats.sim.tape import TapeMarket

__all__ = ["Event", "Exchange", "Faults", "Generator", "Limits", "Market", "Snapshot", "Spec", "Symbol", "TapeMarket"]
