"""The control server's wire: a request line in, an answer line out, and the fields of a request with their rules.

For: ``aats.control_server`` and its parts.  Not for sockets (``aats.control_connections``) nor for what a request does (``aats.control_requests``).
Pure functions: bytes in, values out.  docs/control.md has the table of requests.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from aats.config import LEVEL_NUM_MAX
from aats.control_client import CODES, LINE_MAX
from aats.errors import AatsError, ControlError

__all__ = [
    "Refused",
    "answer",
    "choice_field",
    "error",
    "error_of",
    "level_field",
    "parse",
    "pid_field",
    "symbol_field",
    "tag_of",
    "text_field",
    "whole_field",
    "whom_field",
]

_TAG_MAX = 200
_WHOLE_MAX = 2**53
_SYMBOL = re.compile(r"[A-Za-z0-9_-]{1,24}(\.[A-Za-z0-9_]{1,12})?\Z")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\Z")


class Refused(ControlError):
    """A request that is wrong in itself; `code` goes into the answer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


# ------------------------------------------------------------------------------------------------------------- lines


def parse(line: bytes) -> dict[str, Any]:
    """Return the object of a request line; a `Refused` with code ``syntax`` or ``request`` if it is none."""
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise Refused("syntax", f"a request is one JSON object a line: {exc}") from None
    if not isinstance(request, dict):
        raise Refused("request", 'a request is an object with "op"')
    return request


def tag_of(request: Mapping[str, Any]) -> str | int | float | None:
    """Return the request's ``id``, which comes back in its answer: a short text, a number or nothing."""
    tag = request.get("id")
    if tag is None or (isinstance(tag, (int, float)) and not isinstance(tag, bool)) or (isinstance(tag, str) and len(tag) <= _TAG_MAX):
        return tag
    raise Refused("request", f"id must be a number or a text of at most {_TAG_MAX} characters")


def answer(tag: Any, result: Mapping[str, Any]) -> bytes:
    """Return the line that answers a request; one that would be longer than a line may be is an error instead."""
    out = orjson.dumps({"id": tag, "ok": True, **result}) + b"\n"
    return out if len(out) <= LINE_MAX else error("too_big", f"the answer has {len(out)} bytes, a line has at most {LINE_MAX}", tag)


def error(code: str, text: str, tag: Any = None) -> bytes:
    """Return the line that refuses a request."""
    return orjson.dumps({"id": tag, "ok": False, "error": {"code": code, "text": text.encode("utf-8", "replace").decode()}}) + b"\n"


def error_of(exc: Exception, tag: Any = None) -> bytes:
    """Return the line for what a request has raised: the code of its kind, ``internal`` for what is none of ours."""
    if isinstance(exc, Refused):
        return error(exc.code, str(exc), tag)
    if isinstance(exc, AatsError):
        return error(next(code for code, kind in CODES.items() if isinstance(exc, kind)), str(exc), tag)
    return error("internal", f"{type(exc).__name__}: {exc}", tag)


# ------------------------------------------------------------------------------------------------------------ fields


def pid_field(request: Mapping[str, Any]) -> int:
    """Return the field ``pid``."""
    pid = request.get("pid")
    if type(pid) is not int or not 1 <= pid <= _WHOLE_MAX:
        raise Refused("request", f"pid must be a whole number above 0; it is {_short(pid)}")
    return pid


def whom_field(request: Mapping[str, Any]) -> int | str:
    """Return the process that is meant: the field ``pid`` or the field ``name``, not both."""
    if "name" not in request:
        return pid_field(request)
    if "pid" in request:
        raise Refused("request", "a process is named by pid or by name, not by both")
    return text_field(request, "name", _NAME, "a name as `list` shows it")


def text_field(request: Mapping[str, Any], key: str, form: re.Pattern[str], what: str) -> str:
    """Return a text of a given form."""
    value = request.get(key)
    if not isinstance(value, str) or not form.match(value):
        raise Refused("request", f"{key} must be {what}; it is {_short(value)}")
    return value


def whole_field(request: Mapping[str, Any], key: str, low: int, high: int, default: int | None = None) -> int:
    """Return a whole number of a range."""
    value = request.get(key, default)
    if type(value) is not int or not low <= value <= high:
        raise Refused("request", f"{key} must be a whole number from {low} to {high}; it is {_short(value)}")
    return value


def symbol_field(request: Mapping[str, Any]) -> str:
    """Return the field ``symbol``: ``BTCUSDT`` or ``BTCUSDT.BINANCE``."""
    return text_field(request, "symbol", _SYMBOL, "a symbol such as BTCUSDT or BTCUSDT.BINANCE").upper()


def level_field(request: Mapping[str, Any], *, needed: bool) -> int | None:
    """Return the field ``level``, None where it may be missing and is."""
    return whole_field(request, "level", 1, LEVEL_NUM_MAX) if needed or "level" in request else None


def choice_field(request: Mapping[str, Any], key: str, known: Collection[str]) -> str:
    """Return a word out of a list."""
    value = request.get(key)
    if not isinstance(value, str) or value not in known:
        raise Refused("request", f"{key} must be one of {', '.join(known)}; it is {_short(value)}")
    return value


def _short(value: Any) -> str:
    """Return a value as a message shows it, whatever its size."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
