"""The account that a trade process of an exchange and mode would use, for the commands that look at it from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aats import budget, config, journal, keys
from aats.errors import ConfigError
from aats.venue import account_class, client_class
from aats.venue.account import VenueAccount

__all__ = ["open_account"]


@contextlib.contextmanager
def open_account(exchange: str, mode: str) -> Iterator[tuple[VenueAccount, str]]:
    """Give the account's client and its id; the key is found as a trade process finds it (aats/keys.py).

    Raises
    ------
    ConfigError
        There is no key, or no address: a simulated exchange has none until the lines that it prints are exported.
    """
    found = keys.find(exchange, mode)
    environment = config.environment()
    variable = f"AATS_ENDPOINT_{exchange}_{mode.upper()}_REST"
    own = client_class(exchange).endpoints_of(mode)
    rest = environment[variable][0] if variable in environment else own.rest if own is not None else ""
    if not rest:
        raise ConfigError(f"{exchange} {mode}: no address: set {variable} (`aats sim` prints it)")
    shared = budget.budgets_of(exchange, mode, rest, member=False)
    with account_class(exchange)(
        rest, found.key, found.secret, passphrase=found.passphrase, cafile=environment["AATS_CAFILE"][0], budget=shared
    ) as account:
        if mode == "sandbox":
            account.on_test_network()
        yield account, journal.account_id(exchange, found.key)
