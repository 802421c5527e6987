"""Transcripts: cases of the callback grammar as data, and the bench on which each is played with paper trading, the simulated exchange and a scripted venue.

A file of ``tests/transcripts`` is one case, a JSON object a line.  The first line names it::

    {"case": "gtc_fill", "about": "a resting order is filled by a trade"}

and may have ``only`` (the runners that can play it) with ``why``, ``deposits`` (asset to amount; else plenty) and ``key`` ("wrong": the venue does not
know it).  The lines that follow are steps, obeyed in their order:

    {"book": {"bids": [[PRICE, SIZE], ..], "asks": [..]}}        what the public shows from now on, best first
    {"trade": "buy" | "sell", "price": .., "size": ..}           the public trades; who takes
    {"do": "send", "id": 1, "side": "buy", "tif": "ioc", "price": .., "size": ..}   a JSON text is a text, a JSON number a float; margin, strategy
    {"do": "cancel", "id": 1}   {"do": "close"}   {"do": "cancel_all"}   {"do": "verify"}
    {"fault": NAME, ..}                                           see `FAULTS`
    {"quiet": MS}                                                 so long nothing is told
    {"expect": "onOrderExec", "id": 1, FIELD: VALUE, ..}          the next callback, and what its message says

A field stands as API.md writes it; ``msg`` must be contained in the message's.  Whatever a transcript leaves out, `Told` checks of every message: who the
order is, its sums, its average, what stands in a fill and nowhere else.  After the last step nothing more may be told for a second.

Not here: the three runners (venues.py), and what is run (test_transcripts.py).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

from aats._ffi import ffi, lib, text
from aats.layout import OrderEvent

FOLDER = Path(__file__).resolve().parents[1] / "transcripts"
EPOCH_NS = 1_700_000_000_000_000_000
MS = 1_000_000
INSTANCE = 0x1111222233334444
WAIT_MS = 30_000  # so long an expected callback may take
TAIL_MS = 1_000

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
CODES = {getattr(lib, name): text(lib.aats_code_name(getattr(lib, name))) for name in dir(lib) if name.startswith("AATS_OC_") and name != "AATS_OC_CNT"}
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
    unknown = set(head) - {"case", "about", "only", "why", "deposits", "key"}
    if unknown or head["case"] != path.stem or bool(head.get("only")) != bool(head.get("why")):
        raise ValueError(f"{path.name}: first line: {unknown or 'case must be the file name, only goes with why'}")
    steps = tuple(enumerate(lines[1:], 2))
    for number, step in steps:
        if sum(kind in step for kind in ("book", "trade", "do", "fault", "quiet", "expect")) != 1:
            raise ValueError(f"{path.name}:{number}: {step}: not one step")
        if "fault" in step and step["fault"] not in FAULTS:
            raise ValueError(f"{path.name}:{number}: {step['fault']} is no fault")
    return Case(head["case"], head["about"], steps, head)


def cases() -> dict[str, Case]:
    """Return all transcripts by name."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.jsonl"))}


# ---------------------------------------------------------------------------------------------------- messages


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


def message_of(ev: Any) -> Message:
    """Write an order event as the callback's message, by exact decimals of our own."""
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
        "fill_price": plain(fill_px),
        "fill_size": plain(fill_qty),
        "fill_notional": plain(fill_px * fill_qty),
        "cum_size": plain(cum),
        "cum_notional": plain(notional),
        "avg_price": plain(average),
        "leaves_size": plain(size - cum),
        "msg": text(ev.msg) or text(o.msg),
        "code": CODES[ev.code or o.code],
        "strategy": int(o.strategy),
    }
    if exec_:
        order["fee"] = plain(scale(ev.fee_i, ev.fee_exp))
        order["fee_asset"] = text(ev.fee_asset)
        order["liquidity"] = {lib.AATS_LIQ_MAKER: "maker", lib.AATS_LIQ_TAKER: "taker"}.get(ev.liquidity, "")
    return Message(f"onOrder{word}", int(o.order_id), order)


@dataclass
class Told:
    """What was told of the orders so far, and what must be true of the next message whatever a transcript says."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    fills: dict[int, list[tuple[Decimal, Decimal]]] = field(default_factory=dict)
    acked: set[int] = field(default_factory=set)
    again: int = 0  # the order whose second send is being refused

    def take(self, said: Message) -> None:
        """Check one message and add it up; raise `Mismatch`."""
        if not said.id or not said.order["symbol"]:
            return  # of a session, or the refusal of a cancel for an id that never was
        if said.id == self.again or (said.type == "onOrderCreated" and said.id in self.orders):
            self.again = 0 if said.type == "onOrderClosed" else said.id
            _must(said.type in ("onOrderCreated", "onOrderRejected", "onOrderClosed"), said, "inside the refusal of a second send")
            _must(not said.order["remote_id"] and said.order["cum_size"] == "0", said, "the second send of an order has nothing of the first")
            return
        now, fills = said.order, self.fills.setdefault(said.id, [])
        if said.type == "onOrderExec":
            fills.append((Decimal(now["fill_price"]), Decimal(now["fill_size"])))
            _must(Decimal(now["fill_size"]) > 0 and bool(now["liquidity"]) and bool(now["fee_asset"]), said, "a fill without its numbers")
        if said.type in ("onOrderAcked", "onOrderExec", "onOrderCanceled"):
            self.acked.add(said.id)
        cum, notional = sum((qty for _, qty in fills), Decimal(0)), sum((px * qty for px, qty in fills), Decimal(0))
        average = _WIDE.divide(notional, cum).quantize(Decimal("1e-12"), ROUND_HALF_EVEN) if cum else Decimal(0)
        _must(now["cum_size"] == plain(cum), said, f"cum_size, fills sum up to {plain(cum)}")
        _must(now["cum_notional"] == plain(notional), said, f"cum_notional, fills sum up to {plain(notional)}")
        _must(now["avg_price"] == plain(average), said, f"avg_price, fills give {plain(average)}")
        _must(now["leaves_size"] == plain(Decimal(now["size"]) - cum), said, "leaves_size")
        _must(bool(now["remote_id"]) == (said.id in self.acked), said, "remote_id is set from the ack on, not before")
        before = self.orders.setdefault(said.id, now)
        for key in ("exchange", "symbol", "side", "price", "size", "order_id", "client_id", "margin", "strategy"):
            _must(now[key] == before[key], said, f"{key} was {before[key]}")


def _must(good: bool, said: Message, what: str) -> None:
    if not good:
        raise Mismatch(f"{said.type} of order {said.id}: {what}: {said.order}")


# ------------------------------------------------------------------------------------------------------- bench


def levels_of(rows: list[list[str]]) -> Any:
    return ffi.new("aats_level_t[]", [(int(Decimal(px).scaleb(8)), int(Decimal(qty).scaleb(8))) for px, qty in rows] or [(0, 0)])


class Bench(ABC):
    """A trader and something that it trades with, in virtual time.

    Runners add the venue: `_pass` moves what is on its way, `_market` and `fault` do what steps say.
    """

    name = ""

    def __init__(self, case: Case, rules: Any) -> None:
        self.case = case
        self.now_ns = 0
        self.told = Told()
        self.messages: deque[Message] = deque()
        self.log: list[str] = []
        self._event = ffi.new("aats_oev_t *")
        why = ffi.new("char[]", 512)
        trader = lib.aats_trader_new(ffi.new("aats_trader_opts_t *", {"instance": INSTANCE}), ffi.NULL, 0, ffi.NULL, why, len(why))
        assert trader != ffi.NULL, text(why)
        self.trader = ffi.gc(trader, lib.aats_trader_free)
        self.rules = rules
        self._attach()
        assert lib.aats_trader_add_symbol(self.trader, rules, 0) == 0

    @abstractmethod
    def _attach(self) -> None:
        """Give the trader its gateway."""

    @abstractmethod
    def _pass(self) -> None:
        """Move what is on its way; the trader is stepped afterwards."""

    @abstractmethod
    def book(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        """Show the venue the public's book."""

    @abstractmethod
    def trade(self, side: str, price: str, size: str) -> None:
        """Tell the venue of a public trade."""

    @abstractmethod
    def fault(self, step: dict[str, Any]) -> None:
        """Make something go wrong."""

    # -- time

    @property
    def epoch_ns(self) -> int:
        return EPOCH_NS + self.now_ns

    def step(self, ms: int = 1) -> None:
        """Let a little time go by."""
        self.now_ns += ms * MS
        self._pass()
        lib.aats_trader_step(self.trader, self.epoch_ns, self.now_ns)
        while lib.aats_trader_event(self.trader, self._event) == 1:
            said = message_of(self._event)
            self.log.append(f"{self.now_ns / 1e9:9.3f}  {said.type} {said.id or ''} {said.order['code'] if said.id else ''} {said.order['msg']}")
            self.messages.append(said)

    def steps(self, limit_ms: int) -> Iterator[None]:
        """Step until the time is over: finely at first, coarsely when nothing moves."""
        end, fine = self.now_ns + limit_ms * MS, self.now_ns + 100 * MS
        while self.now_ns < end:
            self.step(1 if self.now_ns < fine else 10)
            yield

    def begin(self) -> None:
        """Wait for the venue to be ready; the first onReconciled is not a transcript's."""
        if self.case.head.get("key") == "wrong":
            for _ in self.steps(1000):
                _quiet(self)
            return
        for _ in self.steps(WAIT_MS):
            if lib.aats_trader_ready(self.trader):
                break
        said = [message.type for message in self.messages]
        if said != ["onReconciled"]:
            raise Mismatch(f"at the start: told {said}")
        self.messages.clear()

    # -- steps

    def play(self) -> None:
        """Follow the transcript; raise `Mismatch` with its line at the first thing that is not so."""
        try:
            self.begin()
            for number, step in self.case.steps:
                try:
                    self._obey(step)
                except Mismatch as wrong:
                    raise Mismatch(f"line {number}, {json.dumps(step)}\n{wrong}") from None
            for _ in self.steps(TAIL_MS):
                _quiet(self)
        except Mismatch as wrong:
            raise Mismatch(f"{self.case.name} with {self.name}: {wrong}\n" + "\n".join(self.log)) from None

    def _obey(self, step: dict[str, Any]) -> None:
        if "book" in step:
            book = step["book"]
            self.book(book["bids"], book["asks"])
            sides = [levels_of(book[side]) for side in ("bids", "asks")]
            lib.aats_trader_quote(self.trader, 0, sides[0], len(book["bids"]), sides[1], len(book["asks"]), 1, self.epoch_ns)
        elif "trade" in step:
            self.trade(step["trade"], step["price"], step["size"])
            side = lib.AATS_SIDE_BUY if step["trade"] == "buy" else lib.AATS_SIDE_SELL
            px, qty = (int(Decimal(step[key]).scaleb(8)) for key in ("price", "size"))
            lib.aats_trader_tick(self.trader, 0, side, px, qty, self.epoch_ns)
        elif "do" in step:
            self._do(step)
        elif "fault" in step:
            self.fault(step)
        elif "quiet" in step:
            for _ in self.steps(step["quiet"]):
                _quiet(self)
        else:
            self._expect(step)

    def _do(self, step: dict[str, Any]) -> None:
        what, now = step["do"], (self.epoch_ns, self.now_ns)
        if what == "send":
            keep: list[Any] = []
            req = ffi.new("aats_order_req_t *", {"order_id": step["id"], "sym": 0, "margin": step.get("margin", 0), "strategy": step.get("strategy", 0)})
            req.side = getattr(lib, f"AATS_SIDE_{step['side'].upper()}")
            req.tif = getattr(lib, f"AATS_TIF_{step['tif'].upper()}")
            req.px, req.qty = _given(step.get("price"), keep), _given(step["size"], keep)
            assert lib.aats_trader_send(self.trader, req, *now) == lib.AATS_OK
        elif what == "cancel":
            assert lib.aats_trader_cancel(self.trader, step["id"], step.get("strategy", 0), *now) == lib.AATS_OK
        elif what == "close":
            lib.aats_trader_close(self.trader)
        elif what == "cancel_all":
            assert lib.aats_trader_cancel_all(self.trader, *now) >= 0
        elif what == "verify":
            lib.aats_trader_verify(self.trader)
            for _ in self.steps(WAIT_MS):
                _quiet(self)
                if lib.aats_trader_verified(self.trader):
                    return
            raise Mismatch("the venue has not said that nothing is open")
        else:
            raise ValueError(f"do {what}")

    def _expect(self, step: dict[str, Any]) -> None:
        for _ in self.steps(0 if self.messages else WAIT_MS):
            if self.messages:
                break
        if not self.messages:
            raise Mismatch(f"nothing was told within {WAIT_MS} ms")
        said = self.messages.popleft()
        if said.type != step["expect"] or said.id != step.get("id", 0):
            raise Mismatch(f"told {said.type} of {said.id}: {said.order}")
        self.told.take(said)
        for key, value in step.items():
            if key in ("expect", "id"):
                continue
            there = said.order.get(key)
            if there != value and not (key == "msg" and value in said.order["msg"]):
                raise Mismatch(f"{key} is {there!r} in {said.order}")


def _quiet(bench: Bench) -> None:
    if bench.messages:
        said = bench.messages[0]
        raise Mismatch(f"told {said.type} of {said.id}: {said.order}")


def _given(value: Any, keep: list[Any]) -> Any:
    given = ffi.new("aats_given_t *")
    if isinstance(value, float):
        given.kind, given.f = lib.AATS_GIVEN_FLOAT, value
    elif value is not None:
        raw = str(value).encode()
        buffer = ffi.new("char[]", raw)
        keep.append(buffer)
        given.kind, given.text, given.text_len = lib.AATS_GIVEN_TEXT, buffer, len(raw)
    keep.append(given)
    return given[0]
