"""Cores: how many, whose, how fast, and who else is on them."""

from __future__ import annotations

import re

from aats.cpus import parse
from aats.doctor.host import Finding, Host, ranges

_CPU = "/sys/devices/system/cpu"
_SLOW_EXIT_US = 10  # a sleep state that takes longer to leave is felt


def cores(host: Host) -> Finding:
    usable, online = host.cores(), host.listed(f"{_CPU}/online")
    found = f"{len(usable)} usable of {len(online) or len(usable)} ({ranges(usable)})"
    if len(usable) < 3:
        advice = "feed and strategy spin only with 3 cores; with fewer they yield and sleep, which costs some 50 us"
        return Finding("cores", "warn", found, advice)
    return Finding("cores", "ok", found)


def smt(host: Host) -> Finding:
    pairs = {host.read(str(path.relative_to(host.root))) for path in host.glob(f"{_CPU}/cpu[0-9]*/topology/thread_siblings_list")}
    shared = sorted(pair for pair in pairs if "," in pair or "-" in pair)
    if not pairs:
        return Finding("SMT", "info", "siblings are not told")
    if not shared:
        return Finding("SMT", "ok", "each core has one thread")
    return Finding(
        "SMT",
        "info",
        f"cores share hardware: {' '.join(shared)}",
        "leave the sibling of a core that spins empty, or switch SMT off in the firmware",
    )


def isolation(host: Host) -> Finding:
    apart = {
        "isolcpus": host.listed(f"{_CPU}/isolated"),
        "nohz_full": host.listed(f"{_CPU}/nohz_full"),
        "rcu_nocbs": _cores_of(host.option("rcu_nocbs")),
    }
    found = ", ".join(f"{name} {ranges(which)}" for name, which in apart.items())
    isolated = set(apart["isolcpus"])
    if not isolated:
        advice = 'for the cores that spin: isolcpus=, nohz_full= and rcu_nocbs= on the kernel\'s command line, and cpu = "auto"'
        return Finding("isolation", "info", found, advice)
    missing = [name for name, which in apart.items() if not isolated <= set(which)]
    if missing:
        return Finding(
            "isolation", "warn", found, f"{' and '.join(missing)} should have the isolated cores too: ticks and callbacks still run there"
        )
    return Finding("isolation", "ok", found)


def _cores_of(value: str | None) -> tuple[int, ...]:
    return () if value is None else parse(value) if value not in ("", "all") else tuple(range(4096))


def frequency(host: Host) -> Finding:
    governors: dict[str, list[int]] = {}
    capped = []
    for path in host.glob(f"{_CPU}/cpu[0-9]*/cpufreq"):
        core = int(path.parent.name[3:])
        at = str(path.relative_to(host.root))
        governors.setdefault(host.read(f"{at}/scaling_governor") or "unknown", []).append(core)
        most, hardware = host.number(f"{at}/scaling_max_freq"), host.number(f"{at}/cpuinfo_max_freq")
        if most is not None and hardware is not None and most < hardware:
            capped.append(core)
    if not governors:
        return Finding("frequency", "info", "the kernel does not set it here (virtual machine, or the firmware does)")
    found = ", ".join(f"{name} on {ranges(which)}" for name, which in governors.items())
    if set(governors) != {"performance"}:
        return Finding(
            "frequency", "warn", found, "cpupower frequency-set -g performance: a core that was slow takes milliseconds to speed up"
        )
    if capped:
        return Finding(
            "frequency", "warn", f"{found}; limited below the hardware's on {ranges(capped)}", "raise scaling_max_freq (cpupower -u)"
        )
    return Finding("frequency", "ok", found)


def sleep_states(host: Host) -> Finding:
    slow: dict[str, int] = {}
    for path in host.glob(f"{_CPU}/cpu[0-9]*/cpuidle/state[0-9]*"):
        at = str(path.relative_to(host.root))
        latency = host.number(f"{at}/latency") or 0
        if latency > _SLOW_EXIT_US and host.number(f"{at}/disable") != 1:
            slow[host.read(f"{at}/name") or path.name] = latency
    driver = host.read(f"{_CPU}/cpuidle/current_driver") or "none"
    if not slow:
        return Finding("C-states", "ok", f"driver {driver}, none takes more than {_SLOW_EXIT_US} us to leave")
    found = f"driver {driver}; " + ", ".join(f"{name} takes {latency} us to leave" for name, latency in slow.items())
    return Finding(
        "C-states",
        "warn",
        found,
        "cores that sleep wake late: spin (AATS_WAIT=spin), cpupower idle-set -D 10, or hold /dev/cpu_dma_latency at 0",
    )


def interrupts(host: Host) -> Finding:
    """Where the default route's card interrupts, against cores that are pinned or isolated."""
    card = host.card()
    ours = set(host.pinned()) | set(host.listed(f"{_CPU}/isolated"))
    where: dict[str, tuple[int, ...]] = {}
    for number in _irqs_of(host, card):
        where[number] = host.listed(f"/proc/irq/{number}/effective_affinity_list") or host.listed(f"/proc/irq/{number}/smp_affinity_list")
    balanced = host.runs(["irqbalance"])
    found = f"{card or 'no default route'}: " + (
        f"{len(where)} interrupts on cores {ranges(c for one in where.values() for c in one)}" if where else "interrupts not told"
    )
    if balanced:
        found += ", irqbalance moves them"
    hit = sorted(number for number, which in where.items() if ours & set(which))
    if ours and balanced:
        advice = f"irqbalance may put interrupts on {ranges(ours)}: set IRQBALANCE_BANNED_CPULIST={ranges(ours)}, or stop it"
        return Finding("interrupts", "warn", found, advice)
    if hit:
        advice = f"interrupt {', '.join(hit[:6])} goes to a core that spins: write other cores to /proc/irq/{hit[0]}/smp_affinity_list"
        return Finding("interrupts", "warn", found, advice)
    return Finding("interrupts", "ok" if where else "info", found)


def _irqs_of(host: Host, card: str) -> list[str]:
    if not card:
        return []
    listed = [path.name for path in host.glob(f"/sys/class/net/{card}/device/msi_irqs/*")]
    words = {card}
    device = host.path(f"/sys/class/net/{card}/device")
    if device.is_symlink() or device.exists():
        words |= {device.resolve().name, device.resolve().parent.name if device.resolve().name.startswith("virtio") else card}
    named = []
    for line in host.read("/proc/interrupts").splitlines()[1:]:
        number, _, rest = line.strip().partition(":")
        if number.isdecimal() and any(re.search(rf"\b{re.escape(word)}\b", rest) for word in words):
            named.append(number)
    return sorted({*listed, *named}, key=int)


def quota(host: Host) -> Finding:
    """A container's share of the processors: a quota stops every thread for the rest of its period."""
    name = "/sys/fs/cgroup/cpu.max"
    own = host.read("/proc/self/cgroup").rpartition("::")[2].strip()
    limit = host.read(f"/sys/fs/cgroup{own}/cpu.max") or host.read(name)
    if not limit:
        old = host.number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        limit = "" if old is None else "max" if old < 0 else f"{old} {host.read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')}"
    if not limit or limit.startswith("max"):
        return Finding("processor quota", "ok", "none")
    return Finding(
        "processor quota",
        "warn",
        f"cpu.max {limit} us",
        "when it is used up all threads stand still for milliseconds: give whole cores (--cpuset-cpus)",
    )


def virtualisation(host: Host) -> Finding:
    guest = "hypervisor" in host.flags()
    maker = " ".join(filter(None, (host.read("/sys/class/dmi/id/sys_vendor"), host.read("/sys/class/dmi/id/product_name"))))
    box = "container" if host.path("/.dockerenv").exists() or host.path("/run/.containerenv").exists() else ""
    if guest:
        found = f"virtual machine{f' ({maker})' if maker else ''}{', container' if box else ''}"
        return Finding(
            "virtualisation",
            "info",
            found,
            "the tails of every hop (p99.9 and above) are the host's: dedicated cores or bare metal have none",
        )
    return Finding("virtualisation", "ok", f"{box or 'none'}{f' on {maker}' if maker else ''}")


def numa(host: Host) -> Finding:
    nodes = host.listed("/sys/devices/system/node/online")
    if len(nodes) < 2:
        return Finding("NUMA", "ok", "one node")
    card = host.card()
    at = host.number(f"/sys/class/net/{card}/device/numa_node") if card else None
    found = f"{len(nodes)} nodes" + (f", {card} at node {at}" if at is not None and at >= 0 else "")
    if host.number("/proc/sys/kernel/numa_balancing"):
        return Finding(
            "NUMA", "warn", f"{found}, pages are moved between them", "sysctl kernel.numa_balancing=0; pin feed and strategy to one node"
        )
    return Finding("NUMA", "info", found, "pin feed and strategy to cores of one node, that of the card: a hop between nodes costs twice")


def mitigations(host: Host) -> Finding:
    states = {path.name: host.read(str(path.relative_to(host.root))) for path in host.glob(f"{_CPU}/vulnerabilities/*")}
    active = sorted(name for name, text in states.items() if text.startswith("Mitigation"))
    if not active:
        return Finding("mitigations", "ok", "none active")
    return Finding(
        "mitigations",
        "info",
        f"active: {', '.join(active)}",
        "each system call pays for them; they stay on a host that runs other people's code",
    )


CHECKS = (cores, smt, isolation, frequency, sleep_states, interrupts, quota, numa, virtualisation, mitigations)
