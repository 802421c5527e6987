"""The three runners of transcripts: paper trading, the order session at the simulated exchange, the order session at a scripted venue.

    trader - paper trading                                                     (aats_paper_fault makes the faults)
    trader - order session - bytes - Middle - the simulated exchange, its market says the transcript's book and trades
    trader - order session - bytes - Middle - Scripted (scripted.py), which answers in another order than the exchange

`Middle` (middle.py) makes the faults of a transcript on the frames that go both ways.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aats._ffi import ffi, lib, text
from aats.orders import rules_of
from aats.sim import Exchange
from aats.sim.instruments import symbol_info
from aats.sim.market import DEPTH, TRADE, Event, Market, Snapshot, Symbol, TextBook, depth_text
from aats.venue.binance import _instrument as instrument_of
from tests.orders.bench import EPOCH_NS, MS, Bench
from tests.orders.middle import Middle, frames_of
from tests.orders.scripted import Scripted
from tests.orders.transcripts import Case, Mismatch
from tests.world.pipes import frame

SYMBOL = "BTCUSDT"
PLENTY = {"BTC": "100", "USDT": "10000000"}

#: Trading rules of the symbol of all transcripts: a tick of 0.01, a lot of 0.001, at least 0.001 and 5 USDT, within 5 times the price and a fifth of it.
_FILTERS: dict[str, dict[str, Any]] = {
    "PRICE_FILTER": {"minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
    "LOT_SIZE": {"minQty": "0.002", "maxQty": "9000.000", "stepSize": "0.001"},
}


def symbol() -> Symbol:
    """Return the one symbol that transcripts trade."""
    made = Symbol(SYMBOL, "BTC", "USDT", "0.01", "0.001")
    info = dict(symbol_info(made))
    info["filters"] = [{**rule, **_FILTERS.get(rule["filterType"], {})} for rule in info["filters"]]
    return Symbol(SYMBOL, "BTC", "USDT", "0.01", "0.001", info)


def rules() -> Any:
    """Return its ``aats_rules_t *``."""
    return rules_of(instrument_of(dict(symbol_info(symbol()))), "BINANCE").raw


# ------------------------------------------------------------------------------------------------------- paper


class PaperBench(Bench):
    """Paper trading: 1 ms each way, 0.1 % of fees."""

    name = "paper"

    def _attach(self) -> None:
        opts = ffi.new("aats_paper_opts_t *")
        lib.aats_paper_defaults(opts)
        self.paper = lib.aats_paper_new(opts)
        assert lib.aats_trader_paper(self.trader, b"BINANCE", self.paper) == 0
        assert lib.aats_paper_symbol(self.paper, 0, self.rules) == lib.AATS_OK

    def _pass(self) -> None:
        pass  # it has no bytes

    def book(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        pass  # the trader hands on what it is shown

    def trade(self, side: str, price: str, size: str) -> None:
        pass

    def fault(self, step: dict[str, Any]) -> None:
        kind = {"cut": "DOWN", "heal": "UP"}.get(step["fault"], step["fault"].upper())
        assert lib.aats_paper_fault(self.paper, getattr(lib, f"AATS_PF_{kind}"), step.get("id", 0)) == lib.AATS_OK


# ------------------------------------------------------------------------------------------------- the session


class Venue(ABC):
    """What stands at the other end of a connection; `Middle` gives it bytes of whole frames."""

    @abstractmethod
    def open(self, head: bytes, now_ns: int) -> bytes:
        """Answer an upgrade."""

    @abstractmethod
    def frame(self, raw: bytes, payload: bytes, now_ns: int) -> None:
        """Take one frame of the client."""

    @abstractmethod
    def close(self) -> None:
        """The connection is gone."""

    @abstractmethod
    def said(self, now_ns: int) -> list[bytes]:
        """Return the frames that the client is to get, in their order."""


class SessionBench(Bench):
    """An order session and a venue, joined by bytes in memory: a millisecond each way."""

    venue: Venue

    def __init__(self, case: Case, rules: Any) -> None:
        self.middle = Middle()
        self.deposits = case.head.get("deposits", PLENTY)
        self._begin_venue()
        self.connected = self.upgraded = self.down = False
        self._up: deque[bytes] = deque()  # to the session, with the next pass
        self._heard = b""
        self._at, self._out, self._mail = ffi.new("uint8_t **"), ffi.new("uint8_t const **"), ffi.new("aats_mail_t **")
        super().__init__(case, rules)

    @abstractmethod
    def _begin_venue(self) -> None:
        """Make the venue."""

    def _attach(self) -> None:
        opts, why = ffi.new("aats_session_opts_t *"), ffi.new("char[]", 512)
        lib.aats_session_defaults(opts)
        opts.venue, opts.host, opts.seed = b"BINANCE", b"venue.example", 7
        opts.backoff_min_ns, opts.backoff_max_ns = 100 * MS, 400 * MS
        key = b"nobody" if self.case.head.get("key") == "wrong" else b"key"
        self.session = lib.aats_session_new(opts, key, b"secret", ffi.NULL, 0, why, len(why))
        assert self.session != ffi.NULL, text(why)
        assert lib.aats_session_symbol(self.session, self.rules) == lib.AATS_OK
        assert lib.aats_trader_session(self.trader, b"BINANCE", self.session) == 0

    # -- bytes

    def _pass(self) -> None:
        s = self.session
        while lib.aats_mailbox_get(lib.aats_session_out(s), self._mail) == 1:
            lib.aats_mail_free(self._mail[0])
        want = lib.aats_session_want(s, 0)
        if want == lib.AATS_FEED_CONNECT and not self.connected:
            lib.aats_session_connecting(s, 0)
            if self.down:
                lib.aats_session_closed(s, 0, b"connection refused")
                return
            self.connected, self.upgraded, self._heard = True, False, b""
            lib.aats_session_opened(s, 0)
        elif want == lib.AATS_FEED_CLOSE:
            self._end(b"closed by us")
        if not self.connected:
            return
        while self._up:
            self._receive(self._up.popleft())
        self._send()
        self._answer()

    def _receive(self, data: bytes) -> None:
        while data:
            room = lib.aats_session_room(self.session, 0, self._at)
            assert room > 0
            part, data = data[:room], data[room:]
            ffi.memmove(self._at[0], part, len(part))
            lib.aats_session_received(self.session, 0, len(part), self.epoch_ns)

    def _send(self) -> None:
        """Carry what the session has written to the venue, past the middle."""
        size = lib.aats_session_output(self.session, 0, self._out)
        if size:
            self._heard += bytes(ffi.buffer(self._out[0], size))
            lib.aats_session_sent(self.session, 0, size)
        if not self.upgraded:
            head, end, rest = self._heard.partition(b"\r\n\r\n")
            if not end:
                return
            self._up.append(self.venue.open(head + end, self.epoch_ns))
            self.upgraded, self._heard = True, rest
        frames, self._heard = frames_of(self._heard)
        for opcode, payload, raw in frames:
            goes, instead = self.middle.request(payload) if opcode == 1 else (True, [])
            self._up += instead
            if goes:
                self.venue.frame(raw, payload, self.epoch_ns)

    def _answer(self) -> None:
        for data in self.venue.said(self.epoch_ns):
            for opcode, payload, raw in frames_of(data)[0]:
                self._up += self.middle.answer(opcode, payload, raw)

    def _end(self, why: bytes) -> None:
        if self.connected:
            self.venue.close()
        self.connected = self.upgraded = False
        self._up.clear()
        self.middle.held.clear()
        lib.aats_session_closed(self.session, 0, why)

    # -- faults

    def fault(self, step: dict[str, Any]) -> None:
        kind, middle = step["fault"], self.middle
        if kind in ("lost", "request_lost", "unsure", "fill_lost"):
            getattr(middle, kind).add(step["id"])
        elif kind == "answer":
            middle.forged[step["id"]] = (step["status"], step["code"], step["msg"])
        elif kind == "hold":
            middle.holding = True
        elif kind in ("release", "backwards"):
            middle.holding = False
            self._up += reversed(middle.held) if kind == "backwards" else middle.held
            middle.held = []
        elif kind == "twice":
            middle.twice = True
        elif kind == "cut":
            self._send()
            self.venue.said(self.epoch_ns)
            self.down, middle.holding = True, False
            middle.lost.clear()
            self._end(b"connection reset by peer")
        elif kind == "heal":
            self.down = False
        else:
            self.venue_fault(kind, step["id"])

    def venue_fault(self, kind: str, order_id: int) -> None:
        """Let the venue do something of its own to an order."""
        raise ValueError(f"{self.name} cannot {kind}")


# ------------------------------------------------------------------------------------- the simulated exchange


class CaseMarket(Market):
    """A market that says what it is told to say."""

    held = False

    def __init__(self) -> None:
        self._symbols = {SYMBOL: symbol()}
        self._book = TextBook()
        self._events: list[Event] = []
        self._id = self._trade = 1
        self.now_ns = EPOCH_NS

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        return self._symbols

    def start(self, now_ns: int) -> None:
        pass

    def advance(self, now_ns: int) -> list[Event]:
        out, self._events = self._events, []
        return out

    def next_ns(self) -> int | None:
        return None

    def snapshot(self, symbol: str, limit: int) -> Snapshot:
        bids, asks = self._book.top(limit)
        return Snapshot(self._id, bids, asks)

    def touch(self, symbol: str) -> tuple[int, int]:
        sides = self._book.top(1)
        bid, ask = (int(Decimal(side[0][0]).scaleb(8)) if side else 0 for side in sides)
        return bid, ask

    def say_book(self, bids: list[list[str]], asks: list[list[str]], now_ns: int) -> None:
        after = TextBook([(px, qty) for px, qty in bids], [(px, qty) for px, qty in asks])
        gone, come = self._book.diff_to(after)
        self._book = after
        self._id += 1
        data = depth_text(now_ns, SYMBOL, self._id, self._id, gone, come)
        name = f"{SYMBOL.lower()}@{DEPTH}"
        self._events.append(Event(now_ns, SYMBOL, DEPTH, name, data, first_id=self._id, last_id=self._id, bids=gone, asks=come))

    def say_trade(self, side: str, price: str, size: str, now_ns: int) -> None:
        self._trade += 1
        ms = now_ns // MS
        row = {"e": "trade", "E": ms, "s": SYMBOL, "t": self._trade, "p": price, "q": size, "T": ms, "m": side == "sell", "M": True}
        self._events.append(Event(now_ns, SYMBOL, TRADE, f"{SYMBOL.lower()}@{TRADE}", json.dumps(row).encode()))


class AtExchange(Venue):
    """The simulated exchange as a venue; its connections come one after another."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.conn = 0
        self._rest = b""

    def open(self, head: bytes, now_ns: int) -> bytes:
        self.conn += 1
        self._rest = b""
        self.exchange.open(self.conn, now_ns)
        self.exchange.receive(self.conn, head, now_ns)
        return self.exchange.take(self.conn)

    def frame(self, raw: bytes, payload: bytes, now_ns: int) -> None:
        self.exchange.receive(self.conn, raw, now_ns)

    def close(self) -> None:
        self.exchange.drop(self.conn)

    def said(self, now_ns: int) -> list[bytes]:
        self.exchange.advance(now_ns)
        frames, self._rest = frames_of(self._rest + self.exchange.take(self.conn))
        return [raw for _, _, raw in frames]


class SimBench(SessionBench):
    """The order session at the simulated exchange."""

    name = "sim"

    def _begin_venue(self) -> None:
        self.market = CaseMarket()
        deposits = {asset: int(Decimal(amount).scaleb(16)) for asset, amount in self.deposits.items()}
        self.exchange = Exchange(self.market, EPOCH_NS, keys={"key": "secret"}, deposits=deposits)
        self.venue = AtExchange(self.exchange)

    def book(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.market.say_book(bids, asks, self.epoch_ns)
        self.exchange.advance(self.epoch_ns)

    def trade(self, side: str, price: str, size: str) -> None:
        self.market.say_trade(side, price, size, self.epoch_ns)
        self.exchange.advance(self.epoch_ns)

    def compare(self) -> None:
        super().compare()
        account = next(iter(self.exchange.ledger.accounts))
        bought, sold = self.told.traded("buy"), self.told.traded("sell")
        for asset, moved in (("BTC", bought[0] - sold[0]), ("USDT", sold[1] - bought[1])):
            truth = Decimal(self.deposits[asset]) + moved - self.told.fees.get(asset, Decimal(0))
            there = Decimal(sum(account.balances[asset])).scaleb(-16)
            if there != truth:
                raise Mismatch(f"the exchange holds {there} {asset}, the fills that were told give {truth}")
        if wrong := self.exchange.ledger.audit():
            raise Mismatch("; ".join(wrong))

    def venue_fault(self, kind: str, order_id: int) -> None:
        if kind != "foreign_cancel":
            super().venue_fault(kind, order_id)
        account = next(key.account for key in self.exchange.keyring.names())
        order = next(order for order in account.open.values() if int(order.client_id[16:], 16) == order_id)
        self.exchange.desk.cancel(order, "", self.epoch_ns)


# ------------------------------------------------------------------------------------------ the scripted venue


class AtScripted(Venue):
    """The scripted venue; its connections come one after another, its orders stay."""

    def __init__(self, scripted: Scripted) -> None:
        self.scripted = scripted

    def open(self, head: bytes, now_ns: int) -> bytes:
        return self.scripted.upgrade(head)

    def frame(self, raw: bytes, payload: bytes, now_ns: int) -> None:
        if raw[0] & 15 == 1:
            self.scripted.request(json.loads(payload), now_ns)

    def close(self) -> None:
        self.scripted.closed()

    def said(self, now_ns: int) -> list[bytes]:
        return [frame(payload) for payload in self.scripted.take()]


class ScriptedBench(SessionBench):
    """The order session at the scripted venue."""

    name = "session"

    def _begin_venue(self) -> None:
        self.scripted = Scripted(self.deposits)
        self.venue = AtScripted(self.scripted)

    def book(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.scripted.book(bids, asks, self.epoch_ns)

    def trade(self, side: str, price: str, size: str) -> None:
        self.scripted.trade(side, price, size, self.epoch_ns)

    def venue_fault(self, kind: str, order_id: int) -> None:
        self.scripted.end(order_id, {"expire": "EXPIRED", "foreign_cancel": "CANCELED"}[kind], self.epoch_ns)


RUNNERS: dict[str, type[Bench]] = {bench.name: bench for bench in (PaperBench, SimBench, ScriptedBench)}
