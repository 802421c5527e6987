"""Limits of hops: ``[latency]`` of a strategy's file, ``TradeService(slow=...)``, ``AATS_SLOW``.

    [latency]                                   AATS_SLOW="recv_sent=100us:halt pub_delivered=50us"
    recv_sent     = ["100us", "halt"]
    pub_delivered = 50_000                      a number is ns; without an action: slow

Values and their rules only; what they do is in ``aats.trade_slow`` and docs/strategy.md.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aats.config.rules import near
from aats.errors import ConfigError

__all__ = ["ACTIONS", "HOPS", "SlowLimit", "slow_limits"]

#: Every hop that can have a limit, by its two stamps, in the order of AATS_HOP_*.
HOPS = (
    *("exch_recv", "recv_parsed", "parsed_pub", "recv_pub", "pub_delivered", "recv_delivered"),
    *("delivered_decided", "decided_sent", "sent_acked", "recv_sent", "acked_filled"),
)

#: What follows when a limit was passed, each with those before it: a line in the log; onSlow; the strategy's switch.
ACTIONS = ("warn", "slow", "halt")

_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_LONGEST_NS = 3_600_000_000_000
_TEXT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ns|us|ms|s)\s*\Z")
_VARIABLE = "AATS_SLOW"


@dataclass(frozen=True)
class SlowLimit:
    """The limit of one hop: more than `ns` is slow, and `action` follows."""

    ns: int
    action: str = "slow"


def slow_limits(where: str, given: Mapping[str, Any] | None = None) -> tuple[dict[str, SlowLimit], dict[str, str]]:
    """Return the limits by hop, and for each where it came from: ``given`` or the environment variable.

    Parameters
    ----------
    where : str
        Begins the text of an error: ``"TradeService: slow"``.
    given : mapping, optional
        Hop -> time, or (time, action); a time is a whole number of ns, or a text such as ``"100us"``.

    Raises
    ------
    ConfigError
        A hop or action is not known, or a time is none.

    Notes
    -----
    The environment adds and replaces, hop by hop; ``off`` there takes all away.
    """
    out: dict[str, SlowLimit] = {}
    origins: dict[str, str] = {}
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"{where} must be a table of hops, such as {{'recv_sent': '100us'}}; it is {given!r}")
    for source, what, table in (("given", where, given or {}), (f"env {_VARIABLE}", f"environment: {_VARIABLE}", _from_environment())):
        if table is None:
            return {}, {}
        for hop, value in table.items():
            if hop not in HOPS:
                raise ConfigError(f"{what}: {hop} is not a hop; known: {', '.join(HOPS)}{near(hop, HOPS)}")
            out[hop] = _limit(value, f"{what}: {hop}")
            origins[hop] = source
    return out, origins


def _limit(value: Any, what: str) -> SlowLimit:
    time, action = value, "slow"
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ConfigError(f"{what} must be a time, or a time and an action; it is {value!r}")
        time, action = value
    if action not in ACTIONS:
        raise ConfigError(f"{what}: {action!r} is not an action; known: {', '.join(ACTIONS)}{near(action, ACTIONS)}")
    return SlowLimit(_ns(time, what), action)


def _ns(time: Any, what: str) -> int:
    match = _TEXT.match(time) if isinstance(time, str) else None
    number = round(float(match[1]) * _UNITS[match[2]]) if match else time
    if type(number) is not int or not 1 <= number <= _LONGEST_NS:
        raise ConfigError(
            f"{what} must be a whole number of ns, or a text such as '100us' (ns, us, ms, s), at most one hour; it is {time!r}"
        )
    return number


def _from_environment() -> dict[str, Any] | None:
    """Read words such as ``"recv_sent=100us:halt"``; None: ``off``."""
    words = os.environ.get(_VARIABLE, "").replace(",", " ").split()
    if words == ["off"]:
        return None
    out: dict[str, Any] = {}
    for word in words:
        hop, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(
                f"environment: {_VARIABLE} must be off, or words such as recv_sent=100us:halt; it is {os.environ[_VARIABLE]!r}"
            )
        time, _, action = value.partition(":")
        limit = int(time) if time.isdecimal() else time
        out[hop] = (limit, action) if action else limit
    return out
