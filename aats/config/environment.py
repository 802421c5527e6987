"""The environment variables that are read, each with its rule."""

from __future__ import annotations

import os
import re
from typing import Any

from aats.config.guard import guard_options
from aats.config.latency import slow_limits
from aats.config.model import FORMATS, MODES
from aats.config.rules import ENDPOINT_KEYS, ENDPOINT_KINDS, Rule, apply, choice, file, name, text
from aats.errors import ConfigError


def _guard(value: str) -> str:
    guard_options("guard")  # which reads it
    return value


def _slow(value: str) -> str:
    slow_limits("slow")  # which reads it
    return value


_VARIABLES: dict[str, tuple[Rule, str]] = {
    "AATS_HOME": (text, ""),
    "AATS_NS": (name, "main"),
    "AATS_MODE": (choice(*MODES), ""),
    "AATS_FORMAT": (choice(*FORMATS), ""),
    "AATS_MD": (choice("shm"), ""),
    "AATS_ISA": (choice("scalar", "sse42", "avx2", "avx512"), ""),
    "AATS_TLS": (choice("openssl", "records", "vector"), ""),
    "AATS_CAFILE": (file, ""),
    "AATS_SUPERVISOR": (choice("on", "off"), ""),
    "AATS_GUARD": (_guard, ""),
    "AATS_SLOW": (_slow, ""),
    "AATS_CLOCK": (choice("system", "tsc"), ""),
}


def environment() -> dict[str, tuple[Any, str]]:
    """Return every variable that is read, checked, as name -> (value, ``default`` or ``env``).

    Raises
    ------
    ConfigError
        A value breaks its rule, or an ``AATS_ENDPOINT_`` name has not the form venue, mode, kind.
    """
    out: dict[str, tuple[Any, str]] = {}
    for variable, (rule, default) in _VARIABLES.items():
        value = os.environ.get(variable)
        out[variable] = (apply(rule, value, f"environment: {variable}"), "env") if value else (default, "default")
    kinds = "|".join(key.upper() for key in ENDPOINT_KINDS)
    form = re.compile(rf"AATS_ENDPOINT_([A-Z0-9_]+)_({'|'.join(MODES).upper()})_({kinds})\Z")
    for variable in sorted(os.environ):
        if variable.startswith("AATS_ENDPOINT_"):
            match = form.match(variable)
            if match is None:
                raise ConfigError(f"environment: {variable} must be AATS_ENDPOINT_<VENUE>_<{'|'.join(MODES).upper()}>_<{kinds}>")
            rule = ENDPOINT_KEYS[match[3].lower()][0]
            out[variable] = (apply(rule, os.environ[variable], f"environment: {variable}"), "env")
    return out
