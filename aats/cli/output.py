"""How commands print: JSON on one line, or a plain table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson


def json_text(value: Any) -> str:
    """Return `value` as one line of JSON."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def as_json(value: Any) -> None:
    """Print `value` as one line of JSON."""
    print(json_text(value))


def as_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their heads, columns as wide as their widest cell; the last column is not padded."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    for row in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)),
            row[-1],
            sep="  " if len(head) > 1 else "",
        )


def ago(seconds: float) -> str:
    """Return a length of time for people: ``12s``, ``3m40s``, ``2h05m``, ``3d04h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
