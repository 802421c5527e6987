"""Journals beside those that a run goes on with: of a living process of the same name, and of the same strategy under another API key.

For: ``aats.trade_orders``, before anything is taken over.  Not for what an earlier run left (``aats.trade_restart``).

Seats and names are a namespace's, journals are a home's: two processes of one name in two namespaces would both go on with the same holdings, which the next
run would have once.  An account is known by its API key: with a new key a strategy begins with nothing, and what it holds stays with the old one.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from aats import journal
from aats.errors import ConfigError

__all__ = ["refuse_second", "under_other_keys", "warn_of_other_keys"]

log = logging.getLogger("aats.trade")


def refuse_second(name: str, folders: Iterable[Path], living: Collection[int]) -> None:
    """See to it that no other process writes a journal in the folders of this strategy.

    Parameters
    ----------
    living : collection of int
        Instances of the other trade processes of this user, in any namespace.

    Raises
    ------
    ConfigError
        One does.
    """
    for folder in folders:
        for instance, parts in journal.files_of(folder).items():
            with contextlib.suppress(FileNotFoundError):
                if instance in living and journal.is_written(parts[-1]):
                    raise ConfigError(
                        f"{name}: a process of this name trades on this account in another namespace ({parts[-1]} is being written): both would go on "
                        "with the same position; give one of them another name, or another AATS_HOME"
                    )


def under_other_keys(name: str, accounts: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return (account, what is there) of each other account of the same venues where this strategy holds something, or left orders."""
    venues = {account.partition("-")[0] for account in accounts}
    found = []
    for account, strategy, folder in journal.folders():
        if strategy != name or account in accounts or account.partition("-")[0] not in venues:
            continue
        runs = journal.scan(folder)
        if any(run.running for run in runs if not run.ended):
            continue  # somebody looks after it
        last, words = journal.carried(runs), []
        left = sum(len(run.open) for run in runs if not run.ended)
        if left:
            words.append(f"{left} orders that may be open")
        if last is not None:
            held = [hold for hold in last.holds.values() if hold["size"]["lo"] or hold["size"]["hi"]]
            words += sorted({f"a position in {bytes(hold['symbol']).decode('utf-8', 'replace')}" for hold in held})
        if words:
            found.append((account, words))
    return found


def warn_of_other_keys(name: str, accounts: Sequence[str]) -> None:
    """Say what of a strategy stays under other API keys: nothing of it counts here, nor is it looked after."""
    for account, words in under_other_keys(name, accounts):
        log.warning(
            "%s: under another API key (account %s) it has %s: that does not count here, and nobody looks after it",
            name,
            account,
            ", ".join(words),
        )
