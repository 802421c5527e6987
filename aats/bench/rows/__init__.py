"""Rows that need Python: one module each, ``run(ctx: Context) -> list[dict]``; see aats/bench/table.py for the objects."""
