"""The bench on which a transcript is played: a trader in virtual time, and the steps of a transcript done to it.

A bench gives the trader a gateway and a venue; the three that there are stand in venues.py.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from aats._ffi import ffi, lib, text
from tests.orders.transcripts import Case, Message, Mismatch, Told, either, message_of, scale, wide

EPOCH_NS = 1_700_000_000_000_000_000
MS = 1_000_000
INSTANCE = 0x1111222233334444
WAIT_MS = 30_000  # so long an expected callback may take
TAIL_MS = 1_000  # so long nothing more is told after the last step

_POSITION = {
    "bought": -8,
    "bought_notional": -16,
    "sold": -8,
    "sold_notional": -16,
    "fee_base": -8,
    "fee_quote": -8,
}  # fields and their exponents


def _levels(rows: list[list[str]]) -> Any:
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
        opts = ffi.new("aats_trader_opts_t *", {"instance": INSTANCE, "orders_max": case.head.get("orders_max", 0)})
        trader = lib.aats_trader_new(opts, ffi.NULL, 0, ffi.NULL, why, len(why))
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
            self.log.append(f"{self.now_ns / 1e9:9.3f}  {said.type} {said.id or ''} {said.order.get('code', '')} {said.order['msg']}")
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
                self.quiet()
            return
        for _ in self.steps(WAIT_MS):
            if lib.aats_trader_ready(self.trader):
                break
        said = [message.type for message in self.messages]
        if said != ["onReconciled"]:
            raise Mismatch(f"at the start: told {said}")
        self.messages.clear()

    def compare(self) -> None:
        """Hold the trader's position against the fills that were told; runners add what their venue knows."""
        pos = ffi.new("aats_pos_t *")
        assert lib.aats_trader_pos(self.trader, 0, pos) >= 0
        held = {name: scale(wide(getattr(pos, name)), exp) for name, exp in _POSITION.items()}
        bought, sold = self.told.traded("buy"), self.told.traded("sell")
        told = dict(zip(_POSITION, (*bought, *sold, self.told.fees.get("BTC", Decimal(0)), self.told.fees.get("USDT", Decimal(0)))))
        if held != told:
            raise Mismatch(f"position {held}, the fills that were told give {told}")

    def quiet(self) -> None:
        """Nothing may have been told."""
        if self.messages:
            said = self.messages[0]
            raise Mismatch(f"told {said.type} of {said.id}: {said.order}")

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
                self.quiet()
            self.compare()
        except Mismatch as wrong:
            raise Mismatch(f"{self.case.name} with {self.name}: {wrong}\n" + "\n".join(self.log)) from None

    def _obey(self, step: dict[str, Any]) -> None:
        if "book" in step:
            book = step["book"]
            self.book(book["bids"], book["asks"])
            sides = [_levels(book[side]) for side in ("bids", "asks")]
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
                self.quiet()
        else:
            self._expect(step)

    def _do(self, step: dict[str, Any]) -> None:
        what, now = step["do"], (self.epoch_ns, self.now_ns)
        if what == "send":
            keep: list[Any] = []
            req = ffi.new(
                "aats_order_req_t *", {"order_id": step["id"], "margin": step.get("margin", 0), "strategy": step.get("strategy", 0)}
            )
            req.reduce = step.get("reduce", 0)
            req.side = getattr(lib, f"AATS_SIDE_{step['side'].upper()}")
            req.tif = getattr(lib, f"AATS_TIF_{step['tif'].upper()}")
            req.px, req.qty = _given(step.get("price"), keep), _given(step["size"], keep)
            assert lib.aats_trader_send(self.trader, req, *now) == lib.AATS_OK
        elif what == "amend":
            keep = []
            amend = ffi.new("aats_amend_req_t *", {"order_id": step["id"], "strategy": step.get("strategy", 0)})
            amend.px, amend.qty = _given(step.get("price"), keep), _given(step.get("size"), keep)
            assert lib.aats_trader_amend(self.trader, amend, *now) == lib.AATS_OK
        elif what == "cancel":
            assert lib.aats_trader_cancel(self.trader, step["id"], step.get("strategy", 0), *now) == lib.AATS_OK
        elif what == "close":
            lib.aats_trader_close(self.trader)
        elif what == "cancel_all":
            assert lib.aats_trader_cancel_all(self.trader, *now) >= 0
        elif what == "verify":
            lib.aats_trader_verify(self.trader)
            for _ in self.steps(WAIT_MS):
                self.quiet()
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
        if "any_order" in step:
            said = self.messages[0]
            here, rest = either(step["any_order"], said.type, said.id)
            if here is None:
                raise Mismatch(f"told {said.type} of {said.id}: {said.order}")
            self._expect(here)
            if rest:
                self._expect({"any_order": rest})
            return
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
