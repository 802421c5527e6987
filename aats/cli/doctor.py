"""``aats doctor``: is this machine fit, and is anything left over from earlier?  One line a finding, one line of advice where something is amiss."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from aats import config, control, shm
from aats.cli import output
from aats.errors import AatsError
from aats.layout import LAYOUT_HASH, hash8

_SHM_WANTED = 64 << 20
_FILES_WANTED = 1024
#: Files of the client that was published as aats 0.1.2 and has no counterpart here.
_OLD_FILES = ("base/manager.py", "base/singleton.py")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``ok``, ``warn`` (works, but) or ``bad`` (will not work)."""

    check: str
    status: str
    found: str
    advice: str = ""


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    parser = commands.add_parser(
        "doctor", help="check this machine and what is left over", description="Check this machine, and what earlier runs left behind."
    )
    parser.add_argument("--json", action="store_true", help="a JSON list of findings")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    findings = list(examine())
    if args.json:
        output.as_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.status:<4}  {finding.check}: {finding.found}")
            if finding.advice:
                print(f"      {finding.advice}")
    return 1 if any(finding.status == "bad" for finding in findings) else 0


def examine() -> Iterator[Finding]:
    """Yield all findings; a check that itself fails is a finding too."""
    for check in _CHECKS:
        try:
            yield check()
        except (AatsError, OSError) as exc:
            yield Finding(check.__name__.strip("_").replace("_", " "), "bad", str(exc))


def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return metadata.version("aats")
    except metadata.PackageNotFoundError:
        return "not installed"


def _python() -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < (3, 10) or platform.python_implementation() != "CPython":
        return Finding("python", "bad", found, "CPython 3.10 or newer is needed")
    return Finding("python", "ok", found)


def _package() -> Finding:
    found = f"aats {installed_version()}, layout {LAYOUT_HASH:016x}"
    return Finding("package", "ok", found)


def _old_client() -> Finding:
    folder = Path(__file__).resolve().parents[1]
    mixed = [str(folder / name) for name in _OLD_FILES if (folder / name).exists()]
    mixed += [f"aats {one.version} in {one.locate_file('')}" for one in metadata.distributions(name="aats") if one.version.startswith("0.")]
    if mixed:
        return Finding(
            "old client", "bad", ", ".join(mixed), "files of aats 0.1.2 are mixed in: remove them, or use a fresh virtual environment"
        )
    return Finding("old client", "ok", "no files of aats 0.1.2 beside ours")


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0))
    found = f"{usable} usable of {os.cpu_count()}"
    if usable < 3:
        return Finding(
            "cores", "warn", found, "feed and strategy spin only with 3 cores; with fewer they yield and sleep, which costs some 50 us"
        )
    return Finding("cores", "ok", found)


def _shared_memory() -> Finding:
    room = os.statvfs(shm.SHM_DIR)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    found = f"{shm.SHM_DIR} has {free >> 20} MiB free of {total >> 20} MiB"
    if total and free < _SHM_WANTED:
        return Finding(
            "shared memory", "warn", found, "a feed of 64 symbols needs about 7 MiB: docker run --shm-size, or mount -o remount,size="
        )
    return Finding("shared memory", "ok", found)


def _limits() -> Finding:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    found = f"open files {files}, locked memory {'unlimited' if locked < 0 else f'{locked >> 10} KiB'}"
    if files < _FILES_WANTED:
        return Finding("limits", "warn", found, f"ulimit -n {_FILES_WANTED} gives room for the connections of several feeds")
    return Finding("limits", "ok", found)


def _clock() -> Finding:
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    found = source.read_text().strip() if source.exists() else "unknown"
    if found not in ("tsc", "arch_sys_counter", "kvm-clock", "unknown"):
        return Finding(
            "clock source", "warn", found, "reading the clock is a system call with it: stamps cost microseconds instead of nanoseconds"
        )
    return Finding("clock source", "ok", found)


def _openssl() -> Finding:
    trust = ssl.get_default_verify_paths()
    there = trust.cafile or trust.capath
    if not os.environ.get("AATS_CAFILE") and not there:
        return Finding("TLS", "bad", ssl.OPENSSL_VERSION, "no trusted certificates: install ca-certificates, or set AATS_CAFILE")
    return Finding("TLS", "ok", f"{ssl.OPENSSL_VERSION}, trust from {os.environ.get('AATS_CAFILE') or there}")


def _environment() -> Finding:
    set_ = [f"{name}={value}" for name, (value, origin) in config.environment().items() if origin == "env"]
    return Finding("environment", "ok", ", ".join(set_) or "nothing set, all defaults")


def _processes() -> Finding:
    found = control.processes()
    dead = [one for one in found if not one["alive"]]
    hung = [one for one in found if one["alive"] and one["status"] == "stopped"]
    line = f"{len(found) - len(dead)} alive, {len(dead)} dead"
    if hung:
        return Finding(
            "processes",
            "warn",
            line,
            "stopped by a signal: "
            + ", ".join(f"{one['name']} (pid {one['pid']})" for one in hung)
            + "; kill -CONT goes on, aats kill ends it",
        )
    if dead:
        return Finding("processes", "warn", line, "the dead are cleared by whoever starts next, and by `aats ps`")
    return Finding("processes", "ok", line)


def _segments() -> Finding:
    here = shm.names(every=True)
    ours = [name for name in here if name.ours and name.namespace == shm.namespace()]
    known = {one["segment"] for one in control.processes() if one["alive"]}
    stale = [name for name in ours if name.kind != "ctl" and str(name) not in known]
    foreign = [name for name in here if not name.ours]
    size = sum((shm.SHM_DIR / name.file).stat().st_size for name in here if (shm.SHM_DIR / name.file).exists())
    line = f"{len(here)} of this user, {size >> 20} MiB"
    if foreign:
        files = ", ".join(name.file for name in foreign[:4])
        advice = f"of another layout than {hash8()}: {files}; stop their processes with the version that made them, then remove them from {shm.SHM_DIR}"
        return Finding("segments", "warn", line, advice)
    if stale:
        return Finding(
            "segments", "warn", line, f"left behind: {', '.join(name.file for name in stale[:4])}; `aats ps` clears what the dead left"
        )
    return Finding("segments", "ok", line)


_CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _package,
    _old_client,
    _cores,
    _shared_memory,
    _limits,
    _clock,
    _openssl,
    _environment,
    _processes,
    _segments,
)
