"""Kraken's spellings: names of assets in REST and WebSocket v2, numbers with their zeros, errors, and the checksum of a book."""

from __future__ import annotations

import binascii
from collections.abc import Iterable

from aats.sim.listing import Listing, Refused, trim

__all__ = ["ERRORS", "asset_rest", "checksum", "error_of", "fixed", "levels", "pair_id", "ws_name"]

#: Neutral reasons to the venue's error strings (7).
ERRORS = {
    "symbol": "EQuery:Unknown asset pair",
    "halted": "EService:Market in cancel_only mode",
    "tick": "EOrder:Tick size check failed",
    "lot": "EGeneral:Invalid arguments:volume",
    "min_qty": "EOrder:Order minimum not met",
    "max": "EGeneral:Invalid arguments:volume",
    "min_notional": "EOrder:Cost minimum not met",
    "price_band": "EOrder:Invalid price",
    "balance": "EOrder:Insufficient funds",
    "margin": "EOrder:Insufficient margin",
    "duplicate": "EOrder:Invalid cl_ord_id:duplicate",
    "post_only": "EOrder:Post only order",
    "reduce_only": "EOrder:Reduce only:Non-PC",
    "unknown": "EOrder:Unknown order",
    "closed": "EOrder:Unknown order",
    "amend": "EOrder:Invalid amend",
    "param": "EGeneral:Invalid arguments",
    "permission": "EGeneral:Permission denied",
    "busy": "EService:Busy",
    "clock": "EAPI:Invalid nonce",
    "signature": "EAPI:Invalid signature",
    "key": "EAPI:Invalid key",
    "session": "ESession:Invalid session",
    "rate": "EOrder:Rate limit exceeded",
}

_REST_ASSETS = {"BTC": "XXBT", "ETH": "XETH", "DOGE": "XXDG", "USD": "ZUSD", "EUR": "ZEUR"}
_REST_PAIR = {"BTC": "XBT", "DOGE": "XDG"}


def error_of(why: Refused) -> str:
    """Return the venue's error string of a refusal."""
    known = ERRORS.get(why.why, "EGeneral:Internal error")
    return f"{known}:{why.text}" if why.why == "param" and why.text != why.why else known


def asset_rest(asset: str) -> str:
    """Return REST's name of an asset in balances."""
    return _REST_ASSETS.get(asset, asset)


def pair_id(listing: Listing) -> str:
    """Return REST's altname of a pair: "XBTUSD"."""
    return "".join(_REST_PAIR.get(one, one) for one in (listing.base, listing.quote))


def ws_name(listing: Listing) -> str:
    """Return REST's `wsname`: "XBT/USD"."""
    return "/".join(_REST_PAIR.get(one, one) for one in (listing.base, listing.quote))


def fixed(value_e8: int, decimals: int) -> str:
    """Write a number at 1e-8 with so many digits behind the point, zeros and all."""
    return trim(value_e8, decimals)


def levels(rows: Iterable[tuple[str, str]]) -> str:
    """Write levels as the book channel does: objects of JSON numbers."""
    return ",".join(f'{{"price":{px},"qty":{qty}}}' for px, qty in rows)


def checksum(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """Return the CRC32 of the ten best levels a side (3)."""
    text = "".join(part.replace(".", "").lstrip("0") for side in (asks, bids) for level in side[:10] for part in level)
    return binascii.crc32(text.encode())
