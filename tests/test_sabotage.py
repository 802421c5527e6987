"""The patches of ``tests/sabotage`` fit the sources, and ``tools.sabotage`` knows a red test from every other outcome.

For: noticing at once that a change has made a patch stale.  Running the patches takes minutes: ``python -m
tools.sabotage`` does it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools import cbuild, sabotage

HEADER = "# promise: {promise}\n# test: {test}\n"


@pytest.mark.parametrize("patch", sabotage.read_patches(), ids=lambda p: p.name)
def test_patch_fits_the_sources_and_names_a_test(patch: sabotage.Patch) -> None:
    command = ["patch", "-p1", "--fuzz=1", "--dry-run", "--batch", "--forward", "-i", str(patch.path)]
    done = subprocess.run(command, cwd=cbuild.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    file, _, name = patch.test.partition("::")
    assert (cbuild.ROOT / file).is_file(), f"{patch.test}: no such file"
    if file.endswith(".c"):
        assert name in cbuild.test_names(cbuild.ROOT / file), f"{patch.test}: no such test"
    else:
        assert f"def {name.partition('[')[0].rpartition('::')[2]}(" in (cbuild.ROOT / file).read_text()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sabotage.Copy:
    """Return a copy of a tree with one C function and one test, with the real conftest and build tool."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tree = tmp_path / "tree"
    for folder in ("csrc/base", "tests/c", "tests/sabotage", "tools"):
        (tree / folder).mkdir(parents=True)
    for name in ("tests/conftest.py", "tests/c/check.h", "tools/cbuild.py"):
        shutil.copy(cbuild.ROOT / name, tree / name)
    (tree / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (tree / "csrc/base/one.h").write_text("int one(void);\n")
    (tree / "csrc/base/one.c").write_text('#include "base/one.h"\nint one(void)\n{\n    return 1;\n}\n')
    (tree / "tests/c/test_one.c").write_text(
        '#include "base/one.h"\n#include "check.h"\nTEST(one_is_one) { CHECK_EQ_I64(one(), 1); }\n'
        'TEST(is_red) { CHECK(one() == 2); }\nTEST(is_skipped) { SKIP("so"); }\nRUN_ALL()\n'
    )
    return sabotage.Copy(tree, tmp_path / "copy")


def _judge(copy: sabotage.Copy, old: str, new: str, test: str = "tests/c/test_one.c::one_is_one") -> sabotage.Verdict:
    path = copy.root / "tests/sabotage/it.patch"
    diff = f"--- a/csrc/base/one.c\n+++ b/csrc/base/one.c\n@@ -3,3 +3,3 @@\n {{\n-{old}\n+{new}\n }}\n"
    path.write_text(HEADER.format(promise="one is one", test=test) + diff)
    (patch,) = sabotage.read_patches(copy.root)
    return sabotage.judge(copy, patch, {})


def test_a_patch_that_no_test_notices_is_green(copy: sabotage.Copy) -> None:
    assert _judge(copy, "    return 1;", "    return 1 + 0;").outcome == "green"


def test_a_patch_that_does_not_fit_is_stale(copy: sabotage.Copy) -> None:
    assert _judge(copy, "    return 7;", "    return 2;").outcome == "stale"


def test_a_patch_that_does_not_compile_is_broken(copy: sabotage.Copy) -> None:
    verdict = _judge(copy, "    return 1;", "    return nonsense;")
    assert verdict.outcome == "broken" and "nonsense" in verdict.text


@pytest.mark.parametrize("test", ["is_red", "is_skipped", "is_absent"])
def test_a_test_that_does_not_pass_without_the_patch_is_unfounded(test: str, copy: sabotage.Copy) -> None:
    assert _judge(copy, "    return 1;", "    return 2;", f"tests/c/test_one.c::{test}").outcome == "unfounded"


def test_a_patch_that_a_test_notices_is_red_and_leaves_nothing_behind(copy: sabotage.Copy) -> None:
    assert _judge(copy, "    return 1;", "    return 2;").outcome == "red"
    assert (copy.at / "csrc/base/one.c").read_text() == (copy.root / "csrc/base/one.c").read_text()
    assert _judge(copy, "    return 1;", "    return 1 + 0;").outcome == "green"


def test_a_patch_without_its_header_is_refused(copy: sabotage.Copy) -> None:
    (copy.root / "tests/sabotage/bare.patch").write_text("# promise: x\n--- a/x\n+++ b/x\n")
    with pytest.raises(sabotage.PatchError, match=r"bare\.patch: needs one line"):
        sabotage.read_patches(copy.root)


def test_rotation_reaches_every_patch(copy: sabotage.Copy) -> None:
    patches = [sabotage.Patch(Path(f"{n}.patch"), "p", "t") for n in range(7)]
    drawn = [sabotage.select(patches, [], 2, seed) for seed in range(60)]
    assert all(len(d) == 2 for d in drawn)
    assert {p.name for d in drawn for p in d} == {p.name for p in patches}
