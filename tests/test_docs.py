"""The documents say what the code says: numbers of docs/decisions.md, docs/layout.md, callbacks, README commands."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def rows(page: str, columns: int) -> list[list[str]]:
    """Return the body rows of a page's tables that have so many columns."""
    found = []
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and not set(line) <= set("|-: "):
            found.append(cells)
    return found


NUMBERS = [row for row in rows("decisions.md", 4) if row[2].startswith("csrc/")]
TIMES = [row for row in rows("decisions.md", 3) if row[2].startswith("limits.")]
DEFAULTS = [row for row in rows("decisions.md", 3) if row[2].startswith("aats_")]
JOURNALED = [row for row in rows("decisions.md", 3) if row[2].startswith("csrc/journal/")]


def test_the_tables_are_found() -> None:
    assert len(NUMBERS) >= 21 and len(TIMES) >= 10 and len(DEFAULTS) >= 12 and len(JOURNALED) == 1


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0])
def test_a_number_in_the_decisions_is_the_headers(row: list[str]) -> None:
    path, name = row[2].split()
    match = re.search(rf"^#define {name}\s+(\d+)", (ROOT / path).read_text(encoding="utf-8"), re.M)
    assert match, f"{path} has no #define {name}"
    assert int(match.group(1)) == int(row[1])


@pytest.mark.parametrize("row", TIMES, ids=lambda row: row[0])
def test_a_time_out_in_the_decisions_is_the_configs_default(row: list[str]) -> None:
    from aats.config import Limits

    defaults = {field.name: field.default for field in dataclasses.fields(Limits)}
    assert defaults[row[2].split(".")[1]] == int(row[1])


@pytest.mark.parametrize("row", DEFAULTS, ids=lambda row: row[2].split()[1])
def test_a_time_of_orders_in_the_decisions_is_the_compiled_default(row: list[str]) -> None:
    from aats._ffi import ffi, lib

    kind, field = row[2].split()
    opts = ffi.new(f"{kind} *")
    {"aats_session_opts_t": lib.aats_session_defaults, "aats_paper_opts_t": lib.aats_paper_defaults}[kind](opts)
    assert getattr(opts, field) == int(row[1]) * 1_000_000


def test_every_time_of_an_order_session_stands_in_the_decisions() -> None:
    from aats._ffi import ffi

    for kind, passed_over in (("aats_session_opts_t", {"rotate_ns"}), ("aats_paper_opts_t", set())):  # rotate_ns: the venue's
        there = {name for name, _ in ffi.typeof(kind).fields if name.endswith("_ns")} - passed_over
        assert there == {row[2].split()[1] for row in DEFAULTS if row[2].startswith(kind)}


def test_the_decisions_know_what_an_order_takes_in_the_journal() -> None:
    from aats._ffi import ffi

    head, order, event = (ffi.sizeof(kind) for kind in ("aats_jrec_t", "aats_order_t", "aats_oev_t"))
    told = ("Created", "Acked", "Exec", "Closed")
    assert int(JOURNALED[0][1]) == (head + order) + len(told) * (head + event) + head  # intent, events, that Closed was delivered


def test_the_layout_page_is_the_compilers() -> None:
    from tools.layout_doc import render

    assert (ROOT / "docs/layout.md").read_text(encoding="utf-8") == render(), "run: python -m tools.layout_doc > docs/layout.md"


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_source_that_a_document_names_is_there_and_has_what_is_said(page: Path) -> None:
    named = re.compile(r"(?<![/\w])((?:csrc|aats|tests|examples|tools)/[\w/]+\.(?:c|h|py|toml|md))\b(?: `(\w+)`)?")
    for path, name in named.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists(), f"{page.name} names {path}"
        made = re.search(rf"^\w.*\b{name}\(", (ROOT / path).read_text(encoding="utf-8"), re.M)
        assert not name or made, f"{page.name}: {path} has no {name}"


def test_the_readme_begins_with_the_two_commands() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)
    assert len(blocks) >= 2
    run, test = (block.strip() for block in blocks[:2])
    assert "\n" not in run and "\n" not in test
    assert "aats demo" in run and "pytest" in test
