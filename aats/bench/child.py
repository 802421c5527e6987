"""The process in which a module of rows/ or peers/ measures: ``python -m aats.bench.child MODULE CONTEXT``.

For: run.py.  A process of its own for each repeat, so that no row inherits another's heap, threads or pinning.  Its environment is the run's: a
namespace and an AATS_HOME of its own.  It prints what `run` returned, an object a line; what else a module prints goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from aats.bench.context import Context

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one module."""
    name, text = sys.argv[1:] if argv is None else argv
    sys.stdout.flush()
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for found in importlib.import_module(name).run(Context.from_json(text)):
        lines.write(json.dumps(found) + "\n")
    lines.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
