"""Whole server frames of a WebSocket: final, not masked, as both kinds of streams send them."""

from __future__ import annotations

import struct

__all__ = ["binary_frame", "text_frame"]


def text_frame(payload: bytes) -> bytes:
    """Return one whole server text frame."""
    return _frame(0x81, payload)


def binary_frame(payload: bytes) -> bytes:
    """Return one whole server binary frame."""
    return _frame(0x82, payload)


def _frame(first: int, payload: bytes) -> bytes:
    n = len(payload)
    if n < 126:
        return struct.pack("!BB", first, n) + payload
    if n < 65536:
        return struct.pack("!BBH", first, 126, n) + payload
    return struct.pack("!BBQ", first, 127, n) + payload
