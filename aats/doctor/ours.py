"""What is ours on this host: processes of this namespace, and segments that somebody left."""

from __future__ import annotations

from aats import control, shm
from aats.doctor.host import Finding, Host
from aats.layout import hash8


def processes(host: Host) -> Finding:
    found = control.processes()
    dead = [one for one in found if not one["alive"]]
    hung = [one for one in found if one["alive"] and one["status"] == "stopped"]
    line = f"{len(found) - len(dead)} alive, {len(dead)} dead"
    if hung:
        names = ", ".join(f"{one['name']} (pid {one['pid']})" for one in hung)
        return Finding("processes", "warn", line, f"stopped by a signal: {names}; kill -CONT goes on, aats kill ends it")
    if dead:
        return Finding("processes", "warn", line, "the dead are cleared by whoever starts next, and by `aats ps`")
    return Finding("processes", "ok", line)


def segments(host: Host) -> Finding:
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


CHECKS = (processes, segments)
