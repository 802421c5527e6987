"""``aats doctor``: each check against trees of /proc and /sys made for it: a good host, a laptop, a virtual machine, a container, one that tells nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from aats import cli, control, cpus
from aats.doctor import CHECKS, Finding, Host, clocks, cores, memory, software
from aats.doctor.host import Timex, ranges
from aats.layout import Mode, Role

CPU = "sys/devices/system/cpu"

#: A server as one should be.
GOOD: dict[str, str] = {
    f"{CPU}/online": "0-7",
    f"{CPU}/isolated": "4-7",
    f"{CPU}/nohz_full": "4-7",
    "proc/cmdline": "quiet isolcpus=4-7 nohz_full=4-7 rcu_nocbs=4-7",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-7\n",
    "proc/self/cgroup": "0::/user.slice\n",
    "proc/self/limits": "Limit  Soft  Hard  Units\nMax open files            1048576   1048576   files\n"
    "Max locked memory         unlimited  unlimited  bytes\nMax realtime priority     99  99\n",
    "proc/cpuinfo": "processor : 0\nflags : fpu aes vaes pclmulqdq sha_ni constant_tsc nonstop_tsc avx2\n",
    "proc/sys/kernel/osrelease": "6.1.0-rt\n",
    "proc/version": "Linux version 6.1.0 SMP PREEMPT_RT",
    "proc/sys/net/core/busy_poll": "50",
    "proc/sys/net/core/busy_read": "50",
    "proc/sys/net/core/rmem_max": "8388608",
    "proc/swaps": "Filename Type Size Used Priority\n",
    "proc/net/route": "Iface Destination Gateway Flags\neth0 00000000 0100000A 0003 0 0 0 00000000\n",
    "proc/interrupts": "     CPU0 CPU1\n 24: 1 2 IR-PCI-MSI eth0-TxRx-0\n 25: 3 4 IR-PCI-MSI eth0-TxRx-1\n 30: 0 0 IR-PCI-MSI nvme0q0\n",
    "proc/irq/24/smp_affinity_list": "0",
    "proc/irq/25/smp_affinity_list": "1",
    "proc/77/comm": "chronyd\n",
    "sys/class/net/eth0/mtu": "1500",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/devices/system/node/online": "0",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
    "sys/kernel/mm/transparent_hugepage/defrag": "always defer defer+madvise [madvise] never",
    "sys/kernel/mm/transparent_hugepage/shmem_enabled": "always within_size advise [never] deny force",
    **{f"{CPU}/cpu{core}/topology/thread_siblings_list": str(core) for core in range(8)},
    **{f"{CPU}/cpu{core}/cpufreq/scaling_governor": "performance" for core in range(8)},
    **{f"{CPU}/cpu{core}/cpufreq/{name}_max_freq": "4000000" for core in range(8) for name in ("scaling", "cpuinfo")},
    f"{CPU}/cpuidle/current_driver": "intel_idle",
    f"{CPU}/cpu0/cpuidle/state0/name": "POLL",
    f"{CPU}/cpu0/cpuidle/state0/latency": "0",
    f"{CPU}/cpu0/cpuidle/state1/name": "C1",
    f"{CPU}/cpu0/cpuidle/state1/latency": "2",
    f"{CPU}/vulnerabilities/meltdown": "Not affected",
}
IN_TIME = Timex(True, 1_500, 3, 2_000)


def host(root: Path, files: Mapping[str, str | None] = {}, *, timex: Timex | None = IN_TIME, pinned: Mapping[int, int] = {}) -> Host:
    """Make a tree of `GOOD` with changes; None takes a file away."""
    for name, text in {**GOOD, **files}.items():
        path = root / name
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (root / "dev/shm").mkdir(parents=True, exist_ok=True)
    return Host(root, lambda: timex, lambda: dict(pinned), lambda card: 0)


#: Checks of this machine's files alone.
_HERE = (
    *cores.CHECKS,
    clocks.clock_source,
    clocks.counter,
    clocks.time_sync,
    *memory.CHECKS,
    software.kernel,
    software.network_card,
    software.sockets,
)


def statuses(one: Host) -> dict[str, Finding]:
    return {finding.check: finding for finding in (check(one) for check in _HERE)}


def test_a_good_host_has_nothing_to_complain_of(tmp_path: Path) -> None:
    found = statuses(host(tmp_path))
    assert {name: one for name, one in found.items() if one.status != "ok"} == {}
    assert found["isolation"].found == "isolcpus 4-7, nohz_full 4-7, rcu_nocbs 4-7"
    assert found["interrupts"].found == "eth0: 2 interrupts on cores 0-1"
    assert found["kernel"].found == "6.1.0-rt preempt_rt"
    assert "off by 1.5 us" in found["time sync"].found and "chronyd" in found["time sync"].found


def test_a_host_that_tells_nothing_gets_findings_all_the_same(tmp_path: Path) -> None:
    empty = Host(tmp_path, lambda: None, dict, lambda card: None)
    for check in _HERE:
        finding = check(empty)
        assert finding.status in ("ok", "info", "warn", "bad") and finding.found
    assert memory.shared_memory(empty).status == "bad"
    assert clocks.clock_source(empty).found == "unknown"


LAPTOP = {
    f"{CPU}/online": "0-3",
    f"{CPU}/isolated": "",
    f"{CPU}/nohz_full": " (null)",
    "proc/cmdline": "quiet splash",
    "proc/self/status": "Cpus_allowed_list:\t0-3\n",
    **{f"{CPU}/cpu{core}/topology/thread_siblings_list": "0-1" if core < 2 else "2-3" for core in range(4)},
    **{f"{CPU}/cpu{core}/cpufreq/scaling_governor": "powersave" for core in range(4)},
    f"{CPU}/cpu0/cpuidle/state2/name": "C10",
    f"{CPU}/cpu0/cpuidle/state2/latency": "890",
    "sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never",
    "sys/kernel/mm/transparent_hugepage/defrag": "[always] defer madvise never",
    "proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 8388604 0 -2\n",
    "proc/self/limits": "Max open files            256   1048576   files\nMax locked memory         8388608  8388608  bytes\n",
    "proc/sys/net/core/rmem_max": "212992",
    "proc/77/comm": "irqbalance\n",
    f"{CPU}/vulnerabilities/meltdown": "Mitigation: PTI",
}


def test_a_laptop_is_told_what_would_make_it_faster(tmp_path: Path) -> None:
    found = statuses(host(tmp_path, LAPTOP, timex=Timex(False, 0, 0, 16_000_000)))
    assert {name for name, one in found.items() if one.status == "warn"} == {
        "frequency",
        "C-states",
        "huge pages",
        "swap",
        "limits",
        "time sync",
    }
    assert {name for name, one in found.items() if one.status == "info"} == {"SMT", "isolation", "sockets", "mitigations"}
    assert found["SMT"].found == "cores share hardware: 0-1 2-3"
    assert "powersave on 0-3" in found["frequency"].found and "performance" in found["frequency"].advice
    assert "C10 takes 890 us" in found["C-states"].found
    assert "open files 256" in found["limits"].found
    assert "no daemon seen" in found["time sync"].found
    assert "irqbalance moves them" in found["interrupts"].found, "nobody is pinned: it does no harm"
    assert all(one.advice for one in found.values() if one.status not in ("ok", "info"))


@pytest.mark.parametrize(
    ("check", "files", "status", "found"),
    [
        (cores.cores, {"proc/self/status": "Cpus_allowed_list:\t3,5\n"}, "warn", "2 usable of 8 (3,5)"),
        (cores.isolation, {f"{CPU}/nohz_full": "4-5"}, "warn", "isolcpus 4-7, nohz_full 4-5, rcu_nocbs 4-7"),
        (cores.isolation, {"proc/cmdline": "isolcpus=4-7 rcu_nocbs=all"}, "ok", "isolcpus 4-7, nohz_full 4-7, rcu_nocbs 0-4095"),
        (cores.frequency, {f"{CPU}/cpu2/cpufreq/scaling_max_freq": "2000000"}, "warn", "limited below the hardware's on 2"),
        (cores.sleep_states, {f"{CPU}/cpu0/cpuidle/state2/latency": "133"}, "warn", "state2 takes 133 us"),
        (
            cores.sleep_states,
            {f"{CPU}/cpu0/cpuidle/state2/latency": "133", f"{CPU}/cpu0/cpuidle/state2/disable": "1"},
            "ok",
            "none takes more than 10 us",
        ),
        (cores.interrupts, {"proc/irq/25/smp_affinity_list": "0-7"}, "warn", "2 interrupts on cores 0-7"),
        (cores.interrupts, {"proc/irq/25/smp_affinity_list": "0-7", "proc/irq/25/effective_affinity_list": "2"}, "ok", "on cores 0,2"),
        (cores.interrupts, {"proc/88/comm": "irqbalance\n"}, "warn", "irqbalance moves them"),
        (cores.interrupts, {"proc/net/route": "Iface Destination Gateway Flags\n"}, "info", "no default route"),
        (cores.quota, {"sys/fs/cgroup/cpu.max": "150000 100000"}, "warn", "cpu.max 150000 100000"),
        (cores.quota, {"sys/fs/cgroup/user.slice/cpu.max": "max 100000"}, "ok", "none"),
        (cores.quota, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, "warn", "50000 100000"),
        (cores.virtualisation, {"proc/cpuinfo": "flags : fpu hypervisor\n", "sys/class/dmi/id/sys_vendor": "QEMU"}, "info", "virtual machine (QEMU)"),
        (cores.virtualisation, {".dockerenv": ""}, "ok", "container"),
        (cores.numa, {"sys/devices/system/node/online": "0-1", "sys/class/net/eth0/device/numa_node": "1"}, "info", "2 nodes, eth0 at node 1"),
        (cores.numa, {"sys/devices/system/node/online": "0-1", "proc/sys/kernel/numa_balancing": "1"}, "warn", "pages are moved"),
        (clocks.clock_source, {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet"}, "warn", "hpet"),
        (clocks.counter, {"proc/cpuinfo": "flags : fpu constant_tsc\n"}, "warn", "tsc without nonstop_tsc"),
        (clocks.counter, {"proc/cpuinfo": "Features : fp asimd aes\n"}, "ok", "cntvct"),
        (memory.limits, {"proc/self/limits": "Max open files            4096  4096  files\nMax locked memory         65536  65536  bytes\n"}, "info", "64 KiB"),
        (software.kernel, {"proc/sys/kernel/osrelease": "4.19.0-amd64"}, "warn", "4.19.0-amd64"),
    ],
)  # fmt: skip
def test_each_thing_that_is_amiss_is_seen(tmp_path: Path, check, files: dict[str, str], status: str, found: str) -> None:  # type: ignore[no-untyped-def]
    finding = check(host(tmp_path, files))
    assert (finding.status, found in finding.found) == (status, True), finding
    assert finding.advice or status in ("ok", "info")


def test_a_clock_that_is_far_off_is_a_warning(tmp_path: Path) -> None:
    assert clocks.time_sync(host(tmp_path, timex=Timex(True, -2_000_000, 10, 20))).status == "warn"


def test_an_interrupt_on_a_core_of_ours_is_named(tmp_path: Path) -> None:
    finding = cores.interrupts(host(tmp_path, {f"{CPU}/isolated": ""}, pinned={1: 4711}))
    assert finding.status == "warn" and "interrupt 25 goes to a core that spins" in finding.advice
    assert cores.interrupts(host(tmp_path, {f"{CPU}/isolated": ""}, pinned={3: 4711})).status == "ok"


@pytest.mark.parametrize(
    ("held_us", "status", "found"), [(None, "ok", "not told"), (0, "ok", "not held back"), (50, "info", "for up to 50 us")]
)
def test_a_card_that_holds_interrupts_back_is_seen(tmp_path: Path, held_us: int | None, status: str, found: str) -> None:
    made = host(tmp_path, {"sys/class/net/eth0/queues/rx-0/rps_cpus": "0"})
    finding = software.network_card(Host(made.root, made.timex, made.pinned, lambda card: held_us))
    assert finding.status == status and found in finding.found and "eth0" in finding.found and "1 receive queues" in finding.found


def test_aes_in_software_is_a_warning(tmp_path: Path) -> None:
    assert software.tls(host(tmp_path, {"proc/cpuinfo": "flags : fpu\n"})).status == "warn"


def test_a_check_that_fails_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aats import doctor

    def broken(host: Host) -> Finding:
        raise ValueError("oops")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))
    assert list(doctor.examine(host(tmp_path))) == [Finding("broken", "bad", "cannot be told: oops", "please report this line")]


def test_this_host_can_be_examined(capsys: pytest.CaptureFixture[str], namespace: str) -> None:
    status = cli.main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert len(found) == len(CHECKS) == len({one["check"] for one in found})
    assert [one for one in found if "cannot be told" in one["found"]] == []
    assert status == int(any(one["status"] == "bad" for one in found))
    page = next(one for one in found if one["check"] == "clock page")
    assert page["status"] in ("ok", "info") and page["found"]


def test_a_host_on_which_something_runs_can_be_examined(namespace: str) -> None:
    with control.join(Role.FEED, "one", mode=Mode.DIRECT) as member:
        member.ready("")
        done = subprocess.run([sys.executable, "-m", "aats.cli", "doctor", "--json"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # what reads an unmapped table ends by a signal
    found = {one["check"]: one for one in json.loads(done.stdout)}
    assert found["processes"]["found"].startswith("1 alive") and found["clock page"]["status"] in ("ok", "info")


@pytest.mark.parametrize(("text", "listed"), [("0-2,5", (0, 1, 2, 5)), ("", ()), ("(null)", ()), ("7\n", (7,))])
def test_lists_of_cores_are_read_and_written_as_the_kernel_does(text: str, listed: tuple[int, ...]) -> None:
    assert cpus.parse(text) == listed
    assert ranges(listed) == (text.strip() if listed else "none")


def test_the_kernels_clock_is_asked_for_real() -> None:
    told = Host().timex()
    assert told is None or (abs(told.offset_ns) < 10**10 and told.maxerror_us >= 0)
    assert os.sched_getaffinity(0) == set(Host().cores())
