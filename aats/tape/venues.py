"""The venues whose tapes can be read, and which of them an address belongs to.

A venue's `dialect` is the C venue (csrc/venue) that reads its messages; venues may share one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = ["VENUES", "Venue", "known", "snapshot_symbol", "venue_of"]


class Venue(NamedTuple):
    """How a venue's traffic is known: by its hosts, and its depth snapshots by the end of their path."""

    dialect: str
    hosts: re.Pattern[str]
    depth_path: re.Pattern[str]


_DEPTH = re.compile(r"/api/v[13]/depth\Z")

#: Hosts of exchanges/binance_spot.md sections 1 and 9; those of futures and options (fstream, fapi, ...) are others.
VENUES: dict[str, Venue] = {
    "BINANCE": Venue(
        "BINANCE",
        re.compile(
            r"(www|api|api[1-4]|api-gcp|stream|demo-api|demo-stream)\.binance\.com\Z"
            r"|(data-api|data-stream|testnet|api1\.testnet|stream\.testnet)\.binance\.vision\Z"
        ),
        _DEPTH,
    ),
    "BINANCEUS": Venue("BINANCE", re.compile(r"(www|api|stream)\.binance\.us\Z"), _DEPTH),
}


def known() -> str:
    """Return the names of all venues, for a sentence."""
    return ", ".join(VENUES)


def venue_of(address: str) -> tuple[str | None, str]:
    """Return (venue, host) of a URL: None for a host of no known venue, ``""`` for one that names no venue at all.

    A bare address or a name without a dot (a simulated exchange on this host) names none.
    """
    try:
        host = (urlsplit(address).hostname or "").lower()
    except ValueError:
        return None, address
    for name, venue in VENUES.items():
        if venue.hosts.match(host):
            return name, host
    if "." not in host:
        return "", host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None, host
    return "", host


def snapshot_symbol(venue: str, url: str) -> str | None:
    """Return whose depth snapshot a URL asks for, None if it asks for something else."""
    parts = urlsplit(url)
    if not VENUES[venue].depth_path.search(parts.path):
        return None
    symbols = parse_qs(parts.query).get("symbol", [])
    return symbols[0] if len(symbols) == 1 else None
