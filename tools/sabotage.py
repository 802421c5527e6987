"""Break each promise on purpose, and demand that a test turns red.

For: trust in the tests.  ``tests/sabotage/*.patch`` holds one small patch for each promise (an ordering edge weakened,
a sequence check skipped, `valid` left at 1); this command applies them one at a time to a copy of the tree and runs the
test that the patch names.  Not for finding bugs: a patch is a bug that is already known.

    python -m tools.sabotage --list
    python -m tools.sabotage                      # all of them
    python -m tools.sabotage --only 'ring_*'      # by file name, a glob; repeatable
    python -m tools.sabotage --rotate 4 --seed 17 # four of them, others with another seed
    python -m tools.sabotage --json

A patch begins with two kinds of lines, then what ``diff -u`` gives, with paths as git writes them (``patch -p1``)::

    # promise: a reader that copied a word of a newer record drops the copy
    # test: tests/race/test_ring.c::a_polled_record_is_whole
    --- a/csrc/shm/ring.c
    +++ b/csrc/shm/ring.c

Outcomes: ``red`` is what is wanted.  ``green`` (no test noticed), ``stale`` (the patch does not apply), ``broken``
(the patched tree does not compile, so a red test would mean nothing) and ``unfounded`` (the test is red without the
patch, or does not exist) are errors, and the command ends with 1.

The copy lies in the build cache and is kept, so that a second run compiles only what a patch changes.  A lock keeps two
runs of one tree apart.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools import cbuild

ROOT = cbuild.ROOT
PATCHES = "tests/sabotage"
TEST_SECONDS = 600
_NOT_COPIED = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.so", "*.egg-info", "build", "dist", ".venv", "venv")


@dataclass(frozen=True)
class Patch:
    """One promise and the way to break it."""

    path: Path
    promise: str
    test: str

    @property
    def name(self) -> str:
        return self.path.stem

    def files(self) -> list[str]:
        """Return the files that it changes."""
        return re.findall(r"^\+\+\+ b/(\S+)", self.path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@dataclass(frozen=True)
class Verdict:
    """What became of one patch."""

    name: str
    promise: str
    test: str
    outcome: str
    seconds: float
    text: str = ""


class PatchError(Exception):
    """A patch file without its header."""


def read_patches(root: Path = ROOT) -> list[Patch]:
    """Return all patches of a tree by name.

    Raises
    ------
    PatchError
        If one has no ``# promise:`` or no ``# test:`` line, or changes nothing.
    """
    found = []
    for path in sorted((root / PATCHES).glob("*.patch")):
        head = dict(re.findall(r"^# (promise|test): *(\S.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        if set(head) != {"promise", "test"}:
            raise PatchError(f"{path.name}: needs one line '# promise: ...' and one line '# test: ...'")
        patch = Patch(path, head["promise"].strip(), head["test"].strip())
        if not patch.files():
            raise PatchError(f"{path.name}: no line '+++ b/...': it changes nothing")
        found.append(patch)
    return found


class Copy:
    """The copy of a tree in which patches are applied."""

    def __init__(self, root: Path, at: Path) -> None:
        self.root, self.at = root, at
        if at.exists():
            self._drop_what_is_gone()
        shutil.copytree(root, at, ignore=_NOT_COPIED, dirs_exist_ok=True, copy_function=_copy_if_changed)

    def _drop_what_is_gone(self) -> None:
        for path in sorted(self.at.rglob("*"), reverse=True):
            kept = path.suffix == ".so" or "build" in path.parts
            if path.is_file() and not kept and not (self.root / path.relative_to(self.at)).exists():
                path.unlink()

    def apply(self, patch: Patch) -> str:
        """Apply a patch; return the complaint of patch(1) (git where there is none), empty if it fits."""
        command = ["patch", "-p1", "--fuzz=1", "--batch", "--forward", "--no-backup-if-mismatch", "-r", "-", "-i", str(patch.path)]
        if shutil.which("patch") is None:
            command = ["git", "apply", "-p1", str(patch.path)]  # stricter about the lines around a change, else the same
        done = subprocess.run(command, cwd=self.at, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return "" if done.returncode == 0 else done.stdout

    def undo(self, patch: Patch) -> None:
        """Bring the files of a patch back; their times are new, so that everything depending on them is built again."""
        for name in patch.files():
            (self.at / name).unlink(missing_ok=True)
            if (self.root / name).exists():
                shutil.copyfile(self.root / name, self.at / name)

    def build(self, test: str) -> str:
        """Build what a test runs on; return the compiler's complaint."""
        try:
            if ".py" in test:
                cbuild.build_extension(self.at)
            else:
                cbuild.require_clean("weak" if test.startswith("tests/race/") else "asan", self.at)
        except cbuild.BuildError as error:
            return str(error)
        return ""

    def run(self, test: str) -> tuple[int, str]:
        """Run one test; return pytest's exit code and text, 1 if it hangs."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", test]
        env = {**os.environ, "PYTHONPATH": str(self.at)}
        data = self.root.parent / "shared" / "data"
        if data.is_dir():
            env.setdefault("AATS_DATA", str(data))
        env.pop("PYTEST_ADDOPTS", None)
        try:
            done = subprocess.run(
                command,
                cwd=self.at,
                env=env,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                errors="replace",
                timeout=TEST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return 1, f"no end after {TEST_SECONDS} s"
        if done.returncode == 0 and not re.search(r"\b\d+ passed", done.stdout):
            return 5, done.stdout  # skipped: nothing was tested
        return done.returncode, done.stdout


def _copy_if_changed(source: str, target: str) -> None:
    old = Path(target)
    if not old.exists() or old.read_bytes() != Path(source).read_bytes():
        old.unlink(missing_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


def judge(copy: Copy, patch: Patch, founded: dict[str, str]) -> Verdict:
    """Apply one patch and see what its test says; `founded` remembers the complaints of tests without a patch."""
    begin = time.monotonic()

    def verdict(outcome: str, text: str = "") -> Verdict:
        return Verdict(patch.name, patch.promise, patch.test, outcome, round(time.monotonic() - begin, 1), text)

    if patch.test not in founded:
        complaint = copy.build(patch.test)
        code, text = copy.run(patch.test) if not complaint else (1, complaint)
        founded[patch.test] = "" if code == 0 else text
    if founded[patch.test]:
        return verdict("unfounded", founded[patch.test])
    complaint = copy.apply(patch)
    try:
        if complaint:
            return verdict("stale", complaint)
        complaint = copy.build(patch.test)
        if complaint:
            return verdict("broken", complaint)
        code, text = copy.run(patch.test)
    finally:
        copy.undo(patch)
    if code == 0:
        return verdict("green", text)
    return verdict("red" if code == 1 else "unfounded", "" if code == 1 else text)


def select(patches: Sequence[Patch], only: Sequence[str], rotate: int, seed: int) -> list[Patch]:
    """Return the patches whose name fits one of `only`; of those, `rotate` by lot if it is not 0."""
    chosen = [p for p in patches if not only or any(fnmatch.fnmatch(p.name, glob) for glob in only)]
    if rotate:
        chosen = sorted(random.Random(seed).sample(chosen, min(rotate, len(chosen))), key=lambda p: p.name)
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.sabotage", description="Break each promise; a test must notice.")
    parser.add_argument("--list", action="store_true", help="print the promises and stop")
    parser.add_argument("--only", action="append", default=[], metavar="GLOB", help="patches of these names; repeatable")
    parser.add_argument("--rotate", type=int, default=0, metavar="N", help="only N of them, drawn by --seed")
    parser.add_argument("--seed", type=int, default=int(time.time() // 86400), help="default: the day")
    parser.add_argument("--json", action="store_true", help="print the verdicts as one JSON list")
    options = parser.parse_args(argv)
    try:
        patches = select(read_patches(), options.only, options.rotate, options.seed)
    except PatchError as error:
        print(error, file=sys.stderr)
        return 1
    if options.list:
        for patch in patches:
            print(f"{patch.name}: {patch.promise}\n    {patch.test}")
        return 0
    if not patches:
        print("no patch of that name", file=sys.stderr)
        return 2
    place = cbuild.cache_dir("sabotage")
    with open(place / "lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        copy, founded = Copy(ROOT, place / "tree"), dict[str, str]()
        verdicts = []
        for patch in patches:
            verdicts.append(judge(copy, patch, founded))
            if not options.json:
                last = verdicts[-1]
                print(f"{last.outcome:9} {last.seconds:6.1f} s  {last.name}: {last.promise}", flush=True)
                if last.outcome != "red":
                    print(f"    {last.test}\n" + "\n".join("    | " + line for line in last.text.splitlines()[-25:]))
    wrong = [v for v in verdicts if v.outcome != "red"]
    if options.json:
        print(json.dumps([asdict(v) for v in verdicts], indent=1))
    else:
        print(f"{len(verdicts) - len(wrong)} of {len(verdicts)} patches turned a test red")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
