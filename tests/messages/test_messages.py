"""What a strategy does with a message never reaches the next one, and what it keeps never changes, on every Python that can be had.

The cases are in cases.py, which runs in a process of its own.  For the Python of this test run the extension beside the package is used; for the others
one is built from these sources in the build cache (needs cffi, which pip fetches there once).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tools import cbuild

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).with_name("cases.py")
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
CC = [(os.environ.get("CC") or "cc").split()[0], "-std=gnu11", "-O1", "-fPIC", "-w", "-D_GNU_SOURCE", f"-I{ROOT / 'csrc'}"]
ASK = "import sysconfig; print(sysconfig.get_paths()['include']); print(sysconfig.get_config_var('EXT_SUFFIX'))"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def find_python(version: str) -> Path | None:
    """Return an interpreter of that version: on the PATH, or pyenv's newest."""
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python"), key=lambda path: [int(part) for part in re.findall(r"\d+", path.parts[-3])])
    for one in [*found[::-1], *([Path(on_path)] if on_path else [])]:
        said = subprocess.run([one, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
        if said.stdout.strip() == version:
            return one
    return None


def _run(command: list[object], what: str, **kw: Any) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **kw)
    assert done.returncode == 0, f"{what}:\n{(done.stderr or done.stdout)[-3000:]}"


def _compile(sources: list[Path], folder: Path, flags: list[str], what: str) -> list[Path]:
    """Compile, two at a time, and return the objects."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(source, folder / f"{source.parent.name}.{source.stem}.o") for source in sources]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: _run([*CC, *flags, "-c", job[0], "-o", job[1]], f"{what}: {job[0].name}"), jobs))
    return [out for _, out in jobs]


def _state() -> str:
    state = hashlib.sha256()
    for path in sorted([*(ROOT / "csrc").rglob("*.[ch]"), ROOT / "aats" / "_build.py"]):
        state.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def _common(home: Path) -> list[Path]:
    """Return the objects of everything that does not see Python.h, and emit the binding; done once for all Pythons."""
    from aats import _build

    objects, stamp = home / "common", home / "common.stamp"
    if not (stamp.exists() and stamp.read_text() == _state()):
        shutil.rmtree(objects, ignore_errors=True)
        sources = [ROOT / name for name in _build.sources() if not name.startswith("csrc/py/")]
        _compile(sources, objects, [f"-DAATS_LAYOUT_HASH=0x{_build.layout_hash():016x}ULL"], "common part")
        _build.make_ffi().emit_c_code(str(home / "_core.c"))
        stamp.write_text(_state())
    return sorted(objects.glob("*.o"))


def built_for(version: str, python: Path) -> list[Path]:
    """Return the folders for PYTHONPATH: the package with an extension for that Python, and cffi; skip where cffi cannot be had."""
    from aats import _build

    said = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True).stdout.split("\n")
    if not (Path(said[0]) / "Python.h").exists():
        pytest.skip(f"Python {version} has no headers ({said[0]}/Python.h)")
    home = cbuild.cache_dir("messages", ROOT)
    cffi, tree, stamp = home / f"cffi-{version}", home / version, home / f"{version}.stamp"
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not cffi.exists():
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "-q",
                "--only-binary",
                ":all:",
                "--python-version",
                version,
                "--target",
                cffi,
                "cffi>=1.17",
            ]
            got = subprocess.run([str(word) for word in pip], capture_output=True, text=True)
            if got.returncode != 0:
                shutil.rmtree(cffi, ignore_errors=True)
                pytest.skip(f"cffi for Python {version} cannot be had: {(got.stderr.strip().splitlines() or ['pip failed'])[-1]}")
        if not (stamp.exists() and stamp.read_text() == _state()):
            shutil.rmtree(tree, ignore_errors=True)
            common = _common(home)
            flags = [f"-I{said[0]}", "-D_CFFI_NO_LIMITED_API", f"-DAATS_LAYOUT_HASH=0x{_build.layout_hash():016x}ULL"]
            own = _compile([home / "_core.c", *(ROOT / "csrc" / "py").glob("*.c")], tree / "objects", flags, f"Python {version}")
            (tree / "aats").mkdir()
            for name in ("__init__", "_ffi", "errors"):
                shutil.copy(ROOT / "aats" / f"{name}.py", tree / "aats")
            _run(
                [CC[0], "-shared", *own, *common, "-o", tree / "aats" / f"_core{said[1]}", "-lssl", "-lcrypto", "-lpthread", "-lm"], "link"
            )
            stamp.write_text(_state())
    return [tree, cffi]


def _expect_all_well(version: str, python: Path, path: list[Path]) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run([python, CASES], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"Python {version}: exit code {done.returncode}\n{done.stderr[-3000:]}"
    said = json.loads(done.stdout)
    assert len(said) > 400, "the cases were not found"
    assert {case: text for case, text in said.items() if text != "ok"} == {}


def test_no_message_shows_what_was_done_to_another() -> None:
    _expect_all_well(HERE, Path(sys.executable), [ROOT])


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != HERE])
def test_nor_does_one_on_another_python(version: str) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on the PATH or under pyenv")
    _expect_all_well(version, python, built_for(version, python))
