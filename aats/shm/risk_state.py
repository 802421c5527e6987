"""What of the risk segment survives a reboot: the state file, and the audit of who changed what.

For: ``aats.shm.risk`` and ``aats.risk``.  Both files lie in the state folder, ``risk/<namespace>/``, 0600 in 0700:

    state.json   line 1: {"aats": "risk", "version": 1, "sha256": of line 2}; line 2: limits, switches, day totals, what each seat has at stake
    audit.jsonl  one line a change, appended and fsynced

The state is written anew by rename after fsync, so that a power cut leaves the old or the new one.  One that cannot be read, or is gone while there is an
audit, halts: ``risk.unread`` is 1 until ``aats risk resume``.  A namespace that never had either begins without limits.

Written under the segment's lock.  Numbers are the segment's own integers: nothing is rounded on the way.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from aats import config
from aats._ffi import ffi, lib, text
from aats.errors import AatsError, ShmError
from aats.shm.names import boot_id

if TYPE_CHECKING:
    from aats.shm.risk import Host

__all__ = ["LIMIT_KEYS", "audit_path", "note_trips", "read_audit", "restore", "save", "set_aside", "state_path", "write_audit"]

VERSION = 1

#: The limits of a row, in the order of aats_rlimits_t.
LIMIT_KEYS = (
    "order_notional",
    "order_qty",
    "position",
    "exposure",
    "open_orders",
    "orders_1s",
    "orders_1d",
    "cancels_1s",
    "cancels_1d",
    "collar_ppm",
    "loss_1d",
    "duplicate_ms",
    "any_book",
)
SCOPES = {1: "host", 2: "symbol", 3: "strategy"}
UNREAD_NO, UNREAD, RESTORING = 0, 1, 2

_LINE = {"ns", "by", "scope", "name", "key", "old", "new", "reason"}
_CELL = ("pos_i", "buy_i", "sell_i", "open_cnt", "exposure_i", "profit_i", "day")
_SEAT = ("instance", "mode", "on_death", "grace_ms", "hang_ms")
_SYMBOL = ("mode", "px_exp", "qty_exp", "mark_px_i")
_NS_PER_DAY = 86_400 * 10**9
_DAY_BITS = 32

#: The owner of a seat that was read back: a process that cannot be alive, because none has been up for that long.
_NOBODY = (4_194_303, 2**34 - 1)


def _folder(ns: str) -> Path:
    folder = config.state_home()
    for name in ("risk", ns):  # each by itself: mkdir gives the mode to the last one only
        folder = folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def state_path(ns: str) -> Path:
    """Return the state file of a namespace; its folder is made."""
    return _folder(ns) / "state.json"


def audit_path(ns: str) -> Path:
    """Return the audit of a namespace; its folder is made."""
    return _folder(ns) / "audit.jsonl"


# --------------------------------------------------------------------------------------------------------------- audit


def write_audit(ns: str, line: dict[str, Any]) -> None:
    """Append a line to the audit and bring it to the disk."""
    path = audit_path(ns)
    new = not path.exists()
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, orjson.dumps(line) + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    if new:
        _sync_folder(path.parent)


def read_audit(ns: str) -> list[dict[str, Any]]:
    """Return the audit, oldest first; what is no line of it (the last one, torn by a power cut) is left out."""
    try:
        lines = audit_path(ns).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(orjson.JSONDecodeError):
            one = orjson.loads(line)
            if isinstance(one, dict) and _LINE.issubset(one) and isinstance(one["by"], dict):
                found.append(one)
    return found


def note_trips(host: Host) -> None:
    """Write into the audit what limits have thrown by themselves since it was last looked; under the lock."""
    risk = host.view.risk
    for seq in range(max(int(risk.audited), int(risk.trips) - len(risk.trip)) + 1, int(risk.trips) + 1):
        trip = risk.trip[seq % len(risk.trip)]
        if int(trip.seq) != seq:
            return  # still being written: next time
        row = host.view.limits[int(trip.row)]
        write_audit(
            host.namespace,
            {
                "ns": int(trip.ns),
                "by": {"pid": int(lib.aats_ident_pid(trip.owner)), "command": "loss_1d"},
                "scope": SCOPES.get(int(row.scope), "?"),
                "name": text(row.name),
                "key": "switch",
                "old": "active",
                "new": "reduce",
                "reason": text(row.reason),
            },
        )
        risk.audited = seq


# --------------------------------------------------------------------------------------------------------------- state


def _today(rate: Any) -> list[int]:
    word = int(rate.day)
    return [word >> _DAY_BITS, word & (2**_DAY_BITS - 1)]


def _body(host: Host) -> dict[str, Any]:
    view, risk = host.view, host.view.risk
    cells = host.cells()
    row = ffi.new("aats_rlimits_t *")
    limits = []
    for at in range(int(risk.limits_cap)):
        lib.aats_risk_row_read(view, at, row)
        if row.scope == 0:
            break
        limits.append(
            {"scope": int(row.scope), "name": text(row.name), "switch": int(row.swtch), "reason": text(row.reason)}
            | {key: int(getattr(row, key)) for key in LIMIT_KEYS}
        )
    symbols = {
        str(at): {"symbol": text(sym.symbol), "quote": text(sym.quote), "orders": _today(sym.orders), "cancels": _today(sym.cancels)}
        | {key: int(getattr(sym, key)) for key in _SYMBOL}
        for at, sym in host.symbols()
    }
    seats = []
    for at, seat in host.seats():
        mine = cells[at]
        used = [sym for sym in range(len(mine)) if any(mine[sym][key] for key in _CELL)]
        seats.append(
            {"name": text(seat.name), "account": text(seat.account), "state": int(lib.aats_ident_state(seat.owner))}
            | {"orders": _today(seat.orders), "cancels": _today(seat.cancels)}
            | {key: int(getattr(seat, key)) for key in _SEAT}
            | {"cells": {str(sym): {key: int(mine[sym][key]) for key in _CELL} for sym in used}}
        )
    return {
        "written_ns": time.time_ns(),
        "boot_id": boot_id(),
        "namespace": host.namespace,
        "unread": int(risk.unread),
        "orders": [_today(rate) for rate in risk.orders],
        "cancels": [_today(rate) for rate in risk.cancels],
        "limits": limits,
        "symbols": symbols,
        "seats": seats,
    }


def save(host: Host) -> None:
    """Write the state file; under the lock.  An unread one is left as it is: it is somebody's to look at."""
    if int(host.view.risk.unread) != UNREAD_NO:
        return
    path = state_path(host.namespace)
    state = _body(host)
    if _is_new(state) and not path.exists() and not audit_path(host.namespace).exists():
        return
    body = orjson.dumps(state)
    head = orjson.dumps({"aats": "risk", "version": VERSION, "sha256": hashlib.sha256(body).hexdigest()})
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(head + b"\n" + body + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _is_new(state: dict[str, Any]) -> bool:
    """Whether nothing was ever set or done."""
    limits, counts = state["limits"], state["orders"] + state["cancels"]
    untouched = len(limits) == 1 and not any(limits[0][key] for key in ("switch", *LIMIT_KEYS))
    return untouched and not state["seats"] and not any(day for day, _ in counts)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def set_aside(ns: str) -> Path | None:
    """Rename a state file that cannot be read, so that the next one can be written; return where it is now."""
    path = state_path(ns)
    if not path.exists():
        return None
    aside = path.with_name(f"state.unread.{time.time_ns()}.json")
    path.rename(aside)
    return aside


def _read(ns: str) -> dict[str, Any] | None:
    """Return the body of the state file, None where there never was one.

    Raises
    ------
    ValueError
        It is not what was written, or it is gone.
    """
    try:
        head, body, rest = state_path(ns).read_bytes().split(b"\n")
    except FileNotFoundError:
        if audit_path(ns).exists():
            raise ValueError("the state file is gone, but there is an audit") from None
        return None
    about = orjson.loads(head)
    if not isinstance(about, dict) or about.get("aats") != "risk" or about.get("version") != VERSION or rest != b"":
        raise ValueError("not a state file of this version")
    if hashlib.sha256(body).hexdigest() != about.get("sha256"):
        raise ValueError("its checksum does not fit")
    found = orjson.loads(body)
    if found["namespace"] != ns:
        raise ValueError(f"it is of namespace {found['namespace']!r}")
    return dict(found)


def restore(host: Host) -> None:
    """Fill a new segment from the state file; ``unread`` says afterwards whether it could be."""
    risk = host.view.risk
    try:
        body = _read(host.namespace)
        if body is not None:
            _fill(host, body)
            risk.unread = int(body["unread"])
            return
    except (ValueError, LookupError, TypeError, AttributeError, OSError, AatsError, OverflowError):
        risk.unread = UNREAD
        return
    risk.unread = UNREAD_NO


def _fill(host: Host, body: dict[str, Any]) -> None:
    view, risk = host.view, host.view.risk
    today = time.time_ns() // _NS_PER_DAY
    row = ffi.new("aats_rlimits_t *")
    for one in body["limits"]:
        at = lib.aats_risk_row(view, one["scope"], one["name"].encode(), 1)
        if at < 0:
            raise ShmError(f"no room for the limits of {one['name']}")
        for key in LIMIT_KEYS:
            setattr(row, key, one[key])
        if lib.aats_risk_row_put(view, at, row) != lib.AATS_OK:
            raise ShmError("limits cannot be written")
        lib.aats_risk_row_switch(view, at, one["switch"], one["reason"].encode())
    for mode in range(len(risk.orders)):
        lib.aats_rate_carry(ffi.addressof(risk.orders[mode]), *body["orders"][mode])
        lib.aats_rate_carry(ffi.addressof(risk.cancels[mode]), *body["cancels"][mode])

    seats = [seat for seat in body["seats"] if _counts(seat, today)]
    needed = {sym for seat in seats for sym in seat["cells"]}
    place: dict[str, int] = {}
    for key, one in body["symbols"].items():
        if key not in needed and max(one["orders"][0], one["cancels"][0]) < today:
            continue
        at = lib.aats_risk_symbol(view, one["symbol"].encode(), one["quote"].encode(), one["mode"], one["px_exp"], one["qty_exp"])
        if at < 0:
            raise ShmError(f"no room for symbol {one['symbol']}")
        place[key] = at
        sym = view.syms[at]
        sym.mark_px_i = one["mark_px_i"]
        lib.aats_rate_carry(ffi.addressof(sym.orders), *one["orders"])
        lib.aats_rate_carry(ffi.addressof(sym.cancels), *one["cancels"])
    cell = ffi.new("aats_rcell_t *")
    for at, one in enumerate(seats):
        seat = view.seats[at]
        for key in _SEAT:
            setattr(seat, key, one[key])
        seat.name, seat.account = one["name"].encode(), one["account"].encode()
        lib.aats_rate_carry(ffi.addressof(seat.orders), *one["orders"])
        lib.aats_rate_carry(ffi.addressof(seat.cancels), *one["cancels"])
        for sym, values in one["cells"].items():
            for key in _CELL:
                setattr(cell, key, values[key])
            lib.aats_cell_set(view, at, place[sym], cell)
        parked = one["state"] == lib.AATS_SEAT_PARKED
        seat.owner = lib.aats_ident_with(lib.aats_ident(*_NOBODY), lib.AATS_SEAT_PARKED if parked else lib.AATS_SEAT_LIVE)
        risk.seat_hi = at + 1


def _counts(seat: dict[str, Any], today: int) -> bool:
    """Whether a seat still has to count: for a position, an open order, or what it did today."""
    cells = seat["cells"].values()
    if any(cell["pos_i"] or cell["buy_i"] or cell["sell_i"] or cell["open_cnt"] for cell in cells):
        return True
    days = [seat["orders"][0], seat["cancels"][0], *(cell["day"] for cell in cells)]
    return bool(seat["name"]) and max(days) >= today
