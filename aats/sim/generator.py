"""A seeded market that needs no file: random limit order books in virtual time.

The same seed, symbols and start give the same bytes on every machine: integers only (the random floats are scaled by
IEEE products alone), one random stream a symbol, no clock.  It is made to look like a busy spot market, not to be
one: orders come at random moments near the touch, market orders eat levels, each change takes one update id.

    order event ----> change of one or more levels -----> bookTicker at once, if the touch changed
                  `-> trades, if it took liquidity -----> trade and aggTrade at once
    every 100 ms -----------------------------------------> one depth diff with all changed levels, absolute

Promises: a book is never crossed or one-sided and keeps `depth` levels a side (fewer where prices end at zero); trade
ids are consecutive; an interval without a change sends nothing.  A level born and gone within one interval is sent with
quantity zero though nobody ever saw it, as the real venue does.

Own orders (pit.py) are part of the market: the book shows public and own quantity together, the flow hits own orders at
their place in the queue, and what own orders take is gone.  Without own orders nothing of this leaves a trace.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aats.errors import ConfigError
from aats.sim.market import (
    AGG_TRADE,
    BOOK_TICKER,
    DEPTH,
    DEPTH_NS,
    TRADE,
    Event,
    Floor,
    Level,
    Market,
    Snapshot,
    Symbol,
    book_ticker_text,
    depth_text,
)

if TYPE_CHECKING:
    from aats.sim.pit import Pit

NEVER = 1 << 62  # ns
QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "BTC", "ETH", "BNB", "TRY", "BRL", "GBP", "AUD", "JPY")


@dataclass(frozen=True)
class Spec:
    """What the generator needs to know of a symbol.

    `mid` is the first price in ticks; a tick is 10^-px_dec, a lot 10^-qty_dec; `size` is a typical quantity in lots;
    `rate` is order events a second (None: the generator's own).  A rate of 0 makes a symbol that never changes.
    """

    name: str
    base: str
    quote: str
    mid: int
    px_dec: int
    qty_dec: int
    size: int
    rate: int | None = None


KNOWN = {
    spec.name: spec
    for spec in (
        Spec("BTCUSDT", "BTC", "USDT", 6_100_000, 2, 5, 20_000),
        Spec("ETHUSDT", "ETH", "USDT", 265_000, 2, 4, 15_000),
        Spec("BNBUSDT", "BNB", "USDT", 51_200, 2, 3, 8_000),
        Spec("SOLUSDT", "SOL", "USDT", 15_600, 2, 3, 30_000),
        Spec("XRPUSDT", "XRP", "USDT", 60_000, 5, 1, 20_000),
        Spec("LTCUSDT", "LTC", "USDT", 6_100, 2, 3, 9_000),
        Spec("ETHBTC", "ETH", "BTC", 4_340, 5, 4, 12_000),
    )
}


def spec_of(text: str) -> Spec:
    """Return the spec of `NAME` or `NAME:RATE`; an unknown name gets a market at 100.00 of its quote asset."""
    name, _, rate = text.strip().upper().partition(":")
    spec = KNOWN.get(name)
    if spec is None:
        quote = next((q for q in QUOTES if name.endswith(q) and len(name) > len(q)), None)
        if quote is None or not name.isalnum():
            raise ConfigError(
                f"the generator cannot make a symbol {text!r}: expected BASE+QUOTE such as BTCUSDT, quote one of {', '.join(QUOTES)}"
            )
        spec = Spec(name, name[: -len(quote)], quote, 10_000, 2, 3, 10_000)
    if rate:
        if not rate.isdigit():
            raise ConfigError(f"symbol {text!r}: the part after the colon is order events a second, a whole number")
        spec = Spec(**{**spec.__dict__, "rate": int(rate)})
    return spec


class Generator(Market):
    """The market of `aats sim` without a tape.

    Parameters
    ----------
    seed
        Everything random comes from it.
    symbols
        Names (`BTCUSDT`, or `BTCUSDT:5` for 5 order events a second) or `Spec` objects.
    depth
        Fewest levels a side.
    rate
        Order events a second and symbol.
    hold
        Wait for `start` even if `advance` is called; otherwise the first `advance` starts the market.
    padded
        Write prices and quantities with eight decimals; otherwise with those of the symbol.
    """

    def __init__(
        self,
        seed: int = 1,
        symbols: Sequence[str | Spec] = ("BTCUSDT", "ETHUSDT"),
        *,
        depth: int = 1000,
        rate: int = 40,
        hold: bool = False,
        padded: bool = True,
    ) -> None:
        specs = [s if isinstance(s, Spec) else spec_of(s) for s in symbols]
        names = [s.name for s in specs]
        if not specs or len(set(names)) != len(names):
            raise ConfigError(f"the generator needs one or more different symbols, got {names}")
        self.seed = seed
        self.held = True
        self._auto = not hold
        self._makers = {s.name: _Maker(seed, s, depth, rate if s.rate is None else s.rate, padded=padded) for s in specs}
        self._symbols = {s.name: Symbol(s.name, s.base, s.quote, _unit(s.px_dec, padded), _unit(s.qty_dec, padded)) for s in specs}

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        return self._symbols

    def start(self, now_ns: int) -> None:
        if self.held:
            self.held = False
            for maker in self._makers.values():
                maker.begin(now_ns)

    def advance(self, now_ns: int) -> list[Event]:
        if self.held:
            if not self._auto:
                return []
            self.start(now_ns)
        out: list[Event] = []
        for maker in self._makers.values():
            if maker.next_ns <= now_ns:
                maker.run(now_ns, out)
        if len(self._makers) > 1:
            out.sort(key=lambda event: event.t_ns)
        return out

    def next_ns(self) -> int | None:
        next_ns = NEVER if self.held else min(maker.next_ns for maker in self._makers.values())
        return None if next_ns == NEVER else next_ns

    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        return self._makers[symbol].snapshot(limit)

    def touch(self, symbol: str) -> tuple[int, int]:
        maker = self._makers[symbol]
        bid, _, ask, _ = maker.touch()
        return bid * maker.px_unit, ask * maker.px_unit

    def floor(self, symbol: str) -> Floor:
        return self._makers[symbol]


def _form(dec: int, padded: bool) -> str:
    """Return the format of a number of `dec` decimals from its whole and its broken part."""
    pad = "0" * (8 - dec) if padded else ""
    if dec:
        return f"{{}}.{{:0{dec}d}}{pad}"
    return "{}.00000000" if padded else "{}"


def _unit(dec: int, padded: bool) -> str:
    """Return the smallest step of a number of `dec` decimals."""
    return _form(dec, padded).format(*divmod(1, 10**dec))


class _Maker(Floor):
    """One symbol's book and order flow.  Prices are ticks, quantities lots; text is made on the way out.

    `bids` and `asks` are the public's levels, `bid` and `ask` their best; `own` is what own orders show beside them.
    """

    def __init__(self, seed: int, spec: Spec, depth: int, rate: int, *, padded: bool) -> None:
        rng = random.Random(f"{seed}/{spec.name}")
        self.name = spec.name
        self.size = spec.size
        self.depth = depth
        self.gap_ns = 1_000_000_000 // rate if rate > 0 else 0
        self.random = rng.random
        self.px_scale, self.px_form = 10**spec.px_dec, _form(spec.px_dec, padded)
        self.qty_scale, self.qty_form = 10**spec.qty_dec, _form(spec.qty_dec, padded)
        lower = spec.name.lower()
        self.streams = {kind: f"{lower}@{kind}" for kind in (DEPTH, BOOK_TICKER, TRADE, AGG_TRADE)}

        self.last_id = 50_000_000_000 + int(self.random() * 1_000_000_000)
        self.sent_id = self.last_id  # u of the last depth diff
        self.trade_id = 3_700_000_000 + int(self.random() * 10_000_000)
        self.agg_id = 3_000_000_000 + int(self.random() * 10_000_000)
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.bid, self.ask = spec.mid, spec.mid + 1
        self.low, self.high = self._fill(self.bids, self.bid, -1), self._fill(self.asks, self.ask, 1)
        self.changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.phase_ns = 0
        self.event_ns = self.flush_ns = self.next_ns = NEVER
        self.now_ns = 0
        self.px_unit, self.qty_unit = int(10 ** (8 - spec.px_dec)), int(10 ** (8 - spec.qty_dec))
        self.pit: Pit | None = None  # where own orders are matched, once there is one
        self.own: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._before = self.touch()
        self._coming: tuple[bool, int] | None = None  # side and price of the own order that is being placed

    def begin(self, now_ns: int) -> None:
        self.event_ns = now_ns + 1 + int(self.random() * self.gap_ns) if self.gap_ns else NEVER
        self.phase_ns = int(self.random() * DEPTH_NS)  # each symbol has its own moments, as at the venue
        self.next_ns = self.event_ns

    def run(self, now_ns: int, out: list[Event]) -> None:
        while self.next_ns <= now_ns:
            if self.flush_ns <= self.event_ns:
                self._flush(self.flush_ns, out)
                self.flush_ns = NEVER
            else:
                self._order(self.event_ns, out)
                self._arrange_flush(self.event_ns)
                self.event_ns += 1 + int(self.random() * 2 * self.gap_ns)
            self.next_ns = min(self.event_ns, self.flush_ns)

    def snapshot(self, limit: int) -> Snapshot:
        sides = [self.bids, self.asks]
        for at, own in enumerate(self.own):
            if own:
                sides[at] = {**sides[at], **{px: qty + sides[at].get(px, 0) for px, qty in own.items()}}
        bids = [self._level(px, sides[0][px]) for px in sorted(sides[0], reverse=True)[:limit]]
        asks = [self._level(px, sides[1][px]) for px in sorted(sides[1])[:limit]]
        return Snapshot(self.last_id, bids, asks)

    def touch(self) -> tuple[int, int, int, int]:
        """Return best bid and ask with their quantities, public and own together."""
        bid, ask, own_bids, own_asks = self.bid, self.ask, *self.own
        if own_bids:
            bid = max(bid, max(own_bids))
        if own_asks:
            ask = min(ask, min(own_asks))
        return bid, self.bids.get(bid, 0) + own_bids.get(bid, 0), ask, self.asks.get(ask, 0) + own_asks.get(ask, 0)

    def _arrange_flush(self, t_ns: int) -> None:
        if self.flush_ns == NEVER and self.last_id != self.sent_id:
            self.flush_ns = t_ns - (t_ns - self.phase_ns) % DEPTH_NS + DEPTH_NS

    def _tell_touch(self, t_ns: int, before: tuple[int, int, int, int], out: list[Event]) -> None:
        touch = self.touch()
        if touch != before:
            bid, bid_qty, ask, ask_qty = touch
            best_bid, best_ask = self._level(bid, bid_qty), self._level(ask, ask_qty)
            text = book_ticker_text(self.name, self.last_id, best_bid, best_ask)
            event = Event(t_ns, self.name, BOOK_TICKER, self.streams[BOOK_TICKER], text, last_id=self.last_id)
            event.bids, event.asks = [best_bid], [best_ask]
            out.append(event)

    # -- own orders: what a pit calls, at 1e-8 ---------------------------------------------------------------------------

    def attach(self, pit: Pit) -> None:
        self.pit = pit
        for is_ask, side in ((False, self.bids), (True, self.asks)):
            for px, qty in side.items():
                pit.level(is_ask, px * self.px_unit, qty * self.qty_unit, self.now_ns)

    def before(self, buys: bool, px: int) -> None:
        self._before = self.touch()
        self._coming = (buys, px // self.px_unit) if px else None

    def after(self, t_ns: int, out: list[Event]) -> None:
        self._coming = None
        self._tell_touch(t_ns, self._before, out)
        self._arrange_flush(t_ns)
        self.next_ns = min(self.event_ns, self.flush_ns)

    def own_trade(self, t_ns: int, px: int, qty: int, buys: bool, out: list[Event]) -> int:
        self._print(t_ns, px // self.px_unit, [qty // self.qty_unit], buys, out)
        return self.trade_id

    def taken(self, is_ask: bool, px: int, qty: int, t_ns: int) -> None:
        self.now_ns = t_ns
        at, lots = px // self.px_unit, qty // self.qty_unit
        there = (self.asks if is_ask else self.bids)[at]
        if lots < there:
            self._set(is_ask, at, there - lots)
        else:
            if self.pit is not None:
                self.pit.level(is_ask, px, 0, t_ns)  # what comes here next is new
            self._remove(is_ask, at)

    def show(self, is_ask: bool, px: int, qty: int) -> None:
        at, lots = px // self.px_unit, qty // self.qty_unit
        own = self.own[is_ask]
        if own.get(at, 0) == lots:
            return
        if lots:
            own[at] = lots
        else:
            del own[at]
        self.last_id += 1
        self.changed[is_ask][at] = (self.asks if is_ask else self.bids).get(at, 0) + lots

    def _wall(self, is_ask: bool) -> int | None:
        """Return the price that a new level of the public must stand beyond not to cross an own order; None if any may be."""
        prices = list(self.own[not is_ask])
        if self._coming is not None and self._coming[0] == is_ask:
            prices.append(self._coming[1])
        if not prices:
            return None
        return max(prices) if is_ask else min(prices)

    def _meet(self, t_ns: int, buys: bool, limit: int, left: int, out: list[Event], *, at_limit: bool) -> int:
        """Let `left` lots of the flow trade with own orders better than `limit`, or at it too; return what is left."""
        own = self.own[buys]
        while left and own:
            px = min(own) if buys else max(own)
            if (px > limit if buys else px < limit) or (px == limit and not at_limit):
                break
            gave = self._hit(t_ns, buys, px, left, out)
            if not gave:
                break
            left -= gave
        return left

    def _hit(self, t_ns: int, buys: bool, px: int, lots: int, out: list[Event]) -> int:
        if self.pit is None:
            return 0
        gave: int = self.pit.hit(buys, px * self.px_unit, lots * self.qty_unit, t_ns, out)
        return gave // self.qty_unit

    # -- the book ------------------------------------------------------------------------------------------------------

    def _fill(self, side: dict[int, int], best: int, step: int) -> int:
        """Lay the first levels from `best` outward, dense near the touch; return the last price."""
        px = best
        last = best
        for n in range(self.depth + self.depth // 8):
            if px <= 0:
                break
            side[px] = self._qty()
            last = px
            px += step * (1 + int(self.random() * (2 if n < 50 else 6)))
        return last

    def _qty(self) -> int:
        r = self.random()
        return 1 + int(r * r * r * 8 * self.size)

    def _set(self, is_ask: bool, px: int, qty: int) -> None:
        """Make one change of one level: it takes one update id."""
        side = self.asks if is_ask else self.bids
        if qty:
            side[px] = qty
        else:
            side.pop(px, None)
        self.last_id += 1
        self.changed[is_ask][px] = qty
        if self.pit is not None:
            self.changed[is_ask][px] += self.own[is_ask].get(px, 0)
            self.pit.level(is_ask, px * self.px_unit, qty * self.qty_unit, self.now_ns)

    def _remove(self, is_ask: bool, px: int) -> None:
        """Delete a level, find the next best, and keep the side at its depth by a new level at its far end.

        The last level of a side only changes, or moves beyond own orders that it would cross: a book here is never
        one-sided and never crossed.
        """
        side = self.asks if is_ask else self.bids
        wall = self._wall(is_ask)
        if len(side) == 1 and (wall is None or (px > wall if is_ask else px < wall)):
            self._set(is_ask, px, self._qty())
            return
        self._set(is_ask, px, 0)
        if len(side) < self.depth:
            far = 1 + int(self.random() * 6)
            if is_ask:
                self.high = (self.high if wall is None else max(self.high, wall)) + far
                self._set(True, self.high, self._qty())
            else:
                low = (self.low if wall is None else min(self.low, wall)) - far
                if low > 0 or not side:
                    self.low = max(low, 1)
                    self._set(False, self.low, self._qty())
        if is_ask and px == self.ask:
            self.ask = next((p for p in range(px + 1, px + 256) if p in side), 0) or min(side)
        elif not is_ask and px == self.bid:
            self.bid = next((p for p in range(px - 1, px - 256, -1) if p in side), 0) or max(side)

    # -- the flow ------------------------------------------------------------------------------------------------------

    def _order(self, t_ns: int, out: list[Event]) -> None:
        self.now_ns = t_ns
        touch = self.touch()
        what, is_ask = self.random(), self.random() < 0.5
        if what < 0.12:
            self._take(t_ns, is_ask, out)
        else:
            self._rest(t_ns, what, is_ask, out)
        self._tell_touch(t_ns, touch, out)

    def _rest(self, t_ns: int, what: float, is_ask: bool, out: list[Event]) -> None:
        """Two to five limit orders placed, changed or cancelled around one distance from the touch."""
        side = self.asks if is_ask else self.bids
        r = self.random()
        reach = 4 * self.depth if what > 0.93 else 60
        away = int(r * r * r * reach)
        spread = self.ask - self.bid
        if spread > 1 and r < 0.3:
            away = -1 - int(self.random() * min(spread - 1, 4))
        for n in range(1 + int(self.random() * 4)):
            px = self.ask + away + n if is_ask else self.bid - away - n
            if px <= 0 or (px <= self.bid if is_ask else px >= self.ask):
                continue
            if px in side and what > 0.55 and len(side) > 2:
                self._remove(is_ask, px)
            else:
                qty = self._meet(t_ns, not is_ask, px, self._qty(), out, at_limit=True)
                if not qty:
                    continue
                self._set(is_ask, px, qty)
                if is_ask:
                    self.ask, self.high = min(self.ask, px), max(self.high, px)
                else:
                    self.bid, self.low = max(self.bid, px), min(self.low, px)

    def _take(self, t_ns: int, buys: bool, out: list[Event]) -> None:
        """One market order: it takes up to four levels, one aggregate trade for each level."""
        left = self._qty()
        for _ in range(4):
            px = self.ask if buys else self.bid
            left = self._meet(t_ns, buys, px, left, out, at_limit=False)
            if not left:
                return
            there, own = (self.asks if buys else self.bids)[px], self.own[buys].get(px, 0)
            fill = min(left, there + own)
            left -= fill
            if own:
                fill -= self._hit(t_ns, buys, px, fill, out)
            if fill:
                self._trades(t_ns, px, fill, buys, out)
                if fill < there:
                    self._set(buys, px, there - fill)
                else:
                    self._remove(buys, px)
            if not left:
                return

    def _trades(self, t_ns: int, px: int, qty: int, buys: bool, out: list[Event]) -> None:
        self._print(t_ns, px, [qty] if qty < 4 or self.random() < 0.7 else [qty // 3, qty - qty // 3], buys, out)

    def _print(self, t_ns: int, px: int, parts: list[int], buys: bool, out: list[Event]) -> None:
        """Write one trade a part, and one aggregate of them all.

        The maker of a buy is the seller: `m` (buyer was the maker) is false when the aggressor bought.
        """
        ms, maker, text = t_ns // 1_000_000, "false" if buys else "true", self._level(px, sum(parts))
        first = self.trade_id + 1
        for part in parts:
            self.trade_id += 1
            qty = self._level(px, part)[1]
            data = (
                f'{{"e":"trade","E":{ms},"s":"{self.name}","t":{self.trade_id},"p":"{text[0]}","q":"{qty}","T":{ms},"m":{maker},"M":true}}'
            ).encode()
            event = Event(t_ns, self.name, TRADE, self.streams[TRADE], data, last_id=self.trade_id)
            event.trade_id, event.px, event.qty, event.buys = self.trade_id, text[0], qty, buys
            out.append(event)
        self.agg_id += 1
        data = (
            f'{{"e":"aggTrade","E":{ms},"s":"{self.name}","a":{self.agg_id},"p":"{text[0]}","q":"{text[1]}",'
            f'"f":{first},"l":{self.trade_id},"T":{ms},"m":{maker},"M":true}}'
        ).encode()
        event = Event(t_ns, self.name, AGG_TRADE, self.streams[AGG_TRADE], data, first_id=first, last_id=self.trade_id)
        event.trade_id, event.px, event.qty, event.buys = self.agg_id, text[0], text[1], buys
        out.append(event)

    def _flush(self, t_ns: int, out: list[Event]) -> None:
        first, self.sent_id = self.sent_id + 1, self.last_id
        bids = [self._level(px, qty) for px, qty in self.changed[0].items()]
        asks = [self._level(px, qty) for px, qty in self.changed[1].items()]
        self.changed = ({}, {})
        text = depth_text(t_ns, self.name, first, self.last_id, bids, asks)
        out.append(
            Event(
                t_ns,
                self.name,
                DEPTH,
                self.streams[DEPTH],
                text,
                first_id=first,
                last_id=self.last_id,
                bids=bids,
                asks=asks,
            )
        )

    def _level(self, px: int, qty: int) -> Level:
        ps, qs = self.px_scale, self.qty_scale
        return self.px_form.format(px // ps, px % ps), self.qty_form.format(qty // qs, qty % qs)
