"""What a figure depends on: processor, kernel, Python, compiler, clock, and how much this host disturbs a loop that only spins.

For: the report's ``machine``, and the choice of cores.  Reads /proc and /sys; what is not there is None.
"""

from __future__ import annotations

import os
import platform
import ssl
import sysconfig
from pathlib import Path
from typing import Any

from aats._ffi import lib
from aats.bench.checkout import Checkout
from aats.errors import ConfigError
from aats.layout import LAYOUT_HASH

__all__ = ["KEPT", "cores_of", "facts", "loadavg"]

#: Settings that a run takes over; all other AATS_* of the caller's environment would change what is measured.
KEPT = ("AATS_ISA", "AATS_CLOCK", "AATS_TLS", "AATS_DATA", "AATS_SAN")

_CPU = Path("/sys/devices/system/cpu")


def facts(checkout: Checkout | None, cores: tuple[int, int], usable: list[int]) -> dict[str, Any]:
    """Return what is known of this machine before anything is measured."""
    info = _cpuinfo()
    config = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return {
        "cpu": info.get("model name", platform.processor() or platform.machine()),
        "arch": platform.machine(),
        "cores": os.cpu_count(),
        "usable": usable,
        "pinned": list(cores),
        "smt": _read(_CPU / "smt/active"),
        "siblings": {core: _read(_CPU / f"cpu{core}/topology/thread_siblings_list") for core in usable},
        "isolated": _read(_CPU / "isolated"),
        "governor": _read(_CPU / f"cpu{usable[0]}/cpufreq/scaling_governor"),
        "hypervisor": "hypervisor" in info.get("flags", "").split(),
        "kernel": platform.release(),
        "clock_source": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "python": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "python_optimised": {"pgo": "--enable-optimizations" in config, "lto": "--with-lto" in config},
        "compiler": checkout.compiler if checkout else None,
        "flags": checkout.flags if checkout else None,
        "openssl": ssl.OPENSSL_VERSION,
        "isa": _isa(),
        "layout": f"{LAYOUT_HASH:016x}",
        "settings": {name: value for name, value in sorted(os.environ.items()) if name in KEPT},
        "loadavg_before": loadavg(),
    }


def cores_of(text: str | None) -> tuple[tuple[int, int], list[int]]:
    """Return (other side, measured side) and all usable cores; from ``--cores A,B``, else chosen: isolated ones first, no siblings, core 0 last.

    Raises
    ------
    ConfigError
        For anything but one or two of the usable cores.
    """
    usable = sorted(os.sched_getaffinity(0))
    if text is not None:
        try:
            named = [int(word) for word in text.split(",")]
        except ValueError:
            named = []
        if len(named) not in (1, 2) or not set(named) <= set(usable):
            raise ConfigError(f"--cores {text}: one or two of the usable cores {', '.join(map(str, usable))} are expected, like 0,1")
        return (named[0], named[-1]), usable
    isolated = _cores(_read(_CPU / "isolated") or "")
    order = sorted(usable, key=lambda core: (core not in isolated, len(usable) > 2 and core == 0, core))
    first = order[0]
    siblings = _cores(_read(_CPU / f"cpu{first}/topology/thread_siblings_list") or "") - {first}
    second = next((core for core in order[1:] if core not in siblings), order[-1])
    return (first, second), usable


def loadavg() -> list[float]:
    """Return the three load averages."""
    return [round(one, 2) for one in os.getloadavg()]


def _isa() -> str | None:
    name = getattr(lib, "aats_isa_name", None)
    if name is None:
        return None
    from aats._ffi import ffi

    return ffi.string(name()).decode()  # type: ignore[no-any-return]


def _cpuinfo() -> dict[str, str]:
    pairs = (line.partition(":") for line in (_read(Path("/proc/cpuinfo")) or "").splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cores(text: str) -> set[int]:
    """Return the cores of a kernel's list like ``0-2,5``."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found.update(range(int(low), int(high or low) + 1))
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
