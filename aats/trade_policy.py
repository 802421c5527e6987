"""What a trade process does when things go wrong: the options of ``TradeService`` that its orders depend on, and the same keys of a strategy's file.

For: ``TradeService``, ``aats trade FILE.toml``, ``aats config show``.  Not for what they do: ``aats.trade_orders`` and the parts that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aats import risk as limits_of_host
from aats.config import Limits
from aats.config.rules import Rule, apply, choice, flag, number
from aats.journal import SYNC

__all__ = ["KEYS", "Policy", "policy_of"]


def _asked(value: Any) -> bool | None:
    return None if value is None else flag(value)


@dataclass(frozen=True)
class Policy:
    """How a trade process treats its orders.

    Attributes
    ----------
    strict : bool
        A float price or size that is no multiple of tick or lot is refused, instead of moved to the passive side.
    on_restart : {'cancel', 'adopt'}
        Of open orders that an earlier run left: canceled before onStart, or taken over.
    on_death : {'cancel', 'keep'}
        What the supervisor does with them when this process dies or hangs.
    grace_ms : int
        How long it waits first: a restart within that has the orders.
    hang_ms : int
        Without a pass of the loop for so long the process counts as hung.
    on_disconnect : {'refuse', 'hold'}
        Of new orders while the order session is not ready: refused (not_connected), or they wait for it.
    hold_ms : int
        How long they wait at most.
    supervisor : bool or None
        Whether a supervisor watches; None: for direct and sandbox, not for sim (AATS_SUPERVISOR), never for paper.
    sync : {'never', 'intent', 'all'}
        When the journal is brought to the disk (docs/journal.md): a power cut is the only thing that makes a difference.
    risk : mapping
        Limits of this strategy, of symbols, of the host, as `aats.risk.settings` takes them, set when the run begins; {}: those in force stay.
    """

    strict: bool = False
    on_restart: str = "cancel"
    on_death: str = "cancel"
    grace_ms: int = 0
    hang_ms: int = Limits.hang_ms
    on_disconnect: str = "refuse"
    hold_ms: int = 5_000
    supervisor: bool | None = None
    sync: str = "never"
    risk: Mapping[str, Any] = field(default_factory=dict)


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table of limits")
    return dict(value)


#: The rule of each option, in the order of `Policy`.
KEYS: dict[str, Rule] = {
    "strict": flag,
    "on_restart": choice("cancel", "adopt"),
    "on_death": choice("cancel", "keep"),
    "grace_ms": number(0, 600_000),
    "hang_ms": number(100, 600_000),
    "on_disconnect": choice("refuse", "hold"),
    "hold_ms": number(1, 600_000),
    "supervisor": _asked,
    "sync": choice(*SYNC),
    "risk": _table,
}


def policy_of(where: str, given: Mapping[str, Any]) -> Policy:
    """Return the policy that options make.

    Parameters
    ----------
    where : str
        Begins the text of an error: ``"TradeService"``.
    given : mapping
        Options by name; None is the default.

    Raises
    ------
    ConfigError
        A value breaks its rule.
    """
    if isinstance(given.get("risk"), Mapping):
        limits_of_host.settings(given["risk"], f"{where}: risk")
    return Policy(**{key: apply(KEYS[key], value, f"{where}: {key}") for key, value in given.items() if value is not None})
