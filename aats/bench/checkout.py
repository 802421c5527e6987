"""The checkout beside the package, or round the caller: tests/bench built as the product is, by tools/cbuild.

For: rows that are measured in C.  An installed wheel has no tests/; `Checkout.find` then returns None, and `HOW` is what to type.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aats.errors import AatsError
from aats.layout import LAYOUT_HASH

__all__ = ["HOW", "Checkout", "NotBuilt"]

HOW = "measured by C programs of tests/bench, and no checkout lies beside this package: git clone the repository, cd into it, pip install -e . && aats bench"


class NotBuilt(AatsError):
    """A program of tests/bench does not compile or link; the text is the compiler's."""


@dataclass
class Checkout:
    """A tree that has tests/bench and tools/cbuild.py; `programs` are paths of what was built, by name."""

    root: Path
    compiler: str = ""
    flags: str = ""
    programs: dict[str, Path] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    @classmethod
    def find(cls, package: Path | None = None) -> Checkout | None:
        """Return the tree that the package lies in, else the one that the caller stands in, None where there is neither."""
        for root in ((package or Path(__file__).resolve().parents[1]).parent, Path.cwd()):
            if (root / "tests" / "bench").is_dir() and (root / "tools" / "cbuild.py").is_file():
                return cls(root)
        return None

    def build(self, names: list[str]) -> None:
        """Build programs that are not built yet; what does not compile is put into `broken` with the compiler's text."""
        names = [name for name in dict.fromkeys(names) if name not in self.programs and name not in self.broken]
        for name in [name for name in names if not self._source(name).is_file()]:
            self.broken[name] = f"tests/bench/{name}.c is not in this checkout"
        wanted = [str(self._source(name)) for name in names if name not in self.broken]
        if not wanted:
            return
        command = [sys.executable, "-m", "tools.cbuild", "--variant", "plain", "--build", *wanted]
        env = {**os.environ, "PYTHONPATH": str(self.root)}
        done = subprocess.run(command, cwd=self.root, env=env, text=True, stdin=subprocess.DEVNULL, capture_output=True)
        try:
            told: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise NotBuilt(f"tools.cbuild ended with status {done.returncode}: {(done.stderr or done.stdout).strip()[-800:]}") from None
        if told["layout"] != LAYOUT_HASH:
            raise NotBuilt(
                f"the checkout in {self.root} has layout {told['layout']:016x}, the installed package {LAYOUT_HASH:016x}: pip install -e {self.root}"
            )
        self.compiler, self.flags = told["compiler"], told["flags"]
        for source, exe in told["built"].items():
            self.programs[Path(source).stem] = Path(exe)
        for source, text in told["broken"].items():
            self.broken[Path(source).stem] = text

    def _source(self, name: str) -> Path:
        folder = self.root / "tests" / "bench"
        return next((one for one in (folder / f"{name}.c", folder / "ref" / f"{name}.c") if one.is_file()), folder / f"{name}.c")
