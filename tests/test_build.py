"""What a machine without the tools for the C core is told, and that the layout hash follows the layout."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def build() -> ModuleType:
    """Return aats/_build.py as the build backend loads it: by path, without the package."""
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location("aats_build_under_test", ROOT / "aats/_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_missing_compiler_is_one_sentence_with_the_package(build: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"^aats: no C compiler \('no-such-cc'.*apt-get install gcc$"):
        build._complain_early("no-such-cc")


@pytest.mark.parametrize(
    ("header", "package"), [("openssl/ssl.h", "libssl-dev"), ("Python.h", r"python3\.\d+-dev"), ("stdio.h", "libc6-dev")]
)
def test_missing_headers_are_one_sentence_with_the_package(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, package: str
) -> None:
    compiler = tmp_path / "half-a-cc"
    compiler.write_text(f'#!/bin/sh\nfor file in "$@"; do case $file in *.c) ! grep -q "<{header}>" "$file" || exit 1;; esac; done\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SystemExit, match=rf"^aats: .*<{header}> not found.*apt-get install {package}$"):
        build._complain_early("half-a-cc")


def test_the_layout_hash_is_of_the_layout_and_not_of_its_comments(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("base/limits.h", "layout/layout.h"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / "csrc" / name).read_text(encoding="utf-8"), encoding="utf-8")
    before = build.layout_hash()
    monkeypatch.setattr(build, "CSRC", tmp_path)
    header = tmp_path / "layout/layout.h"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("/* cdef-begin */", "/* cdef-begin */ /* a remark */"), encoding="utf-8")
    assert build.layout_hash() == before
    header.write_text(text.replace("uint64_t heartbeat_mono_ns;", "uint64_t beat_mono_ns;"), encoding="utf-8")
    assert build.layout_hash() != before


def test_the_compiled_core_has_the_hash_of_the_headers(build: ModuleType) -> None:
    from aats.layout import LAYOUT_HASH

    assert LAYOUT_HASH == build.layout_hash()
