"""What a check works on and returns: the files of a host, and one line about it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aats import control, cpus

STATUSES = ("ok", "info", "warn", "bad")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes
    ----------
    status : str
        ``ok``; ``info`` (good to know, nothing is wrong); ``warn`` (works, but); ``bad`` (will not work).
    advice : str
        What to do about it; "" where there is nothing to do.
    """

    check: str
    status: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Timex:
    """What the kernel says of its clock (adjtimex)."""

    synchronised: bool
    offset_ns: int
    esterror_us: int
    maxerror_us: int


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        *((name, ctypes.c_long) for name in ("constant", "precision", "tolerance", "sec", "usec", "tick")),
        ("rest", ctypes.c_long * 32),
    )


_UNSYNC, _NANO, _ERROR = 0x40, 0x2000, 5


def _adjtimex() -> Timex | None:
    """Ask the kernel; None where it does not answer."""
    told = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    good = state != _ERROR and not told.status & _UNSYNC
    return Timex(good, told.offset * (1 if told.status & _NANO else 1000), told.esterror, told.maxerror)


_SIOCETHTOOL, _GCOALESCE = 0x8946, 0x0E


def _coalescing(card: str) -> int | None:
    """Ask a card how many microseconds it may hold an interrupt back; None where it does not say."""
    told = (ctypes.c_uint32 * 23)(_GCOALESCE)
    request = struct.pack("16sP16x", card.encode()[:15], ctypes.addressof(told))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
    except OSError:
        return None
    return int(told[1])


def _cores_taken() -> dict[int, int]:
    return cpus.pinned_by(one["pid"] for one in control.processes() if one["alive"])


@dataclass(frozen=True)
class Host:
    """A host, by its files.

    Parameters
    ----------
    root : Path
        Where its /proc, /sys and /dev stand.
    timex : callable
        What its kernel says of its clock.
    pinned : callable
        Core -> pid of the threads of AATS that are pinned.
    coalescing : callable
        How many microseconds a card may hold an interrupt back.
    """

    root: Path = Path("/")
    timex: Callable[[], Timex | None] = field(default=_adjtimex)
    pinned: Callable[[], dict[int, int]] = field(default=_cores_taken)
    coalescing: Callable[[str], int | None] = field(default=_coalescing)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """Return a file's text without white space around it; "" where it is missing or may not be read."""
        try:
            return self.path(name).read_text(errors="replace").strip()
        except OSError:
            return ""

    def number(self, name: str) -> int | None:
        text = self.read(name)
        return int(text) if text.lstrip("-").isdecimal() else None

    def glob(self, pattern: str) -> list[Path]:
        """Return what matches, sorted by its numbers."""
        found = self.root.glob(pattern.lstrip("/"))
        return sorted(found, key=lambda path: [int(part) if part.isdecimal() else -1 for part in path.parts] + [len(path.name)])

    def cores(self) -> tuple[int, ...]:
        """Return the cores that this process may use."""
        for line in self.read("/proc/self/status").splitlines():
            if line.startswith("Cpus_allowed_list:"):
                return cpus.parse(line.partition(":")[2])
        return cpus.parse(self.read("/sys/devices/system/cpu/online")) or (0,)

    def listed(self, name: str) -> tuple[int, ...]:
        """Return a file that holds a list of cores."""
        return cpus.parse(self.read(name))

    def option(self, name: str) -> str | None:
        """Return the value of an option of the kernel's command line, None where it is not there."""
        for word in self.read("/proc/cmdline").split():
            key, _, value = word.partition("=")
            if key == name:
                return value
        return None

    def runs(self, names: Iterable[str]) -> list[str]:
        """Return which of these programs run, by the name that the kernel keeps (15 characters)."""
        wanted, found = {name[:15]: name for name in names}, set()
        for path in self.path("/proc").glob("[0-9]*/comm"):
            with contextlib.suppress(OSError):
                name = path.read_text().strip()
                if name in wanted:
                    found.add(wanted[name])
        return sorted(found)

    def flags(self) -> set[str]:
        """Return what the processor can, as /proc/cpuinfo names it."""
        for line in self.read("/proc/cpuinfo").splitlines():
            if line.startswith(("flags", "Features")):
                return set(line.partition(":")[2].split())
        return set()

    def card(self) -> str:
        """Return the card of the default route, "" without one."""
        for line in self.read("/proc/net/route").splitlines()[1:]:
            words = line.split()
            if len(words) > 3 and words[1] == "00000000" and int(words[3], 16) & 1:
                return words[0]
        return ""


def chosen(text: str) -> str:
    """Return the word in brackets of a setting such as ``always [madvise] never``."""
    begin, end = text.find("["), text.find("]")
    return text[begin + 1 : end] if 0 <= begin < end else text


def ranges(cores: Iterable[int]) -> str:
    """Write cores as the kernel does: ``0-2,5``."""
    out: list[list[int]] = []
    for core in sorted(set(cores)):
        if out and core == out[-1][-1] + 1:
            out[-1].append(core)
        else:
            out.append([core])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in out) or "none"


def is_this_one(host: Host) -> bool:
    return os.fspath(host.root) == "/"
