"""docs/orders.md says what the compiled machine does: its table of states and messages, its actions, its codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aats._ffi import lib, text

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/orders.md").read_text(encoding="utf-8")
STATES = ("NEW", "LIVE", "ENDING", "CLOSED")


def rows(columns: int) -> list[list[str]]:
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == columns and not set(line) <= set("|-: "):
            found.append(cells)
    return found


def test_the_table_is_the_machines() -> None:
    head, *body = rows(13)
    assert [row[0] for row in body] == list(STATES)
    kinds = [(name, getattr(lib, f"AATS_OM_{name}")) for name in head[1:]]
    assert [kind for _, kind in kinds] == list(range(lib.AATS_OM_ACK, lib.AATS_OM_AMEND_REJECT + 1)), "a message has no column"
    for row in body:
        state = getattr(lib, f"AATS_ORD_{row[0]}")
        for (name, kind), action in zip(kinds, row[1:], strict=True):
            compiled = text(lib.aats_machine_action_name(lib.aats_machine_action(state, kind)))
            assert action == compiled, f"{name} in {row[0]}"


def test_every_action_has_its_sentence() -> None:
    named = {text(lib.aats_machine_action_name(action)) for action in range(lib.AATS_ACT_CNT)}
    told = [row[0] for row in rows(2) if row[0] != "action"]
    assert sorted(told) == sorted(named)
    assert text(lib.aats_machine_action_name(lib.AATS_ACT_CNT)) == text(lib.aats_machine_action_name(-1)) == "?"


CODES = [row for row in rows(4) if row[0] != "code"]


@pytest.mark.parametrize("row", CODES, ids=lambda row: row[1])
def test_a_code_has_the_name_and_number_of_the_header(row: list[str]) -> None:
    assert text(lib.aats_code_name(int(row[0]))) == row[1]
    assert getattr(lib, f"AATS_OC_{row[1].upper()}") == int(row[0])


def test_every_code_is_listed() -> None:
    header = (ROOT / "csrc/order/codes.h").read_text(encoding="utf-8")
    named = {int(number) for name, number in re.findall(r"AATS_OC_(\w+) = (\d+)", header) if name not in ("NONE", "CNT")}
    assert named == {int(row[0]) for row in CODES}
