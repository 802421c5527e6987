"""A mapped segment: attaching to one that is there, and what can be made from it.

For: addresses, arrays and pointers.  Not for the meaning of what they hold: csrc/shm/*.h, ``aats.layout``; the making of a new one is in ``create.py``.

Lifetime: a mapping lives as long as anything made from it.  Arrays and pointers of a `Segment` hold it, so one that outlives the segment, its name or its
writer still reads the last bytes and never faults.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import posix_ipc

from aats._ffi import check, ffi, lib, text
from aats.errors import LayoutMismatch, SegmentMissing, ShmError
from aats.layout import LAYOUT_HASH, SEG, Kind
from aats.shm.header import complain_of_foreign
from aats.shm.names import SegmentName

_WHY_SZ = 400


class Segment:
    """One mapped segment.  Made by `create*` and `attach`, not by hand.

    Attributes
    ----------
    name : SegmentName
    size : int
        Bytes mapped.
    writable : bool
    memory : mmap.mmap
    address : int
        Of the first byte, for C.

    Notes
    -----
    Lifetime: see the module.  There is no ``close``: drop the object and what was made from it.
    """

    def __init__(self, name: SegmentName, memory: mmap.mmap, *, writable: bool) -> None:
        self.name = name
        self.memory = memory
        self.size = len(memory)
        self.writable = writable
        self._base = ffi.from_buffer(memory)
        self.address = int(ffi.cast("uintptr_t", self._base))
        self._view: Any = None

    def __repr__(self) -> str:
        return f"<Segment {self.name} {self.size} bytes, {'rw' if self.writable else 'ro'}>"

    def array(self, dtype: npt.DTypeLike, offset: int = 0, count: int = 1) -> npt.NDArray[Any]:
        """Return `count` structs at `offset` as a numpy view, shape (count,); read-only where the mapping is.

        Notes
        -----
        Threads: plain reads; words that move under you are to be taken through the C verbs (ring, latest, valid).
        """
        wanted = np.dtype(dtype).itemsize * count
        if offset < 0 or offset + wanted > self.size:
            raise ShmError(f"{self.name}: {wanted} bytes at {offset} are not inside its {self.size} bytes")
        return np.frombuffer(self.memory, dtype=dtype, count=count, offset=offset)

    def pointer(self, ctype: str, offset: int = 0) -> Any:
        """Return a cffi pointer to the struct `ctype` at `offset`; it holds the mapping.

        Notes
        -----
        A pointer into a read-only mapping must not be written through: the kernel ends the process that does.
        """
        wanted = ffi.sizeof(ctype)
        if offset < 0 or offset + wanted > self.size:
            raise ShmError(f"{self.name}: {ctype} at {offset} is not inside its {self.size} bytes")
        return ffi.from_buffer(f"{ctype} *", memoryview(self.memory)[offset : offset + wanted])

    @property
    def header(self) -> Any:
        """The header as a numpy record."""
        return self.array(SEG)[0]

    @property
    def generation(self) -> int:
        return self.name.generation

    @property
    def successor(self) -> int:
        """Generation that replaced this one; 0 while it is the current one."""
        return int(lib.aats_seg_successor(self._base))

    def succeed(self, generation: int) -> None:
        """Tell readers that `generation` replaces this segment."""
        check(lib.aats_seg_succeed(self._base, generation), f"{self.name}: cannot be succeeded by generation {generation}")

    @property
    def md(self) -> Any:
        """``aats_md_view_t *`` of a market-data segment, every offset checked against the mapping; hold the Segment as long as you use it.

        Raises
        ------
        ShmError
            If the geometry in its header does not fit its size.
        """
        if self._view is None:
            why = ffi.new("char[]", _WHY_SZ)
            view = ffi.new("aats_md_view_t *")
            if lib.aats_md_attach(self._base, self.size, view, why, _WHY_SZ) != lib.AATS_OK:
                raise ShmError(f"{self.name}: {text(why)}")
            self._view = view
        return self._view


def map_fd(name: SegmentName, fd: int, size: int, *, writable: bool) -> Segment:
    """Map `size` bytes of an open descriptor; the caller may close it afterwards."""
    access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
    return Segment(name, mmap.mmap(fd, size, access=access), writable=writable)


def attach(name: SegmentName, *, writable: bool = False) -> Segment:
    """Map an existing segment after its header was checked.

    Raises
    ------
    SegmentMissing
        No such name, or its maker has not finished.
    LayoutMismatch
        Another layout; or there is none of ours, but a living process has the same label in another layout.  The text has both hashes.
    ShmError
        It is not a segment, or may not be opened.
    """
    try:
        shared = posix_ipc.SharedMemory(str(name), flags=0, read_only=not writable)
    except posix_ipc.ExistentialError:
        complain_of_foreign(Kind[name.kind.upper()], label=name.label, ns=name.namespace)
        raise SegmentMissing(f"no shared-memory segment {name}") from None
    except posix_ipc.PermissionsError as exc:
        raise ShmError(f"{name} may not be opened by uid {os.getuid()}: {exc}") from exc
    try:
        size = os.fstat(shared.fd).st_size
        if size < SEG.itemsize:
            raise SegmentMissing(
                f"{name} has {size} bytes, a header alone needs {SEG.itemsize}: its maker has not finished, or it is not a segment of AATS"
            )
        segment = map_fd(name, shared.fd, size, writable=writable)
    finally:
        shared.close_fd()
    _check(segment, Kind[name.kind.upper()])
    return segment


def _check(segment: Segment, kind: Kind) -> None:
    why = ffi.new("char[]", _WHY_SZ)
    code = lib.aats_seg_check(segment._base, segment.size, int(kind), why, _WHY_SZ)
    if code == lib.AATS_OK:
        return
    theirs = int(segment.header["layout_hash"])
    if code == lib.AATS_E_LAYOUT and theirs != LAYOUT_HASH:
        raise LayoutMismatch(f"{segment.name}: {text(why)}", ours=LAYOUT_HASH, theirs=theirs)
    raise (SegmentMissing if code == lib.AATS_E_EMPTY else ShmError)(f"{segment.name}: {text(why)}")
