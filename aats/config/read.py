"""Reading a feed's TOML file, and writing one.

The environment wins over the file, the file over the default; `FeedConfig.origins` says which it was.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aats.config import rules
from aats.config.model import Endpoints, FeedConfig, Limits, Net, SymbolLevel
from aats.config.network import check_table
from aats.config.rules import ENDPOINT_KEYS, ENDPOINT_KINDS, FEED_KEYS, SECTIONS, Rule, apply, near
from aats.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same module under its older name
    import tomli as tomllib


def tables_of(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Return a TOML file's name, as messages show it, and what it holds; a ConfigError with that name if it cannot be read."""
    where = os.fspath(path)
    try:
        data = tomllib.loads(Path(where).read_bytes().decode("utf-8"))
    except OSError as exc:
        raise ConfigError(f"{where}: cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{where}: is not TOML: {exc}") from exc
    return where, data


def load(path: str | os.PathLike[str]) -> FeedConfig:
    """Read a feed's TOML file.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or a value breaks its rule; the text names all of it.
    """
    where, data = tables_of(path)
    return feed_config(data, where=where)


def feed_config(data: Mapping[str, Any], *, where: str = "feed config") -> FeedConfig:
    """Check the tables of a feed's file, put defaults and the environment in, and return them typed."""
    for section in data:
        if section not in SECTIONS:
            raise ConfigError(f"{where}: [{section}] is not a section; known: {', '.join(SECTIONS)}{near(section, list(SECTIONS))}")
    origins: dict[str, str] = {}
    tables = {section: _table(data.get(section, {}), section, where, origins) for section in SECTIONS}
    feed = tables["feed"]
    for key in ("venue", "symbols"):
        if feed[key] is None:
            raise ConfigError(f"{where}: feed.{key} is missing")
    if feed["name"] is None:
        feed["name"] = feed["venue"].lower()
    for key in ("mode", "format"):
        _take(feed, "feed", key, f"AATS_{key.upper()}", FEED_KEYS[key][0], origins)
    feed["symbols"] = _symbols(feed, where)
    prefix = f"AATS_ENDPOINT_{feed['venue']}_{feed['mode'].upper()}_"
    for key in ENDPOINT_KINDS:
        _take(tables["endpoints"], "endpoints", key, prefix + key.upper(), ENDPOINT_KEYS[key][0], origins)
    _take(tables["endpoints"], "endpoints", "cafile", "AATS_CAFILE", ENDPOINT_KEYS["cafile"][0], origins)
    check_table(tables["net"], [one.symbol for one in feed["symbols"]], where)
    return FeedConfig(
        where=where,
        net=Net(**tables["net"]),
        limits=Limits(**tables["limits"]),
        endpoints=Endpoints(**tables["endpoints"]),
        origins=origins,
        **feed,
    )


def _table(raw: Any, section: str, where: str, origins: dict[str, str]) -> dict[str, Any]:
    keys = SECTIONS[section]
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: [{section}] must be a table, it is {raw!r}")
    for key in raw:
        if key not in keys:
            raise ConfigError(f"{where}: {section}.{key} is not a setting; known: {', '.join(keys)}{near(key, list(keys))}")
    out: dict[str, Any] = {}
    for key, (rule, default) in keys.items():
        origins[f"{section}.{key}"] = where if key in raw else "default"
        out[key] = apply(rule, raw[key], f"{where}: {section}.{key}") if key in raw else default
    return out


def _take(table: dict[str, Any], section: str, key: str, variable: str, rule: Rule, origins: dict[str, str]) -> None:
    value = os.environ.get(variable)
    if value:
        table[key] = apply(rule, value, f"environment: {variable}")
        origins[f"{section}.{key}"] = f"env {variable}"


def _symbols(feed: dict[str, Any], where: str) -> tuple[SymbolLevel, ...]:
    raw = feed["symbols"]
    if not isinstance(raw, (list, tuple)) or not raw:
        raise ConfigError(f"{where}: feed.symbols must be a list with at least one symbol; it is {raw!r}")
    if len(raw) > feed["dir_cap"]:
        feed["dir_cap"] = min(1024, 1 << (len(raw) - 1).bit_length())
    found: list[SymbolLevel] = []
    for at, value in enumerate(raw):
        one: SymbolLevel = apply(lambda text: rules.symbol(text, feed["level_num"], feed["venue"]), value, f"{where}: feed.symbols[{at}]")
        for before, other in enumerate(found):
            if other.symbol == one.symbol:
                raise ConfigError(f"{where}: feed.symbols[{at}] {one.symbol} stands already at feed.symbols[{before}]")
        found.append(one)
    if len(found) > 1024:
        raise ConfigError(f"{where}: feed.symbols has {len(found)} symbols, a feed holds 1024: use several feeds")
    return tuple(found)


def dump(config: FeedConfig) -> str:
    """Return the TOML text that `load` reads back as the same settings."""
    lines: list[str] = []
    section = ""
    for key, value in config.values().items():
        table, _, name = key.partition(".")
        if table != section:
            lines += ["", f"[{table}]"] if section else [f"[{table}]"]
            section = table
        lines.append(f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
