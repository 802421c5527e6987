"""Build csrc for the C tests, the race tests and the fuzz targets; and the extension in place.

For: ``tests/conftest.py``, ``tools.fuzz``, ``tools.sabotage``, and a developer's command line.  Not for installing:
``pip install .`` builds the product through ``aats/_build.py`` and knows nothing of this file.

    python -m tools.cbuild --variant asan                           # the library of one variant
    python -m tools.cbuild --variant asan --run tests/c/test_num.c  # build that test, run it (names may follow)
    python -m tools.cbuild --variant plain --build tests/bench/bench_ring.c   # build, and say where it is, as JSON; for `aats bench`
    python -m tools.cbuild --extension                              # aats/_core*.so beside its package, for this Python

All of csrc but ``py/`` (the only layer that sees Python.h) becomes one static library for each variant, in a cache
folder outside the tree: ``$XDG_CACHE_HOME/aats-build/<hash of the tree's path>/<variant>/``.  An object is made again
when its command or the content of anything it includes has changed; times of files do not matter.  A lock for each
variant lets several pytest workers share the folder.

A source that does not compile is left out of the library: what links without it still runs, what does not is told
gcc's text.  `require_clean` (and the command line) make every such text an error.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JOBS = 2

_COMMON = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"]
_SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
_LIBS = ["-lssl", "-lcrypto", "-lpthread", "-lm"]


@dataclass(frozen=True)
class Variant:
    """One way of compiling all C files.

    ``support`` are sources of the tests that belong into this variant's library.  They are compiled without
    ``only_under_test``, flags which would make the support code observe itself.
    """

    flags: Sequence[str]
    support: Sequence[str] = ()
    only_under_test: Sequence[str] = ()
    why: str = ""


VARIANTS = {
    "plain": Variant(["-O3"], why="as the product is compiled"),
    "asan": Variant(_SANITIZED, why="unit tests: AddressSanitizer and UBSan, the first finding ends the run"),
    "tsan": Variant(["-O1", "-fsanitize=thread", "-Wno-tsan"], why="unit tests that start threads"),
    "weak": Variant(
        ["-O1", "-DAATS_WEAK", "-Itests/race", "-fsanitize=undefined", "-fno-sanitize-recover=all"],
        support=["tests/race/weak_mem.c", "tests/race/weak_run.c"],
        why="race tests: atomics.h answered by the weak-memory scheduler",
    ),
    "fuzz": Variant(
        _SANITIZED,
        support=["tests/fuzz/driver.c"],
        only_under_test=["-fsanitize-coverage=trace-pc"],
        why="fuzz targets under gcc, with our own driver",
    ),
    "libfuzzer": Variant(
        ["-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"],
        why="fuzz targets under clang and libFuzzer",
    ),
}


class BuildError(Exception):
    """A compiler or linker run failed; the text is what it said."""


# ---------------------------------------------------------------------------------------------- names and places


def compiler(variant: str) -> str:
    """Return the compiler of `variant`: ``$CC`` or gcc, clang for libFuzzer."""
    return "clang" if variant == "libfuzzer" else os.environ.get("CC", "gcc")


def cache_dir(variant: str, root: Path = ROOT) -> Path:
    """Return (and make) the folder that holds what is built of the tree `root` in `variant`."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "aats-build" / hashlib.sha256(str(root).encode()).hexdigest()[:12] / variant
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def library_sources(root: Path = ROOT) -> list[Path]:
    """Return every C file of the product but those of ``csrc/py``, in a fixed order."""
    return sorted(p for p in (root / "csrc").rglob("*.c") if p.relative_to(root).parts[1] != "py")


def test_names(source: Path) -> list[str]:
    """Return the names of the tests in one C file, in its order; empty for a file that is not a test.

    Read from the text, not from the executable: collecting needs no compiler, and is the same in every worker.
    """
    text = source.read_text(encoding="utf-8", errors="replace")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    if "RUN_ALL" not in text:
        return []
    return re.findall(r"^TEST\(\s*(\w+)\s*\)", text, flags=re.MULTILINE)


def layout_hash(root: Path = ROOT) -> int:
    """Return the hash that a product built of this tree has in its segments, as `aats/_build.py` computes it (a test compares); that file needs setuptools."""
    texts = [(root / "csrc" / name).read_text(encoding="utf-8") for name in ("base/limits.h", "layout/layout.h")]
    text = "".join("\n".join(re.findall(r"/\* cdef-begin \*/(.*?)/\* cdef-end \*/", one, re.S)) for one in texts)
    text = " ".join(re.sub(r"/\*.*?\*/", " ", text, flags=re.S).split())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


# ------------------------------------------------------------------------------------------------- one compilation


def _run(command: Sequence[str], root: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)


@functools.cache
def _compiler_version(cc: str) -> str:
    try:
        done = subprocess.run([cc, "--version"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BuildError(f"No C compiler {cc!r} was found; on Debian: apt install gcc libc6-dev libssl-dev") from None
    return done.stdout


class Build:
    """The builds of one variant of one tree; remembers each file's hash for as long as it lives."""

    def __init__(self, variant: str, root: Path = ROOT) -> None:
        self.variant, self.root = variant, root
        self.spec = VARIANTS[variant]
        self.dir = cache_dir(variant, root)
        self.cc = compiler(variant)
        self._digests: dict[str, bytes] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this variant's folder against other processes."""
        with open(self.dir / "lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _digest(self, path: str) -> bytes:
        if path not in self._digests:
            try:
                self._digests[path] = hashlib.sha256((self.root / path).read_bytes()).digest()
            except OSError:
                self._digests[path] = b"absent"
        return self._digests[path]

    def _fingerprint(self, command: Sequence[str], inputs: Sequence[str]) -> str:
        state = hashlib.sha256(shlex.join(command).encode() + _compiler_version(self.cc).encode())
        for path in inputs:
            state.update(path.encode() + b"\0" + self._digest(path))
        return state.hexdigest()

    def _object(self, source: Path) -> tuple[Path, str | None]:
        """Compile one file; return its object, and gcc's text if it failed.  Only success is remembered."""
        name = str(source.relative_to(self.root))
        out = self.dir / (name.replace("/", ".") + ".o")
        deps, stamp = out.with_suffix(".d"), out.with_suffix(".stamp")
        include = ["-Icsrc", f"-I{source.parent.relative_to(self.root)}", "-Itests/c"]
        observed = [] if name in self.spec.support else self.spec.only_under_test
        if self.variant == "plain" and b"AATS_LAYOUT_HASH" in source.read_bytes():  # programs of tests/bench map the product's segments
            observed = [*observed, f"-DAATS_LAYOUT_HASH=0x{layout_hash(self.root):016x}ULL"]
        command = [
            self.cc,
            *_COMMON,
            *self.spec.flags,
            *observed,
            *include,
            "-MMD",
            "-MF",
            str(deps),
            "-c",
            name,
            "-o",
            str(out),
        ]
        if out.exists() and stamp.exists() and stamp.read_text() == self._fingerprint(command, _depfile(deps)):
            return out, None
        stamp.unlink(missing_ok=True)
        done = _run(command, self.root)
        if done.returncode != 0:
            return out, f"{name} does not compile:\n{done.stdout}"
        stamp.write_text(self._fingerprint(command, _depfile(deps)))
        return out, None

    def library(self) -> tuple[Path, dict[str, str]]:
        """Bring the library up to date; return it and the texts of the sources that do not compile, by name."""
        sources = library_sources(self.root) + [self.root / s for s in self.spec.support if (self.root / s).exists()]
        with self.locked():
            with ThreadPoolExecutor(JOBS) as pool:
                made = list(pool.map(self._object, sources))
            broken = {str(s.relative_to(self.root)): text for s, (_, text) in zip(sources, made) if text is not None}
            objects = [str(o) for o, text in made if text is None]
            archive, stamp = self.dir / "libaats.a", self.dir / "libaats.stamp"
            state = self._fingerprint(["ar", *objects], [str(Path(o).with_suffix(".stamp")) for o in objects])
            if not (archive.exists() and stamp.exists() and stamp.read_text() == state):
                archive.unlink(missing_ok=True)
                done = _run(["ar", "rcs", str(archive), *objects], self.root)
                if done.returncode != 0:
                    raise BuildError(done.stdout)
                stamp.write_text(state)
        return archive, broken

    def executable(self, source: Path) -> Path:
        """Build one test or fuzz target against the library.

        Raises
        ------
        BuildError
            With gcc's text, and the texts of every library source that was left out because it does not compile.
        """
        source = source.resolve()
        archive, broken = self.library()
        with self.locked():
            obj, failure = self._object(source)
            if failure is not None:
                raise BuildError(failure)
            exe, stamp = obj.with_suffix(".exe"), obj.with_suffix(".link")
            command = [self.cc, *self.spec.flags, str(obj), str(archive), "-o", str(exe), *_LIBS]
            self._digests.pop(str(archive.with_suffix(".stamp")), None)
            state = self._fingerprint(command, [str(obj.with_suffix(".stamp")), str(archive.with_suffix(".stamp"))])
            if not (exe.exists() and stamp.exists() and stamp.read_text() == state):
                done = _run(command, self.root)
                if done.returncode != 0:
                    raise BuildError("\n".join([f"{source.name} does not link:", done.stdout, *broken.values()]))
                stamp.write_text(state)
        return exe


def _depfile(path: Path) -> list[str]:
    """Return the prerequisites of a make-style dependency file, the system's headers aside."""
    try:
        text = path.read_text()
    except OSError:
        return []
    return text.replace("\\\n", " ").partition(":")[2].split()


def require_clean(variant: str, root: Path = ROOT) -> None:
    """Raise `BuildError` unless every source compiles without a warning; in ``plain`` also those of ``csrc/py``."""
    build = Build(variant, root)
    _, broken = build.library()
    texts = list(broken.values())
    if variant == "plain":
        python = f"-I{sysconfig.get_paths()['include']}"
        for source in sorted((root / "csrc" / "py").glob("*.c")):
            name = str(source.relative_to(root))
            done = _run([build.cc, *_COMMON, *build.spec.flags, "-Icsrc", python, "-fsyntax-only", name], root)
            if done.returncode != 0:
                texts.append(f"{name} does not compile:\n{done.stdout}")
    if texts:
        raise BuildError("\n".join(texts))


def run_env(variant: str) -> dict[str, str]:
    """Return the environment for running what `variant` built."""
    env = dict(os.environ)
    env["ASAN_OPTIONS"] = "abort_on_error=0:detect_leaks=1:detect_stack_use_after_return=1:" + env.get("ASAN_OPTIONS", "")
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:" + env.get("UBSAN_OPTIONS", "")
    env["TSAN_OPTIONS"] = "halt_on_error=1:" + env.get("TSAN_OPTIONS", "")
    return env


def build_extension(root: Path = ROOT) -> None:
    """Compile ``aats._core`` beside its package, for the running Python (``AATS_SAN`` is passed on)."""
    temp = cache_dir(f"extension-{sys.implementation.cache_tag}-{os.environ.get('AATS_SAN', 'plain')}", root)
    command = [sys.executable, "-c", "from setuptools import setup; setup()", "-q", "build_ext", "--inplace"]
    done = _run([*command, "--build-temp", str(temp)], root)
    if done.returncode != 0:
        raise BuildError(done.stdout)


def build_all(variant: str, sources: Sequence[Path]) -> dict[str, object]:
    """Build several executables; return their paths, and gcc's text of those that do not build, by source."""
    build = Build(variant)
    built: dict[str, str] = {}
    broken: dict[str, str] = {}
    for source in sources:
        try:
            built[str(source)] = str(build.executable(source))
        except BuildError as error:
            broken[str(source)] = str(error)
    flags = shlex.join([*(flag for flag in _COMMON if not flag.startswith("-W")), *VARIANTS[variant].flags])
    compiler_ = _compiler_version(build.cc).partition("\n")[0]
    return {"compiler": compiler_, "flags": flags, "layout": layout_hash(), "built": built, "broken": broken}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.cbuild", description="Build csrc for the C tests.")
    parser.add_argument("--variant", choices=VARIANTS, default="asan", help="; ".join(f"{k}: {v.why}" for k, v in VARIANTS.items()))
    parser.add_argument("--run", metavar="FILE.c", type=Path, help="build this test and run it")
    parser.add_argument(
        "--build", metavar="FILE.c", type=Path, nargs="+", help="build these; print compiler, flags, paths and what is broken as JSON"
    )
    parser.add_argument("--extension", action="store_true", help="build aats._core in place instead")
    parser.add_argument("names", nargs="*", help="with --run: only these tests")
    options = parser.parse_args(argv)
    try:
        if options.extension:
            build_extension()
            return 0
        if options.build:
            print(json.dumps(build_all(options.variant, options.build)))
            return 0
        if options.run is None:
            require_clean(options.variant)
            return 0
        exe = Build(options.variant).executable(options.run)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return subprocess.run([str(exe), *options.names], env=run_env(options.variant)).returncode


if __name__ == "__main__":
    sys.exit(main())
