"""``tools.cbuild`` builds again what changed and nothing else; and every C source compiles without a warning.

For: trust in the C tests, which run what it built.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import cbuild


@pytest.mark.parametrize("variant", ["plain", "asan"])
def test_every_source_compiles_without_a_warning(variant: str) -> None:
    cbuild.require_clean(variant)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a tree of two sources and a header, with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "tree"
    (root / "csrc/base").mkdir(parents=True)
    (root / "csrc/base/one.h").write_text("#define ONE 1\nint one(void);\n")
    (root / "csrc/base/one.c").write_text('#include "base/one.h"\nint one(void) { return ONE; }\n')
    (root / "csrc/base/two.c").write_text("int two(void);\nint two(void) { return 2; }\n")
    (root / "main.c").write_text('#include "base/one.h"\nint main(void) { return one(); }\n')
    return root


def _exit_code(tree: Path) -> int:
    return subprocess.run([str(cbuild.Build("plain", tree).executable(tree / "main.c"))]).returncode


def test_a_changed_header_reaches_the_executable(tree: Path) -> None:
    assert _exit_code(tree) == 1
    (tree / "csrc/base/one.h").write_text("#define ONE 7\nint one(void);\n")
    assert _exit_code(tree) == 7


def test_nothing_is_built_twice(tree: Path) -> None:
    _exit_code(tree)
    built = {path: path.stat().st_mtime_ns for path in cbuild.cache_dir("plain", tree).iterdir() if path.name != "lock"}
    for source in tree.rglob("*.[ch]"):
        source.write_text(source.read_text())  # a new time, the same content
    _exit_code(tree)
    assert {path: path.stat().st_mtime_ns for path in built} == built


def test_a_removed_source_leaves_the_library(tree: Path) -> None:
    (tree / "main.c").write_text("int two(void);\nint main(void) { return two(); }\n")
    assert _exit_code(tree) == 2
    (tree / "csrc/base/two.c").unlink()
    with pytest.raises(cbuild.BuildError, match=r"main\.c does not link"):
        _exit_code(tree)


def test_a_broken_source_spoils_only_what_needs_it(tree: Path) -> None:
    (tree / "csrc/base/two.c").write_text("int two(void) { return nonsense; }\n")
    assert _exit_code(tree) == 1
    with pytest.raises(cbuild.BuildError, match="nonsense"):
        cbuild.require_clean("plain", tree)
    (tree / "main.c").write_text("int two(void);\nint main(void) { return two(); }\n")
    with pytest.raises(cbuild.BuildError, match="nonsense"):
        _exit_code(tree)


def test_a_warning_is_an_error(tree: Path) -> None:
    (tree / "csrc/base/two.c").write_text("int two(void);\nint two(void) { int unused; return 2; }\n")
    with pytest.raises(cbuild.BuildError, match="unused"):
        cbuild.require_clean("plain", tree)


def test_names_are_read_as_the_compiler_would(tmp_path: Path) -> None:
    source = tmp_path / "test_x.c"
    source.write_text("TEST(a)\n{\n}\n// TEST(b)\n/* \nTEST(c)\n*/\nTEST( d ) {}\n    TEST(e)\nRUN_ALL()\n")
    assert cbuild.test_names(source) == ["a", "d"]
    source.write_text("TEST(a) {}\n")
    assert cbuild.test_names(source) == []
