"""What segments are called, which are there, and how one goes.

For: names in ``/dev/shm``.  Not for mapping anything: ``segment.py``.

    /aats.<uid>.<namespace>.<layout hash, 8 hex>.<kind>.<label>.<generation>
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import posix_ipc

from aats.errors import ConfigError, ShmError
from aats.layout import NAME_MAX, Kind, hash8

#: Where Linux keeps POSIX shared memory.
SHM_DIR = Path("/dev/shm")

DEFAULT_NAMESPACE = "main"
_WORD = re.compile(r"[A-Za-z0-9_-]+\Z")
_NAMESPACE_MAX = 40


def namespace() -> str:
    """Return the namespace in force: ``$AATS_NS``, else ``main``.

    Raises
    ------
    ConfigError
        If the variable holds anything but letters, digits, ``_`` and ``-``, or more than 40 of them.
    """
    value = os.environ.get("AATS_NS") or DEFAULT_NAMESPACE
    if len(value) > _NAMESPACE_MAX or _WORD.match(value) is None:
        raise ConfigError(f"AATS_NS is {value!r}: a namespace has 1 to {_NAMESPACE_MAX} letters, digits, '_' or '-'")
    return value


def label_of(name: str) -> str:
    """Return `name` if it can be the name of a feed or process.

    Raises
    ------
    ConfigError
        If it holds anything but letters, digits, ``_`` and ``-``, or is empty or longer than 47.
    """
    if not 0 < len(name) <= NAME_MAX or _WORD.match(name) is None:
        raise ConfigError(f"{name!r} cannot be a name: 1 to {NAME_MAX} letters, digits, '_' or '-' are allowed")
    return name


@dataclass(frozen=True, order=True)
class SegmentName:
    """The parts of a segment's name; ``str()`` gives the name for ``shm_open``."""

    uid: int
    namespace: str
    hash8: str
    kind: str
    label: str
    generation: int

    def __str__(self) -> str:
        return f"/{self.file}"

    @property
    def file(self) -> str:
        """The file's name in ``/dev/shm``."""
        return f"aats.{self.uid}.{self.namespace}.{self.hash8}.{self.kind}.{self.label}.{self.generation}"

    @property
    def ours(self) -> bool:
        """Whether a build with this layout wrote it."""
        return self.hash8 == hash8()

    @classmethod
    def make(cls, kind: Kind, label: str, generation: int, *, ns: str | None = None) -> SegmentName:
        """Return the name that this user and build give to a segment."""
        return cls(os.getuid(), namespace() if ns is None else ns, hash8(), kind.name.lower(), label_of(label), generation)

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Return the parts of a name, with or without its slash; None if it is not one of ours in form."""
        parts = name.removeprefix("/").split(".")
        if len(parts) != 7 or parts[0] != "aats" or not parts[1].isdigit() or not parts[6].isdigit():
            return None
        if re.fullmatch(r"[0-9a-f]{8}", parts[3]) is None or not all(_WORD.match(part) for part in (parts[2], parts[4], parts[5])):
            return None
        return cls(int(parts[1]), parts[2], parts[3], parts[4], parts[5], int(parts[6]))


def names(
    *, ns: str | None = None, kind: Kind | None = None, label: str | None = None, uid: int | None = None, every: bool = False
) -> list[SegmentName]:
    """List the segments of this host by name, oldest generation first; none is opened.

    Parameters
    ----------
    ns, kind, label : optional
        Only those of it; default: of any.
    uid : int, optional
        Default: the caller's.
    every : bool, default False
        Also those of other layouts.
    """
    wanted = os.getuid() if uid is None else uid
    try:
        files = os.listdir(SHM_DIR)
    except OSError as exc:
        raise ShmError(f"{SHM_DIR} cannot be listed ({exc.strerror}): AATS needs POSIX shared memory") from exc
    found = [name for name in map(SegmentName.parse, files) if name is not None and name.uid == wanted and (every or name.ours)]
    if ns is not None:
        found = [name for name in found if name.namespace == ns]
    if kind is not None:
        found = [name for name in found if name.kind == kind.name.lower()]
    if label is not None:
        found = [name for name in found if name.label == label]
    return sorted(found)


def unlink(name: SegmentName | str) -> bool:
    """Remove a segment's name; who has it mapped keeps it.  Return False if there was none."""
    try:
        posix_ipc.unlink_shared_memory(str(name))
    except posix_ipc.ExistentialError:
        return False
    return True


def boot_id() -> str:
    """Return the id of this boot of the machine; a segment of another boot has no living writer."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
