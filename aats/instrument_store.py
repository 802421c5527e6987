"""What venues list, kept on disk: so that a name has its meaning while the venue does not answer, and without asking it.

::

    $AATS_HOME/cache/instruments/OKX_SWAP-direct.json      one file a venue and mode, replaced as a whole
        {"version": 1, "venue": .., "mode": .., "rest": .., "instruments": {native: {.., "asked_ms": ..}}}

Written by: whoever has asked the venue (feeds, trade processes, ``aats instruments``).  Read by: ``aats instruments --cached``, feeds whose venue does not
answer, the supervisor, which clears up after strategies and may not wait for a venue's list.  Not for new orders: what they may be is asked for at each start.
A file that cannot be read counts as absent and is replaced by the next answer; it is nothing but a copy.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from aats.config import cache_home
from aats.venue import Instrument, OrderLimits

__all__ = ["Kept", "kept", "look", "path_of", "remember"]

log = logging.getLogger("aats.instruments")

_VERSION = 1
_LIMITS = {one.name: one.type for one in dataclasses.fields(OrderLimits)}
_FIELDS = {one.name: one.type for one in dataclasses.fields(Instrument) if one.name != "limits"}


@dataclasses.dataclass(frozen=True)
class Kept:
    """An instrument as it was listed at `asked_ms` (epoch ms, this host's clock)."""

    instrument: Instrument
    asked_ms: int


def path_of(venue: str, mode: str) -> Path:
    """Return where the instruments of a venue in a mode are kept; the folder is made."""
    folder = cache_home() / "instruments"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{venue}-{mode}.json"


def kept(venue: str, mode: str) -> dict[str, Kept]:
    """Return what is kept of a venue in a mode, by its own spelling; empty where there is nothing that can be read."""
    name = f"instruments of {venue} {mode}"
    try:
        body = orjson.loads(path_of(venue, mode).read_bytes())
        if body["version"] != _VERSION or body["venue"] != venue:
            return {}
        return {native: Kept(_instrument(row), int(row["asked_ms"])) for native, row in body["instruments"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as exc:
        log.warning("%s: what is kept cannot be read (%s: %s); the venue's next answer replaces it", name, type(exc).__name__, exc)
        return {}


def look(venue: str, symbol: str, mode: str = "") -> Instrument | None:
    """Return an instrument by our name or the venue's own, with or without ``.EXCHANGE``; of any mode if none is given, the newest.  None: not kept."""
    wanted = {symbol.upper(), symbol.removesuffix(f".{venue}").upper()}
    found: Kept | None = None
    for one in [mode] if mode else ["direct", "sandbox", "sim"]:
        for native, row in kept(venue, one).items():
            names = {native.upper(), row.instrument.symbol.upper(), row.instrument.symbol.removesuffix(f".{venue}").upper()}
            if names & wanted and (found is None or row.asked_ms > found.asked_ms):
                found = row
    return None if found is None else found.instrument


def remember(venue: str, mode: str, rest: str, instruments: Iterable[Instrument], *, whole: bool = False) -> None:
    """Keep what a venue has just listed; `whole`: that was everything, what is not among it is not listed any more.

    Notes
    -----
    A disk that is full or read-only costs a warning, nothing else.  Two writers at once: the later one wins, and what the other had is asked for again.
    """
    now_ms = time.time_ns() // 1_000_000
    rows: dict[str, dict[str, Any]] = {}
    if not whole:
        rows = {native: _row(one.instrument, one.asked_ms) for native, one in kept(venue, mode).items()}
    rows.update({one.native: _row(one, now_ms) for one in instruments})
    body = {"version": _VERSION, "venue": venue, "mode": mode, "rest": rest, "instruments": rows}
    try:
        path = path_of(venue, mode)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(orjson.dumps(body, option=orjson.OPT_INDENT_2))
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as exc:
        log.warning("the instruments of %s cannot be kept on disk: %s", venue, exc)


def _row(one: Instrument, asked_ms: int) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return format(value, "f") if isinstance(value, Decimal) else value

    row = {name: plain(getattr(one, name)) for name in _FIELDS}
    row["limits"] = {name: plain(value) for name in _LIMITS if (value := getattr(one.limits, name))}
    row["asked_ms"] = asked_ms
    return row


def _instrument(row: dict[str, Any]) -> Instrument:
    return Instrument(
        **{name: _typed(kind, row[name]) for name, kind in _FIELDS.items() if name in row},
        limits=OrderLimits(**{name: _typed(_LIMITS[name], value) for name, value in row.get("limits", {}).items() if name in _LIMITS}),
    )


def _typed(kind: Any, value: Any) -> Any:
    """Return a value of the file as the field's type; field types are texts here."""
    expected = {"Decimal": str, "str": str, "bool": bool, "int": int}[kind]
    if type(value) is not expected:
        raise TypeError(f"{value!r} is no {kind}")
    return Decimal(str(value)) if kind == "Decimal" else value
