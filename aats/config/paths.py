"""Where our files live: ``$AATS_HOME``, else the XDG folders; made with mode 0700 when asked for.  No file is opened here."""

from __future__ import annotations

import os
from pathlib import Path

from aats.errors import ConfigError


def _home(xdg: str, fallback: str) -> Path:
    own = os.environ.get("AATS_HOME")
    if own:
        return Path(own).expanduser().absolute()
    base = os.environ.get(xdg)
    # The XDG rules say that a relative path there is to be ignored.
    return (Path(base) if base and os.path.isabs(base) else Path.home() / fallback) / "aats"


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise ConfigError(f"folder {folder} cannot be made ({exc.strerror}): set AATS_HOME to one that can") from exc
    return folder


def config_home() -> Path:
    """Return the folder of configuration files: ``$AATS_HOME``, else ``~/.config/aats``.  Not created."""
    return _home("XDG_CONFIG_HOME", ".config")


def state_home() -> Path:
    """Return the folder of logs and journals: ``$AATS_HOME``, else ``~/.local/state/aats``; created with mode 0700."""
    return _private(_home("XDG_STATE_HOME", ".local/state"))


def cache_home() -> Path:
    """Return the folder of what can be had again: ``$AATS_HOME/cache``, else ``~/.cache/aats``; created with mode 0700."""
    base = _home("XDG_CACHE_HOME", ".cache")
    return _private(base / "cache" if os.environ.get("AATS_HOME") else base)


def log_dir() -> Path:
    """Return the folder of the logs of started processes, created."""
    return _private(state_home() / "log")


def run_dir() -> Path:
    """Return the folder of files that a running process was started from, created."""
    return _private(state_home() / "run")
