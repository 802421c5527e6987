"""Making segments: bytes reserved, header written, magic last.

For: the control table, a feed's and a trade process's segment.  Not for deciding generations and retiring old segments: ``aats.table.Member``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable

import posix_ipc

from aats._ffi import check, ffi, lib
from aats.errors import ConfigError, ShmError
from aats.layout import CTL_OFFSET, TD, TD_OFFSET, Kind, Mode
from aats.shm.names import SHM_DIR, SegmentName, boot_id, unlink
from aats.shm.segment import Segment, map_fd

DEFAULT_STALE_MS = 500


def create(
    kind: Kind,
    label: str,
    size: int,
    *,
    generation: int | None = None,
    owner: int = 0,
    ns: str | None = None,
    fill: Callable[[Segment], None] | None = None,
) -> Segment:
    """Make a segment: reserve its bytes, map it, write its header, let `fill` write the rest, set the magic last.

    Parameters
    ----------
    generation : int, optional
        Default: the microseconds of now, for segments outside a control table.
    owner : int
        Identity word of the maker; default: the calling process.

    Raises
    ------
    ShmError
        The name exists; no room (needed and free bytes are named); no permission.
    """
    made_ns = time.time_ns()
    name = SegmentName.make(kind, label, made_ns // 1_000 if generation is None else generation, ns=ns)
    fd = open_fd(name, exclusive=True)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # held until it is whole: an unfinished segment without a lock has lost its maker
        reserve(name, fd, size)
        segment = map_fd(name, fd, size, writable=True)
        stamp(segment, kind, owner=owner, made_ns=made_ns)
        if fill is not None:
            fill(segment)
        lib.aats_seg_ready(segment._base)
    except BaseException:
        unlink(name)
        raise
    finally:
        os.close(fd)
    return segment


def open_fd(name: SegmentName, *, exclusive: bool) -> int:
    """Open a segment for writing, create it if it is not there; return the descriptor, the caller closes it."""
    flags = posix_ipc.O_CREX if exclusive else posix_ipc.O_CREAT
    try:
        shared = posix_ipc.SharedMemory(str(name), flags=flags, mode=0o600, size=0)
    except posix_ipc.ExistentialError:
        raise ShmError(f"{name} exists already: its generation is used up") from None
    except (posix_ipc.PermissionsError, PermissionError) as exc:
        mode = stat.filemode(SHM_DIR.stat().st_mode) if SHM_DIR.exists() else "missing"
        raise ShmError(f"{name} cannot be created: uid {os.getuid()} may not write to {SHM_DIR} ({mode})") from exc
    except OSError as exc:
        raise ShmError(f"{name} cannot be created in {SHM_DIR}: {exc.strerror}") from exc
    return int(shared.fd)


def reserve(name: SegmentName, fd: int, size: int) -> None:
    """Give the segment its bytes now: a segment that is only truncated to size ends its writer by SIGBUS on a full /dev/shm."""
    room = os.statvfs(SHM_DIR)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    try:
        if total and size > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.posix_fallocate(fd, 0, size)
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise ShmError(f"{name}: {size} bytes cannot be reserved: {exc.strerror}") from exc
        raise ShmError(
            f"{name} needs {size} bytes and {SHM_DIR} has {free} bytes free of {total}: make it larger (docker: --shm-size) or the ring or the books smaller"
        ) from exc


def stamp(segment: Segment, kind: Kind, *, owner: int, made_ns: int) -> None:
    """Write everything of the header but the magic."""
    name = segment.name
    maker = owner or lib.aats_ident_self()
    code = lib.aats_seg_init(
        segment._base,
        segment.size,
        int(kind),
        name.label.encode(),
        name.generation,
        maker,
        made_ns,
        boot_id().encode(),
        _version().encode(),
    )
    check(code, f"{name}: its header cannot be written")


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("aats")[:39]
    except metadata.PackageNotFoundError:
        return "unknown"


def create_md(
    label: str,
    *,
    ring_depth: int = 8192,
    level_max: int = 5,
    dir_cap: int = 64,
    mode: Mode = Mode.DIRECT,
    venue: str = "",
    stale_ms: int = DEFAULT_STALE_MS,
    ctl_slot: int = 0,
    feed_id: int = 0,
    generation: int | None = None,
    owner: int = 0,
    ns: str | None = None,
) -> Segment:
    """Make the market-data segment ``md.<label>`` of a feed.

    Parameters
    ----------
    ring_depth : int
        Records of the event ring, a power of two.
    level_max : int
        Deepest book of the feed, 1 to 1000.
    dir_cap : int
        Symbols that it can ever hold in this generation, up to 1024.
    stale_ms : int
        A heartbeat older than this makes every book stale.
    ctl_slot : int
        The feed's slot in the control table.

    Notes
    -----
    Processes of the control table use `aats.control.Member.create_md`, which allots the generation and retires the old segment.
    """
    size = lib.aats_md_size(ring_depth, level_max, dir_cap)
    if size <= 0:
        raise ConfigError(
            f"md segment {label!r}: ring_depth {ring_depth} (a power of two), level_max {level_max} (1 to {lib.AATS_LEVEL_MAX}), "
            f"dir_cap {dir_cap} (1 to {lib.AATS_DIR_MAX}): at least one is out of its range"
        )

    def fill(segment: Segment) -> None:
        params = ffi.new("aats_md_params_t *")
        params.ring_depth, params.level_max, params.dir_cap = ring_depth, level_max, dir_cap
        params.ctl_slot, params.mode, params.stale_ns, params.feed_id = ctl_slot, int(mode), stale_ms * 1_000_000, feed_id
        params.venue = venue.encode()
        check(lib.aats_md_init(segment._base, params), f"{segment.name}: its geometry cannot be written")

    return create(Kind.MD, label, size, generation=generation, owner=owner, ns=ns, fill=fill)


def create_td(
    label: str,
    *,
    positions: int = int(lib.AATS_TD_POSITIONS),
    orders: int = int(lib.AATS_TD_ORDERS),
    events: int = int(lib.AATS_TD_EVENTS),
    ctl_slot: int = 0,
    generation: int | None = None,
    owner: int = 0,
    ns: str | None = None,
) -> Segment:
    """Make the segment ``td.<label>`` of a trade process: counters, histograms, positions, fees, orders and their events.

    Parameters
    ----------
    positions : int
        Symbols that it can trade, up to 1024.
    orders : int
        Orders that can be open at a time.
    events : int
        Order events that the ring remembers, a power of two.
    """
    size = int(lib.aats_td_size(positions, orders, events))
    if size == 0:
        raise ConfigError(
            f"td segment {label!r}: positions {positions} (1 to {lib.AATS_DIR_MAX}), orders {orders} (1 to {lib.AATS_TD_ORDERS_MAX}), "
            f"events {events} (a power of two up to {lib.AATS_TD_EVENTS_MAX}): at least one is out of its range"
        )

    def fill(segment: Segment) -> None:
        check(lib.aats_td_init(segment._base, segment.size, positions, orders, events), f"{segment.name}: its geometry cannot be written")
        segment.array(TD, TD_OFFSET)["ctl_slot"] = ctl_slot

    return create(Kind.TD, label, size, generation=generation, owner=owner, ns=ns, fill=fill)


def create_ctl(fd: int, name: SegmentName, *, slots: int, owner: int = 0) -> Segment:
    """Make a control table in an open, locked, empty segment; see `aats.control`, the only caller."""
    size = check(lib.aats_ctl_size(slots), "size of the control table")
    reserve(name, fd, size)
    segment = map_fd(name, fd, size, writable=True)
    made_ns = time.time_ns()
    stamp(segment, Kind.CTL, owner=owner, made_ns=made_ns)
    check(lib.aats_ctl_init(segment._base, slots), f"{name}: the control table cannot be written")
    # Microseconds of now: generations grow over the lives of all tables, so nobody takes the segment of an earlier one for a new one.
    segment.pointer("aats_ctl_t", CTL_OFFSET).next_generation = made_ns // 1_000
    lib.aats_seg_ready(segment._base)
    return segment
