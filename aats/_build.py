"""Build ``aats._core``: the C sources of csrc/ behind cffi (API mode).

Used by setuptools only (``[tool.setuptools.cmdclass]`` in pyproject.toml); nothing imports it at run time.

The headers are the single definition: whatever stands between ``/* cdef-begin */`` and ``/* cdef-end */`` in csrc/**/*.h is given to ``ffi.cdef`` word for
word, and the same headers are included by the C that is compiled.  The text of csrc/layout/layout.h between the marks is hashed into ``AATS_LAYOUT_HASH``.

Environment: ``AATS_SAN=asan|tsan`` builds an instrumented variant; ``AATS_CFLAGS`` is appended to the compiler's flags.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools.command.build_ext import build_ext as _build_ext

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"

#: Layers in the order of DESIGN: a header may use only what stands before its own layer.
LAYERS = ("base", "layout", "shm", "proto", "book", "match", "order", "journal", "risk", "io", "venue", "app", "py")

SANITIZERS = {
    "": [],
    "asan": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"],
    "tsan": ["-fsanitize=thread", "-fno-omit-frame-pointer", "-g", "-O1"],
}


def headers() -> list[Path]:
    """Return all headers, lower layers first, by name inside a layer but for dependencies between them."""
    found: list[Path] = []

    def visit(path: Path, trail: tuple[Path, ...] = ()) -> None:
        if path in found or path in trail:
            return
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(encoding="utf-8"), re.M):
            if (CSRC / name).exists():
                visit(CSRC / name, (*trail, path))
        found.append(path)

    for layer in LAYERS:
        for path in sorted((CSRC / layer).glob("*.h")):
            visit(path)
    return found


def cdef_of(text: str) -> str:
    """Return what stands between the cdef marks of a header, all pieces of it."""
    return "\n".join(re.findall(r"/\* cdef-begin \*/(.*?)/\* cdef-end \*/", text, re.S))


def layout_hash() -> int:
    """Hash the layout's text, comments and white space aside, to 64 bits."""
    text = "".join(cdef_of((CSRC / name).read_text(encoding="utf-8")) for name in ("base/limits.h", "layout/layout.h"))
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = " ".join(text.split())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def sources() -> list[str]:
    """Return the C files of every layer, relative to the project's root (setuptools refuses absolute ones)."""
    return [str(path.relative_to(ROOT)) for layer in LAYERS for path in sorted((CSRC / layer).glob("*.c"))]


def make_ffi() -> Any:
    """Return the cffi builder with cdef and source set."""
    from cffi import FFI

    ffi = FFI()
    cdef = [cdef_of(path.read_text(encoding="utf-8")) for path in headers()]
    ffi.cdef("\n".join(cdef))
    includes = [f'#include "{path.relative_to(CSRC)}"' for path in headers() if cdef_of(path.read_text(encoding="utf-8")).strip()]
    ffi.set_source("aats._core", "\n".join(includes), py_limited_api=False)
    return ffi


def _complain_early(compiler: str) -> None:
    """End the build with one clear sentence where a tool or a header is missing."""
    if shutil.which(compiler) is None:
        raise SystemExit(f"aats: no C compiler ({compiler!r} is not on the PATH). On Debian or Ubuntu: apt-get install gcc")
    import subprocess
    import sysconfig
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.c"
        wants = [
            ("openssl/ssl.h", "OpenSSL headers", "libssl-dev"),
            ("Python.h", "Python headers", f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"),
            ("stdio.h", "the C library's headers", "libc6-dev"),
        ]
        for header, what, package in wants:
            probe.write_text(f"#include <{header}>\n")
            command = [compiler, "-E", "-I", sysconfig.get_paths()["include"], str(probe), "-o", os.devnull]
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                raise SystemExit(f"aats: {what} are missing (<{header}> not found). On Debian or Ubuntu: apt-get install {package}")


class build_ext(_build_ext):
    """setuptools' build_ext with aats._core filled in."""

    def finalize_options(self) -> None:
        super().finalize_options()
        for ext in self.extensions:
            if ext.name != "aats._core":
                continue
            compiler = (os.environ.get("CC") or "cc").split()[0]
            _complain_early(compiler)
            if sys.platform != "linux":
                raise SystemExit(f"aats: Linux only (this is {sys.platform})")
            made = Path(self.build_temp).resolve() / "_core.c"
            made.parent.mkdir(parents=True, exist_ok=True)
            make_ffi().emit_c_code(str(made))
            ext.sources = [str(made), *sources()]
            ext.depends = [str(path.relative_to(ROOT)) for path in headers()]
            ext.include_dirs = [str(CSRC)]
            ext.libraries = ["ssl", "crypto", "pthread"]
            ext.define_macros = [
                ("_CFFI_NO_LIMITED_API", None),
                ("_GNU_SOURCE", None),
                ("AATS_LAYOUT_HASH", f"0x{layout_hash():016x}ULL"),
            ]
            san = SANITIZERS[os.environ.get("AATS_SAN", "")]
            ext.extra_compile_args = ["-std=gnu11", "-O3", "-g1", "-Wall", "-Wextra", "-fvisibility=hidden", "-Wno-unused-parameter", *san]
            ext.extra_compile_args += os.environ.get("AATS_CFLAGS", "").split()
            ext.extra_link_args = [*san]
            ext.py_limited_api = False

    def build_extensions(self) -> None:
        """Compile as many files at a time as there are cores: setuptools by itself compiles those of one extension one by one."""
        compile_some = self.compiler.compile

        def compile_all(sources: list[str], *args: Any, **options: Any) -> list[str]:
            with ThreadPoolExecutor(min(len(sources), os.cpu_count() or 1, 8)) as pool:
                return [made for each in pool.map(lambda one: compile_some([one], *args, **options), sources) for made in each]

        self.compiler.compile = compile_all
        super().build_extensions()
