"""A journal's record as a line for people, and as plain values for JSON."""

from __future__ import annotations

import time
from typing import Any

from aats._ffi import ffi, lib
from aats.cli.book import decimal
from aats.journal import JournalKind, Record
from aats.layout import Liquidity, OrderEvent, OrderSide, OrderState, OrderTif

_DAY_S = 86_400


def as_dict(record: Record) -> dict[str, Any]:
    """Return what a record says; numbers of money as exact text."""
    row: dict[str, Any] = {"number": record.number, "ns": record.ns, "kind": _kind(record)}
    if record.order_id and record.kind != JournalKind.START:
        row["order_id"] = record.order_id
    more = _MORE.get(record.kind)
    return row | more(record) if more is not None else row


def as_line(record: Record) -> str:
    """Return a record as one line: time, kind, order, and what it says."""
    row = as_dict(record)
    order = f"#{row.pop('order_id')}" if "order_id" in row else ""
    for word in ("number", "ns"):
        row.pop(word)
    kind = row.pop("kind")
    said = _WORDS[record.kind](row) if record.kind in _WORDS and row else " ".join(f"{key} {value}" for key, value in row.items())
    return f"{_time(record.ns)}  {kind:<7}  {order:>5}  {said}".rstrip()


def _kind(record: Record) -> str:
    return JournalKind(record.kind).name if record.kind in set(JournalKind) else f"kind {record.kind}"


def _time(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06}"


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")


def _name(enum: Any, value: Any) -> str:
    return enum(int(value)).name.lower() if int(value) in set(enum) else str(int(value))


# ------------------------------------------------------------------------------------------------------------ as values


def _start(record: Record) -> dict[str, Any]:
    return {"instance": f"{record.instance:016x}", "text": record.text, "layout": f"{record.order_id & (2**64 - 1):016x}"}


def _order(order: Any) -> dict[str, Any]:
    px, qty = int(order["px_exp"]), int(order["qty_exp"])
    row = {
        "symbol": _text(order["symbol"]),
        "side": _name(OrderSide, order["side"]),
        "tif": _name(OrderTif, order["tif"]),
        "size": decimal(int(order["qty_i"]), qty),
        "price": decimal(int(order["px_i"]), px),
        "filled": decimal(int(order["cum_qty_i"]), qty),
        "state": _name(OrderState, order["state"]),
        "client_id": "",
        "remote_id": _text(order["remote_id"]),
        "msg": _text(order["msg"]),
    }
    if int(order["instance"]):
        out = ffi.new("char[33]")
        lib.aats_client_id_format(int(order["instance"]), int(order["client_no"]) or int(order["order_id"]), out)
        row["client_id"] = ffi.string(out).decode()
    return row


def _intent(record: Record) -> dict[str, Any]:
    return {} if record.data is None else _order(record.data)


def _event(record: Record) -> dict[str, Any]:
    if record.data is None:
        return {}
    event = record.data
    order = _order(event["order"])
    row = {"event": _name(OrderEvent, event["kind"]), "code": "", **order, "msg": _text(event["msg"]) or order["msg"]}
    if int(event["code"]):
        row["code"] = ffi.string(lib.aats_code_name(int(event["code"]))).decode()
    if int(event["kind"]) == OrderEvent.EXEC:
        row["fill_size"] = decimal(int(event["fill_qty_i"]), int(event["order"]["qty_exp"]))
        row["fill_price"] = decimal(int(event["fill_px_i"]), int(event["order"]["px_exp"]))
        row["fee"] = decimal(int(event["fee_i"]), int(event["fee_exp"]))
        row["fee_asset"] = _text(event["fee_asset"])
        row["liquidity"] = _name(Liquidity, event["liquidity"])
        row["trade_id"] = int(event["trade_id"])
    return row


def _wide(value: Any, exp: Any) -> str:
    return decimal((int(value["hi"]) << 64) + int(value["lo"]), int(exp))


def _hold(record: Record) -> dict[str, Any]:
    if record.data is None:
        return {}
    hold = record.data
    row = {"strategy": int(hold["strategy"]), "symbol": _text(hold["symbol"]), "size": _wide(hold["size"], hold["base_exp"])}
    row |= {name: _wide(hold[name], hold["cash_exp"]) for name in ("cash", "cost")}
    return row | {"fills": int(hold["fills"])}


def _fee(record: Record) -> dict[str, Any]:
    if record.data is None:
        return {}
    fee = record.data
    return {"strategy": int(fee["strategy"]), "asset": _text(fee["asset"]), "amount": _wide(fee["amount"], fee["fee_exp"])}


def _day(record: Record) -> dict[str, Any]:
    day = ffi.new("aats_jday_t *")
    ffi.memmove(day, record.payload, min(len(record.payload), ffi.sizeof("aats_jday_t")))
    return {"day": time.strftime("%Y-%m-%d", time.gmtime(int(day.day) * _DAY_S)), "orders": int(day.orders), "cancels": int(day.cancels)}


def _adopted(record: Record) -> dict[str, Any]:
    which, out = ffi.new("aats_jadopt_t *"), ffi.new("char[33]")
    ffi.memmove(which, record.payload, min(len(record.payload), ffi.sizeof("aats_jadopt_t")))
    lib.aats_client_id_format(which.instance, which.client_no, out)
    return {"client_id": ffi.string(out).decode()}


def _amend(record: Record) -> dict[str, Any]:
    amend = ffi.new("aats_jamend_t *")
    ffi.memmove(amend, record.payload, min(len(record.payload), ffi.sizeof("aats_jamend_t")))
    return {"px_i": int(amend.px_i), "qty_i": int(amend.qty_i)}


_MORE = {
    int(JournalKind.START): _start,
    int(JournalKind.INTENT): _intent,
    int(JournalKind.EVENT): _event,
    int(JournalKind.HOLD): _hold,
    int(JournalKind.FEE): _fee,
    int(JournalKind.DAY): _day,
    int(JournalKind.ADOPTED): _adopted,
    int(JournalKind.AMEND): _amend,
}


# ------------------------------------------------------------------------------------------------------------ as words


def _said(row: dict[str, Any]) -> str:
    price = "market" if row["tif"] == "market" else f"@ {row['price']}"
    words = [row["side"], row["size"], row["symbol"], price, row["tif"], row["client_id"]]
    return " ".join(word for word in words if word) + (f": {row['msg']}" if row["msg"] else "")


def _said_of_event(row: dict[str, Any]) -> str:
    words = [row["event"]]
    if "fill_size" in row:
        fee = f"fee {row['fee']} {row['fee_asset']}"
        words.append(f"{row['fill_size']} @ {row['fill_price']} {row['liquidity']} {fee} trade {row['trade_id']},")
    if row["code"]:
        words.append(row["code"])
    if row["filled"] not in ("", "0"):
        words.append(f"{row['filled']} of {row['size']} filled")
    if row["remote_id"]:
        words.append(f"id {row['remote_id']}")
    if not row["client_id"] and row["symbol"]:
        words.append(row["symbol"])
    return " ".join(words) + (f": {row['msg']}" if row["msg"] else "")


_WORDS = {int(JournalKind.INTENT): _said, int(JournalKind.EVENT): _said_of_event}
