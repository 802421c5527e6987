"""Rows of ``--peers``."""

from aats.bench.table import Row

PEERS: tuple[Row, ...] = ()
