"""Where journals lie and what their files are called.

    <state>/journal/<account>/<strategy>/0123456789abcdef.aj        the first file of a run: its instance, 16 hex digits
    <state>/journal/<account>/<strategy>/0123456789abcdef.1.aj      the next ones, newest last
    <state>/journal/<account>/<strategy>/.0123456789abcdef.2.tmp    one in the making

Folders have mode 0700, files 0600.  Names say nothing secret: an account is a venue and eight digits of a hash.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from aats.config import paths
from aats.errors import ConfigError

_WORD = re.compile(r"[A-Za-z0-9_.-]+\Z")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]")
_FILE = re.compile(r"([0-9a-f]{16})(?:\.([1-9][0-9]*))?\.aj\Z")


def account_id(venue: str, key: str, subaccount: str = "") -> str:
    """Return the name of an account: the venue and the first 8 hex digits of SHA-256 of its key; never the key."""
    name = f"{venue.lower()}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return f"{name}-{_NOT_PLAIN.sub('_', subaccount)}" if subaccount else name


def folder_of(account: str, strategy: str) -> Path:
    """Return the folder of a strategy's journals on an account, made with mode 0700.

    Raises
    ------
    ConfigError
        If a name cannot be one of a folder, or the folder cannot be made.
    """
    for name in (account, strategy):
        if _WORD.match(name) is None or name.startswith("."):
            raise ConfigError(f"{name!r} cannot name a folder of journals: letters, digits, '_', '-' and '.' are allowed")
    folder = paths.state_home()
    for name in ("journal", account, strategy):
        folder = folder / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as exc:
            raise ConfigError(f"folder {folder} cannot be made ({exc.strerror}): set AATS_HOME to one that can") from exc
    return folder


def folders() -> list[tuple[str, str, Path]]:
    """Return (account, strategy, folder) of all that have ever had a journal here, by name."""
    found = [path for path in (paths.state_home() / "journal").glob("*/*") if path.is_dir()]
    return [(path.parent.name, path.name, path) for path in sorted(found)]


def part_of(path: Path) -> tuple[int, int] | None:
    """Return (instance, part) of a journal's file, None for another file; part 0 is a run's first."""
    match = _FILE.match(path.name)
    return None if match is None else (int(match[1], 16), int(match[2] or 0))


def files_of(folder: Path) -> dict[int, list[Path]]:
    """Return the files of each run in a folder, by instance, oldest part first."""
    found: dict[int, list[tuple[int, Path]]] = {}
    for path in folder.glob("*.aj"):
        name = part_of(path)
        if name is not None:
            found.setdefault(name[0], []).append((name[1], path))
    return {instance: [path for _, path in sorted(parts)] for instance, parts in found.items()}
