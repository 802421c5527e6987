"""The settings of the jitter guard: ``[guard]`` of a strategy's file, ``TradeService(guard=...)``, ``AATS_GUARD``.

Values and their rules only; what they do is in ``aats.trade_guard`` and docs/guard.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aats.config.rules import Rule, apply, choice, core, flag, near, number
from aats.errors import ConfigError

__all__ = ["GUARD_KEYS", "GuardOptions", "guard_options"]


@dataclass(frozen=True)
class GuardOptions:
    """How a trade process keeps its loop from standing still.

    Attributes
    ----------
    gc : {'idle', 'off', 'auto'}
        Garbage is collected while nothing comes; never, but above the memory ceiling; or as Python itself does.
    idle_us : int
        So long nothing must have come before idle time begins.
    memory_mb : int
        Ceiling: memory may grow by so much before everything is collected, idle or not.
    warm_up_ms : int
        What exists so long after the start is not looked at by later collections.
    cpu : int, 'auto' or ''
        Core that the loop's thread is pinned to; '': none.
    lock : {'auto', 'on', 'all', 'off'}
        Segments and stack are kept in memory, as far as the limit allows; 'on' complains where it does not; 'all': everything of this process.
    touch : bool
        Pages of segments, stack and tables are mapped in before the loop begins.
    stall_us : int
        Gaps of the loop above this are told with their cause; 0: none.
    """

    gc: str = "idle"
    idle_us: int = 500
    memory_mb: int = 512
    warm_up_ms: int = 5_000
    cpu: int | str = ""
    lock: str = "auto"
    touch: bool = True
    stall_us: int = 50


GUARD_KEYS: dict[str, Rule] = {
    "gc": choice("idle", "off", "auto"),
    "idle_us": number(50, 1_000_000),
    "memory_mb": number(16, 1 << 20),
    "warm_up_ms": number(0, 600_000),
    "cpu": core,
    "lock": choice("auto", "on", "all", "off"),
    "touch": flag,
    "stall_us": number(0, 1_000_000),
}

#: The word ``off``, and ``guard=False``: nothing is done.
_OFF: dict[str, Any] = {"gc": "auto", "cpu": "", "lock": "off", "touch": False, "stall_us": 0}
_VARIABLE = "AATS_GUARD"
_WORDS = {"true": True, "false": False, "yes": True, "no": False}


def guard_options(where: str, given: Any = None) -> tuple[GuardOptions, dict[str, str]]:
    """Return the options, and for each where it came from: ``default``, ``given`` or the environment variable.

    Parameters
    ----------
    where : str
        Begins the text of an error: ``"TradeService: guard"``.
    given : mapping, bool, optional
        Options by name; False: nothing is done, True or None: the defaults.

    Raises
    ------
    ConfigError
        A name is unknown, or a value breaks its rule.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(GUARD_KEYS, "default")
    if given is False:
        given = _OFF
    for source, what, table in (("given", where, given), (f"env {_VARIABLE}", f"environment: {_VARIABLE}", _from_environment())):
        if table is None or table is True:
            continue
        if not isinstance(table, Mapping):
            raise ConfigError(f"{what} must be a table of {', '.join(GUARD_KEYS)}; it is {table!r}")
        for key, value in table.items():
            if key not in GUARD_KEYS:
                raise ConfigError(f"{what}.{key} is not a setting; known: {', '.join(GUARD_KEYS)}{near(key, list(GUARD_KEYS))}")
            values[key] = apply(GUARD_KEYS[key], value, f"{what}.{key}")
            origins[key] = source
    return GuardOptions(**values), origins


def _from_environment() -> dict[str, Any] | None:
    """Read ``"off"``, or words such as ``"cpu=2 lock=off"``."""
    words = os.environ.get(_VARIABLE, "").split()
    if words == ["off"]:
        return _OFF
    out: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"environment: {_VARIABLE} must be off, or words such as cpu=2 lock=off; it is {os.environ[_VARIABLE]!r}")
        out[key] = int(value) if value.isdecimal() else _WORDS.get(value, value)
    return out or None
