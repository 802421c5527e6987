"""Software: kernel, Python, this package, TLS, and what the network settings of the kernel are."""

from __future__ import annotations

import os
import platform
import re
import ssl
import sys
from importlib import metadata
from pathlib import Path

from aats import config
from aats._ffi import ffi, lib, text
from aats.doctor.host import Finding, Host
from aats.layout import LAYOUT_HASH

#: Files of the client that was published as aats 0.1.2 and has no counterpart here.
_OLD_FILES = ("base/manager.py", "base/singleton.py")
_RECEIVE_WANTED = 4 << 20


def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return metadata.version("aats")
    except metadata.PackageNotFoundError:
        return "not installed"


def python(host: Host) -> Finding:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if sys.version_info < (3, 10) or platform.python_implementation() != "CPython":
        return Finding("python", "bad", found, "CPython 3.10 or newer is needed")
    return Finding("python", "ok", found)


def package(host: Host) -> Finding:
    return Finding("package", "ok", f"aats {installed_version()}, layout {LAYOUT_HASH:016x}")


def old_client(host: Host) -> Finding:
    folder = Path(__file__).resolve().parents[1]
    mixed = [str(folder / name) for name in _OLD_FILES if (folder / name).exists()]
    mixed += [f"aats {one.version} in {one.locate_file('')}" for one in metadata.distributions(name="aats") if one.version.startswith("0.")]
    if mixed:
        return Finding(
            "old client", "bad", ", ".join(mixed), "files of aats 0.1.2 are mixed in: remove them, or use a fresh virtual environment"
        )
    return Finding("old client", "ok", "no files of aats 0.1.2 beside ours")


def kernel(host: Host) -> Finding:
    release = host.read("/proc/sys/kernel/osrelease") or "unknown"
    kind = (
        " realtime"
        if host.number("/sys/kernel/realtime")
        else next((f" {word.lower()}" for word in host.read("/proc/version").split() if word.startswith("PREEMPT")), "")
    )
    version = re.match(r"(\d+)\.(\d+)", release)
    if version is not None and (int(version[1]), int(version[2])) < (5, 4):
        return Finding("kernel", "warn", f"{release}{kind}", "5.4 or newer is what this was tested with: pidfd_open, MCL_ONFAULT")
    return Finding("kernel", "ok", f"{release}{kind}")


def tls(host: Host) -> Finding:
    trust = ssl.get_default_verify_paths()
    there = trust.cafile or trust.capath
    if not os.environ.get("AATS_CAFILE") and not there:
        return Finding("TLS", "bad", ssl.OPENSSL_VERSION, "no trusted certificates: install ca-certificates, or set AATS_CAFILE")
    flags = host.flags()
    fast = [name for name in ("vaes", "aes", "pclmulqdq", "sha_ni", "sha2") if name in flags]
    found = f"{ssl.OPENSSL_VERSION}, {' '.join(fast) or 'no AES in hardware'}, trust from {os.environ.get('AATS_CAFILE') or there}"
    if flags and "aes" not in flags:
        return Finding("TLS", "warn", found, "decrypting in software costs several times as much; ChaCha20 is the better cipher then")
    refused = lib.aats_tls_refused()
    if refused != ffi.NULL:
        return Finding("TLS", "bad", text(refused), "unset AATS_TLS: our records by OpenSSL's cipher")
    found += f", records: {text(lib.aats_tls_mode_name())}"
    if ssl.OPENSSL_VERSION_INFO[:2] == (3, 0):
        return Finding("TLS", "info", found, "OpenSSL 3.0 is slower than later ones, at connecting most of all")
    return Finding("TLS", "ok", found)


def instruction_set(host: Host) -> Finding:
    """What the scanners use, and what the processor has."""
    refused = lib.aats_isa_refused()
    used, best = text(lib.aats_isa_name()), text(lib.aats_isa_best_name())
    if refused != ffi.NULL:
        return Finding("instruction set", "bad", text(refused), "unset AATS_ISA: the best is chosen by itself")
    if used != best:
        return Finding("instruction set", "warn", f"{used}, the processor has {best}", "AATS_ISA forces it down: unset it")
    return Finding("instruction set", "ok", used)


def sockets(host: Host) -> Finding:
    poll, read, most = (host.number(f"/proc/sys/net/core/{name}") for name in ("busy_poll", "busy_read", "rmem_max"))
    found = f"busy_poll {poll if poll is not None else '-'}, busy_read {read if read is not None else '-'}, rmem_max {most if most is not None else '-'}"
    if most is not None and most < _RECEIVE_WANTED:
        return Finding(
            "sockets",
            "info",
            found,
            f"for receivers of datagrams: sysctl net.core.rmem_max={_RECEIVE_WANTED}, so that a burst finds room; busy_read=50 on a real card",
        )
    return Finding("sockets", "ok", found)


def network_card(host: Host) -> Finding:
    card = host.card()
    if not card:
        return Finding("network card", "info", "no default route")
    driver = host.path(f"/sys/class/net/{card}/device/driver")
    held_us = host.coalescing(card)
    queues = len(host.glob(f"/sys/class/net/{card}/queues/rx-*"))
    found = f"{card}, driver {driver.resolve().name if driver.exists() else 'unknown'}, {queues} receive queues"
    if held_us is None:
        return Finding("network card", "ok", f"{found}; whether it holds interrupts back is not told")
    if held_us > 0:
        advice = f"ethtool -C {card} adaptive-rx off rx-usecs 0: each packet waits for up to so long before anybody hears of it"
        return Finding("network card", "info", f"{found}; interrupts are held back for up to {held_us} us", advice)
    return Finding("network card", "ok", f"{found}; interrupts are not held back")


def environment(host: Host) -> Finding:
    set_ = [f"{name}={value}" for name, (value, origin) in config.environment().items() if origin == "env"]
    return Finding("environment", "ok", ", ".join(set_) or "nothing set, all defaults")


CHECKS = (python, package, old_client, kernel, tls, instruction_set, network_card, sockets, environment)
