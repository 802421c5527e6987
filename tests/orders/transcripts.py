"""Transcripts: cases of the callback grammar as data, and what must be true of every order message.

A file of ``tests/transcripts`` is one case, a JSON object a line.  The first line names it::

    {"case": "gtc_fill", "about": "a resting order is filled by a trade"}

and may have ``only`` (the runners that can play it) with ``why``, ``deposits`` (asset to amount; else plenty), ``orders_max`` (places of the order table)
and ``key`` ("wrong": the venue does not know it).  The lines that follow are steps, obeyed in their order:

    {"book": {"bids": [[PRICE, SIZE], ..], "asks": [..]}}        what the public shows from now on, best first
    {"trade": "buy" | "sell", "price": .., "size": ..}           the public trades; who takes
    {"do": "send", "id": 1, "side": "buy", "tif": "ioc", "price": .., "size": ..}   a JSON text is a text, a JSON number a float; margin, reduce, strategy
    {"do": "amend", "id": 1, "price": .., "size": ..}            one of the two may be missing
    {"do": "cancel", "id": 1}   {"do": "close"}   {"do": "cancel_all"}   {"do": "verify"}
    {"fault": NAME, ..}                                           see `FAULTS`
    {"quiet": MS}                                                 so long nothing is told
    {"expect": "onOrderExec", "id": 1, FIELD: VALUE, ..}          the next callback, and what its message says
    {"any_order": [{"expect": ..}, ..]}                           the next callbacks, where the grammar lets them come in either order

A field stands as API.md writes it; ``msg`` must be contained in the message's.  Whatever a transcript leaves out, `Told` checks of every message: who the
order is, its sums, its average, what stands in a fill and nowhere else.  After the last step nothing more may be told for a second.

Not here: the bench that plays them (bench.py), the three runners (venues.py), and what is run (test_transcripts.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import OrderEvent

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"

#: What goes wrong on the way between the strategy and its venue.
FAULTS = {
    "hold": "what the venue says waits",
    "release": "what has waited comes, in its order",
    "backwards": "what has waited comes, the newest first",
    "twice": "from now on everything is said twice",
    "lost": "what is said of order `id` is lost until the venue is asked",
    "fill_lost": "the report of the next fill of order `id` is lost",
    "request_lost": "the next request of order `id` never arrives",
    "unsure": "the next request of order `id` is done, and answered with `status unknown`",
    "cut": "the connection ends: what was sent has arrived, no answer comes; none can be made until `heal`",
    "heal": "connections can be made again",
    "answer": "the next request of order `id` is not done, but answered with status, code and msg",
    "expire": "the venue ends order `id` by itself",
    "foreign_cancel": "somebody else cancels order `id`",
}
SESSION_EVENTS = (OrderEvent.DISCONNECT, OrderEvent.RECONNECT, OrderEvent.RECONCILED)
CODES = {
    getattr(lib, name): text(lib.aats_code_name(getattr(lib, name)))
    for name in dir(lib)
    if name.startswith("AATS_OC_") and name != "AATS_OC_CNT"
}
_WIDE = Context(prec=60)


class Mismatch(AssertionError):
    """A transcript was not followed."""


@dataclass(frozen=True)
class Case:
    """One transcript."""

    name: str
    about: str
    steps: tuple[tuple[int, dict[str, Any]], ...]  # with the number of the line
    head: dict[str, Any]

    @property
    def only(self) -> tuple[str, ...]:
        return tuple(self.head.get("only", ()))


def read(path: Path) -> Case:
    """Read one file; every line must be a step that is known."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    head = lines[0]
    unknown = set(head) - {"case", "about", "only", "why", "deposits", "orders_max", "key"}
    if unknown or head["case"] != path.stem or bool(head.get("only")) != bool(head.get("why")):
        raise ValueError(f"{path.name}: first line: {unknown or 'case must be the file name, only goes with why'}")
    steps = tuple(enumerate(lines[1:], 2))
    for number, step in steps:
        if sum(kind in step for kind in ("book", "trade", "do", "fault", "quiet", "expect", "any_order")) != 1:
            raise ValueError(f"{path.name}:{number}: {step}: not one step")
        if "fault" in step and step["fault"] not in FAULTS:
            raise ValueError(f"{path.name}:{number}: {step['fault']} is no fault")
    return Case(head["case"], head["about"], steps, head)


def cases() -> dict[str, Case]:
    """Return all transcripts by name."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.jsonl"))}


# ---------------------------------------------------------------------------------------------------- messages


def either(steps: list[dict[str, Any]], told: str, id_: int) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return which of the steps of an ``any_order`` was told, None if it was none of them, and the others."""
    here = next((one for one in steps if (one["expect"], one.get("id", 0)) == (told, id_)), None)
    return here, [one for one in steps if one is not here]


def plain(value: Decimal) -> str:
    """Return a decimal as messages write it: no exponent, no trailing zeros."""
    if not value:
        return "0"
    out = format(value, "f")
    return out.rstrip("0").rstrip(".") if "." in out else out


def wide(value: Any) -> int:
    """Return an ``aats_i128_t`` as an int."""
    return (int(value.hi) << 64) + int(value.lo)


def scale(value: int, exponent: int) -> Decimal:
    return Decimal(value).scaleb(exponent, _WIDE)


@dataclass
class Message:
    """One callback: its name and what its order message says."""

    type: str
    id: int
    order: dict[str, Any]


def delivered(ev: Any) -> dict[str, Any]:
    """Return the message of an order event as a strategy's callback gets it."""
    made: list[dict[str, Any]] = []
    assert lib.aats_py_order_msg(ev, b"on", ffi.cast("void *", id(made))) == 0
    return made[0]["order"]


def message_of(ev: Any) -> Message:
    """Write an order event as the callback's message, by exact decimals of our own; what is delivered must say the same.

    ``strategy`` is added: whose callback it is.
    """
    kind = OrderEvent(ev.kind)
    word = "".join(part.capitalize() for part in kind.name.split("_"))
    if kind in SESSION_EVENTS:
        return Message(f"on{word}", 0, {"exchange": text(ev.order.symbol), "msg": text(ev.msg)})
    o = ev.order
    symbol, _, exchange = text(o.symbol).partition(".")
    cum, size = scale(o.cum_qty_i, o.qty_exp), scale(o.qty_i, o.qty_exp)
    notional = scale(wide(o.cum_notional), o.px_exp + o.qty_exp)
    average = (notional / cum).quantize(Decimal(1).scaleb(o.px_exp - 4), ROUND_HALF_EVEN) if cum else Decimal(0)
    exec_ = kind is OrderEvent.EXEC
    fill_px, fill_qty = (scale(ev.fill_px_i, o.px_exp), scale(ev.fill_qty_i, o.qty_exp)) if exec_ else (Decimal(0), Decimal(0))
    order: dict[str, Any] = {
        "exchange": exchange,
        "symbol": symbol,
        "side": {lib.AATS_SIDE_BUY: "buy", lib.AATS_SIDE_SELL: "sell"}.get(o.side, ""),
        "price": plain(scale(o.px_i, o.px_exp)),
        "size": plain(size),
        "order_id": int(o.order_id),
        "remote_id": text(o.remote_id),
        "client_id": f"{int(o.instance):016x}{int(o.order_id):016x}",
        "margin": bool(o.flags & lib.AATS_OF_MARGIN),
        "margin_source": "spot",
        "fill_price": plain(fill_px),
        "fill_size": plain(fill_qty),
        "fill_notional": plain(fill_px * fill_qty),
        "cum_size": plain(cum),
        "cum_notional": plain(notional),
        "avg_price": plain(average),
        "leaves_size": "0" if kind is OrderEvent.CLOSED else plain(size - cum),
        "msg": text(ev.msg) or text(o.msg),
        "code": CODES[ev.code or o.code],
    }
    if exec_:
        order["fee"] = plain(scale(ev.fee_i, ev.fee_exp))
        order["fee_asset"] = text(ev.fee_asset)
        order["liquidity"] = {lib.AATS_LIQ_MAKER: "maker", lib.AATS_LIQ_TAKER: "taker"}.get(ev.liquidity, "")
    if delivered(ev) != order:
        raise Mismatch(f"onOrder{word} is delivered as {delivered(ev)}\nexpected {order}")
    return Message(f"onOrder{word}", int(o.order_id), {**order, "strategy": int(o.strategy)})


@dataclass
class Told:
    """What was told of the orders so far, and what must be true of the next message whatever a transcript says."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    fills: dict[int, list[tuple[Decimal, Decimal]]] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)
    again: int = 0  # the order whose second send is being refused

    def take(self, said: Message) -> None:
        """Check one message and add it up; raise `Mismatch`."""
        if not said.id or not said.order["symbol"]:
            return  # of a session, or the refusal of a cancel for an id that never was
        if said.id == self.again or (said.type == "onOrderCreated" and said.id in self.orders):
            self.again = 0 if said.type == "onOrderClosed" else said.id
            must(said.type in ("onOrderCreated", "onOrderRejected", "onOrderClosed"), said, "inside the refusal of a second send")
            must(
                not said.order["remote_id"] and said.order["cum_size"] == "0", said, "the second send of an order has nothing of the first"
            )
            return
        now, fills = said.order, self.fills.setdefault(said.id, [])
        if said.type == "onOrderExec":
            fills.append((Decimal(now["fill_price"]), Decimal(now["fill_size"])))
            self.fees[now["fee_asset"]] = self.fees.get(now["fee_asset"], Decimal(0)) + Decimal(now["fee"])
            must(Decimal(now["fill_size"]) > 0 and bool(now["liquidity"]) and bool(now["fee_asset"]), said, "a fill without its numbers")
        if said.type in ("onOrderAcked", "onOrderExec", "onOrderCanceled"):
            self.acked.add(said.id)
        cum, notional = sum((qty for _, qty in fills), Decimal(0)), sum((px * qty for px, qty in fills), Decimal(0))
        average = _WIDE.divide(notional, cum).quantize(Decimal("1e-12"), ROUND_HALF_EVEN) if cum else Decimal(0)
        must(now["cum_size"] == plain(cum), said, f"cum_size, fills sum up to {plain(cum)}")
        must(now["cum_notional"] == plain(notional), said, f"cum_notional, fills sum up to {plain(notional)}")
        must(now["avg_price"] == plain(average), said, f"avg_price, fills give {plain(average)}")
        leaves = Decimal(0) if said.type == "onOrderClosed" else Decimal(now["size"]) - cum
        must(now["leaves_size"] == plain(leaves), said, f"leaves_size should be {plain(leaves)}")
        must(bool(now["remote_id"]) == (said.id in self.acked), said, "remote_id is set from the ack on, not before")
        before = self.orders.setdefault(said.id, now)
        for key in ("exchange", "symbol", "side", "price", "size", "order_id", "client_id", "margin", "strategy"):
            must(now[key] == before[key], said, f"{key} was {before[key]}")

    def traded(self, side: str) -> tuple[Decimal, Decimal]:
        """Return size and notional of all fills of a side."""
        fills = [fill for order_id, made in self.fills.items() if self.orders[order_id]["side"] == side for fill in made]
        return sum((qty for _, qty in fills), Decimal(0)), sum((px * qty for px, qty in fills), Decimal(0))


def must(good: bool, said: Message, what: str) -> None:
    """Raise `Mismatch` with the message unless it is as it must be."""
    if not good:
        raise Mismatch(f"{said.type} of order {said.id}: {what}: {said.order}")
