"""Frames of the published client: 4 bytes of size, then a JSON object.

For: both of its ports.  Not for market data (csrc/proto/compat.h).  Pure: bytes in, values out.

    client -> server   size big-endian,    JSON      on the control port one request a connection
    server -> client   size little-endian, JSON      on the control port at most 1,020 bytes, one send: the client takes it with a single recv(1024)

No text of an error quotes what came: a frame of the trade port may hold an API secret.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from aats.errors import ControlError

__all__ = ["ANSWER_MAX", "FRAME_MAX", "HEAD", "BadBody", "BadFrame", "Frames", "answer", "fitting", "frame", "number", "parse", "size_of"]

#: Bytes of JSON in a request.
FRAME_MAX = 1 << 20
#: Bytes of JSON in an answer of the control port.
ANSWER_MAX = 1020
HEAD = 4
_IN = struct.Struct(">i")
_OUT = struct.Struct("<i")
#: Cut texts end so.
_CUT = " ..."


class BadFrame(ControlError):
    """Bytes that are no frame of this protocol; the text says which rule they break."""


class BadBody(BadFrame):
    """A whole frame that holds no JSON object: the stream goes on behind it."""


def size_of(head: bytes | bytearray, limit: int = FRAME_MAX) -> int:
    """Return the size that a frame's head announces, 1 to `limit`."""
    size: int = _IN.unpack_from(head)[0]
    if not 1 <= size <= limit:
        raise BadFrame(f"a frame's size must be from 1 to {limit} bytes; it is {size}")
    return size


def parse(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return the JSON object in a frame's body."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadBody(f"a frame holds one JSON object; it is not JSON at character {exc.pos}") from None
    if not isinstance(value, dict):
        raise BadBody(f"a frame holds one JSON object; it is of type {type(value).__name__}")
    return value


def frame(value: Mapping[str, Any]) -> bytes:
    """Return a frame from server to client."""
    body = orjson.dumps(value)
    return _OUT.pack(len(body)) + body


def answer(kind: str, result: str, data: Mapping[str, Any] | None = None) -> bytes:
    """Return an answer of the control port, `result` cut as far as the client's one read demands."""
    while True:
        body = orjson.dumps({"type": kind, "result": result, "data": dict(data or {})})
        over = len(body) - ANSWER_MAX
        if over <= 0:
            return _OUT.pack(len(body)) + body
        if not result:
            raise ValueError(f"an answer of type {kind[:40]} with data of {len(body)} bytes")
        kept = len(result) - max(1, over // 6) - len(_CUT)  # a character takes at most six bytes
        result = result[:kept] + _CUT if kept > 0 else ""


def fitting(kind: str, lines: Sequence[str]) -> tuple[bytes, int]:
    """Return an answer whose ``data.result`` holds as many of the lines as fit, the first ones, and how many are left out."""
    for kept in range(len(lines), -1, -1):
        body = orjson.dumps({"type": kind, "result": "ok", "data": {"result": "\n".join(lines[:kept])}})
        if len(body) <= ANSWER_MAX:
            return _OUT.pack(len(body)) + body, len(lines) - kept
    raise AssertionError("an empty list fits")


class Frames:
    """A stream of the client's frames, cut up as it comes.

    Notes
    -----
    Lifetime: its buffer is overwritten with zeros as it is used up, because a frame may hold a secret.
    """

    def __init__(self, limit: int = FRAME_MAX) -> None:
        self._limit = limit
        self._have = bytearray()

    def put(self, piece: bytes | bytearray | memoryview) -> None:
        """Take what a read brought."""
        self._have += piece

    def take(self) -> Iterator[dict[str, Any]]:
        """Yield the whole frames there are; BadFrame at the first that is none, after which only a `BadBody` can be followed by another call."""
        while len(self._have) >= HEAD:
            end = HEAD + size_of(self._have, self._limit)
            if len(self._have) < end:
                return
            body = self._have[HEAD:end]
            self._have[:end] = bytes(end)
            del self._have[:end]
            try:
                value = parse(body)
            finally:
                body[:] = bytes(len(body))
            yield value

    def clear(self) -> None:
        """Forget what is left."""
        self._have[:] = bytes(len(self._have))
        self._have.clear()


def number(value: Any) -> int | None:
    """Return a whole number that came as one or as its text; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str) and 0 < len(value) < 20 and value.isascii() and value.removeprefix("-").isdigit():
        return int(value)
    return None
