"""Every transcript with every runner: paper trading, the simulated exchange and the order session say the same of the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aats.layout import OrderEvent
from tests.orders.transcripts import CODES, FAULTS, Case, Mismatch, cases, read
from tests.orders.venues import RUNNERS, rules

CASES = cases()
PLAYED = [(name, runner) for name, case in CASES.items() for runner in case.only or RUNNERS]

#: Cases that paper trading, or also the simulated exchange, cannot have: each says why.
NOT_PAPER = {
    "answer_late",
    "cancel_request_lost",
    "canceled_by_another",
    "cut_canceled_away",
    "cut_never_arrived",
    "cut_part_canceled_away",
    "insufficient_balance",
    "unknown_error_code",
    "venue_ban",
    "venue_key_refused",
    "venue_rate_limit",
    "venue_refusals",
    "wrong_key",
}
SESSION_ALONE = {"expired_by_venue"}

#: Codes that no transcript shows, and where they are tested.
CODES_ELSEWHERE = {
    "": "no reason",
    "journal": "tests/c/test_trader_journal.c: transcripts have no journal",
    "fills_missing": "tests/c/test_session_gap.c: no venue of transcripts loses trades",
    "amend_pending": "tests/c/test_machine.c: none of these runners amends",
    "fenced": "tests/c/test_seat.c: transcripts have no risk segment; so for all that follow",
} | dict.fromkeys(
    (
        *("risk_size", "risk_notional", "risk_position", "risk_exposure", "risk_open", "risk_rate", "risk_collar", "risk_book"),
        *("risk_duplicate", "risk_loss", "reduce_only", "risk_halted", "risk_full"),
    ),
    "tests/c/test_gate.c",
)


def play(case: Case, runner: str) -> None:
    RUNNERS[runner](case, rules()).play()


@pytest.mark.parametrize(("name", "runner"), PLAYED)
def test_transcript_is_reproduced(name: str, runner: str) -> None:
    play(CASES[name], runner)


def test_few_cases_are_not_for_all_runners_and_each_says_why() -> None:
    limited = {name: case.only for name, case in CASES.items() if case.only}
    assert limited == dict.fromkeys(NOT_PAPER, ("sim", "session")) | dict.fromkeys(SESSION_ALONE, ("session",))
    assert all(CASES[name].head["why"] for name in limited)


# ---------------------------------------------------------------------------------- what transcripts reach


def test_every_order_callback_is_in_a_transcript_but_amended() -> None:
    words = {
        # onRisk is the host's, no venue says it
        "on" + ("" if event >= OrderEvent.DISCONNECT else "Order") + "".join(part.capitalize() for part in event.name.split("_"))
        for event in OrderEvent
        if event != OrderEvent.RISK
    }
    told = {step["expect"] for case in CASES.values() for _, step in case.steps if "expect" in step}
    assert words - told == {"onOrderAmended"}, (
        "none of these runners amends: tests/c/test_session_amend.c, tests/world/test_venue_orders.py"
    )
    assert not told - words


def test_every_code_is_in_a_transcript_or_named_here() -> None:
    told = {step["code"] for case in CASES.values() for _, step in case.steps if "code" in step and "expect" in step}
    assert set(CODES.values()) - told - {""} == set(CODES_ELSEWHERE) - {""}
    assert not told - set(CODES.values())


def test_every_fault_is_in_a_transcript() -> None:
    assert {step["fault"] for case in CASES.values() for _, step in case.steps if "fault" in step} == set(FAULTS)


# ---------------------------------------------------------------------------------- a runner can say no


def _with(case: Case, number: int, step: dict[str, Any]) -> Case:
    return replace(case, steps=tuple((n, step if n == number else old) for n, old in case.steps))


@pytest.mark.parametrize(("name", "runner"), PLAYED)
def test_a_callback_that_the_transcript_does_not_have_is_a_mismatch(name: str, runner: str) -> None:
    case = CASES[name]
    last = max(number for number, step in case.steps if "expect" in step)
    with pytest.raises(Mismatch):
        play(replace(case, steps=tuple(step for step in case.steps if step[0] != last)), runner)


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_callback_that_does_not_come_is_a_mismatch(runner: str) -> None:
    case = CASES["gtc_fill"]
    extra = (99, {"expect": "onOrderClosed", "id": 1})
    with pytest.raises(Mismatch, match="nothing was told"):
        play(replace(case, steps=(*case.steps, extra)), runner)


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", ["ioc_filled", "gtc_fill", "two_strategies"])
def test_each_value_of_a_transcript_is_compared(name: str, runner: str) -> None:
    case = CASES[name]
    for number, step in case.steps:
        for key in step if "expect" in step else ():
            if key == "msg" and not step["msg"]:
                continue  # contained in every text
            other = {"expect": "onOrderUnknown", "id": 5, "margin": True, "strategy": 7}.get(key, "0.123")
            with pytest.raises(Mismatch):
                play(_with(case, number, {**step, key: other}), runner)


# ---------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "lines",
    [
        [{"case": "another", "about": ""}],
        [{"case": "x", "about": "", "only": ["sim"]}],
        [{"case": "x", "about": "", "runner": "sim"}],
        [{"case": "x", "about": ""}, {"expected": "onOrderAcked"}],
        [{"case": "x", "about": ""}, {"expect": "onOrderAcked", "quiet": 5}],
        [{"case": "x", "about": ""}, {"fault": "earthquake"}],
    ],
)
def test_a_file_that_is_no_transcript_is_refused(lines: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    with pytest.raises(ValueError, match=r"x\.jsonl"):
        read(path)
