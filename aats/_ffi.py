"""The one door to the C core: ``ffi`` and ``lib`` of ``aats._core``, and codes turned into exceptions.

No other module imports ``aats._core``.
"""

from __future__ import annotations

from typing import Any

from aats import errors

try:
    from aats._core import ffi, lib  # type: ignore[import-not-found,unused-ignore]
except ImportError as exc:  # pragma: no cover - an installation without its compiled part
    raise ImportError(
        f"aats is not built: its C core cannot be imported ({exc}). Install it with `pip install .` from the checkout; "
        "it needs a C compiler and OpenSSL headers (Debian: apt-get install gcc libssl-dev)"
    ) from exc

__all__ = ["check", "ffi", "lib", "text", "types"]

_KINDS: dict[int, type[errors.AatsError]] = {
    lib.AATS_E_LAYOUT: errors.LayoutMismatch,
    lib.AATS_E_DEAD: errors.PeerDead,
    lib.AATS_E_GAP: errors.SequenceGap,
    lib.AATS_E_SYNTAX: errors.ParseError,
    lib.AATS_E_SHAPE: errors.ParseError,
    lib.AATS_E_DUPKEY: errors.ParseError,
    lib.AATS_E_UTF8: errors.ParseError,
    lib.AATS_E_RANGE: errors.ParseError,
    lib.AATS_E_INEXACT: errors.ParseError,
}


def check(code: int, what: str) -> int:
    """Return `code` if it is not negative, else raise its exception with `what` as the context."""
    if code >= 0:
        return code
    if code == lib.AATS_E_NOMEM:
        raise MemoryError(what)
    kind = _KINDS.get(code, errors.AatsError)
    raise kind(f"{what} ({ffi.string(lib.aats_err_name(code)).decode()})")


def text(data: Any) -> str:
    """Return a C char array or pointer as str."""
    return ffi.string(data).decode("utf-8", "replace")  # type: ignore[no-any-return]


def _types() -> dict[str, Any]:
    """Fetch the Python types that csrc/py makes: SymbolInfo, Event, Loop."""
    made: dict[str, Any] = {}
    if lib.aats_py_types(ffi.cast("void *", id(made))) != 0:
        raise MemoryError("the C types of aats cannot be made")
    return made


#: ``SymbolInfo``, ``Event`` and ``Loop``, classes made in C.
types: dict[str, Any] = _types()
