"""Write docs/layout.md from the compiled structs: ``python -m tools.layout_doc > docs/layout.md``.  tests/test_docs.py compares the two."""

from __future__ import annotations

import re
from pathlib import Path

from aats.layout import dtype_of

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "csrc/layout/layout.h"


def structs() -> list[tuple[str, str]]:
    """Return (body, name) of each struct, in the order of the header."""
    return re.findall(r"typedef struct \{(.*?)\} (\w+);", HEADER.read_text(encoding="utf-8"), re.S)


def comments() -> dict[tuple[str, str], str]:
    """Return the comment behind each field in csrc/layout/layout.h, by struct and field."""
    found: dict[tuple[str, str], str] = {}
    for body, name in structs():
        for field, comment in re.findall(r"(\w+)(?:\[\w+\])?;[ ]*/\*(.*?)\*/", body, re.S):
            found[name, field] = " ".join(comment.split())
    return found


def render() -> str:
    """Return the page."""
    notes = comments()
    out = [
        "# Shared memory, byte by byte",
        "",
        "Made from csrc/layout/layout.h by `python -m tools.layout_doc`; what each struct is for, who writes and who reads it, stands there.",
        "",
    ]
    for _, name in structs():
        dtype = dtype_of(name)
        out += [f"## {name} ({dtype.itemsize} bytes)", "", "| offset | size | field | meaning |", "|---|---|---|---|"]
        assert dtype.fields is not None
        for field, (kind, offset, *_) in sorted(dtype.fields.items(), key=lambda one: one[1][1]):
            out.append(f"| {offset} | {kind.itemsize} | {field} | {notes.get((name, field), '').replace('|', '/')} |")
        out.append("")
    return "\n".join(out)


if __name__ == "__main__":
    print(render(), end="")
