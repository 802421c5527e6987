"""Our order dialect for the tests of this folder: signers, requests as bytes, answers as messages, through the extension.

Not a test itself.  No socket and no clock: a test carries the texts to whom it likes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aats._ffi import ffi, lib

NOW_MS = 1_785_312_000_301
INSTANCE = 0xFEDCBA9876543210
UNIT = 10**8


class Refused(Exception):
    """A secret that aats_signer_new does not take; its argument is the sentence."""


def signer(secret: bytes) -> Any:
    why = ffi.new("char[256]")
    made = lib.aats_signer_new(secret, len(secret), why, 256)
    if made == ffi.NULL:
        raise Refused(ffi.string(why).decode())
    return ffi.gc(made, lib.aats_signer_free)


def sign(signer: Any, payload: bytes) -> str:
    out = ffi.new("char[]", lib.AATS_SIGN_SZ)
    size = lib.aats_sign(signer, payload, len(payload), out, lib.AATS_SIGN_SZ)
    text = ffi.string(out).decode()
    assert size == len(text)
    return text


class Asker:
    """Encodes requests of one key, as an order session does before it has logged on."""

    def __init__(self, secret: bytes, key: str, recv_window_ms: int = 0) -> None:
        self.signer = signer(secret)
        self.auth = ffi.new("aats_oauth_t *", {"signer": self.signer, "key": key.encode(), "recv_window_ms": recv_window_ms})
        self.order = ffi.new("aats_order_t *", {"order_id": 7, "instance": INSTANCE, "px_exp": -8, "qty_exp": -8})
        self.order.side, self.order.tif = lib.AATS_SIDE_SELL, lib.AATS_TIF_GTC
        self.order.px_i, self.order.qty_i = 5_200_000_000_000, 1_000_000
        self.rules = ffi.new("aats_rules_t *", {"native": b"BTCUSDT"})

    def text(self, kind: int, *, time_ms: int = NOW_MS) -> str:
        out = ffi.new("char[2048]")
        request = {"kind": kind, "id": 1, "time_ms": time_ms, "order": self.order, "rules": self.rules}
        size = lib.aats_order_encode(b"BINANCE", ffi.new("aats_oreq_t *", request), self.auth, out, 2048)
        assert size > 0, size
        return ffi.unpack(out, size).decode()

    def ask(self, kind: int) -> dict[str, Any]:
        return json.loads(self.text(kind), parse_float=Decimal)


@dataclass
class Said:
    """One message of the venue about an order or a balance: the part of aats_omsg_t that a test looks at."""

    kind: str
    code: str
    order_id: int
    remote_id: str
    px: Decimal
    qty: Decimal
    cum: Decimal
    fee: Decimal
    asset: str
    maker: bool
    trade_id: int
    text: str


def _names(prefix: str) -> dict[int, str]:
    return {getattr(lib, name): name.removeprefix(prefix) for name in dir(lib) if name.startswith(prefix)}


KINDS, CODES = _names("AATS_OM_"), _names("AATS_OC_")


class Reader:
    """Reads a venue's texts."""

    def __init__(self) -> None:
        self.msgs = ffi.new("aats_omsg_t[]", lib.AATS_OREPLY_MSGS)
        self.reply = ffi.new("aats_oreply_t *", {"msgs": self.msgs})

    def parse(self, text: str) -> Any:
        """Take one text apart; return the reply's struct."""
        self.text = text.encode()
        self.kept = ffi.from_buffer(self.text)  # its texts point in there
        code = lib.aats_order_parse(b"BINANCE", self.kept, len(self.text), self.reply)
        assert code == lib.AATS_OK, (code, text)
        return self.reply

    def result(self, kind: int, order: Any) -> list[Said]:
        """Read the reply as the answer to a request of that kind."""
        code = lib.aats_order_result(b"BINANCE", self.reply, kind, order)
        assert code == lib.AATS_OK, (code, self.text)
        return self.said()

    def said(self) -> list[Said]:
        return [_said(self.msgs[i]) for i in range(self.reply.msg_cnt)]


def _said(m: Any) -> Said:
    def text(field: Any) -> str:
        return ffi.string(field).decode()

    return Said(
        KINDS[m.kind],
        CODES[m.code],
        m.order_id,
        text(m.remote_id),
        Decimal(m.px_i) / UNIT,
        Decimal(m.qty_i) / UNIT,
        Decimal(m.cum_qty_i) / UNIT,
        Decimal(m.fee_i) / UNIT,
        text(m.fee_asset),
        m.liquidity == lib.AATS_LIQ_MAKER,
        m.trade_id,
        text(m.text),
    )
