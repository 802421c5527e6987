"""Exact money of the simulated exchange: decimal text to integers and back.

Prices, quantities and fees are integers at 1e-8 ("e8"); balances and notionals, being products of two of those, are
integers at 1e-16 ("e16").  No float stands between a client's text and a balance.
"""

from __future__ import annotations

import re

E8 = 10**8
E16 = 10**16
E8_MAX = (1 << 63) - 1  # what the matching engine's integers hold

_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?\Z")


def is_decimal(text: str) -> bool:
    """Tell whether `text` is a decimal number as the venue takes it: digits, no sign, no exponent."""
    return _DECIMAL.match(text) is not None


def e8(text: str) -> int:
    """Return a decimal text as an integer at 1e-8.

    Raises
    ------
    ValueError
        It has non-zero digits below 1e-8, or is no number.
    """
    whole, _, frac = text.partition(".")
    if len(frac) > 8:
        if frac[8:].strip("0"):
            raise ValueError(f"{text} has more than 8 decimals")
        frac = frac[:8]
    return int(whole + frac.ljust(8, "0"))


def text8(value: int) -> str:
    """Write an integer at 1e-8 with 8 decimals."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{value // E8}.{value % E8:08d}"


def text16(value: int) -> str:
    """Write an integer at 1e-16 with 8 decimals, or with as many more as it takes to be exact."""
    if value % E8 == 0:
        return text8(value // E8)
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{value // E16}.{value % E16:016d}".rstrip("0")
