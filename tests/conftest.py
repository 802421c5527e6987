"""What every test stands on: C tests as pytest items, a namespace of its own for each test, the recorded traffic.

For: all of ``tests/``.  Not for helpers of one subject; those stand in the folder of their tests.

C tests.  A file in ``tests/c`` or ``tests/race`` that ends with ``RUN_ALL()`` is a test file; each ``TEST(name)`` in it
becomes one item, run alone, so that a crash names its test.  The file is built by ``tools.cbuild`` when its first test
runs; what does not compile is a failing test with gcc's text.

    folder       variant   what it sees
    tests/c      asan      memory errors, leaks, undefined behaviour
    tests/c      tsan      data races; only files that include <pthread.h>
    tests/race   weak      every order of events that C11 allows the lock-free objects
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools import cbuild  # noqa: E402  (needs the path above)

# A shell that starts a command in the background has it ignore SIGINT, and what it starts in turn; the tests that press Ctrl-C mean the ordinary case.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

C_TEST_SECONDS = 180  # a C test that takes longer hangs
_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


# -------------------------------------------------------------------------------------------------------- C tests


def _variants(path: Path) -> list[str]:
    if path.parent == ROOT / "tests" / "race":
        return ["weak"]
    if path.parent == ROOT / "tests" / "c":
        return ["asan", "tsan"] if "#include <pthread.h>" in path.read_text(encoding="utf-8") else ["asan"]
    return []


@functools.cache
def _build(variant: str) -> cbuild.Build:
    return cbuild.Build(variant)


@functools.cache
def _executable(path: Path, variant: str) -> Path | cbuild.BuildError:
    try:
        return _build(variant).executable(path)
    except cbuild.BuildError as error:
        return error


class CTestFailed(Exception):
    """A C test printed what is wrong; the text is all that pytest shows."""


class CItem(pytest.Item):
    """One ``TEST(name)`` of one C file in one variant."""

    def __init__(self, *, variant: str, test: str, **kw: object) -> None:
        super().__init__(**kw)  # type: ignore[arg-type]
        self.variant, self.test = variant, test
        self.add_marker("c")

    def runtest(self) -> None:
        exe = _executable(self.path, self.variant)
        if isinstance(exe, cbuild.BuildError):
            raise CTestFailed(str(exe))
        done = subprocess.run(
            [str(exe), self.test],
            cwd=ROOT,
            env=cbuild.run_env(self.variant),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=C_TEST_SECONDS,
            text=True,
            errors="replace",
        )
        skipped = [line for line in done.stdout.splitlines() if line.startswith("skip ")]
        if done.returncode == 0 and skipped:
            pytest.skip(skipped[0].removeprefix("skip "))
        if done.returncode != 0 or f"ok {self.test}" not in done.stdout.splitlines():
            again = f"python -m tools.cbuild --variant {self.variant} --run {self.path.relative_to(ROOT)} {self.test}"
            raise CTestFailed(f"{done.stdout}\nexit code {done.returncode}; again: {again}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        if isinstance(excinfo.value, CTestFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class CFile(pytest.File):
    """One C file of tests, in all of its variants."""

    def collect(self) -> Iterable[pytest.Item]:
        first, *others = _variants(self.path)
        for test in cbuild.test_names(self.path):
            yield CItem.from_parent(self, name=test, variant=first, test=test)
            for variant in others:
                yield CItem.from_parent(self, name=f"{test}[{variant}]", variant=variant, test=test)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the C files; Python files are pytest's own."""
    if file_path.suffix == ".c" and _variants(file_path) and cbuild.test_names(file_path):
        return CFile.from_parent(parent, path=file_path)
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, so that ``--strict-markers`` can be on."""
    config.addinivalue_line("markers", "c: one TEST of a C file, built by tools.cbuild")
    config.addinivalue_line("markers", "leaves_segments: says itself what may remain in /dev/shm; see the `namespace` fixture")


# ------------------------------------------------------------------------------------------------------- fixtures

_counter = itertools.count()


@pytest.fixture(autouse=True)
def namespace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give each test its own ``AATS_NS``, and fail it if it leaves a segment behind.

    Every shared-memory name holds the namespace, so tests cannot meet; also not those of another user or worker.
    """
    name = f"t{os.getpid()}x{next(_counter)}"
    monkeypatch.setenv("AATS_NS", name)
    yield name
    left = sorted(Path("/dev/shm").glob(f"aats.{os.getuid()}.{name}.*"))
    for path in left:
        path.unlink(missing_ok=True)
    if left and request.node.get_closest_marker("leaves_segments") is None:
        pytest.fail("left in /dev/shm: " + ", ".join(path.name for path in left), pytrace=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an ``AATS_HOME`` of its own and return it."""
    folder = tmp_path / "aats-home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("AATS_HOME", str(folder))
    return folder


def find_data() -> Path | None:
    """Return the folder of recorded traffic, ``$AATS_DATA`` or ``../shared/data`` beside the tree; None without one."""
    named = os.environ.get("AATS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "_golden").is_dir() else None


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of recorded traffic; without one skip, but fail under ``CI=true``."""
    folder = find_data()
    if folder is not None:
        return folder
    reason = "no recorded traffic: neither $AATS_DATA nor ../shared/data holds a folder _golden"
    if _CI:
        pytest.fail(reason)
    pytest.skip(reason)
