"""Instruments as the C core wants them: ticks and lots as scaled integers, names as fixed texts.

Not for asking a venue (aats.venue) nor for orders' filters, which come with the orders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aats._ffi import check, ffi, lib
from aats.errors import ConfigError
from aats.venue import Instrument

__all__ = ["exponents", "feed_symbol", "scaled"]


def exponents(venue: str) -> tuple[int, int]:
    """Return the powers of ten of a venue's prices and quantities."""
    out = ffi.new("int32_t[2]")
    check(lib.aats_venue_exps(venue.encode(), out, out + 1), f"venue {venue!r} has no data plane in this build")
    return int(out[0]), int(out[1])


def scaled(value: Decimal, exponent: int, what: str) -> int:
    """Return `value` as an integer at ``10**exponent``, exactly or not at all."""
    number = value.scaleb(-exponent)
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ConfigError(f"{what} {value} is not a multiple of 1e{exponent}")
    return int(number)


def feed_symbol(instrument: Instrument, venue: str, level_num: int) -> Any:
    """Return the ``aats_feed_symbol_t`` that subscribes a feed to an instrument."""
    px_exp, qty_exp = exponents(venue)
    out = ffi.new("aats_feed_symbol_t *")
    for field, text in (("symbol", instrument.symbol), ("native", instrument.native)):
        raw = text.encode()
        if len(raw) >= lib.AATS_SYMBOL_SZ:
            raise ConfigError(f"symbol {text!r} is longer than {lib.AATS_SYMBOL_SZ - 1} bytes")
        setattr(out, field, raw)
    out.tick_i = scaled(instrument.tick, px_exp, f"tick size of {instrument.symbol}")
    out.lot_i = scaled(instrument.lot, qty_exp, f"lot size of {instrument.symbol}")
    out.level_num = level_num
    return out
