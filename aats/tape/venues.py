"""The venues whose tapes can be read, and which of them an address belongs to.

A venue's `dialect` is the C venue (csrc/venue) that reads its messages; venues may share one.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

__all__ = ["VENUES", "Venue", "known", "snapshot_symbol", "venue_of", "why_not"]


class Venue(NamedTuple):
    """How a venue's traffic is known.

    `address` is matched against host and path together, ``stream.bybit.com/v5/public/spot``.  `depth_path` is the end of the path of a depth
    snapshot, and `symbol_key` what its query calls the symbol; None where books begin in the stream, and answers are of no use.
    `by_topic`: a symbol may have several books on one connection (of different depths), so a book goes by the name of its topic.
    """

    dialect: str
    address: re.Pattern[str]
    depth_path: re.Pattern[str] | None = None
    symbol_key: str = "symbol"
    by_topic: bool = False

    @property
    def in_stream(self) -> bool:
        """Whether books begin with a message of the stream."""
        return self.depth_path is None


def _hosts(hosts: str, path: str = "") -> re.Pattern[str]:
    return re.compile(rf"(?:{hosts})(?=/|\Z){path}", re.IGNORECASE)


_OKX = _hosts(r"ws[a-z]*\.ok(?:x|ex)\.com", r"/ws/v5/")
_BYBIT = r"stream(?:-testnet|-demo)?\.(?:(?:bybit|bytick)\.[a-z.]+|bybitgeorgia\.ge|manepa\.jp)"
_DEPTH = re.compile(r"/api/v[13]/depth\Z")

#: In the order of exchanges/*.md, section 1 of each: hosts of data and of answers, real and test.
VENUES: dict[str, Venue] = {
    "BINANCE": Venue(
        "BINANCE",
        _hosts(
            r"(?:www|api|api[1-4]|api-gcp|stream|ws-api|demo-api|demo-stream|demo-ws-api)\.binance\.com"
            r"|(?:data-api|data-stream|testnet|api1\.testnet|stream\.testnet|ws-api\.testnet)\.binance\.vision"
        ),
        _DEPTH,
    ),
    "BINANCE_SWAP": Venue(
        "BINANCE_SWAP",
        _hosts(
            r"(?:fapi|fapi[1-4]|fstream|fstream-auth|fstream-mm|ws-fapi|demo-fapi|demo-fstream)\.binance\.com"
            r"|(?:testnet|stream|fstream)\.binancefuture\.com",
            r"(?!/dapi|/dws|/ws-dapi)",
        ),
        re.compile(r"/fapi/v1/depth\Z"),
    ),
    "BINANCE_COINM": Venue(
        "BINANCE_COINM",
        _hosts(r"(?:dapi|dstream|dstream-auth|ws-dapi|demo-dapi|demo-dstream)\.binance\.com|(?:testnet|dstream)\.binancefuture\.com"),
        re.compile(r"/dapi/v1/depth\Z"),
    ),
    "BINANCEUS": Venue("BINANCEUS", _hosts(r"(?:www|api|stream|ws-api)\.binance\.us"), _DEPTH),
    "OKX": Venue("OKX", _OKX),
    "OKX_SWAP": Venue("OKX_SWAP", _OKX),  # the same sockets: it is what --venue says
    "BYBIT": Venue("BYBIT", _hosts(_BYBIT, r"/v5/(?!public/(?!spot|misc))"), by_topic=True),
    "BYBIT_SWAP": Venue("BYBIT_SWAP", _hosts(_BYBIT, r"/v5/public/(?:linear|inverse|option)"), by_topic=True),
    "COINBASE": Venue("COINBASE", _hosts(r"advanced-trade-ws(?:-user)?(?:-sandbox)?\.coinbase\.com")),
    "KRAKEN": Venue("KRAKEN", _hosts(r"(?:beta-)?ws(?:-auth|-l3)?\.kraken\.com", r"/v2\b")),
    "GATE": Venue(
        "GATE",
        _hosts(r"(?:api|ws|ws-testnet|api-testnet)\.(?:gateio\.ws|gate\.com|gateapi\.io)", r"(?:/ws/v4/?\Z|/v4/ws/spot|/api/v4/spot/)"),
        re.compile(r"/api/v4/spot/order_book\Z"),
        "currency_pair",
    ),
    "GATE_SWAP": Venue(
        "GATE_SWAP",
        _hosts(
            r"(?:api|fx-api|fx-ws|fx-ws-testnet|fx-api-testnet|ws-testnet)\.(?:gateio\.ws|gate\.com|gateapi\.io)",
            r"/(?:v4/ws/|api/v4/futures/)",
        ),
        re.compile(r"/api/v4/futures/[a-z]+/order_book\Z"),
        "contract",
    ),
    "KUCOIN": Venue(
        "KUCOIN",
        _hosts(r"(?:api|ws-api|ws-api-spot|push-private|push\d*(?:-v2)?)\.kucoin\.com"),
        re.compile(r"/api/v[123]/market/orderbook/level2(?:_\d+)?\Z"),
    ),
    "DERIBIT": Venue("DERIBIT", _hosts(r"(?:www|test|streams|test-streams)\.deribit\.com", r"/ws/api/v2")),
}

#: What else these venues speak, by host alone and so behind VENUES: recordings of it exist, and nothing here reads them.
_NOT_READ = [
    (_hosts(hosts), what)
    for hosts, what in (
        (
            r"stream-sbe\.(?:testnet\.)?binance\.(?:com|vision)|demo-stream-sbe\.binance\.com",
            "Binance's binary streams; tapes are read of its JSON streams",
        ),
        (r"(?:ws[a-z]*|real)\.ok(?:x|ex)\.com|real\.okcoin\.com", "OKX before v5; of it /ws/v5/ is read"),
        (_BYBIT, "Bybit before v5; of it /v5/ is read"),
        (r"ws-feed\S*\.(?:coinbase|gdax)\.com|ws-direct\S*\.coinbase\.com", "Coinbase Exchange; of Coinbase Advanced Trade is read"),
        (r"(?:beta-)?ws(?:-auth)?\.kraken\.com", "Kraken's WebSocket v1; of it /v2 is read"),
        (r"(?:demo-)?futures\.kraken\.com|(?:uws|colo-london)\.kraken\.com", "Kraken's futures; of it spot, WebSocket v2, is read"),
        (
            r"(?:ws|webws)\.gate(?:io)?\.(?:io|com|ws|live)|op-ws\S*\.gateio\.live",
            "Gate before v4, or its options; of it spot and perpetuals of v4 are read",
        ),
        (
            r"(?:ws-api-futures|api-futures|x-push-\w+|wsapi|wsapi-push)\.kucoin\.com",
            "KuCoin's futures or Pro feed; of it classic spot is read",
        ),
    )
]


def why_not(address: str) -> str | None:
    """Return what an address of no known venue is of, if it is another protocol of one."""
    host = _parts(address)[0] or ""
    return next((what for hosts, what in _NOT_READ if hosts.match(host)), None)


def known() -> str:
    """Return the names of all venues, for a sentence."""
    return ", ".join(VENUES)


def venue_of(address: str) -> tuple[str | None, str]:
    """Return (venue, host) of a URL: None for one of no known venue, ``""`` for one that names no venue at all.

    A bare address or a name without a dot (a simulated exchange on this host) names none.
    """
    host, path = _parts(address)
    if host is None:
        return None, address
    for name, venue in VENUES.items():
        if venue.address.match(host + path):
            return name, host
    if "." not in host:
        return "", host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None, host
    return "", host


def _parts(address: str) -> tuple[str | None, str]:
    """Return host and path of a URL, also of one without a scheme; no host for what is none."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        return (parts.hostname or "").lower(), parts.path
    except ValueError:
        return None, ""


def snapshot_symbol(venue: str, url: str) -> str | None:
    """Return whose depth snapshot a URL asks for, None if it asks for something else."""
    parts = urlsplit(url)
    wanted = VENUES[venue]
    if wanted.depth_path is None or not wanted.depth_path.search(parts.path):
        return None
    symbols = parse_qs(parts.query).get(wanted.symbol_key, [])
    return symbols[0] if len(symbols) == 1 else None
