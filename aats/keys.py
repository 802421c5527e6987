"""API keys of a venue: where they may come from, in which order, and what is refused.

For: trade processes and the command line.  Not for signing (csrc/proto/sign.h) and not for showing: a key stands in no repr, log or exception; an account is
named by ``aats.journal.account_id``.

::

    1  set_apikey(venue, key, secret)                        the script
    2  AATS_APIKEY_<VENUE> and AATS_SECRET_<VENUE>           the environment (and AATS_PASSPHRASE_<VENUE> where the venue wants one)
    3  ~/.config/aats/keys.toml (or $AATS_HOME/keys.toml)    a file of the user's own, mode 0600
         [BINANCE]              key = "..."  secret = "..."
         [BINANCE.sandbox]      the same for one mode: sandbox, sim or direct
         [OKX]                  key, secret, and passphrase = "..." where the venue wants one
    4  mode sim: the simulated exchange's own account, key, secret and passphrase "aats-sim"

A secret is an HMAC secret or the PEM text of a private key (Ed25519, or of the kind that the venue asks for); ``@FILE`` reads it from a file, which must be
readable by its owner alone.  The table ``[BINANCE]`` is for the venue itself: mode sim takes ``[BINANCE.sim]`` only.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aats.config import MODES, config_home
from aats.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same module under its older name
    import tomli as tomllib

__all__ = ["WITH_PASSPHRASE", "Credentials", "find", "key_file"]

#: Venues whose keys have a passphrase beside the secret.
WITH_PASSPHRASE = frozenset(("OKX", "OKX_SWAP"))

#: Key and secret of the simulated exchange's account where it was started without ``--key``.  Worth nothing anywhere else.
SIM_KEY = "aats-sim"
#: The same secret in the form of a venue whose signers take no other.
SIM_SECRETS = {
    "KRAKEN": "YWF0cy1zaW0=",
    "COINBASE": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIJS/eGJfMPQL5FqHZdr8BX7TevRxX6pJyYFZfWBtj+JhoAoGCCqGSM49\n"
    "AwEHoUQDQgAENUnacutuEufPhUmmTcmlpzE68kCAu/80B2/Ys6njtFxcWDJPkcl2\n5GE0MG5IOXIzkVajFWwras/n+TRHPRD0bA==\n-----END EC PRIVATE KEY-----\n",
}
_FILE_MAX = 65536


@dataclass(frozen=True)
class Credentials:
    """A key with its secret; neither is in the repr.

    Attributes
    ----------
    passphrase : str
        "" for venues that have none.
    origin : str
        Where they come from, for people.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    origin: str = ""
    passphrase: str = field(default="", repr=False)


def key_file() -> Path:
    """Return where the key file is looked for."""
    return config_home() / "keys.toml"


def find(venue: str, mode: str, *, given: tuple[str, str] | tuple[str, str, str] | None = None) -> Credentials:
    """Return the credentials of a venue in a mode.

    Parameters
    ----------
    given : (key, secret[, passphrase]), optional
        What ``set_apikey`` was told; it wins.

    Raises
    ------
    ConfigError
        There is none, or a source is half filled, unreadable, or readable by others; the text says what to do.
    """
    if given is not None:
        found: Credentials | None = Credentials(
            given[0], _secret(given[1], f"set_apikey({venue!r})"), "set_apikey", given[2] if len(given) == 3 else ""
        )
    else:
        found = _from_environment(venue) or _from_file(venue, mode)
    if found is not None:
        if venue in WITH_PASSPHRASE and not found.passphrase:
            raise ConfigError(
                f"{venue} {mode}: the key from {found.origin} needs its passphrase: set_apikey({venue!r}, key, secret, password), "
                f"AATS_PASSPHRASE_{venue}, or passphrase = in {key_file()}"
            )
        return found
    if mode == "sim":
        return Credentials(
            SIM_KEY, SIM_SECRETS.get(venue, SIM_KEY), "the simulated exchange's own account", SIM_KEY if venue in WITH_PASSPHRASE else ""
        )
    raise ConfigError(
        f"{venue} {mode}: no API key: call set_apikey({venue!r}, key, secret), or set AATS_APIKEY_{venue} and AATS_SECRET_{venue}, "
        f"or write [{venue}] with key = and secret = into {key_file()} (mode 0600)"
    )


def _from_environment(venue: str) -> Credentials | None:
    names = (f"AATS_APIKEY_{venue}", f"AATS_SECRET_{venue}")
    key, secret = (os.environ.get(name, "") for name in names)
    if not key and not secret:
        return None
    if not key or not secret:
        have, lack = names if key else names[::-1]
        raise ConfigError(f"environment: {have} is set, {lack} is not: set both or none")
    return Credentials(key, _secret(secret, f"environment: {names[1]}"), "the environment", os.environ.get(f"AATS_PASSPHRASE_{venue}", ""))


def _from_file(venue: str, mode: str) -> Credentials | None:
    path = key_file()
    if not path.exists():
        return None
    try:
        tables = tomllib.loads(_private_text(path, "the key file"))
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: is not TOML: {exc}") from None  # the chain would end in a traceback that shows the text
    table = tables.get(venue)
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path}: [{venue}] must be a table with key and secret")
    known = ["key", "secret", *(["passphrase"] if venue in WITH_PASSPHRASE else []), *MODES]
    unknown = set(table) - set(known)
    if unknown:
        raise ConfigError(f"{path}: [{venue}] has {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    where = f"{path}: [{venue}.{mode}]"
    own: Any = table.get(mode)
    if own is None and mode != "sim" and ("key" in table or "secret" in table):
        own, where = {name: table[name] for name in ("key", "secret", "passphrase") if name in table}, f"{path}: [{venue}]"
    if own is None:
        return None
    values = [own.get(name, "") for name in ("key", "secret")] if isinstance(own, Mapping) else ["", ""]
    if not all(isinstance(value, str) and value for value in values):
        raise ConfigError(f"{where} must have key and secret, both texts that are not empty")
    passphrase = own.get("passphrase", "")
    if not isinstance(passphrase, str):
        raise ConfigError(f"{where}: passphrase must be a text")
    return Credentials(values[0], _secret(values[1], where), str(path), passphrase)


def _secret(text: str, where: str) -> str:
    """Return a secret, read from its file if it begins with ``@``; line ends of a PEM text may be spelled ``\\n``, as an environment has them."""
    if not text.startswith("@"):
        return text.replace("\\n", "\n") if text.startswith("-----BEGIN") else text
    found = _private_text(Path(text[1:]).expanduser(), f"{where}: the file of the secret").strip()
    if not found:
        raise ConfigError(f"{where}: {text[1:]} is empty")
    return found + "\n" if found.startswith("-----BEGIN") else found


def _private_text(path: Path, what: str) -> str:
    """Return the text of a file that belongs to us and that nobody else can read."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ConfigError(f"{what} {path} is not a file")
            if facts.st_uid not in (os.getuid(), 0):
                raise ConfigError(f"{what} {path} belongs to uid {facts.st_uid}, not to you (uid {os.getuid()}): chown it")
            if facts.st_mode & 0o077:
                raise ConfigError(f"{what} {path} can be read by others (mode {facts.st_mode & 0o777:04o}): chmod 600 {path}")
            return file.read(_FILE_MAX).decode("utf-8")
    except OSError as exc:
        raise ConfigError(f"{what} {path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{what} {path} is not UTF-8 text") from None
