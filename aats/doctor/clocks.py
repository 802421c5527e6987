"""Clocks: what they are read from, and whether they are right."""

from __future__ import annotations

from aats._ffi import lib, text
from aats.doctor.host import Finding, Host, is_this_one
from aats.errors import SegmentMissing
from aats.layout import CTL_OFFSET
from aats.table import Table

_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_FAST = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")
_DAEMONS = ("chronyd", "ntpd", "systemd-timesyncd", "ptp4l", "phc2sys", "openntpd")
_OFF_US = 1_000


def clock_source(host: Host) -> Finding:
    found = host.read(_SOURCE) or "unknown"
    if found != "unknown" and found not in _FAST:
        advice = "reading the clock is a system call with it: stamps cost microseconds instead of nanoseconds; clocksource=tsc where the counter is stable"
        return Finding("clock source", "warn", found, advice)
    return Finding("clock source", "ok", found)


def counter(host: Host) -> Finding:
    """Whether the processor's counter runs at one rate in every state."""
    flags = host.flags()
    if not flags:
        return Finding("counter", "info", "the processor does not say what it can")
    if "fp" in flags or "asimd" in flags:
        return Finding("counter", "ok", "cntvct")
    missing = [flag for flag in ("constant_tsc", "nonstop_tsc") if flag not in flags]
    if missing:
        return Finding("counter", "warn", f"tsc without {' and '.join(missing)}", "time comes from the kernel: 24 ns a stamp instead of 12")
    return Finding("counter", "ok", "tsc, at one rate in every state")


def clock_page(host: Host) -> Finding:
    """The page by which all processes of this namespace read that counter."""
    if not is_this_one(host):
        return Finding("clock page", "info", "of another host")
    named = text(lib.aats_clock_counter())
    if not lib.aats_clock_good():
        return Finding(
            "clock page", "info", f"not used: {named}", "stamps cost 24 ns instead of 12; AATS_CLOCK=tsc if you know better than the kernel"
        )
    try:
        segment = Table.open().segment
    except SegmentMissing:
        return Finding("clock page", "ok", f"{named}; nobody runs, so nobody keeps it")
    page = segment.pointer("aats_ctl_t", CTL_OFFSET).clock  # a part of a struct holds no mapping: `segment` does
    if page.seq == 0:
        return Finding("clock page", "info", f"{named}; not written yet")
    return Finding("clock page", "ok", f"{named}, written {page.writes} times, within {page.err_ns} ns of the kernel's clock")


def time_sync(host: Host) -> Finding:
    told, daemons = host.timex(), host.runs(_DAEMONS)
    who = ", ".join(daemons) or "no daemon seen"
    if told is None:
        return Finding("time sync", "info", f"{who}; the kernel does not tell")
    if not told.synchronised:
        advice = "run chrony (in a virtual machine with refclock PHC /dev/ptp0): exch_recv means nothing without, and venues refuse orders by their time"
        return Finding("time sync", "warn", f"not synchronised; {who}", advice)
    found = (
        f"synchronised, off by {told.offset_ns / 1000:.1f} us, estimated error {told.esterror_us} us, at most {told.maxerror_us} us; {who}"
    )
    if abs(told.offset_ns) > _OFF_US * 1000:
        return Finding("time sync", "warn", found, "more than a millisecond off: exch_recv is wrong by as much")
    return Finding("time sync", "ok", found)


CHECKS = (clock_source, counter, clock_page, time_sync)
