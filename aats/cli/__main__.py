"""``python -m aats.cli``: the same as ``aats``, without asking where the script was installed."""

from aats.cli import main

raise SystemExit(main())
