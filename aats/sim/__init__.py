"""The simulated exchange: a venue for tests, demos and the sandbox, market side.

It is a package of its own: it stands on the venue's documents and on recorded traffic, never on this project's client,
so that the two can check each other.  It imports nothing of aats but aats.errors, and it needs no compiled code.

    command.py   aats sim                          server.py    port, TLS, clock            certs.py   certificates
    binance.py   the dialect as a step machine     its parts: connection, hub, rest, instruments, control,
                                                   streams
    faults.py    what goes wrong on purpose
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
