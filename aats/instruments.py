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


#: Where a venue's quantities are whole, its books may hold more than 9e10 of them: fewer digits behind the point are kept.
_WHOLE_EXP = -4


def exponents(venue: str, instrument: Instrument | None = None) -> tuple[int, int]:
    """Return the powers of ten of a venue's prices and quantities; of one instrument, where the venue's parser can tell them apart.

    Notes
    -----
    A symbol's own are finer than the venue's where its tick or lot is, and coarser where its tick or lot is whole: 64 bits hold 19 digits.
    """
    out = ffi.new("int32_t[2]")
    check(lib.aats_venue_exps(venue.encode(), out, out + 1), f"venue {venue!r} has no data plane in this build")
    px_exp, qty_exp = int(out[0]), int(out[1])
    if instrument is None or not lib.aats_venue_scales(venue.encode()):
        return px_exp, qty_exp
    return _own(instrument.tick, px_exp), _own(instrument.lot, qty_exp)


def _own(step: Decimal, venues: int) -> int:
    if step <= 0:
        return venues
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(venues, _WHOLE_EXP) if exponent >= 0 else min(venues, exponent)


def scaled(value: Decimal, exponent: int, what: str) -> int:
    """Return `value` as an integer at ``10**exponent``, exactly or not at all."""
    number = value.scaleb(-exponent)
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ConfigError(f"{what} {value} is not a multiple of 1e{exponent}")
    return int(number)


def feed_symbol(instrument: Instrument, venue: str, level_num: int) -> Any:
    """Return the ``aats_feed_symbol_t`` that subscribes a feed to an instrument."""
    if instrument.alias:
        raise ConfigError(
            f"{instrument.native} is another name of {instrument.alias} at {venue}: its market data comes under that name, subscribe to that"
        )
    px_exp, qty_exp = exponents(venue, instrument)
    out = ffi.new("aats_feed_symbol_t *")
    for field, text in (("symbol", instrument.symbol), ("native", instrument.native)):
        raw = text.encode()
        if len(raw) >= lib.AATS_SYMBOL_SZ:
            raise ConfigError(f"symbol {text!r} is longer than {lib.AATS_SYMBOL_SZ - 1} bytes")
        setattr(out, field, raw)
    out.tick_i = scaled(instrument.tick, px_exp, f"tick size of {instrument.symbol}")
    out.lot_i = scaled(instrument.lot, qty_exp, f"lot size of {instrument.symbol}")
    out.level_num = level_num
    out.px_exp, out.qty_exp = px_exp, qty_exp
    out.px_dec, out.qty_dec = instrument.px_decimals, instrument.qty_decimals
    return out
