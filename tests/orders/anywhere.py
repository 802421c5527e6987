"""The runner of transcripts at any venue's simulated dialect: the conformance rig's exchange and order session, and a market that says what it is told to.

    trader - order session of the venue - bytes - Way - the venue's dialect - a pit that is shown the transcript's book and trades

A transcript's prices and sizes become the symbol's own: 100.00 is the price of the generator's market and 0.01 one tick, 0.001 is one lot (of 1e-5
where lots are finer).  What is compared: each callback's name, order, code, strategy, side, prices, sizes, liquidity and whether it has a remote id; its
fee, notional and text are the venue's (test_transcripts.py compares them where they are said).  Fills with their fees are held against the exchange's
own in the end.

Not a test itself: test_transcripts_venues.py says what is played where.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from aats._ffi import ffi, lib
from aats.layout import OrderEvent
from aats.sim.market import DEPTH, TRADE, Event, Snapshot
from tests.conformance.rig import EPOCH_NS, MS, SECOND, Desk, Rig, Storm
from tests.conformance.rows import Row, instruments
from tests.orders.middle import frames_of
from tests.orders.transcripts import CODES, SESSION_EVENTS, Case, Mismatch, either

WAIT_MS, TAIL_MS = 30_000, 400
UNIT = Decimal("0.00001")
SIZES = ("size", "fill_size", "cum_size", "leaves_size")


@dataclass
class Callback:
    """One callback: what a transcript may say of it, prices and sizes as decimals."""

    type: str
    id: int
    says: dict[str, Any]


class Way(Storm):
    """What stands between session and dialect: whole chunks that wait, come backwards or twice, or are lost."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig)
        self.holding = self.twice = self.deaf = self.mute = False
        self.waiting: deque[tuple[int, bytes]] = deque()

    def holds(self, conn: int) -> bool:
        return any(one == conn for one, _ in self.waiting)

    def inward(self, conn: int, data: bytes) -> tuple[bytes, bool]:
        if self.deaf:
            return b"", False
        desk = self.rig.desk
        while self.waiting and desk is not None and self.waiting[0][0] not in desk.conns.values():
            self.waiting.popleft()  # its connection has ended, and nobody reads it
        if data:
            for part in _parts(data):
                self.waiting.extend([(conn, part)] * (2 if self.twice and not part.startswith(b"HTTP/") else 1))
        out = b""
        while not self.holding and self.waiting and self.waiting[0][0] == conn:
            out += self.waiting.popleft()[1]
        return out, False

    def outward(self, conn: int, data: bytes) -> tuple[bytes, bool]:
        if self.mute and data:
            self.mute = False
            return b"", False
        return data, False

    def backwards(self) -> None:
        self.waiting.reverse()
        self.holding = False


def _parts(data: bytes) -> list[bytes]:
    """Return the frames of what a WebSocket says, and anything else as it is."""
    if data.startswith(b"HTTP/"):
        return [data]
    frames, rest = frames_of(data)
    return [raw for _, _, raw in frames] + ([rest] if rest else [])


class Teller(Desk):
    """A desk that keeps every callback as transcripts compare it."""

    def __init__(self, rig: Rig, **options: Any) -> None:
        self.told: deque[Callback] = deque()
        super().__init__(rig, **options)

    def _drain(self) -> None:
        while lib.aats_trader_event(self.trader, self._event) == 1:
            self.told.append(_callback(self._event[0]))


def _callback(ev: Any) -> Callback:
    kind, o = OrderEvent(ev.kind), ev.order
    word = "".join(part.capitalize() for part in kind.name.split("_"))
    if kind in SESSION_EVENTS:
        return Callback(f"on{word}", 0, {})
    made = kind is OrderEvent.EXEC
    cum, size = Decimal(o.cum_qty_i).scaleb(o.qty_exp), Decimal(o.qty_i).scaleb(o.qty_exp)
    says = {
        "code": CODES[ev.code or o.code],
        "strategy": int(o.strategy),
        "side": {lib.AATS_SIDE_BUY: "buy", lib.AATS_SIDE_SELL: "sell"}.get(o.side, ""),
        "liquidity": {lib.AATS_LIQ_MAKER: "maker", lib.AATS_LIQ_TAKER: "taker"}.get(ev.liquidity, "") if made else "",
        "remote_id": bool(o.remote_id[0] != b"\0"),
        "price": Decimal(o.px_i).scaleb(o.px_exp),
        "size": size,
        "cum_size": cum,
        "leaves_size": Decimal(0) if kind is OrderEvent.CLOSED else size - cum,
        "fill_price": Decimal(ev.fill_px_i).scaleb(o.px_exp) if made else Decimal(0),
        "fill_size": Decimal(ev.fill_qty_i).scaleb(o.qty_exp) if made else Decimal(0),
        "fee": (int(ev.fee_i), ffi.string(ev.fee_asset).decode()) if made else (0, ""),
    }
    return Callback(f"onOrder{word}", int(o.order_id), says)


class Stage:
    """One transcript at one venue."""

    def __init__(self, case: Case, row: Row) -> None:
        self.case, self.row = case, row
        self.native = row.symbols[0]
        instrument = instruments(row)[self.native]
        self.tick, self.lot = instrument.tick, instrument.lot
        self.unit = max(self.lot, UNIT)
        options: dict[str, Any] = {}
        if "deposits" in case.head:
            options["deposits"] = dict.fromkeys(row.exchange().ledger.deposits, 1)  # type: ignore[attr-defined]
        self.rig = Rig(row, rate=0, **options)
        self.exchange: Any = self.rig.exchange
        touch = self.exchange.market.touch(self.native)[0]
        self.middle_px = Decimal(touch).scaleb(-8)
        self.bids: list[tuple[str, str]] = []
        self.asks: list[tuple[str, str]] = []
        self._take_market()
        self.way = self.rig.storm = Way(self.rig)
        secret = row.wrong_secret if case.head.get("key") == "wrong" else row.secret
        self.desk = Teller(self.rig, secret=secret, answer_ns=3 * SECOND, orders_max=case.head.get("orders_max", 0))
        self.told = self.desk.told
        self.log: list[str] = []
        self.fills: list[Callback] = []
        self.losing_fill = False

    # -- the market

    def _take_market(self) -> None:
        """Let the exchange's market say what a transcript says of the traded symbol; own orders are not part of it."""
        market = self.exchange.market
        touch: Callable[[str], tuple[int, int]] = market.touch
        snapshot: Callable[[str, int], Snapshot] = market.snapshot
        market.floor = lambda name: None

        def shown(name: str, limit: int) -> Snapshot:
            if name != self.native or not self.bids:
                return snapshot(name, limit)
            return Snapshot(1, self.bids[:limit], self.asks[:limit])

        def best(name: str) -> tuple[int, int]:
            if name != self.native or not self.bids:
                return touch(name)
            return int(Decimal(self.bids[0][0]).scaleb(8)), int(Decimal(self.asks[0][0]).scaleb(8))

        market.snapshot, market.touch = shown, best

    def _show(self, event: Event) -> None:
        """Show the pit, once there is one, what the public does."""
        exchange = self.exchange
        exchange.now_ns = max(exchange.now_ns, self.rig.venue_ns)
        trading = getattr(exchange, "trading", None) or exchange.desk
        pit = trading._pits.get(self.native)
        if pit is not None:
            pit.feed(event)

    def book(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        before = self.bids, self.asks
        self.bids, self.asks = ([(self.text_px(px), self.text_qty(qty)) for px, qty in side] for side in (bids, asks))
        changes = []
        for old, new in zip(before, (self.bids, self.asks), strict=True):
            there = {px for px, _ in new}
            changes.append([(px, "0") for px, _ in old if px not in there] + new)
        self._show(Event(self.rig.venue_ns, self.native, DEPTH, DEPTH, b"", bids=changes[0], asks=changes[1]))

    def trade(self, side: str, price: str, size: str) -> None:
        row = {"m": side == "sell", "p": self.text_px(price), "q": self.text_qty(size)}
        self._show(Event(self.rig.venue_ns, self.native, TRADE, TRADE, orjson.dumps(row)))

    # -- the symbol's own numbers

    def px(self, price: Any) -> Decimal:
        """Return a transcript's price as the symbol's; one that is far from 100 keeps its ratio, on a tick."""
        value = _near(price, Decimal("0.01"))
        if abs(value - 100) > 10:
            return (self.middle_px * value / 100 // self.tick * self.tick) if value else value
        ticks, part = divmod(value * 100, 1)
        return self.middle_px + (ticks - 10_000 + (Decimal("0.5") if part else 0)) * self.tick

    def qty(self, size: Any) -> Decimal:
        """Return a transcript's size as the symbol's; what is left of its lot is the same part of the symbol's lot."""
        whole, part = divmod(_near(size, Decimal("0.001")) * 1000, 1)
        return whole * self.unit + part * self.lot

    def text_px(self, price: Any) -> str:
        return format(self.px(price), "f")

    def text_qty(self, size: Any) -> str:
        return format(self.qty(size), "f")

    # -- time

    def steps(self, limit_ms: int) -> Iterator[None]:
        """Step until the time is over: finely at first, coarsely when nothing moves."""
        end, fine = self.rig.now_ns + limit_ms * MS, self.rig.now_ns + 20 * MS
        while self.rig.now_ns < end:
            self.rig.step(1 if self.rig.now_ns < fine else 20)
            yield

    def quiet(self) -> None:
        if self.told:
            raise Mismatch(f"told {self.told[0]}")

    def begin(self) -> None:
        """Wait until orders may go; what is told of that is not a transcript's."""
        if self.case.head.get("key") == "wrong":
            for _ in self.steps(1000):
                self.quiet()
            return
        for _ in self.steps(WAIT_MS):
            if self.desk.ready():
                break
        if [said.type for said in self.told] != ["onReconciled"]:
            raise Mismatch(f"at the start: told {list(self.told)}, {self.desk.last()}")
        self.told.clear()

    # -- steps

    def play(self) -> None:
        """Follow the transcript; raise `Mismatch` with its line at the first thing that is not so."""
        line = "start"
        try:
            self.begin()
            for number, step in self.case.steps:
                line = f"line {number}, {json.dumps(step)}"
                self._obey(step)
            line = "end"
            for _ in self.steps(TAIL_MS):
                self.quiet()
            self._compare()
        except Mismatch as wrong:
            raise Mismatch(f"{self.case.name} at {self.row.venue}: {line}\n{wrong}\n" + "\n".join(self.log)) from None

    def _obey(self, step: dict[str, Any]) -> None:
        if "book" in step:
            self.book(step["book"]["bids"], step["book"]["asks"])
            self.desk._quote()
        elif "trade" in step:
            self.trade(step["trade"], step["price"], step["size"])
            if self.losing_fill:
                self.way.deaf, self.losing_fill = True, False
                self.rig.step(1)
                self.way.deaf = False
        elif "do" in step:
            self._do(step)
        elif "fault" in step:
            self._fault(step)
        elif "quiet" in step:
            for _ in self.steps(step["quiet"]):
                self.quiet()
        else:
            self._expect(step)

    def _do(self, step: dict[str, Any]) -> None:
        desk, what = self.desk, step["do"]
        trader, now = desk.trader, (EPOCH_NS + self.rig.now_ns, self.rig.now_ns)
        keep: list[Any] = []
        if what == "send":
            req = ffi.new(
                "aats_order_req_t *", {"order_id": step["id"], "margin": step.get("margin", 0), "strategy": step.get("strategy", 0)}
            )
            req.reduce = step.get("reduce", 0)
            req.side = getattr(lib, f"AATS_SIDE_{step['side'].upper()}")
            req.tif = getattr(lib, f"AATS_TIF_{step['tif'].upper()}")
            self._give(req, step, keep)
            assert lib.aats_trader_send(trader, req, *now) == lib.AATS_OK
        elif what == "amend":
            amend = ffi.new("aats_amend_req_t *", {"order_id": step["id"], "strategy": step.get("strategy", 0)})
            self._give(amend, step, keep)
            assert lib.aats_trader_amend(trader, amend, *now) == lib.AATS_OK
        elif what == "cancel":
            assert lib.aats_trader_cancel(trader, step["id"], step.get("strategy", 0), *now) == lib.AATS_OK
        elif what == "close":
            lib.aats_trader_close(trader)
        elif what == "cancel_all":
            assert lib.aats_trader_cancel_all(trader, *now) >= 0
        elif what == "verify":
            lib.aats_trader_verify(trader)
            for _ in self.steps(WAIT_MS):
                self.quiet()
                if lib.aats_trader_verified(trader):
                    return
            raise Mismatch("the venue has not said that nothing is open")
        else:
            raise ValueError(f"do {what}")
        desk._drain()

    def _give(self, req: Any, step: dict[str, Any], keep: list[Any]) -> None:
        """Write price and size into a request as they are given: a text, or a float."""
        for name, key, own in (("px", "price", self.px), ("qty", "size", self.qty)):
            value, given = step.get(key), getattr(req, name)
            if isinstance(value, float):
                given.kind, given.f = lib.AATS_GIVEN_FLOAT, float(own(value))
            elif value is not None:
                said = (value if value.startswith("0x") else format(own(value), "f")).encode()
                keep.append(ffi.new("char[]", said))
                given.kind, given.text, given.text_len = lib.AATS_GIVEN_TEXT, keep[-1], len(said)

    def _fault(self, step: dict[str, Any]) -> None:
        kind, way, desk = step["fault"], self.way, self.desk
        if kind == "hold":
            way.holding = True
        elif kind == "release":
            way.holding = False
        elif kind == "backwards":
            way.backwards()
        elif kind == "twice":
            way.twice = True
        elif kind == "lost":
            way.deaf = True  # until the order is told as unknown: then the venue is asked
        elif kind == "fill_lost":
            self.losing_fill = True
        elif kind == "request_lost":
            way.mute = True
        elif kind == "unsure":
            self.exchange.faults.next_orders.append("order-unsure")
        elif kind == "cut":
            way.deaf = True
            desk._pump()
            way.deaf = way.holding = way.mute = False
            desk.refuse = True
            desk.cut()
            way.waiting.clear()
        elif kind == "heal":
            desk.refuse = False
        elif kind == "foreign_cancel":
            self._by_hand()
        else:
            raise Mismatch(f"{kind}: not to be had at a dialect")

    def _by_hand(self) -> None:
        exchange = self.exchange
        exchange.now_ns = max(exchange.now_ns, self.rig.venue_ns)
        (order,) = exchange.account_of(self.row.key).open.values()
        if hasattr(exchange, "trading"):
            exchange.trading.cancel(order)
        else:
            exchange.desk.cancel(order, "", exchange.now_ns)

    def _expect(self, step: dict[str, Any]) -> None:
        for _ in self.steps(0 if self.told else WAIT_MS):
            if self.told:
                break
        if not self.told:
            raise Mismatch(f"nothing was told within {WAIT_MS} ms: {self.desk.say()}")
        if "any_order" in step:
            first = self.told[0]
            here, rest = either(step["any_order"], first.type, first.id)
            if here is None:
                raise Mismatch(f"told {first}")
            self._expect(here)
            if rest:
                self._expect({"any_order": rest})
            return
        said = self.told.popleft()
        self.log.append(str(said))
        if said.type != step["expect"] or said.id != step.get("id", 0):
            raise Mismatch(f"told {said}; afterwards {list(self.told)[:4]}")
        if said.type == "onOrderUnknown":
            self.way.deaf = False
        if said.type == "onOrderExec":
            self.fills.append(said)
        for key, there in said.says.items():
            if key != "fee" and key in step and there != self._own(key, step[key]):
                raise Mismatch(f"{key} is {there} and not {self._own(key, step[key])} in {said}")

    def _own(self, key: str, value: Any) -> Any:
        """Return what a transcript says of a field as it must be at this venue."""
        if key == "remote_id":
            return bool(value)
        if key in SIZES:
            return self.qty(value)
        if key in ("price", "fill_price"):
            return self.px(value)
        return value

    def _compare(self) -> None:
        """Hold the fills that were told against those that the exchange has made, and let it add up its own books."""
        exchange = self.exchange
        wrong = exchange.trading.audit() if hasattr(exchange, "trading") else exchange.ledger.audit()
        if wrong:
            raise Mismatch("; ".join(wrong))
        told = Counter((one.says["fill_price"], one.says["fill_size"], *one.says["fee"]) for one in self.fills)
        made = Counter(
            (Decimal(fill.px).scaleb(-8), Decimal(fill.qty).scaleb(-8), fill.fee, fill.fee_asset)
            for fill in exchange.account_of(self.row.key).fills
        )
        if told != made:
            raise Mismatch(f"told fills {told - made} that were not made, made {made - told} that were not told")


def _near(value: Any, step: Decimal) -> Decimal:
    """Return a transcript's number; a float that is one of the grid but for its last digits is that one."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    grid = exact.quantize(step)
    return grid if abs(exact - grid) < Decimal("1e-9") else exact


def play(case: Case, row: Row) -> None:
    """Play one transcript at one venue; raise `Mismatch` where it is not reproduced."""
    Stage(case, row).play()
