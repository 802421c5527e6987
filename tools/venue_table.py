"""Run the conformance suite and write what passed into docs/venues.md: ``python -m tools.venue_table``.

For: the table of venues and behaviours.  ``--check`` writes nothing and says whether the page is as it should be by the declarations alone, which is
what the test does: that a declared or undeclared case is true is tested case by case (tests/conformance).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "venues.md"
BEGIN, END = "<!-- capabilities: begin -->\n", "<!-- capabilities: end -->\n"


def run() -> set[tuple[str, str]]:
    """Run every case at every venue; return (venue, case) of those that passed, or end where the suite is red."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance", "-k", "says_that_it_cannot"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "AATS_CONFORMANCE_RESULTS": folder}, check=False)
        if done.returncode:
            raise SystemExit("the conformance suite is red: nothing was written")
        notes = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).iterdir()]
    return {(note["venue"], note["case"]) for note in notes if note["passed"]}


def declared() -> set[tuple[str, str]]:
    """Return (venue, case) of those that must pass, because they are not declared unsupported."""
    from aats.venue.capabilities import UNSUPPORTED

    venues, cases = _lists()
    return {(venue, number) for venue in venues for number in cases if number not in UNSUPPORTED.get(venue, {})}


def table(passed: Collection[tuple[str, str]]) -> str:
    """Return the table as text: a row a case, a column a venue, and the reasons below it."""
    from aats.venue.capabilities import UNSUPPORTED

    venues, cases = _lists()
    reasons: dict[str, int] = {}
    lines = [f"| case | what a venue does | {' | '.join(venues)} |", "|---|---|" + "---|" * len(venues)]
    for number, sentence in cases.items():
        cells = []
        for venue in venues:
            if (venue, number) in passed:
                cells.append("yes")
            else:
                reason = UNSUPPORTED[venue][number]
                cells.append(f"({reasons.setdefault(reason, len(reasons) + 1)})")
        lines.append(f"| {number} | {sentence} | {' | '.join(cells)} |")
    lines += ["", *(f"({at}) {reason}  " for reason, at in reasons.items())]
    return "\n".join(lines) + "\n"


def page(text: str, made: str) -> str:
    """Return the page with the table in its place."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + made + END + tail


def _lists() -> tuple[list[str], dict[str, str]]:
    from tests.conformance import cases_data, cases_orders  # noqa: F401 - they fill the list
    from tests.conformance.cases import CASES
    from tests.conformance.rows import rows

    return list(rows()), {number: one.sentence for number, one in CASES.items()}


def main() -> int:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(prog="python -m tools.venue_table", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the page is not as declared")
    args = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    made = page(text, table(declared() if args.check else run()))
    if args.check:
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
