"""All runs of a strategy on an account: what they left behind, and whose holdings stand for all.

For: the next run, the supervisor, and commands.  Not for what is true: an order that is open here may be closed at the venue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from aats.journal.places import files_of, part_of
from aats.journal.reading import Run, look_at, read_run
from aats.journal.records import has_ended


def scan(folder: Path) -> list[Run]:
    """Return what the runs of a folder left behind, oldest first.  A file that vanishes meanwhile is passed over.

    An order that a later run has adopted is not one that the earlier run left.
    """
    runs = []
    for parts in files_of(folder).values():
        try:
            runs.append(_brief(parts) if has_ended(parts[-1]) else read_run(parts))
        except FileNotFoundError:
            continue
    if any(run.left for run in runs):
        _hand_over(runs)
    return sorted(runs, key=lambda run: (run.start_ns or _mtime_ns(run.path), run.path.name))


def start_after(folder: Path, now_ns: int) -> int:
    """Return the time with which a new run begins: `now_ns`, or just behind the newest run of the folder where the clock has gone back since.

    Runs are ordered by it: with a wrong order the holdings of an old one would be taken for those of today.
    """
    newest = 0
    for parts in files_of(folder).values():
        try:
            newest = max(newest, look_at(parts[0]).start_ns)
        except FileNotFoundError:
            continue
    return max(now_ns, newest + 1)


def _brief(parts: list[Path]) -> Run:
    """Return a run that has ended, without what it says."""
    name = part_of(parts[-1])
    return Run(parts[-1], 0 if name is None else name[0], ended=True, parts=list(parts), start_ns=look_at(parts[0]).start_ns)


def _mtime_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _hand_over(runs: Sequence[Run]) -> None:
    """Leave each order that was adopted with the last run that did: one may have gone through several hands."""
    last: dict[tuple[int, int], tuple[int, int]] = {}
    for run in runs:
        first = look_at(run.parts[0]) if run.ended else None
        checked_ns, adopted = (run.checked_ns, run.adopted) if first is None else (first.checked_ns, first.adopted)
        for key in adopted:
            last[key] = max(last.get(key, (0, 0)), (checked_ns, run.instance))
    for run in runs:
        for left in list(run.left.values()):
            if last.get((left.instance, left.client_no), (0, run.instance))[1] != run.instance:
                del run.left[left.order_id]


def carried(runs: Iterable[Run]) -> Run | None:
    """Return, read whole, the run (of `scan`) whose holdings, fees and day totals stand for all runs before it; None if there is none.

    It is the one that took them over last, by the time of its first checkpoint.  Whoever takes them over from it gives ``aats_trader_carried`` a later one:
    ``max(now, run.checked_ns + 1)``, and a clock that goes back does no harm.
    """
    found: list[tuple[int, Run]] = []
    for run in runs:
        try:
            found.append((run.checked_ns or look_at(run.parts[0]).checked_ns, run))
        except FileNotFoundError:
            continue
    newest = max(found, key=lambda pair: pair[0], default=(0, None))
    if newest[0] == 0 or newest[1] is None:
        return None
    return read_run(newest[1].parts) if newest[1].ended else newest[1]
