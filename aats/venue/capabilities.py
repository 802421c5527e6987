"""What each venue cannot do, or we do not do there: a row a venue, a reason a behaviour.

For: the table in docs/venues.md, and the conformance suite, which plays every behaviour (VC-nn) at every venue and takes a failure only where it is
declared here.  A behaviour that works may not be declared.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["UNSUPPORTED"]

_SPOT = {
    "VC-44": "spot has no positions",
    "VC-62": "spot has no positions",
    "VC-13": "spot has no mark price",
    "VC-14": "spot has no funding",
    "VC-15": "spot has no liquidations",
}
_NO_CHECKSUM = {"VC-06": "the venue sends no checksums"}
_NO_LOGON = "a key with a shared secret signs each request and does not log on"
_IN_BAND = {"VC-20": "books begin in the stream"}
_BY_LIST = dict.fromkeys(
    ("VC-21", "VC-22"), "spot tells of a halt or an end in its list of instruments alone, and its simulated dialect does neither"
)

_MARKET_ONLY = {
    **{f"VC-{number}": "market data alone: no orders" for number in (*range(30, 48), *range(50, 63))},
    **dict.fromkeys(("VC-21", "VC-22"), "no stream of a market's state is subscribed: it shows in the list of instruments alone"),
}

_STATUS_UNTOLD = dict.fromkeys(("VC-21", "VC-22"), "no stream of statuses is asked for: a halted or delisted symbol falls silent")
#: Venue to behaviour to the reason why it is not there.
UNSUPPORTED: Mapping[str, Mapping[str, str]] = {
    "BINANCE": {
        **_STATUS_UNTOLD,
        **_SPOT,
        **_BY_LIST,
        **_NO_CHECKSUM,
        "VC-17": "its simulated dialect delists nothing",
        "VC-32": _NO_LOGON,
        "VC-33": _NO_LOGON,
        "VC-43": "its simulated dialect has no keys that may not trade",
        "VC-45": "the venue lowers a size under a client id of its own choice, which is not asked for",
        "VC-46": "the venue changes no prices",
        "VC-59": "orders go by WebSocket alone",
        "VC-60": "the venue has no dead-man switch for spot",
    },
    "BINANCEUS": {
        **_STATUS_UNTOLD,
        **_SPOT,
        **_BY_LIST,
        **_NO_CHECKSUM,
        "VC-17": "its simulated dialect delists nothing",
        "VC-32": _NO_LOGON,
        "VC-33": _NO_LOGON,
        "VC-43": "its simulated dialect has no keys that may not trade",
        "VC-45": "the venue changes no orders",
        "VC-46": "the venue changes no prices",
        "VC-59": "orders go by WebSocket alone",
        "VC-60": "the venue has no dead-man switch",
    },
    "BINANCE_SWAP": {
        **_NO_CHECKSUM,
        "VC-32": _NO_LOGON,
        "VC-33": _NO_LOGON,
    },
    "BINANCE_COINM": {
        **_NO_CHECKSUM,
        "VC-32": _NO_LOGON,
        "VC-33": _NO_LOGON,
    },
    "BYBIT": {
        **_STATUS_UNTOLD,
        **_SPOT,
        **_NO_CHECKSUM,
        **_IN_BAND,
        "VC-60": "its dead-man switch is for institutional accounts, and acts when the private socket is gone, not when we are silent",
    },
    "BYBIT_SWAP": {
        **_STATUS_UNTOLD,
        **_NO_CHECKSUM,
        **_IN_BAND,
        "VC-60": "its dead-man switch is for institutional accounts, and acts when the private socket is gone, not when we are silent",
    },
    "COINBASE": {
        **_SPOT,
        **_NO_CHECKSUM,
        **_IN_BAND,
        "VC-04": "its numbers count the frames of a connection: a hole says nothing of whose frame is missing, and all books of the connection are had anew",
        "VC-12": "there is no stream of the best bid and ask: ticker comes with trades alone",
        "VC-60": "the venue has no dead-man switch",
    },
    "DERIBIT": {
        **_STATUS_UNTOLD,
        **_MARKET_ONLY,
        **_NO_CHECKSUM,
        **_IN_BAND,
        "VC-14": "its channel of funding is not subscribed",
        "VC-15": "liquidations come as marks of trades, and are not told apart",
    },
    "GATE": {
        **_STATUS_UNTOLD,
        **_MARKET_ONLY,
        **_NO_CHECKSUM,
        **{key: reason for key, reason in _SPOT.items() if key not in ("VC-44", "VC-62")},
    },
    "KRAKEN": {
        **_SPOT,
        **_IN_BAND,
    },
    "KUCOIN": {
        **_STATUS_UNTOLD,
        **_MARKET_ONLY,
        **_NO_CHECKSUM,
        **{key: reason for key, reason in _SPOT.items() if key not in ("VC-44", "VC-62")},
    },
    "OKX": {
        **_SPOT,
        **_NO_CHECKSUM,
        **_IN_BAND,
    },
    "OKX_SWAP": {
        **_NO_CHECKSUM,
        **_IN_BAND,
    },
}
