"""The rules of single settings.

A rule takes a value as TOML gives it and returns the one to use, or raises ValueError with the rule in words; ``read.py`` adds file, key and value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aats.config.model import FORMATS, LEVEL_NUM_MAX, MODES, SEND_TYPES, STREAMS, STREAMS_DEFAULT, VENUES, Limits, SymbolLevel
from aats.errors import ConfigError

Rule = Callable[[Any], Any]


def near(value: object, known: Sequence[str]) -> str:
    """Return ``" (did you mean ...?)"`` for what resembles `value`, "" if nothing does."""
    close = difflib.get_close_matches(str(value), known, n=2, cutoff=0.5) or [one for one in known if one.lower() == str(value).lower()]
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def choice(*known: str) -> Rule:
    def rule(value: Any) -> str:
        for one in known:
            if isinstance(value, str) and one.lower() == value.lower():
                return one
        raise ValueError(f"must be one of {', '.join(known)}{near(value, known)}")

    return rule


def number(low: int, high: int, *, power: bool = False) -> Rule:
    def rule(value: Any) -> int:
        if type(value) is not int or not low <= value <= high or (power and value & (value - 1)):
            raise ValueError(f"must be {'a power of two' if power else 'a whole number'} from {low} to {high}")
        return value

    return rule


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def name(value: Any) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,47}", value) is None:
        raise ValueError("must be 1 to 47 letters, digits, '_' or '-'")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def url(*schemes: str) -> Rule:
    def rule(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be a text")
        if not value:
            return value
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"must be {schemes[0]}://HOST[:PORT][/PATH]" + "".join(f" (or {one}://)" for one in schemes[1:]))
        return value.rstrip("/")

    return rule


def file(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if value and not Path(value).expanduser().is_file():
        raise ValueError("must be a file that exists")
    return str(Path(value).expanduser()) if value else ""


def core(value: Any) -> int | str:
    """Read a core's number, ``"auto"``, or ``""`` for none; whether it can be used is known where it is used."""
    if value is None or value == "":
        return ""
    if isinstance(value, str) and value.lower() == "auto":
        return "auto"
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if type(value) is not int or not 0 <= value < 4096:
        raise ValueError("must be the number of a core, 'auto', or '' for none")
    return value


def streams(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError(f"must be a list of {', '.join(STREAMS)}")
    return tuple(dict.fromkeys(choice(*STREAMS)(one) for one in value))


def symbol(value: Any, level_num: int, venue: str) -> SymbolLevel:
    """Read ``"BTCUSDT"``, ``"BTCUSDT:20"``, ``"BTCUSDT.BINANCE"`` or ``{symbol =, level =}``."""
    level: Any = level_num
    if isinstance(value, Mapping):
        extra = set(value) - {"symbol", "level", "level_num"}
        if extra or "symbol" not in value:
            raise ValueError("must be 'SYMBOL', 'SYMBOL:LEVELS' or {symbol = 'SYMBOL', level = LEVELS}")
        level = value.get("level", value.get("level_num", level_num))
        value = value["symbol"]
    elif isinstance(value, str) and ":" in value:
        value, _, tail = value.rpartition(":")
        level = int(tail) if tail.isdecimal() and len(tail) < 6 else tail
    if isinstance(value, str) and value.endswith(f".{venue}"):
        value = value[: -len(venue) - 1]
    if not isinstance(value, str) or re.fullmatch(r"[A-Z0-9]{2,24}|[A-Z0-9]+([-_/][A-Z0-9]+)+", value) is None:
        hint = re.sub(r"[^A-Z0-9]", "", value.upper()) if isinstance(value, str) else ""
        raise ValueError(
            f"must be base and quote in capitals, such as BTCUSDT, or the venue's own spelling{f' (did you mean {hint!r}?)' if hint and hint != value else ''}"
        )
    if type(level) is not int or not 1 <= level <= LEVEL_NUM_MAX:
        raise ValueError(f"level of {value} must be a whole number from 1 to {LEVEL_NUM_MAX}, it is {level!r}")
    return SymbolLevel(value, level)


def compat(value: Any) -> dict[str, Any]:
    """Read ``{BTCUSDT = {cid = 1001, level = 5}}``."""
    hint = "must be a table of symbols, such as {BTCUSDT = {cid = 1001, level = 5}}"
    if not isinstance(value, Mapping):
        raise ValueError(hint)
    for one in value.values():
        good = isinstance(one, Mapping) and set(one) == {"cid", "level"} and all(type(part) is int for part in one.values())
        if not good or not -(2**31) <= one["cid"] < 2**31 or not 1 <= one["level"] <= LEVEL_NUM_MAX:
            raise ValueError(hint)
    return {str(symbol): dict(one) for symbol, one in value.items()}


FEED_KEYS: dict[str, tuple[Rule, Any]] = {
    "name": (name, None),
    "venue": (choice(*VENUES), None),
    "mode": (choice(*MODES), "direct"),
    "symbols": (lambda value: value, None),
    "level_num": (number(1, LEVEL_NUM_MAX), 5),
    "ring_depth": (number(64, 1 << 20, power=True), 8192),
    "dir_cap": (number(1, 1024), 64),
    "open_l2": (flag, False),
    "fuse_bbo": (flag, False),
    "streams": (streams, STREAMS_DEFAULT),
    "format": (choice(*FORMATS), "json"),
    "cpu": (core, ""),
}
NET_KEYS: dict[str, tuple[Rule, Any]] = {
    "send_type": (choice(*SEND_TYPES), "shm"),
    "ip": (text, ""),
    "port": (number(0, 65535), 0),
    "netcard": (text, ""),
    "ttl": (number(1, 255), 1),
    "loop": (flag, True),
    "repair_ip": (text, ""),
    "repair_port": (number(0, 65535), 0),
    "compat": (compat, {}),
}
LIMIT_KEYS: dict[str, tuple[Rule, Any]] = {key: (number(1, 600_000), value) for key, value in vars(Limits()).items()}
ENDPOINT_KEYS: dict[str, tuple[Rule, Any]] = {
    "rest": (url("https", "http"), ""),
    "stream": (url("wss", "ws"), ""),
    "stream2": (url("wss", "ws"), ""),
    "stream3": (url("wss", "ws"), ""),
    "wsapi": (url("wss", "ws"), ""),
    "private": (url("wss", "ws"), ""),
    "cafile": (file, ""),
}
#: What `AATS_ENDPOINT_<VENUE>_<MODE>_<KIND>` may end with.
ENDPOINT_KINDS = tuple(key for key in ENDPOINT_KEYS if key != "cafile")
SECTIONS = {"feed": FEED_KEYS, "net": NET_KEYS, "limits": LIMIT_KEYS, "endpoints": ENDPOINT_KEYS}


def apply(rule: Rule, value: Any, what: str) -> Any:
    """Return what the rule makes of `value`; a ConfigError that begins with `what` if it breaks the rule."""
    try:
        return rule(value)
    except ValueError as exc:
        raise ConfigError(f"{what} {exc}; it is {value!r}") from None
