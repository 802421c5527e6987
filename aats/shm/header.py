"""The 64 bytes of a segment's header that keep their place in every version, so that a foreign one can be named without mapping our structs over it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any, ClassVar

from aats._ffi import lib
from aats.errors import LayoutMismatch, SegmentMissing, ShmError
from aats.layout import LAYOUT_HASH, SEG_MAGIC, Kind, hash8
from aats.shm.names import SHM_DIR, SegmentName, names


@dataclass(frozen=True)
class Header:
    """Who made a segment of any layout, and when."""

    magic: int
    header_sz: int
    kind: int
    layout_hash: int
    size: int
    generation: int
    created_ns: int
    owner: int
    bytes_there: int

    FORMAT: ClassVar[struct.Struct] = struct.Struct("<QIIQQQqQ8x")

    @classmethod
    def read(cls, name: SegmentName) -> Header:
        """Read the header of a segment; zeros where it is shorter.

        Raises
        ------
        SegmentMissing
            It is gone.
        ShmError
            It may not be opened.
        """
        try:
            fd = os.open(SHM_DIR / name.file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SegmentMissing(f"no shared-memory segment {name}") from None
        except OSError as exc:
            raise ShmError(f"{name} cannot be opened: {exc.strerror}") from exc
        try:
            raw = os.pread(fd, cls.FORMAT.size, 0).ljust(cls.FORMAT.size, b"\0")
            words: list[int] = [*cls.FORMAT.unpack(raw), os.fstat(fd).st_size]
            return cls(*words)
        finally:
            os.close(fd)

    @property
    def pid(self) -> int:
        """Of its maker."""
        return int(lib.aats_ident_pid(self.owner))

    @property
    def alive(self) -> bool:
        """Whether its maker runs."""
        return self.owner != 0 and bool(lib.aats_proc_alive(self.owner))

    def facts(self, name: SegmentName) -> dict[str, Any]:
        """Return what tools show of it."""
        return {
            "name": str(name),
            "kind": name.kind,
            "label": name.label,
            "generation": name.generation,
            "bytes": self.bytes_there,
            "layout": f"{self.layout_hash:016x}",
            "ours": name.ours,
            "ready": self.magic == SEG_MAGIC,
            "created_ns": self.created_ns,
            "owner_pid": self.pid,
            "owner_alive": self.alive,
        }


def complain_of_foreign(kind: Kind, *, label: str | None = None, ns: str | None = None) -> None:
    """Raise LayoutMismatch if a living process of this user has such a segment in another layout; to be asked where none of ours is found."""
    for name in names(ns=ns, kind=kind, label=label, every=True):
        if name.ours:
            continue
        try:
            header = Header.read(name)
        except ShmError:
            continue
        if header.alive:
            raise LayoutMismatch(
                f"{name.kind} {name.label!r} of pid {header.pid} has layout {header.layout_hash:016x}, this build has {LAYOUT_HASH:016x} "
                f"({name.hash8} and {hash8()} in the names): stop it and start it again with this version of aats",
                ours=LAYOUT_HASH,
                theirs=header.layout_hash,
            )
