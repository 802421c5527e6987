"""The token: what a process on another host has to know before a control server or a feed of this user answers it.

For: ``aats control`` beyond loopback, P2P subscribers, repair of lost datagrams.  Not for venues: ``aats.keys``.  It stands in no log, repr, segment or
command line.

::

    1  AATS_TOKEN                                  the environment
    2  ~/.config/aats/token (or $AATS_HOME/token)  a file of the user's own, mode 0600; `aats token --new` makes one

On loopback none is needed: a control server goes by the user's id there and takes no token, a feed asks for one if it is set.  It keeps strangers out; it does
not hide anything from who can read the wire: between hosts that do not trust their network use a tunnel (docs/deployments.md).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

from aats.config import config_home
from aats.errors import ConfigError

__all__ = ["make", "proof", "same", "token", "token_file"]

_SHORTEST = 16
_PROOF_OF = b"aats p2p"


def token_file() -> Path:
    """Return where the token's file is looked for."""
    return config_home() / "token"


def token() -> str:
    """Return the token, "" if there is none.

    Raises
    ------
    ConfigError
        It is shorter than 16 characters or not printable, or its file is readable by others or cannot be read.  The text does not show it.
    """
    value = os.environ.get("AATS_TOKEN", "").strip()
    where = "environment: AATS_TOKEN"
    if not value:
        where = str(token_file())
        value = _of_file(token_file())
    if value and len(value) < _SHORTEST:
        raise ConfigError(f"{where}: a token has at least {_SHORTEST} characters")
    if not value.isprintable():
        raise ConfigError(f"{where}: a token is one line of printable text")
    return value


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(f"{path}: may be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it")
            return file.read(4096).decode("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: the token cannot be read: {getattr(exc, 'strerror', None) or 'it is not text'}") from None


def make() -> str:
    """Make a new token, put it into its file in place of what is there, and return it.

    Raises
    ------
    ConfigError
        The file cannot be written.
    """
    path = token_file()
    value = secrets.token_urlsafe(32)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(value + "\n")
        part.replace(path)
    except OSError as exc:
        raise ConfigError(f"{path}: the token cannot be written: {exc.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return value


def proof(value: str) -> bytes:
    """Return the 16 bytes that a hello carries for this token; all zero for none."""
    return hmac.new(value.encode(), _PROOF_OF, hashlib.sha256).digest()[:16] if value else bytes(16)


def same(ours: str, theirs: object) -> bool:
    """Compare two tokens in constant time; False if `theirs` is no text."""
    return isinstance(theirs, str) and hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "replace"))
