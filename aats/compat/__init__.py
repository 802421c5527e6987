"""The published client: what a script that imports ``aats`` 0.1.2 needs of a server.

For: ``aats control --compat``.  Not for this package's own services, which speak the protocol of docs/control.md, and not for market data: the feed's
fan-out serves that (csrc/app/fan.h).  Off the hot path: nothing else of the package knows of it.  docs/compat.md says what runs and what the client breaks.

    wire.py      frames: 4 bytes of size and JSON, each way
    control.py   requests to the control port: start, list, kill
    market.py    from its settings of a market server to a feed, and the feed's state in its words
    trade.py     the process of one trade session, from its start to its end
    door.py      the session's port: one connection, with the pin
    line.py      the session's connection afterwards: frames in, frames out, pings
    relay.py     its orders to our order session, our events to it
    settings.py  from its settings of a trade session to a TradeService
"""

from __future__ import annotations

__all__: list[str] = []
