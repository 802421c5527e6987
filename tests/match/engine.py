"""The C engine with the verbs of the model (``model.py``), for the tests that do the same to both."""

from __future__ import annotations

from aats._ffi import ffi, lib
from tests.match import model as m


class Engine:
    """The C engine with the model's verbs."""

    def __init__(self, exps: tuple[int, int, int]) -> None:
        self.c = ffi.gc(lib.aats_match_new(*exps), lib.aats_match_free)
        self.now = 0

    def place(self, o: dict[str, int]) -> int:
        given = {f"{k}_i" if k in ("px", "qty", "quote", "lot", "maker_rate", "taker_rate") else k: v for k, v in o.items()}
        return int(lib.aats_match_place(self.c, ffi.new("aats_match_order_t *", given), self.now))

    def level(self, side: int, px: int, qty: int) -> int:
        return int(lib.aats_match_level(self.c, side, px, qty, self.now))

    def book(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> int:
        b, a = ffi.new("aats_level_t[]", bids), ffi.new("aats_level_t[]", asks)
        return int(lib.aats_match_book(self.c, b, len(bids), a, len(asks), self.now))

    def trade(self, aggressor: int, px: int, qty: int) -> int:
        return int(lib.aats_match_trade(self.c, aggressor, px, qty, self.now))

    def cancel(self, order_id: int) -> int:
        return int(lib.aats_match_cancel(self.c, order_id, self.now))

    def reduce(self, order_id: int, qty: int) -> int:
        return int(lib.aats_match_reduce(self.c, order_id, qty, self.now))

    def clear(self) -> None:
        lib.aats_match_clear(self.c)

    def events(self) -> list[m.Event]:
        out, ev = [], ffi.new("aats_match_ev_t *")
        while lib.aats_match_next(self.c, ev):
            notional = (ev.cum_notional.hi << 64) + ev.cum_notional.lo
            out.append(
                m.Event(
                    ev.kind, ev.why, ev.id, ev.owner, ev.trade_no, ev.other, ev.now_ns, ev.px_i, ev.qty_i, ev.cum_qty_i, ev.leaves_i,
                    ev.fee_i, notional, ev.side, ev.maker, ev.fee_in_base,
                )
            )  # fmt: skip
        return out

    def best(self, side: int) -> tuple[int, int] | None:
        px, qty = ffi.new("int64_t *"), ffi.new("int64_t *")
        return (px[0], qty[0]) if lib.aats_match_best(self.c, side, px, qty) else None
