"""From what the repeats said to a row of the report: medians, ratio, goal.

For: run.py.  Pure: objects in, one dict out.

A figure of a row is the median of its repeats, key by key; the ratio is that of both medians, and `ratio_each` holds the least and the largest ratio
that one repeat had by itself: they were measured side by side, so that these tell how far the host moved.  What cannot be judged has ``met`` null and
says why.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from aats.bench.table import Also, Row

__all__ = ["absent", "judge", "number", "out_of_bounds"]

#: Keys of an object that describe it; all others are figures or texts of the measurement.
_HEAD = ("row", "who", "unit", "unjudged", "why")
_FIRST = (
    "id",
    "what",
    "value",
    "unit",
    "p50",
    "p99",
    "p999",
    "max",
    "reference",
    "ratio",
    "goal",
    "goal_of",
    "aim",
    "aim_of",
    "met",
    "aim_met",
    "why",
    "also",
)


def judge(row: Row, repeats: Sequence[Sequence[Mapping[str, Any]]], *, cores: int) -> dict[str, Any]:
    """Return the report's row of what each repeat said of it.

    Parameters
    ----------
    repeats
        For each repeat the objects whose ``row`` is this one's id.
    cores
        How many the run could use.
    """
    sides: dict[str, list[Mapping[str, Any]]] = {}
    for repeat in repeats:
        for found in repeat:
            sides.setdefault(str(found.get("who", "aats")), []).append(found)
    ours = [one for one in sides.get("aats", []) if one.get("value") is not None]
    if not ours:
        told = [str(one["why"]) for one in sides.get("aats", []) if one.get("why")]
        return absent(row, told[-1] if told else "measured nothing")
    theirs = [one for one in sides.get("reference", []) if one.get("value") is not None]
    mine, other = _medians(ours), _medians(theirs)
    value, reference = float(mine["value"]), other.get("value")
    out: dict[str, Any] = {**_empty(row), **mine, "reference": reference}
    out["unit"] = str(ours[-1].get("unit", row.unit))
    if reference:
        out["ratio"] = number(value / reference)
        each = [
            float(a["value"]) / float(b["value"])
            for a, b in zip(ours, theirs, strict=False)
            if a.get("value") is not None and b.get("value")
        ]
        out["ratio_each"] = [number(min(each)), number(max(each))]
        out["reference_row"] = other
    others = {who: _medians(found) for who, found in sides.items() if who not in ("aats", "reference")}
    if others:
        out["others"] = others
    out["repeats"] = len(ours)
    out["value_each"] = [number(min(float(one["value"]) for one in ours)), number(max(float(one["value"]) for one in ours))]
    unjudged = next((str(one["unjudged"]) for one in reversed(ours) if one.get("unjudged")), "")
    if not unjudged and cores < row.cores:
        unjudged = f"stated, not judged: {row.cores} cores are needed, {cores} can be used"
    _decide(row, out, unjudged)
    return {key: out[key] for key in (*_FIRST, *(key for key in out if key not in _FIRST))}


def absent(row: Row, why: str) -> dict[str, Any]:
    """Return the report's row of something that was not measured."""
    return {**_empty(row), "why": why}


def out_of_bounds(row: Row, found: Mapping[str, Any]) -> str:
    """Return the sentence of a ratio outside the row's generous bounds, "" where it is inside or there is none."""
    ratio = found.get("ratio")
    if row.bounds is None or ratio is None or row.bounds[0] <= ratio <= row.bounds[1]:
        return ""
    return f"{row.id}: {ratio:g} times the reference, outside {row.bounds[0]:g} to {row.bounds[1]:g}"


def number(value: float) -> float | int:
    """Return a figure with four significant digits, as an int where that says as much."""
    rounded = float(f"{value:.4g}") if abs(value) < 10000 else float(round(value))
    return int(rounded) if rounded.is_integer() else rounded


def _empty(row: Row) -> dict[str, Any]:
    out: dict[str, Any] = dict.fromkeys(_FIRST)
    out.update(id=row.id, what=row.what, unit=row.unit, goal=row.goal, goal_of=row.goal_of, aim=row.aim, aim_of=row.aim_of, why="", also=[])
    out["reference_name"] = row.reference
    return out


def _medians(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure, and of anything else what the last repeat said."""
    out: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in found for key in one if key not in _HEAD):
        values = [one[key] for one in found if one.get(key) is not None]
        if values and all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
            out[key] = number(statistics.median(values))
        elif values:
            out[key] = values[-1]
    return out


def _decide(row: Row, out: dict[str, Any], unjudged: str) -> None:
    """Fill in ``met``, ``aim_met``, ``also`` and ``why``."""
    out["also"] = [_condition(one, out) for one in row.also]
    goal = _reached(row, out, row.goal, row.goal_of)
    out["aim_met"] = _reached(row, out, row.aim, row.aim_of)
    if unjudged:
        out["met"], out["why"] = None, unjudged
        return
    if row.goal is None:
        out["met"], out["why"] = None, "stated, without a goal"
        return
    if goal is None:
        out["met"], out["why"] = None, "no reference was measured in this run"
        return
    missed = [] if goal else [_by_how_much(row, out)]
    missed += [f"{one['what']}: {one['value']:g}, limit {one['limit']:g}" for one in out["also"] if one["met"] is False]
    out["met"], out["why"] = not missed, "; ".join(missed)


def _reached(row: Row, out: Mapping[str, Any], limit: float | None, of: str) -> bool | None:
    value = out["value"] if of == "value" else out["ratio"]
    if limit is None or value is None:
        return None
    return bool(value >= limit) if row.more else bool(value <= limit)


def _by_how_much(row: Row, out: Mapping[str, Any]) -> str:
    value = out["value"] if row.goal_of == "value" else out["ratio"]
    assert row.goal is not None
    percent = abs(value / row.goal - 1) * 100
    unit = f" {out['unit']}" if row.goal_of == "value" else " times the reference"
    return f"{value:g}{unit} is {percent:.1f} % {'below' if row.more else 'over'} the goal of {row.goal:g}"


def _condition(also: Also, out: Mapping[str, Any]) -> dict[str, Any]:
    key, _, quotient = also.of.partition("/")
    value = out.get(key)
    if quotient and value is not None:
        other = (out.get("reference_row") or {}).get(key)
        value = number(value / other) if other else None
    return {"what": also.what, "value": value, "limit": also.limit, "met": None if value is None else value <= also.limit}
