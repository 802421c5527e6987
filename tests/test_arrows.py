"""Directories are layers, and arrows between them point one way: downward.

For: docs/design's picture of the layers, kept true.  `C_LAYERS` and `PYTHON_UNITS` below are that picture; the rest of
the file draws the arrows that the sources really have and names each wrong one by file and line.  Imports inside
functions count as much as those at the top: an arrow is an arrow.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# ---------------------------------------------------------------------------------------------------- the picture

#: Layers of csrc from the bottom up.  A file includes from its own layer and from lower rows, never from a neighbour
#: in its row.
C_LAYERS = (
    ("base",),
    ("layout",),
    ("shm", "proto", "book", "match", "order"),
    ("journal", "risk", "io", "venue"),
    ("app",),
    ("py",),
)

#: Headers of the system that only these layers may use: step functions have no socket, no clock and no Python inside.
C_SYSTEM = {
    "Python.h": ("py",),
    "sys/socket.h": ("io",),
    "netinet/in.h": ("io",),
    "arpa/inet.h": ("io",),
    "openssl/ssl.h": ("io",),
    "openssl/evp.h": ("proto", "io"),
    "openssl/pem.h": ("proto", "io"),
    "time.h": ("base", "io", "shm", "py"),
    "pthread.h": ("io", "shm", "py"),
}

#: The files of app that give the step functions real time and real sockets; to them C_SYSTEM does not apply.
C_HOSTS = ("app/host.c", "app/fan_host.c", "app/recv_host.c", "app/wait.c")

#: The header that base/atomics.h takes its operations from in the race tests; it stands with them.
C_OUTSIDE = {("base/atomics.h", "weak.h")}

#: What each module or package of Python stands on; it may import those and all that they stand on.
PYTHON_UNITS = {
    "aats.errors": (),
    "aats.config": ("aats.errors",),
    "aats.cpus": ("aats.errors",),
    "aats.token": ("aats.config",),
    # The C core and what lies in shared memory.
    "aats._ffi": ("aats.errors",),
    "aats.layout": ("aats._ffi",),
    "aats.shm": ("aats.layout", "aats.config"),
    "aats.stats": ("aats.shm",),
    "aats.stalls": ("aats.shm",),
    "aats.budget": ("aats.shm",),
    "aats.table": ("aats.shm",),
    "aats.books": ("aats.table",),
    "aats.member": ("aats.table",),
    "aats.roster": ("aats.table",),
    "aats.launch": ("aats.roster", "aats.config", "aats.cpus"),
    "aats.control": ("aats.member", "aats.launch"),
    "aats.control_client": ("aats.control", "aats.token"),
    "aats.control_wire": ("aats.control_client",),
    "aats.control_peers": ("aats.control_wire",),
    "aats.control_connections": ("aats.control_peers",),
    "aats.control_guests": ("aats.control_connections",),
    "aats.control_logs": ("aats.config",),
    "aats.control_remote": ("aats.control_client",),
    # What a venue is, and what is traded there.
    "aats.base": ("aats._ffi",),
    "aats.venue": ("aats.base", "aats.config"),
    "aats.instruments": ("aats.venue",),
    "aats.instrument_store": ("aats.venue",),
    "aats.risk": ("aats.shm", "aats.instrument_store"),
    "aats.orders": ("aats.instruments", "aats.instrument_store", "aats.budget"),
    "aats.keys": ("aats.config",),
    "aats.journal": ("aats.layout", "aats.config"),
    "aats.money": (),
    "aats.control_address": ("aats.base", "aats.config", "aats.token"),
    # The processes.
    "aats.supervisor": ("aats.orders", "aats.journal", "aats.keys", "aats.control_client"),
    "aats.base_strategy": ("aats.base", "aats.layout", "aats.money"),
    "aats.trade": (
        *("aats.books", "aats.orders", "aats.journal", "aats.keys", "aats.control", "aats.stats", "aats.stalls", "aats.risk"),
        *("aats.base_strategy", "aats.cpus"),
        "aats.supervisor",
    ),
    "aats.feed": (
        "aats.keys",
        "aats.control",
        "aats.stats",
        "aats.instruments",
        "aats.instrument_store",
        "aats.budget",
        "aats.control_address",
        "aats.token",
        "aats.cpus",
    ),
    "aats.net": ("aats.control", "aats.stats", "aats.token"),
    # The public face over them, and what stands beside it.
    "aats.control_feeds": ("aats.control", "aats.control_address"),
    "aats.control_keep": ("aats.control_feeds",),
    "aats.control_requests": ("aats.control_keep", "aats.control_guests", "aats.control_logs", "aats.supervisor"),
    "aats.control_server": ("aats.feed", "aats.trade", "aats.net", "aats.control_requests"),
    "aats.control_service": ("aats.control_server", "aats.control_address"),
    "aats.market_service": ("aats.control_server", "aats.control_address"),
    "aats.trade_receiver": ("aats.control", "aats.net"),
    "aats.trade_feeds": ("aats.trade", "aats.trade_receiver", "aats.feed", "aats.control_client"),
    "aats.trade_service": ("aats.trade_feeds", "aats.control_server", "aats.control_address", "aats.control_remote"),
    "aats.compat": ("aats.trade_service", "aats.control_server", "aats.control_address"),
    "aats.tape": ("aats.venue", "aats.stats"),
    "aats.demo": ("aats.trade_service", "aats.market_service", "aats.control_service", "aats.tape"),
    "aats.bench": ("aats.trade_service", "aats.market_service", "aats.control_service", "aats.tape"),
    # The simulated exchange knows nothing of its client.
    "aats.sim": ("aats._ffi",),
    "aats.doctor": ("aats.control",),
    "aats.cli": ("aats.demo", "aats.doctor", "aats.bench", "aats.compat", "aats.sim"),
    # The package itself only names what others import; it is imported by users, examples and the command line.
    "aats": ("aats.cli",),
}

#: Used by the build, not by the package; stands alone.
PYTHON_ALONE = ("aats._build",)

#: What examples may import: the names that the manual shows.
EXAMPLES_MAY = (
    "aats",
    "aats.base",
    "aats.base_strategy",
    "aats.control_service",
    "aats.market_service",
    "aats.trade_service",
)

#: What tools may import: what they show, and each other.  Some drive the tests and may see them.
TOOLS_MAY = ("aats.layout", "aats.shm", "aats.errors", "aats.journal", "aats.venue.capabilities", "tools")
TOOLS_THAT_DRIVE_TESTS = ("tools.bench_net", "tools.faults", "tools.netfaults", "tools.sabotage", "tools.venue_table")

# ------------------------------------------------------------------------------------------------------------- C

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)


def wrong_includes(root: Path) -> Iterator[str]:
    """Yield ``file:line: why`` for each include of ``root/csrc`` that points the wrong way."""
    rows = {layer: row for row, layers in enumerate(C_LAYERS) for layer in layers}
    for path in sorted((root / "csrc").rglob("*.[ch]")):
        name = path.relative_to(root / "csrc").as_posix()
        layer = name.partition("/")[0]
        if layer not in rows:
            yield f"csrc/{name}:1: {layer} is not a layer of C_LAYERS"
            continue
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            kind, target = match.groups()
            where = f"csrc/{name}:{text.count(chr(10), 0, match.start()) + 1}"
            below = target.partition("/")[0]
            if kind == "<":
                allowed = C_SYSTEM.get(target)
                if allowed is not None and layer not in allowed and name not in C_HOSTS:
                    yield f"{where}: <{target}> belongs to {' and '.join(allowed)}, not to {layer}"
            elif (name, target) in C_OUTSIDE:
                continue
            elif below not in rows or "/" not in target:
                yield f'{where}: "{target}" names no layer; paths are from csrc/'
            elif not (root / "csrc" / target).exists():
                yield f'{where}: "{target}" does not exist'
            elif below != layer and rows[below] >= rows[layer]:
                yield f"{where}: {layer} includes {target}; {below} is not below it"


# -------------------------------------------------------------------------------------------------------- Python


def closure(units: Mapping[str, tuple[str, ...]]) -> dict[str, set[str]]:
    """Return all that each unit stands on, directly or not; a circle is a KeyError of the unit that closes it."""
    known: dict[str, set[str]] = {}
    for unit, below in units.items():  # a unit comes after what it stands on
        known[unit] = {unit}.union(*(known[b] for b in below)) if below else {unit}
    return known


def module_of(path: Path, root: Path) -> str:
    """Return the dotted name of a file; a package's is that of its folder."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything imported in a file, wherever in it the import stands."""
    module = module_of(path, root)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base] if base else up)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                at = root.joinpath(*full.split("."))
                is_module = full in (*PYTHON_UNITS, "aats._core") or at.with_suffix(".py").exists() or at.is_dir()
                yield node.lineno, full if is_module else base


def unit_of(name: str) -> str:
    """Return the row of PYTHON_UNITS that a module belongs to: its own, else that of its noun (demo_view: demo)."""
    unit = ".".join(name.split(".")[:2])
    noun = unit.partition("_")[0] if not unit.startswith("aats._") else unit
    return noun if unit not in PYTHON_UNITS and noun in PYTHON_UNITS else unit


def within(name: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a module is one of `allowed` or inside one; ``aats`` itself stands for its names only."""
    return any(name == a or (a != "aats" and name.startswith(a + ".")) for a in allowed)


def wrong_imports(root: Path) -> Iterator[str]:
    """Yield ``file:line: why`` for each import of ``aats``, ``examples`` and ``tools`` that points the wrong way."""
    known = closure(PYTHON_UNITS)
    for path in sorted(p for top in ("aats", "examples", "tools") for p in (root / top).rglob("*.py")):
        module = module_of(path, root)
        unit, top = unit_of(module), module.partition(".")[0]
        for line, target in imports(path, root):
            where = f"{path.relative_to(root).as_posix()}:{line}"
            head = target.partition(".")[0]
            if head not in ("aats", "tools", "tests", "examples"):
                continue
            if target == "aats._core" or target.startswith("aats._core."):
                if module != "aats._ffi":
                    yield f"{where}: only aats._ffi imports aats._core"
            elif top == "examples":
                if not within(target, EXAMPLES_MAY):
                    yield f"{where}: examples import public names only, not {target}"
            elif top == "tools":
                drives = head == "tests" and module in TOOLS_THAT_DRIVE_TESTS
                if not drives and not within(target, TOOLS_MAY):
                    yield f"{where}: {module} may not import {target}"
            elif unit in PYTHON_ALONE:
                yield f"{where}: {unit} stands alone, it may not import {target}"
            elif unit not in known:
                yield f"{where}: {unit} is not in PYTHON_UNITS"
            elif unit_of(target) not in known[unit]:
                below = ", ".join(PYTHON_UNITS[unit]) or "nothing"
                yield f"{where}: {unit} may not import {target}; it stands on {below}"


# --------------------------------------------------------------------------------------------------------- tests


def test_every_include_points_downward() -> None:
    assert list(wrong_includes(ROOT)) == []


def test_every_import_points_downward() -> None:
    assert list(wrong_imports(ROOT)) == []


def _tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("csrc/base/clock.c", '#include "shm/ring.h"', "base includes shm/ring.h"),
        ("csrc/proto/ws.c", '#  include "book/book.h"', "proto includes book/book.h"),
        ("csrc/proto/ws.c", '#include "ws.h"', "names no layer"),
        ("csrc/proto/ws.c", '#include "proto/absent.h"', "does not exist"),
        ("csrc/app/feed.c", "#include <sys/socket.h>", "belongs to io"),
        ("csrc/app/feed.c", "#include <Python.h>", "belongs to py"),
        ("csrc/misc/x.c", "", "misc is not a layer"),
    ],
)
def test_a_wrong_include_is_found(name: str, line: str, found: str, tmp_path: Path) -> None:
    files = {f"csrc/{header}": "" for header in ("shm/ring.h", "book/book.h", "proto/ws.h", "base/errors.h")}
    root = _tree(tmp_path, {**files, name: f'#include "base/errors.h"\n\n{line}\n'})
    wrong = list(wrong_includes(root))
    assert len(wrong) == 1 and found in wrong[0]
    assert wrong[0].startswith(f"{name}:{3 if line else 1}: ")


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("aats/layout.py", "from aats import shm", "aats.layout may not import aats.shm"),
        ("aats/layout.py", "from .shm import Segment", "aats.layout may not import aats.shm"),
        ("aats/books.py", "import aats.control", "aats.books may not import aats.control"),
        ("aats/books.py", "from aats import attach", "aats.books may not import aats;"),
        ("aats/sim/market.py", "from aats.venue.binance import rest", "aats.sim may not import aats.venue.binance"),
        ("aats/shm.py", "from aats._core import ffi", "only aats._ffi"),
        ("aats/shm.py", "from aats import _core", "only aats._ffi"),
        ("aats/_build.py", "from aats import errors", "stands alone"),
        ("aats/new.py", "from aats import errors", "aats.new is not in PYTHON_UNITS"),
        ("examples/one.py", "from aats.shm import Segment", "public names only"),
        ("tools/look.py", "from aats.trade import Trade", "may not import aats.trade"),
        ("tools/look.py", "from tests.world import World", "may not import tests.world"),
    ],
)
def test_a_wrong_import_is_found(name: str, line: str, found: str, tmp_path: Path) -> None:
    modules = ("errors", "_ffi", "layout", "shm", "books", "control", "venue/binance", "trade")
    files = {f"aats/{module}.py": "" for module in modules}
    root = _tree(tmp_path, {**files, "tests/world.py": "", name: f"import os\n\ndef late():\n    {line}\n"})
    wrong = list(wrong_imports(root))
    assert len(wrong) == 1 and found in wrong[0], wrong
    assert wrong[0].startswith(f"{name}:4: ")


def test_right_arrows_pass(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        {
            "csrc/base/errors.h": "#include <stdint.h>\n",
            "csrc/io/tls.c": '#include "base/errors.h"\n#include <sys/socket.h>\n',
            "csrc/base/atomics.h": '#include "weak.h"\n',
            "aats/errors.py": "",
            "aats/_ffi.py": "from aats import errors\nfrom aats._core import ffi\n",
            "aats/shm.py": "from aats import _ffi, errors\n",
            "aats/trade_service.py": "from aats.shm import Segment\n",
            "examples/one.py": "import aats\nfrom aats.base.const import Side\nfrom aats import TradeService\n",
            "tools/look.py": "from aats import shm\nfrom tools import other\n",
            "tools/sabotage.py": "from tests import conftest\n",
        },
    )
    assert list(wrong_includes(root)) == []
    assert list(wrong_imports(root)) == []


def test_the_picture_has_no_circle() -> None:
    assert set(closure(PYTHON_UNITS)) == set(PYTHON_UNITS)
