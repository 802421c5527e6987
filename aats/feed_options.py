"""What a feed tells the C core before it starts: addresses by way, streams, the key.

For: `aats.feed.Feed`.  Not for the network behind a feed: ``feed_net``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aats import keys, venue
from aats._ffi import lib
from aats.config import FeedConfig
from aats.config.model import STREAMS_DEFAULT
from aats.errors import ConfigError
from aats.venue import Endpoints

__all__ = ["api_key", "endpoints", "fill", "way_parts"]

_STREAM_BITS = {"depth": 1, "trade": 2, "bookTicker": 4, "aggTrade": 8, "mark": 16, "funding": 32, "liquidation": 64}
_STATUS_BIT = 128  # asked for wherever the venue has it: a halted market's book is not good
_PERPETUAL_BITS = _STREAM_BITS["mark"] | _STREAM_BITS["funding"] | _STREAM_BITS["liquidation"]


def endpoints(config: FeedConfig) -> Endpoints:
    """Return where the feed connects: the config's (or the environment's) addresses, else the venue's own for the mode."""
    client = venue.client_class(config.venue)
    own = client.endpoints_of(config.mode)
    rest = config.endpoints.rest or (own.rest if own else "")
    stream = config.endpoints.stream or client.stream_of(config.mode, config.format)
    if not (rest and stream):
        missing = " and ".join(
            f"AATS_ENDPOINT_{config.venue}_{config.mode.upper()}_{kind}" for kind, have in (("REST", rest), ("STREAM", stream)) if not have
        )
        hint = "; `aats sim` prints the lines to export" if config.mode == "sim" else ""
        raise ConfigError(f"{config.where}: mode {config.mode!r} of {config.venue} has no address of its own: set {missing}{hint}")
    given = (config.endpoints.stream2, config.endpoints.stream3)
    owns = own.ways if own and not config.endpoints.stream else ()  # a given address serves every way that has none of its own
    ways = tuple(one or (owns[i] if i < len(owns) else "") for i, one in enumerate(given))
    return Endpoints(rest, stream, ways=ways if any(ways) else ())


def _stream_bits(config: FeedConfig) -> int:
    """Return what to ask of the venue: the streams that were named; if none were, of all that its symbols can tell what the venue has."""
    bits = sum(_STREAM_BITS[one] for one in config.streams)
    has = lib.aats_venue_streams(config.venue.encode(), config.format.encode())
    if has < 0:
        return bits  # the C core says it in its own words
    # A feed that another process asks for, or starts again, has its defaults written into its file: what stands there says no more than the default did.
    if config.origins.get("feed.streams", "default") == "default" or config.streams == STREAMS_DEFAULT:
        bits = (bits | _PERPETUAL_BITS) & has
    return int(bits | (_STATUS_BIT & has))


def _host_field(tls: bool, host: str, port: int) -> bytes:
    return (host if port == (443 if tls else 80) else f"{host}:{port}").encode()


def api_key(config: FeedConfig) -> str:
    """Return the API key that the format's streams ask for, "" where none is needed.

    Raises
    ------
    ConfigError
        There is none, or it is not of the kind that the venue takes there.
    """
    if config.format == "json":
        return ""
    found = keys.find(config.venue, config.mode)
    if config.mode != "sim" and not found.secret.lstrip().startswith("-----BEGIN"):
        raise ConfigError(
            f"{config.where}: feed.format {config.format!r} needs an Ed25519 API key, and the one from {found.origin} has another kind of secret "
            f"(an Ed25519 key's secret is a PEM text); format 'json' needs no key"
        )
    return found.key


def way_parts(where: Endpoints) -> dict[int, tuple[bool, str, int, str]]:
    """Return the parts of the addresses of ways that have one of their own, by way."""
    return {i: replace(where, stream=one).stream_parts() for i, one in enumerate(where.ways, start=1) if one}


def fill(config: FeedConfig, where: Endpoints, opts: Any, outside: Any) -> None:
    """Fill in ``aats_feed_opts_t`` and ``aats_host_opts_t`` as far as venue, streams and addresses go."""
    tls, host, port, prefix = where.stream_parts()
    opts.venue, opts.format = config.venue.encode(), config.format.encode()
    opts.host, opts.prefix = _host_field(tls, host, port), prefix.encode()
    opts.streams = _stream_bits(config)
    outside.host, outside.port, outside.plain = host.encode(), port, not tls
    for index, (tls, host, port, prefix) in way_parts(where).items():
        opts.way_host[index], opts.way_prefix[index] = _host_field(tls, host, port), prefix.encode()
        outside.way_host[index], outside.way_port[index], outside.way_plain[index] = host.encode(), port, not tls
