"""The control plane of each venue: instruments and snapshots over REST, a handful of requests a minute.

The data plane of the same venue is csrc/venue/<venue>.c.  `connect` gives the client by name.
"""

from __future__ import annotations

from aats.errors import ConfigError
from aats.venue.base import Endpoints, Instrument, OrderLimits, SnapshotRefused, VenueClient, resolve
from aats.venue.binance import BinanceClient

__all__ = ["CLIENTS", "Endpoints", "Instrument", "OrderLimits", "SnapshotRefused", "VenueClient", "client_class", "resolve"]

CLIENTS: dict[str, type[VenueClient]] = {"BINANCE": BinanceClient}


def client_class(venue: str) -> type[VenueClient]:
    """Return the client of a venue, or raise `ConfigError` with the ones that there are."""
    try:
        return CLIENTS[venue]
    except KeyError:
        raise ConfigError(f"venue {venue!r} is not known; known: {', '.join(sorted(CLIENTS))}") from None
